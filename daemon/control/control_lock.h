/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs about passphrases share: unlock (control_lock.c) and passphrase (control_passphrase.c). */
#ifndef FELLOE_DAEMON_CONTROL_LOCK_H
#define FELLOE_DAEMON_CONTROL_LOCK_H

#include "daemon/control/control.h"
#include "daemon/store/vault.h"

/* One passphrase at a time is tried or changed. False: the request has been answered so; else leave once. */
bool lock_enter(struct control_request *request);
void lock_leave(struct control_request *request);
/* The request's "passphrase" or "recovery". */
enum felloe_code lock_read_secret(const struct control_request *request, struct vault_secret *out,
                                  struct felloe_error *error);
/* A worker's id among the arguments; "" when it was not given. */
enum felloe_code lock_read_worker(const struct control_request *request, const char *name, char out[SLUG_MAX + 1],
                                  struct felloe_error *error);
/* Where a passphrase is the way, nothing else that was is left in the vault. */
void lock_end_by_itself(struct daemon *daemon);
/* Of a wrong passphrase: says from when on the next one is taken. */
void lock_add_wait(const struct daemon *daemon, struct felloe_error *error);

#endif
