/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread: the only one that begins write transactions on the log. It takes all jobs that have gathered, does
 * them in one transaction, commits, and then completes them.
 *
 *   take all -> keys into the keyring -> transaction: each job -> commit -> complete all
 *                     |                       |                     |
 *             a job whose keys         a job fails:        full: give the reserve up, once more from the start;
 *             are refused fails        alone; if it had    still full: all fail, and may be tried again
 *             alone                    changed something,  unknown: all fail, and so does every later job
 *                                      once more without it
 *
 * A few of what is common are completed within the commit, as soon as they are durable (store_commit_early): then
 * nothing fails any more but the daemon. Whoever looks into the log waits until it has them. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/log/log_internal.h"
#include "daemon/report.h"
#include "proto/event/look.h"

#define REST_AFTER_MS 3000

/* How each kind is run, and whether it waits while the disk is full (what people write does; sync does not). */
static const struct {
    log_job_run run;
    bool needs_room;
} kinds[] = {
    [LOG_RECORD] = {log_run_record, true},      [LOG_KEEP_PUSH] = {log_run_push, false},
    [LOG_KEEP_FEED] = {log_run_feed, false},    [LOG_KEEP_RECEIPT] = {log_run_receipt, false},
    [LOG_KEEP_OFFER] = {log_run_offer, false},  [LOG_NEXT_EPOCH] = {log_run_next_epoch, false},
    [LOG_GOING_ON] = {log_run_going_on, false}, [LOG_GO_ON] = {log_run_go_on, false},
    [LOG_KEEP_KEYS] = {log_run_keys, false},    [LOG_ADD_SITE] = {log_run_add_site, false},
    [LOG_REKEY] = {log_run_rekey, false},
    [LOG_PUT_DEVICE] = {log_run_device, false}, [LOG_PUT_TICKET] = {log_run_ticket, false},
    [LOG_ADMIT] = {log_run_admit, false},       [LOG_RESTORE_OWN] = {log_run_restore_own, false},
    [LOG_LET_GO] = {log_run_let_go, false},     [LOG_KEEP_ASIDE] = {log_run_keep_aside, false},
    [LOG_TAKE_ASIDE] = {log_run_take_aside, true}, [LOG_DROP_ASIDE] = {log_run_drop_aside, false},
    [LOG_CLEAN_ASIDE] = {log_run_clean_aside, false},
};

/* NULL for NULL. */
static struct log_job *job_of(struct queue_item *item)
{
    return item == NULL ? NULL : (struct log_job *)((char *)item - offsetof(struct log_job, link));
}

static struct log_job *next_job(const struct log_job *job)
{
    return job_of(job->link.next);
}

static void fail_job(struct log_job *job, const struct felloe_error *why)
{
    job->error = *why;
    job->code = why->code;
}

static void fail_all(struct log_job *jobs, const struct felloe_error *why)
{
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        if (job->code == FELLOE_OK)
            fail_job(job, why);
}

/* ---- before the transaction ---- */

static void refuse_while_full(struct event_log *log, struct log_job *jobs)
{
    if (!atomic_load(&log->full))
        return;
    if (log_reserve_has_room(log) && log_reserve_make(log)) {
        atomic_store(&log->full, false);
        report(LEVEL_INFO, "there is room on the disk again: recording goes on");
        return;
    }
    struct felloe_error why;
    felloe_fail(&why, FELLOE_STORAGE,
                "the disk is full, so nothing new can be saved. What was saved is safe and is still "
                "shared. Free some space (%s), then try again",
                log->dir);
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        if (kinds[job->kind].needs_room && !site_is_audit(bytes_str(job->site)))
            fail_job(job, &why); /* that the record was looked at goes into the reserve: reading goes on */
}

/* A hub whose next position is another event's already gives none before its next epoch has begun. */
static void refuse_while_set_back(struct event_log *log, struct log_job *jobs)
{
    struct felloe_error why;
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        log->set_back |= job->kind == LOG_NEXT_EPOCH && job->set_back;
    if (!log->set_back)
        return;
    felloe_fail(&why, FELLOE_STORAGE,
                "this hub was put back to an older state, and a next epoch has to begin before anything new is "
                "recorded here. It is tried again by itself; `felloe status` says what stands in its way");
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        if (job->kind == LOG_RECORD || job->kind == LOG_KEEP_PUSH || job->kind == LOG_TAKE_ASIDE)
            fail_job(job, &why);
}

/* What came together with it may bring the very key back that it puts away. */
static void put_off_letting_go(struct log_job *jobs)
{
    for (struct log_job *job = jobs; job != NULL && next_job(jobs) != NULL; job = next_job(job))
        if (job->kind == LOG_LET_GO)
            job->code = felloe_fail(&job->error, FELLOE_NOT_FOUND, "there is other news");
}

static void give_up_reserve(struct event_log *log)
{
    report(LEVEL_WARNING, "the disk is full: the reserve is given up; nothing new is recorded until there is room");
    atomic_store(&log->full, true);
    log_reserve_free(log);
}

static enum felloe_code note_keyring(struct event_log *log, enum felloe_code code, struct felloe_error *error)
{
    if (keyring_failed(log->keyring)) {
        atomic_store(&log->failed, true);
        report(LEVEL_ERROR, "%s", error->message);
        return code;
    }
    if (code == FELLOE_STORAGE && !atomic_load(&log->full))
        give_up_reserve(log);
    return code;
}

/* Those that were made here, wrapped for the hub. NULL: there are none, no memory, or this is the hub. */
static struct bytes *wrap_for_hub(struct event_log *log, const struct key_record *records, const bool *made,
                                  size_t count, struct buffer *all)
{
    if (log->identity->role == ROLE_HUB || log->identity->locked || memchr(made, true, count) == NULL)
        return NULL;
    struct box_shared shared;
    struct bytes *out = calloc(count, sizeof *out);
    size_t *ends = calloc(count, sizeof *ends);
    bool fine = out != NULL && ends != NULL && log_hub_box(log, &shared);
    for (size_t i = 0; i < count && fine; i++) {
        uint8_t nonce[BOX_NONCE_SIZE];
        random_nonce(nonce, sizeof nonce);
        if (made[i])
            key_record_wrap(&records[i], &shared, nonce, all);
        ends[i] = all->len;
        fine = !all->failed;
    }
    for (size_t i = 0, at = 0; i < count && fine; at = ends[i++])
        out[i] = bytes_of(all->data + at, ends[i] - at);
    sodium_memzero(&shared, sizeof shared);
    free(ends);
    if (!fine) {
        free(out);
        return NULL;
    }
    return out;
}

/* What was made here the laptop brings to its hub, locked or not. */
static enum felloe_code add_made(struct event_log *log, const struct key_record *records, const bool *made,
                                 size_t count, struct felloe_error *error)
{
    struct buffer wrapped = {0};
    struct bytes *out = wrap_for_hub(log, records, made, count, &wrapped);
    enum felloe_code code = keyring_add_made(log->keyring, records, out, count, error);
    free(out);
    buffer_release(&wrapped);
    return code;
}

static enum felloe_code add_some(struct event_log *log, const struct log_job *job, size_t first, size_t count,
                                 struct felloe_error *error)
{
    bool *made = calloc(count, sizeof *made);
    if (made == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    for (size_t i = 0; i < count; i++)
        made[i] = job->kind == LOG_RECORD;
    const bool was_full = atomic_load(&log->full);
    enum felloe_code code = add_made(log, job->new_keys + first, made, count, error);
    if (note_keyring(log, code, error) == FELLOE_STORAGE && !was_full && !keyring_failed(log->keyring))
        code = add_made(log, job->new_keys + first, made, count, error);
    free(made);
    return code;
}

/* What a locked laptop receives. */
static void put_in(struct event_log *log, struct log_job *job)
{
    const bool was_full = atomic_load(&log->full);
    job->code = keyring_put_in(log->keyring, job->sealed_keys, job->sealed_key_count, &job->error);
    if (note_keyring(log, job->code, &job->error) == FELLOE_STORAGE && !was_full && !keyring_failed(log->keyring))
        job->code = keyring_put_in(log->keyring, job->sealed_keys, job->sealed_key_count, &job->error);
}

static void tell_false_key(const struct event_log *log, const struct log_job *job)
{
    char hex[33];
    hex_encode(bytes_of(job->from.b, sizeof job->from.b), hex);
    if (log->identity->role == ROLE_HUB)
        report(LEVEL_WARNING, "device %.8s: %s", hex, job->error.message);
    else
        report(LEVEL_WARNING, "%s", job->error.message);
}

/* A false key that sync brought is left out, and must not keep the events that came with it from being kept: the device
 * that sent it would send it for ever. */
static void add_without_false_ones(struct event_log *log, struct log_job *job)
{
    job->code = FELLOE_OK;
    for (size_t i = 0; i < job->new_key_count && job->code == FELLOE_OK; i++) {
        job->code = add_some(log, job, i, 1, &job->error);
        if (job->code != FELLOE_DAMAGED)
            continue;
        tell_false_key(log, job);
        job->code = FELLOE_OK;
    }
}

static void add_keys_singly(struct event_log *log, struct log_job *jobs)
{
    for (struct log_job *job = jobs; job != NULL; job = next_job(job)) {
        if (job->code != FELLOE_OK || job->new_key_count == 0)
            continue;
        job->code = add_some(log, job, 0, job->new_key_count, &job->error);
        if (job->code == FELLOE_DAMAGED && job->kind != LOG_RECORD)
            add_without_false_ones(log, job);
    }
}

/* Durable before any event that is sealed under them. All in one commit where that works. */
static void add_keys(struct event_log *log, struct log_job *jobs)
{
    size_t count = 0, bringing = 0;
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        if (job->code == FELLOE_OK && job->new_key_count > 0) {
            count += job->new_key_count;
            bringing++;
        }
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        if (job->code == FELLOE_OK && job->sealed_key_count > 0)
            put_in(log, job);
    struct key_record *all = bringing > 1 ? malloc(count * sizeof *all) : NULL;
    bool *made = all != NULL ? calloc(count, sizeof *made) : NULL;
    if (made == NULL) {
        free(all);
        add_keys_singly(log, jobs);
        return;
    }
    size_t at = 0;
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        if (job->code == FELLOE_OK && job->new_key_count > 0) {
            memcpy(all + at, job->new_keys, job->new_key_count * sizeof *all);
            memset(made + at, job->kind == LOG_RECORD, job->new_key_count);
            at += job->new_key_count;
        }
    if (add_made(log, all, made, count, NULL) != FELLOE_OK)
        add_keys_singly(log, jobs);
    free(made);
    sodium_memzero(all, count * sizeof *all);
    free(all);
}

/* ---- the transaction ---- */

/* True when a job failed after it had changed something: the transaction has to be done again without it. */
static bool run_jobs(struct event_log *log, struct log_job *jobs)
{
    for (struct log_job *job = jobs; job != NULL; job = next_job(job)) {
        if (job->code != FELLOE_OK)
            continue;
        log->write.touched = log->write.damaged = false;
        job->code = kinds[job->kind].run(log, job);
        if (store_failed(log->write.txn, NULL) != STORE_DONE) {
            job->code = FELLOE_OK; /* what it made of answers that failed says nothing about the job */
            return false;
        }
        if (log->write.damaged)
            job->code = felloe_fail(&job->error, FELLOE_DAMAGED,
                                    "the log in %s is damaged where this was to be added: nothing was changed. `felloe "
                                    "verify` tells more",
                                    log->dir);
        if (job->code != FELLOE_OK && (log->write.touched || log->write.damaged))
            return true;
    }
    return false;
}

/* What threads share is what was committed. */
static void publish(struct event_log *log)
{
    const struct log_write *w = &log->write;
    atomic_store_explicit(&log->site_count, w->site_count, memory_order_release);
    atomic_store(&log->epoch, w->epoch);
    atomic_store(&log->incarnation, w->incarnation);
    atomic_store(&log->going_on, w->going_on);
    for (uint32_t site = 0; w->telling >> site != 0; site++)
        log->told[site] = w->told[site];
}

static const struct log_job *last_of(const struct log_job *jobs)
{
    while (next_job(jobs) != NULL)
        jobs = next_job(jobs);
    return jobs;
}

/* Completes them: from now on they are their makers' again. */
static void complete(struct event_log *log, struct log_job *jobs)
{
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        log_ahead_forget(job);
    queue_push_all(log->completions, &jobs->link);
}

struct group {
    struct event_log *log;
    struct log_job *jobs; /* NULL: they were completed */
};

/* What they did is committed, or cannot but be. */
static void tell_committed(struct event_log *log, struct log_job *jobs)
{
    bool news = false; /* looks are no part of what views show, or followers are told of */
    publish(log);
    log_origins_committed(&log->origins);
    for (struct log_job *job = jobs; job != NULL; job = next_job(job)) {
        if (job->kind == LOG_NEXT_EPOCH && job->code == FELLOE_OK)
            log->set_back = false;
        if (job->code == FELLOE_OK)
            log_mirror_device(log, job);
        news |= job->code == FELLOE_OK && !site_is_audit(bytes_str(job->site));
    }
    atomic_fetch_add(&log->commits, news);
}

static void complete_early(void *context)
{
    struct group *group = context;
    tell_committed(group->log, group->jobs);
    complete(group->log, group->jobs);
    group->jobs = NULL;
}

static void make_room(void *context)
{
    const struct group *group = context;
    if (!atomic_load(&group->log->full))
        give_up_reserve(group->log);
}

/* What somebody waits for that changes nothing but the log. While the disk is full a commit may well come to nothing:
 * then nobody is told before it has not. */
static bool may_be_early(const struct event_log *log, const struct log_job *jobs)
{
    bool may = !atomic_load(&log->full);
    for (const struct log_job *job = jobs; job != NULL; job = next_job(job))
        may = may && (job->kind == LOG_RECORD || job->kind == LOG_KEEP_PUSH || job->kind == LOG_KEEP_FEED ||
                      job->kind == LOG_KEEP_RECEIPT);
    return may;
}

static enum store_outcome commit(struct group *group, struct store_txn *txn, struct felloe_error *error)
{
    struct event_log *log = group->log;
    const struct store_early early = {complete_early, make_room, group};
    log_ahead_start(log, last_of(group->jobs));
    const enum store_outcome outcome =
        store_commit_early(txn, may_be_early(log, group->jobs) ? &early : NULL, error);
    log_ahead_stop(log);
    if (outcome != STORE_DONE)
        log_write_undo(log);
    else if (group->jobs != NULL)
        tell_committed(log, group->jobs);
    return outcome;
}

/* At least, if all goes well. */
static size_t bytes_to_write(struct log_job *jobs)
{
    size_t bytes = 0;
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        if (job->code == FELLOE_OK && (job->kind == LOG_KEEP_PUSH || job->kind == LOG_KEEP_FEED)) {
            const size_t body = job->batch->body.bytes.len, keys = job->batch->keys.len;
            bytes += body > keys ? body - keys : 0;
        }
    return bytes;
}

static enum store_outcome transact(struct group *group, struct felloe_error *error)
{
    struct event_log *log = group->log;
    for (;;) {
        struct store_txn *txn;
        if (store_begin_write(log->store, &txn, error) != FELLOE_OK)
            return STORE_REFUSED;
        store_expect(txn, bytes_to_write(group->jobs));
        log_write_start(log, txn);
        bool again = run_jobs(log, group->jobs);
        if (again) {
            store_abort(txn);
            log_write_undo(log);
            continue;
        }
        log_write_flush(log);
        return commit(group, txn, error);
    }
}

static bool any_left(struct log_job *jobs)
{
    for (struct log_job *job = jobs; job != NULL; job = next_job(job))
        if (job->code == FELLOE_OK)
            return true;
    return false;
}

static void run_group(struct group *group)
{
    struct event_log *log = group->log;
    struct log_job *jobs = group->jobs;
    struct felloe_error error = {0};
    if (atomic_load(&log->failed)) {
        felloe_fail(&error, FELLOE_STORAGE,
                    "the disk failed while it was written to. The daemon has to be started again; "
                    "what was said to be saved is safe");
        fail_all(jobs, &error);
        return;
    }
    refuse_while_full(log, jobs);
    refuse_while_set_back(log, jobs);
    put_off_letting_go(jobs);
    add_keys(log, jobs);
    if (!any_left(jobs))
        return;
    enum store_outcome outcome = transact(group, &error);
    if (outcome == STORE_FULL && !atomic_load(&log->full)) {
        give_up_reserve(log);
        outcome = transact(group, &error);
    }
    if (outcome == STORE_UNKNOWN) {
        atomic_store(&log->failed, true);
        report(LEVEL_ERROR, "%s", error.message);
    }
    if (outcome != STORE_DONE && group->jobs == NULL)
        queue_nudge(log->completions); /* the loop sees that it has failed */
    else if (outcome != STORE_DONE)
        fail_all(jobs, &error);
}

/* ---- the thread ---- */

static void forget_keys(struct cached_key *keys)
{
    for (unsigned i = 0; i < KEY_CACHE; i++)
        if (keys[i].filled)
            sodium_memzero(&keys[i], sizeof keys[i]);
}

/* What cannot be done now is done with a later commit, or after it. */
static enum store_outcome rest_origins(struct event_log *log, struct felloe_error *error)
{
    struct store_txn *txn;
    if (!log_origins_waiting(&log->origins) || store_begin_write(log->store, &txn, error) != FELLOE_OK)
        return STORE_DONE;
    log_origins_start(&log->origins);
    log_origins_merge(&log->origins, txn);
    const enum store_outcome outcome = store_commit(txn, error);
    if (outcome == STORE_DONE)
        log_origins_committed(&log->origins);
    return outcome;
}

/* With nothing to do, and at the end: then nothing has to be done again. */
static void rest(struct event_log *log)
{
    struct felloe_error error;
    if (atomic_load(&log->failed))
        return;
    if (rest_origins(log, &error) != STORE_UNKNOWN && store_rest(log->store, &error) == FELLOE_OK &&
        keyring_rest(log->keyring, &error) == FELLOE_OK)
        return;
    atomic_store(&log->failed, true);
    report(LEVEL_ERROR, "%s", error.message);
    queue_nudge(log->completions); /* the loop sees that it has failed */
}

static struct queue_item *wait_for_jobs(struct event_log *log)
{
    bool late = false;
    struct queue_item *items = NULL;
    if ((!store_is_at_rest(log->store) || log_origins_waiting(&log->origins)) && !atomic_load(&log->failed))
        items = queue_wait_all_for(&log->jobs, REST_AFTER_MS, &late);
    if (late)
        rest(log);
    return items != NULL ? items : queue_wait_all(&log->jobs);
}

void *log_writer_main(void *context)
{
    struct event_log *log = context;
    struct queue_item *items;
    while ((items = wait_for_jobs(log)) != NULL) {
        for (struct log_job *job = job_of(items); job != NULL; job = next_job(job)) {
            job->code = FELLOE_OK;
            job->error = (struct felloe_error){0};
        }
        struct group group = {log, job_of(items)};
        run_group(&group);
        log_seconds_rest(log);
        forget_keys(log->write.keys);
        if (group.jobs != NULL)
            complete(log, group.jobs);
    }
    rest(log);
    return NULL;
}
