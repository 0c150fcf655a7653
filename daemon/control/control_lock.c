/* SPDX-License-Identifier: Apache-2.0 */
/* unlock, lock: a session on this laptop begins and ends. (passphrase: control_passphrase.c.) */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/control/control_lock.h"
#include "daemon/report.h"

#define LOOK_MS 50u

/* ---- what both verbs share ---- */

bool lock_enter(struct control_request *request)
{
    if (!request->daemon->vault_busy) {
        request->daemon->vault_busy = true;
        return true;
    }
    control_fail(request, &(struct felloe_error){FELLOE_IN_USE, "Another passphrase is being tried at this moment: try "
                                                                "again."});
    return false;
}

void lock_leave(struct control_request *request)
{
    request->daemon->vault_busy = false;
}

enum felloe_code lock_read_secret(const struct control_request *request, struct vault_secret *out,
                                  struct felloe_error *error)
{
    struct bytes passphrase = control_arg_text(request, "passphrase"), code = control_arg_text(request, "recovery");
    if (code.len > 0)
        return vault_secret_recovery(out, code, error);
    if (passphrase.len > 0)
        return vault_secret_passphrase(out, passphrase, error);
    return felloe_fail(error, FELLOE_USAGE, "Give the passphrase, or the recovery code.");
}

enum felloe_code lock_read_worker(const struct control_request *request, const char *name, char out[SLUG_MAX + 1],
                                  struct felloe_error *error)
{
    struct bytes worker = control_arg_text(request, name);
    out[0] = '\0';
    if (worker.len == 0)
        return FELLOE_OK;
    if (!slug_valid(worker) || !bytes_to_text(worker, out, SLUG_MAX + 1))
        return felloe_fail(error, FELLOE_INVALID, "%.*s is not a worker's id: a-z, 0-9 and -, at most %d characters.",
                           (int)(worker.len < 60 ? worker.len : 60), (const char *)worker.data, SLUG_MAX);
    return FELLOE_OK;
}

/* A wrong one, and from when on the next one is taken. */
void lock_add_wait(const struct daemon *daemon, struct felloe_error *error)
{
    char what[sizeof error->message];
    uint64_t wait_ms = vault_wait_ms(daemon->dir, clock_wall_ms());
    if (error->code != FELLOE_DENIED || wait_ms == 0 || strstr(error->message, " s") != NULL)
        return;
    snprintf(what, sizeof what, "%s", error->message);
    felloe_fail(error, FELLOE_DENIED, "%s; the next try is taken in %llu s", what,
                (unsigned long long)(wait_ms + 999) / 1000);
}

void lock_end_by_itself(struct daemon *daemon)
{
    struct vault *vault = malloc(sizeof *vault);
    struct felloe_error error;
    bool any = false;
    if (vault != NULL && daemon_locks(daemon) && vault_load(vault, daemon->dir, NULL) == FELLOE_OK) {
        while (vault_remove(vault, VAULT_OPEN, NULL) || vault_remove(vault, VAULT_KEY, NULL))
            any = true;
        if (any && vault_save(vault, daemon->dir, &error) != FELLOE_OK)
            report(LEVEL_ERROR, "this directory still opens by itself: %s", error.message);
    }
    free(vault);
}

/* ---- unlock ---- */

struct unlocking {
    struct felloe_error error;
    struct vault_secret secret;
    struct identity identity;
    char worker[SLUG_MAX + 1], who[SLUG_MAX + 1];
    bool waits;
};

static void answer(struct control_request *request, bool already)
{
    const struct daemon *daemon = request->daemon;
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 3);
    mp_put_text(&request->out, "worker");
    mp_put_text(&request->out, daemon->worker);
    mp_put_text(&request->out, "whole");
    mp_put_bool(&request->out, daemon->whole);
    mp_put_text(&request->out, "already");
    mp_put_bool(&request->out, already);
    control_frame_end(&request->out, begin);
    control_finish(request);
}

/* All is being opened again, while this request waits; what fails then ends the daemon, and all requests with it. */
static void await_open(struct control_request *request)
{
    struct unlocking *u = request->state;
    if (control_gone(request) || !request->daemon->identity.locked) {
        answer(request, false);
        return;
    }
    if (u->waits && request->timer == NULL) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    u->waits = true;
    control_wait_commits(request, UINT64_MAX, LOOK_MS, await_open);
}

static void opened(struct control_request *request)
{
    struct unlocking *u = request->state;
    lock_leave(request);
    if (u->error.code != FELLOE_OK) {
        control_fail(request, &u->error);
        return;
    }
    lock_end_by_itself(request->daemon);
    daemon_unlock(request->daemon, &u->identity, u->who);
    identity_clear(&u->identity);
    await_open(request);
}

/* Where nobody is named, and several have a passphrase here, it is that of whose laptop this is. */
static const char *whose(const struct daemon *daemon, const struct unlocking *u, char out[SLUG_MAX + 1])
{
    struct vault *vault = calloc(1, sizeof *vault);
    snprintf(out, SLUG_MAX + 1, "%s", u->worker);
    if (out[0] == '\0' && vault != NULL && u->secret.kind == VAULT_PASSPHRASE &&
        vault_load(vault, daemon->dir, NULL) == FELLOE_OK &&
        vault_find(vault, VAULT_PASSPHRASE, daemon->identity.worker) != NULL)
        snprintf(out, SLUG_MAX + 1, "%s", daemon->identity.worker);
    free(vault);
    return out[0] != '\0' ? out : NULL;
}

static void open_vault(struct control_request *request)
{
    struct unlocking *u = request->state;
    const struct daemon *daemon = request->daemon;
    char worker[SLUG_MAX + 1];
    const struct vault_opening opening = {.dir = daemon->dir,
                                          .way = daemon->config.unlock,
                                          .secret = &u->secret,
                                          .worker = whose(daemon, u, worker),
                                          .now_ms = clock_wall_ms()};
    if (vault_open_directory(&opening, &u->identity, u->who, &u->error) != FELLOE_OK)
        lock_add_wait(daemon, &u->error);
    vault_secret_clear(&u->secret);
}

static enum felloe_code check_session(const struct daemon *daemon, const char *worker, struct felloe_error *error)
{
    if (daemon->identity.locked || worker[0] == '\0' || strcmp(worker, daemon->worker) == 0)
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_INVALID, "This laptop is unlocked by %s: felloe lock, then unlock it as %s.",
                       daemon->worker, worker);
}

void control_verb_UNLOCK(struct control_request *request)
{
    struct unlocking *u = sodium_malloc(sizeof *u);
    if (u == NULL) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    memset(u, 0, sizeof *u);
    request->state = u;
    request->release = sodium_free;
    enum felloe_code code = lock_read_worker(request, "worker", u->worker, &u->error);
    if (code == FELLOE_OK)
        code = check_session(request->daemon, u->worker, &u->error);
    if (code == FELLOE_OK && !request->daemon->identity.locked) {
        answer(request, true);
        return;
    }
    if (code == FELLOE_OK)
        code = lock_read_secret(request, &u->secret, &u->error);
    if (code != FELLOE_OK)
        control_fail(request, &u->error);
    else if (lock_enter(request))
        control_work(request, open_vault, opened, NULL);
}

/* ---- lock ---- */

void control_verb_LOCK(struct control_request *request)
{
    struct daemon *daemon = request->daemon;
    bool already = daemon->identity.locked && !daemon->vault_busy; /* an unlocking under way comes to nothing */
    if (!already && !daemon_locks(daemon)) {
        control_fail(request, &(struct felloe_error){FELLOE_INVALID,
                                                     "This directory opens by itself (felloe.conf: unlock), so that "
                                                     "locking would keep nothing shut. felloe help passphrase tells "
                                                     "how to give it a passphrase."});
        return;
    }
    size_t begin = control_frame_begin(&request->out);
    control_put_end(&request->out, 1);
    mp_put_text(&request->out, "already");
    mp_put_bool(&request->out, already);
    control_frame_end(&request->out, begin);
    control_finish(request);
    if (!already)
        daemon_lock(daemon);
}
