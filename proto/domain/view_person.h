/* SPDX-License-Identifier: Apache-2.0 */
/* What the views have in common: where a person stands with the team, looking things up in a document, and cells. */
#ifndef FELLOE_PROTO_VIEW_PERSON_H
#define FELLOE_PROTO_VIEW_PERSON_H

#include "proto/domain/record.h"
#include "proto/domain/view.h"

/* ---- looking things up (view_look.c) ---- */

/* All registers of which there are several of this kind, ascending by `each`; those in which nothing stands too
 * (values 0). */
const struct reading *readings_of(const struct document *document, enum register_id id, size_t *count);
/* What shows in a register: its first value; {0} when there is none. */
struct bytes reading_text(const struct reading *reading);
/* The first code of the list: in, open, paused… */
bool reading_is_first(const struct reading *reading);
/* The entry that wrote. */
const struct item *write_item(const struct write *write);
/* The entry of this name (32 bytes, or 64 characters of hex as in the key of a register); NULL when it is not here,
 * not yet, or not kept. */
const struct item *record_named(const struct document *document, struct bytes name);
/* Of this type, and it counts. */
const struct item *record_named_of(const struct document *document, enum type_id type, struct bytes name);
/* Did the person come back since: has a return that counts seen it? */
bool stamp_is_from_before(const struct document *document, const struct stamp *stamp);
/* Of a register that holds an entry (an appointment as planned last): that entry, if it counts. */
const struct item *reading_entry(const struct document *document, const struct reading *reading);
bool item_yes(const struct item *item, const char *field);
/* The number in a field. False: there is none. */
bool item_number(const struct item *item, const char *field, int64_t *out);
/* The same within bounds: others than our own programs write entries, too. */
bool item_number_in(const struct item *item, const char *field, int64_t min, int64_t max, int64_t *out);

/* Room for a moment in words (moment_words), or a day. */
#define MOMENT_WORDS_MAX 48

/* The farewell that holds, the latest, and until when the record is kept after it (a day): the retention of mental
 * health records. NULL: there was none. */
const struct item *farewell_of(const struct document *document, char until[MOMENT_WORDS_MAX]);

/* Which site's log the document was folded from (site_tag); 0 for an empty one. */
uint32_t document_site(const struct document *document);

/* ---- where a person stands (view_person.c) ---- */

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
    bool moved;                      /* to another team: the person is in no view of this one */
    const struct item *introduced;   /* the earliest introduction that waits (or, not waiting, that counts) */
    struct bytes source, own_words;  /* of the introductions that wait: the earliest that says */
    struct bytes urgency;            /* the most urgent of them */
    int64_t urgent_since;            /* when the first of these was made */
    const struct item *acknowledged; /* the first acknowledgement since */
    bool paused;                     /* support rests; until when, as a date or empty */
    struct bytes paused_until;
    bool answered;                   /* somebody met the person in the time that waits; when first */
    int64_t answered_at;
    bool met;
    int64_t last_contact;            /* ms */
    uint64_t unseen_since;           /* ms: the last contact, else the introduction or the start of support */
    uint32_t to_settle;
};
/* False: memory ran out. */
bool person_state_of(const struct document *document, struct person_state *out);
/* The views of the team show the person: it is with us or waits. */
static inline bool is_ours(const struct person_state *state)
{
    return !state->moved && (state->standing == STANDING_ACTIVE || state->standing == STANDING_WAITING);
}

/* The person went to another team, and is not with this one as well: as this document has it, and as the keys go. */
bool person_has_moved(const struct document *document);

/* A contact at which worker and person met. */
bool item_is_meeting(const struct document *document, const struct item *item);

/* The first moment of a day ("2026-11-21"). */
bool date_ms(struct bytes date, int64_t *ms);
/* The session as it was recorded last; NULL when it is not here. Its status: "on" where nobody says. */
const struct item *session_entry(const struct document *document, const struct reading *session);
struct bytes session_status(const struct document *document, const struct reading *session);

/* How long an answer may take, in ms; false for an urgency that is not known. 1 at once, 4 within 4 hours, 2 within 24
 * hours, 3 within 4 weeks. */
bool urgency_limit(struct bytes urgency, int64_t *limit);

/* ---- cells ---- */

/* What a register shows, as an array of its values; an empty array when there is none. */
void put_register(struct buffer *out, const struct reading *reading);
/* The elements that are in a set (U). */
void put_members(struct buffer *out, const struct document *document, enum register_id id);
void put_time(struct buffer *out, bool there, int64_t ms);
/* CELL_CLOCK. */
void put_clock(struct buffer *out, int64_t since, int64_t limit, bool stopped, int64_t stopped_at);
void put_number(struct buffer *out, const struct item *item, const char *field); /* nil when it is absent */
void put_event(struct buffer *out, const struct item *item); /* by its name; nil for NULL */
void put_event_key(struct buffer *out, struct bytes each);   /* an entry's name as in a key, hex */
/* The workers in a field, one or a list; nobody said: who wrote it. */
void put_workers(struct buffer *out, const struct item *item, const char *field);
/* What the person needs, of one kind ("format") or (NULL) of all. */
void put_access_needs(struct buffer *out, const struct document *document, const char *need);

/* An array of texts whose number is known at the end. */
struct texts {
    uint32_t count;
    struct buffer held;
};
void texts_add(struct texts *texts, struct bytes text); /* as a str; an empty one is left out */
void texts_end(struct texts *texts, struct buffer *out); /* the array; takes the memory back */

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
bool rows_safety(struct row_maker *maker);
bool rows_huddle(struct row_maker *maker);
bool rows_day(struct row_maker *maker);
bool rows_call(struct row_maker *maker);
bool rows_goals(struct row_maker *maker);
bool rows_connections(struct row_maker *maker);
bool rows_learning(struct row_maker *maker);
bool rows_farewells(struct row_maker *maker);
bool rows_to_settle(struct row_maker *maker);
bool rows_workers(struct row_maker *maker); /* the site's, from here on */
bool rows_sessions_of_day(struct row_maker *maker);
bool rows_resources(struct row_maker *maker);
bool rows_places(struct row_maker *maker);
bool rows_worries(struct row_maker *maker);

/* Starts a row: an empty array of the view's columns. */
void row_begin(struct row_maker *maker, enum view view);
void put_who(struct row_maker *maker); /* the columns person and id */
bool row_emit(struct row_maker *maker, enum view view, uint64_t sort, uint32_t sub);

#endif
