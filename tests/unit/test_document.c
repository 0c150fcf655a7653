/* SPDX-License-Identifier: Apache-2.0 */
/* The fold: one set of events gives one document, byte for byte, however it was delivered. */
#include "tests/unit/given_history.h"

/* ---- deliveries ---- */

/* A delivery: event index, and whether it comes as the writer's own, before it had a position, or at its second one. */
struct delivery {
    size_t event;
    enum { AT_ITS_PLACE, EARLY, AGAIN } how;
};

static struct buffer encoded(const struct document *document)
{
    struct buffer out = {0};
    document_encode(document, &out);
    assert_false(out.failed);
    return out;
}

static bool all_rows(void *context, const struct view_row *row)
{
    struct buffer *out = context;
    mp_put_uint(out, row->view);
    mp_put_uint(out, row->sort);
    mp_put_uint(out, row->sub);
    buffer_append(out, row->cells.data, row->cells.len);
    return true;
}

/* The document's bytes and then every row's: what must not depend on the order. */
static struct buffer outcome(const struct document *document)
{
    struct buffer out = encoded(document);
    assert_true(view_rows(document, &JO, all_rows, &out));
    assert_true(view_rows(document, &PERSON_ID_NONE, all_rows, &out));
    return out;
}

static void deliver(struct document *document, const struct team *team, struct delivery delivery)
{
    struct fold_event event = team->events[delivery.event].event;
    if (delivery.how == EARLY)
        event.at = (struct position){0};
    else if (delivery.how == AGAIN)
        event.at = team->events[delivery.event].again;
    assert_true(document_fold(document, &event));
}

static void assert_same_outcome(struct document *document, const struct buffer *expected)
{
    struct buffer got = outcome(document);
    if (got.len != expected->len || memcmp(got.data, expected->data, got.len) != 0)
        fail_msg("another order gave another document");
    buffer_release(&got);
}

static struct buffer expected_of(const struct team *team)
{
    struct document *document = fold_all(team);
    struct buffer expected = outcome(document);
    document_free(document);
    return expected;
}

static uint64_t dice_state;
static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % sides;
}

/* ---- every order of a few ---- */

static void every_order(struct document *document, const struct team *team, struct delivery *deliveries, size_t from,
                        size_t count, const struct buffer *expected)
{
    if (from == count) {
        document_clear(document);
        for (size_t i = 0; i < count; i++)
            deliver(document, team, deliveries[i]);
        assert_same_outcome(document, expected);
        return;
    }
    for (size_t i = from; i < count; i++) {
        struct delivery first = deliveries[i];
        deliveries[i] = deliveries[from];
        deliveries[from] = first;
        every_order(document, team, deliveries, from + 1, count, expected);
        deliveries[from] = deliveries[i];
        deliveries[i] = first;
    }
}

static void permute(const struct team *team)
{
    struct delivery deliveries[16];
    struct buffer expected = expected_of(team);
    struct document *document = document_new();
    assert_true(team->count <= 6);
    size_t count = 0;
    for (size_t i = 0; i < team->count; i++) {
        deliveries[count++] = (struct delivery){i, AT_ITS_PLACE};
        if (team->events[i].again.epoch > 0)
            deliveries[count++] = (struct delivery){i, AGAIN};
    }
    deliveries[count++] = (struct delivery){0, EARLY}; /* the first, before it had a position: twice in all */
    assert_true(count <= 8);
    every_order(document, team, deliveries, 0, count, &expected);
    document_free(document);
    buffer_release(&expected);
}

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
    assert_int_equal(document_to_settle(document), 1);
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

/* ---- random histories of every type ---- */

static void put_random_event(const struct team *team, struct buffer *out)
{
    static const uint8_t unknown[32] = {0xee};
    if (team->count == 0 || dice(8) == 0)
        mp_put_bin(out, unknown, sizeof unknown);
    else
        mp_put_bin(out, team->events[dice((uint32_t)team->count)].event.id.b, 32);
}

static void put_random(const struct team *team, struct buffer *out, enum field_kind kind, const struct code_list *codes)
{
    static const char *const words[] = {"Jo", "Joey", "", "Samira", "text only"};
    static const char *const days[] = {"1990-01-01", "1990-10-01", "2026-11-30"};
    static const char *const numbers[] = {"9434765919", "9876543210"};
    static const char *const hexes[] = {"00112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"};
    char worker[8];
    switch (kind) {
    case KIND_TEXT:
    case KIND_PLACE:
    case KIND_VALUE: mp_put_text(out, words[dice(5)]); break;
    case KIND_SITE: mp_put_text(out, dice(2) ? "dales" : "salford"); break;
    case KIND_SCHEDULE: mp_put_text(out, dice(2) ? "mon-fri 09:00-17:00" : "daily 10:00-12:00"); break;
    case KIND_BYTES: mp_put_bin(out, "\xc0", 1); break;
    case KIND_CODE: mp_put_text(out, codes->codes[dice((uint32_t)codes->count)].code); break;
    case KIND_NUMBER:
    case KIND_DURATION:
    case KIND_TIME: mp_put_int(out, dice(100)); break;
    case KIND_DATE: mp_put_text(out, days[dice(3)]); break;
    case KIND_YESNO: mp_put_bool(out, dice(2)); break;
    case KIND_WORKER:
        snprintf(worker, sizeof worker, "w%u", 1 + dice(4));
        mp_put_text(out, worker);
        break;
    case KIND_PERSON: mp_put_bin(out, JO.b, sizeof JO.b); break;
    case KIND_EVENT: put_random_event(team, out); break;
    case KIND_NHS: mp_put_text(out, numbers[dice(2)]); break;
    case KIND_HEX: mp_put_text(out, hexes[dice(2)]); break;
    }
}

/* Fields as some laptop may write them, now and then with one that this version does not know. */
static void put_random_fields(const struct team *team, const struct type_def *type, struct buffer *out)
{
    struct buffer body = {0};
    const struct register_def *settled = NULL;
    uint32_t count = 0;
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field_def *field = &type->fields[i];
        if (!field->required && dice(2))
            continue;
        size_t from = body.len;
        mp_put_text(&body, field->name);
        if (field->list)
            mp_put_array(&body, 1);
        size_t value = body.len;
        if (field->kind == KIND_VALUE && settled)
            put_random(team, &body, settled->kind, settled->codes);
        else
            put_random(team, &body, field->kind, field->codes);
        if (field->codes == &codes_what)
            settled = register_def_find(bytes_of(body.data + value + 1, body.len - value - 1));
        assert_true(body.len > from);
        count++;
    }
    if (dice(20) == 0) {
        mp_put_text(&body, "colour");
        mp_put_text(&body, "green");
        count++;
    }
    mp_put_map(out, count);
    buffer_append(out, body.data, body.len);
    buffer_release(&body);
}

static const char *random_type(void)
{
    uint32_t which = dice((uint32_t)catalogue_count() + 1);
    return which == catalogue_count() ? "tea.made" : catalogue_at(which)->name;
}

/* What happens now and then: the hub is put back and gets some events twice; a laptop finds that it was set back or
 * copied, and goes on; one becomes a copy of another, and nobody has noticed yet. */
static void random_mishap(struct team *team, unsigned laptops)
{
    unsigned who = 1 + dice(laptops), other = 1 + dice(laptops);
    switch (dice(50)) {
    case 0:
        hub_put_back(team);
        for (size_t i = 0; i < team->count; i++)
            if (dice(4) == 0)
                push_again(team, &team->events[i]);
        break;
    case 1: go_on(team, who, dice((uint32_t)team->laptops[who - 1].seq + 1)); break;
    case 2: clone_laptop(team, who, other); break;
    default: break;
    }
}

/* Laptops write, share and read in any order. */
static struct team *random_team(size_t events, unsigned laptops, const char *only)
{
    struct team *team = team_new();
    while (team->count < events) {
        unsigned who = 1 + dice(laptops);
        uint32_t what = dice(10);
        if (what < 6) {
            const char *name = only && dice(3) ? only : random_type();
            const struct type_def *type = catalogue_find(bytes_str(name));
            struct buffer fields = {0};
            if (type)
                put_random_fields(team, type, &fields);
            else
                mp_put_map(&fields, 0);
            struct happened *happened = write_raw(team, who, name, fields);
            if (dice(4) == 0)
                happened_at(happened, NOON - DAY * dice(9));
            if (happened->event.incarnation > 1 && dice(4) == 0)
                written_again(happened, &team->events[dice((uint32_t)team->count)]);
        } else if (what < 8) {
            push(team, who);
        } else if (what < 9) {
            pull(team, who);
        } else {
            team->laptops[who - 1].clock += (int64_t)dice(5) * HOUR - HOUR; /* clocks go wrong, too */
        }
        if (team->epoch < SEEN_MAX)
            random_mishap(team, laptops);
    }
    for (unsigned i = 1; i <= laptops; i++)
        push(team, i);
    return team;
}

/* Some orders of the same deliveries, each event one to three times, at first perhaps without its position. */
static void shuffle_and_compare(const struct team *team, unsigned orders)
{
    struct delivery *deliveries = calloc(team->count * 4, sizeof *deliveries);
    struct buffer expected = expected_of(team);
    struct document *document = document_new();
    for (unsigned order = 0; order < orders; order++) {
        size_t count = 0;
        for (size_t i = 0; i < team->count; i++) {
            deliveries[count++] = (struct delivery){i, AT_ITS_PLACE};
            if (team->events[i].again.epoch > 0)
                deliveries[count++] = (struct delivery){i, AGAIN};
            for (uint32_t more = dice(3); more > 0; more--)
                deliveries[count++] = (struct delivery){i, dice(2) ? EARLY : AT_ITS_PLACE};
        }
        for (size_t i = count - 1; i > 0; i--) {
            size_t other = dice((uint32_t)i + 1);
            struct delivery moved = deliveries[i];
            deliveries[i] = deliveries[other];
            deliveries[other] = moved;
        }
        document_clear(document);
        for (size_t i = 0; i < count; i++) {
            deliver(document, team, deliveries[i]);
            if (dice(50) == 0) { /* the projector puts it away and takes it up again */
                struct buffer away = encoded(document);
                assert_true(document_decode(document, buffer_bytes(&away)));
                buffer_release(&away);
            }
        }
        assert_same_outcome(document, &expected);
    }
    document_free(document);
    buffer_release(&expected);
    free(deliveries);
}

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
    assert_int_equal(document_to_settle(document), 1); /* as long as nobody says that mine was seen */
    assert_true(document_fold(document, &mine->event));
    assert_int_equal(document_to_settle(document), 0);
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
    assert_int_equal(document_to_settle(there), 0);
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
