/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are lacking. Here: KEYS is asked until KEYRING brought each, or says that it is for others (then it is not
 * asked for again over this connection), or patience grows long. At the hub: a RECEIPT
 * or WELCOME names them, and they are brought in a PUSH without events, until a RECEIPT answers it. */
#include <stdlib.h>

#include "proto/sync/sync_spoke_internal.h"

#define KEYS_BACKOFF_FIRST_MS 5000u

/* Keys are brought and asked for whatever there is to settle about the stream. */
static bool admitted(const struct site *site)
{
    return site->greeted && site->verdict != SITE_DENIED && site->verdict != SITE_SPLIT;
}

void wanted_add(struct wanted *wanted, const struct key_id *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count && wanted->count < KEYS_MAX; i++) {
        uint32_t at = 0;
        while (at < wanted->count && memcmp(&wanted->ids[at], &ids[i], sizeof ids[i]) != 0)
            at++;
        if (at < wanted->count)
            continue;
        wanted->ids[wanted->count++] = ids[i];
        wanted->retry_ms = 0;
        wanted->backoff_ms = KEYS_BACKOFF_FIRST_MS;
    }
}

/* Was it there? */
static bool wanted_remove(struct wanted *wanted, const struct key_id *id)
{
    for (uint32_t i = 0; i < wanted->count; i++)
        if (memcmp(&wanted->ids[i], id, sizeof *id) == 0) {
            wanted->count--;
            memmove(&wanted->ids[i], &wanted->ids[i + 1], (wanted->count - i) * sizeof *id);
            return true;
        }
    return false;
}

static void key_came(void *context, const struct key_id *id)
{
    (void)wanted_remove(context, id);
}

static void wanted_wait(struct spoke *s, struct wanted *wanted)
{
    wanted->request = 0;
    wanted->retry_ms = s->now + wanted->backoff_ms;
    wanted->backoff_ms = wanted->backoff_ms < BACKOFF_MAX_MS / 2 ? wanted->backoff_ms * 2 : BACKOFF_MAX_MS;
}

void keys_reset(struct site *site)
{
    table_release(&site->denied);
    site->keys.request = site->debts.request = 0;
    site->keys.retry_ms = site->debts.retry_ms = 0;
}

/* ---- lacking here ---- */

void keys_on_need(struct spoke *s, struct site *site, const struct spoke_input *input)
{
    (void)s;
    for (uint32_t i = 0; i < input->key_count; i++)
        if (table_find(&site->denied, input->keys[i].b) == TABLE_NONE)
            wanted_add(&site->keys, &input->keys[i], 1);
}

/* Those of restricted audiences that this device is not in; what was not asked for is not believed. */
static void keys_denied(struct spoke *s, struct site *site, const struct msg_keyring *m)
{
    struct spoke_output *o = m->denied_count > 0 ? spoke_put(s, SPOKE_KEYS_DENIED, site) : NULL;
    if (!o)
        return;
    o->keys = malloc(m->denied_count * sizeof *o->keys);
    for (uint32_t i = 0; i < m->denied_count && o->keys; i++) {
        if (!wanted_remove(&site->keys, &m->denied[i]))
            continue;
        o->keys[o->key_count++] = m->denied[i];
        if (!table_put(&site->denied, m->denied[i].b, 0))
            spoke_out_of_memory(s);
    }
    if (!o->keys)
        spoke_out_of_memory(s);
}

void keys_on_keyring(struct spoke *s, struct lent *body)
{
    struct site *site = spoke_site(s, s->in.keyring.site);
    if (!site || site->keys.request == 0 || site->keys.request != s->in.request)
        return;
    uint32_t count = s->in.keyring.key_count;
    bool well_formed = keys_check(body->bytes, count, NULL, NULL);
    if (well_formed && count > 0) {
        (void)keys_check(body->bytes, count, key_came, &site->keys);
        struct spoke_output *o = spoke_put(s, SPOKE_KEEP_KEYS, site);
        if (o) {
            o->body = *body;
            o->key_count = count;
            *body = (struct lent){0};
        }
    }
    keys_denied(s, site, &s->in.keyring);
    wanted_wait(s, &site->keys);
}

static void send_keys(struct spoke *s, struct site *site)
{
    struct msg_keys *m = &s->msg.keys;
    m->site = site_name(site);
    m->count = site->keys.count;
    memcpy(m->ids, site->keys.ids, site->keys.count * sizeof m->ids[0]);
    site->keys.request = spoke_send(s, MSG_KEYS, NULL);
    site->keys.sent_ms = s->now;
}

/* ---- lacking at the hub ---- */

static void read_debts(struct spoke *s, struct site *site)
{
    struct spoke_output *o = spoke_put(s, SPOKE_READ_KEYS, site);
    if (!o)
        return;
    o->key_count = site->debts.count;
    o->keys = malloc(o->key_count * sizeof *o->keys);
    if (!o->keys) {
        spoke_out_of_memory(s);
        return;
    }
    memcpy(o->keys, site->debts.ids, o->key_count * sizeof *o->keys);
    site->debts_asked = o->key_count;
    site->debts_reading = true;
}

/* Those that were asked for are settled; later ones stay. */
static void debts_settled(struct site *site)
{
    site->debts.count -= site->debts_asked;
    memmove(site->debts.ids, site->debts.ids + site->debts_asked, site->debts.count * sizeof site->debts.ids[0]);
    site->debts_asked = 0;
}

void keys_on_read(struct spoke *s, struct site *site, struct spoke_input *input)
{
    site->debts_reading = false;
    if (s->phase != SPOKE_PHASE_LIVE || !admitted(site))
        return;
    if (input->key_count == 0) { /* they are not here either */
        debts_settled(site);
        return;
    }
    s->msg.push =
        (struct msg_push){.site = site_name(site), .incarnation = spoke_incarnation(s), .key_count = input->key_count};
    site->debts.request = spoke_send(s, MSG_PUSH, &input->body);
    site->debts.sent_ms = s->now;
}

bool keys_on_debt_receipt(struct site *site, uint64_t request)
{
    if (site->debts.request == 0 || site->debts.request != request)
        return false;
    site->debts.request = 0;
    debts_settled(site);
    return true;
}

/* ---- time ---- */

static uint64_t wanted_deadline(const struct spoke *s, const struct wanted *wanted)
{
    return wanted->request != 0 ? wanted->sent_ms + s->config.request_timeout_ms : wanted->retry_ms;
}

/* Is it time to ask (again)? */
static bool wanted_due(struct spoke *s, struct wanted *wanted)
{
    if (wanted->count == 0 || s->now < wanted_deadline(s, wanted))
        return false;
    if (wanted->request == 0)
        return true;
    spoke_probe(s, wanted->sent_ms);
    wanted_wait(s, wanted);
    return false;
}

void keys_turn(struct spoke *s, struct site *site)
{
    if (!admitted(site))
        return;
    if (wanted_due(s, &site->keys))
        send_keys(s, site);
    if (!site->debts_reading && wanted_due(s, &site->debts))
        read_debts(s, site);
}

uint64_t keys_deadline(const struct spoke *s, const struct site *site)
{
    uint64_t due = UINT64_MAX;
    if (!admitted(site))
        return due;
    if (site->keys.count > 0)
        due = wanted_deadline(s, &site->keys);
    if (!site->debts_reading && site->debts.count > 0 && wanted_deadline(s, &site->debts) < due)
        due = wanted_deadline(s, &site->debts);
    return due;
}
