/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub's and the spoke's driver share: life, ticks, starting afresh, jobs and work under way. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/sync/driver_inside.h"
#include "daemon/report.h"
#include "daemon/pool.h"

/* A laptop that slept wakes with clocks that jumped; this finds out. */
#define TICK_MAX_MS      30000
#define RESTART_FIRST_MS 500u
#define UNDER_WAY_MS     20u
#define RESTART_MAX_MS   30000u

/* ---- ticks ---- */

void driver_retick(struct driver *driver)
{
    if (driver->closing || driver->restarting)
        return;
    uint64_t due = driver->role->deadline(driver), now = clock_steady_ms();
    uint64_t wait = due <= now ? 0 : due - now;
    loop_timer_set(driver->ticker, wait < TICK_MAX_MS ? wait : TICK_MAX_MS);
}

static void tick(void *context)
{
    struct driver *driver = context;
    if (!driver->closing && !driver->restarting)
        driver->role->tick(driver);
}

/* ---- afresh ---- */

static void restart_now(void *context)
{
    struct driver *driver = context;
    if (driver->closing || !driver->restarting)
        return;
    if (driver->under_way > 0) { /* what is under way may still change the log */
        loop_timer_set(driver->restarter, UNDER_WAY_MS);
        return;
    }
    struct felloe_error error;
    driver->role->unload(driver);
    driver->restarting = false;
    if (driver->role->load(driver, &error) != FELLOE_OK)
        driver_restart(driver, error.message);
    else
        driver_retick(driver);
}

void driver_halt(struct driver *driver)
{
    driver->restarting = driver->halted = true;
    loop_timer_stop(driver->ticker);
    loop_timer_stop(driver->restarter);
}

void driver_reload(struct driver *driver)
{
    if (driver->closing)
        return;
    driver_halt(driver);
    driver->halted = false;
    loop_timer_set(driver->restarter, 0);
}

void driver_restart(struct driver *driver, const char *why)
{
    if (driver->closing || (driver->restarting && !driver->halted))
        return;
    if (event_log_failed(driver->daemon->log)) /* then the daemon ends (complete_jobs) */
        return;
    driver_halt(driver);
    driver->halted = false;
    if (strcmp(driver->trouble, why) != 0)
        report(LEVEL_WARNING, "sync starts afresh from the log: %s", why);
    snprintf(driver->trouble, sizeof driver->trouble, "%s", why);
    uint64_t pause = RESTART_FIRST_MS << (driver->restarts < 6 ? driver->restarts : 6);
    driver->restarts++;
    loop_timer_set(driver->restarter, pause < RESTART_MAX_MS ? pause : RESTART_MAX_MS);
}

void driver_works(struct driver *driver)
{
    if (driver->restarting) /* that was something of before: the next machine's first work tells */
        return;
    driver->restarts = 0;
    driver->trouble[0] = '\0';
}

/* ---- life ---- */

enum felloe_code driver_open(struct driver **out, struct daemon *daemon, struct felloe_error *error)
{
    bool hub = daemon->config.role == ROLE_HUB;
    struct driver *driver = calloc(1, hub ? driver_hub_size() : driver_spoke_size());
    if (driver == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    driver->role = hub ? &driver_hub_role : &driver_spoke_role;
    driver->daemon = daemon;
    driver->ticker = loop_timer_new(daemon->loop, tick, driver);
    driver->restarter = loop_timer_new(daemon->loop, restart_now, driver);
    enum felloe_code code = FELLOE_FAILED;
    if (driver->ticker == NULL || driver->restarter == NULL)
        felloe_fail(error, code, "out of memory");
    else
        code = driver->role->open(driver, error);
    if (code == FELLOE_OK)
        code = driver->role->load(driver, error);
    if (code != FELLOE_OK) {
        driver_close(driver);
        return code;
    }
    driver_retick(driver);
    *out = driver;
    return FELLOE_OK;
}

void driver_close(struct driver *driver)
{
    if (driver == NULL)
        return;
    driver->closing = true;
    driver->role->hang_up(driver);
    while (driver->under_way > 0)
        uv_run(driver->daemon->loop, UV_RUN_ONCE);
    driver->role->unload(driver);
    driver->role->close(driver);
    loop_timer_free(driver->ticker);
    loop_timer_free(driver->restarter);
    free(driver);
}

/* ---- for the rest of the daemon ---- */

void driver_recorded(struct driver *driver, struct log_job *job)
{
    if (!driver->closing && !driver->restarting)
        driver->role->recorded(driver, job);
}

void driver_need_keys(struct driver *driver, struct bytes site, const struct key_id *keys, size_t count)
{
    if (!driver->closing && !driver->restarting && count > 0)
        driver->role->need_keys(driver, site, keys, count);
}

void driver_views_changed(struct driver *driver)
{
    if (!driver->closing && driver->role->views_changed != NULL)
        driver->role->views_changed(driver);
}

void driver_status(struct driver *driver, struct link_status *out)
{
    *out = (struct link_status){0};
    driver->role->status(driver, out);
    if (driver->trouble[0] != '\0')
        snprintf(out->notice, sizeof out->notice, "%s", driver->trouble);
}

void driver_site_status(struct driver *driver, struct bytes site, struct site_link *out)
{
    *out = (struct site_link){0};
    driver->role->site_status(driver, site, out);
}

bool driver_device_heard(struct driver *driver, const struct device_id *device, struct device_heard *out)
{
    return driver->role->device_heard(driver, device, out);
}

/* ---- jobs and work ---- */

struct driver_job *driver_job_new(struct driver *driver, enum log_job_kind kind, struct bytes site,
                                  void (*done)(struct log_job *job))
{
    struct driver_job *job = calloc(1, sizeof *job);
    if (job == NULL || (site.len > 0 && !bytes_to_text(site, job->job.site, sizeof job->job.site))) {
        free(job);
        return NULL;
    }
    job->driver = driver;
    job->job.kind = kind;
    job->job.done = done;
    return job;
}

void driver_job_submit(struct driver_job *job)
{
    job->driver->under_way++;
    event_log_submit(job->driver->daemon->log, &job->job);
}

void driver_job_end(struct driver_job *job)
{
    struct log_job *log_job = &job->job;
    job->driver->under_way--;
    batch_free(log_job->batch);
    free(log_job->receipt);
    free(log_job->device);
    free(log_job->ticket);
    free(log_job->drafts);
    if (log_job->new_keys != NULL)
        sodium_memzero(log_job->new_keys, log_job->new_key_count * sizeof *log_job->new_keys);
    free(log_job->new_keys);
    free(job);
}

bool driver_work(struct driver *driver, loop_call work, loop_call done, void *context)
{
    if (!pool_work(driver->daemon->pool, work, done, context))
        return false;
    driver->under_way++;
    return true;
}

void driver_work_end(struct driver *driver)
{
    driver->under_way--;
}

bool driver_pairs(const struct box_secret *const own[3], const struct box_public *const theirs[3],
                  struct box_pairs *out)
{
    out->count = 0;
    for (size_t i = 0; i < 3; i++)
        for (size_t j = 0; j < 3; j++) {
            bool there = !sodium_is_zero(own[i]->b, BOX_KEY_SIZE) && !sodium_is_zero(theirs[j]->b, BOX_KEY_SIZE);
            if (there && box_shared_of(&out->at[out->count], theirs[j], own[i]))
                out->count++;
            else if (i + j == 0)
                return false;
        }
    return true;
}

/* The reader is at the record. */
static bool unwrap_one(struct mp_reader *r, struct bytes record, const struct box_pairs *pairs, struct key_record *out)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (i > 0) {
            mp_reader_init(r, record);
            mp_next(r);
        }
        if (key_record_unwrap(r, &pairs->at[i], out))
            return true;
    }
    return false;
}

struct key_record *driver_unwrap(struct driver *driver, struct bytes records, uint32_t count,
                                 const struct box_pairs *pairs, size_t *opened)
{
    *opened = 0;
    struct key_record *keys = count > 0 ? calloc(count, sizeof *keys) : NULL;
    if (keys == NULL)
        return NULL;
    struct bytes rest = records;
    for (uint32_t i = 0; i < count; i++) {
        struct mp_reader *r = &driver->reader;
        mp_reader_init(r, rest);
        if (!mp_next(r))
            break;
        size_t used = mp_object(r).len; /* one record that cannot be opened does not spoil those after it */
        if (unwrap_one(r, bytes_of(rest.data, used), pairs, &keys[*opened]))
            ++*opened;
        else if (driver->daemon->config.role == ROLE_SPOKE) /* a hub says who brought it */
            report(LEVEL_WARNING, "a key that came along could not be opened");
        rest = bytes_of(rest.data + used, rest.len - used);
    }
    if (*opened == 0) {
        free(keys);
        return NULL;
    }
    return keys;
}
