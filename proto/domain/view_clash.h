/* SPDX-License-Identifier: Apache-2.0 */
/* my-day: a worker who promised to be in two places at one time. Rows of several people have to be seen together for
 * it, so it is asked once all are finished. Pure. */
#ifndef FELLOE_PROTO_VIEW_CLASH_H
#define FELLOE_PROTO_VIEW_CLASH_H

#include "proto/domain/view.h"
#include "proto/mp.h"

/* One finished row, as far as it matters here; points into its cells. */
struct promise {
    struct bytes cells;
    bool timed;                      /* an appointment or a session with a time */
    int64_t from, until;             /* ms */
    struct bytes person, name, what; /* the person: id and name; empty of a session */
};
/* False: these are no such cells. `r` is room to read in. */
bool promise_read(struct bytes cells, struct mp_reader *r, struct promise *out);

/* Appends the cells of the row `which`; in the column "at the same time", behind what the person's own record knows,
 * what else one of its workers promised to others. False: memory ran out, or the cells are malformed. */
bool view_clash(const struct promise *promises, size_t count, size_t which, struct mp_reader *r, struct buffer *out);

#endif
