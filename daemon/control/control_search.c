/* SPDX-License-Identifier: Apache-2.0 */
/* search: the entries that say certain words, the best first. */
#include <stdlib.h>

#include "daemon/control/control_audit.h"
#include "daemon/control/control_query.h"
#include "daemon/views/search_scan.h"
#include "daemon/views/view_team.h"

#define LIMIT_USUAL 20

struct searching {
    struct felloe_error error;
    struct progress_table table;
    struct search_filter filter;
    struct search_found found;
    struct buffer names;        /* map worker -> name */
    struct team worker;
    struct control_shown shown; /* whom the hits are about */
    size_t next;                /* hits that are still to be sent */
};

static void release(void *state)
{
    struct searching *s = state;
    search_found_release(&s->found);
    buffer_release(&s->names);
    team_release(&s->worker);
    control_shown_release(&s->shown);
    free(s);
}

static bool note_progress(void *context, uint64_t done, uint64_t total)
{
    struct control_request *request = context;
    atomic_store(&request->done, done);
    atomic_store(&request->total, total);
    return !atomic_load(&request->cancelled);
}

static enum felloe_code read_filter(struct control_request *request, struct reading *reading)
{
    struct searching *s = request->state;
    struct bytes person = control_arg_text(request, "person"), worker = control_arg_text(request, "worker");
    struct scope all;
    enum felloe_code code = scope_of(request->daemon, reading->log, (struct bytes){0}, false, &all, &s->error);
    if (code == FELLOE_OK && worker.len > 0) {
        code = team_find_worker(&reading->views, &all, worker, &s->worker, &s->error);
        s->filter.worker = code == FELLOE_OK ? s->worker.workers[0] : worker;
    }
    if (code == FELLOE_OK && person.len > 0) {
        struct finder finder;
        size_t site;
        finder_init(&finder, request->daemon, &reading->views, reading->log, &reading->scope);
        code = finder_person(&finder, person, &s->filter.person, &site, &s->error);
        control_shown_told(&s->shown, &finder);
        finder_release(&finder);
        s->filter.has_person = true;
    }
    return code;
}

static void search(struct control_request *request)
{
    struct searching *s = request->state;
    struct reading reading;
    if (reading_begin(&reading, request->daemon, control_arg_text(request, "site"), &s->error) != FELLOE_OK)
        return;
    progress_read(&s->table, request->daemon, &reading);
    query_put_worker_names(&reading.views, &reading.scope, &request->daemon->identity, &s->names);
    if (read_filter(request, &reading) == FELLOE_OK)
        search_scan(request->daemon, &reading.views, reading.log, &reading.scope, &s->filter, note_progress, request,
                    &s->found);
    reading_finish(&reading, request->daemon, &s->error);
    if (s->error.code == FELLOE_OK && (s->found.failed || s->names.failed))
        felloe_fail(&s->error, FELLOE_FAILED, "Memory ran out while searching.");
    for (size_t i = 0; i < s->found.count && s->error.code == FELLOE_OK; i++)
        control_shown_row(&s->shown, buffer_bytes(&s->found.hits[i].cells));
}

static void put_summary(struct control_request *request)
{
    struct searching *s = request->state;
    struct buffer *out = &request->out;
    size_t begin = control_frame_begin(out);
    control_put_end(out, 4);
    mp_put_pair_time(out, "as_of", progress_as_of(&s->table));
    mp_put_text(out, "total");
    mp_put_uint(out, s->found.total);
    mp_put_text(out, "looked_at");
    mp_put_uint(out, s->found.looked_at);
    mp_put_text(out, "names");
    buffer_append(out, s->names.data, s->names.len);
    control_frame_end(out, begin);
}

static void send_hits(struct control_request *request)
{
    struct searching *s = request->state;
    struct control_data data = {0};
    while (s->next < s->found.count && request->out.len < CONTROL_CHUNK && !control_gone(request)) {
        const struct buffer *cells = &s->found.hits[s->next++].cells;
        control_data_item(&data, &request->out);
        buffer_append(&request->out, cells->data, cells->len);
    }
    control_data_end(&data);
    if (s->next < s->found.count && !control_gone(request)) {
        control_send(request, send_hits);
        return;
    }
    put_summary(request);
    control_finish(request);
}

static void answer(struct control_request *request)
{
    struct searching *s = request->state;
    buffer_clear(&request->out); /* a bar that was not sent */
    if (s->error.code != FELLOE_OK) {
        control_audit_fail(request, &s->shown, "search", &s->error);
        return;
    }
    control_audit(request, &s->shown, "search", "", send_hits);
}

static void search_now(struct control_request *request)
{
    struct searching *s = request->state;
    progress_note_links(&s->table, request->daemon);
    s->filter.now_ms = s->table.now_ms;
    control_work(request, search, answer, "searching");
}

void control_verb_SEARCH(struct control_request *request)
{
    struct felloe_error error;
    struct searching *s = calloc(1, sizeof *s);
    if (!s) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    request->state = s;
    request->release = release;
    if (search_parse(&s->filter.query, control_arg_text(request, "words"), &error) != FELLOE_OK) {
        control_fail(request, &error);
        return;
    }
    int64_t limit = control_arg_integer(request, "limit", LIMIT_USUAL);
    s->filter.limit = limit < 1 ? LIMIT_USUAL : limit > SEARCH_LIMIT_MAX ? SEARCH_LIMIT_MAX : (size_t)limit;
    s->filter.has_since = control_arg(request, "since") != NULL;
    s->filter.since_ms = control_arg_integer(request, "since", 0);
    s->filter.struck = control_arg_bool(request, "struck", false);
    control_wait_views(request, search_now);
}
