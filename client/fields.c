/* SPDX-License-Identifier: Apache-2.0 */
/* An event's fields by the catalogue: in one line for people, as an object for programs. */
#include <stdlib.h>
#include <string.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/when.h"

static const struct field_def *field_of(const char *type, const char *name)
{
    const struct type_def *def = catalogue_find(bytes_str(type));
    return def ? catalogue_field(def, bytes_str(name)) : NULL;
}

/* What the entry is called, where that is known; else its id. */
static void print_reference(FILE *to, const struct field_def *field, const struct felloe_value *value,
                            const struct cell_context *context)
{
    char text[80];
    char *words = field && field->kind == KIND_EVENT && context->entries
                      ? context->entries(context->entries_context, value) : NULL;
    hex_of(value, text, sizeof text);
    if (words)
        fprintf(to, "%s", words);
    else
        fprintf(to, "%.*s", ID_SHORT, text);
    free(words);
}

#define NEAR_MS (300ll * 24 * 3600 * 1000)

void date_print(FILE *to, const char *date, int64_t now)
{
    struct when when;
    char day[WHEN_MAX], iso[sizeof "2026-12-01"];
    if (strlen(date) + 1 != sizeof iso || !when_parse(date, WHEN_NEAR, now, &when) ||
        when.ms - now > NEAR_MS || now - when.ms > NEAR_MS) {
        fputs(date, to);
        return;
    }
    memcpy(iso, date, sizeof iso);
    when_weekday(iso, now, day);
    fputs(day, to);
}

static void print_value(FILE *to, const struct field_def *field, const struct felloe_value *value,
                        const struct cell_context *context)
{
    char text[80];
    switch (felloe_value_kind(value)) {
    case FELLOE_ARRAY:
        for (size_t i = 0; i < felloe_value_count(value); i++) {
            fputs(i ? ", " : "", to);
            print_value(to, field, felloe_value_at(value, i), context);
        }
        break;
    case FELLOE_INTEGER:
        if (field && field->kind == KIND_TIME) {
            when_friendly(felloe_value_integer(value), context->now, text);
            fputs(text, to);
        } else {
            fprintf(to, "%lld", (long long)felloe_value_integer(value));
        }
        break;
    case FELLOE_BOOL:
        fputs(felloe_value_bool(value) ? "yes" : "no", to);
        break;
    case FELLOE_BYTES:
        print_reference(to, field, value, context);
        break;
    case FELLOE_TEXT: {
        const char *own = felloe_value_text(value);
        const char *label = field && field->codes ? code_label(field->codes, bytes_str(own)) : NULL;
        if (field && field->kind == KIND_HEX)
            fprintf(to, "%.*s", ID_SHORT, own);
        else if (field && field->kind == KIND_DATE)
            date_print(to, own, context->now);
        else
            fputs(label ? label : field && field->kind == KIND_WORKER ? worker_name(context, own) : own, to);
        break;
    }
    case FELLOE_NIL:
    case FELLOE_MAP:
        break;
    }
}

/* Words and codes mostly speak for themselves; numbers, yes and no, times and further texts need their label. */
static bool needs_label(const struct field_def *field, const char *name)
{
    if (!field)
        return true;
    if (field->kind == KIND_CODE || (field->kind == KIND_WORKER && strcmp(name, "worker") == 0))
        return false;
    static const char *const plain[] = {"text", "known_as", "what", "words", "question"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(name, plain[i]) == 0)
            return false;
    return true;
}

void fields_print(FILE *to, const char *type, const struct felloe_value *fields, const struct cell_context *context)
{
    struct cell_context own = *context;
    if (felloe_value_get(fields, "name")) /* says itself who the worker's id is */
        own.names = NULL;
    const char *between = "";
    for (size_t i = 0; i < felloe_value_count(fields); i++) {
        const char *name = felloe_value_key(fields, i);
        const struct field_def *field = field_of(type, name);
        if (field && (field->self || field->kind == KIND_BYTES ||
                      (field->kind == KIND_HEX && strcmp(name, "key") == 0)))
            continue; /* what it changes has mostly the same words; keys and bytes are for machines */
        fputs(between, to);
        between = " · ";
        if (needs_label(field, name))
            fprintf(to, "%s: ", field ? field->label : name);
        print_value(to, field, felloe_value_at(fields, i), &own);
    }
}

static json_t *value_json(const struct field_def *field, const struct felloe_value *value)
{
    if (field && field->kind == KIND_TIME && felloe_value_kind(value) == FELLOE_INTEGER) {
        char time[WHEN_MAX];
        when_iso(felloe_value_integer(value), time);
        return json_string(time);
    }
    if (felloe_value_kind(value) != FELLOE_ARRAY)
        return json_of(value);
    json_t *list = json_array();
    for (size_t i = 0; i < felloe_value_count(value); i++)
        json_array_append_new(list, value_json(field, felloe_value_at(value, i)));
    return list;
}

json_t *fields_json(const char *type, const struct felloe_value *fields)
{
    json_t *object = json_object();
    for (size_t i = 0; i < felloe_value_count(fields); i++) {
        const char *name = felloe_value_key(fields, i);
        json_object_set_new(object, name, value_json(field_of(type, name), felloe_value_at(fields, i)));
    }
    return object;
}
