/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz target: one decoder, fed with whatever bytes. libFuzzer drives it in build/libfuzzer/, replay_main.c in
 * build/tests/, there from the target's own seeds. A target goes beyond "does not crash": what was accepted must be
 * written back and read again to the same. */
#ifndef FELLOE_TESTS_FUZZ_H
#define FELLOE_TESTS_FUZZ_H

#include <stdio.h>
#include <stdlib.h>

#include "proto/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Appends the seed of this number, a valid input; false past the last. */
bool fuzz_seed(unsigned number, struct buffer *out);

/* How many inputs were accepted so far: a target that accepts none tests nothing, and replay says so. */
extern unsigned long fuzz_accepted;

/* Not assert: it holds in every build. */
#define MUST(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: must hold: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

#endif
