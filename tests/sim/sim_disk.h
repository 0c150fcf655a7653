/* SPDX-License-Identifier: Apache-2.0 */
/* What one simulated daemon has on its disk: own streams, site logs, receipts, anchors, meta. All of it is durable, and
 * all of it is in here, so that a copy of this struct is a copy of the directory: what a backup brings back. */
#ifndef FELLOE_TESTS_SIM_DISK_H
#define FELLOE_TESTS_SIM_DISK_H

#include "proto/event/batch.h"
#include "proto/sync/message.h"
#include "tests/lib/sync_store.h"

#define DISK_SITES 5

struct disk_entry {
    const struct pool_event *event;
    struct log_hash hash;           /* the log's, after it */
    bool own, is_signed;            /* own: one's own event, byte for byte */
    bool anchored;                  /* the hub's signature over the head here is kept */
    struct signature signature, head_signature;
};
struct disk_epoch {
    uint32_t epoch, count, cap;
    uint32_t since_anchor;          /* bytes of FEEDs since the last anchor */
    struct log_head cursor;         /* as committed, to be held against the entries */
    struct disk_entry *entries;
};

/* What this device wrote to a site in one incarnation. */
struct disk_stream {
    uint32_t incarnation;
    uint64_t count, cap;
    const struct pool_event **events;
    struct stream_head head;
    struct branches after;          /* what every event of it says of earlier incarnations */
    uint64_t shared_seq;            /* the receipt */
    struct event_id shared_id;
};
/* How far a stream was handed over by a laptop that was revoked. */
struct disk_handed {
    struct device_id device;
    uint32_t incarnation;
    struct stream_head head;
};
struct disk_site {
    char name[SLUG_MAX + 1];
    uint32_t epoch_count, stream_count;
    struct disk_epoch epochs[SEEN_MAX];
    struct disk_stream *streams;    /* the last one is the present incarnation's */
    const struct pool_event **aside; /* a hub's quarantine */
    uint32_t aside_count, handed_count;
    struct disk_handed *handed;
};
struct disk {
    uint32_t site_count;
    struct disk_site sites[DISK_SITES];
    uint32_t incarnation, going_on; /* a hub's incarnation is its epoch */
    uint64_t clock;                 /* the latest time given */
    const struct pool_event *rotten; /* an event whose bytes have rotted here; found at the next start */
};

void disk_release(struct disk *disk);
void disk_copy(struct disk *to, const struct disk *from); /* `to` is released first */
struct disk_site *disk_site(const struct disk *disk, struct bytes name);
struct disk_site *disk_add_site(struct disk *disk, const char *name);
/* Empty, but for the sites: the log is gone, keys and identity are not. */
void disk_forget(struct disk *disk, uint32_t incarnation);

/* ---- site logs ---- */
const struct disk_epoch *disk_epoch(const struct disk_site *site, uint32_t epoch);
uint64_t disk_count(const struct disk_site *site, uint32_t epoch);
struct log_head disk_head(const struct disk_site *site, uint32_t epoch);
const struct disk_entry *disk_at(const struct disk_site *site, struct position at);
/* At the end of an epoch; NULL when there are too many epochs. */
struct disk_entry *disk_append(struct disk_site *site, uint32_t epoch, const struct pool_event *event,
                               const struct signature *signature);
bool disk_has(const struct disk_site *site, const struct pool_event *event); /* in the site's log, at any position */
void disk_seen(const struct disk_site *site, struct seen *out);
/* The last event of each stream that the site's log has, in the order in which the streams began. */
typedef void (*disk_visit)(void *context, const struct device_id *device, uint32_t incarnation,
                           const struct stream_head *head);
void disk_streams(const struct disk_site *site, disk_visit visit, void *context);
/* As log_run_feed does: the head after a FEED of `bytes` is signed; where one OFFER could not reach further, the one
 * before stays signed too. */
void disk_sign_head(struct disk_site *site, uint32_t epoch, uint32_t before, uint32_t bytes, uint32_t offer_bytes,
                    const struct signature *signature);

/* ---- quarantine ---- */
bool disk_has_aside(const struct disk_site *site, const struct pool_event *event);
/* What comes into it, ascending; true when the stream's head in `head` has moved. */
bool disk_put_aside(struct disk_site *site, const struct pool_event *const *events, uint32_t count,
                    struct stream_head *head);

/* ---- own streams ---- */
struct disk_stream *disk_own(const struct disk_site *site);                       /* the present incarnation's */
struct disk_stream *disk_own_stream(const struct disk_site *site, uint32_t incarnation); /* NULL: none */
struct disk_stream *disk_begin_stream(struct disk_site *site, uint32_t incarnation);
void disk_own_append(struct disk_stream *stream, const struct pool_event *event);
/* Did this disk write it, in any incarnation? */
bool disk_wrote(const struct disk_site *site, const struct pool_event *event);

/* ---- bodies as PUSH, FEED and OFFER want them; to be returned ---- */
uint32_t disk_read_own(const struct disk *disk, const struct disk_site *site, uint64_t first_seq, uint32_t max_bytes,
                       struct lent *body, struct event_id *last_id);
uint32_t disk_read_feed(const struct disk *disk, const struct disk_site *site, struct position from,
                        uint32_t max_bytes, const struct device_id *device, uint32_t incarnation, struct lent *body,
                        struct log_head *head);
/* Up to the furthest signed head within max_bytes, else the first there is; 0: none. */
uint32_t disk_read_offer(const struct disk *disk, const struct disk_site *site, struct position from,
                         uint32_t max_bytes, struct lent *body, struct log_head *head, struct signature *signature);

#endif
