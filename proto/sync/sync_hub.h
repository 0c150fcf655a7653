/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's half of sync as one pure step; see sync_spoke.h for the form. The hub keeps nothing per spoke that
 * matters: a spoke that is forgotten says HELLO again.
 *
 * Rules it keeps:
 *   - Who a peer is comes from its CURVE key (the driver looks it up per message), never from what the message says.
 *   - A RECEIPT is sent only after the commit, and names only what the commit made durable.
 *   - Every well-formed, correctly chained event of an admitted device is kept, even of a type it does not know.
 *   - An event is accepted only when the log holds what the event says it has seen.
 *   - A head of the present epoch, or of a later one, that this hub signed and does not hold proves that it was set
 *     back without being told. It then gives no position before it has begun an epoch above it (HUB_NEXT_EPOCH).
 *   - Spokes are served in turn: one range a peer at a time, round robin, each bounded in bytes. The one that a peer
 *     will ask for next is read ahead only where nobody waits for a read. */
#ifndef FELLOE_PROTO_SYNC_HUB_H
#define FELLOE_PROTO_SYNC_HUB_H

#include "proto/event/batch.h"
#include "proto/event/terms.h"
#include "proto/sync/message.h"

struct hub;

struct hub_config {
    struct device_id hub;        /* the hub's own device id */
    uint32_t epoch;              /* the current one */
    struct sign_secret sign;
};

struct hub *hub_new(const struct hub_config *config);
void hub_free(struct hub *hub);

/* Loading, before the first step. */
bool hub_load_site(struct hub *hub, struct bytes site);
bool hub_load_head(struct hub *hub, struct bytes site, const struct log_head *head);
bool hub_load_stream(struct hub *hub, struct bytes site, const struct device_id *device, uint32_t incarnation,
                     const struct stream_head *head);
/* Events of a revoked device were taken out of quarantine into the log, up to this head; HUB_GREW follows. False: the
 * machine is just getting entries back for this site, or memory ran out; then a new one has to be made from the log. */
bool hub_taken(struct hub *hub, struct bytes site, const struct device_id *device, uint32_t incarnation,
               const struct stream_head *head);
/* Keys that events of this site's log use and the hub lacks (erased ones aside): laptops are asked to bring them, some
 * with each WELCOME. Takes the place of what was said before; count 0: none. Also between steps: tick at once. */
bool hub_set_missing(struct hub *hub, struct bytes site, const struct key_id *keys, size_t count);
/* What it tells every laptop from now on, signed with each WELCOME; device and challenge are the HELLO's. All zeros
 * before. Also between steps: tick at once. */
void hub_set_terms(struct hub *hub, const struct terms *terms);
/* How far the quarantine has a stream of a revoked device, by its own last event. Takes the place of what was said
 * before. False when memory ran out. */
bool hub_load_aside(struct hub *hub, struct bytes site, const struct device_id *device, uint32_t incarnation,
                    const struct stream_head *head);
/* Sites may be added later too. Devices: who may do what. Replaces what was known of the device. */
bool hub_admit(struct hub *hub, const struct device_id *device, const struct sign_public *sign,
               const struct bytes *sites, size_t site_count);
/* A byte came over this connection at heard_ms, which the driver knows from the transport: held-back PULLs are silent.
 * Also between steps. */
void hub_alive(struct hub *hub, uint64_t peer, uint64_t now_ms, uint64_t heard_ms, int64_t heard_wall_ms);
/* Its held-back PULLs are refused in the next step: tick at once. From then on it may hand over what it had not shared,
 * and nothing else. */
void hub_revoke(struct hub *hub, const struct device_id *device);

enum hub_input_kind {
    HUB_TICK,
    HUB_MESSAGE,     /* peer, device, header, body */
    HUB_PEER_GONE,   /* peer: its connection is gone; forget its held-back PULLs */
    HUB_PEER_MISSED, /* peer: an answer was dropped, because it did not read: it is to ask for everything again */
    HUB_KEPT,        /* a HUB_KEEP or HUB_KEEP_KEYS is durable: ticket, ok; of a HUB_KEEP also at (position of its first
                        event; the others follow without a gap) and the keys that the log lacks. A HUB_KEEP_ASIDE is:
                        ticket, ok, aside; or `full` */
    HUB_GREW,        /* a site has a new durable head: site, head (also for the hub's own events). Of a HUB_KEEP right
                        before its HUB_KEPT, with ticket and at as that: whoever waits for the events is served before
                        a receipt is signed; with fresh, too, a few of them without a HUB_READ */
    HUB_RANGE,       /* a HUB_READ or HUB_READ_KEYS was read: ticket, ok, body, … */
    HUB_HASHES,      /* a HUB_HASH was answered: ticket, ok, hashes */
    HUB_OFFER_KEPT   /* a HUB_KEEP_OFFER is durable: ticket, ok, head; or contradicts */
};

struct hub_input {
    enum hub_input_kind kind;
    uint64_t now_ms;
    int64_t wall_ms;             /* HUB_MESSAGE: for WELCOME, for last heard */
    uint64_t peer;               /* a connection: the driver's number for it */
    struct device_id device;     /* whose CURVE key that connection has */
    struct bytes header;         /* borrowed for the step */
    struct lent body;            /* the step takes it over */
    uint64_t ticket;             /* names the output that this completes; 0: HUB_GREW of no HUB_KEEP */
    bool ok;                     /* false: HUB_KEPT, HUB_OFFER_KEPT: not durable, or unknown; the driver starts afresh
                                    from the log. HUB_RANGE, HUB_HASHES: could not be read; the spoke waits */
    bool contradicts;            /* HUB_OFFER_KEPT with ok false: for certain nothing was kept, since an entry is here
                                    with other bytes. The offer is refused, nothing has to start afresh */
    struct bytes site;           /* HUB_GREW */
    struct log_head head;        /* HUB_GREW, HUB_RANGE: after its last entry; HUB_OFFER_KEPT */
    const struct batch *fresh;   /* HUB_GREW with a ticket: that batch, borrowed for the step, its first entry at `at`,
                                    its last at head. NULL: it is not at hand, or keys go along with it in a FEED */
    struct position at;          /* HUB_KEPT (and HUB_GREW with a ticket): first event's position; HUB_RANGE: entry's */
    uint32_t count, key_count;   /* HUB_RANGE: body is in FEED's layout */
    bool full;                   /* HUB_KEPT of a HUB_KEEP_ASIDE, with ok: nothing was kept, for want of room */
    struct stream_head aside;    /* … how far the quarantine has the stream now, if that has changed; else seq 0 */
    const struct key_id *missing; /* HUB_KEPT, HUB_OFFER_KEPT: missing_count keys of these events that the hub lacks */
    uint32_t missing_count;
    const struct key_id *denied; /* HUB_RANGE of HUB_READ_KEYS: denied_count of those asked for, at most KEYS_MAX: */
    uint32_t denied_count;       /* of audiences that the device's worker is not in */
    const struct log_hash *hashes; /* HUB_HASHES: one per position asked for */
};

enum hub_output_kind {
    HUB_SEND,       /* peer, header, body */
    HUB_KEEP,       /* batch from device: append to the site's log; answer with HUB_GREW and HUB_KEPT. signature: the
                       author's, over the batch's last event (also on that entry, ENTRY_SIGNED) */
    HUB_READ,       /* site, from, max_bytes, for device and incarnation (whose own events become markers, and for
                       whom keys are wrapped): answer with HUB_RANGE */
    HUB_READ_KEYS,  /* site, key ids, for device: answer with HUB_RANGE (keys only) */
    HUB_HASH,       /* site, positions: the log's hash at each: answer with HUB_HASHES */
    HUB_KEEP_KEYS,  /* site, key_count records in body, from device: unwrap and make durable; answer with HUB_KEPT */
    HUB_KEEP_ASIDE, /* batch from a revoked device: put into quarantine, its keys as they came; what the log or the
                       quarantine has already is left out. Answer with HUB_KEPT. Completed in the order in which it and
                       the HUB_KEEPs were asked for. signature: on its last entry */
    HUB_KEEP_OFFER, /* batch: put entries at their old positions; answer with HUB_OFFER_KEPT. Completed in the order in
                       which it and the HUB_KEEPs were asked for */
    HUB_NEXT_EPOCH, /* from.epoch: begin an epoch above this one; the machine does nothing more. The driver makes a new
                       one once that is durable */
    HUB_HEARD,      /* device, waiting, oldest_waiting_ms: last heard now (in memory; for freshness) */
    HUB_INCIDENT    /* device, text: something an administrator should know (fork, bad event…) */
};

struct hub_output {
    enum hub_output_kind kind;
    uint64_t peer, ticket;
    struct device_id device;
    uint32_t incarnation;
    struct bytes site;           /* valid as long as the hub is */
    struct buffer header;        /* the taker releases it */
    struct lent body;            /* the taker returns it */
    struct batch *batch;         /* the taker frees it */
    struct position from;        /* HUB_READ: first wanted position */
    uint32_t max_bytes;
    uint32_t count;              /* HUB_HASH: positions; HUB_READ_KEYS, HUB_KEEP_KEYS: keys (key_count) */
    struct position positions[SEEN_MAX];
    struct key_id *keys;         /* HUB_READ_KEYS; malloc'd, the taker frees it */
    uint64_t waiting;
    int64_t oldest_waiting_ms;
    char text[200];
};

struct hub_outputs {
    struct hub_output *items;
    size_t count, cap;
    bool failed;
};
void hub_outputs_clear(struct hub_outputs *outputs);
void hub_outputs_release(struct hub_outputs *outputs);

void hub_step(struct hub *hub, struct hub_input *input, struct hub_outputs *outputs);
uint64_t hub_deadline(const struct hub *hub);

struct hub_device_status {
    struct device_id device;
    int64_t heard_ms;            /* wall clock; 0: not since this hub started */
    uint64_t waiting;
    int64_t oldest_waiting_ms;
    bool connected;              /* by a connection that gave a sign of life within the last three minutes */
};
size_t hub_device_count(const struct hub *hub);
void hub_device_status(const struct hub *hub, size_t index, struct hub_device_status *out);

#endif
