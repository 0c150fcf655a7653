/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's machine of a laptop that was revoked: what it had not shared is handed over. */
#include "tests/unit/given_spoke.h"

static const char *kept_aside(uint64_t request, uint64_t held)
{
    message.refused = (struct msg_refused){
        .reason = REFUSED_KEPT_ASIDE, .site = bytes_str(SITE), .held_seq = held, .held_id = own_id(held)};
    return hub_sends(MSG_REFUSED, request, NULL);
}

static void wrote(unsigned count, uint64_t shared_seq)
{
    write_own(count);
    make_spoke(shared_seq);
}

static void what_has_no_receipt_is_handed_over(void **state)
{
    (void)state;
    wrote(5, 3);
    says(up(), "HELLO#1 own 5 waiting 2");
    says(refused(1, REFUSED_REVOKED), "notice-device refused; PUSH#2 0+0 keys 0"); /* how far are you? */
    assert_int_equal(spoke_phase(spoke), SPOKE_PHASE_REFUSED);
    says(kept_aside(2, 3), "read 3 max 1");
    says(read_own(3, 1), "read 4 max 16384"); /* it is ours: the next */
    says(read_own(4, 1), "PUSH#3 4+1 keys 0");
    says(kept_aside(3, 4), "read 5 max 16384");
    says(read_own(5, 1), "PUSH#4 5+1 keys 0");
    says(kept_aside(4, 5), "notice-device clear; notice-device refused");
    assert_int_equal(shared(), 3); /* that is not sharing */
    says(after(60000), "HELLO#5 own 5 waiting 2");
    says(refused(5, REFUSED_REVOKED), "");
    write_own(1);
    says(saved(), "read 6 max 16384"); /* people go on writing */
    says(read_own(6, 16384), "PUSH#6 6+1 keys 0");
    says(kept_aside(6, 6), "notice-device clear; notice-device refused");
    says(after(30000), "");
}

static void what_is_all_shared_needs_no_handing_over(void **state)
{
    (void)state;
    wrote(2, 2);
    up();
    says(refused(1, REFUSED_REVOKED), "notice-device refused; PUSH#2 0+0 keys 0");
    says(kept_aside(2, 2), "read 2 max 1");
    says(read_own(2, 1), "");
    says(after(59999), "");
}

/* Its machine was made anew: what the hub has aside is not brought again. */
static void what_was_handed_over_before_is_not_brought_again(void **state)
{
    (void)state;
    wrote(6, 2);
    up();
    refused(1, REFUSED_REVOKED);
    says(kept_aside(2, 5), "read 5 max 1");
    says(read_own(5, 1), "read 6 max 16384");
}

static void what_a_hub_that_was_put_back_lacks_comes_last(void **state)
{
    (void)state;
    wrote(6, 4);
    up();
    refused(1, REFUSED_REVOKED);
    says(kept_aside(2, 1), "read 1 max 1");
    says(read_own(1, 1), "read 5 max 16384"); /* no receipt came for these */
    says(read_own(5, 16384), "PUSH#3 5+2 keys 0");
    says(kept_aside(3, 1), "read 2 max 16384"); /* one did for these, from the hub of before */
    says(read_own(2, 1), "PUSH#4 2+1 keys 0");
    says(kept_aside(4, 2), "read 3 max 16384");
    says(read_own(3, 16384), "PUSH#5 3+4 keys 0");
    says(kept_aside(5, 6), "notice-device clear; notice-device refused");
}

static void another_history_at_the_hub_hides_nothing(void **state)
{
    (void)state;
    wrote(3, 1);
    up();
    refused(1, REFUSED_REVOKED);
    message.refused = (struct msg_refused){
        .reason = REFUSED_KEPT_ASIDE, .site = bytes_str(SITE), .held_seq = 2, .held_id = own_id(1)};
    says(hub_sends(MSG_REFUSED, 2, NULL), "read 2 max 1");
    says(read_own(2, 1), "read 2 max 16384");
    says(read_own(2, 16384), "PUSH#3 2+2 keys 0");
    says(kept_aside(3, 3), "read 1 max 16384");
    says(read_own(1, 1), "PUSH#4 1+1 keys 0");
    says(kept_aside(4, 3), "notice-device clear; notice-device refused");
    simple(SPOKE_DOWN);
    up();
    refused(5, REFUSED_REVOKED);
    says(kept_aside(6, 9), "read 2 max 16384"); /* more than there is here */
}

static void silence_and_refusals_are_borne(void **state)
{
    (void)state;
    wrote(2, 0);
    up();
    refused(1, REFUSED_REVOKED);
    says(after(10000), "PUSH#3 0+0 keys 0");
    says(kept_aside(2, 0), ""); /* of a request that is no longer waited for */
    says(kept_aside(3, 0), "read 1 max 8192");
    says(read_own(1, 8192), "PUSH#4 1+2 keys 0");
    says(refused(4, REFUSED_BUSY), "");
    says(after(4999), "");
    says(after(1), "read 1 max 8192");
    says(read_own(1, 8192), "PUSH#5 1+2 keys 0");
    says(refused(5, REFUSED_BAD_EVENT), "notice refused");
    says(after(9999), "");
    says(after(1), "read 1 max 8192");
    says(read_own(1, 1), "PUSH#6 1+1 keys 0");
    says(refused(6, REFUSED_SITE), ""); /* then it stays here */
    says(after(23000), "");
}

static void a_hub_of_before_takes_nothing(void **state)
{
    (void)state;
    wrote(2, 0);
    up();
    refused(1, REFUSED_REVOKED);
    says(refused(2, REFUSED_REVOKED), "");
    says(after(59999), "");
    says(after(1), "HELLO#3 own 2 waiting 2");
    says(refused(3, REFUSED_REVOKED), "PUSH#4 0+0 keys 0");
}

/* Revoked in the midst of it all. */
static void what_was_under_way_is_handed_over(void **state)
{
    (void)state;
    wrote(2, 0);
    up();
    says(welcome(1, 0), "read 1 max 16384; PULL#2 after 0 max 16384");
    says(refused(2, REFUSED_REVOKED), "notice-device refused"); /* what is being read comes first */
    says(read_own(1, 16384), "PUSH#3 0+0 keys 0");
    says(kept_aside(3, 0), "read 1 max 16384");
    make_spoke(0);
    up();
    welcome(1, 0);
    says(read_own(1, 16384), "PUSH#3 1+2 keys 0");
    says(kept_aside(3, 2), "notice-device refused; PUSH#4 0+0 keys 0"); /* that was for sharing, and was kept aside */
    says(kept_aside(4, 2), "read 2 max 1");
    says(read_own(2, 1), "notice-device clear; notice-device refused");
}

static void it_may_have_been_a_mistake(void **state)
{
    (void)state;
    wrote(2, 0);
    up();
    refused(1, REFUSED_REVOKED);
    kept_aside(2, 0);
    says(after(60000), "HELLO#3 own 2 waiting 2");
    says(welcome(3, 0), "notice-device clear; PULL#4 after 0 max 16384"); /* what is being read comes first */
    says(read_own(1, 16384), "read 1 max 16384");
    says(read_own(1, 16384), "PUSH#5 1+2 keys 0");
    says(receipt(5, 2), "keep-receipt 2 runs 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_has_no_receipt_is_handed_over),
        TEST(what_is_all_shared_needs_no_handing_over),
        TEST(what_was_handed_over_before_is_not_brought_again),
        TEST(what_a_hub_that_was_put_back_lacks_comes_last),
        TEST(another_history_at_the_hub_hides_nothing),
        TEST(silence_and_refusals_are_borne),
        TEST(a_hub_of_before_takes_nothing),
        TEST(what_was_under_way_is_handed_over),
        TEST(it_may_have_been_a_mistake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
