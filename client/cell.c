/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of views: one small printer a kind. */
#include "client/cell.h"

#include <stdlib.h>
#include <string.h>

#include "client/output.h"
#include "client/when.h"

const char *worker_name(const struct cell_context *context, const char *worker)
{
    const char *name = felloe_value_text(felloe_value_get(context->names, worker));
    return *name ? name : worker;
}

const char *type_label(const char *type)
{
    const struct type_def *def = catalogue_find(bytes_str(type));
    return def ? def->label : type;
}

static void print_id(FILE *to, const struct felloe_value *cell)
{
    char hex[80];
    hex_of(cell, hex, sizeof hex);
    fprintf(to, "%.*s", ID_SHORT, hex);
}

static void print_text(FILE *to, const struct column_def *column, const struct felloe_value *cell,
                       const struct cell_context *context)
{
    const char *text = felloe_value_text(cell);
    const char *label = column->codes ? code_label(column->codes, bytes_str(text)) : NULL;
    if (column->kind == CELL_WORKER || column->kind == CELL_WORKERS)
        fputs(worker_name(context, text), to);
    else
        fputs(label ? label : text, to);
}

static void print_list(FILE *to, const struct column_def *column, const struct felloe_value *cell,
                       const struct cell_context *context)
{
    const char *between = column->kind == CELL_TEXTS ? " / " : ", ";
    for (size_t i = 0; i < felloe_value_count(cell); i++) {
        fputs(i ? between : "", to);
        print_text(to, column, felloe_value_at(cell, i), context);
    }
}

static void print_time(FILE *to, const struct column_def *column, int64_t ms, const struct cell_context *context)
{
    char text[WHEN_MAX];
    if (column->kind == CELL_SINCE)
        when_days(ms, context->now, text);
    else
        when_friendly(ms, context->now, text);
    fputs(text, to);
}

void cell_print(FILE *to, const struct column_def *column, const struct felloe_value *cell,
                const struct cell_context *context)
{
    if (felloe_value_kind(cell) == FELLOE_NIL)
        return;
    switch (column->kind) {
    case CELL_TEXT:
    case CELL_CODE:
    case CELL_WORKER:
    case CELL_RESOURCE:
        print_text(to, column, cell, context);
        break;
    case CELL_WORKERS:
    case CELL_CODES:
    case CELL_TEXTS:
        print_list(to, column, cell, context);
        break;
    case CELL_DEVICES:
        for (size_t i = 0; i < felloe_value_count(cell); i++)
            fprintf(to, "%s%.*s", i ? ", " : "", ID_SHORT, felloe_value_text(felloe_value_at(cell, i)));
        break;
    case CELL_NUMBER:
        fprintf(to, "%lld", (long long)felloe_value_integer(cell));
        break;
    case CELL_MEAN:
        fprintf(to, "%.2f", (double)felloe_value_integer(cell) / 100);
        break;
    case CELL_CHANGE:
        fprintf(to, "%+lld", (long long)felloe_value_integer(cell));
        break;
    case CELL_CLOCK:
    case CELL_OPEN:
        break;
    case CELL_TIME:
    case CELL_NEXT:
    case CELL_SINCE:
        print_time(to, column, felloe_value_integer(cell), context);
        break;
    case CELL_PERSON:
    case CELL_EVENT:
    case CELL_DEVICE:
        print_id(to, cell);
        break;
    case CELL_FIELDS:
        fields_print(to, context->type ? context->type : "", cell, context);
        break;
    case CELL_YESNO:
        fputs(felloe_value_bool(cell) ? "yes" : "", to);
        break;
    }
}

char *cell_text(const struct column_def *column, const struct felloe_value *cell, const struct cell_context *context)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        return NULL;
    cell_print(to, column, cell, context);
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

/* A second member beside the cell's own: urgency_label. */
static void put_beside(json_t *row, const char *name, const char *tail, json_t *value)
{
    char key[96];
    snprintf(key, sizeof key, "%s_%s", name, tail);
    json_object_set_new(row, key, value);
}

void cell_json(json_t *row, const struct column_def *column, const struct felloe_value *cell,
               const struct cell_context *context)
{
    char time[WHEN_MAX];
    if (felloe_value_kind(cell) == FELLOE_NIL) {
        json_object_set_new(row, column->name, json_null());
    } else if (column->kind == CELL_TIME || column->kind == CELL_SINCE) {
        int64_t ms = felloe_value_integer(cell);
        when_iso(ms, time);
        json_object_set_new(row, column->name, json_string(time));
        if (column->kind == CELL_SINCE)
            put_beside(row, column->name, "days", json_integer(context->now > ms ? (context->now - ms) / 86400000 : 0));
    } else if (column->kind == CELL_FIELDS) {
        json_object_set_new(row, column->name, fields_json(context->type ? context->type : "", cell));
    } else {
        json_object_set_new(row, column->name, json_of(cell));
        const char *label = column->codes ? code_label(column->codes, bytes_str(felloe_value_text(cell))) : NULL;
        if (label)
            put_beside(row, column->name, "label", json_string(label));
    }
}
