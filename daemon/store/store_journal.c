/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's file; see store_journal.h. */
#include "daemon/store/store_journal.h"
#include "daemon/store/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADS 3u
#define HEAD_EVERY 4096
#define MARK_AT 512 /* behind its head */
#define CHECK_SIZE 16

static const uint8_t magic[8] = {'F', 'E', 'L', 'L', 'O', 'E', 'J', '2'};

struct head_on_disk {
    uint8_t magic[8];
    uint64_t generation;
    struct meta_on_disk base;
    uint8_t roots[32], key[JOURNAL_KEY_SIZE];
    uint32_t goes_on, from; /* the records of the generation before; goes_on 0: it stands alone */
    uint8_t check[CHECK_SIZE];
};
_Static_assert(sizeof(struct head_on_disk) == 8 + 8 + 152 + 32 + JOURNAL_KEY_SIZE + 8 + CHECK_SIZE, "no gaps");
_Static_assert(sizeof(struct head_on_disk) <= MARK_AT, "a sector each");

struct mark_on_disk {
    uint64_t generation;
    uint8_t check[CHECK_SIZE]; /* under its key */
};

struct record_head {
    uint32_t size, index; /* of the rows */
    uint64_t generation;
    uint8_t check[CHECK_SIZE]; /* over the fields before it and the rows */
};
_Static_assert(sizeof(struct record_head) == JOURNAL_HEAD_SIZE, "no gaps");

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

/* What is missing is zero. */
static int read_at(int fd, void *data, size_t size, size_t at)
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
static void check_of(const struct journal_part *part, const struct record_head *head, const uint8_t *rows,
                     uint8_t out[CHECK_SIZE])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, part->key, sizeof part->key, CHECK_SIZE);
    crypto_generichash_update(&state, (const uint8_t *)head, offsetof(struct record_head, check));
    crypto_generichash_update(&state, rows, head->size);
    crypto_generichash_final(&state, out, CHECK_SIZE);
}

static void check_head(const struct head_on_disk *head, uint8_t out[CHECK_SIZE])
{
    crypto_generichash(out, CHECK_SIZE, (const uint8_t *)head, offsetof(struct head_on_disk, check), NULL, 0);
}

/* ---- records ---- */

static size_t next_place(size_t at, size_t size)
{
    const size_t end = at + JOURNAL_HEAD_SIZE + size;
    return (end + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

static size_t first_of(uint64_t generation)
{
    return JOURNAL_RECORDS + (generation + 1) % 2 * JOURNAL_HALF;
}

const struct journal_part *journal_base(const struct journal *journal)
{
    return journal->before.generation != 0 ? &journal->before : &journal->now;
}

uint32_t journal_count(const struct journal *journal)
{
    return journal->before.count + journal->now.count;
}

/* 0, ENOENT: there is none, EBADMSG: one that is not whole; or an errno. */
static int read_record(int fd, const struct journal_part *part, struct journal_place *place, struct buffer *rows)
{
    struct record_head head;
    uint8_t check[CHECK_SIZE];
    const size_t first = first_of(part->generation), end = first + JOURNAL_HALF;
    const size_t at = place->index == 0 ? first : place->at;
    if (at > end - JOURNAL_HEAD_SIZE)
        return ENOENT;
    int failed = read_at(fd, &head, sizeof head, at);
    if (failed != 0)
        return failed;
    if (head.generation != part->generation || head.index != place->index || head.size == 0 ||
        head.size > end - JOURNAL_HEAD_SIZE - at)
        return ENOENT;
    buffer_clear(rows);
    if (!buffer_reserve(rows, head.size))
        return ENOMEM;
    if ((failed = read_at(fd, rows->data, head.size, at + JOURNAL_HEAD_SIZE)) != 0)
        return failed;
    rows->len = head.size;
    place->at = next_place(at, head.size);
    place->index++;
    check_of(part, &head, rows->data, check);
    return memcmp(check, head.check, CHECK_SIZE) == 0 ? 0 : EBADMSG;
}

/* A record behind the place where they seem to end: what is there was the head of another. */
static bool goes_on_behind(int fd, const struct journal_part *part, size_t at, struct buffer *rows)
{
    const size_t end = first_of(part->generation) + JOURNAL_HALF;
    for (at += JOURNAL_ALIGN; at <= end - JOURNAL_HEAD_SIZE; at += JOURNAL_ALIGN) {
        struct record_head head;
        if (read_at(fd, &head, sizeof head, at) != 0 || head.generation != part->generation ||
            head.index <= part->count)
            continue;
        struct journal_place place = {.index = head.index, .at = at};
        if (read_record(fd, part, &place, rows) == 0)
            return true;
    }
    return false;
}

/* The last one may have been cut off by a power cut: nobody was told that it is there. One that another follows was
 * whole once. */
static int count_records(int fd, struct journal_part *part, size_t *end)
{
    struct buffer rows = {0};
    struct journal_place place = {0};
    int failed;
    do {
        *end = place.index == 0 ? first_of(part->generation) : place.at;
        part->count = place.index;
        failed = read_record(fd, part, &place, &rows);
    } while (failed == 0);
    if (failed == EBADMSG && read_record(fd, part, &place, &rows) != 0)
        failed = 0;
    if (failed == ENOENT)
        failed = goes_on_behind(fd, part, *end, &rows) ? EBADMSG : 0;
    buffer_release(&rows);
    return failed;
}

int journal_next(const struct journal *journal, struct journal_place *place, struct buffer *rows)
{
    if (!place->second && place->index == journal->before.count)
        *place = (struct journal_place){.second = true};
    const struct journal_part *part = place->second ? &journal->now : &journal->before;
    if (place->index == part->count)
        return ENOENT;
    const int failed = read_record(journal->fd, part, place, rows);
    return failed == ENOENT ? EBADMSG : failed; /* it was there when they were counted */
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
    return read_at(journal->fd, &there, sizeof there, journal->at) != 0 || memcmp(&there, head, sizeof there) == 0;
}

int journal_append(struct journal *journal, struct buffer *record)
{
    struct record_head head = {.size = (uint32_t)(record->len - JOURNAL_HEAD_SIZE), .index = journal->now.count,
                               .generation = journal->now.generation};
    check_of(&journal->now, &head, record->data + JOURNAL_HEAD_SIZE, head.check);
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
        failed = root > (uint64_t)INT64_MAX / size ? ESTALE : read_at(data_fd, page, size, root * size);
        if (failed == 0)
            crypto_generichash_update(&state, page, size);
    }
    free(page);
    crypto_generichash_final(&state, out, 32);
    return failed;
}

static bool read_head(const struct journal *journal, unsigned slot, struct head_on_disk *out)
{
    uint8_t check[CHECK_SIZE];
    if (read_at(journal->fd, out, sizeof *out, slot * HEAD_EVERY) != 0)
        return false;
    check_head(out, check);
    return memcmp(out->magic, magic, sizeof magic) == 0 && memcmp(out->check, check, CHECK_SIZE) == 0;
}

/* What the meta page says that was written last. */
static int newest_meta(int data_fd, struct meta_on_disk *out)
{
    struct meta_on_disk second;
    if (!page_read_meta(data_fd, 0, out) || !page_read_meta(data_fd, (uint64_t)sysconf(_SC_PAGESIZE), &second))
        return EIO;
    if (second.txn > out->txn)
        *out = second;
    return 0;
}

static struct journal_part part_of(const struct head_on_disk *head)
{
    struct journal_part part = {.generation = head->generation, .base = head->base};
    memcpy(part.roots, head->roots, sizeof part.roots);
    memcpy(part.key, head->key, sizeof part.key);
    return part;
}

static size_t head_place(uint64_t generation)
{
    return generation % HEADS * HEAD_EVERY;
}

static struct mark_on_disk mark_of(const struct journal_part *part)
{
    struct mark_on_disk mark = {.generation = part->generation};
    crypto_generichash(mark.check, CHECK_SIZE, (const uint8_t *)&mark, offsetof(struct mark_on_disk, check), part->key,
                       sizeof part->key);
    return mark;
}

/* Either half of it can only come from one that was written: pages of the base before may have gone since, and one bit
 * is not to bring that back. */
static int look_for_mark(int fd, const struct journal_part *part, bool *marked)
{
    struct mark_on_disk there;
    const struct mark_on_disk mark = mark_of(part);
    const int failed = read_at(fd, &there, sizeof there, head_place(part->generation) + MARK_AT);
    *marked = failed == 0 &&
              (there.generation == mark.generation || memcmp(there.check, mark.check, CHECK_SIZE) == 0);
    return failed;
}

int journal_mark(const struct journal *journal)
{
    const struct mark_on_disk mark = mark_of(&journal->now);
    return write_at(journal->mark_fd, &mark, sizeof mark, head_place(mark.generation) + MARK_AT);
}

void journal_marked(struct journal *journal)
{
    journal->before = (struct journal_part){0};
}

/* One that could not be written may be there all the same, and is not to count; false: that cannot be made sure of. */
static bool void_head(const struct journal *journal, uint64_t generation)
{
    struct head_on_disk there;
    const size_t place = head_place(generation);
    const bool is_there = read_head(journal, (unsigned)(place / HEAD_EVERY), &there) && there.generation == generation;
    return !is_there || void_at(journal, place) == 0;
}

static int begin(struct journal *journal, int data_fd, bool goes_on)
{
    struct head_on_disk head = {.generation = journal->now.generation + 1, .goes_on = goes_on,
                                .from = goes_on ? journal->now.count : 0};
    memcpy(head.magic, magic, sizeof magic);
    int failed = newest_meta(data_fd, &head.base);
    if (failed == 0)
        failed = hash_roots(data_fd, &head.base, head.roots);
    randombytes_buf(head.key, sizeof head.key);
    check_head(&head, head.check);
    if (failed == 0)
        failed = write_at(journal->fd, &head, sizeof head, head_place(head.generation));
    if (failed != 0)
        return void_head(journal, head.generation) ? failed : EIO;
    journal->before = goes_on ? journal->now : (struct journal_part){0};
    journal->now = part_of(&head);
    journal->at = first_of(head.generation);
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

bool journal_is_needed(const struct journal *journal, const char *data_file)
{
    struct meta_on_disk newest;
    if (journal->fd < 0 || journal_count(journal) > 0)
        return journal->fd >= 0;
    int fd = open(data_file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    const bool older = fd >= 0 && newest_meta(fd, &newest) == 0 && newest.txn < journal_base(journal)->base.txn;
    if (fd >= 0)
        close(fd);
    return older;
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
        failed = read_at(fd, &were[i], sizeof were[i], i * page);
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

static int open_file(struct journal *journal, const char *dir, int flags)
{
    char path[PATH_MAX];
    *journal = (struct journal)JOURNAL_NONE;
    if (snprintf(path, sizeof path, "%s/" JOURNAL_NAME, dir) >= (int)sizeof path)
        return ENAMETOOLONG;
    journal->fd = open(path, O_RDWR | O_DSYNC | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (journal->fd < 0)
        return errno;
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

/* The layout before this one had two heads, and its records behind them. */
#define BEFORE_RECORDS 8192

/* One of that layout that has records: to begin anew would lose them. */
static bool is_of_before(const struct journal *journal)
{
    struct record_head first;
    bool there = false;
    if (read_at(journal->fd, &first, sizeof first, BEFORE_RECORDS) != 0)
        return false;
    for (size_t slot = 0; slot < 2; slot++) {
        struct {
            uint8_t magic[8];
            uint64_t generation;
        } head;
        there |= read_at(journal->fd, &head, sizeof head, slot * HEAD_EVERY) == 0 &&
                 memcmp(head.magic, magic, sizeof magic - 1) == 0 && head.magic[7] == '1' && first.size > 0 &&
                 first.index == 0 && first.generation == head.generation;
    }
    return there;
}

/* A half's first record is of a later generation: its head was whole once. */
static bool is_outlived(const struct journal *journal)
{
    bool outlived = false;
    for (unsigned half = 0; half < 2; half++) {
        struct record_head head;
        outlived |= read_at(journal->fd, &head, sizeof head, first_of(half)) == 0 && head.size > 0 &&
                    head.index == 0 && head.generation > journal->now.generation;
    }
    return outlived;
}

/* The generation that the newest one goes on from: its head has to be there, and all of its records. */
static int read_before(struct journal *journal, const struct head_on_disk heads[HEADS], uint32_t from)
{
    size_t end;
    for (unsigned i = 0; i < HEADS; i++) {
        struct journal_part before = part_of(&heads[i]);
        if (before.generation + 1 != journal->now.generation)
            continue;
        bool marked = true;
        int failed = heads[i].goes_on ? look_for_mark(journal->fd, &before, &marked) : 0;
        if (failed == 0)
            failed = marked ? count_records(journal->fd, &before, &end) : EBADMSG;
        journal->before = before;
        return failed == 0 && before.count != from ? EBADMSG : failed;
    }
    return EBADMSG;
}

static int read_parts(struct journal *journal)
{
    struct head_on_disk heads[HEADS];
    const struct head_on_disk *newest = &heads[0];
    for (unsigned i = 0; i < HEADS; i++)
        if (!read_head(journal, i, &heads[i]))
            heads[i].generation = 0;
    for (unsigned i = 1; i < HEADS; i++)
        if (heads[i].generation > newest->generation)
            newest = &heads[i];
    if (newest->generation == 0)
        return is_of_before(journal) ? EPROTO : is_outlived(journal) ? EBADMSG : ENOENT;
    journal->now = part_of(newest);
    int failed = is_outlived(journal) ? EBADMSG : count_records(journal->fd, &journal->now, &journal->at);
    bool marked = false;
    if (failed != 0 || !newest->goes_on || (failed = look_for_mark(journal->fd, &journal->now, &marked)) != 0)
        return failed;
    /* One that was seen may be in memory alone, behind a write that failed: from here on its base is the only one. */
    return marked ? journal_mark(journal) : read_before(journal, heads, newest->from);
}

int journal_open(struct journal *journal, const char *dir)
{
    int failed = open_file(journal, dir, 0);
    if (failed == 0 && (failed = read_parts(journal)) != 0)
        journal_close(journal);
    return failed == ENOENT ? 0 : failed; /* a power cut came while it was made */
}

/* All its blocks are taken and written, so that no later write of it waits for more than itself. */
int journal_make(struct journal *journal, const char *dir)
{
    uint8_t *zeros = calloc(1, JOURNAL_BYTES);
    int failed = open_file(journal, dir, O_CREAT | O_TRUNC);
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

/* Records first, and each write reaches the disk: records without a head would be taken for a head that is damaged. */
int journal_wipe(const char *dir)
{
    static const uint8_t zeros[65536];
    struct journal journal;
    int failed = open_file(&journal, dir, 0);
    if (failed != 0)
        return failed == ENOENT ? 0 : failed;
    for (size_t at = JOURNAL_RECORDS; at < JOURNAL_BYTES && failed == 0; at += sizeof zeros) {
        const size_t left = JOURNAL_BYTES - at;
        failed = write_at(journal.fd, zeros, left < sizeof zeros ? left : sizeof zeros, at);
    }
    if (failed == 0)
        (void)write_at(journal.fd, zeros, JOURNAL_RECORDS, 0);
    return journal_remove(&journal, dir);
}
