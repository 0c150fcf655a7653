/* SPDX-License-Identifier: Apache-2.0 */
/* Both sync machines joined: a laptop that was set back or copied goes on, whatever else goes wrong meanwhile. Both its
 * histories are at the hub. */
#include "tests/unit/given_restores.h"

/* ---- a laptop that was set back, or copied ---- */

static void a_laptop_that_was_set_back_goes_on(void **state)
{
    (void)state;
    no_fault();
    struct world *world = given(2, 0);
    struct store backup;
    connect_all(world, 2);
    write_notes(world, 0, 3);
    write_notes(world, 1, 1);
    must_settle(world, "the beginning", 0);
    world_back_up(world, 0, &backup);
    write_notes(world, 0, 3);
    must_settle(world, "what is forgotten", 0);
    world_cut(world, 0);
    world_put_back(world, 0, &backup, false);
    write_notes(world, 0, 2); /* on the branch that begins here */
    world_connect(world, 0);
    write_notes(world, 0, 1);
    must_settle(world, "going on", 0);
    assert_int_equal(world_store(world, 0)->incarnation, 2);
    assert_int_equal(log_of(world, 0)->own_count, 3); /* its own branch, written again; the other came from the hub */
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    store_release(&backup);
    world_free(world);
}

static void two_copies_of_a_laptop_go_on_side_by_side(void **state)
{
    (void)state;
    no_fault();
    for (unsigned late = 0; late < 2; late++) {
        struct world *world = given(3, 0);
        connect_all(world, 3);
        write_notes(world, 0, 3);
        must_settle(world, "the beginning", 0);
        world_cut(world, 2);
        world_cut(world, 0);
        if (late)
            write_notes(world, 0, 1); /* saved, and in both copies */
        world_clone(world, 2, 0);
        write_notes(world, 2, 2);
        write_notes(world, 0, 2);
        world_connect(world, 0);
        world_connect(world, 2);
        for (int i = 0; i < 40; i++)
            world_step(world);
        write_notes(world, 0, 1);
        write_notes(world, 2, 1);
        must_settle(world, "two copies", late);
        assert_true(world_store(world, 0)->incarnation != world_store(world, 2)->incarnation);
        assert_int_equal(world_lacking(world) + world_doubled(world), 0);
        /* what both copies had saved may be there twice, as what each of them says; all else once */
        assert_in_range(world_doubled(world), 0, late);
        world_free(world);
    }
}

/* The hub is put back, and the laptop too. It was going on, or is to. */
static void a_set_back_laptop_at_a_hub_that_was_put_back(void **state)
{
    (void)state;
    no_fault();
    struct world *world = given(2, 0);
    struct store laptop, hub;
    connect_all(world, 2);
    write_notes(world, 0, 3);
    must_settle(world, "the beginning", 0);
    world_back_up(world, 0, &laptop);
    write_notes(world, 0, 2);
    must_settle(world, "more", 0);
    world_back_up(world, WORLD_HUB, &hub);
    write_notes(world, 0, 2);
    must_settle(world, "more", 1);
    world_cut(world, 0);
    world_put_back(world, 0, &laptop, false);
    world_put_back(world, WORLD_HUB, &hub, true);
    write_notes(world, 0, 1);
    world_connect(world, 0);
    must_settle(world, "both", 0);
    assert_int_equal(world_lacking(world) + world_doubled(world), 0);
    store_release(&laptop);
    store_release(&hub);
    world_free(world);
}

static void a_site_that_it_is_not_let_into_keeps_nobody_from_going_on(void **state)
{
    (void)state;
    no_fault();
    struct world_config config = {.spokes = 2, .sites = 2, .frame = on_frame, .commit = on_commit};
    struct world *world = world_new(&config);
    struct store backup;
    connect_all(world, 2);
    world_record(world, 0, 0);
    world_record(world, 0, 1);
    must_settle(world, "the beginning", 0);
    world_back_up(world, 0, &backup);
    world_record(world, 0, 0);
    must_settle(world, "more", 0);
    world_cut(world, 0);
    world_put_back(world, 0, &backup, false);
    world_let_in(world, 0, 1, false);
    world_record(world, 0, 0);
    world_connect(world, 0);
    must_settle(world, "one site of two", 0);
    assert_int_equal(world_store(world, 0)->incarnation, 2);
    store_release(&backup);
    world_free(world);
}

/* Set back between any two steps of its going on, once more: the next incarnation again is another's. */
static void a_blow_may_fall_while_it_goes_on(void **state)
{
    (void)state;
    no_fault();
    for (int blow = 0; blow < 4; blow++)
        for (uint64_t at = 0; at < 80; at += 1 + at / 40) {
            struct world *world = given(2, 0);
            struct store backup, hub;
            connect_all(world, 2);
            write_notes(world, 0, 2);
            must_settle(world, "the beginning", 0);
            world_back_up(world, 0, &backup);
            write_notes(world, 0, 2);
            must_settle(world, "what is forgotten", 0);
            world_back_up(world, WORLD_HUB, &hub);
            write_notes(world, 1, 1);
            must_settle(world, "what the hub will forget", 0);
            world_put_back(world, 0, &backup, false);
            for (uint64_t step = 0; step < at; step++)
                world_step(world);
            if (blow == 0)
                world_crash(world, 0);
            else if (blow == 1)
                world_crash(world, WORLD_HUB);
            else if (blow == 2)
                world_put_back(world, WORLD_HUB, &hub, true);
            else
                world_put_back(world, 0, &backup, false);
            write_notes(world, 0, 1);
            must_settle(world, "a blow", at + (uint64_t)blow * 1000);
            assert_int_equal(world_lacking(world), 0);
            store_release(&backup);
            store_release(&hub);
            world_free(world);
        }
}

/* ---- many things at once, in any order ---- */

static void strike(struct world *world)
{
    uint32_t spoke = roll(3), which = roll(3);
    if (which == 0) {
        world_cut(world, spoke);
        world_connect(world, spoke);
    } else {
        world_crash(world, which == 1 ? spoke : WORLD_HUB);
    }
}

static void after_any_storm_of_copies_all_is_there(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world_config config = {
            .spokes = 4, .sites = 2, .seed = seed, .frame = storm_frame, .commit = storm_commit};
        struct world *world = world_new(&config);
        struct store backups[4];
        dice = seed * 7777 + 5;
        storm_percent = 15;
        for (uint32_t i = 0; i < 4; i++) {
            world_back_up(world, i, &backups[i]);
            world_connect(world, i);
        }
        for (int i = 0; i < 150; i++) {
            unsigned act = roll(100);
            uint32_t spoke = roll(4);
            if (act < 30) {
                world_record(world, spoke, roll(2));
            } else if (act < 34) {
                world_put_back(world, spoke, &backups[spoke], false);
            } else if (act < 38) {
                store_release(&backups[spoke]);
                world_back_up(world, spoke, &backups[spoke]);
            } else if (act == 38 && i > 60) { /* 3 becomes a copy of another: its own disk is gone */
                world_clone(world, 3, roll(3));
                store_release(&backups[3]);
                world_back_up(world, 3, &backups[3]);
            } else if (act < 44) {
                strike(world);
            }
            for (unsigned n = roll(12); n > 0; n--)
                world_step(world);
        }
        storm_percent = 0;
        uint64_t cleared = world_now(world);
        must_settle(world, "a storm of copies of seed", seed);
        assert_in_range(world_now(world) - cleared, 0, 10 * 60 * 1000);
        if (world_lacking(world) != 0)
            fail_msg("seed %llu: %u lacking", (unsigned long long)seed, world_lacking(world));
        for (uint32_t i = 0; i < 4; i++)
            store_release(&backups[i]);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_laptop_that_was_set_back_goes_on),
        cmocka_unit_test(two_copies_of_a_laptop_go_on_side_by_side),
        cmocka_unit_test(a_set_back_laptop_at_a_hub_that_was_put_back),
        cmocka_unit_test(a_site_that_it_is_not_let_into_keeps_nobody_from_going_on),
        cmocka_unit_test(a_blow_may_fall_while_it_goes_on),
        cmocka_unit_test(after_any_storm_of_copies_all_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
