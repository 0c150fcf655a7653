/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated laptop's driver: its machine's life, and its worker's own events. What the machine asks of the disk is in
 * sim_keep.c; a crash loses all but what was committed. */
#include <stdlib.h>

#include "proto/endian.h"
#include "tests/sim/sim_internal.h"

struct lent lend(struct buffer *b)
{
    struct lent lent = {.bytes = buffer_bytes(b), .release = free, .owner = b->data};
    *b = (struct buffer){0};
    return lent;
}

uint32_t key_number(const struct sim *sim, const struct key_id *id)
{
    for (uint32_t i = 0; i < sim->key_count; i++)
        if (memcmp(&sim->key_ids[i], id, sizeof *id) == 0)
            return i;
    return SIM_KEYS;
}

enum fate commit_fate(struct sim *sim, uint64_t full_until)
{
    if (sim->now < full_until)
        return FATE_LOST;
    if (sim->healing)
        return FATE_OK;
    if (sim_chance(sim, sim->plan.commit_unknown))
        return FATE_UNKNOWN;
    return sim_chance(sim, sim->plan.commit_lost) ? FATE_LOST : FATE_OK;
}

uint64_t disk_time(struct sim *sim, uint64_t *disk_free)
{
    uint64_t start = *disk_free > sim->now ? *disk_free : sim->now;
    *disk_free = start + 1 + sim_below(sim, sim->plan.disk_ms);
    return *disk_free;
}

/* ---- the machine ---- */

static void notice(struct sim *sim, uint32_t node, const struct spoke_output *o)
{
    sim_note(sim, node, "notice %, next incarnation %", o->notice, o->next_incarnation, 0);
    if (o->notice == NOTICE_FORK && o->next_incarnation != 0)
        fork_named(sim, node, o->next_incarnation);
}

static void to_disk(struct sim *sim, uint32_t node, struct spoke_output *o)
{
    struct sim_node *n = &sim->nodes[node];
    bool reads = o->kind == SPOKE_READ_OWN || o->kind == SPOKE_READ_IDS ||
                 o->kind == SPOKE_READ_KEYS || o->kind == SPOKE_READ_OFFER;
    uint64_t at = reads ? sim->now + 1 + sim_below(sim, 5) : disk_time(sim, &n->disk_free);
    struct task *item = sim_later(sim, at, ITEM_SPOKE_ASK, node, n->life);
    item->spoke_ask = *o;
    *o = (struct spoke_output){0};
}

static void perform(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    for (size_t i = 0; i < n->outputs.count; i++) {
        struct spoke_output *o = &n->outputs.items[i];
        switch (o->kind) {
        case SPOKE_SEND:
            if (n->peer)
                net_send(sim, true, node, &o->header, &o->body);
            break;
        case SPOKE_RECONNECT:
            sim_note(sim, node, "wants a new connection", 0, 0, 0);
            sim_later(sim, sim->now, ITEM_CONNECT, node, n->life)->late = true;
            break;
        case SPOKE_HEARD:
            if (sim->replaying)
                sim_fail(sim, "laptop %u believes a WELCOME that answered another HELLO", node);
            break;
        case SPOKE_NOTICE:
            notice(sim, node, o);
            break;
        case SPOKE_CAUGHT_UP:
            fork_caught_up(sim, node);
            break;
        case SPOKE_KEYS_DENIED:
            sim_denied(sim, node, o);
            break;
        default:
            to_disk(sim, node, o);
        }
    }
    bool failed = n->outputs.failed;
    spoke_outputs_clear(&n->outputs);
    if (failed)
        sim_fail(sim, "laptop %u: out of memory", node);
}

void spoke_input(struct sim *sim, uint32_t node, struct spoke_input *input)
{
    struct sim_node *n = &sim->nodes[node];
    input->now_ms = sim->now + n->steady;
    spoke_step(n->machine, input, &n->outputs);
    uint64_t due = spoke_deadline(n->machine);
    n->due = due == UINT64_MAX ? due : due > n->steady ? due - n->steady : 0;
    sim->earliest = n->due < sim->earliest ? n->due : sim->earliest;
    check_spoke(sim, node);
    perform(sim, node);
}

/* ---- life ---- */

struct loading {
    struct sim_node *node;
    struct bytes site;
};

static void load_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    const struct loading *l = context;
    const struct spoke_config *c = &l->node->config;
    uint32_t speaks_as = c->going_on ? c->going_on : c->incarnation;
    if (!device_id_equal(device, &c->device) || incarnation != speaks_as)
        (void)spoke_load_stream(l->node->machine, l->site, device, incarnation, head);
}

static void load_site(struct sim *sim, uint32_t node, struct disk_site *site)
{
    struct sim_node *n = &sim->nodes[node];
    struct bytes name = bytes_str(site->name);
    const struct disk_stream *own = disk_own(site);
    (void)spoke_load_site(n->machine, name, &own->head, own->shared_seq, 0);
    for (uint32_t e = 0; e < site->epoch_count; e++) {
        const struct log_head *cursor = &site->epochs[e].cursor;
        struct log_head head = disk_head(site, site->epochs[e].epoch);
        if (head.at.n != cursor->at.n || memcmp(&head.hash, &cursor->hash, sizeof head.hash) != 0)
            sim_fail(sim, "laptop %u starts: its cursor of %s is at %u.%llu, its entries end at %llu", node, site->name,
                     head.at.epoch, (unsigned long long)cursor->at.n, (unsigned long long)head.at.n);
        (void)spoke_load_cursor(n->machine, name, cursor);
    }
    struct loading l = {n, name};
    disk_streams(site, load_stream, &l);
}

static void load(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (n->config.incarnation != n->disk.incarnation) {
        memset(n->told_shared, 0, sizeof n->told_shared); /* the ledger is the incarnation's */
        memset(n->excused, 0, sizeof n->excused);
    }
    n->config.incarnation = n->disk.incarnation;
    n->config.going_on = n->disk.going_on;
    if (sim->breakage != BREAK_TERMS_REPLAYED)
        put_be64(n->config.secret, ++sim->machines);
    n->machine = spoke_new(&n->config);
    n->due = UINT64_MAX;
    n->hello = 0;
    n->greeted_anew = false;
    for (uint32_t i = 0; i < n->disk.site_count; i++)
        load_site(sim, node, &n->disk.sites[i]);
    memset(n->ask_again, 0, sizeof n->ask_again);
    n->look_again = 0;
    check_spoke(sim, node);
}

void spoke_start(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (n->disk.rotten) { /* the checks on opening the log find it */
        spoke_log_gone(sim, node);
        return;
    }
    n->steady = sim_below(sim, 1000000); /* a monotonic clock begins anew with each start of the laptop */
    n->disk_free = 0;
    n->config.last_request = 0;
    load(sim, node);
    sim_note(sim, node, "starts as incarnation %, going on as %", n->disk.incarnation, n->disk.going_on, 0);
    if (sim_chance(sim, 3000))
        views_drop(sim, node);
    else if (sim_chance(sim, 5000))
        views_reload(sim, node);
    views_due(sim, node);
    net_reconnect_later(sim, node, sim_below(sim, 2000));
}

void spoke_again(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (n->disk.rotten) {
        spoke_crash(sim, node, 100);
        return;
    }
    if (sim->breakage != BREAK_NUMBERS_ANEW) /* the connection stays */
        n->config.last_request = spoke_last_request(n->machine);
    spoke_free(n->machine);
    n->life = ++sim->last_life;
    n->view_due = false;
    load(sim, node);
    views_due(sim, node);
    struct spoke_input up = {.kind = SPOKE_UP};
    if (n->peer)
        spoke_input(sim, node, &up);
    else
        net_reconnect_later(sim, node, sim_below(sim, 2000));
}

void spoke_stop(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (n->machine)
        net_cut(sim, node, sim_chance(sim, 5000));
    spoke_free(n->machine);
    n->machine = NULL;
    n->due = UINT64_MAX;
    n->view_due = false;
    n->life = ++sim->last_life; /* what was asked of the disk and not done is lost */
}

void spoke_crash(struct sim *sim, uint32_t node, uint64_t pause_ms)
{
    if (!sim->nodes[node].machine)
        return;
    sim->crashes++;
    sim_note(sim, node, "crashes, starts again in % ms", pause_ms, 0, 0);
    spoke_stop(sim, node);
    (void)sim_later(sim, sim->now + pause_ms, ITEM_START, node, sim->nodes[node].life);
}

/* After what happens rarely a crash is more likely than chance has it. */
bool spoke_crash_perhaps(struct sim *sim, uint32_t node)
{
    if (sim->healing || !sim_chance(sim, sim->plan.crash_rare))
        return false;
    spoke_crash(sim, node, 100 + sim_below(sim, 3000));
    return true;
}

/* The commit failed, or nobody knows: the daemon starts afresh from what the log holds. */
void spoke_commit_failed(struct sim *sim, uint32_t node, bool lost)
{
    sim_note(sim, node, lost ? "a commit failed" : "a commit is unknown", 0, 0, 0);
    spoke_crash(sim, node, 1000 + sim_below(sim, 4000));
}

/* ---- own events ---- */

/* The newest head of the site's log that this disk has; the daemon tells it less often. */
static struct sim_event with_head(const struct sim_event *draft, const struct disk_site *site)
{
    struct sim_event event = *draft;
    event.has_head = site->epoch_count > 0 && site->epochs[site->epoch_count - 1].count > 0;
    if (event.has_head)
        event.head = disk_head(site, site->epochs[site->epoch_count - 1].epoch);
    return event;
}

static uint32_t make_durable(struct sim *sim, uint32_t node, const struct sim_event *draft)
{
    struct sim_node *n = &sim->nodes[node];
    const struct disk_site *site = disk_site(&n->disk, bytes_str(sim_site(draft->site)));
    struct disk_stream *own = disk_own(site);
    const struct sim_event telling = with_head(draft, site);
    const struct pool_event *event = work_seal(sim, &telling, &n->config.device, own);
    disk_own_append(own, event);
    n->disk.clock = draft->time > n->disk.clock ? draft->time : n->disk.clock;
    if (draft->brings_key)
        n->keys[draft->key] = true;
    return event->index;
}

/* BREAK_SAVED_EARLY: it is said, and then the commit fails. */
static void save_early(struct sim *sim, struct task *item)
{
    struct sim_node *n = &sim->nodes[item->node];
    struct disk_stream own = *disk_own(disk_site(&n->disk, bytes_str(sim_site(item->draft->site))));
    const struct pool_event *event = work_seal(sim, item->draft, &n->config.device, &own);
    struct task *early = sim_later(sim, sim->now, ITEM_SAVED, item->node, n->life);
    early->event = event->index;
    early->late = true;
}

void spoke_record(struct sim *sim, struct task *item)
{
    struct sim_node *n = &sim->nodes[item->node];
    enum fate fate = commit_fate(sim, n->full_until);
    if (sim->breakage == BREAK_SAVED_EARLY && sim_chance(sim, 300)) {
        save_early(sim, item);
        return;
    }
    uint32_t event = fate == FATE_LOST ? NO_EVENT : make_durable(sim, item->node, item->draft);
    if (fate != FATE_OK) {
        spoke_commit_failed(sim, item->node, fate == FATE_LOST);
        return;
    }
    sim_note(sim, item->node, "has recorded event % (site %, key %)", event, item->draft->site, item->draft->key);
    struct task *saved = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_SAVED, item->node, n->life);
    saved->event = event;
}

/* The event at the own head, where it brings no key; at times it has to be read. */
static void lend_last(const struct sim *sim, const struct disk *disk, const struct disk_site *site,
                      struct spoke_input *saved)
{
    const struct disk_stream *own = disk_own(site);
    struct event_id id;
    if (own->count == 0 || own->head.seq % 4 == 0 || sim->events[own->events[own->count - 1]->index].brings_key)
        return;
    saved->count = disk_read_own(disk, site, own->head.seq, BODY_TARGET, &saved->body, &id);
}

void spoke_saved(struct sim *sim, const struct task *item)
{
    struct sim_node *n = &sim->nodes[item->node];
    const struct sim_event *event = &sim->events[item->event];
    uint32_t site_at = event->site, *count = &n->told_count[site_at];
    uint32_t *told = realloc(n->told[site_at], (*count + 1) * sizeof *told);
    if (!told)
        abort();
    n->told[site_at] = told;
    told[(*count)++] = item->event;               /* from here on it must never be missing */
    sim->events[event->entry].told = is_alive(n); /* a revoked laptop's words stay with it */
    if (item->late)
        return;
    struct disk_site *site = disk_site(&n->disk, bytes_str(sim_site(site_at)));
    struct spoke_input saved = {.kind = SPOKE_SAVED, .site = bytes_str(site->name), .own = disk_own(site)->head};
    lend_last(sim, &n->disk, site, &saved);
    spoke_input(sim, item->node, &saved);
    views_due(sim, item->node);
}
