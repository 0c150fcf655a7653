/* SPDX-License-Identifier: Apache-2.0 */
/* One database in another's place; see setup_swap.h. */
#include "daemon/setup/setup_swap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum felloe_code failed(const char *what, const char *path, struct felloe_error *error)
{
    enum felloe_code code = errno == ENOSPC || errno == EDQUOT || errno == EIO    ? FELLOE_STORAGE
                            : errno == EACCES || errno == EPERM || errno == EROFS ? FELLOE_DENIED
                                                                                  : FELLOE_FAILED;
    return felloe_fail(error, code, "%s could not be %s: %s. Nothing that was saved is lost; mend that and do it again",
                       path, what, strerror(errno));
}

/* All the names that one exchange is about. */
struct names {
    char now[PATH_MAX], folder[PATH_MAX], new[PATH_MAX], mark[PATH_MAX];
    /* D/what; D/new-what; D/new-what/what; D/new-what/old, which says that D/new-what/what is what was in use */
};

static enum felloe_code name_all(struct names *n, const char *dir, const char *what, struct felloe_error *error)
{
    if (snprintf(n->now, PATH_MAX, "%s/%s", dir, what) < PATH_MAX &&
        snprintf(n->folder, PATH_MAX, "%s/new-%s", dir, what) < PATH_MAX &&
        snprintf(n->new, PATH_MAX, "%s/new-%s/%s", dir, what, what) < PATH_MAX &&
        snprintf(n->mark, PATH_MAX, "%s/new-%s/old", dir, what) < PATH_MAX)
        return FELLOE_OK;
    return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", dir);
}

static enum felloe_code sync_folder(const char *path, struct felloe_error *error)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    enum felloe_code code = fd >= 0 && fsync(fd) == 0 ? FELLOE_OK : failed("written to the disk", path, error);
    if (fd >= 0)
        close(fd);
    return code;
}

enum felloe_code swap_make_folder(const char *path, struct felloe_error *error)
{
    return mkdir(path, 0700) == 0 ? FELLOE_OK : failed("made", path, error);
}

/* A folder of plain files, with them; one that is not there is fine. */
static enum felloe_code remove_folder(const char *path, struct felloe_error *error)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return errno == ENOENT ? FELLOE_OK : failed("removed", path, error);
    enum felloe_code code = FELLOE_OK;
    for (struct dirent *entry; code == FELLOE_OK && (entry = readdir(folder)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            unlinkat(dirfd(folder), entry->d_name, 0) != 0)
            code = failed("removed", path, error);
    closedir(folder);
    return code == FELLOE_OK && rmdir(path) != 0 ? failed("removed", path, error) : code;
}

/* The first D/what.why-N that is free. */
static bool free_name(const struct names *n, const char *why, char out[PATH_MAX])
{
    for (unsigned i = 1; i < 10000; i++) {
        struct stat info;
        if (snprintf(out, PATH_MAX, "%s.%s-%u", n->now, why, i) >= PATH_MAX)
            return false;
        if (lstat(out, &info) != 0 && errno == ENOENT)
            return true;
    }
    return false;
}

/* After the exchange: the one that was in use is put aside. */
static enum felloe_code keep_old(const char *dir, const struct names *n, const char *why, char kept[PATH_MAX],
                                 struct felloe_error *error)
{
    struct stat info;
    kept[0] = '\0';
    if (stat(n->new, &info) == 0 && (!free_name(n, why, kept) || rename(n->new, kept) != 0))
        return failed("put aside", n->new, error);
    if (unlink(n->mark) != 0 && errno != ENOENT)
        return failed("removed", n->mark, error);
    return sync_folder(dir, error);
}

/* Killed between the two steps of an exchange: the new one is whole. */
static enum felloe_code finish(const char *dir, const struct names *n, struct felloe_error *error)
{
    struct stat info;
    if (stat(n->now, &info) == 0 || stat(n->new, &info) != 0)
        return FELLOE_OK;
    return rename(n->new, n->now) == 0 ? sync_folder(dir, error) : failed("put in place", n->now, error);
}

static enum felloe_code settle(const char *dir, const struct names *n, struct felloe_error *error)
{
    char kept[PATH_MAX];
    struct stat info;
    enum felloe_code code = FELLOE_OK;
    if (stat(n->folder, &info) != 0)
        return errno == ENOENT ? FELLOE_OK : failed("read", n->folder, error);
    if (stat(n->mark, &info) == 0) { /* interrupted after the exchange, in its midst, or just before it */
        code = swap_views_away(dir, error);
        if (code == FELLOE_OK)
            code = finish(dir, n, error);
        if (code == FELLOE_OK)
            code = keep_old(dir, n, "before", kept, error);
    }
    if (code == FELLOE_OK)
        code = remove_folder(n->new, error);
    return code == FELLOE_OK ? remove_folder(n->folder, error) : code;
}

enum felloe_code swap_settle(const char *dir, struct felloe_error *error)
{
    static const char *const all[] = {"keys", "log"};
    enum felloe_code code = FELLOE_OK;
    for (size_t i = 0; i < sizeof all / sizeof *all && code == FELLOE_OK; i++) {
        struct names n;
        code = name_all(&n, dir, all[i], error);
        if (code == FELLOE_OK)
            code = settle(dir, &n, error);
    }
    return code;
}

enum felloe_code swap_prepare(const char *dir, const char *what, char out[PATH_MAX], struct felloe_error *error)
{
    struct names n;
    enum felloe_code code = name_all(&n, dir, what, error);
    if (code == FELLOE_OK)
        code = settle(dir, &n, error);
    if (code == FELLOE_OK && mkdir(n.folder, 0700) != 0)
        code = failed("made", n.folder, error);
    if (code == FELLOE_OK)
        snprintf(out, PATH_MAX, "%s", n.folder);
    return code;
}

void swap_give_up(const char *dir, const char *what)
{
    struct names n;
    if (name_all(&n, dir, what, NULL) == FELLOE_OK)
        settle(dir, &n, NULL);
}

/* The mark is durable before the exchange, so that what was in use is never taken for a try and removed. Just before
 * the exchange it is wrong for a moment: then the try is kept, which does no harm. */
static enum felloe_code put_mark(const struct names *n, struct felloe_error *error)
{
    int fd = open(n->mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed("made", n->mark, error);
    bool fine = fsync(fd) == 0;
    close(fd);
    return fine ? sync_folder(n->folder, error) : failed("written to the disk", n->mark, error);
}

/* At once where the file system can exchange two names; else in two steps, between which there is none for a moment. */
static enum felloe_code exchange(const struct names *n, const char *aside, struct felloe_error *error)
{
    if (renameat2(AT_FDCWD, n->new, AT_FDCWD, n->now, RENAME_EXCHANGE) == 0)
        return FELLOE_OK;
    bool done = false;
    if (errno == ENOENT) /* there is none to be kept */
        done = rename(n->new, n->now) == 0;
    else if (errno == EINVAL || errno == ENOSYS)
        done = rename(n->now, aside) == 0 && rename(n->new, n->now) == 0;
    return done ? FELLOE_OK : failed("put in place", n->now, error);
}

enum felloe_code swap_in(const char *dir, const char *what, const char *why, char kept[PATH_MAX],
                         struct felloe_error *error)
{
    struct names n;
    struct stat info;
    char aside[PATH_MAX];
    kept[0] = '\0';
    enum felloe_code code = name_all(&n, dir, what, error);
    if (code == FELLOE_OK && !free_name(&n, why, aside))
        code = felloe_fail(error, FELLOE_FAILED, "%s holds too much that was put aside: remove some of it", dir);
    if (code == FELLOE_OK)
        code = sync_folder(n.new, error);
    if (code == FELLOE_OK)
        code = put_mark(&n, error);
    if (code == FELLOE_OK)
        code = swap_views_away(dir, error);
    if (code == FELLOE_OK)
        code = exchange(&n, aside, error);
    if (code == FELLOE_OK)
        code = sync_folder(dir, error);
    if (code == FELLOE_OK)
        code = keep_old(dir, &n, why, kept, error);
    if (code == FELLOE_OK && kept[0] == '\0' && stat(aside, &info) == 0)
        snprintf(kept, PATH_MAX, "%s", aside);
    if (code == FELLOE_OK)
        code = remove_folder(n.folder, error);
    return code == FELLOE_OK ? sync_folder(dir, error) : code;
}

enum felloe_code swap_views_away(const char *dir, struct felloe_error *error)
{
    char views[PATH_MAX];
    if (snprintf(views, sizeof views, "%s/views", dir) >= (int)sizeof views)
        return felloe_fail(error, FELLOE_USAGE, "the directory's name is too long: %s", dir);
    enum felloe_code code = remove_folder(views, error);
    return code == FELLOE_OK ? sync_folder(dir, error) : code;
}
