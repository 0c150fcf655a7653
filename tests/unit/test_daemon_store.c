/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what is committed is there, what fails is said in words, and no broken file is ever mapped. */
#include "tests/unit/given_store.h"
#include "tests/unit/given_faults.h"

#include <fcntl.h>

/* ---- values ---- */

static void what_is_committed_is_there_and_what_is_aborted_is_not(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    put_word(store, "rim", "felloe");
    struct store_txn *txn = begin(store, true);
    store_put(txn, WORDS, text("rim"), text("tyre"));
    store_abort(txn);
    assert_true(has_word(store, "rim", "felloe"));
    store_close(store);

    store = open_store(&dir);
    assert_true(has_word(store, "rim", "felloe"));
    assert_false(has_word(store, "hub", "nave"));
    store_close(store);
    given_dir_end(&dir);
}

static uint64_t number_of_last_commit(struct store *store)
{
    struct store_txn *txn = begin(store, false);
    const uint64_t number = store_txn_number(txn);
    store_abort(txn);
    return number;
}

static void each_commit_has_a_number_of_its_own(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    put_word(store, "rim", "felloe");
    const uint64_t first = number_of_last_commit(store);
    assert_int_equal(number_of_last_commit(store), first);
    struct store_txn *txn = begin(store, true);
    store_put(txn, WORDS, text("hub"), text("nave"));
    store_abort(txn);
    assert_int_equal(number_of_last_commit(store), first);
    put_word(store, "hub", "nave");
    assert_int_equal(number_of_last_commit(store), first + 1);
    store_close(store);
    given_dir_end(&dir);
}

static void files_are_for_their_owner_alone(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    umask(0);
    struct store *store = open_store(&dir);
    assert_int_equal(given_mode(&dir, "env"), 0700);
    assert_int_equal(given_mode(&dir, "env/data.mdb"), 0600);
    assert_int_equal(given_mode(&dir, "env/lock.mdb"), 0600);
    store_close(store);
    given_dir_end(&dir);
}

static void a_key_that_is_not_the_last_is_appended_all_the_same(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    struct store_txn *txn = begin(store, true);
    assert_true(store_put_last(txn, WORDS, text("b"), text("2")));
    assert_true(store_put_last(txn, WORDS, text("a"), text("1")));
    uint8_t *room = store_reserve_last(txn, WORDS, text("aa"), 3);
    assert_non_null(room);
    memcpy(room, "1.5", 3);
    assert_int_equal(store_count(txn, WORDS), 3);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    assert_true(has_word(store, "a", "1"));
    assert_true(has_word(store, "aa", "1.5"));
    assert_true(has_word(store, "b", "2"));
    store_close(store);
    given_dir_end(&dir);
}

/* ---- cursors and keys ---- */

/* What stays at the end for the next row that is appended must not be led astray by what else happens to the table:
 * pages that are split and merged, rows before and after it. */
struct rows {
    struct store_txn *txn;
    size_t lens[3000]; /* of each key's value; 0: it is not there */
    unsigned next, random;
};

static unsigned any(struct rows *rows, unsigned below)
{
    rows->random = rows->random * 1103515245u + 12345u;
    return (rows->random >> 16) % below;
}

static struct bytes key_of(struct store_key *key, unsigned n)
{
    key_start(key);
    key_put_u32(key, n);
    return key_bytes(key);
}

static void put_row(struct rows *rows, unsigned n, bool last)
{
    static const uint8_t value[1500] = {1};
    struct store_key key;
    const size_t len = 1 + any(rows, any(rows, 8) == 0 ? sizeof value : 200);
    if (last)
        assert_true(store_put_last(rows->txn, WORDS, key_of(&key, n), bytes_of(value, len)));
    else
        assert_true(store_put(rows->txn, WORDS, key_of(&key, n), bytes_of(value, len)));
    rows->lens[n] = len;
}

static void take_row(struct rows *rows, unsigned n, bool by_cursor)
{
    struct store_key key;
    struct store_item item;
    if (rows->lens[n] == 0)
        return;
    if (by_cursor) {
        struct store_cursor *cursor = store_cursor_open(rows->txn, WORDS);
        assert_true(store_seek(cursor, key_of(&key, n), &item) && store_cursor_delete(cursor));
        store_cursor_close(cursor);
    } else {
        assert_true(store_delete(rows->txn, WORDS, key_of(&key, n)));
    }
    rows->lens[n] = 0;
}

static void assert_rows(const struct rows *rows)
{
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(rows->txn, WORDS);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    for (unsigned n = 0; n < rows->next; n++) {
        if (rows->lens[n] == 0)
            continue;
        assert_true(more);
        assert_int_equal(be_u32(item.key.data), n);
        assert_int_equal(item.value.len, rows->lens[n]);
        more = store_next(cursor, &item);
    }
    assert_false(more);
    store_cursor_close(cursor);
}

static void rows_that_are_appended_lie_behind_all_others_whatever_else_happens(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    struct rows rows = {.random = 7};
    while (rows.next < 2900) {
        rows.txn = begin(store, true);
        for (unsigned turn = 0; turn < 40 && rows.next < 2900; turn++) {
            for (unsigned run = any(&rows, 12); run > 0; run--)
                put_row(&rows, rows.next++, true);
            const unsigned recent = rows.next > 30 ? rows.next - 1 - any(&rows, 30) : 0;
            switch (rows.next > 0 ? any(&rows, 6) : 5) {
            case 0: put_row(&rows, any(&rows, rows.next), false); break;
            case 1: put_row(&rows, recent, any(&rows, 2) == 0); break;
            case 2: take_row(&rows, recent, false); break;
            case 3: take_row(&rows, rows.next - 1, any(&rows, 2) == 0); break;
            case 4: take_row(&rows, recent, true); break;
            default: break;
            }
        }
        assert_rows(&rows);
        assert_int_equal(store_commit(rows.txn, NULL), STORE_DONE);
    }
    store_close(store);
    given_dir_end(&dir);
}

static void numbers_sort_as_numbers(void **state)
{
    (void)state;
    const uint64_t numbers[] = {0, 1, 255, 256, 65535, 65536, UINT64_MAX};
    struct store_key last = {0};
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct store_key key;
        key_start(&key);
        key_put_u64(&key, numbers[i]);
        if (i > 0)
            assert_true(memcmp(last.b, key.b, 8) < 0);
        struct key_reader reader = {.rest = key_bytes(&key)};
        assert_true(key_take_u64(&reader) == numbers[i]);
        assert_false(reader.failed);
        assert_int_equal(key_take_u8(&reader), 0);
        assert_true(reader.failed);
        last = key;
    }
}

static void cursors_find_what_lies_around_a_key(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    struct store_txn *txn = begin(store, true);
    static const char *const keys[] = {"aa1", "aa2", "ab1", "b\xff", "b\xff\x01", "c"};
    for (unsigned i = 0; i < 6; i++)
        store_put(txn, WORDS, text(keys[i]), text(keys[i]));
    struct store_cursor *cursor = store_cursor_open(txn, WORDS);
    struct store_item item;

    assert_true(store_seek(cursor, text("aa11"), &item) && bytes_is(item.key, "aa2"));
    assert_true(store_seek(cursor, (struct bytes){0}, &item) && bytes_is(item.key, "aa1"));
    assert_false(store_seek(cursor, text("d"), &item));
    assert_true(store_seek_below(cursor, text("aa2"), &item) && bytes_is(item.value, "aa1"));
    assert_true(store_seek_below(cursor, text("zz"), &item) && bytes_is(item.key, "c"));
    assert_true(store_seek_below(cursor, (struct bytes){0}, &item) && bytes_is(item.key, "c"));
    assert_false(store_seek_below(cursor, text("aa1"), &item));
    assert_true(store_seek_prefix(cursor, text("aa"), &item) && bytes_is(item.key, "aa1"));
    assert_true(store_next_prefix(cursor, text("aa"), &item) && bytes_is(item.key, "aa2"));
    assert_false(store_next_prefix(cursor, text("aa"), &item));
    assert_true(store_last_prefix(cursor, text("a"), &item) && bytes_is(item.key, "ab1"));
    assert_true(store_last_prefix(cursor, text("b\xff"), &item) && bytes_is(item.key, "b\xff\x01"));
    assert_false(store_last_prefix(cursor, text("bb"), &item));

    assert_true(store_seek(cursor, text("ab1"), &item));
    assert_true(store_cursor_delete(cursor));
    assert_true(store_next(cursor, &item) && bytes_is(item.key, "b\xff"));
    store_cursor_close(cursor);
    assert_int_equal(store_failed(txn, NULL), STORE_DONE);
    assert_true(store_delete(txn, WORDS, text("c")));
    assert_false(store_delete(txn, WORDS, text("c")));
    assert_int_equal(store_count(txn, WORDS), 4);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    store_close(store);
    given_dir_end(&dir);
}

/* ---- opening ---- */

static void one_process_opens_it_once(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir), *second;
    struct felloe_error error = {0};
    assert_int_equal(try_open(&second, &dir, &error), FELLOE_IN_USE);
    assert_null(second);
    assert_non_null(strstr(error.message, "open already"));
    store_close(store);
    store = open_store(&dir);
    store_close(store);
    given_dir_end(&dir);
}

static void a_file_that_was_cut_short_is_refused_at_every_length(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    struct store_txn *txn = begin(store, true);
    uint8_t big[3000] = {7};
    for (uint32_t i = 0; i < 20; i++) {
        struct store_key key;
        key_start(&key);
        key_put_u32(&key, i);
        store_put(txn, WORDS, key_bytes(&key), bytes_of(big, sizeof big));
    }
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    store_close(store);
    struct stat st;
    assert_int_equal(stat(given_path(&dir, "env/data.mdb"), &st), 0);
    for (off_t size = st.st_size - 1; size > 0; size -= 1021) {
        struct felloe_error error = {0};
        assert_int_equal(truncate(given_path(&dir, "env/data.mdb"), size), 0);
        assert_int_equal(try_open(&store, &dir, &error), FELLOE_DAMAGED);
        assert_int_equal(error.code, FELLOE_DAMAGED);
    }
    given_dir_end(&dir);
}

static void a_file_of_another_kind_is_refused(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    store_close(store);
    const off_t at[] = {16, 20, 40, 4096 + 16}; /* magic, version, page size; magic of the second meta page */
    for (unsigned i = 0; i < 4; i++) {
        int fd = open(given_path(&dir, "env/data.mdb"), O_RDWR);
        uint8_t was, is;
        assert_int_equal(pread(fd, &was, 1, at[i]), 1);
        is = was ^ 0x55;
        assert_int_equal(pwrite(fd, &is, 1, at[i]), 1);
        assert_int_equal(try_open(&store, &dir, NULL), FELLOE_DAMAGED);
        assert_int_equal(pwrite(fd, &was, 1, at[i]), 1);
        close(fd);
    }
    store = open_store(&dir);
    store_close(store);
    given_dir_end(&dir);
}

static off_t file_size(const struct given_dir *dir)
{
    struct stat st;
    assert_int_equal(stat(given_path(dir, "env/data.mdb"), &st), 0);
    return st.st_size;
}

/* Pages that a transaction took and gave back are never written: the file is then shorter than its meta page says, and
 * whole. Such a file is opened; and with one page less that is in use it is refused. */
static void a_file_that_lacks_free_pages_only_is_whole(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    static uint8_t big[3 << 20];
    unsigned short_files = 0;
    for (unsigned round = 0; round < 12; round++) {
        struct store *store = open_store(&dir);
        struct store_txn *txn = begin(store, true);
        char key[8];
        snprintf(key, sizeof key, "%u", round);
        store_put(txn, WORDS, text(key), bytes_of(big, 9000));
        store_put(txn, WORDS, text("big"), bytes_of(big, 250000 * (round + 1)));
        store_delete(txn, WORDS, text("big"));
        assert_int_equal(store_commit(txn, NULL), STORE_DONE);
        struct store_stat stat;
        store_stat(store, &stat);
        store_close(store);
        if ((uint64_t)file_size(&dir) >= stat.bytes_used)
            continue;
        short_files++;
        store = open_store(&dir);
        txn = begin(store, false);
        struct bytes value;
        for (unsigned i = 0; i <= round; i++) {
            snprintf(key, sizeof key, "%u", i);
            assert_true(store_get(txn, WORDS, text(key), &value) && value.len == 9000);
        }
        store_abort(txn);
        store_close(store);
        assert_true((uint64_t)file_size(&dir) >= stat.bytes_used);
    }
    assert_true(short_files > 2);
    assert_int_equal(truncate(given_path(&dir, "env/data.mdb"), 8 * 4096), 0);
    struct store *store;
    assert_int_equal(try_open(&store, &dir, NULL), FELLOE_DAMAGED);
    assert_int_equal(file_size(&dir), 8 * 4096);
    given_dir_end(&dir);
}

static void a_place_that_cannot_be_is_said_in_words(void **state)
{
    (void)state;
    struct store *store;
    struct felloe_error error = {0};
    const struct store_options options = {
        .dir = "/nonexistent/env", .what = "the log", .tables = tables, .table_count = 2};
    assert_int_equal(store_open(&store, &options, &error), FELLOE_NOT_FOUND);
    assert_non_null(strstr(error.message, "the log"));
}

/* ---- faults ---- */

static enum store_outcome commit_one(struct store *store, const char *key, struct felloe_error *error)
{
    struct store_txn *txn = begin(store, true);
    store_put(txn, WORDS, text(key), text("value"));
    return store_commit(txn, error);
}

static void a_full_disk_takes_nothing_and_is_not_final(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    put_word(store, "before", "value");
    struct felloe_error error = {0};
    for (int sync = 0; sync < 2; sync++) {
        atomic_store(&fault.data, sync ? 0 : ENOSPC);
        atomic_store(&fault.sync, sync ? ENOSPC : 0);
        assert_int_equal(commit_one(store, "during", &error), STORE_FULL);
        assert_int_equal(error.code, FELLOE_STORAGE);
        assert_non_null(strstr(error.message, "the disk is full"));
        assert_true(has_word(store, "before", "value"));
        assert_false(has_word(store, "during", "value"));
    }
    fault_clear();
    assert_int_equal(commit_one(store, "after", NULL), STORE_DONE);
    store_close(store);
    store = open_store(&dir);
    assert_true(has_word(store, "after", "value"));
    assert_false(has_word(store, "during", "value"));
    store_close(store);
    given_dir_end(&dir);
}

static void a_commit_that_fails_otherwise_is_unknown(void **state)
{
    (void)state;
    /* An error on the data, an error of the sync, and any error on the meta page itself. */
    const struct {
        int data, sync, meta;
    } faults[] = {{EIO, 0, 0}, {0, EIO, 0}, {0, 0, EIO}, {0, 0, ENOSPC}};
    for (unsigned i = 0; i < 4; i++) {
        struct given_dir dir = given_dir();
        struct store *store = open_store(&dir);
        put_word(store, "before", "value");
        atomic_store(&fault.data, faults[i].data);
        atomic_store(&fault.sync, faults[i].sync);
        atomic_store(&fault.meta, faults[i].meta);
        assert_int_equal(commit_one(store, "during", NULL), STORE_UNKNOWN);
        fault_clear();
        store_close(store);
        store = open_store(&dir); /* closed, opened, compared: what was committed before is there in any case */
        assert_true(has_word(store, "before", "value"));
        store_close(store);
        given_dir_end(&dir);
    }
}

static void a_failure_sticks_to_its_transaction(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[100];
    snprintf(path, sizeof path, "%s/env", dir.path);
    const struct store_options options = {
        .dir = path, .what = "the small store", .tables = tables, .table_count = 2, .map_bytes = 200 * 1024};
    struct store *store;
    assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
    put_word(store, "before", "value");
    struct store_txn *txn = begin(store, true);
    static uint8_t value[100000];
    for (uint32_t i = 0; i < 10; i++) {
        struct store_key key;
        key_start(&key);
        key_put_u32(&key, i);
        store_put(txn, WORDS, key_bytes(&key), bytes_of(value, sizeof value));
    }
    assert_int_equal(store_failed(txn, NULL), STORE_FULL);
    assert_false(store_get(txn, WORDS, text("before"), NULL));
    assert_null(store_cursor_open(txn, WORDS));
    struct felloe_error error = {0};
    assert_int_equal(store_commit(txn, &error), STORE_FULL);
    assert_non_null(strstr(error.message, "the small store"));
    assert_true(has_word(store, "before", "value"));
    store_close(store);
    given_dir_end(&dir);
}

static void more_may_read_at_once_than_are_kept_for_the_next(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    struct store_txn *readings[12];
    for (int again = 0; again < 2; again++) {
        put_word(store, "rim", again == 0 ? "felloe" : "tyre");
        for (size_t i = 0; i < sizeof readings / sizeof *readings; i++)
            readings[i] = begin(store, false);
        put_word(store, "rim", "other");
        for (size_t i = 0; i < sizeof readings / sizeof *readings; i++) {
            struct bytes word;
            assert_true(store_get(readings[i], WORDS, text("rim"), &word));
            assert_true(bytes_is(word, again == 0 ? "felloe" : "tyre"));
            store_abort(readings[i]);
        }
        assert_int_equal(store_slim(store, NULL), FELLOE_OK);
    }
    store_close(store);
    given_dir_end(&dir);
}

/* Wherever it stands in the file: size of the data of this entry by so much. */
static void say_another_length(const char *path, const char *entry, int by)
{
    const size_t head = 8;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    uint8_t *all = malloc(1 << 20);
    const size_t len = fread(all, 1, 1 << 20, file);
    unsigned found = 0;
    for (size_t at = head; at + strlen(entry) <= len; at++)
        if (memcmp(all + at, entry, strlen(entry)) == 0) {
            all[at - head] = (uint8_t)(all[at - head] + by);
            found++;
        }
    assert_true(found > 0);
    rewind(file);
    assert_int_equal(fwrite(all, 1, len, file), len);
    fclose(file);
    free(all);
}

/* LMDB believes it when it takes the entry out, and moves others over the page's own head. */
static void an_entry_of_another_length_than_it_takes_is_damage(void **state)
{
    (void)state;
    static const int by[] = {-6, -3, -1, 2, 3, 40};
    struct given_dir dir = given_dir();
    char path[100];
    struct felloe_error error;
    struct store *store = open_store(&dir);
    snprintf(path, sizeof path, "%s/env/data.mdb", dir.path);
    put_word(store, "hub", "nave");
    put_word(store, "rim", "felloe");
    put_word(store, "spoke", "ash");
    for (size_t i = 0; i < sizeof by / sizeof by[0]; i++) {
        store_close(store);
        say_another_length(path, "rimfelloe", by[i]);
        assert_int_equal(try_open(&store, &dir, &error), FELLOE_DAMAGED);
        say_another_length(path, "rimfelloe", -by[i]);
        store = open_store(&dir);
        assert_true(has_word(store, "rim", "felloe"));
    }
    store_close(store);
    say_another_length(path, "rimfelloe", 2); /* two that come to what there is */
    say_another_length(path, "hubnave", -2);
    assert_int_equal(try_open(&store, &dir, &error), FELLOE_DAMAGED);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_is_there_and_what_is_aborted_is_not),
        cmocka_unit_test(each_commit_has_a_number_of_its_own),
        cmocka_unit_test(files_are_for_their_owner_alone),
        cmocka_unit_test(a_key_that_is_not_the_last_is_appended_all_the_same),
        cmocka_unit_test(rows_that_are_appended_lie_behind_all_others_whatever_else_happens),
        cmocka_unit_test(numbers_sort_as_numbers),
        cmocka_unit_test(cursors_find_what_lies_around_a_key),
        cmocka_unit_test(one_process_opens_it_once),
        cmocka_unit_test(a_file_that_was_cut_short_is_refused_at_every_length),
        cmocka_unit_test(a_file_of_another_kind_is_refused),
        cmocka_unit_test(a_file_that_lacks_free_pages_only_is_whole),
        cmocka_unit_test(a_place_that_cannot_be_is_said_in_words),
        cmocka_unit_test(a_full_disk_takes_nothing_and_is_not_final),
        cmocka_unit_test(a_commit_that_fails_otherwise_is_unknown),
        cmocka_unit_test(a_failure_sticks_to_its_transaction),
        cmocka_unit_test(more_may_read_at_once_than_are_kept_for_the_next),
        cmocka_unit_test(an_entry_of_another_length_than_it_takes_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
