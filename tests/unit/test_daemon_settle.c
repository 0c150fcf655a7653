/* SPDX-License-Identifier: Apache-2.0 */
/* Settling over the local socket: what is meant, what is chosen, who comes too late; links; and what makes no sense. */
#include "tests/unit/given_laptop.h"

#include <sodium.h>

static struct reply record(struct given_client *client, const char *person, const char *type, const char *const *pairs)
{
    return client_record(client, (struct control_draft){.person = bytes_str(person)}, type, pairs);
}

#define ask(client, verb, ...) client_ask(client, CONTROL_##verb, (const char *[]){__VA_ARGS__, NULL})

static size_t open_count(struct given_client *client)
{
    struct reply reply = ask(client, VIEW, "name", "to-settle");
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    size_t count = reply.count;
    reply_release(&reply);
    return count;
}

static void expect_settled(struct reply reply, const char *what, const char *chosen)
{
    char text[100];
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "saved"), 1);
    struct bytes said = member(buffer_bytes(&reply.summary), "what");
    snprintf(text, sizeof text, "%s", what);
    assert_true(said.len == strlen(text) + 1 && memcmp(said.data + 1, text, strlen(text)) == 0);
    said = member(buffer_bytes(&reply.summary), "chosen");
    assert_true(said.len == strlen(chosen) + 1 && memcmp(said.data + 1, chosen, strlen(chosen)) == 0);
    reply_release(&reply);
}

static void two_jos(struct given_client *client, char one[33], char other[33])
{
    introduce(client, "Jo", one);
    introduce(client, "Joanne", other);
    save(client, one, NULL, "person.details.recorded", (const char *[]){"date_of_birth", "1990-02-03", NULL});
    save(client, other, NULL, "person.details.recorded", (const char *[]){"date_of_birth", "1990-02-03", NULL});
    if (strcmp(one, other) > 0) { /* links are about the lower id */
        char swap[33];
        memcpy(swap, one, sizeof swap);
        memcpy(one, other, sizeof swap);
        memcpy(other, swap, sizeof swap);
    }
}

static void what_is_meant_is_said_by_number_key_or_name(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char one[33], other[33], key[80];
    two_jos(&client, one, other);
    expect_error(ask(&client, SETTLE, "number", "#1", "choose", "#1"), FELLOE_NOT_FOUND, "felloe to-settle");
    assert_int_equal(open_count(&client), 1);
    expect_error(ask(&client, SETTLE, "number", "#2", "choose", "#1"), FELLOE_NOT_FOUND, "number 2");
    expect_error(ask(&client, SETTLE, "choose", "#1"), FELLOE_USAGE, "what to settle");
    expect_error(ask(&client, SETTLE, "person", "Nobody", "what", "linked", "choose", "#1"), FELLOE_NOT_FOUND,
                 "Nobody");
    expect_error(ask(&client, SETTLE, "person", one, "what", "known_as", "choose", "#1"), FELLOE_INVALID,
                 "no longer to settle");
    expect_error(ask(&client, SETTLE, "person", one, "what", "pronouns", "choose", "#1"), FELLOE_NOT_FOUND,
                 "nothing of that");
    expect_settled(ask(&client, SETTLE, "number", "#1", "choose", "#2"), "linked", "apart");
    assert_int_equal(open_count(&client), 0);
    snprintf(key, sizeof key, "linked\x1f%s", other);
    expect_error(ask(&client, SETTLE, "person", one, "key", key, "choose", "#1"), FELLOE_INVALID, "two people");
    expect_error(ask(&client, SETTLE, "number", "#1", "choose", "#1"), FELLOE_INVALID, "ash-grey settled it");
    client_end(&client);
    laptop_end(d);
}

static void what_holds_is_one_of_the_values_unless_other_words_are_meant(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char one[33], other[33];
    two_jos(&client, one, other);
    expect_error(ask(&client, SETTLE, "person", one, "what", "linked"), FELLOE_USAGE, "the same person");
    expect_error(ask(&client, SETTLE, "person", one, "what", "linked", "choose", "#1", "text", "linked"), FELLOE_USAGE,
                 "choose one");
    expect_error(ask(&client, SETTLE, "person", one, "what", "linked", "choose", "#3"), FELLOE_INVALID, "no choice 3");
    expect_error(ask(&client, SETTLE, "person", one, "what", "linked", "choose", "#0"), FELLOE_INVALID, "no choice 0");
    expect_error(ask(&client, SETTLE, "person", one, "what", "linked", "value", "cousins"), FELLOE_INVALID, "--text");
    expect_error(ask(&client, SETTLE, "person", one, "what", "linked", "which", "Kim", "choose", "#1"),
                 FELLOE_NOT_FOUND, "nothing of that");
    expect_error(ask(&client, SETTLE, "person", one, "what", "linked", "text", "cousins"), FELLOE_INVALID,
                 "none of what it can be");
    other[6] = '\0';
    expect_settled(ask(&client, SETTLE, "person", one, "what", "Same person", "which", other, "value",
                       "The same person"), "linked", "linked");
    client_end(&client);
    laptop_end(d);
}

static void several_that_fit_have_to_be_told_apart(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char one[33], other[33], third[33];
    two_jos(&client, one, other);
    introduce(&client, "Jo", third);
    save(&client, third, NULL, "person.details.recorded", (const char *[]){"date_of_birth", "1990-02-03", NULL});
    assert_int_equal(open_count(&client), 3);
    expect_error(ask(&client, SETTLE, "what", "linked", "choose", "#1"), FELLOE_AMBIGUOUS, "number");
    expect_error(ask(&client, SETTLE, "what", "linked", "choose", "#1", "site", SITE), FELLOE_AMBIGUOUS, "number");
    expect_error(ask(&client, SETTLE, "what", "linked", "choose", "#1", "site", "nowhere"), FELLOE_NOT_FOUND,
                 "nowhere");
    expect_settled(ask(&client, SETTLE, "number", "#3", "choose", "#1"), "linked", "linked");
    assert_int_equal(open_count(&client), 2);
    expect_settled(ask(&client, SETTLE, "number", "#2", "choose", "#1"), "linked", "linked");
    assert_int_equal(open_count(&client), 0); /* the third pair is linked by way of the others */
    client_end(&client);
    laptop_end(d);
}

static void links_are_about_the_lower_id_whoever_is_named_first(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char one[33], other[33], about[33];
    two_jos(&client, one, other);
    save(&client, other, about, "person.linked", (const char *[]){"other", one, "why", "asked", NULL});
    assert_string_equal(about, one);
    assert_int_equal(story_length(&client, one), 5);
    assert_int_equal(story_length(&client, other), 5);
    struct reply reply = ask(&client, VIEW, "name", "before-you-call", "person", other);
    assert_int_equal(reply.code, FELLOE_OK);
    assert_int_equal(reply.count, 2); /* of both records */
    reply_release(&reply);
    save(&client, one, about, "person.unlinked", (const char *[]){"other", other, NULL});
    assert_string_equal(about, one);
    assert_int_equal(story_length(&client, other), 2);
    assert_int_equal(open_count(&client), 0);
    expect_error(record(&client, one, "person.linked", (const char *[]){"other", one, NULL}), FELLOE_INVALID, "itself");
    client_end(&client);
    laptop_end(d);
}

/* ---- sense ---- */

static void what_makes_no_sense_is_refused_unless_it_is_meant(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33];
    static const char *const reason[] = {"way_back", "ring us", NULL};
    introduce(&client, "Jo", person);
    struct reply reply = record(&client, person, "support.ended", reason);
    expect_error(reply, FELLOE_INVALID, "");
    assert_int_equal(story_length(&client, person), 1);
    reply = client_record(&client, (struct control_draft){.person = bytes_str(person), .anyway = true}, "support.ended",
                          reason);
    assert_int_equal(reply.code, FELLOE_OK);
    reply_release(&reply);
    save(&client, person, NULL, "support.started", NULL);
    save(&client, person, NULL, "support.ended", reason); /* the entry of a moment ago is known */
    client_end(&client);
    laptop_end(d);
}

static void what_is_worth_a_second_look_is_saved_with_a_warning(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33];
    introduce(&client, "Jo", person);
    static const char nobody[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    struct reply reply = record(&client, person, "goal.scored",
                                (const char *[]){"goal", nobody, "score", "3", NULL});
    assert_int_equal(reply.code, FELLOE_OK);
    assert_true(member(item_at(&reply, 0), "warning").len > 0);
    reply_release(&reply);
    reply = record(&client, person, "note.added", (const char *[]){"text", "x", NULL});
    assert_int_equal(member(item_at(&reply, 0), "warning").len, 0);
    reply_release(&reply);
    client_end(&client);
    laptop_end(d);
}

/* ---- what an answer tells of the record ---- */

static uint64_t looks(const struct given_daemon *d)
{
    struct stream_head own = {0};
    struct felloe_error error;
    uint64_t shared;
    int64_t oldest;
    struct log_reader *reader = log_reader_begin(d->log->log, &error);
    assert_non_null(reader);
    log_own(reader, bytes_str(AUDIT_SITE), &own, &shared, &oldest);
    log_reader_end(reader);
    return own.seq;
}

static void what_an_answer_tells_of_somebody_is_a_look_at_them(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char one[33], other[33], third[33];
    const char *const words[] = {"text", "x", NULL};
    two_jos(&client, one, other);
    introduce(&client, "Jo", third);
    uint64_t before = looks(d);
    save(&client, one, NULL, "note.added", words);
    assert_int_equal(looks(d), before); /* of recording itself nothing is seen */
    expect_error(record(&client, "Jo", "note.added", words), FELLOE_AMBIGUOUS, "first entry");
    assert_int_equal(looks(d), before + 2); /* with the run's key */
    expect_error(ask(&client, VIEW, "name", "person", "person", "Jo"), FELLOE_AMBIGUOUS, "first entry");
    expect_error(ask(&client, SEARCH, "words", "x", "person", "Jo"), FELLOE_AMBIGUOUS, "first entry");
    assert_int_equal(looks(d), before + 4);
    expect_error(record(&client, one, "support.ended", (const char *[]){"way_back", "ring us", NULL}), FELLOE_INVALID,
                 "");
    assert_int_equal(looks(d), before + 5);
    expect_error(ask(&client, SETTLE, "what", "linked", "choose", "#9"), FELLOE_INVALID, "choices are");
    assert_int_equal(looks(d), before + 6);
    expect_error(ask(&client, SETTLE, "what", "linked", "person", "Jo", "choose", "#1"), FELLOE_AMBIGUOUS,
                 "first entry");
    assert_int_equal(looks(d), before + 7);
    expect_settled(ask(&client, SETTLE, "what", "linked", "choose", "#1"), "linked", "linked");
    assert_int_equal(looks(d), before + 8);
    client_end(&client);
    laptop_end(d);
}

static void once_the_lease_has_passed_recording_tells_nothing(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char one[33], other[33], third[33];
    static const char *const reason[] = {"way_back", "ring us", NULL};
    two_jos(&client, one, other);
    introduce(&client, "Jo", third);
    on_the_loop(d, daemon_lease_passes);
    expect_error(ask(&client, VIEW, "name", "person", "person", one), FELLOE_LOCKED, "has not heard from the hub");
    struct reply reply = record(&client, "Jo", "note.added", (const char *[]){"text", "x", NULL});
    assert_null(strstr(reply.text, "first entry"));
    assert_null(strstr(reply.text, "(")); /* nor an id */
    expect_error(reply, FELLOE_AMBIGUOUS, "could be several people");
    expect_error(record(&client, one, "support.ended", reason), FELLOE_INVALID, "cannot be shown now");
    assert_int_equal(looks(d), 0);
    reply = client_record(&client, (struct control_draft){.person = bytes_str(one), .anyway = true}, "support.ended",
                          reason);
    assert_int_equal(reply.code, FELLOE_OK);
    assert_int_equal(member(item_at(&reply, 0), "warning").len, 0);
    reply_release(&reply);
    client_end(&client);
    laptop_end(d);
}

/* Of one request, a later draft may rest on an earlier one, which the views do not know yet. */
static void what_follows_on_in_one_request_is_not_asked(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    struct buffer out = {0}, fields[3] = {{0}, {0}, {0}};
    size_t begin = control_frame_begin(&out);
    put_request(&out, CONTROL_RECORD, NULL);
    const char *const drafts[][3] = {{"person.introduced", "known_as", "Jo"}, {"support.started", "episode", "first"},
                                     {"support.ended", "way_back", "ring us"}};
    for (size_t i = 0; i < 3; i++) {
        mp_put_map(&fields[i], 1);
        mp_put_text(&fields[i], drafts[i][1]);
        mp_put_text(&fields[i], drafts[i][2]);
        control_put_draft(&out, &(struct control_draft){.type = bytes_str(drafts[i][0]),
                                                        .fields = buffer_bytes(&fields[i]),
                                                        .person = bytes_str(i == 0 ? "@new" : "@same")});
        buffer_release(&fields[i]);
    }
    control_frame_end(&out, begin);
    client_send(&client, &out);
    struct reply reply = client_reply(&client);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "saved"), 3);
    reply_release(&reply);
    client_end(&client);
    laptop_end(d);
}

/* ---- views ---- */

static void filters_and_pages_are_of_the_request(void **state)
{
    (void)state;
    struct given_daemon *d = laptop();
    struct given_client client = given_client(d);
    char person[33], name[20];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "Person %d", i);
        introduce(&client, name, person);
    }
    struct reply reply = ask(&client, VIEW, "name", "front-door", "limit", "#2", "after", "#1");
    assert_int_equal(reply.count, 2);
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "total"), 5);
    reply_release(&reply);
    reply = ask(&client, VIEW, "name", "front-door", "person", "person 3", "limit", "#9");
    assert_int_equal(reply.count, 1);
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "total"), 1);
    reply_release(&reply);
    reply = ask(&client, VIEW, "name", "front-door", "since", "#99999999999999");
    assert_int_equal(reply.count, 0);
    reply_release(&reply);
    reply = ask(&client, VIEW, "name", "freshness", "limit", "#0");
    assert_int_equal(reply.count, 1);
    reply_release(&reply);
    reply = ask(&client, VIEW, "name", "freshness", "worker", "somebody-else");
    assert_int_equal(reply.count, 0);
    reply_release(&reply);
    expect_error(ask(&client, VIEW, "name", "front-door", "worker", "amy"), FELLOE_USAGE, "cannot be chosen");
    expect_error(ask(&client, VIEW, "name", "caseload", "team", "gardeners"), FELLOE_NOT_FOUND, "gardeners");
    expect_error(ask(&client, VIEW, "name", "before-you-call"), FELLOE_USAGE, "about whom");
    expect_error(ask(&client, VIEW, "name", "person"), FELLOE_USAGE, "about whom");
    client_end(&client);
    laptop_end(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_meant_is_said_by_number_key_or_name),
        cmocka_unit_test(what_holds_is_one_of_the_values_unless_other_words_are_meant),
        cmocka_unit_test(several_that_fit_have_to_be_told_apart),
        cmocka_unit_test(links_are_about_the_lower_id_whoever_is_named_first),
        cmocka_unit_test(what_makes_no_sense_is_refused_unless_it_is_meant),
        cmocka_unit_test(what_is_worth_a_second_look_is_saved_with_a_warning),
        cmocka_unit_test(what_an_answer_tells_of_somebody_is_a_look_at_them),
        cmocka_unit_test(once_the_lease_has_passed_recording_tells_nothing),
        cmocka_unit_test(what_follows_on_in_one_request_is_not_asked),
        cmocka_unit_test(filters_and_pages_are_of_the_request),
    };
    if (sodium_init() < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
