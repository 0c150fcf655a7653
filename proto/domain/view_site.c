/* SPDX-License-Identifier: Apache-2.0 */
/* places: who is out and where the team is today, who is overdue first. worries: what workers carry, what nobody holds
 * yet first. Both are about workers; no person is named. */
#include <stdio.h>

#include "proto/domain/schedule.h"
#include "proto/domain/view_finish.h"
#include "proto/domain/view_settle.h"

/* ---- places ---- */

/* Whose back_by was not said come after those of whom it was. */
#define BACK_UNKNOWN ((uint64_t)1 << 55)

static bool put_outing(struct row_maker *maker, const struct reading *outing, uint32_t sub)
{
    struct buffer *cells = &maker->cells;
    int64_t back_by = 0;
    const struct item *item = record_named_of(maker->document, TYPE_worker_out, outing->each);
    if (!item || !reading_is_first(outing))
        return true;
    bool told = item_number(item, "back_by", &back_by);
    row_begin(maker, VIEW_PLACES);
    mp_put_text(cells, "out");
    mp_put_str_or_nil(cells, item_text(item, "where"));
    mp_put_int(cells, item_ms(item));
    mp_put_nil(cells);
    put_workers(cells, item, "worker");
    put_time(cells, told, back_by);
    mp_put_nil(cells);
    put_event(cells, item);
    uint64_t sort = told ? (back_by > 0 ? (uint64_t)back_by : 0) : BACK_UNKNOWN;
    return row_emit(maker, VIEW_PLACES, sort < BACK_UNKNOWN ? sort : BACK_UNKNOWN, sub);
}

/* The hours of something that is once, as a schedule: "2026-11-21 14:00-16:00". */
static bool once_hours(const struct item *item, int64_t when, char out[2 * MOMENT_WORDS_MAX])
{
    int64_t minutes, day;
    int minute;
    char from[MOMENT_WORDS_MAX];
    if (!item_number_in(item, "minutes", 1, 24 * 60 - 1, &minutes))
        return false;
    moment_words(when, from);
    london_day(when, &day, &minute);
    int64_t to = (minute + minutes) % (24 * 60);
    snprintf(out, 2 * MOMENT_WORDS_MAX, "%s-%02d:%02d", from, (int)to / 60, (int)to % 60);
    return true;
}

static bool put_session(struct row_maker *maker, const struct reading *session, uint32_t sub)
{
    struct buffer *cells = &maker->cells;
    char hours[2 * MOMENT_WORDS_MAX];
    int64_t when = 0;
    const struct item *item = session_entry(maker->document, session);
    if (!item)
        return true;
    bool once = item_number(item, "when", &when);
    row_begin(maker, VIEW_PLACES);
    mp_put_str(cells, item_text(item, "name").len > 0 ? item_text(item, "name") : bytes_str("session"));
    mp_put_str_or_nil(cells, item_text(item, "place"));
    put_time(cells, once, when);
    if (once && once_hours(item, when, hours))
        mp_put_text(cells, hours);
    else
        mp_put_str_or_nil(cells, once ? (struct bytes){0} : item_text(item, "schedule"));
    put_workers(cells, item, "workers");
    mp_put_nil(cells);
    mp_put_str(cells, session_status(maker->document, session));
    put_event_key(cells, session->each);
    return row_emit(maker, VIEW_PLACES, PLACES_SESSIONS | (when > 0 ? (uint64_t)when % PLACES_SESSIONS : 0), sub);
}

bool rows_places(struct row_maker *maker)
{
    size_t out, sessions;
    bool ok = true;
    const struct reading *outings = readings_of(maker->document, REG_outing, &out);
    const struct reading *planned = readings_of(maker->document, REG_session, &sessions);
    for (size_t i = 0; ok && i < out; i++)
        ok = put_outing(maker, &outings[i], (uint32_t)i);
    for (size_t i = 0; ok && i < sessions; i++)
        ok = put_session(maker, &planned[i], (uint32_t)i);
    return ok;
}

/* ---- worries ---- */

static void take_holders(const struct document *document, const struct item *worry, struct texts *out)
{
    char id[2 * sizeof worry->name.b + 1];
    const size_t len = 2 * sizeof worry->name.b;
    size_t count;
    const struct reading *held = readings_of(document, REG_worry_held, &count);
    hex_encode(bytes_of(worry->name.b, sizeof worry->name.b), id);
    for (size_t i = 0; i < count; i++)
        if (reading_is_first(&held[i]) && held[i].each.len > len + 1 && memcmp(held[i].each.data, id, len) == 0)
            texts_add(out, bytes_of(held[i].each.data + len + 1, held[i].each.len - len - 1));
}

bool rows_worries(struct row_maker *maker)
{
    struct buffer *cells = &maker->cells;
    uint32_t sub = 0;
    const struct items worries = record_of(maker->document, TYPE_worry_shared);
    for (size_t i = 0; i < worries.count; i++) {
        const struct item *item = worries.at[i];
        struct texts holders = {0};
        take_holders(maker->document, item, &holders);
        const bool held = holders.count > 0;
        struct bytes worker = item_text(item, "worker");
        row_begin(maker, VIEW_WORRIES);
        mp_put_str(cells, worker.len > 0 ? worker : item->worker);
        mp_put_int(cells, item_ms(item));
        mp_put_str_or_nil(cells, item_text(item, "text"));
        texts_end(&holders, cells);
        put_event(cells, item);
        if (!row_emit(maker, VIEW_WORRIES, (uint64_t)held << 60 | item_sort_ms(item), sub++))
            return false;
    }
    return true;
}
