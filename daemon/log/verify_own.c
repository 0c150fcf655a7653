/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying this device's own streams in one site: numbers, chains, heads, receipts. */
#include <stdio.h>

#include "daemon/log/verify_internal.h"

/* What has been read of one incarnation. */
struct own_state {
    uint32_t incarnation;
    struct stream_head head;
    struct receipt_row receipt;
    bool has_receipt;
    struct branches after;
    bool has_after, after_proven; /* an event of it says the same */
};

static void load_receipt(struct verify_run *run, struct own_state *own)
{
    const struct identity *identity = run->options->identity;
    struct store_key key;
    struct bytes row;
    key_site_incarnation(&key, run->number, own->incarnation);
    own->has_receipt = store_get(run->reader->txn, T_RECEIPTS, key_bytes(&key), &row);
    if (!own->has_receipt)
        return;
    if (!receipt_row_read(row, &own->receipt)) {
        verify_problem(run, "the receipt for this device's events (incarnation %u) is damaged", own->incarnation);
        own->has_receipt = false;
        return;
    }
    run->site->signatures++;
    if (!verify_receipt(&identity->hub_sign, bytes_str(run->site->site), &identity->device, own->incarnation,
                        own->receipt.seq, &own->receipt.id, &own->receipt.signature))
        verify_problem(run, "the hub's signature on the receipt up to number %llu (incarnation %u) does not hold",
                       (unsigned long long)own->receipt.seq, own->incarnation);
}

static bool read_own_head(struct verify_run *run, uint32_t incarnation, struct stream_head *out)
{
    struct store_key key;
    struct bytes row;
    key_site_incarnation(&key, run->number, incarnation);
    return store_get(run->reader->txn, T_OWN_HEADS, key_bytes(&key), &row) && stream_row_read(row, out);
}

static void load_after(struct verify_run *run, struct own_state *own)
{
    struct store_key key;
    struct bytes row;
    key_site_incarnation(&key, run->number, own->incarnation);
    if (!store_get(run->reader->txn, T_AFTER, key_bytes(&key), &row))
        return;
    own->has_after = after_row_read(row, &own->after);
    if (!own->has_after) {
        verify_problem(run, "what this device had written before incarnation %u is damaged", own->incarnation);
        return;
    }
}

/* How far a site's log has a stream of this device. */
static uint64_t in_site_log(struct verify_run *run, uint32_t incarnation)
{
    struct store_key key;
    struct bytes row;
    struct stream_head head;
    key_stream(&key, run->number, &run->options->identity->device, incarnation);
    return store_get(run->reader->txn, T_STREAMS, key_bytes(&key), &row) && stream_row_read(row, &head) ? head.seq : 0;
}

/* How far each earlier incarnation's events are in the record: no farther than they were written. (Where events say the
 * same under their seals it is so, though those may be lost here to damage.) */
static void check_after(struct verify_run *run, const struct own_state *own)
{
    for (uint32_t i = 0; own->has_after && !own->after_proven && i < own->after.count; i++) {
        const struct branch *branch = &own->after.at[i];
        struct stream_head head = {0};
        bool earlier = branch->incarnation < own->incarnation;
        if (!earlier || ((!read_own_head(run, branch->incarnation, &head) || head.seq < branch->seq) &&
                         in_site_log(run, branch->incarnation) < branch->seq))
            verify_problem(run, "incarnation %u is said to come after own event %u.%llu, which was never written",
                           own->incarnation, branch->incarnation, (unsigned long long)branch->seq);
    }
}

static bool same_branches(const struct branches *a, const struct branches *b)
{
    bool same = a->count == b->count;
    for (uint32_t i = 0; same && i < a->count; i++)
        same = a->at[i].incarnation == b->at[i].incarnation && a->at[i].seq == b->at[i].seq;
    return same;
}

/* Each event to come would say that it has seen that, and no hub would take it. */
static void check_seen(struct verify_run *run, uint32_t incarnation, const struct stream_head *kept,
                       const struct seen *last)
{
    if (!log_seen_fits(run->reader->txn, run->number, &kept->seen, last))
        verify_problem(
            run, "what the head of this device's events (incarnation %u) says that they have seen is damaged",
            incarnation);
}

/* All of an incarnation was read: does its end fit what is kept about it? */
static void end_stream(struct verify_run *run, const struct own_state *own)
{
    if (own->incarnation == 0)
        return;
    check_after(run, own);
    struct stream_head kept;
    if (!read_own_head(run, own->incarnation, &kept))
        verify_problem(run, "the head of this device's events (incarnation %u) is missing or damaged",
                       own->incarnation);
    else if (kept.seq == own->head.seq && !event_id_equal(&kept.id, &own->head.id))
        verify_problem(run,
                       "this device's events (incarnation %u) end at number %llu with another event than its head says",
                       own->incarnation, (unsigned long long)own->head.seq);
    else if (kept.seq != own->head.seq)
        verify_problem(run,
                       "this device's events (incarnation %u) end at number %llu and not at %llu, as their head says",
                       own->incarnation, (unsigned long long)own->head.seq, (unsigned long long)kept.seq);
    else
        check_seen(run, own->incarnation, &kept, &own->head.seen);
    if (own->has_receipt && own->receipt.seq > own->head.seq)
        verify_problem(run, "the hub's receipt reaches number %llu, and the own events end at %llu",
                       (unsigned long long)own->receipt.seq, (unsigned long long)own->head.seq);
}

/* Of an incarnation that this device has left, or is about to leave: what is missing was lost before; of one that it
 * has left, what no site's log has was written again. */
static void check_left(struct verify_run *run, struct own_state *own, const struct event_clear *event)
{
    struct position at;
    const bool left = own->incarnation < run->reader->incarnation;
    const bool leaving = own->incarnation == run->reader->incarnation && run->reader->going_on != 0;
    if ((!left && !leaving) || run->options->identity->role == ROLE_HUB)
        return;
    if (event->seq > own->head.seq + 1) {
        run->site->lost += event->seq - own->head.seq - 1;
        own->head.seq = event->seq - 1;
        own->head.id = event->prev;
    }
    run->site->again += left && !log_own_place(run->reader->txn, run->number, own->incarnation, event->seq, &at);
}

/* Of an import: where it came from leads to whom it is about. (Rows can be missing: of events whose key came later.) */
static void check_origin(struct verify_run *run, const char *where)
{
    const struct event_body *body = &run->body;
    const uint8_t *row = NULL;
    const struct person_id *person = body->has_subject ? &body->subject : &PERSON_ID_NONE;
    if (body->has_origin &&
        !log_origins_find(run->reader->origins, run->reader->txn, &body->origin, &row) &&
        store_get(run->reader->txn, T_ORIGINS, bytes_of(body->origin.b, sizeof body->origin.b), NULL))
        verify_problem(run, "%s: what is kept about where it was imported from is damaged", where);
    if (row != NULL && (row[32] != body->has_subject || memcmp(row + 33, person->b, 16) != 0))
        verify_problem(run, "%s: what is kept about where it was imported from is damaged", where);
}

static void check_own(struct verify_run *run, struct own_state *own, uint64_t seq, struct bytes value)
{
    char where[80];
    snprintf(where, sizeof where, "own event %u.%llu", own->incarnation, (unsigned long long)seq);
    struct event event;
    struct event_id id;
    uint64_t time;
    run->site->own++;
    if (value.len <= OWN_PREFIX || !verify_event(run, where, bytes_of(value.data + OWN_PREFIX, value.len - OWN_PREFIX),
                                                 true, &event, &id, &time)) {
        if (value.len <= OWN_PREFIX)
            verify_problem(run, "%s: the event is empty", where);
        own->head.seq = seq; /* the next one then says that its chain is broken */
        return;
    }
    check_left(run, own, &event.clear);
    if (!device_id_equal(&event.clear.device, &run->options->identity->device) ||
        event.clear.incarnation != own->incarnation || event.clear.seq != seq)
        verify_problem(run, "%s: stands in another event's place", where);
    else if (stream_check(&own->head, &event.clear, &id) != STREAM_NEXT)
        verify_problem(run, "%s: does not follow the event before it", where);
    if (time != 0 && time != be_u64(value.data))
        verify_problem(run, "%s: the time kept beside it is not its own", where);
    if (time != 0)
        check_origin(run, where);
    own->after_proven |= time != 0;
    if (time != 0 && own->has_after && !same_branches(&own->after, &run->body.after))
        verify_problem(run, "%s: does not say what this device had written before its incarnation", where);
    if (own->has_receipt && own->receipt.seq == seq && !event_id_equal(&own->receipt.id, &id))
        verify_problem(run, "%s: the hub gave its receipt for another event", where);
    own->head = (struct stream_head){seq, id, event.clear.seen};
}

/* A head whose last event is not there at all. */
static void check_nothing_gone(struct verify_run *run)
{
    struct store_key key;
    key_start(&key);
    key_put_u16(&key, (uint16_t)run->number);
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(run->reader->txn, T_OWN_HEADS);
    bool more = store_seek_prefix(cursor, key_bytes(&key), &item);
    for (; more; more = store_next_prefix(cursor, key_bytes(&key), &item)) {
        struct stream_head head;
        struct bytes event;
        if (item.key.len != 6 || !stream_row_read(item.value, &head))
            verify_problem(run, "a head of this device's own events is damaged");
        else if (head.seq > 0 &&
                 !log_own_event(run->reader->txn, run->number, be_u32(item.key.data + 2), head.seq, &event))
            verify_problem(run, "own event %u.%llu is missing", be_u32(item.key.data + 2),
                           (unsigned long long)head.seq);
        else if (head.seq == 0)
            check_seen(run, be_u32(item.key.data + 2), &head, &(struct seen){0});
    }
    store_cursor_close(cursor);
}

enum felloe_code verify_own(struct verify_run *run)
{
    struct own_state own = {0};
    struct store_key key;
    key_own(&key, 0, 0);
    for (bool more = true; more;) {
        struct store_item item;
        struct store_cursor *cursor = store_cursor_open(run->reader->txn, T_OWN + run->number);
        bool turn = false;
        for (more = store_seek(cursor, key_bytes(&key), &item); more && !turn; more = store_next(cursor, &item)) {
            if (item.key.len != 12) {
                verify_problem(run, "a row of the own events has a damaged key");
                continue;
            }
            uint32_t incarnation = be_u32(item.key.data);
            uint64_t seq = be_u64(item.key.data + 4);
            if (incarnation != own.incarnation) {
                end_stream(run, &own);
                own = (struct own_state){.incarnation = incarnation};
                load_receipt(run, &own);
                load_after(run, &own);
            }
            check_own(run, &own, seq, item.value);
            key_own(&key, incarnation, seq + 1);
            turn = verify_counts(run);
        }
        store_cursor_close(cursor);
        if (turn) {
            more = true;
            enum felloe_code code = verify_turn(run);
            if (code != FELLOE_OK)
                return code;
        }
    }
    if (own.incarnation <
        run->reader->incarnation) { /* nothing of the present one yet, but perhaps what it comes after */
        end_stream(run, &own);
        own = (struct own_state){.incarnation = run->reader->incarnation};
        load_after(run, &own);
        check_after(run, &own);
        own.incarnation = 0;
    }
    end_stream(run, &own); /* with the reader that saw no further event, so that head and events are of one moment */
    check_nothing_gone(run);
    return FELLOE_OK;
}
