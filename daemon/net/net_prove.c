/* SPDX-License-Identifier: Apache-2.0 */
/* Before a hub listens it tries its own door: CURVE without a working ZAP handler would admit any key, and let a peer
 * call itself what it likes. Runs before the loop does, so it may wait. */
#include <sodium.h>
#include <stdio.h>
#include <zmq.h>

#include "daemon/daemon.h"
#include "daemon/net/net_socket.h"
#include "daemon/net/net_zap.h"

/* Room for several handshakes: a machine that has just started is busy. */
#define PROOF_MS 20000

struct visitor {
    void *socket, *monitor;
    uint8_t curve[CURVE_KEY_SIZE], secret[CURVE_KEY_SIZE];
    bool refused, admitted; /* by its own monitor */
};

static bool visitor_open(struct visitor *visitor, void *zmq_context, const char *name, const uint8_t *hub_curve)
{
    char endpoint[64];
    static _Atomic unsigned serial; /* ZeroMQ lets go of a name some time after the socket was closed */
    snprintf(endpoint, sizeof endpoint, "inproc://felloe.%s.%u", name, serial++);
    *visitor =
        (struct visitor){.socket = zmq_socket(zmq_context, ZMQ_DEALER), .monitor = zmq_socket(zmq_context, ZMQ_PAIR)};
    crypto_box_keypair(visitor->curve, visitor->secret);
    return visitor->socket != NULL && visitor->monitor != NULL && net_set_common(visitor->socket) &&
           net_set(visitor->monitor, ZMQ_LINGER, 0) &&
           zmq_setsockopt(visitor->socket, ZMQ_CURVE_SERVERKEY, hub_curve, CURVE_KEY_SIZE) == 0 &&
           zmq_setsockopt(visitor->socket, ZMQ_CURVE_PUBLICKEY, visitor->curve, CURVE_KEY_SIZE) == 0 &&
           zmq_setsockopt(visitor->socket, ZMQ_CURVE_SECRETKEY, visitor->secret, CURVE_KEY_SIZE) == 0 &&
           zmq_socket_monitor(visitor->socket, endpoint,
                              ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) == 0 &&
           zmq_connect(visitor->monitor, endpoint) == 0;
}

static void visitor_close(struct visitor *visitor)
{
    if (visitor->socket != NULL) {
        zmq_socket_monitor(visitor->socket, NULL, 0);
        zmq_close(visitor->socket);
    }
    if (visitor->monitor != NULL)
        zmq_close(visitor->monitor);
    sodium_memzero(visitor, sizeof *visitor);
}

static void visitor_look(struct visitor *visitor)
{
    struct net_frames event;
    while (net_receive(visitor->monitor, &event)) {
        uint16_t kind = 0;
        if (event.kept > 0 && event.at[0].bytes.len >= sizeof kind)
            memcpy(&kind, event.at[0].bytes.data, sizeof kind);
        visitor->refused |= kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
        visitor->admitted |= kind == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        net_frames_release(&event);
    }
}

struct proof {
    void *zap, *router;
    struct net_keys keys;
    struct visitor known, unknown;
    bool known_heard, other_heard; /* at the router, by User-Id */
};

static void listen_once(struct proof *proof)
{
    zmq_pollitem_t items[] = {{proof->zap, 0, ZMQ_POLLIN, 0},
                              {proof->router, 0, ZMQ_POLLIN, 0},
                              {proof->known.monitor, 0, ZMQ_POLLIN, 0},
                              {proof->unknown.monitor, 0, ZMQ_POLLIN, 0}};
    (void)!zmq_poll(items, 4, 100);
    while (net_zap_answer(proof->zap, &proof->keys, NULL))
        continue;
    struct net_frames frames;
    while (net_receive(proof->router, &frames)) {
        const struct net_key *key = net_keys_find_user(&proof->keys, net_frame_user(&frames.at[frames.kept - 1]));
        proof->known_heard |= key != NULL;
        proof->other_heard |= key == NULL;
        net_frames_release(&frames);
    }
    visitor_look(&proof->known);
    visitor_look(&proof->unknown);
}

static bool judge(const struct proof *proof, struct felloe_error *error)
{
    const char *why = NULL;
    if (proof->unknown.admitted || proof->other_heard)
        why = "a key that is not on the allow-list was let in";
    else if (!proof->unknown.refused)
        why = "a key that is not on the allow-list was not refused in time";
    else if (!proof->known_heard)
        why = "a key on the allow-list did not get through in time";
    if (why == NULL)
        return true;
    felloe_fail(
        error, FELLOE_FAILED,
        "the test of the hub's own door failed: %s. The hub does not start, so as not to stand open. Check that "
        "libzmq is Debian's and that connections to 127.0.0.1 are allowed",
        why);
    return false;
}

bool net_zap_prove(void *zmq_context, void *zap, void *router, const uint8_t hub_curve[CURVE_KEY_SIZE],
                   struct felloe_error *error)
{
    char endpoint[256] = "";
    size_t size = sizeof endpoint;
    struct proof proof = {.zap = zap, .router = router};
    bool ready = visitor_open(&proof.known, zmq_context, "known", hub_curve) &&
                 visitor_open(&proof.unknown, zmq_context, "unknown", hub_curve) &&
                 zmq_bind(router, "tcp://127.0.0.1:*") == 0 &&
                 zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0;
    if (ready) {
        struct net_key known = {.kind = NET_KEY_TICKET};
        memcpy(known.curve, proof.known.curve, sizeof known.curve);
        ready = net_keys_put(&proof.keys, &known) && zmq_connect(proof.unknown.socket, endpoint) == 0 &&
                zmq_connect(proof.known.socket, endpoint) == 0 &&
                zmq_send(proof.unknown.socket, "", 0, ZMQ_DONTWAIT) >= 0 &&
                zmq_send(proof.known.socket, "", 0, ZMQ_DONTWAIT) >= 0;
    }
    if (!ready)
        felloe_fail(error, FELLOE_FAILED, "the test of the hub's own door could not be set up: %s", net_error());
    uint64_t until = clock_steady_ms() + PROOF_MS;
    while (ready && clock_steady_ms() < until && !proof.other_heard && !proof.unknown.admitted &&
           !(proof.known_heard && proof.unknown.refused))
        listen_once(&proof);
    ready = ready && judge(&proof, error);
    if (*endpoint != '\0')
        zmq_unbind(router, endpoint);
    visitor_close(&proof.known);
    visitor_close(&proof.unknown);
    net_keys_release(&proof.keys);
    return ready;
}
