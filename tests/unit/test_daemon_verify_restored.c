/* SPDX-License-Identifier: Apache-2.0 */
/* Verify on logs with a past: a hub that was put back, a laptop that went on as another incarnation. What is as it
 * should be is no problem, and what was altered there is. */
#include "tests/unit/given_restored.h"

#include "daemon/log/log_internal.h"

struct heard {
    unsigned count;
    char last[400];
};

static void hear(void *context, const char *text)
{
    struct heard *heard = context;
    heard->count++;
    snprintf(heard->last, sizeof heard->last, "%s", text);
}

static struct heard problems(struct given_log *g)
{
    struct heard heard = {0};
    struct verify_result result;
    const struct verify_options options = {
        .log = g->log, .keyring = g->keyring, .identity = &g->identity, .problem = hear, .context = &heard};
    assert_int_equal(verify_log(&options, &result, NULL), FELLOE_OK);
    assert_int_equal(result.problems, heard.count);
    return heard;
}

/* A value of a table with one bit turned over, or without its last byte, or gone: `problem` is told each time, and
 * nothing once it is as it was. */
static void alter(struct given_log *g, unsigned table, struct bytes key, const char *problem)
{
    struct store_txn *txn;
    struct bytes value;
    uint8_t was[512];
    assert_int_equal(store_begin_write(g->log->store, &txn, NULL), FELLOE_OK);
    assert_true(store_get(txn, table, key, &value) && value.len <= sizeof was);
    memcpy(was, value.data, value.len);
    const size_t len = value.len;
    store_abort(txn);
    for (size_t step = 0; step <= len; step += len / 7 + 1) {
        uint8_t now[512];
        memcpy(now, was, len);
        now[step < len ? step : 0] ^= step < len ? 1 : 0;
        assert_int_equal(store_begin_write(g->log->store, &txn, NULL), FELLOE_OK);
        store_put(txn, table, key, bytes_of(now, step < len ? len : len - 1));
        assert_int_equal(store_commit(txn, NULL), STORE_DONE);
        struct heard heard = problems(g);
        if (heard.count == 0)
            fail_msg("nobody noticed byte %zu of %zu", step, len);
        if (strstr(heard.last, problem) == NULL)
            fail_msg("'%s' is not what was told: %s", problem, heard.last);
    }
    assert_int_equal(store_begin_write(g->log->store, &txn, NULL), FELLOE_OK);
    store_put(txn, table, key, bytes_of(was, len));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    assert_int_equal(problems(g).count, 0);
}

static void an_anchor_that_was_altered_is_noticed(void **state)
{
    (void)state;
    struct pair p = pair_with(2000);
    push_all(&p);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub);
    feed_all(p.hub, other, BODY_TARGET);
    verified(other);
    struct store_key key;
    struct store_item item;
    struct log_reader *reader = reader_of(other);
    struct store_cursor *cursor = store_cursor_open(reader->txn, T_ANCHORS);
    assert_true(store_seek(cursor, (struct bytes){0}, &item));
    key_start(&key);
    key_put(&key, item.key.data, item.key.len);
    store_cursor_close(cursor);
    log_reader_end(reader);
    alter(other, T_ANCHORS, key_bytes(&key), "anchor");

    /* One that stands where the log has not come to. */
    uint8_t row[ANCHOR_ROW] = {0};
    struct store_txn *txn;
    assert_int_equal(store_begin_write(other->log->store, &txn, NULL), FELLOE_OK);
    key_checkpoint(&key, 0, (struct position){1, 5000});
    store_put(txn, T_ANCHORS, key_bytes(&key), bytes_of(row, sizeof row));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    struct heard heard = problems(other);
    assert_int_equal(heard.count, 1);
    assert_non_null(strstr(heard.last, "anchor at 1.5000"));
    given_log_end(other);
    pair_end(&p);
}

/* A laptop whose hub gave events a second position: the second is then another event's bytes, chained as if all were
 * well. */
static void a_second_position_of_another_event_is_noticed(void **state)
{
    (void)state;
    struct pair p = pair_with(6);
    struct given_log *other = given_log(ROLE_SPOKE, p.hub);
    push_all(&p);
    catch_up(p.hub, other);
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_feed(p.hub, other, (struct position){1, 2}, BODY_TARGET, keys, &key_count);
    batch->epoch = 9;
    batch->first_n = 1;
    log_head_start(&batch->head, bytes_str(SITE), 9);
    for (uint32_t i = 0; i < batch->count; i++)
        log_head_advance(&batch->head, &batch->entries[i].id);
    sign_log_head(&p.hub->identity.sign_secret, bytes_str(SITE), &batch->head, &batch->head_signature);
    struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch};
    run_well(other, &job);
    batch_free(batch);
    assert_int_equal(verified(other).twice, 5);

    struct store_txn *txn;
    struct store_key key;
    struct bytes value;
    uint8_t raw[1024];
    struct log_head head;
    assert_int_equal(store_begin_write(other->log->store, &txn, NULL), FELLOE_OK);
    log_head_start(&head, bytes_str(SITE), 9);
    for (uint64_t n = 1; n <= 5; n++) {
        struct event_id id;
        struct log_row row;
        key_place(&key, (struct position){9, n});
        assert_true(store_get(txn, T_LOG, key_bytes(&key), &value) && value.len <= sizeof raw);
        memcpy(raw, value.data, value.len);
        size_t len = value.len;
        raw[len - 1] ^= n == 2; /* of what is sealed */
        assert_true(log_row_read(bytes_of(raw, len), &row));
        event_id_of(row.event, &id);
        log_head_advance(&head, &id);
        store_put(txn, T_LOG, key_bytes(&key), bytes_of(raw, len));
    }
    struct head_row row = {.head = head, .has_signature = true};
    uint8_t head_value[HEAD_ROW_MAX];
    sign_log_head(&p.hub->identity.sign_secret, bytes_str(SITE), &head, &row.signature);
    size_t len = head_row_write(&row, head_value);
    key_site_epoch(&key, 0, 9);
    store_put(txn, T_HEADS, key_bytes(&key), bytes_of(head_value, len));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    struct heard heard = problems(other);
    assert_int_equal(heard.count, 1);
    assert_non_null(strstr(heard.last, "9.2: has the number of an event that stands elsewhere"));
    given_log_end(other);
    pair_end(&p);
}

static void what_was_written_again_is_no_problem_and_what_it_came_after_is_checked(void **state)
{
    (void)state;
    struct pair p = pair_with(5);
    push_all(&p);
    catch_up(p.hub, p.spoke);
    record_notes(p.spoke, 3);
    assert_int_equal(go_on(p.spoke, 4), 3);
    record_notes(p.spoke, 2);
    struct verify_site site = verified(p.spoke);
    assert_int_equal(site.again, 3);
    assert_int_equal(site.lost, 0);
    assert_int_equal(site.own, 5 + 3 + 3 + 2);
    struct store_key key;
    key_site_incarnation(&key, 0, 4);
    alter(p.spoke, T_AFTER, key_bytes(&key), "");
    pair_end(&p);
}

/* What a hub keeps of its own signatures, since an offer brought them back, has to hold. */
static void the_head_that_an_offer_brought_back_is_checked(void **state)
{
    (void)state;
    struct pair p = pair_with(3);
    push_all(&p);
    catch_up(p.hub, p.spoke);
    lose_log(p.hub);
    next_epoch(p.hub);
    assert_int_equal(offer_all(p.spoke, p.hub), 3);
    verified(p.hub);
    struct store_key key;
    key_site_epoch(&key, 0, 1);
    struct store_txn *txn;
    struct bytes value;
    uint8_t row[HEAD_ROW_MAX];
    assert_int_equal(store_begin_write(p.hub->log->store, &txn, NULL), FELLOE_OK);
    assert_true(store_get(txn, T_HEADS, key_bytes(&key), &value) && value.len == sizeof row);
    memcpy(row, value.data, sizeof row);
    row[sizeof row - 1] ^= 1;
    store_put(txn, T_HEADS, key_bytes(&key), bytes_of(row, sizeof row));
    assert_int_equal(store_commit(txn, NULL), STORE_DONE);
    struct heard heard = problems(p.hub);
    assert_int_equal(heard.count, 1);
    assert_non_null(strstr(heard.last, "signature on the log's head"));
    pair_end(&p);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_anchor_that_was_altered_is_noticed),
        cmocka_unit_test(a_second_position_of_another_event_is_noticed),
        cmocka_unit_test(what_was_written_again_is_no_problem_and_what_it_came_after_is_checked),
        cmocka_unit_test(the_head_that_an_offer_brought_back_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
