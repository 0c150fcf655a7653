/* SPDX-License-Identifier: Apache-2.0 */
/* A log whose rows about itself are wrong (bits turn over on disks): nothing that is saved is written over, and a site
 * that is damaged does not keep the others from going on. */
#include "tests/unit/given_log.h"

#include "daemon/store/store.h"

#define OTHER "south"

enum { HEADS, OWN_HEADS, SITES, STREAMS, META, TABLES };
static const char *const tables[] = {"heads", "own-heads", "sites", "streams", "meta"};

/* What is done to the first row of a table, or to all of them. */
enum harm { ROW_LOST, ROW_CUT, ROW_SMALLER };

static void harm_row(struct store_txn *txn, unsigned table, enum harm harm)
{
    struct store_item item;
    uint8_t key[64], value[300];
    struct store_cursor *cursor = store_cursor_open(txn, table);
    assert_true(store_seek(cursor, (struct bytes){0}, &item));
    assert_true(item.key.len <= sizeof key && item.value.len <= sizeof value && item.value.len > 8);
    memcpy(key, item.key.data, item.key.len);
    memcpy(value, item.value.data, item.value.len);
    store_cursor_close(cursor);
    const struct bytes at = bytes_of(key, item.key.len);
    value[7] = (uint8_t)(value[7] - 1); /* the low byte of the number that a head begins with */
    if (harm == ROW_LOST)
        assert_true(store_delete(txn, table, at));
    else
        assert_true(store_put(txn, table, at, bytes_of(value, item.value.len - (harm == ROW_CUT))));
}

static void damage(struct given_log *g, unsigned table, enum harm harm)
{
    given_log_close(g);
    struct store *store;
    struct store_txn *txn;
    char dir[100];
    snprintf(dir, sizeof dir, "%s/log", g->dir.path);
    const struct store_options options = {.dir = dir, .what = "the log", .tables = tables, .table_count = TABLES};
    assert_int_equal(store_open(&store, &options, NULL), FELLOE_OK);
    assert_int_equal(store_begin_write(store, &txn, NULL), FELLOE_OK);
    if (table == SITES || table == META)
        assert_true(store_delete(txn, table, table == META ? bytes_str("version") : bytes_of("\0\0", 2)));
    else
        harm_row(txn, table, harm);
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    store_close(store);
}

static struct given_log *log_with_two_sites(enum role role)
{
    struct given_log *g = given_log(role, NULL);
    struct log_job job = {.kind = LOG_ADD_SITE};
    name_site(&job, OTHER);
    run_well(g, &job);
    record_note(g, "the first");
    record_note(g, "the second");
    return g;
}

/* Of the own events 1 and 2 in SITE. */
static void events_of(struct given_log *g, struct event_id ids[2])
{
    struct log_reader *reader = reader_of(g);
    for (unsigned i = 0; i < 2; i++) {
        struct log_item item;
        assert_true(log_get_own(reader, bytes_str(SITE), i + 1, &item));
        event_id_of(item.event, &ids[i]);
    }
    log_reader_end(reader);
}

static void nothing_is_written_over(enum role role, unsigned table, enum harm harm)
{
    struct given_log *g = log_with_two_sites(role);
    struct event_id before[2], after[2];
    events_of(g, before);
    damage(g, table, harm);
    given_log_reopen(g);
    struct log_draft bad = site_note(g, "onto a damaged log"), good = site_note(g, "onto a whole one");
    struct log_job first = record_job(SITE, &bad, 1), second = record_job(OTHER, &good, 1);
    submit(g, &first);
    submit(g, &second);
    wait_for(g, &first);
    wait_for(g, &second);
    assert_int_equal(first.code, FELLOE_DAMAGED);
    assert_non_null(strstr(first.error.message, "felloe verify"));
    assert_int_equal(second.code, FELLOE_OK);
    events_of(g, after);
    assert_memory_equal(before, after, sizeof before);
    assert_false(event_log_failed(g->log));
    given_log_end(g);
}

static void a_head_of_the_own_events_that_is_wrong(void **state)
{
    (void)state;
    for (enum harm harm = ROW_LOST; harm <= ROW_SMALLER; harm++)
        nothing_is_written_over(ROLE_SPOKE, OWN_HEADS, harm);
}

static void a_head_of_the_sites_log_that_is_wrong(void **state)
{
    (void)state;
    for (enum harm harm = ROW_LOST; harm <= ROW_SMALLER; harm++)
        nothing_is_written_over(ROLE_HUB, HEADS, harm);
}

static void a_stream_whose_head_cannot_be_read(void **state)
{
    (void)state;
    nothing_is_written_over(ROLE_HUB, STREAMS, ROW_CUT);
}

/* Else the second site's events would go under the first one's name, and an epoch would begin again at 1. */
static void a_log_that_does_not_know_its_sites_or_its_version_is_not_opened(void **state)
{
    (void)state;
    for (unsigned table = SITES; table <= META; table += META - SITES) {
        struct given_log *g = log_with_two_sites(ROLE_HUB);
        damage(g, table, ROW_LOST);
        struct felloe_error error = {0};
        assert_int_equal(keyring_open(&g->keyring, g->dir.path, g->identity.keyring_key, &error), FELLOE_OK);
        const struct event_log_config config = {.dir = g->dir.path,
                                                .identity = &g->identity,
                                                .keyring = g->keyring,
                                                .completions = &g->completions,
                                                .reserve_bytes = 4096};
        assert_int_equal(event_log_open(&g->log, &config, &error), FELLOE_DAMAGED);
        assert_non_null(strstr(error.message, "damaged"));
        keyring_close(g->keyring);
        queue_destroy(&g->completions);
        given_dir_end(&g->dir);
        free(g);
    }
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_of_the_own_events_that_is_wrong),
        cmocka_unit_test(a_head_of_the_sites_log_that_is_wrong),
        cmocka_unit_test(a_stream_whose_head_cannot_be_read),
        cmocka_unit_test(a_log_that_does_not_know_its_sites_or_its_version_is_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
