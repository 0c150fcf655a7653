/* SPDX-License-Identifier: Apache-2.0 */
/* The fold: document(subject) = all that the views need to know of one person (or of the site itself), made from the
 * set of that subject's events. Pure, idempotent and order-independent: the same set of events, in whatever order and
 * however often, gives the same bytes.
 *
 * Registers keep the maximal writes: a write is dropped when another write has seen it. "b has seen a" is: same stream
 * and a.seq < b.seq, or a has a position that b.seen covers. Because the hub accepts an event only when its log holds
 * what the event has seen, and `seen` never goes back along a stream, "has seen" is transitive, so dropping is safe. */
#ifndef FELLOE_PROTO_DOCUMENT_H
#define FELLOE_PROTO_DOCUMENT_H

#include "proto/catalogue.h"

/* One opened event on its way into the fold. */
struct fold_event {
    struct position at;          /* epoch 0: an own event that has no position yet */
    struct device_id device;
    uint32_t incarnation;
    uint64_t seq;
    struct seen seen;
    struct event_id id;
    const struct event_body *body;
};

struct document;

struct document *document_new(void);           /* empty; NULL when memory ran out */
void document_free(struct document *document);
void document_clear(struct document *document);
/* False when the bytes are not a document of this version (then the subject is folded again from the log). */
bool document_decode(struct document *document, struct bytes in);
void document_encode(const struct document *document, struct buffer *out);
/* Folding an event that is already there only teaches its position, when it had none. False: memory ran out. */
bool document_fold(struct document *document, const struct fold_event *event);

#endif
