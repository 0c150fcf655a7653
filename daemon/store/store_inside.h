/* SPDX-License-Identifier: Apache-2.0 */
/* What store.c (environments, transactions, copies), store_commit.c, store_checkpoint.c, store_redo.c and store_rows.c
 * (values, cursors) share, and nobody else sees. All include lmdb.h first. */
#ifndef FELLOE_DAEMON_STORE_INSIDE_H
#define FELLOE_DAEMON_STORE_INSIDE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "daemon/store/store.h"
#include "daemon/store/store_claim.h"
#include "daemon/store/store_journal.h"
#include "daemon/store/store_mark.h"

/* Readings that ended are kept for the next ones: LMDB lays each out anew, a row for every table there could be. */
#define STORE_SPARE 4u

/* What the writing transaction has changed, as a record of the journal. */
struct redo {
    struct buffer rows;      /* after room for the record's head */
    const uint8_t *reserved; /* where the last one's value is being written to; NULL: nowhere */
    size_t reserved_at, reserved_len;
};

/* A checkpoint that is made beside the commits; see store_checkpoint.c. */
struct beside {
    MDB_txn *next; /* holds the pages of what will be the base; NULL: none is made */
    pthread_t thread;
    bool has_thread;
    atomic_bool done; /* with it: */
    int sync_failed, mark_failed;
};

struct store {
    MDB_env *env;
    char dir[PATH_MAX];
    struct store_options options; /* its dir: see above */
    MDB_dbi tables[STORE_TABLES_MAX];
    atomic_uint turns[STORE_TABLES_MAX]; /* in which turn each table was made; 0: it is not there */
    atomic_uint made;                    /* the last turn that was committed; the first is the opening */
    pthread_mutex_t writing;             /* held from the beginning of a writing transaction to the end of its commit */
    pthread_mutex_t beginning;           /* of readings: against a commit that makes tables, or that somebody was told
                                            of already (store_commit_early); and the spare ones */
    MDB_txn *spare[STORE_SPARE];
    unsigned spare_count;
    struct store_claim claim;
    struct store_marking marking;
    struct journal journal; /* STORE_JOURNALLED; see store_commit.c and store_checkpoint.c */
    struct redo redo;
    MDB_txn *base;          /* holds the pages of the journal's base */
    struct beside beside;
    unsigned redone;        /* records, when it was opened */
    bool spoilt;            /* what the disk has is not what was written: nothing is, until it is opened anew */
    pthread_cond_t taken;   /* with `beginning`: `taking` is over */
    bool taking;            /* what somebody was told of is done once more: no reading begins meanwhile */
    bool behind;            /* somebody was told of a commit that the file did not take; under `beginning` */
};

struct store_txn {
    MDB_txn *txn;
    struct store *store;
    int failed;    /* LMDB's number of the first failure; 0 none */
    unsigned made; /* it has the tables up to this turn */
    bool reads;
    bool redoable; /* all that it has changed is in store->redo */
    unsigned appended; /* the table to which something was appended last, plus one; 0: none */
    MDB_cursor *end;   /* at its end, after a second one; NULL: none. LMDB closes it with the transaction */
};

struct store_cursor {
    MDB_cursor *cursor; /* NULL: the table was not there yet when it was looked for */
    struct store_txn *txn;
    unsigned table;
};

/* Notes a failure; true for 0. */
static inline bool store_note(struct store_txn *txn, int rc)
{
    if (rc != 0 && rc != MDB_NOTFOUND && txn->failed == 0)
        txn->failed = rc;
    return rc == 0;
}

/* The one place where LMDB's and the system's numbers become codes and sentences. */
enum felloe_code store_say(const struct store *store, int rc, struct felloe_error *error);
bool store_is_full(int rc);

/* ---- store_commit.c; 0, LMDB's or the system's number ---- */

/* The writing transaction comes to nothing, with the tables that it made. `writing` is still held. */
void store_give_up(struct store_txn *txn);

/* ---- store_checkpoint.c; on the thread that commits, with `writing` held where it does not say otherwise ---- */

/* Nothing more is written. Whoever opens the store after a failure goes by what the disk has; this process, by what it
 * believes it wrote. Hands `rc` on. */
int store_spoil(struct store *store, int rc);
/* Everything is synced: from now on the journal is used, where it can be. As it is opened. */
int store_start_journal(struct store *store);
/* Before LMDB's file is closed. */
void store_stop_journal(struct store *store);
/* Everything is synced, and the journal begins anew. Takes `writing`. */
int store_checkpoint(struct store *store);
/* All is synced but the meta pages: from here on the journal counts. Where there is no room for it there is none. */
int store_begin_journal(struct store *store);
/* The journal goes on in its other half, and the file is synced meanwhile. A full disk: as if it had not been called,
 * and the journal may be gone. */
int store_begin_beside(struct store *store);
/* If that is done: what came of it. */
int store_look_beside(struct store *store);
/* Waits for it, if there is one. */
int store_end_beside(struct store *store);

/* ---- store_redo.c ---- */

enum redo_kind { REDO_PUT = 1, REDO_DELETE };
void redo_start(struct store_txn *txn);
/* Once LMDB has done it; a value that is deleted is empty. */
void redo_row(struct store_txn *txn, enum redo_kind kind, unsigned table, struct bytes key, struct bytes value);
/* The same for a value that is written later: at the latest before redo_settle, which comes before the next change. */
void redo_reserved(struct store_txn *txn, unsigned table, struct bytes key, const uint8_t *value, size_t len);
void redo_settle(struct store_txn *txn);
/* What the store's last transaction changed, which LMDB did not take, in a new one. */
void redo_last(struct store_txn *txn);
/* What the journal has is done again. */
enum felloe_code store_redo(struct store *store, struct felloe_error *error);

#endif
