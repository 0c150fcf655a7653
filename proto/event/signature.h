/* SPDX-License-Identifier: Apache-2.0 */
/* What is signed, and how: Ed25519 over a purpose and a fixed layout, so that no signature can be taken for another. */
#ifndef FELLOE_PROTO_SIGNATURE_H
#define FELLOE_PROTO_SIGNATURE_H

#include "proto/event/chain.h"

struct sign_public { uint8_t b[32]; };
struct sign_secret { uint8_t b[64]; }; /* libsodium's form: seed and public key */
struct signature { uint8_t b[64]; };

/* By a device, over its stream's last event: it vouches for that event and, by the chain, all before it.
 * Message: "felloe stream 1" NUL site NUL device(16) incarnation(4) seq(8) id(32); integers big-endian. */
void sign_stream(const struct sign_secret *secret, struct bytes site, const struct device_id *device,
                 uint32_t incarnation, uint64_t seq, const struct event_id *id, struct signature *out);
bool verify_stream(const struct sign_public *key, struct bytes site, const struct device_id *device,
                   uint32_t incarnation, uint64_t seq, const struct event_id *id, const struct signature *sig);

/* By the hub: it holds durably this stream up to (seq, id).
 * Message: "felloe receipt 1" NUL, then as above. */
void sign_receipt(const struct sign_secret *secret, struct bytes site, const struct device_id *device,
                  uint32_t incarnation, uint64_t seq, const struct event_id *id, struct signature *out);
bool verify_receipt(const struct sign_public *key, struct bytes site, const struct device_id *device,
                    uint32_t incarnation, uint64_t seq, const struct event_id *id, const struct signature *sig);

/* By the hub: the site's log has this hash at this position.
 * Message: "felloe log head 1" NUL site NUL epoch(4) n(8) hash(32). */
void sign_log_head(const struct sign_secret *secret, struct bytes site, const struct log_head *head,
                   struct signature *out);
bool verify_log_head(const struct sign_public *key, struct bytes site, const struct log_head *head,
                     const struct signature *sig);

#endif
