/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub tells every laptop with each WELCOME, signed for this laptop and the HELLO that it answers. So a WELCOME
 * with them is the hub's, and of now: whoever has got hold of an old key of the hub's connections can neither make them
 * nor pass on older ones. A laptop keeps the latest, and goes by them without the hub too.
 *
 *   terms = array of 10 or more:
 *     0  device     bin 16, whom they are told
 *     1  challenge  bin 16, of the HELLO that is answered
 *     2  lease      uint, hours without the hub after which a laptop shows no record; 0 for no lease
 *     3  auditors   bin 32, the X25519 public key that looks are sealed for, or nil
 *     4  curve      bin 32, the CURVE public key that the hub has now
 *     5  box        bin 32, the X25519 public key that it has now
 *     6  next curve bin 32, or nil: the CURVE public key that it will have, from the moment on that element 8 tells
 *     7  next box   bin 32, or nil: likewise
 *     8  from       int, ms since 1970; 0 where 6 and 7 are nil
 *   last  signature bin 64: the hub's, over "felloe terms 2" NUL and all bytes before this element's header, c4 40
 *
 * Elements between the ninth and the last are a later version's. */
#ifndef FELLOE_PROTO_TERMS_H
#define FELLOE_PROTO_TERMS_H

#include "proto/event/key_record.h"
#include "proto/event/signature.h"

/* The most that an object of terms may have: room for what later versions add. */
#define TERMS_SIZE_MAX 4096

/* 0, or at most this: ten years. */
#define LEASE_HOURS_MAX 87600u

/* What a laptop makes up for one HELLO, so that no answer to another one fits. */
struct challenge {
    uint8_t b[16];
};

struct terms {
    struct device_id device;
    struct challenge challenge;
    uint32_t lease_hours;       /* 0: none */
    bool has_auditors;
    struct box_public auditors;
    uint8_t curve[32];          /* the hub's present keys */
    struct box_public box;
    bool renews;                /* the hub's keys change at next_from_ms */
    uint8_t next_curve[32];
    struct box_public next_box;
    int64_t next_from_ms;
};

/* Appends them, signed by the hub (sticky failure in the buffer, as everywhere). What does not apply is left out. */
void terms_put(struct buffer *out, const struct terms *terms, const struct sign_secret *hub);
/* False when these are none, or not signed by this hub. `out` is all zeros then. */
bool terms_read(struct bytes object, const struct sign_public *hub, struct terms *out);
/* Which CURVE key of the hub may be tried beside the one that is pinned, by the latest terms; NULL: none.
 *   they are of that very key    the next one, where they tell of one
 *   they led to that key         none: the one of before is over
 *   they are of another key      that one: they were proven over it; what is pinned is of a ticket, which is hearsay,
 *                                or was put back */
const uint8_t *terms_other_curve(const struct terms *terms, const uint8_t pinned[32]);
/* Do they say the same, to whomever and whenever? */
bool terms_same(const struct terms *a, const struct terms *b);
/* Were they told this device, in answer to the HELLO with this challenge? */
bool terms_answer(const struct terms *terms, const struct device_id *device, const struct challenge *challenge);

#endif
