/* SPDX-License-Identifier: Apache-2.0 */
/* What was promised, and what to know before one calls. */
#include "tests/unit/given_history.h"

#define AT_13 "1795266000000"
#define AT_1330 "1795267800000"

/* The rows of my-day without the entries' ids. */
static void assert_day(const struct team *team, const struct person_id *subject, const char *expected)
{
    for (unsigned order = 0; order < FOLD_ORDERS; order++) {
        struct document *document = fold_in_order(team, order);
        char *text = rows_text(document, VIEW_MY_DAY, subject), *out = text;
        for (const char *line = text, *next; *line; line = next) {
            const char *entry = line;
            next = strchr(line, '\n') + 1;
            for (unsigned i = 0; i < MY_DAY_ENTRY; i++)
                entry = strstr(entry, " | ") + 3;
            const char *rest = strstr(entry, " | ") + 3;
            memmove(out, line, (size_t)(entry - line));
            out += entry - line;
            memmove(out, rest, (size_t)(next - rest));
            out += next - rest;
        }
        *out = '\0';
        assert_string_equal(text, expected);
        free(text);
        document_free(document);
    }
}

/* ---- appointments ---- */

static void an_appointment_is_told_with_what_the_person_needs(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.details.recorded", "known_as", "Jo");
    write_(team, 1, "contact.planned", "when", AT_13, "place", "library", "minutes", "60", "what", "the form");
    write_(team, 2, "accessneed.recorded", "need", "interpreter", "detail", "BSL interpreter");
    assert_day(team, &JO,
               AT_13 " | [Jo] | 70000000 | the form | library | [BSL interpreter] | [w1] | appointment | - | 60 | -\n");
    team_free(team);
}

static void an_appointment_can_be_moved_and_called_off(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *first = write_(team, 1, "contact.planned", "when", AT_13, "with", "amy", "with", "bo");
    struct happened *later = write_(team, 1, "contact.planned", "when", AT_1330, "appointment", id_hex(first, id));
    assert_day(team, &JO, AT_1330 " | [] | 70000000 | appointment | - | [] | [w1] | appointment | - | - | -\n");
    write_(team, 1, "entry.struck", "of", id_hex(later, id), "why", "the other one");
    assert_day(team, &JO, AT_13 " | [] | 70000000 | appointment | - | [] | [amy, bo] | appointment | - | - | -\n");
    write_(team, 1, "contact.planned", "when", AT_13, "appointment", id_hex(first, id), "cancelled", "yes");
    assert_day(team, &JO, "");
    team_free(team);
}

static void what_took_place_is_promised_no_longer(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *planned = write_(team, 1, "contact.planned", "when", AT_13);
    write_(team, 1, "support.started");
    assert_rows(team, VIEW_CASELOAD, "[] | 70000000 | [] | [] | - | [1795266000000] | 0\n");
    write_(team, 1, "contact.recorded", "appointment", id_hex(planned, id));
    assert_day(team, &JO, "");
    assert_rows(team, VIEW_CASELOAD, "[] | 70000000 | [] | [] | 1795262400000 | - | 0\n");
    team_free(team);
}

static void two_appointments_at_one_time_are_to_settle(void **state)
{
    (void)state;
    char first[65], second[65], which[140];
    struct team *team = team_new();
    struct happened *one = write_(team, 1, "contact.planned", "when", AT_13, "minutes", "60", "place", "library");
    struct happened *two = write_(team, 2, "contact.planned", "when", AT_1330, "what", "the form");
    assert_day(team, &JO,
               AT_13 " | [] | 70000000 | appointment | library | [] | [w1] | appointment | "
                     "2026-11-21 13:30, the form | 60 | -\n"
               AT_1330 " | [] | 70000000 | the form | - | [] | [w2] | appointment | 2026-11-21 13:00, library | - | "
                       "-\n");
    id_hex(one, first);
    id_hex(two, second);
    bool swap = strcmp(first, second) > 0;
    snprintf(which, sizeof which, "%s+%s", swap ? second : first, swap ? first : second);
    struct document *document = fold_all(team);
    char *rows = rows_text(document, VIEW_TO_SETTLE, &JO);
    assert_non_null(strstr(rows, which));
    assert_non_null(strstr(rows, "two appointments at one time"));
    assert_non_null(strstr(rows, "[both, first, second]"));
    assert_int_equal(to_settle(document), 1);
    free(rows);
    document_free(document);
    sync_all(team, 2);
    write_(team, 1, "conflict.settled", "what", "double_booking", "which", which, "chosen", swap ? "first" : "second");
    assert_rows(team, VIEW_TO_SETTLE, "");
    assert_day(team, &JO, AT_1330 " | [] | 70000000 | the form | - | [] | [w2] | appointment | - | - | -\n");
    /* given way, and planned anew since */
    write_(team, 1, "contact.planned", "when", "1795276800000", "appointment", first);
    assert_day(team, &JO, AT_1330 " | [] | 70000000 | the form | - | [] | [w2] | appointment | - | - | -\n"
                          "1795276800000 | [] | 70000000 | appointment | - | [] | [w1] | appointment | - | - | -\n");
    team_free(team);
}

/* ---- tasks ---- */

static void a_task_is_promised_by_those_who_took_it(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *task = write_(team, 1, "task.raised", "what", "benefits form");
    assert_day(team, &JO, ""); /* nobody took it, and no day was said */
    sync_all(team, 2);
    write_(team, 1, "task.taken", "task", id_hex(task, id), "worker", "w1");
    write_(team, 2, "task.taken", "task", id_hex(task, id), "worker", "w2");
    assert_day(team, &JO, "- | [] | 70000000 | benefits form | - | [] | [w1, w2] | task | - | - | -\n");
    write_(team, 2, "task.closed", "task", id_hex(task, id), "state", "done");
    write_(team, 1, "task.closed", "task", id_hex(task, id), "state", "dropped");
    assert_day(team, &JO, "");
    assert_rows(team, VIEW_TO_SETTLE, ""); /* done counts; nobody has to be asked */
    team_free(team);
}

static void a_task_with_a_day_is_told_whoever_does_it(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "task.raised", "what", "call the landlord", "due", "2026-11-23", "for", "bo");
    assert_day(team, &JO, "1795392000000 | [] | 70000000 | call the landlord | - | [] | [bo] | task | - | - | -\n");
    team_free(team);
}

/* ---- sessions ---- */

static void the_sites_sessions_are_everybodys_day(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *weekly = write_(team, 1, "session.recorded", "name", "drop-in", "place", "library", "schedule",
                                     "tue 14:00-16:00", "workers", "amy");
    write_(team, 1, "session.recorded", "name", "walk", "when", AT_13, "minutes", "90");
    assert_day(team, &PERSON_ID_NONE,
               "- | [] | - | drop-in | library | [] | [amy] | session | - | - | tue 14:00-16:00\n"
               AT_13 " | [] | - | walk | - | [] | [w1] | session | - | 90 | -\n");
    write_(team, 1, "session.recorded", "session", id_hex(weekly, id), "status", "cancelled", "name", "drop-in");
    assert_day(team, &PERSON_ID_NONE, AT_13 " | [] | - | walk | - | [] | [w1] | session | - | 90 | -\n");
    team_free(team);
}

/* ---- before you call ---- */

static void an_objection_holds_until_the_person_is_asked_again(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.details.recorded", "known_as", "Jo", "contact", "0770 090 0123", "pronouns", "she");
    write_(team, 1, "sharing.preference", "agency", "housing", "category", "all", "choice", "object");
    write_(team, 2, "sharing.preference", "agency", "housing", "category", "all", "choice", "allow");
    write_(team, 1, "sharing.preference", "agency", "gp", "category", "plan", "choice", "allow");
    assert_rows(team, VIEW_BEFORE_YOU_CALL, "[Jo] | 70000000 | [housing: everything] | [housing: everything] | [] | [] "
                                            "| [] | [] | [0770 090 0123] | [she]\n");
    sync_all(team, 2);
    write_(team, 2, "sharing.preference", "agency", "housing", "category", "all", "choice", "allow");
    assert_rows(team, VIEW_BEFORE_YOU_CALL,
                "[Jo] | 70000000 | [] | [] | [] | [] | [] | [] | [0770 090 0123] | [she]\n");
    team_free(team);
}

static void needs_that_two_wrote_apart_both_hold(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "accessneed.recorded", "need", "format", "detail", "text only");
    write_(team, 2, "accessneed.recorded", "need", "interpreter", "detail", "BSL interpreter");
    write_(team, 2, "accessneed.recorded", "need", "contact-method", "detail", "by text");
    write_(team, 2, "accessneed.recorded", "need", "adjustment", "detail", "quiet room");
    write_(team, 2, "accessneed.recorded", "need", "adjustment", "detail", "quiet room", "status", "out");
    assert_rows(team, VIEW_BEFORE_YOU_CALL,
                "[] | 70000000 | [] | [] | [text only] | [BSL interpreter] | [by text] | [] | [] | []\n");
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_appointment_is_told_with_what_the_person_needs),
        cmocka_unit_test(an_appointment_can_be_moved_and_called_off),
        cmocka_unit_test(what_took_place_is_promised_no_longer),
        cmocka_unit_test(two_appointments_at_one_time_are_to_settle),
        cmocka_unit_test(a_task_is_promised_by_those_who_took_it),
        cmocka_unit_test(a_task_with_a_day_is_told_whoever_does_it),
        cmocka_unit_test(the_sites_sessions_are_everybodys_day),
        cmocka_unit_test(an_objection_holds_until_the_person_is_asked_again),
        cmocka_unit_test(needs_that_two_wrote_apart_both_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
