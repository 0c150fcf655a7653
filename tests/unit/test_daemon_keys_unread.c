/* SPDX-License-Identifier: Apache-2.0 */
/* A key that cannot be read at some moment is not a key that is not here: whichever reading of the keyring fails, once,
 * the views come to be what they are where none does. */
#include <sched.h>

#include "tests/unit/given_keys_unread.h"
#include "tests/unit/given_views.h"

#include "daemon/store/keyring_inside.h"
#include "daemon/store/keyring_repair.h"

#define PEOPLE 3

struct team {
    struct given_node *hub, *amy;
    struct key_record people[PEOPLE], secret;
};

static struct team team_new(void)
{
    struct team t = {.hub = given_node(ROLE_HUB, NULL)};
    t.amy = given_node(ROLE_SPOKE, t.hub);
    for (int i = 0; i < PEOPLE; i++) {
        t.people[i] = node_introduce(t.amy, "Robin");
        node_name(t.amy, &t.people[i], "Kay");
    }
    record_note(t.amy->log, "of nobody");
    t.secret = new_person(SITE);
    t.secret.kind = KEY_PERSON_AUDIENCE;
    t.secret.owner = t.people[0].owner;
    assert_true(audience_add(&t.secret.members, bytes_str("amy")));
    assert_true(audience_add(&t.secret.members, bytes_str("ben")));
    node_record(t.amy, &t.secret, true, "safeguarding.sent",
                (const char *[]){"kind", "physical", "wishes", "to be left alone", NULL});
    return t;
}

static void team_end(struct team *t)
{
    given_node_end(t->amy);
    given_node_end(t->hub);
}

/* Until all is folded, which is tried again at once where it failed. */
static void fold_now(struct given_node *node)
{
    const uint64_t commits = event_log_commits(node->log->log);
    while (!projector_has(node->projector, commits)) {
        projector_want(node->projector, commits);
        sched_yield();
    }
}

static bool reads_secret(const struct team *t)
{
    struct views_txn txn;
    struct buffer plain = {0};
    assert_int_equal(views_read(projector_views(t->amy->projector), &txn, NULL), FELLOE_OK);
    const bool reads = views_get_restricted(&txn, bytes_str(SITE), &t->people[0].owner, &plain) == VIEWS_FOUND;
    views_end(&txn);
    buffer_release(&plain);
    return reads;
}

/* Made again, with each reading failing in turn (or each so many-th). Returns how many there are. */
static unsigned make_again(struct team *t, unsigned step)
{
    const struct node_digest before = node_digest(t->amy);
    assert_int_equal(rows_in(&before, "documents"), PEOPLE + 1);
    assert_true(reads_secret(t));
    unsigned readings = 0;
    for (unsigned at = 0; at <= readings; at += step) {
        keyring_opened_clear(t->amy->log->keyring);
        keys_fail_at(at);
        projector_rebuild(t->amy->projector);
        fold_now(t->amy);
        const unsigned read = keys_are_read();
        const struct node_digest after = node_digest(t->amy);
        assert_same_digest(&before, &after);
        assert_true(reads_secret(t));
        assert_false(views_damaged(projector_views(t->amy->projector)));
        readings = at == 0 ? read : readings;
    }
    return readings;
}

static void views_that_are_made_anew_lack_nobody(void **state)
{
    (void)state;
    struct team t = team_new();
    const unsigned readings = make_again(&t, 1);
    print_message("%u readings\n", readings);
    assert_true(readings > 3 * PEOPLE);
    team_end(&t);
}

/* Of which a thread of its own opens the entries. */
static void nor_do_those_of_a_long_log(void **state)
{
    (void)state;
    enum { NOTES = 3000, AT_ONCE = 100 };
    struct team t = team_new();
    for (unsigned i = 0; i < NOTES; i += AT_ONCE) {
        struct log_draft drafts[AT_ONCE];
        for (unsigned k = 0; k < AT_ONCE; k++)
            drafts[k] = person_note(&t.people[k % PEOPLE], "one among many");
        struct log_job job = record_job(SITE, drafts, AT_ONCE);
        run_well(t.amy->log, &job);
    }
    const unsigned readings = make_again(&t, 1);
    print_message("%u readings\n", readings);
    team_end(&t);
}

/* A key comes for which entries have waited; and more is said of others meanwhile. */
static void what_has_waited_for_its_key_is_there_once_it_has_come(void **state)
{
    (void)state;
    struct team t = team_new();
    const struct key_record late = t.people[1];
    unsigned readings = 0;
    for (unsigned at = 0; at <= readings; at++) {
        assert_int_equal(keyring_put_away(t.amy->log->keyring, &late.id, 1, NULL), FELLOE_OK);
        projector_rebuild(t.amy->projector);
        fold_now(t.amy);
        struct node_digest now = node_digest(t.amy);
        assert_int_equal(rows_in(&now, "documents"), PEOPLE);

        assert_int_equal(keyring_add(t.amy->log->keyring, &late, 1, NULL), FELLOE_OK);
        keyring_opened_clear(t.amy->log->keyring);
        node_name(t.amy, &t.people[2], "Sam");
        keyring_opened_clear(t.amy->log->keyring);
        keys_fail_at(at);
        fold_now(t.amy);
        const unsigned read = keys_are_read();
        now = node_digest(t.amy);
        assert_int_equal(rows_in(&now, "documents"), PEOPLE + 1);
        assert_true(reads_secret(&t));
        readings = read > readings && at < 100 ? read : readings;
    }
    print_message("%u readings\n", readings);
    team_end(&t);
}

/* An answer from views of which a key could not be read says so: it is no answer, nor are they damaged. */
static void a_reading_says_that_a_key_could_not_be_read(void **state)
{
    (void)state;
    struct team t = team_new();
    struct views_txn txn;
    struct buffer plain = {0};
    node_fold(t.amy);
    unsigned readings = 0;
    for (unsigned at = 0; at <= readings; at++) {
        keyring_opened_clear(t.amy->log->keyring);
        assert_int_equal(views_read(projector_views(t.amy->projector), &txn, NULL), FELLOE_OK);
        keys_fail_at(at);
        const enum views_found found = views_get_document(&txn, bytes_str(SITE), &t.people[1].owner, &plain);
        const unsigned read = keys_are_read();
        readings = read > readings ? read : readings;
        assert_true(found == VIEWS_FOUND || txn.unread);
        views_end(&txn);
        assert_false(views_damaged(projector_views(t.amy->projector)));
    }
    buffer_release(&plain);
    team_end(&t);
}

/* ---- the keyring itself ---- */

static bool visit_device(void *context, const struct device_id *device, struct bytes row)
{
    (void)device, (void)row;
    ++*(unsigned *)context;
    return true;
}

static bool visit_key(void *context, const struct key_record *record)
{
    (void)record;
    ++*(unsigned *)context;
    return true;
}

static bool visit_id(void *context, const struct key_id *id)
{
    (void)id;
    ++*(unsigned *)context;
    return true;
}

/* Each question: is the answer to it, that was right, still right, or said to be none? */
static bool ask(const struct team *t, const struct key_id *gone, unsigned question)
{
    struct keyring *ring = t->amy->log->keyring;
    struct key_record out, like = t->secret;
    char site[SLUG_MAX + 1];
    unsigned count = 0;
    bool unread = false, yes = false;
    enum felloe_code code = FELLOE_OK;
    switch (question) {
    case 0: code = keyring_get(ring, &t->people[0].id, &out); break;
    case 1: code = keyring_site_key(ring, bytes_str(SITE), &out); break;
    case 2: code = keyring_audience_key(ring, &like, &out); break;
    case 3: yes = keyring_has(ring, &t->people[0].id, &unread); break;
    case 4: yes = keyring_holds(ring, &t->people[0].id, &unread); break;
    case 5: yes = keyring_erased(ring, gone, &unread); break;
    case 6: yes = keyring_erased_owner(ring, &(struct key_record){.id = *gone, .kind = KEY_PERSON}, &unread); break;
    case 7: yes = keyring_site_at(ring, 0, site, &unread); break;
    case 8: yes = keyring_devices(ring, visit_device, &count, &unread) && count == 1; break;
    case 9: yes = !keyring_visit(ring, visit_key, &count) || count == PEOPLE + 2; break;
    case 10: yes = !keyring_visit_erased(ring, visit_id, &count) || count == 1; break;
    case 11: yes = keyring_count_damaged(ring, &unread) == 0 && !unread; break;
    default: return false;
    }
    return question < 3 ? code == FELLOE_OK || code == FELLOE_STORAGE : yes || unread;
}

static void no_question_takes_what_it_could_not_read_for_a_no(void **state)
{
    (void)state;
    struct team t = team_new();
    struct keyring *ring = t.amy->log->keyring;
    const struct key_id gone = {{9, 9, 9}};
    assert_int_equal(keyring_erase(ring, &gone, 1, NULL), FELLOE_OK);
    assert_int_equal(keyring_put_device(ring, &(struct device_id){{1}}, bytes_str("a row"), NULL), FELLOE_OK);
    unsigned question = 0;
    for (; ask(&t, &gone, question); question++) {
        unsigned readings = 0;
        for (unsigned at = 0; at <= readings; at++) {
            keyring_opened_clear(ring);
            keys_fail_at(at);
            const bool fine = ask(&t, &gone, question);
            const unsigned read = keys_are_read();
            readings = read > readings ? read : readings;
            if (!fine)
                fail_msg("question %u, reading %u", question, at);
        }
    }
    assert_int_equal(question, 12);
    team_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_that_are_made_anew_lack_nobody),
        cmocka_unit_test(nor_do_those_of_a_long_log),
        cmocka_unit_test(what_has_waited_for_its_key_is_there_once_it_has_come),
        cmocka_unit_test(a_reading_says_that_a_key_could_not_be_read),
        cmocka_unit_test(no_question_takes_what_it_could_not_read_for_a_no),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
