/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed ranges of bytes, and the growable buffer. */
#include "proto/bytes.h"

#include <stdlib.h>

/* The first allocation of a buffer; most messages' headers and events fit. */
#define BUFFER_FIRST 256u

bool bytes_to_text(struct bytes in, char *out, size_t size)
{
    if (in.len >= size) {
        if (size > 0)
            out[0] = '\0';
        return false;
    }
    if (in.len > 0)
        memcpy(out, in.data, in.len);
    out[in.len] = '\0';
    return true;
}

void buffer_release(struct buffer *b)
{
    free(b->data);
    *b = (struct buffer){0};
}

void buffer_clear(struct buffer *b)
{
    b->len = 0;
    b->failed = false;
}

bool buffer_reserve(struct buffer *b, size_t more)
{
    if (b->failed)
        return false;
    if (more <= b->cap - b->len)
        return true;
    if (more > PTRDIFF_MAX - b->len) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + more, cap = b->cap < BUFFER_FIRST ? BUFFER_FIRST : b->cap;
    while (cap < need)
        cap = cap > PTRDIFF_MAX / 2 ? need : cap * 2;
    uint8_t *data = realloc(b->data, cap);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->cap = cap;
    return true;
}

void buffer_append_more(struct buffer *b, const void *data, size_t len)
{
    if (len == 0 || !buffer_reserve(b, len))
        return;
    memcpy(b->data + b->len, data, len);
    b->len += len;
}

void buffer_append_byte(struct buffer *b, uint8_t byte)
{
    buffer_append(b, &byte, 1);
}
