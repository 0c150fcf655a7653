/* SPDX-License-Identifier: Apache-2.0 */
/* The proof in a JOIN: who asks holds the signing key that the new device will be known by, and chose its other keys.
 */
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
