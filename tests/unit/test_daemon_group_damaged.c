/* SPDX-License-Identifier: Apache-2.0 */
/* Small requests are checked together in one reading: a page that is damaged is the matter of the one that meets it.
 * And where it is one of the log, the views are not to blame. */
#include "tests/unit/given_daemon.h"

#include <dlfcn.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>

/* ---- a disk whose pages are damaged, or slow, where a person's rows are: once each ---- */

struct lmdb_value {
    size_t size;
    const void *data;
};
#define LMDB_CORRUPTED (-30796)

static struct {
    atomic_bool damaged, slow;
    struct person_id damaged_person, slow_person;
    sem_t reached, go_on;
    atomic_uint unreadable; /* an own event of the log; 0: none */
} disk;

static bool is_about(const struct lmdb_value *key, const struct person_id *person)
{
    return key != NULL && key->data != NULL && memmem(key->data, key->size, person, sizeof *person) != NULL;
}

static bool meets_damage(const struct lmdb_value *key)
{
    if (atomic_load(&disk.slow) && is_about(key, &disk.slow_person) && atomic_exchange(&disk.slow, false)) {
        sem_post(&disk.reached);
        sem_wait(&disk.go_on);
    }
    return atomic_load(&disk.damaged) && is_about(key, &disk.damaged_person) && atomic_exchange(&disk.damaged, false);
}

/* They lie under their incarnation and number. */
static bool is_unreadable(const struct lmdb_value *key)
{
    const unsigned number = atomic_load(&disk.unreadable);
    return number != 0 && key->size == 12 && be_u32(key->data) == 1 && be_u64((const uint8_t *)key->data + 4) == number;
}

int mdb_get(void *txn, unsigned table, struct lmdb_value *key, struct lmdb_value *value);
int mdb_get(void *txn, unsigned table, struct lmdb_value *key, struct lmdb_value *value)
{
    int (*real)(void *, unsigned, struct lmdb_value *, struct lmdb_value *);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_get");
    return meets_damage(key) || is_unreadable(key) ? LMDB_CORRUPTED : real(txn, table, key, value);
}

int mdb_cursor_get(void *cursor, struct lmdb_value *key, struct lmdb_value *value, int way);
int mdb_cursor_get(void *cursor, struct lmdb_value *key, struct lmdb_value *value, int way)
{
    int (*real)(void *, struct lmdb_value *, struct lmdb_value *, int);
    *(void **)&real = dlsym(RTLD_NEXT, "mdb_cursor_get");
    return meets_damage(key) ? LMDB_CORRUPTED : real(cursor, key, value, way);
}

/* ---- the scene ---- */

static void introduce(struct given_client *client, char person[33])
{
    struct control_draft draft = {.person = bytes_str("@new"), .anyway = true};
    struct reply reply = client_record(client, draft, "person.introduced",
                                       (const char *[]){"known_as", "Robin", "source", "Q1", NULL});
    assert_int_equal(reply.code, FELLOE_OK);
    hex_in(item_at(&reply, 0), "person", person, 33);
    reply_release(&reply);
    reply = client_ask(client, CONTROL_VIEW, (const char *[]){"name", "person", "person", person, NULL});
    assert_int_equal(reply.count, 1); /* the views have it */
    reply_release(&reply);
}

static void send_note(struct given_client *client, const char *person)
{
    struct buffer out = {0};
    const size_t begin = control_frame_begin(&out);
    put_request(&out, CONTROL_RECORD, NULL);
    put_draft(&out, (struct control_draft){.person = bytes_str(person)}, "note.added",
              (const char *[]){"text", "all at once", NULL});
    control_frame_end(&out, begin);
    client_send(client, &out);
}

static void expect_saved(struct given_client *client)
{
    struct reply reply = client_reply(client);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, 1);
    reply_release(&reply);
}

static void expect_damaged(struct given_client *client)
{
    struct reply reply = client_reply(client);
    if (reply.code != FELLOE_DAMAGED || strstr(reply.text, "being made again") == NULL)
        fail_msg("%s: %s", felloe_code_name(reply.code), reply.text);
    reply_release(&reply);
}

/* It is told so: that there is no such person, or nothing that it contradicts, cannot be known. The others of its turn
 * are saved. */
static void a_damaged_page_is_the_matter_of_whoever_meets_it(void **state)
{
    (void)state;
    struct given_log *log = given_log(ROLE_SPOKE, NULL);
    struct given_daemon *d = given_daemon(ROLE_SPOKE, log);
    struct given_client first = given_client(d), clients[3];
    char slow[33], people[3][33];
    introduce(&first, slow);
    for (size_t i = 0; i < 3; i++) {
        clients[i] = given_client(d);
        introduce(&clients[i], people[i]);
    }
    assert_true(hex_decode(bytes_str(slow), disk.slow_person.b, sizeof disk.slow_person.b));
    assert_true(hex_decode(bytes_str(people[0]), disk.damaged_person.b, sizeof disk.damaged_person.b));
    atomic_store(&disk.slow, true);
    send_note(&first, slow);
    sem_wait(&disk.reached);
    atomic_store(&disk.damaged, true);
    for (size_t i = 0; i < 3; i++)
        send_note(&clients[i], people[i]);
    sem_post(&disk.go_on);
    expect_saved(&first);
    expect_damaged(&clients[0]);
    expect_saved(&clients[1]);
    expect_saved(&clients[2]);
    send_note(&clients[0], people[0]);
    expect_saved(&clients[0]);
    for (size_t i = 0; i < 3; i++)
        client_end(&clients[i]);
    client_end(&first);
    given_daemon_end(d);
    given_log_end(log);
}

static void expect_entries(struct given_client *client, enum control_verb verb, const char *const *what, size_t count)
{
    struct reply reply = client_ask(client, verb, what);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, count);
    reply_release(&reply);
}

/* The other entries are not given for the whole story, and nothing is made again, which would change nothing. */
static void a_story_of_which_the_log_is_damaged_says_so(void **state)
{
    (void)state;
    struct given_log *log = given_log(ROLE_SPOKE, NULL);
    struct given_daemon *d = given_daemon(ROLE_SPOKE, log);
    struct given_client client = given_client(d);
    char person[33];
    introduce(&client, person);
    send_note(&client, person);
    expect_saved(&client);
    const char *const story[] = {"name", "person", "person", person, NULL};
    const char *const search[] = {"words", "once", NULL};
    expect_entries(&client, CONTROL_VIEW, story, 2);
    expect_entries(&client, CONTROL_SEARCH, search, 1);

    atomic_store(&disk.unreadable, 2);
    for (size_t i = 0; i < 2; i++) {
        struct reply reply = i == 0 ? client_ask(&client, CONTROL_VIEW, story)
                                    : client_ask(&client, CONTROL_SEARCH, search);
        if (reply.code != FELLOE_DAMAGED || strstr(reply.text, "felloe repair") == NULL)
            fail_msg("%s: %s", felloe_code_name(reply.code), reply.text);
        reply_release(&reply);
    }
    assert_false(views_damaged(projector_views(d->daemon.projector)));
    atomic_store(&disk.unreadable, 0);
    expect_entries(&client, CONTROL_VIEW, story, 2);
    client_end(&client);
    given_daemon_end(d);
    given_log_end(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_page_is_the_matter_of_whoever_meets_it),
        cmocka_unit_test(a_story_of_which_the_log_is_damaged_says_so),
    };
    sem_init(&disk.reached, 0, 0);
    sem_init(&disk.go_on, 0, 0);
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
