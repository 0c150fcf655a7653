/* SPDX-License-Identifier: Apache-2.0 */
/* Making what is kept of a document, and sealing it; see views_made.h. All of one making shares the first part of its
 * nonces, so that the subkey is worked out once; the rest counts. */
#include "daemon/views/views_made.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/daemon.h"
#include "daemon/views/views_inside.h"
#include "proto/domain/identity.h"
#include "proto/event/seal.h"

void views_made_release(struct views_made *made)
{
    buffer_release(&made->bytes);
    buffer_release(&made->plain);
    buffer_release(&made->room);
    free(made->rows);
    *made = (struct views_made){0};
}

void views_made_hide(struct views_made *made)
{
    made->row_count = 0;
    made->places.key_len = 0;
}

struct making {
    struct views_made *made;
    struct seal_subkey subkey;
    uint8_t nonce[EVENT_NONCE_SIZE];
    struct buffer places;
};

/* What is sealed is associated with its place: the table and the key, which stand before it. */
static bool seal_at(struct making *m, enum views_table table, const struct store_key *key, struct bytes plain,
                    struct made_row *out)
{
    struct buffer *bytes = &m->made->bytes, *room = &m->made->room;
    uint8_t tag[SEAL_TAG_SIZE];
    struct seal_tag_key tag_key;
    buffer_clear(room);
    if (!buffer_reserve(room, seal_room(plain.len)))
        return false;
    if (plain.len > 0)
        memcpy(room->data + SEAL_ROOM, plain.data, plain.len);
    buffer_append_byte(bytes, (uint8_t)table);
    *out = (struct made_row){bytes->len, key->len, (uint32_t)(sizeof m->nonce + plain.len + sizeof tag)};
    buffer_append(bytes, key->b, key->len);
    if (bytes->failed || plain.len > UINT32_MAX / 2)
        return false;
    for (size_t i = SEAL_PREFIX + 4; i > SEAL_PREFIX && ++m->nonce[i - 1] == 0; i--)
        ; /* not in those that random_nonce's clock moves most: see there */
    seal_text(room->data, plain.len, &m->subkey, m->nonce, &tag_key);
    seal_tag(&tag_key, bytes_of(bytes->data + out->at - 1, 1u + key->len),
             bytes_of(room->data + SEAL_ROOM, plain.len), tag);
    sodium_memzero(&tag_key, sizeof tag_key);
    buffer_append(bytes, m->nonce, sizeof m->nonce);
    buffer_append(bytes, room->data + SEAL_ROOM, plain.len);
    buffer_append(bytes, tag, sizeof tag);
    return !bytes->failed;
}

static bool add_row(void *context, const struct view_row *row)
{
    struct making *m = context;
    struct views_made *made = m->made;
    struct store_key key;
    uint8_t place[VIEWS_PLACE_SIZE];
    if (made->row_count == made->row_room) {
        const size_t room = made->row_room ? 2 * made->row_room : 16;
        struct made_row *grown = realloc(made->rows, room * sizeof *grown);
        if (!grown)
            return false;
        made->rows = grown;
        made->row_room = room;
    }
    views_place(place, row);
    buffer_append(&m->places, place, sizeof place);
    views_key_row(&key, bytes_str(made->site), &made->subject, place);
    return !m->places.failed && seal_at(m, VIEWS_ROWS, &key, row->cells, &made->rows[made->row_count++]);
}

/* An identity ends with the links (an array) and a bool. */
static bool has_links(struct bytes identity)
{
    return identity.len >= 2 && identity.data[identity.len - 2] != 0x90;
}

static bool make_names(struct making *m, const struct document *document, const struct store_key *key)
{
    struct views_made *made = m->made;
    if (person_id_is_none(&made->subject))
        return true;
    buffer_clear(&made->plain);
    if (!document_identity(document, &made->plain) || made->plain.failed)
        return false;
    made->has_links = has_links(buffer_bytes(&made->plain));
    return seal_at(m, VIEWS_NAMES, key, buffer_bytes(&made->plain), &made->names);
}

static bool make_places(struct making *m)
{
    struct views_made *made = m->made;
    struct store_key key;
    if (m->places.len == 0)
        return true;
    views_key_places(&key, bytes_str(made->site), &made->subject, false);
    made->places = (struct made_row){made->bytes.len, key.len, (uint32_t)m->places.len};
    buffer_append(&made->bytes, key.b, key.len);
    buffer_append(&made->bytes, m->places.data, m->places.len);
    return !made->bytes.failed;
}

bool views_make(struct views_made *made, struct bytes site, const struct person_id *subject,
                const struct data_key *key, const struct document *document)
{
    struct making m = {.made = made};
    struct store_key at;
    made->subject = *subject;
    made->row_count = 0;
    made->names.key_len = made->places.key_len = 0;
    made->has_links = false;
    buffer_clear(&made->bytes);
    buffer_clear(&made->plain);
    if (!bytes_to_text(site, made->site, sizeof made->site))
        return false;
    random_nonce(m.nonce, sizeof m.nonce);
    event_subkey(key, m.nonce, &m.subkey);
    document_encode(document, &made->plain);
    views_key_subject(&at, site, subject);
    const bool ok = !made->plain.failed &&
                    seal_at(&m, VIEWS_DOCS, &at, buffer_bytes(&made->plain), &made->document) &&
                    view_rows(document, subject, add_row, &m) && !m.places.failed && make_places(&m) &&
                    make_names(&m, document, &at);
    sodium_memzero(&m.subkey, sizeof m.subkey);
    buffer_release(&m.places);
    return ok;
}

/* ---- putting ---- */

static struct bytes key_of(const struct views_made *made, const struct made_row *row)
{
    return bytes_of(made->bytes.data + row->at, row->key_len);
}

static struct bytes value_of(const struct views_made *made, const struct made_row *row)
{
    return bytes_of(made->bytes.data + row->at + row->key_len, row->value_len);
}

static void put(struct views_txn *txn, enum views_table table, const struct views_made *made,
                const struct made_row *row)
{
    if (row->key_len > 0)
        store_put(txn->store, table, key_of(made, row), value_of(made, row));
}

static void put_last(struct views_txn *txn, enum views_table table, const struct views_made *made,
                     const struct made_row *row)
{
    if (row->key_len > 0)
        store_put_last(txn->store, table, key_of(made, row), value_of(made, row));
}

static void put_rows(struct views_txn *txn, const struct views_made *made)
{
    for (size_t i = 0; i < made->row_count; i++)
        views_put_row(txn, key_of(made, &made->rows[i]), value_of(made, &made->rows[i]));
}

static void put_link(struct views_txn *txn, const struct views_made *made)
{
    if (made->has_links)
        store_put(txn->store, VIEWS_LINKS, key_of(made, &made->document), (struct bytes){0});
}

void views_put_made(struct views_txn *txn, const struct views_made *made)
{
    const struct bytes site = bytes_str(made->site);
    put(txn, VIEWS_DOCS, made, &made->document);
    views_drop_rows(txn, site, &made->subject);
    put_rows(txn, made);
    put(txn, VIEWS_ROWKEYS, made, &made->places);
    put(txn, VIEWS_NAMES, made, &made->names);
    if (made->has_links)
        put_link(txn, made);
    else if (made->names.key_len > 0)
        store_delete(txn->store, VIEWS_LINKS, key_of(made, &made->document));
}

/* A table at a time: what follows on each other goes to the table's end without being looked for. */
void views_put_first(struct views_txn *txn, const struct views_made *const *made, size_t count)
{
    for (size_t i = 0; i < count; i++)
        put_last(txn, VIEWS_DOCS, made[i], &made[i]->document);
    for (size_t i = 0; i < count; i++)
        put_last(txn, VIEWS_ROWKEYS, made[i], &made[i]->places);
    for (size_t i = 0; i < count; i++)
        put_last(txn, VIEWS_NAMES, made[i], &made[i]->names);
    for (size_t i = 0; i < count; i++) {
        put_rows(txn, made[i]);
        put_link(txn, made[i]);
    }
}
