/* SPDX-License-Identifier: Apache-2.0 */
/* A store with a journal, and its two files as they are and as a power cut could have left them. */
#ifndef FELLOE_TESTS_GIVEN_JOURNAL_H
#define FELLOE_TESTS_GIVEN_JOURNAL_H

#include "tests/unit/given_store.h"

#include "daemon/store/store_journal.h"

#include <fcntl.h>

#define PAGE 4096u
#define FILE_MAX ((size_t)16 << 20)

static inline enum felloe_code try_journalled(struct store **store, const struct given_dir *dir, const char *name,
                                       struct felloe_error *error)
{
    const struct store_options options = {.dir = given_path(dir, name), .what = "the test's store", .tables = tables,
                                          .table_count = 2, .made_first = 1, .sync = STORE_JOURNALLED};
    return store_open(store, &options, error);
}

static inline struct store *open_named(const struct given_dir *dir, const char *name)
{
    struct store *store;
    struct felloe_error error = {0};
    if (try_journalled(&store, dir, name, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    return store;
}

static inline struct store *open_journalled(const struct given_dir *dir)
{
    return open_named(dir, "env");
}

/* ---- files ---- */

struct image {
    uint8_t *data;
    size_t len;
};

static inline struct image read_image(const struct given_dir *dir, const char *name)
{
    struct image image = {malloc(FILE_MAX), 0};
    int fd = open(given_path(dir, name), O_RDONLY);
    assert_true(fd >= 0 && image.data != NULL);
    for (ssize_t got = 1; got > 0; image.len += (size_t)got) {
        got = read(fd, image.data + image.len, FILE_MAX - image.len);
        assert_true(got >= 0);
    }
    assert_true(image.len < FILE_MAX);
    close(fd);
    return image;
}

static inline void write_image(const struct given_dir *dir, const char *name, struct image image)
{
    int fd = open(given_path(dir, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image.data, image.len), (ssize_t)image.len);
    close(fd);
}

/* Both files as they are now, into another directory. */
static inline void copy_to(const struct given_dir *dir, const char *name)
{
    char path[40];
    struct image data = read_image(dir, "env/data.mdb"), journal = read_image(dir, "env/journal");
    assert_int_equal(mkdir(given_path(dir, name), 0700), 0);
    snprintf(path, sizeof path, "%s/data.mdb", name);
    write_image(dir, path, data);
    snprintf(path, sizeof path, "%s/journal", name);
    write_image(dir, path, journal);
    free(data.data);
    free(journal.data);
}

static inline uint64_t number_at(struct image image, size_t at)
{
    uint64_t number;
    memcpy(&number, image.data + at, sizeof number);
    return number;
}

/* Where the newest head is. */
static inline size_t newest_head(struct image journal)
{
    size_t newest = 0;
    for (size_t at = 0; at < (size_t)3 * PAGE; at += PAGE)
        if (number_at(journal, at + 8) > number_at(journal, newest + 8))
            newest = at;
    return newest;
}

/* Where the last record of this generation is; 0: there is none. */
static inline size_t last_record(struct image journal, uint64_t generation)
{
    size_t last = 0, at = JOURNAL_RECORDS + (generation + 1) % 2 * JOURNAL_HALF;
    for (uint32_t index = 0, head[2]; at < JOURNAL_BYTES; index++) {
        memcpy(head, journal.data + at, sizeof head);
        if (head[0] == 0 || head[1] != index || number_at(journal, at + 8) != generation)
            break;
        last = at;
        at = (at + JOURNAL_HEAD_SIZE + head[0] + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
    }
    return last;
}

static inline void put_number(struct store *store, unsigned number, size_t len)
{
    char key[8];
    struct store_txn *txn = begin(store, true);
    snprintf(key, sizeof key, "%06u", number);
    memset(store_reserve_last(txn, NUMBERS, text(key), len), 'n', len);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
}

static inline uint64_t count_numbers(struct store *store)
{
    struct store_txn *txn = begin(store, false);
    const uint64_t count = store_count(txn, NUMBERS);
    store_abort(txn);
    return count;
}

#endif
