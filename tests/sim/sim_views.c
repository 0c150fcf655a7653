/* SPDX-License-Identifier: Apache-2.0 */
/* The views of a simulated laptop: every event that its log has is opened and folded into the document of its person,
 * some time later, as the daemon's projector does it. What they have folded is what their worker has seen. */
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

#define ASK_AGAIN_MS 60000u

void views_due(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (n->view_due || !n->machine)
        return;
    n->view_due = true;
    uint32_t lag = sim_chance(sim, 1000) ? 20000 : 300; /* the projector is behind, now and then */
    (void)sim_later(sim, sim->now + sim_below(sim, lag), ITEM_VIEW, node, n->life);
}

bool fold_into(struct sim *sim, struct document *document, const struct sim_event *event, struct position at)
{
    struct event opened;
    struct event_body body;
    if (!event_decode(buffer_bytes(&event->sealed->raw), &opened) ||
        !event_open(&opened, &sim->key_bytes[event->key], &sim->plain, &body))
        return false;
    uint32_t site = site_tag(opened.clear.site);
    struct fold_event fold = {.at = at,
                              .log = site,
                              .home = site,
                              .device = opened.clear.device,
                              .by_hub = device_id_equal(&opened.clear.device, &sim->hub.config.hub),
                              .incarnation = opened.clear.incarnation,
                              .seq = opened.clear.seq,
                              .seen = opened.clear.seen,
                              .id = event->sealed->id,
                              .body = &body};
    if (sim->breakage == BREAK_LAST_WINS && at.epoch != 0 && at.n > 1) {
        seen_advance(&fold.seen, (struct position){at.epoch, at.n - 1});
    }
    return document_fold(document, &fold);
}

bool counts(const struct sim *sim, const bool *here, uint32_t event)
{
    const struct sim_event *e = &sim->events[event];
    if (e->entry == event || sim->events[e->entry].writings == 1)
        return true;
    for (uint32_t i = 0; i < sim->pool.count; i++)
        if (here[i] && sim->events[i].entry == e->entry &&
            (i == e->entry || memcmp(&sim->pool.items[i]->id, &e->sealed->id, sizeof e->sealed->id) < 0))
            return false;
    return true;
}

/* False: there is no key for it yet. */
static bool fold(struct sim *sim, uint32_t node, const struct pool_event *event, struct position at)
{
    struct sim_node *n = &sim->nodes[node];
    const struct sim_event *known = &sim->events[event->index];
    if (!n->keys[known->key]) {
        n->folded_without_key[known->key] = true;
        return false;
    }
    if (sim->events[known->entry].writings > 1) { /* which of them counts is seen when all are looked at */
        n->refold[known->key] = true;
        return true;
    }
    if (!n->documents[known->key])
        n->documents[known->key] = document_new();
    if (!fold_into(sim, n->documents[known->key], known, at))
        sim_fail(sim, "laptop %u: an event could not be opened or folded", node);
    return true;
}

/* What this person's view has read of the log. */
static void visit_read(struct sim *sim, uint32_t node, uint32_t key, const bool *chosen, bool *here)
{
    struct sim_node *n = &sim->nodes[node];
    const struct disk_site *site = disk_site(&n->disk, bytes_str(sim_site(sim->key_site[key])));
    const struct site_view *view = &n->views[sim->key_site[key]];
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count && i < seen_in(&view->folded, site->epochs[e].epoch); i++) {
            uint32_t event = site->epochs[e].entries[i].event->index;
            here[event] = true;
            if (chosen && sim->events[event].key == key && chosen[event])
                (void)fold_into(sim, n->documents[key], &sim->events[event],
                                (struct position){site->epochs[e].epoch, i + 1});
        }
    for (uint64_t i = 0; i < view->own; i++) {
        uint32_t event = disk_own(site)->events[i]->index;
        here[event] = true;
        if (chosen && sim->events[event].key == key && chosen[event])
            (void)fold_into(sim, n->documents[key], &sim->events[event], (struct position){0});
    }
}

/* A key came late, or something was written again: the person is folded anew, as far as the views have read. */
static void refold(struct sim *sim, uint32_t node, uint32_t key)
{
    struct sim_node *n = &sim->nodes[node];
    bool *here = calloc(2 * sim->pool.count + 2, sizeof *here), *chosen = here + sim->pool.count + 1;
    if (!here)
        abort();
    visit_read(sim, node, key, NULL, here);
    for (uint32_t i = 0; i < sim->pool.count; i++)
        chosen[i] = here[i] && counts(sim, here, i);
    if (!n->documents[key])
        n->documents[key] = document_new();
    document_clear(n->documents[key]);
    visit_read(sim, node, key, chosen, here);
    n->folded_without_key[key] = n->refold[key] = false;
    free(here);
}

static void fold_site(struct sim *sim, uint32_t node, struct disk_site *site, struct site_view *view)
{
    uint32_t most = 1 + sim_below(sim, 30);
    if (sim_site_number(bytes_str(site->name)) == SIM_AUDIT)
        return; /* sealed for others */
    for (; view->own < disk_own(site)->count; view->own++)
        (void)fold(sim, node, disk_own(site)->events[view->own], (struct position){0});
    for (uint32_t e = 0; e < site->epoch_count; e++) {
        uint32_t epoch = site->epochs[e].epoch;
        for (uint64_t n = seen_in(&view->folded, epoch) + 1; n <= site->epochs[e].count && most > 0; n++, most--) {
            if (sim->breakage != BREAK_VIEW_SKIPS || !sim_chance(sim, 50))
                (void)fold(sim, node, site->epochs[e].entries[n - 1].event, (struct position){epoch, n});
            seen_advance(&view->folded, (struct position){epoch, n});
        }
    }
}

static void ask_keys(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    bool lacks = false;
    for (uint32_t k = 0; k < sim->key_count; k++) {
        if (n->keys[k] && (n->folded_without_key[k] || n->refold[k]))
            refold(sim, node, k);
        lacks = lacks || n->folded_without_key[k];
        if (!n->folded_without_key[k] || n->ask_again[k] > sim->now || !n->machine)
            continue;
        n->ask_again[k] = sim->now + ASK_AGAIN_MS;
        sim_note(sim, node, "lacks key %", k, 0, 0);
        struct spoke_input need = {.kind = SPOKE_NEED_KEYS,
                                   .site = bytes_str(sim_site(sim->key_site[k])),
                                   .keys = &sim->key_ids[k],
                                   .key_count = 1};
        spoke_input(sim, node, &need);
    }
    if (lacks && n->look_again <= sim->now) {
        n->look_again = sim->now + ASK_AGAIN_MS;
        (void)sim_later(sim, n->look_again, ITEM_VIEW, node, n->life);
    }
}

void views_look(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    n->view_due = false;
    for (uint32_t i = 0; i < n->disk.site_count; i++)
        fold_site(sim, node, &n->disk.sites[i], &n->views[sim_site_number(bytes_str(n->disk.sites[i].name))]);
    ask_keys(sim, node);
    if (!views_current(sim, node))
        views_due(sim, node);
    if (sim->key_count > 0 && sim_chance(sim, 300))
        check_view(sim, node, sim_below(sim, sim->key_count));
}

void views_drop(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    sim_note(sim, node, "makes its views again", 0, 0, 0);
    for (uint32_t k = 0; k < SIM_KEYS; k++) {
        document_free(n->documents[k]);
        n->documents[k] = NULL;
        n->folded_without_key[k] = n->refold[k] = false;
    }
    memset(n->views, 0, sizeof n->views);
}

void views_reload(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    struct buffer bytes = {0};
    for (uint32_t k = 0; k < sim->key_count; k++) {
        if (!n->documents[k])
            continue;
        buffer_clear(&bytes);
        document_encode(n->documents[k], &bytes);
        if (!document_decode(n->documents[k], buffer_bytes(&bytes)))
            sim_fail(sim, "laptop %u: a document cannot be read back", node);
    }
    buffer_release(&bytes);
}

bool views_current(const struct sim *sim, uint32_t node)
{
    const struct sim_node *n = &sim->nodes[node];
    for (uint32_t i = 0; i < n->disk.site_count; i++) {
        const struct disk_site *site = &n->disk.sites[i];
        const struct site_view *view = &n->views[sim_site_number(bytes_str(site->name))];
        if (sim_site_number(bytes_str(site->name)) == SIM_AUDIT)
            continue;
        if (view->own != disk_own(site)->count)
            return false;
        for (uint32_t e = 0; e < site->epoch_count; e++)
            if (seen_in(&view->folded, site->epochs[e].epoch) != site->epochs[e].count)
                return false;
    }
    for (uint32_t k = 0; k < sim->key_count; k++)
        if (n->folded_without_key[k] && n->keys[k])
            return false;
    return true;
}
