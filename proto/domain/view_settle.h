/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of to-settle: those of registers (view_settle.c), and those worked out of several entries (view_derived.c).
 *
 * Cells: number (nil), person, id, field, which, values in words, workers, why, since, key (the register's name, and
 * its key after EACH_SEPARATOR), choices (what conflict.settled takes as `chosen`, in the order of the values). */
#ifndef FELLOE_PROTO_VIEW_SETTLE_H
#define FELLOE_PROTO_VIEW_SETTLE_H

#include "proto/domain/view_appointments.h"

/* "2026-11-21 14:30", local time. */
void moment_words(int64_t ms, char out[MOMENT_WORDS_MAX]);
/* Its local day. */
void moment_day(int64_t ms, int *year, int *month, int *day);
/* What and when: "contact of 2026-11-21 14:30". */
void item_words(const struct document *document, const struct item *item, struct buffer *out);

/* When and where: "2026-11-21 14:30, library". */
void appointment_words(const struct appointment *appointment, struct buffer *out);

/* Starts a row, up to and with the column field. */
void settle_begin(struct row_maker *maker, const struct register_def *def);
void settle_key(const struct register_def *def, struct bytes each, struct buffer *out);

#endif
