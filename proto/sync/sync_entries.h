/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of PUSH, FEED, OFFER and KEYRING: from bytes to a batch of checked entries. For the sync machines alone. */
#ifndef FELLOE_PROTO_SYNC_ENTRIES_H
#define FELLOE_PROTO_SYNC_ENTRIES_H

#include "proto/event/batch.h"

enum entries_result {
    ENTRIES_OK,
    ENTRIES_BAD,
    ENTRIES_NO_MEMORY,
    ENTRIES_OWN,    /* a marker of several stands for own events whose ids are not in own_ids */
    ENTRIES_FORK    /* … or its last one has another id than told */
};

struct entries_form {
    struct bytes site;
    uint32_t count, key_count;
    bool markers, signatures;   /* FEED: both; OFFER: signatures; PUSH: neither */
    struct device_id own;       /* whose markers, and of which incarnation */
    uint32_t incarnation;
    const struct event_id *own_ids; /* of own events from own_first on: for markers of several */
    uint64_t own_first;
    uint32_t own_count;
    /* What other events are needed to check: called for each entry in order; `event` is NULL for a marker. May be
     * NULL. What it returns, unless ENTRIES_OK, ends the decoding. */
    enum entries_result (*check)(void *context, const struct entry *entry, const struct event_clear *event);
    void *context;
};

/* Takes `body` over (also on failure, but for ENTRIES_OWN). Each event is decoded, of this site, and has its id
 * computed; each key record is well-formed; nothing is left over. `out` is the caller's to free. */
enum entries_result entries_decode(struct lent *body, const struct entries_form *form, struct batch **out);

/* The own events that this body's markers of several stand for, from the first to the last. False: it has none, is
 * malformed, or they are more than a body can have. */
bool entries_own_span(struct bytes body, const struct entries_form *form, uint64_t *first, uint32_t *count);

/* A body of key records alone: false when it is malformed or they are not `count`. Calls `visit` (may be NULL) with
 * each record's key id. */
bool keys_check(struct bytes body, uint32_t count, void (*visit)(void *context, const struct key_id *id),
                void *context);

#endif
