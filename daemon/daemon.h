/* SPDX-License-Identifier: Apache-2.0 */
/* What one running felloed consists of. All of it lives on the loop's thread unless its header says otherwise. */
#ifndef FELLOE_DAEMON_DAEMON_H
#define FELLOE_DAEMON_DAEMON_H

#include "daemon/config.h"
#include "daemon/happened.h"
#include "daemon/lease.h"
#include "daemon/sync/driver.h"
#include "daemon/log/event_log.h"
#include "daemon/views/projector.h"
#include "daemon/views/settle_numbers.h"
#include "daemon/queue.h"
#include "daemon/terms.h"

struct uv_loop_s;
struct pool;
struct control_server;
struct audit;

/* How many likely duplicates the views had in each site, and in which state of them. Of the loop's thread. */
struct duplicates_known {
    struct views_state state; /* zeros: not counted yet */
    size_t count;
    struct {
        char site[SLUG_MAX + 1];
        uint64_t duplicates;
    } sites[SITES_MAX];
};

struct daemon {
    const char *dir;
    struct config config;
    struct identity identity;
    char worker[SLUG_MAX + 1];   /* whose session this is: who records, unless a request says otherwise */
    bool whole;                  /* the session is that of whose laptop this is: restricted keys are at hand */
    struct uv_loop_s *loop;
    struct pool *pool;           /* for what takes too long for the loop */
    struct queue completions;    /* finished log jobs; woken on the loop */
    struct keyring *keyring;
    struct event_log *log;
    struct projector *projector;
    struct driver *driver;
    struct control_server *control;
    struct happened happened;    /* what `felloe status` tells of it */
    struct terms terms;          /* what the hub told all laptops; at the hub, what it tells */
    enum terms_kept terms_kept;
    struct lease lease;
    struct loop_timer *hub_keys_timer; /* a hub whose keys are about to change */
    struct audit *audit;         /* the key that looks are sealed with; NULL before the first */
    struct settle_numbers *settle_numbers;
    struct duplicates_known duplicates;
    unsigned sites_adding; /* jobs under way; and whether the configuration was read again meanwhile */
    bool sites_again;
    uint64_t used_ms; /* when somebody used the record last */
    bool was_locked;  /* somebody has unlocked it: felloe.conf need not say that it locks */
    bool vault_busy;  /* somebody's passphrase is being tried, or changed */
};

/* Wall clock, ms since 1970; and a clock that only goes forward, ms. The only places that ask. */
int64_t clock_wall_ms(void);
uint64_t clock_steady_ms(void);
uint64_t clock_slept_ms(void); /* what of it this machine was asleep */
void random_bytes(void *out, size_t size);
void random_nonce(void *out, size_t size); /* what has to be new, but is no secret: cheap */

/* Opens all that the directory's daemon consists of, serves until a signal or daemon_stop ends it, and closes it again:
 * the local socket first (its requests use all the rest), then the driver, the projector, the log. */
enum felloe_code daemon_run(const char *dir, struct felloe_error *error);
/* Ends the loop; the daemon then closes what is open and returns `code`. */
void daemon_stop(struct daemon *daemon, enum felloe_code code);
/* Closes all of it and opens it again, without letting go of the directory: the log has another epoch, or
 * incarnation. */
void daemon_again(struct daemon *daemon);

/* Takes over an identity that the vault opened: all is closed and opened again with its keys, as this worker's session.
 * (The identity is copied.) */
void daemon_unlock(struct daemon *daemon, const struct identity *opened, const char *worker);
/* Ends, and starts this program anew, locked: nothing of what was open stays in memory. */
void daemon_lock(struct daemon *daemon);
/* Does a passphrase shut this directory? (Otherwise locking would be of no use: it opens by itself.) */
bool daemon_locks(const struct daemon *daemon);
/* Somebody uses the record. False: the time to lock had passed (the laptop slept), and it is being locked. */
bool daemon_used(struct daemon *daemon);

/* A hub's sites that its configuration has and its log has not: gives each a key, adds it, and tells the driver. */
void sites_add_new(struct daemon *daemon);

/* The local socket: who talks to the daemon (control_server.c), and what it answers (control_*.c). */
enum felloe_code control_server_open(struct control_server **out, struct daemon *daemon, struct felloe_error *error);
void control_server_close(struct control_server *server);
/* Between the two nothing that a client asked for touches the log or the views; clients stay, and wait. Pausing runs
 * the loop until what is at work has ended. */
void control_server_pause(struct control_server *server);
void control_server_resume(struct control_server *server);
/* Is anything of the record being asked for or recorded, but by those who follow? */
bool control_server_busy(const struct control_server *server);
/* The projector folded something (called on the loop): views that wait may go on, followers look again. */
void control_server_changed(struct control_server *server);

#endif
