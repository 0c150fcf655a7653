/* SPDX-License-Identifier: Apache-2.0 */
/* Before anything of a person's record is sent to a client, it is recorded that it was: who, whom, how. A verb gathers
 * the people whom its answer shows (or the next piece of it), and sends on in `then`, which is called once that is
 * durable. If it cannot be made so, the request fails in words and `then` is not called: nothing was shown. */
#ifndef FELLOE_DAEMON_CONTROL_AUDIT_H
#define FELLOE_DAEMON_CONTROL_AUDIT_H

#include "daemon/control/control.h"

struct finder;

/* People who are about to be shown; starts as {0}, release it. What was noted for this request stays noted: whoever is
 * shown in its next piece too is not recorded again. May be filled on any thread. */
struct control_shown {
    struct person_id *people; /* the first `noted` ascending */
    size_t count, cap, noted;
    bool failed;              /* memory ran out */
};
void control_shown_release(struct control_shown *shown);
void control_shown_add(struct control_shown *shown, const struct person_id *person); /* nobody for zeros */
/* Who could be meant, where the finder has just named several. */
void control_shown_told(struct control_shown *shown, const struct finder *finder);
/* All people that a row (an array) names: its binaries of 16 bytes, also in arrays within. */
void control_shown_row(struct control_shown *shown, struct bytes row);

/* `how`: show, view, search, log, export, news, audit …; `what`: the view's name, or "". Where nobody new is shown
 * `then` is called at once. Otherwise exactly one of `then` and the request's failure comes, on the loop, later; at a
 * pause the request counts as at work. It is the last thing that a step does. */
void control_audit(struct control_request *request, struct control_shown *shown, const char *how, const char *what,
                   control_step then);
/* The same; but where it cannot be recorded `unless` goes on, and shows nobody. */
void control_audit_or(struct control_request *request, struct control_shown *shown, const char *how, const char *what,
                      control_step then, control_unseen unless);
/* Fails the request with `error` (which lives on in its state), which may name people: after the look was recorded. */
void control_audit_fail(struct control_request *request, struct control_shown *shown, const char *how,
                        const struct felloe_error *error);
/* A client that shows a person's record asks for it in pieces: the story, then what other views have about them. That
 * is one look. `shown` are people whose whole record this client was just shown; it covers them for a minute. */
#define CONTROL_RECENT_MS 60000u
struct control_recent {
    struct control_shown shown;
    uint64_t at_ms;
};
void control_recent_keep(struct control_request *request, const struct control_shown *shown);
bool control_recent_covers(const struct control_request *request, const struct control_shown *shown);
/* NULL: the client has left. */
struct control_recent *control_recent(const struct control_request *request);

/* The system's user at the other end; -1: not known (any more). */
int64_t control_uid(const struct control_request *request);

#endif
