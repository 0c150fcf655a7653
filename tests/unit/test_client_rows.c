/* SPDX-License-Identifier: Apache-2.0 */
/* The table of verbs that record, whole: every row says what the catalogue has, and nothing twice; and what is typed
 * becomes the fields that are meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/record.h"
#include "client/record_verb.h"
#include "client/verbs.h"

/* Each word of `words` (what stands before = in pairs) is a field of the type. */
static void assert_fields(const struct record_verb *row, const char *words)
{
    const struct type_def *type = record_verb_type(row);
    for (const char *at = words; at && *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " "), name = strcspn(at, " =?+");
        if (*at != '@' && strncmp(at, "PERSON", 6) != 0 &&
            !catalogue_field(type, bytes_of((const uint8_t *)at, name)))
            fail_msg("%s: %s has no field %.*s", row->verb.name, row->type, (int)name, at);
        at += len;
    }
}

static void every_row_is_of_a_type_and_its_words_are_fields(void **state)
{
    (void)state;
    assert_true(record_verb_count > 40);
    for (size_t i = 0; i < record_verb_count; i++) {
        const struct record_verb *row = &record_verbs[i];
        const struct type_def *type = record_verb_type(row);
        if (!type)
            fail_msg("%s: there is no type %s", row->verb.name, row->type);
        assert_int_equal(type->writer, BY_WORKERS);
        assert_fields(row, row->takes);
        assert_fields(row, row->fixed);
        assert_fields(row, row->defaults);
        assert_fields(row, row->asks);
        assert_fields(row, row->flags);
        bool names_person = strstr(row->takes, "PERSON") || strstr(row->takes, "@new");
        assert_int_equal(names_person, type->about != ABOUT_SITE);
        assert_ptr_equal(record_verb_of(&row->verb), row);
    }
}

/* What is done daily has a verb; what is not has `record`. */
static void nearly_every_type_that_workers_write_has_a_verb(void **state)
{
    (void)state;
    size_t without = 0;
    for (size_t t = 0; t < catalogue_count(); t++) {
        const struct type_def *type = catalogue_at(t);
        bool found = type->writer != BY_WORKERS || type->id == TYPE_conflict_settled; /* settle has code of its own */
        for (size_t i = 0; i < record_verb_count; i++)
            found |= strcmp(record_verbs[i].type, type->name) == 0;
        without += !found;
    }
    assert_in_range(without, 0, 5);
}

/* Codes that stand in a row are codes, and defaults are such values as the catalogue takes. */
static void what_a_row_says_by_itself_is_understood(void **state)
{
    (void)state;
    for (size_t i = 0; i < record_verb_count; i++) {
        const struct record_verb *row = &record_verbs[i];
        const struct type_def *type = record_verb_type(row);
        for (size_t f = 0; f < type->field_count; f++) {
            const struct field_def *field = &type->fields[f];
            char value[64];
            bool fixed = pair_value(row->fixed, field->name, value, sizeof value);
            bool has_default = !fixed && pair_value(row->defaults, field->name, value, sizeof value);
            if ((fixed || has_default) && field->codes)
                assert_non_null(code_label(field->codes, bytes_str(value)));
            if (word_among(row->flags, field->name))
                assert_int_equal(field->kind, KIND_CODE);
        }
    }
}

static void no_option_is_there_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < verb_count(); i++) {
        const struct verb *verb = verb_at(i);
        const struct record_verb *row = record_verb_of(verb);
        struct derived_options derived = {0};
        if (row)
            assert_true(derive_options(row, &derived));
        const struct option_def *options = row ? derived.defs : verb->options;
        for (const struct option_def *a = options; a && a->name; a++) {
            for (const struct option_def *b = a + 1; b->name; b++)
                if (strcmp(a->name, b->name) == 0)
                    fail_msg("%s has --%s twice", verb->name, a->name);
            for (const struct option_def *b = global_options(); row && b->name; b++)
                if (strcmp(a->name, b->name) == 0)
                    fail_msg("%s has --%s, which every verb has", verb->name, a->name);
            assert_true(*a->help);
        }
        derived_release(&derived);
    }
}

static void every_verb_is_in_a_group_that_help_shows(void **state)
{
    (void)state;
    for (size_t i = 0; i < verb_count(); i++) {
        char room[ARGUMENTS_MAX];
        if (!help_has_group(verb_at(i)->group))
            fail_msg("%s is in no group: %s", verb_at(i)->name, verb_at(i)->group);
        assert_non_null(verb_arguments(verb_at(i), room));
    }
}

static void arguments_are_made_of_what_a_row_takes(void **state)
{
    (void)state;
    static const struct { const char *first, *second, *arguments; } cases[] = {
        {"introduce", NULL, "KNOWN-AS"},
        {"meet", NULL, "PERSON [TEXT]"},
        {"task", "close", "[PERSON] TASK [OUTCOME]"},
        {"huddle", NULL, "PERSON…"},
        {"strike", NULL, "[PERSON] ENTRY WHY"},
        {"stand-down", NULL, "[PERSON] CONCERN WHY"},
        {"correct", NULL, "[PERSON] CONTACT FIELD VALUE [WHY]"},
        {"out", NULL, "WHERE [BACK-BY]"},
        {"plan", NULL, "PERSON"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const words[] = {cases[i].first, cases[i].second};
        const struct verb *verb;
        char room[ARGUMENTS_MAX];
        assert_true(verb_find(words, cases[i].second ? 2 : 1, &verb) > 0);
        assert_string_equal(verb_arguments(verb, room), cases[i].arguments);
    }
}

static void other_words_find_the_verb(void **state)
{
    (void)state;
    static const struct { const char *first, *second, *name; size_t taken; } cases[] = {
        {"my-day", NULL, "today", 1},     {"tasks", "Jo", "task list", 1}, {"contact", NULL, "meet", 1},
        {"task", NULL, NULL, 0},          {"worry", NULL, NULL, 0},        {"resource", "list", "resources", 2},
        {"resource", "lost", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const words[] = {cases[i].first, cases[i].second};
        const struct verb *verb;
        size_t taken = verb_find(words, cases[i].second ? 2 : 1, &verb);
        assert_int_equal(taken, cases[i].taken);
        if (cases[i].name)
            assert_string_equal(verb->name, cases[i].name);
    }
}

/* ---- a command line, up to what would be asked of the daemon ---- */

/* Runs a verb without a daemon; what it failed with is in cli->error. */
static enum felloe_code run(struct cli *cli, const char *const *words)
{
    static char *argv[32];
    int argc = 3;
    argv[0] = (char *)"felloe";
    argv[1] = (char *)"--dir";
    argv[2] = (char *)"/nonexistent/felloe";
    for (; words[argc - 3]; argc++)
        argv[argc] = (char *)words[argc - 3];
    argv[argc] = NULL;
    *cli = (struct cli){0};
    enum felloe_code code = cli_parse(cli, argc, argv);
    return code == FELLOE_OK ? cli->verb->run(cli) : code;
}

static void what_is_missing_or_too_much_is_told_before_anything_is_asked(void **state)
{
    (void)state;
    static const struct { const char *words[8]; enum felloe_code code; const char *says; } cases[] = {
        {{"note", "Jo"}, FELLOE_USAGE, "text. Say `felloe note PERSON TEXT`"},
        {{"note"}, FELLOE_USAGE, "whom it is about"},
        {{"introduce"}, FELLOE_USAGE, "known as. Say `felloe introduce KNOWN-AS`"},
        {{"crisis", "open", "Jo"}, FELLOE_USAGE, "urgency"},
        {{"crisis", "respond", "Jo"}, FELLOE_USAGE, "--how CODE"},
        {{"task", "close", "Jo", "benefits"}, FELLOE_USAGE, "done or dropped"},
        {{"plan", "Jo"}, FELLOE_USAGE, "--aims"},
        {{"meet", "Jo", "a", "b"}, FELLOE_USAGE, "one word too many"},
        {{"meet", "Jo", "--text", "a", "b"}, FELLOE_USAGE, "one word too many"},
        {{"meet", "Jo", "--minutes", "5", "--minutes", "6"}, FELLOE_INVALID, "given twice"},
        {{"meet", "@new", "x"}, FELLOE_INVALID, "is not a person"},
        {{"task", "raise", "Jo", "x", "--due", "soonish"}, FELLOE_INVALID, "a day that exists"},
        {{"sharing", "Jo", "housing"}, FELLOE_USAGE, "allow or object"},
        {{"keyworker", "Jo", "amy", "--person-agrees=perhaps"}, FELLOE_NO_DAEMON, "Felloe directory"},
        {{"rearrange"}, FELLOE_USAGE, "changes which appointment"},
        {{"settle"}, FELLOE_USAGE, "NUMBER --choose N"},
        {{"settle", "x"}, FELLOE_USAGE, "no number"},
        {{"settle", "3", "--choose", "first"}, FELLOE_USAGE, "--choose takes"},
        {{"caseload", "--limit", "few"}, FELLOE_USAGE, "takes a number"},
        {{"caseload", "--since", "soonish"}, FELLOE_USAGE, "is not a time"},
        {{"note", "Jo", "x"}, FELLOE_NO_DAEMON, "Felloe directory"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cli cli;
        enum felloe_code code = run(&cli, cases[i].words);
        if (code != cases[i].code || !strstr(cli.error.message, cases[i].says))
            fail_msg("%s %s: %d %s", cases[i].words[0], cases[i].words[1] ? cases[i].words[1] : "", (int)code,
                     cli.error.message);
        cli_release(&cli);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_of_a_type_and_its_words_are_fields),
        cmocka_unit_test(nearly_every_type_that_workers_write_has_a_verb),
        cmocka_unit_test(what_a_row_says_by_itself_is_understood),
        cmocka_unit_test(no_option_is_there_twice),
        cmocka_unit_test(every_verb_is_in_a_group_that_help_shows),
        cmocka_unit_test(arguments_are_made_of_what_a_row_takes),
        cmocka_unit_test(other_words_find_the_verb),
        cmocka_unit_test(what_is_missing_or_too_much_is_told_before_anything_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
