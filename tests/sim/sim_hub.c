/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated hub's driver: its machine's life, and what that wants made durable. What it reads is in sim_read.c. */
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

#define WALL_START_MS 1767225600000

/* ---- the machine ---- */

static void perform(struct sim *sim)
{
    struct sim_hub *hub = &sim->hub;
    for (size_t i = 0; i < hub->outputs.count; i++) {
        struct hub_output *o = &hub->outputs.items[i];
        if (o->kind == HUB_SEND) {
            uint32_t node = net_node_of(sim, o->peer);
            if (node != SIM_HUB)
                net_send(sim, false, node, &o->header, &o->body);
        } else if (o->kind == HUB_INCIDENT) {
            sim_note(sim, SIM_HUB, "incident", 0, 0, 0);
        } else if (o->kind != HUB_HEARD) {
            bool reads = o->kind == HUB_READ || o->kind == HUB_READ_KEYS || o->kind == HUB_HASH;
            uint64_t at = reads ? sim->now + 1 + sim_below(sim, 5) : disk_time(sim, &hub->disk_free);
            struct task *item = sim_later(sim, at, ITEM_HUB_ASK, SIM_HUB, hub->life);
            item->hub_ask = *o;
            *o = (struct hub_output){0};
        }
    }
    if (hub->outputs.failed)
        sim_fail(sim, "hub: out of memory");
    hub_outputs_clear(&hub->outputs);
}

void simhub_input(struct sim *sim, struct hub_input *input)
{
    struct sim_hub *hub = &sim->hub;
    input->now_ms = sim->now + hub->steady;
    input->wall_ms = WALL_START_MS + (int64_t)sim->now + hub->skew_ms;
    hub_step(hub->machine, input, &hub->outputs);
    uint64_t due = hub_deadline(hub->machine);
    hub->due = due == UINT64_MAX ? due : due > hub->steady ? due - hub->steady : 0;
    sim->earliest = hub->due < sim->earliest ? hub->due : sim->earliest;
    perform(sim);
}

struct loading {
    struct sim *sim;
    struct disk_site *site;
};

/* The head of a stream without its last event: what BREAK_CHAIN_UNCHECKED loads. */
static struct stream_head one_less(const struct sim *sim, const struct stream_head *head)
{
    const struct pool_event *last = pool_find(&sim->pool, &head->id);
    for (uint32_t i = 0; last && i < sim->pool.count; i++) {
        const struct pool_event *e = sim->pool.items[i];
        if (e->seq + 1 == last->seq && sim->events[i].stream == sim->events[last->index].stream &&
            sim->events[i].site == sim->events[last->index].site)
            return (struct stream_head){e->seq, e->id, e->seen};
    }
    return *head;
}

static void load_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    const struct loading *l = context;
    struct stream_head loaded = *head;
    if (l->sim->breakage == BREAK_CHAIN_UNCHECKED && head->seq > 1)
        loaded = one_less(l->sim, head);
    (void)hub_load_stream(l->sim->hub.machine, bytes_str(l->site->name), device, incarnation, &loaded);
}

static void admit(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.spokes; i++) {
        struct sim_node *node = &sim->nodes[i];
        struct bytes sites[SIM_SITES];
        for (uint32_t s = 0; s < node->disk.site_count; s++)
            sites[s] = bytes_str(node->disk.sites[s].name);
        (void)hub_admit(sim->hub.machine, &node->config.device, &node->sign, sites, node->disk.site_count);
        if (node->revoked)
            hub_revoke(sim->hub.machine, &node->config.device);
    }
}

/* Keys that events use and that are not here: laptops are asked for them. */
static void set_missing(struct sim *sim, const struct disk_site *site)
{
    struct sim_hub *hub = &sim->hub;
    struct key_id missing[SIM_KEYS];
    uint32_t number = sim_site_number(bytes_str(site->name)), count = 0;
    for (uint32_t k = 0; k < sim->key_count; k++)
        if (hub->first_use[number][k] != NO_EVENT && !hub->keys[k])
            missing[count++] = sim->key_ids[k];
    if (hub->machine)
        (void)hub_set_missing(hub->machine, bytes_str(site->name), missing, count);
}

static void count_again(struct sim *sim, const struct disk_site *site)
{
    uint32_t number = sim_site_number(bytes_str(site->name));
    for (uint32_t i = 0; i < sim->stream_count; i++)
        sim->streams[i].held[number] = 0;
    for (uint32_t k = 0; k < SIM_KEYS; k++)
        sim->hub.first_use[number][k] = NO_EVENT;
    for (uint32_t i = 0; i < sim->pool.count; i++)
        if (sim->events[i].site == number && !disk_has(site, sim->pool.items[i]))
            sim->events[i].hub_since = 0;
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++) {
            const struct pool_event *p = site->epochs[e].entries[i].event;
            const struct sim_event *event = &sim->events[p->index];
            uint64_t *held = &sim->streams[event->stream].held[number];
            *held = p->seq > *held ? p->seq : *held;
            if (sim->hub.first_use[number][event->key] == NO_EVENT)
                sim->hub.first_use[number][event->key] = p->index;
        }
}

void simhub_count(struct sim *sim)
{
    for (uint32_t s = 0; s < sim->hub.disk.site_count; s++)
        count_again(sim, &sim->hub.disk.sites[s]);
}

static void load(struct sim *sim)
{
    struct sim_hub *hub = &sim->hub;
    hub->config.epoch = hub->disk.incarnation;
    hub->machine = hub_new(&hub->config);
    hub->due = UINT64_MAX;
    for (uint32_t i = 0; i < hub->disk.site_count; i++) {
        struct disk_site *site = &hub->disk.sites[i];
        count_again(sim, site);
        (void)hub_load_site(hub->machine, bytes_str(site->name));
        for (uint32_t e = 0; e < site->epoch_count; e++) {
            struct log_head head = disk_head(site, site->epochs[e].epoch);
            if (head.at.n > 0)
                (void)hub_load_head(hub->machine, bytes_str(site->name), &head);
        }
        struct loading l = {sim, site};
        disk_streams(site, load_stream, &l);
        for (uint32_t h = 0; h < site->handed_count; h++)
            (void)hub_load_aside(hub->machine, bytes_str(site->name), &site->handed[h].device,
                                 site->handed[h].incarnation, &site->handed[h].head);
        set_missing(sim, site);
    }
    admit(sim);
}

void simhub_start(struct sim *sim)
{
    struct sim_hub *hub = &sim->hub;
    if (hub->disk.rotten) { /* the checks on opening the log find it */
        if (sim_chance(sim, 5000))
            hub_lost(sim);
        else
            hub_set_back(sim, true);
        if (!hub->disk.rotten)
            return;
        hub->disk.rotten = NULL; /* that would be told and not healed: not this time */
    }
    hub->steady = sim_below(sim, 1000000);
    hub->disk_free = 0;
    load(sim);
    sim_note(sim, SIM_HUB, "starts in epoch %", hub->config.epoch, 0, 0);
}

void simhub_stop(struct sim *sim)
{
    struct sim_hub *hub = &sim->hub;
    hub_free(hub->machine);
    hub->machine = NULL;
    hub->due = UINT64_MAX;
    hub->life = ++sim->last_life;
}

void simhub_crash(struct sim *sim, uint64_t pause_ms)
{
    if (!sim->hub.machine)
        return;
    sim->crashes++;
    sim_note(sim, SIM_HUB, "crashes, starts again in % ms", pause_ms, 0, 0);
    simhub_stop(sim);
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (sim->nodes[i].peer && !sim_chance(sim, 3000)) { /* some do not notice: the hub knows them no more */
            net_cut(sim, i, false);
            net_reconnect_later(sim, i, 100 + sim_below(sim, 5000));
        }
    (void)sim_later(sim, sim->now + pause_ms, ITEM_START, SIM_HUB, sim->hub.life);
}

/* ---- commits ---- */

/* Completions of commits keep their order: the disk does, and so does this. */
static struct task *done_in_order(struct sim *sim, enum hub_input_kind kind)
{
    struct task *done = sim_later(sim, sim->now, ITEM_HUB_DONE, SIM_HUB, sim->hub.life);
    done->hub_done = (struct hub_input){.kind = kind, .ok = true};
    return done;
}

static void commit_failed(struct sim *sim, enum fate fate)
{
    sim_note(sim, SIM_HUB, fate == FATE_LOST ? "a commit failed" : "a commit is unknown", 0, 0, 0);
    simhub_crash(sim, 1000 + sim_below(sim, 4000));
}

/* After what happens rarely a crash is more likely than chance has it. */
static bool crash_perhaps(struct sim *sim)
{
    if (sim->healing || !sim_chance(sim, sim->plan.crash_rare))
        return false;
    simhub_crash(sim, 100 + sim_below(sim, 3000));
    return true;
}

static uint32_t device_number(const struct sim *sim, const struct device_id *device)
{
    uint32_t node = 0;
    while (!device_id_equal(&sim->nodes[node].config.device, device))
        node++;
    return node;
}

static void learn_keys(struct sim *sim, uint32_t node, struct bytes records, uint32_t count)
{
    struct mp_reader r MP_UNSET;
    struct key_record record;
    mp_reader_init(&r, records);
    for (uint32_t i = 0; i < count && mp_next(&r); i++) {
        if (!key_record_unwrap(&r, &sim->nodes[node].box, &record))
            continue;
        uint32_t key = key_number(sim, &record.id);
        if (key == SIM_KEYS || memcmp(&record.key, &sim->key_bytes[key], sizeof record.key) != 0)
            sim_fail(sim, "hub: a key record opens and holds another key than was made");
        else
            sim->hub.keys[key] = true;
    }
}

static void append(struct sim *sim, struct disk_site *site, uint32_t epoch, const struct pool_event *event,
                   const struct entry *entry)
{
    uint32_t number = sim_site_number(bytes_str(site->name));
    struct sim_event *known = &sim->events[event->index];
    uint64_t *held = &sim->streams[known->stream].held[number];
    struct position at = {epoch, disk_head(site, epoch).at.n + 1};
    if (event->seq != *held + 1 && !(entry && disk_has(site, event)))
        sim_fail(sim, "hub: event %llu of laptop %u for %s was kept after %llu", (unsigned long long)event->seq,
                 known->writer, site->name, (unsigned long long)*held);
    if (number != SIM_AUDIT) /* nobody reads by these */
        check_placed(sim, SIM_HUB, number, at, event->index);
    if (!disk_append(site, epoch, event, entry && (entry->flags & ENTRY_SIGNED) ? &entry->signature : NULL))
        sim_fail(sim, "hub: too many epochs");
    *held = event->seq > *held ? event->seq : *held;
    if (known->hub_since == 0)
        known->hub_since = sim->steps;
    if (sim->hub.first_use[number][known->key] == NO_EVENT)
        sim->hub.first_use[number][known->key] = event->index;
}

static void append_batch(struct sim *sim, struct disk_site *site, uint32_t epoch, const struct batch *batch)
{
    if (sim->breakage == BREAK_POSITION_REUSED && sim_chance(sim, 200)) {
        for (uint32_t e = 0; e < site->epoch_count; e++)
            if (site->epochs[e].epoch == epoch && site->epochs[e].count > 0)
                site->epochs[e].count--;
    }
    for (uint32_t i = 0; i < batch->count && !sim->problem[0]; i++) {
        const struct pool_event *event = pool_find(&sim->pool, &batch->entries[i].id);
        if (!event || !bytes_equal(buffer_bytes(&event->raw), batch->entries[i].event))
            sim_fail(sim, "hub: an entry of %s was taken in that nobody wrote", site->name);
        else
            append(sim, site, epoch, event, &batch->entries[i]);
    }
}

static void tell_missing(const struct sim *sim, const struct batch *batch, struct task *done)
{
    struct hub_input *in = &done->hub_done;
    done->missing = calloc(RECEIPT_KEYS_MAX, sizeof *done->missing);
    if (!done->missing)
        abort();
    for (uint32_t i = 0; i < batch->count && in->missing_count < RECEIPT_KEYS_MAX; i++) {
        uint32_t key = key_number(sim, &batch->entries[i].key);
        if (key != SIM_KEYS && !sim->hub.keys[key])
            done->missing[in->missing_count++] = batch->entries[i].key;
    }
    in->missing = done->missing;
}

/* Keys go along with a FEED of these. */
static bool uses_new_key(const struct sim *sim, const struct disk_site *site, const struct batch *batch)
{
    const uint32_t number = sim_site_number(bytes_str(site->name));
    for (uint32_t i = 0; i < batch->count; i++) {
        const uint32_t key = key_number(sim, &batch->entries[i].key);
        if (key == SIM_KEYS || sim->hub.first_use[number][key] == NO_EVENT)
            return true;
    }
    return false;
}

static void keep_push(struct sim *sim, struct disk_site *site, struct hub_output *asked)
{
    struct sim_hub *hub = &sim->hub;
    enum fate fate = commit_fate(sim, hub->full_until);
    uint32_t epoch = hub->config.epoch, node = device_number(sim, &asked->device);
    struct position at = {epoch, disk_head(site, epoch).at.n + 1};
    sim_note(sim, SIM_HUB, "keeps % events of laptop % at %", asked->batch->count, node, at.n);
    bool early = sim->breakage == BREAK_HUB_ACKS_EARLY && sim_chance(sim, 200);
    const bool first_keys = uses_new_key(sim, site, asked->batch);
    if (fate != FATE_LOST && !early) {
        if (sim->breakage != BREAK_KEYS_DROPPED)
            learn_keys(sim, node, asked->batch->keys, asked->batch->key_count);
        append_batch(sim, site, epoch, asked->batch);
    }
    if (fate == FATE_UNKNOWN && sim->breakage == BREAK_UNKNOWN_IS_FAILED) {
        append_batch(sim, site, epoch, asked->batch);
        fate = FATE_OK;
    }
    if (fate != FATE_OK) {
        commit_failed(sim, fate);
        return;
    }
    struct task *grew = done_in_order(sim, HUB_GREW);
    grew->hub_ask.batch = first_keys ? NULL : asked->batch; /* which it has from now on */
    grew->hub_done.fresh = grew->hub_ask.batch;
    grew->hub_done.ticket = asked->ticket;
    grew->hub_done.at = at;
    grew->hub_done.site = asked->site;
    grew->hub_done.head = disk_head(site, epoch);
    struct task *kept = done_in_order(sim, HUB_KEPT);
    kept->hub_done.ticket = asked->ticket;
    kept->hub_done.at = at;
    if (sim->breakage != BREAK_KEYS_DROPPED) {
        tell_missing(sim, asked->batch, kept);
        set_missing(sim, site);
    }
    asked->batch = first_keys ? asked->batch : NULL;
}

/* Into quarantine, what the log does not have. */
static void keep_aside(struct sim *sim, struct disk_site *site, const struct hub_output *asked)
{
    const struct pool_event **events = calloc(asked->batch->count, sizeof *events);
    enum fate fate = commit_fate(sim, sim->hub.full_until);
    struct stream_head head = {0};
    uint32_t count = asked->batch->count;
    sim_note(sim, SIM_HUB, "keeps % events of laptop % aside", count, device_number(sim, &asked->device), 0);
    if (!events)
        abort();
    for (uint32_t i = 0; i < count; i++) {
        events[i] = pool_find(&sim->pool, &asked->batch->entries[i].id);
        if (!events[i] || !bytes_equal(buffer_bytes(&events[i]->raw), asked->batch->entries[i].event)) {
            sim_fail(sim, "hub: an entry was kept aside that nobody wrote");
            fate = FATE_LOST;
        }
    }
    if (sim->breakage == BREAK_ASIDE_DROPPED && count > 1)
        count--;
    if (fate != FATE_LOST) {
        (void)disk_put_aside(site, events, count, &head);
        sim->aside += count;
    }
    free((void *)events);
    if (fate != FATE_OK) {
        commit_failed(sim, fate);
        return;
    }
    if (crash_perhaps(sim))
        return;
    struct task *kept = done_in_order(sim, HUB_KEPT);
    kept->hub_done.ticket = asked->ticket;
    kept->hub_done.aside = head;
}

static void keep_keys(struct sim *sim, struct disk_site *site, const struct hub_output *asked)
{
    enum fate fate = commit_fate(sim, sim->hub.full_until);
    if (fate != FATE_LOST)
        learn_keys(sim, device_number(sim, &asked->device), asked->body.bytes, asked->count);
    if (fate != FATE_OK) {
        commit_failed(sim, fate);
        return;
    }
    set_missing(sim, site);
    struct task *kept = done_in_order(sim, HUB_KEPT);
    kept->hub_done.ticket = asked->ticket;
}

/* ---- OFFER ---- */

/* The log looks again: each entry follows its stream, or is here already, byte for byte; all of it follows the head and
 * ends at the hash that was signed. */
static bool offer_fits(struct sim *sim, const struct disk_site *site, const struct batch *batch)
{
    struct log_head head = disk_head(site, batch->epoch);
    if (batch->first_n != head.at.n + 1)
        return false;
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        const struct pool_event *event = pool_find(&sim->pool, &entry->id);
        uint64_t held = event ? sim->streams[sim->events[event->index].stream].held[sim->events[event->index].site] : 0;
        for (uint32_t b = 0; event && b < i; b++) { /* also of this batch */
            const struct pool_event *before = pool_find(&sim->pool, &batch->entries[b].id);
            if (before && sim->events[before->index].stream == sim->events[event->index].stream && before->seq > held)
                held = before->seq;
        }
        bool here = event && disk_has(site, event);
        if (event && !here && entry->seq != held + 1)
            return false; /* another event stands there */
        log_head_advance(&head, &entry->id);
    }
    return memcmp(&head.hash, &batch->head.hash, sizeof head.hash) == 0;
}

static void keep_offer(struct sim *sim, struct disk_site *site, struct hub_output *asked)
{
    enum fate fate = commit_fate(sim, sim->hub.full_until);
    struct batch *batch = asked->batch;
    if (sim->breakage == BREAK_OFFER_UNCHECKED && batch->count > 1 && sim_chance(sim, 5000)) {
        struct entry first = batch->entries[0];
        batch->entries[0] = batch->entries[1];
        batch->entries[1] = first;
    } else if (!offer_fits(sim, site, batch)) {
        struct task *refused = done_in_order(sim, HUB_OFFER_KEPT);
        refused->hub_done.ticket = asked->ticket;
        refused->hub_done.ok = false;
        refused->hub_done.contradicts = true;
        sim_note(sim, SIM_HUB, "an offer contradicts the log", 0, 0, 0);
        return;
    }
    sim_note(sim, SIM_HUB, "gets back % entries from %.%", batch->count, batch->epoch, batch->first_n);
    if (fate != FATE_LOST) {
        append_batch(sim, site, batch->epoch, batch);
        sim->refilled += batch->count;
    }
    if (fate != FATE_OK) {
        commit_failed(sim, fate);
        return;
    }
    if (crash_perhaps(sim))
        return;
    set_missing(sim, site);
    struct task *kept = done_in_order(sim, HUB_OFFER_KEPT);
    tell_missing(sim, batch, kept);
    kept->hub_done.ticket = asked->ticket;
    kept->hub_done.head = disk_head(site, batch->epoch);
}

/* ---- epochs ---- */

bool simhub_next_epoch(struct sim *sim, uint32_t above)
{
    struct sim_hub *hub = &sim->hub;
    if (sim->breakage == BREAK_SAME_EPOCH)
        return true;
    uint32_t next = above + 1 + sim_below(sim, sim_chance(sim, 5000) ? 4096 : 30);
    for (uint32_t i = 0; i < sim->epoch_count; i++)
        if (sim->epochs[i] == next) { /* one chance in 4,096, and here more often: see README.md */
            next++;
            i = UINT32_MAX;
        }
    if (epoch_number(sim, next) == SIM_EPOCHS)
        return false;
    for (uint32_t s = 0; s < hub->disk.site_count; s++) {
        struct seen seen = disk_own(&hub->disk.sites[s])->head.seen;
        disk_begin_stream(&hub->disk.sites[s], next)->head.seen = seen;
    }
    hub->disk.incarnation = next;
    sim_note(sim, SIM_HUB, "goes on in epoch %", next, 0, 0);
    return true;
}

static void next_epoch(struct sim *sim, const struct hub_output *asked)
{
    struct sim_hub *hub = &sim->hub;
    enum fate fate = commit_fate(sim, hub->full_until);
    sim_note(sim, SIM_HUB, "learns that it was set back", 0, 0, 0);
    sim->proofs++;
    if (fate != FATE_LOST) {
        (void)simhub_next_epoch(sim, asked->from.epoch);
        hub->unaware = false;
    }
    if (fate != FATE_OK) {
        commit_failed(sim, fate);
        return;
    }
    if (crash_perhaps(sim))
        return;
    simhub_stop(sim); /* connections stay; who asks on them is told to say HELLO */
    load(sim);
}

/* ---- the hub's own events ---- */

void simhub_record(struct sim *sim, uint32_t site_at, uint32_t node)
{
    struct sim_hub *hub = &sim->hub;
    struct disk_site *site = disk_site(&hub->disk, bytes_str(sim_site(site_at)));
    static const char *const names[] = {"worker", "name", "device"};
    static const char *const workers[] = {"ash-grey", "bo-tree", "cy-lane"};
    static const char *const given[] = {"Ash", "Bo", "Cy", "Ashley"};
    if (!hub->machine || !site || hub->unaware || hub->disk.rotten)
        return;
    struct sim_event draft = {.writer = SIM_HUB,
                              .site = site_at,
                              .key = site_at,
                              .entry = NO_EVENT,
                              .type = "worker.joined",
                              .field_count = 3,
                              .strikes = NO_EVENT,
                              .time = (uint64_t)(WALL_START_MS + (int64_t)sim->now) << 16};
    for (uint32_t i = 0; i < 3; i++)
        draft.names[i] = names[i];
    draft.values[0] = workers[node % 3];
    draft.values[1] = given[sim_below(sim, 4)];
    draft.values[2] = "000102030405060708090a0b0c0d0e0f";
    disk_seen(site, &draft.seen);
    struct disk_stream *own = disk_own(site);
    const struct pool_event *event = work_seal(sim, &draft, &hub->config.hub, own);
    disk_own_append(own, event);
    append(sim, site, hub->config.epoch, event, NULL);
    struct task *grew = done_in_order(sim, HUB_GREW);
    grew->hub_done.site = bytes_str(site->name);
    grew->hub_done.head = disk_head(site, hub->config.epoch);
    sim_note(sim, SIM_HUB, "records event %", event->index, 0, 0);
}

/* ---- what the machine asks ---- */

void simhub_ask(struct sim *sim, struct task *item)
{
    struct hub_output *asked = &item->hub_ask;
    if (asked->kind == HUB_NEXT_EPOCH) {
        next_epoch(sim, asked);
        return;
    }
    struct disk_site *site = disk_site(&sim->hub.disk, asked->site);
    if (!site)
        return;
    if (asked->kind == HUB_KEEP)
        keep_push(sim, site, asked);
    else if (asked->kind == HUB_KEEP_KEYS)
        keep_keys(sim, site, asked);
    else if (asked->kind == HUB_KEEP_ASIDE)
        keep_aside(sim, site, asked);
    else if (asked->kind == HUB_KEEP_OFFER)
        keep_offer(sim, site, asked);
    else
        hub_read(sim, site, asked);
}

void simhub_done(struct sim *sim, struct task *item)
{
    simhub_input(sim, &item->hub_done);
}
