/* SPDX-License-Identifier: Apache-2.0 */
/* A thin layer over libuv: timers, wake-ups from other threads, signals. Each has one owner;
 * _free may be called at any time on the loop's thread (the memory goes once libuv has let go of it). */
#ifndef FELLOE_DAEMON_LOOP_H
#define FELLOE_DAEMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

typedef void (*loop_call)(void *context);

struct loop_timer;
struct loop_timer *loop_timer_new(uv_loop_t *loop, loop_call call, void *context);
/* Fires once, after `ms`; replaces what was set before. */
void loop_timer_set(struct loop_timer *timer, uint64_t ms);
void loop_timer_stop(struct loop_timer *timer); /* NULL is fine, here and in the next */
void loop_timer_free(struct loop_timer *timer);

/* Calls on the loop's thread what another thread asks for; several signals may come as one call. */
struct loop_wake;
struct loop_wake *loop_wake_new(uv_loop_t *loop, loop_call call, void *context);
void loop_wake_signal(void *wake); /* from any thread; a struct loop_wake */
void loop_wake_free(struct loop_wake *wake);

struct loop_signal;
struct loop_signal *loop_signal_new(uv_loop_t *loop, int number, loop_call call, void *context);
void loop_signal_free(struct loop_signal *signal);

#endif
