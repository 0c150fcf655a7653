/* SPDX-License-Identifier: Apache-2.0 */
/* Where the own events stand in the site's log: a row an event, or one for several that came back at once and stand one
 * behind the other, as those of a backlog do. */
#include "daemon/log/log_internal.h"

#define PLACE_ROW  12u                /* epoch, n */
#define PLACES_ROW (PLACE_ROW + 4u)   /* … of the first, and how many */

bool log_places_read(const struct store_item *item, uint32_t site, uint32_t incarnation, struct own_places *out)
{
    struct store_key prefix;
    key_site_incarnation(&prefix, site, incarnation);
    const struct bytes key = item->key, row = item->value;
    if (key.len != prefix.len + 8u || memcmp(key.data, prefix.b, prefix.len) != 0 ||
        (row.len != PLACE_ROW && row.len != PLACES_ROW))
        return false;
    const uint32_t count = row.len == PLACES_ROW ? be_u32(row.data + PLACE_ROW) : 1;
    out->first = be_u64(key.data + prefix.len);
    out->at = (struct position){be_u32(row.data), be_u64(row.data + 4)};
    if ((row.len == PLACES_ROW && count < 2) || count > BATCH_ENTRIES_MAX || out->first > UINT64_MAX - count ||
        out->at.n > UINT64_MAX - count)
        return false; /* what comes back together comes in one FEED */
    out->end = out->first + count;
    return true;
}

bool log_places_seek(struct store_cursor *cursor, uint32_t site, uint32_t incarnation, uint64_t seq,
                     struct own_places *out)
{
    struct store_key key;
    struct store_item item;
    key_own_place(&key, site, incarnation, seq + 1);
    if (store_seek_below(cursor, key_bytes(&key), &item) && log_places_read(&item, site, incarnation, out))
        return true;
    key_own_place(&key, site, incarnation, seq);
    return store_seek(cursor, key_bytes(&key), &item) && log_places_read(&item, site, incarnation, out);
}

bool log_own_stands(struct store_txn *txn, uint32_t site, uint32_t incarnation, uint64_t seq, struct position at)
{
    struct store_key key;
    struct bytes value;
    struct log_row row;
    key_place(&key, at);
    return store_get(txn, T_LOG + site, key_bytes(&key), &value) && log_row_read(value, &row) &&
           (row.flags & ENTRY_OWN) && row.incarnation == incarnation && row.seq == seq;
}

/* A row that a bit was turned over in may speak of others than it should: the site's log has the last word. */
bool log_own_place(struct store_txn *txn, uint32_t site, uint32_t incarnation, uint64_t seq, struct position *out)
{
    struct store_cursor *cursor = store_cursor_open(txn, T_OWN_PLACES);
    struct own_places places;
    const bool found = log_places_seek(cursor, site, incarnation, seq, &places) && places.first <= seq &&
                       seq < places.end;
    store_cursor_close(cursor);
    if (!found)
        return false;
    const struct position at = own_places_at(&places, seq);
    if (!log_own_stands(txn, site, incarnation, seq, at))
        return false;
    *out = at;
    return true;
}

/* The last own event of this incarnation that has a position. */
static uint64_t last_placed(struct log_write *w, uint32_t site)
{
    struct cached_own *own = &w->own[site];
    if (own->has_placed)
        return own->placed;
    struct store_key prefix;
    struct store_item item;
    struct own_places places;
    key_site_incarnation(&prefix, site, w->incarnation);
    struct store_cursor *cursor = store_cursor_open(w->txn, T_OWN_PLACES);
    const bool any = store_last_prefix(cursor, key_bytes(&prefix), &item);
    own->placed = 0;
    if (any && log_places_read(&item, site, w->incarnation, &places) &&
        log_own_stands(w->txn, site, w->incarnation, places.end - 1, own_places_at(&places, places.end - 1)))
        own->placed = places.end - 1;
    else if (any)
        own->placed = UINT64_MAX; /* each is looked for */
    own->has_placed = true;
    w->met |= UINT64_C(1) << site;
    store_cursor_close(cursor);
    return own->placed;
}

static void put(struct log_write *w, uint32_t site, uint32_t incarnation, uint64_t seq, struct position at,
                uint32_t count)
{
    struct store_key key;
    uint8_t row[PLACES_ROW];
    w->touched = true;
    key_own_place(&key, site, incarnation, seq);
    be_put_u32(row, at.epoch);
    be_put_u64(row + 4, at.n);
    be_put_u32(row + PLACE_ROW, count);
    store_put_last(w->txn, T_OWN_PLACES, key_bytes(&key), bytes_of(row, count > 1 ? PLACES_ROW : PLACE_ROW));
}

void log_write_own_places(struct event_log *log, uint32_t site, uint32_t incarnation, uint64_t seq, struct position at,
                          uint32_t count)
{
    struct log_write *w = &log->write;
    struct position there;
    if (incarnation == w->incarnation && seq > last_placed(w, site)) {
        w->own[site].placed = seq + count - 1;
        put(w, site, incarnation, seq, at, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++, seq++, at.n++) {
        if (incarnation == w->incarnation && seq > last_placed(w, site))
            w->own[site].placed = seq;
        else if (log_own_place(w->txn, site, incarnation, seq, &there))
            continue;
        put(w, site, incarnation, seq, at, 1);
    }
}
