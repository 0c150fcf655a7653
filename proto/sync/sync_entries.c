/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes bodies; see sync_entries.h. Memory is bounded by the bytes that came, not by the counts they claim. */
#include "proto/sync/sync_entries.h"

#include "proto/event/key_record.h"

/* The smallest entry is a marker: an array of 3 with a bin of 32. */
#define ENTRY_SIZE_MIN 37

static bool decode_marker(struct mp_reader *r, const struct entries_form *form, struct entry *entry)
{
    uint64_t incarnation = mp_uint(r, UINT32_MAX);
    entry->seq = mp_uint(r, UINT64_MAX - 1);
    mp_fixed(r, entry->id.b, sizeof entry->id.b);
    entry->device = form->own;
    entry->incarnation = form->incarnation;
    entry->flags = ENTRY_OWN;
    return !r->failed && form->markers && incarnation == form->incarnation && entry->seq > 0;
}

static bool decode_event(struct bytes raw, const struct entries_form *form, struct entry *entry,
                         struct event_clear *clear)
{
    struct event event;
    if (!event_decode(raw, &event) || !bytes_equal(event.clear.site, form->site))
        return false;
    *clear = event.clear;
    entry->event = raw;
    entry->device = clear->device;
    entry->incarnation = clear->incarnation;
    entry->seq = clear->seq;
    entry->key = clear->key;
    entry->seen = clear->seen;
    event_id_of(raw, &entry->id);
    return true;
}

static enum entries_result decode_entry(struct mp_reader *r, const struct entries_form *form, struct entry *entry)
{
    struct event_clear clear;
    bool marker = mp_array(r, 3, MP_TAPE_MAX) == 3;
    if (marker) {
        if (!decode_marker(r, form, entry))
            return ENTRIES_BAD;
    } else {
        mp_skip_rest(r);
        if (r->failed || !decode_event(mp_object(r), form, entry, &clear))
            return ENTRIES_BAD;
    }
    return form->check ? form->check(form->context, entry, marker ? NULL : &clear) : ENTRIES_OK;
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
    while (mp_next(r)) {
        enum entries_result result = ENTRIES_OK;
        if (mp_peek(r) == MP_BIN) {
            if (!decode_signature(r, form, batch->count > 0 ? &batch->entries[batch->count - 1] : NULL))
                result = ENTRIES_BAD;
        } else if (batch->count == form->count) {
            result = ENTRIES_BAD;
        } else {
            result = decode_entry(r, form, &batch->entries[batch->count]);
            batch->count++;
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
        form->count > mine.bytes.len / ENTRY_SIZE_MIN) {
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
    if (result == ENTRIES_OK)
        *out = batch;
    else
        batch_free(batch);
    return result;
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
