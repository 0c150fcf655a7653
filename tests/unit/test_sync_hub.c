/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's machine, step by step: what it is told on the left, what it then does on the right. */
#include "proto/sync_hub.h"
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
static uint64_t now;
static struct hub_output taken;   /* the latest output that waits for a completion */
static struct batch *kept[8];     /* batches of HUB_KEEPs under way, by ticket % 8 */
static struct msg_welcome welcomed;
static struct msg_receipt receipt;
static struct msg_feed fed;

static void load_stream(void *context, const struct device_id *device, uint32_t incarnation, const struct stream_head *head)
{
    (void)context;
    assert_true(hub_load_stream(hub, bytes_str(SITE), device, incarnation, head));
}

static void admit(const struct party *party)
{
    struct bytes sites[] = {bytes_str(SITE)};
    assert_true(hub_admit(hub, &party->device, &party->sign, sites, 1));
}

/* (Re)starts the hub from its store, in this epoch. */
static void make_hub(uint32_t epoch)
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

static int set_up(void **state)
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

static void forget_kept(void)
{
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        batch_free(kept[i]);
        kept[i] = NULL;
    }
}

static int tear_down(void **state)
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

static void tell_sent(struct hub_output *o)
{
    assert_true(message_decode(buffer_bytes(&o->header), &message));
    line_message(&line, &message);
    line.len += (size_t)snprintf(line.text + line.len, sizeof line.text - line.len, " to %llu", (unsigned long long)o->peer);
    if (message.kind == MSG_WELCOME)
        welcomed = message.welcome;
    if (message.kind == MSG_RECEIPT)
        receipt = message.receipt;
    if (message.kind == MSG_FEED)
        fed = message.feed;
    if (message.kind == MSG_REFUSED)
        assert_true(message.refused.text.len > 10);
}

static void tell_output(struct hub_output *o)
{
    unsigned long long ticket = o->ticket;
    switch (o->kind) {
    case HUB_SEND:
        tell_sent(o);
        return;
    case HUB_KEEP:
        line_add(&line, "keep(%llu) %llu+%u", ticket, (unsigned long long)o->batch->entries[0].seq, o->batch->count);
        kept[ticket % 8] = o->batch;
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
    case HUB_HEARD:
        return;
    case HUB_INCIDENT:
        line_add(&line, "incident");
        return;
    }
    taken = *o;
    taken.keys = NULL;
    taken.batch = NULL;
    taken.body = (struct lent){0};
}

static const char *step(struct hub_input *input)
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

static const char *after(uint64_t ms)
{
    struct hub_input input = {.kind = HUB_TICK};
    now += ms;
    return step(&input);
}

/* ---- what a laptop says: `message` is filled in, then sent over connection `peer` ---- */

static const char *send(const struct party *from, uint64_t peer, enum message_kind kind, uint64_t request,
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

static struct hello_site *fill_hello(const struct party *who, uint32_t incarnation)
{
    message.hello = (struct msg_hello){.version = 1, .device = who->device, .incarnation = incarnation, .site_count = 1};
    struct hello_site *site = &message.hello.sites[0];
    *site = (struct hello_site){.site = bytes_str(SITE)};
    return site;
}

/* Says HELLO with the stream's head, and no cursor. */
static const char *hello(const struct party *who, uint64_t peer, const struct stream_head *own)
{
    struct hello_site *site = fill_hello(who, 1);
    site->own_seq = own->seq;
    site->own_id = own->id;
    return send(who, peer, MSG_HELLO, 1, NULL);
}

static const struct pool_event *write_event(const struct party *who, uint32_t incarnation, struct stream_head *head,
                                            struct seen seen)
{
    return pool_make(&pool, bytes_str(SITE), &who->device, incarnation, head, &seen);
}

/* A PUSH of these events, signed; ready to be spoilt before it is sent. */
static struct buffer push_body;
static void fill_push(const struct party *who, const struct pool_event *const *events, uint32_t count)
{
    const struct pool_event *last = events[count - 1];
    struct msg_push *m = &message.push;
    *m = (struct msg_push){.site = bytes_str(SITE), .incarnation = events[0]->incarnation, .first_seq = events[0]->seq,
                           .count = count};
    buffer_release(&push_body);
    for (uint32_t i = 0; i < count; i++)
        buffer_append(&push_body, events[i]->raw.data, events[i]->raw.len);
    sign_stream(&who->secret, m->site, &who->device, m->incarnation, last->seq, &last->id, &m->signature);
}
static const char *push(const struct party *who, uint64_t peer, uint64_t request, const struct pool_event *const *events,
                        uint32_t count)
{
    fill_push(who, events, count);
    return send(who, peer, MSG_PUSH, request, &push_body);
}

static const char *pull(const struct party *who, uint64_t peer, uint64_t request, uint64_t n)
{
    message.pull = (struct msg_pull){.site = bytes_str(SITE), .cursor_count = n > 0, .cursors = {{1, n}},
                                     .max_bytes = 16384, .wait_ms = 20000};
    return send(who, peer, MSG_PULL, request, NULL);
}

/* ---- completions ---- */

/* The commit that `ticket` asked for is done: the log grows, and the machine is told of both. */
static const char *keep_done(uint64_t ticket)
{
    static struct line both;
    struct batch *batch = kept[ticket % 8];
    struct hub_input done = {.kind = HUB_KEPT, .ticket = ticket, .ok = true};
    kept[ticket % 8] = NULL;
    done.at = (struct position){1, store_head(log_, 1).at.n + 1};
    for (uint32_t i = 0; i < batch->count; i++)
        store_append(log_, 1, pool_find(&pool, &batch->entries[i].id), NULL);
    batch_free(batch);
    both = (struct line){0};
    line_add(&both, "%s", step(&done));
    struct hub_input grew = {.kind = HUB_GREW, .site = bytes_str(SITE), .head = store_head(log_, 1)};
    const char *more = step(&grew);
    if (*more)
        line_add(&both, "%s", more);
    return both.text;
}

static const char *range(uint64_t ticket, struct position from, const struct party *for_whom)
{
    struct hub_input input = {.kind = HUB_RANGE, .ticket = ticket, .ok = true, .at = from};
    input.count = store_read_feed(log_, from, 16384, &for_whom->device, 1, &input.body, &input.head);
    return step(&input);
}

/* Makes `count` events of a and puts them into the log, as if long ago. */
static void a_wrote(unsigned count)
{
    while (count-- > 0)
        store_append(log_, 1, write_event(&a, 1, &head_a, (struct seen){0}), NULL);
}

/* ---- who may speak ---- */

static void strangers_and_revoked_ones_are_refused(void **state)
{
    (void)state;
    says(hello(&stranger, 7, &head_a), "REFUSED#1 3 to 7");
    hub_revoke(hub, &a.device);
    says(hello(&a, 1, &head_a), "REFUSED#1 4 to 1");
    admit(&a);
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 0 head 0 to 1");
}

static void hello_comes_first(void **state)
{
    (void)state;
    says(pull(&a, 1, 5, 0), "REFUSED#5 6 to 1");
    hello(&a, 1, &head_a);
    says(pull(&a, 1, 6, 0), "");
    struct hub_input gone = {.kind = HUB_PEER_GONE, .peer = 1};
    says(step(&gone), "");
    says(pull(&a, 1, 7, 0), "REFUSED#7 6 to 1");
}

static void who_speaks_is_told_by_the_key_alone(void **state)
{
    (void)state;
    fill_hello(&b, 1); /* b's name, over a's connection */
    says(send(&a, 1, MSG_HELLO, 1, NULL), "incident; REFUSED#1 3 to 1");
}

static void another_version_is_refused(void **state)
{
    (void)state;
    fill_hello(&a, 1);
    message.hello.version = 2;
    says(send(&a, 1, MSG_HELLO, 1, NULL), "REFUSED#1 2 to 1");
}

static void garbage_is_refused_and_told_once(void **state)
{
    (void)state;
    struct hub_input input = {.kind = HUB_MESSAGE, .peer = 1, .device = a.device, .header = bytes_str("\xc1garbage")};
    says(step(&input), "incident; REFUSED#0 1 to 1");
    says(step(&input), "REFUSED#0 1 to 1");
    now += 10000;
    says(step(&input), "incident; REFUSED#0 1 to 1");
    hello(&a, 1, &head_a);
    message.offered = (struct msg_offered){.site = bytes_str(SITE)}; /* well-formed, but not for a hub */
    says(send(&a, 1, MSG_OFFERED, 9, NULL), "REFUSED#9 1 to 1");
}

static void sites_that_it_is_not_let_into_are_denied(void **state)
{
    (void)state;
    fill_hello(&a, 1)->site = bytes_str("peak");
    says(send(&a, 1, MSG_HELLO, 1, NULL), "WELCOME#1 denied held 0 head 0 to 1");
    fill_hello(&a, 1)->site = bytes_str("nowhere");
    says(send(&a, 1, MSG_HELLO, 2, NULL), "WELCOME#2 denied held 0 head 0 to 1");
    message.pull = (struct msg_pull){.site = bytes_str("peak")};
    says(send(&a, 1, MSG_PULL, 3, NULL), "REFUSED#3 5 to 1");
}

/* ---- greeting ---- */

static void welcome_tells_what_is_held_and_signs_it(void **state)
{
    (void)state;
    a_wrote(3);
    make_hub(1);
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 3 head 3 to 1");
    const struct welcome_site *site = &welcomed.sites[0];
    assert_true(verify_receipt(&hub_party.sign, bytes_str(SITE), &a.device, 1, 3, &head_a.id, &site->held_receipt));
    assert_true(event_id_equal(&site->held_id, &head_a.id));
    assert_int_equal(welcomed.now_ms, 1767225600000 + (int64_t)now);
    assert_int_equal(welcomed.peer_count, 1); /* b, of whom nothing was heard yet */
    assert_int_equal(welcomed.peers[0].heard_ms, 0);
    struct hello_site *hello_b = fill_hello(&b, 1);
    hello_b->waiting = 4;
    now++;
    send(&b, 2, MSG_HELLO, 1, NULL);
    hello(&a, 1, &head_a);
    assert_int_equal(welcomed.peers[0].waiting, 4);
    assert_int_equal(welcomed.peers[0].heard_ms, 1767225600000 + (int64_t)now);
}

static const char *hello_with_cursor(struct log_head cursor)
{
    struct hello_site *site = fill_hello(&b, 1);
    site->cursor_count = 1;
    site->cursors[0] = cursor;
    return send(&b, 2, MSG_HELLO, 1, NULL);
}

static void cursors_are_compared_with_the_log(void **state)
{
    (void)state;
    a_wrote(5);
    make_hub(1);
    struct log_head third = store_at(log_, (struct position){1, 3})->head, last = store_head(log_, 1), ahead = last;
    says(hello_with_cursor(last), "WELCOME#1 ok held 0 head 5 to 2");
    last.hash.b[0] ^= 1;
    says(hello_with_cursor(last), "incident; WELCOME#1 split held 0 head 5 to 2");
    ahead.at.n = 9;
    says(hello_with_cursor(ahead), "WELCOME#1 rewind held 0 head 5 to 2");
    says(hello_with_cursor(third), "hash(1) 3");
    struct hub_input answer = {.kind = HUB_HASHES, .ticket = 1, .ok = true, .hashes = &third.hash};
    says(step(&answer), "WELCOME#1 ok held 0 head 5 to 2");
    says(hello_with_cursor(third), "hash(2) 3");
    struct log_hash other = {{7}};
    answer = (struct hub_input){.kind = HUB_HASHES, .ticket = 2, .ok = true, .hashes = &other};
    now += 10000;
    says(step(&answer), "incident; WELCOME#1 split held 0 head 5 to 2");
    says(hello_with_cursor(third), "hash(3) 3");
    answer = (struct hub_input){.kind = HUB_HASHES, .ticket = 3, .ok = false};
    says(step(&answer), "REFUSED#1 9 to 2");
}

static void an_overtaken_hello_is_not_answered(void **state)
{
    (void)state;
    a_wrote(5);
    make_hub(1);
    struct log_head third = store_at(log_, (struct position){1, 3})->head;
    says(hello_with_cursor(third), "hash(1) 3");
    says(hello_with_cursor(third), "hash(2) 3");
    struct hub_input answer = {.kind = HUB_HASHES, .ticket = 1, .ok = true, .hashes = &third.hash};
    says(step(&answer), "");
    answer.ticket = 2;
    says(step(&answer), "WELCOME#1 ok held 0 head 5 to 2");
    says(step(&answer), "");
}

static void a_laptop_that_was_set_back_learns_its_next_incarnation(void **state)
{
    (void)state;
    a_wrote(3);
    make_hub(1);
    struct stream_head back = {1, {{1}}, {0}};
    says(hello(&a, 1, &back), "incident; WELCOME#1 fork held 3 head 3 to 1");
    assert_int_equal(welcomed.sites[0].next_incarnation, 2);
    says(hello(&a, 1, &back), "WELCOME#1 fork held 3 head 3 to 1"); /* the same connection: the same answer */
    assert_int_equal(welcomed.sites[0].next_incarnation, 2);
    hello(&a, 9, &back); /* a clone: never the same */
    assert_int_equal(welcomed.sites[0].next_incarnation, 3);
    struct stream_head other = {3, {{1}}, {0}};
    hello(&a, 10, &other); /* same place, other event */
    assert_int_equal(welcomed.sites[0].verdict, SITE_FORK);
    struct stream_head longer = {8, {{1}}, {0}};
    says(hello(&a, 11, &longer), "WELCOME#1 ok held 3 head 3 to 11"); /* only its PUSH can tell */
    fill_hello(&a, 3);
    says(send(&a, 9, MSG_HELLO, 1, NULL), "WELCOME#1 ok held 0 head 3 to 9"); /* it went on as it was told */
}

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

static void keys_the_log_lacks_are_named_and_taken(void **state)
{
    (void)state;
    a_writes_five();
    hello(&a, 1, &head_a);
    push(&a, 1, 2, five, 1);
    struct key_id missing = {{9}};
    struct hub_input done = {.kind = HUB_KEPT, .ticket = 1, .ok = true, .at = {1, 1}, .missing = &missing, .missing_count = 1};
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
enum lie { LIE_SIGNATURE, LIE_SITE_NOT_ITS_OWN, LIE_DEVICE, LIE_SEQ, LIE_BYTE, LIE_TAIL, LIE_MARKER, LIE_PREV, LIE_SEEN_BACK,
           LIES };

static void lie(enum lie how)
{
    struct msg_push *m = &message.push;
    fill_push(&a, five, 3);
    switch (how) {
    case LIE_SIGNATURE: m->signature.b[0] ^= 1; break;
    case LIE_SEQ: m->first_seq++; break;
    case LIE_BYTE: push_body.data[push_body.len - 1] ^= 1; break;
    case LIE_TAIL: buffer_append_byte(&push_body, 0xc0); break;
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
        const struct pool_event *events[] = {five[0], write_event(&a, 1, &(struct stream_head){1, {{7}}, {0}}, (struct seen){0})};
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
    case LIES: break;
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
        if (how != LIE_PREV) /* that one is a fork, and stays one */
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
    says(push(&a, 1, 2, events, 1), "incident; REFUSED#2 10 to 1");
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
    static const struct pool_event *many[9];
    for (int i = 0; i < 9; i++)
        many[i] = write_event(&a, 1, &head_a, (struct seen){0});
    hello(&a, 1, &head_a);
    for (uint32_t i = 0; i < 8; i++)
        assert_true(strncmp(push(&a, 1, 2 + i, many + i, 1), "keep(", 5) == 0);
    says(push(&a, 1, 20, many + 8, 1), "REFUSED#20 9 to 1");
    says(keep_done(1), "RECEIPT#2 1 runs 1 to 1");
    says(push(&a, 1, 21, many + 8, 1), "keep(9) 9+1");
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
    says(keep_done(1), "RECEIPT#3 2 runs 1 to 1; read(2) 1.1 for 1; read(3) 1.1 for 2");
    says(range(2, (struct position){1, 1}, &a), "FEED#2 1.1+2 to 1");
    says(range(3, (struct position){1, 1}, &b), "FEED#2 1.1+2 to 2");
    assert_true(verify_log_head(&hub_party.sign, bytes_str(SITE), &fed.head, &fed.signature));
    assert_int_equal(fed.newest.n, 2);
    says(pull(&b, 2, 3, 1), "read(4) 1.2 for 2"); /* a cursor in the middle: at once */
    says(range(4, (struct position){1, 2}, &b), "FEED#3 1.2+1 to 2");
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
}

/* ---- connections and devices ---- */

static void of_many_connections_the_quietest_is_forgotten(void **state)
{
    (void)state;
    for (uint64_t peer = 1; peer <= 5; peer++, now++)
        hello(&a, peer, &head_a);
    says(pull(&a, 5, 2, 0), "");
    says(pull(&a, 2, 2, 0), "");
    says(pull(&a, 1, 2, 0), "REFUSED#2 6 to 1");
}

static void devices_are_told_as_heard(void **state)
{
    (void)state;
    struct hub_device_status status;
    assert_int_equal(hub_device_count(hub), 2);
    hub_device_status(hub, 0, &status);
    assert_false(status.connected);
    assert_int_equal(status.heard_ms, 0);
    fill_hello(&a, 1)->waiting = 3;
    message.hello.sites[0].oldest_waiting_ms = 77;
    send(&a, 1, MSG_HELLO, 1, NULL);
    hub_device_status(hub, 0, &status);
    assert_true(status.connected);
    assert_int_equal(status.waiting, 3);
    assert_int_equal(status.oldest_waiting_ms, 77);
    after(60000);
    hub_device_status(hub, 0, &status);
    assert_false(status.connected);
}

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

static void a_restored_hub_takes_back_what_it_signed(void **state)
{
    (void)state;
    a_wrote(6);
    hub_restored(2);
    hello(&b, 2, &head_b);
    says(offer(2, 5, 2, false), "OFFERED#2 1.2 to 2"); /* not what comes next: it says how far it is */
    says(offer(3, 3, 2, true), "incident; REFUSED#3 10 to 2");
    says(offer(4, 3, 3, false), "keep-offer(1) 1.3+3");
    says(offer(5, 3, 3, false), "REFUSED#5 9 to 2"); /* one after the other */
    for (uint64_t n = 3; n <= 5; n++)
        store_append(log_, 1, store_at(&full.sites[0], (struct position){1, n})->event, NULL);
    struct hub_input done = {.kind = HUB_OFFER_KEPT, .ticket = 1, .ok = true, .head = store_head(log_, 1)};
    says(step(&done), "OFFERED#4 1.5 to 2");
    says(hello(&a, 1, &head_a), "WELCOME#1 ok held 5 head 5 to 1");
    store_release(&full);
}

static void the_present_epoch_takes_no_offers(void **state)
{
    (void)state;
    a_wrote(6);
    hub_restored(2);
    make_hub(1);
    hello(&b, 2, &head_b);
    says(offer(2, 3, 2, false), "OFFERED#2 1.2 to 2");
    store_release(&full);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(strangers_and_revoked_ones_are_refused),
        TEST(hello_comes_first),
        TEST(who_speaks_is_told_by_the_key_alone),
        TEST(another_version_is_refused),
        TEST(garbage_is_refused_and_told_once),
        TEST(sites_that_it_is_not_let_into_are_denied),
        TEST(welcome_tells_what_is_held_and_signs_it),
        TEST(cursors_are_compared_with_the_log),
        TEST(an_overtaken_hello_is_not_answered),
        TEST(a_laptop_that_was_set_back_learns_its_next_incarnation),
        TEST(a_push_is_answered_after_its_commit),
        TEST(doubled_pushes_are_answered_by_what_is_durable),
        TEST(a_gap_is_answered_by_where_to_go_on),
        TEST(a_failed_commit_ends_the_machine),
        TEST(keys_the_log_lacks_are_named_and_taken),
        TEST(a_push_that_lies_is_refused_and_nothing_of_it_kept),
        TEST(a_fork_found_in_a_push_is_told_in_the_next_welcome),
        TEST(what_an_event_has_seen_must_be_held),
        TEST(another_incarnation_says_hello_first),
        TEST(a_device_cannot_fill_the_hubs_memory),
        TEST(a_pull_is_held_back_until_there_is_news),
        TEST(without_news_an_empty_feed_comes_when_the_time_is_up),
        TEST(a_pull_takes_the_place_of_the_one_before),
        TEST(spokes_are_served_in_turn),
        TEST(a_range_that_cannot_be_read_is_asked_for_later),
        TEST(keys_are_read_for_the_device),
        TEST(of_many_connections_the_quietest_is_forgotten),
        TEST(devices_are_told_as_heard),
        TEST(a_restored_hub_takes_back_what_it_signed),
        TEST(the_present_epoch_takes_no_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
