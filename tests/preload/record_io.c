/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into a daemon: writes down all that it does to the files below FELLOE_RECORD_DIR, with the data, and what
 * it tells others, into the file FELLOE_RECORD (see tests/power/trace.h). One thread at a time is let through to the
 * files, so that the order in the file is the order on the disk.
 *
 * LMDB writes data with pwrite and writev, its meta pages with pwrite on a descriptor of their own that is O_DSYNC, and
 * maps its file for reading only; all of that is seen. Its lock.mdb is written through a map and left out: LMDB makes
 * it anew whenever nobody else has the environment open. */
#include "tests/preload/files.h"
#include "tests/power/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static int trace = -1;
static uint32_t last_file;

static struct {
    uint32_t file; /* 0: not ours */
    bool durable;
} fds[FDS_MAX];

/* ---- writing it down ---- */

static void put_all(struct iovec *parts, int count)
{
    while (count > 0) {
        long put = syscall(SYS_writev, trace, parts, count);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            perror("record_io: the trace cannot be written");
            abort();
        }
        for (; count > 0 && (size_t)put >= parts->iov_len; parts++, count--)
            put -= (long)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + put;
            parts->iov_len -= (size_t)put;
        }
    }
}

/* The data are the first `size` bytes of the parts. */
static void note_parts(enum trace_kind kind, unsigned flags, uint32_t file, uint64_t offset, const char *name,
                       const struct iovec *data, int count, size_t size)
{
    int cause = errno;
    struct iovec parts[1026];
    struct trace_head head = {.kind = (uint16_t)kind,
                              .flags = (uint16_t)flags,
                              .file = file,
                              .offset = offset,
                              .name_size = name != NULL ? (uint32_t)strlen(name) + 1 : 0};
    head.size = (uint32_t)(sizeof head + head.name_size + size);
    parts[0] = (struct iovec){&head, sizeof head};
    parts[1] = (struct iovec){(void *)(uintptr_t)name, head.name_size};
    int used = 2;
    for (int i = 0; i < count && size > 0; i++) {
        size_t len = data[i].iov_len < size ? data[i].iov_len : size;
        parts[used++] = (struct iovec){data[i].iov_base, len};
        size -= len;
    }
    put_all(parts, used);
    errno = cause;
}

static void note(enum trace_kind kind, unsigned flags, uint32_t file, uint64_t offset, const char *name,
                 const void *data, size_t size)
{
    const struct iovec part = {(void *)(uintptr_t)data, size};
    note_parts(kind, flags, file, offset, name, &part, 1, size);
}

static void at_end(int code, void *nothing)
{
    (void)nothing;
    pthread_mutex_lock(&mutex);
    note(TRACE_END, 0, 0, (uint64_t)code, NULL, NULL, 0);
    pthread_mutex_unlock(&mutex);
}

__attribute__((constructor)) static void begin(void)
{
    static char arguments[65536];
    const char *name = getenv("FELLOE_RECORD");
    folder = getenv("FELLOE_RECORD_DIR");
    if (folder == NULL || name == NULL)
        return;
    long fd = syscall(SYS_openat, AT_FDCWD, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror("record_io: FELLOE_RECORD");
        abort();
    }
    trace = (int)fd;
    long given = syscall(SYS_openat, AT_FDCWD, "/proc/self/cmdline", O_RDONLY | O_CLOEXEC, 0);
    ssize_t got = given >= 0 ? read((int)given, arguments, sizeof arguments) : 0;
    if (given >= 0)
        syscall(SYS_close, (int)given);
    note(TRACE_BEGIN, 0, 0, 0, NULL, arguments, got > 0 ? (size_t)got : 0);
    on_exit(at_end, NULL);
}

/* ---- which files are meant ---- */

static const char *ours(const char *path)
{
    const char *name = trace >= 0 ? below(folder, path) : NULL;
    const char *last = name != NULL ? strrchr(name, '/') : NULL;
    return last != NULL && strcmp(last, "/lock.mdb") == 0 ? NULL : name;
}

static bool is_ours(int fd)
{
    return trace >= 0 && fd >= 0 && fd < FDS_MAX && fds[fd].file != 0;
}

static int opened(int fd, const char *name, int flags, bool was_there)
{
    struct stat st;
    if (fd < 0 || fd >= FDS_MAX || fstat(fd, &st) != 0)
        return fd;
    unsigned how = (was_there ? 0 : TRACE_CREATED) | (flags & O_TRUNC && was_there ? TRACE_EMPTIED : 0) |
                   (S_ISDIR(st.st_mode) ? TRACE_FOLDER : 0);
    fds[fd].file = ++last_file;
    fds[fd].durable = (flags & (O_DSYNC | O_SYNC)) != 0;
    note(TRACE_OPEN, how, fds[fd].file, 0, name, NULL, 0);
    return fd;
}

static int open_any(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode)
{
    const char *name = ours(path);
    if (name == NULL)
        return real(path, flags, mode);
    pthread_mutex_lock(&mutex);
    bool was_there = syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
    int fd = opened(real(path, flags, mode), name, flags, was_there);
    pthread_mutex_unlock(&mutex);
    return fd;
}

static mode_t mode_of(int flags, va_list arguments)
{
    return flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, unsigned) : 0;
}

#define OPEN(name)                                                                                                     \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        REAL(int, name, const char *, int, ...);                                                                       \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = mode_of(flags, arguments);                                                                       \
        va_end(arguments);                                                                                             \
        return open_any(real, path, flags, mode);                                                                      \
    }
OPEN(open)
OPEN(open64)

/* Only absolute paths are ours. */
#define OPENAT(name)                                                                                                   \
    int name(int at, const char *path, int flags, ...)                                                                 \
    {                                                                                                                  \
        REAL(int, name, int, const char *, int, ...);                                                                  \
        va_list arguments;                                                                                             \
        va_start(arguments, flags);                                                                                    \
        mode_t mode = mode_of(flags, arguments);                                                                       \
        va_end(arguments);                                                                                             \
        return ours(path) != NULL ? open(path, flags, mode) : real(at, path, flags, mode);                             \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd)
{
    REAL(int, close, int);
    if (!is_ours(fd))
        return real(fd);
    pthread_mutex_lock(&mutex);
    fds[fd].file = 0;
    int result = real(fd);
    pthread_mutex_unlock(&mutex);
    return result;
}

/* ---- what is said ---- */

/* Before it is sent, so that nobody can know it earlier than the trace. */
static void tell(enum trace_kind kind, const struct iovec *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    pthread_mutex_lock(&mutex);
    note_parts(kind, 0, 0, 0, NULL, parts, count, size);
    pthread_mutex_unlock(&mutex);
}

static void tell_local(int fd, const struct iovec *parts, int count)
{
    int cause = errno, domain = 0;
    socklen_t size = sizeof domain;
    if (trace >= 0 && count <= 1024 && getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX)
        tell(TRACE_LOCAL, parts, count);
    errno = cause;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    REAL(ssize_t, sendmsg, int, const struct msghdr *, int);
    tell_local(fd, message->msg_iov, (int)message->msg_iovlen);
    return real(fd, message, flags);
}

ssize_t send(int fd, const void *data, size_t size, int flags)
{
    REAL(ssize_t, send, int, const void *, size_t, int);
    tell_local(fd, &(struct iovec){(void *)(uintptr_t)data, size}, 1);
    return real(fd, data, size, flags);
}

int zmq_send(void *socket, const void *data, size_t size, int flags);
int zmq_send(void *socket, const void *data, size_t size, int flags)
{
    REAL(int, zmq_send, void *, const void *, size_t, int);
    if (trace >= 0)
        tell(TRACE_NET, &(struct iovec){(void *)(uintptr_t)data, size}, 1);
    return real(socket, data, size, flags);
}

int zmq_msg_send(void *message, void *socket, int flags);
int zmq_msg_send(void *message, void *socket, int flags)
{
    REAL(int, zmq_msg_send, void *, void *, int);
    void *(*data)(void *);
    size_t (*size)(const void *);
    *(void **)&data = dlsym(RTLD_NEXT, "zmq_msg_data");
    *(void **)&size = dlsym(RTLD_NEXT, "zmq_msg_size");
    if (trace >= 0)
        tell(TRACE_NET, &(struct iovec){data(message), size(message)}, 1);
    return real(message, socket, flags);
}

/* ---- what is done to files ---- */

static ssize_t wrote(int fd, uint64_t at, const struct iovec *parts, int count, ssize_t put)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    if (put > 0)
        note_parts(TRACE_WRITE, fds[fd].durable ? TRACE_DURABLE : 0, fds[fd].file, at, NULL, parts, count, (size_t)put);
    else if (put < 0 && errno == EIO && fds[fd].durable)
        note_parts(TRACE_WRITE, TRACE_DOUBTFUL, fds[fd].file, at, NULL, parts, count, size);
    return put;
}

/* Where the next write without a place goes. */
static uint64_t place(int fd)
{
    struct stat st;
    if (fcntl(fd, F_GETFL) & O_APPEND)
        return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    return (uint64_t)lseek(fd, 0, SEEK_CUR);
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, write, int, const void *, size_t);
    const struct iovec part = {(void *)(uintptr_t)data, size};
    if (!is_ours(fd)) {
        tell_local(fd, &part, 1);
        return real(fd, data, size);
    }
    pthread_mutex_lock(&mutex);
    uint64_t at = place(fd);
    ssize_t put = wrote(fd, at, &part, 1, real(fd, data, size));
    pthread_mutex_unlock(&mutex);
    return put;
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    REAL(ssize_t, writev, int, const struct iovec *, int);
    if (!is_ours(fd)) {
        tell_local(fd, parts, count);
        return real(fd, parts, count);
    }
    pthread_mutex_lock(&mutex);
    uint64_t at = place(fd);
    ssize_t put = wrote(fd, at, parts, count, real(fd, parts, count));
    pthread_mutex_unlock(&mutex);
    return put;
}

/* With a place: one function under two names each. */
#define PWRITE(name)                                                                                                   \
    ssize_t name(int fd, const void *data, size_t size, off_t at)                                                      \
    {                                                                                                                  \
        REAL(ssize_t, name, int, const void *, size_t, off_t);                                                         \
        if (!is_ours(fd))                                                                                              \
            return real(fd, data, size, at);                                                                           \
        pthread_mutex_lock(&mutex);                                                                                    \
        ssize_t put = wrote(fd, (uint64_t)at, &(struct iovec){(void *)(uintptr_t)data, size}, 1,                       \
                            real(fd, data, size, at));                                                                 \
        pthread_mutex_unlock(&mutex);                                                                                  \
        return put;                                                                                                    \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define PWRITEV(name)                                                                                                  \
    ssize_t name(int fd, const struct iovec *parts, int count, off_t at)                                               \
    {                                                                                                                  \
        REAL(ssize_t, name, int, const struct iovec *, int, off_t);                                                    \
        if (!is_ours(fd))                                                                                              \
            return real(fd, parts, count, at);                                                                         \
        pthread_mutex_lock(&mutex);                                                                                    \
        ssize_t put = wrote(fd, (uint64_t)at, parts, count, real(fd, parts, count, at));                               \
        pthread_mutex_unlock(&mutex);                                                                                  \
        return put;                                                                                                    \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

/* Calls of which nothing needs to be known but that they succeeded. */
#define ON_FILE(name, kind, offset, parameters, ...)                                                                   \
    int name parameters                                                                                                \
    {                                                                                                                  \
        static int(*real) parameters;                                                                                  \
        if (real == NULL)                                                                                              \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                                                 \
        if (!is_ours(fd))                                                                                              \
            return real(__VA_ARGS__);                                                                                  \
        pthread_mutex_lock(&mutex);                                                                                    \
        int result = real(__VA_ARGS__);                                                                                \
        if (result == 0)                                                                                               \
            note(kind, 0, fds[fd].file, (uint64_t)(offset), NULL, NULL, 0);                                            \
        pthread_mutex_unlock(&mutex);                                                                                  \
        return result;                                                                                                 \
    }

#define SYNC(name)                                                                                                     \
    int name(int fd)                                                                                                   \
    {                                                                                                                  \
        REAL(int, name, int);                                                                                          \
        if (!is_ours(fd))                                                                                              \
            return real(fd);                                                                                           \
        pthread_mutex_lock(&mutex);                                                                                    \
        int result = real(fd);                                                                                         \
        note(result == 0 ? TRACE_SYNC : TRACE_FAILED, 0, fds[fd].file, 0, NULL, NULL, 0);                              \
        pthread_mutex_unlock(&mutex);                                                                                  \
        return result;                                                                                                 \
    }
SYNC(fsync)
SYNC(fdatasync)
ON_FILE(ftruncate, TRACE_SIZE, size, (int fd, off_t size), fd, size)
ON_FILE(ftruncate64, TRACE_SIZE, size, (int fd, off_t size), fd, size)
ON_FILE(fallocate, TRACE_ROOM, mode == 0 ? at + size : 0, (int fd, int mode, off_t at, off_t size), fd, mode, at, size)
ON_FILE(fallocate64, TRACE_ROOM, mode == 0 ? at + size : 0, (int fd, int mode, off_t at, off_t size), fd, mode, at,
        size)
ON_FILE(posix_fallocate, TRACE_ROOM, at + size, (int fd, off_t at, off_t size), fd, at, size)
ON_FILE(posix_fallocate64, TRACE_ROOM, at + size, (int fd, off_t at, off_t size), fd, at, size)

/* By name: as if it were opened for it. */
int truncate(const char *path, off_t size)
{
    REAL(int, truncate, const char *, off_t);
    if (ours(path) == NULL)
        return real(path, size);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int result = fd >= 0 ? ftruncate(fd, size) : -1, cause = errno;
    if (fd >= 0)
        close(fd);
    errno = cause;
    return result;
}

/* sync_file_range makes nothing durable, so it is not looked at. */

/* ---- what is done to folders ---- */

#define ON_NAME(name, kind, parameters, ...)                                                                           \
    int name parameters                                                                                                \
    {                                                                                                                  \
        static int(*real) parameters;                                                                                  \
        if (real == NULL)                                                                                              \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                                                                 \
        const char *known = ours(path);                                                                                \
        if (known == NULL)                                                                                             \
            return real(__VA_ARGS__);                                                                                  \
        pthread_mutex_lock(&mutex);                                                                                    \
        int result = real(__VA_ARGS__);                                                                                \
        if (result == 0)                                                                                               \
            note(kind, 0, 0, 0, known, NULL, 0);                                                                       \
        pthread_mutex_unlock(&mutex);                                                                                  \
        return result;                                                                                                 \
    }
ON_NAME(mkdir, TRACE_MKDIR, (const char *path, mode_t mode), path, mode)
ON_NAME(unlink, TRACE_REMOVE, (const char *path), path)
ON_NAME(rmdir, TRACE_REMOVE, (const char *path), path)

static int two_names(int (*real)(const char *, const char *), enum trace_kind kind, const char *from, const char *to)
{
    const char *name = ours(from), *other = ours(to);
    if (name == NULL || other == NULL)
        return real(from, to);
    pthread_mutex_lock(&mutex);
    int result = real(from, to);
    if (result == 0)
        note(kind, 0, 0, 0, name, other, strlen(other) + 1);
    pthread_mutex_unlock(&mutex);
    return result;
}

int rename(const char *from, const char *to)
{
    REAL(int, rename, const char *, const char *);
    return two_names(real, TRACE_RENAME, from, to);
}

/* With absolute paths only. */
int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
    REAL(int, renameat2, int, const char *, int, const char *, unsigned);
    const char *name = ours(from), *other = ours(to);
    if (name == NULL || other == NULL)
        return real(from_at, from, to_at, to, flags);
    pthread_mutex_lock(&mutex);
    int result = real(from_at, from, to_at, to, flags);
    if (result == 0)
        note(flags & RENAME_EXCHANGE ? TRACE_EXCHANGE : TRACE_RENAME, 0, 0, 0, name, other, strlen(other) + 1);
    pthread_mutex_unlock(&mutex);
    return result;
}

/* Of a folder that libc opened by itself (opendir). */
int unlinkat(int at, const char *path, int flags)
{
    REAL(int, unlinkat, int, const char *, int);
    char link[64], whole[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", at);
    ssize_t len = *path == '/' || at < 0 ? -1 : readlink(link, whole, sizeof whole - 1);
    if (len < 0)
        return real(at, path, flags);
    snprintf(whole + len, sizeof whole - (size_t)len, "/%s", path);
    return ours(whole) == NULL ? real(at, path, flags) : flags & AT_REMOVEDIR ? rmdir(whole) : unlink(whole);
}

int link(const char *from, const char *to)
{
    REAL(int, link, const char *, const char *);
    return two_names(real, TRACE_LINK, from, to);
}

/* ---- what cannot be seen ---- */

#define MMAP(name)                                                                                                     \
    void *name(void *address, size_t size, int protection, int flags, int fd, off_t at)                                \
    {                                                                                                                  \
        REAL(void *, name, void *, size_t, int, int, int, off_t);                                                      \
        if (is_ours(fd) && (protection & PROT_WRITE) && (flags & MAP_SHARED)) {                                        \
            pthread_mutex_lock(&mutex);                                                                                \
            note(TRACE_UNSEEN, 0, fds[fd].file, 0, "", NULL, 0);                                                       \
            pthread_mutex_unlock(&mutex);                                                                              \
        }                                                                                                              \
        return real(address, size, protection, flags, fd, at);                                                         \
    }
MMAP(mmap)
MMAP(mmap64)
