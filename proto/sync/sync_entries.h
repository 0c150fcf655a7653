/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of PUSH, FEED, OFFER and KEYRING: from bytes to a batch of checked entries. For the sync machines alone. */
#ifndef FELLOE_PROTO_SYNC_ENTRIES_H
#define FELLOE_PROTO_SYNC_ENTRIES_H

#include "proto/event/batch.h"

enum entries_result { ENTRIES_OK, ENTRIES_BAD, ENTRIES_NO_MEMORY };

struct entries_form {
    struct bytes site;
    uint32_t count, key_count;
    bool markers, signatures;   /* FEED: both; OFFER: signatures; PUSH: neither */
    struct device_id own;       /* whose markers, and of which incarnation */
    uint32_t incarnation;
    /* What other events are needed to check: called for each entry in order; `event` is NULL for a marker. May be
     * NULL. What it returns, unless ENTRIES_OK, ends the decoding. */
    enum entries_result (*check)(void *context, const struct entry *entry, const struct event_clear *event);
    void *context;
};

/* Takes `body` over (also on failure). Each event is decoded, of this site, and has its id computed; each key record is
 * well-formed; nothing is left over. `out` is the caller's to free. */
enum entries_result entries_decode(struct lent *body, const struct entries_form *form, struct batch **out);

/* A body of key records alone: false when it is malformed or they are not `count`. Calls `visit` (may be NULL) with
 * each record's key id. */
bool keys_check(struct bytes body, uint32_t count, void (*visit)(void *context, const struct key_id *id),
                void *context);

#endif
