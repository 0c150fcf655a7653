/* SPDX-License-Identifier: Apache-2.0 */
/* How long a backup waits for a client that does not take it on. */
#ifndef FELLOE_DAEMON_CONTROL_BACKUP_H
#define FELLOE_DAEMON_CONTROL_BACKUP_H

#include "daemon/control/control.h"

/* A minute; tests have less patience. */
extern unsigned control_backup_patience_ms;

#endif
