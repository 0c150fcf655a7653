/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that the writer has met: nearly every event's key was used before in its site, and is held, and to find that
 * out in the tables is a search from the root for each event. What is remembered is exact, whole ids; what is not is
 * looked up. The ids are random; whoever makes some that share a place makes a search of each, no more. */
#include <stdlib.h>

#include "daemon/log/log_internal.h"

#define FIRST_SETS 256u
#define SETS_MAX (128u * 1024 / MET_WAYS) /* 2.5 MiB: a team that looks after 100,000 people */

struct met_set {
    struct key_id ids[MET_WAYS];
    uint32_t flags[MET_WAYS]; /* 0: free, or nothing is known any more */
};

static struct met_set *set_of(const struct met_keys *met, const struct key_id *id)
{
    uint32_t hash;
    memcpy(&hash, id->b, sizeof hash);
    return &met->sets[hash & (met->set_count - 1)];
}

/* In front; the one that came first goes. */
static uint32_t *put_in(struct met_set *set, const struct key_id *id, uint32_t flags)
{
    memmove(set->ids + 1, set->ids, sizeof set->ids - sizeof set->ids[0]);
    memmove(set->flags + 1, set->flags, sizeof set->flags - sizeof set->flags[0]);
    set->ids[0] = *id;
    set->flags[0] = flags;
    return set->flags;
}

/* Twice as large, while it is small enough and there is memory; else as it is. */
static void grow(struct met_keys *met)
{
    struct met_keys larger = {.set_count = met->set_count > 0 ? met->set_count * 2 : FIRST_SETS};
    met->filled = 0; /* so that it is not tried at each key */
    if (larger.set_count > SETS_MAX)
        return;
    larger.sets = calloc(larger.set_count, sizeof *larger.sets);
    if (larger.sets == NULL)
        return;
    for (uint32_t i = 0; i < met->set_count; i++)
        for (unsigned way = MET_WAYS; way-- > 0;) { /* the oldest first: they stay in their order */
            const struct met_set *set = &met->sets[i];
            if (set->flags[way] == 0)
                continue;
            put_in(set_of(&larger, &set->ids[way]), &set->ids[way], set->flags[way]);
            larger.filled++;
        }
    free(met->sets);
    *met = larger;
}

uint32_t *log_meet(struct met_keys *met, const struct key_id *id)
{
    if (met->filled * 2 >= met->set_count * MET_WAYS)
        grow(met);
    met->none = 0;
    if (met->sets == NULL)
        return &met->none;
    struct met_set *set = set_of(met, id);
    for (unsigned way = 0; way < MET_WAYS; way++)
        if (memcmp(&set->ids[way], id, sizeof *id) == 0)
            return &set->flags[way];
    met->filled++;
    return put_in(set, id, 0);
}

void log_meet_soon(const struct met_keys *met, const struct key_id *id)
{
    if (met->sets == NULL)
        return;
    const struct met_set *set = set_of(met, id);
    __builtin_prefetch(set->ids);
    __builtin_prefetch(set->flags);
}

void log_met_unused(struct met_keys *met)
{
    for (uint32_t i = 0; i < met->set_count; i++)
        for (unsigned way = 0; way < MET_WAYS; way++)
            met->sets[i].flags[way] &= MET_HELD;
}

void log_met_release(struct met_keys *met)
{
    free(met->sets);
    *met = (struct met_keys){0};
}
