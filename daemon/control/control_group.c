/* SPDX-License-Identifier: Apache-2.0 */
/* Small requests of one turn of the loop, checked in one reading; see control_group.h. */
#include "daemon/control/control_group.h"

#include <assert.h>
#include <stdlib.h>
#include <uv.h>

#include "daemon/control/control_inside.h"

/* ---- what is checked in ---- */

static void note_seen(struct checking *checking, struct daemon *daemon)
{
    while (checking->site_count < SITES_MAX &&
           event_log_site_at(daemon->log, checking->site_count, checking->sites[checking->site_count].site)) {
        struct site_seen *site = &checking->sites[checking->site_count++];
        projector_seen(daemon->projector, bytes_str(site->site), &site->seen);
    }
}

enum felloe_code checking_begin(struct checking *checking, struct daemon *daemon, bool wait,
                                struct felloe_error *error)
{
    checking->site_count = 0;
    if (daemon->projector != NULL) { /* else it is locked, and the reading says so */
        checking->behind = !projector_has(daemon->projector, event_log_commits(daemon->log));
        note_seen(checking, daemon);
    }
    return wait ? reading_begin(&checking->reading, daemon, (struct bytes){0}, error)
                : reading_try(&checking->reading, daemon);
}

void checking_end(struct checking *checking)
{
    reading_end(&checking->reading);
}

const struct seen *checking_seen(const struct checking *checking, const char *site)
{
    static const struct seen nothing;
    for (size_t i = 0; i < checking->site_count; i++)
        if (strcmp(checking->sites[i].site, site) == 0)
            return &checking->sites[i].seen;
    return &nothing;
}

/* ---- together ---- */

struct control_group {
    struct daemon *daemon;
    uv_check_t check; /* after the poll, in which requests come */
    uv_idle_t idle;   /* whoever comes at another time does not wait until something else happens */
    unsigned handles;
    struct control_request *first, **last;
    bool ending;                          /* the steps at the end of a turn are at work */
    struct queue_item *jobs, **last_job;  /* that they gave */
};

static void do_nothing(uv_idle_t *idle)
{
    (void)idle;
}

static void check_all(struct control_group *group, struct control_request *requests)
{
    struct checking checking;
    bool begun = false;
    for (struct control_request *request = requests; request; request = request->next_gathered) {
        begun = begun || checking_begin(&checking, group->daemon, false, NULL) == FELLOE_OK;
        if (!begun) {
            request->step = request->ungathered;
            continue;
        }
        request->check(request, &checking);
        if (reading_failed(&checking.reading)) { /* it finds nothing more: that is the matter of this one alone */
            checking_end(&checking);
            begun = false;
        }
    }
    if (begun)
        checking_end(&checking); /* before anything goes on: a step may want a reading of its own */
}

static void turn_ends(uv_check_t *handle)
{
    struct control_group *group = handle->data;
    struct control_request *requests = group->first;
    uv_check_stop(&group->check);
    uv_idle_stop(&group->idle);
    group->first = NULL;
    group->last = &group->first;
    if (requests)
        check_all(group, requests);
    group->ending = true;
    for (struct control_request *next; requests; requests = next) {
        next = requests->next_gathered;
        requests->waiting = STEP_NONE;
        requests->step(requests);
    }
    control_group_flush(group);
}

void control_group_submit(struct control_group *group, struct log_job *job)
{
    if (!group->ending) {
        event_log_submit(group->daemon->log, job);
        return;
    }
    job->link.next = NULL;
    *group->last_job = &job->link;
    group->last_job = &job->link.next;
}

void control_group_flush(struct control_group *group)
{
    struct queue_item *jobs = group->jobs;
    group->jobs = NULL;
    group->last_job = &group->jobs;
    group->ending = false; /* what a loop inside of a step gives waits for nobody */
    if (jobs)
        event_log_submit_all(group->daemon->log, jobs);
}

struct control_group *control_group_new(struct daemon *daemon)
{
    struct control_group *group = calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->daemon = daemon;
    group->last = &group->first;
    group->last_job = &group->jobs;
    group->handles = 2;
    group->check.data = group->idle.data = group;
    uv_check_init(daemon->loop, &group->check);
    uv_idle_init(daemon->loop, &group->idle);
    return group;
}

static void closed(uv_handle_t *handle)
{
    struct control_group *group = handle->data;
    if (--group->handles == 0)
        free(group);
}

void control_group_free(struct control_group *group)
{
    if (!group)
        return;
    assert(group->first == NULL && group->jobs == NULL);
    uv_close((uv_handle_t *)&group->check, closed);
    uv_close((uv_handle_t *)&group->idle, closed);
}

void control_group_add(struct control_request *request, control_check check, control_step then,
                       control_step otherwise)
{
    struct control_group *group = control_group_of(request->daemon->control);
    request->check = check;
    request->step = then;
    request->ungathered = otherwise;
    request->waiting = STEP_WORKING;
    request->progress_of = NULL;
    request->next_gathered = NULL;
    *group->last = request;
    group->last = &request->next_gathered;
    uv_check_start(&group->check, turn_ends);
    uv_idle_start(&group->idle, do_nothing);
}
