/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's machine: its life, what it is loaded with, and the step that hands each input to the file it concerns. */
#include <stdlib.h>

#include "proto/event/look.h"
#include "proto/sync/sync_hub_internal.h"

/* ---- life ---- */

struct hub *hub_new(const struct hub_config *config)
{
    struct hub *hub = calloc(1, sizeof *hub);
    if (!hub)
        return NULL;
    hub->config = *config;
    hub->device_index.key_size = sizeof(struct device_id);
    hub->peer_index.key_size = sizeof(uint64_t);
    hub->keeps_end = &hub->keeps;
    hub->due_ms = hub->missing_due_ms = UINT64_MAX;
    return hub;
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    for (uint32_t i = 0; i < hub->peer_count; i++)
        if (hub->peers[i])
            hub_peer_gone(hub, hub->peers[i]->id);
    for (uint32_t i = 0; i < hub->site_count; i++) {
        streams_release(&hub->sites[i]->streams);
        streams_release(&hub->sites[i]->aside);
        free(hub->sites[i]);
    }
    while (hub->keeps) {
        struct keep *next = hub->keeps->next;
        free(hub->keeps);
        hub->keeps = next;
    }
    table_release(&hub->device_index);
    table_release(&hub->peer_index);
    free(hub->devices);
    free(hub->peers);
    free(hub->queue);
    free(hub->checks);
    buffer_release(&hub->told);
    buffer_release(&hub->fresh.body);
    hub_ahead_release(hub);
    volatile uint8_t *secret = hub->config.sign.b;
    for (size_t i = 0; i < sizeof hub->config.sign.b; i++)
        secret[i] = 0;
    free(hub);
}

void hub_set_terms(struct hub *hub, const struct terms *terms)
{
    hub->terms = *terms;
    hub_greet_anew(hub, NO_ONE, UINT32_MAX);
}

/* ---- sites ---- */

uint32_t hub_site_index(const struct hub *hub, struct bytes name)
{
    for (uint32_t i = 0; i < hub->site_count; i++)
        if (bytes_equal(hub_site_name(hub->sites[i]), name))
            return i;
    return NO_ONE;
}

struct log_head *hub_site_head(struct hub_site *site, uint32_t epoch)
{
    for (uint8_t i = 0; i < site->head_count; i++)
        if (site->heads[i].at.epoch == epoch)
            return &site->heads[i];
    return NULL;
}

bool hub_site_set_head(struct hub_site *site, const struct log_head *head)
{
    struct log_head *found = hub_site_head(site, head->at.epoch);
    if (found) {
        if (head->at.n > found->at.n)
            *found = *head;
        return true;
    }
    if (site->head_count == SEEN_MAX || head->at.epoch == 0)
        return false;
    uint8_t at = site->head_count++;
    for (; at > 0 && site->heads[at - 1].at.epoch > head->at.epoch; at--)
        site->heads[at] = site->heads[at - 1];
    site->heads[at] = *head;
    return true;
}

struct position hub_site_newest(const struct hub_site *site)
{
    for (uint8_t i = site->head_count; i > 0; i--)
        if (site->heads[i - 1].at.n > 0)
            return site->heads[i - 1].at;
    return (struct position){0};
}

bool hub_load_site(struct hub *hub, struct bytes site)
{
    if (hub_site_index(hub, site) != NO_ONE)
        return true;
    if (hub->site_count == SITES_MAX || !slug_valid(site))
        return false;
    struct hub_site *new = calloc(1, sizeof *new);
    if (!new)
        return false;
    memcpy(new->name, site.data, site.len);
    new->brought = NO_ONE;
    new->upload_only = site_is_audit(site);
    streams_init(&new->streams);
    streams_init(&new->aside);
    hub->sites[hub->site_count++] = new;
    return true;
}

bool hub_load_head(struct hub *hub, struct bytes site, const struct log_head *head)
{
    uint32_t at = hub_site_index(hub, site);
    return at != NO_ONE && hub_site_set_head(hub->sites[at], head);
}

bool hub_load_stream(struct hub *hub, struct bytes site, const struct device_id *device, uint32_t incarnation,
                     const struct stream_head *head)
{
    uint32_t at = hub_site_index(hub, site);
    struct stream *stream = at == NO_ONE ? NULL : streams_get(&hub->sites[at]->streams, device, incarnation);
    if (!stream)
        return false;
    stream->head = stream->durable = *head;
    return true;
}

bool hub_load_aside(struct hub *hub, struct bytes site, const struct device_id *device, uint32_t incarnation,
                    const struct stream_head *head)
{
    uint32_t at = hub_site_index(hub, site);
    struct stream *stream = at == NO_ONE ? NULL : streams_get(&hub->sites[at]->aside, device, incarnation);
    if (!stream)
        return false;
    stream->head = *head;
    return true;
}

static bool is_missing(const struct hub_site *site, const struct key_id *key)
{
    for (uint32_t i = 0; i < site->missing_count; i++)
        if (memcmp(&site->missing[i], key, sizeof *key) == 0)
            return true;
    return false;
}

/* They come in another order each time. */
bool hub_set_missing(struct hub *hub, struct bytes site, const struct key_id *keys, size_t count)
{
    uint32_t at = hub_site_index(hub, site);
    if (at == NO_ONE)
        return false;
    struct hub_site *found = hub->sites[at];
    const uint32_t told = (uint32_t)(count < RECEIPT_KEYS_MAX ? count : RECEIPT_KEYS_MAX);
    bool news = false;
    for (uint32_t i = 0; i < told && !news; i++)
        news = !is_missing(found, &keys[i]);
    found->missing_count = told;
    if (told > 0)
        memcpy(found->missing, keys, told * sizeof *keys);
    found->missing_news = told > 0 && (found->missing_news || news);
    if (found->missing_news && found->missing_due_ms < hub->missing_due_ms)
        hub->missing_due_ms = found->missing_due_ms;
    if (news && found->brought != NO_ONE) { /* it is asked for the next ones at once, and nobody else */
        hub_greet_anew(hub, found->brought, 1u << at);
        found->brought = NO_ONE;
    }
    return true;
}

/* Whoever writes under keys that the hub lacks, again and again, shall not keep everybody else greeting. */
static void missing_turn(struct hub *hub)
{
    if (hub->now < hub->missing_due_ms)
        return;
    hub->missing_due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < hub->site_count; i++) {
        struct hub_site *site = hub->sites[i];
        if (site->missing_news && hub->now >= site->missing_due_ms) {
            site->missing_news = false;
            if (hub_greet_anew(hub, NO_ONE, 1u << i))
                site->missing_due_ms = hub->now + MISSING_PAUSE_MS;
        } else if (site->missing_news && site->missing_due_ms < hub->missing_due_ms) {
            hub->missing_due_ms = site->missing_due_ms;
        }
    }
}

/* ---- the step ---- */

static const char refused_malformed[] = "The message does not follow the protocol. Update felloe on this laptop.";
static const char refused_hello[] = "Say HELLO first.";

static void dispatch(struct hub *hub, struct peer *peer, struct lent *body)
{
    if (hub->in.kind == MSG_HELLO) {
        hub_on_hello(hub, peer);
        return;
    }
    if (!peer->greeted) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_HELLO_FIRST, (struct bytes){0}, refused_hello);
        return;
    }
    switch (hub->in.kind) {
    case MSG_PUSH:
        hub_on_push(hub, peer, body);
        break;
    case MSG_PULL:
        hub_on_pull(hub, peer);
        break;
    case MSG_KEYS:
        hub_on_keys(hub, peer);
        break;
    case MSG_OFFER:
        hub_on_offer(hub, peer, body);
        break;
    default:
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_MALFORMED, (struct bytes){0}, refused_malformed);
        break;
    }
}

static void on_message(struct hub *hub, struct hub_input *input)
{
    bool well_formed = message_decode(input->header, &hub->in);
    uint64_t request = hub->in.request;
    uint32_t device = hub_device_index(hub, &input->device);
    hub->wall_ms = input->wall_ms;
    if (device == NO_ONE) {
        hub_refuse_device(hub, input->peer, request, false);
        return;
    }
    if (hub->devices[device].revoked) {
        hub_on_revoked(hub, input->peer, device, well_formed, &input->body);
        return;
    }
    struct peer *peer = hub_peer_met(hub, input->peer, device);
    if (!peer) {
        hub_out_of_memory(hub);
        return;
    }
    if (!well_formed) {
        hub_incident(hub, device, "a message that does not follow the protocol (%zu bytes)", input->header.len);
        hub_refuse(hub, input->peer, request, REFUSED_MALFORMED, (struct bytes){0}, refused_malformed);
        return;
    }
    dispatch(hub, peer, &input->body);
}

static void on_head(struct hub *hub, const struct hub_input *input)
{
    uint32_t site = hub_site_index(hub, input->site);
    if (site == NO_ONE)
        return;
    hub_note_grown(hub, input->ticket, input->at);
    hub->fresh.batch = input->fresh;
    hub->fresh.site = site;
    hub->fresh.at = input->at;
    hub->fresh.head = input->head;
    buffer_clear(&hub->fresh.body);
    if (hub_site_set_head(hub->sites[site], &input->head))
        hub_on_grew(hub, site);
}

static void on_input(struct hub *hub, struct hub_input *input)
{
    switch (input->kind) {
    case HUB_TICK:
        break;
    case HUB_MESSAGE:
        on_message(hub, input);
        break;
    case HUB_PEER_GONE:
        hub_peer_gone(hub, input->peer);
        break;
    case HUB_PEER_MISSED:
        hub_peer_missed(hub, input->peer);
        break;
    case HUB_KEPT:
        hub_on_kept(hub, input);
        break;
    case HUB_GREW:
        on_head(hub, input);
        break;
    case HUB_RANGE:
        hub_on_range(hub, input);
        break;
    case HUB_HASHES:
        hub_on_hashes(hub, input);
        break;
    case HUB_OFFER_KEPT:
        hub_on_offer_kept(hub, input);
        break;
    }
}

void hub_step(struct hub *hub, struct hub_input *input, struct hub_outputs *outputs)
{
    hub->out = outputs;
    if (input->now_ms > hub->now)
        hub->now = input->now_ms;
    if (!hub->dead)
        on_input(hub, input);
    lent_return(&input->body); /* unless it was taken */
    if (!hub->dead) {
        missing_turn(hub);
        hub_anew_turn(hub);
        hub_pull_turn(hub);
    }
    hub->fresh.batch = NULL;
    hub->out = NULL;
}

uint64_t hub_deadline(const struct hub *hub)
{
    if (hub->dead)
        return UINT64_MAX;
    if (hub->anew)
        return 0;
    const uint64_t due = hub->missing_due_ms < hub->due_ms ? hub->missing_due_ms : hub->due_ms;
    const uint64_t ahead = hub_ahead_deadline(hub);
    return ahead < due ? ahead : due;
}
