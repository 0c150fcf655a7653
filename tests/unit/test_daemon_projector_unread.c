/* SPDX-License-Identifier: Apache-2.0 */
/* A log that cannot be read at some place, and memory that runs out while the views are written: neither is a reason to
 * make the views again, nothing is shown in part, and it is said what to do. */
#include "tests/unit/given_views.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

/* ---- a disk that does not give the log's rows from one on, and memory that runs out ---- */

struct lmdb_value {
    size_t size;
    const void *data;
};
#define LMDB_CORRUPTED (-30796)
#define LMDB_READS 0x20000u

static atomic_ullong unreadable; /* own events from this number on; 0: none */
static atomic_uint refused;      /* rows that the views are not given memory for */
static atomic_uint rows, most_rows; /* in a transaction of theirs there is memory for so many; 0: for any number */

void *mdb_txn_env(void *txn);
int mdb_env_get_path(void *env, const char **path);
void *mdb_cursor_txn(void *cursor);
int mdb_get(void *txn, unsigned table, struct lmdb_value *key, struct lmdb_value *value);
int mdb_put(void *txn, unsigned table, struct lmdb_value *key, struct lmdb_value *value, unsigned flags);
int mdb_cursor_put(void *cursor, struct lmdb_value *key, struct lmdb_value *value, unsigned flags);
int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn);
int mdb_cursor_get(void *cursor, struct lmdb_value *key, struct lmdb_value *value, int way);

static bool is_in(void *txn, const char *dir)
{
    const char *path = "";
    mdb_env_get_path(mdb_txn_env(txn), &path);
    const char *name = strrchr(path, '/');
    return name != NULL && strcmp(name + 1, dir) == 0;
}

/* Own events lie under their incarnation and number. */
static bool is_unreadable(void *txn, const struct lmdb_value *key)
{
    const unsigned long long from = atomic_load(&unreadable);
    return from != 0 && key->size == 12 && is_in(txn, "log") && be_u64((const uint8_t *)key->data + 4) >= from;
}

int mdb_get(void *txn, unsigned table, struct lmdb_value *key, struct lmdb_value *value)
{
    int (*real)(void *, unsigned, struct lmdb_value *, struct lmdb_value *);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_get");
    return is_unreadable(txn, key) ? LMDB_CORRUPTED : real(txn, table, key, value);
}

int mdb_cursor_get(void *cursor, struct lmdb_value *key, struct lmdb_value *value, int way)
{
    int (*real)(void *, struct lmdb_value *, struct lmdb_value *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_cursor_get");
    const int rc = real(cursor, key, value, way);
    return rc == 0 && is_unreadable(mdb_cursor_txn(cursor), key) ? LMDB_CORRUPTED : rc;
}

static bool is_one_too_many(void *txn)
{
    const unsigned most = atomic_load(&most_rows);
    return most > 0 && is_in(txn, "views") && atomic_fetch_add(&rows, 1) >= most;
}

int mdb_put(void *txn, unsigned table, struct lmdb_value *key, struct lmdb_value *value, unsigned flags)
{
    int (*real)(void *, unsigned, struct lmdb_value *, struct lmdb_value *, unsigned);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_put");
    if (atomic_load(&refused) > 0 && is_in(txn, "views")) {
        atomic_fetch_sub(&refused, 1);
        return ENOMEM;
    }
    return is_one_too_many(txn) ? ENOMEM : real(txn, table, key, value, flags);
}

int mdb_cursor_put(void *cursor, struct lmdb_value *key, struct lmdb_value *value, unsigned flags)
{
    int (*real)(void *, struct lmdb_value *, struct lmdb_value *, unsigned);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_cursor_put");
    return is_one_too_many(mdb_cursor_txn(cursor)) ? ENOMEM : real(cursor, key, value, flags);
}

int mdb_txn_begin(void *env, void *parent, unsigned flags, void **txn)
{
    int (*real)(void *, void *, unsigned, void **);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_txn_begin");
    const int rc = real(env, parent, flags, txn);
    if (rc == 0 && !(flags & LMDB_READS) && is_in(*txn, "views"))
        atomic_store(&rows, 0);
    return rc;
}

/* ---- what is seen of it ---- */

static void wait_until_stuck(struct given_node *node, struct felloe_error *error)
{
    projector_want(node->projector, event_log_commits(node->log->log));
    while (!projector_stuck(node->projector, error))
        node_wait_for_change(node);
}

/* Of the views' newest commit: they begin anew with a file that is made anew. */
static uint64_t views_commits(struct given_node *node)
{
    struct views_txn txn;
    assert_int_equal(views_read(projector_views(node->projector), &txn, NULL), FELLOE_OK);
    const uint64_t number = store_txn_number(txn.store);
    views_end(&txn);
    return number;
}

/* As it is now, whatever the log has besides. */
static struct node_digest shown(struct given_node *node)
{
    struct node_digest digest;
    struct views_txn txn;
    assert_int_equal(views_read(projector_views(node->projector), &txn, NULL), FELLOE_OK);
    digest.count = query_digests(&txn, bytes_str(SITE), digest.all);
    views_end(&txn);
    return digest;
}

/* While there is no projector. */
static void record_people(struct given_node *node, int count)
{
    for (int i = 0; i < count; i++) {
        struct key_record person = new_person(SITE);
        struct log_draft draft = person_note(&person, "of somebody");
        struct log_job job = record_job(SITE, &draft, 1);
        job.new_keys = &person;
        job.new_key_count = 1;
        run_well(node->log, &job);
    }
}

/* "south", which has what cannot be read neither, and a note. */
static void record_in_south(struct given_node *node)
{
    struct key_record key = {.id = {{7, 7}}, .kind = KEY_SITE, .site = "south", .key = {{8, 8}}};
    struct log_job add = {.kind = LOG_ADD_SITE, .new_keys = &key, .new_key_count = 1};
    name_site(&add, "south");
    run_well(node->log, &add);
    struct log_draft draft = site_note(node->log, "of another team");
    draft.key = key.id;
    struct log_job job = record_job("south", &draft, 1);
    run_well(node->log, &job);
}

static bool has_south(struct given_node *node)
{
    struct views_txn txn;
    assert_int_equal(views_read(projector_views(node->projector), &txn, NULL), FELLOE_OK);
    const bool has = views_has_document(&txn, bytes_str("south"), &PERSON_ID_NONE);
    views_end(&txn);
    return has;
}

static void assert_tells_what_to_do(const struct felloe_error *error)
{
    assert_int_equal(error->code, FELLOE_DAMAGED);
    if (strstr(error->message, SITE) == NULL || strstr(error->message, "log") == NULL ||
        strstr(error->message, "felloe repair") == NULL)
        fail_msg("%s", error->message);
}

/* ---- stories ---- */

static void a_place_that_cannot_be_read_holds_up_its_site_alone_and_is_told(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct felloe_error error = {0};
    for (int i = 0; i < 3; i++)
        node_introduce(amy, "Robin");
    const struct node_digest before = node_digest(amy);
    const uint64_t commits = views_commits(amy);

    projector_close(amy->projector);
    record_people(amy, 2);
    record_in_south(amy);
    atomic_store(&unreadable, 5);
    node_open_views(amy);
    wait_until_stuck(amy, &error);
    assert_tells_what_to_do(&error);
    while (!has_south(amy))
        node_wait_for_change(amy);
    struct node_digest after = shown(amy);
    assert_true(rows_in(&after, "documents") - rows_in(&before, "documents") <= 1);
    assert_true(views_commits(amy) > commits); /* they were not made again */
    assert_false(views_damaged(projector_views(amy->projector)));

    atomic_store(&unreadable, 0);
    after = node_digest(amy);
    assert_int_equal(rows_in(&after, "documents"), rows_in(&before, "documents") + 2);
    assert_false(projector_stuck(amy->projector, NULL));
    given_node_end(amy);
}

static void of_a_long_log_everything_before_it_is_shown(void **state)
{
    (void)state;
    enum { ALL = 5000, READABLE = 4000 };
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct felloe_error error = {0};
    record_notes(amy->log, ALL);
    const struct node_digest before = node_digest(amy);
    assert_int_equal(rows_in(&before, "timeline"), ALL);

    atomic_store(&unreadable, READABLE + 1);
    projector_rebuild(amy->projector);
    wait_until_stuck(amy, &error);
    assert_tells_what_to_do(&error);
    struct node_digest after = shown(amy);
    assert_int_equal(rows_in(&after, "timeline"), READABLE);

    atomic_store(&unreadable, 0);
    after = node_digest(amy);
    assert_same_digest(&before, &after);
    given_node_end(amy);
}

static void when_memory_runs_out_the_views_are_as_they_were(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct felloe_error error = {0};
    node_introduce(amy, "Robin");
    const struct node_digest before = node_digest(amy);
    const uint64_t commits = views_commits(amy);

    atomic_store(&refused, 1);
    node_introduce(amy, "Kay");
    wait_until_stuck(amy, &error);
    assert_int_equal(error.code, FELLOE_FAILED);
    struct node_digest after = shown(amy);
    assert_same_digest(&before, &after);
    assert_int_equal(views_commits(amy), commits);

    after = node_digest(amy); /* there is enough of it again: the next time it goes on from there */
    assert_int_equal(rows_in(&after, "documents"), rows_in(&before, "documents") + 1);
    assert_true(views_commits(amy) > commits);
    given_node_end(amy);
}

/* A step of all of it would never get through; one of fewer events does. */
static void with_less_memory_it_goes_on_in_smaller_steps(void **state)
{
    (void)state;
    enum { ALL = 6000, ROWS = 4000 };
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    record_notes(amy->log, ALL);
    const struct node_digest before = node_digest(amy);
    assert_int_equal(rows_in(&before, "timeline"), ALL);

    atomic_store(&most_rows, ROWS);
    projector_rebuild(amy->projector);
    const uint64_t commits = event_log_commits(amy->log->log);
    for (unsigned i = 0; i < 30 && !projector_has(amy->projector, commits); i++) {
        projector_want(amy->projector, commits);
        node_wait_for_change(amy);
    }
    assert_true(projector_has(amy->projector, commits));
    atomic_store(&most_rows, 0);
    const struct node_digest after = node_digest(amy);
    assert_same_digest(&before, &after);
    given_node_end(amy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_that_cannot_be_read_holds_up_its_site_alone_and_is_told),
        cmocka_unit_test(of_a_long_log_everything_before_it_is_shown),
        cmocka_unit_test(when_memory_runs_out_the_views_are_as_they_were),
        cmocka_unit_test(with_less_memory_it_goes_on_in_smaller_steps),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
