/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's machine, step by step: a hub that was put back to an older state is refilled, laptops go on as another
 * incarnation, and keys that were lost are asked for. */
#include "proto/sync/sync_table.h"
#include "tests/unit/given_hub.h"

/* ---- OFFER ---- */

/* The hub lost all after position `held`, and is restored in epoch 2; `full` keeps what it had. */
static struct store full;
static void hub_restored(uint32_t held)
{
    full = hubs;
    hubs = (struct store){0};
    log_ = store_add_site(&hubs, SITE);
    for (uint32_t n = 1; n <= held; n++)
        store_append(log_, 1, store_at(&full.sites[0], (struct position){1, n})->event, NULL);
    make_hub(2);
}

static const char *offer(uint64_t request, uint64_t first, uint32_t count, bool forged)
{
    struct buffer body = {0};
    struct msg_offer *m = &message.offer;
    *m = (struct msg_offer){.site = bytes_str(SITE), .first = {1, first}, .count = count};
    for (uint64_t n = first; n < first + count; n++) {
        const struct store_entry *entry = store_at(&full.sites[0], (struct position){1, n});
        feed_put_event(&body, buffer_bytes(&entry->event->raw), NULL);
        m->head = entry->head;
    }
    sign_log_head(forged ? &b.secret : &hub_party.secret, m->site, &m->head, &m->signature);
    return send(&b, 2, MSG_OFFER, request, &body);
}

/* How far the hub holds this epoch. */
static const char *ask_held(uint64_t request, uint32_t epoch)
{
    message.offer = (struct msg_offer){.site = bytes_str(SITE), .first = {epoch, 0}};
    return send(&b, 2, MSG_OFFER, request, NULL);
}

static const char *offer_kept(uint64_t ticket, uint64_t upto)
{
    for (uint64_t n = store_head(log_, 1).at.n + 1; n <= upto; n++)
        store_append(log_, 1, store_at(&full.sites[0], (struct position){1, n})->event, NULL);
    struct hub_input done = {.kind = HUB_OFFER_KEPT, .ticket = ticket, .ok = true, .head = store_head(log_, 1)};
    return step(&done);
}

static void a_restored_hub_takes_back_what_it_signed(void **state)
{
    (void)state;
    a_wrote(6);
    hub_restored(2);
    hello(&b, 2, &head_b);
    says(ask_held(2, 1), "OFFERED#2 1.2 to 2");
    says(ask_held(2, 2), "OFFERED#2 2.0 to 2");
    says(offer(2, 5, 2, false), "OFFERED#2 1.2 to 2"); /* not what comes next: it says how far it is */
    says(offer(3, 3, 2, true), "incident; REFUSED#3 10 to 2");
    says(offer(4, 3, 3, false), "keep-offer(1) 1.3+3");
    says(offer(5, 3, 3, false), "REFUSED#5 9 to 2"); /* one after the other */
    says(ask_held(6, 1), "OFFERED#6 1.2 to 2");      /* only what is durable counts */
    says(offer_kept(1, 5), "OFFERED#4 1.5 to 2");
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 5 head 5 to 1");
    store_release(&full);
}

/* The head is truly the hub's, the entries are not those that it is over. */
static void a_signed_head_over_other_entries_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    a_wrote(6);
    hub_restored(2);
    hello(&b, 2, &head_b);
    struct buffer body = {0};
    struct stream_head none = {0};
    feed_put_event(&body, buffer_bytes(&write_event(&stranger, 1, &none, (struct seen){0})->raw), NULL);
    message.offer = (struct msg_offer){.site = bytes_str(SITE), .first = {1, 3}, .count = 1};
    message.offer.head = store_at(&full.sites[0], (struct position){1, 3})->head;
    sign_log_head(&hub_party.secret, bytes_str(SITE), &message.offer.head, &message.offer.signature);
    says(send(&b, 2, MSG_OFFER, 2, &body), "incident; REFUSED#2 10 to 2");
    says(offer(3, 3, 4, false), "keep-offer(1) 1.3+4");
    says(offer_kept(1, 6), "OFFERED#3 1.6 to 2");
    assert_int_equal(message.offered.missing_count, 0);
    store_release(&full);
}

/* Whoever offers may well have the keys too. */
static void keys_that_the_log_lacks_for_an_offer_are_named(void **state)
{
    (void)state;
    a_wrote(4);
    hub_restored(2);
    hello(&b, 2, &head_b);
    says(offer(2, 3, 2, false), "keep-offer(1) 1.3+2");
    struct key_id missing[2] = {{{1}}, {{2}}};
    struct hub_input done = {.kind = HUB_OFFER_KEPT,
                             .ticket = 1,
                             .ok = true,
                             .head = store_at(&full.sites[0], (struct position){1, 4})->head,
                             .missing = missing,
                             .missing_count = 2};
    says(step(&done), "OFFERED#2 1.4 to 2");
    assert_int_equal(message.offered.missing_count, 2);
    assert_memory_equal(message.offered.missing, missing, sizeof missing);
    store_release(&full);
}

/* What is on its way to the disk is kept before the offer, what comes after waits a moment. */
static void an_offer_goes_between_pushes(void **state)
{
    (void)state;
    a_wrote(4);
    hub_restored(2);
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    const struct pool_event *first = write_event(&b, 1, &head_b, (struct seen){0});
    const struct pool_event *second = write_event(&b, 1, &head_b, (struct seen){0});
    says(push(&b, 2, 2, &first, 1), "keep(1) 1+1");
    says(offer(3, 3, 2, false), "keep-offer(2) 1.3+2"); /* a hub that is always writing is refilled all the same */
    says(push(&b, 2, 4, &second, 1), "REFUSED#4 9 to 2");
    store_append(log_, 2, first, NULL);
    forget_kept();
    struct hub_input done = {.kind = HUB_KEPT, .ticket = 1, .ok = true, .at = {2, 1}};
    says(step(&done), "RECEIPT#2 1 runs 1 to 2");
    says(offer_kept(2, 4), "OFFERED#3 1.4 to 2");
    says(push(&b, 2, 5, &second, 1), "keep(3) 2+1");
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 4 head 4 to 1");
    store_release(&full);
}

static void an_offer_that_contradicts_the_log_is_as_if_it_had_not_come(void **state)
{
    (void)state;
    a_wrote(4);
    hub_restored(2);
    hello(&b, 2, &head_b);
    says(offer(2, 3, 2, false), "keep-offer(1) 1.3+2");
    struct hub_input no = {.kind = HUB_OFFER_KEPT, .ticket = 1, .ok = false, .contradicts = true};
    says(step(&no), "incident; REFUSED#2 10 to 2");
    says(offer(3, 3, 2, false), "keep-offer(2) 1.3+2"); /* the streams are where they were */
    says(offer_kept(2, 4), "OFFERED#3 1.4 to 2");
    store_release(&full);
}

static void what_it_signed_and_does_not_have_proves_that_it_was_set_back(void **state)
{
    (void)state;
    a_wrote(6);
    hub_restored(2);
    make_hub(1); /* nobody told it */
    hello(&b, 2, &head_b);
    says(ask_held(2, 1), "OFFERED#2 1.2 to 2");
    says(offer(2, 3, 2, true), "OFFERED#2 1.2 to 2");  /* anybody can claim that */
    says(offer(3, 1, 2, false), "OFFERED#3 1.2 to 2"); /* that it has */
    says(offer(4, 3, 2, false), "incident; next-epoch above 1");
    assert_int_equal(hub_deadline(hub), UINT64_MAX);
    says(hello(&a, 1, &head_a), ""); /* and gives no position any more */
    make_hub(9);
    hello(&b, 2, &head_b);
    says(offer(5, 3, 4, false), "keep-offer(1) 1.3+4");
    store_release(&full);
}

static void only_so_many_epochs_have_room(void **state)
{
    (void)state;
    a_wrote(2);
    make_hub(90);
    for (uint32_t epoch = 10; epoch < 10 + SEEN_MAX - 2; epoch++) { /* and 1; one place is the present epoch's */
        struct log_head head = {.at = {epoch, 1}};
        assert_true(hub_load_head(hub, bytes_str(SITE), &head));
    }
    hello(&b, 2, &head_b);
    struct buffer body = {0};
    const struct pool_event *event = write_event(&b, 1, &head_b, (struct seen){0});
    feed_put_event(&body, buffer_bytes(&event->raw), NULL);
    message.offer = (struct msg_offer){.site = bytes_str(SITE), .first = {80, 1}, .count = 1};
    log_head_start(&message.offer.head, bytes_str(SITE), 80);
    log_head_advance(&message.offer.head, &event->id);
    sign_log_head(&hub_party.secret, bytes_str(SITE), &message.offer.head, &message.offer.signature);
    says(send(&b, 2, MSG_OFFER, 2, &body), "incident; REFUSED#2 10 to 2");
    struct log_head present = {.at = {90, 1}};
    struct hub_input grew = {.kind = HUB_GREW, .site = bytes_str(SITE), .head = present};
    says(step(&grew), "");
    says(ask_held(3, 90), "OFFERED#3 90.1 to 2");
}

/* The log is ahead of what the machine was told of it: what it signs it knows. */
static void what_it_has_just_read_it_does_not_lack(void **state)
{
    (void)state;
    a_wrote(2);
    make_hub(1);
    a_wrote(2); /* durable, and HUB_GREW is still on its way */
    hello(&b, 2, &head_b);
    says(pull(&b, 2, 2, 1), "read(1) 1.2 for 2");
    says(range(1, (struct position){1, 2}, &b), "FEED#2 1.2+3 to 2");
    store_clone(&hubs, &full);
    says(offer(3, 3, 2, false), "OFFERED#3 1.4 to 2");
    store_release(&full);
}

/* What was read of the present epoch may follow what has just come back into an earlier one. */
static void an_epoch_that_is_refilled_while_a_later_one_is_read_goes_first(void **state)
{
    (void)state;
    a_wrote(4);
    hub_restored(2);
    store_append(log_, 2, write_event(&b, 1, &head_b, (struct seen){0}), NULL);
    make_hub(2);
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    says(pull(&a, 1, 2, 2), "read(1) 2.1 for 1");
    says(offer(2, 3, 2, false), "keep-offer(2) 1.3+2");
    says(offer_kept(2, 4), "OFFERED#2 1.4 to 2");
    says(range(1, (struct position){2, 1}, &a), "read(3) 1.3 for 1");
    says(range(3, (struct position){1, 3}, &a), "FEED#2 1.3+2 to 1");
    store_release(&full);
}

static void a_trial_that_is_undone_leaves_no_stream(void **state)
{
    (void)state;
    struct streams streams;
    streams_init(&streams);
    struct stream_head head = {0};
    const struct pool_event *event = write_event(&a, 1, &head, (struct seen){0});
    struct event_clear clear = {.device = a.device, .incarnation = 1, .seq = 1};
    assert_true(streams_advance(&streams, streams_get(&streams, &a.device, 1), &clear, &event->id));
    streams_begin(&streams);
    for (uint32_t i = 2; i < 50; i++)
        assert_true(streams_advance(&streams, streams_get(&streams, &b.device, i), &clear, &event->id));
    clear.seq = 2;
    assert_true(streams_advance(&streams, streams_get(&streams, &a.device, 1), &clear, &event->id));
    streams_undo(&streams);
    assert_int_equal(streams.count, 1);
    assert_null(streams_find(&streams, &b.device, 2));
    assert_int_equal(streams_find(&streams, &a.device, 1)->head.seq, 1);
    streams_release(&streams);
}

/* ---- going on as another incarnation ---- */

static void what_is_still_being_written_goes_before_another_incarnation(void **state)
{
    (void)state;
    hello(&a, 1, &head_a);
    const struct pool_event *event = write_event(&a, 1, &head_a, (struct seen){0});
    says(push(&a, 1, 2, &event, 1), "keep(1) 1+1");
    fill_hello(&a, 2);
    says(send(&a, 1, MSG_HELLO, 3, NULL), "REFUSED#3 9 to 1");
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 0 head 0 to 1"); /* as the same one: of course */
    keep_done(1);
    fill_hello(&a, 2);
    says(send(&a, 1, MSG_HELLO, 4, NULL), "WELCOME#4 ok held 0 head 1 to 1");
}

/* It has forgotten whom it named what, so it names what it cannot have named before. */
static void a_restored_hub_names_incarnations_above_its_epoch(void **state)
{
    (void)state;
    a_wrote(3);
    make_hub(700);
    struct stream_head back = {1, {{1}}, {0}};
    hello(&a, 1, &back);
    assert_int_equal(welcomed.sites[0].next_incarnation, 700);
    hello(&a, 2, &back);
    assert_int_equal(welcomed.sites[0].next_incarnation, 701);
}

/* ---- keys that are missing ---- */

static void everybody_of_the_site_is_asked_for_missing_keys(void **state)
{
    (void)state;
    struct key_id keys[RECEIPT_KEYS_MAX + 1];
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        memset(keys[i].b, (int)i + 1, sizeof keys[i].b);
    assert_true(hub_set_missing(hub, bytes_str(SITE), keys, 2));
    hello(&b, 2, &head_b);
    assert_int_equal(welcomed.sites[0].missing_count, 2);
    assert_memory_equal(welcomed.sites[0].missing, keys, 2 * sizeof keys[0]);
    assert_true(hub_set_missing(hub, bytes_str(SITE), keys, RECEIPT_KEYS_MAX + 1));
    hello(&b, 2, &head_b);
    assert_int_equal(welcomed.sites[0].missing_count, RECEIPT_KEYS_MAX);
    assert_true(hub_set_missing(hub, bytes_str("peak"), keys, 1));
    fill_hello(&b, 1)->site = bytes_str("peak"); /* which is none of its business */
    send(&b, 2, MSG_HELLO, 2, NULL);
    assert_int_equal(welcomed.sites[0].missing_count, 0);
    assert_true(hub_set_missing(hub, bytes_str(SITE), NULL, 0));
    hello(&b, 2, &head_b);
    assert_int_equal(welcomed.sites[0].missing_count, 0);
    assert_false(hub_set_missing(hub, bytes_str("nowhere"), keys, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_restored_hub_takes_back_what_it_signed),
        TEST(a_signed_head_over_other_entries_is_refused_and_leaves_nothing),
        TEST(keys_that_the_log_lacks_for_an_offer_are_named),
        TEST(an_offer_goes_between_pushes),
        TEST(an_offer_that_contradicts_the_log_is_as_if_it_had_not_come),
        TEST(what_it_signed_and_does_not_have_proves_that_it_was_set_back),
        TEST(only_so_many_epochs_have_room),
        TEST(what_it_has_just_read_it_does_not_lack),
        TEST(an_epoch_that_is_refilled_while_a_later_one_is_read_goes_first),
        TEST(a_trial_that_is_undone_leaves_no_stream),
        TEST(what_is_still_being_written_goes_before_another_incarnation),
        TEST(a_restored_hub_names_incarnations_above_its_epoch),
        TEST(everybody_of_the_site_is_asked_for_missing_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
