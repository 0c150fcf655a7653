/* SPDX-License-Identifier: Apache-2.0 */
/* CURVE spoken by hand over a plain socket, for what ZeroMQ would not send: messages without an end, commands that are
 * too short, hanging up in the midst. It waits, and gives up after some seconds. */
#ifndef FELLOE_TESTS_NET_CURVE_H
#define FELLOE_TESTS_NET_CURVE_H

#include "tests/net/laptop.h"

#define CURVE_MORE    1
#define CURVE_COMMAND 2 /* inside: PING and its like */

struct curve {
    int fd; /* -1: closed, by us or by them */
    uint64_t nonce;
    uint8_t shared[32];
};

/* A pair of a connection's keys, and the secret that it shares with the hub: for whoever makes many connections, and
 * does not mind that they have the same. */
struct curve_once {
    uint8_t public[32], secret[32], shared[32];
};
bool curve_once_make(struct curve_once *once, const struct laptop *laptop);

/* Connects and proves the laptop's key (or its ticket's). False when it was not let in. */
bool curve_open(struct curve *curve, const struct laptop *laptop, bool with_ticket);
/* The same with the laptop's key (curve, curve_secret: a pair), and with these of the connection. */
bool curve_open_with(struct curve *curve, const struct laptop *laptop, const struct curve_once *once);
void curve_close(struct curve *curve);
/* One frame. False when the other side has hung up, or does not read. */
bool curve_send(struct curve *curve, unsigned flags, struct bytes bytes);
/* Has the other side hung up? Reads what there is and forgets it. */
bool curve_is_cut(struct curve *curve);

#endif
