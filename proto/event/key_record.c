/* SPDX-License-Identifier: Apache-2.0 */
/* Data keys wrapped for the way between a device and its hub. */
#include "proto/event/key_record.h"

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

void key_record_wrap(const struct key_record *record, const struct box_shared *shared,
                     const uint8_t nonce[BOX_NONCE_SIZE], struct buffer *out)
{
    uint8_t wrapped[WRAPPED_KEY_SIZE];
    size_t begin = out->len;
    mp_put_array(out, 5);
    mp_put_bin(out, record->id.b, sizeof record->id.b);
    mp_put_uint(out, record->kind);
    mp_put_bin(out, record->owner.b, sizeof record->owner.b);
    mp_put_text(out, record->site);
    if (out->failed)
        return;
    memcpy(wrapped, nonce, BOX_NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + BOX_NONCE_SIZE, NULL, record->key.b, sizeof record->key.b,
                                               out->data + begin, out->len - begin, NULL, nonce, shared->b);
    mp_put_bin(out, wrapped, sizeof wrapped);
}

/* All but the key itself, which is left in `wrapped`. */
static bool read_record(struct mp_reader *r, struct key_record *out, struct bytes *wrapped)
{
    mp_array(r, 5, 5);
    mp_fixed(r, out->id.b, sizeof out->id.b);
    uint64_t kind = mp_uint(r, KEY_SITE_AUDIENCE);
    mp_fixed(r, out->owner.b, sizeof out->owner.b);
    struct bytes site = mp_str(r, 1, SLUG_MAX);
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

bool key_record_check(struct mp_reader *r)
{
    struct key_record record;
    struct bytes wrapped;
    return read_record(r, &record, &wrapped);
}
