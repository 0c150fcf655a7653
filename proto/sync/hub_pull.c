/* SPDX-License-Identifier: Apache-2.0 */
/* PULL and KEYS. One PULL is kept per connection and site; when there is news it is answered by a range of the log,
 * else held back until there is, or until its time is up. Spokes are served in turn: a queue of connections with
 * something to read, one range a connection at a time, READS_MAX in all, each bounded in bytes. */
#include <assert.h>
#include <stdlib.h>

#include "proto/sync/sync_hub_internal.h"

/* ---- what there is to read ---- */

static uint64_t pull_cursor(const struct pull *pull, uint32_t epoch)
{
    for (uint32_t i = 0; i < pull->cursor_count; i++)
        if (pull->cursors[i].epoch == epoch)
            return pull->cursors[i].n;
    return 0;
}

/* The first position that this PULL lacks, of the lowest epoch with news. */
static bool pull_news(const struct hub_site *site, const struct pull *pull, struct position *from)
{
    for (uint8_t i = 0; i < site->head_count; i++) {
        uint64_t n = pull_cursor(pull, site->heads[i].at.epoch);
        if (site->heads[i].at.n > n) {
            *from = (struct position){site->heads[i].at.epoch, n + 1};
            return true;
        }
    }
    return false;
}

/* Are they all the laptop's own, as which it is here? */
static bool only_own(const struct hub_site *site, const struct peer *peer, struct position from)
{
    const struct hub_run *run = &site->run;
    const struct log_head *newest = &site->heads[site->head_count - 1];
    return run->device == peer->device && run->incarnation == peer->incarnation && run->epoch == from.epoch &&
           run->first <= from.n && position_compare(newest->at, (struct position){run->epoch, run->last}) == 0;
}

/* However many of its own come. */
static uint64_t held_at_most_until(const struct pull *pull)
{
    const uint64_t until = pull->own_ms + OWN_NEWS_MS;
    return until < pull->due_ms ? until : pull->due_ms;
}

static uint64_t held_until(const struct hub_site *site, const struct pull *pull)
{
    const uint64_t quiet = site->run.ms + OWN_NEWS_QUIET_MS, at_most = held_at_most_until(pull);
    return quiet < at_most ? quiet : at_most;
}

/* A laptop that brings a backlog has its receipts; where in the site's log its events stand nobody waits for, so that
 * is told as much at once as one FEED takes. No more: what is not told yet stands before others' news of the site, and
 * on a link that has become thin each FEED of it costs a wait behind the next PUSH. */
static bool is_held(const struct hub *hub, const struct hub_site *site, const struct peer *peer,
                    const struct pull *pull, struct position from)
{
    const uint64_t untold = site->heads[site->head_count - 1].at.n - from.n + 1;
    return pull->own_ms != 0 && untold < OWN_NEWS_FULL && hub->now < held_until(site, pull) &&
           only_own(site, peer, from);
}

static bool readable(const struct hub *hub, const struct peer *peer, uint32_t site, struct position *from)
{
    const struct pull *pull = peer->pulls[site];
    return pull && pull->active && !pull->reading && pull_news(hub->sites[site], pull, from) &&
           !is_held(hub, hub->sites[site], peer, pull, *from);
}

/* The next site in this peer's own turn that has something to read. */
static uint32_t readable_site(const struct hub *hub, const struct peer *peer, struct position *from)
{
    for (uint32_t i = 0; i < hub->site_count; i++) {
        uint32_t site = (peer->next_site + i) % hub->site_count;
        if (readable(hub, peer, site, from))
            return site;
    }
    return NO_ONE;
}

/* ---- the queue ---- */

static void enqueue(struct hub *hub, uint32_t place)
{
    struct peer *peer = hub->peers[place];
    struct position from;
    if (peer->queued || peer->reading || readable_site(hub, peer, &from) == NO_ONE)
        return;
    assert(hub->queue_len < hub->peer_cap);
    hub->queue[(hub->queue_at + hub->queue_len++) % hub->peer_cap] = place;
    peer->queued = true;
}

static void enqueue_peer(struct hub *hub, const struct peer *peer)
{
    enqueue(hub, table_find(&hub->peer_index, &peer->id));
}

/* The PULL, or the news, has just come. */
static void look_for_news(struct hub *hub, uint32_t place, uint32_t site)
{
    struct peer *peer = hub->peers[place];
    struct pull *pull = peer->pulls[site];
    struct position from;
    if (pull->own_ms == 0 && pull_news(hub->sites[site], pull, &from) && only_own(hub->sites[site], peer, from)) {
        pull->own_ms = hub->now;
        if (held_until(hub->sites[site], pull) < hub->due_ms)
            hub->due_ms = held_until(hub->sites[site], pull);
    }
    enqueue(hub, place);
}

static struct peer *dequeue(struct hub *hub)
{
    while (hub->queue_len > 0) {
        struct peer *peer = hub->peers[hub->queue[hub->queue_at]];
        hub->queue_at = (hub->queue_at + 1) % hub->peer_cap;
        hub->queue_len--;
        if (!peer)
            continue; /* it has gone */
        peer->queued = false;
        return peer;
    }
    return NULL;
}

/* ---- FEED ---- */

static void send_feed(struct hub *hub, const struct peer *peer, uint32_t site_at, const struct pull *pull,
                      struct hub_input *input)
{
    struct hub_site *site = hub->sites[site_at];
    struct msg_feed *m = &hub->msg.feed;
    *m = (struct msg_feed){.site = hub_site_name(site), .newest = hub_site_newest(site)};
    if (input) {
        m->first = input->at;
        m->count = input->count;
        m->key_count = input->key_count;
        m->head = input->head;
        bool same = site->signed_any && position_compare(site->signed_head.at, input->head.at) == 0 &&
                    memcmp(&site->signed_head.hash, &input->head.hash, sizeof input->head.hash) == 0;
        if (!same) { /* most spokes read up to the same head: sign it once */
            sign_log_head(&hub->config.sign, m->site, &input->head, &site->head_signature);
            site->signed_head = input->head;
            site->signed_any = true;
        }
        m->signature = site->head_signature;
    }
    hub_send(hub, peer->id, MSG_FEED, pull->request, input ? &input->body : NULL);
}

/* The batch in FEED's layout. False: it is more than is sent without being read. */
static bool lay_out(struct hub_fresh *fresh)
{
    const struct batch *batch = fresh->batch;
    for (uint32_t i = 0; i < batch->count && fresh->body.len <= FRESH_BYTES_MAX; i++) {
        const struct entry *entry = &batch->entries[i];
        feed_put_event(&fresh->body, entry->event, entry->flags & ENTRY_SIGNED ? &entry->signature : NULL);
    }
    return !fresh->body.failed && fresh->body.len <= FRESH_BYTES_MAX;
}

/* Is what has just become durable all that this PULL lacks of its epoch, and not the laptop's own? Then that is its
 * answer: nothing has to be read, for which a thread would be woken and wait until the log has taken it in. */
static bool feed_fresh(struct hub *hub, struct peer *peer, uint32_t site, struct position from)
{
    struct hub_fresh *fresh = &hub->fresh;
    struct pull *pull = peer->pulls[site];
    if (!fresh->batch || fresh->site != site || position_compare(from, fresh->at) != 0 ||
        device_id_equal(&fresh->batch->entries[0].device, &hub->devices[peer->device].id))
        return false;
    if (fresh->body.len == 0 && !lay_out(fresh)) {
        fresh->batch = NULL;
        return false;
    }
    struct buffer copy = {0};
    if (fresh->body.len <= pull->max_bytes)
        buffer_append(&copy, fresh->body.data, fresh->body.len);
    if (copy.len == 0) {
        buffer_release(&copy);
        return false;
    }
    struct hub_input range = {.at = fresh->at, .count = fresh->batch->count, .head = fresh->head,
                              .body = {.bytes = buffer_bytes(&copy), .release = free, .owner = copy.data}};
    pull->active = false;
    send_feed(hub, peer, site, pull, &range);
    lent_return(&range.body); /* unless it was taken */
    enqueue_peer(hub, peer);
    return true;
}

uint64_t hub_read_range(struct hub *hub, const struct peer *peer, uint32_t site, struct position from,
                        uint64_t request)
{
    struct hub_output *o = hub_put(hub, HUB_READ);
    if (!o)
        return 0;
    hub->reads[hub->read_count++] =
        (struct range_read){.ticket = ++hub->last_ticket, .peer = peer->id, .request = request, .site = site};
    o->ticket = hub->last_ticket;
    o->peer = peer->id;
    o->device = hub->devices[peer->device].id;
    o->incarnation = peer->incarnation;
    o->site = hub_site_name(hub->sites[site]);
    o->from = from;
    o->max_bytes = peer->pulls[site]->max_bytes;
    return o->ticket;
}

/* What was read is its answer; and where it is as much as was asked for, more of it is. */
static void answer(struct hub *hub, struct peer *peer, uint32_t site, struct hub_input *range)
{
    struct pull *pull = peer->pulls[site];
    const struct position sent = range->head.at;
    const uint32_t count = range->count;
    const bool full = range->body.bytes.len >= pull->max_bytes / 2;
    pull->active = false;
    /* it is durable, though HUB_GREW may still be on its way: never sign what one does not know of */
    (void)hub_site_set_head(hub->sites[site], &range->head);
    send_feed(hub, peer, site, pull, range);
    if (full)
        hub_ahead_begin(hub, peer, site, sent, count);
}

/* True: it was read ahead, or is being read. */
static bool feed_ahead(struct hub *hub, struct peer *peer, uint32_t site, struct position from)
{
    struct pull *pull = peer->pulls[site];
    uint64_t ticket;
    struct hub_input range;
    if (!hub_ahead_take(hub, peer->id, site, from, pull->max_bytes, &ticket, &range))
        return false;
    for (uint32_t i = 0; ticket != 0 && i < hub->read_count; i++)
        if (hub->reads[i].ticket == ticket) {
            hub->reads[i].request = pull->request;
            peer->reading = ticket;
            pull->reading = true;
        }
    if (ticket == 0) {
        answer(hub, peer, site, &range);
        lent_return(&range.body); /* unless it was taken */
        enqueue_peer(hub, peer);
    }
    return true;
}

static void read_next(struct hub *hub, struct peer *peer)
{
    struct position from;
    uint32_t site = readable_site(hub, peer, &from);
    if (site == NO_ONE)
        return;
    peer->next_site = (site + 1) % hub->site_count;
    if (feed_fresh(hub, peer, site, from) || feed_ahead(hub, peer, site, from))
        return;
    struct pull *pull = peer->pulls[site];
    peer->reading = hub_read_range(hub, peer, site, from, pull->request);
    pull->reading = peer->reading != 0;
}

static void range_read(struct hub *hub, const struct range_read *read, struct hub_input *input)
{
    struct peer *peer = hub_peer(hub, read->peer);
    if (!peer || peer->reading != read->ticket)
        return; /* it has gone, or it came anew */
    peer->reading = 0;
    struct pull *pull = peer->pulls[read->site];
    pull->reading = false;
    struct position from;
    bool lower = input->ok && pull_news(hub->sites[read->site], pull, &from) && from.epoch < input->at.epoch;
    /* An earlier epoch was refilled meanwhile: it goes first, for what was read may follow it. */
    if (pull->active && pull->request == read->request && !lower) {
        if (input->ok && input->count > 0) {
            answer(hub, peer, read->site, input);
        } else {
            pull->active = false;
            hub_refuse(hub, peer->id, pull->request, REFUSED_BUSY, hub_site_name(hub->sites[read->site]),
                       "The hub could not read its log just now. It is asked again.");
        }
    }
    if (pull->active)
        hub->due_ms = hub->now; /* it came meanwhile, and was not looked at */
    enqueue_peer(hub, peer); /* at the end of the queue: others first */
}

static void keys_read(struct hub *hub, const struct range_read *read, struct hub_input *input)
{
    if (!hub_peer(hub, read->peer))
        return;
    struct bytes name = hub_site_name(hub->sites[read->site]);
    if (!input->ok) {
        hub_refuse(hub, read->peer, read->request, REFUSED_BUSY, name,
                   "The hub could not read its keys just now. It is asked again.");
        return;
    }
    hub->msg.keyring =
        (struct msg_keyring){.site = name, .key_count = input->key_count, .denied_count = input->denied_count};
    if (input->denied_count > 0)
        memcpy(hub->msg.keyring.denied, input->denied, input->denied_count * sizeof *input->denied);
    hub_send(hub, read->peer, MSG_KEYRING, read->request, &input->body);
}

static bool read_take(struct range_read *reads, uint32_t *count, uint64_t ticket, struct range_read *out)
{
    for (uint32_t i = 0; i < *count; i++)
        if (reads[i].ticket == ticket) {
            *out = reads[i];
            reads[i] = reads[--*count];
            return true;
        }
    return false;
}

void hub_on_range(struct hub *hub, struct hub_input *input)
{
    struct range_read read;
    if (read_take(hub->reads, &hub->read_count, input->ticket, &read)) {
        if (!hub_ahead_read(hub, &read, input))
            range_read(hub, &read, input);
    } else if (read_take(hub->key_reads, &hub->key_read_count, input->ticket, &read)) {
        keys_read(hub, &read, input);
    }
}

/* ---- inputs ---- */

/* What it has the hub gave it once. That it had more than the hub has now was not known when it said HELLO: it was
 * still being made durable there. */
static bool is_put_back(const struct hub *hub, const struct peer *peer, uint32_t site)
{
    const struct msg_pull *m = &hub->in.pull;
    if (peer->rewound & (1u << site))
        return false; /* it knows, and brings what is lacking here */
    for (uint32_t i = 0; i < m->cursor_count; i++) {
        const struct log_head *head = hub_site_head(hub->sites[site], m->cursors[i].epoch);
        if (m->cursors[i].n > (head ? head->at.n : 0))
            return true;
    }
    return false;
}

void hub_on_pull(struct hub *hub, struct peer *peer)
{
    const struct msg_pull *m = &hub->in.pull;
    uint32_t site = hub_site_for(hub, peer, m->site);
    if (site == NO_ONE)
        return;
    if (is_put_back(hub, peer, site)) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_HELLO_FIRST, m->site,
                   "The hub was put back to before what this laptop has: say HELLO again.");
        return;
    }
    struct hub_device *d = &hub->devices[peer->device];
    d->waiting[site] = m->waiting;
    d->oldest_waiting_ms[site] = m->oldest_waiting_ms;
    hub_heard(hub, peer->device);
    struct pull *pull = peer->pulls[site];
    if (!pull) {
        pull = peer->pulls[site] = calloc(1, sizeof *pull);
        if (!pull) {
            hub_out_of_memory(hub);
            return;
        }
    }
    pull->active = true; /* in the place of an earlier one, which is no longer waited for */
    pull->own_ms = 0;
    pull->request = hub->in.request;
    pull->due_ms = hub->now + (m->wait_ms < PULL_WAIT_MAX_MS ? m->wait_ms : PULL_WAIT_MAX_MS);
    pull->max_bytes = m->max_bytes < BODY_TARGET ? m->max_bytes : BODY_TARGET;
    if (pull->max_bytes == 0)
        pull->max_bytes = 1;
    pull->cursor_count = m->cursor_count;
    memcpy(pull->cursors, m->cursors, m->cursor_count * sizeof m->cursors[0]);
    if (pull->due_ms < hub->due_ms)
        hub->due_ms = pull->due_ms;
    look_for_news(hub, table_find(&hub->peer_index, &peer->id), site);
}

void hub_on_keys(struct hub *hub, struct peer *peer)
{
    const struct msg_keys *m = &hub->in.keys;
    uint32_t site = hub_site_for(hub, peer, m->site);
    if (site == NO_ONE)
        return;
    if (m->count == 0) {
        hub->msg.keyring = (struct msg_keyring){.site = m->site};
        hub_send(hub, peer->id, MSG_KEYRING, hub->in.request, NULL);
        return;
    }
    if (hub->key_read_count == KEY_READS_MAX) {
        hub_refuse(hub, peer->id, hub->in.request, REFUSED_BUSY, m->site,
                   "The hub has much to read just now. It is asked again.");
        return;
    }
    struct hub_output *o = hub_put(hub, HUB_READ_KEYS);
    if (!o)
        return;
    o->keys = malloc(m->count * sizeof *o->keys);
    if (!o->keys) {
        hub_out_of_memory(hub);
        return;
    }
    memcpy(o->keys, m->ids, m->count * sizeof *o->keys);
    o->count = m->count;
    o->ticket = ++hub->last_ticket;
    o->peer = peer->id;
    o->device = hub->devices[peer->device].id;
    o->incarnation = peer->incarnation;
    o->site = hub_site_name(hub->sites[site]);
    hub->key_reads[hub->key_read_count++] =
        (struct range_read){.ticket = o->ticket, .peer = peer->id, .request = hub->in.request, .site = site};
}

void hub_on_grew(struct hub *hub, uint32_t site)
{
    for (uint32_t i = 0; i < hub->peer_count; i++)
        if (hub->peers[i] && hub->peers[i]->pulls[site] && hub->peers[i]->pulls[site]->active)
            look_for_news(hub, i, site);
}

/* ---- time ---- */

/* A device that was revoked hears so by what it waits for; then its connection is forgotten. */
static void refuse_revoked(struct hub *hub, struct peer *peer)
{
    for (uint32_t site = 0; site < hub->site_count; site++)
        if (peer->pulls[site] && peer->pulls[site]->active)
            hub_refuse_device(hub, peer->id, peer->pulls[site]->request, true);
    hub_peer_gone(hub, peer->id);
}

/* When there is something to do about it: held-back news is read, or its time is up and it gets an empty FEED. One that
 * is being read gets its answer anyway. */
static uint64_t pull_due(struct hub *hub, struct peer *peer, uint32_t site)
{
    struct pull *pull = peer->pulls[site];
    struct position from;
    if (!pull || !pull->active || pull->reading)
        return UINT64_MAX;
    if (readable(hub, peer, site, &from)) {
        const uint64_t until = held_at_most_until(pull);
        enqueue_peer(hub, peer);
        return pull->own_ms != 0 && hub->now < until ? until : UINT64_MAX; /* more of its own may hold it back again */
    }
    if (hub->now < pull->due_ms)
        return pull->own_ms != 0 ? held_until(hub->sites[site], pull) : pull->due_ms;
    pull->active = false;
    send_feed(hub, peer, site, pull, NULL);
    return UINT64_MAX;
}

static void answer_due(struct hub *hub)
{
    hub->due_ms = UINT64_MAX;
    for (uint32_t i = 0; i < hub->peer_count; i++) {
        struct peer *peer = hub->peers[i];
        if (peer && hub->devices[peer->device].revoked) {
            refuse_revoked(hub, peer);
            continue;
        }
        for (uint32_t site = 0; peer && site < hub->site_count; site++) {
            const uint64_t due = pull_due(hub, peer, site);
            hub->due_ms = due < hub->due_ms ? due : hub->due_ms;
        }
    }
}

void hub_pull_turn(struct hub *hub)
{
    hub_ahead_turn(hub);
    if (hub->now >= hub->due_ms)
        answer_due(hub);
    while (hub->read_count < READS_MAX && !hub->dead) {
        struct peer *peer = dequeue(hub);
        if (!peer)
            return;
        read_next(hub, peer);
    }
}
