/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that runs out while the views are read or written is not "nothing there": the transaction knows of it,
 * whatever allocation it was, and who reads fails, who writes gives it up. */
#include "tests/unit/given_memory.h"
#include "tests/unit/given_views.h"

struct scene {
    struct given_node *amy;
    struct key_record person;
};

static struct scene scene(void)
{
    struct scene s = {.amy = given_node(ROLE_SPOKE, NULL)};
    s.person = node_introduce(s.amy, "Robin");
    node_fold(s.amy);
    return s;
}

static bool count_name(void *context, const struct person_id *subject, struct bytes name)
{
    (void)subject, (void)name;
    ++*(unsigned *)context;
    return true;
}

static bool count_row(void *context, const struct views_row *row)
{
    (void)row;
    ++*(unsigned *)context;
    return true;
}

static unsigned read_names(struct views_txn *txn, const struct scene *s)
{
    unsigned count = 0;
    (void)s;
    views_names(txn, bytes_str(SITE), count_name, &count);
    return count;
}

static unsigned read_rows(struct views_txn *txn, const struct scene *s)
{
    unsigned count = 0;
    (void)s;
    views_rows(txn, bytes_str(SITE), VIEW_FRONT_DOOR, (struct bytes){0}, count_row, &count);
    return count;
}

static unsigned read_document(struct views_txn *txn, const struct scene *s)
{
    struct buffer plain = {0};
    const bool found = views_get_document(txn, bytes_str(SITE), &s->person.owner, &plain) == VIEWS_FOUND;
    buffer_release(&plain);
    return found;
}

/* One of them, and each allocation in turn. */
static void read_without_memory(struct scene *s, unsigned (*read)(struct views_txn *txn, const struct scene *s))
{
    uint64_t asked = 1;
    unsigned failed = 0;
    for (uint64_t at = 0; at < asked; at++) {
        struct views_txn txn;
        assert_int_equal(views_read(projector_views(s->amy->projector), &txn, NULL), FELLOE_OK);
        memory_runs_out(at, false);
        const unsigned found = read(&txn, s);
        const uint64_t count = memory_is_back();
        asked = count > asked ? count : asked;
        assert_true(found == 1 || views_may_lack(&txn));
        failed += views_may_lack(&txn);
        views_end(&txn);
        assert_false(views_damaged(projector_views(s->amy->projector)));
    }
    assert_true(failed > 0);
}

static void who_reads_is_told(void **state)
{
    (void)state;
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    struct scene s = scene();
    read_without_memory(&s, read_names);
    read_without_memory(&s, read_rows);
    read_without_memory(&s, read_document);
    given_node_end(s.amy);
}

/* Of rows of which the list is gone nobody would know any more. */
static void rows_are_taken_out_or_the_transaction_knows(void **state)
{
    (void)state;
    if (!ALLOCATIONS_CAN_FAIL)
        skip();
    struct scene s = scene();
    uint64_t asked = 1;
    for (uint64_t at = 0; at < asked; at++) {
        const struct views_options options = {s.amy->log->dir.path, s.amy->log->keyring, &s.amy->log->identity,
                                              event_log_incarnation(s.amy->log->log)};
        struct views *views;
        struct views_txn txn;
        projector_close(s.amy->projector);
        assert_int_equal(views_open(&views, &options, NULL), FELLOE_OK);
        assert_int_equal(views_write(views, &txn, NULL), FELLOE_OK);
        assert_int_equal(read_rows(&txn, &s), 1);
        memory_runs_out(at, false);
        views_drop_subject(&txn, bytes_str(SITE), &s.person.owner);
        const uint64_t count = memory_is_back();
        asked = count > asked ? count : asked;
        assert_true(views_may_lack(&txn) || read_rows(&txn, &s) == 0);
        views_end(&txn);
        views_close(views);
        node_open_views(s.amy);
    }
    given_node_end(s.amy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_reads_is_told),
        cmocka_unit_test(rows_are_taken_out_or_the_transaction_knows),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
