/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a program under test: all its clocks run FELLOE_FASTER times as fast, so that what an idle daemon does
 * in an hour is seen in a minute. The wall clock is right at FELLOE_FASTER_SINCE (seconds since 1970), for all programs
 * that are given the same; the others are multiplied. Only what is waited for with a time-out is: work is not. */
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

#define SECOND 1000000000ll

static int64_t setting(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

static int64_t speed(void)
{
    static int64_t known;
    if (known == 0)
        known = setting("FELLOE_FASTER", 1);
    return known;
}

static void *next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    static int (*real)(clockid_t, struct timespec *);
    static int64_t since;
    if (real == NULL)
        *(void **)&real = next("clock_gettime");
    int result = real(clock, out);
    if (since == 0)
        since = setting("FELLOE_FASTER_SINCE", 1) * SECOND;
    const bool wall = clock == CLOCK_REALTIME;
    if (result != 0 || (!wall && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME))
        return result;
    const int64_t base = wall ? since : 0;
    const int64_t now = base + (out->tv_sec * SECOND + out->tv_nsec - base) * speed();
    *out = (struct timespec){.tv_sec = now / SECOND, .tv_nsec = now % SECOND};
    return 0;
}

static int sooner(int timeout_ms)
{
    return timeout_ms <= 0 ? timeout_ms : (int)((timeout_ms + speed() - 1) / speed());
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_ms)
{
    static int (*real)(int, struct epoll_event *, int, int);
    if (real == NULL)
        *(void **)&real = next("epoll_wait");
    return real(epoll, events, count, sooner(timeout_ms));
}

int epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout_ms, const sigset_t *mask)
{
    static int (*real)(int, struct epoll_event *, int, int, const sigset_t *);
    if (real == NULL)
        *(void **)&real = next("epoll_pwait");
    return real(epoll, events, count, sooner(timeout_ms), mask);
}

int poll(struct pollfd *files, nfds_t count, int timeout_ms)
{
    static int (*real)(struct pollfd *, nfds_t, int);
    if (real == NULL)
        *(void **)&real = next("poll");
    return real(files, count, sooner(timeout_ms));
}

/* libuv's, whose time-outs are on the clock that only goes forward. */
int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (real == NULL)
        *(void **)&real = next("pthread_cond_timedwait");
    const int64_t ns = (until->tv_sec * SECOND + until->tv_nsec) / speed();
    const struct timespec sooner_until = {.tv_sec = ns / SECOND, .tv_nsec = ns % SECOND};
    return real(cond, mutex, &sooner_until);
}
