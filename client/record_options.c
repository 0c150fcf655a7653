/* SPDX-License-Identifier: Apache-2.0 */
/* The options of a verb that records: the fields of its type, as the catalogue has them, and shorter names for some. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/record.h"
#include "client/record_verb.h"

/* Another name of an option, where the type has the field and none of that name. */
static const struct { const char *option, *field; } aliases[] = {
    {"at", "place"},    {"at", "where"},         {"how", "mechanism"},   {"how", "method"},  {"by", "due"},
    {"back", "back_by"}, {"only-for", "audience"}, {"with", "present"}, {"because", "why"}, {"hours", "schedule"},
    {"born", "date_of_birth"}, {"nhs", "nhs_number"}, {"with", "agreed_by"},
};

static const char *meta_of(const struct field_def *field)
{
    static const char *const metas[] = {
        [KIND_TEXT] = "TEXT",     [KIND_CODE] = "CODE", [KIND_NUMBER] = "N",        [KIND_DURATION] = "MINUTES",
        [KIND_DATE] = "DAY",      [KIND_TIME] = "WHEN", [KIND_YESNO] = NULL,        [KIND_WORKER] = "WORKER",
        [KIND_SITE] = "SITE",     [KIND_PLACE] = "WHERE", [KIND_SCHEDULE] = "HOURS", [KIND_PERSON] = "PERSON",
        [KIND_EVENT] = "ENTRY",   [KIND_NHS] = "NUMBER", [KIND_HEX] = "HEX",         [KIND_BYTES] = "BYTES",
        [KIND_VALUE] = "VALUE",
    };
    return metas[field->kind];
}

/* --worker and --site say who records and where, on every verb. */
static const char *option_name(const struct field_def *field)
{
    return strcmp(field->name, "worker") == 0 ? "who" : strcmp(field->name, "site") == 0 ? "team" : field->name;
}

static bool add(struct derived_options *options, const char *name, const char *meta, char *help,
                const struct field_def *field, const char *value)
{
    struct option_meaning *meanings = reallocarray(options->meanings, options->count + 1, sizeof *meanings);
    if (meanings)
        options->meanings = meanings;
    struct option_def *defs = reallocarray(options->defs, options->count + 2, sizeof *defs);
    if (defs)
        options->defs = defs;
    char *own = strdup(name);
    if (!meanings || !defs || !own || !help) {
        free(own);
        free(help);
        return false;
    }
    for (char *at = own; (at = strpbrk(at, "_ "));)
        *at = '-';
    meanings[options->count] = (struct option_meaning){field, value, own, help};
    defs[options->count++] = (struct option_def){own, meta, help};
    defs[options->count] = (struct option_def)OPTIONS_END;
    return true;
}

/* "urgency: emergency, very urgent, urgent, routine". */
static char *field_help(const struct field_def *field)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);
    if (!to)
        return NULL;
    fputs(field->label, to);
    size_t shown = field->codes && field->codes->count <= 6 ? field->codes->count : 0;
    for (size_t i = 0; i < shown; i++)
        fprintf(to, "%s%s", i ? ", " : ": ", field->codes->codes[i].label);
    if (field->codes && !shown)
        fprintf(to, ": %s, %s … (`felloe types` lists them)", field->codes->codes[0].label,
                field->codes->codes[1].label);
    if (field->kind == KIND_NUMBER && field->max < 1000 && !strstr(field->label, " to "))
        fprintf(to, ", %lld to %lld", (long long)field->min, (long long)field->max);
    if (field->list)
        fputs("; repeat it for several", to);
    if (fclose(to) == 0)
        return text;
    free(text);
    return NULL;
}

static bool add_flags(struct derived_options *options, const struct field_def *field)
{
    for (size_t i = 0; i < field->codes->count; i++) {
        const struct code *code = &field->codes->codes[i];
        char *help = NULL;
        if (asprintf(&help, "%s: %s", field->label, code->label) < 0 ||
            !add(options, code->code, NULL, help, field, code->code))
            return false;
    }
    return true;
}

static bool add_alias(struct derived_options *options, const struct type_def *type, size_t alias)
{
    const struct field_def *field = catalogue_field(type, bytes_str(aliases[alias].field));
    if (!field || catalogue_field(type, bytes_str(aliases[alias].option)))
        return true;
    char *help = NULL;
    char dashed[64];
    snprintf(dashed, sizeof dashed, "%s", option_name(field));
    for (char *at = dashed; (at = strchr(at, '_'));)
        *at = '-';
    return asprintf(&help, "the same as --%s", dashed) >= 0 &&
           add(options, aliases[alias].option, meta_of(field), help, field, NULL);
}

bool derive_options(const struct record_verb *row, struct derived_options *out)
{
    const struct type_def *type = record_verb_type(row);
    char value[64];
    *out = (struct derived_options){0};
    bool done = type != NULL;
    for (size_t i = 0; done && i < type->field_count; i++) {
        const struct field_def *field = &type->fields[i];
        if (pair_value(row->fixed, field->name, value, sizeof value) || field->kind == KIND_BYTES)
            continue;
        if (word_among(row->flags, field->name))
            done = add_flags(out, field);
        done = done && add(out, option_name(field), meta_of(field), field_help(field), field, NULL);
    }
    for (size_t i = 0; done && i < sizeof aliases / sizeof *aliases; i++)
        done = add_alias(out, type, i);
    if (done && type->about != ABOUT_SITE && !strstr(row->takes, "@new"))
        done = add(out, "person", "PERSON", strdup("whom it is about"), NULL, NULL);
    const struct option_def occurred = OPTION_OCCURRED;
    done = done && add(out, "on", "WHEN", strdup("the same as --occurred"), NULL, NULL) &&
           add(out, occurred.name, occurred.meta, strdup(occurred.help), NULL, NULL) &&
           add(out, "anyway", NULL, strdup("also what makes no sense as far as is known here"), NULL, NULL);
    if (!done)
        derived_release(out);
    return done;
}

void derived_release(struct derived_options *options)
{
    for (size_t i = 0; i < options->count; i++) {
        free(options->meanings[i].name);
        free(options->meanings[i].help);
    }
    free(options->meanings);
    free(options->defs);
    *options = (struct derived_options){0};
}

const struct option_meaning *option_meaning(const struct derived_options *options, const struct option_def *def)
{
    for (size_t i = 0; options && i < options->count; i++)
        if (&options->defs[i] == def)
            return &options->meanings[i];
    return NULL;
}
