/* SPDX-License-Identifier: Apache-2.0 */
/* Writes message headers: one small function a message, dispatched by a table. */
#include <assert.h>

#include "proto/sync/message.h"
#include "proto/mp.h"

/* Every header begins with its kind and request; `fields` follow in the same array. */
static void begin(struct buffer *b, const struct message *m, uint32_t fields)
{
    mp_put_array(b, 2 + fields);
    mp_put_uint(b, (uint64_t)m->kind);
    mp_put_uint(b, m->request);
}

static void put_position(struct buffer *b, struct position p)
{
    mp_put_uint(b, p.epoch);
    mp_put_uint(b, p.n);
}

static void put_head(struct buffer *b, const struct log_head *head)
{
    put_position(b, head->at);
    mp_put_bin(b, head->hash.b, sizeof head->hash.b);
}

static void put_signature(struct buffer *b, const struct signature *signature)
{
    mp_put_bin(b, signature->b, sizeof signature->b);
}

static void put_hello(struct buffer *b, const struct message *m)
{
    const struct msg_hello *v = &m->hello;
    begin(b, m, 5);
    mp_put_uint(b, v->version);
    mp_put_bin(b, v->device.b, sizeof v->device.b);
    mp_put_uint(b, v->incarnation);
    mp_put_bin(b, v->challenge.b, sizeof v->challenge.b);
    mp_put_uint(b, v->site_count);
    for (uint32_t i = 0; i < v->site_count; i++) {
        const struct hello_site *s = &v->sites[i];
        mp_put_array(b, 6);
        mp_put_str(b, s->site);
        mp_put_uint(b, s->own_seq);
        mp_put_bin(b, s->own_id.b, sizeof s->own_id.b);
        mp_put_uint(b, s->waiting);
        mp_put_int(b, s->oldest_waiting_ms);
        mp_put_array(b, 3u * s->cursor_count);
        for (uint8_t c = 0; c < s->cursor_count; c++)
            put_head(b, &s->cursors[c]);
    }
}

static void put_key_ids(struct buffer *b, const struct key_id *ids, uint32_t count)
{
    mp_put_array(b, count);
    for (uint32_t i = 0; i < count; i++)
        mp_put_bin(b, ids[i].b, sizeof ids[i].b);
}

static void put_welcome(struct buffer *b, const struct message *m)
{
    const struct msg_welcome *v = &m->welcome;
    begin(b, m, 5);
    mp_put_bin(b, v->hub.b, sizeof v->hub.b);
    mp_put_uint(b, v->epoch);
    mp_put_int(b, v->now_ms);
    mp_put_uint(b, v->site_count);
    mp_put_uint(b, v->peer_count);
    for (uint32_t i = 0; i < v->site_count; i++) {
        const struct welcome_site *s = &v->sites[i];
        mp_put_array(b, s->missing_count > 0 ? 9 : 8);
        mp_put_str(b, s->site);
        mp_put_uint(b, (uint64_t)s->verdict);
        mp_put_uint(b, s->next_incarnation);
        mp_put_uint(b, s->held_seq);
        mp_put_bin(b, s->held_id.b, sizeof s->held_id.b);
        put_signature(b, &s->held_receipt);
        put_position(b, s->head);
        if (s->missing_count > 0)
            put_key_ids(b, s->missing, s->missing_count);
    }
    for (uint32_t i = 0; i < v->peer_count; i++) {
        const struct welcome_peer *p = &v->peers[i];
        mp_put_array(b, 3);
        mp_put_bin(b, p->device.b, sizeof p->device.b);
        mp_put_int(b, p->heard_ms);
        mp_put_uint(b, p->waiting);
    }
    buffer_append(b, v->terms.data, v->terms.len);
}

static void put_push(struct buffer *b, const struct message *m)
{
    const struct msg_push *v = &m->push;
    begin(b, m, 6);
    mp_put_str(b, v->site);
    mp_put_uint(b, v->incarnation);
    mp_put_uint(b, v->first_seq);
    mp_put_uint(b, v->count);
    mp_put_uint(b, v->key_count);
    put_signature(b, &v->signature);
}

static void put_receipt(struct buffer *b, const struct message *m)
{
    const struct msg_receipt *v = &m->receipt;
    begin(b, m, 7);
    mp_put_str(b, v->site);
    mp_put_uint(b, v->incarnation);
    mp_put_uint(b, v->seq);
    mp_put_bin(b, v->id.b, sizeof v->id.b);
    put_signature(b, &v->signature);
    mp_put_array(b, 4 * v->run_count);
    for (uint32_t i = 0; i < v->run_count; i++) {
        mp_put_uint(b, v->runs[i].first_seq);
        put_position(b, v->runs[i].at);
        mp_put_uint(b, v->runs[i].count);
    }
    put_key_ids(b, v->missing, v->missing_count);
}

static void put_pull(struct buffer *b, const struct message *m)
{
    const struct msg_pull *v = &m->pull;
    begin(b, m, 6);
    mp_put_str(b, v->site);
    mp_put_array(b, 2 * v->cursor_count);
    for (uint32_t i = 0; i < v->cursor_count; i++)
        put_position(b, v->cursors[i]);
    mp_put_uint(b, v->max_bytes);
    mp_put_uint(b, v->wait_ms);
    mp_put_uint(b, v->waiting);
    mp_put_int(b, v->oldest_waiting_ms);
}

static void put_feed(struct buffer *b, const struct message *m)
{
    const struct msg_feed *v = &m->feed;
    begin(b, m, 11);
    mp_put_str(b, v->site);
    put_position(b, v->first);
    mp_put_uint(b, v->count);
    mp_put_uint(b, v->key_count);
    put_head(b, &v->head);
    put_signature(b, &v->signature);
    put_position(b, v->newest);
}

static void put_keys(struct buffer *b, const struct message *m)
{
    begin(b, m, 2);
    mp_put_str(b, m->keys.site);
    put_key_ids(b, m->keys.ids, m->keys.count);
}

static void put_keyring(struct buffer *b, const struct message *m)
{
    const struct msg_keyring *v = &m->keyring;
    begin(b, m, v->denied_count > 0 ? 3 : 2);
    mp_put_str(b, v->site);
    mp_put_uint(b, v->key_count);
    if (v->denied_count > 0)
        put_key_ids(b, v->denied, v->denied_count);
}

static void put_offer(struct buffer *b, const struct message *m)
{
    const struct msg_offer *v = &m->offer;
    begin(b, m, 8);
    mp_put_str(b, v->site);
    put_position(b, v->first);
    mp_put_uint(b, v->count);
    put_head(b, &v->head);
    put_signature(b, &v->signature);
}

static void put_offered(struct buffer *b, const struct message *m)
{
    begin(b, m, m->offered.missing_count > 0 ? 4 : 3);
    mp_put_str(b, m->offered.site);
    put_position(b, m->offered.held);
    if (m->offered.missing_count > 0)
        put_key_ids(b, m->offered.missing, m->offered.missing_count);
}

static void put_join(struct buffer *b, const struct message *m)
{
    const struct msg_join *v = &m->join;
    begin(b, m, 6);
    mp_put_uint(b, v->version);
    mp_put_bin(b, v->sign.b, sizeof v->sign.b);
    mp_put_bin(b, v->box.b, sizeof v->box.b);
    mp_put_bin(b, v->curve, sizeof v->curve);
    mp_put_str(b, v->label);
    put_signature(b, &v->proof);
}

static void put_joined(struct buffer *b, const struct message *m)
{
    const struct msg_joined *v = &m->joined;
    begin(b, m, 6);
    mp_put_bin(b, v->device.b, sizeof v->device.b);
    mp_put_str(b, v->hub_name);
    mp_put_str(b, v->worker);
    mp_put_array(b, v->site_count);
    for (uint32_t i = 0; i < v->site_count; i++)
        mp_put_str(b, v->sites[i]);
    mp_put_bin(b, v->hub_box.b, sizeof v->hub_box.b);
    mp_put_uint(b, v->key_count);
}

static void put_refused(struct buffer *b, const struct message *m)
{
    bool aside = m->refused.reason == REFUSED_KEPT_ASIDE;
    begin(b, m, aside ? 5 : 3);
    mp_put_uint(b, (uint64_t)m->refused.reason);
    mp_put_str(b, m->refused.site);
    mp_put_str(b, m->refused.text);
    if (aside) {
        mp_put_uint(b, m->refused.held_seq);
        mp_put_bin(b, m->refused.held_id.b, sizeof m->refused.held_id.b);
    }
}

static void put_rekey(struct buffer *b, const struct message *m)
{
    begin(b, m, 3);
    mp_put_bin(b, m->rekey.box.b, sizeof m->rekey.box.b);
    mp_put_bin(b, m->rekey.curve, sizeof m->rekey.curve);
    put_signature(b, &m->rekey.proof);
}

static void put_rekeyed(struct buffer *b, const struct message *m)
{
    begin(b, m, 0);
}

static const struct {
    const char *name;
    void (*put)(struct buffer *b, const struct message *m);
} messages[] = {
    [MSG_HELLO] = {"HELLO", put_hello},       [MSG_WELCOME] = {"WELCOME", put_welcome},
    [MSG_PUSH] = {"PUSH", put_push},          [MSG_RECEIPT] = {"RECEIPT", put_receipt},
    [MSG_PULL] = {"PULL", put_pull},          [MSG_FEED] = {"FEED", put_feed},
    [MSG_KEYS] = {"KEYS", put_keys},          [MSG_KEYRING] = {"KEYRING", put_keyring},
    [MSG_OFFER] = {"OFFER", put_offer},       [MSG_OFFERED] = {"OFFERED", put_offered},
    [MSG_JOIN] = {"JOIN", put_join},          [MSG_JOINED] = {"JOINED", put_joined},
    [MSG_REFUSED] = {"REFUSED", put_refused}, [MSG_REKEY] = {"REKEY", put_rekey},
    [MSG_REKEYED] = {"REKEYED", put_rekeyed},
};

void message_encode(const struct message *message, struct buffer *out)
{
    assert(message->kind >= MSG_HELLO && message->kind <= MSG_LAST);
    messages[message->kind].put(out, message);
}

const char *message_name(enum message_kind kind)
{
    return kind >= MSG_HELLO && kind <= MSG_LAST ? messages[kind].name : "unknown";
}

void feed_put_event(struct buffer *out, struct bytes event, const struct signature *signature_or_null)
{
    buffer_append(out, event.data, event.len);
    if (signature_or_null)
        put_signature(out, signature_or_null);
}

void feed_put_marker(struct buffer *out, uint32_t incarnation, uint64_t seq, const struct event_id *id)
{
    mp_put_array(out, 3);
    mp_put_uint(out, incarnation);
    mp_put_uint(out, seq);
    mp_put_bin(out, id->b, sizeof id->b);
}

void feed_put_markers(struct buffer *out, uint32_t incarnation, uint64_t first_seq, uint32_t count,
                      const struct event_id *last)
{
    mp_put_array(out, 4);
    mp_put_uint(out, incarnation);
    mp_put_uint(out, first_seq);
    mp_put_uint(out, count);
    mp_put_bin(out, last->b, sizeof last->b);
}
