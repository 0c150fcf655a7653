/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the log: heads, streams, single events, and walks. Everything handed out points into the map. */
#include <stdlib.h>

#include "daemon/log/log_internal.h"

struct log_reader *log_reader_begin(struct event_log *log, struct felloe_error *error)
{
    struct log_reader *reader = malloc(sizeof *reader);
    if (reader == NULL) {
        felloe_fail(error, FELLOE_FAILED, "out of memory");
        return NULL;
    }
    reader->log = log;
    reader->origins = log_origins_hold(&log->origins);
    if (store_begin_read(log->store, &reader->txn, error) != FELLOE_OK) {
        log_origins_drop(&log->origins, reader->origins);
        free(reader);
        return NULL;
    }
    /* of the same moment as all that is read; were it damaged by now, then it was not when the log was opened */
    if (!log_meta_u32(reader->txn, "incarnation", &reader->incarnation) ||
        !log_meta_u32(reader->txn, "going-on", &reader->going_on)) {
        reader->incarnation = event_log_incarnation(log);
        reader->going_on = event_log_going_on(log);
    }
    return reader;
}

void log_reader_end(struct log_reader *reader)
{
    if (reader == NULL)
        return;
    store_abort(reader->txn);
    log_origins_drop(&reader->log->origins, reader->origins);
    free(reader);
}

bool log_reader_failed(const struct log_reader *reader, struct felloe_error *error)
{
    return store_failed(reader->txn, error) != STORE_DONE;
}

bool log_reader_tell(const struct log_reader *reader, struct felloe_error *error)
{
    struct felloe_error why = {0};
    if (!log_reader_failed(reader, &why))
        return false;
    felloe_fail(error, why.code, "%s%s", why.message, why.code != FELLOE_DAMAGED ? "" :
                ". Stop felloed, then `felloe repair`; `felloe verify` tells what it is");
    return true;
}

bool event_log_site_at(struct event_log *log, size_t index, char site[SLUG_MAX + 1])
{
    if (index >= atomic_load_explicit(&log->site_count, memory_order_acquire))
        return false;
    memcpy(site, log->sites[index], SLUG_MAX + 1);
    return true;
}

bool log_site_at(struct log_reader *reader, size_t index, char site[SLUG_MAX + 1])
{
    return event_log_site_at(reader->log, index, site);
}

/* ---- heads ---- */

bool log_own(struct log_reader *reader, struct bytes site, struct stream_head *head, uint64_t *shared_seq,
             int64_t *oldest_waiting_ms)
{
    struct event_log *log = reader->log;
    *head = (struct stream_head){0};
    *shared_seq = 0;
    *oldest_waiting_ms = 0;
    uint32_t number = log_site_number(log, site);
    if (number == SITES_MAX)
        return false;
    struct store_key key;
    struct bytes row;
    key_site_incarnation(&key, number, reader->incarnation);
    if (store_get(reader->txn, T_OWN_HEADS, key_bytes(&key), &row))
        stream_row_read(row, head);
    *shared_seq =
        log->identity->role == ROLE_HUB ? head->seq : log_shared_seq(reader->txn, number, reader->incarnation);
    *oldest_waiting_ms = log_oldest_waiting(log, reader->txn, number, reader->incarnation, *shared_seq, head->seq);
    return true;
}

size_t log_heads(struct log_reader *reader, struct bytes site, struct log_head out[SEEN_MAX])
{
    uint32_t number = log_site_number(reader->log, site);
    if (number == SITES_MAX)
        return 0;
    struct store_key key;
    key_start(&key);
    key_put_u16(&key, (uint16_t)number);
    size_t count = 0;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_HEADS);
    bool more = store_seek_prefix(cursor, key_bytes(&key), &item);
    for (; more && count < SEEN_MAX; more = store_next_prefix(cursor, key_bytes(&key), &item)) {
        struct head_row row;
        if (item.key.len == 6 && head_row_read(item.value, be_u32(item.key.data + 2), &row) && row.head.at.n > 0)
            out[count++] = row.head;
    }
    store_cursor_close(cursor);
    return count;
}

static bool read_head(struct log_reader *reader, uint32_t site, uint32_t epoch, struct head_row *out)
{
    struct store_key key;
    struct bytes row;
    key_site_epoch(&key, site, epoch);
    return store_get(reader->txn, T_HEADS, key_bytes(&key), &row) && head_row_read(row, epoch, out);
}

bool log_head_signature(struct log_reader *reader, struct bytes site, uint32_t epoch, struct signature *out)
{
    uint32_t number = log_site_number(reader->log, site);
    struct head_row row;
    if (number == SITES_MAX || !read_head(reader, number, epoch, &row) || !row.has_signature)
        return false;
    *out = row.signature;
    return true;
}

bool log_streams(struct log_reader *reader, struct bytes site, log_stream_visit visit, void *context)
{
    struct event_log *log = reader->log;
    uint32_t number = log_site_number(log, site);
    uint32_t speaks_as = reader->going_on != 0 ? reader->going_on : reader->incarnation;
    if (number == SITES_MAX)
        return true;
    struct store_key key;
    key_start(&key);
    key_put_u16(&key, (uint16_t)number);
    bool going = true;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_STREAMS);
    bool more = store_seek_prefix(cursor, key_bytes(&key), &item);
    for (; more && going; more = store_next_prefix(cursor, key_bytes(&key), &item)) {
        struct device_id device;
        struct stream_head head;
        if (item.key.len != 2 + sizeof device.b + 4 || !stream_row_read(item.value, &head))
            continue;
        memcpy(device.b, item.key.data + 2, sizeof device.b);
        uint32_t incarnation = be_u32(item.key.data + 2 + sizeof device.b);
        if (log->identity->role == ROLE_SPOKE && incarnation == speaks_as &&
            device_id_equal(&device, &log->identity->device))
            continue;
        going = visit(context, &device, incarnation, &head);
    }
    store_cursor_close(cursor);
    return going;
}

/* ---- events ---- */

static bool fill_item(struct log_reader *reader, uint32_t site, struct position at, struct bytes value,
                      struct log_item *out)
{
    struct log_row row;
    *out = (struct log_item){.at = at};
    if (!log_row_read(value, &row))
        return false;
    out->flags = row.flags;
    out->signature = row.signature;
    out->event = row.event;
    return !(row.flags & ENTRY_OWN) || log_own_event(reader->txn, site, row.incarnation, row.seq, &out->event);
}

bool log_get(struct log_reader *reader, struct bytes site, struct position at, struct log_item *out)
{
    uint32_t number = log_site_number(reader->log, site);
    struct store_key key;
    struct bytes value;
    key_place(&key, at);
    return number != SITES_MAX && store_get(reader->txn, T_LOG + number, key_bytes(&key), &value) &&
           fill_item(reader, number, at, value, out);
}

bool log_get_own(struct log_reader *reader, struct bytes site, uint64_t seq, struct log_item *out)
{
    uint32_t number = log_site_number(reader->log, site), incarnation = reader->incarnation;
    *out = (struct log_item){.flags = ENTRY_OWN};
    if (number == SITES_MAX || !log_own_event(reader->txn, number, incarnation, seq, &out->event))
        return false;
    (void)log_own_place(reader->txn, number, incarnation, seq, &out->at);
    return true;
}

void log_walk_begin(struct log_walk *walk, struct log_reader *reader, struct bytes site, struct position from)
{
    *walk = (struct log_walk){.reader = reader, .next = from};
    bytes_to_text(site, walk->site, sizeof walk->site);
    walk->number = log_site_number(reader->log, site);
    if (walk->number != SITES_MAX)
        walk->cursor = store_cursor_open(reader->txn, T_LOG + walk->number);
}

bool log_walk_next(struct log_walk *walk, struct log_item *out)
{
    struct store_cursor *cursor = walk->cursor;
    struct store_item item;
    struct store_key key;
    key_place(&key, walk->next);
    bool found = walk->started ? store_next(cursor, &item) : store_seek(cursor, key_bytes(&key), &item);
    walk->started = true;
    if (!found || item.key.len != 12)
        return false;
    struct position at = {be_u32(item.key.data), be_u64(item.key.data + 4)};
    walk->next = (struct position){at.epoch, at.n + 1};
    if (!fill_item(walk->reader, walk->number, at, item.value, out))
        out->event = (struct bytes){0};
    return true;
}

void log_walk_end(struct log_walk *walk)
{
    store_cursor_close(walk->cursor);
    walk->cursor = NULL;
}

/* ---- own events in their order ---- */

static void stand_at_places(struct log_own_walk *walk, bool found, const struct own_places *places)
{
    walk->place_seq = found ? places->first : 0;
    walk->place_end = found ? places->end : 0;
    if (found)
        walk->place = places->at;
}

static void next_places(struct log_own_walk *walk)
{
    struct store_item item;
    struct own_places places;
    const bool found = store_next(walk->places, &item) &&
                       log_places_read(&item, walk->number, walk->reader->incarnation, &places);
    stand_at_places(walk, found, &places);
}

void log_own_walk_begin(struct log_own_walk *walk, struct log_reader *reader, struct bytes site, uint64_t from)
{
    struct own_places places;
    *walk = (struct log_own_walk){.reader = reader, .next = from, .number = log_site_number(reader->log, site)};
    if (walk->number == SITES_MAX)
        return;
    walk->own = store_cursor_open(reader->txn, T_OWN + walk->number);
    walk->places = store_cursor_open(reader->txn, T_OWN_PLACES);
    const bool found = log_places_seek(walk->places, walk->number, reader->incarnation, from, &places);
    stand_at_places(walk, found, &places);
}

bool log_own_walk_next(struct log_own_walk *walk, uint64_t *seq, struct log_item *out)
{
    struct store_key key;
    struct store_item item;
    if (walk->own == NULL)
        return false;
    key_own(&key, walk->reader->incarnation, walk->next);
    const bool found = walk->started ? store_next(walk->own, &item) : store_seek(walk->own, key_bytes(&key), &item);
    walk->started = true;
    if (!found || item.key.len != 12 || be_u32(item.key.data) != walk->reader->incarnation)
        return false;
    *seq = be_u64(item.key.data + 4);
    *out = (struct log_item){.flags = ENTRY_OWN};
    if (item.value.len > OWN_PREFIX)
        out->event = bytes_of(item.value.data + OWN_PREFIX, item.value.len - OWN_PREFIX);
    while (walk->place_end != 0 && walk->place_end <= *seq)
        next_places(walk);
    if (walk->place_seq <= *seq && *seq < walk->place_end)
        out->at = (struct position){walk->place.epoch, walk->place.n + (*seq - walk->place_seq)};
    return true;
}

void log_own_walk_end(struct log_own_walk *walk)
{
    store_cursor_close(walk->own);
    store_cursor_close(walk->places);
    walk->own = walk->places = NULL;
}

/* ---- hashes ---- */

bool log_hash_at(struct log_reader *reader, struct bytes site, struct position at, struct log_hash *out)
{
    uint32_t number = log_site_number(reader->log, site);
    struct head_row row;
    struct log_head head;
    log_head_start(&head, site, at.epoch);
    if (at.n == 0) {
        *out = head.hash;
        return true;
    }
    if (number == SITES_MAX || !read_head(reader, number, at.epoch, &row) || at.n > row.head.at.n)
        return false;
    if (at.n == row.head.at.n) {
        *out = row.head.hash;
        return true;
    }
    uint64_t mark = at.n - at.n % CHECKPOINT_EVERY;
    struct store_key key;
    struct bytes hash;
    key_checkpoint(&key, number, (struct position){at.epoch, mark});
    if (mark > 0 && store_get(reader->txn, T_CHECKPOINTS, key_bytes(&key), &hash) && hash.len == sizeof head.hash.b) {
        head.at.n = mark;
        memcpy(head.hash.b, hash.data, sizeof head.hash.b);
    }
    struct log_walk walk;
    struct log_item item;
    log_walk_begin(&walk, reader, site, (struct position){at.epoch, head.at.n + 1});
    while (head.at.n < at.n && log_walk_next(&walk, &item)) {
        if (item.event.len == 0 || item.at.epoch != at.epoch || item.at.n != head.at.n + 1)
            break;
        struct event_id id;
        event_id_of(item.event, &id);
        log_head_advance(&head, &id);
    }
    log_walk_end(&walk);
    *out = head.hash;
    return head.at.n == at.n;
}

/* Keys in the order of their ids, which are random, from a place of the turn's own. */
size_t log_missing_keys(struct log_reader *reader, struct bytes site, uint32_t turn, struct key_id *out, size_t max)
{
    struct keyring *keyring = reader->log->keyring;
    uint32_t number = log_site_number(reader->log, site);
    struct key_id from = {{(uint8_t)(turn * 157u)}}; /* each of the 256 places in turn */
    struct store_key prefix, key;
    size_t count = 0;
    if (number == SITES_MAX)
        return 0;
    key_start(&prefix);
    key_put_u16(&prefix, (uint16_t)number);
    for (int wrapped = 0; wrapped < 2; wrapped++) {
        struct store_item item;
        struct store_cursor *cursor = store_cursor_open(reader->txn, T_KEY_USES);
        key_use(&key, number, &from);
        if (wrapped)
            key = prefix;
        bool more = store_seek(cursor, key_bytes(&key), &item);
        for (; more && count < max; more = store_next(cursor, &item)) {
            struct key_id id;
            if (item.key.len != prefix.len + sizeof id.b || memcmp(item.key.data, prefix.b, prefix.len) != 0)
                break;
            memcpy(id.b, item.key.data + prefix.len, sizeof id.b);
            if (wrapped && memcmp(&id, &from, sizeof id) >= 0)
                break;
            if (!keyring_holds(keyring, &id, NULL) && !keyring_erased(keyring, &id, NULL))
                out[count++] = id;
        }
        store_cursor_close(cursor);
    }
    return count;
}

bool log_site_uses_key(struct log_reader *reader, struct bytes site, const struct key_id *id)
{
    uint32_t number = log_site_number(reader->log, site);
    struct store_key key;
    key_use(&key, number, id);
    return number != SITES_MAX && store_get(reader->txn, T_KEY_USES, key_bytes(&key), NULL);
}

bool log_hub_used_key_first(struct log_reader *reader, struct bytes site, const struct key_id *id)
{
    uint32_t number = log_site_number(reader->log, site);
    struct store_key key;
    struct bytes row;
    struct log_item item;
    struct event event;
    key_use(&key, number, id);
    return number != SITES_MAX && store_get(reader->txn, T_KEY_USES, key_bytes(&key), &row) && row.len == 12 &&
           log_get(reader, site, (struct position){be_u32(row.data), be_u64(row.data + 4)}, &item) &&
           event_decode(item.event, &event) && device_id_equal(&event.clear.device, &reader->log->identity->device);
}
