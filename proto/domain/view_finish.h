/* SPDX-License-Identifier: Apache-2.0 */
/* The last step of a view: what depends on the moment of asking, on rows that were stored without one.
 *
 *   caseload           CELL_NEXT: the first appointment that is not past
 *   resources, places  CELL_OPEN: open now by its hours, and until when
 *   huddle             who has not been met for 28 days: "quiet for N days" is added to the reasons; without any reason
 *                      the row is dropped
 *   my-day             appointments and sessions of other days than those asked for are dropped, and tasks due later;
 *                      those overdue stay. A session of each week gets the time at which it is
 *   places             sessions of other days are dropped; one of each week gets the time at which it is
 *   worries            one that somebody holds is told for 28 days; one that nobody holds until somebody does
 *
 * Pure: same row, same moment, same answer. */
#ifndef FELLOE_PROTO_VIEW_FINISH_H
#define FELLOE_PROTO_VIEW_FINISH_H

#include "proto/domain/view.h"

struct view_moment {
    int64_t now;    /* ms since 1970 */
    int32_t days;   /* my-day, places: how many days from today on; 0: today alone */
};

/* In the order of places, sessions come after who is out: this bit of their sort. */
#define PLACES_SESSIONS ((uint64_t)1 << 56)

enum finish_verdict { FINISH_KEEP, FINISH_DROP, FINISH_FAILED /* memory ran out, or the cells are malformed */ };

/* Appends the row's cells as they are told to `out` (which holds what it held before when the row is dropped). */
enum finish_verdict view_finish(const struct view_def *view, struct bytes cells, const struct view_moment *moment,
                                struct buffer *out);

/* Where the row sorts once it is finished: as it was stored, but for what got its time only then (my-day, places). The
 * rows of these views are put into their order again. */
uint64_t view_finished_sort(const struct view_def *view, struct bytes finished, uint64_t stored);

/* Are the rows of this view told as they are stored, all of them, in their order? Then how many there are, and which of
 * them come at a place, can be said without opening them. */
bool view_keeps_all(enum view view);

#endif
