/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads for what takes too long for the loop. Not libuv's: each end of work there goes through uv_async_send,
 * which may have the loop spin (loop.c). */
#ifndef FELLOE_DAEMON_POOL_H
#define FELLOE_DAEMON_POOL_H

#include "daemon/loop.h"

struct pool;

/* NULL: memory or descriptors ran out. Threads are started with the first work. */
struct pool *pool_new(uv_loop_t *loop);
/* On the loop's thread, when all work is done; NULL is fine. */
void pool_free(struct pool *pool);
/* From the loop's thread: `work` on a thread, then `done` on the loop. False: it could not be started, and neither is
 * called. */
bool pool_work(struct pool *pool, loop_call work, loop_call done, void *context);

#endif
