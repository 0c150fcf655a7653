/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the in-memory world share: sync_world.c (nodes, faults, invariants at the end), world_queue.c (what
 * is to happen, and in which order), world_disk.c (what machines ask of their stores). */
#ifndef FELLOE_TESTS_SYNC_WORLD_INTERNAL_H
#define FELLOE_TESTS_SYNC_WORLD_INTERNAL_H

#include "tests/lib/sync_world.h"

enum item_kind { ITEM_UP, ITEM_DOWN, ITEM_SPOKE_ASKS, ITEM_HUB_ASKS, ITEM_RECONNECT };

/* Something that will happen. Items of one lane keep their order. */
struct item {
    enum item_kind kind;
    uint32_t spoke; /* not for ITEM_HUB_ASKS */
    uint64_t peer;  /* frames: of which connection */
    bool held;      /* waits until the next of its lane has gone before it */
    struct buffer header;
    struct lent body;
    struct spoke_output spoke_asks;
    struct hub_output hub_asks;
};

struct node {
    struct store store;
    struct spoke *spoke;
    struct spoke_outputs outputs;
    struct spoke_config config;
    struct sign_public sign;
    bool connected;
    uint32_t named;     /* the incarnation that the hub named to go on as; to be taken up once the step is over */
    uint32_t left_out;  /* a bit per site that the hub does not let it into */
    uint64_t peer, due; /* due: its machine's deadline */
};

struct world {
    struct world_config config;
    uint64_t random, now, frames, commits, fingerprint, last_peer;
    struct pool pool;
    struct node *spokes;
    struct store hub_store;
    struct hub *hub;
    struct hub_config hub_config;
    struct sign_public hub_sign;
    struct hub_outputs hub_outputs;
    uint64_t hub_due, earliest; /* no machine is due before `earliest` */
    struct item *items;
    uint32_t item_count, item_cap;
    bool spoilt; /* some frame was: what no signature covers may then be wrong */
    struct buffer trace;
    struct message message;
    char problem[200];
    uint32_t restores;    /* of the hub so far */
    uint32_t epochs;      /* begun so far */
    bool crash_hub;       /* to be done once the present step is over */
    uint32_t crash_spoke; /* WORLD_HUB: none */
};

void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum commit_fate world_commit(struct world *world, uint32_t node);

/* world_queue.c */
void queue_frame(struct world *world, bool up, uint32_t spoke, uint64_t peer, struct buffer *header, struct lent *body);
struct item *queue_add(struct world *world, enum item_kind kind, uint32_t spoke);
bool queue_take(struct world *world, struct item *out);
void queue_drop_frames(struct world *world, uint32_t spoke);
void queue_drop_asked(struct world *world, uint32_t node);
void item_release(struct item *item);

/* sync_world.c */
void world_spoke_input(struct world *world, uint32_t spoke, struct spoke_input *input);
void world_hub_input(struct world *world, struct hub_input *input);

/* world_disk.c: does what was asked, and hands the machine its completion. */
void disk_spoke(struct world *world, uint32_t spoke, struct spoke_output *asked);
void disk_next_epoch(struct world *world, uint32_t above);
void disk_hub(struct world *world, struct hub_output *asked);

#endif
