/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that record an event share. */
#include "client/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/when.h"

enum felloe_code recording_init(struct recording *recording, struct cli *cli, const char *type, const char *person)
{
    const char *occurred = cli_option(cli, "occurred");
    *recording = (struct recording){.draft = {.type = type,
                                              .person = person,
                                              .site = cli_option(cli, "site"),
                                              .worker = cli_option(cli, "worker")}};
    if (person && *person == '@' && strcmp(type, "person.introduced") != 0)
        return cli_fail(cli, FELLOE_INVALID, "%s is not a person: give an id, the beginning of it, or a name; "
                        "`felloe introduce` makes a new person", person);
    if (!occurred)
        return FELLOE_OK;
    recording->draft.has_occurred = true;
    if (when_parse(occurred, when_now(), &recording->draft.occurred))
        return FELLOE_OK;
    return cli_fail(cli, FELLOE_INVALID,
                    "--occurred %s is not a time: write 2026-12-01, \"2026-12-01 14:30\", \"yesterday 9:15\" or 14:30",
                    occurred);
}

void recording_release(struct recording *recording)
{
    for (size_t i = 0; i < recording->count; i++)
        free((char *)recording->fields[i].value);
    free(recording->fields);
    *recording = (struct recording){0};
}

/* The one code whose label begins with (or, with `within`, contains) the text; NULL for none or several. */
static const char *only_code(const struct code_list *list, const char *text, bool within)
{
    const char *found = NULL;
    for (size_t i = 0; i < list->count; i++) {
        const char *at = strcasestr(list->codes[i].label, text);
        if (!at || (!within && at != list->codes[i].label))
            continue;
        if (found)
            return NULL;
        found = list->codes[i].code;
    }
    return found;
}

/* What was typed is a code, its label, the beginning of one label, or in one label. The text itself when it is none of
 * these: then the daemon says what the codes are. */
static const char *code_of(const struct code_list *list, const char *text)
{
    if (code_label(list, bytes_str(text)) || !*text)
        return text;
    for (size_t i = 0; i < list->count; i++)
        if (strcasecmp(list->codes[i].label, text) == 0 || strcasecmp(list->codes[i].code, text) == 0)
            return list->codes[i].code;
    const char *code = only_code(list, text, false);
    if (!code)
        code = only_code(list, text, true);
    return code ? code : text;
}

/* As the catalogue wants it, in `room` where it has to be written anew. */
static const char *normal_value(const struct field_def *field, const char *value, char room[WHEN_MAX])
{
    int64_t ms;
    if (!field)
        return value;
    if (field->codes)
        return code_of(field->codes, value);
    if ((field->kind != KIND_TIME && field->kind != KIND_DATE) || !when_parse(value, when_now(), &ms))
        return value;
    when_iso(ms, room);
    if (field->kind == KIND_DATE)
        room[strlen("2026-12-01")] = '\0';
    return room;
}

enum felloe_code recording_add(struct recording *recording, struct cli *cli, const char *name, const char *value)
{
    const struct type_def *type = catalogue_find(bytes_str(recording->draft.type));
    const struct field_def *field = type ? catalogue_field(type, bytes_str(name)) : NULL;
    char room[WHEN_MAX];
    const char *normal = normal_value(field, value, room);
    for (size_t i = 0; field && !field->list && i < recording->count; i++)
        if (strcmp(recording->fields[i].name, name) == 0)
            return cli_fail(cli, FELLOE_INVALID, "%s is given twice, and takes one value", name);
    struct felloe_field *fields = reallocarray(recording->fields, recording->count + 1, sizeof *fields);
    if (fields)
        recording->fields = fields;
    char *copy = fields ? strdup(normal) : NULL;
    if (!copy)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    fields[recording->count++] = (struct felloe_field){name, copy};
    recording->draft.fields = fields;
    recording->draft.field_count = recording->count;
    return FELLOE_OK;
}

enum felloe_code recording_options(struct recording *recording, struct cli *cli)
{
    const struct type_def *type = catalogue_find(bytes_str(recording->draft.type));
    for (size_t i = 0; type && i < cli->option_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s", cli->options[i].def->name);
        for (char *dash = name; (dash = strchr(dash, '-'));)
            *dash = '_';
        const struct field_def *field = catalogue_field(type, bytes_str(name));
        bool global = strcmp(name, "worker") == 0 || strcmp(name, "site") == 0; /* whose and where, not a field */
        if (!field || global)
            continue;
        const char *value = cli->options[i].def->meta ? cli->options[i].value : "yes";
        enum felloe_code code = recording_add(recording, cli, field->name, value);
        if (code != FELLOE_OK)
            return code;
    }
    return FELLOE_OK;
}

/* How a day or a code was understood: both may have been typed in short. */
static void tell_understood(const struct felloe_draft *draft)
{
    const struct type_def *type = catalogue_find(bytes_str(draft->type));
    const char *between = " (";
    for (size_t i = 0; type && i < draft->field_count; i++) {
        const struct field_def *field = catalogue_field(type, bytes_str(draft->fields[i].name));
        const char *label = field && field->codes ? code_label(field->codes, bytes_str(draft->fields[i].value)) : NULL;
        if (label)
            printf("%s%s: %s", between, field->label, label);
        between = label ? ", " : between;
    }
    if (draft->has_occurred) {
        char when[WHEN_MAX];
        when_friendly(draft->occurred, when_now(), when);
        printf("%s%s", between, when);
        between = ", ";
    }
    if (*between == ',')
        putchar(')');
}

static enum felloe_code tell_saved(struct cli *cli, const struct felloe_draft *draft, const struct felloe_saved *saved)
{
    if (cli->json)
        return out_json(*saved->person ? json_pack("{s:s,s:s}", "id", saved->id, "person", saved->person)
                                       : json_pack("{s:s}", "id", saved->id), &cli->error);
    printf("Saved: %s %.*s", type_label(draft->type), ID_SHORT, saved->id);
    if (*saved->person)
        printf(", person %.*s", ID_SHORT, saved->person);
    tell_understood(draft);
    putchar('\n');
    return FELLOE_OK;
}

enum felloe_code recording_save(struct recording *recording, struct cli *cli)
{
    struct felloe_saved saved;
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK)
        code = felloe_append(cli->client, &recording->draft, 1, false, &saved, &cli->error);
    return code == FELLOE_OK ? tell_saved(cli, &recording->draft, &saved) : code;
}

enum felloe_code record_simply(struct cli *cli, const char *type, const char *person, const char *field,
                               const char *text)
{
    struct recording recording;
    enum felloe_code code = recording_init(&recording, cli, type, person);
    if (code == FELLOE_OK)
        code = recording_options(&recording, cli);
    if (code == FELLOE_OK && field && text)
        code = recording_add(&recording, cli, field, text);
    if (code == FELLOE_OK)
        code = recording_save(&recording, cli);
    recording_release(&recording);
    return code;
}
