/* SPDX-License-Identifier: Apache-2.0 */
/* Download of one site: PULL after the cursors, check every entry of the FEED, and have it made durable together with
 * the new cursor. While one batch is being committed the next is already asked for. */
#include <assert.h>
#include <stdlib.h>

#include "proto/sync/sync_spoke_internal.h"

/* ---- cursors ---- */

static struct log_head *cursor_in(struct cursors *cursors, uint32_t epoch)
{
    for (uint8_t i = 0; i < cursors->count; i++)
        if (cursors->at[i].at.epoch == epoch)
            return &cursors->at[i];
    return NULL;
}

bool cursors_set(struct cursors *cursors, const struct log_head *head)
{
    struct log_head *found = cursor_in(cursors, head->at.epoch);
    if (found) {
        *found = *head;
        return true;
    }
    if (cursors->count == SEEN_MAX || head->at.epoch == 0)
        return false;
    uint8_t at = cursors->count++;
    for (; at > 0 && cursors->at[at - 1].at.epoch > head->at.epoch; at--)
        cursors->at[at] = cursors->at[at - 1];
    cursors->at[at] = *head;
    return true;
}

void download_reset(struct site *site)
{
    lent_return(&site->down.pending.body);
    site->down.pending.there = false;
    site->down.request = 0;
    site->down.retry_ms = 0;
    site->down.failures = 0;
}

/* ---- checking a FEED ---- */

struct feed_check {
    struct spoke *s;
    struct site *site;
    struct log_head head; /* runs along */
    const char *why;      /* in words, behind the position, where it does not verify */
    bool forked;          /* a marker of an event that we never wrote */
    bool wants_ids;       /* there are markers of several, and the ids of those are not here */
};

#define NOT_SOUND "is not a sound entry, or there are more or fewer than told" /* until one is decoded that is */

/* What follows the position of an entry, or of the head. */
static const char *const stream_words[] = {
    [STREAM_NEXT] = "cannot be taken in",
    [STREAM_OLD] = "is an entry for the second time",
    [STREAM_GAP] = "leaves out an entry that its laptop wrote before",
    [STREAM_FORK] = "is not what its laptop wrote after the entry before it",
    [STREAM_BAD] = "has seen less than its laptop had before",
};

static enum entries_result check_event(struct feed_check *c, const struct entry *entry, const struct event_clear *event)
{
    struct download *down = &c->site->down;
    struct spoke *s = c->s;
    if (device_id_equal(&entry->device, &s->config.device) && entry->incarnation == spoke_incarnation(s)) {
        /* a whole event of our own stream: we get markers, unless it was never ours */
        c->forked = true;
        return ENTRIES_BAD;
    }
    struct stream *stream = streams_get(&down->streams, &entry->device, entry->incarnation);
    if (!stream)
        return ENTRIES_NO_MEMORY;
    const enum stream_verdict verdict = stream_check(&stream->head, event, &entry->id);
    c->why = stream_words[verdict];
    switch (verdict) {
    case STREAM_NEXT:
        return streams_advance(&down->streams, stream, event, &entry->id) ? ENTRIES_OK : ENTRIES_NO_MEMORY;
    case STREAM_OLD:
        /* at a second position, which takes a hub that was restored; the log compares the ids */
        return down->ahead.count + (cursor_in(&down->ahead, c->head.at.epoch) ? 0 : 1) > 1 ? ENTRIES_OK : ENTRIES_BAD;
    default:
        return ENTRIES_BAD;
    }
}

static enum entries_result check_entry(void *context, const struct entry *entry, const struct event_clear *event)
{
    struct feed_check *c = context;
    enum entries_result result = ENTRIES_OK;
    c->why = "";
    if (event) {
        result = check_event(c, entry, event);
    } else if (c->s->config.going_on != 0 || entry->seq > c->site->own.seq) {
        c->forked = true;
        result = ENTRIES_BAD;
    }
    if (result == ENTRIES_OK) {
        log_head_advance(&c->head, &entry->id);
        c->why = NOT_SOUND;
    }
    return result;
}

/* What the hub signs has to be what it sent, after what it sent before. */
static bool is_signed(struct feed_check *c, const struct msg_feed *feed)
{
    c->head.at.n--; /* the entry that is told of is the last one, if any */
    c->why = "is signed for other entries than these and those before them";
    const bool same = position_compare((struct position){c->head.at.epoch, c->head.at.n + 1}, feed->head.at) == 0 &&
                      memcmp(&c->head.hash, &feed->head.hash, sizeof c->head.hash) == 0;
    if (same)
        c->why = "has not the hub's signature";
    return same && verify_log_head(&c->s->config.hub_sign, site_name(c->site), &feed->head, &feed->signature);
}

static struct entries_form feed_form(const struct spoke *s, const struct site *site, const struct msg_feed *feed)
{
    return (struct entries_form){.site = site_name(site),
                                 .count = feed->count,
                                 .key_count = feed->key_count,
                                 .markers = true,
                                 .signatures = true,
                                 .own = s->config.device,
                                 .incarnation = spoke_incarnation(s)};
}

/* The whole FEED as a batch, or NULL; then all stream heads are as before. `read` brings ids of own events, or is NULL.
 */
static struct batch *check_feed(struct feed_check *c, const struct msg_feed *feed, struct lent *body,
                                const struct spoke_input *read)
{
    struct spoke *s = c->s;
    struct download *down = &c->site->down;
    const struct log_head *from = cursor_in(&down->ahead, feed->first.epoch);
    if (from)
        c->head = *from;
    else
        log_head_start(&c->head, site_name(c->site), feed->first.epoch);
    c->why = "was to come next, and something else came";
    if (feed->first.epoch == 0 || feed->first.n != c->head.at.n + 1 || (!from && down->ahead.count == SEEN_MAX))
        return NULL;
    c->why = NOT_SOUND;
    struct entries_form form = feed_form(s, c->site, feed);
    form.check = check_entry;
    form.context = c;
    if (read) {
        form.own_ids = read->ids;
        form.own_first = read->first_seq;
        form.own_count = read->count;
    }
    struct batch *batch;
    streams_begin(&down->streams);
    enum entries_result result = entries_decode(body, &form, &batch);
    if (result == ENTRIES_OK && is_signed(c, feed)) {
        batch->epoch = feed->first.epoch;
        batch->first_n = feed->first.n;
        batch->head = feed->head;
        batch->head_signature = feed->signature;
        return batch;
    }
    if (result == ENTRIES_OK)
        batch_free(batch);
    if (result == ENTRIES_NO_MEMORY)
        spoke_out_of_memory(s);
    c->forked |= result == ENTRIES_FORK;
    c->wants_ids = result == ENTRIES_OWN;
    streams_undo(&down->streams);
    return NULL;
}

/* ---- FEED ---- */

static void commit(struct spoke *s, struct site *site, struct batch *batch)
{
    struct spoke_output *o = spoke_put(s, SPOKE_KEEP_FEED, site);
    if (!o) {
        batch_free(batch);
        return;
    }
    site->down.committing = true;
    site->down.committing_head = batch->head;
    o->batch = batch;
}

static void feed_bad(struct spoke *s, struct site *site, const struct feed_check *c)
{
    struct download *down = &site->down;
    char at[40];
    uint64_t pause = (uint64_t)BACKOFF_FIRST_MS << (down->failures < 10 ? down->failures : 10);
    down->failures++;
    down->retry_ms = s->now + (pause < BACKOFF_MAX_MS ? pause : BACKOFF_MAX_MS);
    if (c->forked) {
        receipt_forked(s, site);
        spoke_hello_soon(s);
    } else {
        position_format((struct position){c->head.at.epoch, c->head.at.n + 1}, at);
        spoke_notice(s, site, NOTICE_BAD_FEED,
                     "What the hub sent for '%s' does not verify: %s %s. It is not taken in, and asked for again; if "
                     "this stays, tell who looks after the hub.",
                     site->name, at, c->why);
    }
}

/* Own events are counted by the hub as if they came whole, and come as markers: then it was little, however much was
 * asked for. */
static void adapt_window(const struct spoke *s, struct site *site, const struct batch *batch)
{
    struct download *down = &site->down;
    bool more = position_compare(site->head, batch->head.at) > 0, little = batch->body.bytes.len < down->asked / 4;
    uint64_t took = s->now - down->sent_ms;
    if (little && took >= QUICK_MS)
        took = QUICK_MS - 1;
    const uint32_t window = window_after(down->window, took, PULL_BYTES_THIN, PULL_BYTES_MAX);
    if (window > down->window ? more : down->was_behind) /* else it was held back */
        down->window = window;
}

static void feed_good(struct spoke *s, struct site *site, struct batch *batch)
{
    struct download *down = &site->down;
    const struct log_head head = batch->head;
    down->failures = 0;
    if (site->noticed && site->notice == NOTICE_BAD_FEED)
        spoke_notice_clear(s, site);
    adapt_window(s, site, batch);
    bool room = cursors_set(&down->ahead, &batch->head);
    assert(room);
    (void)room;
    if (down->committing)
        down->held = batch;
    else
        commit(s, site, batch);
    catch_up_fed(site, &head);
}

static void read_ids(struct spoke *s, struct site *site)
{
    struct download *down = &site->down;
    struct spoke_output *o = spoke_put(s, SPOKE_READ_IDS, site);
    if (!o)
        return;
    o->first_seq = down->pending.reading_from = down->pending.first_seq;
    o->count = down->pending.reading_count = down->pending.count;
    down->pending.reading = true;
}

/* Markers of several do not tell the id of each; the log does. */
static void wait_for_ids(struct spoke *s, struct site *site, const struct msg_feed *feed, struct feed_check *c,
                         struct lent *body)
{
    struct download *down = &site->down;
    const struct entries_form form = feed_form(s, site, feed);
    c->why = NOT_SOUND;
    bool sound = entries_own_span(body->bytes, &form, &down->pending.first_seq, &down->pending.count);
    c->forked = sound && (s->config.going_on != 0 || down->pending.first_seq + down->pending.count - 1 > site->own.seq);
    if (!sound || c->forked) {
        if (!sound) /* less may span less */
            down->window = down->window / 2 > BODY_FLOOR ? down->window / 2 : BODY_FLOOR;
        lent_return(body);
        feed_bad(s, site, c);
        return;
    }
    down->pending.there = true;
    down->pending.feed = *feed;
    down->pending.feed.site = site_name(site);
    down->pending.body = *body;
    *body = (struct lent){0};
    if (!down->pending.reading)
        read_ids(s, site);
}

static void take_feed(struct spoke *s, struct site *site, const struct msg_feed *feed, struct lent *body,
                      const struct spoke_input *read)
{
    struct feed_check c = {.s = s, .site = site};
    struct batch *batch = check_feed(&c, feed, body, read);
    if (batch)
        feed_good(s, site, batch);
    else if (c.wants_ids && !read)
        wait_for_ids(s, site, feed, &c, body);
    else if (!s->dead)
        feed_bad(s, site, &c);
    lent_return(body);
}

void download_on_ids(struct spoke *s, struct site *site, const struct spoke_input *input)
{
    struct download *down = &site->down;
    down->pending.reading = false;
    if (!down->pending.there || down->contradicted)
        return;
    if (down->pending.reading_from != down->pending.first_seq || down->pending.reading_count != down->pending.count) {
        read_ids(s, site); /* they were for a FEED of before */
        return;
    }
    struct lent body = down->pending.body;
    down->pending.body = (struct lent){0};
    down->pending.there = false;
    if (input->count == down->pending.count) {
        take_feed(s, site, &down->pending.feed, &body, input);
        return;
    }
    lent_return(&body); /* our own log is not readable just now */
    down->retry_ms = s->now + BUSY_AGAIN_MS;
}

void download_on_feed(struct spoke *s, struct lent *body)
{
    const struct msg_feed *feed = &s->in.feed;
    struct site *site = spoke_site(s, feed->site);
    if (!site || site->down.request == 0 || site->down.request != s->in.request)
        return; /* an answer that is no longer waited for */
    struct download *down = &site->down;
    down->request = 0;
    if (position_compare(feed->newest, site->head) > 0)
        site->head = feed->newest;
    if (feed->count == 0) {
        catch_up_fed(site, NULL);
        if (down->wait_ms == 0 || s->now - down->sent_ms < down->wait_ms / 2)
            down->retry_ms = s->now + BACKOFF_FIRST_MS; /* it did not wait: do not chatter */
        else if (down->patience_ms < PULL_WAIT_MAX_MS)
            down->patience_ms *= 2;
        return;
    }
    down->patience_ms = PULL_WAIT_FIRST_MS;
    take_feed(s, site, feed, body, NULL);
}

/* Our own log says that we never wrote what the hub has under our name: a second history, though every chain is whole.
 * The stream heads here are ahead of the log now, so this site's download is over for this machine. */
static void contradicted(struct spoke *s, struct site *site)
{
    struct download *down = &site->down;
    down->contradicted = true;
    down->committing = false;
    down->request = 0;
    batch_free(down->held);
    down->held = NULL;
    lent_return(&down->pending.body);
    down->pending.there = false;
    receipt_forked(s, site);
    spoke_hello_soon(s);
}

void download_on_kept(struct spoke *s, struct site *site, const struct spoke_input *input)
{
    struct download *down = &site->down;
    if (!input->ok && input->contradicts) {
        contradicted(s, site);
        return;
    }
    if (!input->ok) {
        s->dead = true;
        return;
    }
    if (!down->committing)
        return;
    down->committing = false;
    (void)cursors_set(&down->durable, &down->committing_head); /* room was found for it in `ahead` */
    struct batch *held = down->held;
    down->held = NULL;
    if (held)
        commit(s, site, held);
}

/* ---- time ---- */

static bool is_behind(const struct site *site)
{
    for (uint8_t i = 0; i < site->down.ahead.count; i++)
        if (site->down.ahead.at[i].at.epoch == site->head.epoch)
            return site->down.ahead.at[i].at.n < site->head.n;
    return site->head.n > 0;
}

/* Sites that have much to catch up with share what may be under way. */
static uint32_t pull_bytes(const struct spoke *s, const struct site *site)
{
    uint32_t behind = 0;
    for (uint32_t i = 0; i < s->site_count; i++)
        behind += is_behind(s->sites[i]);
    const uint32_t all = site->down.window > PULL_BYTES_THIN ? site->down.window : PULL_BYTES_THIN;
    uint32_t share = all / (behind > 0 ? behind : 1);
    if (share < BODY_FLOOR)
        share = BODY_FLOOR;
    return site->down.window < share ? site->down.window : share;
}

/* More than a thin link bears was asked for, and the hub had it. */
static bool is_much(const struct download *down)
{
    return down->was_behind && down->asked > PULL_BYTES_THIN;
}

/* Where little happens little will: the longer it was quiet, the longer the hub may wait. An answer that was lost is
 * missed after as long. */
static uint32_t pull_wait(const struct spoke *s, const struct site *site)
{
    /* The hub is not to say for half an hour that something waits here. */
    const uint32_t wait_ms = upload_waiting(site) > 0 ? PULL_WAIT_FIRST_MS : site->down.patience_ms;
    return wait_ms < s->config.pull_wait_ms ? wait_ms : s->config.pull_wait_ms;
}

/* Half an hour may pass without news, but not once it is known that there is some. The answer may stand behind those to
 * all other sites. */
static uint64_t pull_deadline(const struct spoke *s, const struct download *down)
{
    uint64_t bytes = 0;
    if (is_much(down))
        return down->sent_ms + s->config.request_timeout_ms;
    for (uint32_t i = 0; i < s->site_count; i++)
        bytes += s->sites[i]->down.request != 0 ? s->sites[i]->down.asked : 0;
    const uint64_t answerable = down->news_ms != 0 ? down->news_ms : down->sent_ms + down->wait_ms;
    return answerable + s->config.request_timeout_ms + bytes / THIN_BYTES_PER_MS;
}

static bool may_pull(const struct spoke *s, const struct site *site)
{
    return s->phase == SPOKE_PHASE_LIVE && site->greeted && !site->upload_only && site->verdict != SITE_DENIED &&
           site->verdict != SITE_SPLIT && site->down.request == 0 && !site->down.held && !site->down.pending.there &&
           !site->down.contradicted;
}

static void send_pull(struct spoke *s, struct site *site)
{
    struct download *down = &site->down;
    struct msg_pull *m = &s->msg.pull;
    /* Whoever wants to go on wants to hear that there is nothing more. */
    bool at_once = s->config.going_on != 0 && !site->catch_up.covered;
    *m = (struct msg_pull){.site = site_name(site),
                           .max_bytes = pull_bytes(s, site),
                           .wait_ms = at_once ? 0 : pull_wait(s, site),
                           .waiting = upload_waiting(site)};
    m->oldest_waiting_ms = m->waiting > 0 ? site->oldest_waiting_ms : 0;
    m->cursor_count = down->ahead.count;
    for (uint8_t i = 0; i < down->ahead.count; i++)
        m->cursors[i] = down->ahead.at[i].at;
    down->asked = m->max_bytes;
    down->wait_ms = m->wait_ms;
    down->was_behind = is_behind(site);
    down->news_ms = down->was_behind ? s->now : 0;
    down->request = spoke_send(s, MSG_PULL, NULL);
    down->sent_ms = s->now;
    site->catch_up.asked = site->catch_up.targeted;
}

void download_turn(struct spoke *s, struct site *site)
{
    struct download *down = &site->down;
    if (down->request != 0 && down->news_ms == 0 && is_behind(site))
        down->news_ms = s->now;
    if (down->request != 0 && s->now >= pull_deadline(s, down)) {
        if (is_much(down)) {
            renew_thinned(s);
            return;
        }
        spoke_probe(s, down->sent_ms);
        down->window = down->window / 2 > BODY_FLOOR ? down->window / 2 : BODY_FLOOR;
        down->patience_ms = PULL_WAIT_FIRST_MS;
        down->request = 0;
    }
    if (may_pull(s, site) && s->now >= down->retry_ms)
        send_pull(s, site);
}

uint64_t download_deadline(const struct spoke *s, const struct site *site)
{
    uint64_t due = UINT64_MAX;
    if (site->down.request != 0)
        due = pull_deadline(s, &site->down);
    if (may_pull(s, site) && site->down.retry_ms < due)
        due = site->down.retry_ms;
    return due;
}
