/* SPDX-License-Identifier: Apache-2.0 */
/* Rows for the moment of asking. */
#include "tests/unit/given_history.h"

#include "proto/domain/view_finish.h"

#define FAR ((int64_t)4 * 7 * DAY)

/* Cells that are all nil but those given: (column, text of msgpack by `put`). */
struct cells {
    const struct view_def *view;
    struct buffer at[16];
};

static struct cells cells_of(enum view view)
{
    struct cells cells = {.view = view_of(view)};
    return cells;
}

/* What is told `days` on at `now`, as text; "dropped". */
static const char *told(struct cells *cells, int64_t now, int32_t days)
{
    static struct buffer row, out, text;
    const struct view_moment moment = {now, days};
    buffer_clear(&row);
    buffer_clear(&out);
    buffer_clear(&text);
    mp_put_array(&row, (uint32_t)cells->view->column_count);
    for (size_t i = 0; i < cells->view->column_count; i++) {
        if (cells->at[i].len > 0)
            buffer_append(&row, cells->at[i].data, cells->at[i].len);
        else
            mp_put_nil(&row);
        buffer_release(&cells->at[i]);
    }
    enum finish_verdict verdict = view_finish(cells->view, buffer_bytes(&row), &moment, &out);
    assert_int_not_equal(verdict, FINISH_FAILED);
    if (verdict == FINISH_DROP)
        return "dropped";
    dump_cells(buffer_bytes(&out), &text);
    buffer_append(&text, "", 1);
    return (const char *)text.data;
}

static void put_times(struct buffer *out, int64_t first, int64_t second)
{
    mp_put_array(out, 2);
    mp_put_int(out, first);
    mp_put_int(out, second);
}

static void the_next_appointment_is_the_first_that_is_not_past(void **state)
{
    (void)state;
    struct cells cells = cells_of(VIEW_CASELOAD);
    put_times(&cells.at[5], NOON - 1, NOON + HOUR);
    assert_string_equal(told(&cells, NOON, 0), "- | - | - | - | - | 1795266000000 | -");
    put_times(&cells.at[5], NOON, NOON + HOUR);
    assert_string_equal(told(&cells, NOON, 0), "- | - | - | - | - | 1795262400000 | -");
    put_times(&cells.at[5], NOON - 2, NOON - 1);
    assert_string_equal(told(&cells, NOON, 0), "- | - | - | - | - | - | -");
}

/* 2026-11-21 is a Saturday. */
static void a_resource_is_open_by_its_hours(void **state)
{
    (void)state;
    struct cells cells = cells_of(VIEW_RESOURCES);
    mp_put_text(&cells.at[RESOURCE_OPEN], "sat 10:00-13:00");
    assert_string_equal(told(&cells, NOON, 0), "- | - | - | - | [yes, 1795266000000] | - | - | - | - | -");
    mp_put_text(&cells.at[RESOURCE_OPEN], "sat 12:30-13:00");
    assert_string_equal(told(&cells, NOON, 0), "- | - | - | - | [no , 1795264200000] | - | - | - | - | -");
    mp_put_text(&cells.at[RESOURCE_OPEN], "24h");
    assert_string_equal(told(&cells, NOON, 0), "- | - | - | - | [yes, -] | - | - | - | - | -");
    mp_put_text(&cells.at[RESOURCE_OPEN], "24h");
    mp_put_array(&cells.at[RESOURCE_STATUS], 2); /* to settle: nobody is sent there in vain */
    mp_put_text(&cells.at[RESOURCE_STATUS], "open");
    mp_put_text(&cells.at[RESOURCE_STATUS], "closed");
    assert_string_equal(told(&cells, NOON, 0), "- | - | - | - | [no , -] | - | - | [open, closed] | - | -");
    mp_put_text(&cells.at[RESOURCE_OPEN], "ring the bell");
    assert_string_equal(told(&cells, NOON, 0), "- | - | - | - | - | - | - | - | - | -");
}

static void who_was_not_met_for_28_days_is_in_the_huddle(void **state)
{
    (void)state;
    struct cells cells = cells_of(VIEW_HUDDLE);
    mp_put_int(&cells.at[HUDDLE_QUIET_SINCE], NOON);
    assert_string_equal(told(&cells, NOON + FAR - 1, 0), "dropped");
    mp_put_int(&cells.at[HUDDLE_QUIET_SINCE], NOON);
    assert_string_equal(told(&cells, NOON + FAR, 0), "- | - | [quiet for 28 days] | - | - | - | 1795262400000");
    mp_put_array(&cells.at[HUDDLE_WHY], 1);
    mp_put_text(&cells.at[HUDDLE_WHY], "came back");
    assert_string_equal(told(&cells, NOON, 0), "- | - | [came back] | - | - | - | -");
    mp_put_array(&cells.at[HUDDLE_WHY], 1);
    mp_put_text(&cells.at[HUDDLE_WHY], "crisis");
    mp_put_int(&cells.at[HUDDLE_QUIET_SINCE], NOON - 2 * FAR);
    assert_string_equal(told(&cells, NOON, 0), "- | - | [crisis, quiet for 56 days] | - | - | - | 1790424000000");
}

static const char *day_of(const char *kind, int64_t time, int32_t days)
{
    struct cells cells = cells_of(VIEW_MY_DAY);
    mp_put_text(&cells.at[MY_DAY_KIND], kind);
    mp_put_int(&cells.at[MY_DAY_TIME], time);
    return told(&cells, NOON, days);
}

static void my_day_has_today_and_what_is_overdue(void **state)
{
    (void)state;
    assert_string_not_equal(day_of("appointment", NOON + 12 * HOUR - 1, 0), "dropped");
    assert_string_equal(day_of("appointment", NOON + 12 * HOUR, 0), "dropped");
    assert_string_not_equal(day_of("appointment", NOON + 12 * HOUR, 1), "dropped");
    assert_string_not_equal(day_of("appointment", NOON - 12 * HOUR, 0), "dropped");
    assert_string_equal(day_of("appointment", NOON - 12 * HOUR - 1, 0), "dropped");
    assert_string_not_equal(day_of("task", NOON - 12 * DAY, 0), "dropped");
    assert_string_equal(day_of("task", NOON + DAY, 0), "dropped");
    struct cells cells = cells_of(VIEW_MY_DAY);
    mp_put_text(&cells.at[MY_DAY_KIND], "task");
    assert_string_not_equal(told(&cells, NOON, 0), "dropped");
}

static void a_session_of_each_week_is_told_with_its_time(void **state)
{
    (void)state;
    struct cells cells = cells_of(VIEW_MY_DAY);
    mp_put_text(&cells.at[MY_DAY_KIND], "session");
    mp_put_text(&cells.at[MY_DAY_HOURS], "tue,sat 14:00-16:00");
    const char *text = told(&cells, NOON, 0);
    assert_memory_equal(text, "1795269600000 | ", 16);
    mp_put_text(&cells.at[MY_DAY_KIND], "session");
    mp_put_text(&cells.at[MY_DAY_HOURS], "sun 14:00-16:00");
    assert_string_equal(told(&cells, NOON, 0), "dropped");
    cells = cells_of(VIEW_PLACES);
    mp_put_text(&cells.at[PLACES_STATUS], "on");
    mp_put_text(&cells.at[PLACES_OPEN], "sun 14:00-16:00");
    assert_string_equal(told(&cells, NOON, 1), "- | - | 1795356000000 | [no , 1795356000000] | - | - | on | -");
    mp_put_text(&cells.at[PLACES_STATUS], "on");
    mp_put_text(&cells.at[PLACES_OPEN], "sun 14:00-16:00");
    assert_string_equal(told(&cells, NOON, 0), "dropped");
}

static void who_is_out_is_always_told(void **state)
{
    (void)state;
    struct cells cells = cells_of(VIEW_PLACES);
    mp_put_int(&cells.at[PLACES_BACK_BY], NOON - 99 * DAY);
    assert_string_not_equal(told(&cells, NOON, 0), "dropped");
}

static void a_worry_that_is_held_is_told_for_a_while(void **state)
{
    (void)state;
    struct cells cells = cells_of(VIEW_WORRIES);
    mp_put_int(&cells.at[WORRIES_SINCE], NOON - FAR);
    mp_put_array(&cells.at[WORRIES_HELD_BY], 0);
    assert_string_not_equal(told(&cells, NOON, 0), "dropped");
    for (int64_t late = 0; late < 2; late++) {
        mp_put_int(&cells.at[WORRIES_SINCE], NOON - FAR + 1 - late);
        mp_put_array(&cells.at[WORRIES_HELD_BY], 1);
        mp_put_text(&cells.at[WORRIES_HELD_BY], "amy");
        assert_int_equal(strcmp(told(&cells, NOON, 0), "dropped") == 0, late);
    }
}

static void finished_rows_sort_by_the_time_they_got(void **state)
{
    (void)state;
    struct buffer cells = {0};
    mp_put_array(&cells, MY_DAY_COLUMNS);
    mp_put_int(&cells, NOON);
    for (size_t i = 1; i < MY_DAY_COLUMNS; i++)
        mp_put_nil(&cells);
    assert_int_equal(view_finished_sort(view_of(VIEW_MY_DAY), buffer_bytes(&cells), 7), NOON);
    assert_int_equal(view_finished_sort(view_of(VIEW_CASELOAD), buffer_bytes(&cells), 7), 7);
    assert_int_equal(view_finished_sort(view_of(VIEW_PLACES), buffer_bytes(&cells), 7), 7);
    buffer_release(&cells);
}

static void cells_that_are_none_fail(void **state)
{
    (void)state;
    static const uint8_t bad[][3] = {{0x90}, {0xc0}, {0x97, 0xc0, 0xc0}, {0xd9}};
    const struct view_moment moment = {NOON, 0};
    struct buffer out = {0};
    buffer_append(&out, "kept", 4);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        for (size_t v = 0; v < view_count(); v++)
            assert_int_equal(view_finish(view_at(v), bytes_of(bad[i], 3), &moment, &out), FINISH_FAILED);
    assert_int_equal(out.len, 4);
    buffer_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_appointment_is_the_first_that_is_not_past),
        cmocka_unit_test(a_resource_is_open_by_its_hours),
        cmocka_unit_test(who_was_not_met_for_28_days_is_in_the_huddle),
        cmocka_unit_test(my_day_has_today_and_what_is_overdue),
        cmocka_unit_test(a_session_of_each_week_is_told_with_its_time),
        cmocka_unit_test(who_is_out_is_always_told),
        cmocka_unit_test(a_worry_that_is_held_is_told_for_a_while),
        cmocka_unit_test(finished_rows_sort_by_the_time_they_got),
        cmocka_unit_test(cells_that_are_none_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
