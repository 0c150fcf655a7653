/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array of key ids; there are as many as a team has restricted audiences. */
#include "daemon/views/denied.h"

#include <stdlib.h>

void denied_init(struct denied *denied)
{
    *denied = (struct denied){0};
    pthread_mutex_init(&denied->mutex, NULL);
}

void denied_release(struct denied *denied)
{
    pthread_mutex_destroy(&denied->mutex);
    free(denied->ids);
}

/* Where it is, or would be. */
static size_t find(const struct denied *denied, const struct key_id *id, bool *there)
{
    size_t low = 0, high = denied->count;
    *there = false;
    while (low < high && !*there) {
        const size_t middle = low + (high - low) / 2;
        const int order = memcmp(&denied->ids[middle], id, sizeof *id);
        *there = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *there ? high : low;
}

static bool add(struct denied *denied, const struct key_id *id)
{
    bool there;
    const size_t at = find(denied, id, &there);
    if (there)
        return true;
    if (denied->count == denied->cap) {
        const size_t cap = denied->cap > 0 ? 2 * denied->cap : 64;
        struct key_id *grown = realloc(denied->ids, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        denied->ids = grown;
        denied->cap = cap;
    }
    memmove(&denied->ids[at + 1], &denied->ids[at], (denied->count - at) * sizeof *id);
    denied->ids[at] = *id;
    denied->count++;
    return true;
}

void denied_add(struct denied *denied, const struct key_id *ids, size_t count)
{
    pthread_mutex_lock(&denied->mutex);
    for (size_t i = 0; i < count && add(denied, &ids[i]); i++)
        ;
    pthread_mutex_unlock(&denied->mutex);
}

bool denied_has(struct denied *denied, const struct key_id *id)
{
    bool there;
    pthread_mutex_lock(&denied->mutex);
    find(denied, id, &there);
    pthread_mutex_unlock(&denied->mutex);
    return there;
}

void denied_clear(struct denied *denied)
{
    pthread_mutex_lock(&denied->mutex);
    denied->count = 0;
    pthread_mutex_unlock(&denied->mutex);
}
