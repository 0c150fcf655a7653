/* SPDX-License-Identifier: Apache-2.0 */
/* What sync brings is made durable here: LOG_KEEP_PUSH at the hub; LOG_KEEP_FEED and LOG_KEEP_RECEIPT at a spoke. The
 * sync machines have checked it all already; what is checked again is that it follows what the disk has, so that a
 * mistake anywhere above cannot put a wrong history into the log. LOG_KEEP_OFFER: see log_offer.c. */
#include <assert.h>
#include <stdlib.h>

#include "daemon/log/log_internal.h"

enum felloe_code log_entry_refused(struct log_job *job, const struct entry *entry, enum stream_verdict verdict)
{
    static const char *const words[] = {[STREAM_NEXT] = "follows",
                                        [STREAM_OLD] = "is here already",
                                        [STREAM_GAP] = "leaves a gap",
                                        [STREAM_FORK] = "belongs to another history",
                                        [STREAM_BAD] = "has seen less than the one before"};
    char hex[33];
    hex_encode(bytes_of(entry->device.b, sizeof entry->device.b), hex);
    return felloe_fail(&job->error, FELLOE_INVALID,
                       "an entry of device %.8s for %s was not taken: number %llu of its stream "
                       "%s",
                       hex, job->batch != NULL ? job->batch->site : job->site, (unsigned long long)entry->seq,
                       words[verdict]);
}

/* ---- PUSH ---- */

#define SOON 4u /* entries ahead: what is known of a key has come from memory by then */

void log_note_missing(struct event_log *log, struct log_job *job, struct log_asked *asked, const struct key_id *id,
                      uint32_t *met)
{
    unsigned slot = id->b[0] % KEY_CACHE;
    if ((*met & MET_HELD) || (asked->filled[slot] && memcmp(&asked->ids[slot], id, sizeof *id) == 0))
        return;
    asked->filled[slot] = true;
    asked->ids[slot] = *id;
    if (keyring_holds(log->keyring, id, NULL) || keyring_erased(log->keyring, id, NULL)) {
        *met |= MET_HELD;
        return;
    }
    if (job->missing_count == RECEIPT_KEYS_MAX)
        return;
    for (uint32_t i = 0; i < job->missing_count; i++)
        if (memcmp(&job->missing[i], id, sizeof *id) == 0)
            return;
    job->missing[job->missing_count++] = *id;
}

/* True: it is the site's first under its key. */
static bool push_entry(struct event_log *log, uint32_t site, struct head_row *head, const struct entry *entry,
                       const struct key_id *key, uint32_t *met)
{
    const struct position at = {log->write.epoch, head->head.at.n + 1};
    struct log_put put = {
        .flags = entry->flags & ENTRY_SIGNED, .id = entry->id, .signature = &entry->signature, .event = entry->event};
    if (site != LOG_AUDIT && log_write_first_use(log, site, key, at, met))
        put.flags |= ENTRY_FIRST_KEY;
    log_write_entry(log, site, head, &put);
    return (put.flags & ENTRY_FIRST_KEY) != 0;
}

enum felloe_code log_push_entry(struct event_log *log, struct log_job *job, uint32_t site, const struct entry *entry)
{
    struct event event;
    if (!event_decode(entry->event, &event) || !bytes_is(event.clear.site, log->sites[site]))
        return felloe_fail(&job->error, FELLOE_INVALID, "an entry for %s is malformed", log->sites[site]);
    struct stream_head *stream = log_write_stream(log, site, &event.clear.device, event.clear.incarnation);
    enum stream_verdict verdict = stream_check(stream, &event.clear, &entry->id);
    if (verdict != STREAM_NEXT)
        return log_entry_refused(job, entry, verdict);
    stream_advance(log_write_stream_change(log, site, &event.clear.device, event.clear.incarnation), &event.clear,
                   &entry->id);
    struct head_row *head = log_write_head_change(log, site, log->write.epoch);
    if (job->at.epoch == 0)
        job->at = (struct position){log->write.epoch, head->head.at.n + 1};
    push_entry(log, site, head, entry, &event.clear.key, log_meet(&log->write.met_keys, &event.clear.key));
    return FELLOE_OK;
}

/* The machine has checked that each entry follows the one before it, from its author's head on as it knew that: it has
 * to be the disk's. */
static enum felloe_code advance_stream(struct event_log *log, struct log_job *job, uint32_t site,
                                       const struct batch_stream *known)
{
    const struct stream_head *here = log_write_stream(log, site, &known->device, known->incarnation);
    const struct entry *first = &job->batch->entries[0];
    if (here->seq != known->before.seq)
        return log_entry_refused(job, first, here->seq < known->before.seq ? STREAM_GAP : STREAM_OLD);
    if (!event_id_equal(&here->id, &known->before.id))
        return log_entry_refused(job, first, STREAM_FORK);
    *log_write_stream_change(log, site, &known->device, known->incarnation) = known->after;
    return FELLOE_OK;
}

static void push_entries(struct event_log *log, struct log_job *job, uint32_t site)
{
    struct log_asked asked = {0};
    struct met_keys *keys = &log->write.met_keys;
    struct head_row *head = log_write_head_change(log, site, log->write.epoch);
    job->at = (struct position){log->write.epoch, head->head.at.n + 1};
    for (uint32_t i = 0; i < job->batch->count; i++) {
        const struct entry *entry = &job->batch->entries[i];
        if (i + SOON < job->batch->count)
            log_meet_soon(keys, &job->batch->entries[i + SOON].key);
        uint32_t *met = log_meet(keys, &entry->key);
        job->first_keys |= push_entry(log, site, head, entry, &entry->key, met);
        if (site != LOG_AUDIT) /* its keys come in its events, not for the hub */
            log_note_missing(log, job, &asked, &entry->key, met);
    }
}

enum felloe_code log_run_push(struct event_log *log, struct log_job *job)
{
    const struct batch *batch = job->batch;
    uint32_t site = log_write_site(log, batch->site, &job->error);
    if (site == SITES_MAX)
        return job->error.code;
    job->at = (struct position){0};
    job->missing_count = 0;
    job->first_keys = false;
    if (!log_write_epoch_fits(log, site, log->write.epoch, &job->error))
        return job->error.code;
    assert(batch->stream_count == 1);
    enum felloe_code code = advance_stream(log, job, site, batch->streams);
    if (code != FELLOE_OK)
        return code;
    push_entries(log, job, site);
    job->head = log_write_head(log, site, log->write.epoch)->head;
    return FELLOE_OK;
}

/* ---- FEED ---- */

/* Own events that a FEED tells the positions of, one after the other. */
struct own_run {
    uint32_t incarnation, count;
    uint64_t seq; /* of the first */
    struct position at;
};

struct feeding {
    struct event_log *log;
    struct log_job *job;
    uint32_t site;
    struct head_row *head;
    struct log_seconds seconds;
    struct store_cursor *own; /* stands on the own event before `own_next`; 0: somewhere else */
    uint32_t own_incarnation;
    uint64_t own_next;
    struct own_run run;       /* whose places are not written yet */
    bool followed;            /* others' streams have been advanced: see follow_streams */
    size_t bytes;
};

static bool own_event(struct feeding *f, uint32_t incarnation, uint64_t seq, struct bytes *raw)
{
    struct store_key key;
    struct store_item item;
    const bool next = f->own_next == seq && f->own_incarnation == incarnation;
    key_own(&key, incarnation, seq);
    if (f->own == NULL)
        f->own = store_cursor_open(f->log->write.txn, T_OWN + f->site);
    bool found = next ? store_next(f->own, &item) : store_seek(f->own, key_bytes(&key), &item);
    found = found && bytes_equal(item.key, key_bytes(&key)) && item.value.len > OWN_PREFIX;
    f->own_next = found ? seq + 1 : 0;
    f->own_incarnation = incarnation;
    if (found)
        *raw = bytes_of(item.value.data + OWN_PREFIX, item.value.len - OWN_PREFIX);
    return found;
}

/* The own event that a marker names. Where the next entry is a marker of the event after it, that one's `prev` is
 * compared with the id, and the event need not be hashed. */
static bool marked_event(struct feeding *f, const struct entry *entry, bool chained, struct bytes *raw)
{
    struct stream_head *stream = log_write_stream(f->log, f->site, &entry->device, entry->incarnation);
    struct event_id id;
    if (!own_event(f, entry->incarnation, entry->seq, raw))
        return false;
    if (chained && entry->seq == stream->seq + 1)
        return true;
    event_id_of(*raw, &id);
    return event_id_equal(&id, &entry->id);
}

/* All at once: they are one row. */
static void place_run(struct feeding *f)
{
    const struct own_run *run = &f->run;
    if (run->count > 0)
        log_write_own_places(f->log, f->site, run->incarnation, run->seq, run->at, run->count);
    f->run.count = 0;
}

static void place(struct feeding *f, const struct log_put *put)
{
    struct own_run *run = &f->run;
    if (run->count > 0 && (run->incarnation != put->incarnation || run->seq + run->count != put->seq ||
                           run->at.n + run->count != f->head->head.at.n))
        place_run(f);
    if (run->count++ == 0)
        *run = (struct own_run){put->incarnation, 1, put->seq, f->head->head.at};
}

/* The next entry of the site's log; its hash is known where the FEED's were worked out when it was checked. */
static void put_entry(struct feeding *f, struct log_put *put)
{
    struct batch *batch = f->job->batch;
    const uint64_t n = f->head->head.at.n + 1;
    put->hashed = batch->hashed;
    if (put->hashed && n % CHECKPOINT_EVERY == 0)
        put->hash = batch_checkpoint(batch, n);
    log_write_entry(f->log, f->site, f->head, put);
    if (put->flags & ENTRY_OWN)
        place(f, put);
}

static bool is_chained(const struct batch *batch, uint32_t at)
{
    const struct entry *entry = &batch->entries[at], *next = entry + 1;
    return at + 1 < batch->count && (next->flags & ENTRY_OWN) && next->incarnation == entry->incarnation &&
           next->seq == entry->seq + 1;
}

/* The machine has checked that each entry follows the one before it, from the streams' heads on as it knew them. Where
 * they are the disk's, too, that need not be done again; otherwise each entry is looked at. */
static bool follow_streams(const struct feeding *f)
{
    const struct batch *batch = f->job->batch;
    for (uint32_t i = 0; i < batch->stream_count; i++) {
        const struct batch_stream *known = &batch->streams[i];
        const struct stream_head *here = log_write_stream(f->log, f->site, &known->device, known->incarnation);
        if (here->seq != known->before.seq || !event_id_equal(&here->id, &known->before.id) ||
            device_id_equal(&known->device, &f->log->identity->device)) /* which has its own place for them, too */
            return false;
    }
    for (uint32_t i = 0; i < batch->stream_count; i++) {
        const struct batch_stream *known = &batch->streams[i];
        *log_write_stream_change(f->log, f->site, &known->device, known->incarnation) = known->after;
    }
    return batch->stream_count > 0;
}

/* An event that is here already may come at a second position: it then has both, and is folded once. */
static enum felloe_code follow(struct feeding *f, const struct entry *entry, struct bytes raw, bool own)
{
    struct log_job *job = f->job;
    struct event event;
    if (!event_decode(raw, &event) || !bytes_is(event.clear.site, job->batch->site))
        return felloe_fail(&job->error, FELLOE_INVALID, "an entry for %s is malformed", job->batch->site);
    const struct event_clear *clear = &event.clear;
    struct stream_head *stream = log_write_stream(f->log, f->site, &clear->device, clear->incarnation);
    enum stream_verdict verdict = stream_check(stream, clear, &entry->id);
    if (verdict != STREAM_NEXT && verdict != STREAM_OLD)
        return log_entry_refused(job, entry, verdict);
    if (verdict == STREAM_NEXT)
        stream_advance(log_write_stream_change(f->log, f->site, &clear->device, clear->incarnation), clear, &entry->id);
    else if (!own)
        log_seconds_add(&f->seconds, entry);
    return FELLOE_OK;
}

static enum felloe_code feed_entry(struct feeding *f, uint32_t at)
{
    struct event_log *log = f->log;
    struct log_job *job = f->job;
    const struct entry *entry = &job->batch->entries[at];
    struct bytes raw = entry->event;
    bool own = false;
    if (entry->flags & ENTRY_OWN)
        own = marked_event(f, entry, is_chained(job->batch, at), &raw);
    else if (device_id_equal(&entry->device, &log->identity->device))
        own = log_is_own(log->write.txn, f->site, entry, &raw);
    if (!own && (entry->flags & ENTRY_OWN))
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "the hub names an own entry (%s, number %llu) that this device did not write",
                           job->batch->site, (unsigned long long)entry->seq);
    if ((own || !f->followed) && follow(f, entry, raw, own) != FELLOE_OK)
        return job->error.code;
    struct log_put put = {.flags = entry->flags & ENTRY_FIRST_KEY, .id = entry->id, .event = raw};
    if (own) {
        put.flags |= ENTRY_OWN;
        put.incarnation = entry->incarnation;
        put.seq = entry->seq;
    } else if (entry->flags & ENTRY_SIGNED) {
        put.flags |= ENTRY_SIGNED;
        put.signature = &entry->signature;
    }
    f->bytes += raw.len + ENTRY_OVERHEAD;
    put_entry(f, &put);
    return FELLOE_OK;
}

/* ---- many own events at once ---- */

/* So many are more than ANCHOR_EVERY bytes; fewer are read one by one. */
#define MANY_OWN 256u
_Static_assert(MANY_OWN * 170u > ANCHOR_EVERY, "no event is smaller than 170 bytes");

static uint32_t known_from(const struct batch *batch, uint32_t at)
{
    uint32_t count = 0;
    while (at + count < batch->count && (batch->entries[at + count].flags & ENTRY_KNOWN) &&
           (count == 0 || is_chained(batch, at + count - 1)))
        count++;
    return count;
}

static bool known_event(struct feeding *f, const struct entry *entry, struct bytes *raw, struct event_clear *clear)
{
    struct event event;
    if (!own_event(f, entry->incarnation, entry->seq, raw) || !event_decode(*raw, &event))
        return false;
    *clear = event.clear;
    return device_id_equal(&clear->device, &entry->device) && clear->incarnation == entry->incarnation &&
           clear->seq == entry->seq && bytes_is(clear->site, f->job->batch->site);
}

/* Own events one after the other, the ids of which are from this log: the first follows what the site's log has of
 * them, and the last, by its hash, is the one that the hub names. So those between are those that it has, too: each is
 * named by the one after it; and what is kept of them here is nothing but where they stand. */
static bool known_follow(struct feeding *f, const struct entry *first, const struct entry *last,
                         struct stream_head *after)
{
    const struct stream_head *stream = log_write_stream(f->log, f->site, &first->device, first->incarnation);
    struct event_clear begin, end;
    struct event_id id;
    struct bytes raw;
    if (!known_event(f, first, &raw, &begin) || stream_check(stream, &begin, &first->id) != STREAM_NEXT ||
        !known_event(f, last, &raw, &end) || !seen_includes(&end.seen, &begin.seen))
        return false;
    event_id_of(raw, &id);
    *after = (struct stream_head){last->seq, id, end.seen};
    return event_id_equal(&id, &last->id);
}

/* False: they are to be looked at one by one, which tells what is wrong. */
static bool feed_known(struct feeding *f, uint32_t at, uint32_t count)
{
    const struct batch *batch = f->job->batch;
    const struct entry *first = &batch->entries[at], *last = first + count - 1;
    struct stream_head after;
    if (!known_follow(f, first, last, &after))
        return false;
    *log_write_stream_change(f->log, f->site, &first->device, first->incarnation) = after;
    for (const struct entry *entry = first; entry <= last; entry++) {
        struct log_put put = {
            .flags = ENTRY_OWN, .id = entry->id, .incarnation = entry->incarnation, .seq = entry->seq};
        put_entry(f, &put);
    }
    f->bytes += ANCHOR_EVERY + 1; /* at least, and how many more makes no difference: see keep_anchor */
    return true;
}

static enum felloe_code feed_entries(struct feeding *f)
{
    const struct batch *batch = f->job->batch;
    enum felloe_code code = FELLOE_OK;
    uint32_t at = 0, one_by_one = 0;
    while (at < batch->count && code == FELLOE_OK) {
        const uint32_t known = at < one_by_one ? 0 : known_from(batch, at);
        if (known >= MANY_OWN && feed_known(f, at, known)) {
            at += known;
            continue;
        }
        one_by_one = known > 0 ? at + known : one_by_one;
        code = feed_entry(f, at++);
    }
    store_cursor_close(f->own);
    if (code == FELLOE_OK)
        place_run(f);
    if (code == FELLOE_OK && !log_seconds_hold(f->log, f->site, batch, &f->seconds))
        code = f->seconds.failed ? felloe_fail(&f->job->error, FELLOE_FAILED, "out of memory")
                                 : felloe_fail(&f->job->error, FELLOE_INVALID,
                                               "an entry for %s comes a second time and is not the one that is here",
                                               batch->site);
    log_seconds_release(&f->seconds);
    return code;
}

/* Should the hub be put back, it gets its entries from laptops, in ranges that end where it once signed: so of the
 * FEEDs' ends as many are kept as it takes for each range to fit into one OFFER. */
static void keep_anchor(struct event_log *log, uint32_t site, const struct head_row *before, struct head_row *head,
                        size_t bytes)
{
    if (before->head.at.n == 0 || !before->has_signature || before->since + bytes <= ANCHOR_EVERY) {
        head->since = before->since + (uint32_t)bytes;
        return;
    }
    const struct anchor_row row = {before->head.hash, before->signature};
    uint8_t value[ANCHOR_ROW];
    struct store_key key;
    anchor_row_write(&row, value);
    key_checkpoint(&key, site, before->head.at);
    store_put(log->write.txn, T_ANCHORS, key_bytes(&key), bytes_of(value, sizeof value));
    head->since = (uint32_t)bytes;
}

static void note_hubs_key(struct event_log *log, uint32_t site, const struct key_id *id, struct position at)
{
    log_write_first_use(log, site, id, at, log_meet(&log->write.met_keys, id));
}

/* The hub has these: they need not be brought to it. */
static void note_hubs_keys(struct event_log *log, struct log_job *job, uint32_t site, struct position at)
{
    for (size_t i = 0; i < job->new_key_count; i++)
        note_hubs_key(log, site, &job->new_keys[i].id, at);
    struct mp_reader *r = job->sealed_key_count > 0 ? malloc(sizeof *r) : NULL;
    for (size_t i = 0; i < job->sealed_key_count && r != NULL; i++) {
        struct key_record record;
        mp_reader_init(r, job->sealed_keys[i]);
        if (mp_next(r) && key_record_read(r, &record))
            note_hubs_key(log, site, &record.id, at);
    }
    free(r);
}

enum felloe_code log_run_feed(struct event_log *log, struct log_job *job)
{
    const struct batch *batch = job->batch;
    uint32_t site = log_write_site(log, batch->site, &job->error);
    if (site == SITES_MAX)
        return job->error.code;
    if (!log_write_epoch_fits(log, site, batch->epoch, &job->error))
        return job->error.code;
    struct head_row *head = log_write_head(log, site, batch->epoch);
    const struct head_row before = *head;
    if (batch->epoch == 0 || head->head.at.n + 1 != batch->first_n)
        return felloe_fail(
            &job->error, FELLOE_INVALID, "what came for %s begins at %u.%llu and does not follow %u.%llu", batch->site,
            batch->epoch, (unsigned long long)batch->first_n, head->head.at.epoch, (unsigned long long)head->head.at.n);
    if (batch->hashed && memcmp(&head->head.hash, &batch->before, sizeof batch->before) != 0)
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "what came for %s follows another log up to %u.%llu than is here", batch->site, batch->epoch,
                           (unsigned long long)head->head.at.n);
    head = log_write_head_change(log, site, batch->epoch); /* what was refused so far costs nobody else anything */
    struct feeding f = {.log = log, .job = job, .site = site, .head = head};
    f.followed = follow_streams(&f);
    enum felloe_code code = feed_entries(&f);
    if (code != FELLOE_OK)
        return code;
    if (batch->hashed) /* of these very entries, after that hash: the machine has checked it */
        head->head.hash = batch->head.hash;
    if (head->head.at.n != batch->head.at.n || memcmp(&head->head.hash, &batch->head.hash, sizeof head->head.hash) != 0)
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "what came for %s up to %u.%llu does not have the hash that the hub signed", batch->site,
                           batch->epoch, (unsigned long long)head->head.at.n);
    keep_anchor(log, site, &before, head, f.bytes);
    head->has_signature = true;
    head->signature = batch->head_signature;
    note_hubs_keys(log, job, site, (struct position){batch->epoch, batch->first_n});
    job->head = head->head;
    return FELLOE_OK;
}

/* ---- RECEIPT ---- */

static bool receipt_fits(struct event_log *log, uint32_t site, const struct msg_receipt *receipt)
{
    if (receipt->incarnation != log->write.incarnation || receipt->seq > log_write_own(log, site)->seq)
        return false;
    struct bytes event;
    struct event_id id;
    if (receipt->seq == 0)
        return true;
    if (!log_own_event(log->write.txn, site, receipt->incarnation, receipt->seq, &event))
        return false;
    event_id_of(event, &id);
    return event_id_equal(&id, &receipt->id);
}

static void keep_receipt(struct event_log *log, uint32_t site, const struct msg_receipt *receipt)
{
    const struct receipt_row row = {receipt->seq, receipt->id, receipt->signature};
    uint8_t value[RECEIPT_ROW];
    struct store_key key;
    receipt_row_write(&row, value);
    key_site_incarnation(&key, site, receipt->incarnation);
    if (receipt->seq > 0)
        store_put(log->write.txn, T_RECEIPTS, key_bytes(&key), bytes_of(value, sizeof value));
    else
        store_delete(log->write.txn, T_RECEIPTS, key_bytes(&key));
    log->write.touched = true;
}

/* The positions that a receipt tells are not kept: they are promises, and a hub that is put back gives them again, to
 * whatever comes. An event has the position at which the site's log brings it. */
enum felloe_code log_run_receipt(struct event_log *log, struct log_job *job)
{
    const struct msg_receipt *receipt = job->receipt;
    char name[SLUG_MAX + 1];
    if (!bytes_to_text(receipt->site, name, sizeof name))
        return felloe_fail(&job->error, FELLOE_INVALID, "a receipt names no site");
    uint32_t site = log_write_site(log, name, &job->error);
    if (site == SITES_MAX)
        return job->error.code;
    if (!receipt_fits(log, site, receipt))
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "the hub's receipt for %s does not fit what this device has written", name);
    uint64_t head = log_write_own(log, site)->seq;
    uint64_t shared = log_shared_seq(log->write.txn, site, receipt->incarnation);
    if (receipt->seq > shared || (job->lowered && receipt->seq < shared)) {
        keep_receipt(log, site, receipt);
        shared = receipt->seq;
    }
    job->own = *log_write_own(log, site);
    job->oldest_waiting_ms = log_oldest_waiting(log, log->write.txn, site, receipt->incarnation, shared, head);
    return FELLOE_OK;
}

/* ---- keys ---- */

/* They are in the keyring already. Named with a site at a spoke, they came from the hub: it need not be brought them.
 */
enum felloe_code log_run_keys(struct event_log *log, struct log_job *job)
{
    if (job->site[0] == '\0' || log->identity->role == ROLE_HUB)
        return FELLOE_OK;
    uint32_t site = log_write_site(log, job->site, &job->error);
    if (site == SITES_MAX)
        return job->error.code;
    note_hubs_keys(log, job, site, (struct position){0});
    return FELLOE_OK;
}
