/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as they are told; see view_told.h. Each row goes through steps that copy its cells from one buffer to the
 * next. */
#include "daemon/views/view_told.h"

#include <stdlib.h>

#include "proto/domain/view_clash.h"

struct resource_name {
    struct event_id id;
    size_t begin, len; /* in names */
};

struct teller {
    struct daemon *daemon;
    const struct scope *scope;
    const struct view_wish *wish;
    struct mp_reader *r;
    struct buffer cells[2];
    struct resource_name *resources; /* by id */
    size_t resource_count, resource_cap;
    struct buffer names;
    bool failed;
};

/* ---- names of resources ---- */

static bool note_resource(void *context, const struct views_row *row)
{
    struct teller *t = context;
    struct bytes name = {0}, id = {0};
    mp_reader_init(t->r, row->cells);
    uint32_t count = mp_next(t->r) ? mp_array(t->r, 0, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < count; i++)
        if (i == RESOURCE_NAME && mp_peek(t->r) == MP_STR)
            name = mp_str(t->r, 0, EVENT_SIZE_MAX);
        else if (i == RESOURCE_ID && mp_peek(t->r) == MP_BIN)
            id = mp_bin(t->r, 0, EVENT_SIZE_MAX);
        else
            mp_skip(t->r);
    if (t->r->failed || id.len != sizeof(struct event_id) || name.len == 0)
        return true;
    if (t->resource_count == t->resource_cap) {
        size_t cap = t->resource_cap ? t->resource_cap * 2 : 64;
        struct resource_name *grown = realloc(t->resources, cap * sizeof *grown);
        if (!grown)
            return !(t->failed = true);
        t->resources = grown;
        t->resource_cap = cap;
    }
    struct resource_name *entry = &t->resources[t->resource_count++];
    memcpy(entry->id.b, id.data, sizeof entry->id.b);
    entry->begin = t->names.len;
    entry->len = name.len;
    buffer_append(&t->names, name.data, name.len);
    return true;
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct resource_name *)a)->id.b, ((const struct resource_name *)b)->id.b,
                  sizeof(struct event_id));
}

static bool names_resources(const struct view_def *view)
{
    for (size_t i = 0; i < view->column_count; i++)
        if (view->columns[i].kind == CELL_RESOURCE)
            return true;
    return false;
}

static void read_resources(struct teller *t, struct views_txn *txn, const struct scope *all)
{
    for (size_t i = 0; i < all->count && !t->failed; i++)
        views_rows(txn, bytes_str(all->sites[i]), VIEW_RESOURCES, (struct bytes){0}, note_resource, t);
    if (t->resource_count > 1)
        qsort(t->resources, t->resource_count, sizeof *t->resources, by_id);
    t->failed |= t->names.failed;
}

static void put_resource(struct teller *t, struct buffer *out)
{
    struct resource_name want, *found = NULL;
    if (mp_peek(t->r) != MP_BIN) {
        mp_copy(t->r, out);
        return;
    }
    struct bytes id = mp_bin(t->r, 0, EVENT_SIZE_MAX);
    if (id.len == sizeof want.id.b && t->resource_count > 0) {
        memcpy(want.id.b, id.data, sizeof want.id.b);
        found = bsearch(&want, t->resources, t->resource_count, sizeof want, by_id);
    }
    mp_put_array(out, 2);
    mp_put_bin(out, id.data, id.len);
    if (found)
        mp_put_str(out, bytes_of(t->names.data + found->begin, found->len));
    else
        mp_put_nil(out);
}

/* ---- steps: from cells to `out`; false: the row cannot be read ---- */

static bool name_resources(struct teller *t, struct bytes cells, struct buffer *out)
{
    const struct view_def *view = t->wish->view;
    mp_reader_init(t->r, cells);
    uint32_t count = mp_next(t->r) ? mp_array(t->r, 0, MP_TAPE_MAX) : 0;
    mp_put_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        if (i < view->column_count && view->columns[i].kind == CELL_RESOURCE)
            put_resource(t, out);
        else
            mp_copy(t->r, out);
    return !t->r->failed;
}

static bool put_number(struct teller *t, const struct query_row *row, struct bytes cells, struct buffer *out)
{
    struct bytes key = {0};
    mp_reader_init(t->r, cells);
    uint32_t count = mp_next(t->r) ? mp_array(t->r, SETTLE_COLUMNS, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < count; i++)
        if (i == SETTLE_KEY && mp_peek(t->r) == MP_STR)
            key = mp_str(t->r, 0, EVENT_SIZE_MAX);
        else
            mp_skip(t->r);
    if (t->r->failed)
        return false;
    uint32_t number = key.len == 0 ? 0
                                   : settle_number_of(t->daemon->settle_numbers, bytes_str(t->scope->sites[row->site]),
                                                      &row->subject, key);
    mp_reader_init(t->r, cells);
    mp_next(t->r);
    mp_array(t->r, count, count);
    mp_skip(t->r);
    mp_put_array(out, count);
    mp_put_int_or_nil(out, number > 0, number);
    for (uint32_t i = 1; i < count; i++)
        mp_copy(t->r, out);
    return !t->r->failed;
}

/* ---- all of them ---- */

/* A row that cannot be read is left out. */
static bool tell_row(struct teller *t, struct query_row *row, struct bytes cells, struct buffer *told)
{
    const struct view_wish *wish = t->wish;
    struct buffer *numbered = &t->cells[0], *finished = &t->cells[1];
    buffer_clear(numbered);
    buffer_clear(finished);
    if (wish->view->view == VIEW_TO_SETTLE) {
        if (!put_number(t, row, cells, numbered))
            return false;
        cells = buffer_bytes(numbered);
    }
    if (!view_filter_passes(wish->view, &wish->filter, cells, t->r))
        return false;
    enum finish_verdict verdict = view_finish(wish->view, cells, &wish->moment, finished);
    if (verdict == FINISH_KEEP)
        row->sort = view_finished_sort(wish->view, buffer_bytes(finished), row->sort);
    if (verdict == FINISH_KEEP && names_resources(wish->view))
        return name_resources(t, buffer_bytes(finished), told);
    buffer_append(told, finished->data, verdict == FINISH_KEEP ? finished->len : 0);
    return verdict == FINISH_KEEP;
}

/* my-day: which worker is to be in two places. Changes the rows' cells. */
static bool tell_clashes(struct mp_reader *r, struct query_rows *rows)
{
    struct buffer told = {0};
    struct promise *promises = calloc(rows->count + 1, sizeof *promises);
    bool ok = promises != NULL;
    for (size_t i = 0; ok && i < rows->count; i++)
        ok = promise_read(bytes_of(rows->cells.data + rows->rows[i].begin, rows->rows[i].len), r, &promises[i]);
    for (size_t i = 0; ok && i < rows->count; i++) {
        const size_t begin = told.len;
        ok = view_clash(promises, rows->count, i, r, &told);
        rows->rows[i].begin = begin;
        rows->rows[i].len = told.len - begin;
    }
    free(promises);
    buffer_release(&rows->cells);
    rows->cells = told;
    return ok;
}

void query_tell(struct daemon *daemon, struct views_txn *txn, const struct scope *scope, const struct scope *all,
                const struct view_wish *wish, struct query_rows *rows)
{
    struct teller t = {.daemon = daemon, .scope = scope, .wish = wish, .r = malloc(sizeof *t.r)};
    struct buffer told = {0};
    size_t kept = 0;
    t.failed = t.r == NULL;
    if (!t.failed && rows->count > 0 && names_resources(wish->view))
        read_resources(&t, txn, all);
    for (size_t i = 0; i < rows->count && !t.failed; i++) {
        struct query_row row = rows->rows[i];
        const size_t begin = told.len;
        if (row.len == 0) { /* of another page */
            rows->rows[kept++] = row;
            continue;
        }
        bool keep = tell_row(&t, &row, bytes_of(rows->cells.data + row.begin, row.len), &told);
        t.failed = told.failed || t.cells[0].failed || t.cells[1].failed;
        if (!keep) {
            told.len = begin;
            continue;
        }
        row.begin = begin;
        row.len = told.len - begin;
        rows->rows[kept++] = row;
    }
    rows->count = kept;
    rows->failed |= t.failed;
    buffer_release(&rows->cells);
    rows->cells = told;
    if (wish->view->view == VIEW_MY_DAY || wish->view->view == VIEW_PLACES) /* some got their time just now */
        query_sort(rows);
    if (wish->view->view == VIEW_MY_DAY && !rows->failed)
        rows->failed = !tell_clashes(t.r, rows);
    for (size_t i = 0; i < 2; i++)
        buffer_release(&t.cells[i]);
    buffer_release(&t.names);
    free(t.resources);
    free(t.r);
}
