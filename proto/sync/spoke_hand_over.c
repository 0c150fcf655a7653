/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop that was revoked gets nothing and shares nothing; but what is on it and was not shared may be handed over:
 * the hub keeps it aside, to be looked at. Per site: the hub is asked how far it has this stream; its answer is
 * compared with the own event at that place; then all that no receipt came for is pushed, and after that what a receipt
 * did come for and the hub has not, since it was put back. One PUSH at a time over all sites. None of this is sharing:
 * no receipt comes, and nothing is called shared. */
#include "proto/sync/sync_spoke_internal.h"

#define HAND_BYTES_MAX WINDOW_START /* HELLO goes on beside it, also on a thin link */

void hand_reset(struct site *site)
{
    bool reading = site->hand.reading; /* its answer still comes */
    site->hand = (struct hand_over){.reading = reading};
}

/* Asked anew after a refusal that may not last. */
void hand_again(struct spoke *s)
{
    for (uint32_t i = 0; i < s->site_count; i++)
        if (s->sites[i]->hand.state == HAND_STOPPED)
            hand_reset(s->sites[i]);
}

static bool is_repeating(const struct site *site)
{
    return site->hand.next > site->own.seq;
}

static bool has_work(const struct site *site)
{
    const struct hand_over *h = &site->hand;
    switch (h->state) {
    case HAND_ASKING:
    case HAND_COMPARING:
        return true;
    case HAND_GIVING:
        return h->next <= site->own.seq || h->again <= h->again_last;
    case HAND_STOPPED:
        break;
    }
    return false;
}

static void later(struct spoke *s, struct site *site)
{
    struct hand_over *h = &site->hand;
    h->backoff_ms = h->backoff_ms == 0                  ? BUSY_AGAIN_MS
                    : h->backoff_ms < BACKOFF_MAX_MS / 2 ? 2 * h->backoff_ms
                                                         : BACKOFF_MAX_MS;
    h->retry_ms = s->now + h->backoff_ms;
}

/* ---- what people are told ---- */

static void tell(struct spoke *s)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < s->site_count; i++) {
        if (s->sites[i]->hand.request != 0 || has_work(s->sites[i]))
            return;
        count += s->sites[i]->hand.count;
    }
    if (count == s->handed_told)
        return;
    s->handed_told = count;
    spoke_notice_clear(s, NULL);
    spoke_notice(s, NULL, NOTICE_REFUSED,
                 "This laptop was revoked at the hub. %llu %s handed over, and kept aside there to be looked at. What "
                 "is on it stays; ask who looks after the hub.",
                 (unsigned long long)count,
                 count == 1 ? "entry that it had not shared was" : "entries not shared were");
}

/* ---- how far the hub is ---- */

/* The hub has the own stream up to `held`; 0: nothing of it, or another history. */
static void begin(struct site *site, uint64_t held)
{
    struct hand_over *h = &site->hand;
    uint64_t shared = site->up.acked_seq;
    h->state = HAND_GIVING;
    h->next = (shared > held ? shared : held) + 1;
    h->again = held + 1;
    h->again_last = shared;
    h->count = held > shared ? held - shared : 0; /* by an earlier run of this machine */
}

static void compare(struct spoke *s, struct site *site, struct spoke_input *input)
{
    struct event_id id;
    bool found;
    struct batch *batch = upload_look(s, site, input, site->hand.held, &id, &found);
    if (!batch || !found)
        later(s, site);
    else
        begin(site, event_id_equal(&id, &site->hand.held_id) ? site->hand.held : 0);
    batch_free(batch);
}

/* ---- PUSH ---- */

static void send_question(struct spoke *s, struct site *site)
{
    s->msg.push = (struct msg_push){.site = site_name(site), .incarnation = s->config.incarnation};
    site->hand.request = spoke_send(s, MSG_PUSH, NULL);
    site->hand.sent_ms = s->now;
    site->hand.bytes = 0;
}

static void send_events(struct spoke *s, struct site *site, struct spoke_input *input)
{
    struct hand_over *h = &site->hand;
    struct msg_push *m = &s->msg.push;
    *m = (struct msg_push){.site = site_name(site),
                           .incarnation = s->config.incarnation,
                           .first_seq = input->first_seq,
                           .count = input->count,
                           .key_count = input->key_count};
    h->last = input->first_seq + input->count - 1;
    if (h->last > site->own.seq) { /* it was saved, and SPOKE_SAVED is still on its way */
        site->own.seq = h->last;
        site->own.id = input->last_id;
    }
    sign_stream(&s->config.sign, m->site, &s->config.device, m->incarnation, h->last, &input->last_id, &m->signature);
    h->sent_ms = s->now;
    h->bytes = input->body.bytes.len;
    h->request = spoke_send(s, MSG_PUSH, &input->body);
}

void hand_on_read(struct spoke *s, struct site *site, struct spoke_input *input)
{
    struct hand_over *h = &site->hand;
    h->reading = site->up.reading = false;
    if (!s->revoked || input->first_seq != h->reading_from)
        return;
    if (input->count == 0)
        later(s, site);
    else if (h->state == HAND_COMPARING)
        compare(s, site, input);
    else if (h->state == HAND_GIVING && input->first_seq == (h->repeating ? h->again : h->next))
        send_events(s, site, input);
    tell(s);
}

/* ---- answers ---- */

static void kept_aside(struct spoke *s, struct site *site)
{
    struct hand_over *h = &site->hand;
    const struct msg_refused *m = &s->in.refused;
    h->backoff_ms = 0;
    if (h->state == HAND_ASKING) {
        h->held = m->held_seq;
        h->held_id = m->held_id;
        if (m->held_seq == 0 || m->held_seq > site->own.seq)
            begin(site, 0);
        else
            h->state = HAND_COMPARING;
        return;
    }
    uint64_t *next = h->repeating ? &h->again : &h->next;
    if (h->state != HAND_GIVING || h->last < *next)
        return;
    h->count += h->last + 1 - *next;
    *next = h->last + 1;
}

/* The hub took it, or will not now, or never. */
void hand_on_refused(struct spoke *s, struct site *site)
{
    switch (s->in.refused.reason) {
    case REFUSED_KEPT_ASIDE:
        kept_aside(s, site);
        break;
    case REFUSED_REVOKED: /* a hub of before this was thought of */
    case REFUSED_UNKNOWN:
    case REFUSED_SITE:
        site->hand.state = HAND_STOPPED;
        break;
    case REFUSED_HELLO_FIRST: /* it was let in again */
        site->hand.state = HAND_STOPPED;
        spoke_hello_now(s);
        break;
    case REFUSED_MALFORMED:
    case REFUSED_BAD_EVENT:
        spoke_notice(s, site, NOTICE_REFUSED,
                     "The hub cannot keep aside what this laptop hands over: it does not verify. It stays saved here.");
        later(s, site);
        break;
    default:
        later(s, site);
        break;
    }
    tell(s);
}

/* ---- time ---- */

static uint64_t answer_due(const struct spoke *s, const struct hand_over *h)
{
    return h->sent_ms + s->config.request_timeout_ms + h->bytes / THIN_BYTES_PER_MS;
}

static bool any_out(const struct spoke *s)
{
    for (uint32_t i = 0; i < s->site_count; i++)
        if (s->sites[i]->hand.request != 0 || s->sites[i]->hand.reading)
            return true;
    return false;
}

static void read_own(struct spoke *s, struct site *site, uint64_t from, uint32_t max_bytes)
{
    struct spoke_output *o = spoke_put(s, SPOKE_READ_OWN, site);
    if (!o)
        return;
    o->first_seq = site->hand.reading_from = from;
    o->max_bytes = max_bytes;
    site->hand.reading = site->up.reading = true; /* one at a time per site */
}

void hand_turn(struct spoke *s, struct site *site)
{
    struct hand_over *h = &site->hand;
    if (h->request != 0 && s->now >= answer_due(s, h)) {
        h->request = 0;
        site->up.batch_bytes = site->up.batch_bytes / 2 > BODY_FLOOR ? site->up.batch_bytes / 2 : BODY_FLOOR;
    }
    if (!has_work(site) || any_out(s) || site->up.reading || s->now < h->retry_ms)
        return;
    uint32_t bytes = site->up.batch_bytes < HAND_BYTES_MAX ? site->up.batch_bytes : HAND_BYTES_MAX;
    if (h->state == HAND_ASKING) {
        send_question(s, site);
    } else if (h->state == HAND_COMPARING) {
        read_own(s, site, h->held, 1);
    } else {
        h->repeating = is_repeating(site);
        read_own(s, site, h->repeating ? h->again : h->next, bytes);
    }
}

uint64_t hand_deadline(const struct spoke *s, const struct site *site)
{
    const struct hand_over *h = &site->hand;
    if (h->request != 0)
        return answer_due(s, h);
    return has_work(site) && !site->up.reading && !any_out(s) ? h->retry_ms : UINT64_MAX;
}
