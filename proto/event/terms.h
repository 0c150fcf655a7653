/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub tells every laptop with each WELCOME, signed, so that a laptop may keep it and believe it later too:
 *
 *   terms = array of 8 or more:
 *     0  lease      uint, hours without the hub after which a laptop shows no record; 0 for no lease
 *     1  auditors   bin 32, the X25519 public key that looks are sealed for, or nil
 *     2  curve      bin 32, the CURVE public key that the hub has now
 *     3  box        bin 32, the X25519 public key that it has now
 *     4  next curve bin 32, or nil: the CURVE public key that it will have, from the moment on that element 6 tells
 *     5  next box   bin 32, or nil: likewise
 *     6  from       int, ms since 1970; 0 where 4 and 5 are nil
 *   last  signature bin 64: the hub's, over "felloe terms 1" NUL and all bytes before this element's header, c4 40
 *
 * Elements between the seventh and the last are a later version's. */
#ifndef FELLOE_PROTO_TERMS_H
#define FELLOE_PROTO_TERMS_H

#include "proto/event/key_record.h"
#include "proto/event/signature.h"

/* The most that an object of terms may have: room for what later versions add. */
#define TERMS_SIZE_MAX 4096

/* 0, or at most this: ten years. */
#define LEASE_HOURS_MAX 87600u

struct terms {
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

#endif
