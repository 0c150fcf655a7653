/* SPDX-License-Identifier: Apache-2.0 */
/* The short way to read an event, and that it finds what the general one finds. */
#include "tests/unit/given_event.h"

/* In front of other bytes, in the shortest form; the general reader takes longer ones too, and finds the same. */
static void the_first_of_several_is_read(void **state)
{
    (void)state;
    struct given_event g = given_event(3);
    struct buffer raw = {0}, longer = {0};
    struct event event, same;
    assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));
    const size_t len = raw.len;
    for (size_t cut = 0; cut < len; cut++)
        assert_int_equal(event_decode_first(bytes_of(raw.data, cut), &event), 0);
    buffer_append(&raw, raw.data, 5);
    assert_int_equal(event_decode_first(buffer_bytes(&raw), &event), len);
    assert_false(event_decode(buffer_bytes(&raw), &same));
    static const uint8_t long_array[] = {0xdc, 0, 10};
    buffer_append(&longer, long_array, sizeof long_array);
    buffer_append(&longer, raw.data + 1, len - 1);
    assert_int_equal(event_decode_first(buffer_bytes(&longer), &same), 0);
    assert_true(event_decode(buffer_bytes(&longer), &same));
    assert_memory_equal(&same.clear.device, &event.clear.device, sizeof event.clear.device);
    assert_memory_equal(&same.clear.prev, &event.clear.prev, sizeof event.clear.prev);
    assert_memory_equal(&same.clear.key, &event.clear.key, sizeof event.clear.key);
    assert_true(bytes_equal(same.clear.site, event.clear.site) && bytes_equal(same.sealed, event.sealed));
    assert_int_equal(same.clear.seq, event.clear.seq);
    assert_int_equal(same.clear.incarnation, event.clear.incarnation);
    assert_true(seen_includes(&same.clear.seen, &event.clear.seen) &&
                seen_includes(&event.clear.seen, &same.clear.seen));
    assert_int_equal(same.header.len, event.header.len + 2);
    for (size_t bit = 0; bit < 8 * len; bit++) { /* whatever one takes, the other takes */
        raw.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        const bool first = event_decode_first(buffer_bytes(&raw), &event) == len;
        assert_true(!first || event_decode(bytes_of(raw.data, len), &same));
        raw.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    buffer_release(&raw);
    buffer_release(&longer);
    buffer_release(&g.fields);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_of_several_is_read)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
