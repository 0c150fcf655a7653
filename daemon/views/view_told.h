/* SPDX-License-Identifier: Apache-2.0 */
/* From rows as they are stored to rows as they are told: chosen by filters, numbered (to-settle), finished for the
 * moment of asking, with names in the place of what only has an id. */
#ifndef FELLOE_DAEMON_VIEW_TOLD_H
#define FELLOE_DAEMON_VIEW_TOLD_H

#include "daemon/views/view_query.h"
#include "proto/domain/view_filter.h"
#include "proto/domain/view_finish.h"

struct view_wish {
    const struct view_def *view;
    struct view_filter filter;
    struct view_moment moment;
};

/* Changes the rows, which are in their order. Names are looked up in all sites of the reading that `all` has, whatever
 * sites the rows are of. */
void query_tell(struct daemon *daemon, struct views_txn *txn, const struct scope *scope, const struct scope *all,
                const struct view_wish *wish, struct query_rows *rows);

#endif
