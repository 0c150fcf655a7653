/* SPDX-License-Identifier: Apache-2.0 */
/* What is near and whether it came about; who is where, and who carries something alone. */
#include "tests/unit/given_history.h"

/* ---- connections ---- */

static void what_is_stuck_is_told_until_it_is_made(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    write_(team, 1, "support.started");
    struct happened *started = &team->events[0]; /* any name will do for a resource */
    write_(team, 1, "connection.updated", "resource", id_hex(started, id), "status", "offered");
    assert_rows(team, VIEW_CONNECTIONS, "[] | 70000000 | 3c6ef372 | offered | 1795262400000 | -\n");
    pass(team, DAY);
    write_(team, 1, "connection.updated", "resource", id, "status", "agreed", "warm", "yes");
    assert_rows(team, VIEW_CONNECTIONS, "[] | 70000000 | 3c6ef372 | agreed | 1795348800000 | yes\n");
    write_(team, 1, "connection.updated", "resource", id, "status", "made", "warm", "yes");
    assert_rows(team, VIEW_CONNECTIONS, "");
    team_free(team);
}

/* A laptop whose clock is behind knew of the offer. */
static void who_knew_of_the_other_has_the_last_word_whatever_the_clock(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *started = write_(team, 1, "support.started");
    write_(team, 1, "connection.updated", "resource", id_hex(started, id), "status", "offered");
    sync_all(team, 2);
    team->laptops[1].clock -= DAY;
    write_(team, 2, "connection.updated", "resource", id, "status", "declined");
    assert_rows(team, VIEW_CONNECTIONS, "");
    team_free(team);
}

/* ---- resources ---- */

#define ALLOTMENT "Allotment | Eccles | Barton Lane | Kit | sun 10:00-12:00 | sun 10:00-12:00 | "

/* The rows of resources without the entry. */
static char *resources(const struct team *team)
{
    struct document *document = fold_all(team);
    char *text = rows_text(document, VIEW_RESOURCES, &PERSON_ID_NONE);
    document_free(document);
    return text;
}

static void a_resource_is_told_as_it_was_last_written(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *near = write_(team, 1, "resource.recorded", "name", "Allotment", "area", "Eccles", "place",
                                   "Barton Lane", "schedule", "sat 10:00-12:00", "capacity", "12", "contact", "Kit");
    sync_all(team, 2);
    pass(team, DAY);
    write_(team, 1, "resource.recorded", "resource", id_hex(near, id), "schedule", "sun 10:00-12:00", "status", "open");
    assert_site_rows(team, VIEW_RESOURCES, ALLOTMENT "12 | [open] | 1795348800000 | 3c6ef372\n");
    write_(team, 2, "resource.recorded", "resource", id, "status", "closed");
    assert_site_rows(team, VIEW_RESOURCES, ALLOTMENT "12 | [open, closed] | 1795348800000 | 3c6ef372\n");
    struct document *document = fold_all(team);
    char *settle = rows_text(document, VIEW_TO_SETTLE, &PERSON_ID_NONE);
    const char *expected = "- | [] | - | resource_status | Allotment | [open, closed] | [w1, w2] | "
                           "written without knowing of each other | 1795348800000 | resource_status\x1f";
    assert_memory_equal(settle, expected, strlen(expected));
    free(settle);
    document_free(document);
    team_free(team);
}

static void resources_are_in_the_order_of_areas(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "resource.recorded", "name", "b", "area", "Swinton");
    write_(team, 1, "resource.recorded", "name", "c", "area", "eccles");
    write_(team, 1, "resource.recorded", "name", "a", "area", "Éccles");
    write_(team, 1, "resource.recorded", "name", "d");
    char *text = resources(team), names[5] = "";
    size_t count = 0;
    for (char *line = text; *line; line = strchr(line, '\n') + 1)
        names[count++] = *line;
    assert_string_equal(names, "dacb");
    free(text);
    team_free(team);
}

/* ---- places ---- */

static void who_is_out_stays_listed_until_that_outing_is_safe(void **state)
{
    (void)state;
    char first[65];
    struct team *team = team_new();
    struct happened *out = write_(team, 1, "worker.out", "where", "Barton Lane", "back_by", "1795269600000");
    pass(team, HOUR);
    write_(team, 1, "worker.out", "where", "Eccles", "worker", "amy");
    assert_site_rows(team, VIEW_PLACES, "out | Barton Lane | 1795262400000 | - | [w1] | 1795269600000 | - | 3c6ef372\n"
                                        "out | Eccles | 1795266000000 | - | [amy] | - | - | daa66d2c\n");
    sync_all(team, 2);
    write_(team, 2, "worker.safe", "outing", id_hex(out, first));
    assert_site_rows(team, VIEW_PLACES, "out | Eccles | 1795266000000 | - | [amy] | - | - | daa66d2c\n");
    team_free(team);
}

static void sessions_have_hours_and_a_status(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *session = write_(team, 1, "session.recorded", "name", "drop-in", "place", "library", "when",
                                      "1795269600000", "minutes", "120", "workers", "amy", "workers", "bo");
    assert_site_rows(team, VIEW_PLACES, "drop-in | library | 1795269600000 | 2026-11-21 14:00-16:00 | [amy, bo] | - | "
                                        "on | 3c6ef372\n");
    sync_all(team, 2);
    write_(team, 1, "session.recorded", "session", id_hex(session, id), "name", "drop-in", "schedule",
           "tue 14:00-16:00");
    write_(team, 2, "session.recorded", "session", id, "name", "drop-in", "schedule", "tue 14:00-16:00", "status",
           "cancelled");
    assert_site_rows(team, VIEW_PLACES, "drop-in | - | - | tue 14:00-16:00 | [w2] | - | cancelled | 3c6ef372\n");
    team_free(team);
}

/* ---- worries ---- */

static void a_worry_is_told_first_until_somebody_holds_it(void **state)
{
    (void)state;
    char id[65];
    struct dumping d = {.view = VIEW_WORRIES};
    struct team *team = team_new();
    struct happened *worry = write_(team, 1, "worry.shared", "text", "the phone call");
    assert_site_rows(team, VIEW_WORRIES, "w1 | 1795262400000 | the phone call | [] | 3c6ef372\n");
    struct document *document = fold_all(team);
    assert_true(view_rows(document, &PERSON_ID_NONE, dump_row, &d));
    uint64_t unheld = d.last_sort;
    document_free(document);
    write_(team, 2, "worry.held", "worry", id_hex(worry, id), "worker", "w2");
    write_(team, 3, "worry.held", "worry", id, "worker", "w3");
    assert_site_rows(team, VIEW_WORRIES, "w1 | 1795262400000 | the phone call | [w2, w3] | 3c6ef372\n");
    document = fold_all(team);
    assert_true(view_rows(document, &PERSON_ID_NONE, dump_row, &d));
    assert_true(d.last_sort > unheld);
    buffer_release(&d.text);
    document_free(document);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_stuck_is_told_until_it_is_made),
        cmocka_unit_test(who_knew_of_the_other_has_the_last_word_whatever_the_clock),
        cmocka_unit_test(a_resource_is_told_as_it_was_last_written),
        cmocka_unit_test(resources_are_in_the_order_of_areas),
        cmocka_unit_test(who_is_out_stays_listed_until_that_outing_is_safe),
        cmocka_unit_test(sessions_have_hours_and_a_status),
        cmocka_unit_test(a_worry_is_told_first_until_somebody_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
