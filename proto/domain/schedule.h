/* SPDX-License-Identifier: Apache-2.0 */
/* Weekly opening hours with exceptions, as people write them, in local time of Europe/London:
 *
 *   schedule  = part *( ";" part )
 *   part      = days ranges | "closed" dates | dates ranges | "24h" | days "24h"
 *   days      = day [ "-" day ] *( "," day [ "-" day ] )      mon tue wed thu fri sat sun, daily
 *   dates     = date [ "/" date ] *( "," … )                  2026-12-25, 2026-12-24/2026-12-31
 *   ranges    = time "-" time *( "," time "-" time )          09:00-12:30, 22:00-02:00 (into the next day)
 *
 * "mon-fri 09:00-17:00; sat 10:00-12:00; closed 2026-12-25/2026-12-26; 2026-12-31 09:00-12:00". What names a date comes
 * before what names a day of the week, and closed before hours; case and spaces do not matter. */
#ifndef FELLOE_PROTO_SCHEDULE_H
#define FELLOE_PROTO_SCHEDULE_H

#include "felloe/error.h"
#include "proto/bytes.h"

#define SCHEDULE_HOURS_MAX 64

/* One stretch: on days of the week (bit 0 monday), or on dates first..last (days since 1970); from..to in minutes of
 * the day, to > 1440 where it goes on into the next; from == to: closed. */
struct schedule_hours {
    uint8_t weekdays; /* 0: by date */
    int32_t first, last;
    uint16_t from, to;
};
struct schedule {
    struct schedule_hours hours[SCHEDULE_HOURS_MAX];
    size_t count;
};

/* False, with error in words, when it cannot be read. */
bool schedule_parse(struct bytes text, struct schedule *out, struct felloe_error *error);
/* Open at this moment (ms since 1970)? Where it is not NULL, `until`: ms at which that changes next (INT64_MAX: not
 * within 8 days). */
bool schedule_open(const struct schedule *schedule, int64_t ms, int64_t *until);

/* ---- Europe/London ---- */

/* The offset from UTC in minutes: 60 from the last Sunday of March to the last Sunday of October, 01:00 UTC, else 0
 * (Summer Time Act 1972 as amended; years from 1996 on). */
int london_offset(int64_t ms);
/* Local day (days since 1970) and minute of it. */
void london_day(int64_t ms, int64_t *day, int *minute);
/* ms of a local day and minute; in the hour that does not exist the later, in the one that comes twice the earlier. */
int64_t london_ms(int64_t day, int minute);

#endif
