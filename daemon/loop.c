/* SPDX-License-Identifier: Apache-2.0 */
/* Timers, wake-ups and signals over libuv; see loop.h. */
#include "daemon/loop.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void free_handle(uv_handle_t *handle)
{
    free(handle->data);
}

/* ---- timers ---- */

struct loop_timer {
    uv_timer_t handle;
    loop_call call;
    void *context;
};

static void timer_fired(uv_timer_t *handle)
{
    struct loop_timer *timer = handle->data;
    timer->call(timer->context);
}

struct loop_timer *loop_timer_new(uv_loop_t *loop, loop_call call, void *context)
{
    struct loop_timer *timer = calloc(1, sizeof *timer);
    if (timer == NULL)
        return NULL;
    timer->call = call;
    timer->context = context;
    uv_timer_init(loop, &timer->handle);
    timer->handle.data = timer;
    return timer;
}

void loop_timer_set(struct loop_timer *timer, uint64_t ms)
{
    uv_update_time(timer->handle.loop); /* the loop's idea of now may be older than the caller's */
    uv_timer_start(&timer->handle, timer_fired, ms, 0);
}

void loop_timer_stop(struct loop_timer *timer)
{
    if (timer != NULL)
        uv_timer_stop(&timer->handle);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer != NULL)
        uv_close((uv_handle_t *)&timer->handle, free_handle);
}

/* ---- wake-ups ---- */

/* Not a uv_async_t: up to libuv 1.44 the loop spins, and yields, until the thread that woke it has left uv_async_send;
 * and that thread is often the one whose processor the loop was just given. It cost up to 0.1 ms a time. */
struct loop_wake {
    uv_poll_t handle;
    int fd; /* an eventfd */
    atomic_bool signalled;
    loop_call call;
    void *context;
};

static void woken(uv_poll_t *handle, int status, int events)
{
    struct loop_wake *wake = handle->data;
    uint64_t count;
    (void)status;
    (void)events;
    (void)!read(wake->fd, &count, sizeof count);
    atomic_store(&wake->signalled, false); /* whoever signals from here on is heard once more */
    wake->call(wake->context);
}

static void free_wake(uv_handle_t *handle)
{
    struct loop_wake *wake = handle->data;
    close(wake->fd);
    free(wake);
}

struct loop_wake *loop_wake_new(uv_loop_t *loop, loop_call call, void *context)
{
    struct loop_wake *wake = calloc(1, sizeof *wake);
    if (wake == NULL)
        return NULL;
    wake->call = call;
    wake->context = context;
    wake->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake->fd < 0 || uv_poll_init(loop, &wake->handle, wake->fd) != 0) {
        if (wake->fd >= 0)
            close(wake->fd);
        free(wake);
        return NULL;
    }
    wake->handle.data = wake;
    if (uv_poll_start(&wake->handle, UV_READABLE, woken) != 0) {
        loop_wake_free(wake);
        return NULL;
    }
    return wake;
}

void loop_wake_signal(void *context)
{
    struct loop_wake *wake = context;
    const uint64_t one = 1;
    if (!atomic_exchange(&wake->signalled, true))
        (void)!write(wake->fd, &one, sizeof one); /* an eventfd takes it: it is never near its bound */
}

void loop_wake_free(struct loop_wake *wake)
{
    if (wake != NULL)
        uv_close((uv_handle_t *)&wake->handle, free_wake);
}

/* ---- signals ---- */

struct loop_signal {
    uv_signal_t handle;
    loop_call call;
    void *context;
};

static void signalled(uv_signal_t *handle, int number)
{
    (void)number;
    struct loop_signal *signal = handle->data;
    signal->call(signal->context);
}

struct loop_signal *loop_signal_new(uv_loop_t *loop, int number, loop_call call, void *context)
{
    struct loop_signal *signal = calloc(1, sizeof *signal);
    if (signal == NULL)
        return NULL;
    signal->call = call;
    signal->context = context;
    if (uv_signal_init(loop, &signal->handle) != 0) {
        free(signal);
        return NULL;
    }
    signal->handle.data = signal;
    if (uv_signal_start(&signal->handle, signalled, number) != 0) {
        loop_signal_free(signal);
        return NULL;
    }
    return signal;
}

void loop_signal_free(struct loop_signal *signal)
{
    if (signal != NULL)
        uv_close((uv_handle_t *)&signal->handle, free_handle);
}
