/* SPDX-License-Identifier: Apache-2.0 */
/* Finding own events in a damaged log. They are the only ones that nobody else may have, so they are looked for twice:
 * in their tables, as far as pages lead there, and in the file's bare bytes. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/log_repair_inside.h"
#include "proto/mp.h"

_Static_assert(SALVAGE_OVERLAP >= OWN_PREFIX + EVENT_SIZE_MAX, "an own event stands whole in a piece");

/* ---- one more ---- */

static size_t slot_of(const struct own_events *own, const struct event_id *id)
{
    uint64_t hash;
    memcpy(&hash, id->b, sizeof hash); /* ids are random enough */
    size_t slot = (size_t)hash & (own->slot_count - 1);
    while (own->slots[slot] != 0 && !event_id_equal(&own->refs[own->slots[slot] - 1].id, id))
        slot = (slot + 1) & (own->slot_count - 1);
    return slot;
}

static bool make_room(struct own_events *own)
{
    if (own->count < own->cap)
        return true;
    const size_t cap = own->cap > 0 ? 2 * own->cap : 256;
    struct own_ref *refs = cap <= UINT32_MAX / 4 ? realloc(own->refs, cap * sizeof *refs) : NULL;
    if (refs == NULL)
        return false;
    own->refs = refs;
    uint32_t *slots = calloc(2 * cap, sizeof *slots);
    if (slots == NULL)
        return false;
    free(own->slots);
    own->slots = slots;
    own->slot_count = 2 * cap;
    own->cap = cap;
    for (size_t i = 0; i < own->count; i++)
        own->slots[slot_of(own, &own->refs[i].id)] = (uint32_t)i + 1;
    return true;
}

/* Each once, however often it stands in the file. */
static bool add_ref(struct own_events *own, const struct own_ref *ref, struct bytes raw)
{
    if (!make_room(own))
        return false;
    const size_t slot = slot_of(own, &ref->id);
    if (own->slots[slot] != 0) {
        own->refs[own->slots[slot] - 1].row |= ref->row;
        return true;
    }
    own->refs[own->count] = *ref;
    own->refs[own->count].at = own->bytes.len;
    own->slots[slot] = (uint32_t)++own->count;
    buffer_append(&own->bytes, raw.data, raw.len);
    return !own->bytes.failed;
}

/* ---- is it one? ---- */

bool repair_opens(struct repair *r, const struct event *event, struct buffer *plain, struct event_body *body)
{
    struct key_record record;
    *body = (struct event_body){0};
    enum felloe_code code = keyring_get(r->config->keyring, &event->clear.key, &record);
    bool opens = code == FELLOE_OK && event_open(event, &record.key, plain, body);
    if (!opens)
        *body = (struct event_body){0};
    r->no_memory |= plain->failed || !keyring_was_read(code);
    opens |= code == FELLOE_OK && plain->len > 0;
    sodium_memzero(&record, sizeof record);
    return opens;
}

struct loading {
    struct repair *r;
    bool row;
    struct buffer plain;
};

/* `time` is what stands before it. In a laptop's bare bytes that tells an own event from one that stands in a site's
 * log, where another history of this device may have written it. (A hub that was repaired before has its earlier own
 * events there, and no other history.) False: memory ran out. */
static bool take_event(struct loading *l, struct bytes raw, uint64_t time)
{
    struct repair *r = l->r;
    struct event event;
    struct event_body body;
    if (!event_decode(raw, &event) || !device_id_equal(&event.clear.device, &r->config->identity->device))
        return true;
    struct own_ref ref = {.incarnation = event.clear.incarnation,
                          .seq = event.clear.seq,
                          .time = time,
                          .len = raw.len,
                          .prev = event.clear.prev,
                          .opens = repair_opens(r, &event, &l->plain, &body),
                          .row = l->row};
    if (ref.opens && body.time != 0 && body.time != time) {
        if (!l->row && !repair_at_hub(r))
            return !r->no_memory;
        ref.time = body.time;
    }
    struct repair_site *site = repair_site_named(r, event.clear.site);
    if (site == NULL && ref.opens)
        site = repair_site_add(r, event.clear.site, SITES_MAX);
    event_id_of(raw, &ref.id);
    if (site != NULL && !add_ref(&site->own, &ref, raw))
        r->no_memory = true;
    return !r->no_memory;
}

/* ---- where it may be ---- */

static bool take_row(void *context, struct bytes key, struct bytes value)
{
    (void)key; /* may be damaged, and the event says it too */
    return value.len <= OWN_PREFIX ||
           take_event(context, bytes_of(value.data + OWN_PREFIX, value.len - OWN_PREFIX), be_u64(value.data));
}

/* How long is the event that begins here? 0: none does. */
static size_t event_length(struct bytes from)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, from.len <= EVENT_SIZE_MAX ? from : bytes_of(from.data, EVENT_SIZE_MAX));
    return mp_next(&r) ? r.off : 0;
}

/* An event begins as an array of ten, with its version and its device. */
static bool look(void *context, struct bytes piece, size_t fresh)
{
    struct loading *l = context;
    uint8_t begin[4 + sizeof(struct device_id)] = {0x9a, EVENT_VERSION, 0xc4, sizeof(struct device_id)};
    memcpy(begin + 4, l->r->config->identity->device.b, sizeof(struct device_id));
    for (size_t from = OWN_PREFIX; from < piece.len;) {
        const uint8_t *found = memmem(piece.data + from, piece.len - from, begin, sizeof begin);
        const size_t at = found != NULL ? (size_t)(found - piece.data) : piece.len;
        if (at >= fresh + OWN_PREFIX || found == NULL)
            break;
        const size_t len = event_length(bytes_of(found, piece.len - at));
        if (len > 0 && !take_event(l, bytes_of(found, len), be_u64(found - OWN_PREFIX)))
            return false;
        from = at + 1;
    }
    return true;
}

bool own_events_load(struct repair *r)
{
    struct loading l = {.r = r, .row = true};
    char table[8];
    bool fine = true;
    for (uint32_t number = 0; number < SITES_MAX && fine; number++) {
        snprintf(table, sizeof table, "own.%02u", number % 100);
        fine = store_salvage_table(r->old, table, take_row, &l);
    }
    l.row = false;
    fine = fine && store_salvage_bytes(r->old, look, &l);
    if (l.plain.data != NULL)
        sodium_memzero(l.plain.data, l.plain.cap);
    buffer_release(&l.plain);
    return fine && !r->no_memory;
}

void own_events_release(struct own_events *own)
{
    buffer_release(&own->bytes);
    free(own->refs);
    free(own->slots);
    *own = (struct own_events){0};
}
