/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: the database file is synced, and the journal (store_journal.h) begins anew.
 *
 *   at rest, or behind a commit that LMDB synced     synced -> the journal's new base
 *   beside: between two commits, the first half      what is committed is pinned as `next` -> the journal goes on
 *   is full                                          -> commits go on | another thread: sync -> mark
 *                                                    -> the next commit that finds it done lets the old base go
 *
 * What holds while one is made beside:
 *   - Both bases are pinned, the one that counts and the next: LMDB writes over no page of either.
 *   - What the sync is to write was written before it began: all pages of the next base. What of later commits comes to
 *     the disk besides does no harm, as at any time.
 *   - The old base is let go only when the mark is on the disk, by the thread that commits. So whichever of the two
 *     counts after a power cut, its pages are there.
 *   - One at a time: whoever needs another one, or all at rest, waits for it.
 *   - It fails: nothing more is written, and the next opening goes by the old base, or by the next if the mark is
 *     there: what it says was true. */
#include <errno.h>
#include <lmdb.h>

#include "daemon/store/store_inside.h"

int store_spoil(struct store *store, int rc)
{
    store->spoilt = true;
    return rc;
}

static void release_base(struct store *store)
{
    if (store->base != NULL)
        mdb_txn_abort(store->base);
    store->base = NULL;
}

/* Where there is no room for the journal's head (a file system that writes nothing over), LMDB's own syncs do. */
static int go_without(struct store *store)
{
    int rc = mdb_env_sync(store->env, 1);
    if (rc == 0)
        rc = journal_remove(&store->journal, store->dir);
    if (rc != 0)
        return store_spoil(store, rc);
    release_base(store);
    return mdb_env_set_flags(store->env, MDB_NOSYNC | MDB_NOMETASYNC, 0);
}

/* The base before this one is let go only when the disk has the new one. */
int store_begin_journal(struct store *store)
{
    mdb_filehandle_t fd;
    int rc = mdb_env_get_fd(store->env, &fd);
    if (rc == 0)
        rc = journal_begin(&store->journal, fd);
    if (rc == 0 && store->base == NULL) {
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &store->base);
    } else if (rc == 0) {
        mdb_txn_reset(store->base);
        rc = mdb_txn_renew(store->base);
    }
    if (rc == 0)
        return 0;
    return store_is_full(rc) ? go_without(store) : store_spoil(store, rc);
}

int store_start_journal(struct store *store)
{
    if (store->options.sync != STORE_JOURNALLED)
        return 0;
    int rc = store->journal.fd < 0 ? journal_make(&store->journal, store->dir) : 0;
    if (store_is_full(rc))
        return journal_remove(&store->journal, store->dir);
    if (rc == 0)
        rc = store_begin_journal(store);
    return rc != 0 || store->journal.fd < 0 ? rc : mdb_env_set_flags(store->env, MDB_NOSYNC | MDB_NOMETASYNC, 1);
}

int store_checkpoint(struct store *store)
{
    int rc;
    pthread_mutex_lock(&store->writing);
    rc = store->spoilt ? EIO : store_end_beside(store);
    if (rc == 0 && store->journal.fd >= 0 && journal_count(&store->journal) > 0) {
        rc = mdb_env_sync(store->env, 1);
        rc = rc != 0 ? store_spoil(store, rc) : store_begin_journal(store);
    }
    pthread_mutex_unlock(&store->writing);
    return rc;
}

/* ---- beside ---- */

static void *sync_beside(void *context)
{
    struct store *store = context;
    struct beside *beside = &store->beside;
    beside->sync_failed = mdb_env_sync(store->env, 1);
    if (beside->sync_failed == 0)
        beside->mark_failed = journal_mark(&store->journal);
    atomic_store(&beside->done, true);
    return NULL;
}

int store_begin_beside(struct store *store)
{
    struct beside *beside = &store->beside;
    mdb_filehandle_t fd;
    int rc = store_end_beside(store);
    if (rc != 0 || store->journal.fd < 0)
        return rc;
    *beside = (struct beside){0};
    rc = mdb_env_get_fd(store->env, &fd);
    if (rc == 0)
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &beside->next);
    if (rc == MDB_READERS_FULL || rc == ENOMEM)
        return rc; /* nothing has happened yet */
    if (rc != 0)
        return store_spoil(store, rc);
    rc = journal_go_on(&store->journal, fd);
    if (rc != 0) {
        mdb_txn_abort(beside->next);
        beside->next = NULL;
        return store_is_full(rc) ? rc : store_spoil(store, rc);
    }
    beside->has_thread = pthread_create(&beside->thread, NULL, sync_beside, store) == 0;
    if (beside->has_thread)
        pthread_setname_np(beside->thread, "log-sync");
    else
        sync_beside(store);
    return 0;
}

/* Until the thread has ended. */
static MDB_txn *await(struct beside *beside)
{
    MDB_txn *next = beside->next;
    if (next != NULL && beside->has_thread)
        pthread_join(beside->thread, NULL);
    beside->next = NULL;
    beside->has_thread = false;
    return next;
}

int store_end_beside(struct store *store)
{
    struct beside *beside = &store->beside;
    MDB_txn *next = await(beside);
    if (next == NULL)
        return 0;
    if (beside->sync_failed == 0 && beside->mark_failed == 0) {
        release_base(store);
        store->base = next;
        journal_marked(&store->journal);
        return 0;
    }
    mdb_txn_abort(next);
    if (beside->sync_failed == 0 && store_is_full(beside->mark_failed))
        return go_without(store);
    return store_spoil(store, beside->sync_failed != 0 ? beside->sync_failed : beside->mark_failed);
}

int store_look_beside(struct store *store)
{
    return store->beside.next != NULL && atomic_load(&store->beside.done) ? store_end_beside(store) : 0;
}

void store_stop_journal(struct store *store)
{
    MDB_txn *next = await(&store->beside);
    if (next != NULL)
        mdb_txn_abort(next);
    release_base(store);
    journal_close(&store->journal);
}
