/* SPDX-License-Identifier: Apache-2.0 */
/* Marks: places in the logs of several sites, for what is about a person whom several teams support. */
#ifndef FELLOE_PROTO_MARK_H
#define FELLOE_PROTO_MARK_H

#include "proto/id.h"

/* A position, and of which site's log (site_tag): what is about a person who is with two teams has positions in both
 * logs, and what a writer had seen of the one says nothing about the other.
 *
 * An odd tag sets a mark apart: among the positions of an event that is shared with other sites it is the place of a
 * copy; in `seen` it is what the hub found that the writer had seen of another site, which is about what was written
 * in that site, and not about what was copied to it. */
struct site_mark {
    uint32_t site;
    uint32_t epoch;
    uint64_t n;
};
#define MARK_APART 1u

/* Those of the event's own site first, then by tag; ascending by epoch. An event has no position until the hub gave it
 * one, and may come to have one per epoch of a log. */
struct marks {
    const struct site_mark *at;
    uint32_t count;
};

/* Of a site's name, even: the first 4 bytes of its BLAKE2b-256. */
uint32_t site_tag(struct bytes site);

#endif
