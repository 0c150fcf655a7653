/* SPDX-License-Identifier: Apache-2.0 */
/* The values of an answer as a tree in one arena: made from a frame's msgpack, freed all at once. */
#ifndef FELLOE_CLIENT_LIB_VALUE_H
#define FELLOE_CLIENT_LIB_VALUE_H

#include "felloe/client.h"
#include "proto/arena.h"

/* Deeper than any answer; a recursion stays within a few KiB of stack. */
#define VALUE_DEPTH_MAX 32

struct felloe_value {
    enum felloe_kind kind;
    uint32_t count; /* bytes, items or pairs */
    union {
        bool truth;
        int64_t integer;
        const char *text;            /* FELLOE_TEXT: NUL-terminated */
        const uint8_t *bytes;        /* FELLOE_BYTES */
        struct felloe_value *items;  /* FELLOE_ARRAY: count values; FELLOE_MAP: key, value, key, value… */
    };
};

enum value_verdict { VALUE_OK, VALUE_END, VALUE_MALFORMED, VALUE_NO_MEMORY };

/* Takes the next msgpack object off the front of `in`. Everything is copied to the arena. */
enum value_verdict value_read(struct arena *arena, struct bytes *in, struct felloe_value *out);

#endif
