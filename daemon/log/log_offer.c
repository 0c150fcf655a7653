/* SPDX-License-Identifier: Apache-2.0 */
/* OFFER: how a hub that was put back gets its entries again. At a laptop (log_read_offer) they are read in ranges that
 * end where the hub once signed; at the hub (LOG_KEEP_OFFER) they go to the positions that they had. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/log/log_internal.h"
#include "proto/mp.h"

/* ---- at the hub ---- */

struct offering {
    struct log_job *job;
    uint32_t site;
    struct head_row *head;
    struct log_seconds seconds;
    struct log_asked asked;
};

/* Did the author sign this? Laptops bring signatures along that others made: a false one is left out, and must not make
 * the log look damaged for ever. */
static enum felloe_code check_author(struct event_log *log, struct log_job *job, const struct entry *entry, bool *holds)
{
    struct device_record author = {.sign = log->identity->sign_public};
    enum felloe_code code = FELLOE_OK;
    if (!device_id_equal(&entry->device, &log->identity->device))
        code = log_write_device(log, &entry->device, &author);
    *holds = code == FELLOE_OK && verify_stream(&author.sign, bytes_str(job->batch->site), &entry->device,
                                                entry->incarnation, entry->seq, &entry->id, &entry->signature);
    return code == FELLOE_FAILED ? felloe_fail(&job->error, code, "out of memory") : FELLOE_OK;
}

/* Laptops get a key with the first event that uses it: what comes back may stand before what was the first so far. */
static bool is_first_use(struct event_log *log, uint32_t site, const struct key_id *id, struct position at)
{
    struct store_key key;
    struct bytes row;
    key_use(&key, site, id);
    if (store_get(log->write.txn, T_KEY_USES, key_bytes(&key), &row)) {
        if (row.len == 12 && position_compare((struct position){be_u32(row.data), be_u64(row.data + 4)}, at) <= 0)
            return false;
        log_write_unuse(log, site, id);
    }
    return log_write_first_use(log, site, id, at, log_meet(&log->write.met_keys, id));
}

static enum felloe_code offer_entry(struct event_log *log, struct offering *o, const struct entry *entry)
{
    struct event event;
    struct bytes raw = entry->event;
    if (!event_decode(raw, &event) || !bytes_is(event.clear.site, o->job->batch->site))
        return felloe_fail(&o->job->error, FELLOE_INVALID, "an entry for %s is malformed", o->job->batch->site);
    bool own =
        device_id_equal(&entry->device, &log->identity->device) && log_is_own(log->write.txn, o->site, entry, &raw);
    struct stream_head *stream = log_write_stream(log, o->site, &event.clear.device, event.clear.incarnation);
    enum stream_verdict verdict = stream_check(stream, &event.clear, &entry->id);
    if (verdict != STREAM_NEXT && verdict != STREAM_OLD)
        return log_entry_refused(o->job, entry, verdict);
    if (verdict == STREAM_NEXT)
        stream_advance(log_write_stream_change(log, o->site, &event.clear.device, event.clear.incarnation),
                       &event.clear, &entry->id);
    else if (!own)
        log_seconds_add(&o->seconds, entry);
    struct log_put put = {.id = entry->id, .event = raw};
    if (is_first_use(log, o->site, &event.clear.key, (struct position){o->head->head.at.epoch, o->head->head.at.n + 1}))
        put.flags |= ENTRY_FIRST_KEY;
    bool holds = false;
    if ((entry->flags & ENTRY_SIGNED) && check_author(log, o->job, entry, &holds) != FELLOE_OK)
        return o->job->error.code;
    if (holds) {
        put.flags |= ENTRY_SIGNED;
        put.signature = &entry->signature;
    }
    if (own) {
        put.flags |= ENTRY_OWN;
        put.incarnation = event.clear.incarnation;
        put.seq = event.clear.seq;
    }
    log_write_entry(log, o->site, o->head, &put);
    if (own)
        log_write_own_places(log, o->site, put.incarnation, put.seq, o->head->head.at, 1);
    log_note_missing(log, o->job, &o->asked, &event.clear.key, log_meet(&log->write.met_keys, &event.clear.key));
    return FELLOE_OK;
}

static enum felloe_code offer_entries(struct event_log *log, struct offering *o)
{
    const struct batch *batch = o->job->batch;
    enum felloe_code code = FELLOE_OK;
    for (uint32_t i = 0; i < batch->count && code == FELLOE_OK; i++)
        code = offer_entry(log, o, &batch->entries[i]);
    if (code == FELLOE_OK && !log_seconds_hold(log, o->site, batch, &o->seconds))
        code =
            o->seconds.failed
                ? felloe_fail(&o->job->error, FELLOE_FAILED, "out of memory")
                : felloe_fail(&o->job->error, FELLOE_INVALID,
                              "an entry for %s was offered a second time and is not the one that is here", batch->site);
    log_seconds_release(&o->seconds);
    return code;
}

enum felloe_code log_run_offer(struct event_log *log, struct log_job *job)
{
    const struct batch *batch = job->batch;
    struct offering o = {.job = job, .site = log_write_site(log, batch->site, &job->error)};
    if (o.site == SITES_MAX)
        return job->error.code;
    if (log->identity->role != ROLE_HUB || batch->epoch == 0 || batch->epoch >= log->write.epoch)
        return felloe_fail(&job->error, FELLOE_INVALID, "an offer for %s is of epoch %u, which is not an earlier one",
                           batch->site, batch->epoch);
    if (!log_write_epoch_fits(log, o.site, batch->epoch, &job->error))
        return job->error.code;
    job->missing_count = 0;
    o.head = log_write_head_change(log, o.site, batch->epoch);
    if (o.head->head.at.n + 1 != batch->first_n)
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "what was offered for %s begins at %u.%llu and does not follow %u.%llu", batch->site,
                           batch->epoch, (unsigned long long)batch->first_n, batch->epoch,
                           (unsigned long long)o.head->head.at.n);
    enum felloe_code code = offer_entries(log, &o);
    if (code != FELLOE_OK)
        return code;
    if (o.head->head.at.n != batch->head.at.n ||
        memcmp(&o.head->head.hash, &batch->head.hash, sizeof o.head->head.hash) != 0)
        return felloe_fail(&job->error, FELLOE_INVALID,
                           "what was offered for %s up to %u.%llu does not have the hash that this hub signed",
                           batch->site, batch->epoch, (unsigned long long)o.head->head.at.n);
    o.head->has_signature = true;
    o.head->signature = batch->head_signature;
    job->head = o.head->head;
    return FELLOE_OK;
}

/* ---- at a laptop ---- */

struct offered {
    struct log_reader *reader;
    struct bytes site;
    uint32_t number;
    struct position from;
    uint32_t max_bytes;
    struct buffer body;
    uint32_t count;
    /* the next place where the range can end, and the last such that was passed */
    struct store_cursor *anchors;
    bool has_next, has_end;
    struct log_head next, end;
    struct signature next_signature, end_signature;
    size_t end_len;
    uint32_t end_count;
    /* the run of own events that the last entries are: its author, who is here, signs the last */
    bool own;
    struct event own_last;
};

/* The next anchor; after the last, the epoch's head. */
static void next_end(struct offered *o, struct store_item *item, bool found)
{
    struct anchor_row anchor;
    struct head_row head;
    struct store_key key;
    struct bytes row;
    o->has_next = false;
    for (; found; found = store_next(o->anchors, item)) {
        if (item->key.len != 14 || be_u16(item->key.data) != o->number || be_u32(item->key.data + 2) != o->from.epoch)
            break;
        uint64_t n = be_u64(item->key.data + 6);
        if (n < o->from.n + o->count || !anchor_row_read(item->value, &anchor))
            continue;
        o->has_next = true;
        o->next = (struct log_head){{o->from.epoch, n}, anchor.hash};
        o->next_signature = anchor.signature;
        return;
    }
    key_site_epoch(&key, o->number, o->from.epoch);
    if (!store_get(o->reader->txn, T_HEADS, key_bytes(&key), &row) || !head_row_read(row, o->from.epoch, &head) ||
        !head.has_signature || head.head.at.n < o->from.n + o->count)
        return;
    o->has_next = true;
    o->next = head.head;
    o->next_signature = head.signature;
}

static void sign_own(struct offered *o)
{
    const struct identity *me = o->reader->log->identity;
    const struct event_clear *last = &o->own_last.clear;
    struct event_id id;
    struct signature signature;
    if (!o->own)
        return;
    o->own = false;
    event_id_of(o->own_last.raw, &id);
    sign_stream(&me->sign_secret, o->site, &me->device, last->incarnation, last->seq, &id, &signature);
    mp_put_bin(&o->body, signature.b, sizeof signature.b);
}

/* False: the log is damaged here. */
static bool offer_row(struct offered *o, struct bytes value)
{
    struct log_row row;
    if (!log_row_read(value, &row))
        return false;
    bool own = row.flags & ENTRY_OWN;
    if (own && !log_own_event(o->reader->txn, o->number, row.incarnation, row.seq, &row.event))
        return false;
    struct event event;
    if (o->own && !(own && row.incarnation == o->own_last.clear.incarnation))
        sign_own(o);
    if (own && !event_decode(row.event, &event))
        return false;
    feed_put_event(&o->body, row.event, own ? NULL : row.signature);
    o->count++;
    o->own = own;
    if (own)
        o->own_last = event;
    return true;
}

/* Until it is more than was asked for and there is an end, or more than a body can be. */
static void offer_rows(struct offered *o)
{
    struct store_key key;
    struct store_item item, anchor;
    key_checkpoint(&key, o->number, o->from);
    o->anchors = store_cursor_open(o->reader->txn, T_ANCHORS);
    next_end(o, &anchor, store_seek(o->anchors, key_bytes(&key), &anchor));
    key_place(&key, o->from);
    struct store_cursor *cursor = store_cursor_open(o->reader->txn, T_LOG + o->number);
    bool more = o->has_next && store_seek(cursor, key_bytes(&key), &item);
    for (; more && o->has_next && o->count < BATCH_ENTRIES_MAX; more = store_next(cursor, &item)) {
        const struct position at = {o->from.epoch, o->from.n + o->count};
        if (item.key.len != 12 || be_u32(item.key.data) != at.epoch || be_u64(item.key.data + 4) != at.n ||
            !offer_row(o, item.value))
            break;
        bool ends = at.n == o->next.at.n;
        if (ends)
            sign_own(o);
        if (o->body.len > (o->has_end ? o->max_bytes : BODY_MAX))
            break;
        if (!ends)
            continue;
        o->has_end = true;
        o->end = o->next;
        o->end_signature = o->next_signature;
        o->end_len = o->body.len;
        o->end_count = o->count;
        if (o->end_len >= o->max_bytes)
            break;
        next_end(o, &anchor, store_next(o->anchors, &anchor));
    }
    store_cursor_close(cursor);
    store_cursor_close(o->anchors);
}

enum felloe_code log_read_offer(struct event_log *log, struct bytes site, struct position from, uint32_t max_bytes,
                                struct lent *body, uint32_t *count, struct log_head *head, struct signature *signature,
                                struct felloe_error *error)
{
    *body = (struct lent){0};
    *count = 0;
    *head = (struct log_head){0};
    *signature = (struct signature){0};
    struct offered o = {.site = site, .number = log_site_number(log, site), .from = from, .max_bytes = max_bytes};
    if (o.number == SITES_MAX || from.n == 0)
        return FELLOE_OK;
    if (o.max_bytes > BODY_MAX)
        o.max_bytes = BODY_MAX;
    o.reader = log_reader_begin(log, error);
    if (o.reader == NULL)
        return FELLOE_STORAGE;
    offer_rows(&o);
    struct felloe_error why;
    bool failed = log_reader_failed(o.reader, &why);
    log_reader_end(o.reader);
    if (failed || o.body.failed || !o.has_end) {
        bool no_memory = o.body.failed;
        buffer_release(&o.body);
        if (failed)
            return felloe_fail(error, why.code, "%s", why.message);
        return no_memory ? felloe_fail(error, FELLOE_FAILED, "out of memory") : FELLOE_OK;
    }
    o.body.len = o.end_len;
    *body = (struct lent){.bytes = buffer_bytes(&o.body), .release = free, .owner = o.body.data};
    *count = o.end_count;
    *head = o.end;
    *signature = o.end_signature;
    return FELLOE_OK;
}
