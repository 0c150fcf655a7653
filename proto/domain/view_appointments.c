/* SPDX-License-Identifier: Apache-2.0 */
/* Which appointments of a person stand, in the order of time. */
#include "proto/domain/view_appointments.h"

#include <stdlib.h>

#define MINUTE_MS ((int64_t)60000)
#define MINUTES_UNSAID 30

struct bytes pair_key(const struct event_id *a, const struct event_id *b, char out[PAIR_KEY_MAX])
{
    bool swap = memcmp(a->b, b->b, sizeof a->b) > 0;
    hex_encode(bytes_of(swap ? b->b : a->b, sizeof a->b), out);
    out[2 * sizeof a->b] = '+';
    hex_encode(bytes_of(swap ? a->b : b->b, sizeof a->b), out + 2 * sizeof a->b + 1);
    return bytes_str(out);
}

/* Was it settled, of this one and another at the same time, that the other stands? Not of what was planned since. */
static bool gave_way(const struct reading *settled, size_t count, const struct appointment *appointment)
{
    const size_t half = 2 * sizeof(struct event_id);
    for (size_t i = 0; i < count; i++) {
        const struct bytes each = settled[i].each, stands = reading_text(&settled[i]);
        if (settled[i].values != 1 || each.len != 2 * half + 1)
            continue;
        bool first = memcmp(each.data, appointment->each.data, half) == 0;
        bool second = memcmp(each.data + half + 1, appointment->each.data, half) == 0;
        if (((first && bytes_is(stands, "second")) || (second && bytes_is(stands, "first"))) &&
            !stamp_has_seen(&appointment->item->stamp, settled[i].writes[0].stamp))
            return true;
    }
    return false;
}

static bool stands(const struct document *document, const struct reading *planned, struct appointment *out)
{
    int64_t minutes;
    const struct item *item = reading_entry(document, planned);
    if (!item || item->type->id != TYPE_contact_planned || item_yes(item, "cancelled") ||
        reading_is_first(record_reading_of(document, REG_appointment_state, planned->each)) ||
        !item_number(item, "when", &out->when) || !hex_decode(planned->each, out->name.b, sizeof out->name.b))
        return false;
    out->item = item;
    out->each = planned->each;
    if (!item_number_in(item, "minutes", 1, 24 * 60, &minutes))
        minutes = MINUTES_UNSAID;
    out->until = out->when < INT64_MAX - minutes * MINUTE_MS ? out->when + minutes * MINUTE_MS : INT64_MAX;
    return true;
}

static int by_when(const void *left, const void *right)
{
    const struct appointment *a = left, *b = right;
    if (a->when != b->when)
        return a->when < b->when ? -1 : 1;
    return memcmp(a->name.b, b->name.b, sizeof a->name.b);
}

bool appointments_of(const struct document *document, struct appointments *out)
{
    size_t count, pairs;
    const struct reading *planned = readings_of(document, REG_appointment, &count);
    const struct reading *settled = readings_of(document, REG_double_booking, &pairs);
    *out = (struct appointments){0};
    if (count == 0)
        return true;
    out->at = calloc(count, sizeof *out->at);
    if (!out->at)
        return false;
    for (size_t i = 0; i < count; i++)
        if (stands(document, &planned[i], &out->at[out->count]) &&
            !gave_way(settled, pairs, &out->at[out->count]))
            out->count++;
    if (out->count > 1)
        qsort(out->at, out->count, sizeof *out->at, by_when);
    return true;
}

void appointments_release(struct appointments *appointments)
{
    free(appointments->at);
    *appointments = (struct appointments){0};
}
