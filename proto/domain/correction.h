/* SPDX-License-Identifier: Apache-2.0 */
/* The value of contact.corrected: what would have been right in the contact's own field, as text. */
#ifndef FELLOE_PROTO_CORRECTION_H
#define FELLOE_PROTO_CORRECTION_H

#include "proto/domain/catalogue.h"

/* Checks `raw` (one msgpack value, as somebody gave it) as that field of contact.recorded, and appends its normal form
 * as a text: a code, minutes, words; of "occurred" a local date, or date and time: "2026-11-21 14:30". False, with the
 * error: it is none. When memory ran out, out has failed. */
bool correction_check(struct bytes field, struct bytes raw, struct buffer *out, struct felloe_error *error);

#endif
