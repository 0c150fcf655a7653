/* SPDX-License-Identifier: Apache-2.0 */
/* XChaCha20-Poly1305 (IETF) in its two halves, byte for byte what libsodium's AEAD makes at once, so that the text can
 * be sealed before it is known what it will be associated with: an event's clear part names the event before it, and so
 * is known only when that one has been sealed. */
#ifndef FELLOE_PROTO_SEAL_H
#define FELLOE_PROTO_SEAL_H

#include "proto/event/event.h"

#define SEAL_TAG_SIZE 16
#define SEAL_ROOM 64 /* bytes before the text, which are used up */

/* How much room the cipher takes for a text of so many bytes: SEAL_ROOM before it, and up to whole steps behind it. */
size_t seal_room(size_t len);
/* Seals the text that stands behind SEAL_ROOM bytes, in place: `room` has seal_room() of them. `tag_key` is good for
 * one tag: never for two. */
void seal_text(uint8_t *room, size_t len, const struct seal_subkey *subkey, const uint8_t nonce[EVENT_NONCE_SIZE],
               struct seal_tag_key *tag_key);
void seal_tag(const struct seal_tag_key *tag_key, struct bytes associated, struct bytes sealed,
              uint8_t tag[SEAL_TAG_SIZE]);

/* Opens a text with its tag behind it: into `room`, which has seal_room() bytes for the text. False: it is not what was
 * sealed, and nothing of it is in `room`. */
bool seal_open(uint8_t *room, const struct data_key *key, const uint8_t nonce[EVENT_NONCE_SIZE],
               struct bytes associated, struct bytes sealed);

#endif
