/* SPDX-License-Identifier: Apache-2.0 */
/* Searching all that this device can open, event by event, without any index: nothing of what was said lies on the disk
 * once more. For threads of the pool. */
#ifndef FELLOE_DAEMON_SEARCH_SCAN_H
#define FELLOE_DAEMON_SEARCH_SCAN_H

#include "daemon/views/view_find.h"
#include "proto/domain/search.h"

#define SEARCH_LIMIT_MAX 1000u

struct search_filter {
    struct search_query query;
    size_t limit;              /* the best so many, 1 to SEARCH_LIMIT_MAX */
    bool has_person, has_since, struck; /* struck: what is struck is found too, and marked */
    struct person_id person;
    struct bytes worker;       /* empty: anyone's */
    int64_t since_ms, now_ms;
};

struct search_hit {
    uint32_t score;
    uint64_t sort;
    struct event_id id;
    struct buffer cells;       /* one row, in the order of enum search_column */
};
/* Starts as {0}. */
struct search_found {
    struct search_hit *hits;   /* best first */
    size_t count;
    uint64_t total, looked_at; /* how many match; of how many entries */
    bool failed;               /* memory ran out */
};
void search_found_release(struct search_found *found);

/* Called every few hundred entries; false ends the search. */
typedef bool (*search_progress)(void *context, uint64_t done, uint64_t total);
void search_scan(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader, const struct scope *scope,
                 const struct search_filter *filter, search_progress progress, void *context,
                 struct search_found *out);

#endif
