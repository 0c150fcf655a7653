/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of entries, and contacts as they were corrected: what was written stays, what counts is what was said to be
 * right. */
#include "proto/domain/record.h"
#include "proto/domain/schedule.h"

#define CONTACT_FIELD_MAX 16

bool value_number(struct bytes raw, int64_t *out)
{
    struct mp_reader r MP_UNSET;
    if (raw.len == 0)
        return false;
    mp_reader_init(&r, raw);
    if (!mp_next(&r) || (mp_peek(&r) != MP_UINT && mp_peek(&r) != MP_INT))
        return false;
    *out = mp_int(&r, INT64_MIN, INT64_MAX);
    return !r.failed;
}

/* Is there a register of a correction whose key begins like this entry's name? Most contacts were never corrected. */
static bool may_be_corrected(const struct document *document, const struct item *item)
{
    size_t high, low = 0, all;
    bool ok;
    char begin[2 + 1];
    const struct reading *readings = record_readings(document, &all, &ok);
    for (high = all; low < high;) {
        const size_t middle = low + (high - low) / 2;
        if (readings[middle].def->id < REG_correction)
            low = middle + 1;
        else
            high = middle;
    }
    hex_encode(bytes_of(item->name.b, 1), begin);
    for (; low < all && readings[low].def->id == REG_correction; low++)
        if (readings[low].each.len >= 2 && memcmp(readings[low].each.data, begin, 2) == 0)
            return true;
    return false;
}

/* The correction that shows: of several that did not know of each other the first, until they are settled. */
static struct bytes correction_of(const struct document *document, const struct item *item, const char *field)
{
    char key[2 * sizeof(struct event_id) + 1 + CONTACT_FIELD_MAX + 1];
    size_t len = strlen(field);
    if (len > CONTACT_FIELD_MAX || record_of(document, TYPE_contact_corrected).count == 0 ||
        !may_be_corrected(document, item))
        return (struct bytes){0};
    hex_encode(bytes_of(item->name.b, sizeof item->name.b), key);
    key[2 * sizeof item->name.b] = EACH_SEPARATOR;
    memcpy(key + 2 * sizeof item->name.b + 1, field, len);
    const struct reading *reading =
        record_reading_of(document, REG_correction, bytes_of(key, 2 * sizeof item->name.b + 1 + len));
    return reading ? value_text(reading->writes[0].value) : (struct bytes){0};
}

struct bytes item_corrected(const struct document *document, const struct item *item, const char *field)
{
    struct bytes corrected = correction_of(document, item, field);
    return corrected.len > 0 ? corrected : item_text(item, field);
}

static bool read_digits(struct bytes *text, size_t count, int64_t *out)
{
    if (text->len < count || count == 0)
        return false;
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        if (text->data[i] < '0' || text->data[i] > '9')
            return false;
        *out = *out * 10 + (text->data[i] - '0');
    }
    *text = bytes_of(text->data + count, text->len - count);
    return true;
}

static bool read_char(struct bytes *text, const char *any)
{
    if (text->len == 0 || !strchr(any, text->data[0]))
        return false;
    *text = bytes_of(text->data + 1, text->len - 1);
    return true;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    int64_t shifted = month > 2 ? month - 3 : month + 9;
    year -= month <= 2;
    int64_t era = year / 400, of_era = year % 400;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * shifted + 2) / 5 + day - 1 - 719468;
}

bool text_moment(struct bytes text, int64_t minute, int64_t *ms)
{
    int64_t year, month, day, hour = minute / 60;
    struct bytes all = text;
    if (read_digits(&text, 4, &year) && read_char(&text, "-") && read_digits(&text, 2, &month) &&
        read_char(&text, "-") && read_digits(&text, 2, &day)) {
        bool timed = read_char(&text, " T");
        minute %= 60;
        if (timed && (!read_digits(&text, 2, &hour) || !read_char(&text, ":") || !read_digits(&text, 2, &minute)))
            return false;
        if (text.len > 0 || year == 0 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59)
            return false;
        *ms = london_ms(days_of(year, month, day), (int)(hour * 60 + minute));
        return true;
    }
    return all.len <= 15 && read_digits(&all, all.len, ms) && all.len == 0;
}

int64_t item_corrected_ms(const struct document *document, const struct item *item)
{
    int64_t ms;
    struct bytes corrected = correction_of(document, item, "occurred");
    return corrected.len > 0 && text_moment(corrected, 12 * 60, &ms) ? ms : item_ms(item);
}
