/* SPDX-License-Identifier: Apache-2.0 */
/* The hub's terms: one array, the signature over it as its last element. */
#include "proto/event/terms.h"

#include <sodium.h>

#include "proto/mp.h"

#define PURPOSE        "felloe terms 2"
#define ELEMENTS       10
#define SIGNATURE_SIZE 66 /* with its msgpack header */
#define SIGNED_MAX     (sizeof PURPOSE + TERMS_SIZE_MAX)

/* Purpose with its NUL, then the array up to the signature's header. */
static size_t lay_out(struct bytes before, uint8_t out[SIGNED_MAX])
{
    memcpy(out, PURPOSE, sizeof PURPOSE);
    memcpy(out + sizeof PURPOSE, before.data, before.len);
    return sizeof PURPOSE + before.len;
}

static void put_key(struct buffer *out, bool there, const uint8_t key[32])
{
    if (there)
        mp_put_bin(out, key, 32);
    else
        mp_put_nil(out);
}

void terms_put(struct buffer *out, const struct terms *terms, const struct sign_secret *hub)
{
    uint8_t text[SIGNED_MAX];
    struct signature signature;
    size_t begin = out->len;
    mp_put_array(out, ELEMENTS);
    mp_put_bin(out, terms->device.b, sizeof terms->device.b);
    mp_put_bin(out, terms->challenge.b, sizeof terms->challenge.b);
    mp_put_uint(out, terms->lease_hours);
    put_key(out, terms->has_auditors, terms->auditors.b);
    put_key(out, true, terms->curve);
    put_key(out, true, terms->box.b);
    put_key(out, terms->renews, terms->next_curve);
    put_key(out, terms->renews, terms->next_box.b);
    mp_put_int(out, terms->renews ? terms->next_from_ms : 0);
    if (out->failed)
        return;
    size_t len = lay_out(bytes_of(out->data + begin, out->len - begin), text);
    crypto_sign_detached(signature.b, NULL, text, len, hub->b);
    mp_put_bin(out, signature.b, sizeof signature.b);
}

/* A key, or nil: false. */
static bool read_key(struct mp_reader *r, uint8_t out[32])
{
    if (mp_nil(r))
        return false;
    mp_fixed(r, out, 32);
    return true;
}

static bool read_elements(struct mp_reader *r, uint32_t count, struct terms *out)
{
    mp_fixed(r, out->device.b, sizeof out->device.b);
    mp_fixed(r, out->challenge.b, sizeof out->challenge.b);
    out->lease_hours = (uint32_t)mp_uint(r, LEASE_HOURS_MAX);
    out->has_auditors = read_key(r, out->auditors.b);
    mp_fixed(r, out->curve, sizeof out->curve);
    mp_fixed(r, out->box.b, sizeof out->box.b);
    bool has_curve = read_key(r, out->next_curve), has_box = read_key(r, out->next_box.b);
    out->renews = has_curve && has_box;
    out->next_from_ms = mp_int(r, 0, INT64_MAX);
    for (uint32_t i = ELEMENTS; i < count && !r->failed; i++)
        mp_skip(r); /* a later version's */
    return has_curve == has_box && out->renews == (out->next_from_ms > 0);
}

static bool read_signed(struct bytes object, const struct sign_public *hub, struct terms *out)
{
    static const uint8_t header[] = {0xc4, 0x40};
    uint8_t text[SIGNED_MAX];
    struct signature signature;
    struct mp_reader r MP_UNSET;
    if (object.len <= SIGNATURE_SIZE || object.len > TERMS_SIZE_MAX)
        return false;
    mp_reader_init(&r, object);
    if (!mp_next(&r))
        return false;
    uint32_t count = mp_array(&r, ELEMENTS, MP_TAPE_MAX);
    bool well_formed = read_elements(&r, count, out);
    mp_fixed(&r, signature.b, sizeof signature.b);
    struct bytes before = bytes_of(object.data, object.len - SIGNATURE_SIZE);
    if (!well_formed || !mp_done(&r) || memcmp(before.data + before.len, header, sizeof header) != 0)
        return false;
    return crypto_sign_verify_detached(signature.b, text, lay_out(before, text), hub->b) == 0;
}

bool terms_read(struct bytes object, const struct sign_public *hub, struct terms *out)
{
    *out = (struct terms){0};
    bool fine = read_signed(object, hub, out);
    if (!fine)
        *out = (struct terms){0};
    return fine;
}

bool terms_answer(const struct terms *terms, const struct device_id *device, const struct challenge *challenge)
{
    return device_id_equal(&terms->device, device) &&
           memcmp(&terms->challenge, challenge, sizeof terms->challenge) == 0;
}

bool terms_same(const struct terms *a, const struct terms *b)
{
    return a->lease_hours == b->lease_hours && a->has_auditors == b->has_auditors && a->renews == b->renews &&
           a->next_from_ms == b->next_from_ms && memcmp(&a->auditors, &b->auditors, sizeof a->auditors) == 0 &&
           memcmp(a->curve, b->curve, sizeof a->curve) == 0 && memcmp(&a->box, &b->box, sizeof a->box) == 0 &&
           memcmp(a->next_curve, b->next_curve, sizeof a->next_curve) == 0 &&
           memcmp(&a->next_box, &b->next_box, sizeof a->next_box) == 0;
}

static bool same_key(const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, 32) == 0;
}

const uint8_t *terms_other_curve(const struct terms *terms, const uint8_t pinned[32])
{
    const bool leads_on = terms->renews && !same_key(terms->next_curve, pinned);
    if (same_key(terms->curve, pinned))
        return leads_on ? terms->next_curve : NULL;
    return terms->renews && !leads_on ? NULL : terms->curve;
}
