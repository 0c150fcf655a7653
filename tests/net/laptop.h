/* SPDX-License-Identifier: Apache-2.0 */
/* A laptop without a daemon, for those who have many of them, or one that lies: its keys, its DEALER socket, and
 * joining with a ticket. What it writes is real: sealed, chained, signed. */
#ifndef FELLOE_TESTS_NET_LAPTOP_H
#define FELLOE_TESTS_NET_LAPTOP_H

#include "proto/event/ticket.h"
#include "proto/sync/message.h"

struct laptop {
    struct ticket ticket;
    struct device_id device;
    struct sign_public sign_public;
    struct sign_secret sign;
    struct box_public box_public;
    struct box_secret box;
    uint8_t curve[32], curve_secret[32];
    struct box_shared hub;          /* after JOINED */
    uint32_t site_count;
    char sites[SITES_MAX][SLUG_MAX + 1];
    void *socket;
};

/* False when the ticket is none. */
bool laptop_make(struct laptop *laptop, const char *ticket);
/* Connects with the ticket's key or its own, as a laptop's daemon does, and does not wait. */
bool laptop_connect(struct laptop *laptop, void *zmq, bool with_ticket);
void laptop_hang_up(struct laptop *laptop);
bool laptop_is_up(const struct laptop *laptop); /* connected, and something may be sent */
/* False when nothing was sent. Neither takes anything over. */
bool laptop_send(const struct laptop *laptop, struct bytes header, struct bytes body);
bool laptop_say(const struct laptop *laptop, const struct message *message, struct bytes body);
/* One whole message into buffers that are cleared first; false when there is none. */
bool laptop_hear(const struct laptop *laptop, struct buffer *header, struct buffer *body);

void laptop_join(const struct laptop *laptop, struct message *out);
/* Takes in what JOINED says. */
bool laptop_joined(struct laptop *laptop, const struct msg_joined *joined);

/* One laptop that asks, and waits for each answer. */
struct asker {
    struct laptop *laptop;
    void *zmq;
    struct message *said, *answer;  /* the answer's kind is 0 when none came */
    struct buffer header, body;     /* the answer's */
    uint64_t last_request;
};
#define ANSWER_MS 5000
bool asker_open(struct asker *asker, struct laptop *laptop);
void asker_close(struct asker *asker);
bool asker_connect(struct asker *asker, bool with_ticket); /* anew */
/* Sends these bytes, or what `said` holds under a new number. False: there was no answer. */
bool asker_send(struct asker *asker, struct bytes header, struct bytes body);
bool asker_ask(struct asker *asker, struct bytes body);
bool asker_refused(const struct asker *asker, enum refusal reason);

/* A person whom this laptop introduces, and their events: the first brings the person's key. */
struct story {
    char site[SLUG_MAX + 1];
    struct key_record key;
    uint32_t incarnation;
    struct stream_head head;
    struct buffer *events;          /* by seq - 1 */
    struct event_id *ids;
};
void story_begin(struct story *story, const char *site);
void story_release(struct story *story);
/* The next event: person.introduced, then notes. */
bool story_write(struct story *story, const struct laptop *laptop);
/* A PUSH's body from `first` on, at least one event, then as many as max_bytes hold: its events' count and last id. */
uint32_t story_push(const struct story *story, const struct laptop *laptop, uint64_t first, size_t max_bytes,
                    struct buffer *body, uint32_t *key_count, struct event_id *last);

#endif
