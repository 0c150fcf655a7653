/* SPDX-License-Identifier: Apache-2.0 */
/* Writing msgpack: msgpack-c's packer into a buffer, always the shortest form. */
#include "proto/mp.h"

#include <assert.h>
#include <msgpack/pack.h>

static int write_to_buffer(void *data, const char *bytes, size_t len)
{
    struct buffer *b = data;
    buffer_append(b, bytes, len);
    return b->failed ? -1 : 0;
}

static msgpack_packer packer_of(struct buffer *b)
{
    msgpack_packer pk;
    msgpack_packer_init(&pk, b, write_to_buffer);
    return pk;
}

void mp_put_nil(struct buffer *b)
{
    msgpack_packer pk = packer_of(b);
    msgpack_pack_nil(&pk);
}

void mp_put_bool(struct buffer *b, bool value)
{
    msgpack_packer pk = packer_of(b);
    if (value)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
}

void mp_put_uint(struct buffer *b, uint64_t value)
{
    msgpack_packer pk = packer_of(b);
    msgpack_pack_uint64(&pk, value);
}

void mp_put_int(struct buffer *b, int64_t value)
{
    msgpack_packer pk = packer_of(b);
    msgpack_pack_int64(&pk, value);
}

void mp_put_str(struct buffer *b, struct bytes text)
{
    msgpack_packer pk = packer_of(b);
    assert(text.len <= UINT32_MAX);
    msgpack_pack_str(&pk, text.len);
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

void mp_put_bin(struct buffer *b, const void *data, size_t len)
{
    msgpack_packer pk = packer_of(b);
    assert(len <= UINT32_MAX);
    msgpack_pack_bin(&pk, len);
    buffer_append(b, data, len);
}

void mp_put_array(struct buffer *b, uint32_t count)
{
    msgpack_packer pk = packer_of(b);
    msgpack_pack_array(&pk, count);
}

void mp_put_map(struct buffer *b, uint32_t pairs)
{
    msgpack_packer pk = packer_of(b);
    msgpack_pack_map(&pk, pairs);
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
