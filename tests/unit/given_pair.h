/* SPDX-License-Identifier: Apache-2.0 */
/* A spoke and its hub, and everything shared between them at once. */
#ifndef FELLOE_TESTS_GIVEN_PAIR_H
#define FELLOE_TESTS_GIVEN_PAIR_H

#include "tests/unit/given_log.h"

/* A spoke with `count` notes, and its hub. */
struct pair {
    struct given_log *spoke, *hub;
};
static inline struct pair pair_with(unsigned count)
{
    struct pair p;
    p.hub = given_log(ROLE_HUB, NULL);
    p.spoke = given_log(ROLE_SPOKE, p.hub);
    if (count > 0)
        record_notes(p.spoke, count);
    return p;
}
static inline void pair_end(struct pair *p)
{
    given_log_end(p->spoke);
    given_log_end(p->hub);
}

static inline void push_all(struct pair *p)
{
    struct log_job job;
    for (uint64_t seq = 1; seq <= own_head(p->spoke, NULL).seq;) {
        seq += push(p->spoke, p->hub, seq, &job);
        assert_int_equal(job.code, FELLOE_OK);
    }
}

static inline void feed_all(struct given_log *hub, struct given_log *spoke, uint32_t max_bytes)
{
    struct log_job job;
    for (;;) {
        uint64_t n = site_head(spoke).at.n;
        if (feed(hub, spoke, (struct position){1, n + 1}, max_bytes, &job) == 0)
            return;
        if (job.code != FELLOE_OK)
            fail_msg("%s", job.error.message);
    }
}

static inline void assert_same_log(struct given_log *a, struct given_log *b)
{
    struct log_reader *ra = reader_of(a), *rb = reader_of(b);
    struct log_walk wa, wb;
    struct log_item ia, ib;
    struct log_head ha = site_head(a), hb = site_head(b);
    assert_memory_equal(&ha.hash, &hb.hash, sizeof ha.hash);
    assert_int_equal(ha.at.n, hb.at.n);
    log_walk_begin(&wa, ra, bytes_str(SITE), (struct position){0});
    log_walk_begin(&wb, rb, bytes_str(SITE), (struct position){0});
    uint64_t count = 0;
    while (log_walk_next(&wa, &ia)) {
        assert_true(log_walk_next(&wb, &ib));
        assert_int_equal(position_compare(ia.at, ib.at), 0);
        assert_true(bytes_equal(ia.event, ib.event));
        count++;
    }
    assert_false(log_walk_next(&wb, &ib));
    assert_int_equal(count, ha.at.n);
    log_walk_end(&wa);
    log_walk_end(&wb);
    log_reader_end(ra);
    log_reader_end(rb);
}

#endif
