/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying that an event with two positions, which it can have where a hub was put back, is one event: what comes a
 * second time has to be what stands elsewhere. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/verify_internal.h"

bool verify_seconds_add(struct verify_seconds *seconds, const struct verify_second *second)
{
    if (seconds->count == seconds->cap) {
        size_t cap = seconds->cap ? 2 * seconds->cap : 64;
        struct verify_second *more = realloc(seconds->items, cap * sizeof *more);
        if (more == NULL)
            return false;
        seconds->items = more;
        seconds->cap = cap;
    }
    seconds->items[seconds->count++] = *second;
    return true;
}

void verify_seconds_release(struct verify_seconds *seconds)
{
    free(seconds->items);
    *seconds = (struct verify_seconds){0};
}

static int compare(const void *left, const void *right)
{
    const struct verify_second *a = left, *b = right;
    int order = memcmp(&a->device, &b->device, sizeof a->device);
    if (order == 0)
        order = (a->incarnation > b->incarnation) - (a->incarnation < b->incarnation);
    return order != 0 ? order : (a->seq > b->seq) - (a->seq < b->seq);
}

/* Marks those that this entry is, elsewhere. (An event can have more than two positions: then there are several.) */
static void mark(struct verify_run *run, struct verify_seconds *seconds, struct position at, struct bytes value)
{
    struct log_row row;
    struct event event;
    if (!log_row_read(value, &row) ||
        ((row.flags & ENTRY_OWN) &&
         !log_own_event(run->reader->txn, run->number, row.incarnation, row.seq, &row.event)) ||
        !event_decode(row.event, &event))
        return; /* was told already */
    const struct verify_second wanted = {
        .device = event.clear.device, .incarnation = event.clear.incarnation, .seq = event.clear.seq};
    struct verify_second *same = bsearch(&wanted, seconds->items, seconds->count, sizeof wanted, compare);
    if (same == NULL)
        return;
    while (same > seconds->items && compare(same - 1, &wanted) == 0)
        same--;
    struct event_id id;
    event_id_of(row.event, &id);
    for (; same < seconds->items + seconds->count && compare(same, &wanted) == 0; same++)
        same->found |= position_compare(same->at, at) != 0 && event_id_equal(&same->id, &id);
}

enum felloe_code verify_seconds_compare(struct verify_run *run, struct verify_seconds *seconds)
{
    if (seconds->count == 0)
        return FELLOE_OK;
    qsort(seconds->items, seconds->count, sizeof seconds->items[0], compare);
    struct store_key key;
    key_place(&key, (struct position){0});
    for (bool more = true; more;) {
        struct store_item item;
        struct store_cursor *cursor = store_cursor_open(run->reader->txn, T_LOG + run->number);
        unsigned count = 0;
        more = store_seek(cursor, key_bytes(&key), &item);
        for (; more && count < VERIFY_TURN; more = store_next(cursor, &item), count++) {
            if (item.key.len != 12)
                continue;
            const struct position at = {be_u32(item.key.data), be_u64(item.key.data + 4)};
            mark(run, seconds, at, item.value);
            key_place(&key, (struct position){at.epoch, at.n + 1});
        }
        store_cursor_close(cursor);
        enum felloe_code code = more ? verify_turn(run) : FELLOE_OK;
        if (code != FELLOE_OK)
            return code;
    }
    for (size_t i = 0; i < seconds->count; i++) {
        const struct verify_second *second = &seconds->items[i];
        char where[33];
        position_format(second->at, where);
        if (!second->found)
            verify_problem(run, "%s: has the number of an event that stands elsewhere, and is another", where);
    }
    return FELLOE_OK;
}
