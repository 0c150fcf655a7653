/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys on their way between a device and its hub.
 *
 *   key record = array of 5: key id (bin 16), kind (uint), owner (bin 16, a person's id; zeros for a site), site (str),
 *                wrapped (bin 72: nonce 24, then XChaCha20-Poly1305 (IETF) of the 32 key bytes under the pair's shared
 *                secret; associated data: the record's bytes before the header of `wrapped`, c4 48)
 *   shared secret = HSalsa20 of X25519(own secret, their public), as NaCl's crypto_box_beforenm makes it
 *
 * Only the two of the pair can make such a record, and neither the key nor what names it can be changed on the way. */
#ifndef FELLOE_PROTO_KEY_RECORD_H
#define FELLOE_PROTO_KEY_RECORD_H

#include "proto/event/event.h"
#include "proto/mp.h"

#define BOX_KEY_SIZE 32
#define BOX_NONCE_SIZE 24
#define WRAPPED_KEY_SIZE (BOX_NONCE_SIZE + 16 + DATA_KEY_SIZE)

struct box_public { uint8_t b[BOX_KEY_SIZE]; };
struct box_secret { uint8_t b[BOX_KEY_SIZE]; };
/* The precomputed secret of one pair (crypto_box_beforenm). */
struct box_shared { uint8_t b[32]; };

enum key_kind {
    KEY_PERSON = 1,         /* what is about one person */
    KEY_SITE = 2,           /* what is about no person */
    KEY_PERSON_AUDIENCE = 3,/* restricted, about one person */
    KEY_SITE_AUDIENCE = 4   /* restricted, about no person */
};

struct key_record {
    struct key_id id;
    enum key_kind kind;
    struct person_id owner;
    char site[SLUG_MAX + 1];
    struct data_key key;
};

bool box_shared_of(struct box_shared *out, const struct box_public *theirs, const struct box_secret *mine);

/* Appends one record to `out`; `nonce` is fresh and random. */
void key_record_wrap(const struct key_record *record, const struct box_shared *shared,
                     const uint8_t nonce[BOX_NONCE_SIZE], struct buffer *out);
/* Reads the record that is the reader's current object. False when malformed or not made with this pair's keys. */
bool key_record_unwrap(struct mp_reader *r, const struct box_shared *shared, struct key_record *out);
/* Checks its form only, without opening it. */
bool key_record_check(struct mp_reader *r);

#endif
