/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out while documents are folded, read, understood and shown: nothing is shown that is not so, and with
 * memory again all is as ever. */
#include "tests/unit/given_history.h"
#include "tests/unit/given_memory.h"

#include "proto/domain/sense.h"

/* What happened, of one person and in the site; and the bytes of their documents. */
static struct team *person, *site;
static struct buffer person_bytes, site_bytes;
/* What somebody would record next. */
static const char *const next[][10] = {
    {"support.ended", "agreed", "yes"},
    {"conflict.settled", "what", "keyworker", "chosen", "amy"},
    {"conflict.settled", "what", "pronouns", "chosen", "they"},
    {"sharing.made", "what", "plan", "to", "housing", "basis", "asked for"},
    {"accessneed.recorded", "need", "interpreter", "detail", "BSL", "status", "out"},
    {"goal.set", "own_words", "sleep"},
};
#define NEXT (sizeof next / sizeof next[0])
static struct buffer next_fields[NEXT];
/* What a story is given. */
static struct document *document;

/* ---- a person and a team with whom everything has happened ---- */

/* What is a thread of its own, and what speaks of it. */
static void threads_of_a_person(struct team *team)
{
    char id[65];
    id_hex(write_(team, 1, "task.raised", "what", "benefits form", "due", "2026-11-27"), id);
    write_(team, 2, "task.taken", "task", id, "worker", "amy");
    write_(team, 3, "task.closed", "task", id, "state", "done");
    id_hex(write_(team, 1, "goal.set", "own_words", "walk to the shop", "baseline", "4"), id);
    write_(team, 2, "goal.scored", "goal", id, "score", "6");
    write_(team, 3, "goal.changed", "goal", id, "text", "walk to the park", "status", "reached");
    id_hex(write_(team, 1, "concern.raised", "words", "not eating", "urgency", "2"), id);
    write_(team, 2, "concern.stooddown", "which", id, "why", "eats again");
    write_(team, 3, "crisis.opened", "urgency", "4", "where", "at home");
    write_(team, 1, "crisis.responded", "how", "01", "who", "amy");
    id_hex(write_(team, 2, "contact.planned", "when", "2026-11-24T10:00:00Z", "place", "library", "with", "amy"), id);
    write_(team, 3, "contact.recorded", "appointment", id, "attendance", "5", "minutes", "30");
    id_hex(write_(team, 3, "contact.recorded", "attendance", "3"), id);
    write_(team, 1, "contact.corrected", "of", id, "field", "attendance", "value", "5");
    write_(team, 2, "sharing.preference", "agency", "housing", "category", "all", "choice", "object");
    write_(team, 3, "accessneed.recorded", "need", "interpreter", "detail", "BSL");
    write_(team, 1, "aboutme.changed", "section", "helps", "text", "tea");
    write_(team, 2, "aboutme.changed", "section", "helps", "text", "quiet");
    write_(team, 3, "decision.made", "question", "who calls?", "chosen", "amy", "options", "amy", "options", "ben");
    write_(team, 1, "measure.completed", "reqol", "22");
    write_(team, 2, "connection.updated", "resource", id, "status", "offered");
}

static void threads_of_the_site(struct team *team)
{
    char id[65];
    id_hex(write_(team, 1, "worker.out", "where", "library", "back_by", "2026-11-21T17:00:00Z"), id);
    write_(team, 2, "worker.safe", "outing", id);
    id_hex(write_(team, 1, "worry.shared", "text", "a hard week"), id);
    write_(team, 2, "worry.held", "worry", id, "worker", "w2");
    id_hex(write_(team, 1, "resource.recorded", "name", "Larder", "schedule", "mon-fri 09:00-17:00"), id);
    write_(team, 2, "resource.recorded", "resource", id, "status", "closed");
    write_(team, 1, "resource.recorded", "resource", id, "status", "changed");
    id_hex(write_(team, 2, "session.recorded", "name", "drop-in", "schedule", "tue 10:00-12:00"), id);
    write_(team, 1, "session.recorded", "session", id, "status", "cancelled");
}

static void of_a_person(struct team *team)
{
    char id[65], name[32];
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "Q1", "urgency", "4", "own_words", "The rent");
    write_(team, 1, "support.started", "episode", "first");
    sync_all(team, 3);
    for (unsigned i = 0; i < 30; i++) { /* two who do not know of each other, every third time */
        snprintf(name, sizeof name, "Jo the %u", i);
        struct happened *named = write_(team, 1 + i % 2, "person.details.recorded", "known_as", name);
        write_(team, 3, "contact.recorded", "attendance", "5", "minutes", "20");
        if (i % 4 == 0)
            write_(team, 2, "entry.struck", "of", id_hex(named, id), "why", "mistyped");
        if (i % 3 == 0)
            sync_all(team, 3);
    }
    hub_put_back(team);
    push_again(team, &team->events[0]);
    go_on(team, 2, 3);
    write_(team, 1, "team.joined", "worker", "amy");
    write_(team, 2, "team.left", "worker", "amy");
    write_(team, 3, "keyworker.agreed", "worker", "ben");
    write_(team, 1, "keyworker.agreed", "worker", "amy");
    write_(team, 2, "person.details.recorded", "date_of_birth", "1990-02-28", "pronouns", "they");
    write_(team, 3, "person.details.recorded", "date_of_birth", "1990-02-27", "contact", "01234 567890");
    struct buffer fields = {0};
    mp_put_map(&fields, 0);
    write_raw(team, 1, "tea.made", fields);
    sync_all(team, 2);
    write_(team, 1, "support.ended", "agreed", "yes");
    write_(team, 3, "contact.recorded", "attendance", "6");
    threads_of_a_person(team);
}

static void of_the_site(struct team *team)
{
    static const char *const devices[] = {"00112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"};
    static const char key[] = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";
    char id[65], name[32];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(name, sizeof name, i % 5 ? "w%u" : "nobody-%u", i / 3);
        struct happened *joined = write_(team, 1 + i % 2, "worker.joined", "worker", name, "name", name, "role", "12",
                                         "device", devices[i % 2], "key", key);
        if (i % 5 == 0)
            write_(team, 1, "entry.struck", "of", id_hex(joined, id), "why", "there is no such worker");
    }
    sync_all(team, 2);
    threads_of_the_site(team);
}

static void make_bytes(const struct team *team, struct buffer *out)
{
    struct document *made = fold_all(team);
    document_encode(made, out);
    document_free(made);
}

/* ---- what a story is given, and how it ends ---- */

static void given_an_empty_one(void)
{
    document = document_new();
    assert_non_null(document);
}

static void given_bytes(const struct buffer *bytes)
{
    given_an_empty_one();
    assert_true(document_decode(document, buffer_bytes(bytes)));
}

static void given_a_person(void)
{
    given_bytes(&person_bytes);
}

static void given_a_site(void)
{
    given_bytes(&site_bytes);
}

/* All but the last of what happened is in it. */
static void given_all_but_one(void)
{
    given_an_empty_one();
    for (size_t i = 0; i + 1 < person->count; i++)
        assert_true(document_fold(document, &person->events[i].event));
}

static void end(void)
{
    document_free(document);
}

/* ---- making them ---- */

static bool make(struct buffer *out)
{
    struct document *made = document_new();
    if (!made)
        return false;
    for (size_t i = 0; i < 5; i++)
        if (!document_fold(made, &person->events[i].event)) {
            document_free(made);
            return false;
        }
    document_encode(made, out);
    bool shown = document_summary(made, out) > 0; /* what it knew from its beginning matters here */
    document_free(made);
    return shown && !out->failed;
}

static bool fold(struct buffer *out)
{
    for (size_t i = 0; i < person->count; i++) {
        struct fold_event event = person->events[i].event;
        bool ok = document_fold(document, &event);
        event.at = person->events[i].again;
        if (!ok || !document_fold(document, &event))
            return false;
    }
    document_encode(document, out);
    return !out->failed;
}

static bool fold_one(struct buffer *out)
{
    if (!document_fold(document, &person->events[person->count - 1].event))
        return false;
    document_encode(document, out);
    return !out->failed;
}

static bool decode(struct buffer *out)
{
    if (!document_decode(document, buffer_bytes(&person_bytes))) {
        assert_int_equal(record_count(document), 0);
        return false;
    }
    document_encode(document, out);
    return !out->failed;
}

static void documents(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"make a document", NULL, make, NULL},
        {"fold a history", given_an_empty_one, fold, end},
        {"fold one more event", given_all_but_one, fold_one, end},
        {"decode a document", given_an_empty_one, decode, end},
    };
    for (size_t i = 0; ALLOCATIONS_CAN_FAIL && i < sizeof stories / sizeof stories[0]; i++)
        memory_runs_out_anywhere(&stories[i]);
}

/* ---- showing them ---- */

static bool put_row(void *context, const struct view_row *row)
{
    struct buffer *out = context;
    mp_put_uint(out, row->view);
    mp_put_uint(out, row->sort);
    mp_put_uint(out, row->sub);
    buffer_append(out, row->cells.data, row->cells.len);
    return !out->failed;
}

static bool rows_of_a_person(struct buffer *out)
{
    return view_rows(document, &JO, put_row, out);
}

static bool rows_of_the_site(struct buffer *out)
{
    return view_rows(document, &PERSON_ID_NONE, put_row, out);
}

static bool timeline(struct buffer *out)
{
    for (size_t i = 0; i < person->count; i++) /* the third was struck */
        if (!view_timeline_cells(document, &person->events[(i + 2) % person->count].event, out))
            return false;
    return true;
}

static void put_name(void *context, struct bytes name)
{
    mp_put_str(context, name);
}

static bool names(struct buffer *out)
{
    return document_names(document, put_name, out) && !out->failed;
}

static void put_device(void *context, const struct device_id *device, const uint8_t *key, struct bytes worker)
{
    mp_put_bin(context, device->b, sizeof device->b);
    mp_put_bool(context, key != NULL);
    mp_put_str(context, worker);
}

static bool devices(struct buffer *out)
{
    return document_devices(document, put_device, out) && !out->failed;
}

static bool summary(struct buffer *out)
{
    mp_put_uint(out, document_summary(document, out));
    return !out->failed;
}

/* Once it was understood nothing more is needed to answer, but to count what is to settle. */
static bool answers(struct buffer *out)
{
    struct bytes episode;
    char id[65];
    uint32_t to_settle;
    if (!document_understood(document) || !document_to_settle(document, &to_settle))
        return false;
    mp_put_uint(out, to_settle);
    mp_put_uint(out, document_not_recognised(document));
    mp_put_bool(out, document_current_episode(document, &episode));
    for (size_t i = 0; i < person->count; i++) {
        const struct item *strike = record_struck_by(document, &person->events[i].event.id);
        mp_put_text(out, strike ? id_hex(&person->events[i], id) : "-");
    }
    return !out->failed;
}

/* What somebody would record next, and whether it makes sense. */
static bool sense(struct buffer *out)
{
    for (size_t i = 0; i < NEXT; i++) {
        struct felloe_error error = {0}, warning;
        const struct sense_case c = {.type = catalogue_find(bytes_str(next[i][0])), .document = document,
                                     .fields = buffer_bytes(&next_fields[i]), .subject = JO,
                                     .site = bytes_str("dale"), .worker = bytes_str("w1"), .now = NOON + DAY};
        enum felloe_code code = sense_check(&c, &error, &warning);
        if (code == FELLOE_FAILED)
            return false;
        mp_put_uint(out, (uint64_t)code);
        mp_put_text(out, error.message);
        mp_put_text(out, warning.message);
    }
    return !out->failed;
}

static void views(void **state)
{
    (void)state;
    static const struct memory_story stories[] = {
        {"rows of a person", given_a_person, rows_of_a_person, end},
        {"rows of the site", given_a_site, rows_of_the_site, end},
        {"a person's story", given_a_person, timeline, end},
        {"names", given_a_person, names, end},
        {"devices", given_a_site, devices, end},
        {"summary", given_a_person, summary, end},
        {"answers", given_a_person, answers, end},
        {"sense", given_a_person, sense, end},
    };
    for (size_t i = 0; ALLOCATIONS_CAN_FAIL && i < sizeof stories / sizeof stories[0]; i++)
        memory_runs_out_anywhere(&stories[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(documents), cmocka_unit_test(views)};
    person = team_new();
    site = team_new();
    of_a_person(person);
    of_the_site(site);
    make_bytes(person, &person_bytes);
    make_bytes(site, &site_bytes);
    for (size_t i = 0; i < NEXT; i++)
        fields_of(&next_fields[i], next[i][0], &next[i][1]);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_release(&person_bytes);
    buffer_release(&site_bytes);
    for (size_t i = 0; i < NEXT; i++)
        buffer_release(&next_fields[i]);
    team_free(person);
    team_free(site);
    return failed;
}
