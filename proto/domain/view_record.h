/* SPDX-License-Identifier: Apache-2.0 */
/* What a person's record says now, register by register: what is read before the story. */
#ifndef FELLOE_PROTO_VIEW_RECORD_H
#define FELLOE_PROTO_VIEW_RECORD_H

#include "proto/domain/document.h"

/* Appends one pair of a map, "record": an array of entries in the order in which they are read (objections, access
 * needs, the safety plan, about me, the plan, goals); returns 1, the number of pairs. An entry is an array of 6:
 *   register (its name, as in the catalogue), which one of several (its key as text; nil where there is one),
 *   values (array of texts: all that are shown), when the latest of them was written (ms),
 *   before (bool): all of it was known before the person came back, "from before, check",
 *   to settle (bool)
 * Empty values and what is in a set no longer are left out. When memory ran out, `out` has failed. */
uint32_t document_record(const struct document *document, struct buffer *out);

#endif
