/* SPDX-License-Identifier: Apache-2.0 */
/* HELLO: each cursor is compared with the log (at the head from memory, below it by HUB_HASH), each stream with what is
 * held; then WELCOME. */
#include <stdlib.h>

#include "proto/sync/sync_hub_internal.h"

/* A laptop says HELLO again only after a time-out; more of them would fill the queue of readings for everybody. */
#define CHECKS_PER_PEER_MAX (2 * SITES_MAX)

/* ---- comparing cursors ---- */

static bool check_add(struct hub *hub, const struct hash_check *check)
{
    if (hub->check_count == hub->check_cap) {
        uint32_t cap = hub->check_cap ? hub->check_cap * 2 : 8;
        struct hash_check *checks = realloc(hub->checks, cap * sizeof *checks);
        if (!checks)
            return false;
        hub->checks = checks;
        hub->check_cap = cap;
    }
    hub->checks[hub->check_count++] = *check;
    return true;
}

/* What memory can tell at once; the rest goes to `check` and `positions`. */
static enum site_verdict compare_cursors(struct hub_site *site, const struct hello_site *h, struct hash_check *check,
                                         struct position positions[SEEN_MAX])
{
    enum site_verdict verdict = SITE_OK;
    for (uint8_t i = 0; i < h->cursor_count; i++) {
        const struct log_head *cursor = &h->cursors[i], *head = hub_site_head(site, cursor->at.epoch);
        if (cursor->at.n == 0)
            continue;
        if (!head || head->at.n < cursor->at.n) {
            if (verdict == SITE_OK)
                verdict = SITE_REWIND;
        } else if (head->at.n == cursor->at.n) {
            if (memcmp(&head->hash, &cursor->hash, sizeof head->hash) != 0)
                verdict = SITE_SPLIT;
        } else {
            check->expected[check->count] = cursor->hash;
            positions[check->count++] = cursor->at;
        }
    }
    return verdict;
}

static void ask_hashes(struct hub *hub, struct greeting *g, struct hash_check *check, uint32_t site,
                       const struct position positions[SEEN_MAX])
{
    check->ticket = ++hub->last_ticket;
    struct hub_output *o = hub_put(hub, HUB_HASH);
    if (!o)
        return;
    o->ticket = check->ticket;
    o->site = hub_site_name(hub->sites[site]);
    o->count = check->count;
    memcpy(o->positions, positions, check->count * sizeof positions[0]);
    g->open++;
    if (!check_add(hub, check))
        hub_out_of_memory(hub);
}

static void greet_site(struct hub *hub, struct peer *peer, uint32_t index, const struct hello_site *h)
{
    struct greeting *g = peer->greeting;
    struct greeting_site *gs = &g->sites[index];
    struct hub_device *d = &hub->devices[peer->device];
    uint32_t at = hub_site_index(hub, h->site);
    memcpy(gs->name, h->site.data, h->site.len);
    gs->own_seq = h->own_seq;
    gs->own_id = h->own_id;
    gs->verdict = SITE_DENIED;
    if (at == NO_ONE || !(d->sites & (1u << at)))
        return;
    if (!hub->sites[at]->upload_only) { /* looks are no entries that somebody waits for */
        d->waiting[at] = h->waiting;
        d->oldest_waiting_ms[at] = h->oldest_waiting_ms;
    }
    struct hash_check check = {.peer = peer->id, .serial = g->serial, .site = index};
    struct position positions[SEEN_MAX];
    gs->verdict = hub->sites[at]->upload_only ? SITE_OK : compare_cursors(hub->sites[at], h, &check, positions);
    if (gs->verdict == SITE_REWIND)
        peer->rewound |= 1u << at;
    const struct stream *stream = streams_find(&hub->sites[at]->streams, &d->id, peer->incarnation);
    if (stream)
        gs->held = stream->durable;
    if (check.count > 0)
        ask_hashes(hub, g, &check, at, positions);
}

/* ---- WELCOME ---- */

static void welcome_stream(struct hub *hub, struct peer *peer, uint32_t at, const struct greeting_site *gs,
                           struct welcome_site *w)
{
    struct hub_site *site = hub->sites[at];
    const struct hub_device *d = &hub->devices[peer->device];
    const struct stream *stream = streams_find(&site->streams, &d->id, peer->incarnation);
    if (!site->upload_only)
        w->head = hub_site_newest(site);
    const struct stream_head *held = &gs->held;
    if (!stream || (held->seq == 0 && !stream->forked))
        return;
    w->held_seq = held->seq;
    w->held_id = held->id;
    if (held->seq > 0)
        sign_receipt(&hub->config.sign, hub_site_name(site), &d->id, peer->incarnation, held->seq, &held->id,
                     &w->held_receipt);
    /* What came over this very connection it has: its HELLO was overtaken by its PUSH. */
    bool behind = gs->own_seq < held->seq && peer->pushed[at] < held->seq;
    bool forked = stream->forked || behind || (gs->own_seq == held->seq && !event_id_equal(&gs->own_id, &held->id));
    if (forked && w->verdict != SITE_SPLIT) {
        w->verdict = SITE_FORK;
        w->next_incarnation = hub_next_incarnation(hub, peer);
        if (w->next_incarnation != 0)
            hub_incident(hub, peer->device,
                         "it was set back, or copied; in '%s' it goes on as incarnation %u. If it is two machines now, "
                         "revoke it, and let each join anew",
                         site->name, w->next_incarnation);
        else
            hub_incident(hub, peer->device,
                         "it was set back, or copied, too often: no incarnation is left for it in '%s'. Revoke it, and "
                         "let the laptop join anew",
                         site->name);
    }
}

/* Whoever has them brings them: the one who wrote under them may be gone for good. */
static void welcome_missing(const struct hub_site *site, struct welcome_site *w)
{
    w->missing_count = site->missing_count;
    memcpy(w->missing, site->missing, site->missing_count * sizeof w->missing[0]);
}

/* The sites that make two devices work together. Every device is in commons and writes to audit: that alone makes it
 * nobody's business. */
static uint32_t sites_but_commons(const struct hub *hub, uint32_t sites)
{
    for (uint32_t i = 0; i < hub->site_count; i++)
        if (hub->sites[i]->upload_only || strcmp(hub->sites[i]->name, "commons") == 0)
            sites &= ~(1u << i);
    return sites;
}

/* Quietest first; equal ones in the order they were admitted. Insertion into a bounded list. */
static void welcome_peers(struct hub *hub, uint32_t self, struct msg_welcome *m)
{
    uint32_t sites = sites_but_commons(hub, hub->devices[self].sites);
    m->peer_count = 0;
    for (uint32_t i = 0; i < hub->device_count; i++) {
        const struct hub_device *d = &hub->devices[i];
        if (i == self || d->revoked || (d->sites & sites) == 0)
            continue;
        uint32_t at = m->peer_count;
        if (at == WELCOME_PEERS_MAX && d->heard_wall_ms >= m->peers[at - 1].heard_ms)
            continue;
        if (at == WELCOME_PEERS_MAX)
            at--;
        else
            m->peer_count++;
        for (; at > 0 && m->peers[at - 1].heard_ms > d->heard_wall_ms; at--)
            m->peers[at] = m->peers[at - 1];
        m->peers[at] = (struct welcome_peer){.device = d->id, .heard_ms = d->heard_wall_ms};
        for (uint32_t s = 0; s < SITES_MAX; s++)
            m->peers[at].waiting += d->waiting[s];
    }
}

/* Signed for this laptop and this HELLO, so that nobody can pass an older answer on. */
static struct bytes tell_terms(struct hub *hub, const struct peer *peer, const struct greeting *g)
{
    struct terms terms = hub->terms;
    terms.device = hub->devices[peer->device].id;
    terms.challenge = g->challenge;
    buffer_clear(&hub->told);
    terms_put(&hub->told, &terms, &hub->config.sign);
    if (hub->told.failed)
        hub_out_of_memory(hub);
    return buffer_bytes(&hub->told);
}

static void send_welcome(struct hub *hub, struct peer *peer)
{
    struct greeting *g = peer->greeting;
    peer->greeting = NULL;
    if (g->failed) {
        hub_refuse(hub, peer->id, g->request, REFUSED_BUSY, (struct bytes){0},
                   "The hub could not read its log just now. It is asked again.");
        free(g);
        return;
    }
    struct msg_welcome *m = &hub->msg.welcome;
    m->hub = hub->config.hub;
    m->epoch = hub->config.epoch;
    m->now_ms = g->wall_ms > 0 ? g->wall_ms : 0;
    m->site_count = g->site_count;
    for (uint32_t i = 0; i < g->site_count; i++) {
        struct greeting_site *gs = &g->sites[i];
        m->sites[i] = (struct welcome_site){.site = bytes_str(gs->name), .verdict = gs->verdict};
        if (gs->verdict != SITE_DENIED)
            welcome_stream(hub, peer, hub_site_index(hub, m->sites[i].site), gs, &m->sites[i]);
        if (gs->verdict != SITE_DENIED && m->sites[i].verdict != SITE_SPLIT)
            welcome_missing(hub->sites[hub_site_index(hub, m->sites[i].site)], &m->sites[i]);
        if (gs->verdict == SITE_SPLIT)
            hub_incident(hub, peer->device, "its log of '%s' has another hash than the hub's at the same position",
                         gs->name);
    }
    welcome_peers(hub, peer->device, m);
    m->terms = tell_terms(hub, peer, g);
    if (!hub->dead)
        hub_send(hub, peer->id, MSG_WELCOME, g->request, NULL);
    free(g);
}

/* ---- inputs ---- */

/* Hashes that are being read for HELLOs of this connection. */
static uint32_t checks_of(const struct hub *hub, const struct peer *peer)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < hub->check_count; i++)
        count += hub->checks[i].peer == peer->id;
    return count;
}

/* A laptop that goes on as another incarnation asks what the hub holds of the former, to write the rest again. What is
 * on its way to the disk has to be there first, or it would be in the record twice. */
static bool writes_otherwise(const struct hub *hub, uint32_t device, uint32_t incarnation)
{
    for (const struct keep *keep = hub->keeps; keep; keep = keep->next)
        if (keep->device == device && !keep->keys_only && !keep->aside && keep->incarnation != incarnation)
            return true;
    return false;
}

void hub_on_hello(struct hub *hub, struct peer *peer)
{
    const struct msg_hello *hello = &hub->in.hello;
    struct hub_device *d = &hub->devices[peer->device];
    if (hello->version != PROTOCOL_VERSION) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_VERSION, (struct bytes){0},
                   "This laptop's felloe and the hub's do not speak the same protocol. Update the older one.");
        return;
    }
    if (!device_id_equal(&hello->device, &d->id)) {
        hub_incident(hub, peer->device, "it claims to be another device than its key says");
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_UNKNOWN, (struct bytes){0},
                   "The name in the message is not that of this laptop's key.");
        return;
    }
    if (writes_otherwise(hub, peer->device, hello->incarnation)) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_BUSY, (struct bytes){0},
                   "The hub still writes what this laptop sent under another incarnation. It is asked again.");
        return;
    }
    if (checks_of(hub, peer) >= CHECKS_PER_PEER_MAX) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_BUSY, (struct bytes){0},
                   "The hub still reads what earlier HELLOs asked for.");
        return;
    }
    struct greeting *g = calloc(1, sizeof *g);
    if (!g) {
        hub_out_of_memory(hub);
        return;
    }
    free(peer->greeting); /* an earlier HELLO is overtaken; its hashes will find no one */
    peer->greeting = g;
    if (!peer->greeted || peer->incarnation != hello->incarnation)
        memset(peer->pushed, 0, sizeof peer->pushed);
    peer->greeted = true;
    peer->rewound = 0;
    peer->incarnation = hello->incarnation;
    hub_ahead_drop(hub, peer->id); /* it was for who it was before */
    if (hello->incarnation > d->incarnation)
        d->incarnation = hello->incarnation;
    g->serial = ++hub->last_serial;
    g->request = hub->in.request;
    g->challenge = hello->challenge;
    g->wall_ms = hub->wall_ms;
    g->site_count = hello->site_count;
    for (uint32_t i = 0; i < hello->site_count && !hub->dead; i++)
        greet_site(hub, peer, i, &hello->sites[i]);
    hub_heard(hub, peer->device);
    if (g->open == 0 && !hub->dead)
        send_welcome(hub, peer);
}

void hub_on_hashes(struct hub *hub, const struct hub_input *input)
{
    uint32_t at = 0;
    while (at < hub->check_count && hub->checks[at].ticket != input->ticket)
        at++;
    if (at == hub->check_count)
        return;
    struct hash_check check = hub->checks[at];
    hub->checks[at] = hub->checks[--hub->check_count];
    struct peer *peer = hub_peer(hub, check.peer);
    if (!peer || !peer->greeting || peer->greeting->serial != check.serial)
        return;
    struct greeting *g = peer->greeting;
    if (!input->ok)
        g->failed = true;
    for (uint32_t i = 0; input->ok && i < check.count; i++)
        if (memcmp(&input->hashes[i], &check.expected[i], sizeof check.expected[i]) != 0)
            g->sites[check.site].verdict = SITE_SPLIT;
    if (--g->open == 0)
        send_welcome(hub, peer);
}
