/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes bodies; see sync_entries.h. Memory is bounded by the bytes that came, not by the counts they claim. */
#include "proto/sync/sync_entries.h"

#include "proto/event/key_record.h"

/* The smallest entry is a marker: an array of 3 with a bin of 32. (A marker of several is smaller than they would be:
 * a FEED's entries have the bound of any batch.) */
#define ENTRY_SIZE_MIN 37

static struct entry own_entry(const struct entries_form *form, uint64_t seq)
{
    return (struct entry){.device = form->own, .incarnation = form->incarnation, .seq = seq, .flags = ENTRY_OWN};
}

static bool decode_marker(struct mp_reader *r, const struct entries_form *form, struct entry *entry)
{
    uint64_t incarnation = mp_uint(r, UINT32_MAX);
    *entry = own_entry(form, mp_uint(r, UINT64_MAX - 1));
    mp_fixed(r, entry->id.b, sizeof entry->id.b);
    return !r->failed && form->markers && incarnation == form->incarnation && entry->seq > 0;
}

static enum entries_result take_event(const struct event *event, const struct entries_form *form, struct batch *batch)
{
    struct entry *entry = &batch->entries[batch->count];
    if (batch->count == form->count || !bytes_equal(event->clear.site, form->site))
        return ENTRIES_BAD;
    batch->count++;
    entry->event = event->raw;
    entry->device = event->clear.device;
    entry->incarnation = event->clear.incarnation;
    entry->seq = event->clear.seq;
    entry->key = event->clear.key;
    entry->flags = 0;
    event_id_of(event->raw, &entry->id);
    return form->check ? form->check(form->context, entry, &event->clear) : ENTRIES_OK;
}

/* A marker of several. */
struct markers {
    uint64_t first;
    uint32_t count;
    struct event_id last;
};

static bool read_markers(struct mp_reader *r, const struct entries_form *form, struct markers *out)
{
    uint64_t incarnation = mp_uint(r, UINT32_MAX);
    out->first = mp_uint(r, UINT64_MAX - 1 - BATCH_ENTRIES_MAX);
    out->count = (uint32_t)mp_uint(r, BATCH_ENTRIES_MAX);
    mp_fixed(r, out->last.b, sizeof out->last.b);
    return !r->failed && form->markers && incarnation == form->incarnation && out->first > 0 && out->count >= 2;
}

static enum entries_result decode_markers(struct mp_reader *r, const struct entries_form *form, struct batch *batch)
{
    struct markers m;
    if (!read_markers(r, form, &m) || m.count > form->count - batch->count)
        return ENTRIES_BAD;
    if (!form->own_ids || m.first < form->own_first || m.first - form->own_first > form->own_count ||
        m.count > form->own_count - (m.first - form->own_first))
        return ENTRIES_OWN;
    const struct event_id *ids = form->own_ids + (m.first - form->own_first);
    if (!event_id_equal(&ids[m.count - 1], &m.last))
        return ENTRIES_FORK;
    enum entries_result result = ENTRIES_OK;
    for (uint32_t i = 0; i < m.count && result == ENTRIES_OK; i++) {
        struct entry *entry = &batch->entries[batch->count++];
        *entry = own_entry(form, m.first + i);
        entry->flags |= ENTRY_KNOWN;
        entry->id = ids[i];
        if (form->check)
            result = form->check(form->context, entry, NULL);
    }
    return result;
}

static enum entries_result decode_entry(struct mp_reader *r, const struct entries_form *form, struct batch *batch)
{
    struct event event;
    struct entry *entry = &batch->entries[batch->count];
    const uint32_t values = mp_array(r, 3, MP_TAPE_MAX);
    if (values == 4)
        return decode_markers(r, form, batch);
    if (values != 3) { /* an event in a longer form, or none */
        mp_skip_rest(r);
        return !r->failed && event_decode(mp_object(r), &event) ? take_event(&event, form, batch) : ENTRIES_BAD;
    }
    if (!decode_marker(r, form, entry))
        return ENTRIES_BAD;
    batch->count++;
    return form->check ? form->check(form->context, entry, NULL) : ENTRIES_OK;
}

/* The events that come next, each in its shortest form. */
static enum entries_result decode_events(struct mp_reader *r, const struct entries_form *form, struct batch *batch)
{
    struct event event;
    enum entries_result result = ENTRIES_OK;
    for (size_t len; result == ENTRIES_OK && (len = event_decode_first(mp_rest(r), &event)) > 0;) {
        mp_take(r, len);
        result = take_event(&event, form, batch);
    }
    return result;
}

static bool decode_signature(struct mp_reader *r, const struct entries_form *form, struct entry *last)
{
    if (!form->signatures || !last || last->flags != 0)
        return false;
    mp_fixed(r, last->signature.b, sizeof last->signature.b);
    last->flags |= ENTRY_SIGNED;
    return !r->failed;
}

static enum entries_result decode_all(struct mp_reader *r, const struct entries_form *form, struct batch *batch)
{
    for (uint32_t i = 0; i < form->key_count; i++)
        if (!mp_next(r) || !key_record_check(r))
            return ENTRIES_BAD;
    batch->key_count = form->key_count;
    batch->keys = bytes_of(r->in.data, r->off);
    for (;;) {
        enum entries_result result = decode_events(r, form, batch);
        if (result != ENTRIES_OK)
            return result;
        if (!mp_next(r))
            break;
        if (mp_peek(r) == MP_BIN) {
            if (!decode_signature(r, form, batch->count > 0 ? &batch->entries[batch->count - 1] : NULL))
                result = ENTRIES_BAD;
        } else if (batch->count == form->count) {
            result = ENTRIES_BAD;
        } else {
            result = decode_entry(r, form, batch);
        }
        if (result != ENTRIES_OK)
            return result;
    }
    return mp_done(r) && batch->count == form->count ? ENTRIES_OK : ENTRIES_BAD;
}

enum entries_result entries_decode(struct lent *body, const struct entries_form *form, struct batch **out)
{
    struct mp_reader r MP_UNSET;
    struct lent mine = *body;
    *body = (struct lent){0};
    *out = NULL;
    if (mine.bytes.len > BODY_MAX || form->site.len > SLUG_MAX || form->count > BATCH_ENTRIES_MAX ||
        (!form->markers && form->count > mine.bytes.len / ENTRY_SIZE_MIN)) {
        lent_return(&mine);
        return ENTRIES_BAD;
    }
    struct batch *batch = batch_new(form->count);
    if (!batch) {
        lent_return(&mine);
        return ENTRIES_NO_MEMORY;
    }
    batch->body = mine;
    memcpy(batch->site, form->site.data, form->site.len);
    mp_reader_init(&r, mine.bytes);
    enum entries_result result = decode_all(&r, form, batch);
    if (result == ENTRIES_OWN) {
        *body = batch->body;
        batch->body = (struct lent){0};
    }
    if (result == ENTRIES_OK)
        *out = batch;
    else
        batch_free(batch);
    return result;
}

bool entries_own_span(struct bytes body, const struct entries_form *form, uint64_t *first, uint32_t *count)
{
    struct mp_reader r MP_UNSET;
    uint64_t end = 0;
    *first = 0;
    if (body.len > BODY_MAX)
        return false;
    mp_reader_init(&r, body);
    for (uint32_t i = 0; mp_next(&r); i++) {
        struct markers m;
        if (i >= form->key_count && mp_peek(&r) == MP_ARRAY && mp_array(&r, 0, MP_TAPE_MAX) == 4) {
            if (!read_markers(&r, form, &m))
                return false;
            *first = end == 0 || m.first < *first ? m.first : *first;
            end = m.first + m.count > end ? m.first + m.count : end;
        }
        mp_skip_rest(&r);
    }
    *count = (uint32_t)(end - *first);
    return mp_done(&r) && end > 0 && end - *first <= BATCH_ENTRIES_MAX;
}

bool keys_check(struct bytes body, uint32_t count, void (*visit)(void *context, const struct key_id *id), void *context)
{
    struct mp_reader r MP_UNSET;
    if (body.len > BODY_MAX)
        return false;
    mp_reader_init(&r, body);
    for (uint32_t i = 0; i < count; i++) {
        if (!mp_next(&r))
            return false;
        struct mp_reader id_only MP_UNSET;
        mp_reader_init(&id_only, mp_object(&r));
        if (!key_record_check(&r))
            return false;
        struct key_id id;
        mp_next(&id_only);
        mp_array(&id_only, 5, 6);
        mp_fixed(&id_only, id.b, sizeof id.b);
        if (id_only.failed)
            return false;
        if (visit)
            visit(context, &id);
    }
    mp_next(&r);
    return mp_done(&r);
}
