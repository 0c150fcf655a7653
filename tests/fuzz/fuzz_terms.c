/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the hub's terms. The first byte says how to take the rest: even, as the whole object; odd, as the array up to
 * its signature, which the hub then puts there. What is accepted is written again and read as the same. */
#include "tests/fuzz/fuzz.h"

#include <sodium.h>

#include "proto/event/terms.h"
#include "proto/mp.h"

unsigned long fuzz_accepted;

static struct sign_public hub;
static struct sign_secret secret;

static void the_hub(void)
{
    static const uint8_t seed[32] = {7};
    crypto_sign_seed_keypair(hub.b, secret.b, seed);
}

bool fuzz_seed(unsigned number, struct buffer *out)
{
    if (number >= 4)
        return false;
    the_hub();
    const struct terms terms = {.device = {{6}},
                                .challenge = {{7}},
                                .lease_hours = 72,
                                .has_auditors = number % 2 != 0,
                                .auditors = {{1}},
                                .curve = {2},
                                .box = {{3}},
                                .renews = number % 2 != 0,
                                .next_curve = {4},
                                .next_box = {{5}},
                                .next_from_ms = 1768435200000};
    buffer_append_byte(out, (uint8_t)(number / 2));
    terms_put(out, &terms, &secret);
    if (number >= 2)
        out->len -= 66;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buffer in = {0}, text = {0}, again = {0};
    struct terms terms, second;
    if (size == 0)
        return 0;
    the_hub();
    buffer_append(&in, data + 1, size - 1);
    if (data[0] & 1) {
        struct signature signature;
        buffer_append(&text, "felloe terms 2", 15);
        buffer_append(&text, data + 1, size - 1);
        crypto_sign_detached(signature.b, NULL, text.data, text.len, secret.b);
        mp_put_bin(&in, signature.b, sizeof signature.b);
    }
    if (terms_read(buffer_bytes(&in), &hub, &terms)) {
        MUST(terms.lease_hours <= LEASE_HOURS_MAX && terms.renews == (terms.next_from_ms > 0));
        terms_put(&again, &terms, &secret);
        MUST(!again.failed && again.len <= TERMS_SIZE_MAX);
        MUST(terms_read(buffer_bytes(&again), &hub, &second));
        MUST(terms_same(&terms, &second) && terms_answer(&second, &terms.device, &terms.challenge));
        fuzz_accepted++;
    }
    buffer_release(&in);
    buffer_release(&text);
    buffer_release(&again);
    return 0;
}
