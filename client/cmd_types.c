/* SPDX-License-Identifier: Apache-2.0 */
/* types: the catalogue of event types, for people and as JSON. Needs no daemon. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/output.h"
#include "client/verbs.h"
#include "proto/domain/catalogue.h"

static json_t *codes_json(const struct code_list *list)
{
    json_t *codes = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(codes, json_pack("{s:s,s:s}", "code", list->codes[i].code, "label",
                                               list->codes[i].label));
    return codes;
}

static json_t *field_json(const struct field_def *field)
{
    json_t *object = json_pack("{s:s,s:s,s:s,s:b,s:b,s:s}", "name", field->name, "label", field->label, "kind",
                               field_kind_words(field->kind), "required", field->required, "list", field->list, "merge",
                               merge_rule_letter(field->merge));
    if (field->codes)
        json_object_set_new(object, "codes", codes_json(field->codes));
    if (field->kind == KIND_NUMBER) {
        json_object_set_new(object, "min", json_integer(field->min));
        json_object_set_new(object, "max", json_integer(field->max));
    }
    return object;
}

static json_t *type_json(const struct type_def *type)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < type->field_count; i++)
        json_array_append_new(fields, field_json(&type->fields[i]));
    static const char *const abouts[] = {"person", "site", "either"};
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:o}", "type", type->name, "label", type->label, "help", type->help, "about",
                     abouts[type->about], "by_hub", type->writer != BY_WORKERS, "fields", fields);
}

static enum felloe_code all_types(struct cli *cli)
{
    if (cli->json) {
        json_t *types = json_array();
        for (size_t i = 0; i < catalogue_count(); i++)
            json_array_append_new(types, type_json(catalogue_at(i)));
        return out_json(json_pack("{s:o}", "types", types), &cli->error);
    }
    struct table *table = table_new();
    table_column(table, "type", COLUMN_PLAIN);
    table_column(table, "what it is", COLUMN_WRAP);
    for (size_t i = 0; i < catalogue_count(); i++) {
        table_row(table);
        table_cell(table, 0, catalogue_at(i)->name);
        table_cell(table, 1, catalogue_at(i)->help);
    }
    return table_print(table, &cli->error);
}

/* A code that is its own label is told once. */
static void print_code(const struct code *code)
{
    bool same = strcmp(code->code, code->label) == 0;
    printf("    %-4s%s%s\n", code->code, same ? "" : " ", same ? "" : code->label);
}

static enum felloe_code one_type(struct cli *cli, const struct type_def *type)
{
    if (cli->json)
        return out_json(type_json(type), &cli->error);
    static const char *const abouts[] = {"About a person.", "About a site.", "About a person or a site."};
    static const char *const writers[] = {NULL, "Only the hub writes it.", "Written by itself, with another entry."};
    const char *about = type->writer == BY_WORKERS ? abouts[type->about] : writers[type->writer];
    printf("%s%s%s (%s)\n%s\n%s\n\n", out_style(STYLE_BOLD), type->name, out_style(STYLE_PLAIN), type->label,
           type->help, about);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field_def *field = &type->fields[i];
        printf("%s%s%s%s%s: %s, %s", out_style(STYLE_BOLD), field->name, out_style(STYLE_PLAIN),
               field->required ? " (required)" : "", field->list ? " (several)" : "", field->label,
               field_kind_words(field->kind));
        if (field->kind == KIND_NUMBER)
            printf(" from %" PRId64 " to %" PRId64, field->min, field->max);
        printf("; %s\n", merge_rule_words(field->merge));
        for (size_t c = 0; field->codes && c < field->codes->count; c++)
            print_code(&field->codes->codes[c]);
    }
    return FELLOE_OK;
}

static enum felloe_code run(struct cli *cli)
{
    if (cli->word_count == 0)
        return all_types(cli);
    const struct type_def *type = catalogue_find(bytes_str(cli->words[0]));
    if (!type)
        return cli_fail(cli, FELLOE_NOT_FOUND, "there is no type \"%s\": `felloe types` lists them all", cli->words[0]);
    return one_type(cli, type);
}

const struct verb verb_types = {"types", "Look at what the team holds together", "[TYPE]",
                                "the types of event, and a type's fields and codes", NULL, NULL, 0, 1, run};
