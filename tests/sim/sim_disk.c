/* SPDX-License-Identifier: Apache-2.0 */
/* A simulated disk; see sim_disk.h. */
#include "tests/sim/sim_disk.h"

#include <stdlib.h>

#define ENTRY_ROOM 66u /* what an entry has beside its event: the author's signature */

static void *more(void *array, size_t count, size_t size)
{
    void *bigger = realloc(array, count * size);
    if (!bigger)
        abort();
    return bigger;
}

static void *copied(const void *array, size_t count, size_t size)
{
    void *copy = malloc(count * size + 1);
    if (!copy)
        abort();
    if (count > 0)
        memcpy(copy, array, count * size);
    return copy;
}

/* ---- life ---- */

static void site_release(struct disk_site *site)
{
    for (uint32_t e = 0; e < site->epoch_count; e++)
        free(site->epochs[e].entries);
    for (uint32_t i = 0; i < site->stream_count; i++)
        free((void *)site->streams[i].events);
    free(site->streams);
    free((void *)site->aside);
    free(site->handed);
    site->epoch_count = site->stream_count = site->aside_count = site->handed_count = 0;
    site->streams = NULL;
    site->aside = NULL;
    site->handed = NULL;
}

void disk_release(struct disk *disk)
{
    for (uint32_t s = 0; s < disk->site_count; s++)
        site_release(&disk->sites[s]);
    *disk = (struct disk){0};
}

static void site_copy(struct disk_site *to, const struct disk_site *from)
{
    *to = *from;
    for (uint32_t e = 0; e < to->epoch_count; e++) {
        struct disk_epoch *epoch = &to->epochs[e];
        epoch->entries = copied(epoch->entries, epoch->count, sizeof *epoch->entries);
        epoch->cap = epoch->count;
    }
    to->aside = copied((const void *)from->aside, from->aside_count, sizeof *from->aside);
    to->handed = copied(from->handed, from->handed_count, sizeof *from->handed);
    to->streams = copied(from->streams, from->stream_count, sizeof *from->streams);
    for (uint32_t i = 0; i < to->stream_count; i++) {
        struct disk_stream *stream = &to->streams[i];
        stream->events = copied((const void *)stream->events, stream->count, sizeof(struct pool_event *));
        stream->cap = stream->count;
    }
}

void disk_copy(struct disk *to, const struct disk *from)
{
    disk_release(to);
    *to = *from;
    for (uint32_t s = 0; s < to->site_count; s++)
        site_copy(&to->sites[s], &from->sites[s]);
}

struct disk_site *disk_site(const struct disk *disk, struct bytes name)
{
    for (uint32_t i = 0; i < disk->site_count; i++)
        if (bytes_is(name, disk->sites[i].name))
            return (struct disk_site *)(uintptr_t)&disk->sites[i];
    return NULL;
}

struct disk_site *disk_add_site(struct disk *disk, const char *name)
{
    struct disk_site *site = &disk->sites[disk->site_count++];
    *site = (struct disk_site){0};
    (void)bytes_to_text(bytes_str(name), site->name, sizeof site->name);
    (void)disk_begin_stream(site, disk->incarnation);
    return site;
}

void disk_forget(struct disk *disk, uint32_t incarnation)
{
    for (uint32_t s = 0; s < disk->site_count; s++) {
        site_release(&disk->sites[s]);
        (void)disk_begin_stream(&disk->sites[s], incarnation);
    }
    disk->incarnation = incarnation;
    disk->going_on = 0;
    disk->clock = 0;
    disk->rotten = NULL;
}

/* ---- site logs ---- */

const struct disk_epoch *disk_epoch(const struct disk_site *site, uint32_t epoch)
{
    for (uint32_t i = 0; i < site->epoch_count; i++)
        if (site->epochs[i].epoch == epoch)
            return &site->epochs[i];
    return NULL;
}

static struct disk_epoch *get_epoch(struct disk_site *site, uint32_t epoch)
{
    const struct disk_epoch *found = disk_epoch(site, epoch);
    if (found || site->epoch_count == SEEN_MAX)
        return (struct disk_epoch *)(uintptr_t)found;
    uint32_t at = site->epoch_count++;
    for (; at > 0 && site->epochs[at - 1].epoch > epoch; at--)
        site->epochs[at] = site->epochs[at - 1];
    site->epochs[at] = (struct disk_epoch){.epoch = epoch};
    log_head_start(&site->epochs[at].cursor, bytes_str(site->name), epoch);
    return &site->epochs[at];
}

uint64_t disk_count(const struct disk_site *site, uint32_t epoch)
{
    const struct disk_epoch *e = disk_epoch(site, epoch);
    return e ? e->count : 0;
}

struct log_head disk_head(const struct disk_site *site, uint32_t epoch)
{
    const struct disk_epoch *e = disk_epoch(site, epoch);
    struct log_head head;
    if (e && e->count > 0)
        return (struct log_head){{epoch, e->count}, e->entries[e->count - 1].hash};
    log_head_start(&head, bytes_str(site->name), epoch);
    return head;
}

const struct disk_entry *disk_at(const struct disk_site *site, struct position at)
{
    const struct disk_epoch *e = disk_epoch(site, at.epoch);
    return e && at.n >= 1 && at.n <= e->count ? &e->entries[at.n - 1] : NULL;
}

struct disk_entry *disk_append(struct disk_site *site, uint32_t epoch, const struct pool_event *event,
                               const struct signature *signature)
{
    struct log_head head = disk_head(site, epoch);
    struct disk_epoch *e = get_epoch(site, epoch);
    if (!e)
        return NULL;
    if (e->count == e->cap) {
        e->cap = e->cap ? e->cap * 2 : 32;
        e->entries = more(e->entries, e->cap, sizeof *e->entries);
    }
    log_head_advance(&head, &event->id);
    struct disk_entry *entry = &e->entries[e->count++];
    *entry = (struct disk_entry){.event = event, .hash = head.hash, .is_signed = signature != NULL};
    if (signature)
        entry->signature = *signature;
    return entry;
}

bool disk_has(const struct disk_site *site, const struct pool_event *event)
{
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++)
            if (site->epochs[e].entries[i].event == event)
                return true;
    return false;
}

void disk_seen(const struct disk_site *site, struct seen *out)
{
    *out = (struct seen){0};
    for (uint32_t i = 0; i < site->epoch_count; i++)
        if (site->epochs[i].count > 0)
            seen_advance(out, (struct position){site->epochs[i].epoch, site->epochs[i].count});
}

void disk_streams(const struct disk_site *site, disk_visit visit, void *context)
{
    struct streams streams;
    streams_init(&streams);
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t i = 0; i < site->epochs[e].count; i++) {
            const struct pool_event *event = site->epochs[e].entries[i].event;
            struct stream *stream = streams_get(&streams, &event->device, event->incarnation);
            if (stream && event->seq > stream->head.seq)
                stream->head = (struct stream_head){event->seq, event->id, event->seen};
        }
    for (uint32_t i = 0; i < streams.count; i++)
        visit(context, &streams.items[i].device, streams.items[i].incarnation, &streams.items[i].head);
    streams_release(&streams);
}

void disk_sign_head(struct disk_site *site, uint32_t epoch, uint32_t before, uint32_t bytes, uint32_t offer_bytes,
                    const struct signature *signature)
{
    struct disk_epoch *e = get_epoch(site, epoch);
    if (before > 0 && e->since_anchor + bytes > offer_bytes) {
        e->since_anchor = bytes; /* the head before stays signed: an anchor */
    } else {
        if (before > 0)
            e->entries[before - 1].anchored = false;
        e->since_anchor += bytes;
    }
    e->entries[e->count - 1].anchored = true;
    e->entries[e->count - 1].head_signature = *signature;
}

/* ---- quarantine ---- */

bool disk_has_aside(const struct disk_site *site, const struct pool_event *event)
{
    for (uint32_t i = 0; i < site->aside_count; i++)
        if (site->aside[i] == event)
            return true;
    return false;
}

struct finding {
    const struct pool_event *of;
    struct stream_head head;
};

static void find_stream(void *context, const struct device_id *device, uint32_t incarnation,
                        const struct stream_head *head)
{
    struct finding *f = context;
    if (device_id_equal(device, &f->of->device) && incarnation == f->of->incarnation)
        f->head = *head;
}

static struct disk_handed *handed_of(struct disk_site *site, const struct pool_event *event)
{
    uint32_t i = 0;
    while (i < site->handed_count && (site->handed[i].incarnation != event->incarnation ||
                                      !device_id_equal(&site->handed[i].device, &event->device)))
        i++;
    if (i == site->handed_count) {
        site->handed = more(site->handed, ++site->handed_count, sizeof *site->handed);
        site->handed[i] = (struct disk_handed){.device = event->device, .incarnation = event->incarnation};
    }
    return &site->handed[i];
}

bool disk_put_aside(struct disk_site *site, const struct pool_event *const *events, uint32_t count,
                    struct stream_head *head)
{
    struct disk_handed *handed = handed_of(site, events[0]);
    struct finding f = {.of = events[0]};
    disk_streams(site, find_stream, &f);
    const struct stream_head held = handed->head.seq > f.head.seq ? handed->head : f.head;
    struct event first;
    bool joins = event_decode(buffer_bytes(&events[0]->raw), &first) && events[0]->seq == held.seq + 1 &&
                 event_id_equal(&first.clear.prev, &held.id);
    for (uint32_t i = 0; i < count; i++) {
        joins = joins || (events[i]->seq == held.seq && event_id_equal(&events[i]->id, &held.id));
        if (disk_has(site, events[i]) || disk_has_aside(site, events[i]))
            continue;
        site->aside = more((void *)site->aside, ++site->aside_count, sizeof *site->aside);
        site->aside[site->aside_count - 1] = events[i];
    }
    if (!joins || events[count - 1]->seq <= held.seq)
        return false;
    *head = handed->head = (struct stream_head){.seq = events[count - 1]->seq, .id = events[count - 1]->id};
    return true;
}

/* ---- own streams ---- */

struct disk_stream *disk_own(const struct disk_site *site)
{
    return &site->streams[site->stream_count - 1];
}

struct disk_stream *disk_own_stream(const struct disk_site *site, uint32_t incarnation)
{
    for (uint32_t i = 0; i < site->stream_count; i++)
        if (site->streams[i].incarnation == incarnation)
            return &site->streams[i];
    return NULL;
}

struct disk_stream *disk_begin_stream(struct disk_site *site, uint32_t incarnation)
{
    site->streams = more(site->streams, site->stream_count + 1, sizeof *site->streams);
    struct disk_stream *stream = &site->streams[site->stream_count++];
    *stream = (struct disk_stream){.incarnation = incarnation};
    return stream;
}

void disk_own_append(struct disk_stream *stream, const struct pool_event *event)
{
    if (stream->count == stream->cap) {
        stream->cap = stream->cap ? stream->cap * 2 : 32;
        stream->events = more((void *)stream->events, stream->cap, sizeof(struct pool_event *));
    }
    stream->events[stream->count++] = event;
}

bool disk_wrote(const struct disk_site *site, const struct pool_event *event)
{
    const struct disk_stream *stream = disk_own_stream(site, event->incarnation);
    return stream && event->seq >= 1 && event->seq <= stream->count && stream->events[event->seq - 1] == event;
}

/* ---- bodies ---- */

static struct lent lend_buffer(struct buffer *b)
{
    return (struct lent){.bytes = buffer_bytes(b), .release = free, .owner = b->data};
}

/* Rotten bytes go out as they are: who receives them finds out. */
static void rot(const struct disk *disk, const struct pool_event *event, struct buffer *b)
{
    if (disk->rotten == event && b->len >= 20)
        b->data[b->len - 20] ^= 4;
}

uint32_t disk_read_own(const struct disk *disk, const struct disk_site *site, uint64_t first_seq, uint32_t max_bytes,
                       struct lent *body, struct event_id *last_id)
{
    const struct disk_stream *own = disk_own(site);
    struct buffer b = {0};
    uint32_t count = 0;
    for (uint64_t seq = first_seq; seq >= 1 && seq <= own->count && count < BATCH_ENTRIES_MAX; seq++) {
        const struct pool_event *event = own->events[seq - 1];
        if (count > 0 && b.len + event->raw.len > max_bytes)
            break;
        buffer_append(&b, event->raw.data, event->raw.len);
        rot(disk, event, &b);
        *last_id = event->id;
        count++;
    }
    *body = lend_buffer(&b);
    return count;
}

/* The reader's own events: from here on so many in a row are told as one marker. */
static uint32_t run_of(const struct disk_site *site, struct position from, uint32_t most, size_t *whole,
                       uint32_t max_bytes)
{
    const struct pool_event *first = disk_at(site, from)->event;
    uint32_t count = 1;
    for (; count < most; count++) {
        const struct disk_entry *entry = disk_at(site, (struct position){from.epoch, from.n + count});
        if (!entry || !device_id_equal(&entry->event->device, &first->device) ||
            entry->event->incarnation != first->incarnation || entry->event->seq != first->seq + count ||
            *whole + entry->event->raw.len + ENTRY_ROOM > max_bytes)
            break;
        *whole += entry->event->raw.len + ENTRY_ROOM;
    }
    return count;
}

uint32_t disk_read_feed(const struct disk *disk, const struct disk_site *site, struct position from, uint32_t max_bytes,
                        const struct device_id *device, uint32_t incarnation, struct lent *body, struct log_head *head)
{
    struct buffer b = {0};
    uint32_t count = 0;
    size_t whole = 0; /* markers count as their events, so that the range fits into one OFFER */
    const struct disk_entry *entry;
    while ((entry = disk_at(site, from)) && count < BATCH_ENTRIES_MAX) {
        const struct pool_event *event = entry->event;
        if (count > 0 && whole + event->raw.len + ENTRY_ROOM > max_bytes)
            break;
        whole += event->raw.len + ENTRY_ROOM;
        if (device_id_equal(&event->device, device) && event->incarnation == incarnation) {
            uint32_t run = run_of(site, from, BATCH_ENTRIES_MAX - count, &whole, max_bytes);
            if (run > 1) {
                from.n += run - 1;
                count += run - 1;
                entry = disk_at(site, from);
                feed_put_markers(&b, incarnation, event->seq, run, &entry->event->id);
            } else {
                feed_put_marker(&b, incarnation, event->seq, &event->id);
            }
        } else {
            feed_put_event(&b, buffer_bytes(&event->raw), NULL);
            rot(disk, event, &b);
            if (entry->is_signed)
                mp_put_bin(&b, entry->signature.b, sizeof entry->signature.b);
        }
        *head = (struct log_head){from, entry->hash};
        count++;
        from.n++;
    }
    *body = lend_buffer(&b);
    return count;
}

uint32_t disk_read_offer(const struct disk *disk, const struct disk_site *site, struct position from,
                         uint32_t max_bytes, struct lent *body, struct log_head *head, struct signature *signature)
{
    const struct disk_epoch *e = disk_epoch(site, from.epoch);
    struct buffer b = {0};
    size_t whole = 0;
    uint64_t last = 0;
    *body = (struct lent){0};
    for (uint64_t n = from.n; e && n >= 1 && n <= e->count && n < from.n + BATCH_ENTRIES_MAX; n++) {
        whole += e->entries[n - 1].event->raw.len + ENTRY_ROOM;
        if (last != 0 && whole > max_bytes)
            break;
        if (e->entries[n - 1].anchored)
            last = n;
    }
    for (uint64_t n = from.n; n <= last; n++) {
        const struct disk_entry *entry = &e->entries[n - 1];
        feed_put_event(&b, buffer_bytes(&entry->event->raw), NULL);
        rot(disk, entry->event, &b);
        if (entry->is_signed && !entry->own)
            mp_put_bin(&b, entry->signature.b, sizeof entry->signature.b);
    }
    if (last == 0)
        return 0;
    *head = (struct log_head){{from.epoch, last}, e->entries[last - 1].hash};
    *signature = e->entries[last - 1].head_signature;
    *body = lend_buffer(&b);
    return (uint32_t)(last - from.n + 1);
}
