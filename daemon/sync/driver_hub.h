/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's driver, as its files see it:
 *
 *   driver_hub.c       messages, ticks and completions in; sends and commits out; its life
 *   driver_hub_read.c  ranges, keys and hashes read for the machine on the thread pool
 *   enrol.c            a ticket's holder becomes a device */
#ifndef FELLOE_DAEMON_DRIVER_HUB_H
#define FELLOE_DAEMON_DRIVER_HUB_H

#include "daemon/sync/driver_inside.h"

/* The precomputed secret between the hub and one device. */
struct hub_box {
    struct device_id device;
    struct box_shared shared;
};

struct enrolment;

struct hub_driver {
    struct driver base;
    struct net_hub *net;
    struct hub *machine; /* NULL while it is made afresh */
    struct hub_outputs outputs;
    struct hub_box *boxes;
    size_t box_count, box_cap;
    struct enrolment *enrolments; /* under way */
    struct message message;       /* large; for what the driver itself reads and writes */
    int64_t last_contact_ms;
    char incident[200];
    uint64_t probed_ms; /* while the disk is full: when the log was last asked whether it still is */
};

static inline struct hub_driver *hub_of(struct driver *driver)
{
    return (struct hub_driver *)driver;
}

void driver_hub_step(struct hub_driver *h, struct hub_input *input);
/* NULL when the device is not known. */
const struct box_shared *driver_hub_box(const struct hub_driver *h, const struct device_id *device);
/* Lets a device in (or, when it is revoked, out): allow-list, machine and box. */
bool driver_hub_admit(struct hub_driver *h, const struct device_record *device);
/* Takes over header and body. */
void driver_hub_send(struct hub_driver *h, uint64_t peer, struct buffer *header, struct lent *body);
void driver_hub_refuse(struct hub_driver *h, uint64_t peer, uint64_t request, enum refusal reason, const char *text);

/* HUB_READ, HUB_READ_KEYS, HUB_HASH: takes what it needs of the output. */
void driver_hub_read(struct hub_driver *h, struct hub_output *output);

/* h->message holds a JOIN that came by this connection, with this ticket's key. */
void enrol(struct hub_driver *h, uint64_t peer, const struct net_key *ticket);

#endif
