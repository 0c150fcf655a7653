/* SPDX-License-Identifier: Apache-2.0 */
/* learning: what the rows of all people come to together. Each person's row counts for one line; a line's numbers are
 * summed up, of its measures the median is told. Nobody is named. */
#include "daemon/views/view_query.h"

#include <stdlib.h>

#include "proto/mp.h"

#define LINES_MAX 32u

struct line {
    struct bytes what;
    uint64_t sort;
    bool has_count, has_of;
    int64_t count, of;
    int64_t *values;      /* what the median is of */
    size_t value_count, value_cap;
};

struct learning {
    struct line lines[LINES_MAX];
    size_t count;
    bool failed;
};

static struct line *line_of(struct learning *l, struct bytes what, uint64_t sort)
{
    for (size_t i = 0; i < l->count; i++)
        if (bytes_equal(l->lines[i].what, what))
            return &l->lines[i];
    if (l->count == LINES_MAX)
        return NULL;
    l->lines[l->count] = (struct line){.what = what, .sort = sort};
    return &l->lines[l->count++];
}

static void add_value(struct learning *l, struct line *line, int64_t value)
{
    if (line->value_count == line->value_cap) {
        size_t cap = line->value_cap ? line->value_cap * 2 : 64;
        int64_t *grown = realloc(line->values, cap * sizeof *grown);
        if (!grown) {
            l->failed = true;
            return;
        }
        line->values = grown;
        line->value_cap = cap;
    }
    line->values[line->value_count++] = value;
}

/* A number, or (false) none. */
static bool take_number(struct mp_reader *r, int64_t *out)
{
    enum mp_type type = mp_peek(r);
    if (type == MP_UINT || type == MP_INT)
        *out = mp_int(r, INT64_MIN, INT64_MAX);
    else
        mp_skip(r);
    return type == MP_UINT || type == MP_INT;
}

static void add_row(struct learning *l, const struct query_row *row, struct bytes cells, struct mp_reader *r)
{
    int64_t count = 0, of = 0, value = 0;
    mp_reader_init(r, cells);
    if (!mp_next(r) || mp_array(r, LEARNING_COLUMNS, LEARNING_COLUMNS) == 0)
        return;
    struct bytes what = mp_str(r, 1, EVENT_SIZE_MAX);
    bool has_count = take_number(r, &count), has_of = take_number(r, &of), has_value = take_number(r, &value);
    struct line *line = r->failed ? NULL : line_of(l, what, row->sort);
    if (!line)
        return;
    line->sort = row->sort < line->sort ? row->sort : line->sort;
    line->has_count |= has_count;
    line->has_of |= has_of;
    line->count += count;
    line->of += of;
    if (has_value)
        add_value(l, line, value);
}

static int by_number(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void put_line(struct line *line, struct buffer *out)
{
    int64_t median = 0;
    if (line->value_count > 0) {
        qsort(line->values, line->value_count, sizeof *line->values, by_number);
        size_t half = line->value_count / 2;
        median = line->values[half];
        if (line->value_count % 2 == 0)
            median = (median + line->values[half - 1]) / 2;
    }
    mp_put_array(out, LEARNING_COLUMNS);
    mp_put_str(out, line->what);
    mp_put_int_or_nil(out, line->has_count, line->count);
    mp_put_int_or_nil(out, line->has_of, line->of);
    mp_put_int_or_nil(out, line->value_count > 0, median);
}

void query_learn(struct query_rows *rows)
{
    struct learning *l = calloc(1, sizeof *l);
    struct mp_reader *r = malloc(sizeof *r);
    struct query_rows sums = {0};
    bool ok = l && r;
    for (size_t i = 0; ok && i < rows->count; i++)
        add_row(l, &rows->rows[i], bytes_of(rows->cells.data + rows->rows[i].begin, rows->rows[i].len), r);
    for (size_t i = 0; ok && i < l->count; i++) {
        struct query_row *row = query_add(&sums);
        if (!row)
            break;
        row->sort = l->lines[i].sort;
        row->begin = sums.cells.len;
        put_line(&l->lines[i], &sums.cells);
        row->len = sums.cells.len - row->begin;
    }
    sums.failed |= !ok || l->failed || sums.cells.failed || rows->failed;
    query_sort(&sums);
    for (size_t i = 0; l && i < l->count; i++)
        free(l->lines[i].values);
    free(l);
    free(r);
    query_rows_release(rows);
    *rows = sums;
}
