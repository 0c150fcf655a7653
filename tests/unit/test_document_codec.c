/* SPDX-License-Identifier: Apache-2.0 */
/* A document's bytes: there and back, and what is no document. */
#include "tests/unit/given_history.h"

static struct buffer encoded(const struct document *document)
{
    struct buffer out = {0};
    document_encode(document, &out);
    assert_false(out.failed);
    return out;
}

static bool look(void *context, const struct view_row *row)
{
    *(size_t *)context += row->cells.len;
    return true;
}

static struct team *some_team(void)
{
    struct team *team = team_new();
    write_(team, 1, "person.introduced", "known_as", "Jo", "source", "Q1", "own_words", "I need a hand with the rent");
    happened_at(write_(team, 1, "contact.recorded", "attendance", "5"), NOON - DAY);
    sync_all(team, 2);
    hub_put_back(team);
    push_again(team, &team->events[0]);
    go_on(team, 2, 0);
    go_on(team, 2, 7); /* as if it had written seven more of other people */
    write_(team, 2, "team.joined", "worker", "amy");
    for (unsigned i = 0; i < 2 * BRANCHES_MAX; i++)
        go_on(team, 2, UINT64_MAX - i);
    written_again(write_(team, 2, "support.started"), &team->events[0]);
    write_(team, 2, "conflict.settled", "what", "support", "chosen", "ended");
    return team;
}

static void assert_same_mark(const struct site_mark *a, const struct site_mark *b)
{
    assert_true(a->site == b->site && a->epoch == b->epoch && a->n == b->n);
}

static void assert_same_stamp(const struct stamp *a, const struct stamp *b)
{
    assert_true(device_id_equal(&a->device, &b->device) && event_id_equal(&a->id, &b->id));
    assert_true(a->home == b->home && a->incarnation == b->incarnation && a->seq == b->seq && a->time == b->time);
    assert_int_equal(a->at.count, b->at.count);
    for (uint32_t i = 0; i < a->at.count; i++)
        assert_same_mark(&a->at.at[i], &b->at.at[i]);
    assert_int_equal(a->seen.count, b->seen.count);
    for (uint32_t i = 0; i < a->seen.count; i++)
        assert_same_mark(&a->seen.at[i], &b->seen.at[i]);
    assert_int_equal(a->after.count, b->after.count);
    for (uint32_t i = 0; i < a->after.count; i++)
        assert_true(a->after.at[i].incarnation == b->after.at[i].incarnation &&
                    a->after.at[i].seq == b->after.at[i].seq);
}

static void what_is_written_is_read_and_written_the_same(void **state)
{
    (void)state;
    struct team *team = some_team();
    struct document *document = fold_all(team), *other = document_new();
    struct buffer first = encoded(document);
    assert_true(document_decode(other, buffer_bytes(&first)));
    assert_int_equal(record_count(other), team->count);
    struct buffer second = encoded(other);
    assert_true(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
    size_t after = 0, written_again_too = 0;
    for (size_t i = 0; i < team->count; i++) {
        assert_same_stamp(&record_at(document, i)->stamp, &record_at(other, i)->stamp);
        assert_true(event_id_equal(&record_at(document, i)->name, &record_at(other, i)->name));
        written_again_too += !event_id_equal(&record_at(other, i)->name, &record_at(other, i)->stamp.id);
        after += record_at(other, i)->stamp.after.count;
    }
    assert_int_equal(after, 1 + 2 * BRANCHES_MAX);
    assert_int_equal(written_again_too, 1);
    char *rows = rows_text(document, VIEW_FRONT_DOOR, &JO), *again = rows_text(other, VIEW_FRONT_DOOR, &JO);
    assert_string_equal(rows, again);
    free(rows);
    free(again);
    buffer_release(&first);
    buffer_release(&second);
    document_free(document);
    document_free(other);
    team_free(team);
}

/* As many positions as an item keeps, as many epochs seen and as many branches as an event may have. */
static void the_largest_stamp_has_room(void **state)
{
    (void)state;
    struct team *team = team_new();
    struct document *document = document_new(), *other = document_new();
    for (uint32_t epoch = 1; epoch <= SEEN_MAX; epoch++)
        seen_advance(&team->laptops[0].seen, (struct position){epoch, UINT64_MAX});
    for (unsigned i = 0; i < BRANCHES_MAX; i++)
        go_on(team, 1, UINT64_MAX);
    struct fold_event event = write_(team, 1, "support.started")->event;
    for (uint32_t epoch = 400; epoch > 0; epoch--) {
        event.at = (struct position){epoch, UINT64_MAX};
        assert_true(document_fold(document, &event));
    }
    struct buffer out = encoded(document);
    assert_true(document_decode(other, buffer_bytes(&out)));
    assert_same_stamp(&record_at(document, 0)->stamp, &record_at(other, 0)->stamp);
    assert_int_equal(record_at(other, 0)->stamp.at.count, 255);
    assert_int_equal(record_at(other, 0)->stamp.after.count, BRANCHES_MAX);
    buffer_release(&out);
    document_free(document);
    document_free(other);
    team_free(team);
}

static void an_empty_document_has_bytes_too(void **state)
{
    (void)state;
    struct document *document = document_new();
    struct buffer out = encoded(document);
    assert_true(document_decode(document, buffer_bytes(&out)));
    assert_int_equal(record_count(document), 0);
    assert_false(document_decode(document, bytes_of(NULL, 0)));
    buffer_release(&out);
    document_free(document);
}

static void bytes_that_are_no_document_are_refused(void **state)
{
    (void)state;
    struct team *team = some_team();
    struct document *document = fold_all(team), *other = document_new();
    struct buffer whole = encoded(document);
    size_t seen = 0;
    for (size_t len = 0; len < whole.len; len++) {
        assert_false(document_decode(other, bytes_of(whole.data, len)));
        assert_int_equal(record_count(other), 0);
    }
    for (size_t i = 0; i < whole.len; i++) { /* a changed byte is refused or read, but never out of bounds */
        uint8_t kept = whole.data[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            whole.data[i] = (uint8_t)(kept ^ 1u << bit);
            if (document_decode(other, buffer_bytes(&whole)))
                assert_true(view_rows(other, &JO, look, &seen));
        }
        whole.data[i] = kept;
    }
    buffer_append(&whole, "\xc0", 1);
    assert_false(document_decode(other, buffer_bytes(&whole))); /* something follows */
    buffer_release(&whole);
    document_free(document);
    document_free(other);
    team_free(team);
}

/* One set, one form: items out of order, or twice, are no document. */
static void items_out_of_order_are_refused(void **state)
{
    (void)state;
    const size_t header = 13;
    struct team *team = team_new();
    struct document *document = document_new(), *other = document_new();
    assert_true(document_fold(document, &write_(team, 1, "support.started")->event));
    assert_true(document_fold(other, &write_(team, 1, "support.ended")->event));
    struct buffer first = encoded(document), second = encoded(other), whole = {0};
    const struct buffer *const orders[][2] = {{&first, &second}, {&second, &first}, {&first, &first}};
    for (size_t i = 0; i < 3; i++) {
        buffer_clear(&whole);
        buffer_append(&whole, first.data, header - 1);
        buffer_append_byte(&whole, 2); /* items */
        for (size_t k = 0; k < 2; k++)
            buffer_append(&whole, orders[i][k]->data + header, orders[i][k]->len - header);
        assert_int_equal(document_decode(document, buffer_bytes(&whole)), i == 0);
    }
    buffer_release(&first);
    buffer_release(&second);
    buffer_release(&whole);
    document_free(document);
    document_free(other);
    team_free(team);
}

static void a_document_of_another_version_is_refused(void **state)
{
    (void)state;
    struct team *team = some_team();
    struct document *document = fold_all(team);
    struct buffer whole = encoded(document);
    uint8_t *version = memchr(whole.data, 0xc4, whole.len); /* the first bin: document_version */
    assert_non_null(version);
    version[2] ^= 1;
    assert_false(document_decode(document, buffer_bytes(&whole)));
    buffer_release(&whole);
    document_free(document);
    team_free(team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read_and_written_the_same),
        cmocka_unit_test(the_largest_stamp_has_room),
        cmocka_unit_test(an_empty_document_has_bytes_too),
        cmocka_unit_test(bytes_that_are_no_document_are_refused),
        cmocka_unit_test(items_out_of_order_are_refused),
        cmocka_unit_test(a_document_of_another_version_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
