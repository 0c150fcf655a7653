/* SPDX-License-Identifier: Apache-2.0 */
/* msgpack: what is written is read back, the shortest form is written, and nothing malformed or too large gets in. */
#define GIVEN_FAILING_REALLOC
#include "proto/mp.h"
#include "tests/unit/given.h"

static struct mp_reader reader; /* large */

static void read_hex(const char *hex, struct buffer *b)
{
    *b = given_buffer(hex);
    mp_reader_init(&reader, buffer_bytes(b));
}

static bool parses(struct bytes in)
{
    mp_reader_init(&reader, in);
    if (!mp_next(&reader))
        return false;
    mp_skip_rest(&reader);
    return mp_done(&reader);
}

static bool hex_parses(const char *hex)
{
    struct buffer b = given_buffer(hex);
    bool ok = parses(buffer_bytes(&b));
    buffer_release(&b);
    return ok;
}

static void integers_are_written_shortest_and_read_back(void **state)
{
    (void)state;
    static const struct { int64_t value; const char *hex; } some[] = {
        {0, "00"}, {127, "7f"}, {128, "cc80"}, {255, "ccff"}, {256, "cd0100"}, {65535, "cdffff"}, {65536, "ce00010000"},
        {4294967295, "ceffffffff"}, {4294967296, "cf0000000100000000"}, {INT64_MAX, "cf7fffffffffffffff"},
        {-1, "ff"}, {-32, "e0"}, {-33, "d0df"}, {-128, "d080"}, {-129, "d1ff7f"}, {-32768, "d18000"},
        {-32769, "d2ffff7fff"}, {INT32_MIN, "d280000000"}, {(int64_t)INT32_MIN - 1, "d3ffffffff7fffffff"},
        {INT64_MIN, "d38000000000000000"},
    };
    struct buffer b = {0};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        buffer_clear(&b);
        mp_put_int(&b, some[i].value);
        assert_hex(buffer_bytes(&b), some[i].hex);
        mp_reader_init(&reader, buffer_bytes(&b));
        assert_true(mp_next(&reader));
        assert_int_equal(mp_peek(&reader), some[i].value < 0 ? MP_INT : MP_UINT);
        assert_true(mp_int(&reader, INT64_MIN, INT64_MAX) == some[i].value);
        assert_true(mp_done(&reader));
        if (some[i].value >= 0) {
            buffer_clear(&b);
            mp_put_uint(&b, (uint64_t)some[i].value);
            assert_hex(buffer_bytes(&b), some[i].hex);
        }
    }
    buffer_clear(&b);
    mp_put_uint(&b, UINT64_MAX);
    assert_hex(buffer_bytes(&b), "cfffffffffffffffff");
    mp_reader_init(&reader, buffer_bytes(&b));
    assert_true(mp_next(&reader));
    assert_true(mp_uint(&reader, UINT64_MAX) == UINT64_MAX);
    mp_reader_init(&reader, buffer_bytes(&b)); /* and it is no int64 */
    assert_true(mp_next(&reader));
    mp_int(&reader, INT64_MIN, INT64_MAX);
    assert_true(reader.failed);
    buffer_release(&b);
}

static void integers_in_a_longer_form_are_the_same_value(void **state)
{
    (void)state;
    static const char *const fives[] = {"05", "cc05", "cd0005", "ce00000005", "cf0000000000000005",
                                        "d005", "d10005", "d200000005", "d30000000000000005"};
    struct buffer zero;
    read_hex("d000", &zero); /* a signed form of what is not negative */
    assert_true(mp_next(&reader));
    assert_int_equal(mp_peek(&reader), MP_UINT);
    buffer_release(&zero);
    for (size_t i = 0; i < sizeof fives / sizeof fives[0]; i++) {
        struct buffer b;
        read_hex(fives[i], &b);
        assert_true(mp_next(&reader));
        assert_int_equal(mp_uint(&reader, 5), 5);
        assert_true(mp_done(&reader));
        buffer_release(&b);
    }
}

static void texts_and_binaries_of_every_size_class(void **state)
{
    (void)state;
    static const struct { size_t size; const char *str, *bin; } some[] = {
        {0, "a0", "c400"}, {31, "bf", "c41f"}, {32, "d920", "c420"}, {255, "d9ff", "c4ff"},
        {256, "da0100", "c50100"}, {65535, "daffff", "c5ffff"}, {65536, "db00010000", "c600010000"}};
    struct buffer b = {0}, text = {0};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        buffer_clear(&text);
        for (size_t k = 0; k < some[i].size; k++)
            buffer_append_byte(&text, (uint8_t)('a' + k % 26));
        buffer_clear(&b);
        mp_put_str(&b, buffer_bytes(&text));
        size_t header = strlen(some[i].str) / 2;
        assert_hex(bytes_of(b.data, header), some[i].str);
        mp_put_bin(&b, text.data, text.len);
        assert_hex(bytes_of(b.data + header + some[i].size, strlen(some[i].bin) / 2), some[i].bin);
        mp_reader_init(&reader, buffer_bytes(&b));
        assert_true(mp_next(&reader));
        assert_true(bytes_equal(mp_str(&reader, some[i].size, some[i].size), buffer_bytes(&text)));
        assert_true(mp_next(&reader));
        assert_true(bytes_equal(mp_bin(&reader, some[i].size, some[i].size), buffer_bytes(&text)));
        assert_true(mp_done(&reader));
        assert_false(mp_next(&reader));
        assert_false(reader.failed);
    }
    buffer_release(&b);
    buffer_release(&text);
}

static void a_sequence_is_read_object_by_object(void **state)
{
    (void)state;
    struct buffer b = {0};
    mp_put_array(&b, 3);
    mp_put_bool(&b, true);
    mp_put_nil(&b);
    mp_put_bool(&b, false);
    size_t second = b.len;
    mp_put_map(&b, 1);
    mp_put_text(&b, "key");
    mp_put_bin(&b, "\x01\x02", 2);
    mp_reader_init(&reader, buffer_bytes(&b));
    assert_int_equal(mp_peek(&reader), MP_NONE);
    assert_true(mp_next(&reader));
    assert_int_equal(mp_array(&reader, 3, 3), 3);
    assert_false(mp_nil(&reader)); /* takes nothing */
    assert_true(mp_bool(&reader));
    assert_true(mp_nil(&reader));
    assert_false(mp_done(&reader));
    assert_false(mp_bool(&reader));
    assert_int_equal(mp_peek(&reader), MP_NONE);
    assert_false(mp_done(&reader)); /* bytes follow */
    assert_true(mp_next(&reader));
    assert_true(bytes_equal(mp_object(&reader), bytes_of(b.data + second, b.len - second)));
    assert_int_equal(mp_map(&reader, 5), 1);
    assert_true(bytes_is(mp_str(&reader, 0, 10), "key"));
    uint8_t two[2];
    mp_fixed(&reader, two, sizeof two);
    assert_memory_equal(two, "\x01\x02", 2);
    assert_true(mp_done(&reader));
    assert_false(mp_next(&reader));
    assert_false(reader.failed);
    buffer_release(&b);
}

static void an_object_must_be_read_to_its_end(void **state)
{
    (void)state;
    struct buffer b;
    read_hex("92010203", &b);
    assert_true(mp_next(&reader));
    mp_array(&reader, 2, 2);
    mp_uint(&reader, 9);
    assert_false(mp_next(&reader));
    assert_true(reader.failed);
    assert_false(mp_done(&reader));

    mp_reader_init(&reader, buffer_bytes(&b));
    assert_true(mp_next(&reader));
    mp_skip_rest(&reader);
    assert_true(mp_next(&reader));
    assert_int_equal(mp_uint(&reader, 9), 3);
    assert_true(mp_done(&reader));
    buffer_release(&b);
}

/* Every taker, on every kind of value that is not its own. */
static void the_wrong_kind_is_a_sticky_failure(void **state)
{
    (void)state;
    static const char *const values[] = {"c0", "c3", "05", "ff", "a161", "c40161", "9101", "810102"};
    for (size_t value = 0; value < 8; value++)
        for (unsigned taker = 0; taker < 8; taker++) {
            struct buffer b;
            uint8_t one = 7;
            read_hex(values[value], &b);
            assert_true(mp_next(&reader));
            bool zero = false, fits = false;
            switch (taker) {
            case 0: zero = !mp_bool(&reader); fits = value == 1; break;
            case 1: zero = mp_uint(&reader, 9) == 0; fits = value == 2; break;
            case 2: zero = mp_int(&reader, -9, 9) == 0; fits = value == 2 || value == 3; break;
            case 3: zero = mp_str(&reader, 0, 9).len == 0; fits = value == 4; break;
            case 4: zero = mp_bin(&reader, 0, 9).len == 0; fits = value == 5; break;
            case 5: mp_fixed(&reader, &one, 1); zero = one == 0; fits = value == 5; break;
            case 6: zero = mp_array(&reader, 0, 9) == 0; fits = value == 6; break;
            default: zero = mp_map(&reader, 9) == 0; fits = value == 7; break;
            }
            assert_int_equal(reader.failed, !fits);
            assert_int_equal(zero, !fits);
            if (!fits) {
                assert_int_equal(mp_peek(&reader), MP_NONE);
                mp_skip_rest(&reader);
                assert_false(mp_done(&reader));
                assert_false(mp_next(&reader));
            }
            buffer_release(&b);
        }
}

static void values_out_of_bounds_are_failures(void **state)
{
    (void)state;
    struct buffer b;
    uint8_t two[2] = {9, 9};
    read_hex("05", &b);
    mp_next(&reader);
    assert_int_equal(mp_uint(&reader, 4), 0);
    assert_true(reader.failed);
    static const struct { int64_t min, max; bool ok; } ranges[] = {{5, 5, true}, {6, 9, false}, {-9, 4, false}};
    for (size_t i = 0; i < 3; i++) {
        mp_reader_init(&reader, buffer_bytes(&b));
        mp_next(&reader);
        assert_int_equal(mp_int(&reader, ranges[i].min, ranges[i].max), ranges[i].ok ? 5 : 0);
        assert_int_equal(reader.failed, !ranges[i].ok);
    }
    buffer_release(&b);
    static const char *const threes[] = {"a3616263", "c403616263", "93010203"};
    for (size_t kind = 0; kind < 3; kind++)
        for (uint32_t min = 2; min <= 4; min++)
            for (uint32_t max = min; max <= 4; max++) {
                read_hex(threes[kind], &b);
                mp_next(&reader);
                size_t got = kind == 0   ? mp_str(&reader, min, max).len
                             : kind == 1 ? mp_bin(&reader, min, max).len
                                         : mp_array(&reader, min, max);
                bool ok = min <= 3 && max >= 3;
                assert_int_equal(got, ok ? 3 : 0);
                assert_int_equal(reader.failed, !ok);
                buffer_release(&b);
            }
    read_hex("c403616263", &b);
    mp_next(&reader);
    mp_fixed(&reader, two, sizeof two);
    assert_true(reader.failed);
    assert_memory_equal(two, "\0\0", 2);
    buffer_release(&b);
}

static void floats_extensions_and_the_unused_byte_are_refused(void **state)
{
    (void)state;
    static const char *const some[] = {"ca3f800000", "cb3ff0000000000000", "d40100", "d5010000", "d60100000000",
                                       "d7010000000000000000", "d80100000000000000000000000000000000",
                                       "c7010100", "c700ff", "c800010100", "c90000000101ff", "c9ffffffff01", "c1",
                                       "92c0c1", "9101ca00000000"};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++)
        assert_false(hex_parses(some[i]));
}

/* What a few bytes claim reserves nothing and is refused at once. */
static void claimed_sizes_are_not_believed(void **state)
{
    (void)state;
    static const char *const bombs[] = {"ddffffffff", "dfffffffff", "dcffff", "deffff", "dbffffffff", "c6ffffffff",
                                        "df80000001", "dd00000400", "91dd7fffffff", "dcffffdcffffdcffffdcffff"};
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++)
        assert_false(hex_parses(bombs[i]));
    struct buffer b = {0}; /* 31 levels that each claim 2^32 - 1 items, in 155 bytes */
    for (int i = 0; i < 31; i++)
        buffer_append(&b, "\xdd\xff\xff\xff\xff", 5);
    assert_false(parses(buffer_bytes(&b)));
    buffer_release(&b);
}

static void the_tape_has_an_end(void **state)
{
    (void)state;
    for (uint32_t extra = 0; extra < 2; extra++) {
        struct buffer b = {0};
        mp_put_array(&b, MP_TAPE_MAX - 1 + extra);
        for (uint32_t i = 0; i < MP_TAPE_MAX - 1 + extra; i++)
            mp_put_uint(&b, 1);
        assert_int_equal(parses(buffer_bytes(&b)), extra == 0);
        buffer_clear(&b); /* the same in two halves: neither claims too much by itself */
        mp_put_array(&b, 2);
        for (uint32_t half = 0; half < 2; half++) {
            uint32_t count = half ? MP_TAPE_MAX / 2 - 2 + extra : MP_TAPE_MAX / 2 - 1;
            mp_put_array(&b, count);
            for (uint32_t i = 0; i < count; i++)
                mp_put_nil(&b);
        }
        assert_int_equal(parses(buffer_bytes(&b)), extra == 0);
        buffer_clear(&b);
        mp_put_map(&b, MP_TAPE_MAX / 2 - 1 + extra);
        for (uint32_t i = 0; i < 2 * (MP_TAPE_MAX / 2 - 1 + extra); i++)
            mp_put_uint(&b, i);
        assert_int_equal(parses(buffer_bytes(&b)), extra == 0);
        buffer_release(&b);
    }
}

static void nesting_has_a_bottom(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned depth = 1; depth <= MP_DEPTH_MAX + 1; depth++) {
            struct buffer b = {0};
            for (unsigned i = 0; i < depth; i++) {
                if (kind == 0) {
                    mp_put_array(&b, 1);
                } else {
                    mp_put_map(&b, 1);
                    mp_put_uint(&b, i);
                }
            }
            mp_put_nil(&b);
            assert_int_equal(parses(buffer_bytes(&b)), depth <= MP_DEPTH_MAX);
            buffer_release(&b);
        }
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    static const char *const some[] = {
        "cc80", "cd0100", "ce00010000", "cf0000000100000000", "d080", "d18000", "d280000000", "d38000000000000000",
        "a3616263", "d903616263", "da0003616263", "db00000003616263", "c403616263", "c50003616263", "c600000003616263",
        "93010203", "dc0003010203", "dd00000003010203", "8201020304", "de000201020304", "df0000000201020304",
        "92a16192c0c3"};
    for (size_t i = 0; i < sizeof some / sizeof some[0]; i++) {
        struct buffer b = given_buffer(some[i]);
        assert_true(parses(buffer_bytes(&b)));
        for (size_t len = 0; len < b.len; len++) {
            uint8_t *exact = malloc(len + 1); /* of its very size, so that the sanitizer sees a read past it */
            assert_non_null(exact);
            memcpy(exact, b.data, len);
            assert_false(parses(bytes_of(exact, len)));
            free(exact);
        }
        buffer_append_byte(&b, 0xc0);
        assert_false(parses(buffer_bytes(&b)));
        buffer_release(&b);
    }
}

static void text_is_utf8_without_nul(void **state)
{
    (void)state;
    static const char *const good[] = {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                                       "long enough for eight at a time, caf\xc3\xa9, and on it goes"};
    static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2 ", "\xe0\x9f\xbf",
                                      "\xe0\xa0",
                                      "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80", "\xff", "\xfe", "\xe2\x82", "\xe2(\xa1", "\xf0\x90\x80",
                                      "twelve bytes\xff", "12345678\xc3"};
    struct buffer b = {0};
    for (size_t i = 0; i < sizeof good / sizeof good[0] + sizeof bad / sizeof bad[0]; i++) {
        bool ok = i < sizeof good / sizeof good[0];
        const char *text = ok ? good[i] : bad[i - sizeof good / sizeof good[0]];
        assert_int_equal(utf8_valid(bytes_str(text)), ok);
        buffer_clear(&b);
        mp_put_text(&b, text);
        mp_reader_init(&reader, buffer_bytes(&b));
        assert_true(mp_next(&reader));
        mp_str(&reader, 0, 100);
        assert_int_equal(reader.failed, !ok);
    }
    assert_false(utf8_valid(bytes_of("\xc3\xa9", 1))); /* what would complete it lies behind the end */
    assert_false(utf8_valid(bytes_of("\xf0\x90\x80\x80", 3)));
    buffer_clear(&b);
    mp_put_str(&b, bytes_of("a\0b", 3));
    mp_reader_init(&reader, buffer_bytes(&b));
    assert_true(mp_next(&reader));
    assert_int_equal(mp_str(&reader, 0, 9).len, 0);
    assert_true(reader.failed);
    buffer_release(&b);
}

static void skipping_takes_one_value_with_all_it_contains(void **state)
{
    (void)state;
    struct buffer b;
    read_hex("9482a16193010203a162c0a3616263809005", &b);
    b.data[0] = 0x95; /* five: a map, a text, an empty map, an empty array, 5 */
    assert_true(mp_next(&reader));
    mp_array(&reader, 5, 5);
    for (int i = 0; i < 4; i++)
        mp_skip(&reader);
    assert_int_equal(mp_uint(&reader, 9), 5);
    assert_true(mp_done(&reader));
    mp_skip(&reader); /* nothing is left */
    assert_true(reader.failed);
    buffer_release(&b);
}

static void a_copy_is_the_same_value_in_shortest_form(void **state)
{
    (void)state;
    struct buffer b, copy = {0};
    read_hex("93dc0002cd0005d9016182a16bd1ffffa16cc50001ff07", &b);
    assert_true(mp_next(&reader));
    mp_array(&reader, 3, 3);
    mp_copy(&reader, &copy);
    mp_copy(&reader, &copy);
    assert_int_equal(mp_uint(&reader, 9), 7);
    assert_true(mp_done(&reader));
    assert_hex(buffer_bytes(&copy), "9205a161" "82a16bffa16cc401ff");
    mp_copy(&reader, &copy);
    assert_true(reader.failed);
    assert_hex(buffer_bytes(&copy), "9205a161" "82a16bffa16cc401ff");
    buffer_release(&b);
    buffer_release(&copy);
}

static void writing_without_memory_fails_the_buffer(void **state)
{
    (void)state;
    if (!REALLOC_CAN_FAIL)
        skip();
    static const uint8_t much[300];
    struct buffer b = {0};
    realloc_good_for = 0;
    mp_put_bin(&b, much, sizeof much);
    mp_put_text(&b, "and more");
    realloc_good_for = -1;
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    realloc_good_for = 1; /* the header fits, the bytes do not */
    buffer_clear(&b);
    mp_put_bin(&b, much, sizeof much);
    realloc_good_for = -1;
    assert_true(b.failed);
    buffer_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_are_written_shortest_and_read_back),
        cmocka_unit_test(integers_in_a_longer_form_are_the_same_value),
        cmocka_unit_test(texts_and_binaries_of_every_size_class),
        cmocka_unit_test(a_sequence_is_read_object_by_object),
        cmocka_unit_test(an_object_must_be_read_to_its_end),
        cmocka_unit_test(the_wrong_kind_is_a_sticky_failure),
        cmocka_unit_test(values_out_of_bounds_are_failures),
        cmocka_unit_test(floats_extensions_and_the_unused_byte_are_refused),
        cmocka_unit_test(claimed_sizes_are_not_believed),
        cmocka_unit_test(the_tape_has_an_end),
        cmocka_unit_test(nesting_has_a_bottom),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(text_is_utf8_without_nul),
        cmocka_unit_test(skipping_takes_one_value_with_all_it_contains),
        cmocka_unit_test(a_copy_is_the_same_value_in_shortest_form),
        cmocka_unit_test(writing_without_memory_fails_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
