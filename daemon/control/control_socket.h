/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket's file: made with mode 0600 also where its path is too long for a socket's address. */
#ifndef FELLOE_DAEMON_CONTROL_SOCKET_H
#define FELLOE_DAEMON_CONTROL_SOCKET_H

#include <stdbool.h>

#include "felloe/error.h"

/* A bound, non-blocking, close-on-exec unix stream socket; -1 with the error set. A socket file left by a daemon that
 * was killed is replaced (that no other daemon serves the directory is known from its lock). */
int control_socket_bind(const char *path, struct felloe_error *error);
/* Is the peer the same user as this process, or root? */
bool control_socket_peer_allowed(int fd);

#endif
