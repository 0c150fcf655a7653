/* SPDX-License-Identifier: Apache-2.0 */
/* What a document holds, and what it means: for the views (view*.c) and the fold itself. */
#ifndef FELLOE_PROTO_RECORD_H
#define FELLOE_PROTO_RECORD_H

#include "proto/domain/document.h"
#include "proto/domain/register.h"

/* One event of the set. */
struct item {
    struct stamp stamp;          /* first: a write's stamp leads to its item */
    struct event_id name;        /* under which others speak of it: its id, or that of the event that it was before its
                                    writer had to write it again */
    const struct type_def *type; /* NULL: not known to this version */
    bool unrecognised;           /* the type, or one of its fields */
    bool has_occurred;
    int64_t occurred;
    struct bytes worker;
    struct bytes values[];       /* raw msgpack, one per field of the type; empty when absent or not kept */
};

size_t record_count(const struct document *document);
const struct item *record_at(const struct document *document, size_t index); /* ascending by (time, id) */

/* The item of this event; NULL when the document does not keep it. */
const struct item *record_find(const struct document *document, uint64_t time, const struct event_id *id);

/* The raw value of a field; empty when absent, not kept, or no field of the item's type. */
struct bytes item_value(const struct item *item, const char *field);
struct bytes item_text(const struct item *item, const char *field);
/* The number of a raw msgpack integer. False for anything else. */
bool value_number(struct bytes raw, int64_t *out);
/* "2026-11-21", then at that minute of the day, "2026-11-21 14:30" (local time), or ms since 1970. */
bool text_moment(struct bytes text, int64_t minute, int64_t *ms);
/* When it happened, else when it was recorded; ms since 1970. */
int64_t item_ms(const struct item *item);
/* In ms, for sorting: what lies before 1970 counts as 1970. */
uint64_t item_sort_ms(const struct item *item);

/* ---- what it means ---- */

/* The entry that strikes the one of this name, NULL when it is not struck. The earliest of several. */
const struct item *record_struck_by(const struct document *document, const struct event_id *name);
/* Why it was struck, by the strike, in words also when none was given. Empty for NULL. */
struct bytes record_struck_why(const struct item *strike);
/* Recognised and not struck: it counts. */
bool item_counts(const struct document *document, const struct item *item);

/* Those of one type that count, ascending by (time, id). Lives until the document changes; none when memory ran out. */
struct items {
    const struct item *const *at;
    size_t count;
};
struct items record_of(const struct document *document, enum type_id type);

/* What counts of a contact: as it was corrected, else as it was written; as text (codes), empty when it is absent.
 * Lives until the document changes. */
struct bytes item_corrected(const struct document *document, const struct item *item, const char *field);
/* When it happened, as corrected (see text_moment). */
int64_t item_corrected_ms(const struct document *document, const struct item *item);

/* All registers that were ever written, by the order of the catalogue, then by `each`. Lives until the document
 * changes. *ok is false when memory ran out (then there are none). */
const struct reading *record_readings(const struct document *document, size_t *count, bool *ok);
/* One register without `each`; NULL when nothing stands in it (or memory ran out). */
const struct reading *record_reading(const struct document *document, enum register_id id);
const struct reading *record_reading_of(const struct document *document, enum register_id id, struct bytes each);
/* How the support episode that this write opened is called: its field, else the event's id (hex). */
struct bytes record_episode(const struct document *document, const struct stamp *opened);

#endif
