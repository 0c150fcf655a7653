/* SPDX-License-Identifier: Apache-2.0 */
/* Repairing a log: what it says about itself, then site by site; see log_repair.h. */
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

/* ---- what the damaged log says about itself ---- */

struct site_names {
    char at[SITES_MAX][SLUG_MAX + 1]; /* empty: there is none of this number, or nothing tells */
};

static bool take_meta(void *context, struct bytes key, struct bytes value)
{
    struct repair *r = context;
    uint32_t number = value.len == 4 ? be_u32(value.data) : 0;
    if (bytes_is(key, "incarnation"))
        r->incarnation = number;
    else if (bytes_is(key, "epoch"))
        r->epoch = number;
    else if (bytes_is(key, "going-on"))
        r->going_on = number;
    return true;
}

static bool take_site(void *context, struct bytes key, struct bytes value)
{
    struct site_names *names = context;
    uint32_t number = key.len == 2 ? be_u16(key.data) : SITES_MAX;
    if (number < SITES_MAX && slug_valid(value))
        bytes_to_text(value, names->at[number], sizeof names->at[number]);
    return true;
}

/* Events say whose site they are of: where the list of sites cannot be read, the first that is well-formed tells. */
struct naming {
    char *name;
    size_t prefix;
};

static bool name_by_event(void *context, struct bytes key, struct bytes value)
{
    struct naming *naming = context;
    struct event event;
    struct log_row row;
    (void)key;
    struct bytes raw = value;
    if (naming->prefix > 0)
        raw = value.len > naming->prefix ? bytes_of(value.data + naming->prefix, value.len - naming->prefix)
                                         : (struct bytes){0};
    else if (log_row_read(value, &row))
        raw = row.event;
    return raw.len == 0 || !event_decode(raw, &event) || !bytes_to_text(event.clear.site, naming->name, SLUG_MAX + 1);
}

static bool load_names(struct repair *r, struct site_names *names)
{
    char table[8];
    if (!store_salvage_table(r->old, "sites", take_site, names))
        return false;
    for (uint32_t number = 0; number < SITES_MAX; number++) {
        struct naming own = {names->at[number], OWN_PREFIX}, log = {names->at[number], 0};
        snprintf(table, sizeof table, "own.%02u", number % 100);
        if (names->at[number][0] == '\0' && !store_salvage_table(r->old, table, name_by_event, &own))
            return false;
        snprintf(table, sizeof table, "log.%02u", number % 100);
        if (names->at[number][0] == '\0' && !store_salvage_table(r->old, table, name_by_event, &log))
            return false;
    }
    return true;
}

/* Two numbers with one name: a damaged row. The first stands, the other's events do not fit it and are left out. */
static bool is_double(const struct site_names *names, uint32_t number)
{
    for (uint32_t i = 0; i < number; i++)
        if (strcmp(names->at[i], names->at[number]) == 0)
            return true;
    return false;
}

static bool take_highest(void *context, struct bytes key, struct bytes value)
{
    uint32_t *highest = context;
    (void)value;
    if (key.len == 12 && be_u32(key.data) > *highest && be_u32(key.data) <= 1u << 24)
        *highest = be_u32(key.data);
    return true;
}

/* The incarnation and the epoch, where the rows that say so cannot be read: the highest that anything is numbered with.
 * A damaged number cannot be told from a true one; one that is absurd is not believed. */
static bool find_highest(struct repair *r)
{
    char table[8];
    uint32_t own = 1, epoch = 1;
    for (uint32_t number = 0; number < SITES_MAX; number++) {
        snprintf(table, sizeof table, "own.%02u", number % 100);
        if (!store_salvage_table(r->old, table, take_highest, &own))
            return false;
        snprintf(table, sizeof table, "log.%02u", number % 100);
        if (!store_salvage_table(r->old, table, take_highest, &epoch))
            return false;
    }
    r->goes_on |= r->incarnation < own;
    if (r->incarnation < own)
        r->incarnation = own;
    if (r->epoch < epoch)
        r->epoch = epoch;
    return true;
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

/* It writes, and counts its events, under the incarnation that the damaged one had. */
static enum felloe_code take_over_incarnation(struct repair *r)
{
    struct log_job job = {.kind = LOG_RESTORE_OWN, .incarnation = r->incarnation};
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
        d.code = felloe_fail(r->error, FELLOE_FAILED, "out of memory");
    free(d.reader);
    return d.code;
}

static enum felloe_code repair_site(struct repair *r, uint32_t number, const char *name)
{
    struct log_repair_site *site = &r->out->sites[r->out->site_count++];
    struct own_events own;
    struct log_job add = {.kind = LOG_ADD_SITE};
    snprintf(site->site, sizeof site->site, "%s", name);
    snprintf(add.site, sizeof add.site, "%s", name);
    enum felloe_code code = repair_do(r, &add);
    if (code != FELLOE_OK)
        return code;
    if (!own_events_load(r, number, name, &own))
        code = felloe_fail(r->error, FELLOE_FAILED, "out of memory");
    if (code == FELLOE_OK && r->config->identity->role == ROLE_SPOKE)
        code = own_events_put(r, number, site, &own);
    if (code == FELLOE_OK)
        code = repair_site_log(r, number, site, &own);
    own_events_release(&own);
    return code;
}

/* A number that the hub has not named: what it names is one above the highest it knows, and two that were repaired from
 * one copy must not meet either. */
static enum felloe_code go_on(struct repair *r)
{
    uint16_t jump;
    random_bytes(&jump, sizeof jump);
    uint32_t above = r->going_on > r->incarnation ? r->going_on : r->incarnation;
    struct log_job job = {.kind = LOG_GOING_ON, .incarnation = above + 16 + jump % 4096};
    return repair_do(r, &job);
}

static enum felloe_code repair_inside(struct repair *r, struct site_names *names)
{
    const bool hub = r->config->identity->role == ROLE_HUB;
    enum felloe_code code = open_new(r);
    if (code == FELLOE_OK && hub) {
        struct log_job next = {.kind = LOG_NEXT_EPOCH, .above = r->epoch};
        code = repair_do(r, &next);
        if (code == FELLOE_OK) {
            close_new(r);
            code = open_new(r);
        }
        if (code == FELLOE_OK)
            code = repair_devices(r);
    } else if (code == FELLOE_OK) {
        code = take_over_incarnation(r);
    }
    for (uint32_t number = 0; code == FELLOE_OK && number < SITES_MAX; number++)
        if (names->at[number][0] != '\0' && !is_double(names, number))
            code = repair_site(r, number, names->at[number]);
    if (code == FELLOE_OK && !hub && (r->goes_on || r->going_on > r->incarnation))
        code = go_on(r);
    return code;
}

enum felloe_code log_repair(const char *damaged, const struct event_log_config *config, struct log_repair_result *out,
                            struct felloe_error *error)
{
    struct repair r = {.config = config, .out = out, .error = error};
    *out = (struct log_repair_result){0};
    enum felloe_code code = store_salvage_open(&r.old, damaged, error);
    if (code != FELLOE_OK && code != FELLOE_NOT_FOUND && code != FELLOE_DAMAGED)
        return code;
    r.goes_on = r.old == NULL; /* nothing can be read: it is as if the log were gone */
    struct site_names *names = calloc(1, sizeof *names);
    if (names != NULL && store_salvage_table(r.old, "meta", take_meta, &r) && load_names(&r, names) && find_highest(&r))
        code = repair_inside(&r, names);
    else
        code = felloe_fail(error, FELLOE_FAILED, "out of memory");
    out->pages_lost = store_salvage_lost(r.old);
    out->goes_on = r.goes_on;
    if (r.log != NULL)
        close_new(&r);
    store_salvage_close(r.old);
    free(names);
    return code;
}
