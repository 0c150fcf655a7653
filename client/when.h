/* SPDX-License-Identifier: Apache-2.0 */
/* Times as people and programs write and read them. Milliseconds since 1970; "now" is given, so that tests can say
 * it. */
#ifndef FELLOE_CLIENT_WHEN_H
#define FELLOE_CLIENT_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#define WHEN_MAX 48

int64_t when_now(void);
/* "2026-11-22T14:02:11.250+00:00", of the local time zone. */
void when_iso(int64_t ms, char out[WHEN_MAX]);
/* "14:02" today, "21 Nov 14:02" this year, else "21 Nov 2024 14:02". */
void when_friendly(int64_t ms, int64_t now, char out[WHEN_MAX]);
/* "2 d", "5 h", "12 min", "just now". */
void when_span(int64_t span_ms, char out[WHEN_MAX]);
/* "12 days", whole days since then. */
void when_days(int64_t since, int64_t now, char out[WHEN_MAX]);
/* RFC 3339: "2026-12-01T14:30:00.5+01:00", "…Z". False when it is no such time. */
bool when_parse_iso(const char *text, int64_t *ms);

/* Where a time lies that people write in short: "friday", "14:30", "1 dec". */
enum when_lies {
    WHEN_NEAR,  /* today for a time of day, else as ahead */
    WHEN_AHEAD, /* what is due or planned: the next friday */
    WHEN_BACK   /* what happened: the last one */
};
struct when {
    int64_t ms;            /* of a day alone: its start */
    bool has_time;         /* a time of day was said */
    char day[sizeof "2026-12-01"];
};
/* As people write them, local: now, today, tomorrow, yesterday, friday, next friday, last friday, in 3 days, a week
 * ago, in 20 minutes, 14:30, 2.30pm, noon, 1/12, 1/12/2026, 1 dec, 1 december 2026, 2026-12-01; a day and a time in
 * either order; and RFC 3339. "Next friday" is that of next week. False when it is no time, or no day that exists. */
bool when_parse(const char *text, enum when_lies lies, int64_t now, struct when *out);
/* "Fri 27 Nov", with the year where it is another one. */
void when_weekday(const char day[sizeof "2026-12-01"], int64_t now, char out[WHEN_MAX]);
/* "1 h 50 min", "2 d 3 h", "3 min": whole minutes, the two largest parts. */
void when_length(int64_t span_ms, char out[WHEN_MAX]);

#endif
