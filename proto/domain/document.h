/* SPDX-License-Identifier: Apache-2.0 */
/* The fold: document(subject) = all that the views need to know of one person (or of the site itself), made from the
 * set of that subject's events. Pure, idempotent and order-independent: the same set of events, in whatever order and
 * however often, gives the same bytes.
 *
 * How: a document is the *set* of those events that matter to the views, each reduced to its stamp (who had seen whom)
 * and the fields that a view or a register needs, in the order of (time, id). Folding adds to the set, so there is
 * nothing that an order could change. What the set means is worked out when it is looked at (record.h), by the
 * catalogue's merge rules:
 *
 *   registers  a write stands unless another has seen it ("b has seen a": same stream and a.seq < b.seq, or a has a
 *              position in a log that b.seen covers, or b.after covers a's number of an earlier incarnation). What was
 *              overwritten stays in the set, so that it can come back.
 *   struck     a struck entry counts as if it had never been written: what it had overwritten stands again, and what
 *              overwrote it goes on standing. A strike may come before its entry, and wins in any order. Striking a
 *              strike takes it back.
 *   settled    conflict.settled is a write to the register it names, which has seen what it settles; two settlements
 *              that did not know of each other are again to settle.
 *
 * Texts that no view needs (notes) are not kept: the timeline reads them from the log. An event of a type or with a
 * field that this version does not know is kept as a stamp and counted. So is one that its writer had no say in: of a
 * type that only the hub writes and from another device, or about the site where the type is about a person (and the
 * other way round). A document is used by one thread at a time. */
#ifndef FELLOE_PROTO_DOCUMENT_H
#define FELLOE_PROTO_DOCUMENT_H

#include "proto/domain/catalogue.h"
#include "proto/domain/mark.h"

/* One opened event on its way into the fold. Of a person who is with several teams, a site's log holds copies of what
 * was written in the others: what is folded is the original, with the place of the copy. */
struct fold_event {
    struct position at;          /* epoch 0: an own event that has no position yet */
    uint32_t log;                /* site_tag of the log that `at` is of */
    uint32_t home;               /* site_tag of the site that it was written in, which seq and seen are about */
    struct position home_at;     /* of a copy: its position there */
    struct marks saw;            /* of a copy: what its writer had seen of other sites, as the hub found */
    struct device_id device;
    bool by_hub;                 /* that device is the hub itself */
    uint32_t incarnation;
    uint64_t seq;
    struct seen seen;
    struct event_id id;
    bool restricted;             /* a restricted key seals it: the story says so; the fold does not look at it */
    const struct event_body *body;
};

struct document;

struct document *document_new(void);           /* empty; NULL when memory ran out */
/* The same for whoever has one, or has kept document_version(): the whole catalogue need not be read for it. */
struct document *document_new_beside(const struct document *other);
struct document *document_new_of(uint64_t version);
void document_free(struct document *document);
void document_clear(struct document *document); /* keeps the memory for the next */
/* False when the bytes are not a document of this version and catalogue (then the subject is folded again from the
 * log), or memory ran out. The document is empty then. Nothing of `in` is needed afterwards. */
bool document_decode(struct document *document, struct bytes in);
void document_encode(const struct document *document, struct buffer *out);
/* Folding an event that is already there only teaches its position, when it had none in that epoch of that log, and
 * what else its writer had seen of other sites. False: memory ran out. Nothing of `event` is needed afterwards. */
bool document_fold(struct document *document, const struct fold_event *event);

/* Changes whenever document or rows would come out otherwise for the same events: what was folded under another
 * version is folded again. */
uint64_t document_version(void);

#endif
