/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for the moment of asking: next, open now, quiet for so long, today. */
#include "proto/domain/view_finish.h"

#include <stdio.h>

#include "proto/domain/schedule.h"
#include "proto/mp.h"

#define DAY_MS ((int64_t)24 * 3600 * 1000)
#define QUIET_DAYS 28

/* What one of a row's times comes to. */
struct finishing {
    const struct view_def *view;
    const struct view_moment *moment;
    int64_t from, to;    /* the days asked for: from the first midnight to the last */
    bool has_start;      /* my-day, places: when a session of each week takes place in these days */
    int64_t start;
    int64_t quiet_days;  /* huddle; 0: not quiet */
    bool shut;           /* resources: somebody recorded that it is closed, whatever its hours say */
};

/* ---- reading ---- */

/* The reader stands before cell `column` of the row. */
static bool go_to(struct mp_reader *r, struct bytes cells, uint32_t column)
{
    mp_reader_init(r, cells);
    uint32_t count = mp_next(r) ? mp_array(r, 0, MP_TAPE_MAX) : 0;
    for (uint32_t i = 0; i < column && i < count; i++)
        mp_skip(r);
    return column < count && !r->failed;
}

static bool number_at(struct mp_reader *r, struct bytes cells, uint32_t column, int64_t *out)
{
    if (!go_to(r, cells, column) || (mp_peek(r) != MP_UINT && mp_peek(r) != MP_INT))
        return false;
    *out = mp_int(r, INT64_MIN, INT64_MAX);
    return !r->failed;
}

static struct bytes text_at(struct mp_reader *r, struct bytes cells, uint32_t column)
{
    if (!go_to(r, cells, column) || mp_peek(r) != MP_STR)
        return (struct bytes){0};
    return mp_str(r, 0, EVENT_SIZE_MAX);
}

static uint32_t items_at(struct mp_reader *r, struct bytes cells, uint32_t column)
{
    return go_to(r, cells, column) && mp_peek(r) == MP_ARRAY ? mp_array(r, 0, MP_TAPE_MAX) : 0;
}

/* ---- days and hours ---- */

static void find_days(struct finishing *f)
{
    int64_t day;
    int minute;
    london_day(f->moment->now, &day, &minute);
    f->from = london_ms(day, 0);
    f->to = london_ms(day + (f->moment->days > 0 ? f->moment->days : 0) + 1, 0);
}

/* The first opening within the days asked for. */
static bool first_opening(const struct finishing *f, struct bytes hours, int64_t *start)
{
    struct schedule schedule;
    int64_t until;
    if (hours.len == 0 || !schedule_parse(hours, &schedule, NULL))
        return false;
    for (int64_t at = f->from; at < f->to; at = until) {
        if (schedule_open(&schedule, at, &until)) {
            *start = at;
            return true;
        }
        if (until <= at)
            break;
    }
    return false;
}

static bool is_in_days(const struct finishing *f, int64_t ms)
{
    return ms >= f->from && ms < f->to;
}

/* ---- what is dropped ---- */

/* Whom nobody met for 28 days; a pause puts the beginning off (see view_huddle.c). */
static bool keeps_huddle(struct finishing *f, struct bytes cells, struct mp_reader *r)
{
    int64_t since;
    if (number_at(r, cells, HUDDLE_QUIET_SINCE, &since) && since < f->moment->now &&
        (uint64_t)f->moment->now - (uint64_t)since >= (uint64_t)(QUIET_DAYS * DAY_MS))
        f->quiet_days = (int64_t)(((uint64_t)f->moment->now - (uint64_t)since) / (uint64_t)DAY_MS);
    return f->quiet_days > 0 || items_at(r, cells, HUDDLE_WHY) > 0;
}

static bool keeps_my_day(struct finishing *f, struct bytes cells, struct mp_reader *r)
{
    int64_t time;
    bool task = bytes_is(text_at(r, cells, MY_DAY_KIND), "task");
    if (number_at(r, cells, MY_DAY_TIME, &time))
        return task ? time < f->to : is_in_days(f, time);
    if (task)
        return true; /* somebody took it on; no day was said */
    f->has_start = first_opening(f, text_at(r, cells, MY_DAY_HOURS), &f->start);
    return f->has_start;
}

static bool keeps_place(struct finishing *f, struct bytes cells, struct mp_reader *r)
{
    int64_t when;
    if (text_at(r, cells, PLACES_STATUS).len == 0)
        return true; /* somebody is out */
    if (number_at(r, cells, PLACES_WHEN, &when))
        return is_in_days(f, when);
    f->has_start = first_opening(f, text_at(r, cells, PLACES_OPEN), &f->start);
    return f->has_start;
}

static bool keeps_worry(const struct finishing *f, struct bytes cells, struct mp_reader *r)
{
    int64_t since;
    return items_at(r, cells, WORRIES_HELD_BY) == 0 || !number_at(r, cells, WORRIES_SINCE, &since) ||
           since > f->moment->now - QUIET_DAYS * DAY_MS;
}

static bool keeps(struct finishing *f, struct bytes cells, struct mp_reader *r)
{
    switch (f->view->view) {
    case VIEW_HUDDLE: return keeps_huddle(f, cells, r);
    case VIEW_MY_DAY: return keeps_my_day(f, cells, r);
    case VIEW_PLACES: return keeps_place(f, cells, r);
    case VIEW_WORRIES: return keeps_worry(f, cells, r);
    default: return true;
    }
}

bool view_keeps_all(enum view view)
{
    return view == VIEW_CASELOAD || view == VIEW_FRONT_DOOR || view == VIEW_FAREWELLS;
}

/* ---- cells ---- */

static void put_next(const struct finishing *f, struct mp_reader *r, struct buffer *out)
{
    bool found = false;
    if (mp_peek(r) != MP_ARRAY) {
        mp_copy(r, out);
        return;
    }
    for (uint32_t i = mp_array(r, 0, MP_TAPE_MAX); i > 0; i--) {
        int64_t time = mp_int(r, INT64_MIN, INT64_MAX);
        if (!found && time >= f->moment->now) {
            mp_put_int(out, time);
            found = true;
        }
    }
    if (!found)
        mp_put_nil(out);
}

/* Closed for good, or (until that is settled) said to be. */
static bool is_shut(const struct finishing *f, struct bytes cells, struct mp_reader *r)
{
    bool shut = false;
    uint32_t count = f->view->view == VIEW_RESOURCES ? items_at(r, cells, RESOURCE_STATUS) : 0;
    for (uint32_t i = 0; i < count && mp_peek(r) == MP_STR; i++)
        shut |= bytes_is(mp_str(r, 0, EVENT_SIZE_MAX), "closed");
    return shut;
}

static void put_open(const struct finishing *f, struct mp_reader *r, struct buffer *out)
{
    struct schedule schedule;
    int64_t until;
    if (f->shut) {
        mp_skip(r);
        mp_put_array(out, 2);
        mp_put_bool(out, false);
        mp_put_nil(out);
        return;
    }
    if (mp_peek(r) != MP_STR) {
        mp_copy(r, out);
        return;
    }
    struct bytes hours = mp_str(r, 0, EVENT_SIZE_MAX);
    if (hours.len == 0 || !schedule_parse(hours, &schedule, NULL)) {
        mp_put_nil(out);
        return;
    }
    mp_put_array(out, 2);
    mp_put_bool(out, schedule_open(&schedule, f->moment->now, &until));
    if (until == INT64_MAX)
        mp_put_nil(out);
    else
        mp_put_int(out, until);
}

/* The reasons, and that it has been quiet. */
static void put_why(const struct finishing *f, struct mp_reader *r, struct buffer *out)
{
    char quiet[48];
    uint32_t count = 0;
    if (mp_peek(r) == MP_ARRAY)
        count = mp_array(r, 0, MP_TAPE_MAX);
    else
        mp_skip(r);
    mp_put_array(out, count + (f->quiet_days > 0));
    for (uint32_t i = 0; i < count; i++)
        mp_copy(r, out);
    snprintf(quiet, sizeof quiet, "quiet for %lld days", (long long)f->quiet_days);
    if (f->quiet_days > 0)
        mp_put_text(out, quiet);
}

static bool is_start(const struct finishing *f, uint32_t column)
{
    return f->has_start && ((f->view->view == VIEW_MY_DAY && column == MY_DAY_TIME) ||
                            (f->view->view == VIEW_PLACES && column == PLACES_WHEN));
}

static void put_cell(const struct finishing *f, uint32_t column, struct mp_reader *r, struct buffer *out)
{
    if (is_start(f, column)) {
        mp_skip(r);
        mp_put_int(out, f->start);
    } else if (f->view->view == VIEW_HUDDLE && column == HUDDLE_WHY) {
        put_why(f, r, out);
    } else if (f->view->columns[column].kind == CELL_NEXT) {
        put_next(f, r, out);
    } else if (f->view->columns[column].kind == CELL_OPEN) {
        put_open(f, r, out);
    } else {
        mp_copy(r, out);
    }
}

enum finish_verdict view_finish(const struct view_def *view, struct bytes cells, const struct view_moment *moment,
                                struct buffer *out)
{
    struct mp_reader r MP_UNSET;
    struct finishing f = {.view = view, .moment = moment};
    const size_t before = out->len;
    find_days(&f);
    bool keep = keeps(&f, cells, &r);
    f.shut = is_shut(&f, cells, &r);
    mp_reader_init(&r, cells);
    uint32_t count = mp_next(&r) ? mp_array(&r, 1, MP_TAPE_MAX) : 0;
    if (r.failed || count != view->column_count)
        return FINISH_FAILED;
    if (!keep)
        return FINISH_DROP;
    mp_put_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        put_cell(&f, i, &r, out);
    if (mp_done(&r) && !out->failed)
        return FINISH_KEEP;
    out->len = before;
    return FINISH_FAILED;
}

uint64_t view_finished_sort(const struct view_def *view, struct bytes finished, uint64_t stored)
{
    struct mp_reader r MP_UNSET;
    int64_t time;
    if (view->view == VIEW_MY_DAY && number_at(&r, finished, MY_DAY_TIME, &time))
        return time > 0 ? (uint64_t)time : 0;
    if (view->view == VIEW_PLACES && number_at(&r, finished, PLACES_WHEN, &time) &&
        text_at(&r, finished, PLACES_STATUS).len > 0)
        return PLACES_SESSIONS | (time > 0 ? (uint64_t)time : 0);
    return stored;
}
