/* SPDX-License-Identifier: Apache-2.0 */
/* Upload of one site: own events are read in order, from the first that the hub has not acknowledged, and pushed in
 * signed batches, several in flight. The window (bytes a batch, batches in flight) grows on quick receipts and is
 * halved when one does not come. */
#include <stdlib.h>

#include "proto/sync/sync_spoke_internal.h"

static bool going(const struct spoke *s, const struct site *site)
{
    return s->phase == SPOKE_PHASE_LIVE && site->greeted && !site->upload_stopped && !site->up.lowering &&
           s->config.going_on == 0;
}

uint64_t upload_waiting(const struct site *site)
{
    /* the hub is told what it does not know yet: a receipt that is just being made durable counts */
    uint64_t held = site->up.acked_seq > site->shared_seq ? site->up.acked_seq : site->shared_seq;
    return site->own.seq > held ? site->own.seq - held : 0;
}

void upload_restart(struct site *site)
{
    site->up.flight_count = 0;
    site->up.flight_bytes = 0;
    site->up.next_seq = site->up.acked_seq + 1;
}

void upload_reset(struct spoke *s, struct site *site)
{
    upload_restart(site);
    site->up.fence = s->last_request;
    site->up.retry_ms = 0;
    site->up.stalls = 0;
    free(site->up.unsure);
    site->up.unsure = NULL;
}

void upload_remember(struct site *site, uint64_t seq, const struct event_id *id)
{
    site->up.sent[site->up.sent_at++ % SENT_MARKS] = (struct sent_mark){seq, *id};
}

/* ---- ids of what was sent ---- */

static uint64_t known_end(const struct upload *up)
{
    return up->known_first + up->known_ids.len / sizeof(struct event_id);
}

static void forget_before(struct upload *up, uint64_t first)
{
    struct buffer *known = &up->known_ids;
    const size_t gone = (size_t)(first - up->known_first) * sizeof(struct event_id);
    memmove(known->data, known->data + gone, known->len - gone);
    known->len -= gone;
    up->known_first = first;
}

/* Single events, as they are written in a day's work, are not worth it. */
void upload_know(struct site *site, uint64_t first, const struct event_id *ids, uint32_t count)
{
    struct upload *up = &site->up;
    struct buffer *known = &up->known_ids;
    if (known->len > 0 && first > up->known_first && first <= known_end(up))
        known->len = (size_t)(first - up->known_first) * sizeof *ids; /* what is sent once more is the same */
    else
        buffer_release(known);
    if (known->len == 0)
        up->known_first = first;
    if (!ids || count > KNOWN_IDS_MAX / 2 || (known->len == 0 && count < 2)) {
        buffer_release(known);
        return;
    }
    if (known->len / sizeof *ids + count > KNOWN_IDS_MAX) /* many at once: so that they are seldom moved */
        forget_before(up, known_end(up) - KNOWN_IDS_MAX / 2);
    buffer_append(known, ids, count * sizeof *ids);
    if (known->failed)
        buffer_release(known);
}

/* Of one site at a time, whose backlog moves: the bound is over all of them. */
static bool known_elsewhere(const struct spoke *s, const struct site *site)
{
    for (uint32_t i = 0; i < s->site_count; i++)
        if (s->sites[i] != site && s->sites[i]->up.known_ids.len > 0)
            return true;
    return false;
}

void upload_known(const struct site *site, struct entries_form *form)
{
    const struct upload *up = &site->up;
    if (up->known_ids.len == 0)
        return;
    form->own_ids = (const struct event_id *)up->known_ids.data;
    form->own_first = up->known_first;
    form->own_count = (uint32_t)(known_end(up) - up->known_first);
}

void upload_known_until(struct site *site, uint64_t seq)
{
    struct upload *up = &site->up;
    const uint64_t end = known_end(up), count = end - up->known_first;
    if (seq + 1 >= end)
        buffer_release(&up->known_ids);
    else if (seq + 1 > up->known_first && seq + 1 - up->known_first > count / 2)
        forget_before(up, seq + 1);
}

/* ---- sending what was read ---- */

static void send_push(struct spoke *s, struct site *site, const struct spoke_input *input, struct lent *body)
{
    struct upload *up = &site->up;
    struct msg_push *m = &s->msg.push;
    uint64_t last = input->first_seq + input->count - 1;
    *m = (struct msg_push){.site = site_name(site),
                           .incarnation = s->config.incarnation,
                           .first_seq = input->first_seq,
                           .count = input->count,
                           .key_count = input->key_count};
    sign_stream(&s->config.sign, m->site, &s->config.device, m->incarnation, last, &input->last_id, &m->signature);
    struct push *push = &up->flight[up->flight_count++];
    *push = (struct push){.first_seq = input->first_seq, .last_seq = last, .sent_ms = s->now, .bytes = body->bytes.len};
    up->flight_bytes += push->bytes;
    push->request = spoke_send(s, MSG_PUSH, body);
    upload_remember(site, last, &input->last_id);
    up->next_seq = last + 1;
}

/* ---- looking up an own event's id, for a receipt that names one we have not at hand ---- */

struct looked_for {
    uint64_t seq;
    struct event_id id;
    bool found;
};

static enum entries_result look(void *context, const struct entry *entry, const struct event_clear *event)
{
    struct looked_for *l = context;
    (void)event;
    if (entry->seq == l->seq) {
        l->id = entry->id;
        l->found = true;
    }
    return ENTRIES_OK;
}

struct batch *upload_look(struct spoke *s, struct site *site, struct spoke_input *input, uint64_t seq,
                          struct event_id *id, bool *found)
{
    struct looked_for l = {.seq = seq};
    struct entries_form form = {
        .site = site_name(site), .count = input->count, .key_count = input->key_count, .check = look, .context = &l};
    struct batch *batch;
    enum entries_result result = entries_decode(&input->body, &form, &batch);
    if (result == ENTRIES_NO_MEMORY)
        spoke_out_of_memory(s);
    *id = l.id;
    *found = l.found;
    return result == ENTRIES_OK ? batch : NULL;
}

/* The hub says that it holds our stream up to `unsure`: true only if our own event there is that very one. */
static void compare_unsure(struct spoke *s, struct site *site, struct spoke_input *input)
{
    struct upload *up = &site->up;
    uint64_t last = input->first_seq + input->count - 1;
    if (last < up->unsure->seq) {
        up->next_seq = last + 1; /* not yet there: read on */
        return;
    }
    struct event_id id;
    bool found;
    struct batch *batch = upload_look(s, site, input, up->unsure->seq, &id, &found);
    if (!batch || !found) { /* our own log is not readable just now */
        up->retry_ms = s->now + BUSY_AGAIN_MS;
        batch_free(batch);
        return;
    }
    struct msg_receipt *receipt = up->unsure;
    up->unsure = NULL;
    if (event_id_equal(&id, &receipt->id)) {
        receipt_sure(s, site, receipt);
    } else {
        receipt_forked(s, site);
        send_push(s, site, input, &batch->body); /* shows the hub, which then names the next incarnation */
    }
    free(receipt);
    batch_free(batch);
}

void upload_on_read(struct spoke *s, struct site *site, struct spoke_input *input)
{
    struct upload *up = &site->up;
    up->reading = false;
    if (!going(s, site) || input->first_seq != up->next_seq)
        return; /* restarted meanwhile: read again from where it now stands */
    if (input->count == 0) {
        up->retry_ms = s->now + BUSY_AGAIN_MS;
        return;
    }
    uint64_t last = input->first_seq + input->count - 1;
    if (last > site->own.seq) { /* it was saved, and SPOKE_SAVED is still on its way */
        site->own.seq = last;
        site->own.id = input->last_id;
    }
    upload_know(site, input->first_seq, known_elsewhere(s, site) ? NULL : input->ids, input->count);
    if (up->unsure && up->unsure->seq >= input->first_seq)
        compare_unsure(s, site, input);
    else
        send_push(s, site, input, &input->body);
}

/* ---- time ---- */

static size_t under_way(const struct spoke *s)
{
    size_t bytes = 0;
    for (uint32_t i = 0; i < s->site_count; i++)
        bytes += s->sites[i]->up.flight_bytes;
    return bytes;
}

/* More is in flight, over all sites, than a thin link bears, and than a small batch of each that has any. */
static bool is_much(const struct spoke *s)
{
    const size_t bytes = under_way(s);
    size_t small = 0;
    for (uint32_t i = 0; i < s->site_count; i++)
        small += s->sites[i]->up.flight_count > 0 ? WINDOW_START : 0;
    return bytes > FLIGHT_BYTES_THIN && bytes > small;
}

/* A receipt for an earlier batch shows that the later ones are under way. */
static uint64_t last_sign(const struct upload *up)
{
    return up->flight[0].sent_ms > up->progress_ms ? up->flight[0].sent_ms : up->progress_ms;
}

/* … of any site, also of one that has nothing in flight any more: when the connection is given up for what is under
 * way, if that is much. */
static uint64_t thinned_deadline(const struct spoke *s)
{
    uint64_t since = 0;
    for (uint32_t i = 0; i < s->site_count; i++) {
        const struct upload *up = &s->sites[i]->up;
        const uint64_t sign = up->flight_count > 0 ? last_sign(up) : up->progress_ms;
        since = sign > since ? sign : since;
    }
    return since + s->config.request_timeout_ms;
}

/* What the other sites have under way may stand before this one's. */
static uint64_t push_deadline(const struct spoke *s, const struct upload *up)
{
    const size_t before = under_way(s) - up->flight_bytes + up->flight[0].bytes;
    const uint64_t due = last_sign(up) + s->config.request_timeout_ms + before / THIN_BYTES_PER_MS;
    if (!is_much(s))
        return due;
    const uint64_t thinned = thinned_deadline(s);
    return thinned < due ? thinned : due;
}

static void time_out(struct spoke *s, struct site *site)
{
    struct upload *up = &site->up;
    if (is_much(s) && s->now >= thinned_deadline(s)) {
        renew_thinned(s);
        return;
    }
    spoke_probe(s, up->flight[0].sent_ms);
    up->batch_bytes = up->batch_bytes / 2 > BODY_FLOOR ? up->batch_bytes / 2 : BODY_FLOOR;
    up->depth = 1;
    upload_restart(site);
}

/* How much more may be under way, over all sites. */
static size_t room(const struct spoke *s, const struct upload *up)
{
    const size_t bytes = under_way(s);
    size_t most = FLIGHT_BYTES_THIN;
    if (up->batch_bytes > PUSH_BYTES_THIN)
        most = (size_t)(up->depth > PUSHES_MAX ? up->depth : PUSHES_MAX) * up->batch_bytes;
    return bytes < most ? most - bytes : 0;
}

static bool has_room(const struct spoke *s, const struct upload *up)
{
    return up->flight_count == 0 || (up->flight_count < up->depth && up->batch_bytes <= room(s, up));
}

/* One batch of each site may always be under way, if a small one: no site waits for another's backlog. */
static uint32_t next_bytes(const struct spoke *s, const struct upload *up)
{
    const size_t left = room(s, up);
    if (left >= up->batch_bytes || up->batch_bytes <= WINDOW_START)
        return up->batch_bytes;
    return left > WINDOW_START ? (uint32_t)left : WINDOW_START;
}

static bool may_read(const struct spoke *s, const struct site *site)
{
    const struct upload *up = &site->up;
    return going(s, site) && !up->reading && up->next_seq <= site->own.seq && has_room(s, up);
}

/* Only what would be read now. */
void upload_on_saved(struct spoke *s, struct site *site, struct spoke_input *input)
{
    struct upload *up = &site->up;
    const uint64_t first = input->own.seq + 1 - input->count;
    if (input->count == 0 || first != up->next_seq || input->own.seq != site->own.seq || up->unsure ||
        !may_read(s, site) || s->now < up->retry_ms || input->body.bytes.len > next_bytes(s, up))
        return;
    struct spoke_input at_hand = {.first_seq = first, .count = input->count, .last_id = input->own.id};
    upload_know(site, first, input->count == 1 && !known_elsewhere(s, site) ? &input->own.id : NULL, input->count);
    send_push(s, site, &at_hand, &input->body);
}

void upload_turn(struct spoke *s, struct site *site)
{
    struct upload *up = &site->up;
    if (up->flight_count > 0 && s->now >= push_deadline(s, up))
        time_out(s, site);
    if (!may_read(s, site) || s->now < up->retry_ms)
        return;
    struct spoke_output *o = spoke_put(s, SPOKE_READ_OWN, site);
    if (!o)
        return;
    o->first_seq = up->reading_from = up->next_seq;
    o->max_bytes = next_bytes(s, up);
    up->reading = true;
}

uint64_t upload_deadline(const struct spoke *s, const struct site *site)
{
    uint64_t due = UINT64_MAX;
    if (site->up.flight_count > 0)
        due = push_deadline(s, &site->up);
    if (may_read(s, site) && site->up.retry_ms < due)
        due = site->up.retry_ms;
    return due;
}
