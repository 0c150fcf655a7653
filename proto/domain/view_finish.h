/* SPDX-License-Identifier: Apache-2.0 */
/* The last step of a view: what depends on the moment of asking, on rows that were stored without one.
 *
 *   caseload, my-day   CELL_NEXT: the first appointment that is not past
 *   resources, places  CELL_OPEN: open now by its hours, and until when
 *   huddle             a row whose only reason would be quiet for 28 days is dropped unless it is so; else "quiet for
 *                      N days" is added to its reasons
 *   my-day             what is neither of today, nor overdue, nor due within the days asked for is dropped
 *   places             outings that are over, sessions of other days are dropped
 *
 * Pure: same row, same moment, same answer. */
#ifndef FELLOE_PROTO_VIEW_FINISH_H
#define FELLOE_PROTO_VIEW_FINISH_H

#include "proto/domain/view.h"

struct view_moment {
    int64_t now;    /* ms since 1970 */
    int32_t days;   /* my-day, places: how many days from today on; 0: today alone */
};

enum finish_verdict { FINISH_KEEP, FINISH_DROP, FINISH_FAILED /* memory ran out, or the cells are malformed */ };

/* Appends the row's cells as they are told to `out` (which holds what it held before when the row is dropped). */
enum finish_verdict view_finish(const struct view_def *view, struct bytes cells, const struct view_moment *moment,
                                struct buffer *out);

#endif
