/* SPDX-License-Identifier: Apache-2.0 */
/* Simulated workers: they introduce people and write about those whom their views show, all of the catalogue that
 * overwrites something, few people and few values, so that many write the same at the same time. */
#include <stdlib.h>

#include "tests/sim/sim_internal.h"

#define WALL_START_MS 1767225600000

static const char *const workers[] = {"ash-grey", "bo-tree", "cy-lane"};

struct choice {
    const char *name;
    const char *values[4];
};
static const struct choice details[] = {{"known_as", {"Jo", "Joey", "Joanne", ""}},
                                        {"pronouns", {"she", "they", "", "he"}},
                                        {"contact", {"text only", "bell 3", "0161 000", "letter"}},
                                        {"date_of_birth", {"1980-01-02", "1980-02-01", "1981-01-02", "1980-01-02"}},
                                        {"nhs_number", {"9434765919", "9876543210", "9434765919", "9876543210"}}};

static void put(struct sim_event *event, const char *name, const char *value)
{
    event->names[event->field_count] = name;
    event->values[event->field_count++] = value;
}

static void put_detail(struct sim *sim, struct sim_event *event, uint32_t which)
{
    put(event, details[which].name, details[which].values[sim_below(sim, 4)]);
}

static void write_details(struct sim *sim, struct sim_event *event)
{
    event->type = "person.details.recorded";
    for (uint32_t i = 0; i < 5; i++)
        if (sim_chance(sim, 3500))
            put_detail(sim, event, i);
}

static void write_support(struct sim *sim, struct sim_event *event)
{
    static const char *const types[] = {"support.started", "support.ended", "support.returned", "support.ended"};
    event->type = types[sim_below(sim, 4)];
}

static void write_contact(struct sim *sim, struct sim_event *event)
{
    static const char *const attendances[] = {"5", "6", "7", "3"};
    event->type = "contact.recorded";
    if (sim_chance(sim, 7000))
        put(event, "attendance", attendances[sim_below(sim, 4)]);
    put(event, "text", "met at the library");
}

static void write_team(struct sim *sim, struct sim_event *event)
{
    event->type = sim_chance(sim, 5000) ? "team.joined" : "team.left";
    put(event, "worker", workers[sim_below(sim, 3)]);
}

static void write_keyworker(struct sim *sim, struct sim_event *event)
{
    event->type = "keyworker.agreed";
    put(event, "worker", workers[sim_below(sim, 3)]);
}

static void write_settled(struct sim *sim, struct sim_event *event)
{
    uint32_t which = sim_below(sim, 7);
    event->type = "conflict.settled";
    put(event, "what", which < 5 ? details[which].name : which == 5 ? "keyworker" : "support");
    if (which < 5)
        put(event, "chosen", details[which].values[sim_below(sim, 4)]);
    else
        put(event, "chosen", which == 5 ? workers[sim_below(sim, 3)] : sim_chance(sim, 5000) ? "active" : "ended");
}

/* A page and more, up to nearly the largest event: windows and batches fill up. */
static const char *long_note(struct sim *sim)
{
    static char text[60001];
    if (text[0] == '\0')
        memset(text, 'a', sizeof text - 1);
    size_t most = sizeof text - 1;
    return text + most - sim_below(sim, sim_chance(sim, 500) ? (uint32_t)most : 12000);
}

static void write_note(struct sim *sim, struct sim_event *event)
{
    event->type = "note.added";
    put(event, "text",
        sim_chance(sim, sim->plan.long_notes) ? long_note(sim) : "prefers to be called after four o'clock");
}

static void write_introduced(struct sim *sim, struct sim_event *event)
{
    event->type = "person.introduced";
    put_detail(sim, event, 0);
    put(event, "source", "B1");
}

/* An entry of this person that the worker's views show, or what struck one. */
static void write_struck(struct sim *sim, struct sim_event *event, const struct sim_node *n)
{
    const struct disk_site *site = disk_site(&n->disk, bytes_str(sim_site(event->site)));
    const struct disk_stream *stream = disk_own(site);
    const struct site_view *view = &n->views[event->site];
    uint32_t from = sim_below(sim, sim->pool.count);
    event->type = "entry.struck";
    for (uint32_t i = 0; i < sim->pool.count && event->strikes == NO_EVENT; i++) {
        const struct sim_event *other = &sim->events[(from + i) % sim->pool.count];
        bool shown = other->site == event->site && other->key == event->key && other->sealed->seq > 0;
        bool own = false, placed = false;
        for (uint64_t o = 0; shown && o < view->own; o++)
            own = own || stream->events[o] == other->sealed;
        for (uint32_t e = 0; e < sim->epoch_count; e++)
            placed = placed || (other->at[e] != 0 && other->at[e] <= seen_in(&view->folded, sim->epochs[e]));
        if (shown && (own || placed))
            event->strikes = other->entry; /* by the name of what was written first */
    }
    put(event, "why", "the wrong person");
}

/* ---- one piece of work ---- */

/* A person whom this worker's views show; a new one when there is none, or by chance. */
static bool choose_person(struct sim *sim, const struct sim_node *n, struct sim_event *event)
{
    uint32_t known[SIM_KEYS], count = 0, there = 0;
    for (uint32_t k = sim->plan.sites; k < sim->key_count; k++) {
        there += sim->key_site[k] == event->site;
        if (sim->key_site[k] == event->site && n->documents[k] && n->keys[k])
            known[count++] = k;
    }
    bool new = there < sim->plan.persons && sim->key_count < SIM_KEYS && (count == 0 || sim_chance(sim, 1000));
    if (!new &&count == 0)
        return false;
    event->key = new ? sim->key_count++ : known[sim_below(sim, count)];
    if (new) {
        event->brings_key = true;
        sim->key_site[event->key] = event->site;
        sim->key_maker[event->key] = n->device;
        for (uint32_t i = 0; i < sizeof sim->key_ids[0].b; i++)
            sim->key_ids[event->key].b[i] = (uint8_t)sim_random(sim);
        for (uint32_t i = 0; i < sizeof sim->key_bytes[0].b; i++)
            sim->key_bytes[event->key].b[i] = (uint8_t)sim_random(sim);
    }
    return true;
}

static uint64_t wall_ms(const struct sim *sim, const struct sim_node *n)
{
    int64_t wall = WALL_START_MS + (int64_t)sim->now + n->skew_ms;
    return wall > 0 ? (uint64_t)wall : 0;
}

static void write_something(struct sim *sim, const struct sim_node *n, struct sim_event *event)
{
    static void (*const writes[])(struct sim * sim, struct sim_event * event) = {
        write_details,   write_details, write_support, write_contact,   write_team,
        write_keyworker, write_settled, write_note,    write_introduced};
    if (event->brings_key)
        write_introduced(sim, event);
    else if (sim_chance(sim, 1200))
        write_struck(sim, event, n);
    else if (sim_chance(sim, sim->plan.long_notes))
        write_note(sim, event);
    else
        writes[sim_below(sim, sizeof writes / sizeof writes[0])](sim, event);
}

void work(struct sim *sim, uint32_t node)
{
    struct sim_node *n = &sim->nodes[node];
    if (!n->machine || sim->now < n->full_until) /* not running; or the disk is full, and the worker is told so */
        return;
    uint32_t which = sim_below(sim, n->disk.site_count - sim->plan.audit);
    uint32_t site = sim_site_number(bytes_str(n->disk.sites[which].name));
    struct sim_event draft = {.writer = n->device,
                              .site = site,
                              .entry = NO_EVENT,
                              .strikes = NO_EVENT,
                              .seen = n->views[site].folded},
                     *event = &draft;
    if (sim->breakage == BREAK_SEEN_TOO_MUCH)
        disk_seen(&n->disk.sites[which], &event->seen);
    if (!seen_includes(&n->views[site].folded, &event->seen))
        sim_fail(sim, "laptop %u: an event says it has seen what the views have not shown", node);
    const bool look = looks_draft(sim, n, event);
    if (!look && !choose_person(sim, n, event))
        return;
    if (!look)
        write_something(sim, n, event);
    uint64_t now = wall_ms(sim, n) << 16;
    event->time = now > n->disk.clock || sim_chance(sim, 1000) ? now : n->disk.clock + 1; /* clocks decide nothing */
    struct task *item = sim_later(sim, disk_time(sim, &n->disk_free), ITEM_RECORD, node, n->life);
    item->draft = malloc(sizeof *item->draft);
    if (!item->draft)
        abort();
    *item->draft = draft;
}

/* ---- sealed ---- */

static void put_fields(const struct sim *sim, const struct sim_event *event, struct buffer *out)
{
    bool struck = event->strikes != NO_EVENT;
    if (event->site == SIM_AUDIT) {
        looks_put(sim, event, out);
        return;
    }
    mp_put_map(out, event->field_count + struck);
    if (struck) {
        mp_put_text(out, "of");
        mp_put_bin(out, sim->pool.items[event->strikes]->id.b, sizeof(struct event_id));
    }
    for (uint32_t i = 0; i < event->field_count; i++) {
        mp_put_text(out, event->names[i]);
        mp_put_text(out, event->values[i]);
    }
}

/* What the world knows of it from now on. */
static void note_event(struct sim *sim, const struct sim_event *from, const struct pool_event *sealed,
                       const struct disk_stream *stream)
{
    if (sealed->index >= sim->event_cap) {
        sim->event_cap = sealed->index * 2 + 64;
        sim->events = realloc(sim->events, sim->event_cap * sizeof *sim->events);
        if (!sim->events)
            abort();
    }
    struct sim_event *event = &sim->events[sealed->index];
    bool again = from->entry != NO_EVENT;
    *event = *from;
    event->writings = 0;
    event->sealed = sealed;
    event->stream = stream_number(sim, from->writer, stream->incarnation);
    event->entry = again ? from->entry : sealed->index;
    event->seen = again ? sim->events[from->entry].seen : sealed->seen;
    event->after = stream->after;
    sim->events[event->entry].writings++;
    event->hub_since = 0;
    event->told = event->lost = false;
    memset(event->at, 0, sizeof event->at);
}

const struct pool_event *work_seal(struct sim *sim, const struct sim_event *event, const struct device_id *device,
                                   struct disk_stream *stream)
{
    const struct sim_event copy = *event; /* the array may move */
    struct event_clear clear = {.device = *device,
                                .incarnation = stream->incarnation,
                                .site = bytes_str(sim_site(copy.site)),
                                .seq = stream->head.seq + 1,
                                .prev = stream->head.id,
                                .seen = stream->head.seen,
                                .key = sim->key_ids[copy.key]};
    for (uint8_t i = 0; i < copy.seen.count; i++)
        seen_advance(&clear.seen, copy.seen.at[i]); /* never goes back along a stream */
    struct buffer fields = {0}, raw = {0};
    put_fields(sim, &copy, &fields);
    struct event_body body = {.time = copy.time,
                              .type = bytes_str(copy.type),
                              .worker = bytes_str("ash-grey"),
                              .has_subject = copy.key >= sim->plan.sites,
                              .after = stream->after,
                              .has_head = copy.has_head,
                              .head = copy.head,
                              .fields = buffer_bytes(&fields)};
    if (copy.entry != NO_EVENT && copy.site != SIM_AUDIT) {
        body.has_was = true;
        body.was = sim->pool.items[copy.entry]->id;
    }
    if (sim->breakage == BREAK_NO_AFTER)
        body.after = (struct branches){0};
    memcpy(body.subject.b, sim->key_ids[copy.key].b, sizeof body.subject.b);
    uint8_t nonce[EVENT_NONCE_SIZE] = {(uint8_t)sim->pool.count, (uint8_t)(sim->pool.count >> 8), 7};
    bool ok = event_seal(&clear, &body, &sim->key_bytes[copy.key], nonce, &raw);
    buffer_release(&fields);
    const struct pool_event *sealed = ok ? pool_add(&sim->pool, &raw, &clear, &stream->head) : NULL;
    if (!sealed) {
        sim_fail(sim, "an event could not be sealed");
        abort();
    }
    note_event(sim, &copy, sealed, stream);
    return sealed;
}
