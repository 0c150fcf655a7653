/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of event types: data, not code. Validator, fold, help text and documentation read this one table
 * (catalogue.def); a new event type is a row. */
#ifndef FELLOE_PROTO_CATALOGUE_H
#define FELLOE_PROTO_CATALOGUE_H

#include "felloe/error.h"
#include "proto/event.h"
#include "proto/mp.h"

enum field_kind {
    KIND_TEXT,    /* str; free words */
    KIND_CODE,    /* str; one of the code list */
    KIND_NUMBER,  /* integer within min..max */
    KIND_DATE,    /* str "2026-12-01" */
    KIND_TIME,    /* integer, ms since 1970 */
    KIND_YESNO,   /* bool */
    KIND_WORKER,  /* str; a worker's id */
    KIND_PERSON,  /* bin 16 */
    KIND_EVENT,   /* bin 32 */
    KIND_NHS      /* str of 10 digits with a right check digit */
};

/* What becomes of a field written by two workers who did not know of each other; see README "merge rules". */
enum merge_rule {
    MERGE_KEEP,       /* K: each writing is an entry of its own */
    MERGE_UNION,      /* U: a set; removal takes away only what it had seen */
    MERGE_LATEST,     /* L: the latest of the concurrent is shown, the others stay in history */
    MERGE_PROTECTIVE, /* P: the protective value wins, and it is listed to settle */
    MERGE_SETTLE      /* H: all are shown until a human settles */
};

struct code {
    const char *code, *label;
};
struct code_list {
    const char *name;
    const struct code *codes; /* in order of display (urgency: 1, 4, 2, 3) */
    size_t count;
};

struct field_def {
    const char *name, *label;
    enum field_kind kind;
    bool list;                /* an array of the kind */
    bool required;
    int64_t min, max;         /* KIND_NUMBER: range; KIND_TEXT: max bytes (0: none but the event's own) */
    const struct code_list *codes;
    enum merge_rule merge;
    const char *reg;          /* the register that it writes, NULL when MERGE_KEEP */
};

enum event_about { ABOUT_PERSON, ABOUT_SITE };

struct type_def {
    const char *name, *label; /* "contact.recorded", "contact" */
    const char *help;         /* one sentence */
    enum event_about about;
    bool by_hub;              /* written by the hub only */
    const struct field_def *fields;
    size_t field_count;
};

size_t catalogue_count(void);
const struct type_def *catalogue_at(size_t index);
/* NULL for a type that this version does not know. */
const struct type_def *catalogue_find(struct bytes name);
const struct field_def *catalogue_field(const struct type_def *type, struct bytes name);
/* The label of a code, or NULL. */
const char *code_label(const struct code_list *list, struct bytes code);

/* Turns what people type for an event, or a worker, into the real thing; given by whoever validates. */
struct resolver {
    void *context;
    enum felloe_code (*event)(void *context, struct bytes text, struct event_id *out, struct felloe_error *error);
    enum felloe_code (*person)(void *context, struct bytes text, struct person_id *out, struct felloe_error *error);
};

/* Reads a map of fields as people and imports give them (strings for everything, or the right kind already; for a
 * list an array or one string), checks it against the type, and appends the normal form (a map, fields in the
 * catalogue's order, unknown fields refused) to `out`. Errors in words: "urgency must be one of: 1 emergency, …". */
enum felloe_code catalogue_check(const struct type_def *type, struct mp_reader *fields, const struct resolver *resolver,
                                 struct buffer *out, struct felloe_error *error);

#endif
