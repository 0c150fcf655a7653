/* SPDX-License-Identifier: Apache-2.0 */
/* LOG_NEXT_EPOCH: a hub that was put back to an older state never gives a position twice. It goes on in an epoch that
 * nobody has seen, and its own stream in an incarnation of that number. It may not know which tickets were used. */
#include "daemon/daemon.h"
#include "daemon/log/log_internal.h"

/* Two hubs put back from the same backup do not meet. */
#define EPOCH_STEP 4096

uint32_t log_epoch_above(uint32_t above)
{
    uint32_t random;
    random_bytes(&random, sizeof random);
    uint64_t next = (uint64_t)above + 1 + random % EPOCH_STEP;
    return next < UINT32_MAX ? (uint32_t)next : UINT32_MAX;
}

/* How many epochs the logs of all sites have, with the present one; and the highest of them. */
static unsigned count_epochs(struct event_log *log, uint32_t *highest)
{
    const struct log_write *w = &log->write;
    uint32_t epochs[SEEN_MAX + 1] = {w->epoch};
    unsigned count = 1;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(w->txn, T_HEADS);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    for (; more && count <= SEEN_MAX; more = store_next(cursor, &item)) {
        if (item.key.len != 6)
            continue;
        uint32_t epoch = be_u32(item.key.data + 2);
        unsigned i = 0;
        while (i < count && epochs[i] != epoch)
            i++;
        if (i == count)
            epochs[count++] = epoch;
        if (epoch > *highest)
            *highest = epoch;
    }
    store_cursor_close(cursor);
    return count;
}

/* What the own stream had seen, its next incarnation has seen too. */
static void carry_seen(struct event_log *log, uint32_t epoch)
{
    struct seen seen[SITES_MAX];
    for (uint32_t site = 0; site < log->write.site_count; site++)
        seen[site] = log_write_own(log, site)->seen;
    log_write_become(log, epoch);
    for (uint32_t site = 0; site < log->write.site_count; site++)
        log_write_own_change(log, site)->seen = seen[site];
}

enum felloe_code log_run_next_epoch(struct event_log *log, struct log_job *job)
{
    struct log_write *w = &log->write;
    if (log->identity->role != ROLE_HUB)
        return felloe_fail(&job->error, FELLOE_INVALID, "only a hub begins an epoch");
    log_write_flush(log);
    uint32_t highest = job->above > w->epoch ? job->above : w->epoch;
    if (count_epochs(log, &highest) + 1 >= SEEN_MAX)
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "this hub was put back to an older state %u times already, which is as often as its log can "
                           "be. Set up a new hub, and bring its record over with `felloe export` and `felloe import`",
                           SEEN_MAX - 2);
    uint32_t epoch = log_epoch_above(highest);
    if (epoch == UINT32_MAX)
        return felloe_fail(&job->error, FELLOE_INVALID, "there is no epoch above %u", highest);
    enum felloe_code code = log_void_tickets(log, job);
    if (code != FELLOE_OK)
        return code;
    carry_seen(log, epoch);
    w->epoch = epoch;
    log_put_meta_u32(w->txn, "epoch", epoch);
    job->epoch = epoch;
    return FELLOE_OK;
}
