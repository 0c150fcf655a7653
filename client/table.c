/* SPDX-License-Identifier: Apache-2.0 */
/* Tables by libsmartcols: as wide as the terminal with long text wrapped between words, and whole in a pipe. The cells
 * are gathered first, because what is to be wrapped depends on all of them. */
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "client/output.h"
#include "client/wrap.h"

#define COLUMNS_MAX 16
#define GAP 2
#define LEAST_WIDTH 12 /* a text in a narrower column is not read */

struct row {
    char *cells[COLUMNS_MAX];
    bool grey;
};

struct table {
    const char *headings[COLUMNS_MAX];
    enum column_style styles[COLUMNS_MAX];
    size_t column_count;
    struct row *rows;
    size_t count, cap;
    bool failed;
};

struct table *table_new(void)
{
    return calloc(1, sizeof(struct table));
}

void table_column(struct table *table, const char *heading, enum column_style style)
{
    if (!table || table->column_count == COLUMNS_MAX)
        return;
    table->headings[table->column_count] = heading;
    table->styles[table->column_count++] = style;
}

void table_row(struct table *table)
{
    if (!table)
        return;
    if (table->count == table->cap) {
        size_t cap = table->cap ? table->cap * 2 : 64;
        struct row *rows = reallocarray(table->rows, cap, sizeof *rows);
        table->failed |= !rows;
        if (!rows)
            return;
        table->rows = rows;
        table->cap = cap;
    }
    memset(&table->rows[table->count++], 0, sizeof *table->rows);
}

void table_cell(struct table *table, size_t column, const char *text)
{
    if (!table || table->failed || table->count == 0 || column >= table->column_count || !text)
        return;
    char **cell = &table->rows[table->count - 1].cells[column];
    free(*cell);
    *cell = out_one_line(text);
    table->failed |= !*cell;
}

void table_grey(struct table *table)
{
    if (table && table->count > 0)
        table->rows[table->count - 1].grey = true;
}

static void table_free(struct table *table)
{
    for (size_t i = 0; table && i < table->count; i++)
        for (size_t c = 0; c < table->column_count; c++)
            free(table->rows[i].cells[c]);
    if (table)
        free(table->rows);
    free(table);
}

/* Breaks the wide texts into lines, so that the whole fits the terminal. */
static void wrap_cells(struct table *table, size_t total)
{
    size_t widths[COLUMNS_MAX];
    unsigned char wrap[COLUMNS_MAX];
    for (size_t c = 0; c < table->column_count; c++) {
        wrap[c] = table->styles[c] == COLUMN_WRAP;
        widths[c] = text_width(table->headings[c]);
        for (size_t i = 0; i < table->count; i++) {
            size_t width = table->rows[i].cells[c] ? text_width(table->rows[i].cells[c]) : 0;
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    columns_fit(widths, wrap, table->column_count, GAP, total, LEAST_WIDTH);
    for (size_t i = 0; i < table->count; i++)
        for (size_t c = 0; c < table->column_count; c++) {
            char **cell = &table->rows[i].cells[c];
            if (!wrap[c] || !*cell)
                continue;
            char *wrapped = text_wrap(*cell, widths[c]);
            table->failed |= !wrapped;
            free(*cell);
            *cell = wrapped;
        }
}

static bool add_columns(struct libscols_table *cols, const struct table *table)
{
    for (size_t c = 0; c < table->column_count; c++) {
        bool wrap = table->styles[c] == COLUMN_WRAP;
        int flags = table->styles[c] == COLUMN_RIGHT ? SCOLS_FL_RIGHT : wrap ? SCOLS_FL_WRAP : 0;
        struct libscols_column *column = scols_table_new_column(cols, table->headings[c], 0, flags);
        if (!column)
            return false;
        if (wrap) { /* our newlines are where it wraps */
            scols_column_set_safechars(column, "\n");
            scols_column_set_wrapfunc(column, scols_wrapnl_chunksize, scols_wrapnl_nextchunk, NULL);
        }
        scols_cell_set_color(scols_column_get_header(column), "bold");
    }
    return true;
}

static bool add_rows(struct libscols_table *cols, struct table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        struct libscols_line *line = scols_table_new_line(cols, NULL);
        if (!line)
            return false;
        for (size_t c = 0; c < table->column_count; c++) {
            if (table->rows[i].cells[c] && scols_line_refer_data(line, c, table->rows[i].cells[c]) != 0)
                return false;
            table->rows[i].cells[c] = NULL; /* the line's now */
        }
        if (table->rows[i].grey)
            scols_line_set_color(line, "darkgray");
    }
    return true;
}

/* A column in which no row has anything is left out. */
static bool is_used(const struct table *table, size_t column)
{
    bool used = table->count == 0;
    for (size_t i = 0; i < table->count && !used; i++)
        used = table->rows[i].cells[column] && *table->rows[i].cells[column];
    return used;
}

static void drop_unused(struct table *table)
{
    size_t kept = 0;
    for (size_t c = 0; c < table->column_count; c++) {
        if (!is_used(table, c))
            continue;
        table->headings[kept] = table->headings[c];
        table->styles[kept] = table->styles[c];
        for (size_t i = 0; i < table->count && kept != c; i++) {
            free(table->rows[i].cells[kept]);
            table->rows[i].cells[kept] = table->rows[i].cells[c];
            table->rows[i].cells[c] = NULL;
        }
        kept++;
    }
    for (size_t c = kept; c < table->column_count; c++)
        for (size_t i = 0; i < table->count; i++) {
            free(table->rows[i].cells[c]);
            table->rows[i].cells[c] = NULL;
        }
    table->column_count = kept;
}

enum felloe_code table_print(struct table *table, struct felloe_error *error)
{
    size_t width = out_width();
    struct libscols_table *cols = table ? scols_new_table() : NULL;
    bool done = false;
    if (cols && !table->failed) {
        scols_table_set_column_separator(cols, "  ");
        scols_table_enable_noencoding(cols, 1); /* cells were made safe in table_cell */
        scols_table_set_termforce(cols, width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
        drop_unused(table);
        scols_table_enable_colors(cols, *out_style(STYLE_BOLD) != '\0');
        if (width) {
            scols_table_set_termwidth(cols, width);
            wrap_cells(table, width);
        }
        done = !table->failed && add_columns(cols, table) && add_rows(cols, table) && scols_print_table(cols) >= 0;
    }
    scols_unref_table(cols);
    table_free(table);
    return done ? FELLOE_OK : felloe_fail(error, FELLOE_FAILED, "out of memory");
}
