/* SPDX-License-Identifier: Apache-2.0 */
/* One running felloed: opens its parts in order, serves, and closes them in the reverse order.
 *
 *   configuration, lock, identity, keyring, log, projector, local socket, network -> READY -> ... -> STOPPING */
#include "daemon/daemon_inside.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "daemon/audit.h"
#include "daemon/hub_keys.h"
#include "daemon/lock.h"
#include "daemon/report.h"
#include "daemon/setup/setup_swap.h"
#include "daemon/store/vault.h"
#include "daemon/pool.h"

/* How often keys that are still missing are asked for again. */
#define KEYS_AGAIN_MS 60000
/* After work, memory that it needed is given back to the system: malloc keeps it for the next time. Not each time. */
#define GIVE_BACK_MS 10000

void daemon_stop(struct daemon *daemon, enum felloe_code code)
{
    struct running *running = running_of(daemon);
    if (!running->ending)
        running->code = code;
    running->ending = true;
    uv_stop(&running->loop);
}

void daemon_again(struct daemon *daemon)
{
    struct running *running = running_of(daemon);
    running->again = true;
    uv_stop(&running->loop);
}

/* ---- what other threads have done ---- */

static void give_back(void *context)
{
    struct running *running = context;
    running->gives_back = false;
    malloc_trim(0);
}

static void worked(struct running *running)
{
    if (running->gives_back || running->give_back == NULL)
        return;
    running->gives_back = true;
    loop_timer_set(running->give_back, GIVE_BACK_MS);
}

/* Only where there is something to fold. */
static void tell_projector(struct running *running)
{
    const struct daemon *daemon = &running->daemon;
    const uint64_t commits = daemon->log != NULL ? event_log_commits(daemon->log) : 0;
    if (daemon->projector != NULL && commits != running->told_commits)
        projector_poke(daemon->projector);
    running->told_commits = commits;
}

/* The projector hears that the log has news, and finished jobs go back to their makers. A log that has failed cannot
 * be opened anew under readers on other threads, so the daemon ends. */
static void complete_jobs(void *context)
{
    struct running *running = context;
    struct queue_item *item = queue_take_all(&running->daemon.completions);
    bool any = item != NULL;
    if (any && !running->beating) /* the watchdog's question is no work */
        worked(running);
    tell_projector(running); /* first: what it does somebody may be waiting for on another laptop */
    while (item != NULL) {
        struct queue_item *next = item->next;
        struct log_job *job = (struct log_job *)((char *)item - offsetof(struct log_job, link));
        job->done(job);
        item = next;
    }
    if (!running->ending && running->daemon.log != NULL && event_log_failed(running->daemon.log)) {
        report(LEVEL_ERROR, "the log takes nothing more in: ending, so that whoever looks after this daemon starts it "
                            "again and the log is compared with the disk");
        daemon_stop(&running->daemon, FELLOE_STORAGE);
    }
}

/* What another session's passphrase opens is here all the same. */
static size_t without_held(struct keyring *keyring, struct key_id *ids, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (!keyring_holds(keyring, &ids[i], NULL))
            ids[kept++] = ids[i];
    return kept;
}

static void ask_for_keys(struct daemon *daemon)
{
    struct key_id missing[KEYS_MAX];
    char site[SLUG_MAX + 1];
    struct log_reader *reader = log_reader_begin(daemon->log, NULL);
    for (size_t i = 0; reader != NULL && log_site_at(reader, i, site); i++) {
        size_t count = projector_missing_keys(daemon->projector, bytes_str(site), missing, KEYS_MAX);
        count = without_held(daemon->keyring, missing, count);
        if (count > 0)
            driver_need_keys(daemon->driver, bytes_str(site), missing, count);
    }
    log_reader_end(reader);
}

/* What came may not have been the key; the views do not change then, so it is asked for again by the clock. */
static void ask_again(void *context)
{
    struct running *running = context;
    if (running->daemon.driver != NULL && running->daemon.projector != NULL)
        ask_for_keys(&running->daemon);
    loop_timer_set(running->keys_again, KEYS_AGAIN_MS);
}

static void views_changed(void *context)
{
    struct daemon *daemon = &((struct running *)context)->daemon;
    worked(context);
    if (daemon->control != NULL)
        control_server_changed(daemon->control);
    if (daemon->driver != NULL && daemon->projector != NULL && daemon->config.role == ROLE_SPOKE)
        ask_for_keys(daemon);
    if (daemon->driver != NULL && daemon->projector != NULL)
        driver_views_changed(daemon->driver);
}

/* ---- signals ---- */

static void on_end(void *context)
{
    daemon_stop(context, FELLOE_OK);
}

/* ---- systemd ---- */

static void beat_done(struct log_job *job)
{
    struct running *running = job->context;
    running->beating = false;
    sd_notify(0, "WATCHDOG=1");
}

/* Tells systemd that all is well only when the log's writer has just answered, with nothing to write. */
static void beat(void *context)
{
    struct running *running = context;
    loop_timer_set(running->watchdog, running->watchdog_ms);
    if (running->beating || running->daemon.log == NULL)
        return;
    running->beating = true;
    running->beat = (struct log_job){.kind = LOG_KEEP_KEYS, .done = beat_done, .context = running};
    event_log_submit(running->daemon.log, &running->beat);
}

static void start_watchdog(struct running *running)
{
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) <= 0)
        return;
    running->watchdog_ms = limit_us / 1000 / 3;
    running->watchdog = loop_timer_new(&running->loop, beat, running);
    if (running->watchdog != NULL)
        beat(running);
}

/* ---- opening ---- */

static enum felloe_code check_directory(const char *dir, struct felloe_error *error)
{
    struct stat info;
    if (stat(dir, &info) == 0 && (info.st_mode & 077) != 0)
        report(LEVEL_WARNING, "%s can be read by others (mode %03o): chmod 700 it", dir, (unsigned)info.st_mode & 0777);
    (void)error;
    return FELLOE_OK;
}

static enum felloe_code check_identity(const struct daemon *daemon, struct felloe_error *error)
{
    const struct identity *me = &daemon->identity;
    if (me->role != daemon->config.role)
        return felloe_fail(error, FELLOE_INVALID, "felloe.conf says role = %s, but %s was made %s",
                           daemon->config.role == ROLE_HUB ? "hub" : "spoke", daemon->dir,
                           me->role == ROLE_HUB ? "a hub" : "a laptop's");
    if (me->role == ROLE_SPOKE && !me->joined)
        return felloe_fail(error, FELLOE_NOT_FOUND,
                           "%s has not joined a hub yet. Run its join again: felloe --dir %s join "
                           "TICKET",
                           daemon->dir, daemon->dir);
    return FELLOE_OK;
}

/* Whoever finds damage tells what; what to do now is the same for all of it. */
static enum felloe_code tell_way_on(const struct daemon *daemon, enum felloe_code code, struct felloe_error *error)
{
    char what[sizeof error->message];
    if (code != FELLOE_DAMAGED || error == NULL)
        return code;
    snprintf(what, sizeof what, "%s", error->message);
    return felloe_fail(error, code, "%s. Nothing was changed. To make whole what can be: felloe --dir %s repair", what,
                       daemon->dir);
}

static enum felloe_code open_keyring(struct daemon *daemon, struct felloe_error *error)
{
    const uint8_t *key = identity_keyring_key(&daemon->identity);
    enum felloe_code code = keyring_open(&daemon->keyring, daemon->dir, key, error);
    if (code == FELLOE_OK)
        daemon_take_in_keys(daemon);
    return tell_way_on(daemon, code, error);
}

/* A laptop whose passphrase nobody has typed yet starts locked: it shares and receives, and shows nothing. */
static enum felloe_code open_keys(struct daemon *daemon, struct felloe_error *error)
{
    const struct vault_opening opening = {
        .dir = daemon->dir, .way = daemon->config.unlock, .now_ms = clock_wall_ms()};
    if (sodium_mlock(&daemon->identity, sizeof daemon->identity) != 0)
        report(LEVEL_DEBUG, "the keys could not be locked into memory (LimitMEMLOCK): they may reach swap");
    enum felloe_code code = identity_load(&daemon->identity, daemon->dir, error);
    if (code == FELLOE_NOT_FOUND)
        return felloe_fail(error, code,
                           "%s/identity is missing: it says who this device is. Put it back from a backup of the keys: "
                           "felloe --dir %s restore --keys KEYFILE",
                           daemon->dir, daemon->dir);
    if (code == FELLOE_OK)
        code = check_identity(daemon, error);
    if (code == FELLOE_OK)
        code = vault_open_directory(&opening, &daemon->identity, NULL, error);
    if (code != FELLOE_OK)
        return code;
    memcpy(daemon->worker, daemon->identity.worker, sizeof daemon->worker);
    daemon->whole = !daemon->identity.locked;
    return open_keyring(daemon, error);
}

static enum felloe_code open_log(struct daemon *daemon, uint64_t commits, struct felloe_error *error)
{
    const struct event_log_config config = {.dir = daemon->dir,
                                            .identity = &daemon->identity,
                                            .keyring = daemon->keyring,
                                            .completions = &daemon->completions,
                                            .commits = commits};
    daemon_wrap_keys(daemon);
    enum felloe_code code = tell_way_on(daemon, event_log_open(&daemon->log, &config, error), error);
    if (code == FELLOE_OK)
        terms_look_at_log(daemon);
    return code;
}

static enum felloe_code open_views(struct running *running, struct felloe_error *error)
{
    struct daemon *daemon = &running->daemon;
    const struct projector_config config = {.dir = daemon->dir,
                                            .log = daemon->log,
                                            .keyring = daemon->keyring,
                                            .identity = &daemon->identity,
                                            .changed = loop_wake_signal,
                                            .context = running->changed};
    return projector_open(&daemon->projector, &config, error);
}

static enum felloe_code open_loop(struct running *running, struct felloe_error *error)
{
    uv_loop_t *loop = &running->loop;
    running->daemon.pool = pool_new(loop);
    running->completed = loop_wake_new(loop, complete_jobs, running);
    running->changed = loop_wake_new(loop, views_changed, running);
    running->term = loop_signal_new(loop, SIGTERM, on_end, &running->daemon);
    running->interrupt = loop_signal_new(loop, SIGINT, on_end, &running->daemon);
    running->hangup = loop_signal_new(loop, SIGHUP, daemon_on_hangup, &running->daemon);
    running->keys_again = loop_timer_new(loop, ask_again, running);
    running->give_back = loop_timer_new(loop, give_back, running);
    running->idle = loop_timer_new(loop, daemon_on_idle, running);
    bool fine = running->daemon.pool != NULL && running->keys_again != NULL && running->idle != NULL &&
                running->completed != NULL && running->changed != NULL && running->term != NULL &&
                running->interrupt != NULL && running->hangup != NULL;
    running->daemon.completions.context = running->completed;
    return fine ? FELLOE_OK : felloe_fail(error, FELLOE_FAILED, "no event loop can be had: %s", strerror(errno));
}

static void open_terms(struct daemon *daemon)
{
    hub_keys_turn(daemon);
    terms_open(daemon);
    hub_keys_open(daemon);
}

static enum felloe_code open_all(struct running *running, struct felloe_error *error)
{
    struct daemon *daemon = &running->daemon;
    enum felloe_code code = config_load(&daemon->config, daemon->dir, error);
    if (code != FELLOE_OK)
        return code;
    report_level(daemon->config.level);
    running->lock = lock_take(daemon->dir, error);
    if (running->lock < 0)
        return error->code;
    code = check_directory(daemon->dir, error);
    if (code == FELLOE_OK)
        code = open_loop(running, error);
    if (code == FELLOE_OK) /* a repair or a restore that was interrupted may not have put its log in place yet */
        code = swap_settle(daemon->dir, error);
    if (code == FELLOE_OK)
        code = open_keys(daemon, error);
    if (code == FELLOE_OK)
        open_terms(daemon);
    if (code == FELLOE_OK)
        lease_open(daemon);
    if (code == FELLOE_OK)
        code = open_log(daemon, 0, error);
    if (code == FELLOE_OK && !daemon->identity.locked)
        code = open_views(running, error);
    if (code == FELLOE_OK)
        code = control_server_open(&daemon->control, daemon, error);
    if (code == FELLOE_OK)
        code = driver_open(&daemon->driver, daemon, error);
    if (code == FELLOE_OK && daemon->config.role == ROLE_SPOKE)
        loop_timer_set(running->keys_again, KEYS_AGAIN_MS);
    if (code == FELLOE_OK)
        daemon_watch_idle(running);
    return code;
}

/* ---- closing ---- */

/* The driver, the views and the log: what has to begin anew when the log has another epoch or incarnation. */
static bool close_log(struct running *running)
{
    struct daemon *daemon = &running->daemon;
    driver_close(daemon->driver);
    daemon->driver = NULL;
    if (daemon->projector != NULL)
        projector_close(daemon->projector);
    daemon->projector = NULL;
    const bool whole = event_log_close(daemon->log);
    daemon->log = NULL;
    complete_jobs(running); /* what the log finished at last */
    return whole;
}

/* False: the disk did not take all of the log. */
static bool close_all(struct running *running)
{
    struct daemon *daemon = &running->daemon;
    control_server_close(daemon->control);
    daemon->control = NULL;
    const bool whole = close_log(running);
    audit_close(daemon);
    loop_timer_free(running->watchdog);
    loop_timer_free(running->keys_again);
    loop_timer_free(running->give_back);
    lease_close(daemon);
    hub_keys_close(daemon);
    loop_timer_free(running->idle);
    if (daemon->keyring != NULL)
        keyring_close(daemon->keyring);
    pool_free(daemon->pool);
    loop_wake_free(running->completed);
    loop_wake_free(running->changed);
    loop_signal_free(running->term);
    loop_signal_free(running->interrupt);
    loop_signal_free(running->hangup);
    uv_run(&running->loop, UV_RUN_DEFAULT);
    uv_loop_close(&running->loop);
    queue_destroy(&daemon->completions);
    daemon_drop_opened(running);
    identity_clear(&daemon->identity);
    sodium_munlock(&daemon->identity, sizeof daemon->identity);
    if (running->lock >= 0)
        close(running->lock);
    return whole;
}

/* ---- again ---- */

static enum felloe_code open_log_again(struct running *running, uint64_t commits)
{
    struct daemon *daemon = &running->daemon;
    enum felloe_code code = FELLOE_OK;
    if (running->opened != NULL) {
        keyring_close(daemon->keyring);
        daemon->keyring = NULL;
        daemon_take_opened(running);
        code = open_keyring(daemon, &running->error);
    }
    if (code == FELLOE_OK)
        code = open_log(daemon, commits, &running->error);
    if (code == FELLOE_OK && !daemon->identity.locked)
        code = open_views(running, &running->error);
    if (code == FELLOE_OK)
        code = driver_open(&daemon->driver, daemon, &running->error);
    return code;
}

static void tell_serving(const struct daemon *daemon, const char *first)
{
    sd_notifyf(0, "%sSTATUS=Serving %s%s", first, daemon->dir, daemon->identity.locked ? " (locked)" : "");
}

/* Clients of the local socket keep their connections, and wait; the lock is never let go of. */
static void begin_again(struct running *running)
{
    struct daemon *daemon = &running->daemon;
    sd_notify(0, "STATUS=Opening the log again");
    control_server_pause(daemon->control);
    bool unlocks = running->opened != NULL;
    enum felloe_code code = FELLOE_OK;
    if (!running->ending) {
        uint64_t commits = event_log_commits(daemon->log) + 1; /* whoever follows looks again */
        close_log(running);
        open_terms(daemon);
        code = open_log_again(running, commits);
    }
    running->again = false;
    if (code != FELLOE_OK) {
        daemon_stop(daemon, code);
        return;
    }
    control_server_resume(daemon->control);
    sites_add_new(daemon);
    if (running->hung_up)
        daemon_read_config(daemon);
    running->hung_up = false;
    tell_serving(daemon, "");
    report(LEVEL_INFO, unlocks ? "unlocked by %s" : "the log was opened again", daemon->worker);
}

static void serve(struct running *running)
{
    struct daemon *daemon = &running->daemon;
    bool hub = daemon->config.role == ROLE_HUB;
    sites_add_new(daemon);
    report(LEVEL_INFO, "%s “%s” serves %s%s", hub ? "hub" : "laptop", daemon->identity.label, daemon->dir,
           daemon->identity.locked ? ", locked: felloe unlock opens the record" : "");
    tell_serving(daemon, "READY=1\n");
    start_watchdog(running);
    while (!running->ending) {
        uv_run(&running->loop, UV_RUN_DEFAULT);
        if (running->again && !running->ending)
            begin_again(running);
    }
    if (running->anew)
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Locking", uv_hrtime() / 1000);
    else
        sd_notify(0, "STOPPING=1");
    report(running->code == FELLOE_OK ? LEVEL_INFO : LEVEL_ERROR, running->anew ? "starting again, locked" : "ending");
}

enum felloe_code daemon_run(const char *dir, struct felloe_error *error)
{
    struct running *running = calloc(1, sizeof *running);
    if (running == NULL || uv_loop_init(&running->loop) != 0) {
        free(running);
        return felloe_fail(error, FELLOE_FAILED, "no event loop can be had");
    }
    running->lock = -1;
    running->daemon.used_ms = clock_steady_ms();
    running->daemon.dir = dir;
    running->daemon.loop = &running->loop;
    running->daemon.settle_numbers = settle_numbers_new(); /* without them nothing has one */
    queue_init(&running->daemon.completions, loop_wake_signal, NULL);
    enum felloe_code code = open_all(running, error);
    if (code == FELLOE_OK) {
        serve(running);
        code = running->code;
        if (running->error.code != FELLOE_OK)
            *error = running->error;
        else if (code != FELLOE_OK)
            felloe_fail(error, code, "%s cannot be served any longer; start it again", dir);
    }
    if (!close_all(running) && code == FELLOE_OK)
        code = felloe_fail(error, FELLOE_STORAGE, "the disk did not take all of %s at the end. Check it, and start "
                           "the daemon again: what was said to be saved is in the journal beside the log", dir);
    settle_numbers_free(running->daemon.settle_numbers);
    bool anew = running->anew && code == FELLOE_OK;
    free(running);
    return anew ? daemon_start_anew(error) : code;
}
