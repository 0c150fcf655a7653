/* SPDX-License-Identifier: Apache-2.0 */
/* The running daemon as its own files see it:
 *
 *   daemon.c   opens, serves, closes; jobs that are done, signals, systemd
 *   reload.c   SIGHUP: the configuration read again */
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
    struct loop_signal *term, *interrupt, *hangup;
    struct loop_timer *keys_again, *watchdog;
    uint64_t watchdog_ms;
    struct log_job beat; /* the watchdog's question to the log's writer */
    bool beating;
};

static inline struct running *running_of(struct daemon *daemon)
{
    return (struct running *)((char *)daemon - offsetof(struct running, daemon));
}

/* What of the configuration may change while the daemon runs does. */
void daemon_read_config(struct daemon *daemon);
void daemon_on_hangup(void *context);

#endif
