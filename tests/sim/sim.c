/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated world's life, and its loop: what is due next happens, until all is done, healed and the same. */
#include "tests/sim/sim.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

/* Backoffs reach five minutes; a site may have to wait for two of them, one after the other. */
#define HEAL_BOUND_MS 1200000u
#define STEPS_MAX     3000000u

const char *breakage_name(enum breakage breakage)
{
    static const char *const names[BREAK_COUNT] = {"nothing",
                                                   "hub acknowledges before its commit",
                                                   "saved before the commit",
                                                   "receipt not durable",
                                                   "cursor in a transaction of its own",
                                                   "a position given again",
                                                   "an unknown commit done again",
                                                   "a chain taken from where it was not",
                                                   "the reader skips an entry",
                                                   "keys forgotten",
                                                   "the views skip an event",
                                                   "seen more than was shown",
                                                   "the last write wins",
                                                   "an offer is not held against its hash",
                                                   "a restored hub stays in its epoch",
                                                   "after left out",
                                                   "written again though the hub has it",
                                                   "written again as if seen today",
                                                   "going on before having caught up",
                                                   "a lowered receipt forgotten",
                                                   "requests numbered anew on the same connection",
                                                   "what a revoked laptop hands over is dropped",
                                                   "terms of before played again",
                                                   "looks that are not carried over"};
    return names[breakage];
}

/* ---- making a world ---- */

static void fill(struct sim *sim, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)sim_random(sim);
}

static void make_signer(struct sim *sim, bool really, struct sign_public *sign, struct sign_secret *secret)
{
    uint8_t seed[32];
    fill(sim, seed, sizeof seed);
    if (really) {
        crypto_sign_seed_keypair(sign->b, secret->b, seed);
        return;
    }
    crypto_generichash(sign->b, sizeof sign->b, seed, sizeof seed, NULL, 0);
    memcpy(secret->b, seed, 32);
    memcpy(secret->b + 32, sign->b, 32);
}

static void make_node(struct sim *sim, uint32_t at, bool really)
{
    struct sim_node *n = &sim->nodes[at];
    uint8_t hash[32];
    make_signer(sim, really, &n->sign, &n->config.sign);
    crypto_generichash(hash, sizeof hash, n->sign.b, sizeof n->sign.b, NULL, 0);
    memcpy(n->config.device.b, hash, sizeof n->config.device.b);
    n->config.hub_sign = sim->hub.sign;
    n->device = at;
    n->disk.incarnation = 1;
    fill(sim, n->box.b, sizeof n->box.b);
    disk_add_site(&n->disk, sim_site(0));
    if (sim->plan.sites > 1)
        disk_add_site(&n->disk, sim_site(1 + at % (sim->plan.sites - 1)));
    for (uint32_t s = 0; s < n->disk.site_count; s++) /* JOINED brings the sites' keys */
        n->keys[sim_site_number(bytes_str(n->disk.sites[s].name))] = true;
    if (sim->plan.audit)
        disk_add_site(&n->disk, sim_site(SIM_AUDIT));
    n->life = ++sim->last_life;
}

static void make_hub(struct sim *sim, bool really)
{
    struct sim_hub *hub = &sim->hub;
    make_signer(sim, really, &hub->sign, &hub->config.sign);
    memset(hub->config.hub.b, 0xbb, sizeof hub->config.hub.b);
    hub->disk.incarnation = 1;
    (void)epoch_number(sim, 1);
    hub->life = ++sim->last_life;
    for (uint32_t s = 0; s < SIM_SITES; s++)
        for (uint32_t k = 0; k < SIM_KEYS; k++)
            hub->first_use[s][k] = NO_EVENT;
    for (uint32_t s = 0; s < sim->plan.sites; s++) {
        disk_add_site(&hub->disk, sim_site(s));
        sim->key_site[s] = s;
        hub->keys[s] = true;
        fill(sim, sim->key_ids[s].b, sizeof sim->key_ids[s].b);
        fill(sim, sim->key_bytes[s].b, sizeof sim->key_bytes[s].b);
    }
    sim->key_count = sim->plan.sites;
    if (sim->plan.audit)
        disk_add_site(&hub->disk, sim_site(SIM_AUDIT));
}

static void make_world(struct sim *sim)
{
    bool really = sim_chance(sim, 100);
    sim_sign_really(really);
    plan_make(sim);
    sim->now = 1000;
    pool_init(&sim->pool);
    make_hub(sim, really);
    sim->nodes = calloc(sim->plan.spokes + SIM_CLONES, sizeof *sim->nodes);
    sim->node_count = sim->plan.spokes;
    if (!sim->nodes)
        abort();
    for (uint32_t i = 0; i < sim->plan.spokes; i++)
        make_node(sim, i, really);
    simhub_start(sim);
    for (uint32_t i = 0; i < sim->plan.spokes; i++) {
        if (sim_chance(sim, 8000))
            simhub_record(sim, sim_site_number(bytes_str(sim->nodes[i].disk.sites[0].name)), i);
        spoke_start(sim, i);
    }
    fault_begin(sim);
    (void)sim_later(sim, sim->now, ITEM_WORK, SIM_HUB, 0);
}

static void free_world(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct sim_node *n = &sim->nodes[i];
        spoke_free(n->machine);
        spoke_outputs_release(&n->outputs);
        disk_release(&n->disk);
        disk_release(&n->snapshot.disk);
        for (uint32_t k = 0; k < SIM_KEYS; k++)
            document_free(n->documents[k]);
        for (uint32_t s = 0; s < SIM_SITES; s++)
            free(n->told[s]);
    }
    for (uint32_t s = 0; s < SIM_SITES; s++)
        for (uint32_t e = 0; e < SIM_EPOCHS; e++)
            free(sim->owners[s][e]);
    for (uint32_t i = 0; i < SIM_COPIES; i++)
        disk_release(&sim->hub.copies[i].disk);
    hub_free(sim->hub.machine);
    hub_outputs_release(&sim->hub.outputs);
    disk_release(&sim->hub.disk);
    for (struct task *item; (item = sim_take(sim));)
        task_free(item);
    free(sim->queue);
    free(sim->nodes);
    free(sim->streams);
    free(sim->events);
    pool_release(&sim->pool);
    buffer_release(&sim->plain);
    relay_end(sim);
    free(sim);
}

/* ---- what happens ---- */

static void connect(struct sim *sim, const struct task *item)
{
    if (item->late)
        net_cut(sim, item->node, sim_chance(sim, 5000));
    net_connect(sim, item->node);
}

static void next_work(struct sim *sim)
{
    if (sim->healing || sim->plan.actions == 0)
        return;
    sim->plan.actions--;
    work(sim, sim_below(sim, sim->node_count));
    uint32_t pause = sim_chance(sim, 3000) ? 200 : sim->plan.work_pause_ms; /* bursts: edits at the same time */
    (void)sim_later(sim, sim->now + sim_below(sim, pause), ITEM_WORK, SIM_HUB, 0);
}

static bool is_present(const struct sim *sim, const struct task *item)
{
    if (item->kind == ITEM_UP || item->kind == ITEM_DOWN || item->life == 0)
        return true;
    return item->life == (item->node == SIM_HUB ? sim->hub.life : sim->nodes[item->node].life);
}

static void start(struct sim *sim, uint32_t node)
{
    if (node == SIM_HUB)
        simhub_start(sim);
    else
        spoke_start(sim, node);
}

static void fault(struct sim *sim, const struct task *item)
{
    if (item->node != SIM_HUB)
        spoke_crash(sim, item->node, 1000);
    else if (item->late)
        simhub_crash(sim, 1000);
    else if (!sim->healing)
        fault_strike(sim);
}

static void happen(struct sim *sim, struct task *item)
{
    if (!is_present(sim, item))
        return;
    switch (item->kind) {
    case ITEM_UP:
    case ITEM_DOWN:
        net_arrive(sim, item);
        break;
    case ITEM_CONNECT:
        connect(sim, item);
        break;
    case ITEM_SPOKE_ASK:
        spoke_ask(sim, item);
        break;
    case ITEM_SPOKE_DONE:
        spoke_input(sim, item->node, &item->spoke_done);
        break;
    case ITEM_HUB_ASK:
        simhub_ask(sim, item);
        break;
    case ITEM_HUB_DONE:
        simhub_done(sim, item);
        break;
    case ITEM_RECORD:
        spoke_record(sim, item);
        break;
    case ITEM_SAVED:
        spoke_saved(sim, item);
        break;
    case ITEM_START:
        start(sim, item->node);
        break;
    case ITEM_GO_ON:
        fork_go_on(sim, item);
        break;
    case ITEM_VIEW:
        views_look(sim, item->node);
        break;
    case ITEM_WORK:
        next_work(sim);
        break;
    case ITEM_FAULT:
        fault(sim, item);
        break;
    }
}

/* ---- time ---- */

static void tick(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct spoke_input input = {.kind = SPOKE_TICK};
        if (sim->nodes[i].machine && sim->nodes[i].due <= sim->now)
            spoke_input(sim, i, &input);
    }
    struct hub_input input = {.kind = HUB_TICK};
    if (sim->hub.machine && sim->hub.due <= sim->now)
        simhub_input(sim, &input);
    sim->earliest = sim->hub.due;
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (sim->nodes[i].due < sim->earliest)
            sim->earliest = sim->nodes[i].due;
    if (sim->earliest <= sim->now) /* still due: a machine that asks for the present moment gets the next */
        sim->earliest = sim->now + 1;
}

static void step(struct sim *sim)
{
    uint64_t item_at = sim_next_at(sim), next = item_at < sim->earliest ? item_at : sim->earliest;
    uint64_t end = sim->plan.chaos_ms + 1000;
    if (!sim->healing && next >= end) {
        sim->now = end > sim->now ? end : sim->now;
        fault_heal(sim);
        return;
    }
    sim->now = next > sim->now ? next : sim->now;
    if (sim->earliest <= item_at) {
        tick(sim);
        return;
    }
    struct task *item = sim_take(sim);
    happen(sim, item);
    task_free(item);
}

static void tell_log(struct sim *sim, const struct disk_site *site)
{
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++) {
            const struct pool_event *p = site->epochs[e].entries[i].event;
            sim_note(sim, SIM_HUB, "ends: % at %.%", p->index, site->epochs[e].epoch, i + 1);
            sim_note(sim, SIM_HUB, "      which is event % of laptop %, incarnation %", p->seq,
                     sim->events[p->index].writer, p->incarnation);
        }
}

static void tell_unsettled(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count; i++)
        for (uint32_t s = 0; s < sim->nodes[i].disk.site_count && is_alive(&sim->nodes[i]); s++) {
            const struct disk_site *site = &sim->nodes[i].disk.sites[s];
            const struct disk_site *hubs = disk_site(&sim->hub.disk, bytes_str(site->name));
            sim_note(sim, i, "ends: incarnation %, own %, shared %", sim->nodes[i].disk.incarnation,
                     disk_own(site)->count, disk_own(site)->shared_seq);
            for (uint32_t e = 0; e < sim->epoch_count; e++)
                sim_note(sim, i, "ends: epoch %, log %, at the hub %", sim->epochs[e],
                         disk_head(site, sim->epochs[e]).at.n, disk_head(hubs, sim->epochs[e]).at.n);
        }
    for (uint32_t i = 0; i < sim->node_count; i++)
        for (uint32_t k = 0; k < sim->key_count; k++)
            if (sim->nodes[i].folded_without_key[k] && is_alive(&sim->nodes[i]))
                sim_note(sim, i, "ends: lacks key %; the hub has it: %", k, sim->hub.keys[k], 0);
    for (uint32_t s = 0; s < sim->hub.disk.site_count; s++)
        tell_log(sim, &sim->hub.disk.sites[s]);
    sim_fail(sim, "not all is shared and shown %u s after the last fault", HEAL_BOUND_MS / 1000);
}

static void run(struct sim *sim)
{
    while (!sim->problem[0]) {
        if (++sim->steps > STEPS_MAX)
            sim_fail(sim, "%u steps and no end", STEPS_MAX);
        step(sim);
        if (sim->excluded)
            return;
        if (!sim->healing || sim->problem[0])
            continue;
        if (check_settled(sim))
            break;
        if (sim->now > sim->healed_at + HEAL_BOUND_MS)
            tell_unsettled(sim);
    }
    if (!sim->problem[0])
        check_end(sim);
}

void sim_run(uint64_t seed, enum breakage breakage, uint32_t trace, struct sim_result *out)
{
    static struct note notes[TRACE_MAX]; /* too much to be given and taken for each world */
    struct sim *sim = calloc(1, sizeof *sim);
    if (!sim)
        abort();
    sim->notes = notes;
    sim->seed = seed;
    sim->random = seed * 0x2545f4914f6cdd1du + 0x1234567;
    sim->breakage = breakage;
    sim->earliest = UINT64_MAX;
    make_world(sim);
    run(sim);
    *out = (struct sim_result){.held = !sim->problem[0],
                               .fingerprint = sim->fingerprint,
                               .steps = sim->steps,
                               .frames = sim->frames,
                               .events = sim->pool.count,
                               .crashes = sim->crashes,
                               .set_backs = sim->set_backs,
                               .held_back = sim->held_back,
                               .restores = sim->restores,
                               .refilled = sim->refilled,
                               .proofs = sim->proofs,
                               .forks = sim->forks,
                               .again = sim->again,
                               .aside = sim->aside,
                               .replays = sim->replays,
                               .excluded = sim->excluded,
                               .healed_ms = sim->healing ? sim->now - sim->healed_at : 0};
    memcpy(out->problem, sim->problem, sizeof out->problem);
    if (sim->problem[0])
        sim_tell(sim, trace);
    free_world(sim);
}
