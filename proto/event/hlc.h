/* SPDX-License-Identifier: Apache-2.0 */
/* Hybrid logical clock: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16. It orders what is
 * displayed and breaks ties among concurrent writes; it never decides what overwrites what. */
#ifndef FELLOE_PROTO_HLC_H
#define FELLOE_PROTO_HLC_H

#include <stdint.h>

/* A received time this far ahead of our own clock is not followed: one wrong clock must not move all others. */
#define HLC_AHEAD_MAX_MS (24ull * 3600 * 1000)

static inline uint64_t hlc_ms(uint64_t time) { return time >> 16; }

/* The time of a new event: never before `last`, the latest time given or followed. */
static inline uint64_t hlc_next(uint64_t last, uint64_t now_ms)
{
    uint64_t now = now_ms << 16;
    return now > last ? now : last + 1;
}

/* `last` after an event with time `heard` was read. */
static inline uint64_t hlc_follow(uint64_t last, uint64_t heard, uint64_t now_ms)
{
    return heard > last && hlc_ms(heard) <= now_ms + HLC_AHEAD_MAX_MS ? heard : last;
}

#endif
