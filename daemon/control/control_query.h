/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs that read share: a reading of log and views together, and how far each site is. */
#ifndef FELLOE_DAEMON_CONTROL_QUERY_H
#define FELLOE_DAEMON_CONTROL_QUERY_H

#include "daemon/control/control.h"
#include "daemon/views/view_query.h"

/* One reading of both; views first, so that whatever the views refer to is in the log. */
struct reading {
    struct log_reader *log;
    struct views_txn views;
    struct scope scope;
    bool locked; /* of the log alone */
};
/* For the request's "site", or all. Ends itself when it fails. While the laptop is locked it does (FELLOE_LOCKED):
 * there are no views then, and reading_begin_log reads what the log says alone. */
enum felloe_code reading_begin(struct reading *reading, struct daemon *daemon, struct bytes site,
                               struct felloe_error *error);
/* The same for all sites, on the loop: fails, in no words, where it would have to wait. */
enum felloe_code reading_try(struct reading *reading, struct daemon *daemon);
enum felloe_code reading_begin_log(struct reading *reading, struct daemon *daemon, struct felloe_error *error);
void reading_end(struct reading *reading);
/* Has anything been read that could not be, of log or views? Then what was found may lack something. */
bool reading_failed(const struct reading *reading);
/* Could the log not be read, or the views, though nothing is known to be damaged in them (there was no memory, say)?
 * Then says why, in the place of whatever came of it. Before the reading's end. */
bool reading_tell_failed(const struct reading *reading, struct felloe_error *error);
/* The views are damaged: says so, and has them made again. */
void reading_tell_damage(struct daemon *daemon, struct felloe_error *error);
/* Ends it, and says either of the two where it is so: what a view was read from. */
void reading_finish(struct reading *reading, struct daemon *daemon, struct felloe_error *error);

/* How far a site is. What the driver knows is taken down on the loop, before the work begins. */
struct site_progress {
    char site[SLUG_MAX + 1];
    struct site_link link;       /* the driver's */
    /* read from log and views */
    struct stream_head own;
    uint64_t shared_seq;
    int64_t oldest_waiting_ms;
    struct position received, head;
    uint64_t received_sum, head_sum, folded_sum; /* over all epochs */
    int64_t shared_through_ms, received_through_ms; /* 0: nothing yet */
    uint64_t to_settle;
};
struct progress_table {
    struct site_progress sites[SITES_MAX];
    size_t count;
    struct link_status link;
    int64_t now_ms;
};
/* On the loop. */
void progress_note_links(struct progress_table *table, struct daemon *daemon);
/* Within a reading, for its scope. */
void progress_read(struct progress_table *table, struct daemon *daemon, struct reading *reading);
/* Adds likely duplicates, of which no row is stored, to what is to settle: all people are compared for it, so what came
 * of it is known until the views have changed. While they are `behind`, what is known is told as it is. */
void progress_add_duplicates(struct progress_table *table, struct reading *reading, bool behind,
                             struct duplicates_known *known);
/* Up to when everything is known here; 0: not at all yet. */
int64_t progress_as_of(const struct progress_table *table);

#endif
