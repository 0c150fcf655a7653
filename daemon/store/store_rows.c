/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, values, cursors; see store.h. */
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>

#include "daemon/store/store_inside.h"

/* ---- tables ---- */

/* Is it there, as this transaction sees it? */
static bool has_table(const struct store_txn *txn, unsigned table)
{
    assert(table < txn->store->options.table_count);
    const unsigned turn = atomic_load_explicit(&txn->store->turns[table], memory_order_relaxed);
    return turn != 0 && turn <= txn->made;
}

static MDB_dbi table_of(const struct store_txn *txn, unsigned table)
{
    return txn->store->tables[table];
}

/* Nobody else sees it before the commit (see store_commit). */
static bool make_table(struct store_txn *txn, unsigned table)
{
    struct store *store = txn->store;
    assert(!txn->reads);
    if (!store_note(txn, mdb_dbi_open(txn->txn, store->options.tables[table], MDB_CREATE, &store->tables[table])))
        return false;
    txn->made = atomic_load(&store->made) + 1;
    atomic_store_explicit(&store->turns[table], txn->made, memory_order_relaxed);
    return true;
}

/* ---- values ---- */

static MDB_val val_of(struct bytes b)
{
    return (MDB_val){b.len, (void *)(uintptr_t)b.data}; /* LMDB only reads it, and does not say const */
}

static struct bytes bytes_of_val(MDB_val v)
{
    return (struct bytes){v.mv_data, v.mv_size};
}

bool store_get(struct store_txn *txn, unsigned table, struct bytes key, struct bytes *out)
{
    MDB_val k = val_of(key), v;
    if (txn->failed || !has_table(txn, table) || !store_note(txn, mdb_get(txn->txn, table_of(txn, table), &k, &v)))
        return false;
    if (out != NULL)
        *out = bytes_of_val(v);
    return true;
}

/* Nothing else may move what the cursor stands on. */
static void end_appending(struct store_txn *txn, unsigned table)
{
    if (txn->appended != table + 1)
        return;
    if (txn->end != NULL)
        mdb_cursor_close(txn->end);
    txn->end = NULL;
    txn->appended = 0;
}

static void end_appending_at(const struct store_cursor *cursor)
{
    struct store_txn *txn = cursor != NULL ? cursor->txn : NULL;
    if (txn != NULL)
        end_appending(txn, cursor->table);
}

/* A cursor that stays at the end need not look for it each time: a third of what it costs to append a row. */
static int append(struct store_txn *txn, unsigned table, MDB_val *k, MDB_val *v, unsigned flags)
{
    const MDB_dbi dbi = table_of(txn, table);
    if (txn->appended != table + 1) {
        if (txn->appended != 0)
            end_appending(txn, txn->appended - 1);
        txn->appended = table + 1;
        return mdb_put(txn->txn, dbi, k, v, flags);
    }
    const int rc = txn->end != NULL ? 0 : mdb_cursor_open(txn->txn, dbi, &txn->end);
    return rc != 0 ? rc : mdb_cursor_put(txn->end, k, v, flags);
}

/* MDB_APPEND says KEYEXIST, before it has touched anything, when the key is not the highest. */
static bool put(struct store_txn *txn, unsigned table, struct bytes key, MDB_val *v, unsigned flags)
{
    assert(key.len > 0 && key.len <= STORE_KEY_MAX);
    if (txn->failed || (!has_table(txn, table) && !make_table(txn, table)))
        return false;
    redo_settle(txn);
    MDB_val k = val_of(key);
    const size_t size = v->mv_size;
    int rc = MDB_KEYEXIST;
    if (flags & MDB_APPEND)
        rc = append(txn, table, &k, v, flags);
    if (rc == MDB_KEYEXIST) {
        v->mv_size = size;
        end_appending(txn, table);
        rc = mdb_put(txn->txn, table_of(txn, table), &k, v, flags & ~(unsigned)MDB_APPEND);
    }
    if (!store_note(txn, rc))
        return false;
    if (flags & MDB_RESERVE)
        redo_reserved(txn, table, key, v->mv_data, size);
    else
        redo_row(txn, REDO_PUT, table, key, bytes_of_val(*v));
    return true;
}

static uint8_t *reserve(struct store_txn *txn, unsigned table, struct bytes key, size_t len, unsigned flags)
{
    MDB_val v = {len, NULL};
    return put(txn, table, key, &v, flags | MDB_RESERVE) ? v.mv_data : NULL;
}

bool store_put(struct store_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
    MDB_val v = val_of(value);
    return put(txn, table, key, &v, 0);
}

bool store_put_last(struct store_txn *txn, unsigned table, struct bytes key, struct bytes value)
{
    MDB_val v = val_of(value);
    return put(txn, table, key, &v, MDB_APPEND);
}

uint8_t *store_reserve(struct store_txn *txn, unsigned table, struct bytes key, size_t len)
{
    return reserve(txn, table, key, len, 0);
}

uint8_t *store_reserve_last(struct store_txn *txn, unsigned table, struct bytes key, size_t len)
{
    return reserve(txn, table, key, len, MDB_APPEND);
}

bool store_delete(struct store_txn *txn, unsigned table, struct bytes key)
{
    MDB_val k = val_of(key);
    end_appending(txn, table);
    redo_settle(txn);
    if (txn->failed || !has_table(txn, table) || !store_note(txn, mdb_del(txn->txn, table_of(txn, table), &k, NULL)))
        return false;
    redo_row(txn, REDO_DELETE, table, key, (struct bytes){0});
    return true;
}

uint64_t store_count(struct store_txn *txn, unsigned table)
{
    MDB_stat stat;
    return !txn->failed && has_table(txn, table) && store_note(txn, mdb_stat(txn->txn, table_of(txn, table), &stat))
               ? stat.ms_entries
               : 0;
}

/* ---- cursors ---- */

/* Can it be used? `make`: also by making its table. */
static bool is_ready(struct store_cursor *cursor, bool make)
{
    struct store_txn *txn = cursor != NULL ? cursor->txn : NULL;
    if (txn == NULL || txn->failed)
        return false;
    if (cursor->cursor != NULL)
        return true;
    return (has_table(txn, cursor->table) || (make && make_table(txn, cursor->table))) &&
           store_note(txn, mdb_cursor_open(txn->txn, table_of(txn, cursor->table), &cursor->cursor));
}

struct store_cursor *store_cursor_open(struct store_txn *txn, unsigned table)
{
    if (txn->failed || (txn->reads && !has_table(txn, table)))
        return NULL;
    struct store_cursor *cursor = calloc(1, sizeof *cursor);
    if (cursor == NULL) {
        store_note(txn, ENOMEM);
        return NULL;
    }
    cursor->txn = txn;
    cursor->table = table;
    if (!is_ready(cursor, false) && txn->failed) {
        free(cursor);
        return NULL;
    }
    return cursor;
}

void store_cursor_close(struct store_cursor *cursor)
{
    if (cursor == NULL)
        return;
    if (cursor->cursor != NULL)
        mdb_cursor_close(cursor->cursor);
    free(cursor);
}

static bool move(struct store_cursor *cursor, struct bytes key, MDB_cursor_op op, struct store_item *out)
{
    if (!is_ready(cursor, false))
        return false;
    MDB_val k = val_of(key), v = {0, NULL};
    if (!store_note(cursor->txn, mdb_cursor_get(cursor->cursor, &k, &v, op)))
        return false;
    out->key = bytes_of_val(k);
    out->value = bytes_of_val(v);
    return true;
}

bool store_seek(struct store_cursor *cursor, struct bytes key, struct store_item *out)
{
    return move(cursor, key, key.len == 0 ? MDB_FIRST : MDB_SET_RANGE, out);
}

bool store_seek_below(struct store_cursor *cursor, struct bytes key, struct store_item *out)
{
    if (key.len != 0 && store_seek(cursor, key, out))
        return move(cursor, key, MDB_PREV, out);
    return move(cursor, key, MDB_LAST, out);
}

bool store_next(struct store_cursor *cursor, struct store_item *out)
{
    return move(cursor, (struct bytes){0}, MDB_NEXT, out);
}

static int put_at(struct store_cursor *cursor, struct bytes key, MDB_val *v, unsigned flags)
{
    MDB_val k = val_of(key);
    const MDB_val value = *v;
    assert(key.len > 0 && key.len <= STORE_KEY_MAX);
    redo_settle(cursor->txn);
    const int rc = mdb_cursor_put(cursor->cursor, &k, v, flags);
    if (rc == 0)
        redo_row(cursor->txn, REDO_PUT, cursor->table, key, bytes_of_val(value));
    return rc;
}

bool store_cursor_put(struct store_cursor *cursor, struct bytes key, struct bytes value)
{
    MDB_val v = val_of(value);
    end_appending_at(cursor);
    return is_ready(cursor, true) && store_note(cursor->txn, put_at(cursor, key, &v, 0));
}

bool store_cursor_put_new(struct store_cursor *cursor, struct bytes key, struct bytes value, struct bytes *existing)
{
    MDB_val v = val_of(value);
    *existing = (struct bytes){0};
    end_appending_at(cursor);
    if (!is_ready(cursor, true))
        return false;
    int rc = put_at(cursor, key, &v, MDB_NOOVERWRITE);
    if (rc == MDB_KEYEXIST) {
        *existing = bytes_of_val(v);
        return false;
    }
    return store_note(cursor->txn, rc);
}

bool store_cursor_delete(struct store_cursor *cursor)
{
    MDB_val k, v;
    end_appending_at(cursor);
    if (!is_ready(cursor, false))
        return false;
    struct store_txn *txn = cursor->txn;
    redo_settle(txn);
    if (!store_note(txn, mdb_cursor_get(cursor->cursor, &k, &v, MDB_GET_CURRENT)))
        return false;
    uint8_t key[STORE_KEY_MAX];
    const size_t len = k.mv_size;
    assert(len <= sizeof key);
    memcpy(key, k.mv_data, len);
    if (!store_note(txn, mdb_cursor_del(cursor->cursor, 0)))
        return false;
    redo_row(txn, REDO_DELETE, cursor->table, bytes_of(key, len), (struct bytes){0});
    return true;
}
