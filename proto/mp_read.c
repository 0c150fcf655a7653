/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded msgpack reader: msgpack-c's own unpacking template, with callbacks that fill a flat tape. What has only
 * the usual forms is read by hand, which takes a third of the time; all else is left to the template, which decides. */
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

/* ---- the usual forms, by hand ---- */

struct usual {
    const uint8_t *at, *end;
    uint32_t left;                  /* values to come where we are, and in what that is in */
    uint32_t outer[MP_DEPTH_MAX];
    unsigned depth;
};

static bool usual_number(struct usual *u, struct mp_token *token, unsigned bytes)
{
    if ((size_t)(u->end - u->at) < bytes)
        return false;
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | *u->at++;
    token->type = MP_UINT;
    token->count = 0;
    token->u = value;
    return true;
}

static bool usual_range(struct usual *u, struct mp_token *token, enum mp_type type, unsigned bytes, size_t len)
{
    if ((size_t)(u->end - u->at) < bytes)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        len = len << 8 | *u->at++;
    if ((size_t)(u->end - u->at) < len)
        return false;
    token->type = type;
    token->count = (uint32_t)len;
    token->p = u->at;
    u->at += len;
    return true;
}

static bool usual_container(struct usual *u, struct mp_token *token, enum mp_type type, uint32_t count)
{
    token->type = type;
    token->count = count;
    if (count == 0)
        return true;
    if (u->depth == MP_DEPTH_MAX)
        return false;
    u->outer[u->depth++] = u->left;
    u->left = type == MP_MAP ? 2 * count : count;
    return true;
}

static bool usual_value(struct usual *u, struct mp_token *token)
{
    const uint8_t tag = *u->at++;
    if (tag < 0x80 || tag == 0xc0 || tag == 0xc2 || tag == 0xc3) {
        token->type = tag < 0x80 ? MP_UINT : tag == 0xc0 ? MP_NIL : MP_BOOL;
        token->count = 0;
        token->u = tag < 0x80 ? tag : tag == 0xc3;
        return true;
    }
    if (tag < 0xa0)
        return usual_container(u, token, tag < 0x90 ? MP_MAP : MP_ARRAY, tag & 0x0f);
    if (tag < 0xc0)
        return usual_range(u, token, MP_STR, 0, tag & 0x1f);
    switch (tag) {
    case 0xc4: return usual_range(u, token, MP_BIN, 1, 0);
    case 0xc5: return usual_range(u, token, MP_BIN, 2, 0);
    case 0xcc: return usual_number(u, token, 1);
    case 0xcd: return usual_number(u, token, 2);
    case 0xce: return usual_number(u, token, 4);
    case 0xcf: return usual_number(u, token, 8);
    case 0xd9: return usual_range(u, token, MP_STR, 1, 0);
    case 0xda: return usual_range(u, token, MP_STR, 2, 0);
    default: return false;
    }
}

/* One whole object; false, and nothing is said of it, when it has anything else, goes on after the input's end, or
 * comes to a limit. */
static bool read_usual(struct mp_reader *r)
{
    struct usual u MP_UNSET;
    u.at = r->in.data + r->off;
    u.end = r->in.data + r->in.len;
    u.left = 1;
    u.depth = 0;
    uint32_t count = 0;
    while (u.left > 0) {
        if (u.at == u.end || count == MP_TAPE_MAX)
            return false;
        u.left--;
        if (!usual_value(&u, &r->tape[count++]))
            return false;
        while (u.left == 0 && u.depth > 0)
            u.left = u.outer[--u.depth];
    }
    r->count = count;
    r->off = (size_t)(u.at - r->in.data);
    return true;
}

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
    if (read_usual(r))
        return true;
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

#define EACH(byte) ((byte) * 0x0101010101010101u)

/* Eight characters of ASCII, none of them zero (which borrows)? */
static bool are_plain(uint64_t eight)
{
    return !((eight | (eight - EACH(0x01u))) & EACH(0x80u));
}

/* The last few bytes of a text, fewer than eight, at once: with some before them, or some of them twice. */
static bool is_end_plain(struct bytes text, const uint8_t *p, size_t left)
{
    uint64_t eight = EACH(0x20u) << 24;
    if (text.len >= sizeof eight) {
        memcpy(&eight, p + left - sizeof eight, sizeof eight);
    } else if (left >= 4) {
        uint32_t first, last;
        memcpy(&first, p, sizeof first);
        memcpy(&last, p + left - sizeof last, sizeof last);
        eight = (uint64_t)first << 32 | last;
    } else {
        eight |= (uint64_t)p[0] << 16 | (uint64_t)p[left / 2] << 8 | p[left - 1];
    }
    return are_plain(eight);
}

static bool text_valid(struct bytes text, bool nul)
{
    const uint8_t *p = text.data;
    size_t left = text.len;
    while (left > 0) {
        uint64_t eight;
        if (left >= sizeof eight) { /* most text is ASCII: eight at a time */
            memcpy(&eight, p, sizeof eight);
            if (are_plain(eight)) {
                p += sizeof eight;
                left -= sizeof eight;
                continue;
            }
        } else if (is_end_plain(text, p, left)) {
            return true;
        }
        if (*p < 0x80) {
            if (*p == 0 && !nul)
                return false;
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

bool utf8_valid(struct bytes text)
{
    return text_valid(text, true);
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
    if (!text_valid(text, false)) {
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
