/* SPDX-License-Identifier: Apache-2.0 */
/* People who are with several sites: the hub writes copies of their entries into the logs of the others, a few at a
 * time, and tells its log whose devices may have their keys.
 *
 *   the views have folded --> who is concerned --> what is missing (copy_plan.h, on the pool) --> recorded -->
 *   the views have folded that, too --> the same person again, until nothing is missing
 *
 * Whom it is about is only remembered here while there is something to do; at the start, all are looked at. */
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/sync/copy_plan.h"
#include "daemon/sync/driver_hub.h"
#include "daemon/views/views_shares.h"

/* After something went wrong: memory, a full disk. */
#define COPY_AGAIN_MS 5000u
/* People looked at in one go. */
#define COPY_PEOPLE 32u

/* Work on the pool. */
struct copying {
    struct hub_driver *h;
    struct person_id people[COPY_PEOPLE];
    size_t count, done;       /* how many nothing is missing of */
    struct copy_batch *batch; /* of people[done] */
    bool scan, scanned;       /* looks for all that there are, from `from` on; there are no more */
    struct person_id from;
    bool failed;
};

/* ---- who is concerned ---- */

static void queue_person(struct hub_driver *h, const struct person_id *person)
{
    struct hub_copier *c = &h->copier;
    for (size_t i = 0; i < c->count; i++)
        if (person_id_equal(&c->people[i], person))
            return;
    if (c->count == COPY_QUEUE_MAX)
        c->scan = true; /* all of them, rather */
    else
        c->people[c->count++] = *person;
}

static void take_news(struct hub_driver *h)
{
    struct person_id people[PROJECTOR_SHARED_MAX];
    bool all;
    size_t count = projector_take_shared(h->base.daemon->projector, people, &all);
    for (size_t i = 0; i < count; i++)
        queue_person(h, &people[i]);
    if (all || h->copier.scan) {
        h->copier.scan = true;
        if (all)
            h->copier.from = PERSON_ID_NONE;
    }
}

static void leave_queue(struct hub_copier *c, const struct person_id *person)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++)
        if (!person_id_equal(&c->people[i], person))
            c->people[kept++] = c->people[i];
    c->count = kept;
}

/* ---- on the pool ---- */

/* The next people, in the order of their ids, whom some site's views have as shared. */
static void scan(struct copying *work, struct views_txn *views, struct log_reader *reader)
{
    while (work->count < COPY_PEOPLE && !work->scanned) {
        struct person_id next, found;
        char site[SLUG_MAX + 1];
        bool any = false;
        for (size_t i = 0; log_site_at(reader, i, site); i++)
            if (views_next_share(views, bytes_str(site), &work->from, &found) &&
                (!any || memcmp(&found, &next, sizeof next) < 0)) {
                next = found;
                any = true;
            }
        work->scanned = !any;
        if (!any)
            return;
        work->people[work->count++] = work->from = next;
        size_t at = sizeof work->from.b;
        while (at > 0 && ++work->from.b[--at] == 0)
            ;
        work->scanned = person_id_is_none(&work->from);
    }
}

static void look(void *context)
{
    struct copying *work = context;
    struct daemon *daemon = work->h->base.daemon;
    struct views_txn views;
    struct felloe_error error;
    if (views_read(projector_views(daemon->projector), &views, &error) != FELLOE_OK) {
        work->failed = true;
        return;
    }
    struct log_reader *reader = log_reader_begin(daemon->log, &error);
    work->failed = reader == NULL;
    if (work->scan && !work->failed)
        scan(work, &views, reader);
    while (!work->failed && work->done < work->count && work->batch == NULL) {
        work->failed = !copy_plan(daemon, &views, reader, &work->people[work->done], &work->batch);
        work->done += work->batch == NULL && !work->failed;
    }
    if (views_may_lack(&views)) { /* the end of what could be read is not the end of those who are shared */
        work->failed = true;
        work->scanned = false;
    }
    log_reader_end(reader);
    views_end(&views);
}

/* ---- recording ---- */

static void recorded(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct hub_driver *h = hub_of(job->driver);
    struct hub_copier *c = &h->copier;
    log_job->drafts = NULL; /* the batch's */
    copy_batch_free(c->batch);
    c->batch = NULL;
    c->busy = false;
    const bool written = log_job->code == FELLOE_OK;
    if (written) {
        driver_recorded(job->driver, log_job);
        c->after_commits = event_log_commits(h->base.daemon->log);
    } else {
        report(LEVEL_WARNING, "%s: what is shared with it could not be copied; it is tried again: %s", log_job->site,
               log_job->error.message);
        loop_timer_set(c->timer, COPY_AGAIN_MS);
    }
    driver_job_end(job);
    if (written)
        driver_hub_copy(h);
}

static bool record(struct hub_driver *h, struct copy_batch *batch)
{
    struct driver_job *job = driver_job_new(&h->base, LOG_RECORD, bytes_str(batch->site), recorded);
    if (job == NULL)
        return false;
    job->job.drafts = batch->drafts;
    job->job.draft_count = batch->count;
    h->copier.batch = batch;
    driver_job_submit(job);
    return true;
}

static void looked(void *context)
{
    struct copying *work = context;
    struct hub_driver *h = work->h;
    struct hub_copier *c = &h->copier;
    driver_work_end(&h->base);
    c->busy = false;
    for (size_t i = 0; i < work->done; i++)
        leave_queue(c, &work->people[i]);
    for (size_t i = work->done; i < work->count; i++)
        queue_person(h, &work->people[i]);
    if (work->scan) {
        c->from = work->from;
        c->scan = !work->scanned;
    }
    bool more = !work->failed && (c->count > 0 || c->scan);
    if (!work->failed && !more) /* all that the log held was folded once before anybody was looked at */
        log_shares_set_known(event_log_shares(h->base.daemon->log), true);
    if (work->batch != NULL && !h->base.closing && record(h, work->batch)) {
        work->batch = NULL;
        c->busy = true;
        more = false;
    }
    if (work->failed || work->batch != NULL)
        loop_timer_set(c->timer, COPY_AGAIN_MS);
    copy_batch_free(work->batch);
    free(work);
    if (more || (c->again && !c->busy))
        driver_hub_copy(h);
}

/* ---- turns ---- */

void driver_hub_copy(struct hub_driver *h)
{
    struct hub_copier *c = &h->copier;
    struct daemon *daemon = h->base.daemon;
    c->again = c->busy;
    if (h->base.closing || c->busy || c->timer == NULL)
        return;
    /* What it wrote last has to be seen first, or it would write it again. */
    if (!projector_has(daemon->projector, c->after_commits)) {
        projector_want(daemon->projector, c->after_commits);
        return;
    }
    take_news(h);
    if (c->count == 0 && !c->scan)
        return;
    struct copying *work = calloc(1, sizeof *work);
    if (work != NULL) {
        work->h = h;
        work->scan = c->scan && c->count == 0;
        work->from = c->from;
        work->count = c->count < COPY_PEOPLE ? c->count : COPY_PEOPLE;
        memcpy(work->people, c->people, work->count * sizeof *work->people);
    }
    c->busy = work != NULL && driver_work(&h->base, look, looked, work);
    if (!c->busy) {
        free(work);
        loop_timer_set(c->timer, COPY_AGAIN_MS);
    }
}

static void try_again(void *context)
{
    driver_hub_copy(context);
}

/* ---- at the start ---- */

static void put_with(struct log_shares *shares, const char *site, const struct person_id *person)
{
    if (log_shares_get(shares, bytes_str(site), person) == LOG_SHARE_NONE)
        log_shares_put(shares, bytes_str(site), person, LOG_SHARE_WITH);
}

static void load_share(struct log_shares *shares, struct views_txn *views, const char *site,
                       const struct person_id *person)
{
    struct views_share share;
    if (!views_get_share(views, bytes_str(site), person, &share))
        return;
    if (share.place == SHARING_LEFT)
        log_shares_put(shares, bytes_str(site), person, LOG_SHARE_LEFT);
    else
        put_with(shares, site, person);
    for (uint32_t i = 0; i < share.count; i++)
        put_with(shares, share.to[i], person);
}

/* Had the views all that the log has of this site? */
static bool is_folded(struct views_txn *views, struct log_reader *reader, const char *site)
{
    struct log_head heads[SEEN_MAX];
    struct views_cursor cursor;
    struct seen held = {0};
    const size_t count = log_heads(reader, bytes_str(site), heads);
    for (size_t i = 0; i < count; i++)
        seen_advance(&held, heads[i].at);
    views_get_cursor(views, bytes_str(site), &cursor);
    return seen_includes(&cursor.seen, &held);
}

/* What the views had when the hub ended: laptops ask for keys before all people have been looked at again. Where they
 * had not all, nobody is given a person's key until they are. */
static void load_shares(struct daemon *daemon)
{
    struct views_txn views;
    struct felloe_error error;
    char site[SLUG_MAX + 1];
    bool whole = true;
    log_shares_set_known(event_log_shares(daemon->log), false);
    if (daemon->projector == NULL || views_read(projector_views(daemon->projector), &views, &error) != FELLOE_OK)
        return;
    struct log_reader *reader = log_reader_begin(daemon->log, &error);
    for (size_t i = 0; reader != NULL && log_site_at(reader, i, site); i++) {
        whole = whole && is_folded(&views, reader, site);
        struct person_id from = PERSON_ID_NONE, person;
        while (views_next_share(&views, bytes_str(site), &from, &person)) {
            load_share(event_log_shares(daemon->log), &views, site, &person);
            from = person;
            size_t at = sizeof from.b;
            while (at > 0 && ++from.b[--at] == 0)
                ;
            if (person_id_is_none(&from))
                break;
        }
    }
    whole = whole && reader != NULL && !log_reader_failed(reader, NULL) && !views_may_lack(&views);
    log_shares_set_known(event_log_shares(daemon->log), whole);
    log_reader_end(reader);
    views_end(&views);
}

static void cleaned(struct log_job *log_job)
{
    driver_job_end(driver_job_of(log_job));
}

/* A hub whose keyring was put back learned anew who was erased. */
static void clean_aside(struct hub_driver *h)
{
    struct driver_job *job = driver_job_new(&h->base, LOG_CLEAN_ASIDE, (struct bytes){0}, cleaned);
    if (job != NULL)
        driver_job_submit(job);
}

bool driver_hub_copy_open(struct hub_driver *h)
{
    load_shares(h->base.daemon);
    clean_aside(h);
    h->copier.timer = loop_timer_new(h->base.daemon->loop, try_again, h);
    return h->copier.timer != NULL;
}

void driver_hub_copy_close(struct hub_driver *h)
{
    loop_timer_free(h->copier.timer);
    h->copier.timer = NULL;
}
