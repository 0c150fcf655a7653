/* SPDX-License-Identifier: Apache-2.0 */
/* A store with a journal that is damaged, false, or another file's, and whose disk fails: nothing is believed that was
 * not said to be saved, and nothing that was is lost. */
#include "tests/unit/given_journal.h"
#include "tests/unit/given_faults.h"

#include <sodium.h>

/* ---- what is not as it should be ---- */

/* Others write values: an old record's may hold, where the next record would begin, what looks like one. */
static void a_value_that_looks_like_a_record_is_none(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    struct image journal = read_image(&dir, "env/journal");
    const size_t size = 64 * 1024;
    uint8_t *value = calloc(1, size);
    /* The record of "rim" as it stands there, said to be the second of the next generation in this half. */
    uint64_t generation;
    memcpy(&generation, journal.data + JOURNAL_RECORDS + 8, sizeof generation);
    const uint32_t index = 1;
    generation += 2;
    uint8_t *record = journal.data + JOURNAL_RECORDS;
    uint32_t len;
    crypto_generichash_state check;
    memcpy(&len, record, sizeof len);
    memcpy(record + 4, &index, sizeof index);
    memcpy(record + 8, &generation, sizeof generation);
    crypto_generichash_init(&check, NULL, 0, 16); /* as anybody could work it out */
    crypto_generichash_update(&check, record, 16);
    crypto_generichash_update(&check, record + JOURNAL_HEAD_SIZE, len);
    crypto_generichash_final(&check, record + 16, 16);
    for (size_t at = JOURNAL_ALIGN - 44; at + JOURNAL_ALIGN <= size; at += JOURNAL_ALIGN)
        memcpy(value + at, record, JOURNAL_HEAD_SIZE + len); /* 44: the record's head, the row's, and the key */
    struct store_txn *txn = begin(store, true);
    assert_true(store_put(txn, WORDS, text("evil"), bytes_of(value, size)));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    put_word(store, "hub", "nave"); /* into the other half */
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    put_number(store, 0, 600); /* and the next one would begin within that value */
    store_abandon(store);
    store = open_journalled(&dir);
    assert_int_equal(store_redone(store), 1);
    store_close(store);
    free(journal.data), free(value);
    given_dir_end(&dir);
}

static void flip(const struct given_dir *dir, const char *name, off_t at)
{
    uint8_t byte;
    int fd = open(given_path(dir, name), O_RDWR);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 0x10;
    assert_int_equal(__pwrite64(fd, &byte, 1, at), 1);
    close(fd);
}

static void a_damaged_record_that_others_follow_is_told(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct felloe_error error = {0};
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    put_word(store, "hub", "nave");
    store_abandon(store);
    flip(&dir, "env/journal", JOURNAL_RECORDS + JOURNAL_HEAD_SIZE + 9);
    assert_int_equal(try_journalled(&store, &dir, "env", &error), FELLOE_DAMAGED);
    assert_non_null(strstr(error.message, "env/journal is damaged"));
    given_dir_end(&dir);
}

/* The head that a rest wrote is not there: what it would be the head of was synced. */
static void a_head_that_never_came_leaves_the_one_before(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    struct image journal = read_image(&dir, "env/journal");
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    store_abandon(store);
    struct image after = read_image(&dir, "env/journal");
    const size_t fresh = newest_head(after);
    assert_true(fresh != newest_head(journal));
    memcpy(after.data + fresh, journal.data + fresh, 512);
    write_image(&dir, "env/journal", after);
    store = open_journalled(&dir);
    assert_true(has_word(store, "rim", "felloe"));
    store_close(store);
    free(journal.data), free(after.data);
    given_dir_end(&dir);
}

static void a_journal_of_another_file_is_not_put_into_it(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct felloe_error error = {0};
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "tyre");
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    struct image older = read_image(&dir, "env/data.mdb");
    put_word(store, "rim", "felloe");
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    put_word(store, "hub", "nave");
    store_abandon(store);
    write_image(&dir, "env/data.mdb", older);
    assert_int_equal(try_journalled(&store, &dir, "env", &error), FELLOE_DAMAGED);
    assert_non_null(strstr(error.message, "remove the journal"));
    assert_int_equal(unlink(given_path(&dir, "env/journal")), 0);
    store = open_journalled(&dir);
    assert_true(has_word(store, "rim", "tyre"));
    store_close(store);
    free(older.data);
    given_dir_end(&dir);
}

/* ---- the disk fails ---- */

static enum store_outcome try_put(struct store *store, const char *key, struct felloe_error *error)
{
    struct store_txn *txn = begin(store, true);
    store_put(txn, WORDS, text(key), text("value"));
    return store_commit(txn, error);
}

/* Calls of one commit by the journal: its record, LMDB's pages, the meta page. Whichever fails, what was said to be
 * saved is there after the next opening, and what was said not to be is not. */
static void whichever_write_fails(void **state)
{
    (void)state;
    static const int errors[] = {EIO, ENOSPC};
    for (unsigned i = 0; i < 2; i++)
        for (int nth = 1; nth <= 6; nth++)
            for (int for_ever = 0; for_ever < 2; for_ever++) {
                struct given_dir dir = given_dir();
                struct felloe_error error = {0};
                struct store *store = open_journalled(&dir);
                put_word(store, "rim", "felloe");
                fault_at(nth, errors[i], for_ever);
                const enum store_outcome outcome = try_put(store, "hub", &error);
                fault_clear();
                if (outcome == STORE_FULL || outcome == STORE_DONE)
                    put_word(store, "axle", "nave");
                store_abandon(store);
                store = open_journalled(&dir);
                assert_true(has_word(store, "rim", "felloe"));
                if (outcome == STORE_FULL || outcome == STORE_DONE) {
                    assert_int_equal(has_word(store, "hub", "value"), outcome == STORE_DONE);
                    assert_true(has_word(store, "axle", "nave"));
                }
                store_close(store);
                given_dir_end(&dir);
            }
}

static void after_a_sync_that_failed_nothing_more_is_written(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct felloe_error error = {0};
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    atomic_store(&fault.sync, EIO);
    assert_int_equal(store_rest(store, &error), FELLOE_DAMAGED);
    fault_clear();
    assert_int_equal(store_rest(store, &error), FELLOE_DAMAGED);
    assert_int_equal(try_put(store, "hub", &error), STORE_UNKNOWN);
    store_close(store);
    store = open_journalled(&dir);
    assert_int_equal(store_redone(store), 1);
    assert_true(has_word(store, "rim", "felloe"));
    assert_false(has_word(store, "hub", "value"));
    store_close(store);
    given_dir_end(&dir);
}

/* A sync that fails for want of room may have failed for pages of commits that only the journal has besides. */
static void a_sync_without_room_is_not_taken_for_done(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct felloe_error error = {0};
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    atomic_store(&fault.sync, ENOSPC);
    struct store_txn *txn = begin(store, true);
    memset(store_reserve(txn, NUMBERS, text("one"), (size_t)1 << 20), 'n', (size_t)1 << 20);
    assert_int_equal(store_commit(txn, &error), STORE_UNKNOWN);
    fault_clear();
    assert_int_equal(try_put(store, "hub", &error), STORE_UNKNOWN);
    store_close(store);
    store = open_journalled(&dir);
    assert_int_equal(store_redone(store), 1);
    assert_true(has_word(store, "rim", "felloe"));
    store_close(store);
    given_dir_end(&dir);
}

/* No room for a journal: as without one. */
static void without_room_for_a_journal_it_does_without(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    store_close(store);
    assert_int_equal(unlink(given_path(&dir, "env/journal")), 0);
    fault_at(3, ENOSPC, false); /* the meta pages were written again, and synced */
    store = open_journalled(&dir);
    fault_clear();
    put_word(store, "hub", "nave");
    assert_true(store_is_at_rest(store));
    assert_int_not_equal(access(given_path(&dir, "env/journal"), F_OK), 0);
    store_abandon(store);
    store = open_journalled(&dir);
    assert_int_equal(access(given_path(&dir, "env/journal"), F_OK), 0);
    assert_true(has_word(store, "hub", "nave"));
    store_close(store);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_that_looks_like_a_record_is_none),
        cmocka_unit_test(a_damaged_record_that_others_follow_is_told),
        cmocka_unit_test(a_head_that_never_came_leaves_the_one_before),
        cmocka_unit_test(a_journal_of_another_file_is_not_put_into_it),
        cmocka_unit_test(whichever_write_fails),
        cmocka_unit_test(after_a_sync_that_failed_nothing_more_is_written),
        cmocka_unit_test(a_sync_without_room_is_not_taken_for_done),
        cmocka_unit_test(without_room_for_a_journal_it_does_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
