/* SPDX-License-Identifier: Apache-2.0 */
/* A chunk's events in the order of whom they are about: first what may be shown to all, as the log has it, then what
 * restricted keys seal. */
#include <stdlib.h>

#include "daemon/views/projector_inside.h"

static int by_subject(const void *a, const void *b)
{
    const struct fold_item *x = *(const struct fold_item *const *)a, *y = *(const struct fold_item *const *)b;
    int order = memcmp(&x->subject, &y->subject, sizeof x->subject);
    if (order != 0)
        return order;
    if (x->restricted != y->restricted)
        return x->restricted ? 1 : -1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool is_sorted(struct fold_item *const *items, size_t count)
{
    size_t i = 1;
    while (i < count && by_subject(&items[i - 1], &items[i]) <= 0)
        i++;
    return i >= count;
}

/* What people's own keys seal the range has in this order; among it stand the few events of other keys. */
void chunk_sort(struct fold_chunk *chunk)
{
    struct fold_item *others[CHUNK_EVENTS_MAX], **items = chunk->items;
    size_t own = 0, other = 0;
    for (size_t i = 0; i < chunk->count; i++) {
        if (memcmp(&items[i]->subject, &items[i]->key, sizeof items[i]->key) == 0)
            items[own++] = items[i];
        else
            others[other++] = items[i];
    }
    if (other > 1)
        qsort(others, other, sizeof *others, by_subject);
    const bool sorted = is_sorted(items, own);
    for (size_t at = chunk->count; other > 0; at--)
        items[at - 1] = own > 0 && by_subject(&items[own - 1], &others[other - 1]) > 0 ? items[--own] : others[--other];
    if (!sorted)
        qsort(items, chunk->count, sizeof *items, by_subject);
}
