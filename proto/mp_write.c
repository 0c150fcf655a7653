/* SPDX-License-Identifier: Apache-2.0 */
/* Writing msgpack, always the shortest form: msgpack-c's own packing template, with an append that is compiled into it
 * (through the packer's callback each of an event's forty values was two calls more). */
#include "proto/mp.h"

#include <assert.h>
#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>

/* The longest that the template appends at once: a number's or a length's tag and its 8 bytes. */
#define TAG_MAX 9

static inline int append_tag(struct buffer *b, const void *bytes, size_t len)
{
    if ((b->failed || b->cap - b->len < TAG_MAX) && !buffer_reserve(b, TAG_MAX))
        return -1;
    memcpy(b->data + b->len, bytes, len);
    b->len += len;
    return 0;
}

#define msgpack_pack_inline_func(name) static inline int pack##name
#define msgpack_pack_inline_func_cint(name) static inline int pack##name
#define msgpack_pack_inline_func_fixint(name) static inline int pack_fix##name
#define msgpack_pack_user struct buffer *
#define msgpack_pack_append_buffer(user, bytes, len) return append_tag(user, bytes, len)
#include <msgpack/pack_template.h>

void mp_put_nil(struct buffer *b)
{
    pack_nil(b);
}

void mp_put_bool(struct buffer *b, bool value)
{
    if (value)
        pack_true(b);
    else
        pack_false(b);
}

void mp_put_uint(struct buffer *b, uint64_t value)
{
    pack_uint64(b, value);
}

void mp_put_int(struct buffer *b, int64_t value)
{
    pack_int64(b, value);
}

void mp_put_str(struct buffer *b, struct bytes text)
{
    assert(text.len <= UINT32_MAX);
    pack_str(b, text.len);
    buffer_append(b, text.data, text.len);
}

void mp_put_int_or_nil(struct buffer *b, bool there, int64_t value)
{
    if (there)
        mp_put_int(b, value);
    else
        mp_put_nil(b);
}

void mp_put_str_or_nil(struct buffer *b, struct bytes text)
{
    if (text.len > 0)
        mp_put_str(b, text);
    else
        mp_put_nil(b);
}

void mp_put_text(struct buffer *b, const char *text)
{
    mp_put_str(b, bytes_str(text));
}

void mp_put_bin_header(struct buffer *b, size_t len)
{
    assert(len <= UINT32_MAX);
    pack_bin(b, len);
}

void mp_put_bin(struct buffer *b, const void *data, size_t len)
{
    mp_put_bin_header(b, len);
    buffer_append(b, data, len);
}

void mp_put_array(struct buffer *b, uint32_t count)
{
    pack_array(b, count);
}

void mp_put_map(struct buffer *b, uint32_t pairs)
{
    pack_map(b, pairs);
}

void mp_put_pair(struct buffer *b, const char *name, const char *text)
{
    mp_put_text(b, name);
    mp_put_text(b, text);
}

void mp_put_pair_time(struct buffer *b, const char *name, int64_t ms)
{
    mp_put_text(b, name);
    mp_put_int_or_nil(b, ms > 0, ms);
}

static void put_token(struct buffer *b, const struct mp_token *token)
{
    switch (token->type) {
    case MP_NIL: mp_put_nil(b); break;
    case MP_BOOL: mp_put_bool(b, token->u); break;
    case MP_UINT: mp_put_uint(b, token->u); break;
    case MP_INT: mp_put_int(b, token->i); break;
    case MP_STR: mp_put_str(b, bytes_of(token->p, token->count)); break;
    case MP_BIN: mp_put_bin(b, token->p, token->count); break;
    case MP_ARRAY: mp_put_array(b, token->count); break;
    case MP_MAP: mp_put_map(b, token->count); break;
    case MP_NONE: break; /* a tape holds values only */
    }
}

void mp_copy(struct mp_reader *r, struct buffer *b)
{
    uint32_t from = r->at;
    mp_skip(r);
    if (r->failed)
        return;
    for (uint32_t i = from; i < r->at; i++)
        put_token(b, &r->tape[i]);
}
