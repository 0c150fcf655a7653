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
/* As people write them, local: "today", "tomorrow", "yesterday", "now", "friday" (the next), "14:30" (today),
 * "2026-12-01", "2026-12-01 14:30", "tomorrow 9:00"; and RFC 3339. A day alone is its start. */
bool when_parse(const char *text, int64_t now, int64_t *ms);

#endif
