/* SPDX-License-Identifier: Apache-2.0 */
/* A journal while its store is open, and as it is made and put away; see store_journal.h. */
#include "daemon/store/file.h"
#include "daemon/store/store_journal_inside.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- reading and writing ---- */

static int write_at(int fd, const void *data, size_t size, size_t at)
{
    const uint8_t *from = data;
    while (size > 0) {
        const ssize_t put = pwrite(fd, from, size, (off_t)at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return put < 0 ? errno : ENOSPC;
        from += put;
        at += (size_t)put;
        size -= (size_t)put;
    }
    return 0;
}

int journal_read_at(int fd, void *data, size_t size, size_t at)
{
    uint8_t *to = data;
    memset(to, 0, size);
    while (size > 0) {
        const ssize_t got = pread(fd, to, size, (off_t)at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno;
        if (got == 0)
            break;
        to += got;
        at += (size_t)got;
        size -= (size_t)got;
    }
    return 0;
}

/* Under the generation's key: rows hold what others wrote, and part of an old record could look like one of now. */
void journal_check_record(const struct journal_part *part, const struct record_head *head, const uint8_t *rows,
                          uint8_t out[CHECK_SIZE])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, part->key, sizeof part->key, CHECK_SIZE);
    crypto_generichash_update(&state, (const uint8_t *)head, offsetof(struct record_head, check));
    crypto_generichash_update(&state, rows, head->size);
    crypto_generichash_final(&state, out, CHECK_SIZE);
}

void journal_check_head(const struct head_on_disk *head, uint8_t out[CHECK_SIZE])
{
    crypto_generichash(out, CHECK_SIZE, (const uint8_t *)head, offsetof(struct head_on_disk, check), NULL, 0);
}

/* ---- records ---- */

const struct journal_part *journal_base(const struct journal *journal)
{
    return journal->before.generation != 0 ? &journal->before : &journal->now;
}

uint32_t journal_count(const struct journal *journal)
{
    return journal->before.count + journal->now.count;
}

bool journal_fits(const struct journal *journal, size_t size)
{
    return journal->fd >= 0 && size <= JOURNAL_BYTES &&
           next_place(journal->at, size) <= first_of(journal->now.generation) + JOURNAL_HALF;
}

static int void_at(const struct journal *journal, size_t at)
{
    static const uint8_t zeros[JOURNAL_HEAD_SIZE];
    return write_at(journal->fd, zeros, sizeof zeros, at);
}

/* A write that failed may have come there all the same. */
static bool is_there(const struct journal *journal, const struct record_head *head)
{
    struct record_head there;
    return journal_read_at(journal->fd, &there, sizeof there, journal->at) != 0 ||
           memcmp(&there, head, sizeof there) == 0;
}

int journal_append(struct journal *journal, struct buffer *record)
{
    struct record_head head = {.size = (uint32_t)(record->len - JOURNAL_HEAD_SIZE), .index = journal->now.count,
                               .generation = journal->now.generation};
    journal_check_record(&journal->now, &head, record->data + JOURNAL_HEAD_SIZE, head.check);
    memcpy(record->data, &head, sizeof head);
    const int failed = write_at(journal->fd, record->data, record->len, journal->at);
    if (failed != 0)
        return is_there(journal, &head) && void_at(journal, journal->at) != 0 ? EIO : failed;
    journal->last = journal->at;
    journal->at = next_place(journal->at, head.size);
    journal->now.count++;
    return 0;
}

int journal_take_back(struct journal *journal)
{
    const int failed = void_at(journal, journal->last);
    if (failed != 0)
        return failed;
    journal->at = journal->last;
    journal->now.count--;
    return 0;
}

/* ---- the heads ---- */

/* The two pages from which all others of the base are reached. Both are of the base alone as long as it is held. */
static int hash_roots(int data_fd, const struct meta_on_disk *base, uint8_t out[32])
{
    const size_t size = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *page = malloc(size);
    crypto_generichash_state state;
    int failed = page == NULL ? ENOMEM : 0;
    crypto_generichash_init(&state, NULL, 0, 32);
    for (unsigned i = 0; i < 2 && failed == 0; i++) {
        if (base->dbs[i].root == NO_PAGE)
            continue;
        const uint64_t root = base->dbs[i].root;
        failed = root > (uint64_t)INT64_MAX / size ? ESTALE : journal_read_at(data_fd, page, size, root * size);
        if (failed == 0)
            crypto_generichash_update(&state, page, size);
    }
    free(page);
    crypto_generichash_final(&state, out, 32);
    return failed;
}

/* What the meta page says that was written last. ESTALE: they are none. */
static int newest_meta(int data_fd, struct meta_on_disk *out)
{
    struct meta_on_disk metas[META_PAGES];
    for (size_t i = 0; i < META_PAGES; i++) {
        const int failed = journal_read_at(data_fd, &metas[i], sizeof metas[i], i * (size_t)sysconf(_SC_PAGESIZE));
        if (failed != 0)
            return failed;
        if (!page_is_meta(&metas[i]))
            return ESTALE;
    }
    *out = metas[metas[1].txn > metas[0].txn];
    return 0;
}

struct journal_part journal_part_of(const struct head_on_disk *head)
{
    struct journal_part part = {.generation = head->name.generation, .base = head->base};
    memcpy(part.roots, head->roots, sizeof part.roots);
    memcpy(part.key, head->key, sizeof part.key);
    return part;
}

struct mark_on_disk journal_mark_of(const struct journal_part *part)
{
    struct mark_on_disk mark = {.generation = part->generation};
    crypto_generichash(mark.check, CHECK_SIZE, (const uint8_t *)&mark, offsetof(struct mark_on_disk, check), part->key,
                       sizeof part->key);
    return mark;
}

int journal_mark(const struct journal *journal)
{
    const struct mark_on_disk mark = journal_mark_of(&journal->now);
    return write_at(journal->mark_fd, &mark, sizeof mark, head_place(mark.generation) + MARK_AT);
}

void journal_marked(struct journal *journal)
{
    journal->before = (struct journal_part){0};
}

/* The next one could not be written, may be there all the same, and is not to count. */
static int void_next_head(const struct journal *journal)
{
    bool there;
    const int failed = journal_look_for_next(journal->fd, journal->now.generation, &there);
    return failed == 0 && there ? void_at(journal, head_place(journal->now.generation + 1)) : failed;
}

static int begin(struct journal *journal, int data_fd, bool goes_on)
{
    struct head_on_disk head = {.name.generation = journal->now.generation + 1, .goes_on = goes_on,
                                .from = goes_on ? journal->now.count : 0};
    memcpy(head.name.magic, journal_magic, sizeof journal_magic);
    int failed = newest_meta(data_fd, &head.base);
    if (failed == 0)
        failed = hash_roots(data_fd, &head.base, head.roots);
    randombytes_buf(head.key, sizeof head.key);
    journal_check_head(&head, head.check);
    if (failed == 0)
        failed = write_at(journal->fd, &head, sizeof head, head_place(head.name.generation));
    if (failed != 0)
        return void_next_head(journal) == 0 ? failed : EIO;
    journal->before = goes_on ? journal->now : (struct journal_part){0};
    journal->now = journal_part_of(&head);
    journal->at = first_of(head.name.generation);
    return 0;
}

int journal_begin(struct journal *journal, int data_fd)
{
    return begin(journal, data_fd, false);
}

int journal_go_on(struct journal *journal, int data_fd)
{
    assert(journal->now.count > 0 && journal->before.generation == 0);
    return begin(journal, data_fd, true);
}

int journal_is_needed(const struct journal *journal, const char *data_file, bool *needed)
{
    struct meta_on_disk newest;
    *needed = journal->fd >= 0 && journal_count(journal) > 0;
    if (journal->fd < 0 || *needed)
        return 0;
    int fd = open(data_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? 0 : errno;
    const int failed = newest_meta(fd, &newest);
    *needed = failed == 0 && newest.txn < journal_base(journal)->base.txn;
    close(fd);
    return failed == ESTALE ? 0 : failed; /* whoever checks the file says what it is */
}

static int write_metas(int fd, const struct meta_on_disk metas[META_PAGES])
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    int failed = 0;
    for (size_t i = 0; i < META_PAGES && failed == 0; i++)
        failed = write_at(fd, &metas[i], sizeof metas[i], i * page);
    return failed == 0 && fdatasync(fd) != 0 ? errno : failed;
}

/* LMDB takes the one with the higher number, and wants them one apart. */
int journal_put_back(const struct journal *journal, const char *data_file, struct meta_on_disk were[META_PAGES])
{
    const struct journal_part *part = journal_base(journal);
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), turn = part->base.txn % 2;
    uint8_t roots[32];
    struct meta_on_disk metas[META_PAGES] = {part->base, part->base};
    int fd = open(data_file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno == ENOENT ? ESTALE : errno;
    int failed = hash_roots(fd, &part->base, roots);
    if (failed == 0 && memcmp(roots, part->roots, sizeof roots) != 0)
        failed = ESTALE;
    metas[1 - turn].head.number = 1 - turn;
    metas[1 - turn].txn--;
    for (size_t i = 0; i < META_PAGES && failed == 0; i++)
        failed = journal_read_at(fd, &were[i], sizeof were[i], i * page);
    if (failed == 0)
        failed = write_metas(fd, metas);
    close(fd);
    return failed;
}

void journal_leave_as_it_was(const char *data_file, const struct meta_on_disk were[META_PAGES])
{
    int fd = open(data_file, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    (void)write_metas(fd, were);
    close(fd);
}

/* ---- the file ---- */

int journal_open_file(struct journal *journal, const char *dir, int flags)
{
    char path[PATH_MAX];
    *journal = (struct journal)JOURNAL_NONE;
    if (snprintf(path, sizeof path, "%s/" JOURNAL_NAME, dir) >= (int)sizeof path)
        return ENAMETOOLONG;
    journal->fd = open(path, O_DSYNC | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (journal->fd < 0)
        return errno;
    if (flags == O_RDONLY)
        return 0;
    journal->mark_fd = open(path, O_WRONLY | O_DSYNC | O_CLOEXEC | O_NOFOLLOW);
    if (journal->mark_fd >= 0)
        return 0;
    const int failed = errno;
    journal_close(journal);
    return failed;
}

void journal_close(struct journal *journal)
{
    if (journal->fd >= 0)
        close(journal->fd);
    if (journal->mark_fd >= 0)
        close(journal->mark_fd);
    *journal = (struct journal)JOURNAL_NONE;
}

/* All its blocks are taken and written, so that no later write of it waits for more than itself. What there was is a
 * file of its own: no power cut leaves something of both. */
int journal_make(struct journal *journal, const char *dir)
{
    uint8_t *zeros = calloc(1, JOURNAL_BYTES);
    int failed = journal_remove(journal, dir);
    if (failed == 0)
        failed = journal_open_file(journal, dir, O_RDWR | O_CREAT | O_EXCL);
    if (failed == 0)
        failed = zeros == NULL ? ENOMEM : write_at(journal->fd, zeros, JOURNAL_BYTES, 0);
    free(zeros);
    if (failed == 0 && fsync(journal->fd) != 0)
        failed = errno;
    if (failed == 0)
        failed = file_sync_folder(dir);
    if (failed != 0)
        journal_close(journal);
    return failed;
}

int journal_remove(struct journal *journal, const char *dir)
{
    char path[PATH_MAX];
    journal_close(journal);
    if (snprintf(path, sizeof path, "%s/" JOURNAL_NAME, dir) >= (int)sizeof path)
        return ENAMETOOLONG;
    if (unlink(path) != 0)
        return errno == ENOENT ? 0 : errno;
    return file_sync_folder(dir);
}

static int zero(int fd, size_t from, size_t to)
{
    static const uint8_t zeros[65536];
    int failed = 0;
    for (size_t size; from < to && failed == 0; from += size) {
        size = to - from < sizeof zeros ? to - from : sizeof zeros;
        failed = write_at(fd, zeros, size, from);
    }
    return failed;
}

/* Each write reaches the disk before the next. Records go before the heads, or a head would seem to have been lost; the
 * newest head last, or the one before it would count; and each mark behind its head. */
static int wipe(int fd)
{
    struct head_on_disk heads[HEADS];
    const struct head_on_disk *newest;
    int failed = journal_read_heads(fd, heads, &newest);
    if (failed == 0)
        failed = zero(fd, JOURNAL_RECORDS, JOURNAL_BYTES);
    for (uint64_t i = 1; i <= HEADS && failed == 0; i++) {
        const size_t place = head_place(newest->name.generation + i);
        failed = zero(fd, place, place + SECTOR);
    }
    return failed == 0 ? zero(fd, 0, JOURNAL_RECORDS) : failed;
}

int journal_wipe(const char *dir)
{
    struct journal journal;
    int failed = journal_open_file(&journal, dir, O_RDWR);
    if (failed != 0)
        return failed == ENOENT ? 0 : failed;
    failed = wipe(journal.fd);
    journal_close(&journal);
    return failed == 0 ? journal_remove(&journal, dir) : failed;
}
