/* SPDX-License-Identifier: Apache-2.0 */
/* What a repair in which something fails is given, and what is there once it was done on a sound machine. */
#ifndef FELLOE_TESTS_GIVEN_HIT_HOME_H
#define FELLOE_TESTS_GIVEN_HIT_HOME_H

#include "tests/unit/given_repair.h"

/* A laptop with six notes, one of them hit. */
static inline struct given_log *given_home(void)
{
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    make_home(g);
    record_notes(g, 6);
    struct buffer event = own_bytes(g, 3);
    hit_event(g, &event);
    return g;
}

static inline void given_home_end(struct given_log *g)
{
    queue_destroy(&g->completions);
    given_dir_end(&g->dir);
    free(g);
}

static inline void expect_healed(const struct given_log *g)
{
    const struct held *held = repaired(g, NULL);
    assert_int_equal(held->own_count, 5);
    assert_int_equal(access(given_path(&g->dir, "new-log"), F_OK), -1);
}

#endif
