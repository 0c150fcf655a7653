/* SPDX-License-Identifier: Apache-2.0 */
/* Of a long range a thread of its own opens the events, and makes the documents of people whom the views do not know
 * yet: they are what folding event by event makes. It goes on from step to step, and what a step puts at its end is put
 * in parts. */
#ifndef GIVEN_STEP_EVENTS
#define GIVEN_STEP_EVENTS 6144
#endif
#include "tests/unit/given_views.h"

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

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whom_the_views_do_not_know_is_folded_beforehand),
        cmocka_unit_test(to_what_the_views_know_it_is_added),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
