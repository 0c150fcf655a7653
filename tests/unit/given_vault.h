/* SPDX-License-Identifier: Apache-2.0 */
/* A directory's identity with its vault, which opens without anybody. */
#ifndef FELLOE_TESTS_GIVEN_VAULT_H
#define FELLOE_TESTS_GIVEN_VAULT_H

#include "daemon/store/vault.h"

static inline enum felloe_code given_identity_save(const struct identity *identity, const char *dir)
{
    struct vault_secret open;
    vault_secret_open(&open);
    enum felloe_code code = vault_make_directory(dir, identity, &open, &vault_cost_least, 1, NULL);
    return code == FELLOE_OK ? identity_save(identity, dir, NULL) : code;
}

static inline enum felloe_code given_identity_open(struct identity *identity, const char *dir)
{
    const struct vault_opening opening = {.dir = dir, .now_ms = 1};
    return vault_open_directory(&opening, identity, NULL, NULL);
}

#endif
