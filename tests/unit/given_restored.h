/* SPDX-License-Identifier: Apache-2.0 */
/* Logs that are put back to older copies, offers that refill a hub, and a log's rows as bytes to compare. */
#ifndef FELLOE_TESTS_GIVEN_RESTORED_H
#define FELLOE_TESTS_GIVEN_RESTORED_H

#include "tests/unit/given_pair.h"

#include <fcntl.h>

#include "daemon/log/verify.h"

/* ---- copies of a log ---- */

static inline void copy_file(const char *from, const char *to)
{
    static char bytes[1 << 16];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t n; (n = read(in, bytes, sizeof bytes)) > 0;)
        assert_int_equal(write(out, bytes, (size_t)n), n);
    close(in);
    close(out);
}

/* Its log is copied as it is now; keys are not. */
static inline void keep_copy(struct given_log *g)
{
    char from[160];
    given_log_close(g);
    snprintf(from, sizeof from, "%s", given_path(&g->dir, "log/data.mdb"));
    copy_file(from, given_path(&g->dir, "older.mdb"));
    given_log_reopen(g);
}

/* And is as it was then. */
static inline void put_back(struct given_log *g)
{
    char from[160];
    given_log_close(g);
    snprintf(from, sizeof from, "%s", given_path(&g->dir, "older.mdb"));
    copy_file(from, given_path(&g->dir, "log/data.mdb"));
    given_log_reopen(g);
}

static inline void lose_log(struct given_log *g)
{
    given_log_close(g);
    remove(given_path(&g->dir, "log/data.mdb"));
    remove(given_path(&g->dir, "log/lock.mdb"));
    remove(given_path(&g->dir, "log/reserve"));
    given_log_reopen(g);
}

static inline void reopen(struct given_log *g)
{
    given_log_close(g);
    given_log_reopen(g);
}

static inline uint32_t next_epoch(struct given_log *hub)
{
    uint32_t before = event_log_epoch(hub->log);
    struct log_job job = {.kind = LOG_NEXT_EPOCH};
    run_well(hub, &job);
    assert_true(job.epoch > before);
    assert_int_equal(event_log_epoch(hub->log), job.epoch);
    assert_int_equal(event_log_incarnation(hub->log), job.epoch);
    reopen(hub);
    assert_int_equal(event_log_epoch(hub->log), job.epoch);
    assert_int_equal(event_log_incarnation(hub->log), job.epoch);
    return job.epoch;
}

/* ---- offers ---- */

static inline struct log_head head_in(struct given_log *g, uint32_t epoch)
{
    struct log_head heads[SEEN_MAX], none;
    struct log_reader *reader = reader_of(g);
    size_t count = log_heads(reader, bytes_str(SITE), heads);
    log_reader_end(reader);
    for (size_t i = 0; i < count; i++)
        if (heads[i].at.epoch == epoch)
            return heads[i];
    log_head_start(&none, bytes_str(SITE), epoch);
    return none;
}

/* What the laptop would offer from there on, as the hub's machine decodes it; NULL: nothing. */
static inline struct batch *read_offer(struct given_log *spoke, const struct given_log *hub, struct position from,
                                       uint32_t max_bytes)
{
    struct lent body;
    uint32_t count;
    struct log_head head;
    struct signature signature;
    struct felloe_error error = {0};
    if (log_read_offer(spoke->log, bytes_str(SITE), from, max_bytes, &body, &count, &head, &signature, &error) !=
        FELLOE_OK)
        fail_msg("%s", error.message);
    if (count == 0)
        return NULL;
    assert_true(body.bytes.len <= BODY_MAX);
    assert_true(verify_log_head(&hub->identity.sign_public, bytes_str(SITE), &head, &signature));
    const struct entries_form form = {.site = bytes_str(SITE), .count = count, .signatures = true};
    struct batch *batch;
    assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_OK);
    batch->epoch = from.epoch;
    batch->first_n = from.n;
    batch->head = head;
    batch->head_signature = signature;
    assert_int_equal(from.n + count - 1, head.at.n);
    return batch;
}

/* One range; 0: there is nothing that the hub lacks. */
static inline uint32_t offer(struct given_log *spoke, struct given_log *hub, uint32_t epoch, struct log_job *job)
{
    struct position from = {epoch, head_in(hub, epoch).at.n + 1};
    struct batch *batch = read_offer(spoke, hub, from, BODY_TARGET);
    if (batch == NULL)
        return 0;
    *job = (struct log_job){.kind = LOG_KEEP_OFFER, .batch = batch};
    run(hub, job);
    uint32_t count = batch->count;
    batch_free(batch);
    job->batch = NULL;
    return count;
}

static inline uint64_t offer_all(struct given_log *spoke, struct given_log *hub)
{
    struct log_head heads[SEEN_MAX];
    struct log_reader *reader = reader_of(spoke);
    size_t epochs = log_heads(reader, bytes_str(SITE), heads);
    log_reader_end(reader);
    uint64_t count = 0, more;
    for (size_t i = 0; i < epochs; i++) {
        struct log_job job;
        if (heads[i].at.epoch >= event_log_epoch(hub->log))
            continue;
        while ((more = offer(spoke, hub, heads[i].at.epoch, &job)) > 0) {
            if (job.code != FELLOE_OK)
                fail_msg("%s", job.error.message);
            count += more;
        }
    }
    return count;
}

/* Everything that the hub has beyond the laptop's cursors, the lowest epoch first. */
static inline void catch_up(struct given_log *hub, struct given_log *spoke)
{
    struct log_head heads[SEEN_MAX];
    struct log_reader *reader = reader_of(hub);
    size_t epochs = log_heads(reader, bytes_str(SITE), heads);
    log_reader_end(reader);
    for (size_t i = 0; i < epochs; i++)
        for (;;) {
            uint32_t epoch = heads[i].at.epoch;
            struct position from = {epoch, head_in(spoke, epoch).at.n + 1};
            struct log_job job;
            if (from.n > heads[i].at.n)
                break;
            feed(hub, spoke, from, BODY_TARGET, &job);
            if (job.code != FELLOE_OK)
                fail_msg("%s", job.error.message);
        }
}

/* ---- rows as bytes ---- */

enum rows_with { ROWS_EVENTS, ROWS_SIGNED };

/* Each entry of the site's log: position, event, and with ROWS_SIGNED its author's signature and flags (but whether the
 * event lies in the own stream). */
static inline struct buffer rows_of(struct given_log *g, enum rows_with with)
{
    struct buffer out = {0};
    struct log_reader *reader = reader_of(g);
    struct log_walk walk;
    struct log_item item;
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){0});
    while (log_walk_next(&walk, &item)) {
        assert_true(item.event.len > 0);
        buffer_append(&out, &item.at.epoch, sizeof item.at.epoch);
        buffer_append(&out, &item.at.n, sizeof item.at.n);
        buffer_append(&out, item.event.data, item.event.len);
        if (with == ROWS_EVENTS)
            continue;
        buffer_append_byte(&out, (uint8_t)(item.flags & ~(unsigned)ENTRY_OWN));
        if (item.flags & ENTRY_SIGNED)
            buffer_append(&out, item.signature->b, sizeof item.signature->b);
    }
    log_walk_end(&walk);
    log_reader_end(reader);
    assert_false(out.failed);
    return out;
}

static inline void told_problem(void *context, const char *text)
{
    (void)context;
    fail_msg("%s", text);
}

/* Nothing in it is damaged; and what verify counts. */
static inline struct verify_site verified(struct given_log *g)
{
    struct verify_result result;
    struct felloe_error error = {0};
    const struct verify_options options = {
        .log = g->log, .keyring = g->keyring, .identity = &g->identity, .problem = told_problem};
    if (verify_log(&options, &result, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return result.sites[0];
}

static inline void assert_same_rows(struct given_log *a, struct given_log *b)
{
    struct buffer ra = rows_of(a, ROWS_EVENTS), rb = rows_of(b, ROWS_EVENTS);
    assert_true(bytes_equal(buffer_bytes(&ra), buffer_bytes(&rb)));
    buffer_release(&ra);
    buffer_release(&rb);
    struct log_head ha[SEEN_MAX], hb[SEEN_MAX];
    struct log_reader *reader = reader_of(a);
    size_t count = log_heads(reader, bytes_str(SITE), ha);
    log_reader_end(reader);
    reader = reader_of(b);
    assert_int_equal(log_heads(reader, bytes_str(SITE), hb), count);
    log_reader_end(reader);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(position_compare(ha[i].at, hb[i].at), 0);
        assert_memory_equal(&ha[i].hash, &hb[i].hash, sizeof ha[i].hash);
    }
    verified(a);
    verified(b);
}

#endif
