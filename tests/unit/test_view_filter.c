/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of views: by what a column holds, whichever view it is in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/domain/view_filter.h"

static struct mp_reader reader;

/* A row of the view whose cells are nil but for those of `put`, by the name of their column. */
struct row {
    const struct view_def *view;
    struct buffer at[16];
};

static struct row row_of(enum view view)
{
    return (struct row){.view = view_of(view)};
}

static struct buffer *cell(struct row *row, const char *name)
{
    for (size_t i = 0; i < row->view->column_count; i++)
        if (strcmp(row->view->columns[i].name, name) == 0)
            return &row->at[i];
    fail_msg("%s has no column %s", row->view->name, name);
    return NULL;
}

static void put_workers(struct row *row, const char *column, const char *const *workers)
{
    struct buffer *out = cell(row, column);
    uint32_t count = 0;
    while (workers[count])
        count++;
    mp_put_array(out, count);
    for (uint32_t i = 0; i < count; i++)
        mp_put_text(out, workers[i]);
}

static bool passes(const struct row *row, const struct view_filter *filter)
{
    struct buffer cells = {0};
    mp_put_array(&cells, (uint32_t)row->view->column_count);
    for (size_t i = 0; i < row->view->column_count; i++)
        if (row->at[i].len > 0)
            buffer_append(&cells, row->at[i].data, row->at[i].len);
        else
            mp_put_nil(&cells);
    bool yes = view_filter_passes(row->view, filter, buffer_bytes(&cells), &reader);
    buffer_release(&cells);
    return yes;
}

static void row_end(struct row *row)
{
    for (size_t i = 0; i < sizeof row->at / sizeof *row->at; i++)
        buffer_release(&row->at[i]);
}

static void a_worker_is_found_in_every_column_of_workers(void **state)
{
    (void)state;
    struct row row = row_of(VIEW_CASELOAD);
    put_workers(&row, "key_workers", (const char *[]){"amy", NULL});
    put_workers(&row, "team", (const char *[]){"ben", "cat", NULL});
    assert_true(passes(&row, &(struct view_filter){0}));
    assert_true(passes(&row, &(struct view_filter){.worker = bytes_str("amy")}));
    assert_true(passes(&row, &(struct view_filter){.worker = bytes_str("cat")}));
    assert_false(passes(&row, &(struct view_filter){.worker = bytes_str("am")}));
    assert_false(passes(&row, &(struct view_filter){.worker = bytes_str("dan")}));
    row_end(&row);
}

static void a_team_is_the_column_of_that_name_where_there_is_one(void **state)
{
    (void)state;
    const struct bytes team[] = {bytes_str("amy"), bytes_str("dan")};
    const struct view_filter filter = {.by_team = true, .team = team, .team_count = 2};
    struct row row = row_of(VIEW_CASELOAD);
    put_workers(&row, "key_workers", (const char *[]){"amy", NULL});
    put_workers(&row, "team", (const char *[]){"ben", NULL});
    assert_false(passes(&row, &filter));
    buffer_clear(cell(&row, "team"));
    put_workers(&row, "team", (const char *[]){"ben", "dan", NULL});
    assert_true(passes(&row, &filter));
    row_end(&row);
    row = row_of(VIEW_HUDDLE);
    put_workers(&row, "asked_by", (const char *[]){"amy", NULL});
    assert_true(passes(&row, &filter));
    assert_false(passes(&row, &(struct view_filter){.by_team = true}));
    row_end(&row);
}

static void people_are_found_by_id_also_in_the_key_of_what_is_to_settle(void **state)
{
    (void)state;
    const struct person_id people[] = {{{7}}, {{1, 2, 3}}};
    const struct view_filter one = {.people = people, .people_count = 1}, both = {.people = people, .people_count = 2};
    struct row row = row_of(VIEW_SAFETY);
    mp_put_bin(cell(&row, "id"), people[1].b, sizeof people[1].b);
    assert_false(passes(&row, &one));
    assert_true(passes(&row, &both));
    row_end(&row);
    row = row_of(VIEW_TO_SETTLE);
    mp_put_bin(cell(&row, "id"), "0123456789abcdef", 16);
    mp_put_text(cell(&row, "key"), "linked\x1f" "01020300000000000000000000000000");
    assert_false(passes(&row, &one));
    assert_true(passes(&row, &both));
    row_end(&row);
}

static void since_looks_at_every_time(void **state)
{
    (void)state;
    struct row row = row_of(VIEW_FRONT_DOOR);
    const struct view_filter filter = {.has_since = true, .since = 1000};
    assert_false(passes(&row, &filter));
    mp_put_int(cell(&row, "since"), 999);
    assert_false(passes(&row, &filter));
    mp_put_int(cell(&row, "acknowledged"), 1000);
    assert_true(passes(&row, &filter));
    row_end(&row);
}

static void urgency_goes_by_code_or_label(void **state)
{
    (void)state;
    struct felloe_error error = {0};
    struct row row = row_of(VIEW_FRONT_DOOR);
    struct view_filter filter = {.urgency = bytes_str("Very urgent")};
    mp_put_text(cell(&row, "urgency"), "4");
    assert_int_equal(view_filter_check(row.view, &filter, &error), FELLOE_OK);
    assert_true(bytes_is(filter.urgency, "4"));
    assert_true(passes(&row, &filter));
    filter.urgency = bytes_str("2");
    assert_int_equal(view_filter_check(row.view, &filter, &error), FELLOE_OK);
    assert_false(passes(&row, &filter));
    filter.urgency = bytes_str("high");
    assert_int_equal(view_filter_check(row.view, &filter, &error), FELLOE_INVALID);
    assert_string_equal(error.message,
                        "urgency must be one of: 1 emergency, 4 very urgent, 2 urgent, 3 routine.");
    row_end(&row);
}

static void what_a_view_does_not_say_is_refused(void **state)
{
    (void)state;
    struct felloe_error error = {0};
    const struct person_id person = {{1}};
    struct view_filter worker = {.worker = bytes_str("amy")}, urgent = {.urgency = bytes_str("1")},
                       someone = {.people = &person, .people_count = 1}, since = {.has_since = true},
                       team = {.by_team = true};
    assert_int_equal(view_filter_check(view_of(VIEW_RESOURCES), &worker, &error), FELLOE_USAGE);
    assert_string_equal(error.message, "The rows of resources cannot be chosen by worker: they do not say it.");
    assert_int_equal(view_filter_check(view_of(VIEW_CASELOAD), &urgent, &error), FELLOE_USAGE);
    assert_int_equal(view_filter_check(view_of(VIEW_PLACES), &someone, &error), FELLOE_USAGE);
    assert_int_equal(view_filter_check(view_of(VIEW_LEARNING), &since, &error), FELLOE_USAGE);
    assert_int_equal(view_filter_check(view_of(VIEW_LEARNING), &team, &error), FELLOE_USAGE);
    assert_int_equal(view_filter_check(view_of(VIEW_FRESHNESS), &worker, &error), FELLOE_OK);
    assert_int_equal(view_filter_check(view_of(VIEW_WORKERS), &worker, &error), FELLOE_OK);
}

static void damaged_cells_do_not_pass(void **state)
{
    (void)state;
    const struct view_filter filter = {.worker = bytes_str("amy")};
    assert_false(view_filter_passes(view_of(VIEW_WORRIES), &filter, (struct bytes){0}, &reader));
    assert_false(view_filter_passes(view_of(VIEW_WORRIES), &filter, bytes_str("\x81\xa3" "amy\xc0"), &reader));
    assert_false(view_filter_passes(view_of(VIEW_WORRIES), &filter, bytes_str("\x92\xa3" "amy"), &reader));
    assert_true(view_filter_passes(view_of(VIEW_WORRIES), &filter, bytes_str("\x91\xa3" "amy"), &reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_is_found_in_every_column_of_workers),
        cmocka_unit_test(a_team_is_the_column_of_that_name_where_there_is_one),
        cmocka_unit_test(people_are_found_by_id_also_in_the_key_of_what_is_to_settle),
        cmocka_unit_test(since_looks_at_every_time),
        cmocka_unit_test(urgency_goes_by_code_or_label),
        cmocka_unit_test(what_a_view_does_not_say_is_refused),
        cmocka_unit_test(damaged_cells_do_not_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
