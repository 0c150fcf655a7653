/* SPDX-License-Identifier: Apache-2.0 */
/* Events out of the log, opened, a chunk at a time. That costs as much as all else: of a long range the next chunk is
 * opened by a thread of its own, with its own reading of the log, while the last one is folded. It touches nothing of
 * the views, and yet makes people's documents: of those whom the views do not know yet that is all there is to fold. */
#include <pthread.h>
#include <stdlib.h>

#include "daemon/views/projector_inside.h"
#include "proto/domain/record.h"

#define KEPT_PER_EVENT 2048u
#define KEPT_EVENTS 64u
/* So far ahead the memory of an event is asked for: events of one person lie everywhere in a log. */
#define PREPARED 4u
/* Fewer than these are not worth a thread. */
#define AHEAD_MIN (2 * CHUNK_EVENTS_MAX)

/* ---- chunks ---- */

bool chunk_init(struct fold_chunk *chunk)
{
    chunk->count = chunk->bytes = chunk->document_count = chunk->taken = 0;
    if (!chunk->memory)
        chunk->memory = calloc(CHUNK_EVENTS_MAX, sizeof *chunk->memory);
    return chunk->memory != NULL;
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
    for (size_t i = 0; chunk->memory && i < CHUNK_EVENTS_MAX; i++)
        opened_release(&chunk->memory[i].opened);
    free(chunk->memory);
    *chunk = (struct fold_chunk){0};
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
    taker->has_key = false;
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
    if (!taker->has_key || memcmp(&taker->key.id, id, sizeof *id) != 0)
        taker->has_key = keyring_get(taker->keyring, id, &taker->key) == FELLOE_OK;
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
    struct event event;
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
    if (!event_decode(found.event, &event))
        return;
    item->key = event.clear.key;
    item->found = ITEM_NO_KEY;
    const struct data_key *key = taker_key(taker, &event.clear.key);
    if (!key)
        return;
    item->found = ITEM_TAKEN;
    item->kind = taker->key.kind;
    item->owner = taker->key.owner;
    item->restricted = key_kind_restricted(taker->key.kind);
    item->outcome = opener_open_named(&taker->opener, &found, &event, key, id, &item->opened);
    if (item->outcome != OPENED)
        return;
    item->event = opened_for_fold(&taker->opener, &item->opened); /* now: a copy's site lies in the opener's memory */
    const struct views_origin origin = {item->opened.body.origin, item->restricted};
    if (item->opened.body.has_origin)
        item->origin = views_blind_origin(taker->views, &origin);
}

/* The next entries of the range, below `end`, into an empty chunk. */
static void fill(struct taker *taker, struct fold_chunk *chunk, const struct fold_range *range, size_t from, size_t end)
{
    chunk->count = chunk->bytes = chunk->document_count = chunk->taken = 0;
    chunk->continued = 0;
    for (chunk->next = from; chunk->next < end && chunk_has_room(chunk); chunk->next++) {
        if (chunk->count >= CHUNK_EVENTS_MAX - CHUNK_EVENTS_MAX / 4 && !range_is_same_key(range, chunk->next))
            break; /* nobody's entries are in two chunks, if that can be helped */
        const struct views_ref ref = range_ref(range, chunk->next);
        const struct event_id *id;
        struct log_item item;
        range_prepare(range, chunk->next + PREPARED);
        if (chunk->continued == chunk->count && chunk->next > 0 && range_is_same_key(range, chunk->next))
            chunk->continued++;
        const bool there = range_item(range, chunk->next, &ref, &item, &id);
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
    bool ok = prepared->document || (prepared->document = document_new());
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
    struct taker taker;
    struct fold_chunk chunks[2];
    struct log_reader *reader;  /* the thread's own */
    const struct fold_range *range;
    size_t next, end;           /* of the range: what is not taken yet */
    bool threaded;
    pthread_t thread;
    pthread_mutex_t mutex;      /* guards what follows */
    pthread_cond_t turned;
    uint64_t filled, given;     /* chunks that were filled; that the caller has had */
    bool done, stop;            /* the thread fills no more; it is to fill no more */
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

void ahead_free(struct ahead *ahead)
{
    if (!ahead)
        return;
    taker_release(&ahead->taker);
    chunk_release(&ahead->chunks[0]);
    chunk_release(&ahead->chunks[1]);
    pthread_cond_destroy(&ahead->turned);
    pthread_mutex_destroy(&ahead->mutex);
    free(ahead);
}

static void fill_next(struct ahead *ahead, struct fold_chunk *chunk)
{
    fill(&ahead->taker, chunk, ahead->range, ahead->next, ahead->end);
    ahead->next = chunk->next;
}

/* A chunk is free once the caller has asked for the one after it. */
static void *fill_all(void *context)
{
    struct ahead *ahead = context;
    pthread_mutex_lock(&ahead->mutex);
    while (!ahead->stop && ahead->next < ahead->end) {
        if (ahead->filled > ahead->given) {
            pthread_cond_wait(&ahead->turned, &ahead->mutex);
            continue;
        }
        struct fold_chunk *chunk = &ahead->chunks[ahead->filled % 2];
        const bool prepares = ahead->prepares;
        pthread_mutex_unlock(&ahead->mutex);
        fill_next(ahead, chunk);
        if (prepares)
            prepare_documents(&ahead->taker, chunk);
        pthread_mutex_lock(&ahead->mutex);
        ahead->filled++;
        pthread_cond_broadcast(&ahead->turned);
    }
    ahead->done = true;
    pthread_cond_broadcast(&ahead->turned);
    pthread_mutex_unlock(&ahead->mutex);
    return NULL;
}

static void begin_thread(struct ahead *ahead, const struct fold_step *step)
{
    struct felloe_error error;
    ahead->reader = chunk_init(&ahead->chunks[1]) ? log_reader_begin(step->log, &error) : NULL;
    if (!ahead->reader)
        return; /* it can be done without */
    ahead->taker.opener.reader = ahead->reader;
    ahead->threaded = pthread_create(&ahead->thread, NULL, fill_all, ahead) == 0;
    if (ahead->threaded)
        pthread_setname_np(ahead->thread, "views-opener");
}

bool ahead_begin(struct ahead *ahead, const struct fold_step *step, const struct fold_range *range, size_t end)
{
    if (!chunk_init(&ahead->chunks[0]))
        return false;
    ahead->range = range;
    ahead->next = range->next;
    ahead->end = end;
    ahead->prepares |= range->next == 0;
    ahead->filled = ahead->given = 0;
    ahead->done = ahead->stop = ahead->threaded = false;
    ahead->reader = NULL;
    taker_begin(&ahead->taker, step, step->reader);
    if (end - range->next >= AHEAD_MIN)
        begin_thread(ahead, step);
    return true;
}

static struct fold_chunk *next_threaded(struct ahead *ahead)
{
    struct fold_chunk *chunk = NULL;
    pthread_mutex_lock(&ahead->mutex);
    if (ahead->given > 0) {
        const struct fold_chunk *last = &ahead->chunks[(ahead->given - 1) % 2];
        ahead->prepares &= 2 * last->taken >= last->document_count;
    }
    while (ahead->filled == ahead->given && !ahead->done)
        pthread_cond_wait(&ahead->turned, &ahead->mutex);
    if (ahead->filled > ahead->given)
        chunk = &ahead->chunks[ahead->given++ % 2];
    pthread_cond_broadcast(&ahead->turned);
    pthread_mutex_unlock(&ahead->mutex);
    return chunk;
}

struct fold_chunk *ahead_next(struct ahead *ahead)
{
    if (ahead->threaded)
        return next_threaded(ahead);
    if (ahead->next == ahead->end)
        return NULL;
    fill_next(ahead, &ahead->chunks[0]);
    return &ahead->chunks[0];
}

void ahead_end(struct ahead *ahead, struct felloe_error *unread)
{
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
    chunk_shrink(&ahead->chunks[0]);
    chunk_release(&ahead->chunks[1]);
}
