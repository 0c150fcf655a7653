/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people and programs write and read them. */
#include "client/when.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define DAY_MS (24ll * 3600 * 1000)

int64_t when_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool local(int64_t ms, struct tm *out)
{
    time_t seconds = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
    return localtime_r(&seconds, out) != NULL;
}

void when_iso(int64_t ms, char out[WHEN_MAX])
{
    struct tm tm;
    char zone[8], day[32];
    out[0] = '\0';
    if (!local(ms, &tm) || strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        return;
    strftime(zone, sizeof zone, "%z", &tm); /* "+0100" */
    int part = (int)(((ms % 1000) + 1000) % 1000);
    snprintf(out, WHEN_MAX, "%s.%03d%.3s:%.2s", day, part, zone, zone + 3);
}

void when_friendly(int64_t ms, int64_t now, char out[WHEN_MAX])
{
    struct tm then, today;
    out[0] = '\0';
    if (!local(ms, &then) || !local(now, &today))
        return;
    const char *format = "%-d %b %Y %H:%M";
    if (then.tm_year == today.tm_year)
        format = then.tm_yday == today.tm_yday ? "%H:%M" : "%-d %b %H:%M";
    strftime(out, WHEN_MAX, format, &then);
}

void when_span(int64_t span_ms, char out[WHEN_MAX])
{
    long long minutes = span_ms / 60000;
    if (minutes < 1)
        snprintf(out, WHEN_MAX, "just now");
    else if (minutes < 60)
        snprintf(out, WHEN_MAX, "%lld min", minutes);
    else if (minutes < 48 * 60)
        snprintf(out, WHEN_MAX, "%lld h", minutes / 60);
    else
        snprintf(out, WHEN_MAX, "%lld d", minutes / (24 * 60));
}

void when_days(int64_t since, int64_t now, char out[WHEN_MAX])
{
    long long days = now > since ? (now - since) / DAY_MS : 0;
    snprintf(out, WHEN_MAX, "%lld day%s", days, days == 1 ? "" : "s");
}

/* ---- reading ---- */

/* Exactly `digits` digits within min..max; moves on. */
static bool number(const char **at, int digits, int min, int max, int *out)
{
    *out = 0;
    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        *out = *out * 10 + (**at - '0');
    }
    return *out >= min && *out <= max;
}

static bool literal(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

static bool date(const char **at, struct tm *tm)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int y, m, d;
    if (!number(at, 4, 1, 9999, &y) || !literal(at, '-') || !number(at, 2, 1, 12, &m) || !literal(at, '-') ||
        !number(at, 2, 1, 31, &d))
        return false;
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d > lengths[m - 1] + (m == 2 && leap))
        return false;
    tm->tm_year = y - 1900;
    tm->tm_mon = m - 1;
    tm->tm_mday = d;
    return true;
}

bool when_parse_iso(const char *text, int64_t *ms)
{
    struct tm tm = {0};
    const char *at = text;
    int part = 0, scale = 100, hours = 0, minutes = 0, sign = 1;
    if (!date(&at, &tm) || (!literal(&at, 'T') && !literal(&at, 't') && !literal(&at, ' ')) ||
        !number(&at, 2, 0, 23, &tm.tm_hour) || !literal(&at, ':') || !number(&at, 2, 0, 59, &tm.tm_min) ||
        !literal(&at, ':') || !number(&at, 2, 0, 60, &tm.tm_sec))
        return false;
    if (literal(&at, '.')) {
        if (*at < '0' || *at > '9')
            return false;
        for (; *at >= '0' && *at <= '9'; at++, scale /= 10)
            part += (*at - '0') * scale;
    }
    if (!literal(&at, 'Z') && !literal(&at, 'z')) {
        sign = *at == '-' ? -1 : 1;
        if ((!literal(&at, '+') && !literal(&at, '-')) || !number(&at, 2, 0, 23, &hours) || !literal(&at, ':') ||
            !number(&at, 2, 0, 59, &minutes))
            return false;
    }
    if (*at)
        return false;
    *ms = ((int64_t)timegm(&tm) - sign * (hours * 3600 + minutes * 60)) * 1000 + part;
    return true;
}
