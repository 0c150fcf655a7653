/* SPDX-License-Identifier: Apache-2.0 */
/* A person's story: the entries about them in all sites of the scope, by time, as read from the log. */
#include "daemon/views/view_query.h"

#include "daemon/views/projector_fold.h"

struct telling {
    struct daemon *daemon;
    struct views *views;
    struct log_reader *reader;
    struct bytes site;
    uint32_t site_index;
    const struct document *document;
    struct query_rows *rows;
    struct buffer plain;
};

static bool tell_event(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct telling *t = context;
    struct log_item item;
    struct event event;
    struct event_body body;
    struct key_record key;
    struct event_id found;
    if (!fold_fetch(t->reader, t->site, ref, &item)) {
        views_found_damage(t->views);
        return true;
    }
    event_id_of(item.event, &found);
    if (!event_id_equal(&found, id))
        views_found_damage(t->views);
    if (!event_decode(item.event, &event) || keyring_get(t->daemon->keyring, &event.clear.key, &key) != FELLOE_OK)
        return true;
    bool opened = event_open(&event, &key.key, &t->plain, &body);
    explicit_bzero(&key, sizeof key);
    if (!opened)
        return true;
    const struct fold_event fold = {
        .at = item.at,
        .device = event.clear.device,
        .by_hub = identity_is_hub(&t->daemon->identity, &event.clear.device),
        .incarnation = event.clear.incarnation,
        .seq = event.clear.seq,
        .seen = event.clear.seen,
        .id = *id,
        .body = &body,
    };
    size_t begin = t->rows->cells.len;
    struct query_row *row = query_add(t->rows);
    if (!row || !view_timeline_cells(t->document, &fold, &t->rows->cells) || t->rows->cells.failed)
        return !(t->rows->failed = true);
    row->sort = sort;
    row->event = *id;
    row->site = t->site_index;
    row->begin = begin;
    row->len = t->rows->cells.len - begin;
    return true;
}

/* An entry that the hub copied to a second site is told once. */
static void drop_copies(struct query_rows *rows)
{
    size_t kept = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (kept == 0 || !event_id_equal(&rows->rows[i].event, &rows->rows[kept - 1].event))
            rows->rows[kept++] = rows->rows[i];
    rows->count = kept;
}

void query_story(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader, const struct scope *scope,
                 const struct person_id *person, struct query_rows *out)
{
    struct document *document = document_new();
    struct buffer encoded = {0};
    out->failed |= document == NULL;
    for (uint32_t i = 0; i < scope->count && !out->failed; i++) {
        struct telling t = {.daemon = daemon, .views = txn->views, .reader = reader, .document = document, .rows = out,
                            .site = bytes_str(scope->sites[i]), .site_index = i};
        document_clear(document);
        if (views_get_document(txn, t.site, person, &encoded) != VIEWS_FOUND ||
            !document_decode(document, buffer_bytes(&encoded)))
            continue;
        views_timeline(txn, t.site, person, NULL, tell_event, &t);
        buffer_release(&t.plain);
    }
    buffer_release(&encoded);
    document_free(document);
    if (scope->count > 1)
        query_sort(out);
    drop_copies(out);
}
