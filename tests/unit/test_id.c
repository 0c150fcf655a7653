/* SPDX-License-Identifier: Apache-2.0 */
/* Hex, slugs and positions as text; how far somebody has seen a log. */
#include "tests/unit/given.h"

static struct position at(uint32_t epoch, uint64_t n)
{
    return (struct position){epoch, n};
}

static void hex_goes_both_ways_and_is_strict(void **state)
{
    (void)state;
    uint8_t all[256], back[256];
    char text[513];
    for (unsigned i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    hex_encode(bytes_of(all, sizeof all), text);
    assert_int_equal(strlen(text), 512);
    assert_true(hex_decode(bytes_str(text), back, sizeof back));
    assert_memory_equal(all, back, sizeof all);
    assert_true(hex_decode(bytes_str("aBCdEf"), back, 3));
    assert_memory_equal(back, "\xab\xcd\xef", 3);
    assert_true(hex_decode(bytes_str(""), back, 0));
    static const char *const wrong[] = {"", "a", "abcdeg", "abcd", "abcdefab", "ab cde", "0xabcd", "abcde\xc3"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(hex_decode(bytes_str(wrong[i]), back, 3));
    hex_encode((struct bytes){0}, text);
    assert_string_equal(text, "");
}

static void positions_go_both_ways(void **state)
{
    (void)state;
    static const struct position some[] = {{1, 1}, {1, 0}, {2, 15}, {UINT32_MAX, UINT64_MAX}};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        char text[33];
        struct position back;
        position_format(some[i], text);
        assert_true(position_parse(bytes_str(text), &back));
        assert_int_equal(position_compare(some[i], back), 0);
    }
    struct position p;
    assert_true(position_parse(bytes_str("15"), &p));
    assert_int_equal(position_compare(p, at(1, 15)), 0);
    static const char *const wrong[] = {"", ".", "1.", ".1", "0.1", "1.2.3", "-1", "+1", " 1", "1 ", "1.x", "a",
                                        "4294967296.1", "1.18446744073709551616", "99999999999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(position_parse(bytes_str(wrong[i]), &p));
}

static void positions_are_ordered_by_epoch_then_number(void **state)
{
    (void)state;
    assert_true(position_compare(at(1, 9), at(2, 1)) < 0);
    assert_true(position_compare(at(2, 1), at(1, 9)) > 0);
    assert_true(position_compare(at(2, 1), at(2, 2)) < 0);
    assert_true(position_compare(at(2, UINT64_MAX), at(2, 2)) > 0);
    assert_int_equal(position_compare(at(2, 2), at(2, 2)), 0);
}

static void seen_moves_up_and_never_down(void **state)
{
    (void)state;
    struct seen seen = {0};
    assert_false(seen_covers(&seen, at(1, 1)));
    assert_true(seen_advance(&seen, at(1, 5)));
    assert_true(seen_advance(&seen, at(1, 3)));
    assert_int_equal(seen_in(&seen, 1), 5);
    assert_true(seen_covers(&seen, at(1, 5)));
    assert_false(seen_covers(&seen, at(1, 6)));
    assert_false(seen_covers(&seen, at(2, 1)));
    assert_int_equal(seen_in(&seen, 2), 0);
    assert_true(seen_advance(&seen, at(0, 7)) && seen_advance(&seen, at(4, 0))); /* name no event */
    assert_int_equal(seen.count, 1);
    assert_false(seen_covers(&seen, at(0, 0))); /* an event without a position is seen by nobody's number */
}

static void seen_keeps_its_epochs_ascending(void **state)
{
    (void)state;
    struct seen seen = {0};
    static const uint32_t order[] = {7, 3, 9, 1, 5};
    for (size_t i = 0; i < 5; i++)
        assert_true(seen_advance(&seen, at(order[i], order[i] * 10)));
    assert_int_equal(seen.count, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(seen.at[i].epoch, 2 * i + 1);
        assert_int_equal(seen.at[i].n, 10 * (2 * i + 1));
    }
}

static void seen_has_room_for_so_many_epochs(void **state)
{
    (void)state;
    struct seen seen = {0};
    for (uint32_t epoch = 1; epoch <= SEEN_MAX; epoch++)
        assert_true(seen_advance(&seen, at(epoch, 1)));
    assert_false(seen_advance(&seen, at(SEEN_MAX + 1, 1)));
    assert_int_equal(seen.count, SEEN_MAX);
    assert_true(seen_advance(&seen, at(3, 9))); /* one that is there still moves */
    assert_int_equal(seen_in(&seen, 3), 9);
}

static void seen_includes_what_is_older(void **state)
{
    (void)state;
    struct seen a = {0}, b = {0};
    assert_true(seen_includes(&a, &b));
    seen_advance(&b, at(1, 4));
    assert_true(seen_includes(&b, &a));
    assert_false(seen_includes(&a, &b));
    seen_advance(&a, at(1, 9));
    assert_true(seen_includes(&a, &b));
    seen_advance(&b, at(2, 1));
    assert_false(seen_includes(&a, &b)); /* each knows what the other does not */
    assert_false(seen_includes(&b, &a));
}

static void slugs(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "7", "dale-east", "a--", "abcdefghijklmnopqrstuvwxyz012345"};
    static const char *const bad[] = {"", "-a", "A", "a_b", "a.b", "a b", "\xc3\xa9",
                                      "abcdefghijklmnopqrstuvwxyz0123456"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(slug_valid(bytes_str(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(slug_valid(bytes_str(bad[i])));
    assert_false(slug_valid(bytes_of("a\0", 2)));
    assert_false(slug_valid((struct bytes){0}));
}

static void nobody_is_zeros(void **state)
{
    (void)state;
    struct person_id id = PERSON_ID_NONE;
    assert_true(person_id_is_none(&id));
    id.b[15] = 1;
    assert_false(person_id_is_none(&id));
    struct key_id key = key_id_of_person(id);
    assert_memory_equal(key.b, id.b, sizeof key.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_both_ways_and_is_strict),
        cmocka_unit_test(positions_go_both_ways),
        cmocka_unit_test(positions_are_ordered_by_epoch_then_number),
        cmocka_unit_test(seen_moves_up_and_never_down),
        cmocka_unit_test(seen_keeps_its_epochs_ascending),
        cmocka_unit_test(seen_has_room_for_so_many_epochs),
        cmocka_unit_test(seen_includes_what_is_older),
        cmocka_unit_test(slugs),
        cmocka_unit_test(nobody_is_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
