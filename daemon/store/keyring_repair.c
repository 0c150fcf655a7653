/* SPDX-License-Identifier: Apache-2.0 */
/* Keys out of a damaged file, where pages lead to them and in its bare bytes; see keyring_repair.h. */
#include "daemon/store/keyring_repair.h"

#include <sodium.h>
#include <stdlib.h>

#include "daemon/store/keyring_inside.h"
#include "daemon/store/store_salvage.h"

#define TAKE_MAX 128u /* in one commit */

/* ---- is anything damaged? ---- */

static bool opens(struct keyring *keyring, struct bytes key, struct bytes value)
{
    struct key_record record;
    struct key_id id;
    if (key.len != sizeof id.b)
        return false;
    memcpy(id.b, key.data, sizeof id.b);
    bool good = keyring_open_value(keyring, &id, value, &record);
    sodium_memzero(&record, sizeof record);
    return good;
}

/* Whose it is, as its row says. */
static bool read_clear(struct bytes key, struct bytes value, struct key_record *out)
{
    const bool read = key.len == sizeof out->id.b && keyring_clear_part(value, out);
    if (read)
        memcpy(out->id.b, key.data, sizeof out->id.b);
    return read;
}

/* Does the table of owners name the key under whose it is? */
static bool owner_holds(struct store_txn *txn, const struct store_item *item, struct key_record *record)
{
    struct bytes value;
    struct store_key owner;
    if (item->value.len != sizeof record->id.b || !store_get(txn, T_KEYS, item->value, &value) ||
        !read_clear(item->value, value, record))
        return false;
    keyring_owner_key(&owner, record->kind, &record->owner, bytes_str(record->site));
    return item->key.len == owner.len + 4u && memcmp(item->key.data, owner.b, owner.len) == 0;
}

uint64_t keyring_count_damaged(struct keyring *keyring, bool *unread)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL) {
        keyring_end_read(keyring, NULL, unread);
        return 0;
    }
    uint64_t damaged = 0, keys = 0, named = 0; /* the last two of those that are to be in the table of owners */
    struct store_item item;
    struct key_record record;
    struct store_cursor *cursor = store_cursor_open(txn, T_KEYS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item)) {
        keys += !read_clear(item.key, item.value, &record) || !keyring_goes_by_owner(&record);
        damaged += !opens(keyring, item.key, item.value);
    }
    store_cursor_close(cursor);
    cursor = store_cursor_open(txn, T_OWNERS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item)) {
        const bool holds = owner_holds(txn, &item, &record);
        named += holds && !keyring_goes_by_owner(&record);
        damaged += !holds;
    }
    store_cursor_close(cursor);
    keyring_end_read(keyring, txn, unread);
    return damaged > 0 || named == keys ? damaged : 1;
}

/* ---- what was found ---- */

struct found_key {
    struct key_record record;
    uint32_t number; /* among its owner's: the first that came is the one to write under */
};
struct owner_row {
    struct key_id id;
    uint32_t number;
};
struct finding {
    struct keyring *into;
    struct found_key *keys;
    size_t count, cap;
    struct owner_row *owners;
    size_t owner_count, owner_cap;
    struct key_id *bad; /* rows that do not open */
    size_t bad_count, bad_cap;
    struct key_id erased[TAKE_MAX];
    size_t erased_count;
    bool no_memory;
    enum felloe_code code;
    struct felloe_error *error;
};

/* Room for one more; keys pass through some of it, so what was there is wiped. False: memory ran out. */
static bool grow(struct finding *f, void **array, size_t *cap, size_t count, size_t size)
{
    if (count < *cap)
        return true;
    const size_t more = *cap > 0 ? 2 * *cap : 128;
    void *new = calloc(more, size);
    if (new == NULL)
        return !(f->no_memory = true);
    if (count > 0) {
        memcpy(new, *array, count * size);
        sodium_memzero(*array, count * size);
    }
    free(*array);
    *array = new;
    *cap = more;
    return true;
}

static bool add_key(struct finding *f, const struct key_record *record)
{
    if (!grow(f, (void **)&f->keys, &f->cap, f->count, sizeof *f->keys))
        return false;
    f->keys[f->count++] = (struct found_key){.record = *record, .number = UINT32_MAX};
    return true;
}

static bool take_key(void *context, struct bytes key, struct bytes value)
{
    struct finding *f = context;
    struct key_record record;
    struct key_id id;
    if (key.len != sizeof id.b)
        return true;
    memcpy(id.b, key.data, sizeof id.b);
    bool fine;
    if (keyring_open_value(f->into, &id, value, &record)) {
        fine = add_key(f, &record);
    } else {
        fine = grow(f, (void **)&f->bad, &f->bad_cap, f->bad_count, sizeof *f->bad);
        if (fine)
            f->bad[f->bad_count++] = id;
    }
    sodium_memzero(&record, sizeof record);
    return fine;
}

static bool take_owner(void *context, struct bytes key, struct bytes value)
{
    struct finding *f = context;
    struct owner_row row;
    if (key.len < 5 || value.len != sizeof row.id.b)
        return true;
    memcpy(row.id.b, value.data, sizeof row.id.b);
    row.number = be_u32(key.data + key.len - 4);
    if (!grow(f, (void **)&f->owners, &f->owner_cap, f->owner_count, sizeof *f->owners))
        return false;
    f->owners[f->owner_count++] = row;
    return true;
}

/* A row of the table of keys begins on an even byte, and its value follows its key. Only the seal says that it is one.
 */
#define ROW_KEY sizeof(struct key_id)
static bool look(void *context, struct bytes piece, size_t fresh)
{
    struct finding *f = context;
    for (size_t at = 0; at < fresh && at + ROW_KEY + 18 <= piece.len; at += 2) {
        const uint8_t *value = piece.data + at + ROW_KEY;
        const size_t left = piece.len - at - ROW_KEY;
        const size_t len = keyring_value_size(bytes_of(value, left));
        if (len == 0 || len > left)
            continue;
        struct key_record record;
        struct key_id id;
        memcpy(id.b, piece.data + at, sizeof id.b);
        bool fine = !keyring_open_value(f->into, &id, bytes_of(value, len), &record) || add_key(f, &record);
        sodium_memzero(&record, sizeof record);
        if (!fine)
            return false;
    }
    return true;
}

/* ---- into the new keyring ---- */

static int compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct key_id));
}

static int compare_found(const void *left, const void *right)
{
    const struct found_key *a = left, *b = right;
    return memcmp(&a->record.id, &b->record.id, sizeof a->record.id);
}

static int compare_numbers(const void *left, const void *right)
{
    const struct found_key *a = left, *b = right;
    const int order = (a->number > b->number) - (a->number < b->number);
    return order != 0 ? order : compare_found(left, right);
}

/* Each once, in the order in which they came. */
static void order_keys(struct finding *f)
{
    _Static_assert(offsetof(struct owner_row, id) == 0, "rows are found by their ids");
    size_t kept = 0;
    if (f->count > 0)
        qsort(f->keys, f->count, sizeof *f->keys, compare_found);
    if (f->owner_count > 0)
        qsort(f->owners, f->owner_count, sizeof *f->owners, compare_ids);
    for (size_t i = 0; i < f->count; i++) {
        if (kept > 0 && compare_found(&f->keys[kept - 1], &f->keys[i]) == 0)
            continue;
        f->keys[kept] = f->keys[i];
        const struct owner_row *row = f->owner_count > 0 ? bsearch(&f->keys[kept].record.id, f->owners, f->owner_count,
                                                                   sizeof *f->owners, compare_ids)
                                                         : NULL;
        f->keys[kept++].number = row != NULL ? row->number : UINT32_MAX;
    }
    f->count = kept;
    if (f->count > 0)
        qsort(f->keys, f->count, sizeof *f->keys, compare_numbers);
}

static enum felloe_code put_keys(struct finding *f)
{
    struct key_record *some = calloc(TAKE_MAX, sizeof *some);
    enum felloe_code code = some != NULL ? FELLOE_OK : felloe_fail(f->error, FELLOE_FAILED, "out of memory");
    for (size_t at = 0; code == FELLOE_OK && at < f->count;) {
        size_t count = 0;
        while (count < TAKE_MAX && at < f->count)
            some[count++] = f->keys[at++].record;
        code = keyring_add(f->into, some, count, f->error);
    }
    if (some != NULL)
        sodium_memzero(some, TAKE_MAX * sizeof *some);
    free(some);
    return code;
}

static uint64_t count_lost(struct finding *f)
{
    uint64_t lost = 0;
    if (f->bad_count > 0)
        qsort(f->bad, f->bad_count, sizeof *f->bad, compare_ids);
    for (size_t i = 0; i < f->bad_count; i++)
        lost += (i == 0 || compare_ids(&f->bad[i - 1], &f->bad[i]) != 0) &&
                !keyring_has(f->into, &f->bad[i], NULL) && !keyring_erased(f->into, &f->bad[i], NULL);
    return lost;
}

/* ---- what lies beside the keys ---- */

static bool put_erased(struct finding *f)
{
    if (f->erased_count > 0)
        f->code = keyring_erase(f->into, f->erased, f->erased_count, f->error);
    f->erased_count = 0;
    return f->code == FELLOE_OK;
}

static bool take_erased(void *context, struct bytes key, struct bytes value)
{
    struct finding *f = context;
    if (key.len != sizeof f->erased[0].b || value.len > sizeof(struct person_id) + SLUG_MAX)
        return true;
    memcpy(f->erased[f->erased_count++].b, key.data, sizeof f->erased[0].b);
    return f->erased_count < TAKE_MAX || put_erased(f);
}

struct looking_for {
    struct device_id id;
    bool found;
};
static bool look_for(void *context, const struct device_id *device, struct bytes row)
{
    struct looking_for *l = context;
    (void)row;
    l->found = device_id_equal(device, &l->id);
    return !l->found;
}

/* What waits to be opened, and what a locked laptop brings to its hub: only the pair could tell whether they are right,
 * so it is enough that they name what they lie under. */
static bool names_itself(struct bytes key, struct bytes value, struct key_record *out)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, value);
    return mp_next(&r) && mp_object(&r).len == value.len && key_record_read(&r, out) &&
           bytes_equal(key, bytes_of(out->id.b, sizeof out->id.b));
}

static bool take_in(void *context, struct bytes key, struct bytes value)
{
    struct finding *f = context;
    struct key_record record;
    if (names_itself(key, value, &record))
        f->code = keyring_put_in(f->into, &value, 1, f->error);
    return f->code == FELLOE_OK;
}

static bool take_out(void *context, struct bytes key, struct bytes value)
{
    struct finding *f = context;
    struct key_record record;
    if (names_itself(key, value, &record))
        f->code = keyring_put_out(f->into, &record.id, value, f->error);
    return f->code == FELLOE_OK;
}

/* The newest comes first. A hub's log has them too, and puts right what is wrong here. */
static bool take_device(void *context, struct bytes key, struct bytes value)
{
    struct finding *f = context;
    struct looking_for l = {.found = false};
    if (key.len != sizeof l.id.b)
        return true;
    memcpy(l.id.b, key.data, sizeof l.id.b);
    bool unread = false;
    keyring_devices(f->into, look_for, &l, &unread);
    if (unread)
        f->code = keyring_unread(f->error);
    else if (!l.found)
        f->code = keyring_put_device(f->into, &l.id, value, f->error);
    return f->code == FELLOE_OK;
}

/* ---- all of it ---- */

/* Erased ones first: none of them is ever here, not for a moment. */
static enum felloe_code repair(struct finding *f, struct store_salvage *old, struct keyring_repair_result *out)
{
    bool fine = store_salvage_table(old, "erased", take_erased, f) && put_erased(f) &&
                store_salvage_table(old, "owners", take_owner, f) && store_salvage_table(old, "keys", take_key, f) &&
                store_salvage_bytes(old, look, f) && !f->no_memory;
    if (fine) {
        order_keys(f);
        f->code = put_keys(f);
    }
    fine = fine && f->code == FELLOE_OK && store_salvage_table(old, "devices", take_device, f) &&
           store_salvage_table(old, "in", take_in, f) && store_salvage_table(old, "out", take_out, f);
    if (!fine && f->code == FELLOE_OK)
        f->code = felloe_fail(f->error, FELLOE_FAILED, "out of memory");
    out->kept = keyring_count(f->into);
    out->lost = count_lost(f);
    return f->code;
}

enum felloe_code keyring_repair(const char *damaged, struct keyring *into, struct keyring_repair_result *out,
                                struct felloe_error *error)
{
    *out = (struct keyring_repair_result){0};
    struct store_salvage *old;
    enum felloe_code code = store_salvage_open(&old, damaged, error);
    if (code != FELLOE_OK)
        return code == FELLOE_NOT_FOUND ? FELLOE_OK : code;
    struct finding f = {.into = into, .error = error};
    code = repair(&f, old, out);
    if (f.keys != NULL)
        sodium_memzero(f.keys, f.cap * sizeof *f.keys);
    free(f.keys);
    free(f.owners);
    free(f.bad);
    store_salvage_close(old);
    return code;
}
