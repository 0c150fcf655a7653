/* SPDX-License-Identifier: Apache-2.0 */
/* A hub whose making was cut short by a power cut, in the middle of its databases' first pages, is made by doing it
 * again; and nothing in which something was ever committed goes away by that. */
#include "tests/unit/given_dir.h"

#include <fcntl.h>
#include <sodium.h>

#include "daemon/report.h"
#include "daemon/setup/setup.h"
#include "daemon/store/store_check.h"

static enum felloe_code make_hub(const struct given_dir *dir)
{
    const char *sites[] = {"salford"};
    const struct setup_options options = {.unlock = "none",
        .dir = dir->path, .name = "hub", .listen = "tcp://127.0.0.1:7355", .sites = sites, .site_count = 1};
    struct setup_result made;
    struct felloe_error error = {0};
    return setup_hub(&options, &made, &error);
}

static void put_file(const struct given_dir *dir, const char *name, const void *bytes, size_t size, off_t length)
{
    int fd = open(given_path(dir, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, 0), (ssize_t)size);
    assert_int_equal(ftruncate(fd, length), 0);
    close(fd);
}

static bool is_there(const struct given_dir *dir, const char *name)
{
    return access(given_path(dir, name), F_OK) == 0;
}

/* What LMDB writes first: two pages that name no commit yet. As much of it came to the disk as the cut let through. */
static void a_hub_is_made_over_what_a_power_cut_left(void **state)
{
    (void)state;
    static const off_t lengths[] = {0, 512, 4096, 8192, 65536};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct given_dir dir = given_dir();
        assert_int_equal(make_hub(&dir), FELLOE_OK);
        static const char *const stores[] = {"keys/data.mdb", "log/data.mdb"};
        for (size_t s = 0; s < 2; s++)
            put_file(&dir, stores[s], "", 0, lengths[i]);
        assert_int_equal(unlink(given_path(&dir, "log/reserve")), 0);
        assert_int_equal(unlink(given_path(&dir, "felloe.conf")), 0);
        assert_int_equal(make_hub(&dir), FELLOE_OK);
        assert_true(is_there(&dir, "felloe.conf"));
        given_dir_end(&dir);
    }
}

static void what_holds_a_commit_stays(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    assert_int_equal(make_hub(&dir), FELLOE_OK);
    store_forget_unfinished(given_path(&dir, "log"));
    assert_true(is_there(&dir, "log/data.mdb"));
    /* Nor does what is damaged in another way. */
    put_file(&dir, "log/data.mdb", "something else stands here, where a first page should be", 32, 8192);
    store_forget_unfinished(given_path(&dir, "log"));
    assert_true(is_there(&dir, "log/data.mdb"));
    given_dir_end(&dir);
}

/* Its first pages are wiped, and it is larger than what is never committed can be. */
static void what_is_large_stays(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    put_file(&dir, "data.mdb", "", 0, 1 << 20);
    store_forget_unfinished(dir.path);
    assert_true(is_there(&dir, "data.mdb"));
    given_dir_end(&dir);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hub_is_made_over_what_a_power_cut_left),
        cmocka_unit_test(what_holds_a_commit_stays),
        cmocka_unit_test(what_is_large_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
