/* SPDX-License-Identifier: Apache-2.0 */
/* The box that a laptop's keys are wrapped for its hub in. Making it is X25519, as dear as all else that is done for a
 * hundred events, and it was made for each frame and each commit with a new person: it is made once. An open log has
 * one identity: the daemon opens it again when its keys, or its hub's, change, and to be locked. */
#include <sodium.h>

#include "daemon/log/log_internal.h"

void log_hub_box_init(struct log_hub_box *box)
{
    pthread_mutex_init(&box->mutex, NULL);
    box->made = false;
}

void log_hub_box_release(struct log_hub_box *box)
{
    sodium_memzero(&box->shared, sizeof box->shared);
    pthread_mutex_destroy(&box->mutex);
}

bool log_hub_box(struct event_log *log, struct box_shared *out)
{
    struct log_hub_box *box = &log->hub_box;
    pthread_mutex_lock(&box->mutex);
    if (!box->made)
        box->made = box_shared_of(&box->shared, &log->identity->hub_box, &log->identity->box_secret);
    const bool made = box->made;
    if (made)
        *out = box->shared;
    pthread_mutex_unlock(&box->mutex);
    return made;
}
