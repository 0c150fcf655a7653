/* SPDX-License-Identifier: Apache-2.0 */
/* felloe-sim: runs the simulator over many seeds, or one.
 *
 *   felloe-sim [--seed S] [--seeds N] [--from S] [--break B] [--trace LINES] [--failures N]
 *
 * Stops at the first seed that fails (or the Nth, without their traces): its number, its last steps (60), and how to
 * replay it. --break sets off one of the deliberate breakages of sim.h. */
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/sim/sim.h"

struct totals {
    uint64_t seeds, steps, frames, events, crashes, set_backs, held_back, restores, refilled, proofs, forks, again,
        aside, replays, excluded;
    uint64_t longest_ms, longest_seed;
};

/* Which program it was: `make sim` says so. */
static const char *commit(void)
{
    const char *given = getenv("SIM_COMMIT");
    return given && given[0] ? given : "not told";
}

static bool one(uint64_t seed, enum breakage breakage, uint32_t trace, struct totals *totals)
{
    struct sim_result result, again;
    sim_run(seed, breakage, trace, &result);
    totals->seeds++;
    totals->steps += result.steps;
    totals->frames += result.frames;
    totals->events += result.events;
    totals->crashes += result.crashes;
    totals->set_backs += result.set_backs;
    totals->held_back += result.held_back;
    totals->restores += result.restores;
    totals->refilled += result.refilled;
    totals->proofs += result.proofs;
    totals->forks += result.forks;
    totals->again += result.again;
    totals->aside += result.aside;
    totals->replays += result.replays;
    totals->excluded += result.excluded != NULL;
    if (result.healed_ms > totals->longest_ms) {
        totals->longest_ms = result.healed_ms;
        totals->longest_seed = seed;
    }
    if (!result.held) {
        (void)fprintf(stderr, "seed %" PRIu64 " failed: %s\n", seed, result.problem);
        (void)fprintf(stderr, "commit %s; replay it with: make sim SEED=%" PRIu64 " TRACE=2000\n", commit(), seed);
        return false;
    }
    if (seed % 100 != 0)
        return true;
    sim_run(seed, breakage, 0, &again);
    if (again.fingerprint != result.fingerprint) {
        (void)fprintf(stderr, "seed %" PRIu64 " is not the same twice: something asks the world outside\n", seed);
        return false;
    }
    return true;
}

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (*text == '\0' || *end != '\0') {
        (void)fprintf(stderr, "felloe-sim: '%s' is not a number\n", text);
        exit(2);
    }
    return number;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, seeds = 1000, failed = 0;
    uint64_t stop_after = 1, trace = 60;
    enum breakage breakage = BREAK_NOTHING;
    struct totals totals = {0};
    if (sodium_init() < 0)
        return 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        uint64_t number = number_of(argv[i + 1]);
        if (strcmp(argv[i], "--seed") == 0) {
            from = number;
            seeds = 1;
        } else if (strcmp(argv[i], "--seeds") == 0)
            seeds = number;
        else if (strcmp(argv[i], "--from") == 0)
            from = number;
        else if (strcmp(argv[i], "--trace") == 0)
            trace = number;
        else if (strcmp(argv[i], "--failures") == 0)
            stop_after = number;
        else if (strcmp(argv[i], "--break") == 0 && number < BREAK_COUNT)
            breakage = (enum breakage)number;
        else {
            (void)fprintf(stderr,
                          "felloe-sim [--seed S] [--seeds N] [--from S] [--break B] [--trace LINES] [--failures N]\n");
            return 2;
        }
    }
    struct timespec begin, end;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    for (uint64_t seed = from; seed < from + seeds && failed < stop_after; seed++)
        failed += !one(seed, breakage, stop_after == 1 ? (uint32_t)trace : 0, &totals);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    (void)printf("%" PRIu64 " hubs set back or lost (%" PRIu64 " learned it by themselves), %" PRIu64
                 " entries brought back to them; %" PRIu64 " laptops went on as another incarnation, %" PRIu64
                 " events written again; %" PRIu64 " handed over by revoked ones\n%" PRIu64
                 " laptops set back, copied or without their log; %" PRIu64
                 " WELCOMEs of before played again; %" PRIu64
                 " faults held back and %" PRIu64 " worlds ended, which would be told and not healed\n",
                 totals.restores, totals.proofs, totals.refilled, totals.forks, totals.again, totals.aside,
                 totals.set_backs, totals.replays, totals.held_back, totals.excluded);
    (void)printf("%" PRIu64 " seeds in %.1f s (%.0f a second): %" PRIu64 " steps, %" PRIu64 " frames, %" PRIu64
                 " events, %" PRIu64 " crashes; the longest healing took %.0f s (seed %" PRIu64 "); %s\n",
                 totals.seeds, seconds, (double)totals.seeds / (seconds > 0 ? seconds : 1), totals.steps, totals.frames,
                 totals.events, totals.crashes, (double)totals.longest_ms / 1000, totals.longest_seed,
                 failed ? "FAILED" : "all held");
    return failed ? 1 : 0;
}
