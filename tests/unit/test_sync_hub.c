/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's machine, step by step: who may speak, greeting, connections. */
#include "tests/unit/given_hub.h"

/* ---- who may speak ---- */

static void strangers_and_revoked_ones_are_refused(void **state)
{
    (void)state;
    says(hello(&stranger, 7, &head_a), "REFUSED#1 3 to 7");
    hub_revoke(hub, &a.device);
    says(hello(&a, 1, &head_a), "incident; REFUSED#1 4 to 1");
    admit(&a);
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 0 head 0 to 1");
    says(pull(&a, 1, 2, 0), "");
    hub_revoke(hub, &a.device);
    assert_true(hub_deadline(hub) <= now);
    says(after(0), "REFUSED#2 4 to 1"); /* what it waits for tells it at once */
    says(after(60000), "");
}

static void hello_comes_first(void **state)
{
    (void)state;
    says(pull(&a, 1, 5, 0), "REFUSED#5 6 to 1");
    hello(&a, 1, &head_a);
    says(pull(&a, 1, 6, 0), "");
    struct hub_input gone = {.kind = HUB_PEER_GONE, .peer = 1};
    says(step(&gone), "");
    says(pull(&a, 1, 7, 0), "REFUSED#7 6 to 1");
}

static void who_speaks_is_told_by_the_key_alone(void **state)
{
    (void)state;
    fill_hello(&b, 1); /* b's name, over a's connection */
    says(send(&a, 1, MSG_HELLO, 1, NULL), "incident; REFUSED#1 3 to 1");
}

static void another_version_is_refused(void **state)
{
    (void)state;
    fill_hello(&a, 1);
    message.hello.version = 2;
    says(send(&a, 1, MSG_HELLO, 1, NULL), "REFUSED#1 2 to 1");
}

static void garbage_is_refused_and_told_once(void **state)
{
    (void)state;
    struct hub_input input = {.kind = HUB_MESSAGE, .peer = 1, .device = a.device, .header = bytes_str("\xc1garbage")};
    says(step(&input), "incident; REFUSED#0 1 to 1");
    says(step(&input), "REFUSED#0 1 to 1");
    now += 10000;
    says(step(&input), "incident; REFUSED#0 1 to 1");
    hello(&a, 1, &head_a);
    message.offered = (struct msg_offered){.site = bytes_str(SITE)}; /* well-formed, but not for a hub */
    says(send(&a, 1, MSG_OFFERED, 9, NULL), "REFUSED#9 1 to 1");
}

static void sites_that_it_is_not_let_into_are_denied(void **state)
{
    (void)state;
    fill_hello(&a, 1)->site = bytes_str("peak");
    says(send(&a, 1, MSG_HELLO, 1, NULL), "WELCOME#1 denied held 0 head 0 to 1");
    fill_hello(&a, 1)->site = bytes_str("nowhere");
    says(send(&a, 1, MSG_HELLO, 2, NULL), "WELCOME#2 denied held 0 head 0 to 1");
    message.pull = (struct msg_pull){.site = bytes_str("peak")};
    says(send(&a, 1, MSG_PULL, 3, NULL), "REFUSED#3 5 to 1");
}

/* ---- greeting ---- */

static void another_sites_laptops_are_nobodys_business(void **state)
{
    (void)state;
    assert_true(hub_load_site(hub, bytes_str("commons")));
    struct bytes here[] = {bytes_str("commons"), bytes_str(SITE)};
    struct bytes elsewhere[] = {bytes_str("commons"), bytes_str("peak")};
    assert_true(hub_admit(hub, &a.device, &a.sign, here, 2));
    assert_true(hub_admit(hub, &b.device, &b.sign, elsewhere, 2));
    hello(&a, 1, &head_a);
    assert_int_equal(welcomed.peer_count, 0);
    assert_true(hub_admit(hub, &b.device, &b.sign, here, 2));
    hello(&a, 1, &head_a);
    assert_int_equal(welcomed.peer_count, 1);
}

static void welcome_tells_the_terms(void **state)
{
    (void)state;
    hello(&a, 1, &head_a);
    assert_int_equal(told.lease_hours, 0); /* as long as nothing was set */
    struct terms terms = {.lease_hours = 72, .curve = {1}, .box = {{2}}};
    hub_set_terms(hub, &terms);
    hello(&a, 1, &head_a);
    assert_int_equal(told.lease_hours, 72);
    terms.lease_hours = 24; /* the latest that were set */
    hub_set_terms(hub, &terms);
    hello(&b, 2, &head_a);
    assert_int_equal(told.lease_hours, 24);
}

/* They are signed for whoever asks, and for this question: nobody can pass them on. */
static void terms_answer_whoever_asked(void **state)
{
    (void)state;
    const struct challenge first = {{1}}, second = {{2}}, third = {{3}};
    fill_hello(&a, 1);
    message.hello.challenge = first;
    send(&a, 1, MSG_HELLO, 1, NULL);
    assert_true(terms_answer(&told, &a.device, &first));
    fill_hello(&b, 1);
    message.hello.challenge = first;
    send(&b, 2, MSG_HELLO, 1, NULL);
    assert_true(terms_answer(&told, &b.device, &first));

    /* the hub reads its log for the first, and is asked again before it can answer: it answers the second */
    a_wrote(3);
    make_hub(1);
    struct log_head low = store_at(log_, (struct position){1, 2})->head;
    for (int i = 0; i < 2; i++) {
        struct hello_site *site = fill_hello(&a, 1);
        site->own_seq = head_a.seq;
        site->own_id = head_a.id;
        site->cursor_count = 1;
        site->cursors[0] = low;
        message.hello.challenge = i == 0 ? second : third;
        send(&a, 3, MSG_HELLO, 5 + (uint64_t)i, NULL);
    }
    struct hub_input hashes = {.kind = HUB_HASHES, .ticket = taken.ticket, .ok = true, .hashes = &low.hash};
    assert_non_null(strstr(step(&hashes), "WELCOME#6"));
    assert_true(terms_answer(&told, &a.device, &third));
}

static void welcome_tells_what_is_held_and_signs_it(void **state)
{
    (void)state;
    a_wrote(3);
    make_hub(1);
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 3 head 3 to 1");
    const struct welcome_site *site = &welcomed.sites[0];
    assert_true(verify_receipt(&hub_party.sign, bytes_str(SITE), &a.device, 1, 3, &head_a.id, &site->held_receipt));
    assert_true(event_id_equal(&site->held_id, &head_a.id));
    assert_int_equal(welcomed.now_ms, 1767225600000 + (int64_t)now);
    assert_int_equal(welcomed.peer_count, 1); /* b, of whom nothing was heard yet */
    assert_int_equal(welcomed.peers[0].heard_ms, 0);
    struct hello_site *hello_b = fill_hello(&b, 1);
    hello_b->waiting = 4;
    now++;
    send(&b, 2, MSG_HELLO, 1, NULL);
    hello(&a, 1, &head_a);
    assert_int_equal(welcomed.peers[0].waiting, 4);
    assert_int_equal(welcomed.peers[0].heard_ms, 1767225600000 + (int64_t)now);
}

static const char *hello_with_cursor(struct log_head cursor)
{
    struct hello_site *site = fill_hello(&b, 1);
    site->cursor_count = 1;
    site->cursors[0] = cursor;
    return send(&b, 2, MSG_HELLO, 1, NULL);
}

static void cursors_are_compared_with_the_log(void **state)
{
    (void)state;
    a_wrote(5);
    make_hub(1);
    struct log_head third = store_at(log_, (struct position){1, 3})->head, last = store_head(log_, 1), ahead = last;
    says(hello_with_cursor(last), "WELCOME#1 ok held 0 head 5 to 2");
    last.hash.b[0] ^= 1;
    says(hello_with_cursor(last), "incident; WELCOME#1 split held 0 head 5 to 2");
    ahead.at.n = 9;
    says(hello_with_cursor(ahead), "WELCOME#1 rewind held 0 head 5 to 2");
    says(hello_with_cursor(third), "hash(1) 3");
    struct hub_input answer = {.kind = HUB_HASHES, .ticket = 1, .ok = true, .hashes = &third.hash};
    says(step(&answer), "WELCOME#1 ok held 0 head 5 to 2");
    says(hello_with_cursor(third), "hash(2) 3");
    struct log_hash other = {{7}};
    answer = (struct hub_input){.kind = HUB_HASHES, .ticket = 2, .ok = true, .hashes = &other};
    now += 10000;
    says(step(&answer), "incident; WELCOME#1 split held 0 head 5 to 2");
    says(hello_with_cursor(third), "hash(3) 3");
    answer = (struct hub_input){.kind = HUB_HASHES, .ticket = 3, .ok = false};
    says(step(&answer), "REFUSED#1 9 to 2");
}

/* Its HELLO told of what was durable there: what was still on its way to its disk only the PULL tells. */
static void who_has_more_than_it_said_says_hello_again(void **state)
{
    (void)state;
    a_wrote(5);
    make_hub(1);
    struct log_head last = store_head(log_, 1), ahead = last;
    ahead.at.n = 9;
    says(hello_with_cursor(last), "WELCOME#1 ok held 0 head 5 to 2");
    says(pull(&b, 2, 2, 5), "");
    says(pull(&b, 2, 3, 6), "REFUSED#3 6 to 2");
    says(hello_with_cursor(last), "WELCOME#1 ok held 0 head 5 to 2");
    says(pull(&b, 2, 4, 9), "REFUSED#4 6 to 2"); /* still not durable */
    says(hello_with_cursor(ahead), "WELCOME#1 rewind held 0 head 5 to 2");
    says(pull(&b, 2, 5, 9), ""); /* now it knows, and the hub is refilled */
    says(hello_with_cursor(last), "WELCOME#1 ok held 0 head 5 to 2");
    says(pull(&b, 2, 6, 9), "REFUSED#6 6 to 2");
}

static void an_overtaken_hello_is_not_answered(void **state)
{
    (void)state;
    a_wrote(5);
    make_hub(1);
    struct log_head third = store_at(log_, (struct position){1, 3})->head;
    says(hello_with_cursor(third), "hash(1) 3");
    says(hello_with_cursor(third), "hash(2) 3");
    struct hub_input answer = {.kind = HUB_HASHES, .ticket = 1, .ok = true, .hashes = &third.hash};
    says(step(&answer), "");
    answer.ticket = 2;
    says(step(&answer), "WELCOME#1 ok held 0 head 5 to 2");
    says(step(&answer), "");
}

/* While the log is read for its HELLO, what it wrote after that HELLO comes in: that is no second history. */
static void what_comes_after_a_hello_is_no_other_history(void **state)
{
    (void)state;
    a_wrote(5);
    make_hub(1);
    struct log_head third = store_at(log_, (struct position){1, 3})->head;
    hello(&a, 1, &head_a);
    struct hello_site *site = fill_hello(&a, 1);
    site->own_seq = head_a.seq;
    site->own_id = head_a.id;
    site->cursor_count = 1;
    site->cursors[0] = third;
    says(send(&a, 1, MSG_HELLO, 2, NULL), "hash(1) 3");
    const struct pool_event *sixth = write_event(&a, 1, &head_a, (struct seen){0});
    says(push(&a, 1, 3, &sixth, 1), "keep(2) 6+1");
    says(keep_done(2), "RECEIPT#3 6 runs 1 to 1");
    struct hub_input answer = {.kind = HUB_HASHES, .ticket = 1, .ok = true, .hashes = &third.hash};
    says(step(&answer), "WELCOME#2 ok held 5 head 6 to 1");
}

/* It said the last one that there is, by mistake or to make trouble: it is not named 0, as if that were one. */
static void a_laptop_at_the_last_incarnation_is_named_none(void **state)
{
    (void)state;
    a_wrote(3);
    make_hub(1);
    struct stream_head back = {1, {{1}}, {0}};
    fill_hello(&a, UINT32_MAX);
    says(send(&a, 1, MSG_HELLO, 1, NULL), "WELCOME#1 ok held 0 head 3 to 1");
    for (unsigned i = 2; i < 4; i++) {
        char expected[80];
        snprintf(expected, sizeof expected, "%sWELCOME#1 fork held 3 head 3 to %u", i == 2 ? "incident; " : "", i);
        says(hello(&a, i, &back), expected);
        assert_int_equal(welcomed.sites[0].next_incarnation, 0);
        assert_non_null(strstr(incident, "no incarnation is left"));
    }
}

static void a_laptop_that_was_set_back_learns_its_next_incarnation(void **state)
{
    (void)state;
    a_wrote(3);
    make_hub(1);
    struct stream_head back = {1, {{1}}, {0}};
    says(hello(&a, 1, &back), "incident; WELCOME#1 fork held 3 head 3 to 1");
    assert_int_equal(welcomed.sites[0].next_incarnation, 2);
    says(hello(&a, 1, &back), "WELCOME#1 fork held 3 head 3 to 1"); /* the same connection: the same answer */
    assert_int_equal(welcomed.sites[0].next_incarnation, 2);
    hello(&a, 9, &back); /* a clone: never the same */
    assert_int_equal(welcomed.sites[0].next_incarnation, 3);
    struct stream_head other = {3, {{1}}, {0}};
    hello(&a, 10, &other); /* same place, other event */
    assert_int_equal(welcomed.sites[0].verdict, SITE_FORK);
    struct stream_head longer = {8, {{1}}, {0}};
    says(hello(&a, 11, &longer), "WELCOME#1 ok held 3 head 3 to 11"); /* only its PUSH can tell */
    fill_hello(&a, 3);
    says(send(&a, 9, MSG_HELLO, 1, NULL), "WELCOME#1 ok held 0 head 3 to 9"); /* it went on as it was told */
}

/* ---- connections and devices ---- */

static void of_many_connections_the_quietest_is_forgotten(void **state)
{
    (void)state;
    for (uint64_t peer = 1; peer <= 5; peer++, now++)
        hello(&a, peer, &head_a);
    says(pull(&a, 5, 2, 0), "");
    says(pull(&a, 2, 2, 0), "");
    says(pull(&a, 1, 2, 0), "REFUSED#2 6 to 1");
}

/* Held back, it would be waited for in vain for half an hour. */
static void whom_an_answer_did_not_reach_is_asked_to_greet_again(void **state)
{
    (void)state;
    struct hub_input missed = {.kind = HUB_PEER_MISSED, .peer = 1}, nobody = {.kind = HUB_PEER_MISSED, .peer = 9};
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    says(step(&nobody), "");
    says(step(&missed), "REFUSED#0 6 to 1");
    says(after(1), "");
    hub_revoke(hub, &a.device);
    says(step(&missed), "");
}

static void devices_are_told_as_heard(void **state)
{
    (void)state;
    struct hub_device_status status;
    assert_int_equal(hub_device_count(hub), 2);
    hub_device_status(hub, 0, &status);
    assert_false(status.connected);
    assert_int_equal(status.heard_ms, 0);
    fill_hello(&a, 1)->waiting = 3;
    message.hello.sites[0].oldest_waiting_ms = 77;
    send(&a, 1, MSG_HELLO, 1, NULL);
    hub_device_status(hub, 0, &status);
    assert_true(status.connected);
    assert_int_equal(status.waiting, 3);
    assert_int_equal(status.oldest_waiting_ms, 77);
    after(170000);
    hub_alive(hub, 1, now, now - 1000, 77); /* a heartbeat */
    after(170000);
    hub_device_status(hub, 0, &status);
    assert_true(status.connected);
    assert_int_equal(status.heard_ms, 77);
    hub_alive(hub, 9, now, now, 78); /* nobody's connection */
    after(10000);
    hub_device_status(hub, 0, &status);
    assert_false(status.connected);
    assert_int_equal(status.heard_ms, 77);
}

static void a_connection_that_is_gone_is_not_connected(void **state)
{
    (void)state;
    struct hub_device_status status;
    hello(&a, 1, &head_a);
    hub_device_status(hub, 0, &status);
    assert_true(status.connected);
    struct hub_input gone = {.kind = HUB_PEER_GONE, .peer = 1};
    step(&gone);
    hub_device_status(hub, 0, &status);
    assert_false(status.connected);
}

static void who_is_connected_is_asked_to_greet_again_when_there_is_news(void **state)
{
    (void)state;
    const struct key_id lacking = {{1}};
    const struct terms terms = {.lease_hours = 5};
    hello(&a, 1, &head_a);
    assert_true(hub_deadline(hub) > now);
    hub_set_terms(hub, &terms);
    assert_true(hub_deadline(hub) <= now);
    says(after(0), "REFUSED#0 6 to 1");
    says(after(1), "");
    assert_true(hub_set_missing(hub, bytes_str(SITE), &lacking, 1));
    says(after(0), "REFUSED#0 6 to 1");
    assert_true(hub_set_missing(hub, bytes_str(SITE), &lacking, 1)); /* nothing new */
    says(after(1), "");
    assert_true(hub_set_missing(hub, bytes_str(SITE), NULL, 0));
    says(after(1), "");
}

/* The log tells them from another place each time, and whoever makes up keys could have more of them at any time. */
static void for_keys_that_are_missing_everybody_is_asked_to_greet_once_a_minute_at_most(void **state)
{
    (void)state;
    const struct key_id keys[] = {{{1}}, {{2}}, {{3}}, {{4}}}, turned[] = {{{2}}, {{1}}};
    hello(&a, 1, &head_a);
    assert_true(hub_set_missing(hub, bytes_str(SITE), keys, 2));
    says(after(0), "REFUSED#0 6 to 1");
    after(60000);
    assert_true(hub_set_missing(hub, bytes_str(SITE), turned, 2)); /* the same */
    says(after(0), "");
    assert_true(hub_set_missing(hub, bytes_str(SITE), keys, 1)); /* fewer */
    says(after(0), "");
    assert_true(hub_set_missing(hub, bytes_str(SITE), keys, 3));
    says(after(0), "REFUSED#0 6 to 1");
    after(30000);
    assert_true(hub_set_missing(hub, bytes_str(SITE), keys, 4));
    says(after(0), "");
    assert_int_equal(hub_deadline(hub), now + 30000);
    says(after(29999), "");
    says(after(1), "REFUSED#0 6 to 1");
    assert_true(hub_deadline(hub) > now);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strangers_and_revoked_ones_are_refused),
        TEST(hello_comes_first),
        TEST(who_speaks_is_told_by_the_key_alone),
        TEST(another_version_is_refused),
        TEST(garbage_is_refused_and_told_once),
        TEST(sites_that_it_is_not_let_into_are_denied),
        TEST(another_sites_laptops_are_nobodys_business),
        TEST(welcome_tells_the_terms),
        TEST(terms_answer_whoever_asked),
        TEST(welcome_tells_what_is_held_and_signs_it),
        TEST(cursors_are_compared_with_the_log),
        TEST(who_has_more_than_it_said_says_hello_again),
        TEST(an_overtaken_hello_is_not_answered),
        TEST(what_comes_after_a_hello_is_no_other_history),
        TEST(a_laptop_that_was_set_back_learns_its_next_incarnation),
        TEST(a_laptop_at_the_last_incarnation_is_named_none),
        TEST(of_many_connections_the_quietest_is_forgotten),
        TEST(whom_an_answer_did_not_reach_is_asked_to_greet_again),
        TEST(devices_are_told_as_heard),
        TEST(a_connection_that_is_gone_is_not_connected),
        TEST(who_is_connected_is_asked_to_greet_again_when_there_is_news),
        TEST(for_keys_that_are_missing_everybody_is_asked_to_greet_once_a_minute_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
