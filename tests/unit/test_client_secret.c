/* SPDX-License-Identifier: Apache-2.0 */
/* A passphrase is asked for at a terminal that does not show it, or is read from a descriptor, a line each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/secret.h"

static const struct option_def by_fd = {"passphrase-fd", "N", ""};

struct asking {
    struct cli cli;
    struct option_value option;
    char number[16];
    int typist, screen; /* the other end of the terminal; what was asked */
    FILE *asks;
};

/* Lines that lie ready in a pipe. */
static void given_lines(struct asking *a, const char *lines)
{
    int ends[2];
    *a = (struct asking){.typist = -1, .screen = -1};
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], lines, strlen(lines)), (ssize_t)strlen(lines));
    close(ends[1]);
    snprintf(a->number, sizeof a->number, "%d", ends[0]);
    a->option = (struct option_value){&by_fd, a->number};
    a->cli.options = &a->option;
    a->cli.option_count = 1;
}

/* A terminal at which this was typed in advance: each line is taken after its question, as TCSAFLUSH throws away what
 * came before; a child types. */
static void given_typist(struct asking *a, const char *const *lines)
{
    int master, slave;
    *a = (struct asking){.typist = -1};
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char seen[4096];
        size_t len = 0;
        for (; *lines; lines++) {
            bool asked = false; /* the question ends with ": ", and the echo is off when it was read twice */
            struct termios state;
            while (!asked) {
                ssize_t got = read(master, seen + len, sizeof seen - 1 - len);
                if (got <= 0)
                    _exit(1);
                len += (size_t)got;
                seen[len] = '\0';
                asked = len >= 2 && strcmp(seen + len - 2, ": ") == 0;
            }
            do
                tcgetattr(slave, &state);
            while ((state.c_lflag & ECHO) != 0);
            if (write(master, *lines, strlen(*lines)) < 0 || write(master, "\n", 1) < 0)
                _exit(1);
            len = 0;
        }
        close(slave);
        for (ssize_t got; (got = read(master, seen, sizeof seen)) > 0;)
            if (memmem(seen, (size_t)got, "horse", 5) != NULL)
                _exit(2); /* it was shown */
        _exit(0);
    }
    close(master);
    a->typist = child;
    a->screen = slave;
    a->asks = fdopen(dup(slave), "w");
    a->cli.asks = a->asks;
    a->cli.answers = fdopen(slave, "r");
    assert_non_null(a->cli.answers);
}

static void check_secret(const struct secret *secret, const char *text)
{
    assert_non_null(secret->text);
    assert_string_equal(secret->text, text);
}

static void test_lines_of_a_descriptor(void **state)
{
    (void)state;
    struct asking a;
    struct secret one, two, three;
    given_lines(&a, "correct horse\r\nbattery staple\n");
    assert_int_equal(secret_ask(&a.cli, "?", &one), FELLOE_OK);
    assert_int_equal(secret_ask_new(&a.cli, "?", &two), FELLOE_OK);
    assert_int_equal(secret_ask(&a.cli, "?", &three), FELLOE_USAGE);
    check_secret(&one, "correct horse");
    check_secret(&two, "battery staple");
    assert_null(three.text);
    secret_release(&one);
    secret_release(&two);
}

static void test_what_is_no_passphrase(void **state)
{
    (void)state;
    struct asking a;
    struct secret secret;
    char long_line[SECRET_MAX + 3];
    memset(long_line, 'x', sizeof long_line);
    long_line[SECRET_MAX + 1] = '\n';
    long_line[SECRET_MAX + 2] = '\0';
    static const char *const wrong[] = {"\n", "", "seven herons \xff\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        given_lines(&a, wrong[i]);
        assert_int_not_equal(secret_ask(&a.cli, "?", &secret), FELLOE_OK);
        assert_null(secret.text);
    }
    given_lines(&a, long_line);
    assert_int_equal(secret_ask(&a.cli, "?", &secret), FELLOE_INVALID);
    given_lines(&a, "s\u00e9ven\u00e9\u00e9\n"); /* seven characters, though ten bytes */
    assert_int_equal(secret_ask_new(&a.cli, "?", &secret), FELLOE_INVALID);
    assert_null(secret.text);
}

static void test_nobody_to_ask(void **state)
{
    (void)state;
    struct cli cli = {0};
    struct secret secret;
    assert_false(secret_possible(&cli));
    assert_int_equal(secret_ask(&cli, "?", &secret), FELLOE_USAGE);
    assert_non_null(strstr(cli.error.message, "--passphrase-fd"));
    struct option_value option = {&by_fd, "stdin"};
    cli.options = &option;
    cli.option_count = 1;
    assert_int_equal(secret_ask(&cli, "?", &secret), FELLOE_USAGE);
}

static void check_not_shown(struct asking *a)
{
    struct termios mode;
    int status;
    assert_int_equal(tcgetattr(a->screen, &mode), 0);
    assert_true((mode.c_lflag & ECHO) != 0); /* it is again as it was */
    fclose(a->cli.answers);
    fclose(a->asks);
    assert_int_equal(waitpid(a->typist, &status, 0), a->typist);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_a_terminal(void **state)
{
    (void)state;
    struct asking a;
    struct secret secret;
    given_typist(&a, (const char *const[]){"correct horse", NULL});
    assert_int_equal(secret_ask(&a.cli, "Passphrase", &secret), FELLOE_OK);
    check_secret(&secret, "correct horse");
    secret_release(&secret);
    check_not_shown(&a);
}

static void test_a_new_one_is_typed_twice(void **state)
{
    (void)state;
    struct asking a;
    struct secret secret;
    given_typist(&a, (const char *const[]){"horse", "correct horse", "correct hoarse", "correct horse", "correct horse",
                                           NULL});
    assert_int_equal(secret_ask_new(&a.cli, "Passphrase", &secret), FELLOE_OK);
    check_secret(&secret, "correct horse");
    secret_release(&secret);
    check_not_shown(&a);
}

static void test_it_is_handed_on(void **state)
{
    (void)state;
    char text[] = "correct horse", got[64] = "";
    struct secret secret = {text};
    int fd = secret_pipe(&secret);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, got, sizeof got - 1), (ssize_t)sizeof "correct horse");
    assert_string_equal(got, "correct horse\n");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_of_a_descriptor), cmocka_unit_test(test_what_is_no_passphrase),
        cmocka_unit_test(test_nobody_to_ask),         cmocka_unit_test(test_a_terminal),
        cmocka_unit_test(test_a_new_one_is_typed_twice), cmocka_unit_test(test_it_is_handed_on),
    };
    return cmocka_run_group_tests_name("a passphrase is asked for", tests, NULL, NULL);
}
