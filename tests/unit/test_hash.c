/* SPDX-License-Identifier: Apache-2.0 */
/* Many at once are hashed as libsodium hashes each, whatever their lengths and the processor. */
#include "proto/event/hash.h"
#include <sodium.h>
#include <stdlib.h>

#include "tests/unit/given.h"

#define MOST 600u

static const char *const names[HASH_WAYS] = {"one by one", "AVX2", "AVX-512"};

/* Texts of these lengths, behind each of which nothing may be read. */
static void are_hashed(const size_t *lengths, size_t count)
{
    struct hash_item items[MOST];
    uint8_t out[MOST][HASH_SIZE], wanted[HASH_SIZE], seed[randombytes_SEEDBYTES] = {(uint8_t)count};
    for (size_t i = 0; i < count; i++) {
        uint8_t *text = malloc(lengths[i] > 0 ? lengths[i] : 1);
        assert_non_null(text);
        randombytes_buf_deterministic(text, lengths[i], seed);
        items[i] = (struct hash_item){bytes_of(text, lengths[i]), out[i]};
    }
    for (enum hash_way way = HASH_SINGLY; way <= HASH_WAYS; way++) {
        memset(out, 0, sizeof out);
        if (way == HASH_WAYS)
            hash_many(items, count);
        else if (!hash_many_by(way, items, count)) {
            print_message("this processor has no %s\n", names[way]);
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            crypto_generichash(wanted, sizeof wanted, items[i].in.data, items[i].in.len, NULL, 0);
            assert_memory_equal(out[i], wanted, sizeof wanted);
        }
    }
    for (size_t i = 0; i < count; i++)
        free((void *)(uintptr_t)items[i].in.data);
}

static void every_length_is_hashed_alone(void **state)
{
    (void)state;
    for (size_t len = 0; len < MOST; len++)
        are_hashed(&len, 1);
}

static void any_number_of_any_lengths_is_hashed_together(void **state)
{
    size_t lengths[MOST];
    (void)state;
    for (size_t count = 0; count < 40; count++) {
        for (size_t i = 0; i < count; i++)
            lengths[i] = (i * 7919 + count * 131) % (count % 2 == 0 ? 1000 : 130);
        are_hashed(lengths, count);
    }
    for (size_t i = 0; i < MOST; i++)
        lengths[i] = i;
    are_hashed(lengths, MOST);
}

/* As among events of a laptop one with a long note. */
static void a_long_one_keeps_no_other_from_its_turn(void **state)
{
    size_t lengths[MOST];
    (void)state;
    for (size_t i = 0; i < 50; i++)
        lengths[i] = i == 3 ? 65536 : 282;
    are_hashed(lengths, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_is_hashed_alone),
        cmocka_unit_test(any_number_of_any_lengths_is_hashed_together),
        cmocka_unit_test(a_long_one_keeps_no_other_from_its_turn),
    };
    return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
