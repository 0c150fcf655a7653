/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows of a view somebody wants to see, by the kinds and names of its columns: no view has code of its own here.
 *
 *   worker   a worker is named in any column of workers
 *   team     one of these workers is named in the column "team"; in a view without one, in any column of workers
 *   person   the row is about one of these people
 *   since    something in the row is of that time or later
 *   urgency  the column "urgency" has this code
 *
 * Pure. A filter that a view has no column for is refused in words, rather than giving nothing. */
#ifndef FELLOE_PROTO_VIEW_FILTER_H
#define FELLOE_PROTO_VIEW_FILTER_H

#include "proto/domain/view.h"

/* Starts as {0}: every row. What it points to is borrowed. */
struct view_filter {
    struct bytes worker;
    bool by_team;
    const struct bytes *team;          /* workers' ids */
    size_t team_count;
    const struct person_id *people;
    size_t people_count;
    bool has_since;
    int64_t since;
    struct bytes urgency;
};

/* Does every row pass? */
bool view_filter_is_empty(const struct view_filter *filter);
/* Once, before the first row: an urgency given by its label is its code afterwards. FELLOE_USAGE: the view has no
 * column for one of the filters; FELLOE_INVALID: there is no such urgency. */
enum felloe_code view_filter_check(const struct view_def *view, struct view_filter *filter, struct felloe_error *error);
/* `r` is room to read in: readers are large. Cells that cannot be read do not pass. */
bool view_filter_passes(const struct view_def *view, const struct view_filter *filter, struct bytes cells,
                        struct mp_reader *r);

#endif
