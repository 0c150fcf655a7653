/* SPDX-License-Identifier: Apache-2.0 */
/* The library against a daemon that is a socket pair: its answers lie ready before they are asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/lib/client.h"

struct daemon_end {
    struct felloe_client *client;
    int fd;
    struct buffer out;
    size_t frame;
};

static struct daemon_end given_a_daemon(void)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    struct daemon_end daemon = {.client = calloc(1, sizeof *daemon.client), .fd = ends[1]};
    assert_non_null(daemon.client);
    daemon.client->fd = ends[0];
    memcpy(daemon.client->dir, "dir", 4);
    return daemon;
}

static void release(struct daemon_end *daemon)
{
    felloe_close(daemon->client);
    close(daemon->fd);
    buffer_release(&daemon->out);
}

static struct buffer *begin(struct daemon_end *daemon)
{
    daemon->frame = control_frame_begin(&daemon->out);
    return &daemon->out;
}

static void end(struct daemon_end *daemon)
{
    control_frame_end(&daemon->out, daemon->frame);
}

/* Sends what was written. */
static void answer(struct daemon_end *daemon)
{
    assert_int_equal(write(daemon->fd, daemon->out.data, daemon->out.len), (ssize_t)daemon->out.len);
    buffer_clear(&daemon->out);
}

/* The request that the client sent: its verb and, in the reader, its arguments. */
static struct bytes request_of(struct daemon_end *daemon, struct mp_reader *reader, uint8_t *room, size_t size)
{
    ssize_t got = read(daemon->fd, room, size);
    struct bytes payload;
    assert_true(got > 0);
    assert_int_equal(control_frame_parse(bytes_of(room, (size_t)got), &payload), got);
    mp_reader_init(reader, payload);
    assert_true(mp_next(reader));
    mp_array(reader, 2, 2);
    return mp_str(reader, 1, 32);
}

static unsigned told;
static void tell(void *context, uint64_t done, uint64_t total, const char *what)
{
    (void)context;
    assert_int_equal(done, 5);
    assert_int_equal(total, 10);
    assert_string_equal(what, "folding");
    told++;
}

static void an_answer_is_gathered_from_its_frames(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    control_put_progress(begin(&daemon), 5, 10, "folding");
    end(&daemon);
    control_put_data(begin(&daemon));
    mp_put_text(&daemon.out, "one");
    mp_put_text(&daemon.out, "two");
    end(&daemon);
    control_put_data(begin(&daemon));
    mp_put_text(&daemon.out, "three");
    end(&daemon);
    control_put_end(begin(&daemon), 1);
    mp_put_text(&daemon.out, "total");
    mp_put_uint(&daemon.out, 3);
    end(&daemon);
    answer(&daemon);

    struct felloe_answer *got;
    struct felloe_error error = {0};
    const struct felloe_progress progress = {tell, NULL};
    const struct felloe_argument arguments[] = {{.name = "name", .kind = FELLOE_TEXT, .text = "caseload"},
                                                {.name = "site", .kind = FELLOE_TEXT, .text = NULL},
                                                {.name = "limit", .kind = FELLOE_INTEGER, .integer = 9}};
    told = 0;
    assert_int_equal(felloe_ask(daemon.client, "view", arguments, 3, &progress, &got, &error), FELLOE_OK);
    assert_int_equal(told, 1);
    assert_int_equal(felloe_answer_count(got), 3);
    assert_string_equal(felloe_value_text(felloe_answer_item(got, 2)), "three");
    assert_null(felloe_answer_item(got, 3));
    assert_int_equal(felloe_value_integer(felloe_value_get(felloe_answer_summary(got), "total")), 3);
    felloe_answer_free(got);

    static struct mp_reader reader;
    uint8_t room[512];
    assert_true(bytes_is(request_of(&daemon, &reader, room, sizeof room), "view"));
    assert_int_equal(mp_map(&reader, 9), 2); /* the site was not given */
    release(&daemon);
}

static void an_error_comes_with_its_code_and_leaves_the_connection_usable(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    control_put_error(begin(&daemon), FELLOE_AMBIGUOUS, "two are called Sam");
    end(&daemon);
    control_put_end(begin(&daemon), 0);
    end(&daemon);
    answer(&daemon);
    struct felloe_answer *got;
    struct felloe_error error = {0};
    assert_int_equal(felloe_status(daemon.client, &got, &error), FELLOE_AMBIGUOUS);
    assert_string_equal(error.message, "two are called Sam");
    assert_int_equal(felloe_status(daemon.client, &got, &error), FELLOE_OK);
    felloe_answer_free(got);
    release(&daemon);
}

static void a_daemon_that_goes_away_in_the_middle_is_an_error(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    control_put_data(begin(&daemon));
    mp_put_text(&daemon.out, "half");
    end(&daemon);
    answer(&daemon);
    shutdown(daemon.fd, SHUT_WR);
    struct felloe_answer *got;
    struct felloe_error error = {0};
    assert_int_equal(felloe_status(daemon.client, &got, &error), FELLOE_NO_DAEMON);
    assert_null(got);
    assert_int_equal(felloe_status(daemon.client, &got, &error), FELLOE_NO_DAEMON);
    release(&daemon);
}

static void an_answer_that_is_no_answer_is_an_error(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    mp_put_text(begin(&daemon), "hello");
    end(&daemon);
    answer(&daemon);
    struct felloe_answer *got;
    struct felloe_error error = {0};
    assert_int_equal(felloe_status(daemon.client, &got, &error), FELLOE_FAILED);
    release(&daemon);

    daemon = given_a_daemon();
    buffer_append(&daemon.out, "\xff\xff\xff\xff", 4); /* a frame of 4 GiB */
    answer(&daemon);
    assert_int_equal(felloe_status(daemon.client, &got, &error), FELLOE_FAILED);
    release(&daemon);
}

static bool stop_at_two(void *context, const struct felloe_value *item)
{
    (void)item;
    return ++*(unsigned *)context < 2;
}

static void a_stream_can_be_stopped(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    control_put_data(begin(&daemon));
    for (unsigned i = 0; i < 5; i++)
        mp_put_uint(&daemon.out, i);
    end(&daemon);
    answer(&daemon);
    struct felloe_error error = {0};
    unsigned count = 0;
    assert_int_equal(felloe_stream(daemon.client, "log", NULL, 0, stop_at_two, &count, NULL, NULL, &error), FELLOE_OK);
    assert_int_equal(count, 2);
    assert_int_equal(daemon.client->fd, -1);
    release(&daemon);
}

/* ---- recording ---- */

static void put_result(struct buffer *out, const char *key)
{
    uint8_t id[32], person[16];
    memset(id, 0xab, sizeof id);
    memset(person, 0xcd, sizeof person);
    mp_put_map(out, 2);
    mp_put_text(out, key);
    mp_put_bin(out, id, sizeof id);
    mp_put_text(out, "person");
    mp_put_bin(out, person, sizeof person);
}

static void a_batch_tells_what_became_of_each_draft(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    control_put_data(begin(&daemon));
    put_result(&daemon.out, "id");
    put_result(&daemon.out, "known");
    mp_put_map(&daemon.out, 2);
    mp_put_text(&daemon.out, "code");
    mp_put_uint(&daemon.out, FELLOE_INVALID);
    mp_put_text(&daemon.out, "error");
    mp_put_text(&daemon.out, "text is missing");
    end(&daemon);
    control_put_end(begin(&daemon), 0);
    end(&daemon);
    answer(&daemon);

    const struct felloe_field fields[] = {{"with", "amy"}, {"text", "x"}, {"with", "bea"}};
    const struct felloe_draft drafts[] = {
        {.type = "note.added", .person = "Jo", .fields = fields, .field_count = 3},
        {.type = "note.added", .source = "/s", .id = "1", .has_occurred = true, .occurred = -5},
        {.type = "note.added"},
    };
    struct felloe_saved saved[3];
    struct felloe_error error = {0};
    assert_int_equal(felloe_append(daemon.client, drafts, 3, true, saved, &error), FELLOE_OK);
    assert_int_equal(saved[0].code, FELLOE_OK);
    assert_false(saved[0].known);
    assert_int_equal(strlen(saved[0].id), 64);
    assert_string_equal(saved[0].person, "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd");
    assert_true(saved[1].known);
    assert_int_equal(saved[2].code, FELLOE_INVALID);
    assert_string_equal(saved[2].error.message, "text is missing");

    static struct mp_reader reader, inner;
    uint8_t room[1024];
    struct control_draft draft;
    assert_true(bytes_is(request_of(&daemon, &reader, room, sizeof room), "record"));
    mp_skip_rest(&reader);
    assert_true(mp_next(&reader));
    assert_true(control_read_draft(&reader, &draft));
    assert_true(bytes_is(draft.person, "Jo"));
    mp_reader_init(&inner, draft.fields);
    assert_true(mp_next(&inner));
    assert_int_equal(mp_map(&inner, 9), 2); /* with: [amy, bea], text: x */
    assert_true(bytes_is(mp_str(&inner, 1, 9), "with"));
    assert_int_equal(mp_array(&inner, 0, 9), 2);
    assert_true(bytes_is(mp_str(&inner, 1, 9), "amy"));
    assert_true(bytes_is(mp_str(&inner, 1, 9), "bea"));
    assert_true(mp_next(&reader));
    assert_true(control_read_draft(&reader, &draft));
    assert_true(draft.has_occurred && draft.occurred == -5);
    assert_true(bytes_is(draft.origin, "1"));
    release(&daemon);
}

static void fewer_results_than_drafts_are_no_answer(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    control_put_end(begin(&daemon), 0);
    end(&daemon);
    answer(&daemon);
    const struct felloe_draft draft = {.type = "note.added"};
    struct felloe_saved saved;
    struct felloe_error error = {0};
    assert_int_equal(felloe_append(daemon.client, &draft, 1, false, &saved, &error), FELLOE_FAILED);
    release(&daemon);
}

static void what_cannot_be_sent_is_refused_before(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    const struct felloe_field latin1 = {"text", "caf\xe9"};
    const struct felloe_draft no_type = {.type = ""}, bad = {.type = "note.added", .fields = &latin1, .field_count = 1};
    struct felloe_saved saved;
    struct felloe_error error = {0};
    assert_int_equal(felloe_append(daemon.client, &no_type, 1, false, &saved, &error), FELLOE_INVALID);
    assert_int_equal(felloe_append(daemon.client, &bad, 1, false, &saved, &error), FELLOE_INVALID);

    char *text = malloc(CONTROL_FRAME_MAX + 1);
    assert_non_null(text);
    memset(text, 'x', CONTROL_FRAME_MAX);
    text[CONTROL_FRAME_MAX] = '\0';
    const struct felloe_field large = {"text", text};
    const struct felloe_draft huge = {.type = "note.added", .fields = &large, .field_count = 1};
    assert_int_equal(felloe_append(daemon.client, &huge, 1, false, &saved, &error), FELLOE_INVALID);
    free(text);

    struct felloe_answer *got;
    assert_int_equal(felloe_ask(daemon.client, "dance", NULL, 0, NULL, &got, &error), FELLOE_USAGE);
    uint8_t nothing;
    assert_int_equal(recv(daemon.fd, &nothing, 1, MSG_DONTWAIT), -1);
    release(&daemon);
}

static void batches_under_way_are_bounded_and_answered_in_order(void **state)
{
    (void)state;
    struct daemon_end daemon = given_a_daemon();
    const struct felloe_draft draft = {.type = "note.added"};
    struct felloe_saved saved;
    struct felloe_error error = {0};
    struct felloe_answer *got;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(felloe_append_send(daemon.client, &draft, 1, true, &error), FELLOE_OK);
        control_put_data(begin(&daemon));
        put_result(&daemon.out, i % 2 ? "known" : "id");
        end(&daemon);
        control_put_end(begin(&daemon), 0);
        end(&daemon);
    }
    answer(&daemon);
    assert_int_equal(felloe_append_send(daemon.client, &draft, 1, true, &error), FELLOE_USAGE);
    assert_int_equal(felloe_status(daemon.client, &got, &error), FELLOE_USAGE);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(felloe_append_wait(daemon.client, &saved, 1, &error), FELLOE_OK);
        assert_int_equal(saved.known, i % 2);
    }
    assert_int_equal(felloe_append_wait(daemon.client, &saved, 1, &error), FELLOE_USAGE);
    release(&daemon);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_gathered_from_its_frames),
        cmocka_unit_test(an_error_comes_with_its_code_and_leaves_the_connection_usable),
        cmocka_unit_test(a_daemon_that_goes_away_in_the_middle_is_an_error),
        cmocka_unit_test(an_answer_that_is_no_answer_is_an_error),
        cmocka_unit_test(a_stream_can_be_stopped),
        cmocka_unit_test(a_batch_tells_what_became_of_each_draft),
        cmocka_unit_test(fewer_results_than_drafts_are_no_answer),
        cmocka_unit_test(what_cannot_be_sent_is_refused_before),
        cmocka_unit_test(batches_under_way_are_bounded_and_answered_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
