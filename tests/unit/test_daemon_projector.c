/* SPDX-License-Identifier: Apache-2.0 */
/* From a log to views: the same events give the same views on every node, whenever their positions, their keys or the
 * events themselves come, and however often the views are made anew. */
#include "tests/unit/given_views.h"

#include <fcntl.h>

struct trio {
    struct given_node *hub, *amy, *ben;
};

static struct trio trio_new(void)
{
    struct trio t = {.hub = given_node(ROLE_HUB, NULL)};
    t.amy = given_node(ROLE_SPOKE, t.hub);
    t.ben = given_node(ROLE_SPOKE, t.hub);
    return t;
}

static void trio_end(struct trio *t)
{
    given_node_end(t->amy);
    given_node_end(t->ben);
    given_node_end(t->hub);
}

static void sync_all(struct trio *t)
{
    node_share(t->amy, t->hub);
    node_share(t->ben, t->hub);
    node_receive(t->hub, t->amy);
    node_receive(t->hub, t->ben);
}

static void assert_all_same(struct trio *t)
{
    struct node_digest hub = node_digest(t->hub), amy = node_digest(t->amy), ben = node_digest(t->ben);
    assert_same_digest(&hub, &amy);
    assert_same_digest(&hub, &ben);
}

static void what_was_recorded_is_in_the_views(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct node_digest before = node_digest(amy);
    assert_int_equal(rows_in(&before, "documents"), 0);
    struct key_record jo = node_introduce(amy, "Jo");
    node_record(amy, &jo, false, "note.added", (const char *[]){"text", "likes tea", NULL});
    struct node_digest after = node_digest(amy);
    assert_int_equal(rows_in(&after, "documents"), 1);
    assert_int_equal(rows_in(&after, "timeline"), 2);
    assert_int_equal(rows_in(&after, "front-door"), 1);
    assert_int_equal(rows_in(&after, "devices"), 1);
    uint64_t folded, total;
    projector_progress(amy->projector, &folded, &total);
    assert_int_equal(folded, total);
    given_node_end(amy);
}

static void own_events_that_get_positions_later_give_the_same_views(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo");
    for (int i = 0; i < 50; i++)
        node_record(t.amy, &jo, false, "note.added", (const char *[]){"text", "one of fifty", NULL});
    node_fold(t.amy); /* amy folds them without positions; the others with */
    sync_all(&t);
    assert_all_same(&t);
    trio_end(&t);
}

static void two_who_did_not_know_of_each_other_both_show(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo");
    sync_all(&t);
    node_fold(t.amy);
    node_fold(t.ben);
    node_record(t.amy, &jo, false, "keyworker.agreed", (const char *[]){"worker", "amy", NULL});
    node_record(t.ben, &jo, false, "keyworker.agreed", (const char *[]){"worker", "ben", NULL});
    sync_all(&t);
    sync_all(&t);
    assert_all_same(&t);
    struct node_digest digest = node_digest(t.ben);
    assert_int_equal(rows_in(&digest, "to-settle"), 1);

    /* Now that both are folded at ben's, his next word has seen both. */
    node_record(t.ben, &jo, false, "keyworker.agreed", (const char *[]){"worker", "amy", NULL});
    sync_all(&t);
    assert_all_same(&t);
    digest = node_digest(t.amy);
    assert_int_equal(rows_in(&digest, "to-settle"), 0);
    trio_end(&t);
}

static void what_is_received_and_not_folded_is_not_seen(void **state)
{
    (void)state;
    struct trio t = trio_new();
    node_introduce(t.amy, "Jo");
    node_share(t.amy, t.hub);
    node_receive(t.hub, t.ben);
    struct seen seen;
    /* ben's projector was not poked: he cannot have seen it, unless it happened to look by itself at its start. */
    projector_seen(t.ben->projector, bytes_str(SITE), &seen);
    assert_true(seen_in(&seen, 1) <= 1);
    node_fold(t.ben);
    projector_seen(t.ben->projector, bytes_str(SITE), &seen);
    assert_int_equal(seen_in(&seen, 1), 1);
    trio_end(&t);
}

static void rebuild_and_reopen(struct given_node *node, const struct node_digest *before)
{
    projector_rebuild(node->projector);
    struct node_digest rebuilt = node_digest(node);
    assert_same_digest(before, &rebuilt);
    projector_close(node->projector);
    node_open_views(node);
    struct node_digest reopened = node_digest(node);
    assert_same_digest(before, &reopened);
}

static void made_again_the_views_say_the_same(void **state)
{
    (void)state;
    struct trio t = trio_new();
    for (int i = 0; i < 20; i++) {
        struct key_record person = node_introduce(i % 2 ? t.amy : t.ben, "Somebody");
        node_name(i % 2 ? t.amy : t.ben, &person, "Somebody else");
    }
    sync_all(&t);
    node_introduce(t.amy, "Not shared yet");
    struct node_digest before = node_digest(t.amy);
    assert_int_equal(rows_in(&before, "documents"), 21);
    rebuild_and_reopen(t.amy, &before);
    trio_end(&t);
}

static void damage(struct given_node *node, off_t keep)
{
    projector_close(node->projector);
    int fd = open(given_path(&node->log->dir, "views/data.mdb"), O_WRONLY);
    assert_true(fd >= 0);
    if (keep == 0)
        assert_int_equal(pwrite(fd, "this is no database", 19, 0), 19);
    else
        assert_int_equal(ftruncate(fd, keep), 0);
    close(fd);
    node_open_views(node);
}

static void damaged_views_are_made_again(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct key_record jo = node_introduce(amy, "Jo");
    node_name(amy, &jo, "Joey");
    struct node_digest before = node_digest(amy), after;
    damage(amy, 0);
    after = node_digest(amy);
    assert_same_digest(&before, &after);
    damage(amy, 5000);
    after = node_digest(amy);
    assert_same_digest(&before, &after);
    projector_close(amy->projector);
    remove(given_path(&amy->log->dir, "views/data.mdb"));
    node_open_views(amy);
    after = node_digest(amy);
    assert_same_digest(&before, &after);
    given_node_end(amy);
}

/* Feeds everything, but keeps back the keys. */
static void receive_without_keys(struct given_node *hub, struct given_node *spoke)
{
    struct key_record keys[64];
    uint32_t key_count;
    struct batch *batch = read_feed(hub->log, spoke->log, (struct position){1, 1}, BODY_TARGET, keys, &key_count);
    struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch};
    run_well(spoke->log, &job);
    batch_free(batch);
}

static void events_wait_for_their_key(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo");
    for (int i = 0; i < 300; i++)
        node_name(t.amy, &jo, i % 2 ? "Jo" : "Joey");
    struct key_record ann = node_introduce(t.amy, "Ann");
    node_share(t.amy, t.hub);
    receive_without_keys(t.hub, t.ben);
    struct node_digest digest = node_digest(t.ben);
    assert_int_equal(rows_in(&digest, "documents"), 0);
    struct key_id missing[4];
    assert_int_equal(projector_missing_keys(t.ben->projector, bytes_str(SITE), missing, 4), 2);
    /* They were received, and nobody can have seen them: but nobody can write about these people here either. */

    struct log_job keys = {.kind = LOG_KEEP_KEYS, .new_keys = &jo, .new_key_count = 1};
    run_well(t.ben->log, &keys);
    digest = node_digest(t.ben);
    assert_int_equal(rows_in(&digest, "documents"), 1);
    assert_int_equal(projector_missing_keys(t.ben->projector, bytes_str(SITE), missing, 4), 1);
    assert_memory_equal(&missing[0], &ann.id, sizeof ann.id);

    keys = (struct log_job){.kind = LOG_KEEP_KEYS, .new_keys = &ann, .new_key_count = 1};
    run_well(t.ben->log, &keys);
    node_receive(t.hub, t.amy);
    assert_all_same(&t);
    assert_int_equal(projector_missing_keys(t.ben->projector, bytes_str(SITE), missing, 4), 0);
    trio_end(&t);
}

/* One import, by two laptops that have not heard of each other. */
static void import_name(struct given_node *node, const struct key_record *person, const char *id)
{
    struct buffer fields = {0};
    struct log_draft draft = person_draft(person, "person.details.recorded", &fields,
                                          (const char *[]){"known_as", id, NULL});
    draft.body.has_origin = true;
    origin_id_of(bytes_str("old system"), bytes_str(id), &draft.body.origin);
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(node->log, &job);
    buffer_release(&fields);
}

static void one_import_by_two_laptops_counts_once(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo");
    sync_all(&t);
    char id[16];
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "%d", i);
        import_name(t.amy, &jo, id);
        import_name(t.ben, &jo, id);
    }
    struct node_digest alone = node_digest(t.ben);
    assert_int_equal(rows_in(&alone, "timeline"), 21);
    sync_all(&t);
    assert_all_same(&t);
    struct node_digest together = node_digest(t.ben);
    assert_int_equal(rows_in(&together, "timeline"), 21);
    rebuild_and_reopen(t.amy, &together);
    trio_end(&t);
}

static bool note_own(void *context, const struct person_id *subject, struct bytes name)
{
    (void)subject;
    assert_true(bytes_to_text(name, context, 64));
    return true;
}

static bool contains(const struct given_dir *dir, const char *text)
{
    FILE *file = fopen(given_path(dir, "views/data.mdb"), "rb");
    assert_non_null(file);
    static char all[1 << 22];
    size_t len = fread(all, 1, sizeof all, file);
    fclose(file);
    return memmem(all, len, text, strlen(text)) != NULL;
}

static void no_name_lies_in_the_clear(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct key_record person = node_introduce(amy, "Zebedeus");
    node_record(amy, &person, false, "note.added", (const char *[]){"text", "keeps Xylophones", NULL});
    node_digest(amy);
    assert_true(contains(&amy->log->dir, SITE));
    assert_false(contains(&amy->log->dir, "Zebedeus"));
    assert_false(contains(&amy->log->dir, "Xylophones"));
    struct views_txn txn;
    struct felloe_error error;
    char name[64] = "";
    assert_int_equal(views_read(projector_views(amy->projector), &txn, &error), FELLOE_OK);
    views_names(&txn, bytes_str(SITE), note_own, name);
    views_end(&txn);
    assert_string_equal(name, "Zebedeus");
    given_node_end(amy);
}

/* Left out once because its key could not be had, a person comes back whole and not from the next event on. */
static void a_person_that_was_dropped_comes_back_whole(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct key_record jo = node_introduce(amy, "Jo");
    node_name(amy, &jo, "Joe");
    struct node_digest whole;
    node_digest(amy);
    struct views_txn txn = node_views_begin(amy);
    views_drop_subject(&txn, bytes_str(SITE), &jo.owner);
    node_views_end(amy, &txn);
    node_name(amy, &jo, "Joseph");
    struct node_digest healed = node_digest(amy);
    projector_rebuild(amy->projector);
    whole = node_digest(amy);
    assert_same_digest(&whole, &healed);
    given_node_end(amy);
}

/* A daemon that starts with views that lag, or with none, has committed nothing yet: that is no sign of being done. */
static void after_a_start_nothing_is_said_to_be_folded_before_it_is(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    node_introduce(amy, "Jo");
    record_notes(amy->log, 2000);
    projector_close(amy->projector);
    given_log_close(amy->log);
    assert_int_equal(remove(given_path(&amy->log->dir, "views/data.mdb")), 0);
    given_log_reopen(amy->log);
    node_open_views(amy);
    assert_int_equal(event_log_commits(amy->log->log), 0);
    while (!projector_has(amy->projector, 0))
        continue;
    uint64_t folded, total;
    projector_progress(amy->projector, &folded, &total);
    assert_int_equal(total, 2001);
    assert_int_equal(folded, total);
    given_node_end(amy);
}

static void note(struct given_node *node, const struct key_record *person, const char *text)
{
    node_record(node, person, false, "note.added", (const char *[]){"text", text, NULL});
}

/* Its own events have other numbers then: the projector stands still until it is opened again, and folds them anew. */
static void a_laptop_that_goes_on_as_another_shows_the_same(void **state)
{
    (void)state;
    struct trio t = trio_new();
    struct key_record jo = node_introduce(t.amy, "Jo");
    sync_all(&t);
    note(t.amy, &jo, "not shared yet");
    note(t.amy, &jo, "nor this");
    struct node_digest before = node_digest(t.amy);
    struct log_job named = {.kind = LOG_GOING_ON, .incarnation = 7}, go_on = {.kind = LOG_GO_ON};
    run_well(t.amy->log, &named);
    run_well(t.amy->log, &go_on);
    assert_int_equal(go_on.remade, 2);
    uint64_t commits = event_log_commits(t.amy->log->log);
    projector_want(t.amy->projector, commits);
    assert_false(projector_has(t.amy->projector, commits));
    projector_close(t.amy->projector);
    given_log_close(t.amy->log);
    given_log_reopen(t.amy->log);
    node_open_views(t.amy);
    assert_int_equal(event_log_incarnation(t.amy->log->log), 7);
    struct node_digest after = node_digest(t.amy);
    assert_int_equal(rows_in(&after, "timeline"), rows_in(&before, "timeline"));
    note(t.ben, &jo, "another laptop knows nothing of it");
    sync_all(&t);
    sync_all(&t);
    assert_all_same(&t);
    after = node_digest(t.hub);
    assert_int_equal(rows_in(&after, "timeline"), 4);
    trio_end(&t);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_recorded_is_in_the_views),
        cmocka_unit_test(own_events_that_get_positions_later_give_the_same_views),
        cmocka_unit_test(two_who_did_not_know_of_each_other_both_show),
        cmocka_unit_test(what_is_received_and_not_folded_is_not_seen),
        cmocka_unit_test(made_again_the_views_say_the_same),
        cmocka_unit_test(damaged_views_are_made_again),
        cmocka_unit_test(events_wait_for_their_key),
        cmocka_unit_test(one_import_by_two_laptops_counts_once),
        cmocka_unit_test(no_name_lies_in_the_clear),
        cmocka_unit_test(a_person_that_was_dropped_comes_back_whole),
        cmocka_unit_test(after_a_start_nothing_is_said_to_be_folded_before_it_is),
        cmocka_unit_test(a_laptop_that_goes_on_as_another_shows_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
