/* SPDX-License-Identifier: Apache-2.0 */
/* Which writes stand, worked out in one pass, against the rule itself: every pair of writes looked at by itself. The
 * histories are drawn by lot and need not be true ones: what a laptop claims, it can claim falsely. */
#include "tests/unit/given.h"

#include "proto/domain/register.h"

#define WRITES_MAX 160
#define MARKS 3

struct drawn {
    struct stamp stamp;
    struct site_mark at[MARKS], seen[MARKS];
    struct branch after[MARKS];
    uint8_t value;
    bool witness, stands;
};

/* How varied a history is. */
struct kind {
    uint32_t writes, devices, incarnations, epochs, numbers, sites;
};

static struct drawn drawn[WRITES_MAX];
static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % sides;
}

/* A tag; of several sites also one that is set apart. */
static uint32_t draw_site(const struct kind *kind)
{
    return kind->sites < 2 ? 2 : 2 + dice(2 * kind->sites);
}

static uint32_t draw_marks(const struct kind *kind, struct site_mark *out)
{
    uint32_t count = 0, epoch = 0;
    while (count < MARKS && dice(3) > 0 && (epoch += 1 + dice(1 + kind->epochs / 3)) <= kind->epochs)
        out[count++] = (struct site_mark){draw_site(kind), epoch, 1 + dice(2 * kind->numbers)};
    return count;
}

static uint32_t draw_branches(const struct kind *kind, struct branch *out)
{
    uint32_t count = 0, incarnation = 0;
    while (count < MARKS && dice(3) > 0 && (incarnation += 1 + dice(2)) <= kind->incarnations)
        out[count++] = (struct branch){incarnation, 1 + dice(kind->numbers)};
    return count;
}

static void draw(const struct kind *kind, struct drawn *d, uint32_t number)
{
    *d = (struct drawn){.value = (uint8_t)dice(3), .witness = dice(6) == 0};
    d->stamp = (struct stamp){.device = {{(uint8_t)(1 + dice(kind->devices))}},
                              .home = draw_site(kind) & ~MARK_APART,
                              .incarnation = 1 + dice(kind->incarnations),
                              .seq = 1 + dice(kind->numbers),
                              .time = dice(5),
                              .id = {{(uint8_t)number}}};
    d->stamp.at = (struct marks){d->at, draw_marks(kind, d->at)};
    d->stamp.seen = (struct marks){d->seen, draw_marks(kind, d->seen)};
    d->stamp.after = (struct branch_marks){d->after, draw_branches(kind, d->after)};
}

/* The rule, pair by pair. */
static uint32_t decide(uint32_t count)
{
    uint32_t standing = 0, all = 0;
    bool gone[WRITES_MAX] = {false};
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t k = 0; k < count; k++)
            gone[i] = gone[i] || (!drawn[k].witness && stamp_has_seen(&drawn[k].stamp, &drawn[i].stamp));
        drawn[i].stands = !drawn[i].witness && !gone[i];
        standing += drawn[i].stands;
    }
    for (uint32_t i = 0; i < count && standing == 0; i++)
        drawn[i].stands = !drawn[i].witness;
    for (uint32_t i = 0; i < count && count > 1; i++)
        for (uint32_t k = 0; k < count && drawn[i].witness && !gone[i]; k++)
            if (!drawn[k].witness && drawn[k].stands && drawn[k].value != drawn[i].value &&
                !stamp_has_seen(&drawn[i].stamp, &drawn[k].stamp))
                drawn[i].stands = true;
    for (uint32_t i = 0; i < count; i++)
        all += drawn[i].stands;
    return all;
}

/* The pass, with the writes in this order. */
static void assert_stands(const uint32_t *order, uint32_t count, uint32_t expected)
{
    struct write writes[WRITES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        const struct drawn *d = &drawn[order[i]];
        writes[i] = (struct write){.stamp = &d->stamp, .value = bytes_of(&d->value, 1), .witness = d->witness};
    }
    assert_int_equal(register_standing(writes, count), expected);
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(drawn[writes[i].stamp->id.b[0]].stands, i < expected);
}

static void every_order(uint32_t *order, uint32_t from, uint32_t count, uint32_t expected)
{
    if (from == count)
        assert_stands(order, count, expected);
    for (uint32_t i = from; i < count; i++) {
        uint32_t first = order[i];
        order[i] = order[from];
        order[from] = first;
        every_order(order, from + 1, count, expected);
        order[from] = order[i];
        order[i] = first;
    }
}

/* Draws one history; returns how many of its writes stand. */
static uint32_t draw_history(const struct kind *kind, uint32_t *order)
{
    for (uint32_t i = 0; i < kind->writes; i++) {
        draw(kind, &drawn[i], i);
        order[i] = i;
    }
    return decide(kind->writes);
}

static void few_writes_in_every_order(void **state)
{
    (void)state;
    static const struct kind kinds[] = {{2, 1, 2, 1, 2, 1}, {3, 1, 3, 2, 3, 1}, {4, 2, 2, 2, 3, 2}, {5, 2, 3, 2, 3, 2}};
    uint32_t some = 0, one = 0, order[WRITES_MAX];
    dice_state = 3;
    for (uint32_t round = 0; round < 8000; round++) {
        const struct kind *kind = &kinds[round % 4];
        uint32_t expected = draw_history(kind, order);
        every_order(order, 0, kind->writes, expected);
        one += expected == 1;
        some += expected > 1 && expected < kind->writes;
    }
    assert_true(one > 800 && some > 800); /* there was something to decide */
}

/* Beyond the room that the pass has for epochs, for streams and for branches too. */
static void many_writes_in_some_orders(void **state)
{
    (void)state;
    static const struct kind kinds[] = {{150, 3, 4, 3, 60, 1}, {150, 8, 3, 16, 40, 2},  {150, 8, 3, 24, 40, 3},
                                        {150, 90, 2, 3, 9, 1}, {150, 60, 4, 2, 200, 2}, {60, 8, 3, 4, 30, 2},
                                        {150, 2, 5, 2, 400, 1}};
    uint32_t order[WRITES_MAX];
    dice_state = 4;
    for (uint32_t round = 0; round < 700; round++) {
        const struct kind *kind = &kinds[round % 7];
        uint32_t expected = draw_history(kind, order);
        for (uint32_t shuffle = 0; shuffle < 4; shuffle++) {
            for (uint32_t i = kind->writes - 1; i > 0; i--) {
                uint32_t other = dice(i + 1), moved = order[i];
                order[i] = order[other];
                order[other] = moved;
            }
            assert_stands(order, kind->writes, expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_writes_in_every_order),
        cmocka_unit_test(many_writes_in_some_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
