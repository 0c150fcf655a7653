/* SPDX-License-Identifier: Apache-2.0 */
/* Frames arrive in pieces, drafts say nothing that is not known, and an error always gets through. */
#include "proto/control.h"
#include "tests/unit/given.h"

static struct mp_reader reader;

static void every_verb_is_found_by_its_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CONTROL_VERB_COUNT; i++) {
        enum control_verb found = CONTROL_VERB_COUNT;
        assert_true(control_verb_find(bytes_str(control_verb_name((enum control_verb)i)), &found));
        assert_int_equal(found, i);
    }
    enum control_verb none;
    assert_string_equal(control_verb_name(CONTROL_HUB_INVITE), "hub.invite");
    assert_string_equal(control_verb_name(CONTROL_VERB_COUNT), "");
    assert_false(control_verb_find(bytes_str(""), &none));
    assert_false(control_verb_find(bytes_str("recor"), &none));
    assert_false(control_verb_find(bytes_str("records"), &none));
}

static void a_frame_arrives_byte_by_byte(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct bytes payload;
    buffer_append(&b, "before", 6);
    size_t begin = control_frame_begin(&b);
    control_put_data(&b);
    mp_put_uint(&b, 7);
    control_frame_end(&b, begin);
    assert_hex(bytes_of(b.data + begin, b.len - begin), "0000000791a46461746107");
    struct bytes frame = bytes_of(b.data + begin, b.len - begin);
    for (size_t len = 0; len < frame.len; len++)
        assert_int_equal(control_frame_parse(bytes_of(frame.data, len), &payload), 0);
    assert_int_equal(control_frame_parse(frame, &payload), frame.len);
    assert_int_equal(payload.len, frame.len - 4);
    assert_ptr_equal(payload.data, frame.data + 4);
    buffer_append(&b, "next", 4);
    assert_int_equal(control_frame_parse(bytes_of(b.data + begin, b.len - begin), &payload), 11);
    buffer_release(&b);
}

static void frames_have_a_limit(void **state)
{
    (void)state;
    struct bytes payload;
    struct buffer b = {0};
    assert_true(control_frame_parse(bytes_of("\x00\x40\x00\x01", 4), &payload) == SIZE_MAX); /* at once */
    assert_true(control_frame_parse(bytes_of("\xff\xff\xff\xff", 4), &payload) == SIZE_MAX);
    assert_int_equal(control_frame_parse(bytes_of("\x00\x40\x00\x00", 4), &payload), 0);
    assert_int_equal(control_frame_parse(bytes_of("\x00\x00\x00\x00", 4), &payload), 4);
    assert_int_equal(payload.len, 0);
    for (size_t extra = 0; extra < 2; extra++) {
        buffer_clear(&b);
        size_t begin = control_frame_begin(&b), len = CONTROL_FRAME_MAX + extra;
        assert_true(buffer_reserve(&b, len));
        memset(b.data + b.len, 0, len);
        b.len += len;
        control_frame_end(&b, begin);
        assert_int_equal(b.failed, extra);
        if (!extra)
            assert_int_equal(control_frame_parse(buffer_bytes(&b), &payload), CONTROL_FRAME_MAX + 4);
    }
    control_frame_end(&b, 0); /* of a buffer that failed: nothing happens */
    buffer_release(&b);
}

static void heads_of_frames(void **state)
{
    (void)state;
    struct buffer b = {0};
    control_put_request(&b, CONTROL_LOG, 2);
    assert_hex(buffer_bytes(&b), "92a36c6f6782");
    buffer_clear(&b);
    control_put_progress(&b, 5, 300, "folding");
    assert_hex(buffer_bytes(&b), "94a870726f677265737305cd012ca7666f6c64696e67");
    buffer_clear(&b);
    control_put_end(&b, 0);
    assert_hex(buffer_bytes(&b), "92a3656e6480");
    buffer_clear(&b);
    control_put_error(&b, FELLOE_INTERRUPTED, "Stopped.");
    assert_hex(buffer_bytes(&b), "93a56572726f72cc82a853746f707065642e");
    buffer_release(&b);
}

static void an_error_gets_through_in_any_encoding(void **state)
{
    (void)state;
    struct buffer b = {0};
    control_put_error(&b, FELLOE_NOT_FOUND, "No file caf\xe9.");
    mp_reader_init(&reader, buffer_bytes(&b));
    assert_true(mp_next(&reader));
    assert_int_equal(mp_array(&reader, 3, 3), 3);
    assert_true(bytes_is(mp_str(&reader, 0, 10), "error"));
    assert_int_equal(mp_uint(&reader, 200), FELLOE_NOT_FOUND);
    assert_true(bytes_is(mp_str(&reader, 0, 500), "No file caf."));
    assert_true(mp_done(&reader));
    buffer_release(&b);
}

static struct control_draft full_draft(void)
{
    return (struct control_draft){
        .type = bytes_str("note.added"), .site = bytes_str("dale"), .person = bytes_str("Robin"),
        .worker = bytes_str("ash-grey"), .has_occurred = true, .occurred = -5, .source = bytes_str("urn:example"),
        .origin = bytes_str("42"), .subject = bytes_str("robin-7"), .fields = bytes_str("\x81\xa4" "text\xa2hi")};
}

static bool reads(struct bytes in, struct control_draft *out)
{
    mp_reader_init(&reader, in);
    return mp_next(&reader) && control_read_draft(&reader, out) && mp_done(&reader);
}

static void a_draft_goes_both_ways(void **state)
{
    (void)state;
    const struct control_draft full = full_draft(), least = {.type = bytes_str("note.added")};
    struct control_draft back;
    struct buffer b = {0};
    control_put_draft(&b, &full);
    assert_true(reads(buffer_bytes(&b), &back));
    assert_true(bytes_equal(back.type, full.type) && bytes_equal(back.site, full.site));
    assert_true(bytes_equal(back.person, full.person) && bytes_equal(back.worker, full.worker));
    assert_true(bytes_equal(back.source, full.source) && bytes_equal(back.origin, full.origin));
    assert_true(bytes_equal(back.subject, full.subject) && bytes_equal(back.fields, full.fields));
    assert_true(back.has_occurred && back.occurred == -5);
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, b.data, len);
        assert_false(reads(bytes_of(exact, len), &back));
        free(exact);
    }
    buffer_clear(&b);
    control_put_draft(&b, &least);
    assert_hex(buffer_bytes(&b), "81a474797065aa6e6f74652e6164646564");
    assert_true(reads(buffer_bytes(&b), &back));
    assert_false(back.has_occurred);
    assert_int_equal(back.site.len + back.person.len + back.worker.len + back.origin.len, 0);
    assert_true(bytes_is(back.fields, "\x80")); /* an empty map */
    buffer_release(&b);
}

static void a_draft_that_is_not_understood_is_refused(void **state)
{
    (void)state;
    static const struct { bool ok; const char *hex; } some[] = {
        {true, "81a474797065a174"},
        {false, "80"},                                       /* no type */
        {false, "90"},
        {false, "81a474797065a0"},
        {false, "81a47479706507"},
        {false, "82a474797065a174a474797065a174"},           /* twice */
        {false, "82a474797065a174a5636f6c6f75a172"},         /* a key that nobody knows */
        {false, "82a474797065a174" "07a174"},
        {true, "82a474797065a174a8" "6f63637572726564" "05"},
        {false, "83a474797065a174a8" "6f63637572726564" "05a8" "6f63637572726564" "05"},
        {false, "82a474797065a174a8" "6f63637572726564" "a135"},
        {true, "82a474797065a174a6" "6669656c6473" "c40180"},
        {false, "82a474797065a174a6" "6669656c6473" "80"},   /* the map itself */
        {false, "82a474797065a174a6" "6669656c6473" "c400"},
        {false, "82a6" "6669656c6473" "c40180a474797065a174"}, /* not last */
    };
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        struct buffer b = given_buffer(some[i].hex);
        struct control_draft draft;
        assert_int_equal(reads(buffer_bytes(&b), &draft), some[i].ok);
        buffer_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_verb_is_found_by_its_name),
        cmocka_unit_test(a_frame_arrives_byte_by_byte),
        cmocka_unit_test(frames_have_a_limit),
        cmocka_unit_test(heads_of_frames),
        cmocka_unit_test(an_error_gets_through_in_any_encoding),
        cmocka_unit_test(a_draft_goes_both_ways),
        cmocka_unit_test(a_draft_that_is_not_understood_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
