/* SPDX-License-Identifier: Apache-2.0 */
/* Hub and spokes over real sockets on the loopback: who is let in, what is dropped, and that all the rest arrives. */
#include "tests/unit/given_net.h"

/* ---- who is let in ---- */

static void an_admitted_laptop_is_heard_under_its_own_name(void **state)
{
    (void)state;
    struct laptop a, b;
    laptop_make(&a);
    laptop_make(&b);
    admit(&a.pair, NET_KEY_DEVICE, 1);
    admit(&b.pair, NET_KEY_TICKET, 2);
    hub.answer = true;
    laptop_open(&a, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(a.link == NET_UP);
    assert_true(laptop_says(&a, "from a", 100000));
    UNTIL(a.heard == 1);
    assert_int_equal(hub.last_key.device.b[0], 1);
    assert_int_equal(hub.last_key.kind, NET_KEY_DEVICE);
    assert_string_equal(a.last_header, "from a");
    assert_int_equal(a.last_body, 100000);

    laptop_open(&b, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(b.link == NET_UP);
    assert_true(laptop_says(&b, "from b", 0));
    UNTIL(b.heard == 1);
    assert_int_equal(hub.last_key.kind, NET_KEY_TICKET);
    assert_int_equal(b.last_body, 0);
    net_spoke_close(a.net);
    net_spoke_close(b.net);
}

static void an_unknown_key_is_refused_and_told_so(void **state)
{
    (void)state;
    struct laptop stranger;
    laptop_make(&stranger);
    laptop_open(&stranger, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(stranger.link == NET_REFUSED);
    assert_false(laptop_says(&stranger, "let me in", 0));
    assert_int_equal(hub.heard, 0);
    struct net_hub_counts counts;
    net_hub_counts(hub.net, &counts);
    assert_int_equal(counts.refused, 1);

    /* Once admitted, a new socket gets in. */
    admit(&stranger.pair, NET_KEY_DEVICE, 3);
    net_spoke_reconnect(stranger.net);
    UNTIL(stranger.link == NET_UP);
    net_spoke_close(stranger.net);
}

/* It may hand over what it had not shared. */
static void a_revoked_laptop_is_known_as_one(void **state)
{
    (void)state;
    struct laptop laptop;
    laptop_make(&laptop);
    admit(&laptop.pair, NET_KEY_REVOKED, 4);
    laptop_open(&laptop, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(laptop.link == NET_UP);
    laptop_says(&laptop, "one", 0);
    UNTIL(hub.heard == 1);
    assert_int_equal(hub.last_key.kind, NET_KEY_REVOKED);
    net_spoke_close(laptop.net);
}

/* What ZeroMQ has for it already must not reach it. Another laptop's connection stays. */
static void a_connection_is_cut(void **state)
{
    (void)state;
    struct laptop gone, witness;
    laptop_make(&gone);
    laptop_make(&witness);
    admit(&gone.pair, NET_KEY_DEVICE, 5);
    admit(&witness.pair, NET_KEY_DEVICE, 6);
    laptop_open(&gone, net_hub_endpoint(hub.net), &hub_pair);
    laptop_open(&witness, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(gone.link == NET_UP && witness.link == NET_UP);
    laptop_says(&gone, "one", 0);
    laptop_says(&witness, "two", 0);
    UNTIL(hub.heard == 2);
    net_hub_cut(hub.net, gone.pair.open);
    net_hub_cut(hub.net, gone.pair.open); /* there is none any more */
    UNTIL(gone.ups == 2 && gone.link == NET_UP); /* by itself */
    assert_int_equal(witness.link, NET_UP);
    laptop_says(&witness, "three", 0);
    laptop_says(&gone, "four", 0);
    UNTIL(hub.heard == 4);
    net_spoke_close(gone.net);
    net_spoke_close(witness.net);
}

#define A_MINUTE 60000u
static int begin_short_lives(void **state)
{
    hub_life_ms = A_MINUTE;
    int failed = begin(state);
    hub_life_ms = 0;
    return failed;
}

/* CURVE never changes the keys of a connection: whoever does not make a new one in time is made to. */
static void a_connection_that_has_lived_its_time_is_cut(void **state)
{
    (void)state;
    struct laptop old, fresh;
    laptop_make(&old);
    laptop_make(&fresh);
    admit(&old.pair, NET_KEY_DEVICE, 5);
    admit(&fresh.pair, NET_KEY_DEVICE, 6);
    laptop_open(&old, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(old.link == NET_UP);
    const uint64_t before = clock_steady_ms();
    laptop_says(&old, "one", 0);
    UNTIL(hub.heard == 1);
    const uint64_t peer = hub.last_peer, after = clock_steady_ms();
    net_hub_sweep(hub.net, before + A_MINUTE);
    assert_int_equal(hub.gone, 0);
    POLL_UNTIL(clock_steady_ms() > after + 20);
    laptop_open(&fresh, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(fresh.link == NET_UP);
    laptop_says(&fresh, "two", 0);
    UNTIL(hub.heard == 2);
    net_hub_sweep(hub.net, after + A_MINUTE + 10); /* the second is younger */
    assert_int_equal(hub.gone, 1);
    assert_true(hub.last_gone == peer);
    UNTIL(old.ups == 2 && old.link == NET_UP); /* by itself */
    assert_int_equal(fresh.ups, 1);
    laptop_says(&old, "three", 0);
    UNTIL(hub.heard == 3);
    assert_true(hub.last_peer != peer);
    net_spoke_close(old.net);
    net_spoke_close(fresh.net);
}

/* Nor does one escape that by being silent until it is forgotten. */
static void a_silent_connection_is_cut(void **state)
{
    (void)state;
    struct laptop silent;
    laptop_make(&silent);
    admit(&silent.pair, NET_KEY_DEVICE, 5);
    laptop_open(&silent, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(silent.link == NET_UP);
    laptop_says(&silent, "one", 0);
    UNTIL(hub.heard == 1);
    net_hub_sweep(hub.net, clock_steady_ms() + 3600000);
    assert_int_equal(hub.gone, 1);
    UNTIL(silent.ups == 2 && silent.link == NET_UP);
    laptop_says(&silent, "two", 0);
    UNTIL(hub.heard == 2);
    net_spoke_close(silent.net);
}

static void revocation_acts_at_once_on_a_living_connection(void **state)
{
    (void)state;
    struct laptop gone, witness;
    laptop_make(&gone);
    laptop_make(&witness);
    admit(&gone.pair, NET_KEY_DEVICE, 5);
    admit(&witness.pair, NET_KEY_DEVICE, 6);
    laptop_open(&gone, net_hub_endpoint(hub.net), &hub_pair);
    laptop_open(&witness, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(gone.link == NET_UP && witness.link == NET_UP);
    laptop_says(&gone, "one", 0);
    UNTIL(hub.heard == 1);

    /* Marked as revoked: still heard, so that it can be told, but as what it is. */
    admit(&gone.pair, NET_KEY_REVOKED, 5);
    laptop_says(&gone, "two", 0);
    UNTIL(hub.heard == 2);
    assert_int_equal(hub.last_key.kind, NET_KEY_REVOKED);

    /* Forgotten: its connection lives, and nobody listens. */
    net_hub_forget(hub.net, gone.pair.open);
    laptop_says(&gone, "three", 0);
    struct net_hub_counts counts = {0};
    POLL_UNTIL((net_hub_counts(hub.net, &counts), counts.dropped_in == 1));
    laptop_says(&witness, "four", 0);
    UNTIL(hub.heard == 3);
    assert_string_equal(hub.last_header, "four");
    assert_int_equal(gone.link, NET_UP);
    net_spoke_close(gone.net);
    net_spoke_close(witness.net);
}

static void another_machine_at_the_hubs_address_is_not_believed(void **state)
{
    (void)state;
    struct laptop laptop;
    struct pair other;
    laptop_make(&laptop);
    crypto_box_keypair(other.open, other.secret);
    admit(&laptop.pair, NET_KEY_DEVICE, 7);
    laptop_open(&laptop, net_hub_endpoint(hub.net), &other);
    UNTIL(laptop.link == NET_WRONG_KEY);
    net_spoke_close(laptop.net);
}

static void nobody_at_the_address_is_unreachable(void **state)
{
    (void)state;
    char address[64];
    snprintf(address, sizeof address, "%s", net_hub_endpoint(hub.net));
    net_hub_close(hub.net);
    hub.net = NULL;
    struct laptop laptop;
    laptop_make(&laptop);
    laptop_open(&laptop, address, &hub_pair);
    UNTIL(laptop.link == NET_UNREACHABLE);
    net_spoke_close(laptop.net);
}

static void a_door_that_stands_open_is_found_before_the_hub_listens(void **state)
{
    (void)state;
    void *zmq = zmq_ctx_new(), *nobody = zmq_socket(zmq, ZMQ_REP), *router = zmq_socket(zmq, ZMQ_ROUTER);
    int on = 1, none = 0;
    struct felloe_error error = {0};
    zmq_setsockopt(router, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(router, ZMQ_CURVE_SERVER, &on, sizeof on);
    zmq_setsockopt(router, ZMQ_CURVE_SECRETKEY, hub_pair.secret, 32);
    assert_false(net_zap_prove(zmq, nobody, router, hub_pair.open, &error)); /* CURVE alone, and no handler */
    assert_non_null(strstr(error.message, "was let in"));
    void *zap = net_zap_bind(zmq);
    assert_non_null(zap);
    zmq_close(router);
    router = zmq_socket(zmq, ZMQ_ROUTER);
    zmq_setsockopt(router, ZMQ_LINGER, &none, sizeof none);
    assert_true(net_zap_guard(router, hub_pair.secret));
    assert_true(net_zap_prove(zmq, zap, router, hub_pair.open, &error));
    zmq_close(router);
    zmq_close(zap);
    zmq_close(nobody);
    zmq_ctx_term(zmq);
}

/* ---- what arrives ---- */

static void a_thousand_of_a_thousand_arrive(void **state)
{
    (void)state;
    struct laptop laptop;
    laptop_make(&laptop);
    admit(&laptop.pair, NET_KEY_DEVICE, 1);
    hub.answer = true;
    laptop_open(&laptop, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(laptop.link == NET_UP);
    unsigned sent = 0;
    while (laptop.heard < 1000) {
        while (sent < 1000 && sent - laptop.heard < 40) { /* as a sync machine's window would */
            assert_true(laptop_says(&laptop, "one of many", sent % 50));
            sent++;
        }
        unsigned before = laptop.heard;
        UNTIL(laptop.heard > before);
    }
    assert_int_equal(hub.heard, 1000);
    net_spoke_close(laptop.net);
}

static void a_laptop_comes_back_when_the_hub_was_restarted(void **state)
{
    (void)state;
    struct laptop laptop;
    char address[64];
    struct felloe_error error;
    laptop_make(&laptop);
    admit(&laptop.pair, NET_KEY_DEVICE, 1);
    snprintf(address, sizeof address, "%s", net_hub_endpoint(hub.net));
    laptop_open(&laptop, address, &hub_pair);
    UNTIL(laptop.link == NET_UP);
    net_hub_close(hub.net);
    hub.net = NULL;
    UNTIL(laptop.link != NET_UP);
    assert_false(laptop_says(&laptop, "nobody hears", 0));

    assert_int_equal(hub_open(address, &error), FELLOE_OK);
    admit(&laptop.pair, NET_KEY_DEVICE, 1);
    UNTIL(laptop.link == NET_UP);
    assert_int_equal(laptop.ups, 2);
    assert_true(laptop_says(&laptop, "here again", 0));
    UNTIL(hub.heard == 1);
    assert_string_equal(hub.last_header, "here again");

    /* A new connection of the same key is heard at once, whatever has become of the old one. */
    net_spoke_reconnect(laptop.net);
    UNTIL(laptop.ups == 3);
    laptop_says(&laptop, "and again", 0);
    UNTIL(hub.heard == 2);
    net_spoke_close(laptop.net);
}

static void a_taken_port_is_named(void **state)
{
    (void)state;
    struct net_hub *first = hub.net;
    struct felloe_error error = {0};
    assert_int_equal(hub_open(net_hub_endpoint(first), &error), FELLOE_IN_USE);
    assert_non_null(strstr(error.message, "is taken"));
    assert_int_equal(hub_open("tcp://192.0.2.1:9999", &error), FELLOE_INVALID);
    hub.net = first;
}

/* ---- peers that misbehave ---- */

static void malformed_messages_are_dropped_and_the_rest_heard(void **state)
{
    (void)state;
    struct raw raw;
    raw_open(&raw);
    static uint8_t large[HEADER_MAX + 1];
    struct net_hub_counts counts = {0};
    zmq_send(raw.dealer, "alone", 5, 0); /* no body: dropped */
    for (int i = 0; i < 500; i++)        /* far too many parts: dropped */
        zmq_send(raw.dealer, "part", 4, ZMQ_SNDMORE);
    zmq_send(raw.dealer, "part", 4, 0);
    zmq_send(raw.dealer, large, sizeof large, ZMQ_SNDMORE); /* a header over the limit: dropped */
    zmq_send(raw.dealer, "", 0, 0);
    zmq_send(raw.dealer, "good", 4, ZMQ_SNDMORE);
    zmq_send(raw.dealer, "body", 4, 0);
    UNTIL(hub.heard == 1);
    assert_string_equal(hub.last_header, "good");
    net_hub_counts(hub.net, &counts);
    assert_int_equal(counts.dropped_in, 3);
    raw_close(&raw);
}

static void an_oversize_frame_ends_that_connection_alone(void **state)
{
    (void)state;
    struct laptop laptop;
    laptop_make(&laptop);
    admit(&laptop.pair, NET_KEY_DEVICE, 1);
    laptop_open(&laptop, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(laptop.link == NET_UP);
    struct raw raw;
    raw_open(&raw);
    uint8_t *huge = calloc(1, FRAME_MAX * 2);
    assert_non_null(huge);
    zmq_send(raw.dealer, "header", 6, ZMQ_SNDMORE);
    zmq_send(raw.dealer, huge, FRAME_MAX * 2, 0);
    free(huge);
    zmq_send(raw.dealer, "after", 5, ZMQ_SNDMORE);
    zmq_send(raw.dealer, "", 0, 0);
    laptop_says(&laptop, "still here", 10);
    UNTIL(hub.heard >= 1 && strcmp(hub.last_header, "still here") == 0);
    raw_close(&raw);
    net_spoke_close(laptop.net);
}

static void a_peer_that_does_not_read_is_bounded_and_holds_nobody_up(void **state)
{
    (void)state;
    struct raw raw;
    struct laptop laptop;
    raw_open(&raw);
    zmq_send(raw.dealer, "hello", 5, ZMQ_SNDMORE);
    zmq_send(raw.dealer, "", 0, 0);
    UNTIL(hub.heard == 1);
    uint64_t slow = hub.last_peer;
    struct net_hub_counts counts = {0};
    unsigned tried = 0;
    for (; counts.dropped_out == 0; tried++) {
        hub_lends(slow);
        uv_run(&loop, UV_RUN_NOWAIT);
        net_hub_counts(hub.net, &counts);
        assert_true(counts.queued_bytes <= 5u * 1024 * 1024);
        assert_true(tried < 1000);
    }
    laptop_make(&laptop);
    admit(&laptop.pair, NET_KEY_DEVICE, 1);
    hub.answer = true;
    laptop_open(&laptop, net_hub_endpoint(hub.net), &hub_pair);
    UNTIL(laptop.link == NET_UP);
    laptop_says(&laptop, "quick", 1000);
    UNTIL(laptop.heard == 1);

    /* Once it reads, all that was not dropped comes, every loan is returned, and that something is missing is told. */
    unsigned read = 0;
    assert_int_equal(hub.missed, 0);
    POLL_UNTIL((read += raw_read_all(&raw), read == tried - counts.dropped_out));
    POLL_UNTIL(loans == 0);
    POLL_UNTIL(hub.missed == 1 && hub.last_missed == slow);
    net_hub_counts(hub.net, &counts);
    assert_int_equal(counts.queued_bytes, 0);
    assert_true(read > 16);
    raw_close(&raw);
    net_spoke_close(laptop.net);
}

static void sending_to_a_peer_that_left_says_so(void **state)
{
    (void)state;
    struct raw raw;
    raw_open(&raw);
    zmq_send(raw.dealer, "hello", 5, ZMQ_SNDMORE);
    zmq_send(raw.dealer, "", 0, 0);
    UNTIL(hub.heard == 1);
    raw_close(&raw);
    POLL_UNTIL((hub_lends(hub.last_peer), hub.gone == 1));
    assert_false(hub_lends(hub.last_peer));
    POLL_UNTIL(loans == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define STORY(name) cmocka_unit_test_setup_teardown(name, begin, end)
        STORY(an_admitted_laptop_is_heard_under_its_own_name),
        STORY(an_unknown_key_is_refused_and_told_so),
        STORY(a_revoked_laptop_is_known_as_one),
        STORY(a_connection_is_cut),
        cmocka_unit_test_setup_teardown(a_connection_that_has_lived_its_time_is_cut, begin_short_lives, end),
        STORY(a_silent_connection_is_cut),
        STORY(revocation_acts_at_once_on_a_living_connection),
        STORY(another_machine_at_the_hubs_address_is_not_believed),
        STORY(nobody_at_the_address_is_unreachable),
        STORY(a_door_that_stands_open_is_found_before_the_hub_listens),
        STORY(a_thousand_of_a_thousand_arrive),
        STORY(a_laptop_comes_back_when_the_hub_was_restarted),
        STORY(a_taken_port_is_named),
        STORY(malformed_messages_are_dropped_and_the_rest_heard),
        STORY(an_oversize_frame_ends_that_connection_alone),
        STORY(a_peer_that_does_not_read_is_bounded_and_holds_nobody_up),
        STORY(sending_to_a_peer_that_left_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
