/* SPDX-License-Identifier: Apache-2.0 */
/* A repair in which memory runs out at each allocation, once and for ever: it says so, and what the directory held
 * is there; with memory it is then done. */
#include "tests/unit/given_memory.h"
#include "tests/unit/given_hit_home.h"

#include "daemon/report.h"

/* From this allocation on, or at it alone. True: all of them were had. */
static bool without_memory(uint64_t at, bool for_ever)
{
    struct given_log *g = given_home();
    struct repair_outcome out;
    struct felloe_error error = {0};
    const int64_t live = memory.live;
    memory_runs_out(at, for_ever);
    enum felloe_code code = setup_repair(&(struct repair_options){.dir = g->dir.path}, &out, &error);
    const bool had = memory_is_back() <= at;
    assert_int_equal(memory.live, live);
    assert_true(code == FELLOE_OK || error.message[0] != '\0');
    assert_true(code == FELLOE_OK || !had);
    expect_healed(g); /* what was done without it is whole, too */
    given_home_end(g);
    return had;
}

static void without_memory_it_is_told_and_nothing_is_lost(void **state)
{
    (void)state;
    for (unsigned for_ever = 0; for_ever < 2 && ALLOCATIONS_CAN_FAIL; for_ever++) {
        uint64_t at = 0;
        while (!without_memory(at, for_ever))
            at += 1 + at / 15;
        assert_true(at > 100);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_memory_it_is_told_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
