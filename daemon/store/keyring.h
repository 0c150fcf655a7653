/* SPDX-License-Identifier: Apache-2.0 */
/* The data keys, wrapped under the identity's keyring key, in a small LMDB environment of their own (D/keys), so that
 * backups of the log do not bring an erased key back. Safe to use from any thread; the log's writer alone writes. */
#ifndef FELLOE_DAEMON_KEYRING_H
#define FELLOE_DAEMON_KEYRING_H

#include "felloe/error.h"
#include "proto/event/key_record.h"

struct identity;
struct keyring;

/* The keyring key has two halves: the first wraps ordinary data keys, the second those of restricted audiences (kinds
 * 3 and 4). A second half of zeros: this session is a second worker's on somebody's laptop, without restricted keys. */
#define KEYRING_KEY_SIZE  64
#define KEYRING_HALF_SIZE 32

/* `keyring_key` NULL: locked. Then no key can be had or added, and all else goes on: what is here, what is erased, what
 * comes and what goes out as it is wrapped for the pair (`in` and `out`, below). */
enum felloe_code keyring_open(struct keyring **out, const char *dir, const uint8_t *keyring_key,
                              struct felloe_error *error);
/* Can keys of this kind be opened and added now? */
bool keyring_opens(const struct keyring *keyring, enum key_kind kind);
void keyring_close(struct keyring *keyring);

/* Adds those that are not there yet, durable on return. A record whose id is there with other bytes is refused
 * (FELLOE_DAMAGED); a person's key may be used in several sites (record.site says where it was made). */
enum felloe_code keyring_add(struct keyring *keyring, const struct key_record *records, size_t count,
                             struct felloe_error *error);

/* What could not be read (there was no memory, say, or no room for one more reader) is not "not there": a call says
 * FELLOE_STORAGE (no message; keyring_unread has one), and one that answers yes or no says false and sets `unread`,
 * which nothing clears. It is NULL only where a false "no" does no harm. */
enum felloe_code keyring_unread(struct felloe_error *error);
/* Of what keyring_get and its like say: it was read, there or not. */
static inline bool keyring_was_read(enum felloe_code code)
{
    return code == FELLOE_OK || code == FELLOE_NOT_FOUND || code == FELLOE_DAMAGED;
}

/* FELLOE_NOT_FOUND (no message) when it is not there, or cannot be opened in this session; FELLOE_DAMAGED. */
enum felloe_code keyring_get(struct keyring *keyring, const struct key_id *id, struct key_record *out);
/* Would keyring_get give it? Opens nothing. */
bool keyring_has(struct keyring *keyring, const struct key_id *id, bool *unread);
/* Is it here in any form, so that it need not be asked for: to be had, of another session's, or waiting in `in`? */
bool keyring_holds(struct keyring *keyring, const struct key_id *id, bool *unread);
/* The key that seals what is about no person in a site: the first that came, which none after it replaces.
 * FELLOE_NOT_FOUND (no message): none. */
enum felloe_code keyring_site_key(struct keyring *keyring, struct bytes site, struct key_record *out);
/* The key that seals, for just the members of `like`, what is about its owner in its site: the first that came.
 * FELLOE_NOT_FOUND (no message): none. */
enum felloe_code keyring_audience_key(struct keyring *keyring, const struct key_record *like, struct key_record *out);
/* Of keys that were made on this laptop: with each its record wrapped for the hub (empty: none), so that the laptop can
 * bring it along when it is locked. In the same commit as keyring_add's. */
enum felloe_code keyring_add_made(struct keyring *keyring, const struct key_record *records, const struct bytes *out,
                                  size_t count, struct felloe_error *error);
/* Puts, or puts anew, the record of one that is here; of others nothing is kept. */
enum felloe_code keyring_put_out(struct keyring *keyring, const struct key_id *id, struct bytes record,
                                 struct felloe_error *error);
/* When the pair's keys have changed, the laptop's or the hub's, those that this session can open are wrapped for the
 * present ones: the hub opens what is for the pair of before, and no older. Before the log is opened, like
 * keyring_take_in; nothing while the identity is locked. `wrapped`: how many. */
enum felloe_code keyring_wrap_anew(struct keyring *keyring, const struct identity *me, size_t *wrapped,
                                   struct felloe_error *error);
/* Appends that record. False: there is none, or it cannot be read now: whoever lacks the key asks again. */
bool keyring_get_out(struct keyring *keyring, const struct key_id *id, struct buffer *out);

/* Key records as they came, of keys that cannot be opened in this session. One that is malformed, erased or here is
 * left out, and so is what would be more than KEYRING_IN_MAX: whoever needs it asks for it again. Durable on return. */
#define KEYRING_IN_MAX 10000u
enum felloe_code keyring_put_in(struct keyring *keyring, const struct bytes *records, size_t count,
                                struct felloe_error *error);
/* False: `visit` returned false, which ends it, or it could not be read. Nothing of this keyring may be changed from
 * within. */
bool keyring_visit_in(struct keyring *keyring,
                      bool (*visit)(void *context, const struct key_id *id, struct bytes record), void *context);
enum felloe_code keyring_drop_in(struct keyring *keyring, const struct key_id *ids, size_t count,
                                 struct felloe_error *error);
/* Adds what of it can be opened now, and takes out what this identity can never open. Before the log is opened: its
 * writer alone writes afterwards. */
enum felloe_code keyring_take_in(struct keyring *keyring, const struct identity *identity, size_t *taken,
                                 struct felloe_error *error);

/* A commit of it has failed: nothing more is added until it is opened again. (A full disk is no such failure.) */
bool keyring_failed(struct keyring *keyring);
/* While nothing is written: as store_rest. */
enum felloe_code keyring_rest(struct keyring *keyring, struct felloe_error *error);

/* Destroys keys, with a person's own also all others that are theirs, and lists them as erased: they are never
 * added again, whoever brings them, and whatever backup is put back; nor is another key of that person. Those
 * that are not here are listed too. Durable on return, and then nothing of them is left in the file: LMDB
 * would keep a deleted row's bytes until their page is used again, so the file is written anew, without free pages, and
 * what was in its place is overwritten; so are keyrings that were put aside beside it (D/keys.damaged-1, …), which go.
 * Where that fails (a full disk: FELLOE_STORAGE), the keys are erased all the
 * same, and the file is written anew at the next erasure or start. */
enum felloe_code keyring_erase(struct keyring *keyring, const struct key_id *ids, size_t count,
                               struct felloe_error *error);
bool keyring_erased(struct keyring *keyring, const struct key_id *id, bool *unread);
/* Is this key (its id, kind and owner) one of somebody who was erased, whether or not it ever was here? */
bool keyring_erased_owner(struct keyring *keyring, const struct key_record *record, bool *unread);
/* The same, of keys that this device needs no more (their person moved to another team): nothing is left of them in the
 * file, but when one comes again it is taken. Keyrings that were put aside stay: they may be needed for other keys. */
enum felloe_code keyring_put_away(struct keyring *keyring, const struct key_id *ids, size_t count,
                                  struct felloe_error *error);
/* What a laptop can bring a hub that lacks a restricted key of somebody who was erased: a record that says whose it
 * was, with zeros for the key. A hub that has erased them takes none, and lists it, so that nobody is asked for it
 * again. False: nothing is known of it, or can be read now. */
bool keyring_stone(struct keyring *keyring, const struct key_id *id, struct key_record *out);
/* Was it put away, and has not come since? */
bool keyring_away(struct keyring *keyring, const struct key_id *id, bool *unread);

/* What must outlive the log: which sites there are (those with a site key; index from 0, false past the last), and at
 * a hub its devices, as rows of the log's table (log_admin.c), so that a hub whose log is gone still knows its laptops.
 */
bool keyring_site_at(struct keyring *keyring, size_t index, char site[SLUG_MAX + 1], bool *unread);
enum felloe_code keyring_put_device(struct keyring *keyring, const struct device_id *device, struct bytes row,
                                    struct felloe_error *error);
/* False when there is none, or `visit` returned false. The row is valid for the call. */
bool keyring_devices(struct keyring *keyring,
                     bool (*visit)(void *context, const struct device_id *device, struct bytes row), void *context,
                     bool *unread);
size_t keyring_count(struct keyring *keyring);

/* All keys, and the names of all erased ones, in no order that means anything. False: one that is here cannot be
 * opened (the others are visited all the same), they could not be read (on), or `visit` returned false, which ends it.
 * Nothing of this keyring may be changed from within. */
bool keyring_visit(struct keyring *keyring, bool (*visit)(void *context, const struct key_record *record),
                   void *context);
bool keyring_visit_erased(struct keyring *keyring, bool (*visit)(void *context, const struct key_id *id),
                          void *context);
/* store_copy of it, to a file: while it runs no key can be erased. */
enum felloe_code keyring_copy(struct keyring *keyring, int descriptor, struct felloe_error *error);

#endif
