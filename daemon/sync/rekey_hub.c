/* SPDX-License-Identifier: Apache-2.0 */
/* A device's keys change: what it asked for is written down, both CURVE keys are admitted, and the first message by the
 * new one (or the time) makes the old one a stranger's.
 *
 *   REKEY --> checked --> record with the next keys, durable --> REKEYED … first use --> record with the new keys */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/sync/driver_hub.h"

/* A laptop that is away for longer finds the old key refused, and uses the new one. */
#define OVERLAP_MS (7ll * 24 * 3600 * 1000)

struct asking {
    struct hub_driver *h;
    uint64_t peer, request;
};

/* ---- which devices' keys are changing ---- */

static struct hub_rekey *find(struct hub_driver *h, const struct device_id *device)
{
    for (size_t i = 0; i < h->rekey_count; i++)
        if (device_id_equal(&h->rekeys[i].device, device))
            return &h->rekeys[i];
    return NULL;
}

static void forget(struct hub_driver *h, struct hub_rekey *rekey)
{
    *rekey = h->rekeys[--h->rekey_count];
}

static struct hub_rekey *find_or_add(struct hub_driver *h, const struct device_id *device)
{
    struct hub_rekey *rekey = find(h, device);
    if (rekey != NULL)
        return rekey;
    if (h->rekey_count == h->rekey_cap) {
        size_t cap = h->rekey_cap > 0 ? h->rekey_cap * 2 : 8;
        struct hub_rekey *rekeys = realloc(h->rekeys, cap * sizeof *rekeys);
        if (rekeys == NULL)
            return NULL;
        h->rekeys = rekeys;
        h->rekey_cap = cap;
    }
    rekey = &h->rekeys[h->rekey_count++];
    *rekey = (struct hub_rekey){.device = *device};
    return rekey;
}

bool rekey_admit(struct hub_driver *h, const struct device_record *device)
{
    struct hub_rekey *rekey = find(h, &device->device);
    if (rekey != NULL && memcmp(rekey->next_curve, device->curve, sizeof device->curve) != 0 &&
        memcmp(rekey->next_curve, device->next_curve, sizeof device->curve) != 0)
        net_hub_forget(h->net, rekey->next_curve); /* it wants others now */
    if (device->rekeyed_ms == 0) {
        if (rekey != NULL)
            forget(h, rekey);
        return true;
    }
    struct net_key key = {.kind = device->revoked_ms != 0 ? NET_KEY_REVOKED : NET_KEY_DEVICE, .device = device->device};
    memcpy(key.curve, device->next_curve, sizeof key.curve);
    rekey = find_or_add(h, &device->device);
    if (rekey == NULL)
        return false;
    memcpy(rekey->next_curve, device->next_curve, sizeof rekey->next_curve);
    rekey->until_ms = device->rekeyed_ms + OVERLAP_MS;
    return net_hub_admit(h->net, &key);
}

/* ---- the new keys are the device's ---- */

static void turned(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct hub_driver *h = hub_of(job->driver);
    const struct device_record *device = log_job->device;
    uint8_t *old = job->enrolment;
    struct hub_rekey *rekey = find(h, &device->device);
    if (rekey != NULL)
        rekey->under_way = false;
    if (log_job->code != FELLOE_OK) {
        report(LEVEL_ERROR, "new keys of “%s” of %s could not be written down: %s", device->label, device->worker,
               log_job->error.message);
    } else {
        if (h->net != NULL) {
            net_hub_cut(h->net, old);
            net_hub_forget(h->net, old);
        }
        report(LEVEL_INFO, "“%s” of %s has new keys; the old ones are refused from now on", device->label,
               device->worker);
        driver_device_changed(job->driver, device);
    }
    free(old);
    driver_job_end(job);
}

static void turn(struct hub_driver *h, struct hub_rekey *rekey)
{
    struct driver_job *job = driver_job_new(&h->base, LOG_REKEY, (struct bytes){0}, turned);
    struct device_record *device = calloc(1, sizeof *device);
    uint8_t *old = malloc(CURVE_KEY_SIZE);
    struct log_reader *reader = log_reader_begin(h->base.daemon->log, NULL);
    bool fine = job != NULL && device != NULL && old != NULL && reader != NULL &&
                log_device(reader, &rekey->device, device) && device->rekeyed_ms != 0;
    log_reader_end(reader);
    if (!fine) { /* the next message tries again */
        free(job);
        free(device);
        free(old);
        return;
    }
    memcpy(old, device->curve, CURVE_KEY_SIZE);
    device->box_before = device->box;
    device->box = device->next_box;
    memcpy(device->curve, device->next_curve, sizeof device->curve);
    device->next_box = (struct box_public){{0}};
    memset(device->next_curve, 0, sizeof device->next_curve);
    device->rekeyed_ms = 0;
    job->job.device = device;
    job->enrolment = old;
    rekey->under_way = true;
    driver_job_submit(job);
}

void rekey_look(struct hub_driver *h, const struct net_key *key)
{
    for (size_t i = 0; i < h->rekey_count; i++) {
        struct hub_rekey *rekey = &h->rekeys[i];
        bool used = key->kind == NET_KEY_DEVICE && memcmp(key->curve, rekey->next_curve, sizeof key->curve) == 0;
        if (!rekey->under_way && (used || rekey->until_ms <= h->last_contact_ms))
            turn(h, rekey);
    }
}

/* ---- asked ---- */

static void answer(const struct asking *asking)
{
    struct hub_driver *h = asking->h;
    struct buffer header = {0};
    struct lent nothing = {0};
    h->message.kind = MSG_REKEYED;
    h->message.request = asking->request;
    message_encode(&h->message, &header);
    driver_hub_send(h, asking->peer, &header, &nothing);
}

static void written(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct asking *asking = job->enrolment;
    struct hub_driver *h = hub_of(job->driver);
    if (log_job->code != FELLOE_OK) {
        driver_hub_refuse(h, asking->peer, asking->request, REFUSED_BUSY,
                          "The hub could not write the new keys down. It is asked again.");
    } else {
        report(LEVEL_INFO, "“%s” of %s asked for new keys: it is let in with either until it uses them",
               log_job->device->label, log_job->device->worker);
        driver_device_changed(job->driver, log_job->device);
        answer(asking);
    }
    free(asking);
    driver_job_end(job);
}

/* What nobody else may have: the allow-list goes by it. */
struct search {
    const struct device_id *device;
    const uint8_t *curve;
    bool taken;
};

static bool look_at_device(void *context, const struct device_record *device)
{
    struct search *search = context;
    bool other = !device_id_equal(&device->device, search->device);
    search->taken |= other && (memcmp(device->curve, search->curve, CURVE_KEY_SIZE) == 0 ||
                               memcmp(device->next_curve, search->curve, CURVE_KEY_SIZE) == 0);
    return !search->taken;
}

static bool look_at_ticket(void *context, const struct ticket_record *ticket)
{
    struct search *search = context;
    search->taken |= memcmp(ticket->curve, search->curve, CURVE_KEY_SIZE) == 0;
    return !search->taken;
}

/* Not every 32 bytes are a key; see check_join. */
static bool are_keys(const struct identity *me, const struct msg_rekey *rekey)
{
    struct box_shared shared;
    struct box_public curve;
    struct box_secret curve_secret;
    memcpy(curve.b, rekey->curve, sizeof curve.b);
    memcpy(curve_secret.b, me->curve_secret, sizeof curve_secret.b);
    bool fine = box_shared_of(&shared, &rekey->box, &me->box_secret) && box_shared_of(&shared, &curve, &curve_secret);
    sodium_memzero(&shared, sizeof shared);
    sodium_memzero(&curve_secret, sizeof curve_secret);
    return fine;
}

static const char *problem(struct hub_driver *h, struct log_reader *reader, const struct device_record *device)
{
    const struct msg_rekey *rekey = &h->message.rekey;
    const struct identity *me = &h->base.daemon->identity;
    struct search search = {.device = &device->device, .curve = rekey->curve};
    if (!rekey_verify(&device->sign, &me->sign_public, rekey))
        return "The request for new keys is not signed as it should be.";
    if (!are_keys(me, rekey))
        return "The request for new keys brings a key that is none.";
    log_devices(reader, look_at_device, &search);
    if (!search.taken)
        log_tickets(reader, look_at_ticket, &search);
    return search.taken ? "Another laptop has this key." : NULL;
}

static bool is_known(const struct msg_rekey *rekey, const struct box_public *box, const uint8_t *curve)
{
    return memcmp(&rekey->box, box, sizeof *box) == 0 && memcmp(rekey->curve, curve, sizeof rekey->curve) == 0;
}

void rekey_asked(struct hub_driver *h, uint64_t peer, const struct net_key *key)
{
    const struct msg_rekey *rekey = &h->message.rekey;
    struct asking asking = {h, peer, h->message.request}, *kept = NULL;
    struct driver_job *job = NULL;
    struct device_record *device = calloc(1, sizeof *device);
    struct log_reader *reader = device != NULL ? log_reader_begin(h->base.daemon->log, NULL) : NULL;
    bool there = reader != NULL && log_device(reader, &key->device, device);
    const char *why = there ? problem(h, reader, device) : "The hub cannot read its log. Try again in a minute.";
    log_reader_end(reader);
    bool known = there && why == NULL && (is_known(rekey, &device->box, device->curve) ||
                                          is_known(rekey, &device->next_box, device->next_curve));
    if (known) {
        answer(&asking);
    } else if (why != NULL) {
        driver_hub_refuse(h, peer, asking.request, there ? REFUSED_MALFORMED : REFUSED_BUSY, why);
    } else if ((kept = malloc(sizeof *kept)) != NULL &&
               (job = driver_job_new(&h->base, LOG_REKEY, (struct bytes){0}, written)) != NULL) {
        *kept = asking;
        device->next_box = rekey->box;
        memcpy(device->next_curve, rekey->curve, sizeof device->next_curve);
        device->rekeyed_ms = clock_wall_ms();
        job->job.device = device;
        job->enrolment = kept;
        driver_job_submit(job);
        return;
    }
    free(kept);
    free(device); /* without memory it is asked again */
}
