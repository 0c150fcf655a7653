/* SPDX-License-Identifier: Apache-2.0 */
/* What the hub's machine reads of its disk: ranges of site logs, keys, hashes. */
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

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
    struct key_record record;
    uint8_t nonce[BOX_NONCE_SIZE] = {(uint8_t)key, (uint8_t)node, 2};
    sim_key_record(sim, key, site, &record);
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

static void read_feed(struct sim *sim, const struct disk_site *site, const struct hub_output *asked)
{
    uint32_t node = asker(sim, asked), number = sim_site_number(asked->site);
    struct task *done = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_HUB_DONE, SIM_HUB, sim->hub.life);
    struct hub_input *in = &done->hub_done;
    struct buffer body = {0};
    struct lent entries;
    struct position from = asked->from;
    *in = (struct hub_input){.kind = HUB_RANGE, .ticket = asked->ticket, .ok = true, .at = asked->from};
    if (sim->breakage == BREAK_FEED_SKIPS && from.n % 5 == 0 &&
        disk_at(site, (struct position){from.epoch, from.n + 1}))
        from.n++;
    in->count = disk_read_feed(&sim->hub.disk, site, from, asked->max_bytes, &asked->device, asked->incarnation,
                               &entries, &in->head);
    for (uint32_t i = 0; i < in->count; i++) {
        const struct sim_event *event =
            &sim->events[disk_at(site, (struct position){from.epoch, from.n + i})->event->index];
        bool marker = event->writer == node && event->sealed->incarnation == asked->incarnation;
        if (!marker && sim->hub.first_use[number][event->key] == event->sealed->index && sim->hub.keys[event->key] &&
            sim_may_have(sim, sim->nodes[node].device, event->key))
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
    done->missing = calloc(asked->count + 1, sizeof *done->missing);
    if (!done->missing)
        abort();
    for (uint32_t i = 0; i < asked->count; i++) {
        uint32_t key = key_number(sim, &asked->keys[i]);
        if (key == SIM_KEYS || !sim->hub.keys[key] || sim->hub.first_use[number][key] == NO_EVENT)
            continue;
        if (sim_may_have(sim, sim->nodes[node].device, key))
            put_key(sim, key, asked->site, node, &body, &in->key_count);
        else
            done->missing[in->denied_count++] = asked->keys[i];
    }
    in->denied = done->missing;
    in->body = lend(&body);
}

static void read_hashes(struct sim *sim, const struct disk_site *site, const struct hub_output *asked)
{
    struct task *done = sim_later(sim, sim->now + sim_below(sim, 3), ITEM_HUB_DONE, SIM_HUB, sim->hub.life);
    done->hashes = calloc(SEEN_MAX, sizeof *done->hashes);
    if (!done->hashes)
        abort();
    done->hub_done =
        (struct hub_input){.kind = HUB_HASHES, .ticket = asked->ticket, .ok = true, .hashes = done->hashes};
    for (uint32_t i = 0; i < asked->count; i++) {
        const struct disk_entry *entry = disk_at(site, asked->positions[i]);
        if (entry)
            done->hashes[i] = entry->hash;
        else
            done->hub_done.ok = false;
    }
}

void hub_read(struct sim *sim, const struct disk_site *site, const struct hub_output *asked)
{
    if (read_fails(sim, asked))
        return;
    if (asked->kind == HUB_READ)
        read_feed(sim, site, asked);
    else if (asked->kind == HUB_READ_KEYS)
        read_keys(sim, asked);
    else if (asked->kind == HUB_HASH)
        read_hashes(sim, site, asked);
}
