/* SPDX-License-Identifier: Apache-2.0 */
/* Orders: the same events delivered in every order or in some, doubled, early, put away and taken up in between; and
 * random histories of every type to deliver. */
#ifndef FELLOE_TESTS_GIVEN_ORDERS_H
#define FELLOE_TESTS_GIVEN_ORDERS_H

#include "tests/unit/given_history.h"

/* ---- deliveries ---- */

/* A delivery: event index, and whether it comes as the writer's own, before it had a position, or at its second one. */
struct delivery {
    size_t event;
    enum { AT_ITS_PLACE, EARLY, AGAIN } how;
};

static inline struct buffer encoded(const struct document *document)
{
    struct buffer out = {0};
    document_encode(document, &out);
    assert_false(out.failed);
    return out;
}

static inline bool all_rows(void *context, const struct view_row *row)
{
    struct buffer *out = context;
    mp_put_uint(out, row->view);
    mp_put_uint(out, row->sort);
    mp_put_uint(out, row->sub);
    buffer_append(out, row->cells.data, row->cells.len);
    return true;
}

/* The document's bytes and then every row's: what must not depend on the order. */
static inline struct buffer outcome(const struct document *document)
{
    struct buffer out = encoded(document);
    assert_true(view_rows(document, &JO, all_rows, &out));
    assert_true(view_rows(document, &PERSON_ID_NONE, all_rows, &out));
    return out;
}

static inline void deliver(struct document *document, const struct team *team, struct delivery delivery)
{
    struct fold_event event = team->events[delivery.event].event;
    if (delivery.how == EARLY)
        event.at = (struct position){0};
    else if (delivery.how == AGAIN)
        event.at = team->events[delivery.event].again;
    assert_true(document_fold(document, &event));
}

static inline void assert_same_outcome(struct document *document, const struct buffer *expected)
{
    struct buffer got = outcome(document);
    if (got.len != expected->len || memcmp(got.data, expected->data, got.len) != 0)
        fail_msg("another order gave another document");
    buffer_release(&got);
}

static inline struct buffer expected_of(const struct team *team)
{
    struct document *document = fold_all(team);
    struct buffer expected = outcome(document);
    document_free(document);
    return expected;
}

static const struct person_id SAM = {{0x53}};

static uint64_t dice_state;
static inline uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % sides;
}

/* ---- every order of a few ---- */

static inline void every_order(struct document *document, const struct team *team, struct delivery *deliveries,
                               size_t from, size_t count, const struct buffer *expected)
{
    if (from == count) {
        document_clear(document);
        for (size_t i = 0; i < count; i++)
            deliver(document, team, deliveries[i]);
        assert_same_outcome(document, expected);
        return;
    }
    for (size_t i = from; i < count; i++) {
        struct delivery first = deliveries[i];
        deliveries[i] = deliveries[from];
        deliveries[from] = first;
        every_order(document, team, deliveries, from + 1, count, expected);
        deliveries[from] = deliveries[i];
        deliveries[i] = first;
    }
}

static inline void permute(const struct team *team)
{
    struct delivery deliveries[16];
    struct buffer expected = expected_of(team);
    struct document *document = document_new();
    assert_true(team->count <= 6);
    size_t count = 0;
    for (size_t i = 0; i < team->count; i++) {
        deliveries[count++] = (struct delivery){i, AT_ITS_PLACE};
        if (team->events[i].again.epoch > 0)
            deliveries[count++] = (struct delivery){i, AGAIN};
    }
    deliveries[count++] = (struct delivery){0, EARLY}; /* the first, before it had a position: twice in all */
    assert_true(count <= 8);
    every_order(document, team, deliveries, 0, count, &expected);
    document_free(document);
    buffer_release(&expected);
}

/* ---- random histories of every type ---- */

/* Mostly one of the type that is meant, if there is any. */
static inline void put_random_event(const struct team *team, const struct field_def *field, struct buffer *out)
{
    static const uint8_t unknown[32] = {0xee};
    const struct type_def *meant = field ? field_refers(field) : NULL;
    const struct happened *found = NULL;
    uint32_t fitting = 0;
    for (size_t i = 0; meant && i < team->count; i++)
        if (bytes_is(team->events[i].body.type, meant->name) && dice(++fitting) == 0)
            found = &team->events[i];
    if (!found && team->count > 0)
        found = &team->events[dice((uint32_t)team->count)];
    if (!found || dice(8) == 0)
        mp_put_bin(out, unknown, sizeof unknown);
    else if (found->body.has_was)
        mp_put_bin(out, found->body.was.b, 32);
    else
        mp_put_bin(out, found->event.id.b, 32);
}

/* `field` may be NULL: a value of that kind and list. */
static inline void put_random(const struct team *team, struct buffer *out, const struct field_def *field,
                              enum field_kind kind, const struct code_list *codes)
{
    static const char *const words[] = {"Jo", "Joey", "", "Samira", "text only"};
    static const char *const days[] = {"1990-01-01", "1990-10-01", "2026-11-30"};
    static const char *const numbers[] = {"9434765919", "9876543210"};
    static const char *const hexes[] = {"00112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"};
    char worker[8];
    switch (kind) {
    case KIND_TEXT:
    case KIND_PLACE:
    case KIND_VALUE: mp_put_text(out, words[dice(5)]); break;
    case KIND_SITE: mp_put_text(out, dice(2) ? "dales" : "salford"); break;
    case KIND_SCHEDULE: mp_put_text(out, dice(2) ? "mon-fri 09:00-17:00" : "daily 10:00-12:00"); break;
    case KIND_BYTES: mp_put_bin(out, "\xc0", 1); break;
    case KIND_CODE: mp_put_text(out, codes->codes[dice((uint32_t)codes->count)].code); break;
    case KIND_NUMBER:
    case KIND_DURATION:
    case KIND_TIME: mp_put_int(out, dice(100)); break;
    case KIND_DATE: mp_put_text(out, days[dice(3)]); break;
    case KIND_YESNO: mp_put_bool(out, dice(2)); break;
    case KIND_WORKER:
        snprintf(worker, sizeof worker, "w%u", 1 + dice(4));
        mp_put_text(out, worker);
        break;
    case KIND_PERSON: mp_put_bin(out, dice(2) ? JO.b : SAM.b, sizeof JO.b); break;
    case KIND_EVENT: put_random_event(team, field, out); break;
    case KIND_NHS: mp_put_text(out, numbers[dice(2)]); break;
    case KIND_HEX: mp_put_text(out, hexes[dice(2)]); break;
    }
}

/* Something that was written so far and might be settled: a register and, of several, which. False: nothing was. */
static inline bool random_reading(const struct team *team, struct buffer *key, const struct register_def **what)
{
    struct document *document = fold_all(team);
    size_t count;
    bool ok;
    const struct reading *readings = record_readings(document, &count, &ok);
    if (count > 0) {
        const struct reading *reading = &readings[dice((uint32_t)count)];
        *what = reading->def;
        mp_put_str(key, reading->each);
    }
    document_free(document);
    return count > 0;
}

/* What is settled, which one, and what was chosen: mostly something that there is. */
static inline void put_random_settlement(const struct team *team, struct buffer *out)
{
    const struct register_def *what = register_def_of(1 + dice(REG_COUNT - 1));
    struct buffer key = {0};
    bool there = dice(4) && random_reading(team, &key, &what);
    mp_put_map(out, there && what->each ? 5 : 4);
    mp_put_text(out, "what");
    mp_put_text(out, what->name);
    if (there && what->each) {
        mp_put_text(out, "which");
        buffer_append(out, key.data, key.len);
    }
    mp_put_text(out, "chosen");
    put_random(team, out, NULL, what->kind, what->codes);
    mp_put_text(out, "with");
    mp_put_array(out, 1);
    mp_put_text(out, "Jo");
    mp_put_text(out, "text");
    mp_put_text(out, "we asked");
    buffer_release(&key);
}

/* Fields as some laptop may write them, now and then with one that this version does not know. With `all`, every field
 * that the type has. */
static inline void put_random_fields(const struct team *team, const struct type_def *type, bool all, struct buffer *out)
{
    struct buffer body = {0};
    uint32_t count = 0;
    if (type->id == TYPE_conflict_settled) {
        put_random_settlement(team, out);
        return;
    }
    for (size_t i = 0; i < type->field_count; i++) {
        const struct field_def *field = &type->fields[i];
        if (!field->required && !all && dice(2))
            continue;
        uint32_t items = !field->list ? 1 : field->items ? field->items : 1 + dice(3);
        mp_put_text(&body, field->name);
        if (field->list)
            mp_put_array(&body, items);
        for (uint32_t n = 0; n < items; n++)
            put_random(team, &body, field, field->kind, field->codes);
        count++;
    }
    if (!all && dice(20) == 0) {
        mp_put_text(&body, "colour");
        mp_put_text(&body, "green");
        count++;
    }
    mp_put_map(out, count);
    buffer_append(out, body.data, body.len);
    buffer_release(&body);
}

static inline const char *random_type(void)
{
    uint32_t which = dice((uint32_t)catalogue_count() + 1);
    return which == catalogue_count() ? "tea.made" : catalogue_at(which)->name;
}

/* What happens now and then: the hub is put back and gets some events twice; a laptop finds that it was set back or
 * copied, and goes on; one becomes a copy of another, and nobody has noticed yet. */
static inline void random_mishap(struct team *team, unsigned laptops)
{
    unsigned who = 1 + dice(laptops), other = 1 + dice(laptops);
    switch (dice(50)) {
    case 0:
        hub_put_back(team);
        for (size_t i = 0; i < team->count; i++)
            if (dice(4) == 0)
                push_again(team, &team->events[i]);
        break;
    case 1: go_on(team, who, dice((uint32_t)team->laptops[who - 1].seq + 1)); break;
    case 2: clone_laptop(team, who, other); break;
    default: break;
    }
}

/* Laptops write, share and read in any order. */
static inline struct team *random_team(size_t events, unsigned laptops, const char *only)
{
    struct team *team = team_new();
    while (team->count < events) {
        unsigned who = 1 + dice(laptops);
        uint32_t what = dice(10);
        if (what < 6) {
            const char *name = only && dice(3) ? only : random_type();
            const struct type_def *type = catalogue_find(bytes_str(name));
            struct buffer fields = {0};
            if (type)
                put_random_fields(team, type, false, &fields);
            else
                mp_put_map(&fields, 0);
            struct happened *happened = write_raw(team, who, name, fields);
            if (dice(4) == 0)
                happened_at(happened, NOON - DAY * dice(9));
            if (happened->event.incarnation > 1 && dice(4) == 0)
                written_again(happened, &team->events[dice((uint32_t)team->count)]);
        } else if (what < 8) {
            push(team, who);
        } else if (what < 9) {
            pull(team, who);
        } else {
            team->laptops[who - 1].clock += (int64_t)dice(5) * HOUR - HOUR; /* clocks go wrong, too */
        }
        if (team->epoch < SEEN_MAX)
            random_mishap(team, laptops);
    }
    for (unsigned i = 1; i <= laptops; i++)
        push(team, i);
    return team;
}

/* Some orders of the same deliveries, each event one to three times, at first perhaps without its position. */
static inline void shuffle_and_compare(const struct team *team, unsigned orders)
{
    struct delivery *deliveries = calloc(team->count * 4, sizeof *deliveries);
    struct buffer expected = expected_of(team);
    struct document *document = document_new();
    for (unsigned order = 0; order < orders; order++) {
        size_t count = 0;
        for (size_t i = 0; i < team->count; i++) {
            deliveries[count++] = (struct delivery){i, AT_ITS_PLACE};
            if (team->events[i].again.epoch > 0)
                deliveries[count++] = (struct delivery){i, AGAIN};
            for (uint32_t more = dice(3); more > 0; more--)
                deliveries[count++] = (struct delivery){i, dice(2) ? EARLY : AT_ITS_PLACE};
        }
        for (size_t i = count - 1; i > 0; i--) {
            size_t other = dice((uint32_t)i + 1);
            struct delivery moved = deliveries[i];
            deliveries[i] = deliveries[other];
            deliveries[other] = moved;
        }
        document_clear(document);
        for (size_t i = 0; i < count; i++) {
            deliver(document, team, deliveries[i]);
            if (dice(50) == 0) { /* the projector puts it away and takes it up again */
                struct buffer away = encoded(document);
                assert_true(document_decode(document, buffer_bytes(&away)));
                buffer_release(&away);
            }
        }
        assert_same_outcome(document, &expected);
    }
    document_free(document);
    buffer_release(&expected);
    free(deliveries);
}

#endif
