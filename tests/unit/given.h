/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests of proto share: cmocka, known bytes from hex, and an allocator that can be told to fail. */
#ifndef FELLOE_TESTS_GIVEN_H
#define FELLOE_TESTS_GIVEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/id.h"
#include "tests/unit/vectors.h"

/* Hex into an array of exactly its size. */
static inline void given_hex(const char *hex, void *out, size_t size)
{
    assert_true(hex_decode(bytes_str(hex), out, size));
}

/* Hex of any length into a buffer; release it. */
static inline struct buffer given_buffer(const char *hex)
{
    struct buffer b = {0};
    size_t size = strlen(hex) / 2;
    assert_true(buffer_reserve(&b, size));
    given_hex(hex, b.data, size);
    b.len = size;
    return b;
}

static inline void assert_hex(struct bytes got, const char *hex)
{
    char *text = malloc(2 * got.len + 1);
    assert_non_null(text);
    hex_encode(got, text);
    assert_string_equal(text, hex);
    free(text);
}

/* A test that includes this with GIVEN_FAILING_REALLOC defined has a realloc of its own, which every buffer uses:
 * after `realloc_good_for` more calls (-1: without end) it fails. Not under the sanitizers: they have theirs. */
#ifdef GIVEN_FAILING_REALLOC
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define REALLOC_CAN_FAIL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define REALLOC_CAN_FAIL 0
#endif
#endif
#ifndef REALLOC_CAN_FAIL
#define REALLOC_CAN_FAIL 1
#endif

static int realloc_good_for = -1;

#if REALLOC_CAN_FAIL
extern void *__libc_realloc(void *old, size_t size);
void *realloc(void *old, size_t size)
{
    if (realloc_good_for == 0)
        return NULL;
    if (realloc_good_for > 0)
        realloc_good_for--;
    return __libc_realloc(old, size);
}
#endif
#endif

#endif
