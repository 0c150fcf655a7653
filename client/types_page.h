/* SPDX-License-Identifier: Apache-2.0 */
/* The page of reference of all types, made from the catalogue. */
#ifndef FELLOE_CLIENT_TYPES_PAGE_H
#define FELLOE_CLIENT_TYPES_PAGE_H

#include <stdio.h>

/* Markdown: every type with its fields and effects, every register, every list of codes. */
void types_page(FILE *to);

#endif
