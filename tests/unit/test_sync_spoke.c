/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's machine, step by step: greeting, upload, what the hub holds, refusals. */
#include "tests/unit/given_spoke.h"

/* ---- greeting ---- */

static void it_greets_until_it_is_welcomed(void **state)
{
    (void)state;
    says(simple(SPOKE_TICK), "");
    says(up(), "HELLO#1 own 0 waiting 0");
    assert_int_equal(spoke_deadline(spoke), now + 10000);
    says(after(9999), "");
    says(after(1), "HELLO#2 own 0 waiting 0");
    says(welcome(1, 0), ""); /* of a HELLO that is no longer waited for */
    assert_int_equal(spoke_phase(spoke), SPOKE_PHASE_GREETING);
    says(welcome(2, 0), "PULL#3 after 0 max 16384");
    assert_int_equal(spoke_phase(spoke), SPOKE_PHASE_LIVE);
}

static void unanswered_it_asks_for_a_new_connection(void **state)
{
    (void)state;
    says(up(), "HELLO#1 own 0 waiting 0");
    says(after(10000), "HELLO#2 own 0 waiting 0");
    says(after(10000), "HELLO#3 own 0 waiting 0");
    says(after(10000), "reconnect");
    assert_int_equal(spoke_deadline(spoke), UINT64_MAX);
    says(up(), "HELLO#4 own 0 waiting 0");
}

static void silence_while_live_is_probed(void **state)
{
    (void)state;
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    says(after(30000 + 2048),
         "PULL#3 after 0 max 8192; HELLO#4 own 0 waiting 0"); /* 16 KiB more of a thin link's time */
    says(after(10000), "HELLO#5 own 0 waiting 0");
    says(after(10000), "HELLO#6 own 0 waiting 0");
    says(after(10000), "reconnect");
}

static void it_greets_again_now_and_then_and_when_somebody_looks(void **state)
{
    (void)state;
    const uint64_t quarter = 900000;
    up();
    welcome(1, 0);
    uint64_t welcomed = now;
    says(after(20000), "");
    others_write(1);
    feed(2, 1, 1);
    feed_kept(true);
    spoke_looked(spoke, now);
    assert_true(spoke_deadline(spoke) > now); /* what was told is new */
    now = welcomed + 60000;
    spoke_looked(spoke, now);
    says(after(0), "HELLO#4 own 0 waiting 0; PULL#5 after 1 max 8192");
    welcome(4, 0);
    welcomed = now;
    for (uint64_t pull = 5; spoke_deadline(spoke) < welcomed + quarter; pull++) {
        after(spoke_deadline(spoke) - now - 10000);
        feed(pull, 0, 0);
    }
    assert_non_null(strstr(after(welcomed + quarter - now), "HELLO#"));
}

static void where_nothing_happens_the_hub_may_wait_longer_and_longer(void **state)
{
    (void)state;
    up();
    welcome(1, 0);
    for (uint64_t waits = 20000; waits < 1280000; waits *= 2) {
        assert_int_equal(message.kind, MSG_PULL);
        assert_int_equal(message.pull.wait_ms, waits);
        now += waits;
        feed(message.request, 0, 0); /* a HELLO comes in between */
    }
    others_write(1);
    assert_non_null(strstr(feed(message.request, 1, 1), "PULL#"));
    assert_int_equal(message.pull.wait_ms, 20000);
}

static void news_that_are_known_of_and_do_not_come_are_asked_for_again(void **state)
{
    (void)state;
    up();
    welcome(1, 0);
    for (uint64_t request = 2, waits = 20000; request < 6; request++, waits *= 2) {
        now += waits;
        feed(request, 0, 0);
    }
    now += 60000;
    spoke_looked(spoke, now); /* it has been quiet for minutes, and the hub may wait for minutes */
    says(after(0), "HELLO#7 own 0 waiting 0");
    message.welcome = (struct msg_welcome){.epoch = 1, .now_ms = 1, .site_count = 1, .terms = terms_now()};
    message.welcome.sites[0] = (struct welcome_site){.site = bytes_str(SITE), .verdict = SITE_OK, .head = {1, 1}};
    says(hub_sends(MSG_WELCOME, 7, NULL), "");
    says(after(10000 + 2047), "");
    says(after(1), "PULL#8 after 0 max 8192");
}

static void the_hub_may_ask_to_be_greeted_again(void **state)
{
    (void)state;
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    says(refused(0, REFUSED_HELLO_FIRST), "HELLO#3 own 0 waiting 0");
    says(refused(0, REFUSED_HELLO_FIRST), ""); /* it is being done */
    says(welcome(3, 0), "PULL#4 after 0 max 16384");
    says(refused(0, REFUSED_BUSY), "");
}

/* Answers every HELLO and PULL as they come, until the machine wants something else. */
static const char *live_quietly(uint64_t until)
{
    uint64_t number = 0;
    while (now < until) {
        uint64_t deadline = spoke_deadline(spoke);
        const char *said = after((deadline < until ? deadline : until) - now);
        if (strstr(said, "reconnect") != NULL)
            return said;
        for (const char *at = said; *at != '\0' && (at = strchr(at, '#')) != NULL; at++)
            number = strtoull(at + 1, NULL, 10);
        if (strstr(said, "HELLO") != NULL)
            welcome(number, 0);
        else if (strstr(said, "PULL") != NULL)
            feed(number, 0, 0);
    }
    return "";
}

static void a_connection_lives_for_an_hour(void **state)
{
    (void)state;
    up();
    uint64_t hour = now + 3600000, latest = hour + 300000;
    welcome(1, 0);
    says(live_quietly(hour), "");
    assert_non_null(strstr(live_quietly(latest), "reconnect"));
    assert_int_equal(spoke_phase(spoke), SPOKE_PHASE_DOWN);
    says(after(5), "");
    assert_non_null(strstr(up(), "HELLO"));
    assert_int_equal(spoke_phase(spoke), SPOKE_PHASE_GREETING);
}

/* ---- upload ---- */

static void saved_events_are_pushed_and_shared_only_when_the_receipt_is_kept(void **state)
{
    (void)state;
    write_own(2);
    says(saved(), "");
    says(up(), "HELLO#1 own 2 waiting 2");
    says(welcome(1, 0), "read 1 max 16384; PULL#2 after 0 max 16384");
    says(read_own(1, 16384), "PUSH#3 1+2 keys 0");
    says(receipt(3, 2), "keep-receipt 2 runs 0");
    assert_int_equal(shared(), 0);
    says(receipt_kept(2), "");
    assert_int_equal(shared(), 2);
    write_own(1);
    says(saved(), "read 3 max 32768");
    says(read_own(3, 32768), "PUSH#4 3+1 keys 0");
}

static void what_the_hub_acknowledged_is_not_told_as_waiting(void **state)
{
    (void)state;
    write_own(2);
    saved();
    up();
    welcome(1, 0);
    read_own(1, 16384);
    says(receipt(3, 2), "keep-receipt 2 runs 0");
    others_write(1);
    says(feed(2, 1, 1), "keep-feed 1+1; PULL#4 after 1 max 16384");
    now += 60000;
    spoke_looked(spoke, now);
    says(after(0), "HELLO#5 own 2 waiting 0; PULL#6 after 1 max 8192"); /* the receipt is still being kept */
    assert_int_equal(shared(), 0);
}

static void receipts_may_be_doubled_and_reordered(void **state)
{
    (void)state;
    up();
    welcome(1, 0); /* PULL#2 */
    write_own(1);
    says(saved(), "read 1 max 16384");
    says(read_own(1, 1), "PUSH#3 1+1 keys 0");
    receipt(3, 1); /* quick: two may be in flight now */
    write_own(1);
    saved();
    says(read_own(2, 1), "PUSH#4 2+1 keys 0");
    write_own(1);
    says(saved(), "read 3 max 32768");
    says(read_own(3, 1), "PUSH#5 3+1 keys 0");
    says(receipt(5, 3), ""); /* the first is still being kept: this one waits */
    says(receipt(4, 2), "");
    says(receipt(5, 3), "");
    says(receipt_kept(1), "keep-receipt 3 runs 0");
    says(receipt_kept(3), "");
    says(receipt(3, 1), "");
    assert_int_equal(shared(), 3);
}

static void receipts_of_a_backlog_are_kept_now_and_then(void **state)
{
    (void)state;
    write_own(2000);
    saved();
    up();
    welcome(1, 0);
    read_own(1, 16384);
    says(receipt(3, 105), "keep-receipt 105 runs 0; read 106 max 32768");
    says(receipt_kept(105), "");
    says(read_own(106, 32768), "PUSH#4 106+205 keys 0; read 311 max 32768");
    says(read_own(311, 32768), "PUSH#5 311+202 keys 0");
    says(receipt(4, 310), "read 513 max 65536"); /* more is under way: this one waits */
    assert_int_equal(spoke_deadline(spoke), now + 50);
    says(after(49), "");
    assert_int_equal(shared(), 105);
    says(after(1), "keep-receipt 310 runs 0");
    says(receipt_kept(310), "");
    says(receipt(5, 512), "keep-receipt 512 runs 0"); /* nothing is: at once */
    says(receipt_kept(512), "");
    says(read_own(513, 65536), "PUSH#6 513+404 keys 0; read 917 max 131072");
    says(read_own(917, 131072), "PUSH#7 917+809 keys 0; read 1726 max 131072");
    says(receipt(6, 916), "");
    says(simple(SPOKE_DOWN), "keep-receipt 916 runs 0"); /* no later one will come */
}

static void positions_of_receipts_that_wait_are_kept_together(void **state)
{
    (void)state;
    up();
    welcome(1, 0);
    for (unsigned i = 0; i < 3; i++) {
        write_own(1);
        saved();
        read_own(i + 1u, 1);
        fill_receipt(i + 1u);
        message.receipt.run_count = 1;
        message.receipt.runs[0] = (struct position_run){i + 1u, {1, i + 1u}, 1};
        says(hub_sends(MSG_RECEIPT, i + 3u, NULL), i == 0 ? "keep-receipt 1 runs 1" : "");
    }
    says(receipt_kept(1), "keep-receipt 3 runs 2");
}

static void a_receipt_without_the_hubs_signature_is_nothing(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    welcome(1, 0);
    read_own(1, 1);
    fill_receipt(1);
    message.receipt.signature.b[7] ^= 1;
    says(hub_sends(MSG_RECEIPT, 3, NULL), "read 1 max 32768"); /* taken as "less than was pushed" */
    assert_int_equal(shared(), 0);
}

static void a_push_without_a_receipt_is_sent_again_in_smaller_pieces(void **state)
{
    (void)state;
    write_own(200);
    saved();
    up();
    welcome(1, 0);
    says(read_own(1, 16384), "PUSH#3 1+105 keys 0");
    uint64_t due = spoke_deadline(spoke);
    assert_in_range(due - now, 10000, 12500);
    says(after(due - now), "read 1 max 8192; HELLO#4 own 200 waiting 200");
    says(read_own(1, 8192), "PUSH#5 1+52 keys 0");
    says(receipt(3, 105), "keep-receipt 105 runs 0; read 106 max 8192"); /* the first came through after all */
}

static void the_window_grows_on_quick_receipts(void **state)
{
    (void)state;
    write_own(2000);
    saved();
    up();
    welcome(1, 0);
    says(read_own(1, 16384), "PUSH#3 1+105 keys 0");
    now += 500;
    says(receipt(3, 105), "keep-receipt 105 runs 0; read 106 max 32768");
    says(read_own(106, 32768), "PUSH#4 106+205 keys 0; read 311 max 32768"); /* two in flight */
    says(read_own(311, 32768), "PUSH#5 311+202 keys 0");
    now += 500;
    says(receipt(4, 310), "read 513 max 32768"); /* no larger: a link may become thin at any moment */
    says(receipt(5, 512), "");
    says(read_own(513, 32768), "PUSH#6 513+202 keys 0; read 715 max 32768");
    says(read_own(715, 32768), "PUSH#7 715+202 keys 0; read 917 max 32768");
    says(read_own(917, 32768), "PUSH#8 917+202 keys 0; read 1119 max 32768");
    says(read_own(1119, 32768), "PUSH#9 1119+202 keys 0"); /* four are all */
}

static struct in_flight {
    uint64_t request, last;
} flight[32];
static unsigned flight_count;

/* Sends as long as the machine wants to read. */
static void send_all(const char *said)
{
    for (const char *read; (read = strstr(said, "read ")) != NULL && flight_count < 32;) {
        said = read_own(strtoull(read + 5, NULL, 10), 400);
        flight[flight_count++] = (struct in_flight){message.request, message.push.first_seq + message.push.count - 1};
    }
}

static void answer_all_after(uint64_t ms)
{
    now += ms;
    for (unsigned left = flight_count; left > 0; left--) {
        const struct in_flight first = flight[0];
        memmove(flight, flight + 1, --flight_count * sizeof flight[0]);
        send_all(receipt(first.request, first.last));
    }
}

static void while_answers_are_quick_more_is_in_flight(void **state)
{
    (void)state;
    write_own(1000);
    saved();
    up();
    flight_count = 0;
    send_all(welcome(1, 0));
    for (unsigned i = 0; i < 8; i++)
        answer_all_after(500);
    assert_int_equal(flight_count, 8);
    for (unsigned i = 0; i < 6; i++)
        answer_all_after(100);
    assert_int_equal(flight_count, 32);
    answer_all_after(500);
    assert_int_equal(flight_count, 32);
    answer_all_after(1100);
    answer_all_after(1100);
    assert_int_equal(flight_count, 8);
}

/* A fast link has much in flight. Should it become thin, that would stand in front of all else for minutes. */
static void a_fast_link_that_becomes_thin_is_given_up(void **state)
{
    (void)state;
    write_own(9000);
    saved();
    up();
    welcome(1, 0);
    says(read_own(1, 16384), "PUSH#3 1+105 keys 0");
    says(receipt(3, 105), "keep-receipt 105 runs 0; read 106 max 32768");
    says(read_own(106, 32768), "PUSH#4 106+205 keys 0; read 311 max 32768");
    says(receipt(4, 310), "");
    says(read_own(311, 32768), "PUSH#5 311+202 keys 0; read 513 max 65536");
    says(receipt(5, 512), "");
    says(read_own(513, 65536), "PUSH#6 513+404 keys 0; read 917 max 131072");
    says(receipt(6, 916), "");
    says(read_own(917, 131072), "PUSH#7 917+809 keys 0; read 1726 max 262144");
    says(read_own(1726, 262144), "PUSH#8 1726+1618 keys 0; read 3344 max 262144");
    assert_int_equal(spoke_deadline(spoke), now + 10000);
    says(after(9999), "");
    says(after(1), "reconnect");
    up();
    says(welcome(9, 916), "PULL#10 after 0 max 16384");
    says(read_own(3344, 262144), "read 917 max 4096"); /* what is asked for stands behind it */
}

static void the_window_shrinks_on_slow_receipts(void **state)
{
    (void)state;
    write_own(2000);
    saved();
    up();
    welcome(1, 0);
    says(read_own(1, 16384), "PUSH#3 1+105 keys 0");
    says(receipt(3, 105), "keep-receipt 105 runs 0; read 106 max 32768");
    says(read_own(106, 32768), "PUSH#4 106+205 keys 0; read 311 max 32768"); /* two in flight */
    says(read_own(311, 32768), "PUSH#5 311+202 keys 0");
    now += 5000;
    says(receipt(4, 310), ""); /* one in flight from now on, and half as much */
    now += 5000;
    says(receipt(5, 512), "read 513 max 8192");
}

static void a_hub_that_has_less_gets_it_again_but_not_for_ever(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    welcome(1, 0);
    read_own(1, 1);
    says(receipt(3, 0), "read 1 max 32768");
    read_own(1, 1); /* PUSH#4 */
    now += 500;
    says(receipt(4, 0), "read 1 max 32768");
    read_own(1, 1); /* PUSH#5 */
    now += 500;
    says(receipt(5, 0), "");
    says(after(1000), "HELLO#6 own 1 waiting 1"); /* it asks afresh */
    says(after(4000), "read 1 max 32768");
}

/* ---- what the hub holds ---- */

static void what_the_hub_holds_is_a_receipt_too(void **state)
{
    (void)state;
    write_own(5);
    saved();
    up();
    says(welcome(1, 5), "keep-receipt 5 runs 0; PULL#2 after 0 max 16384");
    assert_int_equal(shared(), 0);
    receipt_kept(5);
    assert_int_equal(shared(), 5);
}

static void what_it_holds_in_the_middle_is_compared_first(void **state)
{
    (void)state;
    write_own(5);
    saved();
    up();
    says(welcome(1, 3), "read 1 max 16384; PULL#2 after 0 max 16384");
    says(read_own(1, 1), "read 2 max 16384"); /* only one event was read: it goes on to look */
    says(read_own(2, 16384), "keep-receipt 3 runs 0; read 4 max 16384");
    says(read_own(4, 16384), "PUSH#3 4+2 keys 0");
}

static void another_history_at_the_hub_is_a_fork(void **state)
{
    (void)state;
    write_own(5);
    saved();
    up();
    struct event_id strange = {{9}};
    says(welcome_of(1, SITE_OK, 3, strange, 0), "read 1 max 16384; PULL#2 after 0 max 16384");
    says(read_own(1, 16384), "notice fork; PUSH#3 1+5 keys 0"); /* shows the hub */
    says(refused(3, REFUSED_BAD_EVENT), "");
    says(after(1000), "HELLO#4 own 5 waiting 5");
    says(welcome_of(4, SITE_FORK, 3, strange, 2), "notice fork"); /* again: now it names the way on */
    assert_int_equal(told_incarnation, 2);
    write_own(1);
    says(saved(), ""); /* saved, and not pushed */
    others_write(1);
    says(feed(2, 1, 1), "keep-feed 1+1; PULL#5 after 1 max 16384"); /* and the rest goes on */
    assert_int_equal(shared(), 0);
}

static void another_event_at_the_very_end_is_a_fork_too(void **state)
{
    (void)state;
    write_own(2);
    saved();
    up();
    says(welcome_of(1, SITE_OK, 2, (struct event_id){{9}}, 0), "read 1 max 16384; PULL#2 after 0 max 16384");
    says(read_own(1, 16384), "notice fork; PUSH#3 1+2 keys 0");
    assert_int_equal(shared(), 0);
}

static void a_hub_that_holds_more_than_was_written_is_a_fork(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    says(welcome_of(1, SITE_OK, 4, (struct event_id){{9}}, 0), "notice fork; PULL#2 after 0 max 16384");
    says(after(1000), "HELLO#3 own 1 waiting 1");
}

static void verdicts_stop_what_they_are_about(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    says(welcome_of(1, SITE_DENIED, 0, own_id(0), 0), "notice refused");
    says(after(60000), "HELLO#2 own 1 waiting 1");
    says(welcome_of(2, SITE_SPLIT, 0, own_id(0), 0), "notice split");
    says(after(60000), "HELLO#3 own 1 waiting 1");
    says(welcome(3, 0), "notice clear; read 1 max 16384; PULL#4 after 0 max 16384");
}

/* ---- refusals ---- */

static void hello_first_is_done(void **state)
{
    (void)state;
    up();
    welcome(1, 0);
    says(refused(2, REFUSED_HELLO_FIRST), "HELLO#3 own 0 waiting 0");
    says(refused(2, REFUSED_HELLO_FIRST), "");
    says(welcome(3, 0), "PULL#4 after 0 max 16384");
}

static void a_busy_hub_is_asked_later(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    welcome(1, 0);
    read_own(1, 1);
    says(refused(3, REFUSED_BUSY), "");
    says(refused(2, REFUSED_BUSY), "");
    says(after(4999), "");
    says(after(1), "read 1 max 8192; PULL#4 after 0 max 16384");
}

static void a_refused_laptop_asks_again_in_a_minute(void **state)
{
    (void)state;
    static const enum refusal reasons[] = {REFUSED_UNKNOWN, REFUSED_VERSION, REFUSED_TICKET_USED};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        up();
        welcome(1, 0);
        says(refused(2, reasons[i]), "notice-device refused");
        assert_int_equal(spoke_phase(spoke), SPOKE_PHASE_REFUSED);
        says(after(59999), "");
        says(after(1), "HELLO#3 own 0 waiting 0");
        says(welcome(3, 0), "notice-device clear; PULL#4 after 0 max 16384");
        tear_down(state);
        set_up(state);
    }
}

static void a_refused_site_is_left_alone(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    welcome(1, 0);
    says(refused(2, REFUSED_SITE), "notice refused");
    says(read_own(1, 1), "");
    says(after(30000), "");
}

static void refused_events_stay_saved_and_are_asked_about_ever_more_slowly(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    welcome(1, 0);
    read_own(1, 1);
    says(refused(3, REFUSED_BAD_EVENT), "notice refused");
    says(after(1000), "HELLO#4 own 1 waiting 1");
    says(welcome(4, 0), "read 1 max 16384"); /* perhaps the hub was mended */
    says(read_own(1, 1), "PUSH#5 1+1 keys 0");
    says(refused(5, REFUSED_BAD_EVENT), ""); /* told already */
    says(after(1999), "");
    says(after(1), "HELLO#6 own 1 waiting 1");
    welcome(6, 0);
    read_own(1, 1);
    says(receipt(7, 1), "notice clear; keep-receipt 1 runs 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_greets_until_it_is_welcomed),
        TEST(unanswered_it_asks_for_a_new_connection),
        TEST(silence_while_live_is_probed),
        TEST(it_greets_again_now_and_then_and_when_somebody_looks),
        TEST(where_nothing_happens_the_hub_may_wait_longer_and_longer),
        TEST(news_that_are_known_of_and_do_not_come_are_asked_for_again),
        TEST(the_hub_may_ask_to_be_greeted_again),
        TEST(a_connection_lives_for_an_hour),
        TEST(saved_events_are_pushed_and_shared_only_when_the_receipt_is_kept),
        TEST(what_the_hub_acknowledged_is_not_told_as_waiting),
        TEST(receipts_may_be_doubled_and_reordered),
        TEST(receipts_of_a_backlog_are_kept_now_and_then),
        TEST(positions_of_receipts_that_wait_are_kept_together),
        TEST(a_receipt_without_the_hubs_signature_is_nothing),
        TEST(a_push_without_a_receipt_is_sent_again_in_smaller_pieces),
        TEST(the_window_grows_on_quick_receipts),
        TEST(while_answers_are_quick_more_is_in_flight),
        TEST(a_fast_link_that_becomes_thin_is_given_up),
        TEST(the_window_shrinks_on_slow_receipts),
        TEST(a_hub_that_has_less_gets_it_again_but_not_for_ever),
        TEST(what_the_hub_holds_is_a_receipt_too),
        TEST(what_it_holds_in_the_middle_is_compared_first),
        TEST(another_history_at_the_hub_is_a_fork),
        TEST(another_event_at_the_very_end_is_a_fork_too),
        TEST(a_hub_that_holds_more_than_was_written_is_a_fork),
        TEST(verdicts_stop_what_they_are_about),
        TEST(hello_first_is_done),
        TEST(a_busy_hub_is_asked_later),
        TEST(a_refused_laptop_asks_again_in_a_minute),
        TEST(a_refused_site_is_left_alone),
        TEST(refused_events_stay_saved_and_are_asked_about_ever_more_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
