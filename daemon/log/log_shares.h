/* SPDX-License-Identifier: Apache-2.0 */
/* At a hub: which people are with a site whose record was begun in another, and which have left it. Worked out from the
 * views (sync/driver_hub_copy.c); it decides whose devices are handed a person's key. Safe to use from any thread. */
#ifndef FELLOE_DAEMON_LOG_SHARES_H
#define FELLOE_DAEMON_LOG_SHARES_H

#include <pthread.h>

#include "proto/id.h"

enum log_share {
    LOG_SHARE_NONE, /* nothing is said: the site has the keys that were made in it */
    LOG_SHARE_WITH, /* the person is with this site, too: it has their keys wherever they were made */
    LOG_SHARE_LEFT  /* the person has moved away: its devices are handed their keys no more */
};

struct log_share_row {
    struct person_id person;
    uint32_t site;      /* site_tag */
    enum log_share share;
};

struct log_shares {
    pthread_mutex_t mutex;
    struct log_share_row *rows; /* by person, then site */
    size_t count, cap;
    bool unknown;               /* not all has been read yet: see log_shares_set_known */
};

void log_shares_init(struct log_shares *shares);
void log_shares_release(struct log_shares *shares);
/* A hub that was put back, or makes its views again, does not know at first who has left which team: until it does, it
 * hands out no person's key. (Without a word of this it knows.) */
void log_shares_set_known(struct log_shares *shares, bool known);
bool log_shares_known(struct log_shares *shares);
/* False: memory ran out. */
bool log_shares_put(struct log_shares *shares, struct bytes site, const struct person_id *person,
                    enum log_share share);
enum log_share log_shares_get(struct log_shares *shares, struct bytes site, const struct person_id *person);

#endif
