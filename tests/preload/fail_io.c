/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a daemon: a disk that fails. Every call that changes files below FELLOE_FAIL_DIR, makes them durable,
 * or makes, renames or removes them is counted; call number FELLOE_FAIL_AT fails with FELLOE_FAIL_WITH (EIO or ENOSPC),
 * and with FELLOE_FAIL_EVER all that come after it, too. FELLOE_FAIL_ONLY: the kinds of calls that count, such as "meta
 * fdatasync". FELLOE_FAIL_COUNT names a file that holds how many calls there have been, FELLOE_FAIL_TOLD one that gets
 * a line for the first call that failed: what it was, on which file.
 *
 * A write that fails has written nothing, but for EIO on a descriptor that is O_DSYNC: then what was written is in the
 * page cache and not on the disk, as after a sync that failed. */
#include "tests/preload/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *folder, *told_name, *only;
static long at_call, calls;
static int with, count_fd = -1;
static bool for_ever, told;

static struct {
    char name[40]; /* empty: not ours */
    bool durable;
} fds[FDS_MAX];

__attribute__((constructor)) static void begin(void)
{
    const char *number = getenv("FELLOE_FAIL_AT"), *error = getenv("FELLOE_FAIL_WITH");
    const char *count = getenv("FELLOE_FAIL_COUNT");
    folder = getenv("FELLOE_FAIL_DIR");
    told_name = getenv("FELLOE_FAIL_TOLD");
    only = getenv("FELLOE_FAIL_ONLY");
    at_call = number != NULL ? strtol(number, NULL, 10) : 0;
    with = error != NULL && strcmp(error, "ENOSPC") == 0 ? ENOSPC : EIO;
    for_ever = getenv("FELLOE_FAIL_EVER") != NULL;
    if (count != NULL)
        count_fd = (int)syscall(SYS_openat, AT_FDCWD, count, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

static void tell(const char *call, const char *name)
{
    char line[128];
    told = true;
    long fd = told_name == NULL
                  ? -1
                  : syscall(SYS_openat, AT_FDCWD, told_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    int len = snprintf(line, sizeof line, "%s %s\n", call, name);
    syscall(SYS_write, (int)fd, line, (size_t)len);
    syscall(SYS_close, (int)fd);
}

/* Counts the call. When it is to fail, errno is set. */
static bool fails(const char *call, const char *name)
{
    char text[24];
    if (only != NULL && strstr(only, call) == NULL)
        return false;
    pthread_mutex_lock(&mutex);
    calls++;
    bool now = at_call > 0 && (calls == at_call || (for_ever && calls > at_call));
    if (now && !told)
        tell(call, name);
    if (count_fd >= 0) {
        int len = snprintf(text, sizeof text, "%ld\n", calls);
        syscall(SYS_pwrite64, count_fd, text, (size_t)len, 0L);
    }
    pthread_mutex_unlock(&mutex);
    if (now)
        errno = with;
    return now;
}

static bool is_ours(int fd)
{
    return fd >= 0 && fd < FDS_MAX && fds[fd].name[0] != '\0';
}

static bool fails_on(const char *call, int fd)
{
    return is_ours(fd) && fails(call, fds[fd].name);
}

/* ---- opening and closing ---- */

static int open_any(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    const char *name = below(folder, path);
    bool makes = (flags & O_CREAT) != 0 && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0;
    if (name != NULL && (makes || flags & O_TRUNC) && fails("open", name))
        return -1;
    int fd = real(path, flags, mode);
    if (name == NULL || fd < 0 || fd >= FDS_MAX)
        return fd;
    snprintf(fds[fd].name, sizeof fds[fd].name, "%s", *name != '\0' ? name : ".");
    fds[fd].durable = (flags & (O_DSYNC | O_SYNC)) != 0;
    return fd;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        REAL(int, name, const char *, int, ...);                                                                       \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, unsigned) : 0;                         \
        va_end(arguments);                                                                                             \
        return open_any(real, path, flags, mode);                                                                      \
    }
OPEN(open)
OPEN(open64)

int close(int fd)
{
    REAL(int, close, int);
    if (is_ours(fd))
        fds[fd].name[0] = '\0';
    return real(fd);
}

/* ---- files ---- */

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t);
    return fails_on("write", fd) ? -1 : real(fd, data, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    return fails_on("writev", fd) ? -1 : real(fd, parts, count);
}

#define PWRITE(called)                                                                                                 \
    ssize_t called(int fd, const void *data, size_t size, off_t at)                                                    \
    {                                                                                                                  \
        REAL(ssize_t, called, int, const void *, size_t, off_t);                                                       \
        if (!is_ours(fd) || !fails(fds[fd].durable ? "meta" : "pwrite", fds[fd].name))                                 \
            return real(fd, data, size, at);                                                                           \
        if (fds[fd].durable && with == EIO)                                                                            \
            (void)!real(fd, data, size, at);                                                                           \
        errno = with;                                                                                                  \
        return -1;                                                                                                     \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define ON_FILE(name, failed, parameters, ...)                                                                         \
    int name parameters                                                                                                \
    {                                                                                                                  \
        static int(*real) parameters;                                                                                  \
        if (real == NULL)                                                                                              \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                                                 \
        return fails_on(#name, fd) ? (failed) : real(__VA_ARGS__);                                                     \
    }
ON_FILE(fsync, -1, (int fd), fd)
ON_FILE(fdatasync, -1, (int fd), fd)
ON_FILE(ftruncate, -1, (int fd, off_t size), fd, size)
ON_FILE(ftruncate64, -1, (int fd, off_t size), fd, size)
ON_FILE(fallocate, -1, (int fd, int mode, off_t at, off_t size), fd, mode, at, size)
ON_FILE(fallocate64, -1, (int fd, int mode, off_t at, off_t size), fd, mode, at, size)
ON_FILE(posix_fallocate, with, (int fd, off_t at, off_t size), fd, at, size)
ON_FILE(posix_fallocate64, with, (int fd, off_t at, off_t size), fd, at, size)

/* ---- names ---- */

#define ON_NAME(name, parameters, ...)                                                                                 \
    int name parameters                                                                                                \
    {                                                                                                                  \
        static int(*real) parameters;                                                                                  \
        if (real == NULL)                                                                                              \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                                                 \
        const char *known = below(folder, path);                                                                       \
        return known != NULL && fails(#name, known) ? -1 : real(__VA_ARGS__);                                          \
    }
ON_NAME(mkdir, (const char *path, mode_t mode), path, mode)
ON_NAME(unlink, (const char *path), path)
ON_NAME(rename, (const char *path, const char *to), path, to)
ON_NAME(truncate, (const char *path, off_t size), path, size)

int renameat2(int from_at, const char *path, int to_at, const char *to, unsigned flags)
{
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    const char *known = below(folder, path);
    return known != NULL && fails("rename", known) ? -1 : real(from_at, path, to_at, to, flags);
}

/* Of a folder that libc opened by itself (opendir). */
int unlinkat(int at, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int);
    char link[64], whole[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t len = *path == '/' || at < 0 ? -1 : readlink(link, whole, sizeof whole - 1);
    if (len > 0)
        snprintf(whole + len, sizeof whole - (size_t)len, "/%s", path);
    const char *known = len > 0 ? below(folder, whole) : NULL;
    return known != NULL && fails("unlink", known) ? -1 : real(at, path, flags);
}
