/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a backup's file comes back as it was written, and nothing else is taken for one. */
#include "proto/backup.h"
#include "proto/mp.h"
#include "tests/unit/given.h"

static struct backup_head given_head(bool keys)
{
    struct backup_head head = {.keys = keys, .hub = true, .device = {{1, 2, 3}}, .name = "Living Well",
                               .made_ms = 1767312000000, .epoch = 2, .incarnation = 2};
    if (keys) {
        head.identity = bytes_str("who it is");
        head.vault = bytes_str("what opens it");
        head.auditors = bytes_str("who reads looks");
        head.terms = bytes_str("what the hub tells");
        head.configuration = bytes_str("role = hub\n");
    }
    return head;
}

static void a_head_is_read_as_it_was_written(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        const int keys = i > 0;
        struct backup_head head = given_head(keys), got;
        struct buffer b = {0};
        if (i == 2) /* what there need not be */
            head.vault = head.auditors = head.terms = (struct bytes){0};
        backup_put_head(&b, &head);
        assert_false(b.failed);
        assert_memory_equal(b.data, "felloe backup 1\n", 16);
        assert_int_equal(backup_head_size(bytes_of(b.data, BACKUP_START)), b.len);
        assert_true(backup_read_head(buffer_bytes(&b), &got));
        assert_int_equal(got.keys, keys);
        assert_true(got.hub);
        assert_true(device_id_equal(&got.device, &head.device));
        assert_string_equal(got.name, "Living Well");
        assert_int_equal(got.made_ms, head.made_ms);
        assert_int_equal(got.epoch, 2);
        assert_int_equal(got.incarnation, 2);
        assert_true(bytes_equal(got.identity, head.identity));
        assert_true(bytes_equal(got.vault, head.vault));
        assert_true(bytes_equal(got.auditors, head.auditors));
        assert_true(bytes_equal(got.terms, head.terms));
        assert_true(bytes_equal(got.configuration, head.configuration));
        buffer_release(&b);
    }
}

static void a_head_that_is_cut_or_changed_is_no_head(void **state)
{
    (void)state;
    struct backup_head head = given_head(true), got;
    struct buffer b = {0};
    backup_put_head(&b, &head);
    for (size_t len = 0; len < b.len; len++) {
        assert_false(backup_read_head(bytes_of(b.data, len), &got));
        assert_int_equal(backup_head_size(bytes_of(b.data, len)), len < BACKUP_START ? 0 : b.len);
    }
    for (size_t i = 0; i < BACKUP_MAGIC_SIZE; i++) {
        b.data[i] ^= 1;
        assert_int_equal(backup_head_size(buffer_bytes(&b)), 0);
        b.data[i] ^= 1;
    }
    buffer_append_byte(&b, 0);
    assert_false(backup_read_head(buffer_bytes(&b), &got));
    buffer_release(&b);
}

static void a_length_out_of_bounds_is_refused_at_once(void **state)
{
    (void)state;
    assert_int_equal(backup_head_size(bytes_of(BACKUP_MAGIC "\0\0\0\0", BACKUP_START)), 0);
    assert_int_equal(backup_head_size(bytes_of(BACKUP_MAGIC "\0\2\0\0", BACKUP_START)), 0);
    assert_int_equal(backup_head_size(bytes_of(BACKUP_MAGIC "\377\377\377\377", BACKUP_START)), 0);
    assert_int_equal(backup_head_size(bytes_of(BACKUP_MAGIC "\0\0\0\1", BACKUP_START)), BACKUP_START + 1);
}

/* What is read, where a map of these pairs stands in the file. */
static bool reads(void (*put)(struct buffer *), uint32_t pairs)
{
    struct buffer b = {0};
    struct backup_head got;
    buffer_append(&b, BACKUP_MAGIC "\0\0\0\0", BACKUP_START);
    mp_put_map(&b, pairs);
    put(&b);
    b.data[BACKUP_START - 1] = (uint8_t)(b.len - BACKUP_START);
    bool fine = backup_read_head(buffer_bytes(&b), &got);
    buffer_release(&b);
    return fine;
}

static void put_least(struct buffer *b)
{
    mp_put_text(b, "role");
    mp_put_text(b, "spoke");
    mp_put_text(b, "device");
    mp_put_bin(b, "0123456789abcdef", 16);
    mp_put_text(b, "epoch");
    mp_put_uint(b, 1);
}
static void put_log(struct buffer *b)
{
    put_least(b);
    mp_put_text(b, "what");
    mp_put_text(b, "log");
}
static void put_log_of_a_later_version(struct buffer *b)
{
    put_log(b);
    mp_put_text(b, "colour");
    mp_put_array(b, 1);
    mp_put_uint(b, 7);
}
static void put_keys_without_identity(struct buffer *b)
{
    put_least(b);
    mp_put_text(b, "what");
    mp_put_text(b, "keys");
}
static void put_something_else(struct buffer *b)
{
    put_least(b);
    mp_put_text(b, "what");
    mp_put_text(b, "views");
}

static void a_head_says_at_least_what_and_whose_it_is(void **state)
{
    (void)state;
    assert_true(reads(put_log, 4));
    assert_true(reads(put_log_of_a_later_version, 5));
    assert_false(reads(put_least, 3));
    assert_false(reads(put_keys_without_identity, 4));
    assert_false(reads(put_something_else, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_read_as_it_was_written),
        cmocka_unit_test(a_head_that_is_cut_or_changed_is_no_head),
        cmocka_unit_test(a_length_out_of_bounds_is_refused_at_once),
        cmocka_unit_test(a_head_says_at_least_what_and_whose_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
