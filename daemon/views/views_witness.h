/* SPDX-License-Identifier: Apache-2.0 */
/* The views' table of what other devices hold of a site's log, as their events tell it, against what is here: one row a
 * site and device. Found while folding, in the transaction of the fold; made anew with the views. */
#ifndef FELLOE_DAEMON_VIEWS_WITNESS_H
#define FELLOE_DAEMON_VIEWS_WITNESS_H

#include "daemon/log/witness.h"
#include "daemon/views/views.h"

#define WITNESS_WAITING_MAX 8u
#define WITNESS_TEXT_MAX 480

struct views_witness {
    struct device_id device;
    struct position same;   /* up to here it holds what is here; epoch 0: not known of any */
    struct told other;      /* the lowest head that contradicts; its outcome HEAD_SAME: none does */
    bool verified;          /* … and `felloe verify` has named it to people */
    uint8_t waiting_count;  /* heads that this log does not reach yet; the lowest, and the highest */
    struct told waiting[WITNESS_WAITING_MAX];
};
bool views_get_witness(struct views_txn *txn, struct bytes site, const struct device_id *device,
                       struct views_witness *out);
typedef bool (*views_witness_visit)(void *context, const struct views_witness *witness);
void views_witnesses(struct views_txn *txn, struct bytes site, views_witness_visit visit, void *context);

/* What is told is compared, and kept; what waited is compared again. Each device that is found to contradict, and was
 * not known to, goes to the journal. False: memory ran out. */
bool views_hear_witnesses(struct views_txn *txn, struct log_reader *reader, struct bytes site,
                          const struct identity *identity, struct told_list *told);
/* Contradictions that there are now were named to people by a verification. */
void views_witnesses_verified(struct views_txn *txn, struct bytes site);

/* "… holds another record of salford than this laptop …", in words for people; `who`: a worker, may be empty. */
void witness_text(const struct told *other, struct position same, struct bytes site, const char *who, bool hub,
                  char out[WITNESS_TEXT_MAX]);

#endif
