/* SPDX-License-Identifier: Apache-2.0 */
/* A new keyring from a damaged one: each key proves itself by its seal. Keys that are lost come back by sync: to a
 * laptop from its hub, to a hub from the laptops. The list of what was erased is taken over first. */
#ifndef FELLOE_DAEMON_KEYRING_REPAIR_H
#define FELLOE_DAEMON_KEYRING_REPAIR_H

#include "daemon/store/keyring.h"

/* How many keys are here that cannot be opened, or cannot be found by whose they are. (While one is here, it cannot
 * come again.) `unread` is set, as in keyring.h, where they could not be read to their end. */
uint64_t keyring_count_damaged(struct keyring *keyring, bool *unread);

struct keyring_repair_result {
    uint64_t kept,
        lost; /* keys; lost: rows that were found and do not open, whose key was not found elsewhere either */
};
/* `damaged`: the file; `into`: a new keyring under the same keyring key. A file that cannot be read at all gives
 * nothing, and is no error. */
enum felloe_code keyring_repair(const char *damaged, struct keyring *into, struct keyring_repair_result *out,
                                struct felloe_error *error);

#endif
