/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop with many sites: what is under way is of all of them, and so is how long an answer may take. */
#include "tests/unit/given_spoke.h"

#define SITES 12u

static char names[SITES][8];
static struct store_site *owns[SITES], *logs[SITES];
static struct stream_head others[SITES];
static uint64_t hub_has; /* of each site, so the hub says */

static void turn_to(size_t site)
{
    at_site = names[site];
    own = owns[site];
}

/* A laptop with so many sites, which has written something to each. */
static int begin(void **state)
{
    int failed = set_up(state);
    hub_has = 0;
    struct spoke_config config = {.device = me.device, .incarnation = 1, .sign = me.secret, .hub_sign = hub.sign};
    spoke_free(spoke);
    spoke = spoke_new(&config);
    for (size_t i = 0; i < SITES; i++) {
        (void)snprintf(names[i], sizeof names[i], "site%zu", i);
        owns[i] = store_add_site(&mine, names[i]);
        logs[i] = store_add_site(&hubs, names[i]);
        others[i] = (struct stream_head){0};
        turn_to(i);
        write_own(2000);
        assert_true(spoke_load_site(spoke, bytes_str(at_site), &own->own_head, 0, 0));
    }
    return failed;
}

static int end(void **state)
{
    at_site = SITE;
    return tear_down(state);
}

static const char *welcome_to(size_t count)
{
    message.welcome = (struct msg_welcome){.epoch = 1, .now_ms = 1, .site_count = (uint32_t)count,
                                           .terms = terms_now()};
    for (size_t i = 0; i < count; i++)
        message.welcome.sites[i] = (struct welcome_site){.site = bytes_str(names[i]), .verdict = SITE_OK,
                                                         .head = {hub_has > 0, hub_has}};
    return hub_sends(MSG_WELCOME, greeted, NULL);
}

/* What was asked for is read; the PUSH that came of it. */
struct pushed {
    unsigned long long request, first, count;
};
static struct pushed push(size_t site, uint64_t first, uint32_t max)
{
    struct pushed pushed;
    turn_to(site);
    const char *text = read_own(first, max);
    if (strncmp(text, "PUSH#", 5) != 0)
        fail_msg("of %s from %llu: \"%s\"", names[site], (unsigned long long)first, text);
    char *rest;
    pushed.request = strtoull(text + 5, &rest, 10);
    pushed.first = strtoull(rest, &rest, 10);
    pushed.count = strtoull(rest + 1, NULL, 10);
    assert_true(pushed.first == first);
    return pushed;
}

static const char *receipt_of(size_t site, uint64_t request, uint64_t seq)
{
    turn_to(site);
    struct event_id id = own_id(seq);
    message.receipt = (struct msg_receipt){.site = bytes_str(at_site), .incarnation = 1, .seq = seq, .id = id};
    sign_receipt(&hub.secret, bytes_str(at_site), &me.device, 1, seq, &id, &message.receipt.signature);
    return hub_sends(MSG_RECEIPT, request, NULL);
}

/* One more entry of the hub's log, of many; the request for the next, 0: there is none. */
static uint64_t feed_one(size_t site, uint64_t request)
{
    struct seen none = {0};
    struct msg_feed *m = &message.feed;
    turn_to(site);
    store_append(logs[site], 1, pool_make(&pool, bytes_str(at_site), &other.device, 1, &others[site], &none), NULL);
    const struct position at = store_head(logs[site], 1).at;
    const struct store_entry *entry = store_at(logs[site], at);
    *m = (struct msg_feed){
        .site = bytes_str(at_site), .first = at, .count = 1, .head = entry->head, .newest = {1, hub_has}};
    buffer_release(&feed_body);
    feed_put_event(&feed_body, buffer_bytes(&entry->event->raw), NULL);
    sign_log_head(&hub.secret, m->site, &m->head, &m->signature);
    const char *text = feed_send(request);
    return strncmp(text, "PULL#", 5) == 0 ? strtoull(text + 5, NULL, 10) : 0;
}

#define FIRST_PULL 2u /* of the first site; then one after the other */

/* A batch of each is under way, which a link of 64 kbit/s bears: the last of them comes after all others. */
static void on_a_thin_link_one_sites_answer_stands_behind_all_others(void **state)
{
    (void)state;
    const uint64_t all = SITES * 16384u;
    up();
    welcome_to(SITES);
    for (size_t i = 0; i < SITES; i++)
        push(i, 1, 16384);
    says(after(10000 + 16384 / 8), "");
    says(after(all / 8 - 16384 / 8 - SITES * 200 / 8 - 100), "");
    assert_true(strstr(after(SITES * 200 / 8 + 200), "read 1 max 8192") != NULL); /* one of them: it was lost */
}

/* None has much under way, and all together have. */
static void a_fast_link_that_becomes_thin_is_given_up_for_what_all_have_under_way(void **state)
{
    (void)state;
    up();
    welcome_to(3);
    for (size_t i = 0; i < 3; i++) {
        struct pushed p = push(i, 1, 16384);
        receipt_of(i, p.request, p.count);
        p = push(i, p.first + p.count, i < 2 ? 32768 : 16384); /* no site waits for the others, but it sends little */
        if (i < 2)
            push(i, p.first + p.count, 32768);
    }
    says(after(9999), "");
    says(after(1), "reconnect");
}

/* What some have under way is much, and another's receipt shows that the link still bears something. */
static void the_link_is_not_given_up_while_any_sites_receipts_come(void **state)
{
    (void)state;
    struct pushed p;
    up();
    welcome_to(4);
    for (size_t i = 0; i < 4; i++) {
        p = push(i, 1, 16384);
        receipt_of(i, p.request, p.count);
        p = push(i, p.first + p.count, i < 2 ? 32768 : 16384);
        if (i < 2)
            push(i, p.first + p.count, 32768);
    }
    says(after(9000), "");
    receipt_of(3, p.request, p.first + p.count - 1); /* and nothing of this one is in flight any more */
    says(after(9999), "");
    says(after(1), "reconnect");
}

/* None was asked for much, and all together were. */
static void a_fast_link_that_becomes_thin_is_given_up_for_what_all_were_asked_for(void **state)
{
    (void)state;
    uint64_t pulls[3];
    hub_has = 1000;
    up();
    welcome_to(3);
    for (size_t i = 0; i < 3; i++)
        pulls[i] = FIRST_PULL + i;
    for (unsigned more = 0; more < 5; more++)
        for (size_t i = 0; i < 3; i++) {
            pulls[i] = feed_one(i, pulls[i]);
            assert_true(strncmp(after(0), "keep-feed", 9) == 0);
            feed_kept(true);
        }
    now += 9000;
    assert_true(feed_one(0, pulls[0]) > 0); /* some comes */
    assert_true(strncmp(after(0), "keep-feed", 9) == 0);
    says(after(9999), "");
    says(after(1), "reconnect");
}

/* Each may be large. */
static void of_all_sites_little_waits_to_be_made_durable_and_of_each_something_may(void **state)
{
    (void)state;
    uint64_t pull;
    hub_has = 1000;
    up();
    welcome_to(SITES);
    for (size_t i = 0; i < 2; i++) {
        pull = FIRST_PULL + i;
        for (unsigned more = 0; more < 16; more++) {
            pull = feed_one(i, pull);
            assert_true(strncmp(after(0), "keep-feed", 9) == 0);
        }
    }
    pull = feed_one(2, FIRST_PULL + 2);
    assert_true(pull > 0);
    says(after(0), "keep-feed 1+1");
    assert_int_equal(feed_one(2, pull), 0); /* the second of this site waits, and no third is asked for */
    says(after(0), "");
    assert_true(spoke_deadline(spoke) > now);
    turn_to(0);
    says(feed_kept(true), "");
    turn_to(1);
    assert_non_null(strstr(feed_kept(true), "PULL#"));
    assert_int_equal(spoke_deadline(spoke), 0);
    assert_non_null(strstr(after(0), "keep-feed 2+1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(on_a_thin_link_one_sites_answer_stands_behind_all_others, begin, end),
        cmocka_unit_test_setup_teardown(a_fast_link_that_becomes_thin_is_given_up_for_what_all_have_under_way, begin,
                                        end),
        cmocka_unit_test_setup_teardown(the_link_is_not_given_up_while_any_sites_receipts_come, begin, end),
        cmocka_unit_test_setup_teardown(a_fast_link_that_becomes_thin_is_given_up_for_what_all_were_asked_for, begin,
                                        end),
        cmocka_unit_test_setup_teardown(of_all_sites_little_waits_to_be_made_durable_and_of_each_something_may, begin,
                                        end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
