/* SPDX-License-Identifier: Apache-2.0 */
/* A process that ends just before its nth step that changes the file system: this program's own rename, mkdir, unlink
 * and fsync, which libraries use too. For one test file of a program; nothing ends until it is told to. */
#ifndef FELLOE_TESTS_GIVEN_STOPS_H
#define FELLOE_TESTS_GIVEN_STOPS_H

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STOPPED 99 /* the exit code then */

/* Calls so far; the one to end before (0: none). */
static atomic_int stop_calls, stop_at;
/* The file system cannot exchange two names, or so it says. */
static atomic_bool stop_no_exchange;

static inline void stop_here(void)
{
    if (atomic_fetch_add(&stop_calls, 1) + 1 == atomic_load(&stop_at))
        _exit(STOPPED);
}

int rename(const char *from, const char *to)
{
    stop_here();
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    stop_here();
    if (flags == RENAME_EXCHANGE && atomic_load(&stop_no_exchange)) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}
int mkdir(const char *path, mode_t mode)
{
    stop_here();
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
int unlink(const char *path)
{
    stop_here();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int unlinkat(int dir, const char *path, int flags)
{
    stop_here();
    return (int)syscall(SYS_unlinkat, dir, path, flags);
}
int rmdir(const char *path)
{
    stop_here();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR);
}
/* A process that ends takes nothing from the system's memory: so there is no need to wait for the disk. */
int fsync(int fd)
{
    (void)fd;
    stop_here();
    return 0;
}
int fdatasync(int fd)
{
    (void)fd;
    stop_here();
    return 0;
}

#endif
