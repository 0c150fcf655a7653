/* SPDX-License-Identifier: Apache-2.0 */
/* The journal's file as it is laid out (store_journal.h), for store_journal_read.c, which reads it as it is opened, and
 * store_journal.c, which writes it. */
#ifndef FELLOE_DAEMON_STORE_JOURNAL_INSIDE_H
#define FELLOE_DAEMON_STORE_JOURNAL_INSIDE_H

#include "daemon/store/store_journal.h"

#define HEADS      3u
#define HEAD_EVERY 4096
#define SECTOR     512
#define MARK_AT    SECTOR /* behind its head */
#define CHECK_SIZE 16

struct head_name {
    uint8_t magic[8];
    uint64_t generation;
};

struct head_on_disk {
    struct head_name name;
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

/* ---- places ---- */

static inline size_t next_place(size_t at, size_t size)
{
    const size_t end = at + JOURNAL_HEAD_SIZE + size;
    return (end + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
}

static inline size_t first_of(uint64_t generation)
{
    return JOURNAL_RECORDS + (generation + 1) % 2 * JOURNAL_HALF;
}

static inline size_t head_place(uint64_t generation)
{
    return generation % HEADS * HEAD_EVERY;
}

/* ---- store_journal.c ---- */

/* What is missing is zero. */
int journal_read_at(int fd, void *data, size_t size, size_t at);
void journal_check_record(const struct journal_part *part, const struct record_head *head, const uint8_t *rows,
                          uint8_t out[CHECK_SIZE]);
void journal_check_head(const struct head_on_disk *head, uint8_t out[CHECK_SIZE]);
struct journal_part journal_part_of(const struct head_on_disk *head);
struct mark_on_disk journal_mark_of(const struct journal_part *part);
/* O_RDONLY: there will be no mark. */
int journal_open_file(struct journal *journal, const char *dir, int flags);

/* ---- store_journal_read.c ---- */

extern const uint8_t journal_magic[8];
/* Those that are not whole have generation 0; so has `newest`, where none is. */
int journal_read_heads(int fd, struct head_on_disk heads[HEADS], const struct head_on_disk **newest);
/* Has the generation behind the newest a head, or what was one? See store_journal.h. */
int journal_look_for_next(int fd, uint64_t newest, bool *there);

#endif
