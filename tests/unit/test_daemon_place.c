/* SPDX-License-Identifier: Apache-2.0 */
/* A hub's directory that was copied or put back is told from one that stayed where it was. */
#include "tests/unit/given_dir.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/place.h"

static void write_log(const struct given_dir *dir, const char *name, const char *text)
{
    int fd = open(given_path(dir, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void only_another_file_is_another_place(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    assert_false(place_changed(dir.path)); /* nothing is there */
    place_note(dir.path);
    assert_int_equal(mkdir(given_path(&dir, "log"), 0700), 0);
    write_log(&dir, "log/data.mdb", "one");
    assert_false(place_changed(dir.path)); /* nothing was noted */
    place_note(dir.path);
    assert_false(place_changed(dir.path));
    write_log(&dir, "log/data.mdb", "its content is its own business");
    assert_false(place_changed(dir.path));

    write_log(&dir, "log/copy", "one");
    char copy[512];
    snprintf(copy, sizeof copy, "%s", given_path(&dir, "log/copy"));
    assert_int_equal(rename(copy, given_path(&dir, "log/data.mdb")), 0);
    assert_true(place_changed(dir.path));
    assert_true(place_changed(dir.path)); /* until it is noted */
    place_note(dir.path);
    assert_false(place_changed(dir.path));

    assert_int_equal(remove(given_path(&dir, "log/data.mdb")), 0);
    assert_false(place_changed(dir.path)); /* that it is gone, others tell */
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(only_another_file_is_another_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
