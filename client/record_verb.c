/* SPDX-License-Identifier: Apache-2.0 */
/* Running a verb that records: options and words become fields; what is missing is asked for, or told. */
#include "client/record_verb.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/ask.h"
#include "client/output.h"
#include "client/record.h"

/* ---- what a row says ---- */

const struct record_verb *record_verb_of(const struct verb *verb)
{
    for (size_t i = 0; verb && i < record_verb_count; i++)
        if (&record_verbs[i].verb == verb)
            return &record_verbs[i];
    return NULL;
}

const struct type_def *record_verb_type(const struct record_verb *row)
{
    return catalogue_find(bytes_str(row->type));
}

bool word_among(const char *words, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = words; at && *at; at += strspn(at, " ")) {
        size_t found = strcspn(at, " ");
        if (found == len && strncmp(at, word, len) == 0)
            return true;
        at += found;
    }
    return false;
}

bool pair_value(const char *pairs, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    for (const char *at = pairs; at && *at; at += strspn(at, " ")) {
        size_t found = strcspn(at, " ");
        if (found > len && strncmp(at, name, len) == 0 && at[len] == '=') {
            snprintf(out, size, "%.*s", (int)(found - len - 1), at + len + 1);
            return true;
        }
        at += found;
    }
    return false;
}

size_t record_verb_takes(const struct record_verb *row, struct taken out[TAKES_MAX])
{
    const struct type_def *type = record_verb_type(row);
    size_t count = 0;
    for (const char *at = row->takes; *at && count < TAKES_MAX; at += strspn(at, " ")) {
        size_t len = strcspn(at, " "), name = strcspn(at, " ?+");
        struct taken *taken = &out[count++];
        *taken = (struct taken){.optional = memchr(at, '?', len) != NULL};
        if (*at == '@')
            taken->kind = TAKE_NEW;
        else if (strncmp(at, "PERSON", 6) == 0)
            taken->kind = at[name] == '+' ? TAKE_PEOPLE : TAKE_PERSON;
        else
            taken->kind = TAKE_FIELD;
        if (taken->kind == TAKE_FIELD && type)
            taken->field = catalogue_field(type, bytes_of((const uint8_t *)at, name));
        at += len;
    }
    return count;
}

/* "of" and "which" say nothing by themselves. */
static const char *shown_name(const struct field_def *field)
{
    const struct type_def *refers = field_refers(field);
    if (field->kind != KIND_EVENT || (strcmp(field->name, "of") != 0 && strcmp(field->name, "which") != 0))
        return field->name;
    return !refers ? "entry" : refers->id == TYPE_concern_raised ? "concern" : refers->label;
}

void record_verb_arguments(const struct record_verb *row, char *out, size_t size)
{
    struct taken takes[TAKES_MAX];
    size_t count = record_verb_takes(row, takes), used = 0;
    *out = '\0';
    for (size_t i = 0; i < count && used < size; i++) {
        const struct taken *taken = &takes[i];
        char name[48];
        if (taken->kind == TAKE_NEW)
            continue;
        snprintf(name, sizeof name, "%s", taken->kind == TAKE_FIELD && taken->field ? shown_name(taken->field)
                                                                                    : "PERSON");
        for (char *at = name; *at; at++)
            *at = (char)(*at == '_' || *at == ' ' ? '-' : toupper((unsigned char)*at));
        int more = snprintf(out + used, size - used, "%s%s%s%s%s", used ? " " : "", taken->optional ? "[" : "", name,
                            taken->kind == TAKE_PEOPLE ? "…" : "", taken->optional ? "]" : "");
        used += more > 0 ? (size_t)more : 0;
    }
}

/* ---- running ---- */

struct running {
    struct cli *cli;
    const struct record_verb *row;
    const struct type_def *type;
    struct taken takes[TAKES_MAX];
    size_t take_count;
    struct recording *recording;
};

static bool is_given(const struct running *run, const struct taken *taken)
{
    switch (taken->kind) {
    case TAKE_NEW: return true;
    case TAKE_PERSON:
    case TAKE_PEOPLE: return run->recording->people_count > 0;
    case TAKE_FIELD: return recording_value(run->recording, taken->field->name) != NULL;
    }
    return true;
}

static enum felloe_code take_word(struct running *run, const struct taken *taken, const char *word)
{
    bool names = taken->kind == TAKE_FIELD && run->takes[0].kind == TAKE_NEW;
    if (names && !word[strspn(word, " \t\n")])
        return cli_fail(run->cli, FELLOE_USAGE, "a name is missing: what is the person known as?");
    if (taken->kind == TAKE_FIELD)
        return recording_add(run->recording, run->cli, taken->field->name, word);
    return recording_person(run->recording, run->cli, word);
}

static enum felloe_code too_many(struct cli *cli)
{
    char room[ARGUMENTS_MAX];
    return cli_fail(cli, FELLOE_USAGE, "that is one word too many (quote a text that has spaces): say `felloe %s %s`",
                    cli->verb->name, verb_arguments(cli->verb, room));
}

/* A word that begins nothing that could be meant (and is no id) is a person's name: what of theirs is still to say. */
static enum felloe_code is_name(struct running *run, const struct field_def *field, const char *word, bool *name)
{
    struct thread_list list;
    const struct thread_item *item;
    enum felloe_code code = threads_find(run->cli, run->row->type, field->name, NULL, &list);
    *name = false;
    if (code != FELLOE_OK)
        return code;
    *name = threads_pick(run->cli, &list, word, &item) == FELLOE_NOT_FOUND;
    run->cli->error = (struct felloe_error){0};
    threads_release(&list);
    return FELLOE_OK;
}

/* The words, to what is not given by an option; an optional PERSON in front takes one only when there are enough. */
static enum felloe_code take_words(struct running *run)
{
    struct cli *cli = run->cli;
    size_t needed = 0, at = 0;
    enum felloe_code code = FELLOE_OK;
    for (size_t i = 0; i < run->take_count; i++)
        needed += !is_given(run, &run->takes[i]) && !run->takes[i].optional;
    bool skip_first = run->take_count > 0 && run->takes[0].kind == TAKE_PERSON && run->takes[0].optional &&
                      cli->word_count <= needed;
    const struct field_def *second = skip_first && run->take_count > 1 ? run->takes[1].field : NULL;
    if (second && second->kind == KIND_EVENT && cli->word_count == 1 && !is_given(run, &run->takes[1])) {
        bool name;
        code = is_name(run, second, cli->words[0], &name);
        skip_first = !name;
    }
    bool had[TAKES_MAX] = {false}; /* before the words */
    for (size_t i = 0; i < run->take_count; i++)
        had[i] = is_given(run, &run->takes[i]);
    for (size_t i = skip_first ? 1 : 0; i < run->take_count && at < cli->word_count && code == FELLOE_OK; i++) {
        const struct taken *taken = &run->takes[i];
        if (had[i])
            continue;
        do
            code = take_word(run, taken, cli->words[at++]);
        while (taken->kind == TAKE_PEOPLE && at < cli->word_count && code == FELLOE_OK);
    }
    return code == FELLOE_OK && at < cli->word_count ? too_many(cli) : code;
}

/* "name=value" pairs of the row, where the field was not given. */
static enum felloe_code take_pairs(struct running *run, const char *pairs)
{
    char value[64];
    enum felloe_code code = FELLOE_OK;
    for (size_t i = 0; i < run->type->field_count && code == FELLOE_OK; i++) {
        const char *name = run->type->fields[i].name;
        if (pair_value(pairs, name, value, sizeof value) && !recording_value(run->recording, name))
            code = recording_add(run->recording, run->cli, name, value);
    }
    return code;
}

/* ---- what is missing ---- */

/* Nobody, or one of several, is told before more is typed. Whatever else is wrong, recording will say. */
static enum felloe_code look_up(struct cli *cli, const char *person)
{
    struct felloe_answer *answer;
    if (*person == '@')
        return FELLOE_OK;
    enum felloe_code code = cli_connect(cli);
    if (code == FELLOE_OK)
        code = felloe_view(cli->client, "person", cli_option(cli, "site"), person, &answer, &cli->error);
    if (code == FELLOE_OK)
        felloe_answer_free(answer);
    if (code == FELLOE_AMBIGUOUS || code == FELLOE_NOT_FOUND)
        return code;
    cli->error = (struct felloe_error){0};
    return FELLOE_OK;
}

static enum felloe_code ask_person(struct running *run)
{
    struct cli *cli = run->cli;
    for (;;) {
        char *who;
        enum felloe_code code = ask_line(cli, "Who (a name, or the beginning of the id)", NULL, &who);
        if (code != FELLOE_OK)
            return code;
        bool some = *who != '\0';
        if (some)
            code = look_up(cli, who);
        bool found = some && code == FELLOE_OK;
        if (found)
            code = recording_person(run->recording, cli, who);
        free(who);
        if (found)
            return code;
        if (!some)
            continue;
        fputs("  ", cli->asks);
        out_text(cli->asks, cli->error.message);
        fputc('\n', cli->asks);
        cli->error = (struct felloe_error){0};
    }
}

static enum felloe_code ask_one(struct running *run, const struct field_def *field, bool required)
{
    char *value = NULL, otherwise[64];
    bool has_default = pair_value(run->row->defaults, field->name, otherwise, sizeof otherwise) && *otherwise != '@';
    enum felloe_code code;
    if (field->kind == KIND_EVENT) {
        struct thread_list list;
        code = threads_find(run->cli, run->row->type, field->name, run->recording->draft.person, &list);
        if (code != FELLOE_OK)
            return code;
        code = ask_thread(run->cli, field, required, &list, &value);
        threads_release(&list);
    } else {
        code = ask_field(run->cli, field, required, has_default ? otherwise : NULL, &value);
    }
    if (code == FELLOE_OK && value)
        code = recording_add(run->recording, run->cli, field->name, value);
    free(value);
    return code;
}

/* What the row takes: what is needed, or (needed false) what may be left out. */
static enum felloe_code ask_taken(struct running *run, bool needed)
{
    enum felloe_code code = FELLOE_OK;
    for (size_t i = 0; i < run->take_count && code == FELLOE_OK; i++) {
        const struct taken *taken = &run->takes[i];
        bool asked = taken->field && word_among(run->row->asks, taken->field->name); /* at its place there */
        if (is_given(run, taken) || taken->optional == needed || (!needed && (!taken->field || asked)))
            continue;
        code = taken->field ? ask_one(run, taken->field, needed) : ask_person(run);
    }
    return code;
}

/* The fields that the row asks for, in its order. */
static enum felloe_code ask_more(struct running *run)
{
    enum felloe_code code = FELLOE_OK;
    for (const char *at = run->row->asks; at && *at && code == FELLOE_OK; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        const struct field_def *field = catalogue_field(run->type, bytes_of((const uint8_t *)at, len));
        if (field && !recording_value(run->recording, field->name))
            code = ask_one(run, field, field->required);
        at += len;
    }
    return code;
}

static enum felloe_code ask_missing(struct running *run, bool words_only)
{
    enum felloe_code code = ask_taken(run, true);
    for (size_t i = 0; i < run->type->field_count && code == FELLOE_OK && !words_only; i++) {
        const struct field_def *field = &run->type->fields[i];
        if (field->required && !recording_value(run->recording, field->name))
            code = ask_one(run, field, true);
    }
    if (code == FELLOE_OK && !words_only)
        code = ask_more(run);
    return code == FELLOE_OK ? ask_taken(run, false) : code;
}

/* Has to be said, and is not: the name as it is shown in help. */
static bool find_missing(const struct running *run, bool words_only, char *out, size_t size,
                         const struct field_def **field)
{
    char value[64];
    *field = NULL;
    for (size_t i = 0; i < run->take_count; i++) {
        const struct taken *taken = &run->takes[i];
        if (taken->optional || is_given(run, taken))
            continue;
        bool has_default = taken->kind == TAKE_FIELD &&
                           pair_value(run->row->defaults, taken->field->name, value, sizeof value);
        if (has_default)
            continue;
        *field = taken->kind == TAKE_FIELD ? taken->field : NULL;
        snprintf(out, size, "%s", *field ? (*field)->label : "whom it is about");
        return true;
    }
    for (size_t i = 0; i < run->type->field_count && !words_only; i++) {
        const struct field_def *one = &run->type->fields[i];
        if (!one->required || recording_value(run->recording, one->name) ||
            pair_value(run->row->defaults, one->name, value, sizeof value))
            continue;
        *field = one;
        snprintf(out, size, "%s", one->label);
        return true;
    }
    return false;
}

/* A type that says something by its fields alone. */
static bool says_nothing(const struct running *run)
{
    return run->type->effect_count == 0 && run->recording->count == 0;
}

static enum felloe_code tell_missing(struct running *run, const char *what, const struct field_def *field)
{
    char room[ARGUMENTS_MAX], option[80] = "";
    bool in_words = !field;
    for (size_t i = 0; i < run->take_count; i++)
        in_words |= run->takes[i].field && run->takes[i].field == field;
    const struct derived_options *derived = run->cli->derived;
    for (size_t i = 0; !in_words && derived && i < derived->count && !*option; i++)
        if (derived->meanings[i].field == field)
            snprintf(option, sizeof option, " --%s%s%s", derived->defs[i].name, derived->defs[i].meta ? " " : "",
                     derived->defs[i].meta ? derived->defs[i].meta : "");
    const char *arguments = verb_arguments(run->cli->verb, room);
    return cli_fail(run->cli, FELLOE_USAGE, "something is missing: %s. Say `felloe %s%s%s%s`", what,
                    run->cli->verb->name, *arguments ? " " : "", arguments, option);
}

static enum felloe_code tell_nothing(const struct running *run)
{
    char options[200] = "";
    size_t used = 0, count = run->type->field_count;
    for (size_t i = 0; i < count && i < 5 && used < sizeof options; i++)
        used += (size_t)snprintf(options + used, sizeof options - used, "%s--%s", i ? ", " : "",
                                 run->type->fields[i].name);
    for (char *at = options; (at = strchr(at, '_'));)
        *at = '-';
    return cli_fail(run->cli, FELLOE_USAGE,
                    "this says nothing yet: give at least one of %s%s; `felloe help %s` says how", options,
                    count > 5 ? " …" : "", run->cli->verb->name);
}

/* Sees to it that all is there: `words_only`, what the verb takes; the rest comes from the entry that is changed. */
static enum felloe_code complete(struct running *run, bool words_only)
{
    char what[120];
    const struct field_def *field;
    bool nothing = !words_only && says_nothing(run), missing = find_missing(run, words_only, what, sizeof what, &field);
    bool bare = !words_only && run->row->asks && run->recording->count == 0; /* "felloe meet Jo" */
    if ((missing || nothing || bare) && ask_possible(run->cli)) {
        enum felloe_code code = FELLOE_OK;
        for (size_t i = 0; i < run->recording->people_count && code == FELLOE_OK; i++)
            code = look_up(run->cli, run->recording->people[i]);
        return code == FELLOE_OK ? ask_missing(run, words_only) : code;
    }
    if (missing)
        return tell_missing(run, what, field);
    if (!nothing)
        return FELLOE_OK;
    return tell_nothing(run);
}

/* ---- all of it ---- */

static struct running running_of(struct cli *cli, const struct record_verb *row, struct recording *recording)
{
    struct running run = {.cli = cli, .row = row, .type = record_verb_type(row), .recording = recording};
    run.take_count = record_verb_takes(row, run.takes);
    return run;
}

enum felloe_code record_verb_complete(struct cli *cli, const struct record_verb *row, struct recording *recording)
{
    struct running run = running_of(cli, row, recording);
    return complete(&run, false);
}

static enum felloe_code gather(struct running *run)
{
    struct cli *cli = run->cli;
    const char *person = cli_option(cli, "person");
    bool is_new = run->take_count > 0 && run->takes[0].kind == TAKE_NEW;
    enum felloe_code code = recording_init(run->recording, cli, run->row->type, is_new ? "@new" : person);
    if (code == FELLOE_OK)
        code = recording_options(run->recording, cli);
    if (code == FELLOE_OK)
        code = take_words(run);
    if (code == FELLOE_OK)
        code = take_pairs(run, run->row->fixed);
    if (code == FELLOE_OK)
        code = complete(run, run->row->carries);
    if (code == FELLOE_OK)
        code = take_pairs(run, run->row->defaults);
    return code;
}

enum felloe_code record_verb_run(struct cli *cli)
{
    const struct record_verb *row = record_verb_of(cli->verb);
    if (!row || !record_verb_type(row))
        return cli_fail(cli, FELLOE_FAILED, "this version does not know what to record");
    struct recording recording;
    struct running run = running_of(cli, row, &recording);
    enum felloe_code code = gather(&run);
    if (code == FELLOE_OK)
        code = recording_resolve(&recording, cli, row->carries);
    if (code == FELLOE_OK && row->carries)
        code = complete(&run, false);
    if (code == FELLOE_OK)
        code = recording_save(&recording, cli);
    recording_release(&recording);
    return code;
}
