/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's machine, step by step: PUSH, its commits and its lies; PULL, held back and served in turn. */
#include "tests/unit/given_hub.h"

/* ---- PUSH ---- */

static const struct pool_event *five[5];
static void a_writes_five(void)
{
    for (int i = 0; i < 5; i++)
        five[i] = write_event(&a, 1, &head_a, (struct seen){0});
}

static void a_push_is_answered_after_its_commit(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    says(push(&a, 1, 2, five, 3), "keep(1) 1+3");
    assert_int_equal(kept[1]->entries[2].flags, ENTRY_SIGNED);
    says(push(&a, 1, 3, five + 3, 2), "keep(2) 4+2"); /* pipelined */
    says(keep_done(1), "RECEIPT#2 3 runs 1 to 1");
    assert_int_equal(receipt.runs[0].first_seq, 1);
    assert_int_equal(receipt.runs[0].at.n, 1);
    assert_int_equal(receipt.runs[0].count, 3);
    assert_true(verify_receipt(&hub_party.sign, bytes_str(SITE), &a.device, 1, 3, &five[2]->id, &receipt.signature));
    says(keep_done(2), "RECEIPT#3 5 runs 1 to 1");
    assert_int_equal(receipt.runs[0].at.n, 4);
}

static void what_is_kept_waits_no_longer(void **state)
{
    (void)state;
    struct hub_device_status status;
    a_writes_five();
    fill_hello(&a, 1)->waiting = 4; /* the fifth is written later */
    message.hello.sites[0].oldest_waiting_ms = 77;
    send(&a, 1, MSG_HELLO, 1, NULL);
    push(&a, 1, 2, five, 3);
    push(&a, 1, 3, five + 3, 2);
    hub_device_status(hub, 0, &status);
    assert_int_equal(status.waiting, 4); /* nothing is durable yet */
    keep_done(1);
    hub_device_status(hub, 0, &status);
    assert_int_equal(status.waiting, 1);
    assert_int_equal(status.oldest_waiting_ms, 77);
    keep_done(2);
    hub_device_status(hub, 0, &status);
    assert_int_equal(status.waiting, 0);
    assert_int_equal(status.oldest_waiting_ms, 0);
}

static void doubled_pushes_are_answered_by_what_is_durable(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    push(&a, 1, 2, five, 3);
    says(push(&a, 1, 3, five, 3), ""); /* on its way to the disk: answered with it */
    says(push(&a, 1, 4, five + 1, 1), "");
    says(keep_done(1), "RECEIPT#2 3 runs 1 to 1; RECEIPT#3 3 runs 1 to 1; RECEIPT#4 3 runs 1 to 1");
    says(push(&a, 1, 5, five, 2), "RECEIPT#5 3 runs 0 to 1");
    says(push(&a, 1, 6, five, 5), "keep(2) 4+2"); /* the new ones of them */
    says(keep_done(2), "RECEIPT#6 5 runs 1 to 1");
    assert_int_equal(receipt.runs[0].first_seq, 4);
}

static void a_gap_is_answered_by_where_to_go_on(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    says(push(&a, 1, 2, five + 2, 2), "RECEIPT#2 0 runs 0 to 1");
    push(&a, 1, 3, five, 1);
    keep_done(1);
    says(push(&a, 1, 4, five + 2, 2), "RECEIPT#4 1 runs 0 to 1");
}

static void a_failed_commit_ends_the_machine(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    push(&a, 1, 2, five, 3);
    struct hub_input failed = {.kind = HUB_KEPT, .ticket = 1, .ok = false};
    says(step(&failed), "");
    says(push(&a, 1, 3, five, 3), "");
}

static void who_brought_keys_is_asked_for_the_next_ones_at_once(void **state)
{
    (void)state;
    const struct key_id lacking[] = {{{9}}, {{10}}};
    a_writes_five();
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    assert_true(hub_set_missing(hub, bytes_str(SITE), &lacking[0], 1));
    says(after(0), "REFUSED#0 6 to 1; REFUSED#0 6 to 2");
    struct buffer body = {0};
    given_key_record(&body, 9);
    message.push = (struct msg_push){.site = bytes_str(SITE), .incarnation = 1, .key_count = 1};
    says(send(&a, 1, MSG_PUSH, 3, &body), "keep-keys(1) 1");
    struct hub_input done = {.kind = HUB_KEPT, .ticket = 1, .ok = true};
    step(&done);
    assert_true(hub_set_missing(hub, bytes_str(SITE), &lacking[1], 1));
    says(after(0), "REFUSED#0 6 to 1");
    says(after(60000), "REFUSED#0 6 to 1; REFUSED#0 6 to 2"); /* the others, when it is their time */
}

static void keys_the_log_lacks_are_named_and_taken(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    push(&a, 1, 2, five, 1);
    struct key_id missing = {{9}};
    struct hub_input done = {
        .kind = HUB_KEPT, .ticket = 1, .ok = true, .at = {1, 1}, .missing = &missing, .missing_count = 1};
    says(step(&done), "RECEIPT#2 1 runs 1 to 1");
    assert_int_equal(receipt.missing_count, 1);
    struct buffer body = {0};
    given_key_record(&body, 9);
    message.push = (struct msg_push){.site = bytes_str(SITE), .incarnation = 1, .key_count = 1};
    says(send(&a, 1, MSG_PUSH, 3, &body), "keep-keys(2) 1");
    done = (struct hub_input){.kind = HUB_KEPT, .ticket = 2, .ok = true};
    says(step(&done), "RECEIPT#3 1 runs 0 to 1");
    message.push = (struct msg_push){.site = bytes_str(SITE), .incarnation = 1, .key_count = 2};
    given_key_record(&body, 9);
    says(send(&a, 1, MSG_PUSH, 4, &body), "incident; REFUSED#4 10 to 1"); /* two were promised */
}

/* Each way in which a PUSH can lie. */
enum lie {
    LIE_SIGNATURE,
    LIE_SITE_NOT_ITS_OWN,
    LIE_DEVICE,
    LIE_SEQ,
    LIE_BYTE,
    LIE_TAIL,
    LIE_MARKER,
    LIE_PREV,
    LIE_SEEN_BACK,
    LIES
};

static void lie(enum lie how)
{
    struct msg_push *m = &message.push;
    fill_push(&a, five, 3);
    switch (how) {
    case LIE_SIGNATURE:
        m->signature.b[0] ^= 1;
        break;
    case LIE_SEQ:
        m->first_seq++;
        break;
    case LIE_BYTE:
        push_body.data[push_body.len - 1] ^= 1;
        break;
    case LIE_TAIL:
        buffer_append_byte(&push_body, 0xc0);
        break;
    case LIE_MARKER:
        feed_put_marker(&push_body, 1, 4, &five[3]->id);
        m->count++;
        break;
    case LIE_DEVICE: { /* another's event, well signed by the liar */
        const struct pool_event *events[] = {write_event(&b, 1, &head_b, (struct seen){0})};
        fill_push(&a, events, 1);
        break;
    }
    case LIE_SITE_NOT_ITS_OWN: {
        struct stream_head head = {0};
        struct seen none = {0};
        const struct pool_event *events[] = {pool_make(&pool, bytes_str("peak"), &a.device, 1, &head, &none)};
        fill_push(&a, events, 1);
        break;
    }
    case LIE_PREV: {
        const struct pool_event *events[] = {
            five[0], write_event(&a, 1, &(struct stream_head){1, {{7}}, {0}}, (struct seen){0})};
        fill_push(&a, events, 2);
        break;
    }
    case LIE_SEEN_BACK: {
        struct stream_head head = {0};
        const struct pool_event *first = write_event(&a, 1, &head, (struct seen){1, {{1, 1}}});
        head.seen = (struct seen){0};
        const struct pool_event *events[] = {first, write_event(&a, 1, &head, (struct seen){0})};
        fill_push(&a, events, 2);
        break;
    }
    case LIES:
        break;
    }
}

static void a_push_that_lies_is_refused_and_nothing_of_it_kept(void **state)
{
    for (int how = 0; how < LIES; how++) {
        store_append(log_, 1, write_event(&b, 1, &head_b, (struct seen){0}), NULL); /* something that can be seen */
        make_hub(1);
        a_writes_five();
        hello(&a, 1, &head_a);
        lie((enum lie)how);
        says(send(&a, 1, MSG_PUSH, 2, &push_body), "incident; REFUSED#2 10 to 1");
        says(push(&a, 1, 3, five, 5), "keep(1) 1+5");
        forget_kept();
        tear_down(state);
        set_up(state);
    }
}

static void a_fork_found_in_a_push_is_told_in_the_next_welcome(void **state)
{
    (void)state;
    a_wrote(2);
    make_hub(1);
    struct stream_head longer = {8, {{1}}, {0}};
    says(hello(&a, 1, &longer), "WELCOME#1 ok held 2 head 2 to 1");
    const struct pool_event *events[] = {write_event(&a, 1, &(struct stream_head){2, {{7}}, {0}}, (struct seen){0})};
    says(push(&a, 1, 2, events, 1), "incident; REFUSED#2 10 to 1; REFUSED#0 6 to 1"); /* it is soon to say HELLO */
    says(push(&a, 1, 2, events, 1), "REFUSED#2 10 to 1");
    says(hello(&a, 1, &longer), "WELCOME#1 fork held 2 head 2 to 1");
    assert_int_equal(welcomed.sites[0].next_incarnation, 2);
}

static void what_an_event_has_seen_must_be_held(void **state)
{
    (void)state;
    hello(&a, 1, &head_a);
    struct stream_head head = {0};
    const struct pool_event *ahead[] = {write_event(&a, 1, &head, (struct seen){1, {{1, 4}}})};
    says(push(&a, 1, 2, ahead, 1), "incident; REFUSED#2 9 to 1"); /* perhaps it was restored: they wait */
    for (int i = 0; i < 4; i++)
        store_append(log_, 1, write_event(&b, 1, &head_b, (struct seen){0}), NULL);
    struct hub_input grew = {.kind = HUB_GREW, .site = bytes_str(SITE), .head = store_head(log_, 1)};
    step(&grew);
    says(push(&a, 1, 3, ahead, 1), "keep(1) 1+1");
}

static void another_incarnation_says_hello_first(void **state)
{
    (void)state;
    hello(&a, 1, &head_a);
    struct stream_head head = {0};
    const struct pool_event *events[] = {write_event(&a, 2, &head, (struct seen){0})};
    says(push(&a, 1, 2, events, 1), "REFUSED#2 6 to 1");
}

static void a_device_cannot_fill_the_hubs_memory(void **state)
{
    (void)state;
    static const struct pool_event *many[65];
    for (int i = 0; i < 65; i++)
        many[i] = write_event(&a, 1, &head_a, (struct seen){0});
    hello(&a, 1, &head_a);
    for (uint32_t i = 0; i < 64; i++)
        assert_true(strncmp(push(&a, 1, 2 + i, many + i, 1), "keep(", 5) == 0);
    says(push(&a, 1, 70, many + 64, 1), "REFUSED#70 9 to 1");
    says(keep_done(1), "RECEIPT#2 1 runs 1 to 1");
    says(push(&a, 1, 71, many + 64, 1), "keep(65) 65+1");
}

/* ---- PULL ---- */

static void a_pull_is_held_back_until_there_is_news(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    says(pull(&a, 1, 2, 0), "");
    says(pull(&b, 2, 2, 0), "");
    push(&a, 1, 3, five, 2);
    says(keep_done(1), "RECEIPT#3 2 runs 1 to 1; read(2) 1.1 for 2");
    says(range(2, (struct position){1, 1}, &b), "FEED#2 1.1+2 to 2");
    assert_true(verify_log_head(&hub_party.sign, bytes_str(SITE), &fed.head, &fed.signature));
    assert_int_equal(fed.newest.n, 2);
    says(pull(&b, 2, 3, 1), "read(3) 1.2 for 2"); /* a cursor in the middle: at once */
    says(range(3, (struct position){1, 2}, &b), "FEED#3 1.2+1 to 2");
}

/* b over two connections. */
static void all_wait_and_a_pushes_two(void)
{
    a_writes_five();
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    hello(&b, 3, &head_b);
    says(pull(&a, 1, 2, 0), "");
    says(pull(&b, 2, 2, 0), "");
    says(pull(&b, 3, 2, 0), "");
    push(&a, 1, 3, five, 2);
}

static void what_has_just_become_durable_is_fed_without_being_read(void **state)
{
    (void)state;
    struct lent body = {0};
    struct log_head head;
    all_wait_and_a_pushes_two();
    says(keep_done_with(1, true), "RECEIPT#3 2 runs 1 to 1; FEED#2 1.1+2 to 2; FEED#2 1.1+2 to 3"); /* not to a */
    assert_true(verify_log_head(&hub_party.sign, bytes_str(SITE), &fed.head, &fed.signature));
    assert_int_equal(fed.newest.n, 2);
    store_read_feed(log_, (struct position){1, 1}, 16384, &b.device, 1, &body, &head); /* bytes, and a's signature */
    assert_int_equal(fed_len, body.bytes.len);
    assert_memory_equal(fed_body, body.bytes.data, fed_len);
    lent_return(&body);
    says(pull(&b, 2, 3, 2), ""); /* that answered the one before */
    push(&a, 1, 4, five + 2, 1);
    says(keep_done_with(2, true), "RECEIPT#4 3 runs 1 to 1; FEED#3 1.3+1 to 2");
}

static void what_a_pull_lacks_besides_is_read_with_what_is_new(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    hello(&b, 3, &head_b);
    push(&a, 1, 3, five, 1);
    keep_done(1);
    says(pull(&b, 2, 2, 0), "read(2) 1.1 for 2");
    message.pull = (struct msg_pull){
        .site = bytes_str(SITE), .cursor_count = 1, .cursors = {{1, 1}}, .max_bytes = 10, .wait_ms = 20000};
    says(send(&b, 3, MSG_PULL, 2, NULL), "");
    push(&a, 1, 4, five + 1, 1);
    says(keep_done_with(3, true), "RECEIPT#4 2 runs 1 to 1; read(4) 1.2 for 3"); /* it may have less at a time */
    push(&a, 1, 5, five + 2, 1);
    says(range(2, (struct position){1, 1}, &b), "FEED#2 1.1+2 to 2");
    says(range(4, (struct position){1, 2}, &b), "FEED#2 1.2+1 to 3");
    hello(&b, 4, &head_b);
    keep_done_with(5, true);
    says(pull(&b, 4, 6, 2), "read(6) 1.3 for 4"); /* what was new is no longer at hand */
}

static void of_its_own_events_alone_a_laptop_hears_once_no_more_come(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    says(pull(&a, 1, 2, 0), "");
    push(&a, 1, 3, five, 2);
    says(keep_done(1), "RECEIPT#3 2 runs 1 to 1");
    assert_int_equal(hub_deadline(hub), now + 100);
    says(after(60), "");
    push(&a, 1, 4, five + 2, 2);
    says(keep_done(2), "RECEIPT#4 4 runs 1 to 1");
    says(after(99), "");
    says(after(1), "read(3) 1.1 for 1");
    says(range(3, (struct position){1, 1}, &a), "FEED#2 1.1+4 to 1");
    says(pull(&a, 1, 5, 2), "read(4) 1.3 for 1"); /* none came for long enough: at once */
    says(range(4, (struct position){1, 3}, &a), "FEED#5 1.3+2 to 1");
}

static void of_its_own_events_alone_a_laptop_hears_in_time_however_many_come(void **state)
{
    (void)state;
    const struct pool_event *many[7];
    for (unsigned i = 0; i < 7; i++)
        many[i] = write_event(&a, 1, &head_a, (struct seen){0});
    hello(&a, 1, &head_a);
    says(pull(&a, 1, 2, 0), "");
    now += 10000; /* what it waited before any of them came is nothing to that */
    for (unsigned i = 0; i < 6; i++) {
        push(&a, 1, 3 + i, many + i, 1);
        assert_null(strstr(keep_done(i + 1), "read"));
        says(after(79), "");
    }
    assert_int_equal(hub_deadline(hub), now + 21);
    push(&a, 1, 9, many + 6, 1);
    keep_done(7);
    says(after(26), "read(8) 1.1 for 1");
}

/* Its time has come, and others are read for; then more of its own comes, and it is held back again. */
static void what_was_held_back_twice_comes_in_time_all_the_same(void **state)
{
    (void)state;
    all_wait_and_a_pushes_two();
    says(keep_done(1), "RECEIPT#3 2 runs 1 to 1; read(2) 1.1 for 2; read(3) 1.1 for 3");
    says(after(100), "");
    push(&a, 1, 4, five + 2, 2);
    says(keep_done(4), "RECEIPT#4 4 runs 1 to 1");
    says(range(2, (struct position){1, 1}, &b), "FEED#2 1.1+4 to 2");
    says(range(3, (struct position){1, 1}, &b), "FEED#2 1.1+4 to 3");
    says(after(399), "");
    says(after(1), "read(5) 1.1 for 1");
}

static void news_of_others_brings_a_laptops_own_along_at_once(void **state)
{
    (void)state;
    a_writes_five();
    const struct pool_event *other = write_event(&b, 1, &head_b, (struct seen){0});
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    says(pull(&a, 1, 2, 0), "");
    push(&a, 1, 3, five, 2);
    says(keep_done(1), "RECEIPT#3 2 runs 1 to 1");
    push(&b, 2, 3, &other, 1);
    says(keep_done(2), "RECEIPT#3 1 runs 1 to 2; read(3) 1.1 for 1");
    says(range(3, (struct position){1, 1}, &a), "FEED#2 1.1+3 to 1");
    push(&a, 1, 4, five + 2, 1);
    keep_done(4);
    says(pull(&a, 1, 5, 2), "read(5) 1.3 for 1"); /* b's is not here yet */
    says(range(5, (struct position){1, 3}, &a), "FEED#5 1.3+2 to 1");
    push(&a, 1, 6, five + 3, 1);
    keep_done(6);
    says(pull(&a, 1, 7, 4), "");
    message.pull = (struct msg_pull){.site = bytes_str(SITE), .cursors = {{1, 4}}, .cursor_count = 1};
    says(send(&a, 1, MSG_PULL, 8, NULL), "read(7) 1.5 for 1"); /* it does not want to wait */
}

static void without_news_an_empty_feed_comes_when_the_time_is_up(void **state)
{
    (void)state;
    hello(&a, 1, &head_a);
    says(pull(&a, 1, 2, 0), "");
    assert_int_equal(hub_deadline(hub), now + 20000);
    says(after(19999), "");
    says(after(1), "FEED#2 0.0+0 to 1");
    assert_int_equal(hub_deadline(hub), UINT64_MAX);
    message.pull = (struct msg_pull){.site = bytes_str(SITE), .wait_ms = UINT32_MAX};
    send(&a, 1, MSG_PULL, 3, NULL);
    assert_int_equal(hub_deadline(hub), now + PULL_WAIT_MAX_MS);
}

static void a_pull_takes_the_place_of_the_one_before(void **state)
{
    (void)state;
    a_wrote(1);
    make_hub(1);
    hello(&b, 2, &head_b);
    says(pull(&b, 2, 2, 0), "read(1) 1.1 for 2");
    says(pull(&b, 2, 3, 0), "");
    says(range(1, (struct position){1, 1}, &b), "read(2) 1.1 for 2"); /* nobody waits for #2 any more */
    says(range(2, (struct position){1, 1}, &b), "FEED#3 1.1+1 to 2");
}

static void spokes_are_served_in_turn(void **state)
{
    (void)state;
    a_wrote(1);
    struct party c = given_party(5);
    make_hub(1);
    admit(&c);
    hello(&a, 1, &head_a);
    hello(&b, 2, &head_b);
    hello(&c, 3, &head_b);
    says(pull(&a, 1, 2, 0), "read(1) 1.1 for 1");
    says(pull(&b, 2, 2, 0), "read(2) 1.1 for 2");
    says(pull(&c, 3, 2, 0), ""); /* two ranges at a time */
    says(range(1, (struct position){1, 1}, &a), "FEED#2 1.1+1 to 1; read(3) 1.1 for 3");
    says(pull(&a, 1, 3, 0), ""); /* it wants more: behind the others */
    says(range(2, (struct position){1, 1}, &b), "FEED#2 1.1+1 to 2; read(4) 1.1 for 1");
    struct hub_input gone = {.kind = HUB_PEER_GONE, .peer = 3};
    step(&gone);
    says(range(3, (struct position){1, 1}, &c), "");
}

static void a_range_that_cannot_be_read_is_asked_for_later(void **state)
{
    (void)state;
    a_wrote(1);
    make_hub(1);
    hello(&b, 2, &head_b);
    pull(&b, 2, 2, 0);
    struct hub_input failed = {.kind = HUB_RANGE, .ticket = 1, .ok = false};
    says(step(&failed), "REFUSED#2 9 to 2");
}

static void a_range_read_for_an_earlier_connection_is_for_nobody(void **state)
{
    (void)state;
    a_wrote(2);
    make_hub(1);
    hello(&b, 2, &head_b);
    says(pull(&b, 2, 2, 0), "read(1) 1.1 for 2");
    struct hub_input gone = {.kind = HUB_PEER_GONE, .peer = 2};
    step(&gone);
    hello(&b, 2, &head_b); /* the same number again, and the same request */
    says(pull(&b, 2, 2, 0), "read(2) 1.1 for 2");
    says(range(1, (struct position){1, 1}, &b), "");
    says(range(2, (struct position){1, 1}, &b), "FEED#2 1.1+2 to 2");
}

static void keys_are_read_for_the_device(void **state)
{
    (void)state;
    hello(&b, 2, &head_b);
    message.keys = (struct msg_keys){.site = bytes_str(SITE), .count = 2};
    says(send(&b, 2, MSG_KEYS, 2, NULL), "read-keys(1) 2");
    struct buffer body = {0};
    given_key_record(&body, 1);
    struct hub_input keys = {.kind = HUB_RANGE, .ticket = 1, .ok = true, .key_count = 1, .body = lend_buffer(&body)};
    says(step(&keys), "KEYRING#2 1 to 2");
    message.keys = (struct msg_keys){.site = bytes_str(SITE)};
    says(send(&b, 2, MSG_KEYS, 3, NULL), "KEYRING#3 0 to 2");

    const struct key_id for_others[2] = {{{7}}, {{8}}};
    message.keys = (struct msg_keys){.site = bytes_str(SITE), .count = 2, .ids = {{{7}}, {{8}}}};
    says(send(&b, 2, MSG_KEYS, 4, NULL), "read-keys(2) 2");
    keys = (struct hub_input){
        .kind = HUB_RANGE, .ticket = 2, .ok = true, .denied = for_others, .denied_count = 2};
    says(step(&keys), "KEYRING#4 0 denied 2 to 2");
}

/* Frames may be reordered: what came over this connection is known at its other end. */
static void a_hello_that_its_push_overtook_is_no_fork(void **state)
{
    (void)state;
    hello(&a, 1, &head_a);
    const struct pool_event *event = write_event(&a, 1, &head_a, (struct seen){0});
    struct stream_head before = {0};
    push(&a, 1, 3, &event, 1);
    keep_done(1);
    says(hello(&a, 1, &before), "WELCOME#1 ok held 1 head 1 to 1");
    says(hello(&a, 2, &before), "incident; WELCOME#1 fork held 1 head 1 to 2"); /* another laptop with its keys */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_push_is_answered_after_its_commit),
        TEST(what_is_kept_waits_no_longer),
        TEST(doubled_pushes_are_answered_by_what_is_durable),
        TEST(a_gap_is_answered_by_where_to_go_on),
        TEST(a_failed_commit_ends_the_machine),
        TEST(keys_the_log_lacks_are_named_and_taken),
        TEST(who_brought_keys_is_asked_for_the_next_ones_at_once),
        TEST(a_push_that_lies_is_refused_and_nothing_of_it_kept),
        TEST(a_fork_found_in_a_push_is_told_in_the_next_welcome),
        TEST(a_hello_that_its_push_overtook_is_no_fork),
        TEST(what_an_event_has_seen_must_be_held),
        TEST(another_incarnation_says_hello_first),
        TEST(a_device_cannot_fill_the_hubs_memory),
        TEST(a_pull_is_held_back_until_there_is_news),
        TEST(what_has_just_become_durable_is_fed_without_being_read),
        TEST(what_a_pull_lacks_besides_is_read_with_what_is_new),
        TEST(of_its_own_events_alone_a_laptop_hears_once_no_more_come),
        TEST(of_its_own_events_alone_a_laptop_hears_in_time_however_many_come),
        TEST(what_was_held_back_twice_comes_in_time_all_the_same),
        TEST(news_of_others_brings_a_laptops_own_along_at_once),
        TEST(without_news_an_empty_feed_comes_when_the_time_is_up),
        TEST(a_pull_takes_the_place_of_the_one_before),
        TEST(spokes_are_served_in_turn),
        TEST(a_range_that_cannot_be_read_is_asked_for_later),
        TEST(a_range_read_for_an_earlier_connection_is_for_nobody),
        TEST(keys_are_read_for_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
