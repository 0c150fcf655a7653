/* SPDX-License-Identifier: Apache-2.0 */
/* BLAKE2b (RFC 7693) of four texts at a time: word i of each text's state stands in one vector, lane by lane. A lane
 * whose text is at its end takes the next one, so that texts of different lengths keep all of them busy. */
#include "proto/event/hash.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(HASH_SIZE == crypto_generichash_BYTES, "the usual length");

static void singly(const struct hash_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        crypto_generichash(items[i].out, HASH_SIZE, items[i].in.data, items[i].in.len, NULL, 0);
}

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))

#define LANES 4
#define BLOCK 128
#define WORDS (BLOCK / 8)
#define BLOCK_VECS (BLOCK / (8 * LANES))
#define ROUNDS 12

typedef uint64_t vec __attribute__((vector_size(8 * LANES)));

static const uint64_t iv[8] = {0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
                               0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179};

static const uint8_t sigma[ROUNDS][WORDS] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3}};

struct lanes {
    vec state[8], counted, last; /* last: all ones where the block is its text's last */
    vec padded[LANES][BLOCK_VECS];
    const uint8_t *block[LANES];
    struct bytes rest[LANES];
    uint8_t *out[LANES]; /* NULL: the lane is idle */
};

/* ---- one block of each ---- */

#define TURN(x, n) ((x) >> (n) | (x) << (64 - (n)))

static inline __attribute__((always_inline)) void mix(vec *a, vec *b, vec *c, vec *d, const vec *x, const vec *y)
{
    *a += *b + *x;
    *d = TURN(*d ^ *a, 32);
    *c += *d;
    *b = TURN(*b ^ *c, 24);
    *a += *b + *y;
    *d = TURN(*d ^ *a, 16);
    *c += *d;
    *b = TURN(*b ^ *c, 63);
}

/* Four words of each of four blocks: rows become columns. */
static inline __attribute__((always_inline)) void gather(const uint8_t *const block[LANES], unsigned word, vec out[4])
{
    vec a, b, c, d;
    memcpy(&a, block[0] + 8 * (size_t)word, sizeof a);
    memcpy(&b, block[1] + 8 * (size_t)word, sizeof b);
    memcpy(&c, block[2] + 8 * (size_t)word, sizeof c);
    memcpy(&d, block[3] + 8 * (size_t)word, sizeof d);
    const vec ab_even = __builtin_shufflevector(a, b, 0, 4, 2, 6), ab_odd = __builtin_shufflevector(a, b, 1, 5, 3, 7);
    const vec cd_even = __builtin_shufflevector(c, d, 0, 4, 2, 6), cd_odd = __builtin_shufflevector(c, d, 1, 5, 3, 7);
    out[0] = __builtin_shufflevector(ab_even, cd_even, 0, 1, 4, 5);
    out[1] = __builtin_shufflevector(ab_odd, cd_odd, 0, 1, 4, 5);
    out[2] = __builtin_shufflevector(ab_even, cd_even, 2, 3, 6, 7);
    out[3] = __builtin_shufflevector(ab_odd, cd_odd, 2, 3, 6, 7);
}

static inline __attribute__((always_inline)) void compress(struct lanes *l)
{
    vec m[WORDS], v[16];
    for (unsigned word = 0; word < WORDS; word += 4)
        gather(l->block, word, m + word);
    for (unsigned i = 0; i < 8; i++) {
        v[i] = l->state[i];
        v[i + 8] = (vec){iv[i], iv[i], iv[i], iv[i]};
    }
    v[12] ^= l->counted;
    v[14] ^= l->last;
    for (unsigned round = 0; round < ROUNDS; round++) {
        const uint8_t *s = sigma[round];
        mix(&v[0], &v[4], &v[8], &v[12], &m[s[0]], &m[s[1]]);
        mix(&v[1], &v[5], &v[9], &v[13], &m[s[2]], &m[s[3]]);
        mix(&v[2], &v[6], &v[10], &v[14], &m[s[4]], &m[s[5]]);
        mix(&v[3], &v[7], &v[11], &v[15], &m[s[6]], &m[s[7]]);
        mix(&v[0], &v[5], &v[10], &v[15], &m[s[8]], &m[s[9]]);
        mix(&v[1], &v[6], &v[11], &v[12], &m[s[10]], &m[s[11]]);
        mix(&v[2], &v[7], &v[8], &v[13], &m[s[12]], &m[s[13]]);
        mix(&v[3], &v[4], &v[9], &v[14], &m[s[14]], &m[s[15]]);
    }
    for (unsigned i = 0; i < 8; i++)
        l->state[i] ^= v[i] ^ v[i + 8];
}

__attribute__((target("avx2"))) static void compress_avx2(struct lanes *l)
{
    compress(l);
}

/* The same instructions with a rotation among them. */
__attribute__((target("avx2,avx512f,avx512vl"))) static void compress_avx512(struct lanes *l)
{
    compress(l);
}

/* ---- lanes ---- */

static void lane_begin(struct lanes *l, unsigned lane, const struct hash_item *item)
{
    for (unsigned i = 0; i < 8; i++)
        l->state[i][lane] = iv[i];
    l->state[0][lane] ^= 0x01010000 ^ HASH_SIZE; /* no key; one leaf */
    l->counted[lane] = l->last[lane] = 0;
    l->rest[lane] = item->in;
    l->out[lane] = item->out;
}

/* By hand, and out of line, where gcc does not know how little it is: it would take `rep stos` and `rep movs` for it,
 * which are slow to begin. */
static __attribute__((noinline)) void pad(vec block[BLOCK_VECS], struct bytes rest)
{
    for (unsigned i = 0; i < BLOCK_VECS; i++)
        block[i] = (vec){0};
    if (rest.len > 0)
        memcpy(block, rest.data, rest.len);
}

static void lane_next_block(struct lanes *l, unsigned lane)
{
    struct bytes *rest = &l->rest[lane];
    const size_t len = rest->len > BLOCK ? BLOCK : rest->len;
    l->block[lane] = rest->data;
    if (rest->len <= BLOCK) {
        pad(l->padded[lane], *rest);
        l->block[lane] = (const uint8_t *)l->padded[lane];
        l->last[lane] = UINT64_MAX;
    }
    *rest = bytes_of(rest->data + len, rest->len - len);
    l->counted[lane] += len;
}

static void lane_end(struct lanes *l, unsigned lane)
{
    const uint64_t words[HASH_SIZE / 8] = {l->state[0][lane], l->state[1][lane], l->state[2][lane], l->state[3][lane]};
    memcpy(l->out[lane], words, sizeof words);
    l->out[lane] = NULL;
}

static void by_lanes(const struct hash_item *items, size_t count, void (*compress_lanes)(struct lanes *l))
{
    struct lanes l = {.counted = {0}};
    size_t begun = 0, ended = 0;
    for (unsigned lane = 0; lane < LANES; lane++)
        l.block[lane] = (const uint8_t *)l.padded[lane];
    while (ended < count) {
        for (unsigned lane = 0; lane < LANES; lane++) {
            if (l.out[lane] == NULL && begun < count)
                lane_begin(&l, lane, &items[begun++]);
            if (l.out[lane] != NULL)
                lane_next_block(&l, lane);
        }
        compress_lanes(&l);
        for (unsigned lane = 0; lane < LANES; lane++)
            if (l.out[lane] != NULL && l.last[lane] != 0) {
                lane_end(&l, lane);
                ended++;
            }
    }
}

bool hash_many_by(enum hash_way way, const struct hash_item *items, size_t count)
{
    switch (way) {
    case HASH_AVX512:
        if (!__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx2"))
            return false;
        by_lanes(items, count, compress_avx512);
        return true;
    case HASH_AVX2:
        if (!__builtin_cpu_supports("avx2"))
            return false;
        by_lanes(items, count, compress_avx2);
        return true;
    default:
        singly(items, count);
        return way == HASH_SINGLY;
    }
}

#else

bool hash_many_by(enum hash_way way, const struct hash_item *items, size_t count)
{
    if (way == HASH_SINGLY)
        singly(items, count);
    return way == HASH_SINGLY;
}

#endif

void hash_many(const struct hash_item *items, size_t count)
{
    const enum hash_way from = count > 1 ? HASH_AVX512 : HASH_SINGLY; /* alone, a text fills one lane of four */
    bool done = false;
    for (enum hash_way way = from; !done; way--)
        done = hash_many_by(way, items, count);
}
