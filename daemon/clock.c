/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks and the randomness of the daemon: the only place that asks the system for either. */
#include <sodium.h>
#include <time.h>

#include "daemon/daemon.h"

int64_t clock_wall_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t clock_steady_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now); /* goes on while the laptop sleeps: timeouts and "since" stay true */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void random_bytes(void *out, size_t size)
{
    randombytes_buf(out, size);
}
