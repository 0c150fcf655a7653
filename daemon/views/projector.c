/* SPDX-License-Identifier: Apache-2.0 */
/* The projector's thread: wakes when the log has news, folds pass by pass (projector_pass.c) until there is none, and
 * says how far it is. */
#include "daemon/views/projector.h"

#include <stdlib.h>
#include "daemon/daemon.h"
#include "daemon/views/erased.h"
#include "daemon/views/projector_state.h"
#include "daemon/report.h"

/* How long to wait before trying again what failed (disk full, no reader). */
#define RETRY_MS 2000

/* ---- the thread ---- */

static void wipe_if_asked(struct projector *p)
{
    struct felloe_error error = {0};
    pthread_mutex_lock(&p->mutex);
    bool wipe = p->wipe;
    p->wipe = false;
    for (size_t i = 0; wipe && i < p->site_count; i++)
        p->sites[i].folded = 0;
    if (wipe)
        projector_unsettle(p);
    pthread_mutex_unlock(&p->mutex);
    if (wipe && views_wipe(p->views, &error) != FELLOE_OK)
        projector_set_stuck(p, &error);
}

/* With the mutex held: a while before it is tried again. */
static void wait_a_while(struct projector *p)
{
    gather_wait_ms(p, RETRY_MS);
    p->gather.asked = true;
}

/* Until nothing is left, or there is time for what is. While events keep coming and somebody waits it never ends, and
 * still says after each pass how far it is. */
static void fold_until_done(struct projector *p)
{
    bool on;
    do {
        uint64_t commits = event_log_commits(p->config.log);
        enum pass pass = projector_pass(p);
        pthread_mutex_lock(&p->mutex);
        if ((pass == PASS_IDLE || pass == PASS_ALL) && !p->wipe)
            p->has_commits = commits, p->has_any = true;
        if (pass == PASS_FAILED)
            wait_a_while(p);
        on = (pass == PASS_ALL || pass == PASS_MORE) && gather_goes_on(p, pass == PASS_MORE);
        pthread_mutex_unlock(&p->mutex);
        if (p->config.changed)
            p->config.changed(p->config.context);
    } while (on);
    fold_work_stop(p->work);
}

static void *run(void *context)
{
    struct projector *p = context;
    bool to_compact = false;
    pthread_mutex_lock(&p->mutex);
    for (;;) {
        const uint64_t compact = to_compact ? clock_steady_ms() + PROJECTOR_COMPACT_MS : UINT64_MAX;
        const uint64_t rest = p->rest_ms != 0 ? p->rest_ms : UINT64_MAX;
        const bool to_fold = gather_wait(p, compact < rest ? compact : rest);
        if (p->stop)
            break;
        pthread_mutex_unlock(&p->mutex);
        if (to_fold) {
            wipe_if_asked(p);
            projector_do_asked(p);
            fold_until_done(p);
            projector_rest_later(p);
        }
        to_compact = projector_compact(p);
        projector_slim(p);
        projector_rest(p);
        pthread_mutex_lock(&p->mutex);
    }
    pthread_mutex_unlock(&p->mutex);
    return NULL;
}

enum felloe_code projector_open(struct projector **out, const struct projector_config *config,
                                struct felloe_error *error)
{
    struct projector *p = calloc(1, sizeof *p);
    if (!p)
        return felloe_fail(error, FELLOE_FAILED, "Memory ran out while opening the views.");
    p->config = *config;
    p->incarnation = event_log_incarnation(config->log);
    p->shared_all = true;
    denied_init(&p->denied);
    pthread_mutex_init(&p->mutex, NULL);
    gather_init(p);
    p->work = fold_work_new();
    const struct views_options options = {config->dir, config->keyring, config->identity,
                                          p->incarnation};
    /* First: nothing is opened with the key of somebody who was erased, whatever keyring was put back. */
    enum felloe_code code = p->work ? erased_at_start(config->log, config->keyring, config->identity, error)
                                    : felloe_fail(error, FELLOE_FAILED, "Memory ran out while opening the views.");
    if (code == FELLOE_OK)
        code = views_open(&p->views, &options, error);
    if (code == FELLOE_OK) {
        projector_publish_kept(p);
        if (pthread_create(&p->thread, NULL, run, p) == 0) {
            *out = p;
            return FELLOE_OK;
        }
        code = felloe_fail(error, FELLOE_FAILED, "Cannot start the thread that keeps the views.");
    }
    views_close(p->views);
    fold_work_free(p->work);
    denied_release(&p->denied);
    free(p->sites);
    free(p);
    return code;
}

void projector_close(struct projector *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stop = true;
    pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->thread, NULL);
    views_close(p->views);
    fold_work_free(p->work);
    denied_release(&p->denied);
    pthread_cond_destroy(&p->woken);
    pthread_mutex_destroy(&p->mutex);
    free(p->sites);
    free(p);
}

/* ---- for the others ---- */

struct views *projector_views(struct projector *p)
{
    return p->views;
}

void projector_rebuild(struct projector *p)
{
    pthread_mutex_lock(&p->mutex);
    p->wipe = true;
    p->has_any = false;
    p->has_commits = 0;
    for (size_t i = 0; i < p->site_count; i++)
        p->sites[i].folded = 0;
    pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->mutex);
}

static uint64_t total_of(struct log_reader *reader, struct bytes site)
{
    struct log_head heads[SEEN_MAX];
    struct stream_head own = {0};
    uint64_t total = 0, shared;
    int64_t oldest;
    size_t count = log_heads(reader, site, heads);
    for (size_t i = 0; i < count; i++)
        total += heads[i].at.n;
    if (log_own(reader, site, &own, &shared, &oldest))
        total += own.seq;
    return total;
}

void projector_progress(struct projector *p, uint64_t *folded, uint64_t *total)
{
    char sites[SITES_MAX][SLUG_MAX + 1];
    *folded = *total = 0;
    struct log_reader *reader = log_reader_begin(p->config.log, NULL);
    const size_t count = reader != NULL ? projector_sites(reader, sites) : 0;
    for (size_t i = 0; i < count; i++)
        *total += total_of(reader, bytes_str(sites[i]));
    if (reader != NULL)
        log_reader_end(reader);
    pthread_mutex_lock(&p->mutex);
    for (size_t i = 0; i < p->site_count; i++)
        *folded += p->sites[i].folded;
    pthread_mutex_unlock(&p->mutex);
}

void projector_seen(struct projector *p, struct bytes site, struct seen *out)
{
    *out = (struct seen){0};
    pthread_mutex_lock(&p->mutex);
    const struct site_state *state = projector_site(p, site);
    if (state)
        *out = state->seen;
    pthread_mutex_unlock(&p->mutex);
}

bool projector_has(struct projector *p, uint64_t commits)
{
    pthread_mutex_lock(&p->mutex);
    bool has = !p->wipe && p->has_any && p->has_commits >= commits;
    pthread_mutex_unlock(&p->mutex);
    return has;
}

bool projector_stuck(struct projector *p, struct felloe_error *error)
{
    pthread_mutex_lock(&p->mutex);
    bool stuck = p->stuck.code != FELLOE_OK;
    if (stuck && error)
        *error = p->stuck;
    pthread_mutex_unlock(&p->mutex);
    return stuck;
}

size_t projector_missing_keys(struct projector *p, struct bytes site, struct key_id *out, size_t max)
{
    size_t count = 0;
    pthread_mutex_lock(&p->mutex);
    const struct site_state *state = projector_site(p, site);
    for (; state && count < state->missing_count && count < max; count++)
        out[count] = state->missing[count];
    pthread_mutex_unlock(&p->mutex);
    return count;
}

void projector_deny_keys(struct projector *p, struct bytes site, const struct key_id *ids, size_t count)
{
    denied_add(&p->denied, site, ids, count);
    projector_poke(p); /* others may be missing, which there was no room for */
}

void projector_deny_nothing(struct projector *p)
{
    denied_clear(&p->denied);
    projector_poke(p);
}

bool projector_denies(struct projector *p, struct bytes site, const struct key_id *id)
{
    return denied_has(&p->denied, site, id);
}
