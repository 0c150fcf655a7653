/* SPDX-License-Identifier: Apache-2.0 */
/* Small requests that come together are checked and committed together, and each gets its own answer. */
#include "tests/unit/given_laptop.h"

#include <signal.h>

#define CLIENTS 40u

static void put_note(struct buffer *out, const char *person, const char *text)
{
    struct buffer fields = {0};
    const size_t begin = control_frame_begin(out);
    control_put_request(out, CONTROL_RECORD, 0);
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "text");
    mp_put_text(&fields, text);
    control_put_draft(out, &(struct control_draft){.type = bytes_str("note.added"), .person = bytes_str(person),
                                                   .fields = buffer_bytes(&fields)});
    control_frame_end(out, begin);
    buffer_release(&fields);
}

static void expect_saved(struct given_client *client, const char *person)
{
    char found[33];
    struct reply reply = client_reply(client);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, 1);
    hex_in(item_at(&reply, 0), "person", found, 33);
    assert_string_equal(found, person);
    reply_release(&reply);
}

static void each_of_many_at_once_gets_its_own_answer(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client clients[CLIENTS];
    char people[CLIENTS][33];
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = given_client(d);
        introduce(&clients[i], "Robin", people[i]);
    }
    uint64_t fewest = UINT64_MAX;
    for (unsigned round = 0; round < 6; round++) {
        for (size_t i = 0; i < CLIENTS; i++) {
            struct buffer out = {0};
            put_note(&out, people[i], "as all the others");
            client_send(&clients[i], &out);
        }
        const uint64_t commits = event_log_commits(d->daemon.log);
        for (size_t i = 0; i < CLIENTS; i++)
            expect_saved(&clients[i], people[i]);
        if (event_log_commits(d->daemon.log) - commits < fewest)
            fewest = event_log_commits(d->daemon.log) - commits;
    }
    assert_int_equal(fewest, 1); /* not each time: the views may be changing at that moment */
    for (size_t i = 0; i < CLIENTS; i += 13)
        assert_int_equal(story_length(&clients[i], people[i]), 7);
    for (size_t i = 0; i < CLIENTS; i++)
        client_end(&clients[i]);
    laptop_end(d);
}

/* Light and heavy, right and wrong, in one go: answered in their order. */
static void what_one_client_sends_in_one_go_is_answered_in_order(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33];
    introduce(&client, "Robin", person);
    struct buffer out = {0};
    put_note(&out, person, "by id");
    put_note(&out, "Robin", "by name, which waits for the views");
    put_note(&out, "0123456789abcdef0123456789abcdef", "nobody has this id");
    put_note(&out, person, "by id again");
    client_send(&client, &out);
    expect_saved(&client, person);
    expect_saved(&client, person);
    struct reply reply = client_reply(&client);
    assert_int_equal(reply.code, FELLOE_NOT_FOUND);
    reply_release(&reply);
    expect_saved(&client, person);
    assert_int_equal(story_length(&client, person), 4);
    client_end(&client);
    laptop_end(d);
}

/* A client that leaves before the end of the turn takes nothing with it: what it asked for is done. */
static void who_leaves_at_once_is_recorded_all_the_same(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33];
    introduce(&client, "Robin", person);
    for (unsigned i = 0; i < 10; i++) {
        struct given_client hasty = given_client(d);
        struct buffer out = {0};
        put_note(&out, person, "sent and gone");
        client_send(&hasty, &out);
        client_end(&hasty);
    }
    while (story_length(&client, person) < 11)
        continue;
    client_end(&client);
    laptop_end(d);
}

static struct projector *away;
static void take_views_away(struct given_daemon *d)
{
    away = d->daemon.projector;
    d->daemon.projector = NULL;
}
static void bring_views_back(struct given_daemon *d)
{
    d->daemon.projector = away;
}

/* Where the views cannot be read at that moment the pool does it, and says what is wrong. */
static void where_there_is_no_reading_now_the_pool_tries(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33];
    introduce(&client, "Robin", person);
    assert_int_equal(story_length(&client, person), 1);
    on_the_loop(d, take_views_away);
    struct buffer out = {0};
    put_note(&out, person, "while there are no views");
    client_send(&client, &out);
    struct reply reply = client_reply(&client);
    assert_int_equal(reply.code, FELLOE_LOCKED);
    reply_release(&reply);
    on_the_loop(d, bring_views_back);
    put_note(&out, person, "and now there are");
    client_send(&client, &out);
    expect_saved(&client, person);
    client_end(&client);
    laptop_end(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_of_many_at_once_gets_its_own_answer),
        cmocka_unit_test(what_one_client_sends_in_one_go_is_answered_in_order),
        cmocka_unit_test(who_leaves_at_once_is_recorded_all_the_same),
        cmocka_unit_test(where_there_is_no_reading_now_the_pool_tries),
    };
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
