/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator in `make test`: 2,000 worlds in which everything holds, and a test of that test: each deliberate
 * breakage is found. `make sim` runs as many seeds as one likes. */
#include <sodium.h>
#include <stdlib.h>

#include "tests/sim/sim.h"
#include "tests/unit/given.h"

#define SEEDS       2000u
#define BREAK_SEEDS 10000u /* within which a breakage has to be found; most take one or two */

/* Seeds that have found one before are tried first, when it takes many; they are within BREAK_SEEDS too. */
static const uint32_t finders[BREAK_COUNT] = {
    [BREAK_NO_AFTER] = 754, [BREAK_REMAKES_TODAY] = 466, [BREAK_LOWERED_FORGOTTEN] = 346, [BREAK_ASIDE_DROPPED] = 220};

static struct sim_result result, again;

static void everything_holds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sim_run(seed, BREAK_NOTHING, 60, &result);
        if (!result.held)
            fail_msg("seed %llu, commit %s: %s; replay it with: make sim SEED=%llu TRACE=2000",
                     (unsigned long long)seed, getenv("SIM_COMMIT") ? getenv("SIM_COMMIT") : "not told", result.problem,
                     (unsigned long long)seed);
    }
}

/* Seeds beyond those that found something, in the product, in the simulator, or when the product was broken on purpose
 * (README.md). A change of the worlds that seeds make takes their meaning away: what they found has its unit tests. */
static void what_was_found_stays_mended(void **state)
{
    (void)state;
    static const uint64_t seeds[] = {2514, 3014, 8070, 9450, 14122, 300632, 503839, 1019393, 5021744, 200111032};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        sim_run(seeds[i], BREAK_NOTHING, 60, &result);
        if (!result.held)
            fail_msg("seed %llu: %s", (unsigned long long)seeds[i], result.problem);
    }
}

static void the_same_seed_is_the_same_world(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed <= SEEDS; seed += 100) {
        sim_run(seed, BREAK_NOTHING, 0, &result);
        sim_run(seed, BREAK_NOTHING, 0, &again);
        assert_true(result.held && result.steps > 0);
        assert_true(result.fingerprint == again.fingerprint);
    }
    sim_run(1, BREAK_NOTHING, 0, &again);
    assert_true(result.fingerprint != again.fingerprint);
}

/* The first seed that finds it, or 0. */
static uint64_t find_breakage(enum breakage breakage)
{
    if (finders[breakage]) {
        sim_run(finders[breakage], breakage, 0, &result);
        if (!result.held)
            return finders[breakage];
    }
    for (uint64_t seed = 1; seed <= BREAK_SEEDS; seed++) {
        sim_run(seed, breakage, 0, &result);
        if (!result.held)
            return seed;
    }
    return 0;
}

static void every_breakage_is_found(void **state)
{
    (void)state;
    for (int b = BREAK_NOTHING + 1; b < BREAK_COUNT; b++) {
        uint64_t seed = find_breakage((enum breakage)b);
        if (seed == 0)
            fail_msg("%s: not found in %u seeds", breakage_name((enum breakage)b), BREAK_SEEDS);
        print_message("%s: found by seed %llu: %s\n", breakage_name((enum breakage)b), (unsigned long long)seed,
                      result.problem);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_holds),
        cmocka_unit_test(what_was_found_stays_mended),
        cmocka_unit_test(the_same_seed_is_the_same_world),
        cmocka_unit_test(every_breakage_is_found),
    };
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
