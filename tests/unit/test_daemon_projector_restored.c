/* SPDX-License-Identifier: Apache-2.0 */
/* Views of logs that were put back: events with two positions, and a laptop whose stream has two histories. */
#include "tests/unit/given_restored.h"
#include "tests/unit/given_views.h"

#include "daemon/views/views_inside.h"

struct restored_team {
    struct given_node *hub, *amy, *ben;
    struct key_record jo; /* whom amy introduced, and both know */
};

/* The log is closed and opened again by what is done to it. */
static void with_log(struct given_node *node, void (*change)(struct given_log *))
{
    projector_close(node->projector);
    change(node->log);
    node_open_views(node);
}

static void to_next_epoch(struct given_log *hub)
{
    put_back(hub);
    next_epoch(hub);
}

static struct restored_team restored_team(void)
{
    struct restored_team t = {.hub = given_node(ROLE_HUB, NULL)};
    t.amy = given_node(ROLE_SPOKE, t.hub);
    t.ben = given_node(ROLE_SPOKE, t.hub);
    t.jo = node_introduce(t.amy, "Jo");
    node_share(t.amy, t.hub);
    catch_up(t.hub->log, t.amy->log);
    catch_up(t.hub->log, t.ben->log);
    node_fold(t.amy);
    node_fold(t.ben);
    return t;
}

static void restored_team_end(struct restored_team *t)
{
    given_node_end(t->ben);
    given_node_end(t->amy);
    given_node_end(t->hub);
}

static void assert_same_views(struct given_node *a, struct given_node *b)
{
    struct node_digest one = node_digest(a), other = node_digest(b);
    assert_same_digest(&one, &other);
}

/* What two say without knowing of each other is to settle. */
static void was_born(struct given_node *node, const struct key_record *person, const char *day)
{
    node_record(node, person, false, "person.details.recorded", (const char *[]){"date_of_birth", day, NULL});
}

/* The views have lost this person's document; it is folded from the first event on when the next one comes. */
static void lose_document(struct given_node *node, const struct key_record *person)
{
    struct views_txn txn = node_views_begin(node);
    struct store_key key;
    views_key_subject(&key, bytes_str(SITE), &person->owner);
    store_delete(txn.store, VIEWS_DOCS, key_bytes(&key));
    node_views_end(node, &txn);
}

/* ---- two positions ---- */

/* The hub loses Amy's event, gives it a position again, and then has its old one back from Ben. */
static void given_two_positions(struct restored_team *t)
{
    struct log_job job;
    with_log(t->hub, keep_copy);
    was_born(t->amy, &t->jo, "1990-01-01");
    node_share(t->amy, t->hub);
    catch_up(t->hub->log, t->ben->log);
    node_fold(t->ben);
    was_born(t->ben, &t->jo, "1990-10-01");
    with_log(t->hub, to_next_epoch);
    assert_int_equal(push(t->amy->log, t->hub->log, 2, &job), 1);
    assert_int_equal(job.code, FELLOE_OK);
    assert_int_equal(offer_all(t->ben->log, t->hub->log), 1);
    node_share(t->ben, t->hub);
    catch_up(t->hub->log, t->amy->log);
    catch_up(t->hub->log, t->ben->log);
}

static void whoever_learns_of_two_positions_shows_the_same(void **state)
{
    (void)state;
    struct restored_team t = restored_team();
    given_two_positions(&t);
    struct given_node *late = given_node(ROLE_SPOKE, t.hub);
    catch_up(t.hub->log, late->log);
    struct node_digest digest = node_digest(late);
    assert_int_equal(rows_in(&digest, "to-settle"), 0); /* Ben had seen Amy's, at the position that it had then */
    assert_same_views(late, t.hub);
    assert_same_views(late, t.amy);
    assert_same_views(late, t.ben);
    given_node_end(late);
    restored_team_end(&t);
}

static void folded_again_an_event_still_has_both_positions(void **state)
{
    (void)state;
    struct restored_team t = restored_team();
    given_two_positions(&t);
    node_fold(t.amy);
    node_fold(t.ben);
    lose_document(t.ben, &t.jo);
    node_record(t.amy, &t.jo, false, "support.started", (const char *[]){NULL});
    node_share(t.amy, t.hub);
    catch_up(t.hub->log, t.amy->log);
    catch_up(t.hub->log, t.ben->log);
    assert_same_views(t.amy, t.ben);
    restored_team_end(&t);
}

/* ---- two histories ---- */

/* All that the hub has, sent as to the incarnation that the laptop is going on as: of the old one whole events. */
static void catch_up_as(struct given_log *hub, struct given_log *spoke, uint32_t incarnation)
{
    struct key_record keys[64];
    struct lent body;
    struct position first = {1, site_head(spoke).at.n + 1};
    uint32_t count, key_count;
    struct log_head head;
    struct box_shared shared;
    struct felloe_error error = {0};
    assert_true(box_shared_of(&shared, &spoke->identity.box_public, &hub->identity.box_secret));
    assert_int_equal(log_read_feed(hub->log, bytes_str(SITE), first, BODY_TARGET, &spoke->identity.device, incarnation,
                                   &shared, &body, &first, &count, &key_count, &head, &error), FELLOE_OK);
    struct entries_form form = {.site = bytes_str(SITE), .count = count, .key_count = key_count,
                                .markers = true, .signatures = true, .own = spoke->identity.device,
                                .incarnation = incarnation};
    given_own_ids(spoke, SITE, &form);
    struct batch *batch = batch_of_body(&body, &form, &shared, keys);
    batch->epoch = first.epoch;
    batch->first_n = first.n;
    batch->head = head;
    sign_log_head(&hub->identity.sign_secret, bytes_str(SITE), &head, &batch->head_signature);
    struct log_job job = {.kind = LOG_KEEP_FEED, .batch = batch, .new_keys = keys, .new_key_count = key_count};
    run_well(spoke, &job);
    batch_free(batch);
}

static void go_on_as_second(struct given_log *spoke)
{
    struct log_job job = {.kind = LOG_GO_ON};
    run_well(spoke, &job);
    assert_int_equal(job.remade, 2);
    reopen(spoke);
}

static void neither_history_overwrites_the_other(void **state)
{
    (void)state;
    struct restored_team t = restored_team();
    with_log(t.amy, keep_copy);
    was_born(t.amy, &t.jo, "1990-01-01");
    node_share(t.amy, t.hub);
    with_log(t.amy, put_back);
    node_fold(t.amy);
    node_record(t.amy, &t.jo, false, "support.started", (const char *[]){NULL});
    was_born(t.amy, &t.jo, "1990-10-01");

    struct log_job job = {.kind = LOG_GOING_ON, .incarnation = 2};
    run_well(t.amy->log, &job);
    catch_up_as(t.hub->log, t.amy->log, 2);
    struct node_digest meanwhile = node_digest(t.amy);
    assert_int_equal(rows_in(&meanwhile, "to-settle"), 1); /* numbers 2 and 3 of one incarnation */

    with_log(t.amy, go_on_as_second);
    node_share(t.amy, t.hub);
    catch_up(t.hub->log, t.amy->log);
    catch_up(t.hub->log, t.ben->log);
    struct node_digest afterwards = node_digest(t.amy);
    assert_int_equal(rows_in(&afterwards, "to-settle"), 1);
    assert_same_views(t.amy, t.ben);
    assert_same_views(t.amy, t.hub);
    restored_team_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whoever_learns_of_two_positions_shows_the_same),
        cmocka_unit_test(folded_again_an_event_still_has_both_positions),
        cmocka_unit_test(neither_history_overwrites_the_other),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
