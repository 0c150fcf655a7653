/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that record an entry share. */
#include "client/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/cell.h"
#include "client/output.h"
#include "client/record_verb.h"
#include "client/threads.h"
#include "client/when.h"
#include "client/workers.h"

static enum felloe_code set_occurred(struct recording *recording, struct cli *cli, const char *text)
{
    struct when when;
    if (!when_parse(text, WHEN_BACK, when_now(), &when))
        return cli_fail(cli, FELLOE_INVALID, "--occurred %s is not a time: write 2026-12-01, \"2026-12-01 14:30\", "
                        "\"yesterday 9:15\", \"2 hours ago\", friday or 14:30", text);
    recording->draft.has_occurred = true;
    recording->draft.occurred = when.ms;
    return FELLOE_OK;
}

enum felloe_code recording_init(struct recording *recording, struct cli *cli, const char *type, const char *person)
{
    const char *occurred = cli_option(cli, "occurred");
    *recording = (struct recording){.type = catalogue_find(bytes_str(type)),
                                    .draft = {.type = type,
                                              .site = cli_option(cli, "site"),
                                              .worker = cli_option(cli, "worker"),
                                              .anyway = cli_option(cli, "anyway") != NULL}};
    if (!occurred)
        occurred = cli_option(cli, "on");
    enum felloe_code code = person ? recording_person(recording, cli, person) : FELLOE_OK;
    return code == FELLOE_OK && occurred ? set_occurred(recording, cli, occurred) : code;
}

void recording_release(struct recording *recording)
{
    for (size_t i = 0; i < recording->count; i++) {
        free((char *)recording->fields[i].name);
        free((char *)recording->fields[i].value);
    }
    for (size_t i = 0; i < recording->people_count; i++)
        free(recording->people[i]);
    free(recording->people);
    free(recording->fields);
    *recording = (struct recording){0};
}

enum felloe_code recording_person(struct recording *recording, struct cli *cli, const char *person)
{
    if (*person == '@' && strcmp(recording->draft.type, "person.introduced") != 0)
        return cli_fail(cli, FELLOE_INVALID, "%s is not a person: give an id, the beginning of it, or a name; "
                        "`felloe introduce` makes a new person", person);
    char **people = reallocarray(recording->people, recording->people_count + 1, sizeof *people);
    if (people)
        recording->people = people;
    char *copy = people ? strdup(person) : NULL;
    if (!copy)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    people[recording->people_count++] = copy;
    recording->draft.person = people[0];
    return FELLOE_OK;
}

/* ---- fields ---- */

const char *recording_value(const struct recording *recording, const char *name)
{
    for (size_t i = 0; i < recording->count; i++)
        if (strcmp(recording->fields[i].name, name) == 0)
            return recording->fields[i].value;
    return NULL;
}

static enum felloe_code put(struct recording *recording, struct cli *cli, const char *name, const char *value)
{
    struct felloe_field *fields = reallocarray(recording->fields, recording->count + 1, sizeof *fields);
    if (fields)
        recording->fields = fields;
    char *own_name = fields ? strdup(name) : NULL, *own = own_name ? strdup(value) : NULL;
    if (!own) {
        free(own_name);
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    }
    fields[recording->count++] = (struct felloe_field){own_name, own};
    recording->draft.fields = fields;
    recording->draft.field_count = recording->count;
    return FELLOE_OK;
}

/* A list of numbers or workers in one text: "5 4 6", "amy, ben". */
static enum felloe_code put_list(struct recording *recording, struct cli *cli, const struct field_def *field,
                                 const char *value)
{
    const char *gaps = field->kind == KIND_NUMBER ? ", " : ",";
    enum felloe_code code = FELLOE_OK;
    while (*value && code == FELLOE_OK) {
        value += strspn(value, ", ");
        size_t len = strcspn(value, gaps);
        char item[256];
        snprintf(item, sizeof item, "%.*s", (int)len, value);
        while (len > 0 && item[0] && item[strlen(item) - 1] == ' ')
            item[strlen(item) - 1] = '\0';
        if (*item)
            code = put(recording, cli, field->name, item);
        value += len;
    }
    return code;
}

enum felloe_code recording_add(struct recording *recording, struct cli *cli, const char *name, const char *value)
{
    const struct field_def *field = recording->type ? catalogue_field(recording->type, bytes_str(name)) : NULL;
    char *normal;
    if (field && !field->list && recording_value(recording, name))
        return cli_fail(cli, FELLOE_INVALID, "%s is given twice, and takes one value", name);
    if (field && field->list && (field->kind == KIND_NUMBER || field->kind == KIND_WORKER))
        return put_list(recording, cli, field, value);
    enum felloe_code code = field_normal(field, value, when_now(), &normal, &cli->error);
    if (code == FELLOE_OK)
        code = put(recording, cli, name, normal);
    free(normal);
    return code;
}

enum felloe_code recording_options(struct recording *recording, struct cli *cli)
{
    enum felloe_code code = FELLOE_OK;
    for (size_t i = 0; i < cli->option_count && code == FELLOE_OK; i++) {
        const struct option_value *option = &cli->options[i];
        const struct option_meaning *meaning = option_meaning(cli->derived, option->def);
        if (!meaning || !meaning->field)
            continue;
        const char *said = option->def->meta || *option->value ? option->value : "yes";
        const char *value = meaning->value ? meaning->value : said;
        code = recording_add(recording, cli, meaning->field->name, value);
    }
    return code;
}

/* ---- what the daemon has to be asked about ---- */

static enum felloe_code replace(struct recording *recording, struct cli *cli, size_t index, const char *value)
{
    char *own = strdup(value);
    if (!own)
        return cli_fail(cli, FELLOE_FAILED, "out of memory");
    free((char *)recording->fields[index].value);
    recording->fields[index].value = own;
    return FELLOE_OK;
}

/* The fields of what is changed, where nothing new is said. */
static enum felloe_code carry(struct recording *recording, struct cli *cli, const struct thread_item *item)
{
    enum felloe_code code = FELLOE_OK;
    const size_t count = recording->count;
    for (size_t i = 0; i < item->field_count && code == FELLOE_OK; i++) {
        const struct field_def *field = catalogue_field(recording->type, bytes_str(item->fields[i].name));
        bool given = !field || field->kind == KIND_EVENT;
        for (size_t f = 0; f < count; f++)
            given |= strcmp(recording->fields[f].name, item->fields[i].name) == 0;
        if (!given)
            code = put(recording, cli, field->name, item->fields[i].value);
    }
    return code;
}

static enum felloe_code resolve_entry(struct recording *recording, struct cli *cli, size_t index, bool carries)
{
    const struct felloe_field *given = &recording->fields[index];
    struct thread_list list;
    const struct thread_item *item;
    enum felloe_code code = threads_find(cli, recording->draft.type, given->name, recording->draft.person, &list);
    if (code != FELLOE_OK)
        return code;
    code = threads_pick(cli, &list, given->value, &item);
    if (code == FELLOE_OK && item) {
        code = replace(recording, cli, index, item->id);
        if (code == FELLOE_OK && !recording->draft.person && *item->person)
            code = recording_person(recording, cli, item->person);
        if (code == FELLOE_OK && carries)
            code = carry(recording, cli, item);
    }
    threads_release(&list);
    return code;
}

static enum felloe_code resolve_worker(struct recording *recording, struct cli *cli, size_t index)
{
    char id[WORKER_ID_MAX];
    enum felloe_code code = worker_find(cli, recording->fields[index].value, id);
    return code == FELLOE_OK ? replace(recording, cli, index, id) : code;
}

enum felloe_code recording_resolve(struct recording *recording, struct cli *cli, bool carries)
{
    enum felloe_code code = FELLOE_OK;
    size_t count = recording->count; /* what is carried over needs nothing */
    for (size_t i = 0; i < count && code == FELLOE_OK; i++) {
        const struct field_def *field =
            recording->type ? catalogue_field(recording->type, bytes_str(recording->fields[i].name)) : NULL;
        if (field && field->kind == KIND_WORKER && *recording->fields[i].value)
            code = resolve_worker(recording, cli, i);
        else if (field && field->kind == KIND_EVENT && *recording->fields[i].value)
            code = resolve_entry(recording, cli, i, carries && field->self);
    }
    return code;
}

/* ---- saving ---- */

/* How a day or a code was understood: both may have been typed in short. */
static void tell_understood(const struct felloe_draft *draft)
{
    const struct type_def *type = catalogue_find(bytes_str(draft->type));
    const char *between = " (";
    char when[WHEN_MAX];
    struct when then;
    for (size_t i = 0; type && i < draft->field_count; i++) {
        const struct field_def *field = catalogue_field(type, bytes_str(draft->fields[i].name));
        const char *value = draft->fields[i].value;
        const char *label = field && field->codes ? code_label(field->codes, bytes_str(value)) : NULL;
        if (field && field->kind == KIND_DATE && *value) {
            when_weekday(value, when_now(), when);
            label = when;
        } else if (field && field->kind == KIND_TIME && when_parse(value, WHEN_NEAR, when_now(), &then)) {
            when_friendly(then.ms, when_now(), when);
            label = when;
        } else if (field && field->kind == KIND_SITE) {
            label = value;
        }
        bool yes = field && field->kind == KIND_YESNO && strcmp(value, "yes") == 0; /* its label says it */
        if (yes)
            printf("%s%s", between, field->label);
        else if (label)
            printf("%s%s: %s", between, field->label, label);
        between = label || yes ? ", " : between;
    }
    if (draft->has_occurred) {
        when_friendly(draft->occurred, when_now(), when);
        printf("%s%s", between, when);
        between = ", ";
    }
    if (*between == ',')
        putchar(')');
}

static json_t *saved_json(const struct felloe_saved *saved)
{
    json_t *json = *saved->person ? json_pack("{s:s,s:s}", "id", saved->id, "person", saved->person)
                                  : json_pack("{s:s}", "id", saved->id);
    if (*saved->warning)
        json_object_set_new(json, "warning", json_string(saved->warning));
    return json;
}

static enum felloe_code tell_saved(struct cli *cli, const struct felloe_draft *draft, const struct felloe_saved *saved,
                                   size_t count)
{
    if (cli->json && count > 1) {
        json_t *all = json_array();
        for (size_t i = 0; i < count; i++)
            json_array_append_new(all, saved_json(&saved[i]));
        return out_json(json_pack("{s:o}", "saved", all), &cli->error);
    }
    if (cli->json)
        return out_json(saved_json(saved), &cli->error);
    for (size_t i = 0; i < count; i++) {
        printf("Saved: %s %.*s", type_label(draft->type), ID_SHORT, saved[i].id);
        if (*saved[i].person)
            printf(", person %.*s", ID_SHORT, saved[i].person);
        tell_understood(draft);
        putchar('\n');
        if (*saved[i].warning) {
            fputs("  ", stdout);
            out_text(stdout, saved[i].warning);
            putchar('\n');
        }
    }
    return FELLOE_OK;
}

enum felloe_code recording_save(struct recording *recording, struct cli *cli)
{
    size_t count = recording->people_count > 1 ? recording->people_count : 1;
    struct felloe_saved *saved = calloc(count, sizeof *saved);
    struct felloe_draft *drafts = calloc(count, sizeof *drafts);
    enum felloe_code code = cli_connect(cli);
    for (size_t i = 0; saved && drafts && i < count; i++) {
        drafts[i] = recording->draft;
        if (count > 1)
            drafts[i].person = recording->people[i];
    }
    if (!saved || !drafts)
        code = cli_fail(cli, FELLOE_FAILED, "out of memory");
    if (code == FELLOE_OK)
        code = felloe_append(cli->client, drafts, count, false, saved, &cli->error);
    if (code == FELLOE_OK)
        code = tell_saved(cli, &recording->draft, saved, count);
    free(saved);
    free(drafts);
    return code;
}
