/* SPDX-License-Identifier: Apache-2.0 */
/* The next range of a site's log in the order of keys; see projector_range.h. */
#include "daemon/views/projector_range.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/views/views_inside.h"

/* How much of an index is kept from range to range. */
#define KEPT_ENTRIES 4096u
/* Of events that have to be looked for; few are so long. */
#define SIZE_UNKNOWN 8192u
/* With fewer events waiting a range is not worth a reader of its own. */
#define HOLD_MIN 2048u

void range_rest(struct fold_range *range)
{
    if (range->holds)
        log_reader_end(range->reader);
    range->reader = NULL;
    range->holds = false;
}

void range_release(struct fold_range *range)
{
    range_rest(range);
    free(range->entries);
    free(range->order);
    free(range->keys);
    free(range->slots);
    *range = (struct fold_range){0};
}

static void clear(struct fold_range *range)
{
    if (range->room > KEPT_ENTRIES)
        range_release(range);
    range_rest(range);
    if (range->key_room > 0)
        memset(range->slots, 0, 2 * range->key_room * sizeof *range->slots);
    *range = (struct fold_range){.entries = range->entries, .room = range->room, .order = range->order,
                                 .keys = range->keys, .key_room = range->key_room, .slots = range->slots};
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
struct looked_at {
    struct key_id key;
    struct bytes stream;    /* device, incarnation, site: as they stand there */
    struct bytes seq;
    const uint8_t *prev;    /* NULL: it was not read like this */
};

static struct bytes up_to(const uint8_t *from, struct bytes rest)
{
    return bytes_of(from, (size_t)(rest.data - from));
}

static bool look_at(struct bytes in, struct looked_at *out)
{
    const uint8_t *from = in.data + 1;
    if (in.len < 2 || in.data[0] != 0x9a)
        return false;
    in = bytes_of(from, in.len - 1);
    if (!skip_uints(&in, 1) || !skip(&in, 0xc4, 2, 16) || !skip_uints(&in, 1) || in.len == 0 ||
        (in.data[0] & 0xe0) != 0xa0 || !skip(&in, in.data[0], 1, in.data[0] & 0x1f))
        return false;
    out->stream = up_to(from, in);
    from = in.data;
    if (!skip_uints(&in, 1))
        return false;
    out->seq = up_to(from, in);
    if (!skip(&in, 0xc4, 2, sizeof(struct event_id)) || in.len == 0 || (in.data[0] & 0xf0) != 0x90)
        return false;
    const uint8_t *prev = in.data - sizeof(struct event_id);
    const unsigned seen = in.data[0] & 0x0f;
    in = bytes_of(in.data + 1, in.len - 1);
    if (!skip_uints(&in, seen) || in.len < 2 + sizeof out->key.b || !skip(&in, 0xc4, 2, sizeof out->key.b))
        return false;
    memcpy(out->key.b, in.data - sizeof out->key.b, sizeof out->key.b);
    out->prev = prev;
    return true;
}

static void look(struct bytes in, struct looked_at *out)
{
    struct event event;
    *out = (struct looked_at){{{0}}, {0}, {0}, NULL};
    if (look_at(in, out))
        return;
    out->prev = NULL;
    if (event_decode(in, &event))
        out->key = event.clear.key;
}

/* ---- ids ---- */

/* The streams that a walk over the log has met, and their last entries. */
#define RANGE_STREAMS_MAX 32u
struct range_streams {
    struct range_stream {
        struct bytes name;
        uint64_t seq;
        uint32_t entry;
    } at[RANGE_STREAMS_MAX];
    size_t count, next;
};

static uint64_t read_uint(struct bytes in)
{
    uint64_t value = in.len == 1 ? in.data[0] : 0;
    for (size_t i = 1; i < in.len; i++)
        value = value << 8 | in.data[i];
    return value;
}

/* An event names its author's previous one by its id, and the log took it for that: what was hashed then need not be
 * hashed again. */
static void tell_id(struct fold_range *range, struct range_streams *streams, const struct looked_at *now)
{
    size_t i = 0;
    if (!now->prev)
        return;
    while (i < streams->count && !bytes_equal(streams->at[i].name, now->stream))
        i++;
    const uint64_t seq = read_uint(now->seq);
    if (i < streams->count && seq == streams->at[i].seq + 1)
        range->entries[streams->at[i].entry].id = now->prev;
    if (i == RANGE_STREAMS_MAX) /* of very many devices: the one met first is forgotten */
        i = streams->next++ % RANGE_STREAMS_MAX;
    else if (i == streams->count)
        streams->count++;
    streams->at[i].name = now->stream;
    streams->at[i].seq = seq;
    streams->at[i].entry = (uint32_t)range->count;
}

/* ---- keys ---- */

static size_t slot_of(const struct fold_range *range, uint64_t name, uint32_t more_name)
{
    const size_t mask = 2 * range->key_room - 1;
    size_t slot = (size_t)(((name ^ (uint64_t)more_name << 24) * 0x9e3779b97f4a7c15u) >> 32) & mask;
    for (; range->slots[slot] != 0; slot = (slot + 1) & mask) {
        const struct range_key *key = &range->keys[range->slots[slot] - 1];
        if (key->name == name && key->more_name == more_name)
            break;
    }
    return slot;
}

static bool more_keys(struct fold_range *range)
{
    const size_t room = range->key_room ? range->key_room * 2 : 64;
    struct range_key *keys = realloc(range->keys, room * sizeof *keys);
    uint32_t *slots = keys ? calloc(2 * room, sizeof *slots) : NULL;
    if (keys)
        range->keys = keys;
    if (!slots)
        return false;
    free(range->slots);
    range->slots = slots;
    range->key_room = room;
    for (uint32_t i = 0; i < range->key_count; i++)
        slots[slot_of(range, keys[i].name, keys[i].more_name)] = i + 1;
    return true;
}

/* One more entry has this key. False: memory ran out. */
static bool count_key(struct fold_range *range, uint64_t name, uint32_t more_name, uint32_t *out)
{
    if (range->key_count == range->key_room && !more_keys(range))
        return false;
    const size_t slot = slot_of(range, name, more_name);
    if (range->slots[slot] == 0) {
        const uint32_t number = (uint32_t)range->key_count++;
        range->keys[number] = (struct range_key){name, more_name, 0, number};
        range->slots[slot] = number + 1;
    }
    *out = range->slots[slot] - 1;
    range->keys[*out].count++;
    return true;
}

static int by_name(const void *a, const void *b)
{
    const struct range_key *x = a, *y = b;
    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    return x->more_name < y->more_name ? -1 : x->more_name > y->more_name;
}

/* By keys, and those of one key as they stand in the log. */
static bool put_in_order(struct fold_range *range)
{
    uint32_t *order = realloc(range->order, (range->room > 0 ? range->room : 1) * sizeof *order);
    uint32_t *from = malloc((range->key_count > 0 ? range->key_count : 1) * sizeof *from), begin = 0;
    if (order)
        range->order = order;
    if (order && from) {
        if (range->key_count > 1)
            qsort(range->keys, range->key_count, sizeof *range->keys, by_name);
        for (size_t i = 0; i < range->key_count; begin += range->keys[i++].count)
            from[range->keys[i].number] = begin;
        for (uint32_t i = 0; i < range->count; i++)
            order[from[range->entries[i].key]++] = i;
    }
    free(from);
    return order && from;
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

enum adding { ADDED, NO_ROOM, NO_MEMORY, NOT_READ };

/* `item` as it is found there; what has a place behind this range has to be looked for again. */
static enum adding add_entry(struct fold_range *range, struct range_streams *streams, size_t most, uint32_t epoch,
                             uint64_t n, const struct log_item *item)
{
    struct looked_at there;
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
    struct range_entry *entry = &range->entries[range->count];
    *entry = (struct range_entry){.number = part->first + (uint32_t)(n - part->from), .flags = item->flags};
    if (item->event.len > 0 && (epoch != 0 || item->at.epoch == 0)) {
        entry->event = item->event.data;
        entry->len = (uint32_t)item->event.len;
    }
    look(item->event, &there);
    if (!count_key(range, be_u64(there.key.b), be_u32(there.key.b + 12), &entry->key))
        return NO_MEMORY;
    tell_id(range, streams, &there);
    range->count++;
    return ADDED;
}

/* As far as the heads say: a reader of its own may see more, and what else the step reads then does not. */
static enum adding add_log(struct fold_range *range, struct bytes site, const struct log_head *heads, size_t count,
                           size_t most)
{
    enum adding outcome = ADDED;
    struct range_streams streams;
    for (size_t i = 0; i < count && outcome != NO_MEMORY && outcome != NOT_READ; i++) {
        const struct position from = {heads[i].at.epoch, seen_in(&range->to.seen, heads[i].at.epoch) + 1};
        struct log_walk walk;
        struct log_item item;
        if (from.n > heads[i].at.n)
            continue;
        outcome = ADDED;
        streams.count = streams.next = 0;
        log_walk_begin(&walk, range->reader, site, from);
        while (outcome == ADDED && log_walk_next(&walk, &item) && item.at.epoch == from.epoch &&
               item.at.n <= heads[i].at.n) {
            outcome = add_entry(range, &streams, most, item.at.epoch, item.at.n, &item);
            if (outcome == ADDED)
                seen_advance(&range->to.seen, item.at);
        }
        log_walk_end(&walk);
        range->more |= outcome == NO_ROOM;
        if (outcome == ADDED && log_reader_failed(range->reader, NULL))
            outcome = NOT_READ;
    }
    return outcome;
}

/* Those that the log has a position for within what is folded with this range come by there. */
static enum adding add_own(struct fold_range *range, struct bytes site, uint64_t head, size_t most)
{
    struct log_own_walk walk;
    struct range_streams streams;
    struct log_item item;
    uint64_t seq;
    enum adding outcome = ADDED;
    if (range->to.own_seq >= head)
        return ADDED;
    streams.count = streams.next = 0;
    log_own_walk_begin(&walk, range->reader, site, range->to.own_seq + 1);
    while (range->to.own_seq < head && outcome == ADDED) {
        if (!log_own_walk_next(&walk, &seq, &item) || seq > head) {
            if (log_reader_failed(range->reader, NULL))
                outcome = NOT_READ;
            else
                range->to.own_seq = head; /* what is missing was lost, and is not waited for */
            break;
        }
        if (!seen_covers(&range->to.seen, item.at))
            outcome = add_entry(range, &streams, most, 0, seq, &item);
        if (outcome == ADDED)
            range->to.own_seq = seq;
    }
    log_own_walk_end(&walk);
    range->more |= outcome == NO_ROOM;
    return outcome;
}

static uint64_t beyond(uint64_t head, uint64_t cursor)
{
    return head > cursor ? head - cursor : 0;
}

/* How many follow the cursor. */
static uint64_t waiting_in(const struct views_cursor *cursor, const struct log_head *heads, size_t count, uint64_t own)
{
    uint64_t waiting = beyond(own, cursor->own_seq);
    for (size_t i = 0; i < count; i++)
        waiting += beyond(heads[i].at.n, seen_in(&cursor->seen, heads[i].at.epoch));
    return waiting;
}

bool range_begin(struct fold_range *range, struct event_log *log, struct log_reader *reader, struct bytes site,
                 const struct views_cursor *cursor, size_t most, struct felloe_error *unread)
{
    struct log_head heads[SEEN_MAX];
    struct stream_head own = {0};
    uint64_t shared;
    int64_t oldest;
    const size_t count = log_heads(reader, site, heads);
    if (!log_own(reader, site, &own, &shared, &oldest))
        own.seq = 0;
    clear(range);
    range->to = *cursor;
    range->reader = reader;
    if (most > HOLD_MIN && waiting_in(cursor, heads, count, own.seq) > HOLD_MIN) {
        struct log_reader *held = log_reader_begin(log, &(struct felloe_error){0});
        range->holds = held != NULL;
        range->reader = held ? held : reader;
    }
    enum adding outcome = add_log(range, site, heads, count, most);
    if (outcome != NO_MEMORY && outcome != NOT_READ)
        outcome = add_own(range, site, own.seq, most);
    if (outcome == NOT_READ && range->holds && range->count > 0) { /* what its reader has shown is there all the same */
        outcome = ADDED;
        range->more = true;
    }
    if (outcome == NOT_READ)
        log_reader_tell(range->reader, unread);
    if (outcome != NO_MEMORY && outcome != NOT_READ && bytes_to_text(site, range->site, sizeof range->site) &&
        put_in_order(range))
        return true;
    clear(range);
    return false;
}

static const struct range_entry *entry_at(const struct fold_range *range, size_t index)
{
    return &range->entries[range->order[index]];
}

struct views_ref range_ref(const struct fold_range *range, size_t index)
{
    const uint32_t number = entry_at(range, index)->number;
    size_t i = range->part_count - 1;
    while (i > 0 && range->parts[i].first > number)
        i--;
    const struct range_part *part = &range->parts[i];
    return (struct views_ref){{part->epoch, part->from + (number - part->first)}};
}

bool range_item(const struct fold_range *range, size_t index, const struct views_ref *ref, struct log_item *out,
                const struct event_id **id)
{
    const struct range_entry *entry = entry_at(range, index);
    *id = NULL;
    if (!range->reader || !entry->event)
        return false;
    *id = (const struct event_id *)entry->id;
    *out = (struct log_item){ref->at.epoch != 0 ? ref->at : (struct position){0}, bytes_of(entry->event, entry->len),
                             entry->flags, NULL};
    return true;
}

size_t range_size(const struct fold_range *range, size_t index)
{
    const uint32_t len = entry_at(range, index)->len;
    return len > 0 ? len : SIZE_UNKNOWN;
}

void range_prepare(const struct fold_range *range, size_t index)
{
    if (!range->reader || index >= range->count)
        return;
    const struct range_entry *entry = entry_at(range, index);
    for (size_t i = 0; i < entry->len && i < 512; i += 64)
        __builtin_prefetch(entry->event + i);
    if (entry->id)
        __builtin_prefetch(entry->id);
}

bool range_is_same_key(const struct fold_range *range, size_t index)
{
    return entry_at(range, index)->key == entry_at(range, index - 1)->key;
}

/* ---- how far it is committed ---- */

static void progress_key(struct store_key *key, struct bytes site)
{
    key_start(key);
    key_put_u8(key, 'r');
    key_put(key, site.data, site.len <= SLUG_MAX ? site.len : SLUG_MAX);
}

bool range_is_kept(const struct fold_range *range, struct views_txn *views, struct bytes site)
{
    struct store_key key;
    struct bytes row;
    progress_key(&key, site);
    return range_is_under_way(range) && bytes_is(site, range->site) &&
           store_get(views->store, VIEWS_META, key_bytes(&key), &row) && row.len == 16 &&
           be_u64(row.data) == range->mark && be_u64(row.data + 8) == range->next;
}

bool range_goes_on(struct fold_range *range, struct views_txn *views, struct bytes site)
{
    const bool known = range_is_kept(range, views, site);
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
