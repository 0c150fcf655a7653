/* SPDX-License-Identifier: Apache-2.0 */
/* A small team for tests of the fold: laptops that write offline, a hub that gives positions, and documents folded from
 * what they wrote, in any order. Positions and `seen` come about as they do in the real system. */
#ifndef FELLOE_TESTS_GIVEN_HISTORY_H
#define FELLOE_TESTS_GIVEN_HISTORY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/endian.h"
#include "proto/event/hlc.h"
#include "proto/domain/record.h"
#include "proto/domain/view.h"

#define LAPTOPS_MAX 8
#define EVENTS_MAX 4096

#define MINUTE 60000
#define HOUR (60 * MINUTE)
#define DAY ((int64_t)24 * HOUR)
#define NOON ((int64_t)1795262400000) /* 2026-11-21 12:00 UTC: when stories begin */

struct laptop {
    struct device_id device;
    uint32_t incarnation;
    struct branches after;
    uint64_t seq;
    struct seen seen;      /* how far its views have folded the hub's log */
    size_t unshared;       /* index into team.events: all of its before are at the hub */
    int64_t clock;         /* ms */
    char worker[SLUG_MAX + 1];
};

struct happened {
    struct fold_event event;
    struct event_body body;
    struct buffer fields;
    unsigned laptop;
    struct position again; /* its second position; epoch 0: it has none */
};

struct team {
    struct laptop laptops[LAPTOPS_MAX];
    struct happened events[EVENTS_MAX];
    size_t count;
    uint32_t epoch;
    uint64_t n;            /* head of the hub's log in this epoch */
    uint64_t next_time;
};

static inline struct team *team_new(void)
{
    struct team *team = calloc(1, sizeof *team);
    assert_non_null(team);
    team->epoch = 1;
    for (unsigned i = 0; i < LAPTOPS_MAX; i++) {
        struct laptop *laptop = &team->laptops[i];
        memset(laptop->device.b, 'A' + (int)i, sizeof laptop->device.b);
        laptop->incarnation = 1;
        laptop->clock = NOON;
        snprintf(laptop->worker, sizeof laptop->worker, "w%u", i + 1);
    }
    return team;
}

static inline void team_free(struct team *team)
{
    for (size_t i = 0; i < team->count; i++)
        buffer_release(&team->events[i].fields);
    free(team);
}

/* What catalogue_check makes of names and values as people type them, NULL-terminated; a name may come again. */
static inline void fields_of(struct buffer *out, const char *type, const char *const *pairs)
{
    static struct mp_reader r;
    struct felloe_error error = {0};
    struct buffer given = {0};
    uint32_t count = 0;
    while (pairs[2 * count])
        count++;
    mp_put_map(&given, count);
    for (uint32_t i = 0; i < 2 * count; i++)
        mp_put_text(&given, pairs[i]);
    mp_reader_init(&r, buffer_bytes(&given));
    assert_true(mp_next(&r));
    if (catalogue_check(catalogue_find(bytes_str(type)), &r, NULL, out, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    buffer_release(&given);
}

/* Laptop number `who` (from 1) writes an event whose fields are the map `fields` (taken over). */
static inline struct happened *write_raw(struct team *team, unsigned who, const char *type, struct buffer fields)
{
    struct laptop *laptop = &team->laptops[who - 1];
    assert_true(team->count < EVENTS_MAX);
    struct happened *happened = &team->events[team->count++];
    const struct type_def *known = catalogue_find(bytes_str(type));
    *happened = (struct happened){.fields = fields, .laptop = who - 1};
    happened->body = (struct event_body){.time = (uint64_t)laptop->clock << 16 | (team->count & 0xffff),
                                         .type = bytes_str(type), .has_subject = !known || known->about != ABOUT_SITE,
                                         .subject = {{1}},
                                         .worker = bytes_str(laptop->worker), .after = laptop->after,
                                         .fields = buffer_bytes(&fields)};
    struct fold_event *event = &happened->event;
    event->device = laptop->device;
    event->by_hub = known && known->writer == BY_HUB;
    event->incarnation = laptop->incarnation;
    event->seq = ++laptop->seq;
    event->seen = laptop->seen;
    event->body = &happened->body;
    /* an id that looks like a hash: spread, and different for each */
    uint64_t mixed = (team->count + 1) * 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < 4; i++, mixed = (mixed ^ mixed >> 29) * 0xbf58476d1ce4e5b9u)
        put_be64(event->id.b + 8 * i, mixed);
    return happened;
}

/* write_(team, who, type, "name", "value", …) */
static inline struct happened *write_texts(struct team *team, unsigned who, const char *const *texts)
{
    struct buffer fields = {0};
    fields_of(&fields, texts[0], texts + 1);
    return write_raw(team, who, texts[0], fields);
}
#define write_(team, who, ...) write_texts(team, who, (const char *const[]){__VA_ARGS__, NULL, NULL})

/* When it happened, for what was recorded later. */
static inline struct happened *happened_at(struct happened *happened, int64_t ms)
{
    happened->body.has_occurred = true;
    happened->body.occurred = ms;
    return happened;
}

/* The hub takes what this laptop has not shared yet. */
static inline void push(struct team *team, unsigned who)
{
    for (size_t i = 0; i < team->count; i++)
        if (team->events[i].laptop == who - 1 && team->events[i].event.at.epoch == 0)
            team->events[i].event.at = (struct position){team->epoch, ++team->n};
}

/* The laptop's views fold the hub's log up to its head. */
static inline void pull(struct team *team, unsigned who)
{
    if (team->n > 0)
        assert_true(seen_advance(&team->laptops[who - 1].seen, (struct position){team->epoch, team->n}));
}

static inline void sync_all(struct team *team, unsigned laptops)
{
    for (unsigned i = 1; i <= laptops; i++)
        push(team, i);
    for (unsigned i = 1; i <= laptops; i++)
        pull(team, i);
}

/* The hub was put back to an older copy: what it gives positions from now on is of the next epoch. */
static inline void hub_put_back(struct team *team)
{
    team->epoch++;
    team->n = 0;
}

/* The hub had lost this event, and its laptop brought it again before the place that it had came back. */
static inline void push_again(struct team *team, struct happened *happened)
{
    if (happened->event.at.epoch > 0 && happened->event.at.epoch < team->epoch && happened->again.epoch == 0)
        happened->again = (struct position){team->epoch, ++team->n};
}

/* The laptop goes on as a new incarnation; of what it wrote as the present one, its first `own` events are its own. */
static inline void go_on(struct team *team, unsigned who, uint64_t own)
{
    struct laptop *laptop = &team->laptops[who - 1];
    struct branches *after = &laptop->after;
    if (own > 0) {
        if (after->count == BRANCHES_MAX)
            memmove(after->at, after->at + 1, --after->count * sizeof after->at[0]);
        after->at[after->count++] = (struct branch){laptop->incarnation, own};
    }
    for (unsigned i = 0; i < LAPTOPS_MAX; i++) /* above any that a clone of it has */
        if (device_id_equal(&team->laptops[i].device, &laptop->device) &&
            team->laptops[i].incarnation > laptop->incarnation)
            laptop->incarnation = team->laptops[i].incarnation;
    laptop->incarnation++;
    laptop->seq = 0;
}

/* It takes the place of an earlier one, which its laptop had not shared. */
static inline struct happened *written_again(struct happened *happened, const struct happened *first)
{
    happened->body.has_was = true;
    happened->body.was = first->body.has_was ? first->body.was : first->event.id;
    return happened;
}

/* Laptop `who` is now a copy of laptop `of`: the same device and incarnation, and the same numbers from now on. */
static inline void clone_laptop(struct team *team, unsigned who, unsigned of)
{
    int64_t clock = team->laptops[who - 1].clock;
    team->laptops[who - 1] = team->laptops[of - 1];
    team->laptops[who - 1].clock = clock;
}

static inline void pass(struct team *team, int64_t ms)
{
    for (unsigned i = 0; i < LAPTOPS_MAX; i++)
        team->laptops[i].clock += ms;
}

/* An event's id in hex, for fields that name an event. */
static inline const char *id_hex(const struct happened *happened, char out[65])
{
    hex_encode(bytes_of(happened->event.id.b, sizeof happened->event.id.b), out);
    return out;
}

static inline struct document *fold_all(const struct team *team)
{
    struct document *document = document_new();
    assert_non_null(document);
    for (size_t i = 0; i < team->count; i++) {
        struct fold_event event = team->events[i].event;
        assert_true(document_fold(document, &event));
        event.at = team->events[i].again;
        assert_true(document_fold(document, &event));
    }
    return document;
}

static inline uint32_t to_settle(const struct document *document)
{
    uint32_t count;
    assert_true(document_to_settle(document, &count));
    return count;
}

/* ---- cells as text: texts as they are, nil -, lists [a, b], bytes as their first 4 in hex ---- */

static inline void dump_value(struct mp_reader *r, struct buffer *out)
{
    char text[32];
    struct bytes b;
    switch (mp_peek(r)) {
    case MP_NIL: mp_nil(r); buffer_append(out, "-", 1); break;
    case MP_BOOL: buffer_append(out, mp_bool(r) ? "yes" : "no ", 3); break;
    case MP_UINT:
    case MP_INT:
        snprintf(text, sizeof text, "%lld", (long long)mp_int(r, INT64_MIN, INT64_MAX));
        buffer_append(out, text, strlen(text));
        break;
    case MP_STR: b = mp_str(r, 0, EVENT_SIZE_MAX); buffer_append(out, b.data, b.len); break;
    case MP_BIN:
        b = mp_bin(r, 4, EVENT_SIZE_MAX);
        hex_encode(bytes_of(b.data, 4), text);
        buffer_append(out, text, 8);
        break;
    case MP_ARRAY:
        buffer_append(out, "[", 1);
        for (uint32_t i = 0, n = mp_array(r, 0, MP_TAPE_MAX); i < n; i++) {
            buffer_append(out, ", ", i ? 2 : 0);
            dump_value(r, out);
        }
        buffer_append(out, "]", 1);
        break;
    case MP_MAP:
        buffer_append(out, "{", 1);
        for (uint32_t i = 0, n = mp_map(r, MP_TAPE_MAX); i < n; i++) {
            buffer_append(out, ", ", i ? 2 : 0);
            dump_value(r, out);
            buffer_append(out, ": ", 2);
            dump_value(r, out);
        }
        buffer_append(out, "}", 1);
        break;
    case MP_NONE: fail(); break;
    }
}

/* One row: its cells with " | " between. */
static inline void dump_cells(struct bytes cells, struct buffer *out)
{
    static struct mp_reader r;
    mp_reader_init(&r, cells);
    assert_true(mp_next(&r));
    uint32_t count = mp_array(&r, 1, 64);
    for (uint32_t i = 0; i < count; i++) {
        buffer_append(out, " | ", i ? 3 : 0);
        dump_value(&r, out);
    }
    assert_true(mp_done(&r));
}

struct dumping {
    enum view view;
    struct buffer text;
    uint64_t last_sort;
    size_t rows;
};

static inline bool dump_row(void *context, const struct view_row *row)
{
    struct dumping *d = context;
    if (row->view != d->view)
        return true;
    d->rows++;
    d->last_sort = row->sort;
    dump_cells(row->cells, &d->text);
    buffer_append(&d->text, "\n", 1);
    return true;
}

static const struct person_id JO = {{0x70}};

/* All rows of a document in one view, a line each; free it. */
static inline char *rows_text(const struct document *document, enum view view, const struct person_id *subject)
{
    struct dumping d = {.view = view};
    assert_true(view_rows(document, subject, dump_row, &d));
    buffer_append(&d.text, "", 1);
    return (char *)d.text.data;
}

/* The same events in another order: 0 as they were written, 1 the last first, 2 every other one, and all twice. */
#define FOLD_ORDERS 3
static inline struct document *fold_in_order(const struct team *team, unsigned order)
{
    struct document *document = document_new();
    assert_non_null(document);
    for (unsigned times = order == 2 ? 2 : 1; times > 0; times--)
        for (size_t i = 0; i < team->count; i++) {
            size_t half = (team->count + 1) / 2;
            size_t at = order == 0 ? i : order == 1 ? team->count - 1 - i : i < half ? 2 * i : 2 * (i - half) + 1;
            struct fold_event event = team->events[at].event;
            assert_true(document_fold(document, &event));
            event.at = team->events[at].again;
            assert_true(document_fold(document, &event));
        }
    return document;
}

static inline void assert_rows_of(const struct team *team, enum view view, const struct person_id *subject,
                                  const char *expected)
{
    for (unsigned order = 0; order < FOLD_ORDERS; order++) {
        struct document *document = fold_in_order(team, order);
        char *text = rows_text(document, view, subject);
        assert_string_equal(text, expected);
        free(text);
        document_free(document);
    }
}

/* What the team's events come to in a view of Jo, as text, in whatever order they came. */
static inline void assert_rows(const struct team *team, enum view view, const char *expected)
{
    assert_rows_of(team, view, &JO, expected);
}

/* The same of the site's own. */
static inline void assert_site_rows(const struct team *team, enum view view, const char *expected)
{
    assert_rows_of(team, view, &PERSON_ID_NONE, expected);
}

/* The person's summary as one text; free it. */
static inline char *summary_text(const struct document *document)
{
    static struct mp_reader r;
    struct buffer pairs = {0}, map = {0}, text = {0};
    uint32_t count = document_summary(document, &pairs);
    assert_false(pairs.failed);
    mp_put_map(&map, count);
    buffer_append(&map, pairs.data, pairs.len);
    mp_reader_init(&r, buffer_bytes(&map));
    assert_true(mp_next(&r));
    dump_value(&r, &text);
    assert_true(mp_done(&r));
    buffer_append(&text, "", 1);
    buffer_release(&pairs);
    buffer_release(&map);
    return (char *)text.data;
}

static inline void assert_summary_has(const struct team *team, const char *part, bool there)
{
    for (unsigned order = 0; order < FOLD_ORDERS; order++) {
        struct document *document = fold_in_order(team, order);
        char *text = summary_text(document);
        if ((strstr(text, part) != NULL) != there)
            fail_msg("%s %s %s", text, there ? "lacks" : "has", part);
        free(text);
        document_free(document);
    }
}

#endif
