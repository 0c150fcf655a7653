/* SPDX-License-Identifier: Apache-2.0 */
/* Composite database keys: fixed parts back to back, numbers big-endian, so that byte order is the order meant. */
#ifndef FELLOE_DAEMON_STORE_KEY_H
#define FELLOE_DAEMON_STORE_KEY_H

#include <assert.h>

#include "proto/bytes.h"

#define STORE_KEY_MAX 511 /* LMDB's */

/* Starts with len 0 (key_start); lives on the stack. */
struct store_key {
    uint16_t len;
    uint8_t b[STORE_KEY_MAX];
};

static inline void key_start(struct store_key *key)
{
    key->len = 0;
}
static inline struct bytes key_bytes(const struct store_key *key)
{
    return (struct bytes){key->b, key->len};
}
/* Parts are of known size: a key that grows too long is a mistake of the program. */
static inline void key_put(struct store_key *key, const void *data, size_t len)
{
    assert(len <= STORE_KEY_MAX - (size_t)key->len);
    memcpy(key->b + key->len, data, len);
    key->len = (uint16_t)(key->len + len);
}

static inline void be_put_u16(uint8_t out[2], uint16_t v)
{
    out[0] = (uint8_t)(v >> 8), out[1] = (uint8_t)v;
}
static inline void be_put_u32(uint8_t out[4], uint32_t v)
{
    be_put_u16(out, (uint16_t)(v >> 16)), be_put_u16(out + 2, (uint16_t)v);
}
static inline void be_put_u64(uint8_t out[8], uint64_t v)
{
    be_put_u32(out, (uint32_t)(v >> 32)), be_put_u32(out + 4, (uint32_t)v);
}
static inline uint16_t be_u16(const uint8_t *in)
{
    return (uint16_t)(in[0] << 8 | in[1]);
}
static inline uint32_t be_u32(const uint8_t *in)
{
    return (uint32_t)be_u16(in) << 16 | be_u16(in + 2);
}
static inline uint64_t be_u64(const uint8_t *in)
{
    return (uint64_t)be_u32(in) << 32 | be_u32(in + 4);
}

static inline void key_put_u8(struct store_key *key, uint8_t v)
{
    key_put(key, &v, 1);
}
static inline void key_put_u16(struct store_key *key, uint16_t v)
{
    uint8_t b[2];
    be_put_u16(b, v);
    key_put(key, b, sizeof b);
}
static inline void key_put_u32(struct store_key *key, uint32_t v)
{
    uint8_t b[4];
    be_put_u32(b, v);
    key_put(key, b, sizeof b);
}
static inline void key_put_u64(struct store_key *key, uint64_t v)
{
    uint8_t b[8];
    be_put_u64(b, v);
    key_put(key, b, sizeof b);
}
/* Taking a key apart again: a reader that fails once and stays failed. */
struct key_reader {
    struct bytes rest;
    bool failed;
};
static inline const uint8_t *key_take(struct key_reader *r, size_t len)
{
    static const uint8_t zeros[STORE_KEY_MAX];
    assert(len <= sizeof zeros);
    if (r->failed || r->rest.len < len) {
        r->failed = true;
        return zeros;
    }
    const uint8_t *at = r->rest.data;
    r->rest = (struct bytes){at + len, r->rest.len - len};
    return at;
}
static inline uint8_t key_take_u8(struct key_reader *r)
{
    return *key_take(r, 1);
}
static inline uint32_t key_take_u32(struct key_reader *r)
{
    return be_u32(key_take(r, 4));
}
static inline uint64_t key_take_u64(struct key_reader *r)
{
    return be_u64(key_take(r, 8));
}

#endif
