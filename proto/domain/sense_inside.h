/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of sense: an entry's fields at hand, and what the rules (sense_rules.c) are made of. */
#ifndef FELLOE_PROTO_SENSE_INSIDE_H
#define FELLOE_PROTO_SENSE_INSIDE_H

#include "proto/domain/record.h"
#include "proto/domain/sense.h"

#define SENSE_FIELDS_MAX 24 /* more than any type has */
#define SENSE_WORKERS_MAX 64
#define SENSE_TEXT 160

struct sense {
    const struct sense_case *c;
    struct felloe_error *error, *warning;
    int32_t today;                 /* of Europe/London, days since 1970 */
    struct buffer raw;             /* the fields' values, in raw msgpack */
    struct { size_t at, len; } values[SENSE_FIELDS_MAX];
};

/* Sets the error; always false, so that a rule can return it. */
bool sense_refuse(struct sense *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sets the warning, if there is none yet; always true. */
bool sense_warn(struct sense *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A field of the entry: raw (empty: not given), as text, as a yes. */
struct bytes sense_value(const struct sense *s, const char *field);
struct bytes sense_text(const struct sense *s, const char *field);
bool sense_yes(const struct sense *s, const char *field);
/* A field that is a list of workers, or one; returns how many there are. */
size_t sense_workers(const struct sense *s, const char *field, struct bytes out[SENSE_WORKERS_MAX]);

/* What stands in a register, NULL for nothing. `name` is an entry's name as the field gives it (32 bytes). */
const struct reading *sense_reading(const struct sense *s, enum register_id id, struct bytes each);
const struct reading *sense_thread(const struct sense *s, enum register_id id, struct bytes name);
bool reading_is(const struct reading *reading, const char *code); /* its (first) value */
/* "amy, 2026-11-21" of the write that is shown. */
const char *sense_who(const struct reading *reading, char out[SENSE_TEXT]);
/* A value in words: its label, else the beginning of its text. */
const char *sense_words(const struct code_list *codes, struct bytes raw, char out[SENSE_TEXT]);
const char *sense_date(int64_t ms, char out[SENSE_TEXT]);

/* What is said of a type, NULL where it is nothing; true where there is nothing against it. */
typedef bool (*sense_rule)(struct sense *s);
extern const sense_rule sense_rules[TYPE_COUNT];

#endif
