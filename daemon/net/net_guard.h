/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds what peers may make ZeroMQ hold for the hub. It puts a message's frames together before anybody sees the
 * first, without any limit to their number: whoever is let in could send one that never ends, until memory does. Nor
 * can its own bound for messages that nobody has read yet be used, see net_socket.c.
 *
 * So this stands between ZeroMQ and its connections: ZeroMQ reads them with recv, and felloed has a recv of its own,
 * which the linker prefers to the C library's. There, on the very thread that makes the memory grow, it is counted what
 * each connection brought and what came out of it as messages; when too much lies between, nothing more is read before
 * those who hold most of it are cut off. However late the loop is, it cannot become more. */
#ifndef FELLOE_DAEMON_NET_GUARD_H
#define FELLOE_DAEMON_NET_GUARD_H

#include "proto/id.h"

struct uv_loop_s;
struct net_guard;

/* Of the connections to this address, tcp://HOST:PORT. NULL when memory ran out, or this program's recv is not used. */
struct net_guard *net_guard_new(struct uv_loop_s *loop, const char *endpoint);
void net_guard_free(struct net_guard *guard); /* after ZeroMQ has closed the connections; NULL is fine */
/* A whole message came by this connection (a descriptor), so many bytes on the wire, from this device (NULL: none). */
void net_guard_heard(struct net_guard *guard, int fd, size_t wire, const struct device_id *device, uint64_t now_ms);
/* Whether something is held of connections that are no more, which nobody will hear of one by one. */
bool net_guard_remembers(struct net_guard *guard);
/* Every message that there was has been taken. */
void net_guard_idle(struct net_guard *guard, uint64_t now_ms);

/* What all connections may hold together, and what is left when the largest have been cut. Small frames take three
 * times as much memory as they have bytes. A thousand laptops that come back at once hold a few MiB: the hub reads
 * along. */
#define NET_HELD_MAX  (32u * 1024 * 1024)
#define NET_HELD_LEFT (16u * 1024 * 1024)
/* What one may bring before its first message has been taken: a handshake and a HELLO or JOIN. */
#define NET_STRANGER_MAX (128u * 1024)

#endif
