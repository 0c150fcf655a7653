/* SPDX-License-Identifier: Apache-2.0 */
/* A ticket's holder becomes a device:
 *
 *   JOIN checked --> device and ticket in one commit --> let in --> worker.joined in each of its sites --> JOINED
 *
 * The holder may be cut off at any point and ask again with the same keys: what is done already is found, the events
 * carry an origin so that they count once, and the same answer is given. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "daemon/sync/driver_hub.h"
#include "daemon/report.h"

struct enrolment {
    struct enrolment *next;
    struct hub_driver *h;
    uint64_t peer, request;
    struct device_record device;
    struct ticket_record ticket;
    unsigned recording; /* worker.joined under way */
    bool failed;
};

struct refused {
    enum refusal reason;
    char text[300];
};

static void answer_refused(struct enrolment *e, enum refusal reason, const char *text)
{
    char device[33];
    hex_encode(bytes_of(e->device.device.b, sizeof e->device.device.b), device);
    static struct report_often often; /* a ticket's holder may ask as often as it likes */
    if (report_again(&often, clock_steady_ms()))
        report(LEVEL_INFO, "device %.8s was not let in: %s", device, text);
    driver_hub_refuse(e->h, e->peer, e->request, reason, text);
}

static void enrolment_end(struct enrolment *e)
{
    struct enrolment **link = &e->h->enrolments;
    while (*link != e)
        link = &(*link)->next;
    *link = e->next;
    free(e);
}

/* ---- JOINED ---- */

static void answer_joined(struct enrolment *e)
{
    struct hub_driver *h = e->h;
    const struct identity *me = &h->base.daemon->identity;
    struct buffer header = {0}, keys = {0};
    struct msg_joined *joined = &h->message.joined;
    const struct box_shared *shared = driver_hub_box(h, &e->device.device);
    h->message.kind = MSG_JOINED;
    h->message.request = e->request;
    *joined = (struct msg_joined){.device = e->device.device,
                                  .hub_name = bytes_str(me->label),
                                  .worker = bytes_str(e->device.worker),
                                  .site_count = e->device.site_count,
                                  .hub_box = me->box_public};
    for (uint32_t i = 0; i < e->device.site_count; i++) {
        struct key_record key;
        uint8_t nonce[BOX_NONCE_SIZE];
        joined->sites[i] = bytes_str(e->device.sites[i]);
        if (shared == NULL || keyring_site_key(h->base.daemon->keyring, joined->sites[i], &key) != FELLOE_OK) {
            report(LEVEL_ERROR, "the key of site %s is not to be had", e->device.sites[i]);
            continue; /* the device asks for it when it meets an event under it */
        }
        random_bytes(nonce, sizeof nonce);
        key_record_wrap(&key, shared, nonce, &keys);
        sodium_memzero(&key, sizeof key);
        joined->key_count++;
    }
    message_encode(&h->message, &header);
    struct lent body = {buffer_bytes(&keys), free, keys.data};
    if (keys.failed || keys.data == NULL) {
        buffer_release(&keys);
        body = (struct lent){0};
    }
    if (!keys.failed)
        driver_hub_send(h, e->peer, &header, &body);
    buffer_release(&header);
    lent_return(&body);
}

/* ---- worker.joined ---- */

static void put_field(struct buffer *out, const char *name, const char *value, uint32_t *count)
{
    if (*value == '\0')
        return;
    mp_put_text(out, name);
    mp_put_text(out, value);
    ++*count;
}

/* In the catalogue's order, as catalogue_check would leave them. */
static void put_fields(struct buffer *out, const struct device_record *device)
{
    char id[33], key[65];
    struct buffer pairs = {0};
    uint32_t count = 0;
    hex_encode(bytes_of(device->device.b, sizeof device->device.b), id);
    hex_encode(bytes_of(device->sign.b, sizeof device->sign.b), key);
    put_field(&pairs, "worker", device->worker, &count);
    put_field(&pairs, "name", device->name, &count);
    put_field(&pairs, "role", device->role, &count);
    put_field(&pairs, "agency", device->agency, &count);
    put_field(&pairs, "device", id, &count);
    put_field(&pairs, "key", key, &count);
    mp_put_map(out, count);
    buffer_append(out, pairs.data, pairs.len);
    out->failed |= pairs.failed;
    buffer_release(&pairs);
}

/* The draft, with the bytes that it points to. */
struct joined_draft {
    struct log_draft draft;
    uint8_t fields[1024];
};

static struct joined_draft *draft_new(struct enrolment *e, const char *site)
{
    struct daemon *daemon = e->h->base.daemon;
    struct joined_draft *made = calloc(1, sizeof *made);
    struct buffer fields = {0};
    struct key_record key;
    char id[33], origin[sizeof id + 1 + SLUG_MAX];
    put_fields(&fields, &e->device);
    if (made == NULL || fields.failed || fields.len > sizeof made->fields ||
        keyring_site_key(daemon->keyring, bytes_str(site), &key) != FELLOE_OK) {
        buffer_release(&fields);
        free(made);
        return NULL;
    }
    memcpy(made->fields, fields.data, fields.len);
    struct log_draft *draft = &made->draft;
    draft->key = key.id;
    draft->body = (struct event_body){.type = bytes_str("worker.joined"),
                                      .worker = bytes_str(daemon->identity.worker),
                                      .has_origin = true,
                                      .fields = bytes_of(made->fields, fields.len)};
    hex_encode(bytes_of(e->device.device.b, sizeof e->device.device.b), id);
    snprintf(origin, sizeof origin, "%s %s", id, site);
    origin_id_of(bytes_str("felloe worker.joined"), bytes_str(origin), &draft->body.origin);
    projector_seen(daemon->projector, bytes_str(site), &draft->seen);
    sodium_memzero(&key, sizeof key);
    buffer_release(&fields);
    return made;
}

static void recorded_one(struct enrolment *e)
{
    if (--e->recording > 0)
        return;
    if (e->failed)
        answer_refused(e, REFUSED_BUSY, "The hub could not write it all down. Run the same join again in a minute.");
    else
        answer_joined(e);
    enrolment_end(e);
}

static void recorded(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct enrolment *e = job->enrolment;
    if (log_job->code == FELLOE_OK)
        driver_recorded(job->driver, log_job);
    else
        report(LEVEL_ERROR, "%s: %s", log_job->site, log_job->error.message);
    e->failed |= log_job->code != FELLOE_OK;
    driver_job_end(job);
    recorded_one(e);
}

static void record(struct enrolment *e)
{
    e->recording = 1; /* held until all are on their way */
    for (uint32_t i = 0; i < e->device.site_count; i++) {
        struct joined_draft *made = draft_new(e, e->device.sites[i]);
        struct driver_job *job =
            made != NULL ? driver_job_new(&e->h->base, LOG_RECORD, bytes_str(e->device.sites[i]), recorded) : NULL;
        if (job == NULL) {
            free(made);
            e->failed = true;
            continue;
        }
        job->job.drafts = &made->draft; /* the first member: freed as a whole with the job */
        job->job.draft_count = 1;
        job->enrolment = e;
        e->recording++;
        driver_job_submit(job);
    }
    recorded_one(e);
}

/* ---- the commit ---- */

static void admitted(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct enrolment *e = job->enrolment;
    enum felloe_code code = log_job->code;
    if (code == FELLOE_OK && driver_hub_admit(e->h, &e->device)) {
        char device[33];
        hex_encode(bytes_of(e->device.device.b, sizeof e->device.device.b), device);
        report(LEVEL_INFO, "device %.8s was let in with a ticket", device);
        driver_job_end(job);
        record(e);
        return;
    }
    if (code == FELLOE_REFUSED || code == FELLOE_DENIED)
        answer_refused(e, code == FELLOE_DENIED ? REFUSED_REVOKED : REFUSED_TICKET_USED, log_job->error.message);
    else
        answer_refused(e, REFUSED_BUSY, "The hub could not write it down. Run the same join again in a minute.");
    driver_job_end(job);
    enrolment_end(e);
}

static void admit(struct enrolment *e)
{
    struct driver_job *job = driver_job_new(&e->h->base, LOG_ADMIT, (struct bytes){0}, admitted);
    struct device_record *device = malloc(sizeof *device);
    struct ticket_record *ticket = malloc(sizeof *ticket);
    if (job == NULL || device == NULL || ticket == NULL) {
        free(job);
        free(device);
        free(ticket);
        answer_refused(e, REFUSED_BUSY, "The hub is out of memory. Run the same join again in a minute.");
        enrolment_end(e);
        return;
    }
    *device = e->device;
    *ticket = e->ticket;
    job->job.device = device;
    job->job.ticket = ticket;
    job->enrolment = e;
    driver_job_submit(job);
}

/* ---- the checks ---- */

struct ticket_search {
    const uint8_t *curve;
    struct ticket_record *out;
    bool found;
};

static bool match_ticket(void *context, const struct ticket_record *ticket)
{
    struct ticket_search *search = context;
    search->found = memcmp(ticket->curve, search->curve, sizeof ticket->curve) == 0;
    if (search->found)
        *search->out = *ticket;
    return !search->found;
}

static bool refuse(struct refused *out, enum refusal reason, const char *text)
{
    *out = (struct refused){.reason = reason};
    snprintf(out->text, sizeof out->text, "%s", text);
    return false;
}

#define TOLD_AGAIN_MS 10000

/* Either somebody typed a ticket twice, or it fell into other hands: people should know. */
static void tell_used_again(const struct enrolment *e, const struct device_record *by)
{
    struct happened_ticket again = {.device = e->device.device, .at = {clock_wall_ms(), clock_steady_ms()}};
    struct happened_from other = {0};
    char device[33];
    happened_label(&other, e->device.label);
    memcpy(again.label, other.label, sizeof again.label);
    happened_label(&again.used_by, by->label);
    memcpy(again.used_by.worker, by->worker, sizeof again.used_by.worker);
    const struct happened_ticket *last = &e->h->base.daemon->happened.ticket;
    bool often = last->times > 0 && again.at.steady_ms - last->at.steady_ms < TOLD_AGAIN_MS;
    happened_ticket_again(&e->h->base.daemon->happened, &again);
    if (often) /* who does it on purpose must not fill the journal */
        return;
    hex_encode(bytes_of(e->device.device.b, sizeof e->device.device.b), device);
    report(LEVEL_WARNING,
           "a ticket was used a second time, by a laptop called “%s” (device %.8s), and refused; it had let in “%s” "
           "of %s",
           again.label, device, again.used_by.label, again.used_by.worker);
}

static bool refuse_used(struct refused *out, struct log_reader *reader, const struct enrolment *e)
{
    const struct ticket_record *ticket = &e->ticket;
    struct device_record by = {0};
    char when[32] = "";
    struct tm parts;
    time_t used = (time_t)(ticket->used_ms / 1000);
    log_device(reader, &ticket->used_by, &by);
    tell_used_again(e, &by);
    if (localtime_r(&used, &parts) != NULL)
        strftime(when, sizeof when, "%d %B %H:%M", &parts);
    refuse(out, REFUSED_TICKET_USED, "");
    snprintf(out->text, sizeof out->text,
             "This ticket was used on %s for “%.60s” of %.32s. A ticket is good for one laptop: ask for a new one.",
             when, by.label, by.worker);
    return false;
}

/* The allow-list goes by the CURVE key: whoever brought another's would put that laptop out. */
static bool is_other(void *context, const struct device_record *device)
{
    const struct device_record *asking = context;
    return memcmp(device->curve, asking->curve, sizeof device->curve) != 0 ||
           device_id_equal(&device->device, &asking->device);
}

static bool is_key_free(struct log_reader *reader, struct device_record *asking)
{
    return log_devices(reader, is_other, asking);
}

/* What was there before decides: the ticket, whoever used it, and the device. Fills e. */
static bool check_records(struct enrolment *e, struct log_reader *reader, const uint8_t *curve, struct refused *why)
{
    struct ticket_search search = {.curve = curve, .out = &e->ticket};
    struct device_record before;
    log_tickets(reader, match_ticket, &search);
    if (!search.found)
        return refuse(why, REFUSED_UNKNOWN, "The hub does not know this ticket. Ask for a new one.");
    bool known = log_device(reader, &e->device.device, &before);
    bool again = e->ticket.used_ms != 0 && device_id_equal(&e->ticket.used_by, &e->device.device);
    if (e->ticket.used_ms != 0 && !again)
        return refuse_used(why, reader, e);
    if (known && before.revoked_ms != 0)
        return refuse(why, REFUSED_REVOKED, "This laptop was taken off the hub. Join from an empty directory.");
    if (!again && e->ticket.expires_ms <= clock_wall_ms())
        return refuse(why, REFUSED_TICKET_EXPIRED,
                      "This ticket has expired, or the hub was put back to an older state since. Ask for a new one: "
                      "felloe hub invite.");
    if (!is_key_free(reader, &e->device))
        return refuse(why, REFUSED_MALFORMED, "Another laptop has this key. Join from an empty directory.");
    if (known && (memcmp(&before.box, &e->device.box, sizeof before.box) != 0 ||
                  memcmp(before.curve, e->device.curve, sizeof before.curve) != 0))
        return refuse(why, REFUSED_TICKET_USED,
                      "This laptop joined before with other keys. Join from an empty directory.");
    return true;
}

static void add_site(struct device_record *device, const char *site)
{
    for (uint32_t i = 0; i < device->site_count; i++)
        if (strcmp(device->sites[i], site) == 0)
            return;
    if (device->site_count < SITES_MAX)
        snprintf(device->sites[device->site_count++], SLUG_MAX + 1, "%s", site);
}

/* The device as it will be: what its ticket says, with the keys that it brought. */
static void fill_device(struct enrolment *e)
{
    struct device_record *device = &e->device;
    struct ticket_record *ticket = &e->ticket;
    memcpy(device->worker, ticket->worker, sizeof device->worker);
    memcpy(device->name, ticket->name, sizeof device->name);
    memcpy(device->role, ticket->role, sizeof device->role);
    memcpy(device->agency, ticket->agency, sizeof device->agency);
    add_site(device, "commons"); /* the site that every device is in */
    for (uint32_t i = 0; i < ticket->site_count; i++)
        add_site(device, ticket->sites[i]);
    device->joined_ms = ticket->used_ms != 0 ? ticket->used_ms : clock_wall_ms();
    ticket->used_ms = device->joined_ms;
    ticket->used_by = device->device;
}

/* The same holder asked again, while its first question is being answered: the answer goes to where it is now. */
static bool is_under_way(struct hub_driver *h, const struct device_id *device, uint64_t peer, uint64_t request)
{
    for (struct enrolment *e = h->enrolments; e != NULL; e = e->next)
        if (device_id_equal(&e->device.device, device)) {
            e->peer = peer;
            e->request = request;
            return true;
        }
    return false;
}

static bool check_join(const struct hub_driver *h, const struct msg_join *join, struct refused *why)
{
    struct box_shared shared;
    if (join->version != PROTOCOL_VERSION)
        return refuse(why, REFUSED_VERSION,
                      "The laptop's felloe and the hub's do not speak the same version. Update both.");
    if (!join_verify(join) || join->label.len > LABEL_MAX)
        return refuse(why, REFUSED_MALFORMED, "The request to join is not signed as it should be.");
    /* Not every 32 bytes are a key: with some (a point of small order) anybody knows the shared secret, or there is
     * none. */
    const struct identity *me = &h->base.daemon->identity;
    struct box_public curve;
    struct box_secret curve_secret;
    memcpy(curve.b, join->curve, sizeof curve.b);
    memcpy(curve_secret.b, me->curve_secret, sizeof curve_secret.b);
    bool are_keys = box_shared_of(&shared, &join->box, &me->box_secret) &&
                    box_shared_of(&shared, &curve, &curve_secret);
    sodium_memzero(&shared, sizeof shared);
    sodium_memzero(&curve_secret, sizeof curve_secret);
    return are_keys || refuse(why, REFUSED_MALFORMED, "The request to join brings a key that is none.");
}

void enrol(struct hub_driver *h, uint64_t peer, const struct net_key *ticket)
{
    const struct msg_join *join = &h->message.join;
    struct refused why;
    struct enrolment *e = calloc(1, sizeof *e);
    uint64_t request = h->message.request;
    if (e == NULL)
        return; /* it asks again */
    *e = (struct enrolment){.h = h, .peer = peer, .request = request};
    e->device.sign = join->sign;
    e->device.box = join->box;
    memcpy(e->device.curve, join->curve, sizeof e->device.curve);
    bytes_to_text(join->label, e->device.label, sizeof e->device.label);
    uint8_t hash[32];
    crypto_generichash(hash, sizeof hash, join->sign.b, sizeof join->sign.b, NULL, 0);
    memcpy(e->device.device.b, hash, sizeof e->device.device.b);
    if (is_under_way(h, &e->device.device, peer, request)) {
        free(e);
        return;
    }
    e->next = h->enrolments;
    h->enrolments = e;
    struct log_reader *reader = log_reader_begin(h->base.daemon->log, NULL);
    bool fine = reader != NULL ? check_join(h, join, &why) && check_records(e, reader, ticket->curve, &why)
                               : refuse(&why, REFUSED_BUSY, "The hub cannot read its log. Try again in a minute.");
    log_reader_end(reader);
    if (!fine) {
        answer_refused(e, why.reason, why.text);
        enrolment_end(e);
        return;
    }
    fill_device(e);
    admit(e);
}
