/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's auditors: whoever holds their secret reads who looked at what (proto/event/look.h), and nobody else does.
 * D/auditors, mode 0600, written whole:
 *
 *   bin 32, their X25519 public key; then a vault of its own (vault.h, the same bytes as D/vault) whose slots hold the
 *   secret in the place of the first half of a keyring key. Its boxes are empty
 *
 * At first the secret is opened like the hub itself (its key file, or nothing). A passphrase of the auditors' own takes
 * that way's place: then nobody who runs the hub reads it without them. */
#ifndef FELLOE_DAEMON_AUDITORS_H
#define FELLOE_DAEMON_AUDITORS_H

#include "daemon/store/vault.h"

struct auditors {
    struct box_public public_key;
    struct vault vault;
};

/* FELLOE_NOT_FOUND: there is none yet; FELLOE_DAMAGED, FELLOE_STORAGE. */
enum felloe_code auditors_load(struct auditors *out, const char *dir, struct felloe_error *error);
/* From the bytes of such a file. */
bool auditors_read(struct auditors *out, struct bytes file);
/* A fresh pair, kept with one slot. */
enum felloe_code auditors_make(struct auditors *out, const char *dir, const struct device_id *hub,
                               const struct vault_secret *secret, const struct vault_cost *cost,
                               struct felloe_error *error);
/* What kind of slot opens it: VAULT_PASSPHRASE, VAULT_KEY or VAULT_OPEN. */
enum vault_kind auditors_kind(const struct auditors *auditors);
/* Slow with a passphrase. FELLOE_DENIED: this does not open it. */
enum felloe_code auditors_open(const struct auditors *auditors, const struct vault_secret *secret,
                               struct box_secret *out, struct felloe_error *error);
/* From now on this opens it, and nothing else does. */
enum felloe_code auditors_protect(struct auditors *auditors, const char *dir, const struct box_secret *key,
                                  const struct vault_secret *secret, const struct vault_cost *cost,
                                  struct felloe_error *error);

#endif
