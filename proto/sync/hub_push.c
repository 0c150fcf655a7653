/* SPDX-License-Identifier: Apache-2.0 */
/* PUSH: every event is checked against its stream, the log and the device's signature, then the batch is made durable,
 * and only then a RECEIPT is sent. Several batches of a stream may be on their way to the disk: `head` is where the
 * stream stands with them, `durable` without. */
#include <assert.h>
#include <stdlib.h>

#include "proto/sync/sync_hub_internal.h"

/* ---- RECEIPT ---- */

/* For what is durable now. `kept`: the commit that it answers, for the positions; NULL otherwise. */
static void send_receipt(struct hub *hub, uint64_t peer, uint64_t request, uint32_t site_at,
                         const struct device_id *device, uint32_t incarnation, const struct keep *kept,
                         const struct hub_input *input)
{
    struct hub_site *site = hub->sites[site_at];
    const struct stream *stream = streams_find(&site->streams, device, incarnation);
    struct msg_receipt *m = &hub->msg.receipt;
    m->site = hub_site_name(site);
    m->incarnation = incarnation;
    m->seq = stream ? stream->durable.seq : 0;
    m->id = stream ? stream->durable.id : (struct event_id){{0}};
    m->signature = (struct signature){{0}};
    m->run_count = m->missing_count = 0;
    if (m->seq > 0)
        sign_receipt(&hub->config.sign, m->site, device, incarnation, m->seq, &m->id, &m->signature);
    if (kept) {
        m->runs[m->run_count++] = (struct position_run){kept->first_seq, input->at, kept->count};
        m->missing_count = input->missing_count < RECEIPT_KEYS_MAX ? input->missing_count : RECEIPT_KEYS_MAX;
        if (m->missing_count > 0)
            memcpy(m->missing, input->missing, m->missing_count * sizeof m->missing[0]);
    }
    hub_send(hub, peer, MSG_RECEIPT, request, NULL);
}

/* ---- checking a batch ---- */

enum push_fault { PUSH_FINE, PUSH_GAP, PUSH_FORK, PUSH_WRONG, PUSH_UNSEEN };

struct push_check {
    struct hub *hub;
    struct hub_site *site;
    const struct hub_device *device;
    const struct msg_push *push;
    struct stream_head head; /* runs along */
    uint64_t expected;       /* seq of the next entry */
    struct event_id last;    /* of the entry before */
    uint32_t old;            /* leading entries that are there already */
    enum push_fault fault;
};

/* Whoever names a position has received it from us, so our log holds it, unless the hub was restored. */
static bool held_here(struct hub_site *site, const struct seen *seen)
{
    for (uint8_t i = 0; i < seen->count; i++) {
        const struct log_head *head = hub_site_head(site, seen->at[i].epoch);
        if (seen->at[i].n > (head ? head->at.n : 0))
            return false;
    }
    return true;
}

/* Does the batch hold together, whatever it follows? Then the signature over its last event is over all of it. */
static bool coheres(struct push_check *c, const struct entry *entry, const struct event_clear *event)
{
    if (!device_id_equal(&entry->device, &c->device->id) || entry->incarnation != c->push->incarnation ||
        entry->seq != c->expected)
        return false;
    if (entry->seq != c->push->first_seq && !event_id_equal(&event->prev, &c->last))
        return false;
    c->last = entry->id;
    c->expected++;
    return true;
}

static enum push_fault judge(struct push_check *c, const struct entry *entry, const struct event_clear *event)
{
    switch (stream_check(&c->head, event, &entry->id)) {
    case STREAM_OLD:
        c->old++;
        return PUSH_FINE;
    case STREAM_GAP:
        return PUSH_GAP;
    case STREAM_FORK:
        return PUSH_FORK;
    case STREAM_BAD:
        return PUSH_WRONG;
    case STREAM_NEXT:
        break;
    }
    if (!held_here(c->site, &event->seen))
        return PUSH_UNSEEN;
    stream_advance(&c->head, event, &entry->id);
    return PUSH_FINE;
}

/* A fork, and what has seen too much, count only if the device signed them: the batch is read on to its end. */
static enum entries_result check_entry(void *context, const struct entry *entry, const struct event_clear *event)
{
    struct push_check *c = context;
    if (!coheres(c, entry, event))
        c->fault = PUSH_WRONG;
    else if (c->fault == PUSH_FINE)
        c->fault = judge(c, entry, event);
    return c->fault == PUSH_WRONG || c->fault == PUSH_GAP ? ENTRIES_BAD : ENTRIES_OK;
}

static void refuse_push(struct hub *hub, struct peer *peer, uint32_t site, enum push_fault fault)
{
    struct bytes name = hub_site_name(hub->sites[site]);
    const char *site_name = hub->sites[site]->name;
    uint64_t request = hub->in.request;
    if (fault == PUSH_UNSEEN) {
        hub_incident(hub, peer->device, "an event for '%s' has seen what the hub's log does not hold", site_name);
        hub_refuse(hub, peer->id, request, REFUSED_BUSY, name,
                   "The hub lacks what these events have seen: it was restored. They wait until it is refilled.");
    } else if (fault == PUSH_FORK) {
        hub_incident(hub, peer->device, "it brings another history of '%s' than before: it was set back, or copied",
                     site_name);
        hub_refuse(hub, peer->id, request, REFUSED_BAD_EVENT, name,
                   "The hub holds another history of what this laptop wrote: it was set back, or copied.");
    } else {
        hub_incident(hub, peer->device, "a PUSH for '%s' with events that do not verify", site_name);
        hub_refuse(hub, peer->id, request, REFUSED_BAD_EVENT, name,
                   "The hub cannot take these events: they do not verify. They stay saved on this laptop.");
    }
}

/* ---- keeping ---- */

struct keep *hub_keep_add(struct hub *hub, uint64_t peer, uint32_t device, uint32_t incarnation, uint32_t site,
                          size_t bytes)
{
    struct keep *keep = calloc(1, sizeof *keep);
    if (!keep) {
        hub_out_of_memory(hub);
        return NULL;
    }
    keep->ticket = ++hub->last_ticket;
    keep->site = site;
    keep->device = device;
    keep->incarnation = incarnation;
    keep->bytes = bytes;
    keep->waiters[0].peer = peer;
    keep->waiters[0].request = hub->in.request;
    keep->waiter_count = 1;
    *hub->keeps_end = keep;
    hub->keeps_end = &keep->next;
    hub->keep_bytes += bytes;
    hub->devices[device].keeps++;
    return keep;
}

/* A commit to the site's log. */
static struct keep *keep_add(struct hub *hub, const struct peer *peer, uint32_t site, size_t bytes)
{
    struct keep *keep = hub_keep_add(hub, peer->id, peer->device, peer->incarnation, site, bytes);
    if (keep)
        hub->sites[site]->keeps++;
    return keep;
}

static void drop_first(struct batch *batch, uint32_t count)
{
    batch->count -= count;
    memmove(batch->entries, batch->entries + count, batch->count * sizeof batch->entries[0]);
}

/* All of it is on its way to the disk already: answered when the last of it is there. */
static void wait_for_keep(struct hub *hub, struct peer *peer, uint32_t site, uint64_t last_seq)
{
    for (struct keep *keep = hub->keeps; keep; keep = keep->next) {
        if (keep->keys_only || keep->aside || keep->site != site || keep->device != peer->device ||
            keep->incarnation != peer->incarnation || keep->head.seq < last_seq)
            continue;
        if (keep->waiter_count < KEEP_WAITERS_MAX) {
            keep->waiters[keep->waiter_count].peer = peer->id;
            keep->waiters[keep->waiter_count++].request = hub->in.request;
        }
        return;
    }
}

/* So that the log need not look into each event once more. */
static bool tell_stream(struct hub *hub, struct batch *batch, const struct stream *stream, const struct push_check *c)
{
    batch->streams = malloc(sizeof *batch->streams);
    if (!batch->streams) {
        hub_out_of_memory(hub);
        return false;
    }
    *batch->streams = (struct batch_stream){c->device->id, c->push->incarnation, stream->head, c->head};
    batch->stream_count = 1;
    return true;
}

static void keep_batch(struct hub *hub, struct peer *peer, uint32_t site, struct stream *stream, struct push_check *c,
                       struct batch *batch)
{
    const bool told = tell_stream(hub, batch, stream, c);
    struct keep *keep = told ? keep_add(hub, peer, site, batch->body.bytes.len) : NULL;
    struct hub_output *o = keep ? hub_put(hub, HUB_KEEP) : NULL;
    if (!o) {
        batch_free(batch);
        return;
    }
    drop_first(batch, c->old);
    struct entry *last = &batch->entries[batch->count - 1];
    last->flags |= ENTRY_SIGNED;
    last->signature = c->push->signature;
    keep->first_seq = batch->entries[0].seq;
    keep->count = batch->count;
    keep->head = stream->head = c->head;
    o->ticket = keep->ticket;
    o->peer = peer->id;
    o->device = c->device->id;
    o->incarnation = peer->incarnation;
    o->site = hub_site_name(hub->sites[site]);
    o->batch = batch;
}

static void keep_keys(struct hub *hub, struct peer *peer, uint32_t site, struct lent *body)
{
    const struct msg_push *push = &hub->in.push;
    if (!keys_check(body->bytes, push->key_count, NULL, NULL)) {
        refuse_push(hub, peer, site, PUSH_WRONG);
        return;
    }
    if (push->key_count == 0) {
        send_receipt(hub, peer->id, hub->in.request, site, &hub->devices[peer->device].id, peer->incarnation, NULL,
                     NULL);
        return;
    }
    struct keep *keep = keep_add(hub, peer, site, body->bytes.len);
    struct hub_output *o = keep ? hub_put(hub, HUB_KEEP_KEYS) : NULL;
    if (!o)
        return;
    keep->keys_only = true;
    o->ticket = keep->ticket;
    o->peer = peer->id;
    o->device = hub->devices[peer->device].id;
    o->incarnation = peer->incarnation;
    o->site = hub_site_name(hub->sites[site]);
    o->count = push->key_count;
    o->body = *body;
    *body = (struct lent){0};
}

/* ---- inputs ---- */

/* Decodes and judges; the batch, or NULL when the answer has been given (or memory ran out). */
static struct batch *check_push(struct hub *hub, struct peer *peer, uint32_t site, struct push_check *c,
                                struct stream *stream, struct lent *body)
{
    const struct msg_push *push = c->push;
    struct entries_form form = {
        .site = push->site, .count = push->count, .key_count = push->key_count, .check = check_entry, .context = c};
    struct batch *batch;
    enum entries_result result = entries_decode(body, &form, &batch);
    if (result == ENTRIES_NO_MEMORY) {
        hub_out_of_memory(hub);
        return NULL;
    }
    if (c->fault == PUSH_GAP) {
        send_receipt(hub, peer->id, hub->in.request, site, &c->device->id, peer->incarnation, NULL, NULL);
        return NULL;
    }
    enum push_fault fault = PUSH_WRONG;
    if (result == ENTRIES_OK) {
        const struct entry *last = &batch->entries[batch->count - 1];
        if (verify_stream(&c->device->sign, push->site, &c->device->id, push->incarnation, last->seq, &last->id,
                          &push->signature))
            fault = c->fault;
    }
    if (fault == PUSH_FINE)
        return batch;
    batch_free(batch);
    if (fault == PUSH_FORK && stream) {
        if (!stream->forked) /* the other of the two is to hear of it too */
            hub_greet_anew(hub, peer->device, 1u << site);
        stream->forked = true;
    }
    refuse_push(hub, peer, site, fault);
    return NULL;
}

static bool too_busy(struct hub *hub, struct peer *peer, uint32_t site, size_t bytes)
{
    if (hub->devices[peer->device].keeps < KEEPS_PER_DEVICE_MAX && hub->keep_bytes + bytes <= KEEP_BYTES_MAX &&
        !hub->sites[site]->offer.active)
        return false;
    hub_refuse(hub, peer->id, hub->in.request, REFUSED_BUSY, hub_site_name(hub->sites[site]),
               "The hub has much to write just now. It is asked again.");
    return true;
}

void hub_on_push(struct hub *hub, struct peer *peer, struct lent *body)
{
    const struct msg_push *push = &hub->in.push;
    uint32_t site = hub_site_for(hub, peer, push->site);
    if (site == NO_ONE)
        return;
    if (push->incarnation != peer->incarnation) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_HELLO_FIRST, push->site, "Say HELLO with this incarnation.");
        return;
    }
    if (too_busy(hub, peer, site, body->bytes.len))
        return;
    if (push->count == 0) {
        keep_keys(hub, peer, site, body);
        return;
    }
    const struct hub_device *d = &hub->devices[peer->device];
    /* Not added before it is known that something follows: false ones of any number of incarnations leave nothing. */
    struct streams *streams = &hub->sites[site]->streams;
    struct stream *stream = streams_find(streams, &d->id, peer->incarnation);
    struct push_check c = {.hub = hub,
                           .site = hub->sites[site],
                           .device = d,
                           .push = push,
                           .head = stream ? stream->head : (struct stream_head){0},
                           .expected = push->first_seq};
    struct batch *batch = check_push(hub, peer, site, &c, stream, body);
    if (!batch)
        return;
    uint64_t last_seq = batch->entries[batch->count - 1].seq;
    if (!stream)
        stream = streams_get(streams, &d->id, peer->incarnation);
    if (!stream) {
        hub_out_of_memory(hub);
        batch_free(batch);
        return;
    }
    if (last_seq > peer->pushed[site])
        peer->pushed[site] = last_seq;
    if (c.old < batch->count) {
        keep_batch(hub, peer, site, stream, &c, batch);
        return;
    }
    batch_free(batch);
    if (last_seq <= stream->durable.seq)
        send_receipt(hub, peer->id, hub->in.request, site, &d->id, peer->incarnation, NULL, NULL);
    else
        wait_for_keep(hub, peer, site, last_seq);
}

/* Commits complete in the order in which they were asked for. */
static struct keep *keep_take(struct hub *hub, uint64_t ticket)
{
    for (struct keep **at = &hub->keeps; *at; at = &(*at)->next)
        if ((*at)->ticket == ticket) {
            struct keep *keep = *at;
            *at = keep->next;
            if (hub->keeps_end == &keep->next)
                hub->keeps_end = at;
            hub->keep_bytes -= keep->bytes;
            hub->devices[keep->device].keeps--;
            if (!keep->aside)
                hub->sites[keep->site]->keeps--;
            return keep;
        }
    return NULL;
}

/* What is kept waits at its laptop no longer, whether or not that has told us since. */
static void fewer_waiting(struct hub *hub, const struct keep *keep)
{
    struct hub_device *d = &hub->devices[keep->device];
    uint64_t *waiting = &d->waiting[keep->site];
    *waiting = *waiting > keep->count ? *waiting - keep->count : 0;
    if (*waiting == 0)
        d->oldest_waiting_ms[keep->site] = 0;
}

static void note_run(struct hub *hub, const struct keep *keep, struct position at)
{
    struct hub_run *run = &hub->sites[keep->site]->run;
    if (run->epoch != at.epoch || run->last + 1 != at.n || run->device != keep->device ||
        run->incarnation != keep->incarnation)
        *run = (struct hub_run){at.epoch, keep->device, keep->incarnation, .first = at.n};
    run->last = at.n + keep->count - 1;
    run->ms = hub->now;
}

void hub_note_grown(struct hub *hub, uint64_t ticket, struct position at)
{
    for (const struct keep *keep = hub->keeps; keep != NULL && ticket != 0; keep = keep->next)
        if (keep->ticket == ticket)
            note_run(hub, keep, at);
}

void hub_on_kept(struct hub *hub, const struct hub_input *input)
{
    if (!input->ok) { /* unknown, never "not saved": nothing is answered, and the driver starts afresh */
        hub->dead = true;
        return;
    }
    struct keep *keep = keep_take(hub, input->ticket);
    if (!keep)
        return;
    if (keep->aside) {
        hub_on_kept_aside(hub, keep, input);
        free(keep);
        return;
    }
    const struct hub_device *d = &hub->devices[keep->device];
    if (!keep->keys_only) {
        struct stream *stream = streams_find(&hub->sites[keep->site]->streams, &d->id, keep->incarnation);
        assert(stream && keep->first_seq == stream->durable.seq + 1);
        stream->durable = keep->head;
        fewer_waiting(hub, keep);
    } else {
        hub->sites[keep->site]->brought = keep->device;
    }
    for (uint32_t i = 0; i < keep->waiter_count; i++)
        if (hub_peer(hub, keep->waiters[i].peer))
            send_receipt(hub, keep->waiters[i].peer, keep->waiters[i].request, keep->site, &d->id, keep->incarnation,
                         keep->keys_only ? NULL : keep, input);
    free(keep);
}
