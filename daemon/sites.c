/* SPDX-License-Identifier: Apache-2.0 */
/* A hub's sites are what its configuration lists; one that is new there gets a key and comes into the log. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/report.h"
#include "daemon/setup/setup.h"

struct site_job {
    struct log_job job;
    struct daemon *daemon;
    struct key_record key;
};

static void added(struct log_job *log_job)
{
    struct site_job *job = (struct site_job *)((char *)log_job - offsetof(struct site_job, job));
    if (log_job->code == FELLOE_OK) {
        report(LEVEL_INFO, "site %s was added", log_job->site);
        if (job->daemon->driver != NULL)
            driver_site_added(job->daemon->driver, bytes_str(log_job->site));
    } else {
        report(LEVEL_ERROR, "site %s could not be added: %s", log_job->site, log_job->error.message);
    }
    struct daemon *daemon = job->daemon;
    bool done = log_job->code == FELLOE_OK;
    sodium_memzero(&job->key, sizeof job->key);
    free(job);
    if (--daemon->sites_adding == 0 && daemon->sites_again && done && daemon->driver != NULL)
        sites_add_new(daemon);
}

static bool is_in_log(struct log_reader *reader, const char *name)
{
    char site[SLUG_MAX + 1];
    for (size_t i = 0; log_site_at(reader, i, site); i++)
        if (strcmp(site, name) == 0)
            return true;
    return false;
}

static void add(struct daemon *daemon, const char *name)
{
    struct site_job *job = calloc(1, sizeof *job);
    if (job == NULL)
        return;
    job->daemon = daemon;
    job->job.kind = LOG_ADD_SITE;
    job->job.done = added;
    memcpy(job->job.site, name, strlen(name));
    const enum felloe_code code = keyring_site_key(daemon->keyring, bytes_str(name), &job->key);
    if (!keyring_was_read(code)) { /* it may have one: a second would be nobody's */
        report(LEVEL_ERROR, "site %s could not be added: the keys cannot be read at the moment", name);
        free(job);
        return;
    }
    if (code != FELLOE_OK) {
        site_key_make(&job->key, name);
        job->job.new_keys = &job->key;
        job->job.new_key_count = 1;
    }
    daemon->sites_adding++;
    event_log_submit(daemon->log, &job->job);
}

static void updated(struct log_job *log_job)
{
    struct site_job *job = (struct site_job *)((char *)log_job - offsetof(struct site_job, job));
    free(log_job->device);
    free(job);
}

/* The hub's own record says which sites it has. */
static void update_own_record(struct daemon *daemon, struct log_reader *reader)
{
    struct site_job *job = calloc(1, sizeof *job);
    struct device_record *device = malloc(sizeof *device);
    if (job == NULL || device == NULL || !log_device(reader, &daemon->identity.device, device)) {
        free(job);
        free(device);
        return;
    }
    memcpy(device->sites, daemon->config.sites, sizeof device->sites);
    device->site_count = daemon->config.site_count;
    job->job.kind = LOG_PUT_DEVICE;
    job->job.device = device;
    job->job.done = updated;
    event_log_submit(daemon->log, &job->job);
}

void sites_add_new(struct daemon *daemon)
{
    if (daemon->config.role != ROLE_HUB)
        return;
    daemon->sites_again = daemon->sites_adding > 0; /* one key a site: what is under way is waited for */
    if (daemon->sites_again)
        return;
    bool any = false;
    struct log_reader *reader = log_reader_begin(daemon->log, NULL);
    for (uint32_t i = 0; reader != NULL && i < daemon->config.site_count; i++)
        if (!is_in_log(reader, daemon->config.sites[i])) {
            add(daemon, daemon->config.sites[i]);
            any = true;
        }
    if (any)
        update_own_record(daemon, reader);
    log_reader_end(reader);
}
