/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: as wide as the terminal with long text wrapped between words, and whole in a pipe. The cells are gathered
 * first, because what is to be wrapped depends on all of them. Widths are those of wrap.h, marks for bold take none,
 * and text that runs from right to left is set apart from the cells beside it. */
#include <stdlib.h>
#include <string.h>

#include "client/output.h"
#include "client/wrap.h"

#define COLUMNS_MAX 16
#define GAP 2
#define LEAST_WIDTH 12 /* a text in a narrower column is not read */
/* Within a cell, around what is bold; no text has them (out_one_line). */
#define BOLD_ON '\001'
#define BOLD_OFF '\002'

struct row {
    char *cells[COLUMNS_MAX];
    bool grey;
};

struct table {
    const char *headings[COLUMNS_MAX];
    enum column_style styles[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX];
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

void table_bold(struct table *table, size_t column, size_t begin, size_t end)
{
    if (!table || table->failed || table->count == 0 || column >= table->column_count)
        return;
    char **cell = &table->rows[table->count - 1].cells[column];
    size_t len = *cell ? strlen(*cell) : 0;
    char *marked = begin < end && end <= len ? malloc(len + 3) : NULL;
    if (!marked) {
        table->failed |= begin < end && end <= len;
        return;
    }
    memcpy(marked, *cell, begin);
    marked[begin] = BOLD_ON;
    memcpy(marked + begin + 1, *cell + begin, end - begin);
    marked[end + 1] = BOLD_OFF;
    memcpy(marked + end + 2, *cell + end, len - end + 1);
    free(*cell);
    *cell = marked;
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

static void measure(struct table *table)
{
    for (size_t c = 0; c < table->column_count; c++) {
        size_t *widest = &table->widths[c];
        *widest = text_width(table->headings[c]);
        for (size_t i = 0; i < table->count; i++) {
            size_t width = table->rows[i].cells[c] ? text_width(table->rows[i].cells[c]) : 0;
            *widest = width > *widest ? width : *widest;
        }
    }
}

/* Breaks the wide texts into lines, so that the whole fits the terminal. */
static void wrap_cells(struct table *table, size_t total)
{
    size_t *widths = table->widths;
    unsigned char wrap[COLUMNS_MAX];
    for (size_t c = 0; c < table->column_count; c++)
        wrap[c] = table->styles[c] == COLUMN_WRAP;
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

/* ---- printing ---- */

/* A piece of a cell up to the end of its line; whether bold goes on from the line before, and beyond. */
struct piece {
    const char *text;
    size_t len;
    bool bold;
    enum text_runs runs; /* of the whole cell: its lines all run one way */
};

/* Bold ends where a line does, so that what stands beside the cell is not bold too. */
static void print_text(struct piece *piece, const char *plain)
{
    const char *bold = out_style(STYLE_BOLD);
    if (piece->bold)
        fputs(bold, stdout);
    for (size_t i = 0; i < piece->len; i++) {
        char c = piece->text[i];
        if (c == BOLD_ON || c == BOLD_OFF) {
            piece->bold = c == BOLD_ON;
            fputs(piece->bold ? bold : out_style(STYLE_PLAIN), stdout);
            fputs(piece->bold ? "" : plain, stdout);
        } else {
            putchar(c);
        }
    }
    if (piece->bold) {
        fputs(out_style(STYLE_PLAIN), stdout);
        fputs(plain, stdout);
    }
}

static void print_spaces(size_t count)
{
    printf("%*s", (int)count, "");
}

/* One line of a row: each column's piece, and spaces up to the next one that has any. */
static void print_pieces(const struct table *table, struct piece *pieces, const char *plain)
{
    size_t due = 0;
    for (size_t c = 0; c < table->column_count; c++) {
        struct piece *piece = &pieces[c];
        size_t width = text_width_of(piece->text, piece->len);
        size_t room = table->widths[c] > width ? table->widths[c] - width : 0;
        bool right = table->styles[c] == COLUMN_RIGHT;
        if (right)
            due += room;
        if (piece->len > 0) {
            print_spaces(due);
            due = 0;
            fputs(text_apart_begin(piece->runs), stdout);
            print_text(piece, plain);
            fputs(text_apart_end(piece->runs), stdout);
        }
        due += (right ? 0 : room) + GAP + (piece->len > 0 ? 0 : width);
    }
}

/* `plain` is how the row's text is printed where it is not bold. */
static void print_row(const struct table *table, const char *const *cells, const char *plain)
{
    struct piece pieces[COLUMNS_MAX] = {{0}};
    const char *rest[COLUMNS_MAX];
    bool more = true;
    for (size_t c = 0; c < table->column_count; c++) {
        rest[c] = cells[c] ? cells[c] : "";
        pieces[c].runs = out_terminal() ? text_runs(rest[c]) : RUNS_RIGHT; /* a pipe gets nothing but the text */
    }
    while (more) {
        more = false;
        for (size_t c = 0; c < table->column_count; c++) {
            pieces[c].text = rest[c];
            pieces[c].len = strcspn(rest[c], "\n");
            rest[c] += pieces[c].len + (rest[c][pieces[c].len] == '\n');
            more |= *rest[c] != '\0';
        }
        fputs(plain, stdout);
        print_pieces(table, pieces, plain);
        puts(*plain ? out_style(STYLE_PLAIN) : "");
    }
}

static void print_rows(const struct table *table)
{
    print_row(table, table->headings, out_style(STYLE_BOLD));
    for (size_t i = 0; i < table->count; i++)
        print_row(table, (const char *const *)table->rows[i].cells,
                  table->rows[i].grey ? out_style(STYLE_GREY) : "");
}

enum felloe_code table_print(struct table *table, struct felloe_error *error)
{
    size_t width = out_width();
    bool done = table && !table->failed;
    if (done) {
        drop_unused(table);
        measure(table);
        if (width)
            wrap_cells(table, width);
        done = !table->failed;
    }
    if (done)
        print_rows(table);
    table_free(table);
    return done ? FELLOE_OK : felloe_fail(error, FELLOE_FAILED, "out of memory");
}
