/* SPDX-License-Identifier: Apache-2.0 */
/* A bit turned over in what LMDB believes of a file: it is told as the file is opened; or the file is written to, has
 * what was written, and is whole afterwards. Each in a process of its own, which LMDB could end. FELLOE_BIT_FLIPS says
 * how many of them, evenly over all there are. */
#include "tests/unit/given_store.h"
#include "tests/unit/given_no_sync.h"

#include <fcntl.h>
#include <sys/wait.h>

#include "daemon/store/store_check.h"
#include "daemon/store/store_page.h"

#define FLIPS_DEFAULT 400
#define ROWS          60u
#define FILE_MAX      ((size_t)1 << 20)
#define PLACES_MAX    16384u
#define HANGS_S       20
#define LONGEST       9000
#define FIRST_TURNS   4u  /* as the file is made; then those after the flip, */
#define LAST_TURN     10u /* odd in number: the last goes into what was the older meta page */

struct file {
    char path[120];
    uint8_t *bytes;
    size_t len;
    size_t places[PLACES_MAX], count; /* of the bytes that say how it is laid out */
};

static struct store_options options_in(const struct given_dir *dir)
{
    return (struct store_options){
        .dir = dir->path, .what = "the test's store", .tables = tables, .table_count = 2, .sync = STORE_DERIVED};
}

/* How long a row is after this turn: one is on pages of its own. Negative: it is not there. */
static int length_of(unsigned row, unsigned turn)
{
    const int mixed = (int)(row * 37 + turn * 11) % 41;
    return mixed % 4 == 0 ? -1 : mixed == 7 ? LONGEST : mixed * 13;
}

static void change_all(struct store_txn *txn, unsigned turn)
{
    static const uint8_t value[LONGEST];
    for (unsigned i = 0; i < ROWS; i++) {
        const int len = length_of(i, turn);
        struct store_key key;
        key_start(&key);
        key_put_u32(&key, i);
        if (len < 0)
            (void)store_delete(txn, i % 5 == 0 ? WORDS : NUMBERS, key_bytes(&key));
        else
            (void)store_put(txn, i % 5 == 0 ? WORDS : NUMBERS, key_bytes(&key), bytes_of(value, (size_t)len));
    }
}

static bool is_as_after(struct store *store, unsigned turn)
{
    struct store_txn *txn;
    bool same = store_begin_read(store, &txn, NULL) == FELLOE_OK;
    for (unsigned i = 0; i < ROWS && same; i++) {
        const int len = length_of(i, turn);
        struct bytes there;
        struct store_key key;
        key_start(&key);
        key_put_u32(&key, i);
        const bool found = store_get(txn, i % 5 == 0 ? WORDS : NUMBERS, key_bytes(&key), &there);
        same = found == (len >= 0) && (!found || there.len == (size_t)len);
    }
    store_abort(txn);
    return same;
}

/* ---- the file ---- */

static void add(struct file *file, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(file->count < PLACES_MAX);
        file->places[file->count++] = from + i;
    }
}

/* Heads; of the trees that LMDB keeps for itself all of it, of others not the keys and values. */
static void add_page(struct file *file, size_t number, const struct meta_on_disk *newest)
{
    const size_t size = (size_t)sysconf(_SC_PAGESIZE), at = number * size;
    const uint8_t *page = file->bytes + at;
    struct page_head head;
    memcpy(&head, page, sizeof head);
    const bool nodes = page_head_possible(&head, size);
    const bool inner = number == newest->dbs[0].root || number == newest->dbs[1].root;
    add(file, at, nodes ? head.lower : sizeof head);
    if (nodes && inner)
        add(file, at + head.upper, size - head.upper);
    for (size_t i = 0; nodes && !inner && i < page_node_count(&head); i++) {
        struct page_node node;
        if (page_node_read(page, size, i, TREE_ROWS, &node) != NULL)
            continue; /* a page that is free has what it had before */
        add(file, at + node.begin, NODE_HEAD);
        if (node.flags & NODE_BIG)
            add(file, (size_t)(node.data - file->bytes), sizeof(uint64_t));
    }
}

static struct file *given_file(const struct given_dir *dir)
{
    const size_t size = (size_t)sysconf(_SC_PAGESIZE);
    const struct store_options options = options_in(dir);
    struct file *file = calloc(1, sizeof *file);
    struct store *store;
    assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
    for (unsigned turn = 0; turn < FIRST_TURNS; turn++) {
        struct store_txn *txn = begin(store, true);
        change_all(txn, turn);
        assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    }
    store_close(store);
    snprintf(file->path, sizeof file->path, "%s/data.mdb", dir->path);
    file->bytes = malloc(FILE_MAX);
    const int fd = open(file->path, O_RDONLY);
    file->len = (size_t)read(fd, file->bytes, FILE_MAX);
    close(fd);
    assert_in_range(file->len, 8 * size, FILE_MAX - 1);
    struct meta_on_disk metas[META_PAGES];
    for (size_t i = 0; i < META_PAGES; i++) {
        memcpy(&metas[i], file->bytes + i * size, sizeof metas[i]);
        add(file, i * size, sizeof metas[i]);
    }
    for (size_t number = META_PAGES; number < file->len / size; number++)
        add_page(file, number, &metas[metas[1].txn > metas[0].txn]);
    return file;
}

static void put_back(const struct file *file)
{
    const int fd = open(file->path, O_WRONLY);
    assert_int_equal(pwrite(fd, file->bytes, file->len, 0), file->len);
    assert_int_equal(ftruncate(fd, (off_t)file->len), 0);
    close(fd);
}

/* ---- what becomes of it ---- */

enum { WORKS = 40, TOLD, WRONG }; /* a sanitizer ends it with 1 */

static int work(const struct given_dir *dir)
{
    const struct store_options options = options_in(dir);
    struct store *store;
    if (store_open(&store, &options, NULL) != FELLOE_OK)
        return TOLD;
    for (unsigned turn = FIRST_TURNS; turn <= LAST_TURN; turn++) {
        struct store_txn *txn;
        if (store_begin_write(store, &txn, NULL) != FELLOE_OK)
            return TOLD;
        change_all(txn, turn);
        if (store_commit(txn, NULL) != STORE_DONE)
            return TOLD;
    }
    const bool right = is_as_after(store, LAST_TURN);
    store_close(store);
    return right ? WORKS : WRONG;
}

static void look_at(const struct given_dir *dir, struct file *file, size_t at, unsigned bit)
{
    struct felloe_error error = {0};
    int status;
    file->bytes[at] ^= (uint8_t)(1u << bit);
    put_back(file);
    if (store_check_file(file->path, &error) == FELLOE_OK) {
        const pid_t child = fork();
        if (child == 0) {
            alarm(HANGS_S);
            _exit(work(dir));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFEXITED(status))
            fail_msg("byte %zu, bit %u: signal %d", at, bit, WTERMSIG(status));
        if (WEXITSTATUS(status) == WRONG)
            fail_msg("byte %zu, bit %u: other rows than were written", at, bit);
        assert_in_range(WEXITSTATUS(status), WORKS, TOLD);
        if (WEXITSTATUS(status) == WORKS && store_check_file(file->path, &error) != FELLOE_OK)
            fail_msg("byte %zu, bit %u: afterwards %s", at, bit, error.message);
    }
    file->bytes[at] ^= (uint8_t)(1u << bit);
}

static void what_is_not_told_does_no_harm(void **state)
{
    (void)state;
    const char *wanted = getenv("FELLOE_BIT_FLIPS");
    const size_t flips = wanted != NULL ? strtoul(wanted, NULL, 10) : FLIPS_DEFAULT;
    struct given_dir dir = given_dir();
    struct file *file = given_file(&dir);
    const size_t bits = file->count * 8, step = flips > 0 && flips < bits ? bits / flips : 1;
    for (size_t i = 0; i < bits; i += step)
        look_at(&dir, file, file->places[i / 8], i % 8);
    free(file->bytes);
    free(file);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_told_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
