/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop whose stream has two histories goes on as the next incarnation: the hub has named it, all that the hub holds
 * is here, and what is not among it is written again. As LOG_GOING_ON and LOG_GO_ON of daemon/log do it. */
#include "tests/sim/sim_internal.h"

void fork_named(struct sim *sim, uint32_t node, uint32_t incarnation)
{
    struct sim_node *n = &sim->nodes[node];
    if (known_elsewhere(sim, node, incarnation))
        sim->excluded = "the hub named an incarnation that it had lost";
    struct task *item = sim_later(sim, disk_time(sim, &n->disk_free), ITEM_GO_ON, node, n->life);
    item->event = incarnation;
}

void fork_caught_up(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (!n->greeted_anew && !sim->spoilt) /* the number of a WELCOME may be */
        sim_fail(sim, "laptop %u has caught up, and was not welcomed as incarnation %u", node, n->config.going_on);
    sim_note(sim, node, "has caught up with the hub", 0, 0, 0);
    (void)sim_later(sim, disk_time(sim, &n->disk_free), ITEM_GO_ON, node, n->life);
}

/* ---- written again ---- */

/* Is it in the site's log, or has another copy of this laptop written it again there already? */
static bool in_log(struct sim *sim, const struct disk_site *site, const struct pool_event *event)
{
    if (sim->breakage == BREAK_REMAKES_HELD && sim_chance(sim, 5000))
        return false;
    uint32_t entry = sim->events[event->index].entry;
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++)
            if (sim->events[site->epochs[e].entries[i].event->index].entry == entry)
                return true;
    return false;
}

/* The laptop has all that the hub held when it was welcomed. */
static void check_again(struct sim *sim, uint32_t node, uint32_t entry)
{
    for (uint32_t i = 0; i < sim->pool.count && !sim->spoilt; i++) /* a spoilt PULL is answered: no such site */
        if (sim->events[i].entry == entry && sim->events[i].hub_since != 0 &&
            sim->events[i].hub_since <= sim->nodes[node].welcomed)
            sim_fail(sim, "laptop %u writes event %u again, though the hub has it as event %u", node, entry, i);
}

static void write_again(struct sim *sim, uint32_t node, struct disk_site *site, const struct disk_stream *old,
                        struct disk_stream *own)
{
    struct sim_node *n = &sim->nodes[node];
    for (uint64_t seq = 1; seq <= old->count; seq++) {
        if (in_log(sim, site, old->events[seq - 1]))
            continue;
        struct sim_event again = sim->events[old->events[seq - 1]->index];
        check_again(sim, node, again.entry);
        if (sim->breakage == BREAK_REMAKES_TODAY)
            disk_seen(site, &again.seen);
        const struct pool_event *event = work_seal(sim, &again, &n->config.device, own);
        disk_own_append(own, event);
        sim->again++;
        sim_note(sim, node, "writes event % again, as event %", again.sealed->index, event->index, 0);
    }
}

static void add_branch(struct branches *after, uint32_t incarnation, uint64_t seq)
{
    if (seq == 0)
        return;
    if (after->count == BRANCHES_MAX)
        memmove(after->at, after->at + 1, --after->count * sizeof after->at[0]);
    after->at[after->count++] = (struct branch){incarnation, seq};
}

static void go_on_site(struct sim *sim, uint32_t node, struct disk_site *site)
{
    struct sim_node *n = &sim->nodes[node];
    uint64_t last = 0;
    (void)disk_begin_stream(site, n->disk.going_on);
    const struct disk_stream *old = &site->streams[site->stream_count - 2];
    struct disk_stream *own = disk_own(site);
    for (uint64_t seq = 1; seq <= old->count; seq++)
        if (disk_has(site, old->events[seq - 1]))
            last = seq;
    own->after = old->after;
    if (sim_site_number(bytes_str(site->name)) == SIM_AUDIT) {
        looks_carry(sim, node, old, own);
        return;
    }
    add_branch(&own->after, old->incarnation, last);
    write_again(sim, node, site, old, own);
    if (own->count == 0)
        own->head.seen = old->head.seen;
}

static void go_on(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    sim->forks++;
    sim_note(sim, node, "goes on as incarnation % after %", n->disk.going_on, n->disk.incarnation, 0);
    for (uint32_t s = 0; s < n->disk.site_count; s++)
        go_on_site(sim, node, &n->disk.sites[s]);
    n->disk.incarnation = n->disk.going_on;
    n->disk.going_on = 0;
    views_drop(sim, node);
}

void fork_go_on(struct sim *sim, const struct task *item)
{
    struct sim_node *n = &sim->nodes[item->node];
    bool named = item->event != 0;
    if (named ? item->event <= n->disk.going_on || item->event <= n->disk.incarnation : n->disk.going_on == 0)
        return;
    enum fate fate = commit_fate(sim, n->full_until);
    if (fate != FATE_LOST && named) {
        sim_note(sim, item->node, "will go on as incarnation %", item->event, 0, 0);
        n->disk.going_on = item->event;
        if (sim->breakage == BREAK_GOES_ON_EARLY && sim_chance(sim, 5000)) /* with what happens to be here */
            go_on(sim, item->node);
    } else if (fate != FATE_LOST) {
        go_on(sim, item->node);
    }
    if (fate != FATE_OK)
        spoke_commit_failed(sim, item->node, fate == FATE_LOST);
    else if (!spoke_crash_perhaps(sim, item->node) && n->machine)
        spoke_again(sim, item->node);
}
