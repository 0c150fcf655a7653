/* SPDX-License-Identifier: Apache-2.0 */
/* The quarantine's jobs: LOG_KEEP_ASIDE, LOG_TAKE_ASIDE, LOG_DROP_ASIDE. See log_aside.h. */
#include <stdlib.h>

#include "daemon/log/log_aside_inside.h"

/* A job's share: other commits wait for it. */
#define TAKE_EVENTS_MAX 500u
#define TAKE_BYTES_MAX  ((size_t)2 << 20)
#define DROP_EVENTS_MAX 4000u

/* ---- a stream's row ---- */

struct aside_stream_row {
    struct store_key key;
    struct aside_stream stream;
};

static void load_head(struct store_txn *txn, const struct device_id *device, uint32_t site, uint32_t incarnation,
                      struct aside_stream_row *row)
{
    struct store_item item;
    uint32_t number;
    aside_key_head(&row->key, device, site, incarnation);
    item.key = key_bytes(&row->key);
    if (!store_get(txn, T_ASIDE_HEADS, item.key, &item.value) || !aside_head_read(item, &row->stream, &number))
        row->stream = (struct aside_stream){.device = *device, .incarnation = incarnation};
}

static void store_head(struct event_log *log, const struct aside_stream_row *row)
{
    uint8_t value[ASIDE_HEAD_ROW];
    aside_head_write(&row->stream, key_bytes(&row->key), value);
    store_put(log->write.txn, T_ASIDE_HEADS, key_bytes(&row->key), bytes_of(value, sizeof value));
    log->write.touched = true;
}

struct sums {
    uint64_t device_bytes, all_bytes;
    uint32_t streams;
};

static void sum_up(struct store_txn *txn, const struct device_id *device, struct sums *out)
{
    struct store_item item;
    *out = (struct sums){0};
    struct store_cursor *cursor = store_cursor_open(txn, T_ASIDE_HEADS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item)) {
        struct aside_stream stream;
        uint32_t site;
        if (!aside_head_read(item, &stream, &site))
            continue;
        out->all_bytes += stream.bytes;
        if (!device_id_equal(&stream.device, device))
            continue;
        out->device_bytes += stream.bytes;
        out->streams += stream.incarnation != ASIDE_KEYS;
    }
    store_cursor_close(cursor);
}

/* ---- LOG_KEEP_ASIDE ---- */

/* Whether the batch has the very event at which the log's stream ends: then what is before it in the batch, which hangs
 * together, is in the log. Those are passed over. */
static uint32_t count_held(struct event_log *log, uint32_t site, const struct batch *batch)
{
    const struct entry *first = &batch->entries[0];
    const struct stream_head *head = log_write_stream(log, site, &first->device, first->incarnation);
    for (uint32_t i = 0; i < batch->count; i++)
        if (batch->entries[i].seq == head->seq && event_id_equal(&batch->entries[i].id, &head->id))
            return i + 1;
    return 0;
}

static bool is_new(struct event_log *log, uint32_t site, const struct entry *entry)
{
    struct store_key key;
    aside_key_event(&key, &entry->device, entry->incarnation, site, entry->seq, &entry->id);
    return !store_get(log->write.txn, T_ASIDE, key_bytes(&key), NULL);
}

static size_t row_size(const struct entry *entry)
{
    return 1u + (entry->flags & ENTRY_SIGNED ? sizeof entry->signature.b : 0u) + 8u + entry->event.len;
}

static void put_event(struct event_log *log, uint32_t site, const struct entry *entry, int64_t wall_ms)
{
    struct store_key key;
    const bool is_signed = (entry->flags & ENTRY_SIGNED) != 0;
    aside_key_event(&key, &entry->device, entry->incarnation, site, entry->seq, &entry->id);
    uint8_t *row = store_reserve(log->write.txn, T_ASIDE, key_bytes(&key), row_size(entry));
    log->write.touched = true;
    if (row == NULL)
        return;
    *row++ = is_signed ? ENTRY_SIGNED : 0;
    if (is_signed) {
        memcpy(row, entry->signature.b, sizeof entry->signature.b);
        row += sizeof entry->signature.b;
    }
    be_put_u64(row, (uint64_t)wall_ms);
    memcpy(row + 8, entry->event.data, entry->event.len);
}

/* How far it was handed over, one following the other, from where the log or the quarantine was. */
static bool advance(struct event_log *log, uint32_t site, const struct batch *batch, struct aside_stream *stream)
{
    const struct entry *first = &batch->entries[0], *last = &batch->entries[batch->count - 1];
    const struct stream_head *held = log_write_stream(log, site, &first->device, first->incarnation);
    uint64_t seq = stream->head_seq > held->seq ? stream->head_seq : held->seq;
    struct event_id id = stream->head_seq > held->seq ? stream->head_id : held->id;
    struct event event;
    bool joins = first->seq == seq + 1 && event_decode(first->event, &event) &&
                 event_id_equal(&event.clear.prev, &id);
    for (uint32_t i = 0; i < batch->count && !joins; i++)
        joins = batch->entries[i].seq == seq && event_id_equal(&batch->entries[i].id, &id);
    if (!joins || last->seq <= seq)
        return false;
    stream->head_seq = last->seq;
    stream->head_id = last->id;
    return true;
}

struct keeping {
    struct event_log *log;
    struct log_aside *aside;
    uint32_t site;
    uint64_t bytes;               /* that are new, at the most */
    struct aside_stream_row *sum; /* of the keys; NULL: they are only measured */
};

/* Where that cannot be said it is kept, and goes with the next erasure, or at the start. */
static bool is_of_erased(struct event_log *log, struct bytes record)
{
    struct mp_reader r MP_UNSET;
    struct key_record key;
    mp_reader_init(&r, record);
    return mp_next(&r) && key_record_read(&r, &key) && keyring_erased_owner(log->keyring, &key, NULL);
}

/* The one that came last is kept: should the laptop have other keys by now, it alone can be opened. */
static void keep_key(struct keeping *k, struct bytes record, const struct key_id *id)
{
    struct store_key key;
    struct bytes before = {0};
    key_start(&key);
    key_put(&key, k->aside->device.b, sizeof k->aside->device.b);
    key_put_u16(&key, (uint16_t)k->site);
    key_put(&key, id->b, sizeof id->b);
    bool there = store_get(k->log->write.txn, T_ASIDE_KEYS, key_bytes(&key), &before);
    if (k->sum == NULL) {
        k->bytes += there && before.len > record.len ? 0 : record.len - (there ? before.len : 0);
        return;
    }
    k->sum->stream.bytes += record.len - (there ? before.len : 0);
    store_put(k->log->write.txn, T_ASIDE_KEYS, key_bytes(&key), record);
    k->log->write.touched = true;
}

static bool each_key(struct keeping *k, const struct batch *batch)
{
    struct mp_reader *r = malloc(sizeof *r);
    if (r == NULL)
        return false;
    mp_reader_init(r, batch->keys);
    for (uint32_t i = 0; i < batch->key_count && mp_next(r); i++) {
        struct key_id id = {{0}};
        mp_array(r, 5, 6);
        mp_fixed(r, id.b, sizeof id.b);
        mp_skip_rest(r);
        if (!r->failed && !is_of_erased(k->log, mp_object(r)))
            keep_key(k, mp_object(r), &id);
    }
    free(r);
    return true;
}

/* What is new of the keys; their sum is a row of its own, as they are the site's and not one stream's. */
static bool put_keys(struct keeping *k, const struct batch *batch)
{
    struct aside_stream_row keys;
    load_head(k->log->write.txn, &k->aside->device, k->site, ASIDE_KEYS, &keys);
    const uint64_t before = keys.stream.bytes;
    k->sum = &keys;
    if (!each_key(k, batch))
        return false;
    if (keys.stream.bytes != before)
        store_head(k->log, &keys);
    return true;
}

static bool is_full(const struct log_aside *a, const struct sums *sums, uint64_t bytes, bool begins)
{
    const uint64_t most = a->device_bytes != 0 ? a->device_bytes : ASIDE_DEVICE_BYTES;
    return sums->device_bytes + bytes > most || sums->all_bytes + bytes > ASIDE_ALL_BYTES ||
           (begins && sums->streams >= ASIDE_STREAMS_MAX);
}

enum felloe_code log_run_keep_aside(struct event_log *log, struct log_job *job)
{
    const struct batch *batch = job->batch;
    struct log_aside *a = job->aside;
    uint32_t site = log_write_site(log, batch->site, &job->error);
    if (site == SITES_MAX)
        return job->error.code;
    a->full = false;
    a->count = 0;
    a->head = (struct stream_head){0};
    struct keeping k = {.log = log, .aside = a, .site = site};
    struct aside_stream_row row;
    struct sums sums;
    load_head(log->write.txn, &a->device, site, batch->entries[0].incarnation, &row);
    sum_up(log->write.txn, &a->device, &sums);
    const uint32_t held = count_held(log, site, batch);
    uint64_t bytes = 0;
    for (uint32_t i = held; i < batch->count; i++)
        if (is_new(log, site, &batch->entries[i])) {
            bytes += row_size(&batch->entries[i]);
            a->count++;
        }
    if (!each_key(&k, batch))
        return felloe_fail(&job->error, FELLOE_FAILED, "out of memory");
    if (is_full(a, &sums, bytes + k.bytes, row.stream.last_ms == 0)) {
        a->full = true;
        a->count = 0;
        return FELLOE_OK;
    }
    bool advanced = advance(log, site, batch, &row.stream);
    for (uint32_t i = held; i < batch->count; i++)
        if (is_new(log, site, &batch->entries[i]))
            put_event(log, site, &batch->entries[i], a->wall_ms);
    if (!put_keys(&k, batch))
        return felloe_fail(&job->error, FELLOE_FAILED, "out of memory");
    row.stream.events += a->count;
    row.stream.bytes += bytes;
    row.stream.first_ms = row.stream.events == a->count ? a->wall_ms : row.stream.first_ms;
    row.stream.last_ms = a->wall_ms;
    if (a->count > 0 || k.bytes > 0 || advanced)
        store_head(log, &row);
    if (advanced)
        a->head = (struct stream_head){.seq = row.stream.head_seq, .id = row.stream.head_id};
    return FELLOE_OK;
}

/* ---- taking away ---- */

/* Removes a row, if it is there, and counts it. */
static bool take_away(struct event_log *log, struct aside_stream_row *row, uint32_t site, uint64_t seq,
                      const struct event_id *id, struct event_id *prev)
{
    struct aside_row found;
    struct store_key key;
    struct event event;
    aside_key_event(&key, &row->stream.device, row->stream.incarnation, site, seq, id);
    struct store_item item = {.key = key_bytes(&key)};
    if (!store_get(log->write.txn, T_ASIDE, item.key, &item.value))
        return false;
    if (aside_row_read(item, &found) && event_decode(found.event, &event))
        *prev = event.clear.prev;
    else
        *prev = (struct event_id){{0}};
    const uint64_t bytes = item.value.len;
    row->stream.events -= row->stream.events > 0;
    row->stream.bytes -= row->stream.bytes < bytes ? row->stream.bytes : bytes;
    log->write.touched = true;
    return store_delete(log->write.txn, T_ASIDE, item.key);
}

/* What the log has by now, by whatever way. */
static void take_away_held(struct event_log *log, struct aside_stream_row *row, uint32_t site)
{
    const struct stream_head *head = log_write_stream(log, site, &row->stream.device, row->stream.incarnation);
    uint64_t seq = head->seq;
    struct event_id id = head->id, prev;
    while (seq > 0 && take_away(log, row, site, seq, &id, &prev)) {
        id = prev;
        seq--;
    }
}

static void drop_key_sums(struct event_log *log, const struct device_id *device)
{
    for (uint32_t site = 0; site < SITES_MAX; site++) {
        struct store_key key;
        aside_key_head(&key, device, site, ASIDE_KEYS);
        if (store_get(log->write.txn, T_ASIDE_HEADS, key_bytes(&key), NULL))
            (void)store_delete(log->write.txn, T_ASIDE_HEADS, key_bytes(&key));
    }
}

/* Once a device has no events here, its keys open nothing. */
static void drop_keys(struct event_log *log, const struct device_id *device)
{
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(log->write.txn, T_ASIDE);
    bool any = store_seek_prefix(cursor, bytes_of(device->b, sizeof device->b), &item);
    store_cursor_close(cursor);
    if (any)
        return;
    cursor = store_cursor_open(log->write.txn, T_ASIDE_KEYS);
    while (store_seek_prefix(cursor, bytes_of(device->b, sizeof device->b), &item))
        if (!store_cursor_delete(cursor))
            break;
    store_cursor_close(cursor);
    drop_key_sums(log, device);
}

/* ---- LOG_TAKE_ASIDE ---- */

/* Does the log hold what the event says it has seen? Else the hub was put back, and it waits until it is refilled. */
static bool has_seen_too_much(struct event_log *log, uint32_t site, const struct seen *seen)
{
    for (uint8_t i = 0; i < seen->count; i++)
        if (seen->at[i].n > log_write_head(log, site, seen->at[i].epoch)->head.at.n)
            return true;
    return false;
}

/* The stream's next event goes into the log; false: there is none that can. */
static bool take_next(struct event_log *log, struct log_job *job, struct aside_stream_row *row, uint32_t site,
                      struct buffer *copy, enum felloe_code *code)
{
    const struct device_id *device = &row->stream.device;
    const struct stream_head head = *log_write_stream(log, site, device, row->stream.incarnation);
    struct aside_row found;
    struct event event;
    struct event_id id, prev;
    struct store_key key;
    if (!aside_next(log->write.txn, device, row->stream.incarnation, site, head.seq, &head.id, &id))
        return false;
    aside_key_event(&key, device, row->stream.incarnation, site, head.seq + 1, &id);
    struct store_item item = {.key = key_bytes(&key)};
    if (!store_get(log->write.txn, T_ASIDE, item.key, &item.value) || !aside_row_read(item, &found))
        return false;
    buffer_clear(copy);
    buffer_append(copy, found.event.data, found.event.len); /* what is written moves the map */
    if (copy->failed) {
        *code = felloe_fail(&job->error, FELLOE_FAILED, "out of memory");
        return false;
    }
    struct entry entry = {.event = buffer_bytes(copy), .device = *device, .incarnation = row->stream.incarnation,
                          .seq = found.seq, .flags = found.flags & ENTRY_SIGNED, .signature = found.signature};
    event_id_of(entry.event, &entry.id);
    if (!event_id_equal(&entry.id, &id) || !event_decode(entry.event, &event) ||
        stream_check(&head, &event.clear, &entry.id) != STREAM_NEXT || has_seen_too_much(log, site, &event.clear.seen))
        return false;
    *code = log_push_entry(log, job, site, &entry);
    return *code == FELLOE_OK && take_away(log, row, site, found.seq, &id, &prev);
}

enum felloe_code log_run_take_aside(struct event_log *log, struct log_job *job)
{
    struct log_aside *a = job->aside;
    uint32_t site = log_write_site(log, job->site, &job->error);
    if (site == SITES_MAX || !log_write_epoch_fits(log, site, log->write.epoch, &job->error))
        return job->error.code;
    struct aside_stream_row row;
    struct buffer copy = {0};
    enum felloe_code code = FELLOE_OK;
    size_t bytes = 0;
    a->count = 0;
    job->at = (struct position){0};
    load_head(log->write.txn, &a->device, site, a->incarnation, &row);
    if (row.stream.events == 0)
        return FELLOE_OK;
    take_away_held(log, &row, site);
    while (a->count < TAKE_EVENTS_MAX && bytes < TAKE_BYTES_MAX &&
           take_next(log, job, &row, site, &copy, &code)) {
        bytes += copy.len;
        a->count++;
    }
    a->more = a->count >= TAKE_EVENTS_MAX || bytes >= TAKE_BYTES_MAX;
    buffer_release(&copy);
    if (code != FELLOE_OK)
        return code;
    row.stream.taken += a->count;
    row.stream.settled_ms = a->wall_ms;
    store_head(log, &row);
    drop_keys(log, &a->device);
    a->head = *log_write_stream(log, site, &a->device, a->incarnation);
    job->head = log_write_head(log, site, log->write.epoch)->head;
    return FELLOE_OK;
}

/* ---- LOG_DROP_ASIDE ---- */

static void note_dropped(struct event_log *log, const struct log_aside *a, struct bytes key, uint64_t bytes)
{
    struct aside_stream_row row;
    uint32_t incarnation = be_u32(key.data + 16), site = be_u16(key.data + 20);
    load_head(log->write.txn, &a->device, site, incarnation, &row);
    row.stream.events -= row.stream.events > 0;
    row.stream.dropped++;
    row.stream.settled_ms = a->wall_ms;
    row.stream.bytes -= row.stream.bytes < bytes ? row.stream.bytes : bytes;
    store_head(log, &row);
}

enum felloe_code log_run_drop_aside(struct event_log *log, struct log_job *job)
{
    struct log_aside *a = job->aside;
    struct bytes prefix = bytes_of(a->device.b, sizeof a->device.b);
    struct store_item item;
    a->count = 0;
    a->more = true;
    while (a->count < DROP_EVENTS_MAX && a->more) {
        struct store_cursor *cursor = store_cursor_open(log->write.txn, T_ASIDE);
        uint8_t key[ASIDE_EVENT_KEY] = {0};
        uint64_t bytes = 0;
        a->more = store_seek_prefix(cursor, prefix, &item) && item.key.len == sizeof key;
        if (a->more) {
            memcpy(key, item.key.data, sizeof key); /* what is removed moves the map */
            bytes = item.value.len;
        }
        a->more = a->more && store_cursor_delete(cursor);
        store_cursor_close(cursor);
        if (!a->more)
            break;
        note_dropped(log, a, bytes_of(key, sizeof key), bytes);
        a->count++;
    }
    if (!a->more)
        drop_keys(log, &a->device);
    log->write.touched = true;
    return FELLOE_OK;
}

/* ---- LOG_CLEAN_ASIDE ---- */

static void take_from_sum(struct event_log *log, struct store_item key)
{
    struct aside_stream_row sum;
    struct device_id device;
    memcpy(device.b, key.key.data, sizeof device.b);
    load_head(log->write.txn, &device, be_u16(key.key.data + sizeof device.b), ASIDE_KEYS, &sum);
    sum.stream.bytes -= sum.stream.bytes < key.value.len ? sum.stream.bytes : key.value.len;
    store_head(log, &sum);
}

enum felloe_code log_run_clean_aside(struct event_log *log, struct log_job *job)
{
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(log->write.txn, T_ASIDE_KEYS);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    job->left = 0;
    for (; more; more = store_next(cursor, &item)) {
        if (!is_of_erased(log, item.value) || item.key.len < ASIDE_HEAD_KEY)
            continue;
        take_from_sum(log, item);
        store_cursor_delete(cursor);
        log->write.touched = true;
        job->left++;
    }
    store_cursor_close(cursor);
    return FELLOE_OK;
}
