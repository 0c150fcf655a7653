/* SPDX-License-Identifier: Apache-2.0 */
/* A real hub in a process of its own, and what ticket holders and admitted laptops might do to it. After each attack
 * the hub serves an honest laptop, ends cleanly, and can be started again. */
#include "tests/unit/given_net_callers.h"

/* ---- the attacks ---- */

static void a_join_with_a_key_that_is_none(void **state)
{
    (void)state;
    memset(&holders[0]->me.box_public, 0, sizeof holders[0]->me.box_public);
    call(holders[0]);
    join(&m, holders[0], holders[0]->me.curve_public);
    assert_int_equal(ask(holders[0], &m, (struct bytes){0}), MSG_REFUSED);
    assert_int_equal(holders[0]->answer->refused.reason, REFUSED_MALFORMED);
}

/* Zeros, one, and the other points of small order: what is agreed with them, anybody can work out. */
static void a_join_with_a_curve_key_that_is_none(void **state)
{
    (void)state;
    static const uint8_t none[][32] = {
        {0},
        {1},
        {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
         0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}};
    call(holders[0]);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        join(&m, holders[0], none[i]);
        assert_int_equal(ask(holders[0], &m, (struct bytes){0}), MSG_REFUSED);
        assert_int_equal(holders[0]->answer->refused.reason, REFUSED_MALFORMED);
    }
    join(&m, holders[0], holders[0]->me.curve_public); /* the ticket is still good */
    assert_int_equal(ask(holders[0], &m, (struct bytes){0}), MSG_JOINED);
}

static void a_join_with_another_laptops_key(void **state)
{
    (void)state;
    call(holders[0]);
    join(&m, holders[0], honest->me.curve_public);
    assert_int_equal(ask(holders[0], &m, (struct bytes){0}), MSG_REFUSED);
    join(&m, holders[0], hub_identity.curve_public);
    assert_int_equal(ask(holders[0], &m, (struct bytes){0}), MSG_REFUSED);
    join(&m, holders[0], holders[0]->me.curve_public); /* the ticket is still good */
    assert_int_equal(ask(holders[0], &m, (struct bytes){0}), MSG_JOINED);
}

/* One ticket, many laptops at the same moment over one connection: one of them gets in, the same each time it asks. */
static void a_ticket_used_many_times_at_once(void **state)
{
    (void)state;
    enum { MANY = 20 };
    struct caller *c = holders[1], *laptops[MANY];
    unsigned joined = 0;
    call(c);
    for (unsigned i = 0; i < MANY; i++) {
        laptops[i] = caller_new();
        join(&m, laptops[i], laptops[i]->me.curve_public);
        m.request = i + 1;
        say(c, &m, (struct bytes){0});
    }
    for (unsigned seen = 0; seen < MANY; seen = c->answers) { /* one answer is looked at once */
        assert_true(run_until(c, has_answers, seen + 1));
        joined += c->answer->kind == MSG_JOINED;
    }
    unsigned again = 0;
    for (unsigned i = 0; i < MANY; i++) {
        join(&m, laptops[i], laptops[i]->me.curve_public);
        again += ask(c, &m, (struct bytes){0}) == MSG_JOINED;
        caller_free(laptops[i]);
    }
    assert_true(joined <= 1); /* several answers may have come in one turn of the loop; the last was looked at */
    assert_int_equal(again, 1);
}

/* One event, with keys, pushed as the next one of the caller's stream of that site. */
struct stream {
    const char *site;
    uint64_t seq;
    struct event_id last;
};

static void push(struct caller *c, struct stream *stream, const struct key_id *under, const struct key_record *keys,
                 uint32_t key_count)
{
    struct box_shared shared;
    struct buffer body = {0}, event = {0}, fields = {0};
    const uint8_t event_nonce[EVENT_NONCE_SIZE] = {2, (uint8_t)stream->seq};
    assert_true(box_shared_of(&shared, &hub_identity.box_public, &c->me.box_secret));
    for (uint32_t i = 0; i < key_count; i++) {
        const uint8_t nonce[BOX_NONCE_SIZE] = {1, (uint8_t)i, (uint8_t)stream->seq};
        key_record_wrap(&keys[i], &shared, nonce, &body);
    }
    const struct event_clear clear = {.device = c->me.device, .incarnation = 1, .site = bytes_str(stream->site),
                                      .seq = ++stream->seq, .prev = stream->last, .key = *under};
    const struct data_key guess = {{9}};
    mp_put_map(&fields, 0);
    const struct event_body said = {
        .time = 1, .type = bytes_str("note.added"), .worker = bytes_str("eve"), .fields = buffer_bytes(&fields)};
    assert_true(event_seal(&clear, &said, &guess, event_nonce, &event));
    buffer_append(&body, event.data, event.len);
    event_id_of(buffer_bytes(&event), &stream->last);
    m.kind = MSG_PUSH;
    m.push = (struct msg_push){.site = bytes_str(stream->site), .incarnation = 1, .first_seq = stream->seq, .count = 1,
                               .key_count = key_count};
    sign_stream(&c->me.sign_secret, m.push.site, &c->me.device, 1, stream->seq, &stream->last, &m.push.signature);
    assert_int_equal(ask(c, &m, buffer_bytes(&body)), MSG_RECEIPT);
    assert_int_equal(c->answer->receipt.seq, stream->seq);
    buffer_release(&body);
    buffer_release(&event);
    buffer_release(&fields);
}

/* How many keys the caller is given for this one, of a site: by asking, and with the site's entries. */
static uint32_t keys_given(struct caller *c, const char *site, const struct key_id *id)
{
    m.kind = MSG_KEYS;
    m.keys = (struct msg_keys){.site = bytes_str(site), .count = 1, .ids = {*id}};
    assert_int_equal(ask(c, &m, (struct bytes){0}), MSG_KEYRING);
    uint32_t given = c->answer->keyring.key_count;
    m.kind = MSG_PULL;
    m.pull = (struct msg_pull){.site = bytes_str(site), .max_bytes = 65536};
    assert_int_equal(ask(c, &m, (struct bytes){0}), MSG_FEED);
    return given + c->answer->feed.key_count;
}

/* Whoever joins the site now gets its own key, and none else. */
static void assert_joins_with(struct caller *newcomer, const char *site, const struct key_record *own)
{
    static struct mp_reader r;
    struct box_shared shared;
    unsigned found = 0;
    call(newcomer);
    join(&m, newcomer, newcomer->me.curve_public);
    assert_int_equal(ask(newcomer, &m, (struct bytes){0}), MSG_JOINED);
    assert_true(box_shared_of(&shared, &hub_identity.box_public, &newcomer->me.box_secret));
    mp_reader_init(&r, buffer_bytes(&newcomer->body));
    for (uint32_t i = 0; i < newcomer->answer->joined.key_count; i++) {
        struct key_record key;
        assert_true(mp_next(&r) && key_record_unwrap(&r, &shared, &key));
        if (strcmp(key.site, site) == 0) {
            found++;
            assert_memory_equal(&key.id, &own->id, sizeof key.id);
            assert_memory_equal(&key.key, &own->key, sizeof key.key);
        }
    }
    assert_int_equal(found, 1);
}

/* A laptop of south brings a key "of north", and writes an event that names north's key. */
static void keys_of_a_site_one_is_not_in(void **state)
{
    (void)state;
    const struct key_record forged = {.kind = KEY_SITE, .site = "north", .id = {{7}}, .key = {{7}}};
    struct stream south = {.site = "south"};
    call(evil);
    hello(&m, evil, "south", 1);
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_WELCOME);
    push(evil, &south, &north_key.id, &forged, 1);
    assert_int_equal(keys_given(evil, "south", &north_key.id), 0); /* north's key is not handed out for it, … */
    m.kind = MSG_KEYS;
    m.keys = (struct msg_keys){.site = bytes_str("north"), .count = 1, .ids = {north_key.id}};
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_REFUSED);
    assert_joins_with(holders[1], "north", &north_key); /* … and who joins north gets north's own */
}

/* The site's key is the hub's: who is in the site cannot put another in its place, alone or among others. */
static void a_key_of_ones_own_site(void **state)
{
    (void)state;
    const struct key_record brought[] = {
        {.kind = KEY_SITE, .site = "south", .id = {{7}}, .key = {{7}}},
        {.kind = KEY_PERSON, .site = "south", .id = {{8}}, .owner = {{8}}, .key = {{8}}},
        {.kind = KEY_SITE_AUDIENCE, .site = "south", .id = {{6}}, .key = {{6}},
         .members = {.count = 2, .workers = {"amy", "ben"}}},
        {.kind = KEY_PERSON, .site = "south", .id = south_key.id, .owner = {{5}}, .key = {{5}}},
        {.kind = KEY_SITE_AUDIENCE, .site = "south", .id = {{3}}, .key = {{3}},
         .members = {.count = 2, .workers = {"anna", "ben"}}}};
    struct stream south = {.site = "south"};
    call(evil);
    hello(&m, evil, "south", 1);
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_WELCOME);
    push(evil, &south, &brought[1].id, brought, 5);
    push(evil, &south, &brought[0].id, NULL, 0);
    push(evil, &south, &brought[2].id, NULL, 0);
    assert_int_equal(evil->answer->receipt.missing_count, 1); /* for others to write under: it would read along */
    push(evil, &south, &brought[4].id, NULL, 0);
    assert_int_equal(evil->answer->receipt.missing_count, 0); /* it keeps one from a member, for the members … */
    assert_int_equal(keys_given(evil, "south", &brought[4].id), 1);
    assert_int_equal(keys_given(evil, "south", &brought[0].id), 0); /* … has no such key of the site … */
    assert_int_equal(keys_given(evil, "south", &brought[2].id), 0);
    assert_int_equal(keys_given(evil, "south", &brought[1].id), 1); /* … and the person's beside it was kept */
    assert_joins_with(holders[0], "south", &south_key);
}

/* A laptop that is in both sites brings a key of north's again as one of south's, first alone and then with an event
 * under it: south's others are not given it. */
static void a_persons_key_under_two_sites(void **state)
{
    (void)state;
    struct key_record person = {.kind = KEY_PERSON, .site = "north", .id = {{4}}, .owner = {{4}}, .key = {{4}}};
    struct stream north = {.site = "north"}, south = {.site = "south"};
    call(both);
    hello(&m, both, "north", 1);
    assert_int_equal(ask(both, &m, (struct bytes){0}), MSG_WELCOME);
    push(both, &north, &person.id, &person, 1);
    memcpy(person.site, "south", sizeof "south");
    push(both, &south, &person.id, &person, 1);
    push(both, &south, &north_key.id, NULL, 0);
    call(evil);
    hello(&m, evil, "south", 1);
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_WELCOME);
    assert_int_equal(keys_given(evil, "south", &person.id), 0);
    assert_int_equal(keys_given(evil, "south", &north_key.id), 0);
}

/* A used ticket gives again what it gave, and a laptop that is let in has nothing to join with. */
static void joining_again_for_more(void **state)
{
    (void)state;
    assert_joins_with(holders[0], "south", &south_key);
    join(&m, holders[0], holders[0]->me.curve_public);
    assert_int_equal(ask(holders[0], &m, (struct bytes){0}), MSG_JOINED);
    for (uint32_t i = 0; i < holders[0]->answer->joined.site_count; i++)
        assert_false(bytes_is(holders[0]->answer->joined.sites[i], "north"));
    call(evil);
    join(&m, evil, evil->me.curve_public);
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_REFUSED);
    hello(&m, evil, "north", 1);
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_WELCOME);
    assert_int_equal(evil->answer->welcome.sites[0].verdict, SITE_DENIED);
    m.kind = MSG_PULL;
    m.pull = (struct msg_pull){.site = bytes_str("north"), .max_bytes = 65536};
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_REFUSED);
}

/* HELLOs and PULLs without pause, of ever new incarnations, and answers that are not read: the honest one, whom end()
 * lets call, is served all the same. */
static void a_flood(void **state)
{
    (void)state;
    call(evil);
    for (uint32_t i = 1; i <= 3000; i++) {
        hello(&m, evil, "south", i);
        m.request = i;
        m.hello.sites[0].cursor_count = 1;
        m.hello.sites[0].cursors[0] = (struct log_head){.at = {1, 1}};
        say(evil, &m, (struct bytes){0});
        m.kind = MSG_PULL;
        m.pull = (struct msg_pull){.site = bytes_str("south"), .max_bytes = 1, .wait_ms = UINT32_MAX};
        say(evil, &m, (struct bytes){0});
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_true(run_until(evil, has_answers, 1));
}

/* Bytes that mean nothing, in every frame, and every message that only a hub sends. */
static void rubbish(void **state)
{
    (void)state;
    uint8_t bytes[256];
    call(evil);
    hello(&m, evil, "south", 1);
    assert_int_equal(ask(evil, &m, (struct bytes){0}), MSG_WELCOME);
    for (uint32_t i = 0; i < 2000; i++) {
        struct buffer header = {0};
        struct lent body = {0};
        const uint8_t seed[randombytes_SEEDBYTES] = {(uint8_t)i, (uint8_t)(i >> 8)};
        randombytes_buf_deterministic(bytes, sizeof bytes, seed);
        m.kind = (enum message_kind)(1 + i % MSG_LAST);
        m.request = i;
        memset(&m.hello, 0, sizeof m.hello);
        message_encode(&m, &header);
        for (uint32_t j = 0; header.len > 0 && j < i % 4; j++)
            header.data[bytes[j] % header.len] ^= bytes[j + 8];
        if (i % 5 == 0)
            buffer_append(&header, bytes, bytes[0]);
        body.bytes = bytes_of(bytes, i % 3 == 0 ? sizeof bytes : 0);
        struct buffer copy = {0};
        buffer_append(&copy, body.bytes.data, body.bytes.len);
        if (copy.data != NULL)
            body = (struct lent){buffer_bytes(&copy), free, copy.data};
        net_spoke_send(evil->net, &header, &body);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    hello(&m, evil, "south", 1);
    ask(evil, &m, (struct bytes){0});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_join_with_a_key_that_is_none, begin, end),
        cmocka_unit_test_setup_teardown(a_join_with_a_curve_key_that_is_none, begin, end),
        cmocka_unit_test_setup_teardown(a_join_with_another_laptops_key, begin, end),
        cmocka_unit_test_setup_teardown(a_ticket_used_many_times_at_once, begin, end),
        cmocka_unit_test_setup_teardown(keys_of_a_site_one_is_not_in, begin, end),
        cmocka_unit_test_setup_teardown(a_key_of_ones_own_site, begin, end),
        cmocka_unit_test_setup_teardown(a_persons_key_under_two_sites, begin, end),
        cmocka_unit_test_setup_teardown(joining_again_for_more, begin, end),
        cmocka_unit_test_setup_teardown(a_flood, begin, end),
        cmocka_unit_test_setup_teardown(rubbish, begin, end),
    };
    report_level(LEVEL_ERROR);
    if (!HUB_CAN_BE_FORKED) {
        puts("skip a hub in a process of its own: forked under the thread sanitizer it could have no threads");
        return 77;
    }
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
