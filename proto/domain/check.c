/* SPDX-License-Identifier: Apache-2.0 */
/* catalogue_check: an event's fields as people give them, checked by the catalogue and brought into normal form. */
#include "proto/domain/catalogue.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "proto/domain/correction.h"
#include "proto/domain/schedule.h"
#include "proto/domain/validate.h"

/* More fields than any type has, with room for lists given one by one. */
#define PAIRS_MAX 64
#define LIST_ITEMS_MAX 64
/* Times between 1900 and 2200, in ms since 1970; as digits they have 12 or more, whatever is shorter is a slip. */
#define TIME_MIN ((int64_t)-2208988800000)
#define TIME_MAX ((int64_t)7258118400000)
#define TIME_DIGITS 12

struct pair {
    const struct field_def *field;
    uint32_t at; /* where its value stands on the tape */
};

struct check {
    const struct type_def *type;
    struct mp_reader *r;
    const struct resolver *resolver;
    struct buffer *out;
    struct felloe_error *error;
    struct pair *pairs; /* PAIRS_MAX of them */
    uint32_t pair_count;
    const struct register_def *what; /* conflict.settled: the register that "what" named */
    const struct code *corrects;     /* contact.corrected: the field that "field" named */
};

/* What a value has to be: a field's definition, or that of a register (KIND_VALUE). */
struct want {
    const char *name;
    enum field_kind kind;
    const struct code_list *codes;
    int64_t min, max;
    bool clears; /* an empty text says that there is none any more */
};

static bool refuse(struct check *c, const char *name, const char *why)
{
    felloe_fail(c->error, FELLOE_INVALID, "%s %s.", name, why);
    return false;
}

/* "… must be a date, like 2026-12-01, not \"yesterday\"." */
static bool refuse_text(struct check *c, const struct want *want, struct bytes text, const char *must)
{
    int shown = text.len > 40 ? 40 : (int)text.len;
    while (shown > 0 && (size_t)shown < text.len && (text.data[shown] & 0xc0) == 0x80)
        shown--;
    felloe_fail(c->error, FELLOE_INVALID, "%s must be %s, not \"%.*s%s\".", want->name, must, shown, text.data,
                (size_t)shown < text.len ? "…" : "");
    return false;
}

static struct bytes trimmed(struct bytes text)
{
    while (text.len > 0 && isspace(text.data[text.len - 1]))
        text.len--;
    while (text.len > 0 && isspace(text.data[0])) {
        text.data++;
        text.len--;
    }
    return text;
}

/* ---- codes ---- */

static bool same_word(struct bytes text, const char *word)
{
    if (strlen(word) != text.len)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (tolower(text.data[i]) != tolower((unsigned char)word[i]))
            return false;
    return true;
}

/* "urgency must be one of: 1 emergency, 4 very urgent, 2 urgent, 3 routine." Long lists are cut and say so. */
static bool refuse_code(struct check *c, const struct want *want)
{
    char all[400];
    size_t used = 0, i = 0;
    for (; i < want->codes->count; i++) {
        const struct code *code = &want->codes->codes[i];
        const char *label = strcmp(code->code, code->label) == 0 ? "" : code->label;
        int more = snprintf(all + used, sizeof all - used, "%s%s%s%s", i ? ", " : "", code->code, *label ? " " : "",
                            label);
        if (more < 0 || used + (size_t)more >= sizeof all - 60) {
            all[used] = '\0';
            break;
        }
        used += (size_t)more;
    }
    if (i < want->codes->count)
        felloe_fail(c->error, FELLOE_INVALID, "%s must be one of: %s and %zu more (felloe types %s lists them).",
                    want->name, all, want->codes->count - i, c->type->name);
    else
        felloe_fail(c->error, FELLOE_INVALID, "%s must be one of: %s.", want->name, all);
    return false;
}

static bool refuse_missing(struct check *c, const struct field_def *field)
{
    bool labelled = strcmp(field->label, field->name) != 0;
    if (field->codes)
        return refuse_code(c, &(struct want){.name = field->name, .codes = field->codes});
    felloe_fail(c->error, FELLOE_INVALID, "%s needs %s: %s.", c->type->name, field->name,
                labelled ? field->label : field_kind_words(field->kind));
    return false;
}

/* The code itself, in any case, with or without its leading zero; or its label. */
static bool put_code(struct check *c, const struct want *want, struct bytes text)
{
    for (size_t i = 0; i < want->codes->count; i++) {
        const struct code *code = &want->codes->codes[i];
        if (same_word(text, code->code) || same_word(text, code->label) ||
            (code->code[0] == '0' && code->code[1] && same_word(text, code->code + 1))) {
            mp_put_text(c->out, code->code);
            return true;
        }
    }
    return refuse_code(c, want);
}

/* ---- other kinds ---- */

static bool put_number(struct check *c, const struct want *want, int64_t value)
{
    bool ranged = want->kind == KIND_NUMBER || want->kind == KIND_DURATION;
    if (want->kind == KIND_TIME && (value < TIME_MIN || value >= TIME_MAX))
        return refuse(c, want->name, "must be a time between the years 1900 and 2200");
    if (ranged && (value < want->min || value > want->max)) {
        felloe_fail(c->error, FELLOE_INVALID, "%s must be from %" PRId64 " to %" PRId64 ", not %" PRId64 ".",
                    want->name, want->min, want->max, value);
        return false;
    }
    mp_put_int(c->out, value);
    return true;
}

static bool put_text(struct check *c, const struct want *want, struct bytes text)
{
    if (want->max > 0 && text.len > (size_t)want->max) {
        felloe_fail(c->error, FELLOE_INVALID, "%s is too long: %zu bytes, and there is room for %" PRId64 ".",
                    want->name, text.len, want->max);
        return false;
    }
    mp_put_str(c->out, text);
    return true;
}

static bool put_nhs(struct check *c, const struct want *want, struct bytes text)
{
    char plain[11];
    switch (nhs_parse(text, plain)) {
    case NHS_RIGHT: mp_put_text(c->out, plain); return true;
    case NHS_NOT_TEN_DIGITS: return refuse_text(c, want, text, "an NHS number of 10 digits");
    case NHS_ALL_THE_SAME:
        return refuse(c, want->name,
                      "is nobody's NHS number: ten times the same digit. Leave it out until it is known");
    case NHS_CHECK_DIGIT: break;
    }
    return refuse(c, want->name, "is not an NHS number: its last digit, which checks the others, does not fit. "
                                 "Please compare it with the letter or card");
}

static bool put_worker(struct check *c, const struct want *want, struct bytes text)
{
    char lower[SLUG_MAX + 1];
    size_t len = 0;
    for (; len < text.len && len < SLUG_MAX; len++)
        lower[len] = (char)tolower(text.data[len]);
    if (len < text.len || !slug_valid(bytes_of(lower, len)))
        return refuse_text(c, want, text, "a worker's id (small letters, digits and -)");
    mp_put_str(c->out, bytes_of(lower, len));
    return true;
}

static bool put_site(struct check *c, const struct want *want, struct bytes text)
{
    if (!slug_valid(text))
        return refuse_text(c, want, text, "a team's site (small letters, digits and -)");
    mp_put_str(c->out, text);
    return true;
}

static bool put_schedule(struct check *c, const struct want *want, struct bytes text)
{
    struct schedule schedule;
    struct felloe_error error;
    if (!schedule_parse(text, &schedule, &error)) {
        felloe_fail(c->error, FELLOE_INVALID, "%s: %s", want->name, error.message);
        return false;
    }
    return put_text(c, want, text);
}

static bool put_hex(struct check *c, const struct want *want, struct bytes raw)
{
    char hex[2 * 64 + 1];
    if (raw.len < (size_t)want->min || raw.len > (size_t)want->max || raw.len > 64) {
        felloe_fail(c->error, FELLOE_INVALID, "%s must be %" PRId64 " bytes as hex digits.", want->name, want->max);
        return false;
    }
    hex_encode(raw, hex);
    mp_put_text(c->out, hex);
    return true;
}

static bool put_hex_text(struct check *c, const struct want *want, struct bytes text)
{
    uint8_t raw[64];
    if (text.len % 2 || text.len > 2 * sizeof raw || !hex_decode(text, raw, text.len / 2))
        return put_hex(c, want, bytes_of(NULL, 0));
    return put_hex(c, want, bytes_of(raw, text.len / 2));
}

static bool put_event(struct check *c, const struct want *want, struct bytes text)
{
    struct event_id id;
    if (!hex_decode(text, id.b, sizeof id.b)) {
        if (!c->resolver || !c->resolver->event)
            return refuse_text(c, want, text, "an entry's id");
        if (c->resolver->event(c->resolver->context, text, &id, c->error) != FELLOE_OK)
            return false;
    }
    mp_put_bin(c->out, id.b, sizeof id.b);
    return true;
}

static bool put_person(struct check *c, const struct want *want, struct bytes text)
{
    struct person_id id;
    if (!hex_decode(text, id.b, sizeof id.b)) {
        if (!c->resolver || !c->resolver->person)
            return refuse_text(c, want, text, "a person's id");
        if (c->resolver->person(c->resolver->context, text, &id, c->error) != FELLOE_OK)
            return false;
    }
    mp_put_bin(c->out, id.b, sizeof id.b);
    return true;
}

static bool put_from_text(struct check *c, const struct want *want, struct bytes given)
{
    struct bytes text = trimmed(given);
    int64_t number;
    bool yes;
    if (text.len == 0 && want->clears && field_kind_fits(want->kind, MP_STR)) {
        mp_put_text(c->out, "");
        return true;
    }
    switch (want->kind) {
    case KIND_TEXT: return put_text(c, want, want->clears ? text : given);
    case KIND_PLACE: return put_text(c, want, text);
    case KIND_SITE: return put_site(c, want, text);
    case KIND_SCHEDULE: return put_schedule(c, want, text);
    case KIND_CODE: return put_code(c, want, text);
    case KIND_NHS: return put_nhs(c, want, text);
    case KIND_WORKER: return put_worker(c, want, text);
    case KIND_HEX: return put_hex_text(c, want, text);
    case KIND_EVENT: return put_event(c, want, text);
    case KIND_PERSON: return put_person(c, want, text);
    case KIND_NUMBER:
        return number_parse(text, &number) ? put_number(c, want, number)
                                           : refuse_text(c, want, text, "a whole number");
    case KIND_DURATION:
        return duration_parse(text, &number) ? put_number(c, want, number)
                                             : refuse_text(c, want, text, "how long: minutes, like 90, or 1h30");
    case KIND_DATE:
        if (!date_valid(text))
            return refuse_text(c, want, text, "a day that exists, like 2026-12-01");
        mp_put_str(c->out, text);
        return true;
    case KIND_TIME:
        return time_parse(text, &number) || (text.len >= TIME_DIGITS && number_parse(text, &number))
                   ? put_number(c, want, number)
                   : refuse_text(c, want, text, "a time, like 2026-11-21T14:30:00Z");
    case KIND_YESNO:
        if (!yesno_parse(text, &yes))
            return refuse_text(c, want, text, "yes or no");
        mp_put_bool(c->out, yes);
        return true;
    case KIND_BYTES: return refuse(c, want->name, "must be bytes");
    case KIND_VALUE: break; /* its register's kind stands in its place */
    }
    assert(false);
    return false;
}

/* The reader's next value, into the normal form. */
static bool put_value(struct check *c, const struct want *want)
{
    struct mp_reader *r = c->r;
    char digits[24];
    enum mp_type type = mp_peek(r);
    if (type == MP_STR) {
        struct bytes text = mp_str(r, 0, EVENT_SIZE_MAX);
        return r->failed ? refuse(c, want->name, "is not valid text (UTF-8 without NUL)")
                         : put_from_text(c, want, text);
    }
    if (type == MP_UINT || type == MP_INT) {
        int64_t number = mp_int(r, INT64_MIN, INT64_MAX);
        if (r->failed)
            return refuse(c, want->name, "is too large a number");
        if (want->kind == KIND_NUMBER || want->kind == KIND_DURATION || want->kind == KIND_TIME)
            return put_number(c, want, number);
        if (want->kind == KIND_CODE || want->kind == KIND_NHS) { /* programs send codes as numbers */
            snprintf(digits, sizeof digits, want->kind == KIND_NHS ? "%010" PRId64 : "%" PRId64, number);
            return put_from_text(c, want, bytes_str(digits));
        }
    } else if (type == MP_BOOL && want->kind == KIND_YESNO) {
        mp_put_bool(c->out, mp_bool(r));
        return true;
    } else if (type == MP_BIN && (want->kind == KIND_EVENT || want->kind == KIND_PERSON || want->kind == KIND_HEX ||
                                  want->kind == KIND_BYTES)) {
        struct bytes raw = mp_bin(r, 0, EVENT_SIZE_MAX);
        if (want->kind == KIND_BYTES) {
            mp_put_bin(c->out, raw.data, raw.len);
            return true;
        }
        if (want->kind == KIND_HEX)
            return put_hex(c, want, raw);
        if (raw.len == (want->kind == KIND_EVENT ? sizeof(struct event_id) : sizeof(struct person_id))) {
            mp_put_bin(c->out, raw.data, raw.len);
            return true;
        }
    }
    char must[80];
    snprintf(must, sizeof must, "must be %s", field_kind_words(want->kind));
    return refuse(c, want->name, must);
}

/* ---- fields ---- */

static bool is_blank(struct mp_reader *r, uint32_t at)
{
    const struct mp_token *token = &r->tape[at];
    return token->type == MP_NIL ||
           (token->type == MP_STR && trimmed(bytes_of(token->p, token->count)).len == 0) ||
           (token->type == MP_ARRAY && token->count == 0);
}

/* How long a text or how large a number that register holds: as the fields that write it. */
static void range_of(const struct register_def *reg, struct want *out)
{
    for (size_t t = 0; t < catalogue_count(); t++)
        for (size_t f = 0; f < catalogue_at(t)->field_count; f++) {
            const struct field_def *field = &catalogue_at(t)->fields[f];
            if (field->reg_id == reg->id) {
                out->min = field->min;
                out->max = field->max;
                return;
            }
        }
}

static bool want_of(struct check *c, const struct field_def *field, struct want *out)
{
    *out = (struct want){field->name, field->kind, field->codes, field->min, field->max, field->reg_id != REG_NONE};
    if (field->kind == KIND_VALUE) {
        if (!c->what)
            return refuse(c, field->name, "can only be given together with what it settles");
        out->kind = c->what->kind;
        out->codes = c->what->codes;
        range_of(c->what, out);
    }
    return true;
}

/* A list: an array, one value, or the name several times; blanks are left out. Writes and counts items. */
static bool put_items(struct check *c, const struct field_def *field, const struct want *want, uint32_t *count)
{
    for (uint32_t i = 0; i < c->pair_count; i++) {
        if (c->pairs[i].field != field || is_blank(c->r, c->pairs[i].at))
            continue;
        c->r->at = c->pairs[i].at;
        uint32_t items = mp_peek(c->r) == MP_ARRAY ? mp_array(c->r, 0, MP_TAPE_MAX) : 1;
        for (uint32_t n = 0; n < items; n++) {
            if (is_blank(c->r, c->r->at)) {
                mp_skip(c->r);
                continue;
            }
            if (!put_value(c, want))
                return false;
            if (++*count > LIST_ITEMS_MAX)
                return refuse(c, field->name, "has too many items");
        }
    }
    return true;
}

static bool put_list(struct check *c, const struct field_def *field, const struct want *want, uint32_t *fields)
{
    struct buffer items = {0}, *out = c->out;
    uint32_t count = 0;
    c->out = &items;
    bool fine = put_items(c, field, want, &count);
    c->out = out;
    if (fine && count > 0 && field->items > 0 && count != field->items) {
        felloe_fail(c->error, FELLOE_INVALID, "%s needs %" PRIu32 " values, not %" PRIu32 ".", field->name,
                    field->items, count);
        fine = false;
    }
    if (fine && count > 0) {
        mp_put_text(out, field->name);
        mp_put_array(out, count);
        buffer_append(out, items.data, items.len);
        ++*fields;
    }
    out->failed = out->failed || items.failed;
    buffer_release(&items);
    return fine;
}

/* What others of the same entry depend on: its code, which was just written from `from` on. */
static void note_code(struct check *c, const struct field_def *field, size_t from)
{
    if (c->out->failed || (field->codes != &codes_what && field->codes != &codes_correctable))
        return;
    struct bytes code = bytes_of(c->out->data + from + 1, c->out->len - from - 1); /* a fixstr: behind one byte */
    if (field->codes == &codes_what)
        c->what = register_def_find(code);
    else
        c->corrects = &field->codes->codes[code_rank(field->codes, code)];
}

/* contact.corrected: the value is checked as the field that it corrects. */
static bool put_correction(struct check *c)
{
    struct buffer raw = {0};
    mp_copy(c->r, &raw);
    bool fine = correction_check(bytes_str(c->corrects->code), buffer_bytes(&raw), c->out, c->error);
    c->out->failed = c->out->failed || raw.failed;
    buffer_release(&raw);
    return fine;
}

/* One field into the normal form, if it was given. */
static bool put_field(struct check *c, const struct field_def *field, uint32_t *fields)
{
    const struct pair *found = NULL;
    struct want want;
    bool given = false;
    for (uint32_t i = 0; i < c->pair_count; i++) {
        if (c->pairs[i].field != field)
            continue;
        if (found && !field->list)
            return refuse(c, field->name, "is given twice");
        found = &c->pairs[i];
        bool nil = c->r->tape[found->at].type == MP_NIL;
        given = given || !is_blank(c->r, found->at) || (field->reg_id != REG_NONE && !field->required && !nil);
    }
    if (!given && field->required)
        return refuse_missing(c, field);
    if (!given)
        return true;
    if (!want_of(c, field, &want))
        return false;
    if (field->list)
        return put_list(c, field, &want, fields);
    mp_put_text(c->out, field->name);
    ++*fields;
    c->r->at = found->at;
    size_t from = c->out->len;
    if (!(c->corrects && field->reg_id == REG_correction ? put_correction(c) : put_value(c, &want)))
        return false;
    note_code(c, field, from);
    return true;
}

static bool read_pairs(struct check *c)
{
    uint32_t count = mp_map(c->r, PAIRS_MAX);
    for (uint32_t i = 0; i < count && !c->r->failed; i++) {
        struct pair *pair = &c->pairs[c->pair_count++];
        const struct bytes name = mp_str(c->r, 1, EVENT_SIZE_MAX);
        pair->at = c->r->at;
        mp_skip(c->r);
        if (c->r->failed)
            break;
        pair->field = catalogue_field(c->type, name);
        if (pair->field)
            continue;
        char all[300] = "";
        size_t used = 0;
        for (size_t f = 0; f < c->type->field_count && used < sizeof all; f++)
            used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", f ? ", " : "", c->type->fields[f].name);
        felloe_fail(c->error, FELLOE_INVALID, "%s has no field %.*s; it has: %s.", c->type->name,
                    name.len > 60 ? 60 : (int)name.len, name.data, all);
        return false;
    }
    if (c->r->failed)
        felloe_fail(c->error, FELLOE_INVALID, "The fields of %s are not a map from names to values.", c->type->name);
    return !c->r->failed;
}

enum felloe_code catalogue_check(const struct type_def *type, struct mp_reader *fields, const struct resolver *resolver,
                                 struct buffer *out, struct felloe_error *error)
{
    struct pair pairs[PAIRS_MAX] MP_UNSET;
    struct check c = {.type = type, .r = fields, .resolver = resolver, .error = error, .out = out, .pairs = pairs};
    const size_t begin = out->len;
    uint32_t count = 0;
    assert(type->field_count < 16); /* then the map's header is the one byte that is left for it */
    buffer_append_byte(out, 0);
    bool fine = read_pairs(&c);
    uint32_t end = fields->at;
    for (size_t i = 0; fine && i < type->field_count; i++)
        fine = put_field(&c, &type->fields[i], &count);
    enum felloe_code code = FELLOE_OK;
    if (out->failed) /* what was found wrong may be wrong for that reason alone */
        code = felloe_fail(error, FELLOE_FAILED, "Memory ran out.");
    else if (!fine)
        code = error && error->code ? error->code : FELLOE_INVALID;
    else if (count == 0 && type->effect_count == 0)
        code = felloe_fail(error, FELLOE_INVALID, "%s says nothing: give at least one of its fields.", type->name);
    if (code != FELLOE_OK) {
        out->len = begin;
        return code;
    }
    out->data[begin] = (uint8_t)(0x80 | count);
    fields->at = end;
    return FELLOE_OK;
}
