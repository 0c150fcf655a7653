/* SPDX-License-Identifier: Apache-2.0 */
/* What a person's record says now: what is read before the story. */
#include "tests/unit/given_history.h"

#include "proto/domain/view_record.h"

/* "register key [values] before settle", an entry a line; times are left out. */
static char *record_text(const struct team *team)
{
    static struct mp_reader r;
    struct document *document = fold_all(team);
    struct buffer out = {0}, text = {0};
    assert_int_equal(document_record(document, &out), 1);
    mp_reader_init(&r, buffer_bytes(&out));
    assert_true(mp_next(&r));
    assert_true(bytes_is(mp_str(&r, 0, 64), "record"));
    assert_true(mp_next(&r));
    for (uint32_t i = 0, n = mp_array(&r, 0, 1000); i < n; i++) {
        mp_array(&r, 6, 6);
        for (int cell = 0; cell < 6; cell++) {
            if (cell == 3) {
                assert_true(mp_int(&r, INT64_MIN, INT64_MAX) >= NOON);
                continue;
            }
            buffer_append(&text, " ", cell ? 1 : 0);
            if (cell < 3) {
                dump_value(&r, &text);
            } else {
                bool yes = mp_bool(&r);
                buffer_append(&text, yes ? "yes" : "no", yes ? 3 : 2);
            }
        }
        buffer_append(&text, "\n", 1);
    }
    assert_true(mp_done(&r));
    buffer_append(&text, "", 1);
    document_free(document);
    buffer_release(&out);
    return (char *)text.data;
}

static void assert_record(const struct team *team, const char *expected)
{
    char *text = record_text(team);
    for (char *at = text; *at; at++)
        *at = *at == EACH_SEPARATOR ? '/' : *at;
    assert_string_equal(text, expected);
    free(text);
}

static void the_record_is_in_the_order_of_reading(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "goal.set", "own_words", "sleep");
    char goal[65], expected[300];
    id_hex(&team->events[0], goal);
    write_(team, 1, "plan.agreed", "aims", "a home");
    write_(team, 1, "aboutme.changed", "section", "helps", "text", "music");
    write_(team, 1, "safetyplan.agreed", "helps", "call sister");
    write_(team, 1, "accessneed.recorded", "need", "interpreter", "detail", "BSL");
    write_(team, 1, "sharing.preference", "agency", "housing", "category", "all", "choice", "object");
    snprintf(expected, sizeof expected,
             "sharing housing/all [object] no no\naccess_need interpreter/BSL [in] no no\n"
             "safety_helps - [call sister] no no\naboutme helps [music] no no\nplan_aims - [a home] no no\n"
             "goal_text %s [sleep] no no\n", goal);
    assert_record(team, expected);
    team_free(team);
}

static void what_holds_no_longer_is_left_out(void **state)
{
    (void)state;
    struct team *team = team_new();
    char goal[65];
    write_(team, 1, "accessneed.recorded", "need", "interpreter", "detail", "BSL");
    write_(team, 1, "accessneed.recorded", "need", "interpreter", "detail", "BSL", "status", "out");
    write_(team, 1, "sharing.preference", "agency", "gp", "category", "plan", "choice", "allow");
    write_(team, 1, "safetyplan.agreed", "helps", "call sister");
    write_(team, 1, "safetyplan.agreed", "helps", "");
    write_(team, 1, "goal.set", "own_words", "sleep");
    write_(team, 1, "goal.changed", "goal", id_hex(&team->events[5], goal), "status", "reached");
    assert_record(team, "");
    team_free(team);
}

static void what_two_wrote_at_once_is_all_shown(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "safetyplan.agreed", "helps", "call sister");
    write_(team, 2, "safetyplan.agreed", "helps", "call crisis line");
    sync_all(team, 2);
    assert_record(team, "safety_helps - [call sister, call crisis line] no yes\n");
    team_free(team);
}

/* Day C: carried forward, and marked so that somebody looks whether it still holds. */
static void what_was_known_before_the_person_came_back_says_so(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started", "offer", "short");
    write_(team, 1, "aboutme.changed", "section", "helps", "text", "music");
    write_(team, 1, "aboutme.changed", "section", "matters", "text", "the dog");
    write_(team, 1, "support.ended", "reason", "02");
    sync_all(team, 2);
    pass(team, 100 * DAY);
    write_(team, 2, "support.returned", "source", "B1");
    assert_record(team, "aboutme helps [music] yes no\naboutme matters [the dog] yes no\n");
    write_(team, 2, "aboutme.changed", "section", "helps", "text", "walks");
    assert_record(team, "aboutme helps [walks] no no\naboutme matters [the dog] yes no\n");
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_record_is_in_the_order_of_reading),
        cmocka_unit_test(what_holds_no_longer_is_left_out),
        cmocka_unit_test(what_two_wrote_at_once_is_all_shown),
        cmocka_unit_test(what_was_known_before_the_person_came_back_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
