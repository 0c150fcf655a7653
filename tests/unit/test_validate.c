/* SPDX-License-Identifier: Apache-2.0 */
/* Single values as people write them. */
#include "tests/unit/given.h"

#include "proto/domain/validate.h"

static void days_exist_or_do_not(void **state)
{
    (void)state;
    static const char *const there[] = {"2026-12-01", "2024-02-29", "2000-02-29",
                                        "1900-02-28", "1800-01-01", "2199-12-31"};
    static const char *const not_there[] = {"2026-02-29", "1900-02-29", "2026-13-01",  "2026-00-10", "2026-04-31",
                                            "2026-1-1",   "01/12/2026", "2026-12-01 ", "",           "2026-12-0x",
                                            "1799-12-31", "2200-01-01", "2026-12-001", "-026-12-01"};
    for (size_t i = 0; i < sizeof there / sizeof there[0]; i++)
        assert_true(date_valid(bytes_str(there[i])));
    for (size_t i = 0; i < sizeof not_there / sizeof not_there[0]; i++)
        assert_false(date_valid(bytes_str(not_there[i])));
}

static void times_are_read_to_the_millisecond(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-21T14:30:00Z", 1795271400000},
        {"2026-11-21T15:30:00+01:00", 1795271400000},
        {"2026-11-21T09:00:00-0530", 1795271400000},
        {"2026-11-21T14:30Z", 1795271400000},
        {"2026-11-21T14:30:00.25Z", 1795271400250},
        {"2026-11-21t14:30:00.123456z", 1795271400123},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2000-03-01T00:00:00Z", 951868800000},
    };
    static const char *const none[] = {"2026-11-21",
                                       "2026-11-21 14:30:00Z",
                                       "2026-11-21T24:00:00Z",
                                       "2026-11-21T14:60:00Z",
                                       "2026-11-21T14:30:00",
                                       "2026-11-21T14:30:00.Z",
                                       "2026-02-30T14:30:00Z",
                                       "2026-11-21T14:30:00+15:00",
                                       "2026-11-21T14:30:00Zx",
                                       "yesterday",
                                       ""};
    int64_t ms;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_true(time_parse(bytes_str(times[i].text), &ms));
        assert_int_equal(ms, times[i].ms);
    }
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(time_parse(bytes_str(none[i]), &ms));
}

static void nhs_numbers_check_themselves(void **state)
{
    (void)state;
    char plain[11];
    assert_int_equal(nhs_parse(bytes_str("943 476 5919"), plain), NHS_RIGHT);
    assert_string_equal(plain, "9434765919");
    assert_int_equal(nhs_parse(bytes_str("987-654-3210"), plain), NHS_RIGHT);
    assert_int_equal(nhs_parse(bytes_str("943 476 5918"), plain), NHS_CHECK_DIGIT);
    assert_int_equal(nhs_parse(bytes_str("949 476 5919"), plain), NHS_CHECK_DIGIT);
    assert_int_equal(nhs_parse(bytes_str("000 000 0000"), plain), NHS_ALL_THE_SAME);
    assert_int_equal(nhs_parse(bytes_str("9999999999"), plain), NHS_ALL_THE_SAME);
    assert_int_equal(nhs_parse(bytes_str("943 476 591"), plain), NHS_NOT_TEN_DIGITS);
    assert_int_equal(nhs_parse(bytes_str("943 476 59190"), plain), NHS_NOT_TEN_DIGITS);
    assert_int_equal(nhs_parse(bytes_str("943 476 591X"), plain), NHS_NOT_TEN_DIGITS);
    assert_int_equal(nhs_parse(bytes_str(""), plain), NHS_NOT_TEN_DIGITS);
}

/* Any one digit wrong, or two neighbours swapped, is noticed: that is what the check digit is for. */
static void an_nhs_number_notices_every_single_slip(void **state)
{
    (void)state;
    static const char right[] = "9434765919";
    char text[11], plain[11];
    for (size_t at = 0; at < 10; at++) {
        memcpy(text, right, sizeof text);
        for (char digit = '0'; digit <= '9'; digit++) {
            text[at] = digit;
            assert_int_equal(nhs_parse(bytes_str(text), plain), digit == right[at] ? NHS_RIGHT : NHS_CHECK_DIGIT);
        }
        memcpy(text, right, sizeof text);
        if (at == 9 || right[at] == right[at + 1])
            continue;
        text[at] = right[at + 1];
        text[at + 1] = right[at];
        assert_int_equal(nhs_parse(bytes_str(text), plain), NHS_CHECK_DIGIT);
    }
}

static void numbers_and_yes_and_no(void **state)
{
    (void)state;
    int64_t number;
    bool yes;
    assert_true(number_parse(bytes_str("30"), &number) && number == 30);
    assert_true(number_parse(bytes_str("-5"), &number) && number == -5);
    assert_true(number_parse(bytes_str("+7"), &number) && number == 7);
    assert_false(number_parse(bytes_str(""), &number));
    assert_false(number_parse(bytes_str("-"), &number));
    assert_false(number_parse(bytes_str("3.5"), &number));
    assert_false(number_parse(bytes_str("1000000000000000000000"), &number));
    static const char *const yess[] = {"yes", "Y", "TRUE", "1"}, *const noes[] = {"no", "N", "False", "0"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(yesno_parse(bytes_str(yess[i]), &yes) && yes);
        assert_true(yesno_parse(bytes_str(noes[i]), &yes) && !yes);
    }
    assert_false(yesno_parse(bytes_str("maybe"), &yes));
    assert_false(yesno_parse(bytes_str(""), &yes));
    assert_false(yesno_parse(bytes_str("yes please"), &yes));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(days_exist_or_do_not),         cmocka_unit_test(times_are_read_to_the_millisecond),
        cmocka_unit_test(nhs_numbers_check_themselves), cmocka_unit_test(an_nhs_number_notices_every_single_slip),
        cmocka_unit_test(numbers_and_yes_and_no),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
