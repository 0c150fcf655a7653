/* SPDX-License-Identifier: Apache-2.0 */
/* D/rekey: the connection's keys and the public box key of before and of after, while this device's keys change and
 * until they change again; the box secrets are in the vault. Written before anybody is asked or told, and never
 * changed: which of the two is in use is what D/identity says. Mode 0600. */
#ifndef FELLOE_DAEMON_REKEY_FILE_H
#define FELLOE_DAEMON_REKEY_FILE_H

#include "daemon/store/identity.h"

struct rekey_keys {
    uint8_t curve_public[32], curve_secret[32];
    struct box_public box;
};
struct rekey_file {
    struct rekey_keys old, fresh;
    int64_t from_ms; /* a hub: when the fresh ones take the place of the old ones; a laptop: 0 */
};

/* Fresh ones for an identity that is not locked: its box_next too, which is not saved anywhere yet. */
void rekey_make(struct rekey_file *out, struct identity *me, int64_t from_ms);
/* FELLOE_NOT_FOUND when there is none; when it does not belong to this identity, too: then it is of no use. */
enum felloe_code rekey_load(struct rekey_file *out, const char *dir, const struct identity *me,
                            struct felloe_error *error);
enum felloe_code rekey_save(const struct rekey_file *file, const char *dir, struct felloe_error *error);
/* Does the identity have the fresh ones? */
bool rekey_is_done(const struct rekey_file *file, const struct identity *me);
/* The identity gets the fresh ones, and is saved: that is the step. Its vault follows, when it is not locked; a vault
 * that stays behind is understood. */
enum felloe_code rekey_turn(const struct rekey_file *file, const char *dir, struct identity *me,
                            struct felloe_error *error);
/* The vault gets the identity's box secrets. */
enum felloe_code rekey_seal_boxes(const char *dir, const struct identity *me, struct felloe_error *error);

#endif
