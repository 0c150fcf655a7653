/* SPDX-License-Identifier: Apache-2.0 */
/* One worker, two promises at one time. */
#include "tests/unit/given_history.h"

#include "proto/domain/view_clash.h"

#define ROWS_MAX 8

struct day {
    struct buffer rows[ROWS_MAX];
    struct promise promises[ROWS_MAX];
    size_t count;
};

static bool take_row(void *context, const struct view_row *row)
{
    struct day *day = context;
    static struct mp_reader r;
    if (row->view != VIEW_MY_DAY)
        return true;
    buffer_append(&day->rows[day->count], row->cells.data, row->cells.len);
    assert_true(promise_read(buffer_bytes(&day->rows[day->count]), &r, &day->promises[day->count]));
    day->count++;
    return true;
}

/* Adds what this team promised a person (or the site) to the day. */
static void add(struct day *day, struct team *team, uint8_t id)
{
    const struct person_id person = {{id}};
    struct document *document = fold_all(team);
    assert_true(view_rows(document, &person, take_row, day));
    document_free(document);
    team_free(team);
}

static void assert_also(const struct day *day, size_t which, const char *expected)
{
    static struct mp_reader r;
    struct buffer out = {0}, text = {0};
    assert_true(view_clash(day->promises, day->count, which, &r, &out));
    mp_reader_init(&r, buffer_bytes(&out));
    assert_true(mp_next(&r));
    assert_int_equal(mp_array(&r, 0, 64), MY_DAY_COLUMNS);
    for (size_t i = 0; i < MY_DAY_ALSO; i++)
        mp_skip(&r);
    dump_value(&r, &text);
    mp_skip_rest(&r);
    assert_true(mp_done(&r));
    buffer_append(&text, "", 1);
    assert_string_equal((char *)text.data, expected);
    buffer_release(&out);
    buffer_release(&text);
}

static void leave(struct day *day)
{
    for (size_t i = 0; i < day->count; i++)
        buffer_release(&day->rows[i]);
}

static struct team *promise(const char *name, const char *when, const char *worker)
{
    struct team *team = team_new();
    write_(team, 1, "person.details.recorded", "known_as", name);
    write_(team, 1, "contact.planned", "when", when, "minutes", "60", "with", worker, "what", "talk");
    return team;
}

static void a_worker_is_told_of_two_people_at_one_time(void **state)
{
    (void)state;
    struct day day = {0};
    add(&day, promise("Jo", "1795266000000", "amy"), 1);
    add(&day, promise("Kit", "1795269599999", "amy"), 2);  /* a moment before the hour is over */
    add(&day, promise("Max", "1795273199998", "amy"), 3);  /* and once more */
    add(&day, promise("Ali", "1795266000000", "bo"), 4);   /* somebody else's */
    assert_also(&day, 0, "13:59 Kit, talk");
    assert_also(&day, 1, "13:00 Jo, talk; 14:59 Max, talk");
    assert_also(&day, 2, "13:59 Kit, talk");
    assert_also(&day, 3, "-");
    leave(&day);
}

static void a_session_counts_and_a_task_does_not(void **state)
{
    (void)state;
    struct day day = {0};
    struct team *site = team_new(), *tasks = team_new();
    write_(site, 1, "session.recorded", "name", "drop-in", "when", "1795264200000", "minutes", "90", "workers", "amy");
    write_(tasks, 1, "task.raised", "what", "form", "due", "2026-11-21", "for", "amy");
    add(&day, promise("Jo", "1795266000000", "amy"), 1);
    add(&day, site, 0);
    add(&day, tasks, 2);
    assert_int_equal(day.count, 3);
    assert_also(&day, 0, "12:30 drop-in");
    assert_also(&day, 1, "13:00 Jo, talk");
    assert_also(&day, 2, "-");
    leave(&day);
}

static void what_the_record_says_itself_is_said_once(void **state)
{
    (void)state;
    struct day day = {0};
    struct team *jo = promise("Jo", "1795266000000", "amy");
    write_(jo, 1, "contact.planned", "when", "1795266000000", "with", "amy");
    add(&day, jo, 1);
    add(&day, promise("Kit", "1795266000000", "amy"), 2);
    for (size_t i = 0; i < 2; i++) {
        bool first = day.promises[i].until - day.promises[i].from == 60 * MINUTE;
        assert_also(&day, i, first ? "2026-11-21 13:00; 13:00 Kit, talk" : "2026-11-21 13:00, talk; 13:00 Kit, talk");
    }
    leave(&day);
}

static void cells_that_are_none_are_no_promise(void **state)
{
    (void)state;
    static struct mp_reader r;
    static const uint8_t bad[] = {0x9c, 0xc0, 0xc0};
    struct promise promise;
    assert_false(promise_read(bytes_of(bad, sizeof bad), &r, &promise));
    assert_false(promise_read((struct bytes){0}, &r, &promise));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_is_told_of_two_people_at_one_time),
        cmocka_unit_test(a_session_counts_and_a_task_does_not),
        cmocka_unit_test(what_the_record_says_itself_is_said_once),
        cmocka_unit_test(cells_that_are_none_are_no_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
