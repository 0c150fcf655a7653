/* SPDX-License-Identifier: Apache-2.0 */
/* Words that people compare: the same for the same keys, everywhere and for ever. */
#include <sodium.h>

#include "proto/event/words.h"
#include "tests/unit/given.h"

static void the_list_stays_what_it_is(void **state)
{
    (void)state;
    struct buffer all = {0};
    char words[WORDS_TEXT_MAX], before[WORDS_TEXT_MAX] = "";
    uint8_t hash[32];
    for (unsigned i = 0; i < 256; i++) {
        const uint8_t bytes[WORDS_COUNT] = {(uint8_t)i, (uint8_t)i, (uint8_t)i, (uint8_t)i, (uint8_t)i};
        words_spell(bytes, words);
        size_t len = strcspn(words, " ");
        assert_int_equal(strlen(words), 5 * len + 4);
        words[len] = '\0';
        assert_in_range(len, 3, 11);
        assert_int_equal(strspn(words, "abcdefghijklmnopqrstuvwxyz"), len);
        assert_true(strcmp(before, words) < 0); /* in order, each once */
        memcpy(before, words, sizeof before);
        if (i > 0)
            buffer_append_byte(&all, '\n');
        buffer_append(&all, words, len);
    }
    crypto_generichash(hash, sizeof hash, all.data, all.len, NULL, 0);
    assert_hex(bytes_of(hash, sizeof hash), VECTOR_WORDS_LIST);
    buffer_release(&all);
}

static void a_laptop_has_the_words_that_the_protocol_tells(void **state)
{
    (void)state;
    struct sign_public hub, sign;
    struct box_public box;
    uint8_t curve[32];
    char words[WORDS_TEXT_MAX];
    given_hex(VECTOR_HUB_SIGN, hub.b, 32);
    given_hex(VECTOR_DEVICE_SIGN, sign.b, 32);
    given_hex(VECTOR_BOX_PUBLIC, box.b, 32);
    memset(curve, 0x5a, sizeof curve);
    words_of_device(&hub, &sign, &box, curve, words);
    assert_string_equal(words, VECTOR_WORDS);
    /* each of the four keys counts */
    uint8_t *const keys[] = {hub.b, sign.b, box.b, curve};
    for (size_t i = 0; i < 4; i++) {
        keys[i][31] ^= 1;
        words_of_device(&hub, &sign, &box, curve, words);
        assert_string_not_equal(words, VECTOR_WORDS);
        keys[i][31] ^= 1;
    }
}

static void a_log_has_the_words_that_the_protocol_tells(void **state)
{
    (void)state;
    struct log_head head = {.at = {1, 2}};
    char words[WORDS_TEXT_MAX];
    given_hex(VECTOR_LOG_2, head.hash.b, 32);
    words_of_head(bytes_str(VECTOR_SITE), &head, words);
    assert_string_equal(words, VECTOR_WORDS_HEAD);
    head.at.n++;
    words_of_head(bytes_str(VECTOR_SITE), &head, words);
    assert_string_not_equal(words, VECTOR_WORDS_HEAD);
    head.at.n--;
    words_of_head(bytes_str("dale-wes"), &head, words);
    assert_string_not_equal(words, VECTOR_WORDS_HEAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_list_stays_what_it_is),
        cmocka_unit_test(a_laptop_has_the_words_that_the_protocol_tells),
        cmocka_unit_test(a_log_has_the_words_that_the_protocol_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
