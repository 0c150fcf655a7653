/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's machine: own events that are at hand when they were saved are push_body without being read. */
#include "tests/unit/given_spoke.h"

static void what_was_just_saved_is_pushed_without_being_read(void **state)
{
    (void)state;
    struct event_id last;
    up();
    welcome(1, 0); /* PULL#2 */
    write_own(2);
    says(saved_at_hand(2), "PUSH#3 1+2 keys 0");
    struct lent body = {0};
    store_read_own(own, 1, BODY_TARGET, &body, &last);
    assert_int_equal(push_body_len, body.bytes.len);
    assert_memory_equal(push_body, body.bytes.data, push_body_len);
    lent_return(&body);
    assert_true(verify_stream(&me.sign, bytes_str(at_site), &me.device, 1, 2, &last, &message.push.signature));
    says(receipt(3, 2), "keep-receipt 2 runs 0");
    says(receipt_kept(2), "");
    assert_int_equal(shared(), 2);
}

static void what_comes_before_it_is_pushed_first(void **state)
{
    (void)state;
    write_own(1);
    says(saved_at_hand(1), ""); /* there is no connection */
    up();
    says(welcome(1, 0), "read 1 max 16384; PULL#2 after 0 max 16384");
    write_own(1);
    says(saved_at_hand(1), "");
    says(read_own(1, 1), "PUSH#3 1+1 keys 0");
    write_own(1);
    says(saved_at_hand(1), ""); /* one at a time may be under way */
    says(receipt(3, 1), "keep-receipt 1 runs 0; read 2 max 32768");
    says(read_own(2, 32768), "PUSH#4 2+2 keys 0");
}

static void more_than_the_window_is_read(void **state)
{
    (void)state;
    up();
    welcome(1, 0);
    write_own(2);
    struct spoke_input input = {.kind = SPOKE_SAVED, .own = own->own_head, .count = 2};
    static const uint8_t much[16385];
    input.body.bytes = bytes_of(much, sizeof much);
    says(step(&input), "read 1 max 16384");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_just_saved_is_pushed_without_being_read),
        TEST(what_comes_before_it_is_pushed_first),
        TEST(more_than_the_window_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
