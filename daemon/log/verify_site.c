/* SPDX-License-Identifier: Apache-2.0 */
/* Verifying one site's log: positions without a gap, the running hash against checkpoints and heads, each stream's
 * chain against its head, signatures of the hub and of authors.
 *
 * Heads are read once, at the start; entries up to them are then read in turns. What is appended meanwhile is above
 * them, so both belong together. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/authors.h"
#include "daemon/log/verify_internal.h"

struct stream_state {
    struct device_id device;
    uint32_t incarnation;
    bool has_kept;
    struct stream_head kept, read; /* as the streams table says; as the entries say */
    uint64_t signed_seq;           /* its author's signatures reach so far */
    struct position bare, last;    /* where the first event after that stands, and the last one */
};

struct site_run {
    struct verify_run *run;
    struct authors authors;
    struct head_row heads[SEEN_MAX];
    size_t head_count;
    struct stream_state *streams;
    size_t stream_count, stream_cap, stream_last;
    bool no_memory;
    struct verify_seconds seconds;
    /* the epoch at hand */
    struct log_head hash;
    bool hash_known; /* false after a difference: until the next checkpoint */
    uint64_t anchor; /* where the next anchor is; 0: there is none */
};

static bool author_key(const struct site_run *s, const struct device_id *device, struct sign_public *out);

/* ---- streams ---- */

static struct stream_state *stream_of(struct site_run *s, const struct device_id *device, uint32_t incarnation)
{
    for (size_t i = 0; i < s->stream_count; i++) {
        size_t at = (s->stream_last + i) % s->stream_count;
        if (s->streams[at].incarnation == incarnation && device_id_equal(&s->streams[at].device, device)) {
            s->stream_last = at;
            return &s->streams[at];
        }
    }
    if (s->stream_count == s->stream_cap) {
        size_t cap = s->stream_cap ? 2 * s->stream_cap : 64;
        struct stream_state *more = realloc(s->streams, cap * sizeof *more);
        if (more == NULL) {
            s->no_memory = true;
            return NULL;
        }
        s->streams = more;
        s->stream_cap = cap;
    }
    s->stream_last = s->stream_count++;
    s->streams[s->stream_last] = (struct stream_state){.device = *device, .incarnation = incarnation};
    return &s->streams[s->stream_last];
}

static void load_streams(struct site_run *s)
{
    struct store_key key;
    key_start(&key);
    key_put_u16(&key, (uint16_t)s->run->number);
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(s->run->reader->txn, T_STREAMS);
    bool more = store_seek_prefix(cursor, key_bytes(&key), &item);
    for (; more; more = store_next_prefix(cursor, key_bytes(&key), &item)) {
        struct device_id device;
        struct stream_head head;
        if (item.key.len != 2 + sizeof device.b + 4 || !stream_row_read(item.value, &head)) {
            verify_problem(s->run, "a stream's head is damaged");
            continue;
        }
        memcpy(device.b, item.key.data + 2, sizeof device.b);
        struct stream_state *stream = stream_of(s, &device, be_u32(item.key.data + 2 + sizeof device.b));
        if (stream == NULL)
            break;
        stream->has_kept = true;
        stream->kept = head;
    }
    store_cursor_close(cursor);
}

static const char *device_text(const struct device_id *device, char out[33])
{
    hex_encode(bytes_of(device->b, sizeof device->b), out);
    out[8] = '\0';
    return out;
}

static uint64_t end_of(const struct site_run *s, uint32_t epoch)
{
    for (size_t i = 0; i < s->head_count; i++)
        if (s->heads[i].head.at.epoch == epoch)
            return s->heads[i].head.at.n;
    return 0;
}

/* A hub puts what came in one PUSH at positions side by side, and its author has signed the last: where something else
 * follows, what is not signed never will be. (At the log's end the rest may still be on its way.) */
static void check_signed(struct site_run *s, const struct stream_state *stream)
{
    struct verify_run *run = s->run;
    struct sign_public key;
    const uint64_t bare = stream->read.seq > stream->signed_seq ? stream->read.seq - stream->signed_seq : 0;
    const bool on_its_way = stream->last.n == end_of(s, stream->last.epoch) &&
                            stream->last.epoch == stream->bare.epoch && stream->last.n - stream->bare.n + 1 == bare;
    if (bare == 0 || on_its_way || device_id_equal(&stream->device, &run->options->identity->device) ||
        !author_key(s, &stream->device, &key))
        return;
    const struct verify_story story = {.site = run->site->site, .made_up = true,
                                       .other = {.device = stream->device, .at = stream->bare},
                                       .count = bare};
    verify_tell_story(run, &story);
}

static void end_streams(struct site_run *s)
{
    char name[33];
    for (size_t i = 0; i < s->stream_count; i++) {
        const struct stream_state *stream = &s->streams[i];
        check_signed(s, stream);
        if (!stream->has_kept)
            verify_problem(s->run, "the stream of device %s (incarnation %u) has no head",
                           device_text(&stream->device, name), stream->incarnation);
        else if (stream->kept.seq != stream->read.seq)
            verify_problem(s->run,
                           "the stream of device %s (incarnation %u) ends at number %llu and not at %llu, as its "
                           "head says",
                           device_text(&stream->device, name), stream->incarnation,
                           (unsigned long long)stream->read.seq, (unsigned long long)stream->kept.seq);
        else if (!event_id_equal(&stream->kept.id, &stream->read.id))
            verify_problem(s->run,
                           "the stream of device %s (incarnation %u) ends with another event than its head says",
                           device_text(&stream->device, name), stream->incarnation);
        else if (!seen_includes(&stream->kept.seen, &stream->read.seen) ||
                 !seen_includes(&stream->read.seen, &stream->kept.seen))
            verify_problem(s->run,
                           "what the head of the stream of device %s (incarnation %u) says that its last event has "
                           "seen is damaged",
                           device_text(&stream->device, name), stream->incarnation);
    }
}

/* ---- heads ---- */

static void check_hub_signed(struct verify_run *run, const char *what, const struct log_head *head,
                             const struct signature *signature)
{
    const struct identity *me = run->options->identity;
    run->site->signatures++;
    if (!verify_log_head(me->role == ROLE_HUB ? &me->sign_public : &me->hub_sign, bytes_str(run->site->site), head,
                         signature))
        verify_problem(run, "the hub's signature on the log's %s %u.%llu does not hold", what, head->at.epoch,
                       (unsigned long long)head->at.n);
}

static void load_heads(struct site_run *s)
{
    struct verify_run *run = s->run;
    struct store_key key;
    key_start(&key);
    key_put_u16(&key, (uint16_t)run->number);
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(run->reader->txn, T_HEADS);
    bool more = store_seek_prefix(cursor, key_bytes(&key), &item);
    for (; more && s->head_count < SEEN_MAX; more = store_next_prefix(cursor, key_bytes(&key), &item)) {
        struct head_row *row = &s->heads[s->head_count];
        if (item.key.len != 6 || !head_row_read(item.value, be_u32(item.key.data + 2), row)) {
            verify_problem(run, "a head of the site's log is damaged");
            continue;
        }
        s->head_count++;
        if (row->has_signature)
            check_hub_signed(run, "head", &row->head, &row->signature);
    }
    store_cursor_close(cursor);
}

/* ---- anchors ---- */

static void next_anchor(struct site_run *s, uint64_t from)
{
    struct store_key key, prefix;
    struct store_item item;
    const uint32_t epoch = s->hash.at.epoch;
    key_site_epoch(&prefix, s->run->number, epoch);
    key_checkpoint(&key, s->run->number, (struct position){epoch, from});
    struct store_cursor *cursor = store_cursor_open(s->run->reader->txn, T_ANCHORS);
    bool found = store_seek(cursor, key_bytes(&key), &item) && item.key.len == prefix.len + 8u &&
                 memcmp(item.key.data, prefix.b, prefix.len) == 0;
    s->anchor = found ? be_u64(item.key.data + prefix.len) : 0;
    store_cursor_close(cursor);
}

/* An anchor is a head that the hub signed, somewhere back in the log. */
static void check_anchor(struct site_run *s)
{
    struct store_key key;
    struct bytes row;
    struct anchor_row anchor;
    const struct position at = s->hash.at;
    if (s->anchor == 0 || s->anchor > at.n)
        return;
    key_checkpoint(&key, s->run->number, (struct position){at.epoch, s->anchor});
    if (s->anchor < at.n || !store_get(s->run->reader->txn, T_ANCHORS, key_bytes(&key), &row) ||
        !anchor_row_read(row, &anchor)) {
        verify_problem(s->run, "the anchor at %u.%llu is damaged", at.epoch, (unsigned long long)s->anchor);
    } else {
        const struct log_head head = {at, anchor.hash};
        if (s->hash_known && memcmp(&anchor.hash, &s->hash.hash, sizeof anchor.hash) != 0)
            verify_problem(s->run, "the anchor at %u.%llu is not of the entries before it", at.epoch,
                           (unsigned long long)at.n);
        check_hub_signed(s->run, "anchor", &head, &anchor.signature);
    }
    next_anchor(s, at.n + 1);
}

static void check_hash(struct site_run *s, const struct head_row *head)
{
    struct position at = s->hash.at;
    struct bytes kept = {0};
    if (at.n == head->head.at.n) {
        kept = bytes_of(head->head.hash.b, sizeof head->head.hash.b);
    } else if (at.n % CHECKPOINT_EVERY == 0) {
        struct store_key key;
        key_checkpoint(&key, s->run->number, at);
        if (!store_get(s->run->reader->txn, T_CHECKPOINTS, key_bytes(&key), &kept) ||
            kept.len != sizeof s->hash.hash.b) {
            verify_problem(s->run, "the checkpoint at %u.%llu is missing", at.epoch, (unsigned long long)at.n);
            return;
        }
    } else {
        return;
    }
    if (s->hash_known && memcmp(kept.data, s->hash.hash.b, sizeof s->hash.hash.b) != 0)
        verify_problem(s->run,
                       "the log's hash at %u.%llu is not what its entries give: an entry between here and the "
                       "checkpoint before was altered",
                       at.epoch, (unsigned long long)at.n);
    memcpy(s->hash.hash.b, kept.data, sizeof s->hash.hash.b); /* so that one alteration is reported once */
    s->hash_known = true;
}

/* ---- entries ---- */

/* The author's key: of a device that the hub admitted, of the hub itself, of this device. */
static bool author_key(const struct site_run *s, const struct device_id *device, struct sign_public *out)
{
    const struct verify_run *run = s->run;
    const struct identity *identity = run->options->identity;
    struct device_record record;
    if (device_id_equal(device, &identity->device))
        *out = identity->sign_public;
    else if (identity->role == ROLE_SPOKE && device_id_equal(device, &identity->hub_device))
        *out = identity->hub_sign;
    else if (identity->role == ROLE_HUB && log_device(run->reader, device, &record))
        *out = record.sign;
    else
        return identity->role == ROLE_SPOKE && authors_find(&s->authors, device, out);
    return true;
}

/* The event that was read last of its stream, if the stream moved with it. */
static void note_signed(struct site_run *s, struct position at, const struct event *event, bool is_signed)
{
    struct stream_state *stream = stream_of(s, &event->clear.device, event->clear.incarnation);
    if (stream == NULL || stream->read.seq != event->clear.seq)
        return; /* a second position: it counts where it was first */
    stream->last = at;
    if (is_signed)
        stream->signed_seq = event->clear.seq;
    else if (event->clear.seq == stream->signed_seq + 1)
        stream->bare = at;
}

static void check_signature(const struct site_run *s, const char *where, const struct event *event,
                            const struct event_id *id, const struct signature *signature)
{
    struct verify_run *run = s->run;
    struct sign_public key;
    if (!author_key(s, &event->clear.device, &key))
        return;
    run->site->signatures++;
    if (!verify_stream(&key, bytes_str(run->site->site), &event->clear.device, event->clear.incarnation,
                       event->clear.seq, id, signature))
        verify_problem(run, "%s: its author's signature does not hold", where);
}

static void check_stream(struct site_run *s, const char *where, struct position at, const struct event *event,
                         const struct event_id *id)
{
    struct stream_state *stream = stream_of(s, &event->clear.device, event->clear.incarnation);
    if (stream == NULL)
        return;
    enum stream_verdict verdict = stream_check(&stream->read, &event->clear, id);
    if (verdict == STREAM_OLD && s->head_count > 1) { /* it was given a second position after the hub was put back */
        const struct verify_second second = {.device = event->clear.device,
                                             .incarnation = event->clear.incarnation,
                                             .seq = event->clear.seq,
                                             .id = *id,
                                             .at = at};
        s->no_memory |= !verify_seconds_add(&s->seconds, &second);
        s->run->site->twice++;
        return;
    }
    char name[33];
    if (verdict != STREAM_NEXT)
        verify_problem(s->run, "%s: does not follow the event before it in the stream of device %s", where,
                       device_text(&event->clear.device, name));
    stream->read = (struct stream_head){event->clear.seq, *id, event->clear.seen};
}

/* The other way round: the own event has to know this position, or (it may have one per epoch) an earlier one. */
static void check_place(struct verify_run *run, const char *where, struct position at, const struct log_row *row)
{
    struct position place;
    if (!log_own_place(run->reader->txn, run->number, row->incarnation, row->seq, &place))
        verify_problem(run, "%s: the own event that it names does not know its position", where);
    else if (place.epoch == at.epoch && place.n != at.n)
        verify_problem(run, "%s: the own event that it names has another position", where);
}

/* A hub hands a key out with the first event that uses it, to whoever is in a site that uses it. */
static void check_key_use(struct verify_run *run, const char *where, struct position at, const struct log_row *row,
                          const struct key_id *id)
{
    struct store_key key;
    struct bytes use;
    if (run->options->identity->role != ROLE_HUB || run->number == LOG_AUDIT)
        return;
    key_use(&key, run->number, id);
    const bool noted = store_get(run->reader->txn, T_KEY_USES, key_bytes(&key), &use) && use.len == 12;
    const struct position first = noted ? (struct position){be_u32(use.data), be_u64(use.data + 4)} : at;
    const int order = position_compare(first, at);
    const bool says_first = row->flags & ENTRY_FIRST_KEY;
    /* Until an earlier epoch came back; and what the hub wrote itself may bring the key once more. */
    const bool was_first = says_first && noted && (first.epoch < at.epoch || (row->flags & ENTRY_OWN));
    if (!noted || order > 0 || ((order == 0) != says_first && !was_first))
        verify_problem(run, "%s: its key is not noted as used here", where);
}

static void check_entry(struct site_run *s, struct position at, struct bytes value)
{
    struct verify_run *run = s->run;
    char where[60];
    position_format(at, where);
    struct log_row row;
    struct event event;
    struct event_id id;
    uint64_t time;
    bool readable = log_row_read(value, &row);
    bool own = readable && (row.flags & ENTRY_OWN);
    if (own && !log_own_event(run->reader->txn, run->number, row.incarnation, row.seq, &row.event)) {
        verify_problem(run, "%s: names own event %u.%llu, which is not here", where, row.incarnation,
                       (unsigned long long)row.seq);
        readable = false;
    } else if (!readable) {
        verify_problem(run, "%s: the entry is damaged", where);
    }
    s->hash.at.n = at.n - 1;
    run->at = at;
    if (!readable || !verify_event(run, where, row.event, !own, &event, &id, &time)) {
        s->hash.at.n = at.n;
        s->hash_known = false;
        return;
    }
    if (own && (event.clear.incarnation != row.incarnation || event.clear.seq != row.seq))
        verify_problem(run, "%s: names another own event than it stands for", where);
    if (own)
        check_place(run, where, at, &row);
    log_head_advance(&s->hash, &id);
    check_key_use(run, where, at, &row, &event.clear.key);
    check_stream(s, where, at, &event, &id);
    note_signed(s, at, &event, (row.flags & ENTRY_SIGNED) != 0);
    if (row.flags & ENTRY_SIGNED)
        check_signature(s, where, &event, &id, row.signature);
    if (time != 0 && device_id_equal(&event.clear.device, &run->options->identity->hub_device))
        s->no_memory |= !authors_learn(&s->authors, &run->body);
}

static void check_gap(struct site_run *s, struct position at, uint64_t expected)
{
    if (at.n == expected)
        return;
    verify_problem(s->run, "positions %u.%llu to %u.%llu are missing", at.epoch, (unsigned long long)expected, at.epoch,
                   (unsigned long long)(at.n - 1));
    s->hash_known = false;
}

/* From `expected` on, until a turn or the epoch is over. True: a turn is over. */
static bool read_turn(struct site_run *s, const struct head_row *head, uint64_t *expected)
{
    struct verify_run *run = s->run;
    const uint32_t epoch = head->head.at.epoch;
    struct store_key key;
    struct store_item item;
    key_place(&key, (struct position){epoch, *expected});
    struct store_cursor *cursor = store_cursor_open(run->reader->txn, T_LOG + run->number);
    bool turn = false, more = store_seek(cursor, key_bytes(&key), &item);
    for (; more && !turn; more = store_next(cursor, &item)) {
        if (item.key.len != 12 || be_u32(item.key.data) != epoch || be_u64(item.key.data + 4) > head->head.at.n)
            break;
        struct position at = {epoch, be_u64(item.key.data + 4)};
        check_gap(s, at, *expected);
        run->site->entries++;
        check_entry(s, at, item.value);
        check_anchor(s);
        check_hash(s, head);
        *expected = at.n + 1;
        turn = verify_counts(run);
    }
    store_cursor_close(cursor);
    return turn;
}

static enum felloe_code check_epoch(struct site_run *s, const struct head_row *head)
{
    log_head_start(&s->hash, bytes_str(s->run->site->site), head->head.at.epoch);
    s->hash_known = true;
    next_anchor(s, 0);
    uint64_t expected = 1;
    while (read_turn(s, head, &expected)) {
        enum felloe_code code = verify_turn(s->run);
        if (code != FELLOE_OK)
            return code;
    }
    if (expected <= head->head.at.n)
        check_gap(s, (struct position){head->head.at.epoch, head->head.at.n + 1}, expected);
    if (s->anchor > head->head.at.n)
        verify_problem(s->run, "there is an anchor at %u.%llu, and the log ends at %u.%llu", head->head.at.epoch,
                       (unsigned long long)s->anchor, head->head.at.epoch, (unsigned long long)head->head.at.n);
    return FELLOE_OK;
}

/* Entries of an epoch that has no head. */
static void check_strays(struct site_run *s)
{
    struct store_key key;
    struct store_item item;
    key_start(&key);
    struct store_cursor *cursor = store_cursor_open(s->run->reader->txn, T_LOG + s->run->number);
    bool more = store_seek(cursor, key_bytes(&key), &item);
    while (more) {
        if (item.key.len != 12) {
            verify_problem(s->run, "a row of the site's log has a damaged key");
            more = store_next(cursor, &item);
            continue;
        }
        uint32_t epoch = be_u32(item.key.data);
        bool known = false;
        for (size_t i = 0; i < s->head_count; i++)
            known |= s->heads[i].head.at.epoch == epoch;
        if (!known)
            verify_problem(s->run, "there are entries of epoch %u, which has no head", epoch);
        key_place(&key, (struct position){epoch + 1, 0});
        more = epoch < UINT32_MAX && store_seek(cursor, key_bytes(&key), &item);
    }
    store_cursor_close(cursor);
}

enum felloe_code verify_site_log(struct verify_run *run)
{
    enum felloe_code code = verify_renew(run);
    if (code != FELLOE_OK)
        return code;
    struct site_run s = {.run = run};
    load_heads(&s);
    load_streams(&s);
    check_strays(&s);
    for (size_t i = 0; i < s.head_count && code == FELLOE_OK; i++)
        code = check_epoch(&s, &s.heads[i]);
    if (code == FELLOE_OK && !s.no_memory)
        end_streams(&s);
    if (code == FELLOE_OK && !s.no_memory)
        code = verify_seconds_compare(run, &s.seconds);
    if (code == FELLOE_OK && s.no_memory)
        code = felloe_fail(run->error, FELLOE_FAILED, "out of memory");
    verify_seconds_release(&s.seconds);
    free(s.streams);
    authors_release(&s.authors);
    return code;
}
