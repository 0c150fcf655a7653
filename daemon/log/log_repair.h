/* SPDX-License-Identifier: Apache-2.0 */
/* A new log from a damaged one. What can still be read and proves to be true is taken over; the rest is lost here and
 * comes back by sync: to a laptop from its hub, to a hub from its laptops.
 *
 *   a site's log      from its first position on, up to the last one at which its running hash is what the hub signed
 *                     (laptop), or what a checkpoint or the head says (hub)
 *   own events        (laptop) each that opens under its key, or that the next one's `prev` names. Where one is missing,
 *                     or may be, the laptop goes on as another incarnation: what the hub has comes back as anybody's
 *                     events do, what it has not is written again (see LOG_GO_ON)
 *   receipts          those that fit
 *   devices           (hub) from the keyring's copy, and what that lacks from here; tickets that were not used are gone
 *   positions         a hub goes on in the next epoch */
#ifndef FELLOE_DAEMON_LOG_REPAIR_H
#define FELLOE_DAEMON_LOG_REPAIR_H

#include "daemon/log/event_log.h"

struct log_repair_site {
    char site[SLUG_MAX + 1];
    uint64_t entries;        /* of the site's log that were taken over */
    uint64_t entries_before; /* how many the damaged log said it had; 0 when that cannot be read */
    uint64_t own, own_before; /* own events of the present incarnation: likewise */
};
struct log_repair_result {
    struct log_repair_site sites[SITES_MAX];
    size_t site_count;
    uint64_t pages_lost;     /* of the file, with what hung on them */
    bool goes_on;            /* a laptop: as another incarnation */
};

/* `damaged`: the file; it is read and not changed. One of which nothing can be read, or that is gone, gives nothing, and is
 * no error. config->dir: where the new log grows (in its own `log`), which must be empty; the keyring is that of the
 * damaged log. */
enum felloe_code log_repair(const char *damaged, const struct event_log_config *config, struct log_repair_result *out,
                            struct felloe_error *error);

#endif
