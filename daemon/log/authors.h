/* SPDX-License-Identifier: Apache-2.0 */
/* What devices sign with, as a site's log tells a laptop: the hub says it in worker.joined, before anything of that
 * device gets a position. */
#ifndef FELLOE_DAEMON_AUTHORS_H
#define FELLOE_DAEMON_AUTHORS_H

#include "proto/event/signature.h"

struct author;
struct authors { /* starts as {0} */
    struct author *all;
    size_t count, cap;
};

/* Reads an event of the hub's; of other types it learns nothing. False: memory ran out. */
bool authors_learn(struct authors *authors, const struct event_body *body);
/* False: nobody has told. */
bool authors_find(const struct authors *authors, const struct device_id *device, struct sign_public *out);
void authors_release(struct authors *authors);

#endif
