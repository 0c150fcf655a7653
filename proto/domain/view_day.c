/* SPDX-License-Identifier: Apache-2.0 */
/* my-day: what was promised. Appointments that stand, tasks that somebody took or that are due, and the sessions of the
 * site. Which of them are of today, the moment of asking says (view_finish.h). */
#include "proto/domain/view_settle.h"

/* Tasks without a day come after everything that has a time. */
#define WITHOUT_DAY ((uint64_t)1 << 62)

static uint64_t sort_of(bool there, int64_t ms)
{
    return !there ? WITHOUT_DAY : ms > 0 ? (uint64_t)ms : 0;
}

/* ---- appointments ---- */

/* The person's others at the same time. */
static void put_also(struct row_maker *maker, const struct appointments *all, size_t which)
{
    struct buffer words = {0};
    for (size_t i = 0; i < all->count; i++) {
        const struct appointment *earlier = &all->at[i < which ? i : which], *later = &all->at[i < which ? which : i];
        if (i == which || !appointments_overlap(earlier, later))
            continue;
        buffer_append(&words, "; ", words.len > 0 ? 2 : 0);
        appointment_words(&all->at[i], &words);
    }
    mp_put_str_or_nil(&maker->cells, buffer_bytes(&words));
    maker->cells.failed = maker->cells.failed || words.failed;
    buffer_release(&words);
}

static bool put_appointment(struct row_maker *maker, const struct appointments *all, size_t which)
{
    struct buffer *cells = &maker->cells;
    const struct appointment *appointment = &all->at[which];
    const struct item *item = appointment->item;
    struct bytes what = item_text(item, "what");
    row_begin(maker, VIEW_MY_DAY);
    mp_put_int(cells, appointment->when);
    put_who(maker);
    mp_put_str(cells, what.len > 0 ? what : bytes_str("appointment"));
    mp_put_str_or_nil(cells, item_text(item, "place"));
    put_access_needs(cells, maker->document, NULL);
    put_workers(cells, item, "with");
    mp_put_text(cells, "appointment");
    put_also(maker, all, which);
    mp_put_bin(cells, appointment->name.b, sizeof appointment->name.b);
    put_number(cells, item, "minutes");
    mp_put_nil(cells);
    return row_emit(maker, VIEW_MY_DAY, sort_of(true, appointment->when), (uint32_t)which);
}

/* ---- tasks ---- */

/* Who took this task: the second part of the keys that begin with it. */
static void take_takers(const struct document *document, struct bytes task, struct texts *out)
{
    size_t count;
    const struct reading *taken = readings_of(document, REG_task_taken, &count);
    for (size_t i = 0; i < count; i++)
        if (reading_is_first(&taken[i]) && taken[i].each.len > task.len + 1 &&
            memcmp(taken[i].each.data, task.data, task.len) == 0 && taken[i].each.data[task.len] == EACH_SEPARATOR)
            texts_add(out, bytes_of(taken[i].each.data + task.len + 1, taken[i].each.len - task.len - 1));
}

static bool put_task(struct row_maker *maker, const struct reading *task, uint32_t sub)
{
    struct buffer *cells = &maker->cells;
    struct texts workers = {0};
    int64_t due = 0;
    const struct item *item = record_named_of(maker->document, TYPE_task_raised, task->each);
    if (!item || !bytes_is(reading_text(task), "open"))
        return true;
    bool has_due = date_ms(item_text(item, "due"), &due);
    take_takers(maker->document, task->each, &workers);
    if (workers.count == 0)
        texts_add(&workers, item_text(item, "for"));
    if (!has_due && workers.count == 0)
        return true;
    row_begin(maker, VIEW_MY_DAY);
    put_time(cells, has_due, due);
    put_who(maker);
    mp_put_str_or_nil(cells, item_text(item, "what"));
    mp_put_nil(cells);
    put_access_needs(cells, maker->document, NULL);
    texts_end(&workers, cells);
    mp_put_text(cells, "task");
    mp_put_nil(cells);
    put_event(cells, item);
    mp_put_nil(cells);
    mp_put_nil(cells);
    return row_emit(maker, VIEW_MY_DAY, sort_of(has_due, due), sub);
}

bool rows_day(struct row_maker *maker)
{
    struct appointments planned;
    size_t tasks;
    const struct reading *open = readings_of(maker->document, REG_task_state, &tasks);
    if (maker->state->moved)
        return true;
    bool ok = appointments_of(maker->document, &planned);
    for (size_t i = 0; ok && i < planned.count; i++)
        ok = put_appointment(maker, &planned, i);
    for (size_t i = 0; ok && i < tasks; i++)
        ok = put_task(maker, &open[i], (uint32_t)(planned.count + i));
    appointments_release(&planned);
    return ok;
}

/* ---- the site's sessions ---- */

bool rows_sessions_of_day(struct row_maker *maker)
{
    size_t count;
    struct buffer *cells = &maker->cells;
    const struct reading *sessions = readings_of(maker->document, REG_session, &count);
    for (size_t i = 0; i < count; i++) {
        const struct item *item = session_entry(maker->document, &sessions[i]);
        int64_t when = 0;
        if (!item || bytes_is(session_status(maker->document, &sessions[i]), "cancelled"))
            continue;
        bool once = item_number(item, "when", &when);
        row_begin(maker, VIEW_MY_DAY);
        put_time(cells, once, when);
        mp_put_array(cells, 0);
        mp_put_nil(cells);
        mp_put_str(cells, item_text(item, "name").len > 0 ? item_text(item, "name") : bytes_str("session"));
        mp_put_str_or_nil(cells, item_text(item, "place"));
        mp_put_array(cells, 0);
        put_workers(cells, item, "workers");
        mp_put_text(cells, "session");
        mp_put_nil(cells);
        put_event_key(cells, sessions[i].each);
        put_number(cells, item, "minutes");
        mp_put_str_or_nil(cells, item_text(item, "schedule"));
        if (!row_emit(maker, VIEW_MY_DAY, sort_of(once, when), (uint32_t)i))
            return false;
    }
    return true;
}
