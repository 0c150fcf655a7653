/* SPDX-License-Identifier: Apache-2.0 */
/* Opening hours as people write them, and whether they are open now, in summer time and out of it. */
#include "tests/unit/given.h"

#include <stdio.h>

#include "proto/domain/schedule.h"
#include "proto/domain/validate.h"

static struct felloe_error error;

static int64_t moment(const char *text)
{
    int64_t ms;
    assert_true(time_parse(bytes_str(text), &ms));
    return ms;
}

/* "open until 2026-11-23T17:00Z" at a moment (UTC). */
static const char *now(const char *hours, const char *when)
{
    static char text[80];
    struct schedule schedule;
    int64_t until, day;
    if (!schedule_parse(bytes_str(hours), &schedule, &error))
        fail_msg("%s", error.message);
    bool open = schedule_open(&schedule, moment(when), &until);
    assert_int_equal(schedule_open(&schedule, moment(when), NULL), open);
    if (until == INT64_MAX)
        return open ? "open" : "closed";
    int year, month, of_month, minute = (int)(until / 60000 % 1440);
    day = until / 86400000;
    date_of_days(day, &year, &month, &of_month);
    snprintf(text, sizeof text, "%s until %04d-%02d-%02dT%02d:%02dZ", open ? "open" : "closed", year, month, of_month,
             minute / 60, minute % 60);
    return text;
}

static const char *refused(const char *hours)
{
    struct schedule schedule;
    error = (struct felloe_error){0};
    assert_false(schedule_parse(bytes_str(hours), &schedule, &error));
    assert_int_equal(error.code, FELLOE_INVALID);
    const char *what = strchr(error.message, ';');
    what = what ? strstr(what + 1, "; ") : NULL; /* the example has one too */
    return what ? what + 2 : error.message;
}

/* `first`, and so many times `more`. */
static const char *repeated(const char *first, const char *more, unsigned times)
{
    static char text[1200];
    size_t used = (size_t)snprintf(text, sizeof text, "%s", first);
    while (times-- > 0)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s", more);
    assert_true(used < sizeof text);
    return text;
}

static void hours_of_the_week(void **state)
{
    (void)state;
    const char *hours = "mon-fri 09:00-12:30, 13:30-17:00; sat 10:00-12:00";
    assert_string_equal(now(hours, "2026-11-23T08:59:59Z"), "closed until 2026-11-23T09:00Z"); /* a Monday */
    assert_string_equal(now(hours, "2026-11-23T09:00:00Z"), "open until 2026-11-23T12:30Z");
    assert_string_equal(now(hours, "2026-11-23T12:30:00Z"), "closed until 2026-11-23T13:30Z");
    assert_string_equal(now(hours, "2026-11-23T16:59:59.999Z"), "open until 2026-11-23T17:00Z");
    assert_string_equal(now(hours, "2026-11-27T17:00Z"), "closed until 2026-11-28T10:00Z"); /* Friday evening */
    assert_string_equal(now(hours, "2026-11-28T12:00Z"), "closed until 2026-11-30T09:00Z");
    assert_string_equal(now("Mon - Fri 9:00 - 17:00", "2026-11-23T10:00Z"), "open until 2026-11-23T17:00Z");
    assert_string_equal(now("TUESDAY,thu 9:00-10:00", "2026-11-24T09:30Z"), "open until 2026-11-24T10:00Z");
    assert_string_equal(now("fri-mon 9:00-10:00", "2026-11-29T09:30Z"), "open until 2026-11-29T10:00Z");
    assert_string_equal(now("fri-mon 9:00-10:00", "2026-11-25T09:30Z"), "closed until 2026-11-27T09:00Z");
    assert_string_equal(now("wed 9:00-10:00", "2026-11-25T10:00Z"), "closed until 2026-12-02T09:00Z"); /* a week on */
    assert_string_equal(now("mon 9:00-12:00, 12:00-17:00", "2026-11-23T10:00Z"), "open until 2026-11-23T17:00Z");
    assert_string_equal(now("daily 09:00-24:00", "2026-11-23T23:59Z"), "open until 2026-11-24T00:00Z");
}

static void over_midnight(void **state)
{
    (void)state;
    const char *hours = "fri,sat 22:00-02:00";
    assert_string_equal(now(hours, "2026-11-27T21:59Z"), "closed until 2026-11-27T22:00Z");
    assert_string_equal(now(hours, "2026-11-27T23:30Z"), "open until 2026-11-28T02:00Z");
    assert_string_equal(now(hours, "2026-11-28T01:59Z"), "open until 2026-11-28T02:00Z");
    assert_string_equal(now(hours, "2026-11-28T02:00Z"), "closed until 2026-11-28T22:00Z");
    assert_string_equal(now(hours, "2026-11-29T01:00Z"), "open until 2026-11-29T02:00Z"); /* Saturday night */
    assert_string_equal(now(hours, "2026-11-30T01:00Z"), "closed until 2026-12-04T22:00Z");
}

static void always_and_never(void **state)
{
    (void)state;
    assert_string_equal(now("24h", "2026-11-27T03:00Z"), "open");
    assert_string_equal(now("daily 24h", "2026-03-29T01:00Z"), "open");
    assert_string_equal(now("daily 00:00-24:00", "2026-11-27T00:00Z"), "open");
    assert_string_equal(now("mon 24h", "2026-11-23T12:00Z"), "open until 2026-11-24T00:00Z");
    assert_string_equal(now("daily closed", "2026-11-23T12:00Z"), "closed");
    assert_string_equal(now("closed 2026-12-25", "2026-11-23T12:00Z"), "closed");
    assert_string_equal(now("2026-12-24 10:00-12:00", "2026-11-23T12:00Z"), "closed"); /* further than a week away */
    assert_string_equal(now("2026-12-24 10:00-12:00", "2026-12-24T11:00Z"), "open until 2026-12-24T12:00Z");
}

static void what_names_a_date_comes_first(void **state)
{
    (void)state;
    const char *hours = "daily 09:00-17:00; closed 2026-12-25/2026-12-26, 2027-01-01; 2026-12-31 09:00-12:00";
    assert_string_equal(now(hours, "2026-12-24T16:00Z"), "open until 2026-12-24T17:00Z");
    assert_string_equal(now(hours, "2026-12-25T10:00Z"), "closed until 2026-12-27T09:00Z");
    assert_string_equal(now(hours, "2026-12-26T10:00Z"), "closed until 2026-12-27T09:00Z");
    assert_string_equal(now(hours, "2026-12-31T10:00Z"), "open until 2026-12-31T12:00Z");
    assert_string_equal(now(hours, "2026-12-31T13:00Z"), "closed until 2027-01-02T09:00Z");
    /* what began before the closed day goes on to its end */
    assert_string_equal(now("daily 22:00-02:00; closed 2026-12-25", "2026-12-25T01:00Z"),
                        "open until 2026-12-25T02:00Z");
    assert_string_equal(now("daily 22:00-02:00; closed 2026-12-25", "2026-12-25T23:00Z"),
                        "closed until 2026-12-26T22:00Z");
}

static void closed_comes_before_hours(void **state)
{
    (void)state;
    assert_string_equal(now("daily 09:00-17:00; sun closed", "2026-11-28T18:00Z"), "closed until 2026-11-30T09:00Z");
    assert_string_equal(now("2026-12-24/2026-12-27 10:00-12:00; closed 2026-12-25", "2026-12-24T13:00Z"),
                        "closed until 2026-12-26T10:00Z");
    assert_string_equal(now("sun closed; 2026-11-29 10:00-12:00", "2026-11-29T11:00Z"), "open until 2026-11-29T12:00Z");
}

static void summer_time(void **state)
{
    (void)state;
    const char *hours = "daily 09:00-17:00";
    assert_string_equal(now(hours, "2026-07-01T07:59Z"), "closed until 2026-07-01T08:00Z");
    assert_string_equal(now(hours, "2026-07-01T15:59Z"), "open until 2026-07-01T16:00Z");
    assert_string_equal(now(hours, "2026-07-01T16:00Z"), "closed until 2026-07-02T08:00Z");
    /* the evenings before the clocks change */
    assert_string_equal(now(hours, "2026-03-28T18:00Z"), "closed until 2026-03-29T08:00Z");
    assert_string_equal(now(hours, "2026-10-24T18:00Z"), "closed until 2026-10-25T09:00Z");
    /* over the change itself: an hour shorter, an hour longer */
    assert_string_equal(now("sat 22:00-04:00", "2026-03-29T00:30Z"), "open until 2026-03-29T03:00Z");
    assert_string_equal(now("sat 22:00-04:00", "2026-10-25T00:30Z"), "open until 2026-10-25T04:00Z");
    /* the hour that comes twice: it opens and closes once */
    assert_string_equal(now("sun 00:30-01:30", "2026-10-25T00:15Z"), "open until 2026-10-25T00:30Z");
    assert_string_equal(now("sun 00:30-01:30", "2026-10-25T01:15Z"), "closed until 2026-11-01T00:30Z");
    assert_string_equal(now("sun 01:30-03:00", "2026-10-25T01:15Z"), "open until 2026-10-25T03:00Z");
    /* the hour that does not exist */
    assert_string_equal(now("sun 01:15-01:45", "2026-03-29T00:30Z"), "closed until 2026-03-29T01:15Z");
}

/* The last Sundays of March and October, 01:00 UTC. */
static void the_clocks_of_many_years(void **state)
{
    (void)state;
    static const struct {
        int year, march, october;
    } changes[] = {{1996, 31, 27}, {2000, 26, 29}, {2015, 29, 25}, {2019, 31, 27}, {2020, 29, 25}, {2023, 26, 29},
                   {2024, 31, 27}, {2025, 30, 26}, {2026, 29, 25}, {2027, 28, 31}, {2028, 26, 29}, {2032, 28, 31},
                   {2036, 30, 26}, {2099, 29, 25}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char text[40];
        snprintf(text, sizeof text, "%d-03-%dT01:00:00Z", changes[i].year, changes[i].march);
        assert_int_equal(london_offset(moment(text) - 1), 0);
        assert_int_equal(london_offset(moment(text)), 60);
        snprintf(text, sizeof text, "%d-10-%dT01:00:00Z", changes[i].year, changes[i].october);
        assert_int_equal(london_offset(moment(text) - 1), 60);
        assert_int_equal(london_offset(moment(text)), 0);
    }
}

static void local_days_and_minutes_lead_back(void **state)
{
    (void)state;
    for (int64_t ms = moment("2025-12-31T00:00Z"); ms < moment("2027-01-02T00:00Z"); ms += 900000) {
        int64_t day;
        int minute;
        london_day(ms, &day, &minute);
        assert_in_range(minute, 0, 1439);
        int64_t back = london_ms(day, minute);
        bool twice = ms >= moment("2026-10-25T01:00Z") && ms < moment("2026-10-25T02:00Z");
        assert_int_equal(back, twice ? ms - 3600000 : ms);
    }
    assert_int_equal(london_ms(days_of_date(2026, 3, 29), 90), moment("2026-03-29T01:30Z")); /* 02:30, the later */
    int64_t day;
    int minute;
    london_day(-1, &day, &minute); /* before 1970 */
    assert_true(day == -1 && minute == 1439);
}

/* Minute by minute through weeks with a change of clocks: what `until` says is when it changes, and nothing before. */
static void until_is_when_it_changes(void **state)
{
    (void)state;
    static const char *const hours[] = {
        "mon-fri 09:00-17:00", "daily 22:00-02:00", "sun 00:30-01:30", "sat 23:00-01:15; sun 01:15-04:00, 22:00-22:30",
        "24h", "daily 24h; closed 2026-10-25", "daily 00:00-01:00, 02:00-03:00; 2026-03-29 01:00-02:00",
    };
    static const char *const weeks[] = {"2026-03-25T00:00Z", "2026-10-21T00:00Z", "2026-06-10T00:00Z"};
    for (size_t h = 0; h < sizeof hours / sizeof hours[0]; h++)
        for (size_t w = 0; w < sizeof weeks / sizeof weeks[0]; w++) {
            struct schedule schedule;
            assert_true(schedule_parse(bytes_str(hours[h]), &schedule, &error));
            const int64_t begin = moment(weeks[w]), end = begin + (int64_t)7 * 86400000;
            int64_t until;
            bool open = schedule_open(&schedule, begin, &until);
            for (int64_t ms = begin + 60000; ms < end; ms += 60000) {
                int64_t later;
                bool still = schedule_open(&schedule, ms, ms % 1800000 == 0 ? &later : NULL);
                if ((still != open) != (ms == until))
                    fail_msg("%s, %s: wrong %lld minutes on", hours[h], weeks[w], (long long)(ms - begin) / 60000);
                if (still != open)
                    open = schedule_open(&schedule, ms, &until);
                else if (ms % 1800000 == 0)
                    assert_int_equal(later, until);
            }
        }
}

static void what_cannot_be_read_says_where(void **state)
{
    (void)state;
    assert_string_equal(refused("weekdays 9-5"), "a day of the week is expected at \"weekdays 9-5\".");
    assert_string_equal(refused("mon 9-17"), "a time of the day is expected, like 09:00, at \"9-17\".");
    assert_string_equal(refused("mon 09:00"), "from and to are expected, like 09:00-17:00, at \"\".");
    assert_string_equal(refused("mon 09:00-25:00"), "a time of the day is expected, like 09:00, at \"25:00\".");
    assert_string_equal(refused("mon 09:00-24:01"), "a time of the day is expected, like 09:00, at \"24:01\".");
    assert_string_equal(refused("mon 09:60-10:00"), "a time of the day is expected, like 09:00, at \"09:60-10:00\".");
    assert_string_equal(refused("mon 09:00-09:00"), "it closes when it opens at \"\".");
    assert_string_equal(refused("mon-"), "a day of the week is expected at \"\".");
    assert_string_equal(refused("mon 09:00-17:00 and tue"), "something is left over at \"and tue\".");
    assert_string_equal(refused("mon 09:00-17:00;"), "a day of the week is expected at \"\".");
    assert_string_equal(refused(""), "a day of the week is expected at \"\".");
    assert_string_equal(refused("closed 2026-02-29"), "there is no such day at \"2026-02-29\".");
    assert_string_equal(refused("closed on sunday"), "there is no such day at \"on sunday\".");
    assert_string_equal(refused("closed 2026-12-26/2026-12-25"), "the last day is before the first at \"\".");
    assert_string_equal(refused("samediéééééééé"), "a day of the week is expected at \"samediééééééé\".");
    assert_string_equal(refused("samedi!éééééééé"), "a day of the week is expected at \"samedi!éééééé\".");
    assert_string_equal(refused(repeated("closed 2026-12-25", ",2026-12-25", 16)), "too many dates at \"2026-12-25\".");
    assert_non_null(strstr(refused(repeated("daily 09:00-10:00", ",09:00-10:00", 70)), "there are too many hours at"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours_of_the_week),
        cmocka_unit_test(over_midnight),
        cmocka_unit_test(always_and_never),
        cmocka_unit_test(what_names_a_date_comes_first),
        cmocka_unit_test(closed_comes_before_hours),
        cmocka_unit_test(summer_time),
        cmocka_unit_test(the_clocks_of_many_years),
        cmocka_unit_test(local_days_and_minutes_lead_back),
        cmocka_unit_test(until_is_when_it_changes),
        cmocka_unit_test(what_cannot_be_read_says_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
