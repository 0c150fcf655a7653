/* SPDX-License-Identifier: Apache-2.0 */
/* The tables that catalogue.def spells out, and finding things in them. */
#include "proto/domain/catalogue.h"

/* A name is shown in narrow columns; a line is one line of a form; a text a few pages. */
#define NAME_MAX_BYTES 200
#define LINE_MAX_BYTES 500
#define TEXT_MAX_BYTES 8000

#define REQ 1
#define LIST 2
#define KEPT 4
#define SELF 8
#define ELEVEN 16 /* a list of so many, no more and no fewer: DIALOG */

#define OF(type) (TYPE_##type + 1) /* 0: any */

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- registers ---- */

static const struct register_def registers[] = {
    {.id = REG_NONE, .name = ""},
#define REGISTER(id_, label_, merge_, kind_, codes_, settle_) \
    REGISTER_EACH(id_, label_, merge_, kind_, codes_, settle_, NULL)
#define REGISTER_EACH(id_, label_, merge_, kind_, codes_, settle_, each_) \
    {REG_##id_, #id_, label_, merge_, kind_, codes_, settle_, each_},
#include "proto/domain/catalogue.def"
};

/* The rule of each register as a constant, so that the fields' rows can repeat it. */
enum {
#define REGISTER(id, label, merge, kind, codes, settle) RULE_##id = merge,
#define REGISTER_EACH(id, label, merge, kind, codes, settle, each) RULE_##id = merge,
#include "proto/domain/catalogue.def"
};

static const struct code whats[] = {
#define REGISTER(id, label, merge, kind, codes, settle) {#id, label},
#define REGISTER_EACH(id, label, merge, kind, codes, settle, each) {#id, label},
#include "proto/domain/catalogue.def"
};
const struct code_list codes_what = {.name = "what", .codes = whats, .count = COUNT(whats)};

/* ---- fields, effects, types ---- */

#define TYPE(id, name, label, about, writer, audience, help) static const struct field_def fields_##id[] = {
#define END };
#define FIELD(name, label, kind, flags, min, max, codes, merge, reg, reg_id) \
    {name, label, sizeof(name) - 1, kind, ((flags) & LIST) != 0, ((flags) & REQ) != 0, \
     ((flags) & KEPT) != 0 || (reg_id) != REG_NONE, \
     ((flags) & SELF) != 0, ((flags) & ELEVEN) != 0 ? 11 : 0, min, max, codes, merge, reg, reg_id},
#define KEEP(name, label, kind, flags, min, max, codes) \
    FIELD(name, label, kind, flags, min, max, codes, MERGE_KEEP, NULL, REG_NONE)
#define PART(name, label, kind, flags, min, max, codes, merge) \
    FIELD(name, label, kind, flags, min, max, codes, merge, NULL, REG_NONE)
#define WRITE(name, label, kind, flags, min, max, codes, reg) \
    FIELD(name, label, kind, flags, min, max, codes, (enum merge_rule)RULE_##reg, #reg, REG_##reg)
#define WRITE_AS(name, label, kind, flags, min, max, codes, reg, merge) \
    FIELD(name, label, kind, flags, min, max, codes, merge, #reg, REG_##reg)
#include "proto/domain/catalogue.def"

/* The last row is a filler: a type may have no effects. */
#define TYPE(id, name, label, about, writer, audience, help) static const struct effect_def effects_##id[] = {
#define EFFECT(reg, value, op, field, of) {REG_##reg, value, op, field, of},
#define END {REG_NONE, NULL, EFFECT_WRITE, NULL, NULL}};
#include "proto/domain/catalogue.def"

static const struct type_def types[] = {
#define TYPE(id, name, label, about, writer, audience, help) \
    {TYPE_##id, name, label, sizeof(name) - 1, help, about, writer, audience, fields_##id, COUNT(fields_##id), \
     effects_##id, COUNT(effects_##id) - 1},
#define END
#include "proto/domain/catalogue.def"
};

static const struct code type_codes[] = {
#define TYPE(id, name, label, about, writer, audience, help) {name, label},
#define END
#include "proto/domain/catalogue.def"
};
const struct code_list codes_type = {.name = "type", .codes = type_codes, .count = COUNT(type_codes)};

size_t catalogue_count(void)
{
    return TYPE_COUNT;
}

const struct type_def *catalogue_at(size_t index)
{
    return index < TYPE_COUNT ? &types[index] : NULL;
}

const struct type_def *catalogue_find(struct bytes name)
{
    for (size_t i = 0; i < TYPE_COUNT; i++)
        if (name.len == types[i].name_len && memcmp(name.data, types[i].name, name.len) == 0)
            return &types[i];
    return NULL;
}

const struct field_def *catalogue_field(const struct type_def *type, struct bytes name)
{
    for (size_t i = 0; i < type->field_count; i++)
        if (name.len == type->fields[i].name_len && memcmp(name.data, type->fields[i].name, name.len) == 0)
            return &type->fields[i];
    return NULL;
}

const struct type_def *field_refers(const struct field_def *field)
{
    return field->kind == KIND_EVENT && field->max > 0 ? catalogue_at((size_t)field->max - 1) : NULL;
}

const struct register_def *register_def_of(enum register_id id)
{
    return id > REG_NONE && id < REG_COUNT ? &registers[id] : NULL;
}

const struct register_def *register_def_find(struct bytes name)
{
    for (size_t i = REG_NONE + 1; i < REG_COUNT; i++)
        if (bytes_is(name, registers[i].name))
            return &registers[i];
    return NULL;
}

/* ---- fingerprint ---- */

static uint64_t mix(uint64_t hash, const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u; /* FNV-1a */
    return hash;
}

static uint64_t mix_text(uint64_t hash, const char *text)
{
    return mix(hash, text ? text : "", text ? strlen(text) + 1 : 1);
}

static uint64_t mix_number(uint64_t hash, size_t value)
{
    const uint8_t byte = (uint8_t)value;
    return mix(hash, &byte, 1);
}

/* Which codes there are, and in which order: the first protects. */
static uint64_t mix_codes(uint64_t hash, const struct code_list *list)
{
    for (size_t i = 0; list && i < list->count; i++)
        hash = mix_text(hash, list->codes[i].code);
    return mix_text(hash, NULL);
}

static uint64_t mix_type(uint64_t hash, const struct type_def *type)
{
    hash = mix_number(mix_number(mix_text(hash, type->name), type->about), type->writer);
    hash = mix_number(hash, type->audience);
    for (size_t f = 0; f < type->field_count; f++) {
        const struct field_def *field = &type->fields[f];
        hash = mix_text(mix_text(hash, field->name), field->reg);
        hash = mix_number(mix_number(mix_number(hash, field->kind), field->list), field->kept);
        hash = mix_number(hash, field->self);
    }
    for (size_t e = 0; e < type->effect_count; e++) {
        const struct effect_def *effect = &type->effects[e];
        hash = mix_number(mix_number(mix_text(hash, effect->value), effect->reg), effect->op);
        hash = mix_text(mix_text(hash, effect->field), effect->of);
    }
    return hash;
}

uint64_t catalogue_fingerprint(void)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = REG_NONE + 1; i < REG_COUNT; i++) {
        hash = mix_number(mix_text(hash, registers[i].name), registers[i].merge);
        hash = mix_number(mix_text(hash, registers[i].each), registers[i].kind);
        hash = mix_codes(mix_number(hash, registers[i].settle), registers[i].codes);
    }
    for (size_t i = 0; i < TYPE_COUNT; i++)
        hash = mix_type(hash, &types[i]);
    return hash;
}

/* ---- words ---- */

const char *field_kind_words(enum field_kind kind)
{
    switch (kind) {
    case KIND_TEXT: return "words";
    case KIND_CODE: return "one of the codes";
    case KIND_NUMBER: return "number";
    case KIND_DURATION: return "how long, in minutes: 90, 1h30";
    case KIND_DATE: return "date, like 2026-12-01";
    case KIND_TIME: return "time, like 2026-12-01T14:30:00Z";
    case KIND_YESNO: return "yes or no";
    case KIND_WORKER: return "a worker's id";
    case KIND_SITE: return "a team's site";
    case KIND_PLACE: return "a place, in words";
    case KIND_SCHEDULE: return "weekly hours, like mon-fri 09:00-17:00";
    case KIND_PERSON: return "a person";
    case KIND_EVENT: return "an entry's id";
    case KIND_NHS: return "NHS number, 10 digits";
    case KIND_HEX: return "hex digits";
    case KIND_BYTES: return "bytes";
    case KIND_VALUE: return "a value of what is settled";
    }
    return "";
}

const char *merge_rule_letter(enum merge_rule rule)
{
    static const char *const letters[] = {"K", "U", "L", "P", "H"};
    return letters[rule];
}

const char *merge_rule_words(enum merge_rule rule)
{
    static const char *const words[] = {
        "each is an entry of its own",
        "all are kept; taking one away takes only what was known",
        "the latest is shown, the others stay in the story",
        "the one that protects holds until it is settled together",
        "all are shown until it is settled together",
    };
    return words[rule];
}

bool field_kind_fits(enum field_kind kind, enum mp_type type)
{
    switch (kind) {
    case KIND_TEXT:
    case KIND_CODE:
    case KIND_DATE:
    case KIND_WORKER:
    case KIND_SITE:
    case KIND_PLACE:
    case KIND_SCHEDULE:
    case KIND_NHS:
    case KIND_HEX: return type == MP_STR;
    case KIND_NUMBER:
    case KIND_DURATION:
    case KIND_TIME: return type == MP_UINT || type == MP_INT;
    case KIND_YESNO: return type == MP_BOOL;
    case KIND_PERSON:
    case KIND_EVENT:
    case KIND_BYTES: return type == MP_BIN;
    case KIND_VALUE: return type == MP_STR || type == MP_UINT || type == MP_INT || type == MP_BOOL || type == MP_BIN;
    }
    return false;
}
