/* SPDX-License-Identifier: Apache-2.0 */
/* The quarantine's rows, and which of them follows which. */
#include "daemon/log/log_aside_inside.h"

void aside_key_stream(struct store_key *key, const struct device_id *device, uint32_t incarnation, uint32_t site)
{
    key_start(key);
    key_put(key, device->b, sizeof device->b);
    key_put_u32(key, incarnation);
    key_put_u16(key, (uint16_t)site);
}

void aside_key_event(struct store_key *key, const struct device_id *device, uint32_t incarnation, uint32_t site,
                     uint64_t seq, const struct event_id *id)
{
    aside_key_stream(key, device, incarnation, site);
    key_put_u64(key, seq);
    key_put(key, id->b, sizeof id->b);
}

void aside_key_head(struct store_key *key, const struct device_id *device, uint32_t site, uint32_t incarnation)
{
    key_start(key);
    key_put(key, device->b, sizeof device->b);
    key_put_u16(key, (uint16_t)site);
    key_put_u32(key, incarnation);
}

bool aside_row_read(struct store_item item, struct aside_row *out)
{
    *out = (struct aside_row){0};
    if (item.key.len != ASIDE_EVENT_KEY || item.value.len < 1)
        return false;
    out->seq = be_u64(item.key.data + ASIDE_STREAM_KEY);
    memcpy(out->id.b, item.key.data + ASIDE_STREAM_KEY + 8, sizeof out->id.b);
    out->flags = item.value.data[0];
    const bool is_signed = (out->flags & ENTRY_SIGNED) != 0;
    const size_t before = 1u + (is_signed ? sizeof out->signature.b : 0u);
    if (item.value.len <= before + 8)
        return false;
    if (is_signed)
        memcpy(out->signature.b, item.value.data + 1, sizeof out->signature.b);
    out->received_ms = (int64_t)be_u64(item.value.data + before);
    out->event = bytes_of(item.value.data + before + 8, item.value.len - before - 8);
    return true;
}

void aside_head_write(const struct aside_stream *s, struct bytes key, uint8_t out[ASIDE_HEAD_ROW])
{
    uint8_t *at = out;
    const uint64_t before[] = {s->events, s->bytes, (uint64_t)s->first_ms, (uint64_t)s->last_ms, s->head_seq};
    const uint64_t after[] = {s->taken, s->dropped, (uint64_t)s->settled_ms};
    for (size_t i = 0; i < sizeof before / sizeof *before; i++, at += 8)
        be_put_u64(at, before[i]);
    memcpy(at, s->head_id.b, sizeof s->head_id.b);
    at += sizeof s->head_id.b;
    for (size_t i = 0; i < sizeof after / sizeof *after; i++, at += 8)
        be_put_u64(at, after[i]);
    log_row_check(key, bytes_of(out, (size_t)(at - out)), at);
}

bool aside_head_read(struct store_item item, struct aside_stream *s, uint32_t *site)
{
    uint8_t check[ROW_CHECK];
    *s = (struct aside_stream){0};
    if (item.key.len != ASIDE_HEAD_KEY || item.value.len != ASIDE_HEAD_ROW)
        return false;
    const uint8_t *at = item.value.data;
    log_row_check(item.key, bytes_of(at, ASIDE_HEAD_ROW - ROW_CHECK), check);
    memcpy(s->device.b, item.key.data, sizeof s->device.b);
    *site = be_u16(item.key.data + 16);
    s->incarnation = be_u32(item.key.data + 18);
    s->events = be_u64(at);
    s->bytes = be_u64(at + 8);
    s->first_ms = (int64_t)be_u64(at + 16);
    s->last_ms = (int64_t)be_u64(at + 24);
    s->head_seq = be_u64(at + 32);
    memcpy(s->head_id.b, at + 40, sizeof s->head_id.b);
    s->taken = be_u64(at + 72);
    s->dropped = be_u64(at + 80);
    s->settled_ms = (int64_t)be_u64(at + 88);
    return *site < SITES_MAX && memcmp(check, at + ASIDE_HEAD_ROW - ROW_CHECK, sizeof check) == 0;
}

/* ---- one following the other ---- */

#define HISTORIES_MAX 8u /* that are told apart, of one place: a laptop is copied once or twice */

struct place {
    struct store_txn *txn;
    const struct device_id *device;
    uint32_t incarnation, site;
};

/* The ids of those that stand at `seq` and name this one as the one before them; ascending. */
static uint32_t after_of(const struct place *p, uint64_t seq, const struct event_id *prev,
                         struct event_id out[HISTORIES_MAX])
{
    uint32_t count = 0;
    struct store_key prefix;
    struct store_item item;
    aside_key_stream(&prefix, p->device, p->incarnation, p->site);
    key_put_u64(&prefix, seq);
    struct store_cursor *cursor = store_cursor_open(p->txn, T_ASIDE);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more && count < HISTORIES_MAX; more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct aside_row row;
        struct event event;
        if (aside_row_read(item, &row) && event_decode(row.event, &event) && event_id_equal(&event.clear.prev, prev))
            out[count++] = row.id;
    }
    store_cursor_close(cursor);
    return count;
}

/* How many follow one another from here on, always the first of several. */
static uint64_t length_from(const struct place *p, uint64_t seq, struct event_id id)
{
    struct event_id next[HISTORIES_MAX];
    uint64_t length = 1;
    while (seq < UINT64_MAX && after_of(p, ++seq, &id, next) > 0) {
        id = next[0];
        length++;
    }
    return length;
}

bool aside_next(struct store_txn *txn, const struct device_id *device, uint32_t incarnation, uint32_t site,
                uint64_t head_seq, const struct event_id *head_id, struct event_id *out)
{
    const struct place p = {txn, device, incarnation, site};
    struct event_id found[HISTORIES_MAX];
    uint32_t count = head_seq < UINT64_MAX ? after_of(&p, head_seq + 1, head_id, found) : 0;
    uint64_t longest = 0;
    if (count > 0)
        *out = found[0];
    for (uint32_t i = 0; i < count && count > 1; i++) {
        uint64_t length = length_from(&p, head_seq + 1, found[i]);
        if (length > longest) {
            longest = length;
            *out = found[i];
        }
    }
    return count > 0;
}
