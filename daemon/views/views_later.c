/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that are put into a table later, in the order of their keys; see views_later.h. */
#include "daemon/views/views_later.h"

#include <stdlib.h>

#include "daemon/store/store_key.h"

void views_later_clear(struct views_later *later)
{
    later->count = 0;
    buffer_clear(&later->bytes);
}

void views_later_release(struct views_later *later)
{
    buffer_release(&later->bytes);
    free(later->rows);
    *later = (struct views_later){0};
}

bool views_later_add(struct views_later *later, struct bytes key, struct bytes value)
{
    if (value.len > UINT16_MAX || later->bytes.len > UINT32_MAX - STORE_KEY_MAX - UINT16_MAX)
        return false;
    if (later->count == later->room) {
        const size_t room = later->room ? later->room * 2 : 64;
        struct later_row *grown = realloc(later->rows, room * sizeof *grown);
        if (!grown)
            return false;
        later->rows = grown;
        later->room = room;
    }
    struct later_row *row = &later->rows[later->count];
    *row = (struct later_row){be_u64(key.data), (uint32_t)later->bytes.len, (uint16_t)key.len, (uint16_t)value.len};
    buffer_append(&later->bytes, key.data, key.len);
    buffer_append(&later->bytes, value.data, value.len);
    later->count += !later->bytes.failed;
    return !later->bytes.failed;
}

struct bytes views_later_key(const struct views_later *later, size_t i)
{
    return bytes_of(later->bytes.data + later->rows[i].at, later->rows[i].key_len);
}

struct bytes views_later_value(const struct views_later *later, size_t i)
{
    const struct later_row *row = &later->rows[i];
    return bytes_of(later->bytes.data + row->at + row->key_len, row->value_len);
}

void views_later_prepare(const struct views_later *later, size_t i)
{
    if (i >= later->count)
        return;
    const struct later_row *row = &later->rows[i];
    for (size_t at = 0; at < (size_t)row->key_len + row->value_len && at < 256; at += 64)
        __builtin_prefetch(later->bytes.data + row->at + at);
}

/* Of one key, the row that was added first comes first. */
static bool is_before(const struct views_later *later, const struct later_row *x, const struct later_row *y)
{
    if (x->begin != y->begin)
        return x->begin < y->begin;
    const uint8_t *bytes = later->bytes.data;
    const int order = bytes_compare(bytes_of(bytes + x->at, x->key_len), bytes_of(bytes + y->at, y->key_len));
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

#define HEAP_BITS 12
#define HEAPS (1u << HEAP_BITS)
#define HEAP_MAX 64u /* keys that are not as random as they should be are sorted otherwise */

static size_t heap_of(const struct later_row *row)
{
    return (size_t)(row->begin >> (64 - HEAP_BITS));
}

/* Keys are random: by their first bits they make heaps of a few each, which are sorted by themselves. False: no memory,
 * or they are not that random; then nothing has changed. */
static bool sort_in_heaps(struct views_later *later)
{
    uint32_t *ends = calloc(HEAPS + 1, sizeof *ends), most = 0;
    struct later_row *sorted = malloc(later->room * sizeof *sorted);
    for (size_t i = 0; ends && i < later->count; i++)
        ends[heap_of(&later->rows[i]) + 1]++;
    for (size_t i = 0; ends && i < HEAPS; i++) {
        most = ends[i + 1] > most ? ends[i + 1] : most;
        ends[i + 1] += ends[i];
    }
    const bool can = ends && sorted && most <= HEAP_MAX;
    for (size_t i = 0; can && i < later->count; i++)
        sorted[ends[heap_of(&later->rows[i])]++] = later->rows[i];
    for (size_t i = 0, from = 0; can && i < HEAPS; from = ends[i++])
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
    const bool many = later->count >= HEAPS / 4;
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
