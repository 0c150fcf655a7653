/* SPDX-License-Identifier: Apache-2.0 */
/* Copies: what is about a person whom several teams support lies in the log of each of their sites. The hub takes an
 * original's bytes over to another site by writing an event of its own there, entry.copied, sealed with the original's
 * own key. Readers see through it: they fold and show the original. */
#ifndef FELLOE_PROTO_ENVELOPE_H
#define FELLOE_PROTO_ENVELOPE_H

#include "proto/domain/mark.h"
#include "proto/event/event.h"

#define ENVELOPE_TYPE "entry.copied"
/* An original up to this size goes into one event, with all that is said of it; a longer one into several. */
#define ENVELOPE_WHOLE_MAX 60000u
#define ENVELOPE_PARTS_MAX 2u
/* Marks that go along: of several sites, with several epochs each. What is left out counts as not seen. */
#define ENVELOPE_SAW_MAX 64u

struct envelope {
    struct bytes event;     /* the original, or this part of it */
    struct bytes from;      /* the site that it was written in */
    struct position at;     /* its position there */
    uint32_t part, parts;   /* from 1; 1 of 1 where it is whole. The parts have positions one after the other */
    struct bytes saw;       /* packed marks (envelope_marks): what its writer had seen of the other sites' originals */
};

uint32_t envelope_parts(size_t original_len);
/* The piece that goes into this part. */
struct bytes envelope_piece(struct bytes original, uint32_t part, uint32_t parts);

/* Appends the map of fields, in the catalogue's order. */
void envelope_put(const struct envelope *envelope, struct buffer *fields);
/* Reads a body of that type; everything points into the body. False: it is no sound one. */
bool envelope_read(const struct event_body *body, struct envelope *out);

void envelope_put_mark(struct buffer *saw, const struct site_mark *mark);
/* Fills `out` (whose memory is used) with the marks, each of them set apart. False: memory ran out. */
bool envelope_marks(struct bytes saw, struct buffer *memory, struct marks *out);

#endif
