/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of what is to settle: one each, for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "daemon/views/settle_numbers.h"

#define NORTH bytes_str("north")
#define SOUTH bytes_str("south")
static const struct person_id ann = {{1}}, bea = {{2}};

static void each_thing_has_one_number(void **state)
{
    (void)state;
    struct settle_numbers *numbers = settle_numbers_new();
    assert_int_equal(settle_number_of(numbers, NORTH, &ann, bytes_str("known_as")), 1);
    assert_int_equal(settle_number_of(numbers, NORTH, &bea, bytes_str("known_as")), 2);
    assert_int_equal(settle_number_of(numbers, NORTH, &ann, bytes_str("support")), 3);
    assert_int_equal(settle_number_of(numbers, SOUTH, &ann, bytes_str("known_as")), 4);
    assert_int_equal(settle_number_of(numbers, NORTH, &ann, bytes_str("known_as")), 1);
    assert_int_equal(settle_number_of(numbers, SOUTH, &ann, bytes_str("known_as")), 4);
    settle_numbers_free(numbers);
}

static void a_number_leads_back_to_what_has_it(void **state)
{
    (void)state;
    struct settle_numbers *numbers = settle_numbers_new();
    struct settle_name name;
    char key[40];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(key, sizeof key, "aboutme\x1fsection %u", i);
        assert_int_equal(settle_number_of(numbers, i % 2 ? NORTH : SOUTH, i % 3 ? &ann : &PERSON_ID_NONE,
                                          bytes_str(key)), i + 1);
    }
    assert_true(settle_number_find(numbers, 4002, &name));
    assert_string_equal(name.site, "north");
    assert_true(person_id_equal(&name.person, &ann));
    assert_true(bytes_is(name.key, "aboutme\x1fsection 4001"));
    assert_false(settle_number_find(numbers, 0, &name));
    assert_false(settle_number_find(numbers, -1, &name));
    assert_false(settle_number_find(numbers, 5001, &name));
    assert_false(settle_number_find(numbers, INT64_MAX, &name));
    settle_numbers_free(numbers);
}

static void without_memory_nothing_has_a_number(void **state)
{
    (void)state;
    struct settle_name name;
    char long_site[SLUG_MAX + 2];
    memset(long_site, 'a', sizeof long_site - 1);
    long_site[sizeof long_site - 1] = '\0';
    assert_int_equal(settle_number_of(NULL, NORTH, &ann, bytes_str("known_as")), 0);
    assert_false(settle_number_find(NULL, 1, &name));
    struct settle_numbers *numbers = settle_numbers_new();
    assert_int_equal(settle_number_of(numbers, bytes_str(long_site), &ann, bytes_str("known_as")), 0);
    assert_int_equal(settle_number_of(numbers, NORTH, &ann, bytes_str("known_as")), 1);
    settle_numbers_free(numbers);
    settle_numbers_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_thing_has_one_number),
        cmocka_unit_test(a_number_leads_back_to_what_has_it),
        cmocka_unit_test(without_memory_nothing_has_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
