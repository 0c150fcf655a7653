/* SPDX-License-Identifier: Apache-2.0 */
/* A correction is checked as the field that it corrects. */
#include "proto/domain/correction.h"

#include <inttypes.h>
#include <stdio.h>

#include "proto/domain/register.h"
#include "proto/domain/schedule.h"
#include "proto/domain/validate.h"

/* "2026-11-21", "2026-11-21 14:30" (local), or a time with its offset. */
static bool put_moment(struct bytes raw, struct buffer *out, struct felloe_error *error)
{
    struct bytes text = value_text(raw);
    char local[32];
    int64_t ms, days;
    int minute, year, month, day;
    struct bytes date = bytes_of(text.data, text.len < 10 ? text.len : 10);
    bool timed = text.len == 16 && text.data[10] == ' ';
    if (date_valid(text)) {
        mp_put_str(out, text);
        return true;
    }
    if (timed) { /* is the rest a time? It is local, so any offset will do to see that */
        snprintf(local, sizeof local, "%.10sT%.5sZ", (const char *)text.data, (const char *)text.data + 11);
        timed = date_valid(date) && time_parse(bytes_str(local), &ms);
        local[10] = ' ';
        local[16] = '\0';
    } else if (time_parse(text, &ms)) {
        london_day(ms, &days, &minute);
        date_of_days(days, &year, &month, &day);
        snprintf(local, sizeof local, "%04d-%02d-%02d %02d:%02d", year, month, day, minute / 60, minute % 60);
        timed = true;
    }
    if (!timed) {
        felloe_fail(error, FELLOE_INVALID, "occurred must be a day, or a day and time: 2026-11-21, 2026-11-21 14:30.");
        return false;
    }
    mp_put_text(out, local);
    return true;
}

/* A value in normal form, as a text. */
static void put_as_text(struct mp_reader *r, struct buffer *out)
{
    char digits[24];
    if (mp_peek(r) == MP_STR) {
        mp_put_str(out, mp_str(r, 0, EVENT_SIZE_MAX));
        return;
    }
    snprintf(digits, sizeof digits, "%" PRId64, mp_int(r, INT64_MIN, INT64_MAX));
    mp_put_text(out, digits);
}

bool correction_check(struct bytes field, struct bytes raw, struct buffer *out, struct felloe_error *error)
{
    struct mp_reader r MP_UNSET;
    struct buffer given = {0}, checked = {0};
    if (bytes_is(field, "occurred"))
        return put_moment(raw, out, error);
    mp_put_map(&given, 1);
    mp_put_str(&given, field);
    buffer_append(&given, raw.data, raw.len);
    mp_reader_init(&r, buffer_bytes(&given));
    bool fine = !given.failed && mp_next(&r) &&
                catalogue_check(catalogue_at(TYPE_contact_recorded), &r, NULL, &checked, error) == FELLOE_OK;
    if (fine) { /* a map of the one field */
        mp_reader_init(&r, buffer_bytes(&checked));
        mp_next(&r);
        mp_map(&r, 1);
        mp_skip(&r);
        put_as_text(&r, out);
    }
    out->failed = out->failed || given.failed || checked.failed;
    buffer_release(&given);
    buffer_release(&checked);
    return fine && !out->failed;
}
