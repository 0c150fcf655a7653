/* SPDX-License-Identifier: Apache-2.0 */
/* Refilling a hub that was put back to an older state: for each epoch of this laptop's cursors, the lowest first, how
 * far does the hub hold it? What it lacks is read, up to a head that it signed, and offered, until it holds all that
 * the cursor counts. Then it is greeted again. No upload of the site meanwhile: its events may have seen what is
 * lacking.
 *
 *   ASK --OFFERED--> READ --range--> OFFER sent --OFFERED--> READ … --> next epoch … --> HELLO
 *
 * Several laptops may do so at once: each asks where the log stands, and goes on from there. */
#include "proto/sync/sync_spoke_internal.h"

#define DOUBLINGS_MAX 3u /* of a time-out: a range cannot be made smaller than two signed heads leave it */

static bool going(const struct spoke *s, const struct site *site)
{
    return s->phase == SPOKE_PHASE_LIVE && site->greeted && site->verdict == SITE_REWIND && site->refill.active;
}

/* It did not get on: at once again the first time, then ever more slowly, until something moves. */
static void failed(const struct spoke *s, struct refill *r)
{
    unsigned pauses = r->failures++;
    uint64_t pause = pauses == 0 ? 0 : (uint64_t)BACKOFF_FIRST_MS << (pauses < 10 ? pauses - 1 : 9);
    r->retry_ms = s->now + (pause < BACKOFF_MAX_MS ? pause : BACKOFF_MAX_MS);
    r->known = false;
}

static uint64_t cursor_of(const struct site *site, uint32_t epoch)
{
    const struct cursors *cursors = &site->down.durable;
    for (uint8_t i = 0; i < cursors->count; i++)
        if (cursors->at[i].at.epoch == epoch)
            return cursors->at[i].at.n;
    return 0;
}

/* All that could be offered is there. The hub's next WELCOME says whether it agrees; if it does not, it is no use to
 * hurry. */
static void finish(struct spoke *s, struct refill *r)
{
    r->active = false;
    if (r->gap)
        failed(s, r); /* others may have it: the next WELCOME tells */
    else if (r->rounds++ == 0)
        spoke_hello_now(s);
    else
        spoke_hello_soon(s);
}

static void next_epoch(struct spoke *s, struct site *site)
{
    struct refill *r = &site->refill;
    const struct cursors *cursors = &site->down.durable;
    r->known = false;
    r->best = 0;
    for (uint8_t i = 0; i < cursors->count; i++)
        if (cursors->at[i].at.epoch > r->epoch && cursors->at[i].at.n > 0) {
            r->epoch = cursors->at[i].at.epoch;
            return;
        }
    finish(s, r);
}

void refill_begin(struct spoke *s, struct site *site)
{
    struct refill *r = &site->refill;
    if (r->active)
        return; /* it is at it already */
    r->active = true;
    r->gap = false;
    r->epoch = 0;
    if (r->window == 0)
        r->window = WINDOW_START;
    next_epoch(s, site);
}

void refill_end(struct site *site)
{
    bool reading = site->refill.reading;
    site->refill = (struct refill){.reading = reading};
}

void refill_reset(struct spoke *s, struct site *site)
{
    struct refill *r = &site->refill;
    if (r->request != 0 && r->offering)
        failed(s, r); /* perhaps it is the very offer that takes the hub down */
    r->request = 0;
    r->active = false;
}

void refill_refused(struct spoke *s, struct site *site, bool busy)
{
    struct refill *r = &site->refill;
    if (busy) {
        r->known = false;
        r->retry_ms = s->now + BUSY_AGAIN_MS;
        return;
    }
    failed(s, r);
    r->active = false; /* until the next WELCOME */
    r->refused = true;
}

/* ---- asking and offering ---- */

static void ask(struct spoke *s, struct site *site)
{
    struct refill *r = &site->refill;
    s->msg.offer = (struct msg_offer){.site = site_name(site), .first = {r->epoch, 0}};
    r->request = spoke_send(s, MSG_OFFER, NULL);
    r->offering = false;
    r->sent_ms = s->now;
    r->bytes = 0;
}

static void read_range(struct spoke *s, struct site *site)
{
    struct refill *r = &site->refill;
    struct spoke_output *o = spoke_put(s, SPOKE_READ_OFFER, site);
    if (!o)
        return;
    o->from = r->reading_from = (struct position){r->epoch, r->held + 1};
    o->max_bytes = r->window;
    r->reading = true;
}

void refill_on_read(struct spoke *s, struct site *site, struct spoke_input *input)
{
    struct refill *r = &site->refill;
    struct position from = {r->epoch, r->held + 1};
    bool asked = r->reading;
    r->reading = false;
    if (!asked || !going(s, site) || !r->known || r->request != 0 || position_compare(r->reading_from, from) != 0)
        return; /* it stands elsewhere by now, and is read again from there */
    if (input->count == 0 || position_compare(input->first, from) != 0) {
        r->gap = true;
        next_epoch(s, site);
        return;
    }
    s->msg.offer = (struct msg_offer){.site = site_name(site),
                                      .first = input->first,
                                      .count = input->count,
                                      .head = input->head,
                                      .signature = input->signature};
    r->bytes = input->body.bytes.len;
    r->request = spoke_send(s, MSG_OFFER, &input->body);
    r->offering = true;
    r->sent_ms = s->now;
}

void refill_on_offered(struct spoke *s)
{
    const struct msg_offered *offered = &s->in.offered;
    struct site *site = spoke_site(s, offered->site);
    if (!site || site->refill.request == 0 || site->refill.request != s->in.request)
        return; /* an answer that is no longer waited for */
    struct refill *r = &site->refill;
    r->request = 0;
    wanted_add(&site->debts, offered->missing, offered->missing_count);
    if (!going(s, site))
        return;
    if (offered->held.epoch != r->epoch) {
        failed(s, r);
        return;
    }
    if (offered->held.n > r->best) {
        r->best = offered->held.n;
        r->failures = 0;
        r->retry_ms = 0;
        r->refused = false;
        if (r->offering && s->now - r->sent_ms < QUICK_MS)
            r->window = r->window * 2 < PULL_BYTES_THIN ? r->window * 2 : PULL_BYTES_THIN;
    } else if (r->offering) {
        failed(s, r); /* it took nothing, or has less than before: go on from there, but not for ever */
    }
    r->held = offered->held.n;
    r->known = true;
    if (r->held >= cursor_of(site, r->epoch))
        next_epoch(s, site);
}

/* ---- time ---- */

/* A range has a least size, however thin the link: patience grows instead. */
static uint64_t answer_due(const struct spoke *s, const struct refill *r)
{
    uint64_t patience = s->config.request_timeout_ms + r->bytes / THIN_BYTES_PER_MS;
    return r->sent_ms + (patience << (r->failures < DOUBLINGS_MAX ? r->failures : DOUBLINGS_MAX));
}

void refill_turn(struct spoke *s, struct site *site)
{
    struct refill *r = &site->refill;
    if (!going(s, site))
        return;
    if (r->request != 0) {
        if (s->now < answer_due(s, r))
            return;
        spoke_probe(s, r->sent_ms);
        r->request = 0;
        r->window = r->window / 2 > BODY_FLOOR ? r->window / 2 : BODY_FLOOR;
        failed(s, r);
    }
    if (r->reading || s->now < r->retry_ms)
        return;
    if (r->known)
        read_range(s, site);
    else
        ask(s, site);
}

uint64_t refill_deadline(const struct spoke *s, const struct site *site)
{
    const struct refill *r = &site->refill;
    if (!going(s, site))
        return UINT64_MAX;
    if (r->request != 0)
        return answer_due(s, r);
    return r->reading ? UINT64_MAX : r->retry_ms;
}
