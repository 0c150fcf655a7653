/* SPDX-License-Identifier: Apache-2.0 */
/* Of a long range a thread of its own opens the events, and makes the documents of people whom the views do not know
 * yet: they are what folding event by event makes. It goes on from step to step, and what a step puts at its end is put
 * in parts. */
#ifndef GIVEN_STEP_EVENTS
#define GIVEN_STEP_EVENTS 6144
#endif
#include "tests/unit/given_views.h"

#include "daemon/views/projector_inside.h"

#define OTHERS 30
#define PEOPLE (1 + OTHERS)
#define ROUNDS 140 /* in each some of everybody, mostly of the first: whose entries do not go into one chunk */
#define EACH 2
#define OF_ROBIN 32

static struct log_draft something_about(const struct key_record *person, unsigned number, struct buffer *fields)
{
    char text[32];
    snprintf(text, sizeof text, "%u", number);
    return person_draft(person, number % 3 ? "note.added" : "person.details.recorded", fields,
                        (const char *[]){number % 3 ? "text" : "known_as", text, NULL});
}

static void record_round(struct given_node *node, const struct key_record people[PEOPLE], unsigned round)
{
    struct buffer fields[OF_ROBIN + EACH * OTHERS] = {{0}};
    struct log_draft drafts[OF_ROBIN + EACH * OTHERS];
    unsigned count = 0;
    for (unsigned i = 0; i < OF_ROBIN; i++, count++)
        drafts[count] = something_about(&people[0], round * 100 + i, &fields[count]);
    for (unsigned i = 0; i < EACH * OTHERS; i++, count++)
        drafts[count] = something_about(&people[1 + i % OTHERS], round * 50 + i, &fields[count]);
    struct log_job job = record_job(SITE, drafts, count);
    run_well(node->log, &job);
    for (unsigned i = 0; i < count; i++)
        buffer_release(&fields[i]);
}

static void introduce_all(struct given_node *node, struct key_record people[PEOPLE])
{
    for (int i = 0; i < PEOPLE; i++)
        people[i] = node_introduce(node, "Somebody");
}

static void whom_the_views_do_not_know_is_folded_beforehand(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct key_record people[PEOPLE];
    introduce_all(amy, people);
    for (unsigned round = 0; round < ROUNDS; round++) {
        record_round(amy, people, round);
        node_fold(amy); /* each by itself: too little for the thread */
    }
    struct node_digest before = node_digest(amy), after;
    assert_int_equal(rows_in(&before, "documents"), PEOPLE);
    assert_int_equal(rows_in(&before, "timeline"), PEOPLE + ROUNDS * (OF_ROBIN + EACH * OTHERS));
    for (int i = 0; i < 2; i++) {
        projector_rebuild(amy->projector);
        after = node_digest(amy);
        assert_same_digest(&before, &after);
    }
    given_node_end(amy);
}

static void to_what_the_views_know_it_is_added(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct key_record people[PEOPLE];
    introduce_all(amy, people);
    record_round(amy, people, 0);
    node_fold(amy);
    projector_close(amy->projector);
    for (unsigned round = 1; round < ROUNDS; round++)
        record_round(amy, people, round);
    node_open_views(amy); /* a long range; everybody has a document, which does not say what is in it */
    struct node_digest before = node_digest(amy), after;
    projector_rebuild(amy->projector);
    after = node_digest(amy);
    assert_same_digest(&before, &after);
    given_node_end(amy);
}

static size_t held_by(const struct fold_chunk *chunk)
{
    size_t bytes = 0;
    for (size_t i = 0; i < chunk->used; i++)
        bytes += chunk->memory[i].opened.plain.cap + chunk->memory[i].opened.marks.cap;
    for (size_t i = 0; i < chunk->document_room; i++)
        bytes += chunk->documents[i].made.bytes.cap;
    return bytes;
}

/* A chunk has room for 4 MiB of events; that some of them are long, and others the next time, must not come to 64 MiB
 * in the end, sixteen chunks being in use. */
static void what_long_entries_needed_is_given_back(void **state)
{
    (void)state;
    struct fold_chunk chunk = {0};
    assert_true(chunk_init(&chunk));
    chunk.used = CHUNK_EVENTS_MAX;
    chunk.documents = calloc(CHUNK_EVENTS_MAX, sizeof *chunk.documents);
    assert_non_null(chunk.documents);
    chunk.document_room = CHUNK_EVENTS_MAX;
    for (size_t i = 0; i < CHUNK_EVENTS_MAX; i++) {
        assert_true(buffer_reserve(&chunk.memory[i].opened.plain, EVENT_SIZE_MAX));
        assert_true(buffer_reserve(&chunk.documents[i].made.bytes, EVENT_SIZE_MAX));
        assert_non_null(chunk.documents[i].document = document_new());
    }
    assert_true(held_by(&chunk) >= 2u * CHUNK_EVENTS_MAX * EVENT_SIZE_MAX);
    chunk_trim(&chunk);
    assert_true(held_by(&chunk) <= CHUNK_KEPT_MAX);

    for (size_t i = 0; i < CHUNK_EVENTS_MAX; i++) /* those of a few hundred bytes stay */
        assert_true(buffer_reserve(&chunk.memory[i].opened.plain, 500));
    const size_t held = held_by(&chunk);
    chunk_trim(&chunk);
    assert_int_equal(held_by(&chunk), held);
    chunk_release(&chunk);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_long_entries_needed_is_given_back),
        cmocka_unit_test(whom_the_views_do_not_know_is_folded_beforehand),
        cmocka_unit_test(to_what_the_views_know_it_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
