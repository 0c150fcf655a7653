/* SPDX-License-Identifier: Apache-2.0 */
/* What laptops that were revoked hand over: into the log's quarantine, and out of it once somebody looked. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/log_aside.h"
#include "daemon/report.h"
#include "daemon/sync/driver_hub.h"

struct keeping {
    struct driver_job job; /* first: what is freed is this */
    struct log_aside aside;
};

static void tell(const struct log_aside *aside, const char *site)
{
    char device[33];
    static struct report_often often; /* it may come in small pieces */
    hex_encode(bytes_of(aside->device.b, sizeof aside->device.b), device);
    if (aside->full && report_again(&often, clock_steady_ms()))
        report(LEVEL_WARNING, "device %.8s was revoked, and hands over more than there is room for in quarantine: "
               "`felloe hub quarantine` shows what is there", device);
    else if (aside->count > 0)
        report(LEVEL_WARNING, "device %.8s was revoked, and handed over %llu entr%s for '%s', kept aside: see "
               "`felloe hub quarantine`", device, (unsigned long long)aside->count, aside->count == 1 ? "y" : "ies",
               site);
}

static void kept_aside(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct hub_driver *h = hub_of(job->driver);
    const struct log_aside *aside = log_job->aside;
    if (log_job->code != FELLOE_OK) {
        driver_restart(job->driver, log_job->error.message);
    } else {
        driver_works(job->driver);
        tell(aside, log_job->batch->site);
        struct hub_input done = {
            .kind = HUB_KEPT, .ticket = job->ticket, .ok = true, .full = aside->full, .aside = aside->head};
        driver_hub_step(h, &done);
    }
    driver_job_end(job);
}

void driver_hub_keep_aside(struct hub_driver *h, struct hub_output *output)
{
    struct keeping *k = calloc(1, sizeof *k);
    if (k == NULL) {
        driver_restart(&h->base, "out of memory");
        return;
    }
    k->aside = (struct log_aside){.device = output->device, .wall_ms = clock_wall_ms()};
    k->job.driver = &h->base;
    k->job.ticket = output->ticket;
    k->job.job.kind = LOG_KEEP_ASIDE;
    k->job.job.done = kept_aside;
    k->job.job.aside = &k->aside;
    k->job.job.batch = output->batch;
    output->batch = NULL;
    driver_job_submit(&k->job);
}

/* ---- at the start ---- */

static bool load_stream(void *context, const struct aside_stream *stream)
{
    struct hub_driver *h = context;
    const struct stream_head head = {.seq = stream->head_seq, .id = stream->head_id};
    /* Of a site that is there no more nothing is loaded. */
    return stream->head_seq == 0 || !hub_load_site(h->machine, bytes_str(stream->site)) ||
           hub_load_aside(h->machine, bytes_str(stream->site), &stream->device, stream->incarnation, &head);
}

bool driver_hub_load_aside(struct hub_driver *h, struct log_reader *reader)
{
    return log_aside_streams(reader, NULL, load_stream, h);
}

/* ---- taking in ---- */

struct gathering {
    struct keyring *keyring;
    struct buffer records;
    uint32_t count;
};

static bool gather(void *context, struct bytes record)
{
    struct gathering *g = context;
    struct mp_reader r MP_UNSET;
    struct key_record key;
    mp_reader_init(&r, record);
    if (mp_next(&r) && key_record_read(&r, &key) && keyring_erased_owner(g->keyring, &key, NULL))
        return true; /* it goes with the next erasure or start; meanwhile it opens nothing */
    buffer_append(&g->records, record.data, record.len);
    g->count++;
    return !g->records.failed;
}

struct key_record *driver_aside_keys(struct driver *driver, const struct device_id *device, const char *site,
                                     size_t *count)
{
    struct hub_driver *h = hub_of(driver);
    struct gathering g = {.keyring = driver->daemon->keyring};
    struct key_record *keys = NULL;
    *count = 0;
    const struct box_pairs *pairs = driver_hub_pairs(h, device);
    struct log_reader *reader = log_reader_begin(driver->daemon->log, NULL);
    if (reader != NULL && pairs != NULL && log_aside_keys(reader, device, bytes_str(site), gather, &g))
        keys = driver_unwrap(driver, buffer_bytes(&g.records), g.count, pairs, count);
    log_reader_end(reader);
    buffer_release(&g.records);
    if (keys != NULL)
        driver_hub_leave_out_keys(h, site, device, keys, count);
    return keys;
}

void driver_aside_taken(struct driver *driver, const struct log_job *job)
{
    struct hub_driver *h = hub_of(driver);
    const struct log_aside *aside = job->aside;
    const struct bytes site = bytes_str(job->site);
    if (aside->count == 0 || driver->closing || driver->restarting || h->machine == NULL)
        return; /* a new machine reads it all */
    if (!hub_taken(h->machine, site, &aside->device, aside->incarnation, &aside->head)) {
        driver_reload(driver);
        return;
    }
    struct hub_input grew = {.kind = HUB_GREW, .site = site, .head = job->head};
    driver_hub_step(h, &grew);
    h->set_back = false;
    if (job->new_key_count > 0)
        driver_hub_keys_came(h, site);
}
