/* SPDX-License-Identifier: Apache-2.0 */
/* A store with a journal: whatever a power cut leaves of its file, what was committed is there, and nothing else. */
#include "tests/unit/given_journal.h"

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

static void many_rows_and_many_commits_go_to_the_file(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    put_number(store, 0, (size_t)1 << 20); /* more than is journalled */
    assert_true(store_is_at_rest(store));
    for (unsigned i = 1; i <= 600; i++)
        put_number(store, i, 100);
    copy_to(&dir, "small");
    for (unsigned i = 601; i <= 620; i++)
        put_number(store, i, 200000); /* the journal is full before they are as many */
    copy_to(&dir, "large");
    store_close(store);
    store = open_named(&dir, "small");
    assert_true(store_redone(store) < 600);
    assert_int_equal(count_numbers(store), 601);
    store_close(store);
    store = open_named(&dir, "large");
    assert_true(store_redone(store) < 20);
    assert_int_equal(count_numbers(store), 621);
    assert_true(has_word(store, "rim", "felloe"));
    store_close(store);
    given_dir_end(&dir);
}

/* What will be too much for the journal need not be noted for it on the way. */
static void what_is_expected_to_be_much_goes_to_the_file(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    for (unsigned much = 0; much < 2; much++) {
        struct store_txn *txn = begin(store, true);
        store_expect(txn, much ? (size_t)1 << 20 : 100);
        assert_true(store_put(txn, NUMBERS, text(much ? "much" : "little"), text("value")));
        assert_int_equal(store_commit(txn, NULL), STORE_DONE);
        assert_int_equal(store_is_at_rest(store), much);
    }
    copy_to(&dir, "copy");
    store_close(store);
    store = open_named(&dir, "copy");
    assert_int_equal(store_redone(store), 0);
    assert_int_equal(count_numbers(store), 2);
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
        bool torn = random_below(&seed, 3) == 0;
        store_abandon(store);
        const size_t last = last_record(journal, number_at(journal, newest_head(journal) + 8));
        assert_true(last > 0);
        torn = torn && (last - JOURNAL_RECORDS) % JOURNAL_HALF != 0; /* behind the first nothing was written yet */
        if (torn)
            journal.data[last + JOURNAL_HEAD_SIZE + 3] ^= 1;
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

/* The meta page of a commit that was synced by LMDB is not: the journal's head says what it is. */
static void a_large_commit_is_there_though_its_meta_page_is_not(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_journalled(&dir);
    put_word(store, "rim", "felloe");
    struct image before = read_image(&dir, "env/data.mdb");
    put_number(store, 0, (size_t)1 << 20);
    struct image after = read_image(&dir, "env/data.mdb");
    store_abandon(store);
    memcpy(after.data, before.data, (size_t)2 * PAGE);
    write_image(&dir, "env/data.mdb", after);
    store = open_journalled(&dir);
    assert_int_equal(count_numbers(store), 1);
    assert_true(has_word(store, "rim", "felloe"));
    put_word(store, "hub", "nave");
    store_close(store);
    store = open_journalled(&dir);
    assert_true(has_word(store, "hub", "nave"));
    assert_int_equal(count_numbers(store), 1);
    store_close(store);
    free(before.data), free(after.data);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_committed_is_there_after_the_process_died),
        cmocka_unit_test(at_rest_the_file_alone_has_everything),
        cmocka_unit_test(each_kind_of_change_is_done_again),
        cmocka_unit_test(many_rows_and_many_commits_go_to_the_file),
        cmocka_unit_test(what_is_expected_to_be_much_goes_to_the_file),
        cmocka_unit_test(an_empty_commit_and_an_aborted_one_leave_nothing),
        cmocka_unit_test(what_is_deleted_is_in_neither_file_once_it_is_written_anew),
        cmocka_unit_test(whatever_pages_a_power_cut_leaves),
        cmocka_unit_test(a_large_commit_is_there_though_its_meta_page_is_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
