/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a damaged database file as far as its pages can be followed, and its bare bytes; see store_salvage.h.
 *
 * A file has two meta pages, each with a root: that of the newest commit, and that of the one before. All that the one
 * before needs is still there: LMDB uses a page again only when two commits have gone by. */
#include "daemon/store/store_salvage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/store/store_journal.h"

#define BIG_MAX                                                                                                        \
    ((uint64_t)1 << 20) /* no row of ours is near it: a damaged size must not take all memory, or for ever */
#define PIECE   ((size_t)1 << 20)
#define MAP_MAX ((uint64_t)1 << 40) /* no file of ours is near it; one that claims more is read so far */

struct store_salvage {
    int fd;
    size_t page;
    uint64_t size, pages;
    struct meta_on_disk metas[META_PAGES]; /* newest first */
    unsigned meta_count;
    bool newest; /* metas[0] is certainly of the last commit */
    struct journal journal; /* that beside it, if there is one */
    int damaged; /* the same as a file, where it cannot be read as one; -1: it can */
    uint64_t lost;
};

/* One tree on its way. */
struct salvaging {
    struct store_salvage *s;
    uint8_t *seen; /* a bit a page: a damaged number may lead back */
    enum page_tree kind;
    bool stopped, no_memory;
    store_salvage_visit visit;
    void *context;
};

/* ---- opening ---- */

static enum felloe_code cannot_read(const char *path, struct felloe_error *error)
{
    enum felloe_code code = errno == ENOENT                     ? FELLOE_NOT_FOUND
                            : errno == EACCES || errno == EPERM ? FELLOE_DENIED
                                                                : FELLOE_STORAGE;
    return felloe_fail(error, code, "%s cannot be read: %s", path, strerror(errno));
}

static bool root_possible(const struct store_salvage *s, const struct meta_on_disk *meta)
{
    const struct tree_on_disk *all = &meta->dbs[1];
    return all->root != NO_PAGE && all->root >= META_PAGES && all->root < s->pages && all->depth <= DEPTH_MAX;
}

static void read_metas(struct store_salvage *s)
{
    for (unsigned i = 0; i < META_PAGES; i++) {
        struct meta_on_disk *meta = &s->metas[s->meta_count];
        if (page_read_meta(s->fd, i * s->page, meta) && root_possible(s, meta))
            s->meta_count++;
    }
    if (s->meta_count < 2)
        return;
    const uint64_t first = s->metas[0].txn, second = s->metas[1].txn;
    s->newest = first % 2 == 0 && (first > second ? first - second : second - first) == 1;
    if (second > first) {
        struct meta_on_disk older = s->metas[0];
        s->metas[0] = s->metas[1];
        s->metas[1] = older;
    }
}

/* Each of its records was a commit. */
static void read_journal(struct store_salvage *s, const char *path)
{
    char dir[PATH_MAX], name[PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || !bytes_to_text(bytes_of(path, (size_t)(slash - path)), dir, sizeof dir))
        return;
    const int failed = journal_look(&s->journal, dir);
    if (failed != 0 && snprintf(name, sizeof name, "%s/" JOURNAL_NAME, dir) < (int)sizeof name)
        s->damaged = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (failed != 0)
        s->newest = false;
    else if (s->journal.fd >= 0 && s->meta_count > 0)
        s->newest = s->newest && s->metas[0].txn >= journal_base(&s->journal)->base.txn + journal_count(&s->journal);
}

enum felloe_code store_salvage_open(struct store_salvage **out, const char *path, struct felloe_error *error)
{
    *out = NULL;
    struct store_salvage *s = calloc(1, sizeof *s);
    if (s == NULL)
        return felloe_fail(error, FELLOE_FAILED, "out of memory");
    s->journal = (struct journal)JOURNAL_NONE;
    s->damaged = -1;
    struct stat st;
    s->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (s->fd < 0 || fstat(s->fd, &st) != 0) {
        enum felloe_code code = cannot_read(path, error);
        store_salvage_close(s);
        return code;
    }
    s->page = (size_t)sysconf(_SC_PAGESIZE);
    s->size = (uint64_t)st.st_size < MAP_MAX ? (uint64_t)st.st_size : MAP_MAX;
    s->pages = s->size / s->page;
    read_metas(s);
    read_journal(s, path);
    s->lost = s->meta_count == 0;
    *out = s;
    return FELLOE_OK;
}

void store_salvage_close(struct store_salvage *s)
{
    if (s == NULL)
        return;
    if (s->fd >= 0)
        close(s->fd);
    if (s->damaged >= 0)
        close(s->damaged);
    journal_close(&s->journal);
    free(s);
}

unsigned store_salvage_roots(const struct store_salvage *s)
{
    return s != NULL ? s->meta_count : 0;
}

bool store_salvage_is_newest(const struct store_salvage *s)
{
    return s != NULL && s->newest;
}

uint64_t store_salvage_lost(const struct store_salvage *s)
{
    return s != NULL ? s->lost : 0;
}

/* ---- rows ---- */

static uint8_t *read_big(struct salvaging *v, const struct page_node *node)
{
    struct store_salvage *s = v->s;
    uint64_t first;
    memcpy(&first, node->data, sizeof first);
    const uint64_t pages = page_count_for(node->size, s->page);
    if (first < META_PAGES || first >= s->pages || node->size > BIG_MAX || pages > s->pages - first)
        return NULL;
    uint8_t *data = malloc(node->size + 1);
    if (data == NULL) {
        v->no_memory = true;
        return NULL;
    }
    const off_t at = (off_t)(first * s->page + sizeof(struct page_head));
    if (pread(s->fd, data, node->size, at) == (ssize_t)node->size)
        return data;
    free(data);
    return NULL;
}

static void take_row(struct salvaging *v, const struct page_node *node)
{
    const struct bytes key = bytes_of(node->key, node->key_len);
    if (!(node->flags & NODE_BIG)) {
        v->stopped = !v->visit(v->context, key, bytes_of(node->data, node->size));
        return;
    }
    uint8_t *data = read_big(v, node);
    if (data != NULL)
        v->stopped = !v->visit(v->context, key, bytes_of(data, node->size));
    else
        v->s->lost++;
    free(data);
}

/* ---- pages ---- */

static bool follow(struct salvaging *v, uint64_t number, unsigned depth)
{
    struct store_salvage *s = v->s;
    bool possible = number >= META_PAGES && number < s->pages && depth <= DEPTH_MAX;
    if (!possible || (v->seen[number / 8] >> number % 8 & 1)) {
        s->lost++;
        return false;
    }
    v->seen[number / 8] |= (uint8_t)(1u << number % 8);
    return true;
}

static void salvage_page(struct salvaging *v, uint64_t number, unsigned depth)
{
    struct store_salvage *s = v->s;
    if (!follow(v, number, depth))
        return;
    uint8_t *page = malloc(s->page);
    if (page == NULL) {
        v->no_memory = true;
        return;
    }
    struct page_head head;
    bool fine = pread(s->fd, page, s->page, (off_t)(number * s->page)) == (ssize_t)s->page;
    memcpy(&head, page, sizeof head);
    fine = fine && page_head_possible(&head, s->page);
    bool whole = fine;
    for (size_t i = 0; fine && i < page_node_count(&head) && !v->stopped && !v->no_memory; i++) {
        struct page_node node;
        if (page_node_read(page, s->page, i, v->kind, &node) != NULL)
            whole = false;
        else if (head.flags == PAGE_BRANCH)
            salvage_page(v, node.size, depth + 1);
        else
            take_row(v, &node);
    }
    s->lost += !whole;
    free(page);
}

static bool salvage_tree(struct store_salvage *s, const struct tree_on_disk *tree, enum page_tree kind,
                         store_salvage_visit visit, void *context)
{
    struct salvaging v = {.s = s, .kind = kind, .visit = visit, .context = context};
    if (tree->root == NO_PAGE)
        return true;
    v.seen = calloc(1, (size_t)(s->pages / 8 + 1));
    if (v.seen == NULL)
        return false;
    salvage_page(&v, tree->root, 1);
    free(v.seen);
    return !v.no_memory;
}

/* ---- tables ---- */

struct wanted_table {
    struct bytes name;
    bool found;
    struct tree_on_disk tree;
};

static bool find_table(void *context, struct bytes key, struct bytes value)
{
    struct wanted_table *wanted = context;
    if (!bytes_equal(key, wanted->name) || value.len != sizeof wanted->tree)
        return true;
    memcpy(&wanted->tree, value.data, sizeof wanted->tree);
    wanted->found = true;
    return false;
}

bool store_salvage_rows(struct store_salvage *s, unsigned root, const char *table, store_salvage_visit visit,
                        void *context)
{
    struct wanted_table wanted = {.name = bytes_str(table)};
    if (root >= store_salvage_roots(s))
        return true;
    if (!salvage_tree(s, &s->metas[root].dbs[1], TREE_TABLES, find_table, &wanted))
        return false;
    s->lost += !wanted.found && strchr(table, '.') == NULL; /* those of sites are made with their first row */
    return !wanted.found || salvage_tree(s, &wanted.tree, TREE_ROWS, visit, context);
}

struct both_roots {
    store_salvage_visit visit;
    void *context;
    bool stopped;
};

static bool visit_of_both(void *context, struct bytes key, struct bytes value)
{
    struct both_roots *both = context;
    both->stopped = !both->visit(both->context, key, value);
    return !both->stopped;
}

bool store_salvage_table(struct store_salvage *s, const char *table, store_salvage_visit visit, void *context)
{
    struct both_roots both = {.visit = visit, .context = context};
    for (unsigned root = 0; root < store_salvage_roots(s) && !both.stopped; root++)
        if (!store_salvage_rows(s, root, table, visit_of_both, &both))
            return false;
    return true;
}

/* ---- bytes ---- */

/* Where a disk cannot read some sectors, it is asked for each page alone. */
static void read_piece(int fd, size_t page, uint64_t at, uint8_t *out, size_t len)
{
    if (pread(fd, out, len, (off_t)at) == (ssize_t)len)
        return;
    for (size_t done = 0; done < len; done += page) {
        const size_t part = len - done < page ? len - done : page;
        if (pread(fd, out + done, part, (off_t)(at + done)) != (ssize_t)part)
            memset(out + done, 0, part);
    }
}

/* Where the next data are; a file can have holes of any size. */
static uint64_t skip_hole(int fd, uint64_t size, uint64_t at)
{
    off_t data = lseek(fd, (off_t)at, SEEK_DATA);
    if (data < 0)
        return errno == ENXIO ? size : at;
    return (uint64_t)data > at ? (uint64_t)data : at;
}

/* False: it was told to stop. */
static bool look_through(int fd, uint64_t size, uint8_t *piece, store_salvage_look look, void *context)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bool going = true;
    for (uint64_t at = skip_hole(fd, size, 0); going && at < size; at = skip_hole(fd, size, at + PIECE)) {
        const uint64_t left = size - at;
        const size_t len = left < PIECE + SALVAGE_OVERLAP ? (size_t)left : PIECE + SALVAGE_OVERLAP;
        read_piece(fd, page, at, piece, len);
        going = look(context, bytes_of(piece, len), len < PIECE ? len : PIECE);
    }
    return going;
}

bool store_salvage_bytes(struct store_salvage *s, store_salvage_look look, void *context)
{
    struct buffer rows = {0};
    struct journal_place place = {0};
    struct stat st;
    if (s == NULL)
        return true;
    uint8_t *piece = malloc(PIECE + SALVAGE_OVERLAP);
    if (piece == NULL)
        return false;
    bool going = look_through(s->fd, s->size, piece, look, context);
    while (going && journal_next(&s->journal, &place, &rows) == 0)
        going = look(context, buffer_bytes(&rows), rows.len);
    if (going && s->damaged >= 0 && fstat(s->damaged, &st) == 0)
        look_through(s->damaged, (uint64_t)st.st_size, piece, look, context);
    buffer_release(&rows);
    free(piece);
    return true;
}
