/* SPDX-License-Identifier: Apache-2.0 */
/* A backup's log in the place of the one that is here. A hub's goes on in an epoch above every one that this directory
 * knows of, and who was let in or shut out since the backup was made stays so: any log takes that over from the keyring
 * as it is opened (log_lost.c), and from the log that is here come tickets, and changes that are no such matter.
 *
 *   the log that is here, and those put aside by earlier tries -> who, which epoch
 *   image -> D/new-log/log -> opened as any log -> devices, tickets, next epoch -> closed -> exchanged with D/log */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log/verify.h"
#include "daemon/report.h"
#include "daemon/setup/setup_restore.h"
#include "daemon/setup/setup_swap.h"
#include "daemon/store/store.h"

/* A larger log is not looked through event by event: it would take minutes. */
#define VERIFY_BYTES ((uint64_t)256 << 20)

/* What the log that is here knows beyond the backup. */
struct known {
    uint32_t epoch;
    struct device_record *devices;
    size_t device_count;
    struct ticket_record *tickets;
    size_t ticket_count;
    bool no_memory;
};

static void known_release(struct known *k)
{
    free(k->devices);
    free(k->tickets);
    *k = (struct known){0};
}

/* ---- what is known ---- */

static bool take_device(void *context, const struct device_record *device)
{
    struct known *k = context;
    struct device_record *grown = reallocarray(k->devices, k->device_count + 1, sizeof *grown);
    k->no_memory |= grown == NULL;
    if (grown == NULL)
        return false;
    k->devices = grown;
    k->devices[k->device_count++] = *device;
    return true;
}

static bool take_ticket(void *context, const struct ticket_record *ticket)
{
    struct known *k = context;
    struct ticket_record *grown = reallocarray(k->tickets, k->ticket_count + 1, sizeof *grown);
    k->no_memory |= grown == NULL;
    if (grown == NULL)
        return false;
    k->tickets = grown;
    k->tickets[k->ticket_count++] = *ticket;
    return true;
}

static enum felloe_code open_log(struct setup_log *out, const char *dir, struct keyring *keyring,
                                 const struct identity *identity, struct felloe_error *error)
{
    *out = (struct setup_log){0};
    queue_init(&out->queue, NULL, NULL);
    const struct event_log_config config = {
        .dir = dir, .identity = identity, .keyring = keyring, .completions = &out->queue};
    enum felloe_code code = event_log_open(&out->log, &config, error);
    if (code != FELLOE_OK)
        queue_destroy(&out->queue);
    return code;
}

static void close_log(struct setup_log *log)
{
    event_log_close(log->log);
    queue_destroy(&log->queue);
}

static void read_known(struct setup_log *log, struct known *k, uint64_t *waiting)
{
    struct log_reader *reader = log_reader_begin(log->log, NULL);
    if (reader == NULL)
        return;
    char site[SLUG_MAX + 1];
    for (size_t i = 0; log_site_at(reader, i, site); i++) {
        struct stream_head own = {0};
        uint64_t shared = 0;
        int64_t oldest;
        if (waiting != NULL && log_own(reader, bytes_str(site), &own, &shared, &oldest) && own.seq > shared)
            *waiting += own.seq - shared;
    }
    log_devices(reader, take_device, k);
    log_tickets(reader, take_ticket, k);
    log_reader_end(reader);
}

/* A log that does not open is put aside like any other. */
static void ask_present(const char *dir, const struct identity *identity, struct keyring *keyring, struct known *k,
                        struct restore_outcome *out)
{
    struct felloe_error why;
    struct setup_log log;
    if (open_log(&log, dir, keyring, identity, &why) != FELLOE_OK) {
        out->log_unreadable = true;
        report(LEVEL_WARNING, "nothing can be taken over from the log that is here: %s", why.message);
        return;
    }
    if (event_log_epoch(log.log) > k->epoch)
        k->epoch = event_log_epoch(log.log);
    read_known(&log, k, identity->role == ROLE_SPOKE ? &out->waiting : NULL);
    close_log(&log);
}

/* A row of the log's table `meta`: a number, and its complement. */
static uint32_t epoch_of(struct bytes row)
{
    return row.len == 8 && be_u32(row.data) == ~be_u32(row.data + 4) ? be_u32(row.data) : 0;
}

/* Logs that were put aside by earlier tries. Of those only the epoch counts. */
static void ask_aside(const char *dir, struct known *k)
{
    static const char *const tables[] = {"meta"};
    DIR *folder = opendir(dir);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char path[PATH_MAX];
        struct store *store;
        struct store_txn *txn;
        struct bytes row;
        if (strncmp(entry->d_name, "log.", 4) != 0 || restore_path(path, dir, entry->d_name, NULL) != FELLOE_OK)
            continue;
        const struct store_options options = {.dir = path, .what = "a log put aside", .tables = tables,
                                              .table_count = 1};
        if (store_open(&store, &options, NULL) != FELLOE_OK)
            continue;
        if (store_begin_read(store, &txn, NULL) == FELLOE_OK) {
            if (store_get(txn, 0, bytes_str("epoch"), &row) && epoch_of(row) > k->epoch)
                k->epoch = epoch_of(row);
            store_abort(txn);
        }
        store_close(store);
    }
    if (folder != NULL)
        closedir(folder);
}

/* ---- the log put back ---- */

static enum felloe_code take_over_devices(struct setup_log *log, const struct known *k, struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    for (size_t i = 0; i < k->device_count && code == FELLOE_OK; i++) {
        struct device_record device = k->devices[i], there;
        struct log_reader *reader = log_reader_begin(log->log, error);
        if (reader == NULL)
            return error->code;
        bool known = log_device(reader, &device.device, &there);
        log_reader_end(reader);
        if (known && (memcmp(&there, &device, sizeof there) == 0 || (there.revoked_ms != 0 && device.revoked_ms == 0)))
            continue; /* the same, or an older record of it */
        struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
        code = setup_log_do(log, &job, error);
    }
    return code;
}

static enum felloe_code take_over_tickets(struct setup_log *log, const struct known *k, struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    for (size_t i = 0; i < k->ticket_count && code == FELLOE_OK; i++) {
        struct log_job job = {.kind = LOG_PUT_TICKET, .ticket = &k->tickets[i]};
        code = setup_log_do(log, &job, error);
    }
    return code;
}

static enum felloe_code next_epoch(struct setup_log *log, const struct known *k, struct restore_outcome *out,
                                   struct felloe_error *error)
{
    enum felloe_code code = take_over_devices(log, k, error);
    if (code == FELLOE_OK)
        code = take_over_tickets(log, k, error);
    if (code != FELLOE_OK)
        return code;
    struct log_job job = {.kind = LOG_NEXT_EPOCH, .above = k->epoch};
    code = setup_log_do(log, &job, error);
    out->epoch = job.epoch;
    out->tickets_void = job.voided;
    return code;
}

static enum felloe_code prepare(const char *folder, const struct identity *identity, struct keyring *keyring,
                                const struct known *k, uint64_t size, struct restore_outcome *out,
                                struct felloe_error *error)
{
    struct setup_log log;
    enum felloe_code code = open_log(&log, folder, keyring, identity, error);
    if (code != FELLOE_OK)
        return code;
    if (size <= VERIFY_BYTES) {
        struct verify_result result;
        const struct verify_options options = {.log = log.log, .keyring = keyring, .identity = identity};
        code = verify_log(&options, &result, error);
        out->verified = code == FELLOE_OK;
        out->problems = result.problems;
    }
    if (code == FELLOE_OK && identity->role == ROLE_HUB)
        code = next_epoch(&log, k, out, error);
    close_log(&log);
    return code;
}

static enum felloe_code place(const char *dir, const struct identity *identity, const struct backup_file *file,
                              struct keyring *keyring, const struct known *k, struct restore_outcome *out,
                              struct felloe_error *error)
{
    char folder[PATH_MAX], log[PATH_MAX], image[PATH_MAX];
    enum felloe_code code = swap_prepare(dir, "log", folder, error);
    if (code == FELLOE_OK)
        code = restore_path(log, folder, "log", error);
    if (code == FELLOE_OK)
        code = restore_path(image, log, "data.mdb", error);
    if (code == FELLOE_OK)
        code = swap_make_folder(log, error);
    if (code == FELLOE_OK)
        code = backup_file_image(file, image, error);
    if (code == FELLOE_OK)
        code = prepare(folder, identity, keyring, k, file->image_size, out, error);
    if (code == FELLOE_OK)
        code = swap_in(dir, "log", "before-restore", out->log_kept, error);
    return code == FELLOE_OK ? swap_views_away(dir, error) : code;
}

static enum felloe_code ask(const char *dir, const struct identity *identity, struct keyring *keyring, struct known *k,
                            struct restore_outcome *out, struct felloe_error *error)
{
    char present[PATH_MAX];
    struct stat info;
    enum felloe_code code = restore_path(present, dir, "log/data.mdb", error);
    if (code == FELLOE_OK && stat(present, &info) == 0)
        ask_present(dir, identity, keyring, k, out);
    ask_aside(dir, k);
    return code == FELLOE_OK && k->no_memory ? felloe_fail(error, FELLOE_FAILED, "out of memory") : code;
}

enum felloe_code restore_log(const char *dir, const struct identity *identity, const struct backup_file *file,
                             struct restore_outcome *out, struct felloe_error *error)
{
    struct known known = {.epoch = file->head.epoch};
    struct keyring *keyring;
    enum felloe_code code = keyring_open(&keyring, dir, identity_keyring_key(identity), error);
    if (code != FELLOE_OK)
        return code;
    code = ask(dir, identity, keyring, &known, out, error);
    if (code == FELLOE_OK)
        code = place(dir, identity, file, keyring, &known, out, error);
    restore_tidy(dir, "log");
    keyring_close(keyring);
    known_release(&known);
    out->log = code == FELLOE_OK;
    out->made_ms = file->head.made_ms;
    out->epoch_then = file->head.epoch;
    return code;
}
