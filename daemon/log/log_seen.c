/* SPDX-License-Identifier: Apache-2.0 */
/* What the head of an own stream says that its events have seen. The next event says it too, under its author's
 * signature: with more than the site's log ever had, no hub would take it, nor any event after it. */
#include "daemon/log/log_internal.h"

static uint64_t reached(struct store_txn *txn, uint32_t site, uint32_t epoch)
{
    struct store_key key;
    struct head_row head;
    struct bytes row;
    key_site_epoch(&key, site, epoch);
    return store_get(txn, T_HEADS, key_bytes(&key), &row) && head_row_read(row, epoch, &head) ? head.head.at.n : 0;
}

bool log_seen_fits(struct store_txn *txn, uint32_t site, const struct seen *kept, const struct seen *last)
{
    bool fits = seen_includes(kept, last);
    for (unsigned i = 0; i < kept->count && fits; i++) {
        const struct position at = kept->at[i];
        fits = at.n > 0 && at.epoch > (i > 0 ? kept->at[i - 1].epoch : 0) &&
               (at.n <= seen_in(last, at.epoch) || at.n <= reached(txn, site, at.epoch));
    }
    return fits;
}

bool log_own_seen_fits(struct store_txn *txn, uint32_t site, uint32_t incarnation, const struct stream_head *head)
{
    struct bytes raw;
    struct event event = {0};
    if (head->seen.count == 0 && head->seq == 0)
        return true;
    if (head->seq > 0 && (!log_own_event(txn, site, incarnation, head->seq, &raw) || !event_decode(raw, &event)))
        return true; /* that is another damage */
    return log_seen_fits(txn, site, &head->seen, &event.clear.seen);
}

void log_seen_here(struct store_txn *txn, uint32_t site, struct seen *seen)
{
    struct seen here = {0};
    for (unsigned i = 0; i < seen->count; i++) {
        struct position at = seen->at[i];
        const uint64_t n = reached(txn, site, at.epoch);
        at.n = at.n < n ? at.n : n;
        seen_advance(&here, at); /* those of one that held so many */
    }
    *seen = here;
}
