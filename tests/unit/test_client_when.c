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

static void assert_when(const char *text, enum when_lies lies, int64_t now, int64_t ms)
{
    struct when when;
    if (!when_parse(text, lies, now, &when))
        fail_msg("\"%s\" is not understood", text);
    if (when.ms != ms)
        fail_msg("\"%s\" is %lld hours off", text, (long long)((when.ms - ms) / HOUR));
}

static void words_for_days_are_understood(void **state)
{
    (void)state;
    const int64_t today = NOON_20_NOV - 12 * HOUR;
    static const struct { const char *text; int64_t days, minutes; } right[] = {
        {"today", 0, 0},
        {"tomorrow", 1, 0},
        {"yesterday 14:30", -1, 870},
        {"14:30 yesterday", -1, 870},
        {"Friday", 7, 0}, /* said on a Friday: the next one */
        {"sat 9:00", 1, 540},
        {"saturday at 9am", 1, 540},
        {"tuesday", 4, 0},
        {"next friday", 7, 0},
        {"next thursday", 6, 0}, /* of next week */
        {"this wednesday", -2, 0},
        {"last friday", -7, 0},
        {"next week", 7, 0},
        {"14:30", 0, 870},
        {"14.30", 0, 870},
        {"2.30pm", 0, 870},
        {"2:30 pm", 0, 870},
        {"12am", 0, 0},
        {"12 pm", 0, 720},
        {"tomorrow noon", 1, 720},
        {"in 3 days", 3, 0},
        {"in a week", 7, 0},
        {"in 2 weeks 10:00", 14, 600},
        {"3 days ago", -3, 0},
        {"a fortnight ago", -14, 0},
        {"in 20 minutes", 0, 740},
        {"an hour ago", 0, 660},
        {"in a month", 30, 0},
        {"1/12", 11, 0},
        {"1/12/26", 11, 0},
        {"1/12/2026 9:15", 11, 555},
        {"1 dec", 11, 0},
        {"1st December", 11, 0},
        {"dec 1", 11, 0},
        {"1 december 2026", 11, 0},
        {"on 1 Dec, 2pm", 11, 840},
        {"2026-12-01", 11, 0},
        {"2026-12-01 14:30", 11, 870},
        {"2026-12-01T14:30", 11, 870},
    };
    static const char *const wrong[] = {
        "", " ", "soon", "25:00", "14:60", "2026-02-30", "today at nine", "fr", "31/11", "29/2/2026", "0/1", "1/13",
        "13pm", "0am", "today tomorrow", "9:00 10:00", "in 3", "3 days", "ago", "at", "next", "friday 1 dec",
        "1 dec 14",
        "2026-12-01T", "2026-12-1", "in 3 days in 3 days", "now today", "1/2/3", "99999 days ago",
    };
    struct when when;
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_when(right[i].text, WHEN_NEAR, NOON_20_NOV, today + right[i].days * DAY + right[i].minutes * MINUTE);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (when_parse(wrong[i], WHEN_NEAR, NOON_20_NOV, &when))
            fail_msg("\"%s\" is taken for a time", wrong[i]);
    assert_when("now", WHEN_BACK, NOON_20_NOV, NOON_20_NOV);
    assert_when("today 12:00", WHEN_NEAR, NOON_1_JULY, NOON_1_JULY + HOUR); /* summer time counts */
}

static void what_is_due_lies_ahead_and_what_was_lies_behind(void **state)
{
    (void)state;
    const int64_t today = NOON_20_NOV - 12 * HOUR;
    static const struct { const char *text; int64_t back, ahead, minutes; } both[] = {
        {"friday", -7, 7, 0},
        {"wednesday", -2, 5, 0},
        {"saturday 9:00", -6, 1, 540},
        {"14:30", -1, 0, 870},      /* it is noon */
        {"9:00", 0, 1, 540},
        {"19/11", -1, 364, 0},
        {"20 nov", 0, 0, 0},
        {"21 nov", -364, 1, 0},
        {"last friday", -7, -7, 0}, /* said, whatever lies where */
        {"1/12/2026", 11, 11, 0},
        {"29 feb", -995, 466, 0},   /* of 2024, of 2028 */
    };
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        assert_when(both[i].text, WHEN_BACK, NOON_20_NOV, today + both[i].back * DAY + both[i].minutes * MINUTE);
        assert_when(both[i].text, WHEN_AHEAD, NOON_20_NOV, today + both[i].ahead * DAY + both[i].minutes * MINUTE);
    }
    struct when when;
    assert_true(when_parse("1/2/90", WHEN_BACK, NOON_20_NOV, &when));
    assert_string_equal(when.day, "1990-02-01");
    assert_true(when_parse("1/2/26", WHEN_BACK, NOON_20_NOV, &when));
    assert_string_equal(when.day, "2026-02-01");
    assert_true(when_parse("1/12/26", WHEN_BACK, NOON_20_NOV, &when));
    assert_string_equal(when.day, "1926-12-01");
}

static void days_and_times_of_day_are_told_apart(void **state)
{
    (void)state;
    struct when when;
    assert_true(when_parse("friday", WHEN_AHEAD, NOON_20_NOV, &when));
    assert_false(when.has_time);
    assert_string_equal(when.day, "2026-11-27");
    assert_true(when_parse("friday 0:00", WHEN_AHEAD, NOON_20_NOV, &when));
    assert_true(when.has_time);
    assert_true(when_parse("2026-11-27T10:00:00Z", WHEN_AHEAD, NOON_20_NOV, &when));
    assert_true(when.has_time);
    char text[WHEN_MAX];
    when_weekday("2026-11-27", NOON_20_NOV, text);
    assert_string_equal(text, "Fri 27 Nov");
    when_weekday("2027-01-01", NOON_20_NOV, text);
    assert_string_equal(text, "Fri 1 Jan 2027");
    static const struct { int64_t span; const char *text; } lengths[] = {
        {30 * MINUTE, "30 min"}, {HOUR, "1 h"}, {110 * MINUTE, "1 h 50 min"}, {2 * DAY + 3 * HOUR, "2 d 3 h"},
        {28 * DAY, "28 d"}, {59999, "0 min"},
    };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        when_length(lengths[i].span, text);
        assert_string_equal(text, lengths[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_read_whatever_its_offset),
        cmocka_unit_test(iso_is_written_with_the_local_offset_and_read_back),
        cmocka_unit_test(people_see_no_more_of_a_time_than_they_need),
        cmocka_unit_test(spans_and_days_are_counted_whole),
        cmocka_unit_test(words_for_days_are_understood),
        cmocka_unit_test(what_is_due_lies_ahead_and_what_was_lies_behind),
        cmocka_unit_test(days_and_times_of_day_are_told_apart),
    };
    return cmocka_run_group_tests(tests, in_london, NULL);
}
