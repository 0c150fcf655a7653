/* SPDX-License-Identifier: Apache-2.0 */
/* Commits of which somebody is told when they are durable, before they are in the file (store_commit_early): nobody who
 * was told sees less than that, and nothing of it is lost, whatever fails behind it. */
#include "tests/unit/given_journal.h"
#include "tests/unit/given_faults.h"

#include <pthread.h>
#include <time.h>

struct told {
    const struct given_dir *dir;
    struct store *store;
    unsigned durable, room;
    pthread_t reader;
    bool reads, seen;
};

/* ---- what is durable when it is told ---- */

static void copy_both(void *context)
{
    struct told *told = context;
    told->durable++;
    copy_to(told->dir, "told");
}

static void give_room(void *context)
{
    struct told *told = context;
    told->room++;
    fault_clear();
}

static enum store_outcome commit_told(struct told *told, void (*durable)(void *), const char *key, size_t len)
{
    const struct store_early early = {durable, give_room, told};
    struct felloe_error error;
    struct store_txn *txn = begin(told->store, true);
    memset(store_reserve(txn, WORDS, text(key), len), 'v', len);
    return store_commit_early(txn, &early, &error);
}

static bool has_key(struct store *store, const char *key)
{
    struct store_txn *txn = begin(store, false);
    const bool there = store_get(txn, WORDS, text(key), NULL);
    store_abort(txn);
    return there;
}

static void what_was_told_is_there_after_a_power_cut(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct told told = {.dir = &dir, .store = open_journalled(&dir)};
    put_word(told.store, "rim", "felloe");
    assert_int_equal(commit_told(&told, copy_both, "hub", 100), STORE_DONE);
    assert_int_equal(told.durable, 1);
    assert_true(has_key(told.store, "hub"));
    struct store *copy = open_named(&dir, "told");
    assert_int_equal(store_redone(copy), 2);
    assert_true(has_key(copy, "hub"));
    store_close(copy);
    store_close(told.store);
    given_dir_end(&dir);
}

static void count(void *context)
{
    struct told *told = context;
    told->durable++;
}

static void what_the_file_takes_long_for_is_told_when_it_is_there(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct told told = {.dir = &dir, .store = open_journalled(&dir)};
    assert_int_equal(commit_told(&told, count, "large", 64 << 10), STORE_DONE);      /* through the journal */
    assert_int_equal(commit_told(&told, count, "larger", 1 << 20), STORE_DONE); /* through LMDB's own sync */
    assert_int_equal(told.durable, 0);
    assert_int_equal(commit_told(&told, count, "small", 10), STORE_DONE);
    assert_int_equal(told.durable, 1);
    store_close(told.store);
    given_dir_end(&dir);
}

/* ---- who was told sees it ---- */

static void *read_it(void *context)
{
    struct told *told = context;
    told->seen = has_key(told->store, "hub");
    return NULL;
}

/* As the loop does: whoever was told looks, from another thread. Without a wait it would have looked by then. */
static void look(void *context)
{
    struct told *told = context;
    struct timespec until;
    assert_int_equal(pthread_create(&told->reader, NULL, read_it, told), 0);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 30 * 1000 * 1000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    told->reads = pthread_timedjoin_np(told->reader, NULL, &until) != 0;
}

static void who_was_told_sees_it(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct told told = {.dir = &dir, .store = open_journalled(&dir)};
    put_word(told.store, "rim", "felloe");
    assert_int_equal(commit_told(&told, look, "hub", 100), STORE_DONE);
    assert_true(told.reads); /* it waits */
    assert_int_equal(pthread_join(told.reader, NULL), 0);
    assert_true(told.seen);
    store_close(told.store);
    given_dir_end(&dir);
}

/* The table is made by the very commit that is told. */
static void a_reading_that_waited_has_the_new_table(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct told told = {.dir = &dir, .store = open_journalled(&dir)};
    const struct store_early early = {look, give_room, &told};
    struct store_txn *txn = begin(told.store, true);
    store_put(txn, NUMBERS, text("one"), text("1")); /* not made with the file */
    store_put(txn, WORDS, text("hub"), text("nave"));
    assert_int_equal(store_commit_early(txn, &early, NULL), STORE_DONE);
    assert_int_equal(pthread_join(told.reader, NULL), 0);
    assert_true(told.seen);
    assert_int_equal(count_numbers(told.store), 1);
    store_close(told.store);
    given_dir_end(&dir);
}

/* ---- the file does not take it ---- */

static bool reads(struct store *store)
{
    struct store_txn *txn;
    struct felloe_error error;
    const bool begun = store_begin_read(store, &txn, &error) == FELLOE_OK;
    if (begun)
        store_abort(txn);
    return begun;
}

/* Its record, LMDB's pages, the meta page: whichever fails, once or for ever. */
static void whichever_write_fails(void **state)
{
    (void)state;
    static const int errors[] = {EIO, ENOSPC};
    unsigned again = 0, lost = 0, never = 0;
    for (unsigned i = 0; i < 2; i++)
        for (int nth = 1; nth <= 6; nth++)
            for (int for_ever = 0; for_ever < 2; for_ever++) {
                struct given_dir dir = given_dir();
                struct told told = {.dir = &dir, .store = open_journalled(&dir)};
                put_word(told.store, "rim", "felloe");
                fault_at(nth, errors[i], for_ever);
                const enum store_outcome outcome = commit_told(&told, count, "hub", 100);
                fault_clear();
                again += told.room > 0 && outcome == STORE_DONE;
                lost += told.durable > 0 && outcome != STORE_DONE;
                never += told.durable == 0;
                assert_true(told.durable == 0 || outcome == STORE_DONE || outcome == STORE_UNKNOWN);
                if (told.durable > 0 && outcome != STORE_DONE) /* nobody is shown less than they were told */
                    assert_false(reads(told.store));
                else if (told.durable > 0)
                    assert_true(has_key(told.store, "hub"));
                if (outcome == STORE_DONE)
                    put_word(told.store, "axle", "nave");
                store_close(told.store);
                struct store *store = open_journalled(&dir);
                assert_true(has_word(store, "rim", "felloe"));
                assert_true(told.durable == 0 || has_key(store, "hub"));
                assert_true(outcome != STORE_FULL || !has_key(store, "hub"));
                assert_true(outcome != STORE_DONE || has_word(store, "axle", "nave"));
                store_close(store);
                given_dir_end(&dir);
            }
    assert_true(again > 0 && lost > 0 && never > 0);
}

/* What it did first, making a table, is done once more, too. */
static void room_that_is_made_is_enough(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct told told = {.dir = &dir, .store = open_journalled(&dir)};
    const struct store_early early = {count, give_room, &told};
    put_word(told.store, "rim", "tyre");
    put_word(told.store, "spoke", "wood");
    struct store_txn *txn = begin(told.store, true);
    store_put(txn, NUMBERS, text("one"), text("1"));
    store_delete(txn, WORDS, text("spoke"));
    memcpy(store_reserve_last(txn, WORDS, text("rim"), 6), "felloe", 6);
    fault_at(2, ENOSPC, true); /* the journal has it, and nothing else goes */
    assert_int_equal(store_commit_early(txn, &early, NULL), STORE_DONE);
    assert_int_equal(told.durable, 1);
    assert_int_equal(told.room, 1);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(count_numbers(told.store), 1);
        assert_true(has_word(told.store, "rim", "felloe"));
        assert_false(has_key(told.store, "spoke"));
        store_abandon(told.store);
        told.store = open_journalled(&dir);
        assert_int_equal(store_redone(told.store), turn == 0 ? 3 : 0);
    }
    store_close(told.store);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_told_is_there_after_a_power_cut),
        cmocka_unit_test(what_the_file_takes_long_for_is_told_when_it_is_there),
        cmocka_unit_test(who_was_told_sees_it),
        cmocka_unit_test(a_reading_that_waited_has_the_new_table),
        cmocka_unit_test(whichever_write_fails),
        cmocka_unit_test(room_that_is_made_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
