/* SPDX-License-Identifier: Apache-2.0 */
/* The page of reference of all types, as Markdown. */
#include "client/types_page.h"

#include <string.h>

#include "client/type_words.h"

/* A bar would end the cell. */
static void put(FILE *to, const char *text)
{
    for (; *text; text++)
        fprintf(to, *text == '|' ? "\\%c" : "%c", *text);
}

static void field_row(FILE *to, const struct field_def *field)
{
    fprintf(to, "| `%s`%s | ", field->name, field->required ? " *" : "");
    put(to, field->label);
    fputs(" | ", to);
    field_words(to, field);
    if (field->codes)
        fprintf(to, " ([%s](#codes-%s))", field->codes->name, field->codes->name);
    fprintf(to, " | %s", merge_rule_letter(field->merge));
    if (field->reg)
        fprintf(to, " `%s`", field->reg);
    fputs(" |\n", to);
}

static void type_section(FILE *to, const struct type_def *type)
{
    fprintf(to, "\n### %s\n\n**%s.** %s %s%s%s\n", type->name, type->label, type->help, type_about_words(type),
            type_audience_words(type) ? " " : "", type_audience_words(type) ? type_audience_words(type) : "");
    if (type->field_count > 0)
        fputs("\n| field | in words | takes | merge |\n| --- | --- | --- | --- |\n", to);
    for (size_t i = 0; i < type->field_count; i++)
        field_row(to, &type->fields[i]);
    for (size_t i = 0, told = 0; i < type->effect_count; i++) {
        if (type->effects[i].op == EFFECT_KEEP)
            continue;
        fputs(told++ ? "- " : "\n- ", to);
        effect_words(to, &type->effects[i]);
        fputc('\n', to);
    }
}

static void register_row(FILE *to, const struct register_def *def)
{
    static const char *const ranks[] = {"safety", "sharing", "the rest", "never"};
    fprintf(to, "| `%s` | %s | %s | %s | ", def->name, def->label, merge_rule_letter(def->merge), ranks[def->settle]);
    if (def->each)
        fprintf(to, "`%s`", def->each);
    fputs(" | ", to);
    if (def->codes)
        fprintf(to, "[%s](#codes-%s)", def->codes->name, def->codes->name);
    else
        fputs(field_kind_words(def->kind), to);
    fputs(" |\n", to);
}

/* Lists that are the catalogue itself (types, registers) are not told again. */
static bool is_own_list(const struct code_list *list)
{
    return list != &codes_type && list != &codes_what;
}

void types_page(FILE *to)
{
    fputs("# Types of entries\n\n"
          "Made from the catalogue (`felloe types --markdown`); change `proto/domain/catalogue.def`, not this page.\n"
          "A field with a star is required. Every entry also has who recorded it, when, and, where that was another\n"
          "time, when it happened. The letters of *merge* say what becomes of a field that two wrote without knowing\n"
          "of each other; behind it stands the register that it writes.\n\n", to);
    for (int rule = MERGE_KEEP; rule <= MERGE_SETTLE; rule++)
        fprintf(to, "- **%s**: %s\n", merge_rule_letter((enum merge_rule)rule),
                merge_rule_words((enum merge_rule)rule));
    fputs("\n## Types\n", to);
    for (size_t i = 0; i < catalogue_count(); i++)
        type_section(to, catalogue_at(i));
    fputs("\n## Registers\n\nWhat can be overwritten; *one each*: there is one for every value of that field (or\n"
          "pair) of the entry that writes it. *Settle*: in which order things to settle are listed.\n\n"
          "| register | in words | merge | settle | one each | holds |\n| --- | --- | --- | --- | --- | --- |\n", to);
    for (int id = REG_NONE + 1; id < REG_COUNT; id++)
        register_row(to, register_def_of((enum register_id)id));
    fputs("\n## Codes\n", to);
    for (size_t i = 0; i < code_list_count(); i++) {
        const struct code_list *list = code_list_at(i);
        if (!is_own_list(list))
            continue;
        fprintf(to, "\n<a id=\"codes-%s\"></a>**%s**: ", list->name, list->name);
        for (size_t c = 0; c < list->count; c++) {
            fprintf(to, "%s`%s`", c ? ", " : "", list->codes[c].code);
            if (strcmp(list->codes[c].code, list->codes[c].label) != 0)
                fprintf(to, " %s", list->codes[c].label);
        }
        fputc('\n', to);
    }
}
