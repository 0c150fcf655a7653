/* SPDX-License-Identifier: Apache-2.0 */
/* to-settle: what a person (or the site) has several values of, which one of several it is, in words, and what to
 * choose between. */
#include "proto/domain/view_derived.h"

#include <stdio.h>

#include "proto/domain/schedule.h"
#include "proto/domain/validate.h"

/* ---- in words ---- */

#define MOMENT_MS_MAX ((int64_t)1 << 47) /* some thousand years either way: beyond it nobody meant it */

static int64_t moment_within(int64_t ms)
{
    return ms < -MOMENT_MS_MAX ? -MOMENT_MS_MAX : ms > MOMENT_MS_MAX ? MOMENT_MS_MAX : ms;
}

void moment_day(int64_t ms, int *year, int *month, int *day)
{
    int64_t days;
    int minute;
    london_day(moment_within(ms), &days, &minute);
    date_of_days(days, year, month, day);
}

void moment_words(int64_t ms, char out[MOMENT_WORDS_MAX])
{
    int64_t days;
    int year, month, day, minute;
    london_day(moment_within(ms), &days, &minute);
    date_of_days(days, &year, &month, &day);
    snprintf(out, MOMENT_WORDS_MAX, "%04d-%02d-%02d %02d:%02d", year % 10000, month, day, minute / 60, minute % 60);
}

static void append(struct buffer *out, struct bytes text)
{
    buffer_append(out, text.data, text.len);
}

static void append_text(struct buffer *out, const char *text)
{
    append(out, bytes_str(text));
}

/* Codes by their label, else as they are. */
static void append_code(struct buffer *out, const struct code_list *codes, struct bytes code)
{
    const char *label = code_label(codes, code);
    append(out, label ? bytes_str(label) : code);
}

void item_words(const struct document *document, const struct item *item, struct buffer *out)
{
    char when[MOMENT_WORDS_MAX];
    moment_words(item->type && item->type->id == TYPE_contact_recorded ? item_corrected_ms(document, item)
                                                                        : item_ms(item), when);
    append_text(out, item->type ? item->type->label : "entry");
    append_text(out, " of ");
    append_text(out, when);
}

void appointment_words(const struct appointment *appointment, struct buffer *out)
{
    char when[MOMENT_WORDS_MAX];
    const struct item *item = appointment->item;
    moment_words(appointment->when, when);
    append_text(out, when);
    const struct bytes details[] = {item_text(item, "place"), item_text(item, "what")};
    for (size_t i = 0; i < 2; i++)
        if (details[i].len > 0) {
            append_text(out, ", ");
            append(out, details[i]);
        }
}

/* An entry by the words in one of its fields, else by what and when it was. */
static void append_entry(struct buffer *out, const struct document *document, struct bytes name, const char *field)
{
    const struct item *item = record_named(document, name);
    if (item && field && item_text(item, field).len > 0)
        append(out, item_text(item, field));
    else if (item)
        item_words(document, item, out);
    else
        append(out, bytes_of(name.data, name.len < 8 ? name.len : 8));
}

/* Splits a key of two parts. */
static struct bytes second_part(struct bytes each, struct bytes *first)
{
    const uint8_t *at = each.len > 0 ? memchr(each.data, EACH_SEPARATOR, each.len) : NULL;
    *first = at ? bytes_of(each.data, (size_t)(at - each.data)) : each;
    return at ? bytes_of(at + 1, each.len - first->len - 1) : (struct bytes){0};
}

/* A goal by what it says now, a resource by its name: the register that says it, of the same key. */
static void append_other(struct buffer *out, const struct document *document, enum register_id id, struct bytes each,
                         const char *field)
{
    struct bytes text = reading_text(record_reading_of(document, id, each));
    if (text.len > 0)
        append(out, text);
    else
        append_entry(out, document, each, field);
}

/* Which one of several, in words. */
static void append_which(struct buffer *out, const struct document *document, const struct reading *reading)
{
    struct bytes first, each = reading->each, second = second_part(each, &first);
    switch (reading->def->id) {
    case REG_aboutme: append_code(out, &codes_section, each); break;
    case REG_sharing:
        append_code(out, &codes_agency, first);
        append_text(out, ": ");
        append_code(out, &codes_category, second);
        break;
    case REG_correction:
        append_code(out, &codes_correctable, second);
        append_text(out, ", ");
        append_entry(out, document, first, NULL);
        break;
    case REG_goal_text: append_entry(out, document, each, "own_words"); break;
    case REG_goal_status: append_other(out, document, REG_goal_text, each, "own_words"); break;
    case REG_concern: append_entry(out, document, each, "words"); break;
    case REG_resource_status: append_other(out, document, REG_resource_name, each, "name"); break;
    case REG_session_status: append_entry(out, document, each, "name"); break;
    case REG_safeguarding: append_entry(out, document, each, NULL); break;
    case REG_linked: append(out, bytes_of(each.data, each.len < 8 ? each.len : 8)); break;
    default: append(out, each); break;
    }
}

static void append_value(struct buffer *out, const struct document *document, const struct register_def *def,
                         struct bytes raw)
{
    char digits[24];
    int64_t number;
    struct bytes text = value_text(raw);
    if (value_number(raw, &number)) {
        snprintf(digits, sizeof digits, "%lld", (long long)number);
        append_text(out, digits);
    } else if (def->kind == KIND_EVENT) {
        append_entry(out, document, text, "episode");
    } else if (def->codes) {
        append_code(out, def->codes, text);
    } else {
        append(out, text);
    }
    if (text.len == 0 && raw.len > 0 && !value_number(raw, &number))
        append_text(out, "none any more");
}

/* What to say to settle for this value. */
static void append_choice(struct buffer *out, struct bytes raw)
{
    char text[2 * sizeof(struct event_id) + 1];
    int64_t number;
    struct bytes value = value_text(raw);
    if (value_number(raw, &number)) {
        snprintf(text, sizeof text, "%lld", (long long)number);
        append_text(out, text);
    } else if (raw.len > 0 && raw.data[0] >= 0xc4 && raw.data[0] <= 0xc6 && value.len == sizeof(struct event_id)) {
        hex_encode(value, text);
        append_text(out, text);
    } else {
        append(out, value);
    }
}

/* ---- rows ---- */

static void put_scratch(struct row_maker *maker, struct buffer *scratch)
{
    mp_put_str_or_nil(&maker->cells, buffer_bytes(scratch));
    maker->cells.failed = maker->cells.failed || scratch->failed;
    buffer_clear(scratch);
}

void settle_begin(struct row_maker *maker, const struct register_def *def)
{
    row_begin(maker, VIEW_TO_SETTLE);
    mp_put_nil(&maker->cells); /* its number is given when it is told */
    if (maker->state) {
        put_who(maker);
    } else {
        mp_put_array(&maker->cells, 0);
        mp_put_nil(&maker->cells);
    }
    mp_put_text(&maker->cells, def->name);
}

void settle_key(const struct register_def *def, struct bytes each, struct buffer *out)
{
    append_text(out, def->name);
    if (each.len > 0) {
        buffer_append_byte(out, EACH_SEPARATOR);
        append(out, each);
    }
}

static const char *why_of(const struct reading *reading)
{
    return reading->def->id == REG_support ? "ended while seen" : "written without knowing of each other";
}

static void put_settle_row(struct row_maker *maker, const struct reading *reading, uint64_t since)
{
    struct buffer *cells = &maker->cells, scratch = {0};
    struct texts texts = {0};
    settle_begin(maker, reading->def);
    append_which(&scratch, maker->document, reading);
    put_scratch(maker, &scratch);
    mp_put_array(cells, (uint32_t)reading->values);
    for (size_t i = 0; i < reading->values; i++) {
        append_value(&scratch, maker->document, reading->def, reading->writes[i].value);
        mp_put_str(cells, buffer_bytes(&scratch));
        cells->failed = cells->failed || scratch.failed;
        buffer_clear(&scratch);
    }
    for (size_t i = 0; i < reading->values; i++)
        texts_add(&texts, reading->writes[i].by);
    texts_end(&texts, cells);
    mp_put_text(cells, why_of(reading));
    mp_put_uint(cells, since);
    settle_key(reading->def, reading->each, &scratch);
    put_scratch(maker, &scratch);
    mp_put_array(cells, (uint32_t)reading->values);
    for (size_t i = 0; i < reading->values; i++) {
        append_choice(&scratch, reading->writes[i].value);
        mp_put_str(cells, buffer_bytes(&scratch));
        cells->failed = cells->failed || scratch.failed;
        buffer_clear(&scratch);
    }
    buffer_release(&scratch);
}

bool rows_to_settle(struct row_maker *maker)
{
    size_t count;
    bool ok;
    const struct reading *readings = record_readings(maker->document, &count, &ok);
    for (size_t i = 0; i < count; i++) {
        const struct reading *reading = &readings[i];
        if (!reading->to_settle || (maker->state && maker->state->moved))
            continue;
        uint64_t since = 0; /* when the last of them was written, the disagreement began */
        for (size_t w = 0; w < reading->values; w++)
            if (reading->writes[w].stamp->time > since)
                since = reading->writes[w].stamp->time;
        put_settle_row(maker, reading, since >> 16);
        if (!row_emit(maker, VIEW_TO_SETTLE, (uint64_t)reading->def->settle << 56 | since >> 16, (uint32_t)i))
            return false;
    }
    return ok && (!maker->state || maker->state->moved || rows_derived(maker, (uint32_t)count));
}
