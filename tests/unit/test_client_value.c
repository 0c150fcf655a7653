/* SPDX-License-Identifier: Apache-2.0 */
/* Values: every form of msgpack that an answer has, and nothing that is cut off, too deep or too large. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "client/lib/value.h"
#include "proto/mp.h"

static const struct felloe_value *read_one(struct arena *arena, const struct buffer *b)
{
    struct bytes in = buffer_bytes(b);
    struct felloe_value *value = arena_take(arena, sizeof *value);
    assert_int_equal(value_read(arena, &in, value), VALUE_OK);
    assert_int_equal(in.len, 0);
    return value;
}

static void an_answer_is_walked(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct arena arena = {0};
    size_t len;
    mp_put_map(&b, 5);
    mp_put_text(&b, "name");
    mp_put_text(&b, "Zoë");
    mp_put_text(&b, "id");
    mp_put_bin(&b, "\x01\x02", 2);
    mp_put_text(&b, "open");
    mp_put_bool(&b, true);
    mp_put_text(&b, "nothing");
    mp_put_nil(&b);
    mp_put_text(&b, "list");
    mp_put_array(&b, 2);
    mp_put_uint(&b, 7);
    mp_put_int(&b, -7);
    const struct felloe_value *map = read_one(&arena, &b);
    buffer_release(&b); /* everything was copied */

    assert_int_equal(felloe_value_kind(map), FELLOE_MAP);
    assert_int_equal(felloe_value_count(map), 5);
    assert_string_equal(felloe_value_key(map, 1), "id");
    assert_string_equal(felloe_value_text(felloe_value_get(map, "name")), "Zoë");
    assert_memory_equal(felloe_value_bytes(felloe_value_get(map, "id"), &len), "\x01\x02", 2);
    assert_int_equal(len, 2);
    assert_true(felloe_value_bool(felloe_value_get(map, "open")));
    assert_int_equal(felloe_value_kind(felloe_value_get(map, "nothing")), FELLOE_NIL);
    const struct felloe_value *list = felloe_value_get(map, "list");
    assert_int_equal(felloe_value_integer(felloe_value_at(list, 0)), 7);
    assert_int_equal(felloe_value_integer(felloe_value_at(list, 1)), -7);
    arena_release(&arena);
}

static void asking_for_another_kind_gives_nothing(void **state)
{
    (void)state;
    const struct felloe_value number = {.kind = FELLOE_INTEGER, .integer = 3};
    size_t len = 9;
    assert_string_equal(felloe_value_text(&number), "");
    assert_null(felloe_value_bytes(&number, &len));
    assert_int_equal(len, 0);
    assert_int_equal(felloe_value_count(&number), 0);
    assert_int_equal(felloe_value_kind(felloe_value_at(&number, 0)), FELLOE_NIL);
    assert_null(felloe_value_get(&number, "x"));
    assert_int_equal(felloe_value_kind(NULL), FELLOE_NIL);
    assert_string_equal(felloe_value_text(NULL), "");
    assert_null(felloe_value_get(NULL, "x"));
}

static void integers_of_every_width_are_read(void **state)
{
    (void)state;
    static const int64_t numbers[] = {0,     1,      127,    128,     255,        256,         65535,      65536,
                                      INT32_MAX, UINT32_MAX, 1ll << 40, INT64_MAX, -1,  -32, -33, -128, -129, -32768,
                                      -32769, INT32_MIN, -(1ll << 40), INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buffer b = {0};
        struct arena arena = {0};
        mp_put_int(&b, numbers[i]);
        assert_int_equal(felloe_value_integer(read_one(&arena, &b)), numbers[i]);
        buffer_release(&b);
        arena_release(&arena);
    }
}

static void texts_and_lists_of_every_length_are_read(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536, 70000};
    char *text = malloc(70001);
    assert_non_null(text);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct buffer b = {0};
        struct arena arena = {0};
        memset(text, 'x', lengths[i]);
        text[lengths[i]] = '\0';
        mp_put_array(&b, lengths[i] + 1);
        mp_put_text(&b, text);
        for (uint32_t k = 0; k < lengths[i]; k++)
            mp_put_nil(&b);
        const struct felloe_value *list = read_one(&arena, &b);
        assert_int_equal(felloe_value_count(list), lengths[i] + 1);
        assert_string_equal(felloe_value_text(felloe_value_at(list, 0)), text);
        buffer_release(&b);
        arena_release(&arena);
    }
    free(text);
}

static void what_is_cut_off_anywhere_is_malformed(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct arena arena = {0};
    mp_put_map(&b, 2);
    mp_put_text(&b, "a text that is longer than thirty-one bytes");
    mp_put_uint(&b, 1u << 20);
    mp_put_text(&b, "b");
    mp_put_array(&b, 1);
    mp_put_bin(&b, "xyz", 3);
    for (size_t len = 1; len < b.len; len++) {
        struct bytes in = bytes_of(b.data, len);
        struct felloe_value value;
        assert_int_equal(value_read(&arena, &in, &value), VALUE_MALFORMED);
    }
    struct bytes none = {0};
    struct felloe_value value;
    assert_int_equal(value_read(&arena, &none, &value), VALUE_END);
    buffer_release(&b);
    arena_release(&arena);
}

static void no_few_bytes_can_ask_for_much_memory_or_stack(void **state)
{
    (void)state;
    static const uint8_t huge_array[] = {0xdd, 0xff, 0xff, 0xff, 0xff}, huge_map[] = {0xdf, 0x80, 0, 0, 0},
                         huge_text[] = {0xdb, 0xff, 0xff, 0xff, 0xff}, real[] = {0xca, 0, 0, 0, 0}, never[] = {0xc1};
    const struct bytes inputs[] = {{huge_array, 5}, {huge_map, 5}, {huge_text, 5}, {real, 5}, {never, 1}};
    struct arena arena = {0};
    struct felloe_value value;
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        struct bytes in = inputs[i];
        assert_int_equal(value_read(&arena, &in, &value), VALUE_MALFORMED);
    }
    uint8_t nested[1000];
    memset(nested, 0x91, sizeof nested); /* [[[[… */
    struct bytes in = bytes_of(nested, sizeof nested);
    assert_int_equal(value_read(&arena, &in, &value), VALUE_MALFORMED);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_walked),
        cmocka_unit_test(asking_for_another_kind_gives_nothing),
        cmocka_unit_test(integers_of_every_width_are_read),
        cmocka_unit_test(texts_and_lists_of_every_length_are_read),
        cmocka_unit_test(what_is_cut_off_anywhere_is_malformed),
        cmocka_unit_test(no_few_bytes_can_ask_for_much_memory_or_stack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
