/* SPDX-License-Identifier: Apache-2.0 */
/* The in-memory world: its nodes, how they start from their stores, and the clock. */
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/sync_world_internal.h"

void world_fail(struct world *world, const char *format, ...)
{
    if (world->problem[0])
        return;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(world->problem, sizeof world->problem, format, args);
    va_end(args);
}

enum commit_fate world_commit(struct world *world, uint32_t node)
{
    uint64_t index = world->commits++;
    enum commit_fate fate = world->config.commit ? world->config.commit(world->config.context, index, node) : COMMIT_OK;
    if (fate != COMMIT_OK && node == WORLD_HUB)
        world->crash_hub = true;
    else if (fate != COMMIT_OK)
        world->crash_spoke = node;
    return fate;
}

/* ---- machines and their outputs ---- */

static void around(const struct world *world, bool begins)
{
    if (world->config.around)
        world->config.around(world->config.context, begins);
}

static void perform_spoke(struct world *world, uint32_t at)
{
    struct node *node = &world->spokes[at];
    for (size_t i = 0; i < node->outputs.count; i++) {
        struct spoke_output *o = &node->outputs.items[i];
        if (o->kind == SPOKE_SEND) {
            if (node->connected)
                queue_frame(world, true, at, node->peer, &o->header, &o->body);
        } else if (o->kind == SPOKE_RECONNECT) {
            queue_add(world, ITEM_RECONNECT, at);
        } else if (o->kind == SPOKE_NOTICE) {
            if (o->notice == NOTICE_FORK && o->next_incarnation != 0)
                node->named = o->next_incarnation;
        } else if (o->kind != SPOKE_HEARD) {
            struct item *item = queue_add(world, ITEM_SPOKE_ASKS, at);
            item->spoke_asks = *o;
            *o = (struct spoke_output){0};
        }
    }
    if (node->outputs.failed)
        world->crash_spoke = at;
    spoke_outputs_clear(&node->outputs);
}

void world_spoke_input(struct world *world, uint32_t spoke, struct spoke_input *input)
{
    struct node *node = &world->spokes[spoke];
    input->now_ms = world->now;
    around(world, true);
    spoke_step(node->spoke, input, &node->outputs);
    around(world, false);
    node->due = spoke_deadline(node->spoke);
    world->earliest = node->due < world->earliest ? node->due : world->earliest;
    perform_spoke(world, spoke);
}

static uint32_t spoke_of_peer(const struct world *world, uint64_t peer)
{
    for (uint32_t i = 0; i < world->config.spokes; i++)
        if (world->spokes[i].connected && world->spokes[i].peer == peer)
            return i;
    return WORLD_HUB;
}

static void perform_hub(struct world *world)
{
    for (size_t i = 0; i < world->hub_outputs.count; i++) {
        struct hub_output *o = &world->hub_outputs.items[i];
        if (o->kind == HUB_SEND) {
            uint32_t spoke = spoke_of_peer(world, o->peer);
            if (spoke != WORLD_HUB)
                queue_frame(world, false, spoke, o->peer, &o->header, &o->body);
        } else if (o->kind != HUB_HEARD && o->kind != HUB_INCIDENT) {
            struct item *item = queue_add(world, ITEM_HUB_ASKS, 0);
            item->hub_asks = *o;
            *o = (struct hub_output){0};
        }
    }
    if (world->hub_outputs.failed)
        world->crash_hub = true;
    hub_outputs_clear(&world->hub_outputs);
}

void world_hub_input(struct world *world, struct hub_input *input)
{
    input->now_ms = world->now;
    input->wall_ms = 1767225600000 + (int64_t)world->now;
    around(world, true);
    hub_step(world->hub, input, &world->hub_outputs);
    around(world, false);
    world->hub_due = hub_deadline(world->hub);
    world->earliest = world->hub_due < world->earliest ? world->hub_due : world->earliest;
    perform_hub(world);
}

/* ---- starting from a store ---- */

struct loading {
    struct world *world;
    struct node *node; /* NULL: the hub */
    const struct store_site *site;
};

static void load_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    const struct loading *l = context;
    struct bytes site = bytes_str(l->site->name);
    if (!l->node)
        (void)hub_load_stream(l->world->hub, site, device, incarnation, head);
    else if (!device_id_equal(device, &l->node->config.device) ||
             incarnation != (l->node->config.going_on ? l->node->config.going_on : l->node->config.incarnation))
        (void)spoke_load_stream(l->node->spoke, site, device, incarnation, head);
}

static void start_spoke(struct world *world, uint32_t at)
{
    struct node *node = &world->spokes[at];
    spoke_free(node->spoke);
    node->config.incarnation = node->store.incarnation;
    node->config.going_on = node->store.going_on;
    node->spoke = spoke_new(&node->config);
    node->due = UINT64_MAX;
    for (uint32_t i = 0; i < node->store.site_count; i++) {
        struct store_site *site = &node->store.sites[i];
        struct bytes name = bytes_str(site->name);
        (void)spoke_load_site(node->spoke, name, &site->own_head, site->shared_seq, 0);
        for (uint32_t e = 0; e < site->epoch_count; e++) {
            struct log_head head = store_head(site, site->epochs[e].epoch);
            (void)spoke_load_cursor(node->spoke, name, &head);
        }
        struct loading l = {world, node, site};
        store_streams(site, load_stream, &l);
    }
}

static void admit(struct world *world, uint32_t at)
{
    struct node *node = &world->spokes[at];
    struct bytes sites[SITES_MAX];
    size_t count = 0;
    for (uint32_t s = 0; s < node->store.site_count; s++)
        if (!(node->left_out & (1u << s)))
            sites[count++] = bytes_str(node->store.sites[s].name);
    (void)hub_admit(world->hub, &node->config.device, &node->sign, sites, count);
}

static void start_hub(struct world *world)
{
    hub_free(world->hub);
    world->hub_config.epoch = world->hub_store.epoch;
    world->hub = hub_new(&world->hub_config);
    world->hub_due = UINT64_MAX;
    for (uint32_t i = 0; i < world->hub_store.site_count; i++) {
        struct store_site *site = &world->hub_store.sites[i];
        (void)hub_load_site(world->hub, bytes_str(site->name));
        for (uint32_t e = 0; e < site->epoch_count; e++) {
            struct log_head head = store_head(site, site->epochs[e].epoch);
            (void)hub_load_head(world->hub, bytes_str(site->name), &head);
        }
        struct loading l = {world, NULL, site};
        store_streams(site, load_stream, &l);
    }
    for (uint32_t i = 0; i < world->config.spokes; i++)
        admit(world, i);
}

static void make_node(struct world *world, uint32_t at, uint32_t sites)
{
    struct node *node = &world->spokes[at];
    uint8_t seed[32] = {1, (uint8_t)at, (uint8_t)(at >> 8)}, hash[32];
    char name[SLUG_MAX];
    crypto_sign_seed_keypair(node->sign.b, node->config.sign.b, seed);
    crypto_generichash(hash, sizeof hash, node->sign.b, sizeof node->sign.b, NULL, 0);
    memcpy(node->config.device.b, hash, sizeof node->config.device.b);
    node->store.incarnation = 1;
    node->config.hub_sign = world->hub_sign;
    store_add_site(&node->store, "site-0");
    if (sites > 1) {
        (void)snprintf(name, sizeof name, "site-%u", 1 + at % (sites - 1));
        store_add_site(&node->store, name);
    }
}

struct world *world_new(const struct world_config *config)
{
    struct world *world = calloc(1, sizeof *world);
    if (!world)
        return NULL;
    uint8_t seed[32] = {2};
    char name[SLUG_MAX];
    world->config = *config;
    world->random = config->seed;
    world->now = 1000;
    world->crash_spoke = WORLD_HUB;
    pool_init(&world->pool);
    crypto_sign_seed_keypair(world->hub_sign.b, world->hub_config.sign.b, seed);
    world->hub_store.epoch = config->epoch ? config->epoch : 1;
    for (uint32_t i = 0; i < config->sites; i++) {
        (void)snprintf(name, sizeof name, "site-%u", i);
        store_add_site(&world->hub_store, name);
    }
    world->spokes = calloc(config->spokes, sizeof *world->spokes);
    for (uint32_t i = 0; i < config->spokes; i++) {
        make_node(world, i, config->sites);
        start_spoke(world, i);
    }
    start_hub(world);
    return world;
}

void world_free(struct world *world)
{
    if (!world)
        return;
    for (uint32_t i = 0; i < world->config.spokes; i++) {
        spoke_free(world->spokes[i].spoke);
        spoke_outputs_release(&world->spokes[i].outputs);
        store_release(&world->spokes[i].store);
    }
    for (uint32_t i = 0; i < world->item_count; i++)
        item_release(&world->items[i]);
    free(world->items);
    free(world->spokes);
    hub_free(world->hub);
    hub_outputs_release(&world->hub_outputs);
    store_release(&world->hub_store);
    pool_release(&world->pool);
    buffer_release(&world->trace);
    free(world);
}

/* ---- what a test does to it ---- */

void world_record(struct world *world, uint32_t spoke, uint32_t site)
{
    struct node *node = &world->spokes[spoke];
    struct store_site *s = &node->store.sites[site];
    struct seen seen;
    store_seen(s, &seen);
    const struct pool_event *event = pool_make(&world->pool, bytes_str(s->name), &node->config.device,
                                               node->config.incarnation, &s->own_head, &seen);
    (void)store_own_append(s, event);
    struct spoke_input saved = {
        .kind = SPOKE_SAVED, .site = bytes_str(s->name), .own = s->own_head, .oldest_waiting_ms = 1767225600000};
    saved.count = store_read_own(s, s->own_head.seq, BODY_TARGET, &saved.body, &(struct event_id){0});
    world_spoke_input(world, spoke, &saved);
}

void world_connect(struct world *world, uint32_t spoke)
{
    struct node *node = &world->spokes[spoke];
    node->connected = true;
    node->peer = ++world->last_peer;
    struct spoke_input up = {.kind = SPOKE_UP};
    world_spoke_input(world, spoke, &up);
}

void world_cut(struct world *world, uint32_t spoke)
{
    struct node *node = &world->spokes[spoke];
    if (!node->connected)
        return;
    node->connected = false;
    queue_drop_frames(world, spoke);
    struct spoke_input down = {.kind = SPOKE_DOWN};
    world_spoke_input(world, spoke, &down);
    struct hub_input gone = {.kind = HUB_PEER_GONE, .peer = node->peer};
    if (!world->config.silent_cuts)
        world_hub_input(world, &gone);
}

void world_crash(struct world *world, uint32_t node)
{
    queue_drop_asked(world, node);
    if (node != WORLD_HUB) {
        bool connected = world->spokes[node].connected;
        world_cut(world, node);
        queue_drop_asked(world, node);
        start_spoke(world, node);
        if (connected)
            world_connect(world, node);
        return;
    }
    start_hub(world);
    for (uint32_t i = 0; i < world->config.spokes; i++)
        if (world->spokes[i].connected) {
            world_cut(world, i);
            world_connect(world, i);
        }
}

void world_back_up(struct world *world, uint32_t node, struct store *out)
{
    store_clone(world_store(world, node), out);
}

void world_put_back(struct world *world, uint32_t node, const struct store *backup, bool told)
{
    struct store *store = world_store(world, node);
    uint32_t above = store->epoch;
    store_release(store);
    store_clone(backup, store);
    if (node == WORLD_HUB) {
        world->restores++;
        if (told)
            disk_next_epoch(world, backup->epoch > above ? backup->epoch : above);
    }
    world_crash(world, node);
}

void world_lose_hub(struct world *world)
{
    struct store empty = {.epoch = 1};
    for (uint32_t i = 0; i < world->hub_store.site_count; i++)
        store_add_site(&empty, world->hub_store.sites[i].name);
    world_put_back(world, WORLD_HUB, &empty, true);
}

void world_clone(struct world *world, uint32_t copy, uint32_t of)
{
    struct node *to = &world->spokes[copy], *from = &world->spokes[of];
    store_release(&to->store);
    store_clone(&from->store, &to->store);
    to->config = from->config;
    to->sign = from->sign;
    admit(world, copy);
    world_crash(world, copy);
}

void world_let_in(struct world *world, uint32_t spoke, uint32_t site, bool in)
{
    struct node *node = &world->spokes[spoke];
    node->left_out = in ? node->left_out & ~(1u << site) : node->left_out | 1u << site;
    admit(world, spoke);
}

/* ---- time ---- */

static void find_earliest(struct world *world)
{
    world->earliest = world->hub_due;
    for (uint32_t i = 0; i < world->config.spokes; i++)
        if (world->spokes[i].due < world->earliest)
            world->earliest = world->spokes[i].due;
}

static void tick_all(struct world *world)
{
    if (world->now < world->earliest)
        return;
    for (uint32_t i = 0; i < world->config.spokes; i++) {
        struct spoke_input tick = {.kind = SPOKE_TICK};
        if (world->spokes[i].due <= world->now)
            world_spoke_input(world, i, &tick);
    }
    struct hub_input tick = {.kind = HUB_TICK};
    if (world->hub_due <= world->now)
        world_hub_input(world, &tick);
    find_earliest(world);
}

static void pass_time(struct world *world)
{
    find_earliest(world);
    uint64_t due = world->earliest == UINT64_MAX ? world->now + 1000 : world->earliest;
    world->now = due > world->now ? due : world->now + 1;
    tick_all(world);
}

static void happen(struct world *world, struct item *item)
{
    struct node *node = item->kind == ITEM_HUB_ASKS ? NULL : &world->spokes[item->spoke];
    switch (item->kind) {
    case ITEM_UP: {
        struct hub_input in = {.kind = HUB_MESSAGE,
                               .peer = item->peer,
                               .device = node->config.device,
                               .header = buffer_bytes(&item->header),
                               .body = item->body};
        item->body = (struct lent){0};
        world_hub_input(world, &in);
        break;
    }
    case ITEM_DOWN: {
        struct spoke_input in = {.kind = SPOKE_MESSAGE, .header = buffer_bytes(&item->header), .body = item->body};
        item->body = (struct lent){0};
        if (node->connected && node->peer == item->peer)
            world_spoke_input(world, item->spoke, &in);
        else
            lent_return(&in.body);
        break;
    }
    case ITEM_SPOKE_ASKS:
        disk_spoke(world, item->spoke, &item->spoke_asks);
        break;
    case ITEM_HUB_ASKS:
        disk_hub(world, &item->hub_asks);
        break;
    case ITEM_RECONNECT:
        world_cut(world, item->spoke);
        world_connect(world, item->spoke);
        break;
    }
}

void world_step(struct world *world)
{
    struct item item;
    if (queue_take(world, &item)) {
        world->now++;
        happen(world, &item);
        item_release(&item);
        tick_all(world);
    } else {
        pass_time(world);
    }
    for (uint32_t i = 0; i < world->config.spokes; i++)
        if (world->spokes[i].named != 0) { /* the log notes it, and a machine is made that goes on as it */
            world->spokes[i].store.going_on = world->spokes[i].named;
            world->spokes[i].named = 0;
            world_crash(world, i);
        }
    if (world->crash_spoke != WORLD_HUB) {
        uint32_t crash = world->crash_spoke;
        world->crash_spoke = WORLD_HUB;
        world_crash(world, crash);
    }
    if (world->crash_hub) {
        world->crash_hub = false;
        world_crash(world, WORLD_HUB);
    }
}

/* ---- how it stands ---- */

static bool same_log(const struct store_site *a, const struct store_site *b)
{
    if (a->epoch_count != b->epoch_count)
        return false;
    for (uint32_t e = 0; e < a->epoch_count; e++) {
        if (a->epochs[e].epoch != b->epochs[e].epoch || a->epochs[e].count != b->epochs[e].count)
            return false;
        struct log_head ha = store_head(a, a->epochs[e].epoch), hb = store_head(b, b->epochs[e].epoch);
        if (memcmp(&ha.hash, &hb.hash, sizeof ha.hash) != 0)
            return false;
    }
    return true;
}

bool world_settled(const struct world *world)
{
    for (uint32_t i = 0; i < world->config.spokes; i++) {
        const struct store *store = &world->spokes[i].store;
        for (uint32_t s = 0; s < store->site_count; s++) {
            const struct store_site *site = &store->sites[s];
            struct store *hub = (struct store *)(uintptr_t)&world->hub_store;
            const struct store_site *log = store_site(hub, bytes_str(site->name));
            if (world->spokes[i].left_out & (1u << s))
                continue;
            if (store->going_on != 0 || site->shared_seq != site->own_count || !same_log(site, log) ||
                (site->own_count > 0 && !store_holds(log, site->own[site->own_count - 1])))
                return false;
        }
    }
    return true;
}

static bool on_any_disk(const struct world *world, const struct pool_event *event)
{
    for (uint32_t i = 0; i < world->config.spokes; i++)
        for (uint32_t s = 0; s < world->spokes[i].store.site_count; s++) {
            const struct store_site *site = &world->spokes[i].store.sites[s];
            for (uint64_t k = 0; k < site->own_count; k++)
                if (site->own[k] == event)
                    return true;
            if (store_holds(site, event))
                return true;
        }
    return false;
}

/* How many events at the hub say this, and whether one has to. */
static uint32_t said(const struct world *world, uint32_t content, bool *must)
{
    uint32_t count = 0;
    *must = false;
    for (uint32_t i = content; i < world->pool.count; i++) {
        const struct pool_event *event = world->pool.items[i];
        for (uint32_t s = 0; s < world->hub_store.site_count && event->content == content; s++)
            count += store_holds(&world->hub_store.sites[s], event);
        *must |= event->content == content && (event->held || on_any_disk(world, event));
    }
    return count;
}

uint32_t world_lacking(const struct world *world)
{
    uint32_t lacking = 0;
    bool must;
    for (uint32_t i = 0; i < world->pool.count; i++)
        if (world->pool.items[i]->content == i)
            lacking += said(world, i, &must) == 0 && must;
    return lacking;
}

uint32_t world_doubled(const struct world *world)
{
    uint32_t doubled = 0;
    bool must;
    for (uint32_t i = 0; i < world->pool.count; i++)
        doubled += world->pool.items[i]->content == i && said(world, i, &must) > 1;
    return doubled;
}

bool world_settle(struct world *world, uint64_t steps)
{
    for (uint64_t i = 0; i < steps && !world->problem[0]; i++) {
        if (world_settled(world))
            return true;
        world_step(world);
    }
    return false;
}

void world_drain(struct world *world)
{
    while (world->item_count > 0 && !world->problem[0])
        world_step(world);
}

void world_idle(struct world *world, uint64_t ms)
{
    for (uint64_t until = world->now + ms; world->now < until && !world->problem[0];)
        world_step(world);
}

const char *world_problem(const struct world *world)
{
    return world->problem[0] ? world->problem : NULL;
}
uint64_t world_frames(const struct world *world)
{
    return world->frames;
}
uint64_t world_commits(const struct world *world)
{
    return world->commits;
}
uint64_t world_now(const struct world *world)
{
    return world->now;
}
const char *world_trace(struct world *world)
{
    buffer_append_byte(&world->trace, 0);
    world->trace.len--;
    return (const char *)world->trace.data;
}
uint64_t world_fingerprint(const struct world *world)
{
    return world->fingerprint;
}
struct store *world_store(struct world *world, uint32_t node)
{
    return node == WORLD_HUB ? &world->hub_store : &world->spokes[node].store;
}
struct spoke *world_spoke(struct world *world, uint32_t spoke)
{
    return world->spokes[spoke].spoke;
}
struct hub *world_hub(struct world *world)
{
    return world->hub;
}
