/* SPDX-License-Identifier: Apache-2.0 */
/* A session begins: what the vault opened takes the place of what was shut. And it ends: by a request, or when nobody
 * used the record for a while. A process cannot be sure to have wiped all that it ever opened (libraries, freed memory,
 * stacks), so that locking starts the program anew: its memory is given back to the system, which hands none of it out
 * unwiped. */
#include <errno.h>
#include <linux/close_range.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/daemon_inside.h"
#include "daemon/report.h"
#include "daemon/store/vault.h"

/* How often it is looked whether nobody has used the record for long enough. */
#define LOOK_MS 10000u
#define ARGUMENTS_SIZE 65536u
#define ARGUMENTS_MAX  64u

/* ---- unlocking ---- */

void daemon_unlock(struct daemon *daemon, const struct identity *opened, const char *worker)
{
    struct running *running = running_of(daemon);
    daemon_drop_opened(running);
    running->opened = sodium_malloc(sizeof *opened);
    if (running->opened == NULL) {
        report(LEVEL_ERROR, "memory ran out while unlocking");
        daemon_stop(daemon, FELLOE_FAILED);
        return;
    }
    *running->opened = *opened;
    snprintf(running->opened_by, sizeof running->opened_by, "%s", worker);
    daemon_again(daemon);
}

void daemon_drop_opened(struct running *running)
{
    sodium_free(running->opened);
    running->opened = NULL;
}

/* While a passphrase was worked on, the device may have been given other keys: the identity as it is now, opened with
 * the same. */
static void read_anew(const struct daemon *daemon, struct identity *opened)
{
    struct vault *vault = malloc(sizeof *vault);
    struct identity *now = sodium_malloc(sizeof *now);
    if (vault != NULL && now != NULL && identity_load(now, daemon->dir, NULL) == FELLOE_OK &&
        vault_load(vault, daemon->dir, NULL) == FELLOE_OK &&
        vault_unlock(vault, opened->keyring_key, now, NULL) == FELLOE_OK)
        *opened = *now;
    free(vault);
    sodium_free(now);
}

void daemon_take_opened(struct running *running)
{
    struct daemon *daemon = &running->daemon;
    read_anew(daemon, running->opened);
    daemon->identity = *running->opened;
    memcpy(daemon->worker, running->opened_by, sizeof daemon->worker);
    daemon->whole = !sodium_is_zero(daemon->identity.keyring_key + KEYRING_HALF_SIZE, KEYRING_HALF_SIZE);
    daemon_drop_opened(running);
    daemon->was_locked = true;
    daemon->used_ms = clock_steady_ms();
    daemon_watch_idle(running);
}

/* What cannot be taken in now (a full disk) waits for the next time. */
void daemon_take_in_keys(struct daemon *daemon)
{
    struct felloe_error error = {0};
    size_t taken = 0;
    if (daemon->identity.locked)
        return;
    if (keyring_take_in(daemon->keyring, &daemon->identity, &taken, &error) != FELLOE_OK)
        report(LEVEL_WARNING, "keys that came while they could not be opened still wait: %s", error.message);
    else if (taken > 0)
        report(LEVEL_INFO, "%zu key%s came while %s could not be opened", taken, taken == 1 ? "" : "s",
               taken == 1 ? "it" : "they");
}

void daemon_wrap_keys(struct daemon *daemon)
{
    struct felloe_error error = {0};
    size_t wrapped = 0;
    if (daemon->identity.role == ROLE_HUB || daemon->identity.locked)
        return;
    if (keyring_wrap_anew(daemon->keyring, &daemon->identity, &wrapped, &error) != FELLOE_OK)
        report(LEVEL_WARNING, "keys that were made here are still wrapped for keys of before: %s", error.message);
    else if (wrapped > 0)
        report(LEVEL_DEBUG, "%zu keys that were made here are wrapped for the present pair", wrapped);
}

/* ---- locking ---- */

bool daemon_locks(const struct daemon *daemon)
{
    return daemon->config.role == ROLE_SPOKE &&
           (daemon->was_locked || vault_way_of(daemon->config.unlock) == VAULT_WAY_PASSPHRASE);
}

void daemon_lock(struct daemon *daemon)
{
    struct running *running = running_of(daemon);
    if (running->ending)
        return;
    running->anew = true;
    report(LEVEL_INFO, "locking");
    daemon_stop(daemon, FELLOE_OK);
}

/* Seconds since somebody used the record last have gone past what is allowed. */
static bool is_overdue(const struct daemon *daemon)
{
    uint64_t limit_ms = (uint64_t)daemon->config.lock_after_s * 1000;
    return limit_ms > 0 && !daemon->identity.locked && daemon_locks(daemon) &&
           clock_steady_ms() - daemon->used_ms >= limit_ms;
}

bool daemon_used(struct daemon *daemon)
{
    if (is_overdue(daemon)) {
        daemon_lock(daemon);
        return false;
    }
    daemon->used_ms = clock_steady_ms();
    return true;
}

void daemon_watch_idle(struct running *running)
{
    const struct daemon *daemon = &running->daemon;
    uint64_t limit_ms = (uint64_t)daemon->config.lock_after_s * 1000;
    if (limit_ms > 0 && !daemon->identity.locked && daemon_locks(daemon))
        loop_timer_set(running->idle, limit_ms < LOOK_MS * 4 ? limit_ms / 4 + 1 : LOOK_MS);
}

void daemon_on_idle(void *context)
{
    struct running *running = context;
    struct daemon *daemon = &running->daemon;
    if (daemon->control != NULL && !is_overdue(daemon) && control_server_busy(daemon->control))
        daemon->used_ms = clock_steady_ms();
    const bool in_minutes = daemon->config.lock_after_s % 60 == 0;
    if (!is_overdue(daemon)) {
        daemon_watch_idle(running);
        return;
    }
    report(LEVEL_INFO, "nobody used the record for %u %s", daemon->config.lock_after_s / (in_minutes ? 60 : 1),
           in_minutes ? "min" : "s");
    daemon_lock(daemon);
}

/* ---- anew ---- */

static size_t read_arguments(char *text, char **arguments)
{
    FILE *file = fopen("/proc/self/cmdline", "re");
    size_t len = file != NULL ? fread(text, 1, ARGUMENTS_SIZE - 1, file) : 0, count = 0;
    if (file != NULL)
        fclose(file);
    text[len] = '\0';
    for (size_t at = 0; at < len && count < ARGUMENTS_MAX - 1; at += strlen(text + at) + 1)
        arguments[count++] = text + at;
    arguments[count] = NULL;
    return len < ARGUMENTS_SIZE - 1 ? count : 0;
}

enum felloe_code daemon_start_anew(struct felloe_error *error)
{
    char *text = malloc(ARGUMENTS_SIZE), *arguments[ARGUMENTS_MAX];
    if (text != NULL && read_arguments(text, arguments) > 0) {
        close_range(STDERR_FILENO + 1, ~0u, CLOSE_RANGE_CLOEXEC);
        execv("/proc/self/exe", arguments);
    }
    int cause = errno;
    free(text);
    return felloe_fail(error, FELLOE_FAILED, "It is locked, but felloed could not be started again: %s",
                       strerror(cause));
}
