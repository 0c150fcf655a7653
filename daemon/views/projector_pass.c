/* SPDX-License-Identifier: Apache-2.0 */
/* A pass over all sites: of those that have news a step each is folded and committed, and what came of it is published.
 *
 * `seen`, which new events will carry, moves only after the commit of what it counts: nobody can have seen what no
 * query could have shown. */
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/report.h"
#include "daemon/views/erased.h"
#include "daemon/views/projector_state.h"

struct site_state *projector_site(struct projector *p, struct bytes site)
{
    for (size_t i = 0; i < p->site_count; i++)
        if (bytes_is(site, p->sites[i].site))
            return &p->sites[i];
    return NULL;
}

static struct site_state *add_site(struct projector *p, struct bytes site)
{
    struct site_state *state = projector_site(p, site);
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
        if (!keyring_holds(p->config.keyring, &key, NULL) && !keyring_erased(p->config.keyring, &key, NULL) &&
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
    const struct site_state *state = projector_site(p, site); /* only this thread makes room for others */
    if (state == NULL || !state->settled || views_damaged(p->views) || !views_are_open(p->views))
        return false;
    log_reach(reader, site, &reach);
    return reach.own_seq == state->reach.own_seq && seen_includes(&reach.seen, &state->reach.seen) &&
           seen_includes(&state->reach.seen, &reach.seen);
}

static void settle(struct projector *p, struct bytes site, bool settled, const struct views_cursor *reach)
{
    struct site_state *state = projector_site(p, site);
    if (state != NULL) {
        state->settled = settled;
        state->reach = *reach;
    }
}

void projector_unsettle(struct projector *p)
{
    for (size_t i = 0; i < p->site_count; i++)
        p->sites[i].settled = false;
}

enum folding {
    FOLDED,
    FOLD_LATER,   /* for want of room, say: it is tried again in a while */
    FOLD_SPOILED, /* the views are to be made again */
    FOLD_HELD_UP  /* what this site's log has next cannot be read; the other sites' are */
};

/* Only what happened to the views has them made again. For want of memory, or room, they are as they were. */
static enum folding views_failed(enum store_outcome outcome, const struct felloe_error *error)
{
    return outcome == STORE_FULL || error->code == FELLOE_FAILED ? FOLD_LATER : FOLD_SPOILED;
}

static enum folding held_up(struct bytes site, const struct felloe_error *unread, struct felloe_error *error)
{
    if (unread->code != FELLOE_DAMAGED) {
        *error = *unread;
        return FOLD_LATER;
    }
    felloe_fail(error, FELLOE_DAMAGED, "What %.*s has next cannot be shown: %s.", (int)site.len,
                (const char *)site.data, unread->message);
    return FOLD_HELD_UP;
}

/* Ends the transaction of a step that failed. */
static enum folding give_up(struct fold_step *step, struct felloe_error *error)
{
    const enum store_outcome outcome = store_failed(step->views->store, error);
    views_end(step->views);
    if (outcome != STORE_DONE)
        return views_failed(outcome, error);
    if (step->unread.code != FELLOE_OK)
        return held_up(step->site, &step->unread, error);
    felloe_fail(error, FELLOE_FAILED, "Memory ran out while the views were brought up to date.");
    return FOLD_LATER;
}

static enum folding fold_in_txn(struct projector *p, struct log_reader *reader, struct bytes site,
                                struct fold_step *step, struct felloe_error *error)
{
    struct views_txn txn;
    struct views_cursor reach;
    struct felloe_error unread = {0};
    log_reach(reader, site, &reach);
    if (log_reader_tell(reader, &unread))
        return held_up(site, &unread, error);
    if (views_write(p->views, &txn, error) != FELLOE_OK)
        return error->code == FELLOE_DAMAGED ? FOLD_SPOILED : FOLD_LATER;
    *step = (struct fold_step){.log = p->config.log, .keyring = p->config.keyring, .reader = reader, .views = &txn,
                               .identity = p->config.identity, .site = site,
                               .most = p->config.step_events, .goes_on = gather_will_go_on(p)};
    if (step->most == 0 && !step->goes_on)
        step->most = PROJECTOR_TURN_EVENTS;
    if (p->fewer != 0 && (step->most == 0 || step->most > p->fewer))
        step->most = p->fewer;
    views_get_cursor(&txn, site, &step->cursor);
    if (is_ahead(&reach, &step->cursor)) {
        views_end(&txn);
        felloe_fail(error, FELLOE_DAMAGED, "The views are ahead of the log.");
        return FOLD_SPOILED;
    }
    if (!fold_site(p->work, step))
        return give_up(step, error);
    if (step->erased->count > 0)
        fold_work_stop(p->work);
    if (erased_carry_out(step->erased, p->config.keyring, reader, &txn, error) != FELLOE_OK) {
        struct felloe_error why = {0};
        const enum store_outcome outcome = store_failed(txn.store, &why);
        views_end(&txn);
        if (outcome == STORE_DONE)
            return FOLD_LATER; /* the cursor does not pass them */
        *error = why;
        return views_failed(outcome, error);
    }
    const bool settled = !publish_missing(p, &txn, site) && !step->more;
    settle(p, site, settled && step->taken == 0, &reach);
    if (step->taken == 0) {
        views_end(&txn);
        return FOLDED;
    }
    const enum store_outcome outcome = views_commit(&txn, error);
    if (outcome != STORE_DONE)
        return views_failed(outcome, error);
    settle(p, site, settled, &reach);
    return FOLDED;
}

/* There was no memory for as many, of which `taken` were folded. */
static void take_fewer(struct projector *p, size_t taken)
{
    size_t most = p->fewer != 0 ? p->fewer : FOLD_WHOLE_MAX;
    if (taken > 0 && taken < most)
        most = taken;
    p->fewer = most / 2 > PROJECTOR_FEWEST ? most / 2 : PROJECTOR_FEWEST;
}

static enum folding fold_one_site(struct projector *p, struct bytes site, enum pass *pass, struct felloe_error *error)
{
    struct fold_step step = {0};
    struct log_reader *reader = log_reader_begin(p->config.log, error);
    if (!reader)
        return FOLD_LATER;
    const enum folding folding = fold_in_txn(p, reader, site, &step, error);
    log_reader_end(reader);
    if (folding == FOLD_LATER && error->code == FELLOE_FAILED)
        take_fewer(p, step.taken);
    if (folding != FOLDED)
        return folding;
    publish(p, site, &step.cursor, step.ahead);
    publish_shared(p, &step);
    if (step.taken > p->most_taken)
        p->most_taken = step.taken;
    if (step.more)
        *pass = PASS_MORE;
    else if (step.taken > 0 && *pass == PASS_IDLE)
        *pass = PASS_ALL;
    return FOLDED;
}

/* The log goes on as another incarnation, and is about to be opened again: so will be the views, for its own events. */
static bool is_over(struct projector *p)
{
    return event_log_incarnation(p->config.log) != p->incarnation;
}

/* The one first in which erasures are told. */
size_t projector_sites(struct log_reader *reader, char sites[SITES_MAX][SLUG_MAX + 1])
{
    size_t count = 0;
    for (; count < SITES_MAX && log_site_at(reader, count, sites[count]); count++)
        if (count > 0 && strcmp(sites[count], ERASURE_SITE) == 0) {
            memcpy(sites[count], sites[0], sizeof sites[0]);
            memcpy(sites[0], ERASURE_SITE, sizeof ERASURE_SITE);
        }
    return count;
}

void projector_set_stuck(struct projector *p, const struct felloe_error *error)
{
    pthread_mutex_lock(&p->mutex);
    bool news = p->stuck.code != error->code;
    p->stuck = *error;
    pthread_mutex_unlock(&p->mutex);
    if (news && error->code != FELLOE_OK)
        report(LEVEL_ERROR, "the views do not get on: %s", error->message);
}

static enum felloe_code make_again(struct projector *p, struct felloe_error *error)
{
    report(LEVEL_WARNING, "the views are made again from the log: %s", error->message);
    pthread_mutex_lock(&p->mutex);
    p->has_any = false;
    p->has_commits = 0;
    projector_unsettle(p);
    pthread_mutex_unlock(&p->mutex);
    fold_work_stop(p->work);
    return views_wipe(p->views, error);
}

/* Once over all sites, a step each, so that a large site does not keep the others waiting. They wait for the first one
 * alone: what is folded of nobody who was erased need not be taken out again. */
enum pass projector_pass(struct projector *p)
{
    char sites[SITES_MAX][SLUG_MAX + 1];
    struct felloe_error error = {0}, stuck = {0};
    enum pass pass = PASS_IDLE;
    struct log_reader *reader = log_reader_begin(p->config.log, &error);
    if (!reader) {
        projector_set_stuck(p, &error);
        return PASS_FAILED;
    }
    bool settled[SITES_MAX];
    size_t count = projector_sites(reader, sites);
    for (size_t i = 0; i < count; i++)
        settled[i] = is_settled(p, reader, bytes_str(sites[i]));
    log_reader_end(reader);
    for (size_t i = 0; i < count; i++) {
        enum folding folding = FOLD_SPOILED;
        if (settled[i])
            continue;
        if (views_damaged(p->views))
            felloe_fail(&error, FELLOE_DAMAGED, "Something in them cannot be read.");
        else if (views_are_open(p->views))
            folding = fold_one_site(p, bytes_str(sites[i]), &pass, &error);
        else
            felloe_fail(&error, FELLOE_DAMAGED, "They could not be opened.");
        if (is_over(p))
            return PASS_FAILED;
        if (folding == FOLD_HELD_UP)
            stuck = error;
        if (folding == FOLD_SPOILED)
            pass = PASS_MORE;
        if (folding == FOLD_LATER || (folding == FOLD_SPOILED && make_again(p, &error) != FELLOE_OK)) {
            projector_set_stuck(p, &error);
            return PASS_FAILED;
        }
        if (i == 0 && pass == PASS_MORE && strcmp(sites[0], ERASURE_SITE) == 0)
            break;
    }
    projector_set_stuck(p, &stuck);
    if (stuck.code == FELLOE_OK && pass != PASS_MORE)
        p->fewer = 0;
    return stuck.code == FELLOE_OK ? pass : PASS_FAILED;
}

/* What the views already hold counts as seen from the first moment on. */
void projector_publish_kept(struct projector *p)
{
    char sites[SITES_MAX][SLUG_MAX + 1];
    struct views_txn txn;
    struct felloe_error error;
    struct log_reader *reader = log_reader_begin(p->config.log, &error);
    if (!reader)
        return;
    size_t count = projector_sites(reader, sites);
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
