/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a backup's file; see backup_file.h. */
#include "daemon/setup/backup_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK (256u * 1024)

static enum felloe_code cannot(const char *verb, const char *path, int cause, struct felloe_error *error)
{
    switch (cause) {
    case ENOENT:
        return felloe_fail(error, FELLOE_NOT_FOUND, "there is no %s", path);
    case EACCES:
    case EPERM:
    case EROFS:
        return felloe_fail(error, FELLOE_DENIED, "%s may not be %s by this user", path, verb);
    case ENOSPC:
    case EDQUOT:
        return felloe_fail(error, FELLOE_STORAGE,
                           "the disk is full: %s could not be %s. What was here is as it was; free some space, and do "
                           "it again",
                           path, verb);
    default:
        return felloe_fail(error, FELLOE_STORAGE,
                           "%s could not be %s: %s. What was here is as it was; check the disk, and do it again", path,
                           verb, strerror(cause));
    }
}

static enum felloe_code no_backup(const char *path, struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_INVALID, "%s is no backup of Felloe's, or one of a newer version", path);
}

static enum felloe_code not_whole(const char *path, struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_DAMAGED,
                       "%s is not as it was made: it was cut short, or changed. Take another backup; nothing was "
                       "changed here",
                       path);
}

/* It is read three times, from its beginning: first whole, before anything is done with it. */
static enum felloe_code no_file(const char *path, const struct stat *info, struct felloe_error *error)
{
    if (S_ISDIR(info->st_mode))
        return felloe_fail(error, FELLOE_INVALID, "%s is a directory: give the file of a backup", path);
    return felloe_fail(error, FELLOE_INVALID,
                       "%s is no file but a pipe or a device, and a backup is read more than once, from its beginning: "
                       "write it to a file first",
                       path);
}

/* Exactly these bytes of the file, with `take`; 0, or an errno (EIO: it ended). */
static int read_range(int fd, uint64_t at, uint64_t end, int (*take)(void *context, const uint8_t *data, size_t len),
                      void *context)
{
    uint8_t *chunk = sodium_malloc(CHUNK); /* identity and keys go through it */
    int failed = chunk == NULL ? ENOMEM : 0;
    while (at < end && failed == 0) {
        uint64_t left = end - at;
        ssize_t got = pread(fd, chunk, left < CHUNK ? (size_t)left : CHUNK, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        failed = got < 0 ? errno : got == 0 ? EIO : take(context, chunk, (size_t)got);
        at += got > 0 ? (uint64_t)got : 0;
    }
    sodium_free(chunk);
    return failed;
}

static int take_start(void *context, const uint8_t *data, size_t len)
{
    struct buffer *start = context;
    buffer_append(start, data, len);
    return start->failed ? ENOMEM : 0;
}

static int take_hash(void *context, const uint8_t *data, size_t len)
{
    return crypto_generichash_update(context, data, len) != 0 ? EIO : 0;
}

static int take_end(void *context, const uint8_t *data, size_t len)
{
    struct buffer *end = context;
    buffer_append(end, data, len);
    return end->failed ? ENOMEM : 0;
}

static enum felloe_code read_start(struct backup_file *file, uint64_t size, struct felloe_error *error)
{
    buffer_reserve(&file->start, BACKUP_HEAD_MAX); /* once: see identity_save */
    int failed = size < BACKUP_START ? 0 : read_range(file->fd, 0, BACKUP_START, take_start, &file->start);
    size_t head = failed == 0 ? backup_head_size(buffer_bytes(&file->start)) : 0;
    if (failed == 0 && head > size)
        return not_whole(file->path, error);
    if (failed == 0 && head > 0)
        failed = read_range(file->fd, BACKUP_START, head, take_start, &file->start);
    if (failed != 0)
        return cannot("read", file->path, failed, error);
    if (head == 0)
        return no_backup(file->path, error);
    if (size < head + BACKUP_HASH_SIZE)
        return not_whole(file->path, error);
    file->image_at = head;
    file->image_size = size - head - BACKUP_HASH_SIZE;
    return FELLOE_OK;
}

/* The hash comes first: a map that cannot be read is a map that was changed, or one of a newer version. */
static enum felloe_code check(struct backup_file *file, struct felloe_error *error)
{
    crypto_generichash_state state;
    struct buffer want = {0};
    const uint64_t end = file->image_at + file->image_size;
    crypto_generichash_init(&state, NULL, 0, sizeof file->hash);
    int failed = read_range(file->fd, 0, end, take_hash, &state);
    if (failed == 0)
        failed = read_range(file->fd, end, end + BACKUP_HASH_SIZE, take_end, &want);
    crypto_generichash_final(&state, file->hash, sizeof file->hash);
    bool same = failed == 0 && bytes_equal(buffer_bytes(&want), bytes_of(file->hash, sizeof file->hash));
    buffer_release(&want);
    if (failed != 0)
        return cannot("read", file->path, failed, error);
    if (!same)
        return not_whole(file->path, error);
    return backup_read_head(buffer_bytes(&file->start), &file->head) ? FELLOE_OK : no_backup(file->path, error);
}

enum felloe_code backup_file_open(struct backup_file *file, const char *path, bool keys, struct felloe_error *error)
{
    struct stat info;
    *file = (struct backup_file){.path = path, .fd = -1};
    if (strcmp(path, "-") == 0)
        return felloe_fail(error, FELLOE_INVALID,
                           "a backup cannot be read from standard input, since it is read more than once: write it to "
                           "a file first");
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe's other end may never come */
    if (file->fd < 0 || fstat(file->fd, &info) != 0)
        return cannot("read", path, errno, error);
    if (!S_ISREG(info.st_mode))
        return no_file(path, &info, error);
    enum felloe_code code = read_start(file, (uint64_t)info.st_size, error);
    if (code == FELLOE_OK)
        code = check(file, error);
    if (code != FELLOE_OK || file->head.keys == keys)
        return code;
    return felloe_fail(error, FELLOE_INVALID,
                       keys ? "%s is a backup of the log: give it as FILE, without --keys"
                            : "%s is a backup of the keys: give it as --keys KEYFILE",
                       path);
}

/* ---- the image ---- */

struct copying {
    int to;
    crypto_generichash_state hash;
};

static int take_image(void *context, const uint8_t *data, size_t len)
{
    struct copying *c = context;
    crypto_generichash_update(&c->hash, data, len);
    while (len > 0) {
        ssize_t put = write(c->to, data, len);
        if (put < 0 && errno != EINTR)
            return errno;
        data += put > 0 ? put : 0;
        len -= put > 0 ? (size_t)put : 0;
    }
    return 0;
}

enum felloe_code backup_file_image(const struct backup_file *file, const char *to, struct felloe_error *error)
{
    uint8_t hash[BACKUP_HASH_SIZE];
    struct copying c = {.to = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (c.to < 0)
        return cannot("written", to, errno, error);
    crypto_generichash_init(&c.hash, NULL, 0, sizeof hash);
    int failed = read_range(file->fd, 0, file->image_at, take_hash, &c.hash);
    if (failed == 0)
        failed = read_range(file->fd, file->image_at, file->image_at + file->image_size, take_image, &c);
    if (failed == 0 && fsync(c.to) != 0)
        failed = errno;
    if (close(c.to) != 0 && failed == 0)
        failed = errno;
    crypto_generichash_final(&c.hash, hash, sizeof hash);
    enum felloe_code code = FELLOE_OK;
    if (failed != 0)
        code = cannot("written", to, failed, error);
    else if (!bytes_equal(bytes_of(hash, sizeof hash), bytes_of(file->hash, sizeof file->hash)))
        code = not_whole(file->path, error);
    if (code != FELLOE_OK)
        unlink(to);
    return code;
}

void backup_file_close(struct backup_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    if (file->start.data != NULL)
        sodium_memzero(file->start.data, file->start.cap);
    buffer_release(&file->start);
    file->fd = -1;
}
