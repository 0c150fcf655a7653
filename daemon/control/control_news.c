/* SPDX-License-Identifier: Apache-2.0 */
/* news: what came into the record since this worker looked last. That they have looked is noted once the client has
 * taken all of it. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/control/control_audit.h"
#include "daemon/control/control_gate.h"
#include "daemon/control/control_query.h"
#include "daemon/views/news_scan.h"
#include "daemon/views/view_team.h"

#define LIMIT_USUAL 2000

struct looking {
    struct felloe_error error, not_noted;
    struct progress_table table;
    struct looked looked;
    struct news news;
    struct buffer names;        /* map worker -> name */
    char worker[SLUG_MAX + 1];
    struct control_shown shown; /* whom the rows are about, and who moved */
    struct buffer moved;        /* array of [person, name or nil, site, to, when in ms, entries written here] */
    size_t limit, next;         /* rows that are still to be sent */
    bool keep, noted;
};

static void release(void *state)
{
    struct looking *l = state;
    news_release(&l->news);
    buffer_release(&l->names);
    if (l->moved.data != NULL)
        sodium_memzero(l->moved.data, l->moved.cap);
    buffer_release(&l->moved);
    control_shown_release(&l->shown);
    free(l);
}

/* ---- reading ---- */

static enum felloe_code find_worker(struct control_request *request, struct reading *reading)
{
    struct looking *l = request->state;
    struct bytes text = control_arg_text(request, "worker");
    struct team team = {0};
    struct scope all;
    bytes_to_text(bytes_str(control_gate_self(request)), l->worker, sizeof l->worker);
    if (request->daemon->config.role == ROLE_HUB)
        bytes_to_text(bytes_str(HUB_WORKER), l->worker, sizeof l->worker);
    if (text.len == 0)
        return FELLOE_OK;
    enum felloe_code code = scope_of(request->daemon, reading->log, (struct bytes){0}, false, &all, &l->error);
    if (code == FELLOE_OK)
        code = team_find_worker(&reading->views, &all, text, &team, &l->error);
    if (code == FELLOE_OK && (!slug_valid(team.workers[0]) || !bytes_to_text(team.workers[0], l->worker,
                                                                            sizeof l->worker)))
        code = felloe_fail(&l->error, FELLOE_INVALID, "%.*s is no worker's id.", (int)(text.len < 60 ? text.len : 60),
                           (const char *)text.data);
    team_release(&team);
    if (code == FELLOE_OK) /* it moves their mark */
        code = control_gate_worker(request, bytes_str(l->worker), &l->error);
    return code;
}

static void read_news(struct control_request *request)
{
    struct looking *l = request->state;
    struct reading reading;
    if (reading_begin(&reading, request->daemon, control_arg_text(request, "site"), &l->error) != FELLOE_OK)
        return;
    progress_read(&l->table, request->daemon, &reading);
    query_put_worker_names(&reading.views, &reading.scope, &request->daemon->identity, &l->names);
    if (find_worker(request, &reading) == FELLOE_OK) {
        looked_read(request->daemon->dir, l->worker, &l->looked);
        const struct news_wish wish = {.worker = l->worker, .looked = &l->looked, .limit = l->limit,
                                       .now_ms = l->table.now_ms};
        news_scan(request->daemon, &reading.views, reading.log, &reading.scope, &wish, &request->cancelled, &l->news);
    }
    reading_finish(&reading, request->daemon, &l->error);
    if (l->error.code == FELLOE_OK && (l->news.failed || l->names.failed))
        felloe_fail(&l->error, FELLOE_FAILED, "Memory ran out while reading the news.");
    for (size_t i = 0; i < l->news.count; i++)
        control_shown_row(&l->shown, buffer_bytes(&l->news.rows[i]));
}

/* Whose record this laptop let go of: their name is nowhere else. On the loop. */
static void gather_moved(struct control_request *request)
{
    struct looking *l = request->state;
    const struct happened *happened = &request->daemon->happened;
    const struct bytes site = control_arg_text(request, "site");
    uint32_t count = 0;
    struct buffer all = {0};
    for (unsigned i = 0; i < happened->moved_count; i++) {
        const struct happened_moved *moved = &happened->moved[i];
        if (!happened_moved_told(moved, clock_steady_ms()) || (site.len > 0 && !bytes_is(site, moved->site)))
            continue;
        mp_put_array(&all, 6);
        mp_put_bin(&all, moved->person.b, sizeof moved->person.b);
        mp_put_str_or_nil(&all, bytes_str(moved->name));
        mp_put_text(&all, moved->site);
        mp_put_text(&all, moved->to);
        mp_put_int(&all, moved->moved_ms);
        mp_put_uint(&all, moved->entries);
        control_shown_add(&l->shown, &moved->person);
        count++;
    }
    mp_put_array(&l->moved, count);
    buffer_append(&l->moved, all.data, all.len);
    l->moved.failed |= all.failed;
    if (all.data != NULL)
        sodium_memzero(all.data, all.cap);
    buffer_release(&all);
    if (l->moved.failed && l->error.code == FELLOE_OK)
        felloe_fail(&l->error, FELLOE_FAILED, "Memory ran out while reading the news.");
}

/* ---- the end of the answer ---- */

static void put_summary(struct control_request *request)
{
    struct looking *l = request->state;
    struct buffer *out = &request->out;
    size_t begin = control_frame_begin(out);
    control_put_end(out, 8);
    mp_put_pair_time(out, "as_of", progress_as_of(&l->table));
    mp_put_pair_time(out, "looked", l->looked.at_ms);
    mp_put_text(out, "total");
    mp_put_uint(out, l->news.total);
    mp_put_text(out, "worker");
    mp_put_text(out, l->worker);
    mp_put_text(out, "noted");
    mp_put_bool(out, l->noted);
    mp_put_text(out, "problem");
    if (l->not_noted.code != FELLOE_OK)
        mp_put_text(out, l->not_noted.message);
    else
        mp_put_nil(out);
    mp_put_text(out, "names");
    buffer_append(out, l->names.data, l->names.len);
    mp_put_text(out, "moved");
    buffer_append(out, l->moved.data, l->moved.len);
    control_frame_end(out, begin);
    control_finish(request);
}

static void note_looked(struct control_request *request)
{
    struct looking *l = request->state;
    l->noted = looked_write(request->daemon->dir, l->worker, &l->news.now, &l->not_noted) == FELLOE_OK;
}

/* The client has taken the rows. What was not told stays news. */
static void rows_taken(struct control_request *request)
{
    struct looking *l = request->state;
    if (l->keep || l->news.count < l->news.total || control_gone(request))
        put_summary(request);
    else
        control_work(request, note_looked, put_summary, NULL);
}

static void send_rows(struct control_request *request)
{
    struct looking *l = request->state;
    struct control_data data = {0};
    while (l->next < l->news.count && request->out.len < CONTROL_CHUNK && !control_gone(request)) {
        const struct buffer *cells = &l->news.rows[l->next++];
        control_data_item(&data, &request->out);
        buffer_append(&request->out, cells->data, cells->len);
    }
    control_data_end(&data);
    control_send(request, l->next < l->news.count && !control_gone(request) ? send_rows : rows_taken);
}

static void answer(struct control_request *request)
{
    struct looking *l = request->state;
    gather_moved(request);
    if (l->error.code != FELLOE_OK)
        control_fail(request, &l->error);
    else
        control_audit(request, &l->shown, "news", "", send_rows);
}

static void read_now(struct control_request *request)
{
    struct looking *l = request->state;
    progress_note_links(&l->table, request->daemon);
    control_work(request, read_news, answer, NULL);
}

void control_verb_NEWS(struct control_request *request)
{
    int64_t limit = control_arg_integer(request, "limit", LIMIT_USUAL);
    struct looking *l = calloc(1, sizeof *l);
    if (!l) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    request->state = l;
    request->release = release;
    l->limit = limit < 1 ? LIMIT_USUAL : limit > NEWS_LIMIT_MAX ? NEWS_LIMIT_MAX : (size_t)limit;
    l->keep = request->verb != CONTROL_NEWS || control_arg_bool(request, "keep", false); /* a view notes nothing */
    control_wait_views(request, read_now);
}
