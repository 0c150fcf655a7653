/* SPDX-License-Identifier: Apache-2.0 */
/* A ticket survives being mailed; one that did not says so in words. */
#define GIVEN_FAILING_REALLOC
#include "proto/mp.h"
#include "proto/event/ticket.h"
#include "tests/unit/given.h"

static struct ticket known(void)
{
    struct ticket t = {.address = "tcp://hub.example:7411", .expires_ms = 1767312000000};
    given_hex(VECTOR_HUB_CURVE, t.hub_curve, sizeof t.hub_curve);
    given_hex(VECTOR_HUB_SIGN, t.hub_sign.b, sizeof t.hub_sign.b);
    given_hex(VECTOR_TICKET_CURVE, t.curve_secret, sizeof t.curve_secret);
    return t;
}

static void assert_known(const struct ticket *t)
{
    struct ticket k = known();
    assert_string_equal(t->address, k.address);
    assert_memory_equal(t->hub_curve, k.hub_curve, sizeof k.hub_curve);
    assert_memory_equal(t->hub_sign.b, k.hub_sign.b, sizeof k.hub_sign.b);
    assert_memory_equal(t->curve_secret, k.curve_secret, sizeof k.curve_secret);
    assert_true(t->expires_ms == k.expires_ms);
}

static void assert_refused(struct bytes text, const char *because)
{
    static const struct ticket none;
    struct ticket t = known();
    struct felloe_error error;
    assert_int_equal(ticket_parse(text, &t, &error), FELLOE_INVALID);
    assert_int_equal(error.code, FELLOE_INVALID);
    assert_non_null(strstr(error.message, because));
    assert_memory_equal(&t, &none, sizeof t); /* nothing of it is left */
}

static void a_ticket_is_the_known_answer(void **state)
{
    (void)state;
    struct ticket t = known(), back;
    struct felloe_error error;
    char text[TICKET_TEXT_MAX];
    assert_true(ticket_format(&t, text));
    assert_string_equal(text, VECTOR_TICKET);
    assert_int_equal(ticket_parse(bytes_str(text), &back, &error), FELLOE_OK);
    assert_known(&back);
}

static void mails_wrap_lines(void **state)
{
    (void)state;
    struct buffer b = {0};
    struct ticket back;
    struct felloe_error error;
    buffer_append(&b, " \t\r\n", 4);
    for (size_t i = 0; i < strlen(VECTOR_TICKET); i++) {
        buffer_append_byte(&b, (uint8_t)VECTOR_TICKET[i]);
        if (i % 60 == 59)
            buffer_append(&b, "\r\n  ", 4);
    }
    buffer_append(&b, "\n", 1);
    assert_int_equal(ticket_parse(buffer_bytes(&b), &back, &error), FELLOE_OK);
    assert_known(&back);
    buffer_release(&b);
}

static void what_is_no_ticket_is_told(void **state)
{
    (void)state;
    static const char *const some[] = {"", "  ", "felloe1", "felloe", "hello", "felloe2-lwG2", "FELLOE1-lwG2"};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        assert_refused(bytes_str(some[i]), "not a ticket");
    assert_refused((struct bytes){0}, "not a ticket");
}

static void a_damaged_ticket_is_told(void **state)
{
    (void)state;
    static const char text[] = VECTOR_TICKET;
    const size_t len = sizeof text - 1, prefix = strlen("felloe1-");
    for (size_t cut = prefix; cut < len; cut++)
        assert_refused(bytes_of(text, cut), "damaged or not complete");
    struct buffer b = {0};
    for (size_t at = prefix + 4; at < len; at++) { /* the first four say array and version */
        static const char others[] = "Aa0-_9zZ!/+=\xc3";
        for (const char *other = others; *other; other++) {
            if (text[at] == *other)
                continue;
            buffer_clear(&b);
            buffer_append(&b, text, len);
            b.data[at] = (uint8_t)*other;
            assert_refused(buffer_bytes(&b), "damaged or not complete");
        }
    }
    buffer_clear(&b);
    buffer_append(&b, text, len);
    buffer_append(&b, "AAAA", 4);
    assert_refused(buffer_bytes(&b), "damaged or not complete");
    for (int i = 0; i < 2000; i++)
        buffer_append(&b, "AAAA", 4);
    assert_refused(buffer_bytes(&b), "damaged or not complete");
    buffer_release(&b);
}

static void a_ticket_of_another_version_is_told(void **state)
{
    (void)state;
    assert_refused(bytes_str("felloe1-kQI"), "another version"); /* [2] */
    assert_refused(bytes_str("felloe1-kwLAwA"), "another version");
    assert_refused(bytes_str("felloe1-kQE"), "damaged"); /* [1] and no more */
    assert_refused(bytes_str("felloe1-wA"), "damaged");  /* nil */
}

static void the_address_has_limits(void **state)
{
    (void)state;
    struct ticket t = known(), back;
    struct felloe_error error;
    char text[TICKET_TEXT_MAX];
    memset(t.address, 'a', TICKET_ADDRESS_MAX);
    t.address[TICKET_ADDRESS_MAX] = '\0';
    assert_true(ticket_format(&t, text));
    assert_int_equal(ticket_parse(bytes_str(text), &back, &error), FELLOE_OK);
    assert_string_equal(back.address, t.address);
    t.address[TICKET_ADDRESS_MAX] = 'a'; /* no end */
    assert_false(ticket_format(&t, text));
    assert_string_equal(text, "");
    t = known();
    t.address[0] = '\0';
    assert_false(ticket_format(&t, text));
    t = known();
    t.address[3] = '\xff';
    assert_false(ticket_format(&t, text));
    t = known();
    t.expires_ms = -1;
    assert_false(ticket_format(&t, text));
}

static void without_memory_there_is_no_ticket(void **state)
{
    (void)state;
    if (!REALLOC_CAN_FAIL)
        skip();
    struct ticket t = known();
    char text[TICKET_TEXT_MAX];
    realloc_good_for = 0;
    assert_false(ticket_format(&t, text));
    realloc_good_for = -1;
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_the_known_answer),
        cmocka_unit_test(mails_wrap_lines),
        cmocka_unit_test(what_is_no_ticket_is_told),
        cmocka_unit_test(a_damaged_ticket_is_told),
        cmocka_unit_test(a_ticket_of_another_version_is_told),
        cmocka_unit_test(the_address_has_limits),
        cmocka_unit_test(without_memory_there_is_no_ticket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
