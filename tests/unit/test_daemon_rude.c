/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of the local socket that do not behave: they hang up half way, ask without listening, leave while they are
 * being answered. Nobody else may notice, and nothing may be kept for them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <sodium.h>

#include "tests/unit/given_daemon.h"

static struct given_log *log_given;
static struct given_daemon *daemon_given;

static int setup(void **state)
{
    (void)state;
    log_given = given_log(ROLE_SPOKE, NULL);
    daemon_given = given_daemon(ROLE_SPOKE, log_given);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    given_daemon_end(daemon_given);
    given_log_end(log_given);
    return 0;
}

/* All answers come, though they are more than the socket holds and the client said before them that it is done. */
static void who_has_asked_all_still_gets_the_answers(void **state)
{
    (void)state;
    struct given_client client = given_client(daemon_given);
    for (int i = 0; i < 8000; i++)
        client_ask_only(&client, CONTROL_HUB_DEVICES, NULL);
    assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
    struct given_client other = given_client(daemon_given);
    for (int i = 0; i < 20; i++) { /* by these answers the first one's have been written, as far as they could be */
        struct reply status = client_ask(&other, CONTROL_STATUS, NULL);
        reply_release(&status);
    }
    client_end(&other);
    for (int i = 0; i < 8000; i++) {
        struct reply reply = client_reply(&client);
        assert_int_equal(reply.code, FELLOE_DENIED);
        reply_release(&reply);
    }
    char byte;
    assert_int_equal(read(client.fd, &byte, 1), 0); /* then the daemon hangs up */
    client_end(&client);
}

/* More of them than may be connected at once follow the log and leave: each makes room for the next in the end. */
static void followers_that_left_make_room(void **state)
{
    (void)state;
    static struct given_client followers[512];
    const char *const follow[] = {"follow", "!", NULL};
    for (size_t i = 0; i < 512; i++) {
        followers[i] = given_client(daemon_given);
        client_ask_only(&followers[i], CONTROL_LOG, follow);
    }
    for (size_t i = 0; i < 512; i++)
        client_end(&followers[i]);
    for (int tries = 0;; tries++) {
        struct given_client client = given_client(daemon_given);
        struct buffer question = {0};
        size_t begin = control_frame_begin(&question);
        put_request(&question, CONTROL_STATUS, NULL);
        control_frame_end(&question, begin);
        (void)!send(client.fd, question.data, question.len, MSG_NOSIGNAL); /* it may have been turned away already */
        buffer_release(&question);
        struct pollfd answer = {.fd = client.fd, .events = POLLIN};
        char byte;
        bool answered = poll(&answer, 1, 100) == 1 && recv(client.fd, &byte, 1, MSG_PEEK) == 1;
        if (answered) {
            struct reply status = client_reply(&client);
            assert_int_equal(status.code, FELLOE_OK);
            reply_release(&status);
        } else {
            struct pollfd pause = {.fd = -1};
            (void)!poll(&pause, 1, 100);
        }
        client_end(&client);
        if (answered)
            return;
        assert_true(tries < 60);
    }
}

/* A thousand questions at once, and the answers are taken only then: in order, every one. */
static void a_thousand_questions_without_waiting(void **state)
{
    (void)state;
    struct given_client client = given_client(daemon_given);
    for (int i = 0; i < 1000; i++)
        client_ask_only(&client, i % 2 ? CONTROL_STATUS : CONTROL_HUB_DEVICES, NULL);
    for (int i = 0; i < 1000; i++) {
        struct reply reply = client_reply(&client);
        assert_int_equal(reply.code, i % 2 ? FELLOE_OK : FELLOE_DENIED);
        reply_release(&reply);
    }
    client_end(&client);
}

static void send_raw(const void *data, size_t len, bool wait)
{
    struct given_client client = given_client(daemon_given);
    (void)!write(client.fd, data, len);
    char answer[512];
    if (wait)
        (void)!read(client.fd, answer, sizeof answer);
    client_end(&client);
}

/* Half frames, lengths out of all measure, requests that are none: the next client is served as ever. */
static void rubbish(void **state)
{
    (void)state;
    send_raw("\377\377\377\377", 4, true);
    send_raw("\0\0\0\0", 4, true);
    send_raw("\0\0", 2, false);
    send_raw("\0\100\0\0half a frame", 16, false);
    send_raw("\0\0\0\3\222\241s", 7, true);
    send_raw("\0\0\0\11\222\246status\200", 13, true);
    send_raw("\0\0\0\6\335\377\377\377\377\300", 10, true);
    struct given_client client = given_client(daemon_given);
    const char *const odd[] = {"site", "../../etc", "person", "#-9223372036854775807", "limit", "#-1", "from",
                               "1.1.1", NULL};
    for (unsigned verb = 0; verb < CONTROL_VERB_COUNT; verb++) {
        if (verb == CONTROL_RECORD)
            continue; /* what follows them would be taken for drafts */
        struct reply reply = client_ask(&client, (enum control_verb)verb, odd);
        reply_release(&reply);
    }
    struct reply status = client_ask(&client, CONTROL_STATUS, NULL);
    assert_int_equal(status.code, FELLOE_OK);
    reply_release(&status);
    client_end(&client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rubbish, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thousand_questions_without_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(who_has_asked_all_still_gets_the_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(followers_that_left_make_room, setup, teardown),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
