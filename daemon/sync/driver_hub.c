/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's driver: messages, ticks and completions in; sends and commits out. */
#include "daemon/sync/driver_hub.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "proto/event/look.h"

#define FULL_PROBE_MS 5000
/* How old the machine's word of when laptops were heard may be when somebody wants to know. */
#define LOOK_EVERY_MS 5000
/* A ticket that expired is answered in words for this long; then its key is a stranger's. */
#define EXPIRED_KEPT_MS (14ll * 24 * 3600 * 1000)

size_t driver_hub_size(void)
{
    return sizeof(struct hub_driver);
}

static void perform(struct hub_driver *h, struct hub_output *output);

void driver_hub_step(struct hub_driver *h, struct hub_input *input)
{
    if (h->machine == NULL || h->base.restarting) {
        lent_return(&input->body);
        return;
    }
    input->now_ms = clock_steady_ms();
    hub_step(h->machine, input, &h->outputs);
    for (size_t i = 0; i < h->outputs.count && !h->base.restarting; i++)
        perform(h, &h->outputs.items[i]);
    bool failed = h->outputs.failed;
    hub_outputs_clear(&h->outputs);
    if (failed)
        driver_restart(&h->base, "out of memory");
    driver_retick(&h->base);
}

/* ---- outputs ---- */

void driver_hub_send(struct hub_driver *h, uint64_t peer, struct buffer *header, struct lent *body)
{
    if (h->net != NULL) {
        net_hub_send(h->net, peer, header, body);
    } else { /* closing */
        buffer_release(header);
        lent_return(body);
    }
}

void driver_hub_refuse(struct hub_driver *h, uint64_t peer, uint64_t request, enum refusal reason, const char *text)
{
    struct buffer header = {0};
    struct lent nothing = {0};
    h->message.kind = MSG_REFUSED;
    h->message.request = request;
    h->message.refused = (struct msg_refused){.reason = reason, .text = bytes_str(text)};
    message_encode(&h->message, &header);
    driver_hub_send(h, peer, &header, &nothing);
}

/* Of a backlog nothing is folded, while nobody waits for it, before more of it has come: that took a third of the
 * processor time of the road. */
static void tell_projector(struct hub_driver *h, const struct log_job *job)
{
    struct projector *projector = h->base.daemon->projector;
    if (projector != NULL && job->kind == LOG_KEEP_PUSH && job->batch->count >= BACKLOG_ENTRIES)
        projector_expect(projector);
}

static void kept(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct hub_driver *h = hub_of(job->driver);
    if (log_job->code != FELLOE_OK) {
        driver_restart(job->driver, log_job->error.message);
    } else {
        driver_works(job->driver);
        tell_projector(h, log_job);
        if (log_job->kind == LOG_KEEP_PUSH) { /* first: its range is read while the receipt is signed */
            struct hub_input grew = {.kind = HUB_GREW,
                                     .ticket = job->ticket,
                                     .at = log_job->at,
                                     .site = bytes_str(log_job->site),
                                     .head = log_job->head,
                                     .fresh = log_job->first_keys ? NULL : log_job->batch};
            driver_hub_step(h, &grew);
            h->set_back = false;
        }
        struct hub_input done = {.kind = HUB_KEPT,
                                 .ticket = job->ticket,
                                 .ok = true,
                                 .at = log_job->at,
                                 .missing = log_job->missing,
                                 .missing_count = log_job->missing_count};
        driver_hub_step(h, &done);
        if (log_job->new_key_count > 0)
            driver_hub_keys_came(h, bytes_str(log_job->site));
        if (log_job->missing_count > 0)
            driver_hub_look_for_keys(h, bytes_str(log_job->site));
    }
    driver_job_end(job);
}

/* A device speaks for the site it pushes to: a key "of" another site would come to be used, or handed out, there. And
 * it brings keys of people and of audiences: the site's own are the hub's to make, or whoever is in the site could
 * replace them. But a hub that has lost its own gets it back, and that of a person of another site who is with this one
 * too: it knows them by what it wrote under them itself.
 *
 * Whose device makes a restricted key is one of its members. Another's would be one that the members' devices come to
 * write under, and that whoever made it can read along with. */
static bool may_bring(struct log_reader *reader, const char *site, const char *worker, const struct key_record *key)
{
    const bool same_site = strcmp(key->site, site) == 0, of_site = key->kind == KEY_SITE;
    if (key_kind_restricted(key->kind) && !audience_has(&key->members, bytes_str(worker)))
        return false;
    if (same_site != of_site)
        return same_site;
    return reader != NULL && log_hub_used_key_first(reader, bytes_str(site), &key->id);
}

void driver_hub_leave_out_keys(struct hub_driver *h, const char *site, const struct device_id *from,
                               struct key_record *keys, size_t *count)
{
    size_t kept_keys = 0;
    struct device_record device = {0};
    struct log_reader *reader = *count > 0 ? log_reader_begin(h->base.daemon->log, NULL) : NULL;
    if (reader != NULL && !log_device(reader, from, &device))
        device.worker[0] = '\0';
    for (size_t i = 0; i < *count; i++)
        if (may_bring(reader, site, device.worker, &keys[i]))
            keys[kept_keys++] = keys[i];
    log_reader_end(reader);
    if (kept_keys < *count) {
        char hex[33];
        hex_encode(bytes_of(from->b, sizeof from->b), hex);
        report(LEVEL_WARNING, "device %.8s: %zu key%s for %s that it may not bring %s left out", hex,
               *count - kept_keys, *count - kept_keys == 1 ? "" : "s", site, *count - kept_keys == 1 ? "was" : "were");
        sodium_memzero(keys + kept_keys, (*count - kept_keys) * sizeof *keys);
    }
    *count = kept_keys;
}

/* Wrapped for somebody else, or altered on the way. */
static void tell_unopened(const struct hub_output *output, const char *site, size_t count)
{
    char hex[33];
    if (count == 0)
        return;
    hex_encode(bytes_of(output->device.b, sizeof output->device.b), hex);
    report(LEVEL_WARNING, "device %.8s: %zu key%s for %s could not be opened and %s left out", hex, count,
           count == 1 ? "" : "s", site, count == 1 ? "was" : "were");
}

static void keep(struct hub_driver *h, struct hub_output *output, enum log_job_kind kind)
{
    struct driver_job *job = driver_job_new(&h->base, kind, output->site, kept);
    const struct box_pairs *pairs = driver_hub_pairs(h, &output->device);
    if (job == NULL || pairs == NULL) {
        free(job);
        driver_restart(&h->base, "out of memory");
        return;
    }
    struct bytes keys = output->body.bytes;
    uint32_t key_count = output->count;
    if (output->batch != NULL) {
        keys = output->batch->keys;
        key_count = output->batch->key_count;
    }
    job->ticket = output->ticket;
    job->job.batch = output->batch;
    job->job.from = output->device;
    output->batch = NULL;
    job->job.new_keys = driver_unwrap(&h->base, keys, key_count, pairs, &job->job.new_key_count);
    tell_unopened(output, job->job.site, key_count - job->job.new_key_count);
    driver_hub_leave_out_keys(h, job->job.site, &output->device, job->job.new_keys, &job->job.new_key_count);
    driver_job_submit(job);
}

static void perform(struct hub_driver *h, struct hub_output *output)
{
    char device[33];
    switch (output->kind) {
    case HUB_SEND:
        driver_hub_send(h, output->peer, &output->header, &output->body);
        break;
    case HUB_KEEP:
        keep(h, output, LOG_KEEP_PUSH);
        break;
    case HUB_KEEP_KEYS:
        keep(h, output, LOG_KEEP_KEYS);
        break;
    case HUB_READ:
    case HUB_READ_KEYS:
    case HUB_HASH:
        driver_hub_read(h, output);
        break;
    case HUB_KEEP_OFFER:
        driver_hub_keep_offer(h, output);
        break;
    case HUB_NEXT_EPOCH:
        h->above = output->from.epoch;
        driver_hub_next_epoch(h, h->above);
        break;
    case HUB_KEEP_ASIDE:
        driver_hub_keep_aside(h, output);
        break;
    case HUB_HEARD: /* the machine remembers it too; asked there when somebody wants to know */
        break;
    case HUB_INCIDENT:
        hex_encode(bytes_of(output->device.b, sizeof output->device.b), device);
        report(LEVEL_WARNING, "device %.8s: %s", device, output->text);
        snprintf(h->incident, sizeof h->incident, "device %.8s: %.180s", device, output->text);
        break;
    }
}

/* ---- the network ---- */

static void heard_alive(void *context, uint64_t peer, uint64_t heard_ms)
{
    struct hub_driver *h = context;
    const uint64_t now = clock_steady_ms();
    if (h->machine != NULL)
        hub_alive(h->machine, peer, now, heard_ms, clock_wall_ms() - (int64_t)(now - heard_ms));
}

/* PULLs that are held back are silent for half an hour: the transport knows who is there. */
static void look_who_is_there(struct hub_driver *h)
{
    const uint64_t now = clock_steady_ms();
    if (h->net == NULL || now - h->looked_ms < LOOK_EVERY_MS)
        return;
    h->looked_ms = now;
    net_hub_look(h->net, heard_alive);
}

static void probed(struct log_job *log_job)
{
    driver_job_end(driver_job_of(log_job));
}

/* The log finds out whether there is room again when it is given something to do. */
static void probe_log(struct hub_driver *h)
{
    uint64_t now = clock_steady_ms();
    struct driver_job *job =
        now - h->probed_ms >= FULL_PROBE_MS ? driver_job_new(&h->base, LOG_KEEP_KEYS, (struct bytes){0}, probed) : NULL;
    if (job == NULL)
        return;
    h->probed_ms = now;
    driver_job_submit(job);
}

static bool brings_something(enum message_kind kind)
{
    return kind == MSG_PUSH || kind == MSG_OFFER || kind == MSG_JOIN || kind == MSG_REKEY;
}

/* True when the driver itself has answered: a ticket's holder, a disk that is full. */
static bool answer_here(struct hub_driver *h, uint64_t peer, const struct net_key *key, struct bytes header)
{
    bool full = event_log_full(h->base.daemon->log);
    bool rekey = key->kind == NET_KEY_DEVICE && message_kind_of(header) == MSG_REKEY;
    if (key->kind != NET_KEY_TICKET && !full && !rekey)
        return false; /* the machine knows what a revoked one may */
    struct message *message = &h->message;
    bool well_formed = message_decode(header, message);
    if (full && brings_something(message->kind)) {
        probe_log(h);
        driver_hub_refuse(h, peer, message->request, REFUSED_BUSY,
                          "The hub's disk is full. What is on this laptop is safe and is shared once there is room.");
        return true;
    }
    if (rekey && well_formed)
        rekey_asked(h, peer, key);
    if (key->kind != NET_KEY_TICKET)
        return rekey && well_formed;
    if (well_formed && message->kind == MSG_JOIN)
        enrol(h, peer, key);
    else
        driver_hub_refuse(h, peer, message->request, well_formed ? REFUSED_UNKNOWN : REFUSED_MALFORMED,
                          "A ticket is for joining, with a felloe of this version.");
    return true;
}

static void on_message(void *context, uint64_t peer, const struct net_key *key, struct bytes header, struct lent *body)
{
    struct hub_driver *h = context;
    h->last_contact_ms = clock_wall_ms();
    if (h->machine == NULL || h->base.restarting)
        return;
    rekey_look(h, key);
    if (answer_here(h, peer, key, header))
        return;
    h->speaking = peer;
    if (message_kind_of(header) == MSG_HELLO)
        look_who_is_there(h); /* WELCOME tells */
    if (h->speaking != peer)
        return; /* it was cut: the machine would take it for a new one, which nobody ever tells it is gone */
    struct hub_input input = {.kind = HUB_MESSAGE,
                              .wall_ms = h->last_contact_ms,
                              .peer = peer,
                              .device = key->device,
                              .header = header,
                              .body = *body};
    *body = (struct lent){0};
    driver_hub_step(h, &input);
}

static void on_gone(void *context, uint64_t peer)
{
    struct hub_driver *h = context;
    struct hub_input input = {.kind = HUB_PEER_GONE, .peer = peer};
    if (h->speaking == peer)
        h->speaking = 0;
    driver_hub_step(h, &input);
}

static void on_missed(void *context, uint64_t peer)
{
    struct hub_input input = {.kind = HUB_PEER_MISSED, .peer = peer};
    driver_hub_step(context, &input);
}

/* ---- life ---- */

/* A machine that was made afresh knows of no PULL that is held back, and nobody would ask again for half an hour. */
static void greet_anew(void *context, uint64_t peer, const struct net_key *key)
{
    if (key->kind == NET_KEY_DEVICE)
        driver_hub_refuse(context, peer, 0, REFUSED_HELLO_FIRST, "The hub has begun afresh: say HELLO again.");
}

struct loading {
    struct hub_driver *h;
    struct bytes site;
    bool failed;
};

static bool load_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    struct loading *loading = context;
    return hub_load_stream(loading->h->machine, loading->site, device, incarnation, head);
}

static bool load_device(void *context, const struct device_record *device)
{
    struct loading *loading = context;
    loading->failed |= !driver_hub_admit(loading->h, device);
    return !loading->failed;
}

static bool load_ticket(void *context, const struct ticket_record *ticket)
{
    struct loading *loading = context;
    if (ticket->expires_ms + EXPIRED_KEPT_MS > clock_wall_ms())
        driver_ticket_added(&loading->h->base, ticket);
    return true;
}

static bool load_site(struct hub_driver *h, struct log_reader *reader, struct bytes site)
{
    struct loading loading = {.h = h, .site = site};
    struct log_head heads[SEEN_MAX];
    const uint32_t epoch = event_log_epoch(h->base.daemon->log);
    if (!hub_load_site(h->machine, site))
        return false;
    size_t count = log_heads(reader, site, heads);
    for (size_t j = 0; j < count; j++)
        if (!hub_load_head(h->machine, site, &heads[j]))
            return false;
    h->epochs = count > h->epochs ? (unsigned)count : h->epochs;
    for (size_t j = 0; j < count && !site_is_audit(site); j++)
        h->set_back &= heads[j].at.epoch < epoch;
    return log_streams(reader, site, load_stream, &loading);
}

static bool load_sites(struct hub_driver *h, struct log_reader *reader)
{
    char name[SLUG_MAX + 1];
    h->set_back = event_log_epoch(h->base.daemon->log) > 1;
    h->epochs = 0;
    for (size_t i = 0; log_site_at(reader, i, name); i++)
        if (!load_site(h, reader, bytes_str(name)) || !driver_hub_load_missing(h, reader, bytes_str(name)))
            return false;
    return load_site(h, reader, bytes_str(AUDIT_SITE));
}

static enum felloe_code load(struct driver *driver, struct felloe_error *error)
{
    struct hub_driver *h = hub_of(driver);
    const struct identity *me = &driver->daemon->identity;
    const struct hub_config config = {
        .hub = me->device, .epoch = event_log_epoch(driver->daemon->log), .sign = me->sign_secret};
    if (h->above != 0) { /* the next position would be another event's already: once more, and until then none */
        driver_hub_next_epoch(h, h->above);
        return FELLOE_OK;
    }
    struct log_reader *reader = log_reader_begin(driver->daemon->log, error);
    if (reader == NULL)
        return FELLOE_STORAGE;
    struct loading loading = {.h = h};
    h->machine = hub_new(&config);
    bool loaded = h->machine != NULL && load_sites(h, reader) && log_devices(reader, load_device, &loading) &&
                  driver_hub_load_aside(h, reader) &&
                  !loading.failed && log_tickets(reader, load_ticket, &loading) && !log_reader_failed(reader, NULL);
    log_reader_end(reader);
    if (!loaded)
        return felloe_fail(error, FELLOE_FAILED, "what the log holds could not be loaded into memory");
    hub_set_terms(h->machine, &driver->daemon->terms);
    driver_hub_look_at_place(h);
    net_hub_each(h->net, greet_anew);
    return FELLOE_OK;
}

static void unload(struct driver *driver)
{
    struct hub_driver *h = hub_of(driver);
    hub_outputs_clear(&h->outputs);
    hub_free(h->machine);
    h->machine = NULL;
}

static enum felloe_code open_hub(struct driver *driver, struct felloe_error *error)
{
    struct hub_driver *h = hub_of(driver);
    const struct daemon *daemon = driver->daemon;
    const struct net_hub_config config = {.loop = daemon->loop,
                                          .listen = daemon->config.listen,
                                          .curve_public = daemon->identity.curve_public,
                                          .curve_secret = daemon->identity.curve_secret,
                                          .context = h,
                                          .message = on_message,
                                          .gone = on_gone,
                                          .missed = on_missed};
    h->box_index.key_size = sizeof(struct device_id);
    if (!driver_hub_refill_open(h) || !driver_hub_copy_open(h))
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    enum felloe_code code = net_hub_open(&h->net, &config, error);
    if (code == FELLOE_OK)
        report(LEVEL_INFO, "listening at %s; the door was tried: strangers are refused", config.listen);
    return code;
}

static void hang_up(struct driver *driver)
{
    struct hub_driver *h = hub_of(driver);
    net_hub_close(h->net);
    h->net = NULL;
    unload(driver);
}

static void close_hub(struct driver *driver)
{
    struct hub_driver *h = hub_of(driver);
    hub_outputs_release(&h->outputs);
    driver_hub_refill_close(h);
    driver_hub_copy_close(h);
    if (h->boxes != NULL)
        sodium_memzero(h->boxes, h->box_count * sizeof *h->boxes);
    free(h->boxes);
    table_release(&h->box_index);
    free(h->rekeys);
}

static void tick(struct driver *driver)
{
    struct hub_input input = {.kind = HUB_TICK};
    driver_hub_step(hub_of(driver), &input);
}

static uint64_t deadline(const struct driver *driver)
{
    const struct hub_driver *h = (const struct hub_driver *)driver;
    return h->machine != NULL ? hub_deadline(h->machine) : UINT64_MAX;
}

static void recorded(struct driver *driver, struct log_job *job)
{
    struct hub_input input = {.kind = HUB_GREW, .site = bytes_str(job->site), .head = job->head};
    if (job->head.at.n == 0)
        return;
    hub_of(driver)->set_back = false;
    driver_hub_step(hub_of(driver), &input);
}

static void need_keys(struct driver *driver, struct bytes site, const struct key_id *keys, size_t count)
{
    (void)driver, (void)site, (void)keys, (void)count; /* a RECEIPT asks the device that wrote under them */
}

static void views_changed(struct driver *driver)
{
    driver_hub_copy(hub_of(driver));
}

/* ---- status ---- */

static void status(struct driver *driver, struct link_status *out)
{
    struct hub_driver *h = hub_of(driver);
    look_who_is_there(h);
    out->reachable = h->net != NULL;
    out->last_contact_ms = h->last_contact_ms;
    snprintf(out->notice, sizeof out->notice, "%s",
             h->set_back ? "The hub was put back to an older state. Laptops bring back what it lacks." : h->incident);
    for (size_t i = 0; h->machine != NULL && i < hub_device_count(h->machine); i++) {
        struct hub_device_status device;
        hub_device_status(h->machine, i, &device);
        out->connected += device.connected;
    }
}

static void site_status(struct driver *driver, struct bytes site, struct site_link *out)
{
    struct log_head heads[SEEN_MAX];
    struct log_reader *reader = log_reader_begin(driver->daemon->log, NULL);
    if (reader == NULL)
        return;
    size_t count = log_heads(reader, site, heads);
    if (count > 0)
        out->head = heads[count - 1].at;
    log_reader_end(reader);
    char name[SLUG_MAX + 1];
    if (bytes_to_text(site, name, sizeof name))
        happened_refill_text(&driver->daemon->happened, name, clock_steady_ms(), out->notice);
}

static bool device_heard(struct driver *driver, const struct device_id *device, struct device_heard *out)
{
    struct hub_driver *h = hub_of(driver);
    look_who_is_there(h);
    for (size_t i = 0; h->machine != NULL && i < hub_device_count(h->machine); i++) {
        struct hub_device_status found;
        hub_device_status(h->machine, i, &found);
        if (device_id_equal(&found.device, device)) {
            *out = (struct device_heard){*device, found.heard_ms, found.waiting};
            return true;
        }
    }
    return false;
}

const struct driver_role driver_hub_role = {
    .open = open_hub,
    .close = close_hub,
    .hang_up = hang_up,
    .tick = tick,
    .deadline = deadline,
    .load = load,
    .unload = unload,
    .recorded = recorded,
    .need_keys = need_keys,
    .views_changed = views_changed,
    .status = status,
    .site_status = site_status,
    .device_heard = device_heard,
};
