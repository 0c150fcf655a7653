/* SPDX-License-Identifier: Apache-2.0 */
/* felloed --restore: a hub's or a laptop's directory put back to a backup of its log, of its keys, or of both.
 *
 *   files checked -> lock -> identity -> keys -> log grown beside the one that is here -> exchanged -> views removed
 *   -> configuration
 *
 * What is not there yet comes from the backup of the keys; what is there stays, but for the log, which is kept aside.
 * The configuration comes last: a directory without one is served by nobody. Interrupted anywhere, it may be run again.
 */
#ifndef FELLOE_DAEMON_SETUP_RESTORE_H
#define FELLOE_DAEMON_SETUP_RESTORE_H

#include <limits.h>

#include "daemon/setup/backup_file.h"
#include "daemon/setup/setup.h"

struct restore_options {
    const char *dir;
    const char *log, *keys;        /* files; one of them may be NULL */
    const char *unlock;                /* NULL: felloe.conf's way */
    const struct vault_secret *secret; /* NULL: none was given */
    const char *verb;              /* what is said to do it, where it is for one role only: "hub restore", "restore" */
};

struct restore_outcome {
    enum role role;
    struct device_id device;
    char name[LABEL_MAX + 1];
    bool log, keys;                /* were put back */
    bool fresh;                    /* the identity came from the backup */
    char identity_kept[PATH_MAX];  /* where a damaged identity is now; empty: it was not */
    char keys_kept[PATH_MAX];      /* … and a damaged keyring */
    uint64_t keys_added, keys_erased;
    uint64_t keys_damaged;         /* here, and left as they were: to repair a keyring is --repair's work */
    int64_t made_ms;               /* the log's backup */
    uint32_t epoch_then, epoch;    /* of the backup; the one in which a hub goes on */
    uint32_t tickets_void;         /* at a hub: those that were not used are good no more */
    char log_kept[PATH_MAX];       /* where the log is now that was here; empty: there was none */
    bool log_unreadable;           /* that one: nothing could be taken over from it */
    uint64_t waiting;              /* events in that one that were not shared */
    bool verified;                 /* chains and hashes were looked through; longer logs are left to felloe verify */
    uint64_t problems;
    bool configured;               /* there is a felloe.conf */
};

enum felloe_code setup_restore(const struct restore_options *options, struct restore_outcome *out,
                               struct felloe_error *error);

/* ---- its parts ---- */

/* Keys, erased ones and devices of the backup that are not here yet, into D/keys (restore_keys.c). */
enum felloe_code restore_keys(const char *dir, const struct identity *identity, const struct backup_file *file,
                              struct restore_outcome *out, struct felloe_error *error);
/* The log (restore_log.c). */
enum felloe_code restore_log(const char *dir, const struct identity *identity, const struct backup_file *file,
                             struct restore_outcome *out, struct felloe_error *error);
/* Removes D/new-what, in which the image was, however far it came. */
void restore_tidy(const char *dir, const char *what);
/* dir/name; FELLOE_USAGE when that is too long. */
enum felloe_code restore_path(char out[PATH_MAX], const char *dir, const char *name, struct felloe_error *error);

#endif
