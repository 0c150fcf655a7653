/* SPDX-License-Identifier: Apache-2.0 */
/* sense_check: what holds for every type (times, references, workers, audiences); then the type's own rules. */
#include "proto/domain/sense.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/domain/schedule.h"
#include "proto/domain/sense_inside.h"
#include "proto/domain/validate.h"
#include "proto/limits.h"

#define HOUR_MS ((int64_t)3600000)
#define FIRST_DAY_MS ((int64_t)-2208988800000) /* 1900-01-01: nobody alive met anybody before */
#define AUDIENCE_MAX 16                        /* with the author: as many as a key may have members */

/* ---- words ---- */

bool sense_refuse(struct sense *s, const char *format, ...)
{
    char text[sizeof s->error->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    felloe_fail(s->error, FELLOE_INVALID, "%s", text);
    return false;
}

bool sense_warn(struct sense *s, const char *format, ...)
{
    char text[sizeof s->error->message];
    va_list args;
    if (!s->warning || s->warning->message[0])
        return true;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    felloe_fail(s->warning, FELLOE_OK, "%s", text);
    return true;
}

const char *sense_date(int64_t ms, char out[SENSE_TEXT])
{
    int64_t days;
    int minute, year, month, day;
    london_day(ms, &days, &minute);
    date_of_days(days, &year, &month, &day);
    snprintf(out, SENSE_TEXT, "%04d-%02d-%02d", year, month, day);
    return out;
}

const char *sense_words(const struct code_list *codes, struct bytes raw, char out[SENSE_TEXT])
{
    struct bytes text = value_text(raw);
    const char *label = code_label(codes, text);
    size_t shown = text.len < 60 ? text.len : 60;
    while (shown > 0 && shown < text.len && (text.data[shown] & 0xc0) == 0x80)
        shown--;
    if (label)
        snprintf(out, SENSE_TEXT, "%s", label);
    else if (raw.len > 0 && raw.data[0] >= 0xc4 && raw.data[0] <= 0xc6 && text.len >= 4)
        hex_encode(bytes_of(text.data, 4), out);
    else
        snprintf(out, SENSE_TEXT, "%.*s%s", (int)shown, (const char *)text.data, shown < text.len ? "…" : "");
    return out;
}

/* A stamp is an item's first member. */
static const struct item *item_of(const struct stamp *stamp)
{
    return (const struct item *)(const void *)stamp;
}

static const char *who(const struct item *item, char out[SENSE_TEXT])
{
    char date[SENSE_TEXT];
    snprintf(out, SENSE_TEXT, "%.*s, %s", (int)(item->worker.len < 40 ? item->worker.len : 40),
             (const char *)item->worker.data, sense_date(item_ms(item), date));
    return out;
}

const char *sense_who(const struct reading *reading, char out[SENSE_TEXT])
{
    return who(item_of(reading->writes[0].stamp), out);
}

/* ---- the entry's fields ---- */

static bool read_fields(struct sense *s)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, s->c->fields);
    uint32_t pairs = mp_next(&r) ? mp_map(&r, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < pairs && !r.failed; i++) {
        const struct field_def *field = catalogue_field(s->c->type, mp_str(&r, 0, EVENT_SIZE_MAX));
        size_t which = field ? (size_t)(field - s->c->type->fields) : SENSE_FIELDS_MAX, at = s->raw.len;
        mp_copy(&r, &s->raw);
        if (which < SENSE_FIELDS_MAX) {
            s->values[which].at = at;
            s->values[which].len = s->raw.len - at;
        }
    }
    return !s->raw.failed;
}

struct bytes sense_value(const struct sense *s, const char *field)
{
    const struct field_def *def = catalogue_field(s->c->type, bytes_str(field));
    size_t which = def ? (size_t)(def - s->c->type->fields) : SENSE_FIELDS_MAX;
    if (which >= SENSE_FIELDS_MAX || s->values[which].len == 0)
        return (struct bytes){0};
    return bytes_of(s->raw.data + s->values[which].at, s->values[which].len);
}

struct bytes sense_text(const struct sense *s, const char *field)
{
    return value_text(sense_value(s, field));
}

bool sense_yes(const struct sense *s, const char *field)
{
    struct bytes raw = sense_value(s, field);
    return raw.len == 1 && raw.data[0] == 0xc3;
}

size_t sense_workers(const struct sense *s, const char *field, struct bytes out[SENSE_WORKERS_MAX])
{
    struct mp_reader r MP_UNSET;
    size_t count = 0;
    mp_reader_init(&r, sense_value(s, field));
    if (!mp_next(&r))
        return 0;
    uint32_t items = mp_peek(&r) == MP_ARRAY ? mp_array(&r, 0, MP_TAPE_MAX) : 1;
    for (uint32_t i = 0; i < items && count < SENSE_WORKERS_MAX && !r.failed; i++)
        out[count++] = mp_str(&r, 0, EVENT_SIZE_MAX);
    return r.failed ? 0 : count;
}

/* ---- the document ---- */

const struct reading *sense_reading(const struct sense *s, enum register_id id, struct bytes each)
{
    return s->c->document ? record_reading_of(s->c->document, id, each) : NULL;
}

const struct reading *sense_thread(const struct sense *s, enum register_id id, struct bytes name)
{
    char hex[2 * sizeof(struct event_id) + 1];
    if (name.len != sizeof(struct event_id))
        return NULL;
    hex_encode(name, hex);
    return sense_reading(s, id, bytes_str(hex));
}

bool reading_is(const struct reading *reading, const char *code)
{
    return reading && bytes_is(value_text(reading->writes[0].value), code);
}

/* The entry of this name; one that was not struck first. */
static const struct item *entry_of(const struct sense *s, const struct event_id *name)
{
    const struct item *found = NULL;
    for (size_t i = 0; s->c->document && i < record_count(s->c->document); i++) {
        const struct item *item = record_at(s->c->document, i);
        if (event_id_equal(&item->name, name) && (!found || item_counts(s->c->document, item)))
            found = item;
    }
    return found;
}

/* ---- references ---- */

/* What an entry of that type is called in a sentence: "task", or "entry" where any will do. */
static const char *called(const struct type_def *type)
{
    if (!type)
        return "entry";
    return type->id == TYPE_concern_raised ? "concern" : type->id == TYPE_worker_out ? "outing" : type->label;
}

static bool known_entry(struct sense *s, const struct field_def *field, const struct item *item)
{
    const struct type_def *wanted = field_refers(field);
    char by[SENSE_TEXT], why[SENSE_TEXT];
    if (wanted && item->type && item->type != wanted)
        return sense_refuse(s, "%s must name an entry %s (%s), and that one is %s (%s).", field->name, wanted->name,
                            called(wanted), item->type->name, called(item->type));
    const struct item *strike = record_struck_by(s->c->document, &item->name);
    if (strike && !wanted)
        return sense_warn(s, "That entry is struck already (%s).", who(strike, by));
    if (strike)
        return sense_refuse(s, "That %s was struck (%s: %s) and counts no longer.", called(wanted), who(strike, by),
                            sense_words(NULL, item_value(strike, "why"), why));
    return true;
}

static bool check_reference(struct sense *s, const struct field_def *field, struct bytes name)
{
    const struct sense_lookup *lookup = s->c->lookup;
    const struct type_def *wanted = field_refers(field);
    struct event_id id;
    struct person_id subject;
    if (name.len != sizeof id)
        return true;
    memcpy(id.b, name.data, sizeof id.b);
    const struct item *item = entry_of(s, &id);
    if (item)
        return known_entry(s, field, item);
    if (!lookup || !lookup->entry)
        return true;
    if (!lookup->entry(lookup->context, &id, &subject))
        return sense_warn(s, "No such %s is here yet; this counts once it has come.", called(wanted));
    const struct person_id expected = wanted && wanted->about == ABOUT_SITE ? PERSON_ID_NONE : s->c->subject;
    if (person_id_equal(&subject, &expected))
        return true;
    return sense_refuse(s, "That %s is not about %s: record it where it belongs.", called(wanted),
                        person_id_is_none(&expected) ? "the site" : "this person");
}

/* ---- workers ---- */

static bool is_known(const struct sense *s, struct bytes worker)
{
    const struct sense_lookup *lookup = s->c->lookup;
    return !lookup || !lookup->worker || bytes_equal(worker, s->c->worker) ||
           lookup->worker(lookup->context, worker);
}

static bool check_workers(struct sense *s, const struct field_def *field)
{
    struct bytes workers[SENSE_WORKERS_MAX];
    size_t count = sense_workers(s, field->name, workers);
    for (size_t i = 0; i < count; i++)
        if (!is_known(s, workers[i]))
            return sense_warn(s, "Nobody with the id %.*s is known to work here.", (int)workers[i].len,
                              (const char *)workers[i].data);
    return true;
}

/* Whom a restricted entry is for: at least one other worker, and only such as work here. */
static bool check_audience(struct sense *s)
{
    const struct type_def *type = s->c->type;
    struct bytes workers[SENSE_WORKERS_MAX];
    size_t others = 0, count;
    if (type->audience == AUDIENCE_NONE)
        return true;
    count = sense_workers(s, "audience", workers);
    for (size_t i = 0; i < count; i++) {
        bool again = bytes_equal(workers[i], s->c->worker);
        for (size_t j = 0; j < i && !again; j++)
            again = bytes_equal(workers[i], workers[j]);
        others += !again;
        if (!is_known(s, workers[i]))
            return sense_refuse(s, "Nobody with the id %.*s is known to work here, so nobody could read it as them. "
                                   "`felloe workers` lists who does.", (int)workers[i].len,
                                (const char *)workers[i].data);
    }
    if (others >= AUDIENCE_MAX)
        return sense_refuse(s, "audience has room for %d others, not %zu.", AUDIENCE_MAX - 1, others);
    bool may_be_left_out = type->audience == AUDIENCE_MAY || catalogue_field(type, bytes_str("of"));
    if (others > 0 || (count == 0 && may_be_left_out))
        return true;
    return sense_refuse(s, "Only those whom audience names can read this %s: name at least one other worker who may%s.",
                        type->label, type->audience == AUDIENCE_MAY ? ", or leave audience out" : "");
}

/* ---- all of it ---- */

static bool check_times(struct sense *s)
{
    char date[SENSE_TEXT];
    if (!s->c->has_occurred)
        return true;
    if (s->c->occurred > s->c->now + HOUR_MS)
        return sense_refuse(s, "It cannot have happened on %s, which is still to come. Give the time at which it "
                               "happened; what is still to come is planned (`felloe arrange`, `felloe task raise`).",
                            sense_date(s->c->occurred, date));
    if (s->c->occurred < FIRST_DAY_MS)
        return sense_refuse(s, "It cannot have happened on %s: that is too long ago.",
                            sense_date(s->c->occurred, date));
    return true;
}

static bool check_fields(struct sense *s)
{
    for (size_t i = 0; i < s->c->type->field_count; i++) {
        const struct field_def *field = &s->c->type->fields[i];
        if (field->kind == KIND_EVENT && !field->list && !check_reference(s, field, sense_text(s, field->name)))
            return false;
        if (field->kind == KIND_WORKER && strcmp(field->name, "audience") != 0 && !check_workers(s, field))
            return false;
    }
    return true;
}

static bool check_type(struct sense *s)
{
    const sense_rule rule = sense_rules[s->c->type->id];
    return !rule || rule(s);
}

bool sense_reads_record(const struct type_def *type)
{
    if (sense_rules[type->id])
        return true;
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].kind == KIND_EVENT && !type->fields[i].list)
            return true;
    return false;
}

enum felloe_code sense_check(const struct sense_case *c, struct felloe_error *error, struct felloe_error *warning)
{
    struct felloe_error own = {0};
    struct sense s = {.c = c, .error = error ? error : &own, .warning = warning};
    size_t count;
    bool ok = true;
    int minute;
    int64_t today;
    london_day(c->now, &today, &minute);
    s.today = (int32_t)today;
    if (warning)
        *warning = (struct felloe_error){0};
    if (c->document)
        record_readings(c->document, &count, &ok);
    enum felloe_code code = FELLOE_OK;
    if (ok && read_fields(&s) && (!check_times(&s) || !check_fields(&s) || !check_audience(&s) || !check_type(&s)))
        code = FELLOE_INVALID;
    if (!ok || s.raw.failed)
        code = felloe_fail(s.error, FELLOE_FAILED, "Memory ran out.");
    buffer_release(&s.raw);
    return code;
}
