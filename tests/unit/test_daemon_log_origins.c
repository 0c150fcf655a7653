/* SPDX-License-Identifier: Apache-2.0 */
/* Where imported events came from is found from the moment of the commit on: before it is put in its place, while it
 * is, and by who began to read before. */
#include "tests/unit/given_store.h"

#include "daemon/log/log_internal.h"
#include "proto/endian.h"

#include <sodium.h>

#define MANY 9000u /* more than are put in their places together */

struct given_origins {
    struct given_dir dir;
    struct store *store;
    struct log_origins origins;
    struct store_txn *txn; /* the writing one, while there is one */
};

static void open_again(struct given_origins *g)
{
    static const char *const names[T_ORIGINS + 1] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "origins"};
    static char path[100];
    snprintf(path, sizeof path, "%s/env", g->dir.path);
    const struct store_options options = {.dir = path, .what = "the test's store", .tables = names,
                                          .table_count = T_ORIGINS + 1, .sync = STORE_JOURNALLED};
    assert_int_equal(store_open(&g->store, &options, NULL), FELLOE_OK);
    log_origins_init(&g->origins);
    g->txn = begin(g->store, true);
    assert_true(log_origins_load(&g->origins, g->txn));
    assert_int_equal(store_commit(g->txn, NULL), STORE_DONE);
}

static void close_all(struct given_origins *g)
{
    log_origins_release(&g->origins);
    store_close(g->store);
}

static struct given_origins given_origins(void)
{
    struct given_origins g = {.dir = given_dir()};
    open_again(&g);
    return g;
}

static void end(struct given_origins *g)
{
    close_all(g);
    given_dir_end(&g->dir);
}

static struct origin_id origin(uint32_t number)
{
    struct origin_id id;
    uint8_t bytes[4];
    be_put_u32(bytes, number);
    origin_id_of(bytes_str("old"), bytes_of(bytes, sizeof bytes), &id);
    return id;
}

static void begin_writing(struct given_origins *g)
{
    g->txn = begin(g->store, true);
    log_origins_start(&g->origins);
}

static void add(struct given_origins *g, uint32_t number, uint8_t value)
{
    const struct origin_id id = origin(number);
    uint8_t row[ORIGIN_ROW];
    memset(row, value, sizeof row);
    log_origins_add(&g->origins, g->txn, &id, row);
}

static void commit(struct given_origins *g)
{
    log_origins_flush(&g->origins, g->txn);
    assert_int_equal(store_commit(g->txn, NULL), STORE_DONE);
    log_origins_committed(&g->origins);
}

static void record(struct given_origins *g, uint32_t first, uint32_t count)
{
    begin_writing(g);
    for (uint32_t i = 0; i < count; i++)
        add(g, first + i, (uint8_t)(first + i));
    commit(g);
}

static void rest(struct given_origins *g)
{
    begin_writing(g);
    log_origins_merge(&g->origins, g->txn);
    assert_int_equal(store_commit(g->txn, NULL), STORE_DONE);
    log_origins_committed(&g->origins);
}

/* What it is found with; -1: it is not. */
static int found(const struct origins_kept *kept, struct store_txn *txn, uint32_t number)
{
    const struct origin_id id = origin(number);
    const uint8_t *row;
    return log_origins_find(kept, txn, &id, &row) ? row[ORIGIN_ROW - 1] : -1;
}

static int found_now(struct given_origins *g, uint32_t number)
{
    struct origins_kept *kept = log_origins_hold(&g->origins);
    struct store_txn *txn = begin(g->store, false);
    const int value = found(kept, txn, number);
    store_abort(txn);
    log_origins_drop(&g->origins, kept);
    return value;
}

static int found_by_writer(struct given_origins *g, uint32_t number)
{
    const struct origin_id id = origin(number);
    const uint8_t *row;
    return log_origins_find_own(&g->origins, g->txn, &id, &row) ? row[ORIGIN_ROW - 1] : -1;
}

static uint64_t rows(struct given_origins *g)
{
    struct store_txn *txn = begin(g->store, false);
    const uint64_t count = store_count(txn, T_ORIGINS);
    store_abort(txn);
    return count;
}

static void what_was_committed_is_found(void **state)
{
    (void)state;
    struct given_origins g = given_origins();
    begin_writing(&g);
    add(&g, 1, 11);
    add(&g, 2, 12);
    assert_int_equal(found_by_writer(&g, 1), 11);
    assert_int_equal(found_now(&g, 1), -1);
    commit(&g);
    assert_int_equal(rows(&g), 1);
    record(&g, 100, 50);
    assert_int_equal(rows(&g), 2);
    assert_int_equal(found_now(&g, 1), 11);
    assert_int_equal(found_now(&g, 2), 12);
    assert_int_equal(found_now(&g, 149), 149);
    assert_int_equal(found_now(&g, 150), -1);
    end(&g);
}

static void what_came_to_nothing_is_not(void **state)
{
    (void)state;
    struct given_origins g = given_origins();
    record(&g, 1, 10);
    for (int round = 0; round < 3; round++) {
        begin_writing(&g);
        for (uint32_t i = 0; i < MANY; i++) /* so many that each meets others in its slot */
            add(&g, 50 + i, 1);
        assert_int_equal(found_by_writer(&g, 49 + MANY), 1);
        log_origins_flush(&g.origins, g.txn);
        store_abort(g.txn);
        begin_writing(&g);
        for (uint32_t i = 0; i < 10; i++)
            assert_int_equal(found_by_writer(&g, 1 + i), 1 + i);
        for (uint32_t i = 0; i < MANY; i++)
            assert_int_equal(found_by_writer(&g, 50 + i), -1);
        store_abort(g.txn);
    }
    record(&g, 20, 5);
    assert_int_equal(found_now(&g, 24), 24);
    assert_int_equal(found_now(&g, 10), 10);
    end(&g);
}

static void all_of_it_is_there_after_the_next_start(void **state)
{
    (void)state;
    struct given_origins g = given_origins();
    for (uint32_t i = 0; i < 5; i++)
        record(&g, 20 * i, 20);
    for (int round = 0; round < 2; round++) {
        close_all(&g); /* as it was: nobody put them in their places */
        open_again(&g);
        assert_int_equal(rows(&g), 5 + round);
        for (uint32_t i = 0; i < 100; i++)
            assert_int_equal(found_now(&g, i), i);
        record(&g, 150, 1); /* behind the others, not over one of them */
    }
    rest(&g);
    close_all(&g);
    open_again(&g);
    assert_false(log_origins_waiting(&g.origins));
    assert_int_equal(rows(&g), 101);
    assert_int_equal(found_now(&g, 99), 99);
    end(&g);
}

static void many_go_to_their_places_and_who_reads_sees_no_gap(void **state)
{
    (void)state;
    struct given_origins g = given_origins();
    record(&g, 0, 100);
    struct origins_kept *before = log_origins_hold(&g.origins);
    struct store_txn *reading = begin(g.store, false);
    for (uint32_t first = 100; first < MANY; first += 100) {
        record(&g, first, 100);
        assert_int_equal(found_now(&g, first + 99), (uint8_t)(first + 99));
        assert_int_equal(found_now(&g, 7), 7);
        assert_int_equal(found(before, reading, 7), 7); /* before, and after they were put there */
    }
    store_abort(reading);
    log_origins_drop(&g.origins, before);
    assert_in_range(rows(&g), MANY / 2, MANY);
    for (uint32_t i = 0; i < MANY; i += 11)
        assert_int_equal(found_now(&g, i), (uint8_t)i);
    rest(&g);
    assert_int_equal(rows(&g), MANY);
    end(&g);
}

/* An event that is written again takes the place of the one it was. */
static void of_several_the_last_counts(void **state)
{
    (void)state;
    struct given_origins g = given_origins();
    record(&g, 5, 1);
    rest(&g);
    for (uint8_t value = 50; value < 54; value++) {
        begin_writing(&g);
        add(&g, 5, (uint8_t)(value + 100));
        add(&g, 5, value);
        assert_int_equal(found_by_writer(&g, 5), value);
        commit(&g);
        assert_int_equal(found_now(&g, 5), value);
    }
    rest(&g);
    assert_int_equal(found_now(&g, 5), 53);
    assert_int_equal(rows(&g), 1);
    end(&g);
}

/* More at once than memory holds. */
static void no_number_is_too_large(void **state)
{
    (void)state;
    struct given_origins g = given_origins();
    record(&g, 5, 1);
    begin_writing(&g);
    for (uint32_t i = 0; i < 3 * MANY; i++)
        add(&g, i, (uint8_t)(i + 1));
    for (uint32_t i = 0; i < 3 * MANY; i++)
        add(&g, i, (uint8_t)i);
    assert_int_equal(found_by_writer(&g, 5), 5);
    assert_int_equal(found_by_writer(&g, 3 * MANY - 1), (uint8_t)(3 * MANY - 1));
    commit(&g);
    assert_false(log_origins_waiting(&g.origins));
    for (uint32_t i = 0; i < 3 * MANY; i += 97)
        assert_int_equal(found_now(&g, i), (uint8_t)i);
    assert_int_equal(rows(&g), 3 * MANY);
    end(&g);
}

static void a_row_that_is_damaged_is_told(void **state)
{
    (void)state;
    struct given_origins g = given_origins();
    record(&g, 0, 3);
    struct store_key key;
    key_start(&key);
    for (unsigned i = 0; i < sizeof(struct origin_id); i++)
        key_put(&key, "\xff", 1);
    key_put_u64(&key, 1);
    g.txn = begin(g.store, true);
    assert_true(store_get(g.txn, T_ORIGINS, key_bytes(&key), NULL));
    assert_true(store_put(g.txn, T_ORIGINS, key_bytes(&key), bytes_str("not so many bytes")));
    log_origins_release(&g.origins);
    log_origins_init(&g.origins);
    assert_false(log_origins_load(&g.origins, g.txn));
    store_abort(g.txn);
    end(&g);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_is_found),
        cmocka_unit_test(what_came_to_nothing_is_not),
        cmocka_unit_test(all_of_it_is_there_after_the_next_start),
        cmocka_unit_test(many_go_to_their_places_and_who_reads_sees_no_gap),
        cmocka_unit_test(of_several_the_last_counts),
        cmocka_unit_test(no_number_is_too_large),
        cmocka_unit_test(a_row_that_is_damaged_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
