/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes as five plain words, for two people to compare by voice: of a laptop's keys when it joins, of a site's log
 * when two laptops want to know whether they have the same. 40 bits: whoever wants other keys to have the same words
 * has a few minutes for 2^40 tries, and no second one. */
#ifndef FELLOE_PROTO_WORDS_H
#define FELLOE_PROTO_WORDS_H

#include "proto/event/key_record.h"
#include "proto/event/signature.h"

#define WORDS_COUNT    5
#define WORDS_TEXT_MAX 64 /* "acorn lantern …" with its NUL: a word has at most 11 letters */

void words_spell(const uint8_t bytes[WORDS_COUNT], char out[WORDS_TEXT_MAX]);
/* The first five bytes of BLAKE2b("felloe words 1" NUL hub sign box curve). */
void words_of_device(const struct sign_public *hub, const struct sign_public *sign, const struct box_public *box,
                     const uint8_t curve[32], char out[WORDS_TEXT_MAX]);
/* … of BLAKE2b("felloe head words 1" NUL site NUL epoch(4) n(8) hash). */
void words_of_head(struct bytes site, const struct log_head *head, char out[WORDS_TEXT_MAX]);

#endif
