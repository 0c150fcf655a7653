/* SPDX-License-Identifier: Apache-2.0 */
/* A long log is folded in the order of keys, over several commits: the views say the same as when each event was folded
 * as it came, also when that was broken off. */
#define GIVEN_STEP_EVENTS 1100
#include "tests/unit/given_views.h"

#include "daemon/views/projector_range.h"

#define PEOPLE 40
#define ENTRIES 96 /* each; 3,840 events and more, in four commits */

/* Everybody's entries stand between everybody else's. */
static void record_lives(struct given_node *node)
{
    struct key_record people[PEOPLE];
    for (int i = 0; i < PEOPLE; i++)
        people[i] = node_introduce(node, "Somebody");
    for (int entry = 0; entry < ENTRIES; entry += 8) {
        struct buffer fields[8 * PEOPLE] = {{0}};
        struct log_draft drafts[8 * PEOPLE];
        for (int i = 0; i < 8 * PEOPLE; i++) {
            char text[32];
            snprintf(text, sizeof text, "%d of %d", entry, i);
            drafts[i] = person_draft(&people[i % PEOPLE], i % 3 ? "note.added" : "person.details.recorded", &fields[i],
                                     (const char *[]){i % 3 ? "text" : "known_as", text, NULL});
        }
        struct log_job job = record_job(SITE, drafts, 8 * PEOPLE);
        run_well(node->log, &job);
        for (int i = 0; i < 8 * PEOPLE; i++)
            buffer_release(&fields[i]);
    }
}

static void a_long_log_gives_what_its_events_gave_one_by_one(void **state)
{
    (void)state;
    struct given_node *hub = given_node(ROLE_HUB, NULL), *amy = given_node(ROLE_SPOKE, hub);
    record_lives(amy); /* which the projector folds meanwhile, a few at a time */
    struct node_digest before = node_digest(amy), after;
    assert_int_equal(rows_in(&before, "documents"), PEOPLE);
    assert_int_equal(rows_in(&before, "timeline"), PEOPLE * (ENTRIES + 1));
    projector_rebuild(amy->projector);
    after = node_digest(amy);
    assert_same_digest(&before, &after);

    node_share(amy, hub); /* the hub folds them with positions, some in one go … */
    node_receive(hub, amy);
    after = node_digest(hub);
    assert_int_equal(rows_in(&after, "timeline"), rows_in(&before, "timeline"));
    before = node_digest(amy); /* … and amy learns those of her own */
    assert_same_digest(&before, &after);
    projector_rebuild(amy->projector);
    after = node_digest(amy);
    assert_same_digest(&before, &after);
    given_node_end(amy);
    given_node_end(hub);
}

static void broken_off_it_is_folded_from_the_beginning(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    record_lives(amy);
    struct node_digest before = node_digest(amy), after;
    for (int i = 0; i < 6; i++) {
        projector_rebuild(amy->projector);
        node_wait_for_change(amy); /* the first of its commits, or no more than its beginning */
        if (i % 2) {
            projector_close(amy->projector);
            node_open_views(amy);
        }
    }
    after = node_digest(amy);
    assert_same_digest(&before, &after);
    given_node_end(amy);
}

static void progress_goes_up_and_seen_waits_for_the_end(void **state)
{
    (void)state;
    struct given_node *hub = given_node(ROLE_HUB, NULL), *amy = given_node(ROLE_SPOKE, hub);
    struct given_node *ben = given_node(ROLE_SPOKE, hub);
    uint64_t folded = 0, total = 1, last = 0;
    record_lives(amy);
    node_share(amy, hub);
    node_receive(hub, ben);
    const uint64_t commits = event_log_commits(ben->log->log);
    projector_want(ben->projector, commits);
    while (!projector_has(ben->projector, commits)) {
        struct seen seen;
        node_wait_for_change(ben);
        projector_seen(ben->projector, bytes_str(SITE), &seen);
        projector_progress(ben->projector, &folded, &total);
        assert_true(folded >= last && folded <= total);
        assert_true(seen_in(&seen, 1) <= folded);
        last = folded;
    }
    projector_progress(ben->projector, &folded, &total);
    assert_int_equal(folded, total);
    given_node_end(ben);
    given_node_end(amy);
    given_node_end(hub);
}

/* ---- the range itself ---- */

static struct views_cursor no_cursor(void)
{
    return (struct views_cursor){0};
}

/* It is in no index of the range that is being folded, though that ends after it. */
static void what_comes_while_a_long_log_is_folded_is_not_told_of_before_it_is(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct views_txn txn;
    struct felloe_error error;
    record_lives(amy);
    node_fold(amy);
    for (int i = 0; i < 5; i++) {
        uint64_t folded = 0, total = 0;
        projector_rebuild(amy->projector);
        do /* a part of it is folded, and a part not; or it was quicker than this test, which then says little */
            projector_progress(amy->projector, &folded, &total);
        while (folded < 1000);
        const struct key_record late = node_introduce(amy, "Late");
        const uint64_t commits = event_log_commits(amy->log->log);
        projector_want(amy->projector, commits);
        projector_poke(amy->projector);
        while (!projector_has(amy->projector, commits))
            node_wait_for_change(amy);
        assert_int_equal(views_read(projector_views(amy->projector), &txn, &error), FELLOE_OK);
        assert_true(views_has_document(&txn, bytes_str(SITE), &late.owner));
        views_end(&txn);
        node_fold(amy);
    }
    given_node_end(amy);
}

static void write_views(struct views *views, struct views_txn *txn)
{
    assert_int_equal(views_write(views, txn, NULL), FELLOE_OK);
}

/* As long as the reader is there with which it was made. */
static void assert_says_where_they_are(struct fold_range *range, struct log_reader *reader, struct bytes site)
{
    struct log_item said, there;
    const struct event_id *id;
    struct event_id hashed;
    uint64_t sum = 0;
    for (size_t i = 0; i < range->count; i++) {
        const struct views_ref ref = range_ref(range, i);
        assert_int_equal(ref.at.epoch, 0);
        sum += ref.at.n;
        assert_true(log_get_own(reader, site, ref.at.n, &there));
        assert_true(range_item(range, i, &ref, &said, &id));
        event_id_of(there.event, &hashed);
        assert_true(id ? event_id_equal(id, &hashed) : ref.at.n == range->count); /* nobody names the last one yet */
        assert_ptr_equal(said.event.data, there.event.data);
        assert_int_equal(said.event.len, there.event.len);
        assert_int_equal(said.flags, there.flags);
    }
    assert_int_equal(sum, range->count * (range->count + 1) / 2); /* each once */
    range_rest(range);
    assert_false(range_item(range, 0, &(struct views_ref){{0, 1}}, &said, &id));
    assert_int_equal(range_ref(range, 0).at.n, 1);
}

static void memory_that_the_views_do_not_bear_out_is_given_up(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    record_notes(amy->log, 100);
    projector_close(amy->projector);
    const struct views_options options = {amy->log->dir.path, amy->log->keyring, &amy->log->identity, 1};
    struct bytes site = bytes_str(SITE);
    struct views *views;
    struct views_txn txn;
    struct felloe_error error;
    struct fold_range range = {0};
    struct views_cursor cursor = no_cursor();
    assert_int_equal(views_open(&views, &options, NULL), FELLOE_OK);
    assert_int_equal(views_wipe(views, NULL), FELLOE_OK); /* whatever the projector had folded by then */
    struct log_reader *reader = log_reader_begin(amy->log->log, &error);
    assert_true(range_begin(&range, amy->log->log, reader, site, &cursor, 60, NULL));
    assert_int_equal(range.count, 60);
    assert_true(range.more);
    assert_int_equal(range.to.own_seq, 60);
    assert_says_where_they_are(&range, reader, site);

    write_views(views, &txn); /* a part of it, given up */
    range.next = 20;
    range_keep(&range, &txn, site);
    views_end(&txn);
    write_views(views, &txn);
    assert_false(range_goes_on(&range, &txn, site));
    views_end(&txn);

    assert_true(range_begin(&range, amy->log->log, reader, site, &cursor, 60, NULL));
    for (size_t part = 20; part <= 60; part += 20) { /* committed, part by part */
        write_views(views, &txn);
        range.next = part;
        range_keep(&range, &txn, site);
        assert_int_equal(views_commit(&txn, NULL), STORE_DONE);
        write_views(views, &txn);
        assert_int_equal(range_goes_on(&range, &txn, site), part < 60);
        views_get_cursor(&txn, site, &cursor);
        assert_int_equal(cursor.own_seq, part < 60 ? 0 : 60); /* with the last part, and no sooner */
        views_end(&txn);
    }

    assert_true(range_begin(&range, amy->log->log, reader, site, &cursor, 30, NULL));
    assert_int_equal(range_ref(&range, 0).at.n, 61);
    write_views(views, &txn);
    range.next = 10;
    range_keep(&range, &txn, site);
    assert_int_equal(views_commit(&txn, NULL), STORE_DONE);
    assert_int_equal(views_wipe(views, NULL), FELLOE_OK);
    write_views(views, &txn);
    assert_false(range_goes_on(&range, &txn, site));
    views_end(&txn);

    range_release(&range);
    log_reader_end(reader);
    views_close(views);
    node_open_views(amy);
    given_node_end(amy);
}

static void a_persons_events_stand_together(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct felloe_error error;
    struct fold_range range = {0};
    struct views_cursor cursor = no_cursor();
    unsigned changes = 0;
    uint64_t last = 0;
    record_lives(amy);
    struct log_reader *reader = log_reader_begin(amy->log->log, &error);
    assert_true(range_begin(&range, amy->log->log, reader, bytes_str(SITE), &cursor, RANGE_EVENTS_MAX, NULL));
    assert_int_equal(range.count, PEOPLE * (ENTRIES + 1));
    for (size_t i = 0; i < range.count; i++) {
        const struct views_ref ref = range_ref(&range, i);
        struct log_item item, said;
        struct event event;
        const struct event_id *id;
        assert_true(log_get_own(reader, bytes_str(SITE), ref.at.n, &item) && event_decode(item.event, &event));
        static struct key_id key;
        const bool another = memcmp(&key, &event.clear.key, sizeof key) != 0;
        assert_true(another || ref.at.n > last); /* in the order in which they were written */
        assert_true(i == 0 || range_is_same_key(&range, i) == !another);
        assert_true(range.holds && range_item(&range, i, &ref, &said, &id)); /* by a reader of its own: it is long */
        assert_true(bytes_equal(said.event, item.event));
        changes += another;
        key = event.clear.key;
        last = ref.at.n;
    }
    assert_int_equal(changes, PEOPLE);
    range_release(&range);
    log_reader_end(reader);
    given_node_end(amy);
}

/* What else a step reads, it reads as of its own reader. */
static void a_reader_of_its_own_takes_no_more_than_the_steps(void **state)
{
    (void)state;
    struct given_node *hub = given_node(ROLE_HUB, NULL);
    struct felloe_error error;
    struct fold_range range = {0};
    const struct views_cursor cursor = no_cursor();
    struct position last = {0};
    record_lives(hub);
    struct log_reader *reader = log_reader_begin(hub->log->log, &error);
    node_introduce(hub, "Late");
    assert_true(range_begin(&range, hub->log->log, reader, bytes_str(SITE), &cursor, RANGE_EVENTS_MAX, NULL));
    assert_true(range.holds);
    assert_int_equal(range.count, PEOPLE * (ENTRIES + 1));
    for (size_t i = 0; i < range.count; i++)
        if (range_ref(&range, i).at.n > last.n)
            last = range_ref(&range, i).at;
    assert_int_equal(last.n, seen_in(&range.to.seen, last.epoch));
    assert_int_equal(last.n, PEOPLE * (ENTRIES + 1));
    range_release(&range);
    log_reader_end(reader);
    given_node_end(hub);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_log_gives_what_its_events_gave_one_by_one),
        cmocka_unit_test(broken_off_it_is_folded_from_the_beginning),
        cmocka_unit_test(progress_goes_up_and_seen_waits_for_the_end),
        cmocka_unit_test(what_comes_while_a_long_log_is_folded_is_not_told_of_before_it_is),
        cmocka_unit_test(memory_that_the_views_do_not_bear_out_is_given_up),
        cmocka_unit_test(a_persons_events_stand_together),
        cmocka_unit_test(a_reader_of_its_own_takes_no_more_than_the_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
