/* SPDX-License-Identifier: Apache-2.0 */
/* Folding a run of a site's events: gather, note where each is, then fold person by person.
 *
 * An event comes by here once without a position when this device has just written it, and again when its position
 * has come; the fold is idempotent and learns the position. Events whose key is not here wait under the key's id; as
 * long as any waits, later ones under the same key wait too, so that a person is never shown in part.
 *
 * What a restricted key seals never touches the person's document, which has to be the same for all, whether or not
 * they may read it: it is folded into a document of its own, and shares nothing with the others (what counts once, what
 * was written again, when a device was heard). */
#include "daemon/views/projector_fold.h"

#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/views/projector_inside.h"
#include "daemon/views/views_shares.h"
#include "daemon/views/views_witness.h"

#define KEPT_PER_EVENT 2048u
#define KEPT_DOCUMENT (1024u * 1024)
#define ARRIVED_AT_ONCE 256u

struct fold_work *fold_work_new(void)
{
    struct fold_work *work = calloc(1, sizeof *work);
    if (work && !(work->document = document_new())) {
        free(work);
        return NULL;
    }
    return work;
}

void fold_work_free(struct fold_work *work)
{
    if (!work)
        return;
    for (size_t i = 0; i < FOLD_EVENTS_MAX; i++) {
        buffer_release(&work->items[i].plain);
        buffer_release(&work->items[i].marks);
    }
    buffer_release(&work->encoded);
    opener_release(&work->opener);
    opened_release(&work->opened);
    told_release(&work->told);
    erased_release(&work->erased);
    document_free(work->document);
    free(work->refold);
    explicit_bzero(work, sizeof *work);
    free(work);
}

static const struct data_key *find_key(struct fold_work *work, struct keyring *keyring, const struct key_id *id)
{
    if (!work->has_key || memcmp(&work->key.id, id, sizeof *id) != 0)
        work->has_key = keyring_get(keyring, id, &work->key) == FELLOE_OK;
    return work->has_key ? &work->key.key : NULL;
}

/* ---- gathering ---- */

static bool has_room(const struct fold_work *work)
{
    return work->count < FOLD_EVENTS_MAX && work->bytes < FOLD_BYTES_MAX;
}

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

static void fill_fold_event(struct fold_event *out, const struct fold_step *step, const struct opener *opener,
                            const struct opened *opened, unsigned flags)
{
    *out = opened_for_fold(opener, opened);
    if (!opened->copied && is_of_other_history(step, &opened->event, flags))
        out->incarnation = 0;
}

/* Must it wait for this key: because it is not here, or (unless it has waited already) because earlier ones do? */
static bool must_wait(struct fold_work *work, struct fold_step *step, const struct key_id *key, bool has_waited)
{
    return !find_key(work, step->keyring, key) ||
           (!has_waited && views_is_waiting(step->views, step->site, key));
}

/* Nobody will ever read what it seals again: nothing waits for it, and nothing is kept of what it seals. */
static bool is_erased(struct fold_work *work, const struct fold_step *step, const struct key_id *key)
{
    return !find_key(work, step->keyring, key) && keyring_erased(step->keyring, key);
}

static void complain(const struct fold_step *step, struct position at, const char *what)
{
    report(LEVEL_ERROR, "site %.*s, event %u.%llu %s and is left out of the views; run: felloe verify",
           (int)step->site.len, (const char *)step->site.data, at.epoch, (unsigned long long)at.n, what);
}

/* Opens it into the next item. False: it is not to be folded. */
static bool gather_opened(struct fold_work *work, struct fold_step *step, const struct log_item *found,
                          const struct event *event, struct position at)
{
    struct opened *opened = &work->opened;
    switch (opener_open(&work->opener, found, event, &work->key.key, opened)) {
    case OPENED: break;
    case OPENED_PART: return false;
    case OPENED_NO_MEMORY: work->failed = true; return false; /* the step is done again, with more memory */
    default: complain(step, at, "does not open with its key"); return false;
    }
    struct views_event known;
    return !opened->copied || !views_get_event(step->views, &opened->id, step->site, &known) ||
           position_compare(known.ref.at, at) != 0;
}

/* What is about a person is sealed with their own key, or with one of theirs that is restricted: whoever has neither
 * has nothing to say of them. By another key a device could pull a record to its own site that it knows but the name
 * of; and any device can make keys "of" a person, so that the own one goes by its id. */
static bool is_key_of(const struct key_record *key, const struct person_id *subject)
{
    const struct key_id own = key_id_of_person(*subject);
    if (person_id_is_none(subject))
        return true;
    return memcmp(&own, &key->id, sizeof own) == 0 ||
           (key->kind == KEY_PERSON_AUDIENCE && person_id_equal(&key->owner, subject));
}

/* The item takes the memory that its body lies in, and gives its own for the next. */
static void swap_memory(struct fold_item *item, struct opened *opened)
{
    struct buffer plain = item->plain, marks = item->marks;
    item->plain = opened->plain;
    item->marks = opened->marks;
    opened->plain = plain;
    opened->marks = marks;
}

static void gather(struct fold_work *work, struct fold_step *step, const struct log_item *found, struct views_ref ref,
                   bool has_waited)
{
    struct event event;
    struct event_id id;
    struct views_event known;
    if (!event_decode(found->event, &event)) {
        complain(step, ref.at, "cannot be read");
        return;
    }
    event_id_of(found->event, &id);
    if (ref.at.epoch != 0 && views_get_event(step->views, &id, step->site, &known) &&
        position_compare(known.ref.at, ref.at) == 0)
        return;
    if (is_erased(work, step, &event.clear.key))
        return;
    if (must_wait(work, step, &event.clear.key, has_waited)) {
        views_put_waiting(step->views, step->site, &event.clear.key, &ref);
        return;
    }
    if (!gather_opened(work, step, found, &event, ref.at))
        return;
    if (!work->opened.copied) /* a copy tells of another site's log */
        work->failed |= !told_add(&work->told, &work->opened.body, &event.clear.device,
                                  ref.at.epoch != 0 ? ref.at : found->at);
    struct fold_item *item = &work->items[work->count];
    item->body = work->opened.body;
    item->key = event.clear.key;
    item->restricted = key_kind_restricted(work->key.kind);
    item->subject = item->body.has_subject ? item->body.subject : PERSON_ID_NONE;
    if (!is_key_of(&work->key, &item->subject)) {
        complain(step, ref.at, "is about a person, under a key that is not theirs,");
        return;
    }
    if (person_id_is_none(&item->subject) && !work->has_site_key) {
        complain(step, ref.at, "is about the site, whose key is not here,");
        return;
    }
    struct key_id own_key = key_id_of_person(item->subject);
    if (item->body.has_subject && is_erased(work, step, &own_key))
        return;
    if (item->body.has_subject && memcmp(&own_key, &event.clear.key, sizeof own_key) != 0 &&
        must_wait(work, step, &own_key, has_waited)) {
        views_put_waiting(step->views, step->site, &own_key, &ref);
        return;
    }
    fill_fold_event(&item->event, step, &work->opener, &work->opened, found->flags);
    item->event.at = ref.at.epoch != 0 ? ref.at : found->at;
    item->copied = work->opened.copied;
    if (item->event.by_hub && !item->copied && bytes_is(step->site, ERASURE_SITE))
        work->failed |= !erased_note(&work->erased, &item->body);
    swap_memory(item, &work->opened);
    item->ref = ref;
    item->order = (uint32_t)work->count;
    work->count++;
    work->bytes += found->event.len;
    event_log_heard_time(step->log, item->body.time);
}

/* Takes events from the waiting list whose key has come, or never will: its person was erased. */
static void gather_arrived(struct fold_work *work, struct fold_step *step, const struct key_id *key)
{
    struct views_ref refs[ARRIVED_AT_ONCE];
    size_t count;
    while (has_room(work) && (count = views_waiting(step->views, step->site, key, refs, ARRIVED_AT_ONCE)) > 0)
        for (size_t i = 0; i < count && has_room(work); i++) {
            struct log_item item;
            views_drop_waiting(step->views, step->site, key, &refs[i]);
            step->taken++;
            if (opener_fetch(step->reader, step->site, &refs[i], &item))
                gather(work, step, &item, refs[i], true);
        }
}

static void gather_waiting(struct fold_work *work, struct fold_step *step)
{
    struct key_id from = {{0}}, key;
    while (has_room(work) && views_waiting_key(step->views, step->site, &from, &key)) {
        if (find_key(work, step->keyring, &key) || keyring_erased(step->keyring, &key))
            gather_arrived(work, step, &key);
        from = key;
        size_t at = sizeof from.b;
        while (at > 0 && ++from.b[--at] == 0)
            ;
    }
}

static void gather_log(struct fold_work *work, struct fold_step *step)
{
    struct log_head heads[SEEN_MAX];
    size_t count = log_heads(step->reader, step->site, heads);
    for (size_t i = 0; i < count; i++) {
        struct position from = {heads[i].at.epoch, seen_in(&step->cursor.seen, heads[i].at.epoch) + 1};
        if (from.n > heads[i].at.n)
            continue;
        struct log_walk walk;
        struct log_item item;
        log_walk_begin(&walk, step->reader, step->site, from);
        while (has_room(work) && log_walk_next(&walk, &item) && item.at.epoch == from.epoch) {
            gather(work, step, &item, (struct views_ref){item.at}, false);
            seen_advance(&step->cursor.seen, item.at);
            step->taken++;
        }
        log_walk_end(&walk);
        if (!has_room(work))
            step->more = true;
    }
}

static void gather_own(struct fold_work *work, struct fold_step *step)
{
    struct stream_head head = {0};
    uint64_t shared;
    int64_t oldest;
    if (!log_own(step->reader, step->site, &head, &shared, &oldest))
        return;
    while (step->cursor.own_seq < head.seq && has_room(work)) {
        struct log_item item;
        uint64_t seq = step->cursor.own_seq + 1;
        struct views_ref ref = {.at = {0, seq}};
        if (log_get_own(step->reader, step->site, seq, &item) && !seen_covers(&step->cursor.seen, item.at))
            gather(work, step, &item, item.at.epoch != 0 ? (struct views_ref){item.at} : ref, false);
        step->cursor.own_seq = seq;
        step->taken++;
    }
    if (step->cursor.own_seq < head.seq)
        step->more = true;
}

/* ---- folding ---- */

struct refolding {
    struct fold_work *work;
    struct fold_step *step;
};

static bool fold_other_positions(struct refolding *r, struct fold_event *fold)
{
    struct views_event known;
    if (r->step->cursor.seen.count < 2 || !views_get_event(r->step->views, &fold->id, r->step->site, &known))
        return true;
    for (uint8_t i = 0; i < known.more_count; i++) {
        fold->at = known.more[i];
        if (!document_fold(r->work->document, fold))
            return false;
    }
    return true;
}

static bool refold_one(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct refolding *r = context;
    struct fold_work *work = r->work;
    struct log_item item;
    struct event event;
    struct fold_event fold;
    (void)sort;
    if (!opener_fetch(r->step->reader, r->step->site, ref, &item) || !event_decode(item.event, &event))
        return true;
    const struct data_key *key = find_key(work, r->step->keyring, &event.clear.key);
    if (!key)
        return true;
    enum opening outcome = opener_open(&work->opener, &item, &event, key, &work->opened);
    if (outcome != OPENED)
        return !(work->failed |= outcome == OPENED_NO_MEMORY);
    fill_fold_event(&fold, r->step, &work->opener, &work->opened, item.flags);
    fold.at = ref->at.epoch != 0 ? ref->at : item.at;
    fold.id = *id;
    if (!document_fold(r->work->document, &fold) || !fold_other_positions(r, &fold))
        r->work->failed = true;
    return !r->work->failed;
}

static bool is_to_refold(const struct fold_work *work, const struct person_id *subject)
{
    for (size_t i = 0; i < work->refold_count; i++)
        if (person_id_equal(&work->refold[i], subject))
            return true;
    return false;
}

struct counting {
    size_t count, enough;
};

static bool count_event(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct counting *counting = context;
    (void)id, (void)sort, (void)ref;
    return ++counting->count < counting->enough;
}

/* No document, and more in the timeline than these: one that was dropped while its key could not be had. */
static bool was_dropped(struct fold_step *step, const struct person_id *subject, size_t items)
{
    struct counting counting = {0, items + 1};
    views_timeline(step->views, step->site, subject, NULL, count_event, &counting);
    return counting.count > items;
}

static bool is_locked(struct fold_work *work, struct fold_step *step, const struct person_id *subject)
{
    struct key_id key = key_id_of_person(*subject);
    return !person_id_is_none(subject) && !find_key(work, step->keyring, &key);
}

/* Has another site something of this person? Only a hub, which has them all, is to know. */
static bool is_elsewhere(struct fold_step *step, const struct person_id *subject)
{
    char site[SLUG_MAX + 1];
    bool found = false;
    for (size_t i = 0; step->identity->role == ROLE_HUB && !found && log_site_at(step->reader, i, site); i++)
        found = !bytes_is(step->site, site) && views_has_document(step->views, bytes_str(site), subject);
    return found;
}

static void tell_shared(struct fold_work *work, struct fold_step *step, const struct person_id *subject)
{
    if (step->shared_count < FOLD_SHARED_MAX)
        work->shared[step->shared_count] = *subject;
    step->shared_count++;
}

/* Which sites the person is with; true when they have left this one. */
static bool note_share(struct fold_work *work, struct fold_step *step, const struct person_id *subject)
{
    struct views_share share;
    if (person_id_is_none(subject) ||
        !views_put_share(step->views, step->site, subject, work->document, is_elsewhere(step, subject), &share))
        return false;
    tell_shared(work, step, subject);
    return share.place == SHARING_LEFT;
}

static bool put_rows(struct fold_work *work, struct fold_step *step, const struct person_id *subject)
{
    if (!note_share(work, step, subject))
        return views_put_rows(step->views, step->site, subject, work->document);
    views_drop_rows(step->views, step->site, subject);
    return true;
}

/* Brings one subject up to date with the items from..to, which are all about it. */
static void fold_subject(struct fold_work *work, struct fold_step *step, const struct person_id *subject, size_t from,
                         size_t to)
{
    struct document *document = work->document;
    document_clear(document);
    enum views_found found = views_get_document(step->views, step->site, subject, &work->encoded);
    if (found == VIEWS_LOCKED || (found == VIEWS_ABSENT && is_locked(work, step, subject))) {
        /* Their key was destroyed: they are to be forgotten. */
        views_drop_subject(step->views, step->site, subject);
        return;
    }
    bool whole = !is_to_refold(work, subject) && found != VIEWS_BROKEN &&
                 (found != VIEWS_ABSENT || !was_dropped(step, subject, to - from));
    if (whole && found == VIEWS_FOUND)
        whole = document_decode(document, buffer_bytes(&work->encoded));
    if (whole) {
        for (size_t i = from; i < to && !work->failed; i++) {
            work->items[i].event.body = &work->items[i].body;
            work->failed = !document_fold(document, &work->items[i].event);
        }
    } else {
        struct refolding refolding = {work, step};
        document_clear(document);
        views_timeline(step->views, step->site, subject, NULL, refold_one, &refolding);
    }
    buffer_clear(&work->encoded);
    document_encode(document, &work->encoded);
    if (work->failed || work->encoded.failed ||
        !views_put_document(step->views, step->site, subject, buffer_bytes(&work->encoded)) ||
        !put_rows(work, step, subject) ||
        !views_put_names(step->views, step->site, subject, document))
        work->failed = true;
}

/* A subject whose only event turned out to be a duplicate leaves nothing behind. */
static bool any_event(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    (void)id, (void)sort, (void)ref;
    *(bool *)context = true;
    return false;
}

/* What restricted keys seal about the subject, as far as this device may read it: little, and folded anew each time. A
 * hub keeps the keys for others, and shows nothing of it. */
static void fold_restricted(struct fold_work *work, struct fold_step *step, const struct person_id *subject)
{
    bool has_any = false;
    if (step->identity->role == ROLE_SPOKE)
        views_restricted_timeline(step->views, step->site, subject, NULL, any_event, &has_any);
    has_any = has_any && !is_locked(work, step, subject) && !views_has_left(step->views, step->site, subject);
    if (has_any) {
        struct refolding refolding = {work, step};
        document_clear(work->document);
        views_restricted_timeline(step->views, step->site, subject, NULL, refold_one, &refolding);
    }
    if (!work->failed && !views_put_restricted(step->views, step->site, subject, has_any ? work->document : NULL))
        work->failed = true;
}

static void fold_again(struct fold_work *work, struct fold_step *step)
{
    for (size_t i = 0; i < work->refold_count && !work->failed; i++) {
        bool has_any = false;
        views_timeline(step->views, step->site, &work->refold[i], NULL, any_event, &has_any);
        if (has_any)
            fold_subject(work, step, &work->refold[i], 0, 0);
        else
            views_drop_subject(step->views, step->site, &work->refold[i]);
        fold_restricted(work, step, &work->refold[i]);
    }
}

static int by_subject(const void *a, const void *b)
{
    const struct fold_item *x = *(const struct fold_item *const *)a, *y = *(const struct fold_item *const *)b;
    int order = memcmp(&x->subject, &y->subject, sizeof x->subject);
    if (order != 0)
        return order;
    if (x->restricted != y->restricted)
        return x->restricted ? 1 : -1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* Sorts by way of pointers, then puts the items themselves in that order. */
static bool sort_items(struct fold_work *work)
{
    size_t count = work->count;
    if (count < 2)
        return true;
    struct fold_item **sorted = malloc(count * sizeof *sorted);
    struct fold_item *copy = malloc(count * sizeof *copy);
    if (sorted && copy) {
        for (size_t i = 0; i < count; i++)
            sorted[i] = &work->items[i];
        qsort(sorted, count, sizeof *sorted, by_subject);
        for (size_t i = 0; i < count; i++)
            copy[i] = *sorted[i];
        memcpy(work->items, copy, count * sizeof *copy);
    }
    bool ok = sorted && copy;
    free(sorted);
    free(copy);
    return ok;
}

/* Long texts were the exception, or were an import: their memory is not kept for ever. */
static void give_back(struct fold_work *work)
{
    for (size_t i = 0; i < FOLD_EVENTS_MAX; i++) {
        if (work->items[i].plain.cap > KEPT_PER_EVENT)
            buffer_release(&work->items[i].plain);
        if (work->items[i].marks.cap > KEPT_PER_EVENT)
            buffer_release(&work->items[i].marks);
    }
    if (work->encoded.cap > KEPT_DOCUMENT)
        buffer_release(&work->encoded);
    work->has_key = false;
    explicit_bzero(&work->key, sizeof work->key);
}

bool fold_site(struct fold_work *work, struct fold_step *step)
{
    step->more = false;
    step->taken = 0;
    step->shared = work->shared;
    step->shared_count = 0;
    work->count = work->bytes = work->refold_count = work->told.count = 0;
    step->erased = &work->erased;
    erased_clear(&work->erased);
    work->has_key = work->failed = false;
    work->opener.reader = step->reader;
    work->opener.identity = step->identity;
    work->opener.site = step->site;
    work->has_site_key = keyring_site_key(step->keyring, step->site, &work->key) == FELLOE_OK;
    gather_waiting(work, step);
    gather_log(work, step);
    gather_own(work, step);
    if (!has_room(work))
        step->more = true;
    if (step->taken == 0)
        return store_failed(step->views->store, NULL) == STORE_DONE;

    fold_note_items(work, step);
    if (!sort_items(work) ||
        !views_hear_witnesses(step->views, step->reader, step->site, step->identity, &work->told))
        return false;
    for (size_t from = 0, to, restricted; from < work->count && !work->failed; from = to) {
        const struct person_id subject = work->items[from].subject;
        for (to = restricted = from; to < work->count && person_id_equal(&work->items[to].subject, &subject); to++)
            restricted += !work->items[to].restricted;
        if (is_to_refold(work, &subject))
            continue;
        if (restricted > from)
            fold_subject(work, step, &subject, from, restricted);
        else if (views_get_share(step->views, step->site, &subject, &(struct views_share){0}))
            tell_shared(work, step, &subject); /* what is restricted is for readers in other sites, too */
        fold_restricted(work, step, &subject); /* its rows say who the person is, which may be new */
    }
    fold_again(work, step);
    views_put_cursor(step->views, step->site, &step->cursor);
    give_back(work);
    return !work->failed && store_failed(step->views->store, NULL) == STORE_DONE;
}
