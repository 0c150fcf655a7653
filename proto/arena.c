/* SPDX-License-Identifier: Apache-2.0 */
/* A list of chunks, each twice the size of the one before; what is taken is never given back singly. */
#include "proto/arena.h"

#include <stdlib.h>

#define CHUNK_MIN 8192

struct arena_chunk {
    struct arena_chunk *next;
    size_t size, used;
    _Alignas(16) uint8_t data[];
};

static struct arena_chunk *chunk_new(size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    struct arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (chunk) {
        chunk->next = NULL;
        chunk->size = size;
        chunk->used = 0;
    }
    return chunk;
}

static struct arena_chunk *chunk_for(struct arena *arena, size_t size)
{
    struct arena_chunk **link = arena->current ? &arena->current : &arena->first;
    size_t last = CHUNK_MIN / 2;
    for (; *link; link = &(*link)->next) {
        last = (*link)->size;
        if ((*link)->size - (*link)->used >= size)
            break;
    }
    if (!*link)
        *link = chunk_new(size > last * 2 ? size : last * 2);
    if (*link)
        arena->current = *link;
    return *link;
}

void *arena_take(struct arena *arena, size_t size)
{
    if (size > SIZE_MAX - 15)
        return NULL;
    size = (size + 15) & ~(size_t)15;
    struct arena_chunk *chunk = arena->current;
    if (!chunk || chunk->size - chunk->used < size)
        chunk = chunk_for(arena, size);
    if (!chunk)
        return NULL;
    void *taken = chunk->data + chunk->used;
    chunk->used += size;
    return taken;
}

struct bytes arena_copy(struct arena *arena, struct bytes in)
{
    uint8_t *copy = arena_take(arena, in.len ? in.len : 1);
    if (!copy)
        return (struct bytes){0};
    if (in.len > 0)
        memcpy(copy, in.data, in.len);
    return bytes_of(copy, in.len);
}

void arena_clear(struct arena *arena)
{
    for (struct arena_chunk *chunk = arena->first; chunk; chunk = chunk->next)
        chunk->used = 0;
    arena->current = arena->first;
}

static void free_chunks(struct arena_chunk **link)
{
    while (*link) {
        struct arena_chunk *next = (*link)->next;
        free(*link);
        *link = next;
    }
}

void arena_shrink(struct arena *arena)
{
    if (arena->first)
        free_chunks(arena->first->size > CHUNK_MIN ? &arena->first : &arena->first->next);
    arena_clear(arena);
}

void arena_release(struct arena *arena)
{
    free_chunks(&arena->first);
    arena->current = NULL;
}

size_t arena_size(const struct arena *arena)
{
    size_t size = 0;
    for (const struct arena_chunk *chunk = arena->first; chunk; chunk = chunk->next)
        size += chunk->size;
    return size;
}
