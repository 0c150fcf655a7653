/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's keys change (felloe hub rekey): the next ones are made, kept in D/rekey and told in its terms with the
 * moment; when it comes the hub begins again with them. Its signing key stays: it is what laptops know it by. On the
 * loop's thread. */
#ifndef FELLOE_DAEMON_HUB_KEYS_H
#define FELLOE_DAEMON_HUB_KEYS_H

#include <stdint.h>

#include "felloe/error.h"

struct daemon;

/* Before anything is opened with them: has the moment come? Nothing at a laptop. */
void hub_keys_turn(struct daemon *daemon);
/* Into daemon->terms, and the moment is waited for. */
void hub_keys_open(struct daemon *daemon);
void hub_keys_close(struct daemon *daemon);
/* From that time on (ms since 1970) it has others; told from now on. FELLOE_IN_USE: they change already. */
enum felloe_code hub_keys_renew(struct daemon *daemon, int64_t from_ms, struct felloe_error *error);
/* It does not after all. FELLOE_NOT_FOUND: nothing was to change. */
enum felloe_code hub_keys_renew_not(struct daemon *daemon, struct felloe_error *error);

#endif
