/* SPDX-License-Identifier: Apache-2.0 */
/* What drafts are checked in: a reading of log and views, and what the views had folded before it began. And small
 * requests together: all that came in one turn of the loop are checked in one reading, by the loop itself, since
 * handing each to the pool and back costs more than the check. */
#ifndef FELLOE_DAEMON_CONTROL_GROUP_H
#define FELLOE_DAEMON_CONTROL_GROUP_H

#include "daemon/control/control_query.h"

struct checking {
    struct reading reading;
    bool behind;                    /* the views had not folded all that was durable */
    size_t site_count;
    struct site_seen {
        char site[SLUG_MAX + 1];
        struct seen seen;
    } sites[SITES_MAX];             /* noted first: an event never claims to have seen more than it was checked in */
};
/* Ends itself when it fails. Without `wait` it also fails, in no words, while the views are being made anew. */
enum felloe_code checking_begin(struct checking *checking, struct daemon *daemon, bool wait,
                                struct felloe_error *error);
void checking_end(struct checking *checking);
/* What an event of this site has seen. */
const struct seen *checking_seen(const struct checking *checking, const char *site);

struct control_group;
/* NULL when memory ran out. */
struct control_group *control_group_new(struct daemon *daemon);
void control_group_free(struct control_group *group); /* nobody is in it; NULL is fine */

typedef void (*control_check)(struct control_request *request, struct checking *checking);
/* At the end of this turn `check` is called with the turn's reading, which it neither keeps nor ends, and then, without
 * one, `then`. Where there can be no reading now, `otherwise` is called instead of both, as a step of its own. */
void control_group_add(struct control_request *request, control_check check, control_step then,
                       control_step otherwise);

/* Gives a job to the log. What the steps at the end of a turn give goes there together: given one by one, the first
 * would get a commit of its own, and all others wait for that. */
struct log_job;
void control_group_submit(struct control_group *group, struct log_job *job);
/* What was given so far goes there now: before the loop is run inside of a step. */
void control_group_flush(struct control_group *group);

#endif
