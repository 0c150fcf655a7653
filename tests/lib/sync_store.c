/* SPDX-License-Identifier: Apache-2.0 */
/* Logs in memory; see sync_store.h. */
#include "tests/lib/sync_store.h"

#include <stdlib.h>

#include "proto/event/event.h"
#include "proto/mp.h"

/* ---- the pool ---- */

void pool_init(struct pool *pool)
{
    *pool = (struct pool){.by_id = {.key_size = 16}};
}

void pool_release(struct pool *pool)
{
    for (uint32_t i = 0; i < pool->count; i++) {
        buffer_release(&pool->items[i]->raw);
        free(pool->items[i]);
    }
    free(pool->items);
    table_release(&pool->by_id);
    pool_init(pool);
}

const struct pool_event *pool_find(const struct pool *pool, const struct event_id *id)
{
    uint32_t at = table_find(&pool->by_id, id->b);
    return at == TABLE_NONE ? NULL : pool->items[at];
}

static bool seal(struct pool_event *event, struct bytes site, const struct event_id *prev, uint32_t serial)
{
    struct event_clear clear = {.device = event->device,
                                .incarnation = event->incarnation,
                                .site = site,
                                .seq = event->seq,
                                .prev = *prev,
                                .seen = event->seen};
    struct buffer fields = {0};
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "text");
    mp_put_uint(&fields, serial);
    struct event_body body = {.time = serial,
                              .type = bytes_str("note.added"),
                              .worker = bytes_str("ash-grey"),
                              .fields = buffer_bytes(&fields)};
    struct data_key key = {{9}};
    uint8_t nonce[EVENT_NONCE_SIZE] = {(uint8_t)serial, (uint8_t)(serial >> 8), (uint8_t)(serial >> 16)};
    bool ok = event_seal(&clear, &body, &key, nonce, &event->raw);
    buffer_release(&fields);
    return ok;
}

/* An empty place at the pool's end. */
static struct pool_event *pool_place(struct pool *pool)
{
    if (pool->count == pool->cap) {
        uint32_t cap = pool->cap ? pool->cap * 2 : 64;
        struct pool_event **items = realloc(pool->items, cap * sizeof(struct pool_event *));
        if (!items)
            return NULL;
        pool->items = items;
        pool->cap = cap;
    }
    struct pool_event *event = calloc(1, sizeof *event);
    if (event)
        event->index = event->content = pool->count;
    return event;
}

static const struct pool_event *pool_put(struct pool *pool, struct pool_event *event, struct stream_head *head)
{
    event_id_of(buffer_bytes(&event->raw), &event->id);
    if (event->raw.failed || !table_put(&pool->by_id, event->id.b, pool->count)) {
        buffer_release(&event->raw);
        free(event);
        return NULL;
    }
    pool->items[pool->count++] = event;
    *head = (struct stream_head){event->seq, event->id, event->seen};
    return event;
}

const struct pool_event *pool_make(struct pool *pool, struct bytes site, const struct device_id *device,
                                   uint32_t incarnation, struct stream_head *head, const struct seen *seen)
{
    struct pool_event *event = pool_place(pool);
    if (!event)
        return NULL;
    event->device = *device;
    event->incarnation = incarnation;
    event->seq = head->seq + 1;
    event->seen = head->seen; /* never goes back along a stream */
    for (uint8_t i = 0; i < seen->count; i++)
        seen_advance(&event->seen, seen->at[i]);
    if (!seal(event, site, &head->id, pool->count))
        event->raw.failed = true;
    return pool_put(pool, event, head);
}

const struct pool_event *pool_remake(struct pool *pool, struct bytes site, const struct pool_event *old,
                                     uint32_t incarnation, struct stream_head *head)
{
    const struct pool_event *made = pool_make(pool, site, &old->device, incarnation, head, &old->seen);
    if (made)
        pool->items[made->index]->content = old->content;
    return made;
}

const struct pool_event *pool_add(struct pool *pool, struct buffer *raw, const struct event_clear *clear,
                                  struct stream_head *head)
{
    struct pool_event *event = pool_place(pool);
    if (!event)
        return NULL;
    event->raw = *raw;
    *raw = (struct buffer){0};
    event->device = clear->device;
    event->incarnation = clear->incarnation;
    event->seq = clear->seq;
    event->seen = clear->seen;
    return pool_put(pool, event, head);
}

/* ---- sites ---- */

void store_release(struct store *store)
{
    for (uint32_t i = 0; i < store->site_count; i++) {
        for (uint32_t e = 0; e < store->sites[i].epoch_count; e++) {
            free(store->sites[i].epochs[e].entries);
            free(store->sites[i].epochs[e].anchors);
        }
        free(store->sites[i].own);
    }
    *store = (struct store){0};
}

static void *copy_of(const void *items, size_t size)
{
    void *copy = malloc(size > 0 ? size : 1);
    if (!copy)
        abort();
    if (size > 0)
        memcpy(copy, items, size);
    return copy;
}

void store_clone(const struct store *from, struct store *out)
{
    *out = *from;
    for (uint32_t i = 0; i < out->site_count; i++) {
        struct store_site *site = &out->sites[i];
        for (uint32_t e = 0; e < site->epoch_count; e++) {
            struct store_epoch *epoch = &site->epochs[e];
            epoch->entries = copy_of(epoch->entries, epoch->count * sizeof *epoch->entries);
            epoch->anchors = copy_of(epoch->anchors, epoch->anchor_count * sizeof *epoch->anchors);
            epoch->cap = epoch->count;
            epoch->anchor_cap = epoch->anchor_count;
        }
        site->own = copy_of((const void *)site->own, site->own_count * sizeof(struct pool_event *));
        site->own_cap = site->own_count;
    }
}

struct store_site *store_site(struct store *store, struct bytes name)
{
    for (uint32_t i = 0; i < store->site_count; i++)
        if (bytes_is(name, store->sites[i].name))
            return &store->sites[i];
    return NULL;
}

struct store_site *store_add_site(struct store *store, const char *name)
{
    struct store_site *site = &store->sites[store->site_count++];
    *site = (struct store_site){0};
    (void)bytes_to_text(bytes_str(name), site->name, sizeof site->name);
    return site;
}

static struct store_epoch *find_epoch(struct store_site *site, uint32_t epoch)
{
    for (uint32_t i = 0; i < site->epoch_count; i++)
        if (site->epochs[i].epoch == epoch)
            return &site->epochs[i];
    return NULL;
}

static struct store_epoch *get_epoch(struct store_site *site, uint32_t epoch)
{
    struct store_epoch *found = find_epoch(site, epoch);
    if (found || site->epoch_count == SEEN_MAX)
        return found;
    uint32_t at = site->epoch_count++;
    for (; at > 0 && site->epochs[at - 1].epoch > epoch; at--)
        site->epochs[at] = site->epochs[at - 1];
    site->epochs[at] = (struct store_epoch){.epoch = epoch};
    return &site->epochs[at];
}

struct log_head store_head(const struct store_site *site, uint32_t epoch)
{
    const struct store_epoch *e = find_epoch((struct store_site *)(uintptr_t)site, epoch);
    struct log_head head;
    if (e && e->count > 0)
        return e->entries[e->count - 1].head;
    log_head_start(&head, bytes_str(site->name), epoch);
    return head;
}

bool store_append(struct store_site *site, uint32_t epoch, const struct pool_event *event,
                  const struct signature *signature)
{
    struct log_head head = store_head(site, epoch);
    struct store_epoch *e = get_epoch(site, epoch);
    if (!e)
        return false;
    if (e->count == e->cap) {
        uint32_t cap = e->cap ? e->cap * 2 : 32;
        struct store_entry *entries = realloc(e->entries, cap * sizeof *entries);
        if (!entries)
            return false;
        e->entries = entries;
        e->cap = cap;
    }
    log_head_advance(&head, &event->id);
    e->entries[e->count] = (struct store_entry){.event = event, .head = head, .is_signed = signature != NULL};
    if (signature)
        e->entries[e->count].signature = *signature;
    e->count++;
    return true;
}

bool store_anchor(struct store_site *site, const struct log_head *head, const struct signature *signature)
{
    struct store_epoch *e = find_epoch(site, head->at.epoch);
    if (!e)
        return false;
    if (e->anchor_count == e->anchor_cap) {
        uint32_t cap = e->anchor_cap ? e->anchor_cap * 2 : 32;
        struct store_anchor *anchors = realloc(e->anchors, cap * sizeof *anchors);
        if (!anchors)
            return false;
        e->anchors = anchors;
        e->anchor_cap = cap;
    }
    e->anchors[e->anchor_count++] = (struct store_anchor){head->at.n, *signature};
    return true;
}

bool store_holds(const struct store_site *site, const struct pool_event *event)
{
    for (uint32_t e = 0; e < site->epoch_count; e++)
        for (uint32_t n = 0; n < site->epochs[e].count; n++)
            if (site->epochs[e].entries[n].event == event)
                return true;
    return false;
}

bool store_own_append(struct store_site *site, const struct pool_event *event)
{
    if (site->own_count == site->own_cap) {
        uint64_t cap = site->own_cap ? site->own_cap * 2 : 32;
        const struct pool_event **own = realloc((void *)site->own, cap * sizeof(struct pool_event *));
        if (!own)
            return false;
        site->own = own;
        site->own_cap = cap;
    }
    site->own[site->own_count++] = event;
    return true;
}

const struct store_entry *store_at(const struct store_site *site, struct position at)
{
    const struct store_epoch *e = find_epoch((struct store_site *)(uintptr_t)site, at.epoch);
    return e && at.n >= 1 && at.n <= e->count ? &e->entries[at.n - 1] : NULL;
}

void store_seen(const struct store_site *site, struct seen *out)
{
    *out = (struct seen){0};
    for (uint32_t i = 0; i < site->epoch_count; i++)
        if (site->epochs[i].count > 0)
            seen_advance(out, (struct position){site->epochs[i].epoch, site->epochs[i].count});
}

void store_streams(const struct store_site *site,
                   void (*visit)(void *context, const struct device_id *device, uint32_t incarnation,
                                 const struct stream_head *head),
                   void *context)
{
    struct streams streams;
    streams_init(&streams);
    for (uint32_t i = 0; i < site->epoch_count; i++)
        for (uint32_t n = 0; n < site->epochs[i].count; n++) {
            const struct pool_event *event = site->epochs[i].entries[n].event;
            struct stream *stream = streams_get(&streams, &event->device, event->incarnation);
            if (stream && event->seq > stream->head.seq)
                stream->head = (struct stream_head){event->seq, event->id, event->seen};
        }
    for (uint32_t i = 0; i < streams.count; i++)
        visit(context, &streams.items[i].device, streams.items[i].incarnation, &streams.items[i].head);
    streams_release(&streams);
}

/* ---- bodies ---- */

static struct lent lend(struct buffer *b)
{
    return (struct lent){.bytes = buffer_bytes(b), .release = free, .owner = b->data};
}

uint32_t store_read_own(const struct store_site *site, uint64_t first_seq, uint32_t max_bytes, struct lent *body,
                        struct event_id *last_id)
{
    struct buffer b = {0};
    uint32_t count = 0;
    for (uint64_t seq = first_seq; seq >= 1 && seq <= site->own_count && count < BATCH_ENTRIES_MAX; seq++) {
        const struct pool_event *event = site->own[seq - 1];
        if (count > 0 && b.len + event->raw.len > max_bytes)
            break;
        buffer_append(&b, event->raw.data, event->raw.len);
        *last_id = event->id;
        count++;
    }
    *body = lend(&b);
    return count;
}

uint32_t store_read_feed(const struct store_site *site, struct position from, uint32_t max_bytes,
                         const struct device_id *device, uint32_t incarnation, struct lent *body, struct log_head *head)
{
    struct buffer b = {0};
    uint32_t count = 0;
    const struct store_entry *entry;
    while ((entry = store_at(site, from)) && count < BATCH_ENTRIES_MAX) {
        const struct pool_event *event = entry->event;
        if (count > 0 && b.len + event->raw.len > max_bytes)
            break;
        uint32_t run = 1;
        const bool own = device_id_equal(&event->device, device) && event->incarnation == incarnation;
        for (const struct store_entry *next; own && run + count < BATCH_ENTRIES_MAX; run++) {
            next = store_at(site, (struct position){from.epoch, from.n + 1});
            if (!next || !device_id_equal(&next->event->device, device) || next->event->incarnation != incarnation ||
                next->event->seq != event->seq + run)
                break;
            entry = next;
            from.n++;
        }
        count += run - 1;
        if (own && run > 1)
            feed_put_markers(&b, incarnation, event->seq, run, &entry->event->id);
        else if (own)
            feed_put_marker(&b, incarnation, event->seq, &event->id);
        else
            feed_put_event(&b, buffer_bytes(&event->raw), entry->is_signed ? &entry->signature : NULL);
        *head = entry->head;
        count++;
        from.n++;
    }
    *body = lend(&b);
    return count;
}

uint32_t store_read_offer(const struct store_site *site, struct position from, uint32_t max_bytes, struct lent *body,
                          struct log_head *head, struct signature *signature)
{
    const struct store_epoch *e = find_epoch((struct store_site *)(uintptr_t)site, from.epoch);
    struct buffer b = {0};
    size_t end = 0;
    uint32_t count = 0, read = 0, anchor = 0;
    while (e && anchor < e->anchor_count && e->anchors[anchor].n < from.n)
        anchor++;
    for (const struct store_entry *entry; e && anchor < e->anchor_count && (entry = store_at(site, from)); from.n++) {
        feed_put_event(&b, buffer_bytes(&entry->event->raw), entry->is_signed ? &entry->signature : NULL);
        read++;
        if (count > 0 && b.len > max_bytes)
            break;
        if (from.n == e->anchors[anchor].n) {
            end = b.len;
            count = read;
            *head = entry->head;
            *signature = e->anchors[anchor++].signature;
        }
    }
    b.len = end;
    *body = lend(&b);
    return count;
}
