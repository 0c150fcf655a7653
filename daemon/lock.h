/* SPDX-License-Identifier: Apache-2.0 */
/* One directory, one daemon: D/lock, held with flock for as long as the process lives, with its process id in it. */
#ifndef FELLOE_DAEMON_LOCK_H
#define FELLOE_DAEMON_LOCK_H

#include "felloe/error.h"

/* A descriptor to be closed at the end, or -1 with error set: FELLOE_IN_USE names the process that holds it. */
int lock_take(const char *dir, struct felloe_error *error);

#endif
