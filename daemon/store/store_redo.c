/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction does to its rows, as the journal keeps it, and doing it again.
 *
 * Each: kind (1), table (1), length of the key (2) and of the value (4), key, value; in the machine's byte order. */
#include <errno.h>
#include <lmdb.h>

#include "daemon/store/store_inside.h"

/* More rows at once are quicker through LMDB's own sync: they need not be written twice. */
#define ROWS_MAX ((size_t)256 << 10)

struct redo_head {
    uint8_t kind, table;
    uint16_t key_len;
    uint32_t value_len;
};
_Static_assert(sizeof(struct redo_head) == 8, "no gaps");
_Static_assert(STORE_TABLES_MAX <= UINT8_MAX && STORE_KEY_MAX <= UINT16_MAX, "they fit");

void redo_start(struct store_txn *txn)
{
    struct redo *redo = &txn->store->redo;
    buffer_clear(&redo->rows);
    redo->reserved = NULL;
    txn->redoable = txn->store->journal.fd >= 0 && buffer_reserve(&redo->rows, JOURNAL_HEAD_SIZE);
    if (txn->redoable)
        redo->rows.len = JOURNAL_HEAD_SIZE;
}

void store_expect(struct store_txn *txn, size_t bytes)
{
    txn->redoable = txn->redoable && bytes <= ROWS_MAX;
}

void redo_settle(struct store_txn *txn)
{
    struct redo *redo = &txn->store->redo;
    if (txn->redoable && redo->reserved != NULL)
        memcpy(redo->rows.data + redo->reserved_at, redo->reserved, redo->reserved_len);
    redo->reserved = NULL;
}

/* The row's head and key; false: there are too many. */
static bool begin_row(struct store_txn *txn, enum redo_kind kind, unsigned table, struct bytes key, size_t value_len)
{
    struct buffer *rows = &txn->store->redo.rows;
    if (!txn->redoable)
        return false;
    const struct redo_head head = {(uint8_t)kind, (uint8_t)table, (uint16_t)key.len, (uint32_t)value_len};
    const size_t size = sizeof head + key.len + value_len;
    txn->redoable = value_len <= ROWS_MAX && rows->len + size <= ROWS_MAX && buffer_reserve(rows, size);
    if (!txn->redoable)
        return false;
    buffer_append(rows, &head, sizeof head);
    buffer_append(rows, key.data, key.len);
    return true;
}

void redo_row(struct store_txn *txn, enum redo_kind kind, unsigned table, struct bytes key, struct bytes value)
{
    if (begin_row(txn, kind, table, key, value.len))
        buffer_append(&txn->store->redo.rows, value.data, value.len);
}

void redo_reserved(struct store_txn *txn, unsigned table, struct bytes key, const uint8_t *value, size_t len)
{
    struct redo *redo = &txn->store->redo;
    if (!begin_row(txn, REDO_PUT, table, key, len))
        return;
    redo->reserved = value;
    redo->reserved_at = redo->rows.len;
    redo->reserved_len = len;
    redo->rows.len += len;
}

/* ---- doing it again ---- */

static bool do_again(struct store_txn *txn, struct bytes *rows)
{
    struct redo_head head;
    if (rows->len < sizeof head)
        return false;
    memcpy(&head, rows->data, sizeof head);
    const size_t size = sizeof head + head.key_len + (size_t)head.value_len;
    if (rows->len < size || head.table >= txn->store->options.table_count || head.key_len > STORE_KEY_MAX ||
        head.key_len == 0)
        return false;
    const struct bytes key = bytes_of(rows->data + sizeof head, head.key_len);
    const struct bytes value = bytes_of(key.data + key.len, head.value_len);
    *rows = bytes_of(rows->data + size, rows->len - size);
    switch ((enum redo_kind)head.kind) {
    case REDO_PUT: return store_put(txn, head.table, key, value);
    case REDO_DELETE: return store_delete(txn, head.table, key);
    }
    return false;
}

static void do_record_again(struct store_txn *txn, struct bytes rows)
{
    while (rows.len > 0 && txn->failed == 0)
        if (!do_again(txn, &rows))
            store_note(txn, MDB_CORRUPTED);
}

void redo_last(struct store_txn *txn)
{
    const struct buffer *rows = &txn->store->redo.rows;
    do_record_again(txn, bytes_of(rows->data + JOURNAL_HEAD_SIZE, rows->len - JOURNAL_HEAD_SIZE));
}

/* All of them in one transaction, which LMDB syncs. */
enum felloe_code store_redo(struct store *store, struct felloe_error *error)
{
    struct store_txn *txn;
    struct buffer record = {0};
    struct journal_place place = {0};
    const struct journal journal = store->journal;
    if (journal_count(&journal) == 0)
        return FELLOE_OK;
    store->journal.fd = -1; /* what is done now is not written into it */
    enum felloe_code code = store_begin_write(store, &txn, error);
    if (code == FELLOE_OK) {
        int rc;
        while ((rc = journal_next(&journal, &place, &record)) == 0)
            do_record_again(txn, buffer_bytes(&record));
        if (rc != ENOENT)
            store_note(txn, rc == EBADMSG ? MDB_CORRUPTED : rc);
        struct felloe_error why = {0};
        if (store_commit(txn, &why) != STORE_DONE)
            code = felloe_fail(error, why.code, "%s", why.message);
    }
    buffer_release(&record);
    store->journal = journal;
    return code;
}
