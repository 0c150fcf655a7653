/* SPDX-License-Identifier: Apache-2.0 */
/* What the log's writer remembers of keys: never more than it was told; of nearly all that it met lately, also of keys
 * that share a place. With a transaction that came to nothing is forgotten what it noted, and no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "daemon/log/log_internal.h"

/* Spread like random ones. */
static struct key_id key_number(uint64_t n)
{
    struct key_id id;
    const uint64_t words[2] = {(n + 1) * UINT64_C(0x9e3779b97f4a7c15), n};
    memcpy(id.b, words, sizeof id.b);
    id.b[0] ^= id.b[7];
    id.b[1] ^= id.b[6];
    return id;
}

static uint32_t flags_of(uint64_t n)
{
    return (n % 3 == 0 ? MET_HELD : 0) | (UINT32_C(1) << n % 20);
}

static void meet(struct met_keys *met, uint64_t first, uint64_t end)
{
    for (uint64_t n = first; n < end; n++) {
        const struct key_id id = key_number(n);
        log_meet_soon(met, &id);
        *log_meet(met, &id) |= flags_of(n);
    }
}

static unsigned remembered(struct met_keys *met, uint64_t end)
{
    unsigned count = 0;
    for (uint64_t n = 0; n < end; n++) {
        const struct key_id id = key_number(n);
        const uint32_t flags = *log_meet(met, &id);
        if (flags != 0)
            assert_int_equal(flags, flags_of(n));
        count += flags != 0;
    }
    return count;
}

static void a_team_s_keys_are_all_remembered(void **state)
{
    (void)state;
    struct met_keys met = {0};
    meet(&met, 0, 50000);
    assert_true(remembered(&met, 50000) > 42000); /* while it grew some went */
    meet(&met, 0, 50000);
    assert_true(remembered(&met, 50000) > 46000);
    log_met_release(&met);
    assert_null(met.sets);
}

static void of_too_many_the_latest_are_remembered_and_nothing_false(void **state)
{
    (void)state;
    struct met_keys met = {0};
    meet(&met, 0, 400000);
    assert_true(met.set_count * MET_WAYS <= 128 * 1024);
    unsigned late = 0;
    for (uint64_t n = 390000; n < 400000; n++) {
        const struct key_id id = key_number(n);
        late += *log_meet(&met, &id) == flags_of(n);
    }
    assert_true(late > 9000);
    remembered(&met, 400000);
    log_met_release(&met);
}

static void what_came_to_nothing_is_forgotten(void **state)
{
    (void)state;
    struct met_keys met = {0};
    meet(&met, 0, 1000);
    log_met_unused(&met);
    unsigned held = 0;
    for (uint64_t n = 0; n < 1000; n++) {
        const struct key_id id = key_number(n);
        const uint32_t flags = *log_meet(&met, &id);
        assert_true(flags == 0 || (flags == MET_HELD && (flags_of(n) & MET_HELD)));
        held += flags == MET_HELD;
    }
    assert_true(held > 300);
    log_met_release(&met);
}

static void keys_that_share_a_place_are_told_apart(void **state)
{
    (void)state;
    struct met_keys met = {0};
    struct key_id id = {{1, 2, 3, 4}};
    for (uint8_t n = 0; n < 40; n++) {
        id.b[15] = n;
        uint32_t *flags = log_meet(&met, &id);
        assert_int_equal(*flags, 0);
        *flags = flags_of(n);
    }
    for (uint8_t n = 40; n-- > 40 - MET_WAYS;) {
        id.b[15] = n;
        assert_int_equal(*log_meet(&met, &id), flags_of(n));
    }
    log_met_release(&met);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_team_s_keys_are_all_remembered),
        cmocka_unit_test(of_too_many_the_latest_are_remembered_and_nothing_false),
        cmocka_unit_test(what_came_to_nothing_is_forgotten),
        cmocka_unit_test(keys_that_share_a_place_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
