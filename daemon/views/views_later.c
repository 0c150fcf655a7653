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

/* Of one key, the row that was added first comes first. */
static int by_key(const void *a, const void *b, void *context)
{
    const struct later_row *x = a, *y = b;
    const uint8_t *bytes = context;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    const int order = bytes_compare(bytes_of(bytes + x->at, x->key_len), bytes_of(bytes + y->at, y->key_len));
    return order != 0 ? order : x->at < y->at ? -1 : x->at > y->at;
}

void views_later_sort(struct views_later *later)
{
    if (later->count > 1)
        qsort_r(later->rows, later->count, sizeof *later->rows, by_key, later->bytes.data);
}

void views_later_put(struct views_later *later, struct store_txn *txn, unsigned table)
{
    if (later->count == 0)
        return;
    views_later_sort(later);
    struct store_cursor *cursor = store_cursor_open(txn, table);
    for (size_t i = 0; i < later->count; i++)
        store_cursor_put(cursor, views_later_key(later, i), views_later_value(later, i));
    store_cursor_close(cursor);
    views_later_clear(later);
}
