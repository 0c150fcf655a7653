/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts: the hub's signed word that it holds our stream durably up to an event. It is compared with that very event,
 * made durable here, and only then do the events count as shared. */
#include <stdlib.h>

#include "proto/sync/sync_spoke_internal.h"

/* ---- keeping ---- */

static struct msg_receipt *receipt_copy(struct spoke *s, struct site *site, const struct msg_receipt *receipt)
{
    struct msg_receipt *copy = malloc(sizeof *copy);
    if (!copy) {
        spoke_out_of_memory(s);
        return NULL;
    }
    *copy = *receipt;
    copy->site = site_name(site);
    copy->missing_count = 0;
    return copy;
}

static void keep(struct spoke *s, struct site *site, struct msg_receipt *receipt, bool lowered)
{
    struct spoke_output *o = spoke_put(s, SPOKE_KEEP_RECEIPT, site);
    if (!o) {
        free(receipt);
        return;
    }
    o->receipt = receipt;
    o->lowered = lowered;
    site->up.keeping = true;
    site->up.keeping_lowered = lowered;
    site->up.keep_ms = s->now;
}

/* Each is a commit of its own, of a few bytes, on the disk that the log is read from. While more is under way, that
 * what is shared is known a moment later costs nobody anything. */
static bool may_wait(const struct spoke *s, const struct upload *up)
{
    return s->phase == SPOKE_PHASE_LIVE && up->flight_count > 0 && s->now < up->keep_ms + RECEIPT_EVERY_MS;
}

void receipt_turn(struct spoke *s, struct site *site)
{
    struct upload *up = &site->up;
    struct msg_receipt *next = up->next_keep;
    const bool lowered = up->next_lowered;
    if (!next || up->keeping || (!lowered && may_wait(s, up)))
        return;
    up->next_keep = NULL;
    up->next_lowered = false;
    keep(s, site, next, lowered);
}

uint64_t receipt_deadline(const struct spoke *s, const struct site *site)
{
    const struct upload *up = &site->up;
    if (!up->next_keep || up->keeping)
        return UINT64_MAX;
    return may_wait(s, up) ? up->keep_ms + RECEIPT_EVERY_MS : s->now;
}

/* A later receipt takes an earlier one's place, and keeps the positions that it told. Those that find no room come with
 * the FEED's markers. */
static void merge(struct msg_receipt *into, const struct msg_receipt *later)
{
    for (uint32_t i = 0; i < later->run_count && into->run_count < RECEIPT_RUNS_MAX; i++)
        into->runs[into->run_count++] = later->runs[i];
    into->seq = later->seq;
    into->id = later->id;
    into->signature = later->signature;
}

void receipt_on_kept(struct spoke *s, struct site *site, const struct spoke_input *input)
{
    struct upload *up = &site->up;
    bool lowered = up->keeping_lowered;
    up->keeping = up->keeping_lowered = false;
    /* A lowered one that is of another event than ours: the upload goes on from there all the same, and its PUSH shows
     * the hub that the stream has two histories. */
    if (!input->ok && !(lowered && input->contradicts)) {
        s->dead = true;
        return;
    }
    if (lowered)
        up->lowering = up->next_lowered;
    else if (!up->lowering && input->seq > site->shared_seq)
        site->shared_seq = input->seq;
    if (input->ok)
        site->oldest_waiting_ms = input->oldest_waiting_ms;
}

/* The hub was restored: it holds our stream up to `held` (0: nothing of it), though it had signed for more. What is
 * beyond is not shared any more, from this moment; it is uploaded again once that is durable. */
void receipt_lower(struct spoke *s, struct site *site, const struct msg_receipt *held)
{
    struct upload *up = &site->up;
    if (held->seq > 0 && !verify_receipt(&s->config.hub_sign, site_name(site), &s->config.device, held->incarnation,
                                         held->seq, &held->id, &held->signature))
        return; /* as if it had not come */
    struct msg_receipt *copy = receipt_copy(s, site, held);
    if (!copy)
        return;
    free(up->unsure);
    up->unsure = NULL;
    free(up->next_keep);
    up->next_keep = NULL;
    up->lowering = true;
    up->fence = s->last_request; /* receipts that are still on their way are from before */
    up->acked_seq = held->seq;
    if (site->shared_seq > held->seq)
        site->shared_seq = held->seq;
    upload_restart(site);
    if (up->keeping) {
        up->next_keep = copy;
        up->next_lowered = true;
    } else {
        keep(s, site, copy, true);
    }
}

/* ---- judging ---- */

void receipt_forked(struct spoke *s, struct site *site)
{
    site->verdict = SITE_FORK;
    site->upload_stopped = true;
    if (site->noticed && site->notice == NOTICE_FORK && site->next_incarnation != site->told_incarnation)
        site->noticed = false; /* the hub has named the way on: tell again */
    struct spoke_output *o = spoke_notice(s, site, NOTICE_FORK,
                                          "This laptop's record of '%s' has two histories: it was set back, or copied. "
                                          "Nothing is lost; both will be kept.",
                                          site->name);
    if (o)
        o->next_incarnation = site->told_incarnation = site->next_incarnation;
}

/* Our own event at receipt->seq is the one it names, and the signature was verified. */
void receipt_sure(struct spoke *s, struct site *site, const struct msg_receipt *receipt)
{
    struct upload *up = &site->up;
    if (receipt->seq <= up->acked_seq)
        return;
    up->acked_seq = receipt->seq;
    up->stalls = 0;
    s->hello_backoff_ms = BACKOFF_FIRST_MS;
    if (site->content_refused) {
        site->content_refused = false;
        spoke_notice_clear(s, site);
    }
    if (up->unsure && up->unsure->seq <= receipt->seq) {
        free(up->unsure);
        up->unsure = NULL;
    }
    uint32_t gone = 0;
    while (gone < up->flight_count && up->flight[gone].last_seq <= receipt->seq)
        up->flight_bytes -= up->flight[gone++].bytes;
    memmove(up->flight, up->flight + gone, (up->flight_count - gone) * sizeof *up->flight);
    up->flight_count -= gone;
    if (up->next_seq <= receipt->seq)
        up->next_seq = receipt->seq + 1;
    if (up->next_keep)
        merge(up->next_keep, receipt);
    else
        up->next_keep = receipt_copy(s, site, receipt); /* and see receipt_turn */
}

static bool known_as_ours(const struct site *site, const struct msg_receipt *receipt)
{
    if (receipt->seq == site->own.seq)
        return event_id_equal(&receipt->id, &site->own.id);
    for (uint32_t i = 0; i < SENT_MARKS; i++)
        if (site->up.sent[i].seq == receipt->seq)
            return event_id_equal(&receipt->id, &site->up.sent[i].id);
    return false;
}

void receipt_heard(struct spoke *s, struct site *site, const struct msg_receipt *receipt)
{
    struct upload *up = &site->up;
    if (up->lowering || receipt->seq <= up->acked_seq || receipt->incarnation != s->config.incarnation)
        return;
    if (!verify_receipt(&s->config.hub_sign, site_name(site), &s->config.device, receipt->incarnation, receipt->seq,
                        &receipt->id, &receipt->signature))
        return; /* as if it had not come */
    if (receipt->seq > site->own.seq) {
        receipt_forked(s, site);
        spoke_hello_soon(s);
    } else if (known_as_ours(site, receipt)) {
        receipt_sure(s, site, receipt);
    } else if (!up->unsure || up->unsure->seq < receipt->seq) {
        free(up->unsure);
        up->unsure = receipt_copy(s, site, receipt);
        upload_restart(site);
    }
}

/* ---- RECEIPT ---- */

/* The answer came quickly: more at a time. Slowly: what is under way keeps all else waiting. */
static void adapt_window(struct upload *up, uint64_t took_ms)
{
    up->batch_bytes = window_after(up->batch_bytes, took_ms, PUSH_BYTES_THIN, PUSH_BYTES_MAX);
    const uint32_t most = took_ms < FAST_MS ? PUSHES_FAST : PUSHES_MAX;
    if (took_ms < QUICK_MS && up->depth < most)
        up->depth++;
    else if (took_ms > SLOW_MS || (took_ms > QUICK_MS && up->depth > PUSHES_MAX))
        up->depth = up->depth > 1 ? up->depth - 1 : 1;
}

/* The hub has less than we thought: go on from there, but not for ever in the same place. */
static void fell_short(struct spoke *s, struct site *site)
{
    struct upload *up = &site->up;
    upload_restart(site);
    if (++up->stalls < STALLS_MAX)
        return;
    up->stalls = 0;
    up->retry_ms = s->now + BUSY_AGAIN_MS;
    spoke_hello_soon(s);
}

void spoke_on_receipt(struct spoke *s)
{
    const struct msg_receipt *receipt = &s->in.receipt;
    struct site *site = spoke_site(s, receipt->site);
    if (!site || !site->greeted || receipt->incarnation != spoke_incarnation(s))
        return;
    struct upload *up = &site->up;
    bool debt = keys_on_debt_receipt(site, s->in.request), answered = false;
    struct push push = {0};
    for (uint32_t i = 0; i < up->flight_count; i++)
        if (up->flight[i].request == s->in.request) {
            push = up->flight[i];
            answered = true;
        }
    if (!debt) /* also when another RECEIPT, or a WELCOME, was quicker: this one alone may name them */
        wanted_add(&site->debts, receipt->missing, receipt->missing_count);
    /* What was asked before the hub was found restored, or over an earlier connection, may have been answered by the
     * hub as it was before. While going on, there is nothing that could be acknowledged. */
    if (s->in.request <= up->fence || s->config.going_on != 0)
        return;
    if (answered) {
        up->progress_ms = s->now;
        adapt_window(up, s->now - push.sent_ms);
    }
    receipt_heard(s, site, receipt);
    if (answered && !up->unsure && !site->upload_stopped && up->acked_seq < push.last_seq)
        fell_short(s, site);
}
