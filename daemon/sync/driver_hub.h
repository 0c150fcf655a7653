/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's driver, as its files see it:
 *
 *   driver_hub.c       messages, ticks and completions in; sends and commits out; its life
 *   driver_hub_admin.c who is let in, and the sites: at the start and while it runs
 *   driver_hub_aside.c what revoked laptops hand over
 *   driver_hub_revoked.c  … and that they were revoked, for all others
 *   driver_hub_read.c  ranges, keys and hashes read for the machine on the thread pool
 *   driver_hub_copy.c  people who are with several sites: copies of their entries
 *   driver_hub_refill.c  what a hub that was set back gets back: entries, keys, and an epoch to go on in
 *   enrol.c            a ticket's holder becomes a device
 *   rekey_hub.c        a device's keys change */
#ifndef FELLOE_DAEMON_DRIVER_HUB_H
#define FELLOE_DAEMON_DRIVER_HUB_H

#include "daemon/sync/driver_inside.h"
#include "proto/sync/sync_table.h"

/* The precomputed secrets between the hub and one device. */
struct hub_box {
    struct device_id device;
    struct box_pairs pairs;
};

/* A device whose keys change: the CURVE key whose first use makes it so, or else the time. */
struct hub_rekey {
    struct device_id device;
    uint8_t next_curve[32];
    int64_t until_ms;
    bool under_way;
};

struct enrolment;

/* Of a site: what it lacks, and what came back. */
struct hub_refill {
    char site[SLUG_MAX + 1];
    bool due, any;            /* keys: to be looked for again; some were missing last time */
    uint32_t turn;
    uint64_t rests_until_ms;  /* it is not looked through again before */
};

/* People whose entries may have to be copied to other sites. */
#define COPY_QUEUE_MAX 1024u
struct copy_batch;
struct hub_copier {
    struct loop_timer *timer;
    bool again;               /* there was news while it was at work */
    bool busy, scan;          /* at work; all people are to be looked at, from this one on */
    struct person_id from;
    struct person_id people[COPY_QUEUE_MAX];
    size_t count;
    struct copy_batch *batch; /* being recorded */
    uint64_t after_commits;   /* the views must have this first */
};

struct hub_driver {
    struct driver base;
    struct net_hub *net;
    struct hub *machine; /* NULL while it is made afresh */
    struct hub_outputs outputs;
    struct hub_box *boxes;
    uint32_t box_count, box_cap;
    struct table box_index; /* by device */
    struct hub_rekey *rekeys; /* devices whose keys change */
    size_t rekey_count, rekey_cap;
    struct enrolment *enrolments; /* under way */
    struct message message;       /* large; for what the driver itself reads and writes */
    int64_t last_contact_ms;
    uint64_t looked_ms;           /* when the network was last asked who is there */
    uint64_t speaking;            /* the peer whose message is handled; 0: it was dropped meanwhile */
    char incident[200];
    struct hub_refill refills[SITES_MAX];
    uint32_t refill_count;
    struct hub_copier copier;
    struct loop_timer *looker; /* for missing keys */
    bool looking;
    bool set_back;      /* an epoch has begun, and nothing has come into it yet */
    bool placed, cautious; /* its place was looked at; and was another */
    unsigned epochs;    /* that its logs have at most */
    /* It was set back for certain: no machine before an epoch above this has begun; 0: it was not. */
    uint32_t above;
    uint64_t probed_ms; /* while the disk is full: when the log was last asked whether it still is */
};

static inline struct hub_driver *hub_of(struct driver *driver)
{
    return (struct hub_driver *)driver;
}

void driver_hub_step(struct hub_driver *h, struct hub_input *input);
/* NULL when the device is not known. */
const struct box_pairs *driver_hub_pairs(const struct hub_driver *h, const struct device_id *device);
static inline const struct box_shared *driver_hub_box(const struct hub_driver *h, const struct device_id *device)
{
    const struct box_pairs *pairs = driver_hub_pairs(h, device);
    return pairs != NULL ? &pairs->at[0] : NULL;
}
/* Lets a device in (or, when it is revoked, out): allow-list, machine and box. */
bool driver_hub_admit(struct hub_driver *h, const struct device_record *device);
/* Takes over header and body. */
void driver_hub_send(struct hub_driver *h, uint64_t peer, struct buffer *header, struct lent *body);
void driver_hub_refuse(struct hub_driver *h, uint64_t peer, uint64_t request, enum refusal reason, const char *text);

/* HUB_READ, HUB_READ_KEYS, HUB_HASH: takes what it needs of the output. */
void driver_hub_read(struct hub_driver *h, struct hub_output *output);

/* Entries for their old positions. */
void driver_hub_keep_offer(struct hub_driver *h, struct hub_output *output);
/* What a revoked laptop hands over, into quarantine. */
void driver_hub_keep_aside(struct hub_driver *h, struct hub_output *output);
bool driver_hub_load_aside(struct hub_driver *h, struct log_reader *reader);
/* Everybody else hears that it was. */
void driver_hub_tell_revoked(struct hub_driver *h, const struct device_record *device);
/* Keys that this device may not bring to this site are taken out and wiped. */
void driver_hub_leave_out_keys(struct hub_driver *h, const char *site, const struct device_id *from,
                               struct key_record *keys, size_t *count);
/* This hub was set back without being told: it begins an epoch above this one, and the daemon its log again. */
void driver_hub_next_epoch(struct hub_driver *h, uint32_t above);
/* Once the first machine is loaded: was this directory copied, or put back from a copy? Then the same, before a
 * position is given that it may have given before. */
void driver_hub_look_at_place(struct hub_driver *h);
/* The keys that this site's events use and the hub lacks, for the machine to ask laptops for. At load: at once; later:
 * soon, on the pool. */
bool driver_hub_load_missing(struct hub_driver *h, struct log_reader *reader, struct bytes site);
void driver_hub_look_for_keys(struct hub_driver *h, struct bytes site);
/* After keys came: only when some were missing. */
void driver_hub_keys_came(struct hub_driver *h, struct bytes site);
/* The views have news: is something to be copied from site to site? */
void driver_hub_copy(struct hub_driver *h);
bool driver_hub_copy_open(struct hub_driver *h);
void driver_hub_copy_close(struct hub_driver *h);
bool driver_hub_refill_open(struct hub_driver *h);
void driver_hub_refill_close(struct hub_driver *h);

/* h->message holds a REKEY that came by this connection. */
void rekey_asked(struct hub_driver *h, uint64_t peer, const struct net_key *key);
/* A message came with this device's key: when it is the new one, or the time is over, the old one goes. */
void rekey_look(struct hub_driver *h, const struct net_key *key);
/* What the record says of its keys: both CURVE keys are admitted while they change. False when memory ran out. */
bool rekey_admit(struct hub_driver *h, const struct device_record *device);

/* h->message holds a JOIN that came by this connection, with this ticket's key. */
void enrol(struct hub_driver *h, uint64_t peer, const struct net_key *ticket);

#endif
