/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked of a daemon while a key cannot be read: the whole answer, or that there is none. Never one that lacks
 * what that key would have opened. */
#include "tests/unit/given_keys_unread.h"
#include "tests/unit/given_laptop.h"

#include "daemon/store/keyring_inside.h"

#include <sodium.h>

struct question {
    enum control_verb verb;
    const char *arguments[7];
};

static const struct question questions[] = {
    {CONTROL_LOG, {NULL}},
    {CONTROL_LOG, {"names", "!", NULL}},
    {CONTROL_SEARCH, {"words", "library", NULL}},
    {CONTROL_VIEW, {"name", "person", "person", "Robin", NULL}},
    {CONTROL_VIEW, {"name", "front-door", NULL}},
    {CONTROL_DIGEST, {NULL}},
};

static bool is_same(const struct question *q, const struct reply *a, const struct reply *b)
{
    return a->count == b->count && bytes_equal(buffer_bytes(&a->items), buffer_bytes(&b->items)) &&
           (q->verb != CONTROL_DIGEST || bytes_equal(buffer_bytes(&a->summary), buffer_bytes(&b->summary)));
}

static void ask_with_each_key_unread(struct given_daemon *d, struct given_client *client, const struct question *q)
{
    struct reply whole = client_ask(client, q->verb, q->arguments);
    if (whole.code != FELLOE_OK)
        fail_msg("%s", whole.text);
    unsigned readings = 0, refused = 0;
    for (unsigned at = 0; at <= readings; at++) {
        keyring_opened_clear(d->daemon.keyring);
        keys_fail_at(at);
        struct reply reply = client_ask(client, q->verb, q->arguments);
        const unsigned read = keys_are_read();
        readings = read > readings ? read : readings;
        refused += reply.code != FELLOE_OK;
        if (reply.code == FELLOE_OK ? !is_same(q, &whole, &reply) : reply.code != FELLOE_STORAGE)
            fail_msg("question %zu, reading %u of %u: %zu of %zu items: %s", (size_t)(q - questions), at, readings,
                     reply.count, whole.count, reply.text);
        reply_release(&reply);
        assert_true(at < 500);
    }
    print_message("question %zu: %zu items, %u readings, %u refused\n", (size_t)(q - questions), whole.count, readings,
                  refused);
    assert_true(refused > 0);
    reply_release(&whole);
}

static void an_answer_is_whole_or_there_is_none(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    static const char *const names[] = {"Robin", "Kay", "Sam"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char person[33];
        introduce(&client, names[i], person);
        save(&client, person, NULL, "note.added", (const char *[]){"text", "met at the library", NULL});
    }
    story_length(&client, "Robin"); /* all of it is folded */
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask_with_each_key_unread(d, &client, &questions[i]);
    client_end(&client);
    laptop_end(d);
}

static size_t count_people(struct given_client *client)
{
    struct reply log = client_ask(client, CONTROL_VIEW, (const char *[]){"name", "front-door", NULL});
    assert_int_equal(log.code, FELLOE_OK);
    const size_t count = log.count;
    reply_release(&log);
    return count;
}

/* An import that came before: whoever it is about is here already. */
static void nobody_is_made_twice(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct key_record commons = {.id = {{7, 7}}, .kind = KEY_SITE, .site = "commons", .key = {{8, 8}}};
    assert_int_equal(keyring_add(d->daemon.keyring, &commons, 1, NULL), FELLOE_OK);
    const struct control_draft first = {.source = bytes_str("old"), .origin = bytes_str("1"),
                                        .subject = bytes_str("no. 7")};
    static const char *const fields[] = {"known_as", "Robin", "source", "Q1", NULL};
    struct reply reply = client_record(&client, first, "person.introduced", fields);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    reply_release(&reply);
    assert_int_equal(count_people(&client), 1);
    unsigned readings = 0;
    for (unsigned at = 0; at <= readings; at++) {
        char origin[16];
        snprintf(origin, sizeof origin, "n%u", at);
        const struct control_draft next = {.source = bytes_str("old"), .origin = bytes_str(origin),
                                           .subject = bytes_str("no. 7")};
        keys_fail_at(at);
        reply = client_record(&client, next, "note.added", (const char *[]){"text", "x", NULL});
        const unsigned read = keys_are_read();
        readings = read > readings ? read : readings;
        if (reply.code != FELLOE_OK && reply.code != FELLOE_STORAGE)
            fail_msg("reading %u: %s", at, reply.text);
        reply_release(&reply);
        reply = client_ask(&client, CONTROL_VIEW, (const char *[]){"name", "person", "person", "Robin", NULL});
        assert_int_equal(reply.code, FELLOE_OK);
        reply_release(&reply);
        struct views_txn txn;
        assert_int_equal(views_read(projector_views(d->daemon.projector), &txn, NULL), FELLOE_OK);
        assert_int_equal(store_count(txn.store, VIEWS_DOCS), 1);
        views_end(&txn);
    }
    print_message("%u readings\n", readings);
    client_end(&client);
    laptop_end(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_whole_or_there_is_none),
        cmocka_unit_test(nobody_is_made_twice),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
