/* SPDX-License-Identifier: Apache-2.0 */
/* A projector on a given log, events that its views show, and what passes between such nodes. */
#ifndef FELLOE_TESTS_GIVEN_VIEWS_H
#define FELLOE_TESTS_GIVEN_VIEWS_H

#include "tests/unit/given_log.h"

#include "daemon/daemon.h"
#include "daemon/views/view_query.h"

/* How many events the projector takes on in one commit; 0: as usual. */
#ifndef GIVEN_STEP_EVENTS
#define GIVEN_STEP_EVENTS 0
#endif

struct given_node {
    struct given_log *log;
    struct projector *projector;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

static inline void node_changed(void *context)
{
    struct given_node *node = context;
    pthread_mutex_lock(&node->mutex);
    pthread_cond_broadcast(&node->changed);
    pthread_mutex_unlock(&node->mutex);
}

static inline void node_open_views(struct given_node *node)
{
    struct felloe_error error = {0};
    const struct projector_config config = {.dir = node->log->dir.path, .log = node->log->log,
                                            .keyring = node->log->keyring, .identity = &node->log->identity,
                                            .changed = node_changed, .context = node,
                                            .step_events = GIVEN_STEP_EVENTS};
    if (projector_open(&node->projector, &config, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
}

static inline struct given_node *given_node(enum role role, const struct given_node *hub)
{
    struct given_node *node = calloc(1, sizeof *node);
    assert_non_null(node);
    pthread_mutex_init(&node->mutex, NULL);
    pthread_cond_init(&node->changed, NULL);
    node->log = given_log(role, hub ? hub->log : NULL);
    node_open_views(node);
    return node;
}

static inline void given_node_end(struct given_node *node)
{
    projector_close(node->projector);
    given_log_end(node->log);
    pthread_cond_destroy(&node->changed);
    pthread_mutex_destroy(&node->mutex);
    free(node);
}

/* In what the views say, or for a second. */
static inline void node_wait_for_change(struct given_node *node)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    pthread_mutex_lock(&node->mutex);
    pthread_cond_timedwait(&node->changed, &node->mutex, &until);
    pthread_mutex_unlock(&node->mutex);
}

/* Writes to the views as somebody else did: no projector is at work on them until the end. */
static inline struct views_txn node_views_begin(struct given_node *node)
{
    const struct views_options options = {node->log->dir.path, node->log->keyring, &node->log->identity,
                                          event_log_incarnation(node->log->log)};
    struct views *views;
    struct views_txn txn;
    projector_close(node->projector);
    assert_int_equal(views_open(&views, &options, NULL), FELLOE_OK);
    assert_int_equal(views_write(views, &txn, NULL), FELLOE_OK);
    return txn;
}

static inline void node_views_end(struct given_node *node, struct views_txn *txn)
{
    struct views *views = txn->views;
    assert_int_equal(views_commit(txn, NULL), STORE_DONE);
    views_close(views);
    node_open_views(node);
}

/* Waits until all that the log holds is folded. */
static inline void node_fold(struct given_node *node)
{
    uint64_t commits = event_log_commits(node->log->log);
    projector_want(node->projector, commits);
    pthread_mutex_lock(&node->mutex);
    while (!projector_has(node->projector, commits))
        pthread_cond_wait(&node->changed, &node->mutex);
    pthread_mutex_unlock(&node->mutex);
}

/* ---- events ---- */

/* {"name": "value", …} from pairs that end with NULL; free the buffer after the job. */
static inline struct log_draft person_draft(const struct key_record *person, const char *type, struct buffer *fields,
                                            const char *const *pairs)
{
    uint32_t count = 0;
    while (pairs[2 * count])
        count++;
    mp_put_map(fields, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_put_text(fields, pairs[i]);
    return (struct log_draft){.body = {.type = bytes_str(type), .worker = bytes_str("ash-grey"), .has_subject = true,
                                       .subject = person->owner, .fields = buffer_bytes(fields)},
                              .key = person->id};
}

/* Records one event as the daemon would: it has seen what the views have folded. */
static inline struct log_draft node_record(struct given_node *node, const struct key_record *person, bool is_new,
                                           const char *type, const char *const *pairs)
{
    struct buffer fields = {0};
    struct key_record key = *person;
    struct log_draft draft = person_draft(person, type, &fields, pairs);
    projector_seen(node->projector, bytes_str(SITE), &draft.seen);
    struct log_job job = record_job(SITE, &draft, 1);
    job.new_keys = &key;
    job.new_key_count = is_new;
    run_well(node->log, &job);
    buffer_release(&fields);
    return draft;
}

static inline struct key_record node_introduce(struct given_node *node, const char *name)
{
    struct key_record person = new_person(SITE);
    node_record(node, &person, true, "person.introduced", (const char *[]){"known_as", name, "source", "Q1", NULL});
    return person;
}

static inline void node_name(struct given_node *node, const struct key_record *person, const char *name)
{
    node_record(node, person, false, "person.details.recorded", (const char *[]){"known_as", name, NULL});
}

/* ---- between nodes ---- */

static inline void node_share(struct given_node *spoke, struct given_node *hub)
{
    uint64_t shared;
    struct log_job job;
    struct stream_head head = own_head(spoke->log, &shared);
    while (shared < head.seq) {
        uint32_t count = push(spoke->log, hub->log, shared + 1, &job);
        assert_int_equal(job.code, FELLOE_OK);
        shared += count;
        if (shared == head.seq) {
            struct msg_receipt receipt = receipt_of(hub->log, spoke->log, &job, &head, count);
            struct log_job keep = {.kind = LOG_KEEP_RECEIPT, .receipt = &receipt};
            run_well(spoke->log, &keep);
        }
    }
}

static inline void node_receive(struct given_node *hub, struct given_node *spoke)
{
    struct log_job job;
    while (feed(hub->log, spoke->log, (struct position){1, site_head(spoke->log).at.n + 1}, BODY_TARGET, &job) > 0)
        if (job.code != FELLOE_OK)
            fail_msg("%s", job.error.message);
}

/* ---- what the views say ---- */

struct node_digest {
    struct view_digest all[VIEW_DIGESTS_MAX];
    size_t count;
};

static inline struct node_digest node_digest(struct given_node *node)
{
    struct node_digest digest;
    struct views_txn txn;
    struct felloe_error error = {0};
    node_fold(node);
    if (views_read(projector_views(node->projector), &txn, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    digest.count = query_digests(&txn, bytes_str(SITE), digest.all);
    views_end(&txn);
    return digest;
}

static inline void assert_same_digest(const struct node_digest *a, const struct node_digest *b)
{
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        if (a->all[i].rows != b->all[i].rows)
            fail_msg("%s has %llu rows and %llu", a->all[i].view, (unsigned long long)a->all[i].rows,
                     (unsigned long long)b->all[i].rows);
        if (memcmp(a->all[i].hash, b->all[i].hash, sizeof a->all[i].hash) != 0)
            fail_msg("%s differs", a->all[i].view);
    }
}

static inline uint64_t rows_in(const struct node_digest *digest, const char *view)
{
    for (size_t i = 0; i < digest->count; i++)
        if (strcmp(digest->all[i].view, view) == 0)
            return digest->all[i].rows;
    fail_msg("no digest of %s", view);
    return 0;
}

#endif
