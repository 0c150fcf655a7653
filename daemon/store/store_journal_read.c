/* SPDX-License-Identifier: Apache-2.0 */
/* What a journal has, as it is opened; see store_journal.h. Whatever cannot be read, or is not there though it was, is
 * told: to take it for nothing would lose what was durable. */
#include "daemon/store/store_journal_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

const uint8_t journal_magic[8] = {'F', 'E', 'L', 'L', 'O', 'E', 'J', '2'};

/* ---- records ---- */

/* 0, and `place` is that of the next one; ENOENT: there is none, EBADMSG: one that is not whole; or an errno. */
static int read_record(int fd, const struct journal_part *part, struct journal_place *place, struct buffer *rows)
{
    struct record_head head;
    uint8_t check[CHECK_SIZE];
    const size_t first = first_of(part->generation), end = first + JOURNAL_HALF;
    const size_t at = place->index == 0 ? first : place->at;
    if (at > end - JOURNAL_HEAD_SIZE)
        return ENOENT;
    int failed = journal_read_at(fd, &head, sizeof head, at);
    if (failed != 0)
        return failed;
    if (head.generation != part->generation || head.index != place->index || head.size == 0 ||
        head.size > end - JOURNAL_HEAD_SIZE - at)
        return ENOENT;
    buffer_clear(rows);
    if (!buffer_reserve(rows, head.size))
        return ENOMEM;
    if ((failed = journal_read_at(fd, rows->data, head.size, at + JOURNAL_HEAD_SIZE)) != 0)
        return failed;
    rows->len = head.size;
    journal_check_record(part, &head, rows->data, check);
    if (memcmp(check, head.check, CHECK_SIZE) != 0)
        return EBADMSG;
    place->at = next_place(at, head.size);
    place->index++;
    return 0;
}

/* A whole one behind the place where they seem to end? Then what is there was whole once, too: of its head nothing can
 * be believed, how long it is neither. */
static int look_behind(int fd, const struct journal_part *part, size_t at, struct buffer *rows, bool *there)
{
    const size_t end = first_of(part->generation) + JOURNAL_HALF;
    for (*there = false; !*there && at <= end - JOURNAL_HEAD_SIZE; at += JOURNAL_ALIGN) {
        struct record_head head;
        int failed = journal_read_at(fd, &head, sizeof head, at);
        if (failed == 0 && head.generation == part->generation && head.index > part->count) {
            struct journal_place place = {.index = head.index, .at = at};
            failed = read_record(fd, part, &place, rows);
            *there = failed == 0;
        }
        if (failed != 0 && failed != ENOENT && failed != EBADMSG)
            return failed;
    }
    return 0;
}

/* The last one may have been cut off by a power cut: nobody was told that it is there. One that another follows was
 * whole once. */
static int count_records(int fd, struct journal_part *part, size_t *end)
{
    struct buffer rows = {0};
    struct journal_place place = {.at = first_of(part->generation)};
    bool goes_on = false;
    int failed;
    do
        failed = read_record(fd, part, &place, &rows);
    while (failed == 0);
    part->count = place.index;
    *end = place.at;
    if (failed == ENOENT || failed == EBADMSG)
        failed = look_behind(fd, part, *end, &rows, &goes_on);
    buffer_release(&rows);
    return failed == 0 && goes_on ? EBADMSG : failed;
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

/* ---- heads ---- */

int journal_read_heads(int fd, struct head_on_disk heads[HEADS], const struct head_on_disk **newest)
{
    *newest = &heads[0];
    for (unsigned i = 0; i < HEADS; i++) {
        uint8_t check[CHECK_SIZE];
        const int failed = journal_read_at(fd, &heads[i], sizeof heads[i], (size_t)i * HEAD_EVERY);
        if (failed != 0)
            return failed;
        journal_check_head(&heads[i], check);
        if (memcmp(heads[i].name.magic, journal_magic, sizeof journal_magic) != 0 ||
            memcmp(heads[i].check, check, CHECK_SIZE) != 0)
            heads[i].name.generation = 0;
        if (heads[i].name.generation > (*newest)->name.generation)
            *newest = &heads[i];
    }
    return 0;
}

/* No one bit makes one of these names another. That of two before need not be whole any more. */
int journal_look_for_next(int fd, uint64_t newest, bool *there)
{
    static const struct head_name none;
    struct head_name name;
    const int failed = journal_read_at(fd, &name, sizeof name, head_place(newest + 1));
    *there = failed == 0 && memcmp(&name, &none, sizeof name) != 0 && name.generation + 2 != newest;
    return failed;
}

/* Either half of it can only come from one that was written: pages of the base before may have gone since, and one bit
 * is not to bring that back. */
static int look_for_mark(int fd, const struct journal_part *part, bool *marked)
{
    struct mark_on_disk there;
    const struct mark_on_disk mark = journal_mark_of(part);
    const int failed = journal_read_at(fd, &there, sizeof there, head_place(part->generation) + MARK_AT);
    *marked = failed == 0 &&
              (there.generation == mark.generation || memcmp(there.check, mark.check, CHECK_SIZE) == 0);
    return failed;
}

/* EBADMSG: a later generation than the newest had a head: what is in its place tells, or the first record of a half. */
static int look_for_later(int fd, uint64_t newest)
{
    bool there;
    int failed = journal_look_for_next(fd, newest, &there);
    for (unsigned half = 0; half < 2 && failed == 0; half++) {
        struct record_head head;
        failed = journal_read_at(fd, &head, sizeof head, first_of(half));
        there |= failed == 0 && head.size > 0 && head.index == 0 && head.generation > newest;
    }
    return failed == 0 && there ? EBADMSG : failed;
}

/* EBADMSG: it was cut. It was as long as it is to be before it had a head. */
static int check_length(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return errno;
    return st.st_size < (off_t)JOURNAL_BYTES ? EBADMSG : 0;
}

/* The layout before this one had two heads, and its records behind them. */
#define BEFORE_RECORDS 8192

/* EPROTO: it is of that layout, and has records that count: to begin anew would lose them. ENOENT: it has none. */
static int look_for_layout_before(int fd)
{
    struct record_head first;
    uint64_t newest = 0;
    int failed = journal_read_at(fd, &first, sizeof first, BEFORE_RECORDS);
    for (size_t slot = 0; slot < 2 && failed == 0; slot++) {
        struct head_name name;
        failed = journal_read_at(fd, &name, sizeof name, slot * HEAD_EVERY);
        if (failed == 0 && memcmp(name.magic, "FELLOEJ1", sizeof name.magic) == 0 && name.generation > newest)
            newest = name.generation;
    }
    if (failed != 0 || newest == 0)
        return failed;
    return first.size > 0 && first.index == 0 && first.generation >= newest ? EPROTO : ENOENT;
}

/* ---- all of it ---- */

/* The generation that the newest one goes on from: its head has to be there, and all of its records. */
static int read_before(struct journal *journal, const struct head_on_disk heads[HEADS], uint32_t from)
{
    size_t end;
    for (unsigned i = 0; i < HEADS; i++) {
        struct journal_part before = journal_part_of(&heads[i]);
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

/* ENOENT: it was not finished, or has nothing that counts. */
static int read_parts(struct journal *journal, bool *marked)
{
    struct head_on_disk heads[HEADS];
    const struct head_on_disk *newest;
    int failed = journal_read_heads(journal->fd, heads, &newest);
    if (failed == 0 && newest->name.generation == 0)
        failed = look_for_layout_before(journal->fd);
    if (failed == 0)
        failed = look_for_later(journal->fd, newest->name.generation);
    if (failed == 0)
        failed = newest->name.generation == 0 ? ENOENT : check_length(journal->fd);
    if (failed != 0)
        return failed;
    journal->now = journal_part_of(newest);
    failed = count_records(journal->fd, &journal->now, &journal->at);
    if (failed == 0 && newest->goes_on)
        failed = look_for_mark(journal->fd, &journal->now, marked);
    return failed == 0 && newest->goes_on && !*marked ? read_before(journal, heads, newest->from) : failed;
}

static int open_and_read(struct journal *journal, const char *dir, int flags)
{
    bool marked = false;
    int failed = journal_open_file(journal, dir, flags);
    if (failed == 0)
        failed = read_parts(journal, &marked);
    /* One that was seen may be in memory alone, behind a write that failed: from here on its base is the only one. */
    if (failed == 0 && marked && flags != O_RDONLY)
        failed = journal_mark(journal);
    if (failed != 0)
        journal_close(journal);
    return failed == ENOENT ? 0 : failed;
}

int journal_open(struct journal *journal, const char *dir)
{
    return open_and_read(journal, dir, O_RDWR);
}

int journal_look(struct journal *journal, const char *dir)
{
    return open_and_read(journal, dir, O_RDONLY);
}
