/* SPDX-License-Identifier: Apache-2.0 */
/* A person's appointments that stand: planned, not called off, and nobody wrote of them as taken place. Where two at
 * one time were settled so that one of them stands, the other does not. */
#ifndef FELLOE_PROTO_VIEW_APPOINTMENTS_H
#define FELLOE_PROTO_VIEW_APPOINTMENTS_H

#include "proto/domain/view_person.h"

struct appointment {
    int64_t when, until;      /* ms; half an hour where nobody says how long */
    struct event_id name;     /* the entry that planned it first */
    struct bytes each;        /* the same as hex: its key */
    const struct item *item;  /* as it was planned last */
};
struct appointments {
    struct appointment *at;   /* by when, then name */
    size_t count;
};
/* False: memory ran out. */
bool appointments_of(const struct document *document, struct appointments *out);
void appointments_release(struct appointments *appointments);

static inline bool appointments_overlap(const struct appointment *earlier, const struct appointment *later)
{
    return later->when < earlier->until;
}

/* The two names in hex with "+" between, in the order of bytes: the key of what is about two entries. */
#define PAIR_KEY_MAX (4 * sizeof(struct event_id) + 2)
struct bytes pair_key(const struct event_id *a, const struct event_id *b, char out[PAIR_KEY_MAX]);

#endif
