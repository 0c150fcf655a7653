/* SPDX-License-Identifier: Apache-2.0 */
/* Looking things up in a document, and cells of what was found. */
#include "proto/domain/view_person.h"

/* ---- registers ---- */

const struct reading *readings_of(const struct document *document, enum register_id id, size_t *count)
{
    size_t high, low = 0, end;
    bool ok;
    const struct reading *readings = record_readings(document, &high, &ok);
    const size_t all = high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (readings[middle].def->id < id)
            low = middle + 1;
        else
            high = middle;
    }
    for (end = low; end < all && readings[end].def->id == id; end++)
        ;
    *count = end - low;
    return readings ? readings + low : NULL;
}

struct bytes reading_text(const struct reading *reading)
{
    return reading && reading->values > 0 ? value_text(reading->writes[0].value) : (struct bytes){0};
}

bool reading_is_first(const struct reading *reading)
{
    return reading && reading->values > 0 && reading->def->codes &&
           bytes_is(reading_text(reading), reading->def->codes->codes[0].code);
}

const struct item *write_item(const struct write *write)
{
    return (const struct item *)(const void *)write->stamp; /* a stamp is an item's first member */
}

static bool name_of(struct bytes name, struct event_id *out)
{
    if (name.len == 2 * sizeof out->b)
        return hex_decode(name, out->b, sizeof out->b);
    if (name.len != sizeof out->b)
        return false;
    memcpy(out->b, name.data, sizeof out->b);
    return true;
}

const struct item *record_named(const struct document *document, struct bytes name)
{
    struct event_id id;
    if (!name_of(name, &id))
        return NULL;
    for (size_t i = record_count(document); i-- > 0;)
        if (event_id_equal(&record_at(document, i)->name, &id))
            return record_at(document, i);
    return NULL;
}

const struct item *record_named_of(const struct document *document, enum type_id type, struct bytes name)
{
    struct event_id id;
    const struct items items = record_of(document, type);
    if (!name_of(name, &id))
        return NULL;
    for (size_t i = items.count; i-- > 0;)
        if (event_id_equal(&items.at[i]->name, &id))
            return items.at[i];
    return NULL;
}

bool stamp_is_from_before(const struct document *document, const struct stamp *stamp)
{
    const struct items returns = record_of(document, TYPE_support_returned);
    for (size_t i = 0; i < returns.count; i++)
        if (stamp_has_seen(&returns.at[i]->stamp, stamp))
            return true;
    return false;
}

const struct item *reading_entry(const struct document *document, const struct reading *reading)
{
    struct bytes name = reading_text(reading);
    if (name.len != sizeof(struct event_id))
        return NULL;
    const struct item *item = write_item(&reading->writes[0]); /* mostly itself */
    if (memcmp(item->name.b, name.data, name.len) != 0)
        item = record_named(document, name);
    return item && item_counts(document, item) ? item : NULL;
}

/* ---- entries ---- */

bool item_yes(const struct item *item, const char *field)
{
    static const uint8_t yes = 0xc3;
    return bytes_equal(item_value(item, field), bytes_of(&yes, 1));
}

bool item_number(const struct item *item, const char *field, int64_t *out)
{
    return value_number(item_value(item, field), out);
}

bool item_number_in(const struct item *item, const char *field, int64_t min, int64_t max, int64_t *out)
{
    int64_t number;
    if (!item_number(item, field, &number) || number < min || number > max)
        return false;
    *out = number;
    return true;
}

/* All that is in a document came in the log of one site: as an entry of that site, or as a copy, whose place in that
 * log is marked apart. */
uint32_t document_site(const struct document *document)
{
    if (record_count(document) == 0)
        return 0;
    const struct stamp *stamp = &record_at(document, 0)->stamp;
    for (uint32_t i = 0; i < stamp->at.count; i++)
        if (stamp->at.at[i].site & MARK_APART)
            return stamp->at.at[i].site & ~MARK_APART;
    return stamp->home;
}

/* ---- cells ---- */

void put_register(struct buffer *out, const struct reading *reading)
{
    size_t shown = reading ? reading_shown(reading) : 0;
    if (shown == 1 && value_text(reading->writes[0].value).len == 0)
        shown = 0; /* "there is none any more" */
    mp_put_array(out, (uint32_t)shown);
    for (size_t i = 0; i < shown; i++)
        buffer_append(out, reading->writes[i].value.data, reading->writes[i].value.len);
}

void put_members(struct buffer *out, const struct document *document, enum register_id id)
{
    size_t count;
    uint32_t members = 0;
    const struct reading *readings = readings_of(document, id, &count);
    for (size_t i = 0; i < count; i++)
        members += reading_is_first(&readings[i]);
    mp_put_array(out, members);
    for (size_t i = 0; i < count; i++)
        if (reading_is_first(&readings[i]))
            mp_put_str(out, readings[i].each);
}

void put_time(struct buffer *out, bool there, int64_t ms)
{
    if (there)
        mp_put_int(out, ms);
    else
        mp_put_nil(out);
}

void put_clock(struct buffer *out, int64_t since, int64_t limit, bool stopped, int64_t stopped_at)
{
    mp_put_array(out, 3);
    mp_put_int(out, since);
    mp_put_int(out, limit);
    put_time(out, stopped, stopped_at > since ? stopped_at : since);
}

void put_event(struct buffer *out, const struct item *item)
{
    if (item)
        mp_put_bin(out, item->name.b, sizeof item->name.b);
    else
        mp_put_nil(out);
}

void put_number(struct buffer *out, const struct item *item, const char *field)
{
    int64_t number = 0;
    bool there = item_number(item, field, &number);
    put_time(out, there, number);
}

void put_event_key(struct buffer *out, struct bytes each)
{
    struct event_id id;
    if (hex_decode(each, id.b, sizeof id.b))
        mp_put_bin(out, id.b, sizeof id.b);
    else
        mp_put_nil(out);
}

void put_workers(struct buffer *out, const struct item *item, const char *field)
{
    struct mp_reader r MP_UNSET;
    struct texts workers = {0};
    const struct bytes raw = item_value(item, field);
    mp_reader_init(&r, raw);
    if (raw.len > 0 && mp_next(&r) && mp_peek(&r) == MP_ARRAY) {
        for (uint32_t i = mp_array(&r, 0, MP_TAPE_MAX); i > 0; i--)
            if (mp_peek(&r) == MP_STR)
                texts_add(&workers, mp_str(&r, 0, EVENT_SIZE_MAX));
            else
                mp_skip(&r);
    } else {
        texts_add(&workers, value_text(raw));
    }
    if (workers.count == 0)
        texts_add(&workers, item->worker);
    texts_end(&workers, out);
}

void put_access_needs(struct buffer *out, const struct document *document, const char *need)
{
    struct texts texts = {0};
    size_t count, len = need ? strlen(need) : 0;
    const struct reading *needs = readings_of(document, REG_access_need, &count);
    for (size_t i = 0; i < count; i++) {
        const struct bytes each = needs[i].each;
        const uint8_t *at = each.len > 0 ? memchr(each.data, EACH_SEPARATOR, each.len) : NULL;
        bool wanted = at && (!need || ((size_t)(at - each.data) == len && memcmp(each.data, need, len) == 0));
        if (wanted && reading_is_first(&needs[i]))
            texts_add(&texts, bytes_of(at + 1, (size_t)(each.data + each.len - at - 1)));
    }
    texts_end(&texts, out);
}

void texts_add(struct texts *texts, struct bytes text)
{
    if (text.len == 0)
        return;
    mp_put_str(&texts->held, text);
    texts->count++;
}

void texts_end(struct texts *texts, struct buffer *out)
{
    mp_put_array(out, texts->count);
    buffer_append(out, texts->held.data, texts->held.len);
    out->failed = out->failed || texts->held.failed;
    buffer_release(&texts->held);
    texts->count = 0;
}

bool urgency_limit(struct bytes urgency, int64_t *limit)
{
    static const struct { const char *code; int64_t hours; } limits[] = {{"1", 0}, {"4", 4}, {"2", 24}, {"3", 28 * 24}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
        if (bytes_is(urgency, limits[i].code)) {
            *limit = limits[i].hours * 3600 * 1000;
            return true;
        }
    return false;
}

const struct item *session_entry(const struct document *document, const struct reading *session)
{
    const struct item *item = reading_entry(document, session);
    return item && item->type->id == TYPE_session_recorded ? item : NULL;
}

struct bytes session_status(const struct document *document, const struct reading *session)
{
    struct bytes status = reading_text(record_reading_of(document, REG_session_status, session->each));
    return status.len > 0 ? status : bytes_str("on");
}

bool date_ms(struct bytes date, int64_t *ms)
{
    return date.len == 10 && text_moment(date, 0, ms);
}
