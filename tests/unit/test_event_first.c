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

/* Of which most are another device's: that is seen without reading them, and never of one's own, in whatever form. */
static void another_devices_are_known_by_how_they_begin(void **state)
{
    (void)state;
    struct given_event g = given_event(3);
    struct buffer raw = {0};
    struct event event;
    struct device_id other = g.clear.device;
    other.b[15] ^= 1;
    assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));
    assert_true(event_may_be_by(buffer_bytes(&raw), &g.clear.device));
    assert_false(event_may_be_by(buffer_bytes(&raw), &other));
    static const uint8_t long_version[] = {0x9a, 0xcc, 1}, long_device[] = {0x9a, 1, 0xc5, 0, 16};
    const struct bytes longer[] = {bytes_of(long_version, 3), bytes_of(long_device, 5)};
    for (unsigned i = 0; i < 2; i++) {
        const size_t instead_of = i == 0 ? 2 : 4;
        struct buffer same = {0};
        buffer_append(&same, longer[i].data, longer[i].len);
        buffer_append(&same, raw.data + instead_of, raw.len - instead_of);
        assert_true(event_decode(buffer_bytes(&same), &event));
        assert_true(event_may_be_by(buffer_bytes(&same), &g.clear.device));
        buffer_release(&same);
    }
    assert_true(event_may_be_by(bytes_of(raw.data, 19), &other)); /* too short to tell */
    buffer_release(&raw);
    buffer_release(&g.fields);
}

/* Which event is the one before, as a laptop asks of each of its own, is told without reading the rest. */
static void the_one_before_is_told_by_how_it_begins(void **state)
{
    (void)state;
    const uint64_t numbers[] = {2, 127, 128, 255, 256, 65535, 65536, UINT32_MAX, UINT64_MAX - 1};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct given_event g = given_event(3);
        struct buffer raw = {0};
        struct event_id prev;
        g.clear.seq = numbers[i];
        g.clear.incarnation = (uint32_t)(numbers[i] & UINT32_MAX);
        memset(g.clear.prev.b, 0x5a + (int)i, sizeof g.clear.prev.b);
        assert_true(event_seal(&g.clear, &g.body, &g.key, g.nonce, &raw));
        assert_true(event_prev(buffer_bytes(&raw), &prev));
        assert_memory_equal(&prev, &g.clear.prev, sizeof prev);
        const size_t end = (size_t)((const uint8_t *)memmem(raw.data, raw.len, prev.b, sizeof prev.b) - raw.data) + 32;
        for (size_t len = 0; len < raw.len; len++)
            assert_int_equal(event_prev(bytes_of(raw.data, len), &prev), len >= end);
        for (size_t at = 0; at < 2; at++) { /* none, or of another version */
            raw.data[at] ^= 2;
            assert_false(event_prev(buffer_bytes(&raw), &prev));
            raw.data[at] ^= 2;
        }
        buffer_release(&raw);
        buffer_release(&g.fields);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_several_is_read),
        cmocka_unit_test(another_devices_are_known_by_how_they_begin),
        cmocka_unit_test(the_one_before_is_told_by_how_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
