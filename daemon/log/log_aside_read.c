/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the quarantine: for whoever looks at it, for the machine at its start, and for verify. */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/log/log_aside_inside.h"

/* ---- streams ---- */

/* The name of the site with this number; false: there is none. */
static bool site_name(const struct event_log *log, uint32_t site, char out[SLUG_MAX + 1])
{
    bool known = site < SITES_MAX && log->sites[site][0] != '\0';
    if (known)
        memcpy(out, log->sites[site], SLUG_MAX + 1);
    return known;
}

bool log_aside_streams(struct log_reader *reader, const struct device_id *device,
                       bool (*visit)(void *context, const struct aside_stream *stream), void *context)
{
    struct bytes prefix = device != NULL ? bytes_of(device->b, sizeof device->b) : (struct bytes){0};
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_ASIDE_HEADS);
    bool going = true, more = store_seek_prefix(cursor, prefix, &item);
    uint64_t key_bytes = 0; /* their row is the first of the site's */
    for (; more && going; more = store_next_prefix(cursor, prefix, &item)) {
        struct aside_stream stream;
        uint32_t site;
        if (!aside_head_read(item, &stream, &site) || !site_name(reader->log, site, stream.site))
            continue;
        if (stream.incarnation == ASIDE_KEYS) {
            key_bytes += stream.bytes;
            continue;
        }
        stream.bytes += key_bytes;
        key_bytes = 0;
        going = visit(context, &stream);
    }
    store_cursor_close(cursor);
    return going;
}

struct totalling {
    struct aside_totals *out;
    struct device_id device;
    bool counted; /* this device */
};

static bool total(void *context, const struct aside_stream *stream)
{
    struct totalling *t = context;
    if (!device_id_equal(&t->device, &stream->device))
        t->counted = false;
    t->device = stream->device;
    t->out->devices += stream->events > 0 && !t->counted;
    t->counted |= stream->events > 0;
    t->out->events += stream->events;
    t->out->bytes += stream->bytes;
    return true;
}

void log_aside_totals(struct log_reader *reader, struct aside_totals *out)
{
    struct totalling t = {.out = out};
    *out = (struct aside_totals){0};
    log_aside_streams(reader, NULL, total, &t);
}

/* ---- events ---- */

struct fitting {
    struct log_reader *reader;
    const struct aside_stream *stream;
    uint32_t site;
    struct stream_head head;   /* the log's stream, and what would be taken after it */
    struct stream_head log;    /* the log's alone */
    struct event_id last;      /* the row before this one, and what was said of it */
    enum aside_fit last_fit;
};

static bool holds(const struct fitting *f, const struct seen *seen)
{
    for (uint8_t i = 0; i < seen->count; i++) {
        struct store_key key;
        struct bytes value;
        struct head_row head;
        key_site_epoch(&key, f->site, seen->at[i].epoch);
        if (!store_get(f->reader->txn, T_HEADS, key_bytes(&key), &value) ||
            !head_row_read(value, seen->at[i].epoch, &head) || head.head.at.n < seen->at[i].n)
            return false;
    }
    return true;
}

static enum aside_fit fit_of(struct fitting *f, const struct event *event, const struct aside_row *row)
{
    struct event_id next;
    if (row->seq <= f->log.seq)
        return row->seq == f->log.seq && event_id_equal(&row->id, &f->log.id) ? ASIDE_HELD : ASIDE_OTHER;
    if (row->seq <= f->head.seq)
        return ASIDE_OTHER;
    if (event_id_equal(&event->clear.prev, &f->last) && f->last_fit > ASIDE_HELD)
        return f->last_fit;
    if (row->seq > f->head.seq + 1)
        return ASIDE_GAP;
    if (!event_id_equal(&event->clear.prev, &f->head.id))
        return ASIDE_OTHER;
    if (!aside_next(f->reader->txn, &f->stream->device, f->stream->incarnation, f->site, f->head.seq, &f->head.id,
                    &next) ||
        !event_id_equal(&next, &row->id))
        return ASIDE_OTHER;
    if (!holds(f, &event->clear.seen))
        return ASIDE_UNSEEN;
    return ASIDE_FOLLOWS;
}

static void load_log_head(struct fitting *f)
{
    struct store_key key;
    struct bytes value;
    key_stream(&key, f->site, &f->stream->device, f->stream->incarnation);
    if (store_get(f->reader->txn, T_STREAMS, key_bytes(&key), &value))
        (void)stream_row_read(value, &f->log);
    f->head = f->log;
}

static uint32_t site_number(const struct event_log *log, const char *name)
{
    uint32_t site = 0;
    while (site < SITES_MAX && strcmp(log->sites[site], name) != 0)
        site++;
    return site;
}

bool log_aside_events(struct log_reader *reader, const struct aside_stream *stream,
                      bool (*visit)(void *context, const struct aside_item *item), void *context)
{
    struct fitting f = {.reader = reader, .stream = stream, .site = site_number(reader->log, stream->site)};
    struct store_key prefix;
    struct store_item item;
    load_log_head(&f);
    aside_key_stream(&prefix, &stream->device, stream->incarnation, f.site);
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_ASIDE);
    bool going = true, more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more && going; more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct aside_row row;
        struct event event;
        if (!aside_row_read(item, &row) || !event_decode(row.event, &event))
            continue;
        struct aside_item out = {.event = row.event,
                                 .id = row.id,
                                 .seq = row.seq,
                                 .received_ms = row.received_ms,
                                 .is_signed = (row.flags & ENTRY_SIGNED) != 0,
                                 .signature = row.signature,
                                 .fit = fit_of(&f, &event, &row)};
        if (out.fit == ASIDE_FOLLOWS)
            f.head = (struct stream_head){.seq = row.seq, .id = row.id};
        f.last = row.id;
        f.last_fit = out.fit;
        going = visit(context, &out);
    }
    store_cursor_close(cursor);
    return going;
}

/* ---- keys ---- */

bool log_aside_keys(struct log_reader *reader, const struct device_id *device, struct bytes site,
                    bool (*visit)(void *context, struct bytes record), void *context)
{
    char name[SLUG_MAX + 1];
    struct store_key prefix;
    struct store_item item;
    if (!bytes_to_text(site, name, sizeof name))
        return true;
    key_start(&prefix);
    key_put(&prefix, device->b, sizeof device->b);
    key_put_u16(&prefix, (uint16_t)site_number(reader->log, name));
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_ASIDE_KEYS);
    bool going = true, more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more && going; more = store_next_prefix(cursor, key_bytes(&prefix), &item))
        going = visit(context, item.value);
    store_cursor_close(cursor);
    return going;
}

/* ---- verify ---- */

static bool event_is_true(const struct event_log *log, struct store_item item)
{
    struct aside_row row;
    struct event event;
    struct event_id id;
    char site[SLUG_MAX + 1];
    if (!aside_row_read(item, &row) || !event_decode(row.event, &event))
        return false;
    event_id_of(row.event, &id);
    return event_id_equal(&id, &row.id) && event.clear.seq == row.seq &&
           memcmp(event.clear.device.b, item.key.data, sizeof event.clear.device.b) == 0 &&
           event.clear.incarnation == be_u32(item.key.data + 16) &&
           site_name(log, be_u16(item.key.data + 20), site) && bytes_is(event.clear.site, site);
}

static bool key_is_true(const struct event_log *log, struct store_item item, struct mp_reader *r)
{
    char site[SLUG_MAX + 1];
    mp_reader_init(r, item.value);
    return item.key.len == 34 && site_name(log, be_u16(item.key.data + 16), site) && mp_next(r) &&
           key_record_check(r) && mp_done(r);
}

bool log_aside_verify(struct log_reader *reader, void (*problem)(void *context, const char *words), void *context)
{
    struct mp_reader *r = malloc(sizeof *r);
    struct store_item item;
    if (r == NULL)
        return false;
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_ASIDE);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item))
        if (!event_is_true(reader->log, item))
            problem(context, "an entry in quarantine is damaged");
    store_cursor_close(cursor);
    cursor = store_cursor_open(reader->txn, T_ASIDE_KEYS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item))
        if (!key_is_true(reader->log, item, r))
            problem(context, "a key in quarantine is damaged");
    store_cursor_close(cursor);
    cursor = store_cursor_open(reader->txn, T_ASIDE_HEADS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item)) {
        struct aside_stream stream;
        uint32_t site;
        if (!aside_head_read(item, &stream, &site))
            problem(context, "what is known of a stream in quarantine is damaged");
    }
    store_cursor_close(cursor);
    free(r);
    return true;
}
