/* SPDX-License-Identifier: Apache-2.0 */
/* One setting of felloe.conf is given another value, and people's own lines stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/config.h"
#include "daemon/store/file.h"
#include "tests/unit/given_dir.h"

static void check_set(const char *before, const char *after)
{
    struct given_dir dir = given_dir();
    struct felloe_error error = {0};
    struct buffer now = {0};
    assert_int_equal(file_write(dir.path, "felloe.conf", bytes_str(before), &error), FELLOE_OK);
    assert_int_equal(config_set(dir.path, "felloe", "unlock", "passphrase", &error), FELLOE_OK);
    assert_int_equal(file_read(dir.path, "felloe.conf", 65536, &now, &error), FELLOE_OK);
    buffer_append(&now, "", 1);
    assert_string_equal((const char *)now.data, after);
    buffer_release(&now);
    given_dir_end(&dir);
}

static void test_a_line_is_replaced(void **state)
{
    (void)state;
    check_set("; mine\n[felloe]\nrole = spoke\n; what opens it\nunlock=none\n[spoke]\nhub = tcp://h:1\n",
              "; mine\n[felloe]\nrole = spoke\n; what opens it\nunlock = passphrase\n[spoke]\nhub = tcp://h:1\n");
}

static void test_one_that_is_missing_is_added(void **state)
{
    (void)state;
    check_set("[spoke]\nhub = tcp://h:1\n[felloe]\nrole = spoke\n",
              "[spoke]\nhub = tcp://h:1\n[felloe]\nunlock = passphrase\nrole = spoke\n");
}

static void test_other_sections_and_names_are_left_alone(void **state)
{
    (void)state;
    check_set("[spoke]\nunlock = x\n[felloe]\nunlocked = y\n; unlock = z\n  unlock : none",
              "[spoke]\nunlock = x\n[felloe]\nunlocked = y\n; unlock = z\nunlock = passphrase\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_is_replaced),
        cmocka_unit_test(test_one_that_is_missing_is_added),
        cmocka_unit_test(test_other_sections_and_names_are_left_alone),
    };
    return cmocka_run_group_tests_name("a setting is changed", tests, NULL, NULL);
}
