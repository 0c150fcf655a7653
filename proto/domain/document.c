/* SPDX-License-Identifier: Apache-2.0 */
/* The fold: adds an event's stamp and the fields that matter to the document's set. */
#include "proto/domain/document_data.h"

#include <assert.h>
#include <stdlib.h>

uint64_t document_version(void)
{
    return catalogue_fingerprint() ^ (uint64_t)DOCUMENT_VERSION << 56;
}

struct document *document_new_of(uint64_t version)
{
    struct document *document = calloc(1, sizeof *document);
    if (!document)
        return NULL;
    document->version = version;
    document->meaning = calloc(1, sizeof *document->meaning);
    if (!document->meaning || !meaning_init(document->meaning)) {
        document_free(document);
        return NULL;
    }
    return document;
}

struct document *document_new(void)
{
    return document_new_of(document_version());
}

struct document *document_new_beside(const struct document *other)
{
    return document_new_of(other->version);
}

void document_free(struct document *document)
{
    if (!document)
        return;
    if (document->meaning)
        meaning_release(document->meaning);
    free(document->meaning);
    free(document->items);
    arena_release(&document->arena);
    buffer_release(&document->scratch);
    free(document);
}

void document_clear(struct document *document)
{
    arena_clear(&document->arena);
    document->count = 0;
    document->meaning->valid = false;
    document->scratch.failed = false;
}

bool grow(void **array, size_t *room, size_t needed, size_t size)
{
    if (needed <= *room)
        return true;
    size_t more = *room ? *room * 2 : 16;
    if (more < needed)
        more = needed;
    void *bigger = reallocarray(*array, more, size);
    if (!bigger)
        return false;
    *array = bigger;
    *room = more;
    return true;
}

/* ---- the set ---- */

struct item *document_item(struct document *document, const struct type_def *type)
{
    size_t values = type ? type->field_count : 0;
    struct item *item = arena_take(&document->arena, sizeof *item + values * sizeof item->values[0]);
    if (item) {
        memset(item, 0, sizeof *item + values * sizeof item->values[0]);
        item->type = type;
        item->unrecognised = !type;
    }
    return item;
}

/* The first index whose item is not before `stamp`. Most events are later than what is there: look at the end first. */
static size_t place_of(const struct document *document, const struct stamp *stamp)
{
    size_t low = 0, high = document->count;
    if (high > 0 && stamp_compare(&document->items[high - 1]->stamp, stamp) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stamp_compare(&document->items[middle]->stamp, stamp) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool document_insert(struct document *document, struct item *item, struct item **found)
{
    size_t at = place_of(document, &item->stamp);
    *found = NULL;
    if (at < document->count && stamp_compare(&document->items[at]->stamp, &item->stamp) == 0) {
        *found = document->items[at];
        return true;
    }
    if (!grow((void **)&document->items, &document->room, document->count + 1, sizeof *document->items))
        return false;
    memmove(&document->items[at + 1], &document->items[at], (document->count - at) * sizeof *document->items);
    document->items[at] = item;
    document->count++;
    document->meaning->valid = false;
    return true;
}

const struct item *record_find(const struct document *document, uint64_t time, const struct event_id *id)
{
    struct stamp stamp = {.time = time, .id = *id};
    size_t at = place_of(document, &stamp);
    bool there = at < document->count && stamp_compare(&document->items[at]->stamp, &stamp) == 0;
    return there ? document->items[at] : NULL;
}

/* ---- one event ---- */

/* The event's own site first, then by tag; then by epoch. */
static int mark_compare(uint32_t home, const struct site_mark *a, const struct site_mark *b)
{
    if (a->site != b->site)
        return a->site == home ? -1 : b->site == home ? 1 : a->site < b->site ? -1 : 1;
    return a->epoch < b->epoch ? -1 : a->epoch > b->epoch;
}

/* Adds a mark: one per epoch of a log. Where there is one, the higher or the lower stays: of what was seen the
 * higher, of positions the lower where (against all rules) an epoch gave two. */
static bool learn_mark(struct document *document, const struct item *item, struct marks *marks, struct site_mark mark,
                       bool higher)
{
    const struct marks old = *marks;
    uint32_t i = 0;
    if (mark.epoch == 0)
        return true;
    while (i < old.count && mark_compare(item->stamp.home, &old.at[i], &mark) < 0)
        i++;
    bool there = i < old.count && mark_compare(item->stamp.home, &old.at[i], &mark) == 0;
    if (there ? (higher ? old.at[i].n >= mark.n : old.at[i].n <= mark.n) : old.count == MARKS_MAX)
        return true;
    struct site_mark *grown = arena_take(&document->arena, (old.count + 1) * sizeof *grown);
    if (!grown)
        return false;
    if (i > 0)
        memcpy(grown, old.at, i * sizeof *grown);
    grown[i] = mark;
    size_t rest = old.count - i - there;
    if (rest > 0)
        memcpy(grown + i + 1, old.at + i + there, rest * sizeof *grown);
    *marks = (struct marks){grown, old.count + !there};
    document->meaning->valid = false;
    return true;
}

/* What its writer says to have seen: of the site that it was written in. */
static bool take_seen(struct document *document, struct item *item, const struct seen *seen)
{
    struct site_mark *marks = arena_take(&document->arena, seen->count * sizeof *marks);
    for (uint32_t i = 0; marks && i < seen->count; i++)
        marks[i] = (struct site_mark){item->stamp.home, seen->at[i].epoch, seen->at[i].n};
    item->stamp.seen = (struct marks){marks, seen->count};
    return marks != NULL;
}

static bool copy_branches(struct document *document, const struct branches *after, struct branch_marks *out)
{
    if (after->count == 0)
        return true;
    struct bytes copy = arena_copy(&document->arena, bytes_of(after->at, after->count * sizeof after->at[0]));
    *out = (struct branch_marks){(const struct branch *)(const void *)copy.data, after->count};
    return copy.data != NULL;
}

/* Where it is, and for a copy where the original is, and what else its writer had seen. */
static bool learn_places(struct document *document, struct item *item, const struct fold_event *event)
{
    struct stamp *stamp = &item->stamp;
    struct site_mark at = {event->log | (event->log != event->home ? MARK_APART : 0u), event->at.epoch, event->at.n};
    struct site_mark original = {event->home, event->home_at.epoch, event->home_at.n};
    bool ok = learn_mark(document, item, &stamp->at, at, false) &&
              learn_mark(document, item, &stamp->at, original, false);
    for (uint32_t i = 0; i < event->saw.count && ok; i++)
        ok = learn_mark(document, item, &stamp->seen, event->saw.at[i], true);
    return ok;
}

static bool value_fits(const struct field_def *field, struct mp_reader *r)
{
    enum mp_type type = mp_peek(r);
    return field->list ? type == MP_ARRAY : field_kind_fits(field->kind, type);
}

/* Fields that are kept go to their place; one that is not known, or is no such kind of value, marks the item. */
static bool fold_fields(struct document *document, struct item *item, struct bytes fields)
{
    struct mp_reader *r = &document->reader;
    mp_reader_init(r, fields);
    uint32_t pairs = mp_next(r) ? mp_map(r, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < pairs && !r->failed; i++) {
        struct bytes name = mp_str(r, 0, EVENT_SIZE_MAX);
        const struct field_def *field = catalogue_field(item->type, name);
        if (!field || !value_fits(field, r)) {
            item->unrecognised = true;
            mp_skip(r);
            continue;
        }
        struct bytes *value = &item->values[field - item->type->fields];
        if (!field->kept || value->data) {
            mp_skip(r);
            continue;
        }
        buffer_clear(&document->scratch);
        mp_copy(r, &document->scratch);
        *value = arena_copy(&document->arena, buffer_bytes(&document->scratch));
        if (document->scratch.failed || !value->data)
            return false;
    }
    item->unrecognised = item->unrecognised || r->failed;
    return true;
}

/* Is there something in it that a view or a register needs? (A note's text is not.) */
static bool item_matters(const struct item *item)
{
    for (size_t i = 0; i < item->type->field_count; i++)
        if (item->values[i].len > 0)
            return true;
    return item->type->effect_count > 0;
}

/* NULL: not known, or not as its writer had it: a type of the hub's from a laptop, a person's about the site. */
static const struct type_def *type_of(const struct fold_event *event)
{
    const struct event_body *body = event->body;
    const struct type_def *type = catalogue_find(body->type);
    bool about_person = body->has_subject && !person_id_is_none(&body->subject);
    bool fits = type && (event->by_hub || type->writer != BY_HUB) && type_fits_about(type, about_person);
    return fits ? type : NULL;
}

bool document_fold(struct document *document, const struct fold_event *event)
{
    const struct event_body *body = event->body;
    struct item *item = document_item(document, type_of(event)), *found;
    if (!item)
        return false;
    item->stamp = (struct stamp){.device = event->device, .home = event->home, .incarnation = event->incarnation,
                                 .seq = event->seq, .time = body->time, .id = event->id};
    item->name = body->has_was ? body->was : event->id;
    if (item->type && !fold_fields(document, item, body->fields))
        return false;
    if (item->type && !item->unrecognised && !item_matters(item))
        return true;
    item->has_occurred = body->has_occurred;
    item->occurred = body->has_occurred ? body->occurred : 0;
    item->worker = arena_copy(&document->arena, body->worker);
    if (!item->worker.data || !take_seen(document, item, &event->seen) ||
        !copy_branches(document, &body->after, &item->stamp.after) || !document_insert(document, item, &found))
        return false;
    return learn_places(document, found ? found : item, event);
}
