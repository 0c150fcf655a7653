/* SPDX-License-Identifier: Apache-2.0 */
/* The journal of a store: what makes a small commit durable with one write in a row, where LMDB alone takes two flushes
 * of scattered pages.
 *
 * At times the whole database file is synced (a checkpoint), and what its meta page says then, the base, is written
 * into the journal's head. From then on a commit's rows are written behind it, and reach the disk before LMDB commits
 * them without a sync. A transaction that reads holds the base's pages as long as it is the base, so LMDB gives none of
 * them out again: after a power cut they are on the disk whatever became of the others. So the base is put back, and
 * what the journal has is done again. (Redo from a checkpoint, as in ARIES, Mohan et al. 1992, on a copy-on-write tree:
 * no page ever needs an undo.)
 *
 * A checkpoint takes long. So one can be made beside the commits: what the file's meta page says when it begins is
 * pinned, too, and written into the head of a next generation, which goes on from the one before. New records are
 * written behind that head. When the sync is done, a mark at the head says so: then its base counts, and the generation
 * before it is not needed any more. Until then what counts is the base of the one before, its records, and behind them
 * those of the next.
 *
 *   D/log/journal, JOURNAL_BYTES, in the machine's byte order as LMDB's file is, never made longer or shorter:
 *     0, 4096, 8192  three heads in turn, the one with the highest generation counts: generation, base, a hash over
 *                    the two pages where the base's trees begin (is this the file it was?), a random key, whether it
 *                    goes on from the one before, and from how many records of that, check; 512 behind it the mark
 *     16384          two halves of records, those of odd generations in the first, each at a multiple of 512: size,
 *                    index from 0, the head's generation, check under its key, rows; the first that does not fit ends
 *                    them
 *
 * Of generation N, when the power is cut:
 *   its head is being written   N-1 counts, which has its mark or needs none; its head and half are never written over
 *                               before N counts alone, the head not before N+2 does
 *   N goes on, without mark     base of N-1, its records (all whole, or it is damaged), those of N; the last may be
 *                               torn
 *   with its mark, or alone     base of N, its records; the last may be torn
 * What was done again is synced before N+1 begins, alone, in the third head's place.
 *
 * A head is within one sector, which a power cut leaves as it was or makes as it is to be. So where N is the newest
 * head that is whole, in the place of N+1's there is N-2's, or none, which is zeros: in a new file, in one that is
 * being wiped, or where a write failed and was taken back. Anything else was N+1's, and N does not count any more: a
 * large commit may be durable by N+1's head alone. Then the journal is damaged. So it is where a half's first record is
 * of a later generation than N, where a record that is not whole has a whole one behind it, wherever that begins (only
 * the last can be torn), and where the file is shorter than it was made.
 *
 * These files know no LMDB but its meta page; what a row is store_redo.c knows. All functions return 0 or an errno, and
 * are of the thread that writes, but for one. */
#ifndef FELLOE_DAEMON_STORE_JOURNAL_H
#define FELLOE_DAEMON_STORE_JOURNAL_H

#include "daemon/store/store_page.h"
#include "proto/bytes.h"

#define JOURNAL_NAME      "journal"
#define JOURNAL_BYTES     ((size_t)2 << 20)
#define JOURNAL_ALIGN     512u
#define JOURNAL_RECORDS   ((size_t)16384) /* where they begin */
#define JOURNAL_HALF      ((JOURNAL_BYTES - JOURNAL_RECORDS) / 2)
#define JOURNAL_HEAD_SIZE 32u            /* of a record */
#define JOURNAL_KEY_SIZE  32u

struct journal_part {
    uint64_t generation; /* 0: none */
    struct meta_on_disk base;
    uint8_t roots[32], key[JOURNAL_KEY_SIZE];
    uint32_t count; /* its records */
};
struct journal {
    int fd; /* -1: there is none */
    int mark_fd; /* the same file, opened once more: each is told of a write that failed, whichever was asked first */
    struct journal_part now, before; /* `before`: what `now` goes on from, as long as its base does not count */
    size_t at, last; /* where the next record goes; where the last one is */
};
#define JOURNAL_NONE {.fd = -1, .mark_fd = -1}

/* ---- after the database file was closed, or its writer died ---- */

/* Finds the one in this folder, if there is one that was finished, and counts its records. EBADMSG: it has some that
 * cannot be read, so what was durable is not there. EPROTO: it has some, in the layout of an earlier version. The mark
 * is written once more. ENOSPC: there is no room for it, as on a file system that writes nothing over; LMDB could not
 * write there either, and without it the base before would count after a power cut, whose pages will be given out. */
int journal_open(struct journal *journal, const char *dir);
/* The same to look at it alone: nothing is written, or may be. */
int journal_look(struct journal *journal, const char *dir);
/* Before the database file is opened: has it to be put back? Where there are records, and where its newest meta page is
 * of before the base: that page is not synced. */
int journal_is_needed(const struct journal *journal, const char *data_file, bool *needed);
/* It is what the base says it was. ESTALE: it is not the file that this journal is of. */
int journal_put_back(const struct journal *journal, const char *data_file, struct meta_on_disk were[META_PAGES]);
/* It was found damaged: whoever repairs it is to see what there was. */
void journal_leave_as_it_was(const char *data_file, const struct meta_on_disk were[META_PAGES]);
/* Reads the rows of one record after the other; ENOENT: that was the last. */
struct journal_place { /* {0} for the first */
    bool second; /* of the generations */
    uint32_t index;
    size_t at;
};
int journal_next(const struct journal *journal, struct journal_place *place, struct buffer *rows);

/* ---- while it is open ---- */

/* Makes a new one, without a base, in the place of any. */
int journal_make(struct journal *journal, const char *dir);
/* The base that counts, and the records since. */
const struct journal_part *journal_base(const struct journal *journal);
uint32_t journal_count(const struct journal *journal);
/* What the database file is now is the new base, and no records follow it. All but its two meta pages is synced. */
int journal_begin(struct journal *journal, int data_fd);
/* The same where it is not synced yet; there are records, and no generation before that counts. ENOSPC, EDQUOT: as if
 * it had not been called, if journal_begin is next. */
int journal_go_on(struct journal *journal, int data_fd);
/* It is now: the mark is there when this returns 0. May be on another thread than the commits. */
int journal_mark(const struct journal *journal);
/* That was so. */
void journal_marked(struct journal *journal);
/* Is there room for so many bytes of rows? Never where there is no journal. */
bool journal_fits(const struct journal *journal, size_t size);
/* Appends a record: durable when it returns 0. Its first JOURNAL_HEAD_SIZE bytes are filled in here; there are rows.
 * ENOSPC, EDQUOT: it is not there, and can be tried again. Any other error: it may be there. */
int journal_append(struct journal *journal, struct buffer *record);
/* The last record was never there. */
int journal_take_back(struct journal *journal);
/* From now on there is none, on the disk either: everything in it was synced in the database file. */
int journal_remove(struct journal *journal, const char *dir);
/* Of one that is closed, and at rest, nothing is left. Where that fails it is still there, and at rest. */
int journal_wipe(const char *dir);
void journal_close(struct journal *journal);

#endif
