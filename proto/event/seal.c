/* SPDX-License-Identifier: Apache-2.0 */
/* The AEAD of RFC 8439 over XChaCha20, from libsodium's parts: the keystream's first block is the tag's key, the text
 * is sealed with those after it. */
#include "proto/event/seal.h"

#include <assert.h>
#include <sodium.h>

_Static_assert(SEAL_TAG_SIZE == crypto_onetimeauth_poly1305_BYTES, "tag");
_Static_assert(sizeof(struct seal_tag_key) == crypto_onetimeauth_poly1305_KEYBYTES, "tag key");
_Static_assert(sizeof(struct seal_subkey) == crypto_core_hchacha20_OUTPUTBYTES, "subkey");
_Static_assert(SEAL_PREFIX == crypto_core_hchacha20_INPUTBYTES && EVENT_NONCE_SIZE == SEAL_PREFIX + 8, "nonce");

/* libsodium works out four blocks side by side in the time of two, and what is left over block by block. */
#define AT_ONCE 256

size_t seal_room(size_t len)
{
    return (SEAL_ROOM + len + AT_ONCE - 1) / AT_ONCE * AT_ONCE;
}

void event_subkey(const struct data_key *key, const uint8_t nonce[EVENT_NONCE_SIZE], struct seal_subkey *out)
{
    crypto_core_hchacha20(out->b, nonce, key->b, NULL);
}

void seal_text(uint8_t *room, size_t len, const struct seal_subkey *subkey, const uint8_t nonce[EVENT_NONCE_SIZE],
               struct seal_tag_key *tag_key)
{
    const size_t all = seal_room(len);
    uint8_t rest[crypto_stream_chacha20_IETF_NONCEBYTES] = {0};
    memcpy(rest + 4, nonce + SEAL_PREFIX, 8);
    memset(room, 0, SEAL_ROOM);
    memset(room + SEAL_ROOM + len, 0, all - SEAL_ROOM - len);
    crypto_stream_chacha20_ietf_xor_ic(room, room, all, rest, 0, subkey->b);
    memcpy(tag_key->b, room, sizeof tag_key->b);
    sodium_memzero(room, SEAL_ROOM); /* else it would stay in the buffer */
}

/* Nearly every event is shorter, and laid out once more in one piece: three quarters of the time that its parts take
 * one after the other. */
#define ONE_PIECE 2048

static size_t filled_up(size_t len)
{
    return (len + 15) & ~(size_t)15;
}

static void put_filled_up(uint8_t *out, struct bytes part)
{
    if (part.len > 0)
        memcpy(out, part.data, part.len);
    memset(out + part.len, 0, filled_up(part.len) - part.len);
}

static void put_length(uint8_t out[8], size_t len)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)((uint64_t)len >> (8 * i));
}

/* Each part is filled up to 16 bytes; then their lengths, little-endian. */
void seal_tag(const struct seal_tag_key *tag_key, struct bytes associated, struct bytes sealed,
              uint8_t tag[SEAL_TAG_SIZE])
{
    static const uint8_t zeros[16];
    const size_t first = filled_up(associated.len), both = first + filled_up(sealed.len);
    uint8_t lengths[16], piece[ONE_PIECE];
    put_length(lengths, associated.len);
    put_length(lengths + 8, sealed.len);
    if (both + sizeof lengths <= sizeof piece) {
        put_filled_up(piece, associated);
        put_filled_up(piece + first, sealed);
        memcpy(piece + both, lengths, sizeof lengths);
        crypto_onetimeauth_poly1305(tag, piece, both + sizeof lengths, tag_key->b);
        return;
    }
    crypto_onetimeauth_poly1305_state state;
    crypto_onetimeauth_poly1305_init(&state, tag_key->b);
    crypto_onetimeauth_poly1305_update(&state, associated.data, associated.len);
    crypto_onetimeauth_poly1305_update(&state, zeros, first - associated.len);
    crypto_onetimeauth_poly1305_update(&state, sealed.data, sealed.len);
    crypto_onetimeauth_poly1305_update(&state, zeros, both - first - sealed.len);
    crypto_onetimeauth_poly1305_update(&state, lengths, sizeof lengths);
    crypto_onetimeauth_poly1305_final(&state, tag);
    sodium_memzero(&state, sizeof state);
}
