/* SPDX-License-Identifier: Apache-2.0 */
/* The two halves of sealing make what libsodium makes at once, whatever the lengths; and so does opening. */
#include "tests/unit/given_event.h"

#include "proto/event/seal.h"

static void both_halves_make_what_libsodium_makes(void **state)
{
    (void)state;
    uint8_t text[2400], clear[300], room[2560], tag[SEAL_TAG_SIZE];
    uint8_t whole[sizeof text + sizeof tag];
    struct data_key key;
    uint8_t nonce[EVENT_NONCE_SIZE];
    struct seal_subkey subkey;
    struct seal_tag_key tag_key;
    const uint8_t seed[randombytes_SEEDBYTES] = {7};
    randombytes_buf_deterministic(text, sizeof text, seed);
    memcpy(clear, text + 300, sizeof clear);
    memcpy(&key, text + 100, sizeof key);
    memcpy(nonce, text + 200, sizeof nonce);
    for (size_t len = 0; len <= sizeof text; len++) {
        const size_t associated = (len * 7) % (sizeof clear + 1);
        nonce[len % sizeof nonce]++;
        assert_true(seal_room(len) <= sizeof room);
        memcpy(room + SEAL_ROOM, text, len);
        event_subkey(&key, nonce, &subkey);
        seal_text(room, len, &subkey, nonce, &tag_key);
        seal_tag(&tag_key, bytes_of(clear, associated), bytes_of(room + SEAL_ROOM, len), tag);
        crypto_aead_xchacha20poly1305_ietf_encrypt(whole, NULL, text, len, clear, associated, NULL, nonce, key.b);
        assert_memory_equal(room + SEAL_ROOM, whole, len);
        assert_memory_equal(tag, whole + len, sizeof tag);
    }
}

static void what_libsodium_seals_opens_and_nothing_else_does(void **state)
{
    (void)state;
    uint8_t text[1100], clear[300], sealed[sizeof text + SEAL_TAG_SIZE], room[2048];
    struct data_key key;
    uint8_t nonce[EVENT_NONCE_SIZE];
    const uint8_t seed[randombytes_SEEDBYTES] = {8};
    randombytes_buf_deterministic(text, sizeof text, seed);
    memcpy(clear, text + 300, sizeof clear);
    memcpy(&key, text + 100, sizeof key);
    memcpy(nonce, text + 200, sizeof nonce);
    assert_false(seal_open(room, &key, nonce, bytes_of(clear, 10), bytes_of(text, SEAL_TAG_SIZE - 1)));
    for (size_t len = 0; len <= sizeof text; len++) {
        const size_t associated = (len * 7) % sizeof clear + 1, room_len = seal_room(len);
        const struct bytes with = bytes_of(clear, associated), all = bytes_of(sealed, len + SEAL_TAG_SIZE);
        uint8_t *changed[] = {&sealed[(len * 5) % all.len], &clear[(len * 3) % associated], &nonce[len % sizeof nonce],
                              &key.b[len % sizeof key.b]};
        assert_true(room_len >= SEAL_ROOM + len && room_len < sizeof room);
        nonce[len % sizeof nonce]++;
        crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, text, len, clear, associated, NULL, nonce, key.b);
        for (size_t i = 0; i < sizeof changed / sizeof *changed; i++) {
            *changed[i] ^= (uint8_t)(1u << len % 8);
            memset(room, 0xaa, sizeof room);
            assert_false(seal_open(room, &key, nonce, with, all));
            assert_int_equal(sodium_is_zero(room, room_len), 1);
            *changed[i] ^= (uint8_t)(1u << len % 8);
        }
        assert_true(seal_open(room, &key, nonce, with, all));
        assert_memory_equal(room, text, len);
        assert_int_equal(sodium_is_zero(room + len, room_len - len), 1);
        assert_int_equal(room[room_len], 0xaa);
    }
}

/* With the nonce that is given with it. */
static bool seal_body(const struct given_event *g, struct buffer *room, struct event_sealed *sealed)
{
    struct seal_subkey subkey;
    *sealed = (struct event_sealed){.incarnation = g->clear.incarnation};
    memcpy(sealed->nonce, g->nonce, sizeof sealed->nonce);
    event_subkey(&g->key, sealed->nonce, &subkey);
    return event_seal_body(&g->body, &subkey, room, sealed);
}

static void a_body_that_was_sealed_before_makes_the_same_event(void **state)
{
    (void)state;
    for (unsigned number = 1; number <= GIVEN_EVENTS; number++) {
        struct given_event g = given_event(number);
        struct event_sealed sealed;
        struct buffer room = {0}, raw = {0};
        assert_true(seal_body(&g, &room, &sealed));
        assert_true(event_seal_with(&g.clear, &sealed, &raw));
        assert_hex(buffer_bytes(&raw), g.raw_hex);
        g.clear.incarnation++; /* what its body says of earlier ones would not hold */
        const size_t len = raw.len;
        assert_false(event_seal_with(&g.clear, &sealed, &raw));
        assert_int_equal(raw.len, len);
        buffer_release(&room);
        buffer_release(&raw);
        buffer_release(&g.fields);
    }
}

static void a_body_that_breaks_a_rule_is_not_sealed(void **state)
{
    (void)state;
    struct given_event g = given_event(2);
    struct event_sealed sealed;
    struct buffer room = {0};
    g.body.worker = bytes_str("No Slug");
    assert_false(seal_body(&g, &room, &sealed));
    g.body.worker = bytes_str("amy");
    g.body.after = (struct branches){1, {{g.clear.incarnation, 1}}};
    assert_false(seal_body(&g, &room, &sealed));
    assert_false(room.failed);
    buffer_release(&room);
    buffer_release(&g.fields);
}

/* A nonce that begins as another did has its subkey, whatever comes behind. */
static void one_subkey_does_for_nonces_that_begin_alike(void **state)
{
    (void)state;
    struct data_key key = {{1}};
    uint8_t nonce[EVENT_NONCE_SIZE] = {2};
    struct seal_subkey first, other;
    event_subkey(&key, nonce, &first);
    nonce[SEAL_PREFIX] = 1;
    event_subkey(&key, nonce, &other);
    assert_memory_equal(&first, &other, sizeof first);
    nonce[SEAL_PREFIX - 1] = 1;
    event_subkey(&key, nonce, &other);
    assert_memory_not_equal(&first, &other, sizeof first);
}

/* The buffer is used again and given back as it is: nothing of the words, nor of what the tag is made with. */
static void a_body_that_is_not_sealed_leaves_no_words_behind(void **state)
{
    (void)state;
    struct given_event g = given_event(2);
    struct buffer room = {0}, fields = {0};
    struct event_sealed sealed;
    static const char words[EVENT_SIZE_MAX] = "as long as all of an event";
    assert_true(seal_body(&g, &room, &sealed));
    assert_int_equal(sodium_is_zero(room.data, SEAL_ROOM), 1);
    mp_put_map(&fields, 1);
    mp_put_text(&fields, "text");
    mp_put_bin(&fields, words, sizeof words);
    g.body.fields = buffer_bytes(&fields);
    assert_false(seal_body(&g, &room, &sealed));
    assert_true(room.len > sizeof words);
    assert_int_equal(sodium_is_zero(room.data, room.len), 1);
    buffer_release(&room);
    buffer_release(&fields);
    buffer_release(&g.fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves_make_what_libsodium_makes),
        cmocka_unit_test(what_libsodium_seals_opens_and_nothing_else_does),
        cmocka_unit_test(a_body_that_was_sealed_before_makes_the_same_event),
        cmocka_unit_test(a_body_that_breaks_a_rule_is_not_sealed),
        cmocka_unit_test(one_subkey_does_for_nonces_that_begin_alike),
        cmocka_unit_test(a_body_that_is_not_sealed_leaves_no_words_behind),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
