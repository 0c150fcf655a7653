/* SPDX-License-Identifier: Apache-2.0 */
/* What is derived does not wait for the disk: it is believed after its process died, after a rest, and not when the
 * system went down meanwhile. */
#include "tests/unit/given_store.h"
#include "tests/unit/given_faults.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon/store/store_mark.h"

static struct store_options derived(const char *path)
{
    return (struct store_options){.dir = path, .what = "the test's views", .tables = tables, .table_count = 2,
                                  .sync = STORE_DERIVED};
}

static enum felloe_code try_derived(struct store **store, const char *path, struct felloe_error *error)
{
    const struct store_options options = derived(path);
    return store_open(store, &options, error);
}

static struct store *open_derived(const char *path)
{
    struct store *store;
    struct felloe_error error = {0};
    if (try_derived(&store, path, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return store;
}

/* As after a start of the machine: the mark is of another one. */
static void start_the_machine(const char *path)
{
    char mark[300], text[8] = "";
    snprintf(mark, sizeof mark, "%s/" MARK_NAME, path);
    int fd = open(mark, O_RDWR);
    assert_true(fd >= 0);
    const off_t at = (off_t)strlen("in use since boot ");
    assert_int_equal(pread(fd, text, 4, at), 4);
    assert_int_equal(pwrite(fd, strcmp(text, "0123") == 0 ? "3210" : "0123", 4, at), 4);
    close(fd);
}

static void copy_file(const char *from, const char *to, const char *name)
{
    char path[300], piece[4096];
    ssize_t got;
    snprintf(path, sizeof path, "%s/%s", from, name);
    int in = open(path, O_RDONLY);
    snprintf(path, sizeof path, "%s/%s", to, name);
    int out = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(in >= 0 && out >= 0);
    while ((got = read(in, piece, sizeof piece)) > 0)
        assert_int_equal(write(out, piece, (size_t)got), got);
    assert_int_equal(got, 0);
    close(in);
    close(out);
}

static void copy_folder(const char *from, const char *to)
{
    assert_int_equal(mkdir(to, 0700), 0);
    copy_file(from, to, "data.mdb");
    copy_file(from, to, MARK_NAME);
}

static void it_is_in_use_until_it_rests(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120];
    snprintf(path, sizeof path, "%s/env", dir.path);
    struct store *store = open_derived(path);
    put_word(store, "oak", "tree");
    assert_false(store_is_at_rest(store));
    assert_int_equal(store_mark_read(path), MARK_HERE);
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    assert_true(store_is_at_rest(store));
    assert_int_equal(store_mark_read(path), MARK_REST);
    assert_true(has_word(store, "oak", "tree")); /* reading is no use */
    assert_true(store_is_at_rest(store));
    put_word(store, "elm", "tree");
    assert_int_equal(store_mark_read(path), MARK_HERE);
    store_close(store);
    assert_int_equal(store_mark_read(path), MARK_REST);
    store = open_derived(path);
    assert_true(store_is_at_rest(store));
    assert_true(has_word(store, "elm", "tree"));
    store_close(store);
    given_dir_end(&dir);
}

static void a_process_that_died_leaves_all_of_it(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120];
    int status;
    snprintf(path, sizeof path, "%s/env", dir.path);
    pid_t child = fork();
    if (child == 0) {
        put_word(open_derived(path), "oak", "tree");
        _exit(0);
    }
    assert_true(waitpid(child, &status, 0) == child && status == 0);
    struct store *store = open_derived(path);
    assert_false(store_is_at_rest(store)); /* what the other left behind is not synced either */
    assert_true(has_word(store, "oak", "tree"));
    store_close(store);
    given_dir_end(&dir);
}

static void a_machine_that_went_down_leaves_nothing_to_be_believed(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120], data[140];
    struct store *store;
    struct felloe_error error = {0};
    snprintf(path, sizeof path, "%s/env", dir.path);
    snprintf(data, sizeof data, "%s/data.mdb", path);
    store = open_derived(path);
    put_word(store, "oak", "tree");
    store_abandon(store);
    start_the_machine(path);
    assert_int_equal(try_derived(&store, path, &error), FELLOE_DAMAGED);
    assert_non_null(strstr(error.message, "the machine went down while the test's views"));
    assert_int_equal(unlink(data), 0);
    store = open_derived(path); /* made anew: it is in use, by this start */
    assert_false(has_word(store, "oak", "tree"));
    assert_int_equal(store_mark_read(path), MARK_HERE);
    store_close(store);
    given_dir_end(&dir);
}

static void a_copy_of_what_is_in_use_is_another_file(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120], copy[120], rested[120];
    struct store *store, *other;
    struct felloe_error error = {0};
    snprintf(path, sizeof path, "%s/env", dir.path);
    snprintf(copy, sizeof copy, "%s/copy", dir.path);
    snprintf(rested, sizeof rested, "%s/rested", dir.path);
    store = open_derived(path);
    put_word(store, "oak", "tree");
    copy_folder(path, copy);
    assert_int_equal(try_derived(&other, copy, &error), FELLOE_DAMAGED);
    assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    copy_folder(path, rested);
    other = open_derived(rested);
    assert_true(has_word(other, "oak", "tree"));
    store_close(other);
    store_close(store);
    given_dir_end(&dir);
}

/* Its number was that of another file once. */
static void a_file_that_was_born_at_another_time_is_another(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120], mark[140], there[128], *birth;
    struct store *store;
    snprintf(path, sizeof path, "%s/env", dir.path);
    snprintf(mark, sizeof mark, "%s/" MARK_NAME, path);
    store = open_derived(path);
    put_word(store, "oak", "tree");
    store_abandon(store);
    assert_int_equal(store_mark_read(path), MARK_HERE);
    int fd = open(mark, O_RDWR);
    assert_int_equal(pread(fd, there, sizeof there, 0), sizeof there);
    there[sizeof there - 1] = '\0';
    birth = strrchr(there, '.') + 1;
    struct statx st;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &st) == 0 && (st.stx_mask & STATX_BTIME))
        assert_int_equal(strtoull(birth, NULL, 10), st.stx_btime.tv_sec * 1000000000ll + st.stx_btime.tv_nsec);
    *birth = *birth == '9' ? '8' : (char)(*birth + 1);
    assert_int_equal(pwrite(fd, birth, 1, birth - there), 1);
    close(fd);
    assert_int_equal(store_mark_read(path), MARK_LOST);
    given_dir_end(&dir);
}

static void a_mark_that_is_none_is_not_believed(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120], mark[140];
    struct store *store;
    struct felloe_error error = {0};
    snprintf(path, sizeof path, "%s/env", dir.path);
    snprintf(mark, sizeof mark, "%s/" MARK_NAME, path);
    store = open_derived(path);
    put_word(store, "oak", "tree");
    store_close(store);
    assert_int_equal(truncate(mark, 20), 0);
    assert_int_equal(try_derived(&store, path, &error), FELLOE_DAMAGED);
    assert_int_equal(unlink(mark), 0); /* of before there were marks */
    store = open_derived(path);
    assert_true(has_word(store, "oak", "tree"));
    store_close(store);
    given_dir_end(&dir);
}

/* The next sync would succeed. */
static void what_the_disk_did_not_take_is_never_believed_again(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120];
    struct store *store;
    struct felloe_error error = {0};
    struct store_marking marking;
    snprintf(path, sizeof path, "%s/env", dir.path);
    store = open_derived(path);
    put_word(store, "oak", "tree");
    store_close(store);
    assert_int_equal(store_marking_open(&marking, path, "the test's views", NULL), FELLOE_OK);
    assert_int_equal(store_marking_set(&marking), 0);
    assert_int_equal(store_mark_read(path), MARK_HERE);
    store_marking_spoil(&marking);
    assert_int_equal(store_mark_read(path), MARK_LOST);
    store_marking_clear(&marking);
    assert_int_equal(store_mark_read(path), MARK_LOST);
    assert_int_equal(try_derived(&store, path, &error), FELLOE_DAMAGED);
    given_dir_end(&dir);
}

/* A file written anew is synced, and of what its pages were copied from nobody would hear again. */
static void what_the_disk_did_not_take_is_not_copied(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    char path[120];
    struct store *store;
    snprintf(path, sizeof path, "%s/env", dir.path);
    store = open_derived(path);
    put_word(store, "oak", "tree");
    assert_int_equal(store_rewrite(store, NULL), FELLOE_OK);
    atomic_store(&fault.sync, EIO);
    assert_int_equal(store_rewrite(store, NULL), FELLOE_DAMAGED);
    fault_clear();
    assert_int_equal(store_mark_read(path), MARK_LOST);
    assert_int_equal(store_rewrite(store, NULL), FELLOE_DAMAGED);
    assert_int_equal(store_rest(store, NULL), FELLOE_DAMAGED);
    store_abandon(store);
    assert_int_equal(try_derived(&store, path, NULL), FELLOE_DAMAGED);
    given_dir_end(&dir);
}

static void what_has_to_wait_for_the_disk_has_no_mark(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct store *store = open_store(&dir);
    put_word(store, "oak", "tree");
    assert_true(store_is_at_rest(store));
    store_close(store);
    assert_int_not_equal(access(given_path(&dir, "env/" MARK_NAME), F_OK), 0);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_in_use_until_it_rests),
        cmocka_unit_test(a_process_that_died_leaves_all_of_it),
        cmocka_unit_test(a_machine_that_went_down_leaves_nothing_to_be_believed),
        cmocka_unit_test(a_copy_of_what_is_in_use_is_another_file),
        cmocka_unit_test(a_file_that_was_born_at_another_time_is_another),
        cmocka_unit_test(a_mark_that_is_none_is_not_believed),
        cmocka_unit_test(what_the_disk_did_not_take_is_never_believed_again),
        cmocka_unit_test(what_the_disk_did_not_take_is_not_copied),
        cmocka_unit_test(what_has_to_wait_for_the_disk_has_no_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
