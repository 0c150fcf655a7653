/* SPDX-License-Identifier: Apache-2.0 */
/* person.erased: its fields come back as they were put, and what is no sound erasure is none. */
#include "tests/unit/given.h"

#include "proto/domain/catalogue.h"
#include "proto/domain/erasure.h"

static const struct person_id jo = {{1, 2, 3}};

static struct event_body body_of(const struct buffer *fields)
{
    return (struct event_body){.type = bytes_str(ERASURE_TYPE), .worker = bytes_str("hub"),
                               .fields = buffer_bytes(fields)};
}

static void what_is_put_is_read(void **state)
{
    (void)state;
    struct key_id keys[3] = {{{7}}, {{8}}, {{9}}};
    for (size_t count = 0; count <= 3; count++) {
        struct buffer fields = {0};
        const struct erasure put = {jo, bytes_str("letter of 3 March"), bytes_of(keys, count * sizeof *keys)};
        struct erasure got;
        erasure_put(&put, &fields);
        struct event_body body = body_of(&fields);
        assert_true(erasure_read(&body, &got));
        assert_true(person_id_equal(&got.person, &jo));
        assert_true(bytes_is(got.basis, "letter of 3 March"));
        assert_int_equal(erasure_key_count(&got), count);
        for (size_t i = 0; i < count; i++) {
            struct key_id key = erasure_key(&got, i);
            assert_memory_equal(&key, &keys[i], sizeof key);
        }
        buffer_release(&fields);
    }
}

static void the_catalogue_has_its_fields(void **state)
{
    (void)state;
    const struct type_def *type = catalogue_find(bytes_str(ERASURE_TYPE));
    assert_non_null(type);
    assert_int_equal(type->writer, BY_HUB);
    assert_int_equal(type->about, ABOUT_SITE);
    assert_int_equal(catalogue_field(type, bytes_str("person"))->kind, KIND_PERSON);
    assert_int_equal(catalogue_field(type, bytes_str("keys"))->kind, KIND_BYTES);
    assert_true(catalogue_field(type, bytes_str("basis"))->required);
}

/* Fields with these values; a key list of so many bytes. */
static bool reads(const struct person_id *person, size_t key_bytes, bool later)
{
    static const uint8_t bytes[20000];
    struct buffer fields = {0};
    struct erasure got;
    mp_put_map(&fields, later ? 4 : 3);
    mp_put_text(&fields, "person");
    mp_put_bin(&fields, person->b, sizeof person->b);
    mp_put_text(&fields, "basis");
    mp_put_text(&fields, "x");
    if (later) {
        mp_put_text(&fields, "what a later version says");
        mp_put_uint(&fields, 1);
    }
    mp_put_text(&fields, "keys");
    mp_put_bin(&fields, bytes, key_bytes);
    struct event_body body = body_of(&fields);
    bool sound = erasure_read(&body, &got);
    buffer_release(&fields);
    return sound;
}

static void what_is_not_sound_erases_nobody(void **state)
{
    (void)state;
    struct erasure got;
    struct buffer fields = {0};
    assert_true(reads(&jo, 32, false));
    assert_true(reads(&jo, 32, true));
    assert_false(reads(&PERSON_ID_NONE, 32, false));
    assert_false(reads(&jo, 33, false));
    assert_true(reads(&jo, ERASURE_KEYS_MAX * sizeof(struct key_id), false));
    assert_false(reads(&jo, (ERASURE_KEYS_MAX + 1) * sizeof(struct key_id), false));
    const struct erasure put = {jo, bytes_str("x"), {0}};
    erasure_put(&put, &fields);
    struct event_body body = body_of(&fields);
    assert_true(erasure_read(&body, &got));
    body.has_subject = true; /* it is about the site */
    body.subject = jo;
    assert_false(erasure_read(&body, &got));
    body = body_of(&fields);
    body.type = bytes_str("note.added");
    assert_false(erasure_read(&body, &got));
    for (size_t len = 0; len < fields.len; len++) {
        body = body_of(&fields);
        body.fields.len = len;
        assert_false(erasure_read(&body, &got));
    }
    buffer_release(&fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_read),
        cmocka_unit_test(the_catalogue_has_its_fields),
        cmocka_unit_test(what_is_not_sound_erases_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
