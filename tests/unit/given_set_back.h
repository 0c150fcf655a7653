/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop that was set back while the hub has gone on with what it wrote later, and how it goes on. */
#ifndef FELLOE_TESTS_GIVEN_SET_BACK_H
#define FELLOE_TESTS_GIVEN_SET_BACK_H

#include "tests/unit/given_restored.h"

static inline void record_text(struct given_log *g, const char *format, unsigned from, unsigned to)
{
    char text[80];
    for (unsigned i = from; i <= to; i++) {
        snprintf(text, sizeof text, format, i);
        record_note(g, text);
    }
}

static inline void push_rest(struct given_log *spoke, struct given_log *hub, uint64_t seq)
{
    struct log_job job;
    while (seq <= own_head(spoke, NULL).seq) {
        seq += push(spoke, hub, seq, &job);
        if (job.code != FELLOE_OK)
            fail_msg("%s", job.error.message);
    }
}

/* A laptop's log is put back to how it was when it had shared `shared` of its events, written `unshared` more, and then
 * gone on to share `lost` others. So the hub has another history from `shared` + 1 on. */
static inline struct pair set_back_laptop(unsigned shared, unsigned unshared, unsigned lost)
{
    struct pair p = pair_with(0);
    record_text(p.spoke, "shared %u", 1, shared);
    push_rest(p.spoke, p.hub, 1);
    catch_up(p.hub, p.spoke);
    keep_copy(p.spoke);
    record_text(p.spoke, "lost %u", 1, lost);
    push_rest(p.spoke, p.hub, shared + 1);
    put_back(p.spoke);
    record_text(p.spoke, "mine %u", 1, unshared);
    return p;
}

static inline void name_next(struct given_log *g, uint32_t incarnation)
{
    struct log_job job = {.kind = LOG_GOING_ON, .incarnation = incarnation};
    run_well(g, &job);
    assert_int_equal(event_log_going_on(g->log), incarnation);
}

/* As the machine that speaks as the next incarnation already would bring it: own events come whole. */
static inline void catch_up_as(struct given_log *hub, struct given_log *spoke, uint32_t incarnation)
{
    for (;;) {
        struct key_record keys[64];
        uint32_t key_count;
        struct position from = {1, head_in(spoke, 1).at.n + 1};
        struct batch *batch = read_feed_as(hub, spoke, incarnation, from, BODY_TARGET, keys, &key_count);
        struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch, .new_keys = keys, .new_key_count = key_count};
        uint32_t count = batch->count;
        if (count > 0)
            run_well(spoke, &job);
        batch_free(batch);
        if (count == 0)
            return;
    }
}

static inline uint64_t finish(struct given_log *g)
{
    struct log_job job = {.kind = LOG_GO_ON};
    run_well(g, &job);
    reopen(g);
    assert_int_equal(event_log_going_on(g->log), 0);
    return job.remade;
}

#endif
