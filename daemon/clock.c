/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks and the randomness of the daemon: the only place that asks the system for either. */
#include <assert.h>
#include <sodium.h>
#include <string.h>
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

uint64_t clock_slept_ms(void)
{
    struct timespec awake;
    const uint64_t all_ms = clock_steady_ms();
    clock_gettime(CLOCK_MONOTONIC, &awake);
    const uint64_t awake_ms = (uint64_t)awake.tv_sec * 1000 + (uint64_t)awake.tv_nsec / 1000000;
    return all_ms > awake_ms ? all_ms - awake_ms : 0;
}

void random_bytes(void *out, size_t size)
{
    randombytes_buf(out, size);
}

/* A pool is given up after this long: a machine whose snapshot goes on twice would hand out the same bytes twice. */
#define POOL_NS 1000000000ll

/* One system call fills it for a hundred events. The daemon never forks, so no two processes use the same bytes; and
 * should a snapshot go on twice within the second, the wall's clock of each is mixed into what is handed out. What was
 * handed out stays nowhere. */
void random_nonce(void *out, size_t size)
{
    static _Thread_local uint8_t pool[4096];
    static _Thread_local size_t left;
    static _Thread_local int64_t filled_ns;
    struct timespec now;
    assert(size <= sizeof pool);
    clock_gettime(CLOCK_REALTIME, &now);
    const int64_t now_ns = (int64_t)now.tv_sec * 1000000000ll + now.tv_nsec;
    if (left < size || now_ns < filled_ns || now_ns - filled_ns > POOL_NS) {
        randombytes_buf(pool, sizeof pool);
        left = sizeof pool;
        filled_ns = now_ns;
    }
    left -= size;
    uint8_t *bytes = out;
    memcpy(bytes, pool + left, size);
    sodium_memzero(pool + left, size);
    for (size_t i = 0; i < sizeof now_ns && i < size; i++)
        bytes[size - 1 - i] ^= (uint8_t)((uint64_t)now_ns >> 8 * i);
}
