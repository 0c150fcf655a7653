/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table and the stream heads of sync_table.h: open addressing, linear probing, at most half full. */
#include "proto/sync/sync_table.h"

#include <assert.h>
#include <stdlib.h>

/* Keys are hashes or counters already; this only spreads them. */
static uint32_t table_hash(const struct table *table, const void *key)
{
    uint64_t h = table->key_size;
    for (size_t at = 0; at < table->key_size; at += sizeof(uint64_t)) {
        const size_t left = table->key_size - at;
        uint64_t word = 0;
        memcpy(&word, (const uint8_t *)key + at, left < sizeof word ? left : sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 32;
    }
    return (uint32_t)h;
}

/* The slot that holds the key, or the free one where it would go. */
static uint32_t table_slot(const struct table *table, const void *key)
{
    uint32_t at = table_hash(table, key) & (table->cap - 1);
    while (table->slots[at].value != TABLE_NONE && memcmp(table->slots[at].key, key, table->key_size) != 0)
        at = (at + 1) & (table->cap - 1);
    return at;
}

void table_release(struct table *table)
{
    free(table->slots);
    *table = (struct table){.key_size = table->key_size};
}

uint32_t table_find(const struct table *table, const void *key)
{
    return table->cap == 0 ? TABLE_NONE : table->slots[table_slot(table, key)].value;
}

static bool table_grow(struct table *table)
{
    struct table bigger = {.key_size = table->key_size, .cap = table->cap ? table->cap * 2 : 16};
    bigger.slots = malloc(bigger.cap * sizeof *bigger.slots);
    if (!bigger.slots)
        return false;
    for (uint32_t i = 0; i < bigger.cap; i++)
        bigger.slots[i].value = TABLE_NONE;
    for (uint32_t i = 0; i < table->cap; i++)
        if (table->slots[i].value != TABLE_NONE)
            bigger.slots[table_slot(&bigger, table->slots[i].key)] = table->slots[i];
    bigger.count = table->count;
    free(table->slots);
    *table = bigger;
    return true;
}

bool table_put(struct table *table, const void *key, uint32_t value)
{
    assert(table->key_size <= TABLE_KEY_MAX && value != TABLE_NONE);
    if (table->count >= table->cap / 2 && !table_grow(table))
        return false;
    struct table_slot *slot = &table->slots[table_slot(table, key)];
    if (slot->value == TABLE_NONE)
        table->count++;
    memcpy(slot->key, key, table->key_size);
    slot->value = value;
    return true;
}

void table_remove(struct table *table, const void *key)
{
    if (table->cap == 0)
        return;
    uint32_t mask = table->cap - 1, hole = table_slot(table, key);
    if (table->slots[hole].value == TABLE_NONE)
        return;
    table->count--;
    /* close the hole: move back whatever probing would no longer reach */
    for (uint32_t at = (hole + 1) & mask; table->slots[at].value != TABLE_NONE; at = (at + 1) & mask) {
        uint32_t home = table_hash(table, table->slots[at].key) & mask;
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole].value = TABLE_NONE;
}

/* ---- streams ---- */

#define STREAM_KEY (sizeof(struct device_id) + 4)

static void stream_key(const struct device_id *device, uint32_t incarnation, uint8_t out[STREAM_KEY])
{
    memcpy(out, device->b, sizeof device->b);
    for (int i = 0; i < 4; i++)
        out[sizeof device->b + (size_t)i] = (uint8_t)(incarnation >> (8 * i));
}

void streams_init(struct streams *streams)
{
    *streams = (struct streams){.index = {.key_size = STREAM_KEY}};
}

void streams_release(struct streams *streams)
{
    table_release(&streams->index);
    free(streams->items);
    free(streams->changed);
    streams_init(streams);
}

struct stream *streams_find(struct streams *streams, const struct device_id *device, uint32_t incarnation)
{
    if (streams->latest < streams->count) { /* runs of one stream are common */
        struct stream *latest = &streams->items[streams->latest];
        if (latest->incarnation == incarnation && device_id_equal(&latest->device, device))
            return latest;
    }
    uint8_t key[STREAM_KEY];
    stream_key(device, incarnation, key);
    uint32_t at = table_find(&streams->index, key);
    if (at == TABLE_NONE)
        return NULL;
    streams->latest = at;
    return &streams->items[at];
}

struct stream *streams_get(struct streams *streams, const struct device_id *device, uint32_t incarnation)
{
    struct stream *found = streams_find(streams, device, incarnation);
    if (found)
        return found;
    if (streams->count == streams->cap) {
        uint32_t cap = streams->cap ? streams->cap * 2 : 8;
        struct stream *items = realloc(streams->items, cap * sizeof *items);
        if (!items)
            return NULL;
        streams->items = items;
        streams->cap = cap;
    }
    uint8_t key[STREAM_KEY];
    stream_key(device, incarnation, key);
    if (!table_put(&streams->index, key, streams->count))
        return NULL;
    streams->items[streams->count] = (struct stream){.device = *device, .incarnation = incarnation};
    return &streams->items[streams->count++];
}

void streams_begin(struct streams *streams)
{
    streams->round++;
    streams->changed_count = 0;
    streams->count_before = streams->count;
}

bool streams_advance(struct streams *streams, struct stream *stream, const struct event_clear *event,
                     const struct event_id *id)
{
    if (stream->touched != streams->round) {
        if (streams->changed_count == streams->changed_cap) {
            uint32_t cap = streams->changed_cap ? streams->changed_cap * 2 : 8;
            uint32_t *changed = realloc(streams->changed, cap * sizeof *changed);
            if (!changed)
                return false;
            streams->changed = changed;
            streams->changed_cap = cap;
        }
        streams->changed[streams->changed_count++] = (uint32_t)(stream - streams->items);
        stream->touched = streams->round;
        stream->before = stream->head;
    }
    stream_advance(&stream->head, event, id);
    return true;
}

void streams_undo(struct streams *streams)
{
    for (uint32_t i = 0; i < streams->changed_count; i++)
        streams->items[streams->changed[i]].head = streams->items[streams->changed[i]].before;
    while (streams->count > streams->count_before) {
        uint8_t key[STREAM_KEY];
        const struct stream *last = &streams->items[--streams->count];
        stream_key(&last->device, last->incarnation, key);
        table_remove(&streams->index, key);
    }
    streams_begin(streams);
}
