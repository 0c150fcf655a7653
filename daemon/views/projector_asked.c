/* SPDX-License-Identifier: Apache-2.0 */
/* What others ask the projector's thread to do, and do not wait for; and what it does in its own time. */
#include "daemon/daemon.h"
#include "daemon/report.h"
#include "daemon/views/projector_state.h"
#include "daemon/views/views_witness.h"

static void forget_person(struct views_txn *txn, struct log_reader *reader, const struct person_id *person)
{
    char site[SLUG_MAX + 1];
    for (size_t i = 0; log_site_at(reader, i, site); i++) {
        views_drop_subject(txn, bytes_str(site), person);
        views_put_restricted(txn, bytes_str(site), person, NULL);
    }
}

static void forget_if_asked(struct projector *p)
{
    struct person_id people[PROJECTOR_SHARED_MAX];
    struct views_txn txn;
    struct felloe_error error;
    pthread_mutex_lock(&p->mutex);
    size_t count = p->forget_count;
    memcpy(people, p->forget, count * sizeof *people);
    p->forget_count = 0;
    pthread_mutex_unlock(&p->mutex);
    if (count == 0 || !views_are_open(p->views) || views_write(p->views, &txn, &error) != FELLOE_OK)
        return;
    struct log_reader *reader = log_reader_begin(p->config.log, &error);
    for (size_t i = 0; reader != NULL && i < count; i++)
        forget_person(&txn, reader, &people[i]);
    log_reader_end(reader);
    if (txn.no_memory) {
        views_end(&txn); /* whoever asked finds them there, and asks again */
        return;
    }
    if (views_commit(&txn, &error) != STORE_DONE)
        report(LEVEL_WARNING, "what is kept of people who moved could not be taken out of the views: %s",
               error.message);
}

static void verified_if_asked(struct projector *p)
{
    struct views_txn txn;
    struct felloe_error error;
    char site[SLUG_MAX + 1];
    pthread_mutex_lock(&p->mutex);
    const bool verified = p->verified;
    p->verified = false;
    pthread_mutex_unlock(&p->mutex);
    if (!verified || !views_are_open(p->views) || views_write(p->views, &txn, &error) != FELLOE_OK)
        return;
    struct log_reader *reader = log_reader_begin(p->config.log, &error);
    for (size_t i = 0; reader != NULL && log_site_at(reader, i, site); i++)
        views_witnesses_verified(&txn, bytes_str(site));
    log_reader_end(reader);
    if (views_commit(&txn, &error) != STORE_DONE)
        report(LEVEL_WARNING, "status goes on telling of two stories that were verified: %s", error.message);
}

void projector_do_asked(struct projector *p)
{
    forget_if_asked(p);
    verified_if_asked(p);
}

bool projector_compact(struct projector *p)
{
    struct felloe_error error = {0};
    if (!views_are_open(p->views) || !views_compact_is_due(p->views))
        return false;
    if (clock_steady_ms() < p->compact_from_ms)
        return true;
    enum felloe_code code = views_compact(p->views, &error);
    p->compact_from_ms = clock_steady_ms() + (code == FELLOE_DAMAGED ? PROJECTOR_FAILED_MS : PROJECTOR_COMPACT_MS);
    if (code == FELLOE_DAMAGED) {
        projector_not_taken(p, &error);
        return false;
    }
    if (p->rest_ms == 0) /* also when nothing was folded before it */
        projector_rest_later(p);
    if (code != FELLOE_OK)
        report(LEVEL_WARNING, "what the views had of people who were erased may still lie in their file, sealed: %s",
               error.message);
    return code != FELLOE_OK;
}

void projector_slim(struct projector *p)
{
    struct felloe_error error = {0};
    fold_work_rest(p->work);
    pthread_mutex_lock(&p->mutex);
    const bool goes_on = p->gather.poked; /* more has come: such steps follow, and would need it again */
    pthread_mutex_unlock(&p->mutex);
    if (goes_on || p->most_taken <= PROJECTOR_SLIM_EVENTS || !views_are_open(p->views))
        return;
    p->most_taken = 0;
    if (views_slim(p->views, &error) != FELLOE_OK)
        report(LEVEL_WARNING, "the views could not be opened again: %s", error.message);
}

/* ---- asking ---- */

size_t projector_take_shared(struct projector *p, struct person_id out[PROJECTOR_SHARED_MAX], bool *all)
{
    pthread_mutex_lock(&p->mutex);
    size_t count = p->shared_count;
    memcpy(out, p->shared, count * sizeof *out);
    *all = p->shared_all;
    p->shared_count = 0;
    p->shared_all = false;
    pthread_mutex_unlock(&p->mutex);
    return count;
}

void projector_forget(struct projector *p, const struct person_id *person)
{
    pthread_mutex_lock(&p->mutex);
    if (p->forget_count < PROJECTOR_SHARED_MAX)
        p->forget[p->forget_count++] = *person;
    p->gather.asked = true;
    pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->mutex);
}

void projector_verified(struct projector *p)
{
    pthread_mutex_lock(&p->mutex);
    p->verified = p->gather.asked = true;
    pthread_cond_signal(&p->woken);
    pthread_mutex_unlock(&p->mutex);
}
