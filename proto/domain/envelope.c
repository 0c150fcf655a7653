/* SPDX-License-Identifier: Apache-2.0 */
/* entry.copied: its fields, written and read. */
#include "proto/domain/envelope.h"

#include "proto/endian.h"
#include "proto/mp.h"

#define PACKED 16 /* a mark: tag 4, epoch 4, n 8 */

uint32_t envelope_parts(size_t original_len)
{
    return original_len > ENVELOPE_WHOLE_MAX ? ENVELOPE_PARTS_MAX : 1;
}

struct bytes envelope_piece(struct bytes original, uint32_t part, uint32_t parts)
{
    size_t size = (original.len + parts - 1) / parts, from = (part - 1) * size;
    size_t rest = original.len - from;
    return bytes_of(original.data + from, rest < size ? rest : size);
}

/* ---- writing ---- */

void envelope_put(const struct envelope *envelope, struct buffer *fields)
{
    mp_put_map(fields, 4 + (envelope->parts > 1 ? 2u : 0u) + (envelope->saw.len > 0));
    mp_put_text(fields, "event");
    mp_put_bin(fields, envelope->event.data, envelope->event.len);
    mp_put_text(fields, "from");
    mp_put_str(fields, envelope->from);
    mp_put_text(fields, "epoch");
    mp_put_uint(fields, envelope->at.epoch);
    mp_put_text(fields, "n");
    mp_put_uint(fields, envelope->at.n);
    if (envelope->parts > 1) {
        mp_put_text(fields, "part");
        mp_put_uint(fields, envelope->part);
        mp_put_text(fields, "parts");
        mp_put_uint(fields, envelope->parts);
    }
    if (envelope->saw.len > 0) {
        mp_put_text(fields, "saw");
        mp_put_bin(fields, envelope->saw.data, envelope->saw.len);
    }
}

void envelope_put_mark(struct buffer *saw, const struct site_mark *mark)
{
    uint8_t packed[PACKED];
    put_be32(packed, mark->site | MARK_APART);
    put_be32(packed + 4, mark->epoch);
    put_be64(packed + 8, mark->n);
    buffer_append(saw, packed, sizeof packed);
}

/* ---- reading ---- */

static void read_field(struct mp_reader *r, struct bytes name, struct envelope *out)
{
    if (bytes_is(name, "event"))
        out->event = mp_bin(r, 1, EVENT_SIZE_MAX);
    else if (bytes_is(name, "from"))
        out->from = mp_str(r, 1, SLUG_MAX);
    else if (bytes_is(name, "epoch"))
        out->at.epoch = (uint32_t)mp_uint(r, UINT32_MAX);
    else if (bytes_is(name, "n"))
        out->at.n = mp_uint(r, UINT64_MAX);
    else if (bytes_is(name, "part"))
        out->part = (uint32_t)mp_uint(r, ENVELOPE_PARTS_MAX);
    else if (bytes_is(name, "parts"))
        out->parts = (uint32_t)mp_uint(r, ENVELOPE_PARTS_MAX);
    else if (bytes_is(name, "saw"))
        out->saw = mp_bin(r, 0, ENVELOPE_SAW_MAX * PACKED);
    else
        mp_skip(r); /* what a later version says of it */
}

bool envelope_read(const struct event_body *body, struct envelope *out)
{
    struct mp_reader r MP_UNSET;
    *out = (struct envelope){.part = 1, .parts = 1};
    if (!bytes_is(body->type, ENVELOPE_TYPE) || !body->has_subject)
        return false;
    mp_reader_init(&r, body->fields);
    if (!mp_next(&r))
        return false;
    uint32_t pairs = mp_map(&r, MP_TAPE_MAX);
    for (uint32_t i = 0; i < pairs && !r.failed; i++) {
        struct bytes name = mp_str(&r, 0, EVENT_SIZE_MAX);
        read_field(&r, name, out);
    }
    return mp_done(&r) && out->event.len > 0 && slug_valid(out->from) && out->at.epoch > 0 && out->at.n > 0 &&
           out->part > 0 && out->part <= out->parts && out->saw.len % PACKED == 0;
}

bool envelope_marks(struct bytes saw, struct buffer *memory, struct marks *out)
{
    *out = (struct marks){0};
    buffer_clear(memory);
    size_t count = saw.len / PACKED;
    if (count == 0)
        return true;
    if (!buffer_reserve(memory, count * sizeof(struct site_mark)))
        return false;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = saw.data + i * PACKED;
        const struct site_mark mark = {get_be32(at) | MARK_APART, get_be32(at + 4), get_be64(at + 8)};
        buffer_append(memory, &mark, sizeof mark);
    }
    *out = (struct marks){(const struct site_mark *)(const void *)memory->data, (uint32_t)count};
    return true;
}
