/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of its own for each test of a daemon module, gone afterwards. */
#ifndef FELLOE_TESTS_GIVEN_DIR_H
#define FELLOE_TESTS_GIVEN_DIR_H

#include "tests/unit/given.h"

#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

struct given_dir {
    char path[80];
};

static inline struct given_dir given_dir(void)
{
    struct given_dir dir;
    const char *base = getenv("TMPDIR");
    snprintf(dir.path, sizeof dir.path, "%s/felloe-test-XXXXXX", base != NULL && strlen(base) < 48 ? base : "/tmp");
    assert_non_null(mkdtemp(dir.path));
    return dir;
}

static inline int given_dir_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static inline void given_dir_end(struct given_dir *dir)
{
    nftw(dir->path, given_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* dir/name, valid until the next call. */
static inline const char *given_path(const struct given_dir *dir, const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", dir->path, name);
    return path;
}

static inline unsigned given_mode(const struct given_dir *dir, const char *name)
{
    struct stat st;
    assert_int_equal(stat(given_path(dir, name), &st), 0);
    return st.st_mode & 0777;
}

#endif
