/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the fold share: the events of one step, and the memory that is used again from step to step. For
 * projector_fold.c and projector_note.c alone. */
#ifndef FELLOE_DAEMON_PROJECTOR_INSIDE_H
#define FELLOE_DAEMON_PROJECTOR_INSIDE_H

#include "daemon/log/witness.h"
#include "daemon/views/erased.h"
#include "daemon/views/opened.h"
#include "daemon/views/projector_fold.h"

struct fold_item {
    struct fold_event event;
    struct event_body body;
    struct buffer plain, marks; /* what body and event point into; kept from step to step */
    bool copied;                /* from another site's log */
    struct views_ref ref;
    struct person_id subject;
    struct key_id key;          /* what seals it */
    bool restricted;            /* … is a restricted key */
    uint32_t order;
};

struct fold_work {
    struct fold_item items[FOLD_EVENTS_MAX];
    size_t count, bytes;
    struct person_id *refold;   /* subjects to be folded from their first event on */
    size_t refold_count, refold_cap;
    struct person_id shared[FOLD_SHARED_MAX];
    struct document *document;
    struct buffer encoded;
    struct opener opener;
    struct opened opened;
    struct key_record key;      /* the last one used */
    bool has_key;
    bool has_site_key;
    struct told_list told;      /* of the site's log, by events of this step */
    struct erased_list erased;  /* of this step */
    bool any_rewritten;         /* events of this site were written again: names have to be looked up */
    bool failed;
};

/* Enters the items in the tables by event; what does not count is left out of the list, and whom something no longer
 * counts of is to be folded from the first event on (`refold`). */
void fold_note_items(struct fold_work *work, struct fold_step *step);

#endif
