/* SPDX-License-Identifier: Apache-2.0 */
/* The person view: one row per entry, in the order in which things happened. */
#include "proto/event/hlc.h"
#include "proto/domain/view_person.h"

/* Recorded more than an hour after it happened: shown as a late entry. */
#define LATE_MS (3600 * 1000)

static int64_t recorded_ms(const struct event_body *body)
{
    return (int64_t)hlc_ms(body->time);
}

uint64_t view_timeline_sort(const struct event_body *body)
{
    if (!body->has_occurred)
        return body->time;
    if (body->occurred < 0)
        return 0;
    return body->occurred < (int64_t)1 << 47 ? (uint64_t)body->occurred << 16 : UINT64_MAX;
}

/* A type that is not known, or a field that is not, or a value of another kind. */
static bool is_recognised(const struct document *document, const struct fold_event *event)
{
    const struct item *item = record_find(document, event->body->time, &event->id);
    return catalogue_find(event->body->type) && (!item || !item->unrecognised);
}

bool view_timeline_cells(const struct document *document, const struct fold_event *event, struct buffer *out)
{
    const struct event_body *body = event->body;
    if (!document_understood(document)) {
        out->failed = true; /* whether it is struck is not known */
        return false;
    }
    const struct item *strike = record_struck_by(document, body->has_was ? &body->was : &event->id);
    mp_put_array(out, (uint32_t)view_of(VIEW_PERSON)->column_count);
    mp_put_int(out, body->has_occurred ? body->occurred : recorded_ms(body));
    mp_put_int(out, recorded_ms(body));
    mp_put_str(out, body->worker);
    mp_put_str(out, body->type);
    buffer_append(out, body->fields.data, body->fields.len);
    mp_put_bool(out, body->has_occurred && body->occurred < recorded_ms(body) - LATE_MS);
    mp_put_str_or_nil(out, record_struck_why(strike));
    mp_put_bool(out, !is_recognised(document, event));
    mp_put_bin(out, event->id.b, sizeof event->id.b);
    mp_put_bool(out, event->restricted);
    return !out->failed;
}
