/* SPDX-License-Identifier: Apache-2.0 */
/* How the quarantine's rows are laid out; for log_aside*.c alone.
 *
 *   aside        device, I, S, seq, id -> flags (1), signature (64) where ENTRY_SIGNED, when it came (8), the event
 *   aside-keys   device, S, key -> the key record as it came
 *   aside-heads  device, S, I -> struct aside_stream's numbers, and a check; I 0: of the site's keys, bytes alone */
#ifndef FELLOE_DAEMON_LOG_ASIDE_INSIDE_H
#define FELLOE_DAEMON_LOG_ASIDE_INSIDE_H

#include "daemon/log/log_aside.h"
#include "daemon/log/log_internal.h"

#define ASIDE_STREAM_KEY 22 /* device, I, S: what the keys of a stream's events begin with */
#define ASIDE_EVENT_KEY  (ASIDE_STREAM_KEY + 8 + 32)
#define ASIDE_HEAD_KEY   22
#define ASIDE_HEAD_ROW   (8 + 8 + 8 + 8 + 8 + 32 + 8 + 8 + 8 + ROW_CHECK)

#define ASIDE_KEYS 0u /* no incarnation */

struct aside_row {
    uint64_t seq;
    struct event_id id;
    unsigned flags;
    struct signature signature;
    int64_t received_ms;
    struct bytes event; /* in the map */
};

void aside_key_stream(struct store_key *key, const struct device_id *device, uint32_t incarnation, uint32_t site);
void aside_key_event(struct store_key *key, const struct device_id *device, uint32_t incarnation, uint32_t site,
                     uint64_t seq, const struct event_id *id);
void aside_key_head(struct store_key *key, const struct device_id *device, uint32_t site, uint32_t incarnation);
bool aside_row_read(struct store_item item, struct aside_row *out);
/* Without the site's name; `site` is its number. */
bool aside_head_read(struct store_item item, struct aside_stream *out, uint32_t *site);
void aside_head_write(const struct aside_stream *stream, struct bytes key, uint8_t out[ASIDE_HEAD_ROW]);

/* Which event comes after `head` in a stream's rows: of several, the one with the longest history, then the one with
 * the lowest id. False: none. */
bool aside_next(struct store_txn *txn, const struct device_id *device, uint32_t incarnation, uint32_t site,
                uint64_t head_seq, const struct event_id *head_id, struct event_id *out);

#endif
