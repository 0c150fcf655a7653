/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that are known to be for others in a site: the hub said so when they were asked for there. (A person who left
 * one team may be with another of this laptop's: what is denied in the one is had in the other.) Events that they seal
 * wait all the same, for a key that may come, and are not counted as lacking anything. Safe to use from any thread. */
#ifndef FELLOE_DAEMON_DENIED_H
#define FELLOE_DAEMON_DENIED_H

#include <pthread.h>

#include "proto/event/event.h"

struct denied_key {
    struct key_id id;
    uint32_t site;           /* site_tag */
};

struct denied {
    pthread_mutex_t mutex;
    struct denied_key *keys; /* by id, then site */
    size_t count, cap;
};

void denied_init(struct denied *denied);
void denied_release(struct denied *denied);
/* What there is no memory for is asked for again. */
void denied_add(struct denied *denied, struct bytes site, const struct key_id *ids, size_t count);
bool denied_has(struct denied *denied, struct bytes site, const struct key_id *id);
/* A new connection: the hub is asked again. */
void denied_clear(struct denied *denied);

#endif
