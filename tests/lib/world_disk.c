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
    if (world->spoilt && !all_known(world, site, batch)) { /* the log refuses it; the machine starts afresh */
        fate = COMMIT_LOST;
        world->crash_spoke = node;
    }
    if (fate != COMMIT_LOST) {
        append_batch(world, site, batch->epoch, batch->first_n, batch);
        struct log_head head = store_head(site, batch->epoch);
        if (memcmp(&head.hash, &batch->head.hash, sizeof head.hash) != 0)
            world_fail(world, "the head that was checked for %s is not that of its entries", site->name);
    }
    struct spoke_input done = {.kind = SPOKE_FEED_KEPT, .site = bytes_str(site->name), .ok = fate == COMMIT_OK};
    world_spoke_input(world, node, &done);
}

static bool hub_holds(struct world *world, const char *site_name, const struct event_id *id)
{
    const struct store_site *site = store_site(&world->hub_store, bytes_str(site_name));
    for (uint32_t e = 0; site && e < site->epoch_count; e++)
        for (uint32_t n = 0; n < site->epochs[e].count; n++)
            if (event_id_equal(&site->epochs[e].entries[n].event->id, id))
                return true;
    return false;
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

static void keep_receipt(struct world *world, uint32_t node, struct store_site *site, const struct msg_receipt *receipt)
{
    enum commit_fate fate = world_commit(world, node);
    if (receipt->seq < site->shared_seq)
        world_fail(world, "a receipt of spoke %u for %s goes back", node, site->name);
    if (receipt->seq > site->own_count || !event_id_equal(&site->own[receipt->seq - 1]->id, &receipt->id))
        world_fail(world, "a receipt of spoke %u for %s is for another event", node, site->name);
    if (!hub_holds(world, site->name, &receipt->id))
        world_fail(world, "shared on spoke %u, and the hub does not hold it", node);
    if (!world->spoilt)
        check_positions(world, node, site, receipt);
    if (fate != COMMIT_LOST) {
        site->shared_seq = receipt->seq;
        site->shared_id = receipt->id;
    }
    struct spoke_input done = {
        .kind = SPOKE_RECEIPT_KEPT, .site = bytes_str(site->name), .ok = fate == COMMIT_OK, .seq = receipt->seq};
    world_spoke_input(world, node, &done);
}

void disk_spoke(struct world *world, uint32_t spoke, struct spoke_output *asked)
{
    struct store_site *site = store_site(&world->spokes[spoke].store, asked->site);
    if (!site)
        return;
    switch (asked->kind) {
    case SPOKE_READ_OWN: {
        struct spoke_input done = {.kind = SPOKE_OWN_READ, .site = asked->site, .first_seq = asked->first_seq};
        done.count = store_read_own(site, asked->first_seq, asked->max_bytes, &done.body, &done.last_id);
        world_spoke_input(world, spoke, &done);
        break;
    }
    case SPOKE_KEEP_FEED:
        keep_feed(world, spoke, site, asked->batch);
        break;
    case SPOKE_KEEP_RECEIPT:
        keep_receipt(world, spoke, site, asked->receipt);
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
    uint32_t epoch = world->hub_config.epoch;
    struct log_head before = store_head(site, epoch);
    if (fate != COMMIT_LOST)
        append_batch(world, site, epoch, before.at.n + 1, asked->batch);
    struct hub_input done = {
        .kind = HUB_KEPT, .ticket = asked->ticket, .ok = fate == COMMIT_OK, .at = {epoch, before.at.n + 1}};
    world_hub_input(world, &done);
    struct hub_input grew = {.kind = HUB_GREW, .site = asked->site, .head = store_head(site, epoch)};
    if (fate == COMMIT_OK)
        world_hub_input(world, &grew);
}

static void keep_offer(struct world *world, struct store_site *site, const struct hub_output *asked)
{
    enum commit_fate fate = world_commit(world, WORLD_HUB);
    if (fate != COMMIT_LOST)
        append_batch(world, site, asked->batch->epoch, asked->batch->first_n, asked->batch);
    struct hub_input done = {.kind = HUB_OFFER_KEPT,
                             .ticket = asked->ticket,
                             .ok = fate == COMMIT_OK,
                             .head = store_head(site, asked->batch->epoch)};
    world_hub_input(world, &done);
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
