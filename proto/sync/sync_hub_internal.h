/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the hub's machine share: its state, and which file does what.
 *
 *   sync_hub.c    life, loading, the step
 *   hub_peers.c   devices and their connections, freshness
 *   hub_hello.c   HELLO: cursors and streams compared; WELCOME
 *   hub_push.c    PUSH: checked, made durable, RECEIPT
 *   hub_pull.c    PULL: held back, served in turn, FEED; KEYS
 *   hub_ahead.c   what a laptop that catches up will ask for next is read meanwhile
 *   hub_offer.c   OFFER: a restored hub is refilled
 *   hub_aside.c   what a revoked device hands over: checked, kept in quarantine
 *   hub_output.c  outputs, refusals, incidents */
#ifndef FELLOE_PROTO_SYNC_HUB_INTERNAL_H
#define FELLOE_PROTO_SYNC_HUB_INTERNAL_H

#include "proto/sync/sync_entries.h"
#include "proto/sync/sync_hub.h"
#include "proto/sync/sync_table.h"

#define READS_MAX 2u                 /* ranges being read at a time: enough to hide the disk, few enough to be fair */
#define KEY_READS_MAX 64u
#define KEEPS_PER_DEVICE_MAX 64u     /* a spoke has half as many in flight; a repeat may double them */
#define KEEP_BYTES_MAX (32u * 1024 * 1024) /* of bodies waiting for their commit; beyond it spokes are asked to wait */
#define KEEP_WAITERS_MAX 4u
#define PEERS_PER_DEVICE_MAX 4u      /* more are connections that died without a word */
#define PEER_IDLE_MS (PULL_WAIT_MAX_MS + 300000u)
#define CONNECTED_MS 180000u         /* a laptop gives a sign of life every two minutes (PROTOCOL.md, section 6) */
#define MISSING_PAUSE_MS 60000u      /* per site: everybody is asked to say HELLO again for keys that the hub lacks */
#define INCIDENT_PAUSE_MS 10000u     /* per device: a liar must not fill the log */
#define NO_ONE UINT32_MAX

#define OWN_NEWS_QUIET_MS 100u       /* what a laptop is told of its own events waits until no more of them come … */
#define OWN_NEWS_MS 500u             /* … for so long at most, */
#define OWN_NEWS_FULL 768u           /* and until there are so many: a FEED of events of the usual size */

/* The last events of a site's log, as far back as one stream brought them and nobody else's came between. */
struct hub_run {
    uint32_t epoch, device, incarnation; /* epoch 0: none */
    uint64_t first, last;
    uint64_t ms;                     /* when the last of them came */
};

#define AHEAD_MAX 4u                 /* ranges that are held for who will ask for them: a MiB or two in all … */
#define AHEAD_MS 1000u               /* … and for so long at most */

/* A range that is read before it is asked for. */
struct hub_ahead {
    uint64_t ticket;                 /* of its HUB_READ; 0: this place is free */
    uint64_t peer;
    uint32_t site, max_bytes;        /* as of the PULL before */
    struct position from;
    uint64_t until_ms;
    bool ready;                      /* it was read: */
    struct hub_input range;
};

#define FRESH_BYTES_MAX 8192u        /* of a FEED's body: more is read, by another thread than the step's */

/* Of the step: what has just become durable. */
struct hub_fresh {
    const struct batch *batch;       /* NULL: nothing */
    uint32_t site;
    struct position at;
    struct log_head head;
    struct buffer body;              /* in FEED's layout, once it was asked for; its memory is kept */
};

/* An OFFER whose entries are on their way to the disk. */
struct hub_offer {
    bool active;
    uint64_t ticket, peer, request;
    uint32_t device;
    size_t bytes;
};

struct hub_site {
    char name[SLUG_MAX + 1];
    bool upload_only;                /* the site audit: every device writes to it, none reads it */
    uint8_t head_count;
    struct log_head heads[SEEN_MAX]; /* durable, ascending by epoch */
    struct hub_run run;
    struct streams streams;
    struct streams aside;            /* of revoked devices, as far as the quarantine has them: head alone */
    bool signed_any;                 /* the newest head that was signed is kept with its signature */
    struct log_head signed_head;
    struct signature head_signature;
    uint32_t keeps;                  /* in flight */
    struct hub_offer offer;          /* one at a time; no PUSH is taken meanwhile, so that it can be undone */
    struct key_id missing[RECEIPT_KEYS_MAX]; /* keys that the hub lacks: asked for with each WELCOME */
    uint32_t missing_count;
    bool missing_news;               /* some of them were not yet when laptops were asked to say HELLO again */
    uint64_t missing_due_ms;         /* for news of this kind they are not asked before this */
    uint32_t brought;                /* the device that brought keys since: it may have more of them; or NO_ONE */
};

struct hub_device {
    struct device_id id;
    struct sign_public sign;
    bool revoked, met_revoked;       /* … and has shown up since */
    uint32_t sites;                  /* a bit per site that it is let into */
    uint64_t waiting[SITES_MAX];
    int64_t oldest_waiting_ms[SITES_MAX];
    int64_t heard_wall_ms;
    bool heard;
    uint64_t heard_ms;               /* steady */
    uint32_t incarnation, named;     /* highest that greeted, highest that was named to it */
    uint32_t keeps;                  /* in flight */
    uint32_t peers;                  /* its connections */
    uint64_t incident_ms;            /* no other incident before this */
};

struct pull {
    bool active, reading;
    uint64_t request, due_ms;
    uint64_t own_ms;                 /* since when there is news of the laptop's own events alone; 0: there was none */
    uint32_t max_bytes, cursor_count;
    struct position cursors[SEEN_MAX];
};

/* A HELLO whose cursors are being compared with the log. */
struct greeting {
    uint64_t serial, request;
    struct challenge challenge;
    int64_t wall_ms;
    uint32_t open;                   /* HUB_HASH not answered yet */
    bool failed;                     /* one could not be read */
    uint32_t site_count;
    struct greeting_site {
        char name[SLUG_MAX + 1];
        enum site_verdict verdict;
        uint64_t own_seq;
        struct event_id own_id;
        struct stream_head held; /* durable when the HELLO came: what comes later is no other history */
    } sites[SITES_MAX];
};

struct peer {
    uint64_t id;
    uint32_t device;
    bool greeted, queued;
    bool anew;                       /* it is to say HELLO again */
    uint64_t reading;                /* ticket of its HUB_READ; 0: none */
    uint32_t incarnation, named;
    uint64_t heard_ms;
    uint32_t next_site;              /* where its turn goes on */
    uint32_t rewound;                /* sites, by their bits, of which its HELLO said that it has more than the hub */
    uint64_t pushed[SITES_MAX];      /* furthest event that was taken over this connection, as this incarnation */
    struct pull *pulls[SITES_MAX];
    struct greeting *greeting;
};

struct hash_check {
    uint64_t ticket, peer, serial;
    uint32_t site, count;            /* site: index in the greeting */
    struct log_hash expected[SEEN_MAX];
};

struct range_read {
    uint64_t ticket, peer, request;  /* request 0: nobody has asked for it yet */
    uint32_t site;
};

/* A commit that was asked for, and who waits for it. In the order in which they were asked for. */
struct keep {
    struct keep *next;
    uint64_t ticket;
    bool keys_only, aside;
    uint32_t site, device, incarnation;
    uint64_t first_seq;
    uint32_t count;
    struct stream_head head;         /* the stream's, once it is durable */
    size_t bytes;
    uint32_t waiter_count;
    struct { uint64_t peer, request; } waiters[KEEP_WAITERS_MAX];
};

struct hub {
    struct hub_config config;
    bool dead;
    bool anew;                       /* somebody is to say HELLO again */
    uint64_t now;
    int64_t wall_ms;
    struct hub_outputs *out;
    uint64_t last_ticket, last_serial;
    uint32_t site_count;
    struct hub_site *sites[SITES_MAX];
    struct table device_index, peer_index;
    struct hub_device *devices;
    uint32_t device_count, device_cap;
    struct peer **peers;             /* NULL: free */
    uint32_t peer_count, peer_cap;   /* used part of the array */
    uint32_t *queue;                 /* peers with something to read, a ring of peer_cap */
    uint32_t queue_at, queue_len;
    struct range_read reads[READS_MAX], key_reads[KEY_READS_MAX];
    uint32_t read_count, key_read_count;
    struct hub_ahead ahead[AHEAD_MAX];
    struct hash_check *checks;
    uint32_t check_count, check_cap;
    struct keep *keeps, **keeps_end;
    size_t keep_bytes;               /* of offers too */
    uint64_t due_ms;                 /* no held-back PULL is due before this */
    uint64_t missing_due_ms;         /* no site's news of missing keys before this */
    struct terms terms;
    struct hub_fresh fresh;
    struct buffer told;              /* … as they are told with the WELCOME that is being written */
    struct message in, msg;
};

static inline struct bytes hub_site_name(const struct hub_site *site)
{
    return bytes_str(site->name);
}

/* ---- sync_hub.c ---- */
uint32_t hub_site_index(const struct hub *hub, struct bytes name); /* NO_ONE when it has no such site */
struct log_head *hub_site_head(struct hub_site *site, uint32_t epoch); /* NULL: nothing of that epoch */
bool hub_site_set_head(struct hub_site *site, const struct log_head *head); /* never goes back */
struct position hub_site_newest(const struct hub_site *site);

/* ---- hub_output.c ---- */
struct hub_output *hub_put(struct hub *hub, enum hub_output_kind kind);
void hub_out_of_memory(struct hub *hub);
void hub_send(struct hub *hub, uint64_t peer, enum message_kind kind, uint64_t request, struct lent *body);
void hub_refuse(struct hub *hub, uint64_t peer, uint64_t request, enum refusal reason, struct bytes site,
                const char *text);
void hub_incident(struct hub *hub, uint32_t device, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- hub_peers.c ---- */
uint32_t hub_device_index(const struct hub *hub, const struct device_id *id);
struct peer *hub_peer(const struct hub *hub, uint64_t id);
struct peer *hub_peer_met(struct hub *hub, uint64_t id, uint32_t device); /* NULL: memory ran out */
void hub_peer_gone(struct hub *hub, uint64_t id);
void hub_heard(struct hub *hub, uint32_t device);
uint32_t hub_next_incarnation(struct hub *hub, struct peer *peer);
/* The site that a request is about, if the peer may use it; otherwise refuses and returns NO_ONE. */
uint32_t hub_site_for(struct hub *hub, const struct peer *peer, struct bytes name);

/* What WELCOME tells has changed for this device (NO_ONE: all) in any of these sites (a bit each): its connections are
 * asked, in this step or the next, to say HELLO again, which they else do only now and then. False: there are none. */
bool hub_greet_anew(struct hub *hub, uint32_t device, uint32_t sites);
void hub_peer_missed(struct hub *hub, uint64_t peer); /* an answer did not reach it */
void hub_anew_turn(struct hub *hub);

void hub_refuse_device(struct hub *hub, uint64_t peer, uint64_t request, bool revoked);

/* ---- hub_hello.c ---- */
void hub_on_hello(struct hub *hub, struct peer *peer);
void hub_on_hashes(struct hub *hub, const struct hub_input *input);

/* ---- hub_push.c ---- */
struct keep *hub_keep_add(struct hub *hub, uint64_t peer, uint32_t device, uint32_t incarnation, uint32_t site,
                          size_t bytes); /* for hub->in.request; NULL: memory ran out */
void hub_on_push(struct hub *hub, struct peer *peer, struct lent *body);
void hub_on_kept(struct hub *hub, const struct hub_input *input);

/* ---- hub_pull.c ---- */
void hub_on_pull(struct hub *hub, struct peer *peer);
void hub_on_keys(struct hub *hub, struct peer *peer);
void hub_on_range(struct hub *hub, struct hub_input *input);
void hub_on_grew(struct hub *hub, uint32_t site);
/* Of a HUB_KEEP, before its HUB_KEPT: whose the entries from there on are. */
void hub_note_grown(struct hub *hub, uint64_t ticket, struct position at);
void hub_pull_turn(struct hub *hub);
/* Puts a HUB_READ of as much as this laptop's last PULL wants; its ticket, or 0: memory ran out. */
uint64_t hub_read_range(struct hub *hub, const struct peer *peer, uint32_t site, struct position from,
                        uint64_t request);

/* ---- hub_ahead.c ---- */
/* A FEED of so many up to here was sent, and was as large as it was to be. */
void hub_ahead_begin(struct hub *hub, const struct peer *peer, uint32_t site, struct position sent, uint32_t count);
/* Was it read ahead, and is kept? Then the body is taken. */
bool hub_ahead_read(struct hub *hub, const struct range_read *read, struct hub_input *input);
/* Is it what this laptop asks for now? `ticket` 0: here it is; else it is still being read. In any case it is not held
 * any longer. */
bool hub_ahead_take(struct hub *hub, uint64_t peer, uint32_t site, struct position from, uint32_t max_bytes,
                    uint64_t *ticket, struct hub_input *range);
void hub_ahead_drop(struct hub *hub, uint64_t peer);
void hub_ahead_release(struct hub *hub);
void hub_ahead_turn(struct hub *hub);
uint64_t hub_ahead_deadline(const struct hub *hub); /* of a turn; UINT64_MAX: none is needed */

/* ---- hub_offer.c ---- */
void hub_on_offer(struct hub *hub, struct peer *peer, struct lent *body);
void hub_on_offer_kept(struct hub *hub, const struct hub_input *input);

/* ---- hub_aside.c ---- */
/* What a revoked device says. */
void hub_on_revoked(struct hub *hub, uint64_t peer, uint32_t device, bool well_formed, struct lent *body);
void hub_on_kept_aside(struct hub *hub, const struct keep *keep, const struct hub_input *input);

#endif
