/* SPDX-License-Identifier: Apache-2.0 */
/* Opening and closing the log, handing jobs to its writer, and the state that threads share. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "daemon/daemon.h"
#include "daemon/log/log_internal.h"
#include "daemon/report.h"
#include "proto/event/hlc.h"
#include "proto/event/look.h"

#define RESERVE_DEFAULT ((size_t)16 << 20)

/* ---- opening ---- */

static char own_names[SITES_MAX][8], log_names[SITES_MAX][8];
static const char *table_names[T_COUNT] = {"meta",      "sites",      "heads",    "checkpoints", "streams",
                                           "own-heads", "own-places", "own-keys", "key-uses",    "receipts",
                                           "origins",   "devices",    "tickets",  "anchors",     "after",
                                           "aside",     "aside-keys", "aside-heads"};
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

static void name_tables(void)
{
    for (unsigned i = 0; i < SITES_MAX; i++) {
        snprintf(own_names[i], sizeof own_names[i], "own.%02u", i % 100);
        snprintf(log_names[i], sizeof log_names[i], "log.%02u", i % 100);
        table_names[T_OWN + i] = own_names[i];
        table_names[T_LOG + i] = log_names[i];
    }
}

/* A log that vanished is not a new log: the reserve beside it tells that there was one. */
static enum felloe_code check_not_lost(const struct event_log *log, const char *dir, struct felloe_error *error)
{
    char path[PATH_MAX + 16];
    struct stat st;
    snprintf(path, sizeof path, "%s/data.mdb", dir);
    bool has_data = stat(path, &st) == 0 && st.st_size > 0;
    if (has_data || stat(log->reserve_path, &st) != 0)
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_DAMAGED, "%s is missing or empty, but there was a log here", path);
}

static void set_turns(struct event_log *log, uint32_t epoch, uint32_t incarnation, uint32_t going_on)
{
    atomic_store(&log->epoch, epoch);
    atomic_store(&log->incarnation, incarnation);
    atomic_store(&log->going_on, going_on);
}

static void keep_turns(struct event_log *log, struct store_txn *txn, uint32_t epoch, uint32_t incarnation)
{
    log_put_meta_u32(txn, "epoch", epoch);
    log_put_meta_u32(txn, "incarnation", incarnation);
    log_put_meta_u32(txn, "going-on", 0);
    set_turns(log, epoch, incarnation, 0);
}

static enum felloe_code load_meta(struct event_log *log, struct store_txn *txn, struct felloe_error *error)
{
    const struct device_id *device = &log->identity->device;
    uint32_t version, epoch, incarnation, going_on;
    struct bytes row;
    if (store_count(txn, T_META) == 0 && store_count(txn, T_SITES) == 0) {
        log_put_meta_u32(txn, "version", LOG_VERSION);
        store_put(txn, T_META, bytes_str("device"), bytes_of(device->b, sizeof device->b));
        uint32_t begin = log_begin_again(log, txn);
        if (begin == 0)
            return keyring_unread(error);
        keep_turns(log, txn, begin, begin);
        return FELLOE_OK;
    }
    if (!log_meta_u32(txn, "version", &version))
        return felloe_fail(error, FELLOE_DAMAGED, "the log in %s is damaged: it does not say what wrote it", log->dir);
    if (version == LOG_VERSION - 1) /* what it has is read as it is */
        log_put_meta_u32(txn, "version", LOG_VERSION);
    else if (version != LOG_VERSION)
        return felloe_fail(error, FELLOE_DAMAGED,
                           "the log in %s was written by another version of Felloe (its layout is %u, "
                           "this one reads %u)",
                           log->dir, version, LOG_VERSION);
    if (!log_meta_u32(txn, "epoch", &epoch) || !log_meta_u32(txn, "incarnation", &incarnation) ||
        !log_meta_u32(txn, "going-on", &going_on) || !store_get(txn, T_META, bytes_str("device"), &row))
        return felloe_fail(error, FELLOE_DAMAGED, "the log in %s is damaged: it does not say whose it is", log->dir);
    if (!bytes_equal(row, bytes_of(device->b, sizeof device->b)))
        return felloe_fail(error, FELLOE_DAMAGED, "the log in %s belongs to another device than the identity beside it",
                           log->dir);
    set_turns(log, epoch, incarnation, going_on);
    return FELLOE_OK;
}

/* A site's number is its place: were one left out, the next one's events would go under its name. */
static bool load_sites(struct event_log *log, struct store_txn *txn)
{
    unsigned count = 0;
    bool fine = true;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(txn, T_SITES);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    for (; more && fine; more = store_next(cursor, &item)) {
        fine = count < LOG_AUDIT;
        if (!fine)
            break;
        fine = item.key.len == 2 && be_u16(item.key.data) == count && slug_valid(item.value) &&
               bytes_to_text(item.value, log->sites[count], sizeof log->sites[0]);
        for (unsigned i = 0; i < count; i++)
            fine = fine && !bytes_is(item.value, log->sites[i]);
        count++;
    }
    store_cursor_close(cursor);
    atomic_store(&log->site_count, count);
    return fine;
}

/* The clock goes on from the last thing written here, even if the wall clock went back meanwhile. */
static void load_time(struct event_log *log, struct store_txn *txn)
{
    uint64_t latest = 0;
    for (unsigned site = 0; site < SITES_MAX; site++) {
        struct store_item item;
        struct store_cursor *cursor = store_cursor_open(txn, T_OWN + site);
        if (store_seek_below(cursor, (struct bytes){0}, &item) && item.value.len > OWN_PREFIX &&
            be_u64(item.value.data) > latest)
            latest = be_u64(item.value.data);
        store_cursor_close(cursor);
    }
    atomic_store(&log->time, latest);
    log->written_time = latest;
}

static enum felloe_code load(struct event_log *log, struct felloe_error *error)
{
    struct store_txn *txn;
    enum felloe_code code = store_begin_write(log->store, &txn, error);
    if (code != FELLOE_OK)
        return code;
    code = load_meta(log, txn, error);
    if (code == FELLOE_OK && !load_sites(log, txn))
        code = felloe_fail(error, FELLOE_DAMAGED, "the log in %s is damaged: its list of sites cannot be read",
                           log->dir);
    if (code == FELLOE_OK && !log_origins_load(&log->origins, txn))
        code = felloe_fail(error, FELLOE_DAMAGED,
                           "the log in %s is damaged, or memory ran out: where it was imported from what came last "
                           "cannot be read",
                           log->dir);
    if (code == FELLOE_OK)
        code = log_mirror_devices(log, txn, error);
    if (code != FELLOE_OK) {
        store_abort(txn);
        return code;
    }
    load_time(log, txn);
    struct felloe_error why = {0};
    return store_commit(txn, &why) == STORE_DONE ? FELLOE_OK : felloe_fail(error, why.code, "%s", why.message);
}

/* Opens in the caller's thread; a write transaction is begun here once, before the writer thread exists. */
static enum felloe_code open_inside(struct event_log *log, struct felloe_error *error)
{
    char dir[PATH_MAX];
    if (snprintf(dir, sizeof dir, "%s/log", log->dir) >= (int)sizeof dir ||
        snprintf(log->reserve_path, sizeof log->reserve_path, "%s/log/reserve", log->dir) >= (int)sizeof dir)
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", log->dir);
    enum felloe_code code = check_not_lost(log, dir, error);
    if (code != FELLOE_OK)
        return code;
    pthread_once(&names_once, name_tables);
    const struct store_options options = {.dir = dir, .what = "the log", .tables = table_names,
                                          .table_count = T_COUNT, .made_first = T_OWN,
                                          .sync = STORE_JOURNALLED};
    code = store_open(&log->store, &options, error);
    if (code == FELLOE_OK && store_redone(log->store) > 0)
        report(LEVEL_INFO, "the log was interrupted: the last %u of its commits were done again from %s/journal",
               store_redone(log->store), dir);
    if (code == FELLOE_OK)
        code = load(log, error);
    if (code != FELLOE_OK)
        return code;
    if (!log_reserve_make(log)) {
        report(LEVEL_WARNING, "there is no room on the disk for a reserve: nothing new is recorded until there is");
        atomic_store(&log->full, true);
    }
    log->write.keys = sodium_malloc(KEY_CACHE * sizeof *log->write.keys);
    if (log->write.keys == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    memset(log->write.keys, 0, KEY_CACHE * sizeof *log->write.keys);
    if (pthread_create(&log->writer, NULL, log_writer_main, log) != 0)
        return felloe_fail(error, FELLOE_FAILED, "the log's writer thread could not be started");
    pthread_setname_np(log->writer, "log-writer");
    log->writing = true;
    return FELLOE_OK;
}

enum felloe_code event_log_open(struct event_log **out, const struct event_log_config *config,
                                struct felloe_error *error)
{
    *out = NULL;
    struct event_log *log = calloc(1, sizeof *log);
    if (log == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    if (!bytes_to_text(bytes_str(config->dir), log->dir, sizeof log->dir)) {
        free(log);
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", config->dir);
    }
    snprintf(log->sites[LOG_AUDIT], sizeof log->sites[LOG_AUDIT], "%s", AUDIT_SITE);
    log->identity = config->identity;
    log->keyring = config->keyring;
    log->completions = config->completions;
    log->instead = config->instead;
    log->reserve_bytes = config->reserve_bytes ? config->reserve_bytes : RESERVE_DEFAULT;
    atomic_init(&log->commits, config->commits);
    queue_init(&log->jobs, NULL, NULL);
    log_shares_init(&log->shares);
    log_origins_init(&log->origins);
    log_hub_box_init(&log->hub_box);
    enum felloe_code code = open_inside(log, error);
    if (code != FELLOE_OK) {
        event_log_close(log);
        return code;
    }
    *out = log;
    return FELLOE_OK;
}

bool event_log_close(struct event_log *log)
{
    if (log == NULL)
        return true;
    queue_close(&log->jobs);
    if (log->writing)
        pthread_join(log->writer, NULL);
    log_ahead_close(log);
    const bool whole = !atomic_load(&log->failed);
    store_close(log->store);
    queue_destroy(&log->jobs);
    log_shares_release(&log->shares);
    log_origins_release(&log->origins);
    log_hub_box_release(&log->hub_box);
    log_seconds_forget(log);
    sodium_free(log->write.keys);
    log_met_release(&log->write.met_keys);
    buffer_release(&log->write.event);
    free(log);
    return whole;
}

struct log_shares *event_log_shares(struct event_log *log)
{
    return &log->shares;
}

void event_log_submit(struct event_log *log, struct log_job *job)
{
    queue_push(&log->jobs, &job->link);
}

void event_log_submit_all(struct event_log *log, struct queue_item *first)
{
    queue_push_all(&log->jobs, first);
}

/* ---- state that threads share ---- */

uint64_t event_log_time(struct event_log *log)
{
    return atomic_load(&log->time);
}

void event_log_heard_time(struct event_log *log, uint64_t time)
{
    int64_t now = clock_wall_ms();
    uint_fast64_t last = atomic_load(&log->time), followed;
    do
        followed = hlc_follow(last, time, now > 0 ? (uint64_t)now : 0);
    while (followed != last && !atomic_compare_exchange_weak(&log->time, &last, followed));
}

uint64_t event_log_commits(struct event_log *log)
{
    return atomic_load(&log->commits);
}

bool event_log_full(struct event_log *log)
{
    return atomic_load(&log->full) && !log_reserve_has_room(log);
}

bool event_log_failed(struct event_log *log)
{
    return atomic_load(&log->failed);
}

uint32_t event_log_epoch(struct event_log *log)
{
    return atomic_load(&log->epoch);
}

uint32_t event_log_incarnation(struct event_log *log)
{
    return atomic_load(&log->incarnation);
}

uint32_t event_log_going_on(struct event_log *log)
{
    return atomic_load(&log->going_on);
}
