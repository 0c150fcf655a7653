/* SPDX-License-Identifier: Apache-2.0 */
/* What making a hub and joining one have in common; see setup.h. */
#include "daemon/setup/setup.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/lock.h"
#include "daemon/setup/setup_swap.h"
#include "daemon/store/file.h"
#include "daemon/store/store_check.h"

static enum felloe_code cannot_make(const char *dir, int cause, struct felloe_error *error)
{
    if (cause == EACCES || cause == EPERM || cause == EROFS)
        return felloe_fail(error, FELLOE_DENIED,
                           "%s may not be made by this user. Give another --dir, or check the mode "
                           "of the directory above it",
                           dir);
    if (cause == ENOSPC || cause == EDQUOT)
        return felloe_fail(error, FELLOE_STORAGE,
                           "the disk is full: %s could not be made. Free some space, then try again", dir);
    return felloe_fail(error, cause == EIO ? FELLOE_STORAGE : FELLOE_FAILED,
                       "%s could not be made: %s. Check the disk and the name, then try again", dir, strerror(cause));
}

/* 0 or an errno. What is put into a new folder is of no use when a power cut takes the folder itself; the last one may
 * be there from a try that was interrupted. */
static int make_folder(const char *path, bool last)
{
    bool made = mkdir(path, 0700) == 0;
    if (!made && errno != EEXIST)
        return errno;
    int cause = made || last ? file_sync_folder_of(path) : 0;
    return cause == EACCES ? 0 : cause; /* the folder above may be closed to reading */
}

int setup_directory(const char *dir, struct felloe_error *error)
{
    char path[PATH_MAX];
    if (*dir == '\0' || snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path) {
        cannot_make(dir, ENAMETOOLONG, error);
        return -1;
    }
    for (char *slash = strchr(path + 1, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL)
            *slash = '\0';
        int cause = make_folder(path, slash == NULL);
        if (cause != 0) {
            cannot_make(dir, cause, error);
            return -1;
        }
        if (slash == NULL)
            break;
        *slash = '/';
    }
    struct stat info;
    if (stat(dir, &info) != 0 || !S_ISDIR(info.st_mode)) {
        cannot_make(dir, ENOTDIR, error);
        return -1;
    }
    int lock = lock_take(dir, error);
    if (lock >= 0 && swap_settle(dir, error) != FELLOE_OK) {
        close(lock);
        return -1;
    }
    return lock;
}

enum felloe_code setup_identity(const char *dir, struct identity *out, struct felloe_error *error)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/identity", dir);
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return FELLOE_NOT_FOUND;
    return identity_load(out, dir, error);
}

enum felloe_code setup_unlock(const char *dir, const char *way, const struct vault_secret *secret, struct identity *out,
                              struct felloe_error *error)
{
    struct config config;
    enum felloe_code code = setup_identity(dir, out, error);
    if (code != FELLOE_OK)
        return code;
    if (way == NULL && config_load(&config, dir, NULL) == FELLOE_OK)
        way = config.unlock;
    const struct vault_opening opening = {.dir = dir, .way = way, .secret = secret, .now_ms = clock_wall_ms()};
    code = vault_open_directory(&opening, out, NULL, error);
    if (code == FELLOE_OK && !out->locked && sodium_is_zero(out->keyring_key + KEYRING_HALF_SIZE, KEYRING_HALF_SIZE))
        return felloe_fail(error, FELLOE_DENIED,
                           "that passphrase does not open all of %s: this needs that of the laptop's own worker, %s",
                           dir, out->worker);
    if (code != FELLOE_OK || !out->locked)
        return code;
    return felloe_fail(error, FELLOE_LOCKED,
                       "%s is shut, and this needs what is in it: give the passphrase (--passphrase asks for it, "
                       "--passphrase-fd N reads it), or what else opens it (--unlock file:PATH)",
                       dir);
}

enum felloe_code setup_save_fresh(const struct setup_options *options, const struct identity *identity,
                                  struct felloe_error *error)
{
    struct vault_secret secret;
    enum felloe_code code = FELLOE_OK;
    if (options->secret != NULL)
        secret = *options->secret;
    else
        code = vault_way_secret(options->unlock, &secret, error);
    if (code == FELLOE_OK)
        code = vault_make_directory(options->dir, identity, &secret, &vault_cost_moderate, clock_wall_ms(), error);
    vault_secret_clear(&secret);
    return code == FELLOE_OK ? identity_save(identity, options->dir, error) : code;
}

void setup_forget_unfinished(const char *dir)
{
    static const char *const stores[] = {"keys", "log"};
    char path[PATH_MAX];
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++)
        if (snprintf(path, sizeof path, "%s/%s", dir, stores[i]) < (int)sizeof path)
            store_forget_unfinished(path);
}

enum felloe_code setup_log_open(struct setup_log *setup, const char *dir, const struct identity *identity,
                                struct felloe_error *error)
{
    *setup = (struct setup_log){0};
    queue_init(&setup->queue, NULL, NULL);
    enum felloe_code code = keyring_open(&setup->keyring, dir, identity_keyring_key(identity), error);
    if (code == FELLOE_OK) {
        const struct event_log_config config = {
            .dir = dir, .identity = identity, .keyring = setup->keyring, .completions = &setup->queue};
        code = event_log_open(&setup->log, &config, error);
    }
    if (code != FELLOE_OK)
        setup_log_close(setup);
    return code;
}

void setup_log_close(struct setup_log *setup)
{
    if (setup->log != NULL)
        event_log_close(setup->log);
    if (setup->keyring != NULL)
        keyring_close(setup->keyring);
    queue_destroy(&setup->queue);
    *setup = (struct setup_log){0};
}

enum felloe_code setup_log_do(struct setup_log *setup, struct log_job *job, struct felloe_error *error)
{
    event_log_submit(setup->log, job);
    queue_wait_all(&setup->queue); /* one job is under way at a time */
    if (job->code != FELLOE_OK && error != NULL)
        *error = job->error;
    return job->code;
}

void site_key_make(struct key_record *out, const char *site)
{
    *out = (struct key_record){.kind = KEY_SITE};
    random_bytes(&out->id, sizeof out->id);
    random_bytes(&out->key, sizeof out->key);
    snprintf(out->site, sizeof out->site, "%s", site);
}
