/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB as bare as it gets: one table, keys that are numbers in ascending order, default durability. */
#ifndef FELLOE_TESTS_BENCH_RAW_H
#define FELLOE_TESTS_BENCH_RAW_H

#include <lmdb.h>
#include <stddef.h>
#include <stdint.h>

/* Each dies with a sentence where LMDB refuses. */
MDB_env *raw_open(const char *dir, MDB_dbi *table);
void raw_put(MDB_txn *txn, MDB_dbi table, uint64_t number, const void *data, size_t len);
void raw_commit(MDB_txn *txn);

/* A disk as LMDB has it: rows of a size, so many a durable commit, in slices; how long each commit took is kept. */
#define RAW_BYTES 300u /* about what an event has */
struct raw_disk {
    MDB_env *env;
    MDB_dbi table;
    uint8_t *row;
    size_t bytes;
    uint64_t batch, number; /* rows a commit, rows so far */
    uint64_t *took;         /* ns a commit */
    size_t count, room;
};
void raw_disk_open(struct raw_disk *disk, const char *dir, size_t bytes, uint64_t batch);
void raw_disk_commit(struct raw_disk *disk);
uint64_t raw_disk_run(void *disk, uint64_t until_ns); /* how many rows */
/* commit-p50, commit-p99, commit-max. Sorts what was kept. */
void raw_disk_tell(struct raw_disk *disk);
void raw_disk_close(struct raw_disk *disk);

#endif
