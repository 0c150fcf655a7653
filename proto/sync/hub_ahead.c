/* SPDX-License-Identifier: Apache-2.0 */
/* Reading ahead. A laptop that has much to catch up with asks for the next range as soon as the FEED before it is
 * there, and would then wait while that is read. So it is read while the FEED is on its way, if nobody else waits for a
 * read; the PULL that asks for just this has its answer at once, or takes over the read where it has not ended. Of a
 * laptop that asks for something else, or does not ask within a second, nothing stays. */
#include "proto/sync/sync_hub_internal.h"

static struct hub_ahead *find(struct hub *hub, uint64_t peer, uint32_t site)
{
    for (uint32_t i = 0; i < AHEAD_MAX; i++)
        if (hub->ahead[i].ticket != 0 && hub->ahead[i].peer == peer && hub->ahead[i].site == site)
            return &hub->ahead[i];
    return NULL;
}

static struct hub_ahead *find_free(struct hub *hub)
{
    for (uint32_t i = 0; i < AHEAD_MAX; i++)
        if (hub->ahead[i].ticket == 0)
            return &hub->ahead[i];
    return NULL;
}

static void drop(struct hub_ahead *ahead)
{
    lent_return(&ahead->range.body);
    *ahead = (struct hub_ahead){0};
}

void hub_ahead_drop(struct hub *hub, uint64_t peer)
{
    for (uint32_t i = 0; i < AHEAD_MAX; i++)
        if (hub->ahead[i].peer == peer)
            drop(&hub->ahead[i]);
}

void hub_ahead_release(struct hub *hub)
{
    for (uint32_t i = 0; i < AHEAD_MAX; i++)
        drop(&hub->ahead[i]);
}

/* A rest that is no FEED's worth is not: more may have come when it is asked for, and goes with it. */
void hub_ahead_begin(struct hub *hub, const struct peer *peer, uint32_t site, struct position sent, uint32_t count)
{
    const struct log_head *head = hub_site_head(hub->sites[site], sent.epoch);
    const struct position from = {sent.epoch, sent.n + 1};
    const uint32_t max_bytes = peer->pulls[site]->max_bytes;
    struct hub_ahead *ahead = find(hub, peer->id, site);
    if (ahead != NULL)
        drop(ahead);
    ahead = find_free(hub);
    if (ahead == NULL || hub->queue_len > 0 || hub->read_count == READS_MAX || head == NULL ||
        head->at.n < sent.n + count)
        return;
    const uint64_t ticket = hub_read_range(hub, peer, site, from, 0);
    if (ticket != 0)
        *ahead = (struct hub_ahead){.ticket = ticket, .peer = peer->id, .site = site, .from = from,
                                    .max_bytes = max_bytes, .until_ms = hub->now + AHEAD_MS};
}

bool hub_ahead_read(struct hub *hub, const struct range_read *read, struct hub_input *input)
{
    struct hub_ahead *ahead = find(hub, read->peer, read->site);
    if (ahead == NULL || ahead->ticket != read->ticket)
        return false;
    if (!input->ok || input->count == 0) {
        drop(ahead);
        return true;
    }
    ahead->ready = true;
    ahead->range = (struct hub_input){.at = input->at, .count = input->count, .key_count = input->key_count,
                                      .head = input->head, .body = input->body, .ok = true};
    input->body = (struct lent){0};
    return true;
}

bool hub_ahead_take(struct hub *hub, uint64_t peer, uint32_t site, struct position from, uint32_t max_bytes,
                    uint64_t *ticket, struct hub_input *range)
{
    struct hub_ahead *ahead = find(hub, peer, site);
    if (ahead == NULL)
        return false;
    const bool fits = position_compare(ahead->from, from) == 0 && ahead->max_bytes <= max_bytes &&
                      hub->now < ahead->until_ms;
    *ticket = ahead->ready ? 0 : ahead->ticket;
    if (fits) {
        *range = ahead->range;
        ahead->range.body = (struct lent){0};
    }
    drop(ahead);
    return fits;
}

void hub_ahead_turn(struct hub *hub)
{
    for (uint32_t i = 0; i < AHEAD_MAX; i++)
        if (hub->ahead[i].ticket != 0 && hub->now >= hub->ahead[i].until_ms)
            drop(&hub->ahead[i]);
}

uint64_t hub_ahead_deadline(const struct hub *hub)
{
    uint64_t due = UINT64_MAX;
    for (uint32_t i = 0; i < AHEAD_MAX; i++)
        if (hub->ahead[i].ticket != 0 && hub->ahead[i].until_ms < due)
            due = hub->ahead[i].until_ms;
    return due;
}
