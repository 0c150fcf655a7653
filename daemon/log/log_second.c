/* SPDX-License-Identifier: Apache-2.0 */
/* Events that come a second time, at another position. That is so only after a hub was restored: an event whose receipt
 * was lost with it can be given a position again. It must then be the very same event.
 *
 * There is no index for this on the disk, where it would be written for every event and needed for almost none. One is
 * made in memory when the first such events come: where the events of the other epochs stand. It grows with the log, so
 * that a refill of any size reads each row once, and goes when nothing came a second time for a while. It only says
 * where to look: what it says is compared, and where it has nothing (or too much: see PLACES_MAX) the site's log is
 * read through as a whole. */
#include <stdlib.h>

#include "daemon/log/log_internal.h"

/* Of one site; 12 MiB. */
#define PLACES_MAX ((size_t)1 << 18)
/* Groups of jobs without any. */
#define IDLE_MAX 256u

/* ---- what came ---- */

void log_seconds_add(struct log_seconds *seconds, const struct entry *entry)
{
    if (seconds->count == seconds->cap) {
        uint32_t cap = seconds->cap > 0 ? 2 * seconds->cap : 16;
        const struct entry **more = realloc(seconds->entries, cap * sizeof(struct entry *));
        if (more == NULL) {
            seconds->failed = true;
            return;
        }
        seconds->entries = more;
        seconds->cap = cap;
    }
    seconds->entries[seconds->count++] = entry;
}

void log_seconds_release(struct log_seconds *seconds)
{
    free(seconds->entries);
    *seconds = (struct log_seconds){0};
}

static int compare_places(const struct device_id *a_device, uint32_t a_incarnation, uint64_t a_seq,
                          const struct entry *b)
{
    int order = memcmp(a_device, &b->device, sizeof b->device);
    if (order == 0)
        order = (a_incarnation > b->incarnation) - (a_incarnation < b->incarnation);
    return order != 0 ? order : (a_seq > b->seq) - (a_seq < b->seq);
}

static int compare_entries(const void *left, const void *right)
{
    const struct entry *const *a = left, *const *b = right;
    return compare_places(&(*a)->device, (*a)->incarnation, (*a)->seq, *b);
}

static int compare_event(const void *event, const void *entry)
{
    const struct event_clear *a = event;
    const struct entry *const *b = entry;
    return compare_places(&a->device, a->incarnation, a->seq, *b);
}

/* ---- rows of the other epochs ---- */

struct others {
    struct event_log *log;
    uint32_t epoch; /* but this one: within one epoch nothing comes twice */
    struct store_cursor *cursor;
    struct store_item item;
    bool more;
};

static void others_seek(struct others *o, struct position at)
{
    struct store_key key;
    key_place(&key, at);
    o->more = store_seek(o->cursor, key_bytes(&key), &o->item);
}

static struct position others_at(const struct others *o)
{
    if (o->item.key.len != 12)
        return (struct position){0};
    return (struct position){be_u32(o->item.key.data), be_u64(o->item.key.data + 4)};
}

/* The event where the cursor stands; false: an own one, or damage. */
static bool others_event(struct others *o, struct event *event)
{
    struct log_row row;
    o->log->seconds_read++;
    return log_row_read(o->item.value, &row) && !(row.flags & ENTRY_OWN) && event_decode(row.event, event);
}

/* ---- the index ---- */

struct place {
    uint64_t hash;
    struct position at; /* epoch 0: free */
};

struct log_second_index {
    uint32_t site, epoch;             /* all epochs of the site but this */
    struct position upto[SEEN_MAX];   /* how far each was read; epoch 0: free */
    struct place *places;
    size_t cap, used;                 /* cap: a power of two */
    unsigned idle;
    bool full;
};

static uint64_t hash_of(const struct device_id *device, uint32_t incarnation, uint64_t seq)
{
    uint64_t hash;
    memcpy(&hash, device->b, sizeof hash); /* devices are random enough */
    hash ^= (seq << 16 ^ incarnation) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static void put_place(struct place *places, size_t cap, const struct place *place)
{
    size_t slot = (size_t)place->hash & (cap - 1);
    while (places[slot].at.epoch != 0)
        slot = (slot + 1) & (cap - 1);
    places[slot] = *place;
}

/* At most half of it is in use. */
static bool make_room(struct log_second_index *index)
{
    if (2 * index->used < index->cap)
        return true;
    const size_t cap = index->cap > 0 ? 2 * index->cap : 1024;
    struct place *places = cap <= 2 * PLACES_MAX ? calloc(cap, sizeof *places) : NULL;
    if (places == NULL)
        return false;
    for (size_t i = 0; i < index->cap; i++)
        if (index->places[i].at.epoch != 0)
            put_place(places, cap, &index->places[i]);
    free(index->places);
    index->places = places;
    index->cap = cap;
    return true;
}

static void index_free(struct log_second_index **index)
{
    if (*index != NULL)
        free((*index)->places);
    free(*index);
    *index = NULL;
}

/* That of this site, begun anew when it is for another; NULL: there is no memory for one. */
static struct log_second_index *index_of(struct event_log *log, uint32_t site, uint32_t epoch)
{
    struct log_second_index **index = &log->seconds[site % SECOND_INDEXES];
    if (*index != NULL && ((*index)->site != site || (*index)->epoch != epoch))
        index_free(index);
    if (*index == NULL && (*index = calloc(1, sizeof **index)) != NULL)
        **index = (struct log_second_index){.site = site, .epoch = epoch};
    if (*index != NULL)
        (*index)->idle = 0;
    return *index;
}

/* NULL: the log has more epochs than it can have. */
static struct position *read_upto(struct log_second_index *index, uint32_t epoch)
{
    for (unsigned i = 0; i < SEEN_MAX; i++) {
        if (index->upto[i].epoch == 0)
            index->upto[i].epoch = epoch;
        if (index->upto[i].epoch == epoch)
            return &index->upto[i];
    }
    return NULL;
}

static void index_one(struct others *o, struct log_second_index *index, struct position at)
{
    struct event event;
    if (!others_event(o, &event))
        return;
    const struct event_clear *clear = &event.clear;
    put_place(index->places, index->cap,
              &(struct place){hash_of(&clear->device, clear->incarnation, clear->seq), at});
    index->used++;
}

/* What came since. */
static void index_grow(struct others *o, struct log_second_index *index)
{
    others_seek(o, (struct position){1, 0});
    while (o->more) {
        const uint32_t epoch = others_at(o).epoch;
        struct position *upto = epoch != o->epoch ? read_upto(index, epoch) : NULL;
        if (upto != NULL)
            for (others_seek(o, (struct position){epoch, upto->n + 1}); o->more && others_at(o).epoch == epoch;
                 o->more = store_next(o->cursor, &o->item)) {
                index->full = !make_room(index);
                if (index->full)
                    return;
                upto->n = others_at(o).n;
                index_one(o, index, *upto);
            }
        if (epoch == 0 || epoch == UINT32_MAX)
            return;
        others_seek(o, (struct position){epoch + 1, 0});
    }
}

static bool index_holds(struct others *o, const struct log_second_index *index, const struct entry *entry)
{
    const uint64_t hash = hash_of(&entry->device, entry->incarnation, entry->seq);
    for (size_t slot = (size_t)hash & (index->cap - 1); index->cap > 0 && index->places[slot].at.epoch != 0;
         slot = (slot + 1) & (index->cap - 1)) {
        struct event event;
        const struct place *place = &index->places[slot];
        if (place->hash != hash)
            continue;
        others_seek(o, place->at);
        if (o->more && position_compare(others_at(o), place->at) == 0 && others_event(o, &event) &&
            bytes_equal(event.raw, entry->event))
            return true;
    }
    return false;
}

static bool all_by_index(struct others *o, struct log_second_index *index, const struct log_seconds *seconds)
{
    uint32_t found = 0;
    index_grow(o, index);
    while (found < seconds->count && index_holds(o, index, seconds->entries[found]))
        found++;
    return found == seconds->count;
}

void log_seconds_rest(struct event_log *log)
{
    for (unsigned i = 0; i < SECOND_INDEXES; i++)
        if (log->seconds[i] != NULL && ++log->seconds[i]->idle > IDLE_MAX)
            index_free(&log->seconds[i]);
}

void log_seconds_forget(struct event_log *log)
{
    for (unsigned i = 0; i < SECOND_INDEXES; i++)
        index_free(&log->seconds[i]);
}

/* ---- both ---- */

/* One of them can stand at several positions of other epochs: each counts once. */
static bool all_by_reading(struct others *o, struct log_seconds *seconds)
{
    uint32_t found = 0;
    bool *is_found = calloc(seconds->count, sizeof *is_found);
    seconds->failed = is_found == NULL;
    if (seconds->failed)
        return false;
    qsort(seconds->entries, seconds->count, sizeof(struct entry *), compare_entries);
    others_seek(o, (struct position){0});
    while (o->more && found < seconds->count) {
        struct event event;
        if (others_at(o).epoch == o->epoch) {
            if (o->epoch == UINT32_MAX)
                break;
            others_seek(o, (struct position){o->epoch + 1, 0});
            continue;
        }
        if (others_event(o, &event)) {
            const struct entry *const *same =
                bsearch(&event.clear, seconds->entries, seconds->count, sizeof(struct entry *), compare_event);
            if (same != NULL && !is_found[same - seconds->entries] && bytes_equal((*same)->event, event.raw))
                is_found[same - seconds->entries] = ++found > 0;
        }
        o->more = store_next(o->cursor, &o->item);
    }
    free(is_found);
    return found == seconds->count;
}

bool log_seconds_hold(struct event_log *log, uint32_t site, const struct batch *batch, struct log_seconds *seconds)
{
    if (seconds->count == 0 || seconds->failed)
        return !seconds->failed;
    struct others o = {.log = log, .epoch = batch->epoch, .cursor = store_cursor_open(log->write.txn, T_LOG + site)};
    struct log_second_index *index = index_of(log, site, batch->epoch);
    bool hold = index != NULL && all_by_index(&o, index, seconds);
    if (!hold) {
        hold = all_by_reading(&o, seconds);
        if (hold && index != NULL && !index->full) /* it was of a transaction that came to nothing */
            index_free(&log->seconds[site % SECOND_INDEXES]);
    }
    store_cursor_close(o.cursor);
    return hold;
}
