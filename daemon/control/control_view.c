/* SPDX-License-Identifier: Apache-2.0 */
/* view: rows of a shared view, or a person's story, as of a moment that it says: found, filtered, finished, a page at a
 * time. */
#include "daemon/control/control_gate.h"
#include "daemon/control/control_view.h"

#include <stdlib.h>

#include "daemon/views/views_shares.h"
#include "proto/domain/view_record.h"
#include "proto/event/hlc.h"

static void release(void *state)
{
    struct viewing *v = state;
    query_rows_release(&v->rows);
    buffer_release(&v->names);
    buffer_release(&v->about);
    team_release(&v->worker);
    team_release(&v->team);
    control_shown_release(&v->shown);
    free(v->devices);
    free(v->revoked);
    free(v);
}

/* ---- the end of the answer ---- */

static void put_summary(struct control_request *request)
{
    struct viewing *v = request->state;
    struct buffer *out = &request->out;
    size_t begin = control_frame_begin(out);
    control_put_end(out, 4 + v->about_count);
    mp_put_pair_time(out, "as_of", progress_as_of(&v->table));
    mp_put_text(out, "sites");
    mp_put_array(out, (uint32_t)v->table.count);
    for (size_t i = 0; i < v->table.count; i++) {
        const struct site_progress *site = &v->table.sites[i];
        mp_put_array(out, 3);
        mp_put_text(out, site->site);
        mp_put_uint(out, site->folded_sum);
        mp_put_uint(out, site->head_sum);
    }
    mp_put_text(out, "total");
    mp_put_uint(out, v->rows.count);
    mp_put_text(out, "names");
    buffer_append(out, v->names.data, v->names.len);
    buffer_append(out, v->about.data, v->about.len);
    control_frame_end(out, begin);
}

static void send_rows(struct control_request *request)
{
    struct viewing *v = request->state;
    struct control_data data = {0};
    while (v->next < v->last && request->out.len < CONTROL_CHUNK && !control_gone(request)) {
        const struct query_row *row = &v->rows.rows[v->next++];
        control_data_item(&data, &request->out);
        buffer_append(&request->out, v->rows.cells.data + row->begin, row->len);
    }
    control_data_end(&data);
    if (v->next < v->last && !control_gone(request)) {
        control_send(request, send_rows);
        return;
    }
    put_summary(request);
    control_finish(request);
}

static void begin_rows(struct viewing *v)
{
    v->next = v->after < v->rows.count ? (size_t)v->after : v->rows.count;
    v->last = v->rows.count;
    if (v->limit > 0 && v->last - v->next > v->limit)
        v->last = v->next + (size_t)v->limit;
}

/* Whom the rows of this page are about, and who was asked about. */
static void note_shown(struct viewing *v)
{
    for (size_t i = 0; i < v->people_count; i++)
        control_shown_add(&v->shown, &v->people[i]);
    for (size_t i = v->next; i < v->last; i++) {
        const struct query_row *row = &v->rows.rows[i];
        if (row->len == 0) /* it did not open: nothing of it is sent */
            continue;
        control_shown_add(&v->shown, &row->subject);
        control_shown_row(&v->shown, bytes_of(v->rows.cells.data + row->begin, row->len));
    }
}

/* ---- a person ---- */

/* A view that is about one person, and means nothing of all. */
static bool needs_person(const struct viewing *v)
{
    return v->wish.view->view == VIEW_PERSON || v->wish.view->view == VIEW_BEFORE_YOU_CALL;
}

static void put_linked(struct viewing *v, struct finder *finder)
{
    mp_put_text(&v->about, "linked");
    mp_put_array(&v->about, (uint32_t)v->people_count - 1);
    for (size_t i = 1; i < v->people_count; i++) {
        char name[200];
        finder_name_of(finder, &v->people[i], name, sizeof name);
        mp_put_array(&v->about, 2);
        mp_put_bin(&v->about, v->people[i].b, sizeof v->people[i].b);
        mp_put_text(&v->about, name);
    }
    v->about_count++;
}

/* The pairs of the summary that are about the person, from the first site that has them. */
/* Where they moved, as long as no other team of this laptop's has them: [site, when in ms]. */
static void put_moved(struct viewing *v, struct reading *reading, struct bytes site)
{
    struct views_share share;
    if (!views_get_share(&reading->views, site, &v->people[0], &share) || share.place != SHARING_LEFT)
        return;
    mp_put_text(&v->about, "moved");
    mp_put_array(&v->about, 2);
    mp_put_text(&v->about, share.moved_to);
    mp_put_int(&v->about, (int64_t)hlc_ms(share.moved_time));
    v->about_count++;
}

static void about_person(struct viewing *v, struct reading *reading, struct finder *finder)
{
    struct document *document = views_new_document(&reading->views);
    struct buffer plain = {0};
    const struct person_id *person = &v->people[0];
    size_t at = 0;
    if (document && finder_site_of(finder, person, &at)) {
        struct bytes site = bytes_str(reading->scope.sites[at]);
        if (views_get_document(&reading->views, site, person, &plain) == VIEWS_FOUND &&
            document_decode(document, buffer_bytes(&plain))) {
            v->about_count = document_summary(document, &v->about);
            v->about_count += document_record(document, &v->about);
        }
        put_moved(v, reading, site);
    }
    mp_put_text(&v->about, "person");
    mp_put_bin(&v->about, person->b, sizeof person->b);
    v->about_count++;
    put_linked(v, finder);
    v->about.failed |= document == NULL;
    buffer_release(&plain);
    document_free(document);
}

static enum felloe_code read_person(struct control_request *request, struct reading *reading)
{
    struct viewing *v = request->state;
    struct finder finder;
    size_t site;
    struct bytes text = control_arg_text(request, "person");
    if (text.len == 0)
        return needs_person(v) ? felloe_fail(&v->error, FELLOE_USAGE,
                                             "Say about whom: a person's id, the beginning of it, or a name.")
                               : FELLOE_OK;
    finder_init(&finder, request->daemon, &reading->views, reading->log, &reading->scope);
    enum felloe_code code = finder_person(&finder, text, &v->people[0], &site, &v->error);
    if (code == FELLOE_OK) {
        const struct person_id asked = v->people[0];
        v->people_count = query_linked(&reading->views, &reading->scope, &asked, v->people);
        about_person(v, reading, &finder);
    }
    control_shown_told(&v->shown, &finder);
    finder_release(&finder);
    return code;
}

/* ---- filters ---- */

/* Of all sites that this device has: names are looked up there. */
static enum felloe_code scope_of_all(struct control_request *request, struct reading *reading, struct scope *all)
{
    struct viewing *v = request->state;
    return scope_of(request->daemon, reading->log, (struct bytes){0}, false, all, &v->error);
}

/* Whose day it is, where nobody is named: that of who asks. */
static struct bytes worker_asked_for(const struct control_request *request, const struct viewing *v)
{
    struct bytes worker = control_arg_text(request, "worker");
    if (worker.len == 0 && v->wish.view->view == VIEW_MY_DAY && v->people_count == 0 &&
        control_arg_text(request, "team").len == 0 && request->daemon->config.role != ROLE_HUB)
        worker = bytes_str(control_gate_self(request));
    return bytes_is(worker, "*") ? (struct bytes){0} : worker;
}

static enum felloe_code read_filter(struct control_request *request, struct reading *reading, const struct scope *all)
{
    struct viewing *v = request->state;
    struct view_filter *filter = &v->wish.filter;
    struct bytes worker = worker_asked_for(request, v), team = control_arg_text(request, "team");
    enum felloe_code code = FELLOE_OK;
    if (worker.len > 0) {
        code = team_find_worker(&reading->views, all, worker, &v->worker, &v->error);
        filter->worker = code == FELLOE_OK ? v->worker.workers[0] : worker;
    }
    if (code == FELLOE_OK && team.len > 0) {
        code = team_find(&reading->views, all, team, &v->team, &v->error);
        filter->by_team = true;
        filter->team = v->team.workers;
        filter->team_count = v->team.count;
    }
    if (v->wish.view->view != VIEW_PERSON) {
        filter->people = v->people;
        filter->people_count = v->people_count;
    }
    filter->has_since = control_arg(request, "since") != NULL;
    filter->since = control_arg_integer(request, "since", 0);
    filter->urgency = control_arg_text(request, "urgency");
    return code == FELLOE_OK ? view_filter_check(v->wish.view, filter, &v->error) : code;
}

/* ---- the verb ---- */

static void read_story(struct control_request *request, struct reading *reading)
{
    struct viewing *v = request->state;
    if (v->limit > 0 && v->people_count == 1 && view_filter_is_empty(&v->wish.filter) &&
        query_story_page(request->daemon, &reading->views, reading->log, &reading->scope, &v->people[0],
                         (size_t)v->after, (size_t)v->limit, &v->rows))
        return;
    for (size_t i = 0; i < v->people_count; i++)
        query_story(request->daemon, &reading->views, reading->log, &reading->scope, &v->people[i], &v->rows);
    if (v->people_count > 1)
        query_sort(&v->rows);
}

/* Of many rows of which a page is asked for, only those of the page are opened, where nothing else depends on them. */
static bool read_rows_of_page(struct viewing *v, struct reading *reading)
{
    return v->limit > 0 && view_keeps_all(v->wish.view->view) && view_filter_is_empty(&v->wish.filter) &&
           query_page(&reading->views, &reading->scope, v->wish.view->view, (size_t)v->after, (size_t)v->limit,
                      &v->rows);
}

static void read_rows(struct control_request *request, struct reading *reading)
{
    struct viewing *v = request->state;
    struct views_txn *views = &reading->views;
    const enum view view = v->wish.view->view;
    struct scope all;
    if (scope_of_all(request, reading, &all) != FELLOE_OK || read_person(request, reading) != FELLOE_OK ||
        read_filter(request, reading, &all) != FELLOE_OK)
        return;
    if (view == VIEW_FRESHNESS) {
        view_read_devices(v, reading);
        return;
    }
    if (view == VIEW_PERSON)
        read_story(request, reading);
    else if (!read_rows_of_page(v, reading))
        query_view(views, &reading->scope, view, &v->rows);
    if (view == VIEW_TO_SETTLE)
        query_duplicates(views, &reading->scope, &v->rows);
    if (view == VIEW_LEARNING)
        query_learn(&v->rows);
    query_tell(request->daemon, views, &reading->scope, &all, &v->wish, &v->rows);
}

static void read_view(struct control_request *request)
{
    struct viewing *v = request->state;
    struct reading reading;
    if (reading_begin(&reading, request->daemon, control_arg_text(request, "site"), &v->error) != FELLOE_OK)
        return;
    progress_read(&v->table, request->daemon, &reading);
    query_put_worker_names(&reading.views, &reading.scope, &request->daemon->identity, &v->names);
    read_rows(request, &reading);
    reading_finish(&reading, request->daemon, &v->error);
    if (v->error.code == FELLOE_OK && (v->rows.failed || v->names.failed || v->about.failed))
        felloe_fail(&v->error, FELLOE_FAILED, "Memory ran out while reading the view.");
    if (v->error.code != FELLOE_OK)
        return;
    begin_rows(v);
    note_shown(v);
}

/* The whole record was shown: what else the client asks about them next is part of it. */
static void show_story(struct control_request *request)
{
    struct viewing *v = request->state;
    control_recent_keep(request, &v->shown);
    send_rows(request);
}

static void answer(struct control_request *request)
{
    struct viewing *v = request->state;
    const struct view_def *view = v->wish.view;
    if (v->error.code != FELLOE_OK) {
        control_audit_fail(request, &v->shown, "view", &v->error);
    } else if (view->view == VIEW_FRESHNESS) { /* of laptops */
        view_add_freshness(request);
        begin_rows(v);
        send_rows(request);
    } else if (view->view == VIEW_PERSON) {
        control_audit(request, &v->shown, "show", "", show_story);
    } else if (view->view == VIEW_BEFORE_YOU_CALL) {
        control_audit(request, &v->shown, view->name, "", send_rows);
    } else if (v->people_count > 0 && control_recent_covers(request, &v->shown)) {
        send_rows(request);
    } else {
        control_audit(request, &v->shown, "view", view->name, send_rows);
    }
}

static void read_now(struct control_request *request)
{
    struct viewing *v = request->state;
    progress_note_links(&v->table, request->daemon);
    v->wish.moment.now = v->table.now_ms;
    control_work(request, read_view, answer, NULL);
}

static void read_page(const struct control_request *request, struct viewing *v)
{
    int64_t after = control_arg_integer(request, "after", 0), limit = control_arg_integer(request, "limit", 0);
    int64_t days = control_arg_integer(request, "days", 0);
    v->after = after > 0 ? (uint64_t)after : 0;
    v->limit = limit > 0 ? (uint64_t)limit : 0;
    v->wish.moment.days = days < 0 ? 0 : days > 3660 ? 3660 : (int32_t)days;
}

void control_verb_VIEW(struct control_request *request)
{
    struct bytes name = control_arg_text(request, "name");
    if (bytes_is(name, view_of(VIEW_NEWS)->name)) {
        control_verb_NEWS(request);
        return;
    }
    struct viewing *v = calloc(1, sizeof *v);
    struct felloe_error error;
    if (!v) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    request->state = v;
    request->release = release;
    v->wish.view = view_find(name);
    read_page(request, v);
    if (!v->wish.view) {
        felloe_fail(&error, FELLOE_USAGE, "There is no view %.*s.", (int)(name.len < 60 ? name.len : 60),
                    name.data ? (const char *)name.data : "");
        control_fail(request, &error);
        return;
    }
    control_wait_views(request, read_now);
}
