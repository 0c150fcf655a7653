/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a chunk's events are folded now: not those whose key is not here, which wait under the key's id. As long as
 * any waits, later ones under the same key wait too, so that a person is never shown in part. */
#include "daemon/report.h"
#include "daemon/views/projector_inside.h"

/* Of the other history of this device's present incarnation: somebody's who has a copy of this directory, or this
 * laptop's own from before it was set back. It comes in between the hub's telling that there are two and going on as
 * the next incarnation, when the views are made again. Until then it is folded as a stream of its own (incarnation 0,
 * which no event has): its numbers say nothing about the events here that have the same ones. */
static bool is_of_other_history(const struct fold_step *step, const struct event *event, unsigned flags)
{
    return event_log_going_on(step->log) != 0 && !(flags & ENTRY_OWN) &&
           event->clear.incarnation == event_log_incarnation(step->log) &&
           device_id_equal(&event->clear.device, &step->identity->device);
}

void fold_event_of_log(const struct fold_step *step, const struct opened *opened, unsigned flags,
                       struct fold_event *event)
{
    if (!opened->copied && is_of_other_history(step, &opened->event, flags))
        event->incarnation = 0;
}

static void complain(const struct fold_step *step, const struct fold_item *item, const char *what)
{
    report(LEVEL_ERROR, "site %.*s, event %u.%llu %s and is left out of the views; run: felloe verify",
           (int)step->site.len, (const char *)step->site.data, item->ref.at.epoch, (unsigned long long)item->ref.at.n,
           what);
}

/* It waits for this key. */
static void wait_for(struct fold_work *work, struct fold_step *step, const struct fold_item *item,
                     const struct key_id *key)
{
    views_put_waiting(step->views, step->site, key, &item->ref);
    work->any_waiting = true;
}

/* What is about a person is sealed with their own key, or with one of theirs that is restricted: whoever has neither
 * has nothing to say of them. By another key a device could pull a record to its own site that it knows but the name
 * of; and any device can make keys "of" a person, so that the own one goes by its id. */
static bool is_key_of(const struct fold_item *item, const struct key_id *own)
{
    if (person_id_is_none(&item->subject))
        return true;
    return memcmp(own, &item->key, sizeof *own) == 0 ||
           (item->kind == KEY_PERSON_AUDIENCE && person_id_equal(&item->owner, &item->subject));
}

/* Is it here, may it be opened now? Nobody will ever read again what an erased key seals: nothing waits for it, and
 * nothing is kept of it. Unless it has waited already it waits as long as earlier ones do. */
static bool may_open(struct fold_work *work, struct fold_step *step, const struct fold_item *item,
                     const struct key_id *key, bool here, bool has_waited)
{
    if (!here && keyring_erased(step->keyring, key, &work->taker.unread))
        return false;
    if (here && (has_waited || !work->any_waiting || !views_is_waiting(step->views, step->site, key)))
        return true;
    wait_for(work, step, item, key);
    return false;
}

/* It is opened, and its key is one that may speak of whom it is about. */
static bool is_sound(struct fold_work *work, struct fold_step *step, struct fold_item *item, struct told_list *told)
{
    const struct event_body *body = &item->opened.body;
    switch (item->outcome) {
    case OPENED: break;
    case OPENED_PART: return false;
    case OPENED_NO_MEMORY: work->failed = true; return false; /* the step is done again, with more memory */
    default: complain(step, item, "does not open with its key"); return false;
    }
    if (!item->opened.copied) /* a copy tells of another site's log */
        work->failed |= !told_add(told, body, &item->opened.event.clear.device, fold_item_at(item));
    item->subject = body->has_subject ? body->subject : PERSON_ID_NONE;
    const struct key_id own = key_id_of_person(item->subject);
    if (!is_key_of(item, &own))
        complain(step, item, "is about a person, under a key that is not theirs,");
    else if (person_id_is_none(&item->subject) && !work->has_site_key)
        complain(step, item, "is about the site, whose key is not here,");
    else
        return true;
    return false;
}

static bool sift(struct fold_work *work, struct fold_step *step, struct fold_item *item, struct told_list *told,
                 bool has_waited)
{
    if (item->found == ITEM_ABSENT)
        return false;
    if (item->found == ITEM_MALFORMED) {
        complain(step, item, "cannot be read");
        return false;
    }
    if (item->found == ITEM_KEY_UNREAD) { /* nobody would ask for it, and nobody look again */
        work->taker.unread = work->failed = true;
        return false;
    }
    if (!may_open(work, step, item, &item->key, item->found == ITEM_TAKEN, has_waited) ||
        !is_sound(work, step, item, told))
        return false;
    const struct event_body *body = &item->opened.body;
    const struct key_id own = key_id_of_person(item->subject);
    if (body->has_subject && memcmp(&own, &item->key, sizeof own) != 0 &&
        !may_open(work, step, item, &own, taker_key(&work->taker, &own) != NULL, has_waited))
        return false;
    fold_event_of_log(step, &item->opened, item->flags, &item->event);
    item->event.at = fold_item_at(item);
    if (item->event.by_hub && !item->opened.copied && bytes_is(step->site, ERASURE_SITE))
        work->failed |= !erased_note(&work->erased, body);
    event_log_heard_time(step->log, body->time);
    return true;
}

void fold_sift(struct fold_work *work, struct fold_step *step, struct fold_chunk *chunk, struct told_list *told,
               bool has_waited)
{
    size_t kept = 0;
    for (size_t i = 0; i < chunk->count && !work->failed; i++)
        if (sift(work, step, chunk->items[i], told, has_waited))
            chunk->items[kept++] = chunk->items[i];
    chunk->count = kept;
}
