/* SPDX-License-Identifier: Apache-2.0 */
/* Tables by libsmartcols: as wide as the terminal with long text wrapped, and whole in a pipe. */
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>

#include "client/output.h"

struct table {
    struct libscols_table *cols;
    struct libscols_line *row;
    bool failed;
};

struct table *table_new(void)
{
    struct table *table = calloc(1, sizeof *table);
    if (!table)
        return NULL;
    table->cols = scols_new_table();
    if (!table->cols) {
        free(table);
        return NULL;
    }
    scols_table_set_column_separator(table->cols, "  ");
    scols_table_enable_noencoding(table->cols, 1); /* cells are made safe in table_cell */
    size_t width = out_width();
    scols_table_set_termforce(table->cols, width ? SCOLS_TERMFORCE_ALWAYS : SCOLS_TERMFORCE_NEVER);
    if (width)
        scols_table_set_termwidth(table->cols, width);
    scols_table_enable_colors(table->cols, *out_style(STYLE_BOLD) != '\0');
    return table;
}

void table_column(struct table *table, const char *heading, enum column_style style)
{
    if (!table)
        return;
    int flags = style == COLUMN_RIGHT ? SCOLS_FL_RIGHT : style == COLUMN_WRAP ? SCOLS_FL_WRAP : 0;
    struct libscols_column *column =
        scols_table_new_column(table->cols, heading, style == COLUMN_WRAP ? 0.3 : 0, flags);
    table->failed |= !column;
    if (column)
        scols_cell_set_color(scols_column_get_header(column), "bold");
}

void table_row(struct table *table)
{
    if (!table)
        return;
    table->row = scols_table_new_line(table->cols, NULL);
    table->failed |= !table->row;
}

void table_cell(struct table *table, size_t column, const char *text)
{
    if (!table || !table->row || !text)
        return;
    char *line = out_one_line(text);
    table->failed |= !line || scols_line_refer_data(table->row, column, line) != 0;
}

void table_grey(struct table *table)
{
    if (table && table->row)
        scols_line_set_color(table->row, "darkgray");
}

enum felloe_code table_print(struct table *table, struct felloe_error *error)
{
    bool failed = !table || table->failed || scols_print_table(table->cols) < 0;
    if (table)
        scols_unref_table(table->cols);
    free(table);
    return failed ? felloe_fail(error, FELLOE_FAILED, "out of memory") : FELLOE_OK;
}
