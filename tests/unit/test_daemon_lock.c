/* SPDX-License-Identifier: Apache-2.0 */
/* One directory, one daemon: the second is told who holds it, and a lock dies with its holder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/lock.h"
#include "tests/unit/given_dir.h"

static struct given_dir given;
static const char *dir;

static int make_dir(void **state)
{
    (void)state;
    given = given_dir();
    dir = given.path;
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    given_dir_end(&given);
    return 0;
}

static void the_second_is_told_who_holds_it(void **state)
{
    (void)state;
    struct felloe_error error = {0};
    char holder[32];
    int first = lock_take(dir, &error);
    assert_true(first >= 0);
    assert_int_equal(lock_take(dir, &error), -1);
    assert_int_equal(error.code, FELLOE_IN_USE);
    snprintf(holder, sizeof holder, "process %ld", (long)getpid());
    assert_non_null(strstr(error.message, holder));

    /* Closed, as the system does for a process that was killed: the file is there, and nobody holds it. */
    close(first);
    int next = lock_take(dir, &error);
    assert_true(next >= 0);
    close(next);
}

static void a_directory_that_is_not_there_is_no_lock(void **state)
{
    (void)state;
    struct felloe_error error = {0};
    assert_int_equal(lock_take("/nonexistent", &error), -1);
    assert_int_equal(error.code, FELLOE_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_is_told_who_holds_it),
        cmocka_unit_test(a_directory_that_is_not_there_is_no_lock),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
