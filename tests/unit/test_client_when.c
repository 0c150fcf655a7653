/* SPDX-License-Identifier: Apache-2.0 */
/* Times: read as people and programs write them, written as both read them, in a zone with summer time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "client/when.h"

#define MINUTE 60000ll
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define NOON_20_NOV 1795176000000ll /* 2026-11-20T12:00:00Z, a Friday */
#define NOON_1_JULY 1782900000000ll /* 2026-07-01T10:00:00Z, 11:00 in London */

static int in_london(void **state)
{
    (void)state;
    setenv("TZ", "Europe/London", 1);
    tzset();
    return 0;
}

static void rfc3339_is_read_whatever_its_offset(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t ms; } right[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-20T12:00:00Z", NOON_20_NOV},
        {"2026-11-20T13:00:00+01:00", NOON_20_NOV},
        {"2026-11-20T05:30:00.250-06:30", NOON_20_NOV + 250},
        {"2026-11-20t12:00:00.1239z", NOON_20_NOV + 123},
        {"1969-12-31T23:59:59Z", -1000},
        {"2024-02-29T00:00:00Z", 1709164800000},
    };
    static const char *const wrong[] = {
        "", "2026-11-20", "2026-11-20T12:00:00", "2026-11-20T12:00Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
        "2026-11-20T24:00:00Z", "2026-11-20T12:00:00.Z", "2026-11-20T12:00:00+1:00", "2026-11-20T12:00:00Z ",
    };
    int64_t ms;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(when_parse_iso(right[i].text, &ms));
        assert_int_equal(ms, right[i].ms);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(when_parse_iso(wrong[i], &ms));
}

static void iso_is_written_with_the_local_offset_and_read_back(void **state)
{
    (void)state;
    char text[WHEN_MAX];
    int64_t back;
    when_iso(NOON_20_NOV + 7, text);
    assert_string_equal(text, "2026-11-20T12:00:00.007+00:00");
    when_iso(NOON_1_JULY, text);
    assert_string_equal(text, "2026-07-01T11:00:00.000+01:00");
    for (int64_t ms = -3 * DAY - 1; ms < 3 * DAY; ms += 7777777) {
        when_iso(ms, text);
        assert_true(when_parse_iso(text, &back));
        assert_int_equal(back, ms);
    }
}

static void people_see_no_more_of_a_time_than_they_need(void **state)
{
    (void)state;
    char text[WHEN_MAX];
    when_friendly(NOON_20_NOV - HOUR, NOON_20_NOV, text);
    assert_string_equal(text, "11:00");
    when_friendly(NOON_20_NOV - DAY, NOON_20_NOV, text);
    assert_string_equal(text, "19 Nov 12:00");
    when_friendly(NOON_20_NOV - 365 * DAY, NOON_20_NOV, text);
    assert_string_equal(text, "20 Nov 2025 12:00");
}

static void spans_and_days_are_counted_whole(void **state)
{
    (void)state;
    char text[WHEN_MAX];
    static const struct { int64_t span; const char *text; } spans[] = {
        {-5, "just now"},         {59999, "just now"},        {MINUTE, "1 min"},       {HOUR - 1, "59 min"},
        {HOUR, "1 h"},            {48 * HOUR - 1, "47 h"},    {2 * DAY, "2 d"},        {3 * DAY - 1, "2 d"},
    };
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++) {
        when_span(spans[i].span, text);
        assert_string_equal(text, spans[i].text);
    }
    when_days(NOON_20_NOV - DAY, NOON_20_NOV, text);
    assert_string_equal(text, "1 day");
    when_days(NOON_20_NOV - 12 * DAY - HOUR, NOON_20_NOV, text);
    assert_string_equal(text, "12 days");
    when_days(NOON_20_NOV + DAY, NOON_20_NOV, text); /* another's clock is ahead */
    assert_string_equal(text, "0 days");
}

static void words_for_days_are_understood(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t ms; } right[] = {
        {"now", NOON_20_NOV},
        {"today", NOON_20_NOV - 12 * HOUR},
        {"tomorrow", NOON_20_NOV + 12 * HOUR},
        {"yesterday 14:30", NOON_20_NOV - 24 * HOUR + 150 * MINUTE},
        {"Friday", NOON_20_NOV + 7 * DAY - 12 * HOUR}, /* said on a Friday: the next one */
        {"sat 9:00", NOON_20_NOV + 21 * HOUR},
        {"tuesday", NOON_20_NOV + 4 * DAY - 12 * HOUR},
        {"14:30", NOON_20_NOV + 150 * MINUTE},
        {"2026-12-01", NOON_20_NOV + 11 * DAY - 12 * HOUR},
        {"2026-12-01 14:30", NOON_20_NOV + 11 * DAY + 150 * MINUTE},
        {"2026-12-01T14:30", NOON_20_NOV + 11 * DAY + 150 * MINUTE},
    };
    static const char *const wrong[] = {"", "soon", "25:00", "14:60", "2026-02-30", "today at nine", "fr", "1/12/2026"};
    int64_t ms;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++) {
        assert_true(when_parse(right[i].text, NOON_20_NOV, &ms));
        assert_int_equal(ms, right[i].ms);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(when_parse(wrong[i], NOON_20_NOV, &ms));
    assert_true(when_parse("today 12:00", NOON_1_JULY, &ms)); /* summer time counts */
    assert_int_equal(ms, NOON_1_JULY + HOUR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_read_whatever_its_offset),
        cmocka_unit_test(iso_is_written_with_the_local_offset_and_read_back),
        cmocka_unit_test(people_see_no_more_of_a_time_than_they_need),
        cmocka_unit_test(spans_and_days_are_counted_whole),
        cmocka_unit_test(words_for_days_are_understood),
    };
    return cmocka_run_group_tests(tests, in_london, NULL);
}
