/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket's file: made with mode 0600 (with a group: 0660) also where its path is too long for a socket's
 * address. */
#ifndef FELLOE_DAEMON_CONTROL_SOCKET_H
#define FELLOE_DAEMON_CONTROL_SOCKET_H

#include <stdint.h>

#include "felloe/error.h"

/* A bound, non-blocking, close-on-exec unix stream socket; -1 with the error set. A socket file left by a daemon that
 * was killed is replaced (that no other daemon serves the directory is known from its lock). */
int control_socket_bind(const char *path, const char *group, struct felloe_error *error); /* "": no group */
/* The system's user at the other end, as the kernel tells; -1: not known. */
int64_t control_socket_uid(int fd);

#endif
