/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's queue: what will happen, by virtual time and then by the order in which it was said; the random
 * numbers; the trace. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

uint64_t sim_random(struct sim *sim)
{
    uint64_t z = sim->random += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t sim_below(struct sim *sim, uint32_t bound)
{
    return bound ? (uint32_t)(((sim_random(sim) >> 32) * bound) >> 32) : 0;
}

bool sim_chance(struct sim *sim, uint32_t in_10000)
{
    return in_10000 > 0 && sim_below(sim, 10000) < in_10000;
}

/* ---- the queue: a binary heap ---- */

static bool before(const struct due *a, const struct due *b)
{
    return a->at != b->at ? a->at < b->at : a->serial < b->serial;
}

struct task *sim_later(struct sim *sim, uint64_t at, enum task_kind kind, uint32_t node, uint64_t life)
{
    if (sim->queue_count == sim->queue_cap) {
        sim->queue_cap = sim->queue_cap ? sim->queue_cap * 2 : 64;
        sim->queue = realloc(sim->queue, sim->queue_cap * sizeof *sim->queue);
        if (!sim->queue)
            abort();
    }
    struct task *item = calloc(1, sizeof *item);
    if (!item)
        abort();
    item->kind = kind;
    item->node = node;
    item->life = life;
    item->born = sim->steps;
    struct due due = {at > sim->now ? at : sim->now, sim->serial++, item};
    uint32_t i = sim->queue_count++;
    for (; i > 0 && before(&due, &sim->queue[(i - 1) / 2]); i = (i - 1) / 2)
        sim->queue[i] = sim->queue[(i - 1) / 2];
    sim->queue[i] = due;
    return item;
}

uint64_t sim_next_at(const struct sim *sim)
{
    return sim->queue_count > 0 ? sim->queue[0].at : UINT64_MAX;
}

struct task *sim_take(struct sim *sim)
{
    if (sim->queue_count == 0)
        return NULL;
    struct task *item = sim->queue[0].item;
    struct due last = sim->queue[--sim->queue_count];
    uint32_t i = 0;
    for (;;) {
        uint32_t child = 2 * i + 1;
        if (child >= sim->queue_count)
            break;
        if (child + 1 < sim->queue_count && before(&sim->queue[child + 1], &sim->queue[child]))
            child++;
        if (!before(&sim->queue[child], &last))
            break;
        sim->queue[i] = sim->queue[child];
        i = child;
    }
    sim->queue[i] = last;
    return item;
}

void task_free(struct task *item)
{
    buffer_release(&item->header);
    lent_return(&item->body);
    batch_free(item->spoke_ask.batch);
    buffer_release(&item->spoke_ask.header);
    lent_return(&item->spoke_ask.body);
    free(item->spoke_ask.receipt);
    free(item->spoke_ask.welcome);
    free(item->spoke_ask.keys);
    batch_free(item->hub_ask.batch);
    buffer_release(&item->hub_ask.header);
    lent_return(&item->hub_ask.body);
    free(item->hub_ask.keys);
    lent_return(&item->spoke_done.body);
    lent_return(&item->hub_done.body);
    free(item->hashes);
    free(item->ids);
    free(item->missing);
    free(item->draft);
    free(item);
}

/* ---- the trace ---- */

void sim_note(struct sim *sim, uint32_t node, const char *what, uint64_t a, uint64_t b, uint64_t c)
{
    sim->notes[sim->note_count++ % TRACE_MAX] = (struct note){sim->now, a, b, c, node, what};
    uint64_t h = sim->fingerprint;
    const uint64_t mixed[] = {sim->now, node, a, b, c, (uint8_t)what[0]};
    for (size_t i = 0; i < sizeof mixed / sizeof mixed[0]; i++) {
        h = (h ^ mixed[i]) * 0x9fb21c651e98df25u;
        h ^= h >> 29;
    }
    sim->fingerprint = h;
}

void sim_fail(struct sim *sim, const char *format, ...)
{
    if (sim->problem[0])
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(sim->problem, sizeof sim->problem, format, args);
    va_end(args);
}

void sim_tell(const struct sim *sim, uint32_t lines)
{
    uint32_t most = lines < TRACE_MAX ? lines : TRACE_MAX;
    uint64_t from = sim->note_count > most ? sim->note_count - most : 0;
    for (uint64_t i = from; i < sim->note_count; i++) {
        const struct note *n = &sim->notes[i % TRACE_MAX];
        if (n->node == SIM_HUB)
            (void)fprintf(stderr, "%9.3f  hub       ", (double)n->at / 1000);
        else
            (void)fprintf(stderr, "%9.3f  laptop %-2u ", (double)n->at / 1000, n->node);
        const char *c = n->what;
        const uint64_t values[] = {n->a, n->b, n->c};
        for (uint32_t v = 0; *c; c++) { /* each % stands for the next value */
            if (*c == '%' && v < 3)
                (void)fprintf(stderr, "%llu", (unsigned long long)values[v++]);
            else
                (void)fputc(*c, stderr);
        }
        (void)fputc('\n', stderr);
    }
}
