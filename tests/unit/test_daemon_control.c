/* SPDX-License-Identifier: Apache-2.0 */
/* The local socket as a client meets it: recording, reading, importing, and what is said when something is wrong. */
#include "tests/unit/given_laptop.h"

static void what_was_recorded_shows_at_once(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33], again[33];
    introduce(&client, "Jo", person);
    save(&client, "Jo", again, "note.added", (const char *[]){"text", "likes tea", NULL});
    assert_string_equal(person, again);
    save(&client, person, again, "note.added", (const char *[]){"text", "and cake", NULL});
    person[7] = '\0';
    save(&client, person, NULL, "note.added", (const char *[]){"text", "by a prefix of odd length", NULL});
    assert_int_equal(story_length(&client, "jO"), 4);
    struct reply reply = client_ask(&client, CONTROL_VIEW, (const char *[]){"name", "front-door", NULL});
    assert_int_equal(reply.count, 1);
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "total"), 1);
    reply_release(&reply);
    client_end(&client);
    laptop_end(d);
}

static void two_of_one_name_are_told_apart(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char one[33], other[33];
    introduce(&client, "Jo", one);
    introduce(&client, "JO", other);
    struct control_draft jo = {.person = bytes_str("jo")};
    one[8] = '\0';
    struct reply reply = client_record(&client, jo, "note.added", (const char *[]){"text", "x", NULL});
    assert_non_null(strstr(reply.text, one));
    assert_non_null(strstr(reply.text, "first entry"));
    expect_error(reply, FELLOE_AMBIGUOUS, "could be several people");
    save(&client, other, NULL, "note.added", (const char *[]){"text", "x", NULL});
    client_end(&client);
    laptop_end(d);
}

static void what_is_wrong_is_said_in_words(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33];
    introduce(&client, "Jo", person);
    struct control_draft jo = {.person = bytes_str("Jo")};
    expect_error(client_record(&client, jo, "note.sung", NULL), FELLOE_INVALID, "note.sung");
    expect_error(client_record(&client, jo, "note.added", (const char *[]){"txt", "x", NULL}), FELLOE_INVALID, "txt");
    expect_error(client_record(&client, jo, "worker.joined", NULL), FELLOE_DENIED, "hub");
    expect_error(client_record(&client, (struct control_draft){.person = bytes_str("Zoe")}, "note.added",
                               (const char *[]){"text", "x", NULL}), FELLOE_NOT_FOUND, "Zoe");
    expect_error(client_record(&client, (struct control_draft){0}, "note.added", (const char *[]){"text", "x", NULL}),
                 FELLOE_INVALID, "about a person");
    jo.site = bytes_str("south");
    expect_error(client_record(&client, jo, "note.added", (const char *[]){"text", "x", NULL}), FELLOE_DENIED, "south");
    expect_error(client_ask(&client, CONTROL_VIEW, (const char *[]){"name", "weather", NULL}), FELLOE_USAGE, "weather");
    expect_error(client_ask(&client, CONTROL_VIEW, (const char *[]){"name", "caseload", "site", "south", NULL}),
                 FELLOE_NOT_FOUND, "south");
    expect_error(client_ask(&client, CONTROL_LOG, (const char *[]){"from", "noon", NULL}), FELLOE_INVALID, "noon");
    expect_error(client_ask(&client, CONTROL_HUB_DEVICES, NULL), FELLOE_DENIED, "hub");
    assert_int_equal(story_length(&client, "Jo"), 1);
    client_end(&client);
    laptop_end(d);
}

static void an_entry_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    static char text[70000];
    memset(text, 'a', sizeof text - 1);
    introduce(&client, "Jo", (char[33]){0});
    struct control_draft jo = {.person = bytes_str("Jo")};
    expect_error(client_record(&client, jo, "note.added", (const char *[]){"text", text, NULL}), FELLOE_INVALID,
                 "long");
    text[60000] = '\0';
    save(&client, "Jo", NULL, "note.added", (const char *[]){"text", text, NULL});
    client_end(&client);
    laptop_end(d);
}

/* ---- batches ---- */

static void put_batch(struct buffer *out, bool partly)
{
    put_request(out, CONTROL_RECORD, partly ? (const char *[]){"partly", "!", NULL} : NULL);
    put_draft(out, (struct control_draft){.person = bytes_str("@new")}, "person.introduced",
              (const char *[]){"known_as", "Ann", NULL});
    put_draft(out, (struct control_draft){.person = bytes_str("@same")}, "note.sung", NULL);
    put_draft(out, (struct control_draft){.person = bytes_str("@same")}, "note.added",
              (const char *[]){"text", "after one that is wrong", NULL});
    put_draft(out, (struct control_draft){.person = bytes_str("@new")}, "person.introduced",
              (const char *[]){"known_as", "Bea", NULL});
    put_draft(out, (struct control_draft){.person = bytes_str("@same")}, "note.added",
              (const char *[]){"text", "about Bea", NULL});
}

static void a_batch_goes_in_whole_or_partly(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    for (int partly = 0; partly < 2; partly++) {
        struct buffer out = {0};
        size_t begin = control_frame_begin(&out);
        put_batch(&out, partly);
        control_frame_end(&out, begin);
        client_send(&client, &out);
        struct reply reply = client_reply(&client);
        if (!partly) {
            expect_error(reply, FELLOE_INVALID, "Entry 2");
            struct reply log = client_ask(&client, CONTROL_LOG, NULL);
            assert_int_equal(log.count, 0);
            reply_release(&log);
            continue;
        }
        assert_int_equal(reply.count, 5);
        assert_int_equal(number_in(buffer_bytes(&reply.summary), "saved"), 3);
        assert_int_equal(number_in(buffer_bytes(&reply.summary), "failed"), 2);
        assert_int_equal(number_in(item_at(&reply, 1), "code"), FELLOE_INVALID);
        reply_release(&reply);
    }
    assert_int_equal(story_length(&client, "Bea"), 2);
    client_end(&client);
    laptop_end(d);
}

/* ---- imports ---- */

static void put_import(struct buffer *out, const char *source, const char *id, const char *subject, const char *type,
                       const char *const *pairs)
{
    put_draft(out, (struct control_draft){.source = bytes_str(source), .origin = bytes_str(id),
                                          .subject = bytes_str(subject)}, type, pairs);
}

static struct reply import_file(struct given_client *client)
{
    struct buffer out = {0};
    size_t begin = control_frame_begin(&out);
    put_request(&out, CONTROL_RECORD, (const char *[]){"partly", "!", NULL});
    put_import(&out, "old", "1", "p1", "note.added", (const char *[]){"text", "before the introduction", NULL});
    put_import(&out, "old", "2", "p1", "person.introduced", (const char *[]){"known_as", "Ann", NULL});
    put_import(&out, "old", "3", "p2", "person.introduced", (const char *[]){"known_as", "Bea", NULL});
    put_import(&out, "old", "4", "p1", "note.added", (const char *[]){"text", "a second", NULL});
    put_import(&out, "old", "4", "p1", "note.added", (const char *[]){"text", "the same again", NULL});
    control_frame_end(&out, begin);
    client_send(client, &out);
    struct reply reply = client_reply(client);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, 5);
    return reply;
}

static void an_import_counts_once_and_finds_its_people_again(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct key_record commons = {.id = {{9}}, .kind = KEY_SITE, .site = "commons", .key = {{7}}};
    assert_int_equal(keyring_add(d->log->keyring, &commons, 1, NULL), FELLOE_OK);
    struct reply first = import_file(&client);
    assert_int_equal(number_in(buffer_bytes(&first.summary), "saved"), 4);
    assert_int_equal(number_in(buffer_bytes(&first.summary), "known"), 1);
    assert_int_equal(story_length(&client, "Ann"), 3);
    assert_int_equal(story_length(&client, "Bea"), 1);
    client_end(&client);

    /* Again, after a restart, and after the views were made anew. */
    struct given_log *log = d->log;
    given_daemon_end(d);
    d = given_daemon(ROLE_SPOKE, log);
    client = given_client(d);
    struct reply second = import_file(&client);
    assert_int_equal(number_in(buffer_bytes(&second.summary), "known"), 5);
    char a[33], b[33];
    hex_in(item_at(&first, 0), "person", a, sizeof a);
    hex_in(item_at(&second, 0), "person", b, sizeof b);
    assert_string_equal(a, b);

    /* A line more about one of them. */
    const struct control_draft line = {.source = bytes_str("old"), .origin = bytes_str("5"),
                                       .subject = bytes_str("p1")};
    struct reply more = client_record(&client, line, "note.added", (const char *[]){"text", "later", NULL});
    hex_in(item_at(&more, 0), "person", b, sizeof b);
    assert_string_equal(a, b);
    reply_release(&first), reply_release(&second), reply_release(&more);
    client_end(&client);
    laptop_end(d);
}

static void strike_an_imported_entry(const char *there)
{
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct key_record commons = {.id = {{9}}, .kind = KEY_SITE, .site = "commons", .key = {{7}}};
    assert_int_equal(keyring_add(d->log->keyring, &commons, 1, NULL), FELLOE_OK);
    struct buffer out = {0};
    size_t begin = control_frame_begin(&out);
    put_request(&out, CONTROL_RECORD, (const char *[]){"partly", "!", NULL});
    put_import(&out, "/felloe/south/aa", there, "p1", "note.added", (const char *[]){"text", "a slip", NULL});
    put_import(&out, "/felloe/south/bb", "2", "p1", "entry.struck",
               (const char *[]){"of", there, "why", "a slip", NULL});
    control_frame_end(&out, begin);
    client_send(&client, &out);
    struct reply reply = client_reply(&client);
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "saved"), 2);
    char note[65], person[33], of[65];
    hex_in(item_at(&reply, 0), "id", note, sizeof note);
    hex_in(item_at(&reply, 0), "person", person, sizeof person);
    reply_release(&reply);

    struct mp_reader *r = malloc(sizeof *r);
    struct buffer fields = {0};
    reply = client_ask(&client, CONTROL_LOG, NULL);
    mp_reader_init(r, item_at(&reply, 1));
    assert_true(mp_next(r));
    mp_array(r, 12, 12);
    for (int i = 0; i < 11; i++)
        mp_skip(r);
    mp_copy(r, &fields);
    hex_in(buffer_bytes(&fields), "of", of, sizeof of);
    assert_string_equal(note, of);
    free(r);
    buffer_release(&fields);
    reply_release(&reply);
    client_end(&client);
    laptop_end(d);
}

static void an_imported_strike_finds_its_entry(void **state)
{
    (void)state;
    strike_an_imported_entry("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
    strike_an_imported_entry("note 8 of 2025"); /* an id elsewhere may be any text */
}

static void its_own_export_adds_nothing(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33], id[65];
    introduce(&client, "Jo", person);
    struct reply log = client_ask(&client, CONTROL_LOG, NULL);
    struct mp_reader *r = malloc(sizeof *r);
    mp_reader_init(r, item_at(&log, 0));
    assert_true(mp_next(r));
    mp_array(r, 12, 12);
    hex_encode(mp_bin(r, 32, 32), id);
    free(r);
    reply_release(&log);
    struct control_draft again = {.source = bytes_str("/felloe/north/aa"), .origin = bytes_str(id),
                                  .subject = bytes_str(person)};
    struct reply reply = client_record(&client, again, "person.introduced", (const char *[]){"known_as", "Jo", NULL});
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "known"), 1);
    char known[65];
    hex_in(item_at(&reply, 0), "known", known, sizeof known);
    assert_string_equal(id, known);
    reply_release(&reply);
    client_end(&client);
    laptop_end(d);
}

/* ---- the socket ---- */

static void requests_are_answered_in_order_however_they_come(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct buffer out = {0};
    for (int i = 0; i < 20; i++) {
        size_t begin = control_frame_begin(&out);
        if (i % 2)
            put_request(&out, CONTROL_VIEW, (const char *[]){"name", "front-door", NULL});
        else
            put_request(&out, CONTROL_RECORD, NULL);
        if (i % 2 == 0)
            put_draft(&out, (struct control_draft){.person = bytes_str("@new")}, "person.introduced",
                      (const char *[]){"known_as", "Somebody", NULL});
        control_frame_end(&out, begin);
    }
    for (size_t i = 0; i < out.len; i++) /* a byte at a time */
        assert_int_equal(write(client.fd, out.data + i, 1), 1);
    buffer_release(&out);
    for (size_t i = 0; i < 20; i++) {
        struct reply reply = client_reply(&client);
        assert_int_equal(reply.code, FELLOE_OK);
        if (i % 2)
            assert_int_equal(reply.count, i / 2 + 1); /* each view has what was recorded just before it */
        reply_release(&reply);
    }
    client_end(&client);
    laptop_end(d);
}

static void a_follower_hears_what_comes(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client follower = given_client(d), client = given_client(d);
    introduce(&client, "Jo", (char[33]){0});
    client_ask_only(&follower, CONTROL_LOG, (const char *[]){"follow", "!", "limit", "#3", NULL});
    save(&client, "Jo", NULL, "note.added", (const char *[]){"text", "one", NULL});
    save(&client, "Jo", NULL, "note.added", (const char *[]){"text", "two", NULL});
    struct reply reply = client_reply(&follower);
    assert_int_equal(reply.count, 3);
    reply_release(&reply);
    client_end(&follower);
    client_end(&client);
    laptop_end(d);
}

/* Who began to follow in time is shown nothing any more either. */
static void a_follower_hears_nothing_once_the_lease_has_passed(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client follower = given_client(d), client = given_client(d);
    introduce(&client, "Jo", (char[33]){0});
    client_ask_only(&follower, CONTROL_LOG, (const char *[]){"follow", "!", "limit", "#3", NULL});
    save(&client, "Jo", NULL, "note.added", (const char *[]){"text", "one", NULL});
    on_the_loop(d, daemon_lease_passes);
    save(&client, "Jo", NULL, "note.added", (const char *[]){"text", "two", NULL});
    struct reply reply = client_reply(&follower);
    assert_int_equal(reply.code, FELLOE_LOCKED);
    assert_in_range(reply.count, 0, 2);
    reply_release(&reply);
    client_end(&follower);
    client_end(&client);
    laptop_end(d);
}

static void whoever_does_not_read_slows_nobody_else(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client idle = given_client(d), client = given_client(d);
    static char text[30001];
    memset(text, 'a', sizeof text - 1);
    introduce(&client, "Jo", (char[33]){0});
    for (int i = 0; i < 40; i++)
        save(&client, "Jo", NULL, "note.added", (const char *[]){"text", text, NULL});
    /* More than the socket holds; a follower that leaves, and one that leaves in the middle of its request. */
    client_ask_only(&idle, CONTROL_LOG, (const char *[]){"follow", "!", NULL});
    struct given_client gone = given_client(d);
    assert_int_equal(write(gone.fd, "\0\0", 2), 2);
    client_end(&gone);
    assert_int_equal(story_length(&client, "Jo"), 41);
    struct given_client second = given_client(d);
    assert_int_equal(story_length(&second, "Jo"), 41);
    client_end(&second);
    client_end(&idle);
    client_end(&client);
    laptop_end(d); /* ends although there was a follower */
}

static void nonsense_closes_the_connection_and_nothing_else(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client odd = given_client(d), client = given_client(d);
    static const uint8_t large[] = {0xff, 0xff, 0xff, 0xff, 1}, junk[] = {0, 0, 0, 2, 0xc1, 0xc1};
    char byte;
    assert_int_equal(write(odd.fd, large, sizeof large), sizeof large);
    assert_int_equal(read(odd.fd, &byte, 1), 0);
    client_end(&odd);
    odd = given_client(d);
    assert_int_equal(write(odd.fd, junk, sizeof junk), sizeof junk);
    expect_error(client_reply(&odd), FELLOE_USAGE, "can read");
    client_end(&odd);
    introduce(&client, "Jo", (char[33]){0});
    client_end(&client);
    laptop_end(d);
}

static void the_socket_is_its_owners_alone(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    assert_int_equal(given_mode(&d->log->dir, "felloe.sock"), 0600);
    struct given_log *log = d->log;
    given_daemon_end(d);
    assert_int_equal(access(given_path(&log->dir, "felloe.sock"), F_OK), -1);
    given_log_end(log);
}

/* ---- upkeep ---- */

static void rebuild_verify_digest_and_status(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    introduce(&client, "Jo", (char[33]){0});
    introduce(&client, "Ann", (char[33]){0});
    struct reply before = client_ask(&client, CONTROL_DIGEST, NULL);
    struct reply rebuilt = client_ask(&client, CONTROL_REBUILD, NULL);
    assert_int_equal(rebuilt.code, FELLOE_OK);
    assert_int_equal(number_in(buffer_bytes(&rebuilt.summary), "events"), 2);
    struct reply after = client_ask(&client, CONTROL_DIGEST, NULL);
    assert_true(before.summary.len > 100);
    assert_true(bytes_equal(buffer_bytes(&before.summary), buffer_bytes(&after.summary)));
    struct reply verified = client_ask(&client, CONTROL_VERIFY, NULL);
    assert_int_equal(verified.code, FELLOE_OK);
    assert_int_equal(number_in(buffer_bytes(&verified.summary), "events"), 2);
    struct reply status = client_ask(&client, CONTROL_STATUS, NULL);
    assert_int_equal(status.code, FELLOE_OK);
    assert_int_equal(number_in(buffer_bytes(&status.summary), "folded"), 2);
    assert_true(member(buffer_bytes(&status.summary), "sites").len > 0);
    reply_release(&before), reply_release(&rebuilt), reply_release(&after), reply_release(&verified);
    reply_release(&status);
    client_end(&client);
    laptop_end(d);
}

static void a_hub_invites_and_revokes(void **state)
{
    (void)state;
    struct given_log *log = given_log(ROLE_HUB, NULL);
    struct given_daemon *d = given_daemon(ROLE_HUB, log);
    struct given_client client = given_client(d);
    expect_error(client_ask(&client, CONTROL_HUB_INVITE, (const char *[]){"site", "south", "worker", "amy", NULL}),
                 FELLOE_NOT_FOUND, "south");
    expect_error(client_ask(&client, CONTROL_HUB_INVITE, (const char *[]){"site", SITE, "worker", "amy", NULL}),
                 FELLOE_NOT_FOUND, "commons"); /* this hub was made without it */
    expect_error(client_ask(&client, CONTROL_HUB_REVOKE, (const char *[]){"device", "abcdef", NULL}), FELLOE_NOT_FOUND,
                 "abcdef");
    struct reply devices = client_ask(&client, CONTROL_HUB_DEVICES, NULL);
    assert_int_equal(devices.code, FELLOE_OK);
    assert_int_equal(devices.count, 0);
    reply_release(&devices);
    devices = client_ask(&client, CONTROL_HUB_QUARANTINE, NULL);
    assert_int_equal(devices.code, FELLOE_OK);
    assert_int_equal(devices.count, 0);
    reply_release(&devices);
    expect_error(client_ask(&client, CONTROL_HUB_QUARANTINE, (const char *[]){"device", "abcdef", NULL}),
                 FELLOE_NOT_FOUND, "abcdef");
    expect_error(client_ask(&client, CONTROL_HUB_QUARANTINE, (const char *[]){"do", "accept", NULL}), FELLOE_USAGE,
                 "which device");
    client_end(&client);
    laptop_end(d);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_recorded_shows_at_once),
        cmocka_unit_test(two_of_one_name_are_told_apart),
        cmocka_unit_test(what_is_wrong_is_said_in_words),
        cmocka_unit_test(an_entry_that_is_too_long_is_refused),
        cmocka_unit_test(a_batch_goes_in_whole_or_partly),
        cmocka_unit_test(an_import_counts_once_and_finds_its_people_again),
        cmocka_unit_test(an_imported_strike_finds_its_entry),
        cmocka_unit_test(its_own_export_adds_nothing),
        cmocka_unit_test(requests_are_answered_in_order_however_they_come),
        cmocka_unit_test(a_follower_hears_what_comes),
        cmocka_unit_test(a_follower_hears_nothing_once_the_lease_has_passed),
        cmocka_unit_test(whoever_does_not_read_slows_nobody_else),
        cmocka_unit_test(nonsense_closes_the_connection_and_nothing_else),
        cmocka_unit_test(the_socket_is_its_owners_alone),
        cmocka_unit_test(rebuild_verify_digest_and_status),
        cmocka_unit_test(a_hub_invites_and_revokes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
