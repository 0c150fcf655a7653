/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys on their way between a device and its hub.
 *
 *   key record = array of 5, of a restricted key 6: key id (bin 16), kind (uint), owner (bin 16, a person's id; zeros
 *                for a site), site (str), of a restricted key its members (array of 2-16 workers, ascending), wrapped
 *                (bin 72: nonce 24, then XChaCha20-Poly1305 (IETF) of the 32 key bytes under the pair's shared secret;
 *                associated data: the record's bytes before the header of `wrapped`, c4 48)
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

/* The workers who may read what a restricted key seals: slugs in ascending order, each once. */
#define AUDIENCE_MIN 2  /* one worker alone needs no record that a team keeps */
#define AUDIENCE_MAX 16 /* a team has some ten */
struct audience {
    uint8_t count;
    char workers[AUDIENCE_MAX][SLUG_MAX + 1];
};
/* Puts a worker in its place; one who is there already is there once. False: no slug, or there are AUDIENCE_MAX. */
bool audience_add(struct audience *audience, struct bytes worker);
bool audience_has(const struct audience *audience, struct bytes worker);
bool audience_equal(const struct audience *a, const struct audience *b);

struct key_record {
    struct key_id id;
    enum key_kind kind;
    struct person_id owner;
    char site[SLUG_MAX + 1];
    struct audience members; /* of a restricted key; empty for the others */
    struct data_key key;
};
static inline bool key_kind_restricted(enum key_kind kind)
{
    return kind == KEY_PERSON_AUDIENCE || kind == KEY_SITE_AUDIENCE;
}
/* Has it members where it needs them, AUDIENCE_MIN to AUDIENCE_MAX in order, and nowhere else? */
bool key_record_members_fit(const struct key_record *record);

bool box_shared_of(struct box_shared *out, const struct box_public *theirs, const struct box_secret *mine);

/* Appends one record to `out`; `nonce` is fresh and random. */
void key_record_wrap(const struct key_record *record, const struct box_shared *shared,
                     const uint8_t nonce[BOX_NONCE_SIZE], struct buffer *out);
/* Reads the record that is the reader's current object. False when malformed or not made with this pair's keys. */
bool key_record_unwrap(struct mp_reader *r, const struct box_shared *shared, struct key_record *out);
/* What it says without being opened: all but the key. False when malformed. */
bool key_record_read(struct mp_reader *r, struct key_record *out);
/* Checks its form only, without opening it. */
bool key_record_check(struct mp_reader *r);

#endif
