/* SPDX-License-Identifier: Apache-2.0 */
/* Logs held in memory, for tests that run the sync machines without a disk: own events, site logs by epoch, receipts.
 * What is in a store is durable: it outlives the machine that asked for it. */
#ifndef FELLOE_TESTS_SYNC_STORE_H
#define FELLOE_TESTS_SYNC_STORE_H

#include "proto/event/batch.h"
#include "proto/sync/message.h"
#include "proto/sync/sync_table.h"

/* An event as it was made; one pool holds each once, and stores point to it. */
struct pool_event {
    struct buffer raw;
    struct event_id id;
    struct device_id device;
    uint32_t incarnation;
    uint64_t seq;
    struct seen seen;
    bool held;        /* by the hub, at some time */
    uint32_t index;   /* in the pool */
    uint32_t content; /* what it says: the index of the event that first said it */
};
struct pool {
    struct pool_event **items;
    uint32_t count, cap;
    struct table by_id; /* first bytes of the id */
};
void pool_init(struct pool *pool);
void pool_release(struct pool *pool);
const struct pool_event *pool_find(const struct pool *pool, const struct event_id *id);
/* Makes the event that follows `head` in a stream, and moves the head. */
const struct pool_event *pool_make(struct pool *pool, struct bytes site, const struct device_id *device,
                                   uint32_t incarnation, struct stream_head *head, const struct seen *seen);

/* The same said again, as the event that follows `head` in another stream. */
const struct pool_event *pool_remake(struct pool *pool, struct bytes site, const struct pool_event *old,
                                     uint32_t incarnation, struct stream_head *head);

/* Takes over an event's bytes that somebody else has sealed, as they follow `head`, and moves it. */
const struct pool_event *pool_add(struct pool *pool, struct buffer *raw, const struct event_clear *clear,
                                  struct stream_head *head);

struct store_entry {
    const struct pool_event *event;
    struct log_head head; /* after it */
    bool is_signed;
    struct signature signature;
};
/* A head that the hub signed: the end of a FEED. */
struct store_anchor {
    uint64_t n;
    struct signature signature;
};
struct store_epoch {
    uint32_t epoch, count, cap;
    struct store_entry *entries;
    uint32_t anchor_count, anchor_cap;
    struct store_anchor *anchors;
};
struct store_site {
    char name[SLUG_MAX + 1];
    uint32_t epoch_count;
    struct store_epoch epochs[SEEN_MAX];
    /* a spoke's */
    const struct pool_event **own;
    uint64_t own_count, own_cap;
    struct stream_head own_head;
    uint64_t shared_seq;
    struct event_id shared_id;
};
struct store {
    uint32_t site_count;
    struct store_site sites[SITES_MAX];
    uint32_t epoch;                 /* a hub's */
    uint32_t incarnation, going_on; /* a spoke's */
};

void store_release(struct store *store);
void store_clone(const struct store *from, struct store *out); /* a backup */
struct store_site *store_site(struct store *store, struct bytes name);
struct store_site *store_add_site(struct store *store, const char *name);
/* The epoch's last head; the start of an empty one otherwise. */
struct log_head store_head(const struct store_site *site, uint32_t epoch);
/* Appends at the end of an epoch; false when memory ran out. */
bool store_append(struct store_site *site, uint32_t epoch, const struct pool_event *event,
                  const struct signature *signature);
bool store_anchor(struct store_site *site, const struct log_head *head, const struct signature *signature);
bool store_own_append(struct store_site *site, const struct pool_event *event);
bool store_holds(const struct store_site *site, const struct pool_event *event);
const struct store_entry *store_at(const struct store_site *site, struct position at);
void store_seen(const struct store_site *site, struct seen *out);
/* Visits the last event of each stream, in the order in which the streams began. */
void store_streams(const struct store_site *site,
                   void (*visit)(void *context, const struct device_id *device, uint32_t incarnation,
                                 const struct stream_head *head),
                   void *context);

/* Bodies as PUSH and FEED want them, from memory; the body is to be returned. */
uint32_t store_read_own(const struct store_site *site, uint64_t first_seq, uint32_t max_bytes, struct lent *body,
                        struct event_id *last_id);
uint32_t store_read_feed(const struct store_site *site, struct position from, uint32_t max_bytes,
                         const struct device_id *device, uint32_t incarnation, struct lent *body,
                         struct log_head *head);
/* OFFER's: up to the furthest anchor within max_bytes, else to the first there is; 0: to none. */
uint32_t store_read_offer(const struct store_site *site, struct position from, uint32_t max_bytes, struct lent *body,
                          struct log_head *head, struct signature *signature);

#endif
