/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's machine, step by step: at a hub that was put back to an older state, and going on as the next
 * incarnation. */
#include "tests/unit/given_spoke.h"

/* ---- the hub was put back: the log ---- */

/* This laptop has `upto` entries of another's; the hub signed after each third of them. */
static void received(uint32_t epoch, unsigned upto)
{
    struct seen none = {0};
    while (upto-- > 0) {
        const struct pool_event *event = pool_make(&pool, bytes_str(SITE), &other.device, 1, &others_head, &none);
        store_append(log_, epoch, event, NULL);
        store_append(own, epoch, event, NULL);
        struct log_head head = store_head(own, epoch);
        struct signature signature;
        sign_log_head(&hub.secret, bytes_str(SITE), &head, &signature);
        if (head.at.n % 3 == 0 || upto == 0)
            store_anchor(own, &head, &signature);
    }
}

static void make_with(uint32_t incarnation, uint32_t going_on, uint64_t shared_seq)
{
    struct spoke_config config = {
        .device = me.device, .incarnation = incarnation, .going_on = going_on, .sign = me.secret, .hub_sign = hub.sign};
    config.last_request = spoke_last_request(spoke); /* the connection is the same */
    spoke_free(spoke);
    spoke = spoke_new(&config);
    assert_true(spoke_load_site(spoke, bytes_str(SITE), &own->own_head, shared_seq, 0));
    for (uint32_t i = 0; i < own->epoch_count; i++) {
        struct log_head cursor = store_head(own, own->epochs[i].epoch);
        assert_true(spoke_load_cursor(spoke, bytes_str(SITE), &cursor));
    }
    assert_true(spoke_load_stream(spoke, bytes_str(SITE), &other.device, 1, &others_head));
}

static const char *offered(uint64_t request, uint32_t epoch, uint64_t n)
{
    message.offered = (struct msg_offered){.site = bytes_str(SITE), .held = {epoch, n}};
    return hub_sends(MSG_OFFERED, request, NULL);
}

/* The hub's log of that epoch from `first` on. */
static const char *feed_epoch(uint64_t request, uint32_t epoch, uint64_t first)
{
    struct msg_feed *m = &message.feed;
    *m = (struct msg_feed){.site = bytes_str(SITE), .first = {epoch, first}, .newest = store_head(log_, epoch).at};
    buffer_release(&feed_body);
    const struct store_entry *entry;
    while ((entry = store_at(log_, (struct position){epoch, first + m->count}))) {
        feed_put_event(&feed_body, buffer_bytes(&entry->event->raw), NULL);
        m->head = entry->head;
        m->count++;
    }
    if (m->count > 0)
        sign_log_head(&hub.secret, m->site, &m->head, &m->signature);
    return feed_send(request);
}

static const char *read_offer(uint32_t epoch, uint64_t n, uint32_t max)
{
    struct spoke_input input = {.kind = SPOKE_OFFER_READ, .first = {epoch, n}};
    input.count = store_read_offer(own, input.first, max, &input.body, &input.head, &input.signature);
    return step(&input);
}

static const char *rewind_(uint64_t request)
{
    return welcome_of(request, SITE_REWIND, 0, own_id(0), 0);
}

/* Five entries of epoch 1 and two of epoch 4; greeted, and told that the hub lacks some. */
static void given_rewound(void)
{
    received(1, 5);
    received(4, 2);
    write_own(1);
    make_with(1, 0, 0);
    up();
    says(rewind_(1), "notice rewind; PULL#2 after 5 max 16384; OFFER#3 1.0+0");
}

static void what_the_hub_lacks_is_brought_back_epoch_by_epoch(void **state)
{
    (void)state;
    given_rewound();
    says(offered(3, 1, 1), "read-offer 1.2 max 16384");
    says(read_offer(1, 2, 1), "OFFER#4 1.2+2"); /* up to a head that the hub signed */
    says(offered(4, 1, 3), "read-offer 1.4 max 32768");
    says(read_offer(1, 4, 1), "OFFER#5 1.4+2");
    says(offered(5, 1, 5), "OFFER#6 4.0+0");
    says(offered(6, 4, 0), "read-offer 4.1 max 65536");
    says(read_offer(4, 1, 65536), "OFFER#7 4.1+2");
    says(offered(7, 4, 2), "HELLO#8 own 1 waiting 1"); /* no upload before the hub says that all is well */
    refilled_to = (struct position){4, 2};
    says(welcome(8, 0), "notice clear; read 1 max 16384");
}

static void laptops_that_offer_at_once_share_the_work(void **state)
{
    (void)state;
    given_rewound();
    offered(3, 1, 0);
    read_offer(1, 1, 1);
    says(refused(4, REFUSED_BUSY), "");
    says(after(4999), "");
    says(after(1), "OFFER#5 1.0+0");
    says(offered(5, 1, 4), "read-offer 1.5 max 16384"); /* another brought some */
    says(read_offer(1, 5, 1), "OFFER#6 1.5+1");
    says(offered(6, 1, 5), "OFFER#7 4.0+0");
    says(offered(7, 4, 2), "HELLO#8 own 1 waiting 1");
}

static void a_lost_offer_or_answer_is_asked_about(void **state)
{
    (void)state;
    given_rewound();
    says(after(9999), "");
    says(after(1), "OFFER#4 1.0+0; HELLO#5 own 1 waiting 1");
    says(rewind_(5), "");
    says(offered(3, 1, 0), ""); /* of before */
    says(offered(4, 1, 0), "read-offer 1.1 max 8192");
    says(read_offer(1, 1, 1), "OFFER#6 1.1+3");
    after(21000);
    says(welcome_of(greeted, SITE_REWIND, 0, own_id(0), 0), "");
    assert_non_null(strstr(after(1000), "OFFER#")); /* it asks, for it may well have been taken */
    assert_int_equal(message.offer.count, 0);
}

/* What a step asks of the hub or the log is answered, by a hub that never gets on; returns the OFFERs of an hour. */
static unsigned offers_in_an_hour(const char *text, uint64_t held, bool lost)
{
    unsigned offers = 0;
    for (uint64_t until = now + 3600 * 1000; now < until;) {
        if (strstr(text, "HELLO#")) {
            text = rewind_(greeted);
        } else if (strstr(text, "read-offer")) {
            text = read_offer(1, held + 1, 1);
        } else if (strstr(text, "OFFER#") && !lost) {
            offers++;
            text = offered(asked_offer, 1, held);
        } else {
            offers += strstr(text, "OFFER#") != NULL;
            text = after(1000);
        }
    }
    return offers;
}

static void in_the_same_place_it_grows_patient(void **state)
{
    (void)state;
    received(1, 3);
    make_with(1, 0, 0);
    up();
    assert_in_range(offers_in_an_hour(rewind_(1), 0, false), 5, 60);
    make_with(1, 0, 0);
    up();
    assert_in_range(offers_in_an_hour(rewind_(1), 0, true), 5, 40); /* or never answers one */
}

/* It says that it holds everything, and that it does not. */
static void a_hub_that_contradicts_itself_is_not_chattered_with(void **state)
{
    (void)state;
    received(1, 3);
    make_with(1, 0, 0);
    up();
    assert_in_range(offers_in_an_hour(rewind_(1), 3, false), 60, 150);
}

static void what_the_hub_refuses_is_told_once_and_left_until_it_is_greeted_again(void **state)
{
    (void)state;
    given_rewound();
    offered(3, 1, 0);
    read_offer(1, 1, 1);
    says(refused(4, REFUSED_BAD_EVENT), "notice refused");
    says(after(19000), "");
    received(4, 1);
    assert_non_null(strstr(feed_epoch(2, 4, 3), "keep-feed 3+1; PULL#5")); /* the download goes on */
    feed_kept(true);
    after(41000);
    says(rewind_(greeted), "OFFER#8 1.0+0"); /* not told again, and tried again */
    offered(8, 1, 0);
    read_offer(1, 1, 1);
    says(refused(9, REFUSED_BAD_EVENT), "");
}

static void what_is_not_here_is_left_to_others(void **state)
{
    (void)state;
    given_rewound();
    own->epochs[0].anchor_count = 0;
    offered(3, 1, 0);
    says(read_offer(1, 1, 1), "OFFER#4 4.0+0");
    says(offered(4, 4, 2), "");
    says(after(30000), "");
}

static void a_hub_that_is_set_back_again_is_asked_anew(void **state)
{
    (void)state;
    given_rewound();
    offered(3, 1, 0);
    read_offer(1, 1, 1);
    says(refused(2, REFUSED_HELLO_FIRST), "HELLO#5 own 1 waiting 1");
    says(offered(4, 1, 3), "");
    says(rewind_(5), "PULL#6 after 5 max 16384; OFFER#7 1.0+0");
    says(offered(7, 1, 5), "OFFER#8 4.0+0");
    says(refused(6, REFUSED_HELLO_FIRST), "HELLO#9 own 1 waiting 1");
    says(rewind_(9), "PULL#10 after 5 max 16384; OFFER#11 1.0+0"); /* from the lowest epoch on, again */
    says(offered(11, 1, 0), "read-offer 1.1 max 16384");
    simple(SPOKE_DOWN);
    says(read_offer(1, 1, 1), "");
    says(up(), "HELLO#12 own 1 waiting 1");
    assert_null(strstr(welcome(12, 0), "OFFER")); /* refilled by others meanwhile */
}

/* ---- the hub was put back: receipts ---- */

static void a_receipt_of_before_is_lowered_first_and_then_uploaded_again(void **state)
{
    (void)state;
    write_own(5);
    make_spoke(4);
    up();
    says(welcome(1, 2), "lower-receipt 2; PULL#2 after 0 max 16384");
    assert_int_equal(shared(), 2);
    says(after(1000), "");
    says(receipt_kept(2), "read 3 max 16384");
    says(read_own(3, 16384), "PUSH#3 3+3 keys 0");
    says(receipt(3, 5), "keep-receipt 5 runs 0");
    receipt_kept(5);
    assert_int_equal(shared(), 5);
}

static void a_hub_that_holds_nothing_leaves_nothing_shared(void **state)
{
    (void)state;
    write_own(3);
    make_spoke(3);
    up();
    says(welcome(1, 0), "lower-receipt 0; PULL#2 after 0 max 16384");
    says(receipt_kept(0), "read 1 max 16384");
    assert_int_equal(shared(), 0);
}

static void receipts_that_cross_the_lowering_are_not_believed(void **state)
{
    (void)state;
    write_own(5);
    make_spoke(3);
    up();
    welcome(1, 3);
    says(read_own(4, 16384), "PUSH#3 4+2 keys 0");
    now += 60000;
    after(0);
    says(welcome(greeted, 1), "lower-receipt 1");
    says(receipt(3, 5), ""); /* of the hub as it was */
    receipt_kept(1);
    says(receipt(3, 5), "");
    assert_int_equal(shared(), 1);
}

/* The other way round: the receipt is of now, and the WELCOME crossed it. */
static void a_welcome_that_crosses_a_receipt_lowers_nothing(void **state)
{
    (void)state;
    write_own(3);
    make_spoke(1);
    up();
    welcome(1, 1);
    read_own(2, 16384);
    assert_non_null(strstr(after(60000), "HELLO#"));
    assert_non_null(strstr(receipt(3, 3), "keep-receipt 3"));
    assert_null(strstr(welcome(greeted, 1), "lower"));
    receipt_kept(3);
    assert_int_equal(shared(), 3);
}

static void a_receipt_that_is_just_being_kept_is_lowered_after_it(void **state)
{
    (void)state;
    write_own(5);
    make_spoke(1);
    up();
    welcome(1, 1);
    read_own(2, 16384);
    says(receipt(3, 5), "keep-receipt 5 runs 0");
    simple(SPOKE_DOWN);
    up();
    says(welcome(4, 2), "PULL#5 after 0 max 16384");
    says(receipt_kept(5), "lower-receipt 2");
    assert_int_equal(shared(), 1); /* never higher: the hub has said that it holds less */
    says(receipt_kept(2), "read 3 max 16384");
}

static void a_lowered_receipt_for_another_event_shows_the_hub_the_fork(void **state)
{
    (void)state;
    write_own(4);
    make_spoke(4);
    up();
    says(welcome_of(1, SITE_OK, 2, (struct event_id){{9}}, 0), "lower-receipt 2; PULL#2 after 0 max 16384");
    struct spoke_input input = {.kind = SPOKE_RECEIPT_KEPT, .seq = 2, .contradicts = true};
    says(step(&input), "read 3 max 16384");
    says(read_own(3, 16384), "PUSH#3 3+2 keys 0");
    says(refused(3, REFUSED_BAD_EVENT), "notice refused");
    says(after(1000), "HELLO#4 own 4 waiting 2");
    says(welcome_of(4, SITE_FORK, 2, (struct event_id){{9}}, 7), "notice fork");
    assert_int_equal(told_incarnation, 7);
}

static void a_lowering_that_fails_ends_the_machine(void **state)
{
    (void)state;
    write_own(3);
    make_spoke(3);
    up();
    welcome(1, 0);
    struct spoke_input input = {.kind = SPOKE_RECEIPT_KEPT};
    says(step(&input), "");
    assert_int_equal(spoke_deadline(spoke), UINT64_MAX);
}

static void less_without_the_hubs_signature_is_nothing(void **state)
{
    (void)state;
    write_own(3);
    make_spoke(3);
    up();
    message.welcome = (struct msg_welcome){.epoch = 1, .site_count = 1, .terms = terms_now()};
    message.welcome.sites[0] = (struct welcome_site){.site = bytes_str(SITE), .held_seq = 2, .held_id = own_id(2)};
    says(hub_sends(MSG_WELCOME, 1, NULL), "PULL#2 after 0 max 16384");
    assert_int_equal(shared(), 3);
}

/* ---- keys that the hub lacks ---- */

static void keys_that_a_welcome_names_are_brought(void **state)
{
    (void)state;
    up();
    message.welcome = (struct msg_welcome){.epoch = 1, .site_count = 1, .terms = terms_now()};
    message.welcome.sites[0] = (struct welcome_site){
        .site = bytes_str(SITE), .verdict = SITE_REWIND, .missing_count = 2, .missing = {{{1}}, {{2}}}};
    assert_non_null(strstr(hub_sends(MSG_WELCOME, 1, NULL), "read-keys 2")); /* whatever else there is to settle */
    struct buffer body = {0};
    given_key_record(&body, 2);
    struct spoke_input input = {.kind = SPOKE_KEYS_READ, .key_count = 1, .body = lend_buffer(&body)};
    assert_non_null(strstr(step(&input), "PUSH#"));
}

static void keys_that_an_answer_to_an_offer_names_are_brought(void **state)
{
    (void)state;
    given_rewound();
    offered(3, 1, 0);
    read_offer(1, 1, 1);
    message.offered =
        (struct msg_offered){.site = bytes_str(SITE), .held = {1, 3}, .missing_count = 1, .missing = {{{1}}}};
    assert_non_null(strstr(hub_sends(MSG_OFFERED, 4, NULL), "read-keys 1"));
}

/* ---- going on as the next incarnation ---- */

/* The hub's log has this laptop's `count` first events of incarnation 1, as anybody's. */
static void given_going_on(unsigned others, unsigned mine_there, unsigned mine_here)
{
    received(1, others);
    write_own(mine_there + mine_here);
    for (unsigned i = 0; i < mine_there; i++)
        store_append(log_, 1, own->own[i], NULL);
    make_with(1, 2, 0);
}

static const char *feed_as(uint64_t request, uint64_t first, uint32_t count)
{
    struct msg_feed *m = &message.feed;
    *m = (struct msg_feed){.site = bytes_str(SITE), .first = {1, first}, .newest = store_head(log_, 1).at};
    buffer_release(&feed_body);
    for (uint64_t n = first; n < first + count; n++) {
        const struct store_entry *entry = store_at(log_, (struct position){1, n});
        feed_put_event(&feed_body, buffer_bytes(&entry->event->raw), NULL);
        m->head = entry->head;
        m->count++;
    }
    sign_log_head(&hub.secret, m->site, &m->head, &m->signature);
    return feed_send(request);
}

static void it_uploads_nothing_and_says_once_when_it_has_all(void **state)
{
    (void)state;
    given_going_on(1, 2, 1);
    says(up(), "HELLO#1 own 0 waiting 3");
    assert_int_equal(message.hello.incarnation, 2);
    says(welcome(1, 0), "PULL#2 after 1 max 16384");
    assert_int_equal(message.pull.wait_ms, 0);
    write_own(1);
    says(saved(), ""); /* people go on writing, under the old one */
    says(feed_as(2, 2, 1), "keep-feed 2+1; PULL#3 after 2 max 32768");
    says(feed_kept(true), "");
    says(feed_as(3, 3, 1), "keep-feed 3+1; PULL#4 after 3 max 16384");
    says(feed_kept(true), "caught-up");
    for (int i = 0; i < 120; i++) {
        assert_null(strstr(after(1000), "caught-up"));
        assert_null(strstr(line.text, "read "));
    }
}

static void having_all_already_it_waits_for_the_hub_to_say_so(void **state)
{
    (void)state;
    given_going_on(2, 0, 1);
    up();
    says(welcome(1, 0),
         "PULL#2 after 2 max 16384"); /* an earlier epoch may have been refilled: the cursor proves nothing */
    message.feed = (struct msg_feed){.site = bytes_str(SITE), .newest = {1, 2}};
    says(hub_sends(MSG_FEED, 2, NULL), "caught-up");
}

static void a_hub_that_lacks_something_is_refilled_before(void **state)
{
    (void)state;
    given_going_on(2, 0, 1);
    up();
    says(rewind_(1), "notice rewind; PULL#2 after 2 max 16384; OFFER#3 1.0+0");
    message.feed = (struct msg_feed){.site = bytes_str(SITE), .newest = {1, 1}};
    says(hub_sends(MSG_FEED, 2, NULL), "");
    says(offered(3, 1, 2), "HELLO#4 own 0 waiting 1");
    says(welcome(4, 0), "notice clear");
    says(after(1000), "PULL#5 after 2 max 16384");
    message.feed = (struct msg_feed){.site = bytes_str(SITE), .newest = {1, 2}};
    says(hub_sends(MSG_FEED, 5, NULL), "caught-up");
}

static void a_site_it_is_not_let_into_is_set_aside(void **state)
{
    (void)state;
    given_going_on(0, 0, 1);
    up();
    says(welcome_of(1, SITE_DENIED, 0, own_id(0), 0), "notice refused; caught-up");
}

static void the_next_incarnation_may_be_anothers_already(void **state)
{
    (void)state;
    given_going_on(1, 1, 1);
    up();
    says(welcome_of(1, SITE_FORK, 3, (struct event_id){{7}}, 3), "notice fork; PULL#2 after 1 max 16384");
    assert_int_equal(told_incarnation, 3);
    assert_null(strstr(after(40000), "caught-up"));
}

/* The hub may be slow: what it wrote to the present incarnation comes when the next one has greeted already. It does
 * not tell how far there is to catch up, and that there is no news is no answer to what the next one asked. */
static void answers_to_the_machine_before_are_not_believed(void **state)
{
    (void)state;
    received(1, 1);
    write_own(3);
    make_with(1, 0, 0);
    up();
    says(after(10000), "HELLO#2 own 3 waiting 3");
    says(welcome_of(2, SITE_FORK, 4, (struct event_id){{7}}, 2), "notice fork; PULL#3 after 1 max 16384");
    assert_int_equal(told_incarnation, 2);
    make_with(1, 2, 0);
    says(up(), "HELLO#4 own 0 waiting 3");
    says(after(10000), "HELLO#5 own 0 waiting 3");
    for (uint64_t request = 1; request <= 3; request++)
        says(welcome(request, 0), ""); /* when the hub's log had no more than this laptop */
    store_append(log_, 1, own->own[0], NULL);
    says(welcome(5, 0), "PULL#6 after 1 max 16384");
    message.feed = (struct msg_feed){.site = bytes_str(SITE), .newest = {1, 1}};
    says(hub_sends(MSG_FEED, 3, NULL), "");
    says(feed_as(6, 2, 1), "keep-feed 2+1; PULL#7 after 2 max 16384");
    says(feed_kept(true), "caught-up");
}

/* The hub was put back, and the machine made anew (a commit failed): a RECEIPT of before proves nothing to it. */
static void receipts_for_the_machine_before_are_not_believed(void **state)
{
    (void)state;
    write_own(3);
    make_with(1, 0, 0);
    up();
    welcome(1, 0);
    says(read_own(1, 16384), "PUSH#3 1+3 keys 0");
    make_with(1, 0, 0);
    says(up(), "HELLO#4 own 3 waiting 3");
    says(welcome(4, 0), "read 1 max 16384; PULL#5 after 0 max 16384");
    says(receipt(3, 3), "");
    says(read_own(1, 16384), "PUSH#6 1+3 keys 0");
    says(receipt(6, 3), "keep-receipt 3 runs 0");
}

static void nothing_is_lowered_for_an_incarnation_that_wrote_nothing(void **state)
{
    (void)state;
    write_own(3);
    make_with(1, 2, 3);
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    assert_int_equal(shared(), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_hub_lacks_is_brought_back_epoch_by_epoch),
        TEST(laptops_that_offer_at_once_share_the_work),
        TEST(a_lost_offer_or_answer_is_asked_about),
        TEST(in_the_same_place_it_grows_patient),
        TEST(what_the_hub_refuses_is_told_once_and_left_until_it_is_greeted_again),
        TEST(what_is_not_here_is_left_to_others),
        TEST(a_hub_that_is_set_back_again_is_asked_anew),
        TEST(a_hub_that_contradicts_itself_is_not_chattered_with),
        TEST(a_receipt_of_before_is_lowered_first_and_then_uploaded_again),
        TEST(a_hub_that_holds_nothing_leaves_nothing_shared),
        TEST(receipts_that_cross_the_lowering_are_not_believed),
        TEST(a_welcome_that_crosses_a_receipt_lowers_nothing),
        TEST(a_receipt_that_is_just_being_kept_is_lowered_after_it),
        TEST(a_lowered_receipt_for_another_event_shows_the_hub_the_fork),
        TEST(a_lowering_that_fails_ends_the_machine),
        TEST(less_without_the_hubs_signature_is_nothing),
        TEST(keys_that_a_welcome_names_are_brought),
        TEST(keys_that_an_answer_to_an_offer_names_are_brought),
        TEST(it_uploads_nothing_and_says_once_when_it_has_all),
        TEST(having_all_already_it_waits_for_the_hub_to_say_so),
        TEST(a_hub_that_lacks_something_is_refilled_before),
        TEST(a_site_it_is_not_let_into_is_set_aside),
        TEST(the_next_incarnation_may_be_anothers_already),
        TEST(answers_to_the_machine_before_are_not_believed),
        TEST(receipts_for_the_machine_before_are_not_believed),
        TEST(nothing_is_lowered_for_an_incarnation_that_wrote_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
