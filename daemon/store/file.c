/* SPDX-License-Identifier: Apache-2.0 */
/* Small files, read whole and written atomically; see file.h. */
#include "daemon/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static enum felloe_code say(const char *dir, const char *name, const char *verb, int number, struct felloe_error *error)
{
    switch (number) {
    case ENOENT:
        return felloe_fail(error, FELLOE_NOT_FOUND, "there is no %s/%s", dir, name);
    case EACCES:
    case EPERM:
    case EROFS:
        return felloe_fail(error, FELLOE_DENIED,
                           "%s/%s may not be %s by this user. Check the owner and the mode of the "
                           "directory and the file",
                           dir, name, verb);
    case ENOSPC:
    case EDQUOT:
        return felloe_fail(error, FELLOE_STORAGE,
                           "the disk is full: %s/%s could not be %s. Free some space and try again", dir, name, verb);
    default:
        return felloe_fail(error, FELLOE_STORAGE, "%s/%s could not be %s: %s. Check the disk, then try again", dir,
                           name, verb, strerror(number));
    }
}

enum felloe_code file_read(const char *dir, const char *name, size_t max, struct buffer *out,
                           struct felloe_error *error)
{
    char path[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return say(dir, name, "read", ENAMETOOLONG, error);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return say(dir, name, "read", errno, error);
    buffer_clear(out);
    enum felloe_code code = FELLOE_OK;
    uint8_t chunk[4096];
    for (;;) {
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            code = say(dir, name, "read", errno, error);
        if (got <= 0)
            break;
        buffer_append(out, chunk, (size_t)got);
        if (out->len > max) {
            code = felloe_fail(error, FELLOE_DAMAGED, "%s/%s is longer than such a file can be", dir, name);
            break;
        }
    }
    close(fd);
    explicit_bzero(chunk, sizeof chunk);
    if (code == FELLOE_OK && out->failed)
        code = felloe_fail(error, FELLOE_FAILED, "out of memory");
    return code;
}

/* 0, or the system's number. */
static int write_new(const char *path, struct bytes content)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return errno;
    int failed = fchmod(fd, 0600) != 0 ? errno : 0;
    while (failed == 0 && content.len > 0) {
        ssize_t put = write(fd, content.data, content.len);
        if (put < 0 && errno != EINTR)
            failed = errno;
        if (put > 0)
            content = bytes_of(content.data + put, content.len - (size_t)put);
    }
    if (failed == 0 && fsync(fd) != 0)
        failed = errno;
    if (close(fd) != 0 && failed == 0)
        failed = errno;
    return failed;
}

int file_sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int failed = fsync(fd) != 0 ? errno : 0;
    close(fd);
    return failed;
}

int file_sync_folder_of(const char *path)
{
    char above[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return file_sync_folder(".");
    size_t len = slash > path ? (size_t)(slash - path) : 1;
    return bytes_to_text(bytes_of(path, len), above, sizeof above) ? file_sync_folder(above) : ENAMETOOLONG;
}

enum felloe_code file_write(const char *dir, const char *name, struct bytes content, struct felloe_error *error)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path ||
        snprintf(temporary, sizeof temporary, "%s/%s.new", dir, name) >= (int)sizeof temporary)
        return say(dir, name, "written", ENAMETOOLONG, error);
    int failed = write_new(temporary, content);
    if (failed == 0 && rename(temporary, path) != 0)
        failed = errno;
    if (failed != 0)
        unlink(temporary);
    else
        failed = file_sync_folder(dir);
    if (failed == ENOENT)
        return felloe_fail(error, FELLOE_NOT_FOUND, "there is no directory %s", dir);
    return failed == 0 ? FELLOE_OK : say(dir, name, "written", failed, error);
}
