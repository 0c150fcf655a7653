/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a connection through the proxy: bytes in, told apart as ZMTP frames; the same bytes out, or what the
 * faults make of them, each piece when it is due and not faster than the link. No sockets here: the proxy has those. */
#ifndef FELLOE_TESTS_NET_WAY_H
#define FELLOE_TESTS_NET_WAY_H

#include "proto/bytes.h"

/* What may be changed while it runs, by its name. Chances are per 10,000 frames. */
struct faults {
    uint64_t rate;           /* bits a second in each direction, over all connections; 0: no limit */
    uint64_t buffer;         /* bytes that the link holds, each direction of each connection */
    uint64_t delay, jitter;  /* ms: each frame comes so much later, and up to so much more */
    uint64_t drop, twice, swap, cut; /* frames that vanish, come twice, change places; connections cut within a frame */
    uint64_t early;          /* connections cut before the first message, per 10,000 */
    uint64_t silent;         /* 1: nothing gets from laptop to hub, 2: from hub to laptop, 3: neither */
    uint64_t closed;         /* 1: who connects is hung up on */
};

struct way_counts {
    uint64_t bytes, frames, dropped, doubled, swapped, cut;
};

struct piece;
struct way {
    const struct faults *faults;
    struct way_counts *counts;
    uint64_t random;
    /* in */
    int part;
    uint8_t head[9];
    size_t head_len;
    uint64_t left;           /* bytes of the present part still to come */
    int fate;                /* of the present frame */
    uint64_t cut_after;      /* bytes of its body */
    struct buffer held;      /* the frame that comes twice or changes places */
    bool holding;            /* held is whole, and waits for the next frame to pass */
    uint64_t due_ms;         /* of the present frame */
    /* out */
    struct piece *first, **last;
    size_t waiting;          /* bytes */
    bool broken;             /* to be cut once what waits is out */
};

void way_init(struct way *way, const struct faults *faults, struct way_counts *counts, uint64_t seed);
void way_release(struct way *way);
void way_take(struct way *way, struct bytes bytes, uint64_t now_ms);
/* What may go out now, in one piece; empty when nothing is due. */
struct bytes way_ready(const struct way *way, uint64_t now_ms);
void way_sent(struct way *way, size_t len);

/* xorshift64*: below `limit` */
uint64_t way_random(uint64_t *state, uint64_t limit);

#endif
