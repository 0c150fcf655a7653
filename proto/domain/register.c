/* SPDX-License-Identifier: Apache-2.0 */
/* Which writes stand, and what the merge rules make of them. */
#include "proto/domain/register.h"

#include <stdlib.h>

#include <sodium.h>

#include "proto/endian.h"

uint32_t site_tag(struct bytes site)
{
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, site.data, site.len, NULL, 0);
    return get_be32(hash) & ~MARK_APART;
}

/* ---- who had seen whom ---- */

/* Of one epoch of one log, and not what is about originals against the place of a copy. */
static bool is_about(const struct site_mark *seen, const struct site_mark *at)
{
    return seen->epoch == at->epoch && ((seen->site ^ at->site) & ~MARK_APART) == 0 &&
           !(seen->site & at->site & MARK_APART);
}

static bool covers(const struct marks *seen, const struct marks *at)
{
    for (uint32_t s = 0; s < seen->count; s++)
        for (uint32_t a = 0; a < at->count; a++)
            if (seen->at[s].n >= at->at[a].n && is_about(&seen->at[s], &at->at[a]))
                return true;
    return false;
}

static bool same_device(const struct stamp *a, const struct stamp *b)
{
    return a->home == b->home && device_id_equal(&a->device, &b->device);
}

static bool same_stream(const struct stamp *a, const struct stamp *b)
{
    return a->incarnation == b->incarnation && same_device(a, b);
}

/* Had the author of `later` written `earlier` itself, as an earlier incarnation? */
static bool is_after(const struct stamp *later, const struct stamp *earlier)
{
    for (uint32_t i = 0; i < later->after.count; i++)
        if (later->after.at[i].incarnation == earlier->incarnation && later->after.at[i].seq >= earlier->seq &&
            same_device(later, earlier))
            return true;
    return false;
}

bool stamp_has_seen(const struct stamp *later, const struct stamp *earlier)
{
    if (later == earlier)
        return false;
    if (same_stream(later, earlier))
        return earlier->seq < later->seq;
    return covers(&later->seen, &earlier->at) || is_after(later, earlier);
}

int stamp_compare(const struct stamp *a, const struct stamp *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    return memcmp(a->id.b, b->id.b, sizeof a->id.b);
}

/* ---- what stands ---- */

/* All that a set of writes has seen between them: one mark per epoch of each log, the last of each stream, and how far
 * streams of earlier incarnations were written by those that say so. What any of them has overwritten is what this has
 * overwritten, because each mark is about one epoch of one log or one stream.
 *
 * Within a stream only numbers count. So that an event's own stream does not speak against it by a mark (only a lie
 * could make it), there are two for each epoch: the highest, and the highest of another stream than that one's. */
#define STREAMS_MAX 64
#define REACH_MAX (2 * SEEN_MAX)
struct reach_mark {
    struct site_mark to;
    uint64_t other_n;
    const struct stamp *by;
};
struct reach_branch {
    const struct stamp *by;
    struct branch to;
};
struct reach {
    struct reach_mark at[REACH_MAX];
    const struct stamp *last[STREAMS_MAX];
    struct reach_branch branches[STREAMS_MAX];
    uint32_t marks, streams, branch_count;
    bool full; /* more marks or streams than there is room for: compare pair by pair */
};

static void raise_mark(struct reach_mark *mark, uint64_t n, const struct stamp *by)
{
    bool same = same_stream(mark->by, by);
    if (n > mark->to.n) {
        if (!same)
            mark->other_n = mark->to.n;
        mark->to.n = n;
        mark->by = by;
    } else if (!same && n > mark->other_n) {
        mark->other_n = n;
    }
}

static void reach_positions(struct reach *reach, const struct stamp *stamp)
{
    const struct marks *seen = &stamp->seen;
    for (uint32_t s = 0; s < seen->count; s++) {
        uint32_t i = 0;
        while (i < reach->marks &&
               (reach->at[i].to.epoch != seen->at[s].epoch || reach->at[i].to.site != seen->at[s].site))
            i++;
        if (i == REACH_MAX) {
            reach->full = true;
            return;
        }
        if (i == reach->marks)
            reach->at[reach->marks++] = (struct reach_mark){seen->at[s], 0, stamp};
        else
            raise_mark(&reach->at[i], seen->at[s].n, stamp);
    }
}

static void reach_stream(struct reach *reach, const struct stamp *stamp)
{
    uint32_t i = 0;
    while (i < reach->streams && !same_stream(reach->last[i], stamp))
        i++;
    if (i == STREAMS_MAX) {
        reach->full = true;
        return;
    }
    if (i == reach->streams)
        reach->last[reach->streams++] = stamp;
    else if (stamp->seq > reach->last[i]->seq)
        reach->last[i] = stamp;
}

static void reach_branches(struct reach *reach, const struct stamp *stamp)
{
    for (uint32_t b = 0; b < stamp->after.count; b++) {
        const struct branch *to = &stamp->after.at[b];
        uint32_t i = 0;
        if (to->incarnation == stamp->incarnation)
            continue; /* no event says so; numbers count there */
        while (i < reach->branch_count && (reach->branches[i].to.incarnation != to->incarnation ||
                                           !same_device(reach->branches[i].by, stamp)))
            i++;
        if (i == STREAMS_MAX) {
            reach->full = true;
            return;
        }
        if (i == reach->branch_count)
            reach->branches[reach->branch_count++] = (struct reach_branch){stamp, *to};
        else if (to->seq > reach->branches[i].to.seq)
            reach->branches[i].to.seq = to->seq;
    }
}

/* Did a write of another stream have a position at or above one of this event's? */
static bool reach_covers(const struct reach *reach, const struct stamp *stamp)
{
    for (uint32_t a = 0; a < stamp->at.count; a++)
        for (uint32_t i = 0; i < reach->marks; i++) {
            const struct reach_mark *mark = &reach->at[i];
            if (mark->to.n >= stamp->at.at[a].n && is_about(&mark->to, &stamp->at.at[a]) &&
                (!same_stream(mark->by, stamp) || mark->other_n >= stamp->at.at[a].n))
                return true;
        }
    return false;
}

static bool reached(const struct reach *reach, const struct stamp *stamp)
{
    for (uint32_t i = 0; i < reach->streams; i++)
        if (same_stream(reach->last[i], stamp) && reach->last[i]->seq > stamp->seq)
            return true;
    for (uint32_t i = 0; i < reach->branch_count; i++)
        if (reach->branches[i].to.incarnation == stamp->incarnation && reach->branches[i].to.seq >= stamp->seq &&
            same_device(reach->branches[i].by, stamp))
            return true;
    return reach_covers(reach, stamp);
}

static bool overwritten(const struct reach *reach, const struct write *writes, size_t count, size_t which)
{
    const struct stamp *stamp = writes[which].stamp;
    if (!reach->full)
        return reached(reach, stamp);
    for (size_t i = 0; i < count; i++)
        if (!writes[i].witness && stamp_has_seen(writes[i].stamp, stamp))
            return true;
    return false;
}

/* Does a witness contradict one of the writes that stand? */
static bool speaks(const struct write *witness, const struct write *standing, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!bytes_equal(standing[i].value, witness->value) && !stamp_has_seen(witness->stamp, standing[i].stamp))
            return true;
    return false;
}

static void swap(struct write *a, struct write *b)
{
    struct write other = *a;
    *a = *b;
    *b = other;
}

size_t register_standing(struct write *writes, size_t count)
{
    struct reach reach MP_UNSET;
    size_t standing = 0;
    if (count == 1)
        return !writes[0].witness;
    reach.marks = reach.streams = reach.branch_count = 0;
    reach.full = false;
    for (size_t i = 0; i < count; i++)
        if (!writes[i].witness) {
            reach_positions(&reach, writes[i].stamp);
            reach_stream(&reach, writes[i].stamp);
            reach_branches(&reach, writes[i].stamp);
        }
    for (size_t i = 0; i < count; i++)
        writes[i].gone = overwritten(&reach, writes, count, i);
    for (size_t i = 0; i < count; i++)
        if (!writes[i].witness && !writes[i].gone)
            swap(&writes[standing++], &writes[i]);
    if (standing == 0) { /* a circle of false claims to have seen: nothing is lost by it */
        for (size_t i = 0; i < count; i++)
            if (!writes[i].witness)
                swap(&writes[standing++], &writes[i]);
    }
    size_t all = standing;
    for (size_t i = standing; i < count; i++)
        if (!writes[i].gone && speaks(&writes[i], writes, standing))
            swap(&writes[all++], &writes[i]);
    return all;
}

/* ---- what the merge rules make of it ---- */

struct bytes value_text(struct bytes raw)
{
    if (raw.len == 0)
        return raw;
    uint8_t head = raw.data[0];
    size_t size, from;
    if ((head & 0xe0) == 0xa0) {
        size = head & 0x1f;
        from = 1;
    } else if ((head == 0xd9 || head == 0xc4) && raw.len >= 2) {
        size = raw.data[1];
        from = 2;
    } else if ((head == 0xda || head == 0xc5) && raw.len >= 3) {
        size = (size_t)raw.data[1] << 8 | raw.data[2];
        from = 3;
    } else if ((head == 0xdb || head == 0xc6) && raw.len >= 5) {
        size = get_be32(raw.data + 1);
        from = 5;
    } else {
        return (struct bytes){0};
    }
    return size == raw.len - from ? bytes_of(raw.data + from, size) : (struct bytes){0};
}

/* Equal values together, the latest of each first. */
static int by_value(const void *left, const void *right)
{
    const struct write *a = left, *b = right;
    int order = bytes_compare(a->value, b->value);
    return order ? order : stamp_compare(b->stamp, a->stamp);
}

static int by_rule(const void *left, const void *right, void *context)
{
    const struct write *a = left, *b = right;
    const struct register_def *def = context;
    if (def->merge == MERGE_SETTLE)
        return stamp_compare(a->stamp, b->stamp);
    if (def->merge != MERGE_LATEST && def->codes) {
        size_t first = code_rank(def->codes, value_text(a->value));
        size_t second = code_rank(def->codes, value_text(b->value));
        if (first != second)
            return first < second ? -1 : 1;
    }
    return stamp_compare(b->stamp, a->stamp);
}

void register_read(const struct register_def *def, struct write *writes, size_t count, struct reading *out)
{
    *out = (struct reading){.def = def, .writes = writes, .count = register_standing(writes, count)};
    if (out->count > 1)
        qsort(writes, out->count, sizeof *writes, by_value);
    for (size_t i = 0; i < out->count; i++)
        if (i == 0 || !bytes_equal(writes[i].value, writes[i - 1].value))
            writes[i].gone = false;
        else
            writes[i].gone = true; /* said by a later one too */
    for (size_t i = 0; i < out->count; i++)
        if (!writes[i].gone)
            swap(&writes[out->values++], &writes[i]);
    if (out->values > 1)
        qsort_r(writes, out->values, sizeof *writes, by_rule, (void *)(uintptr_t)def);
    out->to_settle = out->values > 1 && def->settle != SETTLE_NEVER &&
                     (def->merge == MERGE_SETTLE || def->merge == MERGE_PROTECTIVE);
}

size_t reading_shown(const struct reading *reading)
{
    return reading->def->merge == MERGE_SETTLE || reading->values == 0 ? reading->values : 1;
}
