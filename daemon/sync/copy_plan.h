/* SPDX-License-Identifier: Apache-2.0 */
/* What a hub has to copy of a person who is with several sites. Nothing is remembered of what was copied: what is
 * missing is found by looking at what the views of each site have, so a restart, a rebuild of the views or a hub that
 * was put back need nothing of their own. Read on a thread of the pool.
 *
 * The sites of a person are those with entries of theirs that are no copies, and those that a sharing names; without
 * the ones that they have left, whose entries are copied to the others all the same. Of each site the entries are taken
 * in the order of its log, so that what somebody of another site had seen of them is, but for accidents, "all up to a
 * position", which the copies of their own entries then say (envelope.saw). */
#ifndef FELLOE_DAEMON_COPY_PLAN_H
#define FELLOE_DAEMON_COPY_PLAN_H

#include "daemon/daemon.h"

/* What goes into one commit: little, so that what laptops push is not held up by it. */
#define COPY_EVENTS_MAX 64u
#define COPY_BYTES_MAX  (512u * 1024)

/* Entries that are to be recorded in one site, in this order. */
struct copy_batch {
    char site[SLUG_MAX + 1];
    struct log_draft drafts[COPY_EVENTS_MAX];
    struct buffer fields[COPY_EVENTS_MAX]; /* what each draft's body points to */
    size_t count, bytes;
};
void copy_batch_free(struct copy_batch *batch);

/* Tells the log who is with which site (event_log_shares), and finds the next batch; NULL in *out when nothing of this
 * person is missing. False: memory ran out, or the log or the views cannot be read. */
bool copy_plan(struct daemon *daemon, struct views_txn *views, struct log_reader *reader,
               const struct person_id *person, struct copy_batch **out);

#endif
