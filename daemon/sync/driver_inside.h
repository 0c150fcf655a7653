/* SPDX-License-Identifier: Apache-2.0 */
/* What the two drivers share. For driver*.c and enrol.c alone.
 *
 * A driver owns its sync machine and feeds it one input at a time. What a machine asks for is performed in order: sends
 * at once, commits through the log's writer, reads on the thread pool. Reads go to the pool even though they take less
 * than a millisecond from memory, because the log may not be in memory: a cold disk would hold up every other peer and
 * the local socket. Every job and every read under way is counted; the driver closes, and starts its machine afresh,
 * only when none is left. */
#ifndef FELLOE_DAEMON_DRIVER_INSIDE_H
#define FELLOE_DAEMON_DRIVER_INSIDE_H

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/net/net.h"
#include "proto/mp.h"
#include "proto/sync/sync_hub.h"
#include "proto/sync/sync_spoke.h"

/* A PUSH or a FEED of so many is one of a backlog, or of a long log: more follows, and nobody waits for views of it. */
#define BACKLOG_ENTRIES 64u

/* One implementation a role. */
struct driver_role {
    enum felloe_code (*open)(struct driver *driver, struct felloe_error *error);
    void (*close)(struct driver *driver);   /* nothing is under way any more */
    void (*hang_up)(struct driver *driver); /* closes the network */
    void (*tick)(struct driver *driver);
    uint64_t (*deadline)(const struct driver *driver);
    enum felloe_code (*load)(struct driver *driver, struct felloe_error *error); /* a new machine from the log */
    void (*unload)(struct driver *driver);
    void (*recorded)(struct driver *driver, struct log_job *job);
    void (*need_keys)(struct driver *driver, struct bytes site, const struct key_id *keys, size_t count);
    void (*views_changed)(struct driver *driver);
    void (*status)(struct driver *driver, struct link_status *out);
    void (*site_status)(struct driver *driver, struct bytes site, struct site_link *out);
    bool (*device_heard)(struct driver *driver, const struct device_id *device, struct device_heard *out);
};

struct driver {
    const struct driver_role *role;
    struct daemon *daemon;
    struct loop_timer *ticker, *restarter;
    unsigned under_way; /* jobs and reads */
    bool closing;
    bool restarting;         /* the machine is of no use; a new one is made when nothing is under way */
    bool halted;             /* … and not before a job is done that all of the log depends on */
    unsigned restarts;       /* in a row */
    char trouble[200];       /* why it was restarted; empty when all is well */
    struct mp_reader reader; /* large; for unwrapping */
};

extern const struct driver_role driver_hub_role, driver_spoke_role;
size_t driver_hub_size(void);
size_t driver_spoke_size(void);

/* After each step: when the machine is to be asked again. */
void driver_retick(struct driver *driver);
/* The machine cannot go on (a commit failed, memory ran out): afresh from the log, after a pause that grows. When the
 * log itself has failed, the daemon ends with FELLOE_STORAGE instead. */
void driver_restart(struct driver *driver, const char *why);
/* The machine does nothing more until one of the two that follow, or daemon_again. */
void driver_halt(struct driver *driver);
/* A new machine from the log without a pause: what the old one was made from has changed. */
void driver_reload(struct driver *driver);
/* It works (again). */
void driver_works(struct driver *driver);

/* A job for the log's writer on behalf of the driver. `done` must call driver_job_end. NULL when memory ran out. */
struct driver_job {
    struct log_job job;
    struct driver *driver;
    uint64_t ticket;
    struct device_id device; /* LOG_KEEP_OFFER: whose it is */
    void *enrolment;
};
struct driver_job *driver_job_new(struct driver *driver, enum log_job_kind kind, struct bytes site,
                                  void (*done)(struct log_job *job));
static inline struct driver_job *driver_job_of(struct log_job *job)
{
    return (struct driver_job *)((char *)job - offsetof(struct driver_job, job));
}
void driver_job_submit(struct driver_job *job);
/* Frees the job with its batch, receipt, device, ticket and keys (wiped). */
void driver_job_end(struct driver_job *job);

/* Work on the thread pool on behalf of the driver; `done` must call driver_work_end. */
bool driver_work(struct driver *driver, loop_call work, loop_call done, void *context);
void driver_work_end(struct driver *driver);

/* The shared secrets of two whose keys may be about to change: each of the one's with each of the other's. The first is
 * what is wrapped with now; what came is opened with whichever fits. */
#define BOX_PAIRS_MAX 9
struct box_pairs {
    struct box_shared at[BOX_PAIRS_MAX];
    size_t count;
};
/* Of up to three keys on each side, the present one first; what is all zeros does not count. False when the present
 * ones do not make a pair. */
bool driver_pairs(const struct box_secret *const own[3], const struct box_public *const theirs[3],
                  struct box_pairs *out);

/* Opens `count` key records. Those that cannot be opened are left out, with a report: whoever needs them asks again. */
struct key_record *driver_unwrap(struct driver *driver, struct bytes records, uint32_t count,
                                 const struct box_pairs *pairs, size_t *opened);

#endif
