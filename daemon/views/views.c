/* SPDX-License-Identifier: Apache-2.0 */
/* The views' environment: opening, making it anew, transactions, and sealing what is personal. */
#include "daemon/views/views_inside.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/report.h"
#include "proto/event/seal.h"
#include "proto/mp.h"

#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_SIZE crypto_aead_xchacha20poly1305_ietf_ABYTES

static const char *const table_names[VIEWS_TABLE_COUNT] = {"meta",     "docs",   "rows",    "rowkeys", "names",
                                                           "timeline", "events", "devices", "waiting", "origins",
                                                           "restricted", "restrictedtimeline", "shares",
                                                           "witnesses", "erased", "links"};

struct views {
    pthread_rwlock_t lock;   /* readers share; making it anew excludes them */
    struct store *store;     /* NULL after a failed wipe */
    atomic_bool damaged;
    uint64_t files;          /* that they have been in since they were opened */
    struct keyring *keyring;
    char dir[4096];
    uint8_t blind_key[crypto_shorthash_siphashx24_KEYBYTES];
    struct device_id device;
    uint32_t incarnation;
    uint64_t document_version;
};

static enum felloe_code open_store(struct views *views, struct felloe_error *error)
{
    const struct store_options options = {
        .dir = views->dir,
        .what = "the views",
        .tables = table_names,
        .table_count = VIEWS_TABLE_COUNT,
        .sync = STORE_DERIVED,
    };
    return store_open(&views->store, &options, error);
}

/* The environment is views alone: whatever lies in it may go. */
static void delete_files(const char *dir)
{
    static const char *const files[] = {"data.mdb", "lock.mdb"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        char path[4200];
        snprintf(path, sizeof path, "%s/%s", dir, files[i]);
        if (unlink(path) != 0 && errno != ENOENT)
            report(LEVEL_WARNING, "cannot remove %s: %s", path, strerror(errno));
    }
}

static void put_owner(const struct views *views, struct buffer *out)
{
    mp_put_array(out, 4);
    mp_put_uint(out, VIEWS_SCHEMA);
    mp_put_uint(out, views->document_version);
    mp_put_bin(out, views->device.b, sizeof views->device.b);
    mp_put_uint(out, views->incarnation);
}

/* Is it of this version, device and incarnation? (After a fork own events are made again, under other numbers.) */
static bool owner_fits(struct views *views)
{
    struct store_txn *txn;
    struct buffer want = {0};
    struct bytes have;
    if (store_begin_read(views->store, &txn, NULL) != FELLOE_OK)
        return false;
    put_owner(views, &want);
    bool fits = store_get(txn, VIEWS_META, bytes_str("schema"), &have) && !want.failed &&
                bytes_equal(have, buffer_bytes(&want));
    store_abort(txn);
    buffer_release(&want);
    return fits;
}

/* Here, erased, or put away because its person moved; what cannot be read now is not gone. */
static bool is_known(struct keyring *keyring, const struct key_id *id)
{
    bool unread = false;
    return keyring_holds(keyring, id, &unread) || keyring_erased(keyring, id, &unread) ||
           keyring_away(keyring, id, &unread) || unread;
}

/* The key's id ends the value. */
static bool restricted_keys_are_here(struct views *views, struct store_txn *txn)
{
    struct store_item item;
    struct key_id id;
    bool here = true;
    struct store_cursor *cursor = store_cursor_open(txn, VIEWS_RESTRICTED_TIMELINE);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more && here; more = store_next(cursor, &item)) {
        if (item.value.len < sizeof id.b)
            continue;
        memcpy(id.b, item.value.data + item.value.len - sizeof id.b, sizeof id.b);
        here = is_known(views->keyring, &id);
    }
    store_cursor_close(cursor);
    return here;
}

/* Nothing is folded without its key, and an erased one is known by name: any other that is missing was lost with the
 * keyring. Folding again finds out which, and asks for them. */
static bool keys_are_here(struct views *views)
{
    struct store_txn *txn;
    struct store_item item;
    if (store_begin_read(views->store, &txn, NULL) != FELLOE_OK)
        return true;
    bool here = true;
    struct store_cursor *cursor = store_cursor_open(txn, VIEWS_DOCS);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more && here; more = store_next(cursor, &item)) {
        struct person_id subject;
        struct key_record key;
        if (item.key.len < sizeof subject.b + 1)
            continue;
        const size_t slug = item.key.len - sizeof subject.b - 1;
        memcpy(subject.b, item.key.data + slug + 1, sizeof subject.b);
        const struct key_id id = key_id_of_person(subject);
        if (person_id_is_none(&subject))
            here = keyring_site_key(views->keyring, (struct bytes){item.key.data, slug}, &key) != FELLOE_NOT_FOUND;
        else
            here = is_known(views->keyring, &id);
        sodium_memzero(&key, sizeof key);
    }
    store_cursor_close(cursor);
    here = here && restricted_keys_are_here(views, txn);
    store_abort(txn);
    return here;
}

static enum felloe_code wipe_locked(struct views *views, struct felloe_error *error)
{
    store_abandon(views->store);
    views->store = NULL;
    delete_files(views->dir);
    views->files++;
    atomic_store(&views->damaged, false);
    return open_store(views, error);
}

enum felloe_code views_wipe(struct views *views, struct felloe_error *error)
{
    pthread_rwlock_wrlock(&views->lock);
    enum felloe_code code = wipe_locked(views, error);
    pthread_rwlock_unlock(&views->lock);
    return code;
}

#define COMPACT "compact" /* in meta: it is due */

void views_compact_later(struct views_txn *txn)
{
    store_put(txn->store, VIEWS_META, bytes_str(COMPACT), (struct bytes){0});
}

bool views_compact_is_due(struct views *views)
{
    struct views_txn txn;
    bool due = views_read(views, &txn, NULL) == FELLOE_OK;
    if (due) {
        due = store_get(txn.store, VIEWS_META, bytes_str(COMPACT), NULL);
        views_end(&txn);
    }
    return due;
}

/* The mark goes only once it is done. */
enum felloe_code views_compact(struct views *views, struct felloe_error *error)
{
    struct views_txn txn;
    pthread_rwlock_wrlock(&views->lock);
    enum felloe_code code = store_rewrite(views->store, error);
    views->files++;
    pthread_rwlock_unlock(&views->lock);
    if (code == FELLOE_OK)
        code = views_write(views, &txn, error);
    if (code != FELLOE_OK)
        return code;
    store_delete(txn.store, VIEWS_META, bytes_str(COMPACT));
    return views_commit(&txn, error) == STORE_DONE ? FELLOE_OK : FELLOE_STORAGE;
}

enum felloe_code views_slim(struct views *views, struct felloe_error *error)
{
    pthread_rwlock_wrlock(&views->lock);
    enum felloe_code code = store_slim(views->store, error);
    pthread_rwlock_unlock(&views->lock);
    return code;
}

enum felloe_code views_rest(struct views *views, struct felloe_error *error)
{
    return views_are_open(views) ? store_rest(views->store, error) : FELLOE_OK;
}

bool views_are_at_rest(struct views *views)
{
    return !views_are_open(views) || store_is_at_rest(views->store);
}

bool views_are_open(struct views *views)
{
    return views->store != NULL && store_is_open(views->store); /* only the writing thread changes it */
}

bool views_damaged(struct views *views)
{
    return atomic_load(&views->damaged);
}

void views_found_damage(struct views *views)
{
    atomic_store(&views->damaged, true);
}

static void derive_blind_key(struct views *views, const struct identity *identity)
{
    static const char purpose[] = "felloe views blind index";
    crypto_generichash(views->blind_key, sizeof views->blind_key, (const uint8_t *)purpose, sizeof purpose,
                       identity->keyring_key, KEYRING_HALF_SIZE);
}

enum felloe_code views_open(struct views **out, const struct views_options *options, struct felloe_error *error)
{
    struct views *views = calloc(1, sizeof *views);
    if (!views)
        return felloe_fail(error, FELLOE_FAILED, "Memory ran out while opening the views.");
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&views->lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
    views->files = 1;
    views->keyring = options->keyring;
    views->device = options->identity->device;
    views->incarnation = options->incarnation;
    views->document_version = document_version();
    derive_blind_key(views, options->identity);
    snprintf(views->dir, sizeof views->dir, "%s/views", options->dir);

    enum felloe_code code = open_store(views, error);
    if (code == FELLOE_DAMAGED) {
        report(LEVEL_WARNING, "the views are made again from the log: %s", error->message);
        code = wipe_locked(views, error);
    } else if (code == FELLOE_OK && !owner_fits(views)) {
        code = wipe_locked(views, error);
    } else if (code == FELLOE_OK && !keys_are_here(views)) {
        report(LEVEL_WARNING,
               "keys that were here are gone: the views are made again from the log, and what is missing "
               "is asked for");
        code = wipe_locked(views, error);
    }
    if (code != FELLOE_OK) {
        views_close(views);
        return code;
    }
    *out = views;
    return FELLOE_OK;
}

void views_close(struct views *views)
{
    if (!views)
        return;
    store_close(views->store);
    pthread_rwlock_destroy(&views->lock);
    sodium_memzero(views, sizeof *views);
    free(views);
}

/* ---- transactions ---- */

/* With the lock held. */
static enum felloe_code begin(struct views *views, struct views_txn *txn, bool writing, struct felloe_error *error)
{
    *txn = (struct views_txn){.views = views, .writing = writing};
    enum felloe_code code;
    if (!views->store)
        code = felloe_fail(error, FELLOE_STORAGE,
                           "The views cannot be opened at the moment; the record itself is safe.");
    else if (writing)
        code = store_begin_write(views->store, &txn->store, error);
    else
        code = store_begin_read(views->store, &txn->store, error);
    if (code != FELLOE_OK)
        pthread_rwlock_unlock(&views->lock);
    return code;
}

enum felloe_code views_read(struct views *views, struct views_txn *txn, struct felloe_error *error)
{
    pthread_rwlock_rdlock(&views->lock);
    return begin(views, txn, false, error);
}

bool views_read_now(struct views *views, struct views_txn *txn)
{
    return pthread_rwlock_tryrdlock(&views->lock) == 0 && begin(views, txn, false, NULL) == FELLOE_OK;
}

enum felloe_code views_write(struct views *views, struct views_txn *txn, struct felloe_error *error)
{
    pthread_rwlock_rdlock(&views->lock);
    enum felloe_code code = begin(views, txn, true, error);
    if (code == FELLOE_OK && !store_get(txn->store, VIEWS_META, bytes_str("schema"), NULL)) {
        struct buffer owner = {0};
        put_owner(views, &owner);
        store_put(txn->store, VIEWS_META, bytes_str("schema"), buffer_bytes(&owner));
        buffer_release(&owner);
    }
    return code;
}

static void forget_txn(struct views_txn *txn)
{
    sodium_memzero(&txn->key, sizeof txn->key);
    pthread_rwlock_unlock(&txn->views->lock);
    *txn = (struct views_txn){0};
}

enum store_outcome views_commit(struct views_txn *txn, struct felloe_error *error)
{
    store_cursor_close(txn->origins);
    txn->origins = NULL;
    enum store_outcome outcome = store_commit(txn->store, error);
    forget_txn(txn);
    return outcome;
}

void views_end(struct views_txn *txn)
{
    if (!txn->views)
        return;
    struct felloe_error error = {0};
    if (!txn->writing && store_failed(txn->store, &error) != STORE_DONE && error.code == FELLOE_DAMAGED)
        views_found_damage(txn->views); /* and not for want of memory, say */
    store_cursor_close(txn->origins);
    txn->origins = NULL;
    store_abort(txn->store);
    forget_txn(txn);
}

bool views_may_lack(const struct views_txn *txn)
{
    return txn->unread || txn->no_memory || store_failed(txn->store, NULL) != STORE_DONE;
}

struct views_state views_state(const struct views_txn *txn)
{
    return (struct views_state){txn->views->files, store_txn_number(txn->store)};
}

struct document *views_new_document(const struct views_txn *txn)
{
    return document_new_of(txn->views->document_version);
}

/* ---- sealing ---- */

static bool subject_key(struct views_txn *txn, struct bytes site, const struct person_id *subject)
{
    if (txn->has_key && person_id_equal(subject, &txn->key_subject) && bytes_is(site, txn->key_site))
        return true;
    struct keyring *keyring = txn->views->keyring;
    enum felloe_code code;
    if (person_id_is_none(subject)) {
        code = keyring_site_key(keyring, site, &txn->key);
    } else {
        struct key_id id = key_id_of_person(*subject);
        code = keyring_get(keyring, &id, &txn->key);
    }
    txn->unread |= !keyring_was_read(code);
    txn->has_key = code == FELLOE_OK && bytes_to_text(site, txn->key_site, sizeof txn->key_site);
    txn->key_subject = *subject;
    return txn->has_key;
}

const struct data_key *views_key(struct views_txn *txn, struct bytes site, const struct person_id *subject)
{
    return subject_key(txn, site, subject) ? &txn->key.key : NULL;
}

/* Associated data: a value cannot be moved to another place of the views. */
static size_t sealed_for(uint8_t out[1 + STORE_KEY_MAX], enum views_table table, struct bytes key)
{
    out[0] = (uint8_t)table;
    size_t len = key.len <= STORE_KEY_MAX ? key.len : STORE_KEY_MAX;
    memcpy(out + 1, key.data, len);
    return len + 1;
}

bool views_seal(struct views_txn *txn, struct bytes site, const struct person_id *subject, enum views_table table,
                struct bytes key, struct bytes plain)
{
    if (!subject_key(txn, site, subject))
        return false;
    uint8_t ad[1 + STORE_KEY_MAX];
    size_t ad_len = sealed_for(ad, table, key);
    uint8_t *out = store_reserve(txn->store, (unsigned)table, key, NONCE_SIZE + plain.len + TAG_SIZE);
    if (!out)
        return false;
    random_nonce(out, NONCE_SIZE);
    crypto_aead_xchacha20poly1305_ietf_encrypt(out + NONCE_SIZE, NULL, plain.data, plain.len, ad, ad_len, NULL, out,
                                               txn->key.key.b);
    return true;
}

enum views_found views_unseal(struct views_txn *txn, struct bytes site, const struct person_id *subject,
                              enum views_table table, struct bytes key, struct bytes sealed, struct buffer *plain)
{
    buffer_clear(plain);
    if (!subject_key(txn, site, subject)) {
        const struct key_id id = key_id_of_person(*subject);
        /* Nothing is folded without its key; but what was put away or erased goes a moment later. */
        if (!txn->writing && !person_id_is_none(subject) && !keyring_away(txn->views->keyring, &id, &txn->unread) &&
            !keyring_erased(txn->views->keyring, &id, &txn->unread) && !txn->unread)
            views_found_damage(txn->views);
        return VIEWS_LOCKED;
    }
    uint8_t ad[1 + STORE_KEY_MAX];
    size_t ad_len = sealed_for(ad, table, key);
    bool whole = sealed.len >= NONCE_SIZE + TAG_SIZE && buffer_reserve(plain, seal_room(sealed.len)) &&
                 seal_open(plain->data, &txn->key.key, sealed.data, bytes_of(ad, ad_len),
                           bytes_of(sealed.data + NONCE_SIZE, sealed.len - NONCE_SIZE));
    if (whole) {
        plain->len = sealed.len - NONCE_SIZE - TAG_SIZE;
        return VIEWS_FOUND;
    }
    txn->no_memory |= plain->failed;
    txn->broken |= !plain->failed;
    /* A site's newest key may be newer than what lies here; a person has one key. */
    if (!plain->failed && !person_id_is_none(subject))
        views_found_damage(txn->views);
    return VIEWS_BROKEN;
}

void views_blind(struct views *views, const void *data, size_t len, uint8_t out[16])
{
    crypto_shorthash_siphashx24(out, data, len, views->blind_key);
}

/* ---- how far ---- */

static void cursor_key(struct store_key *key, struct bytes site)
{
    key_start(key);
    key_put_u8(key, 'c');
    key_put(key, site.data, site.len <= SLUG_MAX ? site.len : SLUG_MAX);
}

void views_get_cursor(struct views_txn *txn, struct bytes site, struct views_cursor *out)
{
    *out = (struct views_cursor){0};
    struct store_key key;
    struct bytes value;
    cursor_key(&key, site);
    if (!store_get(txn->store, VIEWS_META, key_bytes(&key), &value))
        return;
    struct key_reader r = {.rest = value};
    out->own_seq = key_take_u64(&r);
    while (r.rest.len > 0 && !r.failed) {
        struct position at = {.epoch = key_take_u32(&r)};
        at.n = key_take_u64(&r);
        if (r.failed || !seen_advance(&out->seen, at))
            break;
    }
}

void views_put_cursor(struct views_txn *txn, struct bytes site, const struct views_cursor *cursor)
{
    struct store_key key, value;
    cursor_key(&key, site);
    key_start(&value);
    key_put_u64(&value, cursor->own_seq);
    for (size_t i = 0; i < cursor->seen.count; i++) {
        key_put_u32(&value, cursor->seen.at[i].epoch);
        key_put_u64(&value, cursor->seen.at[i].n);
    }
    store_put(txn->store, VIEWS_META, key_bytes(&key), key_bytes(&value));
}
