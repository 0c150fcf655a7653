/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB as bare as it gets: one table, keys that are numbers in ascending order, default durability. */
#ifndef FELLOE_TESTS_BENCH_RAW_H
#define FELLOE_TESTS_BENCH_RAW_H

#include <lmdb.h>
#include <stdint.h>

/* Each dies with a sentence where LMDB refuses. */
MDB_env *raw_open(const char *dir, MDB_dbi *table);
void raw_put(MDB_txn *txn, MDB_dbi table, uint64_t number, const void *data, size_t len);
void raw_commit(MDB_txn *txn);

#endif
