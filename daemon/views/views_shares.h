/* SPDX-License-Identifier: Apache-2.0 */
/* The views' table of people who are with several sites: what a site's document of the person says of it, so that it
 * can be had without the document, and the few people whom it concerns without looking at all. */
#ifndef FELLOE_DAEMON_VIEWS_SHARES_H
#define FELLOE_DAEMON_VIEWS_SHARES_H

#include "daemon/views/views.h"
#include "proto/domain/sharing.h"

struct views_share {
    enum sharing_place place;              /* does the person stay with this site? */
    uint32_t count;
    char to[SITES_MAX][SLUG_MAX + 1];      /* with whom they were shared */
    bool elsewhere;                        /* at a hub: another site has events of them, whoever said so */
    /* with SHARING_LEFT */
    char moved_to[SLUG_MAX + 1];
    uint64_t moved_time;                   /* HLC of the entry that says so */
};
/* Keeps what the document says of sharing; nothing when it says nothing. True when there is something. */
bool views_put_share(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                     const struct document *document, bool elsewhere, struct views_share *out);
bool views_get_share(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                     struct views_share *out);
/* The person has left this site, and nothing of them is to be shown there. */
bool views_has_left(struct views_txn *txn, struct bytes site, const struct person_id *subject);
/* The first person at or after `from` that the table has for this site; false when there is none. */
bool views_next_share(struct views_txn *txn, struct bytes site, const struct person_id *from, struct person_id *out);

#endif
