/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures are the known answers, hold for exactly what was signed, and are not taken for one another. */
#include <sodium.h>

#include "proto/event/signature.h"
#include "tests/unit/given.h"

struct signer {
    struct sign_public public;
    struct sign_secret secret;
};

static struct signer signer(const char *seed_hex)
{
    uint8_t seed[32];
    struct signer s;
    given_hex(seed_hex, seed, sizeof seed);
    crypto_sign_seed_keypair(s.public.b, s.secret.b, seed);
    return s;
}

/* What is said of a stream. */
struct said {
    struct bytes site;
    struct device_id device;
    uint32_t incarnation;
    uint64_t seq;
    struct event_id id;
};

static struct said known(void)
{
    struct said s = {.site = bytes_str(VECTOR_SITE), .incarnation = 1, .seq = 2};
    given_hex(VECTOR_DEVICE, s.device.b, sizeof s.device.b);
    given_hex(VECTOR_ID_2, s.id.b, sizeof s.id.b);
    return s;
}

static bool stream_holds(const struct sign_public *key, const struct said *s, const struct signature *sig)
{
    return verify_stream(key, s->site, &s->device, s->incarnation, s->seq, &s->id, sig);
}

static bool receipt_holds(const struct sign_public *key, const struct said *s, const struct signature *sig)
{
    return verify_receipt(key, s->site, &s->device, s->incarnation, s->seq, &s->id, sig);
}

static void keys_and_ids_are_the_known_answers(void **state)
{
    (void)state;
    struct signer device = signer(VECTOR_DEVICE_SEED), hub = signer(VECTOR_HUB_SEED);
    struct event_id hash;
    assert_hex(bytes_of(device.public.b, 32), VECTOR_DEVICE_SIGN);
    assert_hex(bytes_of(hub.public.b, 32), VECTOR_HUB_SIGN);
    event_id_of(bytes_of(device.public.b, 32), &hash); /* BLAKE2b-256 */
    assert_hex(bytes_of(hash.b, 16), VECTOR_DEVICE);
}

static void signatures_are_the_known_answers(void **state)
{
    (void)state;
    struct signer device = signer(VECTOR_DEVICE_SEED), hub = signer(VECTOR_HUB_SEED);
    struct said s = known();
    struct signature sig;
    struct log_head head = {.at = {1, 2}};
    given_hex(VECTOR_LOG_2, head.hash.b, 32);
    sign_stream(&device.secret, s.site, &s.device, s.incarnation, s.seq, &s.id, &sig);
    assert_hex(bytes_of(sig.b, 64), VECTOR_SIGN_STREAM);
    assert_true(stream_holds(&device.public, &s, &sig));
    sign_receipt(&hub.secret, s.site, &s.device, s.incarnation, s.seq, &s.id, &sig);
    assert_hex(bytes_of(sig.b, 64), VECTOR_SIGN_RECEIPT);
    assert_true(receipt_holds(&hub.public, &s, &sig));
    sign_log_head(&hub.secret, s.site, &head, &sig);
    assert_hex(bytes_of(sig.b, 64), VECTOR_SIGN_LOG_HEAD);
    assert_true(verify_log_head(&hub.public, s.site, &head, &sig));
}

static void a_signature_holds_for_what_was_signed_alone(void **state)
{
    (void)state;
    struct signer device = signer(VECTOR_DEVICE_SEED), other = signer(VECTOR_HUB_SEED);
    const struct said s = known();
    struct signature stream, receipt;
    sign_stream(&device.secret, s.site, &s.device, s.incarnation, s.seq, &s.id, &stream);
    sign_receipt(&device.secret, s.site, &s.device, s.incarnation, s.seq, &s.id, &receipt);
    struct said changed[7];
    for (size_t i = 0; i < 7; i++)
        changed[i] = s;
    changed[0].site = bytes_str("dale-eas");
    changed[1].site = bytes_str("abcdefghijklmnopqrstuvwxyz0123456"); /* longer than a site can be */
    changed[2].device.b[0] ^= 1;
    changed[3].incarnation++;
    changed[4].seq++;
    changed[5].seq = s.seq << 32;
    changed[6].id.b[31] ^= 0x80;
    for (size_t i = 0; i < 7; i++) {
        assert_false(stream_holds(&device.public, &changed[i], &stream));
        assert_false(receipt_holds(&device.public, &changed[i], &receipt));
    }
    assert_false(stream_holds(&other.public, &s, &stream));
    assert_false(receipt_holds(&other.public, &s, &receipt));
    assert_false(stream_holds(&device.public, &s, &receipt)); /* one purpose is not another */
    assert_false(receipt_holds(&device.public, &s, &stream));
    for (size_t bit = 0; bit < 512; bit++) {
        struct signature bent = stream;
        bent.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(stream_holds(&device.public, &s, &bent));
    }
    const struct signature none = {{0}};
    assert_false(stream_holds(&device.public, &s, &none));
    const struct sign_public nobody = {{0}};
    assert_false(stream_holds(&nobody, &s, &none));
}

static void a_log_head_s_signature_holds_for_it_alone(void **state)
{
    (void)state;
    struct signer hub = signer(VECTOR_HUB_SEED);
    struct bytes site = bytes_str(VECTOR_SITE);
    const struct log_head head = {.at = {1, 2}, .hash = {{7}}};
    struct log_head changed[3] = {head, head, head};
    struct signature sig;
    sign_log_head(&hub.secret, site, &head, &sig);
    assert_true(verify_log_head(&hub.public, site, &head, &sig));
    changed[0].at.epoch++;
    changed[1].at.n++;
    changed[2].hash.b[0] ^= 1;
    for (size_t i = 0; i < 3; i++)
        assert_false(verify_log_head(&hub.public, site, &changed[i], &sig));
    assert_false(verify_log_head(&hub.public, bytes_str("dale"), &head, &sig));
    assert_false(verify_log_head(&hub.public, bytes_str("abcdefghijklmnopqrstuvwxyz0123456"), &head, &sig));
}

static void a_site_that_is_no_site_has_no_signature(void **state)
{
    (void)state;
    struct signer hub = signer(VECTOR_HUB_SEED);
    struct said s = known();
    const struct signature sig = {{1}};
    const struct log_head head = {.at = {1, 2}};
    static const uint8_t long_site[500] = {'a'};
    s.site = bytes_of(long_site, sizeof long_site); /* larger than any message that is signed */
    assert_false(stream_holds(&hub.public, &s, &sig));
    assert_false(receipt_holds(&hub.public, &s, &sig));
    assert_false(verify_log_head(&hub.public, s.site, &head, &sig));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_and_ids_are_the_known_answers),
        cmocka_unit_test(signatures_are_the_known_answers),
        cmocka_unit_test(a_signature_holds_for_what_was_signed_alone),
        cmocka_unit_test(a_log_head_s_signature_holds_for_it_alone),
        cmocka_unit_test(a_site_that_is_no_site_has_no_signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
