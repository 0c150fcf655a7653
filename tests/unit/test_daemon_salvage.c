/* SPDX-License-Identifier: Apache-2.0 */
/* Reading what is left of a database file: each kind of damage costs what hangs on it and nothing more, whatever a page
 * says leads to an end, and the bare bytes are all there. */
#include "tests/unit/given_memory.h"
#include "tests/unit/given_dir.h"

#include <fcntl.h>

#include "daemon/store/store.h"
#include "daemon/store/store_check.h"
#include "daemon/store/store_page.h"
#include "daemon/store/store_salvage.h"

#define PAGE 4096
#define ROWS 600u

enum { SMALL, OTHER, TABLES };
static const char *const tables[] = {"small", "other"};

/* ---- a file with two tables ---- */

struct given_file {
    struct given_dir dir;
    char path[160];
};

static void put_rows(struct store *store, unsigned table, uint32_t from, uint32_t to, size_t len)
{
    uint8_t value[9000], key[4];
    struct store_txn *txn;
    assert_int_equal(store_begin_write(store, &txn, NULL), FELLOE_OK);
    for (uint32_t i = from; i < to; i++) {
        be_put_u32(key, i);
        memset(value, (int)(i % 251 + 1), len);
        memcpy(value, key, sizeof key); /* a row proves itself: it begins with its key */
        assert_true(store_put(txn, table, bytes_of(key, sizeof key), bytes_of(value, len)));
    }
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
}

/* `small` has ROWS rows on some forty pages, in two commits; `other` has one that takes pages of its own. */
static struct given_file given_file(void)
{
    struct given_file f = {.dir = given_dir()};
    char dir[120];
    struct store *store;
    snprintf(dir, sizeof dir, "%s/env", f.dir.path);
    snprintf(f.path, sizeof f.path, "%s/env/data.mdb", f.dir.path);
    const struct store_options options = {
        .dir = dir, .what = "a test", .tables = tables, .table_count = TABLES, .map_bytes = 1 << 24};
    assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
    put_rows(store, OTHER, 7, 8, 9000);
    put_rows(store, SMALL, 0, ROWS - 1, 200);
    put_rows(store, SMALL, ROWS - 1, ROWS, 200);
    store_close(store);
    return f;
}

static void given_file_end(struct given_file *f)
{
    given_dir_end(&f->dir);
}

static void read_at(const struct given_file *f, uint64_t at, void *out, size_t len)
{
    int fd = open(f->path, O_RDONLY);
    assert_int_equal(pread(fd, out, len, (off_t)at), len);
    close(fd);
}

static void write_at(const struct given_file *f, uint64_t at, const void *data, size_t len)
{
    int fd = open(f->path, O_WRONLY);
    assert_int_equal(pwrite(fd, data, len, (off_t)at), len);
    close(fd);
}

static uint64_t newest_meta(const struct given_file *f, struct meta_on_disk *out)
{
    struct meta_on_disk second;
    read_at(f, 0, out, sizeof *out);
    read_at(f, PAGE, &second, sizeof second);
    if (out->txn > second.txn)
        return 0;
    *out = second;
    return PAGE;
}

/* Where a table's row in the list of tables is, and what it says. */
static uint64_t table_row(const struct given_file *f, const char *name, struct tree_on_disk *out)
{
    uint8_t page[PAGE];
    struct meta_on_disk meta;
    newest_meta(f, &meta);
    const uint64_t at = meta.dbs[1].root * PAGE;
    read_at(f, at, page, PAGE);
    const uint8_t *found = memmem(page, PAGE, name, strlen(name));
    assert_non_null(found);
    memcpy(out, found + strlen(name), sizeof *out);
    return at + (uint64_t)(found - page) + strlen(name);
}

/* The page of the leaf in which the row of this number is. */
static uint64_t leaf_of(const struct given_file *f, uint32_t number)
{
    uint8_t key[4], page[PAGE];
    struct tree_on_disk tree;
    struct page_head head;
    struct page_node node;
    uint64_t at;
    be_put_u32(key, number);
    table_row(f, "small", &tree);
    read_at(f, at = tree.root * PAGE, page, PAGE);
    memcpy(&head, page, sizeof head);
    assert_int_equal(head.flags, PAGE_BRANCH);
    uint64_t child = 0;
    for (size_t i = 0; i < page_node_count(&head); i++) {
        assert_null(page_node_read(page, PAGE, i, TREE_ROWS, &node));
        if (i == 0 || memcmp(node.key, key, node.key_len < 4 ? node.key_len : 4) <= 0)
            child = node.size;
    }
    return child;
}

/* ---- what is read of it ---- */

struct salvaged {
    uint8_t rows[ROWS]; /* how often each came */
    unsigned wrong, large, limit, count;
};

static bool visit(void *context, struct bytes key, struct bytes value)
{
    struct salvaged *seen = context;
    uint32_t number = key.len == 4 ? be_u32(key.data) : UINT32_MAX;
    if (value.len < 4 || memcmp(value.data, key.data, 4) != 0 || number >= ROWS)
        seen->wrong++;
    else if (value.len == 9000)
        seen->large++;
    else
        seen->rows[number]++;
    return ++seen->count != seen->limit;
}

struct story {
    enum felloe_code code;
    bool newest;
    uint64_t lost;
    unsigned roots;
    struct salvaged small, other;
};

static struct story read_all(const struct given_file *f)
{
    static struct story story;
    struct store_salvage *s;
    struct felloe_error error = {0};
    story = (struct story){.code = store_salvage_open(&s, f->path, &error)};
    if (story.code != FELLOE_OK)
        return story;
    assert_true(store_salvage_rows(s, 0, "small", visit, &story.small));
    story.lost = store_salvage_lost(s);
    assert_true(store_salvage_table(s, "other", visit, &story.other));
    story.newest = store_salvage_is_newest(s);
    story.roots = store_salvage_roots(s);
    store_salvage_close(s);
    return story;
}

static unsigned rows_of(const struct salvaged *seen)
{
    unsigned rows = 0;
    for (unsigned i = 0; i < ROWS; i++)
        rows += seen->rows[i] > 0;
    return rows;
}

/* ---- the stories ---- */

static void a_whole_file_gives_all_of_it(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct story story = read_all(&f);
    assert_int_equal(story.code, FELLOE_OK);
    assert_int_equal(rows_of(&story.small), ROWS);
    assert_int_equal(story.small.wrong, 0);
    assert_int_equal(story.other.large, 2); /* once under each root */
    assert_int_equal(story.lost, 0);
    assert_true(story.newest);
    given_file_end(&f);
}

static void the_commit_before_is_there_too(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct store_salvage *s;
    struct salvaged older = {.limit = 0}, both = {.limit = 0}, three = {.limit = 3};
    assert_int_equal(store_salvage_open(&s, f.path, NULL), FELLOE_OK);
    assert_true(store_salvage_rows(s, 1, "small", visit, &older));
    assert_int_equal(rows_of(&older), ROWS - 1);
    assert_int_equal(older.rows[ROWS - 1], 0);
    assert_true(store_salvage_table(s, "small", visit, &both));
    assert_int_equal(both.rows[0], 2);
    assert_int_equal(both.rows[ROWS - 1], 1);
    assert_true(store_salvage_table(s, "small", visit, &three)); /* whoever has enough says so */
    assert_int_equal(three.count, 3);
    assert_true(store_salvage_rows(s, 2, "small", visit, &three)); /* there is no such root */
    assert_true(store_salvage_rows(s, 0, "nothing of that name", visit, &three));
    assert_int_equal(three.count, 3);
    store_salvage_close(s);
    given_file_end(&f);
}

static void a_damaged_leaf_costs_its_rows_alone(void **state)
{
    (void)state;
    struct given_file f = given_file();
    const uint64_t leaf = leaf_of(&f, 300);
    uint16_t flags = 0x55;
    write_at(&f, leaf * PAGE + 10, &flags, sizeof flags);
    struct story story = read_all(&f);
    assert_int_equal(story.lost, 1);
    assert_int_equal(story.small.rows[300], 0);
    assert_in_range(rows_of(&story.small), ROWS - 20, ROWS - 1);
    assert_int_equal(story.small.wrong, 0);
    given_file_end(&f);
}

static void an_entry_that_points_anywhere_costs_itself_alone(void **state)
{
    (void)state;
    struct given_file f = given_file();
    const uint64_t leaf = leaf_of(&f, 300);
    const uint16_t places[] = {0, 5, 4095, 4090, 65535};
    for (unsigned i = 0; i < sizeof places / sizeof *places; i++) {
        uint16_t was;
        read_at(&f, leaf * PAGE + 16 + 4, &was, sizeof was);
        write_at(&f, leaf * PAGE + 16 + 4, &places[i], sizeof places[i]);
        struct story story = read_all(&f);
        assert_int_equal(rows_of(&story.small), ROWS - 1);
        assert_int_equal(story.lost, 1);
        write_at(&f, leaf * PAGE + 16 + 4, &was, sizeof was);
    }
    given_file_end(&f);
}

/* A child that is the root again, itself, a page beyond the file, or the list of free pages: it ends. */
static void branches_that_lead_astray_come_to_an_end(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct tree_on_disk tree;
    table_row(&f, "small", &tree);
    uint8_t page[PAGE];
    read_at(&f, tree.root * PAGE, page, PAGE);
    const uint64_t children[] = {tree.root, 0, 1, 1000000, leaf_of(&f, 0)};
    uint16_t at;
    memcpy(&at, page + 16 + 2 * 3, sizeof at);
    for (unsigned i = 0; i < sizeof children / sizeof *children; i++) {
        uint16_t low = (uint16_t)children[i], high = (uint16_t)(children[i] >> 16);
        write_at(&f, tree.root * PAGE + at, &low, sizeof low);
        write_at(&f, tree.root * PAGE + at + 2, &high, sizeof high);
        struct story story = read_all(&f);
        assert_in_range(rows_of(&story.small), ROWS - 20, ROWS - 1);
        assert_true(story.lost > 0);
        assert_true(story.small.rows[0] == 1); /* no page twice */
    }
    given_file_end(&f);
}

static void a_table_that_begins_in_another_gives_that_ones_rows(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct tree_on_disk small, other;
    table_row(&f, "small", &small);
    const uint64_t at = table_row(&f, "other", &other);
    write_at(&f, at + offsetof(struct tree_on_disk, root), &small.root, sizeof small.root);
    struct story story = read_all(&f);
    assert_int_equal(rows_of(&story.small), ROWS);
    assert_int_equal(rows_of(&story.other), ROWS); /* whoever asked has to see that they are not theirs */
    const uint64_t nowhere[] = {UINT64_MAX - 1, 1, 0};
    for (unsigned i = 0; i < 3; i++) {
        write_at(&f, at + offsetof(struct tree_on_disk, root), &nowhere[i], sizeof nowhere[i]);
        assert_int_equal(read_all(&f).other.large, 1); /* under the other root */
    }
    given_file_end(&f);
}

static void a_table_that_lost_its_name_is_found_under_the_other_root(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct tree_on_disk tree;
    const uint64_t at = table_row(&f, "other", &tree);
    write_at(&f, at - 1, "q", 1);
    assert_int_equal(read_all(&f).other.large, 1);
    given_file_end(&f);
}

static void a_damaged_first_page_leaves_the_other_root(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct meta_on_disk meta;
    const uint64_t at = newest_meta(&f, &meta);
    uint32_t magic = 0;
    write_at(&f, at + offsetof(struct meta_on_disk, magic), &magic, sizeof magic);
    struct story story = read_all(&f);
    assert_int_equal(story.roots, 1);
    assert_int_equal(rows_of(&story.small), ROWS - 1);
    assert_false(story.newest); /* there may be more than it leads to */
    write_at(&f, PAGE - at + offsetof(struct meta_on_disk, magic), &magic, sizeof magic);
    story = read_all(&f);
    assert_int_equal(story.code, FELLOE_OK);
    assert_int_equal(story.roots, 0);
    assert_int_equal(story.small.count + story.other.count, 0);
    assert_false(story.newest);
    given_file_end(&f);
}

/* Which is the newer one cannot be told when their numbers are not next to each other. */
static void a_first_page_with_another_number_is_told(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct meta_on_disk meta;
    const uint64_t at = newest_meta(&f, &meta);
    const uint64_t numbers[] = {0, meta.txn + 4, meta.txn ^ (uint64_t)1 << 40, meta.txn + 1};
    for (unsigned i = 0; i < 4; i++) {
        write_at(&f, at + offsetof(struct meta_on_disk, txn), &numbers[i], sizeof numbers[i]);
        struct story story = read_all(&f);
        assert_int_equal(story.roots, 2);
        assert_false(story.newest);
        assert_in_range(rows_of(&story.small), ROWS - 1, ROWS);
    }
    given_file_end(&f);
}

static void a_large_value_whose_size_or_place_is_damaged_is_left_out(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct tree_on_disk tree;
    uint16_t node;
    uint64_t first, nowhere[] = {0, 1, 1 << 20, UINT64_MAX};
    table_row(&f, "other", &tree);
    read_at(&f, tree.root * PAGE + 16, &node, sizeof node);
    const uint64_t at = tree.root * PAGE + node; /* low, high half of the size, flags, size of the key, key, page */
    uint16_t high = 0x7fff;
    write_at(&f, at + 2, &high, sizeof high);
    assert_int_equal(read_all(&f).other.count, 0);
    high = 0;
    write_at(&f, at + 2, &high, sizeof high);
    read_at(&f, at + 8 + 4, &first, sizeof first);
    for (unsigned i = 0; i < 4; i++) {
        write_at(&f, at + 8 + 4, &nowhere[i], sizeof nowhere[i]);
        assert_int_equal(read_all(&f).other.count, 0);
    }
    write_at(&f, at + 8 + 4, &first, sizeof first);
    assert_int_equal(read_all(&f).other.large, 2);
    given_file_end(&f);
}

static void a_file_that_was_cut_gives_what_is_left(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct stat info;
    unsigned rows = ROWS;
    assert_int_equal(stat(f.path, &info), 0);
    for (off_t size = info.st_size - 1; size > 0; size -= 3001) {
        assert_int_equal(truncate(f.path, size), 0);
        struct story story = read_all(&f);
        assert_int_equal(story.code, FELLOE_OK);
        assert_int_equal(story.small.wrong, 0);
        assert_true(rows_of(&story.small) <= rows);
        rows = rows_of(&story.small);
    }
    assert_int_equal(truncate(f.path, 0), 0);
    assert_int_equal(read_all(&f).roots, 0);
    given_file_end(&f);
}

static void what_cannot_be_opened_is_told(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct store_salvage *s;
    struct felloe_error error = {0};
    unlink(f.path);
    assert_int_equal(store_salvage_open(&s, f.path, &error), FELLOE_NOT_FOUND);
    assert_non_null(strstr(error.message, f.path));
    assert_int_equal(store_salvage_open(&s, f.dir.path, &error), FELLOE_OK); /* a folder has no bytes */
    assert_int_equal(store_salvage_roots(s), 0);
    store_salvage_close(s);
    assert_int_equal(store_salvage_roots(NULL) + store_salvage_lost(NULL), 0);
    assert_true(store_salvage_table(NULL, "small", visit, NULL));
    given_file_end(&f);
}

/* ---- the bare bytes ---- */

#define WORD "a word that stands in the file"
struct hunt {
    unsigned found, pieces;
    uint64_t last;
};

static bool hunt(void *context, struct bytes piece, size_t fresh)
{
    struct hunt *h = context;
    h->pieces++;
    for (size_t from = 0; from < piece.len;) {
        const uint8_t *at = memmem(piece.data + from, piece.len - from, WORD, strlen(WORD));
        if (at == NULL || (size_t)(at - piece.data) >= fresh)
            break;
        h->found++;
        from = (size_t)(at - piece.data) + 1;
    }
    return true;
}

/* Words on every border between two pieces, and at the file's end; then a hole of a terabyte, and one word more. */
static void each_word_is_found_once_wherever_it_stands(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct store_salvage *s;
    struct hunt h = {0};
    const uint64_t mega = 1 << 20,
                   places[] = {0, 5000, mega - 1, 2 * mega - 30, 2 * mega, 3 * mega + 100, 4 * mega - 15};
    const unsigned count = sizeof places / sizeof *places;
    assert_int_equal(truncate(f.path, 0), 0);
    for (unsigned i = 0; i < count; i++)
        write_at(&f, places[i], WORD, strlen(WORD));
    assert_int_equal(store_salvage_open(&s, f.path, NULL), FELLOE_OK);
    assert_true(store_salvage_bytes(s, hunt, &h));
    assert_int_equal(h.found, count);
    store_salvage_close(s);

    write_at(&f, 900 * 1024 * mega, WORD, strlen(WORD));
    h = (struct hunt){0};
    assert_int_equal(store_salvage_open(&s, f.path, NULL), FELLOE_OK);
    assert_true(store_salvage_bytes(s, hunt, &h));
    assert_int_equal(h.found, count + 1);
    assert_in_range(h.pieces, 2, 20);
    store_salvage_close(s);
    given_file_end(&f);
}

/* ---- before it is mapped ---- */

/* Well-formed, but for what it leaves out: were it believed, tables or rows would be gone, and nobody would know. */
static void a_page_that_hides_some_of_its_entries_is_damage(void **state)
{
    (void)state;
    struct given_file f = given_file();
    struct meta_on_disk meta;
    struct tree_on_disk small;
    struct felloe_error error;
    newest_meta(&f, &meta);
    table_row(&f, "small", &small);
    const uint64_t pages[] = {meta.dbs[1].root, small.root, leaf_of(&f, 300)};
    assert_int_equal(store_check_file(f.path, &error), FELLOE_OK);
    for (unsigned i = 0; i < 3; i++) {
        uint16_t lower, less;
        read_at(&f, pages[i] * PAGE + 12, &lower, sizeof lower);
        less = (uint16_t)(lower - 2);
        write_at(&f, pages[i] * PAGE + 12, &less, sizeof less);
        assert_int_equal(store_check_file(f.path, &error), FELLOE_DAMAGED);
        write_at(&f, pages[i] * PAGE + 12, &lower, sizeof lower);
    }
    assert_int_equal(store_check_file(f.path, &error), FELLOE_OK);
    given_file_end(&f);
}

/* ---- no memory ---- */

static void without_memory_it_is_told_and_nothing_is_left(void **state)
{
    (void)state;
    struct given_file f = given_file();
    bool told = true;
    for (uint64_t at = 0; told && ALLOCATIONS_CAN_FAIL; at++) {
        struct store_salvage *s = NULL;
        struct salvaged seen = {.limit = 0};
        struct hunt h = {0};
        const int64_t live = memory.live;
        memory_runs_out(at, false);
        enum felloe_code code = store_salvage_open(&s, f.path, NULL);
        told = code == FELLOE_FAILED || !store_salvage_table(s, "small", visit, &seen) ||
               !store_salvage_table(s, "other", visit, &seen) || !store_salvage_bytes(s, hunt, &h);
        store_salvage_close(s);
        const uint64_t asked = memory_is_back();
        assert_int_equal(memory.live, live);
        assert_int_equal(told, asked > at);
    }
    given_file_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_file_gives_all_of_it),
        cmocka_unit_test(the_commit_before_is_there_too),
        cmocka_unit_test(a_damaged_leaf_costs_its_rows_alone),
        cmocka_unit_test(an_entry_that_points_anywhere_costs_itself_alone),
        cmocka_unit_test(branches_that_lead_astray_come_to_an_end),
        cmocka_unit_test(a_table_that_begins_in_another_gives_that_ones_rows),
        cmocka_unit_test(a_table_that_lost_its_name_is_found_under_the_other_root),
        cmocka_unit_test(a_damaged_first_page_leaves_the_other_root),
        cmocka_unit_test(a_first_page_with_another_number_is_told),
        cmocka_unit_test(a_large_value_whose_size_or_place_is_damaged_is_left_out),
        cmocka_unit_test(a_file_that_was_cut_gives_what_is_left),
        cmocka_unit_test(what_cannot_be_opened_is_told),
        cmocka_unit_test(each_word_is_found_once_wherever_it_stands),
        cmocka_unit_test(a_page_that_hides_some_of_its_entries_is_damage),
        cmocka_unit_test(without_memory_it_is_told_and_nothing_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
