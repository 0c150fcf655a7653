/* SPDX-License-Identifier: Apache-2.0 */
/* What only some may read: it is in their story and to settle among them, and everybody's views are the same all the
 * same, in whatever order events and keys come. */
#include "tests/unit/given_views.h"

struct quartet {
    struct given_node *hub, *amy, *ben, *cleo; /* amy and ben are in the audience */
    struct key_record jo, restricted;
};

static void admit(struct given_node *hub, const struct given_node *laptop, const char *worker)
{
    struct device_record device = {.device = laptop->log->identity.device, .sign = laptop->log->identity.sign_public,
                                   .box = laptop->log->identity.box_public, .site_count = 1, .joined_ms = 1};
    snprintf(device.worker, sizeof device.worker, "%s", worker);
    snprintf(device.sites[0], sizeof device.sites[0], "%s", SITE);
    struct log_job job = {.kind = LOG_PUT_DEVICE, .device = &device};
    run_well(hub->log, &job);
}

static struct quartet quartet_new(void)
{
    struct quartet q = {.hub = given_node(ROLE_HUB, NULL)};
    q.amy = given_node(ROLE_SPOKE, q.hub);
    q.ben = given_node(ROLE_SPOKE, q.hub);
    q.cleo = given_node(ROLE_SPOKE, q.hub);
    admit(q.hub, q.amy, "amy");
    admit(q.hub, q.ben, "ben");
    admit(q.hub, q.cleo, "cleo");
    q.jo = node_introduce(q.amy, "Jo");
    q.restricted = new_person(SITE);
    q.restricted.kind = KEY_PERSON_AUDIENCE;
    q.restricted.owner = q.jo.owner;
    assert_true(audience_add(&q.restricted.members, bytes_str("amy")));
    assert_true(audience_add(&q.restricted.members, bytes_str("ben")));
    return q;
}

static void quartet_end(struct quartet *q)
{
    given_node_end(q->amy);
    given_node_end(q->ben);
    given_node_end(q->cleo);
    given_node_end(q->hub);
}

static void sync_quartet(struct quartet *q)
{
    struct given_node *const spokes[] = {q->cleo, q->amy, q->ben};
    for (int i = 0; i < 3; i++)
        node_share(spokes[i], q->hub);
    for (int i = 0; i < 3; i++)
        node_receive(q->hub, spokes[i]);
}

static void assert_all_same(struct quartet *q)
{
    struct node_digest hub = node_digest(q->hub), amy = node_digest(q->amy), ben = node_digest(q->ben),
                       cleo = node_digest(q->cleo);
    assert_same_digest(&hub, &amy);
    assert_same_digest(&hub, &ben);
    assert_same_digest(&hub, &cleo);
}

/* An outcome of the entry `of`, under the restricted key. */
static struct log_draft record_outcome(struct given_node *node, const struct key_record *key,
                                       const struct event_id *of, const char *outcome)
{
    struct buffer fields = {0};
    mp_put_map(&fields, 2);
    mp_put_text(&fields, "of");
    mp_put_bin(&fields, of->b, sizeof of->b);
    mp_put_text(&fields, "outcome");
    mp_put_text(&fields, outcome);
    struct log_draft draft = {.body = {.type = bytes_str("safeguarding.outcome"), .worker = bytes_str("ash-grey"),
                                       .has_subject = true, .subject = key->owner, .fields = buffer_bytes(&fields)},
                              .key = key->id};
    projector_seen(node->projector, bytes_str(SITE), &draft.seen);
    struct log_job job = record_job(SITE, &draft, 1);
    run_well(node->log, &job);
    buffer_release(&fields);
    return draft;
}

struct told {
    unsigned entries, to_settle, restricted_to_settle;
    char settled[400]; /* cells of a restricted row */
};

static bool count_entry(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    (void)id, (void)sort, (void)ref;
    ++*(unsigned *)context;
    return true;
}

static bool count_row(void *context, const struct views_row *row)
{
    struct told *told = context;
    told->to_settle++;
    if (row->sub & VIEWS_RESTRICTED_ROW) {
        told->restricted_to_settle++;
        const size_t len = row->cells.len < sizeof told->settled ? row->cells.len : sizeof told->settled;
        memcpy(told->settled, row->cells.data, len);
    }
    return true;
}

/* What this node knows of restricted entries. */
static struct told told_at(struct given_node *node, const struct person_id *person)
{
    struct told told = {0};
    struct views_txn txn;
    struct felloe_error error = {0};
    node_fold(node);
    if (views_read(projector_views(node->projector), &txn, &error) != FELLOE_OK)
        fail_msg("%s", error.message);
    views_restricted_timeline(&txn, bytes_str(SITE), person, NULL, count_entry, &told.entries);
    views_rows(&txn, bytes_str(SITE), VIEW_TO_SETTLE, (struct bytes){0}, count_row, &told);
    views_end(&txn);
    return told;
}

static void two_outcomes_are_settled_among_those_who_may_read_them(void **state)
{
    (void)state;
    struct quartet q = quartet_new();
    struct log_draft sent = node_record(q.amy, &q.restricted, true, "safeguarding.sent",
                                        (const char *[]){"kind", "physical", "wishes", "to be left alone", NULL});
    sync_quartet(&q);
    assert_all_same(&q);
    assert_int_equal(told_at(q.amy, &q.jo.owner).entries, 1);
    assert_int_equal(told_at(q.ben, &q.jo.owner).entries, 1);
    assert_int_equal(told_at(q.cleo, &q.jo.owner).entries, 0);
    assert_int_equal(told_at(q.hub, &q.jo.owner).entries, 1); /* sealed in its log; shown without words */

    record_outcome(q.amy, &q.restricted, &sent.id, "substantiated");
    record_outcome(q.ben, &q.restricted, &sent.id, "not substantiated");
    sync_quartet(&q);
    assert_all_same(&q);
    struct told amy = told_at(q.amy, &q.jo.owner), ben = told_at(q.ben, &q.jo.owner);
    assert_int_equal(amy.entries, 3);
    assert_int_equal(amy.restricted_to_settle, 1);
    assert_int_equal(ben.restricted_to_settle, 1);
    assert_memory_equal(amy.settled, ben.settled, sizeof amy.settled);
    assert_non_null(memmem(amy.settled, sizeof amy.settled, "Jo", 2)); /* whose name only the shared document has */
    assert_non_null(memmem(amy.settled, sizeof amy.settled, "not substantiated", 17));
    assert_int_equal(told_at(q.cleo, &q.jo.owner).to_settle, 0);
    assert_int_equal(told_at(q.hub, &q.jo.owner).to_settle, 0); /* it keeps the key for others */

    node_name(q.cleo, &q.jo, "Joanna");
    sync_quartet(&q);
    assert_all_same(&q);
    amy = told_at(q.amy, &q.jo.owner);
    assert_non_null(memmem(amy.settled, sizeof amy.settled, "Joanna", 6));
    quartet_end(&q);
}

/* The restricted key comes only later: until then the entries wait, and nothing else does. */
static void a_key_that_comes_late_opens_what_waited(void **state)
{
    (void)state;
    struct quartet q = quartet_new();
    struct log_draft sent =
        node_record(q.amy, &q.restricted, true, "safeguarding.sent", (const char *[]){"kind", "physical", NULL});
    record_outcome(q.amy, &q.restricted, &sent.id, "in hand");
    sync_quartet(&q);
    struct node_digest before = node_digest(q.cleo);
    struct key_id missing[4];
    assert_int_equal(projector_missing_keys(q.cleo->projector, bytes_str(SITE), missing, 4), 1);
    assert_memory_equal(&missing[0], &q.restricted.id, sizeof missing[0]);
    projector_deny_keys(q.cleo->projector, bytes_str("elsewhere"), missing, 1);
    node_name(q.cleo, &q.jo, "Jo"); /* something to fold */
    node_fold(q.cleo);
    assert_int_equal(projector_missing_keys(q.cleo->projector, bytes_str(SITE), missing, 4), 1);
    projector_deny_keys(q.cleo->projector, bytes_str(SITE), missing, 1);
    node_name(q.cleo, &q.jo, "Jo"); /* something to fold */
    node_fold(q.cleo);
    assert_int_equal(projector_missing_keys(q.cleo->projector, bytes_str(SITE), missing, 4), 0);
    assert_true(projector_denies(q.cleo->projector, bytes_str(SITE), &q.restricted.id));

    struct log_job keys = {.kind = LOG_KEEP_KEYS, .new_keys = &q.restricted, .new_key_count = 1};
    run_well(q.cleo->log, &keys);
    assert_int_equal(told_at(q.cleo, &q.jo.owner).entries, 2);
    sync_quartet(&q);
    assert_all_same(&q);
    struct node_digest after = node_digest(q.cleo);
    assert_int_equal(rows_in(&before, "documents"), rows_in(&after, "documents"));
    assert_int_equal(rows_in(&before, "timeline") + 2, rows_in(&after, "timeline")); /* the names alone */
    quartet_end(&q);
}

/* Somebody who means ill, or a program that errs: of two entries with one origin one is restricted. Those who cannot
 * read it know of one, the others of two: neither may put the other aside. */
static void what_is_restricted_puts_nothing_else_aside(void **state)
{
    (void)state;
    struct quartet q = quartet_new();
    for (unsigned way = 0; way < 4; way++) {
        struct log_draft drafts[2] = {person_note(&q.jo, "for all"), person_note(&q.restricted, "for some")};
        for (unsigned i = 0; i < 2; i++) {
            drafts[i].body.has_origin = way < 2;
            origin_id_of(bytes_str("elsewhere"), bytes_of(&(char){(char)('a' + way)}, 1), &drafts[i].body.origin);
            projector_seen(q.amy->projector, bytes_str(SITE), &drafts[i].seen);
        }
        struct given_node *other = q.ben; /* the log itself refuses a second import on the same laptop */
        struct log_job job = record_job(SITE, &drafts[way % 2], 1);
        job.new_keys = &q.restricted;
        job.new_key_count = way == 0 || way == 1;
        run_well(q.amy->log, &job);
        sync_quartet(&q);
        struct log_draft second = drafts[1 - way % 2];
        if (way >= 2) { /* written again, it says, in the place of the other */
            second.body.has_was = true;
            second.body.was = drafts[way % 2].id;
            other = q.amy;
        }
        projector_seen(other->projector, bytes_str(SITE), &second.seen);
        job = record_job(SITE, &second, 1);
        job.new_keys = &q.restricted;
        job.new_key_count = 1;
        run_well(other->log, &job);
        sync_quartet(&q);
        assert_all_same(&q);
        struct node_digest digest = node_digest(q.cleo);
        assert_int_equal(rows_in(&digest, "timeline"), 2 + way);
        assert_int_equal(told_at(q.ben, &q.jo.owner).entries, 1 + way);
    }
    quartet_end(&q);
}

/* A note that somebody seals for some is no contact of everybody's, whatever type it names. */
static void no_type_gets_from_there_into_the_shared_document(void **state)
{
    (void)state;
    struct quartet q = quartet_new();
    sync_quartet(&q);
    struct node_digest before = node_digest(q.cleo);
    node_record(q.amy, &q.restricted, true, "person.details.recorded", (const char *[]){"known_as", "Mallory", NULL});
    node_record(q.amy, &q.restricted, false, "support.started", (const char *[]){"episode", "x", NULL});
    sync_quartet(&q);
    assert_all_same(&q);
    struct node_digest amy = node_digest(q.amy);
    assert_same_digest(&before, &amy);
    assert_int_equal(told_at(q.amy, &q.jo.owner).entries, 2);
    assert_int_equal(told_at(q.amy, &q.jo.owner).to_settle, 0);
    quartet_end(&q);
}

static void made_again_the_views_say_the_same(void **state)
{
    (void)state;
    struct quartet q = quartet_new();
    struct log_draft sent =
        node_record(q.amy, &q.restricted, true, "safeguarding.sent", (const char *[]){"kind", "physical", NULL});
    sync_quartet(&q);
    record_outcome(q.amy, &q.restricted, &sent.id, "yes");
    record_outcome(q.ben, &q.restricted, &sent.id, "no");
    sync_quartet(&q);
    struct told before = told_at(q.amy, &q.jo.owner);
    assert_int_equal(before.restricted_to_settle, 1);
    projector_rebuild(q.amy->projector);
    struct told again = told_at(q.amy, &q.jo.owner);
    assert_memory_equal(&before, &again, sizeof before);
    assert_all_same(&q);

    /* A key that the keyring lost: the entries wait for it anew, and it is asked for. */
    struct key_id missing[2];
    struct felloe_error error = {0};
    struct keyring *fresh;
    const struct key_record kept[] = {q.jo, q.amy->log->site_key};
    projector_close(q.amy->projector);
    given_log_close(q.amy->log);
    assert_int_equal(unlink(given_path(&q.amy->log->dir, "keys/data.mdb")), 0);
    assert_int_equal(keyring_open(&fresh, q.amy->log->dir.path, q.amy->log->identity.keyring_key, &error), FELLOE_OK);
    assert_int_equal(keyring_add(fresh, kept, 2, &error), FELLOE_OK);
    keyring_close(fresh);
    given_log_reopen(q.amy->log);
    node_open_views(q.amy);
    assert_int_equal(told_at(q.amy, &q.jo.owner).entries, 0);
    assert_int_equal(projector_missing_keys(q.amy->projector, bytes_str(SITE), missing, 2), 1);
    assert_all_same(&q);
    quartet_end(&q);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_outcomes_are_settled_among_those_who_may_read_them),
        cmocka_unit_test(a_key_that_comes_late_opens_what_waited),
        cmocka_unit_test(what_is_restricted_puts_nothing_else_aside),
        cmocka_unit_test(no_type_gets_from_there_into_the_shared_document),
        cmocka_unit_test(made_again_the_views_say_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
