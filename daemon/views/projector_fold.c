/* SPDX-License-Identifier: Apache-2.0 */
/* Folding a range of a site's events (projector_range.h): a chunk is taken from the log and opened (projector_ahead.c),
 * sifted (projector_sift.c), noted (projector_note.c), and then folded person by person.
 *
 * An event comes by here once without a position when this device has just written it, and again when its position
 * has come; the fold is idempotent and learns the position.
 *
 * What a restricted key seals never touches the person's document, which has to be the same for all, whether or not
 * they may read it: it is folded into a document of its own, and shares nothing with the others (what counts once, what
 * was written again, when a device was heard). */
#include "daemon/views/projector_fold.h"

#include <stdlib.h>

#include "daemon/views/projector_inside.h"
#include "daemon/views/views_inside.h"
#include "daemon/views/views_shares.h"
#include "daemon/views/views_witness.h"

#define KEPT_DOCUMENT (1024u * 1024)
#define KEPT_ROWS 256u
#define ARRIVED_AT_ONCE 256u
/* Of another site, while a long range is under way. */
#define BESIDE_EVENTS_MAX 1024u
/* Rows that are put later, in the order of their keys: so many at once, and not less than this part of their table. */
#define PUT_MIN 4096u
#define PUT_SHARE 8u
/* Of what others tell of the log, this much is kept before it is compared. */
#define TOLD_KEPT 16384u

struct fold_work *fold_work_new(void)
{
    struct fold_work *work = calloc(1, sizeof *work);
    if (!work)
        return NULL;
    work->document = document_new();
    work->ahead = ahead_new();
    work->ahead_beside = ahead_new();
    if (work->document && work->ahead && work->ahead_beside)
        return work;
    fold_work_free(work);
    return NULL;
}

void fold_work_free(struct fold_work *work)
{
    if (!work)
        return;
    ahead_free(work->ahead);
    ahead_free(work->ahead_beside);
    range_release(&work->range);
    range_release(&work->beside);
    chunk_release(&work->arrived);
    buffer_release(&work->encoded);
    taker_release(&work->taker);
    opened_release(&work->opened);
    told_release(&work->told);
    told_release(&work->told_beside);
    views_later_release(&work->events);
    views_later_release(&work->origins);
    views_later_release(&work->rows);
    views_made_release(&work->made);
    free(work->first);
    erased_release(&work->erased);
    document_free(work->document);
    free(work->refold);
    explicit_bzero(work, sizeof *work);
    free(work);
}

void fold_work_stop(struct fold_work *work)
{
    ahead_end(work->ahead, &(struct felloe_error){0});
}

void fold_work_rest(struct fold_work *work)
{
    fold_work_stop(work);
    range_rest(&work->range);
    range_rest(&work->beside);
}

/* ---- folding ---- */

struct refolding {
    struct fold_work *work;
    struct fold_step *step;
};

static bool fold_other_positions(struct refolding *r, struct fold_event *fold)
{
    struct views_event known;
    if (r->step->epochs < 2 || !views_get_event(r->step->views, &fold->id, r->step->site, &known))
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
    struct event *event = &work->opened.event;
    struct fold_event fold;
    (void)sort;
    if (!opener_fetch(r->step->reader, r->step->site, ref, &item) || !event_decode(item.event, event))
        return true;
    const struct data_key *key = taker_key(&work->taker, &event->clear.key);
    if (!key)
        return true;
    enum opening outcome = opener_open_named(&work->taker.opener, &item, event, key, id, &work->opened);
    if (outcome != OPENED)
        return !(work->failed |= outcome == OPENED_NO_MEMORY);
    opened_for_fold(&work->taker.opener, &work->opened, &fold);
    fold_event_of_log(r->step, &work->opened, item.flags, &fold);
    fold.at = ref->at.epoch != 0 ? ref->at : item.at;
    fold.id = *id;
    if (!document_fold(r->work->document, &fold) || !fold_other_positions(r, &fold))
        r->work->failed = true;
    return !r->work->failed;
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

static bool is_locked(struct fold_work *work, const struct person_id *subject)
{
    struct key_id key = key_id_of_person(*subject);
    return !person_id_is_none(subject) && taker_key(&work->taker, &key) == NULL;
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
static bool note_share(struct fold_work *work, struct fold_step *step, const struct person_id *subject,
                       const struct document *document)
{
    struct views_share share;
    if (person_id_is_none(subject) ||
        !views_put_share(step->views, step->site, subject, document, is_elsewhere(step, subject), &share))
        return false;
    tell_shared(work, step, subject);
    return share.place == SHARING_LEFT;
}

/* The document of just these items, if it was folded beforehand; nothing was left out of them since, and none is now to
 * be folded as of another history. */
static struct fold_prepared *prepared_of(const struct fold_step *step, struct fold_item *const *items,
                                               size_t count)
{
    if (count == 0 || !items[0]->prepared || items[0]->prepared->count != count || event_log_going_on(step->log) != 0)
        return NULL;
    for (size_t i = 1; i < count; i++)
        if (items[i] != items[0] + i)
            return NULL;
    return items[0]->prepared;
}

/* Until the chunk's others are known; where memory runs out, at once. */
static void put_first(struct fold_work *work, struct fold_step *step, const struct views_made *made)
{
    if (work->first_count == work->first_room) {
        const size_t room = work->first_room ? 2 * work->first_room : 64;
        const struct views_made **grown = realloc(work->first, room * sizeof *grown);
        if (!grown) {
            views_put_first(step->views, &made, 1);
            return;
        }
        work->first = grown;
        work->first_room = room;
    }
    work->first[work->first_count++] = made;
}

static void put_all_first(struct fold_work *work, struct fold_step *step)
{
    views_put_first(step->views, work->first, work->first_count);
    work->first_count = 0;
}

/* The one that was folded beforehand, if it is all that there is of the subject. */
static bool take_prepared(struct fold_work *work, struct fold_step *step, const struct person_id *subject,
                          struct fold_prepared *prepared, bool is_first)
{
    if (!prepared)
        return false;
    work->taken++;
    if (note_share(work, step, subject, prepared->document))
        views_made_hide(&prepared->made);
    if (is_first)
        put_first(work, step, &prepared->made);
    else
        views_put_made(step->views, &prepared->made);
    return true;
}

static bool put_document(struct fold_work *work, struct fold_step *step, const struct person_id *subject)
{
    const struct data_key *key = views_key(step->views, step->site, subject);
    if (!key || !views_make(&work->made, step->site, subject, key, work->document))
        return false;
    if (note_share(work, step, subject, work->document))
        views_made_hide(&work->made);
    views_put_made(step->views, &work->made);
    return true;
}

/* Brings one subject up to date with the items, which are all about it. `is_first`: the views have nothing of it. */
static void fold_subject(struct fold_work *work, struct fold_step *step, const struct person_id *subject,
                         struct fold_item *const *items, size_t count, bool is_first)
{
    struct document *document = work->document;
    enum views_found found =
        is_first ? VIEWS_ABSENT : views_get_document(step->views, step->site, subject, &work->encoded);
    if (found == VIEWS_LOCKED || (found == VIEWS_ABSENT && is_locked(work, subject))) {
        /* Their key was destroyed: they are to be forgotten. */
        views_drop_subject(step->views, step->site, subject);
        return;
    }
    bool whole = !fold_is_to_refold(work, subject) && found != VIEWS_BROKEN &&
                 (is_first || found != VIEWS_ABSENT || !was_dropped(step, subject, count));
    if (whole && found == VIEWS_ABSENT &&
        take_prepared(work, step, subject, prepared_of(step, items, count), is_first))
        return;
    document_clear(document);
    if (whole && found == VIEWS_FOUND)
        whole = document_decode(document, buffer_bytes(&work->encoded));
    if (whole) {
        for (size_t i = 0; i < count && !work->failed; i++)
            work->failed = !document_fold(document, &items[i]->event);
    } else {
        struct refolding refolding = {work, step};
        document_clear(document);
        views_timeline(step->views, step->site, subject, NULL, refold_one, &refolding);
    }
    if (work->failed || !put_document(work, step, subject))
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
    if (!work->any_restricted)
        return;
    if (step->identity->role == ROLE_SPOKE)
        views_restricted_timeline(step->views, step->site, subject, NULL, any_event, &has_any);
    if (has_any)
        put_all_first(work, step); /* what it says to settle, it says under their name */
    has_any = has_any && !is_locked(work, subject) && !views_has_left(step->views, step->site, subject);
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
    fold_sort_refold(work);
    for (size_t i = 0; i < work->refold_count && !work->failed; i++) {
        bool has_any = false;
        views_timeline(step->views, step->site, &work->refold[i], NULL, any_event, &has_any);
        if (has_any)
            fold_subject(work, step, &work->refold[i], NULL, 0, false);
        else
            views_drop_subject(step->views, step->site, &work->refold[i]);
        fold_restricted(work, step, &work->refold[i]);
    }
}

/* Notes a chunk's events, and brings all up to date whom they are about. `first`: the views have nothing of this site
 * but what earlier chunks of this range have brought. All that is about somebody has one key, and stands together
 * there; so they have nothing of whoever is not in the chunk before this, too. */
static void fold_chunk(struct fold_work *work, struct fold_step *step, struct fold_chunk *chunk, bool first)
{
    work->refold_count = 0;
    step->views->first = first;
    fold_note_items(work, step, chunk);
    chunk_sort(chunk);
    work->any_restricted = store_count(step->views->store, VIEWS_RESTRICTED_TIMELINE) > 0 ||
                           store_count(step->views->store, VIEWS_RESTRICTED) > 0;
    first = first && !work->any_waiting;
    for (size_t from = 0, to, restricted; from < chunk->count && !work->failed; from = to) {
        const struct person_id subject = chunk->items[from]->subject;
        for (to = restricted = from; to < chunk->count && person_id_equal(&chunk->items[to]->subject, &subject); to++)
            restricted += !chunk->items[to]->restricted;
        if (fold_is_to_refold(work, &subject))
            continue;
        if (restricted > from)
            fold_subject(work, step, &subject, &chunk->items[from], restricted - from,
                         first && chunk->items[from]->order >= chunk->continued && !person_id_is_none(&subject));
        else if (views_get_share(step->views, step->site, &subject, &(struct views_share){0}))
            tell_shared(work, step, &subject); /* what is restricted is for readers in other sites, too */
        fold_restricted(work, step, &subject); /* its rows say who the person is, which may be new */
    }
    put_all_first(work, step);
    fold_again(work, step);
}

/* ---- what waited ---- */

/* Takes events from the waiting list whose key has come, or never will: its person was erased. */
static void take_arrived(struct fold_work *work, struct fold_step *step, const struct key_id *key)
{
    struct views_ref refs[ARRIVED_AT_ONCE];
    size_t count;
    while (chunk_has_room(&work->arrived) &&
           (count = views_waiting(step->views, step->site, key, refs, ARRIVED_AT_ONCE)) > 0)
        for (size_t i = 0; i < count && chunk_has_room(&work->arrived); i++) {
            views_drop_waiting(step->views, step->site, key, &refs[i]);
            step->taken++;
            taker_take(&work->taker, &work->arrived, &refs[i], NULL, NULL);
        }
}

static void fold_arrived(struct fold_work *work, struct fold_step *step, struct told_list *told)
{
    struct key_id from = {{0}}, key;
    work->any_waiting = views_waiting_key(step->views, step->site, &from, &key);
    if (!work->any_waiting)
        return;
    work->failed |= !chunk_init(&work->arrived);
    while (!work->failed && chunk_has_room(&work->arrived) && views_waiting_key(step->views, step->site, &from, &key)) {
        if (taker_key(&work->taker, &key) != NULL || keyring_erased(step->keyring, &key, &work->taker.unread))
            take_arrived(work, step, &key);
        from = key;
        size_t at = sizeof from.b;
        while (at > 0 && ++from.b[--at] == 0)
            ;
    }
    step->more |= !work->failed && !chunk_has_room(&work->arrived);
    if (!work->failed && work->arrived.count > 0) {
        fold_sift(work, step, &work->arrived, told, true);
        fold_chunk(work, step, &work->arrived, false);
    }
    chunk_release(&work->arrived);
}

/* ---- a step ---- */

static void fold_origins(struct fold_work *work, struct fold_step *step)
{
    work->refold_count = 0;
    fold_note_origins(work, step);
    fold_again(work, step);
}

/* What is put later need not wait for the end of the step, where nobody opens anything meanwhile: but only so many at
 * once that a few go to each page. (Of a step that is all there is, they do wait: tables that are empty take them in
 * their order one behind the other, without a search and on pages that are full.) */
static bool is_enough(const struct fold_step *step, const struct views_later *later, enum views_table table)
{
    return later->count >= PUT_MIN && later->count >= store_count(step->views->store, table) / PUT_SHARE;
}

static void put_some(struct fold_work *work, struct fold_step *step)
{
    if (!work->failed && is_enough(step, &work->origins, VIEWS_ORIGINS))
        fold_origins(work, step);
    if (step->views->later && is_enough(step, &work->events, VIEWS_EVENTS))
        views_events_put(step->views);
    if (is_enough(step, &work->rows, VIEWS_ROWS))
        views_rows_put(step->views);
}

/* Each event that is folded has a place in a timeline, or waits for its key. */
static bool has_nothing(struct fold_step *step)
{
    const enum views_table tables[] = {VIEWS_TIMELINE, VIEWS_RESTRICTED_TIMELINE, VIEWS_DOCS, VIEWS_ROWKEYS,
                                       VIEWS_WAITING};
    struct store_key site;
    struct store_item item;
    bool any = false;
    views_key_site(&site, step->site);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !any; i++) {
        struct store_cursor *cursor = store_cursor_open(step->views->store, tables[i]);
        any = store_seek_prefix(cursor, key_bytes(&site), &item);
        store_cursor_close(cursor);
    }
    return !any;
}

/* A site whose range is long is folded over many steps; another's turn comes in between, with little at a time. */
static struct fold_range *range_of(struct fold_work *work, struct fold_step *step, struct told_list **told)
{
    const bool other = range_is_under_way(&work->range) && !bytes_is(step->site, work->range.site);
    struct fold_range *range = other ? &work->beside : &work->range;
    *told = other ? &work->told_beside : &work->told;
    if (!other && !range_is_kept(range, step->views, step->site))
        fold_work_stop(work); /* it reads the range */
    if (!range_goes_on(range, step->views, step->site)) {
        (*told)->count = 0;
        work->failed |= !range_begin(range, step->log, step->reader, step->site, &step->cursor,
                                     other ? BESIDE_EVENTS_MAX : RANGE_EVENTS_MAX, &step->unread);
        range->first = step->cursor.own_seq == 0 && step->cursor.seen.count == 0 && has_nothing(step);
    }
    step->epochs = range->to.seen.count;
    return range;
}

/* All that there is of the site, in one step? */
static bool is_whole(const struct fold_step *step, const struct fold_range *range)
{
    return step->most == 0 && range->first && range->next == 0 && range->count <= FOLD_WHOLE_MAX && !range->more;
}

static void fold_range(struct fold_work *work, struct fold_step *step, struct fold_range *range,
                       struct told_list *told)
{
    struct ahead *ahead = range == &work->range ? work->ahead : work->ahead_beside;
    const bool whole = is_whole(step, range);
    const size_t left = range->count - range->next;
    const size_t most = step->most != 0 ? step->most : whole ? FOLD_WHOLE_MAX : FOLD_EVENTS_MAX;
    const size_t end = left < most ? range->count : range->next + most;
    const bool goes_on = step->goes_on && range->holds && !log_reader_failed(range->reader, NULL) &&
                         most >= AHEAD_EVENTS_MIN;
    struct log_reader *reader = goes_on ? range->reader : step->reader; /* what is opened may be given in the next */
    size_t bytes = 0;
    struct fold_chunk *chunk;
    if (left == 0)
        return;
    work->failed |= !ahead_begin(ahead, step, reader, range, goes_on ? range->count : end, work->document);
    while (!work->failed && range->next < end && bytes < FOLD_BYTES_MAX && (chunk = ahead_next(ahead)) != NULL) {
        step->taken += chunk->next - range->next;
        range->next = chunk->next;
        bytes += chunk->bytes;
        work->taken = 0;
        work->failed |= chunk->unread;
        if (chunk->unread && !log_reader_tell(reader, &step->unread) && range->reader != NULL)
            log_reader_tell(range->reader, &step->unread); /* it was opened in the step before */
        fold_sift(work, step, chunk, told, false);
        fold_chunk(work, step, chunk, range->first);
        chunk->taken = work->taken;
        if (!whole)
            put_some(work, step);
    }
    if (work->failed || !goes_on || range->next == range->count)
        ahead_end(ahead, &step->unread);
    else
        ahead_stays(ahead, &step->unread);
}

/* Is there nothing to write? A range of which nothing was left may still move the cursor. */
static bool is_idle(const struct fold_step *step, const struct fold_range *range)
{
    return step->taken == 0 && range->to.own_seq == step->cursor.own_seq &&
           seen_includes(&step->cursor.seen, &range->to.seen);
}

static bool end_range(struct fold_step *step, struct fold_range *range, struct told_list *told)
{
    const bool whole = range->next == range->count;
    if (whole || told->count > TOLD_KEPT) {
        if (!views_hear_witnesses(step->views, step->reader, step->site, step->identity, told))
            return false;
        told->count = 0;
    }
    range_keep(range, step->views, step->site);
    if (whole)
        step->cursor = range->to;
    step->ahead = whole ? 0 : range->next;
    /* What came to the log since an earlier step began it is in no index. */
    step->more |= !whole || range->more || range->begun;
    return true;
}

static void begin_step(struct fold_work *work, struct fold_step *step)
{
    struct key_record key;
    step->unread = (struct felloe_error){0};
    step->more = false;
    step->taken = step->ahead = 0;
    step->shared = work->shared;
    step->shared_count = 0;
    step->erased = &work->erased;
    erased_clear(&work->erased);
    views_later_clear(&work->origins);
    work->heard_count = 0;
    taker_begin(&work->taker, step, step->reader);
    const enum felloe_code code = keyring_site_key(step->keyring, step->site, &key);
    explicit_bzero(&key, sizeof key);
    work->has_site_key = code == FELLOE_OK;
    work->failed = work->taker.unread = !keyring_was_read(code);
}

/* A key that could not be read is not "not here": what was made of that must not be committed. */
static bool tell_unread(struct fold_work *work, struct fold_step *step)
{
    if ((work->taker.unread || step->views->unread) && step->unread.code == FELLOE_OK)
        keyring_unread(&step->unread);
    return step->unread.code != FELLOE_OK;
}

bool fold_site(struct fold_work *work, struct fold_step *step)
{
    struct told_list *told;
    begin_step(work, step);
    struct fold_range *range = range_of(work, step, &told);
    if (step->epochs < 2) /* else each is looked for */
        views_events_begin(step->views, &work->events);
    views_rows_begin(step->views, &work->rows);
    if (!work->failed)
        fold_arrived(work, step, told);
    if (!work->failed)
        fold_range(work, step, range, told);
    if (!work->failed)
        fold_origins(work, step);
    views_events_end(step->views);
    views_rows_end(step->views);
    if (!work->failed && !is_idle(step, range)) {
        step->taken += step->taken == 0; /* the cursor moves past what came by already */
        fold_note_heard(work, step);
        work->failed = !end_range(step, range, told);
    }
    if (!range->holds || range->next == range->count) {
        if (range == &work->range)
            fold_work_stop(work);
        range_rest(range);
    }
    taker_end(&work->taker);
    if (work->events.room > KEPT_ROWS || work->origins.room > KEPT_ROWS || work->rows.room > KEPT_ROWS) {
        views_later_release(&work->events);
        views_later_release(&work->origins);
        views_later_release(&work->rows);
    }
    if (work->encoded.cap > KEPT_DOCUMENT)
        buffer_release(&work->encoded);
    if (work->made.bytes.cap > KEPT_DOCUMENT)
        views_made_release(&work->made);
    /* What could not be read is not "not there": nothing of the step counts then. */
    work->failed |= log_reader_tell(step->reader, &step->unread) || tell_unread(work, step);
    work->failed |= views_may_lack(step->views);
    if (work->failed)
        fold_work_stop(work);
    return !work->failed;
}
