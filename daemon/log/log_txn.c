/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's tools: heads that are read once a transaction, changed in memory, and written before its commit; and
 * what every kind of job appends. All of it is forgotten with the transaction, so an abort needs no undoing. */
#include "daemon/log/log_internal.h"
#include "proto/event/look.h"

/* A transaction is of one or two sites, and there is room for all: 50 KB that need not be cleared each time. */
static void forget_sites(struct event_log *log)
{
    struct log_write *w = &log->write;
    for (uint32_t site = 0; w->met >> site != 0; site++) {
        w->heads[site].loaded = w->heads[site].dirty = false;
        w->own[site].loaded = w->own[site].dirty = w->own[site].has_after = w->own[site].has_placed = false;
    }
    for (uint32_t site = 0; w->telling >> site != 0; site++)
        w->told[site] = log->told[site];
    w->met = w->telling = 0;
}

void log_write_start(struct event_log *log, struct store_txn *txn)
{
    struct log_write *w = &log->write;
    w->txn = txn;
    w->site_count = atomic_load(&log->site_count);
    w->epoch = atomic_load(&log->epoch);
    w->incarnation = atomic_load(&log->incarnation);
    w->going_on = atomic_load(&log->going_on);
    w->touched = w->damaged = false;
    w->stream_count = w->stream_last = 0;
    log_origins_start(&log->origins);
    forget_sites(log);
}

void log_write_undo(struct event_log *log)
{
    log_met_unused(&log->write.met_keys);
}

/* ---- sites ---- */

static uint32_t find_site(const struct event_log *log, struct bytes site, uint32_t count)
{
    if (site_is_audit(site))
        return LOG_AUDIT;
    for (uint32_t i = 0; i < count; i++)
        if (bytes_is(site, log->sites[i]))
            return i;
    return SITES_MAX;
}

uint32_t log_site_number(const struct event_log *log, struct bytes site)
{
    return find_site(log, site, atomic_load_explicit(&log->site_count, memory_order_acquire));
}

uint32_t log_write_site(struct event_log *log, const char *site, struct felloe_error *error)
{
    uint32_t number = find_site(log, bytes_str(site), log->write.site_count);
    if (number == SITES_MAX)
        felloe_fail(error, FELLOE_NOT_FOUND, "this device is not in a site named %s", site);
    return number;
}

/* ---- the heads of site logs ---- */

/* A head and what it is the head of have to end together. Where a damaged head were believed, or taken for none, the
 * next entry would be put in the place of one that is there. */
static bool ends_at(struct log_write *w, unsigned table, struct position last)
{
    struct store_key at, after;
    key_place(&at, last);
    key_place(&after, (struct position){last.epoch, last.n + 1});
    bool fits = last.n < UINT64_MAX && (last.n == 0 || store_get(w->txn, table, key_bytes(&at), NULL)) &&
                !store_get(w->txn, table, key_bytes(&after), NULL);
    return fits || store_failed(w->txn, NULL) != STORE_DONE;
}

static void write_head(struct log_write *w, uint32_t site)
{
    struct cached_head *cached = &w->heads[site];
    if (!cached->dirty)
        return;
    struct store_key key;
    uint8_t row[HEAD_ROW_MAX];
    key_site_epoch(&key, site, cached->row.head.at.epoch);
    size_t len = head_row_write(&cached->row, row);
    store_put(w->txn, T_HEADS, key_bytes(&key), bytes_of(row, len));
    cached->dirty = false;
}

struct head_row *log_write_head(struct event_log *log, uint32_t site, uint32_t epoch)
{
    struct log_write *w = &log->write;
    struct cached_head *cached = &w->heads[site];
    if (cached->loaded && cached->row.head.at.epoch == epoch)
        return &cached->row;
    write_head(w, site);
    struct store_key key;
    struct bytes row;
    key_site_epoch(&key, site, epoch);
    bool there = store_get(w->txn, T_HEADS, key_bytes(&key), &row);
    if (!there || !head_row_read(row, epoch, &cached->row)) {
        w->damaged |= there;
        cached->row = (struct head_row){0};
        log_head_start(&cached->row.head, bytes_str(log->sites[site]), epoch);
    }
    w->damaged |= !ends_at(w, T_LOG + site, cached->row.head.at);
    cached->loaded = true;
    w->met |= UINT64_C(1) << site;
    return &cached->row;
}

struct head_row *log_write_head_change(struct event_log *log, uint32_t site, uint32_t epoch)
{
    struct head_row *row = log_write_head(log, site, epoch);
    log->write.heads[site].dirty = log->write.touched = true;
    return row;
}

/* A laptop's cursors, and what an event has seen, name SEEN_MAX epochs at most. At a hub one is kept free for the
 * present epoch. */
bool log_write_epoch_fits(struct event_log *log, uint32_t site, uint32_t epoch, struct felloe_error *error)
{
    const struct log_write *w = &log->write;
    if (log_write_head(log, site, epoch)->head.at.n > 0)
        return true;
    struct store_key prefix;
    key_start(&prefix);
    key_put_u16(&prefix, (uint16_t)site);
    bool present = log->identity->role == ROLE_SPOKE || epoch == w->epoch;
    unsigned count = 1;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(w->txn, T_HEADS);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more; more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        uint32_t other = item.key.len == 6 ? be_u32(item.key.data + 2) : epoch;
        struct head_row row;
        if (other == epoch || !head_row_read(item.value, other, &row) || row.head.at.n == 0)
            continue;
        count++;
        present |= other == w->epoch;
    }
    store_cursor_close(cursor);
    if (count + !present <= SEEN_MAX)
        return true;
    felloe_fail(error, FELLOE_INVALID,
                "the log of %s has %u epochs already, and cannot have another: its hub was put back too often",
                log->sites[site], SEEN_MAX);
    return false;
}

/* ---- the own stream ---- */

struct stream_head *log_write_own(struct event_log *log, uint32_t site)
{
    struct log_write *w = &log->write;
    struct cached_own *cached = &w->own[site];
    if (!cached->loaded) {
        const uint32_t incarnation = w->incarnation;
        struct store_key key;
        struct bytes row;
        key_site_incarnation(&key, site, incarnation);
        bool there = store_get(w->txn, T_OWN_HEADS, key_bytes(&key), &row);
        if (!there || !stream_row_read(row, &cached->head)) {
            w->damaged |= there;
            cached->head = (struct stream_head){0};
        }
        w->damaged |= !ends_at(w, T_OWN + site, (struct position){incarnation, cached->head.seq});
        cached->loaded = true;
        w->met |= UINT64_C(1) << site;
    }
    return &cached->head;
}

struct stream_head *log_write_own_change(struct event_log *log, uint32_t site)
{
    struct log_write *w = &log->write;
    struct stream_head *head = log_write_own(log, site);
    struct cached_own *cached = &w->own[site];
    if (!cached->dirty) /* as it was kept: what is written next says that it has seen as much */
        w->damaged |= !log_own_seen_fits(w->txn, site, w->incarnation, head);
    cached->dirty = w->touched = true;
    return head;
}

static void write_own(struct log_write *w, uint32_t site)
{
    struct cached_own *own = &w->own[site];
    if (!own->dirty)
        return;
    struct store_key key;
    uint8_t row[STREAM_ROW_MAX];
    key_site_incarnation(&key, site, w->incarnation);
    size_t len = stream_row_write(&own->head, row);
    store_put(w->txn, T_OWN_HEADS, key_bytes(&key), bytes_of(row, len));
    own->dirty = false;
}

const struct branches *log_write_after(struct event_log *log, uint32_t site)
{
    struct cached_own *cached = &log->write.own[site];
    if (!cached->has_after) {
        struct store_key key;
        struct bytes row;
        key_site_incarnation(&key, site, log->write.incarnation);
        cached->after = (struct branches){0};
        if (store_get(log->write.txn, T_AFTER, key_bytes(&key), &row))
            log->write.damaged |= !after_row_read(row, &cached->after);
        cached->has_after = true;
        log->write.met |= UINT64_C(1) << site;
    }
    return &cached->after;
}

void log_write_become(struct event_log *log, uint32_t incarnation)
{
    struct log_write *w = &log->write;
    for (uint32_t site = 0; site < SITES_MAX; site++)
        write_own(w, site);
    memset(w->own, 0, sizeof w->own);
    w->incarnation = incarnation;
    w->going_on = 0;
    w->touched = true;
    log_put_meta_u32(w->txn, "incarnation", incarnation);
    log_put_meta_u32(w->txn, "going-on", 0);
}

/* ---- streams as the site's log has them ---- */

static void write_stream(struct log_write *w, struct cached_stream *cached)
{
    if (!cached->dirty)
        return;
    struct store_key key;
    uint8_t row[STREAM_ROW_MAX];
    key_stream(&key, cached->site, &cached->device, cached->incarnation);
    size_t len = stream_row_write(&cached->head, row);
    store_put(w->txn, T_STREAMS, key_bytes(&key), bytes_of(row, len));
    cached->dirty = false;
}

static struct cached_stream *cached_stream(struct log_write *w, uint32_t site, const struct device_id *device,
                                           uint32_t incarnation)
{
    for (unsigned i = 0; i < w->stream_count; i++) {
        unsigned at = (w->stream_last + i) % w->stream_count; /* runs of one stream are common */
        struct cached_stream *s = &w->streams[at];
        if (s->site == site && s->incarnation == incarnation && device_id_equal(&s->device, device)) {
            w->stream_last = at;
            return s;
        }
    }
    if (w->stream_count < STREAM_CACHE) {
        w->stream_last = w->stream_count++;
    } else {
        w->stream_last = (w->stream_last + 1) % STREAM_CACHE;
        write_stream(w, &w->streams[w->stream_last]);
    }
    struct cached_stream *cached = &w->streams[w->stream_last];
    *cached = (struct cached_stream){.site = site, .device = *device, .incarnation = incarnation};
    struct store_key key;
    struct bytes row;
    key_stream(&key, site, device, incarnation);
    bool there = store_get(w->txn, T_STREAMS, key_bytes(&key), &row);
    if (!there || !stream_row_read(row, &cached->head)) {
        w->damaged |= there;
        cached->head = (struct stream_head){0};
    }
    return cached;
}

struct stream_head *log_write_stream(struct event_log *log, uint32_t site, const struct device_id *device,
                                     uint32_t incarnation)
{
    return &cached_stream(&log->write, site, device, incarnation)->head;
}

struct stream_head *log_write_stream_change(struct event_log *log, uint32_t site, const struct device_id *device,
                                            uint32_t incarnation)
{
    struct cached_stream *cached = cached_stream(&log->write, site, device, incarnation);
    cached->dirty = log->write.touched = true;
    return &cached->head;
}

void log_write_flush(struct event_log *log)
{
    struct log_write *w = &log->write;
    for (uint32_t site = 0; w->met >> site != 0; site++) {
        write_head(w, site);
        write_own(w, site);
    }
    for (unsigned i = 0; i < w->stream_count; i++)
        write_stream(w, &w->streams[i]);
    log_origins_flush(&log->origins, w->txn);
}

/* ---- appending ---- */

void log_write_entry(struct event_log *log, uint32_t site, struct head_row *head, const struct log_put *put)
{
    struct store_txn *txn = log->write.txn;
    log->write.touched = true;
    if (!put->hashed)
        log_head_advance(&head->head, &put->id);
    else if (++head->head.at.n % CHECKPOINT_EVERY == 0)
        head->head.hash = *put->hash;
    head->has_signature = false;
    struct store_key key;
    key_place(&key, head->head.at);
    size_t len = 1u + (put->flags & ENTRY_SIGNED ? 64u : 0u) + (put->flags & ENTRY_OWN ? 12u : put->event.len);
    uint8_t *row = store_reserve_last(txn, T_LOG + site, key_bytes(&key), len);
    if (row == NULL)
        return;
    *row++ = (uint8_t)put->flags;
    if (put->flags & ENTRY_SIGNED) {
        memcpy(row, put->signature->b, 64);
        row += 64;
    }
    if (put->flags & ENTRY_OWN) {
        be_put_u32(row, put->incarnation);
        be_put_u64(row + 4, put->seq);
    } else {
        memcpy(row, put->event.data, put->event.len);
    }
    if (head->head.at.n % CHECKPOINT_EVERY == 0) {
        key_checkpoint(&key, site, head->head.at);
        store_put(txn, T_CHECKPOINTS, key_bytes(&key), bytes_of(head->head.hash.b, sizeof head->head.hash.b));
    }
}

/* Of the audit's keys nothing is remembered: where its bit would be is MET_HELD. */
static uint32_t used_flag(uint32_t site)
{
    return site == LOG_AUDIT ? 0 : UINT32_C(1) << site;
}

bool log_write_first_use(struct event_log *log, uint32_t site, const struct key_id *id, struct position at,
                         uint32_t *met)
{
    struct store_key key;
    if (*met & used_flag(site))
        return false;
    *met |= used_flag(site);
    key_use(&key, site, id);
    if (store_get(log->write.txn, T_KEY_USES, key_bytes(&key), NULL))
        return false;
    uint8_t row[12];
    be_put_u32(row, at.epoch);
    be_put_u64(row + 4, at.n);
    log->write.touched = true;
    return store_put(log->write.txn, T_KEY_USES, key_bytes(&key), bytes_of(row, sizeof row));
}

void log_write_unuse(struct event_log *log, uint32_t site, const struct key_id *id)
{
    struct store_key key;
    key_use(&key, site, id);
    store_delete(log->write.txn, T_KEY_USES, key_bytes(&key));
    *log_meet(&log->write.met_keys, id) &= ~used_flag(site);
}

/* ---- reading the own stream, also outside the writer ---- */

bool log_own_event(struct store_txn *txn, uint32_t site, uint32_t incarnation, uint64_t seq, struct bytes *event)
{
    struct store_key key;
    struct bytes row;
    key_own(&key, incarnation, seq);
    if (!store_get(txn, T_OWN + site, key_bytes(&key), &row) || row.len <= OWN_PREFIX)
        return false;
    *event = bytes_of(row.data + OWN_PREFIX, row.len - OWN_PREFIX);
    return true;
}

bool log_is_own(struct store_txn *txn, uint32_t site, const struct entry *entry, struct bytes *event)
{
    struct event_id id;
    struct bytes mine;
    if (!log_own_event(txn, site, entry->incarnation, entry->seq, &mine))
        return false;
    event_id_of(mine, &id);
    if (!event_id_equal(&id, &entry->id))
        return false;
    *event = mine;
    return true;
}

uint64_t log_shared_seq(struct store_txn *txn, uint32_t site, uint32_t incarnation)
{
    struct store_key key;
    struct bytes row;
    struct receipt_row receipt;
    key_site_incarnation(&key, site, incarnation);
    return store_get(txn, T_RECEIPTS, key_bytes(&key), &row) && receipt_row_read(row, &receipt) ? receipt.seq : 0;
}

int64_t log_oldest_waiting(struct event_log *log, struct store_txn *txn, uint32_t site, uint32_t incarnation,
                           uint64_t shared, uint64_t head)
{
    struct store_key key;
    struct bytes row;
    if (log->identity->role == ROLE_HUB || shared >= head)
        return 0;
    key_own(&key, incarnation, shared + 1);
    if (!store_get(txn, T_OWN + site, key_bytes(&key), &row) || row.len <= OWN_PREFIX)
        return 0;
    return (int64_t)(be_u64(row.data) >> 16);
}
