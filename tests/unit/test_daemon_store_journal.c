/* SPDX-License-Identifier: Apache-2.0 */
/* A store with a journal: whatever a power cut leaves of its file, what was committed is there, and nothing else. */
#include "tests/unit/given_store.h"
#include "tests/unit/given_faults.h"

#include "daemon/store/store_journal.h"

#include <fcntl.h>

#define PAGE 4096u
#define FILE_MAX ((size_t)16 << 20)

static enum felloe_code try_journalled(struct store **store, const struct given_dir *dir, const char *name,
                                       struct felloe_error *error)
{
    const struct store_options options = {.dir = given_path(dir, name), .what = "the test's store", .tables = tables,
                                          .table_count = 2, .made_first = 1, .sync = STORE_JOURNALLED};
    return store_open(store, &options, error);
}

static struct store *open_named(const struct given_dir *dir, const char *name)
{
    struct store *store;
    struct felloe_error error = {0};
    if (try_journalled(&store, dir, name, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return store;
}

static struct store *open_journalled(const struct given_dir *dir)
{
    return open_named(dir, "env");
}

/* ---- files ---- */

struct image {
    uint8_t *data;
    size_t len;
};

static struct image read_image(const struct given_dir *dir, const char *name)
{
    struct image image = {malloc(FILE_MAX), 0};
    int fd = open(given_path(dir, name), O_RDONLY);
    assert_true(fd >= 0 && image.data != NULL);
    for (ssize_t got = 1; got > 0; image.len += (size_t)got) {
        got = read(fd, image.data + image.len, FILE_MAX - image.len);
        assert_true(got >= 0);
    }
    assert_true(image.len < FILE_MAX);
    close(fd);
    return image;
}

static void write_image(const struct given_dir *dir, const char *name, struct image image)
{
    int fd = open(given_path(dir, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image.data, image.len), (ssize_t)image.len);
    close(fd);
}

/* Both files as they are now, into another directory. */
static void copy_to(const struct given_dir *dir, const char *name)
{
    char path[40];
    struct image data = read_image(dir, "env/data.mdb"), journal = read_image(dir, "env/journal");
    assert_int_equal(mkdir(given_path(dir, name), 0700), 0);
    snprintf(path, sizeof path, "%s/data.mdb", name);
    write_image(dir, path, data);
    snprintf(path, sizeof path, "%s/journal", name);
    write_image(dir, path, journal);
    free(data.data);
    free(journal.data);
}

/* ---- what is journalled is there ---- */

static void what_was_committed_is_there_after_the_process_died(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    assert_true(store_is_at_rest(store));
    put_word(store, "rim", "felloe");
    put_word(store, "hub", "nave");
    assert_false(store_is_at_rest(store));
    assert_true(has_word(store, "rim", "felloe"));
    store_abandon(store);

    store = open_journalled(&dir);
    assert_int_equal(store_redone(store), 2);
    assert_true(has_word(store, "rim", "felloe"));
    assert_true(has_word(store, "hub", "nave"));
    store_close(store);

    store = open_journalled(&dir);
    assert_int_equal(store_redone(store), 0);
    assert_true(has_word(store, "hub", "nave"));
    store_close(store);
    given_dir_end(&dir);
}

static void at_rest_the_file_alone_has_everything(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    assert_true(store_is_at_rest(store));
    copy_to(&dir, "copy");
    assert_int_equal(unlink(given_path(&dir, "copy/journal")), 0);
    struct store *copy = open_named(&dir, "copy");
    assert_true(has_word(copy, "rim", "felloe"));
    store_close(copy);
    put_word(store, "hub", "nave");
    store_close(store);
    given_dir_end(&dir);
}

/* Every kind of change there is, in one transaction that comes back from the journal. */
static void each_kind_of_change_is_done_again(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    struct store_txn *txn = begin(store, true);
    for (char name[2] = "a"; name[0] <= 'h'; name[0]++)
        store_put_last(txn, WORDS, text(name), text("old"));
    store_put(txn, NUMBERS, text("one"), text("1"));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    copy_to(&dir, "base");

    struct store_item item;
    struct bytes there;
    txn = begin(store, true);
    assert_true(store_put(txn, WORDS, text("a"), text("put")));
    memcpy(store_reserve(txn, WORDS, text("b"), 8), "reserved", 8);
    memcpy(store_reserve_last(txn, WORDS, text("x"), 4), "last", 4);
    assert_true(store_put_last(txn, WORDS, text("y"), text("last")));
    assert_true(store_delete(txn, WORDS, text("c")));
    assert_false(store_delete(txn, WORDS, text("nothing")));
    assert_true(store_delete(txn, NUMBERS, text("one")));
    struct store_cursor *cursor = store_cursor_open(txn, WORDS);
    assert_true(store_seek(cursor, text("d"), &item));
    assert_true(store_cursor_delete(cursor));
    assert_true(store_cursor_put(cursor, text("e"), text("by cursor")));
    assert_false(store_cursor_put_new(cursor, text("f"), text("new"), &there));
    assert_true(store_cursor_put_new(cursor, text("g1"), text("new"), &there));
    store_cursor_close(cursor);
    memcpy(store_reserve(txn, WORDS, text("z"), 4), "end!", 4);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);

    struct image journal = read_image(&dir, "env/journal");
    write_image(&dir, "base/journal", journal);
    free(journal.data);
    store_close(store);
    store = open_named(&dir, "base");
    assert_int_equal(store_redone(store), 2);
    static const char *const words[][2] = {{"a", "put"},       {"b", "reserved"}, {"x", "last"}, {"y", "last"},
                                           {"e", "by cursor"}, {"f", "old"},      {"g1", "new"}, {"z", "end!"},
                                           {"g", "old"},       {"h", "old"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_true(has_word(store, words[i][0], words[i][1]));
    txn = begin(store, false);
    assert_int_equal(store_count(txn, WORDS), 10);
    assert_int_equal(store_count(txn, NUMBERS), 0);
    store_abort(txn);
    store_close(store);
    given_dir_end(&dir);
}

static void put_number(struct store *store, unsigned number, size_t len)
{
    char key[8];
    struct store_txn *txn = begin(store, true);
    snprintf(key, sizeof key, "%06u", number);
    memset(store_reserve_last(txn, NUMBERS, text(key), len), 'n', len);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
}

static uint64_t count_numbers(struct store *store)
{
    struct store_txn *txn = begin(store, false);
    const uint64_t count = store_count(txn, NUMBERS);
    store_abort(txn);
    return count;
}

static void many_rows_and_many_commits_go_to_the_file(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    put_number(store, 0, (size_t)1 << 20); /* more than is journalled */
    assert_true(store_is_at_rest(store));
    bool rested = false;
    for (unsigned i = 1; i <= 300; i++) {
        put_number(store, i, 100);
        rested |= store_is_at_rest(store);
    }
    assert_true(rested);
    for (unsigned i = 301; i <= 320; i++)
        put_number(store, i, 200000); /* the journal is full before they are as many */
    copy_to(&dir, "copy");
    store_close(store);
    store = open_named(&dir, "copy");
    assert_true(store_redone(store) < 20);
    assert_int_equal(count_numbers(store), 321);
    assert_true(has_word(store, "rim", "felloe"));
    store_close(store);
    given_dir_end(&dir);
}

static void an_empty_commit_and_an_aborted_one_leave_nothing(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    struct store_txn *txn = begin(store, true);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    txn = begin(store, true);
    store_put(txn, WORDS, text("rim"), text("tyre"));
    store_reserve(txn, NUMBERS, text("one"), 5);
    store_abort(txn);
    assert_true(store_is_at_rest(store));
    put_word(store, "hub", "nave");
    store_abandon(store);
    store = open_journalled(&dir);
    assert_int_equal(store_redone(store), 1);
    assert_false(has_word(store, "rim", "tyre"));
    assert_true(has_word(store, "hub", "nave"));
    store_close(store);
    given_dir_end(&dir);
}

static bool has_bytes(const struct given_dir *dir, const char *name, const char *word)
{
    struct image image = read_image(dir, name);
    const bool found = memmem(image.data, image.len, word, strlen(word)) != NULL;
    free(image.data);
    return found;
}

static void what_is_deleted_is_in_neither_file_once_it_is_written_anew(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "what is to vanish");
    put_word(store, "hub", "nave");
    struct store_txn *txn = begin(store, true);
    assert_true(store_delete(txn, WORDS, text("rim")));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    assert_true(has_bytes(&dir, "env/journal", "what is to vanish"));
    assert_int_equal(store_rewrite(store, NULL), FELLOE_OK);
    assert_false(has_bytes(&dir, "env/journal", "what is to vanish"));
    assert_false(has_bytes(&dir, "env/data.mdb", "what is to vanish"));
    assert_true(has_word(store, "hub", "nave"));
    put_word(store, "axle", "felloe"); /* by a journal again */
    assert_false(store_is_at_rest(store));
    store_abandon(store);
    store = open_journalled(&dir);
    assert_true(has_word(store, "hub", "nave") && has_word(store, "axle", "felloe"));
    assert_int_equal(store_slim(store, NULL), FELLOE_OK);
    assert_true(has_word(store, "axle", "felloe"));
    store_close(store);
    given_dir_end(&dir);
}

/* ---- the power goes ---- */

#define MODEL 40
struct model {
    int value[MODEL]; /* 0: not there */
};

static uint32_t random_below(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void change_some(struct store *store, struct model *model, uint32_t *seed)
{
    struct store_txn *txn = begin(store, true);
    for (uint32_t left = 1 + random_below(seed, 6); left > 0; left--) {
        const uint32_t at = random_below(seed, MODEL);
        char key[8], value[2000];
        snprintf(key, sizeof key, "%03u", at);
        if (random_below(seed, 4) == 0) {
            assert_int_equal(store_delete(txn, WORDS, text(key)), model->value[at] != 0);
            model->value[at] = 0;
            continue;
        }
        model->value[at] = (int)random_below(seed, 1900) + 1;
        memset(value, 'a' + model->value[at] % 26, sizeof value);
        assert_true(store_put(txn, WORDS, text(key), bytes_of(value, (size_t)model->value[at])));
    }
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
}

static bool is_as(struct store *store, const struct model *model)
{
    bool same = true;
    uint64_t count = 0;
    struct store_txn *txn = begin(store, false);
    for (unsigned i = 0; i < MODEL; i++) {
        char key[8];
        struct bytes value = {0};
        snprintf(key, sizeof key, "%03u", i);
        const bool there = store_get(txn, WORDS, text(key), &value);
        count += there;
        same = same && there == (model->value[i] != 0) &&
               (!there || (value.len == (size_t)model->value[i] && value.data[0] == 'a' + model->value[i] % 26 &&
                           value.data[value.len - 1] == value.data[0]));
    }
    same = same && store_count(txn, WORDS) == count;
    store_abort(txn);
    return same;
}

/* Of each page that was written since the base the disk has the old or the new one, or half of each. */
static struct image any_of(struct image old, struct image now, uint32_t *seed)
{
    struct image out = {malloc(FILE_MAX), random_below(seed, 3) == 0 ? old.len : now.len};
    for (size_t at = 0; at < out.len; at += PAGE) {
        const uint32_t how = random_below(seed, 5);
        const bool is_old = at < old.len;
        if (at >= now.len || (is_old && how < 2))
            memcpy(out.data + at, old.data + at, PAGE);
        else
            memcpy(out.data + at, now.data + at, PAGE);
        if (!is_old && how < 2)
            memset(out.data + at, 0, PAGE);
        else if (is_old && how == 2)
            memcpy(out.data + at, old.data + at, PAGE / 2);
    }
    return out;
}

static void whatever_pages_a_power_cut_leaves(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct model model = {0}, before = {0};
    uint32_t seed = 20261122;
    struct store *store = open_journalled(&dir);
    for (unsigned round = 0; round < 60; round++) {
        for (unsigned i = random_below(&seed, 20); i > 0; i--)
            change_some(store, &model, &seed);
        assert_int_equal(store_rest(store, NULL), FELLOE_OK);
        struct image base = read_image(&dir, "env/data.mdb");
        for (unsigned i = 1 + random_below(&seed, 12); i > 0; i--) {
            before = model;
            change_some(store, &model, &seed);
        }
        struct image now = read_image(&dir, "env/data.mdb"), journal = read_image(&dir, "env/journal");
        const bool torn = random_below(&seed, 3) == 0;
        store_abandon(store);
        for (size_t at = JOURNAL_BYTES - 1; torn && at > JOURNAL_RECORDS; at--)
            if (at % JOURNAL_ALIGN == 0 && memcmp(journal.data + at, "\0\0\0\0\0\0\0\0", 8) != 0) {
                journal.data[at + JOURNAL_HEAD_SIZE + 3] ^= 1; /* of the last record that was ever written */
                break;
            }
        struct image left = any_of(base, now, &seed);
        write_image(&dir, "env/data.mdb", left);
        write_image(&dir, "env/journal", journal);
        store = open_journalled(&dir);
        const bool whole = is_as(store, &model);
        assert_true(whole || (torn && is_as(store, &before)));
        if (!whole)
            model = before;
        free(base.data), free(now.data), free(journal.data), free(left.data);
    }
    store_close(store);
    given_dir_end(&dir);
}

/* ---- what is not as it should be ---- */

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

static void a_head_that_is_torn_leaves_the_one_before(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    struct image journal = read_image(&dir, "env/journal");
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    store_abandon(store);
    /* The head that the rest wrote is cut through; what it is the head of was synced. */
    struct image after = read_image(&dir, "env/journal");
    const size_t fresh = memcmp(journal.data, after.data, 300) != 0 ? 0 : PAGE;
    after.data[fresh + 20] ^= 0xff;
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
        cmocka_unit_test(what_was_committed_is_there_after_the_process_died),
        cmocka_unit_test(at_rest_the_file_alone_has_everything),
        cmocka_unit_test(each_kind_of_change_is_done_again),
        cmocka_unit_test(many_rows_and_many_commits_go_to_the_file),
        cmocka_unit_test(an_empty_commit_and_an_aborted_one_leave_nothing),
        cmocka_unit_test(what_is_deleted_is_in_neither_file_once_it_is_written_anew),
        cmocka_unit_test(whatever_pages_a_power_cut_leaves),
        cmocka_unit_test(a_damaged_record_that_others_follow_is_told),
        cmocka_unit_test(a_head_that_is_torn_leaves_the_one_before),
        cmocka_unit_test(a_journal_of_another_file_is_not_put_into_it),
        cmocka_unit_test(whichever_write_fails),
        cmocka_unit_test(after_a_sync_that_failed_nothing_more_is_written),
        cmocka_unit_test(without_room_for_a_journal_it_does_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
