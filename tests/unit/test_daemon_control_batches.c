/* SPDX-License-Identifier: Apache-2.0 */
/* Batches that a client sends without waiting: two are made ready while the one before them is committed, and nobody
 * can tell but by the clock. */
#include "tests/unit/given_laptop.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>

#define NOTES 200 /* more than the loop reads itself */

static void put_note(struct buffer *out, const char *person, const char *text)
{
    put_draft(out, (struct control_draft){.person = bytes_str(person), .anyway = true}, "note.added",
              (const char *[]){"text", text, NULL});
}

/* Somebody new, and notes about them; `extra` is the type of one that comes last, if any. */
static void put_batch(struct buffer *out, const char *name, const char *extra)
{
    size_t begin = control_frame_begin(out);
    put_request(out, CONTROL_RECORD, NULL);
    put_draft(out, (struct control_draft){.person = bytes_str("@new"), .anyway = true}, "person.introduced",
              (const char *[]){"known_as", name, "source", "Q1", NULL});
    for (int i = 0; i < NOTES; i++)
        put_note(out, "@same", "a note that is long enough for many of them to fill more than the loop reads at once");
    if (extra != NULL)
        put_draft(out, (struct control_draft){.person = bytes_str("@same")}, extra, NULL);
    control_frame_end(out, begin);
}

static void put_notes(struct buffer *out, const char *person, int notes)
{
    size_t begin = control_frame_begin(out);
    put_request(out, CONTROL_RECORD, NULL);
    for (int i = 0; i < notes; i++)
        put_note(out, person, "one of few or of many, so that what comes behind them is longer, shorter, or not whole");
    control_frame_end(out, begin);
}

static void put_note_about(struct buffer *out, const char *name)
{
    size_t begin = control_frame_begin(out);
    put_request(out, CONTROL_RECORD, NULL);
    put_note(out, name, "whom the batch before introduces");
    control_frame_end(out, begin);
}

static void put_story(struct buffer *out, const char *name)
{
    size_t begin = control_frame_begin(out);
    put_request(out, CONTROL_VIEW, (const char *[]){"name", "person", "person", name, NULL});
    control_frame_end(out, begin);
}

static void expect_saved(struct given_client *client, size_t count)
{
    struct reply reply = client_reply(client);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, count);
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "saved"), count);
    reply_release(&reply);
}

static void expect_story(struct given_client *client, size_t count)
{
    struct reply reply = client_reply(client);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, count);
    reply_release(&reply);
}

static void batches_are_answered_in_their_order(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct buffer out = {0};
    for (int round = 0; round < 5; round++) {
        put_batch(&out, "Ann", NULL);
        put_batch(&out, "Bea", "note.sung"); /* all of it stays out, and it is known before the one before is saved */
        put_batch(&out, "Cleo", NULL);
        put_story(&out, "Cleo");
        client_send(&client, &out);
        expect_saved(&client, 1 + NOTES);
        expect_error(client_reply(&client), FELLOE_INVALID, "note.sung");
        expect_saved(&client, 1 + NOTES);
        if (round == 0)
            expect_story(&client, 1 + NOTES);
        else
            expect_error(client_reply(&client), FELLOE_AMBIGUOUS, "several people");
    }
    struct reply log = client_ask(&client, CONTROL_LOG, NULL);
    assert_int_equal(log.count, 10 * (1 + NOTES));
    reply_release(&log);
    client_end(&client);
    laptop_end(d);
}

/* Also where several are made ready at once. */
static void what_was_sent_first_stands_first_in_the_log(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct buffer out = {0};
    char name[32];
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "Person number %02d", i);
        put_batch(&out, name, NULL);
    }
    client_send(&client, &out);
    for (int i = 0; i < 12; i++)
        expect_saved(&client, 1 + NOTES);
    struct reply log = client_ask(&client, CONTROL_LOG, NULL);
    assert_int_equal(log.count, 12 * (1 + NOTES));
    const uint8_t *at = log.items.data;
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "Person number %02d", i);
        at = memmem(at, (size_t)(log.items.data + log.items.len - at), name, strlen(name));
        if (at == NULL)
            fail_msg("%s is not where it belongs", name);
    }
    reply_release(&log);
    client_end(&client);
    laptop_end(d);
}

/* However much of the ones behind it came with it. */
static void batches_may_be_of_any_length(void **state)
{
    (void)state;
    const int notes[] = {1, 900, 2, 400, 900, 1, 1, 300, 280, 2000, 1, 150, 500, 3};
    const size_t count = sizeof notes / sizeof *notes;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct buffer out = {0};
    char person[33];
    size_t all = 1;
    introduce(&client, "Jo", person);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++)
            put_notes(&out, person, notes[i]);
        client_send(&client, &out);
        for (size_t i = 0; i < count; i++) {
            expect_saved(&client, (size_t)notes[i]);
            all += (size_t)notes[i];
        }
    }
    struct reply log = client_ask(&client, CONTROL_LOG, NULL);
    assert_int_equal(log.count, all);
    reply_release(&log);
    client_end(&client);
    laptop_end(d);
}

static size_t memory_in_use(void)
{
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

/* It is kept for the next batch, and goes when none comes. */
static void the_memory_of_batches_goes_back(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct buffer out = {0};
    char person[33];
    introduce(&client, "Jo", person);
    put_notes(&out, person, 1);
    client_send(&client, &out);
    expect_saved(&client, 1);
    const size_t before = memory_in_use();
    for (int i = 0; i < 3; i++)
        put_notes(&out, person, 2000);
    client_send(&client, &out);
    for (int i = 0; i < 3; i++)
        expect_saved(&client, 2000);
    for (int i = 0; i < 3000 && memory_in_use() > before + (1 << 20); i++)
        (void)!poll(NULL, 0, 10);
    assert_in_range(memory_in_use(), 0, before + (1 << 20));
    client_end(&client);
    laptop_end(d);
}

/* The name is looked up when the one before has been saved and folded. */
static void a_batch_may_name_whom_the_one_before_introduces(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct buffer out = {0};
    const char *const names[] = {"Ann", "Bea", "Cleo", "Dora", "Effie"};
    for (size_t i = 0; i < 5; i++) {
        put_batch(&out, names[i], NULL);
        put_note_about(&out, names[i]);
        put_story(&out, names[i]);
    }
    client_send(&client, &out);
    for (size_t i = 0; i < 5; i++) {
        expect_saved(&client, 1 + NOTES);
        expect_saved(&client, 1);
        expect_story(&client, 2 + NOTES);
    }
    client_end(&client);
    laptop_end(d);
}

static void whoever_leaves_in_the_middle_leaves_the_others_be(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    for (int round = 0; round < 6; round++) {
        struct given_client gone = given_client(d), client = given_client(d);
        struct buffer out = {0};
        for (int i = 0; i < 3; i++) {
            put_batch(&out, "Ann", NULL);
            if (round > 2) /* else all of them are made ready at once */
                put_note_about(&out, "Nobody");
        }
        client_send(&gone, &out);
        if (round % 2)
            expect_saved(&gone, 1 + NOTES);
        client_end(&gone);
        put_batch(&out, "Bea", NULL);
        client_send(&client, &out);
        expect_saved(&client, 1 + NOTES);
        client_end(&client);
    }
    laptop_end(d);
}

static void the_daemon_ends_in_the_middle(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        struct given_daemon *d = laptop();
        struct given_client client = given_client(d);
        struct buffer out = {0};
        for (int i = 0; i < 3; i++) {
            put_batch(&out, "Ann", NULL);
            put_note_about(&out, "Ann");
        }
        client_send(&client, &out);
        if (round % 2)
            expect_saved(&client, 1 + NOTES);
        laptop_end(d);
        client_end(&client);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_answered_in_their_order),
        cmocka_unit_test(what_was_sent_first_stands_first_in_the_log),
        cmocka_unit_test(batches_may_be_of_any_length),
        cmocka_unit_test(the_memory_of_batches_goes_back),
        cmocka_unit_test(a_batch_may_name_whom_the_one_before_introduces),
        cmocka_unit_test(whoever_leaves_in_the_middle_leaves_the_others_be),
        cmocka_unit_test(the_daemon_ends_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
