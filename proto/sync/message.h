/* SPDX-License-Identifier: Apache-2.0 */
/* Every message between spoke and hub, on one screen. PROTOCOL.md tells their meaning in full.
 *
 * A message is two ZeroMQ frames: a header (a msgpack array: kind, request, …; after HELLO's and WELCOME's one array
 * per site and per peer) and a body (a sequence of objects, empty for most). The spoke asks, the hub answers with the
 * same request number; a request that is not answered is asked again.
 *
 *   spoke -> hub                                             hub -> spoke
 *   HELLO   who I am, how far I have each site               WELCOME  how far you have my streams, each site's head
 *   PUSH    events of my stream (body: keys, events)         RECEIPT  durable up to here, the positions given, signed
 *   PULL    a site's log after my cursors                    FEED     entries (body: keys, entries), the signed head
 *   KEYS    key ids I lack                                   KEYRING  those that I may have (body: keys)
 *   OFFER   entries a restored hub lacks (body: entries)     OFFERED  the site's log now reaches
 *   JOIN    a ticket's holder wants to become a device       JOINED   its sites (body: the sites' keys)
 *   REKEY   my other keys from now on                        REKEYED  they are known
 *                                                            REFUSED  why, and what to do (answers anything)
 */
#ifndef FELLOE_PROTO_MESSAGE_H
#define FELLOE_PROTO_MESSAGE_H

#include "proto/event/key_record.h"
#include "proto/event/signature.h"
#include "proto/event/terms.h"

enum message_kind {
    MSG_HELLO = 1, MSG_WELCOME = 2, MSG_PUSH = 3, MSG_RECEIPT = 4, MSG_PULL = 5, MSG_FEED = 6, MSG_KEYS = 7,
    MSG_KEYRING = 8, MSG_OFFER = 9, MSG_OFFERED = 10, MSG_JOIN = 11, MSG_JOINED = 12, MSG_REFUSED = 13,
    MSG_REKEY = 14, MSG_REKEYED = 15, MSG_LAST = MSG_REKEYED
};

enum refusal {
    REFUSED_MALFORMED = 1,  /* the message does not follow the protocol */
    REFUSED_VERSION = 2,    /* no protocol version in common */
    REFUSED_UNKNOWN = 3,    /* the key is not (or no longer) a device's */
    REFUSED_REVOKED = 4,    /* the device was revoked */
    REFUSED_SITE = 5,       /* the device is not let into this site */
    REFUSED_HELLO_FIRST = 6,/* say HELLO again: the hub was restarted */
    REFUSED_TICKET_USED = 7,
    REFUSED_TICKET_EXPIRED = 8,
    REFUSED_BUSY = 9,       /* the hub cannot take it now (its disk is full); try again later */
    REFUSED_BAD_EVENT = 10, /* an event breaks its chain or is not the device's */
    REFUSED_KEPT_ASIDE = 11 /* of a revoked device: not taken into the log, but kept in quarantine to be looked at */
};

/* What the hub thinks of one site, in WELCOME. */
enum site_verdict {
    SITE_OK = 0,
    SITE_REWIND = 1, /* the hub is behind the spoke's cursor: it was restored; entries are to be OFFERed */
    SITE_FORK = 2,   /* the device's stream has two histories; next_incarnation says how to go on */
    SITE_DENIED = 3, /* not let into this site */
    SITE_SPLIT = 4   /* same position, other log hash: one of the two logs was altered */
};

struct hello_site {
    struct bytes site;
    uint64_t own_seq;           /* head of the own stream, as saved; 0 when empty */
    struct event_id own_id;
    uint64_t waiting;           /* events saved and not yet shared */
    int64_t oldest_waiting_ms;  /* when the oldest of them was written; 0 when none */
    uint8_t cursor_count;       /* received up to here, per epoch */
    struct log_head cursors[SEEN_MAX];
};

struct msg_hello {
    uint64_t version;
    struct device_id device;
    uint32_t incarnation;
    struct challenge challenge; /* new with each HELLO: the hub's terms answer it */
    uint32_t site_count;
    struct hello_site sites[SITES_MAX];
};

#define RECEIPT_KEYS_MAX 64

struct welcome_site {
    struct bytes site;
    enum site_verdict verdict;
    uint32_t next_incarnation;  /* with SITE_FORK */
    uint64_t held_seq;          /* what the hub holds durably of your stream */
    struct event_id held_id;
    struct signature held_receipt; /* the receipt for (held_seq, held_id); zeros when held_seq is 0 */
    struct position head;       /* the site's log */
    uint32_t missing_count;     /* keys that the hub lacks for events of this site: bring those that are there */
    struct key_id missing[RECEIPT_KEYS_MAX];
};

/* Another device's state as the hub last heard it, for freshness. */
struct welcome_peer {
    struct device_id device;
    int64_t heard_ms;           /* 0: never */
    uint64_t waiting;
};
#define WELCOME_PEERS_MAX 256

struct msg_welcome {
    struct device_id hub;
    uint32_t epoch;
    int64_t now_ms;             /* the hub's clock, for skew to be noticed */
    uint32_t site_count;
    struct welcome_site sites[SITES_MAX];
    uint32_t peer_count;        /* the quietest first; at most WELCOME_PEERS_MAX */
    struct welcome_peer peers[WELCOME_PEERS_MAX];
    struct bytes terms;         /* one object, see terms.h; empty: it is not believed */
};

/* Body: key_count key records, then count events (each one msgpack array, see event.h) with seq first_seq, +1, …
 * count may be 0: then only keys are brought. */
struct msg_push {
    struct bytes site;
    uint32_t incarnation;
    uint64_t first_seq;
    uint32_t count;
    uint32_t key_count;
    struct signature signature; /* sign_stream over the last event; zeros when count is 0 */
};

/* Events first_seq .. first_seq + count - 1 have positions at, at + 1, … */
struct position_run {
    uint64_t first_seq;
    struct position at;
    uint32_t count;
};
#define RECEIPT_RUNS_MAX 64

struct msg_receipt {
    struct bytes site;
    uint32_t incarnation;
    uint64_t seq;               /* durable up to here; may be below what was pushed: go on from seq + 1 */
    struct event_id id;
    struct signature signature; /* sign_receipt; zeros when seq is 0 */
    uint32_t run_count;
    struct position_run runs[RECEIPT_RUNS_MAX];
    uint32_t missing_count;     /* keys that the hub lacks for events it holds: bring them along */
    struct key_id missing[RECEIPT_KEYS_MAX];
};

struct msg_pull {
    struct bytes site;
    uint32_t cursor_count;
    struct position cursors[SEEN_MAX];
    uint32_t max_bytes;         /* of entries; at least one entry comes */
    uint32_t wait_ms;           /* how long to hold the answer back when there is no news */
    uint64_t waiting;           /* as in HELLO, so that the hub stays informed */
    int64_t oldest_waiting_ms;
};

/* Body: key_count key records, then count entries at first.n, +1, …; each is one of
 *   the event itself (an array of 10, see event.h); if the author's signature over its stream up to here is known,
 *   it follows as an object of its own, a bin of 64 (it is not counted)
 *   a marker, array of 3: incarnation, seq, id (bin 32): your own event, which you have
 * count 0: no news within the wait. All entries are of one epoch: the lowest with news. */
struct msg_feed {
    struct bytes site;
    struct position first;
    uint32_t count;
    uint32_t key_count;
    struct log_head head;       /* after the last entry */
    struct signature signature; /* sign_log_head over it; zeros when count is 0 */
    struct position newest;     /* the site's newest position now */
};

struct msg_keys {
    struct bytes site;
    uint32_t count;
    struct key_id ids[KEYS_MAX];
};

struct msg_keyring {
    struct bytes site;
    uint32_t key_count;         /* in the body */
    uint32_t denied_count;      /* asked for, and for others: of restricted audiences that the device is not in */
    struct key_id denied[KEYS_MAX];
};

/* Body: entries as in FEED (never markers), from `first` on; head and signature are the hub's own, of before. count 0
 * (first.n, head and signature zeros): how far do you hold this epoch? */
struct msg_offer {
    struct bytes site;
    struct position first;
    uint32_t count;
    struct log_head head;
    struct signature signature;
};

struct msg_offered {
    struct bytes site;
    struct position held;       /* the site's log in that epoch now reaches this far */
    uint32_t missing_count;     /* as in a RECEIPT: keys that the hub lacks for what was offered */
    struct key_id missing[RECEIPT_KEYS_MAX];
};

struct msg_join {
    uint64_t version;
    struct sign_public sign;    /* the device's keys; its id is derived from the first */
    struct box_public box;
    uint8_t curve[32];          /* CURVE public key it will connect with from now on */
    struct bytes label;         /* what the laptop is called */
    struct signature proof;     /* sign(…) over "felloe join 1" NUL box(32) curve(32) label */
};

struct msg_joined {
    struct device_id device;
    struct bytes hub_name;
    struct bytes worker;        /* whose laptop this is */
    uint32_t site_count;
    struct bytes sites[SITES_MAX];
    struct box_public hub_box;
    uint32_t key_count;         /* the sites' keys, in the body */
};

struct msg_rekey {
    struct box_public box;      /* the keys that take the place of the device's; its signing key stays */
    uint8_t curve[32];
    struct signature proof;     /* sign(…) over "felloe rekey 1" NUL hub's signing key(32) box(32) curve(32) */
};

struct msg_refused {
    enum refusal reason;
    struct bytes site;          /* which site it is about; empty when none */
    struct bytes text;          /* for people: what, why, what to do */
    uint64_t held_seq;          /* REFUSED_KEPT_ASIDE: how far the hub has the stream, in its log or aside */
    struct event_id held_id;
};

struct message {
    enum message_kind kind;
    uint64_t request;
    union {
        struct msg_hello hello;
        struct msg_welcome welcome;
        struct msg_push push;
        struct msg_receipt receipt;
        struct msg_pull pull;
        struct msg_feed feed;
        struct msg_keys keys;
        struct msg_keyring keyring;
        struct msg_offer offer;
        struct msg_offered offered;
        struct msg_join join;
        struct msg_joined joined;
        struct msg_refused refused;
        struct msg_rekey rekey;
    };
};

/* Reads a header. Borrowed strings point into it. False when malformed; kind and request are set when at least they
 * could be read, and 0 otherwise. Every count is bounded here. Elements after those of this version are passed over, so
 * that a later version may add some. `out` is large: keep one and reuse it. */
bool message_decode(struct bytes header, struct message *out);
/* Appends the header to `out` (sticky failure in the buffer). */
void message_encode(const struct message *message, struct buffer *out);
const char *message_name(enum message_kind kind);
/* The kind alone, without reading the rest; 0 when it cannot be told. */
enum message_kind message_kind_of(struct bytes header);

/* The proof in a JOIN: made with the secret of join->sign, over the other fields. */
void join_sign(const struct sign_secret *secret, struct msg_join *join);
bool join_verify(const struct msg_join *join);
/* The same of a REKEY, by the device for this hub. */
void rekey_sign(const struct sign_secret *secret, const struct sign_public *hub, struct msg_rekey *rekey);
bool rekey_verify(const struct sign_public *device, const struct sign_public *hub, const struct msg_rekey *rekey);

/* Items of a FEED's or OFFER's body. */
void feed_put_event(struct buffer *out, struct bytes event, const struct signature *signature_or_null);
void feed_put_marker(struct buffer *out, uint32_t incarnation, uint64_t seq, const struct event_id *id);
/* Of two or more in a row; `last` is the last one's id. */
void feed_put_markers(struct buffer *out, uint32_t incarnation, uint64_t first_seq, uint32_t count,
                      const struct event_id *last);

#endif
