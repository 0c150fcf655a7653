/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue in words: what a field takes, who may read an entry, what it does to what is known. */
#ifndef FELLOE_CLIENT_TYPE_WORDS_H
#define FELLOE_CLIENT_TYPE_WORDS_H

#include <stdio.h>

#include "proto/domain/catalogue.h"

/* "number from 0 to 10; several, 11 of them; required". */
void field_words(FILE *to, const struct field_def *field);
/* Whom it is about, who writes it. */
const char *type_about_words(const struct type_def *type);
/* Who may read it, as a sentence; NULL where nothing is to be said: all of the site. */
const char *type_audience_words(const struct type_def *type);
/* "Sets “concern” to open." False where the effect says nothing to people. */
bool effect_words(FILE *to, const struct effect_def *effect);

#endif
