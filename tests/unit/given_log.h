/* SPDX-License-Identifier: Apache-2.0 */
/* A log in a directory of its own, with an identity and a keyring, and jobs that are waited for; and what passes
 * between two such logs, a hub's and a spoke's, as the sync machines would pass it. */
#ifndef FELLOE_TESTS_GIVEN_LOG_H
#define FELLOE_TESTS_GIVEN_LOG_H

#include "tests/unit/given_dir.h"

#include <sodium.h>

#include "daemon/log/event_log.h"
#include "proto/mp.h"
#include "proto/sync/sync_entries.h"

#define SITE "north"

struct given_log {
    struct given_dir dir;
    struct identity identity;
    struct keyring *keyring;
    struct queue completions;
    struct event_log *log;
    struct key_record site_key;
};

static inline void given_log_reopen(struct given_log *g)
{
    struct felloe_error error = {0};
    if (g->keyring == NULL &&
        keyring_open(&g->keyring, g->dir.path, g->identity.keyring_key, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    const struct event_log_config config = {.dir = g->dir.path, .identity = &g->identity, .keyring = g->keyring,
                                            .completions = &g->completions, .reserve_bytes = 1 << 20};
    if (event_log_open(&g->log, &config, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
}

static inline void given_log_close(struct given_log *g)
{
    event_log_close(g->log);
    keyring_close(g->keyring);
    g->log = NULL;
    g->keyring = NULL;
}

static inline void given_log_end(struct given_log *g)
{
    given_log_close(g);
    queue_destroy(&g->completions);
    given_dir_end(&g->dir);
    free(g);
}

static inline void job_done(struct log_job *job)
{
    job->context = NULL; /* "it is done" */
}

/* Hands the job over; its context is not NULL until it is done. */
static inline void submit(struct given_log *g, struct log_job *job)
{
    job->done = job_done;
    job->context = g;
    event_log_submit(g->log, job);
}

static inline void wait_for(struct given_log *g, struct log_job *job)
{
    while (job->context != NULL)
        for (struct queue_item *item = queue_wait_all(&g->completions); item != NULL;) {
            struct queue_item *next = item->next;
            struct log_job *done = (struct log_job *)((char *)item - offsetof(struct log_job, link));
            done->done(done);
            item = next;
        }
}

static inline enum felloe_code run(struct given_log *g, struct log_job *job)
{
    submit(g, job);
    wait_for(g, job);
    return job->code;
}

static inline void run_well(struct given_log *g, struct log_job *job)
{
    if (run(g, job) != FELLOE_OK)
        fail_msg("%s", job->error.message);
}

static inline void name_site(struct log_job *job, const char *site)
{
    snprintf(job->site, sizeof job->site, "%s", site);
}

/* A log with the site SITE and its key (the same in every log of one test). */
static inline struct given_log *given_log(enum role role, const struct given_log *hub)
{
    struct given_log *g = calloc(1, sizeof *g);
    assert_non_null(g);
    g->dir = given_dir();
    identity_generate(&g->identity, role);
    snprintf(g->identity.worker, sizeof g->identity.worker, "ash-grey");
    if (hub != NULL) {
        g->identity.hub_sign = hub->identity.sign_public;
        g->identity.hub_box = hub->identity.box_public;
        g->identity.hub_device = hub->identity.device;
    }
    queue_init(&g->completions, NULL, NULL);
    given_log_reopen(g);
    g->site_key = (struct key_record){.id = {{1, 2, 3}}, .kind = KEY_SITE, .site = SITE, .key = {{4, 5, 6}}};
    struct log_job job = {.kind = LOG_ADD_SITE, .new_keys = &g->site_key, .new_key_count = 1};
    name_site(&job, SITE);
    run_well(g, &job);
    return g;
}

/* ---- drafts ---- */

/* {"text": …} in bytes that live as long as the test does not ask for more than eight at once. */
static inline struct bytes note_fields(const char *text)
{
    static struct buffer buffers[8];
    static unsigned turn;
    struct buffer *b = &buffers[turn++ % 8];
    buffer_clear(b);
    mp_put_map(b, 1);
    mp_put_text(b, "text");
    mp_put_text(b, text);
    return buffer_bytes(b);
}

/* A note about the site, sealed under its key. */
static inline struct log_draft site_note(const struct given_log *g, const char *text)
{
    return (struct log_draft){.body = {.type = bytes_str("note.added"), .worker = bytes_str("ash-grey"),
                                       .fields = note_fields(text)},
                              .key = g->site_key.id};
}

static inline struct log_job record_job(const char *site, struct log_draft *drafts, size_t count)
{
    struct log_job job = {.kind = LOG_RECORD, .drafts = drafts, .draft_count = count};
    name_site(&job, site);
    return job;
}

/* Records one note and returns the finished draft. */
static inline struct log_draft record_note(struct given_log *g, const char *text)
{
    struct log_draft draft = site_note(g, text);
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(g, &job);
    return draft;
}

/* All with the same words, in the same bytes. */
static inline void fill_drafts(const struct given_log *g, struct log_draft *drafts, unsigned count)
{
    struct log_draft draft = site_note(g, "a note among many");
    for (unsigned i = 0; i < count; i++)
        drafts[i] = draft;
}

static inline void record_notes(struct given_log *g, unsigned count)
{
    struct log_draft *drafts = calloc(count, sizeof *drafts);
    assert_non_null(drafts);
    fill_drafts(g, drafts, count);
    struct log_job job = record_job(SITE, drafts, count);
    run_well(g, &job);
    free(drafts);
}

/* A person with a key of its own, made here. */
static inline struct key_record new_person(const char *site)
{
    struct key_record record = {.kind = KEY_PERSON};
    randombytes_buf(record.id.b, sizeof record.id.b);
    memcpy(record.owner.b, record.id.b, sizeof record.owner.b);
    randombytes_buf(record.key.b, sizeof record.key.b);
    snprintf(record.site, sizeof record.site, "%s", site);
    return record;
}

static inline struct log_draft person_note(const struct key_record *person, const char *text)
{
    return (struct log_draft){.body = {.type = bytes_str("note.added"), .worker = bytes_str("ash-grey"),
                                       .has_subject = true, .subject = person->owner, .fields = note_fields(text)},
                              .key = person->id};
}

/* The hub has named the next incarnation, and all that it has is here. Returns how many events were written again. */
static inline uint64_t go_on(struct given_log *g, uint32_t incarnation)
{
    struct log_job job = {.kind = LOG_GOING_ON, .incarnation = incarnation};
    run_well(g, &job);
    job = (struct log_job){.kind = LOG_GO_ON};
    run_well(g, &job);
    assert_int_equal(event_log_incarnation(g->log), incarnation);
    return job.remade;
}

/* ---- reading ---- */

static inline struct log_reader *reader_of(struct given_log *g)
{
    struct felloe_error error = {0};
    struct log_reader *reader = log_reader_begin(g->log, &error);
    if (reader == NULL)
        fail_msg("%s", error.message);
    return reader;
}

/* What was completed may be on its way into the file: until the writer is done with it, and does nothing. */
static inline void all_is_in(struct given_log *g)
{
    struct log_job job = {.kind = LOG_KEEP_KEYS};
    run(g, &job);
}

static inline struct stream_head own_head(struct given_log *g, uint64_t *shared)
{
    struct log_reader *reader = reader_of(g);
    struct stream_head head;
    uint64_t shared_seq;
    int64_t oldest;
    assert_true(log_own(reader, bytes_str(SITE), &head, &shared_seq, &oldest));
    assert_int_equal(oldest != 0, g->identity.role == ROLE_SPOKE && shared_seq < head.seq);
    if (shared != NULL)
        *shared = shared_seq;
    log_reader_end(reader);
    return head;
}

/* The head of epoch 1; n 0 when it is empty. */
static inline struct log_head site_head(struct given_log *g)
{
    struct log_head heads[SEEN_MAX], empty = {0};
    struct log_reader *reader = reader_of(g);
    size_t count = log_heads(reader, bytes_str(SITE), heads);
    log_reader_end(reader);
    return count == 0 ? empty : heads[0];
}

/* ---- between a spoke and a hub ---- */

/* A body as a batch, as the sync machines decode it; keys are unwrapped into `keys` (room for 64). */
static inline struct batch *batch_of_body(struct lent *body, const struct entries_form *form,
                                          const struct box_shared *shared, struct key_record *keys)
{
    struct batch *batch;
    assert_int_equal(entries_decode(body, form, &batch), ENTRIES_OK);
    struct mp_reader *r = malloc(sizeof *r);
    assert_non_null(r);
    mp_reader_init(r, batch->keys);
    assert_true(form->key_count <= 64);
    for (uint32_t i = 0; i < form->key_count; i++)
        assert_true(mp_next(r) && key_record_unwrap(r, shared, &keys[i]));
    assert_true(mp_done(r));
    free(r);
    return batch;
}

/* Whose stream these are of, as the machine tells it once it has checked them. */
static inline void given_stream(struct batch *batch)
{
    struct event event = {0};
    batch->streams = calloc(1, sizeof *batch->streams);
    assert_non_null(batch->streams);
    batch->stream_count = 1;
    for (uint32_t i = 0; i < batch->count; i++) {
        assert_true(event_decode(batch->entries[i].event, &event));
        if (i == 0)
            *batch->streams = (struct batch_stream){
                event.clear.device, event.clear.incarnation, .before = {event.clear.seq - 1, event.clear.prev, {0}}};
    }
    if (batch->count > 0)
        batch->streams->after =
            (struct stream_head){event.clear.seq, batch->entries[batch->count - 1].id, event.clear.seen};
}

static inline struct batch *read_push(struct given_log *spoke, const struct given_log *hub, uint64_t first_seq,
                                      uint32_t max_bytes, struct key_record *keys, uint32_t *key_count)
{
    struct lent body;
    uint32_t count;
    struct event_id last_id;
    struct felloe_error error = {0};
    if (log_read_push(spoke->log, bytes_str(SITE), first_seq, max_bytes, &body, &count, key_count, &last_id, NULL,
                      &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    struct box_shared shared;
    assert_true(box_shared_of(&shared, &spoke->identity.box_public, &hub->identity.box_secret));
    const struct entries_form form = {.site = bytes_str(SITE), .count = count, .key_count = *key_count};
    struct batch *batch = batch_of_body(&body, &form, &shared, keys);
    given_stream(batch);
    if (count == 0)
        return batch;
    struct entry *last = &batch->entries[count - 1];
    assert_true(event_id_equal(&last->id, &last_id));
    last->flags |= ENTRY_SIGNED;
    sign_stream(&spoke->identity.sign_secret, bytes_str(SITE), &last->device, last->incarnation, last->seq, &last->id,
                &last->signature);
    return batch;
}

/* Everything from first_seq on that fits; the finished job is left in `job`. Returns how many events. */
static inline uint32_t push(struct given_log *spoke, struct given_log *hub, uint64_t first_seq, struct log_job *job)
{
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_push(spoke, hub, first_seq, BODY_TARGET, keys, &key_count);
    *job = (struct log_job){.kind = LOG_KEEP_PUSH, .batch = batch, .new_keys = keys, .new_key_count = key_count};
    run(hub, job);
    uint32_t count = batch->count;
    batch_free(batch);
    job->batch = NULL;
    return count;
}

/* The hub's receipt for a push of `count` events that ended at `head`. */
static inline struct msg_receipt receipt_of(const struct given_log *hub, const struct given_log *spoke,
                                            const struct log_job *push_job, const struct stream_head *head,
                                            uint32_t count)
{
    struct msg_receipt receipt = {.site = bytes_str(SITE), .incarnation = event_log_incarnation(spoke->log),
                                  .seq = head->seq, .id = head->id, .run_count = 1};
    receipt.runs[0] = (struct position_run){head->seq - count + 1, push_job->at, count};
    sign_receipt(&hub->identity.sign_secret, receipt.site, &spoke->identity.device, receipt.incarnation, receipt.seq,
                 &receipt.id, &receipt.signature);
    return receipt;
}

/* The ids of a laptop's own events of a site, for markers of several. */
static inline void given_own_ids(const struct given_log *spoke, const char *site, struct entries_form *form)
{
    static struct event_id ids[2 * BATCH_ENTRIES_MAX]; /* no test writes as many */
    struct felloe_error error;
    form->own_ids = ids;
    form->own_first = 1;
    assert_int_equal(log_read_ids(spoke->log, bytes_str(site), 1, 2 * BATCH_ENTRIES_MAX, ids, &form->own_count, &error),
                     FELLOE_OK);
}

/* For a laptop that speaks as this incarnation. */
static inline struct batch *read_feed_as(struct given_log *hub, const struct given_log *spoke, uint32_t incarnation,
                                         struct position from, uint32_t max_bytes, struct key_record *keys,
                                         uint32_t *key_count)
{
    struct lent body;
    struct position first;
    uint32_t count;
    struct log_head head;
    struct box_shared shared;
    struct felloe_error error = {0};
    assert_true(box_shared_of(&shared, &spoke->identity.box_public, &hub->identity.box_secret));
    if (log_read_feed(hub->log, bytes_str(SITE), from, max_bytes, &spoke->identity.device, incarnation,
                      &shared, &body, &first, &count, key_count, &head, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    struct entries_form form = {.site = bytes_str(SITE), .count = count, .key_count = *key_count, .markers = true,
                                .signatures = true, .own = spoke->identity.device, .incarnation = incarnation};
    given_own_ids(spoke, SITE, &form);
    struct batch *batch = batch_of_body(&body, &form, &shared, keys);
    batch->epoch = first.epoch;
    batch->first_n = first.n;
    batch->head = head;
    sign_log_head(&hub->identity.sign_secret, bytes_str(SITE), &head, &batch->head_signature);
    return batch;
}

static inline struct batch *read_feed(struct given_log *hub, const struct given_log *spoke, struct position from,
                                      uint32_t max_bytes, struct key_record *keys, uint32_t *key_count)
{
    return read_feed_as(hub, spoke, event_log_incarnation(spoke->log), from, max_bytes, keys, key_count);
}

/* Reads what the hub has from `from` on and keeps it at the spoke. Returns how many entries. */
static inline uint32_t feed(struct given_log *hub, struct given_log *spoke, struct position from, uint32_t max_bytes,
                            struct log_job *job)
{
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_feed(hub, spoke, from, max_bytes, keys, &key_count);
    *job = (struct log_job){.kind = LOG_KEEP_FEED, .batch = batch, .new_keys = keys, .new_key_count = key_count};
    uint32_t count = batch->count;
    if (count > 0)
        run(spoke, job);
    batch_free(batch);
    job->batch = NULL;
    return count;
}

#endif
