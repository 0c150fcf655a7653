/* SPDX-License-Identifier: Apache-2.0 */
/* Both sync machines joined: a hub that is put back to an older state, or lost, is refilled by its laptops, and a laptop
 * that was set back or copied goes on, whatever else goes wrong meanwhile. Nothing is there twice, nothing is lacking. */
#include <stdio.h>

#include "tests/lib/sync_world.h"
#include "tests/unit/given.h"

#define STEPS 40000u

/* ---- faults ---- */

struct fault {
    uint64_t frame, commit; /* which; UINT64_MAX: none */
    enum frame_fate frame_fate;
    enum commit_fate commit_fate;
};
static struct fault fault;

static void no_fault(void)
{
    fault = (struct fault){UINT64_MAX, UINT64_MAX, FRAME_PASSES, COMMIT_OK};
}

static enum frame_fate on_frame(void *context, uint64_t index, bool up, uint32_t spoke, enum message_kind kind)
{
    (void)context, (void)up, (void)spoke, (void)kind;
    return index == fault.frame ? fault.frame_fate : FRAME_PASSES;
}

static enum commit_fate on_commit(void *context, uint64_t index, uint32_t node)
{
    (void)context, (void)node;
    return index == fault.commit ? fault.commit_fate : COMMIT_OK;
}

/* ---- the scene ---- */

static struct world *given(uint32_t spokes, uint64_t seed)
{
    struct world_config config = {
        .spokes = spokes, .sites = 1, .seed = seed, .frame = on_frame, .commit = on_commit};
    struct world *world = world_new(&config);
    assert_non_null(world);
    return world;
}

static void write_notes(struct world *world, uint32_t spoke, unsigned count)
{
    while (count-- > 0)
        world_record(world, spoke, 0);
}

static void connect_all(struct world *world, uint32_t spokes)
{
    for (uint32_t i = 0; i < spokes; i++)
        world_connect(world, i);
}

static void must_settle(struct world *world, const char *what, uint64_t where)
{
    bool settled = world_settle(world, STEPS);
    if (!settled || world_problem(world)) {
        const char *trace = world_trace(world);
        size_t len = strlen(trace);
        print_message("%s", trace + (len > 6000 ? len - 6000 : 0));
        fail_msg("%s at %llu: %s", what, (unsigned long long)where,
                 world_problem(world) ? world_problem(world) : "it does not settle");
    }
}

static struct store_site *log_of(struct world *world, uint32_t node)
{
    return &world_store(world, node)->sites[0];
}

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

static uint64_t dice;
static unsigned roll(unsigned sides)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice >> 33) % sides;
}

static unsigned storm_percent;
static enum frame_fate storm_frame(void *context, uint64_t index, bool up, uint32_t spoke, enum message_kind kind)
{
    (void)context, (void)index, (void)up, (void)spoke, (void)kind;
    return roll(100) >= storm_percent ? FRAME_PASSES : (enum frame_fate)(FRAME_LOST + roll(3));
}

static enum commit_fate storm_commit(void *context, uint64_t index, uint32_t node)
{
    (void)context, (void)index, (void)node;
    return roll(100) >= storm_percent / 4 ? COMMIT_OK : roll(2) ? COMMIT_LOST : COMMIT_UNKNOWN;
}

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

static void after_any_storm_of_copies_all_is_there(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world_config config = {.spokes = 4, .sites = 2, .seed = seed, .frame = storm_frame, .commit = storm_commit};
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
                strike(world, NULL, 3 + roll(3));
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
        cmocka_unit_test(a_laptop_that_was_set_back_goes_on),
        cmocka_unit_test(two_copies_of_a_laptop_go_on_side_by_side),
        cmocka_unit_test(a_set_back_laptop_at_a_hub_that_was_put_back),
        cmocka_unit_test(a_site_that_it_is_not_let_into_keeps_nobody_from_going_on),
        cmocka_unit_test(a_blow_may_fall_while_it_goes_on),
        cmocka_unit_test(after_any_storm_of_restores_all_is_there),
        cmocka_unit_test(after_any_storm_of_copies_all_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
