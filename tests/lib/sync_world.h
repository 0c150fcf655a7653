/* SPDX-License-Identifier: Apache-2.0 */
/* A hub and some spokes in one process: the real sync machines, joined by a network, disks and a clock that exist in
 * memory only. What happens next is decided by a seed (0: strictly first in, first out), so every run can be replayed;
 * a test hangs faults on the frames and the commits. Invariants are checked as it runs: see world_problem. */
#ifndef FELLOE_TESTS_SYNC_WORLD_H
#define FELLOE_TESTS_SYNC_WORLD_H

#include "proto/sync/sync_hub.h"
#include "proto/sync/sync_spoke.h"
#include "tests/lib/sync_store.h"

#define WORLD_HUB UINT32_MAX /* as a node's number */

enum frame_fate {
    FRAME_PASSES,
    FRAME_LOST,
    FRAME_DOUBLED,
    FRAME_SWAPPED, /* with the next one the same way */
    FRAME_SPOILT   /* one bit of it is another */
};
enum commit_fate {
    COMMIT_OK,
    COMMIT_LOST,   /* it failed, and nothing of it is there */
    COMMIT_UNKNOWN /* it failed, and all of it is there */
};

struct world;
struct world_config {
    uint32_t spokes, sites;  /* site 0 is everybody's; spoke i is also in site 1 + i % (sites - 1) */
    uint64_t seed;
    uint32_t epoch;          /* 0: 1 */
    /* Asked for each frame as it is sent, and each commit as it is done; indexes count from 0. NULL: all is well. */
    enum frame_fate (*frame)(void *context, uint64_t index, bool up, uint32_t spoke, enum message_kind kind);
    enum commit_fate (*commit)(void *context, uint64_t index, uint32_t node);
    /* Called right before and right after each step of a machine. */
    void (*around)(void *context, bool begins);
    void *context;
    bool silent_cuts;        /* the hub is not told that a connection is gone */
};

struct world *world_new(const struct world_config *config);
void world_free(struct world *world);

/* The spoke records one event: it is saved at once. */
void world_record(struct world *world, uint32_t spoke, uint32_t site);
void world_connect(struct world *world, uint32_t spoke);
void world_cut(struct world *world, uint32_t spoke);
/* The node loses all but its store, and starts again (connected, if it was). */
void world_crash(struct world *world, uint32_t node);

/* What the node's store holds, to be put back later: the node then starts from it. A hub is told that it was restored
 * (and begins a new epoch), or is not. */
void world_back_up(struct world *world, uint32_t node, struct store *out);
void world_put_back(struct world *world, uint32_t node, const struct store *backup, bool told);
/* The hub's log is gone; its keys and devices are not. */
void world_lose_hub(struct world *world);
/* Spoke `copy` becomes another laptop with the keys and the store of `of`. */
void world_clone(struct world *world, uint32_t copy, uint32_t of);
/* Spoke's site may be left out of what the hub lets it into, or let in again. */
void world_let_in(struct world *world, uint32_t spoke, uint32_t site, bool in);

/* One thing happens; when nothing is left to happen, time goes on to the next deadline. */
void world_step(struct world *world);
/* Steps until all logs are the same and all is shared; false when that takes more than `steps`. */
bool world_settle(struct world *world, uint64_t steps);
bool world_settled(const struct world *world);
/* Steps until nothing is under way any more; no deadline is waited for. */
void world_drain(struct world *world);
/* Lets time pass with nothing new, at least `ms`. */
void world_idle(struct world *world, uint64_t ms);

/* The first invariant that did not hold, in words; NULL while all do. */
const char *world_problem(const struct world *world);
/* Of what was recorded, how much is not at the hub, whatever event says it: only what some laptop had not shared before
 * its disk was set back may be lacking. And how much is said there by more than one event. */
uint32_t world_lacking(const struct world *world);
uint32_t world_doubled(const struct world *world);
uint64_t world_frames(const struct world *world);  /* sent so far */
uint64_t world_commits(const struct world *world);
uint64_t world_now(const struct world *world);
/* Each frame sent so far: "0> HELLO", "0< WELCOME", … one a line. */
const char *world_trace(struct world *world);
/* A hash over every frame's bytes in order: two runs of the same seed have the same. */
uint64_t world_fingerprint(const struct world *world);

struct store *world_store(struct world *world, uint32_t node);
struct spoke *world_spoke(struct world *world, uint32_t spoke);
struct hub *world_hub(struct world *world);

#endif
