/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's terms are believed when its signature is on them, and only then; and by whom they are told, and then. */
#define GIVEN_FAILING_REALLOC
#include <sodium.h>

#include "proto/event/terms.h"
#include "proto/mp.h"
#include "tests/unit/given.h"

static struct sign_public hub;
static struct sign_secret hub_secret;

static int the_hub(void **state)
{
    (void)state;
    uint8_t seed[32];
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)(0x20 + i);
    return crypto_sign_seed_keypair(hub.b, hub_secret.b, seed);
}

static struct terms plain(void)
{
    struct terms t = {.lease_hours = 72};
    given_hex(VECTOR_DEVICE, t.device.b, sizeof t.device.b);
    memset(t.challenge.b, 0x66, sizeof t.challenge.b);
    given_hex(VECTOR_HUB_CURVE, t.curve, sizeof t.curve);
    given_hex(VECTOR_HUB_BOX_PUBLIC, t.box.b, sizeof t.box.b);
    return t;
}

static struct terms renewing(void)
{
    struct terms t = plain();
    t.has_auditors = t.renews = true;
    t.next_from_ms = 1768435200000;
    memset(t.auditors.b, 0x61, sizeof t.auditors.b);
    memset(t.next_curve, 0x62, sizeof t.next_curve);
    memset(t.next_box.b, 0x63, sizeof t.next_box.b);
    return t;
}

static void assert_same(const struct terms *a, const struct terms *b)
{
    assert_memory_equal(&a->device, &b->device, sizeof a->device);
    assert_memory_equal(&a->challenge, &b->challenge, sizeof a->challenge);
    assert_int_equal(a->lease_hours, b->lease_hours);
    assert_int_equal(a->has_auditors, b->has_auditors);
    assert_int_equal(a->renews, b->renews);
    assert_true(a->next_from_ms == b->next_from_ms);
    assert_memory_equal(a->auditors.b, b->auditors.b, 32);
    assert_memory_equal(a->curve, b->curve, 32);
    assert_memory_equal(a->box.b, b->box.b, 32);
    assert_memory_equal(a->next_curve, b->next_curve, 32);
    assert_memory_equal(a->next_box.b, b->next_box.b, 32);
}

static void assert_refused(struct bytes object)
{
    static const struct terms none;
    struct terms t = renewing();
    assert_false(terms_read(object, &hub, &t));
    assert_same(&t, &none); /* nothing of it is left */
}

static void the_bytes_are_those_that_the_protocol_tells(void **state)
{
    (void)state;
    const struct {
        struct terms terms;
        const char *hex;
    } known[] = {{plain(), VECTOR_TERMS}, {renewing(), VECTOR_TERMS_RENEWING}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        struct buffer b = {0};
        struct terms back;
        terms_put(&b, &known[i].terms, &hub_secret);
        assert_hex(buffer_bytes(&b), known[i].hex);
        assert_true(terms_read(buffer_bytes(&b), &hub, &back));
        assert_same(&back, &known[i].terms);
        buffer_release(&b);
    }
}

static void what_does_not_apply_is_left_out(void **state)
{
    (void)state;
    struct terms t = renewing(), back;
    struct buffer b = {0};
    t.renews = t.has_auditors = false;
    buffer_append(&b, "before", 6); /* and what stands before them is not signed */
    terms_put(&b, &t, &hub_secret);
    struct bytes object = bytes_of(b.data + 6, b.len - 6);
    assert_hex(object, VECTOR_TERMS);
    assert_true(terms_read(object, &hub, &back));
    struct terms known = plain();
    assert_same(&back, &known);
    buffer_release(&b);
}

static void each_changed_bit_is_noticed(void **state)
{
    (void)state;
    struct buffer b = given_buffer(VECTOR_TERMS_RENEWING);
    for (size_t bit = 0; bit < 8 * b.len; bit++) {
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_refused(buffer_bytes(&b));
        b.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < b.len; len++)
        assert_refused(bytes_of(b.data, len));
    buffer_append_byte(&b, 0xc0); /* and nothing follows */
    assert_refused(buffer_bytes(&b));
    buffer_release(&b);
}

static void another_hub_cannot_give_them(void **state)
{
    (void)state;
    struct sign_public other;
    struct sign_secret other_secret;
    uint8_t seed[32] = {9};
    struct buffer b = {0};
    struct terms t = plain();
    crypto_sign_seed_keypair(other.b, other_secret.b, seed);
    terms_put(&b, &t, &other_secret);
    assert_refused(buffer_bytes(&b));
    assert_true(terms_read(buffer_bytes(&b), &other, &t));
    buffer_release(&b);
}

/* One who hears them may not be the one to whom they were told, nor have asked now. */
static void they_answer_one_laptop_and_one_question(void **state)
{
    (void)state;
    struct terms t = plain();
    struct device_id device = t.device;
    struct challenge challenge = t.challenge;
    assert_true(terms_answer(&t, &device, &challenge));
    device.b[15] ^= 1;
    assert_false(terms_answer(&t, &device, &challenge));
    device = t.device;
    challenge.b[15] ^= 1;
    assert_false(terms_answer(&t, &device, &challenge));
}

/* They are written down again only when they say something else. */
static void what_they_say_is_compared_without_whom_and_when(void **state)
{
    (void)state;
    struct terms a = renewing(), b = a;
    b.device.b[0] ^= 1;
    b.challenge.b[0] ^= 1;
    assert_true(terms_same(&a, &b));
    uint8_t *const said[] = {a.auditors.b, a.curve, a.box.b, a.next_curve, a.next_box.b};
    for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
        said[i][31] ^= 1;
        assert_false(terms_same(&a, &b));
        said[i][31] ^= 1;
    }
    a.lease_hours++;
    assert_false(terms_same(&a, &b));
    a = b;
    a.next_from_ms++;
    assert_false(terms_same(&a, &b));
    a = b;
    a.has_auditors = false;
    assert_false(terms_same(&a, &b));
    a = b;
    a.renews = false;
    assert_false(terms_same(&a, &b));
}

static void one_other_key_of_the_hub_may_be_tried_and_none_that_is_over(void **state)
{
    (void)state;
    static const uint8_t ticket[32] = {7};
    struct terms now = plain(), told = renewing();
    assert_null(terms_other_curve(&now, now.curve)); /* nothing else is known of */
    assert_ptr_equal(terms_other_curve(&told, told.curve), told.next_curve);
    assert_null(terms_other_curve(&told, told.next_curve)); /* the step is made: never back */
    assert_ptr_equal(terms_other_curve(&now, ticket), now.curve);
    assert_ptr_equal(terms_other_curve(&told, ticket), told.curve);
    memcpy(told.next_curve, told.curve, sizeof told.curve);
    assert_null(terms_other_curve(&told, told.curve));
}

/* Seals the array in `b` (which says how many elements it has) with the hub's signature. */
static void sign(struct buffer *b)
{
    static const char purpose[] = "felloe terms 2";
    struct signature signature;
    struct buffer text = {0};
    buffer_append(&text, purpose, sizeof purpose);
    buffer_append(&text, b->data, b->len);
    crypto_sign_detached(signature.b, NULL, text.data, text.len, hub_secret.b);
    mp_put_bin(b, signature.b, sizeof signature.b);
    buffer_release(&text);
}

static void put_elements(struct buffer *b, uint32_t count, uint64_t lease, bool curve, bool box, int64_t from)
{
    struct terms t = renewing();
    mp_put_array(b, count);
    mp_put_bin(b, t.device.b, sizeof t.device.b);
    mp_put_bin(b, t.challenge.b, sizeof t.challenge.b);
    mp_put_uint(b, lease);
    mp_put_nil(b);
    mp_put_bin(b, t.curve, 32);
    mp_put_bin(b, t.box.b, 32);
    if (curve)
        mp_put_bin(b, t.next_curve, 32);
    else
        mp_put_nil(b);
    if (box)
        mp_put_bin(b, t.next_box.b, 32);
    else
        mp_put_nil(b);
    mp_put_int(b, from);
}

static bool taken(uint64_t lease, bool curve, bool box, int64_t from)
{
    struct buffer b = {0};
    struct terms t;
    put_elements(&b, 10, lease, curve, box, from);
    sign(&b);
    bool fine = terms_read(buffer_bytes(&b), &hub, &t);
    buffer_release(&b);
    return fine;
}

/* Signed or not, what makes no sense is not acted upon. */
static void nonsense_is_refused_though_signed(void **state)
{
    (void)state;
    assert_true(taken(72, true, true, 5));
    assert_true(taken(LEASE_HOURS_MAX, false, false, 0));
    assert_false(taken(LEASE_HOURS_MAX + 1, false, false, 0));
    assert_false(taken(72, true, false, 5));
    assert_false(taken(72, false, true, 5));
    assert_false(taken(72, true, true, 0));
    assert_false(taken(72, true, true, -5));
    assert_false(taken(72, false, false, 5));
}

static void what_a_later_version_adds_is_passed_over(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct terms t;
    put_elements(&b, 12, 24, false, false, 0);
    mp_put_text(&b, "something new");
    mp_put_array(&b, 2);
    mp_put_nil(&b);
    mp_put_uint(&b, 7);
    sign(&b);
    assert_true(terms_read(buffer_bytes(&b), &hub, &t));
    assert_int_equal(t.lease_hours, 24);
    buffer_release(&b);
    /* but not without a bound */
    put_elements(&b, 11, 24, false, false, 0);
    static const uint8_t much[TERMS_SIZE_MAX];
    mp_put_bin(&b, much, sizeof much);
    mp_put_nil(&b);
    assert_refused(buffer_bytes(&b));
    buffer_release(&b);
}

static void without_memory_nothing_is_signed(void **state)
{
    (void)state;
    realloc_good_for = -1;
#if REALLOC_CAN_FAIL
    struct terms t = renewing();
    for (int good = 0; good < 3; good++) {
        struct buffer b = {0};
        realloc_good_for = good;
        terms_put(&b, &t, &hub_secret);
        realloc_good_for = -1;
        bool whole = !b.failed;
        assert_true(whole ? terms_read(buffer_bytes(&b), &hub, &t) : good < 2);
        buffer_release(&b);
        if (whole)
            return;
    }
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_those_that_the_protocol_tells),
        cmocka_unit_test(what_does_not_apply_is_left_out),
        cmocka_unit_test(each_changed_bit_is_noticed),
        cmocka_unit_test(another_hub_cannot_give_them),
        cmocka_unit_test(they_answer_one_laptop_and_one_question),
        cmocka_unit_test(what_they_say_is_compared_without_whom_and_when),
        cmocka_unit_test(one_other_key_of_the_hub_may_be_tried_and_none_that_is_over),
        cmocka_unit_test(nonsense_is_refused_though_signed),
        cmocka_unit_test(what_a_later_version_adds_is_passed_over),
        cmocka_unit_test(without_memory_nothing_is_signed),
    };
    return cmocka_run_group_tests(tests, the_hub, NULL);
}
