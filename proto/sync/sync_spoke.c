/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's machine: its life, what it is loaded with, and the step that hands each input to the file it concerns. */
#include <stdlib.h>

#include "proto/event/look.h"
#include "proto/sync/sync_spoke_internal.h"

/* ---- life ---- */

struct spoke *spoke_new(const struct spoke_config *config)
{
    struct spoke *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->config = *config;
    if (s->config.request_timeout_ms == 0)
        s->config.request_timeout_ms = REQUEST_TIMEOUT_MS;
    if (s->config.pull_wait_ms == 0)
        s->config.pull_wait_ms = PULL_WAIT_MS;
    if (s->config.pull_wait_ms > PULL_WAIT_MAX_MS)
        s->config.pull_wait_ms = PULL_WAIT_MAX_MS;
    s->hello_backoff_ms = BACKOFF_FIRST_MS;
    s->last_request = config->last_request;
    return s;
}

static void wipe(void *secret, size_t len)
{
    for (volatile uint8_t *byte = secret; len > 0; len--)
        *byte++ = 0;
}

static void site_free(struct site *site)
{
    free(site->up.unsure);
    free(site->up.next_keep);
    buffer_release(&site->up.known_ids);
    download_drop_feds(site);
    streams_release(&site->down.streams);
    table_release(&site->denied);
    free(site);
}

void spoke_free(struct spoke *spoke)
{
    if (!spoke)
        return;
    for (uint32_t i = 0; i < spoke->site_count; i++)
        site_free(spoke->sites[i]);
    wipe(&spoke->config.sign, sizeof spoke->config.sign);
    wipe(spoke->config.secret, sizeof spoke->config.secret);
    free(spoke);
}

/* ---- loading ---- */

struct site *spoke_site(struct spoke *s, struct bytes name)
{
    for (uint32_t i = 0; i < s->site_count; i++)
        if (bytes_equal(site_name(s->sites[i]), name))
            return s->sites[i];
    return NULL;
}

bool spoke_load_site(struct spoke *spoke, struct bytes site, const struct stream_head *own, uint64_t shared_seq,
                     int64_t oldest_waiting_ms)
{
    if (spoke->site_count == SITES_MAX || !slug_valid(site) || spoke_site(spoke, site))
        return false;
    struct site *new = calloc(1, sizeof *new);
    if (!new)
        return false;
    memcpy(new->name, site.data, site.len);
    new->upload_only = site_is_audit(site);
    new->own = *own;
    new->shared_seq = shared_seq;
    new->oldest_waiting_ms = oldest_waiting_ms;
    new->up.acked_seq = shared_seq;
    new->down.window = WINDOW_START;
    new->down.patience_ms = PULL_WAIT_FIRST_MS;
    new->up.batch_bytes = WINDOW_START;
    new->up.depth = 1;
    streams_init(&new->down.streams);
    new->denied.key_size = sizeof(struct key_id);
    spoke->sites[spoke->site_count++] = new;
    return true;
}

bool spoke_load_cursor(struct spoke *spoke, struct bytes site, const struct log_head *cursor)
{
    struct site *found = spoke_site(spoke, site);
    return found && cursors_set(&found->down.durable, cursor) && cursors_set(&found->down.ahead, cursor);
}

bool spoke_load_stream(struct spoke *spoke, struct bytes site, const struct device_id *device, uint32_t incarnation,
                       const struct stream_head *head)
{
    struct site *found = spoke_site(spoke, site);
    struct stream *stream = found ? streams_get(&found->down.streams, device, incarnation) : NULL;
    if (!stream)
        return false;
    stream->head = *head;
    return true;
}

/* ---- the step ---- */

static void on_message(struct spoke *s, struct spoke_input *input)
{
    if (s->phase == SPOKE_PHASE_DOWN || !message_decode(input->header, &s->in))
        return; /* what was asked is asked again */
    s->heard_ms = s->now;
    switch (s->in.kind) {
    case MSG_WELCOME:
        spoke_on_welcome(s);
        break;
    case MSG_RECEIPT:
        spoke_on_receipt(s);
        break;
    case MSG_FEED:
        download_on_feed(s, &input->body);
        break;
    case MSG_KEYRING:
        keys_on_keyring(s, &input->body);
        break;
    case MSG_OFFERED:
        refill_on_offered(s);
        break;
    case MSG_REFUSED:
        spoke_on_refused(s);
        break;
    default:
        break; /* not for a spoke, or of a later version */
    }
}

static void on_saved(struct spoke *s, struct site *site, struct spoke_input *input)
{
    /* Nobody waits for looks: those of a moment go together. One by one each would cost both sides a signature, a
     * commit and a receipt, beside what somebody waits for. */
    if (site->upload_only && site->up.next_seq > site->own.seq && site->up.retry_ms <= s->now)
        site->up.retry_ms = s->now + LOOKS_GATHER_MS;
    if (input->own.seq >= site->own.seq)
        site->own = input->own;
    site->oldest_waiting_ms = input->oldest_waiting_ms;
    upload_on_saved(s, site, input);
}

static void on_input(struct spoke *s, struct spoke_input *input)
{
    struct site *site = input->site.len > 0 ? spoke_site(s, input->site) : NULL;
    switch (input->kind) {
    case SPOKE_TICK:
        return;
    case SPOKE_UP:
        memcpy(s->hub_curve, input->hub_curve, sizeof s->hub_curve);
        spoke_up(s);
        return;
    case SPOKE_DOWN:
        spoke_down(s);
        return;
    case SPOKE_MESSAGE:
        on_message(s, input);
        return;
    default:
        break;
    }
    if (!site)
        return;
    switch (input->kind) {
    case SPOKE_SAVED:
        on_saved(s, site, input);
        break;
    case SPOKE_OWN_READ:
        if (site->hand.reading)
            hand_on_read(s, site, input);
        else
            upload_on_read(s, site, input);
        break;
    case SPOKE_FEED_KEPT:
        download_on_kept(s, site, input);
        break;
    case SPOKE_IDS_READ:
        download_on_ids(s, site, input);
        break;
    case SPOKE_RECEIPT_KEPT:
        receipt_on_kept(s, site, input);
        break;
    case SPOKE_NEED_KEYS:
        keys_on_need(s, site, input);
        break;
    case SPOKE_OFFER_READ:
        refill_on_read(s, site, input);
        break;
    case SPOKE_KEYS_READ:
        keys_on_read(s, site, input);
        break;
    default:
        break;
    }
}

/* Whatever has become due or possible is done now. */
static void take_turn(struct spoke *s)
{
    spoke_greeting_turn(s);
    for (uint32_t i = 0; i < s->site_count; i++)
        receipt_turn(s, s->sites[i]);
    for (uint32_t i = 0; i < s->site_count && s->phase == SPOKE_PHASE_LIVE; i++) {
        upload_turn(s, s->sites[i]);
        download_turn(s, s->sites[i]);
        refill_turn(s, s->sites[i]);
        keys_turn(s, s->sites[i]);
    }
    for (uint32_t i = 0; i < s->site_count && s->revoked; i++)
        hand_turn(s, s->sites[i]);
    catch_up_turn(s);
    renew_turn(s);
    /* a turn may have found that the hub is to be greeted at once */
    spoke_greeting_turn(s);
}

void spoke_step(struct spoke *spoke, struct spoke_input *input, struct spoke_outputs *outputs)
{
    spoke->out = outputs;
    if (input->now_ms > spoke->now)
        spoke->now = input->now_ms;
    for (uint32_t i = 0; i < spoke->site_count; i++)
        download_check(spoke, spoke->sites[i]);
    if (!spoke->dead)
        on_input(spoke, input);
    lent_return(&input->body); /* unless it was taken */
    if (!spoke->dead)
        take_turn(spoke);
    spoke->out = NULL;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t spoke_deadline(const struct spoke *spoke)
{
    if (spoke->dead)
        return UINT64_MAX;
    uint64_t due = earlier(spoke_greeting_deadline(spoke), renew_deadline(spoke));
    for (uint32_t i = 0; i < spoke->site_count; i++)
        due = earlier(due, receipt_deadline(spoke, spoke->sites[i]));
    for (uint32_t i = 0; i < spoke->site_count && spoke->phase == SPOKE_PHASE_LIVE; i++) {
        due = earlier(due, upload_deadline(spoke, spoke->sites[i]));
        due = earlier(due, download_deadline(spoke, spoke->sites[i]));
        due = earlier(due, refill_deadline(spoke, spoke->sites[i]));
        due = earlier(due, keys_deadline(spoke, spoke->sites[i]));
    }
    for (uint32_t i = 0; i < spoke->site_count && spoke->revoked; i++)
        due = earlier(due, hand_deadline(spoke, spoke->sites[i]));
    return due;
}

/* ---- status ---- */

uint64_t spoke_last_request(const struct spoke *spoke)
{
    return spoke->last_request;
}

enum spoke_phase spoke_phase(const struct spoke *spoke)
{
    return spoke->dead ? SPOKE_PHASE_DOWN : spoke->phase;
}

size_t spoke_site_count(const struct spoke *spoke)
{
    return spoke->site_count;
}

void spoke_site_status(const struct spoke *spoke, size_t index, struct spoke_site_status *out)
{
    const struct site *site = spoke->sites[index];
    *out = (struct spoke_site_status){.site = site_name(site),
                                      .saved_seq = site->own.seq,
                                      .shared_seq = site->shared_seq,
                                      .head = site->head,
                                      .verdict = site->verdict};
    out->received.count = site->down.durable.count;
    for (uint8_t i = 0; i < out->received.count; i++)
        out->received.at[i] = site->down.durable.at[i].at;
}
