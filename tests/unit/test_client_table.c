/* SPDX-License-Identifier: Apache-2.0 */
/* Tables as a pipe gets them: whole texts, columns that line up, nothing that is for a terminal alone; and on one,
 * wrapped to its width, with what stands out in bold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <fcntl.h>
#include <termios.h>

#include "client/output.h"

/* What `print` puts on stdout, when that is `to`. */
static void printed(int to, struct table *table)
{
    struct felloe_error error = {0};
    fflush(stdout);
    int before = dup(STDOUT_FILENO);
    assert_true(before >= 0 && dup2(to, STDOUT_FILENO) >= 0);
    enum felloe_code code = table_print(table, &error);
    fflush(stdout);
    assert_true(dup2(before, STDOUT_FILENO) >= 0);
    close(before);
    assert_int_equal(code, FELLOE_OK);
}

static void assert_read(int from, const char *expected)
{
    char text[4096];
    size_t len = 0;
    ssize_t got;
    while (len < strlen(expected) && (got = read(from, text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)got;
    text[len] = '\0';
    assert_string_equal(text, expected);
}

static struct table *given_table(void)
{
    struct table *table = table_new();
    table_column(table, "person", COLUMN_WRAP);
    table_column(table, "nothing", COLUMN_PLAIN);
    table_column(table, "days", COLUMN_RIGHT);
    table_column(table, "in words", COLUMN_WRAP);
    static const char *const rows[][4] = {{"Zoe\u0308", "", "7", "met at the library, and\nagain \"there\""},
                                          {"李小龙", NULL, "12", "rang"},
                                          {"שרה", NULL, NULL, NULL}};
    for (size_t i = 0; i < 3; i++) {
        table_row(table);
        for (size_t c = 0; c < 4; c++)
            table_cell(table, c, rows[i][c]);
    }
    return table;
}

static void a_pipe_gets_whole_texts_in_columns(void **state)
{
    (void)state;
    int pipe_ends[2];
    struct table *table = given_table();
    assert_int_equal(pipe(pipe_ends), 0);
    table_bold(table, 3, 0, 2);
    table_grey(table);
    printed(pipe_ends[1], table);
    assert_read(pipe_ends[0], "person  days  in words\n"
                              "Zoe\u0308        7  met at the library, and again \"there\"\n"
                              "李小龙    12  rang\n"
                              "שרה\n");
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void a_terminal_gets_lines_of_its_width(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        skip();
    int terminal = open(ptsname(master), O_RDWR | O_NOCTTY);
    assert_true(terminal >= 0);
    struct termios raw;
    assert_int_equal(tcgetattr(terminal, &raw), 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(terminal, TCSANOW, &raw), 0);
    setenv("COLUMNS", "30", 1);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    struct table *table = given_table();
    table_row(table);
    table_cell(table, 3, "the best of all words");
    table_bold(table, 3, 9, 15);
    table_bold(table, 3, 4, 8);
    table_grey(table);
    printed(terminal, table);
    assert_read(master, "\033[1mperson  days  in words\033[0m\n"
                        "Zoe\u0308        7  met at the\n"
                        "              library, and\n"
                        "              again \"there\"\n"
                        "李小龙    12  rang\n"
                        "\u2067שרה\u2069\n"
                        "\033[90m              the \033[1mbest\033[0m\033[90m \033[1mof all\033[0m\033[90m\033[0m\n"
                        "\033[90m              words\033[0m\n");
    unsetenv("COLUMNS");
    close(terminal);
    close(master);
}

static int in_utf8(void **state)
{
    (void)state;
    out_init();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pipe_gets_whole_texts_in_columns),
        cmocka_unit_test(a_terminal_gets_lines_of_its_width),
    };
    return cmocka_run_group_tests(tests, in_utf8, NULL);
}
