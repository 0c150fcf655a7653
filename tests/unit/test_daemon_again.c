/* SPDX-License-Identifier: Apache-2.0 */
/* The log is opened again under the clients of the local socket (another epoch, another incarnation): nobody is turned
 * away, and what was asked for in between is answered afterwards. */
#include <poll.h>

#include "tests/unit/given_laptop.h"

/* Sends a note and does not wait for the answer. */
static void ask_to_save(struct given_client *client, const char *person, const char *text)
{
    struct buffer out = {0};
    size_t begin = control_frame_begin(&out);
    put_request(&out, CONTROL_RECORD, NULL);
    put_draft(&out, (struct control_draft){.person = bytes_str(person)}, "note.added",
              (const char *[]){"text", text, NULL});
    control_frame_end(&out, begin);
    client_send(client, &out);
}

/* Reads DATA frames until `count` events came. */
static void follow(struct given_client *client, size_t count)
{
    struct mp_reader *r = malloc(sizeof *r);
    struct reply reply = {0};
    assert_non_null(r);
    while (reply.count < count) {
        size_t size;
        struct bytes payload = client_frame(client, &size);
        assert_false(take_frame(r, payload, &reply));
        client->in.len -= size;
        memmove(client->in.data, client->in.data + size, client->in.len);
    }
    assert_int_equal(reply.count, count);
    reply_release(&reply);
    free(r);
}

static bool has_something(const struct given_client *client)
{
    struct pollfd look = {.fd = client->fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

/* The loop comes to this thread, and nothing that clients asked for is at work any more. */
static void pause_daemon(struct given_daemon *d)
{
    loop_wake_signal(d->ended);
    pthread_join(d->thread, NULL);
    control_server_pause(d->daemon.control);
}

/* As the daemon does it: the keys stay, and commits are counted on. */
static uint64_t close_log(struct given_daemon *d)
{
    uint64_t commits = event_log_commits(d->daemon.log) + 1;
    projector_close(d->daemon.projector);
    d->daemon.projector = NULL;
    event_log_close(d->daemon.log);
    complete_jobs(d);
    d->log->log = d->daemon.log = NULL;
    return commits;
}

static void open_log(struct given_daemon *d, uint64_t commits)
{
    struct felloe_error error = {0};
    const struct event_log_config log = {.dir = d->log->dir.path, .identity = &d->log->identity,
                                         .keyring = d->log->keyring, .completions = &d->log->completions,
                                         .reserve_bytes = 1 << 20, .commits = commits};
    assert_int_equal(event_log_open(&d->log->log, &log, &error), FELLOE_OK);
    d->daemon.log = d->log->log;
    const struct projector_config config = {.dir = d->log->dir.path, .log = d->log->log, .keyring = d->log->keyring,
                                            .identity = &d->daemon.identity, .changed = wake_changed, .context = d};
    assert_int_equal(projector_open(&d->daemon.projector, &config, &error), FELLOE_OK);
}

static void resume_daemon(struct given_daemon *d)
{
    control_server_resume(d->daemon.control);
    assert_int_equal(pthread_create(&d->thread, NULL, run_loop, d), 0);
}

/* What has come in is seen by the loop, which has nothing else to do. */
static void let_it_be_seen(struct given_daemon *d)
{
    for (int i = 0; i < 20; i++)
        uv_run(d->daemon.loop, UV_RUN_NOWAIT);
}

static void clients_wait_while_the_log_is_opened_again(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client one = given_client(d), follower = given_client(d), late;
    save(&one, "@new", NULL, "person.introduced", (const char *[]){"known_as", "Jo", "source", "Q1", NULL});
    client_ask_only(&follower, CONTROL_LOG, (const char *[]){"follow", "!", NULL});
    follow(&follower, 1);

    pause_daemon(d);
    ask_to_save(&one, "Jo", "asked for in between");
    late = given_client(d); /* nobody is turned away, not even now */
    client_ask_only(&late, CONTROL_STATUS, NULL);
    let_it_be_seen(d);
    open_log(d, close_log(d));
    let_it_be_seen(d);
    assert_false(has_something(&one) || has_something(&late));
    resume_daemon(d);

    struct reply saved = client_reply(&one), status = client_reply(&late);
    assert_int_equal(saved.code, FELLOE_OK);
    assert_int_equal(status.code, FELLOE_OK);
    follow(&follower, 1);
    save(&one, "Jo", NULL, "note.added", (const char *[]){"text", "and it goes on", NULL});
    follow(&follower, 1);
    reply_release(&saved);
    reply_release(&status);
    client_end(&one);
    client_end(&follower);
    client_end(&late);
    laptop_end(d);
}

static void what_is_at_work_ends_first(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client clients[20];
    for (size_t i = 0; i < 20; i++)
        clients[i] = given_client(d);
    save(&clients[0], "@new", NULL, "person.introduced", (const char *[]){"known_as", "Jo", "source", "Q1", NULL});
    for (unsigned round = 0; round < 10; round++) {
        for (size_t i = 0; i < 20; i++)
            ask_to_save(&clients[i], "Jo", "one of many");
        pause_daemon(d);
        open_log(d, close_log(d));
        resume_daemon(d);
        for (size_t i = 0; i < 20; i++) {
            struct reply reply = client_reply(&clients[i]);
            assert_int_equal(reply.code, FELLOE_OK);
            reply_release(&reply);
        }
    }
    const char *const of_jo[] = {"name", "person", "person", "Jo", NULL};
    struct reply story = client_ask(&clients[0], CONTROL_VIEW, of_jo);
    assert_int_equal(story.count, 201);
    reply_release(&story);
    for (size_t i = 0; i < 20; i++)
        client_end(&clients[i]);
    laptop_end(d);
}

static void whoever_leaves_in_between_is_forgotten(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client one = given_client(d), follower = given_client(d);
    save(&one, "@new", NULL, "person.introduced", (const char *[]){"known_as", "Jo", "source", "Q1", NULL});
    client_ask_only(&follower, CONTROL_LOG, (const char *[]){"follow", "!", NULL});
    follow(&follower, 1);
    pause_daemon(d);
    client_end(&follower);
    let_it_be_seen(d);
    open_log(d, close_log(d));
    resume_daemon(d);
    save(&one, "Jo", NULL, "note.added", (const char *[]){"text", "one is left", NULL});
    client_end(&one);
    laptop_end(d); /* ends only when no request is left */
}

/* Where the log cannot be opened again the daemon ends: what waits is let go of, and touches nothing that is closed. */
static void a_log_that_does_not_open_ends_it(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client one = given_client(d), follower = given_client(d);
    save(&one, "@new", NULL, "person.introduced", (const char *[]){"known_as", "Jo", "source", "Q1", NULL});
    client_ask_only(&follower, CONTROL_LOG, (const char *[]){"follow", "!", NULL});
    follow(&follower, 1);
    pause_daemon(d);
    ask_to_save(&one, "Jo", "never looked at");
    let_it_be_seen(d);
    uint64_t commits = close_log(d);
    control_server_close(d->daemon.control);
    d->daemon.control = NULL;
    char byte;
    assert_int_equal(read(follower.fd, &byte, 1), 0);
    open_log(d, commits);
    assert_int_equal(pthread_create(&d->thread, NULL, run_loop, d), 0);
    client_end(&one);
    client_end(&follower);
    laptop_end(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clients_wait_while_the_log_is_opened_again),
        cmocka_unit_test(what_is_at_work_ends_first),
        cmocka_unit_test(whoever_leaves_in_between_is_forgotten),
        cmocka_unit_test(a_log_that_does_not_open_ends_it),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
