/* SPDX-License-Identifier: Apache-2.0 */
/* Where imported events came from: origin -> event id, whether about a person, person; so that each counts once.
 *
 * Origins are hashes, so that a row each of a thousand events is a page each of a large table, written anew with every
 * commit: 16 of the 20 KB that an event of an import of 100,000 took. So what a transaction brings is one row at the
 * end of the table at first, its origins one behind the other, and the same in memory; when there are MERGE of them, or
 * the log rests, they are put in their places in the order of their keys.
 *
 *   a commit:   add, add, … -> flush: the row -> committed: readings find them
 *   or, full:   add, add, … -> flush: all to their places, the rows deleted -> committed: the memory is let go, by the
 *                                      last reading that began before
 *
 * A reading takes hold of the memory before its snapshot begins: what has left the one is in the other. */
#ifndef FELLOE_DAEMON_LOG_ORIGINS_H
#define FELLOE_DAEMON_LOG_ORIGINS_H

#include <pthread.h>
#include <stdatomic.h>

#include "daemon/store/store.h"
#include "proto/event/event.h"

/* Of a row: event id, whether about a person, person. */
#define ORIGIN_ROW (32 + 1 + 16)

struct origins_kept;
struct log_origins {
    pthread_mutex_t mutex;     /* of `kept` and who holds it */
    struct origins_kept *kept; /* NULL: there are none; replaced by the writer alone */
    uint64_t next;             /* the writer's: the number of the next row */
    bool merged;               /* … this transaction has put all in their places */
};

void log_origins_init(struct log_origins *origins);
void log_origins_release(struct log_origins *origins);
/* What the table has at its end, at the opening. False: it is damaged, or memory ran out. */
bool log_origins_load(struct log_origins *origins, struct store_txn *txn);

/* ---- the writer ---- */

void log_origins_start(struct log_origins *origins); /* a transaction begins, again: nothing was added */
/* One more; `row` has ORIGIN_ROW bytes. A later one of an origin counts. */
void log_origins_add(struct log_origins *origins, struct store_txn *txn, const struct origin_id *origin,
                     const uint8_t *row);
void log_origins_flush(struct log_origins *origins, struct store_txn *txn); /* before the commit */
void log_origins_committed(struct log_origins *origins);
/* All to their places: the writer has nothing to do. */
bool log_origins_waiting(const struct log_origins *origins);
void log_origins_merge(struct log_origins *origins, struct store_txn *txn);

/* ---- readings, and the writer with what it holds itself ---- */

struct origins_kept *log_origins_hold(struct log_origins *origins); /* NULL: there is nothing to hold */
void log_origins_drop(struct log_origins *origins, struct origins_kept *kept); /* NULL is fine */
/* `out`: ORIGIN_ROW bytes, valid as long as `kept` is held and the transaction has not ended or changed. */
bool log_origins_find(const struct origins_kept *kept, struct store_txn *txn, const struct origin_id *origin,
                      const uint8_t **out);
/* The same, with what this transaction has added. */
bool log_origins_find_own(const struct log_origins *origins, struct store_txn *txn, const struct origin_id *origin,
                          const uint8_t **out);

#endif
