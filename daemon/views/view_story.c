/* SPDX-License-Identifier: Apache-2.0 */
/* A person's story: the entries about them in all sites of the scope, by time, as read from the log. */
#include "daemon/views/view_query.h"

#include "daemon/views/opened.h"

struct telling {
    struct daemon *daemon;
    struct views *views;
    struct opener opener;
    struct opened opened;
    uint32_t site_index;
    const struct document *document;
    struct query_rows *rows;
};

static bool tell_event(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct telling *t = context;
    struct log_item item;
    if (!opener_fetch(t->opener.reader, t->opener.site, ref, &item)) {
        views_found_damage(t->views);
        return true;
    }
    enum opening outcome = opener_get(&t->opener, t->daemon->keyring, ref, &t->opened);
    if (outcome == OPENED_NO_MEMORY)
        return !(t->rows->failed = true);
    if (outcome != OPENED_NO_KEY && (outcome != OPENED || !event_id_equal(&t->opened.id, id)))
        views_found_damage(t->views);
    if (outcome != OPENED)
        return true;
    struct fold_event fold = opened_for_fold(&t->opener, &t->opened);
    fold.id = *id;
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
        struct bytes site = bytes_str(scope->sites[i]);
        struct telling t = {.daemon = daemon, .views = txn->views, .document = document, .rows = out, .site_index = i,
                            .opener = {.reader = reader, .identity = &daemon->identity, .site = site}};
        document_clear(document);
        if (views_get_document(txn, site, person, &encoded) != VIEWS_FOUND ||
            !document_decode(document, buffer_bytes(&encoded)))
            continue;
        views_timeline(txn, site, person, NULL, tell_event, &t);
        opener_release(&t.opener);
        opened_release(&t.opened);
    }
    buffer_release(&encoded);
    document_free(document);
    if (scope->count > 1)
        query_sort(out);
    drop_copies(out);
}
