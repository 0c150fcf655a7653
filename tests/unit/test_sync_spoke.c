/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's machine, step by step: what it is told on the left, what it then does on the right. */
#include "proto/sync_spoke.h"
#include "tests/unit/given_sync.h"

/* ---- the scene: one laptop with one site, its own log, and the log of a hub ---- */

static struct party hub, me, other;
static struct pool pool;
static struct store mine, hubs;       /* what each holds durably */
static struct store_site *own, *log_; /* the site in each */
static struct stream_head others_head;
static struct spoke *spoke;
static struct spoke_outputs outputs;
static struct message message;
static struct line line;
static uint64_t now;
static uint32_t told_incarnation;

static void make_spoke(uint64_t shared)
{
    struct spoke_config config = {.device = me.device, .incarnation = 1, .sign = me.secret, .hub_sign = hub.sign};
    struct log_head cursor = store_head(own, 1);
    spoke_free(spoke);
    spoke = spoke_new(&config);
    assert_true(spoke_load_site(spoke, bytes_str(SITE), &own->own_head, shared, 0));
    if (cursor.at.n > 0)
        assert_true(spoke_load_cursor(spoke, bytes_str(SITE), &cursor));
}

static int set_up(void **state)
{
    (void)state;
    hub = given_party(1);
    me = given_party(2);
    other = given_party(3);
    pool_init(&pool);
    own = store_add_site(&mine, SITE);
    log_ = store_add_site(&hubs, SITE);
    others_head = (struct stream_head){0};
    now = 1000;
    make_spoke(0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    spoke_free(spoke);
    spoke = NULL;
    spoke_outputs_release(&outputs);
    store_release(&mine);
    store_release(&hubs);
    pool_release(&pool);
    return 0;
}

static const char *const notices[] = {"refused", "fork", "rewind", "split", "bad-feed", "clear"};

static void tell_output(struct spoke_output *o)
{
    switch (o->kind) {
    case SPOKE_SEND:
        assert_true(message_decode(buffer_bytes(&o->header), &message));
        line_message(&line, &message);
        break;
    case SPOKE_READ_OWN:
        line_add(&line, "read %llu max %u", (unsigned long long)o->first_seq, o->max_bytes);
        break;
    case SPOKE_KEEP_FEED:
        line_add(&line, "keep-feed %llu+%u", (unsigned long long)o->batch->first_n, o->batch->count);
        break;
    case SPOKE_KEEP_RECEIPT:
        line_add(&line, "keep-receipt %llu runs %u", (unsigned long long)o->receipt->seq, o->receipt->run_count);
        break;
    case SPOKE_READ_KEYS:
        line_add(&line, "read-keys %u", o->key_count);
        break;
    case SPOKE_KEEP_KEYS:
        line_add(&line, "keep-keys %u", o->key_count);
        break;
    case SPOKE_HEARD:
        break;
    case SPOKE_NOTICE:
        line_add(&line, "notice%s %s", o->site.len ? "" : "-device", notices[o->notice]);
        assert_true(o->notice == NOTICE_CLEAR || strlen(o->text) > 20);
        told_incarnation = o->next_incarnation;
        break;
    case SPOKE_RECONNECT:
        line_add(&line, "reconnect");
        break;
    }
}

/* One step; what came of it, as text. */
static const char *step(struct spoke_input *input)
{
    input->now_ms = now;
    input->site = bytes_str(SITE);
    line.len = 0;
    line.text[0] = '\0';
    spoke_step(spoke, input, &outputs);
    assert_false(outputs.failed);
    for (size_t i = 0; i < outputs.count; i++)
        tell_output(&outputs.items[i]);
    spoke_outputs_clear(&outputs);
    return line.text;
}

#define says(call, expected) assert_string_equal(call, expected)

static const char *simple(enum spoke_input_kind kind)
{
    struct spoke_input input = {.kind = kind};
    return step(&input);
}
static const char *after(uint64_t ms)
{
    now += ms;
    return simple(SPOKE_TICK);
}
static const char *up(void)
{
    return simple(SPOKE_UP);
}

/* ---- this laptop's log ---- */

static void write_own(unsigned count)
{
    struct seen none = {0};
    while (count-- > 0)
        store_own_append(own, pool_make(&pool, bytes_str(SITE), &me.device, 1, &own->own_head, &none));
}
static const char *saved(void)
{
    struct spoke_input input = {.kind = SPOKE_SAVED, .own = own->own_head, .oldest_waiting_ms = 5};
    return step(&input);
}
static const char *read_own(uint64_t first, uint32_t max)
{
    struct spoke_input input = {.kind = SPOKE_OWN_READ, .first_seq = first};
    input.count = store_read_own(own, first, max, &input.body, &input.last_id);
    return step(&input);
}
static const char *receipt_kept(uint64_t seq)
{
    struct spoke_input input = {.kind = SPOKE_RECEIPT_KEPT, .seq = seq, .ok = true};
    return step(&input);
}
static const char *feed_kept(bool ok)
{
    struct spoke_input input = {.kind = SPOKE_FEED_KEPT, .ok = ok};
    return step(&input);
}
static uint64_t shared(void)
{
    struct spoke_site_status status;
    spoke_site_status(spoke, 0, &status);
    return status.shared_seq;
}

/* ---- what the hub says: `message` is filled in, then sent ---- */

static const char *hub_sends(enum message_kind kind, uint64_t request, struct buffer *body)
{
    struct spoke_input input = {.kind = SPOKE_MESSAGE};
    struct buffer header = {0};
    message.kind = kind;
    message.request = request;
    message_encode(&message, &header);
    input.header = buffer_bytes(&header);
    if (body)
        input.body = lend_buffer(body);
    const char *text = step(&input);
    buffer_release(&header);
    return text;
}

static struct signature receipt_for(uint64_t seq, const struct event_id *id)
{
    struct signature signature = {{0}};
    if (seq > 0)
        sign_receipt(&hub.secret, bytes_str(SITE), &me.device, 1, seq, id, &signature);
    return signature;
}

static struct event_id own_id(uint64_t seq)
{
    return seq > 0 && seq <= own->own_count ? own->own[seq - 1]->id : (struct event_id){{0}};
}

static const char *welcome_of(uint64_t request, enum site_verdict verdict, uint64_t held, struct event_id id, uint32_t next)
{
    message.welcome = (struct msg_welcome){.epoch = 1, .now_ms = 1, .site_count = 1};
    message.welcome.sites[0] = (struct welcome_site){.site = bytes_str(SITE), .verdict = verdict, .next_incarnation = next,
                                                     .held_seq = held, .held_id = id,
                                                     .held_receipt = receipt_for(held, &id),
                                                     .head = store_head(log_, 1).at};
    return hub_sends(MSG_WELCOME, request, NULL);
}
static const char *welcome(uint64_t request, uint64_t held)
{
    return welcome_of(request, SITE_OK, held, own_id(held), 0);
}

static void fill_receipt(uint64_t seq)
{
    struct event_id id = own_id(seq);
    message.receipt = (struct msg_receipt){.site = bytes_str(SITE), .incarnation = 1, .seq = seq, .id = id,
                                           .signature = receipt_for(seq, &id)};
}
static const char *receipt(uint64_t request, uint64_t seq)
{
    fill_receipt(seq);
    return hub_sends(MSG_RECEIPT, request, NULL);
}

static const char *refused(uint64_t request, enum refusal reason)
{
    message.refused = (struct msg_refused){.reason = reason, .site = bytes_str(SITE)};
    return hub_sends(MSG_REFUSED, request, NULL);
}

/* The hub's log grows by `count` events of another laptop. */
static void others_write(unsigned count)
{
    struct seen none = {0};
    while (count-- > 0)
        store_append(log_, 1, pool_make(&pool, bytes_str(SITE), &other.device, 1, &others_head, &none), NULL);
}

/* A FEED of the hub's log from `first`, with at most `count` entries; ready to be spoilt before feed_send. */
static struct buffer feed_body;
static void feed_make(uint64_t first, uint32_t count)
{
    struct msg_feed *m = &message.feed;
    *m = (struct msg_feed){.site = bytes_str(SITE), .first = {1, first}, .newest = store_head(log_, 1).at};
    buffer_release(&feed_body);
    for (uint64_t n = first; n < first + count; n++) {
        const struct store_entry *entry = store_at(log_, (struct position){1, n});
        if (!entry)
            break;
        if (device_id_equal(&entry->event->device, &me.device))
            feed_put_marker(&feed_body, 1, entry->event->seq, &entry->event->id);
        else
            feed_put_event(&feed_body, buffer_bytes(&entry->event->raw), NULL);
        m->head = entry->head;
        m->count++;
    }
    if (m->count > 0)
        sign_log_head(&hub.secret, m->site, &m->head, &m->signature);
}
static const char *feed_send(uint64_t request)
{
    return hub_sends(MSG_FEED, request, &feed_body);
}
static const char *feed(uint64_t request, uint64_t first, uint32_t count)
{
    feed_make(first, count);
    return feed_send(request);
}

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
    says(after(30000 + 2048), "PULL#3 after 0 max 8192; HELLO#4 own 0 waiting 0"); /* 16 KiB more of a thin link's time */
    says(after(10000), "HELLO#5 own 0 waiting 0");
    says(after(10000), "HELLO#6 own 0 waiting 0");
    says(after(10000), "reconnect");
}

static void it_greets_again_every_minute(void **state)
{
    (void)state;
    up();
    welcome(1, 0);
    says(after(20000), "");
    others_write(1);
    feed(2, 1, 1);
    feed_kept(true);
    says(after(40000), "HELLO#4 own 0 waiting 0; PULL#5 after 1 max 8192");
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
    says(receipt(3, 105), "keep-receipt 105 runs 0; read 106 max 32768");
    says(read_own(106, 32768), "PUSH#4 106+205 keys 0; read 311 max 32768"); /* two in flight */
    says(read_own(311, 32768), "PUSH#5 311+202 keys 0");
    says(receipt(4, 310), "read 513 max 65536");
    says(receipt(5, 512), "");
    says(read_own(513, 65536), "PUSH#6 513+404 keys 0; read 917 max 131072");
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
    says(receipt(4, 0), "read 1 max 65536");
    read_own(1, 1); /* PUSH#5 */
    says(receipt(5, 0), "");
    says(after(1000), "HELLO#6 own 1 waiting 1"); /* it asks afresh */
    says(after(4000), "read 1 max 131072");
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

static void a_hub_that_holds_more_than_was_written_is_a_fork(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    says(welcome_of(1, SITE_OK, 4, (struct event_id){{9}}, 0), "notice fork; PULL#2 after 0 max 16384");
    says(after(1000), "HELLO#3 own 1 waiting 1");
}

static void a_restored_hub_stops_the_upload_of_that_site_only(void **state)
{
    (void)state;
    write_own(5);
    make_spoke(4);
    up();
    says(welcome(1, 2), "notice rewind; PULL#2 after 0 max 16384");
    assert_int_equal(shared(), 4);
    says(after(20000), "");
    others_write(1);
    says(feed(2, 1, 1), "keep-feed 1+1; PULL#3 after 1 max 16384");
    feed_kept(true);
    says(after(40000), "HELLO#4 own 5 waiting 1; PULL#5 after 1 max 8192");
    says(welcome(4, 4), "notice clear; read 5 max 16384"); /* refilled: on it goes */
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

/* ---- download ---- */

static void a_feed_is_checked_kept_and_the_next_is_asked_meanwhile(void **state)
{
    (void)state;
    others_write(5);
    up();
    says(welcome(1, 0), "PULL#2 after 0 max 16384");
    says(feed(2, 1, 2), "keep-feed 1+2; PULL#3 after 2 max 16384");
    says(feed(2, 1, 2), ""); /* doubled */
    says(feed(3, 3, 2), ""); /* held: the first is still being committed */
    says(feed_kept(true), "keep-feed 3+2; PULL#4 after 4 max 16384");
    struct spoke_site_status status;
    spoke_site_status(spoke, 0, &status);
    assert_int_equal(status.received.at[0].n, 2);
    says(feed_kept(true), "");
    spoke_site_status(spoke, 0, &status);
    assert_int_equal(status.received.at[0].n, 4);
    says(feed(4, 5, 1), "keep-feed 5+1; PULL#5 after 5 max 16384");
}

static void own_events_come_back_as_markers(void **state)
{
    (void)state;
    write_own(2);
    make_spoke(2);
    store_append(log_, 1, own->own[0], NULL);
    others_write(1);
    store_append(log_, 1, own->own[1], NULL);
    up();
    says(welcome(1, 2), "PULL#2 after 0 max 16384");
    says(feed(2, 1, 3), "keep-feed 1+3; PULL#3 after 3 max 16384");
}

static void a_marker_of_what_was_never_written_is_a_fork(void **state)
{
    (void)state;
    write_own(2);
    store_append(log_, 1, own->own[0], NULL);
    store_append(log_, 1, own->own[1], NULL);
    own->own_head = (struct stream_head){1, own->own[0]->id, {0}}; /* set back to a copy of before the second */
    make_spoke(1);
    up();
    says(welcome(1, 1), "PULL#2 after 0 max 16384");
    says(feed(2, 1, 2), "notice fork");
    says(after(1000), "HELLO#3 own 1 waiting 0; PULL#4 after 0 max 16384");
}

static void no_news_is_asked_again_at_once_unless_the_hub_did_not_wait(void **state)
{
    (void)state;
    up();
    welcome(1, 0);
    now += 20000;
    says(feed(2, 1, 0), "PULL#3 after 0 max 16384");
    says(feed(3, 1, 0), "");
    says(after(1000), "PULL#4 after 0 max 16384");
}

/* Each way in which a FEED can be wrong. */
enum spoil { SPOIL_SIGNATURE, SPOIL_HASH, SPOIL_POSITION, SPOIL_EPOCH, SPOIL_COUNT, SPOIL_BYTE, SPOIL_CUT, SPOIL_TAIL,
             SPOIL_LEFT_OUT, SPOIL_TWICE, SPOIL_OTHER_SITE, SPOILS };

static void put_entry(uint64_t n)
{
    feed_put_event(&feed_body, buffer_bytes(&store_at(log_, (struct position){1, n})->event->raw), NULL);
}

static void spoil(enum spoil how)
{
    struct msg_feed *m = &message.feed;
    switch (how) {
    case SPOIL_SIGNATURE: m->signature.b[0] ^= 1; break;
    case SPOIL_HASH: m->head.hash.b[0] ^= 1; break;
    case SPOIL_POSITION: m->first.n++; break;
    case SPOIL_EPOCH: m->first.epoch = 2; break;
    case SPOIL_COUNT: m->count--; break;
    case SPOIL_BYTE: feed_body.data[feed_body.len - 1] ^= 1; break;
    case SPOIL_CUT: feed_body.len--; break;
    case SPOIL_TAIL: buffer_append_byte(&feed_body, 0); break;
    case SPOIL_LEFT_OUT: /* the second event of a stream without its first */
        buffer_clear(&feed_body);
        put_entry(2);
        put_entry(3);
        m->count = 2;
        break;
    case SPOIL_TWICE:
        buffer_clear(&feed_body);
        put_entry(1);
        put_entry(1);
        put_entry(2);
        break;
    case SPOIL_OTHER_SITE: {
        struct stream_head head = {0};
        struct seen none = {0};
        const struct pool_event *e = pool_make(&pool, bytes_str("peak"), &other.device, 1, &head, &none);
        feed_put_event(&feed_body, buffer_bytes(&e->raw), NULL);
        m->count++;
        break;
    }
    case SPOILS: break;
    }
}

static void a_feed_that_does_not_verify_is_not_taken_in(void **state)
{
    for (int how = 0; how < SPOILS; how++) {
        others_write(3);
        up();
        says(welcome(1, 0), "PULL#2 after 0 max 16384");
        feed_make(1, 3);
        spoil((enum spoil)how);
        says(feed_send(2), "notice bad-feed");
        says(after(999), "");
        says(after(1), "PULL#3 after 0 max 16384");
        says(feed(3, 1, 3), "notice clear; keep-feed 1+3; PULL#4 after 3 max 16384"); /* all is as it was before */
        tear_down(state);
        set_up(state);
    }
}

static void a_bad_feed_is_asked_again_ever_more_slowly(void **state)
{
    (void)state;
    others_write(1);
    up();
    welcome(1, 0);
    for (uint64_t request = 2, pause = 1000; request < 5; request++, pause *= 2) {
        feed_make(1, 1);
        spoil(SPOIL_HASH);
        says(feed_send(request), request == 2 ? "notice bad-feed" : "");
        says(after(pause - 1), "");
        assert_true(strncmp(after(1), "PULL#", 5) == 0);
    }
}

static void a_commit_that_failed_ends_the_machine(void **state)
{
    (void)state;
    others_write(1);
    up();
    welcome(1, 0);
    feed(2, 1, 1);
    says(feed_kept(false), "");
    assert_int_equal(spoke_deadline(spoke), UINT64_MAX);
    says(up(), "");
}

/* ---- keys ---- */

static void keys_that_are_lacking_are_asked_for(void **state)
{
    (void)state;
    struct key_id ids[2];
    memset(ids, 5, sizeof ids[0]);
    memset(&ids[1], 6, sizeof ids[1]);
    struct spoke_input need = {.kind = SPOKE_NEED_KEYS, .keys = ids, .key_count = 2};
    up();
    welcome(1, 0);
    says(step(&need), "KEYS#3 2");
    says(step(&need), "");
    struct buffer body = {0};
    given_key_record(&body, 6);
    message.keyring = (struct msg_keyring){.site = bytes_str(SITE), .key_count = 1};
    says(hub_sends(MSG_KEYRING, 3, &body), "keep-keys 1");
    says(after(4999), "");
    says(after(1), "KEYS#4 1"); /* the other one, now and then */
    message.keyring = (struct msg_keyring){.site = bytes_str(SITE), .key_count = 0};
    says(hub_sends(MSG_KEYRING, 4, NULL), "");
    says(after(9999), "");
    says(after(1), "KEYS#5 1");
}

static void keys_that_the_hub_lacks_are_brought(void **state)
{
    (void)state;
    write_own(1);
    saved();
    up();
    welcome(1, 0);
    read_own(1, 1);
    fill_receipt(1);
    message.receipt.missing_count = 2;
    memset(message.receipt.missing, 4, sizeof message.receipt.missing[0]);
    memset(&message.receipt.missing[1], 5, sizeof message.receipt.missing[1]);
    says(hub_sends(MSG_RECEIPT, 3, NULL), "keep-receipt 1 runs 0; read-keys 2");
    struct spoke_input keys = {.kind = SPOKE_KEYS_READ, .key_count = 1};
    struct buffer body = {0};
    given_key_record(&body, 4);
    keys.body = lend_buffer(&body);
    says(step(&keys), "PUSH#4 0+0 keys 1");
    says(after(10000), "HELLO#5 own 1 waiting 1");
    says(welcome(5, 1), "");
    says(after(5000), "read-keys 2"); /* unanswered: brought again */
    given_key_record(&body, 4);
    keys = (struct spoke_input){.kind = SPOKE_KEYS_READ, .key_count = 1, .body = lend_buffer(&body)};
    says(step(&keys), "PUSH#6 0+0 keys 1");
    says(receipt(6, 1), "");
    says(after(10000), "");
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
    says(after(1), "read 1 max 16384; PULL#4 after 0 max 16384");
}

static void a_refused_laptop_asks_again_in_a_minute(void **state)
{
    (void)state;
    static const enum refusal reasons[] = {REFUSED_REVOKED, REFUSED_UNKNOWN, REFUSED_VERSION};
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_greets_until_it_is_welcomed),
        TEST(unanswered_it_asks_for_a_new_connection),
        TEST(silence_while_live_is_probed),
        TEST(it_greets_again_every_minute),
        TEST(saved_events_are_pushed_and_shared_only_when_the_receipt_is_kept),
        TEST(receipts_may_be_doubled_and_reordered),
        TEST(positions_of_receipts_that_wait_are_kept_together),
        TEST(a_receipt_without_the_hubs_signature_is_nothing),
        TEST(a_push_without_a_receipt_is_sent_again_in_smaller_pieces),
        TEST(the_window_grows_on_quick_receipts),
        TEST(a_hub_that_has_less_gets_it_again_but_not_for_ever),
        TEST(what_the_hub_holds_is_a_receipt_too),
        TEST(what_it_holds_in_the_middle_is_compared_first),
        TEST(another_history_at_the_hub_is_a_fork),
        TEST(a_hub_that_holds_more_than_was_written_is_a_fork),
        TEST(a_restored_hub_stops_the_upload_of_that_site_only),
        TEST(verdicts_stop_what_they_are_about),
        TEST(a_feed_is_checked_kept_and_the_next_is_asked_meanwhile),
        TEST(own_events_come_back_as_markers),
        TEST(a_marker_of_what_was_never_written_is_a_fork),
        TEST(no_news_is_asked_again_at_once_unless_the_hub_did_not_wait),
        TEST(a_feed_that_does_not_verify_is_not_taken_in),
        TEST(a_bad_feed_is_asked_again_ever_more_slowly),
        TEST(a_commit_that_failed_ends_the_machine),
        TEST(keys_that_are_lacking_are_asked_for),
        TEST(keys_that_the_hub_lacks_are_brought),
        TEST(hello_first_is_done),
        TEST(a_busy_hub_is_asked_later),
        TEST(a_refused_laptop_asks_again_in_a_minute),
        TEST(a_refused_site_is_left_alone),
        TEST(refused_events_stay_saved_and_are_asked_about_ever_more_slowly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
