/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's next keys, and the moment; see hub_keys.h. */
#include "daemon/hub_keys.h"

#include <errno.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/loop.h"
#include "daemon/report.h"
#include "daemon/store/file.h"
#include "daemon/store/rekey_file.h"

#define FILE_NAME "rekey"
/* The clock may be set meanwhile: it is looked at as often as that. */
#define LOOK_MS 600000

/* True when other keys are to come. */
static bool is_to_come(const struct daemon *daemon, struct rekey_file *file)
{
    struct felloe_error error;
    enum felloe_code code = rekey_load(file, daemon->dir, &daemon->identity, &error);
    if (code != FELLOE_OK && code != FELLOE_NOT_FOUND)
        report(LEVEL_WARNING, "%s; the keys in use are not concerned", error.message);
    return code == FELLOE_OK && !rekey_is_done(file, &daemon->identity);
}

void hub_keys_turn(struct daemon *daemon)
{
    struct rekey_file file;
    struct felloe_error error;
    if (daemon->config.role != ROLE_HUB)
        return;
    if (is_to_come(daemon, &file) && clock_wall_ms() >= file.from_ms) {
        if (rekey_turn(&file, daemon->dir, &daemon->identity, &error) == FELLOE_OK)
            report(LEVEL_INFO, "the hub has its new keys from now on, as it had told; make a new backup of the keys");
        else
            report(LEVEL_ERROR, "the hub's new keys are not used yet: %s", error.message);
    }
    sodium_memzero(&file, sizeof file);
}

static void on_time(void *context)
{
    struct daemon *daemon = context;
    int64_t left = daemon->terms.next_from_ms - clock_wall_ms();
    if (!daemon->terms.renews)
        return;
    if (left <= 0)
        daemon_again(daemon);
    loop_timer_set(daemon->hub_keys_timer, left > 0 && left < LOOK_MS ? (uint64_t)left : LOOK_MS);
}

void hub_keys_open(struct daemon *daemon)
{
    struct rekey_file file;
    struct terms *terms = &daemon->terms;
    if (daemon->config.role != ROLE_HUB)
        return;
    terms->renews = is_to_come(daemon, &file);
    terms->next_from_ms = file.from_ms;
    memcpy(terms->next_curve, file.fresh.curve_public, sizeof terms->next_curve);
    terms->next_box = file.fresh.box;
    sodium_memzero(&file, sizeof file);
    if (!terms->renews)
        return;
    if (daemon->hub_keys_timer == NULL)
        daemon->hub_keys_timer = loop_timer_new(daemon->loop, on_time, daemon);
    if (daemon->hub_keys_timer != NULL)
        on_time(daemon);
}

void hub_keys_close(struct daemon *daemon)
{
    loop_timer_free(daemon->hub_keys_timer);
    daemon->hub_keys_timer = NULL;
}

static void tell(struct daemon *daemon)
{
    hub_keys_open(daemon);
    driver_terms_changed(daemon->driver);
}

enum felloe_code hub_keys_renew(struct daemon *daemon, int64_t from_ms, struct felloe_error *error)
{
    struct rekey_file file;
    char when[48] = "?";
    struct tm parts;
    time_t at = (time_t)(daemon->terms.next_from_ms / 1000);
    if (daemon->terms.renews && localtime_r(&at, &parts) != NULL) {
        strftime(when, sizeof when, "%d %B %Y, %H:%M", &parts);
        return felloe_fail(error, FELLOE_IN_USE,
                           "The hub's keys change already, on %s, and laptops have been told. felloe hub rekey "
                           "--cancel takes that back.",
                           when);
    }
    rekey_make(&file, &daemon->identity, from_ms > 0 ? from_ms : 1);
    enum felloe_code code = rekey_seal_boxes(daemon->dir, &daemon->identity, error);
    if (code == FELLOE_OK)
        code = rekey_save(&file, daemon->dir, error);
    sodium_memzero(&file, sizeof file);
    if (code == FELLOE_OK)
        tell(daemon);
    return code;
}

enum felloe_code hub_keys_renew_not(struct daemon *daemon, struct felloe_error *error)
{
    char path[PATH_MAX];
    if (!daemon->terms.renews)
        return felloe_fail(error, FELLOE_NOT_FOUND, "The hub's keys are not about to change.");
    snprintf(path, sizeof path, "%s/" FILE_NAME, daemon->dir);
    int failed = unlink(path) != 0 ? errno : file_sync_folder(daemon->dir);
    if (failed != 0)
        return felloe_fail(error, FELLOE_STORAGE, "%s could not be removed: %s", path, strerror(failed));
    tell(daemon);
    return FELLOE_OK;
}
