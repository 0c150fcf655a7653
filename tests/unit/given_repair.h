/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop and its hub whose disks go bad: what they hold, where it stands in the file, and what is there after the
 * directory was repaired. */
#ifndef FELLOE_TESTS_GIVEN_REPAIR_H
#define FELLOE_TESTS_GIVEN_REPAIR_H

#include "tests/unit/given_log.h"
#include "tests/unit/given_vault.h"

#include <fcntl.h>

#include "daemon/log/log_internal.h"
#include "daemon/log/verify.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/setup_repair.h"

/* ---- the two ---- */

struct given_two {
    struct given_log *hub, *laptop;
};

/* As setup leaves a directory. */
static inline void make_home(struct given_log *g)
{
    g->identity.joined = true;
    assert_int_equal(given_identity_save(&g->identity, g->dir.path), FELLOE_OK);
}

static inline struct given_two given_two(void)
{
    struct given_two two = {.hub = given_log(ROLE_HUB, NULL)};
    two.laptop = given_log(ROLE_SPOKE, two.hub);
    make_home(two.hub);
    make_home(two.laptop);
    return two;
}

static inline void given_two_end(struct given_two *two)
{
    given_log_end(two->laptop);
    given_log_end(two->hub);
}

/* The laptop shares all that it has written, and hears of it, in FEEDs of at most so many bytes. */
static inline void share(struct given_two *two, uint32_t max_bytes)
{
    struct log_job job;
    uint64_t shared;
    struct stream_head head = own_head(two->laptop, &shared);
    while (shared < head.seq) {
        uint32_t count = push(two->laptop, two->hub, shared + 1, &job);
        assert_int_equal(job.code, FELLOE_OK);
        shared += count;
        struct log_reader *reader = reader_of(two->laptop);
        struct log_item item;
        assert_true(log_get_own(reader, bytes_str(SITE), shared, &item));
        struct stream_head last = {.seq = shared};
        event_id_of(item.event, &last.id);
        log_reader_end(reader);
        struct msg_receipt receipt = receipt_of(two->hub, two->laptop, &job, &last, count);
        struct log_job keep = {.kind = LOG_KEEP_RECEIPT, .receipt = &receipt};
        name_site(&keep, SITE);
        run_well(two->laptop, &keep);
    }
    struct log_head heads[SEEN_MAX] = {0};
    for (uint32_t count = 1; count > 0;) {
        struct log_reader *reader = reader_of(two->laptop);
        size_t epochs = log_heads(reader, bytes_str(SITE), heads);
        log_reader_end(reader);
        struct position from = {event_log_epoch(two->hub->log), 1};
        for (size_t i = 0; i < epochs; i++)
            if (heads[i].at.epoch == from.epoch)
                from.n = heads[i].at.n + 1;
        count = feed(two->hub, two->laptop, from, max_bytes, &job);
        assert_true(count == 0 || job.code == FELLOE_OK);
    }
}

/* ---- what a directory holds ---- */

#define HELD_MAX 2000u
struct held {
    uint32_t incarnation, epoch, going_on;
    struct event_id own[HELD_MAX], log[HELD_MAX]; /* of the present incarnation; by position */
    size_t own_count, log_count;
    uint64_t shared, problems;
    char problem[200];
};

static inline void first_problem(void *context, const char *text)
{
    struct held *held = context;
    if (held->problem[0] == '\0')
        snprintf(held->problem, sizeof held->problem, "%s", text);
}

static inline void hold(struct held *held, struct log_reader *reader)
{
    struct stream_head head;
    struct log_walk walk;
    struct log_item item;
    int64_t oldest;
    assert_true(log_own(reader, bytes_str(SITE), &head, &held->shared, &oldest));
    for (uint64_t seq = 1; seq <= head.seq && held->own_count < HELD_MAX; seq++)
        if (log_get_own(reader, bytes_str(SITE), seq, &item))
            event_id_of(item.event, &held->own[held->own_count++]);
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){0});
    while (log_walk_next(&walk, &item) && held->log_count < HELD_MAX)
        event_id_of(item.event, &held->log[held->log_count++]);
    log_walk_end(&walk);
}

/* What is there, and what verify says of it. Valid until the next call but one. */
static inline const struct held *held_in(const struct given_log *g)
{
    static struct held turns[2];
    static unsigned turn;
    struct held *held = &turns[turn++ % 2];
    struct setup_log log;
    struct felloe_error error = {0};
    struct verify_result result;
    *held = (struct held){0};
    if (setup_log_open(&log, g->dir.path, &g->identity, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    held->incarnation = event_log_incarnation(log.log);
    held->epoch = event_log_epoch(log.log);
    held->going_on = event_log_going_on(log.log);
    struct log_reader *reader = log_reader_begin(log.log, NULL);
    hold(held, reader);
    log_reader_end(reader);
    const struct verify_options options = {
        .log = log.log, .keyring = log.keyring, .identity = &g->identity, .problem = first_problem, .context = held};
    assert_int_equal(verify_log(&options, &result, NULL), FELLOE_OK);
    held->problems = result.problems;
    setup_log_close(&log);
    return held;
}

static inline bool holds(const struct event_id *ids, size_t count, const struct event_id *id)
{
    bool found = false;
    for (size_t i = 0; i < count; i++)
        found |= event_id_equal(&ids[i], id);
    return found;
}

/* ---- the file ---- */

struct file {
    char path[160];
    uint8_t *data;
    size_t len;
};

static inline struct file file_of(const struct given_log *g, const char *name)
{
    struct file file = {.len = 0};
    struct stat info;
    snprintf(file.path, sizeof file.path, "%s", given_path(&g->dir, name));
    int fd = open(file.path, O_RDONLY);
    assert_true(fd >= 0 && fstat(fd, &info) == 0);
    file.len = (size_t)info.st_size;
    file.data = malloc(file.len + 1);
    assert_int_equal(read(fd, file.data, file.len), file.len);
    close(fd);
    return file;
}

static inline void file_put(const struct file *file)
{
    int fd = open(file->path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, file->data, file->len), file->len);
    close(fd);
}

/* Turns a bit over at each place where these bytes stand, so far into them. Returns at how many. */
static inline unsigned flip_all(struct file *file, struct bytes what, size_t into)
{
    unsigned count = 0;
    for (uint8_t *at = file->data; (at = memmem(at, file->len - (size_t)(at - file->data), what.data, what.len));
         at++) {
        at[into] ^= 8;
        count++;
    }
    return count;
}

/* The bytes of an own event of the present incarnation, or of an entry; to be freed. */
static inline struct buffer own_bytes(struct given_log *g, uint64_t seq)
{
    struct buffer out = {0};
    struct log_item item;
    struct log_reader *reader = reader_of(g);
    assert_true(log_get_own(reader, bytes_str(SITE), seq, &item));
    buffer_append(&out, item.event.data, item.event.len);
    log_reader_end(reader);
    return out;
}

static inline struct buffer entry_bytes(struct given_log *g, struct position at)
{
    struct buffer out = {0};
    struct log_item item;
    struct log_reader *reader = reader_of(g);
    assert_true(log_get(reader, bytes_str(SITE), at, &item));
    buffer_append(&out, item.event.data, item.event.len);
    log_reader_end(reader);
    return out;
}

/* A bit of an event is turned over in the log of this directory, which is closed. */
static inline void hit_event(struct given_log *g, struct buffer *event)
{
    given_log_close(g);
    struct file file = file_of(g, "log/data.mdb");
    assert_true(flip_all(&file, buffer_bytes(event), event->len - 20) > 0);
    file_put(&file);
    free(file.data);
    buffer_release(event);
}

/* ---- rows ---- */

/* Does something to the rows of a table of the log, which is closed. */
static inline void with_table(struct given_log *g, const char *db, const char *table,
                              void (*change)(struct store_txn *txn, void *context), void *context)
{
    struct store *store;
    struct store_txn *txn;
    char dir[100];
    const char *const tables[] = {table};
    snprintf(dir, sizeof dir, "%s/%s", g->dir.path, db);
    const struct store_options options = {.dir = dir, .what = "a test's", .tables = tables, .table_count = 1};
    assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
    assert_int_equal(store_begin_write(store, &txn, NULL), FELLOE_OK);
    change(txn, context);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    store_close(store);
}

/* ---- repairing ---- */

static inline struct repair_outcome repair_well(const struct given_log *g)
{
    struct repair_outcome out;
    struct felloe_error error = {0};
    if (setup_repair(&(struct repair_options){.dir = g->dir.path}, &out, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return out;
}

/* Whatever was found, nothing is wrong afterwards. */
static inline const struct held *repaired(const struct given_log *g, struct repair_outcome *out)
{
    struct repair_outcome done = repair_well(g);
    if (out != NULL)
        *out = done;
    const struct held *held = held_in(g);
    if (held->problems > 0)
        fail_msg("after the repair (of: %s %s): %s", done.keys_damage, done.log_damage, held->problem);
    return held;
}

#endif
