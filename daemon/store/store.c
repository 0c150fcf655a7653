/* SPDX-License-Identifier: Apache-2.0 */
/* Environments, transactions, copies; see store.h. */
#include <lmdb.h>

#include "daemon/store/file.h"
#include "daemon/store/store_check.h"
#include "daemon/store/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAP_BYTES_DEFAULT ((size_t)256 << 30)

/* ---- errors ---- */

bool store_is_full(int rc)
{
    return rc == ENOSPC || rc == EDQUOT || rc == MDB_MAP_FULL;
}

enum felloe_code store_say(const struct store *store, int rc, struct felloe_error *error)
{
    const char *what = store->options.what, *dir = store->dir;
    switch (rc) {
    case ENOSPC:
    case EDQUOT:
        return felloe_fail(error, FELLOE_STORAGE,
                           "the disk is full: %s (%s) cannot be written. Free some space; what was saved is safe", what,
                           dir);
    case MDB_MAP_FULL:
        return felloe_fail(error, FELLOE_STORAGE, "%s (%s) has reached the largest size it can have", what, dir);
    case EACCES:
    case EPERM:
    case EROFS:
        return felloe_fail(error, FELLOE_DENIED,
                           "%s (%s) may not be written by this user. Check the owner and the mode "
                           "of this directory and of the files in it",
                           what, dir);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_CURSOR_FULL: /* deeper than any tree is */
        return felloe_fail(error, FELLOE_DAMAGED, "%s (%s) is damaged: %s", what, dir, mdb_strerror(rc));
    case EIO:
    case MDB_PANIC:
        return felloe_fail(error, FELLOE_STORAGE,
                           "the disk reports an error on %s (%s). Check the disk; what was said "
                           "to be saved is looked through at the next start",
                           what, dir);
    case ENOMEM:
        return felloe_fail(error, FELLOE_FAILED, "memory ran out while %s (%s) was at work; try again", what, dir);
    case MDB_READERS_FULL:
        return felloe_fail(error, FELLOE_FAILED, "too many are reading %s at once; try again", what);
    default:
        return felloe_fail(error, FELLOE_STORAGE, "%s (%s): %s", what, dir, mdb_strerror(rc));
    }
}

/* ---- opening ---- */

static enum felloe_code claim(struct store *store, struct felloe_error *error)
{
    struct stat st;
    if (mkdir(store->dir, 0700) != 0 && errno != EEXIST)
        return errno == ENOENT ? felloe_fail(error, FELLOE_NOT_FOUND, "there is no directory to put %s into: %s",
                                             store->options.what, store->dir)
                               : store_say(store, errno, error);
    if (stat(store->dir, &st) != 0)
        return store_say(store, errno, error);
    return store_claim(&store->claim, st.st_dev, st.st_ino)
               ? FELLOE_OK
               : felloe_fail(error, FELLOE_IN_USE, "%s (%s) is open already", store->options.what, store->dir);
}

static int open_tables(struct store *store)
{
    MDB_txn *txn;
    const char *const *names = store->options.tables;
    const unsigned count = store->options.table_count;
    const unsigned made_first = store->options.made_first > 0 ? store->options.made_first : count;
    atomic_store(&store->made, 1);
    int rc = mdb_txn_begin(store->env, NULL, 0, &txn);
    if (rc)
        return rc;
    for (unsigned i = 0; i < count && rc == 0; i++) {
        rc = mdb_dbi_open(txn, names[i], 0, &store->tables[i]);
        atomic_store(&store->turns[i], rc == MDB_NOTFOUND && i >= made_first ? 0 : 1);
        if (rc == MDB_NOTFOUND && i >= made_first)
            rc = 0;
        else if (rc == MDB_NOTFOUND && (rc = store_marking_set(&store->marking)) == 0)
            rc = mdb_dbi_open(txn, names[i], MDB_CREATE, &store->tables[i]);
    }
    if (rc) {
        mdb_txn_abort(txn);
        return rc;
    }
    return mdb_txn_commit(txn);
}

static void close_env(struct store *store)
{
    while (store->spare_count > 0)
        mdb_txn_abort(store->spare[--store->spare_count]);
    store_stop_journal(store);
    if (store->env != NULL)
        mdb_env_close(store->env);
    store->env = NULL;
}

static int open_env(struct store *store)
{
    const struct store_options *options = &store->options;
    int rc = mdb_env_create(&store->env);
    if (rc)
        return rc;
    rc = mdb_env_set_mapsize(store->env, options->map_bytes ? options->map_bytes : MAP_BYTES_DEFAULT);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(store->env, options->table_count); /* each transaction clears a record of each */
    /* NOTLS: readers belong to transactions and not to threads, so a stuck thread pins nothing. Without a mark every
     * commit of what is derived is to leave behind something whole, be it the one before. */
    const unsigned sync = store->marking.can ? MDB_NOSYNC : options->sync == STORE_DERIVED ? MDB_NOMETASYNC : 0;
    if (rc == 0)
        rc = mdb_env_open(store->env, store->dir, MDB_NOTLS | sync, 0600);
    int dead = 0;
    if (rc == 0)
        rc = mdb_reader_check(store->env, &dead);
    return rc ? rc : open_tables(store);
}

/* A commit is of no use in a file whose name a power cut takes away. At every opening, since whoever made the file may
 * have been killed before this. */
static int sync_names(const struct store *store)
{
    int rc = file_sync_folder(store->dir);
    return rc != 0 ? rc : file_sync_folder_of(store->dir);
}

/* Before LMDB sees its file: what was done since the last checkpoint is not to be believed, and is done again. */
static enum felloe_code take_up_journal(struct store *store, const char *path, struct felloe_error *error)
{
    struct meta_on_disk were[META_PAGES];
    bool needed = false;
    int rc = journal_open(&store->journal, store->dir);
    if (rc == 0)
        rc = journal_is_needed(&store->journal, path, &needed);
    if (needed) {
        rc = journal_put_back(&store->journal, path, were);
        enum felloe_code code = rc == 0 ? store_check_file(path, error) : FELLOE_OK;
        if (code != FELLOE_OK) {
            journal_leave_as_it_was(path, were);
            return code;
        }
    }
    if (rc == ESTALE && journal_count(&store->journal) == 0)
        rc = 0; /* an older one was put there while it was at rest */
    if (rc == EBADMSG)
        return felloe_fail(error, FELLOE_DAMAGED,
                           "%s/" JOURNAL_NAME " is damaged: of what was saved last in %s something cannot be read",
                           store->dir, store->options.what);
    if (rc == EPROTO)
        return felloe_fail(error, FELLOE_DAMAGED,
                           "%s/" JOURNAL_NAME " has what was saved last, and was written by an earlier version of "
                           "Felloe. Start and end that one first, then this one",
                           store->dir);
    if (rc == ESTALE)
        return felloe_fail(error, FELLOE_DAMAGED,
                           "%s/" JOURNAL_NAME " has what was saved last, and belongs to another data.mdb than the one "
                           "beside it. If that was put back from a copy, remove the journal",
                           store->dir);
    return rc == 0 ? FELLOE_OK : store_say(store, rc, error);
}

static enum felloe_code open_files(struct store *store, struct felloe_error *error)
{
    const enum store_sync sync = store->options.sync;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/data.mdb", store->dir);
    enum felloe_code code = FELLOE_OK;
    if (sync == STORE_DERIVED)
        code = store_marking_open(&store->marking, store->dir, store->options.what, error);
    else if (sync == STORE_JOURNALLED) /* which checks what it puts back */
        code = take_up_journal(store, path, error);
    if (code == FELLOE_OK)
        code = store_check_file(path, error);
    if (code != FELLOE_OK)
        return code;
    int rc = store_allocate_readers(store->dir);
    if (rc == 0 && sync != STORE_DERIVED)
        rc = store_settle(path);
    if (rc == 0)
        rc = open_env(store);
    if (rc == 0 && sync != STORE_DERIVED)
        rc = sync_names(store);
    if (rc == 0 && (code = store_redo(store, error)) != FELLOE_OK)
        return code;
    store->redone = journal_count(&store->journal);
    if (rc == 0)
        rc = store_start_journal(store);
    return rc == 0 ? FELLOE_OK : store_say(store, rc, error);
}

enum felloe_code store_open(struct store **out, const struct store_options *options, struct felloe_error *error)
{
    assert(options->table_count <= STORE_TABLES_MAX);
    *out = NULL;
    if (strlen(options->dir) >= sizeof (*out)->dir)
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", options->dir);
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    store->options = *options;
    store->options.dir = NULL; /* the caller's */
    store->journal = (struct journal)JOURNAL_NONE;
    pthread_mutex_init(&store->beginning, NULL);
    pthread_cond_init(&store->taken, NULL);
    pthread_mutex_init(&store->writing, NULL);
    memcpy(store->dir, options->dir, strlen(options->dir) + 1);
    enum felloe_code code = claim(store, error);
    if (code != FELLOE_OK) {
        pthread_cond_destroy(&store->taken);
        pthread_mutex_destroy(&store->beginning);
        pthread_mutex_destroy(&store->writing);
        free(store);
        return code;
    }
    code = open_files(store, error);
    if (code != FELLOE_OK) {
        store_abandon(store);
        return code;
    }
    *out = store;
    return FELLOE_OK;
}

void store_abandon(struct store *store)
{
    if (store == NULL)
        return;
    close_env(store);
    store_unclaim(&store->claim);
    pthread_cond_destroy(&store->taken);
    pthread_mutex_destroy(&store->beginning);
    pthread_mutex_destroy(&store->writing);
    buffer_release(&store->redo.rows);
    free(store);
}

void store_close(struct store *store)
{
    if (store != NULL)
        store_rest(store, NULL);
    store_abandon(store);
}

bool store_is_at_rest(const struct store *store)
{
    return !store->marking.set && journal_count(&store->journal) == 0;
}

unsigned store_redone(const struct store *store)
{
    return store->redone;
}

static enum felloe_code not_taken(const struct store *store, struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_DAMAGED, "the disk did not take all of %s (%s)", store->options.what, store->dir);
}

/* The names in the folder, too: a file that was made anew is the one that is there. */
static enum felloe_code sync_all(struct store *store, struct felloe_error *error)
{
    int rc = store->marking.lost ? EIO : mdb_env_sync(store->env, 1);
    if (rc == 0)
        rc = file_sync_folder(store->dir);
    if (rc == 0)
        return FELLOE_OK;
    store_marking_spoil(&store->marking);
    return not_taken(store, error);
}

enum felloe_code store_rest(struct store *store, struct felloe_error *error)
{
    if (store->env == NULL)
        return FELLOE_OK;
    if (!store->marking.set)
        return store_checkpoint(store) == 0 ? FELLOE_OK : not_taken(store, error);
    enum felloe_code code = sync_all(store, error);
    if (code == FELLOE_OK)
        store_marking_clear(&store->marking);
    return code;
}

bool store_is_open(const struct store *store)
{
    return store->env != NULL;
}

/* ---- transactions ---- */

/* When nobody was told of more than the file has. */
static void lock_beginning(struct store *store)
{
    pthread_mutex_lock(&store->beginning);
    while (store->taking)
        pthread_cond_wait(&store->taken, &store->beginning);
}

/* A reading has the tables that were made when it begins: not fewer, or it would find a head without its rows. */
static int begin_reading(struct store *store, struct store_txn *txn)
{
    int rc;
    lock_beginning(store);
    if (store->behind) {
        rc = EIO;
    } else if (store->spare_count > 0) {
        txn->txn = store->spare[--store->spare_count];
        rc = mdb_txn_renew(txn->txn);
        if (rc != 0)
            mdb_txn_abort(txn->txn);
    } else {
        rc = mdb_txn_begin(store->env, NULL, MDB_RDONLY, &txn->txn);
    }
    txn->made = atomic_load(&store->made);
    pthread_mutex_unlock(&store->beginning);
    return rc;
}

static void end_reading(struct store_txn *txn)
{
    struct store *store = txn->store;
    bool keep = false;
    if (txn->failed == 0 && pthread_mutex_trylock(&store->beginning) == 0) { /* it waits for no commit */
        keep = store->spare_count < STORE_SPARE;
        if (keep) {
            mdb_txn_reset(txn->txn);
            store->spare[store->spare_count++] = txn->txn;
        }
        pthread_mutex_unlock(&store->beginning);
    }
    if (!keep)
        mdb_txn_abort(txn->txn);
}

static int begin_writing(struct store *store, struct store_txn *txn)
{
    pthread_mutex_lock(&store->writing);
    txn->made = atomic_load(&store->made);
    const int rc = mdb_txn_begin(store->env, NULL, 0, &txn->txn);
    if (rc != 0)
        pthread_mutex_unlock(&store->writing);
    else
        redo_start(txn);
    return rc;
}

static enum felloe_code begin(struct store *store, bool reads, struct store_txn **out, struct felloe_error *error)
{
    *out = NULL;
    if (store->env == NULL)
        return felloe_fail(error, FELLOE_STORAGE, "%s (%s) could not be opened again. Start this daemon again",
                           store->options.what, store->dir);
    struct store_txn *txn = calloc(1, sizeof *txn);
    if (txn == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    txn->store = store;
    txn->reads = reads;
    int rc = reads ? begin_reading(store, txn) : begin_writing(store, txn);
    if (rc) {
        free(txn);
        return store_say(store, rc, error);
    }
    *out = txn;
    return FELLOE_OK;
}

enum felloe_code store_begin_read(struct store *store, struct store_txn **out, struct felloe_error *error)
{
    return begin(store, true, out, error);
}

enum felloe_code store_begin_write(struct store *store, struct store_txn **out, struct felloe_error *error)
{
    int rc = store_marking_set(&store->marking);
    *out = NULL;
    return rc != 0 ? store_say(store, rc, error) : begin(store, false, out, error);
}

uint64_t store_txn_number(const struct store_txn *txn)
{
    return (uint64_t)mdb_txn_id(txn->txn);
}

void store_abort(struct store_txn *txn)
{
    if (txn == NULL)
        return;
    if (txn->reads) {
        end_reading(txn);
    } else {
        store_give_up(txn);
        pthread_mutex_unlock(&txn->store->writing);
    }
    free(txn);
}

enum store_outcome store_failed(const struct store_txn *txn, struct felloe_error *error)
{
    if (txn->failed == 0)
        return STORE_DONE;
    store_say(txn->store, txn->failed, error);
    return store_is_full(txn->failed) ? STORE_FULL : STORE_REFUSED;
}

/* ---- copies ---- */

enum felloe_code store_copy(struct store *store, int descriptor, struct felloe_error *error)
{
    lock_beginning(store); /* what somebody was told of is in it */
    int rc = store->env == NULL || store->behind ? EIO : 0;
    pthread_mutex_unlock(&store->beginning);
    if (rc == 0)
        rc = mdb_env_copyfd2(store->env, descriptor, MDB_CP_COMPACT);
    if (rc == EPIPE)
        return felloe_fail(error, FELLOE_INTERRUPTED, "the copy of %s was given up: nobody took it any longer",
                           store->options.what);
    if (rc == MDB_INCOMPATIBLE) /* the pages it reached were not as many as are in use */
        rc = MDB_CORRUPTED;
    return rc == 0 ? FELLOE_OK : store_say(store, rc, error);
}

/* A copy on the disk, whole; 0, or LMDB's or the system's number. */
static int make_copy(struct store *store, const char *path)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    int rc = mdb_env_copyfd2(store->env, fd, MDB_CP_COMPACT);
    if (rc == 0 && fsync(fd) != 0)
        rc = errno;
    if (close(fd) != 0 && rc == 0)
        rc = errno;
    if (rc != 0)
        unlink(path);
    return rc;
}

/* Where it cannot, there is none, and every begin says so. */
static int open_again(struct store *store)
{
    int rc = open_env(store);
    if (rc == 0 && store->options.sync == STORE_JOURNALLED)
        rc = journal_open(&store->journal, store->dir);
    if (rc == 0)
        rc = store_start_journal(store);
    if (rc != 0)
        close_env(store);
    return rc;
}

enum felloe_code store_slim(struct store *store, struct felloe_error *error)
{
    if (store->env == NULL || store_checkpoint(store) != 0)
        return store_say(store, EIO, error);
    close_env(store);
    int rc = open_again(store);
    return rc != 0 ? store_say(store, rc, error) : FELLOE_OK;
}

enum felloe_code store_rewrite(struct store *store, struct felloe_error *error)
{
    char path[PATH_MAX + 16], fresh[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/data.mdb", store->dir);
    snprintf(fresh, sizeof fresh, "%s/data.mdb.new", store->dir);
    /* What the disk did not take of the old file is told of that one, and never of its copy. */
    enum felloe_code code = store->env != NULL && store->marking.set ? sync_all(store, error) : FELLOE_OK;
    if (code != FELLOE_OK)
        return code;
    int rc = store->env == NULL || store_checkpoint(store) != 0 ? EIO : make_copy(store, fresh);
    if (rc != 0)
        return store_say(store, rc, error);
    int old = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (old < 0) {
        rc = errno;
        unlink(fresh);
        return store_say(store, rc, error);
    }
    close_env(store);
    rc = rename(fresh, path) != 0 ? errno : file_sync_folder(store->dir);
    unlink(fresh); /* where it could not be renamed */
    if (rc == 0) /* the new one is there for good */
        store_overwrite(old);
    close(old);
    if (rc == 0)
        rc = journal_wipe(store->dir);
    int opened = open_again(store);
    return rc != 0 || opened != 0 ? store_say(store, rc != 0 ? rc : opened, error) : FELLOE_OK;
}

/* ---- numbers ---- */

void store_stat(struct store *store, struct store_stat *out)
{
    MDB_envinfo info;
    MDB_stat stat;
    *out = (struct store_stat){0};
    if (store->env == NULL)
        return;
    if (mdb_env_info(store->env, &info) != 0 || mdb_env_stat(store->env, &stat) != 0)
        return;
    out->bytes_used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    out->last_txn = info.me_last_txnid;
    out->readers = info.me_numreaders;
}
