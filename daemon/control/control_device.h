/* SPDX-License-Identifier: Apache-2.0 */
/* A device of the hub as people name it. */
#ifndef FELLOE_DAEMON_CONTROL_DEVICE_H
#define FELLOE_DAEMON_CONTROL_DEVICE_H

#include "daemon/control/control.h"

/* The request's "device": an id, its beginning, a label or a worker. FELLOE_NOT_FOUND, FELLOE_AMBIGUOUS. */
enum felloe_code control_device(struct control_request *request, struct device_record *out, struct felloe_error *error);

#endif
