/* SPDX-License-Identifier: Apache-2.0 */
/* Every file that LMDB writes is whole for the walk that looks at it before it is mapped: a laptop that refused its own
 * log would be lost for the day. And some damage that LMDB would not bear; more: test_daemon_store.c,
 * test_daemon_bit_rot.c. */
#include "tests/unit/given_store.h"

#include "daemon/store/store_check.h"
#include "daemon/store/store_page.h"

#include <fcntl.h>

#define FILES   24
#define COMMITS 40
#define CHANGES 60u
#define KEYS    400u

static uint64_t dice_state;

static uint32_t dice(uint32_t sides)
{
    dice_state = dice_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(dice_state >> 33) % sides;
}

/* Which keys and values a file has: of one length or many, odd and even, of a byte and of the longest there is; on the
 * page, as long as still goes there, and on pages of their own. */
struct kind {
    uint32_t keys, values;
};

static struct bytes some_key(const struct kind *kind, uint8_t out[STORE_KEY_MAX])
{
    const uint32_t id = dice(KEYS), of_id = id * 2654435761u >> 8; /* the same each time */
    const size_t lengths[] = {8, 1 + of_id % STORE_KEY_MAX, STORE_KEY_MAX - of_id % 9,
                              of_id % 3 == 0 ? 1 + of_id % 16 : STORE_KEY_MAX - of_id % 32};
    const size_t len = lengths[kind->keys % 4];
    memset(out, (int)(id % 5), len);
    out[0] = (uint8_t)id;
    out[len / 2] = (uint8_t)(id >> 8);
    return bytes_of(out, len);
}

static struct bytes some_value(const struct kind *kind)
{
    static uint8_t bytes[20000];
    const uint32_t lengths[] = {dice(64), dice(2100), 1500 + dice(600), dice(8) == 0 ? dice(sizeof bytes) : dice(200)};
    return bytes_of(bytes, lengths[kind->values % 4]);
}

static void delete_some(struct store_txn *txn, unsigned table, struct bytes from)
{
    struct store_cursor *cursor = store_cursor_open(txn, table);
    struct store_item item;
    const uint32_t count = 1 + dice(dice(4) == 0 ? 100 : 5);
    bool more = store_seek(cursor, from, &item);
    for (uint32_t i = 0; i < count && more; i++) {
        assert_true(store_cursor_delete(cursor));
        more = store_next(cursor, &item);
    }
    store_cursor_close(cursor);
}

static void put_some(struct store_txn *txn, unsigned table, const struct kind *kind)
{
    struct store_cursor *cursor = store_cursor_open(txn, table);
    uint8_t memory[STORE_KEY_MAX];
    struct bytes existing;
    for (uint32_t i = dice(10); i > 0; i--) {
        const struct bytes key = some_key(kind, memory);
        if (dice(2) == 0)
            assert_true(store_cursor_put(cursor, key, some_value(kind)));
        else
            (void)store_cursor_put_new(cursor, key, some_value(kind), &existing);
    }
    store_cursor_close(cursor);
}

/* `shrink`: most of them make it smaller. */
static void change(struct store_txn *txn, const struct kind *kind, bool shrink)
{
    const unsigned table = dice(3) == 0 ? WORDS : NUMBERS;
    uint8_t memory[STORE_KEY_MAX], *room;
    const struct bytes key = some_key(kind, memory), value = some_value(kind);
    switch (shrink ? 2 + dice(4) : dice(6)) {
    case 0: assert_true(store_put(txn, table, key, value)); break;
    case 1: put_some(txn, table, kind); break;
    case 2: delete_some(txn, table, key); break;
    case 3: assert_true(store_put_last(txn, table, key, value)); break;
    case 4:
        room = store_reserve(txn, table, key, value.len);
        assert_non_null(room);
        memset(room, 1, value.len);
        break;
    default: (void)store_delete(txn, table, key);
    }
}

static void change_and_look(struct store *store, const char *path, const struct kind *kind)
{
    struct store_txn *txn = begin(store, true);
    struct felloe_error error = {0};
    const bool shrink = dice(3) == 0;
    for (uint32_t i = dice(CHANGES); i > 0; i--)
        change(txn, kind, shrink);
    if (dice(8) == 0)
        store_abort(txn);
    else
        assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    if (store_check_file(path, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
}

static void whatever_is_written_and_deleted_the_file_is_whole(void **state)
{
    (void)state;
    for (uint32_t file = 0; file < FILES; file++) {
        struct given_dir dir = given_dir();
        char path[120];
        snprintf(path, sizeof path, "%s/data.mdb", dir.path);
        const struct store_options options = {
            .dir = dir.path, .what = "the test's store", .tables = tables, .table_count = 2, .sync = STORE_DERIVED};
        const struct kind kind = {file, file / 4};
        struct store *store;
        dice_state = file;
        assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
        for (unsigned i = 0; i < COMMITS; i++)
            change_and_look(store, path, &kind);
        store_close(store);
        given_dir_end(&dir);
    }
}

/* The first of the lists, as its newest meta page has it, says that commit 0 gave its pages back. */
static void free_of_no_commit(const char *path)
{
    static const uint8_t none[8];
    const size_t size = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *page = malloc(size);
    struct meta_on_disk metas[META_PAGES];
    struct page_node node;
    const int fd = open(path, O_RDWR);
    for (size_t i = 0; i < META_PAGES; i++)
        assert_true(page_read_meta(fd, i * size, &metas[i]));
    const struct tree_on_disk *list = &metas[metas[1].txn > metas[0].txn].dbs[0];
    assert_int_equal(list->depth, 1);
    assert_int_equal(pread(fd, page, size, (off_t)(list->root * size)), size);
    assert_null(page_node_read(page, size, 0, TREE_FREE, &node));
    assert_int_equal(pwrite(fd, none, sizeof none, (off_t)(list->root * size + node.begin + NODE_HEAD)), sizeof none);
    close(fd);
    free(page);
}

/* LMDB begins with the list after the last that it has read, and 0 is what it says before it has read any: so it read
 * that one twice, and gave a page out for two things. */
static void pages_that_no_commit_gave_back_are_damage(void **state)
{
    (void)state;
    struct given_dir dir = given_dir();
    struct felloe_error error;
    struct store *store = open_store(&dir);
    put_word(store, "hub", "nave");
    put_word(store, "rim", "felloe");
    store_close(store);
    free_of_no_commit(given_path(&dir, "env/data.mdb"));
    assert_int_equal(try_open(&store, &dir, &error), FELLOE_DAMAGED);
    given_dir_end(&dir);
}

/* The next commit leaves it as it is, and the file would be refused with that in it. */
static void a_bit_in_the_head_of_either_meta_page_is_told_at_once(void **state)
{
    (void)state;
    const off_t page = sysconf(_SC_PAGESIZE), flags = offsetof(struct page_head, flags);
    struct given_dir dir = given_dir();
    struct felloe_error error;
    struct store *store = open_store(&dir);
    put_word(store, "hub", "nave");
    store_close(store);
    const int fd = open(given_path(&dir, "env/data.mdb"), O_RDWR);
    for (off_t at = flags; at <= page + flags; at += page) {
        const uint8_t was = PAGE_META, is = PAGE_META | 0x40;
        assert_int_equal(pwrite(fd, &is, 1, at), 1);
        assert_int_equal(try_open(&store, &dir, &error), FELLOE_DAMAGED);
        assert_int_equal(pwrite(fd, &was, 1, at), 1);
        store_close(open_store(&dir));
    }
    close(fd);
    given_dir_end(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_written_and_deleted_the_file_is_whole),
        cmocka_unit_test(pages_that_no_commit_gave_back_are_damage),
        cmocka_unit_test(a_bit_in_the_head_of_either_meta_page_is_told_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
