/* SPDX-License-Identifier: Apache-2.0 */
/* The scan: subject by subject along the timelines, so that a person's key, name and document are needed once each. An
 * entry that is in several sites is found in its own. */
#include "daemon/views/search_scan.h"

#include <stdlib.h>

#include "daemon/views/opened.h"
#include "proto/domain/record.h"
#include "proto/event/hlc.h"

#define PROGRESS_EVERY 512u
/* A text that was longer than this was the exception: its memory is not kept for the next. */
#define KEPT_PLAIN (64u * 1024)

struct scanning {
    struct daemon *daemon;
    struct views_txn *txn;
    struct log_reader *reader;
    const struct scope *scope;
    const struct search_filter *filter;
    search_progress progress;
    void *context;
    struct search_found *out;
    struct search_match match;
    struct mp_reader *fields;   /* large, and used for each entry */
    struct key_record key;      /* the last one used */
    bool has_key, ended;
    uint64_t entries;           /* in all timelines */
    struct opener opener;
    struct opened opened;
    struct buffer scratch, name;
    size_t worst;               /* index of the hit that goes next */
    /* the subject that is being looked at */
    struct bytes site;
    struct person_id subject;
    struct search_match about;  /* by the person's name, once it is needed */
    bool has_name;
    struct document *document;
    bool has_document, restricted;
    struct buffer encoded;
};

void search_found_release(struct search_found *found)
{
    for (size_t i = 0; i < found->count; i++)
        buffer_release(&found->hits[i].cells);
    free(found->hits);
    *found = (struct search_found){0};
}

/* ---- the best so far ---- */

static int compare_hits(const void *a, const void *b)
{
    const struct search_hit *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->sort != y->sort)
        return x->sort > y->sort ? -1 : 1;
    return memcmp(&x->id, &y->id, sizeof x->id);
}

static void find_worst(struct scanning *s)
{
    s->worst = 0;
    for (size_t i = 1; i < s->out->count; i++)
        if (compare_hits(&s->out->hits[i], &s->out->hits[s->worst]) > 0)
            s->worst = i;
}

/* Room for a hit like this one; NULL when all that there are are better. */
static struct search_hit *make_room(struct scanning *s, const struct search_hit *hit)
{
    struct search_found *out = s->out;
    if (out->count < s->filter->limit) {
        out->hits[out->count] = *hit;
        return &out->hits[out->count++];
    }
    if (compare_hits(hit, &out->hits[s->worst]) > 0)
        return NULL;
    struct buffer cells = out->hits[s->worst].cells;
    out->hits[s->worst] = *hit;
    out->hits[s->worst].cells = cells;
    buffer_clear(&out->hits[s->worst].cells);
    return &out->hits[s->worst];
}

/* ---- one entry ---- */

/* At the hub, which hands out all keys, what is restricted is not searched: it is for its readers. */
static bool may_read(const struct scanning *s)
{
    return s->daemon->config.role != ROLE_HUB || s->key.kind == KEY_PERSON || s->key.kind == KEY_SITE;
}

static bool open_entry(struct scanning *s, const struct log_item *item, const struct event *event)
{
    if (!s->has_key || memcmp(&s->key.id, &event->clear.key, sizeof s->key.id) != 0) {
        const enum felloe_code code = keyring_get(s->daemon->keyring, &event->clear.key, &s->key);
        s->has_key = code == FELLOE_OK;
        s->txn->unread |= !keyring_was_read(code);
        s->out->failed |= s->txn->unread;
    }
    if (!s->has_key || !may_read(s))
        return false;
    if (s->opened.plain.cap > KEPT_PLAIN)
        buffer_release(&s->opened.plain);
    s->opener.site = s->site;
    enum opening outcome = opener_open(&s->opener, item, event, &s->key.key, &s->opened);
    s->out->failed |= outcome == OPENED_NO_MEMORY;
    return outcome == OPENED;
}

/* Of a copy: is the original looked at, too? */
static bool is_found_at_home(const struct scanning *s, const struct opened *opened)
{
    struct views_event there;
    for (size_t i = 0; opened->copied && i < s->scope->count; i++)
        if (bytes_is(opened->event.clear.site, s->scope->sites[i]))
            return views_get_event(s->txn, &opened->id, opened->event.clear.site, &there);
    return false;
}

/* Why it was struck; empty when it was not. */
static struct bytes struck_why(struct scanning *s, const struct event_id *name)
{
    if (!s->has_document) {
        s->has_document = true;
        document_clear(s->document);
        if ((s->restricted ? views_get_restricted : views_get_document)(s->txn, s->site, &s->subject, &s->encoded) ==
            VIEWS_FOUND)
            s->out->failed |= !document_decode(s->document, buffer_bytes(&s->encoded)) ||
                              !document_understood(s->document);
    }
    return record_struck_why(record_struck_by(s->document, name));
}

/* In the order of enum search_column. */
static void put_cells(struct scanning *s, struct search_hit *hit, const struct event_body *body, struct bytes struck)
{
    struct buffer *out = &hit->cells, line = {0};
    int64_t recorded = (int64_t)hlc_ms(body->time);
    search_line(&s->filter->query, s->match.best, SEARCH_LINE, &s->scratch, &line);
    mp_put_array(out, SEARCH_COLUMNS);
    if (s->name.len > 0) {
        mp_put_array(out, 1);
        mp_put_str(out, buffer_bytes(&s->name));
    } else {
        mp_put_nil(out);
    }
    if (person_id_is_none(&s->subject))
        mp_put_nil(out);
    else
        mp_put_bin(out, s->subject.b, sizeof s->subject.b);
    mp_put_int(out, body->has_occurred ? body->occurred : recorded);
    mp_put_int(out, recorded);
    mp_put_str(out, body->worker);
    mp_put_str(out, body->type);
    mp_put_str(out, buffer_bytes(&line));
    mp_put_str_or_nil(out, struck);
    mp_put_str(out, s->site);
    mp_put_bin(out, hit->id.b, sizeof hit->id.b);
    mp_put_uint(out, hit->score);
    s->out->failed |= out->failed || line.failed;
    buffer_release(&line);
}

static void found_entry(struct scanning *s, const struct event_id *id, uint64_t sort, const struct event_body *body)
{
    if (!event_id_equal(&s->opened.id, id)) {
        views_found_damage(s->txn->views);
        return;
    }
    struct bytes struck = struck_why(s, body->has_was ? &body->was : id);
    if (struck.len > 0 && !s->filter->struck)
        return;
    s->out->total++;
    int64_t when = body->has_occurred ? body->occurred : (int64_t)hlc_ms(body->time);
    const struct search_hit hit = {
        .score = search_match_score(&s->match, &s->filter->query, s->filter->now_ms - when), .sort = sort, .id = *id};
    struct search_hit *kept = make_room(s, &hit);
    if (!kept)
        return;
    put_cells(s, kept, body, struck);
    if (s->out->count == s->filter->limit)
        find_worst(s);
}

static bool tell_progress(struct scanning *s)
{
    if (s->out->looked_at++ % PROGRESS_EVERY == 0 && s->progress)
        s->ended |= !s->progress(s->context, s->out->looked_at, s->entries);
    return !s->ended && !s->out->failed;
}

/* The person's name helps; most people have nothing that matches, and theirs is not even opened. */
static void add_name(struct scanning *s)
{
    if (!s->has_name) {
        s->has_name = true;
        views_get_name(s->txn, s->site, &s->subject, &s->name);
        search_match_begin(&s->about);
        search_match_about(&s->about, &s->filter->query, buffer_bytes(&s->name));
        s->out->failed |= s->about.folded.failed;
    }
    for (size_t i = 0; i < SEARCH_WORDS_MAX; i++)
        if (s->about.found[i] > s->match.found[i])
            s->match.found[i] = s->about.found[i];
}

static bool look_at(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct scanning *s = context;
    const struct event_body *body = &s->opened.body;
    struct log_item item;
    struct event event;
    if (!tell_progress(s))
        return false;
    if (s->filter->has_since && (int64_t)hlc_ms(sort) < s->filter->since_ms)
        return true;
    if (!opener_fetch(s->reader, s->site, ref, &item)) {
        if (log_reader_failed(s->reader, NULL))
            return false; /* it gives no other either, and the views are not to blame */
        views_found_damage(s->txn->views);
        return true;
    }
    if (!event_decode(item.event, &event) || !open_entry(s, &item, &event) || is_found_at_home(s, &s->opened))
        return true;
    if (s->filter->worker.len > 0 && !bytes_equal(body->worker, s->filter->worker))
        return true;
    search_match_begin(&s->match);
    search_match_event(&s->match, &s->filter->query, s->fields, body);
    if (s->match.own)
        add_name(s);
    s->out->failed |= s->match.folded.failed;
    if (search_match_whole(&s->match, &s->filter->query))
        found_entry(s, id, sort, body);
    return true;
}

/* ---- subject by subject ---- */

static bool look_through(void *context, const struct person_id *subject)
{
    struct scanning *s = context;
    if (s->filter->has_person && !person_id_equal(subject, &s->filter->person))
        return true;
    s->subject = *subject;
    s->has_document = s->restricted = s->has_name = false;
    views_timeline(s->txn, s->site, subject, NULL, look_at, s);
    if (s->ended || s->out->failed || s->daemon->config.role == ROLE_HUB)
        return !s->ended && !s->out->failed;
    s->restricted = true; /* as far as it may be read here; it knows of its own strikes alone */
    s->has_document = false;
    views_restricted_timeline(s->txn, s->site, subject, NULL, look_at, s);
    return !s->ended && !s->out->failed;
}

void search_scan(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader, const struct scope *scope,
                 const struct search_filter *filter, search_progress progress, void *context,
                 struct search_found *out)
{
    struct scanning s = {.daemon = daemon, .txn = txn, .reader = reader, .scope = scope, .filter = filter,
                         .progress = progress, .context = context, .out = out,
                         .opener = {.reader = reader, .identity = &daemon->identity}};
    s.entries = store_count(txn->store, VIEWS_TIMELINE) + store_count(txn->store, VIEWS_RESTRICTED_TIMELINE);
    s.fields = malloc(sizeof *s.fields);
    s.document = views_new_document(txn);
    out->hits = calloc(filter->limit, sizeof *out->hits);
    out->failed |= !s.fields || !s.document || !out->hits;
    for (size_t i = 0; i < scope->count && !s.ended && !out->failed; i++) {
        struct bytes one = filter->has_person ? bytes_of(filter->person.b, sizeof filter->person.b) : (struct bytes){0};
        s.site = bytes_str(scope->sites[i]);
        views_subjects(txn, s.site, one, look_through, &s);
    }
    if (out->count > 1)
        qsort(out->hits, out->count, sizeof *out->hits, compare_hits);
    explicit_bzero(&s.key, sizeof s.key);
    search_match_release(&s.match);
    search_match_release(&s.about);
    opener_release(&s.opener);
    opened_release(&s.opened);
    buffer_release(&s.scratch);
    buffer_release(&s.name);
    buffer_release(&s.encoded);
    document_free(s.document);
    free(s.fields);
}
