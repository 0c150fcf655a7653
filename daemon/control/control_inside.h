/* SPDX-License-Identifier: Apache-2.0 */
/* Between the server of the local socket (clients, frames) and the life of a request (steps, waits, work). */
#ifndef FELLOE_DAEMON_CONTROL_INSIDE_H
#define FELLOE_DAEMON_CONTROL_INSIDE_H

#include "daemon/control/control.h"
#include "daemon/loop.h"

/* Requests that have ended, of which the memory is used again: malloc keeps so few blocks of a size at hand that with a
 * hundred of them at once it was busy joining and splitting. */
struct control_spares {
    struct control_request *first; /* by `next` */
    unsigned count;
    size_t kept;                   /* the bytes that batches needed, for the next ones: new memory costs the more */
    struct loop_timer *rest;       /* when none has come for a moment they go back */
};
struct control_spares *control_spares(struct control_server *server);
/* False: memory ran out. */
bool control_spares_init(struct control_spares *spares, uv_loop_t *loop);
void control_spares_free(struct control_spares *spares);
/* Takes the first `size` bytes out of `in`, of which `payload` are the last. NULL when memory ran out. */
struct control_request *control_request_new(struct daemon *daemon, struct control_client *client, struct buffer *in,
                                            struct bytes payload, size_t size);
/* Finds the verb and begins it, or answers what is wrong with the request. */
void control_request_start(struct control_request *request);
void control_request_free(struct control_request *request);
/* What it waits for has happened, or never will: it goes on. Nothing happens while it is at work. */
void control_wake(struct control_request *request);
/* Sends what is in `out` without waiting, or drops it when the client is behind: for progress. */
void control_put_now(struct control_request *request);
/* Imports go one at a time, so that two of them cannot make one person twice. Calls `then` when it is this request's
 * turn (at once, or later); leave it exactly once. Before it `ahead` may be called: the one whose turn
 * it is has given all to the log (control_import_given), and what does not depend on it can be done meanwhile. Where
 * that takes steps, the last one is control_import_looked. */
void control_import_enter(struct control_request *request, control_step then, control_step ahead);
void control_import_given(struct control_request *request);
void control_import_looked(struct control_request *request, control_step then);
void control_import_leave(struct control_request *request);
/* Has this client imported before? */
bool control_has_imported(const struct control_request *request);
/* Is this the first import of this client? Says so once. */
bool control_import_first(struct control_request *request);
/* While the server pauses nothing that is at rest goes on: true then, and it is woken at the end of the pause. */
bool control_put_off(struct control_request *request);
bool control_paused(const struct control_server *server);
/* The list of those that wait for the projector; of imports: the first has its turn. */
struct control_request **control_waiting(struct control_server *server);
struct control_request **control_importing(struct control_server *server);
/* It goes on now. */
void control_take_turn(struct control_request *request);
/* Those that are checked together at the end of this turn of the loop. */
struct control_group *control_group_of(struct control_server *server);

#endif
