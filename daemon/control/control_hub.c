/* SPDX-License-Identifier: Apache-2.0 */
/* hub.invite, hub.devices, hub.revoke: who is let in. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/control/control_device.h"
#include "daemon/control/control_hub.h"
#include "daemon/control/control_query.h"
#include "proto/event/ticket.h"
#include "proto/event/words.h"

#define SECONDS_MAX (366ll * 24 * 3600)

/* On a laptop the request fails: "WHAT; this is the laptop …", and false. */
static bool hub_only(struct control_request *request, const char *what)
{
    struct felloe_error error;
    if (request->daemon->config.role == ROLE_HUB)
        return true;
    felloe_fail(&error, FELLOE_DENIED, "%s; this is the laptop %s.", what, request->daemon->identity.label);
    control_fail(request, &error);
    return false;
}

void *control_hub_begin(struct control_request *request, size_t size, void (*release)(void *state), const char *what)
{
    if (!hub_only(request, what))
        return NULL;
    void *state = calloc(1, size);
    if (state == NULL) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return NULL;
    }
    request->state = state;
    request->release = release;
    return state;
}

static bool is_hub(struct control_request *request)
{
    return hub_only(request, "Only the hub lets devices in and out");
}

/* ---- invite ---- */

struct inviting {
    struct log_job job;
    struct control_request *request;
    struct ticket_record record;
    struct ticket ticket;
};

static void release_inviting(void *state)
{
    sodium_memzero(state, sizeof(struct inviting));
    free(state);
}

static enum felloe_code take_text(const struct control_request *request, const char *name, char *out,
                                  struct felloe_error *error)
{
    struct bytes text = control_arg_text(request, name);
    if (text.len == 0 || bytes_to_text(text, out, LABEL_MAX + 1))
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_INVALID, "The %s is too long: at most %d bytes.", name, LABEL_MAX);
}

static enum felloe_code add_site(struct control_request *request, struct log_reader *reader,
                                 struct ticket_record *record, struct bytes site, struct felloe_error *error)
{
    struct scope scope;
    if (site.len == 0)
        return felloe_fail(error, FELLOE_INVALID, "A site's name is empty.");
    enum felloe_code code = scope_of(request->daemon, reader, site, true, &scope, error);
    if (code != FELLOE_OK)
        return code;
    for (uint32_t i = 0; i < record->site_count; i++)
        if (strcmp(record->sites[i], scope.sites[0]) == 0)
            return FELLOE_OK;
    if (record->site_count == SITES_MAX)
        return felloe_fail(error, FELLOE_INVALID, "One device can be in at most %u sites.", SITES_MAX);
    memcpy(record->sites[record->site_count++], scope.sites[0], sizeof scope.sites[0]);
    return FELLOE_OK;
}

/* The sites asked for, and commons, which every device is in. */
static enum felloe_code take_sites(struct control_request *request, struct ticket_record *record,
                                   struct felloe_error *error)
{
    const struct control_arg *sites = control_arg(request, "sites");
    struct bytes one = control_arg_text(request, "site");
    struct log_reader *reader = log_reader_begin(request->daemon->log, error);
    if (!reader)
        return error->code;
    enum felloe_code code = FELLOE_OK;
    if (one.len > 0)
        code = add_site(request, reader, record, one, error);
    for (uint32_t i = 0; sites && i < sites->text_count && code == FELLOE_OK; i++)
        code = add_site(request, reader, record, request->texts[sites->first_text + i], error);
    if (code == FELLOE_OK && record->site_count == 0)
        code = felloe_fail(error, FELLOE_USAGE, "Say which sites the laptop is let into.");
    if (code == FELLOE_OK)
        code = add_site(request, reader, record, bytes_str("commons"), error);
    log_reader_end(reader);
    return code;
}

enum felloe_code control_hub_address(const struct config *config, struct ticket *ticket, struct felloe_error *error)
{
    const char *address = config->advertise[0] ? config->advertise : config->listen;
    const char *host = strstr(address, "://");
    host = host ? host + 3 : address;
    if (!config->advertise[0] && (*host == '*' || strncmp(host, "0.0.0.0:", 8) == 0 || strncmp(host, "[::]:", 5) == 0))
        return felloe_fail(error, FELLOE_INVALID,
                           "The hub listens on every address (%s), and a ticket has to name one: set `advertise` in "
                           "felloe.conf to the address that laptops reach it by, and send felloed a SIGHUP.",
                           address);
    if (!bytes_to_text(bytes_str(address), ticket->address, sizeof ticket->address))
        return felloe_fail(error, FELLOE_INVALID, "The hub's address is too long for a ticket.");
    return FELLOE_OK;
}

static enum felloe_code make_ticket(struct control_request *request, struct inviting *v, struct felloe_error *error)
{
    const struct daemon *daemon = request->daemon;
    struct bytes worker = control_arg_text(request, "worker");
    int64_t seconds = control_arg_integer(request, "seconds", daemon->config.ticket_hours * 3600ll);
    enum felloe_code code = take_sites(request, &v->record, error);
    if (code == FELLOE_OK && (!slug_valid(worker) || !bytes_to_text(worker, v->record.worker, sizeof v->record.worker)))
        code = felloe_fail(error, FELLOE_INVALID, "Say whose laptop it is: a worker's id of a-z, 0-9 and -, at most %d "
                                                  "characters.", SLUG_MAX);
    if (code == FELLOE_OK && strcmp(v->record.worker, HUB_WORKER) == 0)
        code = felloe_fail(error, FELLOE_INVALID, "%s is who the hub itself records as: give the worker another id.",
                           HUB_WORKER);
    if (code == FELLOE_OK && (seconds < 1 || seconds > SECONDS_MAX))
        code = felloe_fail(error, FELLOE_INVALID, "A ticket is good for a second to %lld days.", SECONDS_MAX / 86400);
    if (code == FELLOE_OK)
        code = take_text(request, "name", v->record.name, error);
    if (code == FELLOE_OK)
        code = take_text(request, "role", v->record.role, error);
    if (code == FELLOE_OK)
        code = take_text(request, "agency", v->record.agency, error);
    if (code == FELLOE_OK)
        code = control_hub_address(&daemon->config, &v->ticket, error);
    if (code != FELLOE_OK)
        return code;
    crypto_box_keypair(v->record.curve, v->ticket.curve_secret);
    memcpy(v->ticket.hub_curve, daemon->identity.curve_public, sizeof v->ticket.hub_curve);
    v->ticket.hub_sign = daemon->identity.sign_public;
    v->record.made_ms = clock_wall_ms();
    v->record.expires_ms = v->ticket.expires_ms = v->record.made_ms + seconds * 1000;
    return FELLOE_OK;
}

static void ticket_kept(struct log_job *job)
{
    struct inviting *v = job->context;
    struct control_request *request = v->request;
    char text[TICKET_TEXT_MAX];
    struct felloe_error error;
    if (job->code != FELLOE_OK) {
        control_fail(request, &job->error);
        return;
    }
    driver_ticket_added(request->daemon->driver, &v->record);
    if (!ticket_format(&v->ticket, text)) {
        felloe_fail(&error, FELLOE_INVALID, "The hub's address is too long for a ticket.");
        control_fail(request, &error);
        return;
    }
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 2);
    mp_put_text(&request->out, "ticket");
    mp_put_text(&request->out, text);
    mp_put_text(&request->out, "expires");
    mp_put_int(&request->out, v->ticket.expires_ms);
    control_frame_end(&request->out, begin);
    sodium_memzero(text, sizeof text);
    control_finish(request);
}

void control_verb_HUB_INVITE(struct control_request *request)
{
    struct felloe_error error = {FELLOE_FAILED, "Memory ran out."};
    if (!is_hub(request))
        return;
    struct inviting *v = calloc(1, sizeof *v);
    if (!v) {
        control_fail(request, &error);
        return;
    }
    request->state = v;
    request->release = release_inviting;
    v->request = request;
    if (make_ticket(request, v, &error) != FELLOE_OK) {
        control_fail(request, &error);
        return;
    }
    v->job = (struct log_job){.kind = LOG_PUT_TICKET, .done = ticket_kept, .context = v, .ticket = &v->record};
    event_log_submit(request->daemon->log, &v->job);
}

/* ---- devices ---- */

struct listing {
    struct control_request *request;
    struct control_data data;
};

static bool list_device(void *context, const struct device_record *device)
{
    struct listing *listing = context;
    struct buffer *out = &listing->request->out;
    struct device_heard heard = {0};
    char words[WORDS_TEXT_MAX] = "";
    bool known = driver_device_heard(listing->request->daemon->driver, &device->device, &heard);
    control_data_item(&listing->data, out);
    mp_put_map(out, 13);
    mp_put_text(out, "device");
    mp_put_bin(out, device->device.b, sizeof device->device.b);
    mp_put_pair(out, "label", device->label);
    mp_put_pair(out, "worker", device->worker);
    mp_put_pair(out, "name", device->name);
    mp_put_pair(out, "role", device->role);
    mp_put_pair(out, "agency", device->agency);
    mp_put_text(out, "sites");
    mp_put_array(out, device->site_count);
    for (uint32_t i = 0; i < device->site_count; i++)
        mp_put_text(out, device->sites[i]);
    mp_put_pair_time(out, "joined", device->joined_ms);
    mp_put_pair_time(out, "heard", known ? heard.heard_ms : 0);
    mp_put_text(out, "waiting");
    if (known && heard.heard_ms > 0)
        mp_put_uint(out, heard.waiting);
    else
        mp_put_nil(out);
    mp_put_pair_time(out, "revoked", device->revoked_ms);
    mp_put_pair(out, "why", device->why);
    const struct identity *me = &listing->request->daemon->identity;
    if (!device_id_equal(&device->device, &me->device)) /* nobody connects as the hub itself */
        words_of_device(&me->sign_public, &device->sign, &device->box, device->curve, words);
    mp_put_pair(out, "words", words);
    return true;
}

void control_verb_HUB_DEVICES(struct control_request *request)
{
    struct felloe_error error;
    struct listing listing = {.request = request};
    if (!is_hub(request))
        return;
    struct log_reader *reader = log_reader_begin(request->daemon->log, &error);
    if (!reader) {
        control_fail(request, &error);
        return;
    }
    log_devices(reader, list_device, &listing);
    log_reader_end(reader);
    control_data_end(&listing.data);
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 0);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

/* ---- revoke ---- */

struct revoking {
    struct log_job job;
    struct control_request *request;
    struct device_record device;
};

/* Whoever finds the laptop on the list in a year wants to know. */
static enum felloe_code take_why(const struct revoking *r, struct felloe_error *error)
{
    if (r->device.why[0] != '\0')
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_USAGE, "Say why it is revoked (--why): lost, stolen, given back …");
}

static void device_kept(struct log_job *job)
{
    struct revoking *r = job->context;
    struct control_request *request = r->request;
    if (job->code != FELLOE_OK) {
        control_fail(request, &job->error);
        return;
    }
    driver_device_changed(request->daemon->driver, &r->device);
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 1);
    mp_put_text(&request->out, "device");
    mp_put_bin(&request->out, r->device.device.b, sizeof r->device.device.b);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

void control_verb_HUB_REVOKE(struct control_request *request)
{
    struct felloe_error error = {FELLOE_FAILED, "Memory ran out."};
    if (!is_hub(request))
        return;
    struct revoking *r = calloc(1, sizeof *r);
    request->state = r;
    request->release = free;
    if (!r || control_device(request, &r->device, &error) != FELLOE_OK ||
        take_text(request, "why", r->device.why, &error) != FELLOE_OK || take_why(r, &error) != FELLOE_OK) {
        control_fail(request, &error);
        return;
    }
    r->request = request;
    if (r->device.revoked_ms == 0)
        r->device.revoked_ms = clock_wall_ms();
    r->job = (struct log_job){.kind = LOG_PUT_DEVICE, .done = device_kept, .context = r, .device = &r->device};
    event_log_submit(request->daemon->log, &r->job);
}
