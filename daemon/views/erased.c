/* SPDX-License-Identifier: Apache-2.0 */
/* Erasures, carried out; and the views' table of them: when (8), then the basis, sealed under the key of commons. */
#include "daemon/views/erased.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/report.h"
#include "daemon/views/views_inside.h"
#include "proto/event/hlc.h"

/* ---- lists ---- */

void erased_clear(struct erased_list *list)
{
    list->count = list->key_count = 0;
    buffer_clear(&list->texts);
}

void erased_release(struct erased_list *list)
{
    free(list->people);
    free(list->keys);
    buffer_release(&list->texts);
    *list = (struct erased_list){0};
}

static bool make_room(void **array, size_t *cap, size_t needed, size_t size)
{
    if (needed <= *cap)
        return true;
    size_t more = *cap > 0 ? *cap : 64;
    while (more < needed)
        more *= 2;
    void *grown = realloc(*array, more * size);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = more;
    return true;
}

bool erased_note(struct erased_list *list, const struct event_body *body)
{
    struct erasure erasure;
    if (!erasure_read(body, &erasure))
        return true;
    const size_t keys = erasure_key_count(&erasure);
    if (!make_room((void **)&list->people, &list->cap, list->count + 1, sizeof *list->people) ||
        !make_room((void **)&list->keys, &list->key_cap, list->key_count + keys, sizeof *list->keys))
        return false;
    for (size_t i = 0; i < keys; i++)
        list->keys[list->key_count++] = erasure_key(&erasure, i);
    list->people[list->count++] = (struct erased_one){erasure.person, body->time, list->texts.len, erasure.basis.len};
    buffer_append(&list->texts, erasure.basis.data, erasure.basis.len);
    return !list->texts.failed;
}

/* ---- keys ---- */

/* All at once: the keyring is written anew for it. */
static enum felloe_code destroy_keys(const struct erased_list *list, struct keyring *keyring,
                                     struct felloe_error *error)
{
    size_t count = 0;
    if (list->count == 0)
        return FELLOE_OK;
    struct key_id *ids = malloc((list->count + list->key_count) * sizeof *ids);
    if (ids == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    for (size_t i = 0; i < list->count; i++) { /* again, where it cannot be said: that does no harm */
        ids[count] = key_id_of_person(list->people[i].person);
        count += !keyring_erased(keyring, &ids[count], NULL);
    }
    const size_t people = count;
    for (size_t i = 0; i < list->key_count; i++) {
        ids[count] = list->keys[i];
        count += !keyring_erased(keyring, &ids[count], NULL);
    }
    enum felloe_code code = count > 0 ? keyring_erase(keyring, ids, count, error) : FELLOE_OK;
    if (code != FELLOE_OK && keyring_erased(keyring, &ids[count - 1], NULL)) { /* the rest is done at the next start */
        report(LEVEL_WARNING, "keys of people who were erased are destroyed, but may still be found in the file: %s",
               error->message);
        code = FELLOE_OK;
    }
    if (code == FELLOE_OK && people > 0)
        report(LEVEL_INFO, "%zu %s erased at the hub: their keys are destroyed here, too", people,
               people == 1 ? "person was" : "people were");
    free(ids);
    return code;
}

struct scanning {
    struct keyring *keyring;
    struct erased_list list;
    struct key_record key;
    struct buffer plain;
    bool failed, unread; /* memory ran out; a key could not be read */
};

static void look_at(struct scanning *s, const struct identity *identity, const struct log_item *item)
{
    struct event event;
    struct event_body body;
    if (!event_decode(item->event, &event) || !identity_is_hub(identity, &event.clear.device))
        return;
    if (memcmp(&s->key.id, &event.clear.key, sizeof s->key.id) != 0) {
        const enum felloe_code code = keyring_get(s->keyring, &event.clear.key, &s->key);
        s->unread |= !keyring_was_read(code);
        if (code != FELLOE_OK) {
            s->key = (struct key_record){0};
            return;
        }
    }
    if (event_open(&event, &s->key.key, &s->plain, &body))
        s->failed |= !erased_note(&s->list, &body);
    s->failed |= s->plain.failed;
}

enum felloe_code erased_at_start(struct event_log *log, struct keyring *keyring, const struct identity *identity,
                                 struct felloe_error *error)
{
    struct scanning s = {.keyring = keyring};
    struct log_walk walk;
    struct log_item item;
    struct log_reader *reader = log_reader_begin(log, error);
    if (reader == NULL)
        return error->code;
    log_walk_begin(&walk, reader, bytes_str(ERASURE_SITE), (struct position){1, 1});
    while (!s.failed && !s.unread && log_walk_next(&walk, &item))
        look_at(&s, identity, &item);
    log_walk_end(&walk);
    struct felloe_error why = {.message = "memory ran out"};
    if (s.unread)
        keyring_unread(&why);
    s.failed |= log_reader_tell(reader, &why) || s.unread;
    log_reader_end(reader);
    enum felloe_code code = s.failed ? felloe_fail(error, why.code != FELLOE_OK ? why.code : FELLOE_FAILED,
                                                   "Who was erased could not be read: %s.", why.message)
                                     : destroy_keys(&s.list, keyring, error);
    sodium_memzero(&s.key, sizeof s.key);
    buffer_release(&s.plain);
    erased_release(&s.list);
    return code;
}

/* ---- the table ---- */

static void erased_key(struct store_key *key, const struct person_id *person)
{
    views_key_subject(key, bytes_str(ERASURE_SITE), person);
}

static bool read_row(struct views_txn *txn, const struct store_item *row, struct buffer *plain,
                     struct views_erased *out)
{
    const size_t id = row->key.len - sizeof out->person.b;
    *out = (struct views_erased){0};
    if (row->key.len < sizeof out->person.b + 1 ||
        views_unseal(txn, bytes_str(ERASURE_SITE), &PERSON_ID_NONE, VIEWS_ERASED, row->key, row->value, plain) !=
            VIEWS_FOUND)
        return false;
    struct key_reader r = {.rest = buffer_bytes(plain)};
    memcpy(out->person.b, row->key.data + id, sizeof out->person.b);
    out->ms = (int64_t)key_take_u64(&r);
    if (!bytes_to_text(r.rest, out->basis, sizeof out->basis))
        snprintf(out->basis, sizeof out->basis, "%.*s…", 480, (const char *)r.rest.data);
    return !r.failed;
}

bool views_get_erased(struct views_txn *txn, const struct person_id *person, struct views_erased *out)
{
    struct store_key key;
    struct bytes sealed;
    struct buffer plain = {0};
    erased_key(&key, person);
    if (!store_get(txn->store, VIEWS_ERASED, key_bytes(&key), &sealed))
        return false;
    bool found = read_row(txn, &(struct store_item){key_bytes(&key), sealed}, &plain, out);
    buffer_release(&plain);
    return found;
}

void views_all_erased(struct views_txn *txn, struct bytes id_prefix, views_erased_visit visit, void *context)
{
    struct store_key prefix;
    struct store_item row;
    struct views_erased erased;
    struct buffer plain = {0};
    views_key_site(&prefix, bytes_str(ERASURE_SITE));
    key_put(&prefix, id_prefix.data, id_prefix.len <= sizeof erased.person.b ? id_prefix.len : sizeof erased.person.b);
    struct store_cursor *cursor = store_cursor_open(txn->store, VIEWS_ERASED);
    for (bool more = store_seek_prefix(cursor, key_bytes(&prefix), &row); more;
         more = store_next_prefix(cursor, key_bytes(&prefix), &row))
        if (read_row(txn, &row, &plain, &erased) && !visit(context, &erased))
            break;
    store_cursor_close(cursor);
    buffer_release(&plain);
}

uint64_t views_count_erased(struct views_txn *txn)
{
    return store_count(txn->store, VIEWS_ERASED);
}

static bool put_row(struct views_txn *txn, const struct erased_list *list, const struct erased_one *one)
{
    struct store_key key;
    struct buffer plain = {0};
    uint8_t ms[8];
    erased_key(&key, &one->person);
    if (store_get(txn->store, VIEWS_ERASED, key_bytes(&key), NULL))
        return true;
    be_put_u64(ms, hlc_ms(one->time));
    buffer_append(&plain, ms, sizeof ms);
    buffer_append(&plain, list->texts.data + one->basis, one->len);
    bool put = !plain.failed && views_seal(txn, bytes_str(ERASURE_SITE), &PERSON_ID_NONE, VIEWS_ERASED,
                                           key_bytes(&key), buffer_bytes(&plain));
    buffer_release(&plain);
    return put;
}

/* ---- carrying out ---- */

enum felloe_code erased_carry_out(const struct erased_list *list, struct keyring *keyring, struct log_reader *reader,
                                  struct views_txn *txn, struct felloe_error *error)
{
    char site[SLUG_MAX + 1];
    enum felloe_code code = destroy_keys(list, keyring, error);
    if (code != FELLOE_OK || list->count == 0)
        return code;
    for (size_t i = 0; log_site_at(reader, i, site); i++)
        for (size_t k = 0; k < list->count; k++)
            views_drop_person(txn, bytes_str(site), &list->people[k].person);
    views_compact_later(txn);
    for (size_t k = 0; k < list->count; k++)
        if (!put_row(txn, list, &list->people[k]))
            return felloe_fail(error, FELLOE_STORAGE, "Who was erased could not be noted in the views.");
    return txn->no_memory ? felloe_fail(error, FELLOE_FAILED, "Memory ran out while the erased were taken out.")
                          : FELLOE_OK;
}
