/* SPDX-License-Identifier: Apache-2.0 */
/* What needs a team to agree: each row says which one of several it is, between what to choose, and under which key it
 * is settled. */
#include "tests/unit/given_history.h"

#define UNAWARE "written without knowing of each other"

/* The rows' `which`, values and choices, a line each. */
static char *rows(const struct team *team, unsigned order)
{
    struct document *document = fold_in_order(team, order);
    char *text = rows_text(document, VIEW_TO_SETTLE, &JO);
    document_free(document);
    return text;
}

static void assert_settle(const struct team *team, const char *expected)
{
    for (unsigned order = 0; order < FOLD_ORDERS; order++) {
        char *text = rows(team, order);
        if (!strstr(text, expected))
            fail_msg("%s lacks %s", text, expected);
        free(text);
    }
}

static void each_row_says_which_one_of_several_it_is(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "aboutme.changed", "section", "helps", "text", "quiet");
    write_(team, 2, "aboutme.changed", "section", "helps", "text", "music");
    write_(team, 1, "sharing.preference", "agency", "gp", "category", "plan", "choice", "object");
    write_(team, 2, "sharing.preference", "agency", "gp", "category", "plan", "choice", "allow");
    write_(team, 1, "decision.made", "question", "move to the Dales team?", "chosen", "yes");
    write_(team, 2, "decision.made", "question", "move to the Dales team?", "chosen", "not yet");
    assert_settle(team, "| aboutme | what helps | [quiet, music] | [w1, w2] | " UNAWARE
                        " | 1795262400000 | aboutme\x1fhelps | [quiet, music]\n");
    assert_settle(team, "| sharing | GP: the plan | [objects, allows] | [w1, w2] | " UNAWARE
                        " | 1795262400000 | sharing\x1fgp\x1fplan | [object, allow]\n");
    assert_settle(team, "| decision | move to the Dales team? | [yes, not yet] |");
    sync_all(team, 2);
    write_(team, 1, "conflict.settled", "what", "aboutme", "which", "helps", "chosen", "both");
    write_(team, 1, "conflict.settled", "what", "sharing", "which", "gp\x1fplan", "chosen", "object");
    write_(team, 1, "conflict.settled", "what", "decision", "which", "move to the Dales team?", "chosen", "yes");
    assert_rows(team, VIEW_TO_SETTLE, "");
    team_free(team);
}

static void threads_are_called_by_their_words(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *goal = write_(team, 1, "goal.set", "own_words", "sleep");
    struct happened *concern = write_(team, 1, "concern.raised", "words", "not eating");
    struct happened *contact = write_(team, 1, "contact.recorded", "minutes", "30");
    sync_all(team, 2);
    write_(team, 1, "goal.changed", "goal", id_hex(goal, id), "status", "reached");
    write_(team, 2, "goal.changed", "goal", id, "status", "resting");
    write_(team, 1, "concern.stooddown", "which", id_hex(concern, id), "why", "eats again");
    write_(team, 2, "concern.raised", "words", "something else");
    write_(team, 1, "contact.corrected", "of", id_hex(contact, id), "field", "minutes", "value", "40");
    write_(team, 2, "contact.corrected", "of", id, "field", "minutes", "value", "45");
    assert_settle(team, "| goal_status | sleep | [reached, resting] |");
    assert_settle(team, "| correction | minutes, contact of 2026-11-21 12:00 | [40, 45] |");
    team_free(team);
}

static void safety_comes_before_sharing_and_the_rest(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "keyworker.agreed", "worker", "amy");
    write_(team, 2, "keyworker.agreed", "worker", "bo");
    write_(team, 1, "safetyplan.agreed", "helps", "call sister");
    write_(team, 2, "safetyplan.agreed", "helps", "call crisis line");
    write_(team, 1, "crisis.opened", "urgency", "4");
    write_(team, 2, "crisis.opened", "urgency", "2");
    assert_settle(team, "| safety_helps | - | [call sister, call crisis line] |");
    assert_settle(team, "| crisis | - | [very urgent, urgent] | [w1, w2] | " UNAWARE
                        " | 1795262400000 | crisis | [4, 2]\n");
    struct document *document = fold_all(team);
    struct dumping d = {.view = VIEW_TO_SETTLE};
    assert_true(view_rows(document, &JO, dump_row, &d));
    assert_int_equal(d.rows, 3);
    assert_int_equal(to_settle(document), 3);
    buffer_release(&d.text);
    document_free(document);
    team_free(team);
}

/* ---- one visit or two ---- */

static void two_who_wrote_of_one_meeting_are_asked(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "contact.recorded", "mechanism", "01", "attendance", "5");
    pass(team, 2 * HOUR);
    write_(team, 2, "contact.recorded", "mechanism", "01");
    assert_settle(team, "| joint_visit | contact of 2026-11-21 12:00; contact of 2026-11-21 14:00 | "
                        "[one visit together, two visits] | [w1, w2] | two wrote of a meeting at one time | "
                        "1795269600000 | joint_visit\x1f");
    char *text = rows(team, 0), key[140] = "";
    snprintf(key, sizeof key, "%s", strchr(text, 0x1f) + 1);
    key[strcspn(key, " ")] = '\0';
    free(text);
    sync_all(team, 2);
    write_(team, 2, "conflict.settled", "what", "joint_visit", "which", key, "chosen", "one");
    assert_rows(team, VIEW_TO_SETTLE, "");
    team_free(team);
}

static void no_joint_visit(struct team *team)
{
    assert_rows(team, VIEW_TO_SETTLE, "");
    team_free(team);
}

static void meetings_that_are_plainly_two_are_not_asked_about(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "contact.recorded", "mechanism", "01");
    write_(team, 1, "contact.recorded", "mechanism", "01"); /* one worker */
    no_joint_visit(team);
    team = team_new();
    write_(team, 1, "contact.recorded", "mechanism", "01");
    sync_all(team, 2);
    write_(team, 2, "contact.recorded", "mechanism", "01"); /* knew of it */
    no_joint_visit(team);
    team = team_new();
    write_(team, 1, "contact.recorded", "mechanism", "01");
    write_(team, 2, "contact.recorded", "mechanism", "02"); /* another kind */
    no_joint_visit(team);
    team = team_new();
    write_(team, 1, "contact.recorded", "mechanism", "01");
    happened_at(write_(team, 2, "contact.recorded", "mechanism", "01"), NOON - 2 * HOUR - 1); /* another time */
    no_joint_visit(team);
    team = team_new();
    write_(team, 1, "contact.recorded", "mechanism", "01");
    write_(team, 2, "contact.recorded", "mechanism", "01", "attendance", "3"); /* did not meet */
    no_joint_visit(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_says_which_one_of_several_it_is),
        cmocka_unit_test(threads_are_called_by_their_words),
        cmocka_unit_test(safety_comes_before_sharing_and_the_rest),
        cmocka_unit_test(two_who_wrote_of_one_meeting_are_asked),
        cmocka_unit_test(meetings_that_are_plainly_two_are_not_asked_about),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
