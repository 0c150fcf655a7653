/* SPDX-License-Identifier: Apache-2.0 */
/* What lies beside the data keys in D/keys: which are erased, which sites there are, a hub's devices.
 *
 *   erased   key id (16) -> nothing; of another key than a person's own, where that is known: owner (16), site
 *   away     key id (16) -> nothing: let go of, and welcome when it comes again
 *   devices  device (16) -> the row of the log's table
 *   in, out  see keyring_pair.c
 *   meta     "wipe" -> keys were deleted, and the file has not been written anew since; 1: some of them were erased,
 *                      and keyrings put aside are to go with them */
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/store/keyring_inside.h"

#define WIPE "wipe"

static struct bytes id_bytes(const struct key_id *id)
{
    return bytes_of(id->b, sizeof id->b);
}

/* ---- erasing ---- */

static void forget_owner(struct store_txn *txn, const struct key_id *id, struct bytes value)
{
    struct key_record record;
    struct store_key prefix;
    key_start(&prefix);
    if (keyring_clear_part(value, &record)) /* otherwise damaged: all of them are looked through */
        keyring_owner_key(&prefix, record.kind, &record.owner, bytes_str(record.site));
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(txn, T_OWNERS);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    while (more && !bytes_equal(item.value, id_bytes(id)))
        more = store_next_prefix(cursor, key_bytes(&prefix), &item);
    if (more)
        store_cursor_delete(cursor);
    store_cursor_close(cursor);
}

/* Nothing is left of what was deleted, then the mark goes. What was only put away may be in older keyrings beside this
 * one, which may yet be needed for others. */
static enum felloe_code wipe(struct keyring *keyring, bool erased, struct felloe_error *error)
{
    struct store_txn *txn;
    pthread_rwlock_wrlock(&keyring->lock);
    enum felloe_code code = store_rewrite(keyring->store, error);
    pthread_rwlock_unlock(&keyring->lock);
    if (code == FELLOE_OK && erased)
        code = keyring_forget_aside(keyring->dir, error);
    if (code == FELLOE_OK)
        code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    store_delete(txn, T_META, bytes_str(WIPE));
    return keyring_commit(keyring, txn, error);
}

static bool is_to_wipe(struct store_txn *txn, bool *erased)
{
    struct bytes mark = {0};
    bool there = store_get(txn, T_META, bytes_str(WIPE), &mark);
    *erased = there && mark.len > 0;
    return there;
}

void keyring_note_wipe(struct store_txn *txn)
{
    if (!store_get(txn, T_META, bytes_str(WIPE), NULL)) /* which may say more */
        store_put(txn, T_META, bytes_str(WIPE), (struct bytes){0});
}

void keyring_wipe_again(struct keyring *keyring)
{
    struct felloe_error error;
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return;
    bool unread = false, erased, again = is_to_wipe(txn, &erased);
    keyring_end_read(keyring, txn, &unread);
    if (unread)
        report(LEVEL_WARNING, "whether keys that were erased may still be found in the file cannot be read now: it is "
                              "looked at at the next start");
    if (again && wipe(keyring, erased, &error) != FELLOE_OK)
        report(LEVEL_WARNING, "keys were erased, but what they were may still be found in the file: %s", error.message);
}

struct deleting {
    struct store_txn *txn;
    unsigned table; /* in which they are listed */
    bool any;       /* keys were deleted */
    size_t listed;
};

/* Neither of the two tables may keep what the keys were. */
static void delete_wrapped(struct deleting *d, const struct key_id *id)
{
    for (unsigned table = T_IN; table <= T_OUT; table++)
        d->any |= store_delete(d->txn, table, id_bytes(id));
}

static void list_key(struct deleting *d, const struct key_id *id)
{
    if (store_get(d->txn, d->table, id_bytes(id), NULL))
        return;
    store_put(d->txn, d->table, id_bytes(id), (struct bytes){0});
    d->listed++;
}

/* Whose it was: for keyring_stone. */
static void list_with_owner(struct deleting *d, const struct key_id *id, const struct person_id *owner,
                            struct bytes site)
{
    struct store_key value;
    key_start(&value);
    key_put(&value, owner->b, sizeof owner->b);
    key_put(&value, site.data, site.len <= SLUG_MAX ? site.len : SLUG_MAX);
    d->listed += !store_get(d->txn, d->table, id_bytes(id), NULL);
    store_put(d->txn, d->table, id_bytes(id), key_bytes(&value));
}

static void delete_key(struct deleting *d, const struct key_id *id)
{
    struct bytes value;
    if (store_get(d->txn, T_KEYS, id_bytes(id), &value)) {
        forget_owner(d->txn, id, value);
        store_delete(d->txn, T_KEYS, id_bytes(id));
        d->any = true;
    }
    delete_wrapped(d, id);
    list_key(d, id);
}

/* With a person's own key, which goes by their id, go all others that are theirs: restricted ones, and what anybody
 * else made. */
static void delete_others(struct deleting *d, enum key_kind kind, const struct key_id *own)
{
    struct person_id owner;
    struct store_key prefix;
    struct store_item item;
    memcpy(owner.b, own->b, sizeof owner.b);
    key_start(&prefix);
    key_put_u8(&prefix, (uint8_t)kind);
    key_put(&prefix, owner.b, sizeof owner.b);
    struct store_cursor *cursor = store_cursor_open(d->txn, T_OWNERS);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more; more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct key_id id;
        char site[SLUG_MAX + 1] = "";
        if (item.value.len != sizeof id.b || item.key.len < prefix.len + 5u)
            continue;
        memcpy(id.b, item.value.data, sizeof id.b);
        bytes_to_text(bytes_of(item.key.data + prefix.len, item.key.len - prefix.len - 5u), site, sizeof site);
        store_cursor_delete(cursor);
        d->any |= store_delete(d->txn, T_KEYS, id_bytes(&id));
        delete_wrapped(d, &id);
        list_with_owner(d, &id, &owner, bytes_str(site));
    }
    store_cursor_close(cursor);
}

/* The same of those that wait to be opened: they say whose they are. */
static void delete_restricted_in(struct deleting *d, const struct key_id *own)
{
    struct store_item item;
    struct mp_reader r MP_UNSET;
    struct store_cursor *cursor = store_cursor_open(d->txn, T_IN);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    while (more) {
        struct key_record record;
        mp_reader_init(&r, item.value);
        if (mp_next(&r) && key_record_read(&r, &record) && record.kind == KEY_PERSON_AUDIENCE &&
            memcmp(record.owner.b, own->b, sizeof own->b) == 0) {
            store_cursor_delete(cursor);
            d->any = true;
            list_with_owner(d, &record.id, &record.owner, bytes_str(record.site));
        }
        more = store_next(cursor, &item);
    }
    store_cursor_close(cursor);
}

/* Deletes the keys, and lists them in this table. */
static enum felloe_code delete_keys(struct keyring *keyring, const struct key_id *ids, size_t count, unsigned table,
                                    struct felloe_error *error)
{
    struct store_txn *txn;
    enum felloe_code code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    struct deleting d = {.txn = txn, .table = table};
    bool erased;
    d.any = is_to_wipe(txn, &erased);
    erased = erased || table == T_ERASED;
    for (size_t i = 0; i < count; i++) {
        delete_key(&d, &ids[i]);
        delete_others(&d, KEY_PERSON, &ids[i]);
        delete_others(&d, KEY_PERSON_AUDIENCE, &ids[i]);
        delete_restricted_in(&d, &ids[i]);
    }
    d.any = d.any || (table == T_ERASED && d.listed > 0); /* it may be in a keyring that was put aside */
    if (d.any)
        store_put(txn, T_META, bytes_str(WIPE), bytes_of("\1", erased));
    if (d.listed == 0 && !d.any && store_failed(txn, NULL) == STORE_DONE) {
        keyring_end(keyring, txn);
        return FELLOE_OK;
    }
    code = keyring_commit(keyring, txn, error);
    keyring_opened_clear(keyring);
    return code == FELLOE_OK && d.any ? wipe(keyring, erased, error) : code;
}

bool keyring_refuses(struct store_txn *txn, const struct key_record *record)
{
    const struct key_id own = key_id_of_person(record->owner);
    if (store_get(txn, T_ERASED, id_bytes(&record->id), NULL))
        return true;
    return (record->kind == KEY_PERSON_AUDIENCE || record->kind == KEY_PERSON) &&
           store_get(txn, T_ERASED, id_bytes(&own), NULL);
}

bool keyring_erased_owner(struct keyring *keyring, const struct key_record *record, bool *unread)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    bool refused = txn != NULL && keyring_refuses(txn, record);
    keyring_end_read(keyring, txn, unread);
    return refused;
}

bool keyring_stone(struct keyring *keyring, const struct key_id *id, struct key_record *out)
{
    struct bytes value;
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return false;
    *out = (struct key_record){.id = *id, .kind = KEY_PERSON};
    bool found = store_get(txn, T_ERASED, id_bytes(id), &value) && value.len > sizeof out->owner.b;
    if (found) {
        memcpy(out->owner.b, value.data, sizeof out->owner.b);
        found = bytes_to_text(bytes_of(value.data + sizeof out->owner.b, value.len - sizeof out->owner.b), out->site,
                              sizeof out->site);
    }
    keyring_end(keyring, txn);
    return found;
}

enum felloe_code keyring_erase(struct keyring *keyring, const struct key_id *ids, size_t count,
                               struct felloe_error *error)
{
    return delete_keys(keyring, ids, count, T_ERASED, error);
}

enum felloe_code keyring_put_away(struct keyring *keyring, const struct key_id *ids, size_t count,
                                  struct felloe_error *error)
{
    return delete_keys(keyring, ids, count, T_AWAY, error);
}

static bool is_listed(struct keyring *keyring, const struct key_id *id, unsigned table, bool *unread)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    bool there = txn != NULL && store_get(txn, table, id_bytes(id), NULL);
    keyring_end_read(keyring, txn, unread);
    return there;
}

bool keyring_erased(struct keyring *keyring, const struct key_id *id, bool *unread)
{
    return is_listed(keyring, id, T_ERASED, unread);
}

bool keyring_away(struct keyring *keyring, const struct key_id *id, bool *unread)
{
    return is_listed(keyring, id, T_AWAY, unread);
}

/* ---- sites ---- */

bool keyring_site_at(struct keyring *keyring, size_t index, char site[SLUG_MAX + 1], bool *unread)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL) {
        keyring_end_read(keyring, NULL, unread);
        return false;
    }
    struct store_key prefix;
    key_start(&prefix);
    key_put_u8(&prefix, KEY_SITE);
    key_put(&prefix, PERSON_ID_NONE.b, sizeof PERSON_ID_NONE.b);
    struct store_item item;
    struct bytes last = {0};
    bool found = false;
    size_t at = 0;
    struct store_cursor *cursor = store_cursor_open(txn, T_OWNERS);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more && !found; more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        if (item.key.len < prefix.len + 1u + 4u)
            continue;
        struct bytes name = bytes_of(item.key.data + prefix.len, item.key.len - prefix.len - 5u);
        if (!slug_valid(name) || bytes_equal(name, last))
            continue;
        last = name;
        found = at++ == index && bytes_to_text(name, site, SLUG_MAX + 1);
    }
    store_cursor_close(cursor);
    keyring_end_read(keyring, txn, unread);
    return found;
}

/* ---- devices ---- */

enum felloe_code keyring_put_device(struct keyring *keyring, const struct device_id *device, struct bytes row,
                                    struct felloe_error *error)
{
    struct bytes key = bytes_of(device->b, sizeof device->b), there;
    struct store_txn *txn = keyring_begin_read(keyring);
    bool same = txn != NULL && store_get(txn, T_DEVICES, key, &there) && bytes_equal(there, row);
    if (txn != NULL)
        keyring_end(keyring, txn);
    if (same)
        return FELLOE_OK;
    enum felloe_code code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    store_put(txn, T_DEVICES, key, row);
    return keyring_commit(keyring, txn, error);
}

bool keyring_devices(struct keyring *keyring,
                     bool (*visit)(void *context, const struct device_id *device, struct bytes row), void *context,
                     bool *unread)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL) {
        keyring_end_read(keyring, NULL, unread);
        return false;
    }
    struct store_item item;
    bool any = false, going = true;
    struct store_cursor *cursor = store_cursor_open(txn, T_DEVICES);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more && going; more = store_next(cursor, &item)) {
        struct device_id device;
        if (item.key.len != sizeof device.b)
            continue;
        memcpy(device.b, item.key.data, sizeof device.b);
        any = true;
        going = visit(context, &device, item.value);
    }
    store_cursor_close(cursor);
    keyring_end_read(keyring, txn, unread);
    return any && going;
}

/* ---- all of it ---- */

bool keyring_visit(struct keyring *keyring, bool (*visit)(void *context, const struct key_record *record),
                   void *context)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return false;
    struct store_item item;
    bool going = true, whole = true, unread = false;
    struct store_cursor *cursor = store_cursor_open(txn, T_KEYS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more && going; more = store_next(cursor, &item)) {
        struct key_id id;
        struct key_record record = {0};
        bool opens = item.key.len == sizeof id.b;
        if (opens)
            memcpy(id.b, item.key.data, sizeof id.b);
        if (opens && keyring_clear_part(item.value, &record) && !keyring_opens(keyring, record.kind))
            continue; /* another session's */
        opens = opens && keyring_open_value(keyring, &id, item.value, &record);
        whole = whole && opens;
        going = !opens || visit(context, &record);
        explicit_bzero(&record, sizeof record);
    }
    store_cursor_close(cursor);
    keyring_end_read(keyring, txn, &unread);
    return whole && going && !unread;
}

bool keyring_visit_erased(struct keyring *keyring, bool (*visit)(void *context, const struct key_id *id), void *context)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return false;
    struct store_item item;
    bool going = true, unread = false;
    struct store_cursor *cursor = store_cursor_open(txn, T_ERASED);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more && going; more = store_next(cursor, &item)) {
        struct key_id id;
        going = item.key.len == sizeof id.b;
        if (going)
            memcpy(id.b, item.key.data, sizeof id.b);
        going = going && visit(context, &id);
    }
    store_cursor_close(cursor);
    keyring_end_read(keyring, txn, &unread);
    return going && !unread;
}

enum felloe_code keyring_copy(struct keyring *keyring, int descriptor, struct felloe_error *error)
{
    pthread_rwlock_rdlock(&keyring->lock);
    enum felloe_code code = store_copy(keyring->store, descriptor, error);
    pthread_rwlock_unlock(&keyring->lock);
    return code;
}
