/* SPDX-License-Identifier: Apache-2.0 */
/* Compares what the views of a person's sites have, and makes envelopes of what one of them lacks. */
#include "daemon/sync/copy_plan.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/views/opened.h"
#include "daemon/views/views_shares.h"
#include "proto/domain/record.h"

#define SHARINGS_MAX 64u

/* An entry that was written in this site. Of a hub that was put back it may have a second position. */
struct native {
    struct event_id id;
    struct position at[2];
    struct position there[2]; /* in the site whose entries are being copied; epoch 0: nowhere */
};

/* One site, as far as this person goes. */
struct place {
    char site[SLUG_MAX + 1];
    bool with, left, back;
    struct native *natives;   /* in the order of the site's log */
    size_t count, cap;
};

/* An entry that shares the person with a site: it brings the key along. */
struct sharing_entry {
    struct event_id id;
    char to[SLUG_MAX + 1];
};

struct planning {
    struct daemon *daemon;
    struct views_txn *views;
    struct log_reader *reader;
    const struct person_id *person;
    struct place places[SITES_MAX];
    size_t count;
    struct sharing_entry sharings[SHARINGS_MAX];
    size_t sharing_count;
    struct document *document;
    struct place *visited;    /* whose timeline is walked */
    bool failed;
};

void copy_batch_free(struct copy_batch *batch)
{
    if (batch == NULL)
        return;
    for (size_t i = 0; i < batch->count; i++)
        buffer_release(&batch->fields[i]);
    free(batch);
}

static struct place *find_place(struct planning *p, struct bytes site)
{
    for (size_t i = 0; i < p->count; i++)
        if (bytes_is(site, p->places[i].site))
            return &p->places[i];
    return NULL;
}

/* ---- what the sites have ---- */

static void first_two(const struct views_event *event, struct position out[2])
{
    out[0] = event->ref.at;
    out[1] = event->more_count > 0 ? event->more[0] : (struct position){0};
}

static bool add_native(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct planning *p = context;
    struct place *place = p->visited;
    struct views_event event;
    (void)sort, (void)ref;
    if (!views_get_event(p->views, id, bytes_str(place->site), &event) || event.ref.at.epoch == 0 ||
        (event.flags & (VIEWS_COPIED | VIEWS_DUPLICATE)))
        return true;
    if (place->count == place->cap) {
        size_t cap = place->cap > 0 ? 2 * place->cap : 64;
        struct native *grown = realloc(place->natives, cap * sizeof *grown);
        if (grown == NULL)
            return !(p->failed = true);
        place->natives = grown;
        place->cap = cap;
    }
    struct native *native = &place->natives[place->count++];
    *native = (struct native){.id = *id};
    first_two(&event, native->at);
    return true;
}

static int by_position(const void *a, const void *b)
{
    return position_compare(((const struct native *)a)->at[0], ((const struct native *)b)->at[0]);
}

static void read_natives(struct planning *p, struct place *place)
{
    p->visited = place;
    views_timeline(p->views, bytes_str(place->site), p->person, NULL, add_native, p);
    views_restricted_timeline(p->views, bytes_str(place->site), p->person, NULL, add_native, p);
    if (place->count > 1)
        qsort(place->natives, place->count, sizeof *place->natives, by_position);
    place->with = place->with || place->count > 0;
}

/* ---- what the documents say ---- */

static void note_sharing(struct planning *p, const struct item *item)
{
    static struct report_often often;
    struct bytes to = item_text(item, "to");
    struct place *place = find_place(p, to);
    if (place == NULL) {
        if (slug_valid(to) && report_again(&often, clock_steady_ms())) /* whoever wrote it may write anything */
            report(LEVEL_WARNING, "a person was shared with “%.*s”, which is no site of this hub", (int)to.len,
                   (const char *)to.data);
        return;
    }
    place->with = true;
    if (p->sharing_count < SHARINGS_MAX) {
        struct sharing_entry *entry = &p->sharings[p->sharing_count++];
        entry->id = item->stamp.id;
        bytes_to_text(to, entry->to, sizeof entry->to);
    }
}

static void read_document(struct planning *p, const struct place *of)
{
    struct buffer encoded = {0};
    document_clear(p->document);
    const bool found = views_get_document(p->views, bytes_str(of->site), p->person, &encoded) == VIEWS_FOUND;
    const bool read = found && document_decode(p->document, buffer_bytes(&encoded));
    if (read) {
        for (size_t i = 0; i < record_count(p->document); i++) {
            const struct item *item = record_at(p->document, i);
            if (item->type && item->type->id == TYPE_person_shared && item_counts(p->document, item))
                note_sharing(p, item);
        }
        for (size_t i = 0; i < p->count; i++) {
            const struct item *moved;
            enum sharing_place said = sharing_place(p->document, bytes_str(p->places[i].site), &moved);
            p->places[i].left = p->places[i].left || said == SHARING_LEFT;
            p->places[i].back = p->places[i].back || said == SHARING_BACK;
        }
    }
    p->failed = p->failed || encoded.failed || read != found;
    buffer_release(&encoded);
}

/* One team's document may know of a return that the one that was left cannot: what is copied there no more. */
static void read_places(struct planning *p)
{
    char site[SLUG_MAX + 1];
    while (p->count < SITES_MAX && log_site_at(p->reader, p->count, site))
        memcpy(p->places[p->count++].site, site, sizeof site);
    for (size_t i = 0; i < p->count && !p->failed; i++)
        if (views_has_document(p->views, bytes_str(p->places[i].site), p->person)) {
            read_document(p, &p->places[i]);
            read_natives(p, &p->places[i]);
        }
    for (size_t i = 0; i < p->count; i++)
        p->places[i].left = p->places[i].left && !p->places[i].back;
}

static void tell_log(struct planning *p)
{
    size_t with = 0;
    for (size_t i = 0; i < p->count; i++)
        with += p->places[i].with;
    for (size_t i = 0; i < p->count; i++) {
        const struct place *place = &p->places[i];
        enum log_share share = place->left                ? LOG_SHARE_LEFT
                               : place->with && with > 1 ? LOG_SHARE_WITH
                                                          : LOG_SHARE_NONE;
        p->failed |= !log_shares_put(event_log_shares(p->daemon->log), bytes_str(place->site), p->person, share);
    }
}

/* ---- what goes along ---- */

static bool is_covered(const struct native *native, const struct seen *seen)
{
    return seen_covers(seen, native->there[0]) || seen_covers(seen, native->there[1]);
}

/* Of one site's entries: per epoch of its log, up to where the writer had seen them all. */
static void put_saw(const struct place *other, const struct seen *seen, struct buffer *saw)
{
    struct site_mark mark = {.site = site_tag(bytes_str(other->site))};
    bool whole = true;
    for (size_t i = 0; i <= other->count; i++) {
        bool ends = i == other->count || other->natives[i].at[0].epoch != mark.epoch;
        if (ends && mark.n > 0 && saw->len < ENVELOPE_SAW_MAX * sizeof mark)
            envelope_put_mark(saw, &mark);
        if (i == other->count)
            return;
        if (ends) {
            mark = (struct site_mark){mark.site, other->natives[i].at[0].epoch, 0};
            whole = true;
        }
        whole = whole && is_covered(&other->natives[i], seen);
        if (whole)
            mark.n = other->natives[i].at[0].n;
    }
}

/* Where this site has the entries of the others. */
static void find_there(struct planning *p, const struct place *from)
{
    for (size_t i = 0; i < p->count; i++)
        for (size_t k = 0; &p->places[i] != from && k < p->places[i].count; k++) {
            struct native *native = &p->places[i].natives[k];
            struct views_event event;
            memset(native->there, 0, sizeof native->there);
            if (views_get_event(p->views, &native->id, bytes_str(from->site), &event))
                first_two(&event, native->there);
        }
}

/* ---- envelopes ---- */

static bool brings_key(const struct planning *p, const struct event_id *id, const char *to)
{
    for (size_t i = 0; i < p->sharing_count; i++)
        if (event_id_equal(&p->sharings[i].id, id) && strcmp(p->sharings[i].to, to) == 0)
            return true;
    return false;
}

/* A hub that copies a thing again, because its views did not have the copy yet, adds nothing. */
static void set_origin(struct log_draft *draft, const struct event_id *id, const char *to, uint32_t part)
{
    char text[2 * sizeof id->b + SLUG_MAX + 16];
    hex_encode(bytes_of(id->b, sizeof id->b), text);
    snprintf(text + 2 * sizeof id->b, sizeof text - 2 * sizeof id->b, " %u %s", part, to);
    origin_id_of(bytes_str("felloe " ENVELOPE_TYPE), bytes_str(text), &draft->body.origin);
    draft->body.has_origin = true;
}

/* The log has the copy, and the views, which are up to date, could make nothing of it: as of what a laptop wrote as a
 * copy itself. Written again it would add nothing, and be missing again, for ever. */
static bool was_copied(struct planning *p, const struct event_id *id, const char *to)
{
    struct log_draft draft = {0};
    set_origin(&draft, id, to, 1);
    return log_origin(p->reader, &draft.body.origin, &(struct event_id){{0}}, &(struct person_id){{0}});
}

static void add_draft(struct planning *p, struct copy_batch *batch, const struct envelope *envelope,
                      const struct event *event, const struct event_id *id)
{
    struct log_draft *draft = &batch->drafts[batch->count];
    struct buffer *fields = &batch->fields[batch->count++];
    envelope_put(envelope, fields);
    p->failed = p->failed || fields->failed;
    batch->bytes += fields->len;
    *draft = (struct log_draft){.key = event->clear.key, .brings_key = brings_key(p, id, batch->site)};
    draft->body = (struct event_body){.type = bytes_str(ENVELOPE_TYPE), .has_subject = true, .subject = *p->person,
                                      .worker = bytes_str(p->daemon->identity.worker),
                                      .fields = buffer_bytes(fields)};
    set_origin(draft, id, batch->site, envelope->part);
    projector_seen(p->daemon->projector, bytes_str(batch->site), &draft->seen);
}

static void add_copy(struct planning *p, struct copy_batch *batch, const struct place *from,
                     const struct native *native)
{
    struct log_item item;
    struct event event;
    struct event_id id;
    struct buffer saw = {0};
    if (!log_get(p->reader, bytes_str(from->site), native->at[0], &item) || !event_decode(item.event, &event) ||
        !keyring_has(p->daemon->keyring, &event.clear.key, &p->failed))
        return; /* a damaged entry is told by felloe verify; a key may come back */
    event_id_of(item.event, &id);
    if (!event_id_equal(&id, &native->id))
        return;
    for (size_t i = 0; i < p->count; i++)
        if (&p->places[i] != from)
            put_saw(&p->places[i], &event.clear.seen, &saw);
    struct envelope envelope = {.from = bytes_str(from->site), .at = native->at[0], .saw = buffer_bytes(&saw),
                                .parts = envelope_parts(item.event.len)};
    for (envelope.part = 1; envelope.part <= envelope.parts; envelope.part++) {
        envelope.event = envelope_piece(item.event, envelope.part, envelope.parts);
        add_draft(p, batch, &envelope, &event, &id);
    }
    p->failed = p->failed || saw.failed;
    buffer_release(&saw);
}

/* The next entries of one site that the other lacks. False: there are none. */
static bool fill(struct planning *p, struct copy_batch *batch, const struct place *from, const struct place *to)
{
    memcpy(batch->site, to->site, sizeof batch->site);
    bool looked = false;
    for (size_t i = 0; i < from->count && !p->failed; i++) {
        struct views_event there;
        if (batch->count + ENVELOPE_PARTS_MAX > COPY_EVENTS_MAX || batch->bytes > COPY_BYTES_MAX)
            break;
        if (views_get_event(p->views, &from->natives[i].id, bytes_str(to->site), &there) ||
            was_copied(p, &from->natives[i].id, to->site))
            continue;
        if (!looked)
            find_there(p, from);
        looked = true;
        add_copy(p, batch, from, &from->natives[i]);
    }
    return batch->count > 0;
}

static bool find_batch(struct planning *p, struct copy_batch *batch)
{
    for (size_t t = 0; t < p->count && !p->failed; t++)
        for (size_t s = 0; p->places[t].with && !p->places[t].left && s < p->count && !p->failed; s++)
            if (s != t && fill(p, batch, &p->places[s], &p->places[t]))
                return true;
    return false;
}

bool copy_plan(struct daemon *daemon, struct views_txn *views, struct log_reader *reader,
               const struct person_id *person, struct copy_batch **out)
{
    struct planning *p = calloc(1, sizeof *p);
    struct copy_batch *batch = calloc(1, sizeof *batch);
    bool fine = p != NULL && batch != NULL;
    *out = NULL;
    if (fine) {
        *p = (struct planning){.daemon = daemon, .views = views, .reader = reader, .person = person,
                               .document = views_new_document(views)};
        p->failed = p->document == NULL;
        if (!p->failed)
            read_places(p);
        /* Where a document could not be read, nothing is known of who may have the person's key. */
        p->failed |= views_may_lack(views) || views->broken || log_reader_failed(reader, NULL);
        if (!p->failed)
            tell_log(p);
        if (!p->failed && find_batch(p, batch)) {
            *out = batch;
            batch = NULL;
        }
        fine = !p->failed && !log_reader_failed(reader, NULL) && !views_may_lack(views);
        for (size_t i = 0; i < p->count; i++)
            free(p->places[i].natives);
        document_free(p->document);
    }
    copy_batch_free(batch);
    if (!fine) {
        copy_batch_free(*out);
        *out = NULL;
    }
    free(p);
    return fine;
}
