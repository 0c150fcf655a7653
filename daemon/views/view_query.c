/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the views. Rows are collected within one short reading of the views, so that an answer is of one moment and
 * a client that takes its time holds no reader. */
#include "daemon/views/view_query.h"

#include <stdlib.h>


void query_rows_release(struct query_rows *rows)
{
    buffer_release(&rows->cells);
    free(rows->rows);
    *rows = (struct query_rows){0};
}

struct query_row *query_add(struct query_rows *rows)
{
    if (rows->count == rows->cap) {
        size_t cap = rows->cap ? rows->cap * 2 : 64;
        struct query_row *grown = realloc(rows->rows, cap * sizeof *grown);
        if (!grown) {
            rows->failed = true;
            return NULL;
        }
        rows->rows = grown;
        rows->cap = cap;
    }
    struct query_row *row = &rows->rows[rows->count++];
    *row = (struct query_row){0};
    return row;
}

static int compare(const void *a, const void *b)
{
    const struct query_row *x = a, *y = b;
    if (x->sort != y->sort)
        return x->sort < y->sort ? -1 : 1;
    int order = memcmp(&x->event, &y->event, sizeof x->event);
    if (order == 0)
        order = memcmp(&x->subject, &y->subject, sizeof x->subject);
    if (order != 0)
        return order;
    if (x->sub != y->sub)
        return x->sub < y->sub ? -1 : 1;
    return x->site < y->site ? -1 : x->site > y->site;
}

void query_sort(struct query_rows *rows)
{
    if (rows->count > 1)
        qsort(rows->rows, rows->count, sizeof *rows->rows, compare);
}

/* ---- views of all people ---- */

struct collecting {
    struct query_rows *rows;
    uint32_t site;
    const struct person_id *elsewhere; /* ascending: whose rows another site gave */
    size_t elsewhere_count;
};

static int by_person(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct person_id));
}

static bool collect_row(void *context, const struct views_row *found)
{
    struct collecting *c = context;
    if (c->elsewhere_count > 0 && !person_id_is_none(&found->subject) &&
        bsearch(&found->subject, c->elsewhere, c->elsewhere_count, sizeof *c->elsewhere, by_person))
        return true;
    struct query_row *row = query_add(c->rows);
    if (!row)
        return false;
    row->sort = found->sort;
    row->subject = found->subject;
    row->sub = found->sub;
    row->site = c->site;
    row->begin = c->rows->cells.len;
    row->len = found->cells.len;
    buffer_append(&c->rows->cells, found->cells.data, found->cells.len);
    return !(c->rows->failed |= c->rows->cells.failed);
}

/* Whom the rows so far are about, ascending; NULL when there are none. */
static struct person_id *people_of(struct query_rows *rows)
{
    struct person_id *people = rows->count > 0 ? malloc(rows->count * sizeof *people) : NULL;
    for (size_t i = 0; people && i < rows->count; i++)
        people[i] = rows->rows[i].subject;
    if (people)
        qsort(people, rows->count, sizeof *people, by_person);
    rows->failed |= rows->count > 0 && !people;
    return people;
}

void query_view(struct views_txn *txn, const struct scope *scope, enum view view, struct query_rows *out)
{
    for (uint32_t i = 0; i < scope->count && !out->failed; i++) {
        struct person_id *people = people_of(out);
        struct collecting c = {out, i, people, people ? out->count : 0};
        views_rows(txn, bytes_str(scope->sites[i]), view, (struct bytes){0}, collect_row, &c);
        free(people);
    }
    if (scope->count > 1)
        query_sort(out);
}

bool query_page(struct views_txn *txn, const struct scope *scope, enum view view, size_t from, size_t count,
                struct query_rows *out)
{
    uint32_t site = 0, sites = 0;
    for (uint32_t i = 0; i < scope->count; i++)
        if (views_any_row(txn, bytes_str(scope->sites[i]), view)) {
            site = i;
            sites++;
        }
    struct collecting c = {out, site, NULL, 0};
    if (sites == 1)
        views_rows_page(txn, bytes_str(scope->sites[site]), view, from, count, collect_row, &c);
    return sites < 2;
}

/* ---- devices ---- */

struct hearing {
    struct heard_device *out;
    size_t count, max;
};

static bool hear_device(void *context, const struct views_device *device)
{
    struct hearing *h = context;
    for (size_t i = 0; i < h->count; i++)
        if (device_id_equal(&h->out[i].device, &device->device)) {
            if (device->time > h->out[i].time)
                h->out[i].time = device->time;
            return true;
        }
    if (h->count < h->max)
        h->out[h->count++] = (struct heard_device){.device = device->device, .time = device->time};
    return true;
}

/* A device that has joined and not written yet is listed too. */
static void name_device(void *context, const struct device_id *device, const uint8_t *key, struct bytes worker)
{
    struct hearing *h = context;
    size_t i = 0;
    (void)key;
    while (i < h->count && !device_id_equal(&h->out[i].device, device))
        i++;
    if (i == h->count) {
        if (h->count == h->max)
            return;
        h->out[h->count++] = (struct heard_device){.device = *device};
    }
    bytes_to_text(worker, h->out[i].worker, sizeof h->out[i].worker);
}

size_t query_devices(struct views_txn *txn, const struct scope *scope, struct heard_device *out, size_t max)
{
    struct hearing h = {.out = out, .max = max};
    struct document *document = views_new_document(txn);
    struct buffer plain = {0};
    for (size_t i = 0; i < scope->count; i++) {
        struct bytes site = bytes_str(scope->sites[i]);
        views_devices(txn, site, hear_device, &h);
        if (document && views_get_document(txn, site, &PERSON_ID_NONE, &plain) == VIEWS_FOUND &&
            document_decode(document, buffer_bytes(&plain)))
            document_devices(document, name_device, &h);
    }
    buffer_release(&plain);
    document_free(document);
    return h.count;
}

/* ---- workers' names ---- */

struct naming {
    struct mp_reader *r;
    struct buffer pairs, seen;
    uint32_t count;
};

static bool already_named(struct naming *n, struct bytes id)
{
    for (size_t at = 0; at < n->seen.len; at += (size_t)n->seen.data[at] + 1)
        if (bytes_equal(id, bytes_of(n->seen.data + at + 1, n->seen.data[at])))
            return true;
    return false;
}

static bool name_worker(void *context, const struct views_row *row)
{
    struct naming *n = context;
    struct bytes id = {0}, name = {0};
    mp_reader_init(n->r, row->cells);
    if (!mp_next(n->r))
        return true;
    uint32_t count = mp_array(n->r, 0, MP_TAPE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (i == WORKER_ID && mp_peek(n->r) == MP_STR)
            id = mp_str(n->r, 1, SLUG_MAX);
        else if (i == WORKER_NAME && mp_peek(n->r) == MP_STR)
            name = mp_str(n->r, 1, EVENT_SIZE_MAX);
        else
            mp_skip(n->r);
    }
    if (n->r->failed || id.len == 0 || name.len == 0 || already_named(n, id))
        return true;
    buffer_append_byte(&n->seen, (uint8_t)id.len);
    buffer_append(&n->seen, id.data, id.len);
    mp_put_str(&n->pairs, id);
    mp_put_str(&n->pairs, name);
    n->count++;
    return true;
}

void query_put_worker_names(struct views_txn *txn, const struct scope *scope, const struct identity *identity,
                            struct buffer *out)
{
    const struct bytes hub = bytes_str(HUB_WORKER);
    const char *hub_name = identity->role == ROLE_HUB ? identity->label : identity->hub_name;
    struct naming n = {.r = malloc(sizeof *n.r)};
    for (size_t i = 0; n.r && i < scope->count; i++)
        views_rows(txn, bytes_str(scope->sites[i]), VIEW_WORKERS, (struct bytes){0}, name_worker, &n);
    if (*hub_name && !already_named(&n, hub)) {
        mp_put_str(&n.pairs, hub);
        mp_put_text(&n.pairs, hub_name);
        n.count++;
    }
    if (n.pairs.failed)
        n.count = 0, buffer_clear(&n.pairs);
    mp_put_map(out, n.count);
    buffer_append(out, n.pairs.data, n.pairs.len);
    buffer_release(&n.pairs);
    buffer_release(&n.seen);
    free(n.r);
}
