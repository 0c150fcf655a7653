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

/* "2 h 10 min left", "30 min over", "stopped after 1 h 50 min". */
static void print_clock(FILE *to, const struct felloe_value *cell, const struct cell_context *context)
{
    char text[WHEN_MAX];
    const struct felloe_value *stopped = felloe_value_at(cell, 2);
    int64_t since = felloe_value_integer(felloe_value_at(cell, 0)),
            limit = felloe_value_integer(felloe_value_at(cell, 1));
    if (felloe_value_kind(stopped) == FELLOE_INTEGER) {
        when_length(felloe_value_integer(stopped) - since, text);
        fprintf(to, "stopped after %s", text);
        return;
    }
    int64_t left = since + limit - context->now;
    when_length(left < 0 ? -left : left, text);
    fprintf(to, left < 0 ? "%s over" : "%s left", text);
}

/* "open until 17:00", "closed until 25 Nov 09:00". */
static void print_open(FILE *to, const struct felloe_value *cell, const struct cell_context *context)
{
    char text[WHEN_MAX];
    const struct felloe_value *until = felloe_value_at(cell, 1);
    fputs(felloe_value_bool(felloe_value_at(cell, 0)) ? "open" : "closed", to);
    if (felloe_value_kind(until) != FELLOE_INTEGER)
        return;
    when_friendly(felloe_value_integer(until), context->now, text);
    fprintf(to, " until %s", text);
}

bool clock_is_over(const struct felloe_value *cell, int64_t now)
{
    return felloe_value_count(cell) == 3 && felloe_value_kind(felloe_value_at(cell, 2)) != FELLOE_INTEGER &&
           felloe_value_integer(felloe_value_at(cell, 0)) + felloe_value_integer(felloe_value_at(cell, 1)) < now;
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
        print_text(to, column, cell, context);
        break;
    case CELL_RESOURCE:
        if (felloe_value_kind(felloe_value_at(cell, 1)) == FELLOE_TEXT)
            fputs(felloe_value_text(felloe_value_at(cell, 1)), to);
        else
            print_id(to, felloe_value_at(cell, 0)); /* of an entry that is not here (yet) */
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
        print_clock(to, cell, context);
        break;
    case CELL_OPEN:
        print_open(to, cell, context);
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

static json_t *time_json(const struct felloe_value *cell)
{
    char time[WHEN_MAX];
    if (felloe_value_kind(cell) != FELLOE_INTEGER)
        return json_null();
    when_iso(felloe_value_integer(cell), time);
    return json_string(time);
}

static json_t *clock_json(const struct felloe_value *cell, int64_t now)
{
    int64_t since = felloe_value_integer(felloe_value_at(cell, 0)),
            limit = felloe_value_integer(felloe_value_at(cell, 1));
    const struct felloe_value *stopped = felloe_value_at(cell, 2);
    bool runs = felloe_value_kind(stopped) != FELLOE_INTEGER;
    int64_t at = runs ? now : felloe_value_integer(stopped);
    return json_pack("{s:o,s:I,s:o,s:I,s:b}", "since", time_json(felloe_value_at(cell, 0)), "limit_minutes",
                     (json_int_t)(limit / 60000), "stopped", time_json(stopped), "minutes",
                     (json_int_t)((at - since) / 60000), "over", at > since + limit);
}

static void put_labels(json_t *row, const struct column_def *column, const struct felloe_value *cell)
{
    json_t *labels = json_array();
    for (size_t i = 0; i < felloe_value_count(cell); i++) {
        const char *code = felloe_value_text(felloe_value_at(cell, i)),
                   *label = code_label(column->codes, bytes_str(code));
        json_array_append_new(labels, json_string(label ? label : code));
    }
    put_beside(row, column->name, "labels", labels);
}

void cell_json(json_t *row, const struct column_def *column, const struct felloe_value *cell,
               const struct cell_context *context)
{
    json_t *value = NULL;
    if (felloe_value_kind(cell) == FELLOE_NIL) {
        json_object_set_new(row, column->name, json_null());
        return;
    }
    switch (column->kind) {
    case CELL_TIME:
    case CELL_NEXT: value = time_json(cell); break;
    case CELL_SINCE: {
        int64_t ms = felloe_value_integer(cell);
        json_object_set_new(row, column->name, time_json(cell));
        put_beside(row, column->name, "days", json_integer(context->now > ms ? (context->now - ms) / 86400000 : 0));
        return;
    }
    case CELL_FIELDS: value = fields_json(context->type ? context->type : "", cell); break;
    case CELL_MEAN: value = json_real((double)felloe_value_integer(cell) / 100); break;
    case CELL_CLOCK: value = clock_json(cell, context->now); break;
    case CELL_OPEN:
        value = json_pack("{s:b,s:o}", "open", felloe_value_bool(felloe_value_at(cell, 0)), "until",
                          time_json(felloe_value_at(cell, 1)));
        break;
    case CELL_RESOURCE:
        value = json_of(felloe_value_at(cell, 0));
        put_beside(row, column->name, "label", json_of(felloe_value_at(cell, 1)));
        break;
    default: value = json_of(cell); break;
    }
    json_object_set_new(row, column->name, value);
    const char *label = column->codes ? code_label(column->codes, bytes_str(felloe_value_text(cell))) : NULL;
    if (label)
        put_beside(row, column->name, "label", json_string(label));
    if (column->kind == CELL_CODES && column->codes)
        put_labels(row, column, cell);
}
