/* SPDX-License-Identifier: Apache-2.0 */
/* goals: is life better? One row a goal, with the person's latest measure beside it; whose measure is oldest comes
 * first. */
#include "proto/domain/view_goals.h"

/* ---- measures ---- */

#define DIALOG_ANSWERS 11
#define DIALOG_QUALITY 8

static int64_t mean(const int64_t *answers, int64_t count)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += answers[i];
    return (sum * 100 + count / 2) / count;
}

bool dialog_of(const struct item *item, struct dialog *out)
{
    struct mp_reader r MP_UNSET;
    int64_t answers[DIALOG_ANSWERS];
    struct bytes raw = item_value(item, "dialog");
    if (raw.len == 0)
        return false;
    mp_reader_init(&r, raw);
    if (!mp_next(&r) || mp_array(&r, DIALOG_ANSWERS, DIALOG_ANSWERS) == 0)
        return false;
    for (size_t i = 0; i < DIALOG_ANSWERS; i++)
        answers[i] = mp_int(&r, 1, 7);
    out->quality = mean(answers, DIALOG_QUALITY);
    out->help = mean(answers + DIALOG_QUALITY, DIALOG_ANSWERS - DIALOG_QUALITY);
    return !r.failed;
}

static void take_measure(const struct item **first, const struct item **last, const struct item *item)
{
    if (!*first || item_ms(item) < item_ms(*first))
        *first = item;
    if (!*last || item_ms(item) >= item_ms(*last))
        *last = item;
}

void measures_of(const struct document *document, struct measures *out)
{
    struct dialog dialog;
    int64_t reqol;
    *out = (struct measures){0};
    const struct items completed = record_of(document, TYPE_measure_completed);
    for (size_t i = 0; i < completed.count; i++) {
        const struct item *item = completed.at[i];
        if (dialog_of(item, &dialog))
            take_measure(&out->first_dialog, &out->last_dialog, item);
        if (item_number_in(item, "reqol", 0, 40, &reqol))
            take_measure(&out->first_reqol, &out->last_reqol, item);
    }
}

/* ---- rows ---- */

static const struct item *last_score(const struct document *document, const struct item *goal)
{
    const struct item *last = NULL;
    const struct items scores = record_of(document, TYPE_goal_scored);
    for (size_t i = 0; i < scores.count; i++) {
        const struct item *item = scores.at[i];
        if (bytes_equal(item_text(item, "goal"), bytes_of(goal->name.b, sizeof goal->name.b)) &&
            (!last || item_ms(item) >= item_ms(last)))
            last = item;
    }
    return last;
}

static void put_scores(struct buffer *cells, const struct document *document, const struct item *goal)
{
    int64_t baseline = 0, latest = 0;
    const struct item *scored = goal ? last_score(document, goal) : NULL;
    bool based = goal && item_number_in(goal, "baseline", 0, 10, &baseline);
    bool known = scored && item_number_in(scored, "score", 0, 10, &latest);
    put_time(cells, based, baseline);
    put_time(cells, known || based, known ? latest : baseline);
    put_time(cells, based && known, latest - baseline);
}

/* When the person was last asked; false: never. */
static bool last_measured(const struct measures *measures, int64_t *out)
{
    const struct item *dialog = measures->last_dialog, *reqol = measures->last_reqol;
    if (!dialog && !reqol)
        return false;
    *out = dialog ? item_ms(dialog) : item_ms(reqol);
    if (dialog && reqol && item_ms(reqol) > *out)
        *out = item_ms(reqol);
    return true;
}

static void put_measures(struct buffer *cells, const struct measures *measures)
{
    struct dialog dialog = {0};
    int64_t reqol = 0, measured = 0;
    bool answered = measures->last_dialog && dialog_of(measures->last_dialog, &dialog);
    bool totalled = measures->last_reqol && item_number(measures->last_reqol, "reqol", &reqol);
    bool known = last_measured(measures, &measured);
    put_time(cells, answered, dialog.quality);
    put_time(cells, answered, dialog.help);
    put_time(cells, totalled, reqol);
    put_time(cells, known, measured);
}

/* A goal's row; without one (NULL), that of the measures alone. */
static bool put_goal(struct row_maker *maker, const struct reading *goal, const struct measures *measures, uint32_t sub)
{
    struct buffer *cells = &maker->cells;
    int64_t measured = 0;
    const struct item *item = goal ? record_named_of(maker->document, TYPE_goal_set, goal->each) : NULL;
    row_begin(maker, VIEW_GOALS);
    put_who(maker);
    put_register(cells, goal);
    put_register(cells, goal ? record_reading_of(maker->document, REG_goal_status, goal->each) : NULL);
    put_scores(cells, maker->document, item);
    put_measures(cells, measures);
    if (goal)
        put_event_key(cells, goal->each);
    else
        mp_put_nil(cells);
    last_measured(measures, &measured);
    return row_emit(maker, VIEW_GOALS, measured > 0 ? (uint64_t)measured : 0, sub);
}

/* A goal that was let go is no more, unless somebody says otherwise. */
static bool is_let_go(const struct document *document, const struct reading *goal)
{
    const struct reading *status = record_reading_of(document, REG_goal_status, goal->each);
    return status && status->values == 1 && bytes_is(reading_text(status), "let-go");
}

bool rows_goals(struct row_maker *maker)
{
    struct measures measures;
    size_t count;
    uint32_t shown = 0;
    const struct items set = record_of(maker->document, TYPE_goal_set);
    const struct reading *goals = readings_of(maker->document, REG_goal_text, &count);
    if (!is_ours(maker->state))
        return true;
    measures_of(maker->document, &measures);
    for (size_t i = 0; i < count; i++) {
        uint32_t place = 0; /* in the order in which they were set */
        if (goals[i].values == 0 || is_let_go(maker->document, &goals[i]))
            continue;
        const struct item *item = record_named_of(maker->document, TYPE_goal_set, goals[i].each);
        while (place < set.count && set.at[place] != item)
            place++;
        shown++;
        if (!put_goal(maker, &goals[i], &measures, item ? place : (uint32_t)(set.count + i)))
            return false;
    }
    if (shown == 0 && (measures.last_dialog || measures.last_reqol))
        return put_goal(maker, NULL, &measures, 0);
    return true;
}
