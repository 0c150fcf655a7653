/* SPDX-License-Identifier: Apache-2.0 */
/* Looks in the log: who can read them, and how they come to the hub whatever becomes of the laptop. */
#include "tests/unit/given_log.h"

#include <pwd.h>
#include <sodium.h>
#include <stdio.h>

#include "daemon/audit.h"
#include "daemon/daemon.h"
#include "daemon/log/log_internal.h"
#include "daemon/log/look_scan.h"

static struct box_public auditors;
static struct box_secret auditors_secret;

/* Instead of the system's: these users are named by their numbers. */
static unsigned names_looked_up;

int getpwuid_r(uid_t uid, struct passwd *entry, char *room, size_t size, struct passwd **found)
{
    names_looked_up++;
    snprintf(room, size, "user-%u", (unsigned)uid);
    *entry = (struct passwd){.pw_name = room, .pw_uid = uid};
    *found = entry;
    return 0;
}

static int the_auditors(void **state)
{
    (void)state;
    memset(auditors_secret.b, 0x5a, sizeof auditors_secret.b);
    return sodium_init() < 0 || crypto_scalarmult_base(auditors.b, auditors_secret.b) != 0;
}

static struct daemon daemon_of(struct given_log *g)
{
    return (struct daemon){.config.role = g->identity.role, .identity = g->identity, .log = g->log,
                           .terms = {.has_auditors = true, .auditors = auditors}};
}

struct waiting {
    bool done;
    struct felloe_error error;
};

static void look_done(void *context, const struct felloe_error *error)
{
    struct waiting *waiting = context;
    waiting->done = true;
    waiting->error = *error;
}

static void wait_look(struct given_log *g, const struct waiting *waiting)
{
    while (!waiting->done)
        for (struct queue_item *item = queue_wait_all(&g->completions); item != NULL;) {
            struct queue_item *next = item->next;
            struct log_job *job = (struct log_job *)((char *)item - offsetof(struct log_job, link));
            job->done(job);
            item = next;
        }
}

static struct person_id person(unsigned n)
{
    struct person_id id = {{1, (uint8_t)(n >> 8), (uint8_t)n}};
    return id;
}

/* So many people, from this one on, in one look of this user's. */
static void look_as(struct given_log *g, struct daemon *daemon, int64_t uid, const char *how, unsigned first,
                    size_t count)
{
    struct person_id people[600];
    struct waiting waiting = {0};
    for (size_t i = 0; i < count; i++)
        people[i] = person(first + (unsigned)i);
    const struct audit_wish wish = {
        .how = how, .what = "", .worker = "ash-grey", .uid = uid, .people = people, .count = count};
    assert_true(audit_record(daemon, &wish, look_done, &waiting));
    wait_look(g, &waiting);
    assert_int_equal(waiting.error.code, FELLOE_OK);
}

static void look(struct given_log *g, struct daemon *daemon, const char *how, unsigned first, size_t count)
{
    look_as(g, daemon, -1, how, first, count);
}

static uint64_t own_looks(struct given_log *g)
{
    struct stream_head own = {0};
    uint64_t shared;
    int64_t oldest;
    struct log_reader *reader = reader_of(g);
    assert_true(log_own(reader, bytes_str(AUDIT_SITE), &own, &shared, &oldest));
    log_reader_end(reader);
    return own.seq;
}

static struct look_found scan(struct given_log *hub, const struct box_public *public_key,
                              const struct box_secret *secret, const struct look_filter *filter)
{
    const struct look_filter all = {0};
    struct look_secrets secrets = {.count = 1};
    struct look_found found = {0};
    secrets.at[0].public_key = *public_key;
    secrets.at[0].secret = *secret;
    struct log_reader *reader = reader_of(hub);
    look_scan(reader, &secrets, filter != NULL ? filter : &all, NULL, NULL, &found);
    log_reader_end(reader);
    assert_false(found.failed);
    return found;
}

/* All of the laptop's stream from this event on. */
static void push_looks(struct given_log *spoke, struct given_log *hub, uint64_t first_seq)
{
    struct lent body;
    uint32_t count, key_count;
    struct event_id last_id;
    struct batch *batch;
    struct felloe_error error = {0};
    assert_int_equal(log_read_push(spoke->log, bytes_str(AUDIT_SITE), first_seq, BODY_TARGET, &body, &count, &key_count,
                                   &last_id, NULL, &error),
                     FELLOE_OK);
    assert_int_equal(key_count, 0); /* their keys come in the events */
    const struct entries_form form = {.site = bytes_str(AUDIT_SITE), .count = count};
    assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_OK);
    given_stream(batch);
    struct log_job job = {.kind = LOG_KEEP_PUSH, .batch = batch};
    run_well(hub, &job);
    assert_int_equal(job.missing_count, 0); /* and the hub asks nobody for them */
    batch_free(batch);
}

static void share_looks(struct given_log *spoke, const struct given_log *hub, uint64_t seq)
{
    struct log_item item;
    struct msg_receipt receipt = {
        .site = bytes_str(AUDIT_SITE), .incarnation = event_log_incarnation(spoke->log), .seq = seq};
    struct log_reader *reader = reader_of(spoke);
    assert_true(log_get_own(reader, receipt.site, seq, &item));
    event_id_of(item.event, &receipt.id);
    log_reader_end(reader);
    sign_receipt(&hub->identity.sign_secret, receipt.site, &spoke->identity.device, receipt.incarnation, seq,
                 &receipt.id, &receipt.signature);
    struct log_job job = {.kind = LOG_KEEP_RECEIPT, .receipt = &receipt};
    run_well(spoke, &job);
}

/* ---- stories ---- */

static void only_the_auditors_read_what_a_laptop_recorded(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL), *laptop = given_log(ROLE_SPOKE, hub);
    struct daemon daemon = daemon_of(laptop);
    look(laptop, &daemon, "show", 7, 1);
    look(laptop, &daemon, "search", 8, 2);
    assert_int_equal(own_looks(laptop), 3); /* the key once, before the first */
    push_looks(laptop, hub, 1);

    struct look_found found = scan(hub, &auditors, &auditors_secret, NULL);
    assert_int_equal(found.count, 2);
    assert_string_equal(found.rows[0].how, "show");
    assert_string_equal(found.rows[0].worker, "ash-grey");
    assert_memory_equal(&found.rows[0].device, &laptop->identity.device, sizeof found.rows[0].device);
    assert_string_equal(found.rows[1].how, "search");
    assert_int_equal(found.rows[1].count, 2);
    const struct person_id second = person(9);
    assert_memory_equal(&found.people[found.rows[1].people + 1], &second, sizeof second);
    look_found_release(&found);

    const struct {
        const struct box_public *public_key;
        const struct box_secret *secret;
    } others[] = {{&hub->identity.box_public, &hub->identity.box_secret},
                  {&laptop->identity.box_public, &laptop->identity.box_secret},
                  {&auditors, &laptop->identity.box_secret}, /* its own secret, and the auditors' public key */
                  {&auditors, &hub->identity.box_secret}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        found = scan(hub, others[i].public_key, others[i].secret, NULL);
        assert_int_equal(found.count, 0);
        assert_int_equal(found.sealed, 2);
        look_found_release(&found);
    }
    audit_close(&daemon);
    given_log_end(laptop);
    given_log_end(hub);
}

static void a_look_tells_whose_it_was_and_a_name_is_not_asked_for_each_time(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct daemon daemon = daemon_of(hub);
    static const int64_t users[] = {5, 5, 6, 5, 5};
    static const char *const names[] = {"user-5", "user-5", "user-6", "user-5", "user-5"};
    names_looked_up = 0;
    for (unsigned i = 0; i < 5; i++)
        look_as(hub, &daemon, users[i], "show", 1, 1);
    assert_in_range(names_looked_up, 3, 4); /* ten seconds may have passed */
    struct look_found found = scan(hub, &auditors, &auditors_secret, NULL);
    assert_int_equal(found.count, 5);
    for (unsigned i = 0; i < 5; i++)
        assert_string_equal(found.rows[i].user, names[i]);
    look_found_release(&found);
    audit_close(&daemon);
    given_log_end(hub);
}

static uint64_t commits_on_disk(struct given_log *g)
{
    struct log_reader *reader = log_reader_begin(g->log, NULL);
    const uint64_t number = store_txn_number(reader->txn);
    log_reader_end(reader);
    return number;
}

static void many_people_are_several_events_and_one_commit(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct daemon daemon = daemon_of(hub);
    const uint64_t before = commits_on_disk(hub), told = event_log_commits(hub->log);
    look(hub, &daemon, "view", 1, 600);
    assert_int_equal(commits_on_disk(hub), before + 1);
    assert_int_equal(event_log_commits(hub->log), told); /* nothing that is shown has changed */
    assert_int_equal(own_looks(hub), 4); /* the key, and 256 + 256 + 88 */

    const struct look_filter of_one = {.has_person = true, .person = person(600)};
    struct look_found found = scan(hub, &auditors, &auditors_secret, &of_one);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.rows[0].count, 600 - 512);
    look_found_release(&found);
    const struct look_filter of_another = {.worker = bytes_str("somebody")};
    found = scan(hub, &auditors, &auditors_secret, &of_another);
    assert_int_equal(found.count, 0);
    look_found_release(&found);
    audit_close(&daemon);
    given_log_end(hub);
}

static void other_auditors_get_a_key_of_their_own(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL);
    struct daemon daemon = daemon_of(hub);
    look(hub, &daemon, "show", 1, 1);
    daemon.terms.auditors = hub->identity.box_public;
    look(hub, &daemon, "show", 2, 1);
    assert_int_equal(own_looks(hub), 4);
    struct look_found found = scan(hub, &auditors, &auditors_secret, NULL);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.sealed, 1);
    look_found_release(&found);
    audit_close(&daemon);
    given_log_end(hub);
}

/* Set back or copied: what the hub may lack comes with the new stream, and what it has counts once. */
static void a_laptop_that_goes_on_brings_what_was_not_shared(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL), *laptop = given_log(ROLE_SPOKE, hub);
    struct daemon daemon = daemon_of(laptop);
    look(laptop, &daemon, "show", 1, 1);   /* 1: the key, 2 */
    push_looks(laptop, hub, 1);
    share_looks(laptop, hub, 2);
    look(laptop, &daemon, "search", 2, 1); /* 3: the hub has it, and its receipt was lost */
    push_looks(laptop, hub, 3);
    look(laptop, &daemon, "export", 3, 1); /* 4: only here */
    assert_int_equal(go_on(laptop, 2), 0); /* looks are none of the entries that are told */
    assert_int_equal(own_looks(laptop), 2);
    look(laptop, &daemon, "news", 4, 1);   /* with its key in the new stream */
    assert_int_equal(own_looks(laptop), 4);
    assert_int_equal(go_on(laptop, 9), 0); /* once more: what is carried is carried as it was */
    assert_int_equal(own_looks(laptop), 4);
    push_looks(laptop, hub, 1);

    struct look_found found = scan(hub, &auditors, &auditors_secret, NULL);
    static const char *const expected[] = {"show", "search", "export", "news"};
    assert_int_equal(found.count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(found.rows[i].how, expected[i]);
    assert_int_equal(found.sealed, 0);
    look_found_release(&found);
    audit_close(&daemon);
    given_log_end(laptop);
    given_log_end(hub);
}

/* Whoever writes to the log can write anything: what another device is said to have looked at counts for nothing. */
static void nobody_carries_anothers_looks(void **state)
{
    (void)state;
    struct given_log *hub = given_log(ROLE_HUB, NULL), *laptop = given_log(ROLE_SPOKE, hub),
                     *other = given_log(ROLE_SPOKE, hub);
    struct daemon daemon = daemon_of(laptop);
    look(laptop, &daemon, "show", 1, 1);
    struct look_key envelope;
    struct buffer fields = {0};
    struct log_item item;
    look_envelope_key(&envelope);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        struct log_reader *reader = reader_of(laptop);
        buffer_clear(&fields);
        assert_true(log_get_own(reader, bytes_str(AUDIT_SITE), seq, &item));
        look_again_put(&fields, item.event);
        log_reader_end(reader);
        struct log_draft draft = {.body = {.type = bytes_str(LOOK_AGAIN_TYPE), .worker = bytes_str("sam"),
                                           .fields = buffer_bytes(&fields)},
                                  .key = envelope.id, .sealing = &envelope.key};
        struct log_job job = record_job(AUDIT_SITE, &draft, 1);
        run_well(other, &job);
    }
    buffer_release(&fields);
    push_looks(other, hub, 1);
    struct look_found found = scan(hub, &auditors, &auditors_secret, NULL);
    assert_int_equal(found.count, 0);
    look_found_release(&found);
    audit_close(&daemon);
    given_log_end(other);
    given_log_end(laptop);
    given_log_end(hub);
}

static void looks_are_in_no_list_of_sites(void **state)
{
    (void)state;
    struct given_log *g = given_log(ROLE_SPOKE, NULL);
    struct daemon daemon = daemon_of(g);
    char name[SLUG_MAX + 1];
    daemon.identity.hub_box = auditors;
    look(g, &daemon, "show", 1, 1);
    struct log_reader *reader = reader_of(g);
    for (size_t i = 0; log_site_at(reader, i, name); i++)
        assert_string_not_equal(name, AUDIT_SITE);
    log_reader_end(reader);
    given_log_close(g); /* and they are there after a restart */
    given_log_reopen(g);
    assert_int_equal(own_looks(g), 2);
    audit_close(&daemon);
    given_log_end(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_auditors_read_what_a_laptop_recorded),
        cmocka_unit_test(a_look_tells_whose_it_was_and_a_name_is_not_asked_for_each_time),
        cmocka_unit_test(many_people_are_several_events_and_one_commit),
        cmocka_unit_test(other_auditors_get_a_key_of_their_own),
        cmocka_unit_test(a_laptop_that_goes_on_brings_what_was_not_shared),
        cmocka_unit_test(nobody_carries_anothers_looks),
        cmocka_unit_test(looks_are_in_no_list_of_sites),
    };
    return cmocka_run_group_tests(tests, the_auditors, NULL);
}
