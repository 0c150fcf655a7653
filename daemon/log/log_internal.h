/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the log (event_log_open.c, log_*.c) share and nobody else sees: tables, rows, the writer's state.
 *
 * Tables; numbers in keys and rows are big-endian, S is a site's number (2 bytes), I an incarnation (4):
 *
 *   meta         "version", "device", "epoch", "incarnation", "going-on"
 *   sites        S -> name
 *   heads        S, epoch -> n, hash, bytes since the last anchor (4), and the hub's signature where one is known
 *   anchors      S, epoch, n -> hash, the hub's signature; earlier heads, so near each other that one OFFER spans them
 *   checkpoints  S, epoch, n -> hash, at each multiple of CHECKPOINT_EVERY
 *   streams      S, device, I -> head; as far as the site's log has it
 *   own-heads    S, I -> head; as far as this device has written it
 *   own-places   S, I, seq -> position; or of several from that seq on: position of the first, how many (4)
 *   own-keys     S, seq, key -> nothing; a key that goes along with the PUSH of this event (spoke)
 *   key-uses     S, key -> position of the first use (hub), or a mark that the hub has it or will be brought it (spoke)
 *   receipts     S, I -> shared seq, id, signature
 *   after        S, I -> incarnation, seq, ... ; how far its earlier streams were known when I began
 *   origins      origin -> event id, whether about a person, person; and what came last, see log_origins.h:
 *                16 times ff, number (8) -> origin, event id, whether about a person, person; origin, ...
 *   devices, tickets  id, curve key -> msgpack, see log_admin.c
 *   aside, aside-keys, aside-heads  what revoked laptops handed over (hub), see log_aside_inside.h
 * and, made with the first row of a site, since each table is a row of the page that every commit writes:
 *   own.NN       I, seq -> time (8), event; one table a site, so that new keys are always its last
 *   log.NN       epoch, n -> flags (1), signature (64) where ENTRY_SIGNED, then the event; where ENTRY_OWN: I, seq */
#ifndef FELLOE_DAEMON_LOG_INTERNAL_H
#define FELLOE_DAEMON_LOG_INTERNAL_H

#include <limits.h>
#include <stdatomic.h>

#include "daemon/log/event_log.h"
#include "daemon/log/log_origins.h"
#include "daemon/log/log_shares.h"
#include "daemon/store/store.h"

#define LOG_VERSION 4 /* 3: a row of own-places is of one event */

enum log_table {
    T_META, T_SITES, T_HEADS, T_CHECKPOINTS, T_STREAMS, T_OWN_HEADS, T_OWN_PLACES, T_OWN_KEYS, T_KEY_USES, T_RECEIPTS,
    T_ORIGINS, T_DEVICES, T_TICKETS, T_ANCHORS, T_AFTER, T_ASIDE, T_ASIDE_KEYS, T_ASIDE_HEADS,
    T_OWN, T_LOG = T_OWN + SITES_MAX, T_COUNT = T_LOG + SITES_MAX
};

#define OWN_PREFIX 8 /* the time before an own event's bytes */

/* The site `audit` is in every log and in no list of sites: its number is the last, and it has no row of its own. */
#define LOG_AUDIT (SITES_MAX - 1)

/* ---- rows ---- */

#define HEAD_ROW_MAX (8 + 32 + 4 + 64)
#define STREAM_ROW_MAX (8 + 32 + 1 + SEEN_MAX * 12)

struct head_row {
    struct log_head head;
    uint32_t since; /* bytes that came since the last anchor */
    bool has_signature;
    struct signature signature;
};
size_t head_row_write(const struct head_row *row, uint8_t out[HEAD_ROW_MAX]);
bool head_row_read(struct bytes in, uint32_t epoch, struct head_row *out);
size_t stream_row_write(const struct stream_head *head, uint8_t out[STREAM_ROW_MAX]);
bool stream_row_read(struct bytes in, struct stream_head *out);

struct receipt_row {
    uint64_t seq;
    struct event_id id;
    struct signature signature;
};
#define RECEIPT_ROW (8 + 32 + 64)
/* An earlier head that the hub signed. */
struct anchor_row {
    struct log_hash hash;
    struct signature signature;
};
#define ANCHOR_ROW (32 + 64)
void anchor_row_write(const struct anchor_row *row, uint8_t out[ANCHOR_ROW]);
bool anchor_row_read(struct bytes in, struct anchor_row *out);

#define AFTER_ROW_MAX (BRANCHES_MAX * 12)
size_t after_row_write(const struct branches *after, uint8_t out[AFTER_ROW_MAX]);
bool after_row_read(struct bytes in, struct branches *out);

/* A number, and its complement: nothing else in the log tells when one of these is damaged. */
#define META_ROW 8
bool meta_row_read(struct bytes in, uint32_t *out);
bool log_meta_u32(struct store_txn *txn, const char *name, uint32_t *out);
void log_put_meta_u32(struct store_txn *txn, const char *name, uint32_t value);

void receipt_row_write(const struct receipt_row *row, uint8_t out[RECEIPT_ROW]);
bool receipt_row_read(struct bytes in, struct receipt_row *out);

void key_site_epoch(struct store_key *key, uint32_t site, uint32_t epoch);
void key_place(struct store_key *key, struct position at);                       /* log.NN */
void key_own(struct store_key *key, uint32_t incarnation, uint64_t seq);         /* own.NN */
void key_own_place(struct store_key *key, uint32_t site, uint32_t incarnation, uint64_t seq);
void key_stream(struct store_key *key, uint32_t site, const struct device_id *device, uint32_t incarnation);
void key_checkpoint(struct store_key *key, uint32_t site, struct position at);   /* anchors too */
void key_site_incarnation(struct store_key *key, uint32_t site, uint32_t incarnation);
void key_use(struct store_key *key, uint32_t site, const struct key_id *id);

/* What a row of log.NN says. */
struct log_row {
    unsigned flags;
    const struct signature *signature;
    struct bytes event;                /* without ENTRY_OWN */
    uint32_t incarnation;              /* with it */
    uint64_t seq;
};
bool log_row_read(struct bytes in, struct log_row *out);

/* What an entry of a FEED or an OFFER can be larger than its event: the author's signature. */
#define ENTRY_OVERHEAD 66
/* A range between two anchors has at most so many bytes, or is one FEED: what a thin link bears as one OFFER, since a
 * laptop on a thin link has been fed in small pieces. Costs less than a hundredth of the log. */
#define ANCHOR_EVERY (32u * 1024)

/* ---- the log ---- */

#define STREAM_CACHE 16
struct cached_stream {
    uint32_t site;
    bool dirty;
    struct device_id device;
    uint32_t incarnation;
    struct stream_head head;
};
struct cached_head {
    bool loaded, dirty;
    struct head_row row;
};
struct cached_own {
    bool loaded, dirty;
    struct stream_head head;
    bool has_placed;          /* `placed` was read */
    uint64_t placed;          /* the last event that has a position in the site's log */
    bool has_after;           /* `after` was read */
    struct branches after;
};
#define KEY_CACHE 64
struct cached_key {
    bool filled;
    struct key_id id;
    struct data_key key;
};

/* What is known of keys that were met (log_met.c); outlives transactions. */
#define MET_WAYS 4u
#define MET_HELD (UINT32_C(1) << LOG_AUDIT) /* the keyring has it, or it was erased: neither ever ends */
_Static_assert(SITES_MAX <= 32, "a bit a site");
struct met_keys {
    struct met_set *sets;
    uint32_t set_count; /* a power of two; 0: none yet */
    uint32_t filled;    /* ways, since it grew */
    uint32_t none;      /* what is known of a key for which there is no memory */
};
/* A key's flags, to be read and set, valid until the next call: MET_HELD, and MET_USED of each site where key-uses has
 * it, which no longer holds when the transaction comes to nothing. */
uint32_t *log_meet(struct met_keys *met, const struct key_id *id);
/* It will be asked for in a moment. */
void log_meet_soon(const struct met_keys *met, const struct key_id *id);
void log_met_unused(struct met_keys *met); /* forgets MET_USED of all */
void log_met_release(struct met_keys *met);

#define HEAD_TOLD_EVERY_MS 60000u
/* What this run told others of a site's log, with an event of its own. */
struct told_head {
    bool any;
    uint64_t ms;              /* steady */
    struct log_head head;
};

/* The writer thread's; all but the buffers is of one transaction, so nothing stale outlives an abort. */
struct log_write {
    struct store_txn *txn;
    uint32_t site_count;      /* with those that this transaction adds; without LOG_AUDIT, as everywhere */
    uint32_t epoch, incarnation, going_on; /* as this transaction makes them */
    bool touched;             /* the job at hand has changed something: if it fails, the transaction is done again */
    bool damaged;             /* the job at hand met a head that cannot be: it fails, whatever it made of it */
    struct cached_stream streams[STREAM_CACHE];
    unsigned stream_count, stream_last;
    struct cached_head heads[SITES_MAX];
    struct cached_own own[SITES_MAX];
    struct told_head told[SITES_MAX];
    uint64_t met, telling;    /* a bit a site: of which heads, or what was told, is of this transaction */
    struct met_keys met_keys;
    struct cached_key *keys;  /* KEY_CACHE of them, locked in memory; emptied after each group of jobs */
    struct buffer event;
};
_Static_assert(SITES_MAX < 64, "a bit a site");

/* Any thread's; see log_hub_box.c. */
struct log_hub_box {
    pthread_mutex_t mutex;
    bool made;
    struct box_shared shared;
};
void log_hub_box_init(struct log_hub_box *box);
void log_hub_box_release(struct log_hub_box *box); /* wiped */
/* False: what the identity has for the hub's key is none. To be wiped after use. */
bool log_hub_box(struct event_log *log, struct box_shared *out);

#define SECOND_INDEXES 4
struct event_log {
    struct store *store;
    char dir[PATH_MAX], reserve_path[PATH_MAX];
    const struct identity *identity;
    struct keyring *keyring;
    struct queue jobs, *completions;
    pthread_t writer;
    bool writing;             /* the thread was started */
    bool instead;             /* see struct event_log_config */
    size_t reserve_bytes;
    atomic_uint epoch, incarnation, going_on; /* as committed */
    char sites[SITES_MAX][SLUG_MAX + 1];
    atomic_uint site_count;   /* committed ones; names below it never change */
    atomic_uint_fast64_t commits, time;
    atomic_bool full, failed;
    bool set_back;            /* the writer's: see log_job.set_back */
    uint64_t written_time;    /* the writer's: the latest that an own event was given */
    struct log_second_index *seconds[SECOND_INDEXES]; /* the writer's: see log_second.c */
    uint64_t seconds_read;    /* … and how many rows were read for that, which tests look at */
    struct log_shares shares;
    struct log_origins origins;
    struct log_hub_box hub_box;
    struct told_head told[SITES_MAX]; /* the writer's: as committed */
    struct log_ahead *ahead;  /* the writer's; NULL until there is a large batch */
    uint64_t ahead_taken;     /* … and how many of its events were taken, which tests look at */
    struct log_write write;
};

/* The site's number; SITES_MAX when this daemon does not have it. */
uint32_t log_site_number(const struct event_log *log, struct bytes site);

/* ---- the writer's tools (log_txn.c); failures are sticky in the transaction ---- */

void log_write_start(struct event_log *log, struct store_txn *txn); /* forgets all that was cached */
void log_write_undo(struct event_log *log);                         /* it came to nothing */
void log_write_flush(struct event_log *log);                        /* writes the cached heads; before the commit */
/* The site's number, also one added in this transaction; SITES_MAX and an error in words when there is none. */
uint32_t log_write_site(struct event_log *log, const char *site, struct felloe_error *error);
/* Heads, to be read; for changing them, the _change form, which marks them as to be written. */
struct head_row *log_write_head(struct event_log *log, uint32_t site, uint32_t epoch);
struct head_row *log_write_head_change(struct event_log *log, uint32_t site, uint32_t epoch);
struct stream_head *log_write_own(struct event_log *log, uint32_t site);
struct stream_head *log_write_own_change(struct event_log *log, uint32_t site);
/* What the own stream's events say of its earlier incarnations. */
const struct branches *log_write_after(struct event_log *log, uint32_t site);
/* From now on this incarnation is the own one: heads of the one before are written and forgotten. */
void log_write_become(struct event_log *log, uint32_t incarnation);
/* Can the head of an own stream have seen so much? All that its last event has, and nothing beyond that but what the
 * site's log has: going on as another incarnation raises it so (log_seen.c). */
bool log_seen_fits(struct store_txn *txn, uint32_t site, const struct seen *kept, const struct seen *last);
bool log_own_seen_fits(struct store_txn *txn, uint32_t site, uint32_t incarnation, const struct stream_head *head);
/* Lowers it to what the site's log has, as committed. */
void log_seen_here(struct store_txn *txn, uint32_t site, struct seen *seen);
/* Can the site's log have this epoch beside those that it has? Otherwise says so. */
bool log_write_epoch_fits(struct event_log *log, uint32_t site, uint32_t epoch, struct felloe_error *error);
/* Valid until the next call. */
struct stream_head *log_write_stream(struct event_log *log, uint32_t site, const struct device_id *device,
                                     uint32_t incarnation);
struct stream_head *log_write_stream_change(struct event_log *log, uint32_t site, const struct device_id *device,
                                            uint32_t incarnation);
/* One entry to be appended at the next position of the head's epoch; moves the head, keeps the checkpoint. */
struct log_put {
    unsigned flags;            /* as to be kept */
    struct event_id id;
    const struct signature *signature; /* with ENTRY_SIGNED */
    struct bytes event;        /* without ENTRY_OWN */
    uint32_t incarnation;      /* with it */
    uint64_t seq;
    bool hashed;               /* the log's hash was worked out already; the caller sets it after the last entry */
    const struct log_hash *hash; /* … at a multiple of CHECKPOINT_EVERY */
};
void log_write_entry(struct event_log *log, uint32_t site, struct head_row *head, const struct log_put *put);
/* Notes the key's first use in the site's log; true when this is it. `met`: what log_meet says of it. */
bool log_write_first_use(struct event_log *log, uint32_t site, const struct key_id *key, struct position at,
                         uint32_t *met);
/* As if it had not been used. */
void log_write_unuse(struct event_log *log, uint32_t site, const struct key_id *key);
/* So many own events from this one on stand at this position of the site's log, and behind it. Of two positions that an
 * event has the first is kept. */
void log_write_own_places(struct event_log *log, uint32_t site, uint32_t incarnation, uint64_t seq, struct position at,
                          uint32_t count);
/* When the oldest own event that is not shared was written; 0 none. */
int64_t log_oldest_waiting(struct event_log *log, struct store_txn *txn, uint32_t site, uint32_t incarnation,
                           uint64_t shared, uint64_t head);
uint64_t log_shared_seq(struct store_txn *txn, uint32_t site, uint32_t incarnation);
bool log_own_event(struct store_txn *txn, uint32_t site, uint32_t incarnation, uint64_t seq, struct bytes *event);
/* Does the site's log have that own event there? */
bool log_own_stands(struct store_txn *txn, uint32_t site, uint32_t incarnation, uint64_t seq, struct position at);
/* Where an own event stands in the site's log; false: it did not come back yet. */
bool log_own_place(struct store_txn *txn, uint32_t site, uint32_t incarnation, uint64_t seq, struct position *out);
/* A row of own-places: of the events from `first` on, before `end`; the first of them stands at `at`. */
struct own_places {
    uint64_t first, end;
    struct position at;
};
/* Where one of them stands. */
static inline struct position own_places_at(const struct own_places *places, uint64_t seq)
{
    return (struct position){places->at.epoch, places->at.n + (seq - places->first)};
}
/* False: it is of another site or incarnation, or damaged. */
bool log_places_read(const struct store_item *item, uint32_t site, uint32_t incarnation, struct own_places *out);
/* Stands at the row with that event, or near it: before it, or, where there is none, behind it. */
bool log_places_seek(struct store_cursor *cursor, uint32_t site, uint32_t incarnation, uint64_t seq,
                     struct own_places *out);
/* Is the event byte for byte number `seq` of the own stream? Then `event` points to that. */
bool log_is_own(struct store_txn *txn, uint32_t site, const struct entry *entry, struct bytes *event);

/* ---- entries of a FEED that are here already, at another position (log_second.c) ---- */

struct log_seconds {
    const struct entry **entries;
    uint32_t count, cap;
    bool failed; /* memory ran out */
};
void log_seconds_add(struct log_seconds *seconds, const struct entry *entry);
/* Is each of them, byte for byte, what is here? */
bool log_seconds_hold(struct event_log *log, uint32_t site, const struct batch *batch, struct log_seconds *seconds);
void log_seconds_release(struct log_seconds *seconds);
/* After each group of jobs; and at the end. */
void log_seconds_rest(struct event_log *log);
void log_seconds_forget(struct event_log *log);

/* ---- the jobs: one function a kind, run in the writer's transaction ---- */

typedef enum felloe_code (*log_job_run)(struct event_log *log, struct log_job *job);
enum felloe_code log_run_record(struct event_log *log, struct log_job *job);
enum felloe_code log_run_push(struct event_log *log, struct log_job *job);
enum felloe_code log_run_feed(struct event_log *log, struct log_job *job);
enum felloe_code log_run_receipt(struct event_log *log, struct log_job *job);
enum felloe_code log_run_restore_own(struct event_log *log, struct log_job *job);
enum felloe_code log_run_keys(struct event_log *log, struct log_job *job);
enum felloe_code log_run_add_site(struct event_log *log, struct log_job *job);
enum felloe_code log_run_device(struct event_log *log, struct log_job *job);
enum felloe_code log_run_rekey(struct event_log *log, struct log_job *job);
enum felloe_code log_run_ticket(struct event_log *log, struct log_job *job);
enum felloe_code log_run_offer(struct event_log *log, struct log_job *job);
enum felloe_code log_run_next_epoch(struct event_log *log, struct log_job *job);
enum felloe_code log_run_going_on(struct event_log *log, struct log_job *job);
enum felloe_code log_run_go_on(struct event_log *log, struct log_job *job);
enum felloe_code log_run_let_go(struct event_log *log, struct log_job *job);
enum felloe_code log_run_admit(struct event_log *log, struct log_job *job);
enum felloe_code log_run_keep_aside(struct event_log *log, struct log_job *job);
enum felloe_code log_run_take_aside(struct event_log *log, struct log_job *job);
enum felloe_code log_run_drop_aside(struct event_log *log, struct log_job *job);
enum felloe_code log_run_clean_aside(struct event_log *log, struct log_job *job);

/* What several kinds of jobs do. */
/* Gives a device's event the next position of the present epoch; job->at becomes it, if it is the job's first. */
enum felloe_code log_push_entry(struct event_log *log, struct log_job *job, uint32_t site, const struct entry *entry);
enum felloe_code log_entry_refused(struct log_job *job, const struct entry *entry, enum stream_verdict verdict);
/* The key is not here: it goes into job->missing, unless it was erased. */
struct log_asked { /* the keys that were asked about last, so that the keyring is asked once a key */
    struct key_id ids[KEY_CACHE];
    bool filled[KEY_CACHE];
};
void log_note_missing(struct event_log *log, struct log_job *job, struct log_asked *asked, const struct key_id *id,
                      uint32_t *met);
/* Tickets that were not used are good no more -> voided. */
enum felloe_code log_void_tickets(struct event_log *log, struct log_job *job);
/* A key for the writer's own use, remembered until the group of jobs is done. */
enum felloe_code log_data_key(struct event_log *log, const struct key_id *id, struct data_key **out,
                              struct felloe_error *error);
/* Seals into log->write.event; `key` NULL: the keyring's, which clear->key names. */
enum felloe_code log_seal(struct event_log *log, struct log_job *job, const struct event_clear *clear,
                          const struct event_body *body, const struct data_key *key);
/* Looks of the incarnation before that the hub may lack go on as events of the one that is now. */
enum felloe_code log_audit_again(struct event_log *log, struct log_job *job, uint32_t before, uint64_t shared,
                                 const struct stream_head *own);
/* Does what was sealed beforehand fit, if nothing is to be added to its body? Its time has to be above all that was
 * written before. */
bool log_draft_fits(const struct log_draft *draft, uint32_t incarnation, uint64_t written_time);
/* Appends what log_seal made to the own stream. */
void log_append_own(struct event_log *log, uint32_t site, const struct event_clear *clear, uint64_t time,
                    struct event_id *id);
struct mp_reader;
/* Rows of the tables of devices and of tickets; false: damaged. */
#define ROW_CHECK 16
void log_row_check(struct bytes key, struct bytes row, uint8_t out[ROW_CHECK]);
bool log_read_ticket(struct mp_reader *r, struct store_item item, struct ticket_record *out);
bool log_read_device(struct mp_reader *r, struct store_item item, struct device_record *out);
/* FELLOE_NOT_FOUND: this hub has no such device; FELLOE_FAILED: memory ran out. */
enum felloe_code log_write_device(struct event_log *log, const struct device_id *id, struct device_record *out);
/* An epoch above this one that nobody has begun; UINT32_MAX: there is none. */
uint32_t log_epoch_above(uint32_t above);
/* In an empty log: puts in what the keyring has of one that was lost, and tells in which epoch it begins. */
uint32_t log_begin_again(struct event_log *log, struct store_txn *txn);
/* After the commit: the keyring has the device of this job, if it has one, too. */
void log_mirror_device(struct event_log *log, const struct log_job *job);
/* The keyring has the hub's devices as the log has them. */
enum felloe_code log_mirror_devices(struct event_log *log, struct store_txn *txn, struct felloe_error *error);
/* Is an own event to tell of the site's log (log_told.c)? It then counts as told, if the transaction is committed. */
bool log_tell_head(struct event_log *log, uint32_t site, struct log_head *out);
void log_keep_origin(struct event_log *log, const struct event_body *body, const struct event_id *id);

/* ---- the writer (log_writer.c) and its reserve (log_reserve.c) ---- */

void *log_writer_main(void *log);
bool log_reserve_make(struct event_log *log);    /* false: there is no room */
void log_reserve_free(struct event_log *log);
bool log_reserve_has_room(struct event_log *log); /* room on the disk to make it again, and some more */

/* ---- readers ---- */

struct log_reader {
    struct event_log *log;
    struct store_txn *txn;
    struct origins_kept *origins;
    uint32_t incarnation, going_on; /* of the moment at which it was begun */
};

/* ---- events that are made while the batch before them is committed (log_ahead.c) ---- */

/* The first `count` drafts' events, which hold if the stream is then where they begin, and they have seen that. */
struct log_made {
    uint32_t incarnation;
    uint64_t after;             /* the seq that they follow */
    struct event_id prev;
    struct seen seen;
    struct buffer events;       /* one behind the other */
    size_t count;
    struct made_event {
        size_t end;
        struct event_id id;
    } at[];
};

/* Raises it to all that the other has seen. False: those are too many epochs. */
bool seen_raise(struct seen *seen, const struct seen *by);
/* From before the commit of a job, which was done last, until after it: what follows in the queue is made. */
void log_ahead_start(struct event_log *log, const struct log_job *job);
void log_ahead_stop(struct event_log *log);
void log_ahead_forget(struct log_job *job);
void log_ahead_close(struct event_log *log); /* when the writer has ended */

#endif
