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

static void must_settle(struct world *world, uint64_t fail_at)
{
    bool settled = world_settle(world, 20000);
    if (!settled || world_problem(world)) {
        print_message("%s", world_trace(world));
        fail_msg("allocation %llu: %s", (unsigned long long)fail_at,
                 world_problem(world) ? world_problem(world) : "it does not settle");
    }
}

/* Runs a story; returns how many allocations its steps made. */
static uint64_t story_of_sharing(uint64_t fail_at)
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
    must_settle(world, fail_at);
    world_free(world);
    return memory_is_back();
}

/* The hub is put back, and then a laptop. */
static uint64_t story_of_restores(uint64_t fail_at)
{
    struct world_config config = {.spokes = 2, .sites = 1, .around = around};
    struct world *world = world_new(&config);
    struct store hub, laptop;
    memory_runs_out(UINT64_MAX, false);
    memory.counting = false;
    for (uint32_t i = 0; i < 2; i++) {
        world_connect(world, i);
        world_record(world, i, 0);
    }
    must_settle(world, fail_at);
    world_back_up(world, WORLD_HUB, &hub);
    world_back_up(world, 0, &laptop);
    for (uint32_t i = 0; i < 2; i++)
        world_record(world, i, 0);
    must_settle(world, fail_at);
    memory_runs_out(fail_at, false);
    memory.counting = false;
    world_put_back(world, WORLD_HUB, &hub, true);
    world_record(world, 0, 0);
    must_settle(world, fail_at);
    world_put_back(world, 0, &laptop, false);
    world_record(world, 0, 0);
    must_settle(world, fail_at);
    assert_int_equal(world_lacking(world), 0);
    uint64_t count = memory_is_back();
    store_release(&hub);
    store_release(&laptop);
    world_free(world);
    return count;
}

static void may_run_out_anywhere(uint64_t (*story)(uint64_t fail_at))
{
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    uint64_t count = story(UINT64_MAX);
    assert_in_range(count, 50, 100000);
    int64_t before = memory.live;
    for (uint64_t at = 0; at < count; at++) {
        story(at);
        assert_int_equal(memory.live, before); /* and nothing was forgotten on the way out */
    }
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    may_run_out_anywhere(story_of_sharing);
}

static void memory_may_run_out_while_a_hub_is_refilled_and_a_laptop_goes_on(void **state)
{
    (void)state;
    may_run_out_anywhere(story_of_restores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(memory_may_run_out_while_a_hub_is_refilled_and_a_laptop_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
