/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the own events that were found are those that stood in the damaged log. One that opens under its key was
 * written here; but it may be of a commit that failed (the disk was full, and it was written again with other bytes).
 *
 *   first   what pages lead to was committed
 *   then    what a head, a receipt or the next event's `prev` names
 *   then    what follows the one before it
 *   then    what contradicts neither
 *
 * Of what nothing leads to or names, that beyond the stream's head was never said to be saved. */
#include <stdlib.h>

#include "daemon/log/log_repair_inside.h"

/* Those that stand for one number: [from, to) of the array, ascending by incarnation and seq. */
struct group {
    size_t from, to;
};

static int compare_places(uint32_t a_incarnation, uint64_t a_seq, uint32_t b_incarnation, uint64_t b_seq)
{
    int order = (a_incarnation > b_incarnation) - (a_incarnation < b_incarnation);
    return order != 0 ? order : (a_seq > b_seq) - (a_seq < b_seq);
}

/* The latest first: a commit that was tried again is later than the one that failed. */
static int compare_refs(const void *left, const void *right)
{
    const struct own_ref *a = left, *b = right;
    int order = compare_places(a->incarnation, a->seq, b->incarnation, b->seq);
    return order != 0 ? order : (a->time < b->time) - (a->time > b->time);
}

static struct own_ref *chosen(struct own_events *own, struct group g)
{
    for (size_t i = g.from; i < g.to; i++)
        if (own->refs[i].good)
            return &own->refs[i];
    return NULL;
}

static struct group group_from(const struct own_events *own, size_t from)
{
    struct group g = {from, from};
    while (g.to < own->count && own->refs[g.to].incarnation == own->refs[from].incarnation &&
           own->refs[g.to].seq == own->refs[from].seq)
        g.to++;
    return g;
}

static struct group group_to(const struct own_events *own, size_t to)
{
    struct group g = {to, to};
    while (g.from > 0 && own->refs[g.from - 1].incarnation == own->refs[to - 1].incarnation &&
           own->refs[g.from - 1].seq == own->refs[to - 1].seq)
        g.from--;
    return g;
}

/* The one chosen for the number before, or after; NULL: none is. */
static struct own_ref *before(struct own_events *own, struct group g)
{
    const struct own_ref *here = &own->refs[g.from];
    struct own_ref *ref = g.from > 0 ? chosen(own, group_to(own, g.from)) : NULL;
    return ref != NULL && ref->incarnation == here->incarnation && ref->seq + 1 == here->seq ? ref : NULL;
}

static struct own_ref *after(struct own_events *own, struct group g)
{
    const struct own_ref *here = &own->refs[g.from];
    struct own_ref *ref = g.to < own->count ? chosen(own, group_from(own, g.to)) : NULL;
    return ref != NULL && ref->incarnation == here->incarnation && ref->seq == here->seq + 1 ? ref : NULL;
}

/* ---- choosing ---- */

static bool is_named(const struct repair_site *site, const struct own_ref *ref)
{
    for (uint32_t i = 0; i < site->name_count; i++) {
        const struct own_name *name = &site->names[i];
        if (name->incarnation == ref->incarnation && name->seq == ref->seq && event_id_equal(&name->id, &ref->id))
            return true;
    }
    return false;
}

static void choose_committed(struct repair_site *site)
{
    struct own_events *own = &site->own;
    for (size_t at = 0; at < own->count;) {
        const struct group g = group_from(own, at);
        at = g.to;
        for (size_t i = g.from; i < g.to && chosen(own, g) == NULL; i++)
            own->refs[i].good = own->refs[i].row && own->refs[i].opens;
    }
}

/* Of two that were committed, and of which one names the other, that one is whole. */
static bool is_named_by_row(const struct own_events *own, struct group g, const struct own_ref *ref)
{
    bool named = false;
    for (size_t i = g.to;
         ref->row && i < own->count && own->refs[i].incarnation == ref->incarnation && own->refs[i].seq == ref->seq + 1;
         i++)
        named |= own->refs[i].row && event_id_equal(&own->refs[i].prev, &ref->id);
    return named;
}

/* From the last to the first: what is named. These need no key. */
static void choose_named(struct repair_site *site)
{
    struct own_events *own = &site->own;
    for (size_t to = own->count; to > 0;) {
        const struct group g = group_to(own, to);
        const struct own_ref *next = after(own, g);
        to = g.from;
        for (size_t i = g.from; i < g.to && chosen(own, g) == NULL; i++) {
            struct own_ref *ref = &own->refs[i];
            ref->good = next != NULL ? event_id_equal(&next->prev, &ref->id)
                                     : is_named(site, ref) || is_named_by_row(own, g, ref);
        }
    }
}

/* From the first to the last: what follows; with `loose`, also where the one before it is missing. */
static void choose_following(struct repair_site *site, bool loose)
{
    struct own_events *own = &site->own;
    for (size_t at = 0; at < own->count;) {
        const struct group g = group_from(own, at);
        const struct own_ref *last = before(own, g), *next = after(own, g);
        at = g.to;
        if (last == NULL && !loose && own->refs[g.from].seq > 1)
            continue;
        for (size_t i = g.from; i < g.to && chosen(own, g) == NULL; i++) {
            struct own_ref *ref = &own->refs[i];
            ref->good = ref->opens && (last == NULL || event_id_equal(&ref->prev, &last->id)) &&
                        (next == NULL || event_id_equal(&next->prev, &ref->id));
        }
    }
}

/* ---- the end of a stream ---- */

/* The newest head of an incarnation, where the event that it names is here. */
static bool proven_end(const struct repair *r, const struct repair_site *site, uint32_t incarnation, uint64_t *seq)
{
    if (!store_salvage_is_newest(r->old))
        return false;
    for (uint32_t i = 0; i < site->name_count; i++) {
        const struct own_name *name = &site->names[i];
        const struct own_ref *last = name->by == NAMED_BY_HEAD && name->incarnation == incarnation
                                         ? own_events_find(&site->own, incarnation, name->seq)
                                         : NULL;
        if (last == NULL || !event_id_equal(&last->id, &name->id))
            continue;
        *seq = name->seq;
        return true;
    }
    return false;
}

static void keep_good(struct own_events *own)
{
    size_t kept = 0;
    for (size_t i = 0; i < own->count; i++)
        if (own->refs[i].good)
            own->refs[kept++] = own->refs[i];
    own->count = kept;
}

static void leave_out_failed(const struct repair *r, struct repair_site *site)
{
    struct own_events *own = &site->own;
    for (size_t at = 0; at < own->count;) {
        size_t to = at;
        uint64_t end = UINT64_MAX;
        const uint32_t incarnation = own->refs[at].incarnation;
        bool proven = proven_end(r, site, incarnation, &end);
        for (; to < own->count && own->refs[to].incarnation == incarnation; to++)
            own->refs[to].good = !proven || own->refs[to].seq <= end || own->refs[to].row;
        at = to;
    }
    keep_good(own);
}

void own_events_choose(struct repair *r, struct repair_site *site)
{
    struct own_events *own = &site->own;
    if (own->count > 1)
        qsort(own->refs, own->count, sizeof *own->refs, compare_refs);
    free(own->slots); /* of the order before */
    own->slots = NULL;
    own->slot_count = 0;
    choose_committed(site);
    for (unsigned turn = 0; turn < 2; turn++) {
        choose_named(site);
        choose_following(site, turn > 0);
    }
    choose_named(site);
    keep_good(own);
    leave_out_failed(r, site);
}

struct own_ref *own_events_find(const struct own_events *own, uint32_t incarnation, uint64_t seq)
{
    size_t low = 0, high = own->count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int order = compare_places(own->refs[middle].incarnation, own->refs[middle].seq, incarnation, seq);
        if (order == 0)
            return &own->refs[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

bool own_events_whole(const struct repair *r, const struct repair_site *site)
{
    uint64_t seq = 0, end = 0;
    struct event_id last = {{0}};
    for (size_t i = 0; i < site->own.count; i++) {
        const struct own_ref *ref = &site->own.refs[i];
        if (ref->incarnation != r->incarnation)
            continue;
        if (ref->seq != seq + 1 || !event_id_equal(&ref->prev, &last))
            return false;
        seq = ref->seq;
        last = ref->id;
    }
    for (uint32_t i = 0; i < site->name_count;
         i++) /* of which each may be damaged: then it is as if some were missing */
        if (site->names[i].incarnation == r->incarnation && site->names[i].seq > end)
            end = site->names[i].seq;
    if (end == 0)
        return seq == 0 && site->heads_whole;
    return end == seq && proven_end(r, site, r->incarnation, &end) && end == seq;
}
