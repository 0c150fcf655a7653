/* SPDX-License-Identifier: Apache-2.0 */
/* What is to settle though no field was written twice: it takes two entries to see it. Each has a register that nothing
 * but a settlement writes, and is listed while that is empty.
 *
 *   joint_visit     two workers met the person in the same way within two hours, neither knowing of the other's entry
 *   double_booking  two appointments of the person that overlap
 *   fourth_goal     more than three goals at a time, of which a settlement has not seen all */
#include <stdlib.h>

#include "proto/domain/view_derived.h"

#define JOINT_MS ((int64_t)2 * 3600 * 1000)
#define GOALS_AT_A_TIME 3

/* ---- joint visits ---- */

struct meeting {
    int64_t ms;
    const struct item *item;
};

static int by_time(const void *left, const void *right)
{
    const struct meeting *a = left, *b = right;
    if (a->ms != b->ms)
        return a->ms < b->ms ? -1 : 1;
    return memcmp(a->item->name.b, b->item->name.b, sizeof a->item->name.b);
}

static bool is_near(const struct meeting *earlier, const struct meeting *later)
{
    return (uint64_t)later->ms - (uint64_t)earlier->ms <= (uint64_t)JOINT_MS;
}

static bool is_one_visit(const struct document *document, const struct item *a, const struct item *b)
{
    return !bytes_equal(a->worker, b->worker) && !stamp_has_seen(&a->stamp, &b->stamp) &&
           !stamp_has_seen(&b->stamp, &a->stamp) &&
           bytes_equal(item_corrected(document, a, "mechanism"), item_corrected(document, b, "mechanism"));
}

static bool is_settled(const struct document *document, enum register_id id, struct bytes each)
{
    return record_reading_of(document, id, each) != NULL;
}

static uint64_t later_of(const struct item *a, const struct item *b)
{
    return (a->stamp.time > b->stamp.time ? a->stamp.time : b->stamp.time) >> 16;
}

static bool visits(const struct document *document, derived_visit visit, void *context)
{
    const struct items contacts = record_of(document, TYPE_contact_recorded);
    size_t count = 0;
    char key[PAIR_KEY_MAX];
    struct meeting *meetings = calloc(contacts.count + 1, sizeof *meetings);
    bool ok = meetings != NULL;
    for (size_t i = 0; ok && i < contacts.count; i++)
        if (item_is_meeting(document, contacts.at[i]))
            meetings[count++] = (struct meeting){item_corrected_ms(document, contacts.at[i]), contacts.at[i]};
    if (count > 1)
        qsort(meetings, count, sizeof *meetings, by_time);
    for (size_t i = 0; ok && i < count; i++)
        for (size_t j = i + 1; ok && j < count && is_near(&meetings[i], &meetings[j]); j++) {
            const struct item *a = meetings[i].item, *b = meetings[j].item;
            struct derived derived = {.id = REG_joint_visit, .first = a, .second = b, .since = later_of(a, b),
                                      .workers = {a->worker, b->worker}};
            if (!is_one_visit(document, a, b))
                continue;
            derived.each = pair_key(&a->name, &b->name, key);
            ok = is_settled(document, REG_joint_visit, derived.each) || visit(context, &derived);
        }
    free(meetings);
    return ok;
}

/* ---- double bookings ---- */

static bool booking(const struct document *document, const struct appointment *a, const struct appointment *b,
                    derived_visit visit, void *context)
{
    char key[PAIR_KEY_MAX];
    bool swap = memcmp(a->name.b, b->name.b, sizeof a->name.b) > 0;
    struct derived derived = {.id = REG_double_booking, .first = a->item, .second = b->item,
                              .appointments = {swap ? b : a, swap ? a : b}, .since = later_of(a->item, b->item),
                              .workers = {a->item->worker, b->item->worker}};
    derived.each = pair_key(&a->name, &b->name, key);
    return is_settled(document, REG_double_booking, derived.each) || visit(context, &derived);
}

static bool bookings(const struct document *document, derived_visit visit, void *context)
{
    struct appointments appointments;
    bool ok = appointments_of(document, &appointments);
    for (size_t i = 0; ok && i < appointments.count; i++)
        for (size_t j = i + 1; ok && j < appointments.count &&
                               appointments_overlap(&appointments.at[i], &appointments.at[j]); j++)
            ok = booking(document, &appointments.at[i], &appointments.at[j], visit, context);
    appointments_release(&appointments);
    return ok;
}

/* ---- a fourth goal ---- */

/* Those worked on, in the order in which they were set. */
static const struct reading *active_status(const struct document *document, const struct item *goal)
{
    char key[2 * sizeof goal->name.b + 1];
    hex_encode(bytes_of(goal->name.b, sizeof goal->name.b), key);
    const struct reading *status = record_reading_of(document, REG_goal_status, bytes_str(key));
    return status && bytes_is(reading_text(status), "active") ? status : NULL;
}

/* Had whoever settled it seen that each of them is worked on? */
static bool all_seen(const struct document *document, struct items goals, const struct stamp *settled)
{
    for (size_t i = 0; i < goals.count; i++) {
        const struct reading *status = active_status(document, goals.at[i]);
        if (status && !stamp_has_seen(settled, status->writes[0].stamp))
            return false;
    }
    return true;
}

static bool fourth_goal(const struct document *document, derived_visit visit, void *context)
{
    size_t active = 0;
    const struct items goals = record_of(document, TYPE_goal_set);
    const struct reading *settled = record_reading(document, REG_fourth_goal);
    struct derived derived = {.id = REG_fourth_goal};
    if (goals.count <= GOALS_AT_A_TIME || bytes_is(reading_text(record_reading(document, REG_support)), "ended"))
        return true;
    for (size_t i = 0; i < goals.count; i++) {
        const struct reading *status = active_status(document, goals.at[i]);
        if (!status)
            continue;
        active++;
        if (!derived.first || stamp_compare(status->writes[0].stamp, &derived.first->stamp) > 0) {
            derived.first = write_item(&status->writes[0]);
            derived.since = status->writes[0].stamp->time >> 16;
            derived.workers[0] = status->writes[0].by;
        }
    }
    if (active <= GOALS_AT_A_TIME)
        return true;
    for (size_t i = 0; settled && i < settled->count; i++)
        if (all_seen(document, goals, settled->writes[i].stamp))
            return true;
    return visit(context, &derived);
}

bool derived_each(const struct document *document, derived_visit visit, void *context)
{
    return visits(document, visit, context) && bookings(document, visit, context) &&
           fourth_goal(document, visit, context);
}

/* ---- rows ---- */

struct putting {
    struct row_maker *maker;
    uint32_t sub;
};

static const char *why_of(enum register_id id)
{
    switch (id) {
    case REG_joint_visit: return "two wrote of a meeting at one time";
    case REG_double_booking: return "two appointments at one time";
    default: return "more than three goals at a time";
    }
}

/* Which entries it is about. */
static void which_words(const struct document *document, const struct derived *derived, struct buffer *out)
{
    bool several = false;
    if (derived->id == REG_joint_visit) {
        item_words(document, derived->first, out);
        buffer_append(out, "; ", 2);
        item_words(document, derived->second, out);
        return;
    }
    if (derived->id == REG_double_booking) {
        appointment_words(derived->appointments[0], out);
        buffer_append(out, "; ", 2);
        appointment_words(derived->appointments[1], out);
        return;
    }
    const struct items goals = record_of(document, TYPE_goal_set);
    for (size_t i = 0; i < goals.count; i++)
        if (active_status(document, goals.at[i])) {
            char key[2 * sizeof goals.at[i]->name.b + 1];
            hex_encode(bytes_of(goals.at[i]->name.b, sizeof goals.at[i]->name.b), key);
            struct bytes words = reading_text(record_reading_of(document, REG_goal_text, bytes_str(key)));
            buffer_append(out, "; ", several ? 2 : 0);
            buffer_append(out, words.data, words.len);
            several = true;
        }
}

static bool put_derived(void *context, const struct derived *derived)
{
    struct putting *putting = context;
    struct row_maker *maker = putting->maker;
    struct buffer *cells = &maker->cells, scratch = {0};
    struct texts workers = {0};
    const struct register_def *def = register_def_of(derived->id);
    settle_begin(maker, def);
    which_words(maker->document, derived, &scratch);
    mp_put_str_or_nil(cells, buffer_bytes(&scratch));
    mp_put_array(cells, (uint32_t)def->codes->count);
    for (size_t i = 0; i < def->codes->count; i++)
        mp_put_text(cells, def->codes->codes[i].label);
    texts_add(&workers, derived->workers[0]);
    if (!bytes_equal(derived->workers[0], derived->workers[1]))
        texts_add(&workers, derived->workers[1]);
    texts_end(&workers, cells);
    mp_put_text(cells, why_of(derived->id));
    mp_put_uint(cells, derived->since);
    cells->failed = cells->failed || scratch.failed;
    buffer_clear(&scratch);
    settle_key(def, derived->each, &scratch);
    mp_put_str_or_nil(cells, buffer_bytes(&scratch));
    mp_put_array(cells, (uint32_t)def->codes->count);
    for (size_t i = 0; i < def->codes->count; i++)
        mp_put_text(cells, def->codes->codes[i].code);
    cells->failed = cells->failed || scratch.failed;
    buffer_release(&scratch);
    return row_emit(maker, VIEW_TO_SETTLE, (uint64_t)def->settle << 56 | derived->since, putting->sub++);
}

bool rows_derived(struct row_maker *maker, uint32_t sub)
{
    struct putting putting = {maker, sub};
    return derived_each(maker->document, put_derived, &putting);
}
