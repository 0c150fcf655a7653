/* SPDX-License-Identifier: Apache-2.0 */
/* What store.c (environments, transactions, copies) and store_rows.c (values, cursors) share, and nobody else sees.
 * Both include lmdb.h first. */
#ifndef FELLOE_DAEMON_STORE_INSIDE_H
#define FELLOE_DAEMON_STORE_INSIDE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "daemon/store/store.h"
#include "daemon/store/store_claim.h"
#include "daemon/store/store_mark.h"

/* Readings that ended are kept for the next ones: LMDB lays each out anew, a row for every table there could be. */
#define STORE_SPARE 4u

struct store {
    MDB_env *env;
    char dir[PATH_MAX];
    struct store_options options; /* its dir: see above */
    MDB_dbi tables[STORE_TABLES_MAX];
    atomic_uint turns[STORE_TABLES_MAX]; /* in which turn each table was made; 0: it is not there */
    atomic_uint made;                    /* the last turn that was committed; the first is the opening */
    pthread_mutex_t beginning;           /* of readings: against a commit that makes tables; and the spare ones */
    MDB_txn *spare[STORE_SPARE];
    unsigned spare_count;
    struct store_claim claim;
    struct store_marking marking;
};

struct store_txn {
    MDB_txn *txn;
    struct store *store;
    int failed;    /* LMDB's number of the first failure; 0 none */
    unsigned made; /* it has the tables up to this turn */
    bool reads;
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

#endif
