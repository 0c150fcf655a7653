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

void raw_disk_open(struct raw_disk *disk, const char *dir, size_t bytes, uint64_t batch)
{
    *disk = (struct raw_disk){.bytes = bytes, .batch = batch, .row = malloc(bytes)};
    if (disk->row == NULL)
        bench_die("out of memory");
    randombytes_buf(disk->row, bytes);
    disk->env = raw_open(dir, &disk->table);
}

void raw_disk_commit(struct raw_disk *disk)
{
    const uint64_t begun = bench_now();
    MDB_txn *txn;
    if (mdb_txn_begin(disk->env, NULL, 0, &txn) != 0)
        bench_die("LMDB begins no transaction");
    for (uint64_t i = 0; i < disk->batch; i++)
        raw_put(txn, disk->table, disk->number++, disk->row, disk->bytes);
    raw_commit(txn);
    if (disk->count == disk->room) {
        disk->room = disk->room == 0 ? 4096 : 2 * disk->room;
        disk->took = realloc(disk->took, disk->room * sizeof *disk->took);
        if (disk->took == NULL)
            bench_die("out of memory");
    }
    disk->took[disk->count++] = bench_now() - begun;
}

uint64_t raw_disk_run(void *context, uint64_t until_ns)
{
    struct raw_disk *disk = context;
    const uint64_t before = disk->number;
    do
        raw_disk_commit(disk);
    while (bench_now() < until_ns);
    return disk->number - before;
}

void raw_disk_tell(struct raw_disk *disk)
{
    bench_tell_times("commit", disk->took, disk->count);
}

void raw_disk_close(struct raw_disk *disk)
{
    mdb_env_close(disk->env);
    free(disk->took);
    free(disk->row);
}

void bench_commit(int argc, char **argv)
{
    (void)argc;
    struct raw_disk disk;
    raw_disk_open(&disk, argv[1], bench_number(argv[2]), bench_number(argv[3]));
    const uint64_t begun = bench_now();
    const uint64_t rows = raw_disk_run(&disk, begun + bench_number(argv[4]) * 1000000000u);
    bench_tell("rows", (double)rows * 1e9 / (double)(bench_now() - begun), "/s");
    raw_disk_tell(&disk);
    raw_disk_close(&disk);
}
