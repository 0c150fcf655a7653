/* SPDX-License-Identifier: Apache-2.0 */
/* Older copies of disks that are brought back, laptops that are copied, logs that are gone or rot. What would be told
 * and not healed (README.md) does not happen here: it is looked for before. */
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

#define EPOCHS_ENOUGH 9u /* a restore can take two, and sixteen is all there is */

/* ---- who holds what ---- */

static void mark_logs(const struct disk *disk, bool *marks)
{
    for (uint32_t s = 0; s < disk->site_count; s++)
        for (uint32_t e = 0; e < disk->sites[s].epoch_count; e++)
            for (uint32_t i = 0; i < disk->sites[s].epochs[e].count; i++)
                marks[disk->sites[s].epochs[e].entries[i].event->index] = true;
}

static void mark_own(const struct disk *disk, bool *marks)
{
    for (uint32_t s = 0; s < disk->site_count; s++)
        for (uint32_t i = 0; i < disk->sites[s].stream_count; i++)
            for (uint64_t seq = 0; seq < disk->sites[s].streams[i].count; seq++)
                marks[disk->sites[s].streams[i].events[seq]->index] = true;
}

static bool *new_marks(const struct sim *sim)
{
    bool *marks = calloc(sim->pool.count + 1, sizeof *marks);
    if (!marks)
        abort();
    return marks;
}

void take_stock(struct sim *sim)
{
    bool *here = new_marks(sim), *living = new_marks(sim);
    mark_logs(&sim->hub.disk, here);
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (is_alive(&sim->nodes[i])) {
            mark_logs(&sim->nodes[i].disk, here);
            mark_own(&sim->nodes[i].disk, here);
        }
    for (uint32_t i = 0; i < sim->pool.count; i++)
        living[sim->events[i].entry] = living[sim->events[i].entry] || here[i];
    for (uint32_t i = 0; i < sim->pool.count; i++)
        sim->events[i].lost = !living[i];
    free(here);
    free(living);
}

static bool speaks_as(const struct disk *disk, const struct pool_event *event)
{
    return disk->incarnation == event->incarnation || disk->going_on == event->incarnation;
}

/* Two events of one number in one stream's site. */
static bool two_of_a_number(const struct sim *sim, const bool *marks)
{
    for (uint32_t i = 0; i < sim->pool.count; i++)
        for (uint32_t x = i + 1; x < sim->pool.count && marks[i]; x++)
            if (marks[x] && sim->events[x].stream == sim->events[i].stream &&
                sim->events[x].site == sim->events[i].site && sim->pool.items[x]->seq == sim->pool.items[i]->seq)
                return true;
    return false;
}

/* Would a laptop go on under numbers that other laptops know for other events, and the hub does not? Or would two site
 * logs have different events under one number? `node` (SIM_HUB: none) gets `disk`; the hub gets `hub`. */
static bool two_histories(struct sim *sim, const struct disk *hub, uint32_t node, const struct disk *disk)
{
    bool *outside = new_marks(sim), *held = new_marks(sim);
    mark_logs(hub, held);
    mark_logs(&sim->hub.disk, outside);
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (is_alive(&sim->nodes[i]))
            mark_logs(i == node ? disk : &sim->nodes[i].disk, outside);
    bool found = false;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        const struct disk *d = i == node ? disk : &sim->nodes[i].disk;
        for (uint32_t x = 0; is_alive(&sim->nodes[i]) && x < sim->pool.count && !found; x++) {
            const struct sim_event *e = &sim->events[x];
            found = outside[x] && !held[x] && e->writer == sim->nodes[i].device && speaks_as(d, e->sealed) &&
                    !disk_wrote(disk_site(d, bytes_str(sim_site(e->site))), e->sealed);
        }
    }
    mark_logs(hub, outside);
    found = found || two_of_a_number(sim, outside);
    sim->held_back += found;
    free(outside);
    free(held);
    return found;
}

bool known_elsewhere(const struct sim *sim, uint32_t node, uint32_t incarnation)
{
    bool *outside = new_marks(sim), *held = new_marks(sim), found = false;
    mark_logs(&sim->hub.disk, held);
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (is_alive(&sim->nodes[i]))
            mark_logs(&sim->nodes[i].disk, outside);
    for (uint32_t i = 0; i < sim->pool.count; i++)
        found = found || (outside[i] && !held[i] && sim->events[i].writer == sim->nodes[node].device &&
                          sim->pool.items[i]->incarnation == incarnation);
    free(outside);
    free(held);
    return found;
}

/* ---- laptops ---- */

void copy_of_spoke(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (n->disk.rotten)
        return;
    n->snapshot.taken = true;
    disk_copy(&n->snapshot.disk, &n->disk);
    memcpy(n->snapshot.keys, n->keys, sizeof n->keys);
    sim_note(sim, node, "is copied to a shelf", 0, 0, 0);
}

/* The ledgers follow a disk that has become another one: what it does not have, nobody may ask of it. */
static void follow(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    for (uint32_t i = 0; i < n->disk.site_count; i++) {
        struct disk_site *site = &n->disk.sites[i];
        uint32_t s = sim_site_number(bytes_str(site->name)), left = 0;
        for (uint32_t t = 0; t < n->told_count[s]; t++)
            if (disk_wrote(site, sim->pool.items[n->told[s][t]]))
                n->told[s][left++] = n->told[s][t];
        n->told_count[s] = left;
        n->told_shared[s] = n->excused[s] = disk_own(site)->shared_seq;
    }
    n->config.incarnation = n->disk.incarnation;
    sim->set_backs++;
    views_drop(sim, node);
    take_stock(sim);
}

static void start_later(struct sim *sim, uint32_t node)
{
    (void)sim_later(sim, sim->now + 500 + sim_below(sim, 3000), ITEM_START, node, sim->nodes[node].life);
}

void spoke_set_back(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (!n->snapshot.taken || two_histories(sim, &sim->hub.disk, node, &n->snapshot.disk))
        return;
    spoke_stop(sim, node);
    sim_note(sim, node, "is set back to an older copy", 0, 0, 0);
    disk_copy(&n->disk, &n->snapshot.disk);
    memcpy(n->keys, n->snapshot.keys, sizeof n->keys);
    follow(sim, node);
    start_later(sim, node);
}

void spoke_log_gone(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    struct disk empty = {0};
    disk_copy(&empty, &n->disk);
    disk_forget(&empty, 1);
    if (two_histories(sim, &sim->hub.disk, node, &empty)) {
        disk_release(&empty);
        if (n->disk.rotten) { /* not this time */
            n->disk.rotten = NULL;
            start_later(sim, node);
        }
        return;
    }
    spoke_stop(sim, node);
    sim_note(sim, node, "has lost its log", 0, 0, 0);
    disk_release(&n->disk);
    n->disk = empty;
    follow(sim, node);
    start_later(sim, node);
}

void spoke_rot(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    struct disk_site *site = &n->disk.sites[sim_below(sim, n->disk.site_count)];
    const struct disk_stream *own = disk_own(site);
    if (!n->machine || n->disk.rotten)
        return;
    if (own->count > 0 && sim_chance(sim, 5000)) {
        n->disk.rotten = own->events[sim_below(sim, (uint32_t)own->count)];
    } else if (site->epoch_count > 0) {
        const struct disk_epoch *e = &site->epochs[sim_below(sim, site->epoch_count)];
        n->disk.rotten = e->count > 0 ? e->entries[sim_below(sim, e->count)].event : NULL;
    }
    if (!n->disk.rotten)
        return;
    sim_note(sim, node, "event % rots on its disk", n->disk.rotten->index, 0, 0);
    (void)sim_later(sim, sim->now + sim_below(sim, 30000), ITEM_FAULT, node, n->life);
}

void spoke_clone(struct sim *sim, uint32_t node)
{
    struct sim_node *from = &sim->nodes[node];
    uint32_t at = sim->node_count;
    if (at == sim->plan.spokes + SIM_CLONES || from->disk.rotten)
        return;
    struct sim_node *n = &sim->nodes[at];
    sim->node_count++;
    *n = (struct sim_node){.device = from->device,
                           .config = from->config,
                           .sign = from->sign,
                           .box = from->box,
                           .up = from->up,
                           .down = from->down,
                           .skew_ms = from->skew_ms,
                           .due = UINT64_MAX};
    disk_copy(&n->disk, &from->disk);
    memcpy(n->keys, from->keys, sizeof n->keys);
    for (uint32_t s = 0; s < SIM_SITES; s++) {
        n->told_count[s] = from->told_count[s];
        n->told[s] = malloc((from->told_count[s] + 1) * sizeof *n->told[s]);
        if (!n->told[s])
            abort();
        if (from->told_count[s] > 0)
            memcpy(n->told[s], from->told[s], from->told_count[s] * sizeof *n->told[s]);
    }
    n->life = ++sim->last_life;
    sim_note(sim, node, "is copied, and the copy is laptop %", at, 0, 0);
    follow(sim, at);
    start_later(sim, at);
}

void spoke_bury(struct sim *sim, uint32_t node)
{
    uint32_t copies = 0;
    for (uint32_t i = 0; i < sim->node_count; i++)
        copies += sim->nodes[i].device == sim->nodes[node].device && is_alive(&sim->nodes[i]);
    if (copies < 2)
        return;
    sim_note(sim, node, "is never started again", 0, 0, 0);
    spoke_stop(sim, node);
    sim->nodes[node].dead = true;
    take_stock(sim);
}

/* ---- the hub ---- */

void copy_of_hub(struct sim *sim)
{
    struct snapshot *copy = &sim->hub.copies[sim_below(sim, SIM_COPIES)];
    if (sim->hub.disk.rotten || sim->hub.unaware)
        return;
    copy->taken = true;
    disk_copy(&copy->disk, &sim->hub.disk);
    memcpy(copy->keys, sim->hub.keys, sizeof copy->keys);
    sim_note(sim, SIM_HUB, "is copied to a shelf", 0, 0, 0);
}

/* How far positions of a site have been given, in any of the hub's lives. */
static void ever_given(const struct sim *sim, uint32_t site, struct seen *out)
{
    for (uint32_t e = 0; e < sim->epoch_count; e++)
        for (uint32_t i = 0; i < sim->owner_cap[site][e]; i++)
            if (sim->owners[site][e][i] != NO_EVENT)
                (void)seen_advance(out, (struct position){sim->epochs[e], i + 1});
}

static bool is_ahead(const struct disk_site *site, const struct disk_site *hubs, uint32_t from_epoch)
{
    for (uint32_t e = 0; e < site->epoch_count; e++)
        if (site->epochs[e].epoch >= from_epoch && site->epochs[e].count > disk_count(hubs, site->epochs[e].epoch))
            return true;
    return false;
}

/* Were positions given, in the epoch in which this hub gives them or in a later one, that it does not hold? */
static bool gives_again(const struct disk_site *hubs, uint32_t epoch, const struct seen *given)
{
    for (uint8_t i = 0; i < given->count; i++)
        if (given->at[i].epoch >= epoch && given->at[i].n > disk_count(hubs, given->at[i].epoch))
            return true;
    return false;
}

/* Can it prove to this hub that it was set back, wherever it writes? Then nothing is written before. */
static bool proves(const struct sim_node *n, const struct disk *hub, const struct seen *given)
{
    bool proof = false;
    for (uint32_t s = 0; s < n->disk.site_count; s++) {
        const struct disk_site *site = &n->disk.sites[s], *hubs = disk_site(hub, bytes_str(site->name));
        if (sim_site_number(bytes_str(site->name)) == SIM_AUDIT)
            continue;
        bool ahead = is_ahead(site, hubs, hub->incarnation);
        proof = proof || ahead;
        if (!ahead && gives_again(hubs, hub->incarnation, &given[sim_site_number(bytes_str(site->name))]))
            return false;
    }
    return proof;
}

bool may_connect(const struct sim *sim, uint32_t node)
{
    return !sim->hub.unaware || proves(&sim->nodes[node], &sim->hub.disk, sim->hub.before);
}

static bool somebody_proves(const struct sim *sim, const struct disk *hub, const struct seen *before)
{
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (is_alive(&sim->nodes[i]) && !sim->nodes[i].gone && !sim->nodes[i].disk.rotten &&
            proves(&sim->nodes[i], hub, before))
            return true;
    return false;
}

/* The old process is gone with all its connections; what laptops were told by it is no lie of theirs. */
static void stop_for_good(struct sim *sim)
{
    sim->restores++;
    simhub_stop(sim);
    sim->hub.first_peer = ++sim->last_life;
    sim->hub.unaware = false;
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct sim_node *n = &sim->nodes[i];
        uint32_t stream = stream_number(sim, n->device, n->disk.incarnation);
        for (uint32_t s = 0; s < SIM_SITES; s++)
            if (n->excused[s] < sim->streams[stream].held[s])
                n->excused[s] = sim->streams[stream].held[s];
        if (n->peer) {
            net_cut(sim, i, false);
            net_reconnect_later(sim, i, 100 + sim_below(sim, 5000));
        }
    }
    (void)sim_later(sim, sim->now + 1000 + sim_below(sim, 3000), ITEM_START, SIM_HUB, sim->hub.life);
}

static bool allowed(struct sim *sim, const struct disk *after)
{
    return sim->epoch_count < EPOCHS_ENOUGH && !two_histories(sim, after, SIM_HUB, NULL);
}

void hub_set_back(struct sim *sim, bool told)
{
    struct sim_hub *hub = &sim->hub;
    const struct snapshot *copy = &hub->copies[sim_below(sim, SIM_COPIES)];
    if (!copy->taken || !allowed(sim, &copy->disk))
        return;
    struct seen before[SIM_SITES] = {{0}};
    for (uint32_t s = 0; s < SIM_SITES; s++)
        ever_given(sim, s, &before[s]);
    if (!told && (hub->disk.rotten || !somebody_proves(sim, &copy->disk, before)))
        return;
    sim_note(sim, SIM_HUB, told ? "is set back to an older copy" : "is set back to an older copy, and not told", 0, 0,
             0);
    stop_for_good(sim);
    disk_copy(&hub->disk, &copy->disk);
    if (told && sim_chance(sim, 3000))
        memcpy(hub->keys, copy->keys, sizeof hub->keys); /* a new machine, with an older copy of the keys */
    if (told) {
        (void)simhub_next_epoch(sim, hub->disk.incarnation);
    } else {
        hub->unaware = true;
        memcpy(hub->before, before, sizeof before);
    }
    simhub_count(sim);
    take_stock(sim);
}

void hub_lost(struct sim *sim)
{
    struct sim_hub *hub = &sim->hub;
    struct disk empty = {0};
    disk_copy(&empty, &hub->disk);
    disk_forget(&empty, 1);
    if (!allowed(sim, &empty)) {
        disk_release(&empty);
        return;
    }
    sim_note(sim, SIM_HUB, "has lost its log", 0, 0, 0);
    stop_for_good(sim);
    disk_release(&hub->disk);
    hub->disk = empty;
    (void)simhub_next_epoch(sim, 1);
    simhub_count(sim);
    take_stock(sim);
}

void hub_rot(struct sim *sim)
{
    struct sim_hub *hub = &sim->hub;
    const struct disk_site *site = &hub->disk.sites[sim_below(sim, hub->disk.site_count)];
    if (!hub->machine || hub->disk.rotten || site->epoch_count == 0)
        return;
    const struct disk_epoch *e = &site->epochs[sim_below(sim, site->epoch_count)];
    if (e->count == 0)
        return;
    hub->disk.rotten = e->entries[sim_below(sim, e->count)].event;
    sim_note(sim, SIM_HUB, "event % rots on its disk", hub->disk.rotten->index, 0, 0);
    sim_later(sim, sim->now + sim_below(sim, 30000), ITEM_FAULT, SIM_HUB, hub->life)->late = true;
}
