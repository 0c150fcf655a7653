/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a daemon: what happens to the next write below FELLOE_WILL_DIR is what the file FELLOE_WILL says at
 * that moment: "full" (no room, ENOSPC, for as long as it says so), "kill" (the daemon is killed), "stop" (it is
 * stopped, once: the file goes). Without the file all is as ever. */
#include "tests/preload/files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static bool ours[FDS_MAX];

static bool is_full(int fd)
{
    const char *will = getenv("FELLOE_WILL");
    char word[8] = "";
    if (fd < 0 || fd >= FDS_MAX || !ours[fd] || will == NULL)
        return false;
    long file = syscall(SYS_openat, AT_FDCWD, will, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    (void)!read((int)file, word, sizeof word - 1);
    syscall(SYS_close, (int)file);
    if (strncmp(word, "kill", 4) == 0)
        syscall(SYS_kill, getpid(), SIGKILL);
    if (strncmp(word, "stop", 4) == 0) {
        syscall(SYS_unlinkat, AT_FDCWD, will, 0);
        syscall(SYS_kill, getpid(), SIGSTOP);
    }
    errno = ENOSPC;
    return strncmp(word, "full", 4) == 0;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        REAL(int, name, const char *, int, ...);                                                                       \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, unsigned) : 0;                         \
        va_end(arguments);                                                                                             \
        int fd = real(path, flags, mode);                                                                              \
        if (fd >= 0 && fd < FDS_MAX)                                                                                   \
            ours[fd] = below(getenv("FELLOE_WILL_DIR"), path) != NULL;                                                 \
        return fd;                                                                                                     \
    }
OPEN(open)
OPEN(open64)

int close(int fd)
{
    REAL(int, close, int);
    if (fd >= 0 && fd < FDS_MAX)
        ours[fd] = false;
    return real(fd);
}

#define ON_FILE(type, name, parameters, ...)                                                                           \
    type name parameters                                                                                               \
    {                                                                                                                  \
        static type(*real) parameters;                                                                                 \
        if (real == NULL)                                                                                              \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                                                 \
        return is_full(fd) ? -1 : real(__VA_ARGS__);                                                                   \
    }
ON_FILE(ssize_t, writev, (int fd, const struct iovec *parts, int count), fd, parts, count)
ON_FILE(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), fd, parts, count, at)
ON_FILE(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off_t at), fd, parts, count, at)
ON_FILE(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
ON_FILE(ssize_t, pwrite64, (int fd, const void *data, size_t size, off_t at), fd, data, size, at)
ON_FILE(int, fallocate, (int fd, int mode, off_t at, off_t size), fd, mode, at, size)
ON_FILE(int, fallocate64, (int fd, int mode, off_t at, off_t size), fd, mode, at, size)
