/* SPDX-License-Identifier: Apache-2.0 */
/* The spoke's driver, as its files see it:
 *
 *   driver_spoke.c       the hub's messages, ticks and completions in; sends out; what people are told; its life
 *   driver_spoke_read.c  ranges of the log and keys read for the machine on the thread pool
 *   driver_spoke_keep.c  batches and receipts made durable; going on as another incarnation
 *   driver_spoke_let_go.c  people who moved to another team
 *   rekey_spoke.c        keys that change, its own and the hub's */
#ifndef FELLOE_DAEMON_DRIVER_SPOKE_H
#define FELLOE_DAEMON_DRIVER_SPOKE_H

#include "daemon/store/rekey_file.h"
#include "daemon/sync/driver_inside.h"

/* People who moved to another team. */
#define LEAVER_PEOPLE 32u /* looked at in one go */
struct leaving;
struct spoke_leaver {
    struct loop_timer *timer;
    struct leaving *work;     /* under way */
    bool again;               /* there was news meanwhile */
    bool scan;                /* all people are to be looked at, from this one on */
    struct person_id from;
    struct person_id people[LEAVER_PEOPLE];
    size_t count;
};

/* Keys that change; see rekey_spoke.c. */
struct spoke_rekey {
    bool there;                   /* D/rekey is: */
    struct rekey_file file;
    bool other, other_hub;        /* the connection is made with what the identity has not */
    uint8_t hub_used[CURVE_KEY_SIZE];
    unsigned tries;               /* of the other ones, since a WELCOME */
    uint64_t request;             /* of the latest REKEY */
    bool asked;                   /* and not answered */
    char refused[REKEY_TEXT_MAX];
    struct loop_timer *timer;
};

struct spoke_driver {
    struct driver base;
    struct net_spoke *net;
    struct spoke *machine; /* NULL while it is made afresh */
    struct spoke_outputs outputs;
    struct box_shared hub_shared; /* what is wrapped for the hub */
    struct box_pairs hub_pairs;   /* what it wraps is opened with */
    enum net_link link;
    bool reconnect; /* asked for by the step that is being performed */
    uint64_t slept_ms; /* of the clock, when it was last looked at */
    uint64_t last_request; /* of the machine before, which spoke on the same connection */
    int64_t last_contact_ms, clock_skew_ms;
    int64_t hello_wall_ms;        /* when the latest HELLO was sent, by both clocks */
    uint64_t hello_steady_ms;
    bool refused;                /* as the hub last said */
    char notice[200];
    struct {
        char site[SLUG_MAX + 1];
        char notice[200];
    } sites[SITES_MAX];
    struct queue_item *held;      /* what is on its way to the log, and waits for company: see driver_spoke_keep.c */
    struct loop_timer *holder;
    struct loop_timer *go_on;     /* going on waits for keys: to ask for those that are lacking, and to try again */
    unsigned go_on_waits;
    struct key_id lacking[RECEIPT_KEYS_MAX];
    uint32_t lacking_count;
    struct spoke_leaver leaver;
    struct spoke_rekey rekey;
    struct welcome_peer peers[WELCOME_PEERS_MAX];
    uint32_t peer_count;
};

static inline struct spoke_driver *spoke_of(struct driver *driver)
{
    return (struct spoke_driver *)driver;
}

void driver_spoke_step(struct spoke_driver *s, struct spoke_input *input);

/* SPOKE_READ_OWN, SPOKE_READ_IDS, SPOKE_READ_OFFER, SPOKE_READ_KEYS: takes what it needs of the output. */
void driver_spoke_read(struct spoke_driver *s, struct spoke_output *output);

/* SPOKE_KEEP_FEED, SPOKE_KEEP_RECEIPT, SPOKE_KEEP_KEYS: the same. */
void driver_spoke_keep(struct spoke_driver *s, struct spoke_output *output, enum log_job_kind kind);
/* What waits for company goes to the log now. */
void driver_spoke_release(void *spoke_driver);
/* The hub has named the incarnation to go on as: durable, then a machine that speaks as it. */
void driver_spoke_going_on(struct spoke_driver *s, uint32_t incarnation);
/* All that the hub has is here: what it has not is written again, and the daemon begins its log again. */
void driver_spoke_go_on(struct spoke_driver *s);
void driver_spoke_go_on_again(void *context); /* its timer's */

/* Connects with the keys that are to be tried now. */
enum felloe_code driver_spoke_connect(struct spoke_driver *s, struct felloe_error *error);
void driver_spoke_on_message(void *context, struct bytes header, struct lent *body);
void driver_spoke_on_link(void *context, enum net_link link);
bool rekey_open(struct spoke_driver *s); /* false when memory ran out */
void rekey_close(struct spoke_driver *s);
void rekey_linked(struct spoke_driver *s, enum net_link link);
/* The hub's keys are those over which it answered, and which it says itself. False: they could not be kept, and what
 * led to them (its terms of before) is still needed. */
bool rekey_hub_told(struct spoke_driver *s, const struct terms *terms);
void rekey_welcomed(struct spoke_driver *s); /* after that */
bool rekey_answered(struct spoke_driver *s, struct bytes header); /* it was about that, and is done with */

/* The views have news: did people move to other teams, whose record this laptop needs no more? */
void driver_spoke_let_go(struct spoke_driver *s);
bool driver_spoke_let_go_open(struct spoke_driver *s);
void driver_spoke_let_go_close(struct spoke_driver *s);

#endif
