/* SPDX-License-Identifier: Apache-2.0 */
/* Keys out of a damaged file; see keyring_repair.h. */
#include "daemon/store/keyring_repair.h"

#include <sodium.h>

#include "daemon/store/keyring_inside.h"
#include "daemon/store/store_salvage.h"

#define TAKE_MAX 128u /* in one commit */

uint64_t keyring_count_damaged(struct keyring *keyring)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return 0;
    uint64_t damaged = 0;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(txn, T_KEYS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item)) {
        struct key_record record;
        struct key_id id;
        bool opens = item.key.len == sizeof id.b;
        if (opens) {
            memcpy(id.b, item.key.data, sizeof id.b);
            opens = keyring_open_value(keyring, &id, item.value, &record);
            sodium_memzero(&record, sizeof record);
        }
        damaged += !opens;
    }
    store_cursor_close(cursor);
    keyring_end(keyring, txn);
    return damaged;
}

struct taking {
    struct keyring *into;
    struct keyring_repair_result *out;
    struct key_record records[TAKE_MAX];
    struct key_id ids[TAKE_MAX];
    size_t count, id_count;
    enum felloe_code code;
    struct felloe_error *error;
};

static void put_keys(struct taking *t)
{
    if (t->code == FELLOE_OK && t->count > 0)
        t->code = keyring_add(t->into, t->records, t->count, t->error);
    sodium_memzero(t->records, sizeof t->records);
    t->out->kept += t->code == FELLOE_OK ? t->count : 0;
    t->count = 0;
}

static void put_erased(struct taking *t)
{
    if (t->code == FELLOE_OK && t->id_count > 0)
        t->code = keyring_erase(t->into, t->ids, t->id_count, t->error);
    t->id_count = 0;
}

static bool take_key(void *context, struct bytes key, struct bytes value)
{
    struct taking *t = context;
    struct key_record *record = &t->records[t->count];
    struct key_id id;
    if (key.len != sizeof id.b)
        return true;
    memcpy(id.b, key.data, sizeof id.b);
    if (keyring_open_value(t->into, &id, value, record))
        t->count++;
    else
        t->out->lost++;
    if (t->count == TAKE_MAX)
        put_keys(t);
    return t->code == FELLOE_OK;
}

static bool take_erased(void *context, struct bytes key, struct bytes value)
{
    struct taking *t = context;
    (void)value;
    if (key.len != sizeof t->ids[0].b)
        return true;
    memcpy(t->ids[t->id_count++].b, key.data, sizeof t->ids[0].b);
    if (t->id_count == TAKE_MAX)
        put_erased(t);
    return t->code == FELLOE_OK;
}

/* A hub's log has them too, and puts right what is wrong here. */
static bool take_device(void *context, struct bytes key, struct bytes value)
{
    struct taking *t = context;
    struct device_id id;
    if (key.len != sizeof id.b)
        return true;
    memcpy(id.b, key.data, sizeof id.b);
    t->code = keyring_put_device(t->into, &id, value, t->error);
    return t->code == FELLOE_OK;
}

enum felloe_code keyring_repair(const char *damaged, struct keyring *into, struct keyring_repair_result *out,
                                struct felloe_error *error)
{
    *out = (struct keyring_repair_result){0};
    struct store_salvage *old;
    enum felloe_code code = store_salvage_open(&old, damaged, error);
    if (code == FELLOE_NOT_FOUND || code == FELLOE_DAMAGED)
        return FELLOE_OK;
    if (code != FELLOE_OK)
        return code;
    struct taking *t = sodium_malloc(sizeof *t); /* keys pass through it */
    if (t == NULL) {
        store_salvage_close(old);
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    }
    memset(t, 0, sizeof *t);
    t->into = into;
    t->out = out;
    t->error = error;
    bool fine = store_salvage_table(old, "erased", take_erased, t);
    put_erased(t);
    fine = fine && store_salvage_table(old, "keys", take_key, t);
    put_keys(t);
    fine = fine && store_salvage_table(old, "devices", take_device, t);
    if (!fine && t->code == FELLOE_OK)
        t->code = felloe_fail(error, FELLOE_FAILED, "out of memory");
    out->pages_lost = store_salvage_lost(old);
    code = t->code;
    sodium_free(t);
    store_salvage_close(old);
    return code;
}
