/* SPDX-License-Identifier: Apache-2.0 */
/* What a hub that was set back gets back from its laptops: entries at their old positions, keys, and an epoch of its
 * own to go on in. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/store/place.h"
#include "daemon/sync/driver_hub.h"

/* Keys that one site asks for at a time; the next ones take their turn. */
#define MISSING_MAX 64
/* After something happened that may have changed what is missing; and while something is. */
#define LOOK_SOON_MS  200
#define LOOK_AGAIN_MS 60000
/* Then a site rests for so many times what the look took: laptops can give cause for one at any time. */
#define LOOK_RESTS 9u
/* Of the epochs that a log has room for, the rest is for hubs that were set back for certain. */
#define CAUTIOUS_EPOCHS (SEEN_MAX / 2)

static struct hub_refill *refill_of(struct hub_driver *h, struct bytes site)
{
    for (uint32_t i = 0; i < h->refill_count; i++)
        if (bytes_is(site, h->refills[i].site))
            return &h->refills[i];
    if (h->refill_count == SITES_MAX || !bytes_to_text(site, h->refills[h->refill_count].site, SLUG_MAX + 1))
        return NULL;
    return &h->refills[h->refill_count++];
}

/* ---- entries ---- */

static void note_refill(struct hub_driver *h, const struct driver_job *job)
{
    struct daemon *daemon = h->base.daemon;
    const char *site = job->job.site;
    const struct happened_at now = {clock_wall_ms(), clock_steady_ms()};
    struct happened_from from = {.device = job->device, .entries = job->job.batch->count};
    struct device_record device;
    struct log_reader *reader = log_reader_begin(daemon->log, NULL);
    if (reader != NULL && log_device(reader, &job->device, &device)) {
        happened_label(&from, device.label);
        memcpy(from.worker, device.worker, sizeof from.worker);
    }
    log_reader_end(reader);
    if (happened_refilled(&daemon->happened, site, &from, now))
        report(LEVEL_INFO, "%s: laptops bring back what this hub lacks", site);
}

static void offer_kept(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct hub_driver *h = hub_of(job->driver);
    struct bytes site = bytes_str(log_job->site);
    bool ok = log_job->code == FELLOE_OK;
    struct hub_input done = {.kind = HUB_OFFER_KEPT,
                             .ticket = job->ticket,
                             .ok = ok,
                             .contradicts = log_job->code == FELLOE_INVALID,
                             .head = log_job->head,
                             .missing = log_job->missing,
                             .missing_count = log_job->missing_count};
    if (!ok)
        report(LEVEL_WARNING, "%s: what was offered cannot be taken: %s", log_job->site, log_job->error.message);
    if (ok)
        note_refill(h, job);
    if (!ok && !done.contradicts) {
        driver_restart(job->driver, log_job->error.message);
    } else {
        driver_works(job->driver);
        driver_hub_step(h, &done);
    }
    if (log_job->missing_count > 0) /* of those of a site only some go into one answer */
        driver_hub_look_for_keys(h, site);
    driver_job_end(job);
}

void driver_hub_keep_offer(struct hub_driver *h, struct hub_output *output)
{
    struct driver_job *job = driver_job_new(&h->base, LOG_KEEP_OFFER, output->site, offer_kept);
    if (job == NULL) {
        driver_restart(&h->base, "out of memory");
        return;
    }
    job->ticket = output->ticket;
    job->device = output->device;
    job->job.batch = output->batch;
    output->batch = NULL;
    driver_job_submit(job);
}

/* ---- the epoch to go on in ---- */

static void tell_voided(const struct log_job *log_job)
{
    if (log_job->voided > 0)
        report(LEVEL_WARNING,
               "%u ticket%s not used as far as this hub knows, and can be used no more: make new ones (felloe hub "
               "invite)",
               log_job->voided, log_job->voided == 1 ? " was" : "s were");
}

static void epoch_begun(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct driver *driver = job->driver;
    struct hub_driver *h = hub_of(driver);
    const char *dir = driver->daemon->dir;
    if (log_job->code != FELLOE_OK && h->cautious) { /* it may well be what it seems; laptops will tell */
        report(LEVEL_WARNING, "%s seems to have been copied or put back. %s", dir, log_job->error.message);
        h->cautious = false;
        driver_reload(driver);
    } else if (log_job->code != FELLOE_OK) {
        driver_restart(driver, log_job->error.message);
    } else if (!driver->closing && h->cautious) {
        place_note(dir);
        report(LEVEL_WARNING,
               "%s was copied or put back: so that no position is given twice, the hub goes on in epoch %u. If it "
               "lacks something, laptops bring it back",
               dir, log_job->epoch);
        tell_voided(log_job);
        daemon_again(driver->daemon);
    } else if (!driver->closing) {
        report(LEVEL_WARNING,
               "this hub was put back to an older state: it goes on in epoch %u, and laptops bring back what it lacks",
               log_job->epoch);
        tell_voided(log_job);
        daemon_again(driver->daemon);
    }
    driver_job_end(job);
}

void driver_hub_next_epoch(struct hub_driver *h, uint32_t above)
{
    struct driver_job *job = driver_job_new(&h->base, LOG_NEXT_EPOCH, (struct bytes){0}, epoch_begun);
    if (job == NULL) {
        driver_restart(&h->base, "out of memory");
        return;
    }
    driver_halt(&h->base);
    job->job.above = above;
    job->job.set_back = !h->cautious;
    driver_job_submit(job);
}

void driver_hub_look_at_place(struct hub_driver *h)
{
    const struct daemon *daemon = h->base.daemon;
    if (h->placed)
        return;
    h->placed = true;
    h->cautious = place_changed(daemon->dir) && !h->set_back && h->epochs < CAUTIOUS_EPOCHS;
    if (h->cautious)
        driver_hub_next_epoch(h, event_log_epoch(daemon->log));
    else
        place_note(daemon->dir);
}

/* ---- keys ---- */

struct key_look {
    struct hub_driver *h;
    char site[SLUG_MAX + 1];
    uint32_t turn;
    struct key_id keys[MISSING_MAX];
    size_t count;
    bool read;
    uint64_t took_ms;
};

static void look_next(struct hub_driver *h);

static void look(void *context)
{
    struct key_look *l = context;
    const uint64_t began_ms = clock_steady_ms();
    struct log_reader *reader = log_reader_begin(l->h->base.daemon->log, NULL);
    if (reader == NULL)
        return;
    l->count = log_missing_keys(reader, bytes_str(l->site), l->turn, l->keys, MISSING_MAX);
    l->read = true;
    log_reader_end(reader);
    l->took_ms = clock_steady_ms() - began_ms;
}

/* A machine that is being made afresh looks for itself. */
static void looked(void *context)
{
    struct key_look *l = context;
    struct hub_driver *h = l->h;
    struct bytes site = bytes_str(l->site);
    driver_work_end(&h->base);
    h->looking = false;
    struct hub_refill *refill = refill_of(h, site);
    if (refill != NULL)
        refill->rests_until_ms = clock_steady_ms() + LOOK_RESTS * l->took_ms;
    if (l->read && refill != NULL && h->machine != NULL && !h->base.restarting) {
        refill->any = l->count > 0;
        if (!hub_set_missing(h->machine, site, l->keys, l->count))
            driver_restart(&h->base, "out of memory");
        driver_retick(&h->base); /* laptops are asked */
    }
    free(l);
    if (!h->base.closing)
        look_next(h);
}

/* The site that is due and has rested; NULL: none, and one will be after `rest_ms` (UINT64_MAX: none is due). */
static struct hub_refill *rested(struct hub_driver *h, uint64_t *rest_ms)
{
    const uint64_t now = clock_steady_ms();
    *rest_ms = UINT64_MAX;
    for (uint32_t i = 0; i < h->refill_count; i++) {
        struct hub_refill *refill = &h->refills[i];
        if (refill->due && now >= refill->rests_until_ms)
            return refill;
        if (refill->due && refill->rests_until_ms - now < *rest_ms)
            *rest_ms = refill->rests_until_ms - now;
    }
    return NULL;
}

/* One site after the other; then again after a while, as long as something is missing. */
static void look_next(struct hub_driver *h)
{
    uint64_t rest_ms;
    struct hub_refill *next = rested(h, &rest_ms);
    bool any = false;
    for (uint32_t i = 0; i < h->refill_count; i++)
        any |= h->refills[i].any;
    if (next == NULL) {
        if (rest_ms != UINT64_MAX || any)
            loop_timer_set(h->looker, rest_ms < LOOK_AGAIN_MS ? rest_ms : LOOK_AGAIN_MS);
        return;
    }
    next->due = false;
    struct key_look *l = calloc(1, sizeof *l);
    if (l != NULL) {
        l->h = h;
        l->turn = ++next->turn;
        memcpy(l->site, next->site, sizeof l->site);
        h->looking = driver_work(&h->base, look, looked, l);
    }
    if (!h->looking) {
        free(l);
        next->due = true;
        loop_timer_set(h->looker, LOOK_AGAIN_MS);
    }
}

/* Soon, when something happened; or after a while, when what was asked for did not come: then the others' turn. */
static void look_now(void *context)
{
    struct hub_driver *h = context;
    bool due = false;
    for (uint32_t i = 0; i < h->refill_count; i++)
        due |= h->refills[i].due;
    for (uint32_t i = 0; !due && i < h->refill_count; i++)
        h->refills[i].due = h->refills[i].any;
    if (!h->looking && !h->base.closing)
        look_next(h);
}

void driver_hub_look_for_keys(struct hub_driver *h, struct bytes site)
{
    struct hub_refill *refill = refill_of(h, site);
    if (refill == NULL || refill->due || h->base.closing)
        return;
    refill->due = true;
    loop_timer_set(h->looker, LOOK_SOON_MS);
}

void driver_hub_keys_came(struct hub_driver *h, struct bytes site)
{
    const struct hub_refill *refill = refill_of(h, site);
    if (refill != NULL && refill->any)
        driver_hub_look_for_keys(h, site);
}

bool driver_hub_load_missing(struct hub_driver *h, struct log_reader *reader, struct bytes site)
{
    struct key_id keys[MISSING_MAX];
    struct hub_refill *refill = refill_of(h, site);
    if (refill == NULL)
        return false;
    size_t count = log_missing_keys(reader, site, ++refill->turn, keys, MISSING_MAX);
    refill->any = count > 0;
    if (refill->any)
        loop_timer_set(h->looker, LOOK_AGAIN_MS);
    return hub_set_missing(h->machine, site, keys, count);
}

/* ---- for the others ---- */

bool driver_hub_refill_open(struct hub_driver *h)
{
    h->looker = loop_timer_new(h->base.daemon->loop, look_now, h);
    return h->looker != NULL;
}

void driver_hub_refill_close(struct hub_driver *h)
{
    loop_timer_free(h->looker);
}
