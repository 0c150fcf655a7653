/* SPDX-License-Identifier: Apache-2.0 */
/* Origins of imported events; see log_origins.h. */
#include "daemon/log/log_origins.h"

#include <stdlib.h>

#include "daemon/log/log_internal.h"
#include "proto/endian.h"

#define MERGE 8192u         /* so many are put in their places together */
#define KEPT  (2 * MERGE)   /* one transaction may bring some beyond that; what is still more goes to its place */
#define SLOTS (2 * KEPT)    /* a power of two */
#define ENTRY (sizeof(struct origin_id) + ORIGIN_ROW)

/* Entries one behind the other, as in the rows of the table; and where each is, by its origin: a number from 1. Others
 * read what is below `published`, which never changes, while the writer adds behind it. */
struct origins_kept {
    unsigned held; /* under the mutex; the log's own hold is one */
    uint32_t count;
    atomic_uint published;
    atomic_uint slots[SLOTS];
    uint8_t entries[KEPT][ENTRY];
};

/* Behind all origins: these have no more bytes than the first part. */
static void row_key(struct store_key *key, uint64_t number)
{
    static const uint8_t last[sizeof(struct origin_id)] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                           0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    key_start(key);
    key_put(key, last, sizeof last);
    key_put_u64(key, number);
}

/* ---- in memory ---- */

static struct origins_kept *kept_new(void)
{
    struct origins_kept *kept = calloc(1, sizeof *kept);
    if (kept != NULL)
        kept->held = 1;
    return kept;
}

static size_t first_slot(const uint8_t *origin)
{
    return (size_t)be_u64(origin) & (SLOTS - 1); /* they are hashes */
}

static bool put(struct origins_kept *kept, const uint8_t *entry)
{
    if (kept->count == KEPT)
        return false;
    size_t at = first_slot(entry);
    while (atomic_load_explicit(&kept->slots[at], memory_order_relaxed) != 0)
        at = (at + 1) & (SLOTS - 1);
    memcpy(kept->entries[kept->count++], entry, ENTRY);
    atomic_store_explicit(&kept->slots[at], kept->count, memory_order_release);
    return true;
}

/* The last one added: nothing that is left was put where it is because this one was there. */
static void take_back(struct origins_kept *kept)
{
    size_t at = first_slot(kept->entries[kept->count - 1]);
    while (atomic_load_explicit(&kept->slots[at], memory_order_relaxed) != kept->count)
        at = (at + 1) & (SLOTS - 1);
    atomic_store_explicit(&kept->slots[at], 0, memory_order_release);
    kept->count--;
}

/* Of the first `count`. Of several of one origin the last. */
static const uint8_t *find(const struct origins_kept *kept, const struct origin_id *origin, uint32_t count)
{
    uint32_t found = 0;
    if (kept == NULL)
        return NULL;
    for (size_t at = first_slot(origin->b);; at = (at + 1) & (SLOTS - 1)) {
        const uint32_t number = atomic_load_explicit(&kept->slots[at], memory_order_acquire);
        if (number == 0)
            break;
        if (number <= count && number > found && memcmp(kept->entries[number - 1], origin, sizeof *origin) == 0)
            found = number;
    }
    return found > 0 ? kept->entries[found - 1] + sizeof *origin : NULL;
}

void log_origins_init(struct log_origins *origins)
{
    *origins = (struct log_origins){.next = 1};
    pthread_mutex_init(&origins->mutex, NULL);
}

struct origins_kept *log_origins_hold(struct log_origins *origins)
{
    pthread_mutex_lock(&origins->mutex);
    struct origins_kept *kept = origins->kept;
    if (kept != NULL)
        kept->held++;
    pthread_mutex_unlock(&origins->mutex);
    return kept;
}

void log_origins_drop(struct log_origins *origins, struct origins_kept *kept)
{
    if (kept == NULL)
        return;
    pthread_mutex_lock(&origins->mutex);
    const bool last = --kept->held == 0;
    pthread_mutex_unlock(&origins->mutex);
    if (last)
        free(kept);
}

static void replace(struct log_origins *origins, struct origins_kept *kept)
{
    pthread_mutex_lock(&origins->mutex);
    struct origins_kept *before = origins->kept;
    origins->kept = kept;
    pthread_mutex_unlock(&origins->mutex);
    log_origins_drop(origins, before);
}

void log_origins_release(struct log_origins *origins)
{
    replace(origins, NULL);
    pthread_mutex_destroy(&origins->mutex);
}

/* ---- looking one up ---- */

static bool find_row(const struct origins_kept *kept, uint32_t count, struct store_txn *txn,
                     const struct origin_id *origin, const uint8_t **out)
{
    struct bytes row;
    *out = find(kept, origin, count);
    if (*out != NULL)
        return true;
    if (!store_get(txn, T_ORIGINS, bytes_of(origin->b, sizeof origin->b), &row) || row.len != ORIGIN_ROW)
        return false;
    *out = row.data;
    return true;
}

bool log_origins_find(const struct origins_kept *kept, struct store_txn *txn, const struct origin_id *origin,
                      const uint8_t **out)
{
    const uint32_t count = kept != NULL ? atomic_load_explicit(&kept->published, memory_order_acquire) : 0;
    return find_row(kept, count, txn, origin, out);
}

bool log_origins_find_own(const struct log_origins *origins, struct store_txn *txn, const struct origin_id *origin,
                          const uint8_t **out)
{
    const struct origins_kept *kept = origins->merged ? NULL : origins->kept;
    return find_row(kept, kept != NULL ? kept->count : 0, txn, origin, out);
}

/* ---- the writer ---- */

static void put_in_place(struct store_txn *txn, const uint8_t *entry)
{
    store_put(txn, T_ORIGINS, bytes_of(entry, sizeof(struct origin_id)),
              bytes_of(entry + sizeof(struct origin_id), ORIGIN_ROW));
}

static bool load_row(struct log_origins *origins, struct bytes row)
{
    bool fine = row.len % ENTRY == 0;
    if (origins->kept == NULL)
        origins->kept = kept_new();
    for (size_t at = 0; fine && at < row.len; at += ENTRY)
        fine = origins->kept != NULL && put(origins->kept, row.data + at);
    return fine;
}

bool log_origins_load(struct log_origins *origins, struct store_txn *txn)
{
    bool fine = true;
    struct store_key key;
    struct store_item item;
    row_key(&key, 0);
    struct store_cursor *cursor = store_cursor_open(txn, T_ORIGINS);
    bool more = store_seek(cursor, key_bytes(&key), &item);
    for (; more && fine; more = store_next(cursor, &item)) {
        fine = item.key.len == key_bytes(&key).len && load_row(origins, item.value);
        if (fine)
            origins->next = be_u64(item.key.data + sizeof(struct origin_id)) + 1;
    }
    store_cursor_close(cursor);
    if (origins->kept != NULL)
        atomic_store(&origins->kept->published, origins->kept->count);
    return fine;
}

void log_origins_start(struct log_origins *origins)
{
    struct origins_kept *kept = origins->kept;
    origins->merged = false;
    while (kept != NULL && kept->count > atomic_load_explicit(&kept->published, memory_order_relaxed))
        take_back(kept);
}

static int by_origin(const void *a, const void *b)
{
    const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;
    const int order = memcmp(x, y, sizeof(struct origin_id));
    return order != 0 ? order : (x > y) - (x < y);
}

static void delete_rows(struct store_txn *txn)
{
    struct store_key key;
    struct store_item item;
    row_key(&key, 0);
    struct store_cursor *cursor = store_cursor_open(txn, T_ORIGINS);
    bool more = store_seek(cursor, key_bytes(&key), &item);
    while (more && store_cursor_delete(cursor))
        more = store_seek(cursor, key_bytes(&key), &item);
    store_cursor_close(cursor);
}

/* Each is put where the one before it was, or near it. */
static void put_in_order(struct store_txn *txn, const uint8_t **order, uint32_t count)
{
    struct store_cursor *cursor = store_cursor_open(txn, T_ORIGINS);
    qsort(order, count, sizeof *order, by_origin);
    for (uint32_t i = 0; i < count; i++)
        store_cursor_put(cursor, bytes_of(order[i], sizeof(struct origin_id)),
                         bytes_of(order[i] + sizeof(struct origin_id), ORIGIN_ROW));
    store_cursor_close(cursor);
}

void log_origins_merge(struct log_origins *origins, struct store_txn *txn)
{
    const struct origins_kept *kept = origins->kept;
    const uint8_t **order = malloc(kept->count * sizeof *order);
    store_expect(txn, kept->count * ENTRY);
    for (uint32_t i = 0; i < kept->count; i++)
        if (order != NULL)
            order[i] = kept->entries[i];
        else
            put_in_place(txn, kept->entries[i]);
    if (order != NULL)
        put_in_order(txn, order, kept->count);
    free(order);
    delete_rows(txn);
    origins->merged = true;
}

void log_origins_add(struct log_origins *origins, struct store_txn *txn, const struct origin_id *origin,
                     const uint8_t *row)
{
    uint8_t entry[ENTRY];
    memcpy(entry, origin, sizeof *origin);
    memcpy(entry + sizeof *origin, row, ORIGIN_ROW);
    if (origins->kept == NULL)
        replace(origins, kept_new());
    if (!origins->merged && origins->kept != NULL && put(origins->kept, entry))
        return;
    if (!origins->merged && origins->kept != NULL) /* it is full: what it has comes first */
        log_origins_merge(origins, txn);
    put_in_place(txn, entry);
}

bool log_origins_waiting(const struct log_origins *origins)
{
    return origins->kept != NULL;
}

void log_origins_flush(struct log_origins *origins, struct store_txn *txn)
{
    const struct origins_kept *kept = origins->kept;
    struct store_key key;
    if (kept == NULL || origins->merged)
        return;
    const uint32_t from = atomic_load_explicit(&kept->published, memory_order_relaxed);
    if (kept->count == from)
        return;
    if (kept->count >= MERGE) {
        log_origins_merge(origins, txn);
        return;
    }
    row_key(&key, origins->next);
    store_put(txn, T_ORIGINS, key_bytes(&key), bytes_of(kept->entries[from], (kept->count - from) * ENTRY));
}

void log_origins_committed(struct log_origins *origins)
{
    struct origins_kept *kept = origins->kept;
    if (kept == NULL)
        return;
    if (origins->merged) {
        replace(origins, NULL);
    } else if (kept->count > atomic_load_explicit(&kept->published, memory_order_relaxed)) {
        atomic_store_explicit(&kept->published, kept->count, memory_order_release);
        origins->next++;
    }
    origins->merged = false;
}
