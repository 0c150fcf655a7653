/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed ranges of bytes, and one growable buffer whose failure is sticky. */
#ifndef FELLOE_PROTO_BYTES_H
#define FELLOE_PROTO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Points into memory that somebody else owns and keeps alive. */
struct bytes {
    const uint8_t *data;
    size_t len;
};

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){data, len};
}

static inline struct bytes bytes_str(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_str(text));
}

/* As memcmp, and of two of which one begins the other the shorter first: <0, 0, >0. */
static inline int bytes_compare(struct bytes a, struct bytes b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* Copies into `out` (capacity `size`) as a C string; false, and an empty string, if it does not fit. */
bool bytes_to_text(struct bytes in, char *out, size_t size);

/* Starts as {0}. After an allocation has failed, `failed` stays true (until clear or release), every further write is
 * a no-op: check once at the end. */
struct buffer {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};

void buffer_release(struct buffer *b);            /* frees the memory; the buffer is {0} again */
void buffer_clear(struct buffer *b);              /* empties it and keeps the memory */
bool buffer_reserve(struct buffer *b, size_t more); /* room for `more` bytes after len */
void buffer_append_more(struct buffer *b, const void *data, size_t len); /* buffer_append where room may lack */
void buffer_append_byte(struct buffer *b, uint8_t byte);

static inline void buffer_append(struct buffer *b, const void *data, size_t len)
{
    if (b->failed || len > b->cap - b->len) {
        buffer_append_more(b, data, len);
    } else if (len > 0) {
        memcpy(b->data + b->len, data, len);
        b->len += len;
    }
}

static inline struct bytes buffer_bytes(const struct buffer *b)
{
    return (struct bytes){b->data, b->len};
}

#endif
