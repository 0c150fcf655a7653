/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of the views in plain text: two nodes that have folded the same events have the same, whatever the order in
 * which they came. Nothing local goes in (when a device was last heard, where in its own log an event lies). */
#include <sodium.h>

#include "daemon/views/view_query.h"
#include "daemon/views/views_shares.h"

struct digesting {
    crypto_generichash_state state;
    struct view_digest *out;
};

static void begin(struct digesting *d, struct view_digest *out, const char *view)
{
    *out = (struct view_digest){.view = view};
    d->out = out;
    crypto_generichash_init(&d->state, NULL, 0, sizeof out->hash);
}

static void add(struct digesting *d, const void *data, size_t len)
{
    crypto_generichash_update(&d->state, data, len);
}

static void add_number(struct digesting *d, uint64_t number)
{
    uint8_t b[8];
    be_put_u64(b, number);
    add(d, b, sizeof b);
}

static void end(struct digesting *d)
{
    crypto_generichash_final(&d->state, d->out->hash, sizeof d->out->hash);
}

static bool digest_row(void *context, const struct views_row *row)
{
    struct digesting *d = context;
    if (row->sub & VIEWS_RESTRICTED_ROW) /* not everybody's */
        return true;
    add_number(d, row->sort);
    add(d, row->subject.b, sizeof row->subject.b);
    add_number(d, row->sub);
    add_number(d, row->cells.len);
    add(d, row->cells.data, row->cells.len);
    d->out->rows++;
    return true;
}

static bool digest_device(void *context, const struct views_device *device)
{
    struct digesting *d = context;
    add(d, device->device.b, sizeof device->device.b);
    add_number(d, device->incarnation);
    add_number(d, device->seq);
    add_number(d, device->time);
    d->out->rows++;
    return true;
}

static bool digest_entry(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct digesting *d = context;
    (void)ref;
    add_number(d, sort);
    add(d, id->b, sizeof id->b);
    d->out->rows++;
    return true;
}

/* Documents and timelines in one walk over the site's subjects. */
struct digesting_subjects {
    struct views_txn *txn;
    struct bytes site;
    struct digesting documents, timeline;
    struct buffer plain;
};

static bool digest_subject(void *context, const struct person_id *subject)
{
    struct digesting_subjects *s = context;
    if (views_has_left(s->txn, s->site, subject)) /* some have let go of what they have of them, and some not yet */
        return true;
    if (views_get_document(s->txn, s->site, subject, &s->plain) == VIEWS_FOUND) {
        add(&s->documents, subject->b, sizeof subject->b);
        add_number(&s->documents, s->plain.len);
        add(&s->documents, s->plain.data, s->plain.len);
        s->documents.out->rows++;
    }
    add(&s->timeline, subject->b, sizeof subject->b);
    views_timeline(s->txn, s->site, subject, NULL, digest_entry, &s->timeline);
    return true;
}

/* Those that are made at each asking say what documents, timelines and devices say. */
static bool is_stored(enum view view)
{
    return view != VIEW_PERSON && view != VIEW_FRESHNESS && view != VIEW_NEWS;
}

size_t query_digests(struct views_txn *txn, struct bytes site, struct view_digest out[VIEW_DIGESTS_MAX])
{
    size_t count = 0;
    struct digesting_subjects s = {.txn = txn, .site = site};
    begin(&s.documents, &out[count++], "documents");
    begin(&s.timeline, &out[count++], "timeline");
    views_subjects(txn, site, (struct bytes){0}, digest_subject, &s);
    end(&s.documents);
    end(&s.timeline);
    buffer_release(&s.plain);
    for (size_t i = 0; i < view_count() && count + 1 < VIEW_DIGESTS_MAX; i++) {
        struct digesting d;
        const struct view_def *view = view_at(i);
        if (!is_stored(view->view))
            continue;
        begin(&d, &out[count++], view->name);
        views_rows(txn, site, view->view, (struct bytes){0}, digest_row, &d);
        end(&d);
    }
    struct digesting d;
    begin(&d, &out[count++], "devices");
    views_devices(txn, site, digest_device, &d);
    end(&d);
    return count;
}
