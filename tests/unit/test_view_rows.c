/* SPDX-License-Identifier: Apache-2.0 */
/* Stories of teams, and what the views of people show of them. */
#include "tests/unit/given_history.h"

#include "proto/domain/view_person.h"

/* ---- front door ---- */

static void somebody_introduced_waits_at_the_front_door(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "B1", "own_words", "I can't sleep", "urgency",
           "2");
    assert_rows(team, VIEW_FRONT_DOOR,
                "[Jo] | 70000000 | B1 | I can't sleep | 2 | 1795262400000 | [1795262400000, 86400000, -] | -\n");
    assert_rows(team, VIEW_CASELOAD, "");
    assert_rows(team, VIEW_TO_SETTLE, "");
    pass(team, HOUR);
    write_(team, 1, "introduction.acknowledged", "to", "Jo", "method", "phone");
    assert_rows(team, VIEW_FRONT_DOOR, "[Jo] | 70000000 | B1 | I can't sleep | 2 | 1795262400000 | "
                                       "[1795262400000, 86400000, -] | 1795266000000\n");
    write_(team, 1, "support.started", "offer", "short");
    assert_rows(team, VIEW_FRONT_DOOR, "");
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [] | [] | - | - | 0\n");
    team_free(team);
}

static void two_introductions_are_one_person_waiting_since_the_first(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "Q1", "urgency", "3");
    pass(team, DAY);
    write_(team, 2, "person.introduced", "source", "A1", "own_words", "please see soon", "urgency", "4");
    assert_rows(team, VIEW_FRONT_DOOR,
                "[Jo] | 70000000 | Q1 | please see soon | 4 | 1795262400000 | [1795348800000, 14400000, -] | -\n");
    team_free(team);
}

static void an_introduction_entered_late_is_still_the_first(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "Q1", "own_words", "hello");
    happened_at(write_(team, 2, "person.introduced", "source", "A1", "own_words", "please see"), NOON - DAY);
    assert_rows(team, VIEW_FRONT_DOOR, "[Jo] | 70000000 | A1 | please see | - | 1795176000000 | - | -\n");
    team_free(team);
}

static void an_introduction_that_was_turned_down_waits_no_longer(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "A1");
    write_(team, 1, "support.ended", "reason", "08");
    assert_rows(team, VIEW_FRONT_DOOR, "");
    assert_rows(team, VIEW_CASELOAD, "");
    team_free(team);
}

static void a_new_introduction_after_the_farewell_waits_again(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "A1");
    write_(team, 1, "introduction.acknowledged", "to", "the surgery");
    write_(team, 1, "support.started");
    sync_all(team, 2);
    write_(team, 1, "support.ended", "reason", "02", "agreed", "yes");
    pass(team, DAY);
    struct happened *again = write_(team, 2, "person.introduced", "source", "G4"); /* unaware of the farewell */
    assert_rows(team, VIEW_FRONT_DOOR, "[Jo] | 70000000 | G4 | - | - | 1795348800000 | - | -\n");
    char id[65];
    write_(team, 2, "entry.struck", "of", id_hex(again, id), "why", "somebody else");
    assert_rows(team, VIEW_FRONT_DOOR, "");
    team_free(team);
}

static bool keep_sort(void *context, const struct view_row *row)
{
    if (row->view == VIEW_FRONT_DOOR)
        *(uint64_t *)context = row->sort;
    return true;
}

static uint64_t front_door_sort(const char *urgency, int64_t days_ago)
{
    struct team *team = team_new();
    uint64_t sort = 0;
    happened_at(urgency ? write_(team, 1, "person.introduced", "known_as", "Jo", "urgency", urgency)
                        : write_(team, 1, "person.introduced", "known_as", "Jo"),
                NOON - days_ago * DAY);
    struct document *document = fold_all(team);
    assert_true(view_rows(document, &JO, keep_sort, &sort));
    document_free(document);
    team_free(team);
    return sort;
}

static void the_front_door_is_most_urgent_first_then_longest(void **state)
{
    (void)state;
    const uint64_t order[] = {front_door_sort("1", 0),  front_door_sort("4", 9),   front_door_sort("4", 1),
                              front_door_sort("2", 99), front_door_sort("3", 500), front_door_sort(NULL, 1000)};
    for (size_t i = 1; i < sizeof order / sizeof order[0]; i++)
        assert_true(order[i - 1] < order[i]);
}

/* ---- caseload ---- */

static void the_caseload_says_who_is_with_a_person_and_when_last(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    write_(team, 1, "support.started");
    write_(team, 1, "team.joined", "worker", "bo");
    write_(team, 1, "team.joined", "worker", "amy", "role", "peer worker");
    write_(team, 1, "keyworker.agreed", "worker", "amy", "person_agrees", "yes");
    happened_at(write_(team, 1, "contact.recorded", "attendance", "5"), NOON - 3 * DAY);
    happened_at(write_(team, 1, "contact.recorded"), NOON - 2 * DAY); /* not said: they met */
    happened_at(write_(team, 1, "contact.recorded", "attendance", "3"), NOON - DAY);
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [amy] | [amy, bo] | 1795089600000 | - | 0\n");
    write_(team, 1, "team.left", "worker", "bo");
    write_(team, 1, "keyworker.agreed", "worker", "cy");
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [cy] | [amy] | 1795089600000 | - | 0\n");
    team_free(team);
}

static void leaving_takes_away_only_the_joining_it_knew_of(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    write_(team, 1, "team.joined", "worker", "amy");
    sync_all(team, 2);
    write_(team, 1, "team.left", "worker", "amy");
    write_(team, 2, "team.joined", "worker", "amy", "role", "in another role");
    sync_all(team, 2);
    assert_rows(team, VIEW_CASELOAD, "[] | 70000000 | [] | [amy] | - | - | 0\n");
    write_(team, 1, "team.left", "worker", "amy");
    assert_rows(team, VIEW_CASELOAD, "[] | 70000000 | [] | [] | - | - | 0\n");
    team_free(team);
}

static void a_struck_contact_was_no_contact(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    write_(team, 1, "support.started");
    struct happened *contact = write_(team, 1, "contact.recorded");
    write_(team, 1, "entry.struck", "of", id_hex(contact, id), "why", "that was Joanne");
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [] | [] | - | - | 0\n");
    team_free(team);
}

/* ---- what two workers wrote without knowing of each other ---- */

static void of_two_names_the_latest_shows_and_both_find_the_person(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    sync_all(team, 2);
    write_(team, 1, "person.details.recorded", "known_as", "Jo");
    pass(team, HOUR);
    write_(team, 2, "person.details.recorded", "known_as", "Joey");
    sync_all(team, 2);
    assert_rows(team, VIEW_CASELOAD, "[Joey] | 70000000 | [] | [] | - | - | 0\n");
    struct document *document = fold_all(team);
    const struct reading *names = record_reading(document, REG_known_as);
    assert_int_equal(names->values, 2);
    document_free(document);
    team_free(team);
}

static void two_dates_of_birth_both_show_until_they_are_settled(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    sync_all(team, 2);
    write_(team, 1, "person.details.recorded", "date_of_birth", "1990-01-01");
    pass(team, HOUR);
    write_(team, 2, "person.details.recorded", "date_of_birth", "1990-10-01");
    sync_all(team, 2);
    assert_rows(team, VIEW_TO_SETTLE,
                "- | [Jo] | 70000000 | date_of_birth | - | [1990-01-01, 1990-10-01] | [w1, w2] | "
                "written without knowing of each other | 1795266000000 | date_of_birth | [1990-01-01, 1990-10-01]\n");
    write_(team, 1, "conflict.settled", "what", "date_of_birth", "chosen", "1990-10-01", "with", "Jo", "with", "Amy");
    assert_rows(team, VIEW_TO_SETTLE, "");
    team_free(team);
}

static void two_who_wrote_the_same_agree(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.details.recorded", "nhs_number", "943 476 5919");
    write_(team, 2, "person.details.recorded", "nhs_number", "9434765919");
    assert_rows(team, VIEW_TO_SETTLE, "");
    team_free(team);
}

static void two_settlements_are_to_settle_again(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "keyworker.agreed", "worker", "amy");
    write_(team, 2, "keyworker.agreed", "worker", "bo");
    sync_all(team, 3);
    write_(team, 1, "conflict.settled", "what", "keyworker", "chosen", "amy");
    write_(team, 2, "conflict.settled", "what", "keyworker", "chosen", "bo");
    sync_all(team, 3);
    struct document *document = fold_all(team);
    assert_int_equal(to_settle(document), 1);
    document_free(document);
    write_(team, 3, "conflict.settled", "what", "keyworker", "chosen", "bo");
    document = fold_all(team);
    assert_int_equal(to_settle(document), 0);
    document_free(document);
    team_free(team);
}

static void a_settlement_of_what_this_version_does_not_know_changes_nothing(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "keyworker.agreed", "worker", "amy");
    struct buffer fields = {0};
    mp_put_map(&fields, 2);
    mp_put_text(&fields, "what");
    mp_put_text(&fields, "favourite_tea");
    mp_put_text(&fields, "chosen");
    mp_put_text(&fields, "mint");
    write_raw(team, 1, "conflict.settled", fields);
    assert_rows(team, VIEW_TO_SETTLE, "");
    team_free(team);
}

static void a_settlement_with_no_such_kind_of_value_changes_nothing(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    write_(team, 1, "person.details.recorded", "known_as", "Jo");
    struct buffer fields = {0};
    mp_put_map(&fields, 2);
    mp_put_text(&fields, "what");
    mp_put_text(&fields, "known_as");
    mp_put_text(&fields, "chosen");
    mp_put_uint(&fields, 7);
    write_raw(team, 1, "conflict.settled", fields);
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [] | [] | - | - | 0\n");
    team_free(team);
}

static void striking_a_value_brings_back_what_it_had_overwritten(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    write_(team, 1, "support.started");
    write_(team, 1, "person.details.recorded", "known_as", "Jo");
    struct happened *wrong = write_(team, 1, "person.details.recorded", "known_as", "Joe");
    struct happened *strike = write_(team, 1, "entry.struck", "of", id_hex(wrong, id), "why", "mistyped");
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [] | [] | - | - | 0\n");
    write_(team, 1, "entry.struck", "of", id_hex(strike, id), "why", "it was right after all");
    assert_rows(team, VIEW_CASELOAD, "[Joe] | 70000000 | [] | [] | - | - | 0\n");
    team_free(team);
}

/* ---- day C: coming back in Derbyshire ---- */

static void support_that_ended_while_somebody_met_the_person_stays_open_to_settle(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    write_(team, 1, "support.started", "episode", "E1");
    sync_all(team, 2);
    pass(team, DAY);
    write_(team, 1, "support.ended", "agreed", "yes", "way_back", "ring us");
    write_(team, 2, "contact.recorded", "attendance", "5");
    sync_all(team, 2);
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [] | [] | 1795348800000 | - | 1\n");
    assert_rows(team, VIEW_TO_SETTLE,
                "- | [Jo] | 70000000 | support | - | [we are with them, farewell] | [w2, w1] | ended while seen | "
                "1795348800000 | support | [active, ended]\n");
    write_(team, 2, "conflict.settled", "what", "support", "chosen", "ended");
    assert_rows(team, VIEW_CASELOAD, "");
    assert_rows(team, VIEW_TO_SETTLE, "");
    /* months later: two laptops hear of the return */
    sync_all(team, 3);
    pass(team, 90 * DAY);
    write_(team, 2, "support.returned", "source", "B1");
    write_(team, 3, "support.returned", "source", "G4");
    sync_all(team, 3);
    assert_rows(team, VIEW_CASELOAD, "[Jo] | 70000000 | [] | [] | 1795348800000 | - | 0\n");
    team_free(team);
}

static void a_contact_that_knew_of_the_farewell_does_not_question_it(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    write_(team, 1, "support.ended");
    sync_all(team, 2);
    write_(team, 2, "contact.recorded", "purpose", "drop-in");
    assert_rows(team, VIEW_CASELOAD, "");
    assert_rows(team, VIEW_TO_SETTLE, "");
    team_free(team);
}

static void a_meeting_that_did_not_happen_does_not_question_the_farewell(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    sync_all(team, 2);
    write_(team, 1, "support.ended");
    write_(team, 2, "contact.recorded", "attendance", "3");
    assert_rows(team, VIEW_TO_SETTLE, "");
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(somebody_introduced_waits_at_the_front_door),
        cmocka_unit_test(two_introductions_are_one_person_waiting_since_the_first),
        cmocka_unit_test(an_introduction_entered_late_is_still_the_first),
        cmocka_unit_test(an_introduction_that_was_turned_down_waits_no_longer),
        cmocka_unit_test(a_new_introduction_after_the_farewell_waits_again),
        cmocka_unit_test(the_front_door_is_most_urgent_first_then_longest),
        cmocka_unit_test(the_caseload_says_who_is_with_a_person_and_when_last),
        cmocka_unit_test(leaving_takes_away_only_the_joining_it_knew_of),
        cmocka_unit_test(a_struck_contact_was_no_contact),
        cmocka_unit_test(of_two_names_the_latest_shows_and_both_find_the_person),
        cmocka_unit_test(two_dates_of_birth_both_show_until_they_are_settled),
        cmocka_unit_test(two_who_wrote_the_same_agree),
        cmocka_unit_test(two_settlements_are_to_settle_again),
        cmocka_unit_test(a_settlement_of_what_this_version_does_not_know_changes_nothing),
        cmocka_unit_test(a_settlement_with_no_such_kind_of_value_changes_nothing),
        cmocka_unit_test(striking_a_value_brings_back_what_it_had_overwritten),
        cmocka_unit_test(support_that_ended_while_somebody_met_the_person_stays_open_to_settle),
        cmocka_unit_test(a_contact_that_knew_of_the_farewell_does_not_question_it),
        cmocka_unit_test(a_meeting_that_did_not_happen_does_not_question_the_farewell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
