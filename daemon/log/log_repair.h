/* SPDX-License-Identifier: Apache-2.0 */
/* A new log from a damaged one. What can still be read and proves to be true is taken over; the rest is lost here and
 * comes back by sync: to a laptop from its hub, to a hub from its laptops.
 *
 *   a site's log      from its first position on, up to the last one at which its running hash is what the hub signed
 *                     (laptop), or what a checkpoint or the head says, or up to which each event opens (hub)
 *   own events        each that opens under its key, or that the next one's `prev`, a head or a receipt names; found
 *                     where pages lead to, or in the file's bare bytes. Where one is missing, or may be, a laptop goes
 *                     on as another incarnation: what the hub has comes back as anybody's events do, what it has not is
 *                     written again (see LOG_GO_ON). A hub writes again at once what is not in the part of its log that
 *                     was taken over; it counts once, should a laptop bring it too
 *   receipts          those that fit
 *   imports           own events say where they came from: they are not taken in a second time
 *   devices           (hub) from the keyring's copy, and those that it lacks from the damaged log; tickets that were
 * not used are gone positions         a hub goes on in the next epoch */
#ifndef FELLOE_DAEMON_LOG_REPAIR_H
#define FELLOE_DAEMON_LOG_REPAIR_H

#include "daemon/log/event_log.h"

struct log_repair_site {
    char site[SLUG_MAX + 1];
    uint64_t entries;         /* of the site's log that were taken over */
    uint64_t entries_before;  /* how many the damaged log said it had; 0 when that cannot be read */
    uint64_t own, own_before; /* a laptop's own events of the present incarnation: likewise */
    uint64_t again;           /* a hub's own events that were written again */
};
struct log_repair_result {
    struct log_repair_site sites[SITES_MAX];
    size_t site_count;
    uint64_t lost; /* how many times something in the file had to be passed over, with what hung on it */
    bool goes_on;  /* a laptop: as another incarnation */
};

/* `damaged`: the file; it is read and not changed. One of which nothing can be read, or that is gone, gives nothing,
 * and is no error. config->dir: where the new log grows (in its own `log`), which must be empty; the keyring is that of
 * the damaged log. FELLOE_INVALID: a hub's log has as many epochs as there can be. */
enum felloe_code log_repair(const char *damaged, const struct event_log_config *config, struct log_repair_result *out,
                            struct felloe_error *error);

#endif
