/* SPDX-License-Identifier: Apache-2.0 */
/* What a laptop that catches up will ask for next is read while the FEED before it is on its way. */
#include "tests/unit/given_hub.h"

#include <stdarg.h>

static __attribute__((format(printf, 2, 3))) void is(const char *said, const char *format, ...)
{
    char expected[256];
    va_list args;
    va_start(args, format);
    vsnprintf(expected, sizeof expected, format, args);
    va_end(args);
    assert_string_equal(said, expected);
}

/* b catches up with a long log over connection 2: it has got the first FEED, and the second is being read. Returns how
 * many entries one has. */
static unsigned given_catching_up(void)
{
    a_wrote(400);
    make_hub(1);
    hello(&b, 2, &head_b);
    is(pull(&b, 2, 2, 0), "read(1) 1.1 for 2");
    const char *said = range(1, (struct position){1, 1}, &b);
    is(said, "FEED#2 1.1+%u to 2; read(2) 1.%u for 2", fed.count, fed.count + 1);
    assert_in_range(fed.count, 10, 130);
    return fed.count;
}

static const char *second(unsigned count)
{
    return range(2, (struct position){1, count + 1}, &b);
}

/* The second FEED, and what is read after it. */
static void is_second(const char *said, unsigned count)
{
    is(said, "FEED#3 1.%u+%u to 2; read(3) 1.%u for 2", count + 1, fed.count, count + fed.count + 1);
}

static void what_was_read_meanwhile_is_the_answer_at_once(void **state)
{
    (void)state;
    const unsigned count = given_catching_up();
    says(second(count), "");
    is_second(pull(&b, 2, 3, count), count);
    assert_true(verify_log_head(&hub_party.sign, bytes_str(SITE), &fed.head, &fed.signature));
    struct lent body = {0};
    struct log_head head;
    store_read_feed(log_, (struct position){1, count + 1}, 16384, &b.device, 1, &body, &head);
    assert_int_equal(fed_len, body.bytes.len);
    assert_memory_equal(fed_body, body.bytes.data, fed_len);
    assert_memory_equal(&fed.head.hash, &head.hash, sizeof head.hash);
    lent_return(&body);
}

static void what_is_still_being_read_is_the_answer_when_it_is(void **state)
{
    (void)state;
    const unsigned count = given_catching_up();
    says(pull(&b, 2, 3, count), "");
    is_second(second(count), count);
}

static void who_asks_for_something_else_gets_that(void **state)
{
    (void)state;
    const unsigned count = given_catching_up();
    second(count);
    is(pull(&b, 2, 3, count - 1), "read(3) 1.%u for 2", count);
}

static void who_asks_for_less_gets_no_more(void **state)
{
    (void)state;
    const unsigned count = given_catching_up();
    second(count);
    message.pull =
        (struct msg_pull){.site = bytes_str(SITE), .cursor_count = 1, .cursors = {{1, count}}, .max_bytes = 9};
    is(send(&b, 2, MSG_PULL, 3, NULL), "read(3) 1.%u for 2", count + 1);
}

static void it_is_kept_for_a_second(void **state)
{
    (void)state;
    for (unsigned ms = 999; ms <= 1000; ms++) {
        const unsigned count = given_catching_up();
        assert_int_equal(hub_deadline(hub), now + 1000);
        second(count);
        after(ms);
        if (ms < 1000)
            is_second(pull(&b, 2, 3, count), count);
        else
            is(pull(&b, 2, 3, count), "read(3) 1.%u for 2", count + 1);
    }
}

static void whoever_greets_anew_is_read_for_anew(void **state)
{
    (void)state;
    const unsigned count = given_catching_up();
    hello(&b, 2, &head_b);
    says(second(count), "");
    is(pull(&b, 2, 3, count), "read(3) 1.%u for 2", count + 1);
}

static void of_a_connection_that_is_gone_nothing_stays(void **state)
{
    (void)state;
    for (unsigned read = 0; read < 2; read++) {
        const unsigned count = given_catching_up();
        struct hub_input gone = {.kind = HUB_PEER_GONE, .peer = 2};
        if (read)
            second(count);
        says(step(&gone), "");
        if (!read)
            says(second(count), "");
        assert_true(hub_deadline(hub) > now + 1000);
    }
}

static void what_others_wait_for_is_read_first(void **state)
{
    (void)state;
    a_wrote(400);
    make_hub(1);
    for (uint64_t peer = 2; peer <= 4; peer++)
        hello(&b, peer, &head_b);
    says(pull(&b, 2, 2, 0), "read(1) 1.1 for 2");
    says(pull(&b, 3, 2, 0), "read(2) 1.1 for 3");
    says(pull(&b, 4, 2, 0), "");
    const char *said = range(1, (struct position){1, 1}, &b);
    is(said, "FEED#2 1.1+%u to 2; read(3) 1.1 for 4", fed.count);
}

static void a_rest_that_is_no_whole_feed_waits_for_more(void **state)
{
    (void)state;
    bool ahead = true;
    unsigned at = given_catching_up();
    for (uint64_t ticket = 2; ahead; ticket++) {
        range(ticket, (struct position){1, at + 1}, &b);
        ahead = strstr(pull(&b, 2, ticket + 1, at), "read(") != NULL;
        at += fed.count;
        assert_true(!ahead || at + fed.count <= 400);
    }
    assert_in_range(400 - at, 1, fed.count - 1);
}

static void a_few_that_are_all_there_is_are_not_followed(void **state)
{
    (void)state;
    a_wrote(5);
    make_hub(1);
    hello(&b, 2, &head_b);
    pull(&b, 2, 2, 0);
    says(range(1, (struct position){1, 1}, &b), "FEED#2 1.1+5 to 2");
    assert_true(hub_deadline(hub) > now + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_read_meanwhile_is_the_answer_at_once),
        TEST(what_is_still_being_read_is_the_answer_when_it_is),
        TEST(who_asks_for_something_else_gets_that),
        TEST(who_asks_for_less_gets_no_more),
        TEST(it_is_kept_for_a_second),
        TEST(whoever_greets_anew_is_read_for_anew),
        TEST(of_a_connection_that_is_gone_nothing_stays),
        TEST(what_others_wait_for_is_read_first),
        TEST(a_rest_that_is_no_whole_feed_waits_for_more),
        TEST(a_few_that_are_all_there_is_are_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
