/* SPDX-License-Identifier: Apache-2.0 */
/* What a directory held before its disk went bad, and whether a repair leaves of it what it has to: every own event and
 * key whose bytes are left, the log before what was hit, and nothing that was not there. For one test file, whose
 * checks run in a process of their own: they say what is wrong and fail nothing. */
#ifndef FELLOE_TESTS_GIVEN_ROT_H
#define FELLOE_TESTS_GIVEN_ROT_H

#include "tests/unit/given_views.h"

#include <fcntl.h>

#include "daemon/log/log_internal.h"
#include "daemon/log/verify.h"
#include "daemon/setup/setup.h"
#include "daemon/setup/setup_repair.h"
#include "daemon/store/store_page.h"

/* ---- what was there ---- */

#define ROT_EVENTS 512u
#define ROT_KEYS   64u

struct rot_event {
    struct event_id id;
    struct bytes raw;      /* in rot_before.bytes, */
    size_t at;             /* from here on */
    uint64_t page;         /* on which its row of the site's log is */
    bool signed_head;      /* the laptop has the hub's signature over the log up to here */
};
struct rot_before {
    struct identity identity;
    struct buffer bytes;
    struct rot_event own[ROT_EVENTS], log[ROT_EVENTS];
    size_t own_count, log_count;
    struct key_record keys[ROT_KEYS];
    struct buffer key_rows[ROT_KEYS]; /* name and value, as they stand in the file */
    size_t key_count;
};

static void rot_keep(struct rot_before *b, struct rot_event *event, struct bytes raw)
{
    *event = (struct rot_event){.raw.len = raw.len, .at = b->bytes.len};
    event_id_of(raw, &event->id);
    buffer_append(&b->bytes, raw.data, raw.len);
}

static bool rot_keep_key(void *context, const struct key_record *record)
{
    struct rot_before *b = context;
    assert_true(b->key_count < ROT_KEYS);
    b->keys[b->key_count++] = *record;
    return true;
}

static void rot_keep_rows(struct store_txn *txn, void *context)
{
    struct rot_before *b = context;
    for (size_t i = 0; i < b->key_count; i++) {
        struct bytes value;
        assert_true(store_get(txn, 0, bytes_of(&b->keys[i].id, sizeof b->keys[i].id), &value));
        buffer_append(&b->key_rows[i], &b->keys[i].id, sizeof b->keys[i].id);
        buffer_append(&b->key_rows[i], value.data, value.len);
    }
}

/* The pages of one table of the file, as its newest commit has them. */
struct rot_walk {
    int fd;
    struct rot_before *b;
    uint64_t table; /* root */
};

static void rot_walk_pages(struct rot_walk *w, uint64_t number, bool tables)
{
    uint8_t page[4096];
    struct page_head head;
    assert_int_equal(pread(w->fd, page, sizeof page, (off_t)(number * sizeof page)), sizeof page);
    memcpy(&head, page, sizeof head);
    for (size_t i = 0; i < page_node_count(&head); i++) {
        struct page_node node;
        struct tree_on_disk tree;
        assert_null(page_node_read(page, sizeof page, i, tables ? TREE_TABLES : TREE_ROWS, &node));
        if (head.flags == PAGE_BRANCH) {
            rot_walk_pages(w, node.size, tables);
        } else if (tables) {
            memcpy(&tree, node.data, sizeof tree);
            if (node.key_len == 6 && memcmp(node.key, "log.00", 6) == 0)
                w->table = tree.root;
        } else if (be_u64(node.key + 4) <= w->b->log_count) {
            w->b->log[be_u64(node.key + 4) - 1].page = number;
        }
    }
}

static void rot_note_pages(struct rot_before *b, const char *path)
{
    struct meta_on_disk first, second;
    struct rot_walk w = {.fd = open(path, O_RDONLY), .b = b};
    assert_true(page_read_meta(w.fd, 0, &first) && page_read_meta(w.fd, 4096, &second));
    rot_walk_pages(&w, (first.txn > second.txn ? first : second).dbs[1].root, true);
    rot_walk_pages(&w, w.table, false);
    close(w.fd);
}

static void rot_note_heads(struct store_txn *txn, void *context)
{
    struct rot_before *b = context;
    struct store_item item;
    struct store_cursor *cursor = store_cursor_open(txn, 0);
    for (bool more = store_seek(cursor, (struct bytes){0}, &item); more; more = store_next(cursor, &item)) {
        uint64_t n = item.key.len == 14 ? be_u64(item.key.data + 6) : be_u64(item.value.data);
        assert_in_range(n, 1, b->log_count);
        b->log[n - 1].signed_head = true;
    }
    store_cursor_close(cursor);
}

static void rot_with(const char *dir, const char *table, void (*look)(struct store_txn *txn, void *context),
                     struct rot_before *b)
{
    struct store *store;
    struct store_txn *txn;
    const char *const tables[] = {table};
    const struct store_options options = {.dir = dir, .what = "a test's", .tables = tables, .table_count = 1};
    assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
    assert_int_equal(store_begin_read(store, &txn, NULL), FELLOE_OK);
    look(txn, b);
    store_abort(txn);
    store_close(store);
}

/* Of a log that is open; it is closed. */
static struct rot_before *rot_before(struct given_log *g)
{
    struct rot_before *b = calloc(1, sizeof *b);
    struct log_item item;
    struct log_walk walk;
    char path[160];
    assert_non_null(b);
    b->identity = g->identity;
    struct log_reader *reader = reader_of(g);
    for (uint64_t seq = 1; log_get_own(reader, bytes_str(SITE), seq, &item); seq++)
        rot_keep(b, &b->own[b->own_count++], item.event);
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){0});
    while (log_walk_next(&walk, &item))
        rot_keep(b, &b->log[b->log_count++], item.event);
    log_walk_end(&walk);
    log_reader_end(reader);
    assert_true(b->own_count < ROT_EVENTS && b->log_count < ROT_EVENTS && !b->bytes.failed);
    for (size_t i = 0; i < b->own_count; i++)
        b->own[i].raw.data = b->bytes.data + b->own[i].at;
    for (size_t i = 0; i < b->log_count; i++)
        b->log[i].raw.data = b->bytes.data + b->log[i].at;
    assert_true(keyring_visit(g->keyring, rot_keep_key, b));
    given_log_close(g);
    snprintf(path, sizeof path, "%s", given_path(&g->dir, "keys"));
    rot_with(path, "keys", rot_keep_rows, b);
    snprintf(path, sizeof path, "%s", given_path(&g->dir, "log"));
    rot_with(path, "heads", rot_note_heads, b);
    rot_with(path, "anchors", rot_note_heads, b);
    rot_note_pages(b, given_path(&g->dir, "log/data.mdb"));
    return b;
}

/* ---- what a repair leaves of it ---- */

/* The file as it is damaged; the page that was hit (UINT64_MAX: it was cut). */
struct rot_damage {
    bool keys;
    struct bytes image;
    uint64_t page;
};
struct rot_result {
    unsigned own_lost;   /* own events, of which no copy was left */
    char wrong[240];     /* empty: all is as it has to be */
};

static bool rot_is_in(struct bytes image, struct bytes raw)
{
    return memmem(image.data, image.len, raw.data, raw.len) != NULL;
}

static bool rot_wrong(struct rot_result *out, const char *what, size_t number, size_t of)
{
    if (out->wrong[0] == '\0')
        snprintf(out->wrong, sizeof out->wrong, "%s (%zu of %zu)", what, number, of);
    return false;
}

/* How many entries must be there at least. */
static size_t rot_least(const struct rot_before *b, const struct rot_damage *d)
{
    size_t before = 0, least = 0;
    bool leaf = false;
    if (d->keys || d->page == UINT64_MAX)
        return d->keys ? b->log_count : 0;
    while (before < b->log_count && !(leaf = b->log[before].page == d->page))
        before++;
    if (!leaf) /* a page that leads to others, or that of another table: what is there depends on which */
        return 0;
    for (size_t i = 0; i < before; i++)
        if (b->identity.role == ROLE_HUB || b->log[i].signed_head)
            least = i + 1;
    return least;
}

struct rot_checking {
    const struct rot_before *b;
    const struct rot_damage *d;
    struct rot_result *out;
    struct setup_log log;
    bool own_there[ROT_EVENTS]; /* in the own stream, in the log, or written again */
};

static void rot_mark(struct rot_checking *c, const struct event_id *id, bool *known)
{
    *known = false;
    for (size_t i = 0; i < c->b->own_count; i++)
        if (event_id_equal(&c->b->own[i].id, id))
            *known = c->own_there[i] = true;
}

static void rot_check_own(struct rot_checking *c, struct log_reader *reader)
{
    struct stream_head head;
    struct log_item item;
    uint64_t shared;
    int64_t oldest;
    bool known;
    if (c->b->identity.role == ROLE_HUB)
        return;
    if (!log_own(reader, bytes_str(SITE), &head, &shared, &oldest))
        head.seq = 0;
    for (uint64_t seq = 1; seq <= head.seq; seq++) {
        struct event_id id;
        if (!log_get_own(reader, bytes_str(SITE), seq, &item))
            continue;
        event_id_of(item.event, &id);
        rot_mark(c, &id, &known);
        if (!known)
            rot_wrong(c->out, "an own event that was never written", (size_t)seq, (size_t)head.seq);
    }
}

/* A hub's entry in a new epoch: its own words, again. */
static bool rot_check_again(struct rot_checking *c, struct bytes raw)
{
    struct event event;
    struct event_body body;
    struct key_record key;
    struct buffer plain = {0};
    bool known = event_decode(raw, &event) &&
                 keyring_get(c->log.keyring, &event.clear.key, &key) == FELLOE_OK &&
                 event_open(&event, &key.key, &plain, &body) && body.has_was;
    if (known)
        rot_mark(c, &body.was, &known);
    buffer_release(&plain);
    return known;
}

static void rot_check_log(struct rot_checking *c, struct log_reader *reader)
{
    struct log_walk walk;
    struct log_item item;
    size_t count = 0;
    bool known;
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){0});
    while (log_walk_next(&walk, &item)) {
        struct event_id id;
        event_id_of(item.event, &id);
        rot_mark(c, &id, &known);
        if (item.at.epoch == 1 && count < c->b->log_count && event_id_equal(&id, &c->b->log[count].id))
            count++;
        else if (item.at.epoch == 1 || !rot_check_again(c, item.event))
            rot_wrong(c->out, "an entry that was not there", count, c->b->log_count);
    }
    log_walk_end(&walk);
    if (count < rot_least(c->b, c->d))
        rot_wrong(c->out, "too little of the log", count, rot_least(c->b, c->d));
}

static void rot_check_keys(struct rot_checking *c)
{
    struct key_record record;
    size_t there = 0;
    for (size_t i = 0; i < c->b->key_count; i++) {
        bool is = keyring_get(c->log.keyring, &c->b->keys[i].id, &record) == FELLOE_OK;
        there += is;
        if (is && memcmp(&record, &c->b->keys[i], sizeof record) != 0)
            rot_wrong(c->out, "another key", i, c->b->key_count);
        if (!is && (!c->d->keys || rot_is_in(c->d->image, buffer_bytes(&c->b->key_rows[i]))))
            rot_wrong(c->out, "a key whose bytes were left is gone", i, c->b->key_count);
    }
    if (keyring_count(c->log.keyring) != there)
        rot_wrong(c->out, "a key that was not there", there, keyring_count(c->log.keyring));
}

static void rot_problem(void *context, const char *text)
{
    struct rot_result *out = context;
    if (out->wrong[0] == '\0')
        snprintf(out->wrong, sizeof out->wrong, "verify: %s", text);
}

static void rot_check(struct rot_checking *c)
{
    struct verify_result result;
    char site[SLUG_MAX + 1];
    const struct verify_options options = {.log = c->log.log, .keyring = c->log.keyring, .identity = &c->b->identity,
                                           .problem = rot_problem, .context = c->out};
    if (verify_log(&options, &result, NULL) != FELLOE_OK)
        rot_wrong(c->out, "verify came to no end", 0, 0);
    struct log_reader *reader = log_reader_begin(c->log.log, NULL);
    for (size_t i = 0; log_site_at(reader, i, site); i++)
        if (strcmp(site, SITE) != 0)
            rot_wrong(c->out, "a site that was not there", i, 1);
    rot_check_own(c, reader);
    rot_check_log(c, reader);
    log_reader_end(reader);
    rot_check_keys(c);
    for (size_t i = 0; i < c->b->own_count; i++) {
        bool left = c->d->keys || rot_is_in(c->d->image, c->b->own[i].raw);
        c->out->own_lost += !c->own_there[i];
        if (left && !c->own_there[i])
            rot_wrong(c->out, "an own event whose bytes were left is gone", i + 1, c->b->own_count);
    }
}

/* Repairs, and looks at what is there then. */
static void rot_repair(const char *dir, const struct rot_before *b, const struct rot_damage *d, struct rot_result *out)
{
    struct repair_outcome done;
    struct felloe_error error = {0};
    struct rot_checking c = {.b = b, .d = d, .out = out};
    *out = (struct rot_result){0};
    if (setup_repair(&(struct repair_options){.dir = dir}, &done, &error) != FELLOE_OK)
        snprintf(out->wrong, sizeof out->wrong, "not repaired: %.200s", error.message);
    else if (setup_log_open(&c.log, dir, &b->identity, &error) != FELLOE_OK)
        snprintf(out->wrong, sizeof out->wrong, "does not open: %.200s", error.message);
    else
        rot_check(&c);
    setup_log_close(&c.log);
}

#endif
