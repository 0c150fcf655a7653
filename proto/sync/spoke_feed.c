/* SPDX-License-Identifier: Apache-2.0 */
/* Is a FEED what it claims to be? Each entry is of this site and follows its author's one before, and the hub has
 * signed what all of them, after those before, hash to. */
#include <stdlib.h>

#include "proto/sync/sync_spoke_internal.h"

/* Of a FEED with more streams it is left to the log to work out what they come to. */
#define FEED_STREAMS_MAX 64u

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
        c->again = true;
        return down->ahead.count + !cursor_of_epoch(&down->ahead, c->head.at.epoch) > 1 ? ENTRIES_OK : ENTRIES_BAD;
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
        if (c->head.at.n % CHECKPOINT_EVERY == 0)
            c->checkpoints[c->checkpoint_count++] = c->head.hash;
        c->why = FEED_NOT_SOUND;
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

struct entries_form feed_form(const struct spoke *s, const struct site *site, const struct msg_feed *feed)
{
    return (struct entries_form){.site = site_name(site),
                                 .count = feed->count,
                                 .key_count = feed->key_count,
                                 .markers = true,
                                 .signatures = true,
                                 .own = s->config.device,
                                 .incarnation = spoke_incarnation(s)};
}

/* What the streams come to, so that the log need not work it out once more. Without, it does. */
static void tell_streams(const struct feed_check *c, struct batch *batch)
{
    const struct streams *streams = &c->site->down.streams;
    if (c->again || streams->changed_count == 0 || streams->changed_count > FEED_STREAMS_MAX)
        return;
    batch->streams = malloc(streams->changed_count * sizeof *batch->streams);
    if (!batch->streams)
        return;
    batch->stream_count = streams->changed_count;
    for (uint32_t i = 0; i < streams->changed_count; i++) {
        const struct stream *stream = &streams->items[streams->changed[i]];
        batch->streams[i] = (struct batch_stream){stream->device, stream->incarnation, stream->before, stream->head};
    }
}

static void forget_known(struct site *site, const struct batch *batch)
{
    uint32_t i = batch->count;
    while (i > 0 && !(batch->entries[i - 1].flags & ENTRY_OWN))
        i--;
    if (i > 0)
        upload_known_until(site, batch->entries[i - 1].seq);
}

struct batch *feed_check(struct feed_check *c, const struct msg_feed *feed, struct lent *body,
                         const struct spoke_input *read)
{
    struct spoke *s = c->s;
    struct download *down = &c->site->down;
    const struct log_head *from = cursor_of_epoch(&down->ahead, feed->first.epoch);
    if (from)
        c->head = *from;
    else
        log_head_start(&c->head, site_name(c->site), feed->first.epoch);
    c->why = "was to come next, and something else came";
    if (feed->first.epoch == 0 || feed->first.n != c->head.at.n + 1 || (!from && down->ahead.count == SEEN_MAX))
        return NULL;
    c->why = FEED_NOT_SOUND;
    struct entries_form form = feed_form(s, c->site, feed);
    form.check = check_entry;
    form.context = c;
    if (read) {
        form.own_ids = read->ids;
        form.own_first = read->first_seq;
        form.own_count = read->count;
    } else {
        upload_known(c->site, &form);
    }
    struct batch *batch;
    const struct log_hash before = c->head.hash;
    streams_begin(&down->streams);
    enum entries_result result = entries_decode(body, &form, &batch);
    if (result == ENTRIES_OK && is_signed(c, feed)) {
        batch->epoch = feed->first.epoch;
        batch->first_n = feed->first.n;
        batch->head = feed->head;
        batch->head_signature = feed->signature;
        batch->before = before;
        batch->hashed = true;
        tell_streams(c, batch);
        uint64_t n = (feed->first.n + CHECKPOINT_EVERY - 1) / CHECKPOINT_EVERY * CHECKPOINT_EVERY;
        for (uint32_t i = 0; i < c->checkpoint_count; i++, n += CHECKPOINT_EVERY)
            *batch_checkpoint(batch, n) = c->checkpoints[i];
        forget_known(c->site, batch);
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
