/* SPDX-License-Identifier: Apache-2.0 */
/* The scene in which hubs and laptops are put back, lost or copied: a world in memory, one fault at one place, storms.
 */
#ifndef FELLOE_TESTS_GIVEN_RESTORES_H
#define FELLOE_TESTS_GIVEN_RESTORES_H

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

static inline void no_fault(void)
{
    fault = (struct fault){UINT64_MAX, UINT64_MAX, FRAME_PASSES, COMMIT_OK};
}

static inline enum frame_fate on_frame(void *context, uint64_t index, bool up, uint32_t spoke, enum message_kind kind)
{
    (void)context, (void)up, (void)spoke, (void)kind;
    return index == fault.frame ? fault.frame_fate : FRAME_PASSES;
}

static inline enum commit_fate on_commit(void *context, uint64_t index, uint32_t node)
{
    (void)context, (void)node;
    return index == fault.commit ? fault.commit_fate : COMMIT_OK;
}

/* ---- the scene ---- */

static inline struct world *given(uint32_t spokes, uint64_t seed)
{
    struct world_config config = {
        .spokes = spokes, .sites = 1, .seed = seed, .frame = on_frame, .commit = on_commit};
    struct world *world = world_new(&config);
    assert_non_null(world);
    return world;
}

static inline void write_notes(struct world *world, uint32_t spoke, unsigned count)
{
    while (count-- > 0)
        world_record(world, spoke, 0);
}

static inline void connect_all(struct world *world, uint32_t spokes)
{
    for (uint32_t i = 0; i < spokes; i++)
        world_connect(world, i);
}

static inline void must_settle(struct world *world, const char *what, uint64_t where)
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

static inline struct store_site *log_of(struct world *world, uint32_t node)
{
    return &world_store(world, node)->sites[0];
}

/* ---- many things at once, in any order ---- */

static uint64_t dice;
static inline unsigned roll(unsigned sides)
{
    dice = dice * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(dice >> 33) % sides;
}

static unsigned storm_percent;
static inline enum frame_fate storm_frame(void *context, uint64_t index, bool up, uint32_t spoke,
                                          enum message_kind kind)
{
    (void)context, (void)index, (void)up, (void)spoke, (void)kind;
    return roll(100) >= storm_percent ? FRAME_PASSES : (enum frame_fate)(FRAME_LOST + roll(3));
}

static inline enum commit_fate storm_commit(void *context, uint64_t index, uint32_t node)
{
    (void)context, (void)index, (void)node;
    return roll(100) >= storm_percent / 4 ? COMMIT_OK : roll(2) ? COMMIT_LOST : COMMIT_UNKNOWN;
}

#endif
