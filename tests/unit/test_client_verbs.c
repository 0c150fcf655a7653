/* SPDX-License-Identifier: Apache-2.0 */
/* The command line is read as people write it, and every slip is told in words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/cli.h"

/* Reads these words (NULL-terminated) as a command line. */
static enum felloe_code parse(struct cli *cli, const char *const *words)
{
    int argc = 1;
    static char *argv[32];
    argv[0] = (char *)"felloe";
    while (words[argc - 1]) {
        argv[argc] = (char *)words[argc - 1];
        argc++;
    }
    argv[argc] = NULL;
    *cli = (struct cli){0};
    return cli_parse(cli, argc, argv);
}
#define PARSE(cli, ...) parse(cli, (const char *const[]){__VA_ARGS__, NULL})

static void options_stand_anywhere(void **state)
{
    (void)state;
    struct cli cli;
    assert_int_equal(PARSE(&cli, "--dir", "D", "note", "--json", "Jo", "--occurred=yesterday", "a text"), FELLOE_OK);
    assert_string_equal(cli.verb->name, "note");
    assert_string_equal(cli.dir, "D");
    assert_true(cli.json);
    assert_string_equal(cli_option(&cli, "occurred"), "yesterday");
    assert_int_equal(cli.word_count, 2);
    assert_string_equal(cli.words[1], "a text");
    cli_release(&cli);
}

static void two_words_make_a_verb_and_options_repeat(void **state)
{
    (void)state;
    struct cli cli;
    assert_int_equal(PARSE(&cli, "hub", "--dir=D", "invite", "--site", "a", "--worker", "w", "--site", "b"), FELLOE_OK);
    assert_string_equal(cli.verb->name, "hub invite");
    assert_string_equal(cli_option(&cli, "site"), "b");
    const char **sites = cli_option_all(&cli, "site");
    assert_string_equal(sites[0], "a");
    assert_string_equal(sites[1], "b");
    assert_null(sites[2]);
    free(sites);
    assert_null(cli_option_all(&cli, "name"));
    cli_release(&cli);
}

static void two_hyphens_end_the_options(void **state)
{
    (void)state;
    struct cli cli;
    assert_int_equal(PARSE(&cli, "--dir", "D", "note", "Jo", "--", "--json"), FELLOE_OK);
    assert_false(cli.json);
    assert_string_equal(cli.words[1], "--json");
    cli_release(&cli);
    assert_int_equal(PARSE(&cli, "--dir", "D", "export", "-"), FELLOE_OK);
    assert_string_equal(cli.words[0], "-");
    cli_release(&cli);
}

static void slips_are_told_in_words(void **state)
{
    (void)state;
    static const struct { const char *words[6], *says; } slips[] = {
        {{"noet", "Jo", "x"}, "did you mean \"note\""},
        {{"stauts"}, "did you mean \"status\""},
        {{"invite"}, "did you mean \"hub invite\""},
        {{"hub"}, "hub init, hub invite"},
        {{"dance"}, "felloe help"},
        {{"status", "--fast"}, "--fast"},
        {{"status", "now"}, "one word too many"},
        {{"task"}, "task raise, task take, task close or task list"},
        {{"show"}, "PERSON"},
        {{"task", "rase"}, "task raise"},
        {{"status", "--dir"}, "--dir DIR"},
        {{"status", "--json=yes"}, "takes no value"},
    };
    for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
        struct cli cli;
        assert_int_equal(parse(&cli, slips[i].words), FELLOE_USAGE);
        if (!strstr(cli.error.message, slips[i].says))
            fail_msg("%s: %s", slips[i].words[0], cli.error.message);
        cli_release(&cli);
    }
}

static void every_verb_is_found_by_its_name_and_has_a_line_of_help(void **state)
{
    (void)state;
    for (size_t i = 0; i < verb_count(); i++) {
        const struct verb *verb = verb_at(i), *found;
        char first[32];
        snprintf(first, sizeof first, "%s", verb->name);
        char *space = strchr(first, ' ');
        if (space)
            *space = '\0';
        const char *const words[] = {first, space ? space + 1 : NULL};
        assert_int_equal(verb_find(words, space ? 2 : 1, &found), space ? 2 : 1);
        assert_ptr_equal(found, verb);
        assert_true(*verb->help && *verb->group && verb->run);
        assert_true(verb->words_min <= verb->words_max);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_stand_anywhere),
        cmocka_unit_test(two_words_make_a_verb_and_options_repeat),
        cmocka_unit_test(two_hyphens_end_the_options),
        cmocka_unit_test(slips_are_told_in_words),
        cmocka_unit_test(every_verb_is_found_by_its_name_and_has_a_line_of_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
