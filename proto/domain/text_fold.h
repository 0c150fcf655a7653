/* SPDX-License-Identifier: Apache-2.0 */
/* Text as it is compared when people look for something: lower case, without accents, however those were written
 * (é as one character or as e and an accent), the same on every machine whatever its language.
 *
 * Letters of Latin, Greek, Cyrillic and Armenian fold by small tables; Arabic and Hebrew lose their points; Hangul
 * comes apart into its letters; other letters stay as they are. ß is ss, æ is ae, þ is th, ł is l. Quotes, dashes and
 * spaces become the plain ones; runs of white space (and what a terminal would obey) become one space, none at either
 * end. What has no width of its own (joiners, direction marks, tones of skin) is left out. What is no UTF-8 stays. */
#ifndef FELLOE_PROTO_TEXT_FOLD_H
#define FELLOE_PROTO_TEXT_FOLD_H

#include "proto/bytes.h"

/* A folded text has at most so many bytes for each byte of the text. */
#define TEXT_FOLD_GROWTH 3

/* Appends the folded text to `out`. */
void text_fold(struct bytes text, struct buffer *out);
/* The same but for accents, which stay: each behind its letter, and ø is not o. For telling apart what folds alike. */
void text_fold_case(struct bytes text, struct buffer *out);
/* As text_fold, and where each folded byte comes from: offsets, the caller's, has room for text.len * TEXT_FOLD_GROWTH
 * + 1 items. offsets[i] is where the character begins that made byte i; the item behind the last is text.len. */
void text_fold_mapped(struct bytes text, struct buffer *out, uint32_t *offsets);

/* Two texts that fold to the same. False, too, when memory ran out. */
bool text_fold_equal(struct bytes a, struct bytes b);

/* One character of UTF-8: its number and how many bytes it takes; a byte that begins none counts as itself. `text` has
 * at least one byte. */
size_t text_character(struct bytes text, uint32_t *out);
/* A letter, a digit, or anything else that words are made of. */
bool text_is_word(uint32_t character);
/* Does it belong to the character before it: an accent, a joiner, a tone of skin? */
bool text_is_mark(uint32_t character);

#endif
