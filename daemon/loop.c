/* SPDX-License-Identifier: Apache-2.0 */
/* Timers, wake-ups, work and signals over libuv; see loop.h. */
#include "daemon/loop.h"

#include <stdlib.h>

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
    uv_timer_stop(&timer->handle);
}

void loop_timer_free(struct loop_timer *timer)
{
    if (timer != NULL)
        uv_close((uv_handle_t *)&timer->handle, free_handle);
}

/* ---- wake-ups ---- */

struct loop_wake {
    uv_async_t handle;
    loop_call call;
    void *context;
};

static void woken(uv_async_t *handle)
{
    struct loop_wake *wake = handle->data;
    wake->call(wake->context);
}

struct loop_wake *loop_wake_new(uv_loop_t *loop, loop_call call, void *context)
{
    struct loop_wake *wake = calloc(1, sizeof *wake);
    if (wake == NULL)
        return NULL;
    wake->call = call;
    wake->context = context;
    if (uv_async_init(loop, &wake->handle, woken) != 0) {
        free(wake);
        return NULL;
    }
    wake->handle.data = wake;
    return wake;
}

void loop_wake_signal(void *wake)
{
    uv_async_send(&((struct loop_wake *)wake)->handle);
}

void loop_wake_free(struct loop_wake *wake)
{
    if (wake != NULL)
        uv_close((uv_handle_t *)&wake->handle, free_handle);
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

/* ---- work ---- */

struct work {
    uv_work_t request;
    loop_call work, done;
    void *context;
};

static void run_work(uv_work_t *request)
{
    struct work *work = request->data;
    work->work(work->context);
}

static void end_work(uv_work_t *request, int status)
{
    (void)status; /* nobody cancels */
    struct work *work = request->data;
    loop_call done = work->done;
    void *context = work->context;
    free(work);
    done(context);
}

bool loop_work(uv_loop_t *loop, loop_call call, loop_call done, void *context)
{
    struct work *work = calloc(1, sizeof *work);
    if (work == NULL)
        return false;
    *work = (struct work){.work = call, .done = done, .context = context};
    work->request.data = work;
    if (uv_queue_work(loop, &work->request, run_work, end_work) != 0) {
        free(work);
        return false;
    }
    return true;
}
