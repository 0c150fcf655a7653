/* SPDX-License-Identifier: Apache-2.0 */
/* Finding what people name: a site, a person by id, prefix or name, an event by id or prefix. */
#ifndef FELLOE_DAEMON_VIEW_FIND_H
#define FELLOE_DAEMON_VIEW_FIND_H

#include "daemon/daemon.h"
#include "daemon/views/views.h"

/* Fewer characters of an id than this are taken for a name only. */
#define ID_PREFIX_MIN 4
/* Where several people fit, at most so many but one are named. */
#define CANDIDATES_MAX 6u

/* The sites that a request is about. */
struct scope {
    char sites[SITES_MAX][SLUG_MAX + 1];
    size_t count;
};
/* All of the daemon's sites, or the one named. Says in words when it is not one of them (FELLOE_NOT_FOUND; to write
 * there from a laptop: FELLOE_DENIED). */
enum felloe_code scope_of(struct daemon *daemon, struct log_reader *reader, struct bytes site, bool for_writing,
                          struct scope *out, struct felloe_error *error);

/* Looks people and events up within one reading of the views. Starts with finder_init; the names are read once, when
 * they are first asked for. */
struct finder_name {
    struct person_id person;
    uint32_t site; /* index in the scope */
    struct buffer cased, plain; /* text_fold_case, text_fold */
    char *name;
};
struct finder {
    struct daemon *daemon;
    struct views_txn *txn;
    struct log_reader *reader;
    const struct scope *scope;
    struct finder_name *names;
    size_t name_count, name_cap;
    bool has_names, failed;
    bool without_names; /* set after finder_init: for who may not read; people are found by their ids alone */
    struct person_id held;      /* whom it looked for last, by their whole id, and … */
    uint64_t held_in;           /* … which sites of the scope have them, a bit each; 0: nobody was, or none has */
    struct person_id told[CANDIDATES_MAX]; /* whom the latest FELLOE_AMBIGUOUS named */
    size_t told_count;
};
void finder_init(struct finder *finder, struct daemon *daemon, struct views_txn *txn, struct log_reader *reader,
                 const struct scope *scope);
void finder_release(struct finder *finder);

/* A person whom this daemon's views know: by id, by a prefix of it that fits one, or by a name (whatever its case) that
 * only one person goes by; where nobody has just that name, one without its accents does. FELLOE_NOT_FOUND;
 * FELLOE_AMBIGUOUS, which lists who it could be. `site`, an index of the scope, is the first one that has them. */
enum felloe_code finder_person(struct finder *finder, struct bytes text, struct person_id *out, size_t *site,
                               struct felloe_error *error);
/* Which site of the scope has this person first; false: none. */
bool finder_site_of(struct finder *finder, const struct person_id *person, size_t *site);
/* What the person is called: their first name in use; "" when there is none. */
void finder_name_of(struct finder *finder, const struct person_id *person, char *out, size_t size);
/* `out`: its name, by which others speak of it (of an event that was written again: what it was before). */
enum felloe_code finder_event(struct finder *finder, struct bytes text, struct event_id *out,
                              struct felloe_error *error);

#endif
