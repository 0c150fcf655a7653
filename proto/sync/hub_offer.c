/* SPDX-License-Identifier: Apache-2.0 */
/* OFFER: a hub that was restored from an older copy gets back what it lost. It believes an offer because its own
 * signature is on the head of what is offered; the entries then go to the very positions that they had. */
#include "proto/sync/sync_hub_internal.h"

struct offer_check {
    struct hub_site *site;
    struct log_head head; /* runs along */
    uint32_t epochs;      /* with more than one, an entry can be here already, at another position */
};

static enum entries_result check_entry(void *context, const struct entry *entry, const struct event_clear *event)
{
    struct offer_check *c = context;
    struct stream *stream = streams_get(&c->site->streams, &entry->device, entry->incarnation);
    if (!stream)
        return ENTRIES_NO_MEMORY;
    switch (stream_check(&stream->head, event, &entry->id)) {
    case STREAM_NEXT:
        if (!streams_advance(&c->site->streams, stream, event, &entry->id))
            return ENTRIES_NO_MEMORY;
        break;
    case STREAM_OLD:
        if (c->epochs < 2)
            return ENTRIES_BAD;
        break;
    default:
        return ENTRIES_BAD;
    }
    log_head_advance(&c->head, &entry->id);
    return ENTRIES_OK;
}

static void send_offered(struct hub *hub, uint64_t peer, uint64_t request, uint32_t site, uint32_t epoch)
{
    const struct log_head *head = hub_site_head(hub->sites[site], epoch);
    hub->msg.offered =
        (struct msg_offered){.site = hub_site_name(hub->sites[site]), .held = {epoch, head ? head->at.n : 0}};
    hub_send(hub, peer, MSG_OFFERED, request, NULL);
}

static void refuse_offer(struct hub *hub, struct peer *peer, uint32_t site)
{
    hub_incident(hub, peer->device, "an OFFER for '%s' that does not verify", hub->sites[site]->name);
    hub_refuse(hub, peer->id, hub->in.request, REFUSED_BAD_EVENT, hub_site_name(hub->sites[site]),
               "The hub cannot take what was offered: it does not verify.");
}

static bool hub_signed(const struct hub *hub, const struct msg_offer *offer)
{
    struct sign_public key; /* libsodium's secret form ends with the public key */
    memcpy(key.b, hub->config.sign.b + 32, sizeof key.b);
    return verify_log_head(&key, offer->site, &offer->head, &offer->signature);
}

/* The whole offer as a batch, or NULL; then all stream heads are as before. */
static struct batch *check_offer(struct hub *hub, struct hub_site *site, struct lent *body)
{
    const struct msg_offer *offer = &hub->in.offer;
    struct offer_check c = {.site = site, .epochs = site->head_count};
    const struct log_head *from = hub_site_head(site, offer->first.epoch);
    if (from)
        c.head = *from;
    else
        log_head_start(&c.head, hub_site_name(site), offer->first.epoch);
    if (!from)
        c.epochs++;
    struct entries_form form = {
        .site = hub_site_name(site), .count = offer->count, .signatures = true, .check = check_entry, .context = &c};
    struct batch *batch;
    streams_begin(&site->streams);
    enum entries_result result = entries_decode(body, &form, &batch);
    if (result == ENTRIES_OK && position_compare(c.head.at, offer->head.at) == 0 &&
        memcmp(&c.head.hash, &offer->head.hash, sizeof c.head.hash) == 0) {
        batch->epoch = offer->first.epoch;
        batch->first_n = offer->first.n;
        batch->head = offer->head;
        batch->head_signature = offer->signature;
        return batch;
    }
    if (result == ENTRIES_OK)
        batch_free(batch);
    if (result == ENTRIES_NO_MEMORY)
        hub_out_of_memory(hub);
    streams_undo(&site->streams);
    return NULL;
}

void hub_on_offer(struct hub *hub, struct peer *peer, struct lent *body)
{
    const struct msg_offer *offer = &hub->in.offer;
    uint32_t at = hub_site_for(hub, peer, offer->site);
    if (at == NO_ONE)
        return;
    struct hub_site *site = hub->sites[at];
    const struct log_head *head = hub_site_head(site, offer->first.epoch);
    uint64_t held = head ? head->at.n : 0;
    /* The present epoch's end is ours to give: only epochs from before a restore are refilled. */
    if (offer->first.epoch >= hub->config.epoch || offer->first.n != held + 1) {
        send_offered(hub, peer->id, hub->in.request, at, offer->first.epoch);
        return;
    }
    if (hub->offer.active || site->keeps > 0) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_BUSY, offer->site,
                   "The hub is writing just now. It is asked again.");
        return;
    }
    struct batch *batch = hub_signed(hub, offer) ? check_offer(hub, site, body) : NULL;
    if (!batch) {
        if (!hub->dead)
            refuse_offer(hub, peer, at);
        return;
    }
    struct hub_output *o = hub_put(hub, HUB_KEEP_OFFER);
    if (!o) {
        batch_free(batch);
        return;
    }
    site->offering = true;
    hub->offer = (struct hub_offer){
        .active = true, .ticket = ++hub->last_ticket, .peer = peer->id, .request = hub->in.request, .site = at};
    o->ticket = hub->offer.ticket;
    o->peer = peer->id;
    o->device = hub->devices[peer->device].id;
    o->site = hub_site_name(site);
    o->batch = batch;
}

void hub_on_offer_kept(struct hub *hub, const struct hub_input *input)
{
    if (!input->ok) {
        hub->dead = true;
        return;
    }
    if (!hub->offer.active || hub->offer.ticket != input->ticket)
        return;
    struct hub_offer offer = hub->offer;
    struct hub_site *site = hub->sites[offer.site];
    hub->offer.active = false;
    site->offering = false;
    for (uint32_t i = 0; i < site->streams.count; i++) /* no PUSH was in flight: all that was accepted is durable */
        site->streams.items[i].durable = site->streams.items[i].head;
    (void)hub_site_set_head(site, &input->head);
    hub_on_grew(hub, offer.site);
    if (hub_peer(hub, offer.peer))
        send_offered(hub, offer.peer, offer.request, offer.site, input->head.at.epoch);
}
