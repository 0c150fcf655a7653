/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's ROUTER. A peer is one connection of one admitted key, known from its first message on. A key has a few side
 * by side: a laptop's directory that was copied is two laptops with one key, and a connection that died is just quiet.
 * What a peer does not read waits in a short queue, bounded for each key, so that memory is by the number of keys. */
#include <endian.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <zmq.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/net/net_guard.h"
#include "daemon/net/net_socket.h"
#include "daemon/net/net_zap.h"
#include "daemon/report.h"

/* What may wait for all peers of one key beyond ZeroMQ's own pipes: a few answers of the largest size. */
#define QUEUE_MESSAGES 64
#define QUEUE_BYTES    (4u * 1024 * 1024)
/* A live laptop gives a sign of life every two minutes; one from which no byte came for this long has gone. */
#define SILENCE_MS 300000
#define SWEEP_MS   60000
/* CURVE never changes the keys of a connection. Laptops make a new one each hour; one that does not is cut. */
#define LIFE_MS (2ull * 3600 * 1000)
/* Connections of one key that are heard side by side. */
#define KEY_PEERS_MAX 4
/* How exactly the system tells when a byte came. Closer together, whoever said something later is the livelier. */
#define HEARD_GRAIN_MS 50
/* A live laptop has given a sign of life by then. */
#define SIGN_MS 180000
/* Laptops that come back all at once wait in the system's queue, or else for seconds until they try again. */
#define BACKLOG 1024
/* ZeroMQ names a connection with a zero byte and a number of four, unless the peer chose a name for itself. */
#define ROUTING_SIZE 5

struct peer {
    uint8_t routing[ROUTING_SIZE];
    uint8_t curve[CURVE_KEY_SIZE];
    uint64_t number, heard_ms, born_ms;
    uint64_t heard_at; /* the count of messages then: the quietest has the lowest */
    struct net_outgoing *first, **last;
    size_t messages, bytes;
    bool told;   /* that it does not read */
    bool missed; /* something for it was dropped */
    struct net_line line;
};

struct net_hub {
    struct net_hub_config config;
    char endpoint[256];
    void *zmq, *zap, *router;
    struct net_pump *pump;
    struct net_source *zap_source, *router_source;
    struct net_guard *guard;
    struct loop_timer *sweep;
    struct net_keys keys;
    struct peer **peers;
    size_t peer_count, peer_cap;
    size_t waiting_peers; /* with something in their queue */
    bool any_missed;
    uint64_t next_number;
    struct net_hub_counts counts;
};

/* ---- peers ---- */

static void queue_clear(struct net_hub *hub, struct peer *peer)
{
    if (peer->first != NULL)
        hub->waiting_peers--;
    for (struct net_outgoing *message = peer->first, *next; message != NULL; message = next) {
        next = message->next;
        net_outgoing_free(message);
    }
    hub->counts.queued_bytes -= peer->bytes;
    peer->first = NULL;
    peer->last = &peer->first;
    peer->messages = peer->bytes = 0;
}

static void peer_drop(struct net_hub *hub, size_t index)
{
    struct peer *peer = hub->peers[index];
    uint64_t number = peer->number;
    queue_clear(hub, peer);
    free(peer);
    hub->peers[index] = hub->peers[--hub->peer_count];
    hub->config.gone(hub->config.context, number);
}

static struct peer *peer_by_number(struct net_hub *hub, uint64_t number, size_t *index)
{
    for (size_t i = 0; i < hub->peer_count; i++)
        if (hub->peers[i]->number == number) {
            *index = i;
            return hub->peers[i];
        }
    return NULL;
}

static bool same_key(const struct peer *peer, const uint8_t *curve)
{
    return memcmp(peer->curve, curve, CURVE_KEY_SIZE) == 0;
}

static void drop_key(struct net_hub *hub, const uint8_t *curve)
{
    for (size_t i = hub->peer_count; i-- > 0;)
        if (same_key(hub->peers[i], curve))
            peer_drop(hub, i);
}

static struct peer *peer_add(struct net_hub *hub, struct bytes routing, const uint8_t *curve, int socket)
{
    if (hub->peer_count == hub->peer_cap) {
        size_t cap = hub->peer_cap > 0 ? hub->peer_cap * 2 : 32;
        struct peer **peers = realloc(hub->peers, cap * sizeof *peers);
        if (peers == NULL)
            return NULL;
        hub->peers = peers;
        hub->peer_cap = cap;
    }
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL)
        return NULL;
    memcpy(peer->routing, routing.data, sizeof peer->routing);
    memcpy(peer->curve, curve, sizeof peer->curve);
    peer->line = net_line_of(socket);
    peer->number = ++hub->next_number;
    peer->born_ms = clock_steady_ms();
    peer->last = &peer->first;
    hub->peers[hub->peer_count++] = peer;
    return peer;
}

/* Only sending tells: an empty message, which nobody takes for anything. */
static bool is_gone(struct net_hub *hub, const struct peer *peer)
{
    struct buffer header = {0};
    struct lent body = {0};
    struct net_outgoing *message = net_outgoing_new(&header, &body);
    if (message == NULL)
        return false;
    enum net_sent sent = net_send(hub->router, bytes_of(peer->routing, ROUTING_SIZE), message);
    if (sent != NET_SENT)
        net_outgoing_free(message);
    return sent == NET_GONE;
}

static size_t drop_gone(struct net_hub *hub, const uint8_t *curve)
{
    size_t dropped = 0;
    for (size_t i = hub->peer_count; i-- > 0;)
        if (same_key(hub->peers[i], curve) && is_gone(hub, hub->peers[i])) {
            peer_drop(hub, i);
            dropped++;
        }
    return dropped;
}

/* False: this connection is gone. */
static bool hear(struct peer *peer, uint64_t now)
{
    uint64_t heard_ms;
    if (!net_line_heard(peer->line, now, &heard_ms))
        return false;
    if (heard_ms > peer->heard_ms)
        peer->heard_ms = heard_ms;
    return true;
}

static bool is_quieter(const struct peer *one, const struct peer *other)
{
    if (one->heard_ms + HEARD_GRAIN_MS < other->heard_ms || other->heard_ms + HEARD_GRAIN_MS < one->heard_ms)
        return one->heard_ms < other->heard_ms;
    return one->heard_at < other->heard_at;
}

/* Those of this key that are gone make room, or else the quietest, by signs of life: what waits for news says nothing
 * for long. What that one was to get is asked for again, and should it speak once more it is a new one. */
static void make_room(struct net_hub *hub, const uint8_t *curve)
{
    const uint64_t now = clock_steady_ms();
    size_t quietest = hub->peer_count;
    if (drop_gone(hub, curve) > 0)
        return;
    for (size_t i = hub->peer_count; i-- > 0;) {
        if (!same_key(hub->peers[i], curve))
            continue;
        if (!hear(hub->peers[i], now)) {
            peer_drop(hub, i);
            return;
        }
        if (quietest == hub->peer_count || is_quieter(hub->peers[i], hub->peers[quietest]))
            quietest = i;
    }
    if (now - hub->peers[quietest]->heard_ms > SIGN_MS)
        net_line_cut(hub->peers[quietest]->line);
    peer_drop(hub, quietest);
}

/* The connection that a message came by. */
static struct peer *peer_of(struct net_hub *hub, struct bytes routing, const uint8_t *curve, int socket)
{
    size_t count = 0;
    for (size_t i = 0; i < hub->peer_count; i++) {
        if (!same_key(hub->peers[i], curve))
            continue;
        if (memcmp(hub->peers[i]->routing, routing.data, ROUTING_SIZE) == 0)
            return hub->peers[i];
        count++;
    }
    if (count >= KEY_PEERS_MAX)
        make_room(hub, curve);
    return peer_add(hub, routing, curve, socket);
}

/* False: this connection is gone, or about to be: what is silent is cut too, for speaking again it would be a new one,
 * and might live for ever. */
static bool look_at(const struct net_hub *hub, struct peer *peer, uint64_t now)
{
    const uint64_t life = hub->config.life_ms > 0 ? hub->config.life_ms : LIFE_MS;
    if (!hear(peer, clock_steady_ms()))
        return false;
    if (now - peer->heard_ms <= SILENCE_MS && now - peer->born_ms <= life)
        return true;
    net_line_cut(peer->line);
    return false;
}

static void look(struct net_hub *hub, uint64_t now, void (*alive)(void *context, uint64_t peer, uint64_t heard_ms))
{
    for (size_t i = hub->peer_count; i-- > 0;) {
        struct peer *peer = hub->peers[i];
        if (!look_at(hub, peer, now))
            peer_drop(hub, i);
        else if (alive != NULL)
            alive(hub->config.context, peer->number, peer->heard_ms);
    }
}

void net_hub_look(struct net_hub *hub, void (*alive)(void *context, uint64_t peer, uint64_t heard_ms))
{
    look(hub, clock_steady_ms(), alive);
}

void net_hub_sweep(struct net_hub *hub, uint64_t now_ms)
{
    look(hub, now_ms, NULL);
}

void net_hub_each(struct net_hub *hub, void (*each)(void *context, uint64_t peer, const struct net_key *key))
{
    for (size_t i = hub->peer_count; i-- > 0;) {
        const struct net_key *key = net_keys_find(&hub->keys, hub->peers[i]->curve);
        if (key != NULL)
            each(hub->config.context, hub->peers[i]->number, key);
    }
}

static void sweep(void *context)
{
    struct net_hub *hub = context;
    net_hub_sweep(hub, clock_steady_ms());
    loop_timer_set(hub->sweep, SWEEP_MS);
}

/* ---- in ---- */

/* [routing][header][body] and nothing else, from a key that is admitted now. */
static void take(struct net_hub *hub, struct net_frames *frames)
{
    struct bytes routing = frames->at[0].bytes, header = frames->at[1].bytes;
    const struct net_key *key = net_keys_find_user(&hub->keys, net_frame_user(&frames->at[1]));
    struct lent body = {0};
    struct peer *peer = NULL;
    net_guard_heard(hub->guard, net_frame_socket(&frames->at[1]), frames->wire,
                    key != NULL && key->kind != NET_KEY_TICKET ? &key->device : NULL, clock_steady_ms());
    if (key != NULL && frames->count == 3 && routing.len == ROUTING_SIZE && routing.data[0] == 0 &&
        header.len <= HEADER_MAX && frames->at[2].bytes.len <= BODY_MAX)
        peer = peer_of(hub, routing, key->curve, net_frame_socket(&frames->at[1]));
    if (peer == NULL || (frames->at[2].bytes.len > 0 && !net_frame_lend(&frames->at[2], &body))) {
        hub->counts.dropped_in++;
        return;
    }
    hub->counts.received++;
    peer->heard_ms = clock_steady_ms();
    peer->heard_at = hub->counts.received;
    struct net_key copy = *key; /* the list may change while the message is handled */
    hub->config.message(hub->config.context, peer->number, &copy, header, &body);
    lent_return(&body);
}

static bool receive(void *context)
{
    struct net_hub *hub = context;
    struct net_frames frames;
    if (!net_receive(hub->router, &frames))
        return false;
    if (frames.kept >= 2)
        take(hub, &frames);
    net_frames_release(&frames);
    return true;
}

static bool answer_zap(void *context)
{
    struct net_hub *hub = context;
    return net_zap_answer(hub->zap, &hub->keys, &hub->counts.refused);
}

/* ---- out ---- */

/* Sends what waits for a peer. False: the peer is gone. */
static bool drain(struct net_hub *hub, struct peer *peer)
{
    while (peer->first != NULL) {
        struct net_outgoing *message = peer->first, *next = message->next;
        size_t size = net_outgoing_size(message);
        enum net_sent sent = net_send(hub->router, bytes_of(peer->routing, ROUTING_SIZE), message);
        if (sent != NET_SENT)
            return sent == NET_FULL;
        peer->first = next;
        peer->messages--;
        peer->bytes -= size;
        hub->counts.queued_bytes -= size;
        peer->told = false;
        if (next == NULL) {
            peer->last = &peer->first;
            hub->waiting_peers--;
        }
    }
    return true;
}

/* Of each whose queue is empty: to the others nothing more would get through just now. */
static void tell_missed(struct net_hub *hub)
{
    hub->any_missed = false;
    for (size_t i = 0; i < hub->peer_count; i++) {
        struct peer *peer = hub->peers[i];
        if (peer->missed && peer->first == NULL) {
            peer->missed = false;
            hub->config.missed(hub->config.context, peer->number);
        }
    }
    for (size_t i = 0; i < hub->peer_count && !hub->any_missed; i++)
        hub->any_missed = hub->peers[i]->missed;
}

/* What connections hold that never say anything whole stirs no socket. */
static bool wants_flush(void *context)
{
    const struct net_hub *hub = context;
    return net_guard_remembers(hub->guard);
}

static void flush(void *context)
{
    struct net_hub *hub = context;
    int events = 0;
    size_t size = sizeof events;
    if (net_guard_remembers(hub->guard) && zmq_getsockopt(hub->router, ZMQ_EVENTS, &events, &size) == 0 &&
        (events & ZMQ_POLLIN) == 0)
        net_guard_idle(hub->guard, clock_steady_ms());
    for (size_t i = hub->waiting_peers > 0 ? hub->peer_count : 0; i-- > 0;)
        if (hub->peers[i]->first != NULL && !drain(hub, hub->peers[i]))
            peer_drop(hub, i);
    if (hub->any_missed)
        tell_missed(hub);
}

static void miss(struct net_hub *hub, struct peer *peer)
{
    peer->missed = hub->any_missed = true;
    net_source_stir(hub->router_source);
}

static bool refuse_more(struct net_hub *hub, struct peer *peer, struct net_outgoing *message)
{
    static struct report_often often; /* who lies may connect as often as it likes */
    if (!peer->told && report_again(&often, clock_steady_ms()))
        report(LEVEL_INFO, "connection %llu does not read; what is for it is dropped until it does",
               (unsigned long long)peer->number);
    peer->told = true;
    miss(hub, peer);
    hub->counts.dropped_out++;
    net_outgoing_free(message);
    return false;
}

/* The key's quieter connections give way first: they may be dead. */
static bool has_room(struct net_hub *hub, const struct peer *peer, size_t size)
{
    for (;;) {
        size_t messages = 0, bytes = 0;
        struct peer *quietest = NULL;
        for (size_t i = 0; i < hub->peer_count; i++) {
            struct peer *other = hub->peers[i];
            if (!same_key(other, peer->curve))
                continue;
            messages += other->messages;
            bytes += other->bytes;
            if (other->first != NULL && other->heard_at < peer->heard_at &&
                (quietest == NULL || other->heard_at < quietest->heard_at))
                quietest = other;
        }
        if (messages < QUEUE_MESSAGES && bytes + size <= QUEUE_BYTES)
            return true;
        if (quietest == NULL)
            return false;
        queue_clear(hub, quietest);
        miss(hub, quietest);
    }
}

bool net_hub_send(struct net_hub *hub, uint64_t number, struct buffer *header, struct lent *body)
{
    struct net_outgoing *message = net_outgoing_new(header, body);
    size_t index;
    struct peer *peer = peer_by_number(hub, number, &index);
    if (message == NULL || peer == NULL) {
        hub->counts.dropped_out++;
        if (message != NULL)
            net_outgoing_free(message);
        else if (peer != NULL)
            miss(hub, peer);
        return false;
    }
    size_t size = net_outgoing_size(message);
    if (peer->first != NULL && !has_room(hub, peer, size))
        return refuse_more(hub, peer, message);
    if (peer->first == NULL)
        hub->waiting_peers++;
    *peer->last = message;
    peer->last = &message->next;
    peer->messages++;
    peer->bytes += size;
    hub->counts.queued_bytes += size;
    net_source_stir(hub->router_source);
    /* A peer that is gone is dropped by the next flush: the caller is in the midst of something. */
    return drain(hub, peer);
}

/* ---- life ---- */

static enum felloe_code cannot_listen(const char *listen, struct felloe_error *error)
{
    switch (errno) {
    case EADDRINUSE:
        return felloe_fail(error, FELLOE_IN_USE,
                           "%s is taken: another program listens there. Stop it, or change listen in felloe.conf",
                           listen);
    case EACCES:
        return felloe_fail(error, FELLOE_DENIED,
                           "this user may not listen at %s (ports below 1024 need a privilege). Change listen in "
                           "felloe.conf",
                           listen);
    case ENODEV:
    case EADDRNOTAVAIL:
        return felloe_fail(error, FELLOE_INVALID,
                           "%s is no address of this machine. Give one of its IP addresses, or * for all, as listen in "
                           "felloe.conf",
                           listen);
    default:
        return felloe_fail(error, FELLOE_INVALID, "cannot listen at %s: %s", listen, net_error());
    }
}

/* ZeroMQ numbers its connections from what rand() gives, which nobody has seeded. A peer may call itself what it likes,
 * also by a number; when the connection whose turn it is gets a number that is taken, ZeroMQ aborts. So nobody may know
 * where the numbers start. */
static void hide_numbers(void)
{
    srand(randombytes_random());
}

static enum felloe_code listen_at(struct net_hub *hub, struct felloe_error *error)
{
    const struct net_hub_config *config = &hub->config;
    hub->zmq = zmq_ctx_new();
    hub->zap = hub->zmq != NULL ? net_zap_bind(hub->zmq) : NULL; /* first of all sockets */
    hide_numbers();
    hub->router = hub->zap != NULL ? zmq_socket(hub->zmq, ZMQ_ROUTER) : NULL;
    if (hub->router == NULL || !net_set_common(hub->router) || !net_set(hub->router, ZMQ_ROUTER_MANDATORY, 1) ||
        !net_set(hub->router, ZMQ_BACKLOG, BACKLOG) || !net_zap_guard(hub->router, config->curve_secret))
        return felloe_fail(error, FELLOE_FAILED, "ZeroMQ could not be set up: %s", net_error());
    if (!net_zap_prove(hub->zmq, hub->zap, hub->router, config->curve_public, error))
        return FELLOE_FAILED;
    size_t size = sizeof hub->endpoint;
    if (zmq_bind(hub->router, config->listen) != 0 ||
        zmq_getsockopt(hub->router, ZMQ_LAST_ENDPOINT, hub->endpoint, &size) != 0)
        return cannot_listen(config->listen, error);
    hub->pump = net_pump_new(config->loop);
    hub->sweep = loop_timer_new(config->loop, sweep, hub);
    hub->guard = net_guard_new(config->loop, hub->endpoint);
    if (hub->pump != NULL && hub->sweep != NULL && hub->guard != NULL) {
        hub->zap_source = net_source_new(hub->pump, hub->zap, answer_zap, NULL, hub);
        hub->router_source = net_source_new(hub->pump, hub->router, receive, flush, hub);
    }
    if (hub->zap_source == NULL || hub->router_source == NULL)
        return felloe_fail(error, FELLOE_FAILED, "the network could not be joined to the event loop");
    net_source_ask(hub->router_source, wants_flush);
    loop_timer_set(hub->sweep, SWEEP_MS);
    return FELLOE_OK;
}

enum felloe_code net_hub_open(struct net_hub **out, const struct net_hub_config *config, struct felloe_error *error)
{
    struct net_hub *hub = calloc(1, sizeof *hub);
    if (hub == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    hub->config = *config;
    enum felloe_code code = listen_at(hub, error);
    if (code != FELLOE_OK) {
        net_hub_close(hub);
        return code;
    }
    *out = hub;
    return FELLOE_OK;
}

void net_hub_close(struct net_hub *hub)
{
    if (hub == NULL)
        return;
    for (size_t i = 0; i < hub->peer_count; i++) {
        queue_clear(hub, hub->peers[i]);
        free(hub->peers[i]);
    }
    free(hub->peers);
    net_source_free(hub->router_source);
    net_source_free(hub->zap_source);
    net_pump_free(hub->pump);
    loop_timer_free(hub->sweep);
    if (hub->router != NULL)
        zmq_close(hub->router);
    if (hub->zap != NULL)
        zmq_close(hub->zap);
    if (hub->zmq != NULL)
        zmq_ctx_term(hub->zmq);
    net_guard_free(hub->guard);
    net_keys_release(&hub->keys);
    free(hub);
}

bool net_hub_admit(struct net_hub *hub, const struct net_key *key)
{
    return net_keys_put(&hub->keys, key);
}

void net_hub_forget(struct net_hub *hub, const uint8_t curve[CURVE_KEY_SIZE])
{
    net_keys_remove(&hub->keys, curve);
    drop_key(hub, curve);
}

void net_hub_cut(struct net_hub *hub, const uint8_t curve[CURVE_KEY_SIZE])
{
    for (size_t i = 0; i < hub->peer_count; i++) {
        if (same_key(hub->peers[i], curve))
            net_line_cut(hub->peers[i]->line);
    }
    drop_key(hub, curve);
}

const char *net_hub_endpoint(const struct net_hub *hub)
{
    return hub->endpoint;
}

void net_hub_counts(const struct net_hub *hub, struct net_hub_counts *out)
{
    *out = hub->counts;
    out->peers = hub->peer_count;
}
