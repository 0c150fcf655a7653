/* SPDX-License-Identifier: Apache-2.0 */
/* types: the catalogue of event types, for people, as JSON, and as the page of reference. Needs no daemon. */
#include <stdlib.h>
#include <string.h>

#include "client/output.h"
#include "client/record.h"
#include "client/type_words.h"
#include "client/types_page.h"
#include "client/verbs.h"

static const struct option_def options[] = {
    {"markdown", NULL, "all of it as a page of reference"},
    OPTIONS_END,
};

/* ---- JSON ---- */

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
    const struct type_def *refers = field_refers(field);
    json_t *object = json_pack("{s:s,s:s,s:s,s:b,s:b,s:b,s:s}", "name", field->name, "label", field->label, "kind",
                               field_kind_words(field->kind), "required", field->required, "list", field->list, "self",
                               field->self, "merge", merge_rule_letter(field->merge));
    if (field->codes)
        json_object_set_new(object, "codes", codes_json(field->codes));
    if (field->kind == KIND_NUMBER || field->kind == KIND_DURATION) {
        json_object_set_new(object, "min", json_integer(field->min));
        json_object_set_new(object, "max", json_integer(field->max));
    }
    if (field->items > 0)
        json_object_set_new(object, "items", json_integer(field->items));
    if (refers)
        json_object_set_new(object, "refers", json_string(refers->name));
    if (field->reg)
        json_object_set_new(object, "writes", json_string(field->reg));
    return object;
}

static json_t *effects_json(const struct type_def *type)
{
    json_t *effects = json_array();
    for (size_t i = 0; i < type->effect_count; i++) {
        char *text = NULL;
        size_t len;
        FILE *to = open_memstream(&text, &len);
        bool says = to && effect_words(to, &type->effects[i]);
        if (to)
            fclose(to);
        if (says)
            json_array_append_new(effects, json_string(text));
        free(text);
    }
    return effects;
}

static json_t *type_json(const struct type_def *type)
{
    json_t *fields = json_array();
    for (size_t i = 0; i < type->field_count; i++)
        json_array_append_new(fields, field_json(&type->fields[i]));
    static const char *const abouts[] = {"person", "site", "either"};
    static const char *const audiences[] = {"all", "may", "always", "known"};
    return json_pack("{s:s,s:s,s:s,s:s,s:b,s:s,s:o,s:o}", "type", type->name, "label", type->label, "help", type->help,
                     "about", abouts[type->about], "by_hub", type->writer != BY_WORKERS, "audience",
                     audiences[type->audience], "fields", fields, "effects", effects_json(type));
}

/* ---- for people ---- */

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

static void print_field(const struct field_def *field)
{
    printf("%s%s%s%s: %s, ", out_style(STYLE_BOLD), field->name, out_style(STYLE_PLAIN),
           field->required ? " (required)" : "", field->label);
    field_words(stdout, field);
    printf("; %s\n", merge_rule_words(field->merge));
    for (size_t c = 0; field->codes && c < field->codes->count; c++)
        print_code(&field->codes->codes[c]);
}

static enum felloe_code one_type(struct cli *cli, const struct type_def *type)
{
    if (cli->json)
        return out_json(type_json(type), &cli->error);
    printf("%s%s%s (%s)\n%s\n%s\n", out_style(STYLE_BOLD), type->name, out_style(STYLE_PLAIN), type->label, type->help,
           type_about_words(type));
    if (type_audience_words(type))
        printf("%s\n", type_audience_words(type));
    putchar('\n');
    for (size_t i = 0; i < type->field_count; i++)
        print_field(&type->fields[i]);
    for (size_t i = 0, told = 0; i < type->effect_count; i++) {
        if (type->effects[i].op == EFFECT_KEEP)
            continue;
        fputs(told++ ? "" : "\n", stdout);
        effect_words(stdout, &type->effects[i]);
        putchar('\n');
    }
    return FELLOE_OK;
}

static enum felloe_code run(struct cli *cli)
{
    if (cli_option(cli, "markdown")) {
        types_page(stdout);
        return FELLOE_OK;
    }
    if (cli->word_count == 0)
        return all_types(cli);
    const struct type_def *type = catalogue_find(bytes_str(cli->words[0]));
    if (!type)
        return cli_fail(cli, FELLOE_NOT_FOUND, "there is no type \"%s\": `felloe types` lists them all", cli->words[0]);
    return one_type(cli, type);
}

const struct verb verb_types = {"types", GROUP_LOOK, "[TYPE]", "the types of entry, and a type's fields and codes",
                                "  felloe types task.closed\n  felloe types --markdown >TYPES.md", options, 0, 1, run};
