/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds what peers may make ZeroMQ hold for the hub. It puts a message's frames together before anybody sees the
 * first, without any limit to their number: whoever is let in could send one that never ends, until memory does. What a
 * connection has brought (as the kernel counts it) and what came out of it as messages is compared; when too much lies
 * between, the connections that hold most of it are cut.
 *
 * This is also what bounds messages that the hub has not read yet: ZeroMQ's own bound cannot be used, see
 * net_socket.c. */
#ifndef FELLOE_DAEMON_NET_GUARD_H
#define FELLOE_DAEMON_NET_GUARD_H

#include "proto/id.h"

struct uv_loop_s;
struct net_guard;

/* Of the connections to this address, tcp://HOST:PORT. NULL when memory ran out. */
struct net_guard *net_guard_new(struct uv_loop_s *loop, const char *endpoint);
void net_guard_free(struct net_guard *guard); /* NULL is fine */
/* A whole message came by this connection, so many bytes on the wire, from this device (NULL: not one). */
void net_guard_heard(struct net_guard *guard, int fd, size_t wire, const struct device_id *device);

#endif
