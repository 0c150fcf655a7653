/* SPDX-License-Identifier: Apache-2.0 */
/* Repairing a log: what it says about itself, its own events, then site by site into a new one; see log_repair.h. */
#include "daemon/log/log_repair.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/log/log_repair_inside.h"
#include "proto/mp.h"

enum felloe_code repair_do(struct repair *r, struct log_job *job)
{
    event_log_submit(r->log, job);
    queue_wait_all(r->config->completions);
    if (job->code != FELLOE_OK && r->error != NULL)
        *r->error = job->error;
    return job->code;
}

/* ---- the new log ---- */

static enum felloe_code open_new(struct repair *r)
{
    return event_log_open(&r->log, r->config, r->error);
}

static void close_new(struct repair *r)
{
    event_log_close(r->log);
    r->log = NULL;
    queue_take_all(r->config->completions);
}

/* A laptop writes, and counts its events, under the incarnation that the damaged log had; a hub in the next epoch. */
static enum felloe_code begin_as(struct repair *r)
{
    struct log_job job = {.kind = LOG_RESTORE_OWN, .incarnation = r->incarnation};
    if (repair_at_hub(r))
        job = (struct log_job){.kind = LOG_NEXT_EPOCH, .above = r->epoch};
    enum felloe_code code = repair_do(r, &job);
    if (code != FELLOE_OK)
        return code;
    close_new(r);
    return open_new(r);
}

/* ---- a hub's devices ---- */

struct devices {
    struct repair *r;
    struct mp_reader *reader;
    enum felloe_code code;
};

/* A device's name is made from its key: a row that was damaged names nobody. */
static bool names_itself(const struct device_record *record)
{
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, record->sign.b, sizeof record->sign.b, NULL, 0);
    return memcmp(hash, record->device.b, sizeof record->device.b) == 0;
}

/* The keyring's copy is in the new log already, and is not older. What it lacks, because it is damaged too, comes from
 * here; so does that a laptop was revoked. */
static bool take_device(void *context, struct bytes key, struct bytes value)
{
    struct devices *d = context;
    struct device_record record, there;
    struct store_item item = {.key = key, .value = value};
    if (!log_read_device(d->reader, item, &record) || !names_itself(&record))
        return true;
    struct log_reader *reader = log_reader_begin(d->r->log, d->r->error);
    bool known = reader != NULL && log_device(reader, &record.device, &there);
    d->code = reader != NULL ? FELLOE_OK : FELLOE_STORAGE;
    log_reader_end(reader);
    if (d->code != FELLOE_OK || (known && (there.revoked_ms != 0 || record.revoked_ms == 0)))
        return d->code == FELLOE_OK;
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &record};
    d->code = repair_do(d->r, &job);
    return d->code == FELLOE_OK;
}

static enum felloe_code repair_devices(struct repair *r)
{
    struct devices d = {.r = r, .reader = malloc(sizeof *d.reader)};
    if (d.reader == NULL || !store_salvage_table(r->old, "devices", take_device, &d))
        d.code = repair_no_memory(r);
    free(d.reader);
    return d.code;
}

/* ---- sites ---- */

static enum felloe_code repair_one_site(struct repair *r, struct repair_site *site)
{
    struct log_job add = {.kind = LOG_ADD_SITE};
    site->out = &r->out->sites[r->out->site_count++];
    snprintf(site->out->site, sizeof site->out->site, "%s", site->name);
    snprintf(add.site, sizeof add.site, "%s", site->name);
    enum felloe_code code = repair_do(r, &add);
    if (code == FELLOE_OK && !repair_at_hub(r))
        code = own_events_put(r, site);
    if (code == FELLOE_OK)
        code = repair_site_log(r, site);
    if (code == FELLOE_OK && repair_at_hub(r))
        code = own_events_again(r, site);
    return code;
}

/* A number that the hub has not named: what it names is one above the highest it knows, and two that were repaired from
 * one copy must not meet either. */
static enum felloe_code go_on(struct repair *r)
{
    uint16_t jump;
    random_bytes(&jump, sizeof jump);
    struct log_job job = {.kind = LOG_GOING_ON, .incarnation = r->highest + 16 + jump % 4096};
    return repair_do(r, &job);
}

static enum felloe_code repair_inside(struct repair *r)
{
    enum felloe_code code = open_new(r);
    if (code == FELLOE_OK)
        code = begin_as(r);
    if (code == FELLOE_OK && repair_at_hub(r))
        code = repair_devices(r);
    for (size_t i = 0; code == FELLOE_OK && i < r->site_count; i++)
        code = repair_one_site(r, &r->sites[i]);
    if (code == FELLOE_OK && !repair_at_hub(r) && (r->goes_on || r->highest > r->incarnation)) {
        r->goes_on = true;
        code = go_on(r);
    }
    return code;
}

/* ---- all of it ---- */

static bool read_old(struct repair *r)
{
    bool fine = repair_read_sites(r) && own_events_load(r);
    for (size_t i = 0; fine && i < r->site_count; i++) {
        fine = repair_read_own_names(r, &r->sites[i]);
        own_events_choose(r, &r->sites[i]);
    }
    return fine && repair_read_numbers(r) && !r->no_memory;
}

enum felloe_code log_repair(const char *damaged, const struct event_log_config *config, struct log_repair_result *out,
                            struct felloe_error *error)
{
    struct repair r = {.config = config, .out = out, .error = error};
    *out = (struct log_repair_result){0};
    enum felloe_code code = store_salvage_open(&r.old, damaged, error);
    if (code != FELLOE_OK && code != FELLOE_NOT_FOUND)
        return code;
    r.goes_on = r.old == NULL; /* it is gone */
    r.sites = calloc(SITES_MAX, sizeof *r.sites);
    code = r.sites != NULL && read_old(&r) ? repair_inside(&r) : repair_no_memory(&r);
    out->lost = store_salvage_lost(r.old);
    out->goes_on = r.goes_on;
    if (r.log != NULL)
        close_new(&r);
    store_salvage_close(r.old);
    for (size_t i = 0; i < r.site_count; i++)
        own_events_release(&r.sites[i].own);
    free(r.sites);
    return code;
}
