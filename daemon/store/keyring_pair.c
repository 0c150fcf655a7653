/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as they are wrapped for the pair of laptop and hub, in D/keys, so that a locked laptop can share and receive:
 *
 *   in   key id (16) -> the key record (proto/event/key_record.h) as it came from the hub, to be opened later
 *   out  key id (16) -> the key record of a key that was made here, as the hub is to have it */
#include <sodium.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/store/identity.h"
#include "daemon/store/keyring_inside.h"

#define TAKE_MAX 64u /* in one commit */

static struct bytes id_bytes(const struct key_id *id)
{
    return bytes_of(id->b, sizeof id->b);
}

bool keyring_get_out(struct keyring *keyring, const struct key_id *id, struct buffer *out)
{
    struct bytes record;
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return false;
    bool there = store_get(txn, T_OUT, id_bytes(id), &record) && record.len > 0;
    if (there)
        buffer_append(out, record.data, record.len);
    keyring_end(keyring, txn);
    return there;
}

enum felloe_code keyring_put_out(struct keyring *keyring, const struct key_id *id, struct bytes record,
                                 struct felloe_error *error)
{
    struct store_txn *txn;
    enum felloe_code code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    if (!store_get(txn, T_KEYS, id_bytes(id), NULL)) {
        keyring_end(keyring, txn);
        return FELLOE_OK;
    }
    store_put(txn, T_OUT, id_bytes(id), record);
    return keyring_commit(keyring, txn, error);
}

/* ---- out, when the keys of the pair have changed ---- */

#define PAIR "pair" /* in the table of marks: for which pair the records in `out` are */
#define PAIR_SIZE 16

static void pair_of(const struct identity *me, uint8_t out[PAIR_SIZE])
{
    uint8_t both[2 * BOX_KEY_SIZE];
    memcpy(both, me->box_public.b, BOX_KEY_SIZE);
    memcpy(both + BOX_KEY_SIZE, me->hub_box.b, BOX_KEY_SIZE);
    crypto_generichash(out, PAIR_SIZE, both, sizeof both, NULL, 0);
}

static struct key_id *out_ids(struct store_txn *txn, size_t *count)
{
    struct store_item item;
    struct key_id *ids = calloc(store_count(txn, T_OUT) + 1, sizeof *ids);
    struct store_cursor *cursor = ids != NULL ? store_cursor_open(txn, T_OUT) : NULL;
    *count = 0;
    for (bool more = cursor != NULL && store_seek(cursor, (struct bytes){0}, &item); more;
         more = store_next(cursor, &item))
        if (item.key.len == sizeof ids->b)
            memcpy(ids[(*count)++].b, item.key.data, sizeof ids->b);
    store_cursor_close(cursor);
    return ids;
}

/* False: it cannot be opened in this session. */
static bool wrap_one(struct keyring *keyring, struct store_txn *txn, const struct key_id *id,
                     const struct box_shared *shared)
{
    struct bytes value;
    struct key_record record;
    struct buffer wrapped = {0};
    uint8_t nonce[BOX_NONCE_SIZE];
    if (!store_get(txn, T_KEYS, id_bytes(id), &value) || !keyring_open_value(keyring, id, value, &record))
        return false;
    randombytes_buf(nonce, sizeof nonce);
    key_record_wrap(&record, shared, nonce, &wrapped);
    bool fine = !wrapped.failed;
    if (fine)
        store_put(txn, T_OUT, id_bytes(id), buffer_bytes(&wrapped));
    sodium_memzero(&record, sizeof record);
    buffer_release(&wrapped);
    return fine;
}

enum felloe_code keyring_wrap_anew(struct keyring *keyring, const struct identity *me, size_t *wrapped,
                                   struct felloe_error *error)
{
    struct store_txn *txn;
    struct box_shared shared;
    struct bytes kept;
    uint8_t pair[PAIR_SIZE];
    *wrapped = 0;
    pair_of(me, pair);
    if (me->locked || !box_shared_of(&shared, &me->hub_box, &me->box_secret))
        return FELLOE_OK;
    enum felloe_code code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    size_t count = 0;
    const bool same = store_get(txn, T_META, bytes_str(PAIR), &kept) && bytes_equal(kept, bytes_of(pair, sizeof pair));
    struct key_id *ids = same ? NULL : out_ids(txn, &count);
    for (size_t i = 0; i < count; i++)
        *wrapped += wrap_one(keyring, txn, &ids[i], &shared);
    if (ids != NULL && *wrapped == count) /* else another session wraps the others */
        store_put(txn, T_META, bytes_str(PAIR), bytes_of(pair, sizeof pair));
    const bool changed = ids != NULL;
    free(ids);
    sodium_memzero(&shared, sizeof shared);
    if (changed)
        return keyring_commit(keyring, txn, error);
    keyring_end(keyring, txn);
    return FELLOE_OK;
}

/* ---- in ---- */

static bool read_clear(struct bytes record, struct key_record *out)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, record);
    return mp_next(&r) && mp_object(&r).len == record.len && key_record_read(&r, out);
}

enum felloe_code keyring_put_in(struct keyring *keyring, const struct bytes *records, size_t count,
                                struct felloe_error *error)
{
    struct store_txn *txn;
    size_t put = 0;
    if (count == 0)
        return FELLOE_OK;
    enum felloe_code code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    uint64_t there = store_count(txn, T_IN);
    for (size_t i = 0; i < count; i++) {
        struct key_id id;
        struct key_record clear;
        if (!read_clear(records[i], &clear) || keyring_refuses(txn, &clear) ||
            store_get(txn, T_KEYS, id_bytes(&clear.id), NULL))
            continue;
        id = clear.id;
        const bool again = store_get(txn, T_IN, id_bytes(&id), NULL);
        if (!again && there + put >= KEYRING_IN_MAX)
            break;
        put += !again;
        store_put(txn, T_IN, id_bytes(&id), records[i]);
        store_delete(txn, T_AWAY, id_bytes(&id));
    }
    return keyring_commit(keyring, txn, error);
}

bool keyring_visit_in(struct keyring *keyring,
                      bool (*visit)(void *context, const struct key_id *id, struct bytes record), void *context)
{
    struct store_txn *txn = keyring_begin_read(keyring);
    if (txn == NULL)
        return false;
    struct store_item item;
    bool going = true, unread = false;
    struct store_cursor *cursor = store_cursor_open(txn, T_IN);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more && going; more = store_next(cursor, &item)) {
        struct key_id id;
        if (item.key.len != sizeof id.b)
            continue;
        memcpy(id.b, item.key.data, sizeof id.b);
        going = visit(context, &id, item.value);
    }
    store_cursor_close(cursor);
    keyring_end_read(keyring, txn, &unread);
    return going && !unread;
}

enum felloe_code keyring_drop_in(struct keyring *keyring, const struct key_id *ids, size_t count,
                                 struct felloe_error *error)
{
    struct store_txn *txn;
    if (count == 0)
        return FELLOE_OK;
    enum felloe_code code = keyring_begin_write(keyring, &txn, error);
    if (code != FELLOE_OK)
        return code;
    for (size_t i = 0; i < count; i++)
        store_delete(txn, T_IN, id_bytes(&ids[i]));
    return keyring_commit(keyring, txn, error);
}

/* ---- taking in ---- */

struct taking {
    struct keyring *keyring;
    struct box_shared shared[6]; /* of what this device's key is, was, and will be, with what the hub's is, and was */
    size_t shared_count;
    struct mp_reader reader;
    struct key_record records[TAKE_MAX];
    struct key_id done[TAKE_MAX]; /* to be taken out of the table: those, and what can never be opened */
    size_t count, done_count, left;
};

static void find_shared(struct taking *t, const struct identity *me)
{
    const struct box_secret *const mine[] = {&me->box_secret, &me->box_before, &me->box_next};
    const struct box_public *const hubs[] = {&me->hub_box, &me->hub_box_before};
    for (size_t i = 0; i < sizeof hubs / sizeof *hubs; i++)
        for (size_t j = 0; j < sizeof mine / sizeof *mine; j++)
            if (!sodium_is_zero(mine[j]->b, sizeof mine[j]->b) && !sodium_is_zero(hubs[i]->b, sizeof hubs[i]->b) &&
                box_shared_of(&t->shared[t->shared_count], hubs[i], mine[j]))
                t->shared_count++;
}

static bool unwrap(struct taking *t, struct bytes record, struct key_record *out)
{
    bool opens = false;
    for (size_t i = 0; i < t->shared_count && !opens; i++) {
        mp_reader_init(&t->reader, record);
        opens = mp_next(&t->reader) && key_record_unwrap(&t->reader, &t->shared[i], out);
    }
    return opens;
}

/* True: there is room for more. */
static bool take_one(void *context, const struct key_id *id, struct bytes record)
{
    struct taking *t = context;
    struct key_record *out = &t->records[t->count], clear;
    mp_reader_init(&t->reader, record);
    if (mp_next(&t->reader) && key_record_read(&t->reader, &clear) && !keyring_opens(t->keyring, clear.kind))
        return true; /* it waits for another session */
    if (unwrap(t, record, out))
        t->count++;
    else
        t->left++;
    t->done[t->done_count++] = *id;
    return t->done_count < TAKE_MAX;
}

/* All at once, or, where one of them is not what is here under its name, the others. */
static enum felloe_code add_taken(struct taking *t, size_t *taken, struct felloe_error *error)
{
    enum felloe_code code = keyring_add(t->keyring, t->records, t->count, error);
    if (code == FELLOE_OK)
        *taken += t->count;
    if (code != FELLOE_DAMAGED)
        return code;
    code = FELLOE_OK;
    for (size_t i = 0; i < t->count && code == FELLOE_OK; i++) {
        code = keyring_add(t->keyring, &t->records[i], 1, error);
        if (code == FELLOE_DAMAGED) {
            report(LEVEL_WARNING, "a key that came while this laptop was locked is left out: %s",
                   error != NULL ? error->message : "");
            code = FELLOE_OK;
        } else if (code == FELLOE_OK) {
            ++*taken;
        }
    }
    return code;
}

enum felloe_code keyring_take_in(struct keyring *keyring, const struct identity *identity, size_t *taken,
                                 struct felloe_error *error)
{
    struct felloe_error why = {0};
    enum felloe_code code = FELLOE_OK;
    struct taking *t = calloc(1, sizeof *t);
    *taken = 0;
    if (t == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    t->keyring = keyring;
    find_shared(t, identity);
    do {
        t->count = t->done_count = 0;
        const bool whole = keyring_visit_in(keyring, take_one, t) || t->done_count == TAKE_MAX;
        code = whole ? add_taken(t, taken, &why) : keyring_unread(&why);
        if (code == FELLOE_OK) /* after them: interrupted between the two, they are taken in again */
            code = keyring_drop_in(keyring, t->done, t->done_count, &why);
        sodium_memzero(t->records, sizeof t->records);
    } while (code == FELLOE_OK && t->done_count == TAKE_MAX);
    if (t->left > 0)
        report(LEVEL_WARNING, "%zu key%s that came while this laptop was locked could not be opened", t->left,
               t->left == 1 ? "" : "s");
    sodium_memzero(t, sizeof *t);
    free(t);
    return code == FELLOE_OK ? code : felloe_fail(error, code, "%s", why.message);
}
