/* SPDX-License-Identifier: Apache-2.0 */
/* A keyring of which one reading fails, for want of memory, say: a transaction that cannot begin, or a row that is not
 * given. Once; the next one is as ever. */
#ifndef FELLOE_TESTS_GIVEN_KEYS_UNREAD_H
#define FELLOE_TESTS_GIVEN_KEYS_UNREAD_H

#include "tests/unit/given.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

struct lmdb_value {
    size_t size;
    const void *data;
};
#define LMDB_READS 0x20000u

static atomic_bool keys_counted;
static atomic_uint keys_readings, keys_unread_at; /* since they are counted; the one that fails, from 1; 0: none */

void *mdb_txn_env(void *txn);
int mdb_env_get_path(void *env, const char **path);
void *mdb_cursor_txn(void *cursor);
int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn);
int mdb_txn_renew(void *txn);
int mdb_get(void *txn, unsigned table, struct lmdb_value *key, struct lmdb_value *value);
int mdb_cursor_get(void *cursor, struct lmdb_value *key, struct lmdb_value *value, int way);

static bool keys_fail(void *env)
{
    const char *path = "";
    mdb_env_get_path(env, &path);
    const char *name = strrchr(path, '/');
    if (!atomic_load(&keys_counted) || name == NULL || strcmp(name + 1, "keys") != 0)
        return false;
    return atomic_fetch_add(&keys_readings, 1) + 1 == atomic_load(&keys_unread_at);
}

int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn)
{
    int (*real)(void *, void *, unsigned, void **);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_txn_begin");
    return (flags & LMDB_READS) && keys_fail(env) ? ENOMEM : real(env, parent, flags, txn);
}

int mdb_txn_renew(void *txn)
{
    int (*real)(void *);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_txn_renew");
    return keys_fail(mdb_txn_env(txn)) ? ENOMEM : real(txn);
}

int mdb_get(void *txn, unsigned table, struct lmdb_value *key, struct lmdb_value *value)
{
    int (*real)(void *, unsigned, struct lmdb_value *, struct lmdb_value *);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_get");
    return keys_fail(mdb_txn_env(txn)) ? ENOMEM : real(txn, table, key, value);
}

int mdb_cursor_get(void *cursor, struct lmdb_value *key, struct lmdb_value *value, int way)
{
    int (*real)(void *, struct lmdb_value *, struct lmdb_value *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_cursor_get");
    return keys_fail(mdb_txn_env(mdb_cursor_txn(cursor))) ? ENOMEM : real(cursor, key, value, way);
}

/* From now on number `at` fails (0: none does). */
static inline void keys_fail_at(unsigned at)
{
    atomic_store(&keys_readings, 0);
    atomic_store(&keys_unread_at, at);
    atomic_store(&keys_counted, true);
}

/* How many there were. */
static inline unsigned keys_are_read(void)
{
    atomic_store(&keys_counted, false);
    return atomic_load(&keys_readings);
}

#endif
