/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are put into a table later, in the order of their keys; see views_later.h. */
#include "daemon/views/views_later.h"

#include <stdlib.h>

#include "daemon/store/store_key.h"

#define BLOCK_BITS 18
#define BLOCK_SIZE ((size_t)1 << BLOCK_BITS)
#define BLOCKS_MAX ((size_t)1 << (32 - BLOCK_BITS))
static_assert(STORE_KEY_MAX + UINT16_MAX <= BLOCK_SIZE, "a block has room for any row");

static void free_blocks(struct views_later *later, size_t keep)
{
    while (later->block_count > keep)
        free(later->blocks[--later->block_count]);
}

void views_later_clear(struct views_later *later)
{
    later->count = later->used = 0;
    free_blocks(later, 1);
}

void views_later_release(struct views_later *later)
{
    free_blocks(later, 0);
    free(later->blocks);
    free(later->rows);
    *later = (struct views_later){0};
}

static bool add_block(struct views_later *later)
{
    if (later->block_count == later->block_room) {
        const size_t room = later->block_room ? later->block_room * 2 : 4;
        uint8_t **grown = room <= BLOCKS_MAX ? realloc(later->blocks, room * sizeof *grown) : NULL;
        if (!grown)
            return false;
        later->blocks = grown;
        later->block_room = room;
    }
    uint8_t *block = malloc(BLOCK_SIZE);
    if (!block)
        return false;
    later->blocks[later->block_count++] = block;
    later->used = 0;
    return true;
}

static const uint8_t *row_at(const struct views_later *later, const struct later_row *row)
{
    return later->blocks[row->at >> BLOCK_BITS] + (row->at & (BLOCK_SIZE - 1));
}

bool views_later_add(struct views_later *later, struct bytes key, struct bytes value)
{
    const size_t size = key.len + value.len;
    if (value.len > UINT16_MAX)
        return false;
    if (later->count == later->room) {
        const size_t room = later->room ? later->room * 2 : 64;
        struct later_row *grown = realloc(later->rows, room * sizeof *grown);
        if (!grown)
            return false;
        later->rows = grown;
        later->room = room;
    }
    if ((later->block_count == 0 || size > BLOCK_SIZE - later->used) && !add_block(later))
        return false;
    const size_t last = later->block_count - 1;
    uint8_t *at = later->blocks[last] + later->used;
    memcpy(at, key.data, key.len);
    if (value.len > 0)
        memcpy(at + key.len, value.data, value.len);
    later->rows[later->count++] = (struct later_row){be_u64(key.data), (uint32_t)(last << BLOCK_BITS | later->used),
                                                     (uint16_t)key.len, (uint16_t)value.len};
    later->used += size;
    return true;
}

struct bytes views_later_key(const struct views_later *later, size_t i)
{
    return bytes_of(row_at(later, &later->rows[i]), later->rows[i].key_len);
}

struct bytes views_later_value(const struct views_later *later, size_t i)
{
    const struct later_row *row = &later->rows[i];
    return bytes_of(row_at(later, row) + row->key_len, row->value_len);
}

void views_later_prepare(const struct views_later *later, size_t i)
{
    if (i >= later->count)
        return;
    const struct later_row *row = &later->rows[i];
    for (size_t at = 0; at < (size_t)row->key_len + row->value_len && at < 256; at += 64)
        __builtin_prefetch(row_at(later, row) + at);
}

/* Of one key, the row that was added first comes first. */
static bool is_before(const struct views_later *later, const struct later_row *x, const struct later_row *y)
{
    if (x->begin != y->begin)
        return x->begin < y->begin;
    const int order = bytes_compare(bytes_of(row_at(later, x), x->key_len), bytes_of(row_at(later, y), y->key_len));
    return order != 0 ? order < 0 : x->at < y->at;
}

static int by_key(const void *a, const void *b, void *context)
{
    return is_before(context, a, b) ? -1 : 1;
}

static void insert_each(struct views_later *later, struct later_row *rows, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct later_row row = rows[i];
        size_t at = i;
        for (; at > 0 && is_before(later, &row, &rows[at - 1]); at--)
            rows[at] = rows[at - 1];
        rows[at] = row;
    }
}

#define HEAP_BITS_MIN 8u
#define HEAP_BITS_MAX 16u
#define HEAP_USUAL 4u /* to 8 */
#define HEAP_MAX 64u /* keys that are not as random as they should be are sorted otherwise */

static size_t heap_of(const struct later_row *row, unsigned bits)
{
    return (size_t)(row->begin >> (64 - bits));
}

/* Keys are random: by their first bits they make heaps of a few each, which are sorted by themselves. False: no memory,
 * or they are not that random; then nothing has changed. */
static bool sort_in_heaps(struct views_later *later)
{
    unsigned bits = HEAP_BITS_MIN;
    while (bits < HEAP_BITS_MAX && later->count >> bits >= 2 * HEAP_USUAL)
        bits++;
    const size_t heaps = (size_t)1 << bits;
    uint32_t *ends = calloc(heaps + 1, sizeof *ends), most = 0;
    struct later_row *sorted = malloc(later->room * sizeof *sorted);
    for (size_t i = 0; ends && i < later->count; i++)
        ends[heap_of(&later->rows[i], bits) + 1]++;
    for (size_t i = 0; ends && i < heaps; i++) {
        most = ends[i + 1] > most ? ends[i + 1] : most;
        ends[i + 1] += ends[i];
    }
    const bool can = ends && sorted && most <= HEAP_MAX;
    for (size_t i = 0; can && i < later->count; i++)
        sorted[ends[heap_of(&later->rows[i], bits)]++] = later->rows[i];
    for (size_t i = 0, from = 0; can && i < heaps; from = ends[i++])
        insert_each(later, sorted + from, ends[i] - from);
    if (can) {
        free(later->rows);
        later->rows = sorted;
    } else {
        free(sorted);
    }
    free(ends);
    return can;
}

/* What all keys begin with says nothing of their order: the 8 bytes after that do. */
static void begin_behind(struct views_later *later)
{
    const struct bytes first = views_later_key(later, 0);
    size_t same = first.len;
    for (size_t i = 1; i < later->count && same > 0; i++) {
        const struct bytes key = views_later_key(later, i);
        same = same < key.len ? same : key.len;
        while (memcmp(key.data, first.data, same) != 0)
            same--;
    }
    for (size_t i = 0; i < later->count; i++) {
        const struct bytes key = views_later_key(later, i);
        const size_t len = key.len - same < sizeof later->rows[i].begin ? key.len - same : sizeof later->rows[i].begin;
        uint8_t begin[sizeof later->rows[i].begin] = {0};
        memcpy(begin, key.data + same, len);
        later->rows[i].begin = be_u64(begin);
    }
}

static bool begin_alike(const struct views_later *later)
{
    size_t i = 1;
    while (i < later->count && later->rows[i].begin == later->rows[0].begin)
        i++;
    return i >= later->count;
}

void views_later_sort(struct views_later *later)
{
    if (later->count > 2 && begin_alike(later))
        begin_behind(later);
    const bool many = later->count >= HEAP_USUAL << HEAP_BITS_MIN;
    if (later->count > 1 && !(many && sort_in_heaps(later)))
        qsort_r(later->rows, later->count, sizeof *later->rows, by_key, later);
}

void views_later_put(struct views_later *later, struct store_txn *txn, unsigned table)
{
    if (later->count == 0)
        return;
    views_later_sort(later);
    if (store_count(txn, table) == 0) {
        for (size_t i = 0; i < later->count; i++) {
            views_later_prepare(later, i + LATER_AHEAD);
            store_put_last(txn, table, views_later_key(later, i), views_later_value(later, i));
        }
    } else {
        struct store_cursor *cursor = store_cursor_open(txn, table);
        for (size_t i = 0; i < later->count; i++) {
            views_later_prepare(later, i + LATER_AHEAD);
            store_cursor_put(cursor, views_later_key(later, i), views_later_value(later, i));
        }
        store_cursor_close(cursor);
    }
    views_later_clear(later);
}
