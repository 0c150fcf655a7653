/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated network: each laptop has one link to the hub, slow or thin, which loses, doubles, delays, reorders and
 * spoils frames, falls silent in one direction or both, and breaks with or without a word. */
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

uint32_t net_node_of(const struct sim *sim, uint64_t peer)
{
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (sim->nodes[i].peer == peer)
            return i;
    return SIM_HUB;
}

void net_reconnect_later(struct sim *sim, uint32_t node, uint64_t pause_ms)
{
    (void)sim_later(sim, sim->now + pause_ms, ITEM_CONNECT, node, sim->nodes[node].life);
}

void net_connect(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (n->peer || !n->machine || n->gone)
        return;
    if (!sim->hub.machine || !may_connect(sim, node)) { /* nobody answers */
        net_reconnect_later(sim, node, 500 + sim_below(sim, 3000));
        return;
    }
    n->peer = ++sim->last_life;
    n->asked = 0;
    n->up.free_at = n->down.free_at = n->up.last_arrival = n->down.last_arrival = 0;
    sim_note(sim, node, "connected (%)", n->peer, 0, 0);
    struct spoke_input up = {.kind = SPOKE_UP};
    spoke_input(sim, node, &up);
}

void net_cut(struct sim *sim, uint32_t node, bool hub_hears)
{
    struct sim_node *n = &sim->nodes[node];
    uint64_t peer = n->peer;
    if (!peer)
        return;
    n->peer = 0; /* frames under way belong to a connection that is no more */
    sim_note(sim, node, "connection cut (%)", peer, 0, 0);
    struct spoke_input down = {.kind = SPOKE_DOWN};
    if (n->machine)
        spoke_input(sim, node, &down);
    struct hub_input gone = {.kind = HUB_PEER_GONE, .peer = peer};
    if (hub_hears && sim->hub.machine)
        simhub_input(sim, &gone);
}

/* ---- frames ---- */

static void spoil(struct sim *sim, struct buffer *header, struct buffer *body)
{
    size_t bits = (header->len + body->len) * 8;
    size_t at = sim_random(sim) % bits, byte = at / 8;
    uint8_t *hit = byte < header->len ? &header->data[byte] : &body->data[byte - header->len];
    *hit ^= (uint8_t)(1u << (at % 8));
    sim->spoilt = true;
}

static struct task *put_frame(struct sim *sim, bool up, uint32_t node, struct bytes header, struct bytes body,
                              uint64_t at)
{
    struct task *item = sim_later(sim, at, up ? ITEM_UP : ITEM_DOWN, node, sim->nodes[node].peer);
    struct buffer copy = {0};
    buffer_append(&item->header, header.data, header.len);
    buffer_append(&copy, body.data, body.len);
    item->body = lend(&copy);
    return item;
}

static const char *frame_words(enum message_kind kind, bool lost)
{
    static const char *const sent[] = {"?",
                                       "HELLO (%, %+% bytes)",
                                       "WELCOME (%, %+% bytes)",
                                       "PUSH (%, %+% bytes)",
                                       "RECEIPT (%, %+% bytes)",
                                       "PULL (%, %+% bytes)",
                                       "FEED (%, %+% bytes)",
                                       "KEYS (%, %+% bytes)",
                                       "KEYRING (%, %+% bytes)",
                                       "OFFER (%, %+% bytes)",
                                       "OFFERED (%, %+% bytes)",
                                       "JOIN",
                                       "JOINED",
                                       "REFUSED (%, %+% bytes)"};
    static const char *const gone[] = {
        "?",         "HELLO lost",   "WELCOME lost", "PUSH lost",    "RECEIPT lost", "PULL lost",   "FEED lost",
        "KEYS lost", "KEYRING lost", "OFFER lost",   "OFFERED lost", "JOIN lost",    "JOINED lost", "REFUSED lost"};
    return (lost ? gone : sent)[kind <= MSG_REFUSED ? kind : 0];
}

/* When a frame sent now arrives. In order as TCP has it, unless this one is overtaken. */
static uint64_t arrival(struct sim *sim, struct link *link, size_t size)
{
    uint64_t start = link->free_at > sim->now ? link->free_at : sim->now;
    link->free_at = link->bytes_per_ms ? start + size / link->bytes_per_ms : start;
    uint64_t at = link->free_at + link->latency_ms + sim_below(sim, link->jitter_ms);
    if (sim_chance(sim, link->reordered))
        return at + sim_below(sim, 1 + 20 * link->latency_ms);
    if (at < link->last_arrival)
        at = link->last_arrival;
    link->last_arrival = at;
    return at;
}

/* Whatever becomes of the machine that asked: a number stands for one request of a connection, or an answer could be
 * taken for another one's. */
static void note_request(struct sim *sim, uint32_t node, enum message_kind kind, uint64_t request)
{
    struct sim_node *n = &sim->nodes[node];
    if (request <= n->asked)
        sim_fail(sim, "laptop %u: request %llu after request %llu on the same connection", node,
                 (unsigned long long)request, (unsigned long long)n->asked);
    n->asked = request;
    if (kind == MSG_HELLO)
        n->hello = request;
}

void net_send(struct sim *sim, bool up, uint32_t node, struct buffer *header, struct lent *body)
{
    struct sim_node *n = &sim->nodes[node];
    struct link *link = up ? &n->up : &n->down;
    (void)message_decode(buffer_bytes(header), &sim->message);
    enum message_kind kind = sim->message.kind;
    uint64_t request = sim->message.request;
    bool replayed = !up && kind == MSG_WELCOME && relay_replays(sim, node, header);
    bool lost = sim->now < link->silent_until || sim_chance(sim, link->lost);
    if (up)
        note_request(sim, node, kind, request);
    sim->frames++;
    sim_note(sim, up ? node : SIM_HUB, frame_words(kind, lost), up ? request : request * 100 + node, header->len,
             body->bytes.len);
    uint32_t copies = lost ? 0 : sim_chance(sim, link->doubled) ? 2 : 1;
    for (uint32_t i = 0; i < copies; i++) {
        uint64_t at = arrival(sim, link, header->len + body->bytes.len);
        struct task *item = put_frame(sim, up, node, buffer_bytes(header), body->bytes, at);
        item->replayed = replayed;
        if (sim_chance(sim, link->spoilt)) {
            struct buffer copy = {.data = (uint8_t *)(uintptr_t)item->body.bytes.data, .len = item->body.bytes.len};
            spoil(sim, &item->header, &copy);
            sim_note(sim, node, "one bit of it is spoilt", 0, 0, 0);
        }
    }
    buffer_release(header);
    lent_return(body);
}

/* What the hub held when it wrote the first WELCOME to a laptop as its next incarnation, that laptop has to have. One
 * that answers an earlier HELLO is none: the hub wrote it to the incarnation of before. */
static void note_welcome(struct sim *sim, const struct task *item)
{
    struct sim_node *n = &sim->nodes[item->node];
    if (n->greeted_anew || !message_decode(buffer_bytes(&item->header), &sim->message) ||
        sim->message.kind != MSG_WELCOME || sim->message.request != n->hello)
        return;
    n->welcomed = item->born;
    n->greeted_anew = n->config.going_on != 0;
}

void net_arrive(struct sim *sim, struct task *item)
{
    struct sim_node *n = &sim->nodes[item->node];
    bool read = n->peer == item->life || (item->life >= sim->hub.first_peer && sim_chance(sim, 5000));
    if (item->kind == ITEM_UP && sim->hub.machine && read) {
        /* what was sent before a cut may still be read at the hub */
        struct hub_input in = {.kind = HUB_MESSAGE,
                               .peer = item->life,
                               .device = n->config.device,
                               .header = buffer_bytes(&item->header),
                               .body = item->body};
        item->body = (struct lent){0};
        simhub_input(sim, &in);
    } else if (item->kind == ITEM_DOWN && n->machine && n->peer == item->life) {
        if (!item->replayed)
            note_welcome(sim, item);
        struct spoke_input in = {.kind = SPOKE_MESSAGE, .header = buffer_bytes(&item->header), .body = item->body};
        item->body = (struct lent){0};
        sim->replaying = item->replayed;
        spoke_input(sim, item->node, &in);
        sim->replaying = false;
    }
}
