/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of the log as the bodies of PUSH and FEED: one buffer, keys first, then events or entries. */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/log/log_internal.h"

/* What a frame is laid out for; with more it grows. */
#define USUAL_ENTRY 512u
#define KEYS_PART 8u

/* A body under way. The entries leave room for the keys in front of them, of which there are mostly few. */
struct frame {
    struct buffer keys, entries;
    size_t room_for_keys;
    uint32_t key_count, count;
    size_t carried; /* bytes of the entries, with those of a marker that is not written yet */
    size_t whole;   /* … with whole events and their author's signature in the place of markers */
    uint32_t max_bytes;
    struct event_log *log;
    const struct box_shared *shared;
    char worker[SLUG_MAX + 1]; /* hub: whose device it is for */
};

/* The smallest wish is still one entry. The largest leaves room for one entry over it, with its keys. `left`: entries
 * there are at most, of which a few have no use for a large buffer. */
static void frame_start(struct frame *f, struct event_log *log, const struct box_shared *shared, uint32_t max_bytes,
                        uint64_t left)
{
    *f = (struct frame){.log = log, .shared = shared};
    const uint32_t most = (BODY_MAX - EVENT_SIZE_MAX) / 2 - 4096;
    f->max_bytes = max_bytes < most ? max_bytes : most;
    f->room_for_keys = f->max_bytes / KEYS_PART;
    const size_t usual = left < f->max_bytes / USUAL_ENTRY ? (size_t)left * USUAL_ENTRY : f->max_bytes;
    if (buffer_reserve(&f->entries, f->room_for_keys + usual))
        f->entries.len = f->room_for_keys;
}

/* What came as one FEED has to go back as one OFFER, in which there are no markers. */
static bool frame_has_room(const struct frame *f, size_t carried, size_t whole)
{
    const size_t whole_max = f->max_bytes > BODY_TARGET ? f->max_bytes : BODY_TARGET;
    return f->count < BATCH_ENTRIES_MAX && (f->count == 0 || (f->keys.len + f->carried + carried <= f->max_bytes &&
                                                              f->keys.len + f->whole + whole <= whole_max));
}

/* At a hub: whose device the frame is for decides which restricted keys may go along. */
static void frame_for(struct frame *f, struct log_reader *reader, const struct device_id *device)
{
    struct device_record record;
    if (f->log->identity->role == ROLE_HUB && log_device(reader, device, &record))
        memcpy(f->worker, record.worker, sizeof f->worker);
}

enum may_have {
    MAY_HAVE,
    NOT_HERE, /* it is another site's, and nothing says that its person is with this one */
    DENIED    /* it is not for this device, and asking again is of no use */
};

/* A hub hands a key of a restricted audience to the devices of its members alone, whatever sites they are in; and none
 * of another site, which an event could name without its writer having it, unless the person is with this one, too. Who
 * moved away is no longer this site's. */
static enum may_have may_have(const struct frame *f, struct bytes site, const struct key_record *record)
{
    const bool of_person = record->kind == KEY_PERSON || record->kind == KEY_PERSON_AUDIENCE;
    enum log_share share = LOG_SHARE_NONE;
    if (f->log->identity->role == ROLE_SPOKE)
        return MAY_HAVE;
    if (of_person)
        share = log_shares_get(&f->log->shares, site, &record->owner);
    if (share == LOG_SHARE_LEFT)
        return DENIED;
    if (of_person && !log_shares_known(&f->log->shares))
        return NOT_HERE; /* who left is not known yet; whoever lacks it asks again */
    if (key_kind_restricted(record->kind) && !audience_has(&record->members, bytes_str(f->worker)))
        return DENIED;
    return share == LOG_SHARE_WITH || bytes_is(site, record->site) ? MAY_HAVE : NOT_HERE;
}

static void frame_wrap_key(struct frame *f, const struct key_record *record)
{
    uint8_t nonce[BOX_NONCE_SIZE];
    random_nonce(nonce, sizeof nonce);
    key_record_wrap(record, f->shared, nonce, &f->keys);
    f->key_count++;
}

/* It cannot be had. What a locked laptop made it has as it is wrapped for its hub. Of a person who was erased a hub has
 * it for nobody, and a laptop tells the hub that it will not come. True: it is not for this device. */
static bool frame_add_lacking(struct frame *f, const struct key_id *id)
{
    struct key_record stone;
    if (f->log->identity->role == ROLE_HUB)
        return keyring_erased(f->log->keyring, id, &f->keys.failed);
    if (keyring_get_out(f->log->keyring, id, &f->keys))
        f->key_count++;
    else if (!f->log->identity->locked && keyring_stone(f->log->keyring, id, &stone))
        frame_wrap_key(f, &stone);
    return false;
}

/* One that is not here cannot go along; whoever lacks it asks for it. True: it is not for this device. */
static bool frame_add_key(struct frame *f, struct bytes site, const struct key_id *id)
{
    struct key_record record;
    enum felloe_code code = keyring_get(f->log->keyring, id, &record);
    f->keys.failed |= !keyring_was_read(code); /* it may be here */
    if (code == FELLOE_NOT_FOUND)
        return frame_add_lacking(f, id);
    if (code != FELLOE_OK)
        return false;
    const enum may_have may = may_have(f, site, &record);
    if (may == MAY_HAVE)
        frame_wrap_key(f, &record);
    sodium_memzero(&record, sizeof record);
    return may == DENIED;
}

static void frame_drop(struct frame *f)
{
    buffer_release(&f->keys);
    buffer_release(&f->entries);
}

/* Ends the reader, whose failure would be taken for the end of what there is. */
static enum felloe_code frame_end_reading(struct frame *f, struct log_reader *reader, struct felloe_error *error)
{
    struct felloe_error why = {0};
    bool failed = log_reader_failed(reader, &why);
    log_reader_end(reader);
    if (!failed)
        return FELLOE_OK;
    frame_drop(f);
    return felloe_fail(error, why.code, "%s", why.message);
}

/* The keys to where they belong, in front of the entries. */
static struct bytes frame_join(struct frame *f)
{
    if (f->keys.len > f->room_for_keys) {
        const size_t more = f->keys.len - f->room_for_keys;
        if (!buffer_reserve(&f->entries, more))
            return (struct bytes){0};
        memmove(f->entries.data + f->keys.len, f->entries.data + f->room_for_keys, f->entries.len - f->room_for_keys);
        f->room_for_keys += more;
        f->entries.len += more;
    }
    if (f->entries.data == NULL)
        return (struct bytes){0};
    const size_t begin = f->room_for_keys - f->keys.len;
    if (f->keys.len > 0)
        memcpy(f->entries.data + begin, f->keys.data, f->keys.len);
    return bytes_of(f->entries.data + begin, f->entries.len - begin);
}

/* Hands the body over; the buffers are empty afterwards. */
static enum felloe_code frame_finish(struct frame *f, struct lent *body, struct felloe_error *error)
{
    const struct bytes all = frame_join(f);
    enum felloe_code code = FELLOE_OK;
    if (f->keys.failed || f->entries.failed) {
        code = felloe_fail(error, FELLOE_FAILED, "out of memory");
    } else {
        *body = (struct lent){.bytes = all, .release = free, .owner = f->entries.data};
        f->entries = (struct buffer){0};
    }
    frame_drop(f);
    return code;
}

/* ---- PUSH ---- */

/* The keys that go along with own events, in the order of these. */
struct owed_keys {
    struct store_cursor *cursor;
    struct store_item item;
    bool more;
    uint16_t site;
};

static void owed_begin(struct owed_keys *owed, struct log_reader *reader, uint32_t site, uint64_t first)
{
    struct store_key key;
    key_start(&key);
    key_put_u16(&key, (uint16_t)site);
    key_put_u64(&key, first);
    owed->site = (uint16_t)site;
    owed->cursor = store_cursor_open(reader->txn, T_OWN_KEYS);
    owed->more = store_seek(owed->cursor, key_bytes(&key), &owed->item);
}

/* The next one of those up to this event. */
static bool owed_next(struct owed_keys *owed, uint64_t seq, struct key_id *id)
{
    const struct bytes key = owed->item.key;
    if (!owed->more || key.len != 10 + sizeof id->b || be_u16(key.data) != owed->site || be_u64(key.data + 2) > seq)
        return false;
    memcpy(id->b, key.data + 10, sizeof id->b);
    owed->more = store_next(owed->cursor, &owed->item);
    return true;
}

/* The id of an own event, which the one after it names; without reading all of that where it need not be. */
static struct event_id id_before(struct bytes raw, struct bytes before)
{
    struct event_id id;
    struct event event;
    if (event_prev(raw, &id))
        return id;
    if (event_decode(raw, &event))
        return event.clear.prev;
    event_id_of(before, &id);
    return id;
}

static void note_id(struct buffer *ids, struct bytes raw, struct bytes before)
{
    if (ids == NULL || before.len == 0)
        return;
    const struct event_id id = id_before(raw, before);
    buffer_append(ids, &id, sizeof id);
}

static void add_own_events(struct frame *f, struct log_reader *reader, uint32_t site, uint64_t first,
                           struct buffer *ids)
{
    struct bytes before = {0};
    const uint32_t incarnation = reader->incarnation;
    struct owed_keys owed;
    struct store_key key;
    struct store_item item;
    struct key_id id;
    key_own(&key, incarnation, first);
    owed_begin(&owed, reader, site, first);
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_OWN + site);
    bool more = store_seek(cursor, key_bytes(&key), &item);
    for (; more; more = store_next(cursor, &item)) {
        uint64_t seq = first + f->count;
        if (item.key.len != 12 || be_u32(item.key.data) != incarnation || be_u64(item.key.data + 4) != seq ||
            item.value.len <= OWN_PREFIX || !frame_has_room(f, item.value.len, item.value.len))
            break;
        const struct bytes raw = bytes_of(item.value.data + OWN_PREFIX, item.value.len - OWN_PREFIX);
        note_id(ids, raw, before);
        before = raw;
        buffer_append(&f->entries, raw.data, raw.len);
        f->carried = f->whole = f->entries.len - f->room_for_keys;
        f->count++;
        while (owed_next(&owed, seq, &id))
            frame_add_key(f, (struct bytes){0}, &id);
    }
    store_cursor_close(cursor);
    store_cursor_close(owed.cursor);
}

enum felloe_code log_read_push(struct event_log *log, struct bytes site, uint64_t first_seq, uint32_t max_bytes,
                               struct lent *body, uint32_t *count, uint32_t *key_count, struct event_id *last_id,
                               struct buffer *ids, struct felloe_error *error)
{
    *body = (struct lent){0};
    *count = *key_count = 0;
    *last_id = (struct event_id){0};
    uint32_t number = log_site_number(log, site);
    struct box_shared shared;
    if (number == SITES_MAX || first_seq == 0)
        return FELLOE_OK;
    if (log->identity->locked)
        sodium_memzero(&shared, sizeof shared); /* and no key can be had to wrap */
    else if (!log_hub_box(log, &shared))
        return felloe_fail(error, FELLOE_DAMAGED, "the hub's key in this device's identity is not a valid key");
    struct log_reader *reader = log_reader_begin(log, error);
    if (reader == NULL)
        return FELLOE_STORAGE;
    struct frame f;
    frame_start(&f, log, &shared, max_bytes, UINT64_MAX);
    add_own_events(&f, reader, number, first_seq, ids);
    struct bytes last;
    if (f.count > 0 && log_own_event(reader->txn, number, reader->incarnation, first_seq + f.count - 1, &last))
        event_id_of(last, last_id);
    if (ids != NULL && f.count > 0)
        buffer_append(ids, last_id, sizeof *last_id);
    sodium_memzero(&shared, sizeof shared);
    enum felloe_code code = frame_end_reading(&f, reader, error);
    if (code != FELLOE_OK)
        return code;
    *count = f.count;
    *key_count = f.key_count;
    return frame_finish(&f, body, error);
}

enum felloe_code log_read_ids(struct event_log *log, struct bytes site, uint64_t first_seq, uint32_t count,
                              struct event_id *out, uint32_t *read, struct felloe_error *error)
{
    const uint32_t number = log_site_number(log, site);
    struct store_key key;
    struct store_item item;
    *read = 0;
    if (number == SITES_MAX)
        return FELLOE_OK;
    struct log_reader *reader = log_reader_begin(log, error);
    if (reader == NULL)
        return FELLOE_STORAGE;
    key_own(&key, reader->incarnation, first_seq);
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_OWN + number);
    bool more = store_seek(cursor, key_bytes(&key), &item);
    struct bytes last = {0};
    for (; more && *read < count; more = store_next(cursor, &item)) {
        if (item.key.len != 12 || be_u32(item.key.data) != reader->incarnation ||
            be_u64(item.key.data + 4) != first_seq + *read || item.value.len <= OWN_PREFIX)
            break;
        const struct bytes raw = bytes_of(item.value.data + OWN_PREFIX, item.value.len - OWN_PREFIX);
        if (*read > 0)
            out[*read - 1] = id_before(raw, last);
        last = raw;
        ++*read;
    }
    if (*read > 0)
        event_id_of(last, &out[*read - 1]);
    store_cursor_close(cursor);
    struct frame none = {0};
    return frame_end_reading(&none, reader, error);
}

/* ---- keys alone ---- */

enum felloe_code log_read_keys(struct event_log *log, struct bytes site, const struct key_id *ids, size_t count,
                               const struct device_id *device, const struct box_shared *shared, struct lent *body,
                               uint32_t *key_count, struct key_id *denied, uint32_t *denied_count,
                               struct felloe_error *error)
{
    *body = (struct lent){0};
    *key_count = *denied_count = 0;
    struct log_reader *reader = log_reader_begin(log, error);
    if (reader == NULL)
        return FELLOE_STORAGE;
    struct frame f = {.log = log, .shared = shared};
    frame_for(&f, reader, device);
    for (size_t i = 0; i < count; i++)
        if ((log->identity->role == ROLE_SPOKE || log_site_uses_key(reader, site, &ids[i])) &&
            frame_add_key(&f, site, &ids[i]))
            denied[(*denied_count)++] = ids[i];
    enum felloe_code code = frame_end_reading(&f, reader, error);
    if (code != FELLOE_OK)
        return code;
    *key_count = f.key_count;
    return frame_finish(&f, body, error);
}

/* ---- FEED ---- */

/* Where the body was at the last checkpoint, to end there. */
struct mark {
    size_t keys_len, entries_len;
    uint32_t key_count, count;
};

/* Own events of the receiver in a row, on their way to be one marker. */
struct markers {
    uint32_t count;
    uint64_t first;
    struct bytes last;
};

#define MARKER_SIZE 56u

struct feeding {
    struct frame frame;
    struct markers markers;
    struct log_reader *reader;
    struct bytes site;
    uint32_t number;
    const struct device_id *device;
    uint32_t incarnation;
    struct position first;
    struct log_head end; /* the epoch's head */
    struct mark mark;
    uint64_t own_first, own_end; /* markers' events, from the first to behind the last; 0: none */
};

/* The epoch to read from: the lowest at or after `from` that has entries there. */
static bool find_epoch(struct feeding *g, struct position from)
{
    struct log_head heads[SEEN_MAX];
    size_t count = log_heads(g->reader, g->site, heads);
    for (size_t i = 0; i < count; i++) {
        if (heads[i].at.epoch < from.epoch)
            continue;
        uint64_t n = heads[i].at.epoch == from.epoch && from.n > 0 ? from.n : 1;
        if (n > heads[i].at.n)
            continue;
        g->first = (struct position){heads[i].at.epoch, n};
        g->end = heads[i];
        return true;
    }
    return false;
}

static void end_markers(struct feeding *g)
{
    struct markers *m = &g->markers;
    struct event_id id;
    if (m->count == 0)
        return;
    event_id_of(m->last, &id);
    if (m->count == 1)
        feed_put_marker(&g->frame.entries, g->incarnation, m->first, &id);
    else
        feed_put_markers(&g->frame.entries, g->incarnation, m->first, m->count, &id);
    m->count = 0;
}

/* A marker's size at most; nothing where it goes into the one before. */
static size_t added_by_marker(const struct feeding *g, uint64_t seq)
{
    return g->markers.count > 0 && seq == g->markers.first + g->markers.count ? 0 : MARKER_SIZE;
}

static void add_marker(struct feeding *g, uint64_t seq, struct bytes raw)
{
    struct markers *m = &g->markers;
    if (added_by_marker(g, seq) > 0)
        end_markers(g);
    if (m->count++ == 0)
        m->first = seq;
    m->last = raw;
}

/* A laptop reads the ids of its own events of one FEED in one go, from the first to the last. */
static bool own_span_grows(struct feeding *g, uint64_t seq)
{
    const bool none = g->own_end == 0;
    const uint64_t first = none || seq < g->own_first ? seq : g->own_first;
    const uint64_t end = seq + 1 > g->own_end ? seq + 1 : g->own_end;
    if (end - first > BATCH_ENTRIES_MAX)
        return false;
    g->own_first = first;
    g->own_end = end;
    return true;
}

/* False: it has to wait for the next FEED. */
static bool add_entry(struct feeding *g, const struct log_row *row)
{
    struct frame *f = &g->frame;
    struct event event;
    const bool first_key = (row->flags & ENTRY_FIRST_KEY) != 0;
    const bool known = (first_key || event_may_be_by(row->event, g->device)) && event_decode(row->event, &event);
    const bool own = known && event.clear.incarnation == g->incarnation &&
                     device_id_equal(&event.clear.device, g->device);
    const size_t whole = row->event.len + (own || row->signature != NULL ? ENTRY_OVERHEAD : 0);
    const size_t carried = own ? added_by_marker(g, event.clear.seq) : whole;
    if (!frame_has_room(f, carried, whole) || (own && !own_span_grows(g, event.clear.seq)))
        return false;
    if (own) {
        add_marker(g, event.clear.seq, row->event);
    } else {
        if (known && first_key)
            frame_add_key(f, g->site, &event.clear.key);
        end_markers(g);
        feed_put_event(&f->entries, row->event, row->signature);
    }
    f->carried += carried;
    f->whole += whole;
    f->count++;
    return true;
}

static void add_entries(struct feeding *g)
{
    struct frame *f = &g->frame;
    struct store_key key;
    struct store_item item;
    key_place(&key, g->first);
    struct store_cursor *cursor = store_cursor_open(g->reader->txn, T_LOG + g->number);
    bool more = store_seek(cursor, key_bytes(&key), &item);
    for (; more; more = store_next(cursor, &item)) {
        struct log_row row;
        uint64_t n = g->first.n + f->count;
        if (item.key.len != 12 || be_u32(item.key.data) != g->first.epoch || be_u64(item.key.data + 4) != n ||
            !log_row_read(item.value, &row))
            break;
        if ((row.flags & ENTRY_OWN) && !log_own_event(g->reader->txn, g->number, row.incarnation, row.seq, &row.event))
            break;
        if (!add_entry(g, &row))
            break;
        if (n % CHECKPOINT_EVERY == 0) {
            end_markers(g);
            g->mark = (struct mark){f->keys.len, f->entries.len, f->key_count, f->count};
        }
    }
    end_markers(g);
    store_cursor_close(cursor);
}

/* Ends where the log's hash is at hand: at the head or a checkpoint, else it is computed. */
static bool end_range(struct feeding *g, struct log_head *head)
{
    struct frame *f = &g->frame;
    if (g->first.n + f->count - 1 != g->end.at.n && g->mark.count > 0) {
        f->keys.len = g->mark.keys_len;
        f->entries.len = g->mark.entries_len;
        f->key_count = g->mark.key_count;
        f->count = g->mark.count;
    }
    head->at = (struct position){g->first.epoch, g->first.n + f->count - 1};
    return log_hash_at(g->reader, g->site, head->at, &head->hash);
}

enum felloe_code log_read_feed(struct event_log *log, struct bytes site, struct position from, uint32_t max_bytes,
                               const struct device_id *device, uint32_t incarnation, const struct box_shared *shared,
                               struct lent *body, struct position *first, uint32_t *count, uint32_t *key_count,
                               struct log_head *head, struct felloe_error *error)
{
    *body = (struct lent){0};
    *first = (struct position){0};
    *count = *key_count = 0;
    *head = (struct log_head){0};
    struct feeding g = {
        .site = site, .number = log_site_number(log, site), .device = device, .incarnation = incarnation};
    if (g.number == SITES_MAX)
        return FELLOE_OK;
    g.reader = log_reader_begin(log, error);
    if (g.reader == NULL)
        return FELLOE_STORAGE;
    if (!find_epoch(&g, from))
        return frame_end_reading(&g.frame, g.reader, error);
    frame_start(&g.frame, log, shared, max_bytes, g.end.at.n - g.first.n + 1);
    frame_for(&g.frame, g.reader, device);
    add_entries(&g);
    bool whole = g.frame.count > 0 && end_range(&g, head);
    enum felloe_code code = frame_end_reading(&g.frame, g.reader, error);
    if (code != FELLOE_OK)
        return code;
    if (!whole) {
        frame_drop(&g.frame);
        return felloe_fail(error, FELLOE_DAMAGED,
                           "the log of %s cannot be read at %u.%llu: it is damaged. `felloe verify` "
                           "tells more",
                           log->sites[g.number], g.first.epoch, (unsigned long long)g.first.n);
    }
    *first = g.first;
    *count = g.frame.count;
    *key_count = g.frame.key_count;
    return frame_finish(&g.frame, body, error);
}
