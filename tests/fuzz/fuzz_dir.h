/* SPDX-License-Identifier: Apache-2.0 */
/* For targets whose decoder reads a file: a directory of its own, gone when the process ends. */
#ifndef FELLOE_TESTS_FUZZ_DIR_H
#define FELLOE_TESTS_FUZZ_DIR_H

#include "tests/fuzz/fuzz.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static char fuzz_dir_path[100];

static inline int fuzz_dir_remove(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

static inline void fuzz_dir_end(void)
{
    nftw(fuzz_dir_path, fuzz_dir_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static inline const char *fuzz_dir(void)
{
    if (fuzz_dir_path[0] == '\0') {
        bool memory = access("/dev/shm", W_OK) == 0;
        snprintf(fuzz_dir_path, sizeof fuzz_dir_path, "%s/felloe-fuzz-XXXXXX", memory ? "/dev/shm" : "/tmp");
        MUST(mkdtemp(fuzz_dir_path) != NULL);
        atexit(fuzz_dir_end);
    }
    return fuzz_dir_path;
}

static inline const char *fuzz_path(const char *name)
{
    static char path[160];
    snprintf(path, sizeof path, "%s/%s", fuzz_dir(), name);
    return path;
}

static inline void fuzz_write(const char *name, struct bytes content)
{
    int fd = open(fuzz_path(name), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    MUST(fd >= 0 && write(fd, content.data, content.len) == (ssize_t)content.len && close(fd) == 0);
}

static inline void fuzz_read(const char *name, struct buffer *out)
{
    uint8_t bytes[4096];
    int fd = open(fuzz_path(name), O_RDONLY | O_CLOEXEC);
    MUST(fd >= 0);
    for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0;)
        buffer_append(out, bytes, (size_t)n);
    close(fd);
}

#endif
