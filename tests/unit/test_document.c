/* SPDX-License-Identifier: Apache-2.0 */
/* The fold: one set of events gives one document, byte for byte, however it was delivered. */
#include "tests/unit/given_orders.h"

static void the_order_of_a_register_and_its_settlement(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "person.details.recorded", "date_of_birth", "1990-01-01");
    sync_all(team, 2);
    write_(team, 1, "person.details.recorded", "date_of_birth", "1990-10-01");
    write_(team, 2, "person.details.recorded", "date_of_birth", "1990-01-10");
    sync_all(team, 2);
    write_(team, 1, "conflict.settled", "what", "date_of_birth", "chosen", "1990-10-01");
    write_(team, 2, "conflict.settled", "what", "date_of_birth", "chosen", "1990-01-10");
    push(team, 2);
    push(team, 1);
    permute(team);
    team_free(team);
}

static void the_order_of_a_strike_and_what_it_uncovers(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo");
    struct happened *wrong = write_(team, 1, "person.details.recorded", "known_as", "Joe");
    struct happened *strike = write_(team, 1, "entry.struck", "of", id_hex(wrong, id), "why", "mistyped");
    sync_all(team, 2);
    write_(team, 2, "entry.struck", "of", id_hex(strike, id), "why", "it was right");
    write_(team, 1, "person.details.recorded", "known_as", "Joey");
    sync_all(team, 2);
    permute(team);
    team_free(team);
}

static void the_order_of_an_end_and_what_speaks_against_it(void **state)
{
    (void)state;
    struct team *team = team_new();
    write_(team, 1, "support.started");
    sync_all(team, 3);
    write_(team, 1, "support.ended", "agreed", "yes");
    write_(team, 2, "contact.recorded", "attendance", "5");
    write_(team, 3, "support.returned", "source", "B1");
    sync_all(team, 3);
    write_(team, 2, "conflict.settled", "what", "support", "chosen", "ended");
    push(team, 2);
    permute(team);
    team_free(team);
}

/* A laptop is copied: both go on with the same numbers, until one is told to begin a new incarnation and writes again
 * what the hub does not have. The hub was put back meanwhile, and has the first event twice. */
static void the_order_of_two_histories_and_what_is_written_again(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct happened *first = write_(team, 1, "person.details.recorded", "date_of_birth", "1990-01-01", "known_as", "J");
    push(team, 1);
    clone_laptop(team, 2, 1);
    write_(team, 1, "person.details.recorded", "date_of_birth", "1990-10-01");
    push(team, 1);
    hub_put_back(team);
    push_again(team, first);
    go_on(team, 2, 1);
    write_(team, 2, "person.details.recorded", "date_of_birth", "1990-01-10");
    write_(team, 2, "person.details.recorded", "known_as", "Jo");
    push(team, 2);
    permute(team);
    struct document *document = fold_all(team);
    assert_int_equal(to_settle(document), 1);
    assert_int_equal(record_reading(document, REG_date_of_birth)->values, 2); /* not the first one, which both knew */
    assert_int_equal(record_reading(document, REG_known_as)->values, 1);
    document_free(document);
    team_free(team);
}

/* A strike and what it strikes were both written again; somebody else had struck the first writing. */
static void the_order_of_strikes_of_what_was_written_again(void **state)
{
    (void)state;
    char id[65];
    struct team *team = team_new(), *whole = team_new();
    struct happened *wrong = write_(whole, 1, "person.details.recorded", "known_as", "Joe"); /* lost with its laptop */
    struct happened *strike = write_(whole, 1, "entry.struck", "of", id_hex(wrong, id), "why", "mistyped");
    wrong->event.id = (struct event_id){{1}}; /* no other team's */
    strike->event.id = (struct event_id){{2}};
    write_(team, 3, "person.introduced", "known_as", "Jo");
    go_on(team, 1, 0);
    written_again(write_(team, 1, "person.details.recorded", "known_as", "Joe"), wrong);
    written_again(write_(team, 1, "entry.struck", "of", id_hex(wrong, id), "why", "mistyped"), strike);
    struct document *document = fold_all(team);
    assert_int_equal(record_reading(document, REG_known_as)->values, 1);
    document_free(document);
    write_(team, 2, "entry.struck", "of", id_hex(strike, id), "why", "it was right");
    permute(team);
    document = fold_all(team);
    assert_int_equal(record_reading(document, REG_known_as)->values, 2);
    document_free(document);
    team_free(team);
    team_free(whole);
}

/* ---- random histories ---- */

static void every_type_in_random_orders(void **state)
{
    (void)state;
    for (size_t type = 0; type < catalogue_count(); type++)
        for (unsigned seed = 0; seed < 12; seed++) {
            dice_state = type * 1000 + seed;
            struct team *team = random_team(5 + dice(20), 2 + dice(3), catalogue_at(type)->name);
            shuffle_and_compare(team, 12);
            team_free(team);
        }
}

static void long_histories_in_random_orders(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < 4; seed++) {
        dice_state = 77 + seed;
        struct team *team = random_team(1000, LAPTOPS_MAX, NULL);
        shuffle_and_compare(team, 3);
        team_free(team);
    }
}

/* ---- positions, and what is not known ---- */

static void a_position_is_learnt_and_changes_what_stands(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct happened *mine = write_(team, 1, "person.details.recorded", "date_of_birth", "1990-01-01");
    push(team, 1);
    pull(team, 2);
    struct happened *theirs = write_(team, 2, "person.details.recorded", "date_of_birth", "1990-10-01");
    push(team, 2);
    struct document *document = document_new();
    struct fold_event early = mine->event;
    early.at = (struct position){0};
    assert_true(document_fold(document, &early));
    assert_true(document_fold(document, &theirs->event));
    assert_int_equal(to_settle(document), 1); /* as long as nobody says that mine was seen */
    assert_true(document_fold(document, &mine->event));
    assert_int_equal(to_settle(document), 0);
    document_free(document);
    team_free(team);
}

static void an_event_may_have_a_position_in_two_epochs(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct happened *first = write_(team, 1, "keyworker.agreed", "worker", "amy");
    push(team, 1);
    struct fold_event again = first->event; /* its receipt was lost with the hub, which then took it once more */
    again.at = (struct position){2, 1};
    struct happened *second = write_(team, 2, "keyworker.agreed", "worker", "bo");
    seen_advance(&second->event.seen, (struct position){2, 1});
    struct document *there = document_new(), *back = document_new();
    assert_true(document_fold(there, &first->event) && document_fold(there, &again));
    assert_true(document_fold(there, &second->event));
    assert_true(document_fold(back, &second->event) && document_fold(back, &again));
    assert_true(document_fold(back, &first->event));
    assert_int_equal(to_settle(there), 0);
    struct buffer a = encoded(there), b = encoded(back);
    assert_true(bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
    buffer_release(&a);
    buffer_release(&b);
    document_free(there);
    document_free(back);
    team_free(team);
}

static void against_all_rules_two_positions_in_one_epoch_still_give_one_document(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct fold_event event = write_(team, 1, "keyworker.agreed", "worker", "amy")->event, other = event;
    event.at = (struct position){1, 4};
    other.at = (struct position){1, 9};
    struct document *there = document_new(), *back = document_new();
    assert_true(document_fold(there, &event) && document_fold(there, &other));
    assert_true(document_fold(back, &other) && document_fold(back, &event));
    struct buffer a = encoded(there), b = encoded(back);
    assert_true(bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
    buffer_release(&a);
    buffer_release(&b);
    document_free(there);
    document_free(back);
    team_free(team);
}

static void what_is_not_recognised_is_counted_once(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct buffer fields = {0};
    mp_put_map(&fields, 2);
    mp_put_text(&fields, "text");
    mp_put_text(&fields, "with a photo");
    mp_put_text(&fields, "photo");
    mp_put_bin(&fields, "PNG!", 4);
    write_raw(team, 1, "note.added", fields);
    fields = (struct buffer){0};
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "minutes");
    mp_put_text(&fields, "an hour or so"); /* not a number */
    write_raw(team, 1, "contact.recorded", fields);
    fields = (struct buffer){0};
    mp_put_map(&fields, 0);
    write_raw(team, 1, "tea.made", fields);
    write_(team, 1, "note.added", "text", "plain");
    struct document *document = fold_all(team);
    for (size_t i = 0; i < team->count; i++)
        assert_true(document_fold(document, &team->events[i].event));
    assert_int_equal(document_not_recognised(document), 3);
    assert_int_equal(record_count(document), 3); /* the plain note needs no place */
    document_free(document);
    team_free(team);
}

/* Each strikes the one before, and the first one a note. It has to be decided from the far end, and at once: one laptop
 * that writes such a row must not keep the views of all the others busy. */
static void a_long_row_of_strikes_is_decided_at_once(void **state)
{
    (void)state;
    const size_t lengths[] = {1, 2, 3, 60000, 60001};
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
        struct document *document = document_new();
        struct event_id note = {{1}}, last = note;
        struct buffer fields = {0};
        for (size_t i = 1; i <= lengths[l]; i++) {
            buffer_clear(&fields);
            mp_put_map(&fields, 1);
            mp_put_text(&fields, "of");
            mp_put_bin(&fields, last.b, sizeof last.b);
            event_id_of(bytes_of(&last, sizeof last), &last); /* ids as they are: in no order */
            const struct event_body body = {.time = (uint64_t)i << 16, .type = bytes_str("entry.struck"),
                                            .has_subject = true, .subject = {{1}},
                                            .worker = bytes_str("ash"), .fields = buffer_bytes(&fields)};
            const struct fold_event event = {.incarnation = 1, .seq = i, .id = last, .body = &body};
            assert_true(document_fold(document, &event));
        }
        assert_int_equal(record_struck_by(document, &note) != NULL, lengths[l] % 2);
        buffer_release(&fields);
        document_free(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_order_of_a_register_and_its_settlement),
        cmocka_unit_test(the_order_of_a_strike_and_what_it_uncovers),
        cmocka_unit_test(the_order_of_an_end_and_what_speaks_against_it),
        cmocka_unit_test(the_order_of_two_histories_and_what_is_written_again),
        cmocka_unit_test(the_order_of_strikes_of_what_was_written_again),
        cmocka_unit_test(every_type_in_random_orders),
        cmocka_unit_test(long_histories_in_random_orders),
        cmocka_unit_test(a_position_is_learnt_and_changes_what_stands),
        cmocka_unit_test(an_event_may_have_a_position_in_two_epochs),
        cmocka_unit_test(against_all_rules_two_positions_in_one_epoch_still_give_one_document),
        cmocka_unit_test(what_is_not_recognised_is_counted_once),
        cmocka_unit_test(a_long_row_of_strikes_is_decided_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
