/* SPDX-License-Identifier: Apache-2.0 */
/* The naive model of the registers; see naive.h. Quadratic and plain on purpose. */
#include "tests/sim/naive.h"

#include <stdlib.h>
#include <string.h>

/* ---- who had seen whom ---- */

static bool has_seen(const struct naive_event *b, const struct naive_event *a)
{
    if (a->device == b->device && a->incarnation == b->incarnation)
        return a->seq < b->seq;
    for (size_t i = 0; i < b->after_count && a->device == b->device; i++)
        if (b->after[i].incarnation == a->incarnation && a->seq <= b->after[i].seq)
            return true;
    for (int e = 0; e < NAIVE_EPOCHS; e++)
        if (a->at.n[e] != 0 && a->at.n[e] <= b->seen.n[e])
            return true;
    return false;
}

/* ---- written again: what stands for what ---- */

static const uint8_t *name_of(const struct naive_event *event)
{
    return event->was ? event->was : event->id;
}

/* Of several that are one and the same the first that was written counts, else the one with the lowest id. */
static void decide_counting(struct naive_event *events, size_t count, struct naive_event *event)
{
    event->counts = true;
    for (size_t i = 0; event->was && i < count; i++) {
        bool first = events[i].device == event->device && memcmp(events[i].id, event->was, 32) == 0;
        bool twin = events[i].device == event->device && events[i].was && memcmp(events[i].was, event->was, 32) == 0;
        if (first || (twin && memcmp(events[i].id, event->id, 32) < 0))
            event->counts = false;
    }
}

/* ---- strikes: hides what has the name that it names, unless it is struck itself ---- */

static void decide(struct naive_event *events, size_t count, struct naive_event *event)
{
    if (event->decided)
        return;
    event->decided = true;
    for (size_t i = 0; i < count; i++) {
        if (!events[i].strikes || memcmp(events[i].strikes, name_of(event), 32) != 0)
            continue;
        decide(events, count, &events[i]);
        if (!events[i].struck && events[i].counts)
            event->struck = true;
    }
}

/* ---- what an event writes ---- */

struct write {
    const struct naive_event *by;
    const char *name, *each, *value;
    bool witness, stands;
};
struct writes {
    struct write *items;
    size_t count, cap;
};

static void add(struct writes *w, const struct naive_event *by, const char *name, const char *each, const char *value,
                bool witness)
{
    if (w->count == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 32;
        w->items = realloc(w->items, w->cap * sizeof *w->items);
        if (!w->items)
            abort();
    }
    w->items[w->count++] = (struct write){.by = by, .name = name, .each = each, .value = value, .witness = witness};
}

static const char *field(const struct naive_event *event, const char *name)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (strcmp(event->names[i], name) == 0)
            return event->values[i];
    return NULL;
}

static void add_fields(struct writes *w, const struct naive_event *event, const char *each, const char *const *names)
{
    for (; *names; names++)
        if (field(event, *names))
            add(w, event, *names, each, field(event, *names), false);
}

static void add_event(struct writes *w, const struct naive_event *event)
{
    static const char *const introduced[] = {"known_as", NULL};
    static const char *const details[] = {"known_as", "pronouns", "contact", "date_of_birth", "nhs_number", NULL};
    static const struct {
        const char *field, *name;
    } worker[] = {{"name", "worker_name"}, {"role", "worker_role"}, {"agency", "worker_agency"}};
    const char *type = event->type;
    if (strcmp(type, "person.introduced") == 0)
        add_fields(w, event, "", introduced);
    else if (strcmp(type, "person.details.recorded") == 0)
        add_fields(w, event, "", details);
    else if (strcmp(type, "support.started") == 0 || strcmp(type, "support.returned") == 0) {
        add(w, event, "support", "", "active", false);
        add(w, event, "pause", "", "going on", false);
    } else if (strcmp(type, "support.ended") == 0)
        add(w, event, "support", "", "ended", false);
    else if (strcmp(type, "keyworker.agreed") == 0)
        add(w, event, "keyworker", "", field(event, "worker"), false);
    else if (strcmp(type, "team.joined") == 0)
        add(w, event, "team", field(event, "worker"), "in", false);
    else if (strcmp(type, "team.left") == 0)
        add(w, event, "team", field(event, "worker"), "out", false);
    else if (strcmp(type, "conflict.settled") == 0)
        add(w, event, field(event, "what"), "", field(event, "chosen"), false);
    else if (strcmp(type, "contact.recorded") == 0) {
        const char *attendance = field(event, "attendance"); /* 5 seen, 6 late but seen */
        if (!attendance || strcmp(attendance, "5") == 0 || strcmp(attendance, "6") == 0)
            add(w, event, "support", "", "active", true);
    } else if (strcmp(type, "worker.joined") == 0) {
        add(w, event, "worker_state", field(event, "worker"), "here", false);
        for (size_t i = 0; i < sizeof worker / sizeof worker[0]; i++)
            if (field(event, worker[i].field))
                add(w, event, worker[i].name, field(event, "worker"), field(event, worker[i].field), false);
    }
}

/* ---- what stands ---- */

static bool same_register(const struct write *a, const struct write *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->each, b->each) == 0;
}

static void decide_standing(struct writes *w)
{
    for (size_t i = 0; i < w->count; i++) {
        w->items[i].stands = true;
        for (size_t j = 0; j < w->count; j++)
            if (!w->items[j].witness && same_register(&w->items[i], &w->items[j]) &&
                has_seen(w->items[j].by, w->items[i].by))
                w->items[i].stands = false;
    }
    /* A contact only counts against a farewell that it did not know of. */
    for (size_t i = 0; i < w->count; i++) {
        bool against = false;
        for (size_t j = 0; j < w->count; j++)
            against = against ||
                      (w->items[j].stands && !w->items[j].witness && same_register(&w->items[i], &w->items[j]) &&
                       strcmp(w->items[i].value, w->items[j].value) != 0 && !has_seen(w->items[i].by, w->items[j].by));
        if (w->items[i].witness && !against)
            w->items[i].stands = false;
    }
}

static bool settled_by_people(const char *name)
{
    return strcmp(name, "date_of_birth") == 0 || strcmp(name, "nhs_number") == 0 || strcmp(name, "keyworker") == 0 ||
           strcmp(name, "support") == 0;
}

static struct naive_register *find(struct naive_reading *out, const struct write *write)
{
    for (size_t i = 0; i < out->count; i++)
        if (strcmp(out->registers[i].name, write->name) == 0 && strcmp(out->registers[i].each, write->each) == 0)
            return &out->registers[i];
    out->registers = realloc(out->registers, (out->count + 1) * sizeof *out->registers);
    if (!out->registers)
        abort();
    out->registers[out->count] = (struct naive_register){.name = write->name, .each = write->each};
    return &out->registers[out->count++];
}

void naive_read(struct naive_event *events, size_t count, struct naive_reading *out)
{
    struct writes w = {0};
    *out = (struct naive_reading){0};
    for (size_t i = 0; i < count; i++)
        decide_counting(events, count, &events[i]);
    for (size_t i = 0; i < count; i++)
        decide(events, count, &events[i]);
    for (size_t i = 0; i < count; i++)
        if (!events[i].struck && events[i].counts)
            add_event(&w, &events[i]);
    decide_standing(&w);
    for (size_t i = 0; i < w.count; i++) {
        if (!w.items[i].stands)
            continue;
        struct naive_register *reg = find(out, &w.items[i]);
        reg->values = realloc(reg->values, (reg->count + 1) * sizeof *reg->values);
        if (!reg->values)
            abort();
        reg->values[reg->count++] = (struct naive_value){w.items[i].by, w.items[i].value};
        if (strcmp(reg->values[0].value, w.items[i].value) != 0 && settled_by_people(reg->name))
            reg->to_settle = true;
    }
    free(w.items);
}

void naive_release(struct naive_reading *reading)
{
    for (size_t i = 0; i < reading->count; i++)
        free(reading->registers[i].values);
    free(reading->registers);
    *reading = (struct naive_reading){0};
}
