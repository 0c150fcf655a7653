/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is given back all at once. */
#ifndef FELLOE_PROTO_ARENA_H
#define FELLOE_PROTO_ARENA_H

#include "proto/bytes.h"

struct arena_chunk;

/* Starts as {0}. */
struct arena {
    struct arena_chunk *first, *current;
};

/* Aligned for anything, not zeroed; NULL when memory ran out. */
void *arena_take(struct arena *arena, size_t size);
/* A copy of `in`; {0} when memory ran out (an empty `in` gives an empty copy that is not NULL). */
struct bytes arena_copy(struct arena *arena, struct bytes in);
void arena_clear(struct arena *arena);   /* all of it is free again; the memory is kept */
void arena_shrink(struct arena *arena);  /* the same, but of the memory only a small piece is kept */
void arena_release(struct arena *arena); /* frees the memory */
size_t arena_size(const struct arena *arena); /* of its memory, used or not */

#endif
