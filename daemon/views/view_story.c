/* SPDX-License-Identifier: Apache-2.0 */
/* A person's story: the entries about them in all sites of the scope, by time, as read from the log. */
#include "daemon/views/view_query.h"

#include "daemon/views/opened.h"

/* An entry that tells of a restricted one is written next after it, and is not shown to those who see that one. */
#define TOLD_MAX 512u
struct told {
    struct {
        struct device_id device;
        uint32_t incarnation;
        uint64_t seq;
    } at[TOLD_MAX];
    size_t count;
    bool any_restricted;
};

struct telling {
    struct daemon *daemon;
    struct views_txn *views;
    struct opener opener;
    struct opened opened;
    uint32_t site_index;
    const struct document *document;
    struct query_rows *rows;
    struct told *told;
    size_t from, count; /* of a page */
};

/* ---- what is restricted ---- */

static void note_told(struct told *told, const struct event_clear *event)
{
    told->any_restricted = true;
    if (told->count == TOLD_MAX)
        return;
    told->at[told->count].device = event->device;
    told->at[told->count].incarnation = event->incarnation;
    told->at[told->count++].seq = event->seq + 1;
}

static bool is_told(const struct told *told, const struct event_clear *event, struct bytes type)
{
    bool found = false;
    if (!bytes_is(type, catalogue_at(TYPE_entry_restricted)->name))
        return false;
    for (size_t i = 0; i < told->count && !found; i++)
        found = told->at[i].seq == event->seq && told->at[i].incarnation == event->incarnation &&
                device_id_equal(&told->at[i].device, &event->device);
    return found;
}

/* False: it is not shown. A hub has restricted keys to hand them out: it shows that there is an entry, where nothing
 * else tells of it, and no word of what it says. */
static bool tell_restricted(struct telling *t, const struct event_clear *event, struct event_body *body)
{
    static const uint8_t no_fields[] = {0x80};
    const struct type_def *type = catalogue_find(body->type);
    if (t->daemon->config.role != ROLE_HUB) {
        note_told(t->told, event);
        return true;
    }
    t->told->any_restricted = true;
    body->type = bytes_str(catalogue_at(TYPE_entry_restricted)->name);
    body->fields = bytes_of(no_fields, sizeof no_fields);
    return !type || type->audience != AUDIENCE_KNOWN;
}

/* ---- entries ---- */

/* The views lead to nothing, or to something else: they are damaged, unless it is the log that cannot be read. */
static void led_astray(const struct telling *t)
{
    if (!log_reader_failed(t->opener.reader, NULL))
        views_found_damage(t->views->views);
}

static bool tell_event(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct telling *t = context;
    struct log_item item;
    if (!opener_fetch(t->opener.reader, t->opener.site, ref, &item)) {
        led_astray(t);
        return true;
    }
    enum opening outcome = opener_get_item(&t->opener, t->daemon->keyring, &item, &t->opened);
    t->views->unread |= outcome == OPENED_KEY_UNREAD;
    if (outcome == OPENED_NO_MEMORY || outcome == OPENED_KEY_UNREAD)
        return !(t->rows->failed = true);
    if (outcome != OPENED_NO_KEY && (outcome != OPENED || !event_id_equal(&t->opened.id, id)))
        led_astray(t);
    if (outcome != OPENED)
        return true;
    const struct event_clear *clear = &t->opened.event.clear;
    const bool restricted = t->opened.restricted;
    if (restricted ? !tell_restricted(t, clear, &t->opened.body) : is_told(t->told, clear, t->opened.body.type))
        return true;
    struct fold_event fold;
    opened_for_fold(&t->opener, &t->opened, &fold);
    fold.id = *id;
    fold.restricted = restricted;
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

/* Its strikes are in a document of its own. At a hub there is none, and nothing of it is struck. */
static void tell_all_restricted(struct telling *t, struct views_txn *txn, const struct person_id *person,
                                struct buffer *encoded)
{
    struct document *document = views_new_document(txn);
    t->document = document;
    t->rows->failed |= document == NULL;
    if (document == NULL)
        return;
    if (views_get_restricted(txn, t->opener.site, person, encoded) != VIEWS_FOUND ||
        !document_decode(document, buffer_bytes(encoded)))
        document_clear(document);
    views_restricted_timeline(txn, t->opener.site, person, NULL, tell_event, t);
    document_free(document);
}

/* What the site's timeline has of the person, one by one; ends the telling. */
static void tell_timeline(struct telling *t, struct views_txn *txn, const struct person_id *person,
                          struct document *document, struct buffer *encoded, views_timeline_visit visit)
{
    const struct bytes site = t->opener.site;
    t->document = document;
    if (!t->rows->failed && views_get_document(txn, site, person, encoded) == VIEWS_FOUND &&
        document_decode(document, buffer_bytes(encoded)))
        views_timeline(txn, site, person, NULL, visit, t);
    opener_release(&t->opener);
    opened_release(&t->opened);
}

/* ---- a page ---- */

static bool any_entry(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    (void)id, (void)sort, (void)ref;
    *(bool *)context = true;
    return false;
}

/* The one site that has entries about them, SITES_MAX when none has; false: where they stand depends on more. */
static bool is_of_one_site(struct views_txn *txn, const struct scope *scope, const struct person_id *person,
                           uint32_t *site)
{
    uint32_t sites = 0;
    bool restricted = false;
    *site = SITES_MAX;
    for (uint32_t i = 0; i < scope->count && !restricted; i++) {
        bool any = false;
        views_timeline(txn, bytes_str(scope->sites[i]), person, NULL, any_entry, &any);
        views_restricted_timeline(txn, bytes_str(scope->sites[i]), person, NULL, any_entry, &restricted);
        sites += any;
        if (any)
            *site = i;
    }
    return sites < 2 && !restricted;
}

/* One of another page, or that cannot be read, keeps its place, and has no cells. */
static bool tell_event_of_page(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct telling *t = context;
    const size_t place = t->rows->count;
    if (place >= t->from && place - t->from < t->count && (!tell_event(t, id, sort, ref) || t->rows->count > place))
        return !t->rows->failed;
    struct query_row *row = query_add(t->rows);
    if (row) {
        row->sort = sort;
        row->event = *id;
        row->site = t->site_index;
    }
    return row != NULL;
}

bool query_story_page(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader,
                      const struct scope *scope, const struct person_id *person, size_t from, size_t count,
                      struct query_rows *out)
{
    uint32_t at;
    if (!is_of_one_site(txn, scope, person, &at))
        return false;
    if (at == SITES_MAX)
        return true;
    struct document *document = views_new_document(txn);
    struct buffer encoded = {0};
    struct told told = {.count = 0};
    struct bytes site = bytes_str(scope->sites[at]);
    struct telling t = {.daemon = daemon, .views = txn, .rows = out, .told = &told, .site_index = at,
                        .from = from, .count = count,
                        .opener = {.reader = reader, .identity = &daemon->identity, .site = site}};
    out->failed |= document == NULL;
    tell_timeline(&t, txn, person, document, &encoded, tell_event_of_page);
    buffer_release(&encoded);
    document_free(document);
    return true;
}

/* ---- all of it ---- */

void query_story(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader, const struct scope *scope,
                 const struct person_id *person, struct query_rows *out)
{
    struct document *document = views_new_document(txn);
    struct buffer encoded = {0};
    bool mixed = scope->count > 1;
    out->failed |= document == NULL;
    for (uint32_t i = 0; i < scope->count && !out->failed; i++) {
        struct told told = {.count = 0};
        struct bytes site = bytes_str(scope->sites[i]);
        struct telling t = {.daemon = daemon, .views = txn, .rows = out, .told = &told, .site_index = i,
                            .opener = {.reader = reader, .identity = &daemon->identity, .site = site}};
        tell_all_restricted(&t, txn, person, &encoded);
        mixed |= told.any_restricted;
        document_clear(document);
        tell_timeline(&t, txn, person, document, &encoded, tell_event);
    }
    buffer_release(&encoded);
    document_free(document);
    if (mixed)
        query_sort(out);
    drop_copies(out);
}
