/* SPDX-License-Identifier: Apache-2.0 */
/* Single values as people write them: dates, times, numbers, yes and no, NHS numbers. */
#include "proto/domain/validate.h"

#include <ctype.h>

bool number_parse(struct bytes text, int64_t *out)
{
    size_t i = text.len > 0 && (text.data[0] == '-' || text.data[0] == '+');
    int64_t value = 0;
    if (i == text.len || text.len - i > 18)
        return false;
    for (; i < text.len; i++) {
        if (!isdigit(text.data[i]))
            return false;
        value = value * 10 + (text.data[i] - '0');
    }
    *out = text.data[0] == '-' ? -value : value;
    return true;
}

static bool is_word(struct bytes text, const char *word)
{
    return text.len == strlen(word) && memcmp(text.data, word, text.len) == 0;
}

bool duration_parse(struct bytes text, int64_t *minutes)
{
    int64_t first = 0, second = 0;
    size_t at = 0, from;
    while (at < text.len && at < 6 && isdigit(text.data[at]))
        first = first * 10 + (text.data[at++] - '0');
    if (at == 0)
        return false;
    while (at < text.len && text.data[at] == ' ')
        at++;
    struct bytes unit = bytes_of(text.data + at, text.len - at);
    if (unit.len == 0 || is_word(unit, "m") || is_word(unit, "min") || is_word(unit, "minutes")) {
        *minutes = first;
        return true;
    }
    if (unit.data[0] != 'h' && unit.data[0] != ':')
        return false;
    for (from = ++at; at < text.len && at - from < 2 && isdigit(text.data[at]); at++)
        second = second * 10 + (text.data[at] - '0');
    bool whole = unit.data[0] == 'h' && unit.len == 1;
    *minutes = first * 60 + second;
    return at == text.len && second < 60 && (whole || at - from == 2);
}

bool yesno_parse(struct bytes text, bool *out)
{
    static const char *const words[] = {"no", "n", "false", "0", "yes", "y", "true", "1"};
    char lower[6] = {0};
    if (text.len >= sizeof lower)
        return false;
    for (size_t i = 0; i < text.len; i++)
        lower[i] = (char)tolower(text.data[i]);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(lower, words[i]) == 0) {
            *out = i >= 4;
            return true;
        }
    return false;
}

/* Exactly `count` digits from `*at` on. */
static bool digits(struct bytes text, size_t *at, size_t count, int *out)
{
    *out = 0;
    if (count > text.len || *at > text.len - count)
        return false;
    for (size_t end = *at + count; *at < end; (*at)++) {
        if (!isdigit(text.data[*at]))
            return false;
        *out = *out * 10 + (text.data[*at] - '0');
    }
    return true;
}

static bool literal(struct bytes text, size_t *at, char c)
{
    if (*at >= text.len || text.data[*at] != (uint8_t)c)
        return false;
    (*at)++;
    return true;
}

static bool day_exists(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1800 && year <= 2199 && month >= 1 && month <= 12 && day >= 1 &&
           day <= days[month - 1] + (leap && month == 2);
}

static bool date_part(struct bytes text, size_t *at, int *year, int *month, int *day)
{
    return digits(text, at, 4, year) && literal(text, at, '-') && digits(text, at, 2, month) &&
           literal(text, at, '-') && digits(text, at, 2, day) && day_exists(*year, *month, *day);
}

bool date_valid(struct bytes text)
{
    size_t at = 0;
    int year, month, day;
    return date_part(text, &at, &year, &month, &day) && at == text.len;
}

int64_t days_of_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

void date_of_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t y = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * of_year + 2) / 153;
    *day = (int)(of_year - (153 * m + 2) / 5 + 1);
    *month = (int)(m < 10 ? m + 3 : m - 9);
    *year = (int)(y + era * 400 + (*month <= 2));
}

/* "Z", "+01:00", "-0530" */
static bool offset_part(struct bytes text, size_t *at, int *minutes)
{
    int hours, rest;
    *minutes = 0;
    if (literal(text, at, 'Z') || literal(text, at, 'z'))
        return true;
    bool east = literal(text, at, '+');
    if ((!east && !literal(text, at, '-')) || !digits(text, at, 2, &hours))
        return false;
    literal(text, at, ':');
    if (!digits(text, at, 2, &rest) || hours > 14 || rest > 59)
        return false;
    *minutes = (east ? 1 : -1) * (hours * 60 + rest);
    return true;
}

bool time_parse(struct bytes text, int64_t *ms)
{
    size_t at = 0;
    int year, month, day, hour, minute, second = 0, offset, thousandths = 0;
    if (!date_part(text, &at, &year, &month, &day) || (!literal(text, &at, 'T') && !literal(text, &at, 't')) ||
        !digits(text, &at, 2, &hour) || !literal(text, &at, ':') || !digits(text, &at, 2, &minute))
        return false;
    if (literal(text, &at, ':') && !digits(text, &at, 2, &second))
        return false;
    if (literal(text, &at, '.')) {
        int scale = 100;
        size_t from = at;
        for (; at < text.len && isdigit(text.data[at]); at++, scale /= 10)
            thousandths += scale * (text.data[at] - '0');
        if (at == from)
            return false;
    }
    if (hour > 23 || minute > 59 || second > 59 || !offset_part(text, &at, &offset) || at != text.len)
        return false;
    int64_t minutes = days_of_date(year, month, day) * 1440 + hour * 60 + minute - offset;
    *ms = (minutes * 60 + second) * 1000 + thousandths;
    return true;
}

/* The tenth digit makes the weighted sum of all a multiple of 11. */
enum nhs_verdict nhs_parse(struct bytes text, char out[11])
{
    size_t count = 0;
    int sum = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == ' ' || text.data[i] == '-')
            continue;
        if (!isdigit(text.data[i]) || count == 10)
            return NHS_NOT_TEN_DIGITS;
        sum += (text.data[i] - '0') * (count == 9 ? 1 : 10 - (int)count);
        out[count++] = (char)text.data[i];
    }
    out[count] = '\0';
    if (count != 10)
        return NHS_NOT_TEN_DIGITS;
    if (strspn(out, (const char[]){out[0], '\0'}) == 10)
        return NHS_ALL_THE_SAME; /* its check digit fits, and nobody has it: it fills a form */
    return sum % 11 == 0 ? NHS_RIGHT : NHS_CHECK_DIGIT;
}
