/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated laptop's driver: what its machine asks is done on a store in memory, some time later and in order, and
 * may fail; a crash loses all but what was committed. */
#include <stdlib.h>

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
            break;
        case SPOKE_NOTICE:
            sim_note(sim, node, "notice %", o->notice, 0, 0);
            break;
        default: {
            bool reads = o->kind == SPOKE_READ_OWN || o->kind == SPOKE_READ_KEYS;
            uint64_t at = reads ? sim->now + 1 + sim_below(sim, 5) : disk_time(sim, &n->disk_free);
            struct task *item = sim_later(sim, at, ITEM_SPOKE_ASK, node, n->life);
            item->spoke_ask = *o;
            *o = (struct spoke_output){0};
        }
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

struct loading {
    struct sim_node *node;
    struct bytes site;
};

static void load_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    const struct loading *l = context;
    if (!device_id_equal(device, &l->node->config.device))
        (void)spoke_load_stream(l->node->machine, l->site, device, incarnation, head);
}

void spoke_start(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    n->machine = spoke_new(&n->config);
    n->steady = sim_below(sim, 1000000); /* a monotonic clock begins anew with each start of the laptop */
    n->due = UINT64_MAX;
    n->disk_free = 0;
    for (uint32_t i = 0; i < n->store.site_count; i++) {
        struct store_site *site = &n->store.sites[i];
        struct bytes name = bytes_str(site->name);
        uint32_t number = sim_site_number(name);
        (void)spoke_load_site(n->machine, name, &site->own_head, site->shared_seq, 0);
        for (uint32_t e = 0; e < site->epoch_count; e++) {
            struct log_head head = store_head(site, site->epochs[e].epoch);
            const struct log_head *cursor = &n->cursors[number][site->epochs[e].epoch];
            if (head.at.n != cursor->at.n || memcmp(&head.hash, &cursor->hash, sizeof head.hash) != 0)
                sim_fail(sim, "laptop %u starts: its cursor of %s is at %u.%llu, its entries end at %llu", node,
                         site->name, head.at.epoch, (unsigned long long)cursor->at.n, (unsigned long long)head.at.n);
            (void)spoke_load_cursor(n->machine, name, cursor);
        }
        struct loading l = {n, name};
        store_streams(site, load_stream, &l);
    }
    memset(n->ask_again, 0, sizeof n->ask_again);
    n->look_again = 0;
    sim_note(sim, node, "starts", 0, 0, 0);
    if (sim_chance(sim, 3000))
        views_drop(sim, node);
    else if (sim_chance(sim, 5000))
        views_reload(sim, node);
    views_due(sim, node);
    check_spoke(sim, node);
    net_reconnect_later(sim, node, sim_below(sim, 2000));
}

void spoke_crash(struct sim *sim, uint32_t node, uint64_t pause_ms)
{
    struct sim_node *n = &sim->nodes[node];
    if (!n->machine)
        return;
    sim->crashes++;
    sim_note(sim, node, "crashes, starts again in % ms", pause_ms, 0, 0);
    net_cut(sim, node, sim_chance(sim, 5000));
    spoke_free(n->machine);
    n->machine = NULL;
    n->due = UINT64_MAX;
    n->view_due = false;
    n->life = ++sim->last_life; /* what was asked of the disk and not done is lost */
    (void)sim_later(sim, sim->now + pause_ms, ITEM_START, node, n->life);
}

/* ---- what the disk does ---- */

static struct task *done_later(struct sim *sim, uint32_t node, enum spoke_input_kind kind, struct bytes site)
{
    struct sim_node *n = &sim->nodes[node];
    struct task *done = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_SPOKE_DONE, node, n->life);
    done->spoke_done = (struct spoke_input){.kind = kind, .site = site, .ok = true};
    return done;
}

/* The commit failed, or nobody knows: the daemon starts afresh from what the log holds. */
static void commit_failed(struct sim *sim, uint32_t node, enum fate fate)
{
    sim_note(sim, node, fate == FATE_LOST ? "a commit failed" : "a commit is unknown", 0, 0, 0);
    spoke_crash(sim, node, 1000 + sim_below(sim, 4000));
}

static void learn_keys(struct sim *sim, bool *keys, struct bytes records, uint32_t count, const struct box_shared *box)
{
    struct mp_reader r MP_UNSET;
    struct key_record record;
    mp_reader_init(&r, records);
    for (uint32_t i = 0; i < count && mp_next(&r); i++) {
        if (!key_record_unwrap(&r, box, &record))
            continue; /* dropped and reported; the events are kept all the same */
        uint32_t key = key_number(sim, &record.id);
        if (key == SIM_KEYS || memcmp(&record.key, &sim->key_bytes[key], sizeof record.key) != 0)
            sim_fail(sim, "a key record opens and holds another key than was made");
        else
            keys[key] = true;
    }
}

static void read_own(struct sim *sim, uint32_t node, struct store_site *site, const struct spoke_output *asked)
{
    struct sim_node *n = &sim->nodes[node];
    struct task *done = done_later(sim, node, SPOKE_OWN_READ, asked->site);
    struct spoke_input *in = &done->spoke_done;
    struct buffer body = {0};
    struct lent events;
    in->first_seq = asked->first_seq;
    in->count = store_read_own(site, asked->first_seq, asked->max_bytes, &events, &in->last_id);
    for (uint32_t i = 0; i < in->count; i++) {
        const struct sim_event *event = &sim->events[site->own[asked->first_seq - 1 + i]->index];
        if (!event->brings_key || sim_chance(sim, sim->plan.keys_late))
            continue; /* left out: the RECEIPT names it, and it is brought after all */
        struct key_record record = {
            .id = sim->key_ids[event->key], .kind = KEY_PERSON, .key = sim->key_bytes[event->key]};
        uint8_t nonce[BOX_NONCE_SIZE] = {(uint8_t)event->key, (uint8_t)node};
        memcpy(record.owner.b, record.id.b, sizeof record.owner.b);
        memcpy(record.site, site->name, sizeof record.site);
        key_record_wrap(&record, &n->box, nonce, &body);
        in->key_count++;
    }
    buffer_append(&body, events.bytes.data, events.bytes.len);
    lent_return(&events);
    in->body = lend(&body);
}

static void read_keys(struct sim *sim, uint32_t node, const struct spoke_output *asked)
{
    struct sim_node *n = &sim->nodes[node];
    struct task *done = done_later(sim, node, SPOKE_KEYS_READ, asked->site);
    struct buffer body = {0};
    for (uint32_t i = 0; i < asked->key_count; i++) {
        uint32_t key = key_number(sim, &asked->keys[i]);
        if (key == SIM_KEYS || !n->keys[key])
            continue;
        struct key_record record = {.id = sim->key_ids[key], .kind = KEY_PERSON, .key = sim->key_bytes[key]};
        uint8_t nonce[BOX_NONCE_SIZE] = {(uint8_t)key, (uint8_t)node, 1};
        memcpy(record.owner.b, record.id.b, sizeof record.owner.b);
        (void)bytes_to_text(asked->site, record.site, sizeof record.site);
        key_record_wrap(&record, &n->box, nonce, &body);
        done->spoke_done.key_count++;
    }
    done->spoke_done.body = lend(&body);
}

/* What an entry stands for; NULL when it is not byte for byte what was written. */
static const struct pool_event *entry_event(struct sim *sim, const struct store_site *site, const struct entry *entry)
{
    const struct pool_event *event = pool_find(&sim->pool, &entry->id);
    if (!event || event->seq != entry->seq || event->incarnation != entry->incarnation)
        return NULL;
    if (entry->flags & ENTRY_OWN)
        return entry->seq <= site->own_count && site->own[entry->seq - 1] == event ? event : NULL;
    return bytes_equal(buffer_bytes(&event->raw), entry->event) ? event : NULL;
}

static void append_feed(struct sim *sim, uint32_t node, struct store_site *site, const struct batch *batch)
{
    struct sim_node *n = &sim->nodes[node];
    uint32_t number = sim_site_number(bytes_str(site->name));
    bool torn = sim->breakage == BREAK_CURSOR_ALONE && sim_chance(sim, 500);
    if (batch->first_n != store_head(site, batch->epoch).at.n + 1)
        sim_fail(sim, "laptop %u: a FEED of %s that begins at %llu was taken after %llu", node, site->name,
                 (unsigned long long)batch->first_n, (unsigned long long)store_head(site, batch->epoch).at.n);
    for (uint32_t i = 0; i < batch->count && !sim->problem[0] && !torn; i++) {
        const struct pool_event *event = entry_event(sim, site, &batch->entries[i]);
        if (!event) {
            sim_fail(sim, "laptop %u: an entry of %s was taken in that nobody wrote", node, site->name);
            return;
        }
        (void)store_append(site, batch->epoch, event, NULL);
        check_placed(sim, node, number, (struct position){batch->epoch, batch->first_n + i}, event->index);
        n->clock = sim->events[event->index].time > n->clock ? sim->events[event->index].time : n->clock;
    }
    if (batch->epoch < SIM_EPOCHS)
        n->cursors[number][batch->epoch] = batch->head;
    learn_keys(sim, n->keys, batch->keys, batch->key_count, &n->box);
    if (torn)
        spoke_crash(sim, node, 500);
}

/* A marker's seq is covered by no hash: the log holds it against its own events, and refuses the batch. */
static bool all_known(struct sim *sim, const struct store_site *site, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if ((batch->entries[i].flags & ENTRY_OWN) && !entry_event(sim, site, &batch->entries[i]))
            return false;
    return true;
}

static void keep_feed(struct sim *sim, uint32_t node, struct store_site *site, struct spoke_output *asked)
{
    enum fate fate = commit_fate(sim, sim->nodes[node].full_until);
    if (sim->spoilt && !all_known(sim, site, asked->batch)) {
        struct task *refused = done_later(sim, node, SPOKE_FEED_KEPT, asked->site);
        refused->spoke_done.ok = false;
        refused->spoke_done.contradicts = true;
        /* the person is told; the daemon is started again some day */
        (void)sim_later(sim, sim->now + 5000 + sim_below(sim, 60000), ITEM_FAULT, node, sim->nodes[node].life);
        return;
    }
    sim_note(sim, node, "keeps % entries from %.%", asked->batch->count, asked->batch->epoch, asked->batch->first_n);
    if (fate != FATE_LOST)
        append_feed(sim, node, site, asked->batch);
    if (fate != FATE_OK) {
        commit_failed(sim, node, fate);
        return;
    }
    if (sim->nodes[node].machine)
        (void)done_later(sim, node, SPOKE_FEED_KEPT, asked->site);
    views_due(sim, node);
}

static void keep_receipt(struct sim *sim, uint32_t node, struct store_site *site, const struct msg_receipt *receipt)
{
    enum fate fate = commit_fate(sim, sim->nodes[node].full_until);
    sim_note(sim, node, "keeps a receipt up to %", receipt->seq, 0, 0);
    if (receipt->seq < site->shared_seq)
        sim_fail(sim, "laptop %u: a receipt for %s goes back", node, site->name);
    if (receipt->seq > site->own_count || !event_id_equal(&site->own[receipt->seq - 1]->id, &receipt->id))
        sim_fail(sim, "laptop %u: a receipt for %s that is for another event was kept", node, site->name);
    if (fate != FATE_LOST && sim->breakage != BREAK_RECEIPT_VOLATILE) {
        site->shared_seq = receipt->seq;
        site->shared_id = receipt->id;
    }
    if (fate != FATE_OK) {
        commit_failed(sim, node, fate);
        return;
    }
    struct task *done = done_later(sim, node, SPOKE_RECEIPT_KEPT, bytes_str(site->name));
    done->spoke_done.seq = receipt->seq;
}

void spoke_ask(struct sim *sim, struct task *item)
{
    struct sim_node *n = &sim->nodes[item->node];
    struct spoke_output *asked = &item->spoke_ask;
    struct store_site *site = store_site(&n->store, asked->site);
    if (!site)
        return;
    if (asked->kind == SPOKE_READ_OWN)
        read_own(sim, item->node, site, asked);
    else if (asked->kind == SPOKE_READ_KEYS)
        read_keys(sim, item->node, asked);
    else if (asked->kind == SPOKE_KEEP_FEED)
        keep_feed(sim, item->node, site, asked);
    else if (asked->kind == SPOKE_KEEP_RECEIPT)
        keep_receipt(sim, item->node, site, asked->receipt);
    else if (asked->kind == SPOKE_KEEP_KEYS && commit_fate(sim, n->full_until) == FATE_OK) {
        learn_keys(sim, n->keys, asked->body.bytes, asked->key_count, &n->box);
        views_due(sim, item->node);
    } else if (asked->kind == SPOKE_KEEP_KEYS) {
        commit_failed(sim, item->node, FATE_LOST);
    }
}

/* ---- own events ---- */

static bool make_durable(struct sim *sim, uint32_t node, const struct sim_draft *draft, uint32_t *out)
{
    struct sim_node *n = &sim->nodes[node];
    struct store_site *site = store_site(&n->store, bytes_str(sim_site(draft->event.site)));
    const struct pool_event *event = work_seal(sim, draft, &n->config.device, &site->own_head);
    if (!event || !store_own_append(site, event))
        return false;
    n->clock = draft->event.time > n->clock ? draft->event.time : n->clock;
    if (draft->event.brings_key)
        n->keys[draft->event.key] = true;
    *out = event->index;
    return true;
}

void spoke_record(struct sim *sim, struct task *item)
{
    struct sim_node *n = &sim->nodes[item->node];
    enum fate fate = commit_fate(sim, n->full_until);
    if (sim->breakage == BREAK_SAVED_EARLY && sim_chance(sim, 300)) {
        struct store_site *site = store_site(&n->store, bytes_str(sim_site(item->draft.event.site)));
        struct stream_head head = site->own_head;
        const struct pool_event *event = work_seal(sim, &item->draft, &n->config.device, &head);
        struct task *early = sim_later(sim, sim->now, ITEM_SAVED, item->node, n->life);
        early->event = event->index; /* said, and then the commit fails */
        early->late = true;
        return;
    }
    uint32_t event = NO_EVENT;
    if (fate != FATE_LOST && !make_durable(sim, item->node, &item->draft, &event))
        sim_fail(sim, "laptop %u: an event could not be made", item->node);
    if (fate != FATE_OK) {
        commit_failed(sim, item->node, fate);
        return;
    }
    sim_note(sim, item->node, "has recorded event % (site %, key %)", event, item->draft.event.site,
             item->draft.event.key);
    struct task *saved = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_SAVED, item->node, n->life);
    saved->event = event;
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
    told[(*count)++] = item->event; /* from here on it must never be missing */
    if (item->late)
        return;
    struct store_site *site = store_site(&n->store, bytes_str(sim_site(site_at)));
    struct spoke_input saved = {.kind = SPOKE_SAVED, .site = bytes_str(site->name), .own = site->own_head};
    spoke_input(sim, item->node, &saved);
    views_due(sim, item->node);
}

/* ---- set back to an older copy of its directory ---- */

void spoke_snapshot(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    n->snapshot = (struct snapshot){.taken = true};
    memcpy(n->snapshot.keys, n->keys, sizeof n->keys);
    for (uint32_t i = 0; i < n->store.site_count; i++) {
        struct store_site *site = &n->store.sites[i];
        uint32_t number = sim_site_number(bytes_str(site->name));
        n->snapshot.own[number] = site->own_count;
        n->snapshot.shared[number] = site->shared_seq;
        for (uint32_t e = 1; e < SIM_EPOCHS; e++)
            n->snapshot.counts[number][e] = (uint32_t)store_head(site, e).at.n;
    }
}

bool spoke_set_back(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (!n->snapshot.taken)
        return false;
    for (uint32_t i = 0; i < n->store.site_count; i++)
        if (n->snapshot.own[sim_site_number(bytes_str(n->store.sites[i].name))] != n->store.sites[i].own_count)
            return false;
    sim_note(sim, node, "is set back to an older copy", 0, 0, 0);
    spoke_crash(sim, node, 2000);
    memcpy(n->keys, n->snapshot.keys, sizeof n->keys);
    for (uint32_t i = 0; i < n->store.site_count; i++) {
        struct store_site *site = &n->store.sites[i];
        uint32_t number = sim_site_number(bytes_str(site->name));
        site->shared_seq = n->told_shared[number] = n->snapshot.shared[number];
        for (uint32_t e = 0; e < site->epoch_count; e++) {
            site->epochs[e].count = n->snapshot.counts[number][site->epochs[e].epoch];
            n->cursors[number][site->epochs[e].epoch] = store_head(site, site->epochs[e].epoch);
        }
    }
    views_drop(sim, node);
    return true;
}
