/* SPDX-License-Identifier: Apache-2.0 */
/* What the views' own files share: keys of tables, and sealing. */
#ifndef FELLOE_DAEMON_VIEWS_INSIDE_H
#define FELLOE_DAEMON_VIEWS_INSIDE_H

#include "daemon/views/views.h"

/* Begins a key: the site's slug and a NUL. */
static inline void views_key_site(struct store_key *key, struct bytes site)
{
    key_start(key);
    key_put(key, site.data, site.len <= SLUG_MAX ? site.len : SLUG_MAX);
    key_put_u8(key, 0);
}
static inline void views_key_subject(struct store_key *key, struct bytes site, const struct person_id *subject)
{
    views_key_site(key, site);
    key_put(key, subject->b, sizeof subject->b);
}

/* One row's place, as rowkeys keeps it: view, sort, sub. */
#define VIEWS_PLACE_SIZE (1 + 8 + 4)
void views_place(uint8_t out[VIEWS_PLACE_SIZE], const struct view_row *row);
void views_key_row(struct store_key *key, struct bytes site, const struct person_id *subject, const uint8_t *place);
/* Where the places of a subject's rows are kept; of what is restricted, apart. */
void views_key_places(struct store_key *key, struct bytes site, const struct person_id *subject, bool restricted);
/* Puts a row of the table `rows`, or keeps it for later (views_rows_begin). */
void views_put_row(struct views_txn *txn, struct bytes key, struct bytes value);

/* Writes `plain` sealed under the subject's key. False: its key is not here, or the transaction has failed. */
bool views_seal(struct views_txn *txn, struct bytes site, const struct person_id *subject, enum views_table table,
                struct bytes key, struct bytes plain);
/* Opens a sealed value into `plain` (cleared first). */
enum views_found views_unseal(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                              enum views_table table, struct bytes key, struct bytes sealed, struct buffer *plain);

/* Deletes a subject's timelines, and what is known of each event in them. */
void views_drop_events(struct views_txn *txn, struct bytes site, const struct person_id *subject);

/* A keyed hash for what may be guessed and is to be looked up. */
void views_blind(struct views *views, const void *data, size_t len, uint8_t out[16]);

#endif
