/* SPDX-License-Identifier: Apache-2.0 */
/* Text in the columns of a terminal: how wide it is, and broken into lines between words. */
#ifndef FELLOE_CLIENT_WRAP_H
#define FELLOE_CLIENT_WRAP_H

#include <stddef.h>

/* Columns of the screen that the text takes. */
size_t text_width(const char *text);
/* A new string with a newline in place of the last space that keeps each line within `width` columns; a word that is
 * wider is broken where it must be. Combining characters stay with their letter. NULL when memory ran out. */
char *text_wrap(const char *text, size_t width);

/* Narrows the widest of the columns that may be (wrap[i]) until all fit into `total` columns with `gap` between any
 * two; none below `least`. */
void columns_fit(size_t *widths, const unsigned char *wrap, size_t count, size_t gap, size_t total, size_t least);

#endif
