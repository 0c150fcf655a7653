/* SPDX-License-Identifier: Apache-2.0 */
/* Is this file whole enough to be mapped, and is there room on its disk? Knows how the two meta pages belong together;
 * store_walk.c knows the others. */
#include "daemon/store/store_check.h"
#include "daemon/store/store_walk.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE_BYTES ((size_t)256 << 10)

/* LMDB writes the two meta pages in turn, numbers a commit each; and what it keeps in them is not all data: a flag
 * there turned over, and it maps or reads the file in another way. One whose number is not its page's, or not next to
 * the other's, would silently bring an older state back. The next commit goes into the older one, below its head: what
 * is wrong there is told before anything is written that could not be read again. */
static bool metas_fit(const struct meta_on_disk *first, const struct meta_on_disk *second)
{
    const uint64_t a = first->txn, b = second->txn;
    const struct meta_on_disk *newest = b > a ? second : first;
    bool numbered = a % 2 == 0 && (b % 2 == 1 || b == 0) && (a > b ? a - b : b - a) <= 1;
    return numbered && first->head.flags == PAGE_META && second->head.flags == PAGE_META &&
           newest->dbs[0].pad == first->dbs[0].pad;
}

static enum felloe_code cut_short(const char *path, uint64_t there, uint64_t wanted, struct felloe_error *error)
{
    return felloe_fail(error, FELLOE_DAMAGED,
                       "%s was cut short: it has %llu pages and should have %llu", path,
                       (unsigned long long)there, (unsigned long long)wanted);
}

static enum felloe_code walk(const char *path, int fd, const struct meta_on_disk *meta, uint64_t there, size_t page,
                             struct felloe_error *error)
{
    struct store_walk w = {.fd = fd,
                           .page = page,
                           .there = there,
                           .wanted = meta->last_page + 1,
                           .free = meta->dbs[0],
                           .all = meta->dbs[1]};
    if (store_walk(&w))
        return FELLOE_OK;
    if (w.what == NULL)
        return felloe_fail(error, FELLOE_FAILED, "memory ran out while %s was looked through; nothing was changed",
                           path);
    return felloe_fail(error, FELLOE_DAMAGED, "%s is damaged: page %llu of it %s", path, (unsigned long long)w.where,
                       w.what);
}

/* ---- the file ---- */

static enum felloe_code check_meta(const char *path, int fd, uint64_t size, struct felloe_error *error)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    struct meta_on_disk first, second;
    if (!page_read_meta(fd, 0, &first))
        return felloe_fail(error, FELLOE_DAMAGED, "%s is damaged: it does not begin as such a file does", path);
    if (first.dbs[0].pad != page)
        return felloe_fail(error, FELLOE_DAMAGED, "%s was written with pages of %u bytes, and this machine has %llu",
                           path, first.dbs[0].pad, (unsigned long long)page);
    if (!page_read_meta(fd, page, &second))
        return felloe_fail(error, FELLOE_DAMAGED, "%s is damaged: it was cut short, or its second page cannot be read",
                           path);
    if (!metas_fit(&first, &second))
        return felloe_fail(error, FELLOE_DAMAGED, "%s is damaged: its first two pages do not fit each other", path);
    const struct meta_on_disk *newest = second.txn > first.txn ? &second : &first;
    const uint64_t there = size / page, wanted = newest->last_page + 1;
    /* What is missing has to be named in the list of free pages; it could not even name so many. */
    if (wanted < 2 || (wanted > there && wanted - there > there * (page / sizeof(uint64_t))))
        return cut_short(path, there, wanted, error);
    enum felloe_code code = walk(path, fd, newest, there, (size_t)page, error);
    if (code != FELLOE_OK)
        return code == FELLOE_DAMAGED && there < wanted ? cut_short(path, there, wanted, error) : code;
    if (there >= wanted)
        return FELLOE_OK;
    if (truncate(path, (off_t)(wanted * page)) != 0) /* makes it longer: a hole, so that no touch of the map can fail */
        return felloe_fail(error, errno == EACCES ? FELLOE_DENIED : FELLOE_STORAGE, "%s cannot be written: %s", path,
                           strerror(errno));
    return FELLOE_OK;
}

enum felloe_code store_check_file(const char *path, struct felloe_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return FELLOE_OK;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum felloe_code code = errno == EACCES || errno == EPERM ? FELLOE_DENIED : FELLOE_STORAGE;
        felloe_fail(error, code, "%s cannot be opened: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return code;
    }
    enum felloe_code code = st.st_size > 0 ? check_meta(path, fd, (uint64_t)st.st_size, error) : FELLOE_OK;
    close(fd);
    return code;
}

/* What was never committed has two first meta pages without a number, as far as they have come. */
#define UNFINISHED_MAX ((off_t)256 << 10)
static bool is_unfinished(int fd, const struct stat *st)
{
    bool unfinished = st->st_size <= UNFINISHED_MAX;
    for (off_t page = 0; page < 2 && unfinished; page++) {
        struct meta_on_disk meta = {0}; /* what is missing is zero */
        ssize_t got = pread(fd, &meta, sizeof meta, page * (off_t)sysconf(_SC_PAGESIZE));
        unfinished = got >= 0 && meta.txn == 0 && (meta.magic == 0 || meta.magic == META_MAGIC);
    }
    return unfinished;
}

void store_forget_unfinished(const char *dir)
{
    char path[PATH_MAX];
    struct stat st;
    if (snprintf(path, sizeof path, "%s/data.mdb", dir) >= (int)sizeof path)
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && is_unfinished(fd, &st))
        unlink(path); /* where that fails, opening it tells why */
    close(fd);
}

bool store_disk_is_full(const char *dir)
{
    char path[PATH_MAX];
    static const uint8_t zeros[4096];
    if (snprintf(path, sizeof path, "%s/probe", dir) >= (int)sizeof path)
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int failed = fd < 0 ? errno : 0;
    for (size_t put = 0; put < PROBE_BYTES && failed == 0; put += sizeof zeros) {
        ssize_t len = write(fd, zeros, sizeof zeros);
        failed = len < 0 ? errno : len < (ssize_t)sizeof zeros ? ENOSPC : 0;
    }
    if (fd >= 0)
        close(fd);
    unlink(path);
    return failed == ENOSPC || failed == EDQUOT;
}
