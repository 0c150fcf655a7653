/* SPDX-License-Identifier: Apache-2.0 */
/* What the views of people have in common: where a person stands with the team, and cells of registers. */
#ifndef FELLOE_PROTO_VIEW_PERSON_H
#define FELLOE_PROTO_VIEW_PERSON_H

#include "proto/domain/record.h"
#include "proto/domain/view.h"

/* Where a person stands, worked out of the document once for all views.
 *
 *   nobody    there is no introduction, and support never began
 *   waiting   introduced, and no support: not yet, or again since the farewell (no standing end has seen the
 *             introduction)
 *   active    support goes on: it started or the person came back, or somebody ended it while others were with them
 *   ended     farewell */
enum standing { STANDING_NOBODY, STANDING_WAITING, STANDING_ACTIVE, STANDING_ENDED };
struct person_state {
    enum standing standing;
    const struct item *introduced;   /* the earliest introduction that waits (or, not waiting, that counts) */
    struct bytes source, own_words;  /* of the introductions that wait: the earliest that says */
    struct bytes urgency;            /* the most urgent of them */
    const struct item *acknowledged; /* the first acknowledgement since */
    bool met;
    int64_t last_contact;            /* ms */
    uint64_t unseen_since;           /* ms: the last contact, else the introduction or the start of support */
    uint32_t to_settle;
};
/* False: memory ran out. */
bool person_state_of(const struct document *document, struct person_state *out);

/* A contact at which worker and person met. */
bool item_is_meeting(const struct item *item);

/* Cells: what a register shows, as an array of its values; an empty array when there is none. */
void put_register(struct buffer *out, const struct reading *reading);
/* The elements that are in a set (U). */
void put_members(struct buffer *out, const struct document *document, enum register_id id);

/* One view's rows of one document; a view is one of these functions and a line in view_rows. */
struct row_maker {
    const struct document *document;
    const struct person_id *subject;
    const struct person_state *state; /* NULL for the site's document */
    struct buffer cells;
    view_emit emit;
    void *context;
};
typedef bool (*make_rows)(struct row_maker *maker);
bool rows_caseload(struct row_maker *maker);
bool rows_front_door(struct row_maker *maker);
bool rows_to_settle(struct row_maker *maker);
bool rows_workers(struct row_maker *maker);

/* Starts a row: an empty array of the view's columns. */
void row_begin(struct row_maker *maker, enum view view);
bool row_emit(struct row_maker *maker, enum view view, uint64_t sort, uint32_t sub);

#endif
