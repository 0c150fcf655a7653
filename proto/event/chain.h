/* SPDX-License-Identifier: Apache-2.0 */
/* The two chains. A stream's events are linked by `prev`; a site's log is linked by a running hash over
 * (position, event id), one chain per epoch. */
#ifndef FELLOE_PROTO_CHAIN_H
#define FELLOE_PROTO_CHAIN_H

#include "proto/event/event.h"

/* What one device wrote to one site in one incarnation, up to its last event. {0} for an empty stream. */
struct stream_head {
    uint64_t seq;
    struct event_id id;
    struct seen seen;
};

enum stream_verdict {
    STREAM_NEXT, /* follows the head */
    STREAM_OLD,  /* seq at or below the head: already there (at the head itself the id was compared) */
    STREAM_GAP,  /* something between is missing */
    STREAM_FORK, /* same place, other history */
    STREAM_BAD   /* `seen` goes backwards */
};

enum stream_verdict stream_check(const struct stream_head *head, const struct event_clear *event,
                                 const struct event_id *id);
/* Makes the event the new head. Only after STREAM_NEXT. */
void stream_advance(struct stream_head *head, const struct event_clear *event, const struct event_id *id);

/* Head of an empty epoch: n = 0, hash = BLAKE2b-256("felloe log" NUL site NUL epoch as 4 bytes big-endian). */
void log_head_start(struct log_head *head, struct bytes site, uint32_t epoch);
/* The next position: n + 1, hash = BLAKE2b-256(hash, n as 8 bytes big-endian, event id). */
void log_head_advance(struct log_head *head, const struct event_id *id);

#endif
