/* SPDX-License-Identifier: Apache-2.0 */
/* Streams grow by one event at a time, and a site's log has one hash per history. */
#include "proto/event/chain.h"
#include "tests/unit/given.h"

static struct event_id id_of(uint8_t name)
{
    struct event_id id;
    memset(id.b, name, sizeof id.b);
    return id;
}

/* An event `seq` after the event called `prev` (0: none), which had seen position 1.`seen`. */
static struct event_clear event(uint64_t seq, uint8_t prev, uint64_t seen)
{
    struct event_clear clear = {.incarnation = 1, .site = bytes_str("dale"), .seq = seq, .prev = id_of(prev)};
    seen_advance(&clear.seen, (struct position){1, seen});
    return clear;
}

static enum stream_verdict check(const struct stream_head *head, struct event_clear e, uint8_t name)
{
    struct event_id id = id_of(name);
    return stream_check(head, &e, &id);
}

static void advance(struct stream_head *head, struct event_clear e, uint8_t name)
{
    struct event_id id = id_of(name);
    assert_int_equal(stream_check(head, &e, &id), STREAM_NEXT);
    stream_advance(head, &e, &id);
}

static void a_stream_grows_event_by_event(void **state)
{
    (void)state;
    struct stream_head head = {0};
    assert_int_equal(check(&head, event(2, 'a', 0), 'b'), STREAM_GAP);
    assert_int_equal(check(&head, event(1, 'x', 0), 'a'), STREAM_FORK); /* a first event that has one before it */
    advance(&head, event(1, 0, 0), 'a');
    assert_int_equal(head.seq, 1);
    advance(&head, event(2, 'a', 3), 'b');
    advance(&head, event(3, 'b', 3), 'c');
    assert_int_equal(head.seq, 3);
    assert_int_equal(seen_in(&head.seen, 1), 3);
    struct event_id c = id_of('c');
    assert_true(event_id_equal(&head.id, &c));
}

static void what_does_not_follow_is_told_apart(void **state)
{
    (void)state;
    struct stream_head head = {0};
    advance(&head, event(1, 0, 0), 'a');
    advance(&head, event(2, 'a', 5), 'b');
    assert_int_equal(check(&head, event(1, 0, 0), 'a'), STREAM_OLD);
    assert_int_equal(check(&head, event(2, 'a', 5), 'b'), STREAM_OLD);
    assert_int_equal(check(&head, event(2, 'a', 5), 'B'), STREAM_FORK); /* another event at the head's place */
    assert_int_equal(check(&head, event(3, 'B', 5), 'c'), STREAM_FORK); /* after another second event */
    assert_int_equal(check(&head, event(4, 'c', 5), 'd'), STREAM_GAP);
    assert_int_equal(check(&head, event(UINT64_MAX, 'c', 5), 'd'), STREAM_GAP);
    assert_int_equal(check(&head, event(3, 'b', 4), 'c'), STREAM_BAD); /* had seen less than its own past */
    assert_int_equal(check(&head, event(3, 'b', 5), 'c'), STREAM_NEXT);
    assert_int_equal(check(&head, event(3, 'b', 6), 'c'), STREAM_NEXT);
    struct event_clear other = event(3, 'b', 9);
    other.seen.at[0].epoch = 2; /* another epoch does not make up for it */
    assert_int_equal(check(&head, other, 'c'), STREAM_BAD);
}

static void a_log_s_hashes_are_the_known_answers(void **state)
{
    (void)state;
    struct log_head head;
    struct event_id id;
    log_head_start(&head, bytes_str(VECTOR_SITE), 1);
    assert_int_equal(head.at.epoch, 1);
    assert_int_equal(head.at.n, 0);
    assert_hex(bytes_of(head.hash.b, 32), VECTOR_LOG_0);
    given_hex(VECTOR_ID_1, id.b, sizeof id.b);
    log_head_advance(&head, &id);
    assert_int_equal(head.at.n, 1);
    assert_hex(bytes_of(head.hash.b, 32), VECTOR_LOG_1);
    given_hex(VECTOR_ID_2, id.b, sizeof id.b);
    log_head_advance(&head, &id);
    assert_int_equal(head.at.n, 2);
    assert_hex(bytes_of(head.hash.b, 32), VECTOR_LOG_2);
}

static void another_history_has_another_hash(void **state)
{
    (void)state;
    struct event_id a = id_of('a'), b = id_of('b');
    struct log_head heads[6];
    log_head_start(&heads[0], bytes_str("dale"), 1);
    log_head_start(&heads[1], bytes_str("dale"), 2);
    log_head_start(&heads[2], bytes_str("dales"), 1);
    for (unsigned i = 3; i < 6; i++)
        heads[i] = heads[0];
    log_head_advance(&heads[3], &a);
    log_head_advance(&heads[3], &b);
    log_head_advance(&heads[4], &b);
    log_head_advance(&heads[4], &a);
    heads[5].at.n = 1; /* the same events at other positions */
    log_head_advance(&heads[5], &a);
    log_head_advance(&heads[5], &b);
    for (unsigned i = 0; i < 6; i++)
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(heads[i].hash.b, heads[k].hash.b, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_grows_event_by_event),
        cmocka_unit_test(what_does_not_follow_is_told_apart),
        cmocka_unit_test(a_log_s_hashes_are_the_known_answers),
        cmocka_unit_test(another_history_has_another_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
