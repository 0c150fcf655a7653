/* SPDX-License-Identifier: Apache-2.0 */
/* The scene in which the hub's machine is told step by step: a hub with one site, two laptops, and a stranger. */
#ifndef FELLOE_TESTS_GIVEN_HUB_H
#define FELLOE_TESTS_GIVEN_HUB_H

#include "proto/sync/sync_hub.h"
#include "tests/unit/given_sync.h"

/* ---- the scene: a hub with one site, two laptops (a and b), and one that it does not know ---- */

static struct party hub_party, a, b, stranger;
static struct pool pool;
static struct store hubs;
static struct store_site *log_;
static struct stream_head head_a, head_b;
static struct hub *hub;
static struct hub_outputs outputs;
static struct message message;
static struct line line;
static char incident[256]; /* the latest's words */
static uint64_t now;
static struct hub_output taken; /* the latest output that waits for a completion */
static struct batch *kept[128]; /* batches of HUB_KEEPs under way, by ticket % 128 */
static struct msg_welcome welcomed;
static struct terms told; /* with it */
static struct msg_receipt receipt;
static struct msg_feed fed;
static uint8_t fed_body[16384];
static size_t fed_len;

static inline void load_stream(void *context, const struct device_id *device, uint32_t incarnation,
                               const struct stream_head *head)
{
    (void)context;
    assert_true(hub_load_stream(hub, bytes_str(SITE), device, incarnation, head));
}

static inline void admit(const struct party *party)
{
    struct bytes sites[] = {bytes_str(SITE)};
    assert_true(hub_admit(hub, &party->device, &party->sign, sites, 1));
}

/* (Re)starts the hub from its store, in this epoch. */
static inline void make_hub(uint32_t epoch)
{
    struct hub_config config = {.hub = hub_party.device, .epoch = epoch, .sign = hub_party.secret};
    hub_free(hub);
    hub = hub_new(&config);
    assert_true(hub_load_site(hub, bytes_str(SITE)));
    assert_true(hub_load_site(hub, bytes_str("peak")));
    for (uint32_t e = 1; e <= epoch; e++) {
        struct log_head head = store_head(log_, e);
        if (head.at.n > 0)
            assert_true(hub_load_head(hub, bytes_str(SITE), &head));
    }
    store_streams(log_, load_stream, NULL);
    admit(&a);
    admit(&b);
}

static inline int set_up(void **state)
{
    (void)state;
    hub_party = given_party(1);
    a = given_party(2);
    b = given_party(3);
    stranger = given_party(4);
    pool_init(&pool);
    log_ = store_add_site(&hubs, SITE);
    head_a = head_b = (struct stream_head){0};
    now = 1000;
    make_hub(1);
    return 0;
}

static inline void forget_kept(void)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        batch_free(kept[i]);
        kept[i] = NULL;
    }
}

static inline int tear_down(void **state)
{
    (void)state;
    hub_free(hub);
    hub = NULL;
    hub_outputs_release(&outputs);
    store_release(&hubs);
    pool_release(&pool);
    forget_kept();
    return 0;
}

static inline void tell_sent(struct hub_output *o)
{
    assert_true(message_decode(buffer_bytes(&o->header), &message));
    line_message(&line, &message);
    line.len +=
        (size_t)snprintf(line.text + line.len, sizeof line.text - line.len, " to %llu", (unsigned long long)o->peer);
    if (message.kind == MSG_WELCOME) {
        welcomed = message.welcome;
        assert_true(terms_read(welcomed.terms, &hub_party.sign, &told));
    }
    if (message.kind == MSG_RECEIPT)
        receipt = message.receipt;
    if (message.kind == MSG_FEED) {
        fed = message.feed;
        fed_len = o->body.bytes.len;
        assert_in_range(fed_len, 0, sizeof fed_body);
        memcpy(fed_body, o->body.bytes.data != NULL ? o->body.bytes.data : fed_body, fed_len);
    }
    if (message.kind == MSG_REFUSED)
        assert_true(message.refused.text.len > 10);
}

static inline void tell_output(struct hub_output *o)
{
    unsigned long long ticket = o->ticket;
    switch (o->kind) {
    case HUB_SEND:
        tell_sent(o);
        return;
    case HUB_KEEP:
        line_add(&line, "keep(%llu) %llu+%u", ticket, (unsigned long long)o->batch->entries[0].seq, o->batch->count);
        kept[ticket % 128] = o->batch;
        o->batch = NULL;
        break;
    case HUB_READ:
        line_add(&line, "read(%llu) %u.%llu for %llu", ticket, o->from.epoch, (unsigned long long)o->from.n,
                 (unsigned long long)o->peer);
        break;
    case HUB_READ_KEYS:
        line_add(&line, "read-keys(%llu) %u", ticket, o->count);
        break;
    case HUB_HASH:
        line_add(&line, "hash(%llu) %llu", ticket, (unsigned long long)o->positions[0].n);
        break;
    case HUB_KEEP_KEYS:
        line_add(&line, "keep-keys(%llu) %u", ticket, o->count);
        break;
    case HUB_KEEP_OFFER:
        line_add(&line, "keep-offer(%llu) %u.%llu+%u", ticket, o->batch->epoch, (unsigned long long)o->batch->first_n,
                 o->batch->count);
        break;
    case HUB_KEEP_ASIDE:
        line_add(&line, "keep-aside(%llu) %llu+%u keys %u", ticket, (unsigned long long)o->batch->entries[0].seq,
                 o->batch->count, o->batch->key_count);
        batch_free(o->batch);
        o->batch = NULL;
        break;
    case HUB_NEXT_EPOCH:
        line_add(&line, "next-epoch above %u", o->from.epoch);
        break;
    case HUB_HEARD:
        return;
    case HUB_INCIDENT:
        line_add(&line, "incident");
        snprintf(incident, sizeof incident, "%s", o->text);
        return;
    }
    taken = *o;
    taken.keys = NULL;
    taken.batch = NULL;
    taken.body = (struct lent){0};
}

static inline const char *step(struct hub_input *input)
{
    input->now_ms = now;
    input->wall_ms = 1767225600000 + (int64_t)now;
    line.len = 0;
    line.text[0] = '\0';
    hub_step(hub, input, &outputs);
    assert_false(outputs.failed);
    for (size_t i = 0; i < outputs.count; i++)
        tell_output(&outputs.items[i]);
    hub_outputs_clear(&outputs);
    return line.text;
}

#define says(call, expected) assert_string_equal(call, expected)

static inline const char *after(uint64_t ms)
{
    struct hub_input input = {.kind = HUB_TICK};
    now += ms;
    return step(&input);
}

/* ---- what a laptop says: `message` is filled in, then sent over connection `peer` ---- */

static inline const char *send(const struct party *from, uint64_t peer, enum message_kind kind, uint64_t request,
                               struct buffer *body)
{
    struct hub_input input = {.kind = HUB_MESSAGE, .peer = peer, .device = from->device};
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

static inline struct hello_site *fill_hello(const struct party *who, uint32_t incarnation)
{
    message.hello =
        (struct msg_hello){.version = 1, .device = who->device, .incarnation = incarnation, .site_count = 1};
    struct hello_site *site = &message.hello.sites[0];
    *site = (struct hello_site){.site = bytes_str(SITE)};
    return site;
}

/* Says HELLO with the stream's head, and no cursor. */
static inline const char *hello(const struct party *who, uint64_t peer, const struct stream_head *own)
{
    struct hello_site *site = fill_hello(who, 1);
    site->own_seq = own->seq;
    site->own_id = own->id;
    return send(who, peer, MSG_HELLO, 1, NULL);
}

static inline const struct pool_event *write_event(const struct party *who, uint32_t incarnation,
                                                   struct stream_head *head, struct seen seen)
{
    return pool_make(&pool, bytes_str(SITE), &who->device, incarnation, head, &seen);
}

/* A PUSH of these events, signed; ready to be spoilt before it is sent. */
static struct buffer push_body;
static inline void fill_push(const struct party *who, const struct pool_event *const *events, uint32_t count)
{
    const struct pool_event *last = events[count - 1];
    struct msg_push *m = &message.push;
    *m = (struct msg_push){
        .site = bytes_str(SITE), .incarnation = events[0]->incarnation, .first_seq = events[0]->seq, .count = count};
    buffer_release(&push_body);
    for (uint32_t i = 0; i < count; i++)
        buffer_append(&push_body, events[i]->raw.data, events[i]->raw.len);
    sign_stream(&who->secret, m->site, &who->device, m->incarnation, last->seq, &last->id, &m->signature);
}
static inline const char *push(const struct party *who, uint64_t peer, uint64_t request,
                               const struct pool_event *const *events, uint32_t count)
{
    fill_push(who, events, count);
    return send(who, peer, MSG_PUSH, request, &push_body);
}

static inline const char *pull(const struct party *who, uint64_t peer, uint64_t request, uint64_t n)
{
    message.pull = (struct msg_pull){
        .site = bytes_str(SITE), .cursor_count = n > 0, .cursors = {{1, n}}, .max_bytes = 16384, .wait_ms = 20000};
    return send(who, peer, MSG_PULL, request, NULL);
}

/* ---- completions ---- */

/* The commit that `ticket` asked for is done: the log grows, and the machine is told of both. `at_hand`: with the
 * events. */
static inline const char *keep_done_with(uint64_t ticket, bool at_hand)
{
    static struct line both;
    struct line grown = {0};
    struct batch *batch = kept[ticket % 128];
    struct hub_input done = {.kind = HUB_KEPT, .ticket = ticket, .ok = true};
    kept[ticket % 128] = NULL;
    done.at = (struct position){1, store_head(log_, 1).at.n + 1};
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        store_append(log_, 1, pool_find(&pool, &entry->id), entry->flags & ENTRY_SIGNED ? &entry->signature : NULL);
    }
    struct hub_input grew = {
        .kind = HUB_GREW, .ticket = ticket, .at = done.at, .site = bytes_str(SITE), .head = store_head(log_, 1)};
    grew.fresh = at_hand ? batch : NULL;
    line_add(&grown, "%s", step(&grew));
    batch_free(batch);
    both = (struct line){0};
    line_add(&both, "%s", step(&done));
    if (grown.text[0] != '\0')
        line_add(&both, "%s", grown.text);
    return both.text;
}

static inline const char *keep_done(uint64_t ticket)
{
    return keep_done_with(ticket, false);
}

static inline const char *range(uint64_t ticket, struct position from, const struct party *for_whom)
{
    struct hub_input input = {.kind = HUB_RANGE, .ticket = ticket, .ok = true, .at = from};
    input.count = store_read_feed(log_, from, 16384, &for_whom->device, 1, &input.body, &input.head);
    return step(&input);
}

/* Makes `count` events of a and puts them into the log, as if long ago. */
static inline void a_wrote(unsigned count)
{
    while (count-- > 0)
        store_append(log_, 1, write_event(&a, 1, &head_a, (struct seen){0}), NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
