/* SPDX-License-Identifier: Apache-2.0 */
/* Two passes: along the logs from the marks on, to see what is news to whom; then person by person, so that a document
 * (which knows what is struck) is needed once each. */
#include "daemon/views/news_scan.h"

#include <stdlib.h>

#include "daemon/views/opened.h"
#include "proto/domain/record.h"
#include "proto/event/hlc.h"

/* One entry that is news. */
struct item_of_news {
    uint64_t time;              /* HLC: when it was recorded */
    struct event_id id;
    struct person_id subject;
    struct views_ref ref;
    uint32_t site;
    bool restricted;
    struct buffer cells;
};

/* A restricted entry that is shown as itself: what tells others of it, written next, is not shown. */
struct shown_whole {
    struct device_id device;
    uint32_t incarnation;
    uint64_t seq;
};

struct gathering {
    struct daemon *daemon;
    struct views_txn *txn;
    struct opener opener;
    struct opened opened;
    const struct scope *scope;
    uint32_t site;              /* index in the scope */
    const struct news_wish *wish;
    const atomic_bool *cancelled;
    int64_t since_ms;           /* of who looks for the first time; 0: all */
    struct item_of_news *items;
    size_t count, cap;
    struct shown_whole last;
    /* the subject of the second pass */
    struct document *document;
    struct buffer encoded, name;
    bool failed;
};

void news_release(struct news *news)
{
    for (size_t i = 0; i < news->count; i++)
        buffer_release(&news->rows[i]);
    free(news->rows);
    *news = (struct news){0};
}

static bool at_hub(const struct gathering *g)
{
    return g->daemon->config.role == ROLE_HUB;
}

/* ---- what is news ---- */

static void add_item(struct gathering *g, const struct views_ref *ref)
{
    if (g->count == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 64;
        struct item_of_news *grown = realloc(g->items, cap * sizeof *grown);
        if (!grown) {
            g->failed = true;
            return;
        }
        g->items = grown;
        g->cap = cap;
    }
    const struct event_body *body = &g->opened.body;
    g->items[g->count++] = (struct item_of_news){
        .time = body->time, .id = g->opened.id, .subject = body->has_subject ? body->subject : PERSON_ID_NONE,
        .ref = *ref, .site = g->site, .restricted = g->opened.restricted};
}

/* Written in another site that this device is in, too: it is news there. */
static bool is_news_at_home(const struct gathering *g)
{
    for (size_t i = 0; g->opened.copied && i < g->scope->count; i++)
        if (bytes_is(g->opened.event.clear.site, g->scope->sites[i]))
            return true;
    return false;
}

/* Of a restricted entry, what is shown to whom is as in a person's story (view_story.c). */
static bool is_hidden(struct gathering *g)
{
    const struct event_clear *clear = &g->opened.event.clear;
    const struct type_def *type = catalogue_find(g->opened.body.type);
    bool tells = type && type->id == TYPE_entry_restricted;
    if (g->opened.restricted && at_hub(g))
        return type && type->audience == AUDIENCE_KNOWN; /* something else tells of it */
    bool hidden = tells && g->last.seq + 1 == clear->seq && g->last.incarnation == clear->incarnation &&
                  device_id_equal(&g->last.device, &clear->device);
    if (g->opened.restricted)
        g->last = (struct shown_whole){clear->device, clear->incarnation, clear->seq};
    return hidden;
}

static enum opening open_ref(struct gathering *g, const struct views_ref *ref)
{
    const enum opening outcome = opener_get(&g->opener, g->daemon->keyring, ref, &g->opened);
    g->txn->unread |= outcome == OPENED_KEY_UNREAD;
    g->failed |= outcome == OPENED_NO_MEMORY || outcome == OPENED_KEY_UNREAD;
    return outcome;
}

static void look_at(struct gathering *g, const struct views_ref *ref)
{
    struct views_event known;
    const enum opening outcome = open_ref(g, ref);
    if (outcome != OPENED || is_hidden(g) || bytes_is(g->opened.body.worker, g->wish->worker) || is_news_at_home(g) ||
        (int64_t)hlc_ms(g->opened.body.time) < g->since_ms)
        return;
    /* What the views do not have (yet), or have from elsewhere, is not told. */
    if (views_get_event(g->txn, &g->opened.id, g->opener.site, &known) && !(known.flags & VIEWS_DUPLICATE))
        add_item(g, ref);
}

static bool go_on(const struct gathering *g)
{
    return !g->failed && !atomic_load(g->cancelled);
}

/* An own entry that was told before it had a position. */
static bool was_told(const struct looked_site *from, const struct log_item *item)
{
    struct event event;
    return from && (item->flags & ENTRY_OWN) && event_decode(item->event, &event) &&
           event.clear.incarnation == from->incarnation && event.clear.seq <= from->cursor.own_seq;
}

static void gather_log(struct gathering *g, const struct looked_site *from, const struct views_cursor *to)
{
    for (size_t i = 0; i < to->seen.count && go_on(g); i++) {
        struct position at = to->seen.at[i];
        struct log_walk walk;
        struct log_item item;
        struct position first = {at.epoch, from ? seen_in(&from->cursor.seen, at.epoch) + 1 : 1};
        if (first.n > at.n)
            continue;
        log_walk_begin(&walk, g->opener.reader, g->opener.site, first);
        while (go_on(g) && log_walk_next(&walk, &item) && item.at.epoch == at.epoch && item.at.n <= at.n)
            if (!was_told(from, &item))
                look_at(g, &(struct views_ref){item.at});
        log_walk_end(&walk);
    }
}

/* Entries of others on this device that have no position yet. */
static void gather_own(struct gathering *g, const struct looked_site *from, const struct looked_site *to)
{
    uint64_t seq = from && from->incarnation == to->incarnation ? from->cursor.own_seq : 0;
    struct stream_head head = {0};
    uint64_t shared;
    int64_t oldest;
    if (!log_own(g->opener.reader, g->opener.site, &head, &shared, &oldest) || at_hub(g))
        return;
    while (seq++ < to->cursor.own_seq && go_on(g)) {
        struct log_item item;
        if (log_get_own(g->opener.reader, g->opener.site, seq, &item) && !seen_covers(&to->cursor.seen, item.at))
            look_at(g, &(struct views_ref){{0, seq}});
    }
}

/* ---- in which order ---- */

static int newest_first(const void *a, const void *b)
{
    const struct item_of_news *x = a, *y = b;
    if (x->time != y->time)
        return x->time > y->time ? -1 : 1;
    int order = memcmp(&x->id, &y->id, sizeof x->id);
    return order != 0 ? order : x->site < y->site ? -1 : x->site > y->site;
}

static int by_subject(const void *a, const void *b)
{
    const struct item_of_news *x = *(const struct item_of_news *const *)a, *y = *(const struct item_of_news *const *)b;
    if (x->site != y->site)
        return x->site < y->site ? -1 : 1;
    int order = memcmp(&x->subject, &y->subject, sizeof x->subject);
    return order != 0 ? order : x->restricted - y->restricted;
}

/* An entry that came into two sites is told once. */
static void drop_copies(struct gathering *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->count; i++)
        if (kept == 0 || !event_id_equal(&g->items[i].id, &g->items[kept - 1].id))
            g->items[kept++] = g->items[i];
    g->count = kept;
}

/* ---- what is told of each ---- */

static void know_subject(struct gathering *g, const struct item_of_news *item)
{
    g->site = item->site;
    g->opener.site = bytes_str(g->scope->sites[item->site]);
    views_get_name(g->txn, g->opener.site, &item->subject, &g->name);
    document_clear(g->document);
    enum views_found found = (item->restricted ? views_get_restricted : views_get_document)(
        g->txn, g->opener.site, &item->subject, &g->encoded);
    if (found == VIEWS_FOUND)
        g->failed |= !document_decode(g->document, buffer_bytes(&g->encoded)) || !document_understood(g->document);
}

static void put_person(struct gathering *g, struct item_of_news *item)
{
    struct buffer *out = &item->cells;
    if (g->name.len > 0) {
        mp_put_array(out, 1);
        mp_put_str(out, buffer_bytes(&g->name));
    } else {
        mp_put_nil(out);
    }
    if (person_id_is_none(&item->subject))
        mp_put_nil(out);
    else
        mp_put_bin(out, item->subject.b, sizeof item->subject.b);
}

/* In the order of enum news_column. */
static void put_cells(struct gathering *g, struct item_of_news *item)
{
    static const uint8_t no_fields[] = {0x80};
    const struct event_body *body = &g->opened.body;
    struct buffer *out = &item->cells;
    bool closed = item->restricted && at_hub(g);
    int64_t recorded = (int64_t)hlc_ms(body->time);
    const struct item *strike = record_struck_by(g->document, body->has_was ? &body->was : &item->id);
    const struct item *kept = record_find(g->document, body->time, &item->id);
    mp_put_array(out, NEWS_COLUMNS);
    mp_put_int(out, recorded);
    mp_put_int(out, body->has_occurred ? body->occurred : recorded);
    mp_put_str(out, body->worker);
    put_person(g, item);
    mp_put_str(out, closed ? bytes_str(catalogue_at(TYPE_entry_restricted)->name) : body->type);
    if (closed)
        buffer_append(out, no_fields, sizeof no_fields);
    else
        buffer_append(out, body->fields.data, body->fields.len);
    mp_put_bool(out, body->has_occurred && body->occurred < recorded - NEWS_LATE_MS);
    mp_put_str_or_nil(out, record_struck_why(strike));
    mp_put_bool(out, !closed && (!catalogue_find(body->type) || (kept && kept->unrecognised)));
    mp_put_str(out, g->opener.site);
    mp_put_bin(out, item->id.b, sizeof item->id.b);
    g->failed |= out->failed;
}

static void tell_all(struct gathering *g)
{
    struct item_of_news **order = calloc(g->count + 1, sizeof *order);
    g->document = views_new_document(g->txn);
    g->failed |= !order || !g->document;
    for (size_t i = 0; order && i < g->count; i++)
        order[i] = &g->items[i];
    if (order && g->count > 1)
        qsort(order, g->count, sizeof *order, by_subject);
    for (size_t i = 0; i < g->count && go_on(g); i++) {
        if (i == 0 || by_subject(&order[i - 1], &order[i]) != 0)
            know_subject(g, order[i]);
        if (open_ref(g, &order[i]->ref) == OPENED)
            put_cells(g, order[i]);
    }
    document_free(g->document);
    free(order);
}

/* ---- all of it ---- */

static void gather_site(struct gathering *g, struct news *out)
{
    const char *name = g->scope->sites[g->site];
    struct looked_site now = {.incarnation = event_log_incarnation(g->daemon->log)};
    const struct looked_site *from = looked_at(g->wish->looked, name);
    bytes_to_text(bytes_str(name), now.site, sizeof now.site);
    g->opener.site = bytes_str(name);
    g->since_ms = from ? 0 : g->wish->now_ms - NEWS_FIRST_MS;
    g->last = (struct shown_whole){.incarnation = 0};
    views_get_cursor(g->txn, g->opener.site, &now.cursor);
    gather_log(g, from, &now.cursor);
    gather_own(g, from, &now);
    looked_put(&out->now, &now);
}

static void hand_over(struct gathering *g, struct news *out)
{
    out->rows = calloc(g->count + 1, sizeof *out->rows);
    g->failed |= out->rows == NULL;
    for (size_t i = 0; i < g->count; i++) {
        struct buffer *cells = &g->items[i].cells;
        g->failed |= cells->failed;
        if (out->rows && cells->len > 0 && !cells->failed) {
            out->rows[out->count++] = *cells;
            *cells = (struct buffer){0};
        }
        buffer_release(cells);
    }
}

void news_scan(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader, const struct scope *scope,
               const struct news_wish *wish, const atomic_bool *cancelled, struct news *out)
{
    struct gathering g = {.daemon = daemon, .txn = txn, .scope = scope, .wish = wish, .cancelled = cancelled,
                          .opener = {.reader = reader, .identity = &daemon->identity}};
    out->now = *wish->looked; /* of sites that are not looked at now nothing changes */
    out->now.at_ms = wish->now_ms;
    for (g.site = 0; g.site < scope->count && go_on(&g); g.site++)
        gather_site(&g, out);
    if (g.count > 1)
        qsort(g.items, g.count, sizeof *g.items, newest_first);
    drop_copies(&g);
    out->total = g.count;
    if (g.count > wish->limit)
        g.count = wish->limit;
    tell_all(&g);
    hand_over(&g, out);
    out->failed |= g.failed;
    opener_release(&g.opener);
    opened_release(&g.opened);
    buffer_release(&g.encoded);
    buffer_release(&g.name);
    free(g.items);
}
