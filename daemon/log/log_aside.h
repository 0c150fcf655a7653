/* SPDX-License-Identifier: Apache-2.0 */
/* The quarantine: what laptops that were revoked handed over. It lies in the log's file, so a backup of the log has it
 * too, and in no site's log: it has no position, and no part in views, feeds or chains, until somebody takes it in.
 *
 *   LOG_KEEP_ASIDE  a PUSH from a revoked device: its events that are not in the log, its keys as they came
 *   LOG_TAKE_ASIDE  events of one stream that follow the log go into it, as the events that they are
 *   LOG_DROP_ASIDE  all that is here of one device is removed
 *   LOG_CLEAN_ASIDE the keys of people who were erased are removed; none comes in any more
 *
 * How far a stream was handed over stays known after that, so that the laptop does not bring the same again. */
#ifndef FELLOE_DAEMON_LOG_ASIDE_H
#define FELLOE_DAEMON_LOG_ASIDE_H

#include "daemon/log/event_log.h"

/* More than a laptop's worker writes in a year; a thief shall not fill the disk. */
#define ASIDE_DEVICE_BYTES ((uint64_t)64 << 20)
#define ASIDE_ALL_BYTES    ((uint64_t)1 << 30)
#define ASIDE_STREAMS_MAX  256u /* of a device: site and incarnation */

/* Of the three jobs. */
struct log_aside {
    struct device_id device;
    uint32_t incarnation;    /* LOG_TAKE_ASIDE: the stream's, in job->site */
    int64_t wall_ms;         /* when */
    uint64_t device_bytes;   /* LOG_KEEP_ASIDE: the most there may be; 0: ASIDE_DEVICE_BYTES */
    /* results */
    bool full;               /* LOG_KEEP_ASIDE: there is no room, and nothing was kept */
    struct stream_head head; /* LOG_KEEP_ASIDE: how far the stream is here now, if that changed; else seq 0.
                                LOG_TAKE_ASIDE: how far it is in the log now */
    uint64_t count;          /* events kept, taken, removed */
    bool more;               /* LOG_TAKE_ASIDE, LOG_DROP_ASIDE: it did its share; once more */
};

struct aside_stream {
    struct device_id device;
    char site[SLUG_MAX + 1];
    uint32_t incarnation;
    uint64_t events, bytes;            /* here now; with the first of a site the bytes of the keys that came along */
    int64_t first_ms, last_ms;         /* when they came */
    uint64_t head_seq;
    struct event_id head_id;           /* how far it was ever handed over, one following the other */
    uint64_t taken, dropped;           /* of earlier ones */
    int64_t settled_ms;                /* when; 0: never */
};
/* Streams that were ever handed over, by device, site, incarnation; of one device alone, or of all (NULL). */
bool log_aside_streams(struct log_reader *reader, const struct device_id *device,
                       bool (*visit)(void *context, const struct aside_stream *stream), void *context);

enum aside_fit {
    ASIDE_FOLLOWS, /* it can be taken in (with those before it) */
    ASIDE_HELD,    /* the log has it */
    ASIDE_OTHER,   /* the log has another history in its place */
    ASIDE_GAP,     /* what it follows is neither here nor in the log */
    ASIDE_UNSEEN   /* it has seen what the log does not hold: the hub was put back */
};
struct aside_item {
    struct bytes event;
    struct event_id id;
    uint64_t seq;
    int64_t received_ms;
    enum aside_fit fit;
    bool is_signed;
    struct signature signature;
};
/* The events of a stream, ascending by seq. `fit` is told as far as one walk upward can: of two histories that both
 * follow the log it is the one that would be taken. */
bool log_aside_events(struct log_reader *reader, const struct aside_stream *stream,
                      bool (*visit)(void *context, const struct aside_item *item), void *context);
/* The key records that came along for a site, as they came. */
bool log_aside_keys(struct log_reader *reader, const struct device_id *device, struct bytes site,
                    bool (*visit)(void *context, struct bytes record), void *context);

struct aside_totals {
    uint64_t devices, events, bytes;
};
void log_aside_totals(struct log_reader *reader, struct aside_totals *out);

/* A row that is not what it says: what, in words. NULL: all is well so far. For verify. */
bool log_aside_verify(struct log_reader *reader, void (*problem)(void *context, const char *words), void *context);

#endif
