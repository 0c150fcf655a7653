/* SPDX-License-Identifier: Apache-2.0 */
/* A large batch's events name one another by their hashes, which takes the writer longer than all else that it does
 * with them; and while a batch is being committed it only waits for the disk. So another thread makes the events of the
 * batch that is next in the queue meanwhile, as they will be if the commit succeeds and nothing comes between. When its
 * turn comes the writer looks whether that is how it was, and else makes them itself.
 *
 *   writer:  rows of batch 1 -> start -> commit ~~~~ disk ~~~~ -> stop -> take all -> rows of batch 2 …
 *   this:                            events of batch 2 …    end
 *
 * Between start and stop nobody takes from the queue, and what is in it is this thread's to fill in. */
#include <stdlib.h>

#include "daemon/log/log_internal.h"

/* Fewer the writer makes in less time than it takes to wake somebody. */
#define BATCH_MIN 64

struct log_ahead {
    struct event_log *log;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool at_work, ending;
    atomic_bool halt;
    /* where the stream will be */
    char site[SLUG_MAX + 1];
    struct event_clear clear; /* seq and prev: the last one's */
    uint64_t time;
};

bool seen_raise(struct seen *seen, const struct seen *by)
{
    for (unsigned i = 0; i < by->count; i++)
        if (!seen_advance(seen, by->at[i]))
            return false;
    return true;
}

/* ---- the thread ---- */

static bool can_make(const struct log_ahead *a, const struct log_draft *draft)
{
    return log_draft_fits(draft, a->clear.incarnation, a->time) && draft->seen.count == 0;
}

static bool make_event(struct log_ahead *a, const struct log_draft *draft, struct log_made *made)
{
    const size_t begin = made->events.len;
    struct made_event *event = &made->at[made->count];
    a->clear.seq++;
    a->clear.key = draft->key;
    draft->sealed->used = true;
    const bool done = event_seal_with(&a->clear, &draft->sealed->body, &made->events);
    explicit_bzero(&draft->sealed->body.tag_key, sizeof draft->sealed->body.tag_key);
    if (!done)
        return false;
    event_id_of(bytes_of(made->events.data + begin, made->events.len - begin), &event->id);
    event->end = made->events.len;
    a->clear.prev = event->id;
    a->time = draft->time;
    made->count++;
    return true;
}

/* False: nothing that comes after it can be made. */
static bool make_job(struct log_ahead *a, struct log_job *job)
{
    if (job->kind != LOG_RECORD || job->draft_count < BATCH_MIN || strcmp(job->site, a->site) != 0 ||
        !seen_raise(&a->clear.seen, &job->seen))
        return false;
    log_ahead_forget(job); /* where the one before has to be done again */
    struct log_made *made = malloc(sizeof *made + job->draft_count * sizeof made->at[0]);
    if (made == NULL)
        return false;
    made->count = 0;
    made->incarnation = a->clear.incarnation;
    made->after = a->clear.seq;
    made->prev = a->clear.prev;
    made->seen = a->clear.seen;
    made->events = (struct buffer){0};
    for (size_t i = 0; i < job->draft_count && !atomic_load(&a->halt); i++)
        if (!can_make(a, &job->drafts[i]) || !make_event(a, &job->drafts[i], made))
            break;
    job->made = made;
    return made->count == job->draft_count;
}

static void *ahead_main(void *context)
{
    struct log_ahead *a = context;
    pthread_mutex_lock(&a->mutex);
    for (;;) {
        while (!a->at_work && !a->ending)
            pthread_cond_wait(&a->changed, &a->mutex);
        if (a->ending)
            break;
        pthread_mutex_unlock(&a->mutex);
        struct queue_item *item = NULL;
        while ((item = queue_look(&a->log->jobs, item, &a->halt)) != NULL)
            if (!make_job(a, (struct log_job *)((char *)item - offsetof(struct log_job, link))))
                break;
        pthread_mutex_lock(&a->mutex);
        a->at_work = false;
        pthread_cond_broadcast(&a->changed);
    }
    pthread_mutex_unlock(&a->mutex);
    return NULL;
}

/* ---- the writer ---- */

static struct log_ahead *ahead_new(struct event_log *log)
{
    struct log_ahead *a = calloc(1, sizeof *a);
    if (a == NULL)
        return NULL;
    a->log = log;
    pthread_mutex_init(&a->mutex, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (pthread_create(&a->thread, NULL, ahead_main, a) == 0) {
        pthread_setname_np(a->thread, "log-ahead");
        return a;
    }
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->mutex);
    free(a);
    return NULL;
}

void log_ahead_start(struct event_log *log, const struct log_job *job)
{
    const uint32_t site = log_site_number(log, bytes_str(job->site));
    if (job->kind != LOG_RECORD || job->code != FELLOE_OK || job->draft_count < BATCH_MIN || site == SITES_MAX ||
        log_write_after(log, site)->count > 0 || (log->ahead == NULL && (log->ahead = ahead_new(log)) == NULL))
        return;
    struct log_ahead *a = log->ahead;
    const struct stream_head *own = log_write_own(log, site);
    pthread_mutex_lock(&a->mutex);
    memcpy(a->site, job->site, sizeof a->site);
    a->clear = (struct event_clear){.device = log->identity->device, .incarnation = log->write.incarnation,
                                    .site = bytes_str(a->site), .seq = own->seq, .prev = own->id, .seen = own->seen};
    a->time = log->written_time;
    atomic_store(&a->halt, false);
    a->at_work = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->mutex);
}

void log_ahead_stop(struct event_log *log)
{
    struct log_ahead *a = log->ahead;
    if (a == NULL)
        return;
    atomic_store(&a->halt, true);
    queue_nudge(&log->jobs);
    pthread_mutex_lock(&a->mutex);
    while (a->at_work)
        pthread_cond_wait(&a->changed, &a->mutex);
    pthread_mutex_unlock(&a->mutex);
}

void log_ahead_forget(struct log_job *job)
{
    if (job->made != NULL)
        buffer_release(&job->made->events);
    free(job->made);
    job->made = NULL;
}

void log_ahead_close(struct event_log *log)
{
    struct log_ahead *a = log->ahead;
    if (a == NULL)
        return;
    pthread_mutex_lock(&a->mutex);
    a->ending = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->mutex);
    pthread_join(a->thread, NULL);
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->mutex);
    free(a);
    log->ahead = NULL;
}
