/* SPDX-License-Identifier: Apache-2.0 */
/* A WELCOME counts only when the hub has signed its terms for this laptop and this HELLO: whoever got hold of an old
 * key of the hub's connections, or passes on what the hub said to somebody or some time ago, is noticed, and learns and
 * changes nothing. */
#include "tests/unit/given_spoke.h"

#define NOTHING_TOLD "notice-device not-hub"

static enum spoke_phase phase(void)
{
    return spoke_phase(spoke);
}

/* Fills in a WELCOME with which all is well but, perhaps, its terms. */
static const char *answer(uint64_t request, struct bytes terms)
{
    message.welcome = (struct msg_welcome){.epoch = 1, .now_ms = 1, .site_count = 1, .terms = terms};
    message.welcome.sites[0] = (struct welcome_site){.site = bytes_str(SITE), .verdict = SITE_OK};
    return hub_sends(MSG_WELCOME, request, NULL);
}

/* After that the laptop has learnt nothing, gives nothing, and asks again in a minute, until the hub answers. */
static void assert_went_on(uint64_t request, unsigned window)
{
    char hello[64], pull[64];
    assert_int_equal(phase(), SPOKE_PHASE_UNPROVEN);
    says(after(59000), "");
    snprintf(hello, sizeof hello, "HELLO#%llu own 1 waiting 1", (unsigned long long)request);
    says(after(1000), hello);
    snprintf(pull, sizeof pull, "notice-device clear; read 1 max 16384; PULL#%llu after 0 max %u",
             (unsigned long long)request + 1, window);
    says(welcome(request, 0), pull);
    assert_int_equal(phase(), SPOKE_PHASE_LIVE);
}

static void given_greeting(void)
{
    write_own(1);
    saved();
    says(up(), "HELLO#1 own 1 waiting 1");
}

static void without_terms_it_is_not_the_hub(void **state)
{
    (void)state;
    given_greeting();
    says(answer(1, (struct bytes){0}), NOTHING_TOLD);
    assert_went_on(2, 16384);
}

static void nor_with_those_of_another_hub(void **state)
{
    (void)state;
    given_greeting();
    signs = &other.secret;
    says(answer(1, terms_now()), NOTHING_TOLD);
    signs = NULL;
    assert_went_on(2, 16384);
}

/* A laptop that works together with whoever is in the hub's place can have any challenge signed, for itself. */
static void nor_with_those_of_another_laptop(void **state)
{
    (void)state;
    given_greeting();
    told_terms.device = other.device;
    says(answer(1, terms_now()), NOTHING_TOLD);
    told_terms.device = me.device;
    assert_went_on(2, 16384);
}

/* The hub would name the very key that the connection was made with. */
static void nor_over_a_connection_with_another_key_than_they_name(void **state)
{
    (void)state;
    given_greeting();
    told_terms.curve[31] = 1;
    says(answer(1, terms_now()), NOTHING_TOLD);
    told_terms.curve[31] = 0;
    assert_went_on(2, 16384);
}

static void nor_with_those_that_answered_an_earlier_hello(void **state)
{
    (void)state;
    struct buffer old = {0};
    given_greeting();
    struct bytes terms = terms_now();
    buffer_append(&old, terms.data, terms.len);
    says(after(10000), "HELLO#2 own 1 waiting 1");
    says(answer(1, buffer_bytes(&old)), ""); /* of a HELLO that is no longer waited for */
    says(answer(2, buffer_bytes(&old)), NOTHING_TOLD);
    assert_went_on(3, 16384);
    buffer_release(&old);
}

/* Nor under the same number: a daemon that starts anew counts from 1 again, with another secret. */
static void a_machine_made_anew_has_other_challenges(void **state)
{
    (void)state;
    struct challenge first, second;
    struct spoke_config config = {.device = me.device, .incarnation = 1, .sign = me.secret, .hub_sign = hub.sign};
    given_greeting();
    first = challenge;
    after(10000);
    second = challenge;
    assert_memory_not_equal(&first, &second, sizeof first);
    spoke_free(spoke);
    config.secret[31] = 1;
    spoke = spoke_new(&config);
    assert_true(spoke_load_site(spoke, bytes_str(SITE), &own->own_head, 0, 0));
    says(up(), "HELLO#1 own 1 waiting 1");
    assert_memory_not_equal(&first, &challenge, sizeof first);
    assert_memory_not_equal(&second, &challenge, sizeof second);
    says(welcome(1, 0), "read 1 max 16384; PULL#2 after 0 max 16384");
}

/* It had been the hub, and no longer is: what was under way is let go, and no answer to it counts. */
static void a_live_connection_is_not_live_for_ever(void **state)
{
    (void)state;
    others_write(2);
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    now += 60000;
    spoke_looked(spoke, now);
    says(after(0), "HELLO#3 own 0 waiting 0; PULL#4 after 0 max 8192");
    says(answer(3, (struct bytes){0}), NOTHING_TOLD);
    says(feed(4, 1, 2), "");
    write_own(1);
    says(saved(), "");
    says(after(60000), "HELLO#5 own 1 waiting 1");
    says(answer(5, (struct bytes){0}), ""); /* that has been told */
    assert_went_on(6, 8192);
}

/* A second WELCOME to the same HELLO is nothing, whatever it says. */
static void one_answer_is_enough(void **state)
{
    (void)state;
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    says(welcome(1, 0), "");
    says(answer(1, (struct bytes){0}), "");
    assert_int_equal(phase(), SPOKE_PHASE_LIVE);
}

/* What people were told of a refusal does not keep them from being told of this. */
static void after_a_refusal_it_is_told_too(void **state)
{
    (void)state;
    up();
    says(refused(1, REFUSED_UNKNOWN), "notice-device refused");
    says(after(60000), "HELLO#2 own 0 waiting 0");
    says(answer(2, (struct bytes){0}), NOTHING_TOLD);
    says(after(60000), "HELLO#3 own 0 waiting 0");
    says(welcome(3, 0), "notice-device clear; PULL#4 after 0 max 16384");
}

/* Whoever answers HELLO by asking for one does not keep the laptop busy. */
static void to_be_asked_for_a_hello_by_way_of_answer_is_no_reason_to_hurry(void **state)
{
    (void)state;
    up();
    says(refused(1, REFUSED_HELLO_FIRST), "");
    says(after(4999), "");
    says(after(1), "HELLO#2 own 0 waiting 0");
    says(welcome(2, 0), "PULL#3 after 0 max 16384");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_terms_it_is_not_the_hub),
        TEST(nor_with_those_of_another_hub),
        TEST(nor_with_those_of_another_laptop),
        TEST(nor_over_a_connection_with_another_key_than_they_name),
        TEST(nor_with_those_that_answered_an_earlier_hello),
        TEST(a_machine_made_anew_has_other_challenges),
        TEST(a_live_connection_is_not_live_for_ever),
        TEST(one_answer_is_enough),
        TEST(after_a_refusal_it_is_told_too),
        TEST(to_be_asked_for_a_hello_by_way_of_answer_is_no_reason_to_hurry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
