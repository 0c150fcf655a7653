/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to the screen or the pipe: safe text, colour where it is wanted, JSON, tables, progress. */
#ifndef FELLOE_CLIENT_OUTPUT_H
#define FELLOE_CLIENT_OUTPUT_H

#include <jansson.h>
#include <stdio.h>

#include "felloe/client.h"

/* Makes sure that text is UTF-8 here, whatever the locale says. Once, at the start. */
void out_init(void);
/* Text that others wrote: what a terminal would obey, line ends too, becomes a space each. On a terminal, what runs
 * from right to left is set apart from what stands beside it. */
void out_text(FILE *file, const char *text);
/* The same into a new string, of one line; NULL when memory ran out. */
char *out_one_line(const char *text);
bool out_terminal(void);  /* is stdout one? */
size_t out_width(void);   /* its columns; 0 when it is none */

enum out_style { STYLE_PLAIN, STYLE_BOLD, STYLE_GREY };
/* The sequence that begins a style on stdout; "" without colours (not a terminal, NO_COLOR, TERM=dumb). */
const char *out_style(enum out_style style);

/* The value as JSON and a newline; what a terminal would obey stands escaped. False: not written, or value is NULL. */
bool out_json_line(FILE *file, const json_t *value, size_t flags);
/* The same on stdout, laid out where that is a terminal; lets go of the value. NULL says that memory ran out. */
enum felloe_code out_json(json_t *value, struct felloe_error *error);
/* Each item of the answer as JSON by `item`, as one array. */
json_t *json_of_items(const struct felloe_answer *answer, json_t *(*item)(const struct felloe_value *value));
/* Any value of an answer as JSON, bytes in hex. */
json_t *json_of(const struct felloe_value *value);
/* Bytes as hex, a text as it is; "" for other kinds. */
void hex_of(const struct felloe_value *value, char *out, size_t size);

/* ---- tables; a column in which no row has anything is left out ---- */
struct table;
enum column_style { COLUMN_PLAIN, COLUMN_RIGHT, COLUMN_WRAP };
struct table *table_new(void);
void table_column(struct table *table, const char *heading, enum column_style style);
void table_row(struct table *table);                                        /* a new row, now the current one */
void table_cell(struct table *table, size_t column, const char *text);      /* made one line and safe */
/* Bytes of the cell (as out_one_line makes it) that stand out; the last ones first, where there are several. */
void table_bold(struct table *table, size_t column, size_t begin, size_t end);
void table_grey(struct table *table);                                       /* the current row */
enum felloe_code table_print(struct table *table, struct felloe_error *error); /* and frees it */

/* ---- progress ---- */

/* A bar on stderr when that is a terminal and --json was not asked for, nothing otherwise. */
struct progress {
    bool shown, started;
    int64_t drawn_ms;
    const char *what; /* shown when the daemon names nothing */
};
void progress_init(struct progress *progress, const char *what, bool json);
void progress_show(struct progress *progress, uint64_t done, uint64_t total, const char *what);
void progress_end(struct progress *progress); /* takes the bar away */
/* For felloe_ask: reports into `progress`. */
struct felloe_progress progress_reports(struct progress *progress);

#endif
