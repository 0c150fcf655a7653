/* SPDX-License-Identifier: Apache-2.0 */
/* The naive model: what stands in each register of one person, worked out pair by pair from all events at once. Written
 * from PROTOCOL.md (has seen) and the domain's merge rules; it includes nothing of the product, so that one mistake
 * cannot be in both. */
#ifndef FELLOE_TESTS_NAIVE_H
#define FELLOE_TESTS_NAIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAIVE_EPOCHS 16 /* numbered 0 … in any order; a mark of 0 is none */
#define NAIVE_AFTER  8
#define NAIVE_FIELDS 5

/* Indexed by epoch; 0: none. */
struct naive_marks {
    uint64_t n[NAIVE_EPOCHS];
};

struct naive_event {
    uint32_t device, incarnation; /* who wrote it */
    uint64_t seq;
    struct {
        uint32_t incarnation;
        uint64_t seq;
    } after[NAIVE_AFTER]; /* how far that device had written its earlier incarnations */
    size_t after_count;
    struct naive_marks seen, at;
    const uint8_t *id;  /* 32 bytes */
    const uint8_t *was; /* the id of the event that this one is in the place of; NULL: none */
    const char *type;
    size_t field_count;
    const char *names[NAIVE_FIELDS], *values[NAIVE_FIELDS];
    const uint8_t *strikes; /* the name that an entry.struck has: what was written first */
    bool struck, decided, counts; /* the model's own */
};

struct naive_value {
    const struct naive_event *by;
    const char *value;
};

struct naive_register {
    const char *name, *each; /* each: of which worker; "" when there is one */
    struct naive_value *values;
    size_t count; /* those that stand */
    bool to_settle;
};

struct naive_reading {
    struct naive_register *registers;
    size_t count;
};

/* Events of one person (or of the site itself), in any order. */
void naive_read(struct naive_event *events, size_t count, struct naive_reading *out);
void naive_release(struct naive_reading *reading);

#endif
