/* SPDX-License-Identifier: Apache-2.0 */
/* Opening what seal.h seals, from the same parts: libsodium's own AEAD works out the tag's key, and then each block of
 * a short text, by itself. One call for all of them, filled up to four blocks, takes two thirds of the time. */
#include <sodium.h>

#include "proto/event/seal.h"

bool seal_open(uint8_t *room, const struct data_key *key, const uint8_t nonce[EVENT_NONCE_SIZE],
               struct bytes associated, struct bytes sealed)
{
    uint8_t rest[crypto_stream_chacha20_IETF_NONCEBYTES] = {0};
    struct seal_subkey subkey;
    uint8_t tag[SEAL_TAG_SIZE];
    struct seal_tag_key tag_key;
    if (sealed.len < SEAL_TAG_SIZE)
        return false;
    const size_t len = sealed.len - SEAL_TAG_SIZE, all = seal_room(len);
    event_subkey(key, nonce, &subkey);
    memcpy(rest + 4, nonce + SEAL_PREFIX, 8);
    memset(room, 0, SEAL_ROOM);
    if (len > 0)
        memcpy(room + SEAL_ROOM, sealed.data, len);
    memset(room + SEAL_ROOM + len, 0, all - SEAL_ROOM - len);
    crypto_stream_chacha20_ietf_xor_ic(room, room, all, rest, 0, subkey.b);
    memcpy(tag_key.b, room, sizeof tag_key.b);
    seal_tag(&tag_key, associated, bytes_of(sealed.data, len), tag);
    const bool whole = crypto_verify_16(tag, sealed.data + len) == 0;
    sodium_memzero(&subkey, sizeof subkey);
    sodium_memzero(&tag_key, sizeof tag_key);
    if (whole) { /* the text to where it is wanted; of the keystream nothing is left */
        memmove(room, room + SEAL_ROOM, len);
        sodium_memzero(room + len, all - len);
    } else {
        sodium_memzero(room, all);
    }
    return whole;
}
