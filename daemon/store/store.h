/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB behind one door: environments, tables, transactions, cursors. store.c, store_commit.c, store_checkpoint.c,
 * store_redo.c and store_rows.c are the only files that include lmdb.h.
 *
 * What it sees to, so that nobody else has to:
 *   - An environment is checked before it is mapped (a truncated file would kill the process with SIGBUS), its map is
 *     huge from the start, its files are 0600 in a 0700 directory, and readers that died are cleared.
 *   - One process can have an environment open once only: a second store_open of the same directory is refused.
 *   - Errors are sticky in the transaction: put and get without looking, and ask once, at the commit or with
 *     store_failed. They come as codes and sentences for people; no LMDB number leaves them.
 *
 * Threads: a write transaction belongs to the thread that began it (one writer at a time; others wait). A read
 * transaction may be used by one thread at a time, any. */
#ifndef FELLOE_DAEMON_STORE_H
#define FELLOE_DAEMON_STORE_H

#include "daemon/store/store_key.h"
#include "felloe/error.h"

struct store;
struct store_txn;
struct store_cursor;

enum store_sync {
    STORE_DURABLE,    /* a commit that returned has reached the disk */
    STORE_JOURNALLED, /* as that; a small one by way of a journal beside the file, in half the time, where rows
                         that were deleted stay until store_rewrite, as they do in the file */
    STORE_DERIVED     /* for what can be derived again: no commit waits for the disk. What is not synced (see
                         store_rest) when the system goes down is found damaged at the next opening, whatever is left */
};

struct store_options {
    const char *dir;            /* of this environment alone; made when it is missing */
    const char *what;           /* for people, in errors: "the log", "the views" */
    const char *const *tables;  /* their names; everywhere else a table is its index in here. Borrowed for ever */
    unsigned table_count;       /* at most STORE_TABLES_MAX */
    unsigned made_first;        /* 0: all are made with the file; else so many, the others when a row is put into them:
                                   fewer tables are fewer pages that a commit writes */
    enum store_sync sync;
    size_t map_bytes;           /* 0: 256 GiB, which is address space, not memory */
};
#define STORE_TABLES_MAX 128

/* FELLOE_DAMAGED: the file is not whole (too short, not LMDB's, another page size or version).
 * FELLOE_IN_USE: this process has it open already. FELLOE_DENIED, FELLOE_STORAGE. */
enum felloe_code store_open(struct store **out, const struct store_options *options, struct felloe_error *error);
void store_close(struct store *store); /* NULL is fine; all transactions have ended */
/* The same for one that is not needed any more: what was not synced stays so. */
void store_abandon(struct store *store);
/* False after a store_rewrite or store_slim that could not open it again. */
bool store_is_open(const struct store *store);

/* ---- transactions ---- */

enum felloe_code store_begin_read(struct store *store, struct store_txn **out, struct felloe_error *error);
/* Always on one and the same thread of the process. */
enum felloe_code store_begin_write(struct store *store, struct store_txn **out, struct felloe_error *error);

/* A writing one's rows will come to so many bytes: if those are too many for the journal, none are noted for it. */
void store_expect(struct store_txn *txn, size_t bytes);

enum store_outcome {
    STORE_DONE,    /* committed, durable as far as the store's sync says */
    STORE_REFUSED, /* an earlier call of this transaction had failed: nothing was written */
    STORE_FULL,    /* the disk (or the map) is full: nothing was written, and it may be tried again */
    STORE_UNKNOWN  /* the commit itself failed: it may or may not be on the disk. Close, open, compare */
};
/* Ends the transaction in any case. */
enum store_outcome store_commit(struct store_txn *txn, struct felloe_error *error);
/* The same for whoever waits for nothing but that it is durable: a small commit by way of the journal is, before it is
 * in the file. Then `durable` is called, on this thread, and a reading that begins from there on, on any thread, waits
 * until it can see what was committed: `durable` itself must begin none. Otherwise it is not called.
 *
 * After it nothing is taken back: where the disk is full, `make_room` is called, and it is tried once more; where the
 * file cannot take it all the same, the outcome is STORE_UNKNOWN, no reading begins any more, and what was committed is
 * there at the next opening. */
struct store_early {
    void (*durable)(void *context);
    void (*make_room)(void *context);
    void *context;
};
enum store_outcome store_commit_early(struct store_txn *txn, const struct store_early *early,
                                      struct felloe_error *error);
/* The number of the last commit that this transaction sees; a writing one's is its own. */
uint64_t store_txn_number(const struct store_txn *txn);
void store_abort(struct store_txn *txn); /* ends a read transaction too; NULL is fine */

/* Has a call of this transaction failed? Then says how; the transaction can only be aborted. STORE_FULL: for want of
 * room. STORE_DONE: all is well so far. `error` may be NULL. */
enum store_outcome store_failed(const struct store_txn *txn, struct felloe_error *error);

/* ---- values ----
 * What is handed out points into the map: valid until the transaction ends, in a write transaction only until the next
 * change. Keys: 1 to STORE_KEY_MAX bytes, ordered as bytes. */

/* False when it is not there (or the transaction failed). `out` may be NULL. */
bool store_get(struct store_txn *txn, unsigned table, struct bytes key, struct bytes *out);
bool store_put(struct store_txn *txn, unsigned table, struct bytes key, struct bytes value);
/* Room for `len` bytes under this key, to be written before the next call; NULL on failure. */
uint8_t *store_reserve(struct store_txn *txn, unsigned table, struct bytes key, size_t len);
/* The same two for a key that is meant to be above all others of its table, without a search. Any other key goes in the
 * ordinary way. */
bool store_put_last(struct store_txn *txn, unsigned table, struct bytes key, struct bytes value);
uint8_t *store_reserve_last(struct store_txn *txn, unsigned table, struct bytes key, size_t len);
/* False when it was not there. */
bool store_delete(struct store_txn *txn, unsigned table, struct bytes key);
/* How many entries a table has. */
uint64_t store_count(struct store_txn *txn, unsigned table);

/* ---- cursors ---- */

struct store_item {
    struct bytes key, value;
};
/* NULL on failure, and for a reading where the table is not there yet; every other call is fine with NULL and then
 * finds nothing. A writing transaction's is never NULL unless that has failed: the table is made with the first row
 * that is put. Close it before its transaction ends. */
struct store_cursor *store_cursor_open(struct store_txn *txn, unsigned table);
void store_cursor_close(struct store_cursor *cursor);
/* The first entry at or above `key` (empty key: the first of all). False: there is none. */
bool store_seek(struct store_cursor *cursor, struct bytes key, struct store_item *out);
/* The last entry below `key` (empty key: the last of all). */
bool store_seek_below(struct store_cursor *cursor, struct bytes key, struct store_item *out);
bool store_next(struct store_cursor *cursor, struct store_item *out);
/* The first entry whose key begins with `prefix`, and the next one as long as it does. */
bool store_seek_prefix(struct store_cursor *cursor, struct bytes prefix, struct store_item *out);
bool store_next_prefix(struct store_cursor *cursor, struct bytes prefix, struct store_item *out);
/* The last entry whose key begins with `prefix`. */
bool store_last_prefix(struct store_cursor *cursor, struct bytes prefix, struct store_item *out);
/* Puts a row and stands on it; cheap where it comes to lie on the page of the one before. */
bool store_cursor_put(struct store_cursor *cursor, struct bytes key, struct bytes value);
/* The same, unless there is one with this key: then it stands on that, and hands it out. False, and an empty value,
 * when the transaction has failed. */
bool store_cursor_put_new(struct store_cursor *cursor, struct bytes key, struct bytes value, struct bytes *existing);
/* Removes the entry that the cursor stands on; store_next then gives the one after it. */
bool store_cursor_delete(struct store_cursor *cursor);

/* ---- copies ---- */

/* Writes a consistent, compacted image of the whole environment (a data.mdb) to a descriptor, which may be a pipe,
 * while others read and write. Holds a read transaction all the while: whoever reads the pipe must not dawdle. Blocks.
 */
enum felloe_code store_copy(struct store *store, int descriptor, struct felloe_error *error);
/* Puts a compacted copy in the place of the file, so that nothing of what was deleted is left in it, and overwrites
 * the old one, and its journal. No transaction is open, and none begins meanwhile, on any thread. Where no copy can be
 * made, all is as it was (FELLOE_STORAGE); where the new file cannot be opened, every later begin fails.
 * FELLOE_DAMAGED: the disk did not take all of the old one, as with store_rest. */
enum felloe_code store_rewrite(struct store *store, struct felloe_error *error);
/* Gives memory back: LMDB keeps that of the most pages which a transaction ever changed until it is closed. So that is
 * what this does, and opens it again. No transaction is open, and none begins meanwhile, on any thread; where it cannot
 * be opened, every later begin fails. */
enum felloe_code store_slim(struct store *store, struct felloe_error *error);

/* ---- rest (STORE_DERIVED, STORE_JOURNALLED) ---- */

/* Is there nothing in the file that was not synced? */
bool store_is_at_rest(const struct store *store);
/* Syncs; on the thread that writes, or between its transactions. FELLOE_DAMAGED: the disk did not take it; of what
 * has a journal nothing is lost, but nothing more can be written before it is closed and opened again. */
enum felloe_code store_rest(struct store *store, struct felloe_error *error);
/* How many commits were done again from the journal when it was opened: whoever wrote them was interrupted. */
unsigned store_redone(const struct store *store);

/* ---- numbers ---- */

struct store_stat {
    uint64_t bytes_used;   /* of the file, as far as pages are in use or free for reuse */
    uint64_t last_txn;
    unsigned readers;
};
void store_stat(struct store *store, struct store_stat *out);

#endif
