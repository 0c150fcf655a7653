/* SPDX-License-Identifier: Apache-2.0 */
/* A document's bytes: one form for one set, because the set has one order.
 *
 *   header  array of 3: format (uint, 1), version (bin 8, document_version), count of items
 *   item    array of 6 and more: type (uint, its place in the catalogue; nil: not known), unrecognised (bool),
 *           stamp (bin), name (bin 32, or nil where it is the id), worker (str), occurred (ms or nil), then for each
 *           kept field of the type its raw msgpack as a bin, or nil
 *   stamp   device 16, id 32, time 8, seq 8, incarnation 4, home 4; how many: positions of the event's own site 1, of
 *           others 1, seen of its own site 1, of others 1, after 1; then each of these: epoch (or incarnation) 4, n (or
 *           seq) 8, and of others before it the site's tag 4; big-endian */
#include "proto/domain/document_data.h"
#include "proto/endian.h"

#define FORMAT 2
#define STAMP_SIZE 77
#define COUNTS 72
#define MARK_SIZE 12
#define OTHER_SIZE (MARK_SIZE + 4)
#define STAMP_MAX (STAMP_SIZE + 2 * MARKS_MAX * OTHER_SIZE + BRANCHES_MAX * MARK_SIZE)

/* ---- writing ---- */

static uint32_t count_own(const struct marks *marks, uint32_t home)
{
    uint32_t count = 0;
    while (count < marks->count && marks->at[count].site == home)
        count++;
    return count;
}

static uint8_t *put_marks(uint8_t *p, const struct marks *marks, uint32_t home)
{
    for (uint32_t i = 0; i < marks->count; i++, p += MARK_SIZE) {
        if (marks->at[i].site != home) {
            put_be32(p, marks->at[i].site);
            p += 4;
        }
        put_be32(p, marks->at[i].epoch);
        put_be64(p + 4, marks->at[i].n);
    }
    return p;
}

static uint8_t *put_branches(uint8_t *p, const struct branch_marks *after)
{
    for (uint32_t i = 0; i < after->count; i++, p += MARK_SIZE) {
        put_be32(p, after->at[i].incarnation);
        put_be64(p + 4, after->at[i].seq);
    }
    return p;
}

static void put_stamp(struct buffer *out, const struct stamp *stamp)
{
    uint8_t raw[STAMP_MAX];
    memcpy(raw, stamp->device.b, 16);
    memcpy(raw + 16, stamp->id.b, 32);
    put_be64(raw + 48, stamp->time);
    put_be64(raw + 56, stamp->seq);
    put_be32(raw + 64, stamp->incarnation);
    put_be32(raw + 68, stamp->home);
    uint32_t at = count_own(&stamp->at, stamp->home), seen = count_own(&stamp->seen, stamp->home);
    raw[COUNTS] = (uint8_t)at;
    raw[COUNTS + 1] = (uint8_t)(stamp->at.count - at);
    raw[COUNTS + 2] = (uint8_t)seen;
    raw[COUNTS + 3] = (uint8_t)(stamp->seen.count - seen);
    raw[COUNTS + 4] = (uint8_t)stamp->after.count;
    uint8_t *end = put_marks(raw + STAMP_SIZE, &stamp->at, stamp->home);
    end = put_branches(put_marks(end, &stamp->seen, stamp->home), &stamp->after);
    mp_put_bin(out, raw, (size_t)(end - raw));
}

static uint32_t kept_fields(const struct type_def *type)
{
    uint32_t count = 0;
    for (size_t i = 0; type && i < type->field_count; i++)
        count += type->fields[i].kept;
    return count;
}

static void put_item(struct buffer *out, const struct item *item)
{
    mp_put_array(out, 6 + kept_fields(item->type));
    if (item->type)
        mp_put_uint(out, item->type->id);
    else
        mp_put_nil(out);
    mp_put_bool(out, item->unrecognised);
    put_stamp(out, &item->stamp);
    if (event_id_equal(&item->name, &item->stamp.id))
        mp_put_nil(out);
    else
        mp_put_bin(out, item->name.b, sizeof item->name.b);
    mp_put_str(out, item->worker);
    if (item->has_occurred)
        mp_put_int(out, item->occurred);
    else
        mp_put_nil(out);
    for (size_t i = 0; item->type && i < item->type->field_count; i++) {
        if (!item->type->fields[i].kept)
            continue;
        if (item->values[i].len > 0)
            mp_put_bin(out, item->values[i].data, item->values[i].len);
        else
            mp_put_nil(out);
    }
}

void document_encode(const struct document *document, struct buffer *out)
{
    uint8_t version[8];
    put_be64(version, document->version);
    buffer_reserve(out, 32 + document->count * 192);
    mp_put_array(out, 3);
    mp_put_uint(out, FORMAT);
    mp_put_bin(out, version, sizeof version);
    mp_put_uint(out, document->count);
    for (size_t i = 0; i < document->count; i++)
        put_item(out, document->items[i]);
}

/* ---- reading ---- */

/* `own` marks of the event's own site, then those of others, up to MARKS_MAX in all. Moves *p behind them. */
static bool get_marks(struct document *document, const uint8_t **p, const uint8_t counts[2], uint32_t home,
                      struct marks *out)
{
    uint32_t own = counts[0], count = own + counts[1];
    struct site_mark *at = count <= MARKS_MAX ? arena_take(&document->arena, count * sizeof *at) : NULL;
    if (!at)
        return false;
    for (uint32_t i = 0; i < count; i++, *p += MARK_SIZE) {
        at[i].site = home;
        if (i >= own) {
            at[i].site = get_be32(*p);
            *p += 4;
            if (at[i].site == home)
                return false;
        }
        at[i].epoch = get_be32(*p);
        at[i].n = get_be64(*p + 4);
    }
    *out = (struct marks){at, count};
    return true;
}

static bool get_branches(struct document *document, const uint8_t *p, uint32_t count, struct branch_marks *out)
{
    if (count == 0)
        return true;
    struct branch *at = arena_take(&document->arena, count * sizeof *at);
    if (!at)
        return false;
    for (uint32_t i = 0; i < count; i++, p += MARK_SIZE)
        at[i] = (struct branch){get_be32(p), get_be64(p + 4)};
    *out = (struct branch_marks){at, count};
    return true;
}

static bool get_stamp(struct document *document, struct stamp *out)
{
    struct bytes raw = mp_bin(&document->reader, STAMP_SIZE, STAMP_MAX);
    if (document->reader.failed)
        return false;
    const uint8_t *counts = raw.data + COUNTS, *p = raw.data + STAMP_SIZE;
    uint32_t own = counts[0] + counts[2], others = counts[1] + counts[3], after = counts[4];
    if (after > BRANCHES_MAX || raw.len != STAMP_SIZE + (own + after) * MARK_SIZE + others * OTHER_SIZE)
        return false;
    memcpy(out->device.b, raw.data, 16);
    memcpy(out->id.b, raw.data + 16, 32);
    out->time = get_be64(raw.data + 48);
    out->seq = get_be64(raw.data + 56);
    out->incarnation = get_be32(raw.data + 64);
    out->home = get_be32(raw.data + 68);
    return get_marks(document, &p, counts, out->home, &out->at) &&
           get_marks(document, &p, counts + 2, out->home, &out->seen) &&
           get_branches(document, p, after, &out->after);
}

static bool get_item(struct document *document)
{
    struct mp_reader *r = &document->reader;
    const struct type_def *type = NULL;
    struct item *found;
    uint32_t count = mp_array(r, 6, MP_TAPE_MAX);
    if (!mp_nil(r))
        type = catalogue_at((size_t)mp_uint(r, TYPE_COUNT - 1));
    struct item *item = r->failed ? NULL : document_item(document, type);
    if (!item || count != 6 + kept_fields(type))
        return false;
    item->unrecognised = mp_bool(r);
    if (!get_stamp(document, &item->stamp))
        return false;
    item->name = item->stamp.id;
    if (!mp_nil(r))
        mp_fixed(r, item->name.b, sizeof item->name.b);
    item->worker = mp_str(r, 0, EVENT_SIZE_MAX);
    item->has_occurred = !mp_nil(r);
    if (item->has_occurred)
        item->occurred = mp_int(r, INT64_MIN, INT64_MAX);
    for (size_t i = 0; type && i < type->field_count; i++)
        if (type->fields[i].kept && !mp_nil(r))
            item->values[i] = mp_bin(r, 1, EVENT_SIZE_MAX);
    if (r->failed || !document_insert(document, item, &found))
        return false;
    return document->items[document->count - 1] == item; /* in order, none twice */
}

static bool get_document(struct document *document, struct bytes in)
{
    struct mp_reader *r = &document->reader;
    uint8_t version[8];
    mp_reader_init(r, in);
    if (!mp_next(r) || mp_array(r, 3, 3) != 3 || mp_uint(r, UINT32_MAX) != FORMAT)
        return false;
    mp_fixed(r, version, sizeof version);
    uint64_t count = mp_uint(r, UINT32_MAX);
    if (r->failed || get_be64(version) != document->version)
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!mp_next(r) || !get_item(document))
            return false;
    return mp_done(r);
}

bool document_decode(struct document *document, struct bytes in)
{
    document_clear(document);
    struct bytes copy = arena_copy(&document->arena, in);
    if (copy.data && get_document(document, copy))
        return true;
    document_clear(document);
    return false;
}
