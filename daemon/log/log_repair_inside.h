/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a repair share: log_repair.c (the whole), log_repair_names.c (what the damaged log says about
 * itself), log_repair_own.c (finding own events), log_repair_choose.c (which of them are true), log_repair_put.c (into
 * the new log), log_repair_site.c (a site's log). */
#ifndef FELLOE_DAEMON_LOG_REPAIR_INSIDE_H
#define FELLOE_DAEMON_LOG_REPAIR_INSIDE_H

#include "daemon/log/log_internal.h"
#include "daemon/log/log_repair.h"
#include "daemon/store/store_salvage.h"

/* A number that nothing proves, and that is above this, is damaged: a hub comes to some 70,000 at most, a laptop gets
 * its own from the hub's, or from here, some thousands at a time. */
#define NUMBER_MAX ((uint32_t)1 << 24)

/* ---- own events of one site, in memory ---- */

struct own_ref {
    uint32_t incarnation;
    uint64_t seq, time;
    size_t at, len; /* in `bytes` */
    struct event_id id, prev;
    bool opens;  /* under its key: this device wrote it */
    bool row;    /* pages lead to it: it was committed */
    bool good;   /* it is what stood in its place */
    bool placed; /* at a hub: the new log has it */
};
struct own_events {
    struct buffer bytes;
    struct own_ref *refs; /* as found; once chosen: the good ones, by incarnation and seq, each once */
    size_t count, cap;
    uint32_t *slots; /* by id: index + 1 */
    size_t slot_count;
};

/* What is kept about own streams beside the events: an event that is named there is a true one. */
enum own_namer { NAMED_BY_HEAD, NAMED_BY_OLDER_HEAD, NAMED_BY_RECEIPT };
struct own_name {
    enum own_namer by; /* an older head: not under the newest root */
    uint32_t incarnation;
    uint64_t seq;
    struct event_id id;
    struct signature signature; /* of a receipt: it holds */
};
#define OWN_NAMES_MAX 64u

struct repair_site {
    char name[SLUG_MAX + 1];
    uint32_t number; /* in the damaged log; SITES_MAX: not known */
    struct own_events own;
    struct own_name names[OWN_NAMES_MAX];
    uint32_t name_count;
    bool heads_whole; /* no head of the last commit is missing */
    struct log_repair_site *out;
};

struct repair {
    struct store_salvage *old;
    struct event_log *log; /* the new one */
    const struct event_log_config *config;
    struct log_repair_result *out;
    struct felloe_error *error;
    struct repair_site *sites; /* SITES_MAX of them */
    size_t site_count;
    uint32_t incarnation, epoch,
        highest;  /* under which it writes; the highest epoch, the highest incarnation known of */
    bool goes_on; /* own events are missing, or may be */
    bool no_memory;
};

/* Runs one job of the new log and waits for it. */
enum felloe_code repair_do(struct repair *r, struct log_job *job);
static inline bool repair_at_hub(const struct repair *r)
{
    return r->config->identity->role == ROLE_HUB;
}
static inline enum felloe_code repair_no_memory(struct repair *r)
{
    return felloe_fail(r->error, FELLOE_FAILED, "out of memory");
}
/* NULL: there is none of this name. */
struct repair_site *repair_site_named(struct repair *r, struct bytes name);
struct repair_site *repair_site_add(struct repair *r, struct bytes name, uint32_t number); /* NULL: no room */
/* Opened under its key, an event proves itself: what it says in clear is under the seal too. `plain` is wiped by the
 * caller. True with body->type empty: what was sealed is not well-formed. */
bool repair_opens(struct repair *r, const struct event *event, struct buffer *plain, struct event_body *body);

/* ---- what the damaged log says about itself; false: memory ran out ---- */

bool repair_read_sites(struct repair *r);
/* After the own events were chosen. */
bool repair_read_numbers(struct repair *r);
/* Which own events heads and receipts name. */
bool repair_read_own_names(struct repair *r, struct repair_site *site);

/* ---- own events ---- */

/* Of all sites. False: memory ran out. */
bool own_events_load(struct repair *r);
void own_events_choose(struct repair *r, struct repair_site *site);
void own_events_release(struct own_events *own);
/* NULL: it is not here. After they were chosen. */
struct own_ref *own_events_find(const struct own_events *own, uint32_t incarnation, uint64_t seq);
static inline struct bytes own_ref_bytes(const struct own_events *own, const struct own_ref *ref)
{
    return bytes_of(own->bytes.data + ref->at, ref->len);
}
/* Is the present incarnation's stream here from its first event to its last? */
bool own_events_whole(const struct repair *r, const struct repair_site *site);

/* A laptop: puts them into the new log, with the receipt where it fits. */
enum felloe_code own_events_put(struct repair *r, struct repair_site *site);
/* A hub, after its site's log was put: those that are not in it are written again. */
enum felloe_code own_events_again(struct repair *r, struct repair_site *site);

/* ---- a site's log ---- */

enum felloe_code repair_site_log(struct repair *r, struct repair_site *site);

#endif
