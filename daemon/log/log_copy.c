/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of the log; see log_copy.h. */
#include "daemon/log/log_copy.h"
#include "daemon/log/log_internal.h"

enum felloe_code event_log_copy(struct event_log *log, int descriptor, struct felloe_error *error)
{
    return store_copy(log->store, descriptor, error);
}

uint64_t event_log_bytes(struct event_log *log)
{
    struct store_stat stat;
    store_stat(log->store, &stat);
    return stat.bytes_used;
}
