/* SPDX-License-Identifier: Apache-2.0 */
/* The person view: what each entry's row says. */
#include "tests/unit/given_history.h"

/* The row of one event, given all that the team wrote. */
static void assert_entry(const struct team *team, const struct happened *happened, const char *expected)
{
    struct document *document = fold_all(team);
    struct buffer cells = {0}, text = {0};
    assert_true(view_timeline_cells(document, &happened->event, &cells));
    dump_cells(buffer_bytes(&cells), &text);
    buffer_append(&text, "", 1);
    char *id = strrchr((char *)text.data, '|'); /* ids are told elsewhere, and so is who may read it */
    assert_non_null(id);
    id[-1] = '\0';
    id = strrchr((char *)text.data, '|');
    assert_non_null(id);
    id[-1] = '\0';
    assert_string_equal((char *)text.data, expected);
    buffer_release(&cells);
    buffer_release(&text);
    document_free(document);
}

static void an_entry_says_when_who_what_and_in_words(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct happened *note = write_(team, 1, "note.added", "text", "Likes the allotment");
    assert_entry(team, note,
                 "1795262400000 | 1795262400000 | w1 | note.added | {text: Likes the allotment} | no  | - | no ");
    team_free(team);
}

static void what_is_written_up_more_than_an_hour_later_is_late(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct happened *soon = happened_at(write_(team, 1, "contact.recorded"), NOON - HOUR);
    struct happened *late = happened_at(write_(team, 1, "contact.recorded"), NOON - HOUR - 1);
    assert_entry(team, soon, "1795258800000 | 1795262400000 | w1 | contact.recorded | {} | no  | - | no ");
    assert_entry(team, late, "1795258799999 | 1795262400000 | w1 | contact.recorded | {} | yes | - | no ");
    team_free(team);
}

static void what_was_struck_stays_readable_with_its_reason(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *note = write_(team, 1, "note.added", "text", "Wrong person");
    struct happened *strike = write_(team, 1, "entry.struck", "of", id_hex(note, id), "why", "that was Joanne");
    assert_entry(
        team, note,
        "1795262400000 | 1795262400000 | w1 | note.added | {text: Wrong person} | no  | that was Joanne | no ");
    write_(team, 1, "entry.struck", "of", id_hex(strike, id), "why", "no, it was Jo");
    assert_entry(team, note, "1795262400000 | 1795262400000 | w1 | note.added | {text: Wrong person} | no  | - | no ");
    team_free(team);
}

/* Strikes of strikes of strikes, a long way down. */
static void every_other_strike_in_a_row_holds(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    struct happened *note = write_(team, 1, "note.added", "text", "a");
    const struct happened *last = note;
    for (unsigned depth = 1; depth <= 60; depth++) {
        last = write_(team, 1, "entry.struck", "of", id_hex(last, id), "why", "no");
        struct document *document = fold_all(team);
        assert_int_equal(record_struck_by(document, &note->event.id) != NULL, depth % 2);
        document_free(document);
    }
    team_free(team);
}

static void what_this_version_does_not_know_is_marked(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct buffer fields = {0};
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "kind");
    mp_put_text(&fields, "mint");
    struct happened *tea = write_raw(team, 1, "tea.made", fields);
    assert_entry(team, tea, "1795262400000 | 1795262400000 | w1 | tea.made | {kind: mint} | no  | - | yes");
    team_free(team);
}

static void entries_sort_by_when_they_happened(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct happened *first = write_(team, 1, "note.added", "text", "a"),
                    *second = write_(team, 1, "note.added", "text", "b");
    struct happened *earlier = happened_at(write_(team, 1, "note.added", "text", "c"), NOON - HOUR);
    struct happened *ancient = happened_at(write_(team, 1, "note.added", "text", "d"), -5);
    struct happened *never = happened_at(write_(team, 1, "note.added", "text", "e"), INT64_MAX);
    assert_int_equal(view_timeline_sort(&ancient->body), 0);
    assert_true(view_timeline_sort(&earlier->body) > 0);
    assert_true(view_timeline_sort(&first->body) > view_timeline_sort(&earlier->body));
    assert_true(view_timeline_sort(&second->body) > view_timeline_sort(&first->body));
    assert_true(view_timeline_sort(&never->body) > view_timeline_sort(&second->body));
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_says_when_who_what_and_in_words),
        cmocka_unit_test(what_is_written_up_more_than_an_hour_later_is_late),
        cmocka_unit_test(what_was_struck_stays_readable_with_its_reason),
        cmocka_unit_test(every_other_strike_in_a_row_holds),
        cmocka_unit_test(what_this_version_does_not_know_is_marked),
        cmocka_unit_test(entries_sort_by_when_they_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
