/* SPDX-License-Identifier: Apache-2.0 */
/* Three days that must work, as what each person's document comes to: the same whichever order the laptops synced in,
 * and however often the hub delivered. */
#include "tests/unit/given_history.h"

#include "proto/domain/duplicates.h"
#include "proto/domain/view_record.h"

/* Who: a story is written once for each order of syncing, and comes to the same rows. */
#define FIRST 1
#define SECOND 2
#define HUB 3

typedef struct team *(*story)(bool second_first);

/* Every view, the summary and the timeline of Jo, in words. */
static char *all_of(const struct team *team, unsigned order)
{
    struct buffer text = {0};
    struct document *document = fold_in_order(team, order);
    for (size_t i = 0; i < view_count(); i++) {
        char *rows = rows_text(document, view_at(i)->view, &JO);
        buffer_append(&text, rows, strlen(rows));
        buffer_append(&text, "--\n", 3);
        free(rows);
    }
    char *summary = summary_text(document);
    buffer_append(&text, summary, strlen(summary) + 1);
    free(summary);
    document_free(document);
    return (char *)text.data;
}

/* Positions differ by who synced first; what is shown does not. */
static void assert_same_in_any_order(story tell)
{
    struct team *one = tell(false), *other = tell(true);
    char *first = all_of(one, 0);
    for (unsigned order = 0; order < FOLD_ORDERS; order++) {
        char *again = all_of(one, order), *swapped = all_of(other, order);
        assert_string_equal(again, first);
        assert_string_equal(swapped, first);
        free(again);
        free(swapped);
    }
    free(first);
    team_free(one);
    team_free(other);
}

/* Both laptops share, in one order or the other, and hear of each other. */
static void sync_both(struct team *team, bool second_first)
{
    push(team, second_first ? SECOND : FIRST);
    push(team, second_first ? FIRST : SECOND);
    push(team, HUB);
    for (unsigned who = FIRST; who <= HUB; who++)
        pull(team, who);
}

static char *view_text(const struct team *team, enum view view)
{
    struct document *document = fold_all(team);
    char *text = rows_text(document, view, &JO);
    document_free(document);
    return text;
}

static void assert_view_has(const struct team *team, enum view view, const char *part, bool there)
{
    char *text = view_text(team, view);
    if ((strstr(text, part) != NULL) != there)
        fail_msg("%s: %s %s %s", view_of(view)->name, text, there ? "lacks" : "has", part);
    free(text);
}

/* ---- A: a library in Lambeth ---- */

static struct team *library(bool second_first)
{
    char id[65];
    struct team *team = team_new();
    write_(team, FIRST, "contact.recorded", "purpose", "drop-in", "attendance", "5", "place", "N02");
    write_(team, FIRST, "person.introduced", "known_as", "Jo", "source", "Q1");
    write_(team, FIRST, "person.details.recorded", "known_as", "Jo", "date_of_birth", "1990-04-01");
    struct happened *task = write_(team, FIRST, "task.raised", "what", "benefits form");
    push(team, FIRST); /* the task is known to both; then both go offline */
    pull(team, SECOND);
    pass(team, HOUR);
    write_(team, FIRST, "accessneed.recorded", "need", "format", "detail", "text only");
    write_(team, SECOND, "accessneed.recorded", "need", "interpreter", "detail", "BSL interpreter");
    write_(team, FIRST, "person.details.recorded", "known_as", "Jo");
    pass(team, MINUTE);
    write_(team, SECOND, "person.details.recorded", "known_as", "Joey");
    write_(team, FIRST, "task.taken", "task", id_hex(task, id), "worker", "w1");
    write_(team, SECOND, "task.taken", "task", id, "worker", "w2");
    write_(team, SECOND, "task.closed", "task", id, "state", "done", "outcome", "sent");
    write_(team, FIRST, "task.closed", "task", id, "state", "dropped");
    write_(team, FIRST, "sharing.preference", "agency", "housing", "category", "all", "choice", "object");
    pass(team, MINUTE);
    write_(team, SECOND, "sharing.preference", "agency", "housing", "category", "all", "choice", "allow");
    sync_both(team, second_first);
    return team;
}

static void a_library_in_lambeth(void **state)
{
    (void)state;
    assert_same_in_any_order(library);
    struct team *team = library(false);
    assert_view_has(team, VIEW_FRONT_DOOR, "[Joey] | 70000000 | Q1 |", true);
    assert_view_has(team, VIEW_BEFORE_YOU_CALL,
                    "[housing: everything] | [housing: everything] | [text only] | [BSL interpreter]", true);
    assert_view_has(team, VIEW_MY_DAY, "benefits form", false); /* done */
    assert_view_has(team, VIEW_TO_SETTLE, "| sharing | housing: everything | [objects, allows] |", true);
    struct document *document = fold_all(team);
    assert_int_equal(to_settle(document), 1);
    size_t meetings = 0, taken = 0;
    for (size_t i = 0; i < record_count(document); i++)
        meetings += record_at(document, i)->type->id == TYPE_contact_recorded;
    assert_int_equal(meetings, 1);
    size_t count;
    bool ok;
    const struct reading *readings = record_readings(document, &count, &ok);
    for (size_t i = 0; i < count; i++)
        taken += readings[i].def->id == REG_task_taken && readings[i].values == 1;
    assert_int_equal(taken, 2); /* both are named */
    document_free(document);
    team_free(team);
}

static void hear_duplicate(void *context, size_t first, size_t second, const char *why)
{
    (void)first;
    (void)second;
    assert_string_equal(why, "same date of birth and similar name");
    ++*(size_t *)context;
}

static void the_gp_meant_the_same_person(void **state)
{
    (void)state;
    size_t found = 0;
    struct team *jo = library(false), *joanne = team_new();
    write_(joanne, HUB, "person.introduced", "known_as", "Joanne", "source", "A1");
    write_(joanne, HUB, "person.details.recorded", "date_of_birth", "1990-04-01");
    struct buffer identities[2] = {{0}, {0}};
    struct document *one = fold_all(jo), *other = fold_all(joanne);
    assert_true(document_identity(one, &identities[0]) && document_identity(other, &identities[1]));
    const struct duplicate_person people[] = {{{{1}}, buffer_bytes(&identities[0])},
                                              {{{2}}, buffer_bytes(&identities[1])}};
    assert_true(duplicates_find(people, 2, hear_duplicate, &found));
    assert_int_equal(found, 1);
    for (size_t i = 0; i < 2; i++)
        buffer_release(&identities[i]);
    document_free(one);
    document_free(other);
    team_free(jo);
    team_free(joanne);
}

/* ---- B: crisis in Salford ---- */

/* 13:40 by a clock that is half an hour slow is ten past two: after the stand-down by the laptops' own times. */
static struct team *crisis(bool second_first)
{
    char id[65];
    struct team *team = team_new();
    write_(team, FIRST, "person.introduced", "known_as", "Jo");
    write_(team, FIRST, "support.started");
    struct happened *c1 = write_(team, FIRST, "concern.raised", "words", "C1");
    sync_both(team, second_first);
    team->laptops[SECOND - 1].clock = NOON + 2 * HOUR;
    team->laptops[FIRST - 1].clock = NOON + HOUR + 40 * MINUTE;
    write_(team, SECOND, "concern.stooddown", "which", id_hex(c1, id), "why", "spoke with her");
    write_(team, FIRST, "concern.raised", "words", "C2", "protects", "her sister", "urgency", "2");
    write_(team, FIRST, "crisis.opened", "urgency", "4", "where", "at home");
    team->laptops[HUB - 1].clock = NOON + 2 * HOUR + 20 * MINUTE;
    write_(team, HUB, "crisis.opened", "urgency", "2", "where", "at home");
    write_(team, FIRST, "safetyplan.agreed", "helps", "call sister");
    write_(team, SECOND, "safetyplan.agreed", "helps", "call crisis line");
    write_(team, SECOND, "keyworker.agreed", "worker", "w2");
    write_(team, FIRST, "keyworker.agreed", "worker", "amy");
    sync_both(team, second_first);
    return team;
}

static struct team *crisis_answered(bool second_first)
{
    struct team *team = crisis(second_first);
    team->laptops[FIRST - 1].clock = NOON + 6 * HOUR;
    happened_at(write_(team, FIRST, "crisis.responded", "how", "01", "who", "w1"), NOON + 3 * HOUR + 30 * MINUTE);
    sync_both(team, second_first);
    return team;
}

static void a_crisis_in_salford(void **state)
{
    (void)state;
    assert_same_in_any_order(crisis);
    assert_same_in_any_order(crisis_answered);
    struct team *team = crisis(true);
    char expected[200];
    snprintf(expected, sizeof expected, "[Jo] | 70000000 | [C2] | [her sister] | 4 | at home | [%lld, 14400000, -] |",
             (long long)NOON + HOUR + 40 * MINUTE);
    assert_view_has(team, VIEW_SAFETY, expected, true);
    assert_view_has(team, VIEW_TO_SETTLE, "| safety_helps | - | [call sister, call crisis line] |", true);
    assert_view_has(team, VIEW_TO_SETTLE, "| crisis | - | [very urgent, urgent] |", true);
    assert_view_has(team, VIEW_TO_SETTLE, "| keyworker | - | [amy, w2] |", true);
    assert_view_has(team, VIEW_CASELOAD, "[amy, w2]", true);
    assert_view_has(team, VIEW_HUDDLE, "[crisis, new]", true);
    team_free(team);
}

static void the_clock_stops_when_somebody_was_there(void **state)
{
    (void)state;
    char id[65], expected[200];
    struct team *team = crisis_answered(false);
    struct happened *response = &team->events[team->count - 1];
    snprintf(expected, sizeof expected, "[C2] | [her sister] | 2 | - | [%lld, 14400000, %lld] |",
             (long long)NOON + HOUR + 40 * MINUTE, (long long)NOON + 3 * HOUR + 30 * MINUTE);
    assert_view_has(team, VIEW_SAFETY, expected, true);
    struct buffer cells = {0}, text = {0};
    struct document *document = fold_all(team);
    assert_true(view_timeline_cells(document, &response->event, &cells));
    dump_cells(buffer_bytes(&cells), &text);
    buffer_append(&text, "", 1);
    assert_non_null(strstr((char *)text.data, "crisis.responded | {who: [w1], how: 01} | yes | - |")); /* late */
    buffer_release(&cells);
    buffer_release(&text);
    document_free(document);
    /* who has seen C2 stands it down; what is delivered again changes nothing */
    for (size_t i = 0; i < team->count; i++)
        if (team->events[i].laptop == FIRST - 1 && bytes_is(team->events[i].body.type, "concern.raised"))
            id_hex(&team->events[i], id);
    write_(team, SECOND, "concern.stooddown", "which", id, "why", "safe with her sister");
    assert_view_has(team, VIEW_SAFETY, "C2", false);
    team_free(team);
}

static void a_worry_is_unheld_until_a_colleague_holds_it(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *worry = write_(team, FIRST, "worry.shared", "text", "it stays with me");
    sync_both(team, false);
    assert_site_rows(team, VIEW_WORRIES, "w1 | 1795262400000 | it stays with me | [] | 3c6ef372\n");
    write_(team, SECOND, "worry.held", "worry", id_hex(worry, id), "worker", "w2");
    assert_site_rows(team, VIEW_WORRIES, "w1 | 1795262400000 | it stays with me | [w2] | 3c6ef372\n");
    team_free(team);
}

/* ---- C: coming back in Derbyshire ---- */

static struct team *farewell(bool second_first)
{
    char id[65];
    struct team *team = team_new();
    write_(team, FIRST, "person.introduced", "known_as", "Jo", "source", "A1");
    write_(team, FIRST, "support.started", "episode", "E1");
    write_(team, FIRST, "aboutme.changed", "section", "helps", "text", "a walk");
    write_(team, FIRST, "safetyplan.agreed", "helps", "call sister");
    write_(team, FIRST, "accessneed.recorded", "need", "format", "detail", "large print");
    struct happened *goal = write_(team, FIRST, "goal.set", "own_words", "see friends", "baseline", "4");
    sync_both(team, second_first);
    pass(team, DAY);
    write_(team, FIRST, "support.ended", "episode", "E1", "agreed", "yes", "way_back", "ring any of us");
    write_(team, SECOND, "contact.recorded", "attendance", "5");
    write_(team, SECOND, "goal.scored", "goal", id_hex(goal, id), "score", "6");
    sync_both(team, second_first);
    return team;
}

static struct team *ended(bool second_first)
{
    struct team *team = farewell(second_first);
    write_(team, SECOND, "conflict.settled", "what", "support", "chosen", "ended", "with", "D1");
    sync_both(team, second_first);
    return team;
}

static struct team *back(bool second_first)
{
    struct team *team = ended(second_first);
    pass(team, 100 * DAY);
    write_(team, SECOND, "support.returned", "source", "B1", "previous", "E1", "episode", "E2");
    pass(team, MINUTE);
    write_(team, HUB, "person.introduced", "source", "G4");
    sync_both(team, second_first);
    return team;
}

static struct team *both_wrote(bool second_first)
{
    struct team *team = back(second_first);
    write_(team, FIRST, "aboutme.changed", "section", "helps", "text", "music");
    write_(team, SECOND, "aboutme.changed", "section", "helps", "text", "the garden");
    write_(team, FIRST, "measure.completed", "reqol", "20");
    write_(team, SECOND, "measure.completed", "reqol", "24");
    sync_both(team, second_first);
    return team;
}

static void coming_back_in_derbyshire(void **state)
{
    (void)state;
    assert_same_in_any_order(farewell);
    assert_same_in_any_order(ended);
    assert_same_in_any_order(back);
    assert_same_in_any_order(both_wrote);
    struct team *team = farewell(true);
    assert_view_has(team, VIEW_CASELOAD, "[Jo]", true); /* E1 stays open */
    assert_view_has(team, VIEW_TO_SETTLE,
                    "| support | - | [we are with them, farewell] | [w2, w1] | ended while seen |", true);
    assert_view_has(team, VIEW_GOALS, "[see friends] | [active] | 4 | 6 | 2 |", true);
    assert_summary_has(team, "retain_until", false);
    team_free(team);
    team = ended(true);
    assert_view_has(team, VIEW_CASELOAD, "[Jo]", false);
    assert_summary_has(team, "support: ended, retain_until: 2046-11-22, way_back: ring any of us", true);
    team_free(team);
}

/* The record has this register with these values, from before the return or not. */
static void assert_record(const struct team *team, const char *name, const char *values, const char *before)
{
    static struct mp_reader r;
    struct buffer pairs = {0}, text = {0};
    struct document *document = fold_all(team);
    assert_int_equal(document_record(document, &pairs), 1);
    mp_reader_init(&r, buffer_bytes(&pairs));
    assert_true(mp_next(&r));
    mp_skip(&r);
    assert_true(mp_next(&r));
    dump_value(&r, &text);
    buffer_append(&text, "", 1);
    /* [name, which, [values], when, before, to settle] */
    const char *at = strstr((char *)text.data, name), *shown = at ? strstr(at, values) : NULL;
    const char *when = shown ? strstr(shown, "], ") : NULL, *mark = when ? strstr(when + 3, ", ") : NULL;
    if (!mark || strncmp(mark + 2, before, strlen(before)) != 0)
        fail_msg("%s: not %s, from before: %s", (char *)text.data, values, before);
    buffer_release(&pairs);
    buffer_release(&text);
    document_free(document);
}

static void what_is_from_before_is_marked_until_it_is_checked(void **state)
{
    (void)state;
    struct team *team = back(false);
    struct document *document = fold_all(team);
    struct bytes episode;
    assert_true(document_current_episode(document, &episode));
    assert_true(bytes_is(episode, "E2"));
    document_free(document);
    assert_view_has(team, VIEW_CASELOAD, "[Jo]", true);
    assert_view_has(team, VIEW_TO_SETTLE, "|", false); /* one person, one time of support, nothing to agree on */
    assert_view_has(team, VIEW_HUDDLE, "came back", true);
    assert_summary_has(team, "retain_until", false);
    assert_summary_has(team, "{source: B1, ", true);
    assert_summary_has(team, "{source: G4, ", true);
    assert_summary_has(team, "{source: A1, ", false); /* of the time before: in the story */
    assert_record(team, "aboutme", "a walk", "yes");
    assert_record(team, "access_need", "in", "yes");
    assert_record(team, "safety_helps", "call sister", "yes");
    assert_record(team, "goal_text", "see friends", "yes");
    write_(team, SECOND, "safetyplan.agreed", "helps", "call sister");
    assert_record(team, "safety_helps", "call sister", "no ");
    team_free(team);
    team = both_wrote(false);
    assert_record(team, "aboutme", "music, the garden", "no ");
    assert_view_has(team, VIEW_GOALS, "| 24 |", true); /* two measures stay two: the latest is told */
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_library_in_lambeth),
        cmocka_unit_test(the_gp_meant_the_same_person),
        cmocka_unit_test(a_crisis_in_salford),
        cmocka_unit_test(the_clock_stops_when_somebody_was_there),
        cmocka_unit_test(a_worry_is_unheld_until_a_colleague_holds_it),
        cmocka_unit_test(coming_back_in_derbyshire),
        cmocka_unit_test(what_is_from_before_is_marked_until_it_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
