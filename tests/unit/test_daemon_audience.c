/* SPDX-License-Identifier: Apache-2.0 */
/* Recording for some workers: under which key an entry goes, what it says of who may read it, what others are told of
 * it, and who cannot be named. At a hub, which may say who works in a site. */
#include "tests/unit/given_daemon.h"
#include "tests/unit/given_keys_unread.h"

#include <sodium.h>

struct scene {
    struct given_daemon *d;
    struct given_client client;
    char jo[33];
};

static struct reply record(struct scene *s, const char *worker, const char *person, const char *type,
                           const char *const *pairs)
{
    const struct control_draft draft = {.worker = bytes_str(worker), .person = bytes_str(person)};
    return client_record(&s->client, draft, type, pairs);
}

/* The entry's id, in hex. */
struct saved {
    char id[65];
};

static struct saved save(struct scene *s, const char *worker, const char *person, const char *type,
                         const char *const *pairs)
{
    struct saved entry;
    struct reply reply = record(s, worker, person, type, pairs);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, 1); /* what tells others of it is nobody's answer */
    hex_in(item_at(&reply, 0), "id", entry.id, sizeof entry.id);
    reply_release(&reply);
    return entry;
}
#define SAVE(s, worker, person, type, ...) save(s, worker, person, type, (const char *[]){__VA_ARGS__, NULL})

#define REFUSED(s, code, word, worker, person, type, ...) \
    expect_error(record(s, worker, person, type, (const char *[]){__VA_ARGS__, NULL}), code, word)

static struct scene scene(void)
{
    struct scene s = {.d = given_daemon(ROLE_HUB, given_log(ROLE_HUB, NULL))};
    static const char *const workers[] = {"amy", "ben", "cleo"};
    s.client = given_client(s.d);
    for (size_t i = 0; i < 3; i++) {
        char device[33];
        snprintf(device, sizeof device, "%032zx", i + 1);
        SAVE(&s, "hub", "", "worker.joined", "worker", workers[i], "device", device);
    }
    struct reply reply =
        record(&s, "amy", "@new", "person.introduced", (const char *[]){"known_as", "Jo", "source", "Q1", NULL});
    hex_in(item_at(&reply, 0), "person", s.jo, sizeof s.jo);
    reply_release(&reply);
    return s;
}

static void scene_end(struct scene *s)
{
    struct given_log *log = s->d->log;
    client_end(&s->client);
    given_daemon_end(s->d);
    given_log_end(log);
}

/* ---- what lies in the log ---- */

struct found {
    bool there;
    struct position at;
    struct key_record key;
    struct event_body body;
    struct buffer plain;
    char type[48];
};

static void found_end(struct found *f)
{
    buffer_release(&f->plain);
}

static struct found find(struct scene *s, const struct saved *entry, uint64_t beyond)
{
    struct found f = {.there = false};
    struct log_walk walk;
    struct log_item item;
    struct log_reader *reader = reader_of(s->d->log);
    uint64_t left = UINT64_MAX;
    log_walk_begin(&walk, reader, bytes_str(SITE), (struct position){1, 1});
    while (!f.there && log_walk_next(&walk, &item)) {
        struct event event;
        struct event_id id;
        char hex[65];
        event_id_of(item.event, &id);
        hex_encode(bytes_of(id.b, sizeof id.b), hex);
        if (left == UINT64_MAX && strcmp(hex, entry->id) == 0)
            left = beyond;
        else if (left != UINT64_MAX)
            left--;
        if (left != 0)
            continue;
        f.there = true;
        f.at = item.at;
        assert_true(event_decode(item.event, &event));
        assert_int_equal(keyring_get(s->d->daemon.keyring, &event.clear.key, &f.key), FELLOE_OK);
        assert_true(event_open(&event, &f.key.key, &f.plain, &f.body));
        assert_true(bytes_to_text(f.body.type, f.type, sizeof f.type));
    }
    log_walk_end(&walk);
    log_reader_end(reader);
    return f;
}

/* "amy ben": who may have the key of this entry; "" where it is everybody's. */
static const char *readers(struct scene *s, const struct saved *entry)
{
    static char text[200];
    struct found f = find(s, entry, 0);
    size_t len = 0;
    text[0] = '\0';
    for (uint8_t i = 0; i < f.key.members.count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%s", i ? " " : "", f.key.members.workers[i]);
    assert_int_equal(f.key.members.count > 0, key_kind_restricted(f.key.kind));
    found_end(&f);
    return text;
}

static bool same_key(struct scene *s, const struct saved *a, const struct saved *b)
{
    struct found one = find(s, a, 0), other = find(s, b, 0);
    assert_true(one.there && other.there);
    bool same = memcmp(&one.key.id, &other.key.id, sizeof one.key.id) == 0;
    found_end(&one);
    found_end(&other);
    return same;
}

/* ---- stories ---- */

static void a_key_is_made_once_for_the_same_workers(void **state)
{
    (void)state;
    struct scene s = scene();
    struct saved plain = SAVE(&s, "amy", s.jo, "note.added", "text", "for all");
    struct saved first = SAVE(&s, "amy", s.jo, "note.added", "text", "x", "audience", "ben");
    struct saved turned = SAVE(&s, "ben", s.jo, "note.added", "text", "x", "audience", "amy");
    struct saved more = SAVE(&s, "amy", s.jo, "note.added", "text", "x", "audience", "cleo");
    assert_string_equal(readers(&s, &plain), "");
    assert_string_equal(readers(&s, &first), "amy ben");
    assert_string_equal(readers(&s, &more), "amy cleo");
    assert_true(same_key(&s, &first, &turned));
    assert_false(same_key(&s, &first, &more));
    assert_false(same_key(&s, &first, &plain));

    struct saved site = SAVE(&s, "amy", "", "supervision.held", "date", "2026-11-02", "audience", "ben");
    assert_string_equal(readers(&s, &site), "amy ben");
    assert_false(same_key(&s, &first, &site)); /* of the site, not of the person */
    struct reply reply = record(&s, "amy", "@new", "person.introduced",
                                (const char *[]){"known_as", "Lee", "source", "Q1", NULL});
    char lee[33];
    hex_in(item_at(&reply, 0), "person", lee, sizeof lee);
    reply_release(&reply);
    struct saved other = SAVE(&s, "amy", lee, "note.added", "text", "x", "audience", "ben");
    assert_string_equal(readers(&s, &other), "amy ben");
    assert_false(same_key(&s, &first, &other));
    scene_end(&s);
}

/* In one request, before any of it is recorded. */
static void two_at_once_share_what_the_first_makes(void **state)
{
    (void)state;
    struct scene s = scene();
    struct buffer out = {0};
    size_t begin = control_frame_begin(&out), keys = keyring_count(s.d->daemon.keyring);
    const struct control_draft draft = {.worker = bytes_str("amy"), .person = bytes_str(s.jo)};
    put_request(&out, CONTROL_RECORD, NULL);
    put_draft(&out, draft, "note.added", (const char *[]){"text", "one", "audience", "ben", NULL});
    put_draft(&out, draft, "safeguarding.sent", (const char *[]){"kind", "physical", "audience", "ben", NULL});
    put_draft(&out, draft, "note.added", (const char *[]){"text", "two", "audience", "ben", NULL});
    control_frame_end(&out, begin);
    client_send(&s.client, &out);
    struct reply reply = client_reply(&s.client);
    if (reply.code != FELLOE_OK)
        fail_msg("%s", reply.text);
    assert_int_equal(reply.count, 3);
    assert_int_equal(number_in(buffer_bytes(&reply.summary), "saved"), 3);
    assert_int_equal(keyring_count(s.d->daemon.keyring), keys + 1);
    struct saved entries[3];
    for (size_t i = 0; i < 3; i++) {
        hex_in(item_at(&reply, i), "id", entries[i].id, sizeof entries[i].id);
        assert_true(same_key(&s, &entries[0], &entries[i]));
    }
    reply_release(&reply);
    scene_end(&s);
}

static void others_are_told_only_where_the_catalogue_says_so(void **state)
{
    (void)state;
    struct scene s = scene();
    struct saved sent = SAVE(&s, "amy", s.jo, "safeguarding.sent", "kind", "physical", "audience", "ben");
    struct found told = find(&s, &sent, 1), itself = find(&s, &sent, 0);
    assert_true(told.there && itself.there);
    assert_int_equal(told.at.n, itself.at.n + 1); /* next to it */
    assert_string_equal(told.type, "entry.restricted");
    assert_int_equal(told.key.kind, KEY_PERSON);
    assert_non_null(memmem(told.body.fields.data, told.body.fields.len, "safeguarding.sent", 17));
    assert_null(memmem(told.body.fields.data, told.body.fields.len, "ben", 3));
    assert_non_null(memmem(itself.body.fields.data, itself.body.fields.len, "\x92\xa3" "amy\xa3" "ben", 9));
    found_end(&told);
    found_end(&itself);
    struct saved note = SAVE(&s, "amy", s.jo, "note.added", "text", "x", "audience", "ben");
    told = find(&s, &note, 1);
    assert_false(told.there);
    found_end(&told);
    struct saved supervision = SAVE(&s, "amy", "", "supervision.held", "date", "2026-11-02", "audience", "ben");
    told = find(&s, &supervision, 1);
    assert_false(told.there);
    found_end(&told);
    REFUSED(&s, FELLOE_DENIED, "by itself", "amy", s.jo, "entry.restricted", "kind", "note.added");
    scene_end(&s);
}

static void what_speaks_of_it_is_for_the_same_workers(void **state)
{
    (void)state;
    struct scene s = scene();
    struct saved sent = SAVE(&s, "amy", s.jo, "safeguarding.sent", "kind", "physical", "audience", "ben");
    struct saved outcome = SAVE(&s, "ben", s.jo, "safeguarding.outcome", "of", sent.id, "outcome", "yes");
    struct saved struck = SAVE(&s, "amy", s.jo, "entry.struck", "of", outcome.id, "why", "a slip");
    assert_true(same_key(&s, &sent, &outcome));
    assert_true(same_key(&s, &sent, &struck));
    struct saved wider =
        SAVE(&s, "amy", s.jo, "safeguarding.outcome", "of", sent.id, "outcome", "no", "audience", "cleo");
    assert_string_equal(readers(&s, &wider), "amy cleo"); /* who is named, no more */
    struct saved third = SAVE(&s, "cleo", s.jo, "safeguarding.outcome", "of", sent.id, "outcome", "no");
    assert_string_equal(readers(&s, &third), "amy ben cleo"); /* its author can read it */
    struct saved note = SAVE(&s, "amy", s.jo, "note.added", "text", "for all");
    struct saved plain = SAVE(&s, "ben", s.jo, "entry.struck", "of", note.id, "why", "a slip");
    assert_string_equal(readers(&s, &plain), "");
    scene_end(&s);
}

/* Whichever reading of the keyring fails meanwhile: what is for some is not said to all. */
static void a_key_that_cannot_be_read_makes_nothing_of_it_everybodys(void **state)
{
    (void)state;
    struct scene s = scene();
    unsigned readings = 0, refused = 0;
    for (unsigned at = 0; at <= readings; at++) {
        struct saved note = SAVE(&s, "amy", s.jo, "note.added", "text", "x", "audience", "ben"), struck;
        keys_fail_at(at);
        struct reply reply = record(&s, "ben", s.jo, "entry.struck",
                                    (const char *[]){"of", note.id, "why", "a slip", NULL});
        const unsigned read = keys_are_read();
        readings = read > readings ? read : readings;
        refused += reply.code != FELLOE_OK;
        if (reply.code == FELLOE_OK) {
            hex_in(item_at(&reply, 0), "id", struck.id, sizeof struck.id);
            assert_string_equal(readers(&s, &struck), "amy ben");
        } else if (reply.code != FELLOE_STORAGE) {
            fail_msg("%s", reply.text);
        }
        reply_release(&reply);
        assert_true(at < 100);
    }
    assert_true(refused > 0);
    scene_end(&s);
}

static void who_cannot_be_named_is_said(void **state)
{
    (void)state;
    struct scene s = scene();
    const size_t keys = keyring_count(s.d->daemon.keyring);
    char nobody[65];
    memset(nobody, 'a', 64);
    nobody[64] = '\0';
    REFUSED(&s, FELLOE_INVALID, "dora", "amy", s.jo, "note.added", "text", "x", "audience", "dora");
    REFUSED(&s, FELLOE_INVALID, "at least one other", "amy", s.jo, "note.added", "text", "x", "audience", "amy");
    REFUSED(&s, FELLOE_INVALID, "at least one other", "amy", s.jo, "safeguarding.sent", "kind", "physical");
    REFUSED(&s, FELLOE_INVALID, "at least one other", "amy", "", "supervision.held", "date", "2026-11-02");
    REFUSED(&s, FELLOE_NOT_FOUND, "who may read", "amy", s.jo, "safeguarding.outcome", "of", nobody, "outcome", "x");
    /* An id written out: whoever lacks the entry cannot know for whom it is, and would tell everybody. */
    REFUSED(&s, FELLOE_NOT_FOUND, "is not here", "cleo", s.jo, "entry.struck", "of", nobody, "why", "x");
    REFUSED(&s, FELLOE_INVALID, "introduce", "amy", "@new", "note.added", "text", "x", "audience", "ben");
    assert_int_equal(keyring_count(s.d->daemon.keyring), keys);
    struct saved named = SAVE(&s, "amy", s.jo, "safeguarding.outcome", "of", nobody, "outcome", "x", "audience", "ben");
    assert_string_equal(readers(&s, &named), "amy ben"); /* it may come yet */
    scene_end(&s);
}

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_made_once_for_the_same_workers),
        cmocka_unit_test(two_at_once_share_what_the_first_makes),
        cmocka_unit_test(others_are_told_only_where_the_catalogue_says_so),
        cmocka_unit_test(what_speaks_of_it_is_for_the_same_workers),
        cmocka_unit_test(a_key_that_cannot_be_read_makes_nothing_of_it_everybodys),
        cmocka_unit_test(who_cannot_be_named_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
