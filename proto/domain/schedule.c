/* SPDX-License-Identifier: Apache-2.0 */
/* Weekly hours: reading them, and whether they are open at a moment of Europe/London. */
#include "proto/domain/schedule.h"

#include <ctype.h>
#include <stdlib.h>

#include "proto/domain/validate.h"

#define DAY_MINUTES 1440
#define MINUTE_MS 60000
#define DAYS_AHEAD 8 /* a week and a day, within which everything weekly comes again */

/* ---- Europe/London ---- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* 0: monday. */
static int weekday(int64_t day)
{
    return (int)(((day + 3) % 7 + 7) % 7);
}

static int64_t last_sunday(int year, int month)
{
    int64_t day = days_of_date(year, month, 31); /* March and October have 31 */
    return day - (weekday(day) + 1) % 7;
}

int london_offset(int64_t ms)
{
    int year, month, day;
    int64_t minutes = floor_div(ms, MINUTE_MS);
    date_of_days(floor_div(minutes, DAY_MINUTES), &year, &month, &day);
    int64_t begin = last_sunday(year, 3) * DAY_MINUTES + 60, end = last_sunday(year, 10) * DAY_MINUTES + 60;
    return minutes >= begin && minutes < end ? 60 : 0;
}

void london_day(int64_t ms, int64_t *day, int *minute)
{
    int64_t local = floor_div(ms, MINUTE_MS) + london_offset(ms);
    *day = floor_div(local, DAY_MINUTES);
    *minute = (int)(local - *day * DAY_MINUTES);
}

int64_t london_ms(int64_t day, int minute)
{
    int64_t local = (day * DAY_MINUTES + minute) * MINUTE_MS;
    int64_t summer = local - 60 * MINUTE_MS;
    return london_offset(summer) == 60 ? summer : local;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *at, *end;
    struct felloe_error *error;
};

static void skip(struct reader *r)
{
    while (r->at < r->end && isspace(*r->at))
        r->at++;
}

static bool take(struct reader *r, char c)
{
    skip(r);
    if (r->at == r->end || tolower(*r->at) != c)
        return false;
    r->at++;
    return true;
}

static bool take_word(struct reader *r, const char *word)
{
    size_t len = strlen(word);
    skip(r);
    if ((size_t)(r->end - r->at) < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (tolower(r->at[i]) != word[i])
            return false;
    r->at += len;
    return true;
}

static bool take_number(struct reader *r, size_t digits_max, int *out)
{
    size_t digits = 0;
    skip(r);
    *out = 0;
    for (; r->at < r->end && digits < digits_max && isdigit(*r->at); digits++)
        *out = *out * 10 + (*r->at++ - '0');
    return digits > 0;
}

static bool bad(struct reader *r, const char *what)
{
    size_t rest = (size_t)(r->end - r->at), shown = rest < 20 ? rest : 20;
    while (shown > 0 && shown < rest && (r->at[shown] & 0xc0) == 0x80)
        shown--; /* whole characters */
    felloe_fail(r->error, FELLOE_INVALID,
                "weekly hours are like \"mon-fri 09:00-17:00; closed 2026-12-25\"; %s at \"%.*s\".", what,
                (int)shown, (const char *)r->at);
    return false;
}

static bool take_time(struct reader *r, int *minute)
{
    int hour, rest;
    const uint8_t *from = r->at;
    if (!take_number(r, 2, &hour) || !take(r, ':') || !take_number(r, 2, &rest) || hour > 24 || rest > 59 ||
        hour * 60 + rest > DAY_MINUTES) {
        r->at = from;
        return bad(r, "a time of the day is expected, like 09:00,");
    }
    *minute = hour * 60 + rest;
    return true;
}

static bool take_date(struct reader *r, int32_t *day)
{
    skip(r);
    if (r->end - r->at < 10 || !date_valid(bytes_of(r->at, 10)))
        return bad(r, "there is no such day");
    int year = (int)strtol((const char[]){(char)r->at[0], (char)r->at[1], (char)r->at[2], (char)r->at[3], 0}, NULL, 10);
    int month = (r->at[5] - '0') * 10 + (r->at[6] - '0'), of_month = (r->at[8] - '0') * 10 + (r->at[9] - '0');
    *day = (int32_t)days_of_date(year, month, of_month);
    r->at += 10;
    return true;
}

static int take_weekday(struct reader *r)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    static const char *const rest[] = {"day", "sday", "nesday", "rsday", "day", "urday", "day"};
    for (int i = 0; i < 7; i++)
        if (take_word(r, names[i])) {
            take_word(r, rest[i]);
            return i;
        }
    return -1;
}

static bool take_weekdays(struct reader *r, uint8_t *days)
{
    do {
        int first = take_weekday(r);
        if (first < 0)
            return bad(r, "a day of the week is expected");
        int last = take(r, '-') ? take_weekday(r) : first;
        if (last < 0)
            return bad(r, "a day of the week is expected");
        for (int i = first;; i = (i + 1) % 7) {
            *days |= (uint8_t)(1u << i);
            if (i == last)
                break;
        }
    } while (take(r, ','));
    return true;
}

/* What a part is about: days of the week, or stretches of dates. */
struct when {
    uint8_t weekdays;
    struct { int32_t first, last; } dates[16];
    size_t date_count;
};

static bool take_dates(struct reader *r, struct when *when)
{
    do {
        if (when->date_count == sizeof when->dates / sizeof when->dates[0])
            return bad(r, "too many dates");
        int32_t first, last;
        if (!take_date(r, &first))
            return false;
        last = first;
        if (take(r, '/') && !take_date(r, &last))
            return false;
        if (last < first)
            return bad(r, "the last day is before the first");
        when->dates[when->date_count].first = first;
        when->dates[when->date_count++].last = last;
    } while (take(r, ','));
    return true;
}

static bool add_hours(struct reader *r, struct schedule *out, const struct when *when, int from, int to)
{
    size_t more = when->weekdays ? 1 : when->date_count;
    if (out->count + more > SCHEDULE_HOURS_MAX)
        return bad(r, "there are too many hours");
    for (size_t i = 0; i < more; i++)
        out->hours[out->count++] = (struct schedule_hours){
            .weekdays = when->weekdays,
            .first = when->weekdays ? 0 : when->dates[i].first,
            .last = when->weekdays ? 0 : when->dates[i].last,
            .from = (uint16_t)from,
            .to = (uint16_t)to,
        };
    return true;
}

static bool take_ranges(struct reader *r, struct schedule *out, const struct when *when)
{
    if (take_word(r, "24h"))
        return add_hours(r, out, when, 0, DAY_MINUTES);
    if (take_word(r, "closed"))
        return add_hours(r, out, when, 0, 0);
    do {
        int from, to;
        if (!take_time(r, &from))
            return false;
        if (!take(r, '-'))
            return bad(r, "from and to are expected, like 09:00-17:00,");
        if (!take_time(r, &to))
            return false;
        if (from == to)
            return bad(r, "it closes when it opens");
        if (!add_hours(r, out, when, from, to < from ? to + DAY_MINUTES : to))
            return false;
    } while (take(r, ','));
    return true;
}

static bool take_part(struct reader *r, struct schedule *out)
{
    struct when when = {0};
    skip(r);
    if (take_word(r, "closed"))
        return take_dates(r, &when) && add_hours(r, out, &when, 0, 0);
    if (take_word(r, "daily")) {
        when.weekdays = 0x7f;
    } else if (r->at < r->end && r->end - r->at >= 3 && tolower(r->at[2]) == 'h' && isdigit(*r->at)) {
        when.weekdays = 0x7f; /* "24h" alone */
    } else if (r->at < r->end && isdigit(*r->at)) {
        if (!take_dates(r, &when))
            return false;
    } else if (!take_weekdays(r, &when.weekdays)) {
        return false;
    }
    return take_ranges(r, out, &when);
}

bool schedule_parse(struct bytes text, struct schedule *out, struct felloe_error *error)
{
    struct reader r = {text.data, text.data + text.len, error};
    out->count = 0;
    do {
        if (!take_part(&r, out))
            return false;
    } while (take(&r, ';'));
    skip(&r);
    return r.at == r.end || bad(&r, "something is left over");
}

/* ---- open now ---- */

/* A local day. Where no clock is changed in it or the next (into which hours may go on), minutes only need adding. */
struct day {
    int64_t number, begin; /* days since 1970; ms of its first minute */
    bool plain, exception, closed;
};

static bool is_on(const struct schedule_hours *hours, int64_t day)
{
    return hours->weekdays ? hours->weekdays >> weekday(day) & 1 : hours->first <= day && day <= hours->last;
}

static struct day day_of(const struct schedule *schedule, int64_t number)
{
    struct day day = {.number = number, .begin = london_ms(number, 0)};
    day.plain = london_ms(number + 2, 0) - day.begin == 2 * (int64_t)DAY_MINUTES * MINUTE_MS;
    for (size_t i = 0; i < schedule->count; i++) /* hours of its own: then those of the week do not count */
        day.exception = day.exception || (!schedule->hours[i].weekdays && is_on(&schedule->hours[i], number));
    for (size_t i = 0; i < schedule->count; i++) {
        const struct schedule_hours *hours = &schedule->hours[i];
        day.closed = day.closed ||
                     (hours->from == hours->to && day.exception == !hours->weekdays && is_on(hours, number));
    }
    return day;
}

/* A stretch begins and ends once, also where the clock goes back and its minutes come twice. */
static int64_t minute_of(const struct day *day, int minute)
{
    if (day->plain)
        return day->begin + (int64_t)minute * MINUTE_MS;
    return london_ms(day->number + minute / DAY_MINUTES, minute % DAY_MINUTES);
}

/* Open by the hours of that day? They may go on into the next. */
static bool day_opens(const struct schedule *schedule, const struct day *day, int64_t ms)
{
    for (size_t i = 0; i < schedule->count && !day->closed; i++) {
        const struct schedule_hours *hours = &schedule->hours[i];
        if (is_on(hours, day->number) && day->exception == !hours->weekdays &&
            ms >= minute_of(day, hours->from) && ms < minute_of(day, hours->to))
            return true;
    }
    return false;
}

static bool is_open(const struct schedule *schedule, int64_t ms)
{
    int64_t number;
    int minute;
    london_day(ms, &number, &minute);
    const struct day today = day_of(schedule, number), before = day_of(schedule, number - 1);
    return day_opens(schedule, &today, ms) || day_opens(schedule, &before, ms);
}

/* It changes only where a stretch begins or ends: the earliest of those after `ms` at which it does. */
static int64_t next_change(const struct schedule *schedule, int64_t ms, bool open)
{
    int64_t today, best = INT64_MAX;
    int minute;
    london_day(ms, &today, &minute);
    for (int64_t number = today - 1; number <= today + DAYS_AHEAD; number++) {
        const struct day day = day_of(schedule, number);
        if (day.begin >= best)
            break;
        for (size_t i = 0; i < schedule->count; i++) {
            const struct schedule_hours *hours = &schedule->hours[i];
            const uint16_t edges[] = {hours->from, hours->to};
            for (size_t e = 0; e < 2 && is_on(hours, number); e++) {
                int64_t at = minute_of(&day, edges[e]);
                if (at > ms && at < best && is_open(schedule, at) != open)
                    best = at;
            }
        }
    }
    return best;
}

bool schedule_open(const struct schedule *schedule, int64_t ms, int64_t *until)
{
    bool open = is_open(schedule, ms);
    if (until)
        *until = next_change(schedule, ms, open);
    return open;
}
