/* SPDX-License-Identifier: Apache-2.0 */
/* One CloudEvents line into a draft. What is wrong is said in words; the daemon checks fields against the catalogue. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cloudevent.h"
#include "client/when.h"
#include "proto/mp.h"

void imported_release(struct imported *imported)
{
    for (size_t i = 0; i < imported->owned_count; i++)
        free(imported->owned[i]);
    free(imported->owned);
    free(imported->fields);
    json_decref(imported->json);
    *imported = (struct imported){0};
}

static enum felloe_code no_memory(struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_FAILED, "out of memory");
}

static enum felloe_code add_field(struct imported *imported, const char *name, const char *value,
                                  struct felloe_error *error)
{
    size_t count = imported->draft.field_count;
    if (count == imported->field_cap) {
        size_t cap = count ? count * 2 : 8;
        struct felloe_field *fields = reallocarray(imported->fields, cap, sizeof *fields);
        if (!fields)
            return no_memory(error);
        imported->fields = fields;
        imported->field_cap = cap;
    }
    imported->fields[count] = (struct felloe_field){name, value};
    imported->draft.fields = imported->fields;
    imported->draft.field_count = count + 1;
    return FELLOE_OK;
}

static enum felloe_code add_integer(struct imported *imported, const char *name, json_int_t number,
                                    struct felloe_error *error)
{
    char text[32], **owned = reallocarray(imported->owned, imported->owned_count + 1, sizeof *owned);
    if (!owned)
        return no_memory(error);
    imported->owned = owned;
    snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, number);
    char *copy = strdup(text);
    if (!copy)
        return no_memory(error);
    owned[imported->owned_count++] = copy;
    return add_field(imported, name, copy, error);
}

static enum felloe_code add_value(struct imported *imported, const char *name, const json_t *value, bool in_list,
                                  struct felloe_error *error)
{
    enum felloe_code code = FELLOE_OK;
    switch (json_typeof(value)) {
    case JSON_NULL:
        return FELLOE_OK;
    case JSON_STRING:
        if (strlen(json_string_value(value)) != json_string_length(value))
            return felloe_fail(error, FELLOE_INVALID, "data.%s contains a NUL character", name);
        return add_field(imported, name, json_string_value(value), error);
    case JSON_INTEGER:
        return add_integer(imported, name, json_integer_value(value), error);
    case JSON_TRUE:
    case JSON_FALSE:
        return add_field(imported, name, json_is_true(value) ? "yes" : "no", error);
    case JSON_ARRAY:
        for (size_t i = 0; !in_list && i < json_array_size(value) && code == FELLOE_OK; i++)
            code = add_value(imported, name, json_array_get(value, i), true, error);
        if (!in_list)
            return code;
        break;
    case JSON_OBJECT:
    case JSON_REAL:
        break;
    }
    return felloe_fail(error, FELLOE_INVALID,
                       "data.%s is to be a text, a whole number, true or false, or a list of such", name);
}

/* An attribute that is a text; NULL when it is not there. */
static enum felloe_code attribute(const json_t *json, const char *name, bool required, const char **out,
                                  struct felloe_error *error)
{
    const json_t *value = json_object_get(json, name);
    *out = json_string_value(value);
    if (value && !json_is_null(value) && (!*out || strlen(*out) != json_string_length(value)))
        return felloe_fail(error, FELLOE_INVALID, "\"%s\" is to be a text", name);
    if (*out && !**out)
        *out = NULL;
    if (required && !*out)
        return felloe_fail(error, FELLOE_INVALID, "\"%s\" is missing", name);
    return FELLOE_OK;
}

/* When it happened: the extension `occurred`, else when it was recorded where it comes from. */
static enum felloe_code read_time(struct imported *imported, struct felloe_error *error)
{
    const char *text;
    static const char *const names[] = {"occurred", "time"};
    for (size_t i = 0; i < 2; i++) {
        enum felloe_code code = attribute(imported->json, names[i], false, &text, error);
        if (code != FELLOE_OK)
            return code;
        if (!text)
            continue;
        if (!when_parse_iso(text, &imported->draft.occurred))
            return felloe_fail(error, FELLOE_INVALID, "\"%s\" is not a time like 2026-12-01T14:30:00Z: %.40s", names[i],
                               text);
        imported->draft.has_occurred = true;
        return FELLOE_OK;
    }
    return FELLOE_OK;
}

static enum felloe_code read_attributes(struct imported *imported, struct felloe_error *error)
{
    struct felloe_draft *draft = &imported->draft;
    const struct { const char *name; bool required; const char **to; } attributes[] = {
        {"id", true, &draft->id},          {"source", true, &draft->source}, {"type", true, &draft->type},
        {"subject", false, &draft->subject}, {"site", false, &draft->site},  {"worker", false, &draft->worker},
    };
    const char *version;
    enum felloe_code code = attribute(imported->json, "specversion", true, &version, error);
    if (code == FELLOE_OK && strncmp(version, "1.", 2) != 0)
        return felloe_fail(error, FELLOE_INVALID, "specversion %.20s is not 1.0, the CloudEvents that is read here",
                           version);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes && code == FELLOE_OK; i++)
        code = attribute(imported->json, attributes[i].name, attributes[i].required, attributes[i].to, error);
    if (code == FELLOE_OK && strcmp(draft->type, TYPE_SEALED) == 0)
        return felloe_fail(error, FELLOE_INVALID,
                           "this event was exported where it could not be read: export it on a device that has "
                           "its key");
    return code == FELLOE_OK ? read_time(imported, error) : code;
}

enum felloe_code imported_read(struct imported *imported, const char *line, size_t len, struct felloe_error *error)
{
    json_error_t problem;
    *imported = (struct imported){0};
    if (!utf8_valid(bytes_of(line, len)))
        return felloe_fail(error, FELLOE_INVALID, "not UTF-8 text");
    imported->json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &problem);
    if (!imported->json)
        return felloe_fail(error, FELLOE_INVALID, "not valid JSON: %s (column %d)", problem.text, problem.column);
    if (!json_is_object(imported->json))
        return felloe_fail(error, FELLOE_INVALID, "not an event: a JSON object is expected");
    enum felloe_code code = read_attributes(imported, error);
    json_t *data = json_object_get(imported->json, "data"), *value;
    if (code == FELLOE_OK && data && !json_is_null(data) && !json_is_object(data))
        return felloe_fail(error, FELLOE_INVALID, "\"data\" is to be an object of fields");
    const char *name;
    json_object_foreach(data, name, value) {
        if (code == FELLOE_OK)
            code = add_value(imported, name, value, false, error);
    }
    return code;
}
