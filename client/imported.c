/* SPDX-License-Identifier: Apache-2.0 */
/* One CloudEvents line into a draft. What is wrong is said in words; the daemon checks fields against the catalogue. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/cloudevent.h"
#include "client/json_line.h"
#include "client/when.h"
#include "proto/mp.h"

/* A line while it is made a draft of. */
struct reading {
    struct imported *imported;
    struct json_line line;
    struct felloe_error *error;
};

void imported_release(struct imported *imported)
{
    free(imported->text);
    free(imported->fields);
    *imported = (struct imported){0};
}

static enum felloe_code no_memory(struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_FAILED, "out of memory");
}

static enum felloe_code add_field(struct reading *r, const char *name, const char *value)
{
    struct imported *imported = r->imported;
    size_t count = imported->draft.field_count;
    if (count == imported->field_cap) {
        size_t cap = count ? count * 2 : 8;
        struct felloe_field *fields = reallocarray(imported->fields, cap, sizeof *fields);
        if (!fields)
            return no_memory(r->error);
        imported->fields = fields;
        imported->field_cap = cap;
    }
    imported->fields[count] = (struct felloe_field){name, value};
    imported->draft.fields = imported->fields;
    imported->draft.field_count = count + 1;
    return FELLOE_OK;
}

static enum felloe_code add_value(struct reading *r, const char *name, const struct json_item *value, bool in_list)
{
    const struct json_item *items = r->line.items;
    enum felloe_code code = FELLOE_OK;
    switch (value->kind) {
    case LINE_NULL:
        return FELLOE_OK;
    case LINE_TEXT:
    case LINE_WHOLE:
        return add_field(r, name, value->text);
    case LINE_TRUE:
    case LINE_FALSE:
        return add_field(r, name, value->kind == LINE_TRUE ? "yes" : "no");
    case LINE_LIST:
        if (in_list)
            break;
        for (const struct json_item *at = value + 1; at < items + value->end && code == FELLOE_OK;
             at = items + at->end)
            code = add_value(r, name, at, true);
        return code;
    case LINE_OBJECT:
    case LINE_REAL:
        break;
    }
    return felloe_fail(r->error, FELLOE_INVALID,
                       "data.%s is to be a text, a whole number, true or false, or a list of such", name);
}

/* An attribute that is a text; NULL when it is not there. */
static enum felloe_code attribute(const struct reading *r, const char *name, bool required, const char **out)
{
    const struct json_item *value = json_line_member(&r->line, r->line.items, name);
    *out = NULL;
    if (value && value->kind != LINE_NULL && value->kind != LINE_TEXT)
        return felloe_fail(r->error, FELLOE_INVALID, "\"%s\" is to be a text", name);
    if (value && value->text_len > 0)
        *out = value->text;
    if (required && !*out)
        return felloe_fail(r->error, FELLOE_INVALID, "\"%s\" is missing", name);
    return FELLOE_OK;
}

/* When it happened: the extension `occurred`, else when it was recorded where it comes from. */
static enum felloe_code read_time(struct reading *r)
{
    struct felloe_draft *draft = &r->imported->draft;
    const char *text;
    static const char *const names[] = {"occurred", "time"};
    for (size_t i = 0; i < 2; i++) {
        enum felloe_code code = attribute(r, names[i], false, &text);
        if (code != FELLOE_OK)
            return code;
        if (!text)
            continue;
        if (!when_parse_iso(text, &draft->occurred))
            return felloe_fail(r->error, FELLOE_INVALID, "\"%s\" is not a time like 2026-12-01T14:30:00Z: %.40s",
                               names[i], text);
        draft->has_occurred = true;
        return FELLOE_OK;
    }
    return FELLOE_OK;
}

static enum felloe_code read_attributes(struct reading *r)
{
    struct felloe_draft *draft = &r->imported->draft;
    const struct { const char *name; bool required; const char **to; } attributes[] = {
        {"id", true, &draft->id},          {"source", true, &draft->source}, {"type", true, &draft->type},
        {"subject", false, &draft->subject}, {"site", false, &draft->site},  {"worker", false, &draft->worker},
    };
    const char *version;
    enum felloe_code code = attribute(r, "specversion", true, &version);
    if (code == FELLOE_OK && strncmp(version, "1.", 2) != 0)
        return felloe_fail(r->error, FELLOE_INVALID, "specversion %.20s is not 1.0, the CloudEvents that is read here",
                           version);
    for (size_t i = 0; i < sizeof attributes / sizeof *attributes && code == FELLOE_OK; i++)
        code = attribute(r, attributes[i].name, attributes[i].required, attributes[i].to);
    if (code == FELLOE_OK && strcmp(draft->type, TYPE_SEALED) == 0)
        return felloe_fail(r->error, FELLOE_INVALID,
                           "this event was exported where it could not be read: export it on a device that has "
                           "its key");
    return code == FELLOE_OK ? read_time(r) : code;
}

static enum felloe_code read_event(struct reading *r)
{
    const struct json_item *items = r->line.items;
    if (items->kind != LINE_OBJECT)
        return felloe_fail(r->error, FELLOE_INVALID, "not an event: a JSON object is expected");
    enum felloe_code code = read_attributes(r);
    const struct json_item *data = json_line_member(&r->line, items, "data");
    if (code != FELLOE_OK || !data || data->kind == LINE_NULL)
        return code;
    if (data->kind != LINE_OBJECT)
        return felloe_fail(r->error, FELLOE_INVALID, "\"data\" is to be an object of fields");
    for (const struct json_item *at = data + 1; at < items + data->end && code == FELLOE_OK; at = items + at->end)
        code = add_value(r, at->name, at, false);
    return code;
}

enum felloe_code imported_read(struct imported *imported, const char *line, size_t len, struct felloe_error *error)
{
    struct reading reading = {.imported = imported, .error = error};
    *imported = (struct imported){0};
    if (!utf8_valid(bytes_of(line, len)))
        return felloe_fail(error, FELLOE_INVALID, "not UTF-8 text");
    imported->text = malloc(len + 1);
    if (!imported->text)
        return no_memory(error);
    memcpy(imported->text, line, len);
    imported->text[len] = '\0';
    enum felloe_code code = json_line_read(&reading.line, imported->text, len, error);
    if (code == FELLOE_OK)
        code = read_event(&reading);
    json_line_release(&reading.line);
    return code;
}
