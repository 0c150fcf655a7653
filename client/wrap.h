/* SPDX-License-Identifier: Apache-2.0 */
/* Text in the columns of a terminal: how wide it is, and broken into lines between words. */
#ifndef FELLOE_CLIENT_WRAP_H
#define FELLOE_CLIENT_WRAP_H

#include <stddef.h>

/* Columns of the screen that the text takes: what the C library says of each character, so that marks and joiners take
 * none; pictures that are newer than it take two. */
size_t text_width(const char *text);
size_t text_width_of(const char *text, size_t len);
/* Which way it runs: from left to right altogether, or with parts that run from right to left, or from right to left
 * (as its first letter does). */
enum text_runs { RUNS_RIGHT, RUNS_BOTH, RUNS_LEFT };
enum text_runs text_runs(const char *text);
/* What sets such a text apart from what stands beside it on a terminal: before it, and behind; "" where nothing
 * need. */
const char *text_apart_begin(enum text_runs runs);
const char *text_apart_end(enum text_runs runs);
/* A new string with a newline in place of the last space that keeps each line within `width` columns; a word that is
 * wider is broken where it must be. Marks stay with their letter, and joined pictures together. NULL when memory ran
 * out. */
char *text_wrap(const char *text, size_t width);

/* A new string: the text, or its beginning of at most `width` columns with … at its end. NULL when memory ran out. */
char *text_cut(const char *text, size_t width);

/* Narrows the widest of the columns that may be (wrap[i]) until all fit into `total` columns with `gap` between any
 * two; none below `least`. */
void columns_fit(size_t *widths, const unsigned char *wrap, size_t count, size_t gap, size_t total, size_t least);

#endif
