/* SPDX-License-Identifier: Apache-2.0 */
/* The log: the truth of one daemon, in D/log (LMDB, with a journal before it). Own streams, the site logs, heads,
 * cursors, receipts, and at the hub its devices and tickets.
 *
 * Writing: jobs are queued to one writer thread, the only one that ever begins a write transaction here. It takes all
 * that have gathered, does them in one transaction, commits, and then completes them (group commit): done(job) runs on
 * the loop's thread, by way of the completion queue. Every cursor moves in the transaction of what it counts.
 *
 * An error of the commit means "unknown": the log fails for good (every later job gets FELLOE_STORAGE), and the daemon
 * closes, opens it again and compares. A full disk is found before the commit where possible, and is not final.
 *
 * Reading: short read transactions from any thread; what a reader returns points into the map and is valid until
 * log_reader_end. */
#ifndef FELLOE_DAEMON_EVENT_LOG_H
#define FELLOE_DAEMON_EVENT_LOG_H

#include "daemon/store/identity.h"
#include "daemon/store/keyring.h"
#include "daemon/queue.h"
#include "daemon/log/log_shares.h"
#include "proto/event/batch.h"
#include "proto/sync/message.h"

struct event_log;

struct event_log_config {
    const char *dir;                 /* the daemon's directory */
    const struct identity *identity;
    struct keyring *keyring;
    struct queue *completions;       /* where finished jobs go; the loop calls job->done */
    size_t reserve_bytes;            /* size of D/log/reserve; 0: the default, 16 MiB */
    bool instead;                    /* a new one takes another's place: it is no news that the log begins anew */
    uint64_t commits;                /* where event_log_commits goes on: this daemon had it open before */
                                     /* dir is copied; the others outlive the log */
};

/* Checks the files' sizes against LMDB's meta pages before mapping them. */
enum felloe_code event_log_open(struct event_log **out, const struct event_log_config *config,
                                struct felloe_error *error);
/* Finishes what is queued, commits, stops the writer, closes. False: the disk failed, now or before; what was said to
 * be saved is in the journal, and looked through at the next opening. */
bool event_log_close(struct event_log *log);

/* ---- writing ---- */

#define LOG_LINKS_MAX 4

/* A draft's body that was sealed beforehand, on another thread, while the writer was busy. It is used if it still fits
 * when its turn comes (nothing of this device was written meanwhile that is later, or under another incarnation, and
 * the event has nothing more to say), and at most once: else the body is sealed anew. */
struct log_sealed {
    struct event_sealed body;   /* with the draft's time in it */
    bool used;
};

/* One event to be recorded on this device's stream of `site`. The body's pointers must stay valid until done. */
struct log_draft {
    struct event_body body;     /* time 0: given by the writer; fields are written to where there are links */
    struct log_link {
        size_t at, draft;       /* at this place of the fields goes the id of that earlier draft of the job */
    } links[LOG_LINKS_MAX];
    size_t link_count;
    struct key_id key;
    const struct data_key *sealing; /* NULL: the keyring has it */
    uint64_t time;              /* event_log_next_time, taken before: it holds if nothing later was written. 0: none */
    struct log_sealed *sealed;  /* NULL: it was not */
    bool brings_key;            /* at the hub: whoever is fed it gets its key along with it, as of a first use */
    /* results */
    struct event_id id;
    uint64_t seq;
    bool known;                 /* its origin was here already: nothing was added, id is the earlier event's */
    struct person_id person;    /* as recorded; for a known one, the earlier event's */
    struct seen seen;           /* what it has seen besides the job's and what the stream's last had. (In the end: of
                                   what is large it is not touched where the job's is all) */
};

/* A laptop or the hub itself as the hub knows it. */
struct device_record {
    struct device_id device;
    struct sign_public sign;
    struct box_public box;
    uint8_t curve[32];
    char label[LABEL_MAX + 1], worker[SLUG_MAX + 1], name[LABEL_MAX + 1], role[LABEL_MAX + 1], agency[LABEL_MAX + 1];
    char sites[SITES_MAX][SLUG_MAX + 1];
    uint32_t site_count;
    int64_t joined_ms, revoked_ms; /* revoked_ms 0: it is not */
    /* Its keys change (REKEY): rekeyed_ms is when it asked, 0: they do not. Zeros where there are none. */
    int64_t rekeyed_ms;
    struct box_public next_box, box_before; /* that it asked for; that it had before the present one */
    uint8_t next_curve[32];
    char why[LABEL_MAX + 1];
};

/* An invitation. Kept after use, so that a second use can be told from a wrong ticket. */
struct ticket_record {
    uint8_t curve[32];          /* public half of the ticket's key: its name */
    char worker[SLUG_MAX + 1], name[LABEL_MAX + 1], role[LABEL_MAX + 1], agency[LABEL_MAX + 1];
    char sites[SITES_MAX][SLUG_MAX + 1];
    uint32_t site_count;
    int64_t made_ms, expires_ms, used_ms;
    struct device_id used_by;
};

struct log_aside;

enum log_job_kind {
    LOG_RECORD,       /* site, drafts, new_keys: append to the own stream; at the hub they get positions at once */
    LOG_KEEP_PUSH,    /* hub: batch from a device -> at, missing */
    LOG_KEEP_FEED,    /* spoke: batch, its cursor and its new keys (already unwrapped into new_keys) */
    LOG_KEEP_RECEIPT, /* spoke: receipt; with `lowered` it may take away: the hub was restored */
    LOG_KEEP_OFFER,   /* hub: batch of an earlier epoch, its head signed by this hub; its keys are looked for -> head,
                         missing */
    LOG_NEXT_EPOCH,   /* hub: positions are given, and own events written, in an epoch above `above`, and tickets that
                         were not used are void -> epoch, voided */
    LOG_GOING_ON,     /* spoke: the hub named `incarnation` to go on as, because this stream has two histories */
    LOG_GO_ON,        /* spoke: goes on as it: what the site logs do not have of its own is written again -> remade.
                         With `patient` it does nothing when keys for that are not here (FELLOE_NOT_FOUND, missing) */
    LOG_LET_GO,       /* spoke: puts away `ids`, unless the site's log has anything beyond `seen` and own_seq, all of
                         which is shared: then FELLOE_NOT_FOUND */
    LOG_RESTORE_OWN,  /* repair: batch of own events of one incarnation, ascending, and their times, into a fresh log;
                         some may be missing between them. Without a batch: writes as `incarnation` from now on */
    LOG_KEEP_KEYS,    /* new_keys */
    LOG_ADD_SITE,     /* site (and its key in new_keys, at the hub) */
    LOG_PUT_DEVICE,   /* hub: device */
    LOG_REKEY,        /* hub: device's keys alone, into its record as it is; device is then all of that */
    LOG_PUT_TICKET,   /* hub: ticket */
    LOG_ADMIT,        /* hub: device and ticket in one transaction: a join */
    LOG_KEEP_ASIDE,   /* hub: batch of a revoked device; aside. See log_aside.h for these three */
    LOG_TAKE_ASIDE,   /* hub: aside, site, new_keys -> at, head */
    LOG_DROP_ASIDE,   /* hub: aside */
    LOG_CLEAN_ASIDE   /* hub: of people who were erased, no key stays in quarantine -> left (how many went) */
};

struct log_job {
    struct queue_item link;
    enum log_job_kind kind;
    void (*done)(struct log_job *job); /* on the loop's thread; frees the job */
    void *context;
    /* outcome */
    enum felloe_code code;
    struct felloe_error error;
    /* parameters, owned by the job's maker and valid until done */
    char site[SLUG_MAX + 1];
    struct log_draft *drafts;
    size_t draft_count;
    struct key_record *new_keys;
    size_t new_key_count;         /* with any kind; durable before the log's commit. At a spoke a key that came from
                                     the hub (LOG_KEEP_FEED, LOG_ADD_SITE, LOG_KEEP_KEYS with site) is not brought
                                     back to it */
    struct bytes *sealed_keys;    /* spoke: key records that cannot be opened in this session: into the keyring's `in`,
                                     as durable, and from the hub like new_keys. One block of memory, with the bytes */
    size_t sealed_key_count;
    struct device_id from;        /* at a hub: the device that brought batch and keys, for the journal */
    struct batch *batch;
    struct msg_receipt *receipt;
    bool lowered, patient;        /* LOG_KEEP_RECEIPT; LOG_GO_ON */
    uint32_t above, incarnation;  /* LOG_NEXT_EPOCH; LOG_GOING_ON, LOG_RESTORE_OWN */
    bool set_back;                /* LOG_NEXT_EPOCH: for certain, the next positions of the present epoch are others'.
                                     Should the job fail, nothing gets a position until one succeeds */
    const uint64_t *times;        /* LOG_RESTORE_OWN: when each was written (HLC) */
    const struct key_id *ids;     /* LOG_LET_GO */
    size_t id_count;
    struct seen seen;             /* LOG_LET_GO; LOG_RECORD: what the views had folded when its drafts were made */
    uint64_t own_seq;
    struct device_record *device;
    struct ticket_record *ticket;
    struct log_aside *aside;
    bool wants_events;            /* LOG_RECORD at a spoke: whoever made the job takes `events` */
    struct log_made *made;        /* the log's own, at first NULL: see log_ahead.c */
    /* results */
    struct stream_head own;       /* LOG_RECORD: the own stream's new head */
    struct lent events;           /* … with wants_events: the new ones in PUSH's layout, one for each draft, the last is
                                     the head; where they are a few, bring no keys, and no later job of this commit
                                     brings others. Else {0}. To be returned, unless the driver took it */
    int64_t oldest_waiting_ms;    /* LOG_RECORD, LOG_KEEP_RECEIPT at a spoke: 0 none */
    struct position at;           /* LOG_KEEP_PUSH, LOG_RECORD at the hub: position of the first */
    struct log_head head;         /* … and the site's head afterwards */
    bool first_keys;              /* LOG_KEEP_PUSH: some of these events are the first of the site under their key */
    struct key_id missing[RECEIPT_KEYS_MAX];
    uint32_t missing_count;
    uint32_t epoch, voided;       /* LOG_NEXT_EPOCH: the new one; how many tickets */
    uint64_t remade, left;        /* LOG_GO_ON: how many events, over all sites; and how many stay, unread */
};

/* Takes the job; done runs exactly once, also when the log is closed or has failed. */
void event_log_submit(struct event_log *log, struct log_job *job);
/* All of a list of jobs, by their links: they come into one commit. */
void event_log_submit_all(struct event_log *log, struct queue_item *first);

/* ---- reading ---- */

struct log_reader;
/* NULL with error set when no transaction can be had. One thread uses a reader. */
struct log_reader *log_reader_begin(struct event_log *log, struct felloe_error *error);
void log_reader_end(struct log_reader *reader);
/* Has a read failed (memory, the disk)? Then whatever was told may lack something. To be asked before what was read is
 * taken for all that there is. `error` may be NULL. */
bool log_reader_failed(const struct log_reader *reader, struct felloe_error *error);
/* The same for people: if it is damaged, with what to do about it. */
bool log_reader_tell(const struct log_reader *reader, struct felloe_error *error);

/* Sites this daemon has, in the order they were added; index from 0. False past the last. The site `audit`, which every
 * daemon has (proto/event/look.h), is not among them: it is no part of the record. */
bool log_site_at(struct log_reader *reader, size_t index, char site[SLUG_MAX + 1]);
bool event_log_site_at(struct event_log *log, size_t index, char site[SLUG_MAX + 1]); /* the same, from any thread */
/* Own stream of this incarnation: head, how far it is shared (receipt; at the hub all of it), when the oldest waiting
 * was written. False: no such site. */
bool log_own(struct log_reader *reader, struct bytes site, struct stream_head *head, uint64_t *shared_seq,
             int64_t *oldest_waiting_ms);
/* The site's log per epoch, ascending: at a spoke the cursors, at the hub the heads; epochs with entries only. Returns
 * how many. */
size_t log_heads(struct log_reader *reader, struct bytes site, struct log_head out[SEEN_MAX]);
/* The hub's signature over the last head of an epoch; false when none is kept. */
bool log_head_signature(struct log_reader *reader, struct bytes site, uint32_t epoch, struct signature *out);
/* The event that this device imported from there, and whom it is about. False: none. */
bool log_origin(struct log_reader *reader, const struct origin_id *origin, struct event_id *event,
                struct person_id *person);
/* The stored log hash at a position (computed from the nearest checkpoint). False: not that far. */
bool log_hash_at(struct log_reader *reader, struct bytes site, struct position at, struct log_hash *out);

/* All streams of a site as far as its log has them, one after the other; at a spoke without its own of the incarnation
 * that sync speaks as: the one that it is about to go on as, else the present one (see log_own). */
typedef bool (*log_stream_visit)(void *context, const struct device_id *device, uint32_t incarnation,
                                 const struct stream_head *head);
bool log_streams(struct log_reader *reader, struct bytes site, log_stream_visit visit, void *context);

/* Walks a site's log upward from `from` (that position first, then the next epochs too). The entry's event is filled in
 * also for own events (from the own stream); flags as kept; id, seen and prev come from decoding, on request. */
struct log_walk {
    struct log_reader *reader;
    char site[SLUG_MAX + 1];
    struct position next;
    uint32_t number;            /* the site's, for the log */
    bool started;
    void *cursor;               /* the store's */
};
struct log_item {
    struct position at;         /* epoch 0 for own events without a position */
    struct bytes event;         /* the bytes, in the map; empty only where the log is damaged (`felloe verify` tells) */
    unsigned flags;             /* entry_flag */
    const struct signature *signature; /* with ENTRY_SIGNED */
};
void log_walk_begin(struct log_walk *walk, struct log_reader *reader, struct bytes site, struct position from);
bool log_walk_next(struct log_walk *walk, struct log_item *out);
void log_walk_end(struct log_walk *walk);

/* Own events of this incarnation, in the order of their numbers, with the position of those that have one. */
struct log_own_walk {
    struct log_reader *reader;
    uint64_t next, place_seq, place_end; /* the numbers that `places` stands at, before place_end; 0: at none */
    struct position place;
    uint32_t number;
    bool started;
    void *own, *places;         /* cursors of the store */
};
void log_own_walk_begin(struct log_own_walk *walk, struct log_reader *reader, struct bytes site, uint64_t from);
bool log_own_walk_next(struct log_own_walk *walk, uint64_t *seq, struct log_item *out);
void log_own_walk_end(struct log_own_walk *walk);

/* One event by its position; false when it is not there. */
bool log_get(struct log_reader *reader, struct bytes site, struct position at, struct log_item *out);
/* One own event of this incarnation, with its position when it has one. */
bool log_get_own(struct log_reader *reader, struct bytes site, uint64_t seq, struct log_item *out);

/* Own events with seq >= first_seq in PUSH's body layout (keys that the hub lacks first, wrapped for it), up to
 * max_bytes but at least one. Fills body (malloc'd), count, key_count, last_id; count 0 when there is none. A
 * key goes along with the first event of this stream that uses it, unless it came from the hub. Their ids are appended
 * to `ids`, if that is not NULL, back to back. */
enum felloe_code log_read_push(struct event_log *log, struct bytes site, uint64_t first_seq, uint32_t max_bytes,
                               struct lent *body, uint32_t *count, uint32_t *key_count, struct event_id *last_id,
                               struct buffer *ids, struct felloe_error *error);
/* The ids of own events of this incarnation from first_seq on; fewer than `count` where there are not as many. */
enum felloe_code log_read_ids(struct event_log *log, struct bytes site, uint64_t first_seq, uint32_t count,
                              struct event_id *out, uint32_t *read, struct felloe_error *error);
/* A range of a site's log in FEED's body layout for `device` (own events of its incarnation as markers; keys first used
 * here, if it may have them, wrapped with `shared`). Of one epoch: the lowest at or after `from` that has entries. Ends
 * at a checkpoint or at the head where it can. */
enum felloe_code log_read_feed(struct event_log *log, struct bytes site, struct position from, uint32_t max_bytes,
                               const struct device_id *device, uint32_t incarnation, const struct box_shared *shared,
                               struct lent *body, struct position *first, uint32_t *count, uint32_t *key_count,
                               struct log_head *head, struct felloe_error *error);
/* Those of the keys that are here, as key records wrapped with `shared`, back to back: for a hub's KEYRING to a spoke's
 * `device` (only keys that this site's log uses; `denied`, with room for all, are those of audiences that its worker is
 * not in), and for a spoke's PUSH of keys to its hub (`device` is not looked at, none is denied). */
enum felloe_code log_read_keys(struct event_log *log, struct bytes site, const struct key_id *ids, size_t count,
                               const struct device_id *device, const struct box_shared *shared, struct lent *body,
                               uint32_t *key_count, struct key_id *denied, uint32_t *denied_count,
                               struct felloe_error *error);
/* Entries of one epoch of a spoke's log from `from` on, in OFFER's body layout (own events whole), up to a head that
 * the hub signed: the furthest with at most max_bytes of body, else the first that there is. count 0: there is none. */
enum felloe_code log_read_offer(struct event_log *log, struct bytes site, struct position from, uint32_t max_bytes,
                                struct lent *body, uint32_t *count, struct log_head *head, struct signature *signature,
                                struct felloe_error *error);
/* Keys that events of the site's log use and the keyring lacks (erased ones aside); up to max, from a place that
 * changes with `turn`. Returns how many. */
size_t log_missing_keys(struct log_reader *reader, struct bytes site, uint32_t turn, struct key_id *out, size_t max);
/* Is this key used in that site's log? (Who may have a key.) */
bool log_site_uses_key(struct log_reader *reader, struct bytes site, const struct key_id *key);

/* At a hub: was this key first used in that site's log by the hub itself? Then it is the site's own, whoever brings it.
 */
bool log_hub_used_key_first(struct log_reader *reader, struct bytes site, const struct key_id *key);

/* Hub administration. Visits return false to stop. */
bool log_devices(struct log_reader *reader, bool (*visit)(void *context, const struct device_record *device),
                 void *context);
bool log_device(struct log_reader *reader, const struct device_id *id, struct device_record *out);
bool log_tickets(struct log_reader *reader, bool (*visit)(void *context, const struct ticket_record *ticket),
                 void *context);

/* ---- state that threads share ---- */

/* Latest HLC known; the projector teaches it what it reads. */
uint64_t event_log_time(struct event_log *log);
/* The time of an event that is made now: above all that were known before. */
uint64_t event_log_next_time(struct event_log *log);
/* The same for so many, each above the one before by one: the first. */
uint64_t event_log_next_times(struct event_log *log, size_t count);
void event_log_heard_time(struct event_log *log, uint64_t time);
/* How many commits there have been since this daemon opened the log first (those that only brought keys count too,
 * those that only brought looks do not: nothing that is shown changes with them). Grows before the commit's jobs are
 * completed. */
uint64_t event_log_commits(struct event_log *log);
/* True while the disk is too full to record. */
bool event_log_full(struct event_log *log);
bool event_log_failed(struct event_log *log);
/* At a hub: who is with which site besides the one where their record began. Empty when the log is opened. */
struct log_shares *event_log_shares(struct event_log *log);
/* The epoch in which this hub gives positions; 1 until it is restored for the first time. */
uint32_t event_log_epoch(struct event_log *log);
/* Under which incarnation this device writes; a hub's is its epoch. Never changes while the log is open, but for the
 * job that changes it: then the log is to be closed and opened again. */
uint32_t event_log_incarnation(struct event_log *log);
/* The incarnation that the hub has named and LOG_GO_ON will go on as; 0: none. */
uint32_t event_log_going_on(struct event_log *log);

#endif
