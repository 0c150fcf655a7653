/* SPDX-License-Identifier: Apache-2.0 */
/* Both sync machines joined by a network and stores in memory: everything converges, and goes on to converge whatever
 * single thing goes wrong, wherever it goes wrong. */
#include <stdio.h>

#include "tests/lib/sync_world.h"
#include "tests/unit/given.h"

#define STEPS 20000u

/* ---- one fault, at one place ---- */

struct fault {
    uint64_t frame, commit; /* which; UINT64_MAX: none */
    enum frame_fate frame_fate;
    enum commit_fate commit_fate;
};
#define NO_FAULT ((struct fault){UINT64_MAX, UINT64_MAX, FRAME_PASSES, COMMIT_OK})

static enum frame_fate on_frame(void *context, uint64_t index, bool up, uint32_t spoke, enum message_kind kind)
{
    const struct fault *fault = context;
    (void)up;
    (void)spoke;
    (void)kind;
    return index == fault->frame ? fault->frame_fate : FRAME_PASSES;
}

static enum commit_fate on_commit(void *context, uint64_t index, uint32_t node)
{
    const struct fault *fault = context;
    (void)node;
    return index == fault->commit ? fault->commit_fate : COMMIT_OK;
}

/* A short story: two spokes write offline, come online one after the other, and write on. */
static struct world *story(struct fault *fault, uint64_t seed)
{
    struct world_config config = {
        .spokes = 2, .sites = 2, .seed = seed, .frame = on_frame, .commit = on_commit, .context = fault};
    struct world *world = world_new(&config);
    assert_non_null(world);
    for (int i = 0; i < 3; i++) {
        world_record(world, 0, 0);
        world_record(world, 1, 1);
    }
    world_connect(world, 0);
    for (int i = 0; i < 12; i++)
        world_step(world);
    world_record(world, 0, 0);
    world_record(world, 0, 1);
    world_connect(world, 1);
    for (int i = 0; i < 30; i++)
        world_step(world);
    world_record(world, 1, 0);
    world_record(world, 0, 0);
    return world;
}

static void must_settle(struct world *world, const char *what, uint64_t where)
{
    bool settled = world_settle(world, STEPS);
    if (!settled || world_problem(world)) {
        print_message("%s", world_trace(world));
        fail_msg("%s at %llu: %s", what, (unsigned long long)where,
                 world_problem(world) ? world_problem(world) : "it does not settle");
    }
}

/* ---- tests ---- */

static void all_logs_become_the_same(void **state)
{
    (void)state;
    struct world_config config = {.spokes = 3, .sites = 3};
    struct world *world = world_new(&config);
    for (uint32_t i = 0; i < 3; i++) {
        for (int n = 0; n < 20; n++)
            world_record(world, i, (uint32_t)n % 2);
        world_connect(world, i);
    }
    must_settle(world, "a plain run", 0);
    assert_int_equal(store_head(&world_store(world, WORLD_HUB)->sites[0], 1).at.n, 30);
    assert_int_equal(store_head(&world_store(world, 2)->sites[0], 1).at.n, 30);
    assert_int_equal(world_store(world, 2)->sites[0].shared_seq, 10);
    world_free(world);
}

static void one_event_takes_one_push_and_one_feed(void **state)
{
    (void)state;
    struct world_config config = {.spokes = 2, .sites = 1};
    struct world *world = world_new(&config);
    world_connect(world, 0);
    world_connect(world, 1);
    world_drain(world);
    assert_string_equal(world_trace(world), "0> HELLO\n1> HELLO\n0< WELCOME\n1< WELCOME\n0> PULL\n1> PULL\n");
    size_t before = strlen(world_trace(world));
    world_record(world, 0, 0);
    world_drain(world);
    assert_string_equal(world_trace(world) + before, "0> PUSH\n1< FEED\n0< RECEIPT\n1> PULL\n");
    before = strlen(world_trace(world));
    world_idle(world, 1); /* where its own event stands nobody waits for: that comes a moment later */
    world_drain(world);
    assert_string_equal(world_trace(world) + before, "0< FEED\n0> PULL\n");
    assert_true(world_settled(world));
    world_free(world);
}

static void a_quiet_hour_is_quiet(void **state)
{
    (void)state;
    struct fault none = NO_FAULT;
    struct world *world = story(&none, 0);
    must_settle(world, "a plain run", 0);
    uint64_t before = world_frames(world), commits = world_commits(world);
    world_idle(world, 3600 * 1000);
    /* per spoke: PULLs of two sites that are held back longer and longer (seven an hour) with their FEEDs, four HELLOs
     * with their WELCOMEs, and what a new connection takes */
    assert_in_range(world_frames(world) - before, 2 * (2 * 2 * 7), 2 * (2 * 2 * 9 + 2 * 5) + 8);
    assert_int_equal(world_commits(world), commits);
    world_free(world);
}

static void a_frame_may_be_lost_doubled_swapped_or_spoilt_anywhere(void **state)
{
    (void)state;
    struct fault fault = NO_FAULT;
    struct world *world = story(&fault, 0);
    must_settle(world, "a plain run", 0);
    uint64_t frames = world_frames(world);
    world_free(world);
    assert_true(frames > 20);
    for (int fate = FRAME_LOST; fate <= FRAME_SPOILT; fate++)
        for (uint64_t at = 0; at < frames; at++) {
            static const char *const names[] = {"", "lost", "doubled", "swapped", "spoilt"};
            fault = NO_FAULT;
            fault.frame = at;
            fault.frame_fate = (enum frame_fate)fate;
            world = story(&fault, 0);
            must_settle(world, names[fate], at);
            world_free(world);
        }
}

static void a_commit_may_fail_anywhere(void **state)
{
    (void)state;
    struct fault fault = NO_FAULT;
    struct world *world = story(&fault, 0);
    must_settle(world, "a plain run", 0);
    uint64_t commits = world_commits(world);
    world_free(world);
    assert_true(commits > 5);
    for (int fate = COMMIT_LOST; fate <= COMMIT_UNKNOWN; fate++)
        for (uint64_t at = 0; at < commits; at++) {
            fault = NO_FAULT;
            fault.commit = at;
            fault.commit_fate = (enum commit_fate)fate;
            world = story(&fault, 0);
            must_settle(world, fate == COMMIT_LOST ? "commit failed" : "commit unknown", at);
            world_free(world);
        }
}

/* What is done to the world between two steps of a run. */
enum blow { BLOW_CUT, BLOW_CUT_UNNOTICED, BLOW_CRASH_SPOKE, BLOW_CRASH_HUB, BLOWS };

static void strike(struct world *world, enum blow blow)
{
    switch (blow) {
    case BLOW_CUT:
    case BLOW_CUT_UNNOTICED:
        world_cut(world, 0);
        world_connect(world, 0);
        break;
    case BLOW_CRASH_SPOKE:
        world_crash(world, 0);
        break;
    case BLOW_CRASH_HUB:
        world_crash(world, WORLD_HUB);
        break;
    case BLOWS:
        break;
    }
}

static void a_blow_may_fall_between_any_two_steps(void **state)
{
    (void)state;
    for (int blow = 0; blow < BLOWS; blow++)
        for (uint64_t at = 0; at < 90; at++) {
            struct world_config config = {.spokes = 2, .sites = 2, .silent_cuts = blow == BLOW_CUT_UNNOTICED};
            struct world *world = world_new(&config);
            for (uint32_t i = 0; i < 2; i++) {
                for (uint32_t n = 0; n < 4; n++)
                    world_record(world, i, n % 2);
                world_connect(world, i);
            }
            for (uint64_t step = 0; step < at; step++)
                world_step(world);
            strike(world, (enum blow)blow);
            world_record(world, 0, 0);
            must_settle(world, "a blow", at);
            world_free(world);
        }
}

/* ---- many faults, any order ---- */

struct storm {
    uint64_t random;
    unsigned percent;
};

static unsigned roll(struct storm *storm)
{
    storm->random = storm->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(storm->random >> 33) % 100;
}

static enum frame_fate storm_frame(void *context, uint64_t index, bool up, uint32_t spoke, enum message_kind kind)
{
    struct storm *storm = context;
    (void)index;
    (void)up;
    (void)spoke;
    (void)kind;
    if (roll(storm) >= storm->percent)
        return FRAME_PASSES;
    return (enum frame_fate)(FRAME_LOST + roll(storm) % 4);
}

static enum commit_fate storm_commit(void *context, uint64_t index, uint32_t node)
{
    struct storm *storm = context;
    (void)index;
    (void)node;
    if (roll(storm) >= storm->percent / 4)
        return COMMIT_OK;
    return roll(storm) % 2 ? COMMIT_LOST : COMMIT_UNKNOWN;
}

static struct world *weather(struct storm *storm, uint64_t seed)
{
    *storm = (struct storm){.random = seed * 77 + 1, .percent = 20};
    struct world_config config = {.spokes = 3,
                                  .sites = 3,
                                  .seed = seed,
                                  .frame = storm_frame,
                                  .commit = storm_commit,
                                  .context = storm,
                                  .silent_cuts = seed % 2};
    struct world *world = world_new(&config);
    for (uint32_t i = 0; i < 3; i++)
        world_connect(world, i);
    for (int i = 0; i < 120; i++) {
        unsigned dice = roll(storm);
        if (dice < 30)
            world_record(world, dice % 3, roll(storm) % 2);
        else if (dice < 34)
            strike(world, (enum blow)(dice % BLOWS));
        for (unsigned n = roll(storm) % 8; n > 0; n--)
            world_step(world);
    }
    storm->percent = 0; /* the weather clears */
    return world;
}

static void after_any_storm_all_is_the_same(void **state)
{
    (void)state;
    struct storm storm;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct world *world = weather(&storm, seed);
        uint64_t cleared = world_now(world);
        must_settle(world, "a storm of seed", seed);
        assert_true(world_now(world) - cleared < 5 * 60 * 1000); /* and soon */
        world_free(world);
    }
}

static void a_seed_replays_exactly(void **state)
{
    (void)state;
    struct storm storm;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world *one = weather(&storm, seed), *two = weather(&storm, seed);
        assert_true(world_fingerprint(one) == world_fingerprint(two));
        assert_string_equal(world_trace(one), world_trace(two));
        world_free(one);
        world_free(two);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_logs_become_the_same),
        cmocka_unit_test(one_event_takes_one_push_and_one_feed),
        cmocka_unit_test(a_quiet_hour_is_quiet),
        cmocka_unit_test(a_frame_may_be_lost_doubled_swapped_or_spoilt_anywhere),
        cmocka_unit_test(a_commit_may_fail_anywhere),
        cmocka_unit_test(a_blow_may_fall_between_any_two_steps),
        cmocka_unit_test(after_any_storm_all_is_the_same),
        cmocka_unit_test(a_seed_replays_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
