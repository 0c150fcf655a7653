/* SPDX-License-Identifier: Apache-2.0 */
/* The identifiers of Felloe: fixed-size random or hashed bytes, and positions in a site's log. */
#ifndef FELLOE_PROTO_ID_H
#define FELLOE_PROTO_ID_H

#include "proto/bytes.h"
#include "proto/limits.h"

/* First 16 bytes of the BLAKE2b-256 of the device's first signing key. */
struct device_id { uint8_t b[16]; };
/* Random. A person's first data key has the person's own id as its key id. */
struct person_id { uint8_t b[16]; };
struct key_id { uint8_t b[16]; };
/* BLAKE2b-256 of the event's bytes. */
struct event_id { uint8_t b[32]; };

/* Given by the hub, one per event of a site's log; epoch 0 means "none yet". Within an epoch n is 1, 2, 3… */
struct position {
    uint32_t epoch;
    uint64_t n;
};

/* A position per epoch, ascending by epoch: how far somebody has read a site's log. */
struct seen {
    uint8_t count;
    struct position at[SEEN_MAX];
};

/* All that there is of it: most name one epoch, of SEEN_MAX. */
static inline void seen_copy(struct seen *to, const struct seen *from)
{
    to->count = from->count;
    memcpy(to->at, from->at, from->count * sizeof *to->at);
}

#define DEVICE_ID_NONE ((struct device_id){{0}})
#define PERSON_ID_NONE ((struct person_id){{0}})

static inline bool device_id_equal(const struct device_id *a, const struct device_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
static inline bool person_id_equal(const struct person_id *a, const struct person_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
static inline bool event_id_equal(const struct event_id *a, const struct event_id *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}
bool person_id_is_none(const struct person_id *id);

static inline struct key_id key_id_of_person(struct person_id p)
{
    struct key_id k;
    memcpy(k.b, p.b, sizeof k.b);
    return k;
}

/* Ascending by epoch, then n: <0, 0, >0. */
int position_compare(struct position a, struct position b);
/* Does `seen` reach `p`? False for a position of epoch 0. */
bool seen_covers(const struct seen *seen, struct position p);
/* Is every position of `older` covered by `newer`? */
bool seen_includes(const struct seen *newer, const struct seen *older);
/* Moves the epoch's mark up to `p` (never down); false when there are already SEEN_MAX epochs. */
bool seen_advance(struct seen *seen, struct position p);
/* The n reached in `epoch`, 0 when none. */
uint64_t seen_in(const struct seen *seen, uint32_t epoch);

/* Lower-case hex; `out` has room for 2 * len + 1. */
void hex_encode(struct bytes in, char *out);
/* Strict hex (either case) of exactly `size` bytes; false otherwise. */
bool hex_decode(struct bytes hex, uint8_t *out, size_t size);

/* "2.15" into `out` (at least 33 bytes). */
void position_format(struct position p, char *out);
/* "2.15", or "15" for epoch 1. */
bool position_parse(struct bytes text, struct position *out);

/* [a-z0-9][a-z0-9-]{0,31} */
bool slug_valid(struct bytes text);

#endif
