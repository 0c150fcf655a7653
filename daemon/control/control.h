/* SPDX-License-Identifier: Apache-2.0 */
/* One request of a client on its way through the daemon: what the verbs (control_*.c) know of the server.
 *
 * A verb begins on the loop's thread. It answers at once, or goes on in steps: each of control_work, control_wait_views
 * and control_send calls its continuation exactly once, on the loop, also when the client has left or the daemon ends
 * (then control_gone says so, and the verb finishes; what it says is thrown away). It ends with control_finish or
 * control_fail, and touches the request no more. */
#ifndef FELLOE_DAEMON_CONTROL_H
#define FELLOE_DAEMON_CONTROL_H

#include <stdatomic.h>

#include "daemon/daemon.h"
#include "proto/arena.h"
#include "proto/control.h"

/* What one answer holds in memory before the client has taken it. */
#define CONTROL_CHUNK (256u * 1024)
/* One DATA frame. */
#define CONTROL_DATA_TARGET (64u * 1024)
/* How long a view waits for what was durable when it was asked for. */
#define CONTROL_VIEW_WAIT_MS 10000u
#define CONTROL_ARGS_MAX 16u
#define CONTROL_TEXTS_MAX 64u

struct control_arg {
    struct bytes name;
    enum mp_type type;          /* MP_STR, MP_UINT, MP_INT, MP_BOOL; MP_ARRAY of texts */
    struct bytes text;
    int64_t integer;            /* also 0 or 1 of a bool */
    uint32_t first_text, text_count;
};

struct control_client;
struct checking;

struct control_request {
    struct daemon *daemon;
    struct control_client *client;   /* NULL when it has left */
    enum control_verb verb;
    int64_t uid;                     /* the system's user who asks; -1: not known */
    bool listed;                     /* in [users] of felloe.conf, and what stood there when it asked */
    struct config_user user;
    struct buffer frame;             /* the request's payload; arguments point into it */
    uint32_t arg_count;
    struct bytes items;              /* what follows the first object */
    struct buffer out;               /* frames to be sent */
    struct arena arena;              /* the verb's own; given back after its release, at the end */
    void *state;                     /* the verb's own; release frees it at the end */
    void (*release)(void *state);

    atomic_bool cancelled;           /* client left, or the daemon ends: long work looks at it */
    /* what is being waited for, and what then */
    enum { STEP_NONE, STEP_WORKING, STEP_SENDING, STEP_WAITING, STEP_TURN } waiting;
    struct control_request *earlier, *later; /* of this client, begun before and after it: answered in this order */
    bool lets_next, ended, comes_first;      /* see control_let_next, control_when_first */
    bool holds;                      /* the log or the views are in use also while it waits or sends */
    bool due;                        /* woken while the server pauses */
    bool given;                      /* control_import_given */
    void (*ahead)(struct control_request *request);     /* control_import_enter */
    void (*step)(struct control_request *request);
    void (*unseen)(struct control_request *request, const struct felloe_error *error); /* control_audit_or */
    const struct felloe_error *wrong;                                                  /* control_audit_fail */
    void (*work)(struct control_request *request);
    void (*check)(struct control_request *request, struct checking *checking); /* control_group_add */
    void (*ungathered)(struct control_request *request);
    uint64_t wait_commits;
    struct control_request *next, *previous, *next_waiting, *next_importing, *next_gathered;
    struct loop_timer *timer;
    size_t kept;                     /* see struct control_spares */
    /* a progress bar: the worker moves the numbers, the loop tells them */
    atomic_uint_fast64_t done, total;
    const char *progress_of;         /* NULL: none */
    /* not cleared beforehand */
    struct control_arg args[CONTROL_ARGS_MAX];
    struct bytes texts[CONTROL_TEXTS_MAX];
};

typedef void (*control_step)(struct control_request *request);
typedef void (*control_unseen)(struct control_request *request, const struct felloe_error *error);

bool control_gone(const struct control_request *request);
/* Runs `work` on a thread of the pool, then `then` on the loop. With `what`, progress (done, total) is told. */
void control_work(struct control_request *request, control_step work, control_step then, const char *what);
/* Goes on when the projector has folded what the log holds now; after CONTROL_VIEW_WAIT_MS in any case. */
void control_wait_views(struct control_request *request, control_step then);
/* The same for everything up to `commits`, waiting up to `wait_ms`. */
void control_wait_commits(struct control_request *request, uint64_t commits, uint64_t wait_ms, control_step then);
/* Sends what is in `out`, and goes on when the client has taken it. */
void control_send(struct control_request *request, control_step then);
void control_finish(struct control_request *request); /* sends what is in `out`: END is the verb's */
void control_fail(struct control_request *request, const struct felloe_error *error);

/* What is left of this one is the writer's: the client's next request may begin, if it records, so that a batch is made
 * ready while the one before it is committed. (Up to three are under way, and are answered in their order.) */
void control_let_next(struct control_request *request);
/* Goes on when no request of this client that came before is still under way. */
void control_when_first(struct control_request *request, control_step then);

/* ---- arguments ---- */
const struct control_arg *control_arg(const struct control_request *request, const char *name); /* NULL: not given */
struct bytes control_arg_text(const struct control_request *request, const char *name);         /* empty: not given */
int64_t control_arg_integer(const struct control_request *request, const char *name, int64_t otherwise);
bool control_arg_bool(const struct control_request *request, const char *name, bool otherwise);

/* ---- DATA frames ---- */
struct control_data {
    struct buffer *out;
    size_t begin;
    bool open;
};
/* Call before each item: opens a frame, or a new one where the open one is large. */
void control_data_item(struct control_data *data, struct buffer *out);
void control_data_end(struct control_data *data);

/* ---- the verbs, one function each: control_verb_RECORD … ---- */
#define V(id, name) void control_verb_##id(struct control_request *request);
CONTROL_VERBS(V)
#undef V

#endif
