/* SPDX-License-Identifier: Apache-2.0 */
/* The two chains: a stream's `prev` links, and the running hash of a site's log. */
#include "proto/event/chain.h"

#include <assert.h>
#include <sodium.h>

#include "proto/endian.h"

enum stream_verdict stream_check(const struct stream_head *head, const struct event_clear *event,
                                 const struct event_id *id)
{
    if (event->seq < head->seq)
        return STREAM_OLD;
    if (event->seq == head->seq)
        return event_id_equal(&head->id, id) ? STREAM_OLD : STREAM_FORK;
    if (event->seq - head->seq > 1)
        return STREAM_GAP;
    /* an empty head's id is zeros, as is the first event's prev */
    if (!event_id_equal(&event->prev, &head->id))
        return STREAM_FORK;
    return seen_includes(&event->seen, &head->seen) ? STREAM_NEXT : STREAM_BAD;
}

void stream_advance(struct stream_head *head, const struct event_clear *event, const struct event_id *id)
{
    assert(event->seq == head->seq + 1);
    head->seq = event->seq;
    head->id = *id;
    head->seen.count = event->seen.count; /* and as many of its places: it has room for many, and mostly one */
    memcpy(head->seen.at, event->seen.at, event->seen.count * sizeof head->seen.at[0]);
}

void log_head_start(struct log_head *head, struct bytes site, uint32_t epoch)
{
    static const uint8_t purpose[] = "felloe log"; /* its NUL is part of it */
    uint8_t number[4];
    crypto_generichash_state state;
    put_be32(number, epoch);
    crypto_generichash_init(&state, NULL, 0, sizeof head->hash.b);
    crypto_generichash_update(&state, purpose, sizeof purpose);
    crypto_generichash_update(&state, site.data, site.len);
    crypto_generichash_update(&state, (const uint8_t *)"", 1);
    crypto_generichash_update(&state, number, sizeof number);
    crypto_generichash_final(&state, head->hash.b, sizeof head->hash.b);
    head->at = (struct position){epoch, 0};
}

void log_head_advance(struct log_head *head, const struct event_id *id)
{
    uint8_t message[32 + 8 + 32];
    head->at.n++;
    memcpy(message, head->hash.b, 32);
    put_be64(message + 32, head->at.n);
    memcpy(message + 40, id->b, 32);
    crypto_generichash(head->hash.b, sizeof head->hash.b, message, sizeof message, NULL, 0);
}
