/* SPDX-License-Identifier: Apache-2.0 */
/* The log copied while it is in use: for backups. */
#ifndef FELLOE_DAEMON_LOG_COPY_H
#define FELLOE_DAEMON_LOG_COPY_H

#include "daemon/log/event_log.h"

/* store_copy of the log's database: one consistent state of it, also while events are recorded. From any thread. */
enum felloe_code event_log_copy(struct event_log *log, int descriptor, struct felloe_error *error);
/* How large its file is; a copy is at most that. */
uint64_t event_log_bytes(struct event_log *log);

#endif
