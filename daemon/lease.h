/* SPDX-License-Identifier: Apache-2.0 */
/* How long a laptop may show its record without having heard from the hub (daemon->terms.lease_hours; 0: for ever). It
 * is counted from the HELLO that the hub answered: an answer may be held up, by the network or while the laptop sleeps.
 * A lost laptop whose passphrase is known shows nothing any more once it is over, if it is kept away from the network;
 * near one, the hub refuses it. Recording goes on.
 *
 * The latest contact is kept in D/lease with the highest time that the laptop's clock has shown since, so that a clock
 * set back does not make it longer. While the daemon runs, time goes on by the steady clock too. Without D/lease, in a
 * directory that was put back from a backup, say, the lease is over until the hub is heard; so it is when D/terms,
 * which tells whether there is one, is damaged, or gone though the hub was heard before: D/lease is there, or the log
 * has something that came from it. Whoever can write to the directory can make both up: the lease is for whoever has
 * the laptop and not its files. */
#ifndef FELLOE_DAEMON_LEASE_H
#define FELLOE_DAEMON_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "felloe/error.h"

struct daemon;
struct loop_timer;

/* By the wall's clock, ms since 1970; `steady_ms` is the other clock's time at which clock_ms was known. */
struct lease {
    int64_t contact_ms;          /* of the latest HELLO that the hub answered; 0: none is known of */
    int64_t clock_ms;            /* the highest time since */
    uint64_t steady_ms;
    int64_t kept_ms;             /* clock_ms as the file has it; 0: there is none */
    struct loop_timer *timer;
};

void lease_open(struct daemon *daemon); /* after terms_open */
void lease_close(struct daemon *daemon);
bool lease_is_kept(const struct daemon *daemon); /* there is a D/lease, whatever it says */
/* The hub answered what was asked at that time, and tells of a lease of so many hours. Before terms_take: a lease
 * without a contact would be over. */
void lease_heard(struct daemon *daemon, uint32_t hours, int64_t wall_ms, uint64_t steady_ms);

/* No record may be shown before the hub was heard again. Never at a hub. */
bool lease_passed(const struct daemon *daemon);
/* Until when by the wall's clock; 0 when there is no lease. With no contact known of, or no terms any more: 1, which is
 * long past. */
int64_t lease_until_ms(const struct daemon *daemon);
/* For whoever asks nevertheless, in words. */
enum felloe_code lease_refuse(const struct daemon *daemon, struct felloe_error *error);

/* The reckoning alone, with both clocks given: what is told of it above comes from these. */
void lease_heard_at(struct lease *lease, int64_t wall_ms, uint64_t steady_ms);
int64_t lease_now(const struct lease *lease, int64_t wall_ms, uint64_t steady_ms); /* never goes back */
int64_t lease_end(const struct lease *lease, uint32_t hours);

#endif
