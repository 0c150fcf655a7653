/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the keyring share: its tables and its transactions. */
#ifndef FELLOE_DAEMON_KEYRING_INSIDE_H
#define FELLOE_DAEMON_KEYRING_INSIDE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "daemon/store/keyring.h"
#include "daemon/store/store.h"

enum { T_KEYS, T_OWNERS, T_ERASED, T_DEVICES, T_META, T_AWAY, T_IN, T_OUT, T_COUNT };

struct keyring {
    struct store *store;
    struct keyring_opened *opened; /* NULL: there is none */
    char dir[PATH_MAX]; /* in which D/keys lies */
    uint8_t key[KEYRING_KEY_SIZE];
    bool locked, second; /* second: the second half is there */
    atomic_bool failed;
    pthread_rwlock_t lock; /* held for reading by every transaction, for writing while the file is written anew */
};

/* Keys that were opened lately (keyring_opened.c). NULL is fine, and has none. */
struct keyring_opened *keyring_opened_new(void);
void keyring_opened_free(struct keyring_opened *opened);
bool keyring_opened_get(struct keyring_opened *opened, const struct key_id *id, struct key_record *out);
/* By a reader, before its transaction ends. */
void keyring_opened_put(struct keyring_opened *opened, const struct key_record *record);
/* After a commit that has deleted keys, with no transaction open. */
void keyring_opened_clear(struct keyring *keyring);

struct store_txn *keyring_begin_read(struct keyring *keyring); /* NULL: none can be had */
/* Ends one that was read in; `unread` (which may be NULL, as for all that take it) is set where it was NULL, or
 * something in it could not be read. */
void keyring_end_read(struct keyring *keyring, struct store_txn *txn, bool *unread);
enum felloe_code keyring_begin_write(struct keyring *keyring, struct store_txn **txn, struct felloe_error *error);
enum felloe_code keyring_commit(struct keyring *keyring, struct store_txn *txn, struct felloe_error *error);
void keyring_end(struct keyring *keyring, struct store_txn *txn);

/* Where the keys of an owner begin in the table of owners; a number of 4 bytes follows. */
void keyring_owner_key(struct store_key *key, enum key_kind kind, const struct person_id *owner, struct bytes site);
/* Is it a person's own key, which is found by the name that they have, and need not be in the table of owners? */
bool keyring_goes_by_owner(const struct key_record *record);

/* ---- a row of keys (keyring_row.c) ---- */
#define KEYRING_VALUE_MAX (1 + 16 + 1 + SLUG_MAX + 2 + 24 + DATA_KEY_SIZE + 16 + AUDIENCE_MAX * (1 + SLUG_MAX))
size_t keyring_seal(const struct keyring *keyring, const struct key_record *record, uint8_t out[KEYRING_VALUE_MAX]);
/* How long the row is that begins so; 0: none begins so. */
size_t keyring_value_size(struct bytes begin);
/* What a row says without being opened: kind, owner, site. */
bool keyring_clear_part(struct bytes value, struct key_record *out);
/* False, too, when this session lacks what opens it: keyring_opens says. */
bool keyring_open_value(const struct keyring *keyring, const struct key_id *id, struct bytes value,
                        struct key_record *out);

/* Is it erased, or a key of somebody who was? */
bool keyring_refuses(struct store_txn *txn, const struct key_record *record);
/* Those that are new and not erased, into the transaction; `out` may be NULL. */
enum felloe_code keyring_add_new(struct keyring *keyring, struct store_txn *txn, const struct key_record *records,
                                 const struct bytes *out, size_t count, size_t *added, struct felloe_error *error);
/* Removes the keyrings put aside in this directory (keyring_aside.c). */
enum felloe_code keyring_forget_aside(const char *dir, struct felloe_error *error);
/* Something was deleted or changed of which nothing may be left: until keyring_wipe_again has been. */
void keyring_note_wipe(struct store_txn *txn);
/* Writes the file anew where an erasure did not come so far. */
void keyring_wipe_again(struct keyring *keyring);

#endif
