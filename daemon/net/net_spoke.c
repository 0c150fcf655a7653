/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's DEALER, and what its monitor tells of the connection.
 *
 * ZeroMQ reconnects by itself, except after the hub refused the key: then a new socket is made after a while, since a
 * laptop may be let in again. The monitor is always drained and hears only of what is acted on: one that is not read
 * would stop all of ZeroMQ's I/O. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <zmq.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/net/net.h"
#include "daemon/net/net_socket.h"

#define RECONNECT_MS     100
#define RECONNECT_MAX_MS 5000
/* A connect to where packets vanish must end, so that it can be tried another way round. */
#define CONNECT_TIMEOUT_MS 8000
#define AFTER_REFUSAL_MS   30000
/* The laptop alone asks for signs of life: each one costs its answer too, and wakes both ends. The hub looks when the
 * last byte came. Two minutes keep what translates addresses on the way from forgetting the connection. A slow link may
 * need a minute for one frame, and ZeroMQ takes only a whole frame as a sign of life. */
#define HEARTBEAT_EVERY_MS   120000
#define HEARTBEAT_TIMEOUT_MS 60000
/* After a fault in what came, ZeroMQ hangs up and does not connect again; when it does, it says so at once. */
#define GIVEN_UP_MS 1000
/* CURVE never changes the keys of a connection: the sync machine wants a new one each hour. Should it not. */
#define RENEW_MS (2ull * 3600 * 1000)
/* The sync machine keeps few requests under way; this only bounds a mistake. */
#define QUEUE_MESSAGES 256
#define QUEUE_BYTES    (16u * 1024 * 1024)

/* Not HANDSHAKE_FAILED_PROTOCOL: telling it spoils errno, and 4.3.4 then takes a doubled or spoilt frame for one that
 * it has no room for. It reads no further, and when the peer hangs up and a heartbeat is due, it aborts. */
#define EVENTS                                                                                                         \
    (ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |        \
     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

struct net_spoke {
    struct net_spoke_config config;
    char address[256], proxy[256];
    uint8_t hub_curve[CURVE_KEY_SIZE], curve_public[CURVE_KEY_SIZE], curve_secret[CURVE_KEY_SIZE];
    void *zmq, *dealer, *monitor;
    struct net_pump *pump;
    struct net_source *dealer_source, *monitor_source;
    struct loop_timer *renew;
    unsigned sockets_made;
    enum net_link link;
    struct net_line line; /* of the present connection, once something came */
    unsigned last_event; /* CONNECTED: somebody answered, and has not proven to be the hub */
    struct net_outgoing *first, **last;
    size_t messages, bytes;
};

static void queue_clear(struct net_spoke *spoke)
{
    for (struct net_outgoing *message = spoke->first, *next; message != NULL; message = next) {
        next = message->next;
        net_outgoing_free(message);
    }
    spoke->first = NULL;
    spoke->last = &spoke->first;
    spoke->messages = spoke->bytes = 0;
}

static void set_link(struct net_spoke *spoke, enum net_link link)
{
    if (spoke->link == link)
        return;
    spoke->link = link;
    spoke->line = (struct net_line){.fd = -1};
    if (link != NET_UP)
        queue_clear(spoke);
    spoke->config.link(spoke->config.context, link);
}

/* ---- in ---- */

static bool receive(void *context)
{
    struct net_spoke *spoke = context;
    struct net_frames frames;
    if (!net_receive(spoke->dealer, &frames))
        return false;
    struct lent body = {0};
    if (spoke->line.fd < 0 && frames.count == 2)
        spoke->line = net_line_of(net_frame_socket(&frames.at[1]));
    if (frames.count == 2 && frames.at[0].bytes.len <= HEADER_MAX && frames.at[1].bytes.len <= BODY_MAX &&
        (frames.at[1].bytes.len == 0 || net_frame_lend(&frames.at[1], &body))) {
        spoke->config.message(spoke->config.context, frames.at[0].bytes, &body);
        lent_return(&body);
    }
    net_frames_release(&frames);
    return true;
}

/* From one state of the link to the next, by what the monitor saw. */
static void follow(struct net_spoke *spoke, unsigned event)
{
    unsigned last = spoke->last_event;
    spoke->last_event = event;
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        loop_timer_set(spoke->renew, RENEW_MS);
        set_link(spoke, NET_UP);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        loop_timer_set(spoke->renew, AFTER_REFUSAL_MS);
        set_link(spoke, NET_REFUSED);
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        set_link(spoke, NET_WRONG_KEY);
        break;
    case ZMQ_EVENT_DISCONNECTED:
        if (last != ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
            loop_timer_set(spoke->renew, GIVEN_UP_MS);
        if (spoke->link == NET_UP)
            set_link(spoke, NET_DOWN);
        else if (last == ZMQ_EVENT_CONNECTED) /* it let the handshake run out, hung up, or said nonsense */
            set_link(spoke, NET_WRONG_KEY);
        break;
    case ZMQ_EVENT_CONNECT_RETRIED: /* also follows a failed handshake, which says more */
        loop_timer_set(spoke->renew, RENEW_MS);
        if (spoke->link == NET_DOWN)
            set_link(spoke, NET_UNREACHABLE);
        break;
    default: /* connected: the handshake will tell */
        break;
    }
}

static bool receive_event(void *context)
{
    struct net_spoke *spoke = context;
    struct net_frames frames;
    if (!net_receive(spoke->monitor, &frames))
        return false;
    uint16_t event = 0;
    if (frames.kept > 0 && frames.at[0].bytes.len >= sizeof event)
        memcpy(&event, frames.at[0].bytes.data, sizeof event);
    net_frames_release(&frames);
    follow(spoke, event);
    return true;
}

/* ---- out ---- */

static void flush(void *context)
{
    struct net_spoke *spoke = context;
    while (spoke->first != NULL && spoke->link == NET_UP) {
        struct net_outgoing *next = spoke->first->next;
        size_t size = net_outgoing_size(spoke->first);
        if (net_send(spoke->dealer, (struct bytes){0}, spoke->first) != NET_SENT)
            return;
        spoke->first = next;
        spoke->messages--;
        spoke->bytes -= size;
        if (next == NULL)
            spoke->last = &spoke->first;
    }
}

bool net_spoke_send(struct net_spoke *spoke, struct buffer *header, struct lent *body)
{
    struct net_outgoing *message = net_outgoing_new(header, body);
    if (message == NULL)
        return false;
    size_t size = net_outgoing_size(message);
    if (spoke->link != NET_UP ||
        (spoke->first != NULL && (spoke->messages >= QUEUE_MESSAGES || spoke->bytes + size > QUEUE_BYTES))) {
        net_outgoing_free(message);
        return false;
    }
    *spoke->last = message;
    spoke->last = &message->next;
    spoke->messages++;
    spoke->bytes += size;
    net_source_stir(spoke->dealer_source);
    flush(spoke);
    return true;
}

uint64_t net_spoke_heard_ms(const struct net_spoke *spoke)
{
    uint64_t heard_ms;
    return net_line_heard(spoke->line, clock_steady_ms(), &heard_ms) ? heard_ms : 0;
}

/* ---- life ---- */

static void sockets_close(struct net_spoke *spoke)
{
    net_source_free(spoke->dealer_source);
    net_source_free(spoke->monitor_source);
    spoke->dealer_source = spoke->monitor_source = NULL;
    if (spoke->dealer != NULL) {
        zmq_socket_monitor(spoke->dealer, NULL, 0);
        zmq_close(spoke->dealer);
    }
    if (spoke->monitor != NULL)
        zmq_close(spoke->monitor);
    spoke->dealer = spoke->monitor = NULL;
    spoke->last_event = 0;
}

static bool watch(struct net_spoke *spoke)
{
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://felloe.link.%u", spoke->sockets_made++);
    spoke->monitor = zmq_socket(spoke->zmq, ZMQ_PAIR);
    return spoke->monitor != NULL && net_set(spoke->monitor, ZMQ_LINGER, 0) &&
           zmq_socket_monitor(spoke->dealer, endpoint, EVENTS) == 0 && zmq_connect(spoke->monitor, endpoint) == 0;
}

static enum felloe_code sockets_open(struct net_spoke *spoke, struct felloe_error *error)
{
    void *dealer = spoke->dealer = zmq_socket(spoke->zmq, ZMQ_DEALER);
    /* ZMQ_IMMEDIATE: nothing waits in ZeroMQ for a connection that does not exist, to arrive stale. */
    bool ready = dealer != NULL && net_set_common(dealer) && net_set(dealer, ZMQ_IMMEDIATE, 1) &&
                 net_set(dealer, ZMQ_RECONNECT_IVL, RECONNECT_MS) &&
                 net_set(dealer, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS) &&
                 net_set(dealer, ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS) &&
                 net_set(dealer, ZMQ_HEARTBEAT_IVL, HEARTBEAT_EVERY_MS) &&
                 net_set(dealer, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS) &&
                 zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, spoke->hub_curve, CURVE_KEY_SIZE) == 0 &&
                 zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, spoke->curve_public, CURVE_KEY_SIZE) == 0 &&
                 zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, spoke->curve_secret, CURVE_KEY_SIZE) == 0 && watch(spoke);
    if (!ready)
        return felloe_fail(error, FELLOE_FAILED, "ZeroMQ could not be set up: %s", net_error());
    if (*spoke->proxy != '\0' && zmq_setsockopt(dealer, ZMQ_SOCKS_PROXY, spoke->proxy, strlen(spoke->proxy)) != 0)
        return felloe_fail(error, FELLOE_INVALID, "the proxy %s cannot be used: %s", spoke->proxy, net_error());
    if (zmq_connect(dealer, spoke->address) != 0)
        return felloe_fail(error, FELLOE_INVALID, "the hub's address %s cannot be used: %s", spoke->address,
                           net_error());
    spoke->dealer_source = net_source_new(spoke->pump, dealer, receive, flush, spoke);
    spoke->monitor_source = net_source_new(spoke->pump, spoke->monitor, receive_event, NULL, spoke);
    if (spoke->dealer_source == NULL || spoke->monitor_source == NULL)
        return felloe_fail(error, FELLOE_FAILED, "the network could not be joined to the event loop");
    return FELLOE_OK;
}

void net_spoke_reconnect(struct net_spoke *spoke)
{
    sockets_close(spoke);
    if (spoke->link == NET_UP)
        set_link(spoke, NET_DOWN);
    if (sockets_open(spoke, NULL) != FELLOE_OK) { /* short of memory or descriptors: later, perhaps */
        sockets_close(spoke);
        loop_timer_set(spoke->renew, AFTER_REFUSAL_MS);
    }
}

static void renew(void *context)
{
    net_spoke_reconnect(context);
}

enum felloe_code net_spoke_open(struct net_spoke **out, const struct net_spoke_config *config,
                                struct felloe_error *error)
{
    struct net_spoke *spoke = calloc(1, sizeof *spoke);
    if (spoke == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    spoke->config = *config;
    snprintf(spoke->address, sizeof spoke->address, "%s", config->address);
    snprintf(spoke->proxy, sizeof spoke->proxy, "%s", config->proxy != NULL ? config->proxy : "");
    memcpy(spoke->hub_curve, config->hub_curve, CURVE_KEY_SIZE);
    memcpy(spoke->curve_public, config->curve_public, CURVE_KEY_SIZE);
    memcpy(spoke->curve_secret, config->curve_secret, CURVE_KEY_SIZE);
    spoke->last = &spoke->first;
    spoke->line.fd = -1;
    spoke->zmq = zmq_ctx_new();
    spoke->pump = net_pump_new(config->loop);
    spoke->renew = loop_timer_new(config->loop, renew, spoke);
    enum felloe_code code = FELLOE_FAILED;
    if (spoke->zmq == NULL || spoke->pump == NULL || spoke->renew == NULL)
        felloe_fail(error, code, "the network could not be joined to the event loop");
    else
        code = sockets_open(spoke, error);
    if (code != FELLOE_OK) {
        net_spoke_close(spoke);
        return code;
    }
    *out = spoke;
    return FELLOE_OK;
}

void net_spoke_close(struct net_spoke *spoke)
{
    if (spoke == NULL)
        return;
    queue_clear(spoke);
    sockets_close(spoke);
    net_pump_free(spoke->pump);
    loop_timer_free(spoke->renew);
    if (spoke->zmq != NULL)
        zmq_ctx_term(spoke->zmq);
    sodium_memzero(spoke->curve_secret, sizeof spoke->curve_secret);
    free(spoke);
}
