/* SPDX-License-Identifier: Apache-2.0 */
/* The verb view, on its way: what its parts share. */
#ifndef FELLOE_DAEMON_CONTROL_VIEW_H
#define FELLOE_DAEMON_CONTROL_VIEW_H

#include "daemon/control/control_audit.h"
#include "daemon/control/control_query.h"
#include "daemon/views/view_linked.h"
#include "daemon/views/view_team.h"
#include "daemon/views/view_told.h"

/* A laptop that the hub let in no more, and why. */
struct revoked_device {
    struct device_id device;
    char why[LABEL_MAX + 1];
};

struct viewing {
    struct view_wish wish;
    struct felloe_error error;
    struct progress_table table;
    struct query_rows rows;
    size_t next, last;              /* rows that are still to be sent */
    struct buffer names;            /* map worker -> name */
    struct person_id people[LINKED_MAX]; /* that somebody asked about: one, and the records linked with it */
    size_t people_count;
    struct buffer about;            /* pairs about the person */
    uint32_t about_count;
    struct team worker, team;
    struct heard_device *devices;
    size_t device_count;
    struct revoked_device *revoked;
    size_t revoked_count;
    uint64_t after, limit;
    struct control_shown shown;     /* whom the answer is about */
};

/* freshness: what the views know, then (on the loop, where the driver can be asked) the rows. */
void view_read_devices(struct viewing *v, struct reading *reading);
void view_add_freshness(struct control_request *request);

#endif
