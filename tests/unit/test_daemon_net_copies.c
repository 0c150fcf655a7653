/* SPDX-License-Identifier: Apache-2.0 */
/* Several connections of one key: a laptop's directory that was copied, and connections that died unnoticed. */
#include "tests/unit/given_net.h"

/* A laptop's directory that was copied: two of one key. */
static void copies_of_a_laptop_are_heard_side_by_side(void **state)
{
    (void)state;
    struct laptop one, other;
    laptop_make(&one);
    laptop_make(&other);
    other.pair = one.pair;
    admit(&one.pair, NET_KEY_DEVICE, 1);
    hub.answer = true;
    laptop_open(&one, net_hub_endpoint(hub.net), &hub_pair);
    laptop_open(&other, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(one.link == NET_UP && other.link == NET_UP);
    for (unsigned i = 1; i <= 20; i++) {
        assert_true(laptop_says(&one, "the one", 10));
        assert_true(laptop_says(&other, "the other", 10));
        UNTIL(one.heard == i && other.heard == i);
        assert_string_equal(one.last_header, "the one");
        assert_string_equal(other.last_header, "the other");
    }
    assert_int_equal(hub.gone, 0);
    net_spoke_close(one.net);
    net_spoke_close(other.net);
}

static void of_five_copies_the_quietest_makes_room(void **state)
{
    (void)state;
    struct laptop copies[5];
    struct net_hub_counts counts = {0};
    hub.answer = true;
    laptop_make(&copies[0]);
    admit(&copies[0].pair, NET_KEY_DEVICE, 1);
    for (size_t i = 0; i < 5; i++) {
        if (i > 0) {
            laptop_make(&copies[i]);
            copies[i].pair = copies[0].pair;
        }
        laptop_open(&copies[i], net_hub_endpoint(hub.net), &hub_pair);
        UNTIL(copies[i].link == NET_UP);
    }
    for (size_t i = 0; i < 4; i++) {
        laptop_says(&copies[i], "here", 0);
        UNTIL(copies[i].heard == 1);
    }
    uint64_t fourth = hub.last_peer;
    laptop_says(&copies[0], "the first is not the quietest any more", 0);
    UNTIL(copies[0].heard == 2);
    uint64_t first = hub.last_peer;
    laptop_says(&copies[4], "a fifth", 0);
    UNTIL(copies[4].heard == 1);
    assert_int_equal(hub.gone, 1);
    assert_int_equal(hub.last_gone, first + 1); /* the second */
    laptop_says(&copies[0], "still the same", 0);
    UNTIL(copies[0].heard == 3);
    assert_int_equal(hub.last_peer, first);
    laptop_says(&copies[1], "as a new one", 0);
    UNTIL(copies[1].heard == 2);
    assert_true(hub.last_peer > fourth + 1);
    net_hub_counts(hub.net, &counts);
    assert_int_equal(counts.peers, 4);
    for (size_t i = 0; i < 5; i++)
        net_spoke_close(copies[i].net);
}

/* What waits for news says nothing for half an hour, and still is the last that should make room. */
static void a_copy_that_shows_signs_of_life_is_not_the_quietest(void **state)
{
    (void)state;
    struct raw copies[5];
    uint64_t numbers[5];
    for (unsigned i = 0; i < 5; i++) {
        raw_heartbeat_ms = i == 0 ? 20 : 0;
        if (i == 4) {
            const uint64_t then = clock_steady_ms();
            POLL_UNTIL(clock_steady_ms() > then + 200);
        }
        raw_open_as(&copies[i], i > 0 ? &copies[0].pair : NULL);
        zmq_send(copies[i].dealer, "hello", 5, ZMQ_SNDMORE);
        zmq_send(copies[i].dealer, "", 0, 0);
        UNTIL(hub.heard == i + 1);
        numbers[i] = hub.last_peer;
    }
    raw_heartbeat_ms = 0;
    assert_int_equal(hub.gone, 1);
    assert_true(hub.last_gone == numbers[1]);
    for (unsigned i = 0; i < 5; i++)
        raw_close(&copies[i]);
}

/* A laptop that made new connections has old ones at the hub that say nothing more, and need not be the quietest. */
static void connections_that_are_gone_make_room_first(void **state)
{
    (void)state;
    struct laptop quiet, lively;
    hub.answer = true;
    laptop_make(&quiet);
    laptop_make(&lively);
    lively.pair = quiet.pair;
    admit(&quiet.pair, NET_KEY_DEVICE, 1);
    laptop_open(&quiet, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(quiet.link == NET_UP);
    laptop_says(&quiet, "here", 0);
    UNTIL(quiet.heard == 1);
    uint64_t number = hub.last_peer;
    laptop_open(&lively, net_hub_endpoint(hub.net), &hub_pair);
    for (unsigned i = 1; i <= 12; i++) {
        UNTIL(lively.ups == i);
        laptop_says(&lively, "on a new connection", 0);
        UNTIL(lively.heard == i);
        net_spoke_reconnect(lively.net);
    }
    assert_int_equal(quiet.heard, 1);
    laptop_says(&quiet, "still the same", 0);
    UNTIL(quiet.heard == 2);
    assert_int_equal(hub.last_peer, number);
    net_spoke_close(quiet.net);
    net_spoke_close(lively.net);
}

/* Four connections of one key, none of which reads: no more waits for them than for one, and it is the newest that goes
 * on being served. */
static void copies_that_do_not_read_share_one_bound(void **state)
{
    (void)state;
    struct raw copies[4];
    uint64_t numbers[4];
    struct net_hub_counts counts = {0};
    for (unsigned i = 0; i < 4; i++) {
        raw_open_as(&copies[i], i > 0 ? &copies[0].pair : NULL);
        zmq_send(copies[i].dealer, "hello", 5, ZMQ_SNDMORE);
        zmq_send(copies[i].dealer, "", 0, 0);
        UNTIL(hub.heard == i + 1);
        numbers[i] = hub.last_peer;
        for (unsigned tried = 0; tried < 60; tried++) {
            hub_lends(numbers[i]);
            uv_run(&loop, UV_RUN_NOWAIT);
            net_hub_counts(hub.net, &counts);
            assert_true(counts.queued_bytes <= 5u * 1024 * 1024);
        }
    }
    assert_int_equal(hub.gone, 0);
    assert_true(hub.missed >= 3); /* what waited for the quieter ones, each of which is told */
    /* What waited for the quieter ones went first: the newest has its queue. */
    unsigned read = 0;
    POLL_UNTIL((read += raw_read_all(&copies[3]), net_hub_counts(hub.net, &counts),
                counts.queued_bytes == 0 && read > 16));
    for (unsigned i = 0; i < 4; i++)
        raw_close(&copies[i]);
    POLL_UNTIL(loans == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
        STORY(copies_of_a_laptop_are_heard_side_by_side),
        STORY(of_five_copies_the_quietest_makes_room),
        STORY(a_copy_that_shows_signs_of_life_is_not_the_quietest),
        STORY(connections_that_are_gone_make_room_first),
        STORY(copies_that_do_not_read_share_one_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
