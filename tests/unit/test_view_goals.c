/* SPDX-License-Identifier: Apache-2.0 */
/* Whether life is better, and what a team learns from it. */
#include "tests/unit/given_history.h"

/* The rows of goals without the entry. */
static void assert_goals(const struct team *team, const char *expected)
{
    for (unsigned order = 0; order < FOLD_ORDERS; order++) {
        struct document *document = fold_in_order(team, order);
        char *text = rows_text(document, VIEW_GOALS, &JO), *out = text;
        for (const char *line = text, *next; *line; line = next) {
            next = strchr(line, '\n') + 1;
            const char *end = next - 1;
            while (*end != '|')
                end--;
            memmove(out, line, (size_t)(end - 1 - line));
            out += end - 1 - line;
            *out++ = '\n';
        }
        *out = '\0';
        assert_string_equal(text, expected);
        free(text);
        document_free(document);
    }
}

static struct happened *measure(struct team *team, unsigned who, int first, int rest, int help)
{
    struct buffer fields = {0};
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "dialog");
    mp_put_array(&fields, 11);
    for (int i = 0; i < 11; i++)
        mp_put_int(&fields, i == 0 ? first : i < 8 ? rest : help);
    return write_raw(team, who, "measure.completed", fields);
}

/* ---- goals ---- */

static void a_goal_is_told_with_how_far_it_is(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    struct happened *goal = write_(team, 1, "goal.set", "own_words", "sleep through", "baseline", "4");
    assert_goals(team, "[Jo] | 70000000 | [sleep through] | [active] | 4 | 4 | - | - | - | - | -\n");
    write_(team, 2, "goal.scored", "goal", id_hex(goal, id), "score", "6", "by", "person");
    happened_at(write_(team, 2, "goal.scored", "goal", id_hex(goal, id), "score", "3"), NOON - DAY);
    assert_goals(team, "[Jo] | 70000000 | [sleep through] | [active] | 4 | 6 | 2 | - | - | - | -\n");
    write_(team, 1, "goal.changed", "goal", id_hex(goal, id), "status", "let-go");
    assert_goals(team, "");
    team_free(team);
}

static void two_who_changed_a_goal_both_show(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    write_(team, 1, "support.started");
    struct happened *goal = write_(team, 1, "goal.set", "own_words", "sleep", "baseline", "0");
    sync_all(team, 2);
    write_(team, 1, "goal.changed", "goal", id_hex(goal, id), "status", "reached");
    write_(team, 2, "goal.changed", "goal", id_hex(goal, id), "status", "let-go", "text", "rest");
    assert_goals(team, "[] | 70000000 | [rest] | [reached, let-go] | 0 | 0 | - | - | - | - | -\n");
    team_free(team);
}

static void two_measures_of_one_day_stay_two(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    measure(team, 1, 1, 4, 3);
    assert_goals(team, "[] | 70000000 | [] | [] | - | - | - | 363 | 300 | - | 1795262400000\n");
    pass(team, 1);
    measure(team, 2, 7, 7, 7); /* unaware: never the mean of both */
    write_(team, 1, "measure.completed", "reqol", "22");
    assert_goals(team, "[] | 70000000 | [] | [] | - | - | - | 700 | 700 | 22 | 1795262400001\n");
    team_free(team);
}

/* ---- more than three ---- */

static void set_goals(struct team *team, unsigned who, unsigned count)
{
    static const char *const words[] = {"sleep", "work", "a walk", "a friend", "the garden"};
    for (unsigned i = 0; i < count; i++)
        write_(team, who, "goal.set", "own_words", words[i]);
}

static uint32_t settle_count(const struct team *team)
{
    struct document *document = fold_all(team);
    uint32_t count = to_settle(document);
    document_free(document);
    return count;
}

static void a_fourth_goal_is_to_settle_by_who_saw_all_of_them(void **state)
{
    (void)state;
    struct team *team = team_new();
    set_goals(team, 1, 2);
    set_goals(team, 2, 2);
    sync_all(team, 2);
    struct document *document = fold_all(team);
    char *rows = rows_text(document, VIEW_TO_SETTLE, &JO);
    assert_non_null(strstr(rows, "more than three goals at a time"));
    assert_non_null(strstr(rows, "[all, fewer]"));
    assert_non_null(strstr(rows, "sleep; "));
    free(rows);
    document_free(document);
    write_(team, 1, "conflict.settled", "what", "fourth_goal", "chosen", "all");
    assert_int_equal(settle_count(team), 0);
    struct happened *fifth = write_(team, 2, "goal.set", "own_words", "the garden");
    assert_int_equal(settle_count(team), 1);
    char id[65];
    write_(team, 2, "goal.changed", "goal", id_hex(fifth, id), "status", "resting");
    assert_int_equal(settle_count(team), 0);
    team_free(team);
}

static void three_goals_are_nothing_to_settle(void **state)
{
    (void)state;
    struct team *team = team_new();
    set_goals(team, 1, 3);
    assert_int_equal(settle_count(team), 0);
    team_free(team);
}

/* ---- learning ---- */

static void what_a_team_learns_are_counts(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "A1");
    assert_rows(team, VIEW_LEARNING, "introductions | 1 | - | -\nmet, and after how many days | 0 | 1 | -\n");
    measure(team, 1, 3, 3, 4);
    write_(team, 1, "measure.completed", "reqol", "20");
    pass(team, 3 * DAY);
    struct happened *contact = write_(team, 1, "contact.recorded", "attendance", "5");
    measure(team, 1, 4, 4, 4);
    pass(team, DAY);
    write_(team, 1, "connection.updated", "resource", id_hex(contact, id), "status", "offered");
    write_(team, 1, "connection.updated", "resource", id_hex(contact, id), "status", "made");
    write_(team, 1, "connection.updated", "resource", id_hex(contact, id), "status", "ended");
    write_(team, 1, "support.ended");
    sync_all(team, 2);
    write_(team, 1, "support.returned", "source", "B1");
    write_(team, 2, "support.returned", "source", "G4");
    assert_rows(team, VIEW_LEARNING, "introductions | 1 | - | -\n"
                                     "met, and after how many days | 1 | 1 | 300\n"
                                     "came back after a farewell | 1 | 1 | -\n"
                                     "connections that happened | 1 | 1 | -\n"
                                     "asked twice, and change in DIALOG 1-8 | 1 | 1 | 100\n"
                                     "asked twice, and change in DIALOG 9-11 | 1 | 1 | 0\n"
                                     "asked twice, and change in ReQoL | 0 | 1 | -\n");
    team_free(team);
}

static void a_contact_counts_as_it_was_corrected(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "urgency", "2");
    pass(team, DAY);
    struct happened *contact = write_(team, 1, "contact.recorded", "attendance", "5", "minutes", "30");
    assert_rows(team, VIEW_FRONT_DOOR, "[Jo] | 70000000 | - | - | 2 | 1795262400000 | [1795262400000, 86400000, "
                                       "1795348800000] | -\n");
    write_(team, 2, "contact.corrected", "of", id_hex(contact, id), "field", "attendance", "value", "3");
    assert_rows(team, VIEW_FRONT_DOOR,
                "[Jo] | 70000000 | - | - | 2 | 1795262400000 | [1795262400000, 86400000, -] | -\n");
    write_(team, 2, "contact.corrected", "of", id_hex(contact, id), "field", "attendance", "value", "6");
    write_(team, 2, "contact.corrected", "of", id_hex(contact, id), "field", "occurred", "value", "2026-11-21 15:00");
    assert_rows(team, VIEW_FRONT_DOOR, "[Jo] | 70000000 | - | - | 2 | 1795262400000 | [1795262400000, 86400000, "
                                       "1795273200000] | -\n");
    team_free(team);
}

static void moments_are_read_as_people_write_them(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t ms; } good[] = {
        {"2026-11-21", NOON}, {"2026-11-21 12:00", NOON}, {"2026-11-21T13:30", NOON + HOUR + 30 * MINUTE},
        {"1795262400000", NOON}, {"2026-07-01 12:00", 1782903600000}, {"1970-01-01 00:00", 0}};
    static const char *const bad[] = {"", "yesterday", "2026-13-01", "2026-11-21 25:00", "2026-11-21x", "2026-11",
                                      "0000-01-01", "12345678901234567890"};
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(text_moment(bytes_str(good[i].text), 12 * 60, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_moment(bytes_str(bad[i]), 12 * 60, &ms));
}

static void a_farewell_is_told_with_the_way_back_until_the_person_is_back(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    write_(team, 1, "support.started");
    assert_rows(team, VIEW_FAREWELLS, "");
    write_(team, 1, "support.ended", "reason", "02", "way_back", "ring us");
    struct document *document = fold_all(team);
    char *text = rows_text(document, VIEW_FAREWELLS, &JO);
    assert_non_null(strstr(text, " | 02 | ring us | 204"));
    free(text);
    document_free(document);
    write_(team, 1, "support.returned", "source", "B1");
    assert_rows(team, VIEW_FAREWELLS, "");
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_farewell_is_told_with_the_way_back_until_the_person_is_back),
        cmocka_unit_test(a_goal_is_told_with_how_far_it_is),
        cmocka_unit_test(two_who_changed_a_goal_both_show),
        cmocka_unit_test(two_measures_of_one_day_stay_two),
        cmocka_unit_test(a_fourth_goal_is_to_settle_by_who_saw_all_of_them),
        cmocka_unit_test(three_goals_are_nothing_to_settle),
        cmocka_unit_test(what_a_team_learns_are_counts),
        cmocka_unit_test(a_contact_counts_as_it_was_corrected),
        cmocka_unit_test(moments_are_read_as_people_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
