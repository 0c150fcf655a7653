/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of a site's log that others tell of in their events (PROTOCOL.md section 3, `head`), compared with the log that
 * is here. Two devices that hold another hash at one position were told two stories by the hub, or one of them does not
 * tell the truth: each laptop is the others' witness. */
#ifndef FELLOE_DAEMON_WITNESS_H
#define FELLOE_DAEMON_WITNESS_H

#include "daemon/log/event_log.h"

enum testimony {
    HEAD_SAME,    /* the log that is here has that hash there */
    HEAD_OTHER,   /* it has another one */
    HEAD_BEHIND,  /* the event stands at or before the position that its writer had received when it wrote it, which no
                     one log can be: another story, too */
    HEAD_NOT_YET, /* this log does not reach that far (in that epoch) */
    HEAD_UNREAD   /* what is here cannot be read, which `felloe verify` tells */
};

struct told {
    struct log_head head;
    struct device_id device; /* who told it */
    struct position at;      /* where its event stands; epoch 0: nowhere yet */
    enum testimony outcome;
};

static inline bool testimony_contradicts(enum testimony outcome)
{
    return outcome == HEAD_OTHER || outcome == HEAD_BEHIND;
}

/* Puts them in the order of their heads' positions, and fills in the outcomes. Each entry of the log between the first
 * and the last is read once at the most. */
void witness_compare(struct log_reader *reader, struct bytes site, struct told *told, size_t count);

/* A growing list; starts as {0}. */
struct told_list {
    struct told *items;
    size_t count, cap;
};
/* What this body, of that device's event at that position, tells, if it does. False: memory ran out. */
bool told_add(struct told_list *list, const struct event_body *body, const struct device_id *device,
              struct position at);
void told_release(struct told_list *list);

#endif
