/* SPDX-License-Identifier: Apache-2.0 */
/* A data key goes from one device to its hub and to nobody else. */
#include <sodium.h>

#include "proto/event/key_record.h"
#include "tests/unit/given.h"

struct pair {
    struct box_public public;
    struct box_secret secret;
};

static struct pair pair(const char *secret_hex)
{
    struct pair p;
    given_hex(secret_hex, p.secret.b, sizeof p.secret.b);
    crypto_scalarmult_base(p.public.b, p.secret.b);
    return p;
}

static struct box_shared shared(const struct pair *theirs, const struct pair *mine)
{
    struct box_shared s;
    assert_true(box_shared_of(&s, &theirs->public, &mine->secret));
    return s;
}

static struct key_record record(void)
{
    struct key_record r = {.kind = KEY_PERSON, .site = VECTOR_SITE};
    given_hex(VECTOR_PERSON, r.id.b, sizeof r.id.b);
    given_hex(VECTOR_PERSON, r.owner.b, sizeof r.owner.b);
    given_hex(VECTOR_PERSON_KEY, r.key.b, sizeof r.key.b);
    return r;
}

static bool unwraps(struct bytes in, const struct box_shared *s, struct key_record *out)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, in);
    return mp_next(&r) && key_record_unwrap(&r, s, out) && mp_done(&r);
}

static bool well_formed(struct bytes in)
{
    struct mp_reader r MP_UNSET;
    mp_reader_init(&r, in);
    return mp_next(&r) && key_record_check(&r) && mp_done(&r);
}

static void a_record_is_the_known_answer(void **state)
{
    (void)state;
    struct pair device = pair(VECTOR_BOX_SECRET), hub = pair(VECTOR_HUB_BOX_SECRET);
    struct box_shared out = shared(&hub, &device), in = shared(&device, &hub);
    struct key_record r = record(), back;
    struct buffer b = {0};
    uint8_t nonce[BOX_NONCE_SIZE];
    assert_hex(bytes_of(device.public.b, 32), VECTOR_BOX_PUBLIC);
    assert_hex(bytes_of(hub.public.b, 32), VECTOR_HUB_BOX_PUBLIC);
    given_hex(VECTOR_BOX_NONCE, nonce, sizeof nonce);
    key_record_wrap(&r, &out, nonce, &b);
    assert_hex(buffer_bytes(&b), VECTOR_KEY_RECORD);

    assert_true(well_formed(buffer_bytes(&b)));
    assert_true(unwraps(buffer_bytes(&b), &in, &back));
    assert_memory_equal(back.id.b, r.id.b, sizeof r.id.b);
    assert_int_equal(back.kind, KEY_PERSON);
    assert_true(person_id_equal(&back.owner, &r.owner));
    assert_string_equal(back.site, VECTOR_SITE);
    assert_memory_equal(back.key.b, r.key.b, sizeof r.key.b);
    buffer_release(&b);
}

static void nobody_else_unwraps_it(void **state)
{
    (void)state;
    struct pair device = pair(VECTOR_BOX_SECRET), hub = pair(VECTOR_HUB_BOX_SECRET), thief = pair(VECTOR_SITE_KEY);
    struct box_shared wrong[2] = {shared(&device, &thief), shared(&hub, &thief)};
    struct buffer b = given_buffer(VECTOR_KEY_RECORD);
    struct key_record back;
    for (size_t i = 0; i < 2; i++)
        assert_false(unwraps(buffer_bytes(&b), &wrong[i], &back));
    struct box_shared none;
    const struct box_public zero = {{0}};
    assert_false(box_shared_of(&none, &zero, &hub.secret)); /* a key that would make the secret known */
    buffer_release(&b);
}

static void truncations_and_flipped_bits(void **state)
{
    (void)state;
    struct pair device = pair(VECTOR_BOX_SECRET), hub = pair(VECTOR_HUB_BOX_SECRET);
    struct box_shared in = shared(&device, &hub);
    struct buffer b = given_buffer(VECTOR_KEY_RECORD);
    struct key_record back;
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *exact = malloc(len + 1);
        assert_non_null(exact);
        memcpy(exact, b.data, len);
        assert_false(unwraps(bytes_of(exact, len), &in, &back));
        assert_false(well_formed(bytes_of(exact, len)));
        free(exact);
    }
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(unwraps(buffer_bytes(&b), &in, &back));
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_release(&b);
}

static void a_record_that_breaks_a_rule_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint32_t items;
        uint64_t kind;
        bool owned;
        const char *site;
        size_t id, wrapped;
        bool ok;
    } some[] = {
        {5, KEY_PERSON, true, "dale", 16, WRAPPED_KEY_SIZE, true},
        {5, KEY_SITE, false, "dale", 16, WRAPPED_KEY_SIZE, true},
        {5, KEY_PERSON_AUDIENCE, true, "dale", 16, WRAPPED_KEY_SIZE, true},
        {5, KEY_SITE_AUDIENCE, false, "dale", 16, WRAPPED_KEY_SIZE, true},
        {5, KEY_PERSON, false, "dale", 16, WRAPPED_KEY_SIZE, false}, /* a person's key of nobody */
        {5, KEY_SITE, true, "dale", 16, WRAPPED_KEY_SIZE, false},
        {5, KEY_PERSON_AUDIENCE, false, "dale", 16, WRAPPED_KEY_SIZE, false},
        {5, KEY_SITE_AUDIENCE, true, "dale", 16, WRAPPED_KEY_SIZE, false},
        {5, 0, true, "dale", 16, WRAPPED_KEY_SIZE, false},
        {5, 0, false, "dale", 16, WRAPPED_KEY_SIZE, false},
        {5, 5, true, "dale", 16, WRAPPED_KEY_SIZE, false},
        {5, (uint64_t)1 << 32 | 1, true, "dale", 16, WRAPPED_KEY_SIZE, false},
        {5, KEY_PERSON, true, "Dale", 16, WRAPPED_KEY_SIZE, false},
        {5, KEY_PERSON, true, "", 16, WRAPPED_KEY_SIZE, false},
        {5, KEY_PERSON, true, "abcdefghijklmnopqrstuvwxyz0123456", 16, WRAPPED_KEY_SIZE, false},
        {5, KEY_PERSON, true, "dale", 15, WRAPPED_KEY_SIZE, false},
        {5, KEY_PERSON, true, "dale", 16, WRAPPED_KEY_SIZE - 1, false},
        {5, KEY_PERSON, true, "dale", 16, WRAPPED_KEY_SIZE + 1, false},
        {4, KEY_PERSON, true, "dale", 16, WRAPPED_KEY_SIZE, false},
        {6, KEY_PERSON, true, "dale", 16, WRAPPED_KEY_SIZE, false},
    };
    static const uint8_t zeros[100];
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        struct buffer b = {0};
        uint8_t owner[16] = {some[i].owned};
        mp_put_array(&b, some[i].items);
        mp_put_bin(&b, zeros, some[i].id);
        mp_put_uint(&b, some[i].kind);
        mp_put_bin(&b, owner, sizeof owner);
        mp_put_text(&b, some[i].site);
        if (some[i].items > 4)
            mp_put_bin(&b, zeros, some[i].wrapped);
        if (some[i].items > 5)
            mp_put_nil(&b);
        assert_int_equal(well_formed(buffer_bytes(&b)), some[i].ok);
        buffer_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_the_known_answer),
        cmocka_unit_test(nobody_else_unwraps_it),
        cmocka_unit_test(truncations_and_flipped_bits),
        cmocka_unit_test(a_record_that_breaks_a_rule_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
