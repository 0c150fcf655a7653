/* SPDX-License-Identifier: Apache-2.0 */
/* The views' knowledge of single events: where each lies in the log, whose story it belongs to, what brought it here,
 * which device was last heard, and which events wait for a key. */
#include "daemon/views/views_inside.h"
#include "daemon/views/views_later.h"

#define REF_SIZE (4 + 8)
#define EVENT_VALUE_SIZE (16 + 8 + REF_SIZE + 1)

static void key_put_ref(struct store_key *key, const struct views_ref *ref)
{
    key_put_u32(key, ref->at.epoch);
    key_put_u64(key, ref->at.n);
}

static struct views_ref key_take_ref(struct key_reader *r)
{
    struct views_ref ref = {.at.epoch = key_take_u32(r)};
    ref.at.n = key_take_u64(r);
    return ref;
}

static void take_id(struct key_reader *r, void *out, size_t size)
{
    memcpy(out, key_take(r, size), size);
}

/* ---- events and timelines ---- */

static void event_key(struct store_key *key, const struct event_id *id, struct bytes site)
{
    key_start(key);
    key_put(key, id->b, sizeof id->b);
    key_put(key, site.data, site.len <= SLUG_MAX ? site.len : SLUG_MAX);
}

static bool read_event(struct bytes value, struct views_event *out)
{
    struct key_reader r = {.rest = value};
    take_id(&r, out->subject.b, sizeof out->subject.b);
    out->sort = key_take_u64(&r);
    out->ref = key_take_ref(&r);
    out->flags = key_take_u8(&r);
    out->was = (struct event_id){{0}};
    if (out->flags & VIEWS_WRITTEN_AGAIN)
        take_id(&r, out->was.b, sizeof out->was.b);
    for (out->more_count = 0; r.rest.len > 0 && !r.failed && out->more_count < SEEN_MAX; out->more_count++)
        out->more[out->more_count] = key_take_ref(&r).at;
    return !r.failed;
}

void views_events_put(struct views_txn *txn)
{
    if (txn->later)
        views_later_put(txn->later, txn->store, VIEWS_EVENTS);
}

void views_events_begin(struct views_txn *txn, struct views_later *later)
{
    views_later_clear(later);
    txn->later = later;
    txn->timeline = store_cursor_open(txn->store, VIEWS_TIMELINE);
}

void views_events_end(struct views_txn *txn)
{
    views_events_put(txn);
    store_cursor_close(txn->timeline);
    txn->later = NULL;
    txn->timeline = NULL;
}

bool views_get_event(struct views_txn *txn, const struct event_id *id, struct bytes site, struct views_event *out)
{
    views_events_put(txn);
    struct store_key key;
    struct bytes value;
    event_key(&key, id, site);
    return store_get(txn->store, VIEWS_EVENTS, key_bytes(&key), &value) && read_event(value, out);
}

static void timeline_key(struct store_key *key, const struct event_id *id, struct bytes site,
                         const struct views_event *event)
{
    views_key_subject(key, site, &event->subject);
    key_put_u64(key, event->sort);
    key_put(key, id->b, sizeof id->b);
}

void views_put_event(struct views_txn *txn, const struct event_id *id, struct bytes site,
                     const struct views_event *event)
{
    struct store_key key, value;
    event_key(&key, id, site);
    key_start(&value);
    key_put(&value, event->subject.b, sizeof event->subject.b);
    key_put_u64(&value, event->sort);
    key_put_ref(&value, &event->ref);
    key_put_u8(&value, (uint8_t)event->flags);
    if (event->flags & VIEWS_WRITTEN_AGAIN)
        key_put(&value, event->was.b, sizeof event->was.b);
    for (uint8_t i = 0; i < event->more_count; i++)
        key_put_ref(&value, &(struct views_ref){event->more[i]});
    if (!txn->later || !views_later_add(txn->later, key_bytes(&key), key_bytes(&value))) {
        views_events_put(txn);
        store_put(txn->store, VIEWS_EVENTS, key_bytes(&key), key_bytes(&value));
    }

    const bool restricted = event->flags & VIEWS_IS_RESTRICTED;
    const enum views_table timeline = restricted ? VIEWS_RESTRICTED_TIMELINE : VIEWS_TIMELINE;
    timeline_key(&key, id, site, event);
    if (event->flags & VIEWS_DUPLICATE) {
        store_delete(txn->store, timeline, key_bytes(&key));
        return;
    }
    key_start(&value);
    key_put_ref(&value, &event->ref);
    if (restricted)
        key_put(&value, event->key.b, sizeof event->key.b);
    if (txn->first && !restricted)
        store_put_last(txn->store, timeline, key_bytes(&key), key_bytes(&value));
    else if (txn->timeline && !restricted)
        store_cursor_put(txn->timeline, key_bytes(&key), key_bytes(&value));
    else
        store_put(txn->store, timeline, key_bytes(&key), key_bytes(&value));
}

bool views_restricted_key(struct views_txn *txn, const struct event_id *id, struct bytes site,
                          const struct views_event *event, struct key_id *out)
{
    struct store_key key;
    struct bytes value;
    timeline_key(&key, id, site, event);
    if (!(event->flags & VIEWS_IS_RESTRICTED) ||
        !store_get(txn->store, VIEWS_RESTRICTED_TIMELINE, key_bytes(&key), &value))
        return false;
    struct key_reader r = {.rest = value};
    key_take_ref(&r);
    take_id(&r, out->b, sizeof out->b);
    return !r.failed;
}

void views_events(struct views_txn *txn, struct bytes id_prefix, views_event_visit visit, void *context)
{
    struct store_item item;
    views_events_put(txn);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_EVENTS);
    bool more = store_seek_prefix(cursor, id_prefix, &item);
    for (; more; more = store_next_prefix(cursor, id_prefix, &item)) {
        struct event_id id;
        struct views_event event;
        if (item.key.len < sizeof id.b || !read_event(item.value, &event))
            continue;
        memcpy(id.b, item.key.data, sizeof id.b);
        if (!visit(context, &id, bytes_of(item.key.data + sizeof id.b, item.key.len - sizeof id.b), &event))
            break;
    }
    store_cursor_close(cursor);
}

static void walk_timeline(struct views_txn *txn, enum views_table table, struct bytes site,
                          const struct person_id *subject, const struct views_place *after,
                          views_timeline_visit visit, void *context)
{
    struct store_key prefix, from;
    struct store_item item;
    views_key_subject(&prefix, site, subject);
    from = prefix;
    if (after) {
        key_put_u64(&from, after->sort);
        key_put(&from, after->id.b, sizeof after->id.b);
    }
    struct store_cursor *cursor = store_cursor_open(txn->store, table);
    bool more = store_seek(cursor, key_bytes(&from), &item);
    if (more && after && bytes_equal(item.key, key_bytes(&from)))
        more = store_next(cursor, &item);
    for (; more && item.key.len > prefix.len && memcmp(item.key.data, prefix.b, prefix.len) == 0;
         more = store_next(cursor, &item)) {
        struct key_reader r = {.rest = item.key}, v = {.rest = item.value};
        struct event_id id;
        key_take(&r, prefix.len);
        uint64_t sort = key_take_u64(&r);
        take_id(&r, id.b, sizeof id.b);
        struct views_ref ref = key_take_ref(&v);
        if (!r.failed && !v.failed && !visit(context, &id, sort, &ref))
            break;
    }
    store_cursor_close(cursor);
}

void views_timeline(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                    const struct views_place *after, views_timeline_visit visit, void *context)
{
    walk_timeline(txn, VIEWS_TIMELINE, site, subject, after, visit, context);
}

void views_restricted_timeline(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                               const struct views_place *after, views_timeline_visit visit, void *context)
{
    walk_timeline(txn, VIEWS_RESTRICTED_TIMELINE, site, subject, after, visit, context);
}

static void drop_timeline(struct views_txn *txn, enum views_table table, struct bytes site,
                          const struct person_id *subject)
{
    struct store_key prefix, key;
    struct store_item item;
    views_key_subject(&prefix, site, subject);
    struct store_cursor *cursor = store_cursor_open(txn->store, table);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    while (more) {
        struct key_reader r = {.rest = item.key};
        struct event_id id;
        key_take(&r, prefix.len);
        key_take_u64(&r);
        take_id(&r, id.b, sizeof id.b);
        store_cursor_delete(cursor);
        event_key(&key, &id, site);
        store_delete(txn->store, VIEWS_EVENTS, key_bytes(&key));
        more = store_next_prefix(cursor, key_bytes(&prefix), &item);
    }
    store_cursor_close(cursor);
}

void views_drop_events(struct views_txn *txn, struct bytes site, const struct person_id *subject)
{
    views_events_put(txn);
    drop_timeline(txn, VIEWS_TIMELINE, site, subject);
    drop_timeline(txn, VIEWS_RESTRICTED_TIMELINE, site, subject);
}

/* ---- what counts once ---- */

static void blind_key(struct store_key *key, const struct views_blind *blind, struct bytes site)
{
    key_start(key);
    key_put(key, blind->b, sizeof blind->b);
    if (site.len > 0)
        key_put(key, site.data, site.len <= SLUG_MAX ? site.len : SLUG_MAX);
}

static void once_key(struct views_txn *txn, struct store_key *key, struct bytes what, struct bytes site)
{
    struct views_blind blind;
    views_blind(txn->views, what.data, what.len, blind.b);
    blind_key(key, &blind, site);
}

/* Of 17 bytes. */
struct views_blind views_blind_origin(struct views *views, const struct views_origin *origin)
{
    struct views_blind blind;
    uint8_t what[sizeof origin->id.b + 1];
    memcpy(what, origin->id.b, sizeof origin->id.b);
    what[sizeof what - 1] = origin->restricted;
    views_blind(views, what, sizeof what, blind.b);
    return blind;
}

bool views_get_origin(struct views_txn *txn, const struct views_origin *origin, struct bytes site, struct event_id *id,
                      struct person_id *subject)
{
    struct store_key key;
    struct bytes value;
    const struct views_blind blind = views_blind_origin(txn->views, origin);
    blind_key(&key, &blind, site);
    if (site.len > 0) {
        if (!store_get(txn->store, VIEWS_ORIGINS, key_bytes(&key), &value))
            return false;
    } else {
        struct store_item item;
        if (txn->origins == NULL)
            txn->origins = store_cursor_open(txn->store, VIEWS_ORIGINS);
        if (!store_seek_prefix(txn->origins, key_bytes(&key), &item))
            return false;
        value = item.value;
    }
    return views_read_origin(value, id, subject);
}

bool views_read_origin(struct bytes value, struct event_id *id, struct person_id *subject)
{
    struct key_reader r = {.rest = value};
    take_id(&r, id->b, sizeof id->b);
    take_id(&r, subject->b, sizeof subject->b);
    return !r.failed;
}

bool views_add_origin(const struct views_blind *origin, struct bytes site, const struct event_id *id,
                      const struct person_id *subject, struct views_later *out)
{
    struct store_key key, value;
    blind_key(&key, origin, site);
    key_start(&value);
    key_put(&value, id->b, sizeof id->b);
    key_put(&value, subject->b, sizeof subject->b);
    return views_later_add(out, key_bytes(&key), key_bytes(&value));
}

/* Of 49 bytes, and so no origin's, whatever a device puts into that. */
static void rewritten_key(struct views_txn *txn, struct store_key *key, const struct views_writing *writing,
                          struct bytes site)
{
    uint8_t what[sizeof writing->device.b + sizeof writing->was.b + 1];
    memcpy(what, writing->device.b, sizeof writing->device.b);
    memcpy(what + sizeof writing->device.b, writing->was.b, sizeof writing->was.b);
    what[sizeof what - 1] = writing->restricted;
    once_key(txn, key, bytes_of(what, sizeof what), site);
}

bool views_get_rewritten(struct views_txn *txn, const struct views_writing *writing, struct bytes site,
                         struct event_id *id)
{
    struct store_key key;
    struct bytes value;
    rewritten_key(txn, &key, writing, site);
    if (!store_get(txn->store, VIEWS_ORIGINS, key_bytes(&key), &value) || value.len != sizeof id->b)
        return false;
    memcpy(id->b, value.data, sizeof id->b);
    return true;
}

static const char any_rewritten[] = "any was written again";

void views_put_rewritten(struct views_txn *txn, const struct views_writing *writing, struct bytes site,
                         const struct event_id *id)
{
    struct store_key key;
    rewritten_key(txn, &key, writing, site);
    store_put(txn->store, VIEWS_ORIGINS, key_bytes(&key), bytes_of(id->b, sizeof id->b));
    once_key(txn, &key, bytes_str(any_rewritten), site);
    store_put(txn->store, VIEWS_ORIGINS, key_bytes(&key), bytes_of("", 0));
}

bool views_any_rewritten(struct views_txn *txn, struct bytes site)
{
    struct store_key key;
    once_key(txn, &key, bytes_str(any_rewritten), site);
    return store_get(txn->store, VIEWS_ORIGINS, key_bytes(&key), NULL);
}

/* ---- devices ---- */

void views_heard_device(struct views_txn *txn, struct bytes site, const struct views_device *device)
{
    struct store_key key, value;
    struct bytes old;
    views_key_site(&key, site);
    key_put(&key, device->device.b, sizeof device->device.b);
    key_put_u32(&key, device->incarnation);
    if (store_get(txn->store, VIEWS_DEVICES, key_bytes(&key), &old) && old.len == 16 && be_u64(old.data) >= device->seq)
        return;
    key_start(&value);
    key_put_u64(&value, device->seq);
    key_put_u64(&value, device->time);
    store_put(txn->store, VIEWS_DEVICES, key_bytes(&key), key_bytes(&value));
}

void views_devices(struct views_txn *txn, struct bytes site, views_device_visit visit, void *context)
{
    struct store_key prefix;
    struct store_item item;
    views_key_site(&prefix, site);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_DEVICES);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item); more;
         more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct key_reader r = {.rest = item.key}, v = {.rest = item.value};
        struct views_device device;
        key_take(&r, prefix.len);
        take_id(&r, device.device.b, sizeof device.device.b);
        device.incarnation = key_take_u32(&r);
        device.seq = key_take_u64(&v);
        device.time = key_take_u64(&v);
        if (!r.failed && !v.failed && !visit(context, &device))
            break;
    }
    store_cursor_close(cursor);
}

/* ---- waiting for a key ---- */

static void waiting_key(struct store_key *out, struct bytes site, const struct key_id *key)
{
    views_key_site(out, site);
    key_put(out, key->b, sizeof key->b);
}

void views_put_waiting(struct views_txn *txn, struct bytes site, const struct key_id *key, const struct views_ref *ref)
{
    static const uint8_t nothing[1];
    struct store_key at;
    waiting_key(&at, site, key);
    key_put_ref(&at, ref);
    store_put(txn->store, VIEWS_WAITING, key_bytes(&at), bytes_of(nothing, 1));
}

void views_drop_waiting(struct views_txn *txn, struct bytes site, const struct key_id *key, const struct views_ref *ref)
{
    struct store_key at;
    waiting_key(&at, site, key);
    key_put_ref(&at, ref);
    store_delete(txn->store, VIEWS_WAITING, key_bytes(&at));
}

bool views_waiting_key(struct views_txn *txn, struct bytes site, const struct key_id *from, struct key_id *out)
{
    struct store_key at, prefix;
    struct store_item item;
    views_key_site(&prefix, site);
    waiting_key(&at, site, from);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_WAITING);
    bool found = store_seek(cursor, key_bytes(&at), &item) && item.key.len == prefix.len + sizeof out->b + REF_SIZE &&
                 memcmp(item.key.data, prefix.b, prefix.len) == 0;
    if (found)
        memcpy(out->b, item.key.data + prefix.len, sizeof out->b);
    store_cursor_close(cursor);
    return found;
}

size_t views_waiting(struct views_txn *txn, struct bytes site, const struct key_id *key, struct views_ref *out,
                     size_t max)
{
    struct store_key prefix;
    struct store_item item;
    size_t count = 0;
    waiting_key(&prefix, site, key);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_WAITING);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item); more && count < max;
         more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct key_reader r = {.rest = item.key};
        key_take(&r, prefix.len);
        struct views_ref ref = key_take_ref(&r);
        if (!r.failed)
            out[count++] = ref;
    }
    store_cursor_close(cursor);
    return count;
}

bool views_is_waiting(struct views_txn *txn, struct bytes site, const struct key_id *key)
{
    struct views_ref first;
    return store_count(txn->store, VIEWS_WAITING) > 0 && views_waiting(txn, site, key, &first, 1) > 0;
}
