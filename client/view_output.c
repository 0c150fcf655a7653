/* SPDX-License-Identifier: Apache-2.0 */
/* A view's answer as a table or as JSON. */
#include "client/view_output.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/when.h"

struct cell_context context_of(const struct felloe_answer *answer)
{
    return (struct cell_context){.names = felloe_value_get(felloe_answer_summary(answer), "names"), .now = when_now()};
}

/* The type of the event that a row shows, for its fields. */
static const char *row_type(const struct view_def *view, const struct felloe_value *row)
{
    for (size_t i = 0; i < view->column_count; i++)
        if (strcmp(view->columns[i].name, "type") == 0)
            return felloe_value_text(felloe_value_at(row, i));
    return NULL;
}

static json_t *as_of(const struct felloe_answer *answer)
{
    const struct felloe_value *time = felloe_value_get(felloe_answer_summary(answer), "as_of");
    char text[WHEN_MAX];
    if (felloe_value_kind(time) != FELLOE_INTEGER)
        return json_null();
    when_iso(felloe_value_integer(time), text);
    return json_string(text);
}

enum felloe_code view_json(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer,
                           json_t *extra)
{
    struct cell_context context = context_of(answer);
    json_t *all = json_object(), *rows = json_array();
    json_object_set_new(all, "view", json_string(view->name));
    json_object_set_new(all, "as_of", as_of(answer));
    if (extra)
        json_object_update_missing(all, extra);
    json_decref(extra);
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *cells = felloe_answer_item(answer, i);
        json_t *row = json_object();
        context.type = row_type(view, cells);
        for (size_t c = 0; c < view->column_count; c++)
            cell_json(row, &view->columns[c], felloe_value_at(cells, c), &context);
        json_array_append_new(rows, row);
    }
    json_object_set_new(all, "rows", rows);
    if (felloe_value_count(context.names) > 0)
        json_object_set_new(all, "names", json_of(context.names));
    return out_json(all, &cli->error);
}

static enum column_style style_of(enum cell_kind kind)
{
    if (kind == CELL_NUMBER || kind == CELL_SINCE)
        return COLUMN_RIGHT;
    return kind == CELL_TEXT || kind == CELL_TEXTS || kind == CELL_WORKERS || kind == CELL_FIELDS ? COLUMN_WRAP
                                                                                                 : COLUMN_PLAIN;
}

enum felloe_code view_table(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer)
{
    struct cell_context context = context_of(answer);
    struct table *table = table_new();
    for (size_t c = 0; c < view->column_count; c++)
        table_column(table, view->columns[c].label, style_of(view->columns[c].kind));
    for (size_t i = 0; i < felloe_answer_count(answer); i++) {
        const struct felloe_value *cells = felloe_answer_item(answer, i);
        context.type = row_type(view, cells);
        table_row(table);
        for (size_t c = 0; c < view->column_count; c++) {
            char *text = cell_text(&view->columns[c], felloe_value_at(cells, c), &context);
            table_cell(table, c, text);
            free(text);
        }
    }
    return table_print(table, &cli->error);
}

void view_footer(const struct felloe_answer *answer)
{
    const struct felloe_value *summary = felloe_answer_summary(answer);
    const struct felloe_value *time = felloe_value_get(summary, "as_of");
    char text[WHEN_MAX];
    printf("%s", out_style(STYLE_GREY));
    if (felloe_value_kind(time) == FELLOE_INTEGER) {
        when_friendly(felloe_value_integer(time), when_now(), text);
        printf("As of %s", text);
    }
    printf("%s\n", out_style(STYLE_PLAIN));
}

enum felloe_code view_print(struct cli *cli, const struct view_def *view, const struct felloe_answer *answer)
{
    enum felloe_code code = FELLOE_OK;
    if (felloe_answer_count(answer) > 0) {
        printf("%s%s%s\n\n", out_style(STYLE_BOLD), view->title, out_style(STYLE_PLAIN));
        code = view_table(cli, view, answer);
        putchar('\n');
    } else {
        printf("%s\n", view->empty);
    }
    if (code == FELLOE_OK)
        view_footer(answer);
    return code;
}
