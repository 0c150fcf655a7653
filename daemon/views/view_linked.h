/* SPDX-License-Identifier: Apache-2.0 */
/* Records that are of one person: those that the team linked, and those that look as if they should be. Worked out at
 * each asking from what the table `names` keeps of everybody (proto/domain/identity.h). */
#ifndef FELLOE_DAEMON_VIEW_LINKED_H
#define FELLOE_DAEMON_VIEW_LINKED_H

#include "daemon/views/view_query.h"

#define LINKED_MAX 8u

/* The person and the records linked with them, directly or by way of others: the person first, the others by id. At
 * least 1; more than LINKED_MAX are left out. */
size_t query_linked(struct views_txn *txn, const struct scope *scope, const struct person_id *person,
                    struct person_id out[LINKED_MAX]);

/* Appends a row of to-settle for each pair that is likely to be one person and of which nobody has said yet. */
void query_duplicates(struct views_txn *txn, const struct scope *scope, struct query_rows *out);
/* How many there are, by the site of the first record; counts has a number for each site of the scope, and is added
 * to. */
void query_count_duplicates(struct views_txn *txn, const struct scope *scope, uint64_t *counts);

#endif
