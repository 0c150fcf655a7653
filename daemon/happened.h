/* SPDX-License-Identifier: Apache-2.0 */
/* What people should still hear of after it is over: that laptops refilled this hub, or that this laptop goes on as
 * another incarnation. `felloe status` tells it for a week, or until the daemon is started again; the journal has it
 * for good. On the loop's thread. */
#ifndef FELLOE_DAEMON_HAPPENED_H
#define FELLOE_DAEMON_HAPPENED_H

#include "proto/id.h"
#include "proto/limits.h"

#define HAPPENED_TOLD_MS   (7ull * 24 * 3600 * 1000)
#define HAPPENED_LAPTOPS   3u /* are told by name */
#define HAPPENED_LABEL_MAX 40 /* bytes of it */
#define HAPPENED_TEXT_MAX  680

/* By both clocks: how long ago it is by the steady one, when it was by the wall's. */
struct happened_at {
    int64_t wall_ms;
    uint64_t steady_ms;
};

/* One laptop's part. */
struct happened_from {
    struct device_id device;
    char label[HAPPENED_LABEL_MAX + 1], worker[SLUG_MAX + 1];
    uint64_t entries;
};

struct happened_refill {
    char site[SLUG_MAX + 1];
    uint64_t entries;
    struct happened_from from[HAPPENED_LAPTOPS]; /* in the order in which they came; of later ones only the entries */
    unsigned from_count;
    struct happened_at last;
};

/* A person whose record this laptop let go of. Who it was is told after a look was recorded (`felloe news`); what tells
 * the rest counts them. */
#define HAPPENED_MOVED 32u
struct happened_moved {
    struct person_id person;
    char site[SLUG_MAX + 1], to[SLUG_MAX + 1];
    char name[HAPPENED_LABEL_MAX + 1]; /* "": not known */
    int64_t moved_ms;                  /* when they moved */
    uint64_t entries;                  /* that were written here */
    struct happened_at at;
};

/* A ticket that was used, used again by another laptop. */
struct happened_ticket {
    char label[HAPPENED_LABEL_MAX + 1]; /* what that one is called */
    struct device_id device;
    struct happened_from used_by;
    unsigned times; /* such a thing in a week */
    struct happened_at at;
};

/* What revoked laptops had handed over was taken in, or discarded. */
struct happened_aside {
    char label[HAPPENED_LABEL_MAX + 1], worker[SLUG_MAX + 1];
    uint64_t entries, left;
    bool taken;
    struct happened_at at;
};

struct happened {
    struct happened_aside aside; /* the latest */
    struct happened_ticket ticket; /* the latest; times 0: none */
    struct happened_moved moved[HAPPENED_MOVED]; /* the latest first */
    unsigned moved_count;
    struct happened_refill refills[SITES_MAX];
    unsigned refill_count;
    uint32_t incarnation; /* this laptop went on as it; 0: it did not */
    uint64_t remade, left; /* entries written again; and those whose keys were not here */
    struct happened_at went_on;
};

/* `from` brought entries (with an empty label: a laptop that is not known). True when it is the site's first in a week.
 */
bool happened_refilled(struct happened *h, const char *site, const struct happened_from *from, struct happened_at now);
/* Cut to whole characters, where it is longer. */
void happened_label(struct happened_from *from, const char *label);
void happened_went_on(struct happened *h, uint32_t incarnation, uint64_t remade, uint64_t left,
                      struct happened_at now);
/* "all 3 entries written here are shared" */
void happened_shared_text(uint64_t entries, char out[80]);
/* `ticket` but for its count. */
void happened_ticket_again(struct happened *h, const struct happened_ticket *ticket);
void happened_ticket_text(const struct happened *h, uint64_t now_ms, char out[HAPPENED_TEXT_MAX]);
void happened_let_go(struct happened *h, const struct happened_moved *moved);
/* moved[at] came back, and is told of no more. */
void happened_is_back(struct happened *h, unsigned at);
/* Is this one still told? */
bool happened_moved_told(const struct happened_moved *moved, uint64_t now_ms);
void happened_aside_settled(struct happened *h, const struct happened_aside *aside);
/* Empty when there is nothing to tell (any more). */
void happened_aside_text(const struct happened *h, uint64_t now_ms, char out[HAPPENED_TEXT_MAX]);
/* Without anybody's name: status is for whoever may speak to the daemon, also while it is locked. */
void happened_let_go_text(const struct happened *h, struct bytes site, uint64_t now_ms, char out[HAPPENED_TEXT_MAX]);
void happened_refill_text(const struct happened *h, const char *site, uint64_t now_ms, char out[HAPPENED_TEXT_MAX]);
void happened_went_on_text(const struct happened *h, uint64_t now_ms, char out[HAPPENED_TEXT_MAX]);

#endif
