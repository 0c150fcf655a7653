/* SPDX-License-Identifier: Apache-2.0 */
/* Looks, in the site audit: every laptop writes them, nobody reads them back, and each comes to the hub. A laptop that
 * goes on as the next incarnation carries over those without a receipt, as log_audit_again of daemon/log does it. They
 * are sealed with the key of commons here, which stands for the auditors'. */
#include "proto/event/look.h"
#include "tests/sim/sim_internal.h"

#define COMMONS_KEY 0u

bool looks_draft(struct sim *sim, const struct sim_node *n, struct sim_event *event)
{
    if (!sim->plan.audit || !sim_chance(sim, 2500))
        return false;
    *event = (struct sim_event){.writer = n->device,
                                .site = SIM_AUDIT,
                                .key = COMMONS_KEY,
                                .entry = NO_EVENT,
                                .strikes = NO_EVENT,
                                .type = LOOK_TYPE};
    return true;
}

void looks_put(const struct sim *sim, const struct sim_event *event, struct buffer *out)
{
    static const struct person_id people[2] = {{{1}}, {{2}}};
    const struct look look = {.how = bytes_str("show"), .uid = 1000, .people = people, .count = event->time >> 16 & 1};
    if (event->entry == NO_EVENT)
        look_put(out, &look);
    else
        look_again_put(out, buffer_bytes(&sim->pool.items[event->entry]->raw));
}

void looks_carry(struct sim *sim, uint32_t node, const struct disk_stream *old, struct disk_stream *own)
{
    struct sim_node *n = &sim->nodes[node];
    for (uint64_t seq = old->shared_seq + 1; seq <= old->count; seq++) {
        struct sim_event again = sim->events[old->events[seq - 1]->index];
        again.type = LOOK_AGAIN_TYPE;
        if (sim->breakage == BREAK_LOOKS_FORGOTTEN)
            continue;
        disk_own_append(own, work_seal(sim, &again, &n->config.device, own));
        sim_note(sim, node, "carries look % over", again.entry, 0, 0);
    }
}

/* ---- at the end ---- */

/* The bytes of the look that this event is, or carries. */
static struct bytes look_in(struct sim *sim, const struct sim_event *event)
{
    struct event opened;
    struct event_body body;
    struct bytes inner = {0};
    const struct bytes raw = buffer_bytes(&event->sealed->raw);
    if (event->entry == event->sealed->index)
        return raw;
    if (!event_decode(raw, &opened) || !event_open(&opened, &sim->key_bytes[COMMONS_KEY], &sim->plain, &body) ||
        !look_again_read(body.fields, &inner))
        sim_fail(sim, "a look that was carried over cannot be read");
    return inner;
}

/* A laptop that went on does not bring once more what the hub had acknowledged and lost afterwards: README.md. */
static bool is_excused(const struct sim *sim, const struct sim_event *look)
{
    const struct sim_stream *stream = &sim->streams[look->stream];
    bool speaks = false;
    for (uint32_t i = 0; i < sim->node_count; i++)
        speaks = speaks || (is_alive(&sim->nodes[i]) && sim->nodes[i].device == look->writer &&
                            sim->nodes[i].disk.incarnation == stream->incarnation);
    return !look->told || look->lost || (!speaks && sim->restores > 0);
}

/* Each look is at the hub, as it was written, and in no stream twice. */
void looks_check(struct sim *sim)
{
    const struct disk_site *site = disk_site(&sim->hub.disk, bytes_str(sim_site(SIM_AUDIT)));
    for (uint32_t i = 0; i < sim->pool.count && site && !sim->problem[0]; i++) {
        const struct sim_event *look = &sim->events[i];
        bool found = false;
        if (look->site != SIM_AUDIT || look->entry != i)
            continue;
        for (uint32_t x = i; x < sim->pool.count; x++) {
            if (sim->events[x].entry != i || !disk_has(site, sim->pool.items[x]))
                continue;
            found = true;
            if (!bytes_equal(look_in(sim, &sim->events[x]), buffer_bytes(&look->sealed->raw)))
                sim_fail(sim, "look %u was carried over as event %u, which carries something else", i, x);
            for (uint32_t y = i; y < x; y++)
                if (sim->events[y].entry == i && sim->events[y].stream == sim->events[x].stream &&
                    disk_has(site, sim->pool.items[y])) /* not at a copy that was told to go on as the same */
                    sim_fail(sim, "look %u is in a stream twice, as events %u and %u", i, y, x);
        }
        if (!found && !is_excused(sim, look))
            sim_fail(sim, "look %u of laptop %u never came to the hub", i, look->writer);
    }
}
