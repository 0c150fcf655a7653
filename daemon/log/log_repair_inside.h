/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a repair share: log_repair.c (the whole), log_repair_own.c (own events), log_repair_site.c (a site's
 * log). */
#ifndef FELLOE_DAEMON_LOG_REPAIR_INSIDE_H
#define FELLOE_DAEMON_LOG_REPAIR_INSIDE_H

#include "daemon/log/log_internal.h"
#include "daemon/log/log_repair.h"
#include "daemon/store/store_salvage.h"

struct repair {
    struct store_salvage *old;
    struct event_log *log;                /* the new one */
    const struct event_log_config *config;
    struct log_repair_result *out;
    struct felloe_error *error;
    uint32_t incarnation, epoch, going_on; /* as the damaged log has them; 0: not to be read */
    bool goes_on;                         /* own events are missing, or may be */
    bool no_memory;
};

/* Runs one job of the new log and waits for it. */
enum felloe_code repair_do(struct repair *r, struct log_job *job);

/* ---- own events of one site, in memory ---- */

struct own_ref {
    uint32_t incarnation;
    uint64_t seq, time;
    size_t at, len;       /* in `bytes` */
    struct event_id id;
    bool good;            /* it is what this device wrote */
};
struct own_events {
    struct buffer bytes;
    struct own_ref *refs; /* by incarnation and seq, each once */
    size_t count, cap;
};
/* False: memory ran out. */
bool own_events_load(struct repair *r, uint32_t number, const char *site, struct own_events *out);
void own_events_release(struct own_events *own);
const struct own_ref *own_events_find(const struct own_events *own, uint32_t incarnation, uint64_t seq);
static inline struct bytes own_ref_bytes(const struct own_events *own, const struct own_ref *ref)
{
    return bytes_of(own->bytes.data + ref->at, ref->len);
}
/* A laptop: puts them into the new log, with the receipt where it fits. */
enum felloe_code own_events_put(struct repair *r, uint32_t number, struct log_repair_site *site,
                                const struct own_events *own);

/* ---- a site's log ---- */

enum felloe_code repair_site_log(struct repair *r, uint32_t number, struct log_repair_site *site,
                                 const struct own_events *own);

#endif
