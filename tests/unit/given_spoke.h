/* SPDX-License-Identifier: Apache-2.0 */
/* The scene in which the spoke's machine is told step by step: one laptop with one site, and the log of a hub. */
#ifndef FELLOE_TESTS_GIVEN_SPOKE_H
#define FELLOE_TESTS_GIVEN_SPOKE_H

#include "proto/sync/sync_spoke.h"
#include "tests/unit/given_sync.h"

/* ---- the scene: one laptop with one site, its own log, and the log of a hub ---- */

static struct party hub, me, other;
static struct pool pool;
static struct store mine, hubs;       /* what each holds durably */
static struct store_site *own, *log_; /* the site in each */
static struct stream_head others_head;
static const char *at_site = SITE;    /* whom inputs are about */
static struct spoke *spoke;
static struct spoke_outputs outputs;
static struct message message;
static struct line line;
static uint64_t now;
static uint32_t told_incarnation;
static struct position refilled_to; /* the hub's newest position once laptops have refilled it; epoch 0: never */
static uint64_t greeted, asked_offer; /* requests of the latest HELLO and OFFER */
static uint8_t push_body[16384];         /* of the latest PUSH, if it is no larger */
static size_t push_body_len;
static struct challenge challenge;    /* of that HELLO */
static struct terms told_terms;       /* the hub's, but for whom and when they answer */
static const struct sign_secret *signs; /* who signs them; NULL: the hub */
static struct buffer terms_bytes;

static inline void make_spoke(uint64_t shared)
{
    struct spoke_config config = {.device = me.device, .incarnation = 1, .sign = me.secret, .hub_sign = hub.sign};
    struct log_head cursor = store_head(own, 1);
    spoke_free(spoke);
    spoke = spoke_new(&config);
    assert_true(spoke_load_site(spoke, bytes_str(SITE), &own->own_head, shared, 0));
    if (cursor.at.n > 0)
        assert_true(spoke_load_cursor(spoke, bytes_str(SITE), &cursor));
}

static inline int set_up(void **state)
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
    told_terms = (struct terms){.device = me.device};
    signs = NULL;
    refilled_to = (struct position){0};
    make_spoke(0);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    spoke_free(spoke);
    spoke = NULL;
    spoke_outputs_release(&outputs);
    buffer_release(&terms_bytes);
    store_release(&mine);
    store_release(&hubs);
    pool_release(&pool);
    return 0;
}

static const char *const notices[] = {"refused", "not-hub", "fork", "rewind", "split", "bad-feed", "clear"};

static uint32_t told_streams; /* of the FEED that was kept last */

/* What the log believes of them: where each stream began and where it ends; and each entry but markers is of one. */
static inline void streams_fit(const struct batch *batch)
{
    uint32_t of_streams = 0, others = 0;
    told_streams = batch->stream_count;
    for (uint32_t s = 0; s < batch->stream_count; s++) {
        const struct batch_stream *stream = &batch->streams[s];
        uint64_t seq = stream->before.seq;
        const struct event_id *last = NULL;
        for (uint32_t i = 0; i < batch->count; i++) {
            const struct entry *entry = &batch->entries[i];
            if (!(entry->flags & ENTRY_OWN) && entry->incarnation == stream->incarnation &&
                device_id_equal(&entry->device, &stream->device)) {
                assert_int_equal(entry->seq, ++seq);
                last = &entry->id;
            }
        }
        assert_int_equal(stream->after.seq, seq);
        assert_non_null(last);
        assert_true(event_id_equal(&stream->after.id, last));
        of_streams += (uint32_t)(seq - stream->before.seq);
    }
    for (uint32_t i = 0; i < batch->count; i++)
        others += !(batch->entries[i].flags & ENTRY_OWN);
    assert_true(batch->stream_count == 0 || of_streams == others);
}

static inline void tell_output(struct spoke_output *o)
{
    switch (o->kind) {
    case SPOKE_SEND:
        assert_true(message_decode(buffer_bytes(&o->header), &message));
        line_message(&line, &message);
        if (message.kind == MSG_HELLO) {
            greeted = message.request;
            challenge = message.hello.challenge;
        }
        if (message.kind == MSG_OFFER)
            asked_offer = message.request;
        if (message.kind == MSG_PUSH && o->body.bytes.len <= sizeof push_body) {
            push_body_len = o->body.bytes.len;
            if (push_body_len > 0)
                memcpy(push_body, o->body.bytes.data, push_body_len);
        }
        break;
    case SPOKE_READ_OWN:
        line_add(&line, "read %llu max %u", (unsigned long long)o->first_seq, o->max_bytes);
        break;
    case SPOKE_READ_IDS:
        line_add(&line, "read-ids %llu+%u", (unsigned long long)o->first_seq, o->count);
        break;
    case SPOKE_KEEP_FEED:
        line_add(&line, "keep-feed %llu+%u", (unsigned long long)o->batch->first_n, o->batch->count);
        streams_fit(o->batch);
        break;
    case SPOKE_READ_OFFER:
        line_add(&line, "read-offer %u.%llu max %u", o->from.epoch, (unsigned long long)o->from.n, o->max_bytes);
        break;
    case SPOKE_CAUGHT_UP:
        line_add(&line, "caught-up");
        break;
    case SPOKE_KEEP_RECEIPT:
        if (o->lowered)
            line_add(&line, "lower-receipt %llu", (unsigned long long)o->receipt->seq);
        else
            line_add(&line, "keep-receipt %llu runs %u", (unsigned long long)o->receipt->seq, o->receipt->run_count);
        break;
    case SPOKE_READ_KEYS:
        line_add(&line, "read-keys %u", o->key_count);
        break;
    case SPOKE_KEEP_KEYS:
        line_add(&line, "keep-keys %u", o->key_count);
        break;
    case SPOKE_KEYS_DENIED:
        line_add(&line, "denied %u", o->key_count);
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
static inline const char *step(struct spoke_input *input)
{
    input->now_ms = now;
    input->site = bytes_str(at_site);
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

static inline const char *simple(enum spoke_input_kind kind)
{
    struct spoke_input input = {.kind = kind};
    return step(&input);
}
static inline const char *after(uint64_t ms)
{
    now += ms;
    return simple(SPOKE_TICK);
}
static inline const char *up(void)
{
    return simple(SPOKE_UP);
}

/* ---- this laptop's log ---- */

static inline void write_own(unsigned count)
{
    struct seen none = {0};
    while (count-- > 0)
        store_own_append(own, pool_make(&pool, bytes_str(at_site), &me.device, 1, &own->own_head, &none));
}
/* What was asked for by read-ids. */
static inline const char *own_ids(uint64_t first, uint32_t count)
{
    struct event_id ids[64];
    struct spoke_input input = {.kind = SPOKE_IDS_READ, .first_seq = first, .count = count, .ids = ids};
    for (uint32_t i = 0; i < count; i++)
        ids[i] = own->own[first - 1 + i]->id;
    return step(&input);
}
static inline const char *saved(void)
{
    struct spoke_input input = {.kind = SPOKE_SAVED, .own = own->own_head, .oldest_waiting_ms = 5};
    return step(&input);
}
/* With the last `count` of them. */
static inline const char *saved_at_hand(uint32_t count)
{
    struct spoke_input input = {.kind = SPOKE_SAVED, .own = own->own_head, .oldest_waiting_ms = 5};
    input.count = store_read_own(own, own->own_head.seq + 1 - count, BODY_TARGET, &input.body, &(struct event_id){0});
    return step(&input);
}
static inline const char *read_own(uint64_t first, uint32_t max)
{
    struct spoke_input input = {.kind = SPOKE_OWN_READ, .first_seq = first};
    input.count = store_read_own(own, first, max, &input.body, &input.last_id);
    return step(&input);
}
/* With the ids, which are at hand while it is read. */
static inline const char *read_own_with_ids(uint64_t first, uint32_t max)
{
    struct event_id ids[64];
    struct spoke_input input = {.kind = SPOKE_OWN_READ, .first_seq = first, .ids = ids};
    input.count = store_read_own(own, first, max, &input.body, &input.last_id);
    assert_true(input.count <= 64);
    for (uint32_t i = 0; i < input.count; i++)
        ids[i] = own->own[first - 1 + i]->id;
    return step(&input);
}
static inline const char *receipt_kept(uint64_t seq)
{
    struct spoke_input input = {.kind = SPOKE_RECEIPT_KEPT, .seq = seq, .ok = true};
    return step(&input);
}
static inline const char *feed_kept(bool ok)
{
    struct spoke_input input = {.kind = SPOKE_FEED_KEPT, .ok = ok};
    return step(&input);
}
static inline uint64_t shared(void)
{
    struct spoke_site_status status;
    spoke_site_status(spoke, 0, &status);
    return status.shared_seq;
}

/* ---- what the hub says: `message` is filled in, then sent ---- */

static inline const char *hub_sends(enum message_kind kind, uint64_t request, struct buffer *body)
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

static inline struct signature receipt_for(uint64_t seq, const struct event_id *id)
{
    struct signature signature = {{0}};
    if (seq > 0)
        sign_receipt(&hub.secret, bytes_str(SITE), &me.device, 1, seq, id, &signature);
    return signature;
}

static inline struct event_id own_id(uint64_t seq)
{
    return seq > 0 && seq <= own->own_count ? own->own[seq - 1]->id : (struct event_id){{0}};
}

/* In answer to the latest HELLO. */
static inline struct bytes terms_now(void)
{
    struct terms terms = told_terms;
    terms.challenge = challenge;
    buffer_clear(&terms_bytes);
    terms_put(&terms_bytes, &terms, signs ? signs : &hub.secret);
    return buffer_bytes(&terms_bytes);
}

static inline const char *welcome_of(uint64_t request, enum site_verdict verdict, uint64_t held, struct event_id id,
                                     uint32_t next)
{
    message.welcome = (struct msg_welcome){.epoch = 1, .now_ms = 1, .site_count = 1, .terms = terms_now()};
    message.welcome.sites[0] = (struct welcome_site){.site = bytes_str(SITE),
                                                     .verdict = verdict,
                                                     .next_incarnation = next,
                                                     .held_seq = held,
                                                     .held_id = id,
                                                     .held_receipt = receipt_for(held, &id),
                                                     .head = refilled_to.epoch > 0 ? refilled_to
                                                                                   : store_head(log_, 1).at};
    return hub_sends(MSG_WELCOME, request, NULL);
}
static inline const char *welcome(uint64_t request, uint64_t held)
{
    return welcome_of(request, SITE_OK, held, own_id(held), 0);
}

static inline void fill_receipt(uint64_t seq)
{
    struct event_id id = own_id(seq);
    message.receipt = (struct msg_receipt){
        .site = bytes_str(SITE), .incarnation = 1, .seq = seq, .id = id, .signature = receipt_for(seq, &id)};
}
static inline const char *receipt(uint64_t request, uint64_t seq)
{
    fill_receipt(seq);
    return hub_sends(MSG_RECEIPT, request, NULL);
}

static inline const char *refused(uint64_t request, enum refusal reason)
{
    message.refused = (struct msg_refused){.reason = reason, .site = bytes_str(SITE)};
    return hub_sends(MSG_REFUSED, request, NULL);
}

/* The hub's log grows by `count` events of another laptop. */
static inline void others_write(unsigned count)
{
    struct seen none = {0};
    while (count-- > 0)
        store_append(log_, 1, pool_make(&pool, bytes_str(SITE), &other.device, 1, &others_head, &none), NULL);
}

/* A FEED of the hub's log from `first`, with at most `count` entries; ready to be spoilt before feed_send. */
static struct buffer feed_body;
static inline void feed_make(uint64_t first, uint32_t count)
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
/* A FEED of own events alone, as one marker. */
static inline void feed_make_markers(uint64_t first, uint32_t count)
{
    struct msg_feed *m = &message.feed;
    const struct store_entry *begin = store_at(log_, (struct position){1, first});
    const struct store_entry *end = store_at(log_, (struct position){1, first + count - 1});
    *m = (struct msg_feed){.site = bytes_str(SITE), .first = {1, first}, .count = count, .head = end->head,
                           .newest = store_head(log_, 1).at};
    buffer_release(&feed_body);
    feed_put_markers(&feed_body, 1, begin->event->seq, count, &end->event->id);
    sign_log_head(&hub.secret, m->site, &m->head, &m->signature);
}
static inline const char *feed_send(uint64_t request)
{
    return hub_sends(MSG_FEED, request, &feed_body);
}
static inline const char *feed(uint64_t request, uint64_t first, uint32_t count)
{
    feed_make(first, count);
    return feed_send(request);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
