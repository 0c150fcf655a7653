/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke greets: HELLO until a WELCOME comes that proves to be the hub's, again now and then (to learn who was
 * heard, and whether a stopped site may go on), and a new connection when several HELLOs found no answer. */
#include <sodium.h>
#include <stdlib.h>

#include "proto/endian.h"
#include "proto/sync/sync_spoke_internal.h"

void spoke_sites_reset(struct spoke *s)
{
    for (uint32_t i = 0; i < s->site_count; i++) {
        struct site *site = s->sites[i];
        site->greeted = false;
        upload_reset(s, site);
        download_reset(site);
        refill_reset(s, site);
        keys_reset(site);
    }
}

/* As far as this connection was told. */
void spoke_not_revoked(struct spoke *s)
{
    s->revoked = false;
    for (uint32_t i = 0; i < s->site_count; i++)
        hand_reset(s->sites[i]);
}

void spoke_up(struct spoke *s)
{
    s->phase = SPOKE_PHASE_GREETING;
    s->hello_tries = 0;
    s->heard_ms = s->up_ms = s->now;
    spoke_not_revoked(s);
    spoke_sites_reset(s);
    for (uint32_t i = 0; i < s->site_count; i++) { /* it may be another, thinner link */
        struct upload *up = &s->sites[i]->up;
        up->batch_bytes = up->batch_bytes < WINDOW_START ? up->batch_bytes : WINDOW_START;
        up->depth = 1;
    }
    spoke_hello_now(s);
}

void spoke_down(struct spoke *s)
{
    s->phase = SPOKE_PHASE_DOWN;
    s->hello_request = 0;
    spoke_not_revoked(s);
    spoke_sites_reset(s);
}

void spoke_reconnect(struct spoke *s)
{
    spoke_down(s);
    spoke_put(s, SPOKE_RECONNECT, NULL);
}

void spoke_hello_now(struct spoke *s)
{
    s->hello_request = 0;
    s->hello_due_ms = s->now;
}

void spoke_hello_soon(struct spoke *s)
{
    uint64_t due = s->now + s->hello_backoff_ms;
    if (s->hello_request == 0 && due < s->hello_due_ms) {
        s->hello_due_ms = due;
        s->hello_backoff_ms = s->hello_backoff_ms < BACKOFF_MAX_MS / 2 ? s->hello_backoff_ms * 2 : BACKOFF_MAX_MS;
    }
}

void spoke_probe(struct spoke *s, uint64_t sent_ms)
{
    if (s->phase == SPOKE_PHASE_LIVE && s->heard_ms <= sent_ms && s->hello_request == 0)
        s->hello_due_ms = s->now;
}

/* Nobody can tell the next one, and none comes twice: machines have secrets of their own, HELLOs numbers. */
static void make_challenge(struct spoke *s)
{
    uint8_t number[8];
    put_be64(number, s->last_request + 1);
    crypto_generichash(s->challenge.b, sizeof s->challenge.b, number, sizeof number, s->config.secret,
                       sizeof s->config.secret);
}

static void send_hello(struct spoke *s)
{
    struct msg_hello *m = &s->msg.hello;
    make_challenge(s);
    m->version = PROTOCOL_VERSION;
    m->device = s->config.device;
    m->incarnation = spoke_incarnation(s);
    m->challenge = s->challenge;
    m->site_count = s->site_count;
    for (uint32_t i = 0; i < s->site_count; i++) {
        struct site *site = s->sites[i];
        struct hello_site *h = &m->sites[i];
        h->site = site_name(site);
        bool going_on = s->config.going_on != 0; /* then nothing of it is written yet */
        h->own_seq = going_on ? 0 : site->own.seq;
        h->own_id = going_on ? (struct event_id){{0}} : site->own.id;
        h->waiting = upload_waiting(site);
        h->oldest_waiting_ms = h->waiting > 0 ? site->oldest_waiting_ms : 0;
        h->cursor_count = site->down.durable.count;
        memcpy(h->cursors, site->down.durable.at, sizeof h->cursors);
        site->hello_acked_seq = site->up.acked_seq;
        site->hello_cursor = h->cursor_count > 0 ? h->cursors[h->cursor_count - 1].at : (struct position){0};
    }
    s->hello_request = spoke_send(s, MSG_HELLO, NULL);
    s->hello_sent_ms = s->now;
}

/* ---- WELCOME ---- */

/* What the hub holds of our stream is a receipt too. Less than it had signed for when HELLO was sent: it was restored,
 * and has lost what came after (a receipt that came since HELLO is not compared: the two may have crossed). */
static void welcome_held(struct spoke *s, struct site *site, const struct welcome_site *w)
{
    bool less = w->held_seq < site->hello_acked_seq;
    if (site->up.lowering || (!less && w->held_seq <= site->up.acked_seq))
        return;
    struct msg_receipt *receipt = calloc(1, sizeof *receipt);
    if (!receipt) {
        spoke_out_of_memory(s);
        return;
    }
    receipt->site = site_name(site);
    receipt->incarnation = s->config.incarnation;
    receipt->seq = w->held_seq;
    receipt->id = w->held_id;
    receipt->signature = w->held_receipt;
    if (less)
        receipt_lower(s, site, receipt);
    else
        receipt_heard(s, site, receipt);
    free(receipt);
}

static void tell_verdict(struct spoke *s, struct site *site)
{
    char at[40];
    switch (site->verdict) {
    case SITE_OK:
        if (site->noticed && site->notice != NOTICE_BAD_FEED && !site->content_refused && !site->down.contradicted)
            spoke_notice_clear(s, site);
        break;
    case SITE_REWIND:
        if (!site->refill.refused) /* that has been told, and says more */
            spoke_notice(s, site, NOTICE_REWIND,
                         "The hub was put back to an older state. Laptops bring back what it lacks of '%s'; what is on "
                         "this one is safe.",
                         site->name);
        break;
    case SITE_FORK:
        receipt_forked(s, site);
        break;
    case SITE_DENIED:
        if (site->upload_only) /* a hub of before knows of no looks: they wait until it does */
            break;
        spoke_notice(s, site, NOTICE_REFUSED,
                     "The hub does not let this laptop into '%s'. What is here stays; ask who looks after the hub.",
                     site->name);
        break;
    case SITE_SPLIT:
        position_format(site->hello_cursor, at);
        spoke_notice(s, site, NOTICE_SPLIT,
                     "The hub's record of '%s' up to %s differs from what it told us before. Nothing is exchanged for "
                     "it; ask who looks after the hub.",
                     site->name, at);
        break;
    }
}

/* A hub that was put back says so (rewind). One that says that all is well, and has less than it had signed for when
 * HELLO was sent, serves an old state: what it has there now, nobody can know. */
static bool serves_old_state(struct spoke *s, struct site *site, const struct welcome_site *w)
{
    char now[40], before[40];
    if (w->verdict != SITE_OK || position_compare(site->hello_cursor, w->head) <= 0)
        return false;
    position_format(w->head, now);
    position_format(site->hello_cursor, before);
    if (site->noticed && site->notice != NOTICE_SPLIT)
        spoke_notice_clear(s, site);
    spoke_notice(s, site, NOTICE_SPLIT,
                 "The hub's record of '%s' ends at %s, and it had told this laptop up to %s: an old state. Nothing is "
                 "exchanged for it; ask who looks after the hub.",
                 site->name, now, before);
    return true;
}

static void welcome_site(struct spoke *s, struct site *site, const struct welcome_site *w)
{
    site->greeted = true;
    site->verdict = serves_old_state(s, site, w) ? SITE_SPLIT : w->verdict;
    site->next_incarnation = w->next_incarnation;
    if (position_compare(w->head, site->head) > 0 || w->verdict == SITE_REWIND)
        site->head = w->head;
    site->upload_stopped = site->verdict != SITE_OK;
    tell_verdict(s, site);
    if (site->verdict == SITE_REWIND)
        refill_begin(s, site);
    else
        refill_end(site);
    if (s->config.going_on != 0)
        catch_up_welcomed(site, w);
    else if (site->verdict == SITE_OK)
        welcome_held(s, site, w);
    if (site->verdict != SITE_DENIED && site->verdict != SITE_SPLIT)
        wanted_add(&site->debts, w->missing, w->missing_count);
}

/* For whoever shows freshness: the WELCOME, with its names pointing to what lives on. */
static void tell_heard(struct spoke *s, const struct msg_welcome *welcome)
{
    struct msg_welcome *copy = malloc(sizeof *copy + welcome->terms.len);
    struct spoke_output *o = copy ? spoke_put(s, SPOKE_HEARD, NULL) : NULL;
    if (!o) {
        free(copy);
        spoke_out_of_memory(s);
        return;
    }
    *copy = *welcome;
    if (welcome->terms.len > 0)
        memcpy(copy + 1, welcome->terms.data, welcome->terms.len);
    copy->terms.data = (const uint8_t *)(copy + 1);
    copy->site_count = 0;
    for (uint32_t i = 0; i < welcome->site_count; i++) {
        struct site *site = spoke_site(s, welcome->sites[i].site);
        if (site) {
            copy->sites[copy->site_count] = welcome->sites[i];
            copy->sites[copy->site_count++].site = site_name(site);
        }
    }
    o->welcome = copy;
}

/* Is it the hub that answers, and does it answer this HELLO? Somebody who has an old key of its connections can say
 * what they like; they cannot have this signed. */
static bool is_proven(const struct spoke *s, const struct msg_welcome *welcome)
{
    struct terms terms;
    return terms_read(welcome->terms, &s->config.hub_sign, &terms) &&
           terms_answer(&terms, &s->config.device, &s->challenge) &&
           memcmp(terms.curve, s->hub_curve, sizeof terms.curve) == 0;
}

static void tell_not_hub(struct spoke *s)
{
    s->phase = SPOKE_PHASE_UNPROVEN;
    s->hello_request = 0;
    s->hello_due_ms = s->now + REFUSED_AGAIN_MS;
    spoke_not_revoked(s);
    spoke_sites_reset(s);
    spoke_notice(s, NULL, NOTICE_NOT_HUB,
                 "What answers has not proven that it is the hub: its felloe is older, or somebody has an old key of "
                 "its. Nothing is exchanged. Ask who looks after the hub.");
}

void spoke_on_welcome(struct spoke *s)
{
    const struct msg_welcome *welcome = &s->in.welcome;
    if (s->hello_request == 0 || s->in.request != s->hello_request)
        return;
    if (!is_proven(s, welcome)) {
        tell_not_hub(s);
        return;
    }
    s->hello_request = 0;
    s->hello_tries = 0;
    s->welcome_ms = s->now;
    s->hello_due_ms = s->now + HELLO_AGAIN_MS;
    s->phase = SPOKE_PHASE_LIVE;
    spoke_not_revoked(s);
    s->handed_told = 0;
    spoke_notice_clear(s, NULL);
    tell_heard(s, welcome);
    for (uint32_t i = 0; i < welcome->site_count && !s->dead; i++) {
        struct site *site = spoke_site(s, welcome->sites[i].site);
        if (site)
            welcome_site(s, site, &welcome->sites[i]);
    }
}

/* The hub forgot what it was asked, or what WELCOME tells has changed. */
void spoke_greet_anew(struct spoke *s)
{
    s->phase = SPOKE_PHASE_GREETING;
    spoke_sites_reset(s);
    spoke_hello_now(s);
}

void spoke_looked(struct spoke *s, uint64_t now_ms)
{
    if (s->phase == SPOKE_PHASE_LIVE && s->hello_request == 0 && now_ms >= s->welcome_ms + HELLO_LOOKED_MS &&
        s->hello_due_ms > now_ms)
        s->hello_due_ms = now_ms;
}

/* ---- time ---- */

/* Only a WELCOME can say that it may go on. And where what comes does not verify, a HELLO of before that was late may
 * have told the hub of another incarnation. */
static bool is_stopped(const struct site *site)
{
    if (site->upload_only && site->verdict == SITE_DENIED) /* a hub of before */
        return false;
    return !site->greeted || site->verdict != SITE_OK || site->upload_stopped || site->down.contradicted ||
           site->down.failures > 0;
}

static uint64_t hello_due(const struct spoke *s)
{
    const uint64_t soon = s->welcome_ms + HELLO_STOPPED_MS;
    for (uint32_t i = 0; i < s->site_count && s->phase == SPOKE_PHASE_LIVE && soon < s->hello_due_ms; i++)
        if (is_stopped(s->sites[i]))
            return soon;
    return s->hello_due_ms;
}

/* On a thin link the WELCOME may stand behind much else. */
static bool is_there(const struct spoke *s)
{
    return s->phase == SPOKE_PHASE_LIVE && s->heard_ms > s->hello_sent_ms;
}

static uint64_t welcome_due(const struct spoke *s)
{
    return s->hello_sent_ms + (is_there(s) ? WELCOME_PATIENCE_MS : s->config.request_timeout_ms);
}

void spoke_greeting_turn(struct spoke *s)
{
    if (s->phase == SPOKE_PHASE_DOWN || s->dead)
        return;
    if (s->hello_request != 0) {
        if (s->now < welcome_due(s))
            return;
        if (is_there(s))
            s->hello_tries = 0;
        if (++s->hello_tries >= HELLO_TRIES) {
            spoke_reconnect(s);
            return;
        }
    } else if (s->now < hello_due(s)) {
        return;
    }
    if (s->phase == SPOKE_PHASE_REFUSED || s->phase == SPOKE_PHASE_UNPROVEN)
        s->phase = SPOKE_PHASE_GREETING;
    send_hello(s);
}

uint64_t spoke_greeting_deadline(const struct spoke *s)
{
    if (s->phase == SPOKE_PHASE_DOWN)
        return UINT64_MAX;
    return s->hello_request != 0 ? welcome_due(s) : hello_due(s);
}
