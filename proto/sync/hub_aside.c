/* SPDX-License-Identifier: Apache-2.0 */
/* What a revoked device hands over. It is told that it was revoked whatever it asks, and gets nothing; but what its
 * worker wrote and it had not shared is people's words. So its PUSHes are checked to be its own and kept in quarantine,
 * out of the log, for somebody to look at: taken in as the events that they are, or discarded. Nothing is said of it to
 * anybody else. It need not have said HELLO: nothing here depends on the connection. */
#include "proto/sync/sync_hub_internal.h"

/* A revoked device has one PUSH under way; and another, if it did not hear of the first. */
#define ASIDE_KEEPS_MAX 2u

static const char said_kept[] = "This laptop was revoked at the hub. What it hands over is kept aside there, to be "
                                "looked at; it is not shared. Ask who looks after the hub.";

/* How far the hub has this stream, in its log or aside. */
static struct stream_head held_of(struct hub_site *site, const struct device_id *device, uint32_t incarnation)
{
    const struct stream *log = streams_find(&site->streams, device, incarnation);
    const struct stream *aside = streams_find(&site->aside, device, incarnation);
    struct stream_head held = log ? log->durable : (struct stream_head){0};
    return aside && aside->head.seq > held.seq ? aside->head : held;
}

static void answer(struct hub *hub, uint64_t peer, uint64_t request, uint32_t device, uint32_t incarnation,
                   uint32_t site)
{
    struct stream_head held = held_of(hub->sites[site], &hub->devices[device].id, incarnation);
    hub->msg.refused = (struct msg_refused){.reason = REFUSED_KEPT_ASIDE,
                                            .site = hub_site_name(hub->sites[site]),
                                            .text = bytes_str(said_kept),
                                            .held_seq = held.seq,
                                            .held_id = held.id};
    hub_send(hub, peer, MSG_REFUSED, request, NULL);
}

/* ---- checking ---- */

struct aside_check {
    const struct device_id *device;
    const struct msg_push *push;
    uint64_t expected;    /* seq of the next entry */
    struct event_id last; /* of the entry before */
};

/* It holds together, and is all of this device's stream. What it follows is not asked here: another history than the
 * log's has to be looked at, too. */
static enum entries_result check_entry(void *context, const struct entry *entry, const struct event_clear *event)
{
    struct aside_check *c = context;
    if (!device_id_equal(&entry->device, c->device) || entry->incarnation != c->push->incarnation ||
        entry->seq != c->expected)
        return ENTRIES_BAD;
    if (entry->seq != c->push->first_seq && !event_id_equal(&event->prev, &c->last))
        return ENTRIES_BAD;
    c->last = entry->id;
    c->expected++;
    return ENTRIES_OK;
}

/* The batch, or NULL when the answer has been given (or memory ran out). */
static struct batch *check(struct hub *hub, uint64_t peer, uint32_t device, struct lent *body)
{
    const struct msg_push *push = &hub->in.push;
    const struct hub_device *d = &hub->devices[device];
    struct aside_check c = {.device = &d->id, .push = push, .expected = push->first_seq};
    struct entries_form form = {
        .site = push->site, .count = push->count, .key_count = push->key_count, .check = check_entry, .context = &c};
    struct batch *batch;
    enum entries_result result = entries_decode(body, &form, &batch);
    if (result == ENTRIES_NO_MEMORY) {
        hub_out_of_memory(hub);
        return NULL;
    }
    if (result == ENTRIES_OK) {
        struct entry *last = &batch->entries[batch->count - 1];
        last->flags |= ENTRY_SIGNED;
        last->signature = push->signature;
        if (verify_stream(&d->sign, push->site, &d->id, push->incarnation, last->seq, &last->id, &push->signature))
            return batch;
        batch_free(batch);
    }
    hub_incident(hub, device, "it was revoked, and hands over entries for '%.*s' that do not verify",
                 (int)push->site.len, (const char *)push->site.data);
    hub_refuse(hub, peer, hub->in.request, REFUSED_BAD_EVENT, push->site,
               "The hub cannot keep these events: they do not verify. They stay saved on this laptop.");
    return NULL;
}

/* ---- inputs ---- */

static void keep_aside(struct hub *hub, uint64_t peer, uint32_t device, uint32_t site, struct batch *batch)
{
    const struct msg_push *push = &hub->in.push;
    struct keep *keep = hub_keep_add(hub, peer, device, push->incarnation, site, batch->body.bytes.len);
    if (keep)
        keep->aside = true;
    struct hub_output *o = keep ? hub_put(hub, HUB_KEEP_ASIDE) : NULL;
    if (!o) {
        batch_free(batch);
        return;
    }
    o->ticket = keep->ticket;
    o->peer = peer;
    o->device = hub->devices[device].id;
    o->incarnation = push->incarnation;
    o->site = hub_site_name(hub->sites[site]);
    o->batch = batch;
}

static void on_push(struct hub *hub, uint64_t peer, uint32_t device, struct lent *body)
{
    const struct msg_push *push = &hub->in.push;
    const struct hub_device *d = &hub->devices[device];
    uint32_t site = hub_site_index(hub, push->site);
    if (site == NO_ONE || !(d->sites & (1u << site))) {
        hub_refuse(hub, peer, hub->in.request, REFUSED_SITE, push->site,
                   "This laptop was not let into this site. Ask who looks after the hub.");
        return;
    }
    if (push->count == 0) { /* how far has the hub this stream? */
        answer(hub, peer, hub->in.request, device, push->incarnation, site);
        return;
    }
    uint32_t under_way = 0;
    for (const struct keep *keep = hub->keeps; keep; keep = keep->next)
        under_way += keep->aside && keep->device == device;
    if (under_way >= ASIDE_KEEPS_MAX || hub->keep_bytes + body->bytes.len > KEEP_BYTES_MAX) {
        hub_refuse(hub, peer, hub->in.request, REFUSED_BUSY, push->site,
                   "The hub has much to write just now. It is asked again.");
        return;
    }
    struct batch *batch = check(hub, peer, device, body);
    if (batch)
        keep_aside(hub, peer, device, site, batch);
}

void hub_on_revoked(struct hub *hub, uint64_t peer, uint32_t device, bool well_formed, struct lent *body)
{
    struct hub_device *d = &hub->devices[device];
    d->heard = true;
    d->heard_ms = hub->now;
    d->heard_wall_ms = hub->wall_ms;
    if (!d->met_revoked)
        hub_incident(hub, device, "it was revoked, and has shown up: it gets nothing. What it had not shared is kept "
                                  "aside, see `felloe hub quarantine`");
    d->met_revoked = true;
    if (well_formed && hub->in.kind == MSG_PUSH)
        on_push(hub, peer, device, body);
    else
        hub_refuse_device(hub, peer, hub->in.request, true);
}

bool hub_taken(struct hub *hub, struct bytes site, const struct device_id *device, uint32_t incarnation,
               const struct stream_head *head)
{
    uint32_t at = hub_site_index(hub, site);
    if (at == NO_ONE || hub->sites[at]->offer.active) /* that may have to be undone */
        return false;
    return hub_load_stream(hub, site, device, incarnation, head);
}

void hub_on_kept_aside(struct hub *hub, const struct keep *keep, const struct hub_input *input)
{
    const struct device_id *device = &hub->devices[keep->device].id;
    struct hub_site *site = hub->sites[keep->site];
    if (input->aside.seq > 0 &&
        !hub_load_aside(hub, hub_site_name(site), device, keep->incarnation, &input->aside)) {
        hub_out_of_memory(hub);
        return;
    }
    for (uint32_t i = 0; i < keep->waiter_count; i++)
        if (input->full)
            hub_refuse(hub, keep->waiters[i].peer, keep->waiters[i].request, REFUSED_BUSY, hub_site_name(site),
                       "This laptop was revoked, and there is no room at the hub for more of what it hands over.");
        else
            answer(hub, keep->waiters[i].peer, keep->waiters[i].request, keep->device, keep->incarnation, keep->site);
}
