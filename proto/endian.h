/* SPDX-License-Identifier: Apache-2.0 */
/* Big-endian integers, as hashes, signatures and frame lengths use them. */
#ifndef FELLOE_PROTO_ENDIAN_H
#define FELLOE_PROTO_ENDIAN_H

#include <stdint.h>

static inline void put_be32(uint8_t *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(value >> (24 - 8 * i));
}

static inline void put_be64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (56 - 8 * i));
}

static inline uint32_t get_be32(const uint8_t *in)
{
    return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

static inline uint64_t get_be64(const uint8_t *in)
{
    return (uint64_t)get_be32(in) << 32 | get_be32(in + 4);
}

#endif
