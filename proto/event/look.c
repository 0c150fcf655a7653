/* SPDX-License-Identifier: Apache-2.0 */
/* The fields of the events of the site audit; see look.h. */
#include "proto/event/look.h"

#include <assert.h>

#include <sodium.h>

#include "proto/mp.h"

/* ---- keys ---- */

void look_envelope_key(struct look_key *out)
{
    static const char what[] = "felloe audit envelope 1";
    uint8_t hash[32];
    crypto_generichash(out->key.b, sizeof out->key.b, (const uint8_t *)what, sizeof what, NULL, 0);
    crypto_generichash(hash, sizeof hash, out->key.b, sizeof out->key.b, NULL, 0);
    memcpy(out->id.b, hash, sizeof out->id.b);
}

#define BOUND_SIZE (19 + 16 + 2 * BOX_KEY_SIZE)
static void bind(uint8_t out[BOUND_SIZE], const struct key_id *id, const struct box_public *auditors,
                 const struct box_public *once)
{
    static const char what[] = "felloe audit key 1";
    _Static_assert(sizeof what == 19, "BOUND_SIZE has its length, with the NUL");
    memcpy(out, what, 19);
    memcpy(out + 19, id->b, 16);
    memcpy(out + 35, auditors->b, BOX_KEY_SIZE);
    memcpy(out + 35 + BOX_KEY_SIZE, once->b, BOX_KEY_SIZE);
}

bool look_key_put(struct buffer *out, const struct look_key *key, const struct box_public *auditors,
                  const struct box_secret *once, const uint8_t nonce[BOX_NONCE_SIZE])
{
    struct box_public own;
    struct box_shared shared;
    uint8_t bound[BOUND_SIZE], wrapped[WRAPPED_KEY_SIZE];
    if (crypto_scalarmult_base(own.b, once->b) != 0 || !box_shared_of(&shared, auditors, once))
        return false;
    bind(bound, &key->id, auditors, &own);
    memcpy(wrapped, nonce, BOX_NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped + BOX_NONCE_SIZE, NULL, key->key.b, sizeof key->key.b, bound,
                                               sizeof bound, NULL, nonce, shared.b);
    sodium_memzero(&shared, sizeof shared);
    mp_put_map(out, 4);
    mp_put_text(out, "id");
    mp_put_bin(out, key->id.b, sizeof key->id.b);
    mp_put_text(out, "for");
    mp_put_bin(out, auditors->b, sizeof auditors->b);
    mp_put_text(out, "once");
    mp_put_bin(out, own.b, sizeof own.b);
    mp_put_text(out, "key");
    mp_put_bin(out, wrapped, sizeof wrapped);
    return true;
}

static bool open_key(struct look_key *out, const struct box_public *auditors, const struct box_public *once,
                     const uint8_t wrapped[WRAPPED_KEY_SIZE], const struct box_secret *secret)
{
    struct box_shared shared;
    uint8_t bound[BOUND_SIZE];
    if (!box_shared_of(&shared, once, secret))
        return false;
    bind(bound, &out->id, auditors, once);
    bool opened = crypto_aead_xchacha20poly1305_ietf_decrypt(
                      out->key.b, NULL, NULL, wrapped + BOX_NONCE_SIZE, WRAPPED_KEY_SIZE - BOX_NONCE_SIZE, bound,
                      sizeof bound, wrapped, shared.b) == 0;
    sodium_memzero(&shared, sizeof shared);
    return opened;
}

bool look_key_read(struct bytes fields, const struct box_secret *secret, struct look_key *out,
                   struct box_public *auditors, bool *opened)
{
    struct mp_reader r MP_UNSET;
    struct box_public once;
    uint8_t wrapped[WRAPPED_KEY_SIZE];
    unsigned found = 0;
    *out = (struct look_key){0};
    *opened = false;
    mp_reader_init(&r, fields);
    if (!mp_next(&r))
        return false;
    for (uint32_t pairs = mp_map(&r, MP_TAPE_MAX); pairs > 0 && !r.failed; pairs--) {
        struct bytes name = mp_str(&r, 1, LOOK_TEXT_MAX);
        if (bytes_is(name, "id"))
            found |= 1, mp_fixed(&r, out->id.b, sizeof out->id.b);
        else if (bytes_is(name, "for"))
            found |= 2, mp_fixed(&r, auditors->b, sizeof auditors->b);
        else if (bytes_is(name, "once"))
            found |= 4, mp_fixed(&r, once.b, sizeof once.b);
        else if (bytes_is(name, "key"))
            found |= 8, mp_fixed(&r, wrapped, sizeof wrapped);
        else
            mp_skip(&r);
    }
    if (!mp_done(&r) || found != 15)
        return false;
    *opened = secret != NULL && open_key(out, auditors, &once, wrapped, secret);
    return true;
}

/* ---- looks ---- */

/* Cut between characters. */
static void put_short(struct buffer *out, struct bytes text)
{
    size_t len = text.len <= LOOK_TEXT_MAX ? text.len : LOOK_TEXT_MAX;
    while (len < text.len && len > 0 && (text.data[len] & 0xc0) == 0x80)
        len--;
    mp_put_str(out, bytes_of(text.data, len));
}

void look_put(struct buffer *out, const struct look *look)
{
    assert(look->count <= LOOK_PEOPLE_MAX);
    mp_put_map(out, 3u + (look->what.len > 0) + (look->user.len > 0));
    mp_put_text(out, "how");
    put_short(out, look->how);
    if (look->what.len > 0) {
        mp_put_text(out, "what");
        put_short(out, look->what);
    }
    mp_put_text(out, "uid");
    mp_put_uint(out, look->uid);
    if (look->user.len > 0) {
        mp_put_text(out, "user");
        put_short(out, look->user);
    }
    mp_put_text(out, "people");
    mp_put_array(out, (uint32_t)look->count);
    for (size_t i = 0; i < look->count; i++)
        mp_put_bin(out, look->people[i].b, sizeof look->people[i].b);
}

bool look_read(struct bytes fields, struct look *out, struct person_id people[LOOK_PEOPLE_MAX])
{
    struct mp_reader r MP_UNSET;
    *out = (struct look){.people = people};
    mp_reader_init(&r, fields);
    if (!mp_next(&r))
        return false;
    for (uint32_t pairs = mp_map(&r, MP_TAPE_MAX); pairs > 0 && !r.failed; pairs--) {
        struct bytes name = mp_str(&r, 1, LOOK_TEXT_MAX);
        if (bytes_is(name, "how")) {
            out->how = mp_str(&r, 1, LOOK_TEXT_MAX);
        } else if (bytes_is(name, "what")) {
            out->what = mp_str(&r, 0, LOOK_TEXT_MAX);
        } else if (bytes_is(name, "user")) {
            out->user = mp_str(&r, 0, LOOK_TEXT_MAX);
        } else if (bytes_is(name, "uid")) {
            out->uid = mp_uint(&r, UINT64_MAX);
        } else if (bytes_is(name, "people")) {
            out->count = mp_array(&r, 0, LOOK_PEOPLE_MAX);
            for (size_t i = 0; i < out->count && !r.failed; i++)
                mp_fixed(&r, people[i].b, sizeof people[i].b);
        } else {
            mp_skip(&r);
        }
    }
    return mp_done(&r) && out->how.len > 0;
}

void look_again_put(struct buffer *out, struct bytes event)
{
    mp_put_map(out, 1);
    mp_put_text(out, "event");
    mp_put_bin(out, event.data, event.len);
}

bool look_again_read(struct bytes fields, struct bytes *event)
{
    struct mp_reader r MP_UNSET;
    *event = (struct bytes){0};
    mp_reader_init(&r, fields);
    if (!mp_next(&r))
        return false;
    for (uint32_t pairs = mp_map(&r, MP_TAPE_MAX); pairs > 0 && !r.failed; pairs--) {
        if (bytes_is(mp_str(&r, 1, LOOK_TEXT_MAX), "event"))
            *event = mp_bin(&r, 1, LOOK_AGAIN_MAX);
        else
            mp_skip(&r);
    }
    return mp_done(&r) && event->len > 0;
}
