/* SPDX-License-Identifier: Apache-2.0 */
/* One step of the projector: a run of a site's events folded into the views within one transaction. */
#ifndef FELLOE_DAEMON_PROJECTOR_FOLD_H
#define FELLOE_DAEMON_PROJECTOR_FOLD_H

#include "daemon/log/event_log.h"
#include "daemon/views/erased.h"
#include "daemon/views/projector.h"
#include "daemon/views/views.h"

/* What one transaction takes on, of a long log: enough that the tables by event, whose rows lie everywhere, are not
 * written anew for each few; and little enough that it does not take much memory, and ends soon when it is to. A
 * site that comes to no more than twice as many, and of which there is nothing yet, is one step. */
#define FOLD_EVENTS_MAX (64u * 1024)
#define FOLD_WHOLE_MAX (128u * 1024)
#define FOLD_BYTES_MAX (32u * 1024 * 1024)
#define FOLD_SHARED_MAX PROJECTOR_SHARED_MAX

struct fold_work; /* memory that is used again from step to step */

struct fold_work *fold_work_new(void); /* NULL when memory ran out */
void fold_work_free(struct fold_work *work);
/* Another step may follow, but what is opened for it already is given up: a key is to go, or the views are. */
void fold_work_stop(struct fold_work *work);
/* No step follows for a while: nothing of the log is held on to. */
void fold_work_rest(struct fold_work *work);

struct fold_step {
    struct event_log *log;
    struct keyring *keyring;
    const struct identity *identity;
    struct log_reader *reader;
    struct views_txn *views;
    struct bytes site;
    size_t most;                /* events; 0: FOLD_EVENTS_MAX, or FOLD_WHOLE_MAX */
    bool goes_on;               /* when something is left, a step follows at once */
    struct views_cursor cursor; /* in: how far; out: how far now (the step has written it) */
    size_t ahead;               /* out: events beyond the cursor that are folded already (see projector_range.h) */
    uint8_t epochs;             /* the step's own: how many the log has, as far as it is folded after this range */
    bool more;                  /* out: there is more to fold at once */
    const struct person_id *shared; /* out: those whom this step concerned and who are with several sites … */
    size_t shared_count;        /* … and how many; with more than FOLD_SHARED_MAX the others are not there */
    const struct erased_list *erased; /* out: who was erased, by events of this step. To be carried out with it */
    size_t taken;               /* out: events that the cursor passed, or that had waited for their key */
    struct felloe_error unread; /* out: why the log, or a key, could not be read; FELLOE_OK: they could */
};
/* False: the log or a key could not be read (`unread` says so), the views' transaction failed (ask store_failed), or
 * memory ran out. */
bool fold_site(struct fold_work *work, struct fold_step *step);

#endif
