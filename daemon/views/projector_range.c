/* SPDX-License-Identifier: Apache-2.0 */
/* The next range of a site's log in the order of keys; see projector_range.h. */
#include "daemon/views/projector_range.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/views/views_inside.h"

/* How much of an index is kept from range to range. */
#define KEPT_ENTRIES 4096u

void range_release(struct fold_range *range)
{
    free(range->entries);
    *range = (struct fold_range){0};
}

static void clear(struct fold_range *range)
{
    if (range->room > KEPT_ENTRIES)
        range_release(range);
    *range = (struct fold_range){.entries = range->entries, .room = range->room};
}

/* ---- the name of its key ---- */

static size_t uint_size(uint8_t head)
{
    return head < 0x80 ? 1 : head >= 0xcc && head <= 0xcf ? 1 + ((size_t)1 << (head - 0xcc)) : 0;
}

/* Skips unsigned numbers. False: there is something else. */
static bool skip_uints(struct bytes *in, unsigned count)
{
    for (; count > 0; count--) {
        const size_t size = in->len > 0 ? uint_size(in->data[0]) : 0;
        if (size == 0 || size > in->len)
            return false;
        *in = bytes_of(in->data + size, in->len - size);
    }
    return true;
}

/* Skips a short binary or text of this size. */
static bool skip(struct bytes *in, uint8_t first, size_t head, size_t size)
{
    if (in->len < head + size || in->data[0] != first || (head == 2 && in->data[1] != size))
        return false;
    *in = bytes_of(in->data + head + size, in->len - head - size);
    return true;
}

/* An event's clear part is an array of ten: version, device, incarnation, site, seq, prev, seen, key … (event.h). Here
 * it is only looked at for the order in which events are taken; it is decoded, and checked, when they are. */
static bool find_key(struct bytes in, struct key_id *out)
{
    const struct bytes start = in;
    if (in.len < 2 || in.data[0] != 0x9a)
        return false;
    in = bytes_of(start.data + 1, start.len - 1);
    if (!skip_uints(&in, 1) || !skip(&in, 0xc4, 2, 16) || !skip_uints(&in, 1) || in.len == 0 ||
        (in.data[0] & 0xe0) != 0xa0 || !skip(&in, in.data[0], 1, in.data[0] & 0x1f) || !skip_uints(&in, 1) ||
        !skip(&in, 0xc4, 2, 32) || in.len == 0 || (in.data[0] & 0xf0) != 0x90)
        return false;
    const unsigned seen = in.data[0] & 0x0f;
    in = bytes_of(in.data + 1, in.len - 1);
    if (!skip_uints(&in, seen) || in.len < 2 + sizeof out->b || !skip(&in, 0xc4, 2, sizeof out->b))
        return false;
    memcpy(out->b, in.data - sizeof out->b, sizeof out->b);
    return true;
}

static bool key_of(struct bytes in, struct key_id *out)
{
    struct event event;
    if (find_key(in, out))
        return true;
    if (!event_decode(in, &event))
        return false;
    *out = event.clear.key;
    return true;
}

/* ---- entries ---- */

/* A run begins with the first entry that there is, so that a gap before it (of a damaged log) takes no numbers. */
static struct range_part *part_of(struct fold_range *range, uint32_t epoch, uint64_t n)
{
    struct range_part *last = range->part_count > 0 ? &range->parts[range->part_count - 1] : NULL;
    if (last && last->epoch == epoch)
        return last;
    const uint32_t first = last ? last->first + RANGE_EVENTS_MAX : 0; /* numbers of two runs never meet */
    last = &range->parts[range->part_count++];
    *last = (struct range_part){epoch, first, n};
    return last;
}

enum adding { ADDED, NO_ROOM, NO_MEMORY };

static enum adding add_entry(struct fold_range *range, size_t most, uint32_t epoch, uint64_t n, struct bytes bytes)
{
    struct key_id key;
    if (range->count >= most)
        return NO_ROOM;
    const struct range_part *part = part_of(range, epoch, n);
    if (n - part->from >= RANGE_EVENTS_MAX)
        return NO_ROOM;
    if (range->count == range->room) {
        const size_t room = range->room ? range->room * 2 : 64;
        struct range_entry *grown = realloc(range->entries, room * sizeof *grown);
        if (!grown)
            return NO_MEMORY;
        range->entries = grown;
        range->room = room;
    }
    struct range_entry *entry = &range->entries[range->count++];
    *entry = (struct range_entry){.number = part->first + (uint32_t)(n - part->from)};
    if (key_of(bytes, &key)) {
        entry->name = be_u64(key.b);
        entry->more_name = be_u32(key.b + 12);
    }
    return ADDED;
}

static bool add_log(struct fold_range *range, struct log_reader *reader, struct bytes site, size_t most)
{
    struct log_head heads[SEEN_MAX];
    const size_t count = log_heads(reader, site, heads);
    enum adding outcome = ADDED;
    for (size_t i = 0; i < count && outcome != NO_MEMORY; i++) {
        const struct position from = {heads[i].at.epoch, seen_in(&range->to.seen, heads[i].at.epoch) + 1};
        struct log_walk walk;
        struct log_item item;
        if (from.n > heads[i].at.n)
            continue;
        outcome = ADDED;
        log_walk_begin(&walk, reader, site, from);
        while (outcome == ADDED && log_walk_next(&walk, &item) && item.at.epoch == from.epoch) {
            outcome = add_entry(range, most, item.at.epoch, item.at.n, item.event);
            if (outcome == ADDED)
                seen_advance(&range->to.seen, item.at);
        }
        log_walk_end(&walk);
        range->more |= outcome == NO_ROOM;
    }
    return outcome != NO_MEMORY;
}

/* Those that the log has a position for within what is folded with this range come by there. */
static bool add_own(struct fold_range *range, struct log_reader *reader, struct bytes site, size_t most)
{
    struct stream_head head = {0};
    uint64_t shared;
    int64_t oldest;
    enum adding outcome = ADDED;
    if (!log_own(reader, site, &head, &shared, &oldest))
        return true;
    while (range->to.own_seq < head.seq) {
        struct log_item item;
        const uint64_t seq = range->to.own_seq + 1;
        if (log_get_own(reader, site, seq, &item) && !seen_covers(&range->to.seen, item.at))
            outcome = add_entry(range, most, 0, seq, item.event);
        if (outcome != ADDED)
            break;
        range->to.own_seq = seq;
    }
    range->more |= outcome == NO_ROOM;
    return outcome != NO_MEMORY;
}

static int by_entry(const void *a, const void *b)
{
    const struct range_entry *x = a, *y = b;
    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    if (x->more_name != y->more_name)
        return x->more_name < y->more_name ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

bool range_begin(struct fold_range *range, struct log_reader *reader, struct bytes site,
                 const struct views_cursor *cursor, size_t most)
{
    clear(range);
    range->to = *cursor;
    if (!bytes_to_text(site, range->site, sizeof range->site) || !add_log(range, reader, site, most) ||
        !add_own(range, reader, site, most)) {
        clear(range);
        return false;
    }
    if (range->count > 1)
        qsort(range->entries, range->count, sizeof *range->entries, by_entry);
    return true;
}

struct views_ref range_ref(const struct fold_range *range, size_t index)
{
    const uint32_t number = range->entries[index].number;
    size_t i = range->part_count - 1;
    while (i > 0 && range->parts[i].first > number)
        i--;
    const struct range_part *part = &range->parts[i];
    return (struct views_ref){{part->epoch, part->from + (number - part->first)}};
}

/* ---- how far it is committed ---- */

static void progress_key(struct store_key *key, struct bytes site)
{
    key_start(key);
    key_put_u8(key, 'r');
    key_put(key, site.data, site.len <= SLUG_MAX ? site.len : SLUG_MAX);
}

bool range_goes_on(struct fold_range *range, struct views_txn *views, struct bytes site)
{
    struct store_key key;
    struct bytes row;
    progress_key(&key, site);
    const bool known = range_is_under_way(range) && bytes_is(site, range->site) &&
                       store_get(views->store, VIEWS_META, key_bytes(&key), &row) && row.len == 16 &&
                       be_u64(row.data) == range->mark && be_u64(row.data + 8) == range->next;
    if (!known)
        clear(range);
    return known;
}

void range_keep(struct fold_range *range, struct views_txn *views, struct bytes site)
{
    struct store_key key, row;
    progress_key(&key, site);
    if (range->next == range->count) {
        if (range->begun || store_get(views->store, VIEWS_META, key_bytes(&key), NULL))
            store_delete(views->store, VIEWS_META, key_bytes(&key));
        views_put_cursor(views, site, &range->to);
        return;
    }
    if (!range->begun)
        randombytes_buf(&range->mark, sizeof range->mark);
    range->begun = true;
    key_start(&row);
    key_put_u64(&row, range->mark);
    key_put_u64(&row, range->next);
    store_put(views->store, VIEWS_META, key_bytes(&key), key_bytes(&row));
}
