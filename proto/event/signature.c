/* SPDX-License-Identifier: Apache-2.0 */
/* What is signed: a purpose, then a fixed layout. */
#include "proto/event/signature.h"

#include <assert.h>
#include <sodium.h>

#include "proto/endian.h"

/* The longest message: purpose with NUL, site with NUL, device, incarnation, seq, id. */
#define SIGNED_MAX (24 + SLUG_MAX + 1 + 16 + 4 + 8 + 32)

struct signed_message {
    size_t len;
    uint8_t b[SIGNED_MAX];
};

static void add(struct signed_message *m, const void *data, size_t len)
{
    assert(len <= sizeof m->b - m->len);
    if (len > 0)
        memcpy(m->b + m->len, data, len);
    m->len += len;
}

static void add32(struct signed_message *m, uint32_t value)
{
    uint8_t number[4];
    put_be32(number, value);
    add(m, number, sizeof number);
}

static void add64(struct signed_message *m, uint64_t value)
{
    uint8_t number[8];
    put_be64(number, value);
    add(m, number, sizeof number);
}

static void start(struct signed_message *m, const char *purpose, struct bytes site)
{
    m->len = 0;
    add(m, purpose, strlen(purpose) + 1);
    add(m, site.data, site.len);
    add(m, "", 1);
}

static void stream_message(struct signed_message *m, const char *purpose, struct bytes site,
                           const struct device_id *device, uint32_t incarnation, uint64_t seq,
                           const struct event_id *id)
{
    start(m, purpose, site);
    add(m, device->b, sizeof device->b);
    add32(m, incarnation);
    add64(m, seq);
    add(m, id->b, sizeof id->b);
}

static void sign_message(const struct sign_secret *secret, const struct signed_message *m, struct signature *out)
{
    crypto_sign_detached(out->b, NULL, m->b, m->len, secret->b);
}

static bool verify_message(const struct sign_public *key, const struct signed_message *m, const struct signature *sig)
{
    return crypto_sign_verify_detached(sig->b, m->b, m->len, key->b) == 0;
}

#define STREAM_PURPOSE "felloe stream 1"
#define RECEIPT_PURPOSE "felloe receipt 1"

/* A device's signature over its stream and the hub's over a receipt differ in their purpose alone. */
static bool verify_purpose(const char *purpose, const struct sign_public *key, struct bytes site,
                           const struct device_id *device, uint32_t incarnation, uint64_t seq,
                           const struct event_id *id, const struct signature *sig)
{
    struct signed_message m;
    if (site.len > SLUG_MAX)
        return false;
    stream_message(&m, purpose, site, device, incarnation, seq, id);
    return verify_message(key, &m, sig);
}

void sign_stream(const struct sign_secret *secret, struct bytes site, const struct device_id *device,
                 uint32_t incarnation, uint64_t seq, const struct event_id *id, struct signature *out)
{
    struct signed_message m;
    stream_message(&m, STREAM_PURPOSE, site, device, incarnation, seq, id);
    sign_message(secret, &m, out);
}

bool verify_stream(const struct sign_public *key, struct bytes site, const struct device_id *device,
                   uint32_t incarnation, uint64_t seq, const struct event_id *id, const struct signature *sig)
{
    return verify_purpose(STREAM_PURPOSE, key, site, device, incarnation, seq, id, sig);
}

void sign_receipt(const struct sign_secret *secret, struct bytes site, const struct device_id *device,
                  uint32_t incarnation, uint64_t seq, const struct event_id *id, struct signature *out)
{
    struct signed_message m;
    stream_message(&m, RECEIPT_PURPOSE, site, device, incarnation, seq, id);
    sign_message(secret, &m, out);
}

bool verify_receipt(const struct sign_public *key, struct bytes site, const struct device_id *device,
                    uint32_t incarnation, uint64_t seq, const struct event_id *id, const struct signature *sig)
{
    return verify_purpose(RECEIPT_PURPOSE, key, site, device, incarnation, seq, id, sig);
}

static void head_message(struct signed_message *m, struct bytes site, const struct log_head *head)
{
    start(m, "felloe log head 1", site);
    add32(m, head->at.epoch);
    add64(m, head->at.n);
    add(m, head->hash.b, sizeof head->hash.b);
}

void sign_log_head(const struct sign_secret *secret, struct bytes site, const struct log_head *head,
                   struct signature *out)
{
    struct signed_message m;
    head_message(&m, site, head);
    sign_message(secret, &m, out);
}

bool verify_log_head(const struct sign_public *key, struct bytes site, const struct log_head *head,
                     const struct signature *sig)
{
    struct signed_message m;
    if (site.len > SLUG_MAX)
        return false;
    head_message(&m, site, head);
    return verify_message(key, &m, sig);
}
