/* SPDX-License-Identifier: Apache-2.0 */
/* Looks: who opened whose record, when, from which device. They are events of the reserved site `audit`, which a laptop
 * writes and uploads like any other, and which nobody downloads. Only the holder of the hub's auditors' secret reads
 * them: not the device that wrote them, nor the hub that keeps them.
 *
 *   audit.key      sealed with the envelope key, which everybody knows: a run's key, sealed for the auditors. It comes
 *                  before the first event under that key. Fields:
 *                    id (bin 16)    the key's id          for (bin 32)  the auditors' X25519 public key
 *                    once (bin 32)  public half of a pair made for this one key; its secret half is forgotten at once
 *                    key (bin 72)   nonce(24) | XChaCha20-Poly1305 of the 32 key bytes under the shared secret of the
 *                                   two (crypto_box_beforenm); associated data: "felloe audit key 1" NUL id for once
 *   record.opened  sealed with a run's key; subject nil, worker: who looked. Fields:
 *                    how (str)      show, view, search, log, export, news, record, audit …
 *                    what (str)     the view's name, where there is one
 *                    people (array of bin 16), at most LOOK_PEOPLE_MAX    uid (uint), user (str): the system's user
 *   audit.again    sealed with the envelope key: an event that was written as an earlier incarnation and that the hub
 *                  may lack. Fields: event (bin), its bytes
 *
 * The envelope key keeps nothing secret: what it seals is sealed already. */
#ifndef FELLOE_PROTO_LOOK_H
#define FELLOE_PROTO_LOOK_H

#include "proto/event/event.h"
#include "proto/event/key_record.h"

#define AUDIT_SITE "audit"
#define LOOK_KEY_TYPE "audit.key"
#define LOOK_TYPE "record.opened"
#define LOOK_AGAIN_TYPE "audit.again"
/* An event names at most so many people; whoever is shown more writes more events. */
#define LOOK_PEOPLE_MAX 256u
#define LOOK_TEXT_MAX 64u
/* Of audit.again: an event that is longer is none of ours. */
#define LOOK_AGAIN_MAX 60000u

static inline bool site_is_audit(struct bytes site)
{
    return bytes_is(site, AUDIT_SITE);
}

/* A run's key, or the envelope key. */
struct look_key {
    struct key_id id;
    struct data_key key;
};
void look_envelope_key(struct look_key *out);

/* The fields of an audit.key. `once` is the secret half of a fresh pair, `nonce` fresh and random. False when one of
 * the public keys is none. */
bool look_key_put(struct buffer *out, const struct look_key *key, const struct box_public *auditors,
                  const struct box_secret *once, const uint8_t nonce[BOX_NONCE_SIZE]);
/* False when the fields are malformed. `out` gets the names, and `auditors` whom it is for; `opened` whether it could
 * be opened with this secret (NULL: none at hand). */
bool look_key_read(struct bytes fields, const struct box_secret *secret, struct look_key *out,
                   struct box_public *auditors, bool *opened);

struct look {
    struct bytes how, what, user;
    uint64_t uid;
    const struct person_id *people; /* to be written */
    size_t count;
};
/* At most LOOK_PEOPLE_MAX people; texts are cut to LOOK_TEXT_MAX bytes. */
void look_put(struct buffer *out, const struct look *look);
/* False when malformed; the people are copied out. */
bool look_read(struct bytes fields, struct look *out, struct person_id people[LOOK_PEOPLE_MAX]);

void look_again_put(struct buffer *out, struct bytes event);
bool look_again_read(struct bytes fields, struct bytes *event);

#endif
