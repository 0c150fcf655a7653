/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people write them: words, days and times of day in either order. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "client/when.h"
#include "proto/domain/validate.h"

#define TOKENS_MAX 8
#define TOKEN_MAX 24
#define DAY_MS 86400000ll

struct reading {
    char tokens[TOKENS_MAX][TOKEN_MAX];
    int count, at;
    enum when_lies lies;
    int64_t now;
    int year, month, day; /* today */
    int64_t today;        /* days since 1970 */
    /* what was found */
    bool has_day, has_time, has_exact;
    int64_t days;         /* since 1970 */
    int hour, minute;
    int64_t exact;
};

/* Lower case, cut at spaces and commas. */
static bool cut(struct reading *r, const char *text)
{
    while (*text) {
        size_t len = strcspn(text, " ,\t");
        if (len >= TOKEN_MAX || (len > 0 && r->count == TOKENS_MAX))
            return false;
        for (size_t i = 0; i < len; i++)
            r->tokens[r->count][i] = (char)tolower((unsigned char)text[i]);
        r->count += len > 0;
        text += len + (text[len] != '\0');
    }
    return r->count > 0;
}

static const char *token(const struct reading *r, int ahead)
{
    return r->at + ahead < r->count ? r->tokens[r->at + ahead] : "";
}

static bool is_word(const struct reading *r, int ahead, const char *words)
{
    size_t len = strlen(token(r, ahead));
    for (const char *at = words; len > 0 && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strcspn(at, " ") == len && strncmp(at, token(r, ahead), len) == 0)
            return true;
    return false;
}

/* Digits at the front; how many, 0 for none or more than `max`. */
static int digits(const char *text, int max, int *out)
{
    int len = 0;
    *out = 0;
    for (; len < max && isdigit((unsigned char)text[len]); len++)
        *out = *out * 10 + (text[len] - '0');
    return isdigit((unsigned char)text[len]) ? 0 : len;
}

/* ---- days ---- */

static bool set_day(struct reading *r, int64_t days, int taken)
{
    if (r->has_day || r->has_exact)
        return false;
    r->has_day = true;
    r->days = days;
    r->at += taken;
    return true;
}

static bool day_exists(int year, int month, int day)
{
    char text[16];
    if (year < 1800 || year > 2199 || month < 1 || month > 12 || day < 1 || day > 31)
        return false;
    snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
    return date_valid(bytes_str(text));
}

/* A day of a year that was not said, or said with two digits: the one that lies as it should. */
static bool set_date(struct reading *r, int year, int year_digits, int month, int day, int taken)
{
    bool back = r->lies == WHEN_BACK;
    if (year_digits == 4)
        return day_exists(year, month, day) && set_day(r, days_of_date(year, month, day), taken);
    if (year_digits == 2) {
        year += 2000;
        if (back && (year > r->year || (day_exists(year, month, day) && days_of_date(year, month, day) > r->today)))
            year -= 100;
        return day_exists(year, month, day) && set_day(r, days_of_date(year, month, day), taken);
    }
    for (int i = 0; i <= 8; i++) { /* the 29th of February comes every four years, or eight */
        year = back ? r->year - i : r->year + i;
        if (!day_exists(year, month, day))
            continue;
        int64_t days = days_of_date(year, month, day);
        if (back ? days <= r->today : days >= r->today)
            return set_day(r, days, taken);
    }
    return false;
}

/* "2026-12-01", with "t14:30" behind it perhaps. */
static bool iso_date(struct reading *r)
{
    char *text = r->tokens[r->at];
    int year, month, day;
    if (strlen(text) < 10 || digits(text, 4, &year) != 4 || text[4] != '-' || digits(text + 5, 2, &month) != 2 ||
        text[7] != '-' || digits(text + 8, 2, &day) != 2 || (text[10] && text[10] != 't'))
        return false;
    bool more = text[10] == 't' && text[11];
    if (text[10] && !more)
        return false;
    if (!set_date(r, year, 4, month, day, more ? 0 : 1))
        return false;
    if (more)
        memmove(text, text + 11, strlen(text + 11) + 1);
    return true;
}

/* "1/12", "1/12/26", "1/12/2026": the day comes first. */
static bool slash_date(struct reading *r)
{
    const char *text = token(r, 0);
    int day, month, year = 0, len, year_digits = 0;
    if (!(len = digits(text, 2, &day)) || text[len] != '/')
        return false;
    text += len + 1;
    if (!(len = digits(text, 2, &month)))
        return false;
    text += len;
    if (*text == '/') {
        year_digits = digits(text + 1, 4, &year);
        text += 1 + year_digits;
        if (year_digits != 2 && year_digits != 4)
            return false;
    }
    return *text == '\0' && set_date(r, year, year_digits, month, day, 1);
}

static int month_of(const char *text)
{
    static const char *const months[] = {"january", "february", "march", "april", "may", "june", "july", "august",
                                         "september", "october", "november", "december"};
    size_t len = strlen(text);
    for (int i = 0; len >= 3 && i < 12; i++)
        if (len <= strlen(months[i]) && strncmp(months[i], text, len) == 0)
            return i + 1;
    return len == 4 && strcmp(text, "sept") == 0 ? 9 : 0;
}

/* "1", "1st", "22nd". */
static int day_number(const char *text)
{
    int day, len = digits(text, 2, &day);
    static const char *const ends[] = {"", "st", "nd", "rd", "th"};
    for (size_t i = 0; len && i < sizeof ends / sizeof *ends; i++)
        if (strcmp(text + len, ends[i]) == 0)
            return day;
    return 0;
}

/* "1 dec", "dec 1", "1 december 2026". */
static bool named_date(struct reading *r)
{
    int day = day_number(token(r, 0)), month = month_of(token(r, 1)), year = 0;
    if (!day || !month) {
        month = month_of(token(r, 0));
        day = day_number(token(r, 1));
    }
    if (!day || !month)
        return false;
    bool has_year = strlen(token(r, 2)) == 4 && digits(token(r, 2), 4, &year) == 4;
    return set_date(r, year, has_year ? 4 : 0, month, day, has_year ? 3 : 2);
}

static int weekday_of(const char *text)
{
    static const char *const week[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    size_t len = strlen(text);
    for (int i = 0; len >= 3 && i < 7; i++)
        if (len <= strlen(week[i]) && strncmp(week[i], text, len) == 0)
            return i;
    return -1;
}

static bool weekday(struct reading *r)
{
    int today = (int)((r->today % 7 + 10) % 7); /* 1 January 1970 was a Thursday: 3 */
    bool last = is_word(r, 0, "last"), next = is_word(r, 0, "next"), this = is_word(r, 0, "this");
    int which = weekday_of(token(r, last || next || this));
    if (which < 0)
        return false;
    int64_t monday = r->today - today;
    if (next)
        return set_day(r, monday + 7 + which, 2);
    if (this)
        return set_day(r, monday + which, 2);
    if (last || r->lies == WHEN_BACK)
        return set_day(r, r->today - ((today - which + 6) % 7 + 1), last ? 2 : 1);
    return set_day(r, r->today + (which - today + 6) % 7 + 1, 1);
}

static bool near_day(struct reading *r)
{
    if (is_word(r, 0, "today"))
        return set_day(r, r->today, 1);
    if (is_word(r, 0, "tomorrow"))
        return set_day(r, r->today + 1, 1);
    if (is_word(r, 0, "yesterday"))
        return set_day(r, r->today - 1, 1);
    if (is_word(r, 0, "next last") && is_word(r, 1, "week"))
        return set_day(r, r->today + (is_word(r, 0, "next") ? 7 : -7), 2);
    return false;
}

/* ---- so long from now ---- */

/* The same day of another month, or its last where there is none. */
static int64_t months_on(const struct reading *r, int months)
{
    int all = r->year * 12 + r->month - 1 + months, day = r->day;
    while (day > 28 && !day_exists(all / 12, all % 12 + 1, day))
        day--;
    return days_of_date(all / 12, all % 12 + 1, day);
}

static bool set_span(struct reading *r, int count, const char *unit, int taken)
{
    static const struct { const char *words; int64_t ms; } units[] = {
        {"minute minutes min mins", 60000},     {"hour hours h", 3600000},
        {"day days", DAY_MS},                   {"week weeks", 7 * DAY_MS},
        {"fortnight fortnights", 14 * DAY_MS},  {"month months", 0},
    };
    struct reading one = {.count = 1};
    snprintf(one.tokens[0], TOKEN_MAX, "%s", unit);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!is_word(&one, 0, units[i].words))
            continue;
        if (units[i].ms == 0)
            return set_day(r, months_on(r, count), taken);
        if (units[i].ms >= DAY_MS)
            return set_day(r, r->today + count * (units[i].ms / DAY_MS), taken);
        if (r->has_day || r->has_time || r->has_exact)
            return false;
        r->has_exact = true;
        r->exact = r->now + count * units[i].ms;
        r->at += taken;
        return true;
    }
    return false;
}

/* "in 3 days", "3 days ago", "an hour ago". */
static bool span(struct reading *r)
{
    int in = is_word(r, 0, "in"), count, len;
    if (is_word(r, in, "a an"))
        count = 1;
    else if (!(len = digits(token(r, in), 4, &count)) || token(r, in)[len])
        return false;
    if (in)
        return set_span(r, count, token(r, 2), 3);
    return is_word(r, 2, "ago") && set_span(r, -count, token(r, 1), 3);
}

/* ---- times of day ---- */

static bool clock_time(struct reading *r)
{
    const char *text = token(r, 0);
    int hour, minute = 0, taken = 1, len = digits(text, 2, &hour);
    if (is_word(r, 0, "noon midday")) {
        hour = 12;
        text = "";
    } else {
        if (!len)
            return false;
        text += len;
        bool minutes = *text == ':' || *text == '.';
        if (minutes && digits(text + 1, 2, &minute) != 2)
            return false;
        text += minutes ? 3 : 0;
        const char *half = *text ? text : token(r, 1);
        bool am = strcmp(half, "am") == 0, pm = strcmp(half, "pm") == 0;
        if ((am || pm) && (hour < 1 || hour > 12))
            return false;
        if (am || pm) {
            taken = *text ? 1 : 2;
            hour = hour % 12 + (pm ? 12 : 0);
        } else if (*text || !minutes) {
            return false;
        }
    }
    if (hour > 23 || minute > 59 || r->has_time || r->has_exact)
        return false;
    r->has_time = true;
    r->hour = hour;
    r->minute = minute;
    r->at += taken;
    return true;
}

/* ---- all of it ---- */

static bool local_ms(int64_t days, int hour, int minute, int64_t *ms)
{
    int year, month, day;
    date_of_days(days, &year, &month, &day);
    struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute,
                    .tm_isdst = -1};
    time_t seconds = mktime(&tm);
    *ms = (int64_t)seconds * 1000;
    return seconds != (time_t)-1;
}

static bool finish(struct reading *r, struct when *out)
{
    out->has_time = r->has_exact || r->has_time;
    if (r->has_exact) {
        out->ms = r->exact;
    } else {
        int64_t days = r->has_day ? r->days : r->today;
        if (!local_ms(days, r->hour, r->minute, &out->ms))
            return false;
        int turn = r->has_day ? 0 : r->lies == WHEN_BACK && out->ms > r->now ? -1
                                  : r->lies == WHEN_AHEAD && out->ms < r->now ? 1 : 0;
        if (turn && !local_ms(days + turn, r->hour, r->minute, &out->ms))
            return false;
    }
    char iso[WHEN_MAX];
    when_iso(out->ms, iso);
    snprintf(out->day, sizeof out->day, "%.10s", iso);
    return true;
}

bool when_parse(const char *text, enum when_lies lies, int64_t now, struct when *out)
{
    struct reading r = {.lies = lies, .now = now};
    struct tm tm;
    time_t seconds = (time_t)(now / 1000);
    if (when_parse_iso(text, &r.exact)) {
        r.has_exact = true;
        return finish(&r, out);
    }
    if (!localtime_r(&seconds, &tm) || !cut(&r, text))
        return false;
    r.year = tm.tm_year + 1900;
    r.month = tm.tm_mon + 1;
    r.day = tm.tm_mday;
    r.today = days_of_date(r.year, r.month, r.day);
    if (r.count == 1 && is_word(&r, 0, "now")) {
        r.has_exact = true;
        r.exact = now;
        return finish(&r, out);
    }
    while (r.at < r.count)
        if (is_word(&r, 0, "at on") && r.at + 1 < r.count)
            r.at++;
        else if (!span(&r) && !near_day(&r) && !weekday(&r) && !iso_date(&r) && !slash_date(&r) && !named_date(&r) &&
                 !clock_time(&r))
            return false;
    return (r.has_day || r.has_time || r.has_exact) && finish(&r, out);
}

void when_weekday(const char day[sizeof "2026-12-01"], int64_t now, char out[WHEN_MAX])
{
    struct when then;
    char today[WHEN_MAX];
    snprintf(out, WHEN_MAX, "%s", day);
    if (!when_parse(day, WHEN_NEAR, now, &then))
        return;
    when_iso(now, today);
    time_t seconds = (time_t)(then.ms / 1000);
    struct tm tm;
    const char *format = strncmp(day, today, 4) == 0 ? "%a %-d %b" : "%a %-d %b %Y";
    if (localtime_r(&seconds, &tm))
        strftime(out, WHEN_MAX, format, &tm);
}

void when_length(int64_t span_ms, char out[WHEN_MAX])
{
    long long minutes = span_ms / 60000, hours = minutes / 60, days = hours / 24;
    if (hours < 1)
        snprintf(out, WHEN_MAX, "%lld min", minutes);
    else if (days < 2 && minutes % 60)
        snprintf(out, WHEN_MAX, "%lld h %lld min", hours, minutes % 60);
    else if (days < 2)
        snprintf(out, WHEN_MAX, "%lld h", hours);
    else if (hours % 24)
        snprintf(out, WHEN_MAX, "%lld d %lld h", days, hours % 24);
    else
        snprintf(out, WHEN_MAX, "%lld d", days);
}
