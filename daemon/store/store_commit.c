/* SPDX-License-Identifier: Apache-2.0 */
/* Commits; see store.h. Of a store with a journal (store_journal.h) there are two kinds:
 *
 *   few rows    journal, which syncs [-> who waits for it is told] -> LMDB, which does not
 *   many rows   LMDB, which syncs    -> the journal's new base: a checkpoint
 *
 * When the journal's half is full the other one goes on, and a checkpoint is made beside (store_checkpoint.c).
 *
 * In both what a reading sees has reached the disk, but for the few bytes that say so in the second: as with LMDB
 * alone, whose meta page is seen a moment before it is synced.
 *
 * Where somebody is told before LMDB has it (store_commit_early), from then on:
 *   - Its record stays in the journal: whatever becomes of LMDB's file, the next opening does it again.
 *   - No reading begins before LMDB has it; where LMDB never has it, none begins at all. So nobody sees less than they
 *     were told of. Those that began before see what was committed before, as any reading does.
 *   - LMDB's commit fails for want of room, or of memory: its transaction is gone, the rows are still in store->redo,
 *     and are done once more when room was made. It fails otherwise, or again: the store is spoilt, and behind. */
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>

#include "daemon/store/store_check.h"
#include "daemon/store/store_inside.h"

/* Each commit since the base leaves its old pages behind unused, some 20 KiB: so much larger does the file become, and
 * twice as much where a checkpoint takes as long as all of them. */
#define COMMITS_MAX 256
/* More bytes of rows take LMDB so long that whoever begins a reading would wait for them. */
#define EARLY_MAX ((size_t)16 << 10)

/* After a commit failed: was it before the meta page was written? LMDB refuses all further use when it was not. */
static bool still_sound(struct store *store)
{
    MDB_txn *probe;
    if (store->spoilt || mdb_txn_begin(store->env, NULL, MDB_RDONLY, &probe) != 0)
        return false;
    mdb_txn_abort(probe);
    return true;
}

static void forget_tables(struct store *store)
{
    const unsigned made = atomic_load(&store->made);
    for (unsigned i = 0; i < store->options.table_count; i++)
        if (atomic_load_explicit(&store->turns[i], memory_order_relaxed) > made)
            atomic_store_explicit(&store->turns[i], 0, memory_order_relaxed);
}

void store_give_up(struct store_txn *txn)
{
    mdb_txn_abort(txn->txn);
    forget_tables(txn->store);
}

/* Where it has made tables no reading may begin between the commit and its being told. */
static int commit_tables(struct store_txn *txn)
{
    const int rc = mdb_txn_commit(txn->txn);
    if (rc == 0)
        atomic_store(&txn->store->made, txn->made);
    else
        forget_tables(txn->store);
    return rc;
}

static int commit(struct store_txn *txn)
{
    struct store *store = txn->store;
    if (txn->made == atomic_load(&store->made))
        return mdb_txn_commit(txn->txn);
    pthread_mutex_lock(&store->beginning);
    int rc = commit_tables(txn);
    pthread_mutex_unlock(&store->beginning);
    return rc;
}

/* ---- with a journal ---- */

static uint64_t last_commit(const struct store *store)
{
    MDB_envinfo info;
    return mdb_env_info(store->env, &info) == 0 ? info.me_last_txnid : 0;
}

/* What the journal has goes first: were LMDB's own sync to fail on those pages, it could not be told from one that
 * failed on this transaction's. The meta page is not synced: the journal's head says what it has to be. */
static int commit_and_sync(struct store_txn *txn)
{
    struct store *store = txn->store;
    const uint64_t before = last_commit(store);
    int rc = store_end_beside(store);
    if (rc == 0 && journal_count(&store->journal) > 0)
        rc = mdb_env_sync(store->env, 1);
    if (rc != 0) {
        store_give_up(txn);
        return store_spoil(store, rc);
    }
    if (store->journal.fd < 0)
        return commit(txn);
    mdb_env_set_flags(store->env, MDB_NOSYNC, 0);
    rc = commit(txn);
    mdb_env_set_flags(store->env, MDB_NOSYNC, 1);
    return rc != 0 || last_commit(store) == before ? rc : store_begin_journal(store);
}

static bool is_for_want_of_room(struct store *store, int rc)
{
    if (store_is_full(rc))
        return still_sound(store);
    /* LMDB says EIO also when a write was cut short for want of room */
    return rc == EIO && still_sound(store) && store_disk_is_full(store->dir);
}

/* What LMDB did not take, in a transaction of its own; nothing of it goes into the journal again. */
static int commit_again(struct store_txn *txn)
{
    struct store *store = txn->store;
    *txn = (struct store_txn){.store = store, .made = atomic_load(&store->made)};
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn->txn);
    if (rc != 0)
        return rc;
    redo_last(txn);
    if (txn->failed == 0)
        return commit_tables(txn);
    rc = txn->failed;
    store_give_up(txn);
    return rc;
}

static int commit_told(struct store_txn *txn, const struct store_early *early)
{
    struct store *store = txn->store;
    pthread_mutex_lock(&store->beginning);
    early->durable(early->context);
    int rc = commit_tables(txn);
    store->taking = rc != 0;
    pthread_mutex_unlock(&store->beginning);
    if (rc == 0)
        return 0;
    const bool full = is_for_want_of_room(store, rc);
    if (full)
        early->make_room(early->context);
    if (full || (rc == ENOMEM && still_sound(store)))
        rc = commit_again(txn);
    if (rc != 0)
        rc = store_spoil(store, store_is_full(rc) ? EIO : rc); /* what was told is not to be tried again */
    pthread_mutex_lock(&store->beginning);
    store->taking = false;
    store->behind = rc != 0;
    pthread_cond_broadcast(&store->taken);
    pthread_mutex_unlock(&store->beginning);
    return rc;
}

static int commit_by_journal(struct store_txn *txn, const struct store_early *early)
{
    struct store *store = txn->store;
    int rc = journal_append(&store->journal, &store->redo.rows);
    if (rc != 0) {
        store_give_up(txn);
        return store_is_full(rc) ? rc : store_spoil(store, rc);
    }
    if (early != NULL && store->redo.rows.len <= EARLY_MAX)
        return commit_told(txn, early);
    rc = commit(txn);
    if (rc != 0 && journal_take_back(&store->journal) != 0)
        store_spoil(store, rc);
    return rc;
}

static int commit_journalled(struct store_txn *txn, const struct store_early *early)
{
    struct store *store = txn->store;
    if (store_look_beside(store) != 0 || store->spoilt) {
        store_give_up(txn);
        return EIO;
    }
    redo_settle(txn);
    const struct buffer *rows = &store->redo.rows;
    const bool all = txn->redoable && !rows->failed;
    if (all && rows->len == JOURNAL_HEAD_SIZE)
        return commit(txn); /* nothing was changed */
    if (!all)
        return commit_and_sync(txn);
    if (store->journal.now.count < COMMITS_MAX && journal_fits(&store->journal, rows->len))
        return commit_by_journal(txn, early);
    const int rc = store_begin_beside(store);
    if (rc == 0 && journal_fits(&store->journal, rows->len))
        return commit_by_journal(txn, early);
    if (!store->spoilt) /* there is no room for what it needs; but a sync that failed is not tried again */
        return commit_and_sync(txn);
    store_give_up(txn);
    return store_is_full(rc) ? EIO : rc;
}

enum store_outcome store_commit_early(struct store_txn *txn, const struct store_early *early,
                                      struct felloe_error *error)
{
    struct store *store = txn->store;
    enum store_outcome outcome = store_failed(txn, error);
    if (outcome != STORE_DONE) {
        store_abort(txn);
        return outcome;
    }
    int rc = store->journal.fd >= 0 || store->spoilt ? commit_journalled(txn, early) : commit(txn);
    if (rc != 0) {
        const bool full = is_for_want_of_room(store, rc);
        store_say(store, full && !store_is_full(rc) ? ENOSPC : rc, error);
        outcome = full ? STORE_FULL : STORE_UNKNOWN;
    }
    pthread_mutex_unlock(&store->writing);
    free(txn);
    return outcome;
}

enum store_outcome store_commit(struct store_txn *txn, struct felloe_error *error)
{
    return store_commit_early(txn, NULL, error);
}
