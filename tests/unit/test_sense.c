/* SPDX-License-Identifier: Apache-2.0 */
/* Whether an entry fits what is known of the person or the site: each sentence that says no, and each hint. */
#include "tests/unit/given_history.h"

#include "proto/domain/sense.h"

#define NOW (NOON + DAY) /* 2026-11-22 12:00 UTC */

static struct felloe_error error, warning;
static struct event_id elsewhere = {{0xe1}}, of_site = {{0xe2}}, of_jo = {{0xe3}};

static bool find_entry(void *context, const struct event_id *name, struct person_id *subject)
{
    (void)context;
    *subject = event_id_equal(name, &of_site) ? PERSON_ID_NONE : event_id_equal(name, &of_jo) ? JO
                                                                                         : (struct person_id){{0x71}};
    return event_id_equal(name, &elsewhere) || event_id_equal(name, &of_site) || event_id_equal(name, &of_jo);
}

static bool find_worker(void *context, struct bytes worker)
{
    (void)context;
    return worker.len == 2 && worker.data[0] == 'w';
}

static bool find_site(void *context, struct bytes site)
{
    (void)context;
    return bytes_is(site, "dales");
}

static const struct sense_lookup lookup = {.entry = find_entry, .worker = find_worker, .site = find_site};
static int64_t occurred; /* 0: not said */

/* What w1 is told who records this about Jo (or the site) now; "" for nothing. */
static const char *told(const struct team *team, const char *const *texts)
{
    struct buffer fields = {0};
    struct document *document = fold_all(team);
    const struct type_def *type = catalogue_find(bytes_str(texts[0]));
    fields_of(&fields, texts[0], texts + 1);
    struct sense_case c = {
        .type = type, .fields = buffer_bytes(&fields), .document = document, .site = bytes_str("salford"),
        .subject = type->about == ABOUT_SITE ? PERSON_ID_NONE : JO, .worker = bytes_str("w1"), .now = NOW,
        .has_occurred = occurred != 0, .occurred = occurred, .lookup = &lookup,
    };
    error = (struct felloe_error){0};
    enum felloe_code code = sense_check(&c, &error, &warning);
    assert_int_equal(code, error.code);
    assert_true(code == FELLOE_OK || code == FELLOE_INVALID);
    assert_int_equal(sense_check(&c, NULL, NULL), code);
    buffer_release(&fields);
    document_free(document);
    return code == FELLOE_OK ? "" : error.message;
}
#define TOLD(team, ...) told(team, (const char *const[]){__VA_ARGS__, NULL, NULL})
#define assert_fine(team, ...) \
    do { \
        assert_string_equal(TOLD(team, __VA_ARGS__), ""); \
        assert_string_equal(warning.message, ""); \
    } while (0)
#define assert_refused(team, sentence, ...) assert_string_equal(TOLD(team, __VA_ARGS__), sentence)
#define assert_warned(team, sentence, ...) \
    do { \
        assert_string_equal(TOLD(team, __VA_ARGS__), ""); \
        assert_string_equal(warning.message, sentence); \
    } while (0)

static void support_ends_only_where_it_goes_on(void **state)
{
    (void)state;
    struct team *team = team_new();
    assert_refused(team,
                   "Support has not begun, so there is no farewell. `felloe welcome` begins it (offer one-off, where "
                   "that was all).",
                   "support.ended", "reason", "02");
    assert_refused(team,
                   "Support has not begun, so there is no pause. `felloe welcome` begins it (offer one-off, where "
                   "that was all).",
                   "support.paused", "until", "2026-12-24");
    assert_warned(team, "The person was not with this team before, as far as is known here.", "support.returned");
    assert_fine(team, "support.started", "offer", "short");
    write_(team, 1, "support.started", "offer", "short");
    sync_all(team, 2);
    assert_fine(team, "support.ended", "reason", "02");
    assert_fine(team, "support.paused", "until", "2026-12-24");
    assert_warned(team, "until is over already: 2026-11-20.", "support.paused", "until", "2026-11-20");
    assert_warned(team, "Support goes on already (w1, 2026-11-21). If nothing new began, `felloe strike` this entry.",
                  "support.started");
    assert_warned(team, "Support goes on (w1, 2026-11-21): the person is with us.", "support.returned");
    write_(team, 2, "support.ended", "reason", "02");
    assert_refused(team,
                   "Support has ended already (w2, 2026-11-21). If the person came back: `felloe "
                   "welcome-back`.",
                   "support.ended", "reason", "02");
    assert_warned(team, "The person was with the team before: coming back is `felloe welcome-back`.",
                  "support.started");
    assert_fine(team, "support.returned", "source", "B1");
    team_free(team);
}

/* Ended by one while another met the person: that is to settle, and a second farewell may do it. */
static void an_end_that_is_contradicted_may_be_said_again(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    sync_all(team, 2);
    write_(team, 1, "support.ended", "reason", "02");
    write_(team, 2, "contact.recorded", "attendance", "5");
    sync_all(team, 2);
    assert_fine(team, "support.ended", "reason", "02");
    assert_fine(team, "conflict.settled", "what", "support", "chosen", "ended");
    team_free(team);
}

static void a_settlement_needs_something_to_settle(void **state)
{
    (void)state;
    struct team *team = team_new();
    char hex[65];
    assert_refused(team, "Nothing is recorded as \"key worker\" that could be settled.", "conflict.settled", "what",
                   "keyworker", "chosen", "amy");
    assert_refused(team,
                   "\"known as\" is never to settle: the latest is shown, the others stay in the story. To change it, "
                   "record it anew.",
                   "conflict.settled", "what", "known_as", "chosen", "Jo");
    assert_refused(team,
                   "\"task\" is never to settle: the one that protects holds until it is settled together. To change "
                   "it, record it anew.",
                   "conflict.settled", "what", "task_state", "which", "ab", "chosen", "done");
    assert_refused(team,
                   "Say which about me is settled: there can be several (`felloe to-settle` lists them, `felloe "
                   "settle` "
                   "takes their number).",
                   "conflict.settled", "what", "aboutme", "chosen", "tea");
    assert_refused(team, "There is one \"key worker\", so which is left out.", "conflict.settled", "what", "keyworker",
                   "which", "amy", "chosen", "amy");
    write_(team, 1, "keyworker.agreed", "worker", "amy");
    assert_refused(team,
                   "key worker is not to settle: there is one value, \"amy\" (w1, 2026-11-21). `felloe "
                   "to-settle` lists "
                   "what is open.",
                   "conflict.settled", "what", "keyworker", "chosen", "amy");
    write_(team, 2, "keyworker.agreed", "worker", "bo");
    sync_all(team, 2);
    assert_fine(team, "conflict.settled", "what", "keyworker", "chosen", "bo");
    write_(team, 2, "conflict.settled", "what", "keyworker", "chosen", "bo", "with", "Jo");
    assert_refused(team, "key worker is settled: \"bo\" was chosen (w2, 2026-11-21). `felloe to-settle` lists "
                   "what is open.",
                   "conflict.settled", "what", "keyworker", "chosen", "amy");
    assert_fine(team, "conflict.settled", "what", "fourth_goal", "chosen", "all"); /* open as long as nobody chose */
    write_(team, 1, "conflict.settled", "what", "fourth_goal", "chosen", "all");
    assert_refused(team, "more than three goals is settled: \"all of them\" was chosen (w1, 2026-11-21). "
                   "`felloe to-settle` "
                         "lists what is open.",
                   "conflict.settled", "what", "fourth_goal", "chosen", "fewer");
    struct happened *concern = write_(team, 1, "concern.raised", "words", "not eating");
    assert_refused(team,
                   "concern is not to settle: there is one value, \"open\" (w1, 2026-11-21). `felloe to-settle` lists "
                   "what is open.",
                   "conflict.settled", "what", "concern", "which", id_hex(concern, hex), "chosen", "open");
    team_free(team);
}

static void sharing_against_an_objection_needs_a_reason(void **state)
{
    (void)state;
    struct team *team = team_new();
    assert_fine(team, "sharing.made", "what", "plan", "to", "housing", "basis", "asked for");
    write_(team, 1, "sharing.preference", "agency", "housing", "category", "all", "choice", "object");
    write_(team, 1, "sharing.preference", "agency", "gp", "category", "health", "choice", "object");
    write_(team, 1, "sharing.preference", "agency", "police", "category", "plan", "choice", "allow");
#define ANYWAY " Ask them again and record what they say (`felloe sharing`); where it has to be shared all the " \
               "same, say why (--override-reason)."
    assert_refused(team, "The person objects to sharing everything with housing (w1, 2026-11-21)." ANYWAY,
                   "sharing.made", "what", "plan", "to", "housing", "basis", "asked for");
    assert_refused(team, "The person objects to sharing health with GP (w1, 2026-11-21)." ANYWAY, "sharing.made",
                   "what", "all", "to", "gp", "basis", "annual review");
    write_(team, 1, "sharing.preference", "agency", "all", "category", "story", "choice", "object");
    assert_refused(team, "The person objects to sharing the story with anybody (w1, 2026-11-21)." ANYWAY,
                   "sharing.made", "what", "story", "to", "police", "basis", "asked for");
    assert_fine(team, "sharing.made", "what", "plan", "to", "gp", "basis", "annual review");
    assert_fine(team, "sharing.made", "what", "plan", "to", "police", "basis", "asked for");
    assert_fine(team, "sharing.made", "what", "plan", "to", "housing", "basis", "safety", "override_reason",
                "there is a fire in the house");
    team_free(team);
}

static void a_task_is_closed_once(void **state)
{
    (void)state;
    struct team *team = team_new();
    char hex[65];
    const char *task = id_hex(write_(team, 1, "task.raised", "what", "benefits form", "due", "2026-11-27"), hex);
    assert_fine(team, "task.taken", "task", task, "worker", "w1");
    assert_fine(team, "task.closed", "task", task, "state", "dropped");
    write_(team, 1, "task.taken", "task", task, "worker", "w1");
    assert_warned(team, "w1 took that task before.", "task.taken", "task", task, "worker", "w1");
    assert_fine(team, "task.taken", "task", task, "worker", "w2");
    write_(team, 1, "task.closed", "task", task, "state", "dropped");
    assert_refused(team, "That task is closed already: dropped (w1, 2026-11-21).", "task.closed", "task", task,
                   "state", "dropped");
    assert_refused(team, "That task is closed: dropped (w1, 2026-11-21). Raise a new one.", "task.taken", "task", task,
                   "worker", "w2");
    assert_fine(team, "task.closed", "task", task, "state", "done"); /* after all */
    write_(team, 1, "task.closed", "task", task, "state", "done");
    assert_refused(team, "That task is closed already: done (w1, 2026-11-21).", "task.closed", "task", task, "state",
                   "dropped");
    assert_warned(team, "due is over already: 2026-11-20.", "task.raised", "what", "form", "due", "2026-11-20");
    team_free(team);
}

static void an_entry_that_is_named_has_to_be_of_its_kind(void **state)
{
    (void)state;
    struct team *team = team_new();
    char task[65], goal[65], other[65];
    struct happened *raised = write_(team, 1, "task.raised", "what", "benefits form");
    id_hex(raised, task);
    id_hex(write_(team, 1, "goal.set", "own_words", "walk"), goal);
    assert_refused(team, "goal must name an entry goal.set (goal), and that one is task.raised (task).", "goal.scored",
                   "goal", task, "score", "3");
    assert_refused(team, "which must name an entry concern.raised (concern), and that one is goal.set (goal).",
                   "concern.stooddown", "which", goal, "why", "better");
    hex_encode(bytes_of(elsewhere.b, 32), other);
    assert_refused(team, "That task is not about this person: record it where it belongs.", "task.closed", "task",
                   other, "state", "done");
    assert_refused(team, "That entry is not about this person: record it where it belongs.", "entry.struck", "of",
                   other, "why", "mistyped");
    assert_refused(team, "That resource is not about the site: record it where it belongs.", "connection.updated",
                   "resource", other, "status", "offered");
    hex_encode(bytes_of(of_site.b, 32), other);
    assert_fine(team, "connection.updated", "resource", other, "status", "offered");
    hex_encode(bytes_of(of_jo.b, 32), other); /* here, but nothing that the document keeps: a note */
    assert_fine(team, "entry.struck", "of", other, "why", "mistyped");
    hex_encode(bytes_of((struct event_id){{0xff}}.b, 32), other);
    assert_warned(team, "No such task is here yet; this counts once it has come.", "task.closed", "task", other,
                  "state", "done");
    assert_warned(team, "No such goal is here yet; this counts once it has come.", "goal.scored", "goal", other,
                  "score", "3");
    write_(team, 1, "entry.struck", "of", task, "why", "another Jo");
    assert_refused(team, "That task was struck (w1, 2026-11-21: another Jo) and counts no longer.", "task.closed",
                   "task", task, "state", "done");
    assert_warned(team, "That entry is struck already (w1, 2026-11-21).", "entry.struck", "of", task, "why", "twice");
    team_free(team);
}

static void a_concern_that_is_not_open_is_not_stood_down(void **state)
{
    (void)state;
    struct team *team = team_new();
    char hex[65];
    const char *concern = id_hex(write_(team, 1, "concern.raised", "words", "not eating"), hex);
    assert_fine(team, "concern.stooddown", "which", concern, "why", "eats again");
    write_(team, 1, "concern.stooddown", "which", concern, "why", "eats again");
    assert_refused(team, "That concern is not open: it was stood down (w1, 2026-11-21).", "concern.stooddown", "which",
                   concern, "why", "eats again");
    assert_warned(team, "No crisis of this person is open here; this counts for one that is still to come.",
                  "crisis.responded", "how", "01");
    write_(team, 1, "crisis.opened", "urgency", "4");
    assert_fine(team, "crisis.responded", "how", "01");
    team_free(team);
}

static void goals(void **state)
{
    (void)state;
    struct team *team = team_new();
    char hex[65];
    const char *goal = id_hex(write_(team, 1, "goal.set", "own_words", "walk", "baseline", "4"), hex);
    assert_fine(team, "goal.scored", "goal", goal, "score", "6");
    assert_refused(team, "goal.changed says nothing: give its new words (text) or what became of it (status).",
                   "goal.changed", "goal", goal);
    write_(team, 1, "goal.set", "own_words", "sleep");
    assert_fine(team, "goal.set", "own_words", "see my sister");
    write_(team, 1, "goal.set", "own_words", "see my sister");
    assert_warned(team, "There are 3 goals already; whether a fourth is too many is to settle together.", "goal.set",
                  "own_words", "work");
    write_(team, 1, "goal.changed", "goal", goal, "status", "reached");
    assert_warned(team, "That goal is reached (w1, 2026-11-21).", "goal.scored", "goal", goal, "score", "6");
    assert_fine(team, "goal.set", "own_words", "work");
    team_free(team);
}

static void people_and_teams(void **state)
{
    (void)state;
    struct team *team = team_new();
    char hex[33];
    hex_encode(bytes_of(JO.b, sizeof JO.b), hex);
    assert_refused(team, "A record cannot be linked with itself: name the other record of the same person.",
                   "person.linked", "other", hex);
    assert_refused(team, "A record cannot be linked with itself: name the other record of the same person.",
                   "person.unlinked", "other", hex);
    hex[0] = 'a';
    assert_fine(team, "person.linked", "other", hex);
    assert_fine(team, "person.unlinked", "other", hex); /* likely duplicates that are none */
    write_(team, 1, "person.linked", "other", hex);
    assert_warned(team, "They are linked already (w1, 2026-11-21).", "person.linked", "other", hex);
    assert_refused(team, "The person is with salford already: name the other team's site.", "person.shared", "to",
                   "salford");
    assert_refused(team, "commons is what all teams share, and no team's site: a person is shared with a team.",
                   "person.shared", "to", "commons");
    assert_warned(team, "No site lambeth is known here; if there is none, nothing is shared.", "person.shared", "to",
                  "lambeth");
    assert_refused(team, "Moving takes the person off this team's laptops, and only the hub knows whether there is "
                         "a team dales. Share first, without moving; or say it again with --anyway.",
                   "person.shared", "to", "dales", "moves", "yes");
    assert_fine(team, "person.shared", "to", "dales");
    write_(team, 1, "person.shared", "to", "dales");
    assert_warned(team, "The person is shared with dales already (w1, 2026-11-21).", "person.shared", "to", "dales");
    assert_fine(team, "person.shared", "to", "dales", "moves", "yes"); /* is shared with dales already */
    assert_warned(team, "w2 is not among the people around this person.", "team.left", "worker", "w2");
    write_(team, 1, "team.joined", "worker", "w2");
    assert_warned(team, "w2 is one of the people around this person already.", "team.joined", "worker", "w2");
    assert_fine(team, "team.left", "worker", "w2");
    assert_warned(team, "Nobody with the id amy is known to work here.", "keyworker.agreed", "worker", "amy");
    team_free(team);
}

static void access_needs_are_taken_away_as_they_were_written(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "accessneed.recorded", "need", "interpreter", "detail", "BSL");
    assert_fine(team, "accessneed.recorded", "need", "interpreter", "detail", "BSL", "status", "out");
    assert_refused(team,
                   "No access need \"Polish\" (interpreter) is recorded that could be taken away. Give need and detail "
                   "as `felloe before-you-call` shows them.",
                   "accessneed.recorded", "need", "interpreter", "detail", "Polish", "status", "out");
    team_free(team);
}

static void times_and_dates(void **state)
{
    (void)state;
    struct team *team = team_new();
    occurred = NOW + 2 * HOUR;
    assert_refused(team,
                   "It cannot have happened on 2026-11-22, which is still to come. Give the time at which it happened; "
                   "what is still to come is planned (`felloe arrange`, `felloe task raise`).",
                   "note.added", "text", "hello");
    occurred = NOW + HOUR; /* clocks differ */
    assert_fine(team, "note.added", "text", "hello");
    occurred = -DAY * 365 * 100;
    assert_refused(team, "It cannot have happened on 1870-01-25: that is too long ago.", "note.added", "text", "hello");
    occurred = 0;
    assert_refused(team, "date_of_birth cannot be 2026-11-23, which is still to come.", "person.details.recorded",
                   "date_of_birth", "2026-11-23");
    assert_fine(team, "person.details.recorded", "date_of_birth", "2026-11-22");
    assert_fine(team, "person.details.recorded", "date_of_birth", "");
    assert_warned(team, "date_of_birth says that the person is older than 120 years: 1890-11-23.",
                  "person.details.recorded", "date_of_birth", "1890-11-23");
    assert_fine(team, "contact.planned", "when", "2026-11-23T10:00:00Z");
    assert_warned(team, "2026-11-21 is over already: what took place is `felloe meet`.", "contact.planned", "when",
                  "2026-11-21T10:00:00Z");
    assert_fine(team, "contact.planned", "when", "2026-11-21T10:00:00Z", "cancelled", "yes");
    assert_refused(team, "date cannot be 2026-11-23, which is still to come: supervision is recorded once it was held.",
                   "supervision.held", "date", "2026-11-23", "audience", "w2");
    assert_warned(team, "review_by is over already: 2026-11-01.", "plan.agreed", "review_by", "2026-11-01");
    assert_fine(team, "worker.out", "where", "library", "back_by", "2026-11-22T10:00:00Z"); /* overdue at once */
    team_free(team);
}

static void an_audience_has_members_who_work_here(void **state)
{
    (void)state;
    struct team *team = team_new();
    assert_refused(team,
                   "Only those whom audience names can read this safeguarding: name at least one other worker who may.",
                   "safeguarding.sent", "kind", "physical");
    assert_refused(team,
                   "Only those whom audience names can read this supervision: name at least one other worker who may.",
                   "supervision.held", "date", "2026-11-20", "audience", "w1", "audience", "w1");
    assert_refused(team,
                   "Only those whom audience names can read this note: name at least one other worker who may, "
                   "or leave "
                   "audience out.",
                   "note.added", "text", "hello", "audience", "w1");
    assert_refused(team,
                   "Nobody with the id amy is known to work here, so nobody could read it as them. `felloe workers` "
                   "lists who does.",
                   "note.added", "text", "hello", "audience", "amy");
    assert_fine(team, "note.added", "text", "hello");
    assert_fine(team, "note.added", "text", "hello", "audience", "w2");
    char hex[65];
    hex_encode(bytes_of(of_jo.b, 32), hex);
    assert_fine(team, "safeguarding.outcome", "of", hex, "outcome", "closed"); /* those of the one that it is of */
    const char *many[4 + 2 * 17 + 2] = {"note.added", "text", "hello"};
    char workers[17][4];
    for (size_t i = 0; i < 16; i++) {
        snprintf(workers[i], sizeof workers[i], "w%c", (char)('a' + i));
        many[3 + 2 * i] = "audience";
        many[4 + 2 * i] = workers[i];
    }
    assert_string_equal(told(team, many), "audience has room for 15 others, not 16.");
    team_free(team);
}

static void outings_sessions_and_resources(void **state)
{
    (void)state;
    struct team *team = team_new();
    char out[65], resource[65];
    id_hex(write_(team, 1, "worker.out", "where", "library"), out);
    assert_fine(team, "worker.safe", "outing", out);
    write_(team, 1, "worker.safe", "outing", out);
    assert_refused(team, "That outing is over: back safe (w1, 2026-11-21).", "worker.safe", "outing", out);
    assert_refused(team, "A new resource needs a name.", "resource.recorded", "area", "north");
    id_hex(write_(team, 1, "resource.recorded", "name", "Larder"), resource);
    assert_fine(team, "resource.recorded", "resource", resource, "status", "closed");
    assert_refused(team,
                   "Say what is new of that resource: name, area, place, schedule, capacity, contact, status.",
                   "resource.recorded", "resource", resource);
    assert_refused(team, "resource must name an entry resource.recorded (resource), and that one is worker.out "
                   "(outing).",
                   "resource.recorded", "resource", out, "status", "closed");
    assert_refused(team, "A new session needs when it is (when), or its weekly hours (schedule).", "session.recorded",
                   "name", "drop-in");
    assert_fine(team, "session.recorded", "name", "drop-in", "schedule", "tue 10:00-12:00");
    team_free(team);
}

/* With nothing known and nobody to ask, only what is wrong by itself is refused. */
static void without_a_document_nothing_is_held_against_it(void **state)
{
    (void)state;
    struct buffer fields = {0};
    static const char *const pairs[] = {"task", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
                                        "state", "done", NULL, NULL};
    fields_of(&fields, "task.closed", pairs);
    struct sense_case c = {.type = catalogue_find(bytes_str("task.closed")), .fields = buffer_bytes(&fields),
                           .subject = JO, .site = bytes_str("salford"), .worker = bytes_str("w1"), .now = NOW};
    assert_int_equal(sense_check(&c, &error, &warning), FELLOE_OK);
    assert_string_equal(warning.message, "");
    buffer_release(&fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(support_ends_only_where_it_goes_on),
        cmocka_unit_test(an_end_that_is_contradicted_may_be_said_again),
        cmocka_unit_test(a_settlement_needs_something_to_settle),
        cmocka_unit_test(sharing_against_an_objection_needs_a_reason),
        cmocka_unit_test(a_task_is_closed_once),
        cmocka_unit_test(an_entry_that_is_named_has_to_be_of_its_kind),
        cmocka_unit_test(a_concern_that_is_not_open_is_not_stood_down),
        cmocka_unit_test(goals),
        cmocka_unit_test(people_and_teams),
        cmocka_unit_test(access_needs_are_taken_away_as_they_were_written),
        cmocka_unit_test(times_and_dates),
        cmocka_unit_test(an_audience_has_members_who_work_here),
        cmocka_unit_test(outings_sessions_and_resources),
        cmocka_unit_test(without_a_document_nothing_is_held_against_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
