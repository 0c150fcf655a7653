/* SPDX-License-Identifier: Apache-2.0 */
/* Frames between client and daemon. */
#include "proto/control.h"

#include "proto/endian.h"

#define LENGTH_SIZE 4

static const char *const verb_names[CONTROL_VERB_COUNT] = {
#define V(id, name) [CONTROL_##id] = name,
    CONTROL_VERBS(V)
#undef V
};

const char *control_verb_name(enum control_verb verb)
{
    return verb < CONTROL_VERB_COUNT ? verb_names[verb] : "";
}

bool control_verb_find(struct bytes name, enum control_verb *out)
{
    for (unsigned i = 0; i < CONTROL_VERB_COUNT; i++)
        if (bytes_is(name, verb_names[i])) {
            *out = (enum control_verb)i;
            return true;
        }
    return false;
}

/* ---- drafts ---- */

/* A draft's texts by their key; `occurred`, `anyway` and `fields` are of other kinds. */
struct draft_text {
    const char *key;
    size_t offset;
};
static const struct draft_text draft_texts[] = {
    {"type", offsetof(struct control_draft, type)},     {"site", offsetof(struct control_draft, site)},
    {"person", offsetof(struct control_draft, person)}, {"worker", offsetof(struct control_draft, worker)},
    {"source", offsetof(struct control_draft, source)}, {"origin", offsetof(struct control_draft, origin)},
    {"subject", offsetof(struct control_draft, subject)},
};
#define DRAFT_TEXTS (sizeof draft_texts / sizeof draft_texts[0])

void control_put_draft(struct buffer *out, const struct control_draft *draft)
{
    uint32_t pairs = (draft->has_occurred ? 1u : 0u) + (draft->anyway ? 1u : 0u) + (draft->fields.len > 0 ? 1u : 0u);
    for (size_t i = 0; i < DRAFT_TEXTS; i++) {
        const struct bytes *text = (const void *)((const char *)draft + draft_texts[i].offset);
        pairs += text->len > 0;
    }
    mp_put_map(out, pairs);
    for (size_t i = 0; i < DRAFT_TEXTS; i++) {
        const struct bytes *text = (const void *)((const char *)draft + draft_texts[i].offset);
        if (text->len == 0)
            continue;
        mp_put_text(out, draft_texts[i].key);
        mp_put_str(out, *text);
    }
    if (draft->has_occurred) {
        mp_put_text(out, "occurred");
        mp_put_int(out, draft->occurred);
    }
    if (draft->anyway) {
        mp_put_text(out, "anyway");
        mp_put_bool(out, true);
    }
    if (draft->fields.len > 0) {
        mp_put_text(out, "fields");
        mp_put_bin(out, draft->fields.data, draft->fields.len);
    }
}

/* Reads the value of one key; a key that is there twice, or that nobody knows, fails the reader. */
static void read_draft_value(struct mp_reader *r, struct bytes key, struct control_draft *out)
{
    if (bytes_is(key, "occurred")) {
        if (out->has_occurred)
            mp_fail(r);
        out->has_occurred = true;
        out->occurred = mp_int(r, INT64_MIN, INT64_MAX);
        return;
    }
    if (bytes_is(key, "anyway")) {
        if (out->anyway)
            mp_fail(r);
        out->anyway = mp_bool(r);
        return;
    }
    for (size_t i = 0; i < DRAFT_TEXTS; i++)
        if (bytes_is(key, draft_texts[i].key)) {
            struct bytes *text = (void *)((char *)out + draft_texts[i].offset);
            if (text->len > 0)
                mp_fail(r);
            *text = mp_str(r, 1, CONTROL_FRAME_MAX);
            return;
        }
    mp_fail(r);
}

bool control_read_draft(struct mp_reader *r, struct control_draft *out)
{
    static const uint8_t no_fields[] = {0x80}; /* an empty map */
    *out = (struct control_draft){.fields = {no_fields, sizeof no_fields}};
    uint32_t pairs = mp_map(r, DRAFT_TEXTS + 3);
    for (uint32_t i = 0; i < pairs && !r->failed; i++) {
        struct bytes key = mp_str(r, 1, SLUG_MAX);
        if (i + 1 == pairs && bytes_is(key, "fields"))
            out->fields = mp_bin(r, 1, CONTROL_FRAME_MAX);
        else
            read_draft_value(r, key, out);
    }
    return !r->failed && mp_peek(r) == MP_NONE && out->type.len > 0;
}

/* ---- frames ---- */

size_t control_frame_begin(struct buffer *out)
{
    static const uint8_t length[LENGTH_SIZE];
    size_t begin = out->len;
    buffer_append(out, length, sizeof length);
    return begin;
}

void control_frame_end(struct buffer *out, size_t begin)
{
    if (out->failed)
        return;
    size_t len = out->len - begin - LENGTH_SIZE;
    if (len > CONTROL_FRAME_MAX) {
        out->failed = true;
        return;
    }
    put_be32(out->data + begin, (uint32_t)len);
}

size_t control_frame_parse(struct bytes in, struct bytes *payload)
{
    *payload = (struct bytes){0};
    if (in.len < LENGTH_SIZE)
        return 0;
    size_t len = get_be32(in.data);
    if (len > CONTROL_FRAME_MAX)
        return SIZE_MAX;
    if (in.len - LENGTH_SIZE < len)
        return 0;
    *payload = bytes_of(in.data + LENGTH_SIZE, len);
    return LENGTH_SIZE + len;
}

void control_put_request(struct buffer *out, enum control_verb verb, uint32_t argument_count)
{
    mp_put_array(out, 2);
    mp_put_text(out, control_verb_name(verb));
    mp_put_map(out, argument_count);
}

void control_put_data(struct buffer *out)
{
    mp_put_array(out, 1);
    mp_put_text(out, "data");
}

void control_put_progress(struct buffer *out, uint64_t done, uint64_t total, const char *what)
{
    mp_put_array(out, 4);
    mp_put_text(out, "progress");
    mp_put_uint(out, done);
    mp_put_uint(out, total);
    mp_put_text(out, what);
}

void control_put_end(struct buffer *out, uint32_t pair_count)
{
    mp_put_array(out, 2);
    mp_put_text(out, "end");
    mp_put_map(out, pair_count);
}

void control_put_error(struct buffer *out, enum felloe_code code, const char *text)
{
    mp_put_array(out, 3);
    mp_put_text(out, "error");
    mp_put_uint(out, (uint64_t)code);
    if (utf8_valid(bytes_str(text))) {
        mp_put_text(out, text);
        return;
    }
    /* A file's name, say, in another encoding: the error must arrive all the same. */
    struct felloe_error plain;
    felloe_fail(&plain, code, "%s", text);
    for (char *c = plain.message; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    mp_put_text(out, plain.message);
}
