/* SPDX-License-Identifier: Apache-2.0 */
/* Which world a seed makes, which faults strike it and when, and the healing. */
#include "tests/sim/sim_internal.h"

enum fault {
    FAULT_LOSS,
    FAULT_DOUBLE,
    FAULT_REORDER,
    FAULT_SPOIL,
    FAULT_SLOW,
    FAULT_THIN,   /* of links, all along */
    FAULT_COMMIT, /* of disks, all along */
    FAULT_CUT,
    FAULT_ONE_WAY,
    FAULT_SHUT,
    FAULT_CRASH,
    FAULT_HUB_CRASH,
    FAULT_CLOCK,
    FAULT_FULL,
    FAULT_HUB_FULL,
    FAULT_REVOKE,
    FAULT_SET_BACK,
    FAULT_CLONE,
    FAULT_LOG_GONE,
    FAULT_ROT,
    FAULT_HUB_SET_BACK,
    FAULT_HUB_LOST,
    FAULT_HUB_UNTOLD, /* set back, and nobody tells it */
    FAULT_HUB_ROT,
    FAULT_HUB_WRITES, /* now and then */
    FAULT_COUNT
};

static bool has(const struct sim *sim, enum fault fault)
{
    return sim->plan.faults & (1u << fault);
}

static uint32_t between(struct sim *sim, uint32_t low, uint32_t high)
{
    return low + sim_below(sim, high - low + 1);
}

/* Mostly small teams and few events: what can go wrong with many goes wrong with three. */
void plan_make(struct sim *sim)
{
    struct sim_plan *plan = &sim->plan;
    bool crowd = sim_chance(sim, 50), busy = sim_chance(sim, 100);
    plan->spokes = crowd ? between(sim, 6, 50) : sim_chance(sim, 500) ? 1 : between(sim, 2, 5);
    plan->sites = between(sim, 1, crowd ? SIM_AUDIT : 3);
    plan->audit = sim->seed % 8 == 3 || sim->seed % 8 == 5; /* other seeds make the worlds that they made before */
    plan->persons = between(sim, 1, 4);
    plan->actions = busy ? between(sim, 200, 800) : between(sim, 3, 60);
    plan->chaos_ms = sim_chance(sim, 300) ? between(sim, 600000, 3600000) : between(sim, 5000, 150000);
    plan->work_pause_ms = (uint32_t)(2 * plan->chaos_ms / plan->actions);
    plan->faults = sim_chance(sim, 500) ? 0 : (uint32_t)sim_random(sim) & (uint32_t)sim_random(sim);
    if (sim_chance(sim, 8000)) /* a spoilt world proves less: what no signature covers may be wrong */
        plan->faults &= ~(1u << FAULT_SPOIL);
    if (sim_chance(sim, 1000)) /* a bad month: all disks at once */
        plan->faults |= (1u << FAULT_HUB_WRITES) - (1u << FAULT_SET_BACK);
    plan->faults &= (1u << FAULT_COUNT) - 1;
    plan->fault_pause_ms = between(sim, 500, 40000);
    plan->disk_ms = sim_chance(sim, 1000) ? between(sim, 100, 3000) : between(sim, 1, 30);
    plan->long_notes = sim_chance(sim, 1000) ? between(sim, 1000, 8000) : 0;
    plan->offer_bytes = sim_chance(sim, 5000) ? between(sim, 300, 6000) : 256 * 1024;
    plan->keys_late = sim_chance(sim, 2000) ? 5000 : 0;
    plan->crash_rare = has(sim, FAULT_CRASH) || has(sim, FAULT_HUB_CRASH) ? between(sim, 0, 3000) : 0;
    if (has(sim, FAULT_COMMIT)) {
        plan->commit_lost = between(sim, 0, 400);
        plan->commit_unknown = between(sim, 0, 400);
    }
}

static void set_link(struct sim *sim, struct link *link)
{
    *link = (struct link){.latency_ms = between(sim, 1, 40), .jitter_ms = between(sim, 1, 30)};
    if (has(sim, FAULT_SLOW) && sim_chance(sim, 5000))
        link->latency_ms = between(sim, 200, 9000);
    if (has(sim, FAULT_THIN) && sim_chance(sim, 5000))
        link->bytes_per_ms = between(sim, 1, 20);
    if (has(sim, FAULT_LOSS))
        link->lost = between(sim, 10, 3000);
    if (has(sim, FAULT_DOUBLE))
        link->doubled = between(sim, 10, 2000);
    if (has(sim, FAULT_REORDER))
        link->reordered = between(sim, 10, 3000);
    if (has(sim, FAULT_SPOIL))
        link->spoilt = between(sim, 10, 500);
}

/* ---- what strikes now and then ---- */

static int64_t any_skew(struct sim *sim)
{
    static const int64_t skews[] = {0, 1800000, -1800000, 315360000000, -315360000000, 60000, -3600000, 90000000};
    return skews[sim_below(sim, sizeof skews / sizeof skews[0])];
}

static void cut(struct sim *sim, uint32_t node)
{
    if (!sim->nodes[node].peer)
        return;
    net_cut(sim, node, sim_chance(sim, 6000));
    net_reconnect_later(sim, node, sim_chance(sim, 2000) ? between(sim, 10000, 60000) : between(sim, 100, 3000));
}

static void revoke(struct sim *sim, uint32_t node)
{
    uint32_t left = 0, device = sim->nodes[node].device;
    for (uint32_t i = 0; i < sim->plan.spokes; i++)
        left += !sim->nodes[i].revoked;
    if (left < 2 || sim->nodes[node].revoked || !sim->hub.machine)
        return;
    for (uint32_t i = 0; i < sim->node_count; i++)
        sim->nodes[i].revoked = sim->nodes[i].revoked || sim->nodes[i].device == device;
    sim_note(sim, SIM_HUB, "revokes laptop %", device, 0, 0);
    hub_revoke(sim->hub.machine, &sim->nodes[device].config.device);
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (sim->nodes[i].device == device && sim_chance(sim, 5000))
            cut(sim, i);
    struct hub_input tick = {.kind = HUB_TICK};
    simhub_input(sim, &tick);
    take_stock(sim);
}

static void one_way(struct sim *sim, struct sim_node *n)
{
    struct link *link = sim_chance(sim, 5000) ? &n->up : &n->down;
    link->silent_until = sim->now + between(sim, 500, 60000);
}

static void strike_node(struct sim *sim, enum fault fault, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    switch (fault) {
    case FAULT_CUT:
        cut(sim, node);
        break;
    case FAULT_ONE_WAY:
        one_way(sim, n);
        break;
    case FAULT_SHUT:
        sim_note(sim, node, "is out of reach", 0, 0, 0);
        n->gone = true;
        net_cut(sim, node, false);
        break;
    case FAULT_CRASH:
        spoke_crash(sim, node, between(sim, 100, 20000));
        break;
    case FAULT_CLOCK:
        n->skew_ms = any_skew(sim);
        sim->hub.skew_ms = sim_chance(sim, 3000) ? any_skew(sim) : sim->hub.skew_ms;
        break;
    case FAULT_FULL:
        sim_note(sim, node, "disk full", 0, 0, 0);
        n->full_until = sim->now + between(sim, 1000, 30000);
        break;
    case FAULT_REVOKE:
        if (sim_chance(sim, 3000))
            revoke(sim, node);
        break;
    default:
        break;
    }
}

/* Disks that become other disks. */
static void strike_disk(struct sim *sim, enum fault fault, uint32_t node)
{
    switch (fault) {
    case FAULT_SET_BACK:
        if (sim_chance(sim, 5000))
            copy_of_spoke(sim, node);
        else
            spoke_set_back(sim, node);
        break;
    case FAULT_CLONE:
        if (sim_chance(sim, 5000))
            spoke_clone(sim, node);
        else
            spoke_bury(sim, node);
        break;
    case FAULT_LOG_GONE:
        if (sim_chance(sim, 2000))
            spoke_log_gone(sim, node);
        break;
    case FAULT_ROT:
        if (sim_chance(sim, 3000))
            spoke_rot(sim, node);
        break;
    default:
        break;
    }
}

static void strike_hub(struct sim *sim, enum fault fault)
{
    switch (fault) {
    case FAULT_HUB_CRASH:
        simhub_crash(sim, between(sim, 100, 20000));
        break;
    case FAULT_HUB_FULL:
        sim_note(sim, SIM_HUB, "disk full", 0, 0, 0);
        sim->hub.full_until = sim->now + between(sim, 1000, 20000);
        break;
    case FAULT_HUB_WRITES:
        simhub_record(sim, sim_below(sim, sim->plan.sites), sim_below(sim, sim->plan.spokes));
        break;
    default:
        break;
    }
}

static void strike_hub_disk(struct sim *sim, enum fault fault)
{
    bool copies = sim_chance(sim, 6000);
    if (fault < FAULT_HUB_SET_BACK || fault > FAULT_HUB_ROT)
        return;
    if (copies && fault != FAULT_HUB_LOST)
        copy_of_hub(sim);
    else if (fault == FAULT_HUB_SET_BACK)
        hub_set_back(sim, true);
    else if (fault == FAULT_HUB_UNTOLD)
        hub_set_back(sim, false);
    else if (fault == FAULT_HUB_LOST && !copies && sim_chance(sim, 5000))
        hub_lost(sim);
    else if (fault == FAULT_HUB_ROT && sim_chance(sim, 5000))
        hub_rot(sim);
}

void fault_strike(struct sim *sim)
{
    enum fault fault = FAULT_CUT + sim_below(sim, FAULT_COUNT - FAULT_CUT);
    uint32_t node = sim_below(sim, sim->node_count);
    bool disks = fault >= FAULT_REVOKE && fault <= FAULT_HUB_ROT;
    /* a hub that does not know yet that it was set back has to learn it before anything else of this kind */
    if (has(sim, fault) && sim->nodes[node].revoked && !sim->nodes[node].dead && !disks)
        strike_node(sim, fault, node);
    if (has(sim, fault) && is_alive(&sim->nodes[node]) && !(disks && sim->hub.unaware)) {
        strike_node(sim, fault, node);
        strike_disk(sim, fault, node);
        strike_hub(sim, fault);
        strike_hub_disk(sim, fault);
    }
    uint32_t turn = sim->plan.fault_pause_ms / (sim->plan.spokes > 5 ? 5 : 1);
    (void)sim_later(sim, sim->now + 1 + sim_below(sim, turn), ITEM_FAULT, SIM_HUB, 0);
}

void fault_begin(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.spokes; i++) {
        set_link(sim, &sim->nodes[i].up);
        set_link(sim, &sim->nodes[i].down);
        if (has(sim, FAULT_CLOCK))
            sim->nodes[i].skew_ms = any_skew(sim);
    }
    if (sim->plan.faults >> FAULT_CUT)
        (void)sim_later(sim, sim->now + sim_below(sim, sim->plan.fault_pause_ms), ITEM_FAULT, SIM_HUB, 0);
}

void fault_heal(struct sim *sim)
{
    sim->healing = true;
    sim->healed_at = sim->now;
    sim->hub.full_until = 0;
    sim_note(sim, SIM_HUB, "---- from here on all is well ----", 0, 0, 0);
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct sim_node *n = &sim->nodes[i];
        n->full_until = 0;
        n->gone = false;
        n->up = n->down = (struct link){.latency_ms = 20, .jitter_ms = 10};
        net_reconnect_later(sim, i, 100);
        if (n->disk.rotten)
            spoke_crash(sim, i, 100); /* and finds it when it starts */
    }
    if (sim->hub.disk.rotten)
        simhub_crash(sim, 100);
}
