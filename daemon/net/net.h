/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between hub and spokes over ZeroMQ with CURVE. Everything here lives on the loop's thread, and nothing here
 * is trusted to deliver: a message may be lost, and is then asked for again by the sync machines.
 *
 * Who a peer is, is its CURVE key. The hub keeps an allow-list; it fails closed: the list decides at the handshake
 * (ZAP) and again for every message, so that a revocation acts at once on a connection that lives. */
#ifndef FELLOE_DAEMON_NET_H
#define FELLOE_DAEMON_NET_H

#include "felloe/error.h"
#include "proto/event/batch.h"

struct uv_loop_s;

#define CURVE_KEY_SIZE 32

/* ---- the hub's end ---- */

enum net_key_kind {
    NET_KEY_DEVICE = 1, /* may do what its sites allow */
    NET_KEY_TICKET,     /* may ask to join */
    NET_KEY_REVOKED     /* was a device: it is told so, and may hand over what it had not shared */
};
struct net_key {
    uint8_t curve[CURVE_KEY_SIZE];
    enum net_key_kind kind;
    struct device_id device; /* of a device */
};

struct net_hub;
struct net_hub_config {
    struct uv_loop_s *loop;
    const char *listen;
    const uint8_t *curve_public, *curve_secret;
    uint64_t life_ms; /* a connection's, at most; 0: two hours */
    void *context;
    /* A message from an admitted key. `key` and `header` live for the call; the body is the taker's. */
    void (*message)(void *context, uint64_t peer, const struct net_key *key, struct bytes header, struct lent *body);
    /* This connection is gone, or is forgotten after a long silence. Its number does not come again. */
    void (*gone)(void *context, uint64_t peer);
    /* Something that was for this connection was dropped, and nothing waits for it any more. Not from within a call. */
    void (*missed)(void *context, uint64_t peer);
};

/* Proves that an unknown key is refused and a known one admitted, then listens. FELLOE_IN_USE: the port is taken. */
enum felloe_code net_hub_open(struct net_hub **out, const struct net_hub_config *config, struct felloe_error *error);
/* Not from within a callback. NULL is fine. */
void net_hub_close(struct net_hub *hub);
/* Adds a key or replaces what was said of it. False when memory ran out. */
bool net_hub_admit(struct net_hub *hub, const struct net_key *key);
void net_hub_forget(struct net_hub *hub, const uint8_t curve[CURVE_KEY_SIZE]);
/* Cuts this key's connections, with all that was on its way to them; it may make new ones. Not from within a callback.
 */
void net_hub_cut(struct net_hub *hub, const uint8_t curve[CURVE_KEY_SIZE]);
/* Connections that have lived their time by then, or were silent for long, are cut. Every now and then by
 * itself; tests give the time. Not from within a callback. */
void net_hub_sweep(struct net_hub *hub, uint64_t now_ms);
/* Sends when the peer takes it; takes over header and body. What a peer does not read waits in a short queue, and past
 * its bound is dropped: `missed` tells once it reads again. False: dropped, or no such peer. */
bool net_hub_send(struct net_hub *hub, uint64_t peer, struct buffer *header, struct lent *body);
/* Looks at all connections: those that are gone, or from which no byte came for long, are dropped (`gone` is called).
 * Of each other one is told when its last byte came, on the steady clock. */
void net_hub_look(struct net_hub *hub, void (*alive)(void *context, uint64_t peer, uint64_t heard_ms));
/* Each connection with its key; it may be sent to. */
void net_hub_each(struct net_hub *hub, void (*each)(void *context, uint64_t peer, const struct net_key *key));
/* The address in the form that connects (a * port is resolved). */
const char *net_hub_endpoint(const struct net_hub *hub);

/* For whoever watches: counts since the start. */
struct net_hub_counts {
    uint64_t received, dropped_in, dropped_out; /* messages; dropped: malformed or not admitted; not read by the peer */
    uint64_t refused;                           /* handshakes */
    size_t peers, queued_bytes;                 /* now */
};
void net_hub_counts(const struct net_hub *hub, struct net_hub_counts *out);

/* ---- the spoke's end ---- */

enum net_link {
    NET_DOWN,        /* the connection was lost, or none was made yet */
    NET_UP,          /* connected, both keys proven */
    NET_UNREACHABLE, /* nobody listens there, or the network is down */
    NET_WRONG_KEY,   /* somebody answers there who does not hold the hub's key */
    NET_REFUSED      /* the hub does not admit our key */
};

struct net_spoke;
struct net_spoke_config {
    struct uv_loop_s *loop;
    const char *address, *proxy; /* proxy: NULL or "" for none */
    const uint8_t *hub_curve, *curve_public, *curve_secret;
    void *context;
    void (*message)(void *context, struct bytes header, struct lent *body);
    /* The link changed; NET_UNREACHABLE, NET_WRONG_KEY and NET_REFUSED are told once, until there is something else. */
    void (*link)(void *context, enum net_link link);
};

/* Connects and keeps connecting. FELLOE_INVALID: the address or the proxy is none. */
enum felloe_code net_spoke_open(struct net_spoke **out, const struct net_spoke_config *config,
                                struct felloe_error *error);
void net_spoke_close(struct net_spoke *spoke); /* not from within a callback; NULL is fine */
/* Drops the connection and makes a new one. */
void net_spoke_reconnect(struct net_spoke *spoke);
/* When the last byte came over this connection, on the steady clock; 0: not known. */
uint64_t net_spoke_heard_ms(const struct net_spoke *spoke);
/* As net_hub_send. False also while there is no connection. */
bool net_spoke_send(struct net_spoke *spoke, struct buffer *header, struct lent *body);

#endif
