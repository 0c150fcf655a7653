/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulator's files share.
 *
 *   sim.c          the world's life, and the loop: what is due next happens
 *   sim_queue.c    what will happen, by virtual time; the trace
 *   sim_net.c      connections and frames, and what befalls them
 *   sim_relay.c    … somebody in between who plays old answers again
 *   sim_disk.c     what a daemon has on its disk
 *   sim_spoke.c    a laptop's driver: its life and its own events
 *   sim_keep.c     … what its machine asks of its disk
 *   sim_fork.c     … going on as the next incarnation
 *   sim_hub.c      the hub's driver: its life, what it makes durable
 *   sim_read.c     … what it reads
 *   sim_copies.c   older copies of disks brought back, clones, logs that are gone
 *   sim_views.c    every laptop's views: the fold, fed from its log as the projector does
 *   sim_workers.c  what workers record, sealed as events
 *   sim_faults.c   which faults this seed has, and when
 *   sim_looks.c    looks: what is told of who looked, and what becomes of it
 *   sim_check.c    the invariants
 *   sim_sign.c     signatures that cost nothing
 *   naive.c        the second implementation, which shares no code */
#ifndef FELLOE_TESTS_SIM_INTERNAL_H
#define FELLOE_TESTS_SIM_INTERNAL_H

#include "proto/domain/document.h"
#include "proto/sync/sync_hub.h"
#include "proto/sync/sync_spoke.h"
#include "tests/sim/naive.h"
#include "tests/sim/sim.h"
#include "tests/sim/sim_disk.h"

#define SIM_SITES  DISK_SITES
#define SIM_AUDIT  (SIM_SITES - 1) /* where looks go: every laptop writes to it, none reads it; of some worlds */
#define SIM_KEYS   40 /* the sites' keys first, then one per person */
#define SIM_EPOCHS NAIVE_EPOCHS
#define SIM_CLONES 3u
#define SIM_COPIES 3u         /* of the hub's disk, on the shelf */
#define SIM_HUB    UINT32_MAX /* as a node's number */
#define NO_EVENT   UINT32_MAX
#define TRACE_MAX  20000u

/* What the world knows of an event: who wrote what, in plain words, and the positions it was given. */
struct sim_event {
    const struct pool_event *sealed;
    uint32_t writer, site, key; /* writer: the device's number */
    uint32_t stream;            /* index in sim->streams */
    uint32_t entry, writings; /* what a worker wrote once: the event in which it was written first; how often it was */
    bool brings_key;          /* the first event to use a key that its own device made */
    uint64_t time;
    struct seen seen;        /* what its worker's views had shown */
    struct branches after;   /* how far its laptop had written its earlier incarnations */
    uint64_t at[SIM_EPOCHS]; /* position by number of the epoch, 0: none */
    uint64_t hub_since;      /* the step in which the hub came to hold it; 0: it does not */
    bool has_head;           /* what its laptop told of the site's log */
    struct log_head head;
    bool told, lost;         /* of an entry: said to be saved; no disk has it any more */
    const char *type;
    uint32_t field_count, strikes; /* strikes: an event's number */
    const char *names[NAIVE_FIELDS], *values[NAIVE_FIELDS];
};

/* What one device wrote in one incarnation. */
struct sim_stream {
    uint32_t writer, incarnation;
    uint64_t held[SIM_SITES]; /* ledger: how many of its events the hub's log holds */
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
    ITEM_GO_ON,  /* a laptop's log learns its next incarnation, or goes on as it */
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
    struct log_hash *hashes; /* malloc'd, as the next three; SEEN_MAX of them */
    struct event_id *ids;    /* of own events */
    struct key_id *missing;  /* RECEIPT_KEYS_MAX, or those that are denied */
    struct sim_event *draft; /* what a worker has written and the disk has not yet */
    uint32_t event;          /* ITEM_SAVED; ITEM_GO_ON: the incarnation that was named, 0: to be gone on as */
    bool late;     /* ITEM_CONNECT: in the place of the present one; ITEM_SAVED: of a breakage; ITEM_FAULT: rot */
    bool replayed; /* ITEM_DOWN: it is of before, and somebody passed it for one of now */
    uint64_t born; /* the step in which it was made */
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

/* A copy of a disk, kept for later. */
struct snapshot {
    bool taken;
    struct disk disk;
    bool keys[SIM_KEYS];
};

struct sim_node {
    struct disk disk;      /* durable */
    bool keys[SIM_KEYS];   /* durable */
    uint32_t device;       /* whose identity it has: its own number, or that of the one it was cloned from */
    struct spoke *machine; /* NULL: not running */
    struct spoke_outputs outputs;
    struct spoke_config config;
    struct sign_public sign;
    struct box_shared box;
    uint64_t life, steady, due; /* steady: what its monotonic clock is ahead of the world's */
    uint64_t peer;              /* its connection; 0: none */
    uint64_t asked, hello;      /* numbers: of the latest request on it; of its machine's latest HELLO, 0: none yet */
    bool revoked, dead;         /* dead: a copy that nobody ever starts again */
    bool view_due, gone;        /* gone: its laptop stays shut until the healing */
    uint64_t welcomed;          /* the step in which the WELCOME was made that it has to catch up with */
    bool greeted_anew;          /* … to it as its next incarnation */
    struct link up, down;
    int64_t skew_ms;
    uint64_t full_until, disk_free;
    uint64_t feed_told;         /* when the latest FEED is told of as kept: they are told of in order */
    uint64_t refused[DISK_SITES]; /* the life in which its log refused a FEED: then also those after it */
    struct site_view views[SIM_SITES];
    struct document *documents[SIM_KEYS];
    bool folded_without_key[SIM_KEYS], refold[SIM_KEYS];
    uint64_t ask_again[SIM_KEYS], look_again; /* while a key is lacking, it is asked for now and then */
    struct snapshot snapshot;
    uint32_t *told[SIM_SITES]; /* ledger: events that were said to be saved */
    uint32_t told_count[SIM_SITES];
    uint64_t told_shared[SIM_SITES]; /* ledger: what was said to be shared, of this incarnation */
    uint64_t excused[SIM_SITES];     /* … and what the hub held of that before it was set back */
};

struct sim_hub {
    struct disk disk; /* its incarnation is the epoch */
    bool keys[SIM_KEYS];
    uint32_t first_use[SIM_SITES][SIM_KEYS]; /* the event by which a site's log first used a key */
    struct hub *machine;
    struct hub_outputs outputs;
    struct hub_config config;
    struct sign_public sign;
    uint64_t life, steady, due, full_until, disk_free;
    uint64_t first_peer;           /* what was sent on connections before this one is read by nobody */
    bool unaware;                  /* it was set back and has not been told: only who can prove it may connect */
    struct seen before[SIM_SITES]; /* … and what positions had been given */
    int64_t skew_ms;
    struct snapshot copies[SIM_COPIES];
};

/* Which faults this seed has, and how much of everything; chosen once. */
struct sim_plan {
    uint32_t spokes, sites, persons, actions, work_pause_ms;
    bool audit; /* the site is there, beside `sites` others */
    uint64_t chaos_ms;
    uint32_t faults, fault_pause_ms;      /* faults: a bit per enum fault */
    uint32_t commit_lost, commit_unknown; /* in 10,000 */
    uint32_t keys_late;                   /* in 10,000: a key that does not come along with its first event */
    uint32_t crash_rare;                  /* in 10,000: right after something that happens rarely */
    uint32_t offer_bytes;         /* what lies between two anchors fits into so much, and what one OFFER brings */
    uint32_t disk_ms, long_notes; /* long_notes: in 10,000 of all notes; they fill windows and thin links */
};

struct note {
    uint64_t at, a, b, c;
    uint32_t node;
    const char *what;
};

struct sim {
    uint64_t seed, random, now, serial, fingerprint, steps, frames, crashes, last_life, earliest;
    uint64_t restores, refilled, proofs, forks, again, set_backs, held_back, aside, replays;
    enum breakage breakage;
    bool healing, spoilt; /* spoilt: some frame was; what no signature covers may be wrong */
    const char *excluded; /* why this world ends here: told and not healed, see README.md */
    uint64_t healed_at;
    struct sim_plan plan;
    struct due *queue;
    uint32_t queue_count, queue_cap;
    struct pool pool;
    struct sim_event *events; /* by the pool's index */
    uint32_t event_cap;
    struct key_id key_ids[SIM_KEYS];
    struct data_key key_bytes[SIM_KEYS];
    uint32_t key_site[SIM_KEYS], key_maker[SIM_KEYS], key_count; /* the maker's device */
    uint32_t *owners[SIM_SITES][SIM_EPOCHS], owner_cap[SIM_SITES][SIM_EPOCHS]; /* ledger: whose a position is */
    uint32_t epochs[SIM_EPOCHS], epoch_count; /* the epochs that there have been, as they were begun */
    struct sim_stream *streams;
    uint32_t stream_count;
    struct sim_node *nodes;
    uint32_t node_count; /* laptops, with the clones, which come last */
    struct sim_hub hub;
    struct relayed *relayed; /* see sim_relay.c */
    bool replaying;         /* what is being handed to a laptop was replayed */
    uint64_t machines;      /* of laptops, made so far: each has a secret of its own */
    struct message message;
    struct buffer plain;
    char problem[400];
    struct note *notes; /* TRACE_MAX of them */
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

/* ---- sim_keys.c ---- */
bool sim_may_have(const struct sim *sim, uint32_t device, uint32_t key);
void sim_key_record(const struct sim *sim, uint32_t key, struct bytes site, struct key_record *out);
void sim_got_key(struct sim *sim, uint32_t node, uint32_t key, const struct key_record *record);
void sim_denied(struct sim *sim, uint32_t node, const struct spoke_output *output);

/* ---- sim_net.c ---- */
void net_connect(struct sim *sim, uint32_t node);
void net_cut(struct sim *sim, uint32_t node, bool hub_hears);
void net_reconnect_later(struct sim *sim, uint32_t node, uint64_t pause_ms);
void net_send(struct sim *sim, bool up, uint32_t node, struct buffer *header, struct lent *body);
void net_arrive(struct sim *sim, struct task *item);
uint32_t net_node_of(const struct sim *sim, uint64_t peer);

/* ---- sim_relay.c ---- */
/* sim->message is the WELCOME in `header`, on its way to that laptop. True: an older one has taken its place. */
bool relay_replays(struct sim *sim, uint32_t node, struct buffer *header);
void relay_end(struct sim *sim);

/* ---- sim_spoke.c ---- */
void spoke_start(struct sim *sim, uint32_t node);
void spoke_again(struct sim *sim, uint32_t node); /* a new machine from what the log holds; connections stay */
void spoke_crash(struct sim *sim, uint32_t node, uint64_t pause_ms);
void spoke_stop(struct sim *sim, uint32_t node);
bool spoke_crash_perhaps(struct sim *sim, uint32_t node); /* after something rare; true: it did */
void spoke_input(struct sim *sim, uint32_t node, struct spoke_input *input);
void spoke_record(struct sim *sim, struct task *item);
void spoke_saved(struct sim *sim, const struct task *item);
void spoke_commit_failed(struct sim *sim, uint32_t node, bool lost);
enum fate { FATE_OK, FATE_LOST, FATE_UNKNOWN };
enum fate commit_fate(struct sim *sim, uint64_t full_until);
uint64_t disk_time(struct sim *sim, uint64_t *disk_free);
struct lent lend(struct buffer *b);
uint32_t key_number(const struct sim *sim, const struct key_id *id); /* SIM_KEYS: unknown */

/* ---- sim_keep.c ---- */
void spoke_ask(struct sim *sim, struct task *item);

/* ---- sim_fork.c ---- */
void fork_named(struct sim *sim, uint32_t node, uint32_t incarnation); /* by the hub */
void fork_caught_up(struct sim *sim, uint32_t node);
void fork_go_on(struct sim *sim, const struct task *item);

/* ---- sim_hub.c ---- */
void simhub_start(struct sim *sim);
void simhub_crash(struct sim *sim, uint64_t pause_ms);
void simhub_stop(struct sim *sim);
void simhub_input(struct sim *sim, struct hub_input *input);
void simhub_ask(struct sim *sim, struct task *item);
void simhub_done(struct sim *sim, struct task *item);
void simhub_record(struct sim *sim, uint32_t site, uint32_t node); /* the hub's own event */
void simhub_count(struct sim *sim);                                /* the ledgers follow a disk that is another one */
bool simhub_next_epoch(struct sim *sim, uint32_t above);           /* false: there have been too many */

/* ---- sim_read.c ---- */
void hub_read(struct sim *sim, const struct disk_site *site, const struct hub_output *asked);

/* ---- sim_copies.c ---- */
void copy_of_spoke(struct sim *sim, uint32_t node);
void copy_of_hub(struct sim *sim);
void spoke_set_back(struct sim *sim, uint32_t node);
void spoke_log_gone(struct sim *sim, uint32_t node);
void spoke_clone(struct sim *sim, uint32_t node);
void spoke_bury(struct sim *sim, uint32_t node); /* a clone, or what it was cloned from, is never started again */
void spoke_rot(struct sim *sim, uint32_t node);
void hub_rot(struct sim *sim);
void hub_set_back(struct sim *sim, bool told);
void hub_lost(struct sim *sim);
bool may_connect(const struct sim *sim, uint32_t node); /* to a hub that does not know that it was set back */
void take_stock(struct sim *sim);                       /* which entries are on no disk any more */
/* Do other laptops have events of this incarnation that the hub does not know of? */
bool known_elsewhere(const struct sim *sim, uint32_t node, uint32_t incarnation);

/* ---- sim_views.c ---- */
void views_due(struct sim *sim, uint32_t node);
void views_look(struct sim *sim, uint32_t node);
void views_drop(struct sim *sim, uint32_t node);   /* deleted: made again from the log */
void views_reload(struct sim *sim, uint32_t node); /* written and read back */
bool views_current(const struct sim *sim, uint32_t node);
bool fold_into(struct sim *sim, struct document *document, const struct sim_event *event, struct position at);
/* Of what was written more than once, and is `here` (by number) more than once: is this the one that counts? */
bool counts(const struct sim *sim, const bool *here, uint32_t event);

/* ---- sim_workers.c ---- */
void work(struct sim *sim, uint32_t node);
/* As the next event of a stream: what a worker wrote (entry NO_EVENT), or wrote once and is made again. */
const struct pool_event *work_seal(struct sim *sim, const struct sim_event *event, const struct device_id *device,
                                   struct disk_stream *stream);

/* ---- sim_faults.c ---- */
void plan_make(struct sim *sim);
void fault_begin(struct sim *sim);
void fault_strike(struct sim *sim);
void fault_heal(struct sim *sim);

/* ---- sim_check.c ---- */
void check_placed(struct sim *sim, uint32_t node, uint32_t site, struct position at, uint32_t event);
void check_spoke(struct sim *sim, uint32_t node);
uint32_t epoch_number(struct sim *sim, uint32_t epoch); /* SIM_EPOCHS: there have been too many */
uint32_t stream_number(struct sim *sim, uint32_t writer, uint32_t incarnation);
void check_view(struct sim *sim, uint32_t node, uint32_t key); /* what it shows against the naive model */
bool check_settled(struct sim *sim);
void check_end(struct sim *sim);

/* ---- sim_looks.c ---- */
bool looks_draft(struct sim *sim, const struct sim_node *n, struct sim_event *event); /* true: a look, by chance */
void looks_put(const struct sim *sim, const struct sim_event *event, struct buffer *out); /* its fields */
void looks_carry(struct sim *sim, uint32_t node, const struct disk_stream *old, struct disk_stream *own);
void looks_check(struct sim *sim); /* at the end */

/* ---- sim_sign.c ---- */
void sim_sign_really(bool really);

static inline const char *sim_site(uint32_t site)
{
    static const char *const names[SIM_SITES] = {"commons", "dale-east", "dale-west", "peak", "audit"};
    return names[site];
}
static inline bool is_alive(const struct sim_node *n)
{
    return !n->revoked && !n->dead;
}
static inline uint32_t sim_site_number(struct bytes name)
{
    for (uint32_t i = 0; i < SIM_SITES; i++)
        if (bytes_is(name, sim_site(i)))
            return i;
    return SIM_SITES;
}

#endif
