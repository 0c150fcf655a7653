/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a store that is in use: of one moment, and given up cleanly; and a file written anew. */
#include "tests/unit/given_store.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

static void fill(struct store *store, unsigned from, unsigned count)
{
    struct store_txn *txn = begin(store, true);
    for (unsigned i = from; i < from + count; i++) {
        struct store_key key;
        uint8_t value[900];
        key_start(&key);
        key_put_u32(&key, i);
        memset(value, (int)i, sizeof value);
        assert_true(store_put(txn, NUMBERS, key_bytes(&key), bytes_of(value, sizeof value)));
    }
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
}

/* How many rows of fill there are, in order and whole. */
static unsigned filled(struct store *store)
{
    struct store_txn *txn = begin(store, false);
    struct store_cursor *cursor = store_cursor_open(txn, NUMBERS);
    struct store_item item;
    unsigned count = 0;
    for (bool more = store_seek(cursor, text(""), &item); more; more = store_next(cursor, &item), count++)
        assert_true(be_u32(item.key.data) == count && item.value.len == 900 && item.value.data[899] == (uint8_t)count);
    store_cursor_close(cursor);
    store_abort(txn);
    return count;
}

struct copying {
    struct store *store;
    int to;
    enum felloe_code code;
    struct felloe_error error;
};
static void *copy_out(void *context)
{
    struct copying *c = context;
    c->code = store_copy(c->store, c->to, &c->error);
    close(c->to);
    return NULL;
}

static pthread_t start_copy(struct copying *c, struct store *store, int *from)
{
    int ends[2];
    pthread_t thread;
    assert_int_equal(pipe(ends), 0);
    *c = (struct copying){.store = store, .to = ends[1]};
    *from = ends[0];
    assert_int_equal(pthread_create(&thread, NULL, copy_out, c), 0);
    return thread;
}

static void a_copy_through_a_pipe_is_as_of_its_beginning(void **state)
{
    (void)state;
    struct given_dir dir = given_dir(), other = given_dir();
    struct store *store = open_store(&dir);
    fill(store, 0, 3000);
    struct copying c;
    uint8_t piece[5000];
    int from;
    pthread_t thread = start_copy(&c, store, &from);
    assert_int_equal(mkdir(given_path(&other, "env"), 0700), 0);
    int to = open(given_path(&other, "env/data.mdb"), O_WRONLY | O_CREAT, 0600);
    ssize_t got, size = 0;
    for (unsigned added = 0; (got = read(from, piece, sizeof piece)) > 0; size += got) {
        if (added < 50) /* others go on writing */
            fill(store, 3000 + 10 * added++, 10);
        assert_int_equal(write(to, piece, (size_t)got), got);
    }
    pthread_join(thread, NULL);
    assert_int_equal(c.code, FELLOE_OK);
    assert_true(size > 3000 * 900);
    close(from);
    close(to);
    assert_int_equal(filled(store), 3500);
    store_close(store);
    store = open_store(&other);
    assert_in_range(filled(store), 3000, 3010); /* the thread may have begun after the first addition */
    fill(store, filled(store), 5);
    store_close(store);
    given_dir_end(&other);
    given_dir_end(&dir);
}

static void a_copy_that_nobody_reads_on_is_given_up(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    fill(store, 0, 5000);
    static uint8_t piece[1 << 20];
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < 8; i++) { /* at the first byte, and ever later */
        struct copying c;
        int from;
        pthread_t thread = start_copy(&c, store, &from);
        for (size_t left = i * 600000; left > 0;) {
            ssize_t got = read(from, piece, left < sizeof piece ? left : sizeof piece);
            assert_true(got > 0);
            left -= (size_t)got;
        }
        close(from);
        pthread_join(thread, NULL);
        assert_int_equal(c.code, FELLOE_INTERRUPTED);
        assert_non_null(strstr(c.error.message, "given up"));
    }
    struct store_stat stat; /* no reader is left, and it goes on */
    store_stat(store, &stat);
    fill(store, 5000, 10);
    assert_int_equal(filled(store), 5010);
    store_close(store);
    given_dir_end(&dir);
}

static void a_copy_that_cannot_be_written_says_so(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    struct felloe_error error;
    fill(store, 0, 100);
    int full = open("/dev/full", O_WRONLY);
    assert_int_equal(store_copy(store, full, &error), FELLOE_STORAGE);
    close(full);
    full = open(given_path(&dir, "env/data.mdb"), O_RDONLY);
    assert_int_not_equal(store_copy(store, full, &error), FELLOE_OK);
    close(full);
    assert_int_equal(filled(store), 100);
    store_close(store);
    given_dir_end(&dir);
}

static void an_empty_store_is_copied_too(void **state)
{
    (void)state;
    struct given_dir dir = given_dir(), other = given_dir();
    struct store *store = open_store(&dir);
    assert_int_equal(mkdir(given_path(&other, "env"), 0700), 0);
    int to = open(given_path(&other, "env/data.mdb"), O_WRONLY | O_CREAT, 0600);
    assert_int_equal(store_copy(store, to, NULL), FELLOE_OK);
    close(to);
    store_close(store);
    store = open_store(&other);
    assert_int_equal(filled(store), 0);
    store_close(store);
    given_dir_end(&other);
    given_dir_end(&dir);
}

static void a_file_written_anew_has_nothing_that_was_deleted(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    struct stat before, after;
    fill(store, 0, 2000);
    put_word(store, "secret", "the-word-that-is-to-go");
    struct store_txn *txn = begin(store, true);
    assert_true(store_delete(txn, WORDS, text("secret")));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    for (unsigned i = 0; i < 3; i++) /* pages of both trees get free */
        fill(store, 0, 2000);
    assert_int_equal(stat(given_path(&dir, "env/data.mdb"), &before), 0);
    assert_int_equal(store_rewrite(store, NULL), FELLOE_OK);
    assert_int_equal(stat(given_path(&dir, "env/data.mdb"), &after), 0);
    assert_true(after.st_size < before.st_size);
    assert_int_not_equal(after.st_ino, before.st_ino);
    assert_int_equal(filled(store), 2000);
    fill(store, 2000, 10);
    struct store *second;
    assert_int_equal(try_open(&second, &dir, NULL), FELLOE_IN_USE); /* it is still the one that has it */
    store_close(store);
    store = open_store(&dir);
    assert_int_equal(filled(store), 2010);
    store_close(store);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_through_a_pipe_is_as_of_its_beginning),
        cmocka_unit_test(a_copy_that_nobody_reads_on_is_given_up),
        cmocka_unit_test(a_copy_that_cannot_be_written_says_so),
        cmocka_unit_test(an_empty_store_is_copied_too),
        cmocka_unit_test(a_file_written_anew_has_nothing_that_was_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
