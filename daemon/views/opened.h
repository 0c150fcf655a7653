/* SPDX-License-Identifier: Apache-2.0 */
/* Opening what lies at a reference of the views: the event there, or, where the hub copied an entry of another team's
 * record (entry.copied), the original in it. Nobody shows or folds the envelope itself: whoever fetches an event by a
 * reference opens it here. */
#ifndef FELLOE_DAEMON_OPENED_H
#define FELLOE_DAEMON_OPENED_H

#include "daemon/log/event_log.h"
#include "daemon/store/identity.h"
#include "daemon/views/views.h"
#include "proto/domain/envelope.h"

/* Starts as {0} but for the first three; release it. */
struct opener {
    struct log_reader *reader;
    const struct identity *identity;
    struct bytes site;          /* whose log is read */
    uint32_t tag;               /* its tag, once that was needed; 0 before (and, of one site in 2^31, ever) */
    struct buffer outer, whole; /* memory: what seals a copy, and a long original put together */
};
void opener_release(struct opener *opener);
void opener_of_site(struct opener *opener, struct bytes site); /* another site's log from now on */

/* Starts as {0}; release it. What it points to lives until the opener or it is used again. */
struct opened {
    struct event event;         /* of a copy the original: its clear part is of the site that it was written in, whose
                                 * name is there until the opener opens another */
    struct event_id id;
    struct event_body body;
    struct position at;         /* in the log that is read; epoch 0: an own event without a position */
    bool restricted;            /* by opener_get: sealed with a restricted key */
    bool copied;
    uint32_t home;              /* of a copy: the tag of the site that it was written in */
    struct position home_at;    /* of a copy: the original's position in its own site's log */
    struct marks saw;
    struct buffer plain, marks; /* memory: what the body and `saw` point into */
};
void opened_release(struct opened *opened);

enum opening {
    OPENED,
    OPENED_PART,     /* the first piece of a long original, which is opened by the last one */
    OPENED_NO_KEY,
    OPENED_NOT,      /* it does not open with its key, or what the hub copied is no sound event */
    OPENED_NO_MEMORY,
    OPENED_KEY_UNREAD /* by opener_get: its key may well be here */
};
/* `event` is item->event decoded, where it likes or in out->event; `key` the one that it names. */
enum opening opener_open(struct opener *opener, const struct log_item *item, const struct event *event,
                         const struct data_key *key, struct opened *out);
/* The same where its id may be known already; NULL: it is not. */
enum opening opener_open_named(struct opener *opener, const struct log_item *item, const struct event *event,
                               const struct data_key *key, const struct event_id *id, struct opened *out);
/* The same by its reference. OPENED_NOT when nothing is there, too. */
enum opening opener_get(struct opener *opener, struct keyring *keyring, const struct views_ref *ref,
                        struct opened *out);
/* The same of an entry that was read. */
enum opening opener_get_item(struct opener *opener, struct keyring *keyring, const struct log_item *item,
                             struct opened *out);
/* Reads one entry of the log by its reference. */
bool opener_fetch(struct log_reader *reader, struct bytes site, const struct views_ref *ref, struct log_item *out);

/* As the fold wants it; points to `opened`. */
void opened_for_fold(struct opener *opener, const struct opened *opened, struct fold_event *out);

#endif
