/* SPDX-License-Identifier: Apache-2.0 */
/* What the disk and LMDB allow: rows of so many bytes, so many a durable commit, in the order of their keys. */
#include <lmdb.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/bytes.h"
#include "tests/bench/bench.h"
#include "tests/bench/raw.h"

MDB_env *raw_open(const char *dir, MDB_dbi *table)
{
    MDB_env *env;
    MDB_txn *txn;
    mkdir(dir, 0700);
    if (mdb_env_create(&env) != 0 || mdb_env_set_mapsize(env, (size_t)64 << 30) != 0 ||
        mdb_env_open(env, dir, 0, 0600) != 0 || mdb_txn_begin(env, NULL, 0, &txn) != 0 ||
        mdb_dbi_open(txn, NULL, 0, table) != 0 || mdb_txn_commit(txn) != 0)
        bench_die("LMDB cannot be opened in %s", dir);
    return env;
}

void raw_put(MDB_txn *txn, MDB_dbi table, uint64_t number, const void *data, size_t len)
{
    uint8_t key[8];
    for (int i = 0; i < 8; i++)
        key[i] = (uint8_t)(number >> (56 - 8 * i));
    MDB_val k = {sizeof key, key}, v = {len, (void *)(uintptr_t)data};
    const int code = mdb_put(txn, table, &k, &v, MDB_APPEND);
    if (code != 0)
        bench_die("LMDB refused a row: %s", mdb_strerror(code));
}

void raw_commit(MDB_txn *txn)
{
    const int code = mdb_txn_commit(txn);
    if (code != 0)
        bench_die("LMDB did not commit: %s", mdb_strerror(code));
}

void bench_commit(int argc, char **argv)
{
    (void)argc;
    const size_t bytes = bench_number(argv[2]);
    const uint64_t batch = bench_number(argv[3]), limit = bench_number(argv[4]) * 1000000000u;
    MDB_dbi table;
    MDB_env *env = raw_open(argv[1], &table);
    uint8_t *row = malloc(bytes);
    if (row == NULL)
        bench_die("out of memory");
    randombytes_buf(row, bytes);
    uint64_t number = 0, passed;
    const uint64_t begun = bench_now();
    do {
        MDB_txn *txn;
        if (mdb_txn_begin(env, NULL, 0, &txn) != 0)
            bench_die("LMDB begins no transaction");
        for (uint64_t i = 0; i < batch; i++)
            raw_put(txn, table, number++, row, bytes);
        raw_commit(txn);
        passed = bench_now() - begun;
    } while (passed < limit);
    bench_tell("rows", (double)number * 1e9 / (double)passed, "/s");
    mdb_env_close(env);
    free(row);
}
