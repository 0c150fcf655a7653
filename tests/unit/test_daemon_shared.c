/* SPDX-License-Identifier: Apache-2.0 */
/* A person whom two teams support: what the hub copies from site to site, how the views see through it, what they do
 * not believe, and whose devices are handed the key. */
#include "tests/unit/given_keys_unread.h"
#include "tests/unit/given_views.h"

#include "daemon/store/keyring_inside.h"
#include "daemon/sync/copy_plan.h"
#include "daemon/views/opened.h"
#include "daemon/views/views_shares.h"
#include "proto/domain/envelope.h"

#define OTHER "south"

struct two_teams {
    struct given_node *hub;
    struct daemon daemon;
    struct key_record other_key, jo;
};

static void add_other_site(struct given_node *node, const struct key_record *key)
{
    struct key_record record = *key;
    struct log_job job = {.kind = LOG_ADD_SITE, .new_keys = &record, .new_key_count = 1};
    name_site(&job, OTHER);
    run_well(node->log, &job);
}

/* What stands for a team's laptop here is the hub's own stream in that team's site. */
static struct two_teams given_teams(void)
{
    struct two_teams t = {.hub = given_node(ROLE_HUB, NULL)};
    t.other_key = (struct key_record){.id = {{1, 2, 4}}, .kind = KEY_SITE, .site = OTHER, .key = {{4, 5, 7}}};
    add_other_site(t.hub, &t.other_key);
    t.daemon.identity = t.hub->log->identity;
    t.daemon.keyring = t.hub->log->keyring;
    t.daemon.log = t.hub->log->log;
    t.daemon.projector = t.hub->projector;
    t.jo = node_introduce(t.hub, "Jo");
    return t;
}

static void teams_end(struct two_teams *t)
{
    given_node_end(t->hub);
}

/* Written in this site by whoever has seen all that the views have folded. */
static struct log_draft write_in(struct given_node *node, const char *site, const struct key_record *person,
                                 const char *type, struct buffer *fields)
{
    struct log_draft draft = {.body = {.type = bytes_str(type), .worker = bytes_str("ash-grey"), .has_subject = true,
                                       .subject = person->owner, .fields = buffer_bytes(fields)},
                              .key = person->id};
    projector_seen(node->projector, bytes_str(site), &draft.seen);
    struct log_job job = record_job(site, &draft, 1);
    run_well(node->log, &job);
    buffer_release(fields);
    return draft;
}

static struct log_draft tell(struct two_teams *t, const char *site, const char *type, const char *name,
                             const char *value)
{
    struct buffer fields = {0};
    mp_put_map(&fields, 1);
    mp_put_text(&fields, name);
    mp_put_text(&fields, value);
    return write_in(t->hub, site, &t->jo, type, &fields);
}

static void share(struct two_teams *t, const char *from, const char *to, bool moves)
{
    struct buffer fields = {0};
    mp_put_map(&fields, 2);
    mp_put_text(&fields, "to");
    mp_put_text(&fields, to);
    mp_put_text(&fields, "moves");
    mp_put_bool(&fields, moves);
    write_in(t->hub, from, &t->jo, "person.shared", &fields);
}

struct reading_all {
    struct views_txn views;
    struct log_reader *log;
};

static struct reading_all begin_reading(struct two_teams *t)
{
    struct reading_all r;
    struct felloe_error error = {0};
    node_fold(t->hub);
    assert_int_equal(views_read(projector_views(t->hub->projector), &r.views, &error), FELLOE_OK);
    r.log = reader_of(t->hub->log);
    return r;
}

static void end_reading(struct reading_all *r)
{
    log_reader_end(r->log);
    views_end(&r->views);
}

static struct copy_batch *plan(struct two_teams *t)
{
    struct reading_all r = begin_reading(t);
    struct copy_batch *batch;
    assert_true(copy_plan(&t->daemon, &r.views, r.log, &t->jo.owner, &batch));
    end_reading(&r);
    return batch;
}

static size_t record_batch(struct two_teams *t, struct copy_batch *batch)
{
    size_t added = 0;
    struct log_job job = record_job(batch->site, batch->drafts, batch->count);
    run_well(t->hub->log, &job);
    for (size_t i = 0; i < batch->count; i++)
        added += !batch->drafts[i].known;
    return added;
}

/* As the hub's driver does it. Returns how many events it wrote. */
static size_t copy_all(struct two_teams *t)
{
    size_t count = 0;
    for (struct copy_batch *batch; (batch = plan(t)) != NULL; copy_batch_free(batch))
        count += record_batch(t, batch);
    return count;
}

static bool count_event(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    (void)id, (void)sort, (void)ref;
    ++*(size_t *)context;
    return true;
}

static size_t timeline_of(struct two_teams *t, const char *site)
{
    struct reading_all r = begin_reading(t);
    size_t count = 0;
    views_timeline(&r.views, bytes_str(site), &t->jo.owner, NULL, count_event, &count);
    end_reading(&r);
    return count;
}

static uint64_t to_settle_in(struct two_teams *t, const char *site)
{
    struct reading_all r = begin_reading(t);
    uint64_t count = views_count_rows(&r.views, bytes_str(site), VIEW_TO_SETTLE);
    end_reading(&r);
    return count;
}

static enum log_share share_of(struct two_teams *t, const char *site)
{
    return log_shares_get(event_log_shares(t->hub->log->log), bytes_str(site), &t->jo.owner);
}

/* ---- what is copied ---- */

static void nobody_is_copied_who_is_not_shared(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    assert_int_equal(copy_all(&t), 0);
    assert_int_equal(share_of(&t, SITE), LOG_SHARE_NONE);
    teams_end(&t);
}

static void the_history_goes_along_and_later_entries_follow(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    tell(&t, SITE, "note.added", "text", "likes tea");
    share(&t, SITE, OTHER, false);
    assert_int_equal(copy_all(&t), 3);
    assert_int_equal(timeline_of(&t, OTHER), 3);
    tell(&t, OTHER, "note.added", "text", "walks by the river");
    tell(&t, SITE, "note.added", "text", "plays chess");
    assert_int_equal(copy_all(&t), 2);
    assert_int_equal(timeline_of(&t, SITE), 5);
    assert_int_equal(timeline_of(&t, OTHER), 5);
    assert_int_equal(share_of(&t, SITE), LOG_SHARE_WITH);
    assert_int_equal(share_of(&t, OTHER), LOG_SHARE_WITH);
    teams_end(&t);
}

/* Whichever reading of the keyring fails: the same laptops may have the key, and what goes along lacks nothing. */
static void what_cannot_be_read_is_not_taken_for_not_shared(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    unsigned readings = 0, failed = 0;
    share(&t, SITE, OTHER, false);
    for (unsigned at = 0; at <= readings; at++) {
        struct reading_all r = begin_reading(&t);
        struct copy_batch *batch;
        keyring_opened_clear(t.daemon.keyring);
        keys_fail_at(at);
        const bool fine = copy_plan(&t.daemon, &r.views, r.log, &t.jo.owner, &batch);
        const unsigned read = keys_are_read();
        readings = read > readings ? read : readings;
        failed += !fine;
        assert_int_equal(fine, batch != NULL);
        assert_int_equal(share_of(&t, OTHER), LOG_SHARE_WITH); /* since the first time, when none failed */
        copy_batch_free(batch);
        end_reading(&r);
    }
    assert_true(failed > 0);
    teams_end(&t);
}

/* The views may not have folded a copy yet when what is missing is looked for again. */
static void what_is_copied_again_adds_nothing(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    share(&t, SITE, OTHER, false);
    struct copy_batch *first = plan(&t), *second = plan(&t);
    assert_int_equal(record_batch(&t, first), 2);
    assert_int_equal(record_batch(&t, second), 0);
    copy_batch_free(first);
    copy_batch_free(second);
    projector_rebuild(t.hub->projector);
    assert_int_equal(copy_all(&t), 0);
    assert_int_equal(timeline_of(&t, OTHER), 2);
    teams_end(&t);
}

static bool find_long(void *context, const struct event_id *id, uint64_t sort, const struct views_ref *ref)
{
    struct views_ref *longest = context;
    (void)id, (void)sort;
    *longest = *ref; /* the last by time is the long one */
    return true;
}

static void a_long_entry_goes_in_halves_and_is_told_whole(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    static char words[63001];
    memset(words, 'a', sizeof words - 1);
    share(&t, SITE, OTHER, false);
    tell(&t, SITE, "note.added", "text", words);
    assert_int_equal(copy_all(&t), 4);
    assert_int_equal(timeline_of(&t, OTHER), 3);
    struct reading_all r = begin_reading(&t);
    struct opener opener = {.reader = r.log, .identity = &t.hub->log->identity, .site = bytes_str(OTHER)};
    struct opened opened = {0};
    struct views_ref ref = {0};
    views_timeline(&r.views, bytes_str(OTHER), &t.jo.owner, NULL, find_long, &ref);
    assert_int_equal(opener_get(&opener, t.hub->log->keyring, &ref, &opened), OPENED);
    assert_true(opened.copied && opened.body.fields.len > sizeof words);
    assert_true(bytes_is(opened.event.clear.site, SITE));
    ref.at.n--; /* its first half alone is nothing */
    assert_int_equal(opener_get(&opener, t.hub->log->keyring, &ref, &opened), OPENED_PART);
    opener_release(&opener);
    opened_release(&opened);
    end_reading(&r);
    teams_end(&t);
}

static size_t other_digest(struct two_teams *t, struct view_digest out[VIEW_DIGESTS_MAX])
{
    struct reading_all r = begin_reading(t);
    const size_t count = query_digests(&r.views, bytes_str(OTHER), out);
    end_reading(&r);
    return count;
}

/* Folded one by one as they came, and all together when the views are made again: the same to the byte. */
static void copies_that_are_folded_together_are_what_they_were_one_by_one(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    struct view_digest before[VIEW_DIGESTS_MAX], after[VIEW_DIGESTS_MAX];
    static const char *const names[] = {"Jo", "Joey", "Joanne of the library", "J"};
    static char words[63001];
    memset(words, 'a', sizeof words - 1);
    share(&t, SITE, OTHER, false);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        tell(&t, SITE, "person.details.recorded", "known_as", names[i]);
        assert_true(copy_all(&t) > 0);
        tell(&t, SITE, "note.added", "text", i == 2 ? words : words + sizeof words - 200 - 40 * i);
        assert_true(copy_all(&t) > 0);
    }
    const size_t count = other_digest(&t, before);
    projector_rebuild(t.hub->projector);
    assert_int_equal(other_digest(&t, after), count);
    for (size_t i = 0; i < count; i++)
        if (memcmp(&before[i].hash, &after[i].hash, sizeof before[i].hash) != 0)
            fail_msg("%s differ", before[i].view);
    teams_end(&t);
}

/* Each team knew of the other's word when it wrote its own: nothing is to settle, in neither site. */
static void who_knew_of_whom_is_the_same_in_both_sites(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    share(&t, SITE, OTHER, false);
    tell(&t, SITE, "person.details.recorded", "date_of_birth", "1990-01-02");
    copy_all(&t);
    tell(&t, OTHER, "person.details.recorded", "date_of_birth", "1990-02-01");
    copy_all(&t);
    assert_int_equal(to_settle_in(&t, OTHER), 0);
    assert_int_equal(to_settle_in(&t, SITE), 0);
    tell(&t, SITE, "person.details.recorded", "date_of_birth", "1990-03-01");
    node_fold(t.hub);
    tell(&t, OTHER, "person.details.recorded", "date_of_birth", "1990-04-01"); /* neither is copied yet */
    copy_all(&t);
    assert_int_equal(to_settle_in(&t, SITE), 1);
    assert_int_equal(to_settle_in(&t, OTHER), 1);
    tell(&t, OTHER, "person.details.recorded", "date_of_birth", "1990-05-01");
    copy_all(&t);
    assert_int_equal(to_settle_in(&t, SITE), 0);
    assert_int_equal(to_settle_in(&t, OTHER), 0);
    teams_end(&t);
}

/* ---- moving ---- */

static void who_left_is_not_shown_there_and_the_key_stays_away(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    share(&t, SITE, OTHER, true);
    copy_all(&t);
    assert_int_equal(share_of(&t, SITE), LOG_SHARE_LEFT);
    assert_int_equal(share_of(&t, OTHER), LOG_SHARE_WITH);
    struct reading_all r = begin_reading(&t);
    assert_true(views_has_left(&r.views, bytes_str(SITE), &t.jo.owner));
    assert_int_equal(views_count_rows(&r.views, bytes_str(SITE), VIEW_FRONT_DOOR), 0);
    assert_int_equal(views_count_rows(&r.views, bytes_str(OTHER), VIEW_FRONT_DOOR), 1);
    end_reading(&r);

    tell(&t, OTHER, "note.added", "text", "not for the old team");
    assert_int_equal(copy_all(&t), 0);
    tell(&t, SITE, "note.added", "text", "late words of the old team");
    assert_int_equal(copy_all(&t), 1);

    share(&t, OTHER, SITE, true);
    assert_int_equal(copy_all(&t), 2); /* what was held back, and the return; nothing of it to the site now left */
    assert_int_equal(share_of(&t, SITE), LOG_SHARE_WITH);
    assert_int_equal(share_of(&t, OTHER), LOG_SHARE_LEFT);
    teams_end(&t);
}

static uint32_t keys_for(struct two_teams *t, const struct given_log *spoke, const char *site, uint32_t *denied_count)
{
    struct felloe_error error = {0};
    struct box_shared shared;
    struct lent body;
    struct key_id denied[1];
    uint32_t count;
    assert_true(box_shared_of(&shared, &spoke->identity.box_public, &t->hub->log->identity.box_secret));
    assert_int_equal(log_read_keys(t->hub->log->log, bytes_str(site), &t->jo.id, 1, &spoke->identity.device, &shared,
                                   &body, &count, denied, denied_count, &error),
                     FELLOE_OK);
    lent_return(&body);
    return count;
}

static void the_key_is_for_the_sites_that_the_person_is_with(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    struct given_log *spoke = given_log(ROLE_SPOKE, t.hub->log);
    uint32_t denied;
    tell(&t, OTHER, "note.added", "text", "named without being shared"); /* the key's name can be guessed at */
    log_shares_set_known(event_log_shares(t.hub->log->log), false); /* put back, it has not looked through all yet */
    assert_int_equal(keys_for(&t, spoke, SITE, &denied), 0);
    assert_int_equal(denied, 0);
    log_shares_set_known(event_log_shares(t.hub->log->log), true);
    assert_int_equal(keys_for(&t, spoke, SITE, &denied), 1);
    assert_int_equal(keys_for(&t, spoke, OTHER, &denied), 0);
    assert_int_equal(denied, 0); /* it may come to be */
    share(&t, SITE, OTHER, true);
    copy_all(&t);
    assert_int_equal(keys_for(&t, spoke, OTHER, &denied), 1);
    assert_int_equal(keys_for(&t, spoke, SITE, &denied), 0);
    assert_int_equal(denied, 1);
    given_log_end(spoke);
    teams_end(&t);
}

/* ---- what is not believed ---- */

static struct buffer envelope_of(struct two_teams *t, uint64_t n, const char *from)
{
    struct buffer fields = {0};
    struct log_reader *reader = reader_of(t->hub->log);
    struct log_item item;
    assert_true(log_get(reader, bytes_str(SITE), (struct position){1, n}, &item));
    struct envelope envelope = {.event = item.event, .from = bytes_str(from), .at = {1, n}, .part = 1, .parts = 1};
    envelope_put(&envelope, &fields);
    log_reader_end(reader);
    return fields;
}

/* A hub's copies of what is no sound original are left out; so is a copy of a copy. */
static void a_copy_that_is_none_is_left_out(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    struct key_record lee = new_person(SITE), record = lee;
    struct log_job keep = {.kind = LOG_KEEP_KEYS, .new_keys = &record, .new_key_count = 1};
    run_well(t.hub->log, &keep);
    struct buffer wrong_site = envelope_of(&t, 1, "west"), own_site = envelope_of(&t, 1, SITE),
                  others = envelope_of(&t, 1, SITE), right = envelope_of(&t, 1, SITE), nothing = {0};
    write_in(t.hub, OTHER, &t.jo, ENVELOPE_TYPE, &wrong_site);
    write_in(t.hub, SITE, &t.jo, ENVELOPE_TYPE, &own_site); /* its own site's log has it already */
    write_in(t.hub, OTHER, &lee, ENVELOPE_TYPE, &others);   /* about another person */
    mp_put_map(&nothing, 0);
    write_in(t.hub, OTHER, &t.jo, ENVELOPE_TYPE, &nothing);
    assert_int_equal(timeline_of(&t, OTHER), 0);
    assert_int_equal(timeline_of(&t, SITE), 1);
    write_in(t.hub, OTHER, &t.jo, ENVELOPE_TYPE, &right);
    assert_int_equal(timeline_of(&t, OTHER), 1);
    teams_end(&t);
}

/* What a laptop writes as a copy is an entry like any other, of a type that is not for laptops to write. */
static void a_laptops_copies_are_not_seen_through(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    struct given_node *amy = given_node(ROLE_SPOKE, t.hub);
    add_other_site(amy, &t.other_key);
    struct key_record record = t.jo;
    struct log_job keep = {.kind = LOG_KEEP_KEYS, .new_keys = &record, .new_key_count = 1};
    run_well(amy->log, &keep);
    struct buffer fields = envelope_of(&t, 1, SITE);
    struct log_draft forged = write_in(amy, OTHER, &t.jo, ENVELOPE_TYPE, &fields);
    node_fold(amy);
    struct views_txn views;
    struct views_event event;
    struct felloe_error error = {0};
    assert_int_equal(views_read(projector_views(amy->projector), &views, &error), FELLOE_OK);
    assert_true(views_get_event(&views, &forged.id, bytes_str(OTHER), &event));
    assert_int_equal(event.flags & VIEWS_COPIED, 0);
    views_end(&views);
    given_node_end(amy);
    teams_end(&t);
}

static void keep_key(struct given_node *node, const struct key_record *key)
{
    struct key_record record = *key;
    struct log_job keep = {.kind = LOG_KEEP_KEYS, .new_keys = &record, .new_key_count = 1};
    run_well(node->log, &keep);
}

/* A laptop of the other team knows Jo's id, and no more. It shares Jo with its own site, under a key that it has: the
 * site's, another person's, and one that it made and calls Jo's. */
static void who_has_not_the_persons_key_has_nothing_to_say_of_them(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    struct key_record lee = new_person(OTHER), false_one = new_person(OTHER), site = t.other_key;
    false_one.owner = t.jo.owner;
    keep_key(t.hub, &lee);
    keep_key(t.hub, &false_one);
    struct key_record *const keys[] = {&lee, &false_one, &site};
    tell(&t, SITE, "note.added", "text", "not for the other team");
    for (size_t i = 0; i < 3; i++) {
        struct buffer fields = {0};
        mp_put_map(&fields, 1);
        mp_put_text(&fields, "to");
        mp_put_text(&fields, OTHER);
        keys[i]->owner = t.jo.owner; /* whom it speaks of */
        write_in(t.hub, OTHER, keys[i], "person.shared", &fields);
        assert_int_equal(timeline_of(&t, OTHER), 0);
        assert_int_equal(copy_all(&t), 0);
        assert_int_equal(share_of(&t, OTHER), LOG_SHARE_NONE);
    }
    teams_end(&t);
}

/* What a laptop wrote as a copy is copied, nobody sees through it, and that is the end of it: the rest goes on. */
static void a_laptops_copy_is_not_copied_for_ever(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    struct given_node *amy = given_node(ROLE_SPOKE, t.hub);
    struct copy_batch *batch;
    struct buffer fields = {0};
    node_receive(t.hub, amy);
    keep_key(amy, &t.jo);
    mp_put_map(&fields, 0);
    write_in(amy, SITE, &t.jo, ENVELOPE_TYPE, &fields);
    node_share(amy, t.hub);
    share(&t, SITE, OTHER, false);
    batch = plan(&t);
    assert_int_equal(record_batch(&t, batch), 3);
    copy_batch_free(batch);
    assert_null(plan(&t));
    tell(&t, SITE, "note.added", "text", "likes tea");
    assert_int_equal(copy_all(&t), 1);
    given_node_end(amy);
    teams_end(&t);
}

/* ---- letting go ---- */

static void a_key_is_put_away_only_when_nothing_is_left_to_look_at(void **state)
{
    (void)state;
    struct given_node *amy = given_node(ROLE_SPOKE, NULL);
    struct key_record jo = node_introduce(amy, "Jo"), got;
    struct log_job job = {.kind = LOG_LET_GO, .ids = &jo.id, .id_count = 1, .own_seq = 1};
    name_site(&job, SITE);
    assert_int_equal(run(amy->log, &job), FELLOE_NOT_FOUND); /* what was written here is not shared */
    assert_true(keyring_has(amy->log->keyring, &jo.id, NULL));
    given_node_end(amy);

    struct given_node *hub = given_node(ROLE_HUB, NULL);
    amy = given_node(ROLE_SPOKE, hub);
    jo = node_introduce(amy, "Jo");
    node_share(amy, hub);
    job = (struct log_job){.kind = LOG_LET_GO, .ids = &jo.id, .id_count = 1, .own_seq = 1};
    name_site(&job, SITE);
    node_receive(hub, amy);
    assert_int_equal(run(amy->log, &job), FELLOE_NOT_FOUND); /* the log has more than the views had folded */
    job.seen = (struct seen){1, {{1, 1}}};
    job.own_seq = 0;
    assert_int_equal(run(amy->log, &job), FELLOE_NOT_FOUND); /* and so has the own stream */
    assert_true(keyring_has(amy->log->keyring, &jo.id, NULL));
    job.own_seq = 1;
    node_fold(amy);
    run_well(amy->log, &job);
    assert_false(keyring_has(amy->log->keyring, &jo.id, NULL));
    assert_true(keyring_away(amy->log->keyring, &jo.id, NULL));
    projector_forget(amy->projector, &jo.owner);
    projector_close(amy->projector); /* with what it was asked for done, or found again */
    node_open_views(amy);
    struct node_digest left = node_digest(amy);
    (void)left;

    /* When it comes again it is taken, and all is there again. */
    struct key_record record = jo;
    struct log_job keep = {.kind = LOG_KEEP_KEYS, .new_keys = &record, .new_key_count = 1};
    run_well(amy->log, &keep);
    assert_int_equal(keyring_get(amy->log->keyring, &jo.id, &got), FELLOE_OK);
    assert_false(keyring_away(amy->log->keyring, &jo.id, NULL));
    node_record(hub, &jo, false, "note.added", (const char *[]){"text", "back again", NULL});
    node_receive(hub, amy);
    struct node_digest back = node_digest(amy), there = node_digest(hub);
    assert_same_digest(&there, &back);
    given_node_end(amy);
    given_node_end(hub);
}

/* Jo left both: what was written in the second site may be under a restricted key that is nowhere else yet. */
static void a_key_stays_while_anything_in_another_site_is_not_shared(void **state)
{
    (void)state;
    struct two_teams t = given_teams();
    struct given_node *amy = given_node(ROLE_SPOKE, t.hub);
    add_other_site(amy, &t.other_key);
    node_receive(t.hub, amy);
    keep_key(amy, &t.jo);
    struct buffer fields = {0};
    mp_put_map(&fields, 0);
    write_in(amy, OTHER, &t.jo, "note.added", &fields);
    struct log_job job = {.kind = LOG_LET_GO, .ids = &t.jo.id, .id_count = 1, .seen = {1, {{1, 1}}}};
    name_site(&job, SITE);
    assert_int_equal(run(amy->log, &job), FELLOE_NOT_FOUND);
    assert_true(keyring_has(amy->log->keyring, &t.jo.id, NULL));
    given_node_end(amy);
    teams_end(&t);
}

int main(void)
{
    assert_true(sodium_init() >= 0);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_copied_who_is_not_shared),
        cmocka_unit_test(the_history_goes_along_and_later_entries_follow),
        cmocka_unit_test(what_cannot_be_read_is_not_taken_for_not_shared),
        cmocka_unit_test(what_is_copied_again_adds_nothing),
        cmocka_unit_test(a_long_entry_goes_in_halves_and_is_told_whole),
        cmocka_unit_test(copies_that_are_folded_together_are_what_they_were_one_by_one),
        cmocka_unit_test(who_knew_of_whom_is_the_same_in_both_sites),
        cmocka_unit_test(who_left_is_not_shown_there_and_the_key_stays_away),
        cmocka_unit_test(the_key_is_for_the_sites_that_the_person_is_with),
        cmocka_unit_test(a_copy_that_is_none_is_left_out),
        cmocka_unit_test(a_laptops_copies_are_not_seen_through),
        cmocka_unit_test(a_laptops_copy_is_not_copied_for_ever),
        cmocka_unit_test(who_has_not_the_persons_key_has_nothing_to_say_of_them),
        cmocka_unit_test(a_key_is_put_away_only_when_nothing_is_left_to_look_at),
        cmocka_unit_test(a_key_stays_while_anything_in_another_site_is_not_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
