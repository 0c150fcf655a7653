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
        {5, KEY_PERSON_AUDIENCE, true, "dale", 16, WRAPPED_KEY_SIZE, false}, /* of nobody who may read it */
        {5, KEY_SITE_AUDIENCE, false, "dale", 16, WRAPPED_KEY_SIZE, false},
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

static struct key_record restricted_record(void)
{
    struct key_record r = record();
    r.kind = KEY_PERSON_AUDIENCE;
    given_hex(VECTOR_SITE_KEY_ID, r.id.b, sizeof r.id.b);
    given_hex(VECTOR_SITE_KEY, r.key.b, sizeof r.key.b);
    assert_true(audience_add(&r.members, bytes_str("sam")));
    assert_true(audience_add(&r.members, bytes_str("ash-grey")));
    assert_true(audience_add(&r.members, bytes_str("sam")));
    return r;
}

static void a_restricted_record_names_its_members_in_order(void **state)
{
    (void)state;
    struct pair device = pair(VECTOR_BOX_SECRET), hub = pair(VECTOR_HUB_BOX_SECRET);
    struct box_shared out = shared(&hub, &device), in = shared(&device, &hub);
    struct key_record r = restricted_record(), back;
    struct buffer b = {0};
    uint8_t nonce[BOX_NONCE_SIZE];
    given_hex(VECTOR_BOX_NONCE, nonce, sizeof nonce);
    key_record_wrap(&r, &out, nonce, &b);
    assert_hex(buffer_bytes(&b), VECTOR_RESTRICTED_KEY_RECORD);

    assert_true(well_formed(buffer_bytes(&b)));
    assert_true(unwraps(buffer_bytes(&b), &in, &back));
    assert_int_equal(back.members.count, 2);
    assert_string_equal(back.members.workers[0], "ash-grey");
    assert_string_equal(back.members.workers[1], "sam");
    assert_true(audience_equal(&back.members, &r.members));
    for (size_t bit = 0; bit < 8 * b.len; bit++) { /* who may have it cannot be changed on the way */
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(unwraps(buffer_bytes(&b), &in, &back));
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_release(&b);
}

static void an_audience_has_each_worker_once_and_an_end(void **state)
{
    (void)state;
    struct audience a = {0}, b = {0};
    static const char *const some[] = {"ben", "amy", "ben-2", "be"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(audience_add(&a, bytes_str(some[i])));
        assert_true(audience_add(&b, bytes_str(some[3 - i])));
    }
    assert_true(audience_equal(&a, &b));
    assert_string_equal(a.workers[0], "amy");
    assert_string_equal(a.workers[1], "be");
    assert_string_equal(a.workers[2], "ben");
    assert_string_equal(a.workers[3], "ben-2");
    assert_true(audience_has(&a, bytes_str("ben")));
    assert_false(audience_has(&a, bytes_str("b")));
    assert_false(audience_has(&a, bytes_str("ben-22")));
    assert_false(audience_add(&a, bytes_str("Not a worker")));
    assert_int_equal(a.count, 4);
    for (unsigned i = 4; i < AUDIENCE_MAX; i++) {
        char worker[8];
        snprintf(worker, sizeof worker, "w%u", i);
        assert_true(audience_add(&a, bytes_str(worker)));
    }
    assert_false(audience_add(&a, bytes_str("one-more")));
    assert_true(audience_add(&a, bytes_str("amy")));
    assert_int_equal(a.count, AUDIENCE_MAX);
    assert_false(audience_equal(&a, &b));
}

static void an_audience_in_another_form_is_refused(void **state)
{
    (void)state;
    static const struct {
        uint64_t kind;
        const char *members; /* one letter a worker; '!' is no worker */
        bool ok;
    } some[] = {
        {KEY_PERSON_AUDIENCE, "ab", true},  {KEY_PERSON_AUDIENCE, "abcdefghijklmnop", true},
        {KEY_PERSON_AUDIENCE, "a", false},  {KEY_PERSON_AUDIENCE, "", false},
        {KEY_PERSON_AUDIENCE, "ba", false}, {KEY_PERSON_AUDIENCE, "aa", false},
        {KEY_PERSON_AUDIENCE, "a!", false}, {KEY_PERSON_AUDIENCE, "abcdefghijklmnopq", false},
        {KEY_PERSON, "ab", false},          {KEY_PERSON, "", false},
    };
    static const uint8_t zeros[100], owner[16] = {1};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        struct buffer b = {0};
        mp_put_array(&b, 6);
        mp_put_bin(&b, zeros, 16);
        mp_put_uint(&b, some[i].kind);
        mp_put_bin(&b, owner, sizeof owner);
        mp_put_text(&b, "dale");
        mp_put_array(&b, (uint32_t)strlen(some[i].members));
        for (const char *c = some[i].members; *c; c++)
            mp_put_str(&b, bytes_of(c, 1));
        mp_put_bin(&b, zeros, WRAPPED_KEY_SIZE);
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
        cmocka_unit_test(a_restricted_record_names_its_members_in_order),
        cmocka_unit_test(an_audience_has_each_worker_once_and_an_end),
        cmocka_unit_test(an_audience_in_another_form_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
