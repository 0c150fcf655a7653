/* SPDX-License-Identifier: Apache-2.0 */
/* The deterministic simulator: one hub and some laptops in one virtual world (clock, network, disks, workers, faults),
 * all of it decided by one seed. The machines, the codecs, the seal and the fold are the product's own objects; what is
 * here takes the place of daemon/. See README.md beside this file for what is simulated, and what not yet. */
#ifndef FELLOE_TESTS_SIM_H
#define FELLOE_TESTS_SIM_H

#include <stdbool.h>
#include <stdint.h>

/* Deliberate breakages of the driver's side, each of which the simulator has to catch: the test of the test. */
enum breakage {
    BREAK_NOTHING,
    BREAK_HUB_ACKS_EARLY,    /* the hub says "kept" before its commit: a crash then loses what was acknowledged */
    BREAK_SAVED_EARLY,       /* a laptop says "saved" before its commit */
    BREAK_RECEIPT_VOLATILE,  /* a laptop forgets to make a receipt durable */
    BREAK_CURSOR_ALONE,      /* a cursor is made durable in another transaction than its entries */
    BREAK_POSITION_REUSED,   /* the hub gives a position again after a crash */
    BREAK_UNKNOWN_IS_FAILED, /* an unknown commit is taken for a failed one, and done again */
    BREAK_CHAIN_UNCHECKED,   /* after a restart the hub takes a stream from where one event is missing */
    BREAK_FEED_SKIPS,        /* the hub's reader leaves an entry out */
    BREAK_KEYS_DROPPED,      /* the hub keeps a PUSH's events and forgets the keys that came along */
    BREAK_VIEW_SKIPS,        /* the views' cursor moves past an event that was not folded */
    BREAK_SEEN_TOO_MUCH,     /* `seen` says what was received, not what was shown */
    BREAK_LAST_WINS,         /* the fold lets each write overwrite all that came before it: edits vanish */
    BREAK_OFFER_UNCHECKED,   /* what a restored hub gets back is not held against the hash that it once signed */
    BREAK_SAME_EPOCH,        /* a restored hub goes on giving positions in its epoch */
    BREAK_NO_AFTER,          /* a new incarnation's events do not say how far the earlier ones are its own */
    BREAK_REMAKES_HELD,      /* what the hub has is written again */
    BREAK_REMAKES_TODAY,     /* what is written again says that it has seen all that is here today */
    BREAK_GOES_ON_EARLY,     /* a laptop goes on as the next incarnation before it has what the hub holds */
    BREAK_LOWERED_FORGOTTEN, /* a lowered receipt is not made durable */
    BREAK_NUMBERS_ANEW,      /* a machine that is made anew counts its requests from 1 on the same connection */
    BREAK_ASIDE_DROPPED,     /* of what a revoked laptop hands over one event is left out */
    BREAK_TERMS_REPLAYED,    /* a machine that is made anew gets the secret of before: old terms answer its HELLOs */
    BREAK_LOOKS_FORGOTTEN,   /* a laptop that goes on does not carry over looks without a receipt */
    BREAK_COUNT
};
const char *breakage_name(enum breakage breakage);

struct sim_result {
    bool held; /* every invariant did */
    char problem[400];
    uint64_t fingerprint; /* of all that happened: equal for equal seeds */
    uint64_t steps, frames, events, crashes;
    uint64_t set_backs,
        held_back; /* laptops whose disks became others; faults that README.md says are told, not healed */
    uint64_t restores, refilled, proofs, forks, again; /* the hub was set back or lost; entries it got back; it learned
                                                          of it by itself; laptops that went on; events written again */
    uint64_t replays;                                  /* WELCOMEs of before that somebody played again */
    uint64_t aside;                                    /* events that revoked laptops handed over */
    uint64_t healed_ms;                                /* virtual time from the end of all faults to convergence */
    const char *excluded; /* the world ended early, with what is told and not healed (README.md); NULL: it did not */
};

/* Runs one seed to its end. When something did not hold, the last `trace` steps are told on stderr. */
void sim_run(uint64_t seed, enum breakage breakage, uint32_t trace, struct sim_result *out);

#endif
