/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the table `shares`: place (1), elsewhere (1), time of the move (8), then names of sites, each after its
 * length (1): where they moved to, and all that they were shared with. */
#include "daemon/views/views_shares.h"

#include "daemon/views/views_inside.h"
#include "proto/domain/record.h"

#define FIXED (1 + 1 + 8)

/* ---- what the document says ---- */

static bool add_site(void *context, struct bytes to)
{
    struct views_share *share = context;
    for (uint32_t i = 0; i < share->count; i++)
        if (bytes_is(to, share->to[i]))
            return true;
    if (share->count < SITES_MAX && slug_valid(to))
        bytes_to_text(to, share->to[share->count++], sizeof share->to[0]);
    return true;
}

static void read_document(const struct document *document, struct bytes site, struct views_share *out)
{
    const struct item *moved;
    *out = (struct views_share){0};
    sharing_sites(document, add_site, out);
    if (out->count == 0)
        return;
    out->place = sharing_place(document, site, &moved);
    if (!moved)
        return;
    out->moved_time = moved->stamp.time;
    bytes_to_text(item_text(moved, "to"), out->moved_to, sizeof out->moved_to);
}

/* ---- rows ---- */

static void put_name(struct buffer *row, const char *name)
{
    buffer_append_byte(row, (uint8_t)strlen(name));
    buffer_append(row, name, strlen(name));
}

bool views_put_share(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                     const struct document *document, bool elsewhere, struct views_share *out)
{
    struct store_key key;
    struct buffer row = {0};
    uint8_t fixed[FIXED];
    views_key_subject(&key, site, subject);
    read_document(document, site, out);
    out->elsewhere = elsewhere;
    if (out->count == 0 && !elsewhere) {
        if (store_get(txn->store, VIEWS_SHARES, key_bytes(&key), NULL))
            store_delete(txn->store, VIEWS_SHARES, key_bytes(&key));
        return false;
    }
    fixed[0] = (uint8_t)out->place;
    fixed[1] = elsewhere;
    be_put_u64(fixed + 2, out->moved_time);
    buffer_append(&row, fixed, sizeof fixed);
    put_name(&row, out->moved_to);
    for (uint32_t i = 0; i < out->count; i++)
        put_name(&row, out->to[i]);
    txn->no_memory |= row.failed;
    if (!row.failed)
        store_put(txn->store, VIEWS_SHARES, key_bytes(&key), buffer_bytes(&row));
    buffer_release(&row);
    return true;
}

static void take_name(struct key_reader *r, char out[SLUG_MAX + 1])
{
    size_t len = key_take_u8(r);
    if (len > SLUG_MAX)
        r->failed = true;
    else
        bytes_to_text(bytes_of(key_take(r, len), len), out, SLUG_MAX + 1);
}

bool views_get_share(struct views_txn *txn, struct bytes site, const struct person_id *subject, struct views_share *out)
{
    struct store_key key;
    struct bytes row;
    views_key_subject(&key, site, subject);
    *out = (struct views_share){0};
    if (store_count(txn->store, VIEWS_SHARES) == 0 || !store_get(txn->store, VIEWS_SHARES, key_bytes(&key), &row))
        return false;
    struct key_reader r = {.rest = row};
    out->place = (enum sharing_place)key_take_u8(&r);
    out->elsewhere = key_take_u8(&r) != 0;
    out->moved_time = key_take_u64(&r);
    take_name(&r, out->moved_to);
    while (r.rest.len > 0 && !r.failed && out->count < SITES_MAX)
        take_name(&r, out->to[out->count++]);
    return !r.failed;
}

bool views_has_left(struct views_txn *txn, struct bytes site, const struct person_id *subject)
{
    struct views_share share;
    return views_get_share(txn, site, subject, &share) && share.place == SHARING_LEFT;
}

bool views_next_share(struct views_txn *txn, struct bytes site, const struct person_id *from, struct person_id *out)
{
    struct store_key at, prefix;
    struct store_item item;
    views_key_site(&prefix, site);
    views_key_subject(&at, site, from);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_SHARES);
    bool found = store_seek(cursor, key_bytes(&at), &item) && item.key.len == prefix.len + sizeof out->b &&
                 memcmp(item.key.data, prefix.b, prefix.len) == 0;
    if (found)
        memcpy(out->b, item.key.data + prefix.len, sizeof out->b);
    store_cursor_close(cursor);
    return found;
}
