/* SPDX-License-Identifier: Apache-2.0 */
/* People who moved to another team: once all that was written here about them is shared, this laptop lets go of their
 * record: their keys are put away, and what the views made of it is taken out. The sealed entries stay in the log, and
 * should the person come back, their key comes along and all of it is there again.
 *
 *   the views have folded --> who has left --> is all shared, and nothing still to fold? (on the pool) -->
 *   keys put away (LOG_LET_GO, which looks again) --> out of the views --> people are told */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/sync/driver_spoke.h"
#include "daemon/views/opened.h"
#include "daemon/views/views_shares.h"
#include "proto/event/hlc.h"

/* After something failed. */
#define AGAIN_MS 30000u

enum verdict { KEEP, LATER, LET_GO };

/* One person, as far as it goes. */
struct parting {
    struct person_id person;
    struct key_id key;        /* their own: all others of theirs go with it */
    char site[SLUG_MAX + 1];  /* that they left */
    struct seen seen;
    uint64_t own_seq;
    bool unshared;
    struct device_id device;  /* this one */
    struct log_reader *reader;
    struct happened_moved moved;
};

/* Work on the pool. */
struct leaving {
    struct spoke_driver *s;
    struct person_id people[LEAVER_PEOPLE], later[LEAVER_PEOPLE];
    size_t count, later_count;
    bool scan, failed, found;
    struct person_id from;
    struct parting parting;
};

/* ---- one person ---- */

static bool look_at_entry(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct parting *p = context;
    struct log_item item;
    struct event event;
    (void)id, (void)sort;
    if (ref->at.epoch == 0)
        p->unshared = true;
    if (!opener_fetch(p->reader, bytes_str(p->site), ref, &item) || !event_decode(item.event, &event))
        return true;
    if (device_id_equal(&event.clear.device, &p->device) && bytes_is(event.clear.site, p->site))
        p->moved.entries++;
    return !p->unshared;
}

/* In any site: a person can have left two of this laptop's, and a restricted key that only it has goes along with what
 * was written under it. (The job looks at the same, or this would be tried without a pause.) */
static bool is_shared_everywhere(struct parting *p)
{
    struct stream_head own;
    uint64_t shared;
    int64_t oldest;
    char site[SLUG_MAX + 1];
    bool all = true;
    for (size_t i = 0; all && log_site_at(p->reader, i, site); i++)
        all = log_own(p->reader, bytes_str(site), &own, &shared, &oldest) && shared >= own.seq;
    return all;
}

static bool all_is_shared(struct parting *p, struct views_txn *views)
{
    struct stream_head own = {0};
    struct views_cursor cursor;
    uint64_t shared;
    int64_t oldest;
    struct bytes site = bytes_str(p->site);
    views_get_cursor(views, site, &cursor);
    if (!is_shared_everywhere(p) || !log_own(p->reader, site, &own, &shared, &oldest) || cursor.own_seq < own.seq)
        return false;
    p->seen = cursor.seen;
    p->own_seq = own.seq;
    views_timeline(views, site, &p->person, NULL, look_at_entry, p);
    views_restricted_timeline(views, site, &p->person, NULL, look_at_entry, p);
    return !p->unshared;
}

static void note_moved(struct parting *p, struct views_txn *views, const struct views_share *share)
{
    struct buffer name = {0};
    struct happened_moved *moved = &p->moved;
    moved->person = p->person;
    views_get_name(views, bytes_str(p->site), &p->person, &name);
    if (!bytes_to_text(buffer_bytes(&name), moved->name, sizeof moved->name))
        moved->name[0] = '\0';
    buffer_release(&name);
    memcpy(moved->site, p->site, sizeof moved->site);
    memcpy(moved->to, share->moved_to, sizeof moved->to);
    moved->moved_ms = (int64_t)hlc_ms(share->moved_time);
}

/* Somebody who is with another site of this laptop's stays with it. */
static enum verdict judge(struct parting *p, struct daemon *daemon, struct views_txn *views)
{
    struct views_share share, left = {0};
    char site[SLUG_MAX + 1];
    for (size_t i = 0; log_site_at(p->reader, i, site); i++) {
        bool any = views_get_share(views, bytes_str(site), &p->person, &share);
        if (any && share.place == SHARING_LEFT) {
            memcpy(p->site, site, sizeof p->site);
            left = share;
        } else if (views_has_document(views, bytes_str(site), &p->person)) {
            return KEEP;
        }
    }
    if (p->site[0] == '\0')
        return KEEP;
    p->key = key_id_of_person(p->person);
    if (!keyring_has(daemon->keyring, &p->key, &views->unread)) { /* it ended between the two */
        if (views->unread)
            return KEEP; /* nor is anything else done now, see look */
        if (views_has_document(views, bytes_str(p->site), &p->person))
            projector_forget(daemon->projector, &p->person);
        return KEEP;
    }
    if (!all_is_shared(p, views))
        return LATER;
    note_moved(p, views, &left);
    return LET_GO;
}

/* ---- on the pool ---- */

/* The next one, in the order of their ids, whom some site's views have as shared. */
static bool next_person(struct leaving *work, struct views_txn *views, struct log_reader *reader,
                        struct person_id *out)
{
    struct person_id found;
    char site[SLUG_MAX + 1];
    bool any = false;
    for (size_t i = 0; log_site_at(reader, i, site); i++)
        if (views_next_share(views, bytes_str(site), &work->from, &found) &&
            (!any || memcmp(&found, out, sizeof found) < 0)) {
            *out = found;
            any = true;
        }
    if (!any)
        return false;
    work->from = *out;
    size_t at = sizeof work->from.b;
    while (at > 0 && ++work->from.b[--at] == 0)
        ;
    return true;
}

/* True: this one goes. */
static bool look_at_person(struct leaving *work, struct views_txn *views, struct log_reader *reader,
                           const struct person_id *person)
{
    struct daemon *daemon = work->s->base.daemon;
    work->parting = (struct parting){.person = *person, .device = daemon->identity.device, .reader = reader};
    enum verdict verdict = judge(&work->parting, daemon, views);
    if (verdict == LATER && work->later_count < LEAVER_PEOPLE)
        work->later[work->later_count++] = *person;
    return verdict == LET_GO;
}

/* After a failure: at all of them, for it is not known who was not looked at. */
static void look_again(struct leaving *work)
{
    if (!work->failed)
        return;
    work->scan = true;
    work->from = PERSON_ID_NONE;
}

static void look(void *context)
{
    struct leaving *work = context;
    struct daemon *daemon = work->s->base.daemon;
    struct views_txn views;
    struct felloe_error error;
    struct person_id person;
    if (views_read(projector_views(daemon->projector), &views, &error) != FELLOE_OK) {
        work->failed = true;
        look_again(work);
        return;
    }
    struct log_reader *reader = log_reader_begin(daemon->log, &error);
    work->failed = reader == NULL;
    for (size_t i = 0; i < work->count && !work->failed && !work->found; i++)
        work->found = look_at_person(work, &views, reader, &work->people[i]);
    while (work->scan && !work->failed && !work->found && work->later_count < LEAVER_PEOPLE) {
        work->scan = next_person(work, &views, reader, &person);
        work->found = work->scan && look_at_person(work, &views, reader, &person);
    }
    /* What could not be read may be an entry that is not shared, or a site that they are still with. */
    if (reader == NULL || log_reader_failed(reader, NULL) || views_may_lack(&views)) {
        work->failed = true;
        work->found = false;
    }
    look_again(work);
    log_reader_end(reader);
    views_end(&views);
}

/* ---- the job ---- */

static void let_go(struct log_job *log_job)
{
    struct driver_job *job = driver_job_of(log_job);
    struct spoke_driver *s = spoke_of(job->driver);
    struct parting *p = &s->leaver.work->parting;
    char id[33], shared[80];
    hex_encode(bytes_of(p->person.b, sizeof p->person.b), id);
    if (log_job->code == FELLOE_OK) {
        p->moved.at = (struct happened_at){clock_wall_ms(), clock_steady_ms()};
        projector_forget(job->driver->daemon->projector, &p->person);
        happened_let_go(&job->driver->daemon->happened, &p->moved);
        happened_shared_text(p->moved.entries, shared);
        report(LEVEL_INFO, "%s: person %.8s moved to %s: this laptop let go of the record; %s", p->site, id,
               p->moved.to, shared);
    } else if (log_job->code != FELLOE_NOT_FOUND) {
        report(LEVEL_WARNING, "%s: person %.8s moved to %s, but their key could not be put away; it is tried again: %s",
               p->site, id, p->moved.to, log_job->error.message);
    }
    if (log_job->code != FELLOE_OK) {
        s->leaver.scan = true;
        s->leaver.from = PERSON_ID_NONE;
        loop_timer_set(s->leaver.timer, AGAIN_MS);
    }
    free(s->leaver.work);
    s->leaver.work = NULL;
    driver_job_end(job);
    driver_spoke_let_go(s);
}

static bool submit(struct spoke_driver *s, struct leaving *work)
{
    struct parting *p = &work->parting;
    struct driver_job *job = driver_job_new(&s->base, LOG_LET_GO, bytes_str(p->site), let_go);
    if (job == NULL)
        return false;
    job->job.ids = &p->key;
    job->job.id_count = 1;
    job->job.seen = p->seen;
    job->job.own_seq = p->own_seq;
    driver_job_submit(job);
    return true;
}

static void looked(void *context)
{
    struct leaving *work = context;
    struct spoke_driver *s = work->s;
    struct spoke_leaver *l = &s->leaver;
    driver_work_end(&s->base);
    /* Those who have to wait for receipts are looked at again with the next news; others may have come meanwhile. */
    l->count = work->later_count;
    memcpy(l->people, work->later, work->later_count * sizeof *work->later);
    l->scan = work->scan || (work->found && work->count > 0);
    l->from = work->scan ? work->from : PERSON_ID_NONE;
    if (work->found && !s->base.closing && submit(s, work))
        return;
    if (work->failed || work->found)
        loop_timer_set(l->timer, AGAIN_MS);
    l->work = NULL;
    free(work);
    if (l->again)
        driver_spoke_let_go(s);
}

/* ---- turns ---- */

static void take_news(struct spoke_driver *s)
{
    struct spoke_leaver *l = &s->leaver;
    struct person_id people[PROJECTOR_SHARED_MAX];
    bool all;
    size_t count = projector_take_shared(s->base.daemon->projector, people, &all);
    if (all || count + l->count > LEAVER_PEOPLE) {
        l->scan = true;
        l->from = PERSON_ID_NONE;
        return;
    }
    memcpy(l->people + l->count, people, count * sizeof *people);
    l->count += count;
}

/* Who is back is told of no more; of those who were erased since, the name goes here, too. */
static void forget_some(struct daemon *daemon)
{
    struct happened *happened = &daemon->happened;
    for (unsigned i = happened->moved_count; i-- > 0;) {
        struct happened_moved *moved = &happened->moved[i];
        const struct key_id own = key_id_of_person(moved->person);
        if (moved->name[0] != '\0' && keyring_erased(daemon->keyring, &own, NULL))
            sodium_memzero(moved->name, sizeof moved->name);
        if (keyring_has(daemon->keyring, &own, NULL))
            happened_is_back(happened, i);
    }
}

void driver_spoke_let_go(struct spoke_driver *s)
{
    struct spoke_leaver *l = &s->leaver;
    struct daemon *daemon = s->base.daemon;
    forget_some(daemon);
    l->again = l->work != NULL;
    if (s->base.closing || l->again || l->timer == NULL ||
        !projector_has(daemon->projector, event_log_commits(daemon->log)))
        return;
    take_news(s);
    if (l->count == 0 && !l->scan)
        return;
    struct leaving *work = calloc(1, sizeof *work);
    if (work != NULL) {
        *work = (struct leaving){.s = s, .count = l->count, .scan = l->scan, .from = l->from};
        memcpy(work->people, l->people, l->count * sizeof *l->people);
        l->work = work;
    }
    if (work == NULL || !driver_work(&s->base, look, looked, work)) {
        free(work);
        l->work = NULL;
        loop_timer_set(l->timer, AGAIN_MS);
    }
}

static void try_again(void *context)
{
    driver_spoke_let_go(context);
}

bool driver_spoke_let_go_open(struct spoke_driver *s)
{
    s->leaver.timer = loop_timer_new(s->base.daemon->loop, try_again, s);
    return s->leaver.timer != NULL;
}

void driver_spoke_let_go_close(struct spoke_driver *s)
{
    loop_timer_free(s->leaver.timer);
    s->leaver.timer = NULL;
}
