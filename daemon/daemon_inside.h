/* SPDX-License-Identifier: Apache-2.0 */
/* The running daemon as its own files see it:
 *
 *   daemon.c   opens, serves, closes; jobs that are done, signals, systemd
 *   reload.c   SIGHUP: the configuration read again
 *   unlock.c   a session begins with what the vault opened; locking, by a request or by the clock */
#ifndef FELLOE_DAEMON_DAEMON_INSIDE_H
#define FELLOE_DAEMON_DAEMON_INSIDE_H

#include "daemon/daemon.h"
#include "daemon/loop.h"

struct running {
    struct daemon daemon;
    uv_loop_t loop;
    int lock;
    enum felloe_code code;
    struct felloe_error error; /* why it could not be opened again */
    bool ending, again;
    bool hung_up; /* SIGHUP came while it was being opened again */
    struct loop_wake *completed, *changed;
    uint64_t told_commits; /* how far the projector was told of the log's */
    struct loop_signal *term, *interrupt, *hangup;
    struct loop_timer *keys_again, *watchdog;
    struct loop_timer *give_back; /* set: there was work, whose memory is given back soon */
    bool gives_back;
    uint64_t watchdog_ms;
    struct log_job beat; /* the watchdog's question to the log's writer */
    bool beating;
    struct identity *opened; /* what was unlocked, until all is opened again with it */
    char opened_by[SLUG_MAX + 1];
    bool anew;               /* at the end this program starts again, locked */
    struct loop_timer *idle;
};

static inline struct running *running_of(struct daemon *daemon)
{
    return (struct running *)((char *)daemon - offsetof(struct running, daemon));
}

/* The identity that was unlocked takes the place of the locked one. */
void daemon_take_opened(struct running *running);
/* Keys that came while they could not be opened are opened. */
void daemon_take_in_keys(struct daemon *daemon);
/* Before the log is opened: keys that go out, for the keys that the pair has now. */
void daemon_wrap_keys(struct daemon *daemon);
void daemon_drop_opened(struct running *running);
/* An idle laptop locks itself. */
void daemon_watch_idle(struct running *running);
void daemon_on_idle(void *context);
/* This program, with its arguments, in place of itself. Comes back only when that fails. */
enum felloe_code daemon_start_anew(struct felloe_error *error);

/* What of the configuration may change while the daemon runs does. */
void daemon_read_config(struct daemon *daemon);
void daemon_on_hangup(void *context);

#endif
