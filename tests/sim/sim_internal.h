/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulator's files share.
 *
 *   sim.c          the world's life, and the loop: what is due next happens
 *   sim_queue.c    what will happen, by virtual time; the trace
 *   sim_net.c      connections and frames, and what befalls them
 *   sim_spoke.c    a laptop's driver: store, commits, crashes
 *   sim_hub.c      the hub's
 *   sim_views.c    every laptop's views: the fold, fed from its log as the projector does
 *   sim_workers.c  what workers record, sealed as events
 *   sim_faults.c   which faults this seed has, and when
 *   sim_check.c    the invariants
 *   sim_sign.c     signatures that cost nothing
 *   naive.c        the second implementation, which shares no code */
#ifndef FELLOE_TESTS_SIM_INTERNAL_H
#define FELLOE_TESTS_SIM_INTERNAL_H

#include "proto/domain/document.h"
#include "proto/sync/sync_hub.h"
#include "proto/sync/sync_spoke.h"
#include "tests/lib/sync_store.h"
#include "tests/sim/naive.h"
#include "tests/sim/sim.h"

#define SIM_SITES  4
#define SIM_KEYS   40         /* the sites' keys first, then one per person */
#define SIM_EPOCHS 4u         /* 1 … 3 */
#define SIM_HUB    UINT32_MAX /* as a node's number */
#define NO_EVENT   UINT32_MAX
#define TRACE_MAX  20000u

/* What the world knows of an event: who wrote what, in plain words, and the positions it was given. */
struct sim_event {
    const struct pool_event *sealed;
    uint32_t writer, site, key;
    bool brings_key; /* the first event to use a key that its own device made */
    uint64_t time;
    uint64_t at[SIM_EPOCHS]; /* position by epoch, 0: none */
    const char *type;
    uint32_t field_count, strikes; /* strikes: an event's number */
    const char *names[NAIVE_FIELDS], *values[NAIVE_FIELDS];
};

/* Something a worker has written and the disk has not yet. */
struct sim_draft {
    struct sim_event event;
    struct seen seen;
};

enum task_kind {
    ITEM_UP,   /* a frame arrives at the hub */
    ITEM_DOWN, /* a frame arrives at a laptop */
    ITEM_CONNECT,
    ITEM_SPOKE_ASK,  /* the disk does what the machine asked */
    ITEM_SPOKE_DONE, /* and the machine hears of it */
    ITEM_HUB_ASK,
    ITEM_HUB_DONE,
    ITEM_RECORD, /* the disk makes an own event durable */
    ITEM_SAVED,  /* the worker and the machine hear of it */
    ITEM_START,  /* a node that crashed starts again */
    ITEM_VIEW,   /* the views look at the log */
    ITEM_WORK,   /* a worker writes something */
    ITEM_FAULT
};

struct task {
    enum task_kind kind;
    uint32_t node;
    uint64_t life; /* the connection, or the node's run, that it belongs to; another one: nothing happens */
    struct buffer header;
    struct lent body;
    struct spoke_output spoke_ask;
    struct hub_output hub_ask;
    struct spoke_input spoke_done;
    struct hub_input hub_done;
    struct log_hash hashes[SEEN_MAX];
    struct key_id missing[RECEIPT_KEYS_MAX];
    struct sim_draft draft;
    uint32_t event; /* ITEM_SAVED */
    bool late;      /* ITEM_CONNECT: in the place of the present one; ITEM_SAVED: of a breakage */
};

struct due {
    uint64_t at, serial;
    struct task *item;
};

/* One direction of a laptop's link. */
struct link {
    uint32_t latency_ms, jitter_ms, bytes_per_ms; /* bytes_per_ms 0: as fast as one likes */
    uint32_t lost, doubled, reordered, spoilt;    /* in 10,000 */
    uint64_t silent_until, free_at, last_arrival;
};

struct site_view {
    struct seen folded; /* the views' cursor */
    uint64_t own;       /* own events folded */
};

/* A disk's state at some earlier time: stores only grow, so that counts say it all. */
struct snapshot {
    bool taken;
    uint32_t counts[SIM_SITES][SIM_EPOCHS];
    uint64_t own[SIM_SITES], shared[SIM_SITES];
    bool keys[SIM_KEYS];
};

struct sim_node {
    struct store store;                             /* durable */
    bool keys[SIM_KEYS];                            /* durable */
    uint64_t clock;                                 /* durable: the latest time given */
    struct log_head cursors[SIM_SITES][SIM_EPOCHS]; /* durable: as committed, to be held against the entries */
    struct spoke *machine;                          /* NULL: not running */
    struct spoke_outputs outputs;
    struct spoke_config config;
    struct sign_public sign;
    struct box_shared box;
    uint64_t life, steady, due;   /* steady: what its monotonic clock is ahead of the world's */
    uint64_t peer;                /* its connection; 0: none */
    bool revoked, view_due, gone; /* gone: its laptop stays shut until the healing */
    struct link up, down;
    int64_t skew_ms;
    uint64_t full_until, disk_free;
    struct site_view views[SIM_SITES];
    struct document *documents[SIM_KEYS];
    bool folded_without_key[SIM_KEYS];
    uint64_t ask_again[SIM_KEYS], look_again; /* while a key is lacking, it is asked for now and then */
    struct snapshot snapshot;
    uint32_t *told[SIM_SITES]; /* ledger: events that were said to be saved */
    uint32_t told_count[SIM_SITES];
    uint64_t told_shared[SIM_SITES]; /* ledger: what was said to be shared */
};

struct sim_hub {
    struct store store;
    bool keys[SIM_KEYS];
    uint32_t first_use[SIM_SITES][SIM_KEYS]; /* the event by which a site's log first used a key */
    struct hub *machine;
    struct hub_outputs outputs;
    struct hub_config config;
    struct sign_public sign;
    uint64_t life, steady, due, full_until, disk_free;
    int64_t skew_ms;
    uint64_t *held[SIM_SITES]; /* ledger: by writer, how many events of the stream the log holds */
    struct stream_head own[SIM_SITES];
    struct snapshot snapshot;
};

/* Which faults this seed has, and how much of everything; chosen once. */
struct sim_plan {
    uint32_t spokes, sites, persons, actions, work_pause_ms;
    uint64_t chaos_ms;
    uint32_t faults, fault_pause_ms;      /* faults: a bit per enum fault */
    uint32_t commit_lost, commit_unknown; /* in 10,000 */
    uint32_t keys_late;                   /* in 10,000: a key that does not come along with its first event */
    uint32_t disk_ms, long_notes;         /* long_notes: in 10,000 of all notes; they fill windows and thin links */
};

struct note {
    uint64_t at, a, b, c;
    uint32_t node;
    const char *what;
};

struct sim {
    uint64_t seed, random, now, serial, fingerprint, steps, frames, crashes, last_life, earliest;
    enum breakage breakage;
    bool healing, spoilt; /* spoilt: some frame was; what no signature covers may be wrong */
    uint64_t healed_at;
    struct sim_plan plan;
    struct due *queue;
    uint32_t queue_count, queue_cap;
    struct pool pool;
    struct sim_event *events; /* by the pool's index */
    uint32_t event_cap;
    struct key_id key_ids[SIM_KEYS];
    struct data_key key_bytes[SIM_KEYS];
    uint32_t key_site[SIM_KEYS], key_count;
    uint32_t *owners[SIM_SITES][SIM_EPOCHS], owner_cap[SIM_SITES][SIM_EPOCHS]; /* ledger: whose a position is */
    struct sim_node *nodes;
    struct sim_hub hub;
    struct message message;
    struct buffer plain;
    char problem[400];
    struct note notes[TRACE_MAX];
    uint64_t note_count;
};

/* ---- sim_queue.c ---- */
uint64_t sim_random(struct sim *sim);
uint32_t sim_below(struct sim *sim, uint32_t bound); /* 0 … bound - 1; 0 for 0 */
bool sim_chance(struct sim *sim, uint32_t in_10000);
struct task *sim_later(struct sim *sim, uint64_t at, enum task_kind kind, uint32_t node, uint64_t life);
struct task *sim_take(struct sim *sim); /* the earliest; NULL when there is none */
uint64_t sim_next_at(const struct sim *sim);
void task_free(struct task *item);
void sim_note(struct sim *sim, uint32_t node, const char *what, uint64_t a, uint64_t b, uint64_t c);
void sim_fail(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_tell(const struct sim *sim, uint32_t lines); /* the last steps, to stderr */

/* ---- sim_net.c ---- */
void net_connect(struct sim *sim, uint32_t node);
void net_cut(struct sim *sim, uint32_t node, bool hub_hears);
void net_reconnect_later(struct sim *sim, uint32_t node, uint64_t pause_ms);
void net_send(struct sim *sim, bool up, uint32_t node, struct buffer *header, struct lent *body);
void net_arrive(struct sim *sim, struct task *item);
uint32_t net_node_of(const struct sim *sim, uint64_t peer);

/* ---- sim_spoke.c ---- */
void spoke_start(struct sim *sim, uint32_t node);
void spoke_crash(struct sim *sim, uint32_t node, uint64_t pause_ms);
void spoke_input(struct sim *sim, uint32_t node, struct spoke_input *input);
void spoke_ask(struct sim *sim, struct task *item);
void spoke_record(struct sim *sim, struct task *item);
void spoke_saved(struct sim *sim, const struct task *item);
void spoke_snapshot(struct sim *sim, uint32_t node);
bool spoke_set_back(struct sim *sim, uint32_t node); /* false: it has written since */
enum fate { FATE_OK, FATE_LOST, FATE_UNKNOWN };
enum fate commit_fate(struct sim *sim, uint64_t full_until);
uint64_t disk_time(struct sim *sim, uint64_t *disk_free);
struct lent lend(struct buffer *b);
uint32_t key_number(const struct sim *sim, const struct key_id *id); /* SIM_KEYS: unknown */

/* ---- sim_hub.c ---- */
void simhub_start(struct sim *sim);
void simhub_crash(struct sim *sim, uint64_t pause_ms);
void simhub_input(struct sim *sim, struct hub_input *input);
void simhub_ask(struct sim *sim, struct task *item);
void simhub_done(struct sim *sim, struct task *item);
void simhub_record(struct sim *sim, uint32_t site, uint32_t node); /* the hub's own event */
bool simhub_set_back(struct sim *sim);                             /* to where no laptop notices; in the next epoch */
void simhub_snapshot(struct sim *sim);

/* ---- sim_views.c ---- */
void views_due(struct sim *sim, uint32_t node);
void views_look(struct sim *sim, uint32_t node);
void views_drop(struct sim *sim, uint32_t node);   /* deleted: made again from the log */
void views_reload(struct sim *sim, uint32_t node); /* written and read back */
bool views_current(const struct sim *sim, uint32_t node);
bool fold_into(struct sim *sim, struct document *document, const struct sim_event *event, struct position at);

/* ---- sim_workers.c ---- */
void work(struct sim *sim, uint32_t node);
const struct pool_event *work_seal(struct sim *sim, const struct sim_draft *draft, const struct device_id *device,
                                   struct stream_head *head);

/* ---- sim_faults.c ---- */
void plan_make(struct sim *sim);
void fault_begin(struct sim *sim);
void fault_strike(struct sim *sim);
void fault_heal(struct sim *sim);

/* ---- sim_check.c ---- */
void check_placed(struct sim *sim, uint32_t node, uint32_t site, struct position at, uint32_t event);
void check_spoke(struct sim *sim, uint32_t node);
void check_view(struct sim *sim, uint32_t node, uint32_t key); /* what it shows against the naive model */
bool check_settled(struct sim *sim);
void check_end(struct sim *sim);

/* ---- sim_sign.c ---- */
void sim_sign_really(bool really);

static inline const char *sim_site(uint32_t site)
{
    static const char *const names[SIM_SITES] = {"commons", "dale-east", "dale-west", "peak"};
    return names[site];
}
static inline uint32_t sim_site_number(struct bytes name)
{
    for (uint32_t i = 0; i < SIM_SITES; i++)
        if (bytes_is(name, sim_site(i)))
            return i;
    return SIM_SITES;
}

#endif
