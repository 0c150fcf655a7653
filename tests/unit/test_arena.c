/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is given back all at once: what is kept for the next time, and what is not. */
#include "proto/arena.h"
#include "tests/unit/given.h"

static void what_was_taken_stays_where_it_is(void **state)
{
    (void)state;
    struct arena arena = {0};
    uint8_t *first = arena_take(&arena, 100), *large = arena_take(&arena, 100000);
    assert_non_null(first);
    assert_non_null(large);
    memset(first, 1, 100);
    memset(large, 2, 100000);
    const struct bytes copy = arena_copy(&arena, bytes_str("a copy"));
    assert_int_equal((uintptr_t)first % 16, 0);
    assert_int_equal((uintptr_t)copy.data % 16, 0);
    assert_true(bytes_is(copy, "a copy"));
    assert_int_equal(first[99], 1);
    assert_int_equal(large[99999], 2);
    assert_non_null(arena_copy(&arena, (struct bytes){0}).data);
    arena_release(&arena);
    assert_null(arena.first);
}

static void a_cleared_arena_begins_again_with_all_its_memory(void **state)
{
    (void)state;
    struct arena arena = {0};
    void *first = arena_take(&arena, 100), *large = arena_take(&arena, 100000);
    arena_clear(&arena);
    assert_ptr_equal(arena_take(&arena, 100), first);
    assert_ptr_equal(arena_take(&arena, 100000), large);
    arena_release(&arena);
}

static void a_shrunk_arena_keeps_a_small_piece(void **state)
{
    (void)state;
    struct arena arena = {0};
    arena_shrink(&arena);
    assert_null(arena.first);
    assert_int_equal(arena_size(&arena), 0);
    void *first = arena_take(&arena, 100);
    struct arena_chunk *kept = arena.first;
    const size_t small = arena_size(&arena);
    for (int i = 0; i < 100; i++)
        assert_non_null(arena_take(&arena, 10000));
    assert_in_range(arena_size(&arena), small + 1000000, small + 4000000);
    arena_shrink(&arena);
    assert_int_equal(arena_size(&arena), small);
    assert_ptr_equal(arena.first, kept);
    assert_ptr_equal(arena_take(&arena, 100), first);
    arena_shrink(&arena);
    assert_ptr_equal(arena.first, kept);
    arena_release(&arena);
}

static void a_shrunk_arena_keeps_nothing_large(void **state)
{
    (void)state;
    struct arena arena = {0};
    assert_non_null(arena_take(&arena, 100000));
    assert_non_null(arena_take(&arena, 100));
    arena_shrink(&arena);
    assert_null(arena.first);
    assert_null(arena.current);
    assert_non_null(arena_take(&arena, 100));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_taken_stays_where_it_is),
        cmocka_unit_test(a_cleared_arena_begins_again_with_all_its_memory),
        cmocka_unit_test(a_shrunk_arena_keeps_a_small_piece),
        cmocka_unit_test(a_shrunk_arena_keeps_nothing_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
