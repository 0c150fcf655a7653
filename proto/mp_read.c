/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded msgpack reader: msgpack-c's own unpacking template, with callbacks that fill a flat tape. */
#include "proto/mp.h"

#include <assert.h>
#include <msgpack/unpack.h>

/* The template's stack is the bound on nesting. */
#define MSGPACK_EMBED_STACK_SIZE MP_DEPTH_MAX
#include <msgpack/unpack_define.h>

/* ---- callbacks: each value becomes one token ---- */

typedef struct mp_reader *tape_owner;
typedef char nothing; /* what the template hands from item to container: the tape has it all */

static inline struct mp_token *push(tape_owner *u, enum mp_type type, size_t count)
{
    struct mp_reader *r = *u;
    if (r->count == MP_TAPE_MAX)
        return NULL;
    struct mp_token *token = &r->tape[r->count++];
    token->type = type;
    token->count = (uint32_t)count;
    return token;
}

static inline int push_uint(tape_owner *u, uint64_t value)
{
    struct mp_token *token = push(u, MP_UINT, 0);
    if (!token)
        return MSGPACK_UNPACK_NOMEM_ERROR;
    token->u = value;
    return 0;
}

static inline int push_int(tape_owner *u, int64_t value)
{
    if (value >= 0)
        return push_uint(u, (uint64_t)value);
    struct mp_token *token = push(u, MP_INT, 0);
    if (!token)
        return MSGPACK_UNPACK_NOMEM_ERROR;
    token->i = value;
    return 0;
}

static inline int push_plain(tape_owner *u, enum mp_type type, uint64_t value)
{
    struct mp_token *token = push(u, type, 0);
    if (!token)
        return MSGPACK_UNPACK_NOMEM_ERROR;
    token->u = value;
    return 0;
}

static inline int push_range(tape_owner *u, enum mp_type type, const char *data, size_t len)
{
    struct mp_token *token = push(u, type, len);
    if (!token)
        return MSGPACK_UNPACK_NOMEM_ERROR;
    token->p = (const uint8_t *)data;
    return 0;
}

/* A claimed number of items reserves nothing; what could never fit on the tape is refused at once. */
static inline int push_container(tape_owner *u, enum mp_type type, size_t count, size_t values)
{
    if (values > MP_TAPE_MAX)
        return MSGPACK_UNPACK_NOMEM_ERROR;
    return push(u, type, count) ? 0 : MSGPACK_UNPACK_NOMEM_ERROR;
}

static inline nothing tape_root(tape_owner *u)
{
    (void)u;
    return 0;
}

#define ON_UINT(name, ctype) \
    static inline int tape_##name(tape_owner *u, ctype value, nothing *o) \
    { \
        *o = 0; \
        return push_uint(u, value); \
    }
#define ON_INT(name, ctype) \
    static inline int tape_##name(tape_owner *u, ctype value, nothing *o) \
    { \
        *o = 0; \
        return push_int(u, value); \
    }
#define ON_PLAIN(name, type, value) \
    static inline int tape_##name(tape_owner *u, nothing *o) \
    { \
        *o = 0; \
        return push_plain(u, type, value); \
    }
#define ON_FLOAT(name, ctype) \
    static inline int tape_##name(tape_owner *u, ctype value, nothing *o) \
    { \
        (void)u; \
        (void)value; \
        *o = 0; \
        return MSGPACK_UNPACK_PARSE_ERROR; \
    }
ON_UINT(uint8, uint8_t)
ON_UINT(uint16, uint16_t)
ON_UINT(uint32, uint32_t)
ON_UINT(uint64, uint64_t)
ON_INT(int8, int8_t)
ON_INT(int16, int16_t)
ON_INT(int32, int32_t)
ON_INT(int64, int64_t)
ON_PLAIN(nil, MP_NIL, 0)
ON_PLAIN(true, MP_BOOL, 1)
ON_PLAIN(false, MP_BOOL, 0)
ON_FLOAT(float, float)
ON_FLOAT(double, double)

static inline int tape_array(tape_owner *u, size_t count, nothing *o)
{
    *o = 0;
    return push_container(u, MP_ARRAY, count, count);
}

static inline int tape_map(tape_owner *u, size_t count, nothing *o)
{
    *o = 0;
    return push_container(u, MP_MAP, count, count * 2);
}

static inline int tape_array_item(tape_owner *u, nothing *c, nothing o)
{
    (void)u;
    (void)c;
    (void)o;
    return 0;
}

static inline int tape_map_item(tape_owner *u, nothing *c, nothing k, nothing v)
{
    (void)u;
    (void)c;
    (void)k;
    (void)v;
    return 0;
}

static inline int tape_str(tape_owner *u, const char *base, const char *data, size_t len, nothing *o)
{
    (void)base;
    *o = 0;
    return push_range(u, MP_STR, data, len);
}

static inline int tape_bin(tape_owner *u, const char *base, const char *data, size_t len, nothing *o)
{
    (void)base;
    *o = 0;
    return push_range(u, MP_BIN, data, len);
}

static inline int tape_ext(tape_owner *u, const char *base, const char *data, size_t len, nothing *o)
{
    (void)u;
    (void)base;
    (void)data;
    (void)len;
    *o = 0;
    return MSGPACK_UNPACK_PARSE_ERROR;
}

#define msgpack_unpack_struct(name) struct tape##name
#define msgpack_unpack_func(ret, name) static inline ret tape_unpack##name
#define msgpack_unpack_callback(name) tape##name
#define msgpack_unpack_object nothing
#define msgpack_unpack_user tape_owner
#include <msgpack/unpack_template.h>

/* ---- objects ---- */

void mp_reader_init(struct mp_reader *r, struct bytes in)
{
    r->in = in; /* field by field: the tape is left as it is */
    r->object = r->off = 0;
    r->at = r->count = 0;
    r->failed = false;
}

bool mp_next(struct mp_reader *r)
{
    if (r->failed || r->at != r->count) {
        r->failed = true;
        return false;
    }
    r->object = r->off;
    r->at = r->count = 0;
    if (r->off == r->in.len)
        return false;
    struct tape_context context MP_UNSET;
    context.user = r;
    tape_unpack_init(&context);
    /* 1: one whole object; 0: it goes on after the input's end; below: malformed or over a limit */
    if (tape_unpack_execute(&context, (const char *)r->in.data, r->in.len, &r->off) != 1) {
        r->off = r->object;
        r->count = 0;
        r->failed = true;
        return false;
    }
    return true;
}

bool mp_done(const struct mp_reader *r)
{
    return !r->failed && r->at == r->count && r->off == r->in.len;
}

struct bytes mp_object(const struct mp_reader *r)
{
    return bytes_of(r->in.data + r->object, r->off - r->object);
}

struct bytes mp_rest(const struct mp_reader *r)
{
    if (r->failed || r->at != r->count)
        return (struct bytes){0};
    return bytes_of(r->in.data + r->off, r->in.len - r->off);
}

void mp_take(struct mp_reader *r, size_t len)
{
    assert(!r->failed && r->at == r->count && len <= r->in.len - r->off);
    r->object = r->off;
    r->off += len;
    r->at = r->count = 0;
}

void mp_skip_rest(struct mp_reader *r)
{
    r->at = r->count;
}

void mp_fail(struct mp_reader *r)
{
    r->failed = true;
}

/* ---- values ---- */

enum mp_type mp_peek(const struct mp_reader *r)
{
    return r->failed || r->at == r->count ? MP_NONE : r->tape[r->at].type;
}

/* The next token if it is of this type; otherwise the reader fails. */
static const struct mp_token *take(struct mp_reader *r, enum mp_type type)
{
    if (mp_peek(r) != type) {
        r->failed = true;
        return NULL;
    }
    return &r->tape[r->at++];
}

static uint32_t take_count(struct mp_reader *r, enum mp_type type, uint32_t min, uint32_t max)
{
    const struct mp_token *token = take(r, type);
    if (!token)
        return 0;
    if (token->count < min || token->count > max) {
        r->failed = true;
        return 0;
    }
    return token->count;
}

uint32_t mp_array(struct mp_reader *r, uint32_t min, uint32_t max)
{
    return take_count(r, MP_ARRAY, min, max);
}

uint32_t mp_map(struct mp_reader *r, uint32_t max)
{
    return take_count(r, MP_MAP, 0, max);
}

uint64_t mp_uint(struct mp_reader *r, uint64_t max)
{
    const struct mp_token *token = take(r, MP_UINT);
    if (!token)
        return 0;
    if (token->u > max) {
        r->failed = true;
        return 0;
    }
    return token->u;
}

int64_t mp_int(struct mp_reader *r, int64_t min, int64_t max)
{
    int64_t value = 0;
    if (mp_peek(r) == MP_INT)
        value = take(r, MP_INT)->i;
    else
        value = (int64_t)mp_uint(r, INT64_MAX);
    if (value < min || value > max)
        r->failed = true;
    return r->failed ? 0 : value;
}

bool mp_bool(struct mp_reader *r)
{
    const struct mp_token *token = take(r, MP_BOOL);
    return token && token->u;
}

static struct bytes take_range(struct mp_reader *r, enum mp_type type, size_t min, size_t max)
{
    const struct mp_token *token = take(r, type);
    if (!token)
        return (struct bytes){0};
    if (token->count < min || token->count > max) {
        r->failed = true;
        return (struct bytes){0};
    }
    return bytes_of(token->p, token->count);
}

struct bytes mp_str(struct mp_reader *r, size_t min, size_t max)
{
    struct bytes text = take_range(r, MP_STR, min, max);
    if (text.len > 0 && (memchr(text.data, '\0', text.len) || !utf8_valid(text))) {
        r->failed = true;
        return (struct bytes){0};
    }
    return text;
}

struct bytes mp_bin(struct mp_reader *r, size_t min, size_t max)
{
    return take_range(r, MP_BIN, min, max);
}

void mp_fixed(struct mp_reader *r, void *out, size_t size)
{
    struct bytes b = take_range(r, MP_BIN, size, size);
    if (r->failed)
        memset(out, 0, size);
    else if (size > 0)
        memcpy(out, b.data, size);
}

bool mp_nil(struct mp_reader *r)
{
    if (mp_peek(r) != MP_NIL)
        return false;
    r->at++;
    return true;
}

void mp_skip(struct mp_reader *r)
{
    if (mp_peek(r) == MP_NONE) {
        r->failed = true;
        return;
    }
    /* The tape is in reading order: a container's values follow it. */
    for (uint64_t left = 1; left > 0; left--) {
        assert(r->at < r->count);
        const struct mp_token *token = &r->tape[r->at++];
        if (token->type == MP_ARRAY)
            left += token->count;
        else if (token->type == MP_MAP)
            left += 2 * (uint64_t)token->count;
    }
}

/* ---- text ---- */

/* Bytes that a character starting with `first` has; 0 when none starts so. The second byte's range closes out overlong
 * forms, surrogates and what is above U+10FFFF. */
static size_t character_size(uint8_t first, uint8_t *low, uint8_t *high)
{
    *low = 0x80;
    *high = 0xbf;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef) {
        if (first == 0xe0)
            *low = 0xa0;
        if (first == 0xed)
            *high = 0x9f;
        return 3;
    }
    if (first >= 0xf0 && first <= 0xf4) {
        if (first == 0xf0)
            *low = 0x90;
        if (first == 0xf4)
            *high = 0x8f;
        return 4;
    }
    return 0;
}

bool utf8_valid(struct bytes text)
{
    const uint8_t *p = text.data;
    size_t left = text.len;
    while (left > 0) {
        uint64_t eight;
        if (left >= sizeof eight) { /* most text is ASCII: eight at a time */
            memcpy(&eight, p, sizeof eight);
            if (!(eight & 0x8080808080808080u)) {
                p += sizeof eight;
                left -= sizeof eight;
                continue;
            }
        }
        if (*p < 0x80) {
            p++;
            left--;
            continue;
        }
        uint8_t low, high;
        size_t size = character_size(*p, &low, &high);
        if (size == 0 || size > left || p[1] < low || p[1] > high)
            return false;
        for (size_t i = 2; i < size; i++)
            if ((p[i] & 0xc0) != 0x80)
                return false;
        p += size;
        left -= size;
    }
    return true;
}
