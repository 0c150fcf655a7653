/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys wrapped for the way between a device and its hub. */
#include "proto/event/key_record.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(BOX_KEY_SIZE == crypto_box_PUBLICKEYBYTES && BOX_KEY_SIZE == crypto_box_SECRETKEYBYTES, "box keys");
_Static_assert(sizeof(struct box_shared) == crypto_box_BEFORENMBYTES, "shared key");
_Static_assert(sizeof(struct box_shared) == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "shared key");
_Static_assert(BOX_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");
_Static_assert(WRAPPED_KEY_SIZE == BOX_NONCE_SIZE + crypto_aead_xchacha20poly1305_ietf_ABYTES + DATA_KEY_SIZE,
               "wrapped key");

/* The wrapped key's own msgpack header (c4 48) stands between it and what it authenticates. */
#define WRAPPED_HEADER_SIZE 2

bool box_shared_of(struct box_shared *out, const struct box_public *theirs, const struct box_secret *mine)
{
    return crypto_box_beforenm(out->b, theirs->b, mine->b) == 0;
}

/* ---- who may have a restricted key ---- */

static int compare_workers(const char *a, struct bytes b)
{
    const size_t len = strlen(a), common = len < b.len ? len : b.len;
    const int order = common > 0 ? memcmp(a, b.data, common) : 0;
    return order != 0 ? order : (len > b.len) - (len < b.len);
}

/* Where the worker is, or would be. */
static uint8_t find_worker(const struct audience *audience, struct bytes worker, bool *there)
{
    uint8_t at = 0;
    int order = 1;
    while (at < audience->count && (order = compare_workers(audience->workers[at], worker)) < 0)
        at++;
    *there = at < audience->count && order == 0;
    return at;
}

bool audience_has(const struct audience *audience, struct bytes worker)
{
    bool there;
    find_worker(audience, worker, &there);
    return there;
}

bool audience_add(struct audience *audience, struct bytes worker)
{
    bool there;
    const uint8_t at = find_worker(audience, worker, &there);
    if (there)
        return true;
    if (audience->count == AUDIENCE_MAX || !slug_valid(worker))
        return false;
    memmove(audience->workers[at + 1], audience->workers[at],
            (size_t)(audience->count - at) * sizeof audience->workers[0]);
    audience->count++;
    return bytes_to_text(worker, audience->workers[at], sizeof audience->workers[at]);
}

bool audience_equal(const struct audience *a, const struct audience *b)
{
    bool same = a->count == b->count;
    for (uint8_t i = 0; i < a->count && same; i++)
        same = strcmp(a->workers[i], b->workers[i]) == 0;
    return same;
}

bool key_record_members_fit(const struct key_record *record)
{
    const struct audience *members = &record->members;
    if (!key_kind_restricted(record->kind))
        return members->count == 0;
    bool fit = members->count >= AUDIENCE_MIN && members->count <= AUDIENCE_MAX;
    for (uint8_t i = 1; i < members->count && fit; i++)
        fit = strcmp(members->workers[i - 1], members->workers[i]) < 0;
    return fit;
}

/* ---- the record ---- */

void key_record_wrap(const struct key_record *record, const struct box_shared *shared,
                     const uint8_t nonce[BOX_NONCE_SIZE], struct buffer *out)
{
    uint8_t wrapped[WRAPPED_KEY_SIZE];
    size_t begin = out->len;
    const bool restricted = key_kind_restricted(record->kind);
    assert(key_record_members_fit(record));
    mp_put_array(out, restricted ? 6 : 5);
    mp_put_bin(out, record->id.b, sizeof record->id.b);
    mp_put_uint(out, record->kind);
    mp_put_bin(out, record->owner.b, sizeof record->owner.b);
    mp_put_text(out, record->site);
    if (restricted)
        mp_put_array(out, record->members.count);
    for (uint8_t i = 0; i < record->members.count; i++)
        mp_put_text(out, record->members.workers[i]);
    if (out->failed)
        return;
    memcpy(wrapped, nonce, BOX_NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + BOX_NONCE_SIZE, NULL, record->key.b, sizeof record->key.b,
                                               out->data + begin, out->len - begin, NULL, nonce, shared->b);
    mp_put_bin(out, wrapped, sizeof wrapped);
}

/* Workers in another order than the ascending one, or twice, are malformed: one audience has one form. */
static void read_members(struct mp_reader *r, struct audience *out)
{
    uint32_t count = mp_array(r, AUDIENCE_MIN, AUDIENCE_MAX);
    for (uint32_t i = 0; i < count && !r->failed; i++) {
        struct bytes worker = mp_str(r, 1, SLUG_MAX);
        bool there;
        if (find_worker(out, worker, &there) != i || !audience_add(out, worker) || out->count != i + 1)
            mp_fail(r);
    }
}

/* All but the key itself, which is left in `wrapped`. */
static bool read_record(struct mp_reader *r, struct key_record *out, struct bytes *wrapped)
{
    out->members = (struct audience){0};
    const uint32_t items = mp_array(r, 5, 6);
    mp_fixed(r, out->id.b, sizeof out->id.b);
    uint64_t kind = mp_uint(r, KEY_SITE_AUDIENCE);
    mp_fixed(r, out->owner.b, sizeof out->owner.b);
    struct bytes site = mp_str(r, 1, SLUG_MAX);
    if (!r->failed && (items == 6) != key_kind_restricted((enum key_kind)kind))
        mp_fail(r);
    if (items == 6)
        read_members(r, &out->members);
    *wrapped = mp_bin(r, WRAPPED_KEY_SIZE, WRAPPED_KEY_SIZE);
    if (r->failed || mp_peek(r) != MP_NONE || kind < KEY_PERSON || !slug_valid(site))
        return false;
    if (wrapped->data[-2] != 0xc4 || wrapped->data[-1] != WRAPPED_KEY_SIZE) /* the shortest form, so that what is */
        return false;                                                     /* authenticated has one end */
    out->kind = (enum key_kind)kind;
    bool of_person = out->kind == KEY_PERSON || out->kind == KEY_PERSON_AUDIENCE;
    return of_person != person_id_is_none(&out->owner) && bytes_to_text(site, out->site, sizeof out->site);
}

bool key_record_unwrap(struct mp_reader *r, const struct box_shared *shared, struct key_record *out)
{
    struct bytes wrapped;
    if (!read_record(r, out, &wrapped))
        return false;
    struct bytes object = mp_object(r);
    size_t names = (size_t)(wrapped.data - object.data) - WRAPPED_HEADER_SIZE;
    return crypto_aead_xchacha20poly1305_ietf_decrypt(out->key.b, NULL, NULL, wrapped.data + BOX_NONCE_SIZE,
                                                      wrapped.len - BOX_NONCE_SIZE, object.data, names, wrapped.data,
                                                      shared->b) == 0;
}

bool key_record_read(struct mp_reader *r, struct key_record *out)
{
    struct bytes wrapped;
    *out = (struct key_record){.kind = KEY_PERSON};
    return read_record(r, out, &wrapped);
}

bool key_record_check(struct mp_reader *r)
{
    struct key_record record;
    struct bytes wrapped;
    return read_record(r, &record, &wrapped);
}
