/* SPDX-License-Identifier: Apache-2.0 */
/* What the views keep of a subject's document, ready to be put: the document, the rows that are made of it, and the
 * names, each sealed at its place. Making it needs nothing of the views, and goes on any thread; putting it is a
 * matter of the tables alone. */
#ifndef FELLOE_DAEMON_VIEWS_MADE_H
#define FELLOE_DAEMON_VIEWS_MADE_H

#include "daemon/views/views.h"

/* Starts as {0}; release it. */
struct views_made {
    char site[SLUG_MAX + 1];
    struct person_id subject;
    struct made_row {
        size_t at;          /* in `bytes`: the key, then the value */
        uint32_t key_len, value_len;
    } document, names, places, *rows; /* of names and places key_len 0: there are none */
    size_t row_count, row_room;
    bool has_links;         /* the names have something of whom the subject is, or is not, one with */
    struct buffer bytes, plain, room; /* memory; the last two are used while it is made */
};
void views_made_release(struct views_made *made);
/* `key`: the subject's (views_key). False: memory ran out, or the document is not understood. */
bool views_make(struct views_made *made, struct bytes site, const struct person_id *subject,
                const struct data_key *key, const struct document *document);
/* Takes the rows out of it: nobody waits for the subject here. */
void views_made_hide(struct views_made *made);

/* Puts it in the place of what was kept of its subject. */
void views_put_made(struct views_txn *txn, const struct views_made *made);
/* The same of several subjects, in their order, of whom nothing is kept yet. */
void views_put_first(struct views_txn *txn, const struct views_made *const *made, size_t count);

#endif
