/* SPDX-License-Identifier: Apache-2.0 */
/* Devices (who may do what, when last heard) and their connections. A connection is nothing that matters: when it is
 * forgotten, the spoke is told to say HELLO. */
#include <stdlib.h>

#include "proto/sync/sync_hub_internal.h"

/* ---- devices ---- */

uint32_t hub_device_index(const struct hub *hub, const struct device_id *id)
{
    uint32_t at = table_find(&hub->device_index, id->b);
    return at == TABLE_NONE ? NO_ONE : at;
}

static struct hub_device *device_add(struct hub *hub, const struct device_id *id)
{
    if (hub->device_count == hub->device_cap) {
        uint32_t cap = hub->device_cap ? hub->device_cap * 2 : 8;
        struct hub_device *devices = realloc(hub->devices, cap * sizeof *devices);
        if (!devices)
            return NULL;
        hub->devices = devices;
        hub->device_cap = cap;
    }
    if (!table_put(&hub->device_index, id->b, hub->device_count))
        return NULL;
    struct hub_device *d = &hub->devices[hub->device_count++];
    *d = (struct hub_device){.id = *id};
    return d;
}

bool hub_admit(struct hub *hub, const struct device_id *device, const struct sign_public *sign,
               const struct bytes *sites, size_t site_count)
{
    uint32_t at = hub_device_index(hub, device), allowed = 0;
    for (size_t i = 0; i < site_count; i++) {
        if (!hub_load_site(hub, sites[i]))
            return false;
        allowed |= 1u << hub_site_index(hub, sites[i]);
    }
    for (uint32_t i = 0; i < hub->site_count; i++)
        if (hub->sites[i]->upload_only)
            allowed |= 1u << i;
    struct hub_device *d = at == NO_ONE ? device_add(hub, device) : &hub->devices[at];
    if (!d)
        return false;
    d->sign = *sign;
    d->sites = allowed;
    d->revoked = false;
    return true;
}

void hub_revoke(struct hub *hub, const struct device_id *device)
{
    uint32_t at = hub_device_index(hub, device);
    if (at == NO_ONE)
        return;
    hub->devices[at].revoked = true;
    hub->due_ms = 0;
}

static uint64_t sum_waiting(const struct hub_device *d, int64_t *oldest)
{
    uint64_t waiting = 0;
    *oldest = 0;
    for (uint32_t i = 0; i < SITES_MAX; i++) {
        waiting += d->waiting[i];
        if (d->oldest_waiting_ms[i] != 0 && (*oldest == 0 || d->oldest_waiting_ms[i] < *oldest))
            *oldest = d->oldest_waiting_ms[i];
    }
    return waiting;
}

void hub_heard(struct hub *hub, uint32_t device)
{
    struct hub_output *o = hub_put(hub, HUB_HEARD);
    if (!o)
        return;
    o->device = hub->devices[device].id;
    o->waiting = sum_waiting(&hub->devices[device], &o->oldest_waiting_ms);
}

size_t hub_device_count(const struct hub *hub)
{
    return hub->device_count;
}

void hub_device_status(const struct hub *hub, size_t index, struct hub_device_status *out)
{
    const struct hub_device *d = &hub->devices[index];
    *out = (struct hub_device_status){.device = d->id, .heard_ms = d->heard_wall_ms};
    out->waiting = sum_waiting(d, &out->oldest_waiting_ms);
    out->connected = d->peers > 0 && !d->revoked && hub->now - d->heard_ms < CONNECTED_MS;
}

/* One more than any that is known or was named: two clones must never be given the same. Not below the epoch, so that a
 * hub that was set back, and has forgotten whom it named what, does not name it again. A connection that asks again is
 * told the same again. 0 when none is left, because the device said (or wrote) the last there is: it has to join anew.
 */
uint32_t hub_next_incarnation(struct hub *hub, struct peer *peer)
{
    struct hub_device *d = &hub->devices[peer->device];
    if (peer->named > peer->incarnation)
        return peer->named;
    uint32_t highest = d->incarnation > d->named ? d->incarnation : d->named;
    if (hub->config.epoch > 1 && highest < hub->config.epoch - 1)
        highest = hub->config.epoch - 1;
    for (uint32_t i = 0; i < hub->site_count; i++) {
        const struct streams *streams = &hub->sites[i]->streams;
        for (uint32_t j = 0; j < streams->count; j++)
            if (device_id_equal(&streams->items[j].device, &d->id) && streams->items[j].incarnation > highest)
                highest = streams->items[j].incarnation;
    }
    if (highest == UINT32_MAX)
        return 0;
    return peer->named = d->named = highest + 1;
}

/* ---- connections ---- */

struct peer *hub_peer(const struct hub *hub, uint64_t id)
{
    uint32_t at = table_find(&hub->peer_index, &id);
    return at == TABLE_NONE ? NULL : hub->peers[at];
}

void hub_peer_gone(struct hub *hub, uint64_t id)
{
    uint32_t at = table_find(&hub->peer_index, &id);
    if (at == TABLE_NONE)
        return;
    struct peer *peer = hub->peers[at];
    hub->devices[peer->device].peers--;
    table_remove(&hub->peer_index, &id);
    hub_ahead_drop(hub, id);
    hub->peers[at] = NULL; /* its place in the queue is passed over */
    for (uint32_t i = 0; i < SITES_MAX; i++)
        free(peer->pulls[i]);
    free(peer->greeting);
    free(peer);
}

/* Connections that died without a word: idle for long, or older ones of a device that comes back again and again. */
static void forget_dead(struct hub *hub, uint32_t device)
{
    uint32_t count = 0;
    struct peer *oldest = NULL;
    for (uint32_t i = 0; i < hub->peer_count; i++) {
        struct peer *peer = hub->peers[i];
        if (!peer)
            continue;
        if (hub->now - peer->heard_ms >= PEER_IDLE_MS) {
            hub_peer_gone(hub, peer->id);
            continue;
        }
        if (peer->device != device)
            continue;
        count++;
        if (!oldest || peer->heard_ms < oldest->heard_ms)
            oldest = peer;
    }
    if (count >= PEERS_PER_DEVICE_MAX)
        hub_peer_gone(hub, oldest->id);
}

/* Room for one more in the array and in the queue's ring. */
static bool peers_grow(struct hub *hub)
{
    uint32_t cap = hub->peer_cap ? hub->peer_cap * 2 : 8;
    struct peer **peers = realloc(hub->peers, cap * sizeof *peers);
    if (!peers)
        return false;
    hub->peers = peers;
    uint32_t *queue = malloc(cap * sizeof *queue);
    if (!queue)
        return false;
    for (uint32_t i = 0; i < hub->queue_len; i++)
        queue[i] = hub->queue[(hub->queue_at + i) % hub->peer_cap];
    free(hub->queue);
    hub->queue = queue;
    hub->queue_at = 0;
    hub->peer_cap = cap;
    return true;
}

/* A free place that the queue does not name either. */
static uint32_t free_place(const struct hub *hub)
{
    for (uint32_t i = 0; i < hub->peer_count; i++) {
        bool free_here = !hub->peers[i];
        for (uint32_t q = 0; free_here && q < hub->queue_len; q++)
            free_here = hub->queue[(hub->queue_at + q) % hub->peer_cap] != i;
        if (free_here)
            return i;
    }
    return hub->peer_count;
}

struct peer *hub_peer_met(struct hub *hub, uint64_t id, uint32_t device)
{
    struct peer *peer = hub_peer(hub, id);
    if (peer && peer->device != device) { /* the driver gave its number to another connection */
        hub_peer_gone(hub, id);
        peer = NULL;
    }
    if (!peer) {
        forget_dead(hub, device);
        uint32_t place = free_place(hub);
        if (place == hub->peer_cap && !peers_grow(hub))
            return NULL;
        peer = calloc(1, sizeof *peer);
        if (!peer || !table_put(&hub->peer_index, &id, place)) {
            free(peer);
            return NULL;
        }
        peer->id = id;
        peer->device = device;
        hub->devices[device].peers++;
        hub->peers[place] = peer;
        if (place == hub->peer_count)
            hub->peer_count++;
    }
    peer->heard_ms = hub->now;
    struct hub_device *d = &hub->devices[device];
    d->heard = true;
    d->heard_ms = hub->now;
    d->heard_wall_ms = hub->wall_ms;
    return peer;
}

void hub_alive(struct hub *hub, uint64_t id, uint64_t now_ms, uint64_t heard_ms, int64_t heard_wall_ms)
{
    struct peer *peer = hub_peer(hub, id);
    if (now_ms > hub->now)
        hub->now = now_ms;
    if (!peer || heard_ms > hub->now || heard_ms <= peer->heard_ms)
        return;
    struct hub_device *d = &hub->devices[peer->device];
    peer->heard_ms = heard_ms;
    if (heard_ms <= d->heard_ms)
        return;
    d->heard_ms = heard_ms;
    d->heard_wall_ms = heard_wall_ms;
}

/* ---- greeting anew ---- */

bool hub_greet_anew(struct hub *hub, uint32_t device, uint32_t sites)
{
    bool any = false;
    for (uint32_t i = 0; i < hub->peer_count; i++) {
        struct peer *peer = hub->peers[i];
        if (peer && peer->greeted && !peer->greeting && (device == NO_ONE || peer->device == device) &&
            (hub->devices[peer->device].sites & sites))
            any = hub->anew = peer->anew = true;
    }
    return any;
}

void hub_peer_missed(struct hub *hub, uint64_t id)
{
    struct peer *peer = hub_peer(hub, id);
    if (peer && peer->greeted)
        hub->anew = peer->anew = true;
}

void hub_anew_turn(struct hub *hub)
{
    if (!hub->anew)
        return;
    hub->anew = false;
    for (uint32_t i = 0; i < hub->peer_count; i++) {
        struct peer *peer = hub->peers[i];
        if (!peer || !peer->anew)
            continue;
        peer->anew = false;
        if (!hub->devices[peer->device].revoked)
            hub_refuse(hub, peer->id, 0, REFUSED_HELLO_FIRST, (struct bytes){0}, "There is news: say HELLO again.");
    }
}

void hub_refuse_device(struct hub *hub, uint64_t peer, uint64_t request, bool revoked)
{
    hub_refuse(hub, peer, request, revoked ? REFUSED_REVOKED : REFUSED_UNKNOWN, (struct bytes){0},
               revoked ? "This laptop was revoked at the hub. What is on it stays; ask who looks after the hub."
                       : "This laptop is not one of this hub's. Ask who looks after the hub for a ticket.");
}

uint32_t hub_site_for(struct hub *hub, const struct peer *peer, struct bytes name)
{
    uint32_t at = hub_site_index(hub, name);
    if (at != NO_ONE && (hub->devices[peer->device].sites & (1u << at)) &&
        (hub->in.kind == MSG_PUSH || !hub->sites[at]->upload_only))
        return at;
    hub_refuse(hub, peer->id, hub->in.request, REFUSED_SITE, name,
               "This laptop is not let into this site. Ask who looks after the hub.");
    return NO_ONE;
}
