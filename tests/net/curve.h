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

/* Connects and proves the laptop's key (or its ticket's). False when it was not let in. */
bool curve_open(struct curve *curve, const struct laptop *laptop, bool with_ticket);
void curve_close(struct curve *curve);
/* One frame. False when the other side has hung up, or does not read. */
bool curve_send(struct curve *curve, unsigned flags, struct bytes bytes);
/* Has the other side hung up? Reads what there is and forgets it. */
bool curve_is_cut(struct curve *curve);

#endif
