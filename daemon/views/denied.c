/* SPDX-License-Identifier: Apache-2.0 */
/* A sorted array; there are as many as a team has restricted audiences. */
#include "daemon/views/denied.h"

#include <stdlib.h>

#include "proto/domain/mark.h"

void denied_init(struct denied *denied)
{
    *denied = (struct denied){0};
    pthread_mutex_init(&denied->mutex, NULL);
}

void denied_release(struct denied *denied)
{
    pthread_mutex_destroy(&denied->mutex);
    free(denied->keys);
}

/* Where it is, or would be. */
static size_t find(const struct denied *denied, const struct denied_key *key, bool *there)
{
    size_t low = 0, high = denied->count;
    *there = false;
    while (low < high && !*there) {
        const size_t middle = low + (high - low) / 2;
        const struct denied_key *found = &denied->keys[middle];
        int order = memcmp(&found->id, &key->id, sizeof key->id);
        if (order == 0)
            order = (found->site > key->site) - (found->site < key->site);
        *there = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *there ? high : low;
}

static bool add(struct denied *denied, const struct denied_key *key)
{
    bool there;
    const size_t at = find(denied, key, &there);
    if (there)
        return true;
    if (denied->count == denied->cap) {
        const size_t cap = denied->cap > 0 ? 2 * denied->cap : 64;
        struct denied_key *grown = realloc(denied->keys, cap * sizeof *grown);
        if (grown == NULL)
            return false;
        denied->keys = grown;
        denied->cap = cap;
    }
    memmove(&denied->keys[at + 1], &denied->keys[at], (denied->count - at) * sizeof *key);
    denied->keys[at] = *key;
    denied->count++;
    return true;
}

void denied_add(struct denied *denied, struct bytes site, const struct key_id *ids, size_t count)
{
    const uint32_t tag = site_tag(site);
    bool fine = true;
    pthread_mutex_lock(&denied->mutex);
    for (size_t i = 0; i < count && fine; i++)
        fine = add(denied, &(struct denied_key){ids[i], tag});
    pthread_mutex_unlock(&denied->mutex);
}

bool denied_has(struct denied *denied, struct bytes site, const struct key_id *id)
{
    const struct denied_key key = {*id, site_tag(site)};
    bool there;
    pthread_mutex_lock(&denied->mutex);
    find(denied, &key, &there);
    pthread_mutex_unlock(&denied->mutex);
    return there;
}

void denied_clear(struct denied *denied)
{
    pthread_mutex_lock(&denied->mutex);
    denied->count = 0;
    pthread_mutex_unlock(&denied->mutex);
}
