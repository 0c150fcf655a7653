/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants: cheap ones at each step, all of them at the end. They hold the machines' word against ledgers that
 * the world keeps by itself. */
#include <sodium.h>
#include <stdlib.h>

#include "proto/endian.h"
#include "proto/domain/record.h"
#include "tests/sim/sim_internal.h"

typedef unsigned long long ull;

/* ---- numbers of epochs and streams ---- */

uint32_t epoch_number(struct sim *sim, uint32_t epoch)
{
    for (uint32_t i = 0; i < sim->epoch_count; i++)
        if (sim->epochs[i] == epoch)
            return i;
    if (sim->epoch_count < SIM_EPOCHS)
        sim->epochs[sim->epoch_count++] = epoch;
    else
        return SIM_EPOCHS;
    return sim->epoch_count - 1;
}

uint32_t stream_number(struct sim *sim, uint32_t writer, uint32_t incarnation)
{
    for (uint32_t i = 0; i < sim->stream_count; i++)
        if (sim->streams[i].writer == writer && sim->streams[i].incarnation == incarnation)
            return i;
    sim->streams = realloc(sim->streams, (sim->stream_count + 1) * sizeof *sim->streams);
    if (!sim->streams)
        abort();
    sim->streams[sim->stream_count] = (struct sim_stream){.writer = writer, .incarnation = incarnation};
    return sim->stream_count++;
}

/* ---- positions: given once, the same everywhere ---- */

static void owners_grow(struct sim *sim, uint32_t site, uint32_t epoch, uint64_t n)
{
    uint32_t *cap = &sim->owner_cap[site][epoch], before = *cap;
    if (n <= *cap)
        return;
    *cap = (uint32_t)n * 2 + 16;
    sim->owners[site][epoch] = realloc(sim->owners[site][epoch], *cap * sizeof(uint32_t));
    if (!sim->owners[site][epoch])
        abort();
    for (uint32_t i = before; i < *cap; i++)
        sim->owners[site][epoch][i] = NO_EVENT;
}

/* A new position: the event has none, or lost it together with the hub. */
static void check_given(struct sim *sim, uint32_t site_at, struct position at, uint32_t event)
{
    const struct disk_site *site = disk_site(&sim->hub.disk, bytes_str(sim_site(site_at)));
    for (uint32_t e = 0; e < sim->epoch_count; e++) {
        struct position other = {sim->epochs[e], sim->events[event].at[e]};
        if (other.n != 0 && disk_at(site, other) && disk_at(site, other)->event->index == event)
            sim_fail(sim, "hub: %s %u.%llu given to event %u, which is at %u.%llu", sim_site(site_at), at.epoch,
                     (ull)at.n, event, other.epoch, (ull)other.n);
    }
}

void check_placed(struct sim *sim, uint32_t node, uint32_t site, struct position at, uint32_t event)
{
    uint32_t epoch = at.epoch == 0 || at.n == 0 ? SIM_EPOCHS : epoch_number(sim, at.epoch);
    if (epoch == SIM_EPOCHS) {
        sim_fail(sim, "an entry of %s at %u.%llu", sim_site(site), at.epoch, (ull)at.n);
        return;
    }
    owners_grow(sim, site, epoch, at.n);
    uint32_t *owner = &sim->owners[site][epoch][at.n - 1];
    uint64_t *place = &sim->events[event].at[epoch];
    if (node != SIM_HUB) {
        if (*owner != event)
            sim_fail(sim, "laptop %u has event %u at %s %u.%llu, where the hub has event %u", node, event,
                     sim_site(site), at.epoch, (ull)at.n, *owner);
        return;
    }
    if (*owner == NO_EVENT)
        check_given(sim, site, at, event);
    if ((*owner != NO_EVENT && *owner != event) || (*place != 0 && *place != at.n))
        sim_fail(sim, "hub: %s %u.%llu given to event %u; it was event %u's, and that one was at %llu", sim_site(site),
                 at.epoch, (ull)at.n, event, *owner, (ull)*place);
    *owner = event;
    *place = at.n;
}

/* ---- what a laptop says ---- */

static void check_shared(struct sim *sim, uint32_t node, const struct disk_site *site, uint64_t shared)
{
    struct sim_node *n = &sim->nodes[node];
    uint32_t number = sim_site_number(bytes_str(site->name));
    uint32_t stream = stream_number(sim, n->device, n->config.incarnation);
    uint64_t held = sim->streams[stream].held[number];
    bool lowers = shared < n->told_shared[number];
    if (lowers && n->told_shared[number] > n->excused[number] && !sim->spoilt) /* "nothing" is not signed */
        sim_fail(sim, "laptop %u, %s: %llu events were said to be shared, now %llu", node, site->name,
                 (ull)n->told_shared[number], (ull)shared);
    if (shared > held && shared > n->excused[number])
        sim_fail(sim, "laptop %u, %s: event %llu is said to be shared, the hub holds %llu", node, site->name,
                 (ull)shared, (ull)held);
    n->told_shared[number] = shared;
}

void check_spoke(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    for (uint32_t i = 0; n->machine && i < n->disk.site_count; i++) {
        struct spoke_site_status status;
        spoke_site_status(n->machine, i, &status);
        const struct disk_site *site = &n->disk.sites[i];
        check_shared(sim, node, site, status.shared_seq);
        const struct disk_stream *own = disk_own_stream(site, n->config.incarnation);
        if (status.saved_seq > own->count)
            sim_fail(sim, "laptop %u, %s: event %llu is said to be saved, the disk has %llu", node, site->name,
                     (ull)status.saved_seq, (ull)own->count);
        for (uint8_t e = 0; e < status.received.count; e++)
            if (status.received.at[e].n > disk_count(site, status.received.at[e].epoch))
                sim_fail(sim, "laptop %u, %s: received up to %u.%llu is more than the disk has", node, site->name,
                         status.received.at[e].epoch, (ull)status.received.at[e].n);
    }
}

/* ---- views against the naive model ---- */

/* The event as the model wants it, with the positions up to `folded`; true if it has any. */
static bool model_event(const struct sim *sim, const struct sim_event *e, const struct seen *folded,
                        struct naive_event *out)
{
    bool placed = false;
    *out = (struct naive_event){.device = e->writer,
                                .incarnation = e->sealed->incarnation,
                                .seq = e->sealed->seq,
                                .id = e->sealed->id.b,
                                .was = e->entry == e->sealed->index ? NULL : sim->pool.items[e->entry]->id.b,
                                .type = e->type,
                                .field_count = e->field_count,
                                .strikes = e->strikes == NO_EVENT ? NULL : sim->pool.items[e->strikes]->id.b,
                                .after_count = e->after.count};
    for (uint32_t i = 0; i < e->after.count; i++) {
        out->after[i].incarnation = e->after.at[i].incarnation;
        out->after[i].seq = e->after.at[i].seq;
    }
    for (uint32_t x = 0; x < sim->epoch_count; x++) {
        out->seen.n[x] = seen_in(&e->seen, sim->epochs[x]);
        out->at.n[x] = e->at[x] <= seen_in(folded, sim->epochs[x]) ? e->at[x] : 0;
        placed = placed || out->at.n[x] != 0;
    }
    for (uint32_t f = 0; f < e->field_count; f++) {
        out->names[f] = e->names[f];
        out->values[f] = e->values[f];
    }
    return placed;
}

static uint32_t gather(const struct sim *sim, uint32_t node, uint32_t key, struct naive_event *out)
{
    const struct sim_node *n = &sim->nodes[node];
    const struct site_view *view = &n->views[sim->key_site[key]];
    const struct disk_stream *own = disk_own(disk_site(&n->disk, bytes_str(sim_site(sim->key_site[key]))));
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->pool.count; i++) {
        const struct sim_event *e = &sim->events[i];
        if (e->key != key || e->site != sim->key_site[key])
            continue;
        bool mine =
            e->sealed->seq <= view->own && e->sealed->seq <= own->count && own->events[e->sealed->seq - 1] == e->sealed;
        if (model_event(sim, e, &view->folded, &out[count]) || mine)
            count++;
    }
    return count;
}

/* Is what the document says stands exactly what the model says? Values are short texts: one byte, then the text. */
static bool same_register(const struct naive_register *model, const struct reading *reading)
{
    if (reading->count != model->count || reading->to_settle != model->to_settle)
        return false;
    for (size_t i = 0; i < reading->count; i++) {
        const struct write *w = &reading->writes[i];
        bool found = false;
        for (size_t m = 0; m < model->count; m++)
            found = found || (memcmp(w->stamp->id.b, model->values[m].by->id, 32) == 0 && w->value.len > 0 &&
                              w->value.data[0] == (0xa0 | strlen(model->values[m].value)) &&
                              bytes_is(bytes_of(w->value.data + 1, w->value.len - 1), model->values[m].value));
        if (!found)
            return false;
    }
    return true;
}

static const struct reading *find_reading(const struct reading *readings, size_t count, const struct naive_register *r)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(readings[i].def->name, r->name) == 0 && bytes_is(readings[i].each, r->each))
            return &readings[i];
    return NULL;
}

void check_view(struct sim *sim, uint32_t node, uint32_t key)
{
    struct sim_node *n = &sim->nodes[node];
    struct document *document = n->documents[key];
    if (!document || n->folded_without_key[key] || n->disk.going_on)
        return; /* while it goes on, two histories have the same numbers here */
    struct naive_event *events = malloc((sim->pool.count + 1) * sizeof *events);
    struct naive_reading model;
    size_t count, standing = 0;
    bool ok;
    if (!events)
        abort();
    naive_read(events, gather(sim, node, key, events), &model);
    const struct reading *readings = record_readings(document, &count, &ok);
    for (size_t i = 0; i < count; i++)
        standing += readings[i].count > 0 && readings[i].def->id != REG_episode; /* its values are entries, not words */
    if (!ok || standing != model.count)
        sim_fail(sim, "laptop %u, key %u: %zu registers hold something, the model has %zu", node, key, standing,
                 model.count);
    for (size_t i = 0; i < model.count; i++) {
        const struct reading *reading = find_reading(readings, count, &model.registers[i]);
        if (!reading || !same_register(&model.registers[i], reading))
            sim_fail(sim, "laptop %u, key %u: '%s' %s holds %zu values, the model has %zu%s", node, key,
                     model.registers[i].name, model.registers[i].each, reading ? reading->count : 0,
                     model.registers[i].count, model.registers[i].to_settle ? " to settle" : "");
    }
    naive_release(&model);
    free(events);
}

/* ---- settled ---- */

static bool same_log(const struct sim *sim, const struct disk_site *a, const struct disk_site *b)
{
    for (uint32_t e = 0; e < sim->epoch_count; e++) {
        const struct disk_epoch *ea = disk_epoch(a, sim->epochs[e]), *eb = disk_epoch(b, sim->epochs[e]);
        if ((!ea || ea->count == 0) && (!eb || eb->count == 0))
            continue;
        struct log_head ha = disk_head(a, sim->epochs[e]), hb = disk_head(b, sim->epochs[e]);
        if (ha.at.n != hb.at.n || memcmp(&ha.hash, &hb.hash, sizeof ha.hash) != 0)
            return false;
    }
    return true;
}

/* A key that left with a revoked laptop, or with a copy that nobody starts again, will never come. */
static bool key_lost(const struct sim *sim, uint32_t key)
{
    for (uint32_t i = 0; i < sim->node_count; i++)
        if (is_alive(&sim->nodes[i]) && sim->nodes[i].keys[key])
            return false;
    return !sim->hub.keys[key];
}

/* What the hub tells of its devices has come to be true. */
static bool hub_waits_for_nothing(const struct sim *sim)
{
    for (uint32_t i = 0; sim->hub.machine && i < hub_device_count(sim->hub.machine); i++) {
        struct hub_device_status status;
        hub_device_status(sim->hub.machine, i, &status);
        if (status.waiting > 0 && !sim->nodes[i].revoked)
            return false;
    }
    return sim->hub.machine != NULL;
}

static bool site_settled(struct sim *sim, const struct sim_node *n, const struct disk_site *site)
{
    const struct disk_stream *own = disk_own(site);
    uint32_t number = sim_site_number(bytes_str(site->name));
    uint32_t stream = stream_number(sim, n->device, n->disk.incarnation);
    return own->shared_seq == own->count && n->told_shared[number] == own->count &&
           sim->streams[stream].held[number] == own->count &&
           (number == SIM_AUDIT ||
            same_log(sim, site, disk_site(&sim->hub.disk, bytes_str(site->name))));
}

/* What is on a revoked laptop that met the hub again is there, in the log or aside; as it is, or as what it was written
 * as once more. */
static bool is_handed_over(const struct sim *sim, const struct sim_node *n)
{
    for (uint32_t s = 0; s < n->disk.site_count; s++) {
        const struct disk_stream *own = disk_own(&n->disk.sites[s]);
        const struct disk_site *hubs = disk_site(&sim->hub.disk, bytes_str(n->disk.sites[s].name));
        for (uint64_t i = 0; i < own->count; i++) {
            bool there = disk_has_aside(hubs, own->events[i]) || disk_has(hubs, own->events[i]);
            const uint32_t entry = sim->events[own->events[i]->index].entry;
            for (uint32_t x = 0; x < sim->pool.count && !there; x++)
                there = sim->events[x].entry == entry && disk_has(hubs, sim->pool.items[x]);
            if (!there)
                return false;
        }
    }
    return true;
}

static bool all_handed_over(const struct sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count && !sim->spoilt; i++) /* no signature covers what was kept aside */
        if (sim->nodes[i].revoked && !sim->nodes[i].dead &&
            (!sim->nodes[i].machine || !is_handed_over(sim, &sim->nodes[i])))
            return false;
    return true;
}

bool check_settled(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->node_count; i++) {
        struct sim_node *n = &sim->nodes[i];
        if (!is_alive(n))
            continue;
        if (!n->machine || n->disk.going_on || n->disk.rotten)
            return false;
        for (uint32_t s = 0; s < n->disk.site_count; s++)
            if (!site_settled(sim, n, &n->disk.sites[s]))
                return false;
        if (!views_current(sim, i))
            return false;
        for (uint32_t k = 0; k < sim->key_count; k++)
            if (n->folded_without_key[k] && !key_lost(sim, k) && sim_may_have(sim, n->device, k))
                return false;
    }
    return hub_waits_for_nothing(sim) && !sim->hub.disk.rotten && all_handed_over(sim);
}
