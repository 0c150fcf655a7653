/* SPDX-License-Identifier: Apache-2.0 */
/* A journal of which bits turned over, that cannot be read, or that is wiped: what was durable in it is never taken for
 * nothing, and what was not is no reason to refuse it. Looked at without its store. */
#include "tests/unit/given_journal.h"
#include "tests/unit/given_memory.h"

#include <errno.h>

#include "daemon/store/store_salvage.h"

#define HEAD_BYTES 256u

/* ---- a disk that fails, or is cut off, at some call ---- */

static int reads, read_fails_at, writes, write_fails_at;
static size_t from, to; /* so much of the write that fails comes there */
static bool for_ever;

extern ssize_t __pread64(int fd, void *data, size_t size, off_t at);
/* By their names in the library: the headers have inline ones. */
ssize_t read_at(int fd, void *data, size_t size, off_t at) __asm__("pread");
ssize_t read_at(int fd, void *data, size_t size, off_t at)
{
    errno = EIO;
    return ++reads == read_fails_at ? -1 : __pread64(fd, data, size, at);
}
ssize_t read_at_64(int fd, void *data, size_t size, off_t at) __asm__("pread64");
ssize_t read_at_64(int fd, void *data, size_t size, off_t at)
{
    return read_at(fd, data, size, at);
}

extern ssize_t __pwrite64(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    const bool fails = ++writes == write_fails_at || (for_ever && write_fails_at > 0 && writes > write_fails_at);
    if (!fails)
        return __pwrite64(fd, data, size, at);
    const size_t last = size < to ? size : to;
    if (writes == write_fails_at && from < last)
        __pwrite64(fd, (const uint8_t *)data + from, last - from, at + (off_t)from);
    errno = EIO;
    return -1;
}
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at);
ssize_t pwrite64(int fd, const void *data, size_t size, off_t at)
{
    return pwrite(fd, data, size, at);
}

static void read_fails(int nth)
{
    reads = 0;
    read_fails_at = nth;
}

static void write_fails(int nth, bool then_all, size_t there_from, size_t there_to)
{
    writes = 0;
    write_fails_at = nth;
    for_ever = then_all;
    from = there_from;
    to = there_to;
}

/* ---- a journal ---- */

static struct given_dir dir;
static struct image journal;

#define RECORDS 6u

/* The fourth generation, with records of many lengths; or the fifth, which a large commit began, and has none. */
static void given_generation(bool large)
{
    static const size_t sizes[RECORDS] = {100, 5000, 70000, 10, 1500, 300};
    dir = given_dir();
    struct store *store = open_journalled(&dir);
    for (unsigned i = 0; i < 3; i++) {
        put_word(store, "rim", "tyre");
        assert_int_equal(store_rest(store, NULL), FELLOE_OK);
    }
    for (unsigned i = 0; i < RECORDS; i++)
        put_number(store, i, sizes[i]);
    if (large)
        put_number(store, RECORDS, (size_t)1 << 20);
    store_abandon(store);
    journal = read_image(&dir, "env/journal");
    assert_int_equal(number_at(journal, newest_head(journal) + 8), large ? 5 : 4);
}

static void end(void)
{
    read_fails(0);
    write_fails(0, false, 0, 0);
    free(journal.data);
    given_dir_end(&dir);
}

static size_t head_of(uint64_t generation)
{
    return generation % 3 * PAGE;
}

/* Of the fourth generation. */
static size_t record(unsigned number)
{
    size_t at = JOURNAL_RECORDS + JOURNAL_HALF;
    for (uint32_t size; number > 0; number--) {
        memcpy(&size, journal.data + at, sizeof size);
        at = (at + JOURNAL_HEAD_SIZE + size + JOURNAL_ALIGN - 1) / JOURNAL_ALIGN * JOURNAL_ALIGN;
    }
    return at;
}

static int look(uint32_t *count)
{
    struct journal there;
    const int failed = journal_look(&there, given_path(&dir, "env"));
    *count = journal_count(&there);
    journal_close(&there);
    return failed;
}

/* With these bits turned over. */
static int look_at_rotten(size_t at, uint8_t bits, uint32_t *count)
{
    int fd = open(given_path(&dir, "env/journal"), O_WRONLY);
    const uint8_t rotten = journal.data[at] ^ bits;
    assert_int_equal(__pwrite64(fd, &rotten, 1, (off_t)at), 1);
    const int failed = look(count);
    assert_int_equal(__pwrite64(fd, journal.data + at, 1, (off_t)at), 1);
    close(fd);
    return failed;
}

/* ---- bits that turned over ---- */

/* Of its head each; a size that leads anywhere is not believed either. */
static void one_bit_of_a_record_that_others_follow_is_told(void **state)
{
    (void)state;
    uint32_t count;
    given_generation(false);
    for (unsigned number = 0; number + 1 < RECORDS; number++) {
        const size_t first = record(number), last = record(number + 1);
        for (size_t bit = 0; bit < (size_t)8 * JOURNAL_HEAD_SIZE; bit++)
            assert_int_equal(look_at_rotten(first + bit / 8, (uint8_t)(1u << bit % 8), &count), EBADMSG);
        for (size_t at = first + JOURNAL_HEAD_SIZE; at + JOURNAL_ALIGN < last; at += 997)
            assert_int_equal(look_at_rotten(at, 0x20, &count), EBADMSG);
    }
    assert_int_equal(look(&count), 0);
    assert_int_equal(count, RECORDS);
    end();
}

/* Nobody can tell it from one that a power cut tore. */
static void the_last_record_may_be_torn(void **state)
{
    (void)state;
    uint32_t count;
    given_generation(false);
    for (size_t at = record(RECORDS - 1); at < record(RECORDS - 1) + JOURNAL_HEAD_SIZE + 300; at++) {
        assert_int_equal(look_at_rotten(at, 0x10, &count), 0);
        assert_int_equal(count, RECORDS - 1);
    }
    end();
}

/* A bit of each byte. */
static void assert_rotten_head(uint64_t generation, int expected, int where_its_number_is)
{
    uint32_t count;
    for (unsigned at = 0; at < HEAD_BYTES; at++) {
        const bool number = at >= 8 && at < 16;
        for (unsigned bit = number ? 0 : at % 8; bit < (number ? 8 : at % 8 + 1); bit++)
            assert_int_equal(look_at_rotten(head_of(generation) + at, (uint8_t)(1u << bit), &count),
                             number ? where_its_number_is : expected);
    }
}

/* A large commit counts by its head alone: were it passed over, the head before would count, and the commit be lost. */
static void one_bit_of_a_head_without_records_is_told(void **state)
{
    (void)state;
    given_generation(true);
    assert_rotten_head(5, EBADMSG, EBADMSG);
    assert_rotten_head(4, 0, 0);
    assert_rotten_head(3, 0, EBADMSG); /* it may have been the sixth */
    end();
}

/* Nor is the first one of all. */
static void one_bit_of_the_first_head_is_told(void **state)
{
    (void)state;
    dir = given_dir();
    store_abandon(open_journalled(&dir));
    journal = read_image(&dir, "env/journal");
    assert_rotten_head(1, EBADMSG, EBADMSG);
    end();
}

/* Its sector is as it was. */
static void a_head_that_a_power_cut_kept_back_is_none(void **state)
{
    (void)state;
    uint32_t count;
    given_generation(false);
    struct image before = journal;
    struct store *store = open_journalled(&dir);
    journal = read_image(&dir, "env/journal");
    store_abandon(store);
    memcpy(journal.data + head_of(5), before.data + head_of(5), 512);
    write_image(&dir, "env/journal", journal);
    assert_int_equal(look(&count), 0);
    assert_int_equal(count, RECORDS);
    free(before.data);
    end();
}

/* Behind the end of a file are zeros, as behind the last record. */
static void one_that_was_cut_is_told(void **state)
{
    (void)state;
    uint32_t count;
    given_generation(false);
    const size_t lengths[] = {JOURNAL_BYTES - 1, record(RECORDS - 1), record(2), record(0), JOURNAL_RECORDS};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        assert_int_equal(truncate(given_path(&dir, "env/journal"), (off_t)lengths[i]), 0);
        assert_int_equal(look(&count), EBADMSG);
    }
    assert_int_equal(truncate(given_path(&dir, "env/journal"), 0), 0); /* while it was made */
    assert_int_equal(look(&count), 0);
    end();
}

/* ---- what cannot be read is not taken for nothing ---- */

static void a_read_that_fails_is_told(void **state)
{
    (void)state;
    uint32_t count;
    int nth = 0, failed;
    given_generation(true);
    do {
        read_fails(++nth);
        failed = look(&count);
        assert_true(failed == EIO || (failed == 0 && reads < nth));
    } while (failed != 0);
    assert_true(nth > 1500); /* it looked behind the end for records, too */
    end();
}

static void memory_that_runs_out_is_told(void **state)
{
    (void)state;
    uint32_t count;
    int failed;
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    given_generation(false);
    for (uint64_t nth = 0;; nth++) {
        memory_runs_out(nth, false);
        failed = look(&count);
        if (memory_is_back() <= nth)
            break;
        assert_int_equal(failed, ENOMEM);
    }
    assert_int_equal(failed, 0);
    end();
}

/* Whether the file has to be put back is not known where it cannot be read. */
static void a_database_file_that_cannot_be_read_is_told(void **state)
{
    (void)state;
    struct journal there;
    bool needed;
    given_generation(true);
    assert_int_equal(journal_open(&there, given_path(&dir, "env")), 0);
    for (int nth = 1; nth <= 2; nth++) {
        read_fails(nth);
        assert_int_equal(journal_is_needed(&there, given_path(&dir, "env/data.mdb"), &needed), EIO);
    }
    read_fails(0);
    assert_int_equal(journal_is_needed(&there, given_path(&dir, "env/data.mdb"), &needed), 0);
    assert_false(needed);
    journal_close(&there);
    end();
}

/* ---- writes that fail ---- */

/* However much of it came there, it does not count, and is no damage. */
static void a_head_that_could_not_be_written_is_none(void **state)
{
    (void)state;
    uint32_t count;
    for (size_t there = 0; there <= HEAD_BYTES; there += 16) {
        struct journal open_one;
        given_generation(false);
        int data = open(given_path(&dir, "env/data.mdb"), O_RDONLY);
        assert_int_equal(journal_open(&open_one, given_path(&dir, "env")), 0);
        write_fails(1, false, 0, there);
        assert_int_equal(journal_begin(&open_one, data), EIO);
        write_fails(0, false, 0, 0);
        assert_int_equal(look(&count), 0);
        assert_int_equal(count, RECORDS);
        assert_int_equal(journal_begin(&open_one, data), 0);
        assert_int_equal(look(&count), 0);
        assert_int_equal(count, 0);
        journal_close(&open_one), close(data);
        end();
    }
}

/* With the mark of one that goes on; wherever the power is cut, and whichever sectors of a write are there: what is
 * left is the same journal at rest, or none. */
static void one_that_is_being_wiped_is_at_rest_all_the_time(void **state)
{
    (void)state;
    int failed, turn = 0;
    struct journal there;
    given_generation(false);
    int data = open(given_path(&dir, "env/data.mdb"), O_RDONLY);
    assert_int_equal(journal_open(&there, given_path(&dir, "env")), 0);
    assert_int_equal(journal_go_on(&there, data), 0);
    assert_int_equal(journal_mark(&there), 0);
    journal_close(&there), close(data);
    free(journal.data);
    journal = read_image(&dir, "env/journal");
    do {
        static const size_t sectors[3][2] = {{0, 0}, {0, 512}, {512, SIZE_MAX}};
        write_image(&dir, "env/journal", journal);
        write_fails(1 + turn / 3, true, sectors[turn % 3][0], sectors[turn % 3][1]);
        failed = journal_wipe(given_path(&dir, "env"));
        write_fails(0, false, 0, 0);
        assert_true(failed == EIO || failed == 0);
        assert_int_equal(access(given_path(&dir, "env/journal"), F_OK) != 0, failed == 0);
        assert_int_equal(journal_look(&there, given_path(&dir, "env")), 0);
        assert_true(there.fd < 0 || (there.now.generation == 5 && journal_count(&there) == 0));
        journal_close(&there);
        turn++;
    } while (failed != 0);
    assert_true(turn > 15);
    end();
}

/* ---- whoever repairs ---- */

struct hunt {
    unsigned found;
};

/* Values of put_number, by their keys. */
static bool hunt(void *context, struct bytes piece, size_t fresh)
{
    struct hunt *h = context;
    const uint8_t *found = memmem(piece.data, piece.len, "000004nnnn", 10);
    h->found += found != NULL && (size_t)(found - piece.data) < fresh;
    return true;
}

/* Nothing is written, and what is behind the damage is not lost. */
static void what_a_damaged_one_has_is_looked_through(void **state)
{
    (void)state;
    struct store_salvage *salvage;
    struct hunt h = {0};
    given_generation(false);
    assert_int_equal(truncate(given_path(&dir, "env/data.mdb"), (off_t)2 * PAGE), 0);
    journal.data[record(2) + 1] ^= 0x10;
    write_image(&dir, "env/journal", journal);
    write_fails(1, true, 0, 0);
    assert_int_equal(store_salvage_open(&salvage, given_path(&dir, "env/data.mdb"), NULL), FELLOE_OK);
    assert_false(store_salvage_is_newest(salvage));
    assert_true(store_salvage_bytes(salvage, hunt, &h));
    assert_int_equal(h.found, 1);
    assert_int_equal(writes, 0);
    store_salvage_close(salvage);
    end();
}

/* To write the mark once more is for whoever goes on from there. */
static void to_look_at_one_writes_nothing(void **state)
{
    (void)state;
    uint32_t count;
    struct journal there;
    given_generation(false);
    int data = open(given_path(&dir, "env/data.mdb"), O_RDONLY);
    assert_int_equal(journal_open(&there, given_path(&dir, "env")), 0);
    assert_int_equal(journal_go_on(&there, data), 0);
    assert_int_equal(look(&count), 0);
    assert_int_equal(count, RECORDS);
    assert_int_equal(journal_mark(&there), 0);
    journal_close(&there), close(data);
    write_fails(1, true, 0, 0);
    assert_int_equal(look(&count), 0);
    assert_int_equal(count, 0);
    assert_int_equal(writes, 0);
    assert_int_equal(journal_open(&there, given_path(&dir, "env")), EIO);
    assert_int_equal(writes, 1);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bit_of_a_record_that_others_follow_is_told),
        cmocka_unit_test(the_last_record_may_be_torn),
        cmocka_unit_test(one_bit_of_a_head_without_records_is_told),
        cmocka_unit_test(one_bit_of_the_first_head_is_told),
        cmocka_unit_test(a_head_that_a_power_cut_kept_back_is_none),
        cmocka_unit_test(one_that_was_cut_is_told),
        cmocka_unit_test(a_read_that_fails_is_told),
        cmocka_unit_test(memory_that_runs_out_is_told),
        cmocka_unit_test(a_database_file_that_cannot_be_read_is_told),
        cmocka_unit_test(a_head_that_could_not_be_written_is_none),
        cmocka_unit_test(one_that_is_being_wiped_is_at_rest_all_the_time),
        cmocka_unit_test(what_a_damaged_one_has_is_looked_through),
        cmocka_unit_test(to_look_at_one_writes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
