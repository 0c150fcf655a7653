/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants at the end, when everything has been healed, shared and shown. */
#include <sodium.h>
#include <stdlib.h>

#include "proto/domain/record.h"
#include "proto/endian.h"
#include "tests/sim/sim_internal.h"

typedef unsigned long long ull;

/* ---- chains ---- */

/* PROTOCOL.md, section 4, by hand. */
static void check_log_hash(struct sim *sim, const struct disk_site *site, const struct disk_epoch *epoch)
{
    uint8_t hash[32], number[8];
    crypto_generichash_state state;
    crypto_generichash_init(&state, NULL, 0, 32);
    crypto_generichash_update(&state, (const uint8_t *)"felloe log", 11);
    crypto_generichash_update(&state, (const uint8_t *)site->name, strlen(site->name) + 1);
    put_be32(number, epoch->epoch);
    crypto_generichash_update(&state, number, 4);
    crypto_generichash_final(&state, hash, 32);
    for (uint32_t i = 0; i < epoch->count; i++) {
        put_be64(number, i + 1);
        crypto_generichash_init(&state, NULL, 0, 32);
        crypto_generichash_update(&state, hash, 32);
        crypto_generichash_update(&state, number, 8);
        crypto_generichash_update(&state, epoch->entries[i].event->id.b, 32);
        crypto_generichash_final(&state, hash, 32);
    }
    struct log_head head = disk_head(site, epoch->epoch);
    if (epoch->count > 0 && memcmp(hash, head.hash.b, 32) != 0)
        sim_fail(sim, "the log hash of %s epoch %u does not verify", site->name, epoch->epoch);
}

/* Each stream in the hub's log is whole: 1, 2, 3 … once each, every event the one that names the one before it. */
static void check_stream(struct sim *sim, const struct disk_site *site, uint32_t stream)
{
    const struct pool_event **found = calloc(sim->pool.count + 1, sizeof(struct pool_event *));
    uint64_t last = 0;
    for (uint32_t e = 0; found && e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++) {
            const struct pool_event *p = site->epochs[e].entries[i].event;
            if (sim->events[p->index].stream != stream)
                continue;
            if (p->seq > sim->pool.count || (found[p->seq - 1] && found[p->seq - 1] != p))
                sim_fail(sim, "hub, %s: two events are number %llu of one stream", site->name, (ull)p->seq);
            else
                found[p->seq - 1] = p;
            last = p->seq > last ? p->seq : last;
        }
    for (uint64_t seq = 1; found && seq <= last && !sim->problem[0]; seq++) {
        struct event event;
        struct event_id id;
        if (!found[seq - 1]) {
            sim_fail(sim, "hub, %s: event %llu of laptop %u is missing, %llu is there", site->name, (ull)seq,
                     sim->streams[stream].writer, (ull)last);
            break;
        }
        event_id_of(buffer_bytes(&found[seq - 1]->raw), &id);
        if (!event_decode(buffer_bytes(&found[seq - 1]->raw), &event) || !event_id_equal(&id, &found[seq - 1]->id))
            sim_fail(sim, "event %u does not verify", found[seq - 1]->index);
        else if (seq > 1 && !event_id_equal(&event.clear.prev, &found[seq - 2]->id))
            sim_fail(sim, "the chain of laptop %u breaks at %llu", sim->streams[stream].writer, (ull)seq);
    }
    free((void *)found);
}

/* ---- one story ---- */

/* What the event tells of the site's log is so here, as far as this log goes; and it came after what it tells of. */
static void check_head(struct sim *sim, uint32_t node, const struct disk_site *site, struct position at,
                       const struct sim_event *event)
{
    const struct disk_entry *here = disk_at(site, event->head.at);
    if (here && memcmp(&here->hash, &event->head.hash, sizeof here->hash) != 0)
        sim_fail(sim, "laptop %u, %s: event %u tells of another log at %u.%llu", node, site->name,
                 event->sealed->index, event->head.at.epoch, (ull)event->head.at.n);
    if (event->head.at.epoch == at.epoch && event->head.at.n >= at.n)
        sim_fail(sim, "laptop %u, %s: event %u at %u.%llu tells of what came after it, %llu", node, site->name,
                 event->sealed->index, at.epoch, (ull)at.n, (ull)event->head.at.n);
}

/* Whatever was put back, copied or lost: nobody who tells the truth is taken for one who was told another story. */
static void check_one_story(struct sim *sim, uint32_t node, const struct disk *disk)
{
    for (uint32_t s = 0; s < disk->site_count; s++)
        for (uint32_t e = 0; e < disk->sites[s].epoch_count; e++)
            for (uint32_t i = 0; i < disk->sites[s].epochs[e].count && !sim->problem[0]; i++) {
                const struct disk_epoch *epoch = &disk->sites[s].epochs[e];
                const struct sim_event *event = &sim->events[epoch->entries[i].event->index];
                if (event->has_head)
                    check_head(sim, node, &disk->sites[s], (struct position){epoch->epoch, i + 1}, event);
            }
}

/* ---- ledgers ---- */

static void check_told(struct sim *sim, uint32_t node, uint32_t s)
{
    const struct sim_node *n = &sim->nodes[node];
    const struct disk_site *site = disk_site(&n->disk, bytes_str(sim_site(s)));
    for (uint32_t t = 0; t < n->told_count[s]; t++)
        if (!disk_wrote(site, sim->pool.items[n->told[s][t]]))
            sim_fail(sim, "laptop %u: event %u of %s was said to be saved, and is missing", node, n->told[s][t],
                     sim_site(s));
    uint32_t stream = stream_number(sim, n->device, n->disk.incarnation);
    if (n->told_shared[s] > sim->streams[stream].held[s])
        sim_fail(sim, "laptop %u, %s: what was said to be shared is missing at the hub", node, sim_site(s));
}

/* Each entry is in the record: as it was written first, or written again. Not more often than it has to be: whether
 * several of it count once is for the views' check. */
static void check_entries(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->pool.count; i++) {
        const struct sim_event *first = &sim->events[i];
        bool there = first->entry != i || !first->told || first->lost || first->site == SIM_AUDIT;
        for (uint32_t x = i; x < sim->pool.count && !there; x++)
            there = sim->events[x].entry == i &&
                    disk_has(disk_site(&sim->hub.disk, bytes_str(sim_site(first->site))), sim->pool.items[x]);
        if (!there)
            sim_fail(sim, "what a worker wrote as event %u is not in the record", i);
    }
}

/* ---- documents ---- */

/* The hub's log folded in any order whatever gives the bytes that every laptop has. */
static bool fold_any_order(struct sim *sim, uint32_t key, struct buffer *out)
{
    bool any = false;
    const struct disk_site *site = disk_site(&sim->hub.disk, bytes_str(sim_site(sim->key_site[key])));
    struct document *shuffled = document_new();
    uint32_t *order = malloc((sim->pool.count + 1) * sizeof *order), count = 0;
    bool *here = calloc(sim->pool.count + 1, sizeof *here);
    if (!order || !shuffled || !here)
        abort();
    for (uint32_t i = 0; i < sim->pool.count; i++)
        here[i] = sim->events[i].key == key && disk_has(site, sim->pool.items[i]);
    for (uint32_t i = 0; i < sim->pool.count; i++)
        if (sim->events[i].key == key)
            order[count++] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = sim_below(sim, i), swapped = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swapped;
    }
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t e = 0; e < sim->epoch_count; e++) {
            struct position at = {sim->epochs[e], sim->events[order[i]].at[e]};
            if (at.n != 0 && here[order[i]] && disk_at(site, at) && counts(sim, here, order[i]))
                any = fold_into(sim, shuffled, &sim->events[order[i]], at) || any;
        }
    document_encode(shuffled, out);
    document_free(shuffled);
    free(order);
    free(here);
    return any;
}

static void check_document(struct sim *sim, uint32_t key)
{
    struct buffer expected = {0}, bytes = {0};
    bool modelled = false;
    bool any = fold_any_order(sim, key, &expected);
    for (uint32_t i = 0; i < sim->node_count && any; i++) {
        const struct sim_node *n = &sim->nodes[i];
        const struct disk_site *site = disk_site(&n->disk, bytes_str(sim_site(sim->key_site[key])));
        if (!is_alive(n) || n->folded_without_key[key] || !site)
            continue;
        buffer_clear(&bytes);
        if (n->documents[key])
            document_encode(n->documents[key], &bytes);
        if (!bytes_equal(buffer_bytes(&bytes), buffer_bytes(&expected)))
            sim_fail(sim, "laptop %u: the document of key %u is not the one that the hub's log gives", i, key);
        if (!modelled)
            check_view(sim, i, key);
        modelled = true;
    }
    buffer_release(&expected);
    buffer_release(&bytes);
}

void check_end(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count; i++)
        for (uint32_t s = 0; s < SIM_SITES && is_alive(&sim->nodes[i]); s++)
            if (disk_site(&sim->nodes[i].disk, bytes_str(sim_site(s))))
                check_told(sim, i, s);
    check_entries(sim);
    looks_check(sim);
    check_one_story(sim, SIM_HUB, &sim->hub.disk);
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (is_alive(&sim->nodes[i]))
            check_one_story(sim, i, &sim->nodes[i].disk);
    for (uint32_t s = 0; s < sim->hub.disk.site_count && !sim->problem[0]; s++) {
        const struct disk_site *site = &sim->hub.disk.sites[s];
        for (uint32_t e = 0; e < site->epoch_count; e++)
            check_log_hash(sim, site, &site->epochs[e]);
        for (uint32_t i = 0; i < sim->stream_count; i++)
            check_stream(sim, site, i);
    }
    for (uint32_t k = 0; k < sim->key_count && !sim->problem[0]; k++)
        check_document(sim, k);
}
