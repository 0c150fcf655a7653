/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's allow-list, and the ZAP handler that holds each handshake against it. For net_*.c alone. */
#ifndef FELLOE_DAEMON_NET_ZAP_H
#define FELLOE_DAEMON_NET_ZAP_H

#include "daemon/net/net.h"

#define NET_ZAP_DOMAIN "felloe"

struct net_keys {
    struct net_key *items; /* ascending by curve */
    size_t count, cap;
};
void net_keys_release(struct net_keys *keys);
bool net_keys_put(struct net_keys *keys, const struct net_key *key);
void net_keys_remove(struct net_keys *keys, const uint8_t curve[CURVE_KEY_SIZE]);
const struct net_key *net_keys_find(const struct net_keys *keys, const uint8_t curve[CURVE_KEY_SIZE]);
/* By the User-Id that our handler gave it; NULL when it is none. */
const struct net_key *net_keys_find_user(const struct net_keys *keys, const char *user);

/* NULL with errno set. Bind it before any other socket of the context. */
void *net_zap_bind(void *zmq_context);
/* Answers one request; false when there was none. Counts and reports those refused; NULL: neither. */
bool net_zap_answer(void *socket, const struct net_keys *keys, uint64_t *refused);

/* Sets what makes a ROUTER a server that asks the handler about every key. */
bool net_zap_guard(void *router, const uint8_t curve_secret[CURVE_KEY_SIZE]);

/* With the router bound to a port of the loopback for this alone: an unknown key must be refused, a known one must get
 * through under its own name. False, with the reason, otherwise: then nothing may be served. */
bool net_zap_prove(void *zmq_context, void *zap, void *router, const uint8_t hub_curve[CURVE_KEY_SIZE],
                   struct felloe_error *error);

#endif
