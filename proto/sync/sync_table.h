/* SPDX-License-Identifier: Apache-2.0 */
/* Finds things by a short key of fixed size (a stream, a device, a connection): a hash table from key to a number, and
 * the heads of a site's streams. For the sync machines and their drivers. Nothing here depends on addresses, so that a
 * run can be replayed exactly. */
#ifndef FELLOE_PROTO_SYNC_TABLE_H
#define FELLOE_PROTO_SYNC_TABLE_H

#include "proto/event/chain.h"

#define TABLE_KEY_MAX 20

struct table_slot {
    uint8_t key[TABLE_KEY_MAX];
    uint32_t value; /* UINT32_MAX: free */
};

/* Starts as {.key_size = …}. */
struct table {
    size_t key_size;
    struct table_slot *slots;
    uint32_t cap, count;
};
#define TABLE_NONE UINT32_MAX

void table_release(struct table *table);
uint32_t table_find(const struct table *table, const void *key); /* TABLE_NONE when it is not there */
bool table_put(struct table *table, const void *key, uint32_t value); /* false: memory ran out */
void table_remove(struct table *table, const void *key);

/* One stream of a site as a machine knows it. */
struct stream {
    struct device_id device;
    uint32_t incarnation;
    struct stream_head head;    /* with all that was accepted */
    struct stream_head durable; /* hub: as far as it is committed */
    struct stream_head before;  /* as it was when `touched` was set: see streams_begin */
    uint32_t touched;
    bool forked;                /* hub: it was seen with another history */
};

/* The streams of a site, in the order in which they were met. */
struct streams {
    struct table index;
    struct stream *items;
    uint32_t count, cap;
    uint32_t latest;       /* found last */
    uint32_t round;        /* of streams_begin */
    uint32_t count_before; /* streams when it began */
    uint32_t *changed;     /* streams touched in this round */
    uint32_t changed_count, changed_cap;
};

void streams_init(struct streams *streams);
void streams_release(struct streams *streams);
struct stream *streams_find(struct streams *streams, const struct device_id *device, uint32_t incarnation);
/* Finds or adds; NULL when memory ran out. The pointer holds until the next call that adds. */
struct stream *streams_get(struct streams *streams, const struct device_id *device, uint32_t incarnation);

/* A trial: begin, then advance heads; undo puts back all heads that were moved since, and takes away streams that were
 * added since: what does not verify leaves nothing, however many names it has. */
void streams_begin(struct streams *streams);
bool streams_advance(struct streams *streams, struct stream *stream, const struct event_clear *event,
                     const struct event_id *id); /* false: memory ran out */
void streams_undo(struct streams *streams);

#endif
