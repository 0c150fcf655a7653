/* SPDX-License-Identifier: Apache-2.0 */
/* Values: msgpack into a tree in one arena, and the functions that walk it. Counts are believed only as far as there
 * are bytes left for them, so a broken daemon cannot make the client ask for much memory. */
#include "client/lib/value.h"

/* ---- reading ---- */

struct source {
    struct arena *arena;
    struct bytes in;
};

static bool take(struct source *s, size_t len, const uint8_t **out)
{
    if (s->in.len < len)
        return false;
    *out = s->in.data;
    s->in.data += len;
    s->in.len -= len;
    return true;
}

static bool take_number(struct source *s, size_t len, uint64_t *out)
{
    const uint8_t *p;
    if (!take(s, len, &p))
        return false;
    *out = 0;
    for (size_t i = 0; i < len; i++)
        *out = *out << 8 | p[i];
    return true;
}

static enum value_verdict read_text(struct source *s, uint64_t len, struct felloe_value *out)
{
    const uint8_t *p;
    if (len > UINT32_MAX || !take(s, len, &p))
        return VALUE_MALFORMED;
    char *copy = arena_take(s->arena, len + 1);
    if (!copy)
        return VALUE_NO_MEMORY;
    memcpy(copy, p, len);
    copy[len] = '\0';
    *out = (struct felloe_value){.kind = FELLOE_TEXT, .count = (uint32_t)len, .text = copy};
    return VALUE_OK;
}

static enum value_verdict read_bytes(struct source *s, uint64_t len, struct felloe_value *out)
{
    enum value_verdict verdict = read_text(s, len, out);
    if (verdict == VALUE_OK)
        *out = (struct felloe_value){.kind = FELLOE_BYTES, .count = out->count, .bytes = (const uint8_t *)out->text};
    return verdict;
}

static enum value_verdict read_object(struct source *s, unsigned depth, struct felloe_value *out);

static enum value_verdict read_items(struct source *s, unsigned depth, enum felloe_kind kind, uint64_t count,
                                     struct felloe_value *out)
{
    uint64_t values = kind == FELLOE_MAP ? count * 2 : count;
    if (depth >= VALUE_DEPTH_MAX || values > s->in.len)
        return VALUE_MALFORMED;
    struct felloe_value *items = arena_take(s->arena, values * sizeof *items);
    if (!items)
        return VALUE_NO_MEMORY;
    for (uint64_t i = 0; i < values; i++) {
        enum value_verdict verdict = read_object(s, depth + 1, &items[i]);
        if (verdict != VALUE_OK)
            return verdict;
    }
    *out = (struct felloe_value){.kind = kind, .count = (uint32_t)count, .items = items};
    return VALUE_OK;
}

static enum value_verdict read_integer(struct source *s, size_t len, bool negative, struct felloe_value *out)
{
    uint64_t n;
    if (!take_number(s, len, &n))
        return VALUE_MALFORMED;
    if (negative && len < 8 && n >> (len * 8 - 1)) /* sign-extend */
        n |= ~0ull << (len * 8);
    if (!negative && n > INT64_MAX)
        n = INT64_MAX;
    *out = (struct felloe_value){.kind = FELLOE_INTEGER, .integer = (int64_t)n};
    return VALUE_OK;
}

/* A form whose length stands in the next `len` bytes. */
static enum value_verdict read_sized(struct source *s, unsigned depth, enum felloe_kind kind, size_t len,
                                     struct felloe_value *out)
{
    uint64_t n;
    if (!take_number(s, len, &n))
        return VALUE_MALFORMED;
    if (kind == FELLOE_TEXT)
        return read_text(s, n, out);
    return kind == FELLOE_BYTES ? read_bytes(s, n, out) : read_items(s, depth, kind, n, out);
}

static enum value_verdict read_object(struct source *s, unsigned depth, struct felloe_value *out)
{
    const uint8_t *p;
    if (!take(s, 1, &p))
        return VALUE_MALFORMED;
    uint8_t tag = *p;
    if (tag < 0x80 || tag >= 0xe0) {
        *out = (struct felloe_value){.kind = FELLOE_INTEGER, .integer = (int8_t)tag};
        return VALUE_OK;
    }
    if (tag < 0x90)
        return read_items(s, depth, FELLOE_MAP, tag & 0x0f, out);
    if (tag < 0xa0)
        return read_items(s, depth, FELLOE_ARRAY, tag & 0x0f, out);
    if (tag < 0xc0)
        return read_text(s, tag & 0x1f, out);
    if (tag >= 0xc4 && tag <= 0xc6)
        return read_sized(s, depth, FELLOE_BYTES, (size_t)1 << (tag - 0xc4), out);
    if (tag >= 0xcc && tag <= 0xcf)
        return read_integer(s, (size_t)1 << (tag - 0xcc), false, out);
    if (tag >= 0xd0 && tag <= 0xd3)
        return read_integer(s, (size_t)1 << (tag - 0xd0), true, out);
    if (tag >= 0xd9 && tag <= 0xdb)
        return read_sized(s, depth, FELLOE_TEXT, (size_t)1 << (tag - 0xd9), out);
    if (tag == 0xdc || tag == 0xdd)
        return read_sized(s, depth, FELLOE_ARRAY, tag == 0xdc ? 2 : 4, out);
    if (tag == 0xde || tag == 0xdf)
        return read_sized(s, depth, FELLOE_MAP, tag == 0xde ? 2 : 4, out);
    if (tag != 0xc0 && tag != 0xc2 && tag != 0xc3)
        return VALUE_MALFORMED; /* floats and extensions: no answer has them */
    *out = (struct felloe_value){.kind = tag == 0xc0 ? FELLOE_NIL : FELLOE_BOOL, .truth = tag == 0xc3};
    return VALUE_OK;
}

enum value_verdict value_read(struct arena *arena, struct bytes *in, struct felloe_value *out)
{
    if (in->len == 0)
        return VALUE_END;
    struct source s = {arena, *in};
    enum value_verdict verdict = read_object(&s, 0, out);
    *in = s.in;
    return verdict;
}

/* ---- walking ---- */

static const struct felloe_value nil = {.kind = FELLOE_NIL};

enum felloe_kind felloe_value_kind(const struct felloe_value *value)
{
    return value ? value->kind : FELLOE_NIL;
}

bool felloe_value_bool(const struct felloe_value *value)
{
    return value && value->kind == FELLOE_BOOL && value->truth;
}

int64_t felloe_value_integer(const struct felloe_value *value)
{
    return value && value->kind == FELLOE_INTEGER ? value->integer : 0;
}

const char *felloe_value_text(const struct felloe_value *value)
{
    return value && value->kind == FELLOE_TEXT ? value->text : "";
}

const uint8_t *felloe_value_bytes(const struct felloe_value *value, size_t *len)
{
    bool is = value && value->kind == FELLOE_BYTES;
    *len = is ? value->count : 0;
    return is ? value->bytes : NULL;
}

size_t felloe_value_count(const struct felloe_value *value)
{
    return value && (value->kind == FELLOE_ARRAY || value->kind == FELLOE_MAP) ? value->count : 0;
}

const struct felloe_value *felloe_value_at(const struct felloe_value *value, size_t index)
{
    if (index >= felloe_value_count(value))
        return &nil;
    return &value->items[value->kind == FELLOE_MAP ? index * 2 + 1 : index];
}

const char *felloe_value_key(const struct felloe_value *map, size_t index)
{
    if (felloe_value_kind(map) != FELLOE_MAP || index >= map->count)
        return "";
    return felloe_value_text(&map->items[index * 2]);
}

const struct felloe_value *felloe_value_get(const struct felloe_value *map, const char *key)
{
    size_t count = felloe_value_kind(map) == FELLOE_MAP ? map->count : 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(felloe_value_key(map, i), key) == 0)
            return felloe_value_at(map, i);
    return NULL;
}
