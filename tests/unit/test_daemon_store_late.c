/* SPDX-License-Identifier: Apache-2.0 */
/* Tables that are made with their first row: until then they are empty. */
#include "tests/unit/given_store.h"

enum { LATE = 1 };

static struct store *open_late(const struct given_dir *dir)
{
    static const char *const names[] = {"words", "late"};
    char path[100];
    snprintf(path, sizeof path, "%s/env", dir->path);
    struct store *store;
    struct felloe_error error = {0};
    const struct store_options options = {
        .dir = path, .what = "the late store", .tables = names, .table_count = 2, .made_first = 1};
    if (store_open(&store, &options, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return store;
}

static void a_table_that_is_not_there_yet_is_empty(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_late(&dir);
    struct store_txn *txn = begin(store, true);
    assert_false(store_get(txn, LATE, text("rim"), NULL));
    struct store_cursor *cursor = store_cursor_open(txn, LATE);
    struct store_item item;
    assert_false(store_seek(cursor, text("rim"), &item) || store_next(cursor, &item) || store_cursor_delete(cursor));
    store_cursor_close(cursor);
    assert_int_equal(store_count(txn, LATE), 0);
    assert_false(store_delete(txn, LATE, text("rim")));
    assert_int_equal(store_failed(txn, NULL), STORE_DONE);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    txn = begin(store, false);
    assert_null(store_cursor_open(txn, LATE)); /* nor was it made */
    store_abort(txn);
    store_close(store);
    given_dir_end(&dir);
}

static void what_a_cursor_puts_makes_the_table(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store_item item;
    struct bytes there;
    for (int which = 0; which < 3; which++) {
        struct store *store = open_late(&dir);
        struct store_txn *txn = begin(store, true);
        struct store_cursor *cursor = store_cursor_open(txn, LATE);
        assert_false(store_seek(cursor, (struct bytes){0}, &item));
        if (which == 0)
            assert_true(store_cursor_put(cursor, text("rim"), text("felloe")));
        else if (which == 1)
            assert_true(store_cursor_put_new(cursor, text("rim"), text("felloe"), &there));
        else
            assert_true(store_put_last(txn, LATE, text("rim"), text("felloe"))); /* past it */
        assert_true(store_seek(cursor, (struct bytes){0}, &item) && bytes_is(item.value, "felloe"));
        store_cursor_close(cursor);
        if (which < 2) {
            store_abort(txn);
            store_close(store);
            continue;
        }
        assert_int_equal(store_commit(txn, NULL), STORE_DONE);
        txn = begin(store, false);
        assert_true(store_get(txn, LATE, text("rim"), NULL));
        store_abort(txn);
        store_close(store);
    }
    given_dir_end(&dir);
}

static void a_table_is_made_with_its_first_row(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_late(&dir);
    struct store_txn *txn = begin(store, true);
    assert_true(store_put(txn, LATE, text("rim"), text("tyre")));
    store_abort(txn);
    struct store_txn *before = begin(store, false);
    assert_false(store_get(before, LATE, text("rim"), NULL));

    txn = begin(store, true);
    assert_false(store_get(txn, LATE, text("rim"), NULL));
    assert_true(store_put(txn, LATE, text("rim"), text("felloe")));
    assert_true(store_get(txn, LATE, text("rim"), NULL));
    assert_false(store_get(before, LATE, text("rim"), NULL)); /* of a reading that began before, nothing changes */
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    assert_false(store_get(before, LATE, text("rim"), NULL));
    assert_int_equal(store_failed(before, NULL), STORE_DONE);
    store_abort(before);

    for (int again = 0; again < 2; again++) {
        txn = begin(store, false); /* the reading that ended is used again, and has the table now */
        assert_true(store_get(txn, LATE, text("rim"), NULL));
        assert_int_equal(store_count(txn, LATE), 1);
        store_abort(txn);
        store_close(store);
        store = open_late(&dir);
    }
    store_close(store);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_is_not_there_yet_is_empty),
        cmocka_unit_test(what_a_cursor_puts_makes_the_table),
        cmocka_unit_test(a_table_is_made_with_its_first_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
