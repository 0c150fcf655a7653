/* SPDX-License-Identifier: Apache-2.0 */
/* A repair on a disk that fails or is full, at each write and sync, once and for ever; and in which memory runs out at
 * each allocation: it says so, and what the directory held is there; on a sound machine it is then done. */
#include "tests/unit/given_memory.h"
#include "tests/unit/given_repair.h"
#include "tests/unit/given_faults.h"

#include "daemon/report.h"

/* A laptop with six notes, one of them hit. */
static struct given_log *given_home(void)
{
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    make_home(g);
    record_notes(g, 6);
    struct buffer event = own_bytes(g, 3);
    hit_event(g, &event);
    return g;
}

static void given_home_end(struct given_log *g)
{
    queue_destroy(&g->completions);
    given_dir_end(&g->dir);
    free(g);
}

static void expect_healed(const struct given_log *g)
{
    const struct held *held = repaired(g, NULL);
    assert_int_equal(held->own_count, 5);
    assert_int_equal(access(given_path(&g->dir, "new-log"), F_OK), -1);
}

/* True: it came to an end without a fault. */
static bool with_fault(int nth, int number, bool for_ever)
{
    struct given_log *g = given_home();
    struct repair_outcome out;
    struct felloe_error error = {0};
    fault_at(nth, number, for_ever);
    enum felloe_code code = setup_repair(&(struct repair_options){.dir = g->dir.path}, &out, &error);
    const int calls = atomic_load(&fault.calls);
    fault_clear();
    if (code != FELLOE_OK) {
        assert_true(code == FELLOE_STORAGE || code == FELLOE_FAILED);
        assert_true(error.message[0] != '\0');
    }
    expect_healed(g);
    given_home_end(g);
    return calls < nth;
}

static void a_disk_that_fails_or_is_full_changes_nothing(void **state)
{
    (void)state;
    const int numbers[] = {EIO, ENOSPC};
    for (unsigned i = 0; i < 2; i++)
        for (unsigned for_ever = 0; for_ever < 2; for_ever++)
            for (int nth = 1; !with_fault(nth, numbers[i], for_ever); nth += 1 + nth / 16)
                ;
}

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
        cmocka_unit_test(a_disk_that_fails_or_is_full_changes_nothing),
        cmocka_unit_test(without_memory_it_is_told_and_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
