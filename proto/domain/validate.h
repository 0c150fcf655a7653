/* SPDX-License-Identifier: Apache-2.0 */
/* Reading single values as people write them; catalogue_check (catalogue.h) is made of these. */
#ifndef FELLOE_PROTO_VALIDATE_H
#define FELLOE_PROTO_VALIDATE_H

#include "proto/bytes.h"

/* "2026-12-01", a day that exists, in the years 1800 to 2199. */
bool date_valid(struct bytes text);
/* "2026-11-21T14:30:00Z", with an offset, without seconds, or with a fraction: ms since 1970. */
bool time_parse(struct bytes text, int64_t *ms);
/* Digits with spaces or dashes anywhere: the ten digits, if the check digit is right. */
enum nhs_verdict { NHS_RIGHT, NHS_NOT_TEN_DIGITS, NHS_CHECK_DIGIT, NHS_ALL_THE_SAME };
enum nhs_verdict nhs_parse(struct bytes text, char out[11]);
/* A whole number with an optional sign. */
bool number_parse(struct bytes text, int64_t *out);
/* "90", "90 min", "1h", "1h30", "1:30": minutes. */
bool duration_parse(struct bytes text, int64_t *minutes);
/* Days since 1970-01-01 of a day of the proleptic Gregorian calendar (Howard Hinnant's days_from_civil), and back. */
int64_t days_of_date(int year, int month, int day);
void date_of_days(int64_t days, int *year, int *month, int *day);
/* yes, no, y, n, true, false, 1, 0, in any case. */
bool yesno_parse(struct bytes text, bool *out);

#endif
