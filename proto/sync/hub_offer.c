/* SPDX-License-Identifier: Apache-2.0 */
/* OFFER: a hub that was restored from an older copy gets back what it lost. It believes an offer because its own
 * signature is on the head of what is offered; the entries then go to the very positions that they had. A signed head
 * that it ought to have and has not is how it learns that it was restored, if nobody told it. */
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

/* `kept`: the commit that it answers, with the keys that were found to be lacking; or NULL. */
static void send_offered(struct hub *hub, uint64_t peer, uint64_t request, uint32_t site, uint32_t epoch,
                         const struct hub_input *kept)
{
    const struct log_head *head = hub_site_head(hub->sites[site], epoch);
    hub->msg.offered =
        (struct msg_offered){.site = hub_site_name(hub->sites[site]), .held = {epoch, head ? head->at.n : 0}};
    if (kept && kept->missing_count > 0) {
        struct msg_offered *m = &hub->msg.offered;
        m->missing_count = kept->missing_count < RECEIPT_KEYS_MAX ? kept->missing_count : RECEIPT_KEYS_MAX;
        memcpy(m->missing, kept->missing, m->missing_count * sizeof m->missing[0]);
    }
    hub_send(hub, peer, MSG_OFFERED, request, NULL);
}

static void refuse_offer(struct hub *hub, uint32_t device, uint64_t peer, uint64_t request, uint32_t site)
{
    hub_incident(hub, device, "an OFFER for '%s' that does not verify", hub->sites[site]->name);
    if (hub_peer(hub, peer))
        hub_refuse(
            hub, peer, request, REFUSED_BAD_EVENT, hub_site_name(hub->sites[site]),
            "The hub cannot take back what this laptop offers: it does not verify. Ask who looks after the hub.");
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

/* A head that this hub signed, of the epoch in which it gives positions or of a later one, and does not hold: it was
 * set back without being told, and the next position that it gave would be another event's already. */
static bool was_set_back(const struct hub *hub, struct hub_site *site, const struct msg_offer *offer)
{
    const struct log_head *head = hub_site_head(site, offer->head.at.epoch);
    return offer->head.at.epoch >= hub->config.epoch && offer->head.at.n > (head ? head->at.n : 0) &&
           hub_signed(hub, offer);
}

static void next_epoch(struct hub *hub, const struct peer *peer, uint32_t site)
{
    uint32_t above = hub->in.offer.head.at.epoch;
    hub_incident(hub, peer->device,
                 "it brings what this hub wrote for '%s' and does not have: the hub was put back to an older state",
                 hub->sites[site]->name);
    struct hub_output *o = hub_put(hub, HUB_NEXT_EPOCH);
    if (o)
        o->from.epoch = above;
    hub->dead = true;
}

/* Each log has room for SEEN_MAX epochs; the present one's place is kept free. */
static bool has_room(const struct hub *hub, struct hub_site *site, uint32_t epoch)
{
    uint32_t used = site->head_count + (hub_site_head(site, hub->config.epoch) ? 0u : 1u);
    return hub_site_head(site, epoch) || used < SEEN_MAX;
}

static void keep_offer(struct hub *hub, const struct peer *peer, uint32_t at, struct batch *batch)
{
    struct hub_site *site = hub->sites[at];
    struct hub_output *o = hub_put(hub, HUB_KEEP_OFFER);
    if (!o) {
        batch_free(batch);
        return;
    }
    site->offer = (struct hub_offer){.active = true,
                                     .ticket = ++hub->last_ticket,
                                     .peer = peer->id,
                                     .request = hub->in.request,
                                     .device = peer->device,
                                     .bytes = batch->body.bytes.len};
    hub->keep_bytes += site->offer.bytes;
    o->ticket = site->offer.ticket;
    o->peer = peer->id;
    o->device = hub->devices[peer->device].id;
    o->site = hub_site_name(site);
    o->batch = batch;
}

void hub_on_offer(struct hub *hub, struct peer *peer, struct lent *body)
{
    const struct msg_offer *offer = &hub->in.offer;
    uint32_t at = hub_site_for(hub, peer, offer->site);
    if (at == NO_ONE)
        return;
    struct hub_site *site = hub->sites[at];
    const struct log_head *head = hub_site_head(site, offer->first.epoch);
    if (offer->count > 0 && was_set_back(hub, site, offer)) {
        next_epoch(hub, peer, at);
        return;
    }
    /* The present epoch's end is ours to give: only epochs from before a restore are refilled. */
    if (offer->count == 0 || offer->first.epoch >= hub->config.epoch || offer->first.n != (head ? head->at.n : 0) + 1) {
        send_offered(hub, peer->id, hub->in.request, at, offer->first.epoch, NULL);
        return;
    }
    if (site->offer.active || hub->keep_bytes + body->bytes.len > KEEP_BYTES_MAX) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_BUSY, offer->site,
                   "The hub is taking back what another laptop offers. It is asked again.");
        return;
    }
    struct batch *batch =
        has_room(hub, site, offer->first.epoch) && hub_signed(hub, offer) ? check_offer(hub, site, body) : NULL;
    if (batch)
        keep_offer(hub, peer, at, batch);
    else if (!hub->dead)
        refuse_offer(hub, peer->device, peer->id, hub->in.request, at);
}

static uint32_t offer_site(const struct hub *hub, uint64_t ticket)
{
    for (uint32_t i = 0; i < hub->site_count; i++)
        if (hub->sites[i]->offer.active && hub->sites[i]->offer.ticket == ticket)
            return i;
    return NO_ONE;
}

void hub_on_offer_kept(struct hub *hub, const struct hub_input *input)
{
    if (!input->ok && !input->contradicts) { /* unknown: the driver starts afresh */
        hub->dead = true;
        return;
    }
    uint32_t at = offer_site(hub, input->ticket);
    if (at == NO_ONE)
        return;
    struct hub_site *site = hub->sites[at];
    struct hub_offer offer = site->offer;
    site->offer = (struct hub_offer){0};
    hub->keep_bytes -= offer.bytes;
    if (!input->ok) { /* nothing was taken on top of it, so it is as if it had not come */
        streams_undo(&site->streams);
        refuse_offer(hub, offer.device, offer.peer, offer.request, at);
        return;
    }
    /* Commits complete in the order in which they were asked for: what was pushed before is durable too. */
    for (uint32_t i = 0; i < site->streams.changed_count; i++) {
        struct stream *stream = &site->streams.items[site->streams.changed[i]];
        stream->durable = stream->head;
    }
    (void)hub_site_set_head(site, &input->head);
    hub_on_grew(hub, at);
    if (hub_peer(hub, offer.peer))
        send_offered(hub, offer.peer, offer.request, at, input->head.at.epoch, input);
}
