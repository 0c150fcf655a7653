/* SPDX-License-Identifier: Apache-2.0 */
/* Message headers: what is written is read back, and nothing else is. */
#include <sodium.h>
#include <stdio.h>

#include "proto/sync/message.h"
#include "proto/mp.h"
#include "proto/sync/sync_entries.h"
#include "tests/unit/given.h"
#include "tests/unit/vectors_message.h"

static struct message sample, read_back; /* large: not on the stack */

static void fill(void *out, size_t size, uint8_t with)
{
    memset(out, with, size);
}

static struct log_head head_at(uint32_t epoch, uint64_t n)
{
    struct log_head head = {.at = {epoch, n}};
    fill(head.hash.b, sizeof head.hash.b, (uint8_t)n);
    return head;
}

/* ---- one message of each kind; `full`: with as many items as the limits allow ---- */

static char site_names[SITES_MAX][SLUG_MAX + 1];

static struct bytes site_called(uint32_t i)
{
    (void)snprintf(site_names[i], sizeof site_names[i], "site-%u", i);
    return bytes_str(site_names[i]);
}

static void give_hello(bool full)
{
    struct msg_hello *m = &sample.hello;
    *m = (struct msg_hello){.version = PROTOCOL_VERSION, .incarnation = 3, .site_count = full ? SITES_MAX : 2};
    memset(&m->challenge, 0x77, sizeof m->challenge);
    fill(&m->device, sizeof m->device, 7);
    for (uint32_t i = 0; i < m->site_count; i++) {
        struct hello_site *s = &m->sites[i];
        *s = (struct hello_site){.site = site_called(i),
                                 .own_seq = 5 + i,
                                 .waiting = 2,
                                 .oldest_waiting_ms = 1767225600000,
                                 .cursor_count = full ? SEEN_MAX : (uint8_t)i};
        fill(&s->own_id, sizeof s->own_id, 9);
        for (uint8_t c = 0; c < s->cursor_count; c++)
            s->cursors[c] = head_at(c + 1u, 100);
    }
}

static void give_welcome(bool full)
{
    struct msg_welcome *m = &sample.welcome;
    *m = (struct msg_welcome){.epoch = 2,
                              .now_ms = 1767225600000,
                              .site_count = full ? SITES_MAX : 2,
                              .peer_count = full ? WELCOME_PEERS_MAX : 1};
    for (uint32_t i = 0; i < m->site_count; i++)
        m->sites[i] = (struct welcome_site){.site = site_called(i),
                                            .verdict = (enum site_verdict)(i % 5),
                                            .next_incarnation = i,
                                            .held_seq = 4,
                                            .head = {1, 70},
                                            .missing_count = full ? RECEIPT_KEYS_MAX : i};
    for (uint32_t i = 0; i < m->site_count; i++)
        for (uint32_t k = 0; k < m->sites[i].missing_count; k++)
            fill(&m->sites[i].missing[k], sizeof m->sites[i].missing[k], (uint8_t)k);
    for (uint32_t i = 0; i < m->peer_count; i++)
        m->peers[i] = (struct welcome_peer){.heard_ms = 12345, .waiting = i};
}

static void give_receipt(bool full)
{
    struct msg_receipt *m = &sample.receipt;
    *m = (struct msg_receipt){.site = site_called(0),
                              .incarnation = 1,
                              .seq = 40,
                              .run_count = full ? RECEIPT_RUNS_MAX : 1,
                              .missing_count = full ? RECEIPT_KEYS_MAX : 1};
    for (uint32_t i = 0; i < m->run_count; i++)
        m->runs[i] = (struct position_run){1 + i, {1, 10 + i}, 1};
}

static void give_pull(bool full)
{
    sample.pull = (struct msg_pull){.site = site_called(0),
                                    .cursor_count = full ? SEEN_MAX : 1,
                                    .max_bytes = 16384,
                                    .wait_ms = 20000,
                                    .waiting = 3,
                                    .oldest_waiting_ms = 5};
    for (uint32_t i = 0; i < sample.pull.cursor_count; i++)
        sample.pull.cursors[i] = (struct position){i + 1, 9};
}

static void give_keys(bool full)
{
    sample.keys = (struct msg_keys){.site = site_called(0), .count = full ? KEYS_MAX : 2};
    for (uint32_t i = 0; i < sample.keys.count; i++)
        fill(&sample.keys.ids[i], sizeof sample.keys.ids[i], (uint8_t)i);
}

static void give_joined(bool full)
{
    sample.joined = (struct msg_joined){.hub_name = bytes_str("Hub at the mill"),
                                        .worker = bytes_str("ash-grey"),
                                        .site_count = full ? SITES_MAX : 1,
                                        .key_count = 2};
    for (uint32_t i = 0; i < sample.joined.site_count; i++)
        sample.joined.sites[i] = site_called(i);
}

static void give(enum message_kind kind, bool full)
{
    sample.kind = kind;
    sample.request = 300;
    struct bytes site = site_called(0);
    switch (kind) {
    case MSG_HELLO:
        give_hello(full);
        break;
    case MSG_WELCOME:
        give_welcome(full);
        break;
    case MSG_RECEIPT:
        give_receipt(full);
        break;
    case MSG_PULL:
        give_pull(full);
        break;
    case MSG_KEYS:
        give_keys(full);
        break;
    case MSG_JOINED:
        give_joined(full);
        break;
    case MSG_PUSH:
        sample.push = (struct msg_push){
            .site = site, .incarnation = 1, .first_seq = 8, .count = full ? BATCH_ENTRIES_MAX : 3, .key_count = 1};
        break;
    case MSG_FEED:
        sample.feed = (struct msg_feed){.site = site,
                                        .first = {1, 5},
                                        .count = full ? BATCH_ENTRIES_MAX : 2,
                                        .head = head_at(1, 6),
                                        .newest = {1, 9}};
        break;
    case MSG_KEYRING:
        sample.keyring = (struct msg_keyring){
            .site = site, .key_count = full ? KEYS_MAX : 0, .denied_count = full ? KEYS_MAX : 0};
        for (uint32_t i = 0; i < sample.keyring.denied_count; i++)
            sample.keyring.denied[i].b[i % 16] = (uint8_t)i;
        break;
    case MSG_OFFER:
        sample.offer = (struct msg_offer){
            .site = site, .first = {1, 3}, .count = full ? BATCH_ENTRIES_MAX : 1, .head = head_at(1, 3)};
        break;
    case MSG_OFFERED:
        sample.offered =
            (struct msg_offered){.site = site, .held = {1, 3}, .missing_count = full ? RECEIPT_KEYS_MAX : 0};
        break;
    case MSG_JOIN:
        sample.join = (struct msg_join){.version = 1, .label = bytes_str("Anne\xc3\xa9's laptop")};
        break;
    case MSG_REFUSED:
        sample.refused = (struct msg_refused){
            .reason = REFUSED_BUSY, .site = full ? site : (struct bytes){0}, .text = bytes_str("Later.")};
        break;
    case MSG_REKEY:
        fill(&sample.rekey, sizeof sample.rekey, 5);
        break;
    case MSG_REKEYED:
        break;
    }
}

static void encode(struct buffer *out)
{
    buffer_clear(out);
    message_encode(&sample, out);
    assert_false(out->failed);
}

/* ---- tests ---- */

static void every_message_is_read_back_as_it_was_written(void **state)
{
    (void)state;
    struct buffer first = {0}, second = {0};
    for (int full = 0; full <= 1; full++)
        for (int kind = MSG_HELLO; kind <= MSG_LAST; kind++) {
            give((enum message_kind)kind, full);
            encode(&first);
            assert_true(first.len <= HEADER_MAX);
            memset(&read_back, 0xa5, sizeof read_back);
            assert_true(message_decode(buffer_bytes(&first), &read_back));
            assert_int_equal(read_back.kind, kind);
            assert_int_equal(read_back.request, 300);
            buffer_clear(&second);
            message_encode(&read_back, &second);
            assert_int_equal(first.len, second.len);
            assert_memory_equal(first.data, second.data, first.len);
        }
    buffer_release(&first);
    buffer_release(&second);
}

static void values_come_back_in_their_fields(void **state)
{
    (void)state;
    struct buffer b = {0};
    give(MSG_HELLO, false);
    encode(&b);
    assert_true(message_decode(buffer_bytes(&b), &read_back));
    assert_int_equal(read_back.hello.incarnation, 3);
    assert_int_equal(read_back.hello.challenge.b[15], 0x77);
    assert_int_equal(read_back.hello.sites[1].own_seq, 6);
    assert_true(bytes_is(read_back.hello.sites[1].site, "site-1"));
    assert_int_equal(read_back.hello.sites[1].cursors[0].at.n, 100);
    assert_int_equal(read_back.hello.sites[1].cursors[0].hash.b[31], 100);
    give(MSG_RECEIPT, false);
    encode(&b);
    assert_true(message_decode(buffer_bytes(&b), &read_back));
    assert_int_equal(read_back.receipt.seq, 40);
    assert_int_equal(read_back.receipt.runs[0].at.n, 10);
    assert_int_equal(read_back.receipt.missing_count, 1);
    buffer_release(&b);
}

static void a_message_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct buffer b = {0};
    for (int kind = MSG_HELLO; kind <= MSG_LAST; kind++) {
        give((enum message_kind)kind, false);
        encode(&b);
        for (size_t len = 0; len < b.len; len++) {
            uint8_t *cut = malloc(len ? len : 1); /* its own memory: reading past it is seen by the sanitizer */
            assert_non_null(cut);
            memcpy(cut, b.data, len);
            assert_false(message_decode(bytes_of(cut, len), &read_back));
            free(cut);
        }
    }
    buffer_release(&b);
}

static void a_flipped_bit_never_does_harm(void **state)
{
    (void)state;
    struct buffer b = {0};
    for (int kind = MSG_HELLO; kind <= MSG_LAST; kind++) {
        give((enum message_kind)kind, false);
        encode(&b);
        for (size_t bit = 0; bit < b.len * 8; bit++) {
            b.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            if (message_decode(buffer_bytes(&b),
                               &read_back)) { /* then it is within every limit: writing it does not fail */
                struct buffer again = {0};
                message_encode(&read_back, &again);
                assert_true(again.len <= HEADER_MAX);
                buffer_release(&again);
            }
            b.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
    buffer_release(&b);
}

static void what_a_later_version_adds_is_passed_over(void **state)
{
    (void)state;
    struct buffer b = {0}, more = {0};
    give(MSG_KEYRING, true);
    encode(&b);
    mp_put_array(&more, 7); /* 5, and two that this version does not know */
    buffer_append(&more, b.data + 1, b.len - 1);
    mp_put_text(&more, "new");
    mp_put_uint(&more, 1);
    assert_true(message_decode(buffer_bytes(&more), &read_back));
    assert_int_equal(read_back.keyring.key_count, KEYS_MAX);
    assert_int_equal(read_back.keyring.denied_count, KEYS_MAX);
    assert_memory_equal(read_back.keyring.denied, sample.keyring.denied, sizeof sample.keyring.denied);
    mp_put_array(&more, 1); /* and one more object after it */
    mp_put_nil(&more);
    assert_true(message_decode(buffer_bytes(&more), &read_back));
    buffer_append_byte(&more, 0xc1); /* but nothing that is not msgpack */
    assert_false(message_decode(buffer_bytes(&more), &read_back));
    buffer_release(&b);
    buffer_release(&more);
}

/* The header of `kind` with one change made to the sample before. */
static bool accepted(void)
{
    struct buffer b = {0};
    encode(&b);
    bool ok = message_decode(buffer_bytes(&b), &read_back);
    buffer_release(&b);
    return ok;
}

/* A hub that lacks no key says nothing of it: what an earlier version reads. */
static void missing_keys_are_told_when_there_are_any(void **state)
{
    (void)state;
    struct buffer b = {0};
    give(MSG_WELCOME, false);
    size_t sites = sample.welcome.site_count;
    for (size_t i = 0; i < sites; i++)
        sample.welcome.sites[i].missing_count = 0;
    encode(&b);
    size_t without = b.len;
    assert_true(message_decode(buffer_bytes(&b), &read_back));
    assert_int_equal(read_back.welcome.sites[0].missing_count, 0);
    sample.welcome.sites[0].missing_count = 2;
    fill(&sample.welcome.sites[0].missing[1], sizeof(struct key_id), 7);
    encode(&b);
    assert_int_equal(b.len, without + 1 + 2 * 18);
    assert_true(message_decode(buffer_bytes(&b), &read_back));
    assert_int_equal(read_back.welcome.sites[0].missing_count, 2);
    assert_memory_equal(&read_back.welcome.sites[0].missing[1], &sample.welcome.sites[0].missing[1],
                        sizeof(struct key_id));
    buffer_release(&b);
}

static void an_offer_of_nothing_is_a_question(void **state)
{
    (void)state;
    give(MSG_OFFER, false);
    sample.offer.count = 0;
    assert_false(accepted()); /* a question is about an epoch, not about a position */
    sample.offer.first.n = 0;
    sample.offer.head = (struct log_head){0};
    assert_true(accepted());
    assert_int_equal(read_back.offer.first.epoch, 1);
    sample.offer.first.epoch = 0;
    assert_false(accepted());
    give(MSG_OFFER, false);
    sample.offer.first.n = 0;
    assert_false(accepted());
}

static void values_over_a_limit_are_refused(void **state)
{
    (void)state;
    give(MSG_PUSH, true);
    sample.push.count++;
    assert_false(accepted());
    give(MSG_PUSH, false);
    sample.push.first_seq = 0;
    assert_false(accepted());
    sample.push.count = 0; /* keys alone have no first event */
    assert_true(accepted());
    sample.push.incarnation = 0;
    assert_false(accepted());
    give(MSG_FEED, false);
    sample.feed.first.n = 0;
    assert_false(accepted());
    give(MSG_HELLO, false);
    sample.hello.sites[1].cursors[0].at.epoch = 0;
    assert_false(accepted());
    give(MSG_PULL, true);
    sample.pull.cursors[3].epoch = sample.pull.cursors[2].epoch; /* not ascending */
    assert_false(accepted());
    give(MSG_RECEIPT, false);
    sample.receipt.runs[0].at.n = 0;
    assert_false(accepted());
    give(MSG_KEYRING, true);
    sample.keyring.key_count++;
    assert_false(accepted());
    give(MSG_KEYRING, true);
    assert_true(accepted());
    sample.keyring.denied_count = 0; /* left out: none */
    assert_true(accepted());
    assert_int_equal(read_back.keyring.denied_count, 0);
}

static void names_are_checked(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "Dale",        "dale east",
                                      "-dale", "dale/../etc", "a-name-that-is-longer-than-32-bytes"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        give(MSG_PULL, false);
        sample.pull.site = bytes_str(bad[i]);
        assert_false(accepted());
    }
    give(MSG_REFUSED, false);
    sample.refused.text = bytes_str("\xff\xfe");
    assert_false(accepted());
}

static void a_refused_message_still_tells_its_request(void **state)
{
    (void)state;
    struct buffer b = {0};
    mp_put_array(&b, 3);
    mp_put_uint(&b, MSG_PULL);
    mp_put_uint(&b, 77);
    mp_put_text(&b, "and no more");
    assert_false(message_decode(buffer_bytes(&b), &read_back));
    assert_int_equal(read_back.kind, MSG_PULL);
    assert_int_equal(read_back.request, 77);
    assert_string_equal(message_name(MSG_PULL), "PULL");
    assert_string_equal(message_name((enum message_kind)99), "unknown");
    buffer_release(&b);
}

static void a_join_proves_its_keys(void **state)
{
    (void)state;
    struct sign_secret secret;
    uint8_t seed[32] = {1};
    give(MSG_JOIN, false);
    crypto_sign_seed_keypair(sample.join.sign.b, secret.b, seed);
    fill(sample.join.box.b, 32, 2);
    fill(sample.join.curve, 32, 3);
    join_sign(&secret, &sample.join);
    assert_true(join_verify(&sample.join));
    sample.join.curve[5] ^= 1; /* somebody else's connection */
    assert_false(join_verify(&sample.join));
    sample.join.curve[5] ^= 1;
    sample.join.label = bytes_str("another name");
    assert_false(join_verify(&sample.join));
}

/* ---- known answers: the same bytes for everybody ---- */

static void give_known_hello(void)
{
    sample.hello = (struct msg_hello){.version = 1, .incarnation = 1, .site_count = 1};
    memset(&sample.hello.challenge, 0x66, sizeof sample.hello.challenge);
    given_hex(VECTOR_DEVICE, sample.hello.device.b, 16);
    struct hello_site *s = &sample.hello.sites[0];
    *s = (struct hello_site){.site = bytes_str(VECTOR_SITE),
                             .own_seq = 2,
                             .waiting = 1,
                             .oldest_waiting_ms = 1767225600000,
                             .cursor_count = 1};
    s->cursors[0].at = (struct position){1, 1};
    given_hex(VECTOR_ID_2, s->own_id.b, 32);
    given_hex(VECTOR_LOG_1, s->cursors[0].hash.b, 32);
}

static void give_known_welcome(void)
{
    struct msg_welcome *m = &sample.welcome;
    *m = (struct msg_welcome){.epoch = 1, .now_ms = 1767225600000, .site_count = 1, .peer_count = 1};
    fill(&m->hub, sizeof m->hub, 0xbb);
    m->sites[0] = (struct welcome_site){.site = bytes_str(VECTOR_SITE), .held_seq = 2, .head = {1, 2}};
    given_hex(VECTOR_ID_2, m->sites[0].held_id.b, 32);
    given_hex(VECTOR_SIGN_RECEIPT, m->sites[0].held_receipt.b, 64);
    m->peers[0] = (struct welcome_peer){.heard_ms = 1767225600000, .waiting = 3};
    fill(&m->peers[0].device, 16, 0xcc);
}

static void give_known_receipt(void)
{
    sample.receipt = (struct msg_receipt){
        .site = bytes_str(VECTOR_SITE), .incarnation = 1, .seq = 2, .run_count = 1, .runs = {{1, {1, 1}, 2}}};
    given_hex(VECTOR_ID_2, sample.receipt.id.b, 32);
    given_hex(VECTOR_SIGN_RECEIPT, sample.receipt.signature.b, 64);
}

static void give_known_feed(void)
{
    sample.feed = (struct msg_feed){
        .site = bytes_str(VECTOR_SITE), .first = {1, 2}, .count = 1, .head = {.at = {1, 2}}, .newest = {1, 2}};
    given_hex(VECTOR_LOG_2, sample.feed.head.hash.b, 32);
    given_hex(VECTOR_SIGN_LOG_HEAD, sample.feed.signature.b, 64);
}

static void must_be(enum message_kind kind, uint64_t request, const char *hex)
{
    struct buffer b = {0};
    sample.kind = kind;
    sample.request = request;
    encode(&b);
    assert_hex(buffer_bytes(&b), hex);
    buffer_release(&b);
}

static void the_bytes_are_those_that_the_protocol_tells(void **state)
{
    (void)state;
    struct bytes site = bytes_str(VECTOR_SITE);
    give_known_hello();
    must_be(MSG_HELLO, 1, VECTOR_HELLO);
    give_known_welcome();
    must_be(MSG_WELCOME, 1, VECTOR_WELCOME);
    sample.push = (struct msg_push){.site = site, .incarnation = 1, .first_seq = 1, .count = 2, .key_count = 1};
    given_hex(VECTOR_SIGN_STREAM, sample.push.signature.b, 64);
    must_be(MSG_PUSH, 2, VECTOR_PUSH);
    give_known_receipt();
    must_be(MSG_RECEIPT, 2, VECTOR_RECEIPT);
    sample.pull =
        (struct msg_pull){.site = site, .cursor_count = 1, .cursors = {{1, 1}}, .max_bytes = 16384, .wait_ms = 20000};
    must_be(MSG_PULL, 3, VECTOR_PULL);
    give_known_feed();
    must_be(MSG_FEED, 3, VECTOR_FEED);
    sample.keys = (struct msg_keys){.site = site, .count = 2};
    given_hex(VECTOR_PERSON, sample.keys.ids[0].b, 16);
    given_hex(VECTOR_SITE_KEY_ID, sample.keys.ids[1].b, 16);
    must_be(MSG_KEYS, 4, VECTOR_KEYS);
    sample.refused = (struct msg_refused){.reason = REFUSED_BUSY, .text = bytes_str("Try again later.")};
    must_be(MSG_REFUSED, 5, VECTOR_REFUSED);
    sample.refused = (struct msg_refused){
        .reason = REFUSED_KEPT_ASIDE, .site = site, .text = bytes_str("Kept aside."), .held_seq = 2};
    given_hex(VECTOR_ID_2, sample.refused.held_id.b, 32);
    must_be(MSG_REFUSED, 5, VECTOR_KEPT_ASIDE);
    struct buffer marker = {0};
    struct event_id id;
    given_hex(VECTOR_ID_2, id.b, 32);
    feed_put_marker(&marker, 1, 2, &id);
    assert_hex(buffer_bytes(&marker), VECTOR_MARKER);
    buffer_release(&marker);
}

/* ---- bodies ---- */

static void a_body_cannot_claim_more_than_it_has(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct event_id id = {{1}};
    struct batch *batch = NULL;
    feed_put_marker(&b, 2, 9, &id);
    feed_put_marker(&b, 2, 10, &id);
    struct entries_form form = {.site = bytes_str("dale"), .count = 2, .markers = true, .incarnation = 2};
    struct lent body = {.bytes = buffer_bytes(&b)};
    assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_OK);
    assert_int_equal(batch->entries[1].seq, 10);
    assert_int_equal(batch->entries[1].flags, ENTRY_OWN);
    batch_free(batch);
    for (uint32_t count = 0; count <= BATCH_ENTRIES_MAX + 1; count += count < 4 ? 1 : 4093) {
        form.count = count;
        body.bytes = buffer_bytes(&b);
        if (count != 2)
            assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_BAD);
    }
    form.count = 2;
    form.incarnation = 3; /* markers of another incarnation are not ours */
    body.bytes = buffer_bytes(&b);
    assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_BAD);
    form.incarnation = 2;
    form.markers = false; /* and in a PUSH there are none */
    body.bytes = buffer_bytes(&b);
    assert_int_equal(entries_decode(&body, &form, &batch), ENTRIES_BAD);
    buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_is_read_back_as_it_was_written),
        cmocka_unit_test(values_come_back_in_their_fields),
        cmocka_unit_test(a_message_cut_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_never_does_harm),
        cmocka_unit_test(what_a_later_version_adds_is_passed_over),
        cmocka_unit_test(missing_keys_are_told_when_there_are_any),
        cmocka_unit_test(an_offer_of_nothing_is_a_question),
        cmocka_unit_test(values_over_a_limit_are_refused),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(a_refused_message_still_tells_its_request),
        cmocka_unit_test(a_join_proves_its_keys),
        cmocka_unit_test(the_bytes_are_those_that_the_protocol_tells),
        cmocka_unit_test(a_body_cannot_claim_more_than_it_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
