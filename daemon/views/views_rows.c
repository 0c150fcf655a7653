/* SPDX-License-Identifier: Apache-2.0 */
/* The views' documents, and the rows and names that are made of them. */
#include <stdlib.h>

#include "daemon/views/views_inside.h"
#include "daemon/views/views_later.h"
#include "proto/mp.h"

bool views_has_document(struct views_txn *txn, struct bytes site, const struct person_id *subject)
{
    struct store_key key;
    views_key_subject(&key, site, subject);
    return store_get(txn->store, VIEWS_DOCS, key_bytes(&key), NULL);
}

enum views_found views_get_document(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                                    struct buffer *plain)
{
    struct store_key key;
    struct bytes sealed;
    views_key_subject(&key, site, subject);
    buffer_clear(plain);
    if (!store_get(txn->store, VIEWS_DOCS, key_bytes(&key), &sealed))
        return VIEWS_ABSENT;
    return views_unseal(txn, site, subject, VIEWS_DOCS, key_bytes(&key), sealed, plain);
}

void views_place(uint8_t out[VIEWS_PLACE_SIZE], const struct view_row *row)
{
    out[0] = (uint8_t)row->view;
    be_put_u64(out + 1, row->sort);
    be_put_u32(out + 9, row->sub);
}

void views_key_row(struct store_key *key, struct bytes site, const struct person_id *subject, const uint8_t *place)
{
    views_key_site(key, site);
    key_put(key, place, 1 + 8);
    key_put(key, subject->b, sizeof subject->b);
    key_put(key, place + 1 + 8, 4);
}

void views_key_places(struct store_key *key, struct bytes site, const struct person_id *subject, bool restricted)
{
    views_key_subject(key, site, subject);
    if (restricted)
        key_put_u8(key, 1);
}

void views_rows_put(struct views_txn *txn)
{
    if (txn->rows)
        views_later_put(txn->rows, txn->store, VIEWS_ROWS);
}

void views_put_row(struct views_txn *txn, struct bytes key, struct bytes value)
{
    if (txn->rows && views_later_add(txn->rows, key, value))
        return;
    views_rows_put(txn);
    store_put(txn->store, VIEWS_ROWS, key, value);
}

void views_rows_begin(struct views_txn *txn, struct views_later *rows)
{
    views_later_clear(rows);
    txn->rows = rows;
}

void views_rows_end(struct views_txn *txn)
{
    views_rows_put(txn);
    txn->rows = NULL;
}

static void drop_rows(struct views_txn *txn, struct bytes site, const struct person_id *subject, bool restricted)
{
    struct store_key key;
    struct bytes old;
    views_key_places(&key, site, subject, restricted);
    if (!store_get(txn->store, VIEWS_ROWKEYS, key_bytes(&key), &old))
        return;
    /* The list is in the map, and deleting moves it. */
    struct buffer places = {0};
    buffer_append(&places, old.data, old.len);
    txn->no_memory |= places.failed; /* else rows would stay that nobody knows of */
    views_rows_put(txn);
    for (size_t at = 0; at + VIEWS_PLACE_SIZE <= places.len; at += VIEWS_PLACE_SIZE) {
        struct store_key row;
        views_key_row(&row, site, subject, places.data + at);
        store_delete(txn->store, VIEWS_ROWS, key_bytes(&row));
    }
    buffer_release(&places);
    store_delete(txn->store, VIEWS_ROWKEYS, key_bytes(&key));
}

void views_drop_rows(struct views_txn *txn, struct bytes site, const struct person_id *subject)
{
    drop_rows(txn, site, subject, false);
}

struct putting {
    struct views_txn *txn;
    struct bytes site;
    const struct person_id *subject;
    struct buffer places, name, cells; /* the document does not know who the person is */
};

/* Only what there is to settle, under the name by which the person's own document calls them. */
static bool put_restricted_row(void *context, const struct view_row *row)
{
    struct putting *p = context;
    struct mp_reader r MP_UNSET;
    if (row->view != VIEW_TO_SETTLE)
        return true;
    mp_reader_init(&r, row->cells);
    buffer_clear(&p->cells);
    const uint32_t count = mp_next(&r) ? mp_array(&r, 0, MP_TAPE_MAX) : 0;
    mp_put_array(&p->cells, count);
    for (uint32_t i = 0; i < count; i++) {
        if (i == SETTLE_PERSON && p->name.len > 0) {
            mp_skip(&r);
            mp_put_array(&p->cells, 1);
            mp_put_str(&p->cells, buffer_bytes(&p->name));
        } else {
            mp_copy(&r, &p->cells);
        }
    }
    struct view_row named = *row;
    named.sub |= VIEWS_RESTRICTED_ROW;
    uint8_t place[VIEWS_PLACE_SIZE];
    views_place(place, &named);
    buffer_append(&p->places, place, sizeof place);
    struct store_key key;
    views_key_row(&key, p->site, p->subject, place);
    return !r.failed && !p->cells.failed && !p->places.failed &&
           views_seal(p->txn, p->site, p->subject, VIEWS_ROWS, key_bytes(&key), buffer_bytes(&p->cells));
}

static bool put_restricted_rows(struct putting *p, const struct document *document)
{
    drop_rows(p->txn, p->site, p->subject, true);
    bool ok = view_rows(document, p->subject, put_restricted_row, p) && !p->places.failed;
    if (ok && p->places.len > 0) {
        struct store_key key;
        views_key_places(&key, p->site, p->subject, true);
        ok = store_put(p->txn->store, VIEWS_ROWKEYS, key_bytes(&key), buffer_bytes(&p->places));
    }
    buffer_release(&p->places);
    return ok;
}

bool views_put_restricted(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                          const struct document *document)
{
    struct putting p = {.txn = txn, .site = site, .subject = subject};
    struct buffer encoded = {0};
    struct store_key key;
    views_key_subject(&key, site, subject);
    if (!document) {
        if (!store_get(txn->store, VIEWS_RESTRICTED, key_bytes(&key), NULL))
            return true;
        drop_rows(txn, site, subject, true);
        store_delete(txn->store, VIEWS_RESTRICTED, key_bytes(&key));
        return true;
    }
    document_encode(document, &encoded);
    bool ok = !encoded.failed &&
              views_seal(txn, site, subject, VIEWS_RESTRICTED, key_bytes(&key), buffer_bytes(&encoded));
    if (ok && !person_id_is_none(subject))
        views_get_name(txn, site, subject, &p.name);
    ok = ok && !p.name.failed && put_restricted_rows(&p, document);
    buffer_release(&p.name);
    buffer_release(&p.cells);
    buffer_release(&encoded);
    return ok;
}

enum views_found views_get_restricted(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                                      struct buffer *plain)
{
    struct store_key key;
    struct bytes sealed;
    views_key_subject(&key, site, subject);
    buffer_clear(plain);
    if (!store_get(txn->store, VIEWS_RESTRICTED, key_bytes(&key), &sealed))
        return VIEWS_ABSENT;
    return views_unseal(txn, site, subject, VIEWS_RESTRICTED, key_bytes(&key), sealed, plain);
}

void views_drop_subject(struct views_txn *txn, struct bytes site, const struct person_id *subject)
{
    struct store_key key;
    drop_rows(txn, site, subject, false);
    views_put_restricted(txn, site, subject, NULL);
    views_key_subject(&key, site, subject);
    store_delete(txn->store, VIEWS_DOCS, key_bytes(&key));
    store_delete(txn->store, VIEWS_NAMES, key_bytes(&key));
    store_delete(txn->store, VIEWS_LINKS, key_bytes(&key));
}

void views_drop_person(struct views_txn *txn, struct bytes site, const struct person_id *person)
{
    struct store_key key;
    views_drop_subject(txn, site, person);
    views_drop_events(txn, site, person);
    views_key_subject(&key, site, person);
    store_delete(txn->store, VIEWS_SHARES, key_bytes(&key));
}

/* ---- walks ---- */

static void view_prefix(struct store_key *key, struct bytes site, enum view view)
{
    views_key_site(key, site);
    key_put_u8(key, (uint8_t)view);
}

static bool starts_with(struct bytes key, const struct store_key *prefix)
{
    return key.len >= prefix->len && memcmp(key.data, prefix->b, prefix->len) == 0;
}

static bool read_row_key(struct bytes key, const struct store_key *prefix, struct views_row *row)
{
    struct key_reader r = {.rest = key};
    *row = (struct views_row){.key = key};
    key_take(&r, prefix->len);
    row->sort = key_take_u64(&r);
    memcpy(row->subject.b, key_take(&r, sizeof row->subject.b), sizeof row->subject.b);
    row->sub = key_take_u32(&r);
    return !r.failed;
}

void views_rows(struct views_txn *txn, struct bytes site, enum view view, struct bytes after, views_row_visit visit,
                void *context)
{
    struct store_key prefix;
    struct store_item item;
    struct buffer plain = {0};
    view_prefix(&prefix, site, view);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_ROWS);
    bool more = store_seek(cursor, after.len > 0 ? after : key_bytes(&prefix), &item);
    if (more && after.len > 0 && bytes_equal(item.key, after))
        more = store_next(cursor, &item);
    for (; more && starts_with(item.key, &prefix); more = store_next(cursor, &item)) {
        struct views_row row;
        if (!read_row_key(item.key, &prefix, &row) ||
            views_unseal(txn, site, &row.subject, VIEWS_ROWS, item.key, item.value, &plain) != VIEWS_FOUND)
            continue;
        row.cells = buffer_bytes(&plain);
        if (!visit(context, &row))
            break;
    }
    store_cursor_close(cursor);
    buffer_release(&plain);
}

void views_rows_page(struct views_txn *txn, struct bytes site, enum view view, size_t from, size_t count,
                     views_row_visit visit, void *context)
{
    struct store_key prefix;
    struct store_item item;
    struct buffer plain = {0};
    size_t at = 0;
    view_prefix(&prefix, site, view);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_ROWS);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item); more;
         more = store_next_prefix(cursor, key_bytes(&prefix), &item), at++) {
        struct views_row row;
        const bool shown = at >= from && at - from < count;
        if (!read_row_key(item.key, &prefix, &row) ||
            (shown &&
             views_unseal(txn, site, &row.subject, VIEWS_ROWS, item.key, item.value, &plain) != VIEWS_FOUND))
            continue;
        row.cells = shown ? buffer_bytes(&plain) : (struct bytes){0};
        if (!visit(context, &row))
            break;
    }
    store_cursor_close(cursor);
    buffer_release(&plain);
}

uint64_t views_count_rows(struct views_txn *txn, struct bytes site, enum view view)
{
    struct store_key prefix;
    struct store_item item;
    uint64_t count = 0;
    view_prefix(&prefix, site, view);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_ROWS);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item); more;
         more = store_next_prefix(cursor, key_bytes(&prefix), &item))
        count++;
    store_cursor_close(cursor);
    return count;
}

bool views_any_row(struct views_txn *txn, struct bytes site, enum view view)
{
    struct store_key prefix;
    struct store_item item;
    view_prefix(&prefix, site, view);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_ROWS);
    const bool any = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    store_cursor_close(cursor);
    return any;
}

void views_get_name(struct views_txn *txn, struct bytes site, const struct person_id *subject, struct buffer *name)
{
    struct store_key key;
    struct bytes sealed;
    struct buffer plain = {0};
    struct mp_reader r MP_UNSET;
    buffer_clear(name);
    views_key_subject(&key, site, subject);
    if (store_get(txn->store, VIEWS_NAMES, key_bytes(&key), &sealed) &&
        views_unseal(txn, site, subject, VIEWS_NAMES, key_bytes(&key), sealed, &plain) == VIEWS_FOUND) {
        mp_reader_init(&r, buffer_bytes(&plain));
        struct bytes first = mp_next(&r) && mp_peek(&r) == MP_STR ? mp_str(&r, 0, EVENT_SIZE_MAX) : (struct bytes){0};
        buffer_append(name, first.data, first.len);
    }
    buffer_release(&plain);
}

/* Of those whom this table names. */
static void walk_identities(struct views_txn *txn, enum views_table table, struct bytes site,
                            views_identity_visit visit, void *context)
{
    struct store_key prefix;
    struct store_item item;
    struct buffer plain = {0};
    views_key_site(&prefix, site);
    struct store_cursor *cursor = store_cursor_open(txn->store, table);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item); more;
         more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct person_id subject;
        struct bytes sealed = item.value;
        if (item.key.len != prefix.len + sizeof subject.b)
            continue;
        memcpy(subject.b, item.key.data + prefix.len, sizeof subject.b);
        if ((table == VIEWS_NAMES || store_get(txn->store, VIEWS_NAMES, item.key, &sealed)) &&
            views_unseal(txn, site, &subject, VIEWS_NAMES, item.key, sealed, &plain) == VIEWS_FOUND &&
            !visit(context, &subject, buffer_bytes(&plain)))
            break;
    }
    store_cursor_close(cursor);
    buffer_release(&plain);
}

void views_identities(struct views_txn *txn, struct bytes site, views_identity_visit visit, void *context)
{
    walk_identities(txn, VIEWS_NAMES, site, visit, context);
}

void views_linked_identities(struct views_txn *txn, struct bytes site, views_identity_visit visit, void *context)
{
    walk_identities(txn, VIEWS_LINKS, site, visit, context);
}

struct naming {
    views_name_visit visit;
    void *context;
    struct mp_reader *r;
};

/* Names come first, one by one; what else is kept of a person is an array behind them. */
static bool visit_names(void *context, const struct person_id *subject, struct bytes identity)
{
    struct naming *n = context;
    bool go_on = true;
    mp_reader_init(n->r, identity);
    while (go_on && mp_next(n->r) && mp_peek(n->r) == MP_STR)
        go_on = n->visit(n->context, subject, mp_str(n->r, 0, EVENT_SIZE_MAX));
    return go_on;
}

void views_names(struct views_txn *txn, struct bytes site, views_name_visit visit, void *context)
{
    struct naming n = {visit, context, malloc(sizeof *n.r)};
    txn->no_memory |= !n.r;
    if (n.r)
        views_identities(txn, site, visit_names, &n);
    free(n.r);
}

void views_subjects(struct views_txn *txn, struct bytes site, struct bytes id_prefix, views_subject_visit visit,
                    void *context)
{
    struct store_key prefix;
    struct store_item item;
    views_key_site(&prefix, site);
    size_t site_len = prefix.len;
    if (id_prefix.len > 0)
        key_put(&prefix, id_prefix.data, id_prefix.len <= 16 ? id_prefix.len : 16);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_DOCS);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item); more;
         more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct person_id subject;
        if (item.key.len != site_len + sizeof subject.b)
            continue;
        memcpy(subject.b, item.key.data + site_len, sizeof subject.b);
        if (!visit(context, &subject))
            break;
    }
    store_cursor_close(cursor);
}
