/* SPDX-License-Identifier: Apache-2.0 */
/* What a team holds together: concerns, crises and their clocks; and whom it talks about. */
#include "tests/unit/given_history.h"

/* The rows without their last two cells: since, and ids that are told elsewhere. */
static void assert_safety(const struct team *team, const char *expected)
{
    for (unsigned order = 0; order < FOLD_ORDERS; order++) {
        struct document *document = fold_in_order(team, order);
        char *text = rows_text(document, VIEW_SAFETY, &JO), *end = strrchr(text, '|');
        if (end) {
            end[-1] = '\0';
            *(strrchr(text, '|') - 1) = '\0';
        }
        assert_string_equal(text, expected);
        free(text);
        document_free(document);
    }
}

/* ---- concerns ---- */

static void all_open_concerns_are_told_in_their_words(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    assert_safety(team, "");
    write_(team, 1, "concern.raised", "kind", "home", "words", "may lose the flat", "urgency", "3");
    pass(team, HOUR);
    write_(team, 1, "concern.raised", "words", "not eating", "protects", "her sister comes by", "urgency", "4");
    assert_safety(team, "[Jo] | 70000000 | [may lose the flat, not eating] | [her sister comes by] | 4 | - | - | -");
    team_free(team);
}

static void standing_down_takes_away_that_concern_alone(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *first = write_(team, 1, "concern.raised", "words", "may lose the flat");
    write_(team, 1, "concern.raised", "words", "not eating");
    write_(team, 1, "concern.stooddown", "which", id_hex(first, id), "why", "the rent is paid");
    assert_safety(team, "[] | 70000000 | [not eating] | [] | - | - | - | -");
    team_free(team);
}

static void who_had_not_seen_a_concern_cannot_stand_it_down(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *concern = write_(team, 1, "concern.raised", "words", "not eating");
    write_(team, 2, "concern.stooddown", "which", id_hex(concern, id), "why", "heard of it by phone");
    sync_all(team, 2);
    assert_safety(team, "[] | 70000000 | [not eating] | [] | - | - | - | -");
    struct document *document = fold_all(team);
    assert_int_equal(to_settle(document), 1); /* the concern wins, and somebody has to look */
    document_free(document);
    team_free(team);
}

/* ---- crises ---- */

static void a_crisis_runs_by_its_urgency_until_somebody_is_there(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "crisis.opened", "urgency", "4", "where", "at home", "trigger", "the letter came");
    pass(team, HOUR);
    assert_safety(team, "[] | 70000000 | [] | [] | 4 | the letter came | [1795262400000, 14400000, -] | -");
    write_(team, 1, "crisis.responded", "how", "02");
    assert_safety(team, "[] | 70000000 | [] | [] | 4 | the letter came | [1795262400000, 14400000, -] | -");
    write_(team, 1, "crisis.responded", "how", "01");
    assert_safety(team, "");
    team_free(team);
}

static void an_emergency_has_no_time_at_all(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "crisis.opened", "urgency", "1");
    assert_safety(team, "[] | 70000000 | [] | [] | 1 | crisis | [1795262400000, 0, -] | -");
    team_free(team);
}

static void the_clock_of_a_crisis_that_is_over_stays_while_there_are_concerns(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "concern.raised", "words", "not eating", "urgency", "2");
    write_(team, 1, "crisis.opened", "urgency", "4");
    pass(team, DAY);
    happened_at(write_(team, 1, "crisis.responded", "how", "01"), NOON + 2 * HOUR);
    pass(team, DAY);
    write_(team, 1, "crisis.responded", "how", "01");
    assert_safety(team,
                  "[] | 70000000 | [not eating] | [] | 2 | - | [1795262400000, 14400000, 1795269600000] | -");
    team_free(team);
}

/* Two open the same crisis apart; who is with the person had seen one of them. */
static void a_response_answers_what_it_had_seen(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "crisis.opened", "urgency", "4", "trigger", "a");
    pass(team, HOUR);
    write_(team, 2, "crisis.opened", "urgency", "2", "trigger", "b");
    assert_safety(team, "[] | 70000000 | [] | [] | 4 | b | [1795262400000, 14400000, -] | -");
    write_(team, 1, "crisis.responded", "how", "01");
    sync_all(team, 2);
    assert_safety(team, "[] | 70000000 | [] | [] | 2 | b | [1795266000000, 86400000, -] | -");
    write_(team, 2, "crisis.responded", "how", "01");
    assert_safety(team, "");
    team_free(team);
}

static void two_safety_plans_are_held_until_they_are_settled(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "safetyplan.agreed", "helps", "call sister");
    assert_safety(team, "");
    write_(team, 2, "safetyplan.agreed", "helps", "call crisis line");
    assert_safety(team, "[] | 70000000 | [] | [] | - | - | - | 1795262400000");
    sync_all(team, 2);
    write_(team, 1, "conflict.settled", "what", "safety_helps", "chosen", "call sister, then the crisis line");
    assert_safety(team, "");
    team_free(team);
}

static uint64_t sort_of(const struct team *team)
{
    struct dumping d = {.view = VIEW_SAFETY};
    struct document *document = fold_all(team);
    assert_true(view_rows(document, &JO, dump_row, &d));
    assert_int_equal(d.rows, 1);
    buffer_release(&d.text);
    document_free(document);
    return d.last_sort;
}

static void open_crises_come_first_then_the_most_urgent_then_the_oldest(void **state)
{
    (void)state;
    struct team *crisis = team_new(), *urgent = team_new(), *old = team_new(), *young = team_new();
    happened_at(write_(old, 1, "concern.raised", "words", "a", "urgency", "3"), NOON - DAY);
    write_(young, 1, "concern.raised", "words", "a", "urgency", "3");
    write_(urgent, 1, "concern.raised", "words", "a", "urgency", "4");
    write_(crisis, 1, "crisis.opened", "urgency", "3");
    assert_true(sort_of(crisis) < sort_of(urgent));
    assert_true(sort_of(urgent) < sort_of(old));
    assert_true(sort_of(old) < sort_of(young));
    team_free(crisis);
    team_free(urgent);
    team_free(old);
    team_free(young);
}

/* ---- the huddle ---- */

static void who_is_new_or_came_back_is_talked_about_once(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    assert_rows(team, VIEW_HUDDLE, "[Jo] | 70000000 | [new] | [] | - | [] | -\n");
    write_(team, 1, "huddle.discussed", "text", "to be welcomed");
    assert_rows(team, VIEW_HUDDLE, "");
    write_(team, 1, "support.started");
    write_(team, 1, "support.ended");
    write_(team, 1, "support.returned", "source", "B1");
    assert_rows(team, VIEW_HUDDLE, "[Jo] | 70000000 | [came back] | [] | - | [] | 1795262400000\n");
    team_free(team);
}

static void a_huddle_that_did_not_know_takes_nothing_away(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "note.added", "text", "worries me", "huddle", "yes");
    write_(team, 1, "person.introduced", "known_as", "Jo");
    write_(team, 2, "huddle.discussed");
    sync_all(team, 2);
    assert_rows(team, VIEW_HUDDLE, "[Jo] | 70000000 | [new, asked for] | [w1] | - | [] | -\n");
    write_(team, 2, "huddle.discussed");
    assert_rows(team, VIEW_HUDDLE, "");
    team_free(team);
}

static void an_open_crisis_stays_in_the_huddle(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    write_(team, 1, "crisis.opened", "urgency", "2");
    write_(team, 1, "huddle.discussed");
    assert_rows(team, VIEW_HUDDLE, "[] | 70000000 | [crisis] | [] | - | [] | 1795262400000\n");
    write_(team, 1, "crisis.responded", "how", "01");
    assert_rows(team, VIEW_HUDDLE, "[] | 70000000 | [] | [] | - | [] | 1795262400000\n"); /* not yet quiet */
    team_free(team);
}

static void while_support_rests_it_is_not_quiet(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    write_(team, 1, "support.paused", "until", "2027-01-01");
    assert_rows(team, VIEW_HUDDLE, "[] | 70000000 | [] | [] | - | [] | 1798761600000\n");
    write_(team, 1, "support.paused");
    assert_rows(team, VIEW_HUDDLE, "");
    team_free(team);
}

static void who_moved_to_another_team_is_in_no_view_of_this_one(void **state)
{
    (void)state;
    static const enum view views[] = {VIEW_CASELOAD, VIEW_FRONT_DOOR, VIEW_SAFETY, VIEW_HUDDLE, VIEW_MY_DAY,
                                      VIEW_BEFORE_YOU_CALL, VIEW_GOALS, VIEW_CONNECTIONS, VIEW_LEARNING,
                                      VIEW_TO_SETTLE};
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    write_(team, 1, "support.started");
    write_(team, 1, "crisis.opened", "urgency", "1");
    write_(team, 1, "goal.set", "own_words", "sleep");
    write_(team, 1, "contact.planned", "when", "1795266000000");
    write_(team, 1, "keyworker.agreed", "worker", "amy");
    write_(team, 2, "keyworker.agreed", "worker", "bo");
    write_(team, 1, "person.shared", "to", "dales", "why", "closer");
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [amy, bo] | [] | - | [1795266000000] | 1\n");
    assert_summary_has(team, "shared_with: [dales]", true);
    write_(team, 1, "person.shared", "to", "dales", "moves", "yes");
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        assert_rows(team, views[i], "");
    assert_summary_has(team, "moved_to: dales", true);
    /* the other team, in whose log everything is a copy */
    for (size_t i = 0; i < team->count; i++) {
        team->events[i].event.log = site_tag(bytes_str("dales"));
        team->events[i].event.at = (struct position){1, i + 1};
    }
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [amy, bo] | [] | - | [1795266000000] | 1\n");
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_open_concerns_are_told_in_their_words),
        cmocka_unit_test(standing_down_takes_away_that_concern_alone),
        cmocka_unit_test(who_had_not_seen_a_concern_cannot_stand_it_down),
        cmocka_unit_test(a_crisis_runs_by_its_urgency_until_somebody_is_there),
        cmocka_unit_test(an_emergency_has_no_time_at_all),
        cmocka_unit_test(the_clock_of_a_crisis_that_is_over_stays_while_there_are_concerns),
        cmocka_unit_test(a_response_answers_what_it_had_seen),
        cmocka_unit_test(two_safety_plans_are_held_until_they_are_settled),
        cmocka_unit_test(open_crises_come_first_then_the_most_urgent_then_the_oldest),
        cmocka_unit_test(who_is_new_or_came_back_is_talked_about_once),
        cmocka_unit_test(a_huddle_that_did_not_know_takes_nothing_away),
        cmocka_unit_test(an_open_crisis_stays_in_the_huddle),
        cmocka_unit_test(while_support_rests_it_is_not_quiet),
        cmocka_unit_test(who_moved_to_another_team_is_in_no_view_of_this_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
