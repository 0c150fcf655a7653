/* SPDX-License-Identifier: Apache-2.0 */
/* The stores of a daemon's directory, opened by the daemon's own code, and jobs of its log that are waited for. */
#ifndef FELLOE_TESTS_POWER_OPENED_H
#define FELLOE_TESTS_POWER_OPENED_H

#include "daemon/config.h"
#include "daemon/log/event_log.h"
#include "daemon/log/verify.h"

struct opened {
    char dir[512];
    struct config config;
    struct identity identity;
    struct keyring *keyring;
    struct event_log *log;
    struct queue completions;
};

/* The daemon's directory is the first folder in `image`. Identity, configuration, keyring, log; where one cannot be
 * opened nothing stays open. FELLOE_NOT_FOUND: there is no directory, no identity or no configuration. */
enum felloe_code opened_open(struct opened *opened, const char *image, struct felloe_error *error);
void opened_close(struct opened *opened);
/* Without the configuration, whose presence says that all of it was made. */
enum felloe_code opened_open_unmade(struct opened *opened, const char *image, struct felloe_error *error);
enum felloe_code opened_do(struct opened *opened, struct log_job *job);

#endif
