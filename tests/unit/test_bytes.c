/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers grow, fail once and stay failed; ranges become C strings only when they fit. */
#define GIVEN_FAILING_REALLOC
#include "tests/unit/given.h"

static void a_buffer_grows_and_keeps_its_bytes(void **state)
{
    (void)state;
    struct buffer b = {0};
    for (unsigned i = 0; i < 10000; i++)
        buffer_append_byte(&b, (uint8_t)i);
    buffer_append(&b, "tail", 4);
    buffer_append(&b, NULL, 0);
    assert_false(b.failed);
    assert_int_equal(b.len, 10004);
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(b.data[i], (uint8_t)i);
    assert_memory_equal(b.data + 10000, "tail", 4);

    const uint8_t *memory = b.data;
    buffer_clear(&b);
    assert_int_equal(b.len, 0);
    buffer_append(&b, "x", 1);
    assert_ptr_equal(b.data, memory);

    buffer_release(&b);
    assert_null(b.data);
    assert_int_equal(b.cap, 0);
    buffer_append(&b, "again", 5);
    assert_true(bytes_is(buffer_bytes(&b), "again"));
    buffer_release(&b);
}

static void a_buffer_reserves_what_is_asked(void **state)
{
    (void)state;
    struct buffer b = {0};
    assert_true(buffer_reserve(&b, 0));
    assert_true(buffer_reserve(&b, 100000));
    assert_true(b.cap >= 100000);
    const uint8_t *memory = b.data;
    for (unsigned i = 0; i < 100000; i++)
        buffer_append_byte(&b, 1);
    assert_ptr_equal(b.data, memory);
    buffer_release(&b);
}

static void sizes_that_cannot_be_are_failures(void **state)
{
    (void)state;
    struct buffer b = {0};
    buffer_append(&b, "ab", 2);
    assert_false(buffer_reserve(&b, SIZE_MAX));
    assert_true(b.failed);
    buffer_append(&b, "c", 1);
    assert_true(bytes_is(buffer_bytes(&b), "ab"));
    buffer_clear(&b);
    assert_false(b.failed);
    assert_false(buffer_reserve(&b, (size_t)PTRDIFF_MAX + 1));
    buffer_release(&b);
    assert_false(b.failed);
}

static void a_failed_allocation_is_sticky_and_loses_nothing(void **state)
{
    (void)state;
    if (!REALLOC_CAN_FAIL)
        skip();
    struct buffer b = {0};
    buffer_append(&b, "kept", 4);
    realloc_good_for = 0;
    static const uint8_t much[5000];
    buffer_append(&b, much, sizeof much);
    realloc_good_for = -1;
    assert_true(b.failed);
    buffer_append(&b, "!", 1); /* would fit: but what came before it is missing */
    assert_true(bytes_is(buffer_bytes(&b), "kept"));
    assert_false(buffer_reserve(&b, 1));
    buffer_release(&b);
}

static void ranges_become_text_only_when_they_fit(void **state)
{
    (void)state;
    char text[5];
    assert_true(bytes_to_text(bytes_str("four"), text, sizeof text));
    assert_string_equal(text, "four");
    assert_false(bytes_to_text(bytes_str("fiver"), text, sizeof text));
    assert_string_equal(text, "");
    assert_true(bytes_to_text((struct bytes){0}, text, sizeof text));
    assert_string_equal(text, "");
    assert_false(bytes_to_text(bytes_str("x"), NULL, 0));
}

static void ranges_are_equal_by_their_bytes(void **state)
{
    (void)state;
    assert_true(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0b", 3)));
    assert_false(bytes_equal(bytes_of("a\0b", 3), bytes_of("a\0c", 3)));
    assert_false(bytes_equal(bytes_str("ab"), bytes_str("abc")));
    assert_true(bytes_equal((struct bytes){0}, bytes_str("")));
    assert_true(bytes_is(bytes_str("verb"), "verb"));
    assert_false(bytes_is(bytes_str("ver"), "verb"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_and_keeps_its_bytes),
        cmocka_unit_test(a_buffer_reserves_what_is_asked),
        cmocka_unit_test(sizes_that_cannot_be_are_failures),
        cmocka_unit_test(a_failed_allocation_is_sticky_and_loses_nothing),
        cmocka_unit_test(ranges_become_text_only_when_they_fit),
        cmocka_unit_test(ranges_are_equal_by_their_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
