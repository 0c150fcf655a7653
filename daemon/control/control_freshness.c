/* SPDX-License-Identifier: Apache-2.0 */
/* freshness: when each laptop was last heard, from all who know: the views, the driver, this device itself. */
#include <stdlib.h>

#include "daemon/control/control_view.h"
#include "proto/event/hlc.h"

#define DEVICES_MAX 1024u

static void add_revoked(void *context, const struct device_id *device, struct bytes why)
{
    struct viewing *v = context;
    struct revoked_device *grown = reallocarray(v->revoked, v->revoked_count + 1, sizeof *grown);
    if (!grown)
        return; /* it is shown as one that is not */
    v->revoked = grown;
    struct revoked_device *revoked = &v->revoked[v->revoked_count++];
    revoked->device = *device;
    if (why.len == 0 || !bytes_to_text(why, revoked->why, sizeof revoked->why))
        memcpy(revoked->why, "yes", sizeof "yes");
}

/* The hub tells it in the site that every device is in. */
static void read_revoked(struct viewing *v, struct reading *reading)
{
    struct document *document = views_new_document(&reading->views);
    struct buffer plain = {0};
    if (document && views_get_document(&reading->views, bytes_str("commons"), &PERSON_ID_NONE, &plain) == VIEWS_FOUND &&
        document_decode(document, buffer_bytes(&plain)))
        document_revoked(document, add_revoked, v);
    buffer_release(&plain);
    document_free(document);
}

static const char *revoked_why(const struct viewing *v, const struct device_id *device)
{
    for (size_t i = 0; i < v->revoked_count; i++)
        if (device_id_equal(&v->revoked[i].device, device))
            return v->revoked[i].why;
    return NULL;
}

void view_read_devices(struct viewing *v, struct reading *reading)
{
    read_revoked(v, reading);

    v->devices = calloc(DEVICES_MAX, sizeof *v->devices);
    if (v->devices)
        v->device_count = query_devices(&reading->views, &reading->scope, v->devices, DEVICES_MAX);
}

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

/* In the order of enum freshness_column. */
static void put_fresh(struct buffer *out, const struct fresh *f, const char *revoked)
{
    mp_put_array(out, FRESHNESS_COLUMNS);
    mp_put_bin(out, f->device.b, sizeof f->device.b);
    if (f->worker[0])
        mp_put_text(out, f->worker);
    else
        mp_put_nil(out);
    mp_put_int_or_nil(out, f->last_event_ms > 0, f->last_event_ms);
    mp_put_int_or_nil(out, f->heard_ms > 0, f->heard_ms);
    mp_put_int_or_nil(out, f->has_waiting, (int64_t)f->waiting);
    mp_put_str_or_nil(out, revoked ? bytes_str(revoked) : (struct bytes){0});
}

static int quietest_first(const void *a, const void *b)
{
    const struct fresh *x = a, *y = b;
    int64_t p = x->heard_ms > 0 ? x->heard_ms : x->last_event_ms, q = y->heard_ms > 0 ? y->heard_ms : y->last_event_ms;
    if (p != q)
        return p < q ? -1 : 1;
    return memcmp(&x->device, &y->device, sizeof x->device);
}

static void add_row(struct viewing *v, const struct fresh *fresh, struct mp_reader *r)
{
    struct buffer *cells = &v->rows.cells;
    const size_t begin = cells->len;
    put_fresh(cells, fresh, revoked_why(v, &fresh->device));
    if (cells->failed || !view_filter_passes(v->wish.view, &v->wish.filter, bytes_of(cells->data + begin,
                                                                                     cells->len - begin), r)) {
        cells->len = begin;
        return;
    }
    struct query_row *row = query_add(&v->rows);
    if (row) {
        row->begin = begin;
        row->len = cells->len - begin;
    }
}

void view_add_freshness(struct control_request *request)
{
    struct viewing *v = request->state;
    struct fresh *all = calloc(v->device_count + 1, sizeof *all);
    struct mp_reader *r = malloc(sizeof *r);
    size_t count = all && r ? v->device_count : 0;
    for (size_t i = 0; i < count; i++) {
        all[i].device = v->devices[i].device;
        all[i].last_event_ms = (int64_t)hlc_ms(v->devices[i].time);
        memcpy(all[i].worker, v->devices[i].worker, sizeof all[i].worker);
        hear_from_driver(request, &all[i]);
    }
    if (all && r && !find_heard(v, &request->daemon->identity.device)) {
        all[count].device = request->daemon->identity.device;
        hear_from_driver(request, &all[count++]);
    }
    if (count > 1)
        qsort(all, count, sizeof *all, quietest_first);
    for (size_t i = 0; i < count; i++)
        add_row(v, &all[i], r);
    free(all);
    free(r);
}
