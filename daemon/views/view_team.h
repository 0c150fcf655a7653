/* SPDX-License-Identifier: Apache-2.0 */
/* Who is meant by a team: the workers of an agency or a role, or one worker. */
#ifndef FELLOE_DAEMON_VIEW_TEAM_H
#define FELLOE_DAEMON_VIEW_TEAM_H

#include "daemon/views/view_find.h"

/* Starts as {0}. */
struct team {
    struct buffer text;
    struct bytes *workers; /* ids */
    size_t count, cap;
    bool failed;
};
void team_release(struct team *team);
/* All workers of these sites whose agency, role, name or id this is, whatever its case and accents; or one of these,
 * with commas between them. FELLOE_NOT_FOUND: nobody. */
enum felloe_code team_find(struct views_txn *txn, const struct scope *scope, struct bytes text, struct team *out,
                           struct felloe_error *error);
/* One worker, by id or by name. FELLOE_AMBIGUOUS: several have that name; an id that nobody here has is taken as it
 * stands. `out` keeps it. */
enum felloe_code team_find_worker(struct views_txn *txn, const struct scope *scope, struct bytes text, struct team *out,
                                  struct felloe_error *error);

/* Somebody has this very id in one of these sites. */
bool team_has_worker(struct views_txn *txn, const struct scope *scope, struct bytes id);

#endif
