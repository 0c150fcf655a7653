/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the views: rows of one or all sites in the view's order, a person's story, freshness, and digests. For
 * threads of the pool. */
#ifndef FELLOE_DAEMON_VIEW_QUERY_H
#define FELLOE_DAEMON_VIEW_QUERY_H

#include "daemon/views/view_find.h"

struct query_row {
    uint64_t sort;
    struct person_id subject;
    struct event_id event;   /* of a story; zeros otherwise */
    uint32_t sub, site;
    size_t begin, len;       /* in cells */
};
/* Starts as {0}. */
struct query_rows {
    struct query_row *rows;
    size_t count, cap;
    struct buffer cells;     /* each row's msgpack array */
    bool failed;             /* memory ran out */
};
void query_rows_release(struct query_rows *rows);
/* A row without cells; NULL when memory ran out (rows->failed). */
struct query_row *query_add(struct query_rows *rows);
void query_sort(struct query_rows *rows);

/* The stored rows of a view, as they are stored. A person who is with several teams of the scope comes once, with the
 * rows of the first of them. */
void query_view(struct views_txn *txn, const struct scope *scope, enum view view, struct query_rows *out);
/* The same of a view that view_keeps_all, where only these of its rows are to be shown: the others come without cells.
 * False: rows of several sites have to be put together, and nothing was read. */
bool query_page(struct views_txn *txn, const struct scope *scope, enum view view, size_t from, size_t count,
                struct query_rows *out);
/* learning: sums in the place of everybody's rows. */
void query_learn(struct query_rows *rows);
/* A person's entries in all sites of the scope, in the order of time; entries that cannot be read are left out. */
void query_story(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader, const struct scope *scope,
                 const struct person_id *person, struct query_rows *out);
/* The same, where only these of them are to be shown: the others, and what cannot be read, come without cells. False:
 * their places depend on what they say (restricted entries, copies in several sites), and nothing was read. */
bool query_story_page(struct daemon *daemon, struct views_txn *txn, struct log_reader *reader,
                      const struct scope *scope, const struct person_id *person, size_t from, size_t count,
                      struct query_rows *out);
/* When each device was last heard: its last event as the views know it. */
struct heard_device {
    struct device_id device;
    uint64_t time;           /* HLC of its last event */
    char worker[SLUG_MAX + 1]; /* who has it; "" when the views do not say */
};
size_t query_devices(struct views_txn *txn, const struct scope *scope, struct heard_device *out, size_t max);

/* A map of worker id -> name, appended to `out`; what the hub writes is by its own worker id, and under its name. */
void query_put_worker_names(struct views_txn *txn, const struct scope *scope, const struct identity *identity,
                            struct buffer *out);

/* A digest of what one site's view says: the same on every node that has folded the same events. */
struct view_digest {
    const char *view;        /* "documents", "timeline", "devices", or a view's name */
    uint64_t rows;
    uint8_t hash[32];
};
#define VIEW_DIGESTS_MAX 24
/* Returns how many. */
size_t query_digests(struct views_txn *txn, struct bytes site, struct view_digest out[VIEW_DIGESTS_MAX]);

#endif
