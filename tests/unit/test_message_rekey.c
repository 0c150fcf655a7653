/* SPDX-License-Identifier: Apache-2.0 */
/* Keys in messages: REKEY and its proof, the terms in a WELCOME, and a message's kind without the rest. */
#include <sodium.h>

#include "proto/event/terms.h"
#include "proto/mp.h"
#include "proto/sync/message.h"
#include "tests/unit/given.h"
#include "tests/unit/vectors_message.h"

static struct message sample, read_back; /* large */

static void must_be(enum message_kind kind, const char *hex)
{
    struct buffer b = {0};
    sample.kind = kind;
    sample.request = 6;
    message_encode(&sample, &b);
    assert_hex(buffer_bytes(&b), hex);
    assert_true(message_decode(buffer_bytes(&b), &read_back));
    assert_int_equal(message_kind_of(buffer_bytes(&b)), kind);
    buffer_release(&b);
}

static void the_bytes_are_those_that_the_protocol_tells(void **state)
{
    (void)state;
    struct sign_public device, hub;
    struct sign_secret secret;
    uint8_t seed[32];
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)i;
    crypto_sign_seed_keypair(device.b, secret.b, seed);
    given_hex(VECTOR_HUB_SIGN, hub.b, 32);
    memset(sample.rekey.box.b, 0x64, 32);
    memset(sample.rekey.curve, 0x65, 32);
    rekey_sign(&secret, &hub, &sample.rekey);
    must_be(MSG_REKEY, VECTOR_REKEY);
    assert_true(rekey_verify(&device, &hub, &read_back.rekey));
    must_be(MSG_REKEYED, VECTOR_REKEYED);
}

static void each_key_of_a_rekey_is_vouched_for(void **state)
{
    (void)state;
    struct sign_public device, hub = {{9}};
    struct sign_secret secret;
    const uint8_t seed[32] = {3};
    struct msg_rekey rekey = {.box = {{4}}, .curve = {5}};
    crypto_sign_seed_keypair(device.b, secret.b, seed);
    rekey_sign(&secret, &hub, &rekey);
    assert_true(rekey_verify(&device, &hub, &rekey));
    uint8_t *const said[] = {rekey.box.b, rekey.curve, rekey.proof.b, device.b, hub.b};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        said[i][7] ^= 1;
        assert_false(rekey_verify(&device, &hub, &rekey));
        said[i][7] ^= 1;
    }
    assert_true(rekey_verify(&device, &hub, &rekey));
}

/* Whether there are any is for the laptop to judge; a hub of after may say more than its terms. */
static void terms_follow_the_peers(void **state)
{
    (void)state;
    struct buffer b = given_buffer(VECTOR_WELCOME), terms = given_buffer(VECTOR_TERMS);
    size_t without = b.len;
    assert_true(message_decode(buffer_bytes(&b), &sample));
    assert_int_equal(sample.welcome.terms.len, 0);
    buffer_append(&b, terms.data, terms.len);
    mp_put_text(&b, "something that a later version says");
    assert_true(message_decode(buffer_bytes(&b), &read_back));
    assert_true(bytes_equal(read_back.welcome.terms, buffer_bytes(&terms)));
    assert_int_equal(read_back.welcome.peer_count, 1);
    struct buffer again = {0};
    message_encode(&read_back, &again);
    assert_int_equal(again.len, without + terms.len);
    assert_memory_equal(again.data, b.data, again.len);
    b.len = without + terms.len - 1; /* cut short, it is no WELCOME */
    assert_false(message_decode(buffer_bytes(&b), &read_back));
    buffer_release(&again);
    buffer_release(&b);
    buffer_release(&terms);
}

static void the_kind_is_told_without_the_rest(void **state)
{
    (void)state;
    struct buffer b = given_buffer(VECTOR_PULL);
    assert_int_equal(message_kind_of(buffer_bytes(&b)), MSG_PULL);
    assert_int_equal(message_kind_of(bytes_of("\xdc\x00\x05\x0e", 4)), MSG_REKEY); /* longer forms */
    assert_int_equal(message_kind_of(bytes_of("\xdd\x00\x00\x00\x05\x0f", 6)), MSG_REKEYED);
    assert_int_equal(message_kind_of(bytes_of("\xdc\x00\x05", 3)), 0);
    assert_int_equal(message_kind_of(bytes_of("\x95\x10", 2)), 0);
    assert_int_equal(message_kind_of(bytes_of("\x95", 1)), 0);
    assert_int_equal(message_kind_of(bytes_of("\xa1\x0e", 2)), 0);
    assert_int_equal(message_kind_of((struct bytes){0}), 0);
    buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_that_the_protocol_tells),
        cmocka_unit_test(each_key_of_a_rekey_is_vouched_for),
        cmocka_unit_test(terms_follow_the_peers),
        cmocka_unit_test(the_kind_is_told_without_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
