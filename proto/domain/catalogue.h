/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue of event types: data, not code. Validator, fold, help text and documentation read this one table
 * (catalogue.def); a new event type is a row. */
#ifndef FELLOE_PROTO_CATALOGUE_H
#define FELLOE_PROTO_CATALOGUE_H

#include "felloe/error.h"
#include "proto/domain/codelists.h"
#include "proto/event/event.h"
#include "proto/mp.h"

enum field_kind {
    KIND_TEXT,    /* str; free words */
    KIND_CODE,    /* str; one of the code list */
    KIND_NUMBER,  /* integer within min..max */
    KIND_DURATION,/* integer, minutes within min..max */
    KIND_DATE,    /* str "2026-12-01" */
    KIND_TIME,    /* integer, ms since 1970 */
    KIND_YESNO,   /* bool */
    KIND_WORKER,  /* str; a worker's id */
    KIND_SITE,    /* str; a site's slug */
    KIND_PLACE,   /* str; where, in words */
    KIND_SCHEDULE,/* str; weekly hours, see schedule.h: "mon-fri 09:00-17:00; closed 2026-12-25" */
    KIND_PERSON,  /* bin 16 */
    KIND_EVENT,   /* bin 32 */
    KIND_NHS,     /* str of 10 digits with a right check digit */
    KIND_HEX,     /* str; lower-case hex of min..max bytes */
    KIND_BYTES,   /* bin; written by programs only */
    KIND_VALUE    /* what the register named by the field "what" holds, in that register's kind */
};
/* For help texts: "date, like 2026-12-01". */
const char *field_kind_words(enum field_kind kind);

/* What becomes of a field written by two workers who did not know of each other; see README "merge rules". */
enum merge_rule {
    MERGE_KEEP,       /* K: each writing is an entry of its own */
    MERGE_UNION,      /* U: a set; removal takes away only what it had seen */
    MERGE_LATEST,     /* L: the latest of the concurrent is shown, the others stay in history */
    MERGE_PROTECTIVE, /* P: the protective value wins, and it is listed to settle */
    MERGE_SETTLE      /* H: all are shown until a human settles */
};
/* "K" "U" "L" "P" "H", and the sentence behind it. */
const char *merge_rule_letter(enum merge_rule rule);
const char *merge_rule_words(enum merge_rule rule);

/* In which order things to settle are listed; never: the rule's own choice is enough. */
enum settle_rank { SETTLE_SAFETY, SETTLE_SHARING, SETTLE_REST, SETTLE_NEVER };

enum register_id {
    REG_NONE,
#define REGISTER(id, label, merge, kind, codes, settle) REG_##id,
#define REGISTER_EACH(id, label, merge, kind, codes, settle, each) REG_##id,
#include "proto/domain/catalogue.def"
    REG_COUNT
};

/* A place that can be overwritten. A set (U) is a register per element that says in or out. */
struct register_def {
    enum register_id id;
    const char *name, *label;
    enum merge_rule merge;
    enum field_kind kind;
    const struct code_list *codes; /* of KIND_CODE; for P and U the first is the one that protects */
    enum settle_rank settle;
    const char *each; /* there is one per value of this field of the writing event, or pair of two ("agency category");
                         NULL: one in all. An event of a type without the field speaks of itself (see each_key) */
};
/* Between the two parts of a key of "agency category". (Binary values are in the key as hex: a key is always text.) */
#define EACH_SEPARATOR 0x1f

struct field_def {
    const char *name, *label;
    size_t name_len;
    enum field_kind kind;
    bool list;                /* an array of the kind */
    bool required;
    bool kept;                /* kept in the document, because a view or a register needs it */
    bool self;                /* left out, it stands for the event itself */
    uint32_t items;           /* how many a list must have; 0: any number */
    int64_t min, max;         /* KIND_NUMBER, KIND_DURATION: range; texts, KIND_HEX: max bytes (0: the event's own) */
    const struct code_list *codes;
    enum merge_rule merge;    /* what becomes of two entries that say it, written without knowing of each other */
    const char *reg;          /* the register that it writes, or NULL */
    enum register_id reg_id;
};
/* The type that an entry named by this field must be of; NULL: any (or it names none). */
const struct type_def *field_refers(const struct field_def *field);

enum effect_op {
    EFFECT_WRITE,   /* the event writes `value`; "@self": its own name */
    EFFECT_UNLESS,  /* the same, unless it has the field `field` */
    EFFECT_WHEN,    /* the same, where `field` is one of the codes `of` */
    EFFECT_FIELD,   /* the event writes the value of `field`, where the yes-or-no field `of` is yes */
    EFFECT_WITNESS, /* `value` still held when the event was written: it overwrites nothing, but speaks against a
                       concurrent write of another value; only where `field` is absent or one of the codes `of` */
    EFFECT_SETTLE,  /* field `field` is written to the register that field `of` names, of several to the one that field
                       "which" names by its key */
    EFFECT_KEEP     /* nothing; a view needs to know of the event all the same */
};
struct effect_def {
    enum register_id reg;
    const char *value;
    enum effect_op op;
    const char *field, *of;
};

enum event_about { ABOUT_PERSON, ABOUT_SITE, ABOUT_EITHER };
enum event_writer {
    BY_WORKERS,
    BY_HUB,   /* the hub alone */
    BY_ITSELF /* a daemon, along with another entry */
};
/* Who may read it, besides all of the site. Those named in the field `audience`, and the author: */
enum event_audience {
    AUDIENCE_NONE,
    AUDIENCE_MAY,    /* where the field is given */
    AUDIENCE_ALWAYS, /* always, and others do not learn that there is one */
    AUDIENCE_KNOWN   /* always, and others are told that there is one */
};

enum type_id {
#define TYPE(id, name, label, about, writer, audience, help) TYPE_##id,
#define END
#include "proto/domain/catalogue.def"
    TYPE_COUNT
};

struct type_def {
    enum type_id id;
    const char *name, *label; /* "contact.recorded", "contact" */
    size_t name_len;
    const char *help;         /* one sentence */
    enum event_about about;
    enum event_writer writer;
    enum event_audience audience;
    const struct field_def *fields;
    size_t field_count;
    const struct effect_def *effects;
    size_t effect_count;
};

size_t catalogue_count(void);
const struct type_def *catalogue_at(size_t index);
/* NULL for a type that this version does not know. */
const struct type_def *catalogue_find(struct bytes name);
const struct field_def *catalogue_field(const struct type_def *type, struct bytes name);

/* NULL for REG_NONE, and for names that are no register's. */
const struct register_def *register_def_of(enum register_id id);
const struct register_def *register_def_find(struct bytes name);

extern const struct code_list codes_type; /* every type's name, with its label */
extern const struct code_list codes_what; /* the registers that can be settled by name */

/* Is it, in the way it is written, an entry about a person (or about the site)? */
static inline bool type_fits_about(const struct type_def *type, bool about_person)
{
    return type->about == ABOUT_EITHER || about_person == (type->about == ABOUT_PERSON);
}

/* Changes whenever a row changes what the fold makes of an event: what was folded under another is folded again. */
uint64_t catalogue_fingerprint(void);

/* Does a value of this msgpack type fit the field's kind? (For a list: the array's items.) */
bool field_kind_fits(enum field_kind kind, enum mp_type type);

/* Turns what people type for an event or a person into the real thing; given by whoever validates. An id written out
 * in full is taken as it stands, whether or not the event is known: it may arrive later. */
struct resolver {
    void *context;
    enum felloe_code (*event)(void *context, struct bytes text, struct event_id *out, struct felloe_error *error);
    enum felloe_code (*person)(void *context, struct bytes text, struct person_id *out, struct felloe_error *error);
};

/* Reads a map of fields as people and imports give them (strings for everything, or the right kind already; for a
 * list an array or one string, or the name several times), checks it against the type, and appends the normal form (a
 * map, fields in the catalogue's order, unknown fields refused) to `out`. The map is the reader's next value.
 * Errors in words: "urgency must be one of: 1 emergency, …". An empty text stands for "not given", except in a field
 * that overwrites: there it says that there is none any more. `resolver` may be NULL: full ids only. When memory ran
 * out (FELLOE_FAILED) out has failed. */
enum felloe_code catalogue_check(const struct type_def *type, struct mp_reader *fields, const struct resolver *resolver,
                                 struct buffer *out, struct felloe_error *error);

#endif
