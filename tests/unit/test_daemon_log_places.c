/* SPDX-License-Identifier: Apache-2.0 */
/* Where own events stand in the site's log: what a damaged row says of it is not believed. */
#include "tests/unit/given_set_back.h"

#include "daemon/store/store.h"

/* One bit of how many own events came back together: the row then speaks of others, which are on this laptop alone. */
static void change_places(struct given_log *g, uint8_t bit)
{
    static const char *const tables[] = {"own-places"};
    char dir[160];
    struct store *store;
    struct store_txn *txn;
    struct store_item item;
    uint8_t key[16], row[16];
    snprintf(dir, sizeof dir, "%s", given_path(&g->dir, "log"));
    const struct store_options options = {.dir = dir, .what = "the log", .tables = tables, .table_count = 1};
    given_log_close(g);
    assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
    assert_int_equal(store_begin_write(store, &txn, NULL), FELLOE_OK);
    struct store_cursor *cursor = store_cursor_open(txn, 0);
    assert_true(store_seek(cursor, (struct bytes){0}, &item));
    assert_true(item.key.len <= sizeof key);
    assert_int_equal(item.value.len, sizeof row);
    const size_t key_len = item.key.len;
    memcpy(key, item.key.data, key_len);
    memcpy(row, item.value.data, sizeof row);
    store_cursor_close(cursor);
    row[sizeof row - 1] ^= bit;
    store_put(txn, 0, bytes_of(key, key_len), bytes_of(row, sizeof row));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    store_close(store);
    given_log_reopen(g);
}

static void what_did_not_come_back_is_written_again_whatever_a_damaged_row_says(void **state)
{
    (void)state;
    struct pair p = set_back_laptop(5, 3, 4);
    change_places(p.spoke, 8); /* 13, not 5 */
    name_next(p.spoke, 2);
    catch_up_as(p.hub, p.spoke, 2);
    assert_int_equal(finish(p.spoke), 3);
    pair_end(&p);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_did_not_come_back_is_written_again_whatever_a_damaged_row_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
