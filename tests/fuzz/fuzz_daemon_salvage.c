/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes what is read of a damaged database file, page by page: it ends, stays within the file, and gives out rows that
 * can be read. */
#include "tests/fuzz/fuzz_dir.h"

#include "daemon/store/store.h"
#include "daemon/store/store_salvage.h"

unsigned long fuzz_accepted;

static const char *const tables[] = {"small", "large"};

bool fuzz_seed(unsigned number, struct buffer *out)
{
    static uint8_t value[9000];
    struct store *store;
    struct store_txn *txn;
    if (number >= 2)
        return false;
    const struct store_options options = {.dir = fuzz_path("env"), .what = "a test", .tables = tables,
                                          .table_count = 2, .map_bytes = 1 << 20};
    MUST(store_open(&store, &options, NULL) == FELLOE_OK);
    MUST(store_begin_write(store, &txn, NULL) == FELLOE_OK);
    for (uint32_t i = 0; i < 60 * (number + 1); i++)
        MUST(store_put(txn, 0, bytes_of(&i, sizeof i), bytes_of(value, i)));
    MUST(store_put(txn, 1, bytes_str("one"), bytes_of(value, sizeof value)));
    MUST(store_commit(txn, NULL) == STORE_DONE);
    store_close(store);
    fuzz_read("env/data.mdb", out);
    return true;
}

struct seen {
    size_t rows, bytes, limit;
};

static bool visit(void *context, struct bytes key, struct bytes value)
{
    struct seen *seen = context;
    volatile uint8_t sum = 0; /* reads every byte, for the sanitizer */
    for (size_t i = 0; i < key.len; i++)
        sum = (uint8_t)(sum + key.data[i]);
    for (size_t i = 0; i < value.len; i++)
        sum = (uint8_t)(sum + value.data[i]);
    seen->bytes += key.len + value.len;
    return ++seen->rows < seen->limit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_salvage *salvage;
    struct felloe_error error = {0};
    fuzz_write("data.mdb", bytes_of(data, size));
    if (store_salvage_open(&salvage, fuzz_path("data.mdb"), &error) != FELLOE_OK) {
        MUST(error.message[0] != '\0');
        return 0;
    }
    fuzz_accepted++;
    for (int i = 0; i < 2; i++) {
        struct seen seen = {.limit = SIZE_MAX};
        MUST(store_salvage_table(salvage, tables[i], visit, &seen));
        MUST(seen.rows <= size * 4); /* it does not go round in circles */
    }
    store_salvage_close(salvage);
    return 0;
}
