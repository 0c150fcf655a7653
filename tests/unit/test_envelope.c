/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of entries for another team's log: what is put into them comes out, and nothing else is taken for one. */
#include "tests/unit/given.h"

#include "proto/domain/catalogue.h"
#include "proto/domain/envelope.h"

static struct event_body body_of(struct buffer *fields)
{
    return (struct event_body){.type = bytes_str(ENVELOPE_TYPE), .has_subject = true, .subject = {{7}},
                               .worker = bytes_str("hub"), .fields = buffer_bytes(fields)};
}

static struct envelope some(void)
{
    return (struct envelope){.event = bytes_str("the original's bytes"), .from = bytes_str("dale-east"),
                             .at = {2, 15}, .part = 1, .parts = 1};
}

static void what_is_put_in_comes_out(void **state)
{
    (void)state;
    struct buffer fields = {0}, saw = {0}, memory = {0};
    struct envelope in = some(), out;
    struct marks marks;
    envelope_put_mark(&saw, &(struct site_mark){10, 1, 300});
    envelope_put_mark(&saw, &(struct site_mark){12, 3, UINT64_MAX});
    in.saw = buffer_bytes(&saw);
    envelope_put(&in, &fields);
    struct event_body body = body_of(&fields);
    assert_true(envelope_read(&body, &out));
    assert_true(bytes_equal(in.event, out.event) && bytes_equal(in.from, out.from));
    assert_true(out.at.epoch == 2 && out.at.n == 15 && out.part == 1 && out.parts == 1);
    assert_true(envelope_marks(out.saw, &memory, &marks));
    assert_int_equal(marks.count, 2);
    assert_true(marks.at[0].site == (10 | MARK_APART) && marks.at[0].epoch == 1 && marks.at[0].n == 300);
    assert_true(marks.at[1].site == (12 | MARK_APART) && marks.at[1].epoch == 3 && marks.at[1].n == UINT64_MAX);
    buffer_release(&fields);
    buffer_release(&saw);
    buffer_release(&memory);
}

/* Every field that is written is the catalogue's, and of its kind; the required ones are there. */
static void the_catalogue_knows_its_fields(void **state)
{
    (void)state;
    static struct mp_reader r;
    const struct type_def *type = catalogue_find(bytes_str(ENVELOPE_TYPE));
    struct buffer fields = {0}, saw = {0};
    struct envelope in = some();
    uint32_t required = 0;
    assert_non_null(type);
    assert_int_equal(type->writer, BY_HUB);
    envelope_put_mark(&saw, &(struct site_mark){10, 1, 300});
    in.saw = buffer_bytes(&saw);
    in.parts = 2;
    envelope_put(&in, &fields);
    mp_reader_init(&r, buffer_bytes(&fields));
    assert_true(mp_next(&r));
    for (uint32_t i = 0, n = mp_map(&r, 16); i < n; i++) {
        const struct field_def *field = catalogue_field(type, mp_str(&r, 1, 20));
        assert_non_null(field);
        assert_true(field_kind_fits(field->kind, mp_peek(&r)));
        required += field->required;
        mp_skip(&r);
    }
    assert_true(mp_done(&r));
    for (size_t i = 0; i < type->field_count; i++)
        required -= type->fields[i].required;
    assert_int_equal(required, 0);
    buffer_release(&fields);
    buffer_release(&saw);
}

static void a_long_original_goes_into_parts(void **state)
{
    (void)state;
    static uint8_t original[EVENT_SIZE_MAX], again[EVENT_SIZE_MAX];
    for (size_t i = 0; i < sizeof original; i++)
        original[i] = (uint8_t)(i * 7 + i / 251);
    assert_int_equal(envelope_parts(ENVELOPE_WHOLE_MAX), 1);
    for (size_t len = ENVELOPE_WHOLE_MAX + 1; len <= EVENT_SIZE_MAX; len += len < EVENT_SIZE_MAX - 2000 ? 1777 : 1) {
        uint32_t parts = envelope_parts(len);
        size_t at = 0;
        assert_true(parts > 1 && parts <= ENVELOPE_PARTS_MAX);
        for (uint32_t part = 1; part <= parts; part++) {
            struct bytes piece = envelope_piece(bytes_of(original, len), part, parts);
            assert_true(piece.len > 0 && piece.len <= ENVELOPE_WHOLE_MAX);
            memcpy(again + at, piece.data, piece.len);
            at += piece.len;
        }
        assert_int_equal(at, len);
        assert_memory_equal(original, again, len);
    }
}

static void what_is_unsound_is_none(void **state)
{
    (void)state;
    struct envelope out;
    const struct envelope wrong[] = {
        {.event = bytes_str(""), .from = bytes_str("dale"), .at = {1, 1}, .part = 1, .parts = 1},
        {.event = bytes_str("x"), .from = bytes_str("Dale East"), .at = {1, 1}, .part = 1, .parts = 1},
        {.event = bytes_str("x"), .from = bytes_str("dale"), .at = {0, 1}, .part = 1, .parts = 1},
        {.event = bytes_str("x"), .from = bytes_str("dale"), .at = {1, 0}, .part = 1, .parts = 1},
        {.event = bytes_str("x"), .from = bytes_str("dale"), .at = {1, 1}, .part = 0, .parts = 2},
        {.event = bytes_str("x"), .from = bytes_str("dale"), .at = {1, 1}, .part = 3, .parts = 2},
        {.event = bytes_str("x"), .from = bytes_str("dale"), .at = {1, 1}, .part = 1, .parts = 9},
        {.event = bytes_str("x"), .from = bytes_str("dale"), .at = {1, 1}, .part = 1, .parts = 1,
         .saw = bytes_str("not sixteen")},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct buffer fields = {0};
        envelope_put(&wrong[i], &fields);
        struct event_body body = body_of(&fields);
        assert_false(envelope_read(&body, &out));
        buffer_release(&fields);
    }
    struct buffer fields = {0};
    struct envelope in = some();
    envelope_put(&in, &fields);
    struct event_body body = body_of(&fields);
    assert_true(envelope_read(&body, &out));
    body.has_subject = false;
    assert_false(envelope_read(&body, &out));
    body.has_subject = true;
    body.type = bytes_str("note.added");
    assert_false(envelope_read(&body, &out));
    body.type = bytes_str(ENVELOPE_TYPE);
    for (size_t len = 0; len < fields.len; len++) {
        body.fields = bytes_of(fields.data, len);
        assert_false(envelope_read(&body, &out));
    }
    buffer_release(&fields);
}

static void a_site_has_one_tag_and_it_is_even(void **state)
{
    (void)state;
    assert_int_equal(site_tag(bytes_str("dale-east")), site_tag(bytes_str("dale-east")));
    assert_int_not_equal(site_tag(bytes_str("dale-east")), site_tag(bytes_str("dale-west")));
    assert_int_equal(site_tag(bytes_str("dale-east")) & MARK_APART, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_in_comes_out),
        cmocka_unit_test(the_catalogue_knows_its_fields),
        cmocka_unit_test(a_long_original_goes_into_parts),
        cmocka_unit_test(what_is_unsound_is_none),
        cmocka_unit_test(a_site_has_one_tag_and_it_is_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
