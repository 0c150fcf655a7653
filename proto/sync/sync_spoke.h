/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's half of sync as one pure step: inputs are messages, ticks that carry the time, and completions of what
 * was asked for; outputs are messages to send, ranges to read, and batches to make durable. It does no I/O, asks no
 * clock, and holds no globals; the simulator and the daemon run the same object file.
 *
 *        DOWN --up--> GREETING --WELCOME, proven--> LIVE --silence, down--> DOWN
 *                         |`--------WELCOME, unproven--> UNPROVEN --retry later--> GREETING
 *                         `-------------REFUSED--------> REFUSED --retry later--> GREETING
 *
 *   LIVE, per site, independent of each other:
 *     upload    IDLE --events saved--> READING --range--> (PUSH sent, several in flight) --RECEIPT, kept--> IDLE
 *     download  IDLE --> PULL sent (held back by the hub when there is no news) --FEED--> COMMITTING --done--> IDLE
 *     refill    IDLE --WELCOME says rewind--> ASKING (what of this epoch do you hold?) --OFFERED--> READING --range-->
 *               OFFER sent --OFFERED--> READING … until the hub holds all that this cursor counts, in every epoch; then
 *               HELLO again. No upload of the site meanwhile.
 *
 *   With `going_on` (the hub found that this stream has two histories, and has named the next incarnation) the machine
 *   speaks as that incarnation already: it downloads, refills and brings keys, and uploads nothing. Once it has all
 *   that the hub held when it first greeted so (SPOKE_CAUGHT_UP), the log can tell which of its own events the hub has,
 *   and writes the others again.
 *
 * Rules it keeps:
 *   - An event counts as shared only after the hub's signed RECEIPT for it was verified and made durable here.
 *   - A cursor moves only with the commit of what it counts (the batch carries the new head).
 *   - A WELCOME counts only when the hub signed its terms for this device and this very HELLO, and they name the key
 *     that the connection was made with. What answers otherwise is somebody else, or serves what the hub said before.
 *   - Nothing is trusted: each entry's hash, its stream's chain and the log's running hash are checked here; the log's
 *     head must carry the hub's signature. What does not verify stops that site, loudly, and nothing else.
 *   - A request without an answer is asked again after a timeout, with half the bytes.
 *   - After ok = false in a completion, or outputs.failed, it does nothing more: the driver frees it, and makes a new
 *     one from what the log holds. */
#ifndef FELLOE_PROTO_SYNC_SPOKE_H
#define FELLOE_PROTO_SYNC_SPOKE_H

#include "proto/event/batch.h"
#include "proto/sync/message.h"

struct spoke;

struct spoke_config {
    struct device_id device;
    uint32_t incarnation;
    uint32_t going_on;           /* the incarnation that it is about to go on as; 0: none */
    struct sign_secret sign;     /* the device's */
    struct sign_public hub_sign; /* pinned by the ticket */
    uint8_t secret[32];          /* random, another one for each machine: what each HELLO's challenge is derived from */
    uint32_t request_timeout_ms; /* 0: the default, 10 s */
    uint32_t pull_wait_ms;       /* 0: the default, half an hour */
    uint64_t last_request;       /* when the connection is one that an earlier machine spoke on: spoke_last_request of
                                    that one, for what it asked may still be answered; else 0 */
};

/* NULL when memory ran out. The config is copied. */
struct spoke *spoke_new(const struct spoke_config *config);
void spoke_free(struct spoke *spoke);

/* Loading, before the first step: what the log holds durably. False when memory ran out or a limit is passed. */
bool spoke_load_site(struct spoke *spoke, struct bytes site, const struct stream_head *own, uint64_t shared_seq,
                     int64_t oldest_waiting_ms);
bool spoke_load_cursor(struct spoke *spoke, struct bytes site, const struct log_head *cursor);
/* The head of another device's stream (or of another incarnation of this one than it speaks as), as far as the site's
 * log has it. */
bool spoke_load_stream(struct spoke *spoke, struct bytes site, const struct device_id *device, uint32_t incarnation,
                       const struct stream_head *head);

enum spoke_input_kind {
    SPOKE_TICK,       /* time passed */
    SPOKE_UP,         /* the connection was made (handshake done): hub_curve */
    SPOKE_DOWN,       /* the connection was lost */
    SPOKE_MESSAGE,    /* header, body */
    SPOKE_SAVED,      /* own events are durable: site, own; where they are at hand and bring no keys, also body and
                         count, in PUSH's layout, up to own: they need not be read */
    SPOKE_OWN_READ,   /* the range asked for by SPOKE_READ_OWN: site, body, count, key_count, last_id; and, where they
                         are at hand, ids: it is not asked for them when they come back */
    SPOKE_FEED_KEPT,  /* a SPOKE_KEEP_FEED is durable: site, ok */
    SPOKE_RECEIPT_KEPT, /* a SPOKE_KEEP_RECEIPT is durable: site, seq, ok */
    SPOKE_NEED_KEYS,  /* the views met events whose keys are not here: site, keys. May be said again at any time */
    SPOKE_OFFER_READ, /* the range asked for by SPOKE_READ_OFFER: site, body, first, count, head, signature */
    SPOKE_IDS_READ,   /* the ids asked for by SPOKE_READ_IDS: site, first_seq, count (fewer: they cannot be read),
                         ids */
    SPOKE_KEYS_READ   /* the keys asked for by SPOKE_READ_KEYS: site, body (those that are here, as key records wrapped
                         for the hub, back to back), key_count (may be 0) */
};

struct spoke_input {
    enum spoke_input_kind kind;
    uint64_t now_ms;             /* a clock that only goes forward */
    struct bytes site;
    struct bytes header;         /* SPOKE_MESSAGE; borrowed for the step */
    struct lent body;            /* SPOKE_MESSAGE, SPOKE_OWN_READ, SPOKE_SAVED; the step takes it over */
    uint8_t hub_curve[32];       /* SPOKE_UP: the CURVE key that the other side has proven to hold */
    struct stream_head own;      /* SPOKE_SAVED */
    int64_t oldest_waiting_ms;   /* SPOKE_SAVED, SPOKE_RECEIPT_KEPT */
    uint64_t first_seq;          /* SPOKE_OWN_READ */
    struct position first;       /* SPOKE_OFFER_READ; with head and the hub's signature over it after the last entry */
    struct log_head head;
    struct signature signature;
    uint32_t count, key_count;   /* SPOKE_OWN_READ; body is in PUSH's layout. count 0: nothing there. SPOKE_SAVED: count
                                    alone, 0: they are to be read. SPOKE_KEYS_READ;
                                    SPOKE_OFFER_READ: in OFFER's layout; count 0: no range can be offered there */
    struct event_id last_id;     /* SPOKE_OWN_READ: id of the last event read */
    uint64_t seq;                /* SPOKE_RECEIPT_KEPT */
    bool ok;                     /* false: not durable, or unknown; the driver starts afresh from the log */
    bool contradicts;            /* SPOKE_FEED_KEPT, SPOKE_RECEIPT_KEPT with ok false: for certain nothing was kept,
                                    since it contradicts the log (a marker is another event's…). Of a FEED: that site
                                    stops, nothing has to start afresh. Of a lowered receipt: the upload shows it to
                                    the hub */
    const struct key_id *keys;   /* SPOKE_NEED_KEYS, key_count of them */
    const struct event_id *ids;  /* SPOKE_IDS_READ, SPOKE_OWN_READ (or NULL), count of them; borrowed for the step */
};

enum spoke_output_kind {
    SPOKE_SEND,         /* header and body, to the hub. May be dropped when it cannot be sent: it is asked again */
    SPOKE_READ_OWN,     /* site, first_seq, max_bytes: answer with SPOKE_OWN_READ (always, also when nothing is there);
                           one at a time per site */
    SPOKE_READ_IDS,     /* site, first_seq, count: of own events; answer with SPOKE_IDS_READ (always); one at a time per
                           site */
    SPOKE_KEEP_FEED,    /* batch: make durable with its cursor; answer with SPOKE_FEED_KEPT; a few at a time per site,
                           kept and answered in order: what comes after one that failed fails, too. The log compares
                           each marker's id (ENTRY_OWN) with its own event's: other bytes mean that the hub holds
                           another history, and the commit fails. (Of several in a row whose ids are its own already,
                           ENTRY_KNOWN, the last one's: that names those before it.) With more than one epoch an event
                           that is here already may come at a second position: same id, or the commit fails */
    SPOKE_KEEP_RECEIPT, /* site, receipt: make durable; answer with SPOKE_RECEIPT_KEPT; one at a time per site. With
                           `lowered`: the hub was restored and holds less than it once signed for; what is beyond
                           receipt->seq (0: all) is not shared any more */
    SPOKE_READ_OFFER,   /* site, from, max_bytes: entries of that epoch from there on, up to a head that the hub signed;
                           answer with SPOKE_OFFER_READ (always); one at a time per site */
    SPOKE_CAUGHT_UP,    /* while going on: all that the hub had when it was first greeted as the next incarnation is
                           durable here (sites that are denied or split aside). Said once. The driver lets the log go
                           on, and makes a new machine */
    SPOKE_READ_KEYS,    /* site, keys (key_count of them): the hub lacks these; answer with SPOKE_KEYS_READ */
    SPOKE_KEEP_KEYS,    /* key_count records in body: unwrap and make durable; no answer */
    SPOKE_KEYS_DENIED,  /* site, keys (key_count of them): asked for, and for others (audiences that this device is not
                           in): they are not missing. Not asked for again over this connection */
    SPOKE_HEARD,        /* welcome: the hub answered, it and no other; peers for freshness. Its terms are proven. Sites
                           not loaded here are left out */
    SPOKE_NOTICE,       /* site (or empty), notice, text: something people should know */
    SPOKE_RECONNECT     /* the connection is of no use any more: make a new one, then say SPOKE_UP; SPOKE_DOWN in
                           between is welcome and not needed */
};

enum spoke_notice {
    NOTICE_REFUSED,     /* the hub refused this device or a request */
    NOTICE_NOT_HUB,     /* what answers has not proven to be the hub */
    NOTICE_FORK,        /* our stream has two histories */
    NOTICE_REWIND,      /* the hub is behind: it was restored */
    NOTICE_SPLIT,       /* the hub's log differs from what it told us before */
    NOTICE_BAD_FEED,    /* entries that do not verify */
    NOTICE_CLEAR        /* the earlier notice about this site no longer holds */
};

struct spoke_output {
    enum spoke_output_kind kind;
    struct bytes site;          /* valid as long as the spoke is */
    struct buffer header;       /* SPOKE_SEND; the taker releases it */
    struct lent body;           /* SPOKE_SEND, SPOKE_KEEP_KEYS; the taker returns it */
    struct batch *batch;        /* SPOKE_KEEP_FEED; the taker frees it */
    uint64_t first_seq;         /* SPOKE_READ_OWN, SPOKE_READ_IDS */
    uint32_t count;             /* SPOKE_READ_IDS */
    struct position from;       /* SPOKE_READ_OFFER */
    uint32_t max_bytes;
    uint32_t key_count;
    bool lowered;               /* SPOKE_KEEP_RECEIPT */
    struct msg_receipt *receipt;  /* SPOKE_KEEP_RECEIPT; malloc'd, the taker frees it; site points into the spoke */
    struct msg_welcome *welcome;  /* SPOKE_HEARD; malloc'd, the taker frees it; sites point into the spoke,
                                     terms into itself */
    struct key_id *keys;        /* SPOKE_READ_KEYS, SPOKE_KEYS_DENIED; malloc'd, the taker frees it */
    enum spoke_notice notice;
    uint32_t next_incarnation;  /* NOTICE_FORK: the one that the hub named; 0 when it has not (yet) */
    char text[200];             /* SPOKE_NOTICE */
};

/* Outputs of one step, in the order in which they are to be performed. Starts as {0}; reuse it. */
struct spoke_outputs {
    struct spoke_output *items;
    size_t count, cap;
    bool failed;                /* memory ran out: start afresh from the log */
};
void spoke_outputs_clear(struct spoke_outputs *outputs);   /* releases what was not taken; keeps the array */
void spoke_outputs_release(struct spoke_outputs *outputs);

/* Somebody looks at what the latest WELCOME told: when that is older than a minute, HELLO is said in the next step.
 * Between steps; the deadline says so. */
void spoke_looked(struct spoke *spoke, uint64_t now_ms);
void spoke_step(struct spoke *spoke, struct spoke_input *input, struct spoke_outputs *outputs);

/* When the next SPOKE_TICK is due at the latest (same clock as now_ms); UINT64_MAX for never. */
uint64_t spoke_deadline(const struct spoke *spoke);

/* The number of its latest request; the next machine on this connection counts on from there. */
uint64_t spoke_last_request(const struct spoke *spoke);

enum spoke_phase {
    SPOKE_PHASE_DOWN,
    SPOKE_PHASE_GREETING,
    SPOKE_PHASE_LIVE,
    SPOKE_PHASE_REFUSED,
    SPOKE_PHASE_UNPROVEN /* what answers has not proven to be the hub */
};

struct spoke_site_status {
    struct bytes site;
    uint64_t saved_seq, shared_seq;
    struct seen received;       /* durable cursors */
    struct position head;       /* the hub's newest, as last heard; epoch 0: never heard */
    enum site_verdict verdict;
};
enum spoke_phase spoke_phase(const struct spoke *spoke);
size_t spoke_site_count(const struct spoke *spoke);
void spoke_site_status(const struct spoke *spoke, size_t index, struct spoke_site_status *out);

#endif
