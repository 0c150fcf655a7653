/* SPDX-License-Identifier: Apache-2.0 */
/* Events out of the log, opened, a chunk at a time. That costs more than all else: of a long range the next chunks are
 * opened by a thread of its own, with its own reading of the log, while the last one is folded; and where none is
 * ready the caller opens one itself, so that neither waits for the other. Where the next step follows at once it goes
 * on while this one is committed. It touches nothing of the views, and yet makes people's documents: of those whom the
 * views do not know yet that is all there is to fold. */
#include <pthread.h>
#include <stdlib.h>

#include "daemon/views/projector_inside.h"
#include "proto/domain/record.h"

#define KEPT_PER_EVENT 2048u
#define KEPT_EVENTS 64u
#define KEPT_PER_DOCUMENT (32u * 1024)
/* So far ahead the memory of an event is asked for: events of one person lie everywhere in a log. */
#define PREPARED 4u
/* So many chunks may be under way at once: the thread goes on for a while where the caller is busy with the tables. */
#define RING 16u
/* … and no more once so much of the log lies opened in them: long entries would fill the memory. */
#define RING_BYTES_MAX (16u * 1024 * 1024)

/* ---- chunks ---- */

bool chunk_init(struct fold_chunk *chunk)
{
    chunk->count = chunk->bytes = chunk->document_count = chunk->taken = 0;
    if (!chunk->items)
        chunk->items = malloc(CHUNK_EVENTS_MAX * sizeof *chunk->items);
    if (!chunk->memory)
        chunk->memory = calloc(CHUNK_EVENTS_MAX, sizeof *chunk->memory);
    return chunk->items && chunk->memory;
}

/* What is used again and again for a few events is kept, as long as they are not long. */
static bool is_small(const struct fold_item *item)
{
    return item->opened.plain.cap <= KEPT_PER_EVENT && item->opened.marks.cap <= KEPT_PER_EVENT;
}

static void free_documents(struct fold_chunk *chunk)
{
    for (size_t i = 0; i < chunk->document_room; i++) {
        document_free(chunk->documents[i].document);
        views_made_release(&chunk->documents[i].made);
    }
    free(chunk->documents);
    chunk->documents = NULL;
    chunk->document_count = chunk->document_room = 0;
}

void chunk_release(struct fold_chunk *chunk)
{
    free_documents(chunk);
    for (size_t i = 0; chunk->memory && i < chunk->used; i++)
        opened_release(&chunk->memory[i].opened);
    free(chunk->memory);
    free(chunk->items);
    *chunk = (struct fold_chunk){0};
}

static size_t size_of(const struct views_made *made)
{
    return made->bytes.cap + made->plain.cap + made->room.cap;
}

/* Long events come to stand in other places of it each time, and each place would keep the longest it ever had. */
void chunk_trim(struct fold_chunk *chunk)
{
    size_t kept = 0;
    chunk->filled = 0;
    for (size_t i = 0; i < chunk->used; i++)
        kept += chunk->memory[i].opened.plain.cap + chunk->memory[i].opened.marks.cap;
    for (size_t i = 0; i < chunk->document_room; i++)
        kept += size_of(&chunk->documents[i].made);
    if (kept <= CHUNK_KEPT_MAX)
        return;
    for (size_t i = 0; i < chunk->used; i++)
        if (!is_small(&chunk->memory[i]))
            opened_release(&chunk->memory[i].opened);
    for (size_t i = 0; i < chunk->document_room; i++)
        if (size_of(&chunk->documents[i].made) > KEPT_PER_DOCUMENT) {
            document_free(chunk->documents[i].document);
            views_made_release(&chunk->documents[i].made);
            chunk->documents[i] = (struct fold_prepared){0};
        }
}

static void chunk_shrink(struct fold_chunk *chunk)
{
    free_documents(chunk);
    bool keep = chunk->used <= KEPT_EVENTS;
    for (size_t i = 0; i < chunk->used && keep; i++)
        keep = is_small(&chunk->memory[i]);
    if (!keep)
        chunk_release(chunk);
}

/* ---- taking ---- */

void taker_begin(struct taker *taker, const struct fold_step *step, struct log_reader *reader)
{
    taker->keyring = step->keyring;
    taker->views = step->views->views;
    taker->opener.reader = reader;
    taker->opener.identity = step->identity;
    opener_of_site(&taker->opener, step->site);
    taker->has_key = taker->unread = false;
    taker->document = NULL;
}

void taker_end(struct taker *taker)
{
    taker->has_key = false;
    explicit_bzero(&taker->key, sizeof taker->key);
}

void taker_release(struct taker *taker)
{
    taker_end(taker);
    opener_release(&taker->opener);
}

const struct data_key *taker_key(struct taker *taker, const struct key_id *id)
{
    if (!taker->has_key || memcmp(&taker->key.id, id, sizeof *id) != 0) {
        const enum felloe_code code = keyring_get(taker->keyring, id, &taker->key);
        taker->has_key = code == FELLOE_OK;
        taker->unread |= !keyring_was_read(code);
    }
    return taker->has_key ? &taker->key.key : NULL;
}

/* An own event whose position has come goes by that. */
static struct views_ref ref_of(const struct views_ref *ref, const struct log_item *found)
{
    return ref->at.epoch != 0 || found->at.epoch == 0 ? *ref : (struct views_ref){found->at};
}

void taker_take(struct taker *taker, struct fold_chunk *chunk, const struct views_ref *ref,
                const struct log_item *there, const struct event_id *id)
{
    struct fold_item *item = &chunk->memory[chunk->count];
    struct log_item found;
    struct event *event = &item->opened.event;
    item->order = (uint32_t)chunk->count;
    item->prepared = NULL;
    item->ref = *ref;
    item->found = ITEM_ABSENT;
    chunk->items[chunk->count++] = item;
    if (chunk->used < chunk->count)
        chunk->used = chunk->count;
    if (there)
        found = *there;
    else if (!opener_fetch(taker->opener.reader, taker->opener.site, ref, &found))
        return;
    item->ref = ref_of(ref, &found);
    item->at = found.at;
    item->flags = found.flags;
    item->found = ITEM_MALFORMED;
    chunk->bytes += found.event.len;
    if (!event_decode(found.event, event))
        return;
    item->key = event->clear.key;
    const struct data_key *key = taker_key(taker, &event->clear.key);
    item->found = taker->unread ? ITEM_KEY_UNREAD : ITEM_NO_KEY;
    if (!key)
        return;
    item->found = ITEM_TAKEN;
    item->kind = taker->key.kind;
    item->owner = taker->key.owner;
    item->restricted = key_kind_restricted(taker->key.kind);
    item->outcome = opener_open_named(&taker->opener, &found, event, key, id, &item->opened);
    if (item->outcome != OPENED)
        return;
    opened_for_fold(&taker->opener, &item->opened, &item->event); /* now: a copy's site lies in the opener's memory */
    const struct views_origin origin = {item->opened.body.origin, item->restricted};
    if (item->opened.body.has_origin)
        item->origin = views_blind_origin(taker->views, &origin);
}

/* Where a chunk ends that begins there: nobody's entries are in two, if that can be helped. Else it is short: what is
 * opened is to be in the processor's own memory still when documents are made of it. */
static size_t end_of_chunk(const struct fold_range *range, size_t from, size_t end)
{
    size_t at = from;
    for (size_t bytes = 0; at < end && at - from < CHUNK_EVENTS_MAX && bytes < CHUNK_BYTES_MAX; at++) {
        if (at - from >= CHUNK_EVENTS_ENOUGH && !range_is_same_key(range, at))
            break;
        bytes += range_size(range, at);
    }
    return at;
}

static void fill(struct taker *taker, struct fold_chunk *chunk, const struct fold_range *range)
{
    chunk->filled += chunk->bytes; /* only looked at once it may be: that takes as long as reading all of them */
    if (chunk->filled > CHUNK_KEPT_MAX)
        chunk_trim(chunk);
    chunk->count = chunk->bytes = chunk->document_count = chunk->taken = 0;
    chunk->continued = 0;
    for (size_t at = chunk->from; at < chunk->next; at++) {
        const struct views_ref ref = range_ref(range, at);
        const struct event_id *id;
        struct log_item item;
        range_prepare(range, at + PREPARED);
        if (chunk->continued == chunk->count && at > 0 && range_is_same_key(range, at))
            chunk->continued++;
        const bool there = range_item(range, at, &ref, &item, &id);
        taker_take(taker, chunk, &ref, there ? &item : NULL, id);
    }
}

/* ---- documents ---- */

/* Whom is it about, as far as it can be said here? Only the person's own key speaks of them. */
static const struct person_id *person_of(const struct fold_item *item)
{
    if (item->found != ITEM_TAKEN || item->outcome != OPENED || item->restricted || !item->opened.body.has_subject)
        return NULL;
    const struct key_id own = key_id_of_person(item->opened.body.subject);
    return memcmp(&own, &item->key, sizeof own) == 0 ? &item->opened.body.subject : NULL;
}

/* Room for `count` of them. Nothing may point to them yet. */
static bool make_room(struct fold_chunk *chunk, size_t count)
{
    if (count <= chunk->document_room)
        return true;
    struct fold_prepared *grown = realloc(chunk->documents, count * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + chunk->document_room, 0, (count - chunk->document_room) * sizeof *grown);
    chunk->documents = grown;
    chunk->document_room = count;
    return true;
}

/* With what they mean, and as it is kept: that is worked out here, too. */
static bool fold_items(struct taker *taker, struct fold_prepared *prepared, struct fold_item *items, size_t count)
{
    size_t readings;
    bool ok = prepared->document || (prepared->document = document_new_beside(taker->document));
    const struct data_key *key = taker_key(taker, &items[0].key);
    prepared->count = (uint32_t)count;
    if (!ok || !key)
        return false;
    document_clear(prepared->document);
    for (size_t i = 0; ok && i < count; i++) {
        items[i].event.at = fold_item_at(&items[i]);
        ok = document_fold(prepared->document, &items[i].event);
    }
    if (ok)
        record_readings(prepared->document, &readings, &ok);
    const struct person_id *subject = &items[0].opened.body.subject;
    return ok && views_make(&prepared->made, taker->opener.site, subject, key, prepared->document);
}

static size_t count_runs(const struct fold_chunk *chunk)
{
    size_t runs = chunk->count > 0;
    for (size_t i = 1; i < chunk->count; i++)
        runs += memcmp(&chunk->memory[i].key, &chunk->memory[i - 1].key, sizeof chunk->memory[i].key) != 0;
    return runs;
}

/* Where memory runs out, there are fewer. */
static void prepare_documents(struct taker *taker, struct fold_chunk *chunk)
{
    if (!make_room(chunk, count_runs(chunk)))
        return;
    for (size_t from = 0, to; from < chunk->count; from = to) {
        const struct person_id *person = person_of(&chunk->memory[from]);
        for (to = from + 1; person && to < chunk->count; to++) {
            const struct person_id *other = person_of(&chunk->memory[to]);
            if (!other || !person_id_equal(other, person))
                break;
        }
        if (!person || chunk->document_count == chunk->document_room)
            continue;
        struct fold_prepared *prepared = &chunk->documents[chunk->document_count++];
        if (fold_items(taker, prepared, &chunk->memory[from], to - from))
            chunk->memory[from].prepared = prepared;
    }
}

/* ---- ahead ---- */

struct ahead {
    struct taker taker, callers; /* the thread's, and of what the caller opens itself */
    struct fold_chunk chunks[RING];
    struct log_reader *reader;  /* the thread's own */
    const struct fold_range *range;
    size_t end;                 /* of the range: no further */
    size_t ring;                /* chunks in use: by itself the caller fills one at a time */
    bool threaded, stays;       /* stays: from one step to the next */
    pthread_t thread;
    pthread_mutex_t mutex;      /* guards what follows */
    pthread_cond_t turned;
    size_t next;                /* of the range: what is in no chunk yet */
    uint64_t begun, given, free; /* chunks that somebody took on; that the caller has had; and is done with */
    bool filled[RING];
    size_t bytes;               /* in those that are filled, and not done with */
    bool stop;                  /* the thread is to begin no more */
    bool prepares;              /* documents, too */
};

struct ahead *ahead_new(void)
{
    struct ahead *ahead = calloc(1, sizeof *ahead);
    if (!ahead)
        return NULL;
    pthread_mutex_init(&ahead->mutex, NULL);
    pthread_cond_init(&ahead->turned, NULL);
    return ahead;
}

static void release_ring(struct ahead *ahead)
{
    for (size_t i = 1; i < RING; i++)
        chunk_release(&ahead->chunks[i]);
}

void ahead_free(struct ahead *ahead)
{
    if (!ahead)
        return;
    ahead_end(ahead, &(struct felloe_error){0});
    taker_release(&ahead->taker);
    taker_release(&ahead->callers);
    chunk_release(&ahead->chunks[0]);
    release_ring(ahead);
    pthread_cond_destroy(&ahead->turned);
    pthread_mutex_destroy(&ahead->mutex);
    free(ahead);
}

/* With the mutex held: is there one to be filled, and room for it? */
static bool can_begin(const struct ahead *ahead)
{
    return ahead->next < ahead->end && ahead->begun - ahead->free < ahead->ring && ahead->bytes < RING_BYTES_MAX;
}

/* With the mutex held, which it lets go of meanwhile. */
static void fill_next(struct ahead *ahead, struct taker *taker)
{
    const size_t slot = ahead->begun++ % ahead->ring;
    struct fold_chunk *chunk = &ahead->chunks[slot];
    const bool prepares = ahead->prepares && ahead->threaded;
    chunk->from = ahead->next;
    ahead->next = chunk->next = end_of_chunk(ahead->range, chunk->from, ahead->end);
    pthread_mutex_unlock(&ahead->mutex);
    fill(taker, chunk, ahead->range);
    chunk->unread = log_reader_failed(taker->opener.reader, NULL);
    if (prepares)
        prepare_documents(taker, chunk);
    pthread_mutex_lock(&ahead->mutex);
    ahead->filled[slot] = true;
    ahead->bytes += chunk->bytes;
    pthread_cond_broadcast(&ahead->turned);
}

static void *fill_all(void *context)
{
    struct ahead *ahead = context;
    pthread_mutex_lock(&ahead->mutex);
    while (!ahead->stop && ahead->next < ahead->end) {
        if (can_begin(ahead))
            fill_next(ahead, &ahead->taker);
        else
            pthread_cond_wait(&ahead->turned, &ahead->mutex);
    }
    pthread_mutex_unlock(&ahead->mutex);
    return NULL;
}

static bool init_ring(struct ahead *ahead)
{
    bool ok = true;
    for (size_t i = 1; ok && i < RING; i++)
        ok = chunk_init(&ahead->chunks[i]);
    return ok;
}

static void begin_thread(struct ahead *ahead, const struct fold_step *step)
{
    struct felloe_error error;
    ahead->reader = init_ring(ahead) ? log_reader_begin(step->log, &error) : NULL;
    if (!ahead->reader)
        return; /* it can be done without */
    taker_begin(&ahead->taker, step, ahead->reader);
    opener_of_site(&ahead->taker.opener, bytes_str(ahead->range->site)); /* the step's may end before it does */
    ahead->taker.document = ahead->callers.document;
    ahead->ring = RING;
    ahead->threaded = true;
    if (pthread_create(&ahead->thread, NULL, fill_all, ahead) == 0) {
        pthread_setname_np(ahead->thread, "views-opener");
    } else {
        ahead->ring = 1;
        ahead->threaded = false;
    }
}

static void begin_callers(struct ahead *ahead, const struct fold_step *step, struct log_reader *reader,
                          const struct fold_range *range, const struct document *document)
{
    taker_begin(&ahead->callers, step, reader);
    opener_of_site(&ahead->callers.opener, bytes_str(range->site));
    ahead->callers.document = document;
}

bool ahead_begin(struct ahead *ahead, const struct fold_step *step, struct log_reader *reader,
                 const struct fold_range *range, size_t end, const struct document *document)
{
    if (ahead->stays) {
        ahead->stays = false;
        begin_callers(ahead, step, reader, range, document);
        return true;
    }
    if (!chunk_init(&ahead->chunks[0]))
        return false;
    ahead->range = range;
    ahead->next = range->next;
    ahead->end = end;
    ahead->prepares |= range->next == 0;
    ahead->begun = ahead->given = ahead->free = 0;
    ahead->bytes = 0;
    ahead->ring = 1;
    memset(ahead->filled, 0, sizeof ahead->filled);
    ahead->stop = ahead->threaded = false;
    ahead->reader = NULL;
    begin_callers(ahead, step, reader, range, document);
    if (end - range->next >= AHEAD_EVENTS_MIN)
        begin_thread(ahead, step);
    return true;
}

/* With the mutex held: the one that was given last can be filled again. */
static void take_back(struct ahead *ahead)
{
    if (ahead->free == ahead->given)
        return;
    const size_t slot = ahead->free++ % ahead->ring;
    const struct fold_chunk *last = &ahead->chunks[slot];
    ahead->filled[slot] = false;
    ahead->bytes -= last->bytes;
    ahead->prepares &= 2 * last->taken >= last->document_count;
    pthread_cond_broadcast(&ahead->turned);
}

struct fold_chunk *ahead_next(struct ahead *ahead)
{
    struct fold_chunk *chunk = NULL;
    pthread_mutex_lock(&ahead->mutex);
    take_back(ahead);
    const size_t slot = ahead->given % ahead->ring;
    while (!ahead->filled[slot] && (ahead->begun > ahead->given || ahead->next < ahead->end)) {
        if (can_begin(ahead))
            fill_next(ahead, &ahead->callers);
        else
            pthread_cond_wait(&ahead->turned, &ahead->mutex);
    }
    if (ahead->filled[slot]) {
        ahead->given++;
        chunk = &ahead->chunks[slot];
    }
    pthread_mutex_unlock(&ahead->mutex);
    return chunk;
}

bool ahead_stays(struct ahead *ahead, struct felloe_error *unread)
{
    ahead->stays = ahead->threaded;
    taker_end(&ahead->callers);
    if (!ahead->stays)
        ahead_end(ahead, unread);
    return ahead->stays;
}

void ahead_end(struct ahead *ahead, struct felloe_error *unread)
{
    ahead->stays = false;
    if (ahead->threaded) {
        pthread_mutex_lock(&ahead->mutex);
        ahead->stop = true;
        pthread_cond_broadcast(&ahead->turned);
        pthread_mutex_unlock(&ahead->mutex);
        pthread_join(ahead->thread, NULL);
        ahead->threaded = false;
    }
    if (ahead->reader)
        log_reader_tell(ahead->reader, unread);
    log_reader_end(ahead->reader);
    ahead->reader = NULL;
    taker_end(&ahead->taker);
    taker_end(&ahead->callers);
    chunk_shrink(&ahead->chunks[0]);
    release_ring(ahead);
}
