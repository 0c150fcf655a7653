/* SPDX-License-Identifier: Apache-2.0 */
/* From drafts that were found right to the jobs of the log, with as much of the sealing as can be done before it is
 * known which event each will follow: on a thread of the pool, while the log's writer has another batch. */
#include <stddef.h>
#include <stdlib.h>

#include "daemon/control/control_record.h"

void record_job_release(struct record_job *job)
{
    if (job->log.new_keys)
        explicit_bzero(job->log.new_keys, job->log.new_key_count * sizeof *job->log.new_keys);
    free(job->log.new_keys);
    lent_return(&job->log.events);
}

/* What it has seen is the job's. */
static void fill_draft(struct log_draft *out, const struct record_draft *draft)
{
    memset(out, 0, offsetof(struct log_draft, seen.at));
    out->body.type = bytes_str(draft->type->name);
    out->body.has_subject = draft->has_person;
    out->body.subject = draft->person;
    out->body.worker = draft->worker;
    out->body.has_occurred = draft->text.has_occurred;
    out->body.occurred = draft->text.occurred;
    out->body.has_origin = draft->has_origin;
    out->body.origin = draft->origin;
    out->body.fields = draft->fields;
    out->key = draft->key;
}

/* Entries of the same job that it names. (They come before it: a draft that names one of another job was put off.) */
static void fill_links(struct log_draft *out, const struct record_draft *draft, const struct record_drafts *drafts)
{
    out->link_count = draft->link_count;
    for (size_t i = 0; i < draft->link_count; i++)
        out->links[i] = (struct log_link){draft->links[i].at, drafts->items[draft->links[i].of].in_job};
}

/* Tells everybody that there is an entry which only some may read. An import of it counts once, like what it tells of:
 * "felloe restricted" stands for its source. */
static void fill_companion(struct log_draft *out, const struct record_draft *draft)
{
    fill_draft(out, draft);
    out->body.type = bytes_str(catalogue_at(TYPE_entry_restricted)->name);
    out->body.fields = draft->companion;
    out->body.has_occurred = false;
    out->key = key_id_of_person(draft->person);
    if (draft->has_origin)
        origin_id_of(bytes_str("felloe restricted"), bytes_of(draft->origin.b, sizeof draft->origin.b),
                     &out->body.origin);
}

/* Room for all ready drafts of one site. NULL when memory ran out. */
static struct record_job *job_for(struct recording *r, const char *site, void (*done)(struct log_job *job))
{
    size_t drafts = 0, keys = 0;
    for (size_t i = 0; i < r->drafts.count; i++) {
        const struct record_draft *draft = &r->drafts.items[i];
        if (draft->state != DRAFT_READY || strcmp(draft->site, site) != 0)
            continue;
        drafts += draft->companion.len > 0 ? 2 : 1;
        keys += (draft->new_key != NULL ? 1u : 0u) + (draft->audience_key != NULL ? 1u : 0u);
    }
    struct record_job *job = arena_take(r->drafts.arena, sizeof *job);
    if (!job)
        return NULL;
    memset(job, 0, sizeof *job);
    job->recording = r;
    job->log.kind = LOG_RECORD;
    job->log.done = done;
    job->log.wants_events = true;
    memcpy(job->log.site, site, sizeof job->log.site);
    job->log.drafts = arena_take(r->drafts.arena, drafts * sizeof *job->log.drafts);
    job->log.new_keys = keys > 0 ? malloc(keys * sizeof *job->log.new_keys) : NULL;
    job->index = arena_take(r->drafts.arena, drafts * sizeof *job->index);
    if (job->log.drafts && job->index && (job->log.new_keys || keys == 0))
        return job;
    record_job_release(job);
    return NULL;
}

/* Of fewer the loop may be the one that makes the job, and the writer has time. */
#define SEALED_BEFORE 16

/* Nonces that begin alike share what is derived of a key: so do all that follow under it, and count on from one that is
 * random. */
struct sealing_key {
    struct key_id id;
    struct seal_subkey subkey;
    uint8_t nonce[EVENT_NONCE_SIZE];
};

/* The keys of whom a batch is about, mostly again and again; and where a body is made. */
#define SEALING_KEYS 64
struct sealing {
    bool filled[SEALING_KEYS];
    struct sealing_key keys[SEALING_KEYS]; /* not cleared beforehand */
    struct buffer room;
    uint64_t time; /* of the next; 0: none is sealed before its turn */
};

static void sealing_end(struct sealing *sealing)
{
    for (size_t i = 0; i < SEALING_KEYS; i++)
        if (sealing->filled[i])
            explicit_bzero(&sealing->keys[i], sizeof sealing->keys[i]);
    buffer_release(&sealing->room);
}

/* The record of a key that this request makes, and that no keyring has yet. */
static const struct key_record *made_here(const struct recording *r, const struct record_draft *draft)
{
    const struct record_draft *maker = draft->has_person ? drafts_maker(&r->drafts, &draft->person) : NULL;
    const struct key_record *const made[] = {draft->audience_key, draft->new_key, maker ? maker->new_key : NULL};
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (made[i] != NULL && memcmp(&made[i]->id, &draft->key, sizeof draft->key) == 0)
            return made[i];
    return NULL;
}

/* NULL: it is not here, or cannot be read now: then the log's writer seals it, or says why not. */
static struct sealing_key *find_key(const struct recording *r, const struct record_draft *draft,
                                    struct sealing *sealing)
{
    const size_t at = draft->key.b[0] % SEALING_KEYS; /* ids are random */
    struct sealing_key *key = &sealing->keys[at];
    struct key_record found;
    if (sealing->filled[at] && memcmp(&key->id, &draft->key, sizeof draft->key) == 0)
        return key;
    const struct key_record *record = made_here(r, draft);
    if (record == NULL && keyring_get(r->request->daemon->keyring, &draft->key, &found) != FELLOE_OK)
        return NULL;
    sealing->filled[at] = true;
    key->id = draft->key;
    random_nonce(key->nonce, sizeof key->nonce);
    event_subkey(record != NULL ? &record->key : &found.key, key->nonce, &key->subkey);
    explicit_bzero(&found, sizeof found);
    return key;
}

/* Two bytes count: more drafts than a request has. They are those that random_nonce's clock moves least, so that what
 * is said there of two machines with the same memory holds of all that follow, too. */
static void next_nonce(struct sealing_key *key, uint8_t out[EVENT_NONCE_SIZE])
{
    uint8_t *count = key->nonce + SEAL_PREFIX;
    memcpy(out, key->nonce, sizeof key->nonce);
    count[1]++;
    count[0] = (uint8_t)(count[0] + (count[1] == 0));
}

/* As far as that goes before its turn: where it does not, the writer does all of it, and says what is wrong. */
static void seal_before(struct recording *r, const struct record_draft *draft, struct log_draft *out,
                        struct sealing *sealing)
{
    if (sealing->time == 0)
        return;
    out->time = sealing->time++;
    struct sealing_key *key = draft->link_count == 0 ? find_key(r, draft, sealing) : NULL;
    if (key == NULL)
        return;
    struct log_sealed *sealed = arena_take(r->drafts.arena, sizeof *sealed);
    if (sealed == NULL)
        return;
    sealed->used = false;
    sealed->body.incarnation = event_log_incarnation(r->request->daemon->log);
    next_nonce(key, sealed->body.nonce);
    out->body.time = out->time; /* as it is, if it fits: that is for the writer to say */
    const bool done = event_seal_body(&out->body, &key->subkey, &sealing->room, &sealed->body);
    out->body.time = 0;
    if (!done)
        return;
    sealed->body.text = arena_copy(r->drafts.arena, sealed->body.text);
    if (sealed->body.text.data != NULL)
        out->sealed = sealed;
    else
        explicit_bzero(&sealed->body.tag_key, sizeof sealed->body.tag_key);
}

/* All ready drafts of one site, in their order. NULL when memory ran out. */
static struct record_job *make_job(struct recording *r, const char *site, void (*done)(struct log_job *job))
{
    struct sealing sealing MP_UNSET;
    memset(sealing.filled, 0, sizeof sealing.filled);
    sealing.room = (struct buffer){0};
    sealing.time = 0;
    struct record_job *job = job_for(r, site, done);
    if (job)
        job->log.seen = *checking_seen(r->ahead_in != NULL ? r->ahead_in : r->in, site); /* the earlier one */
    if (r->drafts.count >= SEALED_BEFORE) /* each may have a companion */
        sealing.time = event_log_next_times(r->request->daemon->log, 2 * r->drafts.count);
    for (size_t i = 0; job && i < r->drafts.count; i++) {
        struct record_draft *draft = &r->drafts.items[i];
        if (draft->state != DRAFT_READY || strcmp(draft->site, site) != 0)
            continue;
        draft->state = DRAFT_GIVEN;
        draft->in_job = job->log.draft_count;
        fill_draft(&job->log.drafts[job->log.draft_count], draft);
        fill_links(&job->log.drafts[job->log.draft_count], draft, &r->drafts);
        seal_before(r, draft, &job->log.drafts[job->log.draft_count], &sealing);
        job->index[job->log.draft_count++] = i;
        if (draft->new_key != NULL)
            job->log.new_keys[job->log.new_key_count++] = *draft->new_key;
        if (draft->audience_key != NULL)
            job->log.new_keys[job->log.new_key_count++] = *draft->audience_key;
        if (draft->companion.len == 0)
            continue;
        fill_companion(&job->log.drafts[job->log.draft_count], draft);
        if (sealing.time != 0)
            job->log.drafts[job->log.draft_count].time = sealing.time++;
        job->index[job->log.draft_count++] = RECORD_COMPANION;
    }
    sealing_end(&sealing);
    return job;
}

void record_make_jobs(struct recording *r, void (*done)(struct log_job *job))
{
    struct record_job **last = &r->ready;
    for (size_t i = 0; i < r->drafts.count; i++) {
        struct record_draft *draft = &r->drafts.items[i];
        if (draft->state != DRAFT_READY)
            continue;
        *last = make_job(r, draft->site, done);
        if (*last)
            last = &(*last)->next;
        else
            draft->state = DRAFT_WRONG;
    }
}
