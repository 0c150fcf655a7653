/* SPDX-License-Identifier: Apache-2.0 */
/* What disk.c (what may be on the disk) and disk_image.c (images of it) share and nobody else sees. */
#ifndef FELLOE_TESTS_POWER_DISK_INSIDE_H
#define FELLOE_TESTS_POWER_DISK_INSIDE_H

#include "tests/power/power.h"

/* What a file holds: zeros from `held` on, which take no memory (blocks taken ahead). */
struct content {
    uint8_t *bytes;
    size_t held, size, cap;
};

struct pending {
    const struct op *op;
    bool certain;  /* was made durable; waits here because of what is before it */
    bool doubtful; /* a sync of it failed: nobody knows, whatever is synced later */
};

struct entry {
    const char *name; /* in the trace */
    struct node *node;
};
struct entries {
    struct entry *items;
    size_t count, cap;
};
/* `node` comes under `name` (NULL: what was there goes away), and goes away under `from` where that is given. What is
 * one step in two folders is a change in each, with one and the same `step`: both come to the disk, or neither. */
struct change {
    const char *name, *from;
    struct node *node, *other_folder;
    size_t step;
};

struct node {
    struct node *next; /* all of them, for the end */
    bool is_folder;
    struct content base; /* a file's, as it is on the disk for certain */
    struct pending *pending;
    size_t pending_count, pending_cap;
    /* a folder: as programs see it, as it is on the disk for certain, and what is between the two */
    struct entries now, certain;
    struct change *changes;
    size_t change_count, change_cap;
    size_t kept; /* of the changes, in the image that is built */
};

struct disk {
    enum pretence pretence;
    struct node *root, *all;
    size_t steps;
    struct node **files; /* by the trace's number */
    size_t file_cap;
    const char **names;
};

/* What is asked for is in memory, as far as `wanted`. */
void content_hold(struct content *c, size_t wanted);
void content_resize(struct content *c, size_t size);
/* By an operation; but for writes. */
void content_change(struct content *c, const struct op *op);
void entries_apply(struct entries *entries, const struct change *change);

#endif
