/* SPDX-License-Identifier: Apache-2.0 */
/* felloed --repair: a damaged log (or keyring) makes way for a new one, into which what verifies was taken over; the
 * rest comes back by sync. The damaged one is kept aside. */
#ifndef FELLOE_DAEMON_SETUP_REPAIR_H
#define FELLOE_DAEMON_SETUP_REPAIR_H

#include <limits.h>

#include "daemon/log/log_repair.h"
#include "daemon/store/keyring_repair.h"
#include "daemon/store/vault.h"

#define DAMAGE_MAX 512
struct repair_outcome {
    enum role role;
    char keys_damage[DAMAGE_MAX]; /* what was found; empty: the keyring was whole, and nothing was done to it */
    struct keyring_repair_result keys;
    char keys_kept[PATH_MAX];    /* where the damaged keyring is now */
    char log_damage[DAMAGE_MAX]; /* likewise of the log */
    struct log_repair_result log;
    char log_kept[PATH_MAX];
};

struct repair_options {
    const char *dir;
    const char *unlock;                /* NULL: felloe.conf's way */
    const struct vault_secret *secret; /* NULL: none was given */
};

/* The daemon must not be running. May be interrupted at any point and run again. */
enum felloe_code setup_repair(const struct repair_options *options, struct repair_outcome *out,
                              struct felloe_error *error);

#endif
