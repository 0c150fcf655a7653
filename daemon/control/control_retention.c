/* SPDX-License-Identifier: Apache-2.0 */
/* hub.retention: with whom support has ended, when, when anything was last written about them, and until when their
 * record is to be kept. Nothing is erased by itself. */
#include <stdlib.h>

#include "daemon/control/control_audit.h"
#include "daemon/control/control_gate.h"
#include "daemon/control/control_hub.h"
#include "daemon/control/control_query.h"
#include "proto/event/hlc.h"

struct retaining {
    struct felloe_error error;
    struct query_rows farewells;
    struct buffer who;        /* of the row at hand */
    struct control_data data;
    struct control_shown shown;
    bool names;               /* whoever asks may read them */
};

static void release(void *state)
{
    struct retaining *r = state;
    query_rows_release(&r->farewells);
    buffer_release(&r->who);
    control_shown_release(&r->shown);
    free(r);
}

struct last_entry {
    struct reading *reading;
    struct bytes site;
    uint64_t time;
};

static bool note_time(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct last_entry *last = context;
    (void)id, (void)ref;
    last->time = sort > last->time ? sort : last->time;
    return true;
}

/* In any site; also what is restricted: that there is an entry is known to all. */
static int64_t last_of(struct reading *reading, const struct person_id *person)
{
    struct last_entry last = {.reading = reading};
    for (size_t i = 0; i < reading->scope.count; i++) {
        struct bytes site = bytes_str(reading->scope.sites[i]);
        views_timeline(&reading->views, site, person, NULL, note_time, &last);
        views_restricted_timeline(&reading->views, site, person, NULL, note_time, &last);
    }
    return (int64_t)hlc_ms(last.time);
}

/* The columns of farewells: who, person, when, and more. */
static bool read_farewell(struct retaining *r, struct mp_reader *reader, struct bytes cells, int64_t *ended)
{
    mp_reader_init(reader, cells);
    uint32_t count = mp_next(reader) ? mp_array(reader, 3, MP_TAPE_MAX) : 0;
    if (count < 3)
        return false;
    buffer_clear(&r->who);
    mp_copy(reader, &r->who);
    mp_skip(reader);
    *ended = mp_int(reader, INT64_MIN, INT64_MAX);
    return !reader->failed && !r->who.failed;
}

static void put_row(struct control_request *request, struct reading *reading, struct mp_reader *reader,
                    const struct query_row *row)
{
    struct retaining *r = request->state;
    struct buffer *out = &request->out;
    int64_t ended;
    char until[RETENTION_DAY_SIZE];
    if (!read_farewell(r, reader, bytes_of(r->farewells.cells.data + row->begin, row->len), &ended))
        return;
    retention_until(ended, request->daemon->config.retention_years, until);
    control_data_item(&r->data, out);
    mp_put_array(out, 6);
    if (r->names)
        buffer_append(out, r->who.data, r->who.len);
    else
        mp_put_nil(out);
    mp_put_bin(out, row->subject.b, sizeof row->subject.b);
    mp_put_text(out, reading->scope.sites[row->site]);
    mp_put_int(out, ended);
    mp_put_int(out, last_of(reading, &row->subject));
    mp_put_text(out, until);
    control_shown_add(&r->shown, &row->subject);
}

static void read_all(struct control_request *request)
{
    struct retaining *r = request->state;
    struct reading reading;
    struct mp_reader *reader = malloc(sizeof *reader);
    if (reader == NULL ||
        reading_begin(&reading, request->daemon, control_arg_text(request, "site"), &r->error) != FELLOE_OK) {
        if (reader == NULL)
            felloe_fail(&r->error, FELLOE_FAILED, "Memory ran out.");
        free(reader);
        return;
    }
    query_view(&reading.views, &reading.scope, VIEW_FAREWELLS, &r->farewells);
    for (size_t i = r->farewells.count; i-- > 0 && !atomic_load(&request->cancelled);) /* the earliest first */
        put_row(request, &reading, reader, &r->farewells.rows[i]);
    control_data_end(&r->data);
    reading_finish(&reading, request->daemon, &r->error);
    free(reader);
    if (r->error.code == FELLOE_OK && (r->farewells.failed || r->who.failed))
        felloe_fail(&r->error, FELLOE_FAILED, "Memory ran out.");
}

static void answer(struct control_request *request)
{
    struct buffer *out = &request->out;
    size_t begin = control_frame_begin(out);
    const struct retaining *r = request->state;
    control_put_end(out, 2);
    mp_put_text(out, "names");
    mp_put_bool(out, r->names);
    mp_put_text(out, "years");
    mp_put_uint(out, request->daemon->config.retention_years);
    control_frame_end(out, begin);
    control_finish(request);
}

static void done(struct control_request *request)
{
    struct retaining *r = request->state;
    if (r->error.code != FELLOE_OK)
        buffer_clear(&request->out);
    if (r->error.code != FELLOE_OK)
        control_fail(request, &r->error);
    else
        control_audit(request, &r->shown, "view", "retention", answer);
}

static void begin(struct control_request *request)
{
    control_work(request, read_all, done, NULL);
}

void control_verb_HUB_RETENTION(struct control_request *request)
{
    struct retaining *r = control_hub_begin(request, sizeof *r, release, "Retention is looked after at the hub");
    struct felloe_error refused;
    if (r == NULL)
        return;
    r->names = control_gate_reads(request, &refused) == FELLOE_OK;
    control_wait_views(request, begin);
}
