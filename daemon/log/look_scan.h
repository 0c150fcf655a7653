/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the site audit at a hub, with the auditors' secret: who looked at whom. For threads of the pool. */
#ifndef FELLOE_DAEMON_LOOK_SCAN_H
#define FELLOE_DAEMON_LOOK_SCAN_H

#include "daemon/log/event_log.h"
#include "proto/event/look.h"

/* Pairs that looks may be sealed for: the auditors', and the hub's own from before it had any. */
#define LOOK_SECRETS_MAX 4
struct look_secrets {
    size_t count;
    struct {
        struct box_public public_key;
        struct box_secret secret;
    } at[LOOK_SECRETS_MAX];
};

struct look_filter {
    bool has_person;
    struct person_id person;
    struct bytes worker; /* empty: anybody */
    int64_t since_ms;    /* 0: from the first on */
};

struct look_row {
    uint64_t time;        /* HLC: when it was shown, by the device's clock */
    struct event_id id;
    struct device_id device;
    uint64_t uid;
    char worker[SLUG_MAX + 1], how[LOOK_TEXT_MAX + 1], what[LOOK_TEXT_MAX + 1], user[LOOK_TEXT_MAX + 1];
    size_t people, count; /* in found->people */
};
/* Starts as {0}. */
struct look_found {
    struct look_row *rows; /* by time */
    size_t count, cap;
    struct person_id *people;
    size_t people_count, people_cap;
    uint64_t sealed;       /* looks that these secrets do not open */
    bool failed;           /* memory ran out */
};
void look_found_release(struct look_found *found);

/* Called every few thousand entries; false ends the scan. */
typedef bool (*look_progress)(void *context, uint64_t done, uint64_t total);
void look_scan(struct log_reader *reader, const struct look_secrets *secrets, const struct look_filter *filter,
               look_progress progress, void *context, struct look_found *out);

#endif
