/* SPDX-License-Identifier: Apache-2.0 */
/* Is this file whole enough to be mapped, and is there room on its disk? Knows the first bytes of LMDB's file format,
 * and nothing else of LMDB. */
#include "daemon/store_check.h"

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

/* LMDB 0.9's first bytes of each of the two meta pages, on 64-bit little-endian and big-endian alike in host order.
 * After a page header of 16 bytes: */
struct meta_on_disk {
    uint8_t page_header[16];
    uint32_t magic, version;
    uint64_t address, map_size;
    struct {
        uint32_t pad; /* of the first: the page size */
        uint16_t flags, depth;
        uint64_t branch, leaf, overflow, entries, root;
    } dbs[2];
    uint64_t last_page, txn;
};
#define META_MAGIC   0xBEEFC0DEu
#define META_VERSION 1u
_Static_assert(sizeof(void *) == 8, "the layout of the meta page is checked for 64-bit systems only");
_Static_assert(sizeof(struct meta_on_disk) == 152, "LMDB's layout");

static bool read_meta(int fd, off_t at, struct meta_on_disk *out)
{
    return pread(fd, out, sizeof *out, at) == (ssize_t)sizeof *out && out->magic == META_MAGIC &&
           out->version == META_VERSION;
}

/* ---- a short file ----
 *
 * A transaction that takes pages and gives them back before its commit never writes them; where they were the last
 * ones, the file is shorter than the meta page says, and whole all the same. So each page that is missing is looked for
 * in the list of free pages: a B-tree, walked here with bounded reads. */

struct free_walk {
    int fd;
    size_t page;            /* its size */
    uint64_t there, wanted; /* pages */
    uint64_t visits;        /* pages read so far: in a tree, each is read once */
    uint64_t missing;       /* not found in the list yet */
    uint8_t *found;         /* a bit for each page of there..wanted */
};

struct page_header {
    uint64_t number;
    uint16_t pad, flags, lower, upper;
};
#define PAGE_BRANCH 0x01
#define PAGE_LEAF   0x02
#define NODE_BIG    0x01 /* the data stand on pages of their own */
#define NODE_HEADER 8
#define DEPTH_MAX   32

static void mark_free(struct free_walk *w, const uint8_t *ids, size_t size)
{
    uint64_t count, id;
    if (size < sizeof count)
        return;
    memcpy(&count, ids, sizeof count);
    for (uint64_t i = 1; i <= count && (i + 1) * sizeof id <= size; i++) {
        memcpy(&id, ids + i * sizeof id, sizeof id);
        if (id < w->there || id >= w->wanted)
            continue;
        uint64_t bit = id - w->there;
        if (!(w->found[bit / 8] & 1u << bit % 8))
            w->missing--;
        w->found[bit / 8] |= (uint8_t)(1u << bit % 8);
    }
}

static bool mark_free_big(struct free_walk *w, const uint8_t *data, size_t size)
{
    uint64_t first;
    memcpy(&first, data, sizeof first);
    uint64_t pages = (sizeof(struct page_header) + size + w->page - 1) / w->page;
    if (first >= w->there || pages > w->there - first)
        return false;
    uint8_t *ids = malloc(size);
    bool ok =
        ids != NULL && pread(w->fd, ids, size, (off_t)(first * w->page + sizeof(struct page_header))) == (ssize_t)size;
    if (ok)
        mark_free(w, ids, size);
    free(ids);
    return ok;
}

static bool walk_free(struct free_walk *w, uint64_t number, unsigned depth);

static bool walk_node(struct free_walk *w, const uint8_t *page, size_t at, bool leaf, unsigned depth)
{
    uint16_t head[4]; /* low and high half of a size or a page number, flags, size of the key */
    if (at < sizeof(struct page_header) || at + NODE_HEADER > w->page)
        return false;
    memcpy(head, page + at, sizeof head);
    if (!leaf)
        return walk_free(w, (uint64_t)head[0] | (uint64_t)head[1] << 16 | (uint64_t)head[2] << 32, depth + 1);
    size_t size = (size_t)head[0] | (size_t)head[1] << 16, data = at + NODE_HEADER + head[3];
    bool big = head[2] & NODE_BIG;
    if (data + (big ? sizeof(uint64_t) : size) > w->page)
        return false;
    if (big)
        return mark_free_big(w, page + data, size);
    mark_free(w, page + data, size);
    return true;
}

/* False: the tree itself cannot be read. */
static bool walk_free(struct free_walk *w, uint64_t number, unsigned depth)
{
    if (number >= w->there || depth > DEPTH_MAX || w->visits++ >= w->there)
        return false;
    uint8_t *page = malloc(w->page);
    struct page_header header;
    bool ok = page != NULL && pread(w->fd, page, w->page, (off_t)(number * w->page)) == (ssize_t)w->page;
    if (ok) {
        memcpy(&header, page, sizeof header);
        ok =
            (header.flags & (PAGE_BRANCH | PAGE_LEAF)) != 0 && header.lower >= sizeof header && header.lower <= w->page;
    }
    for (size_t at = sizeof header; ok && at + 2 <= header.lower; at += 2) {
        uint16_t node;
        memcpy(&node, page + at, sizeof node);
        ok = walk_node(w, page, node, header.flags & PAGE_LEAF, depth);
    }
    free(page);
    return ok;
}

static bool all_missing_are_free(int fd, const struct meta_on_disk *meta, uint64_t there, size_t page)
{
    struct free_walk w = {.fd = fd, .page = page, .there = there, .wanted = meta->last_page + 1};
    w.missing = w.wanted - there;
    if (meta->dbs[0].root == UINT64_MAX || w.missing > there * (page / 8)) /* the list could not even name them all */
        return false;
    w.found = calloc(1, (size_t)(w.missing / 8 + 1));
    bool free_all = w.found != NULL && walk_free(&w, meta->dbs[0].root, 0) && w.missing == 0;
    free(w.found);
    return free_all;
}

/* ---- the file ---- */

static enum felloe_code check_meta(const char *path, int fd, uint64_t size, struct felloe_error *error)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    struct meta_on_disk first, second;
    if (!read_meta(fd, 0, &first))
        return felloe_fail(
            error, FELLOE_DAMAGED,
            "%s does not begin as a file of this kind does. Put it back from a copy; nothing was changed", path);
    if (first.dbs[0].pad != page)
        return felloe_fail(error, FELLOE_DAMAGED, "%s was written with pages of %u bytes, and this machine has %llu",
                           path, first.dbs[0].pad, (unsigned long long)page);
    if (!read_meta(fd, (off_t)page, &second))
        return felloe_fail(error, FELLOE_DAMAGED, "%s was cut short. Put it back from a copy; nothing was changed",
                           path);
    const struct meta_on_disk *newest = second.txn > first.txn ? &second : &first;
    const uint64_t there = size / page, wanted = newest->last_page + 1;
    if (there >= wanted)
        return FELLOE_OK;
    if (!all_missing_are_free(fd, newest, there, (size_t)page))
        return felloe_fail(error, FELLOE_DAMAGED,
                           "%s was cut short: it has %llu pages and should have %llu. Put it back from a copy; nothing "
                           "was changed",
                           path, (unsigned long long)there, (unsigned long long)wanted);
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
