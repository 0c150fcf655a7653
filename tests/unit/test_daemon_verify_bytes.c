/* SPDX-License-Identifier: Apache-2.0 */
/* Each byte of the rows that a log keeps beside its events: where one is changed, verify tells, or the log does not
 * open. So a repair knows that there is something to do, and nothing goes on from what is not so. */
#include "tests/unit/given_repair.h"
#include "tests/unit/given_no_sync.h"

#include "daemon/report.h"

#define ROWS_MAX 2u

static const char *const tables[] = {"meta",      "sites",      "heads",    "anchors",  "checkpoints", "streams",
                                     "own-heads", "own-places", "own-keys", "key-uses", "receipts",    "after"};

/* What may be so, and does no harm: how many bytes came since an anchor; that an event has its position in another
 * epoch, since it may have one in each; at a laptop, under which keys it has written, since the hub asks for those that
 * it lacks. */
static bool may_be_so(enum role role, const char *table, bool key, size_t byte)
{
    return (!key && byte >= 40 && byte < 44 && strcmp(table, "heads") == 0) ||
           (!key && byte < 4 && strcmp(table, "own-places") == 0) ||
           (role == ROLE_SPOKE && strcmp(table, "key-uses") == 0);
}

struct changing {
    unsigned row;
    bool key, done;
    size_t byte;
};

static void change_byte(struct store_txn *txn, void *context)
{
    struct changing *c = context;
    struct store_item item;
    struct buffer key = {0}, value = {0};
    struct store_cursor *cursor = store_cursor_open(txn, 0);
    bool more = store_seek(cursor, (struct bytes){0}, &item);
    for (unsigned i = 0; more && i < c->row; i++)
        more = store_next(cursor, &item);
    if (more) {
        buffer_append(&key, item.key.data, item.key.len);
        buffer_append(&value, item.value.data, item.value.len);
    }
    store_cursor_close(cursor);
    c->done = c->byte < (c->key ? key.len : value.len);
    if (c->done) {
        store_delete(txn, 0, buffer_bytes(&key));
        (c->key ? &key : &value)->data[c->byte] ^= 4;
        store_put(txn, 0, buffer_bytes(&key), buffer_bytes(&value));
    }
    buffer_release(&key);
    buffer_release(&value);
}

static bool is_told(const struct given_log *g)
{
    struct setup_log log;
    struct verify_result result;
    struct felloe_error error = {0};
    if (setup_log_open(&log, g->dir.path, &g->identity, &error) != FELLOE_OK)
        return error.code == FELLOE_DAMAGED;
    const struct verify_options options = {.log = log.log, .keyring = log.keyring, .identity = &g->identity};
    assert_int_equal(verify_log(&options, &result, NULL), FELLOE_OK);
    setup_log_close(&log);
    return result.problems > 0;
}

/* Each byte of the first rows of a table, of their keys or of what they say. Returns how many there were. */
static unsigned change_all(struct given_log *g, const struct file *file, const char *table, bool key)
{
    unsigned count = 0;
    for (unsigned row = 0; row < ROWS_MAX; row++) {
        struct changing c = {.row = row, .key = key, .done = true};
        for (; c.done; c.byte++) {
            file_put(file);
            with_table(g, "log", table, change_byte, &c);
            count += c.done;
            if (c.done && !may_be_so(g->identity.role, table, key, c.byte) && !is_told(g))
                fail_msg("%s: nobody tells of byte %zu of %s %u", table, c.byte, key ? "key" : "row", row);
        }
    }
    return count;
}

static void each_byte(struct given_log *g)
{
    unsigned count = 0;
    given_log_close(g);
    assert_false(is_told(g));
    struct file file = file_of(g, "log/data.mdb");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        count += change_all(g, &file, tables[i], true) + change_all(g, &file, tables[i], false);
    assert_true(count > 200);
    file_put(&file);
    assert_false(is_told(g));
    free(file.data);
    given_log_reopen(g);
}

static void record_seen(struct given_log *g, uint64_t n)
{
    struct log_draft draft = site_note(g, "of what came before it");
    seen_advance(&draft.seen, (struct position){1, n});
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(g, &job);
}

/* A laptop that wrote under two incarnations, and has not shared all. */
static void each_byte_beside_the_events_counts(void **state)
{
    (void)state;
    struct given_two two = given_two();
    for (unsigned i = 0; i < 70; i++) {
        record_seen(two.laptop, i);
        if (i % 7 == 0)
            share(&two, 2000);
    }
    record_note(two.hub, "the hub's");
    share(&two, 2000);
    go_on(two.laptop, 2);
    for (unsigned i = 0; i < 10; i++) {
        record_seen(two.laptop, 71);
        if (i == 5)
            share(&two, 2000);
    }
    each_byte(two.laptop);
    each_byte(two.hub);
    given_two_end(&two);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    report_level(LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_beside_the_events_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
