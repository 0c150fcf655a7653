/* SPDX-License-Identifier: Apache-2.0 */
/* The proofs in a JOIN and in a REKEY: who asks holds the signing key that the device is, or will be, known by, and
 * chose its other keys. */
#include <sodium.h>

#include "proto/sync/message.h"

#define PURPOSE   "felloe join 1"
#define PROOF_MAX (sizeof PURPOSE + 32 + 32 + LABEL_MAX)

/* Lays out what is signed; returns its length, 0 when the label is too long. */
static size_t lay_out(const struct msg_join *join, uint8_t out[PROOF_MAX])
{
    size_t at = sizeof PURPOSE; /* with its NUL */
    if (join->label.len > LABEL_MAX)
        return 0;
    memcpy(out, PURPOSE, sizeof PURPOSE);
    memcpy(out + at, join->box.b, sizeof join->box.b);
    at += sizeof join->box.b;
    memcpy(out + at, join->curve, sizeof join->curve);
    at += sizeof join->curve;
    if (join->label.len > 0)
        memcpy(out + at, join->label.data, join->label.len);
    return at + join->label.len;
}

void join_sign(const struct sign_secret *secret, struct msg_join *join)
{
    uint8_t text[PROOF_MAX];
    size_t len = lay_out(join, text);
    crypto_sign_detached(join->proof.b, NULL, text, len, secret->b);
}

bool join_verify(const struct msg_join *join)
{
    uint8_t text[PROOF_MAX];
    size_t len = lay_out(join, text);
    return len > 0 && crypto_sign_verify_detached(join->proof.b, text, len, join->sign.b) == 0;
}

/* ---- REKEY ---- */

#define REKEY_PURPOSE "felloe rekey 1"
#define REKEY_SIZE    (sizeof REKEY_PURPOSE + 3 * 32)

static void lay_out_rekey(const struct sign_public *hub, const struct msg_rekey *rekey, uint8_t out[REKEY_SIZE])
{
    memcpy(out, REKEY_PURPOSE, sizeof REKEY_PURPOSE);
    memcpy(out + sizeof REKEY_PURPOSE, hub->b, 32);
    memcpy(out + sizeof REKEY_PURPOSE + 32, rekey->box.b, 32);
    memcpy(out + sizeof REKEY_PURPOSE + 64, rekey->curve, 32);
}

void rekey_sign(const struct sign_secret *secret, const struct sign_public *hub, struct msg_rekey *rekey)
{
    uint8_t text[REKEY_SIZE];
    lay_out_rekey(hub, rekey, text);
    crypto_sign_detached(rekey->proof.b, NULL, text, sizeof text, secret->b);
}

bool rekey_verify(const struct sign_public *device, const struct sign_public *hub, const struct msg_rekey *rekey)
{
    uint8_t text[REKEY_SIZE];
    lay_out_rekey(hub, rekey, text);
    return crypto_sign_verify_detached(rekey->proof.b, text, sizeof text, device->b) == 0;
}
