/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a laptop shares what waits, or receives what there is: looked at in its log on the disk, by another process,
 * so that the daemon is asked nothing while it works. From the first change on: when the hub is found is another
 * matter. */
#include <lmdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "daemon/store/store_key.h"
#include "tests/bench/bench.h"

#define LOOK_EVERY_MS 1
#define TABLES_MAX    128
#define AUDIT         31 /* the number of the site that is no part of the record */

/* What the first eight bytes of the rows of this table add up to. */
static uint64_t sum_of(MDB_env *env, const char *name)
{
    MDB_txn *txn;
    MDB_dbi table;
    MDB_cursor *cursor = NULL;
    MDB_val key, row;
    uint64_t sum = 0;
    if (mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0)
        bench_die("the log cannot be read");
    if (mdb_dbi_open(txn, name, 0, &table) == 0 && mdb_cursor_open(txn, table, &cursor) == 0)
        while (mdb_cursor_get(cursor, &key, &row, MDB_NEXT) == 0)
            if (key.mv_size == 6 && row.mv_size >= 8 && be_u16(key.mv_data) != AUDIT)
                sum += be_u64(row.mv_data);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    return sum;
}

void bench_reached(int argc, char **argv)
{
    (void)argc;
    const bool shared = strcmp(argv[2], "shared") == 0;
    const uint64_t wanted = bench_number(argv[3]);
    const uint64_t until = bench_now() + bench_number(argv[4]) * 1000000000u;
    const char *table = shared ? "receipts" : "heads";
    char log[4096];
    MDB_env *env;
    snprintf(log, sizeof log, "%s/log", argv[1]);
    if (mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, TABLES_MAX) != 0 ||
        mdb_env_open(env, log, MDB_RDONLY, 0600) != 0)
        bench_die("the log in %s cannot be opened", log);
    const uint64_t before = sum_of(env, table);
    uint64_t now = before, first = 0, begun = 0;
    fprintf(stderr, "ready\n");
    while (now < wanted && bench_now() < until) {
        (void)poll(NULL, 0, LOOK_EVERY_MS);
        now = sum_of(env, table);
        if (begun == 0 && now > before) {
            begun = bench_now();
            first = now;
        }
    }
    if (now < wanted)
        bench_die("only %llu of %llu events were %s in time", (unsigned long long)now, (unsigned long long)wanted,
                  shared ? "shared" : "received");
    if (now == first)
        bench_die("there were too few events to measure");
    bench_tell("events", (double)(now - first) * 1e9 / (double)(bench_now() - begun), "/s");
    mdb_env_close(env);
}
