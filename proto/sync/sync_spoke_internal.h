/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the spoke's machine share: its state, and which file does what.
 *
 *   sync_spoke.c     life, loading, the step, deadlines
 *   spoke_hello.c    greeting: HELLO, WELCOME, reconnecting
 *   spoke_refused.c  REFUSED
 *   spoke_upload.c   own events: reading, PUSH, timeouts
 *   spoke_receipt.c  RECEIPT: what the hub holds, and making that durable here
 *   spoke_download.c PULL, FEED, cursors
 *   spoke_feed.c     is a FEED what it claims to be?
 *   spoke_offer.c    OFFER: a restored hub is refilled
 *   spoke_going_on.c going on as the next incarnation
 *   spoke_keys.c     keys that are lacking, here and there
 *   spoke_hand_over.c  what a revoked laptop had not shared is handed over, to be kept aside
 *   spoke_renew.c    a new connection now and then
 *   spoke_output.c   outputs and notices */
#ifndef FELLOE_PROTO_SYNC_SPOKE_INTERNAL_H
#define FELLOE_PROTO_SYNC_SPOKE_INTERNAL_H

#include "proto/sync/sync_entries.h"
#include "proto/sync/sync_spoke.h"
#include "proto/sync/sync_table.h"

#define REQUEST_TIMEOUT_MS 10000u
#define PULL_WAIT_MS PULL_WAIT_MAX_MS
#define PULL_WAIT_FIRST_MS 20000u   /* after news; then twice as long each time that there was none */
#define RENEW_MS 3600000u           /* a connection lives for so long, */
#define RENEW_SPREAD_MS 300000u     /* and up to so much longer, each laptop its own part of it, */
#define RENEW_PATIENCE_MS 300000u   /* and so much more when something is under way all the time */
#define HELLO_TRIES 3u              /* unanswered HELLOs before the connection is given up */
#define HELLO_AGAIN_MS 900000u       /* while live; the hub asks for one when what WELCOME tells has changed */
#define HELLO_STOPPED_MS 60000u     /* while a site is stopped: may it go on? */
#define HELLO_LOOKED_MS 60000u      /* somebody looks at what WELCOME told: older than that is asked for again */
#define WELCOME_PATIENCE_MS 60000u  /* while other answers come */
#define REFUSED_AGAIN_MS 60000u
#define BUSY_AGAIN_MS 5000u
#define LOOKS_GATHER_MS 500u        /* see on_saved */
#define BACKOFF_FIRST_MS 1000u
#define BACKOFF_MAX_MS 300000u
#define FAST_MS 150u                /* an answer within this long lets the window grow to any size, */
#define QUICK_MS 1000u              /* within this long, to what a thin link bears */
#define SLOW_MS 4000u               /* one that takes longer makes it smaller */
#define WINDOW_START (16u * 1024)
#define PUSHES_MAX 8u               /* in flight per site */
#define PUSHES_FAST 32u             /* … while answers come within FAST_MS: the hub's commits are the larger */
#define RECEIPT_EVERY_MS 50u        /* those of a backlog are kept so often */
/* A link may become thin at any moment, and all else then waits behind what is in flight: upward, over all sites, and
 * downward, for all sites that are behind, no more than 50 kbit/s carry in 20 s. On a link that has just proven to be
 * far from thin there may be more, in frames that cost little each; and should it become thin then, the connection is
 * given up, with all that is in flight. */
#define FLIGHT_BYTES_THIN (128u * 1024)
#define PUSH_BYTES_THIN (32u * 1024)
#define PULL_BYTES_THIN (104u * 1024)
#define PUSH_BYTES_MAX BODY_TARGET
#define PULL_BYTES_MAX BODY_TARGET
#define THIN_BYTES_PER_MS 8u        /* timeouts leave room for a link as thin as 64 kbit/s */
#define FEEDS_MAX 2u                /* per site: that came, and are not checked yet, */
#define COMMITS_MAX 32u             /* and over all sites, and one of each: that are being made durable. What
                                     * waits becomes one commit; a FEED may take megabytes */
#define SENT_MARKS PUSHES_FAST      /* all that a receipt may be of */
/* Ids of own events that were pushed and have not come back: 2 MiB while a backlog moves, of one site at a time. Others
 * are read. */
#define KNOWN_IDS_MAX 65536u
#define STALLS_MAX 3u               /* receipts in a row that bring nothing new, before asking afresh */

struct push {
    uint64_t request, first_seq, last_seq, sent_ms;
    size_t bytes;
};
struct sent_mark {
    uint64_t seq;
    struct event_id id;
};

struct upload {
    uint64_t acked_seq;             /* a receipt was verified up to here; it may not be kept yet */
    uint64_t next_seq;              /* first event to be sent next */
    bool reading;
    uint64_t reading_from;
    struct push flight[PUSHES_FAST]; /* oldest first */
    uint32_t flight_count;
    size_t flight_bytes;
    uint32_t depth, batch_bytes;    /* the window */
    uint64_t progress_ms;           /* when a receipt last came */
    uint64_t retry_ms;              /* nothing is sent before this */
    unsigned stalls;
    struct sent_mark sent[SENT_MARKS]; /* ends of the latest batches, to compare receipts with */
    uint32_t sent_at;
    struct buffer known_ids;        /* of own events from known_first on, back to back */
    uint64_t known_first;
    struct msg_receipt *unsure;     /* a receipt whose id has to be looked up among the own events first */
    struct msg_receipt *next_keep;  /* to be kept once the present one is, and see RECEIPT_EVERY_MS */
    bool keeping, keeping_lowered;
    uint64_t keep_ms;               /* when one was last given to be kept */
    bool next_lowered;              /* next_keep takes away: nothing is merged into it */
    bool lowering;                  /* the hub holds less than it signed for; no upload before that is durable here */
    uint64_t fence;                 /* RECEIPTs for requests up to this one are of before: not believed */
};

/* What of a restored hub's log is being brought back to it. */
struct refill {
    bool active;
    bool known;                     /* the hub said how far it holds `epoch`: `held` */
    bool offering;                  /* the request brings entries, it does not only ask */
    bool reading;
    bool gap;                       /* there was nothing here that could be offered next */
    bool refused;                   /* the hub did not take it, and people were told */
    uint32_t epoch, window;
    uint64_t held, best;            /* best: the furthest that it said of this epoch */
    struct position reading_from;
    uint64_t request, sent_ms, retry_ms;
    size_t bytes;
    unsigned failures, rounds;
};

struct cursors {
    uint8_t count;
    struct log_head at[SEEN_MAX];   /* ascending by epoch */
};

/* While going on: what the hub had at the first WELCOME, and whether it is here. */
struct catch_up {
    bool targeted;                  /* `target` is set: the log's newest position then */
    bool asked;                     /* the PULL that is out was sent since */
    bool covered;                   /* `cover` was received, and holds all of it */
    struct position target;
    struct cursors cover;
};

/* A FEED whose entries are not checked yet; its header fits. */
struct fed {
    struct msg_feed feed;
    struct lent body;
};

struct download {
    struct cursors durable;
    struct cursors ahead;           /* with what is being committed */
    uint64_t request;               /* 0: none */
    uint64_t sent_ms, retry_ms;
    uint64_t news_ms;               /* since when it is known that the hub has an answer for it; 0: it may wait */
    uint32_t window, patience_ms;   /* what to ask for at most: bytes, and how long the hub may wait for news */
    uint32_t asked, wait_ms;        /* the same of the present request */
    bool was_behind;                /* when it was asked: the answer was not held back */
    unsigned failures;
    uint32_t fed_count, commits;
    struct fed feds[FEEDS_MAX];     /* oldest first */
    struct log_head committing[COMMITS_MAX]; /* heads of what is being committed, oldest first */
    /* The first FEED cannot be checked before the ids of own events that it stands for are here. */
    struct {
        bool needed, reading;
        uint64_t first_seq, reading_from;
        uint32_t count, reading_count;
    } ids;
    bool contradicted;              /* what the hub sends cannot be ours: no more, until the machine is made anew */
    struct streams streams;
};

/* Key ids that are waited for, and the request for them. */
struct wanted {
    struct key_id ids[KEYS_MAX];
    uint32_t count;
    uint64_t request, sent_ms, retry_ms;
    uint32_t backoff_ms;
};

/* Of a laptop that was revoked: what it had not shared goes to the hub's quarantine. */
enum hand_state {
    HAND_ASKING,    /* how far has the hub this stream? */
    HAND_COMPARING, /* `held` with the own event at that place */
    HAND_GIVING,
    HAND_STOPPED    /* it takes nothing of this site */
};
struct hand_over {
    enum hand_state state;
    bool reading;           /* the own events that are being read are for this */
    bool repeating;         /* what is read, or out, is of `again` */
    uint64_t reading_from;
    uint64_t held;
    struct event_id held_id;
    uint64_t next;          /* handed over next, up to the last that is saved */
    uint64_t again, again_last; /* then these: a receipt came for them, and the hub has them no more */
    uint64_t request, last, sent_ms, retry_ms; /* last: the last event of the PUSH that is out */
    uint32_t backoff_ms;
    size_t bytes;
    uint64_t count;         /* handed over */
};

struct site {
    char name[SLUG_MAX + 1];
    bool upload_only;               /* the site audit: nothing of it comes back */
    struct stream_head own;
    uint64_t shared_seq;
    uint64_t hello_acked_seq;       /* what a receipt was verified for when the last HELLO was sent */
    struct position hello_cursor;   /* … and the newest position that it said was received */
    int64_t oldest_waiting_ms;
    struct position head;
    enum site_verdict verdict;
    bool greeted;                   /* this connection's WELCOME named the site */
    bool upload_stopped;            /* until the next WELCOME says otherwise */
    bool noticed;
    enum spoke_notice notice;
    uint32_t next_incarnation, told_incarnation; /* with a fork: named by the hub; told to people */
    bool content_refused;           /* the hub refused a PUSH; until a receipt brings something new */
    struct upload up;
    struct download down;
    struct refill refill;
    struct catch_up catch_up;
    struct hand_over hand;
    struct wanted keys;             /* keys that are lacking here */
    struct table denied;            /* … of audiences that this device is not in, as this connection was told */
    struct wanted debts;            /* keys that the hub lacks */
    bool debts_reading;
    uint32_t debts_asked;
};

struct spoke {
    struct spoke_config config;
    enum spoke_phase phase;
    bool dead;                      /* a commit failed, or memory ran out */
    bool noticed;                   /* a notice about no site is out, this one */
    enum spoke_notice notice;
    bool told_caught_up;
    bool revoked;                   /* as this connection was told */
    uint64_t handed_told;           /* entries of which people were told that they were handed over */
    uint64_t now;
    struct spoke_outputs *out;
    uint64_t last_request;
    uint8_t hub_curve[32];          /* what this connection's other side holds */
    uint64_t hello_request, hello_sent_ms, hello_due_ms;
    struct challenge challenge;     /* of that HELLO */
    uint64_t welcome_ms;            /* the latest */
    unsigned hello_tries;
    uint32_t hello_backoff_ms;
    uint64_t heard_ms;
    uint64_t up_ms;                 /* when this connection was made */
    uint32_t site_count;
    struct site *sites[SITES_MAX];
    struct message in, msg;         /* being read, being written */
};

/* The window after an answer that took so long: up to `thin` where that was quick, to `most` where it was fast; less
 * where it was slow, above `thin` also where it was not quick. */
static inline uint32_t window_after(uint32_t window, uint64_t took_ms, uint32_t thin, uint32_t most)
{
    const uint32_t up_to = took_ms < FAST_MS ? most : thin;
    if (took_ms < QUICK_MS && window < up_to)
        return window * 2 < up_to ? window * 2 : up_to;
    if (took_ms > QUICK_MS && window > thin)
        return window / 2 > thin ? window / 2 : thin;
    if (took_ms > SLOW_MS)
        return window / 2 > BODY_FLOOR ? window / 2 : BODY_FLOOR;
    return window;
}

static inline struct bytes site_name(const struct site *site)
{
    return bytes_str(site->name);
}
/* The incarnation that it speaks as. */
static inline uint32_t spoke_incarnation(const struct spoke *s)
{
    return s->config.going_on != 0 ? s->config.going_on : s->config.incarnation;
}
struct site *spoke_site(struct spoke *s, struct bytes name);

/* ---- spoke_output.c ---- */
struct spoke_output *spoke_put(struct spoke *s, enum spoke_output_kind kind, const struct site *site);
/* Encodes s->msg with a fresh request number, which it returns. Takes the body. */
uint64_t spoke_send(struct spoke *s, enum message_kind kind, struct lent *body);
/* A notice is told once, until another takes its place or it is cleared. `site` NULL: about the device itself. */
struct spoke_output *spoke_notice(struct spoke *s, struct site *site, enum spoke_notice notice, const char *format, ...)
    __attribute__((format(printf, 4, 5))); /* NULL when it was told already */
void spoke_notice_clear(struct spoke *s, struct site *site);
void spoke_out_of_memory(struct spoke *s);

/* ---- spoke_hello.c ---- */
void spoke_up(struct spoke *s);
void spoke_down(struct spoke *s);
void spoke_not_revoked(struct spoke *s);
void spoke_reconnect(struct spoke *s);
void spoke_sites_reset(struct spoke *s);
void spoke_hello_now(struct spoke *s);
void spoke_greet_anew(struct spoke *s);
void spoke_hello_soon(struct spoke *s); /* with a growing pause, so that two that disagree do not chatter */
void spoke_probe(struct spoke *s, uint64_t sent_ms); /* a request of then was not answered: is the hub there at all? */
void spoke_on_welcome(struct spoke *s);
void spoke_greeting_turn(struct spoke *s);
uint64_t spoke_greeting_deadline(const struct spoke *s);

/* ---- spoke_refused.c ---- */
void spoke_on_refused(struct spoke *s);

/* ---- spoke_upload.c ---- */
void upload_reset(struct spoke *s, struct site *site); /* a new connection */
void upload_restart(struct site *site);         /* go on from what is acknowledged; forget what is in flight */
void upload_remember(struct site *site, uint64_t seq, const struct event_id *id);
/* What markers stand for is known from when it was pushed; and is forgotten when it has come back. */
void upload_know(struct site *site, uint64_t first, const struct event_id *ids, uint32_t count);
void upload_known(const struct site *site, struct entries_form *form);
void upload_known_until(struct site *site, uint64_t seq);
void upload_on_read(struct spoke *s, struct site *site, struct spoke_input *input);
void upload_on_saved(struct spoke *s, struct site *site, struct spoke_input *input); /* its own head is input's */
void upload_turn(struct spoke *s, struct site *site);
uint64_t upload_waiting(const struct site *site); /* saved, and not acknowledged by the hub */
uint64_t upload_deadline(const struct spoke *s, const struct site *site);
/* Finds the id of own event `seq` among what SPOKE_READ_OWN brought, and takes that over. NULL: it is not readable. */
struct batch *upload_look(struct spoke *s, struct site *site, struct spoke_input *input, uint64_t seq,
                          struct event_id *id, bool *found);

/* ---- spoke_hand_over.c ---- */
void hand_reset(struct site *site); /* a new connection */
void hand_again(struct spoke *s);
void hand_on_read(struct spoke *s, struct site *site, struct spoke_input *input);
void hand_on_refused(struct spoke *s, struct site *site);
void hand_turn(struct spoke *s, struct site *site);
uint64_t hand_deadline(const struct spoke *s, const struct site *site);

/* ---- spoke_receipt.c ---- */
void receipt_heard(struct spoke *s, struct site *site, const struct msg_receipt *receipt);
void receipt_sure(struct spoke *s, struct site *site, const struct msg_receipt *receipt);
void receipt_forked(struct spoke *s, struct site *site);
/* Gives the next one to be kept. */
void receipt_turn(struct spoke *s, struct site *site);
uint64_t receipt_deadline(const struct spoke *s, const struct site *site);
void receipt_lower(struct spoke *s, struct site *site, const struct msg_receipt *held);
void spoke_on_receipt(struct spoke *s);
void receipt_on_kept(struct spoke *s, struct site *site, const struct spoke_input *input);

/* ---- spoke_feed.c ---- */
struct feed_check {
    struct spoke *s;
    struct site *site;
    struct log_head head; /* runs along */
    struct log_hash checkpoints[BATCH_ENTRIES_MAX / CHECKPOINT_EVERY + 1]; /* that it passed */
    uint32_t checkpoint_count;
    const char *why;      /* in words, behind the position, where it does not verify */
    bool forked;          /* a marker of an event that we never wrote */
    bool again;           /* an entry is here already, at another position */
    bool wants_ids;       /* there are markers of several, and the ids of those are not here */
};
#define FEED_NOT_SOUND "is not a sound entry, or there are more or fewer than told" /* until one is decoded that is */
struct entries_form feed_form(const struct spoke *s, const struct site *site, const struct msg_feed *feed);
/* The whole FEED as a batch, or NULL; then all stream heads are as before, and `body` is the caller's still where ids
 * are wanted. `read` brings ids of own events, or is NULL. */
struct batch *feed_check(struct feed_check *c, const struct msg_feed *feed, struct lent *body,
                         const struct spoke_input *read);

/* ---- spoke_download.c ---- */
struct log_head *cursor_of_epoch(struct cursors *cursors, uint32_t epoch);
bool cursors_set(struct cursors *cursors, const struct log_head *head); /* false: too many epochs */
void download_drop_feds(struct site *site);
void download_reset(struct site *site);
void download_check(struct spoke *s, struct site *site); /* what came before this step */
void download_on_feed(struct spoke *s, struct lent *body);
void download_on_ids(struct spoke *s, struct site *site, const struct spoke_input *input);
void download_on_kept(struct spoke *s, struct site *site, const struct spoke_input *input);
void download_turn(struct spoke *s, struct site *site);
uint64_t download_deadline(const struct spoke *s, const struct site *site);

/* ---- spoke_offer.c ---- */
void refill_begin(struct spoke *s, struct site *site); /* the hub is behind */
void refill_end(struct site *site);                    /* it is not, or there are other things to settle first */
void refill_reset(struct spoke *s, struct site *site); /* a new connection */
void refill_refused(struct spoke *s, struct site *site, bool busy);
void refill_on_offered(struct spoke *s);
void refill_on_read(struct spoke *s, struct site *site, struct spoke_input *input);
void refill_turn(struct spoke *s, struct site *site);
uint64_t refill_deadline(const struct spoke *s, const struct site *site);

/* ---- spoke_renew.c ---- */
void renew_turn(struct spoke *s);
void renew_thinned(struct spoke *s); /* much is under way, and does not arrive any more */
uint64_t renew_deadline(const struct spoke *s);

/* ---- spoke_going_on.c ---- */
void catch_up_welcomed(struct site *site, const struct welcome_site *w);
void catch_up_fed(struct site *site, const struct log_head *head); /* NULL: there is no news */
bool catch_up_done(const struct site *site);
void catch_up_turn(struct spoke *s);

/* ---- spoke_keys.c ---- */
void wanted_add(struct wanted *wanted, const struct key_id *ids, uint32_t count);
void keys_reset(struct site *site);
void keys_on_need(struct spoke *s, struct site *site, const struct spoke_input *input);
void keys_on_read(struct spoke *s, struct site *site, struct spoke_input *input);
void keys_on_keyring(struct spoke *s, struct lent *body);
bool keys_on_debt_receipt(struct site *site, uint64_t request); /* was it the answer to keys brought alone? */
void keys_turn(struct spoke *s, struct site *site);
uint64_t keys_deadline(const struct spoke *s, const struct site *site);

#endif
