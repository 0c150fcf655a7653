/* SPDX-License-Identifier: Apache-2.0 */
/* The projector's thread: wakes when the log has news, folds site by site until there is none, and says how far it is.
 *
 * `seen`, which new events will carry, moves only after the commit of what it counts: nobody can have seen what no
 * query could have shown. */
#include "daemon/views/projector.h"

#include <stdlib.h>
#include "daemon/daemon.h"
#include "daemon/views/erased.h"
#include "daemon/views/projector_state.h"
#include "daemon/report.h"

/* How long to wait before trying again what failed (disk full, no reader). */
#define RETRY_MS 2000

static struct site_state *find_site(struct projector *p, struct bytes site)
{
    for (size_t i = 0; i < p->site_count; i++)
        if (bytes_is(site, p->sites[i].site))
            return &p->sites[i];
    return NULL;
}

static struct site_state *add_site(struct projector *p, struct bytes site)
{
    struct site_state *state = find_site(p, site);
    if (state)
        return state;
    struct site_state *grown = realloc(p->sites, (p->site_count + 1) * sizeof *grown);
    if (!grown)
        return NULL;
    p->sites = grown;
    state = &grown[p->site_count];
    *state = (struct site_state){0};
    if (!bytes_to_text(site, state->site, sizeof state->site))
        return NULL;
    p->site_count++;
    return state;
}

/* ---- publishing ---- */

static uint64_t sum_of(const struct seen *seen)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < seen->count; i++)
        sum += seen->at[i].n;
    return sum;
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

/* `ahead`: events beyond the cursor that are folded already (projector_range.h). */
static void publish(struct projector *p, struct bytes site, const struct views_cursor *cursor, size_t ahead)
{
    pthread_mutex_lock(&p->mutex);
    struct site_state *state = add_site(p, site);
    if (state) {
        /* Never down, also while the views are made again: what people had been shown, they have seen. */
        if (seen_includes(&cursor->seen, &state->seen))
            state->seen = cursor->seen;
        state->folded = sum_of(&cursor->seen) + cursor->own_seq + ahead;
    }
    pthread_mutex_unlock(&p->mutex);
}

/* After the commit of what it counts. */
static void publish_shared(struct projector *p, const struct fold_step *step)
{
    pthread_mutex_lock(&p->mutex);
    for (size_t i = 0; i < step->shared_count && !p->shared_all; i++) {
        size_t at = 0;
        if (i == FOLD_SHARED_MAX || p->shared_count == PROJECTOR_SHARED_MAX) {
            p->shared_all = true;
            break;
        }
        while (at < p->shared_count && !person_id_equal(&p->shared[at], &step->shared[i]))
            at++;
        if (at == p->shared_count)
            p->shared[p->shared_count++] = step->shared[i];
    }
    pthread_mutex_unlock(&p->mutex);
}

/* Collects the keys that events of this site wait for. True: some do. */
static bool publish_missing(struct projector *p, struct views_txn *txn, struct bytes site)
{
    struct key_id from = {{0}}, key;
    struct key_id missing[KEYS_MAX];
    size_t count = 0;
    bool any = false;
    while (count < KEYS_MAX && views_waiting_key(txn, site, &from, &key)) {
        any = true;
        if (!keyring_holds(p->config.keyring, &key) && !keyring_erased(p->config.keyring, &key) &&
            !denied_has(&p->denied, site, &key))
            missing[count++] = key;
        from = key;
        size_t at = sizeof from.b;
        while (at > 0 && ++from.b[--at] == 0)
            ;
    }
    pthread_mutex_lock(&p->mutex);
    struct site_state *state = add_site(p, site);
    if (state) {
        memcpy(state->missing, missing, count * sizeof *missing);
        state->missing_count = count;
    }
    pthread_mutex_unlock(&p->mutex);
    return any;
}

/* ---- folding ---- */

enum pass {
    PASS_IDLE,   /* there was nothing to fold */
    PASS_ALL,    /* all that the log had when it began is folded */
    PASS_MORE,   /* some of it is left */
    PASS_FAILED
};

/* How far the log has come. */
static void log_reach(struct log_reader *reader, struct bytes site, struct views_cursor *out)
{
    struct log_head heads[SEEN_MAX];
    struct stream_head own = {0};
    uint64_t shared;
    int64_t oldest;
    size_t count = log_heads(reader, site, heads);
    *out = (struct views_cursor){0};
    for (size_t i = 0; i < count; i++)
        seen_advance(&out->seen, heads[i].at);
    log_own(reader, site, &own, &shared, &oldest);
    out->own_seq = own.seq;
}

/* Are the views ahead of the log? Then the log was put back from a backup, and they are of another history. */
static bool is_ahead(const struct views_cursor *reach, const struct views_cursor *cursor)
{
    return !seen_includes(&reach->seen, &cursor->seen) || cursor->own_seq > reach->own_seq;
}

/* Most of what comes is of one site; a look at each of the others, to find nothing, cost more than to fold it. */
static bool is_settled(struct projector *p, struct log_reader *reader, struct bytes site)
{
    struct views_cursor reach;
    const struct site_state *state = find_site(p, site); /* only this thread makes room for others */
    if (state == NULL || !state->settled || views_damaged(p->views) || !views_are_open(p->views))
        return false;
    log_reach(reader, site, &reach);
    return reach.own_seq == state->reach.own_seq && seen_includes(&reach.seen, &state->reach.seen) &&
           seen_includes(&state->reach.seen, &reach.seen);
}

static void settle(struct projector *p, struct bytes site, bool settled, const struct views_cursor *reach)
{
    struct site_state *state = find_site(p, site);
    if (state != NULL) {
        state->settled = settled;
        state->reach = *reach;
    }
}

static void unsettle(struct projector *p)
{
    for (size_t i = 0; i < p->site_count; i++)
        p->sites[i].settled = false;
}

static enum felloe_code fold_in_txn(struct projector *p, struct log_reader *reader, struct bytes site,
                                    struct fold_step *step, struct felloe_error *error)
{
    struct views_txn txn;
    struct views_cursor reach;
    log_reach(reader, site, &reach);
    enum felloe_code code = views_write(p->views, &txn, error);
    if (code != FELLOE_OK)
        return code;
    *step = (struct fold_step){.log = p->config.log, .keyring = p->config.keyring, .reader = reader, .views = &txn,
                               .identity = p->config.identity, .site = site,
                               .most = p->config.step_events};
    views_get_cursor(&txn, site, &step->cursor);
    if (is_ahead(&reach, &step->cursor)) {
        views_end(&txn);
        return felloe_fail(error, FELLOE_DAMAGED, "The views are ahead of the log.");
    }
    if (!fold_site(p->work, step)) {
        enum store_outcome outcome = store_failed(txn.store, error);
        views_end(&txn);
        if (outcome == STORE_DONE)
            return felloe_fail(error, FELLOE_FAILED, "Memory ran out while the views were brought up to date.");
        return outcome == STORE_FULL ? FELLOE_STORAGE : FELLOE_DAMAGED;
    }
    code = erased_carry_out(step->erased, p->config.keyring, reader, &txn, error);
    if (code != FELLOE_OK) { /* the cursor does not pass them */
        views_end(&txn);
        return code;
    }
    const bool settled = !publish_missing(p, &txn, site) && !step->more;
    settle(p, site, settled && step->taken == 0, &reach);
    if (step->taken == 0) {
        views_end(&txn);
        return FELLOE_OK;
    }
    switch (views_commit(&txn, error)) {
    case STORE_DONE: settle(p, site, settled, &reach); return FELLOE_OK;
    case STORE_FULL: return FELLOE_STORAGE;
    default: return FELLOE_DAMAGED;
    }
}

static enum felloe_code fold_one_site(struct projector *p, struct bytes site, enum pass *pass,
                                      struct felloe_error *error)
{
    struct fold_step step;
    struct log_reader *reader = log_reader_begin(p->config.log, error);
    if (!reader)
        return error->code;
    enum felloe_code code = fold_in_txn(p, reader, site, &step, error);
    log_reader_end(reader);
    if (code != FELLOE_OK)
        return code;
    publish(p, site, &step.cursor, step.ahead);
    publish_shared(p, &step);
    if (step.taken > p->most_taken)
        p->most_taken = step.taken;
    if (step.more)
        *pass = PASS_MORE;
    else if (step.taken > 0 && *pass == PASS_IDLE)
        *pass = PASS_ALL;
    return FELLOE_OK;
}

/* The log goes on as another incarnation, and is about to be opened again: so will be the views, for its own events. */
static bool is_over(struct projector *p)
{
    return event_log_incarnation(p->config.log) != p->incarnation;
}

/* The one first in which erasures are told. */
static size_t read_sites(struct log_reader *reader, char sites[SITES_MAX][SLUG_MAX + 1])
{
    size_t count = 0;
    for (; count < SITES_MAX && log_site_at(reader, count, sites[count]); count++)
        if (count > 0 && strcmp(sites[count], ERASURE_SITE) == 0) {
            memcpy(sites[count], sites[0], sizeof sites[0]);
            memcpy(sites[0], ERASURE_SITE, sizeof ERASURE_SITE);
        }
    return count;
}

static void set_stuck(struct projector *p, const struct felloe_error *error)
{
    pthread_mutex_lock(&p->mutex);
    bool news = p->stuck.code != error->code;
    p->stuck = *error;
    pthread_mutex_unlock(&p->mutex);
    if (news && error->code != FELLOE_OK)
        report(LEVEL_ERROR, "the views do not get on: %s", error->message);
}

/* Once over all sites, a step each, so that a large site does not keep the others waiting. They wait for the first one
 * alone: what is folded of nobody who was erased need not be taken out again. */
static enum pass fold_all_sites(struct projector *p)
{
    char sites[SITES_MAX][SLUG_MAX + 1];
    struct felloe_error error = {0};
    enum pass pass = PASS_IDLE;
    struct log_reader *reader = log_reader_begin(p->config.log, &error);
    if (!reader) {
        set_stuck(p, &error);
        return PASS_FAILED;
    }
    bool settled[SITES_MAX];
    size_t count = read_sites(reader, sites);
    for (size_t i = 0; i < count; i++)
        settled[i] = is_settled(p, reader, bytes_str(sites[i]));
    log_reader_end(reader);
    for (size_t i = 0; i < count; i++) {
        enum felloe_code code = FELLOE_DAMAGED;
        if (settled[i])
            continue;
        if (views_damaged(p->views))
            felloe_fail(&error, code, "Something in them cannot be read.");
        else if (views_are_open(p->views))
            code = fold_one_site(p, bytes_str(sites[i]), &pass, &error);
        else
            felloe_fail(&error, code, "They could not be opened.");
        if (is_over(p))
            return PASS_FAILED;
        if (code == FELLOE_DAMAGED) {
            report(LEVEL_WARNING, "the views are made again from the log: %s", error.message);
            pthread_mutex_lock(&p->mutex);
            p->has_any = false;
            p->has_commits = 0;
            unsettle(p);
            pthread_mutex_unlock(&p->mutex);
            code = views_wipe(p->views, &error);
            pass = PASS_MORE;
        }
        if (code != FELLOE_OK) {
            error.code = code;
            set_stuck(p, &error);
            return PASS_FAILED;
        }
        if (i == 0 && pass == PASS_MORE && strcmp(sites[0], ERASURE_SITE) == 0)
            break;
    }
    set_stuck(p, &(struct felloe_error){0});
    return pass;
}

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
        unsettle(p);
    pthread_mutex_unlock(&p->mutex);
    if (wipe && views_wipe(p->views, &error) != FELLOE_OK)
        set_stuck(p, &error);
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
        enum pass pass = fold_all_sites(p);
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

/* What the views already hold counts as seen from the first moment on. */
static void publish_kept(struct projector *p)
{
    char sites[SITES_MAX][SLUG_MAX + 1];
    struct views_txn txn;
    struct felloe_error error;
    struct log_reader *reader = log_reader_begin(p->config.log, &error);
    if (!reader)
        return;
    size_t count = read_sites(reader, sites);
    if (views_read(p->views, &txn, &error) == FELLOE_OK) {
        for (size_t i = 0; i < count; i++) {
            struct bytes site = bytes_str(sites[i]);
            struct views_cursor cursor;
            struct views_cursor reach;
            views_get_cursor(&txn, site, &cursor);
            log_reach(reader, site, &reach);
            if (!is_ahead(&reach, &cursor))
                publish(p, site, &cursor, 0);
        }
        views_end(&txn);
    }
    log_reader_end(reader);
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
        publish_kept(p);
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

void projector_progress(struct projector *p, uint64_t *folded, uint64_t *total)
{
    char sites[SITES_MAX][SLUG_MAX + 1];
    *folded = *total = 0;
    struct log_reader *reader = log_reader_begin(p->config.log, NULL);
    const size_t count = reader != NULL ? read_sites(reader, sites) : 0;
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
    const struct site_state *state = find_site(p, site);
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
    const struct site_state *state = find_site(p, site);
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
