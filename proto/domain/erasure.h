/* SPDX-License-Identifier: Apache-2.0 */
/* person.erased: what the hub writes into the site that every device is in, when it erases a person. It names the
 * person, on which basis it was done, and those of their restricted keys that the hub knew of: whoever folds it
 * destroys the person's own key and these, and takes out all that was made of what they seal. */
#ifndef FELLOE_PROTO_ERASURE_H
#define FELLOE_PROTO_ERASURE_H

#include "proto/event/event.h"

#define ERASURE_TYPE "person.erased"
#define ERASURE_SITE "commons"
/* Keys in one event: with them and the longest basis it is far from 64 KiB. More go into another event. */
#define ERASURE_KEYS_MAX 1024u

struct erasure {
    struct person_id person;
    struct bytes basis;
    struct bytes keys;      /* ids of restricted keys, back to back */
};
/* Appends the map of fields, in the catalogue's order. */
void erasure_put(const struct erasure *erasure, struct buffer *fields);
/* Reads a body of that type; basis and keys point into it. False: it is none, or no sound one. (That the hub wrote it,
 * and in which site, is for whoever asks to know.) */
bool erasure_read(const struct event_body *body, struct erasure *out);
size_t erasure_key_count(const struct erasure *erasure);
struct key_id erasure_key(const struct erasure *erasure, size_t index);

#endif
