/* SPDX-License-Identifier: Apache-2.0 */
/* What the machines ask of their stores, done in memory, with an eye on what they ask: an entry that is not the one
 * that was written, a gap, a receipt for what the hub does not hold, are problems of the world. */
#include <stdlib.h>

#include "tests/lib/sync_world_internal.h"

/* ---- a spoke's ---- */

/* The event that an entry stands for, if it is byte for byte the one that was written. */
static const struct pool_event *entry_event(struct world *world, const struct store_site *site,
                                            const struct entry *entry)
{
    const struct pool_event *event = pool_find(&world->pool, &entry->id);
    if (!event || event->seq != entry->seq || event->incarnation != entry->incarnation)
        return NULL;
    if (entry->flags & ENTRY_OWN)
        return entry->seq <= site->own_count && site->own[entry->seq - 1] == event ? event : NULL;
    return bytes_equal(buffer_bytes(&event->raw), entry->event) ? event : NULL;
}

/* A position is one event's, everywhere and for ever. */
static void given_once(struct world *world, const char *site_name, struct position at, const struct pool_event *event)
{
    for (uint32_t i = 0; i < world->config.spokes; i++) {
        const struct store_site *site = store_site(&world->spokes[i].store, bytes_str(site_name));
        const struct store_entry *entry = site ? store_at(site, at) : NULL;
        if (entry && entry->event != event)
            world_fail(world, "position %u.%llu of %s is another event's on spoke %u", at.epoch,
                       (unsigned long long)at.n, site_name, i);
    }
}

static void append_batch(struct world *world, struct store_site *site, uint32_t epoch, uint64_t first_n,
                         const struct batch *batch)
{
    if (first_n != store_head(site, epoch).at.n + 1)
        world_fail(world, "a batch for %s starts at %llu: positions have a gap", site->name,
                   (unsigned long long)first_n);
    for (uint32_t i = 0; i < batch->count; i++) {
        const struct entry *entry = &batch->entries[i];
        const struct pool_event *event = entry_event(world, site, entry);
        if (!event) {
            world_fail(world, "an entry of %s is not an event that was written", site->name);
            return;
        }
        store_append(site, epoch, event, entry->flags & ENTRY_SIGNED ? &entry->signature : NULL);
        given_once(world, site->name, store_head(site, epoch).at, event);
        if (site >= world->hub_store.sites && site < world->hub_store.sites + SITES_MAX)
            world->pool.items[event->index]->held = true;
    }
}

/* A marker's seq is covered by no hash: the log holds it against its own events. */
static bool all_known(struct world *world, const struct store_site *site, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++)
        if ((batch->entries[i].flags & ENTRY_OWN) && !entry_event(world, site, &batch->entries[i]))
            return false;
    return true;
}

static void keep_feed(struct world *world, uint32_t node, struct store_site *site, const struct batch *batch)
{
    enum commit_fate fate = world_commit(world, node);
    bool known = all_known(world, site, batch);
    if (!known && world->spoilt) { /* the log refuses it; the machine starts afresh */
        fate = COMMIT_LOST;
        world->crash_spoke = node;
    } else if (!known) {
        struct spoke_input no = {.kind = SPOKE_FEED_KEPT, .site = bytes_str(site->name), .contradicts = true};
        world_spoke_input(world, node, &no);
        return;
    }
    if (fate != COMMIT_LOST) {
        append_batch(world, site, batch->epoch, batch->first_n, batch);
        struct log_head head = store_head(site, batch->epoch);
        if (memcmp(&head.hash, &batch->head.hash, sizeof head.hash) != 0)
            world_fail(world, "the head that was checked for %s is not that of its entries", site->name);
        store_anchor(site, &head, &batch->head_signature);
    }
    struct spoke_input done = {.kind = SPOKE_FEED_KEPT, .site = bytes_str(site->name), .ok = fate == COMMIT_OK};
    world_spoke_input(world, node, &done);
}

/* Does the hub hold it, or did it before it was put back? That is made good later: see world_settled. */
static bool hub_held(const struct world *world, const struct event_id *id)
{
    const struct pool_event *event = pool_find(&world->pool, id);
    return event && event->held;
}

/* The positions in a receipt are not signed: a spoilt frame may have wrong ones, until a FEED tells the right ones. */
static void check_positions(struct world *world, uint32_t node, const struct store_site *site,
                            const struct msg_receipt *receipt)
{
    struct store_site *log = store_site(&world->hub_store, bytes_str(site->name));
    for (uint32_t i = 0; i < receipt->run_count; i++)
        for (uint32_t k = 0; k < receipt->runs[i].count; k++) {
            struct position at = {receipt->runs[i].at.epoch, receipt->runs[i].at.n + k};
            const struct store_entry *entry = store_at(log, at);
            if (!entry || entry->event != site->own[receipt->runs[i].first_seq + k - 1])
                world_fail(world, "a receipt tells spoke %u a position that is another event's", node);
        }
}

/* A lowered one takes away what the hub has no more; it too is for our own event. */
static bool lower(struct store_site *site, const struct msg_receipt *receipt)
{
    if (receipt->seq > 0 &&
        (receipt->seq > site->own_count || !event_id_equal(&site->own[receipt->seq - 1]->id, &receipt->id)))
        return false;
    site->shared_seq = receipt->seq;
    site->shared_id = receipt->id;
    return true;
}

static void keep_receipt(struct world *world, uint32_t node, struct store_site *site, const struct spoke_output *asked)
{
    const struct msg_receipt *receipt = asked->receipt;
    enum commit_fate fate = world_commit(world, node);
    struct spoke_input done = {
        .kind = SPOKE_RECEIPT_KEPT, .site = bytes_str(site->name), .ok = fate == COMMIT_OK, .seq = receipt->seq};
    if (asked->lowered) {
        if (receipt->seq >= site->shared_seq)
            world_fail(world, "a receipt of spoke %u for %s is lowered upwards", node, site->name);
        done.contradicts = fate != COMMIT_LOST && !lower(site, receipt);
        done.ok = done.ok && !done.contradicts;
        world_spoke_input(world, node, &done);
        return;
    }
    if (receipt->seq < site->shared_seq)
        world_fail(world, "a receipt of spoke %u for %s goes back", node, site->name);
    if (receipt->seq > site->own_count || !event_id_equal(&site->own[receipt->seq - 1]->id, &receipt->id))
        world_fail(world, "a receipt of spoke %u for %s is for another event", node, site->name);
    if (!hub_held(world, &receipt->id))
        world_fail(world, "shared on spoke %u, and the hub never held it", node);
    if (world->restores == 0 && !world->spoilt)
        check_positions(world, node, site, receipt);
    if (fate != COMMIT_LOST) {
        site->shared_seq = receipt->seq;
        site->shared_id = receipt->id;
    }
    world_spoke_input(world, node, &done);
}

/* What the site logs do not have of the own stream is said again in the next one. */
static void go_on(struct world *world, uint32_t node)
{
    struct store *store = &world->spokes[node].store;
    if (world_commit(world, node) == COMMIT_LOST)
        return;
    for (uint32_t i = 0; i < store->site_count; i++) {
        struct store_site *site = &store->sites[i];
        const struct pool_event **old = site->own;
        uint64_t count = site->own_count;
        site->own = NULL;
        site->own_count = site->own_cap = site->shared_seq = 0;
        site->own_head = (struct stream_head){.seen = site->own_head.seen};
        for (uint64_t k = 0; k < count; k++)
            if (!store_holds(site, old[k]))
                (void)store_own_append(
                    site, pool_remake(&world->pool, bytes_str(site->name), old[k], store->going_on, &site->own_head));
        free((void *)old);
    }
    store->incarnation = store->going_on;
    store->going_on = 0;
    world->crash_spoke = node;
}

static void read_offer(struct world *world, uint32_t node, const struct store_site *site,
                       const struct spoke_output *asked)
{
    struct spoke_input done = {.kind = SPOKE_OFFER_READ, .site = asked->site, .first = asked->from};
    done.count = store_read_offer(site, asked->from, asked->max_bytes, &done.body, &done.head, &done.signature);
    world_spoke_input(world, node, &done);
}

/* `count`: how many are wanted, and then how many there are. */
static const struct event_id *own_ids(const struct store_site *site, uint64_t first, uint32_t *count)
{
    static struct event_id ids[BATCH_ENTRIES_MAX];
    uint32_t found = 0;
    for (; found < *count && first + found <= site->own_count; found++)
        ids[found] = site->own[first + found - 1]->id;
    *count = found;
    return ids;
}

static void read_ids(struct world *world, uint32_t node, const struct store_site *site,
                     const struct spoke_output *asked)
{
    struct spoke_input done = {
        .kind = SPOKE_IDS_READ, .site = asked->site, .first_seq = asked->first_seq, .count = asked->count};
    done.ids = own_ids(site, asked->first_seq, &done.count);
    world_spoke_input(world, node, &done);
}

void disk_spoke(struct world *world, uint32_t spoke, struct spoke_output *asked)
{
    if (asked->kind == SPOKE_CAUGHT_UP) {
        go_on(world, spoke);
        return;
    }
    struct store_site *site = store_site(&world->spokes[spoke].store, asked->site);
    if (!site)
        return;
    switch (asked->kind) {
    case SPOKE_READ_OWN: {
        struct spoke_input done = {.kind = SPOKE_OWN_READ, .site = asked->site, .first_seq = asked->first_seq};
        done.count = store_read_own(site, asked->first_seq, asked->max_bytes, &done.body, &done.last_id);
        if (asked->first_seq % 2 == 0) /* where they are at hand */
            done.ids = own_ids(site, asked->first_seq, &(uint32_t){done.count});
        world_spoke_input(world, spoke, &done);
        break;
    }
    case SPOKE_READ_IDS:
        read_ids(world, spoke, site, asked);
        break;
    case SPOKE_READ_OFFER:
        read_offer(world, spoke, site, asked);
        break;
    case SPOKE_KEEP_FEED:
        keep_feed(world, spoke, site, asked->batch);
        break;
    case SPOKE_KEEP_RECEIPT:
        keep_receipt(world, spoke, site, asked);
        break;
    case SPOKE_READ_KEYS: {
        struct spoke_input done = {.kind = SPOKE_KEYS_READ, .site = asked->site};
        world_spoke_input(world, spoke, &done);
        break;
    }
    default:
        break;
    }
}

/* ---- the hub's ---- */

static void keep_push(struct world *world, struct store_site *site, const struct hub_output *asked)
{
    enum commit_fate fate = world_commit(world, WORLD_HUB);
    uint32_t epoch = world->hub_store.epoch;
    struct log_head before = store_head(site, epoch);
    if (fate != COMMIT_LOST)
        append_batch(world, site, epoch, before.at.n + 1, asked->batch);
    struct hub_input done = {
        .kind = HUB_KEPT, .ticket = asked->ticket, .ok = fate == COMMIT_OK, .at = {epoch, before.at.n + 1}};
    struct hub_input grew = {
        .kind = HUB_GREW, .ticket = done.ticket, .at = done.at, .site = asked->site, .head = store_head(site, epoch),
        .fresh = asked->batch};
    if (fate == COMMIT_OK)
        world_hub_input(world, &grew);
    world_hub_input(world, &done);
}

static bool contradicts(const struct store_site *site, const struct entry *entry)
{
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t n = 0; n < site->epochs[e].count; n++) {
            const struct pool_event *here = site->epochs[e].entries[n].event;
            if (device_id_equal(&here->device, &entry->device) && here->incarnation == entry->incarnation &&
                here->seq == entry->seq && !event_id_equal(&here->id, &entry->id))
                return true;
        }
    return false;
}

static void keep_offer(struct world *world, struct store_site *site, const struct hub_output *asked)
{
    struct hub_input done = {.kind = HUB_OFFER_KEPT, .ticket = asked->ticket};
    for (uint32_t i = 0; i < asked->batch->count; i++)
        done.contradicts |= contradicts(site, &asked->batch->entries[i]);
    if (asked->batch->epoch >= world->hub_store.epoch)
        world_fail(world, "an offer for %s goes to the present epoch", site->name);
    if (!done.contradicts) {
        enum commit_fate fate = world_commit(world, WORLD_HUB);
        done.ok = fate == COMMIT_OK;
        if (fate != COMMIT_LOST)
            append_batch(world, site, asked->batch->epoch, asked->batch->first_n, asked->batch);
    }
    done.head = store_head(site, asked->batch->epoch);
    world_hub_input(world, &done);
}

void disk_next_epoch(struct world *world, uint32_t above)
{
    world->hub_store.epoch = above + 1 + world->epochs++ % 5;
}

static void read_feed(struct world *world, const struct store_site *site, const struct hub_output *asked)
{
    struct hub_input done = {.kind = HUB_RANGE, .ticket = asked->ticket, .ok = true, .at = asked->from};
    done.count = store_read_feed(site, asked->from, asked->max_bytes, &asked->device, asked->incarnation, &done.body,
                                 &done.head);
    world_hub_input(world, &done);
}

static void read_hashes(struct world *world, const struct store_site *site, const struct hub_output *asked)
{
    struct log_hash hashes[SEEN_MAX] = {0};
    struct hub_input done = {.kind = HUB_HASHES, .ticket = asked->ticket, .ok = true, .hashes = hashes};
    for (uint32_t i = 0; i < asked->count; i++) {
        const struct store_entry *entry = store_at(site, asked->positions[i]);
        if (entry)
            hashes[i] = entry->head.hash;
        else
            done.ok = false;
    }
    world_hub_input(world, &done);
}

void disk_hub(struct world *world, struct hub_output *asked)
{
    if (asked->kind == HUB_NEXT_EPOCH) {
        disk_next_epoch(world, asked->from.epoch);
        world->crash_hub = true;
        return;
    }
    struct store_site *site = store_site(&world->hub_store, asked->site);
    if (!site)
        return;
    switch (asked->kind) {
    case HUB_KEEP:
        keep_push(world, site, asked);
        break;
    case HUB_KEEP_OFFER:
        keep_offer(world, site, asked);
        break;
    case HUB_READ:
        read_feed(world, site, asked);
        break;
    case HUB_HASH:
        read_hashes(world, site, asked);
        break;
    case HUB_READ_KEYS: {
        struct hub_input done = {.kind = HUB_RANGE, .ticket = asked->ticket, .ok = true};
        world_hub_input(world, &done);
        break;
    }
    case HUB_KEEP_KEYS: {
        struct hub_input done = {.kind = HUB_KEPT, .ticket = asked->ticket, .ok = true};
        world_hub_input(world, &done);
        break;
    }
    default:
        break;
    }
}
