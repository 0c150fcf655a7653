/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a document: shared by fold (document.c), bytes (document_codec.c) and meaning (record.c). */
#ifndef FELLOE_PROTO_DOCUMENT_DATA_H
#define FELLOE_PROTO_DOCUMENT_DATA_H

#include "proto/arena.h"
#include "proto/domain/record.h"

/* Raise it when the document's bytes, the meaning of a record or the rows change for a reason that is not a row of the
 * catalogue. */
#define DOCUMENT_VERSION 8
#define MARKS_MAX 255u

/* The constant values that effects write, as raw msgpack. */
#define CONSTANT_MAX 24
#define EFFECTS_MAX 4
struct constant {
    uint8_t data[CONSTANT_MAX];
    uint8_t len;
};

struct strike {
    const uint8_t *target;     /* event id */
    const struct item *by;
    uint32_t strikers;         /* strikes of this one that may still hold */
    enum { STRIKE_OPEN, STRIKE_HOLDS, STRIKE_VOID } state;
};

/* What the set means; made when it is asked for, and again after the set has changed. */
struct meaning {
    bool valid;
    struct strike *strikes;    /* those that hold, by target, then by stamp */
    size_t strike_count, strike_room;
    struct strike **by_id;     /* scratch: strikes by their own ids; then those that are decided, in that order */
    size_t by_id_room;
    struct write_at *pending;  /* scratch */
    size_t pending_room;
    struct write *writes;
    size_t write_room;
    struct reading *readings;
    size_t reading_count, reading_room;
    const struct item **of_type; /* those that count, by type, then by (time, id) */
    size_t of_type_room;
    size_t type_from[TYPE_COUNT + 1]; /* where each type's begin */
    struct constant constants[TYPE_COUNT][EFFECTS_MAX];
    struct arena keys;         /* keys of registers of which there are several, and names as values */
    char episode[2 * sizeof(struct event_id) + 1]; /* what record_episode gave last */
};

struct document {
    struct arena arena;
    struct item **items;       /* ascending by (time, id), none twice */
    size_t count, room;
    uint64_t version;
    struct meaning *meaning;   /* behind a pointer: a const document may work out what it means */
    struct buffer scratch;
    struct mp_reader reader;
};

/* A new item with room for its type's values, all absent; NULL when memory ran out. */
struct item *document_item(struct document *document, const struct type_def *type);
/* Puts it where it belongs; *found is the one that is there already, if so. False: memory ran out. */
bool document_insert(struct document *document, struct item *item, struct item **found);
/* Makes room in an array that only grows. */
bool grow(void **array, size_t *room, size_t needed, size_t size);

bool meaning_init(struct meaning *meaning);
void meaning_release(struct meaning *meaning);

#endif
