/* SPDX-License-Identifier: Apache-2.0 */
/* A view's cells and an event's fields, as people read them and as JSON. */
#ifndef FELLOE_CLIENT_CELL_H
#define FELLOE_CLIENT_CELL_H

#include <jansson.h>
#include <stdio.h>

#include "felloe/client.h"
#include "proto/domain/view.h"

#define ID_SHORT 8 /* hex digits of an id that people see: unique among some ten thousand, and easy to type */

struct cell_context {
    const struct felloe_value *names; /* map: worker -> name; may be NULL */
    const char *type;                 /* of the event whose fields a CELL_FIELDS shows; may be NULL */
    int64_t now;
    /* What an entry is called that another one names: a new string, or NULL. May be NULL: then its id is shown. */
    char *(*entries)(void *context, const struct felloe_value *id);
    void *entries_context;
};

/* Writes the cell as people read it; nothing for nil. */
void cell_print(FILE *to, const struct column_def *column, const struct felloe_value *cell,
                const struct cell_context *context);
/* The same as a string; free it. NULL when memory ran out. */
char *cell_text(const struct column_def *column, const struct felloe_value *cell, const struct cell_context *context);
/* Puts the cell into a row's object: ids whole, times ISO 8601, codes beside their label. */
void cell_json(json_t *row, const struct column_def *column, const struct felloe_value *cell,
               const struct cell_context *context);

/* A clock that still runs, beyond its time. */
bool clock_is_over(const struct felloe_value *cell, int64_t now);
/* The worker's name, else the id itself. */
const char *worker_name(const struct cell_context *context, const char *worker);
/* What an event of this type is called: its label, or the type itself when this version does not know it. */
const char *type_label(const char *type);

/* A day: with its day of the week where it is near, else as it is. */
void date_print(FILE *to, const char *date, int64_t now);
/* An event's fields in one line: "GP · urgent · own words: …". */
void fields_print(FILE *to, const char *type, const struct felloe_value *fields, const struct cell_context *context);
/* As a JSON object that import reads back: times ISO 8601, ids in hex. */
json_t *fields_json(const char *type, const struct felloe_value *fields);

#endif
