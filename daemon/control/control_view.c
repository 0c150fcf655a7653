/* SPDX-License-Identifier: Apache-2.0 */
/* view: rows of a shared view, or a person's story, as of a moment that it says; and digest. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/control/control_query.h"
#include "proto/event/hlc.h"

#define DEVICES_MAX 1024u

struct viewing {
    const struct view_def *view;
    struct felloe_error error;
    struct progress_table table;
    struct query_rows rows;
    size_t next, last;              /* rows that are still to be sent */
    struct buffer names;            /* map worker -> name */
    struct buffer about;            /* pairs about the person */
    uint32_t about_count;
    struct heard_device *devices;
    size_t device_count;
    uint64_t after, limit;
};

static void release(void *state)
{
    struct viewing *v = state;
    query_rows_release(&v->rows);
    buffer_release(&v->names);
    buffer_release(&v->about);
    free(v->devices);
    free(v);
}

/* ---- the end of the answer ---- */

static void put_as_of(struct buffer *out, const struct progress_table *table)
{
    int64_t as_of = 0;
    for (size_t i = 0; i < table->count; i++) {
        int64_t through = table->sites[i].received_through_ms;
        if (through > 0 && (as_of == 0 || through < as_of))
            as_of = through;
    }
    mp_put_text(out, "as_of");
    if (as_of > 0)
        mp_put_int(out, as_of);
    else
        mp_put_nil(out);
}

static void put_summary(struct control_request *request)
{
    struct viewing *v = request->state;
    struct buffer *out = &request->out;
    size_t begin = control_frame_begin(out);
    control_put_end(out, 4 + v->about_count);
    put_as_of(out, &v->table);
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

/* ---- freshness ---- */

static const struct heard_device *find_heard(const struct viewing *v, const struct device_id *id)
{
    for (size_t i = 0; i < v->device_count; i++)
        if (device_id_equal(&v->devices[i].device, id))
            return &v->devices[i];
    return NULL;
}

/* What is known of one device, from all who know of it. */
struct fresh {
    struct device_id device;
    char worker[SLUG_MAX + 1];
    int64_t last_event_ms, heard_ms; /* 0: never */
    bool has_waiting;
    uint64_t waiting;
};

static void hear_from_driver(struct control_request *request, struct fresh *fresh)
{
    const struct identity *identity = &request->daemon->identity;
    const struct viewing *v = request->state;
    struct device_heard heard;
    if (device_id_equal(&fresh->device, &identity->device)) {
        fresh->heard_ms = v->table.now_ms;
        fresh->has_waiting = true;
        for (size_t i = 0; i < v->table.count; i++)
            if (v->table.sites[i].own.seq > v->table.sites[i].shared_seq)
                fresh->waiting += v->table.sites[i].own.seq - v->table.sites[i].shared_seq;
        memcpy(fresh->worker, identity->worker, sizeof fresh->worker);
    } else if (device_id_equal(&fresh->device, &identity->hub_device)) {
        fresh->heard_ms = v->table.link.last_contact_ms;
        memcpy(fresh->worker, HUB_WORKER, sizeof HUB_WORKER);
    } else if (driver_device_heard(request->daemon->driver, &fresh->device, &heard)) {
        fresh->heard_ms = heard.heard_ms;
        fresh->has_waiting = heard.heard_ms > 0;
        fresh->waiting = heard.waiting;
    }
}

static void put_or_nil(struct buffer *out, bool known, int64_t number)
{
    if (known)
        mp_put_int(out, number);
    else
        mp_put_nil(out);
}

/* In the order of enum freshness_column. */
static void put_fresh(struct buffer *out, const struct fresh *f)
{
    mp_put_array(out, FRESHNESS_COLUMNS);
    mp_put_bin(out, f->device.b, sizeof f->device.b);
    if (f->worker[0])
        mp_put_text(out, f->worker);
    else
        mp_put_nil(out);
    put_or_nil(out, f->last_event_ms > 0, f->last_event_ms);
    put_or_nil(out, f->heard_ms > 0, f->heard_ms);
    put_or_nil(out, f->has_waiting, (int64_t)f->waiting);
}

static int quietest_first(const void *a, const void *b)
{
    const struct fresh *x = a, *y = b;
    int64_t p = x->heard_ms > 0 ? x->heard_ms : x->last_event_ms, q = y->heard_ms > 0 ? y->heard_ms : y->last_event_ms;
    if (p != q)
        return p < q ? -1 : 1;
    return memcmp(&x->device, &y->device, sizeof x->device);
}

/* On the loop: the driver is asked here. */
static void send_freshness(struct control_request *request)
{
    struct viewing *v = request->state;
    struct fresh *all = calloc(v->device_count + 1, sizeof *all);
    struct control_data data = {0};
    size_t count = all ? v->device_count : 0;
    for (size_t i = 0; i < count; i++) {
        all[i].device = v->devices[i].device;
        all[i].last_event_ms = (int64_t)hlc_ms(v->devices[i].time);
        memcpy(all[i].worker, v->devices[i].worker, sizeof all[i].worker);
        hear_from_driver(request, &all[i]);
    }
    if (all && !find_heard(v, &request->daemon->identity.device)) {
        all[count].device = request->daemon->identity.device;
        hear_from_driver(request, &all[count++]);
    }
    if (count > 1)
        qsort(all, count, sizeof *all, quietest_first);
    for (size_t i = 0; i < count; i++) {
        control_data_item(&data, &request->out);
        put_fresh(&request->out, &all[i]);
    }
    control_data_end(&data);
    free(all);
    v->rows.count = count;
    put_summary(request);
    control_finish(request);
}

/* ---- a person ---- */

/* The pairs of the summary that are about the person, from the first site that has them. */
static void about_person(struct viewing *v, struct reading *reading, const struct person_id *person)
{
    struct document *document = document_new();
    struct buffer plain = {0};
    for (size_t i = 0; document && v->about_count == 0 && i < reading->scope.count; i++)
        if (views_get_document(&reading->views, bytes_str(reading->scope.sites[i]), person, &plain) == VIEWS_FOUND &&
            document_decode(document, buffer_bytes(&plain)))
            v->about_count = document_summary(document, &v->about);
    mp_put_text(&v->about, "person");
    mp_put_bin(&v->about, person->b, sizeof person->b);
    v->about_count++;
    v->about.failed |= document == NULL;
    buffer_release(&plain);
    document_free(document);
}

static enum felloe_code read_story(struct control_request *request, struct reading *reading)
{
    struct viewing *v = request->state;
    struct person_id person;
    struct finder finder;
    size_t site;
    struct bytes text = control_arg_text(request, "person");
    if (text.len == 0)
        return felloe_fail(&v->error, FELLOE_USAGE, "Say whose story: a person's id, the beginning of it, or a name.");
    finder_init(&finder, request->daemon, &reading->views, reading->log, &reading->scope);
    enum felloe_code code = finder_person(&finder, text, &person, &site, &v->error);
    finder_release(&finder);
    if (code != FELLOE_OK)
        return code;
    query_story(request->daemon, &reading->views, reading->log, &reading->scope, &person, &v->rows);
    about_person(v, reading, &person);
    return FELLOE_OK;
}

/* ---- the verb ---- */

static void read_view(struct control_request *request)
{
    struct viewing *v = request->state;
    struct reading reading;
    if (reading_begin(&reading, request->daemon, control_arg_text(request, "site"), &v->error) != FELLOE_OK)
        return;
    progress_read(&v->table, request->daemon, &reading);
    query_put_worker_names(&reading.views, &reading.scope, &request->daemon->identity, &v->names);
    if (v->view->view == VIEW_PERSON) {
        read_story(request, &reading);
    } else if (v->view->view == VIEW_FRESHNESS) {
        v->devices = calloc(DEVICES_MAX, sizeof *v->devices);
        if (v->devices)
            v->device_count = query_devices(&reading.views, &reading.scope, v->devices, DEVICES_MAX);
    } else {
        query_view(&reading.views, &reading.scope, v->view->view, &v->rows);
    }
    reading_end(&reading);
    if (v->error.code == FELLOE_OK && views_damaged(projector_views(request->daemon->projector))) {
        projector_poke(request->daemon->projector);
        felloe_fail(&v->error, FELLOE_DAMAGED,
                    "The views on this disk are damaged, and are being made again from the record, which is safe. Ask "
                    "again in a moment.");
    }
    if (v->error.code == FELLOE_OK && (v->rows.failed || v->names.failed || v->about.failed))
        felloe_fail(&v->error, FELLOE_FAILED, "Memory ran out while reading the view.");
}

static void answer(struct control_request *request)
{
    struct viewing *v = request->state;
    if (v->error.code != FELLOE_OK) {
        control_fail(request, &v->error);
        return;
    }
    begin_rows(v);
    if (v->view->view == VIEW_FRESHNESS)
        send_freshness(request);
    else
        send_rows(request);
}

static void read_now(struct control_request *request)
{
    struct viewing *v = request->state;
    progress_note_links(&v->table, request->daemon);
    control_work(request, read_view, answer, NULL);
}

void control_verb_VIEW(struct control_request *request)
{
    struct bytes name = control_arg_text(request, "name");
    struct viewing *v = calloc(1, sizeof *v);
    struct felloe_error error;
    if (!v) {
        control_fail(request, &(struct felloe_error){FELLOE_FAILED, "Memory ran out."});
        return;
    }
    request->state = v;
    request->release = release;
    v->view = view_find(name);
    int64_t after = control_arg_integer(request, "after", 0), limit = control_arg_integer(request, "limit", 0);
    v->after = after > 0 ? (uint64_t)after : 0;
    v->limit = limit > 0 ? (uint64_t)limit : 0;
    if (!v->view) {
        felloe_fail(&error, FELLOE_USAGE, "There is no view %.*s.", (int)(name.len < 60 ? name.len : 60),
                    name.data ? (const char *)name.data : "");
        control_fail(request, &error);
        return;
    }
    control_wait_views(request, read_now);
}
