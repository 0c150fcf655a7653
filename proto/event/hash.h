/* SPDX-License-Identifier: Apache-2.0 */
/* BLAKE2b-256 of many texts at once: what libsodium's crypto_generichash says of each, in a third of the time. A single
 * text's rounds wait for one another; those of four go side by side through the lanes of one register. */
#ifndef FELLOE_PROTO_HASH_H
#define FELLOE_PROTO_HASH_H

#include "proto/bytes.h"

#define HASH_SIZE 32

struct hash_item {
    struct bytes in;
    uint8_t *out; /* HASH_SIZE */
};

void hash_many(const struct hash_item *items, size_t count);

/* By what a processor offers; hash_many takes the last that this one has. */
enum hash_way { HASH_SINGLY, HASH_AVX2, HASH_AVX512, HASH_WAYS };
/* False: this processor has it not, and nothing was done. */
bool hash_many_by(enum hash_way way, const struct hash_item *items, size_t count);

#endif
