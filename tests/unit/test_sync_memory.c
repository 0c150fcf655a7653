/* SPDX-License-Identifier: Apache-2.0 */
/* Memory runs out in the machines, once, at every single place where they ask for some: the machine says so, is made
 * anew from its store, and all converges as if nothing had been. */
#include "tests/lib/sync_world.h"
#include "tests/unit/given_memory.h"

static void around(void *context, bool begins)
{
    (void)context;
    memory.counting = begins;
}

/* Runs the story; returns how many allocations its steps made. */
static uint64_t story(uint64_t fail_at)
{
    struct world_config config = {.spokes = 2, .sites = 2, .around = around};
    struct world *world = world_new(&config);
    memory_runs_out(fail_at, false);
    memory.counting = false; /* but within steps */
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t n = 0; n < 4; n++)
            world_record(world, i, n % 2);
        world_connect(world, i);
        for (int n = 0; n < 20; n++)
            world_step(world);
        world_record(world, 0, 0);
    }
    bool settled = world_settle(world, 5000);
    if (!settled || world_problem(world)) {
        print_message("%s", world_trace(world));
        fail_msg("allocation %llu: %s", (unsigned long long)fail_at,
                 world_problem(world) ? world_problem(world) : "it does not settle");
    }
    world_free(world);
    return memory_is_back();
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    uint64_t count = story(UINT64_MAX);
    assert_true(count > 100);
    int64_t before = memory.live;
    for (uint64_t at = 0; at < count; at++) {
        story(at);
        assert_int_equal(memory.live, before); /* and nothing was forgotten on the way out */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(memory_may_run_out_anywhere)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
