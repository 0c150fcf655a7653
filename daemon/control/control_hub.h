/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub's verbs share. */
#ifndef FELLOE_DAEMON_CONTROL_HUB_H
#define FELLOE_DAEMON_CONTROL_HUB_H

#include "daemon/config.h"
#include "daemon/control/control.h"
#include "proto/event/ticket.h"

/* How such a verb begins: its state, all zeros, which `release` ends. NULL: the request has been answered. */
void *control_hub_begin(struct control_request *request, size_t size, void (*release)(void *state), const char *what);
/* Tickets carry an address that laptops can reach; FELLOE_INVALID says what to set where the hub does not know it. */
enum felloe_code control_hub_address(const struct config *config, struct ticket *ticket, struct felloe_error *error);

#endif
