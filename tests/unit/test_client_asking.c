/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for what is missing, with a person who types doubled by a stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "client/ask.h"
#include "client/record.h"
#include "client/record_verb.h"

struct talk {
    struct cli cli;
    char *said; /* what the screen shows */
    size_t len;
};

/* Somebody at a terminal who will type these lines, and then ctrl-D. */
static void begin(struct talk *talk, const char *typed)
{
    *talk = (struct talk){0};
    talk->cli.asks = open_memstream(&talk->said, &talk->len);
    talk->cli.answers = *typed ? fmemopen((void *)(uintptr_t)typed, strlen(typed), "r") : fopen("/dev/null", "r");
    assert_non_null(talk->cli.asks);
    assert_non_null(talk->cli.answers);
}

static void finish(struct talk *talk)
{
    fclose(talk->cli.asks);
    fclose(talk->cli.answers);
    free(talk->said);
}

static void assert_said(struct talk *talk, const char *words)
{
    fflush(talk->cli.asks);
    if (!strstr(talk->said, words))
        fail_msg("\"%s\" is not in: %s", words, talk->said);
}

static const struct field_def *field_of(const char *type, const char *name)
{
    const struct field_def *field = catalogue_field(catalogue_find(bytes_str(type)), bytes_str(name));
    assert_non_null(field);
    return field;
}

static void a_code_is_chosen_from_the_list(void **state)
{
    (void)state;
    struct talk talk;
    char *value;
    begin(&talk, "soon\nvery\n");
    assert_int_equal(ask_field(&talk.cli, field_of("crisis.opened", "urgency"), true, NULL, &value), FELLOE_OK);
    assert_string_equal(value, "very");
    assert_said(&talk, "  4   very urgent\n");
    assert_said(&talk, "urgency must be one of: 1 emergency"); /* what "soon" came to */
    free(value);
    finish(&talk);
}

static void a_long_list_is_shown_when_asked_for(void **state)
{
    (void)state;
    struct talk talk;
    char *value;
    begin(&talk, "drop\n?\nother\n\n");
    assert_int_equal(ask_field(&talk.cli, field_of("person.introduced", "source"), false, NULL, &value), FELLOE_OK);
    assert_string_equal(value, "drop");
    assert_said(&talk, "Introduced by (? lists them; Enter leaves it out): ");
    assert_null(strstr(talk.said, "talking therapies"));
    free(value);
    assert_int_equal(ask_field(&talk.cli, field_of("person.introduced", "source"), false, NULL, &value), FELLOE_OK);
    assert_null(value);
    assert_said(&talk, "  Q1  drop-in\n");
    assert_said(&talk, "\"other\" could be");
    finish(&talk);
}

static void what_is_wrong_is_asked_for_again(void **state)
{
    (void)state;
    struct talk talk;
    char *value;
    begin(&talk, "eleven\n11\n7\n");
    assert_int_equal(ask_field(&talk.cli, field_of("goal.scored", "score"), true, NULL, &value), FELLOE_OK);
    assert_string_equal(value, "7");
    assert_said(&talk, "must be from 0 to 10");
    free(value);
    finish(&talk);
    begin(&talk, "next never\nfriday 10:00\n1/12\n");
    assert_int_equal(ask_field(&talk.cli, field_of("task.raised", "due"), false, NULL, &value), FELLOE_OK);
    assert_string_equal(value, "1/12");
    assert_said(&talk, "must be a day that exists");
    assert_said(&talk, "without a time of day");
    free(value);
    finish(&talk);
}

static void an_empty_line_is_the_default_or_leaves_it_out(void **state)
{
    (void)state;
    struct talk talk;
    char *value;
    begin(&talk, "\n\n\nx\n");
    assert_int_equal(ask_field(&talk.cli, field_of("sharing.preference", "category"), true, "all", &value), FELLOE_OK);
    assert_string_equal(value, "everything");
    assert_said(&talk, "[everything]");
    free(value);
    assert_int_equal(ask_field(&talk.cli, field_of("task.raised", "due"), false, NULL, &value), FELLOE_OK);
    assert_null(value);
    assert_int_equal(ask_field(&talk.cli, field_of("task.raised", "what"), true, NULL, &value), FELLOE_OK);
    assert_string_equal(value, "x"); /* it is needed: the empty line was not taken */
    assert_said(&talk, "This is needed");
    free(value);
    finish(&talk);
}

static void ctrl_d_gives_up_and_nothing_is_recorded(void **state)
{
    (void)state;
    struct talk talk;
    char *value;
    begin(&talk, "");
    assert_int_equal(ask_field(&talk.cli, field_of("task.raised", "what"), true, NULL, &value), FELLOE_USAGE);
    assert_null(value);
    assert_string_equal(talk.cli.error.message, "nothing was recorded");
    finish(&talk);
}

static void nobody_is_asked_in_a_pipe_or_for_json(void **state)
{
    (void)state;
    struct talk talk;
    begin(&talk, "x\n");
    assert_true(ask_possible(&talk.cli));
    talk.cli.json = true;
    assert_false(ask_possible(&talk.cli));
    finish(&talk);
    assert_false(ask_possible(&(struct cli){0}));
}

static void of_several_open_ones_one_is_chosen_by_number_or_words(void **state)
{
    (void)state;
    struct thread_item items[] = {
        {.id = "aa11", .words = (char *)(uintptr_t)"benefits form", .open = true},
        {.id = "bb22", .words = (char *)(uintptr_t)"an old one"},
        {.id = "cc33", .words = (char *)(uintptr_t)"bus pass", .open = true},
    };
    const struct thread_list list = {.what = "task", .whose = "Jo", .items = items, .count = 3};
    const struct field_def *task = field_of("task.closed", "task");
    struct talk talk;
    char *value;
    begin(&talk, "9\nb\n2\nBENE\n");
    assert_int_equal(ask_thread(&talk.cli, task, true, &list, &value), FELLOE_OK);
    assert_string_equal(value, "cc33");
    assert_said(&talk, "  1  benefits form\n  2  bus pass\n");
    assert_said(&talk, "could be several");
    free(value);
    assert_int_equal(ask_thread(&talk.cli, task, true, &list, &value), FELLOE_OK);
    assert_string_equal(value, "aa11");
    free(value);
    finish(&talk);
    begin(&talk, "1\n");
    const struct thread_list none = {.what = "task"};
    assert_int_equal(ask_thread(&talk.cli, task, true, &none, &value), FELLOE_NOT_FOUND);
    assert_string_equal(talk.cli.error.message, "no task is open");
    finish(&talk);
}

static void what_is_meant_is_found_by_words_open_ones_first(void **state)
{
    (void)state;
    struct thread_item items[] = {
        {.id = "aabbccdd00", .words = (char *)(uintptr_t)"benefits form"},
        {.id = "aabb112200", .words = (char *)(uintptr_t)"Bénéfits letter", .open = true},
        {.id = "ccdd000000", .words = (char *)(uintptr_t)"the form", .open = true},
        {.id = "eeff000000", .words = (char *)(uintptr_t)"form", .open = true},
    };
    const struct thread_list list = {.what = "task", .items = items, .count = 4, .whole = true};
    static const struct { const char *text; enum felloe_code code; int item; } cases[] = {
        {"benefits", FELLOE_OK, 1},          /* the open one, whatever its accents */
        {"benefits form", FELLOE_OK, 0},
        {"form", FELLOE_OK, 3},              /* all of its words before the beginning of others */
        {"the", FELLOE_OK, 2},
        {"aabbcc", FELLOE_OK, 0},
        {"letter", FELLOE_OK, 1},            /* within */
        {"aabb", FELLOE_OK, 1},              /* two ids begin so, one of them open */
        {"e", FELLOE_AMBIGUOUS, -1},
        {"nothing", FELLOE_NOT_FOUND, -1},
        {"99887766", FELLOE_OK, -1},         /* an id that the daemon may know */
        {"@only", FELLOE_AMBIGUOUS, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cli cli = {0};
        const struct thread_item *item;
        enum felloe_code code = threads_pick(&cli, &list, cases[i].text, &item);
        if (code != cases[i].code || item != (cases[i].item < 0 ? NULL : &items[cases[i].item]))
            fail_msg("%s: %d %s, item %td", cases[i].text, (int)code, cli.error.message, item ? item - items : -1);
    }
}

/* All of a verb: what it needs, then what else is worth saying. */
static void a_verb_asks_for_what_it_needs_and_then_for_more(void **state)
{
    (void)state;
    const char *const words[] = {"task", "raise"};
    struct talk talk;
    struct recording recording;
    begin(&talk, "\nJo\nbenefits form\n2026-12-01\n\n");
    assert_int_equal(verb_find(words, 2, &talk.cli.verb), 2);
    assert_int_equal(recording_init(&recording, &talk.cli, "task.raised", NULL), FELLOE_OK);
    assert_int_equal(record_verb_complete(&talk.cli, record_verb_of(talk.cli.verb), &recording), FELLOE_OK);
    assert_string_equal(recording.draft.person, "Jo");
    assert_string_equal(recording_value(&recording, "what"), "benefits form");
    assert_string_equal(recording_value(&recording, "due"), "2026-12-01");
    assert_null(recording_value(&recording, "for"));
    recording_release(&recording);
    finish(&talk);
}

static int in_utc(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    setenv("FELLOE_DIR", "/nonexistent", 1); /* no daemon knows the people */
    tzset();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_code_is_chosen_from_the_list),
        cmocka_unit_test(a_long_list_is_shown_when_asked_for),
        cmocka_unit_test(what_is_wrong_is_asked_for_again),
        cmocka_unit_test(an_empty_line_is_the_default_or_leaves_it_out),
        cmocka_unit_test(ctrl_d_gives_up_and_nothing_is_recorded),
        cmocka_unit_test(nobody_is_asked_in_a_pipe_or_for_json),
        cmocka_unit_test(of_several_open_ones_one_is_chosen_by_number_or_words),
        cmocka_unit_test(what_is_meant_is_found_by_words_open_ones_first),
        cmocka_unit_test(a_verb_asks_for_what_it_needs_and_then_for_more),
    };
    return cmocka_run_group_tests(tests, in_utc, NULL);
}
