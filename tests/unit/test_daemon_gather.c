/* SPDX-License-Identifier: Apache-2.0 */
/* When the projector folds: at once for whoever waits, else gathered. */
#include "tests/unit/given_views.h"

#include <sched.h>

#include "daemon/store/store_mark.h"
#include "daemon/views/projector_state.h"

#define NEVER_MS (3600u * 1000)

/* Opens the node's views again with other times; what `changed` told is counted. */
struct gathering {
    struct given_node *node;
    unsigned passes;
};

static void count_pass(void *context)
{
    struct gathering *g = context;
    pthread_mutex_lock(&g->node->mutex);
    g->passes++;
    pthread_cond_broadcast(&g->node->changed);
    pthread_mutex_unlock(&g->node->mutex);
}

static void open_again(struct gathering *g, unsigned quiet_ms, unsigned most_ms)
{
    struct given_log *log = g->node->log;
    struct felloe_error error = {0};
    const struct projector_config config = {.dir = log->dir.path, .log = log->log, .keyring = log->keyring,
                                            .identity = &log->identity, .changed = count_pass, .context = g,
                                            .quiet_ms = quiet_ms, .most_ms = most_ms, .rest_ms = 1};
    projector_close(g->node->projector);
    if (projector_open(&g->node->projector, &config, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
}

/* Without asking for it. */
static void until_folded(struct gathering *g)
{
    uint64_t commits = event_log_commits(g->node->log->log);
    pthread_mutex_lock(&g->node->mutex);
    while (!projector_has(g->node->projector, commits))
        pthread_cond_wait(&g->node->changed, &g->node->mutex);
    pthread_mutex_unlock(&g->node->mutex);
}

/* As the daemon does: each commit is told. */
static void write_notes(struct gathering *g, const struct key_record *person, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        node_record(g->node, person, false, "note.added", (const char *[]){"text", "words", NULL});
        projector_poke(g->node->projector);
    }
}

static void nobody_waits_so_notes_are_gathered_until_somebody_does(void **state)
{
    (void)state;
    struct gathering g = {.node = given_node(ROLE_SPOKE, NULL)};
    struct key_record jo = node_introduce(g.node, "Jo");
    open_again(&g, NEVER_MS, NEVER_MS);
    until_folded(&g);
    const unsigned before = g.passes;
    write_notes(&g, &jo, 50);
    const uint64_t commits = event_log_commits(g.node->log->log);
    assert_false(projector_has(g.node->projector, commits));
    node_fold(g.node);
    assert_true(projector_has(g.node->projector, commits));
    pthread_mutex_lock(&g.node->mutex);
    assert_in_range(g.passes - before, 1, 3); /* the first open may still have looked whether there is more */
    pthread_mutex_unlock(&g.node->mutex);
    uint64_t folded, total;
    projector_progress(g.node->projector, &folded, &total);
    assert_int_equal(folded, 51);
    given_node_end(g.node);
}

static void progress_is_told_of_what_the_log_has_now(void **state)
{
    (void)state;
    struct gathering g = {.node = given_node(ROLE_SPOKE, NULL)};
    struct key_record jo = node_introduce(g.node, "Jo");
    open_again(&g, NEVER_MS, NEVER_MS);
    until_folded(&g);
    write_notes(&g, &jo, 3);
    uint64_t folded, total;
    projector_progress(g.node->projector, &folded, &total);
    assert_int_equal(folded, 1);
    assert_int_equal(total, 4);
    given_node_end(g.node);
}

static void a_log_that_is_quiet_is_folded_unasked(void **state)
{
    (void)state;
    struct gathering g = {.node = given_node(ROLE_SPOKE, NULL)};
    struct key_record jo = node_introduce(g.node, "Jo");
    open_again(&g, 1, NEVER_MS);
    until_folded(&g);
    write_notes(&g, &jo, 3);
    until_folded(&g);
    given_node_end(g.node);
}

static void what_came_first_does_not_wait_for_ever(void **state)
{
    (void)state;
    struct gathering g = {.node = given_node(ROLE_SPOKE, NULL)};
    struct key_record jo = node_introduce(g.node, "Jo");
    open_again(&g, NEVER_MS, 1);
    until_folded(&g);
    write_notes(&g, &jo, 3);
    until_folded(&g);
    given_node_end(g.node);
}

/* Between two batches of an import the log is quiet for longer than between two entries that people write. */
static void where_more_is_expected_it_is_folded_later_but_unasked(void **state)
{
    (void)state;
    struct gathering g = {.node = given_node(ROLE_SPOKE, NULL)};
    struct key_record jo = node_introduce(g.node, "Jo");
    open_again(&g, 1, NEVER_MS);
    until_folded(&g);
    const uint64_t told = clock_steady_ms();
    projector_expect(g.node->projector);
    write_notes(&g, &jo, 3);
    until_folded(&g);
    assert_true(clock_steady_ms() >= told + PROJECTOR_MORE_MS);
    projector_expect(g.node->projector);
    write_notes(&g, &jo, 3);
    node_fold(g.node); /* whoever waits does not wait for that */
    given_node_end(g.node);
}

/* Who follows the log waits for a commit that is still to come: then each is folded as it comes. */
static void somebody_waits_for_what_is_still_to_come(void **state)
{
    (void)state;
    struct gathering g = {.node = given_node(ROLE_SPOKE, NULL)};
    struct key_record jo = node_introduce(g.node, "Jo");
    open_again(&g, NEVER_MS, NEVER_MS);
    until_folded(&g);
    for (unsigned i = 0; i < 5; i++) {
        projector_want(g.node->projector, event_log_commits(g.node->log->log) + 1);
        write_notes(&g, &jo, 1);
        until_folded(&g);
    }
    given_node_end(g.node);
}

static void what_it_was_asked_for_waits_for_no_news(void **state)
{
    (void)state;
    struct gathering g = {.node = given_node(ROLE_SPOKE, NULL)};
    struct key_record jo = node_introduce(g.node, "Jo");
    open_again(&g, NEVER_MS, NEVER_MS);
    until_folded(&g);
    write_notes(&g, &jo, 1);
    projector_forget(g.node->projector, &jo.owner);
    until_folded(&g);
    projector_rebuild(g.node->projector);
    until_folded(&g);
    given_node_end(g.node); /* nor is closing kept waiting */
}

/* Nobody asks for it, and nothing comes that would wake the thread. */
static void views_reach_the_disk_a_moment_after_the_last_fold(void **state)
{
    (void)state;
    struct gathering g = {.node = given_node(ROLE_SPOKE, NULL)};
    struct key_record jo = node_introduce(g.node, "Jo");
    const char *views = given_path(&g.node->log->dir, "views");
    assert_int_equal(store_mark_read(views), MARK_HERE);
    open_again(&g, 1, NEVER_MS);
    until_folded(&g);
    write_notes(&g, &jo, 3);
    until_folded(&g);
    while (store_mark_read(views) != MARK_REST)
        sched_yield();
    given_node_end(g.node);
}

/* The log counts its commits from when it was opened: to want what it held by then is to want number 0. */
static void who_waits_for_what_was_there_at_the_start_is_counted(void **state)
{
    (void)state;
    struct given_node *node = given_node(ROLE_SPOKE, NULL);
    struct projector p = {.config = {.log = node->log->log}};
    pthread_mutex_init(&p.mutex, NULL);
    gather_init(&p); /* something is to fold */
    pthread_mutex_lock(&p.mutex);
    assert_false(gather_goes_on(&p, true));
    pthread_mutex_unlock(&p.mutex);
    projector_want(&p, 0);
    pthread_mutex_lock(&p.mutex);
    assert_true(gather_goes_on(&p, true));
    p.has_any = true; /* it was folded */
    assert_false(gather_goes_on(&p, true));
    pthread_mutex_unlock(&p.mutex);
    pthread_cond_destroy(&p.woken);
    pthread_mutex_destroy(&p.mutex);
    given_node_end(node);
}

/* A large step, and the next one right behind it, is for when nobody else needs the processors, or somebody waits. */
static void while_large_batches_come_turns_are_short_and_rests_long(void **state)
{
    (void)state;
    struct projector p = {.has_any = true};
    pthread_mutex_init(&p.mutex, NULL);
    gather_init(&p);
    assert_false(gather_will_go_on(&p)); /* something has come */
    p.gather.wanted = 1;
    assert_true(gather_will_go_on(&p));
    p.gather.wanted = 0;
    p.gather.poked = false;
    assert_true(gather_will_go_on(&p));
    projector_expect(&p);
    assert_false(gather_will_go_on(&p));

    p.gather.poked = true;
    p.gather.began_ms = clock_steady_ms() - 60000; /* whatever a turn takes, it does not rest for ever */
    pthread_mutex_lock(&p.mutex);
    assert_false(gather_goes_on(&p, true));
    const uint64_t rests = p.gather.rest_until_ms - clock_steady_ms();
    assert_in_range(rests, PROJECTOR_REST * PROJECTOR_TURN_MAX_MS, PROJECTOR_MORE_REST * PROJECTOR_MORE_TURN_MAX_MS);
    pthread_mutex_unlock(&p.mutex);
    pthread_cond_destroy(&p.woken);
    pthread_mutex_destroy(&p.mutex);
}

static void note_that_it_is_to_be_written_anew(struct projector *p)
{
    struct views_txn txn;
    assert_int_equal(views_write(p->views, &txn, NULL), FELLOE_OK);
    views_compact_later(&txn);
    assert_int_equal(views_commit(&txn, NULL), STORE_DONE);
}

/* On a wake-up of its own, too, which folds nothing. */
static void a_file_that_was_written_anew_comes_to_rest(void **state)
{
    (void)state;
    struct given_node *node = given_node(ROLE_SPOKE, NULL);
    struct projector p = {0};
    char views[200], aside[200];
    const struct views_options options = {node->log->dir.path, node->log->keyring, &node->log->identity, 1};
    snprintf(views, sizeof views, "%s/views", node->log->dir.path);
    snprintf(aside, sizeof aside, "%s/aside", node->log->dir.path);
    projector_close(node->projector);
    pthread_mutex_init(&p.mutex, NULL);
    gather_init(&p);
    p.work = fold_work_new();
    assert_int_equal(views_open(&p.views, &options, NULL), FELLOE_OK);
    note_that_it_is_to_be_written_anew(&p);
    assert_int_equal(views_rest(p.views, NULL), FELLOE_OK);
    assert_false(projector_compact(&p));
    assert_false(views_are_at_rest(p.views));
    assert_int_not_equal(p.rest_ms, 0);

    note_that_it_is_to_be_written_anew(&p);
    assert_true(projector_compact(&p)); /* not so soon again */
    p.compact_from_ms = 0;
    assert_int_equal(rename(views, aside), 0); /* nothing can be synced there */
    assert_false(projector_compact(&p));
    assert_true(p.wipe);
    assert_int_equal(rename(aside, views), 0);
    assert_int_equal(views_wipe(p.views, NULL), FELLOE_OK);
    assert_false(views_compact_is_due(p.views));

    views_close(p.views);
    fold_work_free(p.work);
    pthread_cond_destroy(&p.woken);
    pthread_mutex_destroy(&p.mutex);
    node_open_views(node);
    given_node_end(node);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_so_notes_are_gathered_until_somebody_does),
        cmocka_unit_test(progress_is_told_of_what_the_log_has_now),
        cmocka_unit_test(a_log_that_is_quiet_is_folded_unasked),
        cmocka_unit_test(what_came_first_does_not_wait_for_ever),
        cmocka_unit_test(where_more_is_expected_it_is_folded_later_but_unasked),
        cmocka_unit_test(somebody_waits_for_what_is_still_to_come),
        cmocka_unit_test(what_it_was_asked_for_waits_for_no_news),
        cmocka_unit_test(views_reach_the_disk_a_moment_after_the_last_fold),
        cmocka_unit_test(who_waits_for_what_was_there_at_the_start_is_counted),
        cmocka_unit_test(while_large_batches_come_turns_are_short_and_rests_long),
        cmocka_unit_test(a_file_that_was_written_anew_comes_to_rest),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
