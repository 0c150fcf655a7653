/* SPDX-License-Identifier: Apache-2.0 */
/* Both sync machines joined: a hub that is put back to an older state, or lost, is refilled by its laptops, whatever
 * else goes wrong meanwhile. Nothing is there twice, nothing is lacking. */
#include "tests/unit/given_restores.h"

/* Three laptops have written, in several feeds; `out` is the hub's backup of some time ago. */
static struct world *history(struct store *out, uint64_t seed)
{
    struct world *world = given(3, seed);
    connect_all(world, 3);
    for (uint32_t i = 0; i < 3; i++) {
        write_notes(world, i, 2);
        must_settle(world, "the beginning", i);
    }
    world_back_up(world, WORLD_HUB, out);
    for (uint32_t i = 0; i < 3; i++) {
        write_notes(world, i, 2);
        must_settle(world, "what the backup lacks", i);
    }
    return world;
}

/* ---- a hub that was put back ---- */

static void a_hub_put_back_is_refilled_and_every_position_is_the_old_one(void **state)
{
    (void)state;
    no_fault();
    struct store backup;
    struct world *world = history(&backup, 0);
    struct log_head before = store_head(log_of(world, WORLD_HUB), 1);
    assert_int_equal(before.at.n, 12);
    world_put_back(world, WORLD_HUB, &backup, true);
    assert_int_equal(store_head(log_of(world, WORLD_HUB), 1).at.n, 6);
    must_settle(world, "refilling", 0);
    struct log_head after = store_head(log_of(world, WORLD_HUB), 1);
    assert_int_equal(after.at.n, before.at.n);
    assert_memory_equal(&after.hash, &before.hash, sizeof after.hash);
    assert_int_equal(log_of(world, WORLD_HUB)->epoch_count, 1); /* nothing had to be pushed again */
    write_notes(world, 0, 1);
    must_settle(world, "going on", 0);
    assert_int_equal(log_of(world, WORLD_HUB)->epoch_count, 2);
    assert_int_equal(store_head(log_of(world, WORLD_HUB), world_store(world, WORLD_HUB)->epoch).at.n, 1);
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    store_release(&backup);
    world_free(world);
}

static void two_laptops_refill_it_between_them(void **state)
{
    (void)state;
    no_fault();
    struct store backup;
    struct world *world = history(&backup, 0);
    for (uint32_t i = 0; i < 3; i++)
        world_cut(world, i);
    world_put_back(world, WORLD_HUB, &backup, true);
    world_connect(world, 1);
    world_connect(world, 2);
    write_notes(world, 1, 2); /* at once, as people do */
    world_idle(world, 60000);
    assert_null(world_problem(world));
    world_connect(world, 0);
    must_settle(world, "two of three", 0);
    assert_int_equal(store_head(log_of(world, WORLD_HUB), 1).at.n, 12);
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    store_release(&backup);
    world_free(world);
}

/* The one laptop whose cursor reaches the end stays away: the others' receipts are lowered and they push again, what
 * nobody brings stays lacking; when it comes, its entries find their old places, and have two positions. */
static void what_comes_late_finds_its_old_place(void **state)
{
    (void)state;
    no_fault();
    struct store backup;
    struct world *world = given(2, 0);
    connect_all(world, 2);
    write_notes(world, 0, 2);
    must_settle(world, "the beginning", 0);
    world_cut(world, 1); /* it receives no more */
    world_back_up(world, WORLD_HUB, &backup);
    write_notes(world, 0, 3);
    world_drain(world);
    world_idle(world, 1000); /* and hears where they stand */
    world_drain(world);
    world_cut(world, 0);
    struct store ahead; /* spoke 0 as it is now, its disk is put into another laptop later */
    world_back_up(world, 0, &ahead);
    world_put_back(world, WORLD_HUB, &backup, true);
    write_notes(world, 1, 2);
    world_connect(world, 1);
    world_idle(world, 30000);
    assert_int_equal(log_of(world, 1)->shared_seq, 2);
    world_connect(world, 0);
    must_settle(world, "the late one", 0);
    assert_int_equal(store_head(log_of(world, WORLD_HUB), 1).at.n, 5);
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    store_release(&ahead);
    store_release(&backup);
    world_free(world);
}

/* What was shared and came back to nobody: its author alone has it, and its receipt is lowered. */
static void what_nobody_had_received_is_pushed_again(void **state)
{
    (void)state;
    no_fault();
    struct store backup;
    struct world *world = given(2, 0);
    connect_all(world, 2);
    write_notes(world, 0, 2);
    must_settle(world, "the beginning", 0);
    world_back_up(world, WORLD_HUB, &backup);
    write_notes(world, 0, 3);
    while (log_of(world, 0)->shared_seq < 5)
        world_step(world);
    world_put_back(world, WORLD_HUB, &backup, true); /* before any FEED told of them */
    must_settle(world, "pushing again", 0);
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    store_release(&backup);
    world_free(world);
}

static void a_hub_that_lost_all_gets_all_back(void **state)
{
    (void)state;
    no_fault();
    struct store backup;
    struct world *world = history(&backup, 0);
    struct log_head before = store_head(log_of(world, WORLD_HUB), 1);
    world_lose_hub(world);
    assert_int_equal(log_of(world, WORLD_HUB)->epoch_count, 0);
    must_settle(world, "refilling", 0);
    struct log_head after = store_head(log_of(world, WORLD_HUB), 1);
    assert_int_equal(after.at.n, before.at.n);
    assert_memory_equal(&after.hash, &before.hash, sizeof after.hash);
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    store_release(&backup);
    world_free(world);
}

static void a_backup_put_back_twice_is_no_worse(void **state)
{
    (void)state;
    no_fault();
    struct store backup;
    struct world *world = history(&backup, 0);
    world_put_back(world, WORLD_HUB, &backup, true);
    write_notes(world, 1, 2);
    must_settle(world, "the first time", 0);
    write_notes(world, 2, 1);
    must_settle(world, "in between", 0);
    world_put_back(world, WORLD_HUB, &backup, true);
    write_notes(world, 0, 2);
    must_settle(world, "the second time", 0);
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    assert_true(log_of(world, WORLD_HUB)->epoch_count >= 3);
    store_release(&backup);
    world_free(world);
}

static void a_hub_that_was_not_told_learns_it_from_what_it_signed(void **state)
{
    (void)state;
    no_fault();
    struct store backup;
    struct world *world = history(&backup, 0);
    world_put_back(world, WORLD_HUB, &backup, false);
    assert_int_equal(world_store(world, WORLD_HUB)->epoch, 1);
    must_settle(world, "refilling", 0);
    assert_true(world_store(world, WORLD_HUB)->epoch > 1);
    assert_int_equal(store_head(log_of(world, WORLD_HUB), 1).at.n, 12);
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    store_release(&backup);
    world_free(world);
}

/* ---- whatever goes wrong meanwhile ---- */

static void anything_may_go_wrong_while_it_is_refilled(void **state)
{
    (void)state;
    for (int fate = FRAME_LOST; fate <= FRAME_SPOILT; fate++)
        for (uint64_t at = 0;; at++) {
            no_fault();
            struct store backup;
            struct world *world = history(&backup, 0);
            uint64_t from = world_frames(world);
            fault.frame = from + at;
            fault.frame_fate = (enum frame_fate)fate;
            world_put_back(world, WORLD_HUB, &backup, true);
            write_notes(world, 1, 1);
            must_settle(world, "a frame", at);
            assert_int_equal(world_lacking(world) + world_doubled(world), 0);
            bool over = world_frames(world) <= fault.frame;
            store_release(&backup);
            world_free(world);
            if (over)
                break;
        }
}

static void any_commit_may_fail_while_it_is_refilled(void **state)
{
    (void)state;
    for (int fate = COMMIT_LOST; fate <= COMMIT_UNKNOWN; fate++)
        for (uint64_t at = 0;; at++) {
            no_fault();
            struct store backup;
            struct world *world = history(&backup, 0);
            fault.commit = world_commits(world) + at;
            fault.commit_fate = (enum commit_fate)fate;
            world_put_back(world, WORLD_HUB, &backup, true);
            write_notes(world, 1, 1);
            must_settle(world, "a commit", at);
            assert_int_equal(world_lacking(world) + world_doubled(world), 0);
            bool over = world_commits(world) <= fault.commit;
            store_release(&backup);
            world_free(world);
            if (over)
                break;
        }
}

/* Between any two steps of the refilling: the hub starts anew, is put back once more, a laptop starts anew, is cut off,
 * or is gone for good. */
static void a_blow_may_fall_at_any_moment_of_it(void **state)
{
    (void)state;
    no_fault();
    for (int blow = 0; blow < 5; blow++)
        for (uint64_t at = 0; at < 120; at += 1 + at / 60) {
            struct store backup;
            struct world *world = history(&backup, 0);
            world_put_back(world, WORLD_HUB, &backup, true);
            write_notes(world, 1, 1);
            for (uint64_t step = 0; step < at; step++)
                world_step(world);
            if (blow == 0)
                world_crash(world, WORLD_HUB);
            else if (blow == 1)
                world_put_back(world, WORLD_HUB, &backup, at % 2);
            else if (blow == 2)
                world_crash(world, 0);
            else if (blow == 3)
                world_cut(world, 0);
            else
                world_lose_hub(world);
            for (int step = 0; step < 50; step++)
                world_step(world);
            if (blow == 3)
                world_connect(world, 0);
            must_settle(world, "a blow", at + (uint64_t)blow * 1000);
            assert_int_equal(world_lacking(world) + world_doubled(world), 0);
            store_release(&backup);
            world_free(world);
        }
}

/* ---- many things at once, in any order ---- */

static void strike(struct world *world, struct store *backup, unsigned which)
{
    uint32_t spoke = roll(3);
    if (which < 2) {
        world_put_back(world, WORLD_HUB, backup, true);
    } else if (which == 2) {
        world_lose_hub(world);
    } else if (which == 3) {
        world_cut(world, spoke);
        world_connect(world, spoke);
    } else if (which == 4) {
        world_crash(world, spoke);
    } else if (which == 5) {
        world_crash(world, WORLD_HUB);
    } else {
        store_release(backup);
        world_back_up(world, WORLD_HUB, backup);
    }
}

static void after_any_storm_of_restores_all_is_there(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world_config config = {
            .spokes = 3, .sites = 2, .seed = seed, .frame = storm_frame, .commit = storm_commit};
        struct world *world = world_new(&config);
        struct store backup;
        dice = seed * 77 + 1;
        storm_percent = 15;
        world_back_up(world, WORLD_HUB, &backup);
        connect_all(world, 3);
        unsigned restores = 0;
        for (int i = 0; i < 150; i++) {
            unsigned act = roll(100);
            if (act < 30)
                world_record(world, act % 3, roll(2));
            else if (act < 40) {
                unsigned which = roll(8);
                restores += which < 3;
                if (which >= 3 || restores < 10) /* a log has room for so many epochs */
                    strike(world, &backup, which);
            }
            for (unsigned n = roll(12); n > 0; n--)
                world_step(world);
        }
        storm_percent = 0;
        uint64_t cleared = world_now(world);
        must_settle(world, "a storm of seed", seed);
        assert_in_range(world_now(world) - cleared, 0, 10 * 60 * 1000);
        if (world_lacking(world) + world_doubled(world) != 0)
            fail_msg("seed %llu: %u lacking, %u twice", (unsigned long long)seed, world_lacking(world),
                     world_doubled(world));
        store_release(&backup);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_put_back_is_refilled_and_every_position_is_the_old_one),
        cmocka_unit_test(two_laptops_refill_it_between_them),
        cmocka_unit_test(what_comes_late_finds_its_old_place),
        cmocka_unit_test(what_nobody_had_received_is_pushed_again),
        cmocka_unit_test(a_hub_that_lost_all_gets_all_back),
        cmocka_unit_test(a_backup_put_back_twice_is_no_worse),
        cmocka_unit_test(a_hub_that_was_not_told_learns_it_from_what_it_signed),
        cmocka_unit_test(anything_may_go_wrong_while_it_is_refilled),
        cmocka_unit_test(any_commit_may_fail_while_it_is_refilled),
        cmocka_unit_test(a_blow_may_fall_at_any_moment_of_it),
        cmocka_unit_test(after_any_storm_of_restores_all_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
