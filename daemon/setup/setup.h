/* SPDX-License-Identifier: Apache-2.0 */
/* Making a hub or a laptop of a directory: felloed --init-hub, felloed --join. */
#ifndef FELLOE_DAEMON_SETUP_H
#define FELLOE_DAEMON_SETUP_H

#include "daemon/log/event_log.h"
#include "daemon/config.h"
#include "daemon/store/vault.h"
#include "proto/event/words.h"

struct setup_options {
    const char *dir, *name, *listen, *advertise; /* --init-hub; advertise may be NULL */
    const char *const *sites;
    size_t site_count;
    const char *unlock;                 /* both: the way (vault.h) */
    const struct vault_secret *secret;  /* where that is a passphrase */
    const char *ticket, *label, *proxy; /* --join; label NULL: the machine's name; proxy NULL: none */
};

/* What was made, for the confirmation. */
struct setup_result {
    struct device_id device;
    char name[LABEL_MAX + 1];  /* the hub's */
    char worker[SLUG_MAX + 1]; /* whose laptop it is */
    char sites[SITES_MAX][SLUG_MAX + 1];
    uint32_t site_count;
    char recovery[VAULT_RECOVERY_SIZE]; /* shown once; empty: there is none */
    char words[WORDS_TEXT_MAX]; /* of the laptop's keys: the hub shows the same; empty: a hub */
};

/* Both may be interrupted at any point and run again. FELLOE_IN_USE when the directory is a hub or a laptop already. */
enum felloe_code setup_hub(const struct setup_options *options, struct setup_result *out, struct felloe_error *error);
enum felloe_code setup_join(const struct setup_options *options, struct setup_result *out, struct felloe_error *error);

/* ---- what the two share (setup.c) ---- */

/* Makes the directory (0700) with its parents, locks it, and ends what an interrupted repair or restore left there: a
 * log or a keyring that is not in its place yet must not be taken for one that is not there. A descriptor, or -1. */
int setup_directory(const char *dir, struct felloe_error *error);
/* Who it is, without opening anything. FELLOE_NOT_FOUND when there is none yet. */
enum felloe_code setup_identity(const char *dir, struct identity *out, struct felloe_error *error);
/* The same, and opened. `way` NULL: felloe.conf's, else what the vault has. A passphrase that is needed and was not
 * given is an error. */
enum felloe_code setup_unlock(const char *dir, const char *way, const struct vault_secret *secret, struct identity *out,
                              struct felloe_error *error);
/* A new directory's vault, and then its identity. */
enum felloe_code setup_save_fresh(const struct setup_options *options, const struct identity *identity,
                                  struct felloe_error *error);

/* The log and the keyring without a loop: a job is waited for. */
struct setup_log {
    struct queue queue;
    struct keyring *keyring;
    struct event_log *log;
};
/* Before that, in a directory that is not made yet: what an interrupted try left of the databases without a single
 * commit goes. */
void setup_forget_unfinished(const char *dir);
enum felloe_code setup_log_open(struct setup_log *setup, const char *dir, const struct identity *identity,
                                struct felloe_error *error);
void setup_log_close(struct setup_log *setup);
enum felloe_code setup_log_do(struct setup_log *setup, struct log_job *job, struct felloe_error *error);
/* A fresh key for what is about no person in a site. */
void site_key_make(struct key_record *out, const char *site);

#endif
