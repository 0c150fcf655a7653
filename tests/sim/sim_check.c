/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants: cheap ones at each step, all of them at the end. They hold the machines' word against ledgers that
 * the world keeps by itself. */
#include <sodium.h>
#include <stdlib.h>

#include "proto/endian.h"
#include "proto/domain/record.h"
#include "tests/sim/sim_internal.h"

typedef unsigned long long ull;

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

void check_placed(struct sim *sim, uint32_t node, uint32_t site, struct position at, uint32_t event)
{
    if (at.epoch == 0 || at.epoch >= SIM_EPOCHS || at.n == 0) {
        sim_fail(sim, "an entry of %s at %u.%llu", sim_site(site), at.epoch, (ull)at.n);
        return;
    }
    owners_grow(sim, site, at.epoch, at.n);
    uint32_t *owner = &sim->owners[site][at.epoch][at.n - 1];
    uint64_t *place = &sim->events[event].at[at.epoch];
    if (node == SIM_HUB) {
        if (*owner != NO_EVENT || *place != 0)
            sim_fail(sim, "hub: %s %u.%llu given to event %u; it was event %u's, and that one was at %llu",
                     sim_site(site), at.epoch, (ull)at.n, event, *owner, (ull)*place);
        *owner = event;
        *place = at.n;
    } else if (*owner != event) {
        sim_fail(sim, "laptop %u has event %u at %s %u.%llu, where the hub has event %u", node, event, sim_site(site),
                 at.epoch, (ull)at.n, *owner);
    }
}

/* ---- what a laptop says ---- */

void check_spoke(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    for (uint32_t i = 0; n->machine && i < n->store.site_count; i++) {
        struct spoke_site_status status;
        spoke_site_status(n->machine, i, &status);
        struct store_site *site = &n->store.sites[i];
        uint32_t number = sim_site_number(status.site);
        if (status.shared_seq < n->told_shared[number])
            sim_fail(sim, "laptop %u, %s: %llu events were said to be shared, now %llu", node, site->name,
                     (ull)n->told_shared[number], (ull)status.shared_seq);
        if (status.shared_seq > sim->hub.held[number][node])
            sim_fail(sim, "laptop %u, %s: event %llu is said to be shared, the hub holds %llu", node, site->name,
                     (ull)status.shared_seq, (ull)sim->hub.held[number][node]);
        n->told_shared[number] = status.shared_seq;
        if (status.saved_seq > site->own_count)
            sim_fail(sim, "laptop %u, %s: event %llu is said to be saved, the disk has %llu", node, site->name,
                     (ull)status.saved_seq, (ull)site->own_count);
        for (uint8_t e = 0; e < status.received.count; e++)
            if (status.received.at[e].n > store_head(site, status.received.at[e].epoch).at.n)
                sim_fail(sim, "laptop %u, %s: received up to %u.%llu is more than the disk has", node, site->name,
                         status.received.at[e].epoch, (ull)status.received.at[e].n);
    }
}

/* ---- views against the naive model ---- */

static uint32_t gather(const struct sim *sim, uint32_t node, uint32_t key, struct naive_event *out)
{
    const struct sim_node *n = &sim->nodes[node];
    const struct site_view *view = &n->views[sim->key_site[key]];
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->pool.count; i++) {
        const struct sim_event *e = &sim->events[i];
        bool shown = e->key == key && e->writer == node && e->sealed->seq <= view->own;
        struct naive_event event = {.stream = e->writer,
                                    .seq = e->sealed->seq,
                                    .id = e->sealed->id.b,
                                    .type = e->type,
                                    .field_count = e->field_count,
                                    .strikes = e->strikes == NO_EVENT ? NULL : sim->pool.items[e->strikes]->id.b};
        for (uint32_t x = 1; x < SIM_EPOCHS && e->key == key; x++) {
            event.seen.n[x] = seen_in(&e->sealed->seen, x);
            event.at.n[x] = e->at[x] <= seen_in(&view->folded, x) ? e->at[x] : 0;
            shown = shown || event.at.n[x] != 0;
        }
        for (uint32_t f = 0; f < e->field_count; f++) {
            event.names[f] = e->names[f];
            event.values[f] = e->values[f];
        }
        if (shown)
            out[count++] = event;
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
    if (!document || n->folded_without_key[key])
        return;
    struct naive_event *events = malloc((sim->pool.count + 1) * sizeof *events);
    struct naive_reading model;
    size_t count, standing = 0;
    bool ok;
    if (!events)
        abort();
    naive_read(events, gather(sim, node, key, events), &model);
    const struct reading *readings = record_readings(document, &count, &ok);
    for (size_t i = 0; i < count; i++)
        standing += readings[i].count > 0;
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

static bool same_log(const struct store_site *a, const struct store_site *b)
{
    for (uint32_t e = 1; e < SIM_EPOCHS; e++) {
        struct log_head ha = store_head(a, e), hb = store_head(b, e);
        if (ha.at.n != hb.at.n || memcmp(&ha.hash, &hb.hash, sizeof ha.hash) != 0)
            return false;
    }
    return true;
}

/* A key that left with a revoked laptop will never come. */
static bool key_lost(const struct sim *sim, uint32_t key)
{
    for (uint32_t i = 0; i < sim->pool.count; i++)
        if (sim->events[i].key == key && sim->events[i].brings_key)
            return !sim->hub.keys[key] && sim->nodes[sim->events[i].writer].revoked;
    return false;
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

bool check_settled(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.spokes; i++) {
        struct sim_node *n = &sim->nodes[i];
        if (n->revoked)
            continue;
        if (!n->machine)
            return false;
        for (uint32_t s = 0; s < n->store.site_count; s++) {
            struct store_site *site = &n->store.sites[s];
            if (site->shared_seq != site->own_count ||
                n->told_shared[sim_site_number(bytes_str(site->name))] != site->own_count ||
                !same_log(site, store_site(&sim->hub.store, bytes_str(site->name))))
                return false;
        }
        if (!views_current(sim, i))
            return false;
        for (uint32_t k = 0; k < sim->key_count; k++)
            if (n->folded_without_key[k] && !key_lost(sim, k))
                return false;
    }
    return hub_waits_for_nothing(sim);
}

/* ---- the end ---- */

/* PROTOCOL.md, section 4, by hand. */
static void check_log_hash(struct sim *sim, const struct store_site *site, const struct store_epoch *epoch)
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
    struct log_head head = store_head(site, epoch->epoch);
    if (epoch->count > 0 && memcmp(hash, head.hash.b, 32) != 0)
        sim_fail(sim, "the log hash of %s epoch %u does not verify", site->name, epoch->epoch);
}

static void check_streams(struct sim *sim, const struct store_site *site)
{
    uint64_t *next = calloc(sim->plan.spokes, sizeof *next);
    for (uint32_t e = 0; next && e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++) {
            const struct pool_event *p = site->epochs[e].entries[i].event;
            uint32_t writer = sim->events[p->index].writer;
            struct event event;
            struct event_id id;
            event_id_of(buffer_bytes(&p->raw), &id);
            if (!event_decode(buffer_bytes(&p->raw), &event) || !event_id_equal(&id, &p->id))
                sim_fail(sim, "event %u does not verify", p->index);
            if (writer == SIM_HUB)
                continue;
            struct store_site *own = store_site(&sim->nodes[writer].store, bytes_str(site->name));
            if (p->seq != ++next[writer] || p->seq > own->own_count || own->own[p->seq - 1] != p)
                sim_fail(sim, "hub, %s: event %llu of laptop %u stands where %llu was to come", site->name, (ull)p->seq,
                         writer, (ull)next[writer]);
            else if (p->seq > 1 && !event_id_equal(&event.clear.prev, &own->own[p->seq - 2]->id))
                sim_fail(sim, "the chain of laptop %u breaks at %llu", writer, (ull)p->seq);
        }
    free(next);
}

static void check_ledgers(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->plan.spokes; i++)
        for (uint32_t s = 0; s < SIM_SITES; s++) {
            struct store_site *site = store_site(&sim->nodes[i].store, bytes_str(sim_site(s)));
            for (uint32_t t = 0; t < sim->nodes[i].told_count[s]; t++) {
                const struct pool_event *told = sim->pool.items[sim->nodes[i].told[s][t]];
                if (told->seq > site->own_count || site->own[told->seq - 1] != told)
                    sim_fail(sim, "laptop %u: event %u of %s was said to be saved, and is missing", i, told->index,
                             sim_site(s));
            }
            if (sim->nodes[i].told_shared[s] > sim->hub.held[s][i])
                sim_fail(sim, "laptop %u, %s: what was said to be shared is missing at the hub", i, sim_site(s));
        }
}

/* The hub's log folded in any order whatever gives the bytes that every laptop has. */
static void check_document(struct sim *sim, uint32_t key)
{
    struct store_site *site = store_site(&sim->hub.store, bytes_str(sim_site(sim->key_site[key])));
    struct document *shuffled = document_new();
    struct buffer expected = {0}, bytes = {0};
    uint32_t *order = malloc((sim->pool.count + 1) * sizeof *order), count = 0;
    if (!order || !shuffled)
        abort();
    for (uint32_t i = 0; i < sim->pool.count; i++)
        if (sim->events[i].key == key)
            order[count++] = i;
    for (uint32_t i = count; i > 1; i--) {
        uint32_t other = sim_below(sim, i), swapped = order[i - 1];
        order[i - 1] = order[other];
        order[other] = swapped;
    }
    bool any = false;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t e = 1; e < SIM_EPOCHS; e++) {
            struct position at = {e, sim->events[order[i]].at[e]};
            if (at.n != 0 && store_at(site, at)) {
                any = true;
                (void)fold_into(sim, shuffled, &sim->events[order[i]], at);
            }
        }
    document_encode(shuffled, &expected);
    bool modelled = false;
    for (uint32_t i = 0; i < sim->plan.spokes && any; i++) {
        const struct sim_node *n = &sim->nodes[i];
        if (n->revoked || n->folded_without_key[key] || !store_site(&sim->nodes[i].store, bytes_str(site->name)))
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
    document_free(shuffled);
    free(order);
}

void check_end(struct sim *sim)
{
    check_ledgers(sim);
    for (uint32_t s = 0; s < sim->hub.store.site_count && !sim->problem[0]; s++) {
        const struct store_site *site = &sim->hub.store.sites[s];
        for (uint32_t e = 0; e < site->epoch_count; e++)
            check_log_hash(sim, site, &site->epochs[e]);
        check_streams(sim, site);
    }
    for (uint32_t k = 0; k < sim->key_count && !sim->problem[0]; k++)
        check_document(sim, k);
}
