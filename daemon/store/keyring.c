/* SPDX-License-Identifier: Apache-2.0 */
/* The data keys at rest, in D/keys; what a row of `keys` is made of is in keyring_row.c, what else lies there in
 * keyring_lists.c and keyring_pair.c:
 *
 *   keys    key id (16) -> the key, sealed, and whose it is
 *   owners  kind (1), owner (16), site, NUL, number (4) -> key id; numbers from 0 in the order in which they came. A
 *           person's own key, which is called as they are, needs none (but has one where an earlier version put it) */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/store/keyring_inside.h"

static const char *const table_names[] = {"keys", "owners", "erased", "devices", "meta", "away", "in", "out"};

bool keyring_opens(const struct keyring *keyring, enum key_kind kind)
{
    return !keyring->locked && (keyring->second || !key_kind_restricted(kind));
}

void keyring_close(struct keyring *keyring)
{
    if (keyring == NULL)
        return;
    store_close(keyring->store);
    keyring_opened_free(keyring->opened);
    pthread_rwlock_destroy(&keyring->lock);
    sodium_munlock(keyring->key, sizeof keyring->key); /* wipes it */
    free(keyring);
}

/* ---- transactions: none while the file is written anew ---- */

struct store_txn *keyring_begin_read(struct keyring *keyring)
{
    struct store_txn *txn;
    pthread_rwlock_rdlock(&keyring->lock);
    if (store_begin_read(keyring->store, &txn, NULL) == FELLOE_OK)
        return txn;
    pthread_rwlock_unlock(&keyring->lock);
    return NULL;
}

enum felloe_code keyring_begin_write(struct keyring *keyring, struct store_txn **txn, struct felloe_error *error)
{
    if (keyring_failed(keyring))
        return felloe_fail(error, FELLOE_STORAGE,
                           "the disk failed while keys were written. The daemon has to be started again");
    pthread_rwlock_rdlock(&keyring->lock);
    enum felloe_code code = store_begin_write(keyring->store, txn, error);
    if (code != FELLOE_OK)
        pthread_rwlock_unlock(&keyring->lock);
    return code;
}

enum felloe_code keyring_commit(struct keyring *keyring, struct store_txn *txn, struct felloe_error *error)
{
    struct felloe_error why = {0};
    enum store_outcome outcome = store_commit(txn, &why);
    pthread_rwlock_unlock(&keyring->lock);
    if (outcome == STORE_DONE)
        return FELLOE_OK;
    if (outcome == STORE_UNKNOWN)
        atomic_store(&keyring->failed, true);
    return felloe_fail(error, why.code, "%s", why.message);
}

enum felloe_code keyring_rest(struct keyring *keyring, struct felloe_error *error)
{
    pthread_rwlock_rdlock(&keyring->lock);
    enum felloe_code code = store_rest(keyring->store, error);
    pthread_rwlock_unlock(&keyring->lock);
    if (code != FELLOE_OK)
        atomic_store(&keyring->failed, true);
    return code;
}

void keyring_end(struct keyring *keyring, struct store_txn *txn)
{
    store_abort(txn);
    pthread_rwlock_unlock(&keyring->lock);
}

void keyring_end_read(struct keyring *keyring, struct store_txn *txn, bool *unread)
{
    const bool failed = txn == NULL || store_failed(txn, NULL) != STORE_DONE;
    if (failed && unread != NULL)
        *unread = true;
    if (txn != NULL)
        keyring_end(keyring, txn);
}

enum felloe_code keyring_unread(struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_STORAGE,
                       "The keys on this device cannot be read at the moment; none is lost. Try again in a while");
}

/* ---- opening ---- */

/* Is the row one that a half that everybody has would open? */
static bool under_first_half(struct keyring *keyring, const struct key_id *id, struct bytes value,
                             struct key_record *out)
{
    struct keyring without = {.second = true}; /* the first half alone is zeros: what opens is under the second */
    memcpy(without.key + KEYRING_HALF_SIZE, keyring->key + KEYRING_HALF_SIZE, KEYRING_HALF_SIZE);
    bool second = keyring_open_value(&without, id, value, out);
    sodium_memzero(without.key, sizeof without.key);
    return !second && keyring_open_value(keyring, id, value, out);
}

static size_t seal_again(struct keyring *keyring, struct store_txn *txn, enum key_kind kind)
{
    struct store_key prefix;
    struct store_item item;
    struct key_record record;
    struct bytes value;
    size_t done = 0;
    key_start(&prefix);
    key_put_u8(&prefix, (uint8_t)kind);
    struct store_cursor *cursor = store_cursor_open(txn, T_OWNERS);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more; more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        uint8_t sealed[KEYRING_VALUE_MAX];
        struct key_id id;
        if (item.value.len != sizeof id.b)
            continue;
        memcpy(id.b, item.value.data, sizeof id.b);
        if (!store_get(txn, T_KEYS, bytes_of(id.b, sizeof id.b), &value) ||
            !under_first_half(keyring, &id, value, &record))
            continue;
        store_put(txn, T_KEYS, bytes_of(id.b, sizeof id.b), bytes_of(sealed, keyring_seal(keyring, &record, sealed)));
        done++;
    }
    store_cursor_close(cursor);
    sodium_memzero(&record, sizeof record);
    return done;
}

/* Restricted keys of before there was a second half: nothing of them may stay under the first. */
static enum felloe_code seal_under_second_half(struct keyring *keyring, struct felloe_error *error)
{
    struct store_txn *txn;
    enum felloe_code code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    size_t done = seal_again(keyring, txn, KEY_PERSON_AUDIENCE) + seal_again(keyring, txn, KEY_SITE_AUDIENCE);
    if (done == 0) {
        keyring_end(keyring, txn);
        return FELLOE_OK;
    }
    keyring_note_wipe(txn);
    code = keyring_commit(keyring, txn, error);
    keyring_wipe_again(keyring);
    return code;
}

enum felloe_code keyring_open(struct keyring **out, const char *dir, const uint8_t *keyring_key,
                              struct felloe_error *error)
{
    *out = NULL;
    struct keyring *keyring = calloc(1, sizeof *keyring);
    if (keyring == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/keys", dir) >= (int)sizeof path) {
        free(keyring);
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", dir);
    }
    const struct store_options options = {.dir = path,
                                          .what = "the keyring",
                                          .tables = table_names,
                                          .table_count = T_COUNT,
                                          .sync = STORE_JOURNALLED,
                                          .map_bytes = (size_t)8 << 30};
    enum felloe_code code = store_open(&keyring->store, &options, error);
    if (code != FELLOE_OK) {
        free(keyring);
        return code;
    }
    snprintf(keyring->dir, sizeof keyring->dir, "%s", dir);
    pthread_rwlock_init(&keyring->lock, NULL);
    keyring_wipe_again(keyring);
    if (sodium_mlock(keyring->key, sizeof keyring->key) != 0)
        report(LEVEL_WARNING, "the keyring's key may be swapped to disk: locking memory is not permitted here");
    keyring->locked = keyring_key == NULL;
    keyring->opened = keyring->locked ? NULL : keyring_opened_new();
    if (keyring_key != NULL)
        memcpy(keyring->key, keyring_key, sizeof keyring->key);
    keyring->second = !sodium_is_zero(keyring->key + KEYRING_HALF_SIZE, KEYRING_HALF_SIZE);
    code = keyring->second ? seal_under_second_half(keyring, error) : FELLOE_OK;
    if (code != FELLOE_OK) {
        keyring_close(keyring);
        return code;
    }
    *out = keyring;
    return FELLOE_OK;
}

/* ---- adding ---- */

void keyring_owner_key(struct store_key *key, enum key_kind kind, const struct person_id *owner, struct bytes site)
{
    key_start(key);
    key_put_u8(key, (uint8_t)kind);
    key_put(key, owner->b, sizeof owner->b);
    key_put(key, site.data, site.len);
    key_put_u8(key, 0);
}

static bool value_opens(const struct keyring *keyring, struct bytes value)
{
    return keyring_value_size(value) > 0 && keyring_opens(keyring, (enum key_kind)value.data[0]);
}

/* Is the same key there already? FELLOE_NOT_FOUND: no. FELLOE_DAMAGED: another key has this id. */
static enum felloe_code compare(struct keyring *keyring, struct store_txn *txn, const struct key_record *record,
                                struct felloe_error *error)
{
    struct bytes value;
    if (!store_get(txn, T_KEYS, bytes_of(record->id.b, sizeof record->id.b), &value))
        return FELLOE_NOT_FOUND;
    struct key_record there;
    bool opened = keyring_open_value(keyring, &record->id, value, &there);
    bool same = opened && there.kind == record->kind && person_id_equal(&there.owner, &record->owner) &&
                audience_equal(&there.members, &record->members) &&
                sodium_memcmp(there.key.b, record->key.b, sizeof there.key.b) == 0;
    sodium_memzero(&there, sizeof there);
    if (same)
        return FELLOE_OK;
    char hex[33];
    hex_encode(bytes_of(record->id.b, sizeof record->id.b), hex);
    return felloe_fail(error, FELLOE_DAMAGED,
                       opened ? "a second, different key came under the name %s; the first is kept"
                              : "the key %s on this device cannot be opened: it is damaged",
                       hex);
}

bool keyring_goes_by_owner(const struct key_record *record)
{
    const struct key_id own = key_id_of_person(record->owner);
    return record->kind == KEY_PERSON && memcmp(&record->id, &own, sizeof own) == 0;
}

static void put_owner(struct store_txn *txn, const struct key_record *record)
{
    struct store_key key;
    keyring_owner_key(&key, record->kind, &record->owner, bytes_str(record->site));
    uint32_t number = 0;
    struct store_item last;
    struct store_cursor *cursor = store_cursor_open(txn, T_OWNERS);
    if (store_last_prefix(cursor, key_bytes(&key), &last) && last.key.len == key.len + 4u)
        number = be_u32(last.key.data + key.len) + 1;
    store_cursor_close(cursor);
    key_put_u32(&key, number);
    store_put(txn, T_OWNERS, key_bytes(&key), bytes_of(record->id.b, sizeof record->id.b));
}

/* Of many keys each row lies on a page of its own, which is written anew: so there are no more than are needed. */
static void add_one(struct keyring *keyring, struct store_txn *txn, const struct key_record *record, struct bytes out)
{
    uint8_t value[KEYRING_VALUE_MAX];
    size_t len = keyring_seal(keyring, record, value);
    store_put(txn, T_KEYS, bytes_of(record->id.b, sizeof record->id.b), bytes_of(value, len));
    store_delete(txn, T_AWAY, bytes_of(record->id.b, sizeof record->id.b));
    if (out.len > 0)
        store_put(txn, T_OUT, bytes_of(record->id.b, sizeof record->id.b), out);
    if (!keyring_goes_by_owner(record))
        put_owner(txn, record);
}

/* One that somebody made for a person who was erased is listed with the others, so
 * that nobody asks for it. */
enum felloe_code keyring_add_new(struct keyring *keyring, struct store_txn *txn, const struct key_record *records,
                                 const struct bytes *out, size_t count, size_t *added, struct felloe_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!keyring_opens(keyring, records[i].kind))
            return felloe_fail(error, FELLOE_DENIED,
                               keyring->locked ? "this laptop is locked: no key can be added"
                                               : "restricted keys cannot be added in this session: it is not the "
                                                 "laptop's own worker's");
        const struct bytes id = bytes_of(records[i].id.b, sizeof records[i].id.b);
        if (store_get(txn, T_ERASED, id, NULL))
            continue;
        enum felloe_code code = compare(keyring, txn, &records[i], error);
        if (code == FELLOE_DAMAGED)
            return code;
        if (code != FELLOE_NOT_FOUND)
            continue;
        if (keyring_refuses(txn, &records[i]))
            store_put(txn, T_ERASED, id, (struct bytes){0});
        else
            add_one(keyring, txn, &records[i], out != NULL ? out[i] : (struct bytes){0});
        (*added)++;
    }
    return FELLOE_OK;
}

enum felloe_code keyring_add(struct keyring *keyring, const struct key_record *records, size_t count,
                             struct felloe_error *error)
{
    return keyring_add_made(keyring, records, NULL, count, error);
}

enum felloe_code keyring_add_made(struct keyring *keyring, const struct key_record *records, const struct bytes *out,
                                  size_t count, struct felloe_error *error)
{
    if (count == 0)
        return FELLOE_OK;
    struct store_txn *txn;
    size_t added = 0;
    enum felloe_code code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    code = keyring_add_new(keyring, txn, records, out, count, &added, error);
    if (code != FELLOE_OK || (added == 0 && store_failed(txn, NULL) == STORE_DONE)) {
        keyring_end(keyring, txn);
        return code;
    }
    return keyring_commit(keyring, txn, error);
}

/* ---- reading ---- */

static enum felloe_code get(struct keyring *keyring, struct store_txn *txn, const struct key_id *id,
                            struct key_record *out)
{
    struct bytes value;
    if (!store_get(txn, T_KEYS, bytes_of(id->b, sizeof id->b), &value))
        return store_failed(txn, NULL) == STORE_DONE ? FELLOE_NOT_FOUND : FELLOE_STORAGE;
    if (keyring_open_value(keyring, id, value, out))
        return FELLOE_OK;
    return keyring_value_size(value) == 0 || value_opens(keyring, value) ? FELLOE_DAMAGED : FELLOE_NOT_FOUND;
}

enum felloe_code keyring_get(struct keyring *keyring, const struct key_id *id, struct key_record *out)
{
    if (keyring_opened_get(keyring->opened, id, out))
        return FELLOE_OK;
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return FELLOE_STORAGE;
    enum felloe_code code = get(keyring, txn, id, out);
    if (code == FELLOE_OK)
        keyring_opened_put(keyring->opened, out);
    keyring_end(keyring, txn);
    return code;
}

bool keyring_has(struct keyring *keyring, const struct key_id *id, bool *unread)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    struct bytes value;
    bool there = txn != NULL && store_get(txn, T_KEYS, bytes_of(id->b, sizeof id->b), &value) &&
                 value_opens(keyring, value);
    keyring_end_read(keyring, txn, unread);
    return there;
}

bool keyring_holds(struct keyring *keyring, const struct key_id *id, bool *unread)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    bool there = txn != NULL && (store_get(txn, T_KEYS, bytes_of(id->b, sizeof id->b), NULL) ||
                                 store_get(txn, T_IN, bytes_of(id->b, sizeof id->b), NULL));
    keyring_end_read(keyring, txn, unread);
    return there;
}

enum felloe_code keyring_site_key(struct keyring *keyring, struct bytes site, struct key_record *out)
{
    if (site.len > SLUG_MAX)
        return FELLOE_NOT_FOUND;
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return FELLOE_STORAGE;
    struct store_key key;
    keyring_owner_key(&key, KEY_SITE, &PERSON_ID_NONE, site);
    struct store_item first;
    struct key_id id;
    struct store_cursor *cursor = store_cursor_open(txn, T_OWNERS);
    bool there = store_seek_prefix(cursor, key_bytes(&key), &first) && first.value.len == sizeof id.b;
    if (there)
        memcpy(id.b, first.value.data, sizeof id.b);
    store_cursor_close(cursor);
    enum felloe_code code = there ? get(keyring, txn, &id, out) : FELLOE_NOT_FOUND;
    if (code == FELLOE_NOT_FOUND && store_failed(txn, NULL) != STORE_DONE)
        code = FELLOE_STORAGE;
    keyring_end(keyring, txn);
    return code;
}

enum felloe_code keyring_audience_key(struct keyring *keyring, const struct key_record *like, struct key_record *out)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return FELLOE_STORAGE;
    struct store_key prefix;
    struct store_item item;
    enum felloe_code code = FELLOE_NOT_FOUND;
    keyring_owner_key(&prefix, like->kind, &like->owner, bytes_str(like->site));
    struct store_cursor *cursor = store_cursor_open(txn, T_OWNERS);
    bool more = store_seek_prefix(cursor, key_bytes(&prefix), &item);
    for (; more && code != FELLOE_OK; more = store_next_prefix(cursor, key_bytes(&prefix), &item)) {
        struct key_id id;
        if (item.value.len != sizeof id.b)
            continue;
        memcpy(id.b, item.value.data, sizeof id.b);
        if (get(keyring, txn, &id, out) == FELLOE_OK && audience_equal(&out->members, &like->members))
            code = FELLOE_OK;
    }
    store_cursor_close(cursor);
    if (code != FELLOE_OK)
        sodium_memzero(out, sizeof *out);
    if (code == FELLOE_NOT_FOUND && store_failed(txn, NULL) != STORE_DONE)
        code = FELLOE_STORAGE;
    keyring_end(keyring, txn);
    return code;
}

bool keyring_failed(struct keyring *keyring)
{
    return atomic_load(&keyring->failed);
}

size_t keyring_count(struct keyring *keyring)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return 0;
    size_t count = (size_t)store_count(txn, T_KEYS);
    keyring_end(keyring, txn);
    return count;
}
