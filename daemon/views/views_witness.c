/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table `witnesses`: same (position), flags (1), what contradicts (told), and what waits (told…). */
#include "daemon/views/views_witness.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/views/views_inside.h"

enum { WITNESS_CONTRADICTS = 1, WITNESS_VERIFIED = 2 };

/* ---- rows ---- */

static void put_position(struct buffer *row, struct position at)
{
    uint8_t b[12];
    be_put_u32(b, at.epoch);
    be_put_u64(b + 4, at.n);
    buffer_append(row, b, sizeof b);
}

static void put_told(struct buffer *row, const struct told *told)
{
    buffer_append_byte(row, (uint8_t)told->outcome);
    put_position(row, told->head.at);
    buffer_append(row, told->head.hash.b, sizeof told->head.hash.b);
    put_position(row, told->at);
}

static struct position take_position(struct key_reader *r)
{
    struct position at = {.epoch = key_take_u32(r)};
    at.n = key_take_u64(r);
    return at;
}

static void take_told(struct key_reader *r, struct told *out)
{
    out->outcome = (enum testimony)key_take_u8(r);
    out->head.at = take_position(r);
    memcpy(out->head.hash.b, key_take(r, sizeof out->head.hash.b), sizeof out->head.hash.b);
    out->at = take_position(r);
}

static void witness_key(struct store_key *key, struct bytes site, const struct device_id *device)
{
    views_key_site(key, site);
    key_put(key, device->b, sizeof device->b);
}

static bool put_witness(struct views_txn *txn, struct bytes site, const struct views_witness *w)
{
    struct store_key key;
    struct buffer row = {0};
    bool contradicts = testimony_contradicts(w->other.outcome);
    put_position(&row, w->same);
    buffer_append_byte(&row, (uint8_t)((contradicts ? WITNESS_CONTRADICTS : 0) | (w->verified ? WITNESS_VERIFIED : 0)));
    if (contradicts)
        put_told(&row, &w->other);
    for (uint8_t i = 0; i < w->waiting_count; i++)
        put_told(&row, &w->waiting[i]);
    witness_key(&key, site, &w->device);
    bool done = !row.failed && store_put(txn->store, VIEWS_WITNESSES, key_bytes(&key), buffer_bytes(&row));
    buffer_release(&row);
    return done;
}

static bool read_witness(struct bytes row, const struct device_id *device, struct views_witness *out)
{
    struct key_reader r = {.rest = row};
    *out = (struct views_witness){.device = *device, .same = take_position(&r)};
    const unsigned flags = key_take_u8(&r);
    out->verified = (flags & WITNESS_VERIFIED) != 0;
    out->other.device = *device;
    if (flags & WITNESS_CONTRADICTS)
        take_told(&r, &out->other);
    while (r.rest.len > 0 && !r.failed && out->waiting_count < WITNESS_WAITING_MAX) {
        struct told *waiting = &out->waiting[out->waiting_count++];
        waiting->device = *device;
        take_told(&r, waiting);
    }
    return !r.failed;
}

bool views_get_witness(struct views_txn *txn, struct bytes site, const struct device_id *device,
                       struct views_witness *out)
{
    struct store_key key;
    struct bytes row;
    witness_key(&key, site, device);
    return store_get(txn->store, VIEWS_WITNESSES, key_bytes(&key), &row) && read_witness(row, device, out);
}

void views_witnesses(struct views_txn *txn, struct bytes site, views_witness_visit visit, void *context)
{
    struct store_key prefix;
    struct store_item item;
    views_key_site(&prefix, site);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_WITNESSES);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item); more;
         more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct device_id device;
        struct views_witness witness;
        if (item.key.len != prefix.len + sizeof device.b)
            continue;
        memcpy(device.b, item.key.data + prefix.len, sizeof device.b);
        if (read_witness(item.value, &device, &witness) && !visit(context, &witness))
            break;
    }
    store_cursor_close(cursor);
}

/* ---- hearing them ---- */

struct waiting {
    struct told_list *list;
    bool failed;
};

static bool add_waiting(void *context, const struct views_witness *witness)
{
    struct waiting *waiting = context;
    for (uint8_t i = 0; i < witness->waiting_count; i++) {
        const struct told *told = &witness->waiting[i];
        const struct event_body body = {.has_head = true, .head = told->head};
        waiting->failed |= !told_add(waiting->list, &body, &told->device, told->at);
    }
    return !waiting->failed;
}

/* The lowest of what waits tells soonest and most exactly; the highest covers all below it. */
static void wait_for(struct views_witness *w, const struct told *told)
{
    if (w->waiting_count == WITNESS_WAITING_MAX)
        w->waiting_count--;
    w->waiting[w->waiting_count++] = *told;
}

static void journal(const struct views_witness *w, struct bytes site, const struct identity *identity)
{
    char text[WITNESS_TEXT_MAX];
    witness_text(&w->other, w->same, site, "", identity->role == ROLE_HUB, text);
    report(LEVEL_ERROR, "%s", text);
}

/* All that one device tells, in the order of positions. */
static bool hear_one(struct views_txn *txn, struct bytes site, const struct told *told, size_t count,
                     const struct identity *identity)
{
    const struct device_id *device = &told[0].device;
    struct views_witness w;
    if (!views_get_witness(txn, site, device, &w))
        w = (struct views_witness){.device = *device};
    const bool knew = testimony_contradicts(w.other.outcome);
    w.waiting_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct told *t = &told[i];
        if (t->outcome == HEAD_SAME && position_compare(t->head.at, w.same) > 0)
            w.same = t->head.at;
        else if (t->outcome == HEAD_NOT_YET)
            wait_for(&w, t);
        else if (testimony_contradicts(t->outcome) && (!testimony_contradicts(w.other.outcome) ||
                                                       position_compare(t->head.at, w.other.head.at) < 0))
            w.other = *t;
    }
    if (!knew && testimony_contradicts(w.other.outcome))
        journal(&w, site, identity);
    return put_witness(txn, site, &w);
}

static int by_device(const void *a, const void *b)
{
    const struct told *x = a, *y = b;
    int order = memcmp(&x->device, &y->device, sizeof x->device);
    return order != 0 ? order : position_compare(x->head.at, y->head.at);
}

bool views_hear_witnesses(struct views_txn *txn, struct log_reader *reader, struct bytes site,
                          const struct identity *identity, struct told_list *told)
{
    struct waiting waiting = {.list = told};
    views_witnesses(txn, site, add_waiting, &waiting);
    if (waiting.failed)
        return false;
    witness_compare(reader, site, told->items, told->count);
    if (told->count > 1)
        qsort(told->items, told->count, sizeof *told->items, by_device);
    for (size_t from = 0, to; from < told->count; from = to) {
        for (to = from + 1; to < told->count; to++)
            if (!device_id_equal(&told->items[to].device, &told->items[from].device))
                break;
        if (!hear_one(txn, site, &told->items[from], to - from, identity))
            return false;
    }
    return true;
}

/* ---- verified ---- */

struct found {
    struct views_witness items[64]; /* of more, the others are marked by the next verification */
    size_t count;
};

static bool note_found(void *context, const struct views_witness *witness)
{
    struct found *found = context;
    if (testimony_contradicts(witness->other.outcome) && !witness->verified)
        found->items[found->count++] = *witness;
    return found->count < sizeof found->items / sizeof *found->items;
}

void views_witnesses_verified(struct views_txn *txn, struct bytes site)
{
    struct found *found = calloc(1, sizeof *found);
    if (found == NULL)
        return; /* then it is told for some time yet */
    views_witnesses(txn, site, note_found, found);
    for (size_t i = 0; i < found->count; i++) {
        found->items[i].verified = true;
        put_witness(txn, site, &found->items[i]);
    }
    free(found);
}

/* ---- in words ---- */

void witness_text(const struct told *other, struct position same, struct bytes site, const char *who, bool hub,
                  char out[WITNESS_TEXT_MAX])
{
    char device[33], at[40], up_to[80] = "", by[60] = "";
    hex_encode(bytes_of(other->device.b, sizeof other->device.b), device);
    position_format(other->head.at, at);
    if (same.epoch != 0) {
        char same_text[40];
        position_format(same, same_text);
        snprintf(up_to, sizeof up_to, " (up to %s it is the same)", same_text);
    }
    if (who[0] != '\0')
        snprintf(by, sizeof by, " of %s", who);
    snprintf(out, WITNESS_TEXT_MAX,
             "Two stories about %.*s: laptop %.8s%s received another record than %s, at %s%s. Either the hub %s, or "
             "what that laptop says is false. Nothing here was changed by it. `felloe verify` shows words to compare "
             "by phone; tell who looks after the hub.",
             (int)site.len, (const char *)site.data, device, by, hub ? "this hub's" : "this one", at, up_to,
             hub ? "was copied or put back, or another has its keys" : "told them different things");
}
