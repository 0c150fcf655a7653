/* SPDX-License-Identifier: Apache-2.0 */
/* What was lent is given back exactly once. */
#include "proto/event/batch.h"
#include "tests/unit/given.h"

static void count_return(void *owner)
{
    ++*(int *)owner;
}

static void what_was_lent_goes_back_once(void **state)
{
    (void)state;
    int returned = 0;
    struct lent lent = {bytes_str("frame"), count_return, &returned};
    lent_return(&lent);
    assert_int_equal(returned, 1);
    assert_int_equal(lent.bytes.len, 0);
    lent_return(&lent);
    assert_int_equal(returned, 1);
    struct lent nothing = {0};
    lent_return(&nothing);
}

static void a_batch_returns_its_body(void **state)
{
    (void)state;
    int returned = 0;
    struct batch *batch = batch_new(3);
    assert_non_null(batch);
    assert_int_equal(batch->count, 0);
    batch->body = (struct lent){bytes_str("frame"), count_return, &returned};
    batch->entries[2].seq = 7; /* there is room */
    batch_free(batch);
    assert_int_equal(returned, 1);
    batch_free(NULL);
}

static void a_batch_is_bounded(void **state)
{
    (void)state;
    struct batch *batch = batch_new(BATCH_ENTRIES_MAX);
    assert_non_null(batch);
    batch_free(batch);
    assert_null(batch_new(BATCH_ENTRIES_MAX + 1));
    assert_null(batch_new(UINT32_MAX));
    batch = batch_new(0);
    assert_non_null(batch);
    batch_free(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_lent_goes_back_once),
        cmocka_unit_test(a_batch_returns_its_body),
        cmocka_unit_test(a_batch_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
