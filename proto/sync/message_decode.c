/* SPDX-License-Identifier: Apache-2.0 */
/* Reads message headers: one small function a message, dispatched by a table. Counts are checked before use; what a
 * later version added after the known elements is passed over. */
#include "proto/sync/message.h"
#include "proto/mp.h"

#define MS_MAX INT64_MAX

/* A site's name; empty only where the message may be about none. */
static struct bytes get_site(struct mp_reader *r)
{
    struct bytes site = mp_str(r, 1, SLUG_MAX);
    if (!slug_valid(site))
        mp_fail(r);
    return site;
}

static struct position get_position(struct mp_reader *r)
{
    struct position p = {.epoch = (uint32_t)mp_uint(r, UINT32_MAX)};
    p.n = mp_uint(r, UINT64_MAX - 1);
    if (p.epoch == 0 && p.n != 0)
        mp_fail(r);
    return p;
}

static void get_head(struct mp_reader *r, struct log_head *head)
{
    head->at = get_position(r);
    mp_fixed(r, head->hash.b, sizeof head->hash.b);
}

static uint32_t get_count(struct mp_reader *r, uint32_t max)
{
    return (uint32_t)mp_uint(r, max);
}

static uint32_t get_incarnation(struct mp_reader *r)
{
    uint32_t incarnation = (uint32_t)mp_uint(r, UINT32_MAX);
    if (incarnation == 0)
        mp_fail(r);
    return incarnation;
}

/* An array whose items come in groups of `size`; returns the number of groups, at most `max`. */
static uint32_t get_groups(struct mp_reader *r, uint32_t size, uint32_t max)
{
    uint32_t items = mp_array(r, 0, size * max);
    if (items % size != 0)
        mp_fail(r);
    return r->failed ? 0 : items / size;
}

/* The next array of a header, with at least `fields` elements. */
static bool next_item(struct mp_reader *r, uint32_t fields)
{
    mp_skip_rest(r);
    if (!mp_next(r))
        mp_fail(r);
    mp_array(r, fields, MP_TAPE_MAX);
    return !r->failed;
}

static void get_hello_site(struct mp_reader *r, struct hello_site *s)
{
    s->site = get_site(r);
    s->own_seq = mp_uint(r, UINT64_MAX - 1);
    mp_fixed(r, s->own_id.b, sizeof s->own_id.b);
    s->waiting = mp_uint(r, UINT64_MAX);
    s->oldest_waiting_ms = mp_int(r, 0, MS_MAX);
    s->cursor_count = (uint8_t)get_groups(r, 3, SEEN_MAX);
    for (uint8_t c = 0; c < s->cursor_count && !r->failed; c++) {
        get_head(r, &s->cursors[c]);
        if (s->cursors[c].at.epoch == 0 || (c > 0 && s->cursors[c].at.epoch <= s->cursors[c - 1].at.epoch))
            mp_fail(r);
    }
}

static void get_hello(struct mp_reader *r, struct message *m)
{
    struct msg_hello *v = &m->hello;
    v->version = mp_uint(r, UINT64_MAX);
    mp_fixed(r, v->device.b, sizeof v->device.b);
    v->incarnation = get_incarnation(r);
    mp_fixed(r, v->challenge.b, sizeof v->challenge.b);
    v->site_count = get_count(r, SITES_MAX);
    for (uint32_t i = 0; i < v->site_count && next_item(r, 6); i++)
        get_hello_site(r, &v->sites[i]);
}

static void get_key_ids(struct mp_reader *r, struct key_id *ids, uint32_t *count, uint32_t max)
{
    *count = get_groups(r, 1, max);
    for (uint32_t i = 0; i < *count && !r->failed; i++)
        mp_fixed(r, ids[i].b, sizeof ids[i].b);
}

static void get_welcome_site(struct mp_reader *r, struct welcome_site *s)
{
    s->site = get_site(r);
    s->verdict = (enum site_verdict)mp_uint(r, SITE_SPLIT);
    s->next_incarnation = (uint32_t)mp_uint(r, UINT32_MAX);
    s->held_seq = mp_uint(r, UINT64_MAX - 1);
    mp_fixed(r, s->held_id.b, sizeof s->held_id.b);
    mp_fixed(r, s->held_receipt.b, sizeof s->held_receipt.b);
    s->head = get_position(r);
    s->missing_count = 0;
    if (mp_peek(r) != MP_NONE)
        get_key_ids(r, s->missing, &s->missing_count, RECEIPT_KEYS_MAX);
}

static void get_welcome(struct mp_reader *r, struct message *m)
{
    struct msg_welcome *v = &m->welcome;
    mp_fixed(r, v->hub.b, sizeof v->hub.b);
    v->epoch = (uint32_t)mp_uint(r, UINT32_MAX);
    v->now_ms = mp_int(r, 0, MS_MAX);
    v->site_count = get_count(r, SITES_MAX);
    v->peer_count = get_count(r, WELCOME_PEERS_MAX);
    for (uint32_t i = 0; i < v->site_count && next_item(r, 8); i++)
        get_welcome_site(r, &v->sites[i]);
    for (uint32_t i = 0; i < v->peer_count && next_item(r, 3); i++) {
        mp_fixed(r, v->peers[i].device.b, sizeof v->peers[i].device.b);
        v->peers[i].heard_ms = mp_int(r, 0, MS_MAX);
        v->peers[i].waiting = mp_uint(r, UINT64_MAX);
    }
    mp_skip_rest(r);
    v->terms = mp_next(r) ? mp_object(r) : (struct bytes){0};
}

static void get_push(struct mp_reader *r, struct message *m)
{
    struct msg_push *v = &m->push;
    v->site = get_site(r);
    v->incarnation = get_incarnation(r);
    v->first_seq = mp_uint(r, UINT64_MAX - BATCH_ENTRIES_MAX);
    v->count = get_count(r, BATCH_ENTRIES_MAX);
    v->key_count = get_count(r, BATCH_ENTRIES_MAX);
    mp_fixed(r, v->signature.b, sizeof v->signature.b);
    if (v->count > 0 && v->first_seq == 0)
        mp_fail(r);
}

static void get_receipt(struct mp_reader *r, struct message *m)
{
    struct msg_receipt *v = &m->receipt;
    v->site = get_site(r);
    v->incarnation = get_incarnation(r);
    v->seq = mp_uint(r, UINT64_MAX - 1);
    mp_fixed(r, v->id.b, sizeof v->id.b);
    mp_fixed(r, v->signature.b, sizeof v->signature.b);
    v->run_count = get_groups(r, 4, RECEIPT_RUNS_MAX);
    for (uint32_t i = 0; i < v->run_count && !r->failed; i++) {
        v->runs[i].first_seq = mp_uint(r, UINT64_MAX - BATCH_ENTRIES_MAX);
        v->runs[i].at = get_position(r);
        v->runs[i].count = get_count(r, BATCH_ENTRIES_MAX);
        if (v->runs[i].first_seq == 0 || v->runs[i].at.n == 0 || v->runs[i].count == 0)
            mp_fail(r);
    }
    get_key_ids(r, v->missing, &v->missing_count, RECEIPT_KEYS_MAX);
}

static void get_pull(struct mp_reader *r, struct message *m)
{
    struct msg_pull *v = &m->pull;
    v->site = get_site(r);
    v->cursor_count = get_groups(r, 2, SEEN_MAX);
    for (uint32_t i = 0; i < v->cursor_count && !r->failed; i++) {
        v->cursors[i] = get_position(r);
        if (v->cursors[i].epoch == 0 || (i > 0 && v->cursors[i].epoch <= v->cursors[i - 1].epoch))
            mp_fail(r);
    }
    v->max_bytes = (uint32_t)mp_uint(r, UINT32_MAX);
    v->wait_ms = (uint32_t)mp_uint(r, UINT32_MAX);
    v->waiting = mp_uint(r, UINT64_MAX);
    v->oldest_waiting_ms = mp_int(r, 0, MS_MAX);
}

static void get_feed(struct mp_reader *r, struct message *m)
{
    struct msg_feed *v = &m->feed;
    v->site = get_site(r);
    v->first = get_position(r);
    v->count = get_count(r, BATCH_ENTRIES_MAX);
    v->key_count = get_count(r, BATCH_ENTRIES_MAX);
    get_head(r, &v->head);
    mp_fixed(r, v->signature.b, sizeof v->signature.b);
    v->newest = get_position(r);
    if (v->count > 0 && v->first.n == 0)
        mp_fail(r);
}

static void get_keys(struct mp_reader *r, struct message *m)
{
    m->keys.site = get_site(r);
    get_key_ids(r, m->keys.ids, &m->keys.count, KEYS_MAX);
}

static void get_keyring(struct mp_reader *r, struct message *m)
{
    m->keyring.site = get_site(r);
    m->keyring.key_count = get_count(r, KEYS_MAX);
    m->keyring.denied_count = 0;
    if (mp_peek(r) != MP_NONE)
        get_key_ids(r, m->keyring.denied, &m->keyring.denied_count, KEYS_MAX);
}

static void get_offer(struct mp_reader *r, struct message *m)
{
    struct msg_offer *v = &m->offer;
    v->site = get_site(r);
    v->first = get_position(r);
    v->count = get_count(r, BATCH_ENTRIES_MAX);
    get_head(r, &v->head);
    mp_fixed(r, v->signature.b, sizeof v->signature.b);
    if (v->first.epoch == 0 || (v->count == 0) != (v->first.n == 0))
        mp_fail(r);
}

static void get_offered(struct mp_reader *r, struct message *m)
{
    m->offered.site = get_site(r);
    m->offered.held = get_position(r);
    m->offered.missing_count = 0;
    if (mp_peek(r) != MP_NONE)
        get_key_ids(r, m->offered.missing, &m->offered.missing_count, RECEIPT_KEYS_MAX);
}

static void get_join(struct mp_reader *r, struct message *m)
{
    struct msg_join *v = &m->join;
    v->version = mp_uint(r, UINT64_MAX);
    mp_fixed(r, v->sign.b, sizeof v->sign.b);
    mp_fixed(r, v->box.b, sizeof v->box.b);
    mp_fixed(r, v->curve, sizeof v->curve);
    v->label = mp_str(r, 0, LABEL_MAX);
    mp_fixed(r, v->proof.b, sizeof v->proof.b);
}

static void get_joined(struct mp_reader *r, struct message *m)
{
    struct msg_joined *v = &m->joined;
    mp_fixed(r, v->device.b, sizeof v->device.b);
    v->hub_name = mp_str(r, 0, LABEL_MAX);
    v->worker = mp_str(r, 1, SLUG_MAX);
    if (!slug_valid(v->worker))
        mp_fail(r);
    v->site_count = get_groups(r, 1, SITES_MAX);
    for (uint32_t i = 0; i < v->site_count && !r->failed; i++)
        v->sites[i] = get_site(r);
    mp_fixed(r, v->hub_box.b, sizeof v->hub_box.b);
    v->key_count = get_count(r, KEYS_MAX);
}

static void get_refused(struct mp_reader *r, struct message *m)
{
    struct msg_refused *v = &m->refused;
    v->reason = (enum refusal)mp_uint(r, UINT32_MAX);
    v->site = mp_str(r, 0, SLUG_MAX);
    v->text = mp_str(r, 0, HEADER_MAX);
    v->held_seq = 0;
    v->held_id = (struct event_id){{0}};
    if ((v->site.len > 0 && !slug_valid(v->site)) || (uint32_t)v->reason == 0)
        mp_fail(r);
    if (v->reason == REFUSED_KEPT_ASIDE) {
        v->held_seq = mp_uint(r, UINT64_MAX - 1);
        mp_fixed(r, v->held_id.b, sizeof v->held_id.b);
    }
}

static void get_rekey(struct mp_reader *r, struct message *m)
{
    mp_fixed(r, m->rekey.box.b, sizeof m->rekey.box.b);
    mp_fixed(r, m->rekey.curve, sizeof m->rekey.curve);
    mp_fixed(r, m->rekey.proof.b, sizeof m->rekey.proof.b);
}

static void get_nothing(struct mp_reader *r, struct message *m)
{
    (void)r, (void)m;
}

/* Fields: elements of the first array after kind and request. */
static const struct {
    uint32_t fields;
    void (*get)(struct mp_reader *r, struct message *m);
} messages[] = {
    [MSG_HELLO] = {4, get_hello},     [MSG_WELCOME] = {5, get_welcome}, [MSG_PUSH] = {6, get_push},
    [MSG_RECEIPT] = {7, get_receipt}, [MSG_PULL] = {6, get_pull},       [MSG_FEED] = {11, get_feed},
    [MSG_KEYS] = {2, get_keys},       [MSG_KEYRING] = {2, get_keyring}, [MSG_OFFER] = {8, get_offer},
    [MSG_OFFERED] = {3, get_offered}, [MSG_JOIN] = {6, get_join},       [MSG_JOINED] = {6, get_joined},
    [MSG_REFUSED] = {3, get_refused}, [MSG_REKEY] = {3, get_rekey},     [MSG_REKEYED] = {0, get_nothing},
};

enum message_kind message_kind_of(struct bytes header)
{
    size_t at = header.len > 0 && (header.data[0] & 0xf0) == 0x90 ? 1 : 0;
    if (at == 0 && header.len > 0)
        at = header.data[0] == 0xdc ? 3 : header.data[0] == 0xdd ? 5 : 0;
    if (at == 0 || at >= header.len || header.data[at] < MSG_HELLO || header.data[at] > MSG_LAST)
        return (enum message_kind)0;
    return (enum message_kind)header.data[at];
}

bool message_decode(struct bytes header, struct message *out)
{
    struct mp_reader r MP_UNSET;
    out->kind = (enum message_kind)0;
    out->request = 0;
    if (header.len == 0 || header.len > HEADER_MAX)
        return false;
    mp_reader_init(&r, header);
    mp_next(&r);
    uint32_t items = mp_array(&r, 2, MP_TAPE_MAX);
    uint64_t kind = mp_uint(&r, MSG_LAST);
    uint64_t request = mp_uint(&r, UINT64_MAX);
    if (r.failed || kind < MSG_HELLO)
        return false;
    out->kind = (enum message_kind)kind;
    out->request = request;
    if (items < 2 + messages[kind].fields)
        return false;
    messages[kind].get(&r, out);
    do {
        mp_skip_rest(&r);
    } while (mp_next(&r));
    return mp_done(&r);
}
