/* SPDX-License-Identifier: Apache-2.0 */
/* The simulated hub's driver: appends to site logs in memory, reads ranges of them, keeps keys; crashes, and is set
 * back to an older state that no laptop has seen more of. */
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
    struct store_site *site;
};

/* The head of a stream without its last event: what BREAK_CHAIN_UNCHECKED loads. */
static struct stream_head one_less(const struct sim *sim, const struct store_site *site, const struct stream_head *head)
{
    const struct pool_event *last = pool_find(&sim->pool, &head->id);
    for (uint32_t i = 0; last && i < sim->pool.count; i++) {
        const struct pool_event *e = sim->pool.items[i];
        if (e->seq + 1 == last->seq && device_id_equal(&e->device, &last->device) &&
            bytes_is(bytes_str(site->name), sim_site(sim->events[i].site)))
            return (struct stream_head){e->seq, e->id, e->seen};
    }
    return *head;
}

static void load_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    const struct loading *l = context;
    struct sim *sim = l->sim;
    struct stream_head loaded = *head;
    if (sim->breakage == BREAK_CHAIN_UNCHECKED && head->seq > 1)
        loaded = one_less(sim, l->site, head);
    (void)hub_load_stream(sim->hub.machine, bytes_str(l->site->name), device, incarnation, &loaded);
}

static void admit(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.spokes; i++) {
        struct sim_node *node = &sim->nodes[i];
        struct bytes sites[SIM_SITES];
        for (uint32_t s = 0; s < node->store.site_count; s++)
            sites[s] = bytes_str(node->store.sites[s].name);
        (void)hub_admit(sim->hub.machine, &node->config.device, &node->sign, sites, node->store.site_count);
        if (node->revoked)
            hub_revoke(sim->hub.machine, &node->config.device);
    }
}

void simhub_start(struct sim *sim)
{
    struct sim_hub *hub = &sim->hub;
    hub->machine = hub_new(&hub->config);
    hub->steady = sim_below(sim, 1000000);
    hub->due = UINT64_MAX;
    hub->disk_free = 0;
    for (uint32_t i = 0; i < hub->store.site_count; i++) {
        struct store_site *site = &hub->store.sites[i];
        (void)hub_load_site(hub->machine, bytes_str(site->name));
        for (uint32_t e = 0; e < site->epoch_count; e++) {
            struct log_head head = store_head(site, site->epochs[e].epoch);
            if (head.at.n > 0)
                (void)hub_load_head(hub->machine, bytes_str(site->name), &head);
        }
        struct loading l = {sim, site};
        store_streams(site, load_stream, &l);
    }
    admit(sim);
    sim_note(sim, SIM_HUB, "starts in epoch %", hub->config.epoch, 0, 0);
}

void simhub_crash(struct sim *sim, uint64_t pause_ms)
{
    struct sim_hub *hub = &sim->hub;
    if (!hub->machine)
        return;
    sim->crashes++;
    sim_note(sim, SIM_HUB, "crashes, starts again in % ms", pause_ms, 0, 0);
    hub_free(hub->machine);
    hub->machine = NULL;
    hub->due = UINT64_MAX;
    hub->life = ++sim->last_life;
    for (uint32_t i = 0; i < sim->plan.spokes; i++)
        if (sim->nodes[i].peer && !sim_chance(sim, 3000)) { /* some do not notice: the hub knows them no more */
            net_cut(sim, i, false);
            net_reconnect_later(sim, i, 100 + sim_below(sim, 5000));
        }
    (void)sim_later(sim, sim->now + pause_ms, ITEM_START, SIM_HUB, hub->life);
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

static void append(struct sim *sim, struct store_site *site, const struct pool_event *event, const struct entry *entry)
{
    struct sim_hub *hub = &sim->hub;
    uint32_t number = sim_site_number(bytes_str(site->name)), epoch = hub->config.epoch;
    const struct sim_event *known = &sim->events[event->index];
    uint64_t *held = known->writer == SIM_HUB ? NULL : &hub->held[number][known->writer];
    struct position at = {epoch, store_head(site, epoch).at.n + 1};
    if (held && event->seq != *held + 1)
        sim_fail(sim, "hub: event %llu of laptop %u for %s was kept after %llu", (unsigned long long)event->seq,
                 known->writer, site->name, (unsigned long long)*held);
    if (held)
        *held = event->seq;
    (void)store_append(site, epoch, event, entry && (entry->flags & ENTRY_SIGNED) ? &entry->signature : NULL);
    check_placed(sim, SIM_HUB, number, at, event->index);
    if (hub->first_use[number][known->key] == NO_EVENT)
        hub->first_use[number][known->key] = event->index;
}

static void append_batch(struct sim *sim, struct store_site *site, const struct batch *batch)
{
    if (sim->breakage == BREAK_POSITION_REUSED && sim_chance(sim, 200)) {
        for (uint32_t e = 0; e < site->epoch_count; e++)
            if (site->epochs[e].epoch == sim->hub.config.epoch && site->epochs[e].count > 0)
                site->epochs[e].count--;
    }
    for (uint32_t i = 0; i < batch->count && !sim->problem[0]; i++) {
        const struct pool_event *event = pool_find(&sim->pool, &batch->entries[i].id);
        if (!event || !bytes_equal(buffer_bytes(&event->raw), batch->entries[i].event))
            sim_fail(sim, "hub: an entry of %s was taken in that nobody wrote", site->name);
        else
            append(sim, site, event, &batch->entries[i]);
    }
}

static void tell_missing(const struct sim *sim, const struct batch *batch, struct task *done)
{
    struct hub_input *in = &done->hub_done;
    for (uint32_t i = 0; i < batch->count && in->missing_count < RECEIPT_KEYS_MAX; i++) {
        uint32_t key = key_number(sim, &batch->entries[i].key);
        if (key != SIM_KEYS && !sim->hub.keys[key])
            done->missing[in->missing_count++] = batch->entries[i].key;
    }
    in->missing = done->missing;
}

static void keep_push(struct sim *sim, struct store_site *site, const struct hub_output *asked)
{
    struct sim_hub *hub = &sim->hub;
    enum fate fate = commit_fate(sim, hub->full_until);
    uint32_t epoch = hub->config.epoch, node = 0;
    struct position at = {epoch, store_head(site, epoch).at.n + 1};
    while (!device_id_equal(&sim->nodes[node].config.device, &asked->device))
        node++;
    sim_note(sim, SIM_HUB, "keeps % events of laptop % at %", asked->batch->count, node, at.n);
    bool early = sim->breakage == BREAK_HUB_ACKS_EARLY && sim_chance(sim, 200);
    if (fate != FATE_LOST && !early) {
        if (sim->breakage != BREAK_KEYS_DROPPED)
            learn_keys(sim, node, asked->batch->keys, asked->batch->key_count);
        append_batch(sim, site, asked->batch);
    }
    if (fate == FATE_UNKNOWN && sim->breakage == BREAK_UNKNOWN_IS_FAILED) {
        append_batch(sim, site, asked->batch);
        fate = FATE_OK;
    }
    if (fate != FATE_OK) {
        commit_failed(sim, fate);
        return;
    }
    struct task *kept = done_in_order(sim, HUB_KEPT);
    kept->hub_done.ticket = asked->ticket;
    kept->hub_done.at = at;
    if (sim->breakage != BREAK_KEYS_DROPPED)
        tell_missing(sim, asked->batch, kept);
    struct task *grew = done_in_order(sim, HUB_GREW);
    grew->hub_done.site = asked->site;
    grew->hub_done.head = store_head(site, epoch);
}

static void keep_keys(struct sim *sim, const struct hub_output *asked)
{
    enum fate fate = commit_fate(sim, sim->hub.full_until);
    uint32_t node = 0;
    while (!device_id_equal(&sim->nodes[node].config.device, &asked->device))
        node++;
    if (fate != FATE_LOST)
        learn_keys(sim, node, asked->body.bytes, asked->count);
    if (fate != FATE_OK) {
        commit_failed(sim, fate);
        return;
    }
    struct task *kept = done_in_order(sim, HUB_KEPT);
    kept->hub_done.ticket = asked->ticket;
}

void simhub_record(struct sim *sim, uint32_t site_at, uint32_t node)
{
    struct sim_hub *hub = &sim->hub;
    struct store_site *site = store_site(&hub->store, bytes_str(sim_site(site_at)));
    static const char *const names[] = {"worker", "name", "device"};
    static const char *const workers[] = {"ash-grey", "bo-tree", "cy-lane"};
    static const char *const given[] = {"Ash", "Bo", "Cy", "Ashley"};
    if (!hub->machine || !site)
        return;
    struct sim_draft draft = {.event = {.writer = SIM_HUB,
                                        .site = site_at,
                                        .key = site_at,
                                        .type = "worker.joined",
                                        .field_count = 3,
                                        .strikes = NO_EVENT,
                                        .time = (uint64_t)(WALL_START_MS + (int64_t)sim->now) << 16}};
    for (uint32_t i = 0; i < 3; i++)
        draft.event.names[i] = names[i];
    draft.event.values[0] = workers[node % 3];
    draft.event.values[1] = given[sim_below(sim, 4)];
    draft.event.values[2] = "000102030405060708090a0b0c0d0e0f";
    store_seen(site, &draft.seen);
    const struct pool_event *event = work_seal(sim, &draft, &hub->config.hub, &hub->own[site_at]);
    append(sim, site, event, NULL);
    struct task *grew = done_in_order(sim, HUB_GREW);
    grew->hub_done.site = bytes_str(site->name);
    grew->hub_done.head = store_head(site, hub->config.epoch);
    sim_note(sim, SIM_HUB, "records event %", event->index, 0, 0);
}

/* ---- reads ---- */

/* The log could not be read just now: the machine says so, and is asked again. */
static bool read_fails(struct sim *sim, const struct hub_output *asked)
{
    if (sim->healing || !sim_chance(sim, sim->plan.commit_lost))
        return false;
    struct task *done = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_HUB_DONE, SIM_HUB, sim->hub.life);
    done->hub_done =
        (struct hub_input){.kind = asked->kind == HUB_HASH ? HUB_HASHES : HUB_RANGE, .ticket = asked->ticket};
    sim_note(sim, SIM_HUB, "a read failed", 0, 0, 0);
    return true;
}

static void put_key(struct sim *sim, uint32_t key, struct bytes site, uint32_t node, struct buffer *out,
                    uint32_t *count)
{
    struct key_record record = {
        .id = sim->key_ids[key], .kind = key < sim->plan.sites ? KEY_SITE : KEY_PERSON, .key = sim->key_bytes[key]};
    uint8_t nonce[BOX_NONCE_SIZE] = {(uint8_t)key, (uint8_t)node, 2};
    if (record.kind == KEY_PERSON)
        memcpy(record.owner.b, record.id.b, sizeof record.owner.b);
    (void)bytes_to_text(site, record.site, sizeof record.site);
    key_record_wrap(&record, &sim->nodes[node].box, nonce, out);
    ++*count;
}

static uint32_t asker(const struct sim *sim, const struct hub_output *asked)
{
    uint32_t node = 0;
    while (!device_id_equal(&sim->nodes[node].config.device, &asked->device))
        node++;
    return node;
}

static void read_feed(struct sim *sim, const struct store_site *site, const struct hub_output *asked)
{
    uint32_t node = asker(sim, asked), number = sim_site_number(asked->site);
    struct task *done = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_HUB_DONE, SIM_HUB, sim->hub.life);
    struct hub_input *in = &done->hub_done;
    struct buffer body = {0};
    struct lent entries;
    struct position from = asked->from;
    *in = (struct hub_input){.kind = HUB_RANGE, .ticket = asked->ticket, .ok = true, .at = asked->from};
    if (sim->breakage == BREAK_FEED_SKIPS && from.n % 5 == 0 &&
        store_at(site, (struct position){from.epoch, from.n + 1}))
        from.n++;
    in->count = store_read_feed(site, from, asked->max_bytes, &asked->device, asked->incarnation, &entries, &in->head);
    for (uint32_t i = 0; i < in->count; i++) {
        const struct sim_event *event =
            &sim->events[store_at(site, (struct position){from.epoch, from.n + i})->event->index];
        if (event->writer != node && sim->hub.first_use[number][event->key] == event->sealed->index &&
            sim->hub.keys[event->key])
            put_key(sim, event->key, asked->site, node, &body, &in->key_count);
    }
    buffer_append(&body, entries.bytes.data, entries.bytes.len);
    lent_return(&entries);
    in->body = lend(&body);
}

static void read_keys(struct sim *sim, const struct hub_output *asked)
{
    uint32_t node = asker(sim, asked), number = sim_site_number(asked->site);
    struct task *done = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_HUB_DONE, SIM_HUB, sim->hub.life);
    struct hub_input *in = &done->hub_done;
    struct buffer body = {0};
    *in = (struct hub_input){.kind = HUB_RANGE, .ticket = asked->ticket, .ok = true};
    for (uint32_t i = 0; i < asked->count; i++) {
        uint32_t key = key_number(sim, &asked->keys[i]);
        if (key != SIM_KEYS && sim->hub.keys[key] && sim->hub.first_use[number][key] != NO_EVENT)
            put_key(sim, key, asked->site, node, &body, &in->key_count);
    }
    in->body = lend(&body);
}

static void read_hashes(struct sim *sim, const struct store_site *site, const struct hub_output *asked)
{
    struct task *done = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_HUB_DONE, SIM_HUB, sim->hub.life);
    done->hub_done =
        (struct hub_input){.kind = HUB_HASHES, .ticket = asked->ticket, .ok = true, .hashes = done->hashes};
    for (uint32_t i = 0; i < asked->count; i++) {
        const struct store_entry *entry = store_at(site, asked->positions[i]);
        if (entry)
            done->hashes[i] = entry->head.hash;
        else
            done->hub_done.ok = false;
    }
}

void simhub_ask(struct sim *sim, struct task *item)
{
    struct hub_output *asked = &item->hub_ask;
    struct store_site *site = store_site(&sim->hub.store, asked->site);
    if (!site)
        return;
    if (asked->kind == HUB_KEEP)
        keep_push(sim, site, asked);
    else if (asked->kind == HUB_KEEP_KEYS)
        keep_keys(sim, asked);
    else if (read_fails(sim, asked))
        return;
    else if (asked->kind == HUB_READ)
        read_feed(sim, site, asked);
    else if (asked->kind == HUB_READ_KEYS)
        read_keys(sim, asked);
    else if (asked->kind == HUB_HASH)
        read_hashes(sim, site, asked);
}

void simhub_done(struct sim *sim, struct task *item)
{
    simhub_input(sim, &item->hub_done);
}

/* ---- restored ---- */

/* What laptops know of the hub's log, durably: a restored hub must not be behind that (see README.md). */
static uint64_t known_of(const struct sim *sim, uint32_t site_at, uint32_t epoch)
{
    uint64_t known = 0;
    for (uint32_t i = 0; i < sim->plan.spokes; i++) {
        struct store_site *site = store_site(&sim->nodes[i].store, bytes_str(sim_site(site_at)));
        if (!site)
            continue;
        uint64_t n = store_head(site, epoch).at.n;
        for (uint64_t seq = 0; seq < site->shared_seq; seq++)
            n = sim->events[site->own[seq]->index].at[epoch] > n ? sim->events[site->own[seq]->index].at[epoch] : n;
        known = n > known ? n : known;
    }
    return known;
}

static void count_again(struct sim *sim, struct store_site *site, uint32_t number)
{
    struct sim_hub *hub = &sim->hub;
    memset(hub->held[number], 0, sim->plan.spokes * sizeof *hub->held[number]);
    hub->own[number] = (struct stream_head){0};
    for (uint32_t k = 0; k < SIM_KEYS; k++)
        hub->first_use[number][k] = NO_EVENT;
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++) {
            const struct pool_event *p = site->epochs[e].entries[i].event;
            const struct sim_event *event = &sim->events[p->index];
            if (event->writer == SIM_HUB)
                hub->own[number] = (struct stream_head){p->seq, p->id, p->seen};
            else
                hub->held[number][event->writer] = p->seq;
            if (hub->first_use[number][event->key] == NO_EVENT)
                hub->first_use[number][event->key] = p->index;
        }
}

bool simhub_set_back(struct sim *sim)
{
    struct sim_hub *hub = &sim->hub;
    uint32_t epoch = hub->config.epoch;
    if (epoch + 1 >= SIM_EPOCHS || !hub->machine)
        return false;
    for (uint32_t i = 0; i < sim->plan.spokes; i++)
        spoke_crash(sim, i, 500 + sim_below(sim, 3000)); /* nothing is under way that knows more */
    simhub_crash(sim, 2000);
    sim_note(sim, SIM_HUB, "is set back, and goes on in epoch %", epoch + 1, 0, 0);
    for (uint32_t s = 0; s < hub->store.site_count; s++) {
        struct store_site *site = &hub->store.sites[s];
        uint32_t number = sim_site_number(bytes_str(site->name));
        uint64_t keep = known_of(sim, number, epoch);
        for (uint32_t e = 0; e < site->epoch_count; e++) {
            if (site->epochs[e].epoch != epoch || site->epochs[e].count <= keep)
                continue;
            for (uint64_t n = keep; n < site->epochs[e].count; n++) {
                sim->events[site->epochs[e].entries[n].event->index].at[epoch] = 0;
                sim->owners[number][epoch][n] = NO_EVENT;
            }
            site->epochs[e].count = (uint32_t)keep;
        }
        count_again(sim, site, number);
    }
    hub->config.epoch = epoch + 1;
    return true;
}
