/* SPDX-License-Identifier: Apache-2.0 */
/* Text is broken between words, counted as the screen counts it, and columns share a terminal's width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/output.h"
#include "client/wrap.h"

static int in_utf8(void **state)
{
    (void)state;
    out_init();
    return 0;
}

static void width_is_what_the_screen_shows(void **state)
{
    (void)state;
    assert_int_equal(text_width(""), 0);
    assert_int_equal(text_width("Zoë"), 3);
    assert_int_equal(text_width("Zoe\u0308"), 3);   /* a combining mark takes no room */
    assert_int_equal(text_width("李小龙"), 6);      /* wide letters take two columns */
    assert_int_equal(text_width("\xff\xfe"), 2);    /* what is no letter still takes room */
}

static void text_is_broken_between_words(void **state)
{
    (void)state;
    static const struct { const char *text; size_t width; const char *lines; } cases[] = {
        {"", 5, ""},
        {"one two", 7, "one two"},
        {"one two", 6, "one\ntwo"},
        {"one two three", 7, "one two\nthree"},
        {"abcdefghij", 4, "abcd\nefgh\nij"},
        {"a bcdefghij k", 4, "a\nbcde\nfghi\nj k"},
        {"李小龙", 4, "李小\n龙"},
        {"李", 1, "李"}, /* wider than the column: it still has to go somewhere */
        {"Zoe\u0308Zoe\u0308", 3, "Zoe\u0308\nZoe\u0308"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *wrapped = text_wrap(cases[i].text, cases[i].width);
        assert_string_equal(wrapped, cases[i].lines);
        free(wrapped);
    }
}

static void pictures_are_not_taken_apart(void **state)
{
    (void)state;
    char *wrapped = text_wrap("👩\u200d👧👍🏽", 5); /* a woman joined with a girl; a thumb with its tone of skin */
    assert_string_equal(wrapped, "👩\u200d👧\n👍🏽");
    free(wrapped);
    assert_int_equal(text_width("👍"), 2);
    assert_int_equal(text_width("\U0001fae8"), 2); /* of Unicode 15: the C library of Debian 12 does not know it */
    assert_int_equal(text_width("a\u200db"), 2);
    assert_int_equal(text_width("\u0301"), 0);
}

static void direction_is_that_of_the_first_letter(void **state)
{
    (void)state;
    assert_int_equal(text_runs("Jo, 14:02"), RUNS_RIGHT);
    assert_int_equal(text_runs("שלום Jo"), RUNS_LEFT);
    assert_int_equal(text_runs("12: محمد"), RUNS_LEFT);
    assert_int_equal(text_runs("Jo and محمد"), RUNS_BOTH);
    assert_int_equal(text_runs(""), RUNS_RIGHT);
}

static void long_texts_are_cut_between_words(void **state)
{
    (void)state;
    static const struct { const char *text; size_t width; const char *cut; } cases[] = {
        {"one two", 7, "one two"},   {"one two three four", 17, "one two three…"}, {"one two three", 5, "one…"},
        {"abcdefghij", 5, "abcd…"}, {"李小龙李小龙", 6, "李小…"},                 {"", 3, ""},
        {"e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301…"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *cut = text_cut(cases[i].text, cases[i].width);
        assert_string_equal(cut, cases[i].cut);
        free(cut);
    }
}

static void the_widest_columns_give_way(void **state)
{
    (void)state;
    static const unsigned char wrap[] = {0, 1, 1};
    size_t widths[] = {8, 60, 20};
    columns_fit(widths, wrap, 3, 2, 62, 12);
    assert_int_equal(widths[0], 8);
    assert_int_equal(widths[1], 30);
    assert_int_equal(widths[2], 20);
    columns_fit(widths, wrap, 3, 2, 42, 12);
    assert_int_equal(widths[1] + widths[2], 30);
    columns_fit(widths, wrap, 3, 2, 10, 12); /* too narrow for all: none is squeezed to nothing */
    assert_int_equal(widths[1], 12);
    assert_int_equal(widths[2], 12);
}

static void what_others_wrote_cannot_drive_the_terminal(void **state)
{
    (void)state;
    char *line = out_one_line("  red \033[31m\tand\r\n\xc2\x9b" "more\x7f \xe2\x80\xae\xe2\x81\xa6 ");
    assert_string_equal(line, "red [31m and more");
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(width_is_what_the_screen_shows),
        cmocka_unit_test(text_is_broken_between_words),
        cmocka_unit_test(pictures_are_not_taken_apart),
        cmocka_unit_test(direction_is_that_of_the_first_letter),
        cmocka_unit_test(long_texts_are_cut_between_words),
        cmocka_unit_test(the_widest_columns_give_way),
        cmocka_unit_test(what_others_wrote_cannot_drive_the_terminal),
    };
    return cmocka_run_group_tests(tests, in_utf8, NULL);
}
