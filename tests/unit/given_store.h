/* SPDX-License-Identifier: Apache-2.0 */
/* A store with two tables in a directory of its own. */
#ifndef FELLOE_TESTS_GIVEN_STORE_H
#define FELLOE_TESTS_GIVEN_STORE_H

#include "tests/unit/given_dir.h"

#include "daemon/store/store.h"

enum { WORDS, NUMBERS };
static const char *const tables[] = {"words", "numbers"};

static inline enum felloe_code try_open(struct store **store, const struct given_dir *dir, struct felloe_error *error)
{
    static char path[100];
    snprintf(path, sizeof path, "%s/env", dir->path);
    const struct store_options options = {.dir = path, .what = "the test's store", .tables = tables, .table_count = 2};
    return store_open(store, &options, error);
}

static inline struct store *open_store(const struct given_dir *dir)
{
    struct store *store;
    struct felloe_error error = {0};
    if (try_open(&store, dir, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return store;
}

static inline struct store_txn *begin(struct store *store, bool write)
{
    struct store_txn *txn;
    assert_int_equal(write ? store_begin_write(store, &txn, NULL) : store_begin_read(store, &txn, NULL), FELLOE_OK);
    return txn;
}

static inline struct bytes text(const char *s)
{
    return bytes_str(s);
}

static inline void put_word(struct store *store, const char *key, const char *value)
{
    struct store_txn *txn = begin(store, true);
    assert_true(store_put(txn, WORDS, text(key), text(value)));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
}

static inline bool has_word(struct store *store, const char *key, const char *value)
{
    struct store_txn *txn = begin(store, false);
    struct bytes got;
    bool there = store_get(txn, WORDS, text(key), &got) && bytes_is(got, value);
    store_abort(txn);
    return there;
}

#endif
