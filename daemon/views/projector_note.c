/* SPDX-License-Identifier: Apache-2.0 */
/* Noting where each event of a chunk is, and what counts once: imports, and what was written again. */
#include "daemon/views/projector_inside.h"

#include <stdlib.h>

static int compare_people(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct person_id));
}

/* Once all that a chunk, or a step, wants are there: put in their places one by one, each moved half of the others. */
void fold_sort_refold(struct fold_work *work)
{
    size_t kept = 0;
    if (work->refold_sorted)
        return;
    work->refold_sorted = true;
    if (work->refold_count > 1)
        qsort(work->refold, work->refold_count, sizeof *work->refold, compare_people);
    for (size_t i = 0; i < work->refold_count; i++)
        if (kept == 0 || !person_id_equal(&work->refold[kept - 1], &work->refold[i]))
            work->refold[kept++] = work->refold[i];
    work->refold_count = kept;
}

bool fold_is_to_refold(struct fold_work *work, const struct person_id *subject)
{
    fold_sort_refold(work);
    return work->refold_count > 0 &&
           bsearch(subject, work->refold, work->refold_count, sizeof *work->refold, compare_people) != NULL;
}

static void want_refold(struct fold_work *work, const struct person_id *subject)
{
    if (work->refold_count > 0 && person_id_equal(&work->refold[work->refold_count - 1], subject))
        return;
    if (work->refold_count == work->refold_cap) {
        size_t cap = work->refold_cap ? work->refold_cap * 2 : 16;
        struct person_id *grown = realloc(work->refold, cap * sizeof *grown);
        if (!grown) {
            work->failed = true;
            return;
        }
        work->refold = grown;
        work->refold_cap = cap;
    }
    work->refold[work->refold_count++] = *subject;
    work->refold_sorted = false;
}

/* The one that counted so far counts no more. */
static void put_aside(struct fold_work *work, struct fold_step *step, const struct event_id *id)
{
    struct views_event other;
    if (!views_get_event(step->views, id, step->site, &other))
        return;
    views_restricted_key(step->views, id, step->site, &other, &other.key);
    other.flags |= VIEWS_DUPLICATE;
    views_put_event(step->views, id, step->site, &other);
    want_refold(work, &other.subject);
}

/* Of two events with one origin, does the first count? What the hub wrote, no laptop puts aside; else the one with the
 * lower id counts, everywhere. */
static bool comes_first(struct fold_step *step, const struct event_id *one, const struct event_id *other)
{
    struct views_event event = {0}, other_event = {0};
    views_get_event(step->views, one, step->site, &event);
    views_get_event(step->views, other, step->site, &other_event);
    if ((event.flags ^ other_event.flags) & VIEWS_BY_HUB)
        return event.flags & VIEWS_BY_HUB;
    return memcmp(one, other, sizeof *one) < 0;
}

/* Two laptops that import the same file before they hear of each other write each event twice. All are folded; where
 * an origin was there already, one of the two is put aside then. */
void fold_note_origins(struct fold_work *work, struct fold_step *step)
{
    struct views_later *origins = &work->origins;
    views_later_sort(origins);
    const bool only = store_count(step->views->store, VIEWS_ORIGINS) == 0;
    struct store_cursor *cursor = store_cursor_open(step->views->store, VIEWS_ORIGINS);
    for (size_t i = 0; i < origins->count; i++) {
        struct bytes key = views_later_key(origins, i), value = views_later_value(origins, i), there;
        struct event_id id, first;
        struct person_id subject;
        views_later_prepare(origins, i + LATER_AHEAD);
        if (only && (i == 0 || !bytes_equal(key, views_later_key(origins, i - 1)))) {
            store_put_last(step->views->store, VIEWS_ORIGINS, key, value);
            continue;
        }
        if (store_cursor_put_new(cursor, key, value, &there) || !views_read_origin(there, &first, &subject) ||
            !views_read_origin(value, &id, &subject) || event_id_equal(&id, &first))
            continue;
        const bool counts = comes_first(step, &id, &first);
        put_aside(work, step, counts ? &first : &id);
        if (counts)
            store_cursor_put(cursor, key, value);
    }
    store_cursor_close(cursor);
    views_later_clear(origins);
}

/* A laptop that went on as another incarnation wrote again what the hub did not have. Another laptop may have had it
 * all the same, and copies of one laptop may both have written it again: the first writing counts, else the one with
 * the lowest id. Is this item another one? */
static bool is_second_writing(struct fold_work *work, struct fold_step *step, const struct fold_item *item)
{
    const struct event_body *body = &item->opened.body;
    const struct views_writing writing = {item->event.device, body->has_was ? body->was : item->event.id,
                                          item->restricted};
    struct views_event original;
    struct event_id first;
    if (!body->has_was && !work->any_rewritten)
        return false;
    if (body->has_was && views_get_event(step->views, &writing.was, step->site, &original) &&
        item->restricted == ((original.flags & VIEWS_IS_RESTRICTED) != 0))
        return true;
    if (views_get_rewritten(step->views, &writing, step->site, &first)) {
        if (event_id_equal(&item->event.id, &first))
            return false;
        if (body->has_was && memcmp(&item->event.id, &first, sizeof first) > 0)
            return true;
        put_aside(work, step, &first);
    }
    if (body->has_was) {
        views_put_rewritten(step->views, &writing, step->site, &item->event.id);
        work->any_rewritten = true;
    }
    return false;
}

static bool is_duplicate(struct fold_work *work, struct fold_step *step, const struct fold_item *item)
{
    if (!item->opened.body.has_origin)
        return is_second_writing(work, step, item);
    work->failed |= !views_add_origin(&item->origin, step->site, &item->event.id, &item->subject, &work->origins);
    return false;
}

/* An event that came by before, at another place of the log, keeps that position too. In a log of one epoch there is
 * none such, and nothing is looked up. */
static void keep_positions(struct fold_step *step, const struct event_id *id, struct views_event *event)
{
    struct views_event known;
    if (step->epochs < 2 || !views_get_event(step->views, id, step->site, &known))
        return;
    if (event->ref.at.epoch == 0)
        event->ref = known.ref;
    if (known.ref.at.epoch != 0 && known.more_count < SEEN_MAX)
        known.more[known.more_count++] = known.ref.at;
    for (uint8_t i = 0; i < known.more_count; i++)
        if (position_compare(known.more[i], event->ref.at) != 0)
            event->more[event->more_count++] = known.more[i];
}

void fold_note_heard(struct fold_work *work, struct fold_step *step)
{
    for (size_t i = 0; i < work->heard_count; i++)
        views_heard_device(step->views, step->site, &work->heard[i]);
    work->heard_count = 0;
}

/* A device's last event, of many in a step. */
static void note_heard(struct fold_work *work, struct fold_step *step, const struct fold_item *item)
{
    const struct fold_event *event = &item->event;
    struct views_device *heard = work->heard;
    size_t i = 0;
    while (i < work->heard_count && !(heard[i].incarnation == event->incarnation &&
                                      device_id_equal(&heard[i].device, &event->device)))
        i++;
    if (i < work->heard_count && heard[i].seq >= event->seq)
        return;
    if (i == HEARD_MAX) {
        fold_note_heard(work, step);
        i = 0;
    }
    if (i == work->heard_count)
        work->heard_count++;
    heard[i] = (struct views_device){event->device, event->incarnation, event->seq, item->opened.body.time};
}

void fold_note_items(struct fold_work *work, struct fold_step *step, struct fold_chunk *chunk)
{
    size_t kept = 0;
    work->any_rewritten = views_any_rewritten(step->views, step->site);
    for (size_t i = 0; i < chunk->count; i++) {
        struct fold_item *item = chunk->items[i];
        const struct event_body *body = &item->opened.body;
        struct views_event event = {
            .subject = item->subject,
            .sort = view_timeline_sort(body),
            .ref = item->ref,
            .flags = (is_duplicate(work, step, item) ? VIEWS_DUPLICATE : 0u) |
                     (item->event.by_hub ? VIEWS_BY_HUB : 0u) | (body->has_was ? VIEWS_WRITTEN_AGAIN : 0u) |
                     (item->restricted ? VIEWS_IS_RESTRICTED : 0u) | (item->opened.copied ? VIEWS_COPIED : 0u),
            .was = body->was,
            .key = item->key,
        };
        keep_positions(step, &item->event.id, &event);
        views_put_event(step->views, &item->event.id, step->site, &event);
        if (!item->restricted && !item->opened.copied) /* a copy's number is one of another site's stream */
            note_heard(work, step, item);
        if (!(event.flags & VIEWS_DUPLICATE))
            chunk->items[kept++] = item;
    }
    chunk->count = kept;
}
