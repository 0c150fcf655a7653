/* SPDX-License-Identifier: Apache-2.0 */
/* Registers: what a field holds when several workers wrote it, some knowing of each other and some not.
 *
 * A write overwrites another when its author had seen it: same stream and a later number, a position of the
 * overwritten one that `seen` covers, or a number of an earlier incarnation that `after` covers. What no other write
 * overwrites stands. Wall clocks decide nothing here; they order what stands for showing, by (time, event id), the
 * same way everywhere. */
#ifndef FELLOE_PROTO_REGISTER_H
#define FELLOE_PROTO_REGISTER_H

#include "proto/domain/catalogue.h"
#include "proto/domain/mark.h"

/* How far the author had written its earlier incarnations itself (see event.h); none but after a fork. */
struct branch_marks {
    const struct branch *at;
    uint32_t count;
};

/* What orders an event among others: enough to say who had seen whom.
 *
 * Within a stream numbers suffice only because a stream in a site's log has one history. A clone writes the same
 * numbers of the same incarnation again, but the hub takes one of the two, and the other is written again under the
 * next incarnation before any of it is shared: there `after` says where the histories part. A laptop that holds both
 * for a while, its own not yet written again, must not fold them as one stream. */
struct stamp {
    struct device_id device;
    uint32_t home;        /* the site that it was written in, whose stream `seq` is a number of */
    uint32_t incarnation;
    uint64_t seq;
    uint64_t time;
    struct event_id id;
    struct marks at, seen;
    struct branch_marks after;
};

/* Had the author of `later` seen `earlier`? */
bool stamp_has_seen(const struct stamp *later, const struct stamp *earlier);
/* By time, then id: <0, 0, >0. */
int stamp_compare(const struct stamp *a, const struct stamp *b);

struct write {
    const struct stamp *stamp;
    struct bytes value; /* its raw msgpack */
    struct bytes by;    /* the worker */
    bool witness;       /* see EFFECT_WITNESS: overwrites nothing, speaks against what it had not seen */
    bool gone;          /* register_standing's own */
};

/* Moves the writes that stand to the front, in any order, and returns how many there are: those that no other (but a
 * witness) has overwritten; of the witnesses those among them that had not seen a standing write of another value.
 * Linear in count times the number of streams. `count` may be 0. */
size_t register_standing(struct write *writes, size_t count);

/* One register as the views show it. */
struct reading {
    const struct register_def *def;
    struct bytes each;      /* which one of several: the text of the field `each`; empty when there is one */
    struct write *writes;   /* what stands: first one per value (its latest), in order of showing, then the rest */
    size_t count, values;   /* writes that stand; different values among them */
    bool to_settle;
};

/* Applies the register's merge rule to all its writes, which it reorders. */
void register_read(const struct register_def *def, struct write *writes, size_t count, struct reading *out);
/* How many of the values are shown: all that wait for a settlement under H, else the first. */
size_t reading_shown(const struct reading *reading);

/* The text of a raw msgpack str (or the bytes of a bin); empty for anything else. */
struct bytes value_text(struct bytes raw);

#endif
