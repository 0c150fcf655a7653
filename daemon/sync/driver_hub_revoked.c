/* SPDX-License-Identifier: Apache-2.0 */
/* That a laptop was revoked is told to all others: device.revoked, in the site that every device is in. It is told
 * once, whenever it is revoked again; and shutting it out does not wait for it. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/sync/driver_hub.h"

struct telling {
    struct log_draft draft; /* first: freed with the job */
    uint8_t fields[512];
};

static void put_field(struct buffer *out, const char *name, const char *value)
{
    mp_put_text(out, name);
    mp_put_text(out, value);
}

/* In the catalogue's order. */
static bool put_fields(struct telling *t, const struct device_record *device, const char *id, size_t *len)
{
    struct buffer fields = {0};
    mp_put_map(&fields, device->why[0] != '\0' ? 3 : 2);
    put_field(&fields, "worker", device->worker);
    put_field(&fields, "device", id);
    if (device->why[0] != '\0')
        put_field(&fields, "why", device->why);
    bool fits = !fields.failed && fields.len <= sizeof t->fields;
    if (fits)
        memcpy(t->fields, fields.data, fields.len);
    *len = fields.len;
    buffer_release(&fields);
    return fits;
}

static void told(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    if (log_job->code == FELLOE_OK)
        driver_recorded(job->driver, log_job);
    else
        report(LEVEL_ERROR, "that a laptop was revoked could not be told to the others: %s", log_job->error.message);
    driver_job_end(job);
}

void driver_hub_tell_revoked(struct hub_driver *h, const struct device_record *device)
{
    struct daemon *daemon = h->base.daemon;
    const struct bytes site = bytes_str("commons");
    char id[33];
    size_t len;
    struct key_record key;
    struct telling *t = calloc(1, sizeof *t);
    hex_encode(bytes_of(device->device.b, sizeof device->device.b), id);
    if (t == NULL || keyring_site_key(daemon->keyring, site, &key) != FELLOE_OK || !put_fields(t, device, id, &len)) {
        report(LEVEL_ERROR, "that a laptop was revoked could not be told to the others");
        free(t);
        return;
    }
    struct log_draft *draft = &t->draft;
    draft->key = key.id;
    sodium_memzero(&key, sizeof key);
    draft->body = (struct event_body){.type = bytes_str("device.revoked"),
                                      .worker = bytes_str(daemon->identity.worker),
                                      .has_origin = true,
                                      .fields = bytes_of(t->fields, len)};
    origin_id_of(bytes_str("felloe device.revoked"), bytes_str(id), &draft->body.origin);
    if (daemon->projector != NULL)
        projector_seen(daemon->projector, site, &draft->seen);
    struct driver_job *job = driver_job_new(&h->base, LOG_RECORD, site, told);
    if (job == NULL) {
        free(t);
        return;
    }
    job->job.drafts = draft;
    job->job.draft_count = 1;
    driver_job_submit(job);
}
