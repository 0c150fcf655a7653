/* SPDX-License-Identifier: Apache-2.0 */
/* A run of events of one site that a sync machine has checked and now wants made durable, or that a log has read for
 * it. One allocation per frame; the bytes stay where they arrived. */
#ifndef FELLOE_PROTO_BATCH_H
#define FELLOE_PROTO_BATCH_H

#include "proto/event/chain.h"
#include "proto/event/signature.h"

enum entry_flag {
    ENTRY_OWN = 1,       /* a marker: the event is in this device's own stream, `event` is empty */
    ENTRY_SIGNED = 2,    /* its author's signature over the stream up to here comes along */
    ENTRY_FIRST_KEY = 4, /* the first event of the site's log that uses its key */
    ENTRY_KNOWN = 8      /* with ENTRY_OWN: `id` was read from this device's own log, it is not the hub's word */
};

struct entry {
    struct bytes event; /* the event's bytes */
    struct event_id id;
    struct device_id device;
    uint32_t incarnation;
    uint64_t seq;
    struct key_id key;
    unsigned flags;
    struct signature signature; /* with ENTRY_SIGNED */
};

/* Memory that somebody lent: release(owner) gives it back, from any thread. {0} is "nothing". */
struct lent {
    struct bytes bytes;
    void (*release)(void *owner);
    void *owner;
};
void lent_return(struct lent *lent); /* releases once and leaves {0} */

/* A stream whose events are among these: each follows the one before, which was checked; its head before and after. */
struct batch_stream {
    struct device_id device;
    uint32_t incarnation;
    struct stream_head before, after;
};

struct batch {
    char site[SLUG_MAX + 1];
    uint32_t epoch;        /* FEED: which epoch these entries belong to */
    uint64_t first_n;      /* FEED: position of the first */
    struct log_head head;  /* FEED: the log's head after the last entry, checked; and the hub's signature over it */
    struct signature head_signature;
    struct log_hash before; /* FEED: the log's hash before the first entry, */
    bool hashed;            /* … if it was worked out, and at checkpoints among these: see batch_checkpoint */
    uint32_t stream_count;
    struct batch_stream *streams; /* PUSH: its author's. FEED: of each entry that is no marker. By malloc; batch_free
                                     frees it. NULL: not worked out */
    uint32_t key_count;
    struct bytes keys;     /* key_count key records, back to back, still wrapped */
    struct lent body;      /* what entries and keys point into */
    uint32_t count, room;
    struct entry entries[];
};

/* All zeros (count too), with room for `count` entries, which are not cleared; NULL when memory ran out or it is over
 * BATCH_ENTRIES_MAX. */
struct batch *batch_new(uint32_t count);
/* Of position n, one of this FEED's and a multiple of CHECKPOINT_EVERY. */
struct log_hash *batch_checkpoint(struct batch *batch, uint64_t n);
void batch_free(struct batch *batch); /* returns the body too; NULL is fine */

#endif
